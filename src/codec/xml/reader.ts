/**
 * XML as it comes from a network: pushed in chunks, bounded in every direction, without a DTD. `saxes` reads the
 * grammar; what stands here is what it leaves open: bytes to characters, bounds, the refusal of DTDs, and long runs of
 * text, which `saxes` would gather whole and which go on to the handler in pieces instead.
 */
import { SaxesParser } from "saxes";
import type { SaxesTagNS } from "saxes";
import { assert, WireError } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { encodingOf, isEncodingDecided } from "#codec/xml/encoding.ts";
import { schemaInstance, xmlnsNamespace } from "#codec/xml/names.ts";
import type { XmlAttribute, XmlName } from "#codec/xml/names.ts";

export interface XmlBounds {
  readonly documentMaxBytes: number;
  readonly depthMax: number;
  readonly elementsMax: number;
  /** Of one element, namespace declarations included. */
  readonly attributesMax: number;
  /** Of an element or attribute, with its prefix. */
  readonly nameMaxCharacters: number;
  /** One run of text, one attribute value, one comment. Text handed on in pieces counts by the piece. */
  readonly textMaxCharacters: number;
  /** Changes what a namespace counts as: old spellings of one to the one the tables know. */
  readonly namespaceOf?: (uri: string) => string;
}

export const defaultXmlBounds: XmlBounds = {
  documentMaxBytes: limits.messageSizeMaxBytes, depthMax: limits.xmlDepthMax, elementsMax: limits.xmlElementsMax,
  attributesMax: limits.xmlAttributesMax, nameMaxCharacters: limits.xmlNameMaxCharacters,
  textMaxCharacters: limits.xmlTextMaxCharacters,
};

/** An element's beginning. */
export interface XmlOpening extends XmlName {
  /** Without namespace declarations and `xsi:type`. */
  readonly attributes: readonly XmlAttribute[];
  /** The name in `xsi:type`, its prefix resolved; null without one. XML Schema Part 1 §2.7.1 */
  readonly type: XmlName | null;
}

/** What a document consists of, in order. Comments, processing instructions and the declaration are left out. */
export interface XmlHandler {
  open(opening: XmlOpening): void;
  /** A piece of character data, never empty; CDATA, references and line ends are resolved. May come in many pieces. */
  text(text: string): void;
  close(): void;
}

/** Longest piece given to the parser at once, so that bounds are looked at in between. */
const sliceCharacters = 64 * 1024;

/** Shorter runs of text cost less in the parser than a second look. */
const passedAtLeast = 1024;

/** Characters that XML has no way to write. XML 1.0 §2.2 */
const forbidden = /[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/;

/**
 * Reads one document. Throws WireError from {@link write} or {@link end} for bytes that are no well-formed XML, a
 * document type declaration or a crossed bound; after that the reader is spent.
 */
export class XmlReader {
  readonly #handler: XmlHandler;
  readonly #bounds: XmlBounds;
  readonly #parser: SaxesParser<{ xmlns: true; position: false }>;
  #head: Uint8Array | null = new Uint8Array(0);
  #decoder: TextDecoder | null = null;
  #isUtf16 = false;
  #state: "open" | "ended" | "failed" = "open";
  #bytes = 0;
  #depth = 0;
  #elements = 0;
  #attributes = 0;
  /** Characters given to the parser, whose own count holds only while it is at work, and those that went past it. */
  #given = 0;
  #isParsing = false;
  #skipped = 0;
  /** Where in the parser's count its last event ended, and whether what follows is text for sure. */
  #eventAt = 0;
  #textAt = -1;
  /** Last character of a chunk that cannot be judged without the next one. */
  #carry = "";
  /** Characters before the text under way, and the bytes they were. */
  #charactersBefore = 0;
  #bytesBefore = 0;
  #text = "";

  constructor(handler: XmlHandler, bounds: Partial<XmlBounds> = {}) {
    this.#handler = handler;
    this.#bounds = { ...defaultXmlBounds, ...bounds };
    this.#parser = new SaxesParser({
      xmlns: true, position: false, defaultXMLVersion: "1.0", forceXMLVersion: true,
    });
    this.#listen();
  }

  write(chunk: Uint8Array): void {
    assert(this.#state === "open", "an XML reader is not written to after its end");
    this.#guarded(() => {
      this.#bytes += chunk.length;
      if (this.#bytes > this.#bounds.documentMaxBytes) this.#fail("the document is too long");
      if (this.#head !== null) {
        this.#head = this.#head.length === 0 ? chunk : Buffer.concat([this.#head, chunk]);
        if (isEncodingDecided(this.#head)) this.#begin();
      } else {
        this.#decode(chunk, true);
      }
    });
  }

  end(): void {
    assert(this.#state === "open", "an XML reader is ended once");
    this.#guarded(() => {
      if (this.#head !== null) this.#begin();
      this.#decode(new Uint8Array(0), false);
      if (this.#carry !== "") this.#feed(this.#carry);
      this.#parser.close();
      this.#state = "ended";
    });
  }

  #guarded(body: () => void): void {
    const before = this.#state;
    this.#state = "failed";
    body();
    if (this.#state === "failed") this.#state = before;
  }

  #begin(): void {
    const head = this.#head ?? new Uint8Array(0);
    this.#head = null;
    const encoding = encodingOf(head);
    this.#isUtf16 = encoding.startsWith("utf-16");
    this.#decoder = new TextDecoder(encoding, { fatal: true });
    this.#decode(head, true);
  }

  #decode(chunk: Uint8Array, stream: boolean): void {
    let text: string;
    try {
      text = this.#decoder!.decode(chunk, { stream });
    } catch (error) {
      if (error instanceof TypeError) throw new WireError("the bytes are not in the document's encoding", this.#bytes);
      throw error;
    }
    if (text === "") return;
    text = this.#carry + text;
    this.#carry = "";
    // A line end or a pair may continue in the next chunk.
    const last = text.charCodeAt(text.length - 1);
    if (stream && (last === 13 || (last >= 0xd800 && last < 0xdc00))) {
      this.#carry = text.slice(-1);
      text = text.slice(0, -1);
    }
    for (let at = 0; at < text.length;) {
      let to = Math.min(at + sliceCharacters, text.length);
      const code = text.charCodeAt(to - 1);
      if (to < text.length && (code === 13 || (code >= 0xd800 && code < 0xdc00))) to -= 1;
      this.#feed(text.slice(at, to));
      at = to;
    }
  }

  #feed(text: string): void {
    this.#text = text;
    this.#charactersBefore = this.#given + this.#skipped;
    const rest = this.#passText(text);
    // What follows the last tag may be the beginning of a long text.
    const tagEnd = rest.lastIndexOf(">") + 1;
    const isTextLikely = rest.length - tagEnd >= passedAtLeast;
    this.#parse(isTextLikely ? rest.slice(0, tagEnd) : rest);
    if (isTextLikely) this.#parse(this.#passText(rest.slice(tagEnd)));
    this.#bytesBefore += this.#isUtf16 ? text.length * 2 : Buffer.byteLength(text);
  }

  #parse(text: string): void {
    if (text === "") return;
    this.#isParsing = true;
    this.#parser.write(text);
    this.#isParsing = false;
    this.#given += text.length;
    if (this.#given - this.#eventAt > this.#bounds.textMaxCharacters) this.#fail("a text or a comment is too long");
  }

  /** Hands text that surely is nothing else to the handler, past the parser; gives what is left. */
  #passText(text: string): string {
    if (this.#textAt !== this.#given || this.#depth === 0) return text;
    const at = text.search(/[<&>\]]/);
    const run = at < 0 ? text : text.slice(0, at);
    if (run.length < passedAtLeast && at >= 0) return text;
    if (forbidden.test(run) || !run.isWellFormed()) this.#fail("a character that XML does not allow");
    if (run.length > this.#bounds.textMaxCharacters) this.#fail("a text is too long");
    this.#skipped += run.length;
    this.#handler.text(run.includes("\r") ? run.replace(/\r\n?/g, "\n") : run);
    return text.slice(run.length);
  }

  #fail(message: string): never {
    const at = this.#isParsing ? this.#parser.position : this.#given;
    const characters = Math.max(0, at + this.#skipped - this.#charactersBefore);
    const before = this.#text.slice(0, characters);
    const offset = this.#bytesBefore + (this.#isUtf16 ? before.length * 2 : Buffer.byteLength(before));
    throw new WireError(message.replace(/\.$/, ""), offset);
  }

  #listen(): void {
    const parser = this.#parser;
    const bounds = this.#bounds;
    const seen = (): void => { this.#eventAt = parser.position; };
    parser.on("error", (error) => this.#fail(error.message));
    parser.on("doctype", () => this.#fail("a document type declaration is not allowed"));
    for (const name of ["comment", "processinginstruction", "xmldecl"] as const) parser.on(name, seen);
    parser.on("opentagstart", (tag) => {
      seen();
      this.#attributes = 0;
      if (tag.name.length > bounds.nameMaxCharacters) this.#fail("a name is too long");
      if (++this.#elements > bounds.elementsMax) this.#fail("there are too many elements");
      if (++this.#depth > bounds.depthMax) this.#fail("elements are nested too deeply");
    });
    parser.on("attribute", (attribute) => {
      seen();
      if (++this.#attributes > bounds.attributesMax) this.#fail("an element has too many attributes");
      if (attribute.name.length > bounds.nameMaxCharacters) this.#fail("a name is too long");
      if (attribute.value.length > bounds.textMaxCharacters) this.#fail("an attribute is too long");
    });
    parser.on("opentag", (tag) => {
      seen();
      this.#textAt = tag.isSelfClosing ? this.#textAt : parser.position;
      this.#handler.open(this.#openingOf(tag));
    });
    parser.on("closetag", () => {
      seen();
      this.#textAt = parser.position;
      this.#depth -= 1;
      this.#handler.close();
    });
    const onText = (text: string): void => {
      seen();
      if (text.length > bounds.textMaxCharacters) this.#fail("a text is too long");
      if (text !== "" && this.#depth > 0) this.#handler.text(text);
    };
    parser.on("text", onText);
    parser.on("cdata", onText);
  }

  #openingOf(tag: SaxesTagNS): XmlOpening {
    const attributes: XmlAttribute[] = [];
    let type: XmlName | null = null;
    const namespaceOf = this.#bounds.namespaceOf ?? ((uri: string): string => uri);
    for (const { prefix, local, uri, value, name } of Object.values(tag.attributes)) {
      if (uri === xmlnsNamespace) continue;
      if (uri === schemaInstance && local === "type") type = this.#typeOf(value, namespaceOf);
      else attributes.push({ namespace: namespaceOf(uri), name: prefix === "" ? name : local, value });
    }
    return { namespace: namespaceOf(tag.uri), name: tag.local, attributes, type };
  }

  #typeOf(value: string, namespaceOf: (uri: string) => string): XmlName {
    const trimmed = value.trim();
    const colon = trimmed.indexOf(":");
    const uri = this.#parser.resolve(colon < 0 ? "" : trimmed.slice(0, colon));
    if (uri === undefined && colon >= 0) this.#fail("a type has a prefix that stands for no namespace");
    return { namespace: namespaceOf(uri ?? ""), name: trimmed.slice(colon + 1) };
  }
}
