/** Which characters the bytes of a document are: byte order mark, first bytes, declaration. XML 1.0 §4.3.3, app. F */
import { WireError } from "#base/fault.ts";

/** Bytes within which a declaration must end to be looked at. */
export const declarationMaxBytes = 512;

/** Names a declaration may say, and what this server decodes them as. */
const declared: Readonly<Record<string, XmlEncoding>> = {
  "utf-8": "utf-8", "utf8": "utf-8", "us-ascii": "utf-8", "ascii": "utf-8",
  "iso-8859-1": "windows-1252", "latin1": "windows-1252", "windows-1252": "windows-1252",
  // Programs write text they made in UTF-16 memory with this declaration, then send it as UTF-8: the bytes are right.
  "utf-16": "utf-8", "utf-16le": "utf-8", "utf-16be": "utf-8",
};

export type XmlEncoding = "utf-8" | "utf-16le" | "utf-16be" | "windows-1252";

/** The decoder's label for a document that begins with `head`. Throws WireError for what cannot be read. */
export function encodingOf(head: Uint8Array): XmlEncoding {
  const [first = -1, second = -1, third = -1, fourth = -1] = head;
  if (first === 0xff && second === 0xfe) {
    if (third === 0 && fourth === 0) throw new WireError("UTF-32 is not read", 0);
    return "utf-16le";
  }
  if (first === 0xfe && second === 0xff) return "utf-16be";
  if (first === 0x3c && second === 0 && third !== 0) return "utf-16le";
  if (first === 0 && second === 0x3c) return "utf-16be";
  const start = Buffer.from(head.subarray(0, declarationMaxBytes)).toString("latin1");
  const name = /^(?:\xef\xbb\xbf)?<\?xml[^>]*?\sencoding\s*=\s*["']([^"'<>]*)["']/.exec(start)?.[1]?.toLowerCase();
  if (name === undefined) return "utf-8";
  const label = Object.hasOwn(declared, name) ? declared[name] : undefined;
  if (label === undefined) throw new WireError(`the encoding "${name.slice(0, 40)}" is not read`, 0);
  return label;
}

/** Whether `head` is enough for {@link encodingOf}. */
export function isEncodingDecided(head: Uint8Array): boolean {
  if (head.length >= declarationMaxBytes) return true;
  if (head.length < 8) return false;
  const start = Buffer.from(head.buffer, head.byteOffset, head.length).toString("latin1");
  return !/^(?:\xef\xbb\xbf)?<\?xml/.test(start) || start.includes(">");
}
