/** The lines that vCard and iCalendar are made of, read with patience for what programs wrote over thirty years. */
import { Buffer } from "node:buffer";
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { cutLine, cutOutsideQuotes, parameterText } from "#format/content-lines.ts";
import { decodeCharset, decodeHeaderBytes } from "#format/mime/charset.ts";
import { decodeTransfer } from "#format/mime/decode.ts";

/** One value of a parameter; a list is several of the same name. RFC 6350 §5 */
export interface Parameter {
  /** Upper case. A word alone, as vCard 2.1 has them, is a TYPE. */
  readonly name: string;
  readonly value: string;
}

/** RFC 6350 §3.3, RFC 5545 §3.1 */
export interface Line {
  /** "" without one. */
  readonly group: string;
  /** Upper case. */
  readonly name: string;
  /** Without ENCODING=QUOTED-PRINTABLE and CHARSET, which are undone. */
  readonly parameters: readonly Parameter[];
  /** With its backslashes. */
  readonly value: string;
}

/** What stands between BEGIN and END. RFC 5545 §3.6, RFC 6350 §6.1.1 */
export interface Component {
  /** Upper case. */
  readonly name: string;
  readonly lines: Line[];
  readonly components: Component[];
}

export interface ReadComponents {
  readonly components: readonly Component[];
  /** Lines that are none, stand outside, or lack an end. */
  readonly faults: readonly string[];
}

const faultsMax = 100;
const codings = new Set(["QUOTED-PRINTABLE", "BASE64", "B", "Q", "7BIT", "8BIT"]);
const nameShape = /^[A-Za-z0-9-]+(?:\.[A-Za-z0-9_-]+)?$/;

function parametersOf(head: readonly string[]): Parameter[] {
  const out: Parameter[] = [];
  for (const piece of head) {
    const equals = piece.indexOf("=");
    const word = equals < 0 ? piece.trim() : piece.slice(0, equals).trim().toUpperCase();
    if (word === "") continue;
    if (equals < 0) {
      out.push({ name: codings.has(word.toUpperCase()) ? "ENCODING" : "TYPE", value: parameterText(word) });
      continue;
    }
    const values = piece.slice(equals + 1);
    // Some quote a whole list of types.
    const list = word === "TYPE" ? values.replaceAll('"', "").split(",") : cutOutsideQuotes(values, ",");
    for (const value of list) out.push({ name: word, value: parameterText(value) });
    if (out.length > limits.contentParametersMax) throw new Fault("tooBig", "one line with too many parameters");
  }
  return out;
}

/** Names in use are few: each is looked at once. Group, and name in upper case. */
const knownNames = new Map<string, { readonly group: string; readonly name: string }>();
const knownNamesMax = 1000;

function nameOf(text: string): { readonly group: string; readonly name: string } | undefined {
  const known = knownNames.get(text);
  if (known !== undefined) return known;
  const whole = text.trim();
  if (!nameShape.test(whole)) return undefined;
  const dot = whole.lastIndexOf(".");
  const found = { group: dot < 0 ? "" : whole.slice(0, dot), name: whole.slice(dot + 1).toUpperCase() };
  if (knownNames.size < knownNamesMax && text.length <= 64) knownNames.set(text, found);
  return found;
}

const noParameters: readonly Parameter[] = [];

/** More than ASCII, or what may be ISO-2022. */
const odd = /[\x80-\xff\x1b]/;

/** Bytes stand in the text one to a character until here, as a line's charset is known only now. */
function textOf(binary: string, charset: string | undefined): string {
  if (charset === undefined && !odd.test(binary)) return binary;
  const bytes = Buffer.from(binary, "latin1");
  return charset === undefined ? decodeHeaderBytes(bytes) : decodeCharset(bytes, charset);
}

/** Quoted-printable hides separators and line ends; they come back with a backslash. */
function quotedText(binary: string, charset: string | undefined): string {
  return binary.split(";").map((piece) => {
    const bytes = decodeTransfer(Buffer.from(piece, "latin1"), "quoted-printable");
    const text = charset === undefined ? decodeHeaderBytes(bytes) : decodeCharset(bytes, charset);
    return text.replaceAll(";", "\\;").replaceAll(/\r\n?|\n/g, "\\n");
  }).join(";");
}

/** A carriage return alone is a line end inside the value: it cannot stand in one as it is. */
const withoutReturns = (text: string): string => (text.includes("\r") ? text.replaceAll("\r", "\\n") : text);

export function parameterOf(line: Line, name: string): string | undefined {
  return line.parameters.find((parameter) => parameter.name === name)?.value;
}

/** Lower case. */
export function typesOf(line: Line): Set<string> {
  const types = new Set<string>();
  for (const { name, value } of line.parameters) if (name === "TYPE") types.add(value.toLowerCase());
  if (line.parameters.some(({ name }) => name === "PREF")) types.add("pref");
  return types;
}

/** One unfolded line whose bytes are its characters; undefined when it has no name. RFC 6350 §3.3 */
function parseBinary(binary: string, isPlain = !odd.test(binary)): Line | undefined {
  if (!hasParameters(binary)) {
    const colon = binary.indexOf(":");
    const found = colon < 1 ? undefined : nameOf(binary.slice(0, colon));
    if (found === undefined) return undefined;
    const raw = binary.slice(colon + 1);
    const value = withoutReturns(isPlain ? raw : textOf(raw, undefined));
    return { group: found.group, name: found.name, parameters: noParameters, value };
  }
  const cut = cutLine(binary);
  if (cut === undefined) return undefined;
  const [first = "", ...rest] = cut.head;
  const named = nameOf(first);
  if (named === undefined) return undefined;
  const all = parametersOf(isPlain ? rest : rest.map((piece) => textOf(piece, undefined)));
  const find = (name: string): string | undefined => all.find((one) => one.name === name)?.value;
  const coding = find("ENCODING")?.toUpperCase();
  const isQuoted = coding === "QUOTED-PRINTABLE" || coding === "Q";
  const charset = find("CHARSET");
  const isBare = charset === undefined;
  const raw = cut.value;
  const isBinary = coding === "B" || coding === "BASE64";
  // BASE64 of vCard 2.1 is "b" since. RFC 2426 §5
  const parameters = all.filter(({ name }) => name !== "CHARSET" && (name !== "ENCODING" || isBinary))
    .map((one) => (one.name === "ENCODING" ? { name: one.name, value: "b" } : one));
  return {
    group: named.group, name: named.name, parameters,
    value: isQuoted ? quotedText(raw, charset) : withoutReturns(isPlain && isBare ? raw : textOf(raw, charset)),
  };
}

/** One unfolded line. RFC 6350 §3.3 */
export function parseLine(text: string): Line | undefined {
  return parseBinary(Buffer.from(text, "utf8").toString("latin1"));
}

/** Something stands between the name and the colon; quotes are no part of a name. */
function hasParameters(text: string): boolean {
  const semicolon = text.indexOf(";");
  if (semicolon < 0 || semicolon > text.indexOf(":")) {
    const quote = text.indexOf('"');
    return quote >= 0 && quote < text.indexOf(":");
  }
  return true;
}

const isQuotedHead = (text: string): boolean => /^[^:]{1,500}QUOTED-PRINTABLE[^:]*:/i.test(text);
const isBase64Head = (text: string): boolean => /^[^:]{1,500}[;=](?:BASE64|B)\b[^:]*:/i.test(text);

/** Unfolds; soft line breaks of quoted-printable and base64 without its folding are joined too. RFC 6350 §3.2 */
function* unfolded(whole: string): Generator<string> {
  let pieces: string[] = [];
  let isQuoted = false;
  let isBase64 = false;
  for (let at = 0; at < whole.length;) {
    const feed = whole.indexOf("\n", at);
    const next = feed < 0 ? whole.length : feed + 1;
    let end = feed < 0 ? whole.length : feed;
    while (end > at && whole.charCodeAt(end - 1) === 0x0d) end--;
    const text = whole.slice(at, end);
    at = next;
    const last = pieces.at(-1);
    if (last !== undefined) {
      const isEnd = (isQuoted || isBase64) && /^END:V/i.test(text);
      if (isQuoted && last.endsWith("=") && !isEnd) {
        pieces[pieces.length - 1] = last.slice(0, -1);
        pieces.push(text);
        continue;
      }
      const isFolded = text.startsWith(" ") || text.startsWith("\t");
      if (isFolded || (isBase64 && text !== "" && !isEnd && /^[A-Za-z0-9+/=]+$/.test(text))) {
        pieces.push(isFolded ? text.slice(1) : text);
        continue;
      }
      yield pieces.length === 1 ? last : pieces.join("");
    }
    pieces = text.trim() === "" ? [] : [text];
    const mayBeCoded = hasParameters(text) || text.includes("=");
    isQuoted = mayBeCoded && isQuotedHead(text);
    isBase64 = mayBeCoded && isBase64Head(text);
  }
  if (pieces.length > 0) yield pieces.join("");
}

/** UTF-16 by its mark, or by the zeros beside the first letters; a UTF-8 mark goes. */
function plainBytes(bytes: Uint8Array): Buffer {
  const source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [first, second, third] = source;
  if (first === 0xff && second === 0xfe) return Buffer.from(source.toString("utf16le", 2), "utf8");
  if (first !== 0 && second === 0 && source[3] === 0) return Buffer.from(source.toString("utf16le"), "utf8");
  if (first === 0xfe && second === 0xff) {
    return Buffer.from(Buffer.from(source.subarray(2, source.length & ~1)).swap16().toString("utf16le"), "utf8");
  }
  return first === 0xef && second === 0xbb && third === 0xbf ? source.subarray(3) : source;
}

/** Programs of the old Macintosh end their lines in CR alone. */
function withFeeds(source: Buffer): Buffer {
  if (source.includes(0x0a) || !source.includes(0x0d)) return source;
  return Buffer.from(source.toString("latin1").replaceAll("\r", "\n"), "latin1");
}

const innerNames = new Set(["VEVENT", "VTODO", "VJOURNAL", "VFREEBUSY", "VTIMEZONE", "VAVAILABILITY"]);

/** How many of the open components a new one can stand in: what lacks its end is over. A card may hold an agent's. */
function keptOpen(open: readonly Component[], name: string): number {
  if (name === "VCALENDAR") return 0;
  if (name === "VCARD") {
    const agent = open.at(-1)?.lines.at(-1);
    return agent?.name === "AGENT" && agent.value.trim() === "" ? open.length : 0;
  }
  if (!innerNames.has(name)) return open.length;
  const outer = open.findIndex((component) => innerNames.has(component.name));
  return outer < 0 ? open.length : outer;
}

/**
 * All components of a file with what stands inside each. Never fails on what a program may have written; throws Fault
 * `tooBig` for what none would. RFC 5545 §3.4, RFC 6350 §3.2
 */
export function readComponents(bytes: Uint8Array | string): ReadComponents {
  const source = withFeeds(typeof bytes === "string" ? Buffer.from(bytes, "utf8") : plainBytes(bytes));
  const components: Component[] = [];
  const faults: string[] = [];
  const open: Component[] = [];
  const fault = (text: string): void => void (faults.length < faultsMax && faults.push(text));
  let count = 0;
  const begin = (name: string): void => {
    const kept = keptOpen(open, name);
    if (kept < open.length) fault(`${open.at(-1)?.name.slice(0, 40) ?? ""} has no end`);
    open.length = kept;
    if (open.length >= limits.contentDepthMax) throw new Fault("tooBig", "components nested too deep");
    const component: Component = { name, lines: [], components: [] };
    (open.at(-1)?.components ?? components).push(component);
    open.push(component);
  };
  const whole = source.toString("latin1");
  const isPlain = !odd.test(whole);
  for (const text of unfolded(whole)) {
    if (++count > limits.contentLinesMax) throw new Fault("tooBig", "too many lines");
    const line = parseBinary(text, isPlain);
    if (line === undefined) {
      fault(`"${text.slice(0, 40)}" is no line`);
    } else if (line.name === "BEGIN") {
      begin(line.value.trim().toUpperCase());
    } else if (line.name === "END") {
      const name = line.value.trim().toUpperCase();
      const index = open.findLastIndex((component) => component.name === name);
      if (index < 0) fault(`END:${name.slice(0, 40)} without a beginning`);
      else open.length = index;
    } else if (open.length === 0) {
      fault(`${line.name.slice(0, 40)} outside of all components`);
    } else {
      open.at(-1)?.lines.push(line);
    }
  }
  for (const component of open) fault(`${component.name.slice(0, 40)} has no end`);
  return { components, faults };
}
