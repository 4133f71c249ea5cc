/** The procedure that gives an item made of properties the bytes that IMAP and POP3 show. */
import { encodeMimeIndex } from "#format/mime/index-text.ts";
import { limits } from "#base/limits.ts";
import type { ItemAttachment, ItemBag, ItemObject } from "#convert/item.ts";
import { createMimeIndexer } from "#format/mime/indexer.ts";
import { renderItem, renderPlaceholder } from "#mailbox/items/rendering.ts";
import { takeContentId } from "#mailbox/tx/counters.ts";
import type { MessageSource } from "#mailbox/tx/insert.ts";
import { sourceChunks } from "#mailbox/tx/source.ts";
import { procedure } from "#store/api.ts";
import type { PrepareIo } from "#store/api.ts";
import { get, run } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";
import { sourceSize } from "#mailbox/tx/item-parts.ts";

/** An item as plain data, to be sent to the thread that renders it. */
export interface PlainItem extends ItemObject {
  readonly recipients: readonly ItemObject[];
  readonly attachments: readonly PlainAttachment[];
}

export interface PlainAttachment extends ItemObject {
  readonly source: MessageSource | null;
  readonly embedded: PlainItem | null;
}

export interface RenderMessage {
  readonly itemId: number;
  /** Of the item that was read; another by now is left for the next time. */
  readonly cn: number;
  readonly subject: string;
  /** For ids that the item lacks. */
  readonly domain: string;
  readonly item: PlainItem;
}

interface Rendered {
  readonly source: MessageSource;
  readonly indexText: string;
}

function toBag(item: PlainItem, io: PrepareIo): ItemBag {
  return {
    bag: item.bag, named: item.named, recipients: [...item.recipients],
    attachments: item.attachments.map((one) => toAttachment(one, io)),
  };
}

/** Items nest no deeper than they were stored. */
function toAttachment({ bag, named, source, embedded }: PlainAttachment, io: PrepareIo): ItemAttachment {
  return {
    bag, named,
    ...embedded === null ? {} : { embedded: toBag(embedded, io) },
    ...source === null ? {} : { content: { aboutBytes: sourceSize(source), chunks: sourceChunks(source, io) } },
  };
}

function render(args: RenderMessage, io: PrepareIo): Rendered {
  try {
    return keep(renderItem(toBag(args.item, io), args.domain), io);
  } catch {
    // An item that no format holds must not keep its folder from being opened.
    return keep(renderPlaceholder(args.subject), io);
  }
}

/** Small bytes in the row, large ones in a blob, read once on their way. */
function keep(chunks: Iterable<Uint8Array>, io: PrepareIo): Rendered {
  const indexer = createMimeIndexer();
  const held: Uint8Array[] = [];
  let heldBytes = 0;
  const iterator = chunks[Symbol.iterator]();
  let step = iterator.next();
  for (; !step.done && heldBytes < limits.blobThresholdBytes; step = iterator.next()) {
    held.push(step.value);
    heldBytes += step.value.length;
    indexer.push(step.value);
  }
  if (step.done) {
    const inline = Uint8Array.from(Buffer.concat(held));
    return { source: { inline, blob: null }, indexText: encodeMimeIndex(indexer.end().index) };
  }
  const blob = io.writeBlob((function* () {
    yield* held;
    for (; !step.done; step = iterator.next()) {
      indexer.push(step.value);
      yield step.value;
    }
  })());
  return { source: { inline: new Uint8Array(0), blob }, indexText: encodeMimeIndex(indexer.end().index) };
}

export interface MessageRendered {
  readonly contentId: number;
  readonly sizeBytes: number;
}

/**
 * Keeps the rendered bytes. The item itself does not change, so it takes no change number: whoever asks for its bytes
 * gets them from here on. null when the item changed meanwhile or has bytes by now.
 */
export const renderMessage = procedure({
  name: "mailbox.renderMessage",
  prepare: (args: RenderMessage, io) => render(args, io),
  *run(tx, args: RenderMessage, { source, indexText }: Rendered): Work<MessageRendered | null> {
    const mailboxId = tx.scope;
    const row = yield* get<{ folder_id: number; size_bytes: number }>(
      `SELECT folder_id, size_bytes FROM message
       WHERE mailbox_id = $1 AND item_id = $2 AND cn = $3 AND content_id IS NULL`, mailboxId, args.itemId, args.cn);
    if (row === undefined) return null;
    const contentId = yield* takeContentId(mailboxId);
    const sizeBytes = sourceSize(source);
    yield* run(
      "INSERT INTO content (mailbox_id, content_id, refs, size_bytes, hash, bytes) VALUES ($1, $2, 1, $3, $4, $5)",
      mailboxId, contentId, sizeBytes, source.blob?.hash ?? null, source.inline);
    yield* run("INSERT INTO mime (mailbox_id, content_id, mime_index) VALUES ($1, $2, $3)",
      mailboxId, contentId, indexText);
    yield* run("UPDATE message SET content_id = $3, size_bytes = $4 WHERE mailbox_id = $1 AND item_id = $2",
      mailboxId, args.itemId, contentId, sizeBytes);
    const more = sizeBytes - row.size_bytes;
    yield* run("UPDATE folder SET size_bytes = size_bytes + $3 WHERE mailbox_id = $1 AND folder_id = $2",
      mailboxId, row.folder_id, more);
    yield* run("UPDATE mailbox SET size_bytes = size_bytes + $2 WHERE mailbox_id = $1", mailboxId, more);
    return { contentId, sizeBytes };
  },
});
