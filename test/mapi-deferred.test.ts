/**
 * Proves mail that is to leave later, over real HTTPS: it waits in the Outbox as submitted and in the queue, leaves at its
 * time and is filed; it is taken back by RopAbortSubmit, by removing the item, and by the administrator; a server that
 * was killed between queue and mailbox loses and doubles nothing. [MS-OXOMSG] 2.2.3.4, [MS-OXCROPS] 2.2.7.2
 */
import { strict as assert } from "node:assert";
import { after, before, test } from "node:test";
import { makeTag } from "#props/types.ts";
import type { PropertyTag, PropertyValue } from "#props/types.ts";
import * as folders from "#wire/mapi/rops/folders.ts";
import * as messages from "#wire/mapi/rops/messages.ts";
import * as transport from "#wire/mapi/rops/transport.ts";
import { MailboxClient, idFrom, logonPlaces, startServer, tags } from "./support/mapi-mailbox.ts";
import { pause } from "./support/real-ctx.ts";
import { domain } from "./support/server.ts";
import type { TestServer } from "./support/server.ts";

let server: TestServer;
let alice: MailboxClient;
let bob: MailboxClient;

const deferredSendTime = makeTag(0x3fef, "Time");
const deferredNumber = makeTag(0x3feb, "Integer32");
const deferredUnits = makeTag(0x3fec, "Integer32");
const deferredDeliveryTime = makeTag(0x000f, "Time");
const codes = { notInQueue: 0x8004_0601, unableToAbort: 0x8004_0114, alreadySent: 0 } as const;

before(async () => {
  server = await startServer(["alice", "bob", "carol"]);
  alice = await MailboxClient.open(server, "alice");
  bob = await MailboxClient.open(server, "bob");
});
after(async () => {
  await alice?.disconnect();
  await bob?.disconnect();
  await server?.dispose();
});

const inMs = (ms: number): bigint => (BigInt(Date.now() + ms) + 11_644_473_600_000n) * 10_000n;
const hourMs = 3_600_000;

async function listed(of: MailboxClient, place: keyof typeof logonPlaces): Promise<Map<string, readonly unknown[]>> {
  const columns = [tags.subject, tags.messageFlags, tags.mid, deferredSendTime];
  const folder = await of.openFolder(place);
  const rows = await of.rows(await of.contents(folder, columns), columns);
  return new Map(rows.map((row) => [String(row[0]), row]));
}

async function submit(subject: string, values: [PropertyTag, PropertyValue][], to = ["bob"]): Promise<bigint> {
  const message = await alice.create("outbox", [
    [tags.subject, subject], [tags.messageClass, "IPM.Note"], [tags.body, "Later\r\n"], ...values,
  ]);
  for (const [rowId, one] of to.entries()) await alice.addRecipient(message, `${one}@${domain}`, { rowId, type: 1 });
  await alice.session.must(transport.RopSubmitMessage, message, { submitFlags: 0 });
  const row = (await listed(alice, "outbox")).get(subject);
  return row === undefined ? 0n : row[2] as bigint;
}

const abort = async (messageId: bigint): Promise<number> =>
  (await alice.session.call(transport.RopAbortSubmit, alice.logon, {
    folderId: alice.folderIds[logonPlaces.outbox], messageId: idFrom(messageId),
  })).returnValue;

interface Queued { queueId: string; address: string; state: string; nextAttemptMs: number; envelopeSender: string }
const queued = async (): Promise<Queued[]> => JSON.parse(await server.must(["queue", "list", "--json"])) as Queued[];

async function arrives(subject: string, of = bob): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if ((await listed(of, "inbox")).has(subject)) return;
    await pause(50);
  }
  throw new Error(`"${subject}" did not come`);
}

const flagsOf = async (place: keyof typeof logonPlaces, subject: string): Promise<number> =>
  Number((await listed(alice, place)).get(subject)?.[1] ?? -1) & 0x2c;

test("it waits in the Outbox and the queue, and leaves at its time", async () => {
  const messageId = await submit("soon", [[deferredSendTime, inMs(2500)]], ["bob", "carol"]);
  assert.notEqual(messageId, 0n, "in the Outbox");
  assert.equal(await flagsOf("outbox", "soon"), 0x0c, "submitted, unsent");
  const rows = await queued();
  assert.deepEqual(rows.map(({ address, state }) => [address, state]),
    [[`bob@${domain}`, "deferred"], [`carol@${domain}`, "deferred"]]);
  assert.ok(rows.every(({ nextAttemptMs }) => nextAttemptMs > Date.now()));
  assert.ok(!(await listed(bob, "inbox")).has("soon"));
  const again = await alice.session.must(messages.RopOpenMessage, alice.logon, {
    codePageId: 0xfff, folderId: alice.folderIds[logonPlaces.outbox], openModeFlags: 1, messageId: idFrom(messageId),
  });
  assert.notEqual((await alice.session.call(transport.RopSubmitMessage, again.opened, { submitFlags: 0 })).returnValue, 0);
  await arrives("soon");
  for (let tries = 0; tries < 100 && !(await listed(alice, "sentItems")).has("soon"); tries++) await pause(20);
  assert.equal(await flagsOf("sentItems", "soon"), 0x20, "from me, neither unsent nor submitted");
  assert.ok(!(await listed(alice, "outbox")).has("soon"));
  assert.notEqual(await abort(messageId), 0, "it has left");
  for (let tries = 0; tries < 100 && (await queued()).length > 0; tries++) await pause(20);
  assert.deepEqual(await queued(), []);
});

test("number and unit are counted from its submission; times that are over are no reason to wait", async () => {
  const messageId = await submit("in days", [[deferredNumber, 3], [deferredUnits, 2], [deferredSendTime, inMs(-hourMs)]]);
  const at = Number(((await listed(alice, "outbox")).get("in days")![3] as bigint) / 10_000n - 11_644_473_600_000n);
  assert.ok(Math.abs(at - Date.now() - 3 * 24 * hourMs) < 60_000, "the time is worked out anew");
  assert.ok(Math.abs((await queued())[0]!.nextAttemptMs - at) < 2);
  assert.equal(await abort(messageId), 0);
  assert.notEqual(await submit("delivery", [[deferredDeliveryTime, inMs(hourMs)]]), 0n);
  assert.equal(await abort((await listed(alice, "outbox")).get("delivery")![2] as bigint), 0);
  await submit("over", [[deferredSendTime, inMs(-hourMs)]]);
  await submit("of no use", [[deferredNumber, 1000], [deferredUnits, 2]]);
  await arrives("over");
  await arrives("of no use");
});

test("taken back it is a draft again, and can be sent anew", async () => {
  const messageId = await submit("taken back", [[deferredSendTime, inMs(hourMs)]]);
  assert.equal(await abort(messageId), 0);
  assert.equal(await flagsOf("outbox", "taken back"), 0x08, "unsent");
  assert.deepEqual(await queued(), []);
  assert.equal(await abort(messageId), codes.notInQueue);
  const { opened } = await alice.session.must(messages.RopOpenMessage, alice.logon, {
    codePageId: 0xfff, folderId: alice.folderIds[logonPlaces.outbox], openModeFlags: 1, messageId: idFrom(messageId),
  });
  await alice.set(opened, [[deferredSendTime, inMs(-1000)]]);
  await alice.session.must(transport.RopSubmitMessage, opened, { submitFlags: 0 });
  await arrives("taken back");
  assert.equal([...(await listed(bob, "inbox")).keys()].filter((one) => one === "taken back").length, 1);
});

test("an item that is removed is not sent; others are not harmed; the copy goes where the client wants it", async () => {
  const removed = await submit("removed", [[deferredSendTime, inMs(1500)]]);
  await submit("kept", [[deferredSendTime, inMs(1500)], [makeTag(0x0e01, "Boolean"), true]]);
  const outbox = await alice.openFolder("outbox");
  await alice.session.must(folders.RopDeleteMessages, outbox, {
    wantAsynchronous: false, notifyNonRead: false, messageIds: [idFrom(removed)],
  });
  await arrives("kept");
  for (let tries = 0; tries < 100 && (await queued()).length > 0; tries++) await pause(20);
  assert.deepEqual(await queued(), []);
  assert.ok(!(await listed(bob, "inbox")).has("removed"));
  for (let tries = 0; tries < 100 && (await listed(alice, "outbox")).has("kept"); tries++) await pause(20);
  assert.ok(!(await listed(alice, "sentItems")).has("kept"), "removed once it was sent");
});

test("the administrator drops it, tries it now, holds it", async () => {
  await submit("dropped", [[deferredSendTime, inMs(hourMs)]]);
  const [row] = await queued();
  await server.must(["queue", "retry", "--all"]);
  assert.equal((await queued())[0]!.state, "deferred", "not by trying everything");
  await server.must(["queue", "hold", row!.queueId]);
  assert.equal((await queued())[0]!.state, "held");
  await server.must(["queue", "drop", row!.queueId]);
  assert.deepEqual(await queued(), []);
  for (let tries = 0; tries < 100 && await flagsOf("outbox", "dropped") !== 0x08; tries++) await pause(50);
  assert.equal(await flagsOf("outbox", "dropped"), 0x08, "a draft again");
  await submit("now", [[deferredSendTime, inMs(hourMs)]]);
  await server.must(["queue", "retry", (await queued())[0]!.queueId]);
  await arrives("now");
});
