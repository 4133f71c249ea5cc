import { Buffer } from "node:buffer";
import { decodeCharset } from "#format/mime/charset.ts";
import { decodeWords } from "#format/mime/words.ts";
import { hexValue } from "#format/mime/decode.ts";
import type { MimeParam } from "#format/mime/types.ts";

export interface ParameterizedValue {
  /** What stands before the first ";", comments removed, as it stood otherwise. */
  readonly value: string;
  readonly params: readonly MimeParam[];
}

const paramsMax = 128;
const paramLengthMax = 4096;

interface Segment {
  readonly number: number;
  readonly extended: boolean;
  readonly text: string;
}

/**
 * Content-Type or Content-Disposition. Read although broken: missing ";", unquoted values with spaces, unclosed quotes,
 * encoded-words in values, percent-encoding without charset, gaps in continuations (what follows a gap is dropped).
 * The first of two equal names counts. RFC 2045 §5.1, RFC 2183 §2, RFC 2231 §3–§4
 */
export function parseParameterized(text: string): ParameterizedValue {
  return usualValue(text) ?? anyValue(text);
}

const usualHead = /[\w!#$%&'*+\-.^`{|}~/]+/y;
const usualParam = /; *([A-Za-z][\w-]{0,40})=(?:"([^"\\]*)"|([\w!#$%&*+\-.^`{|}~/:?]+)) *(?=;|$)/y;

/** A value and parameters of the plainest kind, as `anyValue` reads them; null for any other. RFC 2045 §5.1 */
function usualValue(text: string): ParameterizedValue | null {
  usualHead.lastIndex = 0;
  const head = usualHead.exec(text);
  if (head === null || text.length > paramLengthMax) return null;
  const params: MimeParam[] = [];
  let at = usualHead.lastIndex;
  while (at < text.length) {
    usualParam.lastIndex = at;
    const match = usualParam.exec(text);
    if (match === null) return null;
    const name = match[1]!.toLowerCase();
    const value = match[2] ?? match[3]!;
    if (value.includes("=?") || params.length >= usualParamsMax || paramValue(params, name) !== null) return null;
    params.push({ name, value });
    at = usualParam.lastIndex;
  }
  return { value: head[0], params };
}

const usualParamsMax = 8;

function anyValue(text: string): ParameterizedValue {
  const semicolon = valueEnd(text);
  const value = stripComments(text.slice(0, semicolon)).trim();
  const found = new Map<string, Segment[]>();
  let at = semicolon;
  for (let count = 0; at < text.length && count < paramsMax * 4; count++) {
    at = skipSeparators(text, at);
    const equals = nameEnd(text, at);
    if (text.charAt(equals) !== "=") {
      at = equals > at ? equals : at + 1;
      continue;
    }
    const name = text.slice(at, equals).trim().toLowerCase();
    const raw = readValue(text, equals + 1, isFileName(name));
    at = raw.end;
    addSegment(found, name, raw.text);
  }
  const params: MimeParam[] = [];
  for (const [name, segments] of found) {
    if (params.length >= paramsMax) break;
    params.push(joinSegments(name, segments));
  }
  return { value, params };
}

/** A parameter's decoded value, or null. `name` in lower case. */
export function paramValue(params: readonly MimeParam[], name: string): string | null {
  for (const param of params) {
    if (param.name === name) return param.value;
  }
  return null;
}

function isFileName(name: string): boolean {
  return name.startsWith("name") || name.startsWith("filename");
}

/** Where the parameters begin: at the first ";", or at white space before something that looks like a parameter. */
function valueEnd(text: string): number {
  const semicolon = text.indexOf(";");
  const head = semicolon < 0 ? text : text.slice(0, semicolon);
  const missing = /\s(?=[A-Za-z][\w*-]{0,40}=)/.exec(head.length > 1000 ? head.slice(0, 1000) : head);
  if (missing !== null && !head.slice(0, missing.index).includes("(")) return missing.index;
  return semicolon < 0 ? text.length : semicolon;
}

function stripComments(text: string): string {
  const open = text.indexOf("(");
  return open < 0 ? text : text.slice(0, open);
}

function skipSeparators(text: string, start: number): number {
  let at = start;
  while (at < text.length && /[;\s,]/.test(text.charAt(at))) at++;
  return at;
}

function nameEnd(text: string, start: number): number {
  let at = start;
  while (at < text.length && text.charAt(at) !== "=" && text.charAt(at) !== ";" && text.charAt(at) !== "\"") at++;
  return at;
}

function readValue(text: string, start: number, fileName: boolean): { text: string; end: number } {
  let at = start;
  while (text.charAt(at) === " " || text.charAt(at) === "\t") at++;
  if (text.charAt(at) === "\"") return readQuoted(text, at + 1);
  let end = text.indexOf(";", at);
  if (end < 0) end = text.length;
  let value = text.slice(at, end).trim();
  if (!fileName) {
    value = stripComments(value).trim();
    // A second parameter may follow without the semicolon.
    const next = /\s+[A-Za-z][\w*-]{0,40}=/.exec(value.length > 1000 ? value.slice(0, 1000) : value);
    if (next !== null) {
      end = at + text.slice(at, end).indexOf(next[0]);
      value = value.slice(0, next.index);
    }
  }
  if (value.startsWith("'") && value.endsWith("'") && value.length > 1) value = value.slice(1, -1);
  return { text: value, end };
}

function readQuoted(text: string, start: number): { text: string; end: number } {
  const pieces: string[] = [];
  let run = start;
  for (let at = start; at < text.length; at++) {
    const character = text.charAt(at);
    if (character === "\"") {
      pieces.push(text.slice(run, at));
      return { text: pieces.join(""), end: at + 1 };
    }
    if (character === "\\" && (text.charAt(at + 1) === "\"" || text.charAt(at + 1) === "\\")) {
      pieces.push(text.slice(run, at));
      run = at + 1;
      at++;
    }
  }
  // Never closed: what follows a semicolon is more likely the next parameter than part of this one.
  const semicolon = text.indexOf(";", start);
  const end = semicolon < 0 ? text.length : semicolon;
  return { text: text.slice(start, end).trim(), end };
}

function addSegment(found: Map<string, Segment[]>, name: string, text: string): void {
  const match = /^([^*\s]{1,100})(?:\*(\d{1,3}))?(\*)?$/.exec(name);
  if (match === null) return;
  const base = match[1] ?? "";
  const segment: Segment = {
    number: match[2] === undefined ? -1 : Number(match[2]),
    extended: match[3] !== undefined,
    text: text.length > paramLengthMax ? text.slice(0, paramLengthMax) : text,
  };
  const list = found.get(base);
  if (list === undefined) {
    if (found.size < paramsMax) found.set(base, [segment]);
  } else if (list.length < 1000) list.push(segment);
}

function joinSegments(name: string, segments: Segment[]): MimeParam {
  // RFC 2231 forms win over the plain one, which senders add for old readers.
  const whole = segments.find((segment) => segment.number < 0 && segment.extended);
  if (whole !== undefined) return extendedParam(name, [whole]);
  const parts = segments.filter((segment) => segment.number >= 0).sort((a, b) => a.number - b.number);
  const first = parts.length > 0 ? (parts[0]?.number ?? 0) : 0;
  const run: Segment[] = [];
  for (const part of parts) {
    if (part.number === first + run.length) run.push(part);
  }
  const plain = segments.find((segment) => segment.number < 0);
  if (run.length === 0 || first > 1) return plainParam(name, plain?.text ?? run[0]?.text ?? "");
  if (run.some((segment) => segment.extended)) return extendedParam(name, run);
  return plainParam(name, clip(run.map((segment) => segment.text).join("")));
}

function clip(text: string): string {
  return text.length > paramLengthMax ? text.slice(0, paramLengthMax) : text;
}

function plainParam(name: string, text: string): MimeParam {
  const value = decodeWords(text);
  return value === text ? { name, value } : { name, value, wireValue: text };
}

function extendedParam(name: string, segments: readonly Segment[]): MimeParam {
  const firstText = segments[0]?.text ?? "";
  const quote = segments[0]?.extended === true ? /^([^']{0,80})'([^']{0,80})'/.exec(firstText) : null;
  const charset = quote?.[1] ?? "";
  const bytes: Uint8Array[] = [];
  let wire = quote === null ? "utf-8''" : "";
  segments.forEach((segment, index) => {
    const body = index === 0 && quote !== null ? segment.text.slice(quote[0].length) : segment.text;
    bytes.push(segment.extended ? percentDecode(body) : Buffer.from(body, "utf8"));
    wire += segment.extended ? segment.text : percentEncode(segment.text);
  });
  const decoded = decodeCharset(Buffer.concat(bytes), charset === "" ? null : charset);
  const value = decodeWords(clip(decoded)).replaceAll(/[\0\r\n]+/g, " ");
  return { name, value, wireName: `${name}*`, wireValue: clip(wire) };
}

function percentDecode(text: string): Uint8Array {
  const bytes = Buffer.from(text, "utf8");
  let length = 0;
  for (let at = 0; at < bytes.length; at++) {
    const high = bytes[at] === 0x25 ? hexValue(bytes[at + 1] ?? 0) : -1;
    const low = high < 0 ? -1 : hexValue(bytes[at + 2] ?? 0);
    if (low >= 0) {
      bytes[length++] = high << 4 | low;
      at += 2;
    } else bytes[length++] = bytes[at] ?? 0;
  }
  return bytes.subarray(0, length);
}

/** attribute-char of RFC 2231 §7 stays; the rest becomes percent-encoded UTF-8. */
export function percentEncode(text: string): string {
  let out = "";
  for (const byte of Buffer.from(text.toWellFormed(), "utf8")) {
    const plain = (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a) ||
      byte === 0x2d || byte === 0x2e || byte === 0x5f || byte === 0x7e || byte === 0x21 || byte === 0x2b;
    out += plain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return out;
}
