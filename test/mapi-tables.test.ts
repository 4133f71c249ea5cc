/**
 * Proves over real HTTPS which ROP is for which table and what each waits for, columns and orders that are refused,
 * places and directions of reading, bookmarks and what ends them, and how long values are cut. Codes are those of
 * [MS-OXCTABL] 3.2.5, and where servers may differ those of Exchange 2019.
 */
import { strict as assert } from "node:assert";
import { after, before, test } from "node:test";
import { makeTag, propertyTag } from "#props/types.ts";
import type { PropertyTag } from "#props/types.ts";
import type { Restriction } from "#props/structures.ts";
import type { Rop } from "#wire/mapi/rop.ts";
import * as folders from "#wire/mapi/rops/folders.ts";
import * as messages from "#wire/mapi/rops/messages.ts";
import * as permissions from "#wire/mapi/rops/permissions.ts";
import * as rules from "#wire/mapi/rops/rules.ts";
import { RopRelease } from "#wire/mapi/rops/sessions.ts";
import * as tables from "#wire/mapi/rops/tables.ts";
import type { CellError } from "#wire/mapi/rows.ts";
import { MailboxClient, startServer, tags, text } from "./support/mapi-mailbox.ts";
import type { TestServer } from "./support/server.ts";

const codes = {
  ok: 0, nullObject: 0x4b9, notSupported: 0x8004_0102, notFound: 0x8004_010f, invalidParameter: 0x8007_0057,
  invalidBookmark: 0x8004_0405, unableToAbort: 0x8004_0114, notCollapsed: 0x4f8, notExpanded: 0x4f7, tooComplex: 0x8004_0117,
} as const;
type Code = keyof typeof codes;

let server: TestServer;
let alice: MailboxClient;
let inbox = 0;
/** A folder with four messages, a, b, c and d, and two folders. */
let filled = 0;

const subject = tags.subject;
const instance = [makeTag(0x674d, "Integer64"), makeTag(0x674e, "Integer32")];
const bySubject = { propertyType: 0x1f, propertyId: 0x0037, order: 0 };
const startsWith = (letters: string): Restriction => ({
  restrictType: 3, fuzzyLevelLow: 2, fuzzyLevelHigh: 1, propertyTag: subject, taggedValue: { tag: subject, value: letters },
});
const exists = (tag: PropertyTag): Restriction => ({ restrictType: 8, propertyTag: tag });
const noBookmark = new Uint8Array(0);

before(async () => {
  server = await startServer(["alice"]);
  alice = await MailboxClient.open(server, "alice");
  inbox = await alice.openFolder("inbox");
  const make = async (parent: number, displayName: string): Promise<{ handle: number; id: { replicaId: number; counter: number } }> => {
    const { opened, body } = await alice.session.must(folders.RopCreateFolder, parent,
      { folderType: 1, useUnicodeStrings: true, openExisting: false, displayName, comment: "" });
    return { handle: opened, id: body.folderId };
  };
  const { handle, id } = await make(inbox, "Filled");
  filled = handle;
  for (const name of ["One", "Two"]) await make(filled, name);
  for (const letter of ["a", "b", "c", "d"]) {
    const { opened } = await alice.session.must(messages.RopCreateMessage, alice.logon, { codePageId: 0x0fff, folderId: id, associatedFlag: false });
    await alice.set(opened, [[subject, letter], [tags.messageClass, "IPM.Note"], [text(0x1000), "long ".repeat(400)]]);
    await alice.save(opened);
  }
  await alice.session.must(rules.RopModifyRules, filled, { modifyRulesFlags: 0, rulesData: [1, 2].map((place) => ({
    ruleDataFlags: 1, propertyValues: [{ tag: makeTag(0x6676, "Integer32"), value: place }, { tag: text(0x6682), value: `rule ${place}` },
      { tag: text(0x6681), value: "me" }],
  })) });
});
after(async () => {
  await alice?.disconnect();
  await server?.dispose();
});

const opening = {
  contents: () => alice.session.must(folders.RopGetContentsTable, filled, { tableFlags: 0 }),
  hierarchy: () => alice.session.must(folders.RopGetHierarchyTable, filled, { tableFlags: 0 }),
  rules: () => alice.session.must(rules.RopGetRulesTable, filled, { tableFlags: 0x40 }),
  permissions: () => alice.session.must(permissions.RopGetPermissionsTable, filled, { tableFlags: 0 }),
  attachments: async () => alice.session.must(messages.RopGetAttachmentTable, await alice.create("inbox", [[subject, "x"]]), { tableFlags: 0 }),
} as const;
type Kind = keyof typeof opening;
const kinds = Object.keys(opening) as Kind[];
const shownBy: Record<Kind, readonly PropertyTag[]> = {
  contents: [subject, ...instance], hierarchy: [text(0x3001)], rules: [text(0x6682)], permissions: [text(0x6672)], attachments: [makeTag(0x0e21, "Integer32")],
};

async function open(kind: Kind, columns: readonly PropertyTag[] | null = shownBy[kind]): Promise<number> {
  const { opened } = await opening[kind]();
  if (columns !== null) await alice.session.must(tables.RopSetColumns, opened, { setColumnsFlags: 0, propertyTags: columns });
  return opened;
}

async function codeOf(rop: Rop, table: number, request: Record<string, unknown>, columns: readonly PropertyTag[] = []): Promise<Code | string> {
  const { returnValue } = await alice.session.call(rop, table, request, { columns });
  return (Object.keys(codes) as Code[]).find((name) => codes[name] === returnValue) ?? returnValue.toString(16);
}

const acts: Record<string, readonly [Rop, Record<string, unknown>]> = {
  setColumns: [tables.RopSetColumns, { setColumnsFlags: 0, propertyTags: [subject] }],
  sort: [tables.RopSortTable, { sortTableFlags: 0, categoryCount: 0, expandedCount: 0, sortOrders: [bySubject] }],
  restrict: [tables.RopRestrict, { restrictFlags: 0, restrictionData: null }],
  queryRows: [tables.RopQueryRows, { queryRowsFlags: 0, forwardRead: true, rowCount: 10 }],
  queryPosition: [tables.RopQueryPosition, {}],
  seekRow: [tables.RopSeekRow, { origin: 0, rowCount: 0, wantRowMovedCount: true }],
  seekFraction: [tables.RopSeekRowFractional, { numerator: 1, denominator: 2 }],
  queryColumnsAll: [tables.RopQueryColumnsAll, {}],
  getStatus: [tables.RopGetStatus, {}],
  abort: [tables.RopAbort, {}],
  createBookmark: [tables.RopCreateBookmark, {}],
  freeBookmark: [tables.RopFreeBookmark, { bookmark: Buffer.from([9, 9, 9, 9]) }],
  seekBookmark: [tables.RopSeekRowBookmark, { bookmark: Buffer.from([9, 9, 9, 9]), rowCount: 1, wantRowMovedCount: true }],
  find: [tables.RopFindRow, { findRowFlags: 0, restrictionData: exists(makeTag(0x7ffe, "Integer32")), origin: 0, bookmark: noBookmark }],
  expand: [tables.RopExpandRow, { maxRowCount: 0, categoryId: 1n }],
  collapse: [tables.RopCollapseRow, { categoryId: 1n }],
  getCollapseState: [tables.RopGetCollapseState, { rowId: 1n, rowInstanceNumber: 0 }],
  setCollapseState: [tables.RopSetCollapseState, { collapseState: Buffer.alloc(16) }],
  reset: [tables.RopResetTable, {}],
};

const everywhere = ["setColumns", "queryRows", "queryPosition", "seekRow", "seekFraction", "queryColumnsAll", "getStatus"];
const notOn: Record<Kind, readonly string[]> = {
  contents: [],
  hierarchy: ["sort", "expand", "collapse", "getCollapseState", "setCollapseState", "reset"],
  rules: ["sort", "expand", "collapse", "getCollapseState", "setCollapseState", "reset", "abort", "createBookmark", "freeBookmark", "seekBookmark"],
  permissions: Object.keys(acts).filter((name) => !everywhere.includes(name)),
  attachments: Object.keys(acts).filter((name) => !everywhere.includes(name)),
};

test("which ROP is for which table", async () => {
  for (const kind of kinds) {
    for (const [name, [rop, request]] of Object.entries(acts)) {
      const table = await open(kind);
      const code = await codeOf(rop, table, request, shownBy[kind]);
      assert.equal(code === "notSupported", notOn[kind].includes(name) || (kind === "contents" && /xpand|ollapse/.test(name)),
        `${name} of a table of ${kind}: ${code}`);
      alice.session.release(table);
    }
  }
});

test("what waits for columns, and what does not", async () => {
  const waiting = ["queryRows", "find", "freeBookmark", "seekBookmark", "expand", "collapse", "getCollapseState", "setCollapseState"];
  for (const [name, [rop, request]] of Object.entries(acts)) {
    const code = await codeOf(rop, await open("contents", null), request);
    assert.equal(code === "nullObject", waiting.includes(name), `${name}: ${code}`);
  }
  // A table that was reset is as new.
  const table = await open("contents");
  const { body } = await alice.session.must(tables.RopCreateBookmark, table);
  await alice.session.must(tables.RopResetTable, table);
  assert.equal(await codeOf(tables.RopFreeBookmark, table, body), "nullObject");
  await alice.session.must(tables.RopSetColumns, table, { setColumnsFlags: 0, propertyTags: [subject] });
  assert.equal(await codeOf(tables.RopFreeBookmark, table, body), "invalidBookmark");
});

test("columns that are refused leave none, and the place stays", async () => {
  const table = await open("contents");
  await alice.rows(table, shownBy.contents, 3);
  for (const type of [0x0000, 0x000a, 0x0057, 0x1000, 0x100d, 0x300a]) {
    assert.equal(await codeOf(tables.RopSetColumns, table, { setColumnsFlags: 0, propertyTags: [propertyTag(0x8007_0000 + type)] }), "invalidParameter", type.toString(16));
    assert.equal(await codeOf(tables.RopQueryRows, table, acts["queryRows"]![1]), "nullObject");
  }
  await alice.session.must(tables.RopSetColumns, table, { setColumnsFlags: 1, propertyTags: [subject] });
  assert.deepEqual(await alice.rows(table, [subject]), [["d"]]);
});

test("an order that is refused leaves none; so does a restriction", async () => {
  const table = await open("contents");
  await alice.session.must(tables.RopSortTable, table, { sortTableFlags: 1, categoryCount: 0, expandedCount: 0, sortOrders: [{ ...bySubject, order: 1 }] });
  assert.deepEqual((await alice.rows(table, shownBy.contents, 1))[0]![0], "d");
  assert.equal(await codeOf(tables.RopSortTable, table, { sortTableFlags: 0, categoryCount: 2, expandedCount: 0, sortOrders: [bySubject] }), "invalidParameter");
  assert.deepEqual((await alice.rows(table, shownBy.contents)).map(([one]) => one), ["a", "b", "c", "d"]);
  await alice.session.must(tables.RopRestrict, table, { restrictFlags: 1, restrictionData: startsWith("B") });
  assert.deepEqual((await alice.rows(table, shownBy.contents)).map(([one]) => one), ["b"]);
  const unknown: Restriction = { restrictType: 4, relOp: 6, propertyTag: subject, taggedValue: { tag: subject, value: "b" } };
  assert.equal(await codeOf(tables.RopRestrict, table, { restrictFlags: 0, restrictionData: unknown }), "tooComplex");
  assert.equal((await alice.rows(table, shownBy.contents)).length, 4);
});

async function read(table: number, rowCount: number, forwardRead = true, queryRowsFlags = 0): Promise<string> {
  const { body } = await alice.session.must(tables.RopQueryRows, table, { queryRowsFlags, forwardRead, rowCount }, { columns: shownBy.contents });
  return `${body.rowData.map(([one]) => one as string).join("")} ${body.origin}`;
}

async function place(table: number): Promise<string> {
  const { body } = await alice.session.must(tables.RopQueryPosition, table);
  return `${body.numerator}/${body.denominator}`;
}

test("reading forwards and backwards: rows, origin, place", async () => {
  const table = await open("contents");
  const steps: readonly (readonly [Parameters<typeof read>[1], boolean, number, string, string])[] = [
    [3, true, 0, "abc 1", "3/4"], [3, true, 1, "d 2", "3/4"], [3, true, 0, "d 2", "4/4"], [3, true, 0, " 2", "4/4"],
    [3, false, 0, "dcb 1", "1/4"], [3, false, 1, "a 2", "1/4"], [3, false, 0, "a 2", "0/4"], [3, false, 0, " 2", "0/4"],
    [0, true, 0, " 1", "0/4"], [2, true, 1, "ab 1", "0/4"],
  ];
  for (const [index, [count, forward, flags, shown, at]] of steps.entries()) {
    assert.equal(await read(table, count, forward, flags), shown, `step ${index}`);
    assert.equal(await place(table), at, `step ${index}`);
  }
});

test("seeking: by rows from each origin, by fractions, from bookmarks", async () => {
  const table = await open("contents");
  const steps: readonly (readonly [number, number, boolean, number, string])[] = [
    [0, 4, false, 4, "4/4"], [0, 5, true, 4, "4/4"], [2, -5, true, -4, "0/4"], [2, 1, true, 0, "4/4"], [0, -1, true, 0, "0/4"],
    [1, 2, false, 2, "2/4"], [1, -1, false, -1, "1/4"], [1, 0, false, 0, "1/4"],
  ];
  for (const [origin, rowCount, hasSoughtLess, rowsSought, at] of steps) {
    const { body } = await alice.session.must(tables.RopSeekRow, table, { origin, rowCount, wantRowMovedCount: true });
    assert.deepEqual({ ...body, at: await place(table) }, { hasSoughtLess, rowsSought, at });
  }
  for (const [numerator, denominator, at] of [[1, 2, "2/4"], [0, 2, "0/4"], [3, 2, "4/4"], [2, 2, "4/4"], [0xffff_ffff, 0xffff_ffff, "4/4"]] as const) {
    await alice.session.must(tables.RopSeekRowFractional, table, { numerator, denominator });
    assert.equal(await place(table), at);
  }
  assert.equal(await codeOf(tables.RopSeekRowFractional, table, { numerator: 1, denominator: 0 }), "invalidBookmark");
  await alice.session.must(tables.RopSeekRow, table, { origin: 0, rowCount: 2, wantRowMovedCount: false });
  const { body: { bookmark } } = await alice.session.must(tables.RopCreateBookmark, table);
  for (const [rowCount, hasSoughtLess, rowsSought] of [[2, false, 2], [5, true, 2], [-3, true, -2], [0, false, 0]] as const) {
    const { body } = await alice.session.must(tables.RopSeekRowBookmark, table, { bookmark, rowCount, wantRowMovedCount: true });
    assert.deepEqual(body, { rowNoLongerVisible: false, hasSoughtLess, rowsSought });
  }
});

test("finding: both ways, from each origin and a bookmark; the row is told in the columns of the table", async () => {
  const table = await open("contents");
  const find = async (letters: string, origin: number, findRowFlags = 0, bookmark: Uint8Array = noBookmark): Promise<string> => {
    const done = await alice.session.call(tables.RopFindRow, table, { findRowFlags, restrictionData: startsWith(letters), origin, bookmark },
      { columns: shownBy.contents });
    return done.returnValue === 0 ? `${done.body.rowData?.[0] as string} ${await place(table)}` : done.returnValue.toString(16);
  };
  const { body: { bookmark } } = await alice.session.must(tables.RopCreateBookmark, table);
  assert.equal(await find("c", 0), "c 2/4");
  assert.equal(await find("a", 1), "8004010f");
  assert.equal(await find("c", 1), "c 2/4", "the row it stands on counts");
  assert.equal(await find("a", 1, 1), "a 0/4");
  assert.equal(await find("d", 2, 1), "d 3/4");
  assert.equal(await find("d", 2), "8004010f");
  assert.equal(await find("b", 3, 0, bookmark), "b 1/4");
  assert.equal(await find("b", 3, 0, Buffer.from([1])), "80040405");
});

test("sorting, restricting and resetting end bookmarks, and go back to the beginning", async () => {
  for (const act of ["sort", "restrict", "reset"] as const) {
    const table = await open("contents");
    await alice.rows(table, shownBy.contents, 2);
    const { body: { bookmark } } = await alice.session.must(tables.RopCreateBookmark, table);
    await alice.session.must(acts[act]![0], table, acts[act]![1]);
    assert.equal(await place(table), "0/4");
    await alice.session.must(tables.RopSetColumns, table, { setColumnsFlags: 0, propertyTags: shownBy.contents });
    assert.equal(await codeOf(tables.RopSeekRowBookmark, table, { bookmark, rowCount: 1, wantRowMovedCount: true }), "invalidBookmark", act);
    assert.equal(await codeOf(tables.RopFindRow, table, { findRowFlags: 0, restrictionData: startsWith("a"), origin: 3, bookmark }, shownBy.contents), "invalidBookmark", act);
    assert.equal(await codeOf(tables.RopFreeBookmark, table, { bookmark }), "invalidBookmark", act);
  }
});

test("a bookmark of a row that is gone is told so, where the row was", async () => {
  const made = await alice.create("inbox", [[subject, "goes"], [tags.messageClass, "IPM.Note"]]);
  const messageId = await alice.save(made);
  const table = await alice.contents(inbox, [subject]);
  await alice.session.must(tables.RopSeekRow, table, { origin: 2, rowCount: -1, wantRowMovedCount: false });
  const { body: { bookmark } } = await alice.session.must(tables.RopCreateBookmark, table);
  await alice.session.must(folders.RopHardDeleteMessages, inbox, { wantAsynchronous: false, notifyNonRead: false, messageIds: [messageId] });
  const { body } = await alice.session.must(tables.RopSeekRowBookmark, table, { bookmark, rowCount: 0, wantRowMovedCount: true });
  assert.equal(body.rowNoLongerVisible, true);
});

test("asking for work in the background changes nothing: it is done when it is answered", async () => {
  for (const kind of ["contents", "hierarchy", "rules"] as const) {
    const table = await open(kind, null);
    for (const [rop, request] of [
      [tables.RopSetColumns, { setColumnsFlags: 1, propertyTags: shownBy[kind] }], [tables.RopRestrict, { restrictFlags: 1, restrictionData: null }],
      [tables.RopGetStatus, {}],
    ] as const) {
      assert.equal((await alice.session.must(rop, table, request)).body.tableStatus, 0, `${rop.name} of ${kind}`);
    }
  }
  assert.equal(await codeOf(tables.RopAbort, await open("contents"), {}), "unableToAbort");
});

test("values are cut: text to 255 letters, bytes to 510; what is not there says so beside the others", async () => {
  const columns = [text(0x1000), makeTag(0x1000, "String8"), makeTag(0x3602, "Integer32")];
  const table = await open("contents", columns);
  const [row] = await alice.rows(table, columns, 1);
  assert.equal((row![0] as string).length, 255);
  assert.ok((row![1] as Uint8Array).length <= 510);
  assert.equal((row![2] as CellError).code, codes.notFound, "a message has no count");
  const { body } = await alice.session.must(tables.RopFindRow, table, { findRowFlags: 0, restrictionData: startsWith("b"), origin: 0, bookmark: noBookmark }, { columns });
  assert.equal((body.rowData![0] as string).length, 255);
});

test("a handle that was given back is no table", async () => {
  const table = await open("contents");
  const { body: { bookmark } } = await alice.session.must(tables.RopCreateBookmark, table);
  await alice.session.execute([{ rop: RopRelease, request: { inputHandleIndex: 0 } }], [table]);
  assert.equal(await codeOf(tables.RopSeekRowBookmark, table, { bookmark, rowCount: 0, wantRowMovedCount: true }), "nullObject");
  assert.deepEqual(server.errors(), []);
});
