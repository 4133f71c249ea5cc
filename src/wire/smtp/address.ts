import { WireError } from "#base/fault.ts";

/** An address of the envelope. RFC 5321 §4.1.2, RFC 6531 §3.3 */
export interface SmtpAddress {
  /** Without quotes and backslashes. */
  readonly localPart: string;
  /** A name or an address literal in its brackets; null for `<postmaster>` alone. */
  readonly domain: string | null;
  /** Canonical spelling: quoted only where it must be. Two spellings of one address give the same text. */
  readonly text: string;
  readonly isAscii: boolean;
}

/** RFC 5321 §4.5.3.1.1 says 64; bounce and list addresses in use are longer. */
const localPartMaxBytes = 255;
/** RFC 5321 §4.5.3.1.2 */
const domainMaxBytes = 255;
const labelMaxBytes = 63;
const sourceRouteMaxHosts = 20;

/** RFC 5322 §3.2.3 atext, and everything above ASCII (RFC 6531 §3.3). */
const atom = /[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u0080-\u{10ffff}-]+/uy;
/** Underscores are no letters of host names, yet stand in domains that send mail. */
const label = /[A-Za-z0-9_\u0080-\u{10ffff}-]+/uy;
const dotString = new RegExp(`^${atom.source}(?:\\.${atom.source})*$`, "u");

function match(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : at;
}

function byteLength(text: string): number {
  return Buffer.byteLength(text, "utf8");
}

/** Unfinished strings, quoting and `\` undone. RFC 5321 §4.1.2 Quoted-string */
function parseQuoted(text: string, start: number): { value: string; end: number } {
  let value = "";
  let at = start + 1;
  while (at < text.length) {
    const character = text[at]!;
    if (character === '"') return { value, end: at + 1 };
    if (character === "\\") at++;
    const code = text.charCodeAt(at);
    if (at >= text.length || code < 32 || code === 127) throw new WireError("a control character in quotes", at);
    value += text[at]!;
    at++;
  }
  throw new WireError("a quoted local part has no end", start);
}

function parseDotString(text: string, start: number): number {
  let at = match(atom, text, start);
  if (at === start) throw new WireError("a local part is missing or has a character that needs quotes", start);
  while (text[at] === ".") {
    const next = match(atom, text, at + 1);
    if (next === at + 1) throw new WireError("a dot stands at the end of the local part or beside another", at);
    at = next;
  }
  return at;
}

/** Four numbers below 256. RFC 5321 §4.1.3 */
export function isIpv4(text: string): boolean {
  const parts = text.split(".");
  return parts.length === 4 && parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256);
}

/** RFC 5321 §4.1.3 IPv6-addr, without a zone. RFC 4291 §2.2 */
export function isIpv6(text: string): boolean {
  if (text.length > 45 || text.includes(":::")) return false;
  const halves = text.split("::");
  if (halves.length > 2) return false;
  let groups = 0;
  for (const [index, half] of halves.entries()) {
    if (half === "") continue;
    const parts = half.split(":");
    for (const [position, part] of parts.entries()) {
      const isLast = index === halves.length - 1 && position === parts.length - 1;
      if (isLast && part.includes(".")) {
        if (!isIpv4(part)) return false;
        groups += 2;
      } else {
        if (!/^[0-9A-Fa-f]{1,4}$/.test(part)) return false;
        groups++;
      }
    }
  }
  // A text without `::` and with an empty end (`:1:2…`) falls short of eight groups.
  return halves.length === 2 ? groups <= 7 && text !== "" : groups === 8;
}

/** `[192.0.2.1]` or `[IPv6:2001:db8::1]`; the address in it, or null. RFC 5321 §4.1.3 */
export function parseAddressLiteral(text: string): string | null {
  if (!text.startsWith("[") || !text.endsWith("]")) return null;
  const inside = text.slice(1, -1);
  if (isIpv4(inside)) return inside;
  if (/^ipv6:/i.test(inside) && isIpv6(inside.slice(5))) return inside.slice(5);
  return null;
}

/** End of the domain or literal that begins at `start`. RFC 5321 §4.1.2 Domain */
function parseDomainAt(text: string, start: number): number {
  if (text[start] === "[") {
    const end = text.indexOf("]", start) + 1;
    if (end === 0 || parseAddressLiteral(text.slice(start, end)) === null) {
      throw new WireError("an address literal is [192.0.2.1] or [IPv6:2001:db8::1]", start);
    }
    return end;
  }
  let at = start;
  for (;;) {
    const end = match(label, text, at);
    const part = text.slice(at, end);
    if (part === "") throw new WireError("a domain is missing, or two of its dots stand together", at);
    if (/^-|-$/.test(part)) throw new WireError("a label of the domain has a hyphen at its end", at);
    if (byteLength(part) > labelMaxBytes) throw new WireError("a label of the domain is longer than 63 bytes", at);
    at = end;
    if (text[at] !== ".") break;
    at++;
  }
  const sizeBytes = byteLength(text.slice(start, at));
  if (sizeBytes > domainMaxBytes) throw new WireError("the domain is longer than 255 bytes", start);
  return at;
}

/** Whether `text` is one domain or address literal and nothing more. RFC 5321 §4.1.2 */
export function isDomain(text: string): boolean {
  try {
    return parseDomainAt(text, 0) === text.length;
  } catch (error) {
    if (error instanceof WireError) return false;
    throw error;
  }
}

function quoteLocalPart(localPart: string): string {
  return dotString.test(localPart) ? localPart : `"${localPart.replace(/["\\]/g, "\\$&")}"`;
}

/** The address of its parts, in canonical spelling. RFC 5321 §4.1.2 Mailbox */
export function makeAddress(localPart: string, domain: string | null): SmtpAddress {
  const text = domain === null ? quoteLocalPart(localPart) : `${quoteLocalPart(localPart)}@${domain}`;
  return { localPart, domain, text, isAscii: !/[^\x00-\x7f]/.test(text) };
}

/** A mailbox that begins at `start`; no brackets. Throws WireError. RFC 5321 §4.1.2 Mailbox */
export function parseMailboxAt(text: string, start: number): { address: SmtpAddress; end: number } {
  let localPart: string;
  let at: number;
  if (text[start] === '"') {
    const quoted = parseQuoted(text, start);
    localPart = quoted.value;
    at = quoted.end;
  } else {
    at = parseDotString(text, start);
    localPart = text.slice(start, at);
  }
  if (byteLength(localPart) > localPartMaxBytes) throw new WireError("the local part is longer than 255 bytes", start);
  if (text[at] !== "@") {
    if (localPart.toLowerCase() === "postmaster") return { address: makeAddress(localPart, null), end: at };
    throw new WireError("an address needs an @ and a domain", at);
  }
  const end = parseDomainAt(text, at + 1);
  return { address: makeAddress(localPart, text.slice(at + 1, end)), end };
}

/** A whole mailbox `local@domain`. Throws WireError. RFC 5321 §4.1.2 Mailbox */
export function parseMailbox(text: string): SmtpAddress {
  const { address, end } = parseMailboxAt(text, 0);
  if (end !== text.length || address.domain === null) throw new WireError("this is not one address", end);
  return address;
}

/**
 * A path at `start`: `<a@b>`, `<>` (null), `<@relay,@relay:a@b>` with its source route dropped (RFC 5321 §4.1.1.3), or,
 * as devices in use send it, an address without brackets. Throws WireError. RFC 5321 §4.1.2 Path
 */
export function parsePathAt(text: string, start: number): { address: SmtpAddress | null; end: number } {
  if (text[start] !== "<") return parseMailboxAt(text, start);
  if (text[start + 1] === ">") return { address: null, end: start + 2 };
  let at = start + 1;
  if (text[at] === "@") {
    for (let hosts = 0; ; hosts++) {
      if (hosts === sourceRouteMaxHosts) throw new WireError("a source route of too many hosts", at);
      if (text[at] !== "@") throw new WireError("a source route is @host,@host:address", at);
      at = parseDomainAt(text, at + 1);
      const separator = text[at++];
      if (separator === ":") break;
      if (separator !== ",") throw new WireError("a source route is @host,@host:address", at - 1);
    }
  }
  const { address, end } = parseMailboxAt(text, at);
  if (text[end] !== ">") throw new WireError("the path has no > where it should end", end);
  return { address, end: end + 1 };
}
