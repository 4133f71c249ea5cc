/**
 * Proves sets of identifiers: the packed forms of known sets byte for byte, any set there and back, set algebra
 * against plain sets, and refusals of broken bytes.
 */
import { strict as assert } from "node:assert";
import { test } from "node:test";
import fc from "fast-check";
import { WireError } from "#base/fault.ts";
import { CounterSet, decodeIdSet, encodeGlobSet, encodeIdSet, encodeShortIdSet } from "#wire/mapi/id-set.ts";

const replica = "11111111-2222-3333-4444-555555555555";
const hex = (text: string): string => text.replaceAll(" ", "");
const unpack = (bytes: Buffer): CounterSet =>
  decodeIdSet(Buffer.concat([Buffer.from(hex("11111111 2222 3333 4444 555555555555"), "hex"), bytes])).values().next().value!;

test("packed forms", () => {
  const rows: [Iterable<number> | CounterSet, string][] = [
    [[1, 2, 3, 4, 5], "05 00 00 00 00 00 52 01 05 50 00"],
    [[0x10], "06 00 00 00 00 00 10 00"],
    [new CounterSet([{ low: 1, high: 0x1234 }]), "04 00 00 00 00 52 00 01 12 34 50 00"],
    [new CounterSet([{ low: 0x101, high: 0x110 }, { low: 0x205, high: 0x205 }]),
      "04 00 00 00 00 01 01 52 01 10 50 02 02 05 50 00"],
    [[1, 2, 5, 6, 7, 8, 9], "05 00 00 00 00 00 42 01 f9 50 00"],
    [[], "00"],
  ];
  for (const [counters, expected] of rows) {
    const set = counters instanceof CounterSet ? counters : CounterSet.of(counters);
    assert.equal(encodeGlobSet(set).toString("hex"), hex(expected));
    assert.deepEqual(unpack(encodeGlobSet(set)).ranges, set.ranges);
  }
});

test("states are in order of their replicas, answers name them by id", () => {
  const sets = new Map([["22222222-0000-0000-0000-000000000000", CounterSet.of([7])], [replica, CounterSet.of([0x20])]]);
  const bytes = encodeIdSet(sets);
  assert.equal(bytes.toString("hex", 0, 24), hex("11111111 2222 3333 4444 555555555555 06000000000020 00"));
  assert.deepEqual([...decodeIdSet(bytes).keys()], [replica, "22222222-0000-0000-0000-000000000000"]);
  assert.equal(encodeShortIdSet(1, CounterSet.of([0x0a])).toString("hex"), "0100060000000000" + "0a00");
  assert.equal(encodeShortIdSet(1, new CounterSet()).length, 0);
  assert.equal(decodeIdSet(Buffer.alloc(0)).size, 0);
});

const range = fc.tuple(fc.oneof(fc.nat(600), fc.maxSafeNat().map((one) => one % 2 ** 48)), fc.nat(300))
  .map(([low, length]) => ({ low, high: Math.min(low + length, 2 ** 48 - 1) }));

test("any set comes back, and knows what is in it", () => {
  fc.assert(fc.property(fc.array(range, { maxLength: 40 }), (ranges) => {
    const set = new CounterSet(ranges);
    assert.deepEqual(unpack(encodeGlobSet(set)).ranges, set.ranges);
    for (const { low, high } of ranges) {
      assert.ok(set.has(low) && set.has(high));
      assert.equal(set.has(high + 1), ranges.some((one) => one.low <= high + 1 && high + 1 <= one.high));
    }
  }));
});

test("adding and taking away agree with plain sets", () => {
  const small = fc.array(fc.nat(60), { maxLength: 30 });
  fc.assert(fc.property(small, small, (a, b) => {
    const plain = new Set(a);
    assert.deepEqual([...CounterSet.of(a).with(CounterSet.of(b).ranges)], [...plain.union(new Set(b))].sort((x, y) => x - y));
    assert.deepEqual([...CounterSet.of(a).without(CounterSet.of(b))],
      [...plain.difference(new Set(b))].sort((x, y) => x - y));
  }));
});

test("broken bytes are refused, whatever they are", () => {
  for (const bad of ["", "50", "07", "420101", "05000000000052", "0500000000005205 01 5000", "0500000000 00", "060000"]) {
    assert.throws(() => unpack(Buffer.from(hex(bad), "hex")), WireError, bad);
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
    try {
      decodeIdSet(bytes);
    } catch (error) {
      assert.ok(error instanceof WireError);
    }
  }));
});
