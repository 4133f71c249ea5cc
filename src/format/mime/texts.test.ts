/**
 * Proves the small readers of header and body text by tables, the bad rows with the good ones: encoded-words,
 * parameters, addresses, dates, charsets, transfer encodings, subjects; and by properties that what is written here is
 * read back and that no cut of the input changes what a decoder gives.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { displayAddresses, parseAddresses } from "#format/mime/addresses.ts";
import { canonicalCharset, charsetDecoder, decodeCharset, decodeHeaderBytes } from "#format/mime/charset.ts";
import { formatDate, parseDate } from "#format/mime/date.ts";
import { Base64Decoder, QuotedPrintableDecoder, decodeTransfer } from "#format/mime/decode.ts";
import { messageIds } from "#format/mime/envelope.ts";
import { textField } from "#format/mime/fields.ts";
import { filterHeader, headerFields, headerText, headerValue } from "#format/mime/headers.ts";
import { parseParameterized } from "#format/mime/parameters.ts";
import { baseSubject } from "#format/mime/summary.ts";
import { decodeWords, encodeWords } from "#format/mime/words.ts";
import type { MimeAddress } from "#format/mime/types.ts";
import { cpuMs } from "../../../test/support/cpu-time.ts";

const bytesOf = (text: string): Buffer => Buffer.from(text, "latin1");

test("encoded-words", () => {
  const rows: readonly (readonly [string, string])[] = [
    ["=?utf-8?q?a=C3=A4_b?=", "aä b"],
    ["=?UTF-8?B?w6Q=?=", "ä"],
    ["=?utf-8?q?a?= =?utf-8?q?b?=", "ab"],
    ["=?utf-8?q?a?=  x =?utf-8?q?b?=", "a  x b"],
    ["=?utf-8?Q?=C3?= =?utf-8?Q?=A4?=", "ä"],
    ["=?utf-8?Q?=C3?==?utf-8?Q?=A4?=", "ä"],
    ["=?iso-2022-jp?B?GyRCJCIbKEI=?=", "あ"],
    ["=?utf-8*de?q?x?=", "x"],
    ["=?iso-8859-1?Q?some words?=", "some words"],
    ["a=?utf-8?q?b?=c", "abc"],
    ["=?utf-8?x?b?=", "=?utf-8?x?b?="],
    ["=?nonsense?q?b?=", "=?nonsense?q?b?="],
    ["=?utf-8?q?b", "=?utf-8?q?b"],
    ["=?utf-8?B?!!?=", "=?utf-8?B?!!?="],
    ["=?utf-8?q?=ZZ?=", "=ZZ"],
    ["=?utf-8?q?a=00b=0D=0Ac?=", "a b c"],
    ["=?iso-8859-1?q?Fr\u00f6_=F6?=", "Frö ö"],
    ["=?utf-8?q??=x", "x"],
    ["=?ks_c_5601-1987?B?sKE=?=", "가"],
  ];
  for (const [text, expected] of rows) assert.equal(decodeWords(text), expected, text);
  fc.assert(fc.property(fc.string({ unit: "grapheme", maxLength: 120 }), (text) => {
    const clean = text.toWellFormed().replaceAll(/[\0\r\n]+/g, " ");
    const encoded = encodeWords(clean);
    assert.equal(decodeWords(encoded), clean);
    assert.match(encoded, /^[\t\x20-\x7e]*$/);
    for (const word of encoded.match(/=\?[^ ]*/g) ?? []) assert.ok(word.length <= 75 || !clean.includes(word));
  }), { numRuns: 300 });
});

test("parameters", () => {
  const rows: readonly (readonly [string, string, Record<string, string>])[] = [
    [`text/plain; charset="utf-8"; format=flowed`, "text/plain", { charset: "utf-8", format: "flowed" }],
    [`text/plain; charset=us-ascii (Plain text)`, "text/plain", { charset: "us-ascii" }],
    [`attachment; filename="a \\"b\\" c:\\\\d.txt"`, "attachment", { filename: `a "b" c:\\d.txt` }],
    [`attachment; filename=foo (1).pdf`, "attachment", { filename: "foo (1).pdf" }],
    [`attachment; filename*0="a"; filename*1="b.txt"`, "attachment", { filename: "ab.txt" }],
    [`attachment; filename*0*=utf-8''%C3%A4; filename*1=b.txt`, "attachment", { filename: "äb.txt" }],
    [`attachment; filename*1=b; filename*0=a`, "attachment", { filename: "ab" }],
    [`attachment; filename="x.txt"; filename*=utf-8''%E2%82%AC.txt`, "attachment", { filename: "€.txt" }],
    [`attachment; filename*=iso-8859-1'de'%E4.txt`, "attachment", { filename: "ä.txt" }],
    [`attachment; filename*=a%20b.txt`, "attachment", { filename: "a b.txt" }],
    [`attachment; filename="=?utf-8?q?=C3=A4?="`, "attachment", { filename: "ä" }],
    [`attachment; filename="unclosed; size=3`, "attachment", { filename: "unclosed", size: "3" }],
    [`text/html charset=utf-8`, "text/html", { charset: "utf-8" }],
    [`text/plain;;; charset = utf-8 ;`, "text/plain", { charset: "utf-8" }],
    [`text/plain; charset=a; charset=b`, "text/plain", { charset: "a" }],
    [`text/plain; charset=utf-8 format=flowed`, "text/plain", { charset: "utf-8", format: "flowed" }],
    [`text/plain; nothing; =; "x"; charset='utf-8'`, "text/plain", { charset: "utf-8" }],
    [``, "", {}],
  ];
  for (const [text, value, params] of rows) {
    const parsed = parseParameterized(text);
    assert.equal(parsed.value, value, text);
    assert.deepEqual(Object.fromEntries(parsed.params.map((param) => [param.name, param.value])), params, text);
  }
  assert.deepEqual(parseParameterized(`a; filename*0*=utf-8''%C3%A4; filename*1="b c"`).params[0],
    { name: "filename", value: "äb c", wireName: "filename*", wireValue: "utf-8''%C3%A4b%20c" });
});

test("address lists", () => {
  const one = (name: string | null, mailbox: string | null, host: string | null, adl: string | null = null): MimeAddress =>
    ({ name, adl, mailbox, host });
  const rows: readonly (readonly [string, readonly MimeAddress[]])[] = [
    ["a@b.example", [one(null, "a", "b.example")]],
    ["A B <a@b>, c@d", [one("A B", "a", "b"), one(null, "c", "d")]],
    [`"B, A" <a@b>`, [one("B, A", "a", "b")]],
    [`"a\\"b" <a@b>`, [one(`a"b`, "a", "b")]],
    [`=?utf-8?q?B,_A?= <a@b>`, [one("=?utf-8?q?B,_A?=", "a", "b")]],
    ["a@b (A B)", [one("A B", "a", "b")]],
    ["a@b (A (nested) \\) B)", [one("A (nested) ) B", "a", "b")]],
    ["John Q. Public <j@q>", [one("John Q. Public", "j", "q")]],
    [`"joe smith"@x`, [one(null, "joe smith", "x")]],
    [`<"a@b"@c>`, [one(null, "a@b", "c")]],
    ["john . doe @ example . com", [one(null, "john.doe", "example.com")]],
    ["<@a,@b:c@d>", [one(null, "c", "d", "@a,@b")]],
    ["g: a@b, c@d; e@f", [one(null, "g", null), one(null, "a", "b"), one(null, "c", "d"), one(null, null, null),
      one(null, "e", "f")]],
    ["undisclosed-recipients:;", [one(null, "undisclosed-recipients", null), one(null, null, null)]],
    ["g: a@b", [one(null, "g", null), one(null, "a", "b"), one(null, null, null)]],
    ["a@[IPv6:::1]", [one(null, "a", "[IPv6:::1]")]],
    ["root", [one(null, "root", "")]],
    ["MAILER-DAEMON <>", [one("MAILER-DAEMON", "", "")]],
    ["a@b; c@d", [one(null, "a", "b"), one(null, "c", "d")]],
    ["A <a@b, c@d", [one("A", "a", "b"), one(null, "c", "d")]],
    ["A <a@b> B <c@d>", [one("A", "a", "b"), one("B", "c", "d")]],
    ["Some Body a@b", [one("Some Body", "a", "b")]],
    ["<<a@b>>", [one(null, "a", "b")]],
    ["a@b@c", [one(null, "a@b", "c")]],
    [`"unclosed <a@b>`, [one("unclosed", "a", "b")]],
    ["(unclosed a@b", [one("(unclosed", "a", "b")]],
    ["mailto:a@b", [one(null, "a", "b")]],
    ["<mailto:a@b>", [one(null, "a", "b")]],
    [" , ,, ", []],
    ["", []],
  ];
  for (const [text, expected] of rows) assert.deepEqual(parseAddresses(text), expected, text);
  assert.deepEqual(displayAddresses(parseAddresses("g: =?utf-8?q?=C3=A4?= <a@b>, root;")),
    [{ name: "ä", address: "a@b" }, { name: "", address: "root" }]);
  assert.equal(parseAddresses("a@b,".repeat(50), 10).length, 10);
  fc.assert(fc.property(fc.string({ unit: fc.constantFrom(..."ab@.,;:<>()[]\"\\ =?"), maxLength: 60 }), (text) => {
    for (const address of parseAddresses(text)) assert.ok(address.name !== undefined);
  }), { numRuns: 500 });
});

test("hostile address lists take linear time", () => {
  for (const piece of ["(", "\"\\", "a@b::", "a ", "<", "<@a,", "=?a?q?", "@[", "a:;", ">", "\"", ",", ". "]) {
    const started = cpuMs();
    parseAddresses(piece.repeat(300_000 / piece.length));
    assert.ok(cpuMs() - started < 2000, piece);
  }
});

test("texts that the fuzzer found to take quadratic time", () => {
  const rows: readonly (readonly [name: string, run: () => unknown])[] = [
    ["words that begin and never end", () => decodeWords("=?ks_c_5601-1987?B?UkU6IMi4v/i0 ".repeat(20_000))],
    ["words whose end comes last", () => decodeWords(`${"=?utf-8?Q?a".repeat(50_000)}?=`)],
    ["a field of many words", () => textField("Subject", "a bc ".repeat(200_000))],
    ["a field of nothing but space", () => textField("Subject", "\u00a0 ".repeat(20_000))],
  ];
  for (const [name, run] of rows) {
    const before = process.threadCpuUsage();
    run();
    const used = process.threadCpuUsage(before);
    assert.ok(used.user + used.system < 1_500_000, `${name} takes ${(used.user + used.system) / 1000} ms`);
  }
});

test("what is read the short way is read the same the long way", () => {
  // A tab, or spaces, before the text: the short ways do not take it, and to the long ones it says nothing.
  const words = fc.constantFrom(..."Ab c.d@e.test|\"Q, R\"|<a@b>|, |,|  |a@b|=?utf-8?Q?=41?=|(c)|;|g:|mailto:x@y|.|@|<|>|\"".split("|"));
  fc.assert(fc.property(fc.array(words, { maxLength: 9 }), (list) => {
    assert.deepEqual(parseAddresses(list.join("")), parseAddresses(`\t${list.join("")}`), list.join(""));
  }), { numRuns: 1500 });
  const pieces = fc.constantFrom(..."text/plain|; |;|charset=|utf-8|\"a b\"|name*0=|a/b|boundary=\"=_x\"|=| |filename=|'x'|%41|(c)|,".split("|"));
  fc.assert(fc.property(fc.array(pieces, { maxLength: 9 }), (list) => {
    const text = `text/plain${list.join("")}`;
    assert.deepEqual(parseParameterized(text), parseParameterized(` ${text}`), text);
  }), { numRuns: 1500 });
  const dates = fc.tuple(fc.constantFrom("", "Mon, ", "Sat,"), fc.integer({ min: 0, max: 33 }), fc.constantFrom("Jan", "DEC", "Mai"),
    fc.integer({ min: 90, max: 2100 }), fc.constantFrom("09:08:07", "24:60:61", "1:02", "23:59:60"),
    fc.constantFrom("+0000", "-0330", "+9999", "GMT", "+0100 (CET)", ""));
  fc.assert(fc.property(dates, ([name, day, month, year, time, zone]) => {
    const text = `${name}${day} ${month} ${year} ${time} ${zone}`;
    assert.equal(parseDate(text), parseDate(`  ${text}`), text);
  }), { numRuns: 1000 });
});

test("dates", () => {
  const rows: readonly (readonly [string, string | null])[] = [
    ["Fri, 21 Nov 1997 09:55:06 -0600", "1997-11-21T15:55:06.000Z"],
    ["21 Nov 97 09:55:06 GMT", "1997-11-21T09:55:06.000Z"],
    ["21 Nov 97 09:55 EST (comment)", "1997-11-21T14:55:00.000Z"],
    ["1 Jan 49 00:00 Z", "2049-01-01T00:00:00.000Z"],
    ["Fri, 21 Nov 101 09(comment):55:06 -0600", "2001-11-21T15:55:06.000Z"],
    // RFC 5322 appendices A.5 and A.6.3.
    ["Fri, 21 Nov 1997 09(comment):   55  :  06 -0600", "1997-11-21T15:55:06.000Z"],
    ["Thu,\r\n      13\r\n        Feb\r\n          1969\r\n      23:32\r\n               -0330 (Newfoundland Time)",
      "1969-02-14T03:02:00.000Z"],
    ["Fri, 21 Nov 1997 : -0600", null],
    ["Fri, 21 Nov 101 09:55:06 -0600", "2001-11-21T15:55:06.000Z"],
    ["Wed Dec  4 10:00:00 2002", "2002-12-04T10:00:00.000Z"],
    ["Wed Dec 04 10:00:00 MST 2002", "2002-12-04T17:00:00.000Z"],
    ["2014-11-03T10:00:00+01:00", "2014-11-03T09:00:00.000Z"],
    ["Mon, 3-Nov-2014 10.00.00 +0100", "2014-11-03T09:00:00.000Z"],
    ["3 November 2014 10:00 PM", "2014-11-03T22:00:00.000Z"],
    ["Thu, 7 Feb 2019 10:00:00 GMT+0100", "2019-02-07T09:00:00.000Z"],
    ["Thu, 7 Feb 2019 10:00:60", "2019-02-07T10:01:00.000Z"],
    ["Thu, 7 Feb 2019", null],
    ["99 Feb 2019 10:00", null],
    ["7 Foo 2019 10:00", null],
    ["7 Feb 2019 25:00", null],
    ["", null],
    ["nonsense", null],
  ];
  for (const [text, expected] of rows) {
    const ms = parseDate(text);
    assert.equal(ms === null ? null : new Date(ms).toISOString(), expected, text);
  }
  assert.equal(formatDate(Date.UTC(2024, 1, 29, 23, 5, 9), 330), "Fri, 1 Mar 2024 04:35:09 +0530");
  fc.assert(fc.property(fc.integer({ min: 0, max: 4e12 }), fc.integer({ min: -720, max: 840 }), (ms, zone) => {
    assert.equal(parseDate(formatDate(ms, zone)), Math.floor(ms / 1000) * 1000);
  }), { numRuns: 200 });
});

test("charsets", () => {
  const rows: readonly (readonly [label: string | null, hex: string, text: string])[] = [
    ["utf8", "c3a4", "ä"], ["iso-8859-1", "80e4", "€ä"], ["us-ascii", "c3a4e4", "ää"], [null, "e2", "â"],
    ["x-unknown", "e282ac", "€"], ["nonsense", "fc", "ü"], ["gb2312", "c4e3", "你"], ["ks_c_5601-1987", "b0a1", "가"],
    ["Shift-JIS", "82a0", "あ"], ["euc-jp", "a4a2", "あ"], ["big5", "a7da", "我"], ["koi8-r", "c1", "а"],
    ["iso-2022-jp", "1b2442242224241b2842", "あい"], ["iso-2022-jp", "1b284a411b2849311b2842", "Aｱ"],
    ["ISO-2022-JP", "1b244224220a41", "あ\nA"],
    ["iso-2022-jp-1", "1b242844302130221b2842", "丂丄"],
    ["iso-2022-kr", "1b2429430e30210f41", "가A"], ["hz-gb-2312", "7e7b44637e7d41", "你A"],
    ["x-mac-cyrillic", "80", "А"], ["cp1251", "e0", "а"], ["windows-1252http", "e4", "ä"], ["utf-7", "2b414f512d", "ä"],
    ["utf-16", "feff00e4", "ä"], ["\"utf-8\"", "c3a4", "ä"], ["base64", "41", "A"], ["iso_8859-15", "a4", "€"],
  ];
  for (const [label, hex, text] of rows) {
    const bytes = Buffer.from(hex, "hex");
    assert.equal(decodeCharset(bytes, label), text, `${label} ${hex}`);
    const decoder = charsetDecoder(label);
    let out = "";
    for (const byte of bytes) out += decoder.write(Uint8Array.of(byte));
    assert.equal(out + decoder.end(), text, `${label} ${hex}, byte by byte`);
  }
  assert.equal(canonicalCharset("__proto__"), null);
  assert.equal(decodeHeaderBytes(bytesOf("\xe4")), "ä");
  assert.equal(decodeHeaderBytes(bytesOf("\xc1"), "koi8-r"), "а");
  assert.equal(decodeHeaderBytes(bytesOf("\x1b$B$\"\x1b(B")), "あ");
  const labels = fc.constantFrom("utf-8", "us-ascii", "gbk", "iso-2022-jp", "iso-2022-kr", "hz", "shift_jis", "utf-7", "utf-16");
  fc.assert(fc.property(labels, fc.uint8Array({ maxLength: 60 }), fc.integer({ min: 1, max: 5 }), (label, bytes, size) => {
    const decoder = charsetDecoder(label);
    let out = "";
    for (let at = 0; at < bytes.length; at += size) out += decoder.write(bytes.slice(at, at + size));
    const whole = charsetDecoder(label);
    assert.equal(out + decoder.end(), whole.write(bytes) + whole.end());
  }), { numRuns: 500 });
});

test("transfer encodings", () => {
  const rows: readonly (readonly [encoding: string, text: string, expected: string])[] = [
    ["base64", "QUJD", "ABC"], ["base64", "QU\r\nI=", "AB"], ["base64", "QQ==QUI=", "AAB"], ["base64", "Q!U*JD", "ABC"],
    ["base64", "QUI", "AB"], ["base64", "Q", ""], ["base64", "", ""], ["base64", "-_-_", "\xfb\xff\xbf"],
    ["quoted-printable", "a=3D=e4b", "a=\xe4b"], ["quoted-printable", "a=\r\nb=\nc= \t\r\nd", "abcd"],
    ["quoted-printable", "a  \r\nb\t\n", "a\r\nb\n"], ["quoted-printable", "a=20\r\n", "a \r\n"],
    ["quoted-printable", "a =\r\nb", "a b"], ["quoted-printable", "=XY=4=", "=XY=4"], ["quoted-printable", "==41", "=A"],
    ["quoted-printable", "a= b", "a= b"], ["quoted-printable", "a= \t \nb", "ab"], ["quoted-printable", "=4 \r\n", "=4\r\n"],
    ["quoted-printable", "a=\rb", "ab"], ["quoted-printable", "a= \rb", "ab"], ["quoted-printable", "a   ", "a"],
    ["quoted-printable", "= =41", "= A"], ["7bit", "a=3D", "a=3D"], ["x-uuencode", "#86)C", "#86)C"],
  ];
  for (const [encoding, text, expected] of rows) {
    assert.equal(Buffer.from(decodeTransfer(bytesOf(text), encoding)).toString("latin1"), expected, `${encoding} ${text}`);
  }
  const soup = fc.string({ unit: fc.constantFrom(..."=AB4 \t\r\n.x"), maxLength: 40 }).map(bytesOf);
  // Long and clean, so that it takes the platform's decoder, and cut within groups and padding.
  const lines = fc.tuple(fc.uint8Array({ minLength: 100, maxLength: 600 }), fc.constantFrom("", "=", "\r\n", "QQ==", "-_-_", "é"))
    .map(([bytes, tail]) => bytesOf(`${Buffer.from(bytes).toString("base64").replaceAll(/.{76}/g, "$&\r\n")}${tail}`));
  fc.assert(fc.property(lines, fc.integer({ min: 1, max: 400 }), (bytes, size) => {
    const decoder = new Base64Decoder();
    const out: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at += size) out.push(Buffer.from(decoder.write(bytes.subarray(at, at + size))));
    const slow = new Base64Decoder();
    const expected = [...bytes].map((byte) => Buffer.from(slow.write(Uint8Array.of(byte))));
    assert.deepEqual(Buffer.concat([...out, decoder.end()]), Buffer.concat([...expected, slow.end()]));
  }), { numRuns: 200 });
  fc.assert(fc.property(soup, fc.integer({ min: 1, max: 4 }), fc.boolean(), (bytes, size, base64) => {
    const decoder = base64 ? new Base64Decoder() : new QuotedPrintableDecoder();
    const out: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at += size) out.push(decoder.write(bytes.subarray(at, at + size)));
    out.push(decoder.end());
    const whole = decodeTransfer(bytes, base64 ? "base64" : "quoted-printable");
    assert.deepEqual(Buffer.concat(out), Buffer.from(whole));
  }), { numRuns: 800 });
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
    assert.deepEqual(Buffer.from(decodeTransfer(bytesOf(Buffer.from(bytes).toString("base64")), "base64")), Buffer.from(bytes));
  }), { numRuns: 100 });
});

test("header sections", () => {
  const header = bytesOf("A: one\r\n two\r\nnot a field\r\nB : \tx\r\na: three\r\n\r\nC: body");
  assert.deepEqual([...headerFields(header)].map((field) => field.name), ["a", "b", "a"]);
  assert.equal(headerValue(header, "a"), "one two");
  assert.equal(headerValue(header, "c"), null);
  const pick = (names: string[], not: boolean): string => Buffer.concat(filterHeader(header, new Set(names), not)).toString();
  assert.equal(pick(["a"], false), "A: one\r\n two\r\na: three\r\n\r\n");
  assert.equal(pick(["a"], true), "B : \tx\r\n\r\n");
  assert.equal(pick(["z"], false), "\r\n");
  assert.equal(headerText(bytesOf(" a\r\n\tb\0c\n d\r\r\n ")), "a bc d");
});

test("message ids and base subjects", () => {
  assert.deepEqual(messageIds("<a@b> (x) <c\r\n @d>\t<>"), ["a@b", "c@d"]);
  assert.deepEqual(messageIds("a@b, c@d nothing"), ["a@b", "c@d"]);
  assert.deepEqual(messageIds("<<<<<"), []);
  const rows: readonly (readonly [string, string])[] = [
    ["Re: hello", "HELLO"], ["RE[2]: Fwd: [list] hello (fwd)", "HELLO"], ["[fwd: hello]", "HELLO"], ["[list]", "[LIST]"],
    ["Re:", ""], ["  a   b ", "A B"], ["[a] re [b] : c", "C"], ["Reply: x", "REPLY: X"],
  ];
  for (const [subject, expected] of rows) assert.equal(baseSubject(subject), expected, subject);
});
