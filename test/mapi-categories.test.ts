/**
 * Proves categories of tables over real HTTPS: rows of categories with their counts, opening and closing, order by the
 * greatest value, state that outlives the table, events, and refusals. [MS-OXCTABL] 2.2.2.3, 2.2.2.17 to 2.2.2.20
 */
import { strict as assert } from "node:assert";
import { after, before, test } from "node:test";
import { propertySets } from "#props/property-sets.ts";
import { makeTag } from "#props/types.ts";
import type { PropertyTag } from "#props/types.ts";
import { tableEvents } from "#wire/mapi/notification.ts";
import * as messages from "#wire/mapi/rops/messages.ts";
import * as properties from "#wire/mapi/rops/properties.ts";
import * as tables from "#wire/mapi/rops/tables.ts";
import { MailboxClient, startServer, tags, text } from "./support/mapi-mailbox.ts";
import type { TestServer } from "./support/server.ts";

let server: TestServer;
let alice: MailboxClient;
let inbox = 0;

const from = text(0x0042);
const rowType = makeTag(0x0ff5, "Integer32");
const depth = makeTag(0x3005, "Integer32");
const count = makeTag(0x3602, "Integer32");
const instId = makeTag(0x674d, "Integer64");
const importance = makeTag(0x0017, "Integer32");
const columns = [rowType, depth, from, tags.subject, count, instId];
const notFound = 0x8004_010f;

async function save(sender: string, subject: string, level = 1): Promise<void> {
  const made = await alice.create("inbox", [
    [tags.subject, subject], [tags.messageClass, "IPM.Note"], [from, sender], [importance, level],
    [text(0x0064), "SMTP"], [text(0x0065), `${sender}@there.test`],
  ]);
  await alice.save(made);
}

before(async () => {
  server = await startServer(["alice"]);
  alice = await MailboxClient.open(server, "alice");
  inbox = await alice.openFolder("inbox");
  for (const [sender, subject, level] of [["Zoe", "z1", 2], ["Ann", "a2", 0], ["Ann", "a1", 1], ["zoe", "z2", 1]] as const) {
    await save(sender, subject, level);
  }
});
after(async () => {
  await alice?.disconnect();
  await server?.dispose();
});

const order = (id: number, type: number, kind = 0): object => ({ propertyType: type, propertyId: id, order: kind });
const bySender = order(0x0042, 0x1f);
const bySubject = order(0x0037, 0x1f);

async function open(sortOrders: readonly object[], categoryCount: number, expandedCount: number): Promise<number> {
  const table = await alice.contents(inbox, columns);
  await alice.session.must(tables.RopSortTable, table, { sortTableFlags: 0, categoryCount, expandedCount, sortOrders });
  return table;
}

async function shown(table: number): Promise<string[]> {
  await alice.session.must(tables.RopSeekRow, table, { origin: 0, rowCount: 0, wantRowMovedCount: false });
  return (await alice.rows(table, columns)).map(([type, level, sender, subject, rows]) =>
    (type === 1 ? `${String(level)} ${String(subject)}` : `${String(level)} ${type === 3 ? "-" : "+"}${String(sender)} ${String(rows)}`));
}

async function idsOf(table: number): Promise<bigint[]> {
  await alice.session.must(tables.RopSeekRow, table, { origin: 0, rowCount: 0, wantRowMovedCount: false });
  return (await alice.rows(table, columns)).filter((row) => row[0] !== 1).map((row) => row[5] as bigint);
}

test("closed categories, one opened and closed, its rows told", async () => {
  const table = await open([bySender, bySubject], 1, 0);
  assert.deepEqual(await shown(table), ["0 +Ann 2", "0 +Zoe 2"]);
  const [ann] = await idsOf(table);
  const { body } = await alice.session.must(tables.RopExpandRow, table, { maxRowCount: 1, categoryId: BigInt.asUintN(64, ann!) },
    { columns });
  assert.equal(body.expandedRowCount, 2);
  assert.deepEqual(body.rowData.map((row) => row[3]), ["a1"]);
  assert.deepEqual(await shown(table), ["0 -Ann 2", "1 a1", "1 a2", "0 +Zoe 2"]);
  const again = await alice.session.call(tables.RopExpandRow, table, { maxRowCount: 0, categoryId: BigInt.asUintN(64, ann!) },
    { columns });
  assert.equal(again.returnValue, 0x4f8);
  const { body: closed } = await alice.session.must(tables.RopCollapseRow, table, { categoryId: BigInt.asUintN(64, ann!) });
  assert.equal(closed.collapsedRowCount, 2);
  assert.equal((await alice.session.call(tables.RopCollapseRow, table, { categoryId: BigInt.asUintN(64, ann!) })).returnValue, 0x4f7);
  assert.equal((await alice.session.call(tables.RopCollapseRow, table, { categoryId: 77n })).returnValue, notFound);
});

test("two levels, all open; a greatest value orders the categories", async () => {
  const deep = await open([bySender, order(0x0017, 0x03, 1), bySubject], 2, 2);
  assert.deepEqual(await shown(deep), [
    "0 -Ann 2", "1 -Ann 1", "2 a1", "1 -Ann 1", "2 a2", "0 -Zoe 2", "1 -Zoe 1", "2 z1", "1 -Zoe 1", "2 z2",
  ]);
  const greatest = await open([bySender, order(0x0017, 0x03, 4), bySubject], 1, 1);
  assert.deepEqual(await shown(greatest), ["0 -Zoe 2", "1 z1", "1 z2", "0 -Ann 2", "1 a1", "1 a2"]);
});

test("what is open comes back from a state, in another table", async () => {
  const table = await open([bySender, bySubject], 1, 0);
  const [, zoe] = await idsOf(table);
  await alice.session.must(tables.RopExpandRow, table, { maxRowCount: 0, categoryId: BigInt.asUintN(64, zoe!) }, { columns });
  const { body } = await alice.session.must(tables.RopGetCollapseState, table,
    { rowId: BigInt.asUintN(64, zoe!), rowInstanceNumber: 0 });
  const other = await open([bySender, bySubject], 1, 0);
  const { body: told } = await alice.session.must(tables.RopSetCollapseState, other, { collapseState: body.collapseState });
  assert.deepEqual(await shown(other), ["0 +Ann 2", "0 -Zoe 2", "1 z1", "1 z2"]);
  await alice.session.must(tables.RopSeekRowBookmark, other, { bookmark: told.bookmark, rowCount: 0, wantRowMovedCount: false });
  const { body: place } = await alice.session.must(tables.RopQueryPosition, other);
  assert.deepEqual(place, { numerator: 1, denominator: 4 });
  assert.equal((await alice.session.call(tables.RopSetCollapseState, other, { collapseState: Buffer.alloc(3) })).returnValue,
    0x8007_0057);
});

test("a message that comes changes its category's row, or brings a new one", async () => {
  const table = await open([bySender, bySubject], 1, 0);
  await shown(table);
  await alice.session.events();
  await save("Ann", "a3");
  await save("Mia", "m1");
  const events = (await alice.session.events()).filter(({ handle }) => handle === table)
    .map(({ data }) => [data.tableEventType, data.rowData?.[2], data.rowData?.[4]]);
  assert.deepEqual(events, [[tableEvents.rowModified, "Ann", 3], [tableEvents.rowAdded, "Mia", 1]]);
  assert.deepEqual(await shown(table), ["0 +Ann 3", "0 +Mia 1", "0 +Zoe 2"]);
});

test("refusals", async () => {
  const table = await alice.contents(inbox, columns);
  for (const [request, code] of [
    [{ sortOrders: [bySender], categoryCount: 2, expandedCount: 0 }, 0x8007_0057],
    [{ sortOrders: [bySender], categoryCount: 1, expandedCount: 2 }, 0x8007_0057],
    [{ sortOrders: [order(0x0042, 0x1f, 4)], categoryCount: 0, expandedCount: 0 }, 0x8007_0057],
    [{ sortOrders: [order(0x0042, 0x1f, 9)], categoryCount: 0, expandedCount: 0 }, 0x8004_0117],
  ] as const) {
    assert.equal((await alice.session.call(tables.RopSortTable, table, { sortTableFlags: 0, ...request })).returnValue, code);
  }
  assert.equal((await alice.session.call(tables.RopCollapseRow, table, { categoryId: 1n })).returnValue, 0x8004_0102);
});

const keywordsName = { guid: propertySets.PS_PUBLIC_STRINGS.guid, id: "Keywords" };

/** [MS-OXCTABL] 2.2.2.2, 2.2.2.3: a message with several values stands once for each. */
test("values of a property one by one: rows, order, categories, restrictions, keys, events", async () => {
  const { session } = alice;
  const { body: ids } = await session.must(properties.RopGetPropertyIdsFromNames, alice.logon, {
    flags: 2, propertyNames: [keywordsName],
  });
  const [id] = ids.propertyIds;
  const keywords = makeTag(id!, "MultipleString");
  const [one, narrow] = [(keywords + 0x2000) as PropertyTag, (keywords + 0x1fff) as PropertyTag];
  const sent = await alice.openFolder("sentItems");
  const keep = async (subject: string, words: readonly string[]): Promise<number> => {
    const made = await alice.create("sentItems", [[tags.subject, subject], [tags.messageClass, "IPM.Note"]]);
    if (words.length > 0) await alice.set(made, [[keywords, words]]);
    await alice.save(made);
    return made;
  };
  await keep("m1", ["Red", "Blue", "red"]);
  await keep("m2", ["Blue"]);
  const m3 = await keep("m3", []);
  const instance = makeTag(0x674e, "Integer32");
  const instanceKey = makeTag(0x0ff6, "Binary");
  const shownColumns = [tags.subject, one, narrow, keywords, instance, instanceKey, tags.mid];
  const table = await alice.contents(sent, shownColumns);
  await session.must(tables.RopSortTable, table,
    { sortTableFlags: 0, categoryCount: 0, expandedCount: 0, sortOrders: [order(id!, 0x301f), order(0x0037, 0x1f)] });
  const rows = await alice.rows(table, shownColumns);
  assert.deepEqual(rows.map((row) => row.slice(0, 2).map((cell) => (typeof cell === "string" ? cell : null))),
    [["m3", null], ["m1", "Blue"], ["m2", "Blue"], ["m1", "Red"]]);
  assert.deepEqual(rows[1]!.slice(2, 5), [Buffer.from("Blue"), ["Red", "Blue", "red"], 1]);
  assert.equal(rows[3]![4], 0);
  assert.equal(new Set(rows.map((row) => Buffer.from(row[5] as Uint8Array).toString("hex"))).size, 4);
  assert.equal(rows[1]![6], rows[3]![6]);
  const { body: where } = await session.must(tables.RopQueryPosition, table);
  assert.equal(where.denominator, 4);
  await alice.set(m3, [[keywords, ["Cyan", "Amber"]]]);
  await session.must(messages.RopSaveChangesMessage, m3, { saveFlags: 0x0a });
  const events = (await session.events()).filter(({ handle }) => handle === table);
  assert.deepEqual(events.map(({ data }) => [data.tableEventType, data.rowInstance, data.rowData?.[1]]),
    [[tableEvents.rowAdded, 1, "Amber"], [tableEvents.rowModified, 0, "Cyan"]]);
  assert.equal(events[1]!.data.insertAfterInstance, 0);
  await session.must(tables.RopRestrict, table, { restrictFlags: 0, restrictionData: {
    restrictType: 3, fuzzyLevelLow: 0, fuzzyLevelHigh: 1, propertyTag: one, taggedValue: { tag: tags.subject, value: "BLUE" },
  } });
  assert.deepEqual((await alice.rows(table, shownColumns)).map((row) => row.slice(0, 2)), [["m1", "Blue"], ["m2", "Blue"]]);
  await session.must(tables.RopRestrict, table, { restrictFlags: 0, restrictionData: null });
  const byWord = [rowType, count, one, tags.subject];
  await session.must(tables.RopSetColumns, table, { setColumnsFlags: 0, propertyTags: byWord });
  await session.must(tables.RopSortTable, table,
    { sortTableFlags: 0, categoryCount: 1, expandedCount: 1, sortOrders: [order(id!, 0x301f), order(0x0037, 0x1f)] });
  assert.deepEqual((await alice.rows(table, byWord)).map((row) => (row[0] === 1 ? row[3] : `${String(row[2])} ${String(row[1])}`)),
    ["Amber 1", "m3", "Blue 2", "m1", "m2", "Cyan 1", "m3", "Red 1", "m1"]);
  // A table that is not told so shows each message once.
  const plain = await alice.contents(sent, [tags.subject, keywords]);
  assert.equal((await alice.rows(plain, [tags.subject, keywords])).length, 3);
});
