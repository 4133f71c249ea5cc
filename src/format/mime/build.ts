import { Buffer, isAscii } from "node:buffer";
import { paramField } from "#format/mime/fields.ts";
import { withLineEnds } from "#format/mime/text.ts";
import type { FieldLine } from "#format/mime/fields.ts";

/** A part to be written. `fields` come beside the Content-Type and Content-Transfer-Encoding made here. RFC 2045 */
export type BuildPart = BuildText | BuildBytes | BuildMessage | BuildMultipart;

/** Text; line ends of any kind go out as CRLF, in UTF-8 where it is not ASCII. */
export interface BuildText {
  readonly kind: "text";
  /** Default "text/plain"; also message/delivery-status and other types made of lines. */
  readonly type?: string;
  readonly text: string;
  readonly params?: Readonly<Record<string, string>>;
  readonly fields?: readonly FieldLine[];
}

/** Any bytes, as base64. */
export interface BuildBytes {
  readonly kind: "bytes";
  readonly type: string;
  readonly bytes: Uint8Array;
  readonly params?: Readonly<Record<string, string>>;
  readonly fields?: readonly FieldLine[];
}

/**
 * A whole message, or its header section as text/rfc822-headers, byte by byte as it is: RFC 2046 §5.2.1 forbids to
 * encode it, so that one with 8-bit bytes makes the result 8-bit.
 */
export interface BuildMessage {
  readonly kind: "message";
  /** Default "message/rfc822". */
  readonly type?: string;
  readonly chunks: readonly Uint8Array[];
  readonly fields?: readonly FieldLine[];
}

export interface BuildMultipart {
  readonly kind: "multipart";
  readonly subtype: string;
  readonly parts: readonly BuildPart[];
  readonly params?: Readonly<Record<string, string>>;
  readonly fields?: readonly FieldLine[];
}

export interface BuildOptions {
  /** Fields of the message, see `fields.ts`; MIME-Version is added. */
  readonly fields: readonly FieldLine[];
  readonly body: BuildPart;
  /** Something no part holds, best random: it goes into the boundaries. ASCII letters and digits. */
  readonly boundarySeed: string;
}

type Width = "7bit" | "8bit" | "binary";

interface Built {
  readonly fields: readonly FieldLine[];
  readonly width: Width;
  readonly chunks: readonly Uint8Array[];
}

const lineLengthMax = 998;
const depthMax = 64;

/**
 * A message as the pieces of its bytes, CRLF line ends, 7-bit throughout save for what a `BuildMessage` brings.
 * RFC 5322 §3.5, RFC 2045, RFC 2046 §5.1
 */
export function buildMessage({ fields, body, boundarySeed }: BuildOptions): Uint8Array[] {
  const seed = boundarySeed.replaceAll(/[^A-Za-z0-9]/g, "").slice(0, 40);
  let boundaryCount = 0;
  const nextBoundary = (): string => `=_${seed}_${boundaryCount++}`;
  const built = buildPart(body, nextBoundary, 0);
  return [ascii([...fields, "MIME-Version: 1.0", ...built.fields, "", ""].join("\r\n")), ...built.chunks];
}

function buildPart(part: BuildPart, nextBoundary: () => string, depth: number): Built {
  if (depth > depthMax) throw new Error(`a message is built at most ${depthMax} parts deep`);
  switch (part.kind) {
    case "text": return buildText(part);
    case "bytes": return {
      fields: [paramField("Content-Type", part.type, part.params ?? {}), "Content-Transfer-Encoding: base64",
        ...part.fields ?? []],
      width: "7bit",
      chunks: base64Lines(part.bytes),
    };
    case "message": {
      const width = widest(part.chunks.map(widthOf));
      return {
        fields: [paramField("Content-Type", part.type ?? "message/rfc822", {}), ...widthField(width),
          ...part.fields ?? []],
        width,
        chunks: part.chunks,
      };
    }
    case "multipart": return buildMultipart(part, nextBoundary, depth);
  }
}

function buildMultipart(part: BuildMultipart, nextBoundary: () => string, depth: number): Built {
  const boundary = nextBoundary();
  const built = part.parts.map((child) => buildPart(child, nextBoundary, depth + 1));
  const chunks: Uint8Array[] = [];
  for (const [index, child] of built.entries()) {
    chunks.push(ascii(`${index === 0 ? "" : "\r\n"}--${boundary}\r\n${child.fields.join("\r\n")}\r\n\r\n`));
    chunks.push(...child.chunks);
  }
  chunks.push(ascii(`\r\n--${boundary}--\r\n`));
  const width = widest(built.map((child) => child.width));
  const type = paramField("Content-Type", `multipart/${part.subtype}`, { ...part.params, boundary });
  return { fields: [type, ...widthField(width), ...part.fields ?? []], width, chunks };
}

function buildText(part: BuildText): Built {
  const type = part.type ?? "text/plain";
  const text = withLineEnds(part.text.toWellFormed());
  const bytes = Buffer.from(text, "utf8");
  const isAsciiText = isAscii(bytes);
  const plain = isAsciiText && !bytes.includes(0) && longestLine(text) <= lineLengthMax;
  const charset = isAsciiText ? "us-ascii" : "utf-8";
  const params = type.startsWith("text/") ? { charset, ...part.params } : part.params ?? {};
  const fields = [paramField("Content-Type", type, params)];
  if (plain) return { fields: [...fields, ...part.fields ?? []], width: "7bit", chunks: [bytes] };
  let wide = 0;
  for (const byte of bytes) if (byte > 0x7e) wide++;
  const encoding = wide * 4 > bytes.length ? "base64" : "quoted-printable";
  return {
    fields: [...fields, `Content-Transfer-Encoding: ${encoding}`, ...part.fields ?? []],
    width: "7bit",
    chunks: encoding === "base64" ? base64Lines(bytes) : [encodeQuotedPrintable(bytes)],
  };
}

function widthField(width: Width): FieldLine[] {
  return width === "7bit" ? [] : [`Content-Transfer-Encoding: ${width}`];
}

function widthOf(chunk: Uint8Array): Width {
  if (chunk.includes(0)) return "binary";
  return isAscii(chunk) ? "7bit" : "8bit";
}

function widest(widths: readonly Width[]): Width {
  return widths.includes("binary") ? "binary" : widths.includes("8bit") ? "8bit" : "7bit";
}

function longestLine(text: string): number {
  let longest = 0;
  let start = 0;
  for (let end = text.indexOf("\r\n"); end >= 0; end = text.indexOf("\r\n", start)) {
    longest = Math.max(longest, end - start);
    start = end + 2;
  }
  return Math.max(longest, text.length - start);
}

const base64LineBytes = 57;
const base64LineCharacters = 76;
const base64ChunkLines = 1024;

/** Lines of 76 characters. RFC 2045 §6.8 */
export function base64Lines(bytes: Uint8Array): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  const source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < source.length; at += base64LineBytes * base64ChunkLines) {
    const text = source.toString("base64", at, Math.min(source.length, at + base64LineBytes * base64ChunkLines));
    const lines: string[] = [];
    for (let line = 0; line < text.length; line += base64LineCharacters) {
      lines.push(text.slice(line, line + base64LineCharacters));
    }
    lines.push("");
    chunks.push(Buffer.from(lines.join("\r\n"), "latin1"));
  }
  return chunks;
}

const hexDigits = Buffer.from("0123456789ABCDEF", "latin1");
/** What stands for itself anywhere in a line of quoted-printable; white space does but at the end. */
const bare = Uint8Array.from({ length: 256 }, (_, byte) => (byte > 0x20 && byte < 0x7f && byte !== 0x3d ? 1 : 0));
const lineRoom = 75;

/** Text with CRLF line ends, lines of at most 76 characters. RFC 2045 §6.7 */
export function encodeQuotedPrintable(bytes: Uint8Array): Buffer {
  return new QuotedPrintableEncoder().end(bytes);
}

/** What is looked at beyond a byte: the end of its line. */
const lookAhead = 2;

/** The same in pieces: any cut gives the same bytes. RFC 2045 §6.7 */
export class QuotedPrintableEncoder {
  #width = 0;
  #held: Uint8Array = new Uint8Array(0);

  write(bytes: Uint8Array): Buffer {
    const input = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    const state = { at: 0, width: this.#width };
    const out = quote(input, Math.max(0, input.length - lookAhead), state);
    this.#width = state.width;
    this.#held = Uint8Array.prototype.slice.call(input, state.at);
    return out;
  }

  /** The last piece, all of it for what comes at once. */
  end(bytes: Uint8Array = new Uint8Array(0)): Buffer {
    const input = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    return quote(input, input.length, { at: 0, width: this.#width });
  }
}

/** Quotes from `state.at` on what begins before `end`, and says in `state` how far it came. */
function quote(bytes: Uint8Array, end: number, state: { at: number; width: number }): Buffer {
  const size = bytes.length;
  // Three for each byte, and three more for each 73 of those.
  const out = Buffer.allocUnsafe(size * 3 + Math.ceil(size / 24) * 3 + 8);
  let length = 0;
  let { at, width } = state;
  while (at < end) {
    const byte = bytes[at]!;
    if (bare[byte] === 1 && width > 0 && width < lineRoom) {
      out[length++] = byte;
      width++;
      at++;
      continue;
    }
    if (byte === 0x0d && bytes[at + 1] === 0x0a) {
      out[length] = byte;
      out[length + 1] = 0x0a;
      length += 2;
      width = 0;
      at += 2;
      continue;
    }
    const next = bytes[at + 1];
    const isLineEnd = at + 1 === size || (next === 0x0d && bytes[at + 2] === 0x0a);
    const isSpace = byte === 0x20 || byte === 0x09;
    // "." and "From " at the start of a line are what careless relays change.
    const isTempting = width === 0 && (byte === 0x2e || byte === 0x46);
    const isBare = (bare[byte] === 1 && !isTempting) || (isSpace && !isLineEnd);
    const wanted = isBare ? 1 : 3;
    if (width + wanted > (isLineEnd ? lineRoom + 1 : lineRoom)) {
      // Looked at again, now as the first of its line.
      out[length] = 0x3d;
      out[length + 1] = 0x0d;
      out[length + 2] = 0x0a;
      length += 3;
      width = 0;
      continue;
    }
    if (isBare) out[length] = byte;
    else {
      out[length] = 0x3d;
      out[length + 1] = hexDigits[byte >> 4]!;
      out[length + 2] = hexDigits[byte & 15]!;
    }
    length += wanted;
    width += wanted;
    at++;
  }
  state.at = at;
  state.width = width;
  return out.subarray(0, length);
}

function ascii(text: string): Uint8Array {
  return Buffer.from(text, "utf8");
}
