/**
 * Folding by i;unicode-casemap: the document's example and each kind of character as a table, and that cutting a text
 * anywhere folds to the same.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { TextFolder, foldText } from "#format/mime/fold.ts";

const rows: readonly [name: string, text: string, folded: string][] = [
  ["letters", "Hello, World 1", "HELLO, WORLD 1"],
  // RFC 5051 §2
  ["the document's example", "\u01c4\u01c5\u01c6", "Dz\u030c".repeat(3)],
  ["an accent, composed and not", "\u00e9e\u0301", "E\u0301E\u0301"],
  ["a sharp s stays one letter", "Stra\u00dfe", "STRA\u00dfE"],
  ["a ligature comes apart after its case", "\ufb01", "fi"],
  ["wide letters", "\uff21\uff41", "AA"],
  ["a circled letter", "\u24d0", "A"],
  ["Greek", "\u03c3\u03c2", "\u03a3\u03a3"],
  ["Greek with a iota below", "\u1f80\u1fb3", "\u0391\u0313\u0345\u0391\u0345"],
  ["Georgian has no title case", "\u10d0", "\u10d0"],
  ["Cyrillic", "\u0439", "\u0418\u0306"],
  ["dotless and dotted i", "\u0131\u0130", "II\u0307"],
  ["a syllable of Hangul", "\uac00", "\u1100\u1161"],
  ["beyond the first plane", "\u{10428}\u{1d400}", "\u{10400}A"],
];

test("each kind of character", () => {
  for (const [name, text, folded] of rows) assert.equal(foldText(text), folded, name);
});

test("cut anywhere it is the same", () => {
  fc.assert(fc.property(fc.string({ unit: "grapheme", maxLength: 40 }), fc.nat(40), (text, at) => {
    const folder = new TextFolder();
    assert.equal(folder.write(text.slice(0, at)) + folder.write(text.slice(at)) + folder.end(), foldText(text));
  }), { numRuns: 500 });
});
