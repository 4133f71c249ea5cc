/** Values and lines as vCard and iCalendar write them. RFC 6350 §3, RFC 5545 §3.1 */
import { Buffer } from "node:buffer";
import type { Component, Line, Parameter } from "#convert/vcard/lines.ts";

/** RFC 6350 §3.4 */
export function escapeText(text: string): string {
  return text.replaceAll(/[\\,;]|\r\n?|\n/g, (found) => (found[0] === "\r" || found === "\n" ? "\\n" : `\\${found}`));
}

/** Also of colons, which some escape; line ends as Outlook has them. RFC 6350 §3.4 */
export function unescapeText(value: string): string {
  if (!value.includes("\\")) return value;
  return value.replaceAll(/\\([nN\\,;:"])/g, (_, code: string) => (code === "n" || code === "N" ? "\r\n" : code));
}

/** Pieces of a list or a structure, still with their backslashes. RFC 6350 §3.3 */
export function splitValue(value: string, separator: "," | ";"): string[] {
  if (!value.includes("\\")) return value.split(separator);
  const pieces: string[] = [];
  let from = 0;
  for (let at = 0; at < value.length; at++) {
    if (value[at] === "\\") at++;
    else if (value[at] === separator) {
      pieces.push(value.slice(from, at));
      from = at + 1;
    }
  }
  pieces.push(value.slice(from));
  return pieces;
}

/** The parts of a structured value as plain text; a list inside a part is joined. RFC 6350 §3.3 */
export function structureOf(value: string, join: string): string[] {
  return splitValue(value, ";").map((part) =>
    splitValue(part, ",").map((piece) => unescapeText(piece).trim()).filter((piece) => piece !== "").join(join));
}

const lineOctets = 75;

/** Folded at 75 octets, never inside a character, and ended. RFC 6350 §3.2 */
export function foldLine(text: string): string {
  if (text.length <= lineOctets && /^[\x00-\x7f]*$/.test(text)) return `${text}\r\n`;
  const bytes = Buffer.from(text, "utf8");
  const pieces: string[] = [];
  for (let at = 0; at < bytes.length;) {
    let end = Math.min(bytes.length, at + lineOctets - (at === 0 ? 0 : 1));
    while (end < bytes.length && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
    pieces.push(bytes.toString("utf8", at, end));
    at = end;
  }
  return `${pieces.join("\r\n ")}\r\n`;
}

const caret: Readonly<Record<string, string>> = { "\n": "^n", '"': "^'", "^": "^^" };

/** RFC 6868 §3.1 */
function parameterText(value: string): string {
  const clean = value.replaceAll(/\r\n?/g, "\n").replaceAll(/[\x00-\x08\x0b-\x1f\x7f]/g, "");
  const safe = clean.replaceAll(/["^\n]/g, (found) => caret[found] ?? found);
  return /[:;,]/.test(safe) ? `"${safe}"` : safe;
}

/** One line, unfolded; values of one parameter stand as a list. RFC 6350 §3.3 */
export function formatLine({ group, name, parameters, value }: Line): string {
  const lists = new Map<string, string[]>();
  for (const parameter of parameters) {
    const text = parameterText(parameter.value);
    const known = lists.get(parameter.name);
    if (known === undefined) lists.set(parameter.name, [text]);
    else known.push(text);
  }
  const head = [...lists].map(([key, values]) => `;${key}=${values.join(",")}`).join("");
  // A bare line end would begin a line of its own.
  const safe = /[\r\n\0]/.test(value) ? value.replaceAll(/\r\n?|\n/g, "\\n").replaceAll("\0", "") : value;
  return `${group === "" ? "" : `${group}.`}${name}${head}:${safe}`;
}

export function line(name: string, value: string, parameters: readonly Parameter[] = [], group = ""): Line {
  return { group, name, parameters, value };
}

/** `TYPE=a,b` as parameters. RFC 6350 §5.6 */
export function types(...values: string[]): Parameter[] {
  return values.map((value) => ({ name: "TYPE", value }));
}

/** Whole again, folded. RFC 5545 §3.6 */
export function formatComponent({ name, lines, components }: Component): string {
  return [
    `BEGIN:${name}\r\n`, ...lines.map((one) => foldLine(formatLine(one))), ...components.map(formatComponent),
    `END:${name}\r\n`,
  ].join("");
}
