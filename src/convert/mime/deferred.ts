import { Buffer, isAscii } from "node:buffer";
import { QuotedPrintableEncoder, base64Lines, encodeQuotedPrintable } from "#format/mime/build.ts";
import { paramField } from "#format/mime/fields.ts";
import { utf8Pieces } from "#convert/large.ts";
import { LineEnds, rewritten } from "#convert/mime/text-decoding.ts";
import type { BuildPart } from "#format/mime/build.ts";
import type { FieldLine } from "#format/mime/fields.ts";
import type { ItemContent } from "#convert/item.ts";

type Width = "7bit" | "8bit" | "binary";

/** Base64 lines hold 57 bytes; pieces are cut at a multiple. RFC 2045 §6.8 */
const lineBytes = 57;
const pieceBytes = lineBytes * 2048;
const lineLengthMax = 998;
/** Above, nobody reads the source, and base64 is many times faster. */
const quotedMaxBytes = 512 * 1024;

export interface PartLine {
  readonly type: string;
  readonly params?: Readonly<Record<string, string>>;
  readonly fields?: readonly FieldLine[];
}

/**
 * Content that is encoded only when the message is written out. The message is laid out with a stand-in for each, a
 * chunk known by its identity, so that large attachments are never held as a whole.
 */
export class DeferredContents {
  readonly #sources = new Map<Uint8Array, () => Iterable<Uint8Array>>();

  /** A part in base64. RFC 2045 §6.8 */
  base64(line: PartLine, content: ItemContent): BuildPart {
    const standIn = new Uint8Array(0);
    this.#sources.set(standIn, () => encodeBase64(content.chunks()));
    return part(line, "base64", [standIn]);
  }

  /** Text that is read in pieces, as `BuildText` would write it. RFC 2045 §6 */
  text(pieces: () => Iterable<string>): BuildPart {
    const chunks = (): Iterable<Uint8Array> => utf8Pieces(rewritten(new LineEnds(), pieces()));
    const look = lookThrough(chunks());
    const { isAscii: isAsciiText } = look;
    const encoding = look.isPlain ? null : look.wide * 4 > look.size ? "base64" : "quoted-printable";
    const line = { type: "text/plain", params: { charset: isAsciiText ? "us-ascii" : "utf-8" } };
    return this.#encoded(line, encoding, chunks);
  }

  /** Bytes of a text that are read in pieces, as `textPart` would write them. RFC 2045 §6 */
  bytes(line: PartLine, chunks: () => Iterable<Uint8Array>): BuildPart {
    const look = lookThrough(chunks());
    if (look.isPlain) return this.#encoded(line, null, chunks);
    const isBase64 = (look.wide + look.controls) * 4 > look.size || look.size > quotedMaxBytes;
    return this.#encoded(line, isBase64 ? "base64" : "quoted-printable", chunks);
  }

  #encoded(line: PartLine, encoding: string | null, chunks: () => Iterable<Uint8Array>): BuildPart {
    const standIn = new Uint8Array(0);
    this.#sources.set(standIn, encoding === null ? chunks
      : encoding === "base64" ? () => encodeBase64(chunks()) : () => quoted(chunks()));
    return part(line, encoding, [standIn]);
  }

  /** A part as it stands, for what must not be encoded. RFC 2046 §5.2.1, RFC 1847 §2.1 */
  asIs(line: PartLine, content: ItemContent): BuildPart {
    return part(line, null, [this.raw(content)]);
  }

  /**
   * The stand-in for bytes that go out unchanged but for bare LFs, which no relay takes and which a signature counts as
   * CRLF too (RFC 1847 §2.1). It is as wide as they are, which decides how they are announced.
   */
  raw(content: ItemContent): Uint8Array {
    const standIn = Uint8Array.from(widthBytes[widthOf(content)]);
    this.#sources.set(standIn, () => withLineEnds(content.chunks()));
    return standIn;
  }

  /** The chunks of a message with what they stand for. */
  *write(chunks: Iterable<Uint8Array>): Generator<Uint8Array> {
    for (const chunk of chunks) {
      const source = this.#sources.get(chunk);
      if (source === undefined) yield chunk;
      else yield* source();
    }
  }
}

const widthBytes = { "7bit": [], "8bit": [0x80], "binary": [0] } as const satisfies Record<Width, number[]>;

function widthOf(content: ItemContent): Width {
  let width: Width = "7bit";
  for (const chunk of content.chunks()) {
    if (chunk.includes(0)) return "binary";
    if (width === "7bit" && !isAscii(chunk)) width = "8bit";
  }
  return width;
}

interface Look {
  readonly size: number;
  readonly isAscii: boolean;
  /** Bytes above 0x7e. */
  readonly wide: number;
  /** Control characters but CR, LF and TAB. */
  readonly controls: number;
  /** ASCII without NUL, all lines ended by CRLF and none of them long. */
  readonly isPlain: boolean;
}

/** What tells how text has to be written, told while it passes. */
function lookThrough(chunks: Iterable<Uint8Array>): Look {
  let [size, wide, controls, width] = [0, 0, 0, 0];
  let isAsciiText = true;
  let isPlain = true;
  let last = 0;
  for (const chunk of chunks) {
    size += chunk.length;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at]!;
      if (byte > 0x7e) {
        wide++;
        if (byte > 0x7f) isAsciiText = false;
        width++;
      } else if (byte >= 0x20 || byte === 0x09) width++;
      else if (byte === lineFeed) {
        if (last !== carriageReturn || width > lineLengthMax) isPlain = false;
        width = 0;
      } else if (byte !== carriageReturn) {
        controls++;
        if (byte === 0) isPlain = false;
        width++;
      }
      if (last === carriageReturn && byte !== lineFeed) isPlain = false;
      last = byte;
    }
  }
  if (last === carriageReturn || width > lineLengthMax) isPlain = false;
  return { size, isAscii: isAsciiText, wide, controls, isPlain: isPlain && isAsciiText };
}

/** Text of a known charset, its bytes kept: bare, quoted-printable or base64, whichever carries them. RFC 2045 §6.7 */
export function textPart(line: PartLine, bytes: Uint8Array): BuildPart {
  if (isPlain(bytes)) return part(line, null, [bytes]);
  let wide = 0;
  for (const byte of bytes) {
    if (byte > 0x7e || (byte < 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09)) wide++;
  }
  if (wide * 4 > bytes.length || bytes.length > quotedMaxBytes) return part(line, "base64", base64Lines(bytes));
  return part(line, "quoted-printable", [encodeQuotedPrintable(bytes)]);
}

function isPlain(bytes: Uint8Array): boolean {
  if (!isAscii(bytes)) return false;
  let lineStart = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (byte === 0 || byte === 0x0a) return false;
    if (byte !== 0x0d) continue;
    if (bytes[at + 1] !== 0x0a || at - lineStart > lineLengthMax) return false;
    at++;
    lineStart = at + 1;
  }
  return bytes.length - lineStart <= lineLengthMax;
}

/** `message` carries any type with its bytes as they are given; its parameters stand in the type. */
function part({ type, params, fields }: PartLine, encoding: string | null, chunks: readonly Uint8Array[]): BuildPart {
  const typed = paramField("Content-Type", type, params ?? {}).slice("Content-Type: ".length);
  const encodingField = encoding === null ? [] : [`Content-Transfer-Encoding: ${encoding}`];
  return { kind: "message", type: typed, chunks, fields: [...encodingField, ...fields ?? []] };
}

const lineFeed = 0x0a;
const carriageReturn = 0x0d;

function* quoted(chunks: Iterable<Uint8Array>): Generator<Uint8Array> {
  const encoder = new QuotedPrintableEncoder();
  for (const chunk of chunks) yield encoder.write(chunk);
  yield encoder.end();
}

function* withLineEnds(chunks: Iterable<Uint8Array>): Generator<Uint8Array> {
  let last = 0;
  for (const chunk of chunks) {
    let bare = 0;
    for (let at = chunk.indexOf(lineFeed); at >= 0; at = chunk.indexOf(lineFeed, at + 1)) {
      if ((at === 0 ? last : chunk[at - 1]) !== carriageReturn) bare++;
    }
    const before = last;
    last = chunk.at(-1) ?? last;
    yield bare === 0 ? chunk : insertReturns(chunk, before, bare);
  }
}

function insertReturns(chunk: Uint8Array, before: number, bare: number): Uint8Array {
  const out = new Uint8Array(chunk.length + bare);
  let length = 0;
  let last = before;
  for (const byte of chunk) {
    if (byte === lineFeed && last !== carriageReturn) out[length++] = carriageReturn;
    out[length++] = byte;
    last = byte;
  }
  return out;
}

function* encodeBase64(chunks: Iterable<Uint8Array>): Generator<Uint8Array> {
  let held: Uint8Array = new Uint8Array(0);
  for (const chunk of chunks) {
    let at = 0;
    if (held.length > 0) {
      at = Math.min(chunk.length, (lineBytes - held.length % lineBytes) % lineBytes);
      held = Buffer.concat([held, chunk.subarray(0, at)]);
      if (held.length % lineBytes !== 0) continue;
      yield* base64Lines(held);
      held = new Uint8Array(0);
    }
    const whole = at + Math.floor((chunk.length - at) / lineBytes) * lineBytes;
    for (; at < whole; at += pieceBytes) yield* base64Lines(chunk.subarray(at, Math.min(whole, at + pieceBytes)));
    held = Uint8Array.prototype.slice.call(chunk, whole);
  }
  yield* base64Lines(held);
}
