/**
 * Proves that rules, scripts, forwards and automatic replies are carried out on delivery: commands of the command line
 * set them, real messages go through the real queue into real mailboxes, a partner's server outside takes what leaves.
 * Loops of every kind end by themselves, and a delivery repeated after a crash doubles nothing.
 */
import { strict as assert } from "node:assert";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { getProperty, newItem, setNamed, setProperty } from "#convert/item.ts";
import { encode } from "#codec/binary/code.ts";
import type { MessageId } from "#base/ids.ts";
import { messageFlags } from "#mailbox/api.ts";
import type { Mailbox } from "#mailbox/api.ts";
import { runCommandLine } from "#main/cli/run.ts";
import { commands } from "#main/cli/table.ts";
import { readConfig } from "#main/config.ts";
import { openData } from "#main/open.ts";
import type { Opened } from "#main/open.ts";
import { properties } from "#props/registry.ts";
import { restriction, ruleActions, serverEntryId } from "#props/structures.ts";
import type { Restriction, RuleAction } from "#props/structures.ts";
import type { PropertyTag, PropertyValue } from "#props/types.ts";
import { serverScope } from "#store/api.ts";
import { all } from "#store/sql.ts";
import { createRuleDelivery } from "#transport/delivery-rules.ts";
import type { Deliver } from "#transport/local.ts";
import { Transport } from "#transport/transport.ts";
import { corpusMessages, corpusMissing, withCrlf } from "./support/corpus.ts";
import { PartnerServer } from "./support/meetings.ts";
import { pause, realCtx } from "./support/real-ctx.ts";

const p = properties;
const folder = mkdtempSync(join(tmpdir(), "outpost-rules-"));
const data = join(folder, "data");
const partner = new PartnerServer();
const ctx = realCtx();
let opened: Opened;
let transport: Transport;
let deliver: Deliver;

const at = (name: string): string => `${name}@example.test`;

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
  return outcome.out;
}

before(async () => {
  const port = await partner.listen();
  await must("init", "--hostname", "mail.example.test", "--domain", "example.test", "--admin", at("root"), "--password-stdin");
  writeFileSync(join(data, "outpost.json"), JSON.stringify({
    hostname: "mail.example.test", outbound: { mode: "smarthost", host: "127.0.0.1", port, tls: "none" },
  }));
  for (const name of ["alice", "bob", "carol"]) await must("user", "add", at(name), "--password", "secret");
  const config = readConfig(data, null);
  opened = await openData(ctx, data, config, "tool");
  deliver = createRuleDelivery({ ...opened, transport: () => transport, hostname: "mail.example.test", believesSpamFields: true });
  transport = new Transport({
    ctx, store: opened.store, directory: opened.directory, deliver: (...args) => deliver(...args),
    config: { hostname: "mail.example.test", outbound: config.outbound, retry: { localDelaysMs: [20] } },
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

/** Everybody begins with an empty mailbox and without rules. */
beforeEach(async () => {
  await quiet();
  partner.messages.length = 0;
  for (const name of ["alice", "bob", "carol"]) {
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

interface Sent { from?: string; to: string | string[]; subject?: string; header?: string[]; body?: string; headerTo?: string; bytes?: Uint8Array }

let number = 0;
async function send({ from = "pat@partner.test", to, subject = "Hello", header = [], body = "Body\r\n", headerTo, bytes }: Sent): Promise<string> {
  const names = typeof to === "string" ? [to] : to;
  const text = [`From: <${from === "" ? "pat@partner.test" : from}>`, `To: ${headerTo ?? names.join(", ")}`, `Subject: ${subject}`,
    `Message-ID: <${++number}@partner.test>`, `Date: ${new Date().toUTCString()}`, ...header, "", body].join("\r\n");
  const queueId = transport.newQueueId();
  const spool = transport.beginMessage(ctx);
  await spool.write(bytes ?? Buffer.from(text));
  const recipients = await Promise.all(names.map(async (address) => ({ address, resolution: await opened.directory.resolve(ctx, address) })));
  await transport.accept(ctx, {
    queueId, origin: "inbound", envelopeSender: from, flags: 0, trace: Buffer.from("Received: by mail.example.test\r\n"),
    content: await spool.finish(), recipients,
  });
  await quiet();
  return queueId;
}

async function quiet(): Promise<void> {
  for (let turn = 0; turn < 1000; turn++) {
    const rows = await opened.store.read(ctx, serverScope, () => all("SELECT queue_id FROM queue_recipient"));
    if (rows.length === 0) return;
    await pause(10);
  }
  throw new Error("the queue never gets empty");
}

/** `path: subject [flags]` of all messages, folders in their order. */
async function shown(name: string): Promise<string[]> {
  const mailbox = await mailboxOf(name);
  const lines: string[] = [];
  const folders = await mailbox.folders(ctx);
  for (const { folderId, name: folderName, parentId } of folders) {
    const parent = folders.find((one) => one.folderId === parentId);
    const path = parent === undefined || parent.role === "ipmSubtree" ? folderName : `${parent.name}/${folderName}`;
    for await (const rows of mailbox.items.rows(ctx, folderId)) {
      for (const row of rows) {
        const marks = [...(row.flags & messageFlags.seen) === 0 ? [] : ["seen"], ...(row.flags & messageFlags.flagged) === 0 ? [] : ["flagged"], ...row.keywords];
        lines.push(`${path}: ${row.subject}${marks.length === 0 ? "" : ` [${marks.join(" ")}]`}`);
      }
    }
  }
  return lines;
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

test("a mailbox without rules gets its mail", async () => {
  await send({ to: at("alice") });
  assert.deepEqual(await shown("alice"), ["Inbox: Hello"]);
});

test("plain rules of the command line", async () => {
  await must("rule", "add", at("alice"), "--name", "Bills", "--subject", "invoice", "--move", "Money/Bills", "--read");
  await must("rule", "add", at("alice"), "--name", "Boss", "--from", "boss@", "--flag", "\\Flagged", "--flag", "urgent", "--stop");
  await must("rule", "add", at("alice"), "--name", "Gone", "--subject", "casino", "--delete");
  await must("rule", "add", at("alice"), "--name", "Copy", "--from", "boss@", "--copy", "Never");
  await send({ to: at("alice"), subject: "Your INVOICE" });
  await send({ to: at("alice"), subject: "casino" });
  await send({ to: at("alice"), subject: "Plan", from: "boss@partner.test" });
  assert.deepEqual(await shown("alice"), ["Inbox: Plan [flagged urgent]", "Bills: Your INVOICE [seen]"].map((line) => line.replace("Bills:", "Money/Bills:")));
  assert.match(await must("rule", "list", at("alice")), /Bills: subject \["invoice"\], marksRead true, moveTo Money\/Bills/);
  assert.equal((await run("rule", "add", at("alice"), "--name", "bills", "--delete")).status, 1);
  await must("rule", "remove", at("alice"), "Bills");
  await send({ to: at("alice"), subject: "invoice 2" });
  assert.ok((await shown("alice")).includes("Inbox: invoice 2"));
});

test("a Sieve script: several folders in one commit, a rejection, a redirect, a mistake", async () => {
  const file = join(folder, "script.sieve");
  writeFileSync(file, `require ["fileinto","mailbox","imap4flags","reject","copy","variables"];
if header :matches "subject" "[*] *" { fileinto :create :flags "\\\\Seen" "Lists/\${1}"; fileinto :copy :create "All"; }
elsif header :contains "subject" "no" { reject "Not here."; }
elsif header :contains "subject" "on" { redirect "pat@partner.test"; }`);
  await must("rule", "sieve", at("alice"), "--file", file);
  await send({ to: at("alice"), subject: "[dev] patch" });
  await send({ to: at("alice"), subject: "no", from: at("bob") });
  await send({ to: at("alice"), subject: "on", from: "other@partner.test" });
  assert.deepEqual(await shown("alice"), ["Lists/dev: [dev] patch [seen]", "All: [dev] patch"]);
  assert.match((await bytesIn("bob")).join(), /550 5\.7\.1 Not here\./);
  const [out] = partner.messages;
  assert.equal(partner.messages.length, 1);
  assert.match(out!.from, /^SRS0=[a-z0-9]{8}=[A-Z2-7]{2}=partner\.test=other@example\.test$/);
  assert.deepEqual(out!.to, ["pat@partner.test"]);
  assert.match(out!.text, /^Delivered-To: alice@example\.test\r\nResent-Date: /m);
  assert.doesNotMatch(out!.text, /^Return-Path:/m);
  writeFileSync(file, 'require "fileinto";\nfileinto 5;');
  assert.match((await run("rule", "sieve", at("alice"), "--file", file)).error, /line 2, column 10: "fileinto" takes a string/);
  await must("rule", "sieve", at("alice"), "--off");
});

/** As an Outlook client writes them by RopModifyRules: a row of the rules table each. */
async function outlookRule(name: string, more: { sequence?: number; state?: number; name?: string; condition?: Restriction; actions: RuleAction[] }): Promise<void> {
  const mailbox = await mailboxOf(name);
  const inbox = await mailbox.folderByRole(ctx, "inbox");
  const item = newItem();
  setProperty(item, p.PidTagMessageClass, "IPM.Rule.Version2.Message");
  setProperty(item, p.PidTagRuleId, BigInt(++number));
  setProperty(item, p.PidTagRuleSequence, more.sequence ?? number);
  setProperty(item, p.PidTagRuleState, more.state ?? 1);
  setProperty(item, p.PidTagRuleName, more.name ?? "rule");
  setProperty(item, p.PidTagRuleProvider, "RuleOrganizer");
  if (more.condition !== undefined) setProperty(item, p.PidTagRuleCondition, encode(restriction("rop"), more.condition));
  setProperty(item, p.PidTagRuleActions, encode(ruleActions("rop"), more.actions));
  await mailbox.items.create(ctx, { folderId: inbox.folderId, item, associated: true });
}

const subjectHas = (text: string): Restriction => ({
  restrictType: 3, fuzzyLevelLow: 1, fuzzyLevelHigh: 1, propertyTag: p.PidTagSubject.tag, taggedValue: { tag: p.PidTagSubject.tag, value: text },
});

async function moveTo(name: string, role: "deletedItems" | "archive", actionType: 1 | 2 = 1): Promise<RuleAction> {
  const { folderId } = await (await mailboxOf(name)).folderByRole(ctx, role);
  return {
    actionFlavor: 0, actionFlags: 0, actionType, folderInThisStore: 1, storeEntryId: new Uint8Array(0),
    folderEntryId: encode(serverEntryId, { ours: 1, folderId: { replicaId: 1, counter: folderId }, messageId: { replicaId: 0, counter: 0 }, instance: 0 }),
  };
}

test("Outlook's rules: several moves, marks, properties, stop, a broken one, a deferred one", async () => {
  const head = { actionFlavor: 0, actionFlags: 0 };
  await outlookRule("alice", { name: "to archive", condition: subjectHas("report"), actions: [await moveTo("alice", "archive"), { ...head, actionType: 11 }] });
  await outlookRule("alice", { name: "to deleted", condition: subjectHas("weekly"), actions: [await moveTo("alice", "deletedItems")], state: 0x11 });
  await outlookRule("alice", { name: "never", condition: subjectHas("weekly"), actions: [{ ...head, actionType: 10 }] });
  await outlookRule("alice", { name: "broken", condition: subjectHas("plan"), actions: [{ ...head, actionType: 6, bounceCode: 99 }] });
  await outlookRule("alice", {
    name: "tag", condition: subjectHas("plan"),
    actions: [{ ...head, actionType: 9, taggedValue: { tag: p.PidTagImportance.tag, value: 2 } }, { ...head, actionType: 5, deferActionData: Buffer.from("sound") }],
  });
  await send({ to: at("alice"), subject: "weekly report" });
  await send({ to: at("alice"), subject: "plan" });
  const lines = await shown("alice");
  assert.deepEqual(lines.filter((line) => line.includes("weekly")).sort(), ["Archive: weekly report [seen]", "Deleted Items: weekly report [seen]"]);
  const mailbox = await mailboxOf("alice");
  const inbox = await mailbox.folderByRole(ctx, "inbox");
  for await (const [row] of mailbox.items.rows(ctx, inbox.folderId)) assert.equal(row!.importance, 2);
  assert.ok(ctx.lines.some(({ message, fields }) => message === "a rule was set aside" && fields["rule"] === "broken"));
  const { folderId } = await mailbox.folderByRole(ctx, "deferredAction");
  for await (const rows of mailbox.items.rows(ctx, folderId)) {
    const items = await Promise.all(rows.map(({ messageId }) => mailbox.items.open(ctx, messageId)));
    assert.deepEqual(items.map(({ row }) => row.messageClass).sort(), ["Action", "Error"].map((kind) => `IPC.Microsoft Exchange 4.0.Deferred ${kind}`));
    for (const { bag } of items) assert.equal((bag.get(p.PidTagDamOriginalEntryId.tag) as Uint8Array).length, 70);
  }
});

test("a rule set aside is told once, with its reason, and counts again when it is changed ([MS-OXORULE] 2.2.7)", async () => {
  const mailbox = await mailboxOf("alice");
  const inbox = await mailbox.folderByRole(ctx, "inbox");
  const { folderId: gone } = await mailbox.createFolder(ctx, { parentId: (await mailbox.folderByRole(ctx, "ipmSubtree")).folderId, name: "Gone" });
  const action = await moveTo("alice", "archive") as RuleAction & { actionType: 1; folderEntryId: Uint8Array };
  const toGone = { ...action, folderEntryId: encode(serverEntryId, { ours: 1, folderId: { replicaId: 1, counter: gone }, messageId: { replicaId: 0, counter: 0 }, instance: 0 }) };
  await outlookRule("alice", { name: "to a folder", condition: subjectHas("plan"), actions: [{ actionFlavor: 0, actionFlags: 0, actionType: 11 }, toGone] });
  await outlookRule("alice", { name: "unread", condition: { restrictType: 3, fuzzyLevelLow: 1, fuzzyLevelHigh: 1, propertyTag: p.PidTagSubject.tag, taggedValue: { tag: p.PidTagImportance.tag, value: 1 } }, actions: [toGone] });
  await mailbox.deleteFolder(ctx, { folderId: gone, mode: "hard", children: "delete" });
  await send({ to: at("alice"), subject: "plan 1" });
  await send({ to: at("alice"), subject: "plan 2" });
  assert.deepEqual(await shown("alice").then((lines) => lines.filter((line) => line.includes("plan"))), ["Inbox: plan 1", "Inbox: plan 2"], "none of its actions");
  const deferred = await mailbox.folderByRole(ctx, "deferredAction");
  const errors: unknown[] = [];
  for await (const rows of mailbox.items.rows(ctx, deferred.folderId)) {
    for (const { messageId } of rows) {
      const { bag } = await mailbox.items.open(ctx, messageId);
      errors.push([p.PidTagMessageClass, p.PidTagRuleError, p.PidTagRuleActionType, p.PidTagRuleActionNumber, p.PidTagRuleProvider].map(({ tag }) => bag.get(tag)));
    }
  }
  assert.deepEqual(errors[0], ["IPC.Microsoft Exchange 4.0.Deferred Error", 6, 1, 1, "RuleOrganizer"]);
  assert.match(await must("rule", "list", at("alice")), /to a folder \(set aside: its folder is gone\)/);
  let ruleItem: MessageId | null = null;
  for await (const rows of mailbox.items.rows(ctx, inbox.folderId, { associated: true })) {
    for (const { messageId } of rows) {
      const { bag } = await mailbox.items.open(ctx, messageId);
      if (bag.get(p.PidTagRuleName.tag) === "to a folder") [ruleItem] = [messageId, assert.equal(bag.get(p.PidTagRuleState.tag), 3)];
    }
  }
  // As its client changes it: the state comes along as it read it.
  const bag = new Map<PropertyTag, PropertyValue>([
    [p.PidTagRuleActions.tag, encode(ruleActions("rop"), [await moveTo("alice", "archive")])], [p.PidTagRuleState.tag, 3],
  ]);
  await mailbox.items.update(ctx, { messageId: ruleItem!, set: { bag } });
  await send({ to: at("alice"), subject: "plan 3" });
  assert.ok((await shown("alice")).includes("Archive: plan 3"));
  assert.doesNotMatch(await must("rule", "list", at("alice")), /to a folder \(set aside/);
});

test("junk goes into its folder, is neither sent on nor answered, and blocked senders are junk", async () => {
  await must("rule", "forward", at("alice"), "--to", "pat@partner.test");
  await must("user", "oof", at("alice"), "on", "--inside", "Away.");
  await must("rule", "junk", at("alice"), "--block", "spam.test", "--safe", "friend@spam.test");
  await send({ to: at("alice"), subject: "a", header: ["X-Spam-Flag: YES"] });
  await send({ to: at("alice"), subject: "b", from: "x@mail.spam.test" });
  assert.deepEqual([partner.messages.length, await shown("alice")], [0, ["Junk Email: a", "Junk Email: b"]]);
  await send({ to: at("alice"), subject: "c", from: "friend@spam.test", header: ["X-Spam-Flag: YES"] });
  assert.ok((await shown("alice")).includes("Inbox: c"));
  await send({ to: at("bob"), subject: "d", header: ["X-Rspamd-Action: add header"] });
  assert.deepEqual(await shown("bob"), ["Junk Email: d"], "without any settings too");
});

test("automatic replies: inside, outside, known, once, never to lists, not for groups", async () => {
  await must("user", "oof", at("alice"), "on", "--inside", "In <b>Rome</b>", "--outside", "Away", "--html", "--audience", "all");
  await send({ to: at("alice"), from: at("bob"), subject: "Lunch" });
  const [answer] = await bytesIn("bob");
  assert.match(answer!, /^Return-Path: <>\r\n/);
  assert.match(answer!, /^Subject: Automatic reply: Lunch\r\n/m);
  assert.match(answer!, /^Auto-Submitted: auto-replied\r\n/m);
  assert.match(answer!, /In <b>Rome<\/b>/);
  await send({ to: at("alice"), from: at("bob"), subject: "Lunch again" });
  assert.equal((await bytesIn("bob")).length, 1, "once");
  await send({ to: at("alice") });
  assert.deepEqual(partner.messages.map(({ from, to }) => [from, to]), [["", ["pat@partner.test"]]]);
  assert.match(partner.messages[0]!.text, /Away/);
  await send({ to: at("alice"), from: "list@partner.test", header: ["List-Id: <x.partner.test>"] });
  await send({ to: at("alice"), from: "other@partner.test", headerTo: "team@example.test" });
  assert.equal(partner.messages.length, 1);
  await must("user", "oof", at("alice"), "on", "--audience", "known");
  await send({ to: at("alice"), from: "stranger@partner.test" });
  assert.equal(partner.messages.length, 1);
  const mailbox = await mailboxOf("alice");
  const contact = newItem();
  setProperty(contact, p.PidTagMessageClass, "IPM.Contact");
  setNamed(contact, p.PidLidEmail2EmailAddress.named, "String", "Stranger@partner.test");
  await mailbox.items.create(ctx, { folderId: (await mailbox.folderByRole(ctx, "contacts")).folderId, item: contact });
  await send({ to: at("alice"), from: "stranger@partner.test" });
  assert.equal(partner.messages.length, 2);
  await must("user", "oof", at("alice"), "off");
  await send({ to: at("alice"), from: at("carol") });
  assert.deepEqual(await shown("carol"), []);
  assert.equal((await run("user", "oof", at("alice"), "schedule")).status, 2);
});

test("state gates rules (duty 13): a rule for Out of Office ends with it", async () => {
  const head = { actionFlavor: 0, actionFlags: 0 };
  await outlookRule("alice", { state: 0x04, actions: [{ ...head, actionType: 11 }] });
  await send({ to: at("alice"), subject: "one" });
  await must("user", "oof", at("alice"), "on", "--inside", "x", "--audience", "none");
  await send({ to: at("alice"), subject: "two" });
  await must("user", "oof", at("alice"), "schedule", "--inside", "x", "--start", "2020-01-01T00:00Z", "--end", "2020-02-01T00:00Z");
  await send({ to: at("alice"), subject: "three" });
  assert.deepEqual(await shown("alice"), ["Inbox: one", "Inbox: two [seen]", "Inbox: three"]);
});

test("forwards in a circle die, with everybody's copy there", async () => {
  await must("rule", "forward", at("alice"), "--to", at("bob"));
  await must("rule", "forward", at("bob"), "--to", at("carol"));
  await must("rule", "forward", at("carol"), "--to", at("alice"));
  await send({ to: at("alice"), subject: "Round" });
  assert.equal((await shown("bob")).length, 1);
  assert.equal((await shown("carol")).length, 1);
  assert.equal((await shown("alice")).length, 2, "the first, and the one that came round");
});

test("forwards without copies in a circle lose nothing", async () => {
  for (const [from, to] of [["alice", "bob"], ["bob", "alice"]] as const) {
    await must("rule", "forward", at(from), "--to", at(to), "--no-copy");
  }
  await send({ to: at("alice"), subject: "Round" });
  assert.deepEqual([...await shown("alice"), ...await shown("bob")], ["Inbox: Round"]);
});

test("a forward to oneself or to nobody stays where it is", async () => {
  await must("rule", "forward", at("alice"), "--to", at("ALICE"), "--no-copy");
  await must("rule", "forward", at("bob"), "--to", at("nobody"), "--no-copy");
  await send({ to: [at("alice"), at("bob")] });
  assert.deepEqual([await shown("alice"), await shown("bob")], [["Inbox: Hello"], ["Inbox: Hello"]]);
});

test("two who are away and forward to each other come to rest", async () => {
  for (const [name, other] of [["alice", "bob"], ["bob", "alice"]] as const) {
    await must("user", "oof", at(name), "on", "--inside", "Away");
    await must("rule", "add", at(name), "--name", "on", "--forward", at(other));
  }
  await send({ to: at("alice"), from: at("bob"), subject: "Who is there" });
  const count = (await shown("alice")).length + (await shown("bob")).length;
  assert.ok(count <= 6, `${count} messages`);
});

test("a forward of the owner's own takes the message along, inline and as an attachment", async () => {
  await must("rule", "add", at("alice"), "--name", "on", "--forward", at("bob"));
  await send({
    to: at("alice"), subject: "Grüße", header: ["MIME-Version: 1.0", "Content-Type: multipart/mixed; boundary=b", "X-Secret: yes"],
    body: "--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<html><body><p>See here</p></body></html>\r\n--b\r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Disposition: attachment; filename=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERi0=\r\n--b--\r\n",
  });
  const [text] = await bytesIn("bob");
  assert.match(text!, /^From: .*<alice@example\.test>/m);
  assert.match(text!, /^Subject: =\?utf-8\?.*|^Subject: FW: /mi);
  assert.match(text!, /<b>From:<\/b> pat@partner\.test<br>/);
  assert.match(text!, /See here/);
  assert.match(text!, /filename="?a\.pdf/);
  assert.doesNotMatch(text!, /X-Secret/);
});

test("a delivery repeated after a crash doubles nothing and loses nothing", async () => {
  await must("rule", "forward", at("alice"), "--to", "pat@partner.test");
  await must("user", "oof", at("alice"), "on", "--inside", "Away");
  const whole = deliver;
  let fails = 2;
  // The process dies when all is done and nothing is settled.
  deliver = async (...args) => {
    const done = await whole(...args);
    if (args[1].mailboxId === (await mailboxOf("alice")).mailboxId && fails-- > 0) throw new Error("the process died");
    return done;
  };
  try {
    const queueId = transport.newQueueId();
    const spool = transport.beginMessage(ctx);
    await spool.write(Buffer.from(`From: <other@partner.test>\r\nTo: ${at("alice")}\r\nSubject: Once\r\n\r\nx\r\n`));
    await transport.accept(ctx, {
      queueId, origin: "inbound", envelopeSender: "other@partner.test", flags: 0, trace: new Uint8Array(0), content: await spool.finish(),
      recipients: [{ address: at("alice"), resolution: await opened.directory.resolve(ctx, at("alice")) }],
    });
    await quiet();
  } finally {
    deliver = whole;
  }
  assert.deepEqual(await shown("alice"), ["Inbox: Once"]);
  assert.deepEqual(partner.messages.map(({ from, to }) => [from.replace(/=.*=/, "=…="), to]).sort(),
    [["", ["other@partner.test"]], ["SRS0=…=other@example.test", ["pat@partner.test"]]]);
});

const meeting = (more: string[] = []): Pick<Sent, "header" | "body"> => ({
  header: ["MIME-Version: 1.0", 'Content-Type: text/calendar; method=REQUEST; charset="utf-8"'],
  body: ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//x//x//EN", "METHOD:REQUEST", "BEGIN:VEVENT", `UID:${++number}@partner.test`, "DTSTAMP:20261101T080000Z",
    "DTSTART:20261201T090000Z", "DTEND:20261201T100000Z", "SUMMARY:Talk", "ORGANIZER:mailto:pat@partner.test", `ATTENDEE;PARTSTAT=NEEDS-ACTION;RSVP=TRUE:mailto:${at("alice")}`,
    ...more, "END:VEVENT", "END:VCALENDAR", ""].join("\r\n"),
});

test("meeting messages go to delegates too: both, for information, delegates alone; never what is private, never twice", async () => {
  await must("shared", "delegate", at("alice"), "--to", at("bob"), "--meeting-copies", "yes");
  await must("shared", "delegate", at("bob"), "--to", at("alice"), "--meeting-copies", "yes");
  const put = async (value: string): Promise<void> => {
    await must("user", "set", at("alice"), `meeting-messages=${value}`);
    await pause(1050);
  };
  await put("both");
  await send({ to: at("alice"), subject: "A", ...meeting() });
  assert.deepEqual([await shown("alice"), await shown("bob")].map((lines) => lines.filter((line) => /Inbox/.test(line))), [["Inbox: A"], ["Inbox: A"]], "bob's delegate gets no copy of the copy");
  const bob = await mailboxOf("bob");
  const [copy] = await arrayOf(bob.items.rows(ctx, (await bob.folderByRole(ctx, "inbox")).folderId));
  const { bag } = await bob.items.open(ctx, copy!.messageId);
  assert.deepEqual([p.PidTagReceivedRepresentingSmtpAddress, p.PidTagReceivedByEmailAddress, p.PidTagDelegatedByRule].map(({ tag }) => bag.get(tag)), [at("alice"), at("bob"), true]);
  assert.match((await bytesIn("bob")).join(), /^Return-Path: <pat@partner\.test>\r\nDelivered-To: alice@example\.test\r\n/);
  await send({ to: at("alice"), subject: "Plain" });
  await send({ to: at("alice"), subject: "Private", ...meeting(["CLASS:PRIVATE"]) });
  const head = { actionFlavor: 0, actionFlags: 0 };
  await outlookRule("alice", { name: "Schedule+ EMS Interface", actions: [{ ...head, actionType: 8, recipients: [{ reserved: 1, values: [
    { tag: p.PidTagSmtpAddress.tag, value: at("bob") }, { tag: p.PidTagEmailAddress.tag, value: at("bob") }, { tag: p.PidTagAddressType.tag, value: "SMTP" },
  ] }] }], condition: subjectHas("Both ways") });
  await send({ to: at("alice"), subject: "Both ways", ...meeting() });
  assert.deepEqual((await shown("bob")).filter((line) => /Inbox/.test(line)), ["Inbox: A", "Inbox: Both ways"]);
  await put("information");
  await send({ to: at("alice"), subject: "B", ...meeting() });
  const alice = await mailboxOf("alice");
  const rows = await arrayOf(alice.items.rows(ctx, (await alice.folderByRole(ctx, "inbox")).folderId));
  const told = await alice.items.open(ctx, rows.find(({ subject }) => subject === "B")!.messageId);
  assert.equal(getProperty({ bag: new Map(told.bag), named: new Map(told.named) }, p.PidLidMeetingType), 0x10_0000);
  await put("owner");
  await send({ to: at("alice"), subject: "C", ...meeting() });
  assert.ok(!(await shown("bob")).some((line) => line.endsWith(": C")));
  await must("shared", "undelegate", at("bob"), "--to", at("alice"));
  await must("shared", "undelegate", at("alice"), "--to", at("bob"));
});

async function arrayOf<T>(pages: AsyncIterable<readonly T[]>): Promise<T[]> {
  const all: T[] = [];
  for await (const page of pages) all.push(...page);
  return all;
}

test("real messages that a filter marked", { skip: corpusMissing }, async () => {
  const marked = corpusMessages().filter(({ bytes }) => /^x-(?:spam|rspamd)/im.test(Buffer.from(bytes).toString("latin1").split(/\r?\n\r?\n/, 1)[0]!));
  assert.ok(marked.length >= 3, `${marked.length} marked messages`);
  for (const { name, bytes } of marked) {
    const header = Buffer.from(bytes).toString("latin1").split(/\r?\n\r?\n/, 1)[0]!.replaceAll(/\r?\n[ \t]+/g, " ");
    const isSpam = /^x-spam-(?:flag|status):\s*yes/im.test(header) || /^x-spam:\s*yes/im.test(header);
    await send({ to: at("carol"), bytes: withCrlf(bytes) });
    const [where] = await shown("carol");
    assert.equal(where?.startsWith("Junk Email:"), isSpam, `${name}: ${where}`);
    const mailbox = await mailboxOf("carol");
    for (const { folderId } of await mailbox.folders(ctx)) {
      const ids = (await arrayOf(mailbox.items.rows(ctx, folderId))).map(({ messageId }) => messageId);
      if (ids.length > 0) await mailbox.items.remove(ctx, ids, "hard");
    }
  }
});

test("settings that cannot be read stop nothing", async () => {
  const mailbox = await mailboxOf("alice");
  const item = newItem();
  setProperty(item, p.PidTagMessageClass, "IPM.Configuration.Outpost.Rules");
  setProperty(item, p.PidTagBody, '{"sieve": "keep", "rules": [{"name": "x", "subject": 5, "deletes": true}], "forward": 7}');
  await mailbox.items.create(ctx, { folderId: (await mailbox.folderByRole(ctx, "inbox")).folderId, item, associated: true });
  await send({ to: at("alice") });
  assert.deepEqual(await shown("alice"), ["Inbox: Hello"]);
  const told = await must("rule", "list", at("alice"));
  assert.match(told, /line 1, column 5: ";" is wanted/);
  assert.match(told, /the rule "x" is left out/);
});

test("real messages pass rules of every kind", { skip: corpusMissing }, async () => {
  const file = join(folder, "all.sieve");
  writeFileSync(file, `require ["fileinto","mailbox","body","variables","imap4flags","date","relational"];
if header :matches "subject" "*e*" { set "a" "\${1}"; addflag "e"; }
if body :text :contains "the" { fileinto :create "The"; }
if date :value "lt" :originalzone "date" "year" "2010" { fileinto :create "Old"; }
if address :domain :contains "from" "." { fileinto :create "From"; } else { fileinto :create "Nobody"; }`);
  await must("rule", "sieve", at("alice"), "--file", file);
  await must("rule", "add", at("alice"), "--name", "on", "--subject", "a", "--attachments", "yes", "--forward", at("bob"));
  await outlookRule("alice", { condition: subjectHas("re:"), actions: [await moveTo("alice", "archive", 2)] });
  const messages = corpusMessages().filter((_, index) => index % 6 === 0);
  for (const { bytes } of messages) await send({ to: at("alice"), bytes: withCrlf(bytes) });
  const lines = await shown("alice");
  for (const name of ["The", "Old", "From", "Nobody"]) assert.ok(lines.some((line) => line.startsWith(`${name}:`)), name);
  assert.ok(lines.length >= messages.length);
  assert.deepEqual(ctx.lines.filter(({ message }) => /^rules failed|failed at/.test(message)), []);
});
