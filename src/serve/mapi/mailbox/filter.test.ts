/**
 * Proves that a search which is decided on rows, then by the full-text index, then on items finds exactly what looking
 * into every item finds: random restrictions of every kind on messages in several forms, scripts and encodings, with
 * and without the index; on the corpus, every word of every body is found where it is. [MS-OXCDATA] 2.12
 */
import { strict as assert } from "node:assert";
import { after, before, describe, test } from "node:test";
import fc from "fast-check";
import type { FolderId, MailboxId, MessageId } from "#base/ids.ts";
import { newItem, setNamed, setProperty } from "#convert/item.ts";
import { newRecipient } from "#convert/mime/people.ts";
import { itemOfMime } from "#mailbox/items/mime-head.ts";
import { candidateColumns } from "#mailbox/items/text-candidates.ts";
import type { Mailbox } from "#mailbox/api.ts";
import { openKit } from "#mailbox/items/test-kit.ts";
import { foldCase } from "#props/compare.ts";
import { passes } from "#props/evaluate.ts";
import { properties } from "#props/registry.ts";
import type { Restriction } from "#props/structures.ts";
import { makeTag } from "#props/types.ts";
import type { PropertyTag } from "#props/types.ts";
import { contentsSource } from "#serve/mapi/mailbox/contents.ts";
import { isAbsentInPlain } from "#serve/mapi/mailbox/light-tags.ts";
import { messageIdentity } from "#serve/mapi/mailbox/message.ts";
import type { LogonObject } from "#serve/mapi/mailbox/objects.ts";
import type { Store } from "#store/api.ts";
import { ctx, newMailbox, postgresBackend, sqliteBackend, stopPostgres } from "#store/contract-test-kit.ts";
import type { Backend } from "#store/contract-test-kit.ts";
import { createMimeIndexer } from "#format/mime/indexer.ts";
import { corpusMessages, corpusMissing, withCrlf } from "../../../../test/support/corpus.ts";
import { postgresMissing } from "../../../../test/support/postgres.ts";

const p = properties;
const text = (id: number): PropertyTag => makeTag(id, "String");
const tags = {
  subject: text(0x0037), body: text(0x1000), sender: text(0x0c1a), senderAddress: text(0x5d01), to: text(0x0e04),
  cc: text(0x0e03), from: text(0x0042), class: text(0x001a), topic: text(0x0070), normalized: text(0x0e1d),
  size: makeTag(0x0e08, "Integer32"), flags: makeTag(0x0e07, "Integer32"), importance: makeTag(0x0017, "Integer32"),
  flagStatus: makeTag(0x1090, "Integer32"), toDo: makeTag(0x0e2b, "Integer32"), read: makeTag(0x0e69, "Boolean"),
  attachName: text(0x3707), attachShort: text(0x3704), name: text(0x3001), delivered: makeTag(0x0e06, "Time"),
  submitted: makeTag(0x0039, "Time"),
} as const;

const words = [
  "report", "Report", "reporting", "reports-2024", "Stra\u00dfe", "strasse", "of\ufb01ce", "office", "\u0130stanbul", "\u0131stanbul",
  "istanbul", "caf\u00e9", "cafe\u0301", "cafe", "\u4f1a\u8b70", "\u0645\u0631\u062d\u0628\u0627", "x", "a_b", "kilo", "\u212ailo", "don't", "mail.example", "42",
];

function mime(index: number): string {
  const at = (step: number): string => words[(index * 7 + step * 3) % words.length]!;
  const utf8 = (value: string): string => `=?utf-8?B?${Buffer.from(value).toString("base64")}?=`;
  const head = `From: ${utf8(`${at(1)} ${at(2)}`)} <${index}@mail.example>\r\nTo: ${utf8(at(3))} <kim@example.org>\r\n` +
    `Cc: ${utf8(at(4))} <c@example.org>\r\nSubject: ${utf8(`Re: ${at(5)} ${at(6)}`)}\r\nMIME-Version: 1.0\r\n`;
  const body = `${at(7)} ${at(8)}, ${at(9)}\r\nline ${at(10)}${at(11)}\r\n`;
  const plain = `Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n` +
    `${Buffer.from(body).toString("base64")}\r\n`;
  switch (index % 4) {
    case 0: return head + plain;
    case 1: return `${head}Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n` +
      `${Buffer.from(`<p>${at(7)}<b>${at(8)}</b></p><table><tr><td>${at(9)}</td><td>${at(10)}</td></tr></table>`).toString("base64")}\r\n`;
    case 2: return `${head}Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n${plain}--b\r\n` +
      `Content-Type: application/pdf\r\nContent-Disposition: attachment; filename*=utf-8''${encodeURIComponent(`${at(12)} ${at(13)}.pdf`)}\r\n\r\nx\r\n--b--\r\n`;
    default: return `${head}X-Message-Flag: Follow up\r\nContent-Type: text/plain; format=flowed; delsp=yes; charset=utf-8\r\n` +
      `Content-Transfer-Encoding: 8bit\r\n\r\n${at(7)} \r\n${at(8)} ${at(9)}\r\n`;
  }
}

interface Kit {
  readonly mailbox: Mailbox;
  readonly logon: LogonObject;
  readonly inbox: FolderId;
  readonly reminderSet: PropertyTag;
}

async function fill({ mailbox, inbox }: { mailbox: Mailbox; inbox: FolderId }): Promise<void> {
  for (let index = 0; index < 40; index++) {
    if (index % 5 === 4) {
      const item = newItem();
      const at = (step: number): string => words[(index * 5 + step) % words.length]!;
      setProperty(item, p.PidTagMessageClass, index % 2 === 0 ? "IPM.Note" : "IPM.Task");
      setProperty(item, p.PidTagSubject, `${at(1)} ${at(2)}`);
      setProperty(item, p.PidTagBody, `${at(3)} ${at(4)}\n${at(5)}`);
      setProperty(item, p.PidTagSenderName, at(6));
      setProperty(item, p.PidTagImportance, index % 3);
      if (index % 2 === 0) setNamed(item, p.PidLidReminderSet.named, "Boolean", true);
      if (index % 3 === 0) setProperty(item, p.PidTagToDoItemFlags, 1);
      item.recipients.push(newRecipient(1, { name: at(7), address: "r@example.org" }, 0));
      await mailbox.items.create(ctx, { folderId: inbox, item });
      continue;
    }
    const upload = mailbox.beginUpload(ctx, null);
    await upload.write(Buffer.from(mime(index)));
    const { messageId } = await mailbox.append(ctx, {
      folderId: inbox, upload, flags: index % 3 === 0 ? 1 : index % 7 === 0 ? 4 : 0, keywords: [], internalMs: 1.7e12 + index * 1e6,
    });
    if (index % 6 === 0) {
      const set = newItem();
      setProperty(set, p.PidTagFlagStatus, index % 12 === 0 ? 1 : 2);
      await mailbox.items.update(ctx, { messageId, set });
    }
  }
}

const needle = fc.oneof(
  fc.constantFrom(...words), fc.constantFrom(...words).map((word) => word.slice(1)),
  fc.tuple(fc.constantFrom(...words), fc.constantFrom(" ", "\r\n", ", ", "-", ""), fc.constantFrom(...words)).map((all) => all.join("")),
  fc.string({ maxLength: 2 }),
);
const content = (tag: PropertyTag): fc.Arbitrary<Restriction> => fc.record({
  restrictType: fc.constant(3 as const), fuzzyLevelLow: fc.constantFrom(0, 1, 2), fuzzyLevelHigh: fc.integer({ min: 0, max: 7 }),
  propertyTag: fc.constant(tag), taggedValue: needle.map((value) => ({ tag, value })),
});
const texts = [tags.subject, tags.body, tags.sender, tags.senderAddress, tags.to, tags.cc, tags.from, tags.class, tags.topic, tags.normalized];
const numbers = [tags.size, tags.flags, tags.importance, tags.flagStatus, tags.toDo];

function restrictions(reminderSet: PropertyTag): fc.Arbitrary<Restriction> {
  const leaf: fc.Arbitrary<Restriction> = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...texts).chain(content) },
    fc.record({
      restrictType: fc.constant(4 as const), relOp: fc.integer({ min: 0, max: 5 }), propertyTag: fc.constantFrom(...numbers),
      taggedValue: fc.constantFrom(0, 1, 2, 8, 17, 400).map((value) => ({ tag: tags.size, value })),
    }),
    fc.record({
      restrictType: fc.constant(4 as const), relOp: fc.constantFrom(4, 5), propertyTag: fc.constantFrom(tags.read, reminderSet),
      taggedValue: fc.boolean().map((value) => ({ tag: tags.read, value })),
    }),
    fc.record({ restrictType: fc.constant(6 as const), bitmapRelOp: fc.constantFrom(0, 1), propertyTag: fc.constantFrom(...numbers), mask: fc.constantFrom(1, 2, 8, 16) }),
    fc.record({ restrictType: fc.constant(7 as const), relOp: fc.integer({ min: 0, max: 5 }), propertyTag: fc.constantFrom(tags.subject, tags.body), size: fc.integer({ max: 80, min: 0 }) }),
    fc.record({ restrictType: fc.constant(8 as const), propertyTag: fc.constantFrom(...texts, ...numbers, reminderSet) }),
    fc.record({ restrictType: fc.constant(5 as const), relOp: fc.integer({ min: 0, max: 5 }), propertyTag1: fc.constantFrom(...texts), propertyTag2: fc.constantFrom(...texts) }),
    fc.record({ restrictType: fc.constant(9 as const), subobject: fc.constant(0x0e13_000d as PropertyTag), restriction: fc.constantFrom(tags.attachName, tags.attachShort).chain(content) }),
    fc.record({ restrictType: fc.constant(9 as const), subobject: fc.constant(0x0e12_000d as PropertyTag), restriction: content(tags.name) }),
  );
  const { tree } = fc.letrec<{ tree: Restriction }>((tie) => ({
    tree: fc.oneof({ maxDepth: 3, withCrossShrink: true }, { weight: 3, arbitrary: leaf },
      fc.record({ restrictType: fc.constantFrom(0 as const, 1 as const), restricts: fc.array(tie("tree"), { maxLength: 3 }) }),
      fc.record({ restrictType: fc.constant(2 as const), restriction: tie("tree") }),
      fc.record({ restrictType: fc.constant(10 as const), taggedValues: fc.constant([]), restrictionPresent: fc.constant(1), restriction: tie("tree") })),
  }));
  return tree;
}

interface Whole {
  readonly key: number;
  readonly object: Parameters<typeof passes>[1];
}

/** Every item with everything it has, as a client that opens it is told. */
async function wholeItems({ mailbox, logon, inbox }: Kit): Promise<Whole[]> {
  const found: Whole[] = [];
  for await (const rows of mailbox.items.rows(ctx, inbox)) {
    for (const row of rows) {
      const item = await mailbox.items.open(ctx, row.messageId);
      const bag = await mailbox.items.toTags(ctx, item, true);
      for (const [tag, value] of messageIdentity(logon, inbox, row.messageId, row)) bag.set(tag, value);
      found.push({ key: row.messageId, object: {
        get: (tag) => bag.get(tag), recipients: () => item.recipients.map((one) => one.bag),
        attachments: () => item.attachments.map((one) => one.bag),
      } });
    }
  }
  return found;
}

const kinds = [
  { name: "SQLite", skip: false as string | false, make: () => Promise.resolve(sqliteBackend(0)), runs: 150 },
  { name: "PostgreSQL", skip: postgresMissing ?? false, make: postgresBackend, runs: 30 },
];
after(stopPostgres);

async function makeKit(store: Store): Promise<Kit> {
  const mailboxId: MailboxId = await newMailbox(store);
  const { mailbox } = await openKit(store, mailboxId);
  const inbox = (await mailbox.folderByRole(ctx, "inbox")).folderId;
  const { guid, replicaGuid } = await mailbox.identity(ctx);
  const logon = {
    kind: "logon", logonId: 0, mailbox, items: mailbox.items, mailboxId, mailboxGuid: guid, replicaGuid, isOwner: true,
    owner: { legacyDn: "/o=x", displayName: "Kim", address: "kim@example.org" },
  } as LogonObject;
  const [id] = await mailbox.items.propertyIds(ctx, [p.PidLidReminderSet.named], true);
  return { mailbox, logon, inbox, reminderSet: makeTag(id!, "Boolean") };
}

for (const kind of kinds) {
  describe(kind.name, { skip: kind.skip }, () => {
    let backend: Backend;
    let store: Store;
    let kit: Kit;
    before(async () => {
      backend = await kind.make();
      store = await backend.open();
      kit = await makeKit(store);
      await fill(kit);
    });
    after(async () => {
      await store.close();
      backend.remove();
    });

    test("random restrictions find what looking into every item finds", async () => {
      const source = contentsSource({ logon: kit.logon, hostname: "x", codePage: 1252 }, kit.inbox, false);
      const whole = await wholeItems(kit);
      let lookedInto = 0;
      const read = kit.logon.items.properties.bind(kit.logon.items);
      kit.logon.items.properties = (using, ids, wanted) => {
        lookedInto += ids.length;
        return read(using, ids, wanted);
      };
      await fc.assert(fc.asyncProperty(restrictions(kit.reminderSet), fc.boolean(), async (restriction, useIndex) => {
        const filter = await source.filter(ctx, restriction, useIndex);
        const found = (await source.listWith(ctx, [], filter)).map(({ key }) => key);
        const expected = whole.filter(({ object }) => passes(restriction, object)).map(({ key }) => key);
        assert.deepEqual(found, expected.sort((a, b) => a - b));
      }), { numRuns: kind.runs });
      assert.ok(lookedInto > 0, "some had to be looked into");
    });

    test("every piece of every body is found where it is", async () => {
      const source = contentsSource({ logon: kit.logon, hostname: "x", codePage: 1252 }, kit.inbox, false);
      for (const { key, object } of await wholeItems(kit)) {
        const body = object.get(tags.body);
        if (typeof body !== "string") continue;
        for (const level of [1, 2] as const) {
          const value: string = level === 1 ? body.slice(body.indexOf(" "), -1) : body.slice(0, -2);
          const filter = await source.filter(ctx, {
            restrictType: 3, fuzzyLevelLow: level, fuzzyLevelHigh: 1, propertyTag: tags.body, taggedValue: { tag: tags.body, value },
          }, true);
          const found = (await source.listWith(ctx, [], filter)).map((row) => row.key);
          assert.ok(found.includes(key), JSON.stringify(value));
        }
      }
    });

    test("pieces of words in bodies of many kinds: as a scan finds them, and few are looked into", async () => {
      const { folderId } = await kit.mailbox.createFolder(ctx, { parentId: kit.inbox, name: "Pieces" });
      const bodies: readonly (readonly [type: string, body: string])[] = [
        ["text/plain; charset=utf-8", "Reporting of\ufb01ce Stra\u00dfe \u0149ab \ufb06one"],
        ["text/plain; charset=utf-8; format=flowed", "quarterly \r\nreport\r\n> quoted xylophone\r\n stuffed"],
        ["text/enriched; charset=utf-8", "quar<bold>terly</bold> inv<italic>oice</italic>"],
        ["text/richtext; charset=utf-8", "quar<bold>terly</bold> reports"],
        ["text/plain; charset=utf-8", "xylo\0phone fo\0obar"],
        ["text/html; charset=utf-8", "<p>quar<b>terly</b> caf&eacute;teria</p>"],
        ["text/plain; charset=utf-8", "cafe\u0301teria caf\u00e9teria \u212ailogram \u017fein"],
        ["text/plain; charset=iso-2022-jp", "\u001b$B2q5D\u001b(Bmeeting minutes"],
        ["text/calendar; charset=utf-8", "BEGIN:VCALENDAR\r\nDESCRIPTION:quar\r\n terly\r\nEND:VCALENDAR"],
        ...Array.from({ length: 12 }, (_, index) => ["text/plain", `nothing to see here ${index}`] as const),
      ];
      for (const [type, body] of bodies) {
        const upload = kit.mailbox.beginUpload(ctx, null);
        await upload.write(Buffer.from(`From: a@b.example\r\nSubject: pieces\r\nMIME-Version: 1.0\r\nContent-Type: ${type}\r\n` +
          `Content-Transfer-Encoding: base64\r\n\r\n${Buffer.from(body).toString("base64")}\r\n`));
        await kit.mailbox.append(ctx, { folderId, upload, flags: 0, keywords: [], internalMs: 1.7e12 });
      }
      const here: Kit = { ...kit, inbox: folderId };
      const whole = await wholeItems(here);
      const source = contentsSource({ logon: kit.logon, hostname: "x", codePage: 1252 }, folderId, false);
      const needles = new Set<string>(["xylophone", "foobar", "kilogram", "sein", "stone", "office", "strasse", "invoice", "terly"]);
      for (const { object } of whole) {
        const body = String(object.get(tags.body) ?? "");
        for (let at = 0; at + 4 <= body.length; at += kind.runs < 100 ? 23 : 5) needles.add(body.slice(at, at + 4 + at % 4));
      }
      const before = kit.logon.items.properties;
      let [lookedInto, cases] = [0, 0];
      kit.logon.items.properties = (using, ids, wanted) => {
        lookedInto += ids.length;
        return before(using, ids, wanted);
      };
      for (const value of needles) {
        for (const fuzzyLevelHigh of [0, 1, 2, 4]) {
          const restriction: Restriction = { restrictType: 3, fuzzyLevelLow: 1, fuzzyLevelHigh, propertyTag: tags.body, taggedValue: { tag: tags.body, value } };
          const filter = await source.filter(ctx, restriction, true);
          const found = (await source.listWith(ctx, [], filter)).map(({ key }) => key);
          cases++;
          assert.deepEqual(found, whole.filter(({ object }) => passes(restriction, object)).map(({ key }) => key), JSON.stringify([value, fuzzyLevelHigh]));
        }
      }
      kit.logon.items.properties = before;
      assert.ok(lookedInto < cases * bodies.length * 0.75, `${lookedInto} of ${cases * bodies.length}`);
      // One word without breaks around it: only those are looked into that may hold it.
      lookedInto = 0;
      kit.logon.items.properties = (using, ids, wanted) => {
        lookedInto += ids.length;
        return before(using, ids, wanted);
      };
      const one = await source.filter(ctx, { restrictType: 3, fuzzyLevelLow: 1, fuzzyLevelHigh: 1, propertyTag: tags.body, taggedValue: { tag: tags.body, value: "ylophon" } }, true);
      assert.equal((await source.listWith(ctx, [], one)).length, 2);
      kit.logon.items.properties = before;
      assert.ok(lookedInto <= 4, `${lookedInto}`);
    });

    test("a word in a body names few items: the others are not looked into", async () => {
      const source = contentsSource({ logon: kit.logon, hostname: "x", codePage: 1252 }, kit.inbox, false);
      const restriction: Restriction = {
        restrictType: 3, fuzzyLevelLow: 1, fuzzyLevelHigh: 1, propertyTag: tags.body,
        taggedValue: { tag: tags.body, value: " nowhere in any of them " },
      };
      const filter = await source.filter(ctx, restriction, true);
      const before = kit.logon.items.properties;
      let lookedInto = 0;
      kit.logon.items.properties = (using, ids, wanted) => {
        lookedInto += ids.length;
        return before(using, ids, wanted);
      };
      assert.deepEqual(await source.listWith(ctx, [], filter), []);
      // The eight whose lines are joined without a space: the index has their words in pieces.
      assert.equal(lookedInto, 8);
      kit.logon.items.properties = before;
    });
  });
}

describe("corpus", { skip: corpusMissing }, () => {
  let backend: Backend;
  let store: Store;
  let kit: Kit;
  before(async () => {
    backend = sqliteBackend(0);
    store = await backend.open();
    kit = await makeKit(store);
  });
  after(async () => {
    await store.close();
    backend.remove();
  });

  test("what bodies hold between other words, the index does not rule out", async () => {
    const names = new Map<MessageId, string>();
    const bodies: { readonly id: MessageId; readonly body: string }[] = [];
    for (const { name, bytes } of corpusMessages().filter((one) => one.bytes.length < 200_000).filter((_, at) => at % 2 === 0)) {
      const upload = kit.mailbox.beginUpload(ctx, null);
      await upload.write(withCrlf(bytes));
      const { messageId } = await kit.mailbox.append(ctx, { folderId: kit.inbox, upload, flags: 0, keywords: [], internalMs: 1 });
      names.set(messageId, name);
      const item = await kit.mailbox.items.open(ctx, messageId);
      const body = item.bag.get(p.PidTagBody.tag);
      if (typeof body === "string" && body.length > 20) bodies.push({ id: messageId, body });
    }
    assert.ok(bodies.length > 30, `${bodies.length} bodies`);
    const missed: string[] = [];
    const rows = new Map((await kit.mailbox.items.lightOf(ctx, bodies.map(({ id }) => id), candidateColumns))
      .map((row) => [row.messageId, row]));
    for (const [index, { id, body }] of bodies.entries()) {
      for (let step = 0; step < 6; step++) {
        const at = (index * 131 + step * 977) % Math.max(1, body.length - 30);
        const needle = foldCase(body.slice(at, at + 10 + step * 4));
        const found = await kit.mailbox.items.textCandidates(ctx, { field: "body", text: needle, isAnchored: false });
        if (found !== null && !found.may(rows.get(id)!)) missed.push(`${names.get(id)!}: ${JSON.stringify(needle)}`);
      }
    }
    assert.deepEqual(missed, []);
  });

  test("header fields and bodies make none of the properties that plain mail is said not to have", () => {
    for (const property of Object.values(properties)) {
      const tag = property.tag ?? makeTag(0x8000, property.type);
      if (property.header !== undefined) assert.equal(isAbsentInPlain(tag, property.named), false, property.name);
    }
    for (const { name, bytes } of corpusMessages().filter((one) => one.bytes.length < 100_000)) {
      const raw = withCrlf(bytes);
      const indexer = createMimeIndexer();
      indexer.push(raw);
      const { index } = indexer.end();
      if (index.root.kind === "multipart" || index.root.type !== "text" || index.root.subtype === "calendar") continue;
      const item = itemOfMime(index, (from, to) => raw.subarray(from, to), null);
      for (const { name: named } of item.named.values()) {
        assert.equal(isAbsentInPlain(makeTag(0x8000, "Null"), named), false, `${name}: ${String(named.id)}`);
      }
      for (const tag of item.bag.keys()) assert.equal(isAbsentInPlain(tag, null), false, `${name}: ${tag.toString(16)}`);
    }
  });
});
