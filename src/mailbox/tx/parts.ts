/** What hangs on a message besides its row: details, recipients, attachments, and the messages inside those. */
import { takeItemIds } from "#mailbox/tx/counters.ts";
import type { Transaction } from "#store/api.ts";
import { numberList, numberRows, numberSet } from "#store/number-list.ts";
import { removeFromSearchIndex, removeManyFromSearchIndex } from "#store/search-index.ts";
import { all, get, run } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

/** Every column of `message_detail` that a copy takes along; the others tell of the place it is in. */
const copiedColumns = `message_class, subject, normalized_subject, from_name, from_address, sent_ms, message_id_header,
  in_reply_to, has_attachments, importance, preview, conversation_id, bag, origin, sensitivity, display_to, display_cc,
  conversation_key, item_size_bytes, modified_ms, extras, trouble`;

/** Where an item's bytes and properties are. */
export const origins = { mime: 0, properties: 1 } as const;

/**
 * Bits of `message_detail.extras`: what stands in other tables, and `plain`: the bytes are plain mail, of which header
 * fields and bodies are all that properties are made of. Messages from before that bit was kept do not have it.
 */
export const extraBits = { values: 1, time: 2, words: 4, plain: 8 } as const;

const elsewhere = extraBits.values | extraBits.time | extraBits.words;

interface Extent {
  extras: number;
}

/** Items whose details are copied, and whom the copies belong to. */
export interface CopiedItems {
  readonly itemIds: readonly number[];
  /** The copies get this item id and those after it, in the same order. */
  readonly firstCopyId: number;
  /** The directory entry of whoever copies; null for the owner. */
  readonly creatorId: number | null;
}

/**
 * Copies everything that hangs on messages, embedded messages included, to any depth; items with words of their own in
 * the search index, which do not come along. Mail as it came is details alone: those are copied in one statement.
 */
export function* copyParts(tx: Transaction, { itemIds, firstCopyId, creatorId }: CopiedItems): Work<number[]> {
  const list = numberList(itemIds);
  yield* run(
    `INSERT INTO message_detail (mailbox_id, item_id, owner_attachment_id, creator_id, came_from_id,
       came_from_folder_id, came_by, ${copiedColumns})
     SELECT d.mailbox_id, $3 + list.position, NULL, $4, m.message_id, m.folder_id, $5, ${copiedColumns}
     FROM ${numberRows(tx.dialect, "$2")} CROSS JOIN message m CROSS JOIN message_detail d
     WHERE m.mailbox_id = $1 AND m.item_id = list.value AND d.mailbox_id = $1 AND d.item_id = list.value
     ORDER BY list.position`,
    tx.scope, list, firstCopyId, creatorId, cameBy.copy);
  const withWords: number[] = [];
  for (const { item_id: itemId, position, extras } of yield* readComposed(tx, list)) {
    const copyId = firstCopyId + position;
    yield* copyRows(tx.scope, itemId, copyId, extras);
    yield* copyAttachments(tx.scope, itemId, copyId);
    if ((extras & extraBits.words) !== 0) withWords.push(copyId);
  }
  return withWords;
}

interface Composed extends Extent {
  item_id: number;
  position: number;
}

/** Those of a list of items that have rows in other tables, or may have. */
function* readComposed(tx: Transaction, list: string): Work<Composed[]> {
  return yield* all<Composed>(
    `SELECT d.item_id, list.position, d.extras
     FROM ${numberRows(tx.dialect, "$2")} CROSS JOIN message_detail d
     WHERE d.mailbox_id = $1 AND d.item_id = list.value AND (d.origin <> 0 OR (d.extras & ${elsewhere}) <> 0
       OR EXISTS (SELECT 1 FROM recipient r WHERE r.mailbox_id = $1 AND r.item_id = d.item_id)
       OR EXISTS (SELECT 1 FROM attachment a WHERE a.mailbox_id = $1 AND a.item_id = d.item_id))
     ORDER BY list.position`, tx.scope, list);
}

function* copyAttachments(mailboxId: number, fromItem: number, toItem: number): Work<void> {
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
    }
  }
}

/** Tells who made an item, where it was not the owner. */
export function setCreator(mailboxId: number, itemId: number, creatorId: number): Work<number> {
  return run("UPDATE message_detail SET creator_id = $3 WHERE mailbox_id = $1 AND item_id = $2",
    mailboxId, itemId, creatorId);
}

/** How a message came where it is: `message_detail.came_by`. */
export const cameBy = { move: 1, copy: 2 } as const;

function* copyDetail(mailboxId: number, fromItem: number, toItem: number, owner: number): Work<void> {
  const row = yield* get<Extent>(
    `INSERT INTO message_detail (mailbox_id, item_id, owner_attachment_id, ${copiedColumns})
     SELECT mailbox_id, $3, $4, ${copiedColumns} FROM message_detail WHERE mailbox_id = $1 AND item_id = $2
     RETURNING extras`,
    mailboxId, fromItem, toItem, owner);
  yield* copyRows(mailboxId, fromItem, toItem, row?.extras ?? 0);
}

/** Rows of other tables that belong to one item, but for attachments. */
function* copyRows(mailboxId: number, fromItem: number, toItem: number, extras: number): Work<void> {
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

/** Removes the rows of messages and lets go of their bytes, embedded messages included. */
export function* eraseItems(
  tx: Transaction, items: readonly { readonly item_id: number; readonly content_id: number | null }[],
): Work<void> {
  const list = numberList(items.map((item) => item.item_id));
  for (const { item_id: itemId } of yield* readComposed(tx, list)) {
    const extras = yield* eraseParts(tx, itemId);
    if ((extras & extraBits.words) !== 0) yield* removeFromSearchIndex(tx, -itemId);
  }
  const ids = numberSet(tx.dialect, "$2");
  yield* run(`DELETE FROM message_detail WHERE mailbox_id = $1 AND item_id IN ${ids}`, tx.scope, list);
  yield* run(`DELETE FROM message WHERE mailbox_id = $1 AND item_id IN ${ids}`, tx.scope, list);
  yield* releaseContents(tx, items.map((item) => item.content_id));
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
    if (attachment.embedded_item_id !== null) embedded.push(attachment.embedded_item_id);
    yield* run("DELETE FROM attachment WHERE mailbox_id = $1 AND attachment_id = $2",
      tx.scope, attachment.attachment_id);
    yield* releaseContent(tx, attachment.content_id);
  }
  return embedded;
}

/** Removes attachments of an item by number, with what is embedded in them. */
export function* removeAttachments(tx: Transaction, itemId: number, numbers: ReadonlySet<number>): Work<void> {
  for (const embedded of yield* eraseAttachments(tx, itemId, numbers)) yield* eraseParts(tx, embedded);
}

/** After a user of bytes is gone: see {@link releaseContents}. */
export function* releaseContent(tx: Transaction, contentId: number | null): Work<void> {
  if (contentId !== null) yield* releaseContents(tx, [contentId]);
}

/**
 * Bytes that nobody uses any more go, with all that was worked out from them. Users are counted when one leaves and
 * not kept counted: that would write the bytes anew with each copy. Blobs stay for the sweep, which knows all users.
 */
export function* releaseContents(tx: Transaction, contentIds: readonly (number | null)[]): Work<void> {
  const wanted = new Set<number>();
  for (const id of contentIds) if (id !== null) wanted.add(id);
  if (wanted.size === 0) return;
  const ids = numberSet(tx.dialect, "$2");
  const gone = yield* all<{ content_id: number }>(
    `DELETE FROM content WHERE mailbox_id = $1 AND content_id IN ${ids}
       AND NOT EXISTS (SELECT 1 FROM message m WHERE m.mailbox_id = $1 AND m.content_id = content.content_id)
       AND NOT EXISTS (SELECT 1 FROM attachment a WHERE a.mailbox_id = $1 AND a.content_id = content.content_id)
     RETURNING content_id`, tx.scope, numberList(wanted));
  if (gone.length === 0) return;
  const list = numberList(gone.map((row) => row.content_id));
  yield* run(`DELETE FROM mime WHERE mailbox_id = $1 AND content_id IN ${ids}`, tx.scope, list);
  for (const table of ["content_grams", "content_keys", "content_fields"]) {
    yield* run(`DELETE FROM ${table} WHERE mailbox_id = $1 AND content_id IN ${ids}`, tx.scope, list);
  }
  yield* removeManyFromSearchIndex(tx, list);
}
