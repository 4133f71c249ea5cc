/**
 * Proves that what passes in pieces is what it would be at once: properties over random texts and cuts against plain
 * definitions of the same steps (line ends, flowed lines, words of HTML, quoted-printable, UTF-8), the bag that holds
 * bodies back against an ordinary one, and the parts that HTML shows against one look at all of it.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { LargeBag, LargeBytes, LargeText, bytePieces, largeOf, startOf, textPieces, utf8Pieces } from "#convert/large.ts";
import { textOfHtml, unflow } from "#convert/mime/bodies.ts";
import { ShownParts } from "#convert/mime/shown-parts.ts";
import { HtmlWords, LineEnds, Unflowing, rewritten } from "#convert/mime/text-decoding.ts";
import { htmlToText } from "#format/html/to-text.ts";
import { QuotedPrintableEncoder, encodeQuotedPrintable } from "#format/mime/build.ts";
import { properties as p } from "#props/registry.ts";
import type { PropertyBag, PropertyTag } from "#props/types.ts";

function cutAt<T extends string | Uint8Array>(value: T, cuts: readonly number[]): T[] {
  const places = [...new Set(cuts.map((cut) => cut % (value.length + 1)))].sort((a, b) => a - b);
  return [0, ...places].map((start, index) => value.slice(start, places[index] ?? value.length) as T);
}

const cuts = fc.array(fc.nat(200), { maxLength: 6 });
const odd = fc.constantFrom("\r\n", "\r", "\n", " ", "  ", "> ", ">", ">>", "-- ", "-- \r\n", " \r\n", "<p>", "<br>", "&nbsp;",
  "&#13;", "<b>", "ä", "\u{1f600}", "\ud83d", "=", ".", "From ", "\t", "\0", "x".repeat(80), "word", "<a href='", "cid:a@b", "'>");
const text = fc.array(odd, { maxLength: 40 }).map((pieces) => pieces.join(""));
const runs = { numRuns: 2000 };

test("line ends, whatever the cuts", () => {
  fc.assert(fc.property(text, cuts, (whole, at) => {
    assert.equal([...rewritten(new LineEnds(), cutAt(whole, at))].join(""), whole.replaceAll(/\r\n|\r|\n/g, "\r\n"));
  }), runs);
});

/** RFC 3676 §4 read with all lines at hand. */
function unflowed(whole: string, deleteSpace: boolean): string {
  const out: string[] = [];
  let open: { depth: number; text: string } | null = null;
  const lines = whole.split("\r\n");
  for (const [index, line] of lines.entries()) {
    const [, quotes = "", stuffed = ""] = /^(>*) ?([^]*)$/.exec(line) ?? [];
    const goesOn: boolean = open !== null && open.depth === quotes.length && stuffed !== "-- ";
    if (open !== null && !goesOn) out.push(open.text);
    const start: string = goesOn ? open!.text : quotes === "" ? "" : `${quotes} `;
    const isSoft = stuffed.endsWith(" ") && stuffed !== "-- " && index < lines.length - 1;
    open = { depth: isSoft ? quotes.length : -1, text: start + (isSoft && deleteSpace ? stuffed.slice(0, -1) : stuffed) };
  }
  return [...out, open!.text].join("\r\n");
}

test("flowed lines, whatever the cuts between CR and LF left out", () => {
  fc.assert(fc.property(text, cuts, fc.boolean(), (raw, at, deleteSpace) => {
    const whole = raw.replaceAll(/\r\n|\r|\n/g, "\r\n");
    const pieces = [...rewritten(new LineEnds(), cutAt(whole, at))];
    assert.equal([...rewritten(new Unflowing(deleteSpace), pieces)].join(""), unflowed(whole, deleteSpace));
    assert.equal(unflow(whole, deleteSpace), unflowed(whole, deleteSpace));
  }), runs);
});

test("words of HTML, whatever the cuts", () => {
  fc.assert(fc.property(text, cuts, (whole, at) => {
    const lines = htmlToText(whole).split(/\r\n|\r|\n/).map((line) => line.trimEnd());
    const expected = lines.join("\n").replaceAll(/\n{3,}/g, "\n\n").trim().replaceAll("\n", "\r\n");
    assert.equal(textOfHtml(whole), expected);
    assert.equal([...rewritten(new HtmlWords(), cutAt(whole, at))].join(""), expected);
  }), runs);
});

test("quoted-printable and UTF-8, whatever the cuts", () => {
  fc.assert(fc.property(text, cuts, (whole, at) => {
    assert.equal(Buffer.concat([...utf8Pieces(cutAt(whole, at))]).toString("hex"), Buffer.from(whole, "utf8").toString("hex"));
    const bytes = Buffer.from(whole, "utf8");
    const encoder = new QuotedPrintableEncoder();
    const pieces = cutAt<Uint8Array>(bytes, at).map((piece) => encoder.write(piece));
    assert.equal(Buffer.concat([...pieces, encoder.end()]).toString("latin1"), encodeQuotedPrintable(bytes).toString("latin1"));
  }), runs);
});

test("what HTML shows is found across cuts", () => {
  const html = `${"<p>text</p>".repeat(700)}<img src="cid:one@x">${" ".repeat(5000)}<a href='http://x/${"y".repeat(900)}'>` +
    `<td background=two.gif>${"z".repeat(9000)}xcid:no <img src=cid:last%40x`;
  for (let step = 1; step < 12_000; step = step * 2 + 1) {
    const found = new ShownParts();
    for (let at = 0; at < html.length; at += step) found.write(Buffer.from(html.slice(at, at + step), "latin1"));
    found.end();
    const shown = (id: string | null, location: string | null): boolean => found.isShown(id, location);
    assert.deepEqual([shown("one@x", null), shown("last@x", null), shown("no", null), shown(null, "two.gif"),
      shown(null, `http://x/${"y".repeat(900)}`), shown(null, `http://x/${"y".repeat(899)}`)],
    [true, true, false, true, true, false], String(step));
  }
});

const bytes = Buffer.from("aäb".repeat(200_000), "utf8");
const decoding = () => ({ write: (some: Uint8Array) => Buffer.from(some).toString("latin1"), end: () => "." });

test("a bag that holds nothing large is an ordinary one to those who ask it", () => {
  let reads = 0;
  const read = (start: number, end: number): Uint8Array => {
    reads++;
    return bytes.subarray(start, end);
  };
  const bag = new LargeBag();
  const body = `${bytes.toString("latin1")}.`;
  bag.set(p.PidTagSubject.tag, "subject");
  bag.set(p.PidTagBody.tag, new LargeText(read, [{ start: 0, end: bytes.length, open: decoding }]));
  bag.set(p.PidTagHtml.tag, new LargeBytes(read, [{ start: 4, end: 8, open: () => ({ write: (some) => some, end: () => new Uint8Array(0) }) }]));
  const plain: PropertyBag = bag;
  assert.deepEqual([plain.size, plain.has(p.PidTagBody.tag), [...plain.keys()].length, reads], [3, true, 3, 0]);
  assert.ok(plain.get(p.PidTagBody.tag) === body && reads > 1);
  const copy: PropertyBag = new Map(plain);
  assert.ok(copy.get(p.PidTagBody.tag) === body);
  assert.deepEqual(copy.get(p.PidTagHtml.tag), bytes.subarray(4, 8));
  const seen: PropertyTag[] = [];
  plain.forEach((value, tag) => seen.push(value === body ? tag : p.PidTagSubject.tag));
  assert.deepEqual(seen, [p.PidTagSubject.tag, p.PidTagBody.tag, p.PidTagSubject.tag]);
  assert.equal([...plain.values()][1], body);
  assert.throws(() => structuredClone(bag), /could not be cloned/);
  assert.deepEqual(plain.getOrInsert(p.PidTagHtml.tag, bytes), bytes.subarray(4, 8));
  reads = 0;
  assert.equal((startOf(bag, p.PidTagBody.tag, 10) as string).slice(0, 10), body.slice(0, 10));
  assert.equal(reads, 1);
  assert.equal([...textPieces(bag, p.PidTagBody.tag) ?? []].join(""), body);
  assert.equal([...textPieces(copy, p.PidTagBody.tag) ?? []].join(""), body);
  assert.equal(Buffer.concat([...bytePieces(bag, p.PidTagHtml.tag) ?? []]).length, 4);
  bag.set(p.PidTagBody.tag, "short");
  assert.deepEqual([plain.get(p.PidTagBody.tag), largeOf(bag, p.PidTagBody.tag)], ["short", undefined]);
});
