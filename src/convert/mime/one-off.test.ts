/** Proves the small blobs of addresses and conversations: golden bytes, their way back, and that no bytes break them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  conversationId, formatThreadIndex, newConversationIndex, parseThreadIndex, replyConversationIndex,
  timesOfConversationIndex,
} from "#convert/mime/conversation.ts";
import { extensionOf, safeFileName, shortFileName } from "#convert/mime/file-names.ts";
import {
  addressSearchKey, decodeFlatEntryList, decodeOneOff, encodeFlatEntryList, encodeOneOff,
} from "#convert/mime/one-off.ts";
import { encapsulate } from "#convert/mime/people.ts";
import { parseReportClass, reasonOf, statusNumber, statusText } from "#convert/mime/report-fields.ts";
import { fromFileTime, toFileTime } from "#convert/mime/times.ts";

const hex = (bytes: Uint8Array | null | undefined): string => Buffer.from(bytes ?? []).toString("hex");

/** Bob, SMTP, b@x.org: laid out by hand from [MS-OXCDATA] 2.2.5.1. */
const bob = "00000000812b1fa4bea310199d6e00dd010f54020000019042006f00620000005300" +
  "4d005400500000006200400078002e006f00720067000000";

test("one-off EntryIDs and their lists", () => {
  const person = { name: "Bob", addressType: "SMTP", address: "b@x.org" };
  assert.equal(hex(encodeOneOff(person)), bob);
  assert.deepEqual(decodeOneOff(Buffer.from(bob, "hex")), person);
  const ansi = `00000000812b1fa4bea310199d6e00dd010f540200000110${Buffer.from("Bob\0smtp\0b@x.org\0").toString("hex")}`;
  assert.deepEqual(decodeOneOff(Buffer.from(ansi, "hex")), person);
  for (const broken of ["", bob.slice(0, 40), bob.slice(0, 80), bob.replace("812b", "812c")]) {
    assert.equal(decodeOneOff(Buffer.from(broken, "hex")), null);
  }
  const list = encodeFlatEntryList([Uint8Array.of(1, 2, 3), Uint8Array.of(4, 5, 6, 7)]);
  assert.equal(hex(list), "02000000" + "10000000" + "03000000" + "01020300" + "04000000" + "04050607");
  assert.deepEqual(decodeFlatEntryList(list).map(hex), ["010203", "04050607"]);
  assert.deepEqual(decodeFlatEntryList(list.subarray(0, 20)).map(hex), ["010203"]);
  assert.equal(Buffer.from(addressSearchKey("SMTP", "Bob@x.org")).toString(), "SMTP:BOB@X.ORG\0");
});

test("blobs read back what was written, and any bytes are read", () => {
  const text = fc.string({ unit: "binary" }).map((one) => one.replaceAll("\0", "").toWellFormed());
  fc.assert(fc.property(text, text, (name, address) => {
    const person = { name, addressType: "SMTP", address };
    assert.deepEqual(decodeOneOff(encodeOneOff(person)), person);
  }));
  fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 }), (entryIds) => {
    assert.deepEqual(decodeFlatEntryList(encodeFlatEntryList(entryIds)).map(hex), entryIds.map(hex));
  }));
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
    decodeOneOff(Buffer.concat([Buffer.from(bob.slice(0, 48), "hex"), bytes]));
    decodeFlatEntryList(bytes);
  }));
});

test("conversation indexes", () => {
  const head = Buffer.from("01d0f1e2d3c400112233445566778899aabbccddeeff", "hex");
  const index = Buffer.concat([head, Buffer.from("8000000010", "hex")]);
  assert.deepEqual(parseThreadIndex(` ${formatThreadIndex(index).slice(0, 20)}\r\n ${formatThreadIndex(index).slice(20)}`),
    index);
  assert.equal(hex(conversationId(index, "ignored")), "00112233445566778899aabbccddeeff");
  for (const bad of ["", "AQ==", "not base64!", formatThreadIndex(index.subarray(0, 24))]) {
    assert.equal(parseThreadIndex(bad), null, bad);
  }
  // md5 of "HELLO" in UTF-16LE.
  assert.equal(hex(conversationId(null, "Hello")), hex(conversationId(null, "HELLO")));
  assert.equal(conversationId(null, "Hello")?.length, 16);
  assert.equal(conversationId(null, ""), undefined);
});

test("conversation indexes are made and answered", () => {
  const sentMs = Date.UTC(2026, 10, 23, 10, 30);
  const guid = Buffer.from("00112233445566778899aabbccddeeff", "hex");
  const first = newConversationIndex(sentMs, guid);
  assert.equal(first.length, 22);
  assert.equal(hex(conversationId(first, "")), guid.toString("hex"));
  assert.ok(Math.abs(timesOfConversationIndex(first)[0]! - sentMs) < 10);
  const rows: [passedMs: number, exactMs: number][] = [
    // A short time to 26 ms, a long one to 839 ms, one into the past and one beyond all bounds not at all.
    [0, 27], [90_000, 27], [86_400_000, 27], [400 * 86_400_000, 27], [3 * 365 * 86_400_000, 840],
  ];
  for (const [passedMs, exactMs] of rows) {
    const reply = replyConversationIndex(first, sentMs + passedMs, 0x5a)!;
    assert.equal(hex(reply.subarray(0, 22)), hex(first));
    assert.equal(reply[26], 0x5a);
    assert.equal((reply[22]! & 0x80) !== 0, exactMs > 27);
    const [, time] = timesOfConversationIndex(reply);
    assert.ok(Math.abs(time! - sentMs - passedMs) <= exactMs, `${passedMs}: ${time! - sentMs}`);
    const again = replyConversationIndex(reply, sentMs + passedMs + 60_000, 1)!;
    assert.ok(Math.abs(timesOfConversationIndex(again)[2]! - sentMs - passedMs - 60_000) <= exactMs + 27);
  }
  assert.equal(hex(replyConversationIndex(first, sentMs - 5000, 0)!.subarray(22)), "0000000000");
  assert.equal(hex(replyConversationIndex(first, sentMs + 1e14, 0)!.subarray(22)), "ffffffff00");
  const longest = Buffer.concat([first, Buffer.alloc(5 * 2000)]);
  assert.equal(replyConversationIndex(longest, sentMs, 0), longest);
  for (const bad of [Buffer.alloc(22), first.subarray(0, 21), Buffer.concat([first, Buffer.alloc(3)])]) {
    assert.equal(replyConversationIndex(bad, sentMs, 0), undefined);
  }
});

test("file times", () => {
  assert.equal(toFileTime(0), 116_444_736_000_000_000n);
  assert.equal(fromFileTime(toFileTime(1_700_000_000_123)), 1_700_000_000_123);
  assert.equal(fromFileTime(0xffff_ffff_ffff_ffffn), null);
  assert.equal(fromFileTime(0n), null);
});

test("addresses of other kinds go out encapsulated", () => {
  assert.equal(encapsulate("EX", "/o=Org/cn=Bob Ü", "x.org"), "IMCEAEX-_o=Org_cn=Bob+20+C3+9C@x.org");
  assert.equal(encapsulate("FAX", "+1 (555)", "x.org"), "IMCEAFAX-+2B1+20+28555+29@x.org");
});

const names: readonly (readonly [given: string, safe: string, short: string, extension: string])[] = [
  ["a.txt", "a.txt", "a.txt", ".txt"],
  ["Report of 2026.docx", "Report of 2026.docx", "REPORT~1.DOC", ".docx"],
  ["C:\\Users\\bob\\x.pdf", "x.pdf", "x.pdf", ".pdf"],
  ["../../etc/passwd", "passwd", "passwd", ""],
  ["a<b>:c?.txt", "a_b__c_.txt", "a_b__c_.txt", ".txt"],
  ["überraschung.html", "überraschung.html", "BERRAS~1.HTM", ".html"],
  ["写真.jpeg", "写真.jpeg", "FILE~1.JPE", ".jpeg"],
  ["..", "unnamed", "unnamed", ""],
  ["exe\u202etxt.scr", "exe_txt.scr", "exe_txt.scr", ".scr"],
  [".profile", ".profile", "PROFIL~1", ""],
  [`${"x".repeat(300)}.pdf`, `${"x".repeat(251)}.pdf`, "XXXXXX~1.PDF", ".pdf"],
];

test("names of files", () => {
  for (const [given, safe, short, extension] of names) {
    assert.equal(safeFileName(given), safe, given);
    assert.equal(shortFileName(safe), short, given);
    assert.equal(extensionOf(safe), extension, given);
  }
});

test("reports: classes and status codes", () => {
  assert.deepEqual(parseReportClass("REPORT.IPM.Note.NDR"), { original: "IPM.Note", suffix: "NDR" });
  assert.deepEqual(parseReportClass("report.ipm.note.delayed.dr"), { original: "ipm.note", suffix: "delayed.dr" });
  assert.equal(parseReportClass("IPM.Note"), null);
  for (const status of ["5.1.1", "4.4.7", "2.0.0", "5.7.26", "5.7.708"]) {
    const number = statusNumber(status);
    assert.equal(number === null ? null : statusText(number), status);
  }
  assert.equal(statusNumber("1.1.1"), null);
  assert.deepEqual(reasonOf("5.1.1 (unknown)"), [1, 0]);
  assert.deepEqual(reasonOf("5.2.99"), [1, -1]);
  assert.deepEqual(reasonOf("what"), [0, -1]);
});
