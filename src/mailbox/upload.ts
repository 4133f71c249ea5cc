/** Message bytes on their way in: in memory while small, in a pending blob when large. */
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import type { Upload } from "#mailbox/api.ts";
import type { MessageSource } from "#mailbox/tx/insert.ts";
import type { Blobs, BlobWriter } from "#store/api.ts";

export class SpooledUpload implements Upload {
  readonly #blobs: Blobs;
  readonly #ctx: Ctx;
  #pieces: Uint8Array[] = [];
  #blob: BlobWriter | null = null;
  #sizeBytes = 0;
  #state: "open" | "used" | "discarded" = "open";

  constructor(ctx: Ctx, blobs: Blobs, expectedBytes: number | null) {
    this.#ctx = ctx;
    this.#blobs = blobs;
    if (expectedBytes !== null && expectedBytes > limits.messageSizeMaxBytes) throw tooBig();
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  async write(chunk: Uint8Array): Promise<void> {
    if (this.#state !== "open") throw new Fault("invalidArgument", "This upload has ended; begin a new one.");
    this.#sizeBytes += chunk.length;
    if (this.#sizeBytes > limits.messageSizeMaxBytes) throw tooBig();
    if (this.#blob === null && this.#sizeBytes < limits.blobThresholdBytes) {
      // A copy of its own: the chunk may be a window on a buffer that is used again.
      this.#pieces.push(Uint8Array.prototype.slice.call(chunk));
      return;
    }
    if (this.#blob === null) {
      this.#blob = this.#blobs.create();
      for (const piece of this.#pieces.splice(0)) await this.#blob.write(piece);
    }
    await this.#blob.write(chunk);
  }

  /** Ends the upload and says where its bytes are. */
  async finish(): Promise<MessageSource> {
    if (this.#state !== "open") throw new Fault("invalidArgument", "This upload was used already.");
    this.#state = "used";
    if (this.#blob === null) return { inline: joinExact(this.#pieces, this.#sizeBytes), blob: null };
    return { inline: new Uint8Array(0), blob: await this.#blob.finish() };
  }

  async discard(): Promise<void> {
    if (this.#state !== "open") return;
    this.#state = "discarded";
    this.#pieces = [];
    try {
      await this.#blob?.discard();
    } catch (error) {
      // The file stays behind as pending; the sweep removes it.
      this.#ctx.log.warn({ error: String(error) }, "a discarded upload could not be removed from disk");
    }
  }
}

function tooBig(): Fault {
  return new Fault("tooBig", `A message has at most ${limits.messageSizeMaxBytes} bytes here.`);
}

/** One array with a buffer of its own: a window on a larger buffer would be copied whole to the writer thread. */
export function joinExact(pieces: readonly Uint8Array[], sizeBytes: number): Uint8Array {
  const whole = new Uint8Array(sizeBytes);
  let offset = 0;
  for (const piece of pieces) {
    whole.set(piece, offset);
    offset += piece.length;
  }
  return whole;
}
