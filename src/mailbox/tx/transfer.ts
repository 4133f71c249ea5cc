/** Procedures that copy, move and remove messages. Each is one transaction: all of it happens, or nothing. */
import { Fault } from "#base/fault.ts";
import { messageFlags } from "#mailbox/api.ts";
import type { UidSet } from "#mailbox/api.ts";
import {
  adjustFolder, adjustMailbox, takeCn, takeItemIds, takeObjectIds, tombstoneKinds,
} from "#mailbox/tx/counters.ts";
import { readFolder, readFolderByRole } from "#mailbox/tx/folders.ts";
import { checkQuota } from "#mailbox/tx/quota.ts";
import { carryRead } from "#mailbox/tx/readers.ts";
import type { ReaderId } from "#mailbox/tx/readers.ts";
import { SetReader } from "#mailbox/tx/rows.ts";
import { cameBy, copyParts, eraseItems } from "#mailbox/tx/parts.ts";
import type { MessageRecord } from "#mailbox/tx/rows.ts";
import { indexItemWords, readNames } from "#mailbox/tx/words.ts";
import { procedure } from "#store/api.ts";
import type { Transaction } from "#store/api.ts";
import { numberList, numberRows, numberSet } from "#store/number-list.ts";
import { all, run } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

export interface Transfer {
  readonly folderId: number;
  readonly uids: UidSet;
  readonly targetId: number;
  readonly quotaBytes: number | null;
  /** Whoever copies, who is then the maker of the copies; null for the owner. */
  readonly creatorId?: number | null;
  /** Of the public store: for whom read messages stay read. */
  readonly readerId?: ReaderId;
}

export interface Transferred {
  readonly uidValidity: number;
  readonly pairs: Uint32Array;
  readonly cn: number;
}

export const copyMessages = procedure({
  name: "mailbox.copyMessages",
  run: (tx, args: Transfer): Work<Transferred> => transfer(tx, args, function* (cn, records) {
    yield* checkQuota(tx.scope, args.quotaBytes, sumSizes(records));
    return yield* insertCopies(tx, cn, records, args.targetId, false, args.creatorId);
  }),
});

/** What copying and moving have in common; `carry` gives the pairs of one slice. */
function* transfer(
  tx: Transaction, args: Transfer, carry: (cn: number, records: MessageRecord[]) => Work<Uint32Array>,
): Work<Transferred> {
  const target = yield* readTarget(tx.scope, args.targetId);
  const reader = new SetReader(tx.scope, yield* readFolder(tx.scope, args.folderId), args.uids);
  const pairs: Uint32Array[] = [];
  let cn = 0;
  for (let records = yield* reader.next(); records.length > 0; records = yield* reader.next()) {
    if (cn === 0) cn = yield* takeCn(tx.scope);
    const carried = yield* carry(cn, records);
    yield* carryRead(tx.scope, args.readerId, args.folderId, args.targetId, carried, cn);
    pairs.push(carried);
  }
  return { uidValidity: target.uid_validity, pairs: joined(pairs), cn: cn === 0 ? target.highest_cn : cn };
}

function joined(parts: readonly Uint32Array[]): Uint32Array {
  const whole = new Uint32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
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

function itemIdsOf(records: readonly MessageRecord[]): number[] {
  return records.map((record) => record.item_id);
}

/** UIDs before and after, where those after follow each other. */
function pairsOf(records: readonly MessageRecord[], firstUid: number): Uint32Array {
  const pairs = new Uint32Array(records.length * 2);
  for (const [index, record] of records.entries()) {
    pairs[2 * index] = record.uid;
    pairs[2 * index + 1] = firstUid + index;
  }
  return pairs;
}

/** Rows like `records` in another folder, sharing their bytes. All flags come along. RFC 9051 §6.4.7 */
export function* insertCopies(
  tx: Transaction, cn: number, records: readonly MessageRecord[], targetId: number, associated: boolean,
  creatorId?: number | null,
): Work<Uint32Array> {
  const mailboxId = tx.scope;
  const sizeBytes = sumSizes(records);
  const firstMessageId = yield* takeObjectIds(mailboxId, records.length);
  const firstCopyId = yield* takeItemIds(mailboxId, records.length);
  const firstUid = yield* adjustFolder(mailboxId, targetId, cn, associated
    ? { associated: records.length, sizeBytes, uids: records.length }
    : { messages: records.length, unread: countUnread(records), sizeBytes, uids: records.length });
  yield* adjustMailbox(mailboxId, records.length, sizeBytes);
  const itemIds = itemIdsOf(records);
  yield* run(
    `INSERT INTO message (mailbox_id, item_id, message_id, folder_id, uid, associated, flags, keywords, cn, read_cn,
       mod_seq, size_bytes, internal_ms, saved_ms, content_id)
     SELECT m.mailbox_id, $3 + list.position, $4 + list.position, $5, $6 + list.position, $7, m.flags, m.keywords,
       $8, $8, $8, m.size_bytes, m.internal_ms, $9, m.content_id
     FROM ${numberRows(tx.dialect, "$2")} CROSS JOIN message m
     WHERE m.mailbox_id = $1 AND m.item_id = list.value ORDER BY list.position`,
    mailboxId, numberList(itemIds), firstCopyId, firstMessageId, targetId, firstUid, associated ? 1 : 0, cn, tx.nowMs);
  const withWords = yield* copyParts(tx, { itemIds, firstCopyId, creatorId: creatorId ?? null });
  if (withWords.length > 0) {
    const names = yield* readNames(tx);
    for (const itemId of withWords) yield* indexItemWords(tx, itemId, names);
  }
  return pairsOf(records, firstUid);
}

export const moveMessages = procedure({
  name: "mailbox.moveMessages",
  run: (tx, args: Transfer): Work<Transferred> => transfer(tx, args,
    (cn, records) => relocate(tx, cn, records, args.folderId, args.targetId, null)),
});

/** Marks behind messages that leave their folder, for readers of the change log. */
function* addTombstones(tx: Transaction, cn: number, list: string, associated: boolean): Work<void> {
  yield* run(
    `INSERT INTO tombstone (mailbox_id, kind, object_id, folder_id, uid, cn)
     SELECT m.mailbox_id, $3, m.message_id, m.folder_id, m.uid, $4
     FROM ${numberRows(tx.dialect, "$2")} CROSS JOIN message m
     WHERE m.mailbox_id = $1 AND m.item_id = list.value`,
    tx.scope, list, tombstoneKinds[associated ? "associated" : "message"], cn);
}

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
  const firstMessageId = yield* takeObjectIds(mailboxId, count);
  yield* adjustFolder(mailboxId, sourceId, cn,
    { messages: -messages, associated: -settings, unread: -unread, sizeBytes: -sizeBytes });
  const firstUid = yield* adjustFolder(mailboxId, targetId, cn,
    { messages, associated: settings, unread, sizeBytes, uids: count });
  const list = numberList(itemIdsOf(records));
  yield* addTombstones(tx, cn, list, associated);
  // Not UPDATE … FROM, which keeps every new row in a table of its own first.
  yield* run(
    `UPDATE message_detail SET deleted_from_id = $3, came_from_folder_id = $4, came_by = $5,
       came_from_id = (SELECT m.message_id FROM message m
         WHERE m.mailbox_id = message_detail.mailbox_id AND m.item_id = message_detail.item_id)
     WHERE mailbox_id = $1 AND item_id IN ${numberSet(tx.dialect, "$2")}`,
    mailboxId, list, deletedFromId, sourceId, cameBy.move);
  // The mark has done its work when the message goes to Recoverable Items.
  const taken = deletedFromId === null ? 0 : messageFlags.deleted;
  yield* run(
    `UPDATE message SET message_id = $3 + list.position, folder_id = $4, uid = $5 + list.position,
       flags = flags & ~CAST($6 AS BIGINT), cn = $7, read_cn = $7, mod_seq = $7, saved_ms = $8
     FROM ${numberRows(tx.dialect, "$2")} WHERE message.mailbox_id = $1 AND message.item_id = list.value`,
    mailboxId, list, firstMessageId, targetId, firstUid, taken, cn, tx.nowMs);
  return pairsOf(records, firstUid);
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
    const reader = new SetReader(tx.scope, folder, args.uids, args.only === "marked" ? messageFlags.deleted : 0);
    const gone: Uint32Array[] = [];
    let cn = 0;
    for (let records = yield* reader.next(); records.length > 0; records = yield* reader.next()) {
      if (cn === 0) cn = yield* takeCn(tx.scope);
      yield* discard(tx, cn, records, args.folderId, args.mode);
      gone.push(Uint32Array.from(records, (record) => record.uid));
    }
    return { uids: joined(gone), cn: cn === 0 ? folder.highest_cn : cn };
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
  yield* addTombstones(tx, cn, numberList(itemIdsOf(records)), associated);
  yield* eraseItems(tx, records);
}

/** All visible messages of a folder into another one; part of copying a folder. */
export function* copyAllMessages(tx: Transaction, cn: number, folderId: number, targetId: number): Work<void> {
  const reader = new SetReader(tx.scope, yield* readFolder(tx.scope, folderId), "all");
  for (let records = yield* reader.next(); records.length > 0; records = yield* reader.next()) {
    yield* insertCopies(tx, cn, records, targetId, false);
  }
}

/** Empties a folder; part of deleting it. */
export function* removeAllMessages(tx: Transaction, cn: number, folderId: number, mode: "soft" | "hard"): Work<void> {
  const reader = new SetReader(tx.scope, yield* readFolder(tx.scope, folderId), "all");
  for (let records = yield* reader.next(); records.length > 0; records = yield* reader.next()) {
    yield* discard(tx, cn, records, folderId, mode);
  }
  const associated = yield* all<{ item_id: number; content_id: number | null; size_bytes: number }>(
    "SELECT item_id, content_id, size_bytes FROM message WHERE mailbox_id = $1 AND folder_id = $2 AND associated = 1",
    tx.scope, folderId);
  if (associated.length === 0) return;
  yield* adjustMailbox(tx.scope, -associated.length, -associated.reduce((sum, row) => sum + row.size_bytes, 0));
  yield* eraseItems(tx, associated);
}
