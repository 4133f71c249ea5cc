import type { Octets } from "#wire/imap/cursor.ts";
import { encodeMailboxName } from "#wire/imap/mailboxname.ts";
import { isAstringAtom } from "#wire/imap/cursor.ts";

/**
 * Answers as text with one character per byte; written to the socket as latin1. A string goes out quoted when it can,
 * as a literal when it holds line ends, bytes above 127 or is long. RFC 9051 §4.3
 */
const quotedMaxCharacters = 4096;

/** Bytes as one character each. */
export function octetsOf(bytes: Uint8Array): Octets {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

/** A string that may hold any byte but NUL, which IMAP cannot carry and which is left out. RFC 9051 §9 `string` */
export function encodeString(octets: Octets): string {
  if (octets.length <= quotedMaxCharacters) {
    let mustEscape = false;
    let mustBeLiteral = false;
    for (let index = 0; index < octets.length; index++) {
      const code = octets.charCodeAt(index);
      if (code === 0x22 || code === 0x5c) mustEscape = true;
      else if (code > 0x7e || code === 0 || code === 0x0d || code === 0x0a) mustBeLiteral = true;
    }
    if (!mustBeLiteral) return `"${mustEscape ? octets.replace(/["\\]/g, "\\$&") : octets}"`;
  }
  const bytes = octets.includes("\0") ? octets.replaceAll("\0", "") : octets;
  return `{${bytes.length}}\r\n${bytes}`;
}

/** Text as UTF-8 bytes in a string. RFC 9051 §9 `string` */
export function encodeText(text: string): string {
  return encodeString(isAscii(text) ? text : Buffer.from(text, "utf8").toString("latin1"));
}

/** Text, or NIL. RFC 9051 §9 `nstring` */
export function encodeNullable(text: string | null | undefined): string {
  return text === null || text === undefined ? "NIL" : encodeText(text);
}

/** Bare when it can be, else a string. RFC 9051 §9 `astring` */
export function encodeAstring(octets: Octets): string {
  return isAstringAtom(octets) && octets.toUpperCase() !== "NIL" ? octets : encodeString(octets);
}

/** A folder path: in modified UTF-7, or as it is for clients that take UTF-8. RFC 9051 §9 `mailbox`, RFC 6855 §3 */
export function encodeMailbox(path: string, isUtf8 = false): string {
  if (!isUtf8 || isAscii(path)) return encodeAstring(isUtf8 ? path : encodeMailboxName(path));
  const octets = Buffer.from(path, "utf8").toString("latin1");
  return /[\0\r\n]/.test(octets) ? encodeString(octets) : `"${octets.replace(/["\\]/g, "\\$&")}"`;
}

export function isAscii(text: string): boolean {
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) > 0x7f) return false;
  return true;
}

/** How a command ended, or what the server says unasked. RFC 9051 §7.1 */
export type Condition = "OK" | "NO" | "BAD" | "BYE" | "PREAUTH";

/** `tag OK [CODE] text`; a tag of `*` for what is unasked. RFC 9051 §7.1 */
export function encodeStatus(tag: string, condition: Condition, code: string | undefined, text: string): string {
  return `${tag} ${condition} ${code === undefined || code === "" ? "" : `[${code}] `}${plainText(text)}\r\n`;
}

/** `+ text`: the client may go on. RFC 9051 §7.6 */
export function encodeContinuation(text: string): string {
  return `+ ${plainText(text)}\r\n`;
}

/** Text for people: US-ASCII on one line, never empty. RFC 9051 §9 `resp-text` */
function plainText(text: string): string {
  const plain = text.replace(/[^\x20-\x7e]+/g, "?");
  return plain === "" ? "." : plain.slice(0, 1000);
}
