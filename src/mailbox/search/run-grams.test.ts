/**
 * Proves that trigrams rule no text out which is there when compared as properties are: every character that either
 * folding makes ASCII letters of, between others, and all pieces of what it folds to; and that they rule out others.
 */
import { strict as assert } from "node:assert";
import { test } from "node:test";
import { foldText } from "#format/mime/fold.ts";
import { GramBuilder } from "#mailbox/search/grams.ts";
import type { GramDigits } from "#mailbox/search/grams.ts";
import { runTest } from "#mailbox/search/run-grams.ts";
import { foldCase } from "#props/compare.ts";

function gramsOf(text: string): GramDigits {
  const builder = new GramBuilder();
  builder.open()(foldText(text));
  const digits = Buffer.from(builder.end()).toString("hex");
  return { text: digits, start: 0, end: digits.length };
}

const hasLetters = (text: string): boolean => /[A-Za-z0-9]/.test(text);

test("pieces of texts with any character in them are not ruled out", () => {
  const odd: string[] = ["x"];
  for (let code = 0x80; code < 0x1_0000; code++) {
    if (code >= 0xd800 && code < 0xe000) continue;
    const character = String.fromCodePoint(code);
    if (hasLetters(foldCase(character)) || hasLetters(foldText(character))) odd.push(character);
  }
  assert.ok(odd.length > 20, `${odd.length}`);
  let tried = 0;
  for (const one of odd) {
    for (const text of [`ab${one}de`, `s${one}s`, `of${one}ice`, `${one}${one}en`, `fa${one}ft`]) {
      const grams = gramsOf(text);
      for (const shown of new Set([text, foldCase(text), text.toUpperCase()])) {
        // Only what the comparison itself would find.
        for (let from = 0; from < shown.length; from++) {
          for (let to = from + 3; to <= Math.min(shown.length, from + 8); to++) {
            const needle = shown.slice(from, to);
            if (!foldCase(text).includes(foldCase(needle))) continue;
            tried++;
            assert.notEqual(runTest(needle)?.(grams), false, JSON.stringify([text, needle]));
          }
        }
      }
    }
  }
  assert.ok(tried > 3000, `${tried}`);
});

test("NULs between letters are no letters", () => {
  assert.notEqual(runTest("foobar")!(gramsOf("fo\0ob\0ar")), false);
});

test("what is not there is ruled out; a text without three letters beside each other tells nothing", () => {
  const grams = gramsOf("A report about the office in the Stra\u00dfe, and nothing more.");
  for (const word of ["invoice", "xylophone", "Reporter2", "42nd", "quarterly"]) assert.equal(runTest(word)!(grams), false, word);
  for (const word of ["REPORT", "eport", "offic", "strasse", "Strass", "asse", "abou"]) assert.notEqual(runTest(word)?.(grams), false, word);
  for (const word of ["asse", "", "ab", "\u4f1a\u8b70\u5ba4", "a b c", "\u00e9t\u00e9"]) assert.equal(runTest(word), undefined, word);
});
