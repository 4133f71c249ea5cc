/** Variables and encoded characters in the strings of a script. RFC 5229, RFC 5228 §2.4.2.4 */
import { limits } from "#base/limits.ts";

const namePattern = /^(?:[A-Za-z_][A-Za-z0-9_]*|\d+)$/;

/** RFC 5229 §3: a name that `set` may give; numbers belong to the last match. */
export function isVariableName(text: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(text);
}

/** Names and numbers inside `${…}`; what is neither stands for itself. RFC 5229 §3 */
export function namesOf(text: string): string[] {
  const names: string[] = [];
  visit(text, (name) => {
    names.push(name);
    return "";
  });
  return names;
}

function visit(text: string, valueOf: (name: string) => string): string {
  if (!text.includes("${")) return text;
  return text.replaceAll(/\$\{([A-Za-z0-9_]{1,128})\}/g, (whole, name: string) =>
    (namePattern.test(name) ? valueOf(name) : whole));
}

export class Variables {
  readonly #named = new Map<string, string>();
  #captures: readonly string[] = [];

  /** A value that is too long is cut. RFC 5229 §8 */
  set(name: string, value: string): boolean {
    const key = name.toLowerCase();
    if (!this.#named.has(key) && this.#named.size >= limits.sieveVariablesMax) return false;
    this.#named.set(key, value.slice(0, limits.sieveVariableMaxCharacters).toWellFormed());
    return true;
  }

  get(name: string): string {
    if (/^\d/.test(name)) return this.#captures[Number(name)] ?? "";
    return this.#named.get(name.toLowerCase()) ?? "";
  }

  /** RFC 5229 §3.2: of the last `matches` that held. */
  setCaptures(captures: readonly string[]): void {
    this.#captures = captures.map((text) => text.slice(0, limits.sieveVariableMaxCharacters));
  }

  /** Values are put in as they are: what looks like a variable inside one is not looked at again. RFC 5229 §3 */
  expand(text: string): string {
    let length = 0;
    return visit(text, (name) => {
      const value = this.get(name);
      length += value.length;
      return length > limits.sieveVariableMaxCharacters ? "" : value;
    });
  }
}

/** `set` with its modifiers, in the order of their precedence. RFC 5229 §4.1 */
export function modify(value: string, has: (tag: string) => boolean): string {
  let result = value;
  if (has("lower")) result = result.toLowerCase();
  if (has("upper")) result = result.toUpperCase();
  const first = /^./su.exec(result)?.[0] ?? "";
  if (has("lowerfirst")) result = first.toLowerCase() + result.slice(first.length);
  if (has("upperfirst")) result = first.toUpperCase() + result.slice(first.length);
  if (has("quotewildcard")) result = result.replaceAll(/[*?\\]/g, "\\$&");
  return has("length") ? String([...result].length) : result;
}

/**
 * `${hex: 24 24}` and `${unicode: 20ac}` as what they stand for; null when one names no character. What does not have
 * their form stays. RFC 5228 §2.4.2.4
 */
export function decodeCharacters(text: string): string | null {
  if (!text.includes("${")) return text;
  let isBroken = false;
  const decoded = text.replaceAll(/\$\{(hex|unicode):([0-9A-Fa-f\s]*)\}/gi, (whole, kind: string, list: string) => {
    const words = list.split(/\s+/).filter((word) => word !== "");
    const isHex = kind.toLowerCase() === "hex";
    if (words.length === 0 || words.some((word) => word.length > (isHex ? 2 : 6))) return whole;
    const codes = words.map((word) => Number.parseInt(word, 16));
    if (isHex) return Buffer.from(codes).toString("utf8");
    if (codes.some((code) => code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))) {
      isBroken = true;
      return "";
    }
    return String.fromCodePoint(...codes);
  });
  return isBroken ? null : decoded;
}
