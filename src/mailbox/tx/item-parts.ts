/** The rows of an item, written: details, large properties, recipients, attachments, its place in time, its words. */
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import type { DetailColumns } from "#mailbox/items/describe.ts";
import type { ItemTime } from "#mailbox/items/times.ts";
import { findConversationKey } from "#mailbox/tx/conversation.ts";
import { takeContentId, takeItemIds } from "#mailbox/tx/counters.ts";
import type { MessageSource } from "#mailbox/tx/insert.ts";
import { extraBits, origins } from "#mailbox/tx/parts.ts";
import type { Transaction } from "#store/api.ts";
import { addToSearchIndex } from "#store/search-index.ts";
import type { SearchFields } from "#store/search-index.ts";
import { get, run } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

/** PidTagRecipientType and what the columns need; the whole row stands in the bag. */
export interface RecipientParts {
  readonly kind: number;
  readonly displayName: string;
  readonly addressType: string;
  readonly address: string;
  readonly bag: Uint8Array | null;
}

export interface AttachmentParts {
  /** PidTagAttachMethod. [MS-OXCMSG] 2.2.2.9 */
  readonly method: number;
  readonly fileName: string;
  readonly bag: Uint8Array | null;
  /** Bytes by value; null for embedded messages and references. */
  readonly content: MessageSource | null;
  readonly embedded: ItemParts | null;
}

/** Properties of one item as they are stored. */
export interface OwnParts {
  readonly columns: DetailColumns;
  /** Encoded property bag, without the properties of `values`. */
  readonly bag: Uint8Array;
  /** Properties too large for the bag, each encoded as a bag of one. */
  readonly values: readonly { readonly tag: number; readonly value: Uint8Array }[];
  readonly time: ItemTime | null;
  /** null for what nobody searches: embedded and associated items. */
  readonly words: SearchFields | null;
}

/** An item without its place in a folder; attachments may hold further items, to any depth that limits allow. */
export interface ItemParts extends OwnParts {
  readonly recipients: readonly RecipientParts[];
  readonly attachments: readonly AttachmentParts[];
}

export function sourceSize(source: MessageSource | null): number {
  return source === null ? 0 : source.inline.length + (source.blob?.sizeBytes ?? 0);
}

export function ownSize(parts: OwnParts): number {
  return parts.values.reduce((sum, { value }) => sum + value.length, parts.bag.length);
}

export function recipientsSize(recipients: readonly RecipientParts[]): number {
  return recipients.reduce((sum, { bag }) => sum + (bag?.length ?? 0), 0);
}

/** Bytes an item counts for, and the check that it is not nested without end. Fault `tooBig`. */
export function measure(parts: ItemParts): number {
  let sizeBytes = 0;
  const pending = [{ parts, depth: 1 }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (next.depth > limits.mimeDepthMax) {
      throw new Fault("tooBig", `Messages inside messages nest at most ${limits.mimeDepthMax} deep.`);
    }
    sizeBytes += ownSize(next.parts) + recipientsSize(next.parts.recipients);
    for (const { bag, content, embedded } of next.parts.attachments) {
      sizeBytes += (bag?.length ?? 0) + sourceSize(content);
      if (embedded !== null) pending.push({ parts: embedded, depth: next.depth + 1 });
    }
  }
  return sizeBytes;
}

/** Everything of an item but its row in `message`. */
export function* insertParts(
  tx: Transaction, itemId: number, parts: ItemParts, ownerAttachmentId: number | null,
): Work<void> {
  const pending = [{ itemId, parts, owner: ownerAttachmentId }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    yield* insertDetail(tx, next.itemId, next.parts, next.owner);
    yield* insertRecipients(tx.scope, next.itemId, next.parts.recipients);
    for (const [number, attachment] of next.parts.attachments.entries()) {
      const embeddedId = yield* insertAttachment(tx, next.itemId, number, attachment);
      if (embeddedId !== null) {
        pending.push({ itemId: embeddedId.itemId, parts: attachment.embedded!, owner: embeddedId.owner });
      }
    }
  }
}

export function* insertRecipients(
  mailboxId: number, itemId: number, recipients: readonly RecipientParts[],
): Work<void> {
  for (const [rowId, recipient] of recipients.entries()) {
    yield* run(
      `INSERT INTO recipient (mailbox_id, item_id, row_id, kind, display_name, address_type, address, bag)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
      mailboxId, itemId, rowId, recipient.kind, recipient.displayName, recipient.addressType, recipient.address,
      recipient.bag);
  }
}

/** The row of an attachment; where its embedded item is to be written, which is for the caller. */
export function* insertAttachment(
  tx: Transaction, itemId: number, number: number, attachment: AttachmentParts,
): Work<{ itemId: number; owner: number } | null> {
  const attachmentId = yield* takeItemIds(tx.scope, 1);
  const embeddedId = attachment.embedded === null ? null : yield* takeItemIds(tx.scope, 1);
  const contentId = attachment.content === null ? null : yield* insertBytes(tx.scope, attachment.content);
  yield* run(
    `INSERT INTO attachment (mailbox_id, attachment_id, item_id, number, method, file_name, size_bytes, content_id,
       embedded_item_id, bag) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
    tx.scope, attachmentId, itemId, number, attachment.method, attachment.fileName, sourceSize(attachment.content),
    contentId, embeddedId, attachment.bag);
  return embeddedId === null ? null : { itemId: embeddedId, owner: attachmentId };
}

export function* insertBytes(mailboxId: number, source: MessageSource): Work<number> {
  const contentId = yield* takeContentId(mailboxId);
  yield* run(
    "INSERT INTO content (mailbox_id, content_id, refs, size_bytes, hash, bytes) VALUES ($1, $2, 1, $3, $4, $5)",
    mailboxId, contentId, sourceSize(source), source.blob?.hash ?? null, source.inline);
  return contentId;
}

export function extrasOf({ values, time, words }: OwnParts): number {
  return (values.length > 0 ? extraBits.values : 0) | (time === null ? 0 : extraBits.time) |
    (words === null ? 0 : extraBits.words);
}

function* insertDetail(tx: Transaction, itemId: number, parts: ItemParts, owner: number | null): Work<void> {
  const { columns } = parts;
  const conversationKey = owner === null ? yield* findConversationKey(tx.scope, columns.references) : null;
  yield* run(
    `INSERT INTO message_detail (mailbox_id, item_id, message_class, subject, normalized_subject, from_name,
       from_address, sent_ms, message_id_header, in_reply_to, has_attachments, importance, preview, conversation_id,
       owner_attachment_id, bag, origin, sensitivity, display_to, display_cc, conversation_key, item_size_bytes,
       modified_ms, extras)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23,
       $24)`,
    tx.scope, itemId, columns.messageClass, columns.subject, columns.normalizedSubject, columns.fromName,
    columns.fromAddress, columns.sentMs, columns.messageIdHeader, columns.inReplyTo, columns.hasAttachments ? 1 : 0,
    columns.importance, columns.preview, columns.conversationId, owner, parts.bag, origins.properties,
    columns.sensitivity, columns.displayTo, columns.displayCc, conversationKey, measure(parts), tx.nowMs,
    extrasOf(parts));
  yield* insertExtras(tx, itemId, parts);
}

/** What the bits of extras tell of. */
export function* insertExtras(tx: Transaction, itemId: number, parts: OwnParts): Work<void> {
  for (const { tag, value } of parts.values) {
    yield* run("INSERT INTO item_value (mailbox_id, item_id, property_tag, value) VALUES ($1, $2, $3, $4)",
      tx.scope, itemId, tag, value);
  }
  if (parts.time !== null) yield* setTime(tx.scope, itemId, parts.time);
  if (parts.words !== null) yield* addToSearchIndex(tx, -itemId, parts.words);
}

export function* setTime(mailboxId: number, itemId: number, time: ItemTime | null): Work<void> {
  if (time === null) {
    yield* run("DELETE FROM item_time WHERE mailbox_id = $1 AND item_id = $2", mailboxId, itemId);
    return;
  }
  yield* run(
    `INSERT INTO item_time (mailbox_id, item_id, start_ms, end_ms, recurring, busy_status, global_object_id,
       reminder_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
     ON CONFLICT (mailbox_id, item_id) DO UPDATE SET start_ms = excluded.start_ms, end_ms = excluded.end_ms,
       recurring = excluded.recurring, busy_status = excluded.busy_status,
       global_object_id = excluded.global_object_id, reminder_ms = excluded.reminder_ms`,
    mailboxId, itemId, time.startMs, time.endMs, time.isRecurring ? 1 : 0, time.busyStatus, time.globalObjectId,
    time.reminderMs);
}

/** Bytes of an item as its rows now are: its own, its recipients', its attachments' with all in them. */
export function* measureStored(mailboxId: number, itemId: number, own: OwnParts): Work<number> {
  const row = yield* get<{ size: number }>(
    `SELECT COALESCE((SELECT SUM(COALESCE(LENGTH(bag), 0)) FROM recipient
         WHERE mailbox_id = $1 AND item_id = $2), 0)
       + COALESCE((SELECT SUM(a.size_bytes + COALESCE(LENGTH(a.bag), 0) + COALESCE((
           SELECT e.item_size_bytes FROM message_detail e
           WHERE e.mailbox_id = a.mailbox_id AND e.item_id = a.embedded_item_id), 0)) FROM attachment a
         WHERE a.mailbox_id = $1 AND a.item_id = $2), 0) AS size`, mailboxId, itemId);
  return ownSize(own) + Number(row!.size);
}
