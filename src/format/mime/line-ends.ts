import { Buffer, isAscii } from "node:buffer";
import { asBuffer } from "#format/mime/charset.ts";
import { nextLineFeed } from "#format/mime/headers.ts";

type Mode = "unknown" | "usual" | "old";

/**
 * Passes message bytes on and learns of them on the way. In a message whose first line ends in a CR alone, each CR that
 * stands alone ends a line: it is passed on as LF, so that offsets stay and nobody else need know. Elsewhere a lone CR
 * is an ordinary character, as RFC 5322 §2.3 forbids it.
 */
export class LineEnds {
  readonly #next: (bytes: Uint8Array) => void;
  #mode: Mode = "unknown";
  #heldReturn = false;
  #last = 0;
  sizeBytes = 0;
  lineCount = 0;
  bareLineFeedCount = 0;
  eightBit = false;
  nulBytes = false;

  constructor(next: (bytes: Uint8Array) => void) {
    this.#next = next;
  }

  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.sizeBytes += bytes.length;
    if (!this.eightBit && !isAscii(bytes)) this.eightBit = true;
    if (!this.nulBytes && bytes.includes(0)) this.nulBytes = true;
    if (this.#mode === "usual") {
      this.#pass(bytes);
      return;
    }
    let input = bytes;
    if (this.#heldReturn) {
      input = new Uint8Array(bytes.length + 1);
      input[0] = 0x0d;
      input.set(bytes, 1);
      this.#heldReturn = false;
    }
    if (input.at(-1) === 0x0d) {
      this.#heldReturn = true;
      input = input.subarray(0, -1);
    }
    const mode = this.#mode === "unknown" ? this.#decide(input) : this.#mode;
    this.#mode = mode;
    this.#pass(mode === "old" ? this.#rewrite(input) : input);
    if (mode === "usual" && this.#heldReturn) {
      this.#heldReturn = false;
      this.#pass(Uint8Array.of(0x0d));
    }
  }

  end(): void {
    if (this.#heldReturn) this.#pass(Uint8Array.of(this.#mode === "old" ? 0x0a : 0x0d));
    this.#heldReturn = false;
  }

  #decide(input: Uint8Array): Mode {
    const feed = input.indexOf(0x0a);
    const back = input.indexOf(0x0d);
    if (back >= 0 && (feed < 0 || back < feed)) {
      // At the end another CR follows, which was held back.
      const next = input[back + 1] ?? 0x0d;
      return next === 0x0a || next === 0x0d ? "usual" : "old";
    }
    return feed >= 0 ? "usual" : "unknown";
  }

  #rewrite(input: Uint8Array): Uint8Array {
    if (!input.includes(0x0d)) return input;
    const out = Buffer.from(input);
    for (let at = 0; at < out.length; at++) {
      // A CR at the end has another one after it, which was held back.
      if (out[at] === 0x0d && input[at + 1] !== 0x0a) out[at] = 0x0a;
    }
    return out;
  }

  #pass(bytes: Uint8Array): void {
    const buffer = asBuffer(bytes);
    for (let at = nextLineFeed(buffer, 0); at < buffer.length; at = nextLineFeed(buffer, at + 1)) {
      this.lineCount++;
      if ((at > 0 ? buffer[at - 1] : this.#last) !== 0x0d) this.bareLineFeedCount++;
    }
    this.#last = buffer.at(-1) ?? this.#last;
    if (bytes.length > 0) this.#next(bytes);
  }
}
