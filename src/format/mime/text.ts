import { limits } from "#base/limits.ts";
import { HtmlToText } from "#format/html/to-text.ts";
import { charsetDecoder } from "#format/mime/charset.ts";
import { transferDecoder } from "#format/mime/decode.ts";
import type { CharsetDecoder } from "#format/mime/charset.ts";
import type { ByteDecoder } from "#format/mime/decode.ts";

export const previewCharactersMax = 255;

/** Characters of one part kept for the preview, and parts looked at for it. */
const previewSourceMax = 8192;
const previewPartsMax = 8;

/** How much of the bytes a text part may have before the search text is taken as full, whatever it yielded. */
const bytesPerCharacterMax = 32;

export interface TextPartInfo {
  readonly subtype: string;
  readonly charset: string | null;
  readonly encoding: string;
  /** False for attachments and enclosed messages, whose text is searched but says nothing of the message itself. */
  readonly forPreview: boolean;
}

interface PreviewSource {
  readonly pieces: string[];
  /** The same without what stands in a quotation. */
  readonly own: string[];
  size: number;
}

/**
 * Gathers the words of a message while its bytes pass: text of the text parts, decoded, for search and preview. Memory
 * is bounded by `charactersMax` whatever the message holds. RFC 2045 §6, RFC 2046 §4.1
 */
export class TextCollector {
  readonly #charactersMax: number;
  readonly #out: string[] = [];
  #size = 0;
  #bytesLeft: number;
  #lastSpace = true;
  readonly #previews: PreviewSource[] = [];
  #part: PartText | null = null;
  #source: PreviewSource | null = null;

  constructor(charactersMax: number = limits.searchTextMaxCharacters) {
    this.#charactersMax = charactersMax;
    this.#bytesLeft = charactersMax * bytesPerCharacterMax;
  }

  get full(): boolean {
    return this.#size >= this.#charactersMax || this.#bytesLeft <= 0;
  }

  /** Begins a text part; false when nothing more is wanted. */
  begin(info: TextPartInfo): boolean {
    this.finish();
    if (this.full) return false;
    const preview = info.forPreview && this.#previews.length < previewPartsMax &&
      (info.subtype === "plain" || info.subtype === "html" || info.subtype === "enriched");
    const source: PreviewSource | null = preview ? { pieces: [], own: [], size: 0 } : null;
    if (source !== null) this.#previews.push(source);
    this.#source = source;
    this.#part = new PartText(info, (text, quoted) => this.#take(text, quoted, source));
    return true;
  }

  /** Bytes of the part, as they stand; false when nothing more is wanted. */
  write(bytes: Uint8Array): boolean {
    if (this.#part === null) return false;
    // Cut where the budget ends, so that the text does not depend on how the message was chunked.
    const taken = bytes.length > this.#bytesLeft ? bytes.subarray(0, this.#bytesLeft) : bytes;
    this.#bytesLeft -= taken.length;
    this.#part.write(taken);
    // The preview may want more than the search text has room for.
    const source = this.#source;
    if (this.#bytesLeft <= 0 || (this.full && (source === null || source.size >= previewSourceMax))) this.finish();
    return this.#part !== null;
  }

  /** Ends the part. */
  finish(): void {
    const part = this.#part;
    this.#part = null;
    part?.end();
    this.#take("\n", false, null);
  }

  #take(text: string, quoted: boolean, source: PreviewSource | null): void {
    if (source !== null && source.size < previewSourceMax) {
      const piece = text.slice(0, previewSourceMax - source.size);
      source.size += piece.length;
      source.pieces.push(piece);
      source.own.push(quoted ? "\n" : piece);
    }
    if (this.#size >= this.#charactersMax) return;
    let clean = oneSpaced(text);
    if (this.#lastSpace && clean.startsWith(" ")) clean = clean.slice(1);
    if (clean === "") return;
    if (clean.length > this.#charactersMax - this.#size) clean = clean.slice(0, this.#charactersMax - this.#size);
    this.#lastSpace = clean.endsWith(" ");
    this.#size += clean.length;
    this.#out.push(clean);
  }

  /** The words of the bodies. */
  bodyText(): string {
    return cutText(this.#out.join("").trim(), this.#charactersMax);
  }

  /** First characters a reader would see: of the first part with text in it; quotations only when all is one. */
  preview(): string {
    for (const source of this.#previews) {
      const own = previewOf(source.own.join(""), true);
      if (own !== "") return own;
    }
    for (const source of this.#previews) {
      const any = previewOf(source.pieces.join(""), false);
      if (any !== "") return any;
    }
    return "";
  }
}

/** Text on one line: white space, control and invisible characters are one space. */
export function collapse(text: string): string {
  return isCollapsed(text) ? text : text.replaceAll(collapsible, " ").trim();
}

/** Printable ASCII with single spaces between words: what most short texts are. */
function isCollapsed(text: string): boolean {
  if (text.length > 500) return false;
  let last = 0x20;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x20 || code > 0x7e || (code === 0x20 && last === 0x20)) return false;
    last = code;
  }
  return last !== 0x20 || text === "";
}

/** Each run one space. Line ends go first and apart, since a search for one string is many times faster. */
function oneSpaced(text: string): string {
  const joined = text.replaceAll("\r\n", " ");
  return oddRun.test(joined) ? joined.replaceAll(collapsible, " ") : joined;
}

/** Control characters, white space but the plain space, and what senders pad invisible preheaders with. */
const odd = "\\t-\\r\\0-\\x08\\x0e-\\x1f\\x7f-\\xa0\\u00ad\\u034f\\u1680\\u180e\\u2000-\\u200f\\u2028-\\u202f" +
  "\\u205f-\\u2064\\u3000\\ufeff";

/** Runs that become one space; a plain space alone is passed over, since most are that already. */
const collapsible = new RegExp(` [ ${odd}]+|[${odd}][ ${odd}]*`, "g");

/** Something that `collapsible` changes. */
const oddRun = new RegExp(`  |[${odd}]`);

const gatherMax = 4096;

/** Undoes the encodings of one text part and hands its text on in larger pieces. */
class PartText {
  readonly #transfer: ByteDecoder;
  readonly #charset: CharsetDecoder;
  readonly #html: HtmlToText | null;
  readonly #sink: (text: string, quoted: boolean) => void;
  #gathered = "";
  #quoted = false;

  constructor(info: TextPartInfo, sink: (text: string, quoted: boolean) => void) {
    this.#transfer = transferDecoder(info.encoding);
    this.#charset = charsetDecoder(info.charset);
    this.#sink = sink;
    this.#html = info.subtype === "html" || info.subtype === "enriched"
      ? new HtmlToText((text, quoted) => this.#gather(text, quoted)) : null;
  }

  write(bytes: Uint8Array): void {
    this.#text(this.#charset.write(this.#transfer.write(bytes)));
  }

  end(): void {
    this.#text(this.#charset.write(this.#transfer.end()));
    this.#text(this.#charset.end());
    this.#html?.end();
    this.#flush();
  }

  #text(text: string): void {
    // Bodies are told without NULs, and words go on over them.
    const shown = text.includes("\0") ? text.replaceAll("\0", "") : text;
    if (shown === "") return;
    if (this.#html === null) this.#gather(shown, false);
    else this.#html.write(shown);
  }

  #gather(text: string, quoted: boolean): void {
    if (quoted !== this.#quoted) this.#flush();
    this.#quoted = quoted;
    this.#gathered += text;
    if (this.#gathered.length >= gatherMax) this.#flush();
  }

  #flush(): void {
    const text = this.#gathered;
    this.#gathered = "";
    if (text !== "") this.#sink(text, this.#quoted);
  }
}

/** One after the other, since a preview needs but the first. */
function* linesOf(text: string): Generator<string> {
  const ends = /\r\n?|\n/g;
  let start = 0;
  for (let end = ends.exec(text); end !== null; end = ends.exec(text)) {
    yield text.slice(start, end.index);
    start = ends.lastIndex;
  }
  yield text.slice(start);
}

function previewOf(text: string, skipQuotes: boolean): string {
  const lines: string[] = [];
  let size = 0;
  for (const line of linesOf(text)) {
    const clean = collapse(line);
    if (skipQuotes) {
      if (clean.startsWith(">") || clean.startsWith("|")) {
        // The line that announced the quotation ("On … wrote:") goes with it.
        if (lines.at(-1)?.endsWith(":") === true) lines.pop();
        continue;
      }
      if (line.trimEnd() === "--" || line === "-- " || /^-{3,} ?Original Message ?-{3,}/i.test(clean)) break;
    }
    if (clean === "" || /^[-=_*~#.+ ]{3,}$/.test(clean)) continue;
    lines.push(clean);
    size += clean.length + 1;
    if (size > previewCharactersMax * 2) break;
  }
  return cutText(lines.join(" "), previewCharactersMax);
}

/** Pieces in which a long text is rewritten: what one search finds is held until its end. */
const pieceCharacters = 1 << 20;

/** Text with line ends of any kind as CRLF; itself where they are already. RFC 5322 §2.3 */
export function withLineEnds(text: string): string {
  if (!hasLoneLineEnd(text)) return text;
  if (text.length <= pieceCharacters) return text.replaceAll(/\r\n|\r|\n/g, "\r\n");
  const pieces: string[] = [];
  for (let at = 0; at < text.length;) {
    let end = Math.min(text.length, at + pieceCharacters);
    if (text.charCodeAt(end - 1) === 0x0d && text.charCodeAt(end) === 0x0a) end++;
    pieces.push(text.slice(at, end).replaceAll(/\r\n|\r|\n/g, "\r\n"));
    at = end;
  }
  return pieces.join("");
}

function hasLoneLineEnd(text: string): boolean {
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) {
    if (text.charCodeAt(at - 1) !== 0x0d) return true;
  }
  for (let at = text.indexOf("\r"); at >= 0; at = text.indexOf("\r", at + 1)) {
    if (text.charCodeAt(at + 1) !== 0x0a) return true;
  }
  return false;
}

/** At most `charactersMax` UTF-16 units, never half a character at the end, lone halves replaced. */
export function cutText(text: string, charactersMax: number): string {
  let cut = text.length > charactersMax ? text.slice(0, charactersMax) : text;
  const last = cut.charCodeAt(cut.length - 1);
  if (last >= 0xd800 && last <= 0xdbff) cut = cut.slice(0, -1);
  return cut.toWellFormed();
}
