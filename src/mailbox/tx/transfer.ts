/** Procedures that copy, move and remove messages. Each is one transaction: all of it happens, or nothing. */
import { Fault } from "#base/fault.ts";
import { messageFlags } from "#mailbox/api.ts";
import type { UidSet } from "#mailbox/api.ts";
import { addTombstone, adjustFolder, adjustMailbox, takeCn, takeItemIds, takeObjectIds } from "#mailbox/tx/counters.ts";
import { readFolder, readFolderByRole } from "#mailbox/tx/folders.ts";
import { checkQuota } from "#mailbox/tx/quota.ts";
import { messageColumns, readSet } from "#mailbox/tx/rows.ts";
import { copyParts, eraseItem, extraBits, setCreator, shareContent } from "#mailbox/tx/parts.ts";
import type { MessageRecord } from "#mailbox/tx/rows.ts";
import { indexItemWords, readNames } from "#mailbox/tx/words.ts";
import type { NamedId } from "#props/registry.ts";
import { procedure } from "#store/api.ts";
import type { Transaction } from "#store/api.ts";
import { all, run } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

export interface Transfer {
  readonly folderId: number;
  readonly uids: UidSet;
  readonly targetId: number;
  readonly quotaBytes: number | null;
  /** Whoever copies, who is then the maker of the copies; null for the owner. */
  readonly creatorId?: number | null;
}

export interface Transferred {
  readonly uidValidity: number;
  readonly pairs: Uint32Array;
  readonly cn: number;
}

export const copyMessages = procedure({
  name: "mailbox.copyMessages",
  *run(tx, args: Transfer): Work<Transferred> {
    const target = yield* readTarget(tx.scope, args.targetId);
    yield* readFolder(tx.scope, args.folderId);
    const records = yield* readSet(tx.scope, args.folderId, args.uids);
    if (records.length === 0) return nothingMoved(target.uid_validity, target.highest_cn);
    yield* checkQuota(tx.scope, args.quotaBytes, sumSizes(records));
    const cn = yield* takeCn(tx.scope);
    const pairs = yield* insertCopies(tx, cn, records, args.targetId, false, args.creatorId);
    return { uidValidity: target.uid_validity, pairs, cn };
  },
});

function nothingMoved(uidValidity: number, cn: number): Transferred {
  return { uidValidity, pairs: new Uint32Array(0), cn };
}

export function* readTarget(mailboxId: number, folderId: number): Work<{ uid_validity: number; highest_cn: number }> {
  const target = yield* readFolder(mailboxId, folderId);
  if (target.search_folder === 1) throw new Fault("notAllowed", "A search folder holds no messages of its own.");
  return target;
}

export function sumSizes(records: readonly MessageRecord[]): number {
  return records.reduce((sum, record) => sum + record.size_bytes, 0);
}

function countUnread(records: readonly MessageRecord[]): number {
  return records.reduce((count, record) => count + ((record.flags & messageFlags.seen) === 0 ? 1 : 0), 0);
}

/** Rows like `records` in another folder, sharing their bytes. All flags come along. RFC 9051 §6.4.7 */
export function* insertCopies(
  tx: Transaction, cn: number, records: readonly MessageRecord[], targetId: number, associated: boolean,
  creatorId?: number | null,
): Work<Uint32Array> {
  const mailboxId = tx.scope;
  const sizeBytes = sumSizes(records);
  let messageId = yield* takeObjectIds(mailboxId, records.length);
  let itemId = yield* takeItemIds(mailboxId, records.length);
  let uid = yield* adjustFolder(mailboxId, targetId, cn, associated
    ? { associated: records.length, sizeBytes, uids: records.length }
    : { messages: records.length, unread: countUnread(records), sizeBytes, uids: records.length });
  yield* adjustMailbox(mailboxId, records.length, sizeBytes);
  const pairs = new Uint32Array(records.length * 2);
  let names: ReadonlyMap<number, NamedId> | undefined;
  for (const [index, record] of records.entries()) {
    pairs[2 * index] = record.uid;
    pairs[2 * index + 1] = uid;
    yield* run(
      `INSERT INTO message (mailbox_id, item_id, message_id, folder_id, uid, associated, flags, keywords, cn, read_cn,
         mod_seq, size_bytes, internal_ms, saved_ms, content_id)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $9, $10, $11, $12, $13)`,
      mailboxId, itemId, messageId, targetId, uid, associated ? 1 : 0, record.flags,
      record.keywords, cn, record.size_bytes, record.internal_ms, tx.nowMs, record.content_id);
    const extras = yield* copyParts(mailboxId, record.item_id, itemId);
    if ((extras & extraBits.words) !== 0) yield* indexItemWords(tx, itemId, names ??= yield* readNames(tx));
    if (creatorId !== undefined && creatorId !== null) yield* setCreator(mailboxId, itemId, creatorId);
    yield* shareContent(mailboxId, record.content_id);
    messageId++;
    itemId++;
    uid++;
  }
  return pairs;
}

export const moveMessages = procedure({
  name: "mailbox.moveMessages",
  *run(tx, args: Transfer): Work<Transferred> {
    const target = yield* readTarget(tx.scope, args.targetId);
    yield* readFolder(tx.scope, args.folderId);
    const records = yield* readSet(tx.scope, args.folderId, args.uids);
    if (records.length === 0) return nothingMoved(target.uid_validity, target.highest_cn);
    const cn = yield* takeCn(tx.scope);
    const pairs = yield* relocate(tx, cn, records, args.folderId, args.targetId, null);
    return { uidValidity: target.uid_validity, pairs, cn };
  },
});

/**
 * Moves rows to another folder. As in Exchange a moved message gets a new id and leaves a mark behind under its old
 * one; its item id, and with it everything that hangs on it, stays. Within one folder this gives new UIDs.
 */
export function* relocate(
  tx: Transaction, cn: number, records: readonly MessageRecord[], sourceId: number, targetId: number,
  deletedFromId: number | null, associated = false,
): Work<Uint32Array> {
  const mailboxId = tx.scope;
  const sizeBytes = sumSizes(records);
  const count = records.length;
  const unread = associated ? 0 : countUnread(records);
  const [messages, settings] = associated ? [0, count] : [count, 0];
  let messageId = yield* takeObjectIds(mailboxId, count);
  yield* adjustFolder(mailboxId, sourceId, cn,
    { messages: -messages, associated: -settings, unread: -unread, sizeBytes: -sizeBytes });
  let uid = yield* adjustFolder(mailboxId, targetId, cn,
    { messages, associated: settings, unread, sizeBytes, uids: count });
  const pairs = new Uint32Array(records.length * 2);
  for (const [index, record] of records.entries()) {
    pairs[2 * index] = record.uid;
    pairs[2 * index + 1] = uid;
    yield* addTombstone(mailboxId, associated ? "associated" : "message", record.message_id, sourceId, record.uid, cn);
    // The mark has done its work when the message goes to Recoverable Items.
    const flags = deletedFromId === null ? record.flags : record.flags & ~messageFlags.deleted;
    yield* run(
      `UPDATE message SET message_id = $3, folder_id = $4, uid = $5, flags = $6, cn = $7, read_cn = $7, mod_seq = $7,
         saved_ms = $8 WHERE mailbox_id = $1 AND item_id = $2`,
      mailboxId, record.item_id, messageId, targetId, uid, flags, cn, tx.nowMs);
    yield* run("UPDATE message_detail SET deleted_from_id = $3 WHERE mailbox_id = $1 AND item_id = $2",
      mailboxId, record.item_id, deletedFromId);
    messageId++;
    uid++;
  }
  return pairs;
}

export interface Remove {
  readonly folderId: number;
  readonly uids: UidSet;
  readonly only: "marked" | "any";
  readonly mode: "soft" | "hard";
}

export const removeMessages = procedure({
  name: "mailbox.removeMessages",
  *run(tx, args: Remove): Work<{ uids: Uint32Array; cn: number }> {
    const folder = yield* readFolder(tx.scope, args.folderId);
    const found = yield* readSet(tx.scope, args.folderId, args.uids);
    const records = args.only === "any" ? found
      : found.filter((record) => (record.flags & messageFlags.deleted) !== 0);
    if (records.length === 0) return { uids: new Uint32Array(0), cn: folder.highest_cn };
    const cn = yield* takeCn(tx.scope);
    yield* discard(tx, cn, records, args.folderId, args.mode);
    return { uids: Uint32Array.from(records, (record) => record.uid), cn };
  },
});

/** Soft: into Recoverable Items, unless they are there already. Hard: gone. */
export function* discard(
  tx: Transaction, cn: number, records: readonly MessageRecord[], folderId: number, mode: "soft" | "hard",
  associated = false,
): Work<void> {
  if (mode === "soft" && !associated) {
    const bin = yield* readFolderByRole(tx.scope, "recoverableDeletions");
    if (bin.folder_id !== folderId) {
      yield* relocate(tx, cn, records, folderId, bin.folder_id, folderId);
      return;
    }
  }
  const sizeBytes = sumSizes(records);
  yield* adjustFolder(tx.scope, folderId, cn, associated ? { associated: -records.length, sizeBytes: -sizeBytes }
    : { messages: -records.length, unread: -countUnread(records), sizeBytes: -sizeBytes });
  yield* adjustMailbox(tx.scope, -records.length, -sizeBytes);
  for (const record of records) {
    yield* addTombstone(tx.scope, associated ? "associated" : "message", record.message_id, folderId, record.uid, cn);
    yield* eraseItem(tx, record.item_id, record.content_id);
  }
}

/** Lets go of messages that have been in Recoverable Items long enough; how many. */
export const purgeRemoved = procedure({
  name: "mailbox.purgeRemoved",
  *run(tx, args: { beforeMs: number; limitRows: number }): Work<number> {
    const bin = yield* readFolderByRole(tx.scope, "recoverableDeletions");
    const records = yield* all<MessageRecord>(
      `SELECT ${messageColumns} FROM message m
       WHERE m.mailbox_id = $1 AND m.folder_id = $2 AND m.associated = 0 AND m.saved_ms < $3
       ORDER BY m.uid LIMIT $4`, tx.scope, bin.folder_id, args.beforeMs, args.limitRows);
    if (records.length > 0) yield* discard(tx, yield* takeCn(tx.scope), records, bin.folder_id, "hard");
    return records.length;
  },
});

/** All visible messages of a folder into another one; part of copying a folder. */
export function* copyAllMessages(tx: Transaction, cn: number, folderId: number, targetId: number): Work<void> {
  const records = yield* readSet(tx.scope, folderId, "all");
  if (records.length > 0) yield* insertCopies(tx, cn, records, targetId, false);
}

/** Empties a folder; part of deleting it. */
export function* removeAllMessages(tx: Transaction, cn: number, folderId: number, mode: "soft" | "hard"): Work<void> {
  const records = yield* readSet(tx.scope, folderId, "all");
  if (records.length > 0) yield* discard(tx, cn, records, folderId, mode);
  const associated = yield* all<{ item_id: number; content_id: number | null; size_bytes: number }>(
    "SELECT item_id, content_id, size_bytes FROM message WHERE mailbox_id = $1 AND folder_id = $2 AND associated = 1",
    tx.scope, folderId);
  for (const record of associated) {
    yield* adjustMailbox(tx.scope, -1, -record.size_bytes);
    yield* eraseItem(tx, record.item_id, record.content_id);
  }
}
