/**
 * Items written as properties: appointments, contacts, settings (associated messages), and whatever else does not come
 * as MIME. Bags are stored as they were encoded and given back byte for byte.
 */
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { messageFlags } from "#mailbox/api.ts";
import {
  adjustFolder, adjustMailbox, takeCn, takeContentId, takeItemIds, takeObjectIds,
} from "#mailbox/tx/counters.ts";
import { readFolder } from "#mailbox/tx/folders.ts";
import { checkQuota } from "#mailbox/tx/quota.ts";
import type { MessageSource } from "#mailbox/tx/insert.ts";
import { procedure } from "#store/api.ts";
import { all, get, run } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

/** PidTagRecipientType values and what the columns need; everything else stands in the bag. */
export interface ItemRecipient {
  readonly kind: number;
  readonly displayName: string;
  readonly addressType: string;
  readonly address: string;
  readonly bag: Uint8Array | null;
}

export interface ItemAttachment {
  /** PidTagAttachMethod. [MS-OXCMSG] 2.2.2.9 */
  readonly method: number;
  readonly fileName: string;
  readonly bag: Uint8Array | null;
  /** Bytes by value; null for embedded messages and references. */
  readonly content: MessageSource | null;
  readonly embedded: ItemParts | null;
}

/** An item without its place in a folder; attachments may hold further items, to any depth that limits allow. */
export interface ItemParts {
  readonly messageClass: string;
  readonly subject: string;
  /** Encoded property bag. */
  readonly bag: Uint8Array;
  readonly recipients: readonly ItemRecipient[];
  readonly attachments: readonly ItemAttachment[];
}

export interface CreateItem {
  readonly folderId: number;
  readonly associated: boolean;
  readonly flags: number;
  readonly internalMs: number | null;
  readonly quotaBytes: number | null;
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
    const sizeBytes = measure(args.parts);
    yield* checkQuota(mailboxId, args.quotaBytes, sizeBytes);
    const cn = yield* takeCn(mailboxId);
    const messageId = yield* takeObjectIds(mailboxId, 1);
    const itemId = yield* takeItemIds(mailboxId, 1);
    const unread = (args.flags & messageFlags.seen) === 0 ? 1 : 0;
    const uid = yield* adjustFolder(mailboxId, args.folderId, cn, args.associated
      ? { associated: 1, sizeBytes, uids: 1 } : { messages: 1, unread, sizeBytes, uids: 1 });
    yield* adjustMailbox(mailboxId, 1, sizeBytes);
    yield* run(
      `INSERT INTO message (mailbox_id, item_id, message_id, folder_id, uid, associated, flags, keywords, cn, read_cn,
         mod_seq, size_bytes, internal_ms, saved_ms, content_id)
       VALUES ($1, $2, $3, $4, $5, $6, $7, NULL, $8, $8, $8, $9, $10, $11, NULL)`,
      mailboxId, itemId, messageId, args.folderId, uid, args.associated ? 1 : 0, args.flags, cn, sizeBytes,
      args.internalMs ?? tx.nowMs, tx.nowMs);
    yield* insertParts(mailboxId, itemId, args.parts);
    return { messageId, itemId, cn };
  },
});

/** Bytes an item counts for, and the check that it is not nested without end. Fault `tooBig`. */
function measure(parts: ItemParts): number {
  let sizeBytes = 0;
  const pending = [{ parts, depth: 1 }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (next.depth > limits.mimeDepthMax) {
      throw new Fault("tooBig", `Messages inside messages nest at most ${limits.mimeDepthMax} deep.`);
    }
    sizeBytes += next.parts.bag.length;
    for (const recipient of next.parts.recipients) sizeBytes += recipient.bag?.length ?? 0;
    for (const { bag, content, embedded } of next.parts.attachments) {
      sizeBytes += (bag?.length ?? 0) + (content?.inline.length ?? 0) + (content?.blob?.sizeBytes ?? 0);
      if (embedded !== null) pending.push({ parts: embedded, depth: next.depth + 1 });
    }
  }
  return sizeBytes;
}

function* insertParts(mailboxId: number, itemId: number, parts: ItemParts): Work<void> {
  const pending = [{ itemId, parts, owner: null as number | null }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    yield* insertDetail(mailboxId, next.itemId, next.parts, next.owner);
    for (const [rowId, recipient] of next.parts.recipients.entries()) {
      yield* run(
        `INSERT INTO recipient (mailbox_id, item_id, row_id, kind, display_name, address_type, address, bag)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
        mailboxId, next.itemId, rowId, recipient.kind, recipient.displayName, recipient.addressType, recipient.address,
        recipient.bag);
    }
    for (const [number, attachment] of next.parts.attachments.entries()) {
      const attachmentId = yield* takeItemIds(mailboxId, 1);
      const embeddedId = attachment.embedded === null ? null : yield* takeItemIds(mailboxId, 1);
      const contentId = attachment.content === null ? null : yield* insertBytes(mailboxId, attachment.content);
      yield* run(
        `INSERT INTO attachment (mailbox_id, attachment_id, item_id, number, method, file_name, size_bytes, content_id,
           embedded_item_id, bag) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
        mailboxId, attachmentId, next.itemId, number, attachment.method, attachment.fileName,
        (attachment.content?.inline.length ?? 0) + (attachment.content?.blob?.sizeBytes ?? 0), contentId, embeddedId,
        attachment.bag);
      if (attachment.embedded !== null) {
        pending.push({ itemId: embeddedId!, parts: attachment.embedded, owner: attachmentId });
      }
    }
  }
}

function* insertDetail(mailboxId: number, itemId: number, parts: ItemParts, owner: number | null): Work<void> {
  yield* run(
    `INSERT INTO message_detail (mailbox_id, item_id, message_class, subject, normalized_subject, from_name,
       from_address, sent_ms, message_id_header, in_reply_to, has_attachments, importance, preview,
       owner_attachment_id, bag) VALUES ($1, $2, $3, $4, $4, '', '', NULL, '', '', $5, 1, '', $6, $7)`,
    mailboxId, itemId, parts.messageClass, parts.subject, parts.attachments.length > 0 ? 1 : 0, owner, parts.bag);
}

function* insertBytes(mailboxId: number, source: MessageSource): Work<number> {
  const contentId = yield* takeContentId(mailboxId);
  yield* run(
    "INSERT INTO content (mailbox_id, content_id, refs, size_bytes, hash, bytes) VALUES ($1, $2, 1, $3, $4, $5)",
    mailboxId, contentId, source.inline.length + (source.blob?.sizeBytes ?? 0), source.blob?.hash ?? null,
    source.inline);
  return contentId;
}

/** A stored attachment: its bytes by content id, or the item embedded in it. */
export interface StoredAttachment {
  readonly attachmentId: number;
  readonly method: number;
  readonly fileName: string;
  readonly sizeBytes: number;
  readonly bag: Uint8Array | null;
  readonly contentId: number | null;
  readonly embeddedItemId: number | null;
}

export interface StoredItem {
  readonly messageClass: string;
  readonly subject: string;
  /** Null for a message that is kept as MIME only. */
  readonly bag: Uint8Array | null;
  readonly recipients: readonly ItemRecipient[];
  readonly attachments: readonly StoredAttachment[];
}

/** One item as it was written; embedded items are read by their own ids. Fault `notFound`. */
export function* readItem(mailboxId: number, itemId: number): Work<StoredItem> {
  const detail = yield* get<{ message_class: string; subject: string; bag: Uint8Array | null }>(
    "SELECT message_class, subject, bag FROM message_detail WHERE mailbox_id = $1 AND item_id = $2", mailboxId, itemId);
  if (detail === undefined) throw new Fault("notFound", "This message was removed meanwhile.");
  const recipients = yield* all<{
    kind: number; display_name: string; address_type: string; address: string; bag: Uint8Array | null;
  }>(
    `SELECT kind, display_name, address_type, address, bag FROM recipient
     WHERE mailbox_id = $1 AND item_id = $2 ORDER BY row_id`, mailboxId, itemId);
  const attachments = yield* all<{
    attachment_id: number; method: number; file_name: string; size_bytes: number; bag: Uint8Array | null;
    content_id: number | null; embedded_item_id: number | null;
  }>(
    `SELECT attachment_id, method, file_name, size_bytes, bag, content_id, embedded_item_id FROM attachment
     WHERE mailbox_id = $1 AND item_id = $2 ORDER BY number`, mailboxId, itemId);
  return {
    messageClass: detail.message_class, subject: detail.subject, bag: detail.bag,
    recipients: recipients.map((row) => ({
      kind: row.kind, displayName: row.display_name, addressType: row.address_type, address: row.address, bag: row.bag,
    })),
    attachments: attachments.map((row) => ({
      attachmentId: row.attachment_id, method: row.method, fileName: row.file_name, sizeBytes: row.size_bytes,
      bag: row.bag, contentId: row.content_id, embeddedItemId: row.embedded_item_id,
    })),
  };
}
