/** Content lines: a text cut into components, and lines escaped and folded again. RFC 5545 §3.1 */
import { WireError } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { escapeText as escaped, foldLine, splitContentLine, writtenParameter } from "#format/content-lines.ts";
import type { ContentLine } from "#format/content-lines.ts";

/** A property as it stood, cut at its name, parameters and value. RFC 5545 §3.5 */
export interface Property extends ContentLine {
  /** The unfolded line. */
  readonly line: string;
}

/** RFC 5545 §3.6 */
export interface Component {
  /** Upper case. */
  readonly name: string;
  readonly properties: Property[];
  readonly components: Component[];
  /** Unfolded, BEGIN and END included. */
  readonly lines: string[];
}

const nameShape = /^[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)?$/;

/** Each line once unfolded; `visit` gets it without its end. Pieces of a long line are joined once. RFC 5545 §3.1 */
function eachLine(text: string, visit: (line: string) => void): void {
  let pieces: string[] | undefined;
  let count = 0;
  let from = text.charCodeAt(0) === 0xfeff ? 1 : 0;
  while (from <= text.length) {
    const feed = text.indexOf("\n", from);
    let end = feed === -1 ? text.length : feed;
    const next = end + 1;
    while (end > from && text.charCodeAt(end - 1) === 0x0d) end--;
    const isFolded = pieces !== undefined;
    const line = text.slice(isFolded ? from + 1 : from, Math.max(end, isFolded ? from + 1 : from));
    from = next;
    if (pieces === undefined && ++count > limits.calendarLinesMax) {
      throw new WireError("a calendar of too many lines", from);
    }
    const first = text.charCodeAt(next);
    if (first === 0x20 || first === 0x09) {
      if (pieces === undefined) pieces = [line];
      else pieces.push(line);
      continue;
    }
    if (pieces === undefined) visit(line);
    else {
      pieces.push(line);
      visit(pieces.join(""));
      pieces = undefined;
    }
  }
  if (pieces !== undefined) visit(pieces.join(""));
}

/** Control characters that no line may hold. */
const clean = (line: string): string => line.replaceAll(/[\x00-\x08\x0b-\x1f\x7f]/g, "");
/** The same, the CR of a line end left out: where there is none, no line has to be cleaned. */
const hasControls = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\r*\n)/;

/** Names as they are written, in upper case: few are in use, and each is looked at once. */
const knownNames = new Map<string, string>();
const knownNamesMax = 1000;

/** Undefined for what is no name. RFC 5545 §3.1 */
function nameOf(text: string): string | undefined {
  const known = knownNames.get(text);
  if (known !== undefined) return known;
  if (!nameShape.test(text)) return undefined;
  const name = text.toUpperCase();
  if (knownNames.size < knownNamesMax && text.length <= 64) knownNames.set(text, name);
  return name;
}

const noParameters: ReadonlyMap<string, string> = new Map();

function propertyOf(line: string): Property | undefined {
  const colon = line.indexOf(":");
  if (colon < 0) return undefined;
  const semicolon = line.indexOf(";");
  if (semicolon < 0 || semicolon > colon) {
    const name = nameOf(line.slice(0, colon));
    return name === undefined ? undefined : { line, name, parameters: noParameters, value: line.slice(colon + 1) };
  }
  const name = nameOf(line.slice(0, semicolon));
  return name === undefined ? undefined : { line, ...splitContentLine(line) };
}

/** What stands in a VCALENDAR. RFC 5545 §3.6, RFC 7953 §3.1 */
const objectNames = new Set(["VEVENT", "VTODO", "VJOURNAL", "VFREEBUSY", "VTIMEZONE", "VAVAILABILITY"]);

/**
 * The VCALENDARs of a text. Lines that are none are passed over, components that nobody ended end with the one around
 * them. Throws WireError when there are too many lines or they nest too deep. RFC 5545 §3.4
 */
export function parseComponents(text: string): Component[] {
  const roots: Component[] = [];
  const open: Component[] = [];
  // Programs of the old Macintosh end their lines in CR alone.
  const source = text.includes("\n") ? text : text.replaceAll("\r", "\n");
  const isClean = !hasControls.test(source);
  eachLine(source, (raw) => {
    const property = propertyOf((isClean ? raw : clean(raw)).trimEnd());
    if (property !== undefined) take(property, roots, open);
  });
  for (const component of open) component.lines.push(`END:${component.name}`);
  const calendars = roots.filter(({ name }) => name === "VCALENDAR");
  const bare = roots.filter(({ name }) => objectNames.has(name));
  if (calendars.length > 0 || bare.length === 0) return calendars;
  // Some programs leave out what should be around their objects.
  return [{ name: "VCALENDAR", properties: [], components: roots, lines: [] }];
}

/** Puts a line where it belongs; a line that ends nothing is passed over. */
function take(property: Property, roots: Component[], open: Component[]): void {
  if (property.name === "BEGIN") {
    if (open.length >= limits.calendarDepthMax) throw new WireError("components nest too deep", 0);
    const name = property.value.trim().toUpperCase();
    const component: Component = { name, properties: [], components: [], lines: [] };
    (open.at(-1)?.components ?? roots).push(component);
    open.push(component);
  } else if (property.name === "END") {
    const name = property.value.trim().toUpperCase();
    const at = open.findLastIndex((component) => component.name === name);
    if (at === -1) return;
    for (const [index, component] of open.entries()) {
      if (component.name !== "VCALENDAR") component.lines.push(index > at ? `END:${component.name}` : property.line);
    }
    open.length = at;
    return;
  } else if (open.length === 0) return;
  else open.at(-1)!.properties.push(property);
  for (const component of open) {
    if (component.name !== "VCALENDAR") component.lines.push(property.line);
  }
}

export const propertiesOf = (from: Component, name: string): Property[] =>
  from.properties.filter((property) => property.name === name);

export function propertyOfName(from: Component, name: string): Property | undefined {
  for (const property of from.properties) if (property.name === name) return property;
  return undefined;
}

const unescapeText = (text: string): string => (text.includes("\\") ? unescaped(text) : text);

const unescaped = (text: string): string =>
  text.replaceAll(/\\(.)/g, (_, character: string) => (character === "n" || character === "N" ? "\n" : character));

/**
 * The values of a TEXT property, its escapes undone; CATEGORIES and RESOURCES are lists. Done here, as ical.js takes
 * time in the square of the length for some texts. RFC 5545 §3.3.11
 */
export function textsOf(property: Property | undefined): string[] {
  if (property === undefined) return [];
  const isList = property.name === "CATEGORIES" || property.name === "RESOURCES";
  if (!isList) return [unescapeText(property.value)];
  return (property.value.match(/(?:[^\\,]|\\.)+/g) ?? []).slice(0, limits.calendarListMax).map(unescapeText);
}

export const textOf = (from: Component, name: string): string | undefined =>
  textsOf(propertyOfName(from, name))[0];

/** RFC 5545 §3.3.8; undefined when it is no number. */
export function integerOf(from: Component, name: string): number | undefined {
  const value = propertyOfName(from, name)?.value.trim() ?? "";
  return /^[+-]?\d{1,9}$/.test(value) ? Number(value) : undefined;
}

/** RFC 5545 §3.3.11 */
export const escapeText = (text: string): string => clean(escaped(text));

/** `;NAME=value`, quoted when it must be; nothing for an empty value. RFC 5545 §3.2, RFC 6868 §3.1 */
export function parameter(name: string, value: string | undefined): string {
  return value === undefined || value === "" ? "" : `;${name}=${writtenParameter(value)}`;
}

/** RFC 5545 §3.1 */
export const textOfLines = (lines: readonly string[]): string => `${lines.map(foldLine).join("\r\n")}\r\n`;
