import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { headerFields } from "#format/mime/headers.ts";
import type { StoredContent } from "#transport/queue-rows.ts";
import { contentFlags } from "#transport/queue-rows.ts";
import type { MessageSpool } from "#transport/spool.ts";
import type { Reply } from "#wire/smtp/reply.ts";
import { reply, replyOfStatus } from "#wire/smtp/reply.ts";

/** What was counted in the message, whichever way it came. RFC 5321 §2.3.8, §4.5.3.1.6 */
export interface CountedBody {
  readonly longestLineBytes: number;
  readonly bareLfCount: number;
  readonly bareCrCount: number;
  readonly hasEightBit: boolean;
}

/** The header as it shall be kept, in pieces, or why the message is refused. */
export type HeaderVerdict = { readonly pieces: readonly Uint8Array[] } | { readonly refused: Reply };

export interface IntakeOptions {
  readonly messageSizeMaxBytes: number;
  /** Looks at the whole header section, its empty line included if it has one; null keeps it as it is. */
  readonly checkHeader: ((header: Uint8Array) => Promise<HeaderVerdict>) | null;
}

const LF = 10;
const CR = 13;

/** End of the header section, behind its empty line, or -1 so far. The first `from` bytes were searched before. */
function headerEnd(bytes: Uint8Array, from: number): number {
  if (bytes.length >= 2 && bytes[0] === CR && bytes[1] === LF) return 2;
  for (let at = bytes.indexOf(LF, Math.max(0, from - 3)); at >= 0; at = bytes.indexOf(LF, at + 1)) {
    if (bytes[at + 1] === CR && bytes[at + 2] === LF) return at + 3;
  }
  return -1;
}

function hasEightBit(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at++) if (bytes[at]! > 127) return true;
  return false;
}

/** A refusal of ours as the edge spells it; anything else is a bug, told as such and logged. RFC 5321 §4.2.1 */
export function replyOfError(ctx: Ctx, error: unknown): Reply {
  if (error instanceof Fault) return replyOfStatus(error.row.smtp, error.message);
  ctx.log.error({ error }, "an SMTP command failed by a bug");
  return reply(451, "4.3.0", "Internal error; try again later");
}

/**
 * One message on its way from the socket to the spool. The header section is held until it is complete, so that it can
 * be judged and changed; the rest streams. After the first failure bytes are counted and dropped: the client hears of
 * it at the end of the data, as SMTP has no earlier place. RFC 5321 §4.1.1.4
 */
export class MessageIntake {
  readonly #ctx: Ctx;
  readonly #spool: MessageSpool;
  readonly #options: IntakeOptions;
  #header: Uint8Array = new Uint8Array(0);
  /** The buffer of `#header` when it is ours to write to, not a view of what came in. */
  #owned: ArrayBufferLike | null = null;
  #headerSize = 0;
  #headerDone = false;
  #eightBitHeader = false;
  #sizeBytes = 0;
  #failure: Reply | null = null;

  constructor(ctx: Ctx, spool: MessageSpool, options: IntakeOptions) {
    this.#ctx = ctx;
    this.#spool = spool;
    this.#options = options;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Never rejects. Undefined when there is nothing to wait for. RFC 5321 §4.1.1.4 */
  push(chunk: Uint8Array): Promise<void> | undefined {
    this.#sizeBytes += chunk.length;
    if (this.#failure !== null) return undefined;
    if (this.#sizeBytes > this.#options.messageSizeMaxBytes) {
      return this.#fail(reply(552, "5.3.4", `The message is larger than ${this.#options.messageSizeMaxBytes} bytes`));
    }
    return this.#headerDone ? this.#write(chunk) : this.#pushHeader(chunk);
  }

  /** The content when the message can be taken, or the reply that refuses it. Never rejects. RFC 5321 §4.1.1.4 */
  async finish(counted: CountedBody): Promise<{ content: StoredContent; flags: number } | { refused: Reply }> {
    if (this.#failure === null && !this.#headerDone) await this.#endHeader(this.#headerSize);
    const refused = this.#failure ?? refuseLines(counted);
    if (refused !== null) {
      await this.#spool.discard();
      return { refused };
    }
    try {
      const body = counted.hasEightBit ? contentFlags.eightBit : 0;
      const header = this.#eightBitHeader ? contentFlags.eightBitHeader : 0;
      return { content: await this.#spool.finish(), flags: body | header };
    } catch (error) {
      await this.#spool.discard();
      return { refused: replyOfError(this.#ctx, error) };
    }
  }

  /** Forgets everything; safe at any time. */
  discard(): Promise<void> {
    return this.#spool.discard();
  }

  async #fail(failure: Reply): Promise<void> {
    this.#failure = failure;
    this.#header = new Uint8Array(0);
    await this.#spool.discard();
  }

  #write(chunk: Uint8Array): Promise<void> | undefined {
    try {
      return this.#spool.write(chunk)?.catch((error: unknown) => this.#fail(replyOfError(this.#ctx, error)));
    } catch (error) {
      return this.#fail(replyOfError(this.#ctx, error));
    }
  }

  #pushHeader(chunk: Uint8Array): Promise<void> | undefined {
    const before = this.#headerSize;
    this.#append(chunk);
    const held = this.#header.subarray(0, this.#headerSize);
    const end = headerEnd(held, before);
    if (end >= 0) return this.#endHeader(end);
    return held.length > limits.headerSectionMaxBytes ? this.#endHeader(held.length) : undefined;
  }

  /** Grows by doubling, so that a header that comes byte by byte costs no more than one that comes at once. */
  #append(chunk: Uint8Array): void {
    const needed = this.#headerSize + chunk.length;
    if (this.#headerSize === 0) {
      this.#header = chunk;
    } else {
      // The first chunk is the caller's: never written to.
      if (needed > this.#header.length || this.#header.buffer !== this.#owned) {
        const grown = new Uint8Array(Math.max(needed, this.#headerSize * 2, 1024));
        grown.set(this.#header.subarray(0, this.#headerSize));
        this.#header = grown;
        this.#owned = grown.buffer;
      }
      this.#header.set(chunk, this.#headerSize);
    }
    this.#headerSize = needed;
  }

  async #endHeader(end: number): Promise<void> {
    const held = this.#header.subarray(0, this.#headerSize);
    this.#header = new Uint8Array(0);
    this.#headerDone = true;
    const header = held.subarray(0, end);
    this.#eightBitHeader = hasEightBit(header);
    let receivedCount = 0;
    for (const { name } of headerFields(header)) if (name === "received") receivedCount++;
    if (receivedCount > limits.receivedHeadersMax) {
      const text = `The message went through ${receivedCount} servers: this looks like a loop`;
      await this.#fail(reply(554, "5.4.6", text));
      return;
    }
    const verdict = await this.#check(header);
    if ("refused" in verdict) {
      await this.#fail(verdict.refused);
      return;
    }
    for (const piece of [...verdict.pieces, held.subarray(end)]) await this.#write(piece);
  }

  async #check(header: Uint8Array): Promise<HeaderVerdict> {
    const { checkHeader } = this.#options;
    if (checkHeader === null) return { pieces: [header] };
    if (header.length > limits.headerSectionMaxBytes) {
      return { refused: reply(554, "5.6.0", `The header is larger than ${limits.headerSectionMaxBytes} bytes`) };
    }
    try {
      return await checkHeader(header);
    } catch (error) {
      return { refused: replyOfError(this.#ctx, error) };
    }
  }
}

/**
 * Line ends other than CRLF are refused and never repaired: servers that disagree on them are led to see two messages
 * where there is one, and a signature does not survive the repair. RFC 5321 §2.3.8
 */
function refuseLines({ bareLfCount, bareCrCount, longestLineBytes }: CountedBody): Reply | null {
  if (bareLfCount > 0) {
    return reply(550, "5.6.11", `Lines must end in CRLF; ${bareLfCount} end in a bare LF`);
  }
  if (bareCrCount > 0) {
    return reply(550, "5.6.11", `CR stands only before LF; ${bareCrCount} stand alone`);
  }
  if (longestLineBytes > limits.smtpTextLineMaxBytes) {
    const text = `A line of ${longestLineBytes} bytes is longer than the ${limits.smtpTextLineMaxBytes} allowed`;
    return reply(554, "5.6.0", text);
  }
  return null;
}
