/**
 * Proves who may do what in a folder. A table holds the verdict of every right and of every role of Outlook for every
 * operation, written by hand from [MS-OXCPERM] 2.2.7; the deciding function is held against it, and then a mailbox on
 * each kind of store, with a session that stays open while its rights change. After that: whose entry counts (own,
 * groups, Default, Anonymous), what is told of folders above and of what may not be seen, own and foreign messages,
 * private items, inheritance, and rights taken back from sessions that are open.
 */
import { strict as assert } from "node:assert";
import { Buffer } from "node:buffer";
import { after, before, describe, test } from "node:test";
import { Fault } from "#base/fault.ts";
import type { FolderId, MessageId } from "#base/ids.ts";
import { newItem, setProperty } from "#convert/item.ts";
import type { ItemBag } from "#convert/item.ts";
import {
  anonymousMember, completeRights, decide, defaultMember, folderOperations, folderRights, folderRoleRights, roleOf,
} from "#mailbox/access.ts";
import type { FolderOperation } from "#mailbox/access.ts";
import { messageFlags } from "#mailbox/api.ts";
import type { Mailbox, MessageRow } from "#mailbox/api.ts";
import { effectiveRights, folderRightsOf } from "#mailbox/permissions/effective.ts";
import { withoutUids } from "#mailbox/permissions/limited-view.ts";
import { openMailboxOf, openShared, people } from "#mailbox/permissions/test-kit.ts";
import type { Shared } from "#mailbox/permissions/test-kit.ts";
import { properties as p } from "#props/registry.ts";
import type { Store } from "#store/api.ts";
import { checkCounts } from "#store/contract-test-counts.ts";
import { ctx, postgresBackend, sqliteBackend, stopPostgres } from "#store/contract-test-kit.ts";
import type { Backend } from "#store/contract-test-kit.ts";
import { postgresMissing } from "../../../test/support/postgres.ts";

/** In the order of the columns of the table below. */
const order: readonly FolderOperation[] = [
  "seeFolder", "listItems", "readItem", "changeReadState", "createItem", "changeItem", "deleteItem", "createFolder",
  "changeFolder", "readPermissions", "changePermissions", "changeAssociated", "readAnnotations", "changeAnnotations",
];

/** y yes, o own items alone, n no, - no and hidden. */
const table: Record<keyof typeof folderRights | keyof typeof folderRoleRights, string> = {
  //                     see list read seen create change delete mkdir chdir acl setacl settings notes setnotes
  readAny:              "y   y    y    y    n      n      n      n     n     n   n      n        y     n",
  create:               "-   -    o    o    y      -      -      -     -     -   -      -        -     -",
  editOwned:            "-   -    o    o    -      o      -      -     -     -   -      -        -     -",
  deleteOwned:          "-   -    o    o    -      -      o      -     -     -   -      -        -     -",
  editAny:              "-   -    o    o    -      y      -      -     -     -   -      -        -     y",
  deleteAny:            "-   -    o    o    -      -      y      -     -     -   -      -        -     -",
  createSubFolder:      "-   -    -    -    -      -      -      y     -     -   -      -        -     -",
  folderOwner:          "y   n    o    o    n      n      n      n     y     y   y      y        n     y",
  folderContact:        "-   -    -    -    -      -      -      -     -     -   -      -        -     -",
  folderVisible:        "y   n    o    o    n      n      n      n     n     n   n      n        n     n",
  freeBusySimple:       "-   -    -    -    -      -      -      -     -     -   -      -        -     -",
  freeBusyDetailed:     "-   -    -    -    -      -      -      -     -     -   -      -        -     -",
  owner:                "y   y    y    y    y      y      y      y     y     y   y      y        y     y",
  "publishing-editor":  "y   y    y    y    y      y      y      y     n     n   n      n        y     y",
  editor:               "y   y    y    y    y      y      y      n     n     n   n      n        y     y",
  "publishing-author":  "y   y    y    y    y      o      o      y     n     n   n      n        y     n",
  author:               "y   y    y    y    y      o      o      n     n     n   n      n        y     n",
  "non-editing-author": "y   y    y    y    y      n      o      n     n     n   n      n        y     n",
  reviewer:             "y   y    y    y    n      n      n      n     n     n   n      n        y     n",
  contributor:          "y   n    o    o    y      n      n      n     n     n   n      n        n     n",
  "availability-only":  "-   -    -    -    -      -      -      -     -     -   -      -        -     -",
  "limited-details":    "-   -    -    -    -      -      -      -     -     -   -      -        -     -",
  none:                 "-   -    -    -    -      -      -      -     -     -   -      -        -     -",
};
const bitsOf = (name: string): number =>
  ({ ...folderRights, ...folderRoleRights } as Record<string, number>)[name]!;
const verdicts = { y: "yes", o: "own", n: "no", "-": "hidden" } as const;

test("every right against every operation", () => {
  assert.deepEqual([...order].sort(), Object.keys(folderOperations).sort());
  for (const [name, row] of Object.entries(table)) {
    const cells = row.split(/ +/);
    assert.equal(cells.length, order.length, name);
    for (const [index, operation] of order.entries()) {
      const expected = verdicts[cells[index] as keyof typeof verdicts];
      assert.equal(decide(completeRights(bitsOf(name)), operation), expected, `${name}: ${operation}`);
    }
  }
});

test("rights bring along what they cannot be without, and have Outlook's names", () => {
  const rows: [number, number][] = [
    [0x20, 0x28], [0x40, 0x50], [0x1, 0x401], [0x100, 0x500], [0x1000, 0x1800], [0x2, 0x2], [0xffff_e000, 0], [-1, 0x1ffb],
  ];
  for (const [given, complete] of rows) assert.equal(completeRights(given), complete, given.toString(16));
  for (const [name, bits] of Object.entries(folderRoleRights)) {
    assert.equal(completeRights(bits), bits, name);
    assert.equal(roleOf(bits), name);
  }
  assert.equal(roleOf(0x5fb), "owner");
  assert.equal(roleOf(0x401 | 0x1800), "reviewer");
  assert.equal(roleOf(0x3), null);
});

test("one's own entry counts alone, then those of groups together, then Default", () => {
  const entries = [
    { memberId: anonymousMember, rights: 0x800 }, { memberId: defaultMember, rights: 0x401 },
    { memberId: people.mia, rights: 0 }, { memberId: people.sales, rights: 0x2 }, { memberId: people.staff, rights: 0x8 },
  ];
  const caller = (entryId: number, ...groups: number[]) => ({ entryId, selfAndGroups: new Set([entryId, ...groups]) });
  assert.equal(effectiveRights(entries, caller(people.lee, people.sales, people.staff)), 0xa);
  assert.equal(effectiveRights(entries, caller(people.lee, people.staff)), 0x8);
  assert.equal(effectiveRights(entries, caller(people.lee)), 0x401);
  assert.equal(effectiveRights(entries, caller(people.mia, people.sales)), 0);
  assert.equal(effectiveRights(entries, caller(anonymousMember)), 0x800);
  assert.equal(effectiveRights([], caller(people.lee, people.sales)), 0);
});

test("folders above one that may be seen are seen, in a tree that is a circle too", () => {
  const caller = { entryId: 2, selfAndGroups: new Set([2]) };
  const of = (rights: number, parents: [number, number | null][]) =>
    [...folderRightsOf({ entries: new Map([[5, [{ memberId: 2, rights }]]]), parents: new Map(parents) }, caller)].sort();
  assert.deepEqual(of(0x401, [[1, null], [3, 1], [5, 3]]), [[1, 0x400], [3, 0x400], [5, 0x401]]);
  assert.deepEqual(of(0x800, [[1, null], [3, 1], [5, 3]]), [[5, 0x800]]);
  assert.deepEqual(of(0x401, [[3, 5], [5, 3]]), [[3, 0x400], [5, 0x401]]);
});

test("UIDs are taken out of ranges", () => {
  const out = (uids: Parameters<typeof withoutUids>[0], ...gone: number[]) =>
    withoutUids(uids, new Set(gone)).map(({ first, last }) => `${first}-${last}`).join(" ");
  assert.equal(out([{ first: 1, last: 9 }], 5, 1, 9), "2-4 6-8");
  assert.equal(out([{ first: 1, last: 3 }, { first: 7, last: 8 }], 2, 3, 5, 8), "1-1 7-7");
  assert.equal(out([{ first: 4, last: 4 }], 4), "");
  assert.equal(out("all", 3), `1-2 4-${0xffff_ffff}`);
  assert.equal(out([{ first: 7, last: 8 }, { first: 1, last: 3 }], 2, 8), "7-7 1-1 3-3");
  assert.deepEqual(withoutUids("all", new Set([2]), 5), [{ first: 1, last: 1 }, { first: 3, last: 5 }]);
  assert.deepEqual(withoutUids([{ first: 6, last: 9 }], new Set(), 5), []);
});

const backends: [string, () => Promise<Backend>, boolean | string][] = [
  ["SQLite", () => Promise.resolve(sqliteBackend(0)), false],
  ["PostgreSQL", postgresBackend, postgresMissing ?? false],
];

function note(subject: string, sensitivity = 0): ItemBag {
  const item = newItem();
  setProperty(item, p.PidTagMessageClass, "IPM.Note");
  setProperty(item, p.PidTagSubject, subject);
  setProperty(item, p.PidTagBody, "Some words.\r\n");
  setProperty(item, p.PidTagSensitivity, sensitivity);
  return item;
}

async function tried(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
    return "y";
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    if (error.code === "accessDenied") return "n";
    if (error.code === "notFound") return "-";
    throw error;
  }
}

async function allRows(mailbox: Mailbox, folderId: FolderId): Promise<MessageRow[]> {
  const rows: MessageRow[] = [];
  for await (const slice of mailbox.rows(ctx, folderId, "all")) rows.push(...slice);
  return rows;
}

async function append(mailbox: Mailbox, folderId: FolderId, text: string): Promise<number> {
  const upload = mailbox.beginUpload(ctx, null);
  await upload.write(Buffer.from(text));
  return (await mailbox.append(ctx, { folderId, upload, flags: 0, keywords: [], internalMs: null })).uid;
}

const letter = "From: a@example.org\r\nSubject: one\r\n\r\nwords\r\n";
const just = (uid: number) => [{ first: uid, last: uid }];
const mark = (flag: keyof typeof messageFlags) => ({ mode: "add" as const, flags: messageFlags[flag], keywords: [] });

for (const [name, open, skip] of backends) {
  describe(name, { skip }, () => {
    let backend: Backend;
    let store: Store;
    let shared: Shared;
    let kim: Mailbox;
    let lee: Mailbox;
    let room: FolderId;
    before(async () => {
      backend = await open();
      store = await backend.open();
      shared = await openShared(store);
      kim = await shared.open("kim");
      const parentId = (await kim.folderByRole(ctx, "ipmSubtree")).folderId;
      // Something to see is always left, so that the mailbox itself stays open.
      await kim.setPermission(ctx, (await kim.folderByRole(ctx, "drafts")).folderId, people.lee, 0x401);
      room = (await kim.createFolder(ctx, { parentId, name: "Room" })).folderId;
      lee = await shared.open("lee");
    });
    after(async () => {
      await checkCounts(store, shared.mailboxId);
      await store.close();
      await backend.remove();
      if (name === "PostgreSQL") await stopPostgres();
    });

    /** What the mailbox answers to each operation, in the letters of the table; `list` where it must be read first. */
    async function verdictsIn(rights: number): Promise<string[]> {
      await kim.setPermission(ctx, room, people.lee, 0x7fb);
      const make = async (who: Mailbox) => ({
        id: (await who.items.create(ctx, { folderId: room, item: note("one") })).messageId,
        uid: await append(who, room, letter),
      });
      const [own, foreign] = [await make(lee), await make(kim)];
      await kim.setPermission(ctx, room, people.lee, rights);
      const both = async (work: (one: { id: MessageId; uid: number }) => Promise<unknown>): Promise<string> => {
        const [ofForeign, ofOwn] = [await tried(() => work(foreign)), await tried(() => work(own))];
        if (ofOwn === ofForeign) return ofOwn;
        assert.equal(ofOwn, "y");
        return "o";
      };
      const list = await tried(() => lee.uids(ctx, room));
      for (const work of [
        () => allRows(lee, room), () => lee.changes(ctx, room, 0 as never), () => lee.searchWords(ctx, room, "words"),
        () => lee.items.rows(ctx, room)[Symbol.asyncIterator]().next(), () => lee.items.changes(ctx, room, 0 as never),
        () => lee.items.calendarItems(ctx, room, 0, 1), () => lee.flags(ctx, room, "all")[Symbol.asyncIterator]().next(),
      ] as (() => Promise<unknown>)[]) assert.equal(await tried(work), list);
      const read = await both((one) => lee.items.open(ctx, one.id));
      // Of several ids those that are not there are passed over.
      const some = (count: number): void => {
        if (count === 0) throw new Fault("notFound", "none");
      };
      const seen = await both(async (one) => some((await lee.items.setFlags(ctx, [one.id], mark("seen"))).length));
      const create = await tried(() => lee.items.create(ctx, { folderId: room, item: note("two") }));
      assert.equal(await tried(() => append(lee, room, letter)), create);
      const change = await both((one) => lee.items.update(ctx, { messageId: one.id, set: note("three") }));
      if (list === "y") {
        assert.equal(await both((one) => lee.setFlags(ctx, room, just(one.uid), mark("flagged"))), change);
        assert.equal(await tried(() => lee.setFlags(ctx, room, just(foreign.uid), mark("seen"))), "y");
      }
      const acl = await tried(() => lee.permissions(ctx, room));
      const chdir = await tried(() => lee.updateFolderProperties(ctx, { folderId: room, hidden: false }));
      const { parentId } = await kim.folder(ctx, room);
      assert.equal(await tried(() => lee.moveFolder(ctx, { folderId: room, parentId: parentId!, name: "Room" })), chdir);
      const mkdir = await tried(async () => {
        const made = await lee.createFolder(ctx, { parentId: room, name: "Below" });
        await kim.deleteFolder(ctx, { folderId: made.folderId, mode: "hard", children: "refuse" });
      });
      const remove = await both((one) => lee.remove(ctx, { folderId: room, uids: just(one.uid), only: "any", mode: "hard" }));
      assert.equal(await both(async (one) => some(await lee.items.remove(ctx, [one.id], "hard"))), remove);
      const see = await tried(() => lee.folder(ctx, room));
      assert.equal((await lee.folders(ctx)).some((folder) => folder.folderId === room), see === "y");
      const setacl = await tried(() => lee.setPermission(ctx, room, people.mia, null));
      const settings = await tried(() => lee.items.create(ctx, { folderId: room, item: note("rule"), associated: true }));
      const { messageId } = await kim.items.create(ctx, { folderId: room, item: note("rule"), associated: true });
      const settingsToo: (() => Promise<unknown>)[] = [
        () => lee.items.update(ctx, { messageId, set: note("rule 2") }),
        async () => some(await lee.items.remove(ctx, [messageId], "hard")),
      ];
      // Who may neither see nor touch anything here is not told that it is there.
      for (const work of settingsToo) assert.equal(await tried(work), settings);
      const notes = await tried(() => lee.annotations.of(ctx, room));
      const noted = { name: "/private/comment", value: Buffer.from("noted") };
      assert.equal(await tried(() => lee.annotations.set(ctx, room, [noted])), notes);
      const sharing = { ...noted, name: "/shared/comment" };
      const setNotes = await tried(() => lee.annotations.set(ctx, room, [sharing]));
      return [see, list, read, seen, create, change, remove, mkdir, chdir, acl, setacl, settings, notes, setNotes];
    }

    for (const [right, row] of Object.entries(table)) {
      test(`${right} in a session that stays open`, async () => {
        const expected = order.map((operation, index) => `${operation} ${row.split(/ +/)[index]}`);
        const found = await verdictsIn(bitsOf(right));
        assert.deepEqual(order.map((operation, index) => `${operation} ${found[index]}`), expected);
        assert.equal(lee.rightsIn(room), completeRights(bitsOf(right)));
      });
    }

    test("groups, everybody, nobody in particular, and who is not in the directory", async () => {
      await kim.setPermissions(ctx, room, [{ memberId: people.staff, rights: 0x401 }], { replace: true });
      assert.equal(await tried(() => lee.uids(ctx, room)), "y");
      await assert.rejects(shared.open("mia"), { code: "accessDenied" });
      shared.directory.memberships.set(people.lee, []);
      shared.directory.changed();
      assert.equal(await tried(() => lee.uids(ctx, room)), "-");
      await kim.setPermission(ctx, room, defaultMember, 0x401);
      const mia = await shared.open("mia");
      assert.equal(await tried(() => mia.uids(ctx, room)), "y");
      await kim.setPermission(ctx, room, people.mia, 0);
      await assert.rejects(mia.uids(ctx, room), { code: "accessDenied", message: /may not open this mailbox/ });
      await assert.rejects(shared.open("nobody"), { code: "accessDenied" });
      await kim.setPermission(ctx, room, anonymousMember, 0x401);
      assert.equal(await tried(async () => (await shared.open("nobody")).uids(ctx, room)), "y");
      await assert.rejects(kim.setPermission(ctx, room, 999, 0x401), { code: "notFound" });
      await assert.rejects(kim.setPermission(ctx, room, people.outside, 0x401), { code: "notFound" });
      assert.deepEqual((await kim.permissions(ctx, room)).map(({ memberId, rights, member }) =>
        [memberId, rights, member !== null && typeof member === "object" ? member.address : member]), [
        [0, 0x401, "default"], [-1, 0x401, "anonymous"], [people.mia, 0, "mia@example.org"],
        [people.staff, 0x401, "staff@example.org"],
      ]);
      shared.directory.memberships.set(people.lee, [people.sales, people.staff]);
      shared.directory.changed();
    });

    test("a new mailbox shows when its owner is free, and nothing else", async () => {
      for (const { folderId, role } of await kim.folders(ctx)) {
        if (role === null || role === "drafts") continue;
        const [everybody, anonymous, ...others] = await kim.permissions(ctx, folderId);
        assert.deepEqual([everybody!.rights, anonymous!.rights, others], [role === "calendar" ? 0x800 : 0, 0, []], role);
      }
    });

    test("a folder inherits, its maker owns it, and the way to it is seen", async () => {
      await kim.setPermissions(ctx, room, [{ memberId: people.lee, rights: 0x80 }], { replace: true });
      const made = await lee.createFolder(ctx, { parentId: room, name: "Of Lee" });
      assert.deepEqual((await kim.permissions(ctx, made.folderId)).filter(({ rights }) => rights !== 0)
        .map(({ memberId, rights }) => [memberId, rights]), [[people.lee, 0x7fb]]);
      assert.deepEqual((await lee.folders(ctx)).map(({ name: text }) => text).filter((text) => /Room|Lee/.test(text)),
        ["Room", "Of Lee"]);
      assert.equal(await tried(() => lee.uids(ctx, room)), "n");
      // What is below belongs to the folder for those who delete it, and somebody else's is not theirs.
      await kim.createFolder(ctx, { parentId: made.folderId, name: "Kim's" });
      const inner = (await kim.folders(ctx)).find((folder) => folder.name === "Kim's")!;
      await kim.setPermissions(ctx, inner.folderId, [], { replace: true });
      const doomed = { folderId: made.folderId, mode: "hard" as const, children: "delete" as const };
      await assert.rejects(lee.deleteFolder(ctx, doomed), { code: "accessDenied" });
      assert.equal((await lee.folders(ctx)).some((folder) => folder.name === "Kim's"), false);
      await kim.deleteFolder(ctx, doomed);
      assert.equal((await lee.folders(ctx)).some((folder) => folder.name === "Room"), false);
    });

    test("own and foreign messages by UID: marks, moves, expunging, replacing marks", async () => {
      await kim.setPermissions(ctx, room, [{ memberId: people.lee, rights: folderRoleRights.author }], { replace: true });
      const bin = (await kim.folderByRole(ctx, "deletedItems")).folderId;
      await kim.setPermission(ctx, bin, people.lee, folderRoleRights.contributor);
      const [mine, theirs] = [await append(lee, room, letter), await append(kim, room, letter)];
      const uids = [{ first: Math.min(mine, theirs), last: Math.max(mine, theirs) }];
      assert.equal(await tried(() => lee.setFlags(ctx, room, uids, mark("deleted"))), "n");
      assert.equal(await tried(() => lee.setFlags(ctx, room, uids, mark("seen"))), "y");
      // Putting the same marks changes nothing of another's message.
      assert.equal(await tried(() => lee.setFlags(ctx, room, just(theirs),
        { mode: "replace", flags: messageFlags.seen, keywords: [] })), "y");
      assert.equal(await tried(() => lee.setFlags(ctx, room, just(theirs),
        { mode: "add", flags: 0, keywords: ["mine"] })), "n");
      assert.equal(await tried(() => lee.move(ctx, room, uids, bin)), "n");
      await kim.setFlags(ctx, room, uids, mark("deleted"));
      const gone = await lee.remove(ctx, { folderId: room, uids: "all", only: "marked", mode: "soft" });
      assert.deepEqual([...gone.uids], [mine]);
      // A copy belongs to whoever copied.
      const { pairs } = await lee.copy(ctx, room, just(theirs), room);
      assert.equal(await tried(() => lee.move(ctx, room, just(pairs[1]!), bin)), "y");
      const [copy] = await lee.items.copy(ctx, [(await kim.items.create(ctx, { folderId: room, item: note("x") })).messageId], room);
      assert.equal((await kim.items.row(ctx, copy!)).creatorId, people.lee);
      assert.equal(await tried(() => lee.items.move(ctx, [copy!], bin)), "y");
    });

    test("private items are not there for those let into a folder, nor counted", async () => {
      const folderId = (await kim.folderByRole(ctx, "contacts")).folderId;
      await kim.setPermission(ctx, folderId, people.lee, folderRoleRights.editor);
      const open = await kim.items.create(ctx, { folderId, item: note("open") });
      const closed = await kim.items.create(ctx, { folderId, item: note("closed", 2) });
      const mine = await lee.items.create(ctx, { folderId, item: note("of Lee", 2) });
      const seenBy = async (who: Mailbox) => {
        const rows = [];
        for await (const slice of who.items.rows(ctx, folderId)) rows.push(...slice.map((row) => row.subject));
        const changes = (await who.items.changes(ctx, folderId, 0 as never)).changed.map((row) => row.subject);
        const uids = [...(await who.uids(ctx, folderId)).uids];
        const listed = (await allRows(who, folderId)).map((row) => row.uid);
        const flags = [];
        for await (const columns of who.flags(ctx, folderId, "all")) flags.push(...columns.uids.subarray(0, columns.count));
        const { changed } = await who.changes(ctx, folderId, 0 as never);
        assert.deepEqual([uids, listed, flags, changed.map((row) => row.uid)].map((list) => list.length),
          Array.from({ length: 4 }, () => rows.length));
        assert.equal((await who.folder(ctx, folderId)).messageCount, rows.length);
        assert.equal((await who.folders(ctx)).find((one) => one.folderId === folderId)!.unreadCount, rows.length);
        const { parentId, name } = await kim.folder(ctx, folderId);
        if (await tried(() => who.folder(ctx, parentId!)) === "y") {
          const below = await who.foldersBelow(ctx, parentId!);
          assert.equal(below.find((one) => one.folderId === folderId)!.messageCount, rows.length);
          assert.equal((await who.folderNamed(ctx, parentId!, name))!.messageCount, rows.length);
        }
        assert.equal((await who.folderTree(ctx)).folders.get(folderId)!.messageCount, rows.length);
        assert.deepEqual(changes, rows);
        return rows;
      };
      assert.deepEqual(await seenBy(kim), ["open", "closed", "of Lee"]);
      assert.deepEqual(await seenBy(lee), ["open", "of Lee"]);
      assert.equal(await tried(() => lee.items.open(ctx, closed.messageId)), "-");
      assert.equal(await lee.items.remove(ctx, [closed.messageId], "hard"), 0);
      assert.deepEqual(await lee.items.move(ctx, [closed.messageId], folderId), [null]);
      assert.equal(await tried(() => lee.items.update(ctx, { messageId: closed.messageId, set: note("x") })), "-");
      const closedRow = (await allRows(kim, folderId))[1]!;
      assert.equal(await tried(() => lee.content(ctx, closedRow.contentId)), "-");
      assert.deepEqual((await lee.copy(ctx, folderId, just(closedRow.uid), folderId)).pairs.length, 0);
      assert.equal(await tried(() => lee.items.open(ctx, mine.messageId)), "y");
      // What becomes private goes, what becomes open comes.
      const { cn } = await lee.items.changes(ctx, folderId, 0 as never);
      const uidState = (await lee.changes(ctx, folderId, 0 as never)).cn;
      await kim.items.update(ctx, { messageId: open.messageId, set: note("open", 2) });
      assert.deepEqual((await lee.items.changes(ctx, folderId, cn)).removed, [open.messageId]);
      assert.ok((await lee.changes(ctx, folderId, uidState)).vanished.length > 0);
      shared.directory.seePrivate.add(people.lee);
      shared.directory.changed();
      assert.deepEqual((await seenBy(lee)).length, 3);
      shared.directory.seePrivate.clear();
      shared.directory.rights.set(people.lee, "read");
      shared.directory.changed();
      assert.deepEqual(await seenBy(lee), ["of Lee"]);
      shared.directory.rights.set(people.lee, "full");
      shared.directory.changed();
      assert.deepEqual((await seenBy(lee)).length, 3);
      assert.equal(await tried(() => lee.subscriptions(ctx)), "y");
      shared.directory.rights.clear();
      shared.directory.changed();
      assert.equal(await tried(() => lee.subscriptions(ctx)), "n");
    });

    test("a session of another process hears of a change of rights within a second", async () => {
      const other = await backend.open("tool");
      const elsewhere = await openMailboxOf(other, shared, "lee");
      await kim.setPermission(ctx, room, people.lee, 0x401);
      const until = Date.now() + 1500;
      while (Date.now() < until && await tried(() => elsewhere.uids(ctx, room)) !== "y") await pause(20);
      assert.equal(await tried(() => elsewhere.uids(ctx, room)), "y");
      await kim.setPermission(ctx, room, people.lee, null);
      const end = Date.now() + 1500;
      while (Date.now() < end && await tried(() => elsewhere.uids(ctx, room)) === "y") await pause(20);
      assert.equal(await tried(() => elsewhere.uids(ctx, room)), "-");
      await other.close();
    });
  });
}

const pause = (delayMs: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, delayMs));
