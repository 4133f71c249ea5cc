/** Message bytes on their way out: dots doubled (RETR, TOP) and cut after some lines (TOP). */

const CR = 13;
const LF = 10;
const DOT = 46;
const empty = Buffer.alloc(0);
const oneDot = Buffer.from(".");
const twoDots = Buffer.from("..");
const dotLine = Buffer.from(".\r\n");
const crLfDotLine = Buffer.from("\r\n.\r\n");

/**
 * Doubles the dot of each line that begins with one, streaming; every other byte goes as stored, also a CR or LF that
 * stands alone, so that the client gets the octets LIST told. A line begins after CRLF. After a LF alone only a line
 * that is nothing but a dot gets its second dot: programs that take LF for a line end would see the end of the message
 * there. RFC 1939 §3
 */
export class DotStuffer {
  /** The last two bytes that went in; the message begins as if after CRLF. */
  #last = LF;
  #beforeLast = CR;
  /** A dot after a LF alone at the end of a chunk waits for the byte that follows. */
  #heldDot = false;

  /** The bytes to send for the next piece; the piece itself when nothing changes. */
  write(chunk: Uint8Array): Uint8Array {
    if (chunk.length === 0) return chunk;
    const marks = this.#findDots(chunk);
    const head = this.#releaseHeld(chunk[0]!);
    const size = chunk.length;
    const before = size > 1 ? chunk[size - 2]! : this.#last;
    const earlier = size > 2 ? chunk[size - 3]! : size === 2 ? this.#last : this.#beforeLast;
    this.#heldDot = chunk[size - 1] === DOT && before === LF && earlier !== CR;
    this.#beforeLast = before;
    this.#last = chunk[size - 1]!;
    const body = this.#heldDot ? chunk.subarray(0, size - 1) : chunk;
    if (marks.length === 0 && head.length === 0) return body;
    const out = Buffer.allocUnsafe(head.length + body.length + marks.length);
    out.set(head, 0);
    let to = head.length;
    let from = 0;
    for (const at of marks) {
      out.set(body.subarray(from, at), to);
      to += at - from;
      out[to++] = DOT;
      from = at;
    }
    out.set(body.subarray(from), to);
    return out;
  }

  /** Ends the last line if it was not, and the message. */
  end(): Uint8Array {
    if (this.#heldDot) return Buffer.concat([twoDots, crLfDotLine]);
    return this.#last === LF && this.#beforeLast === CR ? dotLine : crLfDotLine;
  }

  /** Positions of dots that get a second one before them. */
  #findDots(chunk: Uint8Array): number[] {
    const marks: number[] = [];
    for (let at = chunk.indexOf(DOT); at >= 0; at = chunk.indexOf(DOT, at + 1)) {
      const before = at > 0 ? chunk[at - 1]! : this.#last;
      if (before !== LF) continue;
      const earlier = at > 1 ? chunk[at - 2]! : at === 1 ? this.#last : this.#beforeLast;
      const next = chunk[at + 1];
      // A dot at the very end after a LF alone is held by write().
      if (earlier === CR || next === CR || next === LF) marks.push(at);
    }
    return marks;
  }

  /** The dot held from before, now that the byte after it is known. */
  #releaseHeld(first: number): Uint8Array {
    if (!this.#heldDot) return empty;
    return first === CR || first === LF ? twoDots : oneDot;
  }
}

/** Passes a message's header and the first `count` lines of its body, streaming. RFC 1939 §7 TOP */
export class TopCutter {
  #inHeader = true;
  #linesLeft: number;
  /** Bytes of the line under way, up to 2; a CR alone counts as none. */
  #lineBytes = 0;
  #lastWasCr = false;

  constructor(count: number) {
    this.#linesLeft = count;
  }

  /** How many bytes of `chunk` pass, and whether that was all. */
  take(chunk: Uint8Array): { size: number; ended: boolean } {
    let at = 0;
    for (;;) {
      const lf = chunk.indexOf(LF, at);
      const end = lf < 0 ? chunk.length : lf;
      if (this.#inHeader) this.#countLine(chunk, at, end);
      if (lf < 0) return { size: chunk.length, ended: false };
      at = lf + 1;
      if (!this.#inHeader) {
        this.#linesLeft--;
      } else if (this.#lineBytes === 0 || (this.#lineBytes === 1 && this.#lastWasCr)) {
        this.#inHeader = false;
      }
      this.#lineBytes = 0;
      this.#lastWasCr = false;
      if (!this.#inHeader && this.#linesLeft <= 0) return { size: at, ended: true };
    }
  }

  #countLine(chunk: Uint8Array, from: number, to: number): void {
    if (to === from) return;
    this.#lineBytes = Math.min(2, this.#lineBytes + to - from);
    this.#lastWasCr = chunk[to - 1] === CR;
  }
}
