/**
 * Proves over MAPI what becomes of folders and what is in them: what is removed is listed as such and comes back by a
 * move, what may not be touched is told as not done, copies take what was asked for, and the server's own properties
 * follow. [MS-OXCFOLD] 2.2.1, 2.2.2, 3.2.5
 */
import { strict as assert } from "node:assert";
import { after, before, test } from "node:test";
import { encode } from "#codec/binary/code.ts";
import { folderRights as r } from "#mailbox/access.ts";
import type { ShortTermId } from "#props/object-ids.ts";
import { makeTag } from "#props/types.ts";
import { addressBookEntryId } from "#wire/mapi/entry-ids.ts";
import { noHandle } from "#wire/mapi/rop-buffer.ts";
import * as folders from "#wire/mapi/rops/folders.ts";
import * as messages from "#wire/mapi/rops/messages.ts";
import * as permissions from "#wire/mapi/rops/permissions.ts";
import * as properties from "#wire/mapi/rops/properties.ts";
import * as store from "#wire/mapi/rops/store.ts";
import { dnOf, idFrom, MailboxClient, startServer, tags, text } from "./support/mapi-mailbox.ts";
import { attachData, RopWorld } from "./support/mapi-rop-world.ts";
import type { TestServer } from "./support/server.ts";

let server: TestServer;
let alice: MailboxClient;
let world: RopWorld;
/** Of bob, in the mailbox of alice. */
let guest: MailboxClient;
let bobEntryId: Buffer;

before(async () => {
  server = await startServer(["alice", "bob"]);
  alice = await MailboxClient.open(server, "alice");
  world = await RopWorld.over(alice);
  bobEntryId = Buffer.from(encode(addressBookEntryId, { type: 0, x500Dn: await dnOf(server, "bob") }));
  await grant((await world.folder()).handle, r.readAny);
  guest = await MailboxClient.open(server, "bob", "alice");
});
after(async () => {
  assert.deepEqual(server.errors(), []);
  await alice?.disconnect();
  await guest?.disconnect();
  await server?.dispose();
});

async function grant(folder: number, rights: number): Promise<void> {
  await alice.session.must(permissions.RopModifyPermissions, folder, { modifyFlags: 0, permissionsData: [{
    permissionDataFlags: 1, propertyValues: [{ tag: makeTag(0x0fff, "Binary"), value: bobEntryId },
      { tag: makeTag(0x6673, "Integer32"), value: rights | r.folderVisible }],
  }] });
}

const now = { wantAsynchronous: false, notifyNonRead: false } as const;
const columns = [tags.subject, tags.mid] as const;

async function listed(client: MailboxClient, folder: number, tableFlags = 0): Promise<(readonly unknown[])[]> {
  const table = await client.contents(folder, columns, tableFlags);
  const rows = await client.rows(table, columns);
  client.session.release(table);
  return rows;
}
const subjects = async (client: MailboxClient, folder: number, tableFlags = 0): Promise<unknown[]> =>
  (await listed(client, folder, tableFlags)).map(([subject]) => subject).sort();

async function post(client: MailboxClient, handle: number, folderId: ShortTermId, subject: string): Promise<ShortTermId> {
  const { opened } = await client.session.must(messages.RopCreateMessage, handle,
    { codePageId: 0x0fff, folderId, associatedFlag: false });
  await client.set(opened, [[tags.subject, subject]]);
  return await client.save(opened);
}

const opens = (client: MailboxClient, folderId: ShortTermId): Promise<{ opened: number }> =>
  client.session.must(folders.RopOpenFolder, client.logon, { folderId, openModeFlags: 0 });

test("what is removed is listed as such where it was, comes back by a move, and is gone when removed again", async () => {
  const { handle, id, ids } = await world.filled();
  const deleted = await alice.openFolder("deletedItems");
  const softly = 0x20;
  const open = await alice.contents(handle, columns, softly);
  assert.deepEqual(await alice.rows(open, columns), []);
  await alice.session.must(folders.RopDeleteMessages, handle, { ...now, messageIds: ids });
  assert.deepEqual(await subjects(alice, handle), []);
  assert.deepEqual((await alice.rows(open, columns)).map(([subject]) => subject).sort(), ["one", "two"], "an open table too");
  const removed = await listed(alice, handle, softly);
  assert.equal((await listed(alice, deleted, softly)).length >= 2, true, "Deleted Items shows all that waits");
  assert.deepEqual(await listed(alice, await alice.openFolder("inbox"), softly), [], "others their own alone");
  assert.deepEqual(await listed(alice, handle, softly | 0x02), [], "settings are gone at once");
  const idOf = (name: string): ShortTermId => idFrom(removed.find(([subject]) => subject === name)![1] as bigint);
  const { opened } = await alice.session.must(messages.RopOpenMessage, handle, { codePageId: 0x0fff,
    folderId: id, openModeFlags: 4, messageId: idOf("one") });
  assert.deepEqual(await alice.get(opened, [tags.subject]), ["one"]);
  const moved = async (messageIds: readonly ShortTermId[], wantCopy: boolean): Promise<void> => {
    const { answers } = await alice.session.execute([{ rop: folders.RopMoveCopyMessages, request: {
      sourceHandleIndex: 0, destHandleIndex: 1, messageIds, wantAsynchronous: false, wantCopy } }], [handle, handle]);
    assert.equal(answers[0]!.returnValue, 0);
  };
  await moved([idOf("one")], false);
  await moved([idOf("two")], true);
  assert.deepEqual(await subjects(alice, handle), ["one", "two"]);
  assert.deepEqual(await subjects(alice, handle, softly), ["two"]);
  await alice.session.must(folders.RopHardDeleteMessages, handle, { ...now, messageIds: [idOf("two")] });
  assert.deepEqual(await subjects(alice, handle, softly), []);
  const { body } = await alice.session.must(folders.RopHardDeleteMessagesAndSubfolders, handle,
    { wantAsynchronous: false, wantDeleteAssociated: true });
  assert.equal(body.partialCompletion, false);
  assert.deepEqual([await subjects(alice, handle), await subjects(alice, handle, softly)], [[], []]);
});

test("of what may not be removed or moved, what may is, and the answer says that it is a part", async () => {
  const { handle, id, ids } = await world.filled();
  await grant(handle, r.readAny | r.create | r.editOwned | r.deleteOwned | r.createSubFolder);
  const own = (await opens(guest, id)).opened;
  const mine = await post(guest, own, id, "bob's");
  const removing = await guest.session.must(folders.RopDeleteMessages, own, { ...now, messageIds: [...ids, mine] });
  assert.equal(removing.body.partialCompletion, true);
  assert.deepEqual(await subjects(alice, handle), ["one", "two"]);
  await guest.session.must(folders.RopCreateFolder, own,
    { folderType: 1, useUnicodeStrings: true, openExisting: false, displayName: "bob's own", comment: "" });
  await world.folder(1, handle);
  await post(guest, own, id, "bob's second");
  for (const rop of [folders.RopEmptyFolder, folders.RopHardDeleteMessagesAndSubfolders]) {
    const { body } = await guest.session.must(rop, own, { wantAsynchronous: false, wantDeleteAssociated: false });
    assert.equal(body.partialCompletion, true, rop.name);
  }
  assert.deepEqual(await subjects(alice, handle), ["one", "two"]);
  const { body: left } = await alice.session.must(folders.RopGetHierarchyTable, handle, { tableFlags: 4 });
  assert.equal(left.rowCount, 1, "their own folder is gone");
  const { body: kept } = await guest.session.must(folders.RopDeleteFolder, own,
    { deleteFolderFlags: 0x15, folderId: id });
  assert.equal(kept.partialCompletion, true, "a folder of somebody else's");
  const target = await world.folder();
  await grant(target.handle, r.readAny);
  const there = (await opens(guest, target.id)).opened;
  const two = async (rop: typeof folders.RopMoveCopyMessages | typeof folders.RopMoveFolder, request: object) => {
    const { answers } = await guest.session.execute([{ rop, request: { sourceHandleIndex: 0, destHandleIndex: 1,
      wantAsynchronous: false, ...request } }], [own, there]);
    return [answers[0]!.returnValue, (answers[0]!.body as { partialCompletion: boolean }).partialCompletion];
  };
  assert.deepEqual(await two(folders.RopMoveCopyMessages, { messageIds: ids, wantCopy: true }), [0x8007_0005, true]);
  assert.deepEqual(await two(folders.RopMoveFolder, { folderId: id, useUnicode: true, newFolderName: "taken" }), [0x8007_0005, true]);
  await grant(target.handle, r.readAny | r.create);
  const another = await post(guest, own, id, "bob's third");
  assert.deepEqual(await two(folders.RopMoveCopyMessages, { messageIds: [...ids, another], wantCopy: false }), [0x4_0680, true]);
  assert.deepEqual(await subjects(alice, target.handle), ["bob's third"]);
});

test("a folder is copied with what is below it, or alone; its comment and what it searches for come along", async () => {
  const { handle, id } = await world.filled();
  const below = await world.folder(1, handle);
  await alice.set(handle, [[text(0x3004), "what it is for"]]);
  const copied = async (name: string, folderId: ShortTermId, wantRecursive: boolean, from = world.inbox): Promise<number> => {
    const target = await world.folder();
    const { answers } = await alice.session.execute([{ rop: folders.RopCopyFolder, request: { sourceHandleIndex: 0,
      destHandleIndex: 1, wantAsynchronous: false, wantRecursive, useUnicode: true, folderId, newFolderName: name } }],
    [from, target.handle]);
    assert.equal(answers[0]!.returnValue, 0);
    const { body, opened } = await alice.session.must(folders.RopCreateFolder, target.handle,
      { folderType: 1, useUnicodeStrings: true, openExisting: true, displayName: name.toUpperCase(), comment: "not taken" });
    assert.equal(body.isExistingFolder, false, "never told");
    return opened;
  };
  for (const isDeep of [true, false]) {
    const copy = await copied(`copy ${isDeep}`, id, isDeep);
    assert.deepEqual(await subjects(alice, copy), ["one", "two"]);
    assert.deepEqual(await alice.get(copy, [text(0x3004)]), ["what it is for"]);
    const { body } = await alice.session.must(folders.RopGetHierarchyTable, copy, { tableFlags: 4 });
    assert.equal(body.rowCount, isDeep ? 1 : 0);
  }
  const search = await world.folder(2, below.handle);
  const criteria = { restrictionData: { restrictType: 8, propertyTag: tags.subject }, folderIds: [id], searchFlags: 0x02 };
  await alice.session.must(folders.RopSetSearchCriteria, search.handle, criteria);
  const copy = await copied("searching", search.id, true, below.handle);
  assert.deepEqual(await subjects(alice, copy), ["one", "two"]);
});

test("messages go to another mailbox whole, by copy and by move", async () => {
  const source = await world.folder();
  const { opened: made } = await alice.session.must(messages.RopCreateMessage, source.handle,
    { codePageId: 0x0fff, folderId: source.id, associatedFlag: false });
  const names = [{ kind: 1, guid: "00020329-0000-0000-c000-000000000046", name: "X-Of-Alice" }];
  const { body } = await alice.session.must(properties.RopGetPropertyIdsFromNames, alice.logon,
    { flags: 2, propertyNames: names });
  const [ofAlice] = body.propertyIds as number[];
  await alice.set(made, [[tags.subject, "across"], [makeTag(ofAlice!, "String"), "kept"]]);
  await alice.addRecipient(made, "kim@outside.test");
  const { opened: attachment } = await alice.session.must(messages.RopCreateAttachment, made);
  await alice.set(attachment, [[attachData, Buffer.from("bytes of it")]]);
  await alice.session.must(messages.RopSaveChangesAttachment, attachment, { saveFlags: 0x0a });
  const id = await alice.save(made);
  await guest.session.disconnect();
  const bob = await MailboxClient.open(server, "bob");
  const bobs = await RopWorld.over(bob);
  const target = await bobs.folder();
  await grant(source.handle, r.readAny | r.deleteAny);
  const done = await bob.session.execute([{ rop: store.RopLogon, logonId: 1, request: { outputHandleIndex: 0, logonFlags: 1,
    openFlags: 0x0100_0000, storeState: 0, essdn: Buffer.from(`${await dnOf(server, "alice")}\0`, "latin1") } }], [noHandle]);
  const from = (await bob.session.must(folders.RopOpenFolder, done.handles[0]!, { folderId: source.id, openModeFlags: 0 })).opened;
  for (const wantCopy of [true, false]) {
    const { answers } = await bob.session.execute([{ rop: folders.RopMoveCopyMessages, request: { sourceHandleIndex: 0,
      destHandleIndex: 1, messageIds: [id], wantAsynchronous: false, wantCopy } }], [from, target.handle]);
    assert.equal(answers[0]!.returnValue, 0);
  }
  assert.deepEqual(await subjects(alice, source.handle), []);
  const [first, second] = await listed(bob, target.handle);
  assert.deepEqual([first![0], second![0]], ["across", "across"]);
  const { opened: copy } = await bob.session.must(messages.RopOpenMessage, target.handle, { codePageId: 0x0fff,
    folderId: target.id, openModeFlags: 0, messageId: idFrom(first![1] as bigint) });
  const { body: ids } = await bob.session.must(properties.RopGetPropertyIdsFromNames, bob.logon, { flags: 0, propertyNames: names });
  assert.deepEqual(await bob.get(copy, [makeTag((ids.propertyIds as number[])[0]!, "String"), text(0x0e04)]), ["kept", "kim@outside.test"]);
  const { opened: part } = await bob.session.must(messages.RopOpenAttachment, copy, { openAttachmentFlags: 0, attachmentId: 0 });
  assert.equal(Buffer.from((await bob.get(part, [attachData]))[0] as Uint8Array).toString(), "bytes of it");
  const second2 = await bob.session.execute([{ rop: store.RopLogon, logonId: 2, request: { outputHandleIndex: 0, logonFlags: 1,
    openFlags: 0, storeState: 0, essdn: Buffer.from(`${await dnOf(server, "alice")}\0`, "latin1") } }], [noHandle]);
  assert.equal(second2.answers[0]!.returnValue, 0x8007_0057, "a second mailbox without ids of its own");
  await bob.disconnect();
  guest = await MailboxClient.open(server, "bob", "alice");
});

test("the server's own properties of a folder follow what happens to it", async () => {
  const parent = await world.folder();
  const asked = [makeTag(0x3602, "Integer32"), makeTag(0x3617, "Integer32"), makeTag(0x360a, "Boolean"),
    makeTag(0x670b, "Integer32"), makeTag(0x66a8, "Integer32"), text(0x3004)];
  const stamps = [makeTag(0x663e, "Integer32"), makeTag(0x670a, "Time")];
  const seen = (): Promise<readonly unknown[]> => alice.get(parent.handle, asked);
  assert.deepEqual(await seen(), [0, 0, false, 0, 0x05, ""]);
  const [tree0] = await alice.get(parent.handle, stamps);
  const id = await post(alice, parent.handle, parent.id, "first");
  const [, commit1] = await alice.get(parent.handle, stamps);
  const below = await world.folder(1, parent.handle);
  const [tree1] = await alice.get(parent.handle, stamps);
  assert.deepEqual(await seen(), [1, 0, true, 0, 0x05, ""]);
  await alice.session.must(folders.RopDeleteMessages, parent.handle, { ...now, messageIds: [id] });
  await alice.session.must(folders.RopDeleteFolder, parent.handle, { deleteFolderFlags: 0, folderId: below.id });
  await post(alice, parent.handle, parent.id, "second");
  const [tree2, commit2] = await alice.get(parent.handle, stamps);
  assert.deepEqual(await seen(), [1, 0, false, 1, 0x05, ""]);
  assert.ok(tree0! < tree1! && tree1! < tree2!, `${String(tree0)} ${String(tree1)} ${String(tree2)}`);
  assert.ok((commit1 as bigint) < (commit2 as bigint));
  const search = await world.folder(2, parent.handle);
  assert.deepEqual(await alice.get(search.handle, [makeTag(0x66a8, "Integer32"), makeTag(0x3601, "Integer32")]), [0x03, 2]);
  for (const tag of [...asked.slice(0, 5), ...stamps]) {
    const { body } = await alice.session.must(properties.RopSetProperties, parent.handle,
      { propertyValues: [{ tag, value: tag === stamps[1] ? 1n : tag === asked[2] ? true : 1 }] });
    assert.equal(body.propertyProblems.length, 1, tag.toString(16));
  }
});

test("criteria are told in the form of text that is asked for", async () => {
  const { handle } = await world.folder(2);
  const wide = { restrictType: 2, restriction: { restrictType: 3, fuzzyLevelLow: 2, fuzzyLevelHigh: 1,
    propertyTag: tags.subject, taggedValue: { tag: tags.subject, value: "caf\u00e9" } } };
  await alice.session.must(folders.RopSetSearchCriteria, handle,
    { restrictionData: wide, folderIds: [world.inboxId], searchFlags: 0x12 });
  const told = async (useUnicode: boolean) => (await alice.session.must(folders.RopGetSearchCriteria, handle,
    { useUnicode, includeRestriction: true, includeFolders: false })).body;
  const first = await told(true);
  assert.deepEqual([first.restrictionData, first.folderIds, first.searchFlags], [wide, [], 0x1009]);
  const narrow = makeTag(0x0037, "String8");
  assert.deepEqual((await told(false)).restrictionData, { ...wide, restriction: { ...wide.restriction,
    propertyTag: narrow, taggedValue: { tag: narrow, value: Buffer.from("caf\u00e9", "latin1") } } });
});
