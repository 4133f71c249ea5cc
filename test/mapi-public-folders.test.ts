/**
 * The public store over MAPI: two people log on to it as Outlook does, with the flags and answers of [MS-OXCSTOR]
 * 2.2.1.1.4, make folders, post, list, and read, each with read marks, unread counts and notifications of their own.
 * What one person read goes out as a set of change numbers and comes back as one. IMAP sees the same marks.
 */
import { strict as assert } from "node:assert";
import { request } from "node:https";
import { after, before, test } from "node:test";
import { ImapFlow } from "imapflow";
import type { ShortTermId } from "#props/object-ids.ts";
import { makeTag } from "#props/types.ts";
import { CounterSet, decodeIdSet, encodeIdSet } from "#wire/mapi/id-set.ts";
import { noHandle } from "#wire/mapi/rop-buffer.ts";
import * as folders from "#wire/mapi/rops/folders.ts";
import * as messages from "#wire/mapi/rops/messages.ts";
import * as notifications from "#wire/mapi/rops/notifications.ts";
import * as store from "#wire/mapi/rops/store.ts";
import * as tables from "#wire/mapi/rops/tables.ts";
import { dnOf, idFrom, MailboxClient, startServer, tags, text } from "./support/mapi-mailbox.ts";
import { MapiSession } from "./support/mapi-session.ts";
import { domain, password } from "./support/server.ts";
import type { TestServer } from "./support/server.ts";

const at = (name: string): string => `${name}@${domain}`;
const places = { root: 0, ipmSubtree: 1, nonIpmSubtree: 2 } as const;
const fid = makeTag(0x6748, "Integer64");
const changeNumber = makeTag(0x67a4, "Integer64");
const entryId = makeTag(0x0fff, "Binary");
const unreadCount = makeTag(0x3603, "Integer32");

interface PublicBody {
  readonly logonFlags: number;
  readonly folderIds: readonly ShortTermId[];
  readonly replGuid: string;
  readonly perUserGuid: string;
}

/** A session with a logon to public folders. */
class PublicClient {
  readonly session: MapiSession;
  readonly logon: number;
  readonly told: PublicBody;

  private constructor(session: MapiSession, logon: number, told: PublicBody) {
    this.session = session;
    this.logon = logon;
    this.told = told;
  }

  static async open(user: string, flags: { logonFlags?: number; openFlags?: number } = {}): Promise<PublicClient> {
    const session = await MapiSession.connect(server, at(user), await dnOf(server, user));
    const done = await session.execute([{
      rop: store.RopLogon,
      request: {
        outputHandleIndex: 0, logonFlags: 0, openFlags: 0x0100_0002, storeState: 0, essdn: new Uint8Array(0), ...flags,
      },
    }], [noHandle]);
    const [answer] = done.answers;
    assert.equal(answer!.returnValue, 0, `RopLogon: 0x${answer!.returnValue.toString(16)}`);
    session.isPublic = true;
    return new PublicClient(session, done.handles[0]!, answer!.body as PublicBody);
  }

  async folder(folderId: ShortTermId): Promise<number> {
    return (await this.session.must(folders.RopOpenFolder, this.logon, { folderId, openModeFlags: 0 })).opened;
  }

  async hierarchy(folderId: ShortTermId, columns = [text(0x3001), fid]): Promise<(readonly unknown[])[]> {
    const { opened } = await this.session.must(folders.RopGetHierarchyTable, await this.folder(folderId),
      { tableFlags: 4 });
    await this.session.must(tables.RopSetColumns, opened, { setColumnsFlags: 0, propertyTags: columns });
    return await this.rows(opened, columns);
  }

  async rows(table: number, columns: readonly number[]): Promise<(readonly unknown[])[]> {
    const { body } = await this.session.must(tables.RopQueryRows, table,
      { queryRowsFlags: 0, forwardRead: true, rowCount: 100 }, { columns });
    return body.rowData as (readonly unknown[])[];
  }

  async contents(folderId: ShortTermId, columns = [tags.subject, tags.read]): Promise<(readonly unknown[])[]> {
    const { opened } = await this.session.must(folders.RopGetContentsTable, await this.folder(folderId),
      { tableFlags: 0 });
    await this.session.must(tables.RopSetColumns, opened, { setColumnsFlags: 0, propertyTags: columns });
    return (await this.rows(opened, columns)).map((row) => row.map(plain)).sort();
  }

  async idOf(name: string): Promise<ShortTermId> {
    const row = (await this.hierarchy(this.told.folderIds[places.ipmSubtree]!)).find(([one]) => plain(one) === name);
    assert.ok(row !== undefined, `a folder ${name}`);
    return idFrom(plain(row[1]) as bigint);
  }

  async post(folderId: ShortTermId, subject: string): Promise<ShortTermId> {
    const { opened } = await this.session.must(messages.RopCreateMessage, this.logon,
      { codePageId: 0x0fff, folderId, associatedFlag: false });
    await this.mailbox.set(opened, [[tags.messageClass, "IPM.Post"], [tags.subject, subject], [tags.body, "words"]]);
    return (await this.session.must(messages.RopSaveChangesMessage, opened, { saveFlags: 0x0a })).body.messageId;
  }

  /** The same steps as in a mailbox. */
  get mailbox(): Pick<MailboxClient, "get" | "set"> {
    return Object.assign(Object.create(MailboxClient.prototype) as MailboxClient, { session: this.session });
  }

  unread(folderId: ShortTermId): Promise<readonly unknown[]> {
    return this.folder(folderId).then((folder) => this.mailbox.get(folder, [unreadCount]));
  }
}

function plain(value: unknown): unknown {
  return typeof value === "object" && value !== null && "value" in value ? value.value : value;
}

let server: TestServer;
before(async () => {
  server = await startServer(["alice", "bob", "carol"]);
});
after(() => server.dispose());

test("without public folders nobody logs on to them", async () => {
  const session = await MapiSession.connect(server, at("bob"), await dnOf(server, "bob"));
  const ask = (logonFlags: number, openFlags: number) => session.execute([{
    rop: store.RopLogon,
    request: { outputHandleIndex: 0, logonFlags, openFlags, storeState: 0, essdn: new Uint8Array(0) },
  }], [noHandle]);
  assert.equal((await ask(0, 0x0100_0002)).answers[0]!.returnValue, 0x3f2);
  assert.equal((await ask(0, 0x0100_0000)).answers[0]!.returnValue, 0x8004_0111, "PUBLIC must be said twice");
  await session.disconnect();
  await server.must(["public", "add", "Notices"]);
  await server.must(["public", "add", "Secret"]);
  await server.must(["public", "permit", "Secret", "--to", "default", "--right", "none"]);
});

test("a logon tells the folders of the public store in their order, and each person sees what they may", async () => {
  const bob = await PublicClient.open("bob", { logonFlags: 4 });
  const { folderIds, logonFlags, perUserGuid, replGuid } = bob.told;
  assert.equal(logonFlags, 4, "Ghosted comes back as it was");
  assert.equal(perUserGuid, "00000000-0000-0000-0000-000000000000");
  assert.equal(new Set(folderIds.slice(0, 4).map(({ counter }) => counter)).size, 4);
  assert.deepEqual(folderIds.slice(4), Array.from({ length: 9 }, () => ({ replicaId: 0, counter: 0 })));
  const names = async (client: PublicClient): Promise<unknown[]> =>
    (await client.hierarchy(folderIds[places.ipmSubtree]!)).map(([name]) => plain(name));
  assert.deepEqual(await names(bob), ["Notices"]);
  const alice = await PublicClient.open("alice");
  assert.deepEqual((await names(alice)).sort(), ["Notices", "Secret"], "whoever administers sees everything");
  const [key] = await bob.mailbox.get(await bob.folder(await bob.idOf("Notices")), [entryId]);
  const bytes = Buffer.from(plain(key) as Uint8Array);
  assert.equal(bytes.toString("hex", 4, 22), "1a447390aa6611cd9bc800aa002fc45a0300", "a public folder's entry id");
  assert.equal(replGuid, alice.told.replGuid);
  const secret = await alice.idOf("Secret");
  const refused = await bob.session.call(folders.RopOpenFolder, bob.logon, { folderId: secret, openModeFlags: 0 });
  assert.equal(refused.returnValue, 0x8004_010f);
  for (const client of [alice, bob]) await client.session.disconnect();
});

async function discover(user: string, address: string): Promise<string> {
  const body = `<?xml version="1.0"?><Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/` +
    `requestschema/2006"><Request><EMailAddress>${address}</EMailAddress><AcceptableResponseSchema>http://schemas.` +
    `microsoft.com/exchange/autodiscover/outlook/responseschema/2006a</AcceptableResponseSchema></Request>` +
    "</Autodiscover>";
  return await new Promise((resolve, reject) => {
    const asked = request({
      host: "127.0.0.1", port: server.ports.https, ca: server.caPem, servername: "localhost", method: "POST",
      path: "/autodiscover/autodiscover.xml", auth: `${at(user)}:${password}`,
      headers: { "content-type": "text/xml", "x-mapihttpcapability": "1" },
    }, (answer) => {
      let told = "";
      answer.setEncoding("utf8").on("data", (piece: string) => { told += piece; }).on("end", () => resolve(told));
    });
    asked.once("error", reject).end(body);
  });
}

test("Autodiscover says where public folders are, and leads to them by that address", async () => {
  const own = await discover("bob", at("bob"));
  const address = /<PublicFolderInformation>\s*<SmtpAddress>([^<]*)</.exec(own)?.[1];
  assert.equal(address, at("public-folders"));
  const there = await discover("bob", address!);
  assert.match(there, /<DisplayName>Public Folders</);
  assert.match(there, /mapi\/emsmdb/);
});

test("what is asked of public folders alone, and what of mailboxes alone", async () => {
  const bob = await PublicClient.open("bob");
  const folderId = await bob.idOf("Notices");
  const servers = await bob.session.must(store.RopGetOwningServers, bob.logon, { folderId });
  assert.deepEqual([servers.body.cheapServersCount, servers.body.owningServers], [1, ["localhost"]]);
  assert.equal((await bob.session.must(store.RopPublicFolderIsGhosted, bob.logon, { folderId })).body.isGhosted, false);
  const gone = { replicaId: 1, counter: 0x7000_0000 };
  for (const rop of [store.RopGetOwningServers, store.RopPublicFolderIsGhosted]) {
    assert.equal((await bob.session.call(rop, bob.logon, { folderId: gone })).returnValue, 0x8004_010f, rop.name);
  }
  const long = { replicaGuid: bob.told.replGuid, counter: folderId.counter };
  const mailboxOnly = [
    [store.RopGetReceiveFolder, { messageClass: "IPM.Note" }], [store.RopGetReceiveFolderTable, {}],
    [store.RopSetReceiveFolder, { messageClass: "IPM.Post", folderId }], [store.RopGetStoreState, {}],
    [store.RopGetPerUserLongTermIds, { databaseGuid: bob.told.replGuid }],
    [store.RopGetPerUserGuid, { longTermId: long }],
  ] as const;
  for (const [rop, request] of mailboxOnly) {
    assert.equal((await bob.session.call(rop, bob.logon, request)).returnValue, 0x8004_0102, rop.name);
  }
  await bob.session.disconnect();
});

test("read marks, unread counts and the answers about them are each reader's own", async () => {
  const [bob, carol] = [await PublicClient.open("bob"), await PublicClient.open("carol")];
  const folderId = await bob.idOf("Notices");
  const ids = [await bob.post(folderId, "one"), await bob.post(folderId, "two")];
  assert.deepEqual((await carol.contents(folderId)).map(([subject]) => subject), ["one", "two"]);
  const folder = await carol.folder(folderId);
  const all = await carol.session.must(messages.RopSetReadFlags, folder,
    { wantAsynchronous: false, readFlags: 0x01, messageIds: [ids[0]!] });
  assert.equal(all.body.partialCompletion, false);
  assert.deepEqual(await carol.contents(folderId), [["one", true], ["two", false]]);
  assert.deepEqual(await carol.unread(folderId), [1]);
  const seen = await bob.contents(folderId);
  assert.deepEqual(await bob.unread(folderId), [seen.filter(([, isRead]) => isRead !== true).length]);
  const open = async (client: PublicClient): Promise<number> => (await client.session.must(messages.RopOpenMessage,
    client.logon, { codePageId: 0x0fff, folderId, openModeFlags: 1, messageId: ids[1]! })).opened;
  const clientData = Buffer.alloc(24, 7);
  const flag = (client: PublicClient, message: number, readFlags: number) => client.session.must(
    messages.RopSetMessageReadFlag, message, { readFlags, clientData });
  const message = await open(carol);
  const { body } = await flag(carol, message, 0x01);
  assert.deepEqual([body.readStatusChanged, body.logonId, Buffer.from(body.clientData!)], [true, 0, clientData]);
  assert.equal((await flag(carol, message, 0x01)).body.readStatusChanged, false, "nothing to change");
  assert.deepEqual(await carol.unread(folderId), [0]);
  await flag(carol, message, 0x04 | 0x01);
  assert.deepEqual(await carol.contents(folderId), [["one", true], ["two", false]]);
  const imap = new ImapFlow({
    host: "127.0.0.1", port: server.ports.imaps, secure: true, logger: false,
    auth: { user: at("carol"), pass: password }, tls: { ca: server.caPem, servername: "localhost" },
  });
  await imap.connect();
  await imap.mailboxOpen("Public Folders/Notices");
  assert.deepEqual(await imap.search({ seen: true }), [1]);
  await imap.messageFlagsAdd("2", ["\\Seen"]);
  await imap.logout();
  assert.deepEqual(await carol.unread(folderId), [0]);
  for (const client of [bob, carol]) await client.session.disconnect();
});

test("what was read goes out as change numbers and comes back as them", async () => {
  const carol = await PublicClient.open("carol");
  const folderId = await carol.idOf("Notices");
  const long = { replicaGuid: carol.told.replGuid, counter: folderId.counter };
  const read = async (): Promise<CounterSet> => {
    const pieces: Uint8Array[] = [];
    for (let hasFinished = false, dataOffset = 0; !hasFinished;) {
      const { body } = await carol.session.must(store.RopReadPerUserInformation, carol.logon,
        { folderId: long, dataOffset, maxDataSize: 7 });
      pieces.push(body.data);
      dataOffset += body.data.length;
      hasFinished = body.hasFinished;
    }
    return decodeIdSet(Buffer.concat(pieces)).get(carol.told.replGuid) ?? new CounterSet();
  };
  const numbers = (await carol.contents(folderId, [tags.subject, changeNumber]))
    .map(([subject, number]) => [subject, idFrom(number as bigint).counter] as const);
  assert.deepEqual([...await read()].sort((a, b) => a - b), numbers.map(([, number]) => number).sort((a, b) => a - b));
  const two = numbers.find(([subject]) => subject === "two")![1];
  const bytes = encodeIdSet(new Map([[carol.told.replGuid, CounterSet.of([two])]]));
  const halves = [[bytes.subarray(0, 9), 0, false], [bytes.subarray(9), 9, true]] as const;
  for (const [data, dataOffset, hasFinished] of halves) {
    await carol.session.must(store.RopWritePerUserInformation, carol.logon,
      { folderId: long, hasFinished, dataOffset, data });
  }
  assert.deepEqual(await carol.contents(folderId), [["one", false], ["two", true]]);
  assert.deepEqual([...await read()], [two]);
  const bad = await carol.session.call(store.RopWritePerUserInformation, carol.logon,
    { folderId: long, hasFinished: true, dataOffset: 0, data: Buffer.from("nonsense") });
  assert.equal(bad.returnValue, 0x8004_011b);
  await carol.session.disconnect();
});

test("folders are made where one may, and their makers own them", async () => {
  const [alice, bob] = [await PublicClient.open("alice"), await PublicClient.open("bob")];
  const ask = async (client: PublicClient, name: string, parentId: ShortTermId) => client.session.call(
    folders.RopCreateFolder, await client.folder(parentId), {
      folderType: 1, useUnicodeStrings: true, openExisting: false, displayName: name, comment: "",
    });
  const top = bob.told.folderIds[places.ipmSubtree]!;
  assert.notEqual((await ask(bob, "Mine", top)).returnValue, 0);
  const made = await ask(alice, "Projects", top);
  assert.equal(made.returnValue, 0);
  await server.must(["public", "permit", "Projects", "--to", at("bob"), "--right", "publishing-author"]);
  const below = await ask(bob, "Bob's", made.body.folderId);
  assert.equal(below.returnValue, 0, `0x${below.returnValue.toString(16)}`);
  const rights = JSON.parse(await server.must(["public", "list", "Projects/Bob's", "--json"])) as
    { to: string; right: string }[];
  assert.deepEqual(rights.map(({ to, right }) => [to, right]),
    [["default", "author"], ["anonymous", "none"], [at("alice"), "owner"], [at("bob"), "owner"]]);
  const search = await bob.session.call(folders.RopCreateFolder, below.opened, {
    folderType: 2, useUnicodeStrings: true, openExisting: false, displayName: "Found", comment: "",
  });
  assert.notEqual(search.returnValue, 0, "no search folders in the public store");
  for (const client of [alice, bob]) await client.session.disconnect();
});

test("a reader's own marks are told to their session, and to nobody else's", async () => {
  const [bob, carol] = [await PublicClient.open("bob"), await PublicClient.open("carol")];
  const folderId = await bob.idOf("Notices");
  const subscribe = async (client: PublicClient): Promise<void> => {
    await client.session.must(notifications.RopRegisterNotification, client.logon, {
      notificationTypes: 0x14, wantWholeStore: false, folderId, messageId: { replicaId: 0, counter: 0 },
    });
  };
  for (const client of [bob, carol]) await subscribe(client);
  await bob.contents(folderId);
  const messageId = await bob.post(folderId, "three");
  const heard = async (client: PublicClient): Promise<number[]> => (await client.session.events())
    .filter(({ data }) => data.messageId?.counter === messageId.counter)
    .map(({ data }) => data.notificationFlags & 0xfff);
  assert.deepEqual(await heard(carol), [0x04], "a new message");
  await bob.session.events();
  await bob.session.must(messages.RopSetReadFlags, await bob.folder(folderId),
    { wantAsynchronous: false, readFlags: 0x05, messageIds: [messageId] });
  await bob.session.must(messages.RopSetReadFlags, await bob.folder(folderId),
    { wantAsynchronous: false, readFlags: 0x01, messageIds: [messageId] });
  assert.deepEqual(await heard(bob), [0x10, 0x10], "unread, and read again");
  assert.deepEqual(await heard(carol), [], "another's marks are no change");
  for (const client of [bob, carol]) await client.session.disconnect();
});
