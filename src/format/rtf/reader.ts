import { isAscii } from "node:buffer";
import { limits } from "#base/limits.ts";
import { asBuffer, decodeCharset } from "#format/mime/charset.ts";
import { codePageLabel } from "#format/mapi/code-page.ts";
import { RtfScanner } from "#format/rtf/scanner.ts";

/** What the text of a group is. */
export type RtfDestination = "body" | "skip" | "fontTable" | "colorTable" | "htmlTag" | "listText" | "fieldInstruction";

/** What holds inside a group and ends with it. */
export interface RtfState {
  destination: RtfDestination;
  /** In a range of RTF that the HTML it was made from does not have. [MS-OXRTFEX] 2.1.3.1.5 */
  htmlRtf: boolean;
  font: number;
  /** Characters to pass over after each `\u`. */
  unicodeSkip: number;
  bold: boolean;
  italic: boolean;
  underline: boolean;
  strike: boolean;
  hidden: boolean;
  /** 1 for superscript, -1 for subscript. */
  position: number;
  /** Index into the colour table. */
  color: number;
  /** Half points. */
  fontSize: number;
}

export interface RtfDocument {
  readonly defaultFont: number;
  /** `\fromhtml1`, `\fromtext`, or neither. [MS-OXRTFEX] 2.2.3.1 */
  readonly origin: "html" | "text" | "native";
  readonly fontNames: ReadonlyMap<number, string>;
  /** `#rrggbb`; the automatic colour is undefined. */
  readonly colors: readonly (string | undefined)[];
}

/** What a converter hears, in the order of the document. */
export interface RtfSink {
  text(text: string, state: Readonly<RtfState>, document: RtfDocument): void;
  /** A control word that is neither text nor kept in {@link RtfState}; symbols come as their one character. */
  control(word: string, parameter: number | undefined, state: Readonly<RtfState>, document: RtfDocument): void;
  /** A group has begun or ended; the state is the one that holds from here. */
  group?(isOpen: boolean, state: Readonly<RtfState>): void;
}

/** Destinations whose text is none of the document's. [MSFT-RTF] "Destinations" */
const skippedDestinations = new Set([
  "stylesheet", "info", "pict", "object", "objdata", "header", "headerl", "headerr", "headerf", "footer", "footerl",
  "footerr", "footerf", "footnote", "annotation", "xe", "tc", "rxe", "bkmkstart", "bkmkend", "filetbl", "listtable",
  "listoverridetable", "revtbl", "rsidtbl", "generator", "themedata", "colorschememapping", "latentstyles", "datastore",
  "xmlnstbl", "mhtmltag", "background", "shpinst", "nonshppict", "do", "template", "fldtype", "pnseclvl",
  "datafield", "formfield", "private", "atnid", "atnauthor", "fontemb", "fontfile", "falt", "panose", "fname",
]);

/** Windows code page of a font's `\fcharset`. [MSFT-RTF] "Font Table" */
const codePageByCharset: Readonly<Record<number, number>> = {
  0: 1252, 2: 42, 77: 10000, 78: 10001, 79: 10003, 80: 10008, 81: 10002, 83: 10005, 84: 10004, 85: 10006, 86: 10081,
  87: 874, 88: 10029, 89: 10007, 128: 932, 129: 949, 130: 1361, 134: 936, 136: 950, 161: 1253, 162: 1254, 163: 1258,
  177: 1255, 178: 1256, 186: 1257, 204: 1251, 222: 874, 238: 1250, 254: 437, 255: 850,
};

interface FontRow {
  codePage: number | undefined;
  name: string;
}

const wordTexts: Readonly<Record<string, string>> = {
  lquote: "\u2018", rquote: "\u2019", ldblquote: "\u201c", rdblquote: "\u201d", bullet: "\u2022", endash: "\u2013",
  emdash: "\u2014", emspace: "\u2003", enspace: "\u2002", qmspace: "\u2005", zwj: "\u200d", zwnj: "\u200c",
  ltrmark: "\u200e", rtlmark: "\u200f", zwbo: "\u200b", zwnbo: "\u2060",
};

const symbolTexts: ReadonlyMap<number, string> = new Map([
  [0x5c, "\\"], [0x7b, "{"], [0x7d, "}"], [0x7e, "\u00a0"], [0x5f, "\u2011"], [0x2d, "\u00ad"],
]);

/** Tokens from the start in which an origin is looked for. [MS-OXRTFEX] 2.2.3.1 names ten; some writers take more. */
const originTokensMax = 24;
const fontsMax = 4096;
const fontNameMax = 128;
const colorsMax = 4096;
const charactersKeptMax = 10_000;

function initialState(): RtfState {
  return {
    destination: "body", htmlRtf: false, font: -1, unicodeSkip: 1, bold: false, italic: false, underline: false,
    strike: false, hidden: false, position: 0, color: 0, fontSize: 24,
  };
}

/** Whether the RTF was made from HTML or plain text; null for what is no RTF at all. [MS-OXRTFEX] 2.2.3.1 */
export function rtfOrigin(rtf: Uint8Array): RtfDocument["origin"] | null {
  const scanner = new RtfScanner(rtf);
  if (scanner.next() !== "open" || scanner.next() !== "word" || !/^rtf$/i.test(scanner.word)) return null;
  for (let count = 0; count < originTokensMax; count++) {
    const kind = scanner.next();
    if (kind === "end") break;
    if (kind !== "word") continue;
    if (scanner.word === "fromhtml") return scanner.parameter === 0 ? "native" : "html";
    if (scanner.word === "fromtext") return "text";
  }
  return "native";
}

/**
 * Walks RTF once and tells a sink its text, decoded by the code page of the font in force, and its control words.
 * Nothing is refused; groups nested deeper than `limits.rtfDepthMax` share the state of the last. [MSFT-RTF]
 */
export class RtfReader implements RtfDocument {
  readonly #scanner: RtfScanner;
  readonly #sink: RtfSink;
  readonly #stack: RtfState[] = [];
  readonly #fonts = new Map<number, FontRow>();
  readonly fontNames = new Map<number, string>();
  readonly colors: (string | undefined)[] = [];
  readonly origin: RtfDocument["origin"];
  defaultFont = 0;
  #state = initialState();
  #depthBeyond = 0;
  #documentCodePage: number | undefined = undefined;
  #isGroupStart = false;
  #isIgnorable = false;
  /** Characters still to be passed over after a `\u`. */
  #toSkip = 0;
  /** Bytes of one code page that are not yet text: a character may go on in the next token. */
  #held = Buffer.alloc(256);
  #heldSize = 0;
  #heldCodePage: number | undefined = undefined;
  /** Most text in bytes comes one character at a time, and decoders are dear to set up. */
  readonly #characters = new Map<number, string>();
  readonly #byte = new Uint8Array(1);
  #color = [0, 0, 0];
  #hasColor = false;

  constructor(rtf: Uint8Array, sink: RtfSink) {
    this.#scanner = new RtfScanner(rtf);
    this.#sink = sink;
    this.origin = rtfOrigin(rtf) ?? "native";
  }

  run(): void {
    const scanner = this.#scanner;
    for (;;) {
      const kind = scanner.next();
      if (kind === "text") {
        const skipped = Math.min(this.#toSkip, scanner.to - scanner.from);
        this.#toSkip -= skipped;
        this.#isGroupStart = false;
        const from = scanner.from + skipped;
        if (from < scanner.to) this.#bytes(scanner.bytes.subarray(from, scanner.to));
        continue;
      }
      if (kind === "hex") {
        if (this.#skipOne()) continue;
        this.#isGroupStart = false;
        this.#byte[0] = scanner.code;
        this.#bytes(this.#byte);
        continue;
      }
      // A character of two bytes may be split between text and hex, but never by anything else.
      this.#endBytes();
      if (kind === "end") return;
      if (kind === "open") this.#open();
      else if (kind === "close") {
        if (!this.#close()) return;
      } else if (kind === "symbol") this.#symbol(scanner.code);
      else if (kind === "word") this.#word(scanner.word, scanner.parameter);
      else this.#skipOne();
    }
  }

  #skipOne(): boolean {
    if (this.#toSkip === 0) return false;
    this.#toSkip--;
    return true;
  }

  #open(): void {
    this.#toSkip = 0;
    this.#isGroupStart = true;
    this.#isIgnorable = false;
    if (this.#stack.length >= limits.rtfDepthMax) this.#depthBeyond++;
    else {
      this.#stack.push(this.#state);
      this.#state = { ...this.#state };
    }
    this.#sink.group?.(true, this.#state);
  }

  /** False at the end of the document. */
  #close(): boolean {
    this.#toSkip = 0;
    this.#isGroupStart = false;
    if (this.#depthBeyond > 0) this.#depthBeyond--;
    else {
      const outer = this.#stack.pop();
      if (outer === undefined) return false;
      this.#state = outer;
      if (this.#stack.length === 0) return false;
    }
    this.#sink.group?.(false, this.#state);
    return true;
  }

  #symbol(code: number): void {
    if (this.#skipOne()) return;
    if (code === 0x2a) {
      if (this.#isGroupStart) this.#isIgnorable = true;
      return;
    }
    this.#isGroupStart = false;
    if (code === 0x0d || code === 0x0a) {
      this.#sink.control("par", undefined, this.#state, this);
      return;
    }
    if (code === 0x09) {
      this.#sink.control("tab", undefined, this.#state, this);
      return;
    }
    const text = symbolTexts.get(code);
    // HTML has no hyphen that does not break; what encapsulation means by it is the soft one.
    if (text !== undefined) this.#text(code === 0x5f && this.origin === "html" ? "\u00ad" : text);
  }

  #word(word: string, parameter: number | undefined): void {
    const isGroupStart = this.#isGroupStart;
    const isIgnorable = this.#isIgnorable;
    this.#isGroupStart = false;
    this.#isIgnorable = false;
    if (isGroupStart && this.#enter(word, isIgnorable)) return;
    if (this.#state.destination === "skip") return;
    if (word === "u") {
      this.#unicode(parameter ?? 0);
      return;
    }
    if (word === "uc") {
      this.#state.unicodeSkip = Math.min(Math.max(parameter ?? 1, 0), 32);
      return;
    }
    if (this.#skipOne()) return;
    const text = Object.hasOwn(wordTexts, word) ? wordTexts[word] : undefined;
    if (text !== undefined) this.#text(text);
    else if (!this.#keep(word, parameter)) this.#sink.control(word, parameter, this.#state, this);
  }

  /** Takes the first word of a group as its destination. True when the word is used up by that. */
  #enter(word: string, isIgnorable: boolean): boolean {
    const state = this.#state;
    if (state.destination === "skip") return true;
    switch (word) {
      case "fonttbl": state.destination = "fontTable"; return true;
      case "colortbl": state.destination = "colorTable"; return true;
      case "htmltag":
        if (!isIgnorable) return false;
        state.destination = "htmlTag";
        return true;
      case "fldinst": state.destination = "fieldInstruction"; return true;
      case "pntext": case "listtext": state.destination = "listText"; return true;
      case "pn":
        if (isIgnorable) this.#sink.control("pn", undefined, state, this);
        state.destination = "skip";
        return true;
      case "shppict": case "shptxt": case "ud": return isIgnorable;
      default:
    }
    const isListed = skippedDestinations.has(word);
    if (isListed || isIgnorable) {
      this.#sink.control(word, undefined, state, this);
      state.destination = "skip";
      return true;
    }
    return false;
  }

  #unicode(parameter: number): void {
    const code = parameter < 0 ? parameter + 0x10000 : parameter;
    if (code >= 0 && code <= 0xffff) this.#text(String.fromCharCode(code));
    else if (code > 0 && code <= 0x10ffff) this.#text(String.fromCodePoint(code));
    this.#toSkip = this.#state.unicodeSkip;
  }

  /** Control words whose effect ends with the group. True when the word was one. */
  #keep(word: string, parameter: number | undefined): boolean {
    const state = this.#state;
    const isOn = parameter !== 0;
    switch (word) {
      case "f":
        state.font = parameter ?? 0;
        if (state.destination === "fontTable" && this.#fonts.size < fontsMax) {
          this.#fonts.set(state.font, { codePage: undefined, name: "" });
        }
        return true;
      case "fcharset": case "cpg": this.#fontCodePage(word, parameter ?? 0); return true;
      case "ansicpg": this.#documentCodePage = parameter === 0 ? undefined : parameter; return true;
      case "mac": this.#documentCodePage = 10000; return true;
      case "pc": this.#documentCodePage = 437; return true;
      case "pca": this.#documentCodePage = 850; return true;
      case "deff":
        this.defaultFont = parameter ?? 0;
        return true;
      case "htmlrtf": state.htmlRtf = isOn; return true;
      case "plain":
        Object.assign(state, {
          bold: false, italic: false, underline: false, strike: false, hidden: false, position: 0, color: 0,
          fontSize: 24, font: -1,
        });
        return true;
      case "b": state.bold = isOn; return true;
      case "i": state.italic = isOn; return true;
      case "ul": case "ulw": case "uld": case "uldb": case "ulwave": case "ulth": state.underline = isOn; return true;
      case "ulnone": state.underline = false; return true;
      case "strike": case "striked": state.strike = isOn; return true;
      case "v": state.hidden = isOn; return true;
      case "super": state.position = isOn ? 1 : 0; return true;
      case "sub": state.position = isOn ? -1 : 0; return true;
      case "nosupersub": state.position = 0; return true;
      case "cf": state.color = parameter ?? 0; return true;
      case "fs": state.fontSize = parameter ?? 24; return true;
      case "red": case "green": case "blue": this.#colorPart(word, parameter ?? 0); return true;
      default: return false;
    }
  }

  #fontCodePage(word: "fcharset" | "cpg", parameter: number): void {
    const row = this.#fonts.get(this.#state.font);
    if (row === undefined || this.#state.destination !== "fontTable") return;
    // Charset 1 is the system's own; the document's code page stands for it.
    if (word === "cpg") row.codePage = parameter;
    else row.codePage ??= codePageByCharset[parameter];
  }

  #colorPart(word: "red" | "green" | "blue", value: number): void {
    if (this.#state.destination !== "colorTable") return;
    this.#color[word === "red" ? 0 : word === "green" ? 1 : 2] = Math.min(Math.max(value, 0), 255);
    this.#hasColor = true;
  }

  #codePage(): number | undefined {
    const { destination, font } = this.#state;
    // What stands in the tags was never set in a font.
    if (destination === "htmlTag" || destination === "fieldInstruction") return this.#documentCodePage;
    return this.#fonts.get(font < 0 ? this.defaultFont : font)?.codePage ?? this.#documentCodePage;
  }

  #bytes(bytes: Uint8Array): void {
    if (this.#state.destination === "skip") return;
    const codePage = this.#codePage();
    if (this.#heldSize > 0 && this.#heldCodePage !== codePage) this.#endBytes();
    if (this.#heldSize === 0) {
      if (isAscii(bytes)) {
        this.#text(asBuffer(bytes).toString("latin1"));
        return;
      }
      this.#heldCodePage = codePage;
    }
    const size = this.#heldSize + bytes.length;
    if (size > this.#held.length) {
      const grown = Buffer.allocUnsafe(size * 2);
      grown.set(this.#held.subarray(0, this.#heldSize));
      this.#held = grown;
    }
    this.#held.set(bytes, this.#heldSize);
    this.#heldSize = size;
  }

  #endBytes(): void {
    if (this.#heldSize === 0) return;
    const bytes = this.#held.subarray(0, this.#heldSize);
    this.#heldSize = 0;
    const codePage = this.#heldCodePage ?? 1252;
    if (bytes.length > 2) {
      this.#text(decodeCharset(bytes, codePageLabel(codePage)));
      return;
    }
    const key = (codePage * 2 + bytes.length) * 0x10000 + bytes[0]! * 0x100 + (bytes[1] ?? 0);
    let text = this.#characters.get(key);
    if (text === undefined) {
      text = decodeCharset(bytes, codePageLabel(codePage));
      if (this.#characters.size < charactersKeptMax) this.#characters.set(key, text);
    }
    this.#text(text);
  }

  #text(text: string): void {
    const { destination } = this.#state;
    if (destination === "skip") return;
    if (destination === "fontTable") this.#fontName(text);
    else if (destination === "colorTable") this.#colorEnds(text);
    else this.#sink.text(text, this.#state, this);
  }

  #fontName(text: string): void {
    const row = this.#fonts.get(this.#state.font);
    if (row === undefined || row.name.length > fontNameMax) return;
    row.name += text;
    const end = row.name.indexOf(";");
    if (end >= 0) this.fontNames.set(this.#state.font, row.name.slice(0, end).trim());
  }

  #colorEnds(text: string): void {
    for (const character of text) {
      if (character !== ";" || this.colors.length >= colorsMax) continue;
      const hex = this.#color.map((part) => part.toString(16).padStart(2, "0")).join("");
      this.colors.push(this.#hasColor ? `#${hex}` : undefined);
      this.#color = [0, 0, 0];
      this.#hasColor = false;
    }
  }
}
