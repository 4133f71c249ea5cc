/** The text of a part while its bytes pass: encoding, charset, line ends, marks and flowed lines undone, in pieces. */
import { HtmlToText } from "#format/html/to-text.ts";
import { charsetDecoder } from "#format/mime/charset.ts";
import { transferDecoder } from "#format/mime/decode.ts";
import { paramValue } from "#format/mime/parameters.ts";
import { withLineEnds } from "#format/mime/text.ts";
import type { MimePart } from "#format/mime/types.ts";
import type { Decoding } from "#convert/large.ts";

/** A step from text to text; any cut of the same text gives the same. */
interface Rewriting {
  write(text: string): string;
  end(): string;
}

class Chain implements Decoding<string> {
  readonly #transfer;
  readonly #charset;
  readonly #steps: readonly Rewriting[];

  constructor(part: MimePart, steps: readonly Rewriting[]) {
    this.#transfer = transferDecoder(part.encoding);
    this.#charset = charsetDecoder(paramValue(part.params, "charset"));
    this.#steps = steps;
  }

  write(bytes: Uint8Array): string {
    return this.#through(this.#charset.write(this.#transfer.write(bytes)), 0);
  }

  end(): string {
    let out = this.#through(this.#charset.write(this.#transfer.end()) + this.#charset.end(), 0);
    for (const [index, step] of this.#steps.entries()) out += this.#through(step.end(), index + 1);
    return out;
  }

  #through(text: string, from: number): string {
    let out = text;
    for (let index = from; index < this.#steps.length && out !== ""; index++) out = this.#steps[index]!.write(out);
    return out;
  }
}

/** The text of a part as it stands, but for a byte order mark. RFC 2045 §6 */
export function textDecoding(part: MimePart): Decoding<string> {
  return new Chain(part, [new WithoutMark()]);
}

const markedUp: ReadonlySet<string> = new Set(["html", "enriched", "richtext"]);

/** Plain text, CRLF line ends, flowed lines joined; of HTML and enriched text the words. RFC 3676 §4 */
export function plainDecoding(part: MimePart): Decoding<string> {
  const steps: Rewriting[] = [new WithoutMark(), new WithoutNuls(), new LineEnds()];
  if (markedUp.has(part.subtype)) steps.push(new HtmlWords());
  else if (paramValue(part.params, "format")?.toLowerCase() === "flowed") {
    steps.push(new Unflowing(paramValue(part.params, "delsp")?.toLowerCase() === "yes"));
  }
  return new Chain(part, steps);
}

/** The same, rewritten piece by piece where `each` is given, between `before` and `after`. */
export function framed(
  decoding: Decoding<string>, before: string, after: string, each: (text: string) => string = (text) => text,
): Decoding<string> {
  let start = before;
  const take = (text: string): string => {
    const out = start + each(text);
    start = "";
    return out;
  };
  return { write: (bytes) => take(decoding.write(bytes)), end: () => take(decoding.end()) + after };
}

/** Text in pieces, rewritten as it passes. */
export function* rewritten(step: Rewriting, pieces: Iterable<string>): Generator<string> {
  for (const piece of pieces) yield step.write(piece);
  yield step.end();
}

/** All of a text at once. */
export function rewrite(step: Rewriting, text: string): string {
  return step.write(text) + step.end();
}

class WithoutMark implements Rewriting {
  #isFirst = true;

  write(text: string): string {
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    return isFirst && text.startsWith("\ufeff") ? text.slice(1) : text;
  }

  end(): string {
    return "";
  }
}

class WithoutNuls implements Rewriting {
  write(text: string): string {
    return text.includes("\0") ? text.replaceAll("\0", "") : text;
  }

  end(): string {
    return "";
  }
}

/** Line ends of any kind as CRLF, none of them cut in two. RFC 5322 §2.3 */
export class LineEnds implements Rewriting {
  #held = "";

  write(text: string): string {
    let all = this.#held + text;
    this.#held = all.endsWith("\r") ? "\r" : "";
    if (this.#held !== "") all = all.slice(0, -1);
    return withLineEnds(all);
  }

  end(): string {
    const held = this.#held;
    this.#held = "";
    return held === "" ? "" : "\r\n";
  }
}

/** Lines end in CRLF, and no cut parts its two characters. RFC 3676 §4.1 to §4.5 */
export class Unflowing implements Rewriting {
  readonly #deleteSpace: boolean;
  #held = "";
  /** Of the paragraph that goes on; -1 where none does. */
  #depth = -1;
  #isFirst = true;

  constructor(deleteSpace: boolean) {
    this.#deleteSpace = deleteSpace;
  }

  write(text: string): string {
    // The part after the last line end may be the last line, which never goes on.
    const last = text.lastIndexOf("\r\n");
    if (last < 0) {
      this.#held += text;
      return "";
    }
    const lines = (this.#held + text).split("\r\n");
    this.#held = lines.pop() ?? "";
    return lines.map((line) => this.#line(line, false)).join("");
  }

  end(): string {
    const held = this.#held;
    this.#held = "";
    return this.#line(held, true);
  }

  #line(line: string, isLast: boolean): string {
    let quotes = 0;
    while (line.charCodeAt(quotes) === 0x3e) quotes++;
    const stuffed = line.charCodeAt(quotes) === 0x20 ? line.slice(quotes + 1) : line.slice(quotes);
    const isSignature = stuffed === "-- ";
    const goesOn = this.#depth === quotes && !isSignature;
    const start = goesOn ? ""
      : `${this.#isFirst ? "" : "\r\n"}${quotes > 0 ? `${">".repeat(quotes)} ` : ""}`;
    this.#isFirst = false;
    const isSoft = stuffed.endsWith(" ") && !isSignature && !isLast;
    this.#depth = isSoft ? quotes : -1;
    return start + (isSoft && this.#deleteSpace ? stuffed.slice(0, -1) : stuffed);
  }
}

/** Words of HTML: no white space at the ends of lines, no more than one empty line after another. [MS-OXBBODY] 2.1 */
export class HtmlWords implements Rewriting {
  #out: string[] = [];
  readonly #reader = new HtmlToText((text) => this.#out.push(text));
  readonly #lines = new LineEnds();
  #isFirst = true;
  /** Line ends since the last word, and white space since the later of the two. */
  #breaks = 0;
  #space = "";

  write(html: string): string {
    this.#reader.write(html);
    return this.#take(this.#lines.write(this.#read()));
  }

  end(): string {
    this.#reader.end();
    return this.#take(this.#lines.write(this.#read()) + this.#lines.end());
  }

  #read(): string {
    const text = this.#out.join("");
    this.#out = [];
    return text;
  }

  #take(text: string): string {
    const out: string[] = [];
    for (const [index, line] of text.split("\r\n").entries()) {
      if (index > 0) {
        this.#breaks++;
        this.#space = "";
      }
      out.push(this.#words(line));
    }
    return out.join("");
  }

  #words(piece: string): string {
    const end = piece.trimEnd();
    if (end === "") {
      this.#space += piece;
      return "";
    }
    const breaks = "\r\n".repeat(Math.min(this.#breaks, 2));
    const shown = this.#isFirst ? end.trimStart() : breaks + this.#space + end;
    this.#isFirst = false;
    this.#breaks = 0;
    this.#space = piece.slice(end.length);
    return shown;
  }
}
