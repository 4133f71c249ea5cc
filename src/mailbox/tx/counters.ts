/** Numbers a mailbox gives out, and totals it keeps; only inside procedures. */
import { Fault } from "#base/fault.ts";
import { get, run } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

/**
 * Takes the next change number. Every procedure that changes what clients see does this once, before its first change,
 * and stamps each row it touches with it.
 */
export function* takeCn(mailboxId: number): Work<number> {
  const row = yield* get<{ cn: number }>(
    "UPDATE mailbox SET cn = cn + 1 WHERE mailbox_id = $1 RETURNING cn", mailboxId);
  if (row === undefined) throw new Fault("notFound", "This mailbox does not exist.");
  return row.cn;
}

/** Takes `count` object ids (folders and messages share one counter); the first of them. [MS-OXCDATA] 2.2.1 */
export function* takeObjectIds(mailboxId: number, count: number): Work<number> {
  const row = yield* get<{ next: number }>(
    "UPDATE mailbox SET next_counter = next_counter + $2 WHERE mailbox_id = $1 RETURNING next_counter AS next",
    mailboxId, count);
  return row!.next - count;
}

export function* takeItemIds(mailboxId: number, count: number): Work<number> {
  const row = yield* get<{ next: number }>(
    "UPDATE mailbox SET next_item = next_item + $2 WHERE mailbox_id = $1 RETURNING next_item AS next",
    mailboxId, count);
  return row!.next - count;
}

export function* takeContentId(mailboxId: number): Work<number> {
  const row = yield* get<{ next: number }>(
    "UPDATE mailbox SET next_content = next_content + 1 WHERE mailbox_id = $1 RETURNING next_content AS next",
    mailboxId);
  return row!.next - 1;
}

/** UIDVALIDITY of a new folder: never one that a folder of this mailbox had before. RFC 9051 §2.3.1.1 */
export function* takeUidValidity(mailboxId: number): Work<number> {
  const row = yield* get<{ next: number }>(
    `UPDATE mailbox SET next_uid_validity = next_uid_validity + 1 WHERE mailbox_id = $1
     RETURNING next_uid_validity AS next`, mailboxId);
  return row!.next - 1;
}

/** UIDs have 32 bits. RFC 9051 §2.3.1.1 */
const uidNextMax = 0xffff_ffff;

/** What a procedure did to a folder's contents. */
export interface FolderDelta {
  messages: number;
  unread: number;
  associated: number;
  sizeBytes: number;
  /** UIDs to take from the folder. */
  uids: number;
}

/** Adds to a folder's kept counts, stamps it, takes UIDs; the first UID taken. Fault `notFound` without the folder. */
export function* adjustFolder(
  mailboxId: number, folderId: number, cn: number, delta: Partial<FolderDelta>,
): Work<number> {
  const row = yield* get<{ uid_next: number }>(
    `UPDATE folder SET message_count = message_count + $3, unread_count = unread_count + $4,
       associated_count = associated_count + $5, size_bytes = size_bytes + $6, uid_next = uid_next + $7,
       highest_cn = $8
     WHERE mailbox_id = $1 AND folder_id = $2 RETURNING uid_next`,
    mailboxId, folderId, delta.messages ?? 0, delta.unread ?? 0, delta.associated ?? 0, delta.sizeBytes ?? 0,
    delta.uids ?? 0, cn);
  if (row === undefined) throw new Fault("notFound", "This folder does not exist any more.");
  if (row.uid_next > uidNextMax) {
    throw new Fault("tooMany", "This folder has given out all its UIDs; move its messages to a new folder.");
  }
  return row.uid_next - (delta.uids ?? 0);
}

/** Adds to the mailbox's totals. */
export function* adjustMailbox(mailboxId: number, messages: number, sizeBytes: number): Work<void> {
  if (messages === 0 && sizeBytes === 0) return;
  yield* run(
    "UPDATE mailbox SET message_count = message_count + $2, size_bytes = size_bytes + $3 WHERE mailbox_id = $1",
    mailboxId, messages, sizeBytes);
}

/**
 * `uid`: the message is there, under another UID; such a mark has an object id of its own. `unused`: ids that nothing
 * will ever have, as many of them as its UID tells.
 */
export const tombstoneKinds = { message: 1, folder: 2, associated: 3, uid: 4, unused: 5 } as const;

/** Leaves a mark for readers of the change log that the object left its folder. */
export function* addTombstone(
  mailboxId: number, kind: keyof typeof tombstoneKinds, objectId: number, folderId: number, uid: number, cn: number,
): Work<void> {
  yield* run(
    "INSERT INTO tombstone (mailbox_id, kind, object_id, folder_id, uid, cn) VALUES ($1, $2, $3, $4, $5, $6)",
    mailboxId, tombstoneKinds[kind], objectId, folderId, uid, cn);
}
