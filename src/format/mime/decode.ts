import { asBuffer } from "#format/mime/charset.ts";

/** Streaming: any cut of the same bytes gives the same result. `write` may return the given bytes themselves. */
export interface ByteDecoder {
  write(bytes: Uint8Array): Uint8Array;
  end(): Uint8Array;
}

const nothing = new Uint8Array(0);

/** Undoes a Content-Transfer-Encoding; 7bit, 8bit, binary and unknown ones (uuencode, yEnc) pass. RFC 2045 §6 */
export function transferDecoder(encoding: string): ByteDecoder {
  if (encoding === "base64") return new Base64Decoder();
  if (encoding === "quoted-printable") return new QuotedPrintableDecoder();
  return { write: (bytes) => bytes, end: () => nothing };
}

/** RFC 2045 §6, at once. */
export function decodeTransfer(bytes: Uint8Array, encoding: string): Uint8Array {
  const decoder = transferDecoder(encoding);
  const body = decoder.write(bytes);
  const rest = decoder.end();
  if (rest.length === 0) return body;
  const out = new Uint8Array(body.length + rest.length);
  out.set(body);
  out.set(rest, body.length);
  return out;
}

/** 0 to 63 for a digit, 64 for "=", 65 for what is skipped. Both alphabets of RFC 4648 are read. */
const digits = new Uint8Array(256).fill(65);
{
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (let value = 0; value < 64; value++) digits[alphabet.charCodeAt(value)] = value;
  digits[0x2d] = 62;
  digits[0x5f] = 63;
  digits[0x3d] = 64;
}

/**
 * Base64, skipping what is not a digit; "=" ends a group but not the data, since some senders encode piece by piece.
 * RFC 2045 §6.8
 */
export class Base64Decoder implements ByteDecoder {
  #bits = 0;
  #count = 0;
  /** Something the platform's decoder refuses was met. */
  #isOdd = false;

  write(bytes: Uint8Array): Uint8Array {
    const size = bytes.length;
    if (size >= nativeMinBytes && !this.#isOdd) {
      const whole = this.#writeNative(bytes);
      if (whole !== null) return whole;
    }
    return this.#writeAny(bytes);
  }

  /** By the platform, which knows but one way to write base64; null, and nothing done, where it is another. */
  #writeNative(bytes: Uint8Array): Uint8Array | null {
    const headSize = this.#count === 0 ? 0 : groupEnd(bytes, this.#count);
    const text = asBuffer(bytes).toString("latin1", headSize);
    const out = new Uint8Array((bytes.length * 3 >> 2) + 8);
    let read: number;
    let written: number;
    try {
      ({ read, written } = out.subarray(headRoom).setFromBase64(text, { lastChunkHandling: "stop-before-partial" }));
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      this.#isOdd = true;
      return null;
    }
    const head = this.#writeAny(bytes.subarray(0, headSize));
    out.set(head, headRoom - head.length);
    // A group that is not whole yet.
    const tail = this.#writeAny(bytes.subarray(headSize + read));
    out.set(tail, headRoom + written);
    return out.subarray(headRoom - head.length, headRoom + written + tail.length);
  }

  #writeAny(bytes: Uint8Array): Uint8Array {
    const out = new Uint8Array(((bytes.length + this.#count) * 3 >> 2) + 3);
    const size = bytes.length;
    let length = 0;
    let bits = this.#bits;
    let count = this.#count;
    let at = 0;
    while (at < size) {
      if (count === 0) {
        // Whole groups, as long as they last.
        while (at + 4 <= size) {
          const a = digits[bytes[at]!]!;
          const b = digits[bytes[at + 1]!]!;
          const c = digits[bytes[at + 2]!]!;
          const d = digits[bytes[at + 3]!]!;
          if ((a | b | c | d) > 63) break;
          out[length] = a << 2 | b >> 4;
          out[length + 1] = b << 4 | c >> 2;
          out[length + 2] = c << 6 | d;
          length += 3;
          at += 4;
        }
        if (at >= size) break;
      }
      const digit = digits[bytes[at++]!]!;
      if (digit < 64) {
        bits = bits << 6 | digit;
        if (++count === 4) {
          out[length] = bits >> 16;
          out[length + 1] = bits >> 8;
          out[length + 2] = bits;
          length += 3;
          bits = 0;
          count = 0;
        }
      } else if (digit === 64) {
        length = flushGroup(bits, count, out, length);
        bits = 0;
        count = 0;
      }
    }
    this.#bits = bits;
    this.#count = count;
    return out.subarray(0, length);
  }

  end(): Uint8Array {
    const out = new Uint8Array(2);
    const length = flushGroup(this.#bits, this.#count, out, 0);
    this.#bits = 0;
    this.#count = 0;
    return out.subarray(0, length);
  }
}

/** Smaller pieces are not worth a string. */
const nativeMinBytes = 64;
/** A group begun in the last piece ends in at most three bytes of output. */
const headRoom = 3;

/** Past the group of which `count` digits came before. */
function groupEnd(bytes: Uint8Array, count: number): number {
  let left = 4 - count;
  for (let at = 0; at < bytes.length; at++) {
    const digit = digits[bytes[at]!]!;
    if (digit === 64) return at + 1;
    if (digit < 64 && --left === 0) return at + 1;
  }
  return bytes.length;
}

/** The bytes of a group that was cut short: two digits hold one, three hold two. */
function flushGroup(bits: number, count: number, out: Uint8Array, length: number): number {
  if (count === 2) out[length++] = bits >> 4;
  else if (count === 3) {
    out[length++] = bits >> 10;
    out[length++] = bits >> 2;
  }
  return length;
}

/** 0 to 15, or 255 for what is no hexadecimal digit. */
const hexTable = Uint8Array.from({ length: 256 }, (_, byte) => hexValue(byte) & 0xff);

const spaceRunMax = 1000;

/** What was seen of an escape: nothing, "=", "=" and a digit, "=" and white space, "=" (white space) and CR. */
type Escape = "none" | "equals" | "digit" | "space" | "return";

/**
 * Quoted-printable. Broken escapes stay as they are; white space at the end of a line, which transport may have added,
 * goes (up to `spaceRunMax` characters of it). RFC 2045 §6.7
 */
export class QuotedPrintableDecoder implements ByteDecoder {
  #escape: Escape = "none";
  #digit = 0;
  /** White space after "=". */
  #run: number[] = [];
  /** White space that may turn out to end its line. */
  #spaces: Uint8Array = nothing;
  /** `#step` used its byte up; otherwise the byte is to be looked at anew. */
  #taken = false;
  /** How much of what `#step` wrote cannot be white space at the end of a line. */
  #settled = 0;

  write(bytes: Uint8Array): Uint8Array {
    const size = bytes.length;
    const out = new Uint8Array(size + this.#spaces.length + this.#run.length + 3);
    out.set(this.#spaces);
    let length = this.#spaces.length;
    // End of what is settled; after it stands white space only.
    let text = 0;
    let isEscape = this.#escape !== "none";
    for (let at = 0; at < size;) {
      const byte = bytes[at]!;
      if (isEscape) {
        const before = length;
        length = this.#step(byte, out, length);
        isEscape = this.#escape !== "none";
        if (length > before) text = before + this.#settled;
        if (this.#taken) at++;
        continue;
      }
      at++;
      if (byte > 0x20 && byte !== 0x3d) {
        out[length++] = byte;
        text = length;
      } else if (byte === 0x20 || byte === 0x09) {
        if (length - text >= spaceRunMax) text = length;
        out[length++] = byte;
      } else if (byte === 0x3d && at + 1 < size && hexTable[bytes[at]!]! < 16 && hexTable[bytes[at + 1]!]! < 16) {
        out[length++] = hexTable[bytes[at]!]! << 4 | hexTable[bytes[at + 1]!]!;
        text = length;
        at += 2;
      } else if (byte === 0x3d && at + 1 < size && bytes[at] === 0x0d && bytes[at + 1] === 0x0a) {
        text = length;
        at += 2;
      } else if (byte === 0x3d) {
        this.#escape = "equals";
        isEscape = true;
        text = length;
      } else {
        if (byte === 0x0d || byte === 0x0a) length = text;
        out[length++] = byte;
        text = length;
      }
    }
    this.#spaces = length > text ? out.slice(text, length) : nothing;
    return out.subarray(0, text);
  }

  #step(byte: number, out: Uint8Array, length: number): number {
    const isDigit = hexValue(byte) >= 0;
    const isSpace = byte === 0x20 || byte === 0x09;
    this.#taken = true;
    this.#settled = 1;
    switch (this.#escape) {
      case "equals":
        if (isDigit) {
          this.#digit = byte;
          this.#escape = "digit";
          return length;
        }
        break;
      case "digit":
        this.#escape = "none";
        if (isDigit) {
          out[length] = hexValue(this.#digit) << 4 | hexValue(byte);
          return length + 1;
        }
        this.#taken = false;
        this.#settled = 2;
        out[length] = 0x3d;
        out[length + 1] = this.#digit;
        return length + 2;
      case "return":
        // A soft line break, ended by CR LF or by CR alone.
        this.#escape = "none";
        this.#run = [];
        this.#taken = byte === 0x0a;
        return length;
      default:
    }
    if (isSpace && this.#run.length < spaceRunMax) {
      this.#escape = "space";
      this.#run.push(byte);
      return length;
    }
    if (byte === 0x0d) {
      this.#escape = "return";
      return length;
    }
    this.#escape = "none";
    if (byte === 0x0a) {
      this.#run = [];
      return length;
    }
    this.#taken = false;
    out[length++] = 0x3d;
    for (const space of this.#run) out[length++] = space;
    this.#run = [];
    return length;
  }

  end(): Uint8Array {
    const rest = this.#escape === "digit" ? Uint8Array.of(0x3d, this.#digit) : nothing;
    this.#escape = "none";
    this.#run = [];
    this.#spaces = nothing;
    return rest;
  }
}

/** 0 to 15, or -1; both cases, since senders write both. */
export function hexValue(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  if (byte >= 0x41 && byte <= 0x46) return byte - 0x37;
  if (byte >= 0x61 && byte <= 0x66) return byte - 0x57;
  return -1;
}
