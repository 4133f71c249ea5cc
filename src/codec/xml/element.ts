/** A document as a tree, for the ones small enough to be looked at whole. */
import { Fault, WireError } from "#base/fault.ts";
import { XmlReader } from "#codec/xml/reader.ts";
import type { XmlBounds, XmlHandler, XmlOpening } from "#codec/xml/reader.ts";
import { keyOf } from "#codec/xml/names.ts";
import type { XmlAttribute, XmlName } from "#codec/xml/names.ts";

export class XmlElement implements XmlName {
  readonly namespace: string;
  readonly name: string;
  readonly attributes: readonly XmlAttribute[];
  /** The name in `xsi:type`; null without one. */
  readonly type: XmlName | null;
  /** Elements and text in order; text is never empty and never follows text. */
  readonly content: (XmlElement | string)[] = [];

  constructor(opening: XmlOpening) {
    this.namespace = opening.namespace;
    this.name = opening.name;
    this.attributes = opening.attributes;
    this.type = opening.type;
  }

  get children(): XmlElement[] {
    return this.content.filter((one) => typeof one !== "string");
  }

  /** The text that stands in this element itself, white space included. */
  get text(): string {
    return this.content.filter((one) => typeof one === "string").join("");
  }

  /** The first child of that name; null without one. In the element's own namespace unless told. */
  child(name: string, namespace = this.namespace): XmlElement | null {
    for (const one of this.content) {
      if (typeof one !== "string" && one.name === name && one.namespace === namespace) return one;
    }
    return null;
  }

  childrenNamed(name: string, namespace = this.namespace): XmlElement[] {
    return this.children.filter((one) => one.name === name && one.namespace === namespace);
  }

  /** Text of the first child of that name without white space around it; null without such a child. */
  childText(name: string, namespace = this.namespace): string | null {
    return this.child(name, namespace)?.text.trim() ?? null;
  }

  /** Value of an attribute, without a namespace unless told; null without one. */
  attribute(name: string, namespace = ""): string | null {
    return this.attributes.find((one) => one.name === name && one.namespace === namespace)?.value ?? null;
  }

  get key(): string {
    return keyOf(this);
  }
}

/** Takes the text of one element piece by piece, in place of the tree. */
export type TextSink = (piece: string) => void;

/**
 * Gathers what an {@link XmlReader} reads below the element that is opened first. `sinkFor` may give a sink for an
 * element whose text is too long for a tree (the MIME text of a message, an attachment): it stays empty in the tree.
 */
export class XmlTreeBuilder implements XmlHandler {
  readonly #sinkFor: ((opening: XmlOpening) => TextSink | null) | null;
  #root: XmlElement | null = null;
  readonly #open: { readonly element: XmlElement; readonly sink: TextSink | null }[] = [];
  /** Pieces of the text under way, joined once. */
  #pieces: string[] = [];

  constructor(sinkFor: ((opening: XmlOpening) => TextSink | null) | null = null) {
    this.#sinkFor = sinkFor;
  }

  /** The finished tree; null while the root is not closed. */
  get root(): XmlElement | null {
    return this.#open.length === 0 ? this.#root : null;
  }

  open(opening: XmlOpening): void {
    this.#flush();
    const element = new XmlElement(opening);
    const parent = this.#open.at(-1);
    if (parent === undefined) this.#root = element;
    else parent.element.content.push(element);
    this.#open.push({ element, sink: this.#sinkFor?.(opening) ?? null });
  }

  text(text: string): void {
    const sink = this.#open.at(-1)?.sink ?? null;
    if (sink === null) this.#pieces.push(text);
    else sink(text);
  }

  close(): void {
    this.#flush();
    this.#open.pop();
  }

  #flush(): void {
    if (this.#pieces.length === 0) return;
    this.#open.at(-1)?.element.content.push(this.#pieces.length === 1 ? this.#pieces[0]! : this.#pieces.join(""));
    this.#pieces = [];
  }
}

/** The root of a document. Throws WireError for what is not well-formed, has a DTD or crosses a bound. */
export function parseXml(document: Uint8Array | string, bounds: Partial<XmlBounds> = {}): XmlElement {
  const builder = new XmlTreeBuilder();
  const reader = new XmlReader(builder, bounds);
  reader.write(typeof document === "string" ? Buffer.from(document, "utf8") : document);
  reader.end();
  if (builder.root === null) throw new WireError("the document has no root", 0);
  return builder.root;
}

/** The same, or null instead of a WireError. */
export function tryParseXml(document: Uint8Array | string, bounds: Partial<XmlBounds> = {}): XmlElement | null {
  try {
    return parseXml(document, bounds);
  } catch (error) {
    if (error instanceof WireError || error instanceof Fault) return null;
    throw error;
  }
}
