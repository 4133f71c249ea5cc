export type RtfTokenKind = "open" | "close" | "word" | "symbol" | "hex" | "text" | "binary" | "end";

const backslash = 0x5c;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const wordLengthMax = 32;

function isLetter(byte: number): boolean {
  return (byte >= 0x61 && byte <= 0x7a) || (byte >= 0x41 && byte <= 0x5a);
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

function hexDigit(byte: number): number {
  if (isDigit(byte)) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/**
 * The tokens of RTF, one after the other; nothing is refused. What a token holds stands in the fields until the next.
 * Line ends and NULs between tokens mean nothing and are passed over. [MSFT-RTF] "Conventions of an RTF Reader"
 */
export class RtfScanner {
  readonly bytes: Uint8Array;
  readonly #buffer: Buffer;
  at = 0;
  /** Of "word": its letters, or "" when there were more than any word has. */
  word = "";
  /** Of "word": the number behind it. */
  parameter: number | undefined = undefined;
  /** Of "symbol": the character after the backslash; of "hex": the byte. */
  code = 0;
  /** Of "text": where it stands in `bytes`. */
  from = 0;
  to = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  next(): RtfTokenKind {
    const { bytes } = this;
    while (this.at < bytes.length) {
      const byte = bytes[this.at]!;
      switch (byte) {
        case openBrace:
          this.at++;
          return "open";
        case closeBrace:
          this.at++;
          return "close";
        case 0x0d: case 0x0a: case 0:
          this.at++;
          break;
        case backslash:
          this.at++;
          return this.#control();
        default:
          return this.#text();
      }
    }
    return "end";
  }

  #text(): RtfTokenKind {
    const { bytes } = this;
    this.from = this.at;
    let at = this.at + 1;
    for (; at < bytes.length; at++) {
      const byte = bytes[at]!;
      if (byte === backslash || byte === openBrace || byte === closeBrace) break;
      if (byte === 0x0d || byte === 0x0a || byte === 0) break;
    }
    this.at = at;
    this.to = at;
    return "text";
  }

  #control(): RtfTokenKind {
    const { bytes } = this;
    if (this.at >= bytes.length) return "end";
    const first = bytes[this.at]!;
    if (isLetter(first)) return this.#word();
    this.at++;
    if (first === 0x27) {
      const high = hexDigit(bytes[this.at] ?? 0);
      const low = hexDigit(bytes[this.at + 1] ?? 0);
      if (high < 0 || low < 0) {
        this.code = 0x27;
        return "symbol";
      }
      this.at += 2;
      this.code = high * 16 + low;
      return "hex";
    }
    this.code = first;
    return "symbol";
  }

  #word(): RtfTokenKind {
    const { bytes } = this;
    const from = this.at;
    let at = from;
    while (at < bytes.length && isLetter(bytes[at]!)) at++;
    this.word = at - from > wordLengthMax ? "" : this.#buffer.toString("latin1", from, at);
    this.parameter = undefined;
    const isNegative = bytes[at] === 0x2d && isDigit(bytes[at + 1] ?? 0);
    if (isNegative) at++;
    if (isDigit(bytes[at] ?? 0)) {
      let value = 0;
      for (; at < bytes.length && isDigit(bytes[at]!); at++) {
        value = Math.min(value * 10 + bytes[at]! - 0x30, 0x7fffffff);
      }
      this.parameter = isNegative ? -value : value;
    }
    if (bytes[at] === 0x20) at++;
    this.at = at;
    if (this.word !== "bin") return "word";
    this.at = Math.min(bytes.length, at + Math.max(0, this.parameter ?? 0));
    return "binary";
  }
}
