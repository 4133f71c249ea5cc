import { bytes, guid } from "#codec/binary/bytes.ts";
import { mapped } from "#codec/binary/combine.ts";
import { fileTime, i16, i32, i64, u32 } from "#codec/binary/numbers.ts";
import { makeType } from "#codec/binary/type.ts";
import type { Type } from "#codec/binary/type.ts";
import type { MapiScalar } from "#format/mapi/property.ts";

export const typeCodes = {
  Null: 0x0001, Integer16: 0x0002, Integer32: 0x0003, Floating32: 0x0004, Floating64: 0x0005, Currency: 0x0006,
  FloatingTime: 0x0007, ErrorCode: 0x000a, Boolean: 0x000b, Object: 0x000d, Integer64: 0x0014, String8: 0x001e,
  String: 0x001f, Time: 0x0040, Guid: 0x0048, Binary: 0x0102,
} as const;

const plainNaN = { 4: Buffer.from("0000c07f", "hex"), 8: Buffer.from("000000000000f87f", "hex") };

function floatOf(raw: Uint8Array): number | Uint8Array {
  const view = new DataView(raw.buffer, raw.byteOffset, raw.length);
  const value = raw.length === 4 ? view.getFloat32(0, true) : view.getFloat64(0, true);
  if (!Number.isNaN(value)) return value;
  return plainNaN[raw.length === 4 ? 4 : 8].equals(raw) ? Number.NaN : raw;
}

function bytesOf(value: number | Uint8Array, size: 4 | 8): Uint8Array {
  if (typeof value !== "number") return value;
  if (Number.isNaN(value)) return plainNaN[size];
  const raw = new Uint8Array(size);
  const view = new DataView(raw.buffer);
  if (size === 4) view.setFloat32(0, value, true);
  else view.setFloat64(0, value, true);
  return raw;
}

const float32 = mapped<Uint8Array, number | Uint8Array>(bytes(4), floatOf, (value) => bytesOf(value, 4));
const float64 = mapped<Uint8Array, number | Uint8Array>(bytes(8), floatOf, (value) => bytesOf(value, 8));
/** Two bytes; any but zero is true. */
const boolean16 = mapped<number, boolean>(i16, (raw) => raw !== 0, (value) => (value ? 1 : 0));

/** `inner`, and zeros up to a multiple of `unit` bytes from where it began. */
export function padded<T>(inner: Type<T>, unit: number): Type<T> {
  return makeType<T>({
    shape: inner.shape, isFixed: inner.isFixed, usesScope: inner.usesScope,
    sizeMin: Math.ceil(inner.sizeMin / unit) * unit,
    read: (reader) => {
      const from = reader.at;
      const value = inner.read(reader);
      reader.take((unit - ((reader.at - from) % unit)) % unit);
      return value;
    },
    write: (writer, value) => {
      const from = writer.at;
      inner.write(writer, value);
      const left = (unit - ((writer.at - from) % unit)) % unit;
      const at = writer.take(left);
      writer.bytes.fill(0, at, at + left);
    },
  });
}

/** Values of a size known beforehand, by type code, without padding. [MS-OXCDATA] 2.11.1 */
export const fixedTypes: ReadonlyMap<number, Type<MapiScalar>> = new Map<number, Type<MapiScalar>>([
  [typeCodes.Integer16, i16 as Type<MapiScalar>],
  [typeCodes.Integer32, i32 as Type<MapiScalar>],
  [typeCodes.Floating32, float32 as Type<MapiScalar>],
  [typeCodes.Floating64, float64 as Type<MapiScalar>],
  [typeCodes.Currency, i64 as Type<MapiScalar>],
  [typeCodes.FloatingTime, float64 as Type<MapiScalar>],
  [typeCodes.ErrorCode, u32 as Type<MapiScalar>],
  [typeCodes.Boolean, boolean16 as Type<MapiScalar>],
  [typeCodes.Integer64, i64 as Type<MapiScalar>],
  [typeCodes.Time, fileTime as Type<MapiScalar>],
  [typeCodes.Guid, guid as Type<MapiScalar>],
]);

/** Types whose values have a size of their own. */
export function isVariable(type: number): boolean {
  const base = type & ~0x1000;
  return base === typeCodes.String8 || base === typeCodes.String || base === typeCodes.Binary ||
    base === typeCodes.Object;
}

/** Text of UTF-16 bytes up to the NUL that ends it; an odd last byte is dropped. */
export function textOfUtf16(raw: Uint8Array): string {
  const buffer = Buffer.from(raw.buffer, raw.byteOffset, raw.length & ~1);
  let size = buffer.length;
  while (size >= 2 && buffer[size - 2] === 0 && buffer[size - 1] === 0) size -= 2;
  return buffer.toString("utf16le", 0, size);
}

/** 8-bit text without the NULs that end it. */
export function withoutNul(raw: Uint8Array): Uint8Array {
  let size = raw.length;
  while (size > 0 && raw[size - 1] === 0) size--;
  return size === raw.length ? raw : raw.subarray(0, size);
}
