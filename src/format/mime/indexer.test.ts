/**
 * Proves the structure found in messages: tables with the exact parts and the exact bytes of each, the corpus of real
 * mail (nothing throws or hangs; every range lies within its parent), and the property that the cut of the input and
 * garbage in it change nothing.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { createMimeIndexer, indexMessage } from "#format/mime/indexer.ts";
import { summarize } from "#format/mime/summary.ts";
import type { IndexedMessage, MimeIndexerOptions } from "#format/mime/indexer.ts";
import type { MimePart } from "#format/mime/types.ts";

const bytesOf = (text: string): Buffer => Buffer.from(text, "latin1");

/** `subtype(children)` for a multipart, `rfc822[body]` for a message, else `type/subtype "body" lines`. */
function outline(message: Buffer, part: MimePart): string {
  const body = JSON.stringify(message.toString("latin1", part.bodyStart, part.bodyEnd));
  if (part.kind === "multipart") return `${part.subtype}(${part.children.map((child) => outline(message, child)).join(", ")})`;
  if (part.kind === "message") return `rfc822[${outline(message, part.body)}]`;
  return `${part.type}/${part.subtype} ${body} ${part.lineCount}`;
}

function structure(text: string, options?: MimeIndexerOptions): string {
  const message = bytesOf(text);
  return outline(message, indexMessage(message, options).index.root);
}

function inPieces(message: Uint8Array, sizes: () => number, options?: MimeIndexerOptions): IndexedMessage {
  const indexer = createMimeIndexer(options);
  for (let at = 0; at < message.length;) {
    const size = Math.max(1, sizes());
    indexer.push(message.slice(at, at + size));
    at += size;
  }
  return indexer.end();
}

const multi = (boundary: string, body: string, subtype = "mixed"): string =>
  `Content-Type: multipart/${subtype}; boundary="${boundary}"\r\n\r\n${body}`;

const structures: readonly (readonly [name: string, message: string, expected: string])[] = [
  ["plain", "Subject: a\r\n\r\nhello\r\n", `text/plain "hello\\r\\n" 1`],
  ["nothing at all", "", `text/plain "" 0`],
  ["header without blank line at the end", "Subject: a\r\n", `text/plain "" 0`],
  ["header without line end", "Subject: a", `text/plain "" 0`],
  ["no header", "hello there\r\nmore: text\r\n\r\nend", `text/plain "hello there\\r\\nmore: text\\r\\n\\r\\nend" 3`],
  ["empty header", "\r\nhello", `text/plain "hello" 0`],
  ["bare LF", "A: b\n\nx\ny", `text/plain "x\\ny" 1`],
  ["bare CR throughout", "A: b\rC: d\r\rx\ry\r", `text/plain "x\\ry\\r" 2`],
  ["CR CR LF", "A: b\r\r\nContent-Type: text/html\r\r\n\r\r\nx\r\r\n", `text/html "x\\r\\r\\n" 1`],
  ["NULs", "A: \0b\r\n\r\n\0x", `text/plain "\\u0000x" 0`],
  ["mbox line", "From a@b Mon Jan 1\r\nContent-Type: text/html\r\n\r\nx", `text/html "x" 0`],
  ["quoted mbox line", ">From a@b\r\nContent-Type: text/html\r\n\r\nx", `text/html "x" 0`],
  ["byte order mark", "\xef\xbb\xbfContent-Type: text/html\r\n\r\nx", `text/html "x" 0`],
  ["leading blank lines", "\r\n \r\n\r\nContent-Type: text/html\r\n\r\nx", `text/html "x" 0`],
  ["blank line forgotten", "A: b\r\nContent-Type: text/html\r\nhello there\r\nbye\r\n",
    `text/html "hello there\\r\\nbye\\r\\n" 2`],
  ["a stray line in the header", "A: b\r\nstray line\r\nContent-Type: text/html\r\n\r\nx", `text/html "x" 0`],
  ["white space line in the header folds", "A: b\r\n \r\nContent-Type: text/html\r\n\r\nx", `text/html "x" 0`],
  ["space before the colon", "Content-Type : text/html\r\n\r\nx", `text/html "x" 0`],
  ["two parts", multi("b", "pre\r\n--b\r\n\r\none\r\n--b\r\nContent-Type: text/html\r\n\r\ntwo\r\nlines\r\n--b--\r\npost"),
    `mixed(text/plain "one" 0, text/html "two\\r\\nlines" 1)`],
  ["white space after the delimiter", multi("b", "--b \t\r\n\r\none\r\n--b--  \r\n"), `mixed(text/plain "one" 0)`],
  ["no close delimiter", multi("b", "--b\r\n\r\none\r\n"), `mixed(text/plain "one\\r\\n" 1)`],
  ["close delimiter without line end", multi("b", "--b\r\n\r\none\r\n--b--"), `mixed(text/plain "one" 0)`],
  ["delimiter at the very end opens an empty part", multi("b", "--b\r\n\r\none\r\n--b"),
    `mixed(text/plain "one" 0, text/plain "" 0)`],
  ["LF before the delimiter", multi("b", "--b\n\none\n--b--\n"), `mixed(text/plain "one" 0)`],
  ["empty body", multi("b", "--b\r\nContent-Type: text/html\r\n\r\n--b--"), `mixed(text/html "" 0)`],
  ["part that is only a header", multi("b", "--b\r\nContent-Type: text/html\r\n--b--"), `mixed(text/html "" 0)`],
  ["part of no bytes", multi("b", "--b\r\n--b\r\n--b--"), `mixed(text/plain "" 0, text/plain "" 0)`],
  ["part without header", multi("b", "--b\r\nno header here\r\n--b--"), `mixed(text/plain "no header here" 0)`],
  ["boundary is the beginning of another", multi("b", "--bb\r\n\r\nx\r\n--b\r\n\r\none\r\n--bb\r\n--b--"),
    `mixed(text/plain "one\\r\\n--bb" 1)`],
  ["boundary with dashes at its end", multi("b--", "--b--\r\n\r\none\r\n--b----\r\n"), `mixed(text/plain "one" 0)`],
  ["longer inner, shorter outer boundary", multi("b", `--b\r\n${multi("b-2", "--b-2\r\n\r\none\r\n--b-2--\r\n")}\r\n--b--`),
    `mixed(mixed(text/plain "one" 0))`],
  ["same boundary twice", multi("b", `--b\r\n${multi("b", "--b\r\n\r\none\r\n--b--\r\n")}--b\r\n\r\ntwo\r\n--b--`),
    `mixed(mixed(text/plain "one" 0), text/plain "two" 0)`],
  ["outer delimiter ends the inner multipart", multi("o", `--o\r\n${multi("i", "--i\r\n\r\none\r\n--o\r\n\r\ntwo\r\n--o--")}`),
    `mixed(mixed(text/plain "one" 0), text/plain "two" 0)`],
  ["nothing after the close delimiter counts", multi("b", "--b\r\n\r\none\r\n--b--\r\n--b\r\n\r\ntwo"),
    `mixed(text/plain "one" 0)`],
  ["multipart without boundary", "Content-Type: multipart/mixed\r\n\r\nx", `text/plain "x" 0`],
  ["multipart with empty boundary", multi("", "--\r\n\r\nx"), `text/plain "--\\r\\n\\r\\nx" 2`],
  ["multipart without delimiter", multi("b", "hello\r\nyou\r\n"), `mixed(text/plain "hello\\r\\nyou\\r\\n" 2)`],
  ["multipart without blank line", `Content-Type: multipart/mixed; boundary=b\r\n--b\r\nContent-Type: text/html\r\n\r\nx\r\n--b--`,
    `mixed(text/html "x" 0)`],
  ["no semicolon before the boundary", `Content-Type: multipart/mixed boundary=b\r\n\r\n--b\r\n\r\nx`, `mixed(text/plain "x" 0)`],
  ["boundary with spaces in quotes", multi("a b", "--a b\r\n\r\nx\r\n--a b--"), `mixed(text/plain "x" 0)`],
  ["digest", multi("b", "--b\r\n\r\nSubject: in\r\n\r\none\r\n--b\r\nContent-Type: text/plain\r\n\r\ntwo\r\n--b--", "digest"),
    `digest(rfc822[text/plain "one" 0], text/plain "two" 0)`],
  ["enclosed message", "Content-Type: message/rfc822\r\n\r\nSubject: in\r\nContent-Type: text/html\r\n\r\nx\r\n",
    `rfc822[text/html "x\\r\\n" 1]`],
  ["enclosed message of no bytes", multi("b", "--b\r\nContent-Type: message/rfc822\r\n--b--"),
    `mixed(rfc822[text/plain "" 0])`],
  ["enclosed message that is encoded", "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nQUJD\r\n",
    `rfc822[text/plain "QUJD\\r\\n" 1]`],
  ["message/global", "Content-Type: message/global\r\n\r\nSubject: in\r\n\r\nx", `rfc822[text/plain "x" 0]`],
  ["delivery status", "Content-Type: message/delivery-status\r\n\r\nx", `message/delivery-status "x" 0`],
  ["unreadable type", "Content-Type: ;;=\r\n\r\nx", `text/plain "x" 0`],
  ["type alone", "Content-Type: text\r\n\r\nx", `text/plain "x" 0`],
  ["type with a comment", "Content-Type: text/html (really); charset=utf-8 (yes)\r\n\r\nx", `text/html "x" 0`],
];

test("structure, row by row", () => {
  for (const [name, message, expected] of structures) {
    assert.equal(structure(message), expected, name);
    const whole = indexMessage(bytesOf(message));
    assert.deepEqual(inPieces(bytesOf(message), () => 1), whole, `${name}, byte by byte`);
    assert.deepEqual(JSON.parse(JSON.stringify(whole.index)), whole.index, `${name}, through JSON`);
  }
});

test("offsets, line counts and facts of a whole message", () => {
  const text = "From x\r\nSubject: =?utf-8?q?a?=\r\n\tb\r\nFrom: A B <a@b.example>\r\nContent-Type: text/plain; charset=utf-8\r\n" +
    "Content-ID: <1@x>\r\nContent-Description: d\r\nContent-MD5: m\r\nContent-Language: de, en\r\n" +
    "Content-Location: http://x/\r\n y\r\nContent-Disposition: inline; filename*=utf-8''%C3%A4.txt\r\nReferences: <1@x>\r\n" +
    "Content-Transfer-Encoding: Quoted-Printable\r\n\r\n=C3=A4\nb\r\n";
  const { index } = indexMessage(bytesOf(text));
  const body = text.indexOf("\r\n\r\n") + 4;
  assert.deepEqual(index.root, {
    kind: "text", headerStart: 8, bodyStart: body, bodyEnd: text.length, lineCount: 2, type: "text", subtype: "plain",
    params: [{ name: "charset", value: "utf-8" }], encoding: "quoted-printable", contentId: "<1@x>", description: "d",
    md5: "m", language: ["de", "en"], location: "http://x/y",
    disposition: {
      type: "inline",
      params: [{ name: "filename", value: "ä.txt", wireName: "filename*", wireValue: "utf-8''%C3%A4.txt" }],
    },
  });
  assert.equal(index.headerSizeBytes, body);
  assert.equal(index.sizeBytes, text.length);
  assert.equal(index.lineCount, text.split("\n").length - 1);
  assert.equal(index.bareLineFeedCount, 1);
  assert.deepEqual([index.eightBit, index.nulBytes, index.truncated], [false, false, false]);
  assert.equal(index.envelope.subject, "=?utf-8?q?a?= b");
  assert.equal(index.envelope.sender, index.envelope.from);
  assert.deepEqual(index.fields, [{ name: "references", value: "<1@x>" }]);
  assert.equal(index.preview, "ä b");
});

test("limits make parts opaque and never lose bytes", () => {
  const deep = (levels: number): string => (levels === 0 ? "\r\nx" : multi("b", `--b\r\n${deep(levels - 1)}`));
  const cut = indexMessage(bytesOf(deep(6)), { depthMax: 3 });
  assert.equal(cut.index.truncated, true);
  assert.match(outline(bytesOf(deep(6)), cut.index.root), /^mixed\(mixed\(mixed\(application\/octet-stream "/);
  const many = multi("b", "--b\r\n\r\nx\r\n".repeat(10) + "--b--");
  const few = indexMessage(bytesOf(many), { partsMax: 4 });
  assert.equal(few.index.truncated, true);
  assert.equal(few.index.root.kind === "multipart" && few.index.root.children.length, 3);
  assert.equal(few.index.root.kind === "multipart" && few.index.root.children.at(-1)?.bodyEnd, many.length);
  const long = `A: ${"x".repeat(500)}\r\n\r\nbody`;
  const short = indexMessage(bytesOf(long), { headerSectionMaxBytes: 100 });
  assert.deepEqual([short.index.truncated, short.index.headerSizeBytes], [true, 100]);
  for (const options of [{ depthMax: 3 }, { partsMax: 4 }, { headerSectionMaxBytes: 30 }, { storedMaxCharacters: 5 }]) {
    for (const text of [deep(6), many, long]) {
      assert.deepEqual(inPieces(bytesOf(text), () => 1, options), indexMessage(bytesOf(text), options));
    }
  }
});

/** Every part lies within its parent, after its elder sibling; a multipart has a child. */
function checkRanges(message: Buffer, part: MimePart, start: number, end: number): void {
  assert.ok(start <= part.headerStart && part.headerStart <= part.bodyStart, "header within its parent");
  assert.ok(part.bodyStart <= part.bodyEnd && part.bodyEnd <= end, "body within its parent");
  // A message whose lines end in CR alone has no LF to count.
  const feeds = message.subarray(part.bodyStart, part.bodyEnd).filter((byte) => byte === 0x0a).length;
  if (message.includes(0x0a) && !/^[^\r\n]*\r[^\r\n]/.test(message.toString("latin1"))) {
    assert.equal(part.lineCount, feeds, "line ends of the body");
  }
  if (part.kind === "message") checkRanges(message, part.body, part.bodyStart, part.bodyEnd);
  if (part.kind !== "multipart") return;
  assert.ok(part.children.length > 0);
  let at = part.bodyStart;
  for (const child of part.children) {
    checkRanges(message, child, at, part.bodyEnd);
    at = child.bodyEnd;
  }
}

function check(message: Uint8Array): IndexedMessage {
  const indexed = indexMessage(message);
  checkRanges(Buffer.from(message), indexed.index.root, 0, message.length);
  summarize(indexed.index);
  const stored = JSON.stringify(indexed.index);
  assert.deepEqual(JSON.parse(stored), indexed.index);
  assert.ok(!/\\u0000|\\r|\\n/.test(JSON.stringify(indexed.index.envelope)), "no line ends or NULs in the envelope");
  return indexed;
}

const corpus = join(process.env["OUTPOST_CORPUS"] ?? "../shared/corpus", "eml");

test("every message of the corpus", { skip: existsSync(corpus) ? false : `no ${corpus}` }, () => {
  const names = readdirSync(corpus);
  assert.ok(names.length > 200);
  for (const name of names) {
    const message = readFileSync(join(corpus, name));
    const whole = check(message);
    if (message.length < 64 * 1024) assert.deepEqual(inPieces(message, () => 1), whole, name);
    else assert.deepEqual(inPieces(message, () => 1021), whole, name);
  }
});

const corpusFacts: readonly (readonly [file: string, subject: string, from: string, preview: RegExp])[] = [
  ["thunderbird-charset-cp932.eml", "ここに本文がきます。", "from@example.org", /^ここに本文がきます。/],
  ["spamassassin-iso-2022-jp.1", "MIME text/plain attach with Shift_JIS (CP932)", "Shinichiro HIDA", /^Hi,/],
  ["thunderbird-messages-sample04.eml", "Алфавит", "Bug Reporter", /^Вопрос/],
  ["phpimap-ks_c_5601-1987_headers.eml", "RE: 회원님께 Ersi님이 메시지를 보냈습니다.", "김 현진", /^Content/],
  ["rubymail-utf8_headers.eml", "Säying Hello", "Jöhn Doe", /^body/],
  ["kopano-big5.eml", "養樂多線上訂購", "養樂多", /^body/],
  ["flanker-enclosed-endless.eml", "", "", /^/],
];

test("known facts of the corpus", { skip: existsSync(corpus) ? false : `no ${corpus}` }, () => {
  for (const [file, subject, from, preview] of corpusFacts) {
    const { index } = indexMessage(readFileSync(join(corpus, file)));
    const summary = summarize(index);
    if (subject !== "") assert.deepEqual([summary.subject, summary.fromName], [subject, from], file);
    assert.match(summary.preview, preview, file);
  }
});

const soup = fc.array(fc.constantFrom(
  "--a", "--a--", "--b", "--b--", "--ab", "-", "\r\n", "\n", "\r", " ", "\t", "x", ":", ";", "\0", "é", "=\r\n", "=C3",
  "Content-Type: multipart/mixed; boundary=a\r\n", "Content-Type: multipart/digest; boundary=\"b\"\r\n",
  "Content-Type: message/rfc822\r\n", "Content-Type: text/html; charset=iso-2022-jp\r\n", "\x1b$B", "<b>", "&amp;",
  "Content-Transfer-Encoding: base64\r\n", "Content-Transfer-Encoding: quoted-printable\r\n", "Subject: a\r\n", "\r\n\r\n",
  "From a\r\n", "To: \"a, b\" <c@d>, e:f;\r\n", "Content-Type: text/plain; charset=gbk\r\n", "\x81", "QUJD",
), { maxLength: 60 }).map((pieces) => Buffer.from(pieces.join(""), "latin1"));

test("soup of delimiters and fields: any cut gives the same, nothing throws", () => {
  fc.assert(fc.property(soup, fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 }), (message, sizes) => {
    let turn = 0;
    const whole = check(message);
    assert.deepEqual(inPieces(message, () => sizes[turn++ % sizes.length] ?? 1), whole);
  }), { numRuns: 600 });
});

test("random bytes: any cut gives the same, nothing throws", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 1, max: 7 }), (bytes, size) => {
    assert.deepEqual(inPieces(bytes, () => size), check(bytes));
  }), { numRuns: 300 });
});

test("search text, preview and attachments", () => {
  const html = `<html><head><title>no</title><style>p{}</style></head><body>H&auml;llo <b>w</b>orld<br>&lt;x&gt;</body></html>`;
  const text = "Subject: =?utf-8?B?w6RiYw==?=\r\nFrom: \"M, A\" <m@x.example>\r\nTo: g: b@x.example, b@x.example;\r\n" +
    multi("o", `--o\r\n${multi("i", "--i\r\nContent-Type: text/plain; charset=iso-8859-1\r\n" +
      "Content-Transfer-Encoding: quoted-printable\r\n\r\nOn Monday X wrote:\r\n> old=20\r\n\r\nn=E9w  te=\r\nxt\r\n-- \r\nsig\r\n" +
      `--i\r\nContent-Type: text/html\r\n\r\n${html}\r\n--i--\r\n`, "alternative")}\r\n--o\r\n` +
      "Content-Type: application/pdf; name=\"=?utf-8?q?=C3=BC.pdf?=\"\r\nContent-Transfer-Encoding: base64\r\n\r\nQUJD\r\n--o--\r\n");
  const { index, searchText } = indexMessage(bytesOf(text));
  assert.equal(index.preview, "néw text");
  assert.equal(index.hasAttachments, true);
  assert.deepEqual(index.attachmentNames, ["ü.pdf"]);
  assert.deepEqual(searchText, {
    subject: "äbc", addresses: "M, A m@x.example\nb@x.example", attachmentNames: "ü.pdf",
    body: "On Monday X wrote: > old néw text -- sig Hällo world <x>",
  });
  const tight = indexMessage(bytesOf(text), { searchTextMaxCharacters: 20 }).searchText;
  assert.ok(Object.values(tight).join("").length <= 20);
});

test("what a person would call an attachment", () => {
  const part = (header: string): string => `--b\r\n${header}\r\n\r\nx\r\n`;
  const text = part("Content-Type: text/plain");
  const rows: readonly (readonly [name: string, subtype: string, parts: string, expected: boolean])[] = [
    ["text alone", "mixed", text, false],
    ["text with a name as the message", "mixed", part("Content-Type: text/plain; name=a.txt"), false],
    ["second text without a name", "mixed", text + text, false],
    ["text with a name", "mixed", text + part("Content-Type: text/plain; name=a.txt"), true],
    ["text marked as one", "mixed", part("Content-Disposition: attachment"), true],
    ["picture", "mixed", text + part("Content-Type: image/png"), true],
    ["picture of the text", "related", text + part("Content-Type: image/png\r\nContent-ID: <1>"), false],
    ["file beside the text", "related",
      text + part("Content-Type: image/png\r\nContent-ID: <1>\r\nContent-Disposition: attachment"), true],
    ["other form", "alternative", text + part("Content-Type: application/json"), false],
    ["signature", "signed", text + part("Content-Type: application/pgp-signature; name=signature.asc"), false],
    ["encrypted", "encrypted", part("Content-Type: application/octet-stream; name=x.asc"), false],
    ["report", "report", text + part("Content-Type: message/delivery-status") + part("Content-Type: message/rfc822"), false],
    ["enclosed message", "mixed", text + part("Content-Type: message/rfc822"), true],
    ["meeting", "alternative", text + part("Content-Type: text/calendar; method=REQUEST"), false],
  ];
  for (const [name, subtype, parts, expected] of rows) {
    assert.equal(indexMessage(bytesOf(multi("b", `${parts}--b--`, subtype))).index.hasAttachments, expected, name);
  }
});

test("headers that the fuzzer found to take quadratic time", () => {
  const rows: readonly (readonly [name: string, message: string])[] = [
    ["lines like delimiters", `Received: a\n${"--a--\r\n".repeat(20_000)}`],
    ["the same after a type without boundary", `Content-Type: multipart/mixed\r\n${"--a\r\n".repeat(20_000)}`],
    ["words that never end", `Subject: ${"=?ks_c_5601-1987?B?UkU6IMi4v/i0 ".repeat(6000)}\r\n\r\n`],
    ["fields and delimiters in turn", `A: b\r\n${"--a\r\nB: c\r\n".repeat(20_000)}`],
  ];
  for (const [name, message] of rows) {
    const before = process.threadCpuUsage();
    summarize(indexMessage(bytesOf(message)).index);
    const used = process.threadCpuUsage(before);
    assert.ok(used.user + used.system < 1_500_000, `${name} takes ${(used.user + used.system) / 1000} ms`);
  }
});

test("a large message passes in flat memory", () => {
  const indexer = createMimeIndexer();
  indexer.push(bytesOf(multi("b", "--b\r\nContent-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n\r\n")));
  const chunk = bytesOf(`${"QUJD".repeat(19)}\r\n`.repeat(800));
  for (let count = 0; count < 300; count++) indexer.push(chunk);
  indexer.push(bytesOf("--b--\r\n"));
  const { index } = indexer.end();
  const part = index.root.kind === "multipart" ? index.root.children[0] : undefined;
  assert.equal((part?.bodyEnd ?? 0) - (part?.bodyStart ?? 0), chunk.length * 300 - 2);
  assert.equal(part?.lineCount, 800 * 300 - 1);
  assert.ok(JSON.stringify(index).length < 2000);
});
