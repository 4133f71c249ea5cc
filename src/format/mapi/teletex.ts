/**
 * Teletex text, code page 20261, which every address book client may ask for: an accent stands before its letter.
 * ITU-T T.61; [MS-OXNSPI] 2.2.1.4
 */

/** Accents by their byte; as combining characters they follow the letter. ITU-T T.61 §3.1.3 */
const accents: readonly (readonly [byte: number, combining: string])[] = [
  [0xc1, "\u0300"], [0xc2, "\u0301"], [0xc3, "\u0302"], [0xc4, "\u0303"], [0xc5, "\u0304"], [0xc6, "\u0306"],
  [0xc7, "\u0307"], [0xc8, "\u0308"], [0xca, "\u030a"], [0xcb, "\u0327"], [0xcd, "\u030b"], [0xce, "\u0328"],
  [0xcf, "\u030c"],
];

/** The upper half from 0xa1; NUL where there is nothing. ITU-T T.61 table 2 */
const upper = "¡¢£$¥#§¤\0\0«\0\0\0\0" + "°±²³×µ¶·÷\0\0»¼½¾¿";
const letters = "ΩÆÐªĦ\0ĲĿŁØŒºÞŦŊŉ" + "ĸæđðħıĳŀłøœßþŧŋ";

const byteOf = new Map<string, number>();
const characterOf = new Map<number, string>();
for (const [from, characters] of [[0xa1, upper], [0xe0, letters]] as const) {
  [...characters].forEach((character, index) => {
    if (character === "\0") return;
    characterOf.set(from + index, character);
    if (!byteOf.has(character)) byteOf.set(character, from + index);
  });
}
const accentOf = new Map(accents.map(([byte, combining]) => [combining, byte]));
const combiningOf = new Map(accents);
const unknown = 0x3f;

/** Text as Teletex; what it lacks becomes `?`. ITU-T T.61 */
export function encodeTeletex(text: string): Buffer {
  const bytes: number[] = [];
  for (const character of text.normalize("NFC")) {
    const code = character.codePointAt(0)!;
    if (code < 0x80) {
      bytes.push(code);
      continue;
    }
    const own = byteOf.get(character);
    if (own !== undefined) {
      bytes.push(own);
      continue;
    }
    const [base = "", combining = "", more] = [...character.normalize("NFD")];
    const accent = accentOf.get(combining);
    if (accent === undefined || more !== undefined || base.charCodeAt(0) >= 0x80) bytes.push(unknown);
    else bytes.push(accent, base.charCodeAt(0));
  }
  return Buffer.from(bytes);
}

/** The way back; bytes that mean nothing become U+FFFD. ITU-T T.61 */
export function decodeTeletex(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!;
    const combining = combiningOf.get(byte);
    const next = bytes[at + 1];
    if (combining !== undefined && next !== undefined && next < 0x80) {
      text += String.fromCharCode(next) + combining;
      at++;
    } else {
      text += byte < 0x80 ? String.fromCharCode(byte) : characterOf.get(byte) ?? "\ufffd";
    }
  }
  return text.normalize("NFC");
}
