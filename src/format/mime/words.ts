import { Buffer } from "node:buffer";
import { canonicalCharset, decodeCharset } from "#format/mime/charset.ts";
import { decodeTransfer, hexValue } from "#format/mime/decode.ts";

const charsetLabelMax = 80;

/**
 * Decodes the encoded-words of a header text; what does not follow their form stays as it is. White space between
 * neighbours goes, and neighbours of one charset are joined before they are decoded, since senders cut characters in
 * two. Tolerated: spaces inside a Q word, words without space around them. RFC 2047 §4–§6, RFC 2231 §5
 */
export function decodeWords(text: string): string {
  let mark = text.indexOf("=?");
  if (mark < 0) return text;
  const out: string[] = [];
  let done = 0;
  let charset = "";
  let pieces: Uint8Array[] = [];
  const flush = (): void => {
    if (pieces.length > 0) out.push(decodeCharset(Buffer.concat(pieces), charset));
    pieces = [];
  };
  while (mark >= 0) {
    const word = readWord(text, mark);
    if (word === null) {
      mark = text.indexOf("=?", mark + 2);
      continue;
    }
    const between = text.slice(done, mark);
    const joined = pieces.length > 0 && between.trim() === "";
    if (!joined) {
      flush();
      out.push(between);
    } else if (word.charset !== charset) {
      flush();
    }
    charset = word.charset;
    if (word.text !== null) {
      flush();
      out.push(word.text);
    }
    pieces.push(word.bytes);
    done = word.end;
    mark = text.indexOf("=?", done);
  }
  flush();
  out.push(text.slice(done));
  return out.join("").replaceAll(/[\0\r\n]+/g, " ");
}

interface EncodedWord {
  readonly charset: string;
  readonly bytes: Uint8Array;
  /** The whole text of a word that holds bare characters above 127, which no charset can decode a second time. */
  readonly text: string | null;
  readonly end: number;
}

function readWord(text: string, start: number): EncodedWord | null {
  const afterCharset = text.indexOf("?", start + 2);
  if (afterCharset < 0 || afterCharset - start > charsetLabelMax) return null;
  if (text.charAt(afterCharset + 2) !== "?") return null;
  const encoding = text.charAt(afterCharset + 1).toUpperCase();
  if (encoding !== "B" && encoding !== "Q") return null;
  let charset = text.slice(start + 2, afterCharset);
  const star = charset.indexOf("*");
  if (star >= 0) charset = charset.slice(0, star);
  const name = canonicalCharset(charset);
  if (charset === "" || name === null) return null;
  const from = afterCharset + 3;
  // An empty Q word ends at once; its "?=" must not be sought past it. Nor past the next word's beginning: many
  // beginnings without an end would each be sought to the end of the text.
  const next = text.indexOf("=?", from);
  const end = text.slice(from, next < 0 ? undefined : next + 3).indexOf("?=") + from;
  if (end < from || (next >= 0 && next + 2 <= end)) return null;
  const body = text.slice(from, end);
  if (encoding === "B") {
    if (!/^[A-Za-z0-9+/=\s_-]*$/.test(body)) return null;
    return { charset: name, bytes: decodeTransfer(Buffer.from(body, "latin1"), "base64"), text: null, end: end + 2 };
  }
  if (!/[^\0-\x7f]/.test(body)) return { charset: name, bytes: decodeQ(body), text: null, end: end + 2 };
  const runs = body.match(/[\0-\x7f]+|[^\0-\x7f]+/g) ?? [];
  const whole = runs.map((run) => (run.charCodeAt(0) > 0x7f ? run : decodeCharset(decodeQ(run), name))).join("");
  return { charset: name, bytes: new Uint8Array(0), text: whole, end: end + 2 };
}

/** RFC 2047 §4.2 */
function decodeQ(text: string): Uint8Array {
  const bytes = Buffer.from(text, "latin1");
  const out = new Uint8Array(bytes.length);
  let length = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0;
    if (byte === 0x5f) out[length++] = 0x20;
    else if (byte === 0x3d) {
      const high = hexValue(bytes[at + 1] ?? 0);
      const low = hexValue(bytes[at + 2] ?? 0);
      if (high >= 0 && low >= 0) {
        out[length++] = high << 4 | low;
        at += 2;
      } else out[length++] = byte;
    } else out[length++] = byte;
  }
  return out.subarray(0, length);
}

const wordBytesMax = 45;

/**
 * Text with everything but printable ASCII turned into UTF-8 encoded-words of at most 75 characters, each holding whole
 * characters; the words between the first and the last one that need it are encoded with their spaces. RFC 2047 §2, §5
 */
export function encodeWords(text: string): string {
  const clean = text.replaceAll(/[\0\r\n]+/g, " ");
  if (isPlain(clean)) return clean;
  const words = clean.split(" ");
  const first = words.findIndex((word) => !isPlain(word));
  const last = words.findLastIndex((word) => !isPlain(word));
  const before = words.slice(0, first);
  const after = words.slice(last + 1);
  const encoded = encodeRun(words.slice(first, last + 1).join(" "));
  return [...before, encoded, ...after].join(" ");
}

/** All of a text as encoded-words, needed or not. RFC 2047 §5 (3) */
export function encodeWhole(text: string): string {
  return encodeRun(text.replaceAll(/[\0\r\n]+/g, " "));
}

function isPlain(text: string): boolean {
  return /^[\t\x20-\x7e]*$/.test(text) && !text.includes("=?");
}

function encodeRun(text: string): string {
  const out: string[] = [];
  let piece: number[] = [];
  const bytes = Buffer.from(text.toWellFormed(), "utf8");
  const base64 = bytes.filter((byte) => byte > 0x7e).length * 3 > bytes.length;
  const sizeOf = (byte: number): number => (base64 || isQSafe(byte) || byte === 0x20 ? 1 : 3);
  const sizeMax = base64 ? wordBytesMax : 63;
  let size = 0;
  const flush = (): void => {
    if (piece.length === 0) return;
    const body = base64 ? Buffer.from(piece).toString("base64") : piece.map(encodeQ).join("");
    out.push(`=?utf-8?${base64 ? "B" : "Q"}?${body}?=`);
    piece = [];
    size = 0;
  };
  for (let at = 0; at < bytes.length;) {
    const lead = bytes[at] ?? 0;
    const length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
    const character = [...bytes.subarray(at, at + length)];
    const more = character.reduce((sum, byte) => sum + sizeOf(byte), 0);
    if (size + more > sizeMax) flush();
    piece.push(...character);
    size += more;
    at += length;
  }
  flush();
  return out.join(" ");
}

/** Characters that may stand bare in a Q word wherever it is used, a phrase too. RFC 2047 §5 (3) */
function isQSafe(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a) ||
    byte === 0x21 || byte === 0x2a || byte === 0x2b || byte === 0x2d || byte === 0x2f;
}

function encodeQ(byte: number): string {
  if (byte === 0x20) return "_";
  if (isQSafe(byte)) return String.fromCharCode(byte);
  return `=${byte.toString(16).toUpperCase().padStart(2, "0")}`;
}
