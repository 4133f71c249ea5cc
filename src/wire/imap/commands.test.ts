/**
 * The IMAP command grammar: tables of good and bad commands through the real reader, then two properties: any bytes
 * give commands or refusals and never an error, and feeding one byte at a time changes nothing.
 */
import type { ReaderEvent } from "#wire/imap/reader.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { limits } from "#base/limits.ts";
import { CommandReader } from "#wire/imap/reader.ts";

/** What a session does with the bytes, without waiting: accepts each message, notes each event. */
function readAll(bytes: Uint8Array, chunkSize = bytes.length): unknown[] {
  const reader = new CommandReader();
  const events: unknown[] = [];
  let data: Buffer[] = [];
  const drain = (): boolean => {
    for (let event = reader.next(); event !== undefined; event = reader.next()) {
      if (reader.hasAnnounced) reader.acceptLiteral();
      if (event.kind === "data") {
        data.push(Buffer.from(event.bytes));
        continue;
      }
      events.push(tell(event, data));
      if (event.kind === "dataEnd") data = [];
      if (event.kind === "fatal") return false;
    }
    return true;
  };
  for (let at = 0; at < bytes.length; at += Math.max(chunkSize, 1)) {
    reader.push(bytes.subarray(at, at + Math.max(chunkSize, 1)));
    if (!drain()) break;
  }
  return events;
}

function tell(event: ReaderEvent, data: Buffer[]): unknown {
  if (event.kind === "dataEnd") return { ...event, data: Buffer.concat(data).toString("latin1") };
  return event;
}

function single(text: string): ReaderEvent {
  const events = readAll(Buffer.from(text, "latin1"));
  return events[events.length - 1] as ReaderEvent;
}

function args(text: string): unknown {
  const event = single(`${text}\r\n`);
  assert.ok(event?.kind === "command" || event?.kind === "append", `${text}: ${JSON.stringify(event)}`);
  return event?.kind === "command" || event?.kind === "append" ? event.command.args : undefined;
}

const whole = { partPath: [], text: "", fieldNames: [] };

const good: readonly [string, unknown][] = [
  ["a NOOP", {}],
  ["a nOoP  ", {}],
  ["a LOGIN alice secret", { name: "alice", password: "secret" }],
  ['a LOGIN "al\\"i\\\\ce" "se cret"', { name: 'al"i\\ce', password: "se cret" }],
  ["a LOGIN example.test\\alice secret", { name: "example.test\\alice", password: "secret" }],
  ["a LOGIN {5}\r\nalice {6+}\r\nsecret", { name: "alice", password: "secret" }],
  ['a LOGIN "" {0}\r\n', { name: "", password: "" }],
  ["a AUTHENTICATE plain AGEAYg==", { mechanism: "PLAIN", initial: "AGEAYg==" }],
  ["a AUTHENTICATE PLAIN =", { mechanism: "PLAIN", initial: "=" }],
  ["a AUTHENTICATE PLAIN", { mechanism: "PLAIN" }],
  ["a ENABLE CONDSTORE x-good", { capabilities: ["CONDSTORE", "X-GOOD"] }],
  ["a SELECT inbox", { mailbox: "inbox" }],
  ["a SELECT INBOX (CONDSTORE)", { mailbox: "INBOX", parameters: { known: undefined } }],
  ["a SELECT Entw&APw-rfe", { mailbox: "Entwürfe" }],
  ['a SELECT "Entw\xc3\xbcrfe"', { mailbox: "Entwürfe" }],
  ["a SELECT Entw\xc3\xbcrfe", { mailbox: "Entwürfe" }],
  ['a SELECT "R&-D"', { mailbox: "R&D" }],
  ["a CREATE x/y (USE (\\Drafts \\none))", { mailbox: "x/y", uses: ["\\DRAFTS", "\\NONE"] }],
  ["a RENAME {1}\r\na b", { from: "a", to: "b" }],
  ['a LIST "" *', { reference: "", patterns: ["*"], selections: [], returns: undefined, status: [],
    metadata: [] }],
  ["a LIST (SUBSCRIBED RECURSIVEMATCH) \"\" (a% {2}\r\nb*) RETURN (CHILDREN STATUS (MESSAGES UIDNEXT))", {
    reference: "", patterns: ["a%", "b*"], selections: ["SUBSCRIBED", "RECURSIVEMATCH"],
    returns: ["CHILDREN", "STATUS"], status: ["MESSAGES", "UIDNEXT"], metadata: [],
  }],
  ["a LSUB #x %", { reference: "#x", pattern: "%" }],
  ["a STATUS a (MESSAGES highestmodseq)", { mailbox: "a", items: ["MESSAGES", "HIGHESTMODSEQ"] }],
  ["a ID NIL", { pairs: [] }],
  ['a ID ("name" "x" "os" NIL)', { pairs: ["name", "x", "os", undefined] }],
  ["a UID EXPUNGE 1:*", { set: [{ first: 1, last: 0 }] }],
  ["a COPY 2,4:7,9,12:* a]b", {
    set: [{ first: 2, last: 2 }, { first: 4, last: 7 }, { first: 9, last: 9 }, { first: 12, last: 0 }], mailbox: "a]b",
  }],
  ["a FETCH 1 FAST", {
    set: [{ first: 1, last: 1 }], items: [{ item: "FLAGS" }, { item: "INTERNALDATE" }, { item: "RFC822.SIZE" }],
  }],
  ["a FETCH 4294967295 (BODY[] body.peek[1.2.mime]<5.100> RFC822.TEXT BODY)", {
    set: [{ first: 4294967295, last: 4294967295 }],
    items: [
      { item: "BODY[]", label: "BODY", isPeek: false, section: whole, partial: undefined },
      {
        item: "BODY[]", label: "BODY", isPeek: true, section: { partPath: [1, 2], text: "MIME", fieldNames: [] },
        partial: { offset: 5, sizeBytes: 100 },
      },
      { item: "BODY[]", label: "RFC822.TEXT", isPeek: false, section: { ...whole, text: "TEXT" }, partial: undefined },
      { item: "BODY" },
    ],
  }],
  ['a FETCH * BODY[1.HEADER.FIELDS.NOT (Date "X Y")]', {
    set: [{ first: 0, last: 0 }],
    items: [{
      item: "BODY[]", label: "BODY", isPeek: false, partial: undefined,
      section: { partPath: [1], text: "HEADER.FIELDS.NOT", fieldNames: ["Date", "X Y"] },
    }],
  }],
  ["a UID FETCH 1:* (FLAGS) (CHANGEDSINCE 12345)", {
    set: [{ first: 1, last: 0 }], items: [{ item: "FLAGS" }],
    modifiers: { changedSince: 12345, tellsVanished: false, window: undefined },
  }],
  ["a STORE 1 (UNCHANGEDSINCE 0) +flags.silent (\\seen $Forwarded Red&ACA-x)", {
    set: [{ first: 1, last: 1 }], modifiers: { unchangedSince: 0 }, mode: { mode: "add", isSilent: true },
    flags: ["\\Seen", "$Forwarded", "Red x"],
  }],
  ["a STORE 1 FLAGS \\Deleted a", {
    set: [{ first: 1, last: 1 }], mode: { mode: "replace", isSilent: false }, flags: ["\\Deleted", "a"],
  }],
  ["a STORE 1 -FLAGS ()", { set: [{ first: 1, last: 1 }], mode: { mode: "remove", isSilent: false }, flags: [] }],
  ["a SEARCH UNSEEN", searching({ key: "not", of: { key: "flag", flag: "\\Seen" } })],
  ['a SEARCH CHARSET utf-8 SUBJECT {2}\r\n\xc3\xbc FROM "x"', {
    ...searching({ key: "and", keys: [
      { key: "subject", text: "\xc3\xbc" }, { key: "address", field: "from", text: "x" },
    ] }), charset: "UTF-8",
  }],
  ["a SEARCH OR (SEEN 1:3) NOT HEADER X-Y \"\"", searching({ key: "or", keys: [
    { key: "and", keys: [{ key: "flag", flag: "\\Seen" }, { key: "sequence", set: [{ first: 1, last: 3 }] }] },
    { key: "not", of: { key: "header", name: "X-Y", text: "" } },
  ] })],
  ['a SEARCH SINCE 1-Feb-1994 SENTON "29-Feb-2024"', searching({ key: "and", keys: [
    { key: "since", day: Date.UTC(1994, 1, 1) / 86_400_000 },
    { key: "sentOn", day: Date.UTC(2024, 1, 29) / 86_400_000 },
  ] })],
  ['a SEARCH RETURN (MIN COUNT) MODSEQ "/flags/\\\\Seen" all 7', {
    ...searching({ key: "modSeq", since: 7 }), usesModSeq: true,
    returns: { options: ["MIN", "COUNT"], window: undefined },
  }],
  ["a UID SEARCH RETURN () UID *", {
    ...searching({ key: "uid", set: [{ first: 0, last: 0 }] }), returns: { options: ["ALL"], window: undefined },
  }],
  ["a SEARCH RETURN (SAVE PARTIAL -1:-100) $", {
    ...searching({ key: "sequence", set: [] }),
    returns: { options: ["SAVE", "PARTIAL"], window: { first: 1, last: 100, isFromEnd: true } },
  }],
  ["a SEARCH EMAILID M1-2 SAVEDSINCE 1-Feb-1994", searching({ key: "and", keys: [
    { key: "emailId", id: "M1-2" }, { key: "savedSince", day: Date.UTC(1994, 1, 1) / 86_400_000 },
  ] })],
  ["a UID SORT RETURN (COUNT) (REVERSE DATE SUBJECT) utf-8 ALL", {
    returns: { options: ["COUNT"], window: undefined }, charset: "UTF-8", key: { key: "all" }, usesModSeq: false,
    criteria: [{ key: "DATE", isReverse: true }, { key: "SUBJECT", isReverse: false }],
  }],
  ["a THREAD refs UTF-8 ALL", { algorithm: "REFS", charset: "UTF-8", key: { key: "all" }, usesModSeq: false }],
  ['a ESEARCH IN (mailboxes "A B" subtree-one (x y) personal) SEEN', {
    ...searching({ key: "flag", flag: "\\Seen" }), folders: [
      { filter: "MAILBOXES", paths: ["A B"] }, { filter: "SUBTREE-ONE", paths: ["x", "y"] },
      { filter: "PERSONAL", paths: [] },
    ],
  }],
  ["a FETCH 1 (BINARY.PEEK[1.2]<0.9> BINARY.SIZE[] PREVIEW (LAZY) EMAILID)", {
    set: [{ first: 1, last: 1 }], items: [
      { item: "BINARY[]", isPeek: true, partPath: [1, 2], partial: { offset: 0, sizeBytes: 9 } },
      { item: "BINARY.SIZE[]", partPath: [] }, { item: "PREVIEW" }, { item: "EMAILID" },
    ],
  }],
  ["a UID FETCH 1:* FLAGS (CHANGEDSINCE 5 VANISHED PARTIAL 3:1)", {
    set: [{ first: 1, last: 0 }], items: [{ item: "FLAGS" }],
    modifiers: { changedSince: 5, tellsVanished: true, window: { first: 1, last: 3, isFromEnd: false } },
  }],
  ["a SELECT x (CONDSTORE QRESYNC (7 9 1:5,8 (1,3 2,4)))", {
    mailbox: "x", parameters: { known: {
      uidValidity: 7, modSeq: 9, uids: [{ first: 1, last: 5 }, { first: 8, last: 8 }],
      matches: {
        numbers: [{ first: 1, last: 1 }, { first: 3, last: 3 }], uids: [{ first: 2, last: 2 }, { first: 4, last: 4 }],
      },
    } },
  }],
  ["a SETACL x bob +rs", { mailbox: "x", identifier: "bob", rights: { mode: "add", rights: "rs" } }],
  ['a SETQUOTA "" (STORAGE 512)', { root: "", limits: [{ resource: "STORAGE", limit: 512 }] }],
  ['a GETQUOTA ""', { root: "" }], ["a COMPRESS deflate", { mechanism: "DEFLATE" }],
  ['a APPEND x CATENATE (URL ";UID=1" URL "/y;UIDVALIDITY=2/;UID=3")', {
    mailbox: "x", place: undefined, steps: [
      { step: "message", flags: [], internalMs: undefined }, { step: "url", url: ";UID=1" },
      { step: "url", url: "/y;UIDVALIDITY=2/;UID=3" },
    ],
  }],
];

function searching(key: unknown): object {
  return { returns: undefined, charset: undefined, key, usesModSeq: false };
}

test("commands are read as written", () => {
  for (const [text, expected] of good) assert.deepEqual(args(text), expected, text);
});

const bad: readonly [string, string | undefined][] = [
  ["", undefined], [" ", undefined], ["a", "a"], ["a ", "a"], ["+ NOOP", undefined], ["(a) NOOP", undefined],
  ["a BOGUS", "a"], ["a UID NOOP", "a"], ["a UID EXPUNGE", "a"], ["a NOOP x", "a"], ["a LOGIN x", "a"],
  ['a LOGIN "x', "a"], ['a LOGIN "x\\y" z', "a"], ["a LOGIN x y z", "a"], ["a LOGIN (x) y", "a"],
  ["a SELECT", "a"], ["a SELECT a b", "a"], ['a SELECT "R&D"', "a"], ["a CREATE &Jjo", "a"], ["a CREATE &AGE-", "a"],
  ["a RENAME a b&c", "a"], ["a CREATE \xe4", "a"],
  ["a SEARCH LARGER 9223372036854775808", "a"], ["a SELECT *", "a"], ["a SELECT x (QRESYNC (0 2))", "a"],
  ["a SELECT x (QRESYNC (1 0))", "a"], ["a SELECT x (QRESYNC 1 2)", "a"], ["a SELECT x (QRESYNC (1 2 $))", "a"],
  ["a FETCH 0 FLAGS", "a"], ["a FETCH 4294967296 FLAGS", "a"], ["a FETCH 1: FLAGS", "a"], ["a FETCH 1,,2 FLAGS", "a"],
  ["a FETCH 1 ()", "a"], ["a FETCH 1 (FLAGS", "a"], ["a FETCH 1 BODY[", "a"], ["a FETCH 1 BODY[MIME]", "a"],
  ["a FETCH 1 BODY[0]", "a"], ["a FETCH 1 BODY[1.]", "a"], ["a FETCH 1 BODY[HEADER.FIELDS ()]", "a"],
  ["a FETCH 1 BODY[]<0>", "a"], ["a FETCH 1 BODY[]<0.0>", "a"], ["a FETCH 1 (ALL FLAGS)", "a"],
  ["a FETCH 1 FLAGS (CHANGEDSINCE x)", "a"], ["a STORE 1 FLAGS \\Recent", "a"], ["a STORE 1 FLAGS (\\Foo)", "a"],
  ["a STORE 1 *FLAGS x", "a"], ["a STORE 1 +FLAGS.QUIET x", "a"], ["a STORE 1 FLAGS \"x\"", "a"],
  ["a STORE 1 (UNCHANGEDSINCE 9999999999999999999) FLAGS x", "a"],
  ["a SEARCH", "a"], ["a SEARCH FOO", "a"], ["a SEARCH OR SEEN", "a"], ["a SEARCH NOT", "a"], ["a SEARCH (SEEN", "a"],
  ["a SEARCH ON 30-Feb-2020", "a"], ["a SEARCH ON 1-Fub-2020", "a"], ["a SEARCH ON 1-Feb-20", "a"],
  ["a SEARCH RETURN (PARTIAL 1:-5) SEEN", "a"], ["a SEARCH RETURN (PARTIAL 0:5) SEEN", "a"],
  ["a SEARCH RETURN (ALL PARTIAL 1:5) SEEN", "a"], ["a SORT () UTF-8 ALL", "a"], ["a SORT (X) UTF-8 ALL", "a"],
  ["a SORT (DATE) ALL", "a"], ["a THREAD FOO UTF-8 ALL", "a"], ["a ESEARCH IN () ALL", "a"], ["a SETACL x y +R", "a"],
  ["a FETCH 1 BINARY[1.HEADER]", "a"], ["a FETCH 1 BINARY.SIZE[1]<0.1>", "a"], ["a FETCH 1 FLAGS (VANISHED)", "a"],
  ["a APPEND x CATENATE ()", "a"], ["a APPEND x CATENATE (FOO x)", "a"], ["a APPEND x UTF8 {3}", "a"],
  ["a COMPRESS", "a"], ["a REPLACE x INBOX {3}", "a"], [`a SEARCH ${"NOT ".repeat(100)}SEEN`, "a"],
  [`a SEARCH ${"(".repeat(100)}SEEN`, "a"],
  ["a STATUS x ()", "a"], ["a STATUS x (FOO)", "a"], ['a LIST "" "" RETURN (FOO)', "a"],
  ["a LIST (RECURSIVEMATCH) \"\" *", "a"],
  ['a ID ("x")', "a"], ["a CREATE x (FOO)", "a"], ["a APPEND INBOX (\\Seen)", "a"], ['a APPEND INBOX "x" {1}', "a"],
  ["a NOOP {5}", "a"], ["a SELECT ~{5}", "a"], ["a SELECT {1048577}", "a"],
  ["a SELECT {99999999999999999999999999}", "a"], [`a FETCH ${"1,".repeat(20_001)}1 FLAGS`, "a"],
  [`a SELECT ${"x".repeat(limits.commandLineMaxBytes)}`, "a"],
  [`a FETCH 1 BODY[${"1.".repeat(70)}1]`, "a"],
];

test("what is no command is refused with its tag, and the next command is read", () => {
  for (const [text, tag] of bad) {
    const [first, next] = readAll(Buffer.from(`${text}\r\nb NOOP\r\n`, "latin1")) as [ReaderEvent, ReaderEvent];
    assert.equal(first.kind, "bad", `${text.slice(0, 80)}: ${JSON.stringify(first)}`);
    if (first.kind === "bad") assert.equal(first.tag, tag, text.slice(0, 80));
    assert.equal(next?.kind, "command", `after ${text.slice(0, 80)}`);
  }
});

test("a refused literal that comes anyway is skipped with the rest of its command", () => {
  const rows: [string, string[]][] = [
    ["a BOGUS {5+}\r\nx NO\n rest\r\nb NOOP\r\n", ["bad", "command"]],
    ["a BOGUS {1+}\r\nx {2+}\r\nyy z\r\nb NOOP\r\n", ["bad", "command"]],
    ["a BOGUS {1+}\r\nx {2}\r\nb NOOP\r\n", ["bad", "command"]],
    [`a LOGIN {${2 ** 20 + 1}+}\r\n${"x".repeat(2 ** 20 + 1)} y\r\nb NOOP\r\n`, ["bad", "command"]],
    ["a LOGIN {9999999999+}\r\nb NOOP\r\n", ["fatal"]],
    ["a APPEND x {3+}\r\nabc\r\nb NOOP\r\n", ["append", "dataEnd", "command"]],
    ["a APPEND {1}\r\nx {3}\r\nabc\r\n", ["continue", "append", "dataEnd"]],
    ["a APPEND x {3}\r\nabc {3+}\r\nabc\r\nb NOOP\r\n", ["append", "dataEnd", "dataEnd", "command"]],
    ["a APPEND x {3}\r\nabc x {3+}\r\nabc\r\nb NOOP\r\n", ["append", "dataEnd", "command"]],
    ["a APPEND x UTF8 (~{3}\r\nabc) (\\Seen) {1}\r\nx\r\nb NOOP\r\n", ["append", "dataEnd", "dataEnd", "command"]],
    ["a APPEND x UTF8 (~{3}\r\nabc\r\nb NOOP\r\n", ["append", "dataEnd", "command"]],
    ["a APPEND x CATENATE (TEXT {1}\r\nx URL y TEXT {2+}\r\nyz)\r\nb NOOP\r\n",
      ["append", "dataEnd", "dataEnd", "command"]],
    ["a UID REPLACE 7 x (\\Seen) {1}\r\nx\r\nb NOOP\r\n", ["append", "dataEnd", "command"]],
  ];
  for (const [text, kinds] of rows) {
    const events = readAll(Buffer.from(text, "latin1")) as ReaderEvent[];
    assert.deepEqual(events.map((event) => event.kind), kinds, text.slice(0, 60));
  }
});

test("APPEND tells folder, flags and date before the message, and passes the message through", () => {
  const text = 'a APPEND "x" (\\Seen k) " 7-Jul-1996 02:44:25 -0700" {5+}\r\n\0\r\n{1\r\n';
  const [announced, end] = readAll(Buffer.from(text, "latin1")) as [ReaderEvent, unknown];
  assert.deepEqual(announced, { kind: "append", command: { tag: "a", name: "APPEND", isUid: false, args: {
    mailbox: "x", place: "between", steps: [
      { step: "message", flags: ["\\Seen", "k"], internalMs: Date.UTC(1996, 6, 7, 9, 44, 25) },
      { step: "literal", literal: { sizeBytes: 5, isSynchronizing: false, isBinary: false } },
    ],
  } } });
  assert.deepEqual(end, { kind: "dataEnd", bad: undefined, steps: [], data: "\0\r\n{1" });
});

test("a refused APPEND is answered when its bytes are past", () => {
  const reader = new CommandReader();
  reader.push(Buffer.from("a APPEND x {3+}\r\nabc\r\nb APPEND x {3}\r\nc NOOP\r\n"));
  assert.equal(reader.next()?.kind, "append");
  reader.refuseLiteral();
  assert.equal(reader.next()?.kind, "skipped");
  assert.equal(reader.next()?.kind, "append");
  reader.refuseLiteral();
  assert.equal(reader.next()?.kind, "skipped");
  assert.equal(reader.next()?.kind, "command");
});

const fragments = fc.constantFrom(
  "a ", "b2 ", "NOOP", "UID ", "FETCH ", "1:*", "STORE ", "SEARCH ", "APPEND ", "INBOX", " ", "\r\n", "\n", "{3}",
  "{3+}",
  "{0+}", "abc", "(", ")", "BODY[", "]", "<0.1>", '"', "\\", "NOT ", "OR ",
  "CATENATE (", "URL x", "TEXT ", ")", "~", "REPLACE 1 ", "$", "\0", "\xff", "LOGIN ", "*", "LIST ", "7",
);
const nearCommands = fc.array(fc.oneof({ weight: 9, arbitrary: fragments }, {
  weight: 1, arbitrary: fc.uint8Array({ maxLength: 3 }).map((bytes) => Buffer.from(bytes).toString("latin1")),
}), { maxLength: 40 }).map((parts) => Buffer.from(`${parts.join("")}\r\n`, "latin1"));

test("any bytes give events, and cutting them elsewhere gives the same", () => {
  fc.assert(fc.property(fc.oneof(nearCommands, fc.uint8Array({ maxLength: 200 })), (bytes) => {
    const atOnce = readAll(bytes);
    assert.deepEqual(readAll(bytes, 1), atOnce);
    assert.deepEqual(readAll(bytes, 7), atOnce);
  }), { numRuns: 1500 });
});
