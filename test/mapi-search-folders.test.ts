/** Proves search folders over real HTTPS: made, told what to find, live as mail comes and changes, and refusals. [MS-OXCFOLD] */
import { strict as assert } from "node:assert";
import { after, before, test } from "node:test";
import { notificationTypes, tableEvents } from "#wire/mapi/notification.ts";
import * as folders from "#wire/mapi/rops/folders.ts";
import * as messages from "#wire/mapi/rops/messages.ts";
import * as notifications from "#wire/mapi/rops/notifications.ts";
import { MailboxClient, logonPlaces, startServer, tags } from "./support/mapi-mailbox.ts";
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
    [content("NEEDLE"), [alice.folderIds[logonPlaces.ipmSubtree]], 0x05]);
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
