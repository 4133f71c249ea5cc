/** What was seen in message bytes that came counted, not dotted. RFC 3030 §2 */
export interface BodySummary {
  readonly sizeBytes: number;
  /** Longest line, bytes with its CRLF. */
  readonly longestLineBytes: number;
  /** LF without CR before it. RFC 5321 §2.3.8 */
  readonly bareLfCount: number;
  /** CR without LF after it. RFC 5321 §2.3.8 */
  readonly bareCrCount: number;
  /** A byte above 127. RFC 6152 */
  readonly hasEightBit: boolean;
}

const CR = 13;
const LF = 10;

/** Counts over the chunks of BDAT, across their borders, what the dot reader counts in DATA. RFC 3030 §2 */
export class BodyScan {
  #sizeBytes = 0;
  #lineBytes = 0;
  #longestLineBytes = 0;
  #bareLfCount = 0;
  #bareCrCount = 0;
  #highBits = 0;
  #afterCr = false;

  push(chunk: Uint8Array): void {
    let afterCr = this.#afterCr;
    let highBits = this.#highBits;
    let lineFrom = -this.#lineBytes;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at]!;
      if (byte > CR && !afterCr) {
        highBits |= byte;
        continue;
      }
      highBits |= byte;
      if (byte === LF) {
        if (afterCr) {
          if (at + 1 - lineFrom > this.#longestLineBytes) this.#longestLineBytes = at + 1 - lineFrom;
          lineFrom = at + 1;
        } else {
          this.#bareLfCount++;
        }
        afterCr = false;
        continue;
      }
      if (afterCr) this.#bareCrCount++;
      afterCr = byte === CR;
    }
    this.#afterCr = afterCr;
    this.#highBits = highBits;
    this.#lineBytes = chunk.length - lineFrom;
    this.#sizeBytes += chunk.length;
  }

  /** Call once, after the last chunk: a CR at the very end stands alone. */
  summary(): BodySummary {
    return {
      sizeBytes: this.#sizeBytes,
      longestLineBytes: Math.max(this.#longestLineBytes, this.#lineBytes),
      bareLfCount: this.#bareLfCount,
      bareCrCount: this.#bareCrCount + (this.#afterCr ? 1 : 0),
      hasEightBit: this.#highBits > 127,
    };
  }
}
