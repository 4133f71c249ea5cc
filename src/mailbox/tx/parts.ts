/** What hangs on a message besides its row: details, recipients, attachments, and the messages inside those. */
import { takeItemIds } from "#mailbox/tx/counters.ts";
import type { Transaction } from "#store/api.ts";
import { removeFromSearchIndex } from "#store/search-index.ts";
import { all, get, run } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

/** Every column of `message_detail` that a copy takes along; the others tell of the place it is in. */
const copiedColumns = `message_class, subject, normalized_subject, from_name, from_address, sent_ms, message_id_header,
  in_reply_to, has_attachments, importance, preview, conversation_id, bag, origin, sensitivity, display_to, display_cc,
  conversation_key, item_size_bytes, modified_ms, extras, trouble`;

/** Where an item's bytes and properties are. */
export const origins = { mime: 0, properties: 1 } as const;

/** Bits of `message_detail.extras`: what stands in other tables. */
export const extraBits = { values: 1, time: 2, words: 4 } as const;

interface Extent {
  extras: number;
}

/**
 * Copies everything that hangs on a message, embedded messages included, to any depth; its bits of extras. Words in the
 * search index do not come along.
 */
export function* copyParts(mailboxId: number, fromItem: number, toItem: number): Work<number> {
  const extras = yield* copyDetail(mailboxId, fromItem, toItem, null);
  const pending = [{ fromItem, toItem }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (const attachment of yield* readAttachments(mailboxId, next.fromItem)) {
      const copyId = yield* takeItemIds(mailboxId, 1);
      let embeddedId: number | null = null;
      if (attachment.embedded_item_id !== null) {
        embeddedId = yield* takeItemIds(mailboxId, 1);
        yield* copyDetail(mailboxId, attachment.embedded_item_id, embeddedId, copyId);
        pending.push({ fromItem: attachment.embedded_item_id, toItem: embeddedId });
      }
      yield* run(
        `INSERT INTO attachment (mailbox_id, attachment_id, item_id, number, method, file_name, size_bytes, content_id,
           embedded_item_id, bag)
         SELECT mailbox_id, $3, $4, number, method, file_name, size_bytes, content_id, $5, bag
         FROM attachment WHERE mailbox_id = $1 AND attachment_id = $2`,
        mailboxId, attachment.attachment_id, copyId, next.toItem, embeddedId);
      yield* shareContent(mailboxId, attachment.content_id);
    }
  }
  return extras;
}

/** Tells who made an item, where it was not the owner. */
export function setCreator(mailboxId: number, itemId: number, creatorId: number): Work<number> {
  return run("UPDATE message_detail SET creator_id = $3 WHERE mailbox_id = $1 AND item_id = $2",
    mailboxId, itemId, creatorId);
}

function* copyDetail(mailboxId: number, fromItem: number, toItem: number, owner: number | null): Work<number> {
  const row = yield* get<Extent>(
    `INSERT INTO message_detail (mailbox_id, item_id, owner_attachment_id, ${copiedColumns})
     SELECT mailbox_id, $3, $4, ${copiedColumns} FROM message_detail WHERE mailbox_id = $1 AND item_id = $2
     RETURNING extras`,
    mailboxId, fromItem, toItem, owner);
  const { extras } = row ?? { extras: 0 };
  yield* run(
    `INSERT INTO recipient (mailbox_id, item_id, row_id, kind, display_name, address_type, address, bag)
     SELECT mailbox_id, $3, row_id, kind, display_name, address_type, address, bag
     FROM recipient WHERE mailbox_id = $1 AND item_id = $2`, mailboxId, fromItem, toItem);
  if ((extras & extraBits.values) !== 0) {
    yield* run(
      `INSERT INTO item_value (mailbox_id, item_id, property_tag, value)
       SELECT mailbox_id, $3, property_tag, value FROM item_value WHERE mailbox_id = $1 AND item_id = $2`,
      mailboxId, fromItem, toItem);
  }
  if ((extras & extraBits.time) !== 0) {
    yield* run(
      `INSERT INTO item_time (mailbox_id, item_id, start_ms, end_ms, recurring, busy_status, global_object_id,
         reminder_ms)
       SELECT mailbox_id, $3, start_ms, end_ms, recurring, busy_status, global_object_id, reminder_ms
       FROM item_time WHERE mailbox_id = $1 AND item_id = $2`, mailboxId, fromItem, toItem);
  }
  return extras;
}

interface AttachmentRecord {
  attachment_id: number;
  number: number;
  content_id: number | null;
  embedded_item_id: number | null;
}

function* readAttachments(mailboxId: number, itemId: number): Work<AttachmentRecord[]> {
  return yield* all<AttachmentRecord>(
    "SELECT attachment_id, number, content_id, embedded_item_id FROM attachment WHERE mailbox_id = $1 AND item_id = $2",
    mailboxId, itemId);
}

/** Removes a message's rows and lets go of its bytes, embedded messages included. */
export function* eraseItem(tx: Transaction, itemId: number, contentId: number | null): Work<void> {
  const extras = yield* eraseParts(tx, itemId);
  yield* run("DELETE FROM message WHERE mailbox_id = $1 AND item_id = $2", tx.scope, itemId);
  yield* releaseContent(tx, contentId);
  if ((extras & extraBits.words) !== 0) yield* removeFromSearchIndex(tx, -itemId);
}

/** The bits of extras of the outermost item. */
function* eraseParts(tx: Transaction, itemId: number): Work<number> {
  const pending = [itemId];
  let outermost: number | undefined;
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (const embedded of yield* eraseAttachments(tx, next, null)) pending.push(embedded);
    yield* run("DELETE FROM recipient WHERE mailbox_id = $1 AND item_id = $2", tx.scope, next);
    const row = yield* get<Extent>(
      "DELETE FROM message_detail WHERE mailbox_id = $1 AND item_id = $2 RETURNING extras", tx.scope, next);
    const extras = row?.extras ?? 0;
    if ((extras & extraBits.values) !== 0) {
      yield* run("DELETE FROM item_value WHERE mailbox_id = $1 AND item_id = $2", tx.scope, next);
    }
    if ((extras & extraBits.time) !== 0) {
      yield* run("DELETE FROM item_time WHERE mailbox_id = $1 AND item_id = $2", tx.scope, next);
    }
    outermost ??= extras;
  }
  return outermost ?? 0;
}

/** Removes attachments by number, or all; the items embedded in them, which are still there. */
function* eraseAttachments(tx: Transaction, itemId: number, numbers: ReadonlySet<number> | null): Work<number[]> {
  const found = yield* readAttachments(tx.scope, itemId);
  const doomed = numbers === null ? found : found.filter(({ number }) => numbers.has(number));
  const embedded: number[] = [];
  for (const attachment of doomed) {
    yield* releaseContent(tx, attachment.content_id);
    if (attachment.embedded_item_id !== null) embedded.push(attachment.embedded_item_id);
    yield* run("DELETE FROM attachment WHERE mailbox_id = $1 AND attachment_id = $2",
      tx.scope, attachment.attachment_id);
  }
  return embedded;
}

/** Removes attachments of an item by number, with what is embedded in them. */
export function* removeAttachments(tx: Transaction, itemId: number, numbers: ReadonlySet<number>): Work<void> {
  for (const embedded of yield* eraseAttachments(tx, itemId, numbers)) yield* eraseParts(tx, embedded);
}

/** One user of the bytes more. */
export function* shareContent(mailboxId: number, contentId: number | null): Work<void> {
  if (contentId === null) return;
  yield* run("UPDATE content SET refs = refs + 1 WHERE mailbox_id = $1 AND content_id = $2", mailboxId, contentId);
}

/** One user of the bytes less; the last one takes them along. Blobs stay for the sweep, which knows all users. */
export function* releaseContent(tx: Transaction, contentId: number | null): Work<void> {
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
