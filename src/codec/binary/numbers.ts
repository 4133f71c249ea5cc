import { makeType, Refusal } from "#codec/binary/type.ts";
import type { Reader, Type, Writer } from "#codec/binary/type.ts";

function checkInteger(value: number, min: number, max: number, writer: Writer): void {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new Refusal(`${String(value)} is no integer from ${min} to ${max}`, writer.at);
  }
}

function checkBigint(value: bigint, min: bigint, max: bigint, writer: Writer): void {
  if (typeof value !== "bigint" || value < min || value > max) {
    throw new Refusal(`${String(value)} is no 64-bit integer from ${min} to ${max}`, writer.at);
  }
}

function integer(
  bits: 8 | 16 | 32, isSigned: boolean, get: (reader: Reader, at: number) => number,
  set: (bytes: Uint8Array, at: number, value: number) => void,
): Type<number> {
  const size = bits / 8;
  const min = isSigned ? -(2 ** (bits - 1)) : 0;
  const max = isSigned ? 2 ** (bits - 1) - 1 : 2 ** bits - 1;
  return makeType({
    shape: { kind: "integer", bits, isSigned }, sizeMin: size, isFixed: true,
    read: (reader) => get(reader, reader.take(size)),
    write: (writer, value) => {
      checkInteger(value, min, max, writer);
      const at = writer.take(size);
      set(writer.bytes, at, value);
    },
  });
}

function set8(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
}
function set16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >> 8;
}
function set32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >> 8;
  bytes[at + 2] = value >> 16;
  bytes[at + 3] = value >> 24;
}
function set16be(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 8;
  bytes[at + 1] = value;
}
function set32be(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 24;
  bytes[at + 1] = value >> 16;
  bytes[at + 2] = value >> 8;
  bytes[at + 3] = value;
}
function get16({ bytes }: Reader, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8);
}
function get32({ bytes }: Reader, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}
function get16be({ bytes }: Reader, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}
function get32be({ bytes }: Reader, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}

/** Integers, little endian unless the name ends in `be`. Writing refuses what does not fit. */
export const u8 = integer(8, false, ({ bytes }, at) => bytes[at]!, set8);
export const i8 = integer(8, true, ({ bytes }, at) => (bytes[at]! << 24) >> 24, set8);
export const u16 = integer(16, false, get16, set16);
export const i16 = integer(16, true, (reader, at) => (get16(reader, at) << 16) >> 16, set16);
export const u32 = integer(32, false, (reader, at) => get32(reader, at) >>> 0, set32);
export const i32 = integer(32, true, get32, set32);
export const u16be = integer(16, false, get16be, set16be);
export const i16be = integer(16, true, (reader, at) => (get16be(reader, at) << 16) >> 16, set16be);
export const u32be = integer(32, false, (reader, at) => get32be(reader, at) >>> 0, set32be);
export const i32be = integer(32, true, get32be, set32be);

/** One 64-bit cell seen as words, bigints and floats: much cheaper than a DataView for each input. */
const words = new Uint32Array(2);
const cellUnsigned = new BigUint64Array(words.buffer);
const cellSigned = new BigInt64Array(words.buffer);
const cellFloat64 = new Float64Array(words.buffer);
const cellFloat32 = new Float32Array(words.buffer);
words[0] = 1;
/** Which word of the cell is the low one; the first, but for a big-endian machine. */
const low = cellUnsigned[0] === 1n ? 0 : 1;
const high = 1 - low;

function loadCell(reader: Reader, isLittle: boolean): void {
  const at = reader.take(8);
  words[low] = isLittle ? get32(reader, at) : get32be(reader, at + 4);
  words[high] = isLittle ? get32(reader, at + 4) : get32be(reader, at);
}

function storeCell(writer: Writer, isLittle: boolean): void {
  const at = writer.take(8);
  const set = isLittle ? set32 : set32be;
  set(writer.bytes, isLittle ? at : at + 4, words[low]!);
  set(writer.bytes, isLittle ? at + 4 : at, words[high]!);
}

function bigInteger(isSigned: boolean, isLittle: boolean, kind: "bigint" | "fileTime" = "bigint"): Type<bigint> {
  const min = isSigned ? -(2n ** 63n) : 0n;
  const max = isSigned ? 2n ** 63n - 1n : 2n ** 64n - 1n;
  const cell = isSigned ? cellSigned : cellUnsigned;
  return makeType({
    shape: kind === "fileTime" ? { kind } : { kind, isSigned }, sizeMin: 8, isFixed: true,
    read: (reader) => {
      loadCell(reader, isLittle);
      return cell[0]!;
    },
    write: (writer, value) => {
      checkBigint(value, min, max, writer);
      cell[0] = value;
      storeCell(writer, isLittle);
    },
  });
}

export const u64 = bigInteger(false, true);
export const i64 = bigInteger(true, true);
export const u64be = bigInteger(false, false);
export const i64be = bigInteger(true, false);

/** 100-nanosecond steps since 1601-01-01 UTC, unsigned. [MS-DTYP] 2.3.3 */
export const fileTime = bigInteger(false, true, "fileTime");

function checkFloat(value: number, writer: Writer): void {
  if (typeof value !== "number") throw new Refusal(`${String(value)} is no number`, writer.at);
}

function float32(isLittle: boolean): Type<number> {
  const get = isLittle ? get32 : get32be;
  const set = isLittle ? set32 : set32be;
  return makeType({
    shape: { kind: "float", bits: 32 }, sizeMin: 4, isFixed: true,
    read: (reader) => {
      words[0] = get(reader, reader.take(4));
      return cellFloat32[0]!;
    },
    write: (writer, value) => {
      checkFloat(value, writer);
      const at = writer.take(4);
      cellFloat32[0] = value;
      set(writer.bytes, at, words[0]!);
    },
  });
}

function float64(isLittle: boolean): Type<number> {
  return makeType({
    shape: { kind: "float", bits: 64 }, sizeMin: 8, isFixed: true,
    read: (reader) => {
      loadCell(reader, isLittle);
      return cellFloat64[0]!;
    },
    write: (writer, value) => {
      checkFloat(value, writer);
      cellFloat64[0] = value;
      storeCell(writer, isLittle);
    },
  });
}

/** IEEE 754. The payload of a NaN does not survive a JavaScript number; where it must, use `bytes`. */
export const f32 = float32(true);
export const f64 = float64(true);
export const f32be = float32(false);
export const f64be = float64(false);

/** One byte: 0 is false, anything else true; written as 0 or 1. [MS-OXCDATA] 2.11.1 */
export const bool: Type<boolean> = makeType({
  shape: { kind: "boolean" }, sizeMin: 1, isFixed: true,
  read: (reader) => reader.bytes[reader.take(1)] !== 0,
  write: (writer, value) => {
    if (typeof value !== "boolean") throw new Refusal(`${String(value)} is no boolean`, writer.at);
    const at = writer.take(1);
    writer.bytes[at] = value ? 1 : 0;
  },
});

/** Named bits of an unsigned integer. A bit without a name is refused, or dropped where `others` says "ignore". */
export function flags<const B extends Record<string, number>>(
  type: Type<number>, bits: B, others: "refuse" | "ignore" = "refuse",
): Type<{ readonly [K in keyof B]: boolean }> {
  const names = Object.keys(bits);
  const masks = Object.values(bits);
  const all = masks.reduce((sum, mask) => sum | mask, 0);
  return makeType({
    shape: { kind: "flags", bits }, sizeMin: type.sizeMin, isFixed: true,
    read: (reader) => {
      const at = reader.at;
      const raw = type.read(reader);
      if ((raw & ~all) !== 0 && others === "refuse") {
        throw new Refusal(`bits 0x${((raw & ~all) >>> 0).toString(16)} have no meaning`, at);
      }
      const value: Record<string, boolean> = {};
      for (let index = 0; index < names.length; index++) value[names[index]!] = (raw & masks[index]!) !== 0;
      return value as { [K in keyof B]: boolean };
    },
    write: (writer, value) => {
      let raw = 0;
      for (let index = 0; index < names.length; index++) if (value[names[index]!]) raw |= masks[index]!;
      type.write(writer, raw >>> 0);
    },
  });
}

/** An integer that stands for one of a few names; any other number is refused. */
export function enumeration<const B extends Record<string, number>>(
  type: Type<number>, numbers: B,
): Type<keyof B & string> {
  const nameOf = new Map(Object.entries(numbers).map(([name, number]) => [number, name]));
  return makeType({
    shape: { kind: "enumeration", names: Object.keys(numbers) }, sizeMin: type.sizeMin, isFixed: true,
    read: (reader) => {
      const at = reader.at;
      const raw = type.read(reader);
      const name = nameOf.get(raw);
      if (name === undefined) throw new Refusal(`${raw} is none of ${[...nameOf.keys()].join(", ")}`, at);
      return name;
    },
    write: (writer, name) => {
      const raw = Object.hasOwn(numbers, name) ? numbers[name] : undefined;
      if (raw === undefined) throw new Refusal(`"${name}" is none of ${[...nameOf.values()].join(", ")}`, writer.at);
      type.write(writer, raw);
    },
  });
}
