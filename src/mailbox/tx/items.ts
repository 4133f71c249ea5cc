/**
 * Items written as properties: appointments, contacts, settings (associated messages), drafts, and whatever else does
 * not come as MIME; and what clients set on messages that did. Bags are stored as they were encoded and given back byte
 * for byte.
 */
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { messageFlags } from "#mailbox/api.ts";
import type { FlagChange } from "#mailbox/api.ts";
import {
  addTombstone, adjustFolder, adjustMailbox, takeCn, takeItemIds, takeObjectIds,
} from "#mailbox/tx/counters.ts";
import { findConversationKey } from "#mailbox/tx/conversation.ts";
import { applyFlagChange } from "#mailbox/tx/flags.ts";
import { readFolder } from "#mailbox/tx/folders.ts";
import {
  extrasOf, insertAttachment, insertBytes, insertExtras, insertParts, insertRecipients, measure, measureStored, setTime,
  sourceSize,
} from "#mailbox/tx/item-parts.ts";
import type { AttachmentParts, ItemParts, OwnParts, RecipientParts } from "#mailbox/tx/item-parts.ts";
import type { ItemTime } from "#mailbox/items/times.ts";
import type { MessageSource } from "#mailbox/tx/insert.ts";
import { extraBits, origins, releaseContent, removeAttachments, setCreator } from "#mailbox/tx/parts.ts";
import { checkQuota } from "#mailbox/tx/quota.ts";
import { rangeAt } from "#mailbox/readers/ranges.ts";
import { isReader, markNewRead, putRanges, readRanges, rowFlags } from "#mailbox/tx/readers.ts";
import type { ReaderId } from "#mailbox/tx/readers.ts";
import { parseKeywords } from "#mailbox/tx/rows.ts";
import { procedure } from "#store/api.ts";
import type { Transaction } from "#store/api.ts";
import { removeFromSearchIndex } from "#store/search-index.ts";
import { get, run } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

export interface CreateItem {
  readonly folderId: number;
  readonly associated: boolean;
  readonly flags: number;
  readonly keywords: readonly string[];
  readonly internalMs: number | null;
  readonly quotaBytes: number | null;
  /** Whoever makes it; null for the owner. */
  readonly creatorId?: number | null;
  /** Of the public store: whose read mark `flags` tells. */
  readonly readerId?: ReaderId;
  readonly parts: ItemParts;
}

export interface ItemCreated {
  readonly messageId: number;
  readonly itemId: number;
  readonly cn: number;
}

export const createItem = procedure({
  name: "mailbox.createItem",
  *run(tx, args: CreateItem): Work<ItemCreated> {
    const mailboxId = tx.scope;
    const folder = yield* readFolder(mailboxId, args.folderId);
    if (folder.search_folder === 1 && !args.associated) {
      throw new Fault("notAllowed", "A search folder holds no messages of its own.");
    }
    checkKeywords(args.keywords);
    const sizeBytes = measure(args.parts);
    yield* checkQuota(mailboxId, args.quotaBytes, sizeBytes);
    const cn = yield* takeCn(mailboxId);
    const messageId = yield* takeObjectIds(mailboxId, 1);
    const itemId = yield* takeItemIds(mailboxId, 1);
    const flags = rowFlags(args.flags, args.readerId);
    const unread = (flags & messageFlags.seen) === 0 ? 1 : 0;
    const uid = yield* adjustFolder(mailboxId, args.folderId, cn, args.associated
      ? { associated: 1, sizeBytes, uids: 1 } : { messages: 1, unread, sizeBytes, uids: 1 });
    yield* adjustMailbox(mailboxId, 1, sizeBytes);
    yield* run(
      `INSERT INTO message (mailbox_id, item_id, message_id, folder_id, uid, associated, flags, keywords, cn, read_cn,
         mod_seq, size_bytes, internal_ms, saved_ms, content_id)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $9, $10, $11, $12, NULL)`,
      mailboxId, itemId, messageId, args.folderId, uid, args.associated ? 1 : 0, flags,
      keywordText(args.keywords), cn, sizeBytes, args.internalMs ?? tx.nowMs, tx.nowMs);
    yield* insertParts(tx, itemId, args.parts, null);
    if (args.creatorId !== undefined && args.creatorId !== null) yield* setCreator(mailboxId, itemId, args.creatorId);
    if (!args.associated) yield* markNewRead(mailboxId, args.readerId, args.folderId, uid, args.flags, cn);
    return { messageId, itemId, cn };
  },
});

function checkKeywords(keywords: readonly string[]): void {
  if (keywords.length > limits.keywordsMax) {
    throw new Fault("tooMany", `A message has at most ${limits.keywordsMax} keywords.`);
  }
}

function keywordText(keywords: readonly string[]): string | null {
  return keywords.length === 0 ? null : JSON.stringify(keywords);
}

/** Changes of an attachment that stays. */
export interface AttachmentChange {
  readonly number: number;
  readonly method: number;
  readonly fileName: string;
  readonly bag: Uint8Array | null;
  /** undefined: the bytes stay. */
  readonly content: MessageSource | undefined;
  /** undefined: the embedded item stays. */
  readonly embedded: ItemParts | undefined;
}

export interface UpdateItem {
  readonly messageId: number;
  /** What the change was worked out from; Fault `conflict` when the item is another by now. */
  readonly expectedCn: number;
  readonly quotaBytes: number | null;
  /** Of the public store: whose read mark `flags` changes. */
  readonly readerId?: ReaderId;
  /** In their order. */
  readonly flags: readonly FlagChange[];
  /** Categories in the place of those there are; null: they stay. */
  readonly keywords: readonly string[] | null;
  /** null: flags alone change. */
  readonly change:
    /** Beside the bytes, which stay. `bag` null: nothing is set any more. */
    | {
      readonly kind: "overlay"; readonly bag: Uint8Array | null; readonly messageClass: string;
      readonly time: ItemTime | null;
    }
    /** The item itself. `dropsBytes`: MIME would show it. */
    | {
      readonly kind: "properties"; readonly own: OwnParts; readonly dropsBytes: boolean;
      /** null: they stay. */
      readonly recipients: readonly RecipientParts[] | null;
      readonly removed: readonly number[];
      readonly changed: readonly AttachmentChange[];
      readonly added: readonly AttachmentParts[];
    }
    /** A message that came as MIME becomes properties. */
    | { readonly kind: "replace"; readonly parts: ItemParts }
    | null;
}

export interface ItemUpdated {
  readonly cn: number;
  readonly added: readonly number[];
}

interface UpdatedRecord {
  item_id: number;
  folder_id: number;
  uid: number;
  associated: number;
  flags: number;
  keywords: string | null;
  cn: number;
  read_cn: number;
  mod_seq: number;
  size_bytes: number;
  content_id: number | null;
  origin: number;
  extras: number;
}

export const updateItem = procedure({
  name: "mailbox.updateItem",
  *run(tx, args: UpdateItem): Work<ItemUpdated> {
    const record = yield* readForUpdate(tx.scope, args.messageId);
    if (record.cn !== args.expectedCn) throw new Fault("conflict", "Somebody else changed this item meanwhile.");
    const cn = yield* takeCn(tx.scope);
    const { change } = args;
    let added: readonly number[] = [];
    let size = record.size_bytes;
    let dropsBytes = false;
    if (change?.kind === "overlay") {
      yield* writeOverlay(tx, record, change);
    } else if (change?.kind === "replace") {
      yield* run("DELETE FROM recipient WHERE mailbox_id = $1 AND item_id = $2", tx.scope, record.item_id);
      yield* writeOwn(tx, record, change.parts, measure(change.parts));
      yield* insertRecipients(tx.scope, record.item_id, change.parts.recipients);
      yield* addAttachments(tx, record.item_id, change.parts.attachments);
      size = measure(change.parts);
      dropsBytes = true;
    } else if (change !== null) {
      added = yield* changeRows(tx, record.item_id, change);
      const itemSize = yield* measureStored(tx.scope, record.item_id, change.own);
      yield* writeOwn(tx, record, change.own, itemSize);
      dropsBytes = change.dropsBytes && record.content_id !== null;
      if (record.content_id === null || dropsBytes) size = itemSize;
    }
    yield* checkQuota(tx.scope, args.quotaBytes, size - record.size_bytes);
    yield* writeMarks(tx, record, cn, args, size, dropsBytes);
    return { cn, added };
  },
});

function* readForUpdate(mailboxId: number, messageId: number): Work<UpdatedRecord> {
  const record = yield* get<UpdatedRecord>(
    `SELECT m.item_id, m.folder_id, m.uid, m.associated, m.flags, m.keywords, m.cn, m.read_cn, m.mod_seq, m.size_bytes,
       m.content_id, d.origin, d.extras
     FROM message m JOIN message_detail d ON d.mailbox_id = m.mailbox_id AND d.item_id = m.item_id
     WHERE m.mailbox_id = $1 AND m.message_id = $2`, mailboxId, messageId);
  if (record === undefined) throw new Fault("notFound", "This item was removed meanwhile.");
  return record;
}

/** What is set beside the bytes of a message. */
function* writeOverlay(
  tx: Transaction, record: UpdatedRecord, change: Extract<UpdateItem["change"], { kind: "overlay" }>,
): Work<void> {
  const extras = (record.extras & ~extraBits.time) | (change.time === null ? 0 : extraBits.time);
  yield* run(
    `UPDATE message_detail SET bag = $3, message_class = $4, extras = $5, modified_ms = $6
     WHERE mailbox_id = $1 AND item_id = $2`,
    tx.scope, record.item_id, change.bag, change.messageClass, extras, tx.nowMs);
  yield* setTime(tx.scope, record.item_id, change.time);
}

/** The item's own properties in the place of those it had. */
function* writeOwn(tx: Transaction, record: UpdatedRecord, own: OwnParts, itemSize: number): Work<void> {
  const { columns } = own;
  const key = yield* findConversationKey(tx.scope, columns.references);
  yield* run(
    `UPDATE message_detail SET message_class = $3, subject = $4, normalized_subject = $5, from_name = $6,
       from_address = $7, sent_ms = $8, message_id_header = $9, in_reply_to = $10, has_attachments = $11,
       importance = $12, preview = $13, conversation_id = $14, bag = $15, origin = $16, sensitivity = $17,
       display_to = $18, display_cc = $19, item_size_bytes = $20, modified_ms = $21, extras = $22,
       conversation_key = COALESCE(conversation_key, $23), trouble = NULL
     WHERE mailbox_id = $1 AND item_id = $2`,
    tx.scope, record.item_id, columns.messageClass, columns.subject, columns.normalizedSubject, columns.fromName,
    columns.fromAddress, columns.sentMs, columns.messageIdHeader, columns.inReplyTo, columns.hasAttachments ? 1 : 0,
    columns.importance, columns.preview, columns.conversationId, own.bag, origins.properties, columns.sensitivity,
    columns.displayTo, columns.displayCc, itemSize, tx.nowMs, extrasOf(own), key);
  if ((record.extras & extraBits.values) !== 0) {
    yield* run("DELETE FROM item_value WHERE mailbox_id = $1 AND item_id = $2", tx.scope, record.item_id);
  }
  if ((record.extras & extraBits.time) !== 0 && own.time === null) yield* setTime(tx.scope, record.item_id, null);
  if ((record.extras & extraBits.words) !== 0) yield* removeFromSearchIndex(tx, -record.item_id);
  yield* insertExtras(tx, record.item_id, own);
}

/** Recipients and attachments; the numbers of those that came. */
function* changeRows(
  tx: Transaction, itemId: number, change: Extract<UpdateItem["change"], { kind: "properties" }>,
): Work<number[]> {
  if (change.recipients !== null) {
    yield* run("DELETE FROM recipient WHERE mailbox_id = $1 AND item_id = $2", tx.scope, itemId);
    yield* insertRecipients(tx.scope, itemId, change.recipients);
  }
  // The next number is told before anything goes, so that a number is not given to another within one change.
  const next = yield* nextNumber(tx.scope, itemId);
  if (change.removed.length > 0) yield* removeAttachments(tx, itemId, new Set(change.removed));
  for (const one of change.changed) yield* changeAttachment(tx, itemId, one);
  return yield* addAttachments(tx, itemId, change.added, next);
}

function* nextNumber(mailboxId: number, itemId: number): Work<number> {
  const row = yield* get<{ next: number }>(
    "SELECT COALESCE(MAX(number) + 1, 0) AS next FROM attachment WHERE mailbox_id = $1 AND item_id = $2",
    mailboxId, itemId);
  return row!.next;
}

function* addAttachments(
  tx: Transaction, itemId: number, attachments: readonly AttachmentParts[], first = 0,
): Work<number[]> {
  for (const [index, attachment] of attachments.entries()) {
    const place = yield* insertAttachment(tx, itemId, first + index, attachment);
    if (place !== null) yield* insertParts(tx, place.itemId, attachment.embedded!, place.owner);
  }
  return attachments.map((_, index) => first + index);
}

function* changeAttachment(tx: Transaction, itemId: number, change: AttachmentChange): Work<void> {
  const found = yield* get<{ attachment_id: number; content_id: number | null; size_bytes: number }>(
    `SELECT attachment_id, content_id, size_bytes FROM attachment
     WHERE mailbox_id = $1 AND item_id = $2 AND number = $3`, tx.scope, itemId, change.number);
  if (found === undefined) throw new Fault("notFound", `The item has no attachment ${change.number}.`);
  if (change.embedded !== undefined) {
    // The old one goes with all in it, and the new one takes its number.
    yield* removeAttachments(tx, itemId, new Set([change.number]));
    const place = yield* insertAttachment(tx, itemId, change.number,
      { ...change, content: change.content ?? null, embedded: change.embedded });
    yield* insertParts(tx, place!.itemId, change.embedded, place!.owner);
    return;
  }
  const contentId = change.content === undefined ? found.content_id : yield* insertBytes(tx.scope, change.content);
  yield* run(
    `UPDATE attachment SET method = $3, file_name = $4, bag = $5, content_id = $6, size_bytes = $7
     WHERE mailbox_id = $1 AND attachment_id = $2`,
    tx.scope, found.attachment_id, change.method, change.fileName, change.bag, contentId,
    change.content === undefined ? found.size_bytes : sourceSize(change.content));
  if (change.content !== undefined) yield* releaseContent(tx, found.content_id);
}

interface Marks {
  readonly flags: number;
  readonly keywords: readonly string[];
}

function markedBy(record: UpdatedRecord, { flags, keywords }: UpdateItem): Marks {
  let marks: Marks = { flags: record.flags, keywords: keywords ?? parseKeywords(record.keywords) };
  for (const change of flags) marks = applyFlagChange(marks.flags, marks.keywords, change);
  checkKeywords(marks.keywords);
  return marks;
}

/** In the public store the read mark is the reader's own, and follows the item to its new UID. */
function* writeMarks(
  tx: Transaction, record: UpdatedRecord, cn: number, args: UpdateItem, sizeBytes: number, dropsBytes: boolean,
): Work<void> {
  const { readerId } = args;
  const ranges = isReader(readerId) ? yield* readRanges(tx.scope, readerId, record.folder_id) : [];
  const wasRead = record.associated === 0 && rangeAt(ranges, record.uid)?.isRead === true;
  const after = markedBy({ ...record, flags: record.flags | (wasRead ? messageFlags.seen : 0) }, args);
  const uid = yield* writeRow(tx, record, cn, { ...after, flags: rowFlags(after.flags, readerId) }, sizeBytes,
    dropsBytes);
  const isRead = (after.flags & messageFlags.seen) !== 0;
  if (!isReader(readerId) || record.associated === 1 || (isRead === wasRead && uid === record.uid)) return;
  yield* putRanges(tx.scope, readerId, record.folder_id, ranges, [{ first: uid, last: uid, isRead, modSeq: cn }], cn);
}

/** The light row: flags, size, change numbers; a new UID when bytes that IMAP may have shown are given up. Its UID. */
function* writeRow(
  tx: Transaction, record: UpdatedRecord, cn: number, after: Marks, sizeBytes: number, dropsBytes: boolean,
): Work<number> {
  const isSeenChanged = ((after.flags ^ record.flags) & messageFlags.seen) !== 0;
  const wasUnread = (record.flags & messageFlags.seen) === 0;
  const unread = record.associated === 1 || !isSeenChanged ? 0 : wasUnread ? -1 : 1;
  const more = sizeBytes - record.size_bytes;
  const newUid = dropsBytes && record.associated === 0;
  const uid = yield* adjustFolder(tx.scope, record.folder_id, cn, { unread, sizeBytes: more, uids: newUid ? 1 : 0 });
  yield* adjustMailbox(tx.scope, 0, more);
  if (newUid) {
    const markId = yield* takeObjectIds(tx.scope, 1);
    yield* addTombstone(tx.scope, "uid", markId, record.folder_id, record.uid, cn);
  }
  yield* run(
    `UPDATE message SET flags = $3, keywords = $4, cn = $5, mod_seq = $5, read_cn = $6, size_bytes = $7, uid = $8,
       content_id = $9 WHERE mailbox_id = $1 AND item_id = $2`,
    tx.scope, record.item_id, after.flags, keywordText(after.keywords), cn, isSeenChanged ? cn : record.read_cn,
    sizeBytes, newUid ? uid : record.uid, dropsBytes ? null : record.content_id);
  if (dropsBytes) yield* releaseContent(tx, record.content_id);
  return newUid ? uid : record.uid;
}
