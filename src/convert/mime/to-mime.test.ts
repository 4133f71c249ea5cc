/**
 * Proves how an item goes out: golden messages byte for byte, tables of the headers each property gives, the property
 * that whatever an item holds comes back as it was, and that a large message is never held whole more than once.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { encapsulateHtml } from "#format/rtf/encapsulate.ts";
import { compressRtf } from "#format/rtf/compressed.ts";
import { createMimeIndexer } from "#format/mime/indexer.ts";
import { properties } from "#props/registry.ts";
import { attachmentBytes, getProperty, newItem, newItemObject, setProperty } from "#convert/item.ts";
import { fromMime } from "#convert/mime/from-mime.ts";
import { newRecipient, setPerson } from "#convert/mime/people.ts";
import { encodeOneOff } from "#convert/mime/one-off.ts";
import { bytesOf, itemOf } from "#convert/mime/test-kit.ts";
import { toFileTime } from "#convert/mime/times.ts";
import { toMime } from "#convert/mime/to-mime.ts";
import type { ItemAttachment, ItemBag } from "#convert/item.ts";
import type { ToMimeOptions } from "#convert/mime/to-mime.ts";

const p = properties;

function file(name: string, mimeTag: string, bytes: Uint8Array, contentId?: string): ItemAttachment {
  const attachment: ItemAttachment = newItemObject();
  setProperty(attachment, p.PidTagAttachMethod, 1);
  setProperty(attachment, p.PidTagAttachLongFilename, name);
  setProperty(attachment, p.PidTagAttachMimeTag, mimeTag);
  setProperty(attachment, p.PidTagAttachDataBinary, bytes);
  if (contentId !== undefined) {
    setProperty(attachment, p.PidTagAttachContentId, contentId);
    setProperty(attachment, p.PidTagAttachFlags, 4);
  }
  return attachment;
}

/** What Outlook leaves when it submits a message: no transport header, Unicode names, HTML alone. */
function submitted(): ItemBag {
  const item = newItem();
  setProperty(item, p.PidTagMessageClass, "IPM.Note");
  setProperty(item, p.PidTagSubject, "Grüße");
  setProperty(item, p.PidTagInternetMessageId, "<1@x.org>");
  setProperty(item, p.PidTagClientSubmitTime, toFileTime(Date.UTC(2026, 2, 4, 5, 6, 7)));
  setProperty(item, p.PidTagImportance, 2);
  setProperty(item, p.PidTagInternetCodepage, 65001);
  setProperty(item, p.PidTagHtml, Buffer.from("<p>Hällo <img src=cid:1@x></p>"));
  setPerson(item, "representing", { name: "Jörg, A.", address: "a@x.org" });
  setPerson(item, "sender", { name: "", address: "secretary@x.org" });
  item.recipients.push(newRecipient(1, { name: "B", address: "b@x.org" }, 0));
  item.recipients.push(newRecipient(3, { name: "C", address: "c@x.org" }, 1));
  return item;
}

const golden = `From: =?utf-8?Q?J=C3=B6rg=2C_A=2E?= <a@x.org>
Sender: secretary@x.org
To: B <b@x.org>
Subject: =?utf-8?B?R3LDvMOfZQ==?=
Date: Wed, 4 Mar 2026 05:06:07 +0000
Message-ID: <1@x.org>
Importance: high
X-Priority: 1
MIME-Version: 1.0
Content-Type: multipart/mixed;
	boundary="=_SEED_0"

--=_SEED_0
Content-Type: multipart/related; type="multipart/alternative";
	boundary="=_SEED_1"

--=_SEED_1
Content-Type: multipart/alternative;
	boundary="=_SEED_2"

--=_SEED_2
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: base64

SMOkbGxv

--=_SEED_2
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: quoted-printable

<p>H=C3=A4llo <img src=3Dcid:1@x></p>
--=_SEED_2--

--=_SEED_1
Content-Type: image/png; name=i.png
Content-Transfer-Encoding: base64
Content-Disposition: inline; filename=i.png
Content-ID: <1@x>

AQID

--=_SEED_1--

--=_SEED_0
Content-Type: application/pdf; name="a b.pdf"
Content-Transfer-Encoding: base64
Content-Disposition: attachment; filename="a b.pdf"

BAU=

--=_SEED_0--
`;

test("a submitted message, byte for byte", () => {
  const item = submitted();
  item.attachments.push(file("a b.pdf", "application/pdf", Uint8Array.of(4, 5)));
  item.attachments.push(file("i.png", "image/png", Uint8Array.of(1, 2, 3), "1@x"));
  const written = bytesOf(item, { plainFromHtml: true }).toString();
  assert.equal(written.replaceAll(/=_[0-9a-f]{32}_/g, "=_SEED_"), golden.replaceAll("\n", "\r\n"));
});

/** What is set on an otherwise empty item, and the lines it must give; a line that begins with "!" must not be there. */
const rows: readonly (readonly [name: string, set: (item: ItemBag) => void, lines: readonly string[], ToMimeOptions?])[] = [
  ["nothing", () => undefined, ["MIME-Version: 1.0", "Content-Type: text/plain; charset=us-ascii", "!From:", "!Date:"]],
  ["a Message-ID is made", () => undefined, ["Message-ID: <957b8"], { domain: "x.org" }],
  ["Bcc is not sent", (item) => item.recipients.push(newRecipient(3, { name: "", address: "c@x.org" }, 0)), ["!Bcc:"]],
  ["Bcc is kept", (item) => item.recipients.push(newRecipient(3, { name: "", address: "c@x.org" }, 0)), ["Bcc: c@x.org"],
    { includeBcc: true }],
  ["receipts", (item) => {
    setPerson(item, "representing", { name: "A", address: "a@x.org" });
    setProperty(item, p.PidTagReadReceiptRequested, true);
    setProperty(item, p.PidTagOriginatorDeliveryReportRequested, true);
  }, ["Disposition-Notification-To: A <a@x.org>", "Return-Receipt-To: A <a@x.org>"]],
  ["sensitivity, priority", (item) => {
    setProperty(item, p.PidTagSensitivity, 2);
    setProperty(item, p.PidTagPriority, -1);
    setProperty(item, p.PidTagImportance, 0);
  }, ["Sensitivity: Private", "Priority: non-urgent", "Importance: low", "X-Priority: 5"]],
  ["normal is not said", (item) => {
    setProperty(item, p.PidTagSensitivity, 0);
    setProperty(item, p.PidTagImportance, 1);
    setProperty(item, p.PidTagPriority, 0);
  }, ["!Sensitivity", "!Importance", "!Priority"]],
  ["a draft that is kept", (item) => setProperty(item, p.PidTagMessageFlags, 8), ["X-Unsent: 1"], { includeUnsent: true }],
  ["a draft that is sent", (item) => setProperty(item, p.PidTagMessageFlags, 8), ["!X-Unsent"]],
  ["an address of the organisation", (item) => {
    setProperty(item, p.PidTagSentRepresentingName, "Bob");
    setProperty(item, p.PidTagSentRepresentingAddressType, "EX");
    setProperty(item, p.PidTagSentRepresentingEmailAddress, "/o=x/cn=bob");
  }, ["From: Bob <bob@x.org>"], { resolve: (type, address) => (type === "EX" && address === "/o=x/cn=bob" ? "bob@x.org" : null) }],
  ["its SMTP address by property", (item) => {
    setProperty(item, p.PidTagSentRepresentingAddressType, "EX");
    setProperty(item, p.PidTagSentRepresentingEmailAddress, "/o=x/cn=bob");
    setProperty(item, p.PidTagSentRepresentingSmtpAddress, "bob@x.org");
  }, ["From: bob@x.org"]],
  ["an unknown one", (item) => {
    setProperty(item, p.PidTagSentRepresentingAddressType, "EX");
    setProperty(item, p.PidTagSentRepresentingEmailAddress, "/o=x/cn=bob");
  }, ["From: IMCEAEX-_o=x_cn=bob@x.org"], { domain: "x.org" }],
  ["only an EntryID", (item) => {
    setProperty(item, p.PidTagSentRepresentingEntryId, encodeOneOff({ name: "B", addressType: "SMTP", address: "b@x.org" }));
  }, ["From: B <b@x.org>"]],
  ["categories", (item) => setProperty(item, p.PidNameKeywords, ["Red", "Größe, 1"]), [
    "Keywords: Red, =?utf-8?B?R3LDtsOfZQ==?= 1"]],
  ["a class of its own", (item) => setProperty(item, p.PidTagMessageClass, "IPM.Note.Custom.Order"), [
    "Content-Class: urn:content-class:custom.Order"]],
  ["line ends in text are no headers", (item) => {
    setProperty(item, p.PidTagSubject, "a\r\nBcc: evil@x.org");
    setPerson(item, "representing", { name: "x\r\nBcc: evil@x.org", address: "a@x.org\r\nBcc: evil@x.org" });
    setProperty(item, p.PidTagInternetMessageId, "<a>\r\nBcc: evil@x.org");
  }, ["!Bcc:"]],
  ["a web link", (item) => {
    const link: ItemAttachment = newItemObject();
    setProperty(link, p.PidTagAttachMethod, 7);
    setProperty(link, p.PidTagAttachLongPathname, "https://x.org/doc");
    setProperty(link, p.PidTagAttachLongFilename, "doc");
    item.attachments.push(link);
  }, ["URL=https://x.org/doc", "Content-Disposition: attachment; filename=doc.url"]],
  ["rich text", (item) => setProperty(item, p.PidTagRtfCompressed, compressRtf(encapsulateHtml("<p>hi</p>"))),
    ["Content-Type: text/html; charset=utf-8", "<p>hi</p>"]],
  ["broken rich text", (item) => setProperty(item, p.PidTagRtfCompressed, Buffer.from("nonsense")), ["Content-Type: text/plain"]],
  ["a calendar", (item) => setProperty(item, p.PidTagBody, "x"), ["Content-Type: multipart/alternative;",
    "Content-Type: text/calendar; charset=utf-8; method=REQUEST"],
  { writeCalendar: () => ({ method: "REQUEST", text: "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n" }) }],
  ["a changed day of a series stays inside", (item) => {
    const day = file("x", "application/octet-stream", Uint8Array.of(1));
    setProperty(day, p.PidTagAttachmentFlags, 2);
    item.attachments.push(day);
  }, ["!attachment"]],
];

test("properties become header fields and parts", () => {
  for (const [name, set, lines, options] of rows) {
    const item = newItem();
    set(item);
    const written = bytesOf(item, options).toString().replaceAll(/\r\n[ \t]+/g, " ").split("\r\n");
    for (const line of lines) {
      const isBanned = line.startsWith("!");
      const found = written.some((one) => one.startsWith(isBanned ? line.slice(1) : line));
      assert.equal(found, !isBanned, `${name}: ${line}\n${written.join("\n")}`);
    }
  }
});

test("a boundary never stands in what it bounds", () => {
  const inner = submitted();
  inner.attachments.push(file("a b.pdf", "application/pdf", Uint8Array.of(4, 5)));
  const outer = submitted();
  const enclosing: ItemAttachment = { ...newItemObject(), embedded: inner };
  outer.attachments.push(enclosing, { ...newItemObject(), embedded: inner });
  const boundaries = [...bytesOf(outer).toString().matchAll(/boundary="([^"]+)"/g)].map(([, boundary]) => boundary);
  assert.equal(new Set(boundaries).size, boundaries.length);
  const back = itemOf(bytesOf(outer));
  assert.equal(back.attachments.length, 2);
  assert.equal(getProperty(back.attachments[0]!.embedded!, p.PidTagSubject), "Grüße");
});

test("content in any pieces gives the same parts", () => {
  const cuts = fc.array(fc.integer({ min: 1, max: 130 }), { maxLength: 12 });
  fc.assert(fc.property(fc.uint8Array({ maxLength: 1000 }), cuts, (bytes, sizes) => {
    const pieces: Uint8Array[] = [];
    let at = 0;
    for (const size of sizes) pieces.push(bytes.subarray(at, at += size));
    pieces.push(bytes.subarray(Math.min(at, bytes.length)));
    const item = newItem();
    const attachment = file("a.bin", "application/x-test", new Uint8Array(0));
    attachment.content = { aboutBytes: bytes.length, chunks: () => pieces };
    item.attachments.push(attachment);
    const whole = newItem();
    whole.attachments.push(file("a.bin", "application/x-test", bytes));
    assert.ok(bytesOf(item).equals(bytesOf(whole)));
  }));
  const status = file("s", "message/delivery-status", new Uint8Array(0));
  const lines = ["a\r", "\nb\nc", "\n\n"].map((text) => Buffer.from(text));
  status.content = { aboutBytes: 8, chunks: () => lines };
  const item = newItem();
  item.attachments.push(status);
  assert.ok(bytesOf(item).toString().endsWith("\r\n\r\na\r\nb\r\nc\r\n\r\n"), bytesOf(item).toString());
});

test("embedded messages without end are cut", () => {
  const item = newItem();
  let innermost = item;
  for (let depth = 0; depth < 200; depth++) {
    const next = newItem();
    innermost.attachments.push({ ...newItemObject(), embedded: next });
    innermost = next;
  }
  assert.ok(bytesOf(item).length > 1000);
});

const line = fc.string({ unit: "binary", maxLength: 60 }).map((text) => text.toWellFormed()
  .replaceAll(/[\p{C}\p{Z}\u00ad\u034f\u180e\ufeff\ufffd]+/gu, " ").trim());
const person = fc.record({ name: line, local: fc.stringMatching(/^[a-z][a-z0-9.+-]{0,10}[a-z]$/) })
  .map(({ name, local }) => ({ name, address: `${local.replaceAll("..", ".x")}@example.org` }));
const fileName = fc.stringMatching(/^[a-zA-Zäöü漢 ]{1,30}$/).map((text) => `${text.trim()}x.bin`);

test("what an item holds comes back", () => {
  fc.assert(fc.property(fc.record({
    subject: line, from: person, to: fc.array(person, { maxLength: 5 }), cc: fc.array(person, { maxLength: 3 }),
    body: fc.option(fc.array(fc.string({ unit: "binary", maxLength: 200 }), { maxLength: 5 }), { nil: undefined }),
    html: fc.option(fc.uint8Array({ maxLength: 600 }), { nil: undefined }),
    page: fc.constantFrom(65001, 1252, 1251, 932, 28591),
    files: fc.array(fc.record({ name: fileName, bytes: fc.uint8Array({ maxLength: 300 }) }), { maxLength: 3 }),
    keywords: fc.array(line.map((word) => word.replaceAll(/[,"]/g, "").trim()), { maxLength: 3 }),
  }), (given) => {
    const item = newItem();
    setProperty(item, p.PidTagSubject, given.subject);
    setPerson(item, "representing", given.from);
    for (const [index, one] of given.to.entries()) item.recipients.push(newRecipient(1, one, index));
    for (const [index, one] of given.cc.entries()) item.recipients.push(newRecipient(2, one, index));
    const body = given.body?.map((one) => one.toWellFormed().replaceAll(/[\0\r\n]/g, "")).join("\r\n");
    setProperty(item, p.PidTagBody, body);
    setProperty(item, p.PidTagHtml, given.html);
    setProperty(item, p.PidTagInternetCodepage, given.page);
    for (const { name, bytes } of given.files) item.attachments.push(file(name, "application/x-test", bytes));
    const keywords = [...new Set(given.keywords.filter((word) => word !== ""))];
    if (keywords.length > 0) setProperty(item, p.PidNameKeywords, keywords);
    const back = itemOf(bytesOf(item));
    assert.equal(getProperty(back, p.PidTagSubject), given.subject);
    assert.equal(getProperty(back, p.PidTagSentRepresentingEmailAddress), given.from.address);
    assert.equal(getProperty(back, p.PidTagSentRepresentingName), given.from.name === "" ? given.from.address : given.from.name);
    assert.deepEqual(back.recipients.map((one) => getProperty(one, p.PidTagDisplayName)),
      [...given.to, ...given.cc].map(({ name, address }) => (name === "" ? address : name)));
    if (body !== undefined) assert.equal(getProperty(back, p.PidTagBody)?.trimEnd(), body.replace(/^\ufeff/, "").trimEnd());
    if (given.html !== undefined && given.page !== 65001) {
      assert.equal(Buffer.from(getProperty(back, p.PidTagHtml) ?? []).toString("latin1"), Buffer.from(given.html).toString("latin1"));
    }
    assert.deepEqual(back.attachments.map((one) => [getProperty(one, p.PidTagAttachLongFilename), [...attachmentBytes(one)]]),
      given.files.map(({ name, bytes }) => [name, [...bytes]]));
    assert.deepEqual(getProperty(back, p.PidNameKeywords) ?? [], keywords);
  }), { numRuns: 150 });
});

test("a message of 50 MB passes without being held", () => {
  const line57 = `${Buffer.alloc(57, 0x5a).toString("base64")}\r\n`;
  const block = Buffer.from(line57.repeat(4096));
  const head = Buffer.from("Subject: big\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhi\r\n--b\r\n" +
    "Content-Type: application/x-big; name=a.big\r\nContent-Transfer-Encoding: base64\r\n\r\n");
  const blocks = Math.ceil(50_000_000 / block.length);
  const tail = Buffer.from("--b--\r\n");
  const size = head.length + blocks * block.length + tail.length;
  const indexer = createMimeIndexer();
  indexer.push(head);
  for (let index = 0; index < blocks; index++) indexer.push(block);
  indexer.push(tail);
  const { index } = indexer.end();
  let largest = 0;
  // The message exists nowhere: each range is made when it is asked for.
  const read = (start: number, end: number): Uint8Array => {
    largest = Math.max(largest, end - start);
    const out = Buffer.alloc(end - start);
    for (let at = start; at < end;) {
      const inBlocks = at - head.length;
      const [source, offset] = inBlocks < 0 ? [head, at] : at >= size - tail.length ? [tail, at - (size - tail.length)]
        : [block, inBlocks % block.length];
      at += source.copy(out, at - start, offset, Math.min(source.length, offset + end - at));
    }
    return out;
  };
  const item = fromMime(index, read);
  let written = 0;
  for (const chunk of toMime(item)) {
    written += chunk.length;
    largest = Math.max(largest, chunk.length);
  }
  assert.ok(written > 50_000_000 && written < 52_000_000, String(written));
  assert.ok(largest <= 256 * 1024, `a piece of ${largest} bytes was held`);
});

test("a signed message goes out with one header, as Outlook keeps it too", () => {
  const entity = "--b\r\nContent-Type: text/plain\r\n\r\nhi\r\n--b\r\nContent-Type: application/pkcs7-signature\r\n\r\nx\r\n--b--\r\n";
  const type = 'Content-Type: multipart/signed; boundary="b";\r\n\tprotocol="application/pkcs7-signature"\r\n';
  for (const head of ["", "MIME-Version: 1.0\r\n", "MIME-Version: 1.0\r\nX-MimeOLE: Produced\r\n\tBy Outlook\r\n"]) {
    const item = itemOf("Subject: s\n\ntext");
    setProperty(item, p.PidTagMessageClass, "IPM.Note.SMIME.MultipartSigned");
    const attachment = newItemObject();
    setProperty(attachment, p.PidTagAttachMimeTag, "multipart/signed");
    setProperty(attachment, p.PidTagAttachDataBinary, Buffer.from(`${head}${type}\r\n${entity}`));
    item.attachments.push(attachment);
    const written = bytesOf(item).toString("latin1");
    assert.ok(written.endsWith(`\r\nMIME-Version: 1.0\r\n${type}\r\n${entity}`), written);
    assert.equal(written.match(/MIME-Version/g)?.length, 1);
    assert.equal(getProperty(itemOf(Buffer.from(written)), p.PidTagMessageClass), "IPM.Note.SMIME.MultipartSigned");
  }
});
