/**
 * Writes XML in pieces: escaping, namespaces and their prefixes are settled here, so that no caller joins markup and
 * text. XML 1.0 §2.4, Namespaces in XML 1.0 §6
 */
import { assert } from "#base/fault.ts";
import { schemaInstance, xmlNamespace } from "#codec/xml/names.ts";
import type { XmlName } from "#codec/xml/names.ts";
import type { XmlElement } from "#codec/xml/element.ts";

export interface XmlAttributeToWrite {
  /** "" or left out for none. */
  readonly namespace?: string;
  readonly name: string;
  /** A text, or a name that is written with its prefix (`xsi:type`). */
  readonly value: string | XmlName;
}

export interface XmlWriterOptions {
  /** Namespaces by the prefix they are written with; "" is the default namespace. Others get made-up prefixes. */
  readonly prefixes?: Readonly<Record<string, string>>;
  /** Namespaces that are written without a prefix, each where it begins: `<a xmlns="…"><b xmlns="…">`. */
  readonly defaults?: readonly string[];
  /** Prefixes that the root declares whether it uses them or not. */
  readonly declaredAtRoot?: readonly string[];
  /** `<?xml version="1.0" encoding="utf-8"?>` first; true unless told. */
  readonly declaration?: boolean;
  /** Gets what is written in pieces of about `pieceCharacters`; without it {@link XmlWriter.end} gives everything. */
  readonly onPiece?: (piece: string) => void;
  readonly pieceCharacters?: number;
}

interface OpenElement {
  readonly tag: string;
  /** Bindings to put back when the element ends. */
  readonly shadowed: readonly (readonly [prefix: string, before: string | undefined])[];
}

const nameCheck = /^[^\s<>&"'/=:\0-\x1f]+$/;

export class XmlWriter {
  readonly #options: XmlWriterOptions;
  readonly #preferred = new Map<string, string>();
  readonly #bound = new Map<string, string>([["xml", xmlNamespace], ["", ""]]);
  readonly #open: OpenElement[] = [];
  #buffer = "";
  #tagIsOpen = false;
  #made = 0;
  #hasRoot = false;

  constructor(options: XmlWriterOptions = {}) {
    this.#options = options;
    for (const [prefix, namespace] of Object.entries(options.prefixes ?? {})) this.#preferred.set(namespace, prefix);
    for (const namespace of options.defaults ?? []) this.#preferred.set(namespace, "");
    if (options.declaration !== false) this.#buffer = '<?xml version="1.0" encoding="utf-8"?>';
  }

  /** Begins an element; what follows goes into it until {@link close}. */
  open(namespace: string, name: string, attributes: readonly XmlAttributeToWrite[] = []): this {
    assert(nameCheck.test(name), `${name} can name an element`);
    assert(this.#open.length > 0 || !this.#hasRoot, "a document has one root");
    this.#endTag();
    const scope = new Scope(this.#bound);
    // A value that names something in no namespace needs the default namespace to be none.
    const isBare = attributes.some(({ value }) => typeof value !== "string" && value.namespace === "");
    const tag = withPrefix(this.#prefixOf(scope, namespace, namespace === "" || !isBare), name);
    if (isBare && this.#bound.get("") !== "") scope.declare("", "");
    let text = "";
    for (const attribute of attributes) {
      assert(nameCheck.test(attribute.name), `${attribute.name} can name an attribute`);
      const uri = attribute.namespace ?? "";
      const prefix = uri === "" ? "" : this.#prefixOf(scope, uri, false);
      const value = typeof attribute.value === "string" ? attribute.value
        : withPrefix(this.#prefixOfValue(scope, attribute.value.namespace), attribute.value.name);
      text += ` ${withPrefix(prefix, attribute.name)}="${escapeAttribute(value)}"`;
    }
    if (!this.#hasRoot) {
      for (const prefix of this.#options.declaredAtRoot ?? []) {
        const uri = this.#options.prefixes?.[prefix];
        if (uri !== undefined && this.#bound.get(prefix) !== uri && scope.isFree(prefix)) scope.declare(prefix, uri);
      }
    }
    this.#hasRoot = true;
    this.#buffer += `<${tag}${scope.declarations}${text}`;
    this.#tagIsOpen = true;
    this.#open.push({ tag, shadowed: scope.shadowed });
    return this;
  }

  /** Character data; long texts may come in pieces, but no surrogate pair may be cut. */
  text(text: string): this {
    if (text === "") return this;
    assert(this.#open.length > 0, "text stands inside the root");
    this.#endTag();
    this.#buffer += escapeText(text);
    this.#flush();
    return this;
  }

  close(): this {
    const ended = this.#open.pop();
    assert(ended !== undefined, "an element is open");
    this.#buffer += this.#tagIsOpen ? " />" : `</${ended.tag}>`;
    this.#tagIsOpen = false;
    for (const [prefix, before] of [...ended.shadowed].reverse()) {
      if (before === undefined) this.#bound.delete(prefix);
      else this.#bound.set(prefix, before);
    }
    this.#flush();
    return this;
  }

  /** A whole element with text; empty without. */
  element(namespace: string, name: string, text = "", attributes: readonly XmlAttributeToWrite[] = []): this {
    return this.open(namespace, name, attributes).text(text).close();
  }

  /** A tree as it was read, with prefixes of its own. */
  tree(element: XmlElement): this {
    const type = element.type === null ? []
      : [{ namespace: schemaInstance, name: "type", value: element.type }];
    this.open(element.namespace, element.name, [...type, ...element.attributes]);
    // Its own list instead of recursion: what was read may be as deep as its reader allowed.
    const stack: { readonly content: readonly (XmlElement | string)[]; at: number }[] = [
      { content: element.content, at: 0 },
    ];
    while (stack.length > 0) {
      const top = stack[stack.length - 1]!;
      const next = top.content[top.at++];
      if (next === undefined) {
        stack.pop();
        this.close();
      } else if (typeof next === "string") {
        this.text(next);
      } else {
        const itsType = next.type === null ? [] : [{ namespace: schemaInstance, name: "type", value: next.type }];
        this.open(next.namespace, next.name, [...itsType, ...next.attributes]);
        stack.push({ content: next.content, at: 0 });
      }
    }
    return this;
  }

  /** The document, or its last piece where pieces are handed on. */
  end(): string {
    assert(this.#hasRoot && this.#open.length === 0, "every element is closed");
    const rest = this.#buffer;
    this.#buffer = "";
    if (this.#options.onPiece === undefined) return rest;
    if (rest !== "") this.#options.onPiece(rest);
    return "";
  }

  #endTag(): void {
    if (this.#tagIsOpen) this.#buffer += ">";
    this.#tagIsOpen = false;
  }

  #flush(): void {
    const { onPiece, pieceCharacters = 16 * 1024 } = this.#options;
    if (onPiece === undefined || this.#buffer.length < pieceCharacters) return;
    const piece = this.#buffer;
    this.#buffer = "";
    onPiece(piece);
  }

  /** A name in a value follows the default namespace, but must not change the one its element stands in. */
  #prefixOfValue(scope: Scope, namespace: string): string {
    return this.#bound.get("") === namespace ? scope.use("") : this.#prefixOf(scope, namespace, false);
  }

  #prefixOf(scope: Scope, namespace: string, mayBeDefault: boolean): string {
    if (namespace === xmlNamespace) return "xml";
    if (namespace === "") {
      assert(mayBeDefault, "an attribute without a namespace has no prefix");
      return this.#bound.get("") === "" ? scope.use("") : scope.declare("", "");
    }
    const wanted = this.#preferred.get(namespace);
    if (wanted !== undefined && (mayBeDefault || wanted !== "")) {
      if (this.#bound.get(wanted) === namespace) return scope.use(wanted);
      if (scope.isFree(wanted)) return scope.declare(wanted, namespace);
    }
    for (const [prefix, uri] of this.#bound) {
      if (uri === namespace && (mayBeDefault || prefix !== "")) return scope.use(prefix);
    }
    let made = `n${++this.#made}`;
    while (this.#bound.has(made)) made = `n${++this.#made}`;
    return scope.declare(made, namespace);
  }
}

/** Prefixes while one tag is made: one that the tag uses already must not change its meaning. */
class Scope {
  readonly shadowed: [string, string | undefined][] = [];
  declarations = "";
  readonly #bound: Map<string, string>;
  readonly #used = new Set<string>();

  constructor(bound: Map<string, string>) {
    this.#bound = bound;
  }

  use(prefix: string): string {
    this.#used.add(prefix);
    return prefix;
  }

  isFree(prefix: string): boolean {
    return !this.#used.has(prefix);
  }

  declare(prefix: string, uri: string): string {
    this.shadowed.push([prefix, this.#bound.get(prefix)]);
    this.#bound.set(prefix, uri);
    this.declarations += ` xmlns${prefix === "" ? "" : `:${prefix}`}="${escapeAttribute(uri)}"`;
    return this.use(prefix);
  }
}

function withPrefix(prefix: string, name: string): string {
  return prefix === "" ? name : `${prefix}:${name}`;
}

/** Characters that XML cannot hold in any form, lone surrogates included. XML 1.0 §2.2 */
const unwritable = /[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/;
const everyUnwritable = new RegExp(unwritable, "g");

function writable(text: string): string {
  const clean = unwritable.test(text) ? text.replace(everyUnwritable, "\ufffd") : text;
  return clean.isWellFormed() ? clean : clean.toWellFormed();
}

/** Text as it may stand between tags; a reader gets the same text back, unwritable characters aside. */
export function escapeText(text: string): string {
  const clean = writable(text);
  if (!/[&<>\r]/.test(clean)) return clean;
  return clean.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll("\r", "&#xD;");
}

/** Text as it may stand in a double-quoted attribute. */
export function escapeAttribute(text: string): string {
  const clean = writable(text);
  if (!/[&<>"\t\n\r]/.test(clean)) return clean;
  return clean.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;")
    .replaceAll("\t", "&#x9;").replaceAll("\n", "&#xA;").replaceAll("\r", "&#xD;");
}
