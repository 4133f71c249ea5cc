/** Reading items from rows, whichever way they came. */
import { decodeMimeIndex } from "#format/mime/index-text.ts";
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { ContentId, MailboxId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import type { ItemAttachment, ItemBag, ItemObject } from "#convert/item.ts";
import type { MimeIndex } from "#format/mime/types.ts";
import type { MessageContent } from "#mailbox/api.ts";
import { openContent } from "#mailbox/content.ts";
import { addRowProperties } from "#mailbox/items/computed.ts";
import { slices } from "#convert/large.ts";
import { attachmentContent, holdBodies, readMimeItem } from "#mailbox/items/mime-item.ts";
import type { KeptHead } from "#mailbox/items/mime-head.ts";
import type { PropertyNameMap } from "#mailbox/items/names.ts";
import { applyOverlay } from "#mailbox/items/overlay.ts";
import { decodeBags } from "#mailbox/items/stored-bags.ts";
import type { AttachmentContent, ItemRow, StoredAttachment, StoredItem } from "#mailbox/items-api.ts";
import { idsAtOnce, padIds, places, readParts } from "#mailbox/tx/item-rows.ts";
import type { AttachmentRecord, PartRecords, StoredBags } from "#mailbox/tx/item-rows.ts";
import { keepHeads } from "#mailbox/tx/heads.ts";
import type { HeadKept } from "#mailbox/tx/heads.ts";
import type { MessageSource } from "#mailbox/tx/insert.ts";
import { properties } from "#props/registry.ts";
import type { Store } from "#store/api.ts";
import { all, get } from "#store/sql.ts";

const p = properties;

export interface ItemStore {
  readonly store: Store;
  readonly mailboxId: MailboxId;
  readonly names: PropertyNameMap;
}

function gone(): Fault {
  return new Fault("notFound", "This item was removed meanwhile.");
}

/** The item of a row with everything that hangs on it. */
export async function loadItem(
  ctx: Ctx, from: ItemStore, row: ItemRow, { withRow = true } = {},
): Promise<StoredItem> {
  const parts = await from.store.read(ctx, from.mailboxId, () => readParts(from.mailboxId, row.itemId));
  if (parts === undefined) throw gone();
  const item = row.origin === "properties" ? await storedItem(ctx, from, row, parts)
    : await derivedItem(ctx, from, row, parts.bags);
  if (withRow) addRowProperties(item, row);
  return item;
}

/** What was written as properties, as it was written. */
async function storedItem(ctx: Ctx, from: ItemStore, row: ItemRow, parts: PartRecords): Promise<StoredItem> {
  const own = decodeBags(parts.bags);
  const recipients = parts.recipients.map((one) => decodeBags({ bag: one.bag, values: [] }));
  const attachments = parts.attachments.map((one) => decodeBags({ bag: one.bag, values: [] }));
  await from.names.learn(ctx, [own, ...recipients, ...attachments]);
  return {
    ...from.names.toItemObject(own), row,
    recipients: recipients.map((bag) => from.names.toItemObject(bag)),
    attachments: parts.attachments.map((record, index) =>
      storedAttachment(from, row, record, from.names.toItemObject(attachments[index]!))),
  };
}

function storedAttachment(
  from: ItemStore, row: ItemRow, record: AttachmentRecord, object: ItemObject,
): StoredAttachment {
  object.bag.set(p.PidTagAttachNumber.tag, record.number);
  object.bag.set(p.PidTagAttachSize.tag, record.size_bytes + (record.bag?.length ?? 0));
  if (!object.bag.has(p.PidTagAttachMethod.tag)) object.bag.set(p.PidTagAttachMethod.tag, record.method);
  const { embedded_item_id: embeddedId, content_id: contentId } = record;
  return {
    ...object, number: record.number, isEmbedded: embeddedId !== null,
    content: contentId === null ? null : storedContent(from, contentId as ContentId, record.size_bytes),
    async open(ctx) {
      if (embeddedId === null) throw new Fault("notFound", "This attachment holds no message.");
      const parts = await from.store.read(ctx, from.mailboxId, () => readParts(from.mailboxId, embeddedId));
      if (parts === undefined) throw gone();
      return await storedItem(ctx, from, row, parts);
    },
  };
}

function storedContent(from: ItemStore, contentId: ContentId, sizeBytes: number): AttachmentContent {
  return {
    aboutBytes: sizeBytes,
    async *stream(ctx) {
      yield* (await openContent(ctx, from.store, from.mailboxId, contentId)).stream();
    },
  };
}

/** What came as MIME, with what clients set beside it. */
async function derivedItem(ctx: Ctx, from: ItemStore, row: ItemRow, bags: StoredBags): Promise<StoredItem> {
  const { contentId } = row;
  const index = contentId === null ? undefined : await readIndex(ctx, from, contentId);
  if (contentId === null || index === undefined) throw gone();
  const openMessage = (using: Ctx): Promise<MessageContent> =>
    openContent(using, from.store, from.mailboxId, contentId);
  const content = await openMessage(ctx);
  const item = await readMimeItem(ctx, index, content, row.internalMs);
  await holdBodies(ctx, item, content);
  const overlay = decodeBags(bags);
  await from.names.learn(ctx, [overlay]);
  applyOverlay(item, overlay, from.names);
  return derived(row, item, openMessage);
}

function derived(row: ItemRow, item: ItemBag, openMessage: (ctx: Ctx) => Promise<MessageContent>): StoredItem {
  return {
    bag: item.bag, named: item.named, row, recipients: item.recipients,
    attachments: item.attachments.map((one, index) => derivedAttachment(row, one, index, openMessage)),
  };
}

function derivedAttachment(
  row: ItemRow, found: ItemAttachment, index: number, openMessage: (ctx: Ctx) => Promise<MessageContent>,
): StoredAttachment {
  const { embedded, content } = found;
  const bytes = found.bag.get(p.PidTagAttachDataBinary.tag) as Uint8Array | undefined;
  const held = content ?? (bytes === undefined ? undefined
    : { aboutBytes: bytes.length, chunks: () => slices(bytes) });
  const bag = new Map(found.bag);
  bag.delete(p.PidTagAttachDataBinary.tag);
  bag.set(p.PidTagAttachNumber.tag, index);
  return {
    bag, named: found.named, number: index, isEmbedded: embedded !== undefined,
    content: held === undefined ? null : attachmentContent(held, openMessage),
    async open(ctx) {
      if (embedded === undefined) throw new Fault("notFound", "This attachment holds no message.");
      await holdBodies(ctx, embedded, openMessage);
      return derived(row, embedded, openMessage);
    },
  };
}

export async function readIndex(ctx: Ctx, from: ItemStore, contentId: number): Promise<MimeIndex | undefined> {
  const found = await from.store.read(ctx, from.mailboxId, () => get<{ mime_index: string }>(
    "SELECT mime_index FROM mime WHERE mailbox_id = $1 AND content_id = $2", from.mailboxId, contentId));
  return found === undefined ? undefined : decodeMimeIndex(found.mime_index);
}

interface HeadRecord {
  content_id: number;
  head: Uint8Array | null;
  head_names: string | null;
}

/** Heads of messages by content id; those that were never made are made and kept. */
export async function loadHeads(
  ctx: Ctx, from: ItemStore, contentIds: readonly number[],
): Promise<Map<number, KeptHead>> {
  const heads = new Map<number, KeptHead>();
  const missing: number[] = [];
  const wanted = [...new Set(contentIds)];
  for (let at = 0; at < wanted.length; at += idsAtOnce) {
    const ids = padIds(wanted.slice(at, at + idsAtOnce));
    const rows = await from.store.read(ctx, from.mailboxId, () => all<HeadRecord>(
      `SELECT content_id, head, head_names FROM mime
       WHERE mailbox_id = $1 AND content_id IN (${places(ids.length)})`, from.mailboxId, ...ids));
    for (const row of rows) {
      if (row.head === null) missing.push(row.content_id);
      else heads.set(row.content_id, { bag: row.head, names: row.head_names });
    }
  }
  for (let at = 0; at < missing.length; at += limits.itemConvertAtOnce) {
    for (const { contentId, head } of await makeHeads(ctx, from, missing.slice(at, at + limits.itemConvertAtOnce))) {
      heads.set(contentId, head);
    }
  }
  return heads;
}

/** Converted beside the writer, where large messages may be read without holding anybody up. */
async function makeHeads(ctx: Ctx, from: ItemStore, some: readonly number[]): Promise<HeadKept[]> {
  const ids = padIds(some);
  const rows = await from.store.read(ctx, from.mailboxId, () => all<SourceRecord>(
    `SELECT c.content_id, c.size_bytes, c.hash, c.bytes, x.mime_index FROM content c
     JOIN mime x ON x.mailbox_id = c.mailbox_id AND x.content_id = c.content_id
     WHERE c.mailbox_id = $1 AND c.content_id IN (${places(ids.length)})`,
    from.mailboxId, ...ids));
  return await from.store.transact(ctx, from.mailboxId, keepHeads, {
    messages: rows.map((row) => ({ contentId: row.content_id, source: toSource(row), index: row.mime_index })),
  });
}

export interface SourceRecord {
  content_id: number;
  size_bytes: number;
  hash: string | null;
  bytes: Uint8Array | null;
  mime_index: string;
}

export function toSource(row: Omit<SourceRecord, "content_id" | "mime_index">): MessageSource {
  const inline = row.bytes ?? new Uint8Array(0);
  return { inline, blob: row.hash === null ? null : { hash: row.hash, sizeBytes: row.size_bytes - inline.length } };
}

