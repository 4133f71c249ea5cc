import { makeType, Refusal } from "#codec/binary/type.ts";
import type { Reader, Type, Writer } from "#codec/binary/type.ts";
import type { Count, TextEncoding } from "#codec/binary/shape.ts";

/** The count for what is about to be read. */
export function readCount(count: Count, reader: Reader): number {
  if (typeof count === "number") return count;
  if (typeof count !== "string") {
    const value = count.read(reader);
    if (typeof value !== "number") throw new Error("a count is an integer of at most 32 bits");
    return value;
  }
  if (reader.scope === undefined) throw new Error(`the count ${count} stands in no struct`);
  return reader.scope.number(count);
}

/** Writes the count where it stands in front, and checks it where it stands elsewhere. */
export function writeCount(count: Count, actual: number, writer: Writer): void {
  if (typeof count === "object") {
    count.write(writer, actual);
    return;
  }
  let expected: unknown = count;
  if (typeof count === "string") expected = writer.scope?.get(count);
  if (expected !== actual) throw new Refusal(`has ${actual} items where ${String(expected)} are told`, writer.at);
}

export function countSizeMin(count: Count): number {
  return typeof count === "object" ? count.sizeMin : 0;
}

/** Whether the count is taken from a field of the structs around it. */
export const isScoped = (count: Count | undefined): boolean =>
  typeof count === "string" || (typeof count === "object" && count.usesScope);

function view(reader: Reader, size: number): Uint8Array {
  const at = reader.take(size);
  return reader.bytes.subarray(at, at + size);
}

function checkBytes(value: unknown, writer: Writer): void {
  if (!(value instanceof Uint8Array)) throw new Refusal("is no bytes", writer.at);
}

/** Opaque bytes. What is read is a view of the input, not a copy. */
export function bytes(count: Count): Type<Uint8Array> {
  const fixedSize = typeof count === "number" ? count : 0;
  return makeType({
    shape: { kind: "bytes", count }, sizeMin: fixedSize + countSizeMin(count), isFixed: typeof count === "number",
    usesScope: isScoped(count),
    read: (reader) => view(reader, readCount(count, reader)),
    write: (writer, value) => {
      checkBytes(value, writer);
      writeCount(count, value.length, writer);
      writer.append(value);
    },
  });
}

/** Everything up to the end of the innermost bounded part. */
export const rest: Type<Uint8Array> = makeType({
  shape: { kind: "rest" }, sizeMin: 0,
  read: (reader) => view(reader, reader.end - reader.at),
  write: (writer, value) => {
    checkBytes(value, writer);
    writer.append(value);
  },
});

const utf8Decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const latin1Outside = /[^\x00-\xff]/;

function decodeText(encoding: TextEncoding, raw: Uint8Array, at: number): string {
  if (raw.length === 0) return "";
  if (encoding === "utf8") {
    try {
      return utf8Decoder.decode(raw);
    } catch (error) {
      if (error instanceof TypeError) throw new Refusal("is not UTF-8", at);
      throw error;
    }
  }
  // Surrogates that stand alone survive in both directions, as clients do send them.
  const buffer = Buffer.from(raw.buffer, raw.byteOffset, raw.length);
  return buffer.toString(encoding === "utf16" ? "utf16le" : "latin1");
}

function encodedSize(encoding: TextEncoding, value: string, writer: Writer): number {
  if (typeof value !== "string") throw new Refusal("is no text", writer.at);
  if (encoding === "utf16") return value.length * 2;
  if (encoding === "latin1") {
    if (latin1Outside.test(value)) throw new Refusal("has a character above U+00FF", writer.at);
    return value.length;
  }
  if (!value.isWellFormed()) throw new Refusal("has a surrogate that stands alone", writer.at);
  return Buffer.byteLength(value, "utf8");
}

function writeText(encoding: TextEncoding, value: string, size: number, writer: Writer): void {
  const at = writer.take(size);
  writer.bytes.write(value, at, size, encoding === "utf16" ? "utf16le" : encoding);
}

/** Position of the NUL that ends the text from `at`, one or two bytes wide. */
function findNul(reader: Reader, width: 1 | 2): number {
  const { bytes: all, at, end } = reader;
  if (width === 1) {
    const found = all.indexOf(0, at);
    if (found >= 0 && found < end) return found;
  } else {
    for (let index = at; index + 1 < end; index += 2) if (all[index] === 0 && all[index + 1] === 0) return index;
  }
  throw new Refusal("text has no NUL at its end", at);
}

function terminated(encoding: TextEncoding): Type<string> {
  const width = encoding === "utf16" ? 2 : 1;
  return makeType({
    shape: { kind: "text", encoding, count: undefined, unit: 1 }, sizeMin: width,
    read: (reader) => {
      const at = reader.at;
      const nul = findNul(reader, width);
      reader.at = nul + width;
      return decodeText(encoding, reader.bytes.subarray(at, nul), at);
    },
    write: (writer, value) => {
      const size = encodedSize(encoding, value, writer);
      if (value.includes("\0")) throw new Refusal("text that ends in a NUL cannot hold one", writer.at);
      writeText(encoding, value, size, writer);
      const at = writer.take(width);
      writer.bytes.fill(0, at, at + width);
    },
  });
}

/** `unit` bytes make one of the count. */
function counted(encoding: TextEncoding, count: Count, unit: 1 | 2): Type<string> {
  const fixedSize = typeof count === "number" ? count * unit : 0;
  return makeType({
    shape: { kind: "text", encoding, count, unit }, sizeMin: fixedSize + countSizeMin(count),
    isFixed: typeof count === "number", usesScope: isScoped(count),
    read: (reader) => {
      const size = readCount(count, reader) * unit;
      if (encoding === "utf16" && size % 2 !== 0) throw new Refusal("UTF-16 text has an odd size", reader.at);
      return decodeText(encoding, view(reader, size), reader.at - size);
    },
    write: (writer, value) => {
      const size = encodedSize(encoding, value, writer);
      writeCount(count, size / unit, writer);
      writeText(encoding, value, size, writer);
    },
  });
}

/** Text up to a NUL. 8-bit text comes as one character per byte; its code page is the caller's matter. */
export const utf16z: Type<string> = terminated("utf16");
export const latin1z: Type<string> = terminated("latin1");
export const utf8z: Type<string> = terminated("utf8");

/** Text of a counted size: `utf16` counts characters of two bytes, `utf16Bytes` and the others count bytes. */
export const utf16 = (count: Count): Type<string> => counted("utf16", count, 2);
export const utf16Bytes = (count: Count): Type<string> => counted("utf16", count, 1);
export const latin1 = (count: Count): Type<string> => counted("latin1", count, 1);
export const utf8 = (count: Count): Type<string> => counted("utf8", count, 1);

const hexOf = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
const guidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
/** Where the bytes of the wire stand in the text: the first three groups are little-endian integers. */
const guidOrder = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];

/** The text of 16 bytes, in lower case without braces. [MS-DTYP] 2.3.4 */
export function guidToText(from: Uint8Array, at = 0): string {
  let text = "";
  for (let index = 0; index < 16; index++) {
    text += hexOf[from[at + guidOrder[index]!]!]!;
    if (index === 3 || index === 5 || index === 7 || index === 9) text += "-";
  }
  return text;
}

const dash = 0x2d;
/** Of a character that the pattern let pass. */
const digitOf = (code: number): number => (code <= 0x39 ? code - 0x30 : (code | 0x20) - 0x57);

/** Writes a GUID's 16 bytes at `at`. Throws {@link Refusal} when the text is none. [MS-DTYP] 2.3.4 */
export function guidToBytes(text: string, to: Uint8Array, at = 0): void {
  if (typeof text !== "string" || !guidPattern.test(text)) throw new Refusal(`"${String(text)}" is no GUID`, at);
  // Read by character codes: thousands are written for one answer, and each cut of the text would be a string.
  let from = 0;
  for (let index = 0; index < 16; index++) {
    if (text.charCodeAt(from) === dash) from++;
    to[at + guidOrder[index]!] = (digitOf(text.charCodeAt(from)) << 4) | digitOf(text.charCodeAt(from + 1));
    from += 2;
  }
}

/** A GUID as text, `00020329-0000-0000-c000-000000000046`. [MS-DTYP] 2.3.4 */
export const guid: Type<string> = makeType({
  shape: { kind: "guid" }, sizeMin: 16, isFixed: true,
  read: (reader) => guidToText(reader.bytes, reader.take(16)),
  write: (writer, value) => {
    const at = writer.take(16);
    guidToBytes(value, writer.bytes, at);
  },
});

