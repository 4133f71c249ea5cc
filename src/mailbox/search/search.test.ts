/**
 * Searching finds exactly what a plain look at the texts finds. Messages are written from known texts (encoded words,
 * charsets, transfer encodings, HTML, attached texts, enclosed messages); the expectation is worked out from those
 * texts alone, by a fold of its own. Queries are pieces of the texts, pieces of nothing, and any combination with
 * marks, sizes, days and sets of UIDs. The same on SQLite and PostgreSQL, with trigrams kept on arrival, with none, and
 * with those that the search itself makes; with change numbers, which rows are read for, and without, where columns in
 * memory tell, in a folder searched before, in one that is new, and after marks changed and messages came and went.
 */
import { strict as assert } from "node:assert";
import { after, describe, test } from "node:test";
import fc from "fast-check";
import type { FolderId, MailboxId } from "#base/ids.ts";
import { messageFlags } from "#mailbox/api.ts";
import type { Mailbox } from "#mailbox/api.ts";
import { newItem, setProperty } from "#convert/item.ts";
import { openKit } from "#mailbox/items/test-kit.ts";
import type { Query } from "#mailbox/query.ts";
import { searchFolder } from "#mailbox/search.ts";
import { insertMessage } from "#mailbox/tx/insert.ts";
import { copyMessages, removeMessages } from "#mailbox/tx/transfer.ts";
import "#mailbox/tx/grams.ts";
import { properties } from "#props/registry.ts";
import type { Store } from "#store/api.ts";
import { ctx, newMailbox, postgresBackend, sqliteBackend, stopPostgres } from "#store/contract-test-kit.ts";
import { runTexts } from "#store/contract-test-procedures.ts";
import { all } from "#store/sql.ts";

/** What a message says, and where. */
interface Said {
  readonly subject: string;
  readonly from: string;
  readonly to: string;
  /** Header fields besides, names and values. */
  readonly fields: readonly (readonly [string, string])[];
  /** Texts that BODY looks at; TEXT looks at the header fields too. */
  readonly body: readonly string[];
  readonly flags: number;
  readonly keywords: readonly string[];
  readonly bytes: Buffer;
  readonly internalMs: number;
}

/** A sharp s is a letter of its own, and not two. RFC 5051 §2 */
const simple = (text: string): string =>
  text.split("ß").map((part) => part.normalize("NFKD").toUpperCase()).join("ß");

const letters = ["a", "b", "E", "e", "t", "r", " ", "é", "Ü", "ü", "я", "Я", "σ", "漢", "字", "1", "@", "ö", "n", "s"];
const text = (min: number, max: number): fc.Arbitrary<string> =>
  fc.array(fc.constantFrom(...letters), { minLength: min, maxLength: max })
    .map((list) => list.join("").replaceAll(/ +/g, " ").trim());
/** The same words come again and again, so that searches meet. */
const vocabulary = ["Bericht", "über", "Käse", "Straßenbahn", "отчёт", "ΣΙΣΥΦΟΣ", "漢字検索", "naïve", "e\u0301te\u0301", "x", "ab"];
const sentence = fc.array(fc.oneof(fc.constantFrom(...vocabulary), text(1, 6)), { minLength: 1, maxLength: 12 })
  .map((words) => words.filter((word) => word !== "").join(" ") || "leer");

const word = (value: string): string => (/^[\x20-\x7e]*$/.test(value) && !value.includes("=?") ? value
  // Cut in two, as long subjects are: neighbours are joined again.
  : [value.slice(0, value.length >> 1), value.slice(value.length >> 1)].map((part) =>
    `=?utf-8?B?${Buffer.from(part.toWellFormed()).toString("base64")}?=`).join("\r\n "));

function quotedPrintable(value: string): string {
  return [...Buffer.from(value)].map((byte) => `=${byte.toString(16).toUpperCase().padStart(2, "0")}`)
    .join("").replaceAll(/(.{60})/g, "$1=\r\n").replaceAll(/=([0-9A-F]?)=\r\n([0-9A-F]{1,2})/g, "=\r\n=$1$2");
}

const encode = (value: string, how: number): string => {
  if (how === 0) return `Content-Transfer-Encoding: 8bit\r\n\r\n${value}\r\n`;
  if (how === 1) {
    const lines = Buffer.from(value).toString("base64").replaceAll(/(.{60})/g, "$1\r\n");
    return `Content-Transfer-Encoding: base64\r\n\r\n${lines}\r\n`;
  }
  return `Content-Transfer-Encoding: quoted-printable\r\n\r\n${quotedPrintable(value)}\r\n`;
};

const html = (value: string): string =>
  `<html><body><p>${[...value].map((letter) => (letter === "é" ? "&eacute;" : letter)).join("")}</p></body></html>`;

const said: fc.Arbitrary<Said> = fc.record({
  subject: sentence, name: sentence, plain: sentence, page: sentence, file: sentence, own: sentence, inner: sentence,
  topic: fc.option(sentence, { nil: undefined }), labels: fc.array(sentence, { maxLength: 2 }),
  how: fc.nat(2), parts: fc.nat(3), flags: fc.constantFrom(0, 1, 4, 5), keyword: fc.boolean(), day: fc.nat(5),
}).map((one): Said => {
  const header = `From: ${word(one.name)} <kim@example.org>\r\nTo: <lee@example.net>\r\nSubject: ${word(one.subject)}\r\n` +
    `X-Own: ${word(one.own)}\r\nMIME-Version: 1.0\r\n` +
    (one.topic === undefined ? "" : `THREAD-topic :\r\n ${word(one.topic)}\r\n`) +
    one.labels.map((label) => `X-Label: ${label}\r\n`).join("");
  const type = (kind: string): string => `Content-Type: text/${kind}; charset=utf-8\r\n`;
  const body = [one.plain];
  let bytes = `${header}${type("plain")}${encode(one.plain, one.how)}`;
  if (one.parts > 0) {
    const parts = [`${type("plain")}${encode(one.plain, one.how)}`, `${type("html")}${encode(html(one.page), one.how)}`];
    body.push(one.page, html(one.page));
    if (one.parts > 1) {
      parts.push(`${type("x-log")}Content-Disposition: attachment\r\n${encode(one.file, 1)}`);
      body.push(one.file);
    }
    if (one.parts > 2) {
      parts.push(`Content-Type: message/rfc822\r\n\r\nSubject: ${word(one.inner)}\r\n\r\nwithin it\r\n`);
      body.push(`subject: ${one.inner}`, "within it");
    }
    bytes = `${header}Content-Type: multipart/mixed; boundary=cut\r\n\r\n${parts.map((part) => `--cut\r\n${part}`).join("")}--cut--\r\n`;
  }
  return {
    subject: one.subject, from: `${one.name} <kim@example.org>`, to: "lee@example.net", fields: [
      ["x-own", one.own], ["subject", one.subject], ...one.labels.map((label) => ["x-label", label] as const),
      ...(one.topic === undefined ? [] : [["thread-topic", one.topic] as const]),
    ],
    body, flags: one.flags, keywords: one.keyword ? ["Blue"] : [], bytes: Buffer.from(bytes.replaceAll(/(?<!\r)\n/g, "\r\n")),
    internalMs: Date.UTC(2026, 0, 1 + one.day),
  };
});

type Placed = Said & { readonly uid: number };

function holds(message: Placed, query: Query): boolean {
  const within = (value: string, sought: string): boolean => simple(value).includes(simple(sought));
  switch (query.op) {
    case "and": return query.of.every((one) => holds(message, one));
    case "or": return query.of.some((one) => holds(message, one));
    case "not": return !holds(message, query.of);
    case "flag": return (message.flags & messageFlags[query.flag]) !== 0;
    case "keyword": return message.keywords.some((one) => one.toLowerCase() === query.keyword.toLowerCase());
    case "uid": return query.ranges.some(({ first, last }) => message.uid >= first && message.uid <= last);
    case "sizeAbove": return message.bytes.length > query.sizeBytes;
    case "received": return message.internalMs >= query.fromMs && message.internalMs < query.beforeMs;
    case "subject": return within(message.subject, query.text);
    case "from": return within(message.from, query.text);
    case "to": return within(message.to, query.text);
    case "header": return message.fields.some(([name, value]) => name === query.name && within(value, query.text));
    case "body": return message.body.some((one) => within(one, query.text));
    case "text":
      return [`subject: ${message.subject}`, `from: ${message.from}`, ...message.fields.map(([name, value]) => `${name}: ${value}`),
        ...message.body].some((one) => within(one, query.text));
    default: return query.op === "all";
  }
}

/** A piece of something said, another case, or something nobody said. Of letters, so that no markup is met by chance. */
function sought(messages: readonly Said[]): fc.Arbitrary<string> {
  const source = messages.flatMap((one) => [one.subject, one.from, one.fields[0]![1], ...one.body.slice(0, 1), one.body[2] ?? "ab"]);
  const piece = fc.tuple(fc.constantFrom(...source), fc.nat(40), fc.integer({ min: 1, max: 14 }), fc.nat(2))
    .map(([from, at, size, turn]) => {
      const letters = [...from.normalize("NFC")];
      const cut = letters.slice(at % letters.length).slice(0, size).join("").toWellFormed();
      return turn === 0 ? cut.split("ß").map((part) => part.toUpperCase()).join("ß") : turn === 1 ? cut.normalize("NFD") : cut;
    }).filter((cut) => cut.trim() !== "" && !/^[a-z<>&;=/.:-]{1,3}$|[<>&:/]|kim|lee|html|body|text|utf/i.test(cut));
  return fc.oneof({ weight: 6, arbitrary: piece }, { weight: 1, arbitrary: fc.constantFrom("Quarzuhr", "žž", "отчётик", "zq") });
}

function queries(messages: readonly Said[]): fc.Arbitrary<Query> {
  const words = sought(messages);
  const range = fc.tuple(fc.integer({ min: 1, max: 12 }), fc.nat(6)).map(([first, more]) => ({ first, last: first + more }));
  const leaf: fc.Arbitrary<Query> = fc.oneof(
    words.map((value): Query => ({ op: "subject", text: value })), words.map((value): Query => ({ op: "from", text: value })),
    words.map((value): Query => ({ op: "body", text: value })), words.map((value): Query => ({ op: "text", text: value })),
    fc.tuple(fc.constantFrom("x-own", "subject", "thread-topic", "x-label", "List-Id"), words).map(([name, value]): Query =>
      ({ op: "header", name, text: value })),
    fc.constantFrom<Query>({ op: "flag", flag: "seen" }, { op: "flag", flag: "flagged" }, { op: "keyword", keyword: "bLUE" },
      { op: "to", text: "LEE@exa" }, { op: "all" }, { op: "header", name: "x-own", text: "" },
      { op: "header", name: "x-label", text: "" }, { op: "header", name: "thread-topic", text: "" }, { op: "none" }),
    range.map((one): Query => ({ op: "uid", ranges: [one] })), fc.nat(2000).map((sizeBytes): Query => ({ op: "sizeAbove", sizeBytes })),
    fc.nat(5).map((day): Query => ({ op: "received", fromMs: Date.UTC(2026, 0, 1 + day), beforeMs: Infinity })));
  return fc.letrec<{ query: Query }>((tie) => ({
    query: fc.oneof({ depthSize: "small", withCrossShrink: true }, leaf,
      fc.tuple(tie("query"), tie("query")).map(([a, b]): Query => ({ op: "and", of: [a, b] })),
      fc.tuple(tie("query"), tie("query")).map(([a, b]): Query => ({ op: "or", of: [a, b] })),
      tie("query").map((one): Query => ({ op: "not", of: one }))),
  })).query;
}

async function foundWith(modSeqs: boolean, mailbox: Mailbox, folderId: FolderId, query: Query): Promise<number[]> {
  const uids: number[] = [];
  const uidSet = query.op === "uid" ? query.ranges : "all";
  for await (const slice of searchFolder(ctx, mailbox, folderId, query, uidSet, { modSeqs })) {
    if (modSeqs) assert.equal(slice.modSeqs.length, slice.uids.length);
    uids.push(...slice.uids);
  }
  return uids;
}

async function found(mailbox: Mailbox, folderId: FolderId, query: Query): Promise<number[]> {
  const uids = await foundWith(true, mailbox, folderId, query);
  assert.deepEqual(await foundWith(false, mailbox, folderId, query), uids, JSON.stringify(query));
  return uids;
}

async function countGrams(store: Store, scope: MailboxId): Promise<number> {
  const [row] = await store.read(ctx, scope, () => all<{ n: number }>(
    "SELECT COUNT(*) AS n FROM content_grams WHERE mailbox_id = $1", scope));
  return row!.n;
}

async function forget(store: Store, scope: MailboxId): Promise<void> {
  await store.transact(ctx, scope, runTexts,
    { texts: ["content_grams", "content_fields"].map((table) =>
      ({ text: `DELETE FROM ${table} WHERE mailbox_id = $1`, values: [scope] })) });
}

async function fill(store: Store, scope: MailboxId, folderId: number, messages: readonly Said[]): Promise<Placed[]> {
  const placed: Placed[] = [];
  for (const one of messages) {
    const { uid } = await store.transact(ctx, scope, insertMessage, {
      folder: { folderId }, source: { inline: one.bytes, blob: null }, flags: one.flags, keywords: one.keywords,
      internalMs: one.internalMs, quotaBytes: null, deliveryId: null,
    });
    placed.push({ ...one, uid });
  }
  return placed;
}

const marksAsked: readonly Query[] = [
  { op: "flag", flag: "flagged" }, { op: "not", of: { op: "flag", flag: "seen" } }, { op: "all" },
  { op: "or", of: [{ op: "subject", text: "Bericht" }, { op: "flag", flag: "flagged" }] },
  { op: "and", of: [{ op: "not", of: { op: "flag", flag: "seen" } }, { op: "subject", text: "Bericht" }] },
  { op: "and", of: [{ op: "header", name: "subject", text: "Bericht" }, { op: "not", of: { op: "subject", text: "x" } }] },
];

const backends = [["SQLite", () => Promise.resolve(sqliteBackend(0)), 12], ["PostgreSQL", postgresBackend, 3]] as const;

after(stopPostgres);

for (const [name, make, numRuns] of backends) {
  describe(name, () => {
    test("finds what a plain look finds", async () => {
      const backend = await make();
      const store = await backend.open();
      try {
        await fc.assert(fc.asyncProperty(fc.array(said, { minLength: 1, maxLength: 12 }).chain((messages) =>
          fc.tuple(fc.constant(messages), fc.array(queries(messages), { minLength: 12, maxLength: 12 }))), async ([messages, asked]) => {
          const scope = await newMailbox(store);
          const { mailbox } = await openKit(store, scope);
          const { folderId } = await mailbox.folderByRole(ctx, "inbox");
          const placed = await fill(store, scope, folderId, messages);
          for (const kept of ["on arrival", "none yet", "some"] as const) {
            if (kept === "none yet") await forget(store, scope);
            for (const query of asked) {
              const expected = placed.filter((one) => holds(one, query)).map(({ uid }) => uid);
              assert.deepEqual(await found(mailbox, folderId, query), expected, `${kept}: ${JSON.stringify(query)}`);
            }
          }
          // A folder that nobody searched before, of messages of which nothing is kept.
          const { folderId: copies } = await mailbox.folderByRole(ctx, "deletedItems");
          await forget(store, scope);
          await mailbox.copy(ctx, folderId, "all", copies);
          const remembered = async (when: string): Promise<void> => {
            for (const query of [...asked, ...marksAsked]) {
              const expected = placed.filter((one) => holds(one, query)).map(({ uid }) => uid);
              assert.deepEqual(await foundWith(false, mailbox, copies, query), expected, `${when}: ${JSON.stringify(query)}`);
            }
          };
          await remembered("new");
          const seen = placed[0]!.uid;
          await mailbox.setFlags(ctx, copies, [{ first: seen, last: seen }],
            { mode: "replace", flags: messageFlags.flagged, keywords: ["blue"] });
          placed[0] = { ...placed[0]!, flags: messageFlags.flagged, keywords: ["blue"] };
          await remembered("marked");
          const last = placed.pop()!.uid;
          await store.transact(ctx, scope, removeMessages,
            { folderId: copies, uids: [{ first: last, last }], only: "any", mode: "hard" });
          await remembered("gone");
          placed.push(...await fill(store, scope, copies, messages.slice(0, 2)));
          await remembered("come");
        }), { numRuns, endOnFailure: true });
      } finally {
        await store.close();
        backend.remove();
      }
    });

    test("the subject of an item changes that was searched before it had bytes", async () => {
      const backend = await make();
      const store = await backend.open();
      try {
        const scope = await newMailbox(store);
        const { mailbox } = await openKit(store, scope);
        const { folderId } = await mailbox.folderByRole(ctx, "inbox");
        const item = newItem();
        const named = (subject: string): ReturnType<typeof newItem> => {
          const set = newItem();
          setProperty(set, properties.PidTagSubject, subject);
          return set;
        };
        setProperty(item, properties.PidTagSubject, "hay");
        setProperty(item, properties.PidTagMessageClass, "IPM.Note");
        const { messageId } = await mailbox.items.create(ctx, { folderId, item });
        const count = async (text: string): Promise<number> =>
          (await foundWith(false, mailbox, folderId, { op: "subject", text })).length;
        assert.deepEqual([await count("hay"), await count("needle")], [1, 0]);
        await mailbox.items.update(ctx, { messageId, set: named("needle") });
        assert.deepEqual([await count("hay"), await count("needle")], [0, 1]);
        // With bytes, and with others.
        assert.equal((await found(mailbox, folderId, { op: "header", name: "subject", text: "needle" })).length, 1);
        assert.deepEqual([await count("hay"), await count("needle")], [0, 1]);
        await mailbox.items.update(ctx, { messageId, set: named("hay again") });
        assert.deepEqual([await count("hay"), await count("needle")], [1, 0]);
        assert.equal((await found(mailbox, folderId, { op: "header", name: "subject", text: "HAY " })).length, 1);
      } finally {
        await store.close();
        backend.remove();
      }
    });

    test("listed fields are those of the header, however they are written", async () => {
      const backend = await make();
      const store = await backend.open();
      try {
        const scope = await newMailbox(store);
        const { mailbox } = await openKit(store, scope);
        const { folderId } = await mailbox.folderByRole(ctx, "inbox");
        const headers = [
          "Thread-Topic: one two\r\nX-Thread-Topic: three", "thread-TOPIC \t:one\r\n\t two\r\n  three\r\nX-A: four",
          "Thread-Topic:\r\nThread-Topic: =?utf-8?Q?one_?=\r\n =?utf-8?Q?t=C3=A9?=", "X-A: Thread-Topic: one two",
          "X-Label: one\r\n Thread-Topic: two", "Thread-Topic: \u00e9 =?utf-8?Q?on=0Ae_two?=",
          "Thread-Topic: one\r\nThread-Topic: two", `Thread-Topic: ${"long ".repeat(1200)}one two`, "X-A: none",
        ];
        await fill(store, scope, folderId, headers.map((header) => ({
          subject: "", from: "", to: "", fields: [], body: [], flags: 0, keywords: [], internalMs: 1,
          bytes: Buffer.from(`${header}\r\n\r\nThread-Topic: one two\r\n`) })));
        for (const [text, expected] of [
          ["one two", [1, 2, 8]], ["THREE", [2]], ["", [1, 2, 3, 6, 7, 8]], ["two", [1, 2, 6, 7, 8]], ["four", []],
          ["one te", [3]], ["e =?", []], ["topic", []],
        ] as const) {
          for (const name of ["thread-topic", "Thread-Topic"]) {
            assert.deepEqual(await found(mailbox, folderId, { op: "header", name, text }), expected, text);
          }
        }
      } finally {
        await store.close();
        backend.remove();
      }
    });

    test("the end of a subject that is too long for its column is found", async () => {
      const backend = await make();
      const store = await backend.open();
      try {
        const scope = await newMailbox(store);
        const { mailbox } = await openKit(store, scope);
        const { folderId } = await mailbox.folderByRole(ctx, "inbox");
        const lines = Array.from({ length: 60 }, (_, index) => `word${index} and many more than one line holds`);
        await fill(store, scope, folderId, [[...lines, "needle"], ["hay\t  stack"], ["the needle"]].map((words) => ({
          subject: "", from: "", to: "", fields: [], body: [], flags: 0, keywords: [], internalMs: 1,
          bytes: Buffer.from(`Subject: ${words.join("\r\n ")}\r\n\r\nbody\r\n`) })));
        for (const [text, expected] of [["NEEDLE", [1, 3]], ["y\t  s", [2]], ["hay s", []], ["d59", [1]], ["ack", [2]]] as const) {
          assert.deepEqual(await found(mailbox, folderId, { op: "subject", text }), expected, text);
        }
      } finally {
        await store.close();
        backend.remove();
      }
    });

    test("trigrams live as long as the bytes they are of", async () => {
      const backend = await make();
      const store = await backend.open();
      try {
        const scope = await newMailbox(store);
        const { mailbox } = await openKit(store, scope);
        const inbox = (await mailbox.folderByRole(ctx, "inbox")).folderId;
        const bin = (await mailbox.folderByRole(ctx, "deletedItems")).folderId;
        const letter = Buffer.from("Subject: one\r\n\r\nthe needle\r\n");
        await fill(store, scope, inbox, [1, 2].map(() => ({
          subject: "", from: "", to: "", fields: [], body: [], flags: 0, keywords: [], bytes: letter, internalMs: 1 })));
        assert.equal(await countGrams(store, scope), 2);
        await forget(store, scope);
        await found(mailbox, inbox, { op: "subject", text: "one" });
        assert.equal(await countGrams(store, scope), 0, "not made for what the structure tells");
        assert.deepEqual(await found(mailbox, inbox, { op: "body", text: "needle" }), [1, 2]);
        assert.equal(await countGrams(store, scope), 2, "made when the bytes were looked at");
        await store.transact(ctx, scope, copyMessages, { folderId: inbox, uids: "all", targetId: bin, quotaBytes: null });
        await store.transact(ctx, scope, removeMessages, { folderId: inbox, uids: "all", only: "any", mode: "hard" });
        assert.equal(await countGrams(store, scope), 2, "copies share them");
        assert.deepEqual(await found(mailbox, bin, { op: "body", text: "NEEDLE" }), [1, 2]);
        await store.transact(ctx, scope, removeMessages, { folderId: bin, uids: "all", only: "any", mode: "hard" });
        assert.equal(await countGrams(store, scope), 0);
      } finally {
        await store.close();
        backend.remove();
      }
    });
  });
}
