/** Puts the word that a mailbox fills up into it, once a day at most, however full it is. */
import { insertMessage } from "#mailbox/tx/insert.ts";
import type { InsertMessage } from "#mailbox/tx/insert.ts";
import { procedure } from "#store/api.ts";
import { get, run } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

/** A little less than a day, so that whoever looks at the same hour each day tells each day. */
export const toldAgainMs = 23 * 3_600_000;

/** When the owner was told last, UTC milliseconds; 0 for never. */
export function* readToldMs(mailboxId: number): Work<number> {
  const row = yield* get<{ told: number }>(
    "SELECT quota_told_ms AS told FROM mailbox WHERE mailbox_id = $1", mailboxId);
  return row?.told ?? 0;
}

export const insertQuotaWarning = procedure({
  name: "mailbox.insertQuotaWarning",
  prepare: (args: { level: number; message: InsertMessage }, io) => insertMessage.prepare!(args.message, io),
  *run(tx, args: { level: number; message: InsertMessage }, parsed): Work<boolean> {
    if (tx.nowMs - (yield* readToldMs(tx.scope)) < toldAgainMs) return false;
    yield* insertMessage.run(tx, args.message, parsed);
    yield* run("UPDATE mailbox SET quota_told_ms = $2, quota_told_level = $3 WHERE mailbox_id = $1",
      tx.scope, tx.nowMs, args.level);
    return true;
  },
});
