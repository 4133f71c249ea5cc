import { entityLengthMax, entityText } from "#format/html/entities.ts";

/** Kinds of HTMLTAG: where the fragment stood and what it was. Readers pass over it. [MS-OXRTFEX] 2.1.3.1.4.1 */
const places = { body: 0, head: 1, document: 2, outside: 3 } as const;
const closing = 8;
const tagKinds: Readonly<Record<string, number>> = {
  html: 0x10, head: 0x20, body: 0x30, p: 0x40, tr: 0x40, br: 0x74, pre: 0x80, font: 0x94, span: 0x94, td: 0x94,
  meta: 0xa0, link: 0xa0, title: 0xb0, style: 0xf0, script: 0xf0,
};
const blockKind = 0x60;
const inlineKind = 0x54;
/** Where one is after a tag. */
const placeAfter: Readonly<Record<string, number>> = {
  "<html": places.document, "<head": places.head, "</head": places.document, "<body": places.body,
  "</body": places.document, "</html": places.outside,
};

/** RTF that shows what a tag means to a reader that does not take the HTML out again. */
const formats: Readonly<Record<string, string>> = {
  b: "\\b", strong: "\\b", th: "\\b", h4: "\\b", h5: "\\b", h6: "\\b",
  h1: "\\b\\fs48", h2: "\\b\\fs36", h3: "\\b\\fs28",
  i: "\\i", em: "\\i", cite: "\\i", address: "\\i", u: "\\ul", ins: "\\ul", s: "\\strike", strike: "\\strike",
  del: "\\strike", sup: "\\super", sub: "\\sub", tt: "\\f1", code: "\\f1", pre: "\\f1", kbd: "\\f1", samp: "\\f1",
};
const blocks = new Set([
  "p", "div", "h1", "h2", "h3", "h4", "h5", "h6", "li", "tr", "blockquote", "pre", "address", "dt", "dd", "center",
  "table", "ul", "ol",
]);
const rawElements = new Set(["script", "style", "title", "textarea", "xmp", "noframes", "template"]);
const openElementsMax = 200;
const linkMax = 2000;

/** Characters as RTF; line ends as `lineEnd`. Everything above U+007F is `\u` with "?" for old readers. */
function escapeRtf(text: string, lineEnd: string): string {
  if (/^[\x20-\x5b\x5d-\x7a\x7c\x7e]*$/.test(text)) return text;
  const out: string[] = [];
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x5c || code === 0x7b || code === 0x7d) out.push("\\", text.charAt(at));
    else if (code === 0x0a) out.push(lineEnd);
    else if (code === 0x0d) {
      out.push(lineEnd);
      if (text.charCodeAt(at + 1) === 0x0a) at++;
    } else if (code === 0x09) out.push("\\tab ");
    else if (code < 0x20 || code === 0x7f) out.push(`\\'${code.toString(16).padStart(2, "0")}`);
    else if (code < 0x7f) out.push(text.charAt(at));
    else out.push(`\\u${code > 0x7fff ? code - 0x10000 : code}?`);
  }
  return out.join("");
}

const fonts = "{\\fonttbl{\\f0\\fswiss\\fcharset0 Calibri;}{\\f1\\fmodern\\fcharset0 Courier New;}}";
const colors = "{\\colortbl\\red0\\green0\\blue0;\\red0\\green0\\blue255;}";

/** Plain text in RTF that says so; lines come back with CRLF. [MS-OXRTFEX] 2.1.3.2 */
export function encapsulateText(text: string): Buffer {
  const header = `{\\rtf1\\ansi\\ansicpg1252\\fromtext \\deff0${fonts}\r\n${colors}\r\n\\uc1\\pard\\plain\\f0\\fs22 `;
  return Buffer.from(`${header}${escapeRtf(text, "\\par\r\n")}}\r\n`, "latin1");
}

/** HTML in RTF from which it can be taken out again; lines come back with CRLF. [MS-OXRTFEX] 2.1.3.1 */
export function encapsulateHtml(html: string): Buffer {
  const writer = new HtmlInRtf(html);
  const header = `{\\rtf1\\ansi\\ansicpg1252\\fromhtml1 \\deff0${fonts}\r\n${colors}\r\n\\uc1\\pard\\plain\\f0\\fs24 `;
  return Buffer.from(`${header}${writer.run()}}\r\n`, "latin1");
}

interface OpenElement {
  readonly name: string;
  /** RTF groups it opened. */
  readonly groups: number;
}

class HtmlInRtf {
  readonly #html: string;
  readonly #out: string[] = [];
  readonly #open: OpenElement[] = [];
  #at = 0;
  #isVisible = false;
  #place: number = places.outside;
  #preDepth = 0;
  #isLineEmpty = true;

  constructor(html: string) {
    this.#html = html;
    // Without a body tag all of it is body.
    this.#isVisible = !/<body[\s>]/i.test(html);
    if (this.#isVisible) this.#place = places.body;
  }

  run(): string {
    const html = this.#html;
    this.#out.push("{\\*\\htmltag64 }");
    while (this.#at < html.length) {
      const code = html.charCodeAt(this.#at);
      if (code === 0x3c) this.#markup();
      else if (code === 0x26) this.#reference();
      else this.#text();
    }
    const left = this.#open.reduce((sum, element) => sum + element.groups, 0);
    if (left > 0) this.#out.push(`\\htmlrtf ${"}".repeat(left)}\\htmlrtf0 `);
    return this.#out.join("");
  }

  /** A fragment that only the HTML has. */
  #hidden(kind: number, from: number, to: number): void {
    this.#out.push(`{\\*\\htmltag${kind} `, escapeRtf(this.#html.slice(from, to), "\\par "), "}");
  }

  /** What only readers of the RTF see. */
  #shown(rtf: string): void {
    if (this.#isVisible) this.#out.push("\\htmlrtf ", rtf, "\\htmlrtf0 ");
  }

  #text(): void {
    const html = this.#html;
    const from = this.#at;
    const isSpace = isWhite(html.charCodeAt(from));
    let at = from + 1;
    for (; at < html.length; at++) {
      const code = html.charCodeAt(at);
      if (code === 0x3c || code === 0x26) break;
      // A space inside a line is text like any other.
      if (code !== 0x20 && isWhite(code) !== isSpace) break;
      if (code === 0x20 && isSpace) continue;
      if (code === 0x20 && isWhite(html.charCodeAt(at + 1))) break;
    }
    this.#at = at;
    if (!this.#isVisible) this.#hidden(this.#place, from, at);
    else if (this.#preDepth > 0) this.#out.push(escapeRtf(html.slice(from, at), "\\line "));
    else if (!isSpace) {
      this.#out.push(escapeRtf(html.slice(from, at), "\\line "));
      this.#isLineEmpty = false;
    } else if (at === from + 1 && html.charAt(from) === " " && !this.#isLineEmpty) this.#out.push(" ");
    else {
      this.#hidden(this.#place, from, at);
      if (!this.#isLineEmpty) this.#shown(" ");
    }
  }

  #reference(): void {
    const html = this.#html;
    const from = this.#at;
    const match = /^&(#?[A-Za-z0-9]{1,32});/.exec(html.slice(from, from + entityLengthMax + 3));
    const text = match === null ? null : entityText(match[1]!);
    this.#at = from + (match === null || text === null ? 1 : match[0].length);
    this.#hidden(inlineKind, from, this.#at);
    this.#shown(escapeRtf(text ?? "&", "\\line "));
    this.#isLineEmpty = false;
  }

  #markup(): void {
    const html = this.#html;
    const from = this.#at;
    if (html.startsWith("<!--", from)) {
      this.#skipTo("-->", from + 4, from);
      return;
    }
    const next = html.charAt(from + 1);
    if (next === "!" || next === "?") {
      this.#skipTo(">", from + 1, from);
      return;
    }
    const isClosing = next === "/";
    const name = /^[A-Za-z][A-Za-z0-9:_-]{0,40}/.exec(html.slice(from + (isClosing ? 2 : 1), from + 45))?.[0];
    if (name === undefined) {
      this.#at = from + 1;
      this.#hidden(inlineKind, from, this.#at);
      this.#shown("<");
      return;
    }
    this.#at = tagEnd(html, from + 1);
    this.#tag(name.toLowerCase(), isClosing, from, this.#at);
  }

  #skipTo(mark: string, search: number, from: number): void {
    const found = this.#html.indexOf(mark, search);
    this.#at = found < 0 ? this.#html.length : found + mark.length;
    this.#hidden(inlineKind, from, this.#at);
  }

  #tag(name: string, isClosing: boolean, from: number, to: number): void {
    const known = Object.hasOwn(tagKinds, name) ? tagKinds[name]! : blocks.has(name) ? blockKind : inlineKind;
    const isFrame = name === "html" || name === "body";
    const place = isFrame && isClosing ? placeAfter[`</${name}`]! : this.#place;
    const kind = known | (isClosing ? closing : 0) | place;
    if (isClosing) this.#close(name);
    if (name === "pre") this.#preDepth = Math.max(0, this.#preDepth + (isClosing ? -1 : 1));
    this.#hidden(kind, from, to);
    const after = `${isClosing ? "</" : "<"}${name}`;
    if (Object.hasOwn(placeAfter, after)) this.#place = placeAfter[after]!;
    if (name === "body") this.#isVisible = !isClosing;
    if (isClosing) return;
    if (rawElements.has(name)) {
      const end = new RegExp(`</${name}`, "gi");
      end.lastIndex = to;
      const found = end.exec(this.#html)?.index ?? this.#html.length;
      if (found > to) this.#hidden(kind, to, found);
      this.#at = found;
      return;
    }
    this.#openElement(name, this.#html.slice(from, Math.min(to, from + linkMax)));
  }

  #openElement(name: string, tag: string): void {
    if (name === "br") {
      this.#shown("\\line ");
      this.#isLineEmpty = true;
    } else if (name === "hr") this.#newLine();
    else if (blocks.has(name)) {
      if (!this.#isLineEmpty) this.#newLine();
      if (name === "li") this.#shown("\\bullet\\tab ");
    }
    if (!this.#isVisible || this.#open.length >= openElementsMax) return;
    const format = Object.hasOwn(formats, name) ? formats[name] : undefined;
    if (format !== undefined) {
      this.#out.push(`\\htmlrtf {${format}\\htmlrtf0 `);
      this.#open.push({ name, groups: 1 });
    } else if (name === "a") {
      const address = /\shref\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+))/i.exec(tag);
      const link = (address?.[1] ?? address?.[2] ?? address?.[3] ?? "").replace(/[\x00-\x1f"\\{}]|[^\x00-\x7e]/g, "");
      if (link === "") return;
      this.#out.push(`\\htmlrtf {\\field{\\*\\fldinst{HYPERLINK "${link}"}}{\\fldrslt\\cf1\\ul\\htmlrtf0 `);
      this.#open.push({ name, groups: 2 });
    }
  }

  #close(name: string): void {
    const index = this.#open.findLastIndex((element) => element.name === name);
    if (index >= 0) {
      const groups = this.#open.splice(index).reduce((sum, element) => sum + element.groups, 0);
      this.#out.push(`\\htmlrtf ${"}".repeat(groups)}\\htmlrtf0 `);
    }
    if (blocks.has(name) && !this.#isLineEmpty) this.#newLine();
    else if (name === "td" || name === "th") this.#shown("\\tab ");
  }

  #newLine(): void {
    this.#shown("\\par ");
    this.#isLineEmpty = true;
  }
}

function isWhite(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === 0x0a || code === 0x0d;
}

/** Behind the ">" of a tag; one inside quotes does not count. */
function tagEnd(html: string, from: number): number {
  let quote = 0;
  for (let at = from; at < html.length; at++) {
    const code = html.charCodeAt(at);
    if (quote !== 0) {
      if (code === quote) quote = 0;
    } else if (code === 0x22 || code === 0x27) quote = code;
    else if (code === 0x3e) return at + 1;
  }
  return html.length;
}
