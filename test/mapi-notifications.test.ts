/**
 * Proves notifications over real HTTPS: a client that waits hears of mail, of what IMAP does and of its own changes
 * within a second, as events of the store and of tables; what does not fit comes with the next call, and too much
 * becomes one event. [MS-OXCNOTIF]
 */
import { strict as assert } from "node:assert";
import { after, before, test } from "node:test";
import { ImapFlow } from "imapflow";
import type { Transporter } from "nodemailer";
import { makeTag } from "#props/types.ts";
import { notificationTypes as t, notificationFlags as f, tableEvents as e } from "#wire/mapi/notification.ts";
import type { NotificationData } from "#wire/mapi/notification.ts";
import * as folders from "#wire/mapi/rops/folders.ts";
import * as notifications from "#wire/mapi/rops/notifications.ts";
import { RopRelease } from "#wire/mapi/rops/sessions.ts";
import * as tables from "#wire/mapi/rops/tables.ts";
import { MailboxClient, logonPlaces, mailer, startServer, tags, text } from "./support/mapi-mailbox.ts";
import { pause } from "./support/real-ctx.ts";
import { domain, password } from "./support/server.ts";
import type { TestServer } from "./support/server.ts";

let server: TestServer;
let alice: MailboxClient;
let bob: Transporter;
let inbox = 0;

async function send(subject: string): Promise<void> {
  await bob.sendMail({ from: `bob@${domain}`, to: `alice@${domain}`, subject, text: "text" });
}

async function imap<T>(work: (flow: ImapFlow) => Promise<T>): Promise<T> {
  const flow = new ImapFlow({
    host: "127.0.0.1", port: server.ports.imaps, secure: true, servername: "localhost", tls: { ca: server.caPem },
    auth: { user: `alice@${domain}`, pass: password }, logger: false,
  });
  await flow.connect();
  const lock = await flow.getMailboxLock("INBOX");
  try {
    return await work(flow);
  } finally {
    lock.release();
    await flow.logout();
  }
}

/** Events until one passes; each wait is answered within the time. */
async function until(passes: (data: NotificationData, handle: number) => boolean, timeMs = 3000):
Promise<{ found: NotificationData; all: { handle: number; data: NotificationData }[] }> {
  const all: { handle: number; data: NotificationData }[] = [];
  const deadline = performance.now() + timeMs;
  while (performance.now() < deadline) {
    all.push(...await alice.session.events());
    const found = all.find(({ data, handle }) => passes(data, handle));
    if (found !== undefined) return { found: found.data, all };
    await Promise.race([alice.session.wait(), pause(500)]);
  }
  throw new Error(`no such event among ${JSON.stringify(all, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value))}`);
}

before(async () => {
  server = await startServer(["alice", "bob"]);
  bob = mailer(server, "bob");
  alice = await MailboxClient.open(server, "alice");
  inbox = await alice.openFolder("inbox");
});
after(async () => {
  bob?.close();
  await alice?.disconnect();
  await server?.dispose();
});

const typeOf = (data: NotificationData): number => data.notificationFlags & 0x0fff;

test("a client that waits hears of new mail within a second, of the whole store and of one folder", async () => {
  const all = 0x007f;
  const { opened: whole } = await alice.session.must(notifications.RopRegisterNotification, alice.logon,
    { notificationTypes: all, wantWholeStore: true });
  const { opened: sent } = await alice.session.must(notifications.RopRegisterNotification, alice.logon, {
    notificationTypes: all, wantWholeStore: false, folderId: alice.folderIds[logonPlaces.sentItems],
    messageId: { replicaId: 0, counter: 0 },
  });
  assert.deepEqual(await alice.session.events(), []);
  const waiting = alice.session.wait();
  const began = performance.now();
  await send("first");
  assert.equal(await waiting, true);
  assert.ok(performance.now() - began < 1000, `${performance.now() - began} ms`);
  const { found, all: told } = await until((data) => typeOf(data) === t.newMail);
  assert.deepEqual(found.folderId, alice.folderIds[logonPlaces.inbox]);
  assert.equal(found.messageClass, "IPM.Note");
  const message = await alice.open(inbox, "inbox", found.messageId!, 0);
  assert.deepEqual(await alice.get(message, [tags.subject]), ["first"]);
  assert.ok(told.every(({ handle }) => handle === whole), "the other folder did not change");
  assert.ok(told.some(({ data }) => data.notificationFlags === (t.objectCreated | f.isMessage)));
  const counts = told.find(({ data }) => typeOf(data) === t.objectModified && (data.notificationFlags & f.isMessage) === 0);
  assert.equal(counts?.data.totalMessageCount, 1);
  assert.equal(counts?.data.unreadMessageCount, 1);
  for (const handle of [whole, sent]) {
    await alice.session.execute([{ rop: RopRelease, request: { inputHandleIndex: 0 } }], [handle]);
  }
  await send("nobody is told");
  await pause(300);
  assert.deepEqual(await alice.session.events(), []);
});

test("folders made, renamed and removed are told, and messages changed and removed", async () => {
  const { opened } = await alice.session.must(notifications.RopRegisterNotification, alice.logon,
    { notificationTypes: 0x007f, wantWholeStore: true });
  const { body: made } = await alice.session.must(folders.RopCreateFolder, inbox, {
    folderType: 1, useUnicodeStrings: true, openExisting: false, displayName: "Below", comment: "",
  });
  const { found } = await until((data) => data.notificationFlags === t.objectCreated);
  assert.deepEqual(found.folderId, made.folderId);
  assert.deepEqual(found.parentFolderId, alice.folderIds[logonPlaces.inbox]);
  await alice.session.must(folders.RopDeleteFolder, inbox, { deleteFolderFlags: 0x05, folderId: made.folderId });
  assert.deepEqual((await until((data) => data.notificationFlags === t.objectDeleted)).found.folderId, made.folderId);
  await imap((flow) => flow.messageFlagsAdd("1", ["\\Seen"]));
  await until((data) => data.notificationFlags === (t.objectModified | f.isMessage));
  await imap((flow) => flow.messageDelete("1"));
  await until((data) => data.notificationFlags === (t.objectDeleted | f.isMessage));
  await alice.session.execute([{ rop: RopRelease, request: { inputHandleIndex: 0 } }], [opened]);
});

const columns = [tags.mid, tags.subject, tags.read];

test("a table tells of rows that come, change and go, with their place in its order", async () => {
  const table = await alice.contents(inbox, columns);
  await alice.session.must(tables.RopSortTable, table, {
    sortTableFlags: 0, categoryCount: 0, expandedCount: 0,
    sortOrders: [{ propertyType: 0x1f, propertyId: 0x0037, order: 0 }],
  });
  await alice.rows(table, columns);
  await send("zebra");
  const { found: added } = await until((data) => data.tableEventType === e.rowAdded);
  assert.equal(added.rowData?.[1], "zebra");
  assert.notEqual(added.insertAfterMessageId?.counter, 0, "behind the row that was there");
  await send("aardvark");
  const { found: first } = await until((data) => data.tableEventType === e.rowAdded);
  assert.equal(first.rowData?.[1], "aardvark");
  assert.equal(first.insertAfterMessageId?.counter, 0);
  await imap((flow) => flow.messageFlagsAdd({ subject: "zebra" }, ["\\Seen"]));
  const { found: changed } = await until((data) => data.tableEventType === e.rowModified);
  assert.deepEqual(changed.rowData?.slice(1), ["zebra", true]);
  assert.deepEqual(changed.rowMessageId, added.rowMessageId);
  await imap((flow) => flow.messageDelete({ subject: "zebra" }));
  const { found: gone } = await until((data) => data.tableEventType === e.rowDeleted);
  assert.deepEqual(gone.rowMessageId, added.rowMessageId);
  const seen = await alice.session.must(tables.RopSeekRow, table, { origin: 0, rowCount: 0, wantRowMovedCount: false });
  assert.ok(seen);
  assert.deepEqual((await alice.rows(table, columns)).map((row) => row[1]), ["aardvark", "nobody is told"]);
  await alice.session.execute([{ rop: RopRelease, request: { inputHandleIndex: 0 } }], [table]);
});

test("a restricted table tells only of rows that pass; one without notifications tells nothing", async () => {
  const table = await alice.contents(inbox, columns);
  await alice.session.must(tables.RopRestrict, table, {
    restrictFlags: 0, restrictionData: {
      restrictType: 4, relOp: 4, propertyTag: tags.read, taggedValue: { tag: tags.read, value: false },
    },
  });
  const silent = await alice.contents(inbox, columns, 0x10);
  await alice.rows(table, columns);
  await alice.rows(silent, columns);
  await send("unread");
  const { all } = await until((data) => data.tableEventType === e.rowAdded);
  assert.ok(all.every(({ handle }) => handle === table));
  await imap((flow) => flow.messageFlagsAdd({ subject: "unread" }, ["\\Seen"]));
  await until((data, handle) => data.tableEventType === e.rowDeleted && handle === table);
  for (const handle of [table, silent]) {
    await alice.session.execute([{ rop: RopRelease, request: { inputHandleIndex: 0 } }], [handle]);
  }
});

test("the hierarchy tells of counts", async () => {
  const ipm = await alice.openFolder("ipmSubtree");
  const { opened: table } = await alice.session.must(folders.RopGetHierarchyTable, ipm, { tableFlags: 4 });
  const shown = [text(0x3001), makeTag(0x3603, "Integer32")];
  await alice.session.must(tables.RopSetColumns, table, { setColumnsFlags: 0, propertyTags: shown });
  await alice.rows(table, shown);
  await send("counted");
  const { found } = await until((data) => data.tableEventType === e.rowModified);
  assert.equal(found.rowData?.[0], "Inbox");
  assert.deepEqual(found.rowFolderId, alice.folderIds[logonPlaces.inbox]);
  await alice.session.execute([{ rop: RopRelease, request: { inputHandleIndex: 0 } }], [table]);
});

test("too many rows at once are one event; what does not fit is pending", async () => {
  const table = await alice.contents(inbox, columns);
  await alice.rows(table, columns);
  await imap(async (flow) => {
    for (let index = 0; index < 60; index++) {
      await flow.append("INBOX", `Subject: many ${index}\r\n\r\ntext`, [], new Date(0));
    }
  });
  const told = await alice.session.events();
  assert.ok(told.some(({ data }) => data.tableEventType === e.changed), JSON.stringify(told.map(({ data }) => data.tableEventType)));
  await alice.rows(table, columns);
  await imap((flow) => flow.messageFlagsAdd("10:40", ["\\Seen"]));
  const small = await alice.session.execute([], [], 0x0400);
  assert.equal(small.answers.at(-1)?.rop.name, "RopPending");
  assert.ok(small.answers.length > 1);
  assert.equal((await alice.session.events()).length, 31, "nothing is lost");
});

test("moves and copies are told with what they were before, to both folders; to others as made and deleted", async () => {
  const sent = await alice.openFolder("sentItems");
  const subscribe = async (notificationTypes: number, place?: "inbox" | "sentItems"): Promise<number> =>
    (await alice.session.must(notifications.RopRegisterNotification, alice.logon, {
      notificationTypes, wantWholeStore: place === undefined,
      ...place === undefined ? {} : { folderId: alice.folderIds[logonPlaces[place]], messageId: { replicaId: 0, counter: 0 } },
    })).opened;
  const made = await alice.create("inbox", [[tags.subject, "moving"], [tags.messageClass, "IPM.Note"]]);
  const messageId = await alice.save(made);
  await alice.session.events();
  const whole = await subscribe(0x7e);
  const source = await subscribe(t.objectMoved, "inbox");
  const blind = await subscribe(t.objectCreated | t.objectDeleted);
  const transfer = async (from: number, to: number, id: typeof messageId, wantCopy: boolean): Promise<void> => {
    const { answers } = await alice.session.execute([{ rop: folders.RopMoveCopyMessages, request: {
      sourceHandleIndex: 0, destHandleIndex: 1, messageIds: [id], wantAsynchronous: false, wantCopy,
    } }], [from, to]);
    assert.equal(answers[0]!.returnValue, 0);
  };
  const ofMessages = (all: readonly { handle: number; data: NotificationData }[], handle: number): NotificationData[] =>
    all.filter((one) => one.handle === handle && (one.data.notificationFlags & f.isMessage) !== 0).map(({ data }) => data);
  await transfer(inbox, sent, messageId, true);
  const copied = await alice.session.events();
  const [copy, ...more] = ofMessages(copied, whole);
  assert.deepEqual([typeOf(copy!), more.length], [t.objectCopied, 0], JSON.stringify(copied.map(({ data }) => data.notificationFlags)));
  assert.deepEqual([copy!.folderId, copy!.oldFolderId, copy!.oldMessageId],
    [alice.folderIds[logonPlaces.sentItems], alice.folderIds[logonPlaces.inbox], messageId]);
  assert.deepEqual(ofMessages(copied, source), []);
  assert.deepEqual(ofMessages(copied, blind).map(typeOf), [t.objectCreated]);
  await transfer(inbox, sent, messageId, false);
  const moved = await alice.session.events();
  assert.deepEqual(ofMessages(moved, whole).map(typeOf), [t.objectMoved]);
  assert.deepEqual(ofMessages(moved, source).map(({ oldMessageId }) => oldMessageId), [messageId]);
  assert.deepEqual(ofMessages(moved, blind).map(typeOf).sort((a, b) => a - b), [t.objectCreated, t.objectDeleted]);
  // By another protocol as well.
  await send("moved by IMAP");
  await until((data) => typeOf(data) === t.newMail);
  await imap((flow) => flow.messageMove({ subject: "moved by IMAP" }, "Archive"));
  const { found } = await until((data, handle) => handle === whole && typeOf(data) === t.objectMoved);
  assert.deepEqual(found.oldFolderId, alice.folderIds[logonPlaces.inbox]);
  for (const handle of [whole, source, blind]) {
    await alice.session.execute([{ rop: RopRelease, request: { inputHandleIndex: 0 } }], [handle]);
  }
});

const eventsOf = async (handle: number): Promise<NotificationData[]> =>
  (await alice.session.events()).filter((one) => one.handle === handle).map(({ data }) => data);

async function note(subject: string): Promise<{ replicaId: number; counter: number }> {
  return await alice.save(await alice.create("inbox", [[tags.subject, subject], [tags.messageClass, "IPM.Note"]]));
}

test("a table tells of itself once somebody has looked at it, and no more when it was reset", async () => {
  const looks: readonly (readonly [string, (table: number) => Promise<unknown>])[] = [
    ["rows", (table) => alice.rows(table, columns)],
    ["a row", (table) => alice.session.call(tables.RopFindRow, table,
      { findRowFlags: 0, restrictionData: { restrictType: 8, propertyTag: tags.mid }, origin: 0, bookmark: new Uint8Array(0) }, { columns })],
    ["columns", (table) => alice.session.must(tables.RopQueryColumnsAll, table)],
    ["the place", (table) => alice.session.must(tables.RopQueryPosition, table)],
    ["a seek", (table) => alice.session.must(tables.RopSeekRow, table, { origin: 0, rowCount: 1, wantRowMovedCount: true })],
    ["a fraction", (table) => alice.session.must(tables.RopSeekRowFractional, table, { numerator: 1, denominator: 2 })],
    ["a bookmark", (table) => alice.session.must(tables.RopCreateBookmark, table)],
  ];
  for (const [what, look] of looks) {
    const table = await alice.contents(inbox, columns);
    await note(`nobody looked, ${what}`);
    assert.deepEqual(await eventsOf(table), [], what);
    for (const round of [1, 2]) {
      await look(table);
      await note(`${round} ${what}`);
      const told = await eventsOf(table);
      assert.deepEqual(told.map(({ tableEventType, rowData }) => [tableEventType, rowData?.[1]]), [[e.rowAdded, `${round} ${what}`]], what);
      assert.equal(told[0]!.notificationFlags, t.tableModified | f.isMessage);
      await alice.session.must(tables.RopResetTable, table);
      await note(`reset, ${what}`);
      assert.deepEqual(await eventsOf(table), [], `${what}, reset`);
      await alice.session.must(tables.RopSetColumns, table, { setColumnsFlags: 0, propertyTags: columns });
      await note(`reset with columns, ${what}`);
      assert.deepEqual(await eventsOf(table), [], `${what}, reset with columns`);
    }
    alice.session.release(table);
  }
});

test("a folder that is copied is told as a copy, to others as one that was made; a move with its parents", async () => {
  const { opened: whole } = await alice.session.must(notifications.RopRegisterNotification, alice.logon,
    { notificationTypes: 0x7e, wantWholeStore: true });
  const { opened: blind } = await alice.session.must(notifications.RopRegisterNotification, alice.logon,
    { notificationTypes: t.objectCreated, wantWholeStore: true });
  const { body: made } = await alice.session.must(folders.RopCreateFolder, inbox,
    { folderType: 1, useUnicodeStrings: true, openExisting: false, displayName: "Copied", comment: "" });
  await alice.session.events();
  const sent = await alice.openFolder("sentItems");
  const place = async (rop: typeof folders.RopCopyFolder | typeof folders.RopMoveFolder, newFolderName: string): Promise<{ handle: number; data: NotificationData }[]> => {
    const { answers } = await alice.session.execute([{ rop, request: { sourceHandleIndex: 0, destHandleIndex: 1, wantAsynchronous: false,
      wantRecursive: true, useUnicode: true, folderId: made.folderId, newFolderName } }], [inbox, sent]);
    assert.equal(answers[0]!.returnValue, 0);
    return (await alice.session.events()).filter(({ data }) => typeOf(data) !== t.objectModified);
  };
  const inboxId = alice.folderIds[logonPlaces.inbox];
  const sentId = alice.folderIds[logonPlaces.sentItems];
  const copied = await place(folders.RopCopyFolder, "Copy");
  const [copy] = copied.filter(({ handle }) => handle === whole).map(({ data }) => data);
  assert.equal(copied.length, 2);
  assert.equal(copy!.notificationFlags, t.objectCopied);
  assert.deepEqual([copy!.parentFolderId, copy!.oldFolderId, copy!.oldParentFolderId], [sentId, made.folderId, inboxId]);
  assert.notDeepEqual(copy!.folderId, made.folderId);
  const [created] = copied.filter(({ handle }) => handle === blind).map(({ data }) => data);
  assert.deepEqual([created!.notificationFlags, created!.folderId], [t.objectCreated, copy!.folderId]);
  const [moved, ...more] = await place(folders.RopMoveFolder, "Moved");
  assert.equal(more.length, 0);
  assert.deepEqual([moved!.data.notificationFlags, moved!.data.folderId, moved!.data.oldFolderId, moved!.data.parentFolderId, moved!.data.oldParentFolderId],
    [t.objectMoved, made.folderId, made.folderId, sentId, inboxId]);
  for (const handle of [whole, blind]) alice.session.release(handle);
});

test("in the smallest answer as many events as fit, then RopPending, until nothing is left", async () => {
  const { opened } = await alice.session.must(notifications.RopRegisterNotification, alice.logon,
    { notificationTypes: t.objectCreated, wantWholeStore: true });
  // By another program, so that no answer of this session brings them.
  await imap(async (flow) => {
    for (let index = 0; index < 40; index++) await flow.append("INBOX", `Subject: small ${index}\r\n\r\ntext`, [], new Date(0));
  });
  let told = 0;
  for (let round = 0; ; round++) {
    assert.ok(round < 20, "the end is reached");
    const { answers } = await alice.session.execute([], [], 0x190);
    const names = answers.map(({ rop }) => rop.name);
    told += answers.filter(({ body }) => (body as { notificationHandle?: number }).notificationHandle === opened).length;
    if (names.at(-1) !== "RopPending") break;
    assert.ok(names.length > 3, names.join());
  }
  assert.equal(told, 40);
  alice.session.release(opened);
});

test("a row that no answer of the client's size holds is told as a table that changed, once", async () => {
  const columns = [tags.subject, tags.mid];
  const table = await alice.contents(inbox, columns);
  await alice.rows(table, columns);
  const long = "x".repeat(240);
  await imap(async (flow) => flow.append("INBOX", `Subject: ${long}\r\n\r\ntext`, [], new Date(0)));
  // Others of this session may stand before it, and let it wait for an answer of its own.
  for (let round = 0; ; round++) {
    assert.ok(round < 10, "the end is reached");
    if ((await alice.session.execute([], [], 0x190)).answers.at(-1)?.rop.name !== "RopPending") break;
  }
  assert.deepEqual((await eventsOf(table)).map(({ tableEventType, rowData }) => [tableEventType, rowData]), [[e.changed, undefined]]);
  await imap(async (flow) => flow.append("INBOX", `Subject: after it ${long}\r\n\r\ntext`, [], new Date(0)));
  const after = await eventsOf(table);
  assert.deepEqual(after.map(({ tableEventType }) => tableEventType), [e.rowAdded], "rows are told again");
  alice.session.release(table);
});

test("changes are told without the tags of what changed; counts only beside changes", async () => {
  const { opened } = await alice.session.must(notifications.RopRegisterNotification, alice.logon,
    { notificationTypes: t.objectModified, wantWholeStore: true });
  const id = await note("is changed");
  const message = await alice.open(inbox, "inbox", id);
  await alice.set(message, [[tags.subject, "was changed"]]);
  await alice.save(message);
  const told = await eventsOf(opened);
  assert.ok(told.some((data) => (data.notificationFlags & f.isMessage) !== 0));
  for (const data of told) {
    assert.equal(typeOf(data), t.objectModified);
    assert.deepEqual(data.tags, []);
    const isFolder = (data.notificationFlags & f.isMessage) === 0;
    assert.equal((data.notificationFlags & f.hasTotalCount) !== 0, isFolder);
    assert.equal(data.totalMessageCount !== undefined, isFolder);
  }
  alice.session.release(opened);
});

test("nothing can be asked for that is no kind of event", async () => {
  const { returnValue } = await alice.session.call(notifications.RopRegisterNotification, alice.logon,
    { notificationTypes: 0x0200, wantWholeStore: true });
  assert.equal(returnValue, 0x8007_0057);
});
