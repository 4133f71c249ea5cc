import { Buffer, isAscii } from "node:buffer";
import { assert } from "#base/fault.ts";
import { isAttachment } from "#format/mime/attachments.ts";
import { asBuffer } from "#format/mime/charset.ts";
import { boundaryOf, readSection } from "#format/mime/content.ts";
import { makeEnvelope } from "#format/mime/envelope.ts";
import { countLines, nextLineFeed } from "#format/mime/headers.ts";
import { HeaderSection, usualSection } from "#format/mime/header-section.ts";
import { paramValue } from "#format/mime/parameters.ts";
import type { ContentFields, SectionFields } from "#format/mime/content.ts";
import type { UsualSection } from "#format/mime/header-section.ts";
import type { TextCollector } from "#format/mime/text.ts";
import type { CapturedField, Envelope, MimePart } from "#format/mime/types.ts";

export interface ScannerLimits {
  readonly depthMax: number;
  readonly partsMax: number;
  readonly headerSectionMaxBytes: number;
  /** Header text of all parts that is kept, characters. */
  readonly storedMaxCharacters: number;
}

/** A longer line is no delimiter, whatever it begins with. */
const delimiterLineMaxBytes = 2048;

const emptyEnvelope: Envelope = {
  date: null, subject: null, from: [], sender: [], replyTo: [], to: [], cc: [], bcc: [], inReplyTo: null,
  messageId: null,
};

/** A part while it is open. */
interface Node {
  readonly kind: MimePart["kind"];
  readonly content: ContentFields;
  readonly headerStart: number;
  readonly bodyStart: number;
  bodyEnd: number;
  lineCount: number;
  readonly children: Node[];
  envelope: Envelope | null;
  readonly opaqueType: string | null;
}

interface Open {
  readonly node: Node;
  /** Multiparts whose close delimiter was not seen. */
  boundary: Buffer | null;
  /** Line ends before the body. */
  readonly linesBefore: number;
}

/** What the next header section belongs to. */
interface Expected {
  readonly defaultType: "text/plain" | "message/rfc822";
  /** A message: the root, or the body of a message/rfc822. */
  readonly whole: boolean;
}

/**
 * Finds the parts of a message in one pass. Bytes come by `write` in any cut; line ends are LF or CRLF.
 *
 * Rules beyond RFC 2046 §5.1: a delimiter line must be exactly the delimiter and white space; the innermost open
 * multipart is asked first; after its close delimiter a multipart matches nothing more; a missing close delimiter is
 * supplied by an outer one or by the end. A multipart without boundary parameter is text/plain; one in which no
 * delimiter ever came has one text/plain child of its whole body, since IMAP needs a child and a reader the text.
 */
export class MimeScanner {
  readonly #limits: ScannerLimits;
  readonly #texts: TextCollector;
  readonly #capture: ReadonlySet<string>;
  readonly #stack: Open[] = [];
  #root: Node | null = null;
  #expected: Expected | null = { defaultType: "text/plain", whole: true };
  readonly #section: HeaderSection;
  #sectionLines = 0;
  /** Offset of the next byte, and line ends before it. */
  #offset = 0;
  #lines = 0;
  #lineStart = true;
  /** Start of a line that may become a delimiter but has not ended yet. */
  #pending: Buffer | null = null;
  /** Size of the line end before the current line, when it is at its start. */
  #lineEndSize = 0;
  #lastByte = 0;
  #watched = 0;
  #collecting = false;
  #partCount = 1;
  #stored = 0;
  #encodedMessages = 0;
  truncated = false;
  eightBitHeader = false;
  #fields: readonly CapturedField[] = [];
  #envelopeOfRoot: Envelope = emptyEnvelope;

  constructor(limits: ScannerLimits, texts: TextCollector, capture: ReadonlySet<string>) {
    this.#limits = limits;
    this.#texts = texts;
    this.#capture = capture;
    this.#section = new HeaderSection(limits.headerSectionMaxBytes);
  }

  write(bytes: Uint8Array): void {
    const input = asBuffer(bytes);
    let at = 0;
    while (at < input.length) at = this.#expected !== null ? this.#header(input, at) : this.#body(input, at);
  }

  end(): { root: MimePart; envelope: Envelope; fields: readonly CapturedField[] } {
    while (this.#pending !== null || this.#expected !== null) {
      if (this.#pending !== null) this.#endPending(this.#pending);
      else {
        const line = this.#section.openLine();
        if (line === null || !this.#headerDelimiter(line)) this.#endSections();
      }
    }
    this.#closeTo(0, this.#offset, this.#lines);
    assert(this.#root !== null, "a message has a root part");
    return { root: finishPart(this.#root), envelope: this.#envelopeOfRoot, fields: this.#fields };
  }

  /** The last line of the message, when it has no line end. */
  #endPending(pending: Buffer): void {
    this.#pending = null;
    if (!this.#delimiter(pending, this.#offset - pending.length)) this.#feed(pending, 0, pending.length);
  }

  // Header sections.

  #header(input: Buffer, start: number): number {
    const { headerSectionMaxBytes } = this.#limits;
    if (this.#section.isEmpty && this.#expected !== null) {
      const usual = usualSection(input, start, this.#root === null, headerSectionMaxBytes);
      if (usual !== null) return this.#usualSection(usual, input, start, this.#expected);
    }
    let at = start;
    while (at < input.length && this.#expected !== null) {
      const taken = this.#section.take(input, at);
      at += taken.size;
      this.#offset += taken.size;
      if (taken.line === null) {
        if (this.#section.isFull) {
          this.truncated = true;
          this.#endSection();
        }
        continue;
      }
      if (this.#headerDelimiter(taken.line)) break;
      if (taken.ends) this.#endSection();
    }
    return at;
  }

  #usualSection({ text, lineCount }: UsualSection, input: Buffer, start: number, expected: Expected): number {
    this.#expected = null;
    const headerStart = this.#offset;
    this.#offset += text.length;
    this.#lines += lineCount;
    this.#lineStart = true;
    this.#lineEndSize = 0;
    this.#lastByte = 0;
    this.#beginPart(expected, input.subarray(start, start + text.length), headerStart, text);
    return start + text.length;
  }

  /** A delimiter line within a header section ends it and its part. */
  #headerDelimiter(line: Uint8Array): boolean {
    if (this.#watched === 0 || line[0] !== 0x2d || line[1] !== 0x2d) return false;
    if (line.length > delimiterLineMaxBytes) return false;
    const copy = Buffer.from(line);
    const match = this.#match(copy, 0, copy.length);
    if (match === null || this.#isPartLimit(match.closes)) return false;
    this.#section.dropLastLine();
    this.#offset -= copy.length;
    this.#endSections();
    this.write(copy);
    return true;
  }

  /** Ends this section and those that begin in the nothing that follows it. */
  #endSections(): void {
    while (this.#expected !== null) this.#endSection();
  }

  #endSection(): void {
    const expected = this.#expected;
    const section = this.#section;
    if (expected === null) return;
    this.#expected = null;
    const { headerOffset, bodyOffset } = section.split();
    const bytes = section.bytes();
    const sectionStart = this.#offset - bytes.length;
    const header = bytes.subarray(headerOffset, bodyOffset);
    // The buffer is used again by the next section.
    const rest = Buffer.from(bytes.subarray(bodyOffset));
    this.#offset = sectionStart + bodyOffset;
    this.#lines = this.#sectionLines + countLines(bytes, bodyOffset);
    this.#lineStart = bodyOffset === 0 || bytes[bodyOffset - 1] === 0x0a;
    this.#lineEndSize = 0;
    this.#lastByte = 0;
    this.#beginPart(expected, header, sectionStart + headerOffset);
    if (rest.length > 0) this.write(rest);
  }

  #expect(expected: Expected): void {
    this.#expected = expected;
    this.#section.reset(expected.whole, this.#root === null);
    this.#sectionLines = this.#lines;
  }

  // Parts.

  #beginPart(expected: Expected, header: Uint8Array, headerStart: number, text?: string): void {
    const isRoot = this.#root === null;
    const fields = readSection(header, expected.defaultType, expected.whole, isRoot ? this.#capture : null, text);
    const envelope = expected.whole ? this.#envelope(fields, isRoot) : null;
    if (isRoot) {
      this.#envelopeOfRoot = envelope ?? emptyEnvelope;
      this.#fields = fields.captured;
      this.eightBitHeader = !isAscii(header);
    }
    const { content, kind, boundary, opaqueType } = this.#classify(this.#bound(fields.content));
    const node: Node = {
      kind, content, headerStart, bodyStart: this.#offset, bodyEnd: this.#offset, lineCount: 0, children: [],
      envelope: null, opaqueType,
    };
    const parent = this.#stack.at(-1);
    if (parent === undefined) this.#root = node;
    else {
      parent.node.children.push(node);
      if (expected.whole) parent.node.envelope = envelope;
    }
    this.#stack.push({ node, boundary, linesBefore: this.#lines });
    if (boundary !== null) this.#watched++;
    if (kind === "message") {
      if (isEncoded(content)) this.#encodedMessages++;
      this.#partCount++;
      this.#expect({ defaultType: "text/plain", whole: true });
    } else if (kind === "text") this.#collect(content);
  }

  #envelope(fields: SectionFields, isRoot: boolean): Envelope {
    let size = 0;
    for (const list of fields.envelope.values()) for (const text of list) size += text.length;
    if (!isRoot && !this.#store(size)) return emptyEnvelope;
    return makeEnvelope(fields.envelope);
  }

  /** Keeps what is stored of hostile messages in bounds. */
  #bound(content: ContentFields): ContentFields {
    let size = (content.description?.length ?? 0) + (content.location?.length ?? 0) + (content.contentId?.length ?? 0);
    for (const param of content.params) size += param.value.length + (param.wireValue?.length ?? 0);
    for (const param of content.disposition?.params ?? []) size += param.value.length + (param.wireValue?.length ?? 0);
    if (this.#store(size)) return content;
    const boundary = content.params.filter((param) => param.name === "boundary");
    return { type: content.type, subtype: content.subtype, params: boundary, encoding: content.encoding };
  }

  #store(characters: number): boolean {
    if (this.#stored + characters > this.#limits.storedMaxCharacters) {
      this.truncated = true;
      return false;
    }
    this.#stored += characters;
    return true;
  }

  #classify(content: ContentFields): {
    content: ContentFields; kind: MimePart["kind"]; boundary: Buffer | null; opaqueType: string | null;
  } {
    const isMultipart = content.type === "multipart";
    const isMessage = content.type === "message" && (content.subtype === "rfc822" || content.subtype === "global");
    if (!isMultipart && !isMessage) {
      return { content, kind: content.type === "text" ? "text" : "basic", boundary: null, opaqueType: null };
    }
    if (this.#stack.length >= this.#limits.depthMax || this.#partCount >= this.#limits.partsMax) {
      this.truncated = true;
      const opaque = { ...content, type: "application", subtype: "octet-stream" };
      return { content: opaque, kind: "basic", boundary: null, opaqueType: `${content.type}/${content.subtype}` };
    }
    if (isMessage) return { content, kind: "message", boundary: null, opaqueType: null };
    const text = boundaryOf(content);
    if (text === null) {
      const plain = { ...content, type: "text", subtype: "plain" };
      return { content: plain, kind: "text", boundary: null, opaqueType: null };
    }
    return { content, kind: "multipart", boundary: text, opaqueType: null };
  }

  #collect(content: ContentFields): void {
    if (this.#encodedMessages > 0) return;
    const enclosed = this.#stack.some((open) => open.node.kind === "message");
    this.#collecting = this.#texts.begin({
      subtype: content.subtype,
      charset: paramValue(content.params, "charset"),
      encoding: content.encoding,
      forPreview: !enclosed && !isAttachment(content),
    });
  }

  #closeTo(depth: number, end: number, lines: number): void {
    if (this.#collecting) this.#texts.finish();
    this.#collecting = false;
    while (this.#stack.length > depth) {
      const open = this.#stack.pop();
      if (open === undefined) break;
      const { node } = open;
      node.bodyEnd = Math.max(node.bodyStart, end);
      node.lineCount = Math.max(0, lines - open.linesBefore);
      if (open.boundary !== null) this.#watched--;
      if (node.kind === "message" && isEncoded(node.content)) this.#encodedMessages--;
    }
  }

  // Bodies.

  #body(input: Buffer, start: number): number {
    if (this.#pending !== null) return this.#pendingLine(input, start);
    if (this.#watched === 0) return this.#unwatched(input, start);
    const size = input.length;
    let line = this.#lineStart;
    let at = start;
    while (at < size) {
      if (line && input[at] === 0x2d && (at + 1 === size || input[at + 1] === 0x2d)) {
        const found = this.#candidate(input, start, at);
        if (found >= 0) return found;
      }
      at = nextLineFeed(input, at);
      if (at === size) {
        line = false;
        break;
      }
      this.#lines++;
      this.#lineEndSize = (at > start ? input[at - 1] : this.#lastByte) === 0x0d ? 2 : 1;
      at++;
      line = true;
    }
    this.#lineStart = line;
    this.#pass(input, start, size);
    return size;
  }

  /** No delimiter can come: only line ends are counted. */
  #unwatched(input: Buffer, start: number): number {
    this.#lines += countLines(input, input.length, start);
    this.#pass(input, start, input.length);
    return input.length;
  }

  /** A line at `at` that begins like a delimiter: the offset to go on from when it was settled here, else -1. */
  #candidate(input: Buffer, start: number, at: number): number {
    const feed = input.indexOf(0x0a, at);
    const end = feed < 0 ? input.length : feed + 1;
    if (end - at > delimiterLineMaxBytes) return -1;
    if (feed < 0) {
      this.#pass(input, start, at);
      this.#lineStart = true;
      this.#pending = Buffer.from(input.subarray(at));
      this.#offset += input.length - at;
      return input.length;
    }
    const match = this.#match(input, at, end);
    if (match === null || this.#isPartLimit(match.closes)) return -1;
    this.#pass(input, start, at);
    this.#atDelimiter(match, this.#offset, lineEndSize(input, end));
    this.#offset += end - at;
    return end;
  }

  #pendingLine(input: Buffer, start: number): number {
    const pending = this.#pending ?? Buffer.alloc(0);
    const feed = input.indexOf(0x0a, start);
    const end = feed < 0 ? input.length : feed + 1;
    const room = delimiterLineMaxBytes - pending.length;
    const second = pending.length > 1 ? pending[1] : input[start];
    if (end - start > room || second !== 0x2d) {
      // It is content after all; the rest of the line is scanned as such.
      this.#pending = null;
      this.#lineStart = false;
      this.#feed(pending, 0, pending.length);
      this.#lastByte = pending.at(-1) ?? 0;
      return start;
    }
    const line = Buffer.concat([pending, input.subarray(start, end)]);
    this.#offset += end - start;
    if (feed < 0) {
      this.#pending = line;
      return end;
    }
    this.#pending = null;
    if (!this.#delimiter(line, this.#offset - line.length)) {
      this.#feed(line, 0, line.length);
      this.#lines++;
      this.#lineEndSize = line.at(-2) === 0x0d ? 2 : 1;
      this.#lineStart = true;
    }
    return end;
  }

  /** Acts on a whole delimiter line that begins at `lineOffset`; false when it is none. */
  #delimiter(line: Buffer, lineOffset: number): boolean {
    const match = this.#match(line, 0, line.length);
    if (match === null || this.#isPartLimit(match.closes)) return false;
    const next = this.#offset;
    this.#offset = lineOffset;
    this.#atDelimiter(match, lineOffset, lineEndSize(line, line.length));
    this.#offset = next;
    return true;
  }

  #match(bytes: Buffer, start: number, lineEndOffset: number): { level: number; closes: boolean } | null {
    let end = lineEndOffset;
    while (end > start && isSpace(bytes[end - 1]!)) end--;
    const size = end - start - 2;
    if (size < 1) return null;
    for (let level = this.#stack.length - 1; level >= 0; level--) {
      const boundary = this.#stack[level]?.boundary;
      if (boundary === null || boundary === undefined) continue;
      const closes = size === boundary.length + 2;
      if (!closes && size !== boundary.length) continue;
      if (boundary.compare(bytes, start + 2, start + 2 + boundary.length) !== 0) continue;
      if (!closes) return { level, closes };
      if (bytes[end - 1] === 0x2d && bytes[end - 2] === 0x2d) return { level, closes };
    }
    return null;
  }

  /** Past the limit of parts nothing divides any more: the open part runs to the end of the message. */
  #isPartLimit(closes: boolean): boolean {
    if (closes || this.#partCount < this.#limits.partsMax) return false;
    this.truncated = true;
    for (const open of this.#stack) open.boundary = null;
    this.#watched = 0;
    return true;
  }

  #atDelimiter(match: { level: number; closes: boolean }, lineOffset: number, sizeOfEnd: number): void {
    // Straight after a header section the line end before the delimiter is the header's.
    const direct = this.#stack.at(-1)?.node.bodyStart === lineOffset;
    const end = direct ? lineOffset : lineOffset - this.#lineEndSize;
    this.#closeTo(match.level + 1, end, direct ? this.#lines : this.#lines - 1);
    if (sizeOfEnd > 0) this.#lines++;
    this.#lineStart = true;
    this.#lineEndSize = sizeOfEnd;
    this.#lastByte = 0;
    const open = this.#stack[match.level];
    if (open === undefined) return;
    if (match.closes) {
      open.boundary = null;
      this.#watched--;
      return;
    }
    this.#partCount++;
    const digest = open.node.content.subtype === "digest";
    this.#expect({ defaultType: digest ? "message/rfc822" : "text/plain", whole: false });
  }

  #pass(input: Buffer, start: number, end: number): void {
    if (end <= start) return;
    this.#offset += end - start;
    this.#lastByte = input[end - 1] ?? 0;
    this.#feed(input, start, end);
  }

  #feed(input: Buffer, start: number, end: number): void {
    if (this.#collecting) this.#collecting = this.#texts.write(input.subarray(start, end));
  }
}

/** What stands in for a multipart's missing parts. */
const plainContent: ContentFields = {
  type: "text", subtype: "plain", params: [{ name: "charset", value: "us-ascii" }], encoding: "7bit",
};

/** Depth is bounded by `depthMax`. */
function finishPart(node: Node): MimePart {
  const { content, headerStart, bodyStart, bodyEnd, lineCount } = node;
  const common = { headerStart, bodyStart, bodyEnd, lineCount, ...content };
  switch (node.kind) {
    case "multipart":
      return {
        kind: "multipart", ...common,
        children: node.children.length > 0 ? node.children.map(finishPart) : [wholeBody(node)],
      };
    case "message":
      return {
        kind: "message", ...common, envelope: node.envelope ?? emptyEnvelope,
        body: node.children[0] === undefined ? wholeBody(node) : finishPart(node.children[0]),
      };
    case "text": return { kind: "text", ...common };
    default: return node.opaqueType === null ? { kind: "basic", ...common }
      : { kind: "basic", ...common, opaqueType: node.opaqueType };
  }
}

function wholeBody(node: Node): MimePart {
  const { bodyStart, bodyEnd, lineCount } = node;
  return { kind: "text", headerStart: bodyStart, bodyStart, bodyEnd, lineCount, ...plainContent };
}

function isEncoded(content: ContentFields): boolean {
  return content.encoding === "base64" || content.encoding === "quoted-printable";
}

/** 0, 1 or 2: of the line that ends before `end`. */
function lineEndSize(bytes: Uint8Array, end: number): number {
  return bytes[end - 1] !== 0x0a ? 0 : bytes[end - 2] === 0x0d ? 2 : 1;
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0d || byte === 0x0a;
}
