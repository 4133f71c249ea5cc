/**
 * Addresses and domain names in the one spelling the directory compares: domains as ASCII in lower case (RFC 5890
 * A-labels), local parts in lower case and Unicode NFC, quotes only where they are needed.
 */
import { domainToASCII } from "node:url";
import { Fault } from "#base/fault.ts";

const localPartMaxBytes = 64;
const domainMaxBytes = 255;
const labelMaxBytes = 63;

/** A domain name, normalised; null when it is none. An address literal (`[192.0.2.1]`) is not a domain name. */
export function tryNormaliseDomain(text: string): string | null {
  const trimmed = text.endsWith(".") ? text.slice(0, -1) : text;
  // The URL rules behind domainToASCII would also decode %41, and read 0x7f.1 as an IPv4 address, so ASCII stays away.
  if (trimmed === "" || trimmed.length > 1024 || /[^a-zA-Z0-9._\u0080-\u{10ffff}-]/u.test(trimmed)) return null;
  const ascii = /^[a-zA-Z0-9._-]+$/.test(trimmed) ? trimmed.toLowerCase() : domainToASCII(trimmed);
  if (ascii === "" || ascii.length > domainMaxBytes) return null;
  const labels = ascii.split(".");
  for (const label of labels) {
    if (label.length > labelMaxBytes || !/^[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?$/.test(label)) return null;
  }
  return /^[0-9]+$/.test(labels[labels.length - 1]!) ? null : ascii;
}

/** As {@link tryNormaliseDomain}; Fault `invalidArgument` when it is none. */
export function normaliseDomain(text: string): string {
  const domain = tryNormaliseDomain(text);
  if (domain === null) throw new Fault("invalidArgument", `"${forMessage(text)}" is not a domain name.`);
  return domain;
}

export interface ParsedAddress {
  /** Without quotes where none are needed. */
  readonly local: string;
  /** Normalised domain name, or an address literal with its brackets. */
  readonly domain: string;
  /** `local@domain`: what the directory compares and shows. */
  readonly key: string;
}

/** An address `local@domain`, RFC 5321 §4.1.2 with the UTF-8 of RFC 6531 §3.3; null when it is none. */
export function tryParseAddress(text: string): ParsedAddress | null {
  const at = text.lastIndexOf("@");
  if (at <= 0 || text.length > 1024) return null;
  const local = normaliseLocalPart(text.slice(0, at));
  const rest = text.slice(at + 1);
  const domain = isAddressLiteral(rest) ? rest.toLowerCase() : tryNormaliseDomain(rest);
  if (local === null || domain === null) return null;
  return { local, domain, key: `${local}@${domain}` };
}

/** As {@link tryParseAddress}; Fault `invalidArgument` when it is none. */
export function parseAddress(text: string): ParsedAddress {
  const address = tryParseAddress(text);
  if (address === null) {
    throw new Fault("invalidArgument", `"${forMessage(text)}" is not a mail address like name@example.org.`);
  }
  return address;
}

export function isAddressLiteral(domain: string): boolean {
  return /^\[(?:[0-9.]{7,15}|ipv6:[0-9a-f:.]{2,45})\]$/i.test(domain);
}

/** The address without its detail (`user+detail@…` gives `user@…`); null when it has none. RFC 5233 §1 */
export function withoutDetail(key: string): string | null {
  const at = key.lastIndexOf("@");
  const plus = key.indexOf("+");
  return plus > 0 && plus < at && !key.startsWith("\"") ? key.slice(0, plus) + key.slice(at) : null;
}

export function domainOf(key: string): string {
  return key.slice(key.lastIndexOf("@") + 1);
}

/** Another person's text inside a message: short, one line. */
export function forMessage(text: string): string {
  const clean = text.replace(/[\0-\x1f\x7f]/g, "?");
  return clean.length > 80 ? `${clean.slice(0, 77)}…` : clean;
}

function normaliseLocalPart(text: string): string | null {
  let content = text;
  if (text.startsWith("\"")) {
    if (text.length < 2 || !text.endsWith("\"")) return null;
    content = unquote(text.slice(1, -1)) ?? "";
  }
  content = content.normalize("NFC").toLowerCase();
  if (content === "" || /[\0-\x1f\x7f]/.test(content) || Buffer.byteLength(content) > localPartMaxBytes) return null;
  // Unpaired surrogates have no UTF-8 form and would make two addresses equal on disk.
  if (!content.isWellFormed()) return null;
  if (isDotAtom(content)) return content;
  if (!text.startsWith("\"")) return null;
  return `"${content.replace(/["\\]/g, "\\$&")}"`;
}

/** atext of RFC 5322 §3.2.3 and any character above ASCII, in parts joined by single dots. */
function isDotAtom(text: string): boolean {
  return /^[a-z0-9!#$%&'*+/=?^_`{|}~.\u0080-\u{10ffff}-]+$/u.test(text)
    && !text.startsWith(".") && !text.endsWith(".") && !text.includes("..");
}

function unquote(text: string): string | null {
  let content = "";
  for (let index = 0; index < text.length; index++) {
    let character = text[index]!;
    if (character === "\"") return null;
    if (character === "\\") {
      index++;
      if (index >= text.length) return null;
      character = text[index]!;
    }
    content += character;
  }
  return content;
}

/** A name somebody signs in with, taken apart. Which domain it means is for the directory to find. */
export type SignInName =
  | { readonly form: "address"; readonly key: string }
  /** `alice`, or `EXAMPLE\alice` where the domain is the first label of one of ours. */
  | { readonly form: "short"; readonly local: string; readonly firstLabel: string | null };

/** `alice@example.test`, `alice`, `example.test\alice`, `EXAMPLE\alice`, `any\alice@example.test`; null otherwise. */
export function parseSignInName(text: string): SignInName | null {
  const backslash = text.indexOf("\\");
  const before = backslash > 0 ? text.slice(0, backslash) : "";
  const name = backslash >= 0 ? text.slice(backslash + 1) : text;
  if (name.includes("@")) {
    const address = tryParseAddress(name);
    return address && { form: "address", key: address.key };
  }
  const local = normaliseLocalPart(name);
  if (local === null) return null;
  if (before.includes(".")) {
    const domain = tryNormaliseDomain(before);
    return domain === null ? null : { form: "address", key: `${local}@${domain}` };
  }
  return { form: "short", local, firstLabel: before === "" || before === "." ? null : before.toLowerCase() };
}
