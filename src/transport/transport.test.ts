/**
 * The queue on a real store: what is accepted is delivered once, survives restarts, is tried again, ends in reports.
 * Deliveries are recorded by a stand-in for the mailbox that knows delivery ids.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Fault } from "#base/fault.ts";
import { dropQueued, holdQueued, listQueue, retryQueued, showQueued, countQueue } from "#transport/queue-admin.ts";
import type { TestHouse } from "#transport/test-kit.ts";
import { openTestHouse, until } from "#transport/test-kit.ts";
import type { AcceptRequest, Transport } from "#transport/transport.ts";
import { notifyBits } from "#wire/smtp/parameters.ts";

const message = "Subject: Hello\r\nMessage-ID: <1@x>\r\n\r\nBody\r\n";

async function accept(house: TestHouse, transport: Transport, to: string[], more: Partial<AcceptRequest> & { notify?: number; body?: string } = {}): Promise<string> {
  const queueId = transport.newQueueId();
  const { notify, body = message, ...rest } = more;
  const spool = transport.beginMessage(house.ctx);
  await spool.write(Buffer.from(body));
  const recipients = await Promise.all(to.map(async (address) => ({
    address, resolution: await house.directory.resolve(house.ctx, address), ...(notify === undefined ? {} : { notify }),
  })));
  await transport.accept(house.ctx, {
    queueId, origin: "inbound", envelopeSender: "alice@example.test", flags: 0,
    trace: Buffer.from("Received: by mail.example.test\r\n"), content: await spool.finish(), recipients, ...rest,
  });
  return queueId;
}

async function empty(house: TestHouse): Promise<void> {
  await until("an empty queue", async () => (await house.rows("queue_recipient")).length === 0);
  assert.equal((await house.rows("queue_message")).length, 0, "the message goes with its last recipient");
}

const texts = (house: TestHouse, mailbox: number): string[] => (house.mailboxes.get(mailbox) ?? []).map(({ text }) => text);

test("delivers to several mailboxes at once and forgets the message", async () => {
  await using house = await openTestHouse();
  const transport = house.transport();
  await transport.start();
  const queueId = await accept(house, transport, ["bob@example.test", "carol@example.test", "BOB@example.test"]);
  await empty(house);
  assert.deepEqual(texts(house, 2), [`Return-Path: <alice@example.test>\r\nReceived: by mail.example.test\r\n${message}`]);
  assert.equal(texts(house, 3).length, 1);
  assert.equal(house.mailboxes.get(2)![0]!.deliveryId, `${queueId}.1`);
});

test("a large message goes by the blob store", async () => {
  await using house = await openTestHouse();
  const transport = house.transport();
  await transport.start();
  const body = `${message}${"x".repeat(76)}\r\n`.repeat(4000);
  await accept(house, transport, ["bob@example.test"], { body });
  await empty(house);
  assert.ok(texts(house, 2)[0]!.endsWith(body));
});

test("groups are opened, each mailbox once, success is told for the group", async () => {
  await using house = await openTestHouse();
  const transport = house.transport();
  await transport.start();
  await accept(house, transport, ["bob@example.test", "team@example.test"], { notify: notifyBits.success });
  await empty(house);
  assert.equal(texts(house, 2).length, 1);
  assert.equal(texts(house, 3).length, 1);
  const reports = texts(house, 1).filter((text) => text.includes("multipart/report"));
  assert.equal(reports.length, 2, "one for bob, one for the group");
  assert.ok(reports.some((text) => /Final-Recipient: rfc822; team@example\.test\r\nAction: expanded/.test(text)));
  assert.ok(reports.some((text) => /Final-Recipient: rfc822; bob@example\.test\r\nAction: delivered/.test(text)));
});

test("accepted without a worker, found by the next one", async () => {
  await using house = await openTestHouse();
  await accept(house, house.transport(), ["bob@example.test"]);
  assert.equal((await house.rows("queue_recipient")).length, 1);
  await house.transport().start();
  await empty(house);
  assert.equal(texts(house, 2).length, 1);
});

test("a server killed between delivery and settlement delivers once", async () => {
  await using house = await openTestHouse();
  const killed = house.transport();
  await killed.start();
  const { store } = house;
  const transact = store.transact.bind(store);
  // The process dies when it wants to write the outcome down.
  store.transact = (ctx, scope, procedure, args) =>
    procedure.name === "transport.settle" ? new Promise(() => undefined) : transact(ctx, scope, procedure, args);
  await accept(house, killed, ["bob@example.test"]);
  await until("the delivery", () => texts(house, 2).length === 1);
  store.transact = transact;
  const [row] = await house.rows("queue_recipient");
  assert.notEqual(row!["lease_owner"], null);
  let again = 0;
  house.onDeliver = () => { again++; };
  await house.transport().start();
  await empty(house);
  assert.equal(again, 1);
  assert.equal(texts(house, 2).length, 1);
  killed.stop = () => Promise.resolve();
});

test("without the exclusive right a dead owner's lease runs out first", async () => {
  await using house = await openTestHouse();
  const killed = house.transport({ leaseMs: 60_000 });
  await killed.start();
  house.onDeliver = () => new Promise(() => undefined);
  await accept(house, killed, ["bob@example.test"]);
  killed.stop = () => Promise.resolve();
  house.onDeliver = () => undefined;
  const other = house.transport({ exclusive: false });
  await other.start();
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(texts(house, 2).length, 0);
  house.system.aheadMs += 61_000;
  await retryQueued(house.ctx, house.store, { queueId: null });
  await empty(house);
});

test("temporary refusals are tried again by the schedule, then told, then given up", async () => {
  await using house = await openTestHouse();
  const transport = house.transport({
    retry: { localDelaysMs: [1000, 2000], delayNoticeAfterMs: 2500, expireAfterMs: 6000 },
  });
  await transport.start();
  let attempts = 0;
  house.onDeliver = (mailboxId) => {
    if (mailboxId !== 2) return;
    attempts++;
    throw new Fault("unavailable", "The mailbox is locked.");
  };
  await accept(house, transport, ["bob@example.test"]);
  await until("the first attempt", () => attempts === 1);
  for (let step = 1; step <= 5; step++) {
    const count = attempts;
    house.system.aheadMs += 2000;
    await retryQueued(house.ctx, house.store, { queueId: null }).catch(() => 0);
    if ((await house.rows("queue_recipient")).length === 0) break;
    await until(`attempt ${step}`, async () => attempts > count || (await house.rows("queue_recipient")).length === 0);
  }
  await empty(house);
  const reports = texts(house, 1);
  assert.equal(reports.length, 2, reports.join("\n----\n"));
  assert.match(reports[0]!, /Action: delayed\r\nStatus: 4\.3\.0\r\n.*\r\nWill-Retry-Until: /s);
  assert.match(reports[1]!, /Action: failed\r\nStatus: 5\.4\.7/);
  assert.ok(attempts >= 3, `${attempts}`);
});

test("final refusals are reported with the whole small message", async () => {
  await using house = await openTestHouse();
  const transport = house.transport();
  await transport.start();
  house.onDeliver = (mailboxId) => {
    if (mailboxId === 2) throw new Fault("overQuota", "The mailbox is full.");
  };
  await accept(house, transport, ["bob@example.test"], { envelopeId: "env+1" });
  await empty(house);
  const [report] = texts(house, 1);
  assert.match(report!, /^Return-Path: <>\r\n/);
  assert.match(report!, /Subject: Undeliverable: Hello\r\n/);
  assert.match(report!, /In-Reply-To: <1@x>\r\n/);
  assert.match(report!, /Original-Envelope-Id: env\+1\r\nReporting-MTA: dns; mail\.example\.test\r\n/);
  assert.match(report!, /Final-Recipient: rfc822; bob@example\.test\r\nAction: failed\r\nStatus: 5\.2\.2\r\n/);
  assert.match(report!, /Content-Type: message\/rfc822\r\n\r\nReceived: by mail\.example\.test\r\nSubject: Hello\r\n.*Body\r\n/s);
});

const silences: [name: string, more: Partial<AcceptRequest> & { notify?: number }][] = [
  ["null sender", { envelopeSender: "" }],
  ["NOTIFY=NEVER", { notify: notifyBits.never }],
  ["NOTIFY=SUCCESS", { notify: notifyBits.success }],
  ["a report of ours", { origin: "report" }],
  ["a sender that is gone", { envelopeSender: "nobody@example.test" }],
];
for (const [name, more] of silences) {
  test(`a failure nobody hears of: ${name}`, async () => {
    await using house = await openTestHouse();
    const transport = house.transport();
    await transport.start();
    house.onDeliver = (mailboxId) => {
      if (mailboxId === 2) throw new Fault("notFound", "Gone.");
    };
    await accept(house, transport, ["bob@example.test"], more);
    await empty(house);
    assert.equal(house.mailboxes.size, 0);
    assert.equal(house.logLines.filter(({ message }) => message === "not delivered").length, 1, "and no report of a report");
  });
}

test("outgoing mail that is switched off fails with a report; its header alone for RET=HDRS", async () => {
  await using house = await openTestHouse();
  const transport = house.transport();
  await transport.start();
  await accept(house, transport, ["x@remote.test", "y@other.test"], { ret: "HDRS" });
  await empty(house);
  const reports = texts(house, 1);
  assert.equal(reports.length, 2);
  for (const report of reports) {
    assert.match(report, /Status: 5\.7\.1\r\nDiagnostic-Code: x-outpost; 550 5\.7\.1 This server is set up to keep mail inside/);
    assert.match(report, /text\/rfc822-headers\r\n\r\nReceived: by mail\.example\.test\r\nSubject: Hello\r\n/);
    assert.ok(!report.includes("Body"));
  }
});

test("the store refuses outcomes for a while: nothing is forgotten, nothing twice", async () => {
  await using house = await openTestHouse();
  const { store } = house;
  const transact = store.transact.bind(store);
  let refusals = 1;
  store.transact = (ctx, scope, procedure, args) => {
    if (procedure.name === "transport.settle" && refusals-- > 0) return Promise.reject(new Fault("storageFull", "Full."));
    return transact(ctx, scope, procedure, args);
  };
  const transport = house.transport();
  await transport.start();
  await accept(house, transport, ["bob@example.test"]);
  await empty(house);
  assert.equal(texts(house, 2).length, 1);
});

test("more than the hands can hold waits in the store and is fetched", async () => {
  await using house = await openTestHouse();
  const transport = house.transport({ inHandMax: 5, localConcurrency: 2 });
  await transport.start();
  let atOnce = 0;
  let most = 0;
  house.onDeliver = async () => {
    most = Math.max(most, ++atOnce);
    await new Promise((resolve) => setTimeout(resolve, 1));
    atOnce--;
  };
  await Promise.all(Array.from({ length: 40 }, () => accept(house, transport, ["bob@example.test", "carol@example.test"])));
  await empty(house);
  assert.equal(texts(house, 2).length, 40);
  assert.equal(texts(house, 3).length, 40);
  assert.equal(most, 2);
  assert.equal(transport.inHand, 0);
});

test("the command line lists, shows, holds, retries and drops", async () => {
  await using house = await openTestHouse();
  const { ctx, store } = house;
  const transport = house.transport();
  await transport.start();
  house.onDeliver = () => { throw new Fault("unavailable", "Later."); };
  const queueId = await accept(house, transport, ["bob@example.test", "carol@example.test"]);
  await until("the first attempts", async () => (await listQueue(ctx, store)).every(({ attempts }) => attempts === 1));
  const rows = await listQueue(ctx, store);
  assert.deepEqual(rows.map(({ address, state }) => [address, state]), [["bob@example.test", "waiting"], ["carol@example.test", "waiting"]]);
  assert.match(rows[0]!.lastReply!, /Later/);
  assert.deepEqual((await listQueue(ctx, store, { after: rows[0]! })).map(({ address }) => address), ["carol@example.test"]);
  const shown = await showQueued(ctx, store, queueId);
  assert.equal(Buffer.from(shown.header).toString(), "Received: by mail.example.test\r\nSubject: Hello\r\nMessage-ID: <1@x>\r\n");
  await holdQueued(ctx, store, { queueId, recipientNumber: 1 });
  assert.equal((await listQueue(ctx, store))[0]!.state, "held");
  await dropQueued(ctx, store, { queueId, recipientNumber: 2 });
  assert.deepEqual(await countQueue(ctx, store), { messages: 1, recipients: 1, held: 1, oldestMs: shown.acceptedMs });
  house.onDeliver = () => undefined;
  await retryQueued(ctx, store, { queueId });
  await empty(house);
  assert.equal(texts(house, 2).length, 1);
  assert.equal(texts(house, 3).length, 0);
  await assert.rejects(dropQueued(ctx, store, { queueId }), { code: "notFound" });
  await assert.rejects(showQueued(ctx, store, queueId), { code: "notFound" });
});

test("stopping lets deliveries end and gives the rest back", async () => {
  await using house = await openTestHouse();
  const transport = house.transport({ localConcurrency: 1 });
  await transport.start();
  let release: () => void = () => undefined;
  house.onDeliver = () => new Promise((resolve) => { release = resolve; });
  await accept(house, transport, ["bob@example.test"]);
  await accept(house, transport, ["carol@example.test"]);
  const stopped = transport.stop();
  release();
  await stopped;
  assert.equal(texts(house, 2).length, 1);
  const rows = await house.rows("queue_recipient");
  assert.deepEqual(rows.map(({ address, lease_owner }) => [address, lease_owner]), [["carol@example.test", null]]);
});
