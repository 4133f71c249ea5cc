/** The form in which texts are searched: without case, characters taken apart (i;unicode-casemap). RFC 5051 §2 */

/** More marks on one letter than this are cut apart: what is held back stays small. RFC 5051 §2 */
const marksMax = 200;

/**
 * A text to be compared with others folded by the same: each character in title case, then taken apart. Character by
 * character, so that a sharp s is itself and not two letters. RFC 9051 §6.4.4, RFC 5051 §2
 */
export function foldText(text: string): string {
  if (isPlain(text)) return text.toUpperCase();
  let folded = "";
  let plainFrom = 0;
  for (let at = 0; at < text.length; at++) {
    if (text.charCodeAt(at) < 0x80) continue;
    const code = text.codePointAt(at)!;
    folded += text.slice(plainFrom, at).toUpperCase() + foldedOf(code);
    if (code > 0xffff) at++;
    plainFrom = at + 1;
  }
  return folded + text.slice(plainFrom).toUpperCase();
}

function isPlain(text: string): boolean {
  return !/[^\0-\x7f]/.test(text);
}

const foldedBmp: (string | undefined)[] = [];

function foldedOf(code: number): string {
  if (code > 0xffff) return titleCase(code).normalize("NFKD");
  return foldedBmp[code] ??= titleCase(code).normalize("NFKD");
}

/** Letters whose title case is not their upper case. UnicodeData.txt, fields 12 and 14 */
const titleCases = new Map([
  [0x1c4, 0x1c5], [0x1c5, 0x1c5], [0x1c6, 0x1c5], [0x1c7, 0x1c8], [0x1c8, 0x1c8], [0x1c9, 0x1c8],
  [0x1ca, 0x1cb], [0x1cb, 0x1cb], [0x1cc, 0x1cb], [0x1f1, 0x1f2], [0x1f2, 0x1f2], [0x1f3, 0x1f2],
  [0x1fb3, 0x1fbc], [0x1fc3, 0x1fcc], [0x1ff3, 0x1ffc],
]);

/** One character for one: what would become several stays as it is. RFC 5051 §2 (2)(a) */
function titleCase(code: number): string {
  const own = String.fromCodePoint(code);
  const special = titleCases.get(code);
  if (special !== undefined) return String.fromCodePoint(special);
  // Georgian has capitals, but no title case; Greek with a iota below keeps it.
  if (code >= 0x10d0 && code <= 0x10ff) return own;
  if (code >= 0x1f80 && code <= 0x1faf) return String.fromCodePoint(code | 8);
  const upper = own.toUpperCase();
  return upper.length === own.length || [...upper].length === 1 ? upper : own;
}

/** {@link foldText} of a text that comes in pieces: any cut of the same text gives the same text. RFC 5051 §2 */
export class TextFolder {
  #held = "";

  write(text: string): string {
    if (text === "") return "";
    const joined = this.#held === "" ? text : this.#held + text;
    const cut = lastLetter(joined);
    this.#held = joined.slice(cut);
    return foldText(joined.slice(0, cut));
  }

  end(): string {
    const rest = foldText(this.#held);
    this.#held = "";
    return rest;
  }
}

/** Where the last letter begins: marks that come next may belong to it. */
function lastLetter(text: string): number {
  const stop = Math.max(0, text.length - marksMax);
  for (let at = text.length - 1; at >= stop; at--) {
    const code = text.charCodeAt(at);
    if (code < 0x300) return at;
    if (code >= 0xdc00 && code <= 0xdfff && at > 0) at--;
    if (!/\p{M}/u.test(String.fromCodePoint(text.codePointAt(at)!))) return at;
  }
  return stop;
}
