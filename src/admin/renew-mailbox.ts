/**
 * After a restore a mailbox is older than what its clients remember. Everything in it is stamped as changed just now,
 * with numbers well above any given out before, and every folder gets a new UIDVALIDITY, so that no client takes a
 * new message for one it has seen.
 */
import { procedure } from "#store/api.ts";
import { all, get, run } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

/** More changes, and more new objects, than one mailbox sees between a backup and its restore. */
const changesSkipped = 1_000_000_000;
const objectsSkipped = 10_000_000;

export const renewMailbox = procedure({
  name: "admin.renewMailbox",
  *run(tx): Work<void> {
    const mailboxId = tx.scope;
    const row = yield* get<{ cn: number; validity: number }>(
      `UPDATE mailbox SET cn = cn + $2, next_counter = next_counter + $3,
         next_uid_validity = CASE WHEN next_uid_validity < $4 THEN $4 ELSE next_uid_validity + 1 END
       WHERE mailbox_id = $1 RETURNING cn, next_uid_validity AS validity`,
      mailboxId, changesSkipped, objectsSkipped, Math.floor(tx.nowMs / 1000));
    if (row === undefined) return;
    yield* run("UPDATE message SET cn = $2, read_cn = $2, mod_seq = $2 WHERE mailbox_id = $1", mailboxId, row.cn);
    let validity = row.validity;
    for (const folder of yield* all<{ folder_id: number }>(
      "SELECT folder_id FROM folder WHERE mailbox_id = $1 ORDER BY folder_id", mailboxId)) {
      yield* run(
        "UPDATE folder SET cn = $3, highest_cn = $3, uid_validity = $4 WHERE mailbox_id = $1 AND folder_id = $2",
        mailboxId, folder.folder_id, row.cn, validity++);
    }
    yield* run("UPDATE mailbox SET next_uid_validity = $2 WHERE mailbox_id = $1", mailboxId, validity);
  },
});
