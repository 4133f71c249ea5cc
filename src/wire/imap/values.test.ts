/**
 * The values of IMAP both ways: folder names, keywords, sets, dates, strings, envelopes and body structures, by tables
 * from RFC 3501 and RFC 9051 and by round trips of any value.
 */
import type { Envelope, MimePart } from "#format/mime/types.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { WireError } from "#base/fault.ts";
import { Cursor } from "#wire/imap/cursor.ts";
import { dateTime, encodeDateTime } from "#wire/imap/date.ts";
import { encodeMailbox, encodeStatus, encodeString, encodeText } from "#wire/imap/encode.ts";
import { decodeKeyword, encodeKeyword } from "#wire/imap/flags.ts";
import { decodeMailboxName, encodeMailboxName, mailbox } from "#wire/imap/mailboxname.ts";
import { searchDecoder } from "#wire/imap/search.ts";
import { encodeNumbers, resolveSet, sequenceSet } from "#wire/imap/sequence.ts";
import { encodeBodyStructure, encodeEnvelope } from "#wire/imap/structure.ts";

test("folder names in modified UTF-7", () => {
  const rows = [
    ["~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"], ["R&D", "R&-D"], ["Entwürfe", "Entw&APw-rfe"],
    ["😀", "&2D3eAA-"], ["a\r\nb", "a&AA0ACg-b"], ["", ""], ["plain", "plain"],
  ] as const;
  for (const [name, wire] of rows) {
    assert.equal(encodeMailboxName(name), wire);
    assert.equal(decodeMailboxName(wire), name);
  }
  assert.equal(decodeMailboxName("Entw\xc3\xbcrfe"), "Entwürfe", "UTF-8 that nobody asked for");
  for (const wrong of [
    "&", "a&b", "&A-", "&2D0-", "&!!!!-", "&AAAA", "&AGEB-", "&AOR-", "&Jjo", "&AOQ=-", "&AOQ/-",
    // RFC 3501 §5.1.3: letters that stand for themselves, and an end and a beginning with nothing between.
    "&AGE-", "&AOQAYQ-", "&ACY-", "&AOQ-&AOQ-", "\xe4", "\xc0\x80",
  ]) {
    assert.equal(decodeMailboxName(wrong), undefined, wrong);
  }
  const named = (wire: string, takesUtf8: boolean): string => {
    const cursor = new Cursor(Buffer.from(wire, "latin1"));
    cursor.takesUtf8 = takesUtf8;
    return mailbox(cursor);
  };
  assert.equal(named("&Jjo-", false), "☺");
  assert.equal(named("&Jjo-", true), "&Jjo-", "RFC 6855 §3: & is a letter then");
  assert.equal(named('"R&D"', true), "R&D");
  assert.equal(named('"\xe2\x98\xba"', true), "☺");
  assert.throws(() => named('"R&D"', false), WireError);
  assert.throws(() => named('"\xe2\x98"', true), WireError);
  assert.equal(encodeMailbox("a b"), '"a b"');
  assert.equal(encodeMailbox("NIL"), '"NIL"');
  fc.assert(fc.property(fc.string({ unit: "grapheme" }).filter((s) => s.isWellFormed()), (name) =>
    decodeMailboxName(encodeMailboxName(name)) === name));
});

test("keywords are atoms and come back", () => {
  for (const [name, atom] of [
    ["$Forwarded", "$Forwarded"], ["Red Category", "Red&ACA-Category"], ["a&b", "a&b"], ["Ü", "&ANw-"],
  ] as const) {
    assert.equal(encodeKeyword(name), atom);
    assert.equal(decodeKeyword(atom), name);
  }
  const names = fc.string({ unit: "grapheme", minLength: 1 }).filter((s) => s.isWellFormed());
  fc.assert(fc.property(names, (name) => {
    const atom = encodeKeyword(name);
    assert.match(atom, /^[^\x00-\x20(){%*"\\\]\x7f-\uffff]+$/);
    assert.equal(decodeKeyword(atom), name);
  }));
});

test("sequence sets resolve to ascending intervals", () => {
  const rows = [
    ["1", 5, [[1, 1]]], ["5:2", 5, [[2, 5]]], ["*", 5, [[5, 5]]], ["7:*", 5, [[5, 7]]], ["*:2", 5, [[2, 5]]],
    ["1,3,2", 5, [[1, 3]]], ["1:*", 0, []], ["*", 0, []], ["3:*", 0, []], ["1:3,2:6,9", 9, [[1, 6], [9, 9]]],
  ] as const;
  for (const [text, largest, expected] of rows) {
    const intervals = resolveSet(sequenceSet(new Cursor(Buffer.from(text))), largest);
    assert.deepEqual(intervals.map(({ first, last }) => [first, last]), expected, text);
  }
  assert.equal(encodeNumbers([1, 2, 3, 7, 9, 10]), "1:3,7,9:10");
  assert.equal(encodeNumbers([]), "");
});

test("internal dates", () => {
  const read = (text: string): number => dateTime(new Cursor(Buffer.from(text)));
  assert.equal(read('"17-Jul-1996 02:44:25 -0700"'), Date.UTC(1996, 6, 17, 9, 44, 25));
  assert.equal(read('" 1-Jan-1970 01:00:00 +0100"'), 0);
  assert.equal(encodeDateTime(0), '" 1-Jan-1970 00:00:00 +0000"');
  const seconds = fc.integer({ min: -62_135_596_800, max: 253_402_300_799 });
  fc.assert(fc.property(seconds, (value) => read(encodeDateTime(value * 1000)) === value * 1000));
});

test("strings take the form they need", () => {
  assert.equal(encodeString('a"\\'), '"a\\"\\\\"');
  assert.equal(encodeString("a\r\n"), "{3}\r\na\r\n");
  assert.equal(encodeText("ü"), "{2}\r\n\xc3\xbc");
  assert.equal(encodeString("a\0\xff"), "{2}\r\na\xff");
  assert.equal(encodeString("x".repeat(5000)).slice(0, 8), "{5000}\r\n");
  assert.equal(encodeStatus("a", "NO", "TRYCREATE", "no\r\nü"), "a NO [TRYCREATE] no?\r\n");
  assert.equal(searchDecoder("ISO-8859-1")?.("\xfc"), "ü");
  assert.equal(searchDecoder("X-NOBODY-KNOWS"), undefined);
});

const envelope: Envelope = {
  date: "Wed, 17 Jul 1996 02:23:25 -0700 (PDT)", subject: "IMAP4rev2 WG mtg summary and minutes",
  from: [{ name: "Terry Gray", adl: null, mailbox: "gray", host: "cac.washington.edu" }],
  sender: [{ name: "Terry Gray", adl: null, mailbox: "gray", host: "cac.washington.edu" }],
  replyTo: [{ name: "Terry Gray", adl: null, mailbox: "gray", host: "cac.washington.edu" }],
  to: [{ name: null, adl: null, mailbox: "imap", host: "cac.washington.edu" }],
  cc: [{ name: null, adl: null, mailbox: "minutes", host: "CNRI.Reston.VA.US" },
    { name: "John Klensin", adl: null, mailbox: "KLENSIN", host: "MIT.EDU" }],
  bcc: [], inReplyTo: null, messageId: "<B27397-0100000@cac.washington.edu>",
};

test("ENVELOPE as in RFC 9051 §8", () => {
  assert.equal(encodeEnvelope(envelope), '("Wed, 17 Jul 1996 02:23:25 -0700 (PDT)" ' +
    '"IMAP4rev2 WG mtg summary and minutes" (("Terry Gray" NIL "gray" "cac.washington.edu")) ' +
    '(("Terry Gray" NIL "gray" "cac.washington.edu")) (("Terry Gray" NIL "gray" "cac.washington.edu")) ' +
    '((NIL NIL "imap" "cac.washington.edu")) ((NIL NIL "minutes" "CNRI.Reston.VA.US")' +
    '("John Klensin" NIL "KLENSIN" "MIT.EDU")) NIL NIL "<B27397-0100000@cac.washington.edu>")');
  const nobody = { name: null, adl: null, mailbox: null, host: null };
  const group = [{ ...nobody, mailbox: "Ü" }, nobody];
  assert.match(encodeEnvelope({ ...envelope, subject: "Grüße", to: group }),
    /"=\?utf-8\?\S+".*\(\(NIL NIL "=\?utf-8\?\S+" NIL\)\(NIL NIL NIL NIL\)\)/i);
});

const common = { headerStart: 0, bodyStart: 100, bodyEnd: 1252, lineCount: 23, params: [], encoding: "7bit" };

test("BODYSTRUCTURE of text, multipart and enclosed messages", () => {
  const text: MimePart = {
    ...common, kind: "text", type: "text", subtype: "plain", params: [{ name: "charset", value: "us-ascii" }],
  };
  assert.equal(encodeBodyStructure(text, false), '("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 1152 23)');
  assert.equal(encodeBodyStructure(text, true),
    '("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 1152 23 NIL NIL NIL NIL)');
  const attached: MimePart = {
    ...common, kind: "basic", type: "image", subtype: "png", contentId: "<i@x>", encoding: "base64", md5: "abc",
    description: "a \"pic\"", language: ["de", "en"], location: "http://x/",
    disposition: { type: "attachment", params: [
      { name: "filename", value: "ü.png", wireName: "filename*", wireValue: "utf-8''%C3%BC.png" },
    ] },
  };
  const enclosed: MimePart = { ...common, kind: "message", type: "message", subtype: "rfc822", envelope, body: text };
  const multipart: MimePart = {
    ...common, kind: "multipart", type: "multipart", subtype: "mixed", params: [{ name: "boundary", value: "b" }],
    children: [text, attached, enclosed],
  };
  const picture = '("image" "png" NIL "<i@x>" "a \\"pic\\"" "base64" 1152 "abc" ("attachment" ("filename*" ' +
    '"utf-8\'\'%C3%BC.png")) ("de" "en") "http://x/")';
  assert.equal(encodeBodyStructure(multipart, true), `(${encodeBodyStructure(text, true)}${picture}` +
    `("message" "rfc822" NIL NIL NIL "7bit" 1152 ${encodeEnvelope(envelope)} ${encodeBodyStructure(text, true)} 23 ` +
    'NIL NIL NIL NIL) "mixed" ("boundary" "b") NIL NIL NIL)');
  assert.equal(encodeBodyStructure({ ...multipart, children: [text] }, false),
    `(${encodeBodyStructure(text, false)} "mixed")`);
});
