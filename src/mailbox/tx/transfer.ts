/** Procedures that copy, move and remove messages. Each is one transaction: all of it happens, or nothing. */
import { Fault } from "#base/fault.ts";
import { messageFlags } from "#mailbox/api.ts";
import type { UidSet } from "#mailbox/api.ts";
import { addTombstone, adjustFolder, adjustMailbox, takeCn, takeItemIds, takeObjectIds } from "#mailbox/tx/counters.ts";
import { readFolder, readFolderByRole } from "#mailbox/tx/folders.ts";
import { checkQuota } from "#mailbox/tx/quota.ts";
import { messageColumns, readSet } from "#mailbox/tx/rows.ts";
import type { MessageRecord } from "#mailbox/tx/rows.ts";
import { procedure } from "#store/api.ts";
import type { Transaction } from "#store/api.ts";
import { removeFromSearchIndex } from "#store/search-index.ts";
import { all, get, run } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

export interface Transfer {
  readonly folderId: number;
  readonly uids: UidSet;
  readonly targetId: number;
  readonly quotaBytes: number | null;
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
    const pairs = yield* insertCopies(tx, cn, records, args.targetId, false);
    return { uidValidity: target.uid_validity, pairs, cn };
  },
});

function nothingMoved(uidValidity: number, cn: number): Transferred {
  return { uidValidity, pairs: new Uint32Array(0), cn };
}

function* readTarget(mailboxId: number, folderId: number): Work<{ uid_validity: number; highest_cn: number }> {
  const target = yield* readFolder(mailboxId, folderId);
  if (target.search_folder === 1) throw new Fault("notAllowed", "A search folder holds no messages of its own.");
  return target;
}

function sumSizes(records: readonly MessageRecord[]): number {
  return records.reduce((sum, record) => sum + record.size_bytes, 0);
}

function countUnread(records: readonly MessageRecord[]): number {
  return records.reduce((count, record) => count + ((record.flags & messageFlags.seen) === 0 ? 1 : 0), 0);
}

/** Rows like `records` in another folder, sharing their bytes. All flags come along. RFC 9051 §6.4.7 */
function* insertCopies(
  tx: Transaction, cn: number, records: readonly MessageRecord[], targetId: number, associated: boolean,
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
  for (const [index, record] of records.entries()) {
    pairs[2 * index] = record.uid;
    pairs[2 * index + 1] = uid;
    yield* run(
      `INSERT INTO message (mailbox_id, item_id, message_id, folder_id, uid, associated, flags, keywords, cn, read_cn,
         mod_seq, size_bytes, internal_ms, saved_ms, content_id)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $9, $10, $11, $12, $13)`,
      mailboxId, itemId, messageId, targetId, uid, associated ? 1 : 0, record.flags,
      record.keywords, cn, record.size_bytes, record.internal_ms, tx.nowMs, record.content_id);
    yield* copyParts(mailboxId, record.item_id, itemId);
    if (record.content_id !== null) {
      yield* run("UPDATE content SET refs = refs + 1 WHERE mailbox_id = $1 AND content_id = $2",
        mailboxId, record.content_id);
    }
    messageId++;
    itemId++;
    uid++;
  }
  return pairs;
}

/** Everything that hangs on a message besides its row and bytes. */
function* copyParts(mailboxId: number, fromItem: number, toItem: number): Work<void> {
  yield* run(
    `INSERT INTO message_detail (mailbox_id, item_id, message_class, subject, normalized_subject, from_name,
       from_address, sent_ms, message_id_header, in_reply_to, has_attachments, importance, preview, conversation_id,
       bag)
     SELECT mailbox_id, $3, message_class, subject, normalized_subject, from_name, from_address, sent_ms,
       message_id_header, in_reply_to, has_attachments, importance, preview, conversation_id, bag
     FROM message_detail WHERE mailbox_id = $1 AND item_id = $2`, mailboxId, fromItem, toItem);
  yield* run(
    `INSERT INTO recipient (mailbox_id, item_id, row_id, kind, display_name, address_type, address, bag)
     SELECT mailbox_id, $3, row_id, kind, display_name, address_type, address, bag
     FROM recipient WHERE mailbox_id = $1 AND item_id = $2`, mailboxId, fromItem, toItem);
  yield* copyAttachments(mailboxId, fromItem, toItem);
}

interface AttachmentRecord {
  attachment_id: number;
  content_id: number | null;
  embedded_item_id: number | null;
}

/** Attachments, with the messages embedded in them, to any depth. */
function* copyAttachments(mailboxId: number, fromItem: number, toItem: number): Work<void> {
  const pending = [{ fromItem, toItem }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const attachments = yield* all<AttachmentRecord>(
      "SELECT attachment_id, content_id, embedded_item_id FROM attachment WHERE mailbox_id = $1 AND item_id = $2",
      mailboxId, next.fromItem);
    for (const attachment of attachments) {
      const copyId = yield* takeItemIds(mailboxId, 1);
      let embeddedId: number | null = null;
      if (attachment.embedded_item_id !== null) {
        embeddedId = yield* copyEmbedded(mailboxId, attachment.embedded_item_id, copyId);
        pending.push({ fromItem: attachment.embedded_item_id, toItem: embeddedId });
      }
      yield* run(
        `INSERT INTO attachment (mailbox_id, attachment_id, item_id, number, method, file_name, size_bytes, content_id,
           embedded_item_id, bag)
         SELECT mailbox_id, $3, $4, number, method, file_name, size_bytes, content_id, $5, bag
         FROM attachment WHERE mailbox_id = $1 AND attachment_id = $2`,
        mailboxId, attachment.attachment_id, copyId, next.toItem, embeddedId);
      if (attachment.content_id !== null) {
        yield* run("UPDATE content SET refs = refs + 1 WHERE mailbox_id = $1 AND content_id = $2",
          mailboxId, attachment.content_id);
      }
    }
  }
}

function* copyEmbedded(mailboxId: number, itemId: number, ownerAttachmentId: number): Work<number> {
  const copyId = yield* takeItemIds(mailboxId, 1);
  yield* run(
    `INSERT INTO message_detail (mailbox_id, item_id, message_class, subject, normalized_subject, from_name,
       from_address, sent_ms, message_id_header, in_reply_to, has_attachments, importance, preview, conversation_id,
       owner_attachment_id, bag)
     SELECT mailbox_id, $3, message_class, subject, normalized_subject, from_name, from_address, sent_ms,
       message_id_header, in_reply_to, has_attachments, importance, preview, conversation_id, $4, bag
     FROM message_detail WHERE mailbox_id = $1 AND item_id = $2`, mailboxId, itemId, copyId, ownerAttachmentId);
  yield* run(
    `INSERT INTO recipient (mailbox_id, item_id, row_id, kind, display_name, address_type, address, bag)
     SELECT mailbox_id, $3, row_id, kind, display_name, address_type, address, bag
     FROM recipient WHERE mailbox_id = $1 AND item_id = $2`, mailboxId, itemId, copyId);
  return copyId;
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
function* relocate(
  tx: Transaction, cn: number, records: readonly MessageRecord[], sourceId: number, targetId: number,
  deletedFromId: number | null,
): Work<Uint32Array> {
  const mailboxId = tx.scope;
  const sizeBytes = sumSizes(records);
  const unread = countUnread(records);
  let messageId = yield* takeObjectIds(mailboxId, records.length);
  yield* adjustFolder(mailboxId, sourceId, cn, { messages: -records.length, unread: -unread, sizeBytes: -sizeBytes });
  let uid = yield* adjustFolder(mailboxId, targetId, cn,
    { messages: records.length, unread, sizeBytes, uids: records.length });
  const pairs = new Uint32Array(records.length * 2);
  for (const [index, record] of records.entries()) {
    pairs[2 * index] = record.uid;
    pairs[2 * index + 1] = uid;
    yield* addTombstone(mailboxId, "message", record.message_id, sourceId, record.uid, cn);
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
function* discard(
  tx: Transaction, cn: number, records: readonly MessageRecord[], folderId: number, mode: "soft" | "hard",
): Work<void> {
  if (mode === "soft") {
    const bin = yield* readFolderByRole(tx.scope, "recoverableDeletions");
    if (bin.folder_id !== folderId) {
      yield* relocate(tx, cn, records, folderId, bin.folder_id, folderId);
      return;
    }
  }
  const sizeBytes = sumSizes(records);
  yield* adjustFolder(tx.scope, folderId, cn,
    { messages: -records.length, unread: -countUnread(records), sizeBytes: -sizeBytes });
  yield* adjustMailbox(tx.scope, -records.length, -sizeBytes);
  for (const record of records) {
    yield* addTombstone(tx.scope, "message", record.message_id, folderId, record.uid, cn);
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

/** Removes a message's rows and lets go of its bytes, embedded messages included. */
function* eraseItem(tx: Transaction, itemId: number, contentId: number | null): Work<void> {
  const pending: { itemId: number; contentId: number | null }[] = [{ itemId, contentId }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const attachments = yield* all<AttachmentRecord>(
      "SELECT attachment_id, content_id, embedded_item_id FROM attachment WHERE mailbox_id = $1 AND item_id = $2",
      tx.scope, next.itemId);
    for (const attachment of attachments) {
      yield* releaseContent(tx, attachment.content_id);
      if (attachment.embedded_item_id !== null) pending.push({ itemId: attachment.embedded_item_id, contentId: null });
    }
    if (attachments.length > 0) {
      yield* run("DELETE FROM attachment WHERE mailbox_id = $1 AND item_id = $2", tx.scope, next.itemId);
    }
    yield* run("DELETE FROM recipient WHERE mailbox_id = $1 AND item_id = $2", tx.scope, next.itemId);
    yield* run("DELETE FROM message_detail WHERE mailbox_id = $1 AND item_id = $2", tx.scope, next.itemId);
    yield* run("DELETE FROM message WHERE mailbox_id = $1 AND item_id = $2", tx.scope, next.itemId);
    yield* releaseContent(tx, next.contentId);
  }
}

/** One user of the bytes less; the last one takes them along. Blobs stay for the sweep, which knows all users. */
function* releaseContent(tx: Transaction, contentId: number | null): Work<void> {
  if (contentId === null) return;
  const mailboxId = tx.scope;
  const row = yield* get<{ refs: number }>(
    "UPDATE content SET refs = refs - 1 WHERE mailbox_id = $1 AND content_id = $2 RETURNING refs",
    mailboxId, contentId);
  if (row === undefined || row.refs > 0) return;
  yield* run("DELETE FROM content WHERE mailbox_id = $1 AND content_id = $2", mailboxId, contentId);
  yield* run("DELETE FROM mime WHERE mailbox_id = $1 AND content_id = $2", mailboxId, contentId);
  yield* removeFromSearchIndex(tx, contentId);
}

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
