import { percentEncode } from "#format/mime/parameters.ts";
import { encodeWhole, encodeWords } from "#format/mime/words.ts";
import type { DisplayAddress } from "#format/mime/addresses.ts";

/** One header field as bytes go out: ASCII, folded, without its last CRLF. */
export type FieldLine = string;

const lineLengthMax = 78;
/** Of a line that cannot be folded. RFC 5322 §2.1.1 */
const pieceLengthMax = 900;

/** An unstructured field (Subject, Content-Description, X-…). RFC 5322 §2.2.1, RFC 2047 §5 (1) */
export function textField(name: string, text: string): FieldLine {
  return fold(name, encodeWords(text));
}

/** A field whose value is already in its own syntax, ASCII. Line breaks in it become spaces. RFC 5322 §2.2.2 */
export function rawField(name: string, value: string): FieldLine {
  return fold(name, value.replaceAll(/[\0\r\n]+/g, " ").replaceAll(/[^\t\x20-\x7e]/g, "?"));
}

/** To, From and such. A local part or domain beyond ASCII goes out in UTF-8, which needs SMTPUTF8. RFC 5322 §3.4 */
export function addressField(name: string, addresses: readonly DisplayAddress[]): FieldLine {
  return fold(name, addresses.map(formatAddress).join(", "));
}

/** `Name <local@domain>`, quoted or encoded as it needs. RFC 5322 §3.4, RFC 2047 §5 (3) */
export function formatAddress({ name, address }: DisplayAddress): string {
  const clean = address.replaceAll(/[\0-\x20<>,;]/g, "");
  return name === "" ? clean : `${formatPhrase(name)} <${clean}>`;
}

function formatPhrase(name: string): string {
  const text = name.replaceAll(/[\0-\x1f\x7f]+/g, " ").trim();
  if (/^[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~ ]*$/.test(text) && !text.includes("=?")) return text;
  if (/^[\x20-\x7e]*$/.test(text) && !text.includes("=?")) return `"${text.replaceAll(/["\\]/g, "\\$&")}"`;
  // Specials may not stand bare beside an encoded-word, so that then all of the phrase is encoded.
  return /["(),.:;<>@[\\\]]/.test(text) ? encodeWhole(text) : encodeWords(text);
}

/** Message-ID, References, In-Reply-To. `ids` without angle brackets. RFC 5322 §3.6.4 */
export function idsField(name: string, ids: readonly string[]): FieldLine {
  return fold(name, ids.map((id) => `<${id.replaceAll(/[^\x21-\x7e]|[<>]/g, "")}>`).join(" "));
}

/** Content-Type or Content-Disposition; values that are not ASCII or too long in RFC 2231 form. RFC 2045 §5.1 */
export function paramField(name: string, value: string, params: Readonly<Record<string, string>>): FieldLine {
  const pieces = [value];
  for (const [key, text] of Object.entries(params)) pieces.push(...formatParam(key, text));
  let out = `${name}: ${pieces[0] ?? ""}`;
  let width = out.length;
  for (const piece of pieces.slice(1)) {
    const fits = width + 2 + piece.length < lineLengthMax;
    out += fits ? `; ${piece}` : `;\r\n\t${piece}`;
    width = fits ? width + 2 + piece.length : 8 + piece.length;
  }
  return out;
}

const valueLengthMax = 60;

function formatParam(key: string, text: string): string[] {
  const clean = text.replaceAll(/[\0\r\n]+/g, " ");
  if (/^[\x20-\x7e]*$/.test(clean) && clean.length <= pieceLengthMax) {
    if (/^[A-Za-z0-9!#$%&'*+\-.^_`{|}~]+$/.test(clean)) return [`${key}=${clean}`];
    return [`${key}="${clean.replaceAll(/["\\]/g, "\\$&")}"`];
  }
  const encoded = percentEncode(clean);
  if (encoded.length <= valueLengthMax) return [`${key}*=utf-8''${encoded}`];
  const out: string[] = [];
  for (let at = 0; at < encoded.length;) {
    let end = Math.min(encoded.length, at + valueLengthMax);
    // Never cut within "%XX".
    const percent = encoded.lastIndexOf("%", end - 1);
    if (end < encoded.length && percent > at && percent > end - 3) end = percent;
    out.push(`${key}*${out.length}*=${out.length === 0 ? "utf-8''" : ""}${encoded.slice(at, end)}`);
    at = end;
  }
  return out;
}

/** Breaks lines before words; a word too long for any line is cut. RFC 5322 §2.2.3 */
function fold(name: string, value: string): FieldLine {
  const head = `${name}:`;
  // Lines are gathered and joined once: looking at the end of a growing string copies it.
  const pieces = [head];
  let last = ":";
  let width = head.length;
  let isFirst = true;
  for (const word of value.split(" ")) {
    // A line of white space alone would be a fold of nothing, which some readers take for the end of the header.
    if (!isFirst && word !== "" && width + 1 + word.length > lineLengthMax && !/[\s:]/.test(last)) {
      pieces.push("\r\n");
      width = 0;
    }
    pieces.push(` ${word}`);
    last = word === "" ? " " : word.charAt(word.length - 1);
    width += 1 + word.length;
    isFirst = false;
  }
  return pieces.join("").trimEnd().split("\r\n").map((line) => cutLine(line)).join("\r\n");
}

function cutLine(line: string): string {
  if (line.length <= 998) return line;
  const pieces: string[] = [];
  for (let at = 0; at < line.length; at += pieceLengthMax) pieces.push(line.slice(at, at + pieceLengthMax));
  return pieces.join("\r\n ");
}
