import { limits } from "#base/limits.ts";
import { decodeWords } from "#format/mime/words.ts";
import type { MimeAddress } from "#format/mime/types.ts";

/** Stand in for quoted characters, so that they are not taken for syntax; control characters never get here. */
const quotedSpace = "\u0001";
const quotedAt = "\u0002";
const quotedDot = "\u0003";

const endOfGroup: MimeAddress = { name: null, adl: null, mailbox: null, host: null };

/**
 * An address list in the pieces ENVELOPE wants. Nothing is refused: a word without "@" is a mailbox with an empty host
 * (a null host would mean a group), ";" separates like "," outside groups, unclosed quotes and comments are taken as
 * text, a missing comma before the next "<" is supplied. RFC 5322 §3.4, §4.4; RFC 9051 §7.5.2
 */
export function parseAddresses(text: string, addressesMax: number = limits.mimeAddressesMax): MimeAddress[] {
  return usualAddresses(text, addressesMax) ?? new AddressParser(text, addressesMax).parse();
}

const atoms = "[\\w!#$%&'*+\\-/?^`{|}~.]+";
/** `name <local@domain>` or `local@domain`, then a comma or the end; nothing that needs a second thought. */
const usualAddress = new RegExp(
  ` *(?:(?:"([^"\\\\<>]*)"|(${atoms}(?: ${atoms})*))? ?<(${atoms})@([\\w.\\-]+)>|(${atoms})@([\\w.\\-]+)) *(,|$)`, "y");

/** A list of nothing but the usual, as the parser below reads it; null for any other. RFC 5322 §3.4 */
function usualAddresses(text: string, addressesMax: number): MimeAddress[] | null {
  if (text.length > usualMax || text.length === 0) return null;
  const out: MimeAddress[] = [];
  usualAddress.lastIndex = 0;
  for (;;) {
    const match = usualAddress.exec(text);
    if (match === null) return null;
    const [, quoted, words, local, domain, bareLocal, bareDomain, end] = match;
    if (quoted !== undefined && controls.test(quoted)) return null;
    const name = quoted ?? words ?? null;
    const mailbox = local ?? bareLocal!;
    if (mailbox.length > 6 && mailbox.startsWith("mailto")) return null;
    out.push({ name: name === "" ? null : name, adl: null, mailbox, host: domain ?? bareDomain! });
    if (end === "" || out.length >= addressesMax) return out;
    // What follows the last comma may be nothing.
    if (usualAddress.lastIndex === text.length) return out;
  }
}

const usualMax = 4000;
const controls = /[\0-\x1f\x7f]/;

class AddressParser {
  readonly #text: string;
  readonly #max: number;
  readonly #out: MimeAddress[] = [];
  #at = 0;
  /** Words before an angle bracket, or an address without one. */
  #words = "";
  /** Last character of `#words`, kept apart because looking at the end of a growing string copies it. */
  #last = "";
  #hasAt = false;
  #comment: string | null = null;
  #angle: string | null = null;
  /** The words that stood before `#angle`. */
  #name = "";
  #inGroup = false;
  #commentsEnd = false;
  #quotesEnd = false;

  constructor(text: string, addressesMax: number) {
    this.#text = controls.test(text) ? text.replaceAll(/[\0-\x1f\x7f]+/g, " ") : text;
    this.#max = addressesMax;
  }

  parse(): MimeAddress[] {
    while (this.#at < this.#text.length && this.#out.length < this.#max) this.#step(this.#text.charAt(this.#at));
    this.#finish();
    if (this.#inGroup) this.#out.push(endOfGroup);
    return this.#out;
  }

  #step(character: string): void {
    switch (character) {
      case ",":
        this.#finish();
        break;
      case ";":
        this.#finish();
        if (this.#inGroup) this.#out.push(endOfGroup);
        this.#inGroup = false;
        break;
      case ":":
        this.#colon();
        break;
      case "(":
        if (this.#readComment()) return;
        this.#add(character);
        break;
      case "\"":
        this.#add(this.#readQuoted());
        return;
      case "<":
        this.#beginAngle();
        return;
      case ">":
        break;
      case "[":
        this.#add(this.#readLiteral());
        return;
      case " ":
        if (this.#last !== " ") this.#add(" ");
        break;
      case "=":
        this.#add(this.#readEncodedWord());
        return;
      case "\\":
        this.#at++;
        this.#add(this.#text.charAt(this.#at));
        break;
      default:
        this.#add(this.#run());
        return;
    }
    this.#at++;
  }

  #add(text: string): void {
    if (text === "") return;
    this.#words += text;
    this.#last = text.charAt(text.length - 1);
    this.#hasAt ||= text.includes("@");
  }

  #clear(): string {
    const words = this.#words.trim();
    this.#words = "";
    this.#last = "";
    this.#hasAt = false;
    return words;
  }

  /** Ordinary characters, taken in one piece. */
  #run(): string {
    const start = this.#at;
    this.#at++;
    while (this.#at < this.#text.length && !isSpecial(this.#text.charCodeAt(this.#at))) this.#at++;
    return this.#text.slice(start, this.#at);
  }

  #colon(): void {
    if (this.#inGroup || this.#angle !== null || this.#hasAt) {
      this.#add(":");
      return;
    }
    const words = this.#clear();
    this.#comment = null;
    if (words.toLowerCase() === "mailto") return;
    this.#inGroup = true;
    this.#out.push({ name: null, adl: null, mailbox: restore(words), host: null });
  }

  /** True when a whole comment stood here; it is kept as a name for an address that has none. */
  #readComment(): boolean {
    const { comment, end } = this.#findComment();
    if (comment === null) return false;
    this.#comment = comment;
    this.#at = end;
    if (this.#last !== " ") this.#add(" ");
    return true;
  }

  #findComment(): { comment: string | null; end: number } {
    let depth = 0;
    for (let at = this.#at; at < this.#text.length && !this.#commentsEnd; at++) {
      const character = this.#text.charAt(at);
      if (character === "\\") at++;
      else if (character === "(") depth++;
      else if (character === ")" && --depth === 0) {
        return { comment: this.#text.slice(this.#at + 1, at).replaceAll(/\\(.)/g, "$1").trim(), end: at + 1 };
      }
    }
    this.#commentsEnd = true;
    return { comment: null, end: this.#at };
  }

  #readQuoted(): string {
    const start = ++this.#at;
    if (this.#quotesEnd) return "";
    let plain = true;
    for (let at = start; at < this.#text.length; at++) {
      const character = this.#text.charAt(at);
      if (character === "\\") {
        plain = false;
        at++;
      } else if (character === "\"") {
        this.#at = at + 1;
        const body = this.#text.slice(start, at);
        return protect(plain ? body : body.replaceAll(/\\(.)/g, "$1"));
      }
    }
    this.#quotesEnd = true;
    return "";
  }

  /** A second bracket without a comma begins the next address, and what stands between them is its name. */
  #beginAngle(): void {
    const words = this.#clear();
    if (this.#angle !== null) this.#finish();
    this.#name = words;
    this.#at++;
    this.#angle = this.#readAngle();
  }

  /** An address in angle brackets; "," ends an unclosed one, save in the obsolete route. */
  #readAngle(): string {
    let angle = "";
    let route = false;
    while (this.#at < this.#text.length) {
      const character = this.#text.charAt(this.#at);
      if (character === ">") {
        this.#at++;
        break;
      }
      if ((character === "," || character === ";") && !route) break;
      if (character === "@" && angle === "") route = true;
      if (character === "\"") angle += this.#readQuoted();
      else if (character === "(" && this.#skipComment()) continue;
      else if (character === "<") this.#at++;
      else if (isSpecial(character.charCodeAt(0))) {
        angle += character;
        this.#at++;
      } else angle += this.#run();
      if (angle === " ") angle = "";
    }
    return angle;
  }

  #skipComment(): boolean {
    const { comment, end } = this.#findComment();
    if (comment !== null) this.#at = end;
    return comment !== null;
  }

  /** A domain literal, whose colons begin no group. RFC 5322 §3.4.1 */
  #readLiteral(): string {
    const start = this.#at;
    const close = this.#last === "@" ? this.#text.slice(start, start + 300).indexOf("]") : -1;
    this.#at = close < 0 ? start + 1 : start + close + 1;
    return this.#text.slice(start, this.#at);
  }

  /** An encoded-word is one word, whatever commas and colons a careless sender left in it. */
  #readEncodedWord(): string {
    encodedWord.lastIndex = this.#at;
    const match = encodedWord.exec(this.#text);
    const word = match === null ? this.#text.charAt(this.#at) : match[0];
    this.#at += word.length;
    return word.replaceAll("@", quotedAt);
  }

  #finish(): void {
    const words = this.#clear();
    const comment = this.#comment;
    const angle = this.#angle;
    this.#comment = null;
    this.#angle = null;
    if (angle !== null) {
      const before = this.#name === "" ? words : this.#name;
      const name = before !== "" ? restore(before) : comment;
      this.#name = "";
      this.#out.push(split(angle, name === "" ? null : name));
      return;
    }
    if (words === "") return;
    if (!words.includes("@")) {
      this.#out.push({ name: comment === "" ? null : comment, adl: null, mailbox: restore(words), host: "" });
      return;
    }
    // `Some Body some@body.example` with the brackets left out.
    const address = tighten(words);
    const space = address.lastIndexOf(" ");
    if (space < 0) this.#out.push(split(address, comment === "" ? null : comment));
    else {
      const [left, right] = [address.slice(0, space), address.slice(space + 1)];
      const [name, spec] = right.includes("@") ? [left, right] : [right, left];
      this.#out.push(split(spec, restore(name)));
    }
  }
}

const encodedWord = /=\?[^?\s]{1,80}\?[bBqQ]\?[^?]*\?=/y;

/** Characters `#step` or `#readAngle` must look at. */
function isSpecial(code: number): boolean {
  switch (code) {
    case 0x20: case 0x22: case 0x28: case 0x2c: case 0x3a: case 0x3b: case 0x3c: case 0x3d: case 0x3e: case 0x5b:
    case 0x5c:
      return true;
    default:
      return false;
  }
}

/** White space around "." and "@" is the obsolete form of an address. RFC 5322 §4.4 */
function tighten(address: string): string {
  return address.includes(" ") ? address.replaceAll(/ ?([.@]) ?/g, "$1").trim() : address;
}

function split(angle: string, name: string | null): MimeAddress {
  let address = tighten(angle);
  let adl: string | null = null;
  if (address.startsWith("@")) {
    const colon = address.indexOf(":");
    if (colon > 0) {
      adl = restore(address.slice(0, colon).replaceAll(" ", ""));
      address = address.slice(colon + 1);
    }
  }
  if (address.length > 7 && address.slice(0, 7).toLowerCase() === "mailto:") address = address.slice(7);
  const at = address.lastIndexOf("@");
  const mailbox = at < 0 ? address : address.slice(0, at);
  const host = at < 0 ? "" : address.slice(at + 1);
  return { name, adl, mailbox: restore(mailbox).trim(), host: restore(host).trim() };
}

function protect(text: string): string {
  return text.replaceAll(" ", quotedSpace).replaceAll("@", quotedAt).replaceAll(".", quotedDot);
}

function restore(text: string): string {
  if (!/[\u0001-\u0003]/.test(text)) return text;
  return text.replaceAll(quotedSpace, " ").replaceAll(quotedAt, "@").replaceAll(quotedDot, ".");
}

/** A person to show: `name` decoded ("" when there is none), `address` as local-part@domain. */
export interface DisplayAddress {
  readonly name: string;
  readonly address: string;
}

/** The people of a list, groups opened, names decoded. RFC 5322 §3.4, RFC 2047 §5 (3) */
export function displayAddresses(addresses: readonly MimeAddress[]): DisplayAddress[] {
  const out: DisplayAddress[] = [];
  for (const address of addresses) {
    if (address.mailbox === null || address.host === null) continue;
    out.push(displayAddress(address));
  }
  return out;
}

/** RFC 5322 §3.4 */
export function displayAddress(address: MimeAddress): DisplayAddress {
  const mailbox = address.mailbox ?? "";
  const host = address.host ?? "";
  return {
    name: address.name === null ? "" : decodeWords(address.name).trim(),
    address: host === "" ? mailbox : `${mailbox}@${host}`,
  };
}
