import { WireError } from "#base/fault.ts";

/**
 * The value in an xtext: `+2B` stands for one byte. The bytes are UTF-8, or what they are where they are not.
 * Throws WireError. RFC 3461 §4
 */
export function decodeXtext(text: string): string {
  if (!/^(?:[!-*,-<>-~]|\+[0-9A-F]{2})*$/.test(text)) throw new WireError("this is not xtext", 0);
  if (!text.includes("+")) return text;
  const bytes = text.replace(/\+([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
  return Buffer.from(bytes, "latin1").toString("utf8");
}

/** Any text as xtext. RFC 3461 §4 */
export function encodeXtext(text: string): string {
  let out = "";
  for (const byte of Buffer.from(text, "utf8")) {
    const isPlain = byte > 32 && byte < 127 && byte !== 0x2b && byte !== 0x3d;
    out += isPlain ? String.fromCharCode(byte) : `+${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return out;
}

/** The address in a `utf-8` address type: `\x{41}` stands for one character. RFC 6533 §3 */
export function decodeUtf8Address(text: string): string {
  const plain = text.replace(/\\x\{([0-9A-Fa-f]{1,6})\}/g, (whole, hex: string) => {
    const point = parseInt(hex, 16);
    if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) throw new WireError(`${whole} is no character`, 0);
    return String.fromCodePoint(point);
  });
  if (plain.includes("\\x{")) throw new WireError("an unfinished \\x{…}", 0);
  return plain;
}

/** An address in the form that may stand in 7-bit text. RFC 6533 §3 utf-8-addr-xtext */
export function encodeUtf8Address(address: string): string {
  let out = "";
  for (const character of address) {
    const point = character.codePointAt(0)!;
    const isPlain = point > 32 && point < 127 && !'\\+='.includes(character);
    out += isPlain ? character : `\\x{${point.toString(16).toUpperCase()}}`;
  }
  return out;
}
