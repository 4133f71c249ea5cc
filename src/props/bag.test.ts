/**
 * Proves the property types and the stored bag: rows of values that are easily lost, each property type with generated
 * values of its own layout, hostile and damaged bytes, and the look-up of one property against the whole bag.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { WireError } from "#base/fault.ts";
import { arbitrary, valueOrWireError } from "#codec/binary/test-kit.ts";
import { bagGet, bagHas, bagTags, bagValueSize, decodeBag, encodeBag } from "#props/bag.ts";
import {
  bagValue, isMultiple, isNamedTag, makeTag, propertyTag, propertyTypeName, propertyTypes, tagId, tagText, tagTypeCode,
  withTypeCode,
} from "#props/types.ts";
import type { PropertyBag, PropertyTag, PropertyTypeName, PropertyValue } from "#props/types.ts";
import { floatFromBytes, floatToBytes, valueTypeOf } from "#props/values.ts";

const hex = (text: string): Uint8Array => Buffer.from(text.replaceAll(" ", ""), "hex");
const typeNames = Object.keys(propertyTypes) as PropertyTypeName[];

/** Views of a Buffer and of a Uint8Array count as the same bytes. */
function plain(value: PropertyValue | undefined): unknown {
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString("hex")}`;
  if (Array.isArray(value)) return value.map((one: PropertyValue) => plain(one));
  return value;
}

function plainBag(bag: ReadonlyMap<PropertyTag, PropertyValue>): [number, unknown][] {
  return [...bag].sort(([a], [b]) => a - b).map(([tag, value]) => [tag, plain(value)]);
}

const kept: [name: string, type: PropertyTypeName, value: PropertyValue][] = [
  ["null", "Null", null],
  ["least integers", "Integer16", -0x8000], ["greatest", "Integer32", 0x7fff_ffff],
  ["least of 64 bits", "Integer64", -(2n ** 63n)],
  ["error codes are unsigned", "ErrorCode", 0x8004_010f],
  ["greatest time", "Time", 2n ** 64n - 1n],
  ["currency", "Currency", -12345n],
  ["zero below zero", "Floating64", -0], ["infinity", "Floating32", -Infinity], ["NaN", "Floating64", Number.NaN],
  ["NaN with a payload", "Floating64", hex("010000000000f87f")], ["a signalling NaN", "Floating32", hex("0100807f")],
  ["a negative NaN", "FloatingTime", hex("000000000000f8ff")],
  ["NaN in a list", "MultipleFloating64", [1.5, hex("010000000000f87f"), Number.NaN]],
  ["empty text", "String", ""], ["empty bytes", "Binary", hex("")], ["empty list", "MultipleString", []],
  ["empty items", "MultipleString", ["", ""]], ["empty byte items", "MultipleBinary", [hex(""), hex("")]],
  ["8-bit bytes", "String8", hex("e9ff00")],
  ["Latin-1", "String", "é\0ÿ"], ["wide", "String", "Ā"], ["a pair", "String", "😀"],
  ["surrogates alone", "String", "\ud800x\udfff"],
  ["surrogates alone in a list", "MultipleString", ["\udc00", "\ud800"]],
  ["false", "Boolean", false], ["true", "Boolean", true],
  ["guid", "Guid", "00020329-0000-0000-c000-000000000046"],
  ["guids", "MultipleGuid", ["00020329-0000-0000-c000-000000000046", "ffffffff-0000-0000-c000-000000000046"]],
];

test("values that are easily lost are kept", () => {
  for (const [name, type, value] of kept) {
    const tag = makeTag(0x1234, type);
    const encoded = encodeBag(new Map([[tag, value]]));
    assert.deepEqual(plain(decodeBag(encoded).get(tag)), plain(value), name);
    assert.deepEqual(plain(bagGet(encoded, tag)), plain(value), name);
  }
});

test("unknown types are bytes, and a tag may stand with several types", () => {
  const bag: PropertyBag = new Map<PropertyTag, PropertyValue>([
    [propertyTag(0x1234_4321), hex("0102")], [propertyTag(0x1234_001f), "text"],
    [propertyTag(0x1234_001e), hex("7465")],
    [propertyTag(0xffff_ffff), hex("")], [propertyTag(0), hex("00")],
  ]);
  assert.deepEqual(plainBag(decodeBag(encodeBag(bag))), plainBag(bag));
});

test("the bytes of a bag, and their independence from its order", () => {
  const bag: PropertyBag = new Map<PropertyTag, PropertyValue>([
    [propertyTag(0x0037_001f), "Hi"], [propertyTag(0x0017_0003), 1],
  ]);
  const golden = hex("01 02000000 03001700 0400 1f003700 0700 01000000 00 4869");
  assert.equal(Buffer.from(encodeBag(bag)).toString("hex"), Buffer.from(golden).toString("hex"));
  assert.deepEqual(encodeBag(new Map([...bag].reverse())), encodeBag(bag));
  assert.equal(Buffer.from(encodeBag(new Map())).toString("hex"), "0100000000");
  assert.equal(decodeBag(hex("0100000000")).size, 0);
});

test("neighbouring tags are told apart, and text takes one byte a character where it can", () => {
  const bag: PropertyBag = new Map(Array.from({ length: 40 }, (_, index) =>
    [propertyTag(0x1234_4000 + index * 2), Uint8Array.of(index)]));
  const encoded = encodeBag(bag);
  for (let index = 0; index < 40; index++) {
    const tag = propertyTag(0x1234_4000 + index * 2);
    assert.deepEqual(plain(bagGet(encoded, tag)), plain(Uint8Array.of(index)));
    assert.equal(bagHas(encoded, propertyTag(tag + 1)), false);
  }
  const text = makeTag(1, "String");
  assert.equal(bagValueSize(encodeBag(new Map([[text, "é\xff"]])), text), 3);
  assert.equal(bagValueSize(encodeBag(new Map([[text, "éĀ"]])), text), 5);
});

test("large values widen the positions", () => {
  const large = new Uint8Array(70_000).fill(7);
  const bag: PropertyBag = new Map<PropertyTag, PropertyValue>([
    [makeTag(1, "Binary"), large], [makeTag(2, "String"), "after"], [makeTag(3, "MultipleInteger32"), [1, 2]],
  ]);
  const encoded = encodeBag(bag);
  assert.equal(encoded[0], 2);
  assert.deepEqual(plainBag(decodeBag(encoded)), plainBag(bag));
  assert.equal(bagGet(encoded, makeTag(2, "String")), "after");
  assert.equal(bagValueSize(encoded, makeTag(1, "Binary")), 70_000);
  const tight = new Uint8Array(0xffff);
  assert.equal(encodeBag(new Map([[makeTag(1, "Binary"), tight]]))[0], 1);
  const numbersTag = makeTag(1, "MultipleInteger16");
  const many: PropertyBag = new Map([[numbersTag, new Array<number>(1_100_000).fill(1)]]);
  assert.equal(bagValue(decodeBag(encodeBag(many)), "MultipleInteger16", numbersTag)?.length, 1_100_000);
});

const badValues: [name: string, type: PropertyTypeName, value: PropertyValue][] = [
  ["out of range", "Integer16", 0x8000], ["unsigned", "Integer32", 0xffff_ffff], ["fraction", "Integer32", 1.5],
  ["number for 64 bits", "Integer64", 1], ["negative time", "Time", -1n], ["text for bytes", "Binary", "text"],
  ["bytes for text", "String", hex("00")], ["number for boolean", "Boolean", 1], ["no guid", "Guid", "x"],
  ["single for list", "MultipleString", "a"], ["bad item", "MultipleInteger32", [1, 2 ** 40]],
  ["float bytes of the wrong size", "Floating64", hex("00000000")],
];

test("a value that is not of its type is refused with its tag", () => {
  for (const [name, type, value] of badValues) {
    const tag = makeTag(0x1234, type);
    assert.throws(() => encodeBag(new Map([[tag, value]])), (error: unknown) => {
      assert.ok(error instanceof WireError, name);
      assert.ok(error.path.startsWith(tagText(tag)), name);
      return true;
    });
  }
});

const badBytes: [name: string, bytes: string, message: RegExp][] = [
  ["nothing", "", /version undefined/],
  ["unknown version", "0300000000", /version 3/],
  ["no count", "010000", /no count/],
  ["count too large", "01ffffffff", /4294967295 properties cannot stand/],
  ["bytes after", "010000000000", /follow the last value/],
  ["bytes after a value", "0101000000 03001700 0400 01000000 00", /follow the last value/],
  ["value beyond the end", "0101000000 03001700 0400 010000", /stands from/],
  ["value too long for its type", "0101000000 03001700 0500 0100000000", /left over/],
  ["value too short for its type", "0101000000 03001700 0300 010000", /needs 4 bytes/],
  ["values backwards", "0102000000 03001700 0400 03001800 0300 01000000", /stands from/],
  ["tags out of order", "0102000000 0b001800 0100 0b001700 0200 0101", /0x0017000B is out of order/],
  ["tag twice", "0102000000 0b001700 0100 0b001700 0200 0101", /0x0017000B is out of order/],
  ["boolean", "0101000000 0b001700 0100 02", /boolean 2/],
  ["character width", "0101000000 1f003700 0100 02", /character width 2/],
  ["odd wide text", "0101000000 1f003700 0200 0141", /odd size/],
  ["list item beyond its value", "0101000000 02111700 0500 05000000 00", /tells 5 bytes, 1 are left/],
];

test("bad bytes are refused", () => {
  for (const [name, bytes, message] of badBytes) {
    assert.throws(() => decodeBag(hex(bytes)),
      (error: unknown) => error instanceof WireError && message.test(error.message), name);
  }
});

const anyProperty: fc.Arbitrary<[PropertyTag, PropertyValue]> = fc
  .tuple(fc.nat(0xffff), fc.constantFrom(...typeNames))
  .chain(([id, name]) => arbitrary(valueTypeOf(propertyTypes[name].code)).map((value): [PropertyTag, PropertyValue] =>
    [makeTag(id, name), value]));
const anyBag = fc.array(anyProperty, { maxLength: 12 }).map((entries): PropertyBag => new Map(entries));

test("every type: decodeBag(encodeBag(bag)) is bag, and each property is found alone", () => {
  fc.assert(fc.property(anyBag, (bag) => {
    const encoded = encodeBag(bag);
    const decoded = decodeBag(encoded);
    assert.deepEqual(plainBag(decoded), plainBag(bag));
    assert.deepEqual(encodeBag(decoded), encoded);
    assert.deepEqual(bagTags(encoded), [...bag.keys()].sort((a, b) => a - b));
    for (const [tag, value] of bag) assert.deepEqual(plain(bagGet(encoded, tag)), plain(value));
    for (const name of typeNames) {
      const tag = makeTag(0x1234, name);
      assert.equal(bagHas(encoded, tag), bag.has(tag));
      if (!bag.has(tag)) assert.equal(bagGet(encoded, tag), undefined);
    }
  }), { numRuns: 200 });
});

test("any bytes, and damaged ones, give a bag or a WireError", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), fc.constantFrom(1, 2), (bytes, version) => {
    valueOrWireError(() => decodeBag(bytes));
    bytes[0] = version;
    valueOrWireError(() => decodeBag(bytes));
    valueOrWireError(() => bagGet(bytes, propertyTag(0x0037_001f)));
  }), { numRuns: 500 });
  fc.assert(fc.property(anyBag, fc.nat(), fc.nat(255), (bag, place, byte) => {
    const damaged = encodeBag(bag);
    damaged[place % damaged.length] = byte;
    const found = valueOrWireError(() => decodeBag(damaged));
    if (found !== undefined) assert.deepEqual(plainBag(decodeBag(encodeBag(found))), plainBag(found));
  }), { numRuns: 300 });
});

test("the bits of any float survive", () => {
  for (const size of [4, 8] as const) {
    fc.assert(fc.property(fc.uint8Array({ minLength: size, maxLength: size }), fc.boolean(), (raw, nan) => {
      if (nan) raw.fill(0xff, size - 2);
      assert.deepEqual(Buffer.from(floatToBytes(floatFromBytes(raw), size)), Buffer.from(raw));
    }), { numRuns: 300 });
  }
});

test("tags", () => {
  const subject = propertyTag(0x0037_001f);
  const named = propertyTag(0x8005_101f);
  assert.equal(tagId(named), 0x8005);
  assert.equal(tagTypeCode(named), 0x101f);
  assert.equal(withTypeCode(named, 0x101e), 0x8005_101e);
  assert.deepEqual([subject, named, propertyTag(0xffff_001f)].map(isNamedTag), [false, true, false]);
  assert.deepEqual([isMultiple(subject), isMultiple(named)], [false, true]);
  assert.equal(tagText(subject), "0x0037001F");
  assert.equal(propertyTypeName(0x001f), "String");
  assert.equal(propertyTypeName(0x0ffe), undefined);
  assert.throws(() => propertyTag(-1), RangeError);
  assert.throws(() => propertyTag(2 ** 32), RangeError);
  assert.equal(bagValue(new Map([[subject, "x"]]), "String", subject), "x");
  assert.equal(bagValue(new Map(), "String", subject), undefined);
  assert.throws(() => bagValue(new Map(), "Binary", subject), TypeError);
});
