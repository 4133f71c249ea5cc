/**
 * Proves over real HTTPS: permissions of folders and what they allow another person; rules, receive folders and
 * per-user data kept as they were written; copying of properties and parts between objects. [MS-OXCPERM],
 * [MS-OXORULE], [MS-OXCSTOR], [MS-OXCPRPT]
 */
import { strict as assert } from "node:assert";
import { after, before, test } from "node:test";
import { encode } from "#codec/binary/code.ts";
import { restriction, ruleActions } from "#props/structures.ts";
import { makeTag } from "#props/types.ts";
import { addressBookEntryId } from "#wire/mapi/entry-ids.ts";
import { CounterSet, encodeIdSet } from "#wire/mapi/id-set.ts";
import * as folders from "#wire/mapi/rops/folders.ts";
import * as messages from "#wire/mapi/rops/messages.ts";
import * as permissions from "#wire/mapi/rops/permissions.ts";
import * as properties from "#wire/mapi/rops/properties.ts";
import * as rules from "#wire/mapi/rops/rules.ts";
import * as store from "#wire/mapi/rops/store.ts";
import * as tables from "#wire/mapi/rops/tables.ts";
import { noHandle } from "#wire/mapi/rop-buffer.ts";
import { MapiSession } from "./support/mapi-session.ts";
import { MailboxClient, dnOf, logonPlaces, startServer, tags, text } from "./support/mapi-mailbox.ts";
import { domain } from "./support/server.ts";
import type { TestServer } from "./support/server.ts";

let server: TestServer;
let alice: MailboxClient;
let inbox = 0;

before(async () => {
  server = await startServer(["alice", "bob"]);
  alice = await MailboxClient.open(server, "alice");
  inbox = await alice.openFolder("inbox");
});
after(async () => {
  await alice?.disconnect();
  await server?.dispose();
});

const memberId = makeTag(0x6671, "Integer64");
const memberName = text(0x6672);
const memberRights = makeTag(0x6673, "Integer32");
const entryId = makeTag(0x0fff, "Binary");

async function entries(folder: number, tableFlags = 0): Promise<(readonly unknown[])[]> {
  const columns = [memberId, memberName, memberRights];
  const { opened } = await alice.session.must(permissions.RopGetPermissionsTable, folder, { tableFlags });
  await alice.session.must(tables.RopSetColumns, opened, { setColumnsFlags: 0, propertyTags: columns });
  return await alice.rows(opened, columns);
}

test("permissions: Default and Anonymous stand first; a person is added, changed, and taken away", async () => {
  const fresh = await entries(inbox);
  assert.deepEqual(fresh.slice(0, 2), [[0n, "", 0], [-1n, "Anonymous", 0]]);
  const bob = Buffer.from(encode(addressBookEntryId, { type: 0, x500Dn: await dnOf(server, "bob") }));
  await alice.session.must(permissions.RopModifyPermissions, inbox, {
    modifyFlags: 0, permissionsData: [{
      permissionDataFlags: 1, propertyValues: [{ tag: entryId, value: bob }, { tag: memberRights, value: 0x401 }],
    }],
  });
  const [, , row] = await entries(inbox);
  assert.deepEqual(row!.slice(1), ["bob", 0x401]);
  const session = await MapiSession.connect(server, `bob@${domain}`, await dnOf(server, "bob"));
  const guest = await MailboxClient.over(session, await dnOf(server, "alice"));
  const shared = await guest.openFolder("inbox");
  assert.equal((await guest.session.call(folders.RopOpenFolder, guest.logon,
    { folderId: alice.folderIds[logonPlaces.sentItems], openModeFlags: 0 })).returnValue, 0x8004_010f);
  const hidden = await guest.session.must(permissions.RopGetPermissionsTable, shared, { tableFlags: 0 });
  await guest.session.must(tables.RopSetColumns, hidden.opened, { setColumnsFlags: 0, propertyTags: [memberId] });
  assert.equal((await guest.session.call(tables.RopQueryRows, hidden.opened,
    { queryRowsFlags: 0, forwardRead: true, rowCount: 9 }, { columns: [memberId] })).returnValue, 0x8007_0005);
  const { opened } = await guest.session.must(messages.RopCreateMessage, guest.logon,
    { codePageId: 0x0fff, folderId: guest.folderIds[logonPlaces.inbox], associatedFlag: false });
  assert.equal((await guest.session.call(messages.RopSaveChangesMessage, opened, { saveFlags: 0 })).returnValue,
    0x8007_0005);
  await alice.session.must(permissions.RopModifyPermissions, inbox, {
    modifyFlags: 0, permissionsData: [{
      permissionDataFlags: 2, propertyValues: [{ tag: memberId, value: row![0] as bigint }, { tag: memberRights, value: 0x41b }],
    }],
  });
  await guest.session.must(messages.RopSaveChangesMessage, opened, { saveFlags: 0 });
  await alice.session.must(permissions.RopModifyPermissions, inbox, {
    modifyFlags: 0, permissionsData: [{ permissionDataFlags: 4, propertyValues: [{ tag: memberId, value: row![0] as bigint }] }],
  });
  assert.equal((await entries(inbox)).length, 2);
  assert.equal((await alice.session.call(permissions.RopModifyPermissions, inbox, {
    modifyFlags: 0, permissionsData: [{ permissionDataFlags: 4, propertyValues: [{ tag: memberId, value: 77n }] }],
  })).returnValue, 0x8004_010f);
  await guest.disconnect();
});

test("rules come back as they were written, with an id; they are changed, removed and replaced", async () => {
  const condition = encode(restriction("rop"), { restrictType: 8, propertyTag: tags.subject });
  const actions = encode(ruleActions("rop"), [{ actionType: 11, actionFlavor: 0, actionFlags: 0 }]);
  const values = (name: string, sequence: number) => [
    { tag: text(0x6682), value: name }, { tag: text(0x6681), value: "RuleOrganizer" },
    { tag: makeTag(0x6676, "Integer32"), value: sequence }, { tag: makeTag(0x6677, "Integer32"), value: 1 },
    { tag: makeTag(0x6679, "Restriction"), value: condition }, { tag: makeTag(0x6680, "RuleAction"), value: actions },
    { tag: makeTag(0x6684, "Binary"), value: Buffer.from([1, 2, 3]) },
  ];
  const columns = [makeTag(0x6674, "Integer64"), text(0x6682), makeTag(0x6679, "Restriction"),
    makeTag(0x6680, "RuleAction"), makeTag(0x6684, "Binary")];
  const read = async (): Promise<(readonly unknown[])[]> => {
    const { opened } = await alice.session.must(rules.RopGetRulesTable, inbox, { tableFlags: 0x40 });
    await alice.session.must(tables.RopSetColumns, opened, { setColumnsFlags: 0, propertyTags: columns });
    return await alice.rows(opened, columns);
  };
  assert.deepEqual(await read(), []);
  await alice.session.must(rules.RopModifyRules, inbox, {
    modifyRulesFlags: 0, rulesData: [
      { ruleDataFlags: 1, propertyValues: values("second", 20) }, { ruleDataFlags: 1, propertyValues: values("first", 10) },
    ],
  });
  const [first, second] = await read();
  assert.deepEqual([first![1], second![1]], ["first", "second"]);
  assert.deepEqual(Buffer.from(first![2] as Uint8Array), Buffer.from(condition));
  assert.deepEqual(Buffer.from(first![3] as Uint8Array), Buffer.from(actions));
  const { body } = await alice.session.must(folders.RopOpenFolder, alice.logon,
    { folderId: alice.folderIds[logonPlaces.inbox], openModeFlags: 0 });
  assert.equal(body.hasRules, true);
  await alice.session.must(rules.RopModifyRules, inbox, {
    modifyRulesFlags: 0, rulesData: [
      { ruleDataFlags: 2, propertyValues: [{ tag: columns[0]!, value: first![0] as bigint }, { tag: text(0x6682), value: "one" }] },
      { ruleDataFlags: 4, propertyValues: [{ tag: columns[0]!, value: second![0] as bigint }] },
    ],
  });
  assert.deepEqual((await read()).map((row) => row.slice(0, 2)), [[first![0], "one"]]);
  await alice.session.must(rules.RopModifyRules, inbox,
    { modifyRulesFlags: 1, rulesData: [{ ruleDataFlags: 1, propertyValues: values("new", 1) }] });
  assert.deepEqual((await read()).map((row) => row[1]), ["new"]);
  assert.equal((await alice.session.call(rules.RopModifyRules, inbox, {
    modifyRulesFlags: 0, rulesData: [{ ruleDataFlags: 4, propertyValues: [{ tag: columns[0]!, value: 1n }] }],
  })).returnValue, 0x8004_010f);
});

test("receive folders are set, told and taken away", async () => {
  const ask = async (messageClass: string): Promise<unknown> =>
    (await alice.session.must(store.RopGetReceiveFolder, alice.logon, { messageClass })).body;
  const folderId = alice.folderIds[logonPlaces.deletedItems];
  await alice.session.must(store.RopSetReceiveFolder, alice.logon, { folderId, messageClass: "IPM.Custom" });
  assert.deepEqual(await ask("ipm.custom.Sub"), { folderId, explicitMessageClass: "IPM.Custom" });
  const columns = [makeTag(0x6748, "Integer64"), makeTag(0x001a, "String8"), makeTag(0x3008, "Time")];
  const { body } = await alice.session.must(store.RopGetReceiveFolderTable, alice.logon, {}, { receiveFolderColumns: columns });
  assert.equal(body.rows.length, 6);
  const none = { replicaId: 0, counter: 0 };
  await alice.session.must(store.RopSetReceiveFolder, alice.logon, { folderId: none, messageClass: "IPM.Custom" });
  assert.deepEqual(await ask("IPM.Custom"), { folderId: alice.folderIds[logonPlaces.inbox], explicitMessageClass: "IPM" });
  for (const [messageClass, id, code] of [
    ["IPM", folderId, 0x8007_0005], ["", none, 0x8000_4005], ["a..b", folderId, 0x8007_0057],
    ["X", { replicaId: 1, counter: 0x7fff_ffff }, 0x8004_010f],
  ] as const) {
    const done = await alice.session.call(store.RopSetReceiveFolder, alice.logon, { folderId: id, messageClass });
    assert.equal(done.returnValue, code, messageClass);
  }
});

test("per-user data comes back in pieces", async () => {
  const folderId = { replicaGuid: "11111111-2222-3333-4444-555555555555", counter: 99 };
  const database = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";
  const read = Array.from({ length: 1800 }, (_, index) => 3 * index * index + 1);
  const data = encodeIdSet(new Map([[folderId.replicaGuid, CounterSet.of(read)]]));
  assert.ok(data.length > 4096, String(data.length));
  const write = (dataOffset: number, end: number, hasFinished: boolean): Promise<unknown> =>
    alice.session.must(store.RopWritePerUserInformation, alice.logon, {
      folderId, hasFinished, dataOffset, data: data.subarray(dataOffset, end),
      ...dataOffset === 0 ? { replGuid: database } : {},
    });
  await write(0, 1000, false);
  await write(1000, data.length, true);
  const { body: most } = await alice.session.must(store.RopReadPerUserInformation, alice.logon,
    { folderId, dataOffset: 0, maxDataSize: 4097 });
  assert.deepEqual([most.data.length, most.hasFinished], [4096, false]);
  const { returnValue: bad } = await alice.session.call(store.RopWritePerUserInformation, alice.logon,
    { folderId, hasFinished: true, dataOffset: 0, data: Buffer.alloc(50), replGuid: database });
  assert.equal(bad, 0x8004_011b, "no set of change numbers");
  const pieces: Uint8Array[] = [];
  for (let at = 0, isDone = false; !isDone; at += pieces.at(-1)!.length) {
    const { body } = await alice.session.must(store.RopReadPerUserInformation, alice.logon,
      { folderId, dataOffset: at, maxDataSize: 800 });
    pieces.push(body.data);
    isDone = body.hasFinished;
  }
  assert.deepEqual(Buffer.concat(pieces), data);
  const { body: guid } = await alice.session.must(store.RopGetPerUserGuid, alice.logon, { longTermId: folderId });
  assert.equal(guid.databaseGuid, database);
  const { body: ids } = await alice.session.must(store.RopGetPerUserLongTermIds, alice.logon, { databaseGuid: database });
  assert.deepEqual(ids.longTermIds, [folderId]);
  assert.equal((await alice.session.call(store.RopGetPerUserGuid, alice.logon,
    { longTermId: { ...folderId, counter: 1 } })).returnValue, 0x8004_010f);
});

test("a message is copied with its parts, or some of them; the excluded stays", async () => {
  const source = await alice.create("inbox", [
    [tags.subject, "source"], [tags.messageClass, "IPM.Note"], [tags.body, "text"], [text(0x1035), "<id@there>"],
  ]);
  await alice.addRecipient(source, "somebody@there.test");
  const { opened: attachment } = await alice.session.must(messages.RopCreateAttachment, source);
  await alice.set(attachment, [[makeTag(0x3705, "Integer32"), 5], [text(0x3001), "inner"]]);
  const { opened: inner } = await alice.session.must(messages.RopOpenEmbeddedMessage, attachment,
    { codePageId: 0x0fff, openModeFlags: 2 });
  await alice.set(inner, [[tags.subject, "inside"], [tags.messageClass, "IPM.Note"]]);
  await alice.session.must(messages.RopSaveChangesMessage, inner, { saveFlags: 2 });
  await alice.session.must(messages.RopSaveChangesAttachment, attachment, { saveFlags: 2 });
  await alice.save(source);
  const target = await alice.create("inbox", [[tags.messageClass, "IPM.Note"]]);
  const done = await alice.session.execute([{
    rop: properties.RopCopyTo, request: {
      sourceHandleIndex: 0, destHandleIndex: 1, wantAsynchronous: false, wantSubObjects: true, copyFlags: 0,
      excludedTags: [text(0x1035)],
    },
  }], [source, target]);
  assert.equal(done.answers[0]!.returnValue, 0);
  const messageId = await alice.save(target);
  const copy = await alice.open(inbox, "inbox", messageId);
  const [subject, body, id] = await alice.get(copy, [tags.subject, tags.body, text(0x1035)]);
  assert.deepEqual([subject, body], ["source", "text"]);
  assert.notEqual(id, "<id@there>");
  const { body: told } = await alice.session.must(messages.RopReloadCachedInformation, copy, { reserved: 0 });
  assert.equal(told.recipientCount, 1);
  const { opened: copied } = await alice.session.must(messages.RopOpenAttachment, copy,
    { openAttachmentFlags: 0, attachmentId: 0 });
  const { body: embedded } = await alice.session.must(messages.RopOpenEmbeddedMessage, copied,
    { codePageId: 0x0fff, openModeFlags: 0 });
  assert.equal(embedded.normalizedSubject, "inside");
  const some = await alice.create("inbox", [[tags.messageClass, "IPM.Note"]]);
  const partly = await alice.session.execute([{
    rop: properties.RopCopyProperties, request: {
      sourceHandleIndex: 0, destHandleIndex: 1, wantAsynchronous: false, copyFlags: 0,
      propertyTags: [tags.subject, text(0x7abc), makeTag(0x0e08, "Integer32")],
    },
  }], [source, some]);
  assert.deepEqual((partly.answers[0]!.body as { propertyProblems: unknown[] }).propertyProblems.length, 2);
  assert.deepEqual(await alice.get(some, [tags.subject]), ["source"]);
  const lost = await alice.session.execute([{
    rop: properties.RopCopyProperties, request: {
      sourceHandleIndex: 0, destHandleIndex: 1, wantAsynchronous: false, copyFlags: 0, propertyTags: [],
    },
  }], [source, noHandle]);
  assert.equal(lost.answers[0]!.returnValue, 0x503);
  const unlike = await alice.session.execute([{
    rop: properties.RopCopyTo, request: {
      sourceHandleIndex: 0, destHandleIndex: 1, wantAsynchronous: false, wantSubObjects: false, copyFlags: 0, excludedTags: [],
    },
  }], [source, inbox]);
  assert.equal(unlike.answers[0]!.returnValue, 0x8004_0102);
});
