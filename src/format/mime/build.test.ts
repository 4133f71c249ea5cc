/** Proves that a composed message is read back as it was meant, by the indexer and by tables of exact fields. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { displayAddresses, parseAddresses } from "#format/mime/addresses.ts";
import { buildMessage, encodeQuotedPrintable } from "#format/mime/build.ts";
import { decodeTransfer } from "#format/mime/decode.ts";
import { addressField, idsField, paramField, rawField, textField } from "#format/mime/fields.ts";
import { headerValue } from "#format/mime/headers.ts";
import { indexMessage } from "#format/mime/indexer.ts";
import { parseParameterized, paramValue } from "#format/mime/parameters.ts";
import { summarize } from "#format/mime/summary.ts";
import { decodeWords } from "#format/mime/words.ts";

test("fields", () => {
  assert.equal(textField("Subject", "hello"), "Subject: hello");
  assert.equal(textField("Subject", "a\r\nBcc: x@y"), "Subject: a Bcc: x@y");
  assert.equal(textField("Subject", "im grünen Tal"), "Subject: im =?utf-8?Q?gr=C3=BCnen?= Tal");
  assert.equal(addressField("To", [{ name: "B, A", address: "a@b" }, { name: "", address: "c@d" }]), `To: "B, A" <a@b>, c@d`);
  assert.equal(idsField("References", ["a@b", "c>\r\n@d"]), "References: <a@b> <c@d>");
  assert.equal(paramField("Content-Type", "text/plain", { charset: "utf-8", name: "a b" }),
    `Content-Type: text/plain; charset=utf-8; name="a b"`);
  assert.equal(rawField("X", "word ".repeat(30).trim()).split("\r\n").every((line) => line.length <= 78), true);
  fc.assert(fc.property(fc.string({ unit: "grapheme", maxLength: 200 }), (text) => {
    const field = textField("Subject", text);
    for (const line of field.split("\r\n").slice(1)) assert.match(line, /^[ \t]+[^\s]/);
    const read = decodeWords(headerValue(Buffer.from(`${field}\r\n\r\n`), "subject") ?? "");
    assert.equal(squeeze(read), squeeze(text));
    const name = paramField("Content-Type", "a/b", { name: text });
    const value = parseParameterized(headerValue(Buffer.from(`${name}\r\n\r\n`), "content-type") ?? "");
    if (!text.includes("=?")) assert.equal(paramValue(value.params, "name"), text.toWellFormed().replaceAll(/[\0\r\n]+/g, " "));
    const people = addressField("To", [{ name: text, address: "a@b.example" }, { name: "", address: "c@d" }]);
    const back = displayAddresses(parseAddresses(headerValue(Buffer.from(`${people}\r\n\r\n`), "to") ?? ""));
    assert.deepEqual(back.map(({ address }) => address), ["a@b.example", "c@d"]);
    assert.equal(squeeze(back[0]?.name ?? ""), squeeze(text));
  }), { numRuns: 300 });
});

/** White space at the ends and control characters do not survive a header. */
function squeeze(text: string): string {
  return text.toWellFormed().replaceAll(/[\s\0-\x1f\x7f]+/g, " ").trim();
}

test("a report with text, status and the returned header", () => {
  const original = Buffer.from("Subject: x\r\nFrom: a@b\r\n\r\n");
  const chunks = buildMessage({
    fields: [textField("Subject", "Nicht zustellbar: Grüße"), addressField("From", [{ name: "Mail", address: "p@x" }])],
    boundarySeed: "abc123",
    body: {
      kind: "multipart", subtype: "report", params: { "report-type": "delivery-status" },
      parts: [
        { kind: "text", text: "Grüße\nund mehr\n" },
        { kind: "text", type: "message/delivery-status", text: "Reporting-MTA: dns; x\r\n\r\nAction: failed\r\n" },
        { kind: "message", type: "text/rfc822-headers", chunks: [original] },
        { kind: "bytes", type: "application/pdf", bytes: Uint8Array.of(1, 2, 3), params: { name: "ü.pdf" } },
      ],
    },
  });
  const message = Buffer.concat(chunks);
  const { index } = indexMessage(message);
  assert.equal(index.eightBit, false);
  assert.equal(index.bareLineFeedCount, 0);
  assert.ok(message.toString().split("\r\n").every((line) => line.length <= 78));
  const { root } = index;
  assert.ok(root.kind === "multipart");
  assert.deepEqual(root.children.map((part) => `${part.type}/${part.subtype} ${part.encoding}`),
    ["text/plain quoted-printable", "message/delivery-status 7bit", "text/rfc822-headers 7bit", "application/pdf base64"]);
  const [text, , returned, pdf] = root.children;
  assert.ok(text && returned && pdf);
  const body = decodeTransfer(message.subarray(text.bodyStart, text.bodyEnd), text.encoding);
  assert.equal(Buffer.from(body).toString("utf8"), "Grüße\r\nund mehr\r\n");
  assert.deepEqual(message.subarray(returned.bodyStart, returned.bodyEnd), original);
  assert.equal(paramValue(pdf.params, "name"), "ü.pdf");
  const summary = summarize(index);
  assert.deepEqual([summary.messageClass, summary.subject], ["REPORT.IPM.Note.NDR", "Nicht zustellbar: Grüße"]);
});

test("quoted-printable is read back and keeps its lines short", () => {
  fc.assert(fc.property(fc.string({ unit: "grapheme", maxLength: 300 }), (text) => {
    const bytes = Buffer.from(text.replaceAll(/\r\n|\r|\n/g, "\r\n").toWellFormed());
    const encoded = encodeQuotedPrintable(bytes).toString("latin1");
    assert.ok(encoded.split("\r\n").every((line) => line.length <= 76 && !/^(?:\.|From )|[ \t]$/.test(line)));
    assert.deepEqual(Buffer.from(decodeTransfer(Buffer.from(encoded), "quoted-printable")), bytes);
  }), { numRuns: 300 });
});

test("summary columns", () => {
  const summary = (header: string, body = "\r\nx"): ReturnType<typeof summarize> =>
    summarize(indexMessage(Buffer.from(`${header}\r\n${body}`)).index);
  const mail = summary("Subject: RE: =?utf-8?q?=C3=A4?=\r\nFrom: A <a@b>\r\nSender: s@t\r\nTo: B <b@c>, d@e\r\n" +
    "Date: Fri, 21 Nov 1997 09:55:06 -0600\r\nMessage-ID: <1@x>\r\nIn-Reply-To: <0@x>\r\nX-Priority: 1 (Highest)\r\n" +
    "Sensitivity: Private\r\n");
  assert.deepEqual([mail.subject, mail.subjectPrefix, mail.normalizedSubject, mail.baseSubject], ["RE: ä", "RE: ", "ä", "Ä"]);
  assert.deepEqual([mail.fromName, mail.fromAddress, mail.senderName, mail.displayTo], ["A", "a@b", "s@t", "B; d@e"]);
  assert.deepEqual([mail.messageIdHeader, mail.inReplyTo, mail.references], ["<1@x>", "<0@x>", ["<0@x>"]]);
  assert.deepEqual([mail.sentMs, mail.importance, mail.sensitivity], [Date.UTC(1997, 10, 21, 15, 55, 6), 2, 2]);
  const classes: readonly (readonly [string, string])[] = [
    ["Content-Type: text/plain\r\n", "IPM.Note"],
    ["Content-Type: multipart/signed; boundary=b\r\n", "IPM.Note.SMIME.MultipartSigned"],
    ["Content-Type: application/pkcs7-mime\r\n", "IPM.Note.SMIME"],
    ["Content-Type: multipart/report; report-type=disposition-notification; boundary=b\r\n", "REPORT.IPM.Note.IPNRN"],
    ["Content-Type: text/calendar; method=REQUEST\r\n", "IPM.Schedule.Meeting.Request"],
    ["Content-Type: text/calendar; method=constructor\r\n", "IPM.Note"],
    ["Content-Type: text/calendar\r\n", "IPM.Note"],
  ];
  for (const [header, expected] of classes) assert.equal(summary(header).messageClass, expected, header);
});
