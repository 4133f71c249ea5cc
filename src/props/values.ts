/**
 * How the value of each property type is laid out inside an encoded bag. Sizes are known from outside, so single
 * values have no length of their own and lists of fixed-size values no count.
 */
import { bytes, guid, rest } from "#codec/binary/bytes.ts";
import { listOfRest, mapped, sized, struct } from "#codec/binary/combine.ts";
import { fileTime, i16, i32, i64, u32 } from "#codec/binary/numbers.ts";
import { makeType, Refusal } from "#codec/binary/type.ts";
import type { Type } from "#codec/binary/type.ts";
import { propertyTypes } from "#props/types.ts";
import type { FloatValue, PropertyTypeName, PropertyValue, ValueOf } from "#props/types.ts";

const narrow = 0;
const wide = 1;
const outsideLatin1 = /[^\x00-\xff]/;

/** One byte that says how wide a character is, then the characters up to the end. Any UTF-16 survives. */
const string: Type<string> = makeType({
  shape: { kind: "text", encoding: "utf16", count: u32, unit: 2 }, sizeMin: 1,
  read: (reader) => {
    const at = reader.take(1);
    const width = reader.bytes[at]!;
    const size = reader.end - reader.at;
    if (width !== narrow && width !== wide) throw new Refusal(`character width ${width}`, at);
    if (width === wide && size % 2 !== 0) throw new Refusal("wide text has an odd size", at);
    const from = reader.take(size);
    const raw = Buffer.from(reader.bytes.buffer, reader.bytes.byteOffset + from, size);
    return raw.toString(width === wide ? "utf16le" : "latin1");
  },
  write: (writer, value) => {
    if (typeof value !== "string") throw new Refusal("is no string", writer.at);
    const isWide = outsideLatin1.test(value);
    const size = isWide ? value.length * 2 : value.length;
    const at = writer.take(1 + size);
    writer.bytes[at] = isWide ? wide : narrow;
    writer.bytes.write(value, at + 1, size, isWide ? "utf16le" : "latin1");
  },
});

const boolean: Type<boolean> = makeType({
  shape: { kind: "boolean" }, sizeMin: 1, isFixed: true,
  read: (reader) => {
    const at = reader.take(1);
    const value = reader.bytes[at]!;
    if (value > 1) throw new Refusal(`boolean ${value}`, at);
    return value === 1;
  },
  write: (writer, value) => {
    if (typeof value !== "boolean") throw new Refusal("is no boolean", writer.at);
    const at = writer.take(1);
    writer.bytes[at] = value ? 1 : 0;
  },
});

/** The one NaN that a number stands for; every other keeps its bytes. */
const plainNaN = { 4: Buffer.from("0000c07f", "hex"), 8: Buffer.from("000000000000f87f", "hex") };

/** The value of a float's bytes, little endian. */
export function floatFromBytes(raw: Uint8Array): FloatValue {
  const view = new DataView(raw.buffer, raw.byteOffset, raw.length);
  const value = raw.length === 4 ? view.getFloat32(0, true) : view.getFloat64(0, true);
  if (!Number.isNaN(value)) return value;
  return plainNaN[raw.length === 4 ? 4 : 8].equals(raw) ? Number.NaN : raw;
}

/** The bytes of a float, little endian; a number is rounded to the size asked for. */
export function floatToBytes(value: FloatValue, size: 4 | 8): Uint8Array {
  if (typeof value !== "number") return value;
  if (Number.isNaN(value)) return plainNaN[size];
  const raw = new Uint8Array(size);
  const view = new DataView(raw.buffer);
  if (size === 4) view.setFloat32(0, value, true);
  else view.setFloat64(0, value, true);
  return raw;
}

const float32 = mapped<Uint8Array, FloatValue>(bytes(4), floatFromBytes, (value) => floatToBytes(value, 4));
const float64 = mapped<Uint8Array, FloatValue>(bytes(8), floatFromBytes, (value) => floatToBytes(value, 8));

const nothing = mapped<object, null>(struct({}), () => null, () => ({}));

/** Items of varying size stand in a size of their own. */
function several<T>(item: Type<T>): Type<readonly T[]> {
  return listOfRest(item.isFixed ? item : sized(u32, item));
}

/** One layout for each type that has a row in `propertyTypes`. */
const valueTypes: { readonly [N in PropertyTypeName]: Type<ValueOf<N>> } = {
  Null: nothing,
  Integer16: i16,
  Integer32: i32,
  Floating32: float32,
  Floating64: float64,
  Currency: i64,
  FloatingTime: float64,
  ErrorCode: u32,
  Boolean: boolean,
  Object: rest,
  Integer64: i64,
  String8: rest,
  String: string,
  Time: fileTime,
  Guid: guid,
  ServerId: rest,
  Restriction: rest,
  RuleAction: rest,
  Binary: rest,
  MultipleInteger16: several(i16),
  MultipleInteger32: several(i32),
  MultipleFloating32: several(float32),
  MultipleFloating64: several(float64),
  MultipleCurrency: several(i64),
  MultipleFloatingTime: several(float64),
  MultipleInteger64: several(i64),
  MultipleString8: several(rest),
  MultipleString: several(string),
  MultipleTime: several(fileTime),
  MultipleGuid: several(guid),
  MultipleBinary: several(rest),
};

const typeByCode = new Map<number, Type<PropertyValue>>(
  Object.entries(propertyTypes).map(([name, { code }]) => [code, valueTypes[name as PropertyTypeName]]),
);

/** The layout of the values of a type code; a code that is unknown holds bytes. */
export function valueTypeOf(code: number): Type<PropertyValue> {
  return typeByCode.get(code) ?? rest;
}
