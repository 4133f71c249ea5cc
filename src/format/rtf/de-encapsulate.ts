import { RtfReader, rtfOrigin } from "#format/rtf/reader.ts";
import type { RtfSink, RtfState } from "#format/rtf/reader.ts";
import { rtfToHtml } from "#format/rtf/to-html.ts";
import { rtfToText } from "#format/rtf/to-text.ts";

/** What a body in RTF is, seen as what it was made from. */
export interface RtfBody {
  /** "native" was written as RTF; its HTML is a likeness. */
  readonly origin: "html" | "text" | "native";
  /** Lines end in CRLF. */
  readonly html: string | undefined;
  readonly text: string | undefined;
}

class Extractor implements RtfSink {
  readonly #out: string[] = [];
  readonly #takesTags: boolean;

  constructor(takesTags: boolean) {
    this.#takesTags = takesTags;
  }

  text(text: string, state: Readonly<RtfState>): void {
    if (this.#isTaken(state)) this.#out.push(text);
  }

  control(word: string, _parameter: number | undefined, state: Readonly<RtfState>): void {
    if (!this.#isTaken(state)) return;
    if (word === "par" || word === "line") this.#out.push("\r\n");
    else if (word === "tab") this.#out.push("\t");
  }

  toString(): string {
    return this.#out.join("");
  }

  #isTaken(state: Readonly<RtfState>): boolean {
    if (!this.#takesTags) return state.destination === "body";
    return !state.htmlRtf && (state.destination === "body" || state.destination === "htmlTag");
  }
}

/**
 * The HTML that was encapsulated in RTF, character for character but for line ends, which become CRLF; null when the
 * RTF was not made from HTML. A charset named inside the HTML no longer means anything. [MS-OXRTFEX] 2.2.3.2
 */
export function deEncapsulateHtml(rtf: Uint8Array): string | null {
  return rtfOrigin(rtf) === "html" ? extract(rtf, true) : null;
}

/** The plain text that was encapsulated in RTF; null when the RTF was not made from plain text. [MS-OXRTFEX] 2.2.3.3 */
export function deEncapsulateText(rtf: Uint8Array): string | null {
  return rtfOrigin(rtf) === "text" ? extract(rtf, false) : null;
}

function extract(rtf: Uint8Array, takesTags: boolean): string {
  const extractor = new Extractor(takesTags);
  new RtfReader(rtf, extractor).run();
  return extractor.toString();
}

/** The body that RTF holds, in the form it was written in. Null for what is no RTF. [MS-OXRTFEX] 2.2.3 */
export function readRtfBody(rtf: Uint8Array): RtfBody | null {
  const origin = rtfOrigin(rtf);
  switch (origin) {
    case null: return null;
    case "html": return { origin, html: extract(rtf, true), text: undefined };
    case "text": return { origin, html: undefined, text: extract(rtf, false) };
    default: return { origin, html: rtfToHtml(rtf), text: rtfToText(rtf) };
  }
}
