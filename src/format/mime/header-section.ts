import { Buffer } from "node:buffer";
import { boundaryOf, readSection } from "#format/mime/content.ts";
import { fieldColon, isBlankLine, isFold, lineEnd, textColon } from "#format/mime/headers.ts";

const leadingBlankLinesMax = 16;

export interface Taken {
  readonly size: number;
  /** A line that is now whole. */
  readonly line: Uint8Array | null;
  /** The line ended the section. */
  readonly ends: boolean;
}

/**
 * Gathers one header section line by line and says where the body begins, which need not be after the blank line:
 * - An mbox "From " line, and before the root's header blank lines, are passed over when a field follows.
 * - A first line that is no field means that there is no header.
 * - A line that is no field is passed over when a field comes after it; when none does, or when it is the boundary
 *   delimiter of this very section, the blank line was forgotten and the body begins there. RFC 5322 §2.1
 */
export class HeaderSection {
  readonly #sizeMax: number;
  #bytes = Buffer.allocUnsafe(2048);
  #size = 0;
  #lineStart = 0;
  #lastLine = 0;
  #whole: boolean;
  #root: boolean;
  /** Where the fields begin. */
  #skip = 0;
  #fromLineEnd = 0;
  #sawFrom = false;
  #sawField = false;
  #noHeader = false;
  #blankCount = 0;
  #firstBlankEnd = -1;

  constructor(sizeMax: number) {
    this.#sizeMax = sizeMax;
    this.#whole = true;
    this.#root = true;
  }

  /** `whole`: a message's own header, not that of a part; `root`: the outermost. */
  reset(whole: boolean, root: boolean): void {
    this.#size = 0;
    this.#lineStart = 0;
    this.#lastLine = 0;
    this.#whole = whole;
    this.#root = root;
    this.#skip = 0;
    this.#fromLineEnd = 0;
    this.#sawFrom = false;
    this.#sawField = false;
    this.#noHeader = false;
    this.#blankCount = 0;
    this.#firstBlankEnd = -1;
  }

  get isFull(): boolean {
    return this.#size >= this.#sizeMax;
  }

  get isEmpty(): boolean {
    return this.#size === 0;
  }

  bytes(): Buffer {
    return this.#bytes.subarray(0, this.#size);
  }

  /** Takes bytes up to the next line end or the limit. */
  take(input: Buffer, start: number): Taken {
    const room = this.#sizeMax - this.#size;
    const feed = input.indexOf(0x0a, start);
    const end = Math.min(feed < 0 ? input.length : feed + 1, start + room);
    this.#append(input, start, end);
    if (feed < 0 || feed >= end) return { size: end - start, line: null, ends: false };
    this.#lastLine = this.#lineStart;
    this.#lineStart = this.#size;
    const line = this.#bytes.subarray(this.#lastLine, this.#size);
    return { size: end - start, line, ends: this.#endsAt(this.#lastLine, this.#size) };
  }

  /** The line that has not ended yet, when the message is at its end. */
  openLine(): Uint8Array | null {
    if (this.#lineStart === this.#size) return null;
    this.#lastLine = this.#lineStart;
    this.#lineStart = this.#size;
    return this.#bytes.subarray(this.#lastLine, this.#size);
  }

  /** Takes the last line back out. */
  dropLastLine(): void {
    this.#size = this.#lastLine;
    this.#lineStart = this.#lastLine;
  }

  /** Where the fields begin and where they end, within `bytes()`. */
  split(): { headerOffset: number; bodyOffset: number } {
    if (this.#firstBlankEnd >= 0 && (this.#noHeader || !this.#sawField)) {
      return { headerOffset: this.#fromLineEnd, bodyOffset: this.#firstBlankEnd };
    }
    const skip = Math.min(this.#skip, this.#size);
    return { headerOffset: skip, bodyOffset: skip + splitPoint(this.bytes().subarray(skip)) };
  }

  #append(input: Buffer, start: number, end: number): void {
    const needed = this.#size + end - start;
    if (needed > this.#bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2));
      this.#bytes.copy(grown, 0, 0, this.#size);
      this.#bytes = grown;
    }
    input.copy(this.#bytes, this.#size, start, end);
    this.#size = needed;
  }

  /** Before the root's header a line of white space is as good as blank. */
  #isLeadingSpace(start: number, end: number): boolean {
    if (!this.#root || this.#sawField) return false;
    for (let at = start; at < end; at++) {
      if (this.#bytes[at]! > 0x20) return false;
    }
    return true;
  }

  #endsAt(lineStart: number, end: number): boolean {
    let start = lineStart;
    if (this.#root && start === 0 && end >= 3 && this.#bytes.readUIntBE(0, 3) === byteOrderMark) {
      start = 3;
      this.#skip = 3;
      this.#fromLineEnd = 3;
    }
    if (isBlankLine(this.#bytes, start, end) || this.#isLeadingSpace(start, end)) {
      if (!this.#root || this.#sawField || this.#blankCount >= leadingBlankLinesMax) return true;
      this.#blankCount++;
      if (this.#firstBlankEnd < 0) this.#firstBlankEnd = end;
      this.#skip = end;
      return false;
    }
    if (this.#sawField) return false;
    if (this.#whole && !this.#sawFrom && isFromLine(this.#bytes, start, end)) {
      this.#sawFrom = true;
      this.#skip = end;
      if (this.#firstBlankEnd < 0) this.#fromLineEnd = end;
      return false;
    }
    this.#sawField = true;
    this.#noHeader = fieldColon(this.#bytes, start, end) < 0;
    return this.#noHeader;
  }
}

/** A header section of the usual kind, which lies whole in one piece of input. */
export interface UsualSection {
  /** The fields with their blank line, one byte a character. */
  readonly text: string;
  readonly lineCount: number;
}

/** Longest section looked at in one go; most are shorter than a fifth of it. */
const usualMaxBytes = 16 * 1024;

/**
 * The header section that begins at `start`, when nothing in it needs a second thought: fields and their folds up to a
 * blank line, no line that might be a delimiter. Null leaves it to `HeaderSection`, which gives the same for it.
 */
export function usualSection(input: Buffer, start: number, root: boolean, sizeMax: number): UsualSection | null {
  const text = input.toString("latin1", start, Math.min(input.length, start + Math.min(sizeMax, usualMaxBytes)));
  let lineCount = 0;
  for (let at = 0; at < text.length;) {
    const feed = text.indexOf("\n", at);
    if (feed < 0) return null;
    lineCount++;
    const first = text.charCodeAt(at);
    if (at === 0 && (text.startsWith("From ") || text.startsWith(">From "))) return null;
    const isBlank = feed === at || (feed === at + 1 && first === 0x0d);
    if (isBlank) return root && at === 0 ? null : { text: text.slice(0, feed + 1), lineCount };
    if (isFold(first) ? at === 0 : first === 0x2d || first === 0x0d || textColon(text, at, feed) < 0) return null;
    at = feed + 1;
  }
  return null;
}

/** U+FEFF in UTF-8, which editors put before all else. */
const byteOrderMark = 0xefbbbf;

/** The separator of mbox files, with the quoting some of them add. RFC 4155 */
function isFromLine(bytes: Buffer, start: number, end: number): boolean {
  const at = bytes[start] === 0x3e ? start + 1 : start;
  return end - at > 5 && bytes.toString("latin1", at, at + 5) === "From ";
}

/** Offset of the body in a section: after its blank line, or where a line begins that cannot be part of the header. */
function splitPoint(section: Buffer): number {
  let at = 0;
  let firstBad = -1;
  let boundary: Buffer | null = null;
  let sawType = false;
  while (at < section.length) {
    const end = lineEnd(section, at);
    if (isBlankLine(section, at, end)) return firstBad < 0 ? end : firstBad;
    const first = section[at];
    if (at > 0 && (first === 0x20 || first === 0x09)) {
      at = end;
      continue;
    }
    const colon = fieldColon(section, at, end);
    if (colon > 0) {
      firstBad = -1;
      if (!sawType && isContentType(section, at, colon)) {
        // The first one counts, whatever comes after it.
        sawType = true;
        const field = section.subarray(at, foldedEnd(section, end));
        boundary = boundaryOf(readSection(field, "text/plain", false, null).content);
      }
    } else {
      if (boundary !== null && first === 0x2d && isDelimiterOf(section, at, end, boundary)) return at;
      if (firstBad < 0) firstBad = at;
    }
    at = end;
  }
  return firstBad < 0 ? section.length : firstBad;
}

const contentType = "content-type";

function isContentType(section: Buffer, start: number, colon: number): boolean {
  return colon - start >= contentType.length && (section[start]! | 0x20) === 0x63 &&
    section.toString("latin1", start, Math.min(colon, start + 64)).trimEnd().toLowerCase() === contentType;
}

function foldedEnd(section: Buffer, lineEndOffset: number): number {
  let end = lineEndOffset;
  while (end < section.length && (section[end] === 0x20 || section[end] === 0x09)) end = lineEnd(section, end);
  return end;
}

function isDelimiterOf(section: Buffer, start: number, end: number, boundary: Buffer): boolean {
  const size = boundary.length + 2;
  if (end - start < size || section[start + 1] !== 0x2d) return false;
  if (boundary.compare(section, start + 2, start + size) !== 0) return false;
  for (let at = start + size; at < end; at++) if (section[at]! > 0x20) return false;
  return true;
}
