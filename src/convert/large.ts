/**
 * Bodies too large to be held: a bag in which such a value is told from the bytes of its message whenever it is asked
 * for, in pieces for those who take pieces. [MS-OXCMSG] 2.2.1.56
 */
import { Buffer } from "node:buffer";
import type { PropertyTag, PropertyValue } from "#props/types.ts";
import type { ReadBytes } from "#convert/mime/contents.ts";

/** Makes text or bytes of bytes that pass; any cut of the same bytes gives the same. */
export interface Decoding<T> {
  write(bytes: Uint8Array): T;
  end(): T;
}

/** A stretch of the message that the value is told from. */
export interface Segment<T> {
  readonly start: number;
  readonly end: number;
  readonly open: () => Decoding<T>;
}

/** A value while its pieces come. */
export interface Gathering {
  push(piece: string | Uint8Array): void;
  value(): string | Uint8Array;
}

const stepBytes = 192 * 1024;

export abstract class LargeValue<T extends string | Uint8Array = string | Uint8Array> {
  readonly segments: readonly Segment<T>[];
  readonly #read: ReadBytes;

  constructor(read: ReadBytes, segments: readonly Segment<T>[]) {
    this.#read = read;
    this.segments = segments;
  }

  /** Of the message; the value may have half of it, or twice. */
  get aboutBytes(): number {
    return this.segments.reduce((sum, { start, end }) => sum + end - start, 0);
  }

  /** The value in pieces, read anew each time. */
  *pieces(): Generator<T> {
    for (const { start, end, open } of this.segments) {
      const decoding = open();
      for (let at = start; at < end; at += stepBytes) {
        const piece = decoding.write(this.#read(at, Math.min(at + stepBytes, end)));
        if (piece.length > 0) yield piece;
      }
      const rest = decoding.end();
      if (rest.length > 0) yield rest;
    }
  }

  /** All of it: a copy of what is large. */
  value(): T {
    return this.join([...this.pieces()]);
  }

  /** The same for who brings the pieces one by one. */
  abstract gather(): Gathering;

  /** Pieces of such a value, in order, as one. */
  abstract join(pieces: readonly (string | Uint8Array)[]): T;
}

export class LargeText extends LargeValue<string> {
  join(pieces: readonly (string | Uint8Array)[]): string {
    return pieces.join("");
  }

  gather(): Gathering {
    const pieces: (string | Uint8Array)[] = [];
    return { push: (piece) => pieces.push(piece), value: () => this.join(pieces) };
  }
}

export class LargeBytes extends LargeValue<Uint8Array> {
  join(pieces: readonly (string | Uint8Array)[]): Uint8Array {
    const bytes = pieces.filter((piece) => typeof piece !== "string");
    return bytes.length === 1 ? bytes[0]! : Buffer.concat(bytes);
  }

  gather(): Gathering {
    return new GrowingBytes(this.aboutBytes);
  }
}

/** Bytes that come in pieces, put where they stay: no copy of all of them is made at the end. */
export class GrowingBytes implements Gathering {
  #whole: Uint8Array;
  #length = 0;

  constructor(aboutBytes: number) {
    this.#whole = new Uint8Array(aboutBytes);
  }

  push(piece: string | Uint8Array): void {
    if (typeof piece === "string") return;
    const end = this.#length + piece.length;
    if (end > this.#whole.length) {
      const larger = new Uint8Array(end * 2);
      larger.set(this.#whole.subarray(0, this.#length));
      this.#whole = larger;
    }
    this.#whole.set(piece, this.#length);
    this.#length = end;
  }

  value(): Uint8Array {
    return this.#whole.subarray(0, this.#length);
  }
}

/**
 * A bag like any other to those who ask it. What it holds back cannot be sent to another thread: that fails rather than
 * leaving it out.
 */
export class LargeBag extends Map<PropertyTag, PropertyValue | LargeValue> {
  override get(tag: PropertyTag): PropertyValue | undefined {
    const found = super.get(tag);
    return found instanceof LargeValue ? found.value() : found;
  }

  override getOrInsert(tag: PropertyTag, value: PropertyValue): PropertyValue {
    return this.getOrInsertComputed(tag, () => value);
  }

  override getOrInsertComputed(tag: PropertyTag, make: (tag: PropertyTag) => PropertyValue): PropertyValue {
    if (!this.has(tag)) this.set(tag, make(tag));
    return this.get(tag)!;
  }

  /** What stands for the value of a tag; undefined for one that is held. */
  large(tag: PropertyTag): LargeValue | undefined {
    const found = super.get(tag);
    return found instanceof LargeValue ? found : undefined;
  }

  override forEach(visit: (value: PropertyValue, tag: PropertyTag, bag: LargeBag) => void): void {
    for (const [tag, value] of this) visit(value, tag, this);
  }

  override *entries(): MapIterator<[PropertyTag, PropertyValue]> {
    for (const [tag, value] of super.entries()) yield [tag, value instanceof LargeValue ? value.value() : value];
  }

  override *values(): MapIterator<PropertyValue> {
    for (const [, value] of this) yield value;
  }

  override [Symbol.iterator](): MapIterator<[PropertyTag, PropertyValue]> {
    return this.entries();
  }
}

/** What stands for a value that is not held; undefined where it is held, or is not there. */
export function largeOf(bag: ReadonlyMap<PropertyTag, PropertyValue>, tag: PropertyTag): LargeValue | undefined {
  return bag instanceof LargeBag ? bag.large(tag) : undefined;
}

/** A text in pieces, wherever it is kept. */
export function textPieces(
  bag: ReadonlyMap<PropertyTag, PropertyValue>, tag: PropertyTag,
): Iterable<string> | undefined {
  const large = largeOf(bag, tag);
  if (large instanceof LargeText) return large.pieces();
  const value = bag.get(tag);
  return typeof value === "string" ? slices(value) : undefined;
}

/** Bytes in pieces, wherever they are kept. */
export function bytePieces(
  bag: ReadonlyMap<PropertyTag, PropertyValue>, tag: PropertyTag,
): Iterable<Uint8Array> | undefined {
  const large = largeOf(bag, tag);
  if (large instanceof LargeBytes) return large.pieces();
  const value = bag.get(tag);
  return value instanceof Uint8Array ? slices(value) : undefined;
}

/** Views of what is held, none of them large. */
export function* slices<T extends string | Uint8Array>(value: T): Generator<T> {
  if (value.length <= stepBytes) {
    yield value;
    return;
  }
  for (let at = 0; at < value.length; at += stepBytes) {
    yield (typeof value === "string" ? value.slice(at, at + stepBytes) : value.subarray(at, at + stepBytes)) as T;
  }
}

/** The beginning of a text or of bytes: at least `size` of it where there is that much. */
export function startOf(
  bag: ReadonlyMap<PropertyTag, PropertyValue>, tag: PropertyTag, size: number,
): string | Uint8Array | undefined {
  const large = largeOf(bag, tag);
  if (large === undefined) {
    const value = bag.get(tag);
    return typeof value === "string" || value instanceof Uint8Array ? value : undefined;
  }
  const taken: (string | Uint8Array)[] = [];
  let length = 0;
  for (const piece of large.pieces()) {
    taken.push(piece);
    length += piece.length;
    if (length >= size) break;
  }
  return large.join(taken);
}

/** Text in UTF-8, lone halves of characters replaced; whatever the pieces, the bytes are the same. RFC 3629 §3 */
export class Utf8Encoding {
  #held = "";

  write(piece: string): Buffer {
    const text = this.#held + piece;
    const last = text.charCodeAt(text.length - 1);
    this.#held = last >= 0xd800 && last <= 0xdbff ? text.slice(-1) : "";
    return Buffer.from(this.#held === "" ? text : text.slice(0, -1), "utf8");
  }

  end(piece = ""): Buffer {
    const text = this.#held + piece;
    this.#held = "";
    return Buffer.from(text, "utf8");
  }
}

export function* utf8Pieces(pieces: Iterable<string>): Generator<Buffer> {
  const encoding = new Utf8Encoding();
  for (const piece of pieces) yield encoding.write(piece);
  yield encoding.end();
}
