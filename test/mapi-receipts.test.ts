/**
 * Proves receipts over real HTTPS: what Outlook marks as read, or removes unread, is answered where its sender asked for
 * it, once, as a report that programs and people can read; each read flag does what it says; what IMAP marks, junk, own
 * work, and requests that name strangers are not answered. [MS-OXCMSG] 2.2.3.10.1, [MS-OXOMSG] 2.2.2, RFC 8098
 */
import { strict as assert } from "node:assert";
import { after, before, test } from "node:test";
import { ImapFlow } from "imapflow";
import { simpleParser } from "mailparser";
import type { ShortTermId } from "#props/object-ids.ts";
import { makeTag } from "#props/types.ts";
import * as folders from "#wire/mapi/rops/folders.ts";
import * as messages from "#wire/mapi/rops/messages.ts";
import * as transport from "#wire/mapi/rops/transport.ts";
import { MailboxClient, idFrom, logonPlaces, mailer, startServer, tags, text } from "./support/mapi-mailbox.ts";
import { pause } from "./support/real-ctx.ts";
import { domain, password } from "./support/server.ts";
import type { TestServer } from "./support/server.ts";

let server: TestServer;
let alice: MailboxClient;
let bob: MailboxClient;
let inbox: number;

const flag = { suppress: 0x01, clear: 0x04, onlyReceipt: 0x10, clearRead: 0x20, clearUnread: 0x40 } as const;
const asks = { read: 0x100, unread: 0x200 } as const;

before(async () => {
  server = await startServer(["alice", "bob"]);
  alice = await MailboxClient.open(server, "alice");
  bob = await MailboxClient.open(server, "bob");
  inbox = await alice.openFolder("inbox");
});
after(async () => {
  await alice?.disconnect();
  await bob?.disconnect();
  await server?.dispose();
});

const columns = [tags.subject, tags.mid, tags.messageClass] as const;

async function listed(client: MailboxClient, place: keyof typeof logonPlaces): Promise<(readonly unknown[])[]> {
  const table = await client.contents(await client.openFolder(place), columns);
  const rows = await client.rows(table, columns);
  client.session.release(table);
  return rows;
}

/** The id of a message, waited for. */
async function find(client: MailboxClient, subject: string, place: keyof typeof logonPlaces = "inbox"): Promise<ShortTermId> {
  for (let tries = 0; tries < 200; tries++) {
    const row = (await listed(client, place)).find((one) => one[0] === subject);
    if (row !== undefined) return idFrom(row[1] as bigint);
    await pause(25);
  }
  throw new Error(`no "${subject}" in ${place}`);
}

async function mailFromBob(subject: string, headers: Record<string, string> = {}): Promise<ShortTermId> {
  await mailer(server, "bob").sendMail({
    from: `Bob <bob@${domain}>`, to: `alice@${domain}`, subject, text: "Please tell me.", messageId: `<${subject.replaceAll(" ", ".")}@${domain}>`,
    headers: { "Disposition-Notification-To": `bob@${domain}`, ...headers },
  });
  return await find(alice, subject);
}

async function flagsOf(messageId: ShortTermId): Promise<number> {
  const message = await alice.open(inbox, "inbox", messageId, 0);
  const [value] = await alice.get(message, [tags.messageFlags]);
  alice.session.release(message);
  return value as number;
}

async function mark(messageId: ShortTermId, readFlags: number): Promise<void> {
  const { body } = await alice.session.must(messages.RopSetReadFlags, inbox,
    { wantAsynchronous: false, readFlags, messageIds: [messageId] });
  assert.equal(body.partialCompletion, false);
}

/** How many of bob's messages have this subject, once what was under way has come: a mail behind it is waited for. */
async function received(subject: string): Promise<number> {
  const last = `behind ${subject} ${Math.random()}`;
  await mailer(server, "alice").sendMail({ from: `alice@${domain}`, to: `bob@${domain}`, subject: last, text: "x" });
  await find(bob, last);
  return (await listed(bob, "inbox")).filter((one) => one[0] === subject).length;
}

async function overImap<T>(user: string, act: (flow: ImapFlow) => Promise<T>): Promise<T> {
  const flow = new ImapFlow({
    host: "127.0.0.1", port: server.ports.imaps, secure: true, servername: "localhost", tls: { ca: server.caPem },
    auth: { user: `${user}@${domain}`, pass: password }, logger: false,
  });
  await flow.connect();
  const lock = await flow.getMailboxLock("INBOX");
  const done = await act(flow);
  lock.release();
  await flow.logout();
  return done;
}

test("read: a report to the sender, once, and the message remembers it", async () => {
  const id = await mailFromBob("asked");
  assert.equal(await flagsOf(id) & 0x703, asks.read | asks.unread | 0x2, "asked for, not read, as it came");
  const message = await alice.open(inbox, "inbox", id);
  await alice.session.must(messages.RopSetMessageReadFlag, message, { readFlags: 0, clientData: undefined });
  const report = await find(bob, "Read: asked");
  const opened = await bob.open(await bob.openFolder("inbox"), "inbox", report, 0);
  const wanted = [tags.messageClass, text(0x0042), text(0x1046), makeTag(0x0049, "String"), makeTag(0x002a, "Time"),
    text(0x0074), text(0x0080)];
  const [messageClass, from, originalId, , receiptTime, originalTo, disposition] = await bob.get(opened, wanted);
  assert.equal(messageClass, "REPORT.IPM.Note.IPNRN");
  assert.equal(from, "alice");
  assert.equal(originalId, `<asked@${domain}>`);
  assert.equal(typeof receiptTime, "bigint");
  assert.deepEqual([originalTo, disposition], [`alice@${domain}`, "displayed"]);
  assert.equal(await flagsOf(id) & 0x701, 0x401, "read, and nothing is asked for any more");
  for (const readFlags of [flag.clear, 0, flag.onlyReceipt]) await mark(id, readFlags);
  assert.equal(await received("Read: asked"), 1);
  alice.session.release(message);
});

test("the report as an independent reader sees it", async () => {
  const source = await overImap("bob", async (flow) => {
    const [uid] = await flow.search({ subject: "Read: asked" }, { uid: true }) as number[];
    return (await flow.fetchOne(String(uid), { source: true }, { uid: true }) as { source: Buffer }).source;
  });
  const raw = source.toString();
  assert.match(raw, /^Return-Path: <>/im);
  assert.match(raw, /^Auto-Submitted: auto-replied/m);
  assert.match(raw, /^Content-Type: multipart\/report;[^]*?report-type="?disposition-notification/m);
  assert.match(raw, new RegExp(`^In-Reply-To: <asked@${domain}>`, "m"));
  assert.match(raw, new RegExp(`^Final-Recipient: rfc822; ?alice@${domain}`, "m"));
  assert.match(raw, new RegExp(`^Original-Message-ID: <asked@${domain}>`, "m"));
  assert.match(raw, /^Disposition: automatic-action\/MDN-sent-automatically; ?displayed/m);
  const parsed = await simpleParser(source);
  assert.equal(parsed.from?.value[0]?.address, `alice@${domain}`);
  assert.match(parsed.text ?? "", /was read on/);
});

test("what each read flag does", async () => {
  const rows: readonly (readonly [string, number, { read: boolean; asks: boolean; reports: number }])[] = [
    ["suppressed", flag.suppress, { read: true, asks: false, reports: 0 }],
    ["receipt alone", flag.onlyReceipt, { read: false, asks: false, reports: 1 }],
    ["request forgotten", flag.clearRead, { read: false, asks: false, reports: 0 }],
    ["both forgotten", flag.clearRead | flag.clearUnread, { read: false, asks: false, reports: 0 }],
    ["made unread", flag.clear, { read: false, asks: true, reports: 0 }],
    ["by list", 0, { read: true, asks: false, reports: 1 }],
  ];
  for (const [subject, readFlags, wanted] of rows) {
    const id = await mailFromBob(subject);
    await mark(id, readFlags);
    const flags = await flagsOf(id);
    assert.equal((flags & 0x1) !== 0, wanted.read, subject);
    assert.equal((flags & asks.read) !== 0, wanted.asks, subject);
    assert.equal(await received(`Read: ${subject}`), wanted.reports, subject);
    // What was refused stays refused.
    if (!wanted.asks) {
      await mark(id, flag.clear);
      await mark(id, 0);
      assert.equal(await received(`Read: ${subject}`), wanted.reports, `${subject}, later`);
    }
  }
  const bad = await alice.session.call(messages.RopSetReadFlags, inbox, {
    wantAsynchronous: false, readFlags: flag.clear | flag.onlyReceipt, messageIds: [await find(alice, "by list")],
  });
  assert.equal(bad.returnValue, 0x8007_0057);
});

test("a list tells which receipts are awaited as the open message does; one forgotten leaves the other", async () => {
  const shown = async (subject: string): Promise<number> => {
    const wanted = [tags.subject, tags.messageFlags];
    const table = await alice.contents(inbox, wanted);
    const row = (await alice.rows(table, wanted)).find((one) => one[0] === subject);
    alice.session.release(table);
    return row![1] as number;
  };
  for (const [subject, readFlags, left, read, removed] of [
    ["not read it", flag.clearRead, asks.unread, 0, 1], ["not lose it", flag.clearUnread, asks.read, 1, 0],
  ] as const) {
    const id = await mailFromBob(subject);
    assert.equal(await shown(subject) & 0x300, asks.read | asks.unread, subject);
    await mark(id, readFlags);
    assert.deepEqual([await flagsOf(id) & 0x300, await shown(subject) & 0x300], [left, left], subject);
    // A mail program that writes all the flags it knows does not ask for it again.
    await overImap("alice", async (flow) => {
      const found = await flow.search({ subject }, { uid: true }) as number[];
      await flow.messageFlagsSet(found, ["\\Flagged"], { uid: true });
    });
    assert.equal(await flagsOf(id) & 0x300, left, `${subject}, over IMAP`);
    await mark(id, flag.onlyReceipt);
    assert.equal(await received(`Read: ${subject}`), read, subject);
    await alice.session.must(folders.RopDeleteMessages, inbox,
      { wantAsynchronous: false, notifyNonRead: true, messageIds: [id] });
    assert.equal(await received(`Not read: ${subject}`), removed, subject);
  }
});

test("the change key stays while the read state changes; what is gone is told by partial completion", async () => {
  const id = await mailFromBob("plain change", { "Disposition-Notification-To": "" });
  const message = await alice.open(inbox, "inbox", id, 0);
  const wanted = [makeTag(0x65e2, "Binary"), makeTag(0x3008, "Time")];
  const before = await alice.get(message, wanted);
  await mark(id, 0);
  await mark(id, flag.clear);
  const again = await alice.open(inbox, "inbox", id, 0);
  assert.deepEqual(await alice.get(again, wanted), before);
  const { body } = await alice.session.must(messages.RopSetReadFlags, inbox,
    { wantAsynchronous: false, readFlags: 0, messageIds: [id, { replicaId: 1, counter: 0x7fff_fff0 }] });
  assert.equal(body.partialCompletion, true);
  for (const handle of [message, again]) alice.session.release(handle);
});

test("removed unread: a report where the client wants one, and none for what was read", async () => {
  for (const [subject, isRead, notifyNonRead, reports] of [
    ["thrown away", false, true, 1], ["quietly", false, false, 0], ["seen first", true, true, 0],
  ] as const) {
    const id = await mailFromBob(subject);
    if (isRead) await mark(id, flag.suppress);
    await alice.session.must(folders.RopDeleteMessages, inbox, { wantAsynchronous: false, notifyNonRead, messageIds: [id] });
    assert.equal(await received(`Not read: ${subject}`), reports, subject);
  }
  const report = (await listed(bob, "inbox")).find((one) => one[0] === "Not read: thrown away");
  assert.equal(report?.[2], "REPORT.IPM.Note.IPNNRN");
});

async function moveToJunk(subject: string): Promise<void> {
  await overImap("alice", async (flow) => {
    const junk = (await flow.list()).find(({ specialUse }) => specialUse === "\\Junk")!;
    const moved = await flow.messageMove(await flow.search({ subject }, { uid: true }) as number[], junk.path, { uid: true });
    assert.notEqual(moved, false);
  });
}

test("not answered: what IMAP reads, other people's addresses, junk, a request not to, what one sent oneself", async () => {
  const byImap = await mailFromBob("by IMAP");
  await overImap("alice", async (flow) => {
    await flow.messageFlagsAdd(await flow.search({ subject: "by IMAP" }, { uid: true }) as number[], ["\\Seen"], { uid: true });
  });
  assert.equal(await received("Read: by IMAP"), 0);
  assert.notEqual(await flagsOf(byImap) & asks.read, 0, "Outlook may still answer it");
  const stranger = await mailFromBob("to a stranger", { "Disposition-Notification-To": "victim@elsewhere.test" });
  await mark(stranger, 0);
  const refused = await mailFromBob("refused", { "X-Auto-Response-Suppress": "RN, NRN" });
  await mark(refused, 0);
  await mailFromBob("junk");
  await moveToJunk("junk");
  const [entryIds] = await alice.get(inbox, [makeTag(0x36d8, "MultipleBinary")]);
  const counter = Buffer.from((entryIds as Uint8Array[])[4]!).readUIntBE(38, 6);
  const { opened: junkFolder } = await alice.session.must(folders.RopOpenFolder, alice.logon,
    { folderId: { replicaId: 1, counter }, openModeFlags: 0 });
  const table = await alice.contents(junkFolder, columns);
  const row = (await alice.rows(table, columns)).find((one) => one[0] === "junk");
  const junk = idFrom(row![1] as bigint);
  await alice.session.must(messages.RopSetReadFlags, junkFolder, { wantAsynchronous: false, readFlags: 0, messageIds: [junk] });
  for (const subject of ["to a stranger", "refused", "junk"]) assert.equal(await received(`Read: ${subject}`), 0, subject);
  const own = await alice.create("outbox", [[tags.subject, "my own"], [makeTag(0x0029, "Boolean"), true],
    [makeTag(0x0c06, "Boolean"), true], [tags.messageClass, "IPM.Note"]]);
  await alice.addRecipient(own, `bob@${domain}`);
  await alice.session.must(transport.RopSubmitMessage, own, { submitFlags: 0 });
  const sent = await find(alice, "my own", "sentItems");
  const sentItems = await alice.openFolder("sentItems");
  for (const readFlags of [flag.clear, 0]) {
    await alice.session.must(messages.RopSetReadFlags, sentItems, { wantAsynchronous: false, readFlags, messageIds: [sent] });
  }
  assert.equal((await listed(alice, "inbox")).filter((one) => String(one[0]).startsWith("Read:")).length, 0);
  // The request itself went out as mail, and bob's Outlook sees it.
  const arrived = await bob.open(await bob.openFolder("inbox"), "inbox", await find(bob, "my own"), 0);
  const [flags] = await bob.get(arrived, [tags.messageFlags]);
  assert.equal((flags as number) & asks.read, asks.read);
  assert.deepEqual(server.errors(), []);
});
