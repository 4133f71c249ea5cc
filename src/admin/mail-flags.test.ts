// Proves: flags and folder names in the spellings of mbox and Maildir, both ways; an mbox written piece by piece is
// the same whatever the pieces; by tables and a property.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { asctime, MboxLines } from "#admin/mail-export.ts";
import {
  fromKeywordLine, fromMaildirName, fromModifiedUtf7, fromStatus, keywordsOfMaildir, MaildirKeywords, readFlagFile,
  toFlagLine, toKeywordLine, toMaildirInfo, toModifiedUtf7, toStatusHeaders,
} from "#admin/mail-flags.ts";
import { messageFlags } from "#mailbox/api.ts";

const { seen, answered, flagged, deleted, draft, forwarded, mdnSent } = messageFlags;

test("Maildir flags", () => {
  const rows: [string, number][] = [
    ["1.x:2,", 0], ["1.x:2,S", seen], ["1.x,S=5:2,FRS", flagged | answered | seen], ["1.x:2,DPT", draft | forwarded | deleted],
    ["1.x", 0], ["1.x:1,S", 0], ["1.x;2,S", seen], ["1.x:2,Sab", seen],
  ];
  for (const [name, flags] of rows) assert.equal(fromMaildirName(name), flags, name);
  assert.equal(toMaildirInfo(seen | answered | flagged | deleted | draft | forwarded), "DFPRST");
});

test("mbox status", () => {
  const rows: [string, string, number][] = [
    ["RO", "", seen], ["O", "", 0], ["", "", 0], ["RO", "AFTD", seen | answered | flagged | draft | deleted],
  ];
  for (const [status, xStatus, flags] of rows) assert.equal(fromStatus(status, xStatus), flags, status + xStatus);
  assert.equal(toStatusHeaders(seen | flagged), "Status: RO\nX-Status: F\n");
  assert.equal(toStatusHeaders(0), "Status: O\n");
});

test("modified UTF-7", () => {
  // RFC 3501 §5.1.3 gives the first two.
  const rows: [string, string][] = [
    ["~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"], ["Tom & Jerry", "Tom &- Jerry"], ["Entwürfe", "Entw&APw-rfe"],
    ["plain", "plain"], ["😀", "&2D3eAA-"],
  ];
  for (const [name, code] of rows) {
    assert.equal(toModifiedUtf7(name), code);
    assert.equal(fromModifiedUtf7(code), name);
  }
  assert.equal(fromModifiedUtf7("a&b"), "a&b");
  assert.equal(fromModifiedUtf7("&AB-"), "&AB-");
});

test("dates of mbox", () => {
  assert.equal(asctime(0), "Thu Jan  1 00:00:00 1970");
  assert.equal(asctime(1_500_000_000_000), "Fri Jul 14 02:40:00 2017");
});

function inPieces(text: string, cuts: readonly number[]): string {
  const lines = new MboxLines();
  const bytes = Buffer.from(text, "latin1");
  const sorted = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((one, other) => one - other), bytes.length];
  const pieces: Buffer[] = [];
  for (let index = 1; index < sorted.length; index++) pieces.push(lines.convert(bytes.subarray(sorted[index - 1], sorted[index])));
  pieces.push(lines.end());
  return Buffer.concat(pieces).toString("latin1");
}

test("mbox lines", () => {
  const rows: [string, string][] = [
    ["A: b\r\n\r\nFrom x\r\n>From y\r\nFromage\r\n", "A: b\n\n>From x\n>>From y\nFromage\n\n"],
    ["A: b\r\n\r\nno end", "A: b\n\nno end\n\n"], ["A: b\r\n\r\n", "A: b\n\n\n"],
    ["A: b\r\n", "A: b\n\n"], ["", "\n"], ["A: b\n\nx\n", "A: b\n\nx\n\n"],
  ];
  for (const [text, expected] of rows) assert.equal(inPieces(text, []), expected, JSON.stringify(text));
});

test("pieces change nothing", () => {
  const part = fc.constantFrom("From x", ">From ", "\r\n", "\n", "\r", "abc", "F", ">", "\r\n\r\n", "y".repeat(1500));
  fc.assert(fc.property(fc.array(part, { maxLength: 12 }), fc.array(fc.nat(5000), { maxLength: 6 }), (parts, cuts) => {
    assert.equal(inPieces(parts.join(""), cuts), inPieces(parts.join(""), []));
  }), { numRuns: 500 });
});

test("keywords of mbox and Maildir", async () => {
  const words = ["Red category", "Grün", "work"];
  const line = toKeywordLine(forwarded | mdnSent, words);
  assert.equal(line, "X-Keywords: $Forwarded $MDNSent Red&ACA-category Gr&APw-n work\n");
  assert.deepEqual(fromKeywordLine(line.slice("X-Keywords:".length)), { flags: forwarded | mdnSent, keywords: words });
  assert.equal(toKeywordLine(seen, []), "");
  const letters = new MaildirKeywords();
  assert.deepEqual([letters.lettersOf(["b", "a"]), letters.lettersOf(["a"]), letters.file()], ["ab", "b", "0 b\n1 a\n"]);
  for (let index = 0; index < 40; index++) letters.lettersOf([`word${index}`]);
  assert.equal(letters.file().split("\n").length, 27);
  assert.deepEqual(keywordsOfMaildir("1.x:2,FSbc", new Map([["b", "B"]])), ["B"]);
  assert.equal(toFlagLine("1.eml", { flags: seen | flagged, keywords: ["a\tb"] }), "1.eml\tFS\ta b\n");
  assert.equal((await readFlagFile("/nowhere/flags.tsv")).size, 0);
});
