/**
 * Proves what Outlook does after its first minute: it connects with its auxiliary blocks, asks the store for what it
 * needs, writes settings of its own into hidden messages and finds every byte of them again, invites to a meeting whose
 * answer comes back, gives a delegate rights; and, with a cache, takes folders and contents and asks on from the states
 * it was given. [MS-OXCRPC] 2.2.2.2, [MS-OXOSFLD], [MS-OXOCFG], [MS-OXODLGT], [MS-OXCFXICS] 3.1
 */
import { strict as assert } from "node:assert";
import { after, before, test } from "node:test";
import { decode, encode } from "#codec/binary/code.ts";
import { makeTag } from "#props/types.ts";
import type { PropertyTag, PropertyValue } from "#props/types.ts";
import type { ShortTermId } from "#props/object-ids.ts";
import { packAuxiliary, unpackAuxiliary } from "#wire/mapi/auxiliary.ts";
import { connectRequest, connectResponse } from "#wire/mapi/emsmdb.ts";
import { addressBookEntryId, parseEntryId } from "#wire/mapi/entry-ids.ts";
import { noHandle } from "#wire/mapi/rop-buffer.ts";
import * as transfers from "#wire/mapi/rops/fast-transfer.ts";
import * as folders from "#wire/mapi/rops/folders.ts";
import * as messages from "#wire/mapi/rops/messages.ts";
import * as permissions from "#wire/mapi/rops/permissions.ts";
import * as properties from "#wire/mapi/rops/properties.ts";
import * as store from "#wire/mapi/rops/store.ts";
import * as synchronization from "#wire/mapi/rops/synchronization.ts";
import { RopSetColumns } from "#wire/mapi/rops/tables.ts";
import * as transport from "#wire/mapi/rops/transport.ts";
import { TransferReader } from "#wire/mapi/transfer-stream.ts";
import type { TransferWord } from "#wire/mapi/transfer-stream.ts";
import { MapiClient } from "./support/mapi-client.ts";
import { dnOf, idFrom, logonPlaces, mailer, MailboxClient, startServer, tags, text } from "./support/mapi-mailbox.ts";
import { pause } from "./support/real-ctx.ts";
import { domain } from "./support/server.ts";
import type { TestServer } from "./support/server.ts";

let server: TestServer;
let alice: MailboxClient;
let bob: MailboxClient;
const binary = (id: number): PropertyTag => makeTag(id, "Binary");
const folderIdTag = makeTag(0x6748, "Integer64");

before(async () => {
  server = await startServer(["alice", "bob"]);
  alice = await MailboxClient.open(server, "alice");
  bob = await MailboxClient.open(server, "bob");
});
after(async () => {
  await alice?.disconnect();
  await bob?.disconnect();
  await server?.dispose();
});

/** The folder that an entry id names. */
async function openEntry(client: MailboxClient, entryId: unknown): Promise<{ handle: number; id: ShortTermId }> {
  const parsed = parseEntryId(entryId as Uint8Array);
  assert.equal(parsed?.kind, "folder");
  const { databaseGuid, counter } = parsed!.value as { databaseGuid: string; counter: number };
  const { body } = await client.session.must(store.RopIdFromLongTermId, client.logon,
    { longTermId: { replicaGuid: databaseGuid, counter } });
  const { opened } = await client.session.must(folders.RopOpenFolder, client.logon,
    { folderId: body.objectId, openModeFlags: 0 });
  return { handle: opened, id: body.objectId };
}

async function special(client: MailboxClient, id: number): Promise<{ handle: number; id: ShortTermId }> {
  const inbox = await client.openFolder("inbox");
  return await openEntry(client, (await client.get(inbox, [binary(id)]))[0]);
}

test("Connect with the blocks that Outlook sends, and some of no known type", async () => {
  const client = new MapiClient(server, "/mapi/emsmdb/?MailboxId=x", `alice@${domain}`);
  const words = Buffer.from("PC\0me\0", "utf16le");
  const info = Buffer.alloc(28);
  info.writeUInt16LE(32, 6);
  info.writeUInt16LE(38, 8);
  const auxiliaryBuffer = packAuxiliary([
    { version: 1, type: 0x02, data: Buffer.concat([info, words]) },
    { version: 2, type: 0x04, data: Buffer.alloc(24, 1) },
    { version: 1, type: 0x18, data: Buffer.alloc(20) },
    { version: 1, type: 0x4a, data: Buffer.concat([Buffer.alloc(16, 2), Buffer.from([28, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 65, 0, 0, 0])]) },
    { version: 7, type: 0x77, data: Buffer.from("unknown") },
  ]);
  const dn = await dnOf(server, "alice");
  const answer = await client.post("Connect", encode(connectRequest, {
    userDn: dn, flags: 0, defaultCodePage: 1252, lcidSort: 1033, lcidString: 1033, auxiliaryBuffer,
  }));
  assert.equal(answer.code, 0);
  const told = decode(connectResponse, answer.body);
  assert.equal(told.errorCode, 0);
  assert.ok(told.pollsMaxMs > 0 && told.retryCount > 0 && dn.startsWith(told.dnPrefix));
  assert.equal(told.displayName, "alice");
  assert.deepEqual(unpackAuxiliary(told.auxiliaryBuffer).map(({ type }) => type), [0x17, 0x0a, 0x48]);
  assert.match(String(answer.headers["x-serverapplication"]), /^Exchange\/15\.\d{2}\.\d{4}\.\d+$/);
  client.close();
});

test("the store names its folders, and its logon makes way for another of its id", async () => {
  const { session } = bob;
  const logOn = async (openFlags: number): Promise<number> => {
    const done = await session.execute([{ rop: store.RopLogon, logonId: 4, request: {
      outputHandleIndex: 0, logonFlags: 1, openFlags, storeState: 0, essdn: Buffer.from(`${session.dn}\0`, "latin1"),
    } }], [noHandle]);
    assert.equal(done.answers[0]!.returnValue, 0);
    return done.handles[0]!;
  };
  const first = await logOn(0x0100_0004);
  const second = await logOn(0x0100_0004 | 0x40);
  const { returnValue } = await session.call(store.RopGetStoreState, first, {});
  assert.equal(returnValue, 0x4b9, "the first is gone");
  const ids = [0x35e0, 0x35e2, 0x35e3, 0x35e4, 0x35e5, 0x35e6, 0x35e7];
  const places = [3, 5, 7, 6, 11, 8, 10];
  for (const [index, entryId] of (await bob.get(second, ids.map(binary)) as Uint8Array[]).entries()) {
    assert.deepEqual((await openEntry(bob, entryId)).id, bob.folderIds[places[index]!], ids[index]!.toString(16));
  }
  session.release(second);
});

/** What clients keep in hidden messages; the place is a folder of RopLogon, or the property of the inbox that names it. */
const kept: readonly (readonly [messageClass: string, place: number | keyof typeof logonPlaces, values: readonly (readonly [PropertyTag, PropertyValue])[]])[] = [
  ["IPM.Microsoft.WunderBar.Link", 8, [[makeTag(0x6849, "Integer32"), 0], [makeTag(0x684a, "Integer32"), 1],
    [binary(0x684c), Buffer.alloc(46, 3)], [binary(0x684b), Buffer.from([1, 0, 128, 255])],
    [makeTag(0x6852, "Integer32"), 1], [binary(0x6842), Buffer.alloc(16, 7)], [text(0x6851), "Favoriten ★"]]],
  ["IPM.Microsoft.WunderBar.SFInfo", 8, [[binary(0x6845), Buffer.alloc(700, 5)], [makeTag(0x6846, "Integer32"), 0x48]]],
  ["IPM.Microsoft.FolderDesign.NamedView", "inbox", [[binary(0x7001), Buffer.alloc(2000, 0xab)], [text(0x7006), "Kompakt"],
    [makeTag(0x7003, "Integer32"), 4], [text(0x7002), "columns"], [binary(0x7004), Buffer.alloc(0)]]],
  ["IPM.Configuration.CategoryList", 0x36d0, [[binary(0x7c08), Buffer.from("<?xml version=\"1.0\"?><categories/>")],
    [makeTag(0x7c06, "Integer32"), 4]]],
  ["IPM.Configuration.WorkHours", 0x36d0, [[binary(0x7c08), Buffer.alloc(3000, 0x20)], [makeTag(0x7c06, "Integer32"), 4]]],
  ["IPM.Configuration.UMOLK.UserOptions", "inbox", [[binary(0x7c07), Buffer.from("<UserConfiguration/>")]]],
  ["IPM.Microsoft.ScheduleData.FreeBusy", "root", [[text(0x0037), "LocalFreebusy"], [makeTag(0x6842, "Boolean"), true],
    [makeTag(0x684b, "Boolean"), false], [makeTag(0x6844, "MultipleString"), ["bob", "Änne"]],
    [makeTag(0x6845, "MultipleBinary"), [Buffer.alloc(120, 1), Buffer.alloc(90, 2)]],
    [makeTag(0x686b, "MultipleInteger32"), [1, 0]], [makeTag(0x6843, "Boolean"), true]]],
  ["IPM.ConversationAction", "inbox", [[makeTag(0x6849, "Integer32"), 9], [binary(0x0071), Buffer.alloc(22, 4)]]],
  ["IPM.RuleOrganizer", "inbox", [[binary(0x6802), Buffer.alloc(7000, 0x5a)], [text(0x0037), "Outlook Rules Organizer"]]],
  ["IPM.ExtendedRule.Message", "inbox", [[binary(0x0e99), Buffer.alloc(4000, 1)], [binary(0x0e9a), Buffer.alloc(3000, 2)],
    [text(0x65ec), "Junk E-mail Rule"], [makeTag(0x65e9, "Integer32"), 0], [makeTag(0x65f3, "Integer32"), 0]]],
  ["IPM.Microsoft.FolderDesign.FormsDescription", "inbox", [[text(0x6800), "IPM.Note.Special"], [binary(0x6817), Buffer.alloc(512, 9)]]],
];

test("settings in hidden messages: what was written is read, byte for byte, by another session too", async () => {
  const again = await MailboxClient.open(server, "alice");
  for (const [messageClass, place, values] of kept) {
    const { handle, id } = typeof place === "number" && place > 0x3000 ? await special(alice, place)
      : { handle: 0, id: alice.folderIds[typeof place === "string" ? logonPlaces[place] : place]! };
    const { opened } = await alice.session.must(messages.RopCreateMessage, alice.logon,
      { codePageId: 0x0fff, folderId: id, associatedFlag: true });
    await alice.set(opened, [[tags.messageClass, messageClass], ...values]);
    const messageId = await alice.save(opened);
    const { opened: folder } = await again.session.must(folders.RopOpenFolder, again.logon, { folderId: id, openModeFlags: 0 });
    const { opened: read } = await again.session.must(messages.RopOpenMessage, folder,
      { codePageId: 0x0fff, folderId: id, openModeFlags: 0, messageId });
    const found = await again.get(read, [tags.messageClass, ...values.map(([tag]) => tag)]);
    const plain = (value: unknown): unknown => (value instanceof Uint8Array ? Buffer.from(value).toString("hex")
      : Array.isArray(value) ? value.map(plain) : value);
    assert.deepEqual(found.map(plain), [messageClass, ...values.map(([, value]) => plain(value))], messageClass);
    const columns = [tags.mid, tags.messageClass];
    const rows = await again.rows(await again.contents(folder, columns, 0x02), columns);
    assert.ok(rows.some(([mid, shown]) => shown === messageClass && idFrom(mid as bigint).counter === messageId.counter), messageClass);
    for (const one of [opened, handle]) if (one > 0) alice.session.release(one);
  }
  await again.disconnect();
});

test("entry ids that a client puts on its root and inbox stay as it wrote them", async () => {
  const four = [Buffer.alloc(0), Buffer.alloc(70, 1), Buffer.alloc(70, 2), Buffer.alloc(46, 3)];
  const extra = Buffer.concat([Buffer.from([1, 0x80, 4, 0, 0, 0, 0, 0]), Buffer.alloc(4)]);
  for (const place of ["root", "inbox"] as const) {
    const folder = await bob.openFolder(place);
    await bob.set(folder, [[makeTag(0x36e4, "MultipleBinary"), four], [binary(0x36d9), extra],
      [makeTag(0x36d8, "MultipleBinary"), four], [binary(0x36df), Buffer.alloc(30, 8)]]);
    const found = await bob.get(folder, [makeTag(0x36e4, "MultipleBinary"), binary(0x36d9), makeTag(0x36d8, "MultipleBinary")]);
    assert.deepEqual((found[0] as Uint8Array[]).map((one) => Buffer.from(one)), four);
    assert.deepEqual(Buffer.from(found[1] as Uint8Array), extra);
    assert.deepEqual((found[2] as Uint8Array[]).map((one) => Buffer.from(one)), four);
  }
});

async function namedIds(client: MailboxClient, guid: string, lids: readonly number[]): Promise<readonly number[]> {
  const { body } = await client.session.must(properties.RopGetPropertyIdsFromNames, client.logon,
    { flags: 2, propertyNames: lids.map((id) => ({ guid, id })) });
  return body.propertyIds;
}

const appointmentSet = "00062002-0000-0000-c000-000000000046";
const meetingSet = "6ed8da90-450b-101b-98da-00aa003f1305";
const goid = Buffer.concat([
  Buffer.from("040000008200e00074c5b7101a82e00800000000", "hex"), Buffer.alloc(16), Buffer.from([16, 0, 0, 0]), Buffer.alloc(16, 0x5c),
]);

async function waitForRow(client: MailboxClient, folder: number, passes: (row: readonly unknown[]) => boolean,
  columns: readonly PropertyTag[]): Promise<readonly unknown[]> {
  for (let tries = 0; tries < 80; tries++, await pause(50)) {
    const table = await client.contents(folder, columns);
    const found = (await client.rows(table, columns)).find(passes);
    client.session.release(table);
    if (found !== undefined) return found;
  }
  return assert.fail("it did not come");
}

test("a meeting: sent as Outlook makes it, it stands in the other calendar; its acceptance comes back", async () => {
  const start = 134_500_000_000_000_000n;
  const values = async (client: MailboxClient): Promise<(readonly [PropertyTag, PropertyValue])[]> => {
    const [whole, end, place, state, busy] = await namedIds(client, appointmentSet, [0x820d, 0x820e, 0x8208, 0x8217, 0x8205]);
    const [global, clean] = await namedIds(client, meetingSet, [0x0003, 0x0023]);
    return [[makeTag(whole!, "Time"), start], [makeTag(end!, "Time"), start + 36_000_000_000n], [text(place!), "Room 1"],
      [makeTag(state!, "Integer32"), 1], [makeTag(busy!, "Integer32"), 2], [binary(global!), goid], [binary(clean!), goid]];
  };
  const { handle: calendar, id } = await special(alice, 0x36d0);
  const { opened: made } = await alice.session.must(messages.RopCreateMessage, calendar,
    { codePageId: 0x0fff, folderId: id, associatedFlag: false });
  await alice.set(made, [[tags.messageClass, "IPM.Appointment"], [tags.subject, "Planning"], ...await values(alice)]);
  await alice.addRecipient(made, `bob@${domain}`);
  await alice.save(made);
  const request = await alice.create("outbox", [[tags.messageClass, "IPM.Schedule.Meeting.Request"], [tags.subject, "Planning"],
    ...await values(alice)]);
  await alice.addRecipient(request, `bob@${domain}`);
  await alice.session.must(transport.RopSubmitMessage, request, { submitFlags: 0 });
  const columns = [tags.mid, tags.messageClass, tags.subject];
  const inbox = await bob.openFolder("inbox");
  await waitForRow(bob, inbox, ([, shown]) => shown === "IPM.Schedule.Meeting.Request", columns);
  const bobs = await special(bob, 0x36d0);
  const [mid] = await waitForRow(bob, bobs.handle, ([, shown, subject]) => shown === "IPM.Appointment" && subject === "Planning", columns);
  const { opened: theirs } = await bob.session.must(messages.RopOpenMessage, bobs.handle,
    { codePageId: 0x0fff, folderId: bobs.id, openModeFlags: 1, messageId: idFrom(mid as bigint) });
  const set = await values(bob);
  const found = await bob.get(theirs, [set[0]![0], set[2]![0], set[5]![0]]);
  assert.deepEqual([found[0], found[1], Buffer.from(found[2] as Uint8Array)], [start, "Room 1", goid]);
  const answer = await bob.create("outbox", [[tags.messageClass, "IPM.Schedule.Meeting.Resp.Pos"], [tags.subject, "Accepted: Planning"],
    ...set.filter((_, index) => index !== 3)]);
  await bob.addRecipient(answer, `alice@${domain}`);
  await bob.session.must(transport.RopSubmitMessage, answer, { submitFlags: 0 });
  await waitForRow(alice, await alice.openFolder("inbox"), ([, shown]) => shown === "IPM.Schedule.Meeting.Resp.Pos", columns);
});

test("a delegate: the list in the local free/busy message, rights of the calendar with free/busy, and what they open", async () => {
  const { handle: calendar, id } = await special(alice, 0x36d0);
  const entryId = Buffer.from(encode(addressBookEntryId, { type: 0, x500Dn: await dnOf(server, "bob") }));
  const rightsTag = makeTag(0x6673, "Integer32");
  await alice.session.must(permissions.RopModifyPermissions, calendar, { modifyFlags: 0x02, permissionsData: [{
    permissionDataFlags: 1, propertyValues: [{ tag: binary(0x0fff), value: entryId }, { tag: rightsTag, value: 0x047b | 0x1800 }],
  }] });
  for (const [tableFlags, expected] of [[0x02, 0x1c7b], [0, 0x047b]] as const) {
    const { opened } = await alice.session.must(permissions.RopGetPermissionsTable, calendar, { tableFlags });
    await alice.session.must(RopSetColumns, opened, { setColumnsFlags: 0, propertyTags: [text(0x6672), rightsTag] });
    const rows = await alice.rows(opened, [text(0x6672), rightsTag]);
    assert.deepEqual(rows.find(([name]) => name === "bob"), ["bob", expected]);
  }
  const shared = await MailboxClient.over(bob.session, alice.session.dn);
  const { opened } = await bob.session.must(folders.RopOpenFolder, shared.logon, { folderId: id, openModeFlags: 0 });
  const rows = await shared.rows(await shared.contents(opened, [tags.subject]), [tags.subject]);
  assert.ok(rows.some(([subject]) => subject === "Planning"));
  const refused = await bob.session.call(folders.RopGetContentsTable,
    (await bob.session.call(folders.RopOpenFolder, shared.logon, { folderId: alice.folderIds[4], openModeFlags: 0 })).opened,
    { tableFlags: 0 });
  assert.notEqual(refused.returnValue, 0, "the inbox is not theirs");
  bob = await MailboxClient.open(server, "bob");
});

type State = Map<number, Uint8Array>;

async function synchronize(folder: number, synchronizationType: number, state: State): Promise<{ words: TransferWord[]; state: State }> {
  const { opened } = await alice.session.must(synchronization.RopSynchronizationConfigure, folder, {
    synchronizationType, sendOptions: 0x9, synchronizationFlags: synchronizationType === 1 ? 0x2039 : 0x0101, restrictionData: null,
    synchronizationExtraFlags: 0x7, propertyTags: [],
  });
  for (const [stateProperty, streamData] of state) {
    await alice.session.must(synchronization.RopSynchronizationUploadStateStreamBegin, opened,
      { stateProperty: stateProperty as PropertyTag, transferBufferSize: streamData.length });
    await alice.session.must(synchronization.RopSynchronizationUploadStateStreamContinue, opened, { streamData });
    await alice.session.must(synchronization.RopSynchronizationUploadStateStreamEnd, opened);
  }
  const reader = new TransferReader();
  const words: TransferWord[] = [];
  for (let status = 0; status !== 3;) {
    const { body } = await alice.session.must(transfers.RopFastTransferSourceGetBuffer, opened,
      { bufferSize: 0xbabe, maximumBufferSize: 0x7fff });
    words.push(...reader.push(body.transferBuffer));
    status = body.transferStatus;
  }
  alice.session.release(opened);
  const from = words.findIndex((word) => word.kind === "marker" && word.marker === "IncrSyncStateBegin");
  const to = words.findIndex((word) => word.kind === "marker" && word.marker === "IncrSyncStateEnd");
  const end = new Map(words.slice(from + 1, to).map((word) =>
    [(word as { tag: number }).tag, Uint8Array.from((word as { value: Uint8Array }).value)]));
  return { words, state: end };
}

const changes = (words: readonly TransferWord[]): number =>
  words.filter((word) => word.kind === "marker" && word.marker === "IncrSyncChg").length;

test("a cache: ids reserved, folders, contents of each of them; asked again from the states, nothing; then only what is new", async () => {
  const { body } = await alice.session.must(synchronization.RopGetLocalReplicaIds, alice.logon, { idCount: 0x10000 });
  const next = await alice.session.must(synchronization.RopGetLocalReplicaIds, alice.logon, { idCount: 1 });
  assert.ok(next.body.globalCount >= body.globalCount + 0x10000, "a range of its own");
  const subtree = await alice.openFolder("ipmSubtree");
  const hierarchy = await synchronize(subtree, 2, new Map());
  const known = hierarchy.words.flatMap((word) =>
    (word.kind === "property" && word.tag === folderIdTag ? [idFrom(word.value as bigint)] : []));
  assert.ok(known.length >= 12 && known.length === changes(hierarchy.words), `${known.length} folders`);
  assert.equal(changes((await synchronize(subtree, 2, hierarchy.state)).words), 0);
  const states = new Map<number, { handle: number; state: State }>();
  let messagesCount = 0;
  for (const folderId of known) {
    const { opened } = await alice.session.must(folders.RopOpenFolder, alice.logon, { folderId, openModeFlags: 0 });
    const { words, state } = await synchronize(opened, 1, new Map());
    assert.equal(state.size, 4);
    messagesCount += changes(words);
    states.set(folderId.counter, { handle: opened, state });
  }
  assert.ok(messagesCount >= 5, `${messagesCount} messages`);
  for (const { handle, state } of states.values()) assert.equal(changes((await synchronize(handle, 1, state)).words), 0);
  const sender = mailer(server, "bob");
  await sender.sendMail({ from: `bob@${domain}`, to: `alice@${domain}`, subject: "after the cache", text: "new" });
  sender.close();
  const inbox = await alice.openFolder("inbox");
  await waitForRow(alice, inbox, ([subject]) => subject === "after the cache", [tags.subject]);
  let fresh = 0;
  for (const { handle, state } of states.values()) fresh += changes((await synchronize(handle, 1, state)).words);
  assert.equal(fresh, 1, "in one folder, one message");
  assert.deepEqual(server.errors(), []);
});
