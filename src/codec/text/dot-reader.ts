/** What was seen in dot-terminated data. Sizes and lengths are counted after the leading dots were taken off. */
export interface DotSummary {
  /** Bytes of the body, its last CRLF included and the terminating line not. */
  readonly sizeBytes: number;
  /** Longest line, bytes with its CRLF; RFC 5321 §4.5.3.1.6 allows 1000. */
  readonly longestLineBytes: number;
  /** LF without CR before it. A message with any is refused: receivers differ about them. RFC 5321 §2.3.8 */
  readonly bareLfCount: number;
  /** CR without LF after it. */
  readonly bareCrCount: number;
  readonly nulCount: number;
  /** Any byte above 127: the message needs 8BITMIME (RFC 6152) or SMTPUTF8 (RFC 6531) to go on. */
  readonly hasEightBit: boolean;
}

const CR = 13;
const LF = 10;
const DOT = 46;
const empty = new Uint8Array(0);
const carriageReturn = Uint8Array.of(CR);

type State = "lineStart" | "dot" | "dotCr" | "line" | "lineCr";

/**
 * Takes the dots off dot-terminated data, streaming, without copying (RFC 5321 §4.5.2). A line begins only after
 * CRLF and the data ends only at CRLF "." CRLF (or "." CRLF at its very start): a dot between other line ends is data,
 * which closes the door to smuggled commands. What is not allowed is counted here and judged by the caller, who must
 * read on to the end either way.
 */
export class DotReader {
  #state: State = "lineStart";
  #ended = false;
  #sizeBytes = 0;
  /** Length so far of the line under way. */
  #lineBytes = 0;
  #longestLineBytes = 0;
  #bareLfCount = 0;
  #bareCrCount = 0;
  #nulCount = 0;
  #highBits = 0;

  get ended(): boolean {
    return this.#ended;
  }

  /** Body bytes so far. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  summary(): DotSummary {
    return {
      sizeBytes: this.#sizeBytes,
      longestLineBytes: Math.max(this.#longestLineBytes, this.#lineBytes),
      bareLfCount: this.#bareLfCount,
      bareCrCount: this.#bareCrCount,
      nulCount: this.#nulCount,
      hasEightBit: this.#highBits > 127,
    };
  }

  /**
   * Reads `chunk` from `start` up to a dot that must go, the end of the data or the end of the chunk. Gives the body
   * bytes of that stretch (may be none) and the position up to which the chunk was used.
   */
  read(chunk: Uint8Array, start: number): { consumedTo: number; bytes: Uint8Array } {
    let at = start;
    if (this.#state === "lineStart" && at < chunk.length && chunk[at] === DOT) {
      this.#state = "dot";
      at++;
    }
    if (this.#state === "dot" && at < chunk.length) {
      if (chunk[at] === CR) {
        this.#state = "dotCr";
        at++;
      } else {
        this.#state = "line";
      }
    }
    if (this.#state === "dotCr" && at < chunk.length) {
      if (chunk[at] === LF) {
        this.#ended = true;
        return { consumedTo: at + 1, bytes: empty };
      }
      // The dot went, the CR after it was data after all; it may lie in a chunk that is gone.
      this.#state = "lineCr";
      this.#count(1);
      return { consumedTo: at, bytes: carriageReturn };
    }
    if (this.#state === "dot" || this.#state === "dotCr" || at >= chunk.length) return { consumedTo: at, bytes: empty };
    const end = this.#scanBody(chunk, at);
    return { consumedTo: end, bytes: chunk.subarray(at, end) };
  }

  #count(size: number): void {
    this.#sizeBytes += size;
    this.#lineBytes += size;
  }

  /** Walks body bytes up to a dot at the start of a line or the end of the chunk; gives the position. */
  #scanBody(chunk: Uint8Array, from: number): number {
    const size = chunk.length;
    let at = from;
    let lineFrom = from;
    let highBits = this.#highBits;
    let afterCr = this.#state === "lineCr";
    let atLineStart = this.#state === "lineStart";
    while (at < size) {
      let byte = chunk[at]!;
      if (atLineStart && byte === DOT) break;
      if (!afterCr) {
        // Nearly every byte is spent in this loop.
        while (byte > CR) {
          highBits |= byte;
          if (++at === size) break;
          byte = chunk[at]!;
        }
        if (at === size) {
          atLineStart = false;
          break;
        }
      }
      at++;
      highBits |= byte;
      atLineStart = false;
      if (byte === LF) {
        if (afterCr) {
          atLineStart = true;
          const lineBytes = this.#lineBytes + at - lineFrom;
          if (lineBytes > this.#longestLineBytes) this.#longestLineBytes = lineBytes;
          this.#sizeBytes += at - lineFrom;
          this.#lineBytes = 0;
          lineFrom = at;
        } else {
          this.#bareLfCount++;
        }
        afterCr = false;
        continue;
      }
      if (afterCr) this.#bareCrCount++;
      if (byte === 0) this.#nulCount++;
      afterCr = byte === CR;
    }
    this.#count(at - lineFrom);
    this.#highBits = highBits;
    this.#state = atLineStart ? "lineStart" : afterCr ? "lineCr" : "line";
    return at;
  }
}
