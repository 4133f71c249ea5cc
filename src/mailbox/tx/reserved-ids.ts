/** Ids that clients were given in advance, for what they make away from the server. [MS-OXCFXICS] 3.2.5.9.4.7 */
import { Fault } from "#base/fault.ts";
import { get } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

export type IdState = "there" | "removed" | "free";

/** Whether a message has this id, had it, or may have it: ids that were never set aside are nobody's. */
export function* idState(mailboxId: number, objectId: number): Work<IdState> {
  const there = yield* get("SELECT 1 AS found FROM message WHERE mailbox_id = $1 AND message_id = $2",
    mailboxId, objectId);
  if (there !== undefined) return "there";
  const mark = yield* get(
    "SELECT 1 AS found FROM tombstone WHERE mailbox_id = $1 AND object_id = $2 AND kind IN (1, 3)",
    mailboxId, objectId);
  return mark === undefined ? "free" : "removed";
}

/** Fault `notAllowed` for an id that was not set aside, or is taken. */
export function* requireReserved(mailboxId: number, objectId: number): Work<void> {
  const row = yield* get<{ next: number }>(
    "SELECT next_counter AS next FROM mailbox WHERE mailbox_id = $1", mailboxId);
  const folder = yield* get("SELECT 1 AS found FROM folder WHERE mailbox_id = $1 AND folder_id = $2",
    mailboxId, objectId);
  const isTaken = folder !== undefined || (yield* idState(mailboxId, objectId)) !== "free";
  if (isTaken || objectId < 1 || objectId >= (row?.next ?? 0)) {
    throw new Fault("notAllowed", "This id was not set aside for a new object.");
  }
}
