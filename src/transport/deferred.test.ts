/**
 * Mail that waits for its time, on a real queue with a stand-in for the sender's mailbox that can break at every step:
 * wherever a server is killed, what was handed in and not taken back is sent once, and the item ends where it belongs.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { EntryId, FolderId, MailboxId, MessageId } from "#base/ids.ts";
import type { Outbox } from "#transport/outbox.ts";
import { countQueue, dropQueued, listQueue } from "#transport/queue-admin.ts";
import { deferredItem, deferredRoute } from "#transport/queue-rows.ts";
import type { DeferredItem } from "#transport/queue-rows.ts";
import type { TestHouse } from "#transport/test-kit.ts";
import { openTestHouse, until } from "#transport/test-kit.ts";
import type { Transport } from "#transport/transport.ts";

const mailboxId = 1 as MailboxId;
const messageId = 77 as MessageId;
const later = 3_600_000;

/** One item; what is thrown by `onCall`, its mailbox throws. */
class Item implements Outbox {
  state_: "waiting" | "other" | "gone" = "waiting";
  became: string[] = [];
  onCall: (what: "state" | "file" | "unsubmit") => void = () => undefined;
  state(): Promise<"waiting" | "other" | "gone"> {
    this.onCall("state");
    return Promise.resolve(this.state_);
  }
  file(_ctx: unknown, _mailboxId: unknown, { fate }: DeferredItem): Promise<void> {
    this.onCall("file");
    if (this.state_ === "waiting") this.became.push(`filed ${fate}`);
    this.state_ = "gone";
    return Promise.resolve();
  }
  unsubmit(): Promise<void> {
    this.onCall("unsubmit");
    if (this.state_ === "waiting") this.became.push("draft");
    if (this.state_ === "waiting") this.state_ = "other";
    return Promise.resolve();
  }
}

async function submit(house: TestHouse, transport: Transport, to: string[]): Promise<string> {
  const queueId = transport.newQueueId();
  const spool = transport.beginMessage(house.ctx);
  await spool.write(Buffer.from("Subject: Later\r\n\r\nBody\r\n"));
  const recipients = await Promise.all(to.map(async (address) => ({
    address, resolution: await house.directory.resolve(house.ctx, address),
  })));
  const submittedMs = house.system.nowMs();
  await transport.acceptLater(house.ctx, {
    queueId, origin: "submission", envelopeSender: "alice@example.test", flags: 0,
    trace: Buffer.from("Received: x\r\n"), content: await spool.finish(), recipients, senderId: 1 as EntryId,
  }, { mailboxId, messageId, submittedMs, untilMs: submittedMs + later, fate: 5 as FolderId });
  return queueId;
}

const got = (house: TestHouse, mailbox: number): number => house.mailboxes.get(mailbox)?.length ?? 0;
const empty = (house: TestHouse): Promise<void> =>
  until("an empty queue", async () => (await house.rows("queue_recipient")).length === 0);

test("routes are read as they were written", () => {
  const item: DeferredItem = {
    state: "leaving", messageId, submittedMs: 1_700_000_000_123, fate: "keep", senderId: null,
  };
  assert.deepEqual(deferredItem(deferredRoute(item)), item);
  const other: DeferredItem = { ...item, state: "deferred", fate: 9 as FolderId, senderId: 4 as EntryId };
  assert.deepEqual(deferredItem(deferredRoute(other)), other);
  for (const route of ["", "example.test", "deferred 1", "deferred x 2 keep 0", "sent-items"]) {
    assert.equal(deferredItem(route), undefined, route);
  }
});

test("a group is opened when it leaves; who is gone since is told; the age counts from then", async () => {
  await using house = await openTestHouse();
  const item = new Item();
  const transport = house.transport({}, item);
  await transport.start();
  const queueId = await submit(house, transport, ["team@example.test", "carol@example.test"]);
  const { recipients, held } = await countQueue(house.ctx, house.store);
  assert.deepEqual([recipients, held], [2, 0]);
  assert.deepEqual((await listQueue(house.ctx, house.store)).map(({ state }) => state), ["deferred", "deferred"]);
  house.directory.groups.set("team@example.test", ["bob@example.test"]);
  house.directory.people[2] = "somebody";
  await transport.stop();
  house.system.aheadMs += later + 1000;
  const next = house.transport({}, item);
  await next.start();
  await empty(house);
  assert.equal(got(house, 2), 1);
  assert.equal(house.mailboxes.get(2)![0]!.deliveryId, `${queueId}.1`, "it keeps its id");
  assert.match(house.mailboxes.get(1)![0]!.text, /Final-Recipient: rfc822; carol@example\.test\r\nAction: failed/);
  assert.deepEqual(item.became, ["filed 5"]);
  assert.equal((await house.rows("queue_message")).length, 0);
});

for (const broken of ["state", "file"] as const) {
  test(`killed at "${broken}" as it leaves`, async () => {
    await using house = await openTestHouse();
    const item = new Item();
    const transport = house.transport({}, item);
    await submit(house, transport, ["bob@example.test"]);
    house.system.aheadMs += later + 1000;
    let breaks = true;
    item.onCall = (what) => {
      if (what === broken && breaks) throw new Error("killed");
    };
    await transport.start();
    await until("the break", () => house.logLines.some(({ message }) => message === "deferred mail could not leave"));
    await transport.stop();
    assert.deepEqual(item.became, []);
    breaks = false;
    house.system.aheadMs += later;
    await house.transport({}, item).start();
    await empty(house);
    assert.equal(got(house, 2), 1);
    assert.deepEqual(item.became, ["filed 5"]);
  });
}

test("killed between queue and item: what is no draft yet becomes one, what was never marked is not sent", async () => {
  await using house = await openTestHouse();
  const item = new Item();
  const transport = house.transport({}, item);
  await submit(house, transport, ["bob@example.test"]);
  const killed = transport.abort(house.ctx, mailboxId, messageId, () => Promise.reject(new Error("killed")));
  await assert.rejects(killed, /killed/);
  assert.deepEqual(await listQueue(house.ctx, house.store), [], "it cannot leave any more");
  house.system.aheadMs += 61_000;
  await transport.start();
  await empty(house);
  assert.deepEqual(item.became, ["draft"]);
  item.state_ = "other";
  item.became = [];
  await submit(house, transport, ["bob@example.test"]);
  await transport.stop();
  house.system.aheadMs += later + 1000;
  await house.transport({}, item).start();
  await empty(house);
  assert.deepEqual(item.became, []);
  assert.equal(got(house, 2), 0);
});

test("taken back too late; taken back while it is about to leave; dropped", async () => {
  await using house = await openTestHouse();
  const item = new Item();
  const transport = house.transport({}, item);
  const abort = (): Promise<string> => transport.abort(house.ctx, mailboxId, messageId, () => item.unsubmit());
  assert.equal(await abort(), "notThere");
  await submit(house, transport, ["bob@example.test"]);
  house.system.aheadMs += later + 1000;
  item.onCall = (what) => {
    if (what === "file") throw new Error("not yet");
  };
  await transport.start();
  await until("its leaving", () => got(house, 2) === 1);
  assert.equal(await abort(), "tooLate");
  item.onCall = () => undefined;
  house.system.aheadMs += later;
  await transport.stop();
  const next = house.transport({}, item);
  await next.start();
  await empty(house);
  assert.deepEqual(item.became, ["filed 5"]);

  item.state_ = "waiting";
  item.became = [];
  await submit(house, next, ["bob@example.test"]);
  await next.stop();
  house.system.aheadMs += later + 1000;
  let aborted: Promise<string> | null = null;
  const last = house.transport({}, item);
  // Between its look at the item and its leaving.
  const taken = Promise.withResolvers<void>();
  const open = Promise.withResolvers<void>();
  const resolve = house.directory.resolve.bind(house.directory);
  house.directory.resolve = async (ctx, address) => {
    aborted ??= last.abort(house.ctx, mailboxId, messageId, async () => {
      taken.resolve();
      await open.promise;
      await item.unsubmit();
    });
    await taken.promise;
    return await resolve(ctx, address);
  };
  await last.start();
  await taken.promise;
  await until("nothing in hand", () => last.inHand === 0);
  open.resolve();
  await empty(house);
  assert.equal(await aborted!, "aborted");
  assert.deepEqual(item.became, ["draft"]);
  assert.equal(got(house, 2), 1, "not sent again");

  item.state_ = "waiting";
  const queueId = await submit(house, last, ["bob@example.test", "outside@remote.test"]);
  assert.equal(await dropQueued(house.ctx, house.store, { queueId, recipientNumber: 2 }), 1);
  assert.equal(await dropQueued(house.ctx, house.store, { queueId }), 1);
  await until("a draft", () => item.became.length === 2);
  await empty(house);
});
