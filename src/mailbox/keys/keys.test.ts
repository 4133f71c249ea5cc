/**
 * What is stored beside messages tells the same as their bytes. Messages of known subjects, people and dates come by
 * delivery, copies, moves and as items without bytes; now and then what was stored is taken away, as for messages from
 * before it was kept. The order by each key is that of a plain sort by the known texts, header fields are those cut
 * from the bytes, whatever was remembered, came or went in between. On SQLite and PostgreSQL.
 */
import { strict as assert } from "node:assert";
import { after, describe, test } from "node:test";
import fc from "fast-check";
import type { FolderId, MailboxId } from "#base/ids.ts";
import { FieldNames, headerFieldsOctets } from "#format/mime/header-slice.ts";
import { indexMessage } from "#format/mime/indexer.ts";
import { newItem, setProperty } from "#convert/item.ts";
import type { Mailbox, OrderKey } from "#mailbox/api.ts";
import { openKit } from "#mailbox/items/test-kit.ts";
import { areListed, contentKeys, idKeyLength, listedFieldsOf, noIdKey } from "#mailbox/keys/content-keys.ts";
import { readKeyLines } from "#mailbox/keys/read-keys.ts";
import { insertMessage } from "#mailbox/tx/insert.ts";
import { properties } from "#props/registry.ts";
import type { Store } from "#store/api.ts";
import { ctx, newMailbox, postgresBackend, sqliteBackend, stopPostgres } from "#store/contract-test-kit.ts";
import { runTexts } from "#store/contract-test-procedures.ts";
import { all } from "#store/sql.ts";

const p = properties;

interface Known {
  readonly subject: string;
  readonly person: readonly [name: string, mailbox: string];
  readonly sentMs: number;
  readonly size: number;
}

const subjects = ["Alpha", "alpha", "Re: Alpha", "[list] beta", "Beta (fwd)", "élan", "Elan", "zoo", "\u{1f600} smile", "～wave", ""];
const persons = [["Kim", "kim"], ["", "Lee"], ["Äda", "ada"], ["ada", "x"]] as const;

/** The base subjects of `subjects` by hand, and texts as they compare. */
const baseOf: Record<string, string> = { "Re: Alpha": "Alpha", "[list] beta": "beta", "Beta (fwd)": "Beta" };
const comparing = (text: string): Buffer => Buffer.from(text.toUpperCase().normalize("NFKD"));

function messageOf({ subject, person: [name, mailbox], sentMs, size }: Known): Buffer {
  const encoded = (text: string): string => (/^[ -~]*$/.test(text) ? text
    : `=?utf-8?B?${Buffer.from(text).toString("base64")}?=`);
  return Buffer.from(`From: ${encoded(name)} <${mailbox}@example.org>\r\nTo: b@example.org\r\nSubject: ${encoded(subject)}\r\n` +
    `Date: ${new Date(sentMs).toUTCString()}\r\nX-Long: ${"y".repeat(size)}\r\n\r\nx\r\n`);
}

const order: Record<string, (a: Known, b: Known) => number> = {
  subject: (a, b) => Buffer.compare(comparing(baseOf[a.subject] ?? a.subject), comparing(baseOf[b.subject] ?? b.subject)),
  from: (a, b) => Buffer.compare(comparing(a.person[1]), comparing(b.person[1])),
  displayFrom: (a, b) => Buffer.compare(
    comparing(a.person[0] || `${a.person[1]}@example.org`), comparing(b.person[0] || `${b.person[1]}@example.org`)),
  date: (a, b) => a.sentMs - b.sentMs,
};

const known = fc.record({
  subject: fc.constantFrom(...subjects), person: fc.constantFrom(...persons),
  sentMs: fc.integer({ min: 0, max: 30 }).map((day) => Date.UTC(2026, 0, 1 + day)), size: fc.constantFrom(3, 9000),
});
const step = fc.oneof(
  { arbitrary: fc.record({ kind: fc.constant("come"), message: known }), weight: 5 },
  fc.record({ kind: fc.constantFrom("item", "copy", "move", "remove", "forget", "look"), message: known }),
);

class Model {
  readonly #store: Store;
  readonly #scope: MailboxId;
  readonly #mailbox: Mailbox;
  readonly #folders: FolderId[];
  /** By folder and UID. */
  readonly #known = new Map<string, Known>();

  constructor(store: Store, scope: MailboxId, mailbox: Mailbox, folders: FolderId[]) {
    this.#store = store;
    this.#scope = scope;
    this.#mailbox = mailbox;
    this.#folders = folders;
  }

  #uidsOf(folderId: FolderId): number[] {
    return [...this.#known.keys()].filter((key) => key.startsWith(`${folderId} `))
      .map((key) => Number(key.split(" ")[1])).sort((a, b) => a - b);
  }

  async take(kind: string, message: Known): Promise<void> {
    const [folderId, otherId] = this.#folders as [FolderId, FolderId];
    const uids = this.#uidsOf(folderId);
    const some = uids.length === 0 ? [] : [{ first: uids[0]!, last: uids[uids.length >> 1]! }];
    const touched = uids.slice(0, (uids.length >> 1) + 1);
    if (kind === "come") {
      const { uid } = await this.#store.transact(ctx, this.#scope, insertMessage, {
        folder: { folderId }, source: { inline: messageOf(message), blob: null }, flags: 0, keywords: [], internalMs: 1,
        quotaBytes: null, deliveryId: null,
      });
      this.#known.set(`${folderId} ${uid}`, message);
    } else if (kind === "item") {
      const item = newItem();
      setProperty(item, p.PidTagSubject, "zoo");
      setProperty(item, p.PidTagMessageClass, "IPM.Note");
      await this.#mailbox.items.create(ctx, { folderId, item });
      const { uids: now } = await this.#mailbox.uids(ctx, folderId);
      // Nobody sent it, so that only its subject is known.
      this.#known.set(`${folderId} ${now.at(-1)!}`, { ...message, subject: "zoo", size: -1 });
    } else if (kind === "copy" || kind === "move") {
      const { pairs } = await this.#mailbox[kind](ctx, folderId, some, otherId);
      for (let at = 0; at < pairs.length; at += 2) {
        this.#known.set(`${otherId} ${pairs[at + 1]}`, this.#known.get(`${folderId} ${pairs[at]}`)!);
        if (kind === "move") this.#known.delete(`${folderId} ${pairs[at]}`);
      }
    } else if (kind === "remove") {
      await this.#mailbox.remove(ctx, { folderId, uids: some, only: "any", mode: "hard" });
      for (const uid of touched) this.#known.delete(`${folderId} ${uid}`);
    } else if (kind === "forget") {
      const texts = ["content_keys", "content_fields"].map((table) =>
        ({ text: `DELETE FROM ${table} WHERE mailbox_id = $1 AND content_id % 2 = 0`, values: [this.#scope] }));
      await this.#store.transact(ctx, this.#scope, runTexts, { texts });
    } else {
      await this.check();
    }
  }

  async check(): Promise<void> {
    for (const folderId of this.#folders) {
      const uids = this.#uidsOf(folderId);
      for (const wanted of [uids, uids.filter((_, at) => at % 5 === 2)]) {
        for (const [key, compare] of Object.entries(order)) await this.#checkOrder(folderId, wanted, key as OrderKey, compare);
      }
      await this.#checkFields(folderId, uids);
    }
  }

  async #checkOrder(
    folderId: FolderId, uids: readonly number[], key: OrderKey, compare: (a: Known, b: Known) => number,
  ): Promise<void> {
    const ranks = await this.#mailbox.ranks(ctx, folderId, uids, key);
    const told = uids.map((uid) => this.#known.get(`${folderId} ${uid}`)!);
    // Of an item only the subject is known.
    const places = [...uids.keys()].filter((at) => key === "subject" || told[at]!.size >= 0);
    for (const a of places) {
      for (const b of places) {
        assert.equal(Math.sign(ranks[a]! - ranks[b]!), Math.sign(compare(told[a]!, told[b]!)), `${key} of ${uids[a]}, ${uids[b]}`);
      }
    }
  }

  async #checkFields(folderId: FolderId, uids: readonly number[]): Promise<void> {
    const names = new FieldNames(["subject", "FROM", "to"]);
    const whole = new Map<number, string>();
    for await (const rows of this.#mailbox.headers(ctx, folderId, "all")) {
      for (const { uid, header } of rows) whole.set(uid, headerFieldsOctets(header, names));
    }
    assert.deepEqual([...whole.keys()], uids);
    for await (const rows of this.#mailbox.headers(ctx, folderId, "all", ["Subject", "from", "TO"])) {
      for (const { uid, header, sizeBytes } of rows) {
        assert.equal(headerFieldsOctets(header, names), whole.get(uid));
        assert.ok(sizeBytes > 0);
        whole.delete(uid);
      }
    }
    assert.equal(whole.size, 0);
  }
}

function suite(open: () => Promise<{ open(): Promise<Store>; remove(): void }>, numRuns: number): void {
  test("what is stored tells the same as the bytes", async () => {
    const backend = await open();
    const store = await backend.open();
    try {
      await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 24 }), async (steps) => {
        const scope = await newMailbox(store);
        const { mailbox } = await openKit(store, scope);
        const folders = [(await mailbox.folderByRole(ctx, "inbox")).folderId, (await mailbox.folderByRole(ctx, "drafts")).folderId];
        const model = new Model(store, scope, mailbox, folders);
        for (const { kind, message } of steps) await model.take(kind, message);
        await model.check();
        // Nothing stays behind of messages that are gone.
        for (const folderId of folders) await mailbox.remove(ctx, { folderId, uids: "all", only: "any", mode: "hard" });
        const left = await store.read(ctx, scope, () => all(
          `SELECT content_id FROM content_keys WHERE mailbox_id = $1
           UNION ALL SELECT content_id FROM content_fields WHERE mailbox_id = $1`, scope));
        assert.deepEqual(left, []);
      }), { numRuns });
    } finally {
      await store.close();
      backend.remove();
    }
  });
}

describe("SQLite", () => suite(async () => sqliteBackend(0), 12));
describe("PostgreSQL", () => {
  suite(postgresBackend, 2);
  after(stopPostgres);
});

test("many older messages at once get what they lack", async () => {
  const backend = sqliteBackend(0);
  const store = await backend.open();
  const scope = await newMailbox(store);
  const { mailbox } = await openKit(store, scope);
  const { folderId } = await mailbox.folderByRole(ctx, "inbox");
  const count = 1100;
  for (let at = 0; at < count; at += 100) {
    await Promise.all(Array.from({ length: 100 }, (_, place) => store.transact(ctx, scope, insertMessage, {
      folder: { folderId }, flags: 0, keywords: [], internalMs: 1, quotaBytes: null, deliveryId: null,
      source: { inline: Buffer.from(`Subject: s${at + place}\r\nFrom: a@example.org\r\n\r\n`), blob: null },
    })));
  }
  const texts = ["content_keys", "content_fields"].map((table) => ({ text: `DELETE FROM ${table} WHERE mailbox_id = $1`, values: [scope] }));
  await store.transact(ctx, scope, runTexts, { texts });
  const uids = [...(await mailbox.uids(ctx, folderId)).uids];
  const ranks = await mailbox.ranks(ctx, folderId, uids, "subject");
  assert.equal(new Set(ranks).size, count);
  const seen: string[] = [];
  for await (const rows of mailbox.headers(ctx, folderId, "all", ["subject"])) {
    for (const { header } of rows) seen.push(headerFieldsOctets(header, ["subject"]));
  }
  assert.equal(new Set(seen).size, count);
  const kept = await store.read(ctx, scope, () => all<{ n: number }>(
    `SELECT COUNT(*) AS n FROM content_keys k JOIN content_fields f ON f.content_id = k.content_id WHERE k.mailbox_id = $1`, scope));
  assert.equal(kept[0]!.n, count);
  await store.close();
  backend.remove();
});

test("fields kept for lists are those of the header, byte for byte", () => {
  const name = fc.constantFrom("From", "TO", "subject", "X-None", "Message-ID ", "Received", "List-Id");
  const value = fc.string({ unit: fc.constantFrom("a", " ", "\t", ":", "\r\n ", "\n\t", "\xe9", "=?x?", ",") });
  const end = fc.constantFrom("\r\n", "\n", "\r\r\n", "");
  const line = fc.oneof(fc.tuple(name, value, end).map(([field, text, feed]) => `${field}:${text}${feed}`),
    fc.constantFrom("no field\r\n", " a fold\r\n", "\r\n", ":\r\n"));
  const names = fc.subarray(["from", "To", "SUBJECT", "message-id", "list-id", "bcc"], { minLength: 1 });
  fc.assert(fc.property(fc.array(line, { maxLength: 8 }), names, (lines, wanted) => {
    const header = Buffer.from(lines.join(""), "latin1");
    assert.ok(areListed(wanted));
    assert.equal(headerFieldsOctets(listedFieldsOf(header)!, wanted), headerFieldsOctets(header, wanted));
  }), { numRuns: 1000 });
  assert.ok(!areListed(["from", "received"]));
  assert.equal(listedFieldsOf(Buffer.from("Subject: a\0b\r\n\r\n")), null);
  assert.equal(listedFieldsOf(Buffer.from(`Subject: ${"x".repeat(5000)}\r\n\r\n`)), null);
});

test("ids of messages", () => {
  const ids = (header: string): string => contentKeys(indexMessage(Buffer.from(`${header}\r\n\r\n`)).index).ids;
  const plain = ids("Message-ID: <a@b>\r\nReferences: <c@d> <e@f>");
  assert.equal(plain.length, 1 + 4 * idKeyLength);
  const same: string[] = [
    "Message-ID: <\"a\"@b>\r\nReferences: <c@d>\r\n\t<e@f>", "Message-ID: (x) <a @b>\r\nReferences: <c@d>,<none><e@\r\n f>",
    "Message-ID: <a@b> <z@z>\r\nIn-Reply-To: <z@z>\r\nReferences: <\"\\c\"@d><e@f>",
  ];
  for (const header of same) assert.equal(ids(header), plain, header);
  assert.equal(ids("Subject: x"), ids("Subject: x").slice(0, 1 + idKeyLength) + noIdKey);
  assert.equal(ids("Subject: Re: x\r\nMessage-ID: none"), `+${ids("Subject: x").slice(1)}`);
  assert.equal(ids("Subject: Re:"), `+${noIdKey}${noIdKey}`);
  assert.equal(ids("In-Reply-To: text <e@f> <g@h>\r\nReferences: none").slice(1 + 2 * idKeyLength), plain.slice(1 + 3 * idKeyLength));
  assert.equal(ids(`References: ${Array.from({ length: 500 }, (_, at) => `<${at}@x>`).join("\r\n ")}`).length, 1 + 102 * idKeyLength);
});

test("others have their turn while thousands of ranges are read", async () => {
  const backend = sqliteBackend(0);
  const store = await backend.open();
  try {
    const mailboxId = await newMailbox(store);
    const { mailbox } = await openKit(store, mailboxId);
    const { folderId } = await mailbox.folderByRole(ctx, "inbox");
    const ranges = Array.from({ length: 2000 }, (_, at) => ({ first: 1 + at * 100, last: 1 + at * 100 }));
    let turns = 0;
    let isOn = true;
    const count = (): void => {
      turns++;
      if (isOn) setImmediate(count);
    };
    setImmediate(count);
    for await (const slice of mailbox.subjects(ctx, folderId, ranges)) assert.equal(slice.length, 0);
    assert.ok(turns >= 10, `${turns} turns for subjects`);
    turns = 0;
    const source = { store, mailboxId, folderId, mark: undefined, withBytes: <R>(rows: R[]) => Promise.resolve(rows) };
    for await (const slice of readKeyLines(ctx, source, ranges, ["subject"])) assert.equal(slice.uids.length, 0);
    assert.ok(turns >= 10, `${turns} turns for keys`);
    isOn = false;
  } finally {
    await store.close();
    backend.remove();
  }
});
