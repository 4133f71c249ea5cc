/**
 * Proves the text-line kit: tables of good and bad streams, and the property that cutting a stream into any chunks
 * changes nothing. The dotted data is checked against a plain model working on the whole text, and the writer against
 * the reader.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { WireError } from "#base/fault.ts";
import type { DotSummary } from "#codec/text/dot-reader.ts";
import { DotWriter, dotStuff } from "#codec/text/dot-writer.ts";
import { LineReader } from "#codec/text/line-reader.ts";
import type { LineReaderOptions } from "#codec/text/line-reader.ts";

const bytes = (text: string): Uint8Array => Buffer.from(text, "latin1");
const text = (value: Uint8Array): string => Buffer.from(value).toString("latin1");

/** A small protocol: `{n}` at the end of a line asks for a literal, `DATA` for dotted data, `TLS` discards. */
function run(chunks: readonly Uint8Array[], options: LineReaderOptions): { events: string[]; summaries: DotSummary[] } {
  const reader = new LineReader(options);
  const events: string[] = [];
  const summaries: DotSummary[] = [];
  let gathered = "";
  for (const chunk of chunks) {
    reader.push(chunk);
    for (let event = reader.next(); event !== undefined; event = reader.next()) {
      if (event.kind === "line") {
        const line = text(event.bytes);
        events.push(`line ${line}`);
        const size = /\{(\d+)\}$/.exec(line)?.[1];
        if (size !== undefined) reader.expectExact(Number(size));
        else if (line === "DATA") reader.expectDotted();
      } else if (event.kind === "error") {
        assert.ok(event.error instanceof WireError);
        events.push(`${event.reason} ${text(event.head)}`);
      } else if (event.kind === "end") {
        events.push(`data ${gathered}`);
        gathered = "";
        assert.ok(event.summary.sizeBytes >= 0);
        summaries.push(event.summary);
      } else {
        gathered += text(event.bytes);
        if (event.kind === "data") assert.ok(event.bytes.length > 0);
        if (event.kind === "literal" && event.remaining === 0) {
          events.push(`literal ${gathered}`);
          gathered = "";
        }
      }
    }
  }
  if (gathered !== "") events.push(`unfinished ${gathered}`);
  return { events, summaries };
}

const options: LineReaderOptions = { lineLengthMaxBytes: 8 };

const streams: [name: string, input: string, expected: string[]][] = [
  ["nothing", "", []],
  ["lines", "a\r\nbc\r\n\r\n", ["line a", "line bc", "line "]],
  ["an unfinished line waits", "a\r\nb", ["line a"]],
  ["bare LF ends a line", "a\nb\r\n\n", ["line a", "line b", "line "]],
  ["bare CR is content", "a\rb\r\nc\r\r\n", ["line a\rb", "line c\r"]],
  ["longest line", "12345678\r\n12345678\n", ["line 12345678", "line 12345678"]],
  ["one too long", "123456789\r\nnext\r\n", ["tooLong 12345678", "line next"]],
  ["a CR past the limit", "12345678\rx\r\nnext\r\n", ["tooLong 12345678", "line next"]],
  ["two CR past the limit", "12345678\r\r\nnext\r\n", ["tooLong 12345678", "line next"]],
  ["told before it ends", "1234567890", ["tooLong 12345678"]],
  ["much too long, then two", `${"x".repeat(500)}\r\na\r\nb\r\n`, ["tooLong xxxxxxxx", "line a", "line b"]],
  ["literal", "a {3}\r\nx\r\ny\r\n", ["line a {3}", "literal x\r\n", "line y"]],
  ["empty literal", "a {0}\r\ny\r\n", ["line a {0}", "literal ", "line y"]],
  ["literal that is a line end", "{2}\r\n\r\n\r\n", ["line {2}", "literal \r\n", "line "]],
  ["unfinished literal", "{5}\r\nabc", ["line {5}", "unfinished abc"]],
  ["data", "DATA\r\nx\r\n.\r\nQUIT\r\n", ["line DATA", "data x\r\n", "line QUIT"]],
  ["empty data", "DATA\r\n.\r\nQUIT\r\n", ["line DATA", "data ", "line QUIT"]],
  ["dots off", "DATA\r\n..\r\n...x\r\n.y\r\nz.\r\n.\r\nQ\r\n", ["line DATA", "data .\r\n..x\r\ny\r\nz.\r\n", "line Q"]],
  ["dot CR without LF is data", "DATA\r\n.\rx\r\n.\r\nQ\r\n", ["line DATA", "data \rx\r\n", "line Q"]],
  ["dot CR CR LF is data", "DATA\r\n.\r\r\n.\r\n", ["line DATA", "data \r\r\n"]],
  ["LF dot LF is no end", "DATA\r\nx\n.\nRSET\r\n.\r\n", ["line DATA", "data x\n.\nRSET\r\n"]],
  ["LF dot CRLF is no end", "DATA\r\nx\n.\r\nRSET\r\n.\r\n", ["line DATA", "data x\n.\r\nRSET\r\n"]],
  ["CRLF dot LF is no end", "DATA\r\nx\r\n.\nRSET\r\n.\r\n", ["line DATA", "data x\r\n\nRSET\r\n"]],
  ["CR dot CR is no end", "DATA\r\nx\r.\r\rRSET\r\n.\r\n", ["line DATA", "data x\r.\r\rRSET\r\n"]],
  ["CRLF NUL dot is no end", "DATA\r\nx\r\n\0.\r\n.\r\n", ["line DATA", "data x\r\n\0.\r\n"]],
  ["body lines may be longer than commands", "DATA\r\n1234567890\r\n.\r\n", ["line DATA", "data 1234567890\r\n"]],
];

test("streams, whole and one byte at a time", () => {
  for (const [name, input, expected] of streams) {
    assert.deepEqual(run([bytes(input)], options).events, expected, name);
    const single = Array.from(bytes(input), (byte) => Uint8Array.of(byte));
    assert.deepEqual(run(single, options).events, expected, `${name}, bytes`);
  }
});

test("bare LF is refused where asked", () => {
  const strict: LineReaderOptions = { ...options, bareLf: "refuse" };
  assert.deepEqual(run([bytes("a\nb\r\n\nc\r\n")], strict).events, ["bareLf a", "line b", "bareLf ", "line c"]);
});

const summaries: [name: string, body: string, expected: Partial<DotSummary>][] = [
  ["clean", "ab\r\n\r\n", { sizeBytes: 6, longestLineBytes: 4, bareLfCount: 0, bareCrCount: 0 }],
  ["clean", "ab\r\n\r\n", { nulCount: 0, hasEightBit: false }],
  ["doubled dots are not counted", "..abc\r\n", { sizeBytes: 6, longestLineBytes: 6 }],
  ["bare LF", "a\nb\n\r\n", { sizeBytes: 6, bareLfCount: 2, bareCrCount: 0, longestLineBytes: 6 }],
  ["bare CR", "a\rb\r\r\n", { bareLfCount: 0, bareCrCount: 2 }],
  ["bare CR after a dot", ".\rb\r\n", { sizeBytes: 4, bareCrCount: 1, longestLineBytes: 4 }],
  ["NUL", "\0\r\0\r\n", { nulCount: 2, bareCrCount: 1 }],
  ["eight bit", "caf\xe9\r\n", { hasEightBit: true }],
  ["eight bit after a CR", "caf\r\x80\r\n", { hasEightBit: true }],
];

test("what dotted data held is reported", () => {
  for (const [name, body, expected] of summaries) {
    for (const cut of [1, 2, 3, 1000]) {
      const stream = bytes(`DATA\r\n${body}.\r\n`);
      const chunks: Uint8Array[] = [];
      for (let at = 0; at < stream.length; at += cut) chunks.push(stream.subarray(at, at + cut));
      const summary = run(chunks, options).summaries[0];
      assert.ok(summary !== undefined, name);
      for (const [key, value] of Object.entries(expected)) {
        assert.equal(summary[key as keyof DotSummary], value, `${name}, ${key}, chunks of ${cut}`);
      }
    }
  }
});

test("discard drops pipelined commands and any unfinished state", () => {
  const reader = new LineReader(options);
  reader.push(bytes("STARTTLS\r\nEVIL\r\nhalf"));
  assert.equal(reader.next()?.kind, "line");
  assert.equal(reader.bufferedBytes, 10);
  assert.equal(reader.discard(), 10);
  assert.equal(reader.next(), undefined);
  reader.push(bytes("ok\r\n123456789"));
  const event = reader.next();
  assert.ok(event?.kind === "line" && text(event.bytes) === "ok");
  assert.equal(reader.next()?.kind, "error");
  reader.discard();
  reader.push(bytes("ok\r\n"));
  assert.equal(reader.next()?.kind, "line");
});

test("a line inside one chunk is not copied, an over-long one is not kept", () => {
  const reader = new LineReader(options);
  const chunk = bytes("abc\r\n");
  reader.push(chunk);
  const event = reader.next();
  assert.ok(event?.kind === "line" && event.bytes.buffer === chunk.buffer);
  for (let round = 0; round < 1000; round++) {
    reader.push(bytes("x".repeat(100)));
    while (reader.next() !== undefined);
    assert.ok(reader.bufferedBytes <= 16);
  }
});

test("the mode never changes inside a line", () => {
  const reader = new LineReader(options);
  reader.push(bytes("abc"));
  assert.equal(reader.next(), undefined);
  assert.throws(() => reader.expectExact(3), /between lines/);
  assert.throws(() => reader.expectDotted(), /between lines/);
});

const piece = fc.constantFrom(
  "\r\n", "\r", "\n", ".", "..", ".\r\n", "a", "bcd", "\0", "\xff", "DATA\r\n", " {3}\r\n", "{0}\r\n",
);
const stream = fc.array(piece, { maxLength: 40 }).map((parts) => bytes(parts.join("")));
const cuts = fc.array(fc.integer({ min: 0, max: 120 }), { maxLength: 12 });

test("cutting a stream anywhere changes nothing", () => {
  fc.assert(fc.property(stream, cuts, fc.boolean(), (whole, at, refuse) => {
    const opts: LineReaderOptions = { lineLengthMaxBytes: 8, bareLf: refuse ? "refuse" : "accept" };
    const sorted = [0, ...at, whole.length].sort((a, b) => a - b);
    const chunks = sorted.slice(1).map((to, index) => whole.subarray(sorted[index], to));
    const expected = run([whole], opts);
    assert.deepEqual(run(chunks, opts), expected);
    assert.deepEqual(run(Array.from(whole, (byte) => Uint8Array.of(byte)), opts), expected);
  }), { numRuns: 400 });
});

/** Unstuffing as RFC 5321 §4.5.2 says it, on the whole text. */
function unstuffed(data: string): string | undefined {
  const end = `\r\n${data}`.indexOf("\r\n.\r\n");
  if (end < 0) return undefined;
  return `\r\n${data}`.slice(0, end + 2).replaceAll("\r\n.", "\r\n").slice(2);
}

test("dotted data is what the model says", () => {
  fc.assert(fc.property(fc.array(piece, { maxLength: 40 }), (parts) => {
    const data = parts.join("");
    const expected = unstuffed(data);
    const { events } = run([bytes(`DATA\r\n${data}`)], { lineLengthMaxBytes: 8 });
    if (expected === undefined) assert.ok(!events.some((event) => event.startsWith("data")));
    else assert.equal(events[1], `data ${expected}`);
  }), { numRuns: 1000 });
});

const stuffings: [name: string, message: string, expected: string][] = [
  ["empty", "", ".\r\n"],
  ["last line ended", "a\r\n", "a\r\n.\r\n"],
  ["last line not ended", "a", "a\r\n.\r\n"],
  ["last byte CR", "a\r", "a\r\n.\r\n"],
  ["dots", ".\r\n..a\r\nb.\r\n", "..\r\n...a\r\nb.\r\n.\r\n"],
  ["bare LF before a dot", "a\n.\nb", "a\r\n..\r\nb\r\n.\r\n"],
  ["bare CR before a dot", "a\r.\rb", "a\r\n..\r\nb\r\n.\r\n"],
  ["CR CR LF", "a\r\r\nb\r\n", "a\r\n\r\nb\r\n.\r\n"],
];

test("stuffing, whole and one byte at a time", () => {
  for (const [name, message, expected] of stuffings) {
    assert.equal(text(dotStuff(bytes(message))), expected, name);
    const writer = new DotWriter();
    const parts = Array.from(bytes(message), (byte) => text(writer.write(Uint8Array.of(byte))));
    assert.equal(parts.join("") + text(writer.end()), expected, `${name}, bytes`);
  }
  const clean = bytes("nothing to change\r\n");
  assert.equal(new DotWriter().write(clean), clean, "given back as it is");
});

test("what the writer makes the reader takes apart, and no bare line end leaves", () => {
  fc.assert(fc.property(fc.array(piece, { maxLength: 40 }), cuts, (parts, at) => {
    const whole = bytes(parts.join(""));
    const writer = new DotWriter();
    const sorted = [0, ...at, whole.length].sort((a, b) => a - b);
    const sent = sorted.slice(1).map((to, index) => text(writer.write(whole.subarray(sorted[index], to)))).join("");
    const { events, summaries: [summary] } = run([bytes(`DATA\r\n${sent}${text(writer.end())}`)], options);
    let expected = text(whole).replace(/\r\n|\r|\n/g, "\r\n");
    if (expected !== "" && !expected.endsWith("\r\n")) expected += "\r\n";
    assert.deepEqual(events, ["line DATA", `data ${expected}`]);
    assert.equal(summary?.bareLfCount, 0);
    assert.equal(summary?.bareCrCount, 0);
  }), { numRuns: 500 });
});
