/** Ids that clients were given in advance, for what they make away from the server. [MS-OXCFXICS] 3.2.5.9.4.7 */
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { takeCn, tombstoneKinds } from "#mailbox/tx/counters.ts";
import { procedure } from "#store/api.ts";
import { all, get, run } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

export type IdState = "there" | "removed" | "free";

/** Whether a message has this id, had it (or a folder did, or nothing may), or may have it. */
export function* idState(mailboxId: number, objectId: number): Work<IdState> {
  const there = yield* get("SELECT 1 AS found FROM message WHERE mailbox_id = $1 AND message_id = $2",
    mailboxId, objectId);
  if (there !== undefined) return "there";
  const mark = yield* get(
    "SELECT 1 AS found FROM tombstone WHERE mailbox_id = $1 AND object_id = $2 AND kind IN (1, 2, 3)",
    mailboxId, objectId);
  if (mark !== undefined) return "removed";
  const unused = yield* get(
    `SELECT 1 AS found FROM tombstone
     WHERE mailbox_id = $1 AND kind = $2 AND object_id <= $3 AND object_id + uid > $3 LIMIT 1`,
    mailboxId, tombstoneKinds.unused, objectId);
  return unused === undefined ? "free" : "removed";
}

function* nextCounter(mailboxId: number): Work<number> {
  const row = yield* get<{ next: number }>("SELECT next_counter AS next FROM mailbox WHERE mailbox_id = $1", mailboxId);
  return row?.next ?? 0;
}

/** Fault `notAllowed` for an id that was not set aside, or is taken. */
export function* requireReserved(mailboxId: number, objectId: number): Work<void> {
  const folder = yield* get("SELECT 1 AS found FROM folder WHERE mailbox_id = $1 AND folder_id = $2",
    mailboxId, objectId);
  const isTaken = folder !== undefined || (yield* idState(mailboxId, objectId)) !== "free";
  if (isTaken || objectId < 1 || objectId >= (yield* nextCounter(mailboxId))) {
    throw new Fault("notAllowed", "This id was not set aside for a new object.");
  }
}

/** Ids from `low` to `high`, both of them. */
export interface IdRange {
  readonly low: number;
  readonly high: number;
}

/** Without the ids that something has: those are not given up while it is there. */
function* freeParts(mailboxId: number, { low, high }: IdRange): Work<IdRange[]> {
  const live = yield* all<{ id: number }>(
    `SELECT message_id AS id FROM message WHERE mailbox_id = $1 AND message_id BETWEEN $2 AND $3
     UNION ALL SELECT folder_id AS id FROM folder WHERE mailbox_id = $1 AND folder_id BETWEEN $2 AND $3
     ORDER BY id LIMIT $4`, mailboxId, low, high, limits.unusedIdRangesMax);
  if (live.length === limits.unusedIdRangesMax) throw new Fault("tooMany", "Too many of these ids are in use.");
  const parts: IdRange[] = [];
  let from = low;
  for (const { id } of live) {
    if (id > from) parts.push({ low: from, high: id - 1 });
    from = id + 1;
  }
  if (from <= high) parts.push({ low: from, high });
  return parts;
}

/**
 * Ids that are never to be used: what is imported under one of them later was deleted. Fault `invalidArgument` for ids
 * that were never given out. [MS-OXCFXICS] 3.2.5.9.4.5, 3.2.5.9.4.8
 */
export const giveUpIds = procedure({
  name: "mailbox.giveUpIds",
  *run(tx, args: { readonly folderId: number; readonly ranges: readonly IdRange[] }): Work<number> {
    const next = yield* nextCounter(tx.scope);
    const parts: IdRange[] = [];
    const kept = yield* get<{ n: number }>(
      "SELECT COUNT(*) AS n FROM tombstone WHERE mailbox_id = $1 AND kind = $2", tx.scope, tombstoneKinds.unused);
    for (const { low, high } of args.ranges) {
      if (low < 1 || high < low || high >= next) {
        throw new Fault("invalidArgument", "Only ids that were given out can be given up.");
      }
      for (const part of yield* freeParts(tx.scope, { low, high })) parts.push(part);
      if (kept!.n + parts.length > limits.unusedIdRangesMax) {
        throw new Fault("tooMany", `A mailbox keeps at most ${limits.unusedIdRangesMax} ranges of ids given up.`);
      }
    }
    const cn = yield* takeCn(tx.scope);
    for (const { low, high } of parts) {
      yield* run(
        `INSERT INTO tombstone (mailbox_id, kind, object_id, folder_id, uid, cn) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (mailbox_id, kind, object_id)
         DO UPDATE SET uid = CASE WHEN tombstone.uid < excluded.uid THEN excluded.uid ELSE tombstone.uid END`,
        tx.scope, tombstoneKinds.unused, low, args.folderId, high - low + 1, cn);
    }
    return cn;
  },
});
