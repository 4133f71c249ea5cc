import { isAscii } from "node:buffer";
import type { Buffer } from "node:buffer";
import { asBuffer, decodeHeaderBytes } from "#format/mime/charset.ts";

/** A field's place in a header section; offsets count from the section's first byte. RFC 5322 §2.2 */
export interface HeaderField {
  /** Lower case. */
  readonly name: string;
  readonly start: number;
  /** Past the last line end of the field. */
  readonly end: number;
  readonly valueStart: number;
}

const nameLengthMax = 1000;

/**
 * Offset of the colon when a field begins at `at`, else -1. White space between name and colon is the obsolete form.
 * RFC 5322 §3.6.8, §4.5
 */
export function fieldColon(bytes: Uint8Array, at: number, end: number): number {
  let index = at;
  const stop = Math.min(end, at + nameLengthMax);
  while (index < stop && bytes[index]! > 0x20 && bytes[index]! < 0x7f && bytes[index] !== 0x3a) index++;
  if (index === at) return -1;
  while (index < stop && (bytes[index] === 0x20 || bytes[index] === 0x09)) index++;
  return bytes[index] === 0x3a && index < end ? index : -1;
}

/** Offset past the line that begins at `at`. */
export function lineEnd(bytes: Uint8Array, at: number): number {
  const feed = bytes.indexOf(0x0a, at);
  return feed < 0 ? bytes.length : feed + 1;
}

/** Line ends in `[start, end)`. Calls of `indexOf` are fast on long lines, a loop on short ones. */
export function countLines(bytes: Uint8Array, end: number, start = 0): number {
  const buffer = asBuffer(bytes);
  let count = 0;
  let at = start;
  while (at < end) {
    const near = Math.min(end, at + nearBytes);
    while (at < near && buffer[at] !== 0x0a) at++;
    if (at === near && at < end) {
      at = buffer.indexOf(0x0a, at);
      if (at < 0 || at >= end) break;
    }
    if (at < end) count++;
    at++;
  }
  return count;
}

/** Offset of the next LF at or after `start`, or `bytes.length`. */
export function nextLineFeed(bytes: Buffer, start: number): number {
  const near = Math.min(bytes.length, start + nearBytes);
  for (let at = start; at < near; at++) {
    if (bytes[at] === 0x0a) return at;
  }
  const feed = bytes.indexOf(0x0a, near);
  return feed < 0 ? bytes.length : feed;
}

/** As far as a line end is looked for by hand. */
const nearBytes = 8;

/** A line of nothing but CRs and its LF ends a header; CR CR LF is what a twice converted message has. */
export function isBlankLine(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    if (bytes[at] !== 0x0d && bytes[at] !== 0x0a) return false;
  }
  return end > start && bytes[end - 1] === 0x0a;
}

/** The fields of a header section, in order; lines that are none are passed, a blank line ends it. RFC 5322 §2.1 */
export function* headerFields(bytes: Uint8Array): Generator<HeaderField> {
  let start = 0;
  while (start < bytes.length) {
    let end = lineEnd(bytes, start);
    if (isBlankLine(bytes, start, end)) return;
    while (end < bytes.length && (bytes[end] === 0x20 || bytes[end] === 0x09)) end = lineEnd(bytes, end);
    const colon = fieldColon(bytes, start, end);
    if (colon > 0) yield { name: fieldName(bytes, start, colon), start, end, valueStart: colon + 1 };
    start = end;
  }
}

/** Told of each field: where it starts, its colon, and where it ends. */
export type FieldVisitor = (start: number, colon: number, end: number) => void;

/**
 * The fields of a header section whose bytes stand in `text` one a character (latin1), as `headerFields` finds them.
 * Looking for line ends in a string takes a third of the time it takes in bytes. Gives where it ended. RFC 5322 §2.1
 */
export function scanFields(text: string, visit: FieldVisitor): number {
  const size = text.length;
  let start = 0;
  while (start < size) {
    let end = textLineEnd(text, start);
    if (text.charCodeAt(start) <= 0x0d && isBlankText(text, start, end)) return start;
    while (end < size && isFold(text.charCodeAt(end))) end = textLineEnd(text, end);
    const colon = textColon(text, start, end);
    if (colon > 0) visit(start, colon, end);
    start = end;
  }
  return size;
}

export function textLineEnd(text: string, at: number): number {
  const feed = text.indexOf("\n", at);
  return feed < 0 ? text.length : feed + 1;
}

export function isFold(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

function isBlankText(text: string, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const code = text.charCodeAt(at);
    if (code !== 0x0d && code !== 0x0a) return false;
  }
  return end > start && text.charCodeAt(end - 1) === 0x0a;
}

/** `fieldColon` for text. RFC 5322 §3.6.8 */
export function textColon(text: string, at: number, end: number): number {
  const stop = Math.min(end, at + nameLengthMax);
  let index = at;
  let code = 0;
  for (; index < stop; index++) {
    code = text.charCodeAt(index);
    if (code <= 0x20 || code >= 0x7f || code === 0x3a) break;
  }
  if (index === at) return -1;
  while (index < stop && isFold(text.charCodeAt(index))) index++;
  return index < end && text.charCodeAt(index) === 0x3a ? index : -1;
}

const spelled = new Map<string, string>();
const spelledMax = 4000;

/** A field's name in lower case; the usual ways to write it are remembered. */
export function lowerName(name: string): string {
  const known = spelled.get(name);
  if (known !== undefined) return known;
  const lower = name.replaceAll(/[ \t]+$/g, "").toLowerCase();
  if (spelled.size < spelledMax && name.length < 64) spelled.set(name, lower);
  return lower;
}

/** What `headerText` gives, for text known to be ASCII without escapes and NULs. RFC 5322 §2.2.3 */
function plainValue(text: string, start: number, end: number): string {
  const value = text.slice(start, end).trim();
  if (value.indexOf("\n") < 0 && value.indexOf("\r") < 0) return value;
  return value.replaceAll(/[\r\n]+[ \t]*/g, " ");
}

/** The fields that `wants` says yes to, each with its value as `fieldText` gives it; `text` is the bytes as latin1. */
export function visitFieldTexts(
  bytes: Uint8Array, hint: string | null, wants: (name: string) => boolean, visit: (name: string,
    value: string) => void,
  text = asBuffer(bytes).toString("latin1"),
): void {
  const isPlain = isAscii(bytes) && !text.includes("\x1b") && !text.includes("\0");
  scanFields(text, (start, colon, end) => {
    const name = lowerName(text.slice(start, colon));
    if (!wants(name)) return;
    visit(name, isPlain ? plainValue(text, colon + 1, end) : headerText(bytes.subarray(colon + 1, end), hint));
  });
}

function fieldName(bytes: Uint8Array, start: number, colon: number): string {
  let name = "";
  for (let at = start; at < colon; at++) {
    const byte = bytes[at]!;
    if (byte > 0x20) name += String.fromCharCode(byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte);
  }
  return name;
}

/**
 * A field's value as text: unfolded, white space around it and NULs gone, encoded-words kept. `hint` is the charset
 * meant by bare bytes that are not UTF-8. RFC 5322 §2.2.3, RFC 6532 §3
 */
export function fieldText(bytes: Uint8Array, field: HeaderField, hint: string | null = null): string {
  return headerText(bytes.subarray(field.valueStart, field.end), hint);
}

/** RFC 5322 §2.2.3 */
export function headerText(value: Uint8Array, hint: string | null = null): string {
  let text = decodeHeaderBytes(value, hint).trim();
  if (text.includes("\0")) text = text.replaceAll("\0", "");
  // A fold reads as one space, however deep the next line is indented.
  return /[\r\n]/.test(text) ? text.replaceAll(/[\r\n]+[ \t]*/g, " ") : text;
}

/** First field of a name (lower case) as text, or null. */
export function headerValue(bytes: Uint8Array, name: string): string | null {
  for (const field of headerFields(bytes)) {
    if (field.name === name) return fieldText(bytes, field);
  }
  return null;
}

/**
 * What IMAP answers for HEADER.FIELDS (or, `not`, HEADER.FIELDS.NOT): the fields of the names (lower case) as they
 * stand, in their order, and the blank line. RFC 9051 §6.4.5.1
 */
export function filterHeader(bytes: Uint8Array, names: ReadonlySet<string>, not = false): Uint8Array[] {
  const out: Uint8Array[] = [];
  for (const field of headerFields(bytes)) {
    if (names.has(field.name) === not) continue;
    out.push(bytes.subarray(field.start, field.end));
    if (bytes[field.end - 1] !== 0x0a) out.push(crlf);
  }
  out.push(crlf);
  return out;
}

const crlf = Uint8Array.of(0x0d, 0x0a);
