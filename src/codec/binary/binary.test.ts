/**
 * Proves the binary kit: golden bytes of structures printed in [MS-OXCDATA], [MS-OXOCAL], [MS-OXCPRPT], [MS-OXCTABL]
 * and [MS-DTYP]; tables of bad bytes and bad values with the offset and field path they are refused with; and, for a
 * layout of every combinator, that decode(encode(v)) is v and that any bytes give a value or a WireError.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { WireError } from "#base/fault.ts";
import { arbitrary, valueOrWireError } from "#codec/binary/test-kit.ts";
import { bytes, guid, latin1, latin1z, rest, utf16, utf16Bytes, utf16z, utf8, utf8z } from "#codec/binary/bytes.ts";
import { decode, decodePrefix, encode, encodeInto } from "#codec/binary/code.ts";
import {
  choose, constant, countOf, dynamic, equals, hasFlag, listOf, listOfRest, mapped, recursive, reserved, sized, struct,
  tagged, when,
} from "#codec/binary/combine.ts";
import {
  bool, enumeration, f32, f32be, f64, f64be, fileTime, flags, i16, i16be, i32, i32be, i64, i64be, i8, u16, u16be, u32,
  u32be, u64, u64be, u8,
} from "#codec/binary/numbers.ts";
import { print } from "#codec/binary/print.ts";
import { Writer } from "#codec/binary/type.ts";
import type { AnyType, Of, Type } from "#codec/binary/type.ts";

const hex = (text: string): Uint8Array => Buffer.from(text.replaceAll(/[\s-]/g, ""), "hex");

const openMessageRequest = struct({
  logonId: u8, inputHandleIndex: u8, outputHandleIndex: u8,
  codePageId: u16, folderId: u64, openModeFlags: u8, messageId: u64,
});
const queryRowsRequest = struct({
  ropId: constant(u8, 0x15), logonId: u8, inputHandleIndex: u8, queryRowsFlags: u8, forwardRead: bool, rowCount: u16,
});
const oneOffEntryId = struct({
  flags: constant(u32, 0), providerUid: guid, version: constant(u16, 0), bits: u16,
  names: choose((scope) => (scope.number("bits") & 0x8000 ? 1 : 0), {
    1: struct({ displayName: utf16z, addressType: utf16z, emailAddress: utf16z }),
    0: struct({ displayName: latin1z, addressType: latin1z, emailAddress: latin1z }),
  }),
});
const recurrencePattern = struct({
  readerVersion: constant(u16, 0x3004), writerVersion: constant(u16, 0x3004),
  recurFrequency: u16, patternType: u16, calendarType: u16, firstDateTime: u32, period: u32, slidingFlag: u32,
  patternTypeSpecific: choose("patternType", {
    0: struct({}), 1: struct({ weekDays: u32 }), 2: struct({ day: u32 }), 3: struct({ weekDays: u32, n: u32 }),
  }),
  endType: u32, occurrenceCount: u32, firstDayOfWeek: u32,
  deletedInstances: listOf(u32, u32), modifiedInstances: listOf(u32, u32),
  startDate: u32, endDate: u32,
});
const appointmentRecurrence = struct({
  pattern: recurrencePattern, readerVersion2: constant(u32, 0x3006), writerVersion2: u32,
  startTimeOffset: u32, endTimeOffset: u32, exceptionCount: constant(u16, 0),
  reservedBlock1: sized(u32, rest), reservedBlock2: sized(u32, rest),
});
const globalObjectId = struct({
  byteArrayId: bytes(16), yearHigh: u8, yearLow: u8, month: u8, day: u8, creationTime: fileTime, x: reserved(bytes(8)),
  data: bytes(u32),
});
const setMessageReadFlags = struct({
  logonId: u8, states: sized(u16, listOfRest(struct({ messageId: sized(u16, rest), read: bool }))),
});

const goldens: [name: string, type: AnyType, input: string, expected: unknown][] = [
  ["RopOpenMessage request, [MS-OXCROPS] 2.2.6.1.1", openMessageRequest,
    "00 00 01 ff0f 0100000000000001 00 0100000000000002",
    { logonId: 0, inputHandleIndex: 0, outputHandleIndex: 1, codePageId: 0x0fff, folderId: 0x0100000000000001n,
      openModeFlags: 0, messageId: 0x0200000000000001n }],
  ["RopQueryRows request, [MS-OXCFOLD] 4.5.1", queryRowsRequest, "15 00 00 00 01 3200",
    { logonId: 0, inputHandleIndex: 0, queryRowsFlags: 0, forwardRead: true, rowCount: 50 }],
  ["one-off EntryID, [MS-OXCDATA] 2.2.5.1", oneOffEntryId,
    "00000000 812B1FA4BEA310199D6E00DD010F5402 0000 0190 42006F0062000000 53004D00540050000000 " +
    "6200400078002E006F00720067000000",
    { providerUid: "a41f2b81-a3be-1910-9d6e-00dd010f5402", bits: 0x9001,
      names: { displayName: "Bob", addressType: "SMTP", emailAddress: "b@x.org" } }],
  ["Mondays at ten, [MS-OXOCAL] 2.2.1.44.5", appointmentRecurrence,
    "04300430 0b20 0100 0000 c0210000 01000000 00000000 02000000 22200000 0a000000 00000000 00000000 00000000 " +
    "40ef590d a0515b0d 06300000 09300000 58020000 94020000 0000 00000000 00000000",
    { pattern: { recurFrequency: 0x200b, patternType: 1, calendarType: 0, firstDateTime: 0x21c0, period: 1,
      slidingFlag: 0, patternTypeSpecific: { weekDays: 2 }, endType: 0x2022, occurrenceCount: 10, firstDayOfWeek: 0,
      deletedInstances: [], modifiedInstances: [], startDate: 0x0d59ef40, endDate: 0x0d5b51a0 },
    writerVersion2: 0x3009, startTimeOffset: 600, endTimeOffset: 660,
    reservedBlock1: hex(""), reservedBlock2: hex("") }],
  ["global object id, [MS-OXOCAL] 2.2.1.27", globalObjectId,
    "040000008200e00074c5b7101a82e008 00000000 00801c9a1e63dc01 0000000000000000 10000000 " +
    "33221100554477668899aabbccddeeff",
    { byteArrayId: hex("040000008200e00074c5b7101a82e008"), yearHigh: 0, yearLow: 0, month: 0, day: 0,
      creationTime: 134091072000000000n, data: hex("33221100554477668899aabbccddeeff") }],
  ["sizes around a list", setMessageReadFlags, "07 0800 0200 abcd 01 0000 00",
    { logonId: 7, states: [{ messageId: hex("abcd"), read: true }, { messageId: hex(""), read: false }] }],
  ["little endian", struct({ a: u16, b: i16, c: u32, d: i32, e: i8 }), "0180 feff 04030280 feffffff ff",
    { a: 0x8001, b: -2, c: 0x80020304, d: -2, e: -1 }],
  ["big endian", struct({ a: u16be, b: i16be, c: u32be, d: i32be }), "8001 fffe 80020304 fffffffe",
    { a: 0x8001, b: -2, c: 0x80020304, d: -2 }],
  ["64 bits", struct({ a: u64, b: i64, c: u64be, d: i64be }),
    "0100000000000080 feffffffffffffff 8000000000000001 fffffffffffffffe",
    { a: 0x8000000000000001n, b: -2n, c: 0x8000000000000001n, d: -2n }],
  ["floats", struct({ a: f32, b: f64, c: f32be, d: f64be }), "0000c03f 000000000000f8bf 3fc00000 bff8000000000000",
    { a: 1.5, b: -1.5, c: 1.5, d: -1.5 }],
  ["texts", struct({ a: utf16(u8), b: utf16Bytes(u8), c: latin1(u8), d: utf8(u8), e: utf8z, f: utf16z }),
    "02 610000d8 02 6200 02 e900 03 e282ac c3a900 00dc 0000",
    { a: "a\ud800", b: "b", c: "é\0", d: "€", e: "é", f: "\udc00" }],
  ["GUID, [MS-DTYP] 2.3.4", guid, "2903020000000000c000000000000046", "00020329-0000-0000-c000-000000000046"],
];

test("golden bytes, both ways", () => {
  for (const [name, type, input, expected] of goldens) {
    const from = hex(input);
    assert.deepEqual(plain(decode(type as Type<unknown>, from)), plain(expected), name);
    assert.equal(encode(type as Type<unknown>, expected).toString("hex"), Buffer.from(from).toString("hex"), name);
    for (let size = 0; size < from.length; size++) {
      assert.throws(() => decode(type as Type<unknown>, from.subarray(0, size)), WireError, `${name} cut at ${size}`);
    }
    const longer = Buffer.concat([from, hex("00")]);
    assert.throws(() => decode(type as Type<unknown>, longer), WireError, `${name} and a byte`);
  }
});

/** Views of a Buffer and of a Uint8Array count as the same bytes. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)]));
}

const nested: Type<Nested> = recursive(() => struct({ name: latin1z, children: listOf(u8, nested) }), 2);
interface Nested { readonly name: string; readonly children: readonly Nested[] }
const rows = struct({ rows: listOf(u8, struct({ id: u16, name: utf16z })) });

const badBytes: [name: string, type: AnyType, input: string, offset: number, path: string, message: RegExp][] = [
  ["short integer", struct({ a: u8, b: u32 }), "01 0203", 1, "b", /needs 4 bytes, 2 are left/],
  ["in a row", rows, "02 0100 61000000 0200 6200", 9, "rows[1].name", /no NUL/],
  ["trailing bytes", u8, "01 02", 1, "", /1 bytes follow/],
  ["count beyond the bytes", listOf(u32, u16), "ffffffff 0000", 4, "", /4294967295 items cannot stand in 2 bytes/],
  ["count of empty items", listOf(u32, struct({})), "ffffffff", 4, "", /more than allowed/],
  ["bytes beyond the end", struct({ a: bytes(u16) }), "0500 01", 2, "a", /needs 5 bytes/],
  ["size beyond the end", struct({ a: sized(u16, rest) }), "0500 01", 0, "a", /tells 5 bytes, 1 are left/],
  ["size not used up", struct({ a: sized(u16, u8) }), "0200 0102", 3, "a", /1 bytes are left over/],
  ["size too small inside", struct({ a: sized(u8, struct({ b: u16 })), c: u16 }), "01 01 0203", 1, "a.b", /1 are left/],
  ["size smaller than itself", sized(u16, rest, { covers: 2 }), "0100", 0, "", /does not cover/],
  ["constant", struct({ a: u8, b: constant(u16, 4) }), "00 0500", 1, "b", /is 5 where 4 must stand/],
  ["unknown choice", struct({ a: u8, b: choose("a", { 1: u8 }) }), "02 00", 1, "b", /no layout for 2/],
  ["inherited names are no choice", struct({ a: latin1z, b: choose("a", { x: u8 }) }), "746f537472696e6700 00", 9, "b",
    /no layout for toString/],
  ["unknown tag", struct({ x: tagged("a", u8, { 1: struct({ b: u8 }) }) }), "02 00", 0, "x", /no layout for 2/],
  ["unknown bits", struct({ f: flags(u8, { a: 1, b: 2 }) }), "05", 0, "f", /bits 0x4 have no meaning/],
  ["unknown name", struct({ f: enumeration(u8, { a: 1, b: 2 }) }), "05", 0, "f", /5 is none of 1, 2/],
  ["no UTF-8", utf8(u8), "02 c328", 1, "", /not UTF-8/],
  ["odd UTF-16", utf16Bytes(u8), "03 610000", 1, "", /odd size/],
  ["text without NUL in its bounds", struct({ a: sized(u8, latin1z), b: u8 }), "02 6161 00", 1, "a", /no NUL/],
  ["odd NUL", utf16z, "6100 0061 00", 0, "", /no NUL/],
  ["nested too deep", nested, "0001".repeat(300) + "0000", 512, "children[0].".repeat(256).slice(0, -1), /too deep/],
  ["refused by a mapping", struct({ a: mapped(u8, refuseOdd, refuseOdd) }), "03", 0, "a", /odd/],
];

function refuseOdd(value: number): number {
  if (value % 2 === 1) throw new WireError("odd", 0);
  return value;
}

function caught(body: () => unknown): WireError {
  try {
    body();
  } catch (error) {
    assert.ok(error instanceof WireError, String(error));
    return error;
  }
  throw new Error("nothing was thrown");
}

test("bad bytes are refused with offset and path", () => {
  for (const [name, type, input, offset, path, message] of badBytes) {
    const error = caught(() => decode(type as Type<unknown>, hex(input)));
    assert.equal(error.path, path, name);
    assert.equal(error.offset, offset, name);
    assert.match(error.message, message, name);
  }
});

const badValues: [name: string, type: AnyType, value: unknown, path: string, message: RegExp][] = [
  ["too large", struct({ a: u8 }), { a: 256 }, "a", /256 is no integer from 0 to 255/],
  ["negative", struct({ a: u16 }), { a: -1 }, "a", /-1 is no integer/],
  ["no integer", struct({ a: u32 }), { a: 1.5 }, "a", /1.5 is no integer/],
  ["NaN", struct({ a: i32 }), { a: Number.NaN }, "a", /NaN is no integer/],
  ["missing", struct({ a: u8, b: u8 }), { a: 1 }, "b", /undefined is no integer/],
  ["64 bits", struct({ a: u64 }), { a: 2n ** 64n }, "a", /is no 64-bit integer/],
  ["a number for 64 bits", struct({ a: u64 }), { a: 1 }, "a", /is no 64-bit integer/],
  ["below 64 bits", struct({ a: i64 }), { a: -(2n ** 63n) - 1n }, "a", /is no 64-bit integer/],
  ["in a list", struct({ rows: listOf(u8, struct({ id: u8 })) }), { rows: [{ id: 1 }, { id: 999 }] },
    "rows[1].id", /999/],
  ["count too large for its field", struct({ a: bytes(u8) }), { a: new Uint8Array(300) }, "a", /300/],
  ["wrong fixed size", struct({ a: bytes(4) }), { a: new Uint8Array(3) }, "a", /has 3 items where 4 are told/],
  ["wrong told size", struct({ n: u8, a: listOf("n", u8) }), { n: 2, a: [1] }, "a", /has 1 items where 2 are told/],
  ["NUL inside", struct({ a: utf16z }), { a: "a\0b" }, "a", /cannot hold/],
  ["no 8-bit text", struct({ a: latin1z }), { a: "€" }, "a", /above U\+00FF/],
  ["lone surrogate in UTF-8", struct({ a: utf8(u8) }), { a: "\ud800" }, "a", /surrogate/],
  ["no GUID", struct({ a: guid }), { a: "00020329-0000-0000-c000-00000000004" }, "a", /is no GUID/],
  ["needed and missing", struct({ f: u8, a: when(equals("f", 1), u8) }), { f: 1 }, "a", /is missing/],
  ["not wanted", struct({ f: u8, a: when(equals("f", 1), u8) }), { f: 0, a: 1 }, "a", /stands where none is told/],
  ["unknown name", struct({ f: enumeration(u8, { a: 1 }) }), { f: "toString" }, "f", /is none of a/],
  ["no struct", struct({ a: struct({ b: u8 }) }), { a: undefined }, "a", /is no struct/],
  ["no list", struct({ a: listOf(u8, u8) }), { a: 5 }, "a", /is no list/],
  ["no bytes", struct({ a: rest }), { a: "text" }, "a", /is no bytes/],
];

test("values that cannot be written are refused with their path, and the next call is not harmed", () => {
  for (const [name, type, value, path, message] of badValues) {
    const error = caught(() => encode(type as Type<unknown>, value));
    assert.equal(error.path, path, name);
    assert.match(error.message, message, name);
    assert.equal(encode(u16, 1).toString("hex"), "0100", name);
  }
  let deep: Nested = { name: "", children: [] };
  for (let depth = 0; depth < 300; depth++) deep = { name: "", children: [deep] };
  assert.match(caught(() => encode(nested, deep)).message, /too deep/);
});

test("limits and options", () => {
  const within = hex("0001".repeat(255) + "0000");
  assert.deepEqual(encode(nested, decode(nested, within)), Buffer.from(within), "256 levels are allowed");
  assert.throws(() => decode(nested, within, { depthMax: 100 }), /too deep/);
  assert.throws(() => decode(listOf(u8, u8), hex("03 010203"), { itemsMax: 2 }), /more than allowed/);
  assert.throws(() => decode(rest, hex("010203"), { sizeMaxBytes: 2 }), /more than 2/);
  assert.equal(decode(u8, hex("0102"), { trailing: "ignore" }), 1);
  assert.deepEqual(decodePrefix(u16, hex("ff 0100 ff"), 1), { value: 1, end: 3 });
  const row = dynamic((scope) => (scope.get("wide") === true ? u16 : u8));
  assert.equal(decode(row, hex("0100"), { given: { wide: true } }), 1);
  assert.equal(encode(row, 1, { given: { wide: true } }).length, 2);
  assert.equal(encode(row, 1).length, 1);
});

test("depth counts nesting, not siblings", () => {
  const siblings: Nested = { name: "", children: Array.from({ length: 200 }, () => ({ name: "", children: [] })) };
  const wide = listOf(u8, nested);
  const encoded = encode(wide, [siblings, siblings], { depthMax: 2 });
  assert.deepEqual(decode(wide, encoded, { depthMax: 2 }), [siblings, siblings]);
});

test("a field refers to the nearest struct, and to outer ones again after an inner one", () => {
  const inner = struct({ tag: u8, a: choose("tag", { 1: u8, 2: u16 }), b: choose("outer", { 9: u8 }) });
  const type = struct({ outer: u8, tag: u8, inner, own: choose("tag", { 1: u8, 2: u16 }) });
  const value = { outer: 9, tag: 1, inner: { tag: 2, a: 3, b: 4 }, own: 5 };
  assert.equal(encode(type, value).toString("hex"), "09010203000405");
  assert.deepEqual(decode(type, hex("09010203000405")), value);
});

test("a value larger than the buffer it is written to", () => {
  const type = listOf(u16, struct({ id: u32, text: utf16z, raw: bytes(u16) }));
  const value = Array.from({ length: 3000 }, (_, id) => ({ id, text: `row ${id}`, raw: new Uint8Array(id) }));
  assert.deepEqual(plain(decode(type, encode(type, value))), plain(value));
});

test("several values in one writer; a failed one leaves no trace", () => {
  const writer = new Writer(0);
  assert.equal(encodeInto(writer, u16, 1), 2);
  assert.throws(() => encodeInto(writer, struct({ a: u32, b: u8 }), { a: 1, b: 999 }), WireError);
  assert.equal(encodeInto(writer, bytes(u16), new Uint8Array(5000)), 5002);
  assert.equal(writer.toBytes().length, 5004);
});

const everything = struct({
  version: constant(u8, 3), itemCount: countOf(u16, "items"), kind: u8, flagBits: u8, pad: reserved(u32),
  mode: enumeration(u8, { read: 0, write: 1, best: 3 }), options: flags(u16, { first: 1, last: 0x8000 }),
  items: listOf("itemCount", struct({ id: u64, text: utf16z })),
  body: choose("kind", { 0: struct({}), 1: struct({ a: i16, b: f64 }), 2: utf16(u16), 3: listOf(u8, guid) }),
  extra: when(hasFlag("flagBits", 1), u32be), other: when((scope) => scope.number("flagBits") > 100, latin1z),
  both: sized(u16, struct({ size: u8, data: bytes("size"), more: rest }), { covers: 2 }),
  tree: nested, when: fileTime, negative: i64be, single: f32, yes: bool,
  cases: listOf(u8, tagged("op", u8, {
    0: struct({ all: listOf(u8, struct({ x: u8 })) }), 1: struct({ name: utf8z }),
    7: struct({ kindAgain: choose("kind", { 0: u8, 1: u16, 2: u32, 3: struct({}) }) }),
  })),
  inverted: mapped(u8, (raw) => 255 - raw, (value) => 255 - value),
  tail: listOfRest(utf16Bytes(u8)),
});

test("decode(encode(v)) is v for every combinator", () => {
  fc.assert(fc.property(arbitrary(everything), (value: Of<typeof everything>) => {
    const encoded = encode(everything, value);
    assert.deepEqual(plain(decode(everything, encoded)), plain({ extra: undefined, other: undefined, ...value }));
    assert.ok(print(everything, value).length > 0);
  }), { numRuns: 100 });
});

const hostile: readonly AnyType[] = [
  everything, nested, appointmentRecurrence, oneOffEntryId, rows, listOfRest(everything),
];

test("any bytes give a value or a WireError", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (input) => {
    for (const type of hostile) valueOrWireError(() => decode(type as Type<unknown>, input));
  }), { numRuns: 500 });
});

test("damaged bytes give a value, the same when written and read again, or a WireError", () => {
  fc.assert(fc.property(arbitrary(everything), fc.nat(), fc.nat(255), (value, place, byte) => {
    const damaged = encode(everything, value);
    damaged[place % damaged.length] = byte;
    const found = valueOrWireError(() => decode(everything, damaged));
    if (found !== undefined) assert.deepEqual(plain(decode(everything, encode(everything, found))), plain(found));
  }), { numRuns: 300 });
});

test("the trace printer", () => {
  const value = decode(globalObjectId, hex(goldens[4]![2]));
  assert.equal(print(globalObjectId, value), [
    "byteArrayId: 16 bytes 040000008200e00074c5b7101a82e008", "yearHigh: 0x00", "yearLow: 0x00", "month: 0x00",
    "day: 0x00", "creationTime: 0x01dc631e9a1c8000 2025-12-02T00:00:00.000Z",
    "data: 16 bytes 33221100554477668899aabbccddeeff",
  ].join("\n"));
  assert.equal(print(rows, { rows: [{ id: 1, name: "a" }] }), "rows: 1 items\nrows[0].id: 0x0001\nrows[0].name: \"a\"");
});
