/** Streams that clients take a buffer at a time. [MS-OXCFXICS] 2.2.3.1.1.5, 3.2.5.8.1.5 */
import type { Ctx } from "#base/ctx.ts";
import type { LogonObject } from "#serve/mapi/mailbox/objects.ts";
import { TransferWriter } from "#wire/mapi/transfer-stream.ts";

/** What a producer writes to, with the context of whichever request asks for the next part. */
export interface TransferOutput {
  readonly writer: TransferWriter;
  readonly ctx: Ctx;
}

/** Writes a stream and pauses (yields) wherever a buffer may be handed out. */
export type Producer = (out: TransferOutput) => AsyncGenerator<void>;

export interface TransferPart {
  readonly bytes: Uint8Array;
  readonly isDone: boolean;
}

export class TransferStream {
  readonly #writer = new TransferWriter();
  readonly #out: { writer: TransferWriter; ctx: Ctx };
  readonly #steps: AsyncGenerator<void>;
  #isMade = false;
  #failure: unknown = null;

  constructor(ctx: Ctx, produce: Producer) {
    this.#out = { writer: this.#writer, ctx };
    this.#steps = produce(this.#out);
  }

  /** At most `maxBytes`; nothing when not even the next word fits. What the producer throws is thrown here. */
  async next(ctx: Ctx, maxBytes: number): Promise<TransferPart> {
    this.#out.ctx = ctx;
    // What broke off stays so: a client that asks on must not take it for the end.
    if (this.#failure !== null) throw this.#failure;
    try {
      while (!this.#isMade && this.#writer.sizeBytes < maxBytes) {
        this.#isMade = (await this.#steps.next()).done === true;
      }
    } catch (error) {
      this.#failure = error;
      throw error;
    }
    const bytes = this.#writer.take(maxBytes);
    return { bytes, isDone: this.#isMade && this.#writer.sizeBytes === 0 };
  }

  close(): void {
    this.#isMade = true;
    void this.#steps.return(undefined);
  }
}

/** A download that takes no more settings. [MS-OXCFXICS] 3.2.1.2 */
export class TransferSource {
  readonly kind = "fastTransferSource";
  readonly logon: LogonObject;
  readonly #produce: Producer;
  #stream: TransferStream | null = null;

  constructor(logon: LogonObject, produce: Producer) {
    this.logon = logon;
    this.#produce = produce;
  }

  next(ctx: Ctx, maxBytes: number): Promise<TransferPart> {
    this.#stream ??= new TransferStream(ctx, this.#produce);
    return this.#stream.next(ctx, maxBytes);
  }

  close(): void {
    this.#stream?.close();
  }
}
