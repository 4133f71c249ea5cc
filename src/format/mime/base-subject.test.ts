/**
 * Texts as they are sorted: rows of RFC 5256, any subject as the steps of its §2.1 taken one by one, hostile subjects in
 * little time, and the order of UTF-8 for any texts.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { baseSubject, inOrder } from "#format/mime/base-subject.ts";

test("base subjects", () => {
  const rows: [string, string, boolean][] = [
    ["Hello", "HELLO", false], ["Re: Hello", "HELLO", true], ["RE : re: Fwd: Hello", "HELLO", true],
    ["[list] Hello", "HELLO", false], ["Re: [list] Re[2]: Hello (fwd)  ", "HELLO", true],
    ["[fwd: Hello]", "HELLO", true],
    ["[Fwd: Re: Hello]", "HELLO", true], ["[list]", "[LIST]", false], ["", "", false], ["Re:", "", true],
    ["Regarding: x", "REGARDING: X", false], ["a\t  b", "A B", false], ["(fwd)(fwd)", "", true],
    ["fw: [a][b] x", "X", true],
  ];
  for (const [subject, base, isReply] of rows) assert.deepEqual(baseSubject(subject), { base, isReply }, subject);
  assert.equal(baseSubject("É").base, baseSubject("e\u0301").base);
  const began = performance.now();
  for (const hostile of ["[".repeat(100_000), "re:".repeat(50_000), " ".repeat(100_000), "[a]".repeat(50_000)]) {
    baseSubject(hostile);
  }
  assert.ok(performance.now() - began < 1000);
});

/** RFC 5256 §2.1, steps 1 to 6, with none of the short ways. */
function byTheSteps(subject: string): { base: string; isReply: boolean } {
  let text = subject.replaceAll(/[ \t\r\n]+/g, " ");
  let isReply = false;
  const take = (pattern: RegExp, marksReply: boolean): boolean => {
    const found = pattern.exec(text);
    if (found === null) return false;
    text = text.replace(pattern, "");
    isReply ||= marksReply;
    return true;
  };
  for (;;) {
    while (take(/\(fwd\)$/i, true) || take(/ $/, false)) continue;
    for (let before = ""; before !== text;) {
      before = text;
      if (take(/^(\[[^[\]]*\] *)*(re|fwd|fw) *(\[[^[\]]*\])? *:/i, true) || take(/^ /, false)) continue;
      const rest = text.replace(/^\[[^[\]]*\] */, "");
      if (rest !== "") text = rest;
    }
    const wrapped = /^\[fwd:(.*)\]$/i.exec(text);
    if (wrapped === null) return { base: text.toUpperCase(), isReply };
    text = wrapped[1]!;
    isReply = true;
  }
}

test("any subject loses what the steps take away", () => {
  const piece = fc.constantFrom("Re", "re", "fw", "FWD", ":", " ", "  ", "\t", "[", "]", "[a]", "[fwd:", "(fwd)", "(", "x", "report", "2");
  fc.assert(fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
    const subject = pieces.join("");
    assert.deepEqual(baseSubject(subject), byTheSteps(subject), JSON.stringify(subject));
  }), { numRuns: 3000 });
});

test("texts are in the order of their bytes", () => {
  const any = fc.string({ unit: "binary", maxLength: 5 });
  fc.assert(fc.property(any, any, (left, right) => {
    const [a, b] = [inOrder(left), inOrder(right)];
    assert.equal(Math.sign(Buffer.compare(Buffer.from(left), Buffer.from(right))), a < b ? -1 : a > b ? 1 : 0);
  }));
  assert.ok(inOrder("\u{1f600}") > inOrder("\uff5e"));
});
