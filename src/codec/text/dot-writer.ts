const CR = 13;
const LF = 10;
const DOT = 46;
const dotLine = Uint8Array.of(DOT, CR, LF);
const crLfDotLine = Uint8Array.of(CR, LF, DOT, CR, LF);

/**
 * Makes dot-terminated data of a message, streaming (RFC 5321 §4.5.2, RFC 1939 §3): doubles a dot that begins a line
 * and turns a CR or LF that stands alone into CRLF, because a peer that takes a bare LF for a line end would otherwise
 * see lines, and an end, where we wrote none (RFC 5321 §2.3.8). A chunk with nothing to change is given back as is.
 */
export class DotWriter {
  #atLineStart = true;
  /** The last byte was a CR; whether it stands alone shows in the next. Written already. */
  #afterCr = false;

  /** The bytes to send for the next piece of the message. */
  write(chunk: Uint8Array): Uint8Array {
    const extra = this.#countExtra(chunk);
    if (extra === 0) return chunk;
    const out = Buffer.allocUnsafe(chunk.length + extra);
    let to = 0;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at]!;
      if (byte === LF) {
        if (!this.#afterCr) out[to++] = CR;
        out[to++] = LF;
        this.#afterCr = false;
        this.#atLineStart = true;
        continue;
      }
      if (this.#afterCr) {
        out[to++] = LF;
        this.#atLineStart = true;
      }
      this.#afterCr = byte === CR;
      if (byte === DOT && this.#atLineStart) out[to++] = DOT;
      this.#atLineStart = false;
      out[to++] = byte;
    }
    return out;
  }

  /** Ends the last line if it was not, and the data. An empty message is the terminating line alone. */
  end(): Uint8Array {
    if (this.#afterCr) return crLfDotLine.subarray(1);
    return this.#atLineStart ? dotLine : crLfDotLine;
  }

  /** How many bytes `write` will add; moves the state on only when there are none. */
  #countExtra(chunk: Uint8Array): number {
    if (chunk.length === 0) return 0;
    let extra = 0;
    let atLineStart = this.#atLineStart;
    let afterCr = this.#afterCr;
    const size = chunk.length;
    for (let at = 0; at < size; at++) {
      let byte = chunk[at]!;
      if (!atLineStart && !afterCr) {
        // Nearly every byte is spent in this loop.
        while (byte > CR && ++at < size) byte = chunk[at]!;
        if (at === size) break;
      }
      if (byte === LF) {
        if (!afterCr) extra++;
        afterCr = false;
        atLineStart = true;
      } else {
        if (afterCr) {
          extra++;
          atLineStart = true;
        }
        afterCr = byte === CR;
        if (byte === DOT && atLineStart) extra++;
        atLineStart = false;
      }
    }
    if (extra === 0) {
      this.#atLineStart = atLineStart;
      this.#afterCr = afterCr;
    }
    return extra;
  }
}

/** A whole message as dot-terminated data, for tests and small answers. */
export function dotStuff(message: Uint8Array): Uint8Array {
  const writer = new DotWriter();
  return Buffer.concat([writer.write(message), writer.end()]);
}
