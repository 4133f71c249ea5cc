/**
 * Proves synchronization over the wire as Outlook in cached mode asks for it: a first download of folders and of
 * messages, later ones that tell only what changed, read marks, deletions, states that the server gives and takes back.
 */
import { strict as assert } from "node:assert";
import { after, before, test } from "node:test";
import { makeTag } from "#props/types.ts";
import type { PropertyTag } from "#props/types.ts";
import { CounterSet, decodeIdSet, encodeIdSet } from "#wire/mapi/id-set.ts";
import * as transfers from "#wire/mapi/rops/fast-transfer.ts";
import * as messages from "#wire/mapi/rops/messages.ts";
import * as folders from "#wire/mapi/rops/folders.ts";
import * as rops from "#wire/mapi/rops/synchronization.ts";
import { metaTags, TransferWriter } from "#wire/mapi/transfer-stream.ts";
import type { TransferWord } from "#wire/mapi/transfer-stream.ts";
import { MailboxClient, startServer, tags, text } from "./support/mapi-mailbox.ts";
import {
  changesIn, clientXid, collector as collectorOf, contentsFlags, download, identity as identityOf, listOfXids as listOf,
  noState, reserved as reservedFor, stateIn, takeAll as take,
} from "./support/mapi-sync.ts";
import type { Downloaded, SyncState } from "./support/mapi-sync.ts";
import { ImapClient } from "./support/imap-client.ts";
import { TestServer, domain, password } from "./support/server.ts";

let server: TestServer;
let client: MailboxClient;

before(async () => {
  server = await startServer(["alice", "bob"]);
  client = await MailboxClient.open(server, "alice");
});
after(() => server.dispose());

type State = SyncState;

const takeAll = (source: number): Promise<TransferWord[]> => take(client, source);
const sync = (folder: number, type: number, state: State, more: object = {}): Promise<Downloaded> =>
  download(client, folder, type, state, more);

function valueIn(words: readonly TransferWord[], tag: number): Uint8Array | undefined {
  const found = words.find((word) => word.kind === "property" && word.tag === tag);
  return found?.kind === "property" ? found.value as Uint8Array : undefined;
}

test("the folders of a mailbox, parents first, then only what changed", async () => {
  const root = await client.openFolder("ipmSubtree");
  const first = await sync(root, 2, noState);
  const changes = changesIn(first.words);
  const names = changes.map((one) => one.get(tags.displayName));
  assert.ok(names.includes("Inbox") && names.includes("Calendar"), names.join(", "));
  assert.deepEqual([...changes[0]!.keys()].slice(0, 8).map((tag) => tag.toString(16)),
    ["65e10102", "65e00102", "30080040", "65e20102", "65e30102", "3001001f", "67480014", "67490014"]);
  assert.equal((changes[0]!.get(0x65e1_0102) as Uint8Array).length, 0, "directly below the root");
  assert.deepEqual([...first.state.keys()], [metaTags.idsetGiven, metaTags.cnsetSeen]);
  const again = await sync(root, 2, first.state);
  assert.deepEqual(changesIn(again.words), []);
  const { body } = await client.session.must(folders.RopCreateFolder, root, {
    folderType: 1, useUnicodeStrings: true, openExisting: false, reserved: 0, displayName: "Plans", comment: "",
  });
  const later = await sync(root, 2, again.state);
  assert.deepEqual(changesIn(later.words).map((one) => one.get(tags.displayName)), ["Plans"]);
  await client.session.must(folders.RopDeleteFolder, root, { deleteFolderFlags: 0x11, folderId: body.folderId });
  const last = await sync(root, 2, later.state);
  assert.deepEqual(changesIn(last.words), []);
  const gone = valueIn(last.words, metaTags.idsetDeleted)!;
  assert.deepEqual([...decodeIdSet(Buffer.concat([Buffer.alloc(16), gone.subarray(2)])).values().next().value!],
    [body.folderId.counter]);
});

test("messages: all of them first, then changes, read marks and deletions", async () => {
  const imap = await ImapClient.signedIn(server.at("imaps"), "alice", password);
  await imap.append("INBOX", Buffer.from("From: bob@example.test\r\nTo: alice@example.test, Kim <kim@outside.test>\r\n" +
    "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nMIME-Version: 1.0\r\n" +
    "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>Hello</p>\r\n" +
    "--b\r\nContent-Type: application/x-data; name=a.bin\r\nContent-Transfer-Encoding: base64\r\n\r\nAAECAw==\r\n--b--\r\n"));
  const inbox = await client.openFolder("inbox");
  const own = await client.create("inbox", [[tags.subject, "By properties"], [tags.body, "Text"]]);
  const ownId = await client.save(own);
  const first = await sync(inbox, 1, noState);
  const changes = changesIn(first.words);
  assert.deepEqual(changes.map((one) => one.get(tags.subject)).sort(), ["By properties", "Grüße"]);
  assert.deepEqual([...changes[0]!.keys()].slice(0, 7).map((tag) => tag.toString(16)),
    ["65e00102", "30080040", "65e20102", "65e30102", "67aa000b", "674a0014", "67a40014"]);
  const names = first.words.filter((word) => word.kind === "property" && word.tag === tags.displayName)
    .map((word) => (word as { value: unknown }).value);
  assert.deepEqual(names.slice(0, 2).sort(), ["Kim", `alice@${domain}`]);
  assert.deepEqual(Buffer.from(valueIn(first.words, 0x3701_0102)!), Buffer.from([0, 1, 2, 3]));
  assert.match(Buffer.from(valueIn(first.words, 0x1013_0102)!).toString(), /<p>Hello<\/p>/);
  assert.deepEqual([...first.state.keys()],
    [metaTags.idsetGiven, metaTags.cnsetSeen, metaTags.cnsetSeenFai, metaTags.cnsetRead]);

  const nothing = await sync(inbox, 1, first.state);
  assert.deepEqual(changesIn(nothing.words), []);
  assert.equal(nothing.words.filter(({ kind }) => kind === "marker").length, 3);

  await client.session.must(messages.RopSetReadFlags, inbox, { wantAsynchronous: false, readFlags: 0x04, messageIds: [ownId] });
  const read = await sync(inbox, 1, nothing.state);
  assert.deepEqual(changesIn(read.words), []);
  assert.ok(valueIn(read.words, metaTags.idsetUnread) ?? valueIn(read.words, metaTags.idsetRead));

  const open = await client.open(inbox, "inbox", ownId);
  await client.set(open, [[tags.subject, "Changed"]]);
  await client.save(open);
  const changed = await sync(inbox, 1, read.state);
  assert.deepEqual(changesIn(changed.words).map((one) => one.get(tags.subject)), ["Changed"]);

  await imap.ok("SELECT INBOX");
  await imap.ok("STORE 1 +FLAGS (\\Deleted)");
  await imap.ok("EXPUNGE");
  const deleted = await sync(inbox, 1, changed.state);
  assert.deepEqual(changesIn(deleted.words), []);
  assert.ok(valueIn(deleted.words, metaTags.idsetDeleted));

  const [replica] = decodeIdSet(deleted.state.get(metaTags.idsetGiven)!).keys();
  const forgetful = new Map(deleted.state);
  forgetful.set(metaTags.cnsetSeen, new Uint8Array(0));
  forgetful.set(metaTags.idsetGiven, encodeIdSet(new Map([[replica!, CounterSet.of([ownId.counter, 9_000_000])]])));
  const full = await sync(inbox, 1, forgetful);
  assert.deepEqual(changesIn(full.words).map((one) => one.get(tags.subject)), ["Changed"]);
  const gone = valueIn(full.words, metaTags.idsetDeleted)!;
  assert.deepEqual([...decodeIdSet(Buffer.concat([Buffer.alloc(16), gone.subarray(2)])).values().next().value!], [9_000_000]);
  imap.close();
});

test("the state can be asked for by itself, and nonsense is refused", async () => {
  const inbox = await client.openFolder("inbox");
  const configure = { synchronizationType: 1, sendOptions: 9, synchronizationFlags: contentsFlags, restrictionData: null,
    synchronizationExtraFlags: 1, propertyTags: [] };
  const { opened } = await client.session.must(rops.RopSynchronizationConfigure, inbox, configure);
  await takeAll(opened);
  const { opened: state } = await client.session.must(rops.RopSynchronizationGetTransferState, opened, {});
  const words = await takeAll(state);
  assert.equal(stateIn([...words, { kind: "marker", marker: "IncrSyncStateEnd" }]).size, 4);
  const begin = (stateProperty: number) => client.session.call(rops.RopSynchronizationUploadStateStreamBegin, opened,
    { stateProperty: stateProperty as PropertyTag, transferBufferSize: 1 });
  assert.notEqual((await begin(metaTags.cnsetSeen)).returnValue, 0, "too late");
  const { opened: fresh } = await client.session.must(rops.RopSynchronizationConfigure, inbox, configure);
  const stream = { stateProperty: metaTags.cnsetSeen as PropertyTag, transferBufferSize: 3 };
  await client.session.must(rops.RopSynchronizationUploadStateStreamBegin, fresh, stream);
  await client.session.must(rops.RopSynchronizationUploadStateStreamContinue, fresh, { streamData: Buffer.from([1, 2, 3]) });
  const end = await client.session.call(rops.RopSynchronizationUploadStateStreamEnd, fresh, {});
  assert.equal(end.returnValue, 0x8007_0057);
  const wrong = await client.session.call(rops.RopSynchronizationConfigure, inbox, { ...configure, synchronizationType: 3 });
  assert.equal(wrong.returnValue, 0x8007_0057);
});

test("a message and a folder as streams", async () => {
  const inbox = await client.openFolder("inbox");
  const note = await client.create("inbox", [[tags.subject, "Streamed"], [text(0x1000), "Body"]]);
  await client.addRecipient(note, "kim@outside.test");
  const id = await client.save(note);
  const copy = { level: 0, copyFlags: 0, sendOptions: 9, propertyTags: [] as PropertyTag[] };
  const { opened } = await client.session.must(transfers.RopFastTransferSourceCopyTo, note, copy);
  const words = await takeAll(opened);
  assert.equal(changesIn([{ kind: "marker", marker: "IncrSyncChg" }, ...words])[0]!.get(tags.subject), "Streamed");
  assert.ok(words.some((word) => word.kind === "marker" && word.marker === "StartRecip"));
  const only = await client.session.must(transfers.RopFastTransferSourceCopyProperties, note,
    { ...copy, propertyTags: [tags.subject] });
  assert.deepEqual(await takeAll(only.opened), [{ kind: "property", tag: tags.subject, name: null, value: "Streamed" }]);
  const list = await client.session.must(transfers.RopFastTransferSourceCopyMessages, inbox,
    { messageIds: [id], copyFlags: 0, sendOptions: 9 });
  const [start] = await takeAll(list.opened);
  assert.deepEqual(start, { kind: "marker", marker: "StartMessage" });
  const tree = await client.session.must(transfers.RopFastTransferSourceCopyFolder, inbox, { copyFlags: 0x10, sendOptions: 9 });
  const folder = await takeAll(tree.opened);
  assert.deepEqual(folder[0], { kind: "marker", marker: "StartTopFld" });
  assert.deepEqual(folder.at(-1), { kind: "marker", marker: "EndFolder" });
  const named = folder.filter((word) => word.kind === "property").map(({ tag }) => tag);
  assert.ok(named.includes(makeTag(0x3001, "String")) && !named.some((tag) => tag >>> 16 === 0x0fff));
});

/** Identifying properties of a change, in their order. */
const identity = (key: Uint8Array, change: number, predecessors: Buffer): ReturnType<typeof identityOf> =>
  identityOf({ key, change: clientXid(change), predecessors });
const reserved = (count: number): Promise<Buffer[]> => reservedFor(client, count);
const collector = (folder: number, isContents = true): Promise<number> => collectorOf(client, folder, isContents);

async function put(target: number, write: (writer: TransferWriter) => void, sourceOperation = 1): Promise<void> {
  const { opened } = await client.session.must(transfers.RopFastTransferDestinationConfigure, target,
    { sourceOperation, copyFlags: 0 });
  const writer = new TransferWriter();
  write(writer);
  while (writer.sizeBytes > 0) {
    const transferData = writer.take(300);
    await client.session.must(transfers.RopFastTransferDestinationPutBuffer, opened, { transferData });
  }
}

test("a message made away from the server keeps its key, its version and its parts", async () => {
  const inbox = await client.openFolder("inbox");
  const before = await sync(inbox, 1, noState);
  const [key, other] = await reserved(2);
  const upload = await collector(inbox);
  const request = { importFlag: 0, propertyValues: identity(key!, 1, listOf(clientXid(1))) };
  const { opened: message } = await client.session.must(rops.RopSynchronizationImportMessageChange, upload, request);
  await put(message, (writer) => {
    writer.property(tags.messageClass, "IPM.Note");
    writer.property(tags.subject, "Made offline");
    writer.property(makeTag(0x0e07, "Integer32"), 1);
    writer.property(makeTag(0x8001, "String"), "kept", { guid: "00062008-0000-0000-c000-000000000046", id: "Own" });
    writer.meta(metaTags.delProp, 0x0e12_000d);
    writer.marker("StartRecip");
    writer.property(makeTag(0x3000, "Integer32"), 0);
    writer.property(makeTag(0x0c15, "Integer32"), 1);
    writer.property(tags.displayName, "Kim");
    writer.property(text(0x3002), "SMTP");
    writer.property(text(0x3003), "kim@outside.test");
    writer.marker("EndToRecip");
    writer.meta(metaTags.delProp, 0x0e13_000d);
    writer.marker("NewAttach");
    writer.property(makeTag(0x0e21, "Integer32"), 0);
    writer.property(makeTag(0x3705, "Integer32"), 1);
    writer.property(text(0x3707), "a.bin");
    writer.beginBytes(makeTag(0x3701, "Binary"), null, 100_000);
    writer.part(Buffer.alloc(100_000, 9));
    writer.marker("EndAttach");
  });
  await client.save(message);
  const { opened: stateSource } = await client.session.must(rops.RopSynchronizationGetTransferState, upload, {});
  const own = stateIn(await takeAll(stateSource));
  assert.equal(decodeIdSet(own.get(metaTags.idsetGiven)!).size, 1);

  const seen = await sync(inbox, 1, before.state);
  const [change] = changesIn(seen.words);
  assert.equal(Buffer.from(change!.get(0x65e0_0102) as Uint8Array).toString("hex"), key!.toString("hex"));
  assert.equal(Buffer.from(change!.get(0x65e2_0102) as Uint8Array).toString("hex"), clientXid(1).toString("hex"));
  assert.equal(Buffer.from(change!.get(0x65e3_0102) as Uint8Array).toString("hex"), listOf(clientXid(1)).toString("hex"));
  assert.equal(change!.get(tags.subject), "Made offline");
  const named = seen.words.find((word) => word.kind === "property" && word.name?.id === "Own");
  assert.equal(named?.kind === "property" && named.value, "kept");
  const data = seen.words.filter((word) => word.kind === "part").map((word) => word.bytes);
  assert.ok(Buffer.concat(data).equals(Buffer.alloc(100_000, 9)));
  const merged = new Map([...before.state, ...own].map(([tag]) => [tag, encodeIdSet(new Map(
    [...decodeIdSet(before.state.get(tag)!)].map(([replica, set]) => [
      replica, set.with(decodeIdSet(own.get(tag)!).get(replica)?.ranges ?? []),
    ])))] as const));
  assert.deepEqual(changesIn((await sync(inbox, 1, merged)).words), [], "what one uploaded oneself does not come back");

  const older = await client.session.call(rops.RopSynchronizationImportMessageChange, upload, request);
  assert.equal(older.returnValue, 0x8004_0801, "the server has it already");
  const conflicting = { importFlag: 0x40, propertyValues: [
    request.propertyValues[0], request.propertyValues[1],
    { tag: makeTag(0x65e2, "Binary"), value: Buffer.concat([Buffer.alloc(16, 7), Buffer.from([1])]) },
    { tag: makeTag(0x65e3, "Binary"), value: listOf(Buffer.concat([Buffer.alloc(16, 7), Buffer.from([1])])) },
  ] };
  assert.equal((await client.session.call(rops.RopSynchronizationImportMessageChange, upload, conflicting)).returnValue, 0x8004_0802);
  const newer = { importFlag: 0, propertyValues: identity(key!, 2, listOf(clientXid(2))) };
  const { opened: second } = await client.session.must(rops.RopSynchronizationImportMessageChange, upload, newer);
  await client.set(second, [[tags.subject, "Changed offline"]]);
  await client.save(second);
  const later = changesIn((await sync(inbox, 1, seen.state)).words);
  assert.deepEqual(later.map((one) => one.get(tags.subject)), ["Changed offline"]);
  assert.equal(Buffer.from(later[0]!.get(0x65e2_0102) as Uint8Array).toString("hex"), clientXid(2).toString("hex"));

  const foreign = { importFlag: 0, propertyValues: identity(Buffer.concat([clientXid(0).subarray(0, 16), Buffer.alloc(6, 1)]), 3, listOf(clientXid(3))) };
  assert.equal((await client.session.call(rops.RopSynchronizationImportMessageChange, upload, foreign)).returnValue, 0x8007_0057);

  const sent = await client.openFolder("sentItems");
  const target = await collector(sent);
  await client.session.must(rops.RopSynchronizationImportMessageMove, target, {
    sourceFolderId: Buffer.alloc(22), sourceMessageId: key, predecessorChangeList: listOf(clientXid(2)),
    destinationMessageId: other, changeNumber: clientXid(2),
  });
  const arrived = changesIn((await sync(sent, 1, noState)).words);
  assert.equal(Buffer.from(arrived[0]!.get(0x65e0_0102) as Uint8Array).toString("hex"), other!.toString("hex"));
  assert.equal(arrived[0]!.get(tags.subject), "Changed offline");
  const onceMore = await client.session.call(rops.RopSynchronizationImportMessageChange, upload, newer);
  assert.equal(onceMore.returnValue, 0x8004_0800, "it left this id");

  await client.session.must(rops.RopSynchronizationImportReadStateChanges, target,
    { messageReadStates: [{ messageId: other, markAsRead: false }] });
  await client.session.must(rops.RopSynchronizationImportDeletes, target,
    { importDeleteFlags: 0, propertyValues: [{ tag: makeTag(0x0000, "MultipleBinary"), value: [other] }] });
  assert.deepEqual(changesIn((await sync(sent, 1, noState)).words), []);
});

test("folders made, renamed and removed away from the server", async () => {
  const root = await client.openFolder("ipmSubtree");
  const [key, inner] = await reserved(2);
  const upload = await collector(root, false);
  const folder = (sourceKey: Buffer, parent: Buffer, change: number, name: string) => ({
    hierarchyValues: [
      { tag: makeTag(0x65e1, "Binary"), value: parent }, ...identity(sourceKey, change, listOf(clientXid(change))),
      { tag: tags.displayName, value: name },
    ],
    propertyValues: [{ tag: makeTag(0x3613, "String"), value: "IPF.Task" }],
  });
  const none = Buffer.alloc(0);
  await client.session.must(rops.RopSynchronizationImportHierarchyChange, upload, folder(key!, none, 10, "Offline"));
  await client.session.must(rops.RopSynchronizationImportHierarchyChange, upload, folder(inner!, key!, 11, "Inside"));
  const state = (await sync(root, 2, noState)).state;
  await client.session.must(rops.RopSynchronizationImportHierarchyChange, upload, folder(key!, none, 12, "Renamed"));
  const changed = changesIn((await sync(root, 2, state)).words);
  assert.deepEqual(changed.map((one) => one.get(tags.displayName)), ["Renamed"]);
  assert.equal(Buffer.from(changed[0]!.get(0x65e0_0102) as Uint8Array).toString("hex"), key!.toString("hex"));
  assert.equal(changed[0]!.get(makeTag(0x3613, "String")), "IPF.Task");
  const orphan = await client.session.call(rops.RopSynchronizationImportHierarchyChange, upload,
    folder(Buffer.concat([key!.subarray(0, 16), Buffer.alloc(6, 3)]), Buffer.concat([key!.subarray(0, 16), Buffer.alloc(6, 2)]), 13, "Lost"));
  assert.equal(orphan.returnValue, 0x8004_0803);
  await client.session.must(rops.RopSynchronizationImportDeletes, upload,
    { importDeleteFlags: 1, propertyValues: [{ tag: makeTag(0x0000, "MultipleBinary"), value: [key, inner] }] });
  const names = changesIn((await sync(root, 2, noState)).words).map((one) => one.get(tags.displayName));
  assert.ok(!names.includes("Renamed") && !names.includes("Inside"));
});

test("messages copied as a stream come into another folder whole", async () => {
  const inbox = await client.openFolder("inbox");
  const drafts = await client.openFolder("sentItems");
  const inner = await client.create("inbox", [[tags.subject, "Outer"]]);
  const id = await client.save(inner);
  const { opened } = await client.session.must(transfers.RopFastTransferSourceCopyMessages, inbox,
    { messageIds: [id], copyFlags: 0, sendOptions: 9 });
  const { body } = await client.session.must(transfers.RopFastTransferSourceGetBuffer, opened,
    { bufferSize: 0x7000, maximumBufferSize: undefined });
  const { opened: target } = await client.session.must(transfers.RopFastTransferDestinationConfigure, drafts,
    { sourceOperation: 3, copyFlags: 0 });
  await client.session.must(transfers.RopFastTransferDestinationPutBuffer, target, { transferData: body.transferBuffer });
  const names = changesIn((await sync(drafts, 1, noState)).words).map((one) => one.get(tags.subject));
  assert.deepEqual(names, ["Outer"]);
  const broken = await client.session.call(transfers.RopFastTransferDestinationPutBuffer, target,
    { transferData: Buffer.from("030004400000", "hex") });
  assert.equal(broken.returnValue, 0x8004_011b);
});
