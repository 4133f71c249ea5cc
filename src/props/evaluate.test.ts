// Restrictions against objects: a table of every kind, good and bad; and properties that hold for all of them.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { arbitrary } from "#codec/binary/test-kit.ts";
import { compareValues, foldCase, foldMarks } from "#props/compare.ts";
import { passes, tagsOf, untestable } from "#props/evaluate.ts";
import type { Testable } from "#props/evaluate.ts";
import { restriction } from "#props/structures.ts";
import type { Restriction } from "#props/structures.ts";
import { propertyTag } from "#props/types.ts";
import type { PropertyTag, PropertyValue } from "#props/types.ts";

const subject = propertyTag(0x0037_001f);
const subject8 = propertyTag(0x0037_001e);
const size = propertyTag(0x0e08_0003);
const flags = propertyTag(0x0e07_0003);
const time = propertyTag(0x0e06_0040);
const other = propertyTag(0x0039_0040);
const key = propertyTag(0x300b_0102);
const hasAttachments = propertyTag(0x0e1b_000b);
const categories = propertyTag(0x8001_101f);
const category = propertyTag(0x8001_001f);
const categoryInstance = propertyTag(0x8001_301f);
const missing = propertyTag(0x1000_001f);
const email = propertyTag(0x39fe_001f);

const testable = (values: readonly (readonly [PropertyTag, PropertyValue])[], parts?: Partial<Testable>): Testable => {
  const bag = new Map(values);
  return { get: (tag) => bag.get(tag), ...parts };
};
const message = testable([
  [subject, "Grüße aus Köln"], [size, 2000], [flags, 0x11], [time, 100n], [other, 50n],
  [key, Buffer.from("a1b2c3", "hex")], [hasAttachments, true], [categories, ["Red", "Work"]],
], {
  recipients: () => [testable([[email, "bob@example.test"]]), testable([[email, "carol@example.test"]])],
  attachments: () => [],
});

const content = (tag: PropertyTag, value: PropertyValue, low: number, high = 0, valueTag = tag): Restriction =>
  ({
    restrictType: 3, fuzzyLevelLow: low, fuzzyLevelHigh: high, propertyTag: tag,
    taggedValue: { tag: valueTag, value },
  });
const property = (relOp: number, tag: PropertyTag, value: PropertyValue, valueTag = tag): Restriction =>
  ({ restrictType: 4, relOp, propertyTag: tag, taggedValue: { tag: valueTag, value } });
const yes: Restriction = { restrictType: 8, propertyTag: subject };
const no: Restriction = { restrictType: 8, propertyTag: missing };

const rows: readonly [what: string, restriction: Restriction, expected: boolean][] = [
  ["exist", yes, true],
  ["exist, missing", no, false],
  ["exist as 8-bit text", { restrictType: 8, propertyTag: subject8 }, true],
  ["and", { restrictType: 0, restricts: [yes, yes] }, true],
  ["and, one not", { restrictType: 0, restricts: [yes, no] }, false],
  ["and of none", { restrictType: 0, restricts: [] }, true],
  ["or", { restrictType: 1, restricts: [no, yes] }, true],
  ["or of none", { restrictType: 1, restricts: [] }, false],
  ["not", { restrictType: 2, restriction: no }, true],
  ["substring", content(subject, "aus", 1), true],
  ["substring, other case", content(subject, "AUS", 1), false],
  ["substring, ignoring case", content(subject, "GRÜSSE", 1, 1), true],
  ["substring, ignoring marks", content(subject, "Grusse", 1, 2), false],
  ["substring, ignoring marks", content(subject, "Koln", 1, 2), true],
  ["substring, loose", content(subject, "koln", 1, 4), true],
  ["prefix", content(subject, "Grüße", 2), true],
  ["prefix that is inside", content(subject, "aus", 2), false],
  ["whole", content(subject, "Grüße aus Köln", 0), true],
  ["whole that is a part", content(subject, "Grüße", 0), false],
  ["8-bit text", content(subject8, Buffer.from("Köln", "latin1"), 1), true],
  ["content of what is missing", content(missing, "", 1), false],
  ["content, one of several", content(category, "work", 0, 1), true],
  ["content, instance column", content(categoryInstance, "Red", 0, 0, category), true],
  ["content of bytes", content(key, Buffer.from("b2", "hex"), 1), true],
  ["prefix of bytes", content(key, Buffer.from("b2", "hex"), 2), false],
  ["less", property(0, size, 2001), true],
  ["less, equal", property(0, size, 2000), false],
  ["at most", property(1, size, 2000), true],
  ["greater", property(2, time, 99n), true],
  ["at least", property(3, time, 101n), false],
  ["equal", property(4, hasAttachments, true), true],
  ["equal text ignores case", property(4, subject, "grüße AUS köln"), true],
  ["not equal", property(5, size, 1), true],
  ["not equal to what is missing", property(5, missing, "x"), true],
  ["equal to what is missing", property(4, missing, ""), false],
  ["equal, one of several", property(4, category, "Red"), true],
  ["not equal, none of several", property(5, category, "Red"), false],
  ["equal lists", property(4, categories, ["Red", "Work"]), true],
  ["other type", property(4, size, "2000", subject), false],
  ["expression is never met", property(6, subject, ".*"), false],
  ["two properties", { restrictType: 5, relOp: 2, propertyTag1: time, propertyTag2: other }, true],
  ["two properties, one missing", { restrictType: 5, relOp: 4, propertyTag1: subject, propertyTag2: missing }, false],
  ["bits set", { restrictType: 6, bitmapRelOp: 1, propertyTag: flags, mask: 0x10 }, true],
  ["bits clear", { restrictType: 6, bitmapRelOp: 0, propertyTag: flags, mask: 0x10 }, false],
  ["bits clear, indeed", { restrictType: 6, bitmapRelOp: 0, propertyTag: flags, mask: 0x02 }, true],
  ["bits of what is missing", { restrictType: 6, bitmapRelOp: 0, propertyTag: missing, mask: 1 }, false],
  ["size", { restrictType: 7, relOp: 4, propertyTag: key, size: 3 }, true],
  ["size of text", { restrictType: 7, relOp: 4, propertyTag: subject, size: 30 }, true],
  ["recipient",
    { restrictType: 9, subobject: propertyTag(0x0e12_000d), restriction: content(email, "CAROL", 1, 1) }, true],
  ["attachment", { restrictType: 9, subobject: propertyTag(0x0e13_000d), restriction: yes }, false],
  ["comment", { restrictType: 10, taggedValues: [], restrictionPresent: 1, restriction: no }, false],
  ["comment alone", { restrictType: 10, taggedValues: [], restrictionPresent: 0 }, true],
  ["count", { restrictType: 11, count: 5, restriction: yes }, true],
];

for (const [what, one, expected] of rows) {
  test(`${what}: ${expected}`, () => assert.equal(passes(one, message), expected));
}

test("membership is the caller's to tell", () => {
  const member = property(0x64, email, Buffer.from("01", "hex"), key);
  const person = testable([[email, "bob@example.test"]]);
  assert.equal(passes(member, person), false);
  const asked: PropertyValue[] = [];
  assert.equal(passes(member, person, { isMember: (value) => asked.push(value) > 0 }), true);
  assert.deepEqual(asked, ["bob@example.test"]);
});

test("any restriction is tested without an error, and its opposite is the opposite", () => {
  fc.assert(fc.property(arbitrary(restriction("rop")), (one) => {
    const result = passes(one, message);
    assert.equal(passes({ restrictType: 2, restriction: one }, message), !result);
    assert.ok(tagsOf(one) instanceof Set);
    untestable(one);
  }), { numRuns: 300 });
});

test("what cannot be tested is said", () => {
  assert.equal(untestable(property(6, subject, "x")), "a comparison with a regular expression");
  assert.equal(untestable({ restrictType: 2, restriction: property(9, subject, "x") }), "a comparison by operator 9");
  assert.equal(untestable({ restrictType: 0, restricts: [yes, content(subject, "x", 3)] }),
    "a content restriction of level 3");
  for (const [what, one] of rows.filter(([name]) => name !== "expression is never met")) {
    assert.equal(untestable(one), null, what);
  }
});

test("values of one type have one order", () => {
  const lists = [
    fc.array(fc.double(), { minLength: 3, maxLength: 3 }), fc.array(fc.bigInt(), { minLength: 3, maxLength: 3 }),
    fc.array(fc.string({ unit: "grapheme" }), { minLength: 3, maxLength: 3 }),
    fc.array(fc.uint8Array(), { minLength: 3, maxLength: 3 }),
    fc.array(fc.array(fc.integer()), { minLength: 3, maxLength: 3 }),
  ] as const;
  fc.assert(fc.property(fc.oneof(...lists), (values) => {
    const [a, b, c] = values as [PropertyValue, PropertyValue, PropertyValue];
    assert.equal(Math.sign(compareValues(a, b)!), -Math.sign(compareValues(b, a)!) + 0);
    if (compareValues(a, b)! <= 0 && compareValues(b, c)! <= 0) assert.ok(compareValues(a, c)! <= 0);
  }));
  assert.equal(compareValues(1, "1"), undefined);
  assert.equal(foldCase("STRASSE"), foldCase("straße"));
  assert.equal(foldMarks("naïve café"), "naive cafe");
});
