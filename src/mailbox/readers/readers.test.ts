/**
 * Proves that each reader of a public folder has read marks of their own. Ranges are held against a plain map of UIDs
 * under random changes (fast-check); then people read, mark, copy, edit and remove messages of one public store on each
 * kind of store, by UID and as items, and every look (rows, flags, lists, counts, changes) is held against a model that
 * keeps one set for each reader. Whoever follows changes from any earlier state must end with what a fresh look tells.
 */
import { strict as assert } from "node:assert";
import { Buffer } from "node:buffer";
import { after, before, describe, test } from "node:test";
import fc from "fast-check";
import type { ChangeNumber, EntryId, FolderId, MailboxId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import type { Directory, MailboxStanding, Sharing } from "#directory/api.ts";
import { folderRoleRights } from "#mailbox/access.ts";
import { messageFlags } from "#mailbox/api.ts";
import type { Mailbox, Mailboxes } from "#mailbox/api.ts";
import { createMailboxes } from "#mailbox/mailbox.ts";
import { compactRanges, rangeAt, rangeChanges, withRanges } from "#mailbox/readers/ranges.ts";
import type { ReadRange } from "#mailbox/readers/ranges.ts";
import { provisionMailbox } from "#mailbox/tx/folders.ts";
import { searchFolder } from "#mailbox/search.ts";
import { properties as p } from "#props/registry.ts";
import type { Store } from "#store/api.ts";
import { checkCounts } from "#store/contract-test-counts.ts";
import { ctx, postgresBackend, sqliteBackend, stopPostgres } from "#store/contract-test-kit.ts";
import type { Backend } from "#store/contract-test-kit.ts";
import { all } from "#store/sql.ts";
import { postgresMissing } from "../../../test/support/postgres.ts";

const seen = messageFlags.seen;

test("ranges say what a map of UIDs says, and are stored by their differences", () => {
  const step = fc.record({ first: fc.integer({ min: 1, max: 60 }), length: fc.integer({ min: 1, max: 20 }),
    isRead: fc.boolean() });
  fc.assert(fc.property(fc.array(fc.array(step, { minLength: 1, maxLength: 4 }), { maxLength: 30 }), (changes) => {
    const model = new Map<number, { isRead: boolean; modSeq: number }>();
    const stored = new Map<number, ReadRange>();
    let ranges: readonly ReadRange[] = [];
    changes.forEach((change, index) => {
      const modSeq = index + 1;
      const news: ReadRange[] = [];
      for (const { first, length, isRead } of [...change].sort((a, b) => a.first - b.first)) {
        if (first <= (news.at(-1)?.last ?? 0)) continue;
        news.push({ first, last: first + length - 1, isRead, modSeq });
        for (let uid = first; uid < first + length; uid++) model.set(uid, { isRead, modSeq });
      }
      const next = withRanges(ranges, news);
      const { gone, put } = rangeChanges(ranges, next);
      for (const first of gone) assert.ok(stored.delete(first));
      for (const range of put) stored.set(range.first, range);
      ranges = next;
    });
    assert.deepEqual([...stored.values()].sort((a, b) => a.first - b.first), ranges);
    for (let uid = 1; uid <= 100; uid++) {
      const range = rangeAt(ranges, uid);
      assert.deepEqual(range && { isRead: range.isRead, modSeq: range.modSeq }, model.get(uid), `uid ${uid}`);
    }
    // Joined neighbours say the same, and nothing is told as older than it is, nor the newest as more than it is.
    const newest = changes.length;
    for (let uid = 1; uid <= 100; uid++) {
      const range = rangeAt(compactRanges(ranges), uid);
      const own = model.get(uid);
      assert.equal(range?.isRead, own?.isRead);
      assert.ok((range?.modSeq ?? 0) >= (own?.modSeq ?? 0));
      assert.equal(range?.modSeq === newest, own?.modSeq === newest);
    }
  }));
});

test("many ranges become few", () => {
  let ranges: readonly ReadRange[] = [];
  for (let uid = 1; uid <= 4 * limits.readerRangesCompactMin; uid++) {
    ranges = withRanges(ranges, [{ first: uid, last: uid, isRead: true, modSeq: uid }]);
  }
  assert.ok(ranges.length < limits.readerRangesCompactMin, `${ranges.length} ranges`);
});

/** Entry ids of readers; 9 runs the public folders. */
const readers = [1, 2, 3] as const;
const administrator = 9;

function directoryOf(): Directory {
  const standings = new Map<number, MailboxStanding>();
  const sharing: Partial<Sharing> = {
    mailboxStanding: (_ctx, entryId) => {
      const known = standings.get(entryId) ?? {
        right: entryId === administrator ? "full" as const : "none" as const, seesPrivate: false,
        selfAndGroups: new Set([entryId]),
      };
      standings.set(entryId, known);
      return Promise.resolve(known);
    },
    namedEntries: () => Promise.resolve(new Map()),
  };
  const directory: Partial<Directory> = {
    mailboxOwner: () => Promise.resolve({
      entryId: 100 as EntryId, address: "public-folders@example.org", displayName: "Public Folders", quotaBytes: null,
      isPublicStore: true,
    }),
    mailboxRight: () => Promise.resolve("none"), sharing: sharing as Sharing,
  };
  return directory as Directory;
}

let lastMailbox = 70_000;

/** One public store, people who opened it, and what each of them has read. */
class PublicStore {
  readonly store: Store;
  readonly mailboxId: MailboxId;
  readonly mailboxes: Mailboxes;
  folderId = 0 as FolderId;
  readonly read = new Map<number, Set<number>>(readers.map((reader) => [reader, new Set()]));

  constructor(store: Store, mailboxId: MailboxId) {
    this.store = store;
    this.mailboxId = mailboxId;
    this.mailboxes = createMailboxes(store, directoryOf());
  }

  static async make(store: Store): Promise<PublicStore> {
    const mailboxId = ++lastMailbox as MailboxId;
    await store.createMailbox(ctx, mailboxId);
    await store.transact(ctx, mailboxId, provisionMailbox, {
      guid: ctx.system.randomBytes(16), replicaGuid: ctx.system.randomBytes(16), language: "en", isPublic: true,
    });
    const made = new PublicStore(store, mailboxId);
    const admin = await made.open(administrator);
    const top = await admin.folderByRole(ctx, "ipmSubtree");
    made.folderId = (await admin.createFolder(ctx, { parentId: top.folderId, name: "Notices" })).folderId;
    return made;
  }

  open(entryId: number): Promise<Mailbox> {
    return this.mailboxes.open(ctx,
      { entryId, address: `p${entryId}@example.org`, displayName: "P", mailboxId: null }, this.mailboxId);
  }

  async append(entryId: number, flags = 0): Promise<number> {
    const mailbox = await this.open(entryId);
    const upload = mailbox.beginUpload(ctx, null);
    await upload.write(Buffer.from("Subject: notice\r\nFrom: p@example.org\r\n\r\ntext\r\n"));
    const { uid } = await mailbox.append(ctx,
      { folderId: this.folderId, upload, flags, keywords: [], internalMs: null });
    if ((flags & seen) !== 0) this.read.get(entryId)?.add(uid);
    return uid;
  }

  async mark(entryId: number, uids: readonly number[] | "all", isRead: boolean): Promise<void> {
    const mailbox = await this.open(entryId);
    const set = uids === "all" ? "all" as const : uids.map((uid) => ({ first: uid, last: uid }));
    const done = await mailbox.setFlags(ctx, this.folderId, set,
      { mode: isRead ? "add" : "remove", flags: seen, keywords: [] });
    for (const { uid, flags } of done.rows) {
      assert.equal((flags & seen) !== 0, isRead);
      if (isRead) this.read.get(entryId)!.add(uid);
      else this.read.get(entryId)!.delete(uid);
    }
  }

  /** Every way to look gives the marks of the model. */
  async check(): Promise<void> {
    for (const reader of readers) {
      const mailbox = await this.open(reader);
      const own = this.read.get(reader)!;
      const marks: [number, boolean][] = [];
      for await (const slice of mailbox.rows(ctx, this.folderId, "all")) {
        for (const row of slice) marks.push([row.uid, (row.flags & seen) !== 0]);
      }
      assert.deepEqual(marks, marks.map(([uid]) => [uid, own.has(uid)]), `rows of ${reader}`);
      const columns: [number, boolean][] = [];
      for await (const { count, uids, flags } of mailbox.flags(ctx, this.folderId, "all")) {
        for (let at = 0; at < count; at++) columns.push([uids[at]!, (flags[at]! & seen) !== 0]);
      }
      assert.deepEqual(columns, marks, `flags of ${reader}`);
      const items: [number, boolean][] = [];
      for await (const slice of mailbox.items.table(ctx, this.folderId, { tags: [p.PidTagRead.tag] })) {
        for (const { row, object } of slice) items.push([row.uid, object.bag.get(p.PidTagRead.tag) === true]);
      }
      assert.deepEqual(items.sort((a, b) => a[0] - b[0]), marks, `items of ${reader}`);
      const light: boolean[] = [];
      for await (const slice of mailbox.items.light(ctx, this.folderId, ["flags"])) {
        for (const row of slice) light.push((row.flags & seen) !== 0);
      }
      assert.deepEqual(light, marks.map(([, isRead]) => isRead), `light rows of ${reader}`);
      const unseen: number[] = [];
      const query = { op: "not", of: { op: "flag", flag: "seen" } } as const;
      for await (const { uids } of searchFolder(ctx, mailbox, this.folderId, query, "all")) unseen.push(...uids);
      const expected = marks.filter(([, isRead]) => !isRead).map(([uid]) => uid);
      assert.deepEqual(unseen, expected, `search of ${reader}`);
      const info = await mailbox.folder(ctx, this.folderId);
      assert.deepEqual([info.messageCount, info.unreadCount], [marks.length, expected.length], `counts of ${reader}`);
      assert.deepEqual((await mailbox.folders(ctx)).find(({ folderId }) => folderId === this.folderId), info);
    }
    await checkCounts(this.store, this.mailboxId);
  }

  async ranges(): Promise<number> {
    const rows = await this.store.read(ctx, this.mailboxId, () =>
      all("SELECT first_uid FROM reader_range WHERE mailbox_id = $1", this.mailboxId));
    return rows.length;
  }
}

/** A client that keeps what it was told, and asks for changes alone. */
class Follower {
  readonly #home: PublicStore;
  readonly #reader: number;
  #since = 1 as ChangeNumber;
  readonly #known = new Map<number, boolean>();

  constructor(home: PublicStore, reader: number) {
    this.#home = home;
    this.#reader = reader;
  }

  async follow(): Promise<void> {
    const mailbox = await this.#home.open(this.#reader);
    const found = await mailbox.changes(ctx, this.#home.folderId, this.#since);
    const light = await mailbox.items.lightChanges(ctx, this.#home.folderId, this.#since, ["flags"], { rowsMax: 5000 });
    const items = await mailbox.items.changes(ctx, this.#home.folderId, this.#since);
    const ids = (rows: readonly { messageId: number; modSeq: number }[]): string[] =>
      rows.map(({ messageId, modSeq }) => `${messageId} ${modSeq}`).sort();
    assert.deepEqual(ids(light!.changed), ids(found.changed));
    assert.deepEqual(ids(items.changed), ids(found.changed));
    for (const uid of found.vanished) this.#known.delete(uid);
    for (const { uid, flags, modSeq } of found.changed) {
      assert.ok(modSeq > this.#since && modSeq <= found.cn, "told with a number of its time");
      this.#known.set(uid, (flags & seen) !== 0);
    }
    this.#since = found.cn;
    const now = new Map<number, boolean>();
    for await (const slice of mailbox.rows(ctx, this.#home.folderId, "all")) {
      for (const row of slice) now.set(row.uid, (row.flags & seen) !== 0);
    }
    assert.deepEqual([...this.#known].sort((a, b) => a[0] - b[0]), [...now], `what reader ${this.#reader} was told`);
  }
}

function random(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 0x1_0000_0000) * below);
  };
}

async function someStep(home: PublicStore, pick: (below: number) => number): Promise<void> {
  const reader = readers[pick(3)]!;
  const admin = await home.open(administrator);
  const { uids } = await admin.uids(ctx, home.folderId);
  const some = [...uids].filter(() => pick(3) === 0);
  const set = some.map((uid) => ({ first: uid, last: uid }));
  switch (pick(8)) {
    case 0: case 1: await home.append(reader, pick(2) === 0 ? seen : 0); return;
    case 2: await home.mark(reader, "all", pick(4) > 0); return;
    case 3: case 4: await home.mark(reader, some, pick(3) > 0); return;
    case 5: {
      const mailbox = await home.open(reader);
      // Flags for all, and a read mark for one: one call does both.
      const done = await mailbox.setFlags(ctx, home.folderId, set.slice(0, 0),
        { mode: "add", flags: messageFlags.flagged | seen, keywords: [] });
      assert.equal(done.rows.length, 0);
      await admin.setFlags(ctx, home.folderId, set, { mode: "add", flags: messageFlags.flagged, keywords: ["x"] });
      return;
    }
    case 6: await admin.remove(ctx, { folderId: home.folderId, uids: set.slice(0, 2), only: "any", mode: "hard" });
      return;
    default: {
      const mailbox = await home.open(reader);
      const { pairs } = await mailbox.copy(ctx, home.folderId, set.slice(0, 3), home.folderId);
      const own = home.read.get(reader)!;
      for (let at = 0; at < pairs.length; at += 2) if (own.has(pairs[at]!)) own.add(pairs[at + 1]!);
    }
  }
}

function suite(
  name: string, makeBackend: () => Promise<Backend> | Backend, options: { skip?: string | false } = {},
): void {
  describe(name, options, () => {
    let backend: Backend;
    let store: Store;
    before(async () => {
      backend = await makeBackend();
      store = await backend.open();
    });
    after(async () => {
      await store?.close();
      backend?.remove();
    });

    test("what one has read another has not", async () => {
      const home = await PublicStore.make(store);
      const [first, second] = [await home.append(1), await home.append(1, seen)];
      await home.check();
      await home.mark(2, [first], true);
      await home.check();
      assert.deepEqual([...home.read.values()].map((uids) => [...uids]), [[second], [first], []]);
      const lee = await home.open(2);
      const before = await lee.folder(ctx, home.folderId);
      await home.mark(1, "all", true);
      const after = await (await home.open(2)).changes(ctx, home.folderId, before.highestCn);
      assert.deepEqual([after.changed, after.cn > before.highestCn], [[], true], "others hear that nothing changed");
    });

    test("a new public folder is open to who signs in, its maker owns it, administrators alone make one", async () => {
      const home = await PublicStore.make(store);
      const someone = await home.open(1);
      assert.deepEqual((await someone.folders(ctx)).map((folder) => folder.name),
        ["Root", "IPM_SUBTREE", "NON_IPM_SUBTREE", "EFORMS REGISTRY", "Notices"]);
      assert.equal(someone.rightsIn(home.folderId), folderRoleRights.author);
      const top = await someone.folderByRole(ctx, "ipmSubtree");
      const mine = someone.createFolder(ctx, { parentId: top.folderId, name: "Mine" });
      await assert.rejects(mine, { code: "accessDenied" });
      const admin = await home.open(administrator);
      const entries = await admin.permissions(ctx, home.folderId);
      assert.deepEqual(entries.map(({ memberId, rights }) => [memberId, rights]),
        [[0, folderRoleRights.author], [-1, 0], [administrator, folderRoleRights.owner]]);
      await assert.rejects(home.open(-1), { code: "accessDenied" }, "strangers");
      await assert.rejects(admin.createFolder(ctx, { parentId: top.folderId, name: "Found", searchFolder: true }),
        { code: "notSupported" });
    });

    test("UNCHANGEDSINCE goes by the marks of whoever asks", async () => {
      const home = await PublicStore.make(store);
      const uid = await home.append(1);
      const since = (await (await home.open(2)).folder(ctx, home.folderId)).highestCn;
      await home.mark(1, [uid], true);
      const change = { mode: "add", flags: seen, keywords: [], unchangedSince: since } as const;
      const own = await (await home.open(2)).setFlags(ctx, home.folderId, "all", change);
      assert.deepEqual([own.rows.length, own.conflicts], [1, []], "the mark of another is no change");
      home.read.get(2)!.add(uid);
      const again = await (await home.open(2)).setFlags(ctx, home.folderId, "all", { ...change, mode: "remove" });
      assert.deepEqual(again.conflicts, [uid]);
      await home.check();
    });

    test("an item keeps its reader's mark through an edit, as a new one for the others", async () => {
      const home = await PublicStore.make(store);
      const uid = await home.append(1, seen);
      await home.mark(2, [uid], true);
      const mailbox = await home.open(1);
      const items = [];
      for await (const slice of mailbox.items.rows(ctx, home.folderId)) items.push(...slice);
      const { messageId } = items[0]!;
      await mailbox.items.update(ctx, { messageId, set: { bag: new Map([[p.PidTagSubject.tag, "another"]]) } });
      const row = await mailbox.items.row(ctx, messageId);
      assert.notEqual(row.uid, uid, "bytes that IMAP showed are others now");
      const other = await (await home.open(2)).items.row(ctx, messageId);
      assert.deepEqual([row.flags & seen, other.flags & seen], [seen, 0]);
      await mailbox.items.setFlags(ctx, [messageId], { mode: "remove", flags: seen, keywords: [] });
      assert.equal((await mailbox.items.row(ctx, messageId)).flags & seen, 0);
      await mailbox.items.update(ctx, { messageId, set: { bag: new Map([[p.PidTagMessageFlags.tag, 1]]) } });
      assert.equal((await mailbox.items.row(ctx, messageId)).flags & seen, seen);
      const { uid: last } = await mailbox.items.row(ctx, messageId);
      home.read.set(1, new Set([last]));
      home.read.set(2, new Set());
      await home.check();
    });

    test("moving takes the mark of whoever moves along, and removing a folder forgets its readers", async () => {
      const home = await PublicStore.make(store);
      const uids = [await home.append(1, seen), await home.append(1)];
      const admin = await home.open(administrator);
      const { parentId } = await admin.folder(ctx, home.folderId);
      const other = await admin.createFolder(ctx, { parentId: parentId!, name: "Other" });
      const mover = await home.open(1);
      const set = uids.map((uid) => ({ first: uid, last: uid }));
      const { pairs } = await mover.move(ctx, home.folderId, set, other.folderId);
      const marks: number[] = [];
      for await (const slice of mover.rows(ctx, other.folderId, "all")) {
        for (const row of slice) marks.push(row.flags & seen);
      }
      assert.deepEqual([pairs.length, marks], [4, [seen, 0]]);
      assert.equal((await (await home.open(2)).folder(ctx, other.folderId)).unreadCount, 2);
      const before = await home.ranges();
      await admin.deleteFolder(ctx, { folderId: other.folderId, mode: "hard", children: "refuse" });
      assert.ok(await home.ranges() < before);
    });

    test("reading all of a folder is one range, whatever its size", async () => {
      const home = await PublicStore.make(store);
      for (let count = 0; count < 40; count++) await home.append(1);
      await home.mark(3, "all", true);
      assert.equal(await home.ranges(), 1);
      await home.mark(3, [5, 6, 20], false);
      assert.equal(await home.ranges(), 6, "two ranges out of it, and what is left around them");
      await home.check();
      const mailbox = await home.open(3);
      const before = (await mailbox.folder(ctx, home.folderId)).highestCn;
      const apart = Array.from({ length: 2500 }, (_, index) => ({ first: 2 * index + 1, last: 2 * index + 1 }));
      await mailbox.setFlags(ctx, home.folderId, apart, { mode: "remove", flags: seen, keywords: [] });
      assert.ok((await mailbox.folder(ctx, home.folderId)).highestCn <= before + 2, "many small ranges are few commits");
    });

    for (const seed of [1, 2, 3]) {
      test(`random acts of three readers, seed ${seed}`, async () => {
        const home = await PublicStore.make(store);
        const pick = random(seed * 7919);
        const followers = readers.map((reader) => new Follower(home, reader));
        for (let step = 0; step < (name === "sqlite" ? 60 : 25); step++) {
          await someStep(home, pick);
          if (pick(3) === 0) await followers[pick(3)]!.follow();
          if (step % 10 === 9) await home.check();
        }
        for (const follower of followers) await follower.follow();
        await home.check();
      });
    }
  });
}

suite("sqlite", () => sqliteBackend(0));
suite("postgres", postgresBackend, { skip: postgresMissing ?? false });
after(stopPostgres);
