/**
 * Proves transfer streams at the level of words: the worked example of a contents synchronization byte for byte,
 * values of every type there and back however the stream is cut, cuts only where they are allowed, and refusals.
 */
import { strict as assert } from "node:assert";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { WireError } from "#base/fault.ts";
import type { NamedId } from "#props/registry.ts";
import { makeTag } from "#props/types.ts";
import type { PropertyTag, PropertyValue } from "#props/types.ts";
import { CounterSet, encodeIdSet, encodeShortIdSet } from "#wire/mapi/id-set.ts";
import { metaTags, TransferReader, TransferWriter } from "#wire/mapi/transfer-stream.ts";
import type { TransferWord } from "#wire/mapi/transfer-stream.ts";

const replica = "11111111-2222-3333-4444-555555555555";
const factSheet = new URL("../../../../shared/spec/fxics.md", import.meta.url);
const skip = existsSync(factSheet) ? false : "the fact pack is not beside the project";

/** The bytes of the annotated dump, from its rows of offset, word and hexadecimal bytes. */
function workedExample(): Buffer {
  const rows = readFileSync(factSheet, "utf8").matchAll(/^([0-9A-F]{4})  .*?((?:[0-9a-f]{2} )*[0-9a-f]{2})$/gm);
  return Buffer.concat([...rows].map((row) => Buffer.from(row[2]!.replaceAll(" ", ""), "hex")));
}

const key = (counter: number): Buffer => Buffer.concat([
  Buffer.from("11111111222233334444555555555555", "hex"), Buffer.from(counter.toString(16).padStart(12, "0"), "hex"),
]);

function writeExample(writer: TransferWriter): void {
  const set = (low: number, high: number): Buffer => encodeIdSet(new Map([[replica, new CounterSet([{ low, high }])]]));
  writer.marker("IncrSyncChg");
  writer.property(makeTag(0x65e0, "Binary"), key(0x20));
  writer.property(makeTag(0x3008, "Time"), 0x01dc_631e_9a1c_8000n);
  writer.property(makeTag(0x65e2, "Binary"), key(0x31));
  writer.property(makeTag(0x65e3, "Binary"), Buffer.concat([Buffer.of(22), key(0x31)]));
  writer.property(makeTag(0x67aa, "Boolean"), false);
  writer.property(makeTag(0x674a, "Integer64"), BigInt.asIntN(64, 0x2000_0000_0000_0001n));
  writer.marker("IncrSyncMessage");
  writer.property(makeTag(0x001a, "String"), "IPM.Note");
  writer.property(makeTag(0x0037, "String"), "Hi");
  writer.property(makeTag(0x8001, "Boolean"), false, { guid: "00062008-0000-0000-c000-000000000046", id: 0x850e });
  writer.meta(metaTags.delProp, 0x0e12_000d);
  writer.marker("StartRecip");
  writer.property(makeTag(0x3000, "Integer32"), 0);
  writer.property(makeTag(0x3001, "String"), "Bob");
  writer.marker("EndToRecip");
  writer.meta(metaTags.delProp, 0x0e13_000d);
  writer.marker("IncrSyncDel");
  writer.meta(metaTags.idsetDeleted, encodeShortIdSet(1, CounterSet.of([0x0a])));
  writer.marker("IncrSyncRead");
  writer.meta(metaTags.idsetRead, encodeShortIdSet(1, CounterSet.of([0x15, 0x16])));
  writer.marker("IncrSyncStateBegin");
  writer.meta(metaTags.idsetGiven, set(0x15, 0x20));
  writer.meta(metaTags.cnsetSeen, set(1, 0x31));
  writer.meta(metaTags.cnsetSeenFai, set(1, 0x31));
  writer.meta(metaTags.cnsetRead, set(1, 0x31));
  writer.marker("IncrSyncStateEnd");
  writer.marker("IncrSyncEnd");
}

test("the worked contents synchronization, byte for byte", { skip }, () => {
  const writer = new TransferWriter();
  writeExample(writer);
  const expected = workedExample();
  assert.equal(expected.length, 443);
  assert.equal(writer.sizeBytes, 443);
  assert.equal(writer.take(1000).toString("hex"), expected.toString("hex"));
  assert.equal(writer.sizeBytes, 0);
});

/** Words as they are read when the stream comes in buffers of `size`. */
function readIn(bytes: Buffer, size: number): TransferWord[] {
  const reader = new TransferReader();
  const words: TransferWord[] = [];
  for (let at = 0; at < bytes.length; at += size) words.push(...reader.push(bytes.subarray(at, at + size)));
  assert.ok(reader.isAtWord);
  return words;
}

test("the example is read the same however it is cut", { skip }, () => {
  const bytes = workedExample();
  const whole = readIn(bytes, bytes.length);
  assert.equal(whole.filter(({ kind }) => kind === "marker").length, 9);
  const named = whole.find((word) => word.kind === "property" && word.name !== null);
  assert.deepEqual(named, {
    kind: "property", tag: 0x8001_000b, name: { guid: "00062008-0000-0000-c000-000000000046", id: 0x850e }, value: false,
  });
  for (let size = 1; size < 60; size++) assert.deepEqual(readIn(bytes, size), whole);
});

test("buffers end inside values alone", () => {
  const writer = new TransferWriter();
  writer.property(makeTag(0x0037, "String"), "abcdefgh");
  writer.property(makeTag(0x0017, "Integer32"), 1);
  assert.equal(writer.take(3).length, 0, "a tag is never cut");
  assert.equal(writer.take(7).length, 4, "nor is a length");
  assert.equal(writer.take(7).length, 7);
  assert.equal(writer.take(100).length, 15 + 8);
});

const value = fc.oneof(
  fc.record({ type: fc.constant("Integer16" as const), value: fc.integer({ min: -32768, max: 32767 }) }),
  fc.record({ type: fc.constant("Integer32" as const), value: fc.integer() }),
  fc.record({ type: fc.constant("Boolean" as const), value: fc.boolean() }),
  fc.record({ type: fc.constant("Integer64" as const), value: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }) }),
  fc.record({ type: fc.constant("Time" as const), value: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) }),
  fc.record({ type: fc.constant("Floating64" as const), value: fc.double() }),
  fc.record({ type: fc.constant("Guid" as const), value: fc.uuid() }),
  fc.record({ type: fc.constant("String" as const), value: fc.string({ unit: "binary" }) }),
  fc.record({ type: fc.constant("String8" as const), value: fc.uint8Array().map((one) => Buffer.from(one)) }),
  fc.record({ type: fc.constant("Binary" as const), value: fc.uint8Array().map((one) => Buffer.from(one)) }),
  fc.record({ type: fc.constant("MultipleInteger32" as const), value: fc.array(fc.integer()) }),
  fc.record({ type: fc.constant("MultipleString" as const), value: fc.array(fc.string()) }),
  fc.record({
    type: fc.constant("MultipleBinary" as const), value: fc.array(fc.uint8Array().map((one) => Buffer.from(one))),
  }),
);
const name: fc.Arbitrary<NamedId | null> = fc.option(fc.record({
  guid: fc.uuid(), id: fc.oneof(fc.nat(), fc.string({ minLength: 1 }).filter((one) => !one.includes("\0"))),
}));

test("values of every type come back, in buffers of any size", () => {
  fc.assert(fc.property(fc.array(fc.tuple(value, name), { maxLength: 8 }), fc.integer({ min: 40, max: 200 }),
    fc.integer({ min: 1, max: 90 }), (rows, takeBytes, pushBytes) => {
      const writer = new TransferWriter();
      const expected: { tag: PropertyTag; name: NamedId | null; value: PropertyValue }[] = [];
      for (const [one, given] of rows) {
        const named = given === null ? null : { guid: given.guid, id: given.id };
        const tag = makeTag(named === null ? 0x1234 : 0x8003, one.type);
        writer.property(tag, one.value, named);
        expected.push({ tag, name: named, value: one.value });
      }
      const taken: Buffer[] = [];
      while (writer.sizeBytes > 0) {
        const next = writer.take(takeBytes);
        taken.push(next.length > 0 ? next : writer.take(4096));
      }
      const words = readIn(Buffer.concat(taken), pushBytes);
      assert.deepEqual(words, expected.map((one) => ({ kind: "property", ...one })));
    }));
});

test("large bytes come in parts", () => {
  const writer = new TransferWriter();
  const bytes = Buffer.alloc(200_000, 7);
  writer.beginBytes(makeTag(0x3701, "Binary"), null, bytes.length);
  writer.part(bytes.subarray(0, 150_000));
  writer.part(bytes.subarray(150_000));
  writer.marker("EndAttach");
  const words = readIn(writer.take(1_000_000), 32_000);
  const parts = words.filter((word) => word.kind === "part");
  assert.ok(parts.length > 3 && parts.every((part, index) => part.more === (index < parts.length - 1)));
  assert.ok(Buffer.concat(parts.map((part) => part.bytes)).equals(bytes));
  assert.deepEqual(words.at(-1), { kind: "marker", marker: "EndAttach" });
});

test("text that tells its code page", () => {
  const head = Buffer.from("b0841f00", "hex");
  const text = Buffer.from("h\0i\0\0\0");
  const words = readIn(Buffer.concat([head, Buffer.from([6, 0, 0, 0]), text]), 100);
  assert.deepEqual(words, [{ kind: "property", tag: makeTag(0x001f, "String"), name: null, value: "hi" }]);
});

test("what is no stream is refused", () => {
  for (const bad of ["ff003700", "030000800000000000000000000000000000000002", "0201013700000000".slice(0, 8) + "ffffffff"]) {
    assert.throws(() => readIn(Buffer.from(bad, "hex"), 100), WireError, bad);
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
    try {
      [...new TransferReader().push(bytes)];
    } catch (error) {
      assert.ok(error instanceof WireError);
    }
  }));
});
