/**
 * Proves the rules by which changes of two sides come together over the wire: versions of folders and messages, moves,
 * deletions of what never was, ids given up, states; and what each flag that there is none of is answered with. Expected
 * values are those of [MS-OXCFXICS] 3.1.5.6 and 3.2.5, and of its Appendix A for Exchange 2019.
 */
import { strict as assert } from "node:assert";
import { after, before, test } from "node:test";
import { guidToText } from "#codec/binary/bytes.ts";
import { encode } from "#codec/binary/code.ts";
import { folderRoleRights } from "#mailbox/access.ts";
import { makeTag } from "#props/types.ts";
import type { ShortTermId } from "#props/object-ids.ts";
import type { PropertyTag, PropertyValue } from "#props/types.ts";
import { addressBookEntryId } from "#wire/mapi/entry-ids.ts";
import { decodeIdSet, encodeIdSet } from "#wire/mapi/id-set.ts";
import { decodePredecessors } from "#wire/mapi/predecessors.ts";
import type { Rop } from "#wire/mapi/rop.ts";
import * as transfers from "#wire/mapi/rops/fast-transfer.ts";
import * as folders from "#wire/mapi/rops/folders.ts";
import * as messages from "#wire/mapi/rops/messages.ts";
import * as permissions from "#wire/mapi/rops/permissions.ts";
import * as rops from "#wire/mapi/rops/synchronization.ts";
import { metaTags, TransferWriter } from "#wire/mapi/transfer-stream.ts";
import { dnOf, MailboxClient, startServer, tags } from "./support/mapi-mailbox.ts";
import {
  changesIn, clientXid, collector, contentsFlags, download, identity, listOfXids, reserved, shortSetIn, takeAll,
  takeRaw,
} from "./support/mapi-sync.ts";
import type { Change, SyncState } from "./support/mapi-sync.ts";
import type { TestServer } from "./support/server.ts";

let server: TestServer;
let client: MailboxClient;
let root: number;

before(async () => {
  server = await startServer(["alice", "bob"]);
  client = await MailboxClient.open(server, "alice");
  root = await client.openFolder("ipmSubtree");
});
after(() => server.dispose());

const binary = (id: number): PropertyTag => makeTag(id, "Binary");
const sourceKey = binary(0x65e0);
const changeKey = binary(0x65e2);
const predecessorList = binary(0x65e3);
const long = { past: 120_000_000_000_000_000n, future: 150_000_000_000_000_000n } as const;
const hex = (value: unknown): string => Buffer.from(value as Uint8Array).toString("hex");
const namespaces = (value: unknown): number => decodePredecessors(value as Uint8Array).size;

interface Folder {
  readonly id: ShortTermId;
  readonly handle: number;
}

let folderCount = 0;

async function newFolder(parent = root): Promise<Folder> {
  const { body, opened } = await client.session.must(folders.RopCreateFolder, parent, {
    folderType: 1, useUnicodeStrings: true, openExisting: false, reserved: 0, displayName: `Folder ${++folderCount}`, comment: "",
  });
  return { id: body.folderId, handle: opened };
}

async function newMessage(folder: Folder, subject: string): Promise<ShortTermId> {
  const { opened } = await client.session.must(messages.RopCreateMessage, folder.handle,
    { codePageId: 0x0fff, folderId: folder.id, associatedFlag: false });
  await client.set(opened, [[tags.subject, subject]]);
  return await client.save(opened);
}

async function change(folder: Folder, messageId: ShortTermId, subject: string): Promise<void> {
  const { opened } = await client.session.must(messages.RopOpenMessage, folder.handle,
    { codePageId: 0x0fff, folderId: folder.id, openModeFlags: 1, messageId });
  await client.set(opened, [[tags.subject, subject]]);
  await client.save(opened);
}

/** Each message of a folder as it is now, by its subject. */
async function listed(folder: Folder): Promise<Map<unknown, ReadonlyMap<number, PropertyValue>>> {
  const { words } = await download(client, folder.handle, 1);
  return new Map(changesIn(words).map((one) => [one.get(tags.subject), one]));
}

async function importChange(upload: number, version: Change, importFlag = 0): Promise<{ returnValue: number; opened: number }> {
  return await client.session.call(rops.RopSynchronizationImportMessageChange, upload,
    { importFlag, propertyValues: identity(version) });
}

async function importFolder(upload: number, parent: Uint8Array, version: Change, name: string): Promise<number> {
  const done = await client.session.call(rops.RopSynchronizationImportHierarchyChange, upload, {
    hierarchyValues: [
      { tag: binary(0x65e1), value: parent }, ...identity(version), { tag: tags.displayName, value: name },
    ],
    propertyValues: [],
  });
  return done.returnValue;
}

async function importDeletes(upload: number, keys: readonly Uint8Array[], importDeleteFlags = 0): Promise<number> {
  return (await client.session.call(rops.RopSynchronizationImportDeletes, upload,
    { importDeleteFlags, propertyValues: [{ tag: makeTag(0, "MultipleBinary"), value: keys }] })).returnValue;
}

async function stateOf(context: number): Promise<SyncState> {
  const { opened } = await client.session.must(rops.RopSynchronizationGetTransferState, context, {});
  const words = await takeAll(client, opened);
  return new Map(words.flatMap((word) => (word.kind === "property" ? [[word.tag, word.value as Uint8Array]] as const : [])));
}

/** What a client has that took a download and made changes: both sets together. */
function joined(a: SyncState, b: SyncState): SyncState {
  return new Map([...a].map(([tag, bytes]) => {
    const more = decodeIdSet(b.get(tag) ?? new Uint8Array(0));
    return [tag, encodeIdSet(new Map([...decodeIdSet(bytes)].map(([replica, set]) =>
      [replica, set.with(more.get(replica)?.ranges ?? [])])))];
  }));
}

test("flags that there are none of, and kinds of moving that streams do not do, are refused as Exchange refuses them", async () => {
  const folder = await newFolder();
  const message = (await client.session.must(messages.RopCreateMessage, folder.handle,
    { codePageId: 0x0fff, folderId: folder.id, associatedFlag: false })).opened;
  const copy = { level: 0, sendOptions: 9, propertyTags: [tags.subject] };
  const configure = { synchronizationType: 1, sendOptions: 9, synchronizationFlags: contentsFlags, restrictionData: null,
    synchronizationExtraFlags: 0, propertyTags: [] };
  const invalid = 0x8007_0057;
  const { RopFastTransferSourceCopyTo: copyTo, RopFastTransferSourceCopyProperties: copyProperties } = transfers;
  const { RopFastTransferSourceCopyMessages: copyMessages, RopFastTransferSourceCopyFolder: copyFolder } = transfers;
  const rows: [string, Rop, number, object, number][] = [
    ["CopyTo, move", copyTo, message, { ...copy, copyFlags: 1 }, invalid],
    ["CopyTo, unknown", copyTo, message, { ...copy, copyFlags: 0x40 }, invalid],
    ["CopyTo, without meaning", copyTo, message, { ...copy, copyFlags: 0x2 }, 0],
    ["CopyTo, best body", copyTo, message, { ...copy, copyFlags: 0x2000 }, 0],
    ["CopyTo, unknown option", copyTo, message, { ...copy, copyFlags: 0, sendOptions: 0x20 }, invalid],
    ["CopyProperties, move", copyProperties, message, { ...copy, copyFlags: 1 }, 0x8004_0fff],
    ["CopyProperties, unknown", copyProperties, message, { ...copy, copyFlags: 0x40 }, invalid],
    ["CopyProperties", copyProperties, message, { ...copy, copyFlags: 0x8 }, 0],
    ["CopyMessages, move", copyMessages, folder.handle, { messageIds: [], copyFlags: 1, sendOptions: 9 }, 0],
    ["CopyMessages, the one of those without meaning", copyMessages, folder.handle, { messageIds: [], copyFlags: 8, sendOptions: 9 }, invalid],
    ["CopyMessages, without meaning", copyMessages, folder.handle, { messageIds: [], copyFlags: 6, sendOptions: 9 }, 0],
    ["CopyMessages, with ids", copyMessages, folder.handle, { messageIds: [], copyFlags: 0x20, sendOptions: 9 }, 0],
    ["CopyFolder, move", copyFolder, folder.handle, { copyFlags: 1, sendOptions: 9 }, invalid],
    ["CopyFolder, unknown", copyFolder, folder.handle, { copyFlags: 0x40, sendOptions: 9 }, invalid],
    ["CopyFolder, without meaning", copyFolder, folder.handle, { copyFlags: 2, sendOptions: 9 }, 0],
    ["destination, unknown", transfers.RopFastTransferDestinationConfigure, message, { sourceOperation: 1, copyFlags: 0x40 }, invalid],
    ["destination, move", transfers.RopFastTransferDestinationConfigure, message, { sourceOperation: 1, copyFlags: 1 }, 0],
    ["Configure, reserved", rops.RopSynchronizationConfigure, folder.handle, { ...configure, synchronizationFlags: 0x1021 }, 0x4b6],
    ["Configure, no such type", rops.RopSynchronizationConfigure, folder.handle, { ...configure, synchronizationType: 4 }, invalid],
    ["Configure, unknown extra", rops.RopSynchronizationConfigure, folder.handle, { ...configure, synchronizationExtraFlags: 0x11 }, 0],
  ];
  for (const [name, rop, handle, request, expected] of rows) {
    assert.equal((await client.session.call(rop, handle, request as Record<string, unknown>)).returnValue, expected, name);
  }
  const upload = await collector(client, folder.handle);
  const [key] = await reserved(client, 1);
  const version = { key: key!, change: clientXid(1), predecessors: listOfXids(clientXid(1)) };
  assert.equal((await importChange(upload, version, 0x04)).returnValue, invalid, "an unknown flag of an import");
  assert.equal(await importDeletes(upload, [key!], 0x10), invalid, "an unknown flag of a deletion");
});

test("a destination tells no steps, each of its two ROPs in its own way", async () => {
  const folder = await newFolder();
  const { opened: message } = await client.session.must(messages.RopCreateMessage, folder.handle,
    { codePageId: 0x0fff, folderId: folder.id, associatedFlag: false });
  const { opened } = await client.session.must(transfers.RopFastTransferDestinationConfigure, message, { sourceOperation: 1, copyFlags: 0 });
  const writer = new TransferWriter();
  writer.property(tags.subject, "by a stream");
  const transferData = writer.take(1000);
  const plain = await client.session.must(transfers.RopFastTransferDestinationPutBuffer, opened, { transferData });
  const extended = await client.session.must(transfers.RopFastTransferDestinationPutBufferExtended, opened, { transferData });
  for (const [{ body }, steps] of [[plain, 0], [extended, 1]] as const) {
    assert.deepEqual([body.inProgressCount, body.totalStepCount, body.bufferUsedSize], [0, steps, transferData.length]);
  }
});

test("a folder keeps the version of the client that made it, until the server has one of its own", async () => {
  const top = await newFolder();
  const upload = await collector(client, top.handle, false);
  const [key] = await reserved(client, 1);
  const none = Buffer.alloc(0);
  const first = { key: key!, change: clientXid(10), predecessors: listOfXids(clientXid(10)) };
  assert.equal(await importFolder(upload, none, first, "Ours"), 0);
  const told = (await download(client, top.handle, 2)).words;
  const [made] = changesIn(told);
  assert.deepEqual([hex(made!.get(changeKey)), hex(made!.get(predecessorList))], [hex(clientXid(10)), hex(first.predecessors)]);

  assert.equal(await importFolder(upload, none, { ...first, modified: long.future }, "The same again"), 0);
  const name = async (): Promise<ReadonlyMap<number, PropertyValue>> =>
    changesIn((await download(client, top.handle, 2)).words)[0]!;
  assert.equal((await name()).get(tags.displayName), "Ours", "a version that the server has changes nothing");

  const folderId = { replicaId: 1, counter: key!.readUIntBE(16, 6) };
  const { opened } = await client.session.must(folders.RopOpenFolder, client.logon, { folderId, openModeFlags: 0 });
  await client.set(opened, [[tags.displayName, "Theirs"]]);
  const theirs = await name();
  assert.deepEqual([theirs.get(tags.displayName), namespaces(theirs.get(predecessorList))], ["Theirs", 2]);
  assert.notEqual(hex(theirs.get(changeKey)), hex(clientXid(10)));

  const second = { key: key!, change: clientXid(11), predecessors: listOfXids(clientXid(11)) };
  assert.equal(await importFolder(upload, none, { ...second, modified: long.past }, "Too late"), 0);
  const kept = await name();
  assert.equal(kept.get(tags.displayName), "Theirs", "the later writer wins");
  assert.equal(hex(kept.get(changeKey)), hex(theirs.get(changeKey)));
  assert.ok(hex(kept.get(predecessorList)).includes(hex(clientXid(11))), "and knows the other");

  const third = { key: key!, change: clientXid(12), predecessors: listOfXids(clientXid(12)), modified: long.future };
  assert.equal(await importFolder(upload, none, third, "Ours again"), 0);
  const won = await name();
  assert.deepEqual([won.get(tags.displayName), hex(won.get(changeKey))], ["Ours again", hex(clientXid(12))]);
  assert.equal(namespaces(won.get(predecessorList)), 2);

  const foreign = Buffer.from(key!);
  foreign[10]! ^= 1;
  const lost = { key: (await reserved(client, 1))[0]!, change: clientXid(13), predecessors: listOfXids(clientXid(13)) };
  assert.equal(await importFolder(upload, foreign, lost, "Lost"), 0x8004_0803, "a parent of another store");
});

test("what a client says was deleted, or will never be, does not come from another one", async () => {
  const folder = await newFolder();
  const upload = await collector(client, folder.handle);
  const hierarchy = await collector(client, folder.handle, false);
  const keys = await reserved(client, 6);
  const version = (key: Buffer): Change => ({ key, change: clientXid(20), predecessors: listOfXids(clientXid(20)) });
  assert.equal(await importDeletes(upload, [keys[0]!]), 0);
  assert.equal(await importDeletes(hierarchy, [keys[1]!], 1), 0);
  const longTermId = (key: Buffer) => ({ replicaGuid: guidToText(key), counter: key.readUIntBE(16, 6) });
  await client.session.must(rops.RopSetLocalReplicaMidsetDeleted, folder.handle, {
    longTermIdRanges: [{ minLongTermId: longTermId(keys[2]!), maxLongTermId: longTermId(keys[4]!) }],
  });
  const codes: number[] = [];
  for (const key of keys) codes.push((await importChange(upload, version(key))).returnValue);
  assert.deepEqual(codes.map((code) => code.toString(16)), [...Array<string>(5).fill("80040800"), "0"]);
  assert.equal(await importFolder(hierarchy, Buffer.alloc(0), version(keys[1]!), "Back"), 0x8004_0800);
  const backwards = await client.session.call(rops.RopSetLocalReplicaMidsetDeleted, folder.handle, {
    longTermIdRanges: [{ minLongTermId: longTermId(keys[4]!), maxLongTermId: longTermId(keys[2]!) }],
  });
  assert.equal(backwards.returnValue, 0x8007_0057);
});

test("folders are removed all or none, messages only where the collector collects", async () => {
  const [top, other] = [await newFolder(), await newFolder()];
  const inner = await newFolder(top.handle);
  const elsewhere = await newMessage(other, "Stays");
  const [key] = await reserved(client, 1);
  const keyOf = ({ counter }: ShortTermId): Buffer => {
    const own = Buffer.from(key!);
    own.writeUIntBE(counter, 16, 6);
    return own;
  };
  const hierarchy = await collector(client, top.handle, false);
  assert.equal(await importDeletes(hierarchy, [keyOf(inner.id), keyOf(client.folderIds[4]!)], 1), 0x8007_0005);
  assert.equal(changesIn((await download(client, top.handle, 2)).words).length, 1, "the first of them is still there");
  assert.equal(await importDeletes(hierarchy, [keyOf(inner.id)], 3), 0);
  assert.equal(changesIn((await download(client, top.handle, 2)).words).length, 0);
  assert.equal(await importDeletes(await collector(client, top.handle), [keyOf(elsewhere)]), 0);
  assert.deepEqual([...(await listed(other)).keys()], ["Stays"]);
});

test("a move brings the client's version where both have the same; else the newer one is heard of", async () => {
  const [from, to] = [await newFolder(), await newFolder()];
  const move = async (subject: string, version: (own: Buffer) => Buffer, flip = 0): Promise<number> => {
    await newMessage(from, subject);
    const message = (await listed(from)).get(subject)!;
    const xid = version(Buffer.from(message.get(changeKey) as Uint8Array));
    const [destinationMessageId] = await reserved(client, 1);
    const upload = await collector(client, to.handle);
    const { returnValue } = await client.session.call(rops.RopSynchronizationImportMessageMove, upload, {
      sourceFolderId: Buffer.alloc(24), sourceMessageId: Buffer.concat([message.get(sourceKey) as Buffer, Buffer.alloc(2)]),
      predecessorChangeList: listOfXids(xid), destinationMessageId, changeNumber: xid,
    });
    const arrived = (await listed(to)).get(subject)!;
    assert.equal(hex(arrived.get(sourceKey)), hex(destinationMessageId), subject);
    assert.equal(hex(arrived.get(changeKey)) === hex(xid), flip === 1, `${subject}: whose version it has`);
    return returnValue;
  };
  const shifted = (by: number) => (own: Buffer): Buffer => {
    own.writeUIntBE(own.readUIntBE(16, 6) + by, 16, 6);
    return own;
  };
  assert.equal(await move("equal", (own) => own, 1), 0);
  assert.equal(await move("older", shifted(-1)), 0);
  assert.equal(await move("newer", shifted(1000)), 0x0004_0821);
  assert.equal(await move("of both", () => clientXid(30)), 0x0004_0821);
});

test("an imported read mark says nothing of other changes that the client has not seen", async () => {
  const folder = await newFolder();
  const id = await newMessage(folder, "Before");
  const { state, words } = await download(client, folder.handle, 1);
  const key = changesIn(words)[0]!.get(sourceKey) as Uint8Array;
  await change(folder, id, "Changed meanwhile");
  const upload = await collector(client, folder.handle);
  await client.session.must(rops.RopSynchronizationImportReadStateChanges, upload,
    { messageReadStates: [{ messageId: key, markAsRead: false }] });
  const after = await download(client, folder.handle, 1, joined(state, await stateOf(upload)));
  assert.deepEqual(changesIn(after.words).map((one) => one.get(tags.subject)), ["Changed meanwhile"]);
  assert.equal(shortSetIn(after.words, metaTags.idsetUnread), undefined, "the mark is the client's own");
});

test("of two versions of a message that do not know each other the later stays, and knows both", async () => {
  const folder = await newFolder();
  const id = await newMessage(folder, "Server");
  const key = (await listed(folder)).get("Server")!.get(sourceKey) as Uint8Array;
  const upload = await collector(client, folder.handle);
  for (const [number, modified, stays] of [[40, long.past, "Server"], [41, long.future, "Client"]] as const) {
    const version = { key, change: clientXid(number), predecessors: listOfXids(clientXid(number)), modified };
    assert.equal((await importChange(upload, version, 0x40)).returnValue, 0x8004_0802, "where asked, it is refused");
    const { returnValue, opened } = await importChange(upload, version);
    assert.equal(returnValue, 0);
    await client.set(opened, [[tags.subject, "Client"]]);
    await client.save(opened);
    const found = (await listed(folder)).get(stays);
    assert.ok(found !== undefined, stays);
    assert.equal(hex(found.get(changeKey)) === hex(clientXid(number)), stays === "Client");
    assert.equal(namespaces(found.get(predecessorList)), 2);
    await change(folder, id, "Server");
  }
});

test("deletions that were not asked for are told once they are", async () => {
  const folder = await newFolder();
  const messageId = await newMessage(folder, "Short-lived");
  const { state } = await download(client, folder.handle, 1);
  await client.session.must(folders.RopDeleteMessages, folder.handle, { wantAsynchronous: false, notifyNonRead: false, messageIds: [messageId] });
  const silent = await download(client, folder.handle, 1, state, { synchronizationFlags: contentsFlags | 0x2 });
  assert.equal(shortSetIn(silent.words, metaTags.idsetDeleted), undefined);
  const told = await download(client, folder.handle, 1, silent.state);
  assert.deepEqual(shortSetIn(told.words, metaTags.idsetDeleted), [messageId.counter]);
  const last = await download(client, folder.handle, 1, told.state);
  assert.equal(shortSetIn(last.words, metaTags.idsetDeleted), undefined);
});

test("copied messages bring what names them where it is asked for", async () => {
  const folder = await newFolder();
  const id = await newMessage(folder, "Named");
  const tagsOf = async (copyFlags: number): Promise<Set<number>> => {
    const { opened } = await client.session.must(transfers.RopFastTransferSourceCopyMessages, folder.handle,
      { messageIds: [id], copyFlags, sendOptions: 9 });
    return new Set((await takeAll(client, opened)).flatMap((word) => (word.kind === "property" ? [word.tag] : [])));
  };
  const naming = [sourceKey, changeKey, predecessorList, makeTag(0x3008, "Time"), binary(0x3a12)];
  const [plain, named] = [await tagsOf(0), await tagsOf(0x20)];
  assert.deepEqual(naming.map((tag) => [plain.has(tag), named.has(tag)]), naming.map(() => [false, true]));
});

test("text says its code page to a server that keeps it so, and goes out in the client's otherwise", async () => {
  const folder = await newFolder();
  const id = await newMessage(folder, "Grüße");
  const rows: [string, number, number, Buffer][] = [
    ["nothing", 0x00, 0x001e, Buffer.from("Grüße\0", "latin1")],
    ["Unicode", 0x01, 0x001f, Buffer.from("Grüße\0", "utf16le")],
    ["code pages told", 0x02, 0x84b0, Buffer.from("Grüße\0", "utf16le")],
    ["for an upload", 0x03, 0x84b0, Buffer.from("Grüße\0", "utf16le")],
    ["always Unicode", 0x09, 0x001f, Buffer.from("Grüße\0", "utf16le")],
  ];
  for (const [name, sendOptions, type, text] of rows) {
    const { opened } = await client.session.must(transfers.RopFastTransferSourceCopyMessages, folder.handle,
      { messageIds: [id], copyFlags: 0, sendOptions });
    const expected = Buffer.alloc(8 + text.length);
    expected.writeUInt16LE(type, 0);
    expected.writeUInt16LE(0x0037, 2);
    expected.writeUInt32LE(text.length, 4);
    text.copy(expected, 8);
    assert.ok((await takeRaw(client, opened)).includes(expected), name);
  }
});

test("what may not be removed is not moved, and what may not be read leaves a warning", async () => {
  const [shared, closed] = [await newFolder(), await newFolder()];
  const inner = await newFolder(shared.handle);
  const id = await newMessage(shared, "Alice's");
  await newMessage(inner, "Not for Bob");
  const bob = Buffer.from(encode(addressBookEntryId, { type: 0, x500Dn: await dnOf(server, "bob") }));
  const grant = (folder: Folder, rights: number) => client.session.must(permissions.RopModifyPermissions, folder.handle,
    { modifyFlags: 0, permissionsData: [{ permissionDataFlags: 1, propertyValues: [
      { tag: binary(0x0fff), value: bob }, { tag: makeTag(0x6673, "Integer32"), value: rights }] }] });
  await grant(shared, folderRoleRights.reviewer);
  await grant(inner, 0x400);
  const guest = await MailboxClient.open(server, "bob", "alice");
  const open = async (folder: Folder): Promise<number> => (await guest.session.must(folders.RopOpenFolder, guest.logon,
    { folderId: folder.id, openModeFlags: 0 })).opened;
  const handle = await open(shared);
  const subjects = async (copyFlags: number): Promise<{ subjects: unknown[]; warnings: number }> => {
    const { opened } = await guest.session.must(transfers.RopFastTransferSourceCopyMessages, handle,
      { messageIds: [id], copyFlags, sendOptions: 9 });
    return told(opened);
  };
  const told = async (opened: number): Promise<{ subjects: unknown[]; warnings: number }> => {
    const found = (await takeAll(guest, opened)).filter((word) => word.kind === "property");
    return {
      subjects: found.filter(({ tag }) => tag === tags.subject).map(({ value }) => value),
      warnings: found.filter(({ tag }) => tag === metaTags.ecWarning).length,
    };
  };
  assert.deepEqual(await subjects(0), { subjects: ["Alice's"], warnings: 0 });
  assert.deepEqual(await subjects(1), { subjects: [], warnings: 1 });
  const { opened: tree } = await guest.session.must(transfers.RopFastTransferSourceCopyFolder, handle, { copyFlags: 0x10, sendOptions: 9 });
  assert.deepEqual(await told(tree), { subjects: ["Alice's"], warnings: 1 });
  assert.notEqual((await guest.session.call(folders.RopOpenFolder, guest.logon, { folderId: closed.id, openModeFlags: 0 })).returnValue, 0);
  await guest.disconnect();
});
