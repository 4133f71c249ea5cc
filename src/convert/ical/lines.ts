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

const lineShape = /^[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)?[;:]/;

/** Long lines come in pieces: the pieces are joined once. RFC 5545 §3.1 */
function* unfolded(text: string): Generator<string> {
  let pieces: string[] = [];
  let count = 0;
  let from = text.charCodeAt(0) === 0xfeff ? 1 : 0;
  while (from <= text.length) {
    let end = text.indexOf("\n", from);
    if (end === -1) end = text.length;
    let line = text.slice(from, end);
    from = end + 1;
    while (line.endsWith("\r")) line = line.slice(0, -1);
    const first = line.charCodeAt(0);
    if ((first === 0x20 || first === 0x09) && pieces.length > 0) {
      pieces.push(line.slice(1));
      continue;
    }
    if (pieces.length > 0) yield pieces.join("");
    if (++count > limits.calendarLinesMax) throw new WireError("a calendar of too many lines", from);
    pieces = [line];
  }
  yield pieces.join("");
}

/** Control characters that no line may hold. */
const clean = (line: string): string => line.replaceAll(/[\x00-\x08\x0b-\x1f\x7f]/g, "");

function propertyOf(line: string): Property | undefined {
  if (!lineShape.test(line)) return undefined;
  try {
    return { line, ...splitContentLine(line) };
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
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
  for (const raw of unfolded(text.includes("\n") ? text : text.replaceAll("\r", "\n"))) {
    const property = propertyOf(clean(raw).trimEnd());
    if (property === undefined) continue;
    const name = property.value.trim().toUpperCase();
    if (property.name === "BEGIN") {
      if (open.length >= limits.calendarDepthMax) throw new WireError("components nest too deep", 0);
      const component: Component = { name, properties: [], components: [], lines: [] };
      (open.at(-1)?.components ?? roots).push(component);
      open.push(component);
    } else if (open.length === 0) {
      continue;
    } else if (property.name !== "END") {
      open.at(-1)!.properties.push(property);
    }
    const isEnd = property.name === "END";
    const at = isEnd ? open.findLastIndex((component) => component.name === name) : open.length;
    if (at === -1) continue;
    for (const [index, component] of open.entries()) {
      if (component.name !== "VCALENDAR") component.lines.push(index > at ? `END:${component.name}` : property.line);
    }
    if (isEnd) open.length = at;
  }
  for (const component of open) component.lines.push(`END:${component.name}`);
  const calendars = roots.filter(({ name }) => name === "VCALENDAR");
  const bare = roots.filter(({ name }) => objectNames.has(name));
  if (calendars.length > 0 || bare.length === 0) return calendars;
  // Some programs leave out what should be around their objects.
  return [{ name: "VCALENDAR", properties: [], components: roots, lines: [] }];
}

export const propertiesOf = (from: Component, name: string): Property[] =>
  from.properties.filter((property) => property.name === name);

export const propertyOfName = (from: Component, name: string): Property | undefined =>
  from.properties.find((property) => property.name === name);

const unescapeText = (text: string): string =>
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
