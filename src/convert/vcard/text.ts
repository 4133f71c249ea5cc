/** Values and lines as vCard and iCalendar write them. RFC 6350 §3, RFC 5545 §3.1 */
import { foldLine as folded, writtenParameter } from "#format/content-lines.ts";
import type { Component, Line, Parameter } from "#convert/vcard/lines.ts";

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

/** Folded and ended. RFC 6350 §3.2 */
export const foldLine = (text: string): string => `${folded(text)}\r\n`;

/** One line, unfolded; values of one parameter stand as a list. RFC 6350 §3.3 */
export function formatLine({ group, name, parameters, value }: Line): string {
  const head = parameters.length === 0 ? "" : formatParameters(parameters);
  // A bare line end would begin a line of its own.
  const safe = /[\r\n\0]/.test(value) ? value.replaceAll(/\r\n?|\n/g, "\\n").replaceAll("\0", "") : value;
  return `${group === "" ? "" : `${group}.`}${name}${head}:${safe}`;
}

function formatParameters(parameters: readonly Parameter[]): string {
  const [first] = parameters;
  if (parameters.length === 1 && first !== undefined) return `;${first.name}=${writtenParameter(first.value)}`;
  const lists = new Map<string, string[]>();
  for (const parameter of parameters) {
    const text = writtenParameter(parameter.value);
    const known = lists.get(parameter.name);
    if (known === undefined) lists.set(parameter.name, [text]);
    else known.push(text);
  }
  return [...lists].map(([key, values]) => `;${key}=${values.join(",")}`).join("");
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
