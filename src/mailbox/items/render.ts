/** Gives items made of properties the bytes that IMAP and POP3 show, when somebody first looks at them that way. */
import type { Ctx } from "#base/ctx.ts";
import { yieldToOthers } from "#base/ctx.ts";
import { Fault, WireError } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import type { ItemObject } from "#convert/item.ts";
import { toSource } from "#mailbox/items/load.ts";
import type { ItemStore } from "#mailbox/items/load.ts";
import { decodeBags } from "#mailbox/items/stored-bags.ts";
import { addRowProperties } from "#mailbox/items/computed.ts";
import { itemColumns, itemTables, readParts, toItemRow } from "#mailbox/tx/item-rows.ts";
import type { AttachmentRecord, ItemRecord, PartRecords } from "#mailbox/tx/item-rows.ts";
import { renderMessage } from "#mailbox/tx/render.ts";
import type { PlainAttachment, PlainItem } from "#mailbox/tx/render.ts";
import type { PropertyBag } from "#props/types.ts";
import { get } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

/** What a row must tell to be rendered; its content and size are filled in. */
export interface Renderable {
  readonly item_id: number;
  content_id: number | null;
  size_bytes: number;
}

/** Tries for an item that others change at the same time. */
const triesMax = 3;

/**
 * Rows that have bytes, those that lack them rendered; an item that is gone meanwhile is left out. The usual folder
 * has none to render, and costs no more than a look at its rows.
 */
export async function withBytes<R extends Renderable>(
  ctx: Ctx, from: ItemStore, domain: string, rows: R[],
): Promise<R[]> {
  const missing = rows.filter((row) => row.content_id === null);
  if (missing.length === 0) return rows;
  for (let at = 0; at < missing.length; at += limits.itemConvertAtOnce) {
    const some = missing.slice(at, at + limits.itemConvertAtOnce);
    await Promise.all(some.map((row) => renderRow(ctx, from, domain, row)));
    await yieldToOthers();
  }
  return rows.filter((row) => row.content_id !== null);
}

async function renderRow(ctx: Ctx, from: ItemStore, domain: string, row: Renderable): Promise<void> {
  for (let tries = 0; tries < triesMax; tries++) {
    const record = await from.store.read(ctx, from.mailboxId, () => get<ItemRecord>(
      `SELECT ${itemColumns} FROM ${itemTables} WHERE m.mailbox_id = $1 AND m.item_id = $2`,
      from.mailboxId, row.item_id));
    if (record === undefined) return;
    if (record.content_id !== null) {
      row.content_id = record.content_id;
      row.size_bytes = record.size_bytes;
      return;
    }
    const done = await from.store.transact(ctx, from.mailboxId, renderMessage, {
      itemId: record.item_id, cn: record.cn, subject: record.subject, domain,
      item: await plainItem(ctx, from, record),
    });
    if (done === null) continue;
    row.content_id = done.contentId;
    row.size_bytes = done.sizeBytes;
    return;
  }
}

/** Bags as they were read, before names are known. */
interface RawItem {
  readonly parts: PartRecords;
  readonly attachments: readonly {
    readonly record: AttachmentRecord;
    readonly source: PlainAttachment["source"];
    readonly inner: RawItem | null;
  }[];
}

async function plainItem(ctx: Ctx, from: ItemStore, record: ItemRecord): Promise<PlainItem> {
  const raw = await from.store.read(ctx, from.mailboxId, () => readDeep(from.mailboxId, record.item_id, 0));
  const item = raw === null ? emptyItem() : await toPlain(ctx, from, raw);
  addRowProperties(item, toItemRow(record));
  return item;
}

function emptyItem(): PlainItem {
  return { bag: new Map(), named: new Map(), recipients: [], attachments: [] };
}

/** Everything of an item with its bytes, to the depth that items may have. */
function* readDeep(mailboxId: number, itemId: number, depth: number): Work<RawItem | null> {
  const parts = yield* readParts(mailboxId, itemId);
  if (parts === undefined) return null;
  const attachments = [];
  for (const record of parts.attachments) {
    const content = record.content_id === null ? undefined
      : yield* get<{ size_bytes: number; hash: string | null; bytes: Uint8Array | null }>(
        "SELECT size_bytes, hash, bytes FROM content WHERE mailbox_id = $1 AND content_id = $2",
        mailboxId, record.content_id);
    const inner = record.embedded_item_id === null || depth >= limits.mimeDepthMax ? null
      : yield* readDeep(mailboxId, record.embedded_item_id, depth + 1);
    attachments.push({ record, source: content === undefined ? null : toSource(content), inner });
  }
  return { parts, attachments };
}

async function toPlain(ctx: Ctx, from: ItemStore, { parts, attachments }: RawItem): Promise<PlainItem> {
  const object = async (bags: { bag: Uint8Array | null; values: readonly Uint8Array[] }): Promise<ItemObject> => {
    const bag = readable(ctx, bags);
    await from.names.learn(ctx, [bag]);
    return from.names.toItemObject(bag);
  };
  const recipients = [];
  for (const { bag } of parts.recipients) recipients.push(await object({ bag, values: [] }));
  const plain: PlainAttachment[] = [];
  for (const { record, source, inner } of attachments) {
    plain.push({
      ...await object({ bag: record.bag, values: [] }), source,
      embedded: inner === null ? null : await toPlain(ctx, from, inner),
    });
  }
  return { ...await object(parts.bags), recipients, attachments: plain };
}

/** A damaged bag leaves an item that shows what is left of it. */
function readable(ctx: Ctx, bags: Parameters<typeof decodeBags>[0]): PropertyBag {
  try {
    return decodeBags(bags);
  } catch (error) {
    if (!(error instanceof WireError) && !(error instanceof Fault)) throw error;
    ctx.log.warn({ error: error.message }, "the properties of an item cannot be read");
    return new Map();
  }
}
