import type { Cursor, Octets } from "#wire/imap/cursor.ts";

/**
 * Folder names on the wire: modified UTF-7. RFC 9051 appendix A (RFC 3501 §5.1.3)
 *
 * Bytes from 0x80 are taken as UTF-8, which many programs send unasked. What is neither UTF-8 nor valid modified UTF-7
 * is refused: taken as it stands it would be listed under another name than it was made under.
 */
const base64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";
const base64Values = new Int8Array(128).fill(-1);
for (let index = 0; index < 64; index++) base64Values[base64.charCodeAt(index)] = index;

/** A folder path with `/` between its names. RFC 9051 §5.1 */
export function mailbox(cursor: Cursor): string {
  return nameOf(cursor, cursor.astring("a mailbox name"));
}

/** A folder path in which `*` and `%` stand for anything. RFC 9051 §6.3.9 */
export function mailboxPattern(cursor: Cursor): string {
  const octets = cursor.listMailbox();
  // A wildcard may cut a run in two: such a pattern finds nothing.
  return (cursor.takesUtf8 ? utf8Text(octets) : decodeMailboxName(octets)) ?? octets;
}

function nameOf(cursor: Cursor, octets: Octets): string {
  return (cursor.takesUtf8 ? utf8Text(octets) : decodeMailboxName(octets))
    ?? cursor.fail(cursor.takesUtf8 ? "A mailbox name is UTF-8" : "A mailbox name is modified UTF-7");
}

/** Characters as they are shown to people; undefined for what no name is written as. RFC 3501 §5.1.3 */
export function decodeMailboxName(octets: Octets): string | undefined {
  if (/[\x80-\xff]/.test(octets)) return utf8Text(octets);
  if (!octets.includes("&")) return octets;
  const name = decodeUtf7(octets);
  // Letters that need no run, and two runs side by side, would make a second way to write the same name.
  return name !== undefined && encodeMailboxName(name) === octets ? name : undefined;
}

/** UTF-8 bytes as text; undefined when they are not UTF-8. */
export function utf8Text(octets: Octets): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Buffer.from(octets, "latin1"));
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

/** Undefined when a run between `&` and `-` is not valid. RFC 3501 §5.1.3 */
export function decodeUtf7(octets: Octets): string | undefined {
  if (!octets.includes("&")) return octets;
  let text = "";
  let index = 0;
  while (index < octets.length) {
    const ampersand = octets.indexOf("&", index);
    if (ampersand < 0) break;
    text += octets.slice(index, ampersand);
    const minus = octets.indexOf("-", ampersand);
    if (minus < 0) return undefined;
    const run = minus === ampersand + 1 ? "&" : decodeRun(octets, ampersand + 1, minus);
    if (run === undefined) return undefined;
    text += run;
    index = minus + 1;
  }
  text += octets.slice(index);
  return text.isWellFormed() ? text : undefined;
}

function decodeRun(octets: Octets, start: number, end: number): string | undefined {
  let text = "";
  let bits = 0;
  let bitCount = 0;
  for (let index = start; index < end; index++) {
    const value = base64Values[octets.charCodeAt(index)] ?? -1;
    if (value < 0) return undefined;
    bits = ((bits << 6) | value) & 0x3f_ffff;
    bitCount += 6;
    if (bitCount >= 16) {
      bitCount -= 16;
      text += String.fromCharCode((bits >> bitCount) & 0xffff);
    }
  }
  const isPadded = bitCount < 6 && (bits & ((1 << bitCount) - 1)) === 0;
  return isPadded && text !== "" ? text : undefined;
}

/** Modified UTF-7. RFC 3501 §5.1.3 */
export function encodeMailboxName(name: string): string {
  return encodeUtf7(name, (code) => code >= 0x20 && code <= 0x7e);
}

/** Writes characters that `isPlain` refuses as base64 runs, and `&` as `&-`. RFC 3501 §5.1.3 */
export function encodeUtf7(name: string, isPlain: (code: number) => boolean): string {
  let text = "";
  let index = 0;
  while (index < name.length) {
    const code = name.charCodeAt(index);
    if (code === 0x26) {
      text += "&-";
      index++;
    } else if (isPlain(code)) {
      text += name[index];
      index++;
    } else {
      let end = index + 1;
      while (end < name.length && !isPlain(name.charCodeAt(end))) end++;
      text += encodeRun(name.slice(index, end));
      index = end;
    }
  }
  return text;
}

function encodeRun(run: string): string {
  const bytes = Buffer.from(run, "utf16le").swap16();
  return `&${bytes.toString("base64").replaceAll("=", "").replaceAll("/", ",")}-`;
}

/** One name in a path: `/` cannot stand in it, so the division slash U+2215 is shown for it. RFC 9051 §5.1.1 */
export function pathNameOf(folderName: string): string {
  return folderName.replaceAll("/", "\u2215");
}
