import { WireError } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { borrowWriter } from "#codec/binary/code.ts";
import { Reader, Refusal } from "#codec/binary/type.ts";
import { valueTypeOf } from "#props/values.ts";
import { tagText, tagTypeCode } from "#props/types.ts";
import type { PropertyBag, PropertyTag, PropertyValue, ReadonlyPropertyBag } from "#props/types.ts";

/**
 * The store's form of a property bag, little endian:
 *
 *     u8 version   1: positions are 16 bits wide, 2: they are 32 bits wide
 *     u32 count
 *     count × { u32 tag, position of the value's end }   ascending by tag, which makes equal bags equal bytes
 *     values, one after the other, laid out by `values.ts`
 *
 * Positions are counted from the first value. A single property is found by bisection without touching the others.
 */
const versionSmall = 1;
const versionLarge = 2;
const headerSize = 5;

interface Layout {
  readonly count: number;
  readonly entrySize: 6 | 8;
  /** Where the first value stands. */
  readonly dataAt: number;
}

/** The bytes of a bag. Throws WireError, with the tag as path, for a value that does not fit its tag's type. */
export function encodeBag(bag: ReadonlyPropertyBag): Uint8Array {
  const tags = Uint32Array.from(bag.keys()).sort();
  return borrowWriter((writer) => {
    const ends = new Uint32Array(tags.length);
    writer.depthLeft = limits.structureDepthMax;
    for (let index = 0; index < tags.length; index++) {
      const tag = tags[index] as PropertyTag;
      const value = bag.get(tag);
      try {
        if (value === undefined) throw new Refusal("is undefined", writer.at);
        valueTypeOf(tagTypeCode(tag)).write(writer, value);
      } catch (error) {
        throw asWireError(error, tag);
      }
      ends[index] = writer.at;
    }
    const isSmall = writer.at <= 0xffff;
    const entrySize = isSmall ? 6 : 8;
    const dataAt = headerSize + entrySize * tags.length;
    const encoded = Buffer.allocUnsafeSlow(dataAt + writer.at);
    encoded[0] = isSmall ? versionSmall : versionLarge;
    encoded.writeUInt32LE(tags.length, 1);
    let at = headerSize;
    for (let index = 0; index < tags.length; index++) {
      encoded.writeUInt32LE(tags[index]!, at);
      if (isSmall) encoded.writeUInt16LE(ends[index]!, at + 4);
      else encoded.writeUInt32LE(ends[index]!, at + 4);
      at += entrySize;
    }
    writer.bytes.copy(encoded, dataAt, 0, writer.at);
    return encoded;
  });
}

/** The bag of `encoded`, in the order of the tags; bytes inside it are views. Throws WireError. */
export function decodeBag(encoded: Uint8Array): PropertyBag {
  const layout = readLayout(encoded);
  const bag: PropertyBag = new Map();
  const reader = newReader(encoded);
  let before = -1;
  for (let index = 0; index < layout.count; index++) {
    const tag = tagAt(encoded, layout, index);
    if (tag <= before) throw new WireError(`${tagText(tag)} is out of order`, headerSize + index * layout.entrySize);
    before = tag;
    bag.set(tag, readValue(reader, layout, index, tag));
  }
  if (layout.count === 0 ? encoded.length !== headerSize : reader.at !== encoded.length) {
    throw new WireError("bytes follow the last value", layout.count === 0 ? headerSize : reader.at);
  }
  return bag;
}

/** The value of one property, or undefined when the bag has none of that tag. Throws WireError. */
export function bagGet(encoded: Uint8Array, tag: PropertyTag): PropertyValue | undefined {
  const layout = readLayout(encoded);
  const index = indexOf(encoded, layout, tag);
  if (index === undefined) return undefined;
  return readValue(newReader(encoded), layout, index, tag);
}

/** Whether the bag has the property; its value is not looked at. */
export function bagHas(encoded: Uint8Array, tag: PropertyTag): boolean {
  return indexOf(encoded, readLayout(encoded), tag) !== undefined;
}

/** Every tag of the bag, ascending; no value is looked at. */
export function bagTags(encoded: Uint8Array): PropertyTag[] {
  const layout = readLayout(encoded);
  const tags: PropertyTag[] = [];
  for (let index = 0; index < layout.count; index++) tags.push(tagAt(encoded, layout, index));
  return tags;
}

/** Bytes that the value of a property takes, for answers that leave large values to a stream. */
export function bagValueSize(encoded: Uint8Array, tag: PropertyTag): number | undefined {
  const layout = readLayout(encoded);
  const index = indexOf(encoded, layout, tag);
  if (index === undefined) return undefined;
  return positionAt(encoded, layout, index) - positionAt(encoded, layout, index - 1);
}

/** Items need no limit of their own: each takes at least two bytes of a bag that was allowed to be stored. */
function newReader(encoded: Uint8Array): Reader {
  return new Reader(encoded, 0, limits.structureDepthMax, encoded.length);
}

function u32At(from: Uint8Array, at: number): number {
  return (from[at]! | (from[at + 1]! << 8) | (from[at + 2]! << 16) | (from[at + 3]! << 24)) >>> 0;
}

function readLayout(encoded: Uint8Array): Layout {
  const version = encoded[0];
  if (version !== versionSmall && version !== versionLarge) throw new WireError(`bag version ${String(version)}`, 0);
  const entrySize = version === versionSmall ? 6 : 8;
  if (encoded.length < headerSize) throw new WireError("bag has no count", 1);
  const count = u32At(encoded, 1);
  const dataAt = headerSize + entrySize * count;
  if (dataAt > encoded.length) throw new WireError(`${count} properties cannot stand in ${encoded.length} bytes`, 1);
  return { count, entrySize, dataAt };
}

function tagAt(encoded: Uint8Array, layout: Layout, index: number): PropertyTag {
  return u32At(encoded, headerSize + index * layout.entrySize) as PropertyTag;
}

/** End of the value at `index`, in bytes from the first value; 0 for the place before the first. */
function positionAt(encoded: Uint8Array, layout: Layout, index: number): number {
  if (index < 0) return 0;
  const at = headerSize + index * layout.entrySize + 4;
  return layout.entrySize === 6 ? encoded[at]! | (encoded[at + 1]! << 8) : u32At(encoded, at);
}

function indexOf(encoded: Uint8Array, layout: Layout, tag: PropertyTag): number | undefined {
  let low = 0;
  let high = layout.count - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const found = tagAt(encoded, layout, middle);
    if (found === tag) return middle;
    if (found < tag) low = middle + 1;
    else high = middle - 1;
  }
  return undefined;
}

function readValue(reader: Reader, layout: Layout, index: number, tag: PropertyTag): PropertyValue {
  const { bytes } = reader;
  const from = layout.dataAt + positionAt(bytes, layout, index - 1);
  const to = layout.dataAt + positionAt(bytes, layout, index);
  try {
    if (from > to || to > bytes.length) {
      throw new Refusal(`stands from ${from} to ${to}`, headerSize + index * layout.entrySize);
    }
    reader.at = from;
    reader.end = to;
    const value = valueTypeOf(tagTypeCode(tag)).read(reader);
    if (reader.at !== to) throw new Refusal(`${to - reader.at} bytes are left over`, reader.at);
    return value;
  } catch (error) {
    throw asWireError(error, tag);
  }
}

function asWireError(error: unknown, tag: PropertyTag): unknown {
  return error instanceof Refusal ? error.within(tagText(tag)).toWireError() : error;
}
