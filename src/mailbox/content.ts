/** Reading the bytes of a message: from its row, its blob, or the one after the other. */
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { ContentId, MailboxId } from "#base/ids.ts";
import type { MessageContent } from "#mailbox/api.ts";
import type { Store } from "#store/api.ts";
import { get } from "#store/sql.ts";

interface ContentRow {
  size_bytes: number;
  hash: string | null;
  bytes: Uint8Array;
}

const pieceBytes = 256 * 1024;

export async function openContent(
  ctx: Ctx, store: Store, mailboxId: MailboxId, contentId: ContentId,
): Promise<MessageContent> {
  const row = await store.read(ctx, mailboxId, () => get<ContentRow>(
    "SELECT size_bytes, hash, bytes FROM content WHERE mailbox_id = $1 AND content_id = $2", mailboxId, contentId));
  if (row === undefined) throw new Fault("notFound", "This message was removed meanwhile.");
  return new StoredContent(store, row.size_bytes, row.bytes, row.hash);
}

class StoredContent implements MessageContent {
  readonly sizeBytes: number;
  readonly #store: Store;
  readonly #inline: Uint8Array;
  readonly #hash: string | null;

  constructor(store: Store, sizeBytes: number, inline: Uint8Array, hash: string | null) {
    this.#store = store;
    this.sizeBytes = sizeBytes;
    this.#inline = inline;
    this.#hash = hash;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const end = Math.min(offset + length, this.sizeBytes);
    if (offset >= end) return new Uint8Array(0);
    if (end <= this.#inline.length || this.#hash === null) return this.#inline.subarray(offset, end);
    const blobStart = Math.max(0, offset - this.#inline.length);
    const fromBlob = await this.#store.blobs.read(this.#hash, blobStart, end - this.#inline.length - blobStart);
    if (offset >= this.#inline.length) return fromBlob;
    return Buffer.concat([this.#inline.subarray(offset), fromBlob]);
  }

  async *stream(offset = 0, length = this.sizeBytes): AsyncGenerator<Uint8Array> {
    const end = Math.min(offset + length, this.sizeBytes);
    for (let at = offset; at < Math.min(end, this.#inline.length); at += pieceBytes) {
      yield this.#inline.subarray(at, Math.min(at + pieceBytes, end, this.#inline.length));
    }
    if (this.#hash === null || end <= this.#inline.length) return;
    const blobStart = Math.max(0, offset - this.#inline.length);
    yield* this.#store.blobs.stream(this.#hash, blobStart, end - this.#inline.length - blobStart);
  }
}
