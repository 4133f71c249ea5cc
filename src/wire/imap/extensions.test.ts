/**
 * The grammar of NOTIFY, METADATA, contexts, FUZZY and FILTER: the examples of the documents and more as tables of good
 * and bad commands through the real reader; then any arrangement of their words gives commands or refusals.
 */
import type { ReaderEvent } from "#wire/imap/reader.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { limits } from "#base/limits.ts";
import { CommandReader } from "#wire/imap/reader.ts";

function read(text: string): ReaderEvent {
  const reader = new CommandReader();
  reader.push(Buffer.from(`${text}\r\n`, "latin1"));
  for (let event = reader.next(); event !== undefined; event = reader.next()) {
    if (event.kind !== "continue") return event;
  }
  throw new Error(`nothing came of ${text}`);
}

function args(text: string): unknown {
  const event = read(text);
  assert.equal(event.kind, "command", `${text.slice(0, 100)}: ${JSON.stringify(event)}`);
  return event.kind === "command" ? event.command.args : undefined;
}

const header = { label: "BODY", isPeek: true, item: "BODY[]", partial: undefined,
  section: { partPath: [], text: "HEADER.FIELDS", fieldNames: ["from", "to", "subject"] } };
const group = (filter: string, paths: string[], events: string[], items: unknown[] = []): object =>
  ({ folders: { filter, paths }, events: new Set(events), items });
const notify = (tellsStatus: boolean, ...groups: object[]): object => ({ groups, tellsStatus, unknown: [] });
const messages = ["MESSAGENEW", "MESSAGEEXPUNGE"];

const good: readonly [string, unknown][] = [
  ["a NOTIFY NONE", { groups: undefined, tellsStatus: false, unknown: [] }],
  // RFC 5465 §3.1, whose example leaves parentheses and an event out that its grammar wants.
  ["b notify set status (selected MessageNew (uid body.peek[header.fields (from to subject)]) MessageExpunge) " +
    "(subtree Lists MessageNew MessageExpunge)",
    notify(true, group("SELECTED", [], messages, [{ item: "UID" }, header]), group("SUBTREE", ["Lists"], messages))],
  // RFC 5465 §6
  ["a notify set (mailboxes INBOX (Messagenew messageExpunge)) (personal (SubscriptionChange))",
    notify(false, group("MAILBOXES", ["INBOX"], messages), group("PERSONAL", [], ["SUBSCRIPTIONCHANGE"]))],
  ["a notify set (selected (Messagenew (uid flags) messageExpunge)) (personal (MessageNew FlagChange MessageExpunge))",
    notify(false, group("SELECTED", [], messages, [{ item: "UID" }, { item: "FLAGS" }]),
      group("PERSONAL", [], ["MESSAGENEW", "FLAGCHANGE", "MESSAGEEXPUNGE"]))],
  ["a NOTIFY SET (selected NONE) (mailboxes (a \"b c\") NONE)",
    notify(false, group("SELECTED", [], []), group("MAILBOXES", ["a", "b c"], []))],
  ["a NOTIFY SET (subscribed (MailboxName MailboxMetadataChange ServerMetadataChange))",
    notify(false, group("SUBSCRIBED", [], ["MAILBOXNAME", "MAILBOXMETADATACHANGE", "SERVERMETADATACHANGE"]))],
  ["a NOTIFY SET (inboxes (x-vendor))",
    { groups: [group("INBOXES", [], [])], tellsStatus: false, unknown: ["X-VENDOR"] }],
  // RFC 5464 §4.2, §4.3
  ['a GETMETADATA "" /shared/comment', { mailbox: "", names: ["/shared/comment"], maxSizeBytes: undefined, depth: 0 }],
  ['a GETMETADATA "INBOX" (/shared/comment /private/comment)',
    { mailbox: "INBOX", names: ["/shared/comment", "/private/comment"], maxSizeBytes: undefined, depth: 0 }],
  ['a GETMETADATA "INBOX" (MAXSIZE 1024) (/shared/comment /private/comment)',
    { mailbox: "INBOX", names: ["/shared/comment", "/private/comment"], maxSizeBytes: 1024, depth: 0 }],
  ['a GETMETADATA (DEPTH 1 MAXSIZE 0) INBOX (/private/filters/values)',
    { mailbox: "INBOX", names: ["/private/filters/values"], maxSizeBytes: 0, depth: 1 }],
  ["a GETMETADATA (depth Infinity) INBOX /private",
    { mailbox: "INBOX", names: ["/private"], maxSizeBytes: undefined, depth: Infinity }],
  ['a SETMETADATA INBOX (/private/comment "My new comment" /shared/comment NIL)', { mailbox: "INBOX", entries: [
    { name: "/private/comment", value: "My new comment" }, { name: "/shared/comment", value: undefined },
  ] }],
  ["a SETMETADATA INBOX (/private/comment {33}\r\nMy new comment across\r\ntwo lines.)",
    { mailbox: "INBOX", entries: [{ name: "/private/comment", value: "My new comment across\r\ntwo lines." }] }],
  ["a SETMETADATA x (/private/vendor/foo/bar ~{3+}\r\n\0\xff\n)",
    { mailbox: "x", entries: [{ name: "/private/vendor/foo/bar", value: "\0\xff\n" }] }],
  // RFC 9590 §3
  ['a LIST "" % RETURN (METADATA ("/shared/vendor/cmu/cyrus-imapd/color"))', {
    reference: "", patterns: ["%"], selections: [], returns: ["METADATA"], status: [],
    metadata: ["/shared/vendor/cmu/cyrus-imapd/color"],
  }],
  // RFC 5267 §4.3, RFC 5465 §7
  ["a UID SEARCH RETURN (UPDATE COUNT) DELETED", searching({ key: "flag", flag: "\\Deleted" }, ["UPDATE", "COUNT"])],
  ["a SEARCH RETURN (CONTEXT COUNT) DELETED", searching({ key: "flag", flag: "\\Deleted" }, ["CONTEXT", "COUNT"])],
  ["a SEARCH RETURN (COUNT UPDATE (UID FLAGS)) ALL",
    searching({ key: "all" }, ["COUNT", "UPDATE"], { items: [{ item: "UID" }, { item: "FLAGS" }] })],
  ["a SEARCH RETURN (UPDATE(UID)) ALL", searching({ key: "all" }, ["UPDATE"], { items: [{ item: "UID" }] })],
  ['a CANCELUPDATE "B01" B02', { tags: ["B01", "B02"] }],
  // RFC 6203 §4, §6
  ['a SEARCH RETURN (RELEVANCY ALL) FUZZY TEXT "Helo"',
    searching({ key: "fuzzy", of: { key: "text", text: "Helo" } }, ["RELEVANCY", "ALL"])],
  ['a SORT (RELEVANCY) UTF-8 FUZZY SUBJECT "Helo"', {
    returns: undefined, charset: "UTF-8", usesModSeq: false,
    key: { key: "fuzzy", of: { key: "subject", text: "Helo" } },
    criteria: [{ key: "RELEVANCY", isReverse: false }],
  }],
  ["a SEARCH RETURN (RELEVANCY) FILTER on-the-road",
    searching({ key: "filter", name: "on-the-road" }, ["RELEVANCY"])],
  // RFC 5466 §3.1
  ['a SEARCH UID 300:900 FILTER on-the-road SINCE "3-Dec-2002"', { ...searching({ key: "and", keys: [
    { key: "uid", set: [{ first: 300, last: 900 }] }, { key: "filter", name: "on-the-road" },
    { key: "since", day: Date.UTC(2002, 11, 3) / 86_400_000 },
  ] }), returns: undefined }],
  ["a SEARCH FUZZY (MODSEQ 7)",
    { ...searching({ key: "fuzzy", of: { key: "modSeq", since: 7 } }), returns: undefined, usesModSeq: true }],
];

function searching(key: unknown, options: string[] = [], more: object = {}): object {
  return { returns: { options, window: undefined, ...more }, charset: undefined, key, usesModSeq: false };
}

test("commands are read as written", () => {
  for (const [text, expected] of good) assert.deepEqual(args(text), expected, text);
});

const bad: readonly string[] = [
  "a NOTIFY", "a NOTIFY PERHAPS", "a NOTIFY SET", "a NOTIFY SET STATUS", "a NOTIFY SET ()", "a NOTIFY SET (selected)",
  "a NOTIFY SET (selected ())", "a NOTIFY SET (mailboxes (MessageNew MessageExpunge))",
  "a NOTIFY SET (mailboxes () (MessageNew MessageExpunge))", "a NOTIFY NONE NONE",
  // RFC 5465 §5, §6.1, §8
  "a NOTIFY SET (personal (MessageNew))", "a NOTIFY SET (personal (MessageExpunge))",
  "a NOTIFY SET (personal (FlagChange))", "a NOTIFY SET (selected (MailboxName))",
  "a NOTIFY SET (personal (MessageNew (UID) MessageExpunge))",
  "a NOTIFY SET (selected (MessageNew () MessageExpunge))", "a NOTIFY SET (selected (MessageExpunge (UID) MessageNew))",
  "a NOTIFY SET (selected NONE) (selected-delayed NONE)", "a NOTIFY SET (subtree-one x (MailboxName))",
  `a NOTIFY SET${" (personal NONE)".repeat(limits.imapNotifyGroupsMax + 1)}`,
  // RFC 5464 §3.2
  "a GETMETADATA INBOX", "a GETMETADATA INBOX ()", "a GETMETADATA INBOX /comment", "a GETMETADATA INBOX /private/",
  "a GETMETADATA INBOX /private//a", "a GETMETADATA INBOX /private/a%", "a GETMETADATA INBOX \"/private/a*\"",
  "a GETMETADATA INBOX /private/a\xe4", "a GETMETADATA INBOX (DEPTH 2) /private/a", "a GETMETADATA INBOX /privates/a",
  "a GETMETADATA INBOX (MAXSIZE -1) /private/a", "a GETMETADATA INBOX (FOO) /private/a",
  `a GETMETADATA INBOX /private/${"x".repeat(limits.annotationNameMaxCharacters)}`,
  "a SETMETADATA INBOX", "a SETMETADATA INBOX ()", "a SETMETADATA INBOX (/private/a)",
  "a SETMETADATA INBOX /private/a NIL", "a SETMETADATA INBOX (/private NIL)",
  "a SETMETADATA INBOX (/private/vendor/x NIL)", "a SETMETADATA INBOX (/private/a x)",
  'a LIST "" * RETURN (METADATA ())', 'a LIST "" * RETURN (METADATA)', 'a LIST "" * RETURN (METADATA /private/a)',
  "a CANCELUPDATE", "a CANCELUPDATE ()", "a UID CANCELUPDATE x",
  "a SEARCH RETURN (UPDATE ()) ALL", "a SEARCH RETURN (PARTIAL 1:2 PARTIAL 3:4) ALL",
  "a SEARCH RETURN (RELEVANCY) TEXT x", "a SORT (RELEVANCY) UTF-8 TEXT x", "a SEARCH FUZZY", "a SEARCH FILTER",
  "a SEARCH FILTER a/b", "a SEARCH FILTER \"a\"", `a SEARCH ${"FUZZY ".repeat(100)}SEEN`,
  "a ESEARCH IN (selected-delayed) ALL",
];

test("what is no command is refused", () => {
  for (const text of bad) {
    const event = read(text);
    assert.equal(event.kind, "bad", `${text.slice(0, 80)}: ${JSON.stringify(event)}`);
  }
});

const words = fc.constantFrom(
  "NOTIFY ", "SET ", "STATUS ", "NONE", "(", ")", " ", "selected ", "selected-delayed ", "personal ", "subtree ", "x ",
  "MessageNew ", "MessageExpunge ", "FlagChange ", "MailboxName", "(UID)", "GETMETADATA ", "SETMETADATA ", "INBOX ",
  "/private/comment ", "/shared/a ", "(DEPTH 1) ", "(MAXSIZE 1) ", "NIL", "{1+}\r\nx", "~{1+}\r\nx", "\"x\"", "SEARCH ",
  "SORT ", "RETURN (", "UPDATE ", "RELEVANCY ", "FUZZY ", "FILTER ", "a", "ALL", "CANCELUPDATE ", "\"",
);

test("any arrangement of their words gives commands or refusals", () => {
  fc.assert(fc.property(fc.array(words, { maxLength: 25 }), (parts) => {
    const reader = new CommandReader();
    reader.push(Buffer.from(`t ${parts.join("")}\r\nz NOOP\r\n`, "latin1"));
    const kinds: string[] = [];
    for (let event = reader.next(); event !== undefined; event = reader.next()) kinds.push(event.kind);
    assert.ok(kinds.every((kind) => kind === "command" || kind === "bad" || kind === "continue"), kinds.join());
  }), { numRuns: 2000 });
});
