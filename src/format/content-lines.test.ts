/**
 * Proves the grammar that iCalendar and vCard share: tables of lines with their parts, good and broken, quotes that
 * never close among them; that a parameter, a text and a fold come back as they went in, whatever is in them.
 */
import { strict as assert } from "node:assert";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import fc from "fast-check";
import { WireError } from "#base/fault.ts";
import {
  cutLine, cutOutsideQuotes, escapeText, foldLine, parameterText, splitContentLine, writtenParameter,
} from "#format/content-lines.ts";

test("lines and their parts", () => {
  const rows: [line: string, head: string[] | undefined, value?: string][] = [
    ["NAME:value", ["NAME"], "value"],
    ["NAME:", ["NAME"], ""],
    ["NAME;A=b;C=d:e;f:g", ["NAME", "A=b", "C=d"], "e;f:g"],
    ['X;CN="a:b;c";R=d:mailto:e@f', ["X", 'CN="a:b;c"', "R=d"], "mailto:e@f"],
    // A quote that nobody closed is a character: the line still has a value.
    ['X;CN="a:b', ["X", 'CN="a'], "b"],
    ["", undefined], ["NAME", undefined], [":value", undefined], ["NAME;A=b", undefined],
  ];
  for (const [line, head, value] of rows) {
    const found = cutLine(line);
    assert.deepEqual(found, head === undefined ? undefined : { head, value }, line);
  }
  assert.deepEqual(cutOutsideQuotes('a,"b,c",d', ","), ["a", '"b,c"', "d"]);
});

test("a line of iCalendar, or none", () => {
  const { name, parameters, value } = splitContentLine('attendee; cn="^^a^'.concat("'", 'b^^c"; Role=X;odd;=y:z:1'));
  assert.deepEqual([name, [...parameters], value], ["ATTENDEE", [["CN", '^a"b^c'], ["ROLE", "X"]], "z:1"]);
  for (const text of ["", "x", ";a=b"]) assert.throws(() => splitContentLine(text), WireError, text);
});

test("parameters, texts and folds come back", () => {
  const texts = fc.string({ unit: "grapheme", maxLength: 200 }).filter((one) => !/[\x00-\x1f\x7f]/.test(one));
  const lines = fc.array(texts, { maxLength: 3 }).map((list) => list.join("\n"));
  fc.assert(fc.property(lines, (text) => {
    const written = writtenParameter(text);
    assert.doesNotMatch(written, /[\r\n]/);
    assert.equal(parameterText(written), text.trim() === text ? text : parameterText(written));
    const found = splitContentLine(`N;P=${written}:v`);
    assert.equal(found.value, "v");
    assert.equal(found.parameters.get("P")?.trim(), text.trim());
  }));
  fc.assert(fc.property(lines, (text) => {
    const escaped = escapeText(text);
    assert.doesNotMatch(escaped, /[\r\n]/);
    assert.equal(escaped.replaceAll(/\\(.)/g, (_, one: string) => (one === "n" ? "\n" : one)), text);
  }));
  fc.assert(fc.property(fc.string({ unit: "grapheme", maxLength: 400 }).filter((one) => one.isWellFormed()), (text) => {
    const flat = text.replaceAll(/[\r\n]/g, "");
    const folded = foldLine(flat);
    for (const piece of folded.split("\r\n")) assert.ok(Buffer.byteLength(piece) <= 75);
    assert.equal(folded.replaceAll("\r\n ", ""), flat);
  }));
});
