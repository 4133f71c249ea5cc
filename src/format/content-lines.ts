/**
 * The lines that iCalendar and vCard are made of: cut at name, parameters and value, and written, escaped and folded
 * again. One grammar for both; what each builds of its lines is its own affair. RFC 5545 §3.1, RFC 6350 §3.3
 */
import { Buffer } from "node:buffer";
import { WireError } from "#base/fault.ts";

/** A line cut in two, still as it stood. */
export interface CutLine {
  /** Name first, then each parameter with its name. */
  readonly head: readonly string[];
  readonly value: string;
}

/** Where the name and the parameters end; quotes that never close are characters. */
function headEnd(text: string): number {
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x22) quoted = !quoted;
    else if (code === 0x3a && !quoted) return at;
  }
  return text.indexOf(":");
}

/** Cuts at `separator` outside quotes. RFC 5545 §3.2, RFC 6350 §5 */
export function cutOutsideQuotes(text: string, separator: string): string[] {
  if (!text.includes('"')) return text.split(separator);
  const pieces: string[] = [];
  let quoted = false;
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '"') quoted = !quoted;
    else if (text[at] === separator && !quoted) {
      pieces.push(text.slice(from, at));
      from = at + 1;
    }
  }
  pieces.push(text.slice(from));
  return pieces;
}

/** An unfolded line cut at its parts; undefined when nothing ends its name. RFC 5545 §3.1, RFC 6350 §3.3 */
export function cutLine(text: string): CutLine | undefined {
  const end = headEnd(text);
  return end < 1 ? undefined : { head: cutOutsideQuotes(text.slice(0, end), ";"), value: text.slice(end + 1) };
}

const careted: Readonly<Record<string, string>> = { "^n": "\n", "^N": "\n", "^'": '"', "^^": "^" };

/** The value of a parameter without its quotes and carets. RFC 6868 §3.2 */
export function parameterText(text: string): string {
  const trimmed = text.trim();
  const bare = trimmed.includes('"') ? trimmed.replaceAll('"', "") : trimmed;
  return bare.includes("^") ? bare.replaceAll(/\^[nN'^]/g, (pair) => careted[pair] ?? pair) : bare;
}

const carets: Readonly<Record<string, string>> = { "\n": "^n", '"': "^'", "^": "^^" };

/** What cannot stand in a parameter as it is. */
const special = /[\x00-\x1f\x7f"^:;,]/;

/** The value of a parameter as it is written, quoted when it must be. RFC 6868 §3.1 */
export function writtenParameter(value: string): string {
  if (!special.test(value)) return value;
  const clean = value.replaceAll(/\r\n?/g, "\n").replaceAll(/[\x00-\x08\x0b-\x1f\x7f]/g, "");
  const safe = clean.replaceAll(/["^\n]/g, (found) => carets[found] ?? found);
  return /[:;,]/.test(safe) ? `"${safe}"` : safe;
}

/** A line of iCalendar. RFC 5545 §3.1 */
export interface ContentLine {
  /** In upper case. */
  readonly name: string;
  /** Names in upper case; a list is one text with its commas. */
  readonly parameters: ReadonlyMap<string, string>;
  readonly value: string;
}

/** Throws WireError when there is no colon to end the name. RFC 5545 §3.1 */
export function splitContentLine(line: string): ContentLine {
  const cut = cutLine(line);
  if (cut === undefined) throw new WireError(`"${line.slice(0, 40)}" has no value`, 0);
  const parameters = new Map<string, string>();
  for (const piece of cut.head.slice(1)) {
    const equals = piece.indexOf("=");
    if (equals > 0) parameters.set(piece.slice(0, equals).trim().toUpperCase(), parameterText(piece.slice(equals + 1)));
  }
  return { name: cut.head[0]!.trim().toUpperCase(), parameters, value: cut.value };
}

/** RFC 5545 §3.3.11, RFC 6350 §3.4 */
export function escapeText(text: string): string {
  return text.replaceAll(/[\\,;]|\r\n?|\n/g, (found) => (found[0] === "\r" || found === "\n" ? "\\n" : `\\${found}`));
}

const lineOctetsMax = 75;

/** A line in pieces of 75 octets at most, never cut inside a character, not ended. RFC 5545 §3.1, RFC 6350 §3.2 */
export function foldLine(line: string): string {
  if (line.length <= lineOctetsMax && Buffer.byteLength(line) <= lineOctetsMax) return line;
  const pieces: string[] = [];
  let from = 0;
  let octets = 0;
  for (let at = 0; at < line.length;) {
    const code = line.codePointAt(at)!;
    const size = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (octets + size > lineOctetsMax) {
      pieces.push(line.slice(from, at));
      from = at;
      octets = 1;
    }
    octets += size;
    at += code > 0xffff ? 2 : 1;
  }
  pieces.push(line.slice(from));
  return pieces.join("\r\n ");
}
