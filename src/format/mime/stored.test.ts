/**
 * Proves what is kept of a message beside its bytes: the text of an index gives the same index back, one of the first
 * version too, and header fields cut from bytes are those that the careful reader finds, for tables, the corpus and soup.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { WireError } from "#base/fault.ts";
import { FieldNames, headerFieldsSlice } from "#format/mime/header-slice.ts";
import { filterHeader } from "#format/mime/headers.ts";
import { decodeMimeIndex, encodeMimeIndex } from "#format/mime/index-text.ts";
import { indexMessage } from "#format/mime/indexer.ts";
import { corpusMessages, corpusMissing } from "../../../test/support/corpus.ts";
import type { MimeIndex } from "#format/mime/types.ts";

const plain = (index: MimeIndex): unknown => JSON.parse(JSON.stringify(index));

const messages: readonly (readonly [name: string, message: string])[] = [
  ["nothing", ""],
  ["a body alone", "\r\nbody"],
  ["all of an envelope", "Date: 1\r\nSubject: =?utf-8?Q?=C3=A4?=\r\nFrom: A <a@b>\r\nSender: c@d\r\nReply-To: e@f, g@h\r\n" +
    "To: g: x@y, z@w;\r\nCc: <@r:a@b>\r\nBcc: n\r\nIn-Reply-To: <1>\r\nMessage-ID: <2>\r\nReferences: <3>\r\n\r\n\0\xe4\n"],
  ["parts with every field", "Content-Type: multipart/mixed; boundary=b; x*=utf-8''%41\r\nContent-Language: de, en\r\n\r\n--b\r\n" +
    "Content-Type: message/rfc822\r\nContent-ID: <i>\r\nContent-Description: d\r\nContent-MD5: m\r\nContent-Location: l\r\n" +
    "Content-Disposition: attachment; filename=\"=?utf-8?Q?a?=\"\r\n\r\nSubject: in\r\nFrom: q@r\r\n\r\ntext\r\n--b--"],
];

test("the text of an index gives it back, and so does the JSON of the first version", () => {
  for (const [name, message] of messages) {
    const { index } = indexMessage(Buffer.from(message, "latin1"));
    const text = encodeMimeIndex(index);
    const read = decodeMimeIndex(text);
    assert.deepEqual(plain(read), plain(index), name);
    assert.deepEqual(read.root, index.root, name);
    assert.deepEqual([read.preview, read.attachmentNames], [index.preview, index.attachmentNames], name);
    assert.equal(encodeMimeIndex(read), text, name);
    const { headerStart: _, ...first } = index;
    assert.deepEqual(plain(decodeMimeIndex(JSON.stringify({ ...first, version: 1 }))), plain({ ...index, version: 1 }), name);
  }
});

test("a text that is no index is refused by name", () => {
  for (const text of ["", "1", "3 1 2\n", "x"]) assert.throws(() => decodeMimeIndex(text), WireError, text);
});

test("indexes of the corpus come back from their text", { skip: corpusMissing }, () => {
  for (const { name, bytes } of corpusMessages()) {
    const { index } = indexMessage(bytes);
    const text = encodeMimeIndex(index);
    assert.ok(text.length < JSON.stringify(index).length, name);
    assert.deepEqual(plain(decodeMimeIndex(text)), plain(index), name);
  }
});

const headers: readonly (readonly [header: string, names: readonly string[], not: boolean, expected: string])[] = [
  ["A: 1\r\nB: 2\r\nC: 3\r\n\r\n", ["b"], false, "B: 2\r\n\r\n"],
  ["A: 1\r\nB: 2\r\nC: 3\r\n\r\n", ["b"], true, "A: 1\r\nC: 3\r\n\r\n"],
  ["A: 1\r\n more\r\n\tstill\r\nB: 2\r\n\r\n", ["A"], false, "A: 1\r\n more\r\n\tstill\r\n\r\n"],
  ["a : 1\r\nA\t: 2\r\nAA: 3\r\n\r\n", ["a"], false, "a : 1\r\nA\t: 2\r\n\r\n"],
  ["A: 1\nB: 2", ["b"], false, "B: 2\r\n\r\n"],
  ["A: 1\r\nno field\r\nA: 2\r\n\r\nA: body", ["a"], false, "A: 1\r\nA: 2\r\n\r\n"],
  ["A: 1\r\nno field\r\nB: 2\r\n\r\n", ["a"], true, "B: 2\r\n\r\n"],
  ["A: \xe4\xf6\r\n\r\n", ["a"], false, "A: \xe4\xf6\r\n\r\n"],
  ["", ["a"], false, "\r\n"], ["\r\n", ["a"], true, "\r\n"], ["A: 1\r\n\r\n", [], false, "\r\n"],
];

test("header fields are cut as they stand", () => {
  for (const [header, names, not, expected] of headers) {
    assert.equal(headerFieldsSlice(Buffer.from(header, "latin1"), names, not).toString("latin1"), expected, header);
  }
  const unit = fc.constantFrom("a", "B", ":", " ", "\t", "\r\n", "\n", "\r", "-", "x: y\r\n", "Subject", "To:", "\0", "\xff", "é");
  const wanted = new FieldNames(["Subject", "to", "a", "X"]);
  const lower = new Set(["subject", "to", "a", "x"]);
  fc.assert(fc.property(fc.string({ unit, maxLength: 60 }), fc.boolean(), (text, not) => {
    const bytes = Buffer.from(text, "latin1");
    assert.deepEqual(headerFieldsSlice(bytes, wanted, not), Buffer.concat(filterHeader(bytes, lower, not)));
  }), { numRuns: 2000 });
});

test("header fields of the corpus are those of the careful reader", { skip: corpusMissing }, () => {
  const names = ["from", "to", "subject", "date", "received", "content-type"];
  for (const { name, bytes } of corpusMessages()) {
    const { index } = indexMessage(bytes);
    const header = bytes.subarray(index.headerStart, index.headerSizeBytes);
    for (const not of [false, true]) {
      assert.deepEqual(headerFieldsSlice(header, names, not), Buffer.concat(filterHeader(header, new Set(names), not)), name);
    }
  }
});
