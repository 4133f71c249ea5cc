/**
 * What is told straight from the stored form is what would be told from objects: over addresses and texts of all kinds,
 * and over every message of the collected mail where that is at hand.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Envelope } from "#format/mime/types.ts";
import { decodeMimeIndex, encodeMimeIndex, storedEnvelope } from "#format/mime/index-text.ts";
import { indexMessage } from "#format/mime/indexer.ts";
import { encodeEnvelope, encodeStoredEnvelope } from "#wire/imap/structure.ts";
import { parseMessageUrl } from "#wire/imap/url.ts";

const plainText = fc.option(fc.string({ unit: fc.constantFrom(..."ab XYZ09,;:.@<>()[]{}'=?_-/&%") }));
const anyText = fc.option(fc.oneof(
  plainText.map((text) => text ?? ""), fc.string(), fc.constantFrom('a "b" c', "a\\b", "é", "", "x".repeat(5000)),
));

function envelopesOf(text: fc.Arbitrary<string | null>): fc.Arbitrary<Envelope> {
  const addresses = fc.array(fc.record({ name: text, adl: text, mailbox: text, host: text }), { maxLength: 3 });
  return fc.record({
    date: text, subject: text, from: addresses, sender: addresses, replyTo: addresses, to: addresses, cc: addresses,
    bcc: addresses, inReplyTo: text, messageId: text,
  }).chain((envelope) => fc.constantFrom(envelope, { ...envelope, sender: envelope.from, replyTo: envelope.from }));
}
const envelopes = fc.oneof(envelopesOf(plainText), envelopesOf(anyText));

const plain = indexMessage(Buffer.from("a: b\r\n\r\nx")).index;

test("an envelope from its stored form is the one from its objects", () => {
  let quick = 0;
  fc.assert(fc.property(envelopes, (envelope) => {
    const stored = storedEnvelope(decodeMimeIndex(encodeMimeIndex({ ...plain, envelope })))!;
    const told = encodeStoredEnvelope(stored);
    if (told === undefined) return;
    quick++;
    assert.equal(told, encodeEnvelope(envelope));
  }), { numRuns: 400 });
  assert.ok(quick > 20, `only ${quick} took the short way`);
});

test("what is no stored envelope is left alone", () => {
  for (const bad of ["", "[]", "[null]", '["x', "{}", "[null,null,[],0,0,[],[],[],null,null", '["\\u0041"]']) {
    assert.equal(encodeStoredEnvelope(bad), undefined, bad);
  }
});

test("addresses of messages on this server", () => {
  const whole = { partPath: [], text: "", fieldNames: [] };
  const rows: [string, unknown][] = [
    [";UID=7", { mailbox: undefined, uidValidity: undefined, uid: 7, section: whole, partial: undefined }],
    ["/INBOX;UIDVALIDITY=5/;UID=7/;SECTION=1.2.MIME", {
      mailbox: "INBOX", uidValidity: 5, uid: 7, section: { partPath: [1, 2], text: "MIME", fieldNames: [] },
      partial: undefined,
    }],
    ["/a%20b/c/;UID=7/;SECTION=HEADER.FIELDS%20(DATE)/;PARTIAL=3.4", {
      mailbox: "a b/c", uidValidity: undefined, uid: 7,
      section: { partPath: [], text: "HEADER.FIELDS", fieldNames: ["DATE"] }, partial: { offset: 3, sizeBytes: 4 },
    }],
    ["imap://host/INBOX/;UID=7", undefined], ["/INBOX", undefined], ["/INBOX/;UID=x", undefined],
    ["/a%2/;UID=7", undefined], ["/a%ff/;UID=7", undefined], ["/INBOX/;UID=7/;SECTION=FOO", undefined], ["", undefined],
  ];
  for (const [url, expected] of rows) assert.deepEqual(parseMessageUrl(url), expected, url);
});
