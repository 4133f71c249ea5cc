/**
 * Proves the mailbox endpoint over real HTTPS: logging on, folders, tables, messages that came by SMTP and messages
 * made here, attachments, streams, named properties, and refusals; what one protocol wrote the others read.
 */
import { strict as assert } from "node:assert";
import { after, before, test } from "node:test";
import { decode, encode } from "#codec/binary/code.ts";
import { ImapFlow } from "imapflow";
import nodemailer from "nodemailer";
import { makeTag } from "#props/types.ts";
import type { PropertyTag } from "#props/types.ts";
import type { ShortTermId } from "#props/object-ids.ts";
import { addressBookBodies } from "#wire/mapi/nspi.ts";
import { noHandle } from "#wire/mapi/rop-buffer.ts";
import * as folders from "#wire/mapi/rops/folders.ts";
import * as messages from "#wire/mapi/rops/messages.ts";
import * as properties from "#wire/mapi/rops/properties.ts";
import * as store from "#wire/mapi/rops/store.ts";
import * as streams from "#wire/mapi/rops/streams.ts";
import * as tables from "#wire/mapi/rops/tables.ts";
import { RopRelease } from "#wire/mapi/rops/sessions.ts";
import { MapiClient } from "./support/mapi-client.ts";
import { MapiSession } from "./support/mapi-session.ts";
import { pause } from "./support/real-ctx.ts";
import { TestServer, domain, password } from "./support/server.ts";

let server: TestServer;
let session: MapiSession;
let logon = 0;
let folderIds: readonly ShortTermId[] = [];
const dns: Record<string, string> = {};

const text = (id: number): PropertyTag => makeTag(id, "String");
const subject = text(0x0037);
const messageClass = text(0x001a);
const body = text(0x1000);
const mid = makeTag(0x674a, "Integer64");
const named = "00020329-0000-0000-c000-000000000046";

async function dnOf(user: string): Promise<string> {
  const shown = JSON.parse(await server.must(["user", "show", `${user}@${domain}`, "--json"])) as Record<string, unknown>;
  return shown["legacyExchangeDN"] as string;
}

/** The distinguished name as the address book tells it. */
async function shownDn(address: string): Promise<string> {
  const client = new MapiClient(server, "/mapi/nspi", `alice@${domain}`);
  const none = new Uint8Array(0);
  await client.post("Bind", encode(addressBookBodies.Bind.request, { flags: 0, state: null, auxiliaryBuffer: none }));
  const answer = await client.post("ResolveNames", encode(addressBookBodies.ResolveNames.request, {
    reserved: 0, state: null, tags: [text(0x3003)], names: [address], auxiliaryBuffer: none,
  }));
  client.close();
  return decode(addressBookBodies.ResolveNames.response, answer.body).rows!.rows[0]![0] as string;
}

async function logOn(by: MapiSession, dn: string): Promise<{ handle: number; returnValue: number; ids: ShortTermId[] }> {
  const done = await by.execute([{
    rop: store.RopLogon,
    request: {
      outputHandleIndex: 0, logonFlags: 1, openFlags: 0x0100_0000, storeState: 0, essdn: Buffer.from(`${dn}\0`, "latin1"),
    },
  }], [noHandle]);
  const [answer] = done.answers;
  const told = answer!.body as { folderIds?: ShortTermId[] };
  return { handle: done.handles[0]!, returnValue: answer!.returnValue, ids: told.folderIds ?? [] };
}

const idFrom = (value: bigint): ShortTermId => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(value);
  return { replicaId: bytes.readUInt16LE(0), counter: bytes.readUIntBE(2, 6) };
};

before(async () => {
  server = await TestServer.start({ users: ["alice", "bob", "carol"], config: { mapi: true } });
  for (const user of ["alice", "bob", "carol"]) dns[user] = await dnOf(user);
  session = await MapiSession.connect(server, `alice@${domain}`, dns["alice"]!);
  const mailer = nodemailer.createTransport({
    host: "127.0.0.1", port: server.ports.submissions, secure: true, tls: { ca: server.caPem, servername: "localhost" },
    auth: { user: `bob@${domain}`, pass: password },
  });
  for (const [index, word] of ["Cherry", "apple", "Banana"].entries()) {
    await mailer.sendMail({
      from: `Bob Builder <bob@${domain}>`, to: `alice@${domain}`, subject: `RE: ${word}`, text: `Body ${index}: Grüße`,
      attachments: index === 2 ? [{ filename: "data.bin", content: Buffer.alloc(100_000, 7) }] : [],
    });
  }
  mailer.close();
});
after(async () => {
  await session?.disconnect();
  await server.dispose();
});

test("logging on tells the folders", async () => {
  const done = await logOn(session, dns["alice"]!);
  assert.equal(done.returnValue, 0);
  assert.equal(done.ids.length, 13);
  assert.ok(done.ids.every(({ replicaId, counter }) => replicaId === 1 && counter > 0));
  logon = done.handle;
  folderIds = done.ids;
  assert.equal((await logOn(session, dns["bob"]!)).returnValue, 0x3f2, "another's mailbox");
  assert.equal((await logOn(session, "/o=x/cn=nobody")).returnValue, 0x3eb);
});

test("properties of the store", async () => {
  const tags = [text(0x3001), text(0x661c), makeTag(0x0e08, "Integer64"), makeTag(0x9999 - 0x1999, "Integer32")];
  const { body: told } = await session.must(properties.RopGetPropertiesSpecific, logon,
    { propertySizeLimit: 0, wantUnicode: 1, propertyTags: tags }, { propertyTags: tags });
  assert.equal(told.rowData[0], "alice");
  assert.equal(typeof told.rowData[2], "bigint");
  const { body: receive } = await session.must(store.RopGetReceiveFolder, logon, { messageClass: "IPM.Note.Custom" });
  assert.deepEqual(receive, { folderId: folderIds[4], explicitMessageClass: "IPM.Note" });
  const { body: long } = await session.must(store.RopLongTermIdFromId, logon, { objectId: folderIds[4] });
  const { body: back } = await session.must(store.RopIdFromLongTermId, logon, { longTermId: long.longTermId });
  assert.deepEqual(back.objectId, folderIds[4]);
});

test("the hierarchy as a table", async () => {
  const { opened: ipm } = await session.must(folders.RopOpenFolder, logon, { folderId: folderIds[3], openModeFlags: 0 });
  const { opened: table, body: counted } = await session.must(folders.RopGetHierarchyTable, ipm, { tableFlags: 4 });
  const columns = [text(0x3001), text(0x3613), makeTag(0x3602, "Integer32"), makeTag(0x3005, "Integer32")];
  await session.must(tables.RopSetColumns, table, { setColumnsFlags: 0, propertyTags: columns });
  const { body: rows } = await session.must(tables.RopQueryRows, table,
    { queryRowsFlags: 0, forwardRead: true, rowCount: 500 }, { columns });
  assert.equal(rows.rowData.length, counted.rowCount);
  const byName = new Map(rows.rowData.map((row) => [row[0] as string, row]));
  assert.equal(byName.get("Inbox")![1], "IPF.Note");
  assert.equal(byName.get("Calendar")![1], "IPF.Appointment");
  assert.equal(rows.origin, 2);
});

let inbox = 0;
let contents = 0;
const columns = [mid, subject, text(0x0c1a), makeTag(0x0e1b, "Boolean"), makeTag(0x0e07, "Integer32")];

test("messages that came by SMTP, sorted, restricted, sought and found", async () => {
  ({ opened: inbox } = await session.must(folders.RopOpenFolder, logon, { folderId: folderIds[4], openModeFlags: 0 }));
  for (let rowCount = 0; rowCount < 3; await pause(20)) {
    const { body: told, opened } = await session.must(folders.RopGetContentsTable, inbox, { tableFlags: 0 });
    contents = opened;
    ({ rowCount } = told);
  }
  await session.must(tables.RopSetColumns, contents, { setColumnsFlags: 0, propertyTags: columns });
  await session.must(tables.RopSortTable, contents, {
    sortTableFlags: 0, categoryCount: 0, expandedCount: 0,
    sortOrders: [{ propertyType: 0x1f, propertyId: 0x0037, order: 0 }],
  });
  const { body: rows } = await session.must(tables.RopQueryRows, contents,
    { queryRowsFlags: 1, forwardRead: true, rowCount: 50 }, { columns });
  assert.deepEqual(rows.rowData.map((row) => row[1]), ["RE: apple", "RE: Banana", "RE: Cherry"]);
  assert.deepEqual(rows.rowData.map((row) => row[2]), ["Bob Builder", "Bob Builder", "Bob Builder"]);
  assert.deepEqual(rows.rowData.map((row) => row[3]), [false, true, false]);
  await session.must(tables.RopSeekRow, contents, { origin: 2, rowCount: -1, wantRowMovedCount: true });
  const { body: position } = await session.must(tables.RopQueryPosition, contents);
  assert.deepEqual(position, { numerator: 2, denominator: 3 });
  const { body: found } = await session.must(tables.RopFindRow, contents, {
    findRowFlags: 0, origin: 0, bookmark: new Uint8Array(0),
    restrictionData: {
      restrictType: 3, fuzzyLevelLow: 1, fuzzyLevelHigh: 1, propertyTag: subject, taggedValue: { tag: subject, value: "BAN" },
    },
  }, { columns });
  assert.equal(found.rowData?.[1], "RE: Banana");
  await session.must(tables.RopRestrict, contents, {
    restrictFlags: 0, restrictionData: {
      restrictType: 4, relOp: 4, propertyTag: makeTag(0x0e1b, "Boolean"),
      taggedValue: { tag: makeTag(0x0e1b, "Boolean"), value: true },
    },
  });
  const { body: few } = await session.must(tables.RopQueryRows, contents,
    { queryRowsFlags: 0, forwardRead: true, rowCount: 50 }, { columns });
  assert.deepEqual(few.rowData.map((row) => row[1]), ["RE: Banana"]);
});

test("a message: recipients, body, an attachment by stream", async () => {
  await session.must(tables.RopSeekRow, contents, { origin: 0, rowCount: 0, wantRowMovedCount: false });
  const { body: rows } = await session.must(tables.RopQueryRows, contents,
    { queryRowsFlags: 0, forwardRead: true, rowCount: 1 }, { columns });
  const { opened: message, body: told } = await session.must(messages.RopOpenMessage, inbox, {
    codePageId: 0x0fff, folderId: folderIds[4], openModeFlags: 0, messageId: idFrom(rows.rowData[0]![0] as bigint),
  });
  assert.equal(told.subjectPrefix, "RE: ");
  assert.equal(told.normalizedSubject, "Banana");
  assert.equal(told.recipientCount, 1);
  assert.equal(told.recipientRows[0]!.recipientRow.emailAddress, `alice@${domain}`);
  const tags = [body, messageClass];
  const { body: props } = await session.must(properties.RopGetPropertiesSpecific, message,
    { propertySizeLimit: 0, wantUnicode: 1, propertyTags: tags }, { propertyTags: tags });
  assert.match(props.rowData[0] as string, /Body 2: Grüße/);
  assert.equal(props.rowData[1], "IPM.Note");
  const { opened: attachment } = await session.must(messages.RopOpenAttachment, message,
    { openAttachmentFlags: 0, attachmentId: 0 });
  const { opened: stream, body: size } = await session.must(streams.RopOpenStream, attachment,
    { propertyTag: makeTag(0x3701, "Binary"), openModeFlags: 0 });
  assert.equal(size.streamSize, 100_000);
  let read = 0;
  for (;;) {
    const { body: piece } = await session.must(streams.RopReadStream, stream, { byteCount: 0xbabe, maximumByteCount: 30_000 });
    if (piece.data.length === 0) break;
    assert.ok(piece.data.every((byte) => byte === 7));
    read += piece.data.length;
  }
  assert.equal(read, 100_000);
});

test("a message made here is kept as it was written, and IMAP shows it", async () => {
  const { opened: drafts } = await session.must(folders.RopOpenFolder, logon, { folderId: folderIds[4], openModeFlags: 0 });
  const { body: ids } = await session.must(properties.RopGetPropertyIdsFromNames, logon, {
    flags: 2, propertyNames: [{ guid: named, id: "outpost-test" }],
  });
  const custom = makeTag(ids.propertyIds[0]!, "String");
  const { opened: made } = await session.must(messages.RopCreateMessage, drafts,
    { codePageId: 0x0fff, folderId: folderIds[4], associatedFlag: false });
  await session.must(properties.RopSetProperties, made, {
    propertyValues: [
      { tag: subject, value: "Made by MAPI ✓" }, { tag: messageClass, value: "IPM.Note" },
      { tag: body, value: "The text.\r\n" }, { tag: custom, value: "kept verbatim" },
    ],
  });
  const recipientColumns = [text(0x39fe)];
  await session.must(messages.RopModifyRecipients, made, {
    recipientColumns,
    recipientRows: [{
      rowId: 0, recipientType: 1,
      recipientRow: {
        recipientFlags: 0x0200 | 0x0008 | 0x0010 | 0x0003, emailAddress: `bob@${domain}`, displayName: "Bob",
        recipientProperties: [`bob@${domain}`],
      },
    }],
  });
  const { opened: attachment, body: number } = await session.must(messages.RopCreateAttachment, made);
  await session.must(properties.RopSetProperties, attachment, {
    propertyValues: [
      { tag: makeTag(0x3705, "Integer32"), value: 1 }, { tag: text(0x3707), value: "note.txt" },
      { tag: makeTag(0x3701, "Binary"), value: Buffer.from("attached bytes") },
    ],
  });
  assert.equal(number.attachmentId, 0);
  await session.must(messages.RopSaveChangesAttachment, made, { responseHandleIndex: 1, inputHandleIndex: 0, saveFlags: 0 })
    .catch((error: unknown) => assert.match(String(error), /0x80040102/, "a message is no attachment"));
  await session.must(messages.RopSaveChangesAttachment, attachment, { saveFlags: 2 });
  const { body: saved } = await session.must(messages.RopSaveChangesMessage, made, { saveFlags: 2 });
  const { opened: again } = await session.must(messages.RopOpenMessage, inbox, {
    codePageId: 0x0fff, folderId: folderIds[4], openModeFlags: 1, messageId: saved.messageId,
  });
  const tags = [subject, custom, body, makeTag(0x0e1b, "Boolean")];
  const { body: props } = await session.must(properties.RopGetPropertiesSpecific, again,
    { propertySizeLimit: 0, wantUnicode: 1, propertyTags: tags }, { propertyTags: tags });
  assert.deepEqual(props.rowData, ["Made by MAPI ✓", "kept verbatim", "The text.\r\n", true]);
  const flow = new ImapFlow({
    host: "127.0.0.1", port: server.ports.imaps, secure: true, servername: "localhost", tls: { ca: server.caPem },
    auth: { user: `alice@${domain}`, pass: password }, logger: false,
  });
  await flow.connect();
  const lock = await flow.getMailboxLock("INBOX");
  try {
    const found = await flow.fetchOne("*", { envelope: true, source: true });
    assert.ok(found !== false && found !== undefined);
    assert.equal(found.envelope?.subject, "Made by MAPI ✓");
    assert.equal(found.envelope?.to?.[0]?.address, `bob@${domain}`);
    assert.match(found.source!.toString(), /note\.txt/);
  } finally {
    lock.release();
    await flow.logout();
  }
});

test("refusals: no object, wrong object, unknown id, an answer too large for the buffer", async () => {
  const { returnValue } = await session.call(tables.RopQueryRows, 0x7777, { queryRowsFlags: 0, forwardRead: true, rowCount: 1 });
  assert.equal(returnValue, 0x4b9);
  assert.equal((await session.call(tables.RopQueryRows, logon,
    { queryRowsFlags: 0, forwardRead: true, rowCount: 1 })).returnValue, 0x8004_0102);
  assert.equal((await session.call(messages.RopOpenMessage, inbox, {
    codePageId: 0x0fff, folderId: folderIds[4], openModeFlags: 0, messageId: { replicaId: 1, counter: 0x7fff_ffff },
  })).returnValue, 0x8004_010f);
  assert.equal((await session.call(folders.RopOpenFolder, logon,
    { folderId: { replicaId: 9, counter: 5 }, openModeFlags: 0 })).returnValue, 0x8004_010f);
  const ask = { rop: properties.RopGetPropertiesList, request: { inputHandleIndex: 0 } };
  const small = await session.execute([ask, ask, ask], [inbox], 0x1a0);
  assert.equal(small.answers.at(-1)!.rop.name, "RopBufferTooSmall");
  const { errorCode } = await session.execute([{ rop: RopRelease, request: { inputHandleIndex: 9 } }], [logon]);
  assert.equal(errorCode, 0x4b6, "a handle index beyond the table fails the call");
});

test("a shared mailbox by full access", async () => {
  await server.must(["shared", "add", `info@${domain}`]);
  await server.must(["shared", "grant", `info@${domain}`, "--to", `alice@${domain}`, "--right", "full"]);
  const done = await logOn(session, await shownDn(`info@${domain}`));
  assert.equal(done.returnValue, 0);
  const { opened } = await session.must(folders.RopOpenFolder, done.handle, { folderId: done.ids[4], openModeFlags: 0 });
  const { body: made } = await session.must(folders.RopCreateFolder, opened, {
    folderType: 1, useUnicodeStrings: true, openExisting: false, displayName: "Übersicht", comment: "what for",
  });
  assert.equal(made.isExistingFolder, false);
  assert.equal((await session.call(folders.RopCreateFolder, opened, {
    folderType: 1, useUnicodeStrings: true, openExisting: false, displayName: "übersicht", comment: "",
  })).returnValue, 0x8004_0604);
});
