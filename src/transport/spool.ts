import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import type { BlobWriter, Blobs } from "#store/api.ts";
import type { StoredContent } from "#transport/queue-rows.ts";

/** The bytes of one message on their way into the queue: held while small, streamed to the blob store once large. */
export class MessageSpool {
  readonly #ctx: Ctx;
  readonly #blobs: Blobs;
  #pieces: Uint8Array[] = [];
  #heldBytes = 0;
  #sizeBytes = 0;
  #writer: BlobWriter | null = null;
  #ended = false;

  constructor(ctx: Ctx, blobs: Blobs) {
    this.#ctx = ctx;
    this.#blobs = blobs;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /**
   * Keeps a view of `chunk`; the caller must not write to it again. Undefined when nothing must be waited for, so that
   * small pieces cost no turn of the event loop. Faults `storageFull`, `tooBig`.
   */
  write(chunk: Uint8Array): Promise<void> | undefined {
    if (chunk.length === 0) return undefined;
    this.#sizeBytes += chunk.length;
    if (this.#sizeBytes > limits.messageSizeMaxBytes) {
      throw new Fault("tooBig", `The message is larger than ${limits.messageSizeMaxBytes} bytes.`);
    }
    this.#pieces.push(chunk);
    this.#heldBytes += chunk.length;
    // Past the threshold pieces are gathered too, so that a file gets few large writes.
    if (this.#heldBytes < limits.blobThresholdBytes) return undefined;
    return this.#flush();
  }

  /** The content, durable when it is a blob. The spool is used up. */
  async finish(): Promise<StoredContent> {
    this.#ended = true;
    if (this.#writer === null) {
      // A buffer of its own: a view of a pooled one would drag the whole pool to the writer thread.
      const bytes = new Uint8Array(this.#sizeBytes);
      let at = 0;
      for (const piece of this.#pieces) {
        bytes.set(piece, at);
        at += piece.length;
      }
      this.#pieces = [];
      return { bytes };
    }
    this.#ended = false;
    await this.#flush();
    this.#ended = true;
    return await this.#writer.finish();
  }

  /** Forgets the bytes. Safe at any time, also after `finish`. */
  async discard(): Promise<void> {
    this.#pieces = [];
    if (this.#ended) return;
    this.#ended = true;
    try {
      await this.#writer?.discard();
    } catch (error) {
      // The sweep removes what stays behind.
      this.#ctx.log.warn({ error }, "a half-written message could not be removed");
    }
  }

  async #flush(): Promise<void> {
    this.#writer ??= this.#blobs.create();
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#heldBytes = 0;
    const only = pieces[0];
    if (only === undefined) return;
    await this.#writer.write(pieces.length === 1 ? only : Buffer.concat(pieces));
  }
}
