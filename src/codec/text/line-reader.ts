import { assert, WireError } from "#base/fault.ts";
import { DotReader } from "#codec/text/dot-reader.ts";
import type { DotSummary } from "#codec/text/dot-reader.ts";

export interface LineReaderOptions {
  /** Longest command line, bytes without its terminator. */
  readonly lineLengthMaxBytes: number;
  /** What a LF without CR does: it ends the line ("accept", the default), or the line is an error ("refuse"). */
  readonly bareLf?: "accept" | "refuse";
}

/**
 * What {@link LineReader.next} gives. Bytes are views of the chunks that were pushed, unless a line lay across two.
 *
 * - `line`: a complete line without its terminator.
 * - `error`: a line that cannot be taken, told once; `head` is its beginning (enough to find an IMAP tag). The rest of
 *   an over-long line is skipped to its LF without being kept, then lines go on.
 * - `literal`: bytes asked for by {@link LineReader.expectExact}; `remaining` is 0 on the last, then lines go on.
 * - `data`, `end`: dot-terminated data asked for by {@link LineReader.expectDotted}; lines go on after `end`.
 */
export type LineEvent =
  | { readonly kind: "line"; readonly bytes: Uint8Array }
  | {
    readonly kind: "error";
    readonly reason: "tooLong" | "bareLf";
    readonly head: Uint8Array;
    readonly error: WireError;
  }
  | { readonly kind: "literal"; readonly bytes: Uint8Array; readonly remaining: number }
  | { readonly kind: "data"; readonly bytes: Uint8Array }
  | { readonly kind: "end"; readonly summary: DotSummary };

const CR = 13;
const LF = 10;
const empty = new Uint8Array(0);

/**
 * Cuts a byte stream into lines, counted literals and dot-terminated data. Feed it with {@link push} in pieces of any
 * size (it keeps views of them: the caller must not write to them again) and take from it with {@link next} until that
 * gives undefined. How the stream was cut into chunks never changes what comes out, apart from where `literal` and
 * `data` are cut. Only an unfinished line is ever copied.
 */
export class LineReader {
  readonly #lineLengthMax: number;
  readonly #refuseBareLf: boolean;
  #queue: Uint8Array[] = [];
  #queueIndex = 0;
  /** Position in the first chunk of the queue. */
  #at = 0;
  #buffered = 0;
  /** The unfinished line: bytes of chunks that are gone. */
  #carry = empty;
  #carrySize = 0;
  /** Inside an over-long line that was told: drop up to LF. */
  #skipping = false;
  /** Bytes left of a literal; -1 when none was asked for. */
  #exactLeft = -1;
  #dotted: DotReader | undefined;

  constructor(options: LineReaderOptions) {
    this.#lineLengthMax = options.lineLengthMaxBytes;
    this.#refuseBareLf = options.bareLf === "refuse";
  }

  /** Bytes pushed and not yet taken, the unfinished line included: for back-pressure. */
  get bufferedBytes(): number {
    return this.#buffered + this.#carrySize;
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#queue.push(chunk);
    this.#buffered += chunk.length;
  }

  /** The next `size` bytes come as `literal` events, at least one (an empty one for size 0). */
  expectExact(size: number): void {
    this.#assertBetweenLines();
    assert(Number.isSafeInteger(size) && size >= 0, "a literal has a size");
    this.#exactLeft = size;
  }

  /** What follows, up to the line of one dot, comes as `data` events and one `end`. RFC 5321 §4.5.2 */
  expectDotted(): void {
    this.#assertBetweenLines();
    this.#dotted = new DotReader();
  }

  /**
   * Forgets everything that is buffered and starts a fresh line, as after STARTTLS, where nothing sent before the
   * handshake may count (RFC 3207 §4.2). Returns how many bytes were dropped.
   */
  discard(): number {
    const dropped = this.bufferedBytes;
    this.#queue = [];
    this.#queueIndex = 0;
    this.#at = 0;
    this.#buffered = 0;
    this.#carry = empty;
    this.#carrySize = 0;
    this.#skipping = false;
    this.#exactLeft = -1;
    this.#dotted = undefined;
    return dropped;
  }

  /** The next event, or undefined when more bytes are needed. */
  next(): LineEvent | undefined {
    if (this.#exactLeft >= 0) return this.#nextLiteral();
    if (this.#dotted !== undefined) return this.#nextDotted(this.#dotted);
    while (this.#queueIndex < this.#queue.length) {
      const chunk = this.#queue[this.#queueIndex]!;
      const event = this.#scanLine(chunk);
      if (event !== undefined) return event;
    }
    return undefined;
  }

  #assertBetweenLines(): void {
    assert(this.#exactLeft < 0 && this.#dotted === undefined, "the earlier literal or data has ended");
    assert(this.#carrySize === 0 && !this.#skipping, "the mode changes between lines");
  }

  /** Moves on in the first chunk and lets it go when it is used up. */
  #advance(chunk: Uint8Array, to: number): void {
    this.#buffered -= to - this.#at;
    this.#at = to;
    if (to < chunk.length) return;
    this.#at = 0;
    this.#queueIndex++;
    if (this.#queueIndex === this.#queue.length) {
      this.#queue = [];
      this.#queueIndex = 0;
    } else if (this.#queueIndex === 1024) {
      this.#queue = this.#queue.slice(1024);
      this.#queueIndex = 0;
    }
  }

  #scanLine(chunk: Uint8Array): LineEvent | undefined {
    const start = this.#at;
    const lf = chunk.indexOf(LF, start);
    if (this.#skipping) {
      this.#skipping = lf < 0;
      this.#advance(chunk, lf < 0 ? chunk.length : lf + 1);
      return undefined;
    }
    const end = lf < 0 ? chunk.length : lf;
    const sizeSeen = this.#carrySize + end - start;
    // The byte that breaks the limit is the first past it that is not the CR of the terminator.
    if (sizeSeen > this.#lineLengthMax && this.#isTooLong(chunk, start, lf, sizeSeen)) {
      return this.#tooLong(chunk, start, lf);
    }
    if (lf < 0) {
      this.#keep(chunk, start, end);
      this.#advance(chunk, end);
      return undefined;
    }
    let line: Uint8Array;
    if (this.#carrySize === 0) {
      line = chunk.subarray(start, end);
    } else {
      this.#keep(chunk, start, end);
      line = this.#carry.subarray(0, this.#carrySize);
      this.#carry = empty;
      this.#carrySize = 0;
    }
    this.#advance(chunk, lf + 1);
    const hasCr = line.length > 0 && line[line.length - 1] === CR;
    if (hasCr) return { kind: "line", bytes: line.subarray(0, line.length - 1) };
    if (!this.#refuseBareLf) return { kind: "line", bytes: line };
    const error = new WireError("line ends in a LF without CR", line.length);
    return { kind: "error", reason: "bareLf", head: line, error };
  }

  #isTooLong(chunk: Uint8Array, start: number, lf: number, sizeSeen: number): boolean {
    if (sizeSeen > this.#lineLengthMax + 1) return true;
    const end = lf < 0 ? chunk.length : lf;
    // A LF that begins the chunk has its CR, if any, at the end of what was carried.
    const last = end > start ? chunk[end - 1] : this.#carry[this.#carrySize - 1];
    return last !== CR;
  }

  #tooLong(chunk: Uint8Array, start: number, lf: number): LineEvent {
    let head: Uint8Array;
    if (this.#carrySize === 0) {
      head = chunk.subarray(start, start + this.#lineLengthMax);
    } else {
      this.#keep(chunk, start, start + Math.max(0, this.#lineLengthMax - this.#carrySize));
      head = this.#carry.subarray(0, this.#lineLengthMax);
      this.#carry = empty;
      this.#carrySize = 0;
    }
    this.#skipping = lf < 0;
    this.#advance(chunk, lf < 0 ? chunk.length : lf + 1);
    const error = new WireError(`line is longer than ${this.#lineLengthMax} bytes`, this.#lineLengthMax);
    return { kind: "error", reason: "tooLong", head, error };
  }

  #keep(chunk: Uint8Array, from: number, to: number): void {
    const needed = this.#carrySize + to - from;
    if (needed > this.#carry.length) {
      // Buffer, not Uint8Array, so that a line is the same kind of object whether it lay across chunks or not.
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#carry.length * 2, 128));
      grown.set(this.#carry.subarray(0, this.#carrySize));
      this.#carry = grown;
    }
    this.#carry.set(chunk.subarray(from, to), this.#carrySize);
    this.#carrySize = needed;
  }

  #nextLiteral(): LineEvent | undefined {
    if (this.#exactLeft === 0) {
      this.#exactLeft = -1;
      return { kind: "literal", bytes: empty, remaining: 0 };
    }
    const chunk = this.#queue[this.#queueIndex];
    if (chunk === undefined) return undefined;
    const start = this.#at;
    const end = Math.min(chunk.length, start + this.#exactLeft);
    const remaining = this.#exactLeft - (end - start);
    this.#exactLeft = remaining === 0 ? -1 : remaining;
    this.#advance(chunk, end);
    return { kind: "literal", bytes: chunk.subarray(start, end), remaining };
  }

  #nextDotted(dotted: DotReader): LineEvent | undefined {
    for (;;) {
      if (dotted.ended) {
        this.#dotted = undefined;
        return { kind: "end", summary: dotted.summary() };
      }
      const chunk = this.#queue[this.#queueIndex];
      if (chunk === undefined) return undefined;
      const { consumedTo, bytes } = dotted.read(chunk, this.#at);
      this.#advance(chunk, consumedTo);
      if (bytes.length > 0) return { kind: "data", bytes };
    }
  }
}
