import { entityLengthMax, entityText } from "#format/html/entities.ts";

/** What the reader of HTML takes: a piece of text, and whether it stands in a quotation (`blockquote`). */
export type HtmlTextSink = (text: string, quoted: boolean) => void;

type State =
  | "text" | "entity" | "open" | "name" | "tag" | "value" | "quote" | "bang" | "comment" | "declaration" | "raw"
  | "rawEnd";

/** Elements whose content is not for reading. HTML 4.01 §14.2.3, §18.2.1 */
const rawElements = new Set(["style", "script", "title", "template", "noframes", "xml"]);

/** Elements that begin and end a line. */
const blockElements = new Set([
  "address", "article", "blockquote", "body", "br", "center", "dd", "div", "dl", "dt", "fieldset", "footer", "form",
  "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p", "pre", "section", "table", "tr",
  "ul",
]);

const nameLengthMax = 20;

/**
 * HTML as plain text for search and preview: tags, comments, style and script go, block elements break lines, character
 * references are decoded. Streaming, one pass, bounded memory, any cut of the same text gives the same text; nothing
 * is refused. It is no sanitiser. HTML 4.01 §9, §24
 */
export class HtmlToText {
  readonly #sink: HtmlTextSink;
  #state: State = "text";
  #name = "";
  #closing = false;
  #entity = "";
  #quote = "";
  /** Element whose raw content is passed over, and how much of its end tag was seen. */
  #raw = "";
  #dashes = 0;
  #quoteDepth = 0;

  constructor(sink: HtmlTextSink) {
    this.#sink = sink;
  }

  write(text: string): void {
    let at = 0;
    while (at < text.length) {
      at = this.#state === "text" ? this.#text(text, at) : this.#markup(text, at);
    }
  }

  end(): void {
    if (this.#state === "entity") this.#emit(`&${this.#entity}`);
    else if (this.#state === "open") this.#emit("<");
    this.#state = "text";
  }

  #emit(text: string): void {
    if (text !== "") this.#sink(text, this.#quoteDepth > 0);
  }

  #text(text: string, start: number): number {
    let at = start;
    while (at < text.length) {
      const code = text.charCodeAt(at);
      if (code === 0x3c || code === 0x26) break;
      at++;
    }
    if (at > start) this.#emit(text.slice(start, at));
    if (at < text.length) {
      this.#state = text.charCodeAt(at) === 0x3c ? "open" : "entity";
      this.#entity = "";
      at++;
    }
    return at;
  }

  /** One or more characters of markup; the next offset. */
  #markup(text: string, at: number): number {
    const character = text.charAt(at);
    switch (this.#state) {
      case "entity": return this.#entityStep(character, at);
      case "open": return this.#openStep(character, at);
      case "name": return this.#nameStep(character, at);
      case "tag":
        if (character === ">") this.#tagEnd();
        else if (character === "=") this.#state = "value";
        return at + 1;
      case "value":
        return this.#valueStep(character, at);
      case "quote": {
        const close = text.indexOf(this.#quote, at);
        if (close < 0) return text.length;
        this.#state = "tag";
        return close + 1;
      }
      case "bang":
        return this.#bangStep(character, at);
      case "comment":
        return this.#commentStep(text, at);
      case "declaration": {
        const close = text.indexOf(">", at);
        if (close < 0) return text.length;
        this.#state = "text";
        return close + 1;
      }
      case "raw": {
        const open = text.indexOf("<", at);
        if (open < 0) return text.length;
        this.#state = "rawEnd";
        this.#name = "";
        return open + 1;
      }
      case "rawEnd": return this.#rawEndStep(character, at);
      default: return at + 1;
    }
  }

  #entityStep(character: string, at: number): number {
    if (character === ";") {
      this.#emit(entityText(this.#entity) ?? `&${this.#entity};`);
      this.#state = "text";
      return at + 1;
    }
    if (/[A-Za-z0-9#]/.test(character) && this.#entity.length < entityLengthMax) {
      this.#entity += character;
      return at + 1;
    }
    // Without its ";", as old senders write it.
    this.#emit(entityText(this.#entity) ?? `&${this.#entity}`);
    this.#state = "text";
    return at;
  }

  #openStep(character: string, at: number): number {
    this.#name = "";
    this.#closing = false;
    if (/[A-Za-z]/.test(character)) {
      this.#state = "name";
      return at;
    }
    if (character === "/") {
      this.#closing = true;
      this.#state = "name";
      return at + 1;
    }
    if (character === "!") {
      this.#state = "bang";
      this.#dashes = 0;
      return at + 1;
    }
    if (character === "?") {
      this.#state = "declaration";
      return at + 1;
    }
    this.#emit("<");
    this.#state = "text";
    return at;
  }

  #nameStep(character: string, at: number): number {
    if (/[A-Za-z0-9:_-]/.test(character)) {
      if (this.#name.length < nameLengthMax) this.#name += character.toLowerCase();
      return at + 1;
    }
    this.#state = "tag";
    return at;
  }

  #valueStep(character: string, at: number): number {
    if (character === " " || character === "\t" || character === "\r" || character === "\n") return at + 1;
    if (character === "\"" || character === "'") {
      this.#quote = character;
      this.#state = "quote";
      return at + 1;
    }
    this.#state = "tag";
    return at;
  }

  #bangStep(character: string, at: number): number {
    if (character === "-") {
      if (++this.#dashes === 2) {
        this.#state = "comment";
        // `<!-->` is a whole comment in every browser.
        this.#dashes = 2;
      }
      return at + 1;
    }
    this.#state = "declaration";
    return at;
  }

  #commentStep(text: string, start: number): number {
    let at = start;
    if (this.#dashes === 0) {
      at = text.indexOf("-", start);
      if (at < 0) return text.length;
    }
    const character = text.charAt(at);
    if (character === "-") this.#dashes = Math.min(2, this.#dashes + 1);
    else if (character === ">" && this.#dashes === 2) this.#state = "text";
    else this.#dashes = 0;
    return at + 1;
  }

  #rawEndStep(character: string, at: number): number {
    const wanted = `/${this.#raw}`;
    if (this.#name.length < wanted.length) {
      if (character.toLowerCase() === wanted.charAt(this.#name.length)) {
        this.#name += character.toLowerCase();
        return at + 1;
      }
      this.#state = "raw";
      return at;
    }
    if (/[A-Za-z0-9]/.test(character)) {
      this.#state = "raw";
      return at;
    }
    this.#closing = true;
    this.#name = this.#raw;
    this.#state = "tag";
    return at;
  }

  #tagEnd(): void {
    this.#state = "text";
    const name = this.#name;
    if (name === "blockquote") {
      this.#emit("\n");
      this.#quoteDepth = Math.max(0, this.#quoteDepth + (this.#closing ? -1 : 1));
    } else if (blockElements.has(name)) this.#emit("\n");
    else if (name === "td" || name === "th") this.#emit(" ");
    else if (!this.#closing && rawElements.has(name)) {
      this.#raw = name;
      this.#state = "raw";
    }
  }
}

/** HTML 4.01 §9, at once. */
export function htmlToText(html: string): string {
  const out: string[] = [];
  const reader = new HtmlToText((text) => out.push(text));
  reader.write(html);
  reader.end();
  return out.join("");
}
