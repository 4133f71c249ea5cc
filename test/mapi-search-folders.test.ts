/** Proves search folders over real HTTPS: made, told what to find, live as mail comes and changes, and refusals. [MS-OXCFOLD] */
import { strict as assert } from "node:assert";
import { after, before, test } from "node:test";
import type { ShortTermId } from "#props/object-ids.ts";
import { propertySets } from "#props/property-sets.ts";
import { makeTag } from "#props/types.ts";
import { notificationTypes, tableEvents } from "#wire/mapi/notification.ts";
import * as folders from "#wire/mapi/rops/folders.ts";
import * as messages from "#wire/mapi/rops/messages.ts";
import * as notifications from "#wire/mapi/rops/notifications.ts";
import * as properties from "#wire/mapi/rops/properties.ts";
import * as tables from "#wire/mapi/rops/tables.ts";
import { MailboxClient, idFrom, logonPlaces, startServer, tags } from "./support/mapi-mailbox.ts";
import type { TestServer } from "./support/server.ts";

let server: TestServer;
let alice: MailboxClient;

before(async () => {
  server = await startServer(["alice"]);
  alice = await MailboxClient.open(server, "alice");
});
after(async () => {
  await alice?.disconnect();
  await server?.dispose();
});

const content = (value: string): Record<string, unknown> => ({
  restrictType: 3, fuzzyLevelLow: 1, fuzzyLevelHigh: 1, propertyTag: tags.subject,
  taggedValue: { tag: tags.subject, value },
});
const criteria = (value: string, searchFlags = 0x06): Record<string, unknown> => ({
  restrictionData: content(value), folderIds: [alice.folderIds[logonPlaces.ipmSubtree]], searchFlags,
});

async function save(place: "inbox" | "sentItems", subject: string): Promise<number> {
  const made = await alice.create(place, [[tags.subject, subject], [tags.messageClass, "IPM.Note"]]);
  await alice.save(made);
  return made;
}

test("a search folder finds what is there, and goes on finding", async () => {
  const root = await alice.openFolder("root");
  const { opened: search } = await alice.session.must(folders.RopCreateFolder, root, {
    folderType: 2, useUnicodeStrings: true, openExisting: false, displayName: "Found", comment: "",
  });
  const ask = { useUnicode: true, includeRestriction: true, includeFolders: true };
  assert.equal((await alice.session.call(folders.RopGetSearchCriteria, search, ask)).returnValue, 0x8004_0605);
  await save("inbox", "a needle here");
  await save("inbox", "hay");
  await alice.session.must(notifications.RopRegisterNotification, alice.logon,
    { notificationTypes: notificationTypes.searchComplete, wantWholeStore: true });
  await alice.session.must(folders.RopSetSearchCriteria, search, criteria("NEEDLE"));
  const told = await alice.session.events();
  assert.ok(told.some(({ data }) => (data.notificationFlags & 0xfff) === notificationTypes.searchComplete));
  const { body } = await alice.session.must(folders.RopGetSearchCriteria, search, ask);
  assert.deepEqual([body.restrictionData, body.folderIds, body.searchFlags],
    [content("NEEDLE"), [alice.folderIds[logonPlaces.ipmSubtree]], 0x1005]);
  const columns = [tags.subject];
  const table = await alice.contents(search, columns);
  assert.deepEqual(await alice.rows(table, columns), [["a needle here"]]);
  const second = await save("sentItems", "needle two");
  const added = (await alice.session.events()).find(({ data }) => data.tableEventType === tableEvents.rowAdded);
  assert.equal(added?.data.rowData?.[0], "needle two");
  assert.deepEqual(added?.data.rowFolderId, alice.folderIds[logonPlaces.sentItems]);
  await alice.set(second, [[tags.subject, "changed"]]);
  await alice.session.must(messages.RopSaveChangesMessage, second, { saveFlags: 0x0a });
  assert.ok((await alice.session.events()).some(({ data }) => data.tableEventType === tableEvents.rowDeleted));
  await alice.session.must(folders.RopSetSearchCriteria, search, criteria("changed"));
  const again = await alice.contents(search, columns);
  assert.deepEqual(await alice.rows(again, columns), [["changed"]]);
});

test("refusals: a folder of messages, a search without folders, what cannot be tested", async () => {
  const inbox = await alice.openFolder("inbox");
  assert.equal((await alice.session.call(folders.RopSetSearchCriteria, inbox, criteria("x"))).returnValue, 0x461);
  const root = await alice.openFolder("root");
  const { opened: search } = await alice.session.must(folders.RopCreateFolder, root, {
    folderType: 2, useUnicodeStrings: true, openExisting: false, displayName: "Other", comment: "",
  });
  for (const [request, code] of [
    [{ restrictionData: content("x"), folderIds: [], searchFlags: 2 }, 0x8004_0605],
    [{ ...criteria("x"), folderIds: [{ replicaId: 1, counter: 0x7fff_ffff }] }, 0x8004_010f],
    [{ ...criteria("x"), restrictionData: {
      restrictType: 4, relOp: 6, propertyTag: tags.subject, taggedValue: { tag: tags.subject, value: "x" },
    } }, 0x8004_0117],
  ] as const) {
    assert.equal((await alice.session.call(folders.RopSetSearchCriteria, search, request)).returnValue, code);
  }
});

const contentCount = makeTag(0x3602, "Integer32");
const unreadCount = makeTag(0x3603, "Integer32");

async function newSearch(name: string): Promise<{ handle: number; folderId: ShortTermId }> {
  const finder = await alice.openFolder("finder");
  const { opened, body } = await alice.session.must(folders.RopCreateFolder, finder, {
    folderType: 2, useUnicodeStrings: true, openExisting: false, displayName: name, comment: "",
  });
  return { handle: opened, folderId: body.folderId };
}

test("counts are right when they are asked for, stay so, and are told", async () => {
  const { handle: search, folderId } = await newSearch("Counted");
  await alice.session.must(folders.RopSetSearchCriteria, search, criteria("counted"));
  const sub = await alice.session.must(notifications.RopRegisterNotification, alice.logon,
    { notificationTypes: 0x7f, wantWholeStore: false, folderId, messageId: { replicaId: 0, counter: 0 } });
  assert.deepEqual(await alice.get(search, [contentCount, unreadCount]), [0, 0]);
  const finder = await alice.openFolder("finder");
  const { opened: table } = await alice.session.must(folders.RopGetHierarchyTable, finder, { tableFlags: 4 });
  const shown = [tags.displayName, contentCount, unreadCount];
  await alice.session.must(tables.RopSetColumns, table, { setColumnsFlags: 0, propertyTags: shown });
  await alice.session.must(tables.RopRestrict, table, { restrictFlags: 0, restrictionData: {
    restrictType: 3, fuzzyLevelLow: 0, fuzzyLevelHigh: 0, propertyTag: tags.displayName, taggedValue: { tag: tags.displayName, value: "Counted" },
  } });
  assert.deepEqual(await alice.rows(table, shown), [["Counted", 0, 0]]);
  const one = await alice.create("inbox", [[tags.subject, "counted one"], [tags.messageClass, "IPM.Note"]]);
  const oneId = await alice.save(one);
  await save("sentItems", "counted two");
  await save("inbox", "another");
  const { body: marked } = await alice.session.must(messages.RopSetReadFlags, await alice.openFolder("inbox"),
    { wantAsynchronous: false, readFlags: 0x04, messageIds: [oneId] });
  assert.equal(marked.partialCompletion, false);
  assert.deepEqual(await alice.get(search, [contentCount, unreadCount]), [2, 1]);
  const told = await alice.session.events();
  const row = told.filter(({ handle }) => handle === table).at(-1)?.data;
  assert.deepEqual([row?.tableEventType, row?.rowData], [tableEvents.rowModified, ["Counted", 2, 1]]);
  const ofSearch = told.filter(({ handle }) => handle === sub.opened).map(({ data }) => data);
  const created = ofSearch.filter(({ notificationFlags: bits }) => bits === (0xc000 | notificationTypes.objectCreated));
  assert.equal(created.length, 2, JSON.stringify(ofSearch));
  assert.deepEqual(created[0]!.parentFolderId, folderId);
  assert.ok(ofSearch.some((data) => data.totalMessageCount === 2 && data.unreadMessageCount === 1));
  await alice.set(one, [[tags.subject, "not any more"]]);
  await alice.session.must(messages.RopSaveChangesMessage, one, { saveFlags: 0x0a });
  assert.deepEqual(await alice.get(search, [contentCount, unreadCount]), [1, 0]);
  assert.ok((await alice.session.events()).some(({ handle, data }) => handle === sub.opened &&
    data.notificationFlags === (0xc000 | notificationTypes.objectDeleted)));
});

test("a stopped and a static search keep what they found; restarting goes on; flags that contradict are refused", async () => {
  const columns = [tags.subject];
  const shown = async (search: number): Promise<unknown[]> => {
    const table = await alice.contents(search, columns);
    const rows = (await alice.rows(table, columns)).map(([subject]) => subject).sort();
    alice.session.release(table);
    return rows;
  };
  const { handle: search } = await newSearch("Stopped");
  await save("inbox", "frozen one");
  for (const bad of [0x03, 0x0c]) {
    assert.equal((await alice.session.call(folders.RopSetSearchCriteria, search, criteria("frozen", bad))).returnValue, 0x8007_0057);
  }
  await alice.session.must(folders.RopSetSearchCriteria, search, criteria("frozen", 0x06));
  assert.deepEqual(await shown(search), ["frozen one"]);
  await alice.session.must(folders.RopSetSearchCriteria, search, { restrictionData: null, folderIds: [], searchFlags: 0x01 });
  await save("inbox", "frozen two");
  assert.deepEqual(await shown(search), ["frozen one"]);
  const ask = { useUnicode: true, includeRestriction: true, includeFolders: true };
  const { body } = await alice.session.must(folders.RopGetSearchCriteria, search, ask);
  assert.deepEqual([body.searchFlags, body.restrictionData], [0x1004, content("frozen")]);
  await alice.session.must(folders.RopSetSearchCriteria, search, { restrictionData: null, folderIds: [], searchFlags: 0x02 });
  assert.deepEqual(await shown(search), ["frozen one", "frozen two"]);
  await alice.session.must(folders.RopSetSearchCriteria, search, criteria("frozen", 0x4_0006));
  await save("inbox", "frozen three");
  assert.deepEqual(await shown(search), ["frozen one", "frozen two"]);
  assert.equal((await alice.session.must(folders.RopGetSearchCriteria, search, ask)).body.searchFlags, 0x1_1004);
  await alice.session.must(folders.RopSetSearchCriteria, search, criteria("frozen", 0x0a));
  assert.deepEqual(await shown(search), [], "the top itself holds none, and what is below it is not looked into");
});

test("reminders and what is to do are found before a client tells how", async () => {
  const root = await alice.openFolder("root");
  const { opened: table } = await alice.session.must(folders.RopGetHierarchyTable, root, { tableFlags: 0 });
  const shown = [tags.displayName, makeTag(0x6748, "Integer64"), contentCount];
  await alice.session.must(tables.RopSetColumns, table, { setColumnsFlags: 0, propertyTags: shown });
  const counts = async (): Promise<Map<unknown, unknown>> => {
    await alice.session.must(tables.RopSeekRow, table, { origin: 0, rowCount: 0, wantRowMovedCount: false });
    return new Map((await alice.rows(table, shown)).map((row) => [row[0], row[2]]));
  };
  const before = await counts();
  const { body: ids } = await alice.session.must(properties.RopGetPropertyIdsFromNames, alice.logon, {
    flags: 2, propertyNames: [{ guid: propertySets.PSETID_Common.guid, id: 0x8503 }],
  });
  const reminderSet = makeTag(ids.propertyIds[0]!, "Boolean");
  const withReminder = await alice.create("inbox", [[tags.subject, "remind me"], [tags.messageClass, "IPM.Note"], [reminderSet, true]]);
  await alice.save(withReminder);
  const flagged = await alice.create("inbox", [[tags.subject, "do it"], [tags.messageClass, "IPM.Note"], [makeTag(0x1090, "Integer32"), 2]]);
  await alice.save(flagged);
  const task = await alice.create("sentItems", [[tags.subject, "task"], [tags.messageClass, "IPM.Task"]]);
  await alice.save(task);
  const thrown = await alice.create("deletedItems", [[tags.subject, "gone"], [tags.messageClass, "IPM.Task"], [reminderSet, true]]);
  await alice.save(thrown);
  const now = await counts();
  assert.deepEqual([before.get("Reminders"), now.get("Reminders")], [0, 1]);
  assert.deepEqual([before.get("To-Do Search"), now.get("To-Do Search")], [0, 2], JSON.stringify([...now.keys()]));
  const rows = await alice.rows(table, shown);
  assert.ok(rows);
  // As if Outlook had told it: the criteria can be read.
  await alice.session.must(tables.RopSeekRow, table, { origin: 0, rowCount: 0, wantRowMovedCount: false });
  const id = (await alice.rows(table, shown)).find((row) => row[0] === "Reminders")![1] as bigint;
  const { opened: reminders } = await alice.session.must(folders.RopOpenFolder, alice.logon, { folderId: idFrom(id), openModeFlags: 0 });
  const { body } = await alice.session.must(folders.RopGetSearchCriteria, reminders, { useUnicode: true, includeRestriction: true, includeFolders: true });
  assert.deepEqual(body.folderIds, [alice.folderIds[logonPlaces.ipmSubtree]]);
  assert.equal(body.restrictionData?.restrictType, 0);
});
