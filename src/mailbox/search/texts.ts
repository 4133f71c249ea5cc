/**
 * The texts of a message that searches look at, and where they lie: header fields, MIME headers of parts, headers of
 * enclosed messages, text parts with their encodings undone, HTML as it stands and as it reads. One list for whoever
 * compares and for whoever makes trigrams, so that both see the same. RFC 9051 §6.4.4
 */
import { HtmlToText } from "#format/html/to-text.ts";
import { charsetDecoder } from "#format/mime/charset.ts";
import { transferDecoder } from "#format/mime/decode.ts";
import { TextFolder, foldText } from "#format/mime/fold.ts";
import { fieldText, headerFields } from "#format/mime/headers.ts";
import { paramValue } from "#format/mime/parameters.ts";
import { decodeWords } from "#format/mime/words.ts";
import { limits } from "#base/limits.ts";
import type { Envelope, MimeAddress, MimeIndex, MimePart } from "#format/mime/types.ts";

/** `header` is the message's own; `mime` that of a part; `enclosed` that of a message within; `text` a body. */
export interface Section {
  readonly kind: "header" | "mime" | "enclosed" | "text";
  readonly start: number;
  readonly end: number;
  /** Of a text. */
  readonly part: MimePart;
}

/** Every section of a message in its order. */
export function sectionsOf({ root }: MimeIndex): Section[] {
  const sections: Section[] = [headerOf("header", root)];
  const pending: { part: MimePart; depth: number }[] = [{ part: root, depth: 0 }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { part, depth } = next;
    if (depth > limits.mimeDepthMax) continue;
    if (part.kind === "multipart") {
      for (const child of part.children.toReversed()) pending.push({ part: child, depth: depth + 1 });
    } else if (part.kind === "message") {
      sections.push(headerOf("enclosed", part.body));
      pending.push({ part: part.body, depth: depth + 1 });
    } else if (part.type === "text") {
      sections.push({ kind: "text", start: part.bodyStart, end: part.bodyEnd, part });
    }
    if (part.kind === "multipart") for (const child of part.children) sections.push(headerOf("mime", child));
  }
  return sections;
}

function headerOf(kind: Section["kind"], part: MimePart): Section {
  const end = Math.min(part.bodyStart, part.headerStart + limits.headerSectionMaxBytes);
  return { kind, start: part.headerStart, end, part };
}

/** Fields as `Name: value`, their encoded-words read, folded; those of one name (lower case), or all. */
export function* fieldsOf(
  bytes: Uint8Array, only?: string,
): Generator<{ readonly name: string; readonly folded: string }> {
  for (const field of headerFields(bytes)) {
    if (only !== undefined && field.name !== only) continue;
    yield { name: field.name, folded: foldText(`${field.name}: ${decodeWords(fieldText(bytes, field))}`) };
  }
}

/** The texts of the envelope, as the keys for addresses and subjects compare them. */
export function* envelopeTexts(envelope: Envelope): Generator<string> {
  yield decodeWords(envelope.subject ?? "");
  for (const list of [envelope.from, envelope.to, envelope.cc, envelope.bcc]) {
    for (const address of list) yield addressText(address);
  }
  yield envelope.messageId ?? "";
  yield envelope.inReplyTo ?? "";
}

export function addressText({ name, mailbox, host }: MimeAddress): string {
  const address = host === null ? mailbox ?? "" : `${mailbox ?? ""}@${host}`;
  return decodeWords(name === null ? address : `${name} <${address}>`);
}

/** What a text part says, folded, in pieces; `begin` before each text of it. Bytes come by `write` in any cut. */
export class PartReader {
  readonly #transfer: ReturnType<typeof transferDecoder>;
  readonly #charset: ReturnType<typeof charsetDecoder>;
  readonly #streams: TextStream[];

  constructor(part: MimePart, open: () => (folded: string) => void) {
    this.#transfer = transferDecoder(part.encoding);
    this.#charset = charsetDecoder(paramValue(part.params, "charset"));
    this.#streams = [new PlainStream(open())];
    if (part.subtype === "html") this.#streams.push(new HtmlStream(open()));
  }

  write(bytes: Uint8Array): void {
    this.#take(this.#charset.write(this.#transfer.write(bytes)));
  }

  end(): void {
    this.#take(this.#charset.write(this.#transfer.end()));
    this.#take(this.#charset.end());
    for (const stream of this.#streams) stream.end();
  }

  #take(text: string): void {
    if (text !== "") for (const stream of this.#streams) stream.write(text);
  }
}

interface TextStream {
  write(text: string): void;
  end(): void;
}

class PlainStream implements TextStream {
  readonly #folder = new TextFolder();
  readonly #sink: (folded: string) => void;

  constructor(sink: (folded: string) => void) {
    this.#sink = sink;
  }

  write(text: string): void {
    this.#sink(this.#folder.write(text));
  }

  end(): void {
    this.#sink(this.#folder.end());
  }
}

/** The text a reader sees, without tags, its character references read. */
class HtmlStream implements TextStream {
  readonly #plain: PlainStream;
  readonly #html: HtmlToText;
  #gathered = "";

  constructor(sink: (folded: string) => void) {
    this.#plain = new PlainStream(sink);
    this.#html = new HtmlToText((text) => { this.#gathered += text; });
  }

  write(text: string): void {
    this.#html.write(text);
    this.#flush();
  }

  end(): void {
    this.#html.end();
    this.#flush();
    this.#plain.end();
  }

  #flush(): void {
    if (this.#gathered === "") return;
    this.#plain.write(this.#gathered);
    this.#gathered = "";
  }
}
