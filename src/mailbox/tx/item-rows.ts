/** Reading items: the one place that spells the columns of `message` with `message_detail`, and their parts. */
import type { ChangeNumber, ContentId, EntryId, FolderId, ItemId, MessageId, Uid } from "#base/ids.ts";
import type { ItemRow, TimedItem } from "#mailbox/items-api.ts";
import { extraBits, origins } from "#mailbox/tx/parts.ts";
import { parseKeywords } from "#mailbox/tx/rows.ts";
import { all, get } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

export interface ItemRecord {
  item_id: number;
  message_id: number;
  folder_id: number;
  uid: number;
  associated: number;
  flags: number;
  keywords: string | null;
  cn: number;
  read_cn: number;
  mod_seq: number;
  size_bytes: number;
  internal_ms: number;
  saved_ms: number;
  content_id: number | null;
  message_class: string;
  subject: string;
  normalized_subject: string;
  from_name: string;
  from_address: string;
  sent_ms: number | null;
  message_id_header: string;
  has_attachments: number;
  importance: number;
  preview: string;
  conversation_id: Uint8Array | null;
  origin: number;
  sensitivity: number;
  display_to: string;
  display_cc: string;
  conversation_key: Uint8Array | null;
  item_size_bytes: number | null;
  modified_ms: number | null;
  extras: number;
  creator_id: number | null;
  version_cn: number | null;
  change_key: Uint8Array | null;
  predecessors: Uint8Array | null;
}

export const itemColumns = `m.item_id, m.message_id, m.folder_id, m.uid, m.associated, m.flags, m.keywords, m.cn,
  m.read_cn, m.mod_seq, m.size_bytes, m.internal_ms, m.saved_ms, m.content_id, d.message_class, d.subject,
  d.normalized_subject, d.from_name, d.from_address, d.sent_ms, d.message_id_header, d.has_attachments, d.importance,
  d.preview, d.conversation_id, d.origin, d.sensitivity, d.display_to, d.display_cc, d.conversation_key,
  d.item_size_bytes, d.modified_ms, d.extras, d.creator_id,
  d.version_cn, d.change_key, d.predecessors`;

export const itemTables = `message m JOIN message_detail d ON d.mailbox_id = m.mailbox_id AND d.item_id = m.item_id`;

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}

export function toItemRow(record: ItemRecord): ItemRow {
  return {
    messageId: record.message_id as MessageId, itemId: record.item_id as ItemId, folderId: record.folder_id as FolderId,
    uid: record.uid as Uid, isAssociated: record.associated === 1, flags: record.flags,
    keywords: parseKeywords(record.keywords), cn: record.cn as ChangeNumber, readCn: record.read_cn as ChangeNumber,
    modSeq: record.mod_seq as ChangeNumber, sizeBytes: record.size_bytes,
    itemSizeBytes: record.item_size_bytes ?? record.size_bytes, internalMs: record.internal_ms,
    savedMs: record.saved_ms, contentId: record.content_id as ContentId | null,
    origin: record.origin === origins.mime ? "mime" : "properties", messageClass: record.message_class,
    subject: record.subject, normalizedSubject: record.normalized_subject, fromName: record.from_name,
    fromAddress: record.from_address, displayTo: record.display_to, displayCc: record.display_cc,
    sentMs: record.sent_ms, modifiedMs: record.modified_ms ?? record.saved_ms,
    messageIdHeader: record.message_id_header, hasAttachments: record.has_attachments === 1,
    importance: record.importance, sensitivity: record.sensitivity, preview: record.preview,
    conversationId: record.conversation_id,
    creatorId: record.creator_id as EntryId | null,
    imported: record.change_key === null || record.predecessors === null ? null : {
      isCurrent: record.version_cn === record.cn, changeKey: record.change_key, predecessors: record.predecessors,
    },
    conversationKey: record.conversation_key === null ? "" : hexOf(record.conversation_key),
  };
}

/** Ids asked for at once; texts of few lengths, so that the cache of statements holds them. */
export const idsAtOnce = 100;

/** Rows of some messages by id, in no order; at most {@link idsAtOnce}. Ids that are gone are left out. */
export function* readItemRecords(mailboxId: number, messageIds: readonly number[]): Work<ItemRecord[]> {
  if (messageIds.length === 0) return [];
  const padded = padIds(messageIds);
  return yield* all<ItemRecord>(
    `SELECT ${itemColumns} FROM ${itemTables}
     WHERE m.mailbox_id = $1 AND m.message_id IN (${places(padded.length)})`, mailboxId, ...padded);
}

/** To one of few lengths, by repeating the last id. */
export function padIds(ids: readonly number[]): number[] {
  const length = ids.length === 1 ? 1 : ids.length <= 10 ? 10 : idsAtOnce;
  return Array.from({ length }, (_, index) => ids[Math.min(index, ids.length - 1)]!);
}

/** `$2, $3, …`: the parameters after the mailbox. */
export function places(count: number): string {
  return Array.from({ length: count }, (_, index) => `$${index + 2}`).join(", ");
}

/** Encoded bags of some items, large properties apart. */
export interface StoredBags {
  bag: Uint8Array | null;
  values: Uint8Array[];
}

/** Bags by item id; `withValues` reads the large properties of those that have some too. */
export function* readBags(
  mailboxId: number, items: readonly { item_id: number; extras: number }[], withValues: boolean,
): Work<Map<number, StoredBags>> {
  const found = new Map<number, StoredBags>();
  for (let at = 0; at < items.length; at += idsAtOnce) {
    const slice = items.slice(at, at + idsAtOnce);
    const ids = padIds(slice.map((one) => one.item_id));
    const rows = yield* all<{ item_id: number; bag: Uint8Array | null }>(
      `SELECT item_id, bag FROM message_detail WHERE mailbox_id = $1 AND item_id IN (${places(ids.length)})`,
      mailboxId, ...ids);
    for (const row of rows) found.set(row.item_id, { bag: row.bag, values: [] });
    if (!withValues) continue;
    const large = slice.filter((one) => (one.extras & extraBits.values) !== 0).map((one) => one.item_id);
    if (large.length === 0) continue;
    const largeIds = padIds(large);
    const values = yield* all<{ item_id: number; value: Uint8Array }>(
      `SELECT item_id, value FROM item_value WHERE mailbox_id = $1 AND item_id IN (${places(largeIds.length)})
       ORDER BY item_id, property_tag`, mailboxId, ...largeIds);
    for (const row of values) found.get(row.item_id)?.values.push(row.value);
  }
  return found;
}

export interface RecipientRecord {
  kind: number;
  display_name: string;
  address_type: string;
  address: string;
  bag: Uint8Array | null;
}

export interface AttachmentRecord {
  number: number;
  method: number;
  file_name: string;
  size_bytes: number;
  bag: Uint8Array | null;
  content_id: number | null;
  embedded_item_id: number | null;
}

/** What one item is made of; embedded items are read by their own ids. */
export interface PartRecords {
  readonly bags: StoredBags;
  readonly recipients: readonly RecipientRecord[];
  readonly attachments: readonly AttachmentRecord[];
}

/** undefined for an item that is gone. */
export function* readParts(mailboxId: number, itemId: number): Work<PartRecords | undefined> {
  const detail = yield* get<{ bag: Uint8Array | null; extras: number }>(
    "SELECT bag, extras FROM message_detail WHERE mailbox_id = $1 AND item_id = $2", mailboxId, itemId);
  if (detail === undefined) return undefined;
  const recipients = yield* all<RecipientRecord>(
    `SELECT kind, display_name, address_type, address, bag FROM recipient
     WHERE mailbox_id = $1 AND item_id = $2 ORDER BY row_id`, mailboxId, itemId);
  const attachments = yield* all<AttachmentRecord>(
    `SELECT number, method, file_name, size_bytes, bag, content_id, embedded_item_id FROM attachment
     WHERE mailbox_id = $1 AND item_id = $2 ORDER BY number`, mailboxId, itemId);
  const values = (detail.extras & extraBits.values) === 0 ? [] : yield* all<{ value: Uint8Array }>(
    "SELECT value FROM item_value WHERE mailbox_id = $1 AND item_id = $2 ORDER BY property_tag", mailboxId, itemId);
  return { bags: { bag: detail.bag, values: values.map(({ value }) => value) }, recipients, attachments };
}

export interface TimeRecord extends ItemRecord {
  start_ms: number | null;
  end_ms: number | null;
  recurring: number;
  busy_status: number | null;
  global_object_id: Uint8Array | null;
  reminder_ms: number | null;
}

export const timeColumns = `t.start_ms, t.end_ms, t.recurring, t.busy_status, t.global_object_id, t.reminder_ms`;

export function toTimedItem(record: TimeRecord): TimedItem {
  return {
    row: toItemRow(record), startMs: record.start_ms, endMs: record.end_ms, isRecurring: record.recurring === 1,
    busyStatus: record.busy_status, globalObjectId: record.global_object_id, reminderMs: record.reminder_ms,
  };
}
