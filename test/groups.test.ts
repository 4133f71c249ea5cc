/**
 * Groups, senders that were rewritten and catch-all addresses, over the real queue with a partner's server outside and
 * the command line as administrators use it. Proves that a closed or moderated group keeps its rules inside an open one,
 * that what waits for a moderator passes or goes back once by whatever program answers, that failures reach whom the
 * group says, that bounces of what was sent on reach who wrote it, and that nobody relays through such an address.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { votingOptionsOf } from "#convert/voting.ts";
import { properties } from "#props/registry.ts";
import { getProperty } from "#convert/item.ts";
import type { Mailbox } from "#mailbox/api.ts";
import { commands } from "#main/cli/table.ts";
import { runCommandLine } from "#main/cli/run.ts";
import { readConfig } from "#main/config.ts";
import { openData } from "#main/open.ts";
import type { Opened } from "#main/open.ts";
import { serverScope } from "#store/api.ts";
import { all } from "#store/sql.ts";
import { createRuleDelivery } from "#transport/delivery-rules.ts";
import { Transport } from "#transport/transport.ts";
import { notifyBits } from "#wire/smtp/parameters.ts";
import { PartnerServer } from "./support/meetings.ts";
import { pause, realCtx } from "./support/real-ctx.ts";

const p = properties;
const folder = mkdtempSync(join(tmpdir(), "outpost-groups-"));
const data = join(folder, "data");
const partner = new PartnerServer();
const real = realCtx();
/** The command line is another process to the directory, which looks for its changes after a second: put forward. */
let aheadMs = 0;
const ctx = {
  ...real, system: Object.assign(Object.create(real.system) as typeof real.system, { monotonicMs: () => performance.now() + aheadMs }),
};
let opened: Opened;
let transport: Transport;

const at = (name: string): string => `${name}@example.test`;
const names = ["alice", "bob", "carol", "dora"];

async function run(...words: string[]): Promise<{ status: number; out: string; error: string }> {
  const outcome = { status: 0, out: "", error: "" };
  outcome.status = await runCommandLine([...words, "--data", data], commands, {
    isInteractive: false, readLine: () => Promise.resolve("secret"), askSecret: () => Promise.resolve("secret"),
    print: (text) => { outcome.out += `${text}\n`; }, printError: (text) => { outcome.error += `${text}\n`; },
  });
  return outcome;
}

async function must(...words: string[]): Promise<string> {
  const outcome = await run(...words);
  assert.equal(outcome.status, 0, `${words.join(" ")}: ${outcome.error}`);
  aheadMs += 1001;
  return outcome.out;
}

before(async () => {
  const port = await partner.listen();
  await must("init", "--hostname", "mail.example.test", "--domain", "example.test", "--admin", at("root"), "--password-stdin");
  writeFileSync(join(data, "outpost.json"), JSON.stringify({
    hostname: "mail.example.test", outbound: { mode: "smarthost", host: "127.0.0.1", port, tls: "none" },
  }));
  for (const name of names) await must("user", "add", at(name), "--password", "secret");
  await must("group", "add", at("inner"), "--member", at("carol"), "--managed-by", at("bob"));
  await must("group", "add", at("outer"), "--member", at("alice"), "--member", at("inner"));
  await must("group", "member-add", at("inner"), at("dora"));
  const config = readConfig(data, null);
  opened = await openData(ctx, data, config, "tool");
  const deliver = createRuleDelivery({ ...opened, transport: () => transport, hostname: "mail.example.test", believesSpamFields: true });
  transport = new Transport({
    ctx, store: opened.store, directory: opened.directory, deliver: (...args) => deliver(...args),
    config: { hostname: "mail.example.test", outbound: config.outbound, retry: { localDelaysMs: [20], expireAfterMs: 3000 } },
  });
  await transport.start();
});
after(async () => {
  await transport?.stop();
  await opened?.close();
  partner.close();
  rmSync(folder, { recursive: true, force: true });
});

async function mailboxOf(name: string): Promise<Mailbox> {
  const found = await opened.directory.resolve(ctx, at(name));
  assert.ok(found.kind === "mailbox");
  return await opened.mailboxes.open(ctx, { entryId: 0, address: "test", displayName: "", mailboxId: null }, found.mailboxId);
}

beforeEach(async () => {
  partner.messages.length = 0;
  await must("group", "set", at("inner"), "senders=", "accept-from=", "moderated=", "moderators=", "moderation-bypass=", "reports=");
  for (const name of names) {
    const mailbox = await mailboxOf(name);
    for (const { folderId } of await mailbox.folders(ctx)) {
      for (const associated of [false, true]) {
        const ids = [];
        for await (const rows of mailbox.items.rows(ctx, folderId, { associated })) ids.push(...rows.map(({ messageId }) => messageId));
        if (ids.length > 0) await mailbox.items.remove(ctx, ids, "hard");
      }
    }
  }
});

interface Sent { from?: string; to: string; subject?: string; body?: string; isSignedIn?: boolean; isReport?: boolean; notify?: number }

let number = 0;
/** As a session hands it in: with the one who signed in, or from outside. */
async function send({ from = at("alice"), to, subject = "Hello", body = "Body", isSignedIn = from.endsWith("@example.test"), isReport = from === "", notify }: Sent): Promise<string> {
  const text = [`From: <${from === "" ? "mailer-daemon@partner.test" : from}>`, `To: ${to}`, `Subject: ${subject}`,
    `Message-ID: <${++number}@partner.test>`, `Date: ${new Date().toUTCString()}`, "", body, ""].join("\r\n");
  const queueId = transport.newQueueId();
  const spool = transport.beginMessage(ctx);
  await spool.write(Buffer.from(text));
  const resolution = await transport.resolve(ctx, to, { isReport });
  if (resolution.kind === "unknown") return "unknown";
  await transport.accept(ctx, {
    queueId, origin: isSignedIn ? "submission" : "inbound", envelopeSender: from, flags: 0, trace: Buffer.from("Received: by mail.example.test\r\n"),
    content: await spool.finish(), recipients: [{ address: to, resolution, ...notify === undefined ? {} : { notify } }],
    senderId: isSignedIn ? (await opened.directory.entryByAddress(ctx, from))?.entryId ?? null : null,
  });
  await quiet();
  return "taken";
}

/** Nothing is at work; what waits for a moderator waits. */
async function quiet(): Promise<void> {
  for (let turn = 0; turn < 300; turn++) {
    const rows = await opened.store.read(ctx, serverScope, () => all("SELECT queue_id FROM queue_recipient WHERE route NOT LIKE 'moderation %'"));
    if (rows.length === 0) return;
    await pause(10);
  }
  throw new Error(`the queue never gets empty: ${JSON.stringify(ctx.errors().slice(-3))}`);
}

async function subjects(name: string): Promise<string[]> {
  const mailbox = await mailboxOf(name);
  const found: string[] = [];
  for (const { folderId, name: folderName } of await mailbox.folders(ctx)) {
    for await (const rows of mailbox.items.rows(ctx, folderId)) found.push(...rows.map((row) => `${folderName}: ${row.subject}`));
  }
  return found;
}

async function bytesIn(name: string): Promise<string[]> {
  const mailbox = await mailboxOf(name);
  const texts: string[] = [];
  for (const { folderId } of await mailbox.folders(ctx)) {
    for await (const rows of mailbox.rows(ctx, folderId, "all")) {
      for (const { contentId } of rows) {
        const content = await mailbox.content(ctx, contentId);
        texts.push(Buffer.from(await content.read(0, content.sizeBytes)).toString("latin1"));
      }
    }
  }
  return texts;
}

test("a group in a group, and each member once", async () => {
  await must("group", "member-add", at("outer"), at("carol"));
  await send({ to: at("outer") });
  await must("group", "member-remove", at("outer"), at("carol"));
  assert.deepEqual(await Promise.all(names.map(subjects)), [["Inbox: Hello"], [], ["Inbox: Hello"], ["Inbox: Hello"]]);
  assert.match((await run("group", "member-add", at("inner"), at("outer"))).error, /contains inner@example\.test/);
});

test("a closed group in an open one keeps its rule: others get it, its members do not, the sender hears", async () => {
  await must("group", "set", at("inner"), `accept-from=${at("dora")}`);
  await send({ to: at("outer"), from: at("alice") });
  assert.deepEqual([await subjects("carol"), await subjects("dora")], [[], []]);
  const [mine, report] = (await bytesIn("alice")).sort((a, b) => a.length - b.length);
  assert.match(mine!, /^Subject: Hello\r\n/m);
  assert.match(report!, /Final-Recipient: rfc822; inner@example\.test\r\nAction: failed\r\nStatus: 5\.7\.2/);
  await send({ to: at("outer"), from: at("dora"), subject: "By right" });
  assert.deepEqual([await subjects("carol"), await subjects("dora")], [["Inbox: By right"], ["Inbox: By right"]]);
  await send({ to: at("outer"), from: "pat@partner.test", subject: "From outside" });
  assert.equal((await subjects("carol")).length, 1);
  assert.ok((await subjects("alice")).includes("Inbox: From outside"));
});

test("a rule of somebody who may not write to a group does not either", async () => {
  await must("group", "set", at("inner"), `accept-from=${at("dora")}`);
  await must("rule", "forward", at("alice"), "--to", at("inner"), "--no-copy");
  await must("rule", "forward", at("dora"), "--to", at("inner"));
  await send({ to: at("alice"), from: "pat@partner.test", subject: "Not on" });
  assert.deepEqual([await subjects("alice"), await subjects("carol")], [["Inbox: Not on"], []], "it stays where it came");
  await send({ to: at("dora"), from: "pat@partner.test", subject: "On" });
  assert.deepEqual(await subjects("carol"), ["Inbox: On"]);
});

const answersTo = (text: string): string => /<(moderate-[^>]+)>/.exec(text)![1]!;

test("what is moderated waits, with the message attached and buttons, and passes by an answer in words", async () => {
  await must("group", "set", at("inner"), "moderated=on", `moderators=${at("bob")}`);
  await send({ to: at("outer"), from: "pat@partner.test", subject: "Please" });
  assert.deepEqual([await subjects("alice"), await subjects("carol")], [["Inbox: Please"], []]);
  const [question] = await bytesIn("bob");
  assert.match(question!, /^Return-Path: <>\r\n/);
  assert.match(question!, /Content-Type: message\/rfc822\r\n[^]*Received: by mail\.example\.test\r\nFrom: <pat@partner\.test>/);
  const mailbox = await mailboxOf("bob");
  const inbox = await mailbox.folderByRole(ctx, "inbox");
  for await (const rows of mailbox.items.rows(ctx, inbox.folderId)) {
    const item = await mailbox.items.open(ctx, rows[0]!.messageId);
    assert.equal(getProperty({ bag: new Map(item.bag), named: new Map() }, p.PidTagMessageClass), "IPM.Note.Microsoft.Approval.Request");
    const object = { bag: new Map(item.bag), named: new Map(item.named) };
    assert.deepEqual(votingOptionsOf(object).map(({ name }) => name), ["Approve", "Reject"]);
  }
  const to = answersTo(question!);
  assert.match(await must("group", "held"), /inner@example\.test +pat@partner\.test .*Please/);
  // Neither of these decides.
  await send({ to, from: at("bob"), subject: "Re: Moderation", body: "Maybe" });
  assert.match((await bytesIn("bob")).join(), /550 5\.6\.0 The first line says neither/);
  await send({ to, from: at("carol"), subject: "Approve: x" });
  assert.match((await bytesIn("carol")).join(), /550 5\.7\.1 carol@example\.test is no moderator/);
  await send({ to, from: "", subject: "Approve: x" });
  assert.equal(await send({ to: to.replace(/-[0-9a-f]{20}@/, "-00000000000000000000@"), from: at("bob"), body: "Approve" }), "unknown");
  assert.equal((await subjects("dora")).length, 0);
  await send({ to, from: at("bob"), subject: "Re: Moderation", body: "\r\n approve\r\n\r\n> Reject" });
  await quiet();
  assert.deepEqual([await subjects("dora"), await subjects("alice")], [["Inbox: Please"], ["Inbox: Please"]]);
  assert.match((await bytesIn("dora"))[0]!, /^Return-Path: <pat@partner\.test>\r\n/);
  assert.equal(await must("group", "held"), "Nothing waits.\n");
  await send({ to, from: at("bob"), body: "Reject" });
  assert.match((await bytesIn("bob")).join(), /550 5\.7\.0 This message waits no more/);
});

test("a refusal is told to those inside with its reason, and who manages the group decides too", async () => {
  await must("group", "set", at("inner"), "moderated=on");
  await send({ to: at("inner"), from: at("alice"), subject: "No" });
  const [question] = await bytesIn("bob");
  await send({ to: answersTo(question!), from: at("bob"), subject: "Reject: Moderation", body: "Not\r\nnow.\r\n\r\nFrom: x" });
  assert.match((await bytesIn("alice")).join(), /550 5\.7\.1 A moderator of inner@example\.test did not let it pass: Not now\.\r\n/);
  await send({ to: at("inner"), from: "pat@partner.test", subject: "Spam" });
  const held = JSON.parse(await must("group", "held", "--json")) as { id: string }[];
  await must("group", "reject", held[0]!.id, "--comment", "no");
  await quiet();
  assert.deepEqual([partner.messages, await subjects("carol")], [[], []], "nobody outside hears of it");
  assert.equal((await run("group", "approve", held[0]!.id)).status, 1);
});

test("moderators, whoever manages the group and those who need not wait do not wait; nobody to ask is told", async () => {
  await must("group", "set", at("inner"), "moderated=on", `moderators=${at("dora")}`, `moderation-bypass=${at("carol")}`);
  for (const name of ["bob", "carol", "dora"]) await send({ to: at("inner"), from: at(name), subject: name });
  assert.deepEqual((await subjects("carol")).sort(), ["Inbox: bob", "Inbox: carol", "Inbox: dora"]);
  await must("user", "disable", at("dora"));
  await send({ to: at("inner"), from: at("alice"), subject: "nobody" });
  assert.match((await bytesIn("alice")).join(), /550 5\.7\.2 inner@example\.test has no moderator who takes mail/);
  await must("user", "enable", at("dora"));
});

test("an approval by the command line, and what nobody decides about goes back", async () => {
  await must("group", "set", at("inner"), "moderated=on");
  await send({ to: at("inner"), from: at("alice"), subject: "By hand" });
  const held = JSON.parse(await must("group", "held", at("inner"), "--json")) as { id: string }[];
  await must("group", "approve", held[0]!.id);
  await quiet();
  assert.deepEqual(await subjects("carol"), ["Inbox: By hand"]);
  await send({ to: at("inner"), from: at("alice"), subject: "Forgotten" });
  for (let turn = 0; turn < 600 && (await subjects("alice")).length === 0; turn++) await pause(10);
  assert.match((await bytesIn("alice")).join(), /Status: 5\.4\.7\r\n[^]*No moderator of inner@example\.test has answered/);
  assert.equal(await must("group", "held"), "Nothing waits.\n");
});

test("failures go to whom the group says", async () => {
  const failing = { to: at("inner"), from: "pat@partner.test", notify: notifyBits.failure };
  await must("rule", "sieve", at("carol"), "--file", sieve('require "reject"; reject "no";'));
  await send(failing);
  assert.deepEqual(partner.messages.map(({ from, to }) => [from, to]), [["", ["pat@partner.test"]]]);
  await must("group", "set", at("inner"), "reports=owner");
  await send(failing);
  assert.match((await bytesIn("bob")).join(), /Final-Recipient: rfc822; carol@example\.test\r\nAction: failed/);
  assert.match((await bytesIn("dora")).join(), /Return-Path: <bob@example\.test>\r\n/);
  await must("group", "set", at("inner"), "reports=none");
  await send(failing);
  assert.equal(partner.messages.length, 1);
});

function sieve(script: string): string {
  const file = join(folder, `${++number}.sieve`);
  writeFileSync(file, script);
  return file;
}

test("a member outside gets it from an address that leads back, for reports alone", async () => {
  await must("contact", "add", "zoe@remote.test", "--alias", at("zoe"));
  await must("group", "member-add", at("inner"), "zoe@remote.test");
  await send({ to: at("outer"), from: "pat.x@partner.test" });
  await must("group", "member-remove", at("inner"), "zoe@remote.test");
  await send({ to: at("zoe"), from: "pat.x@partner.test" });
  assert.deepEqual(partner.messages.map(({ to }) => to), [["zoe@remote.test"], ["zoe@remote.test"]]);
  const from = partner.messages[0]!.from;
  assert.match(from, /^SRS0=[a-z0-9]{8}=[A-Z2-7]{2}=partner\.test=pat\.x@example\.test$/);
  assert.equal((await subjects("carol")).length, 1);
  assert.match((await bytesIn("carol"))[0]!, /^Return-Path: <pat\.x@partner\.test>/);
  partner.messages.length = 0;
  // The bounce, as zoe's server sends it.
  await send({ to: from, from: "", subject: "Undelivered" });
  assert.deepEqual(partner.messages.map((one) => [one.from, one.to]), [["", ["pat.x@partner.test"]]]);
  partner.messages.length = 0;
  const hostile = [
    from.replace("partner", "victim"), from.replace(/=[a-z0-9]{8}=/, "=aaaaaaaa="), "SRS0=x=AA=victim.test=a@example.test",
    "SRS1=aaaaaaaa=victim.test==x=AA=y.test=a@example.test", from.replace("example.test", "partner.test"),
  ];
  for (const address of hostile.slice(0, 4)) assert.equal(await send({ to: address, from: "" }), "unknown", address);
  const elsewhere = await transport.resolve(ctx, hostile[4]!, { isReport: true });
  assert.equal(elsewhere.kind, "remote", "another server's address is none of ours, and refused to those who did not sign in");
  assert.equal(await send({ to: from, from: "pat@partner.test" }), "unknown", "no mail but reports");
  assert.deepEqual(partner.messages, []);
});

test("an address that nobody has goes where its domain says", async () => {
  assert.equal(await send({ to: at("ghost"), from: "pat@partner.test" }), "unknown");
  await must("domain", "catch-all", "example.test", at("dora"));
  assert.match(await must("domain", "list"), /the rest goes to dora@example\.test/);
  await send({ to: at("ghost"), from: "pat@partner.test", subject: "Ghost" });
  assert.deepEqual(await subjects("dora"), ["Inbox: Ghost"]);
  assert.equal(await send({ to: "SRS0=x=AA=victim.test=a@example.test", from: "" }), "taken", "mail to nobody, not to the victim");
  assert.deepEqual(partner.messages, []);
  assert.equal(await opened.directory.maySendAs(ctx, (await opened.directory.entryByAddress(ctx, at("dora")))!.entryId, at("ghost")), false);
  await must("domain", "catch-all", "example.test", "none");
  assert.equal(await send({ to: at("ghost"), from: "pat@partner.test" }), "unknown");
});

test("rings of forwards, replies and groups in groups come to rest", async () => {
  await must("group", "add", at("ring"), "--member", at("outer"), "--member", at("inner"));
  for (const [name, other] of [["alice", "carol"], ["carol", "dora"], ["dora", "alice"]] as const) {
    await must("rule", "forward", at(name), "--to", at(other), "--to", at("ring"));
    await must("user", "oof", at(name), "on", "--inside", "Away", "--outside", "Away");
  }
  await send({ to: at("ring"), from: at("bob"), subject: "Round" });
  await quiet();
  const counts = await Promise.all(["alice", "carol", "dora"].map(async (name) => (await subjects(name)).length));
  assert.ok(counts.every((count) => count >= 1 && count <= 40), counts.join());
  for (const name of ["alice", "carol", "dora"]) {
    await must("user", "oof", at(name), "off");
    await must("rule", "forward", at(name), "--off");
  }
  assert.equal(ctx.errors().length, 0, JSON.stringify(ctx.errors()));
});
