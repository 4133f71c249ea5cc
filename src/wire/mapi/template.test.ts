/** Proves the layout of dialog templates: fixed rows first, each pointing to its text behind them; and of scripts. */
import { strict as assert } from "node:assert";
import { test } from "node:test";
import { makeTag } from "#props/types.ts";
import { encodeScript, encodeTemplate, scriptInstructions as step } from "#wire/mapi/template.ts";

test("a label and an edit control", () => {
  const place = { left: 10, width: 50, top: 8, height: 12 };
  const bytes = encodeTemplate([
    { ...place, type: "label", flags: 0, property: 0, sizeMax: 0, text: "&Name:" },
    { ...place, type: "edit", left: 64, flags: 0x20, property: makeTag(0x3001, "String8"), sizeMax: 256, text: "*" },
  ], (text) => Buffer.from(text, "latin1"));
  assert.equal(bytes.toString("hex"), [
    "01000000", "02000000",
    "0a000000", "32000000", "08000000", "0c000000", "00000000", "00000000", "00000000", "00000000", "50000000",
    "40000000", "32000000", "08000000", "0c000000", "01000000", "20000000", "1e000130", "00010000", "57000000",
    "264e616d653a00", "2a00",
  ].join(""));
});

test("a script: its size in words, then the words", () => {
  const property = makeTag(0x3003, "String8");
  const bytes = encodeScript([step.jumpIfNotExists, property, 24, step.emitProperty, property, step.halt, step.error]);
  assert.equal(bytes.toString("hex"), [
    "07000000", "04000000", "1e000330", "18000000", "02000000", "1e000330", "00000000", "01000000",
  ].join(""));
});
