/**
 * What working together costs a delivery: mailboxes with 10,000 rules beside mailboxes without, a group of 5,000 beside
 * the same 5,000 recipients one by one, a closed group beside an open one. Everything is delivered by the real queue
 * into real mailboxes; turns of both sides alternate, and the ratio of the medians is printed: 2 is the most it may be.
 * `npm run bench -- together [--rules N] [--members N] [--mailboxes N] [--messages N] [--rounds N]`
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Ctx } from "../src/base/ctx.ts";
import type { EntryId, MailboxId } from "../src/base/ids.ts";
import { silentLog } from "../src/base/log.ts";
import { encode } from "../src/codec/binary/code.ts";
import { newItem, setProperty } from "../src/convert/item.ts";
import { addDomain } from "../src/directory/domain-changes.ts";
import { addEntry, reserveMailbox, setEntry } from "../src/directory/entry-changes.ts";
import { addMember } from "../src/directory/link-changes.ts";
import { makeSystem } from "../src/main/system.ts";
import { openData } from "../src/main/open.ts";
import { readConfig } from "../src/main/config.ts";
import { properties as p } from "../src/props/registry.ts";
import { restriction, ruleActions } from "../src/props/structures.ts";
import type { RuleSettings } from "../src/rules/own/settings.ts";
import { settingsDefault } from "../src/rules/own/settings.ts";
import { serverScope } from "../src/store/api.ts";
import { get } from "../src/store/sql.ts";
import { createRuleDelivery } from "../src/transport/delivery-rules.ts";
import { changeQueue } from "../src/transport/queue-store.ts";
import { RuleStore } from "../src/transport/rule-store.ts";
import { Transport } from "../src/transport/transport.ts";
import { projectRoot } from "../test/support/server.ts";
import { median } from "./measures.ts";

const { values } = parseArgs({
  options: {
    rules: { type: "string", default: "10000" }, members: { type: "string", default: "5000" },
    mailboxes: { type: "string", default: "200" },
    messages: { type: "string", default: "300" }, rounds: { type: "string", default: "5" },
  },
});
const [ruleCount, memberCount, mailboxCount, messageCount, rounds] =
  [values.rules, values.members, values.mailboxes, values.messages, values.rounds]
    .map(Number) as [number, number, number, number, number];
const ratioMax = 2;

const dataDir = mkdtempSync(join(tmpdir(), "outpost-together-"));
const ctx: Ctx = { system: makeSystem(), log: silentLog, signal: new AbortController().signal };
const config = { hostname: "mail.example.test", outbound: { mode: "off" } };
writeFileSync(join(dataDir, "outpost.json"), JSON.stringify(config));
const opened = await openData(ctx, dataDir, readConfig(dataDir, null), "server");
const { store, directory } = opened;
const deliver = createRuleDelivery({
  ...opened, transport: () => transport, hostname: "mail.example.test", believesSpamFields: true,
});
const transport: Transport = new Transport({
  ctx, store, directory, deliver, config: { hostname: "mail.example.test", outbound: { mode: "off" } },
});

const at = (name: string): string => `${name}@example.test`;
const by = "bench";

async function makeUser(name: string, hasMailbox = true): Promise<MailboxId> {
  const mailboxId = await store.transact(ctx, serverScope, reserveMailbox, { address: at(name), aliases: [] });
  await store.transact(ctx, serverScope, addEntry, {
    by, kind: "user", address: at(name), displayName: name, mailboxId, phc: null, change: {},
    randomHex: Buffer.from(ctx.system.randomBytes(16)).toString("hex"),
  });
  if (hasMailbox) await opened.provisionMailbox(ctx, { mailboxId, language: "en" });
  return mailboxId;
}

async function makeGroup(name: string, members: readonly string[]): Promise<void> {
  await store.transact(ctx, serverScope, addEntry, {
    by, kind: "group", address: at(name), displayName: name, mailboxId: null, phc: null, change: {},
    randomHex: Buffer.from(ctx.system.randomBytes(16)).toString("hex"),
  });
  for (const member of members) await store.transact(ctx, serverScope, addMember, { by, group: at(name), member });
}

let number = 0;
const bodyText = "These are the words of a message, as people write them to each other.\r\n".repeat(40);

function message(): Uint8Array {
  number++;
  return Buffer.from([
    `From: Pat <pat${number % 50}@partner.test>`, `To: ${at("somebody")}`, `Subject: Report ${number} of this week`,
    `Message-ID: <${number}@partner.test>`, "Date: Sun, 22 Nov 2026 10:00:00 +0000", "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=utf-8", "", bodyText,
  ].join("\r\n"));
}

async function quiet(): Promise<void> {
  for (;;) {
    if (transport.inHand === 0) {
      const row = await store.read(ctx, serverScope, () => get<{ count: number }>(
        "SELECT COUNT(*) AS count FROM queue_recipient"));
      if (Number(row!.count) === 0) return;
    }
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

async function accept(to: readonly string[], senderId: EntryId | null = null): Promise<void> {
  const recipients = await Promise.all(to.map(async (address) => ({
    address, resolution: await directory.resolve(ctx, address),
  })));
  await transport.accept(ctx, {
    queueId: transport.newQueueId(), origin: "inbound", envelopeSender: "pat@partner.test", flags: 0, recipients,
    trace: Buffer.from("Received: by mail.example.test\r\n"), content: { bytes: message() }, senderId,
  });
}

interface Side {
  readonly name: string;
  readonly run: () => Promise<void>;
  /** Not timed; without it the queue is waited for, which is. */
  readonly after?: (() => Promise<void>) | undefined;
}

/** Before the queue's worker starts. */
async function dropAll(): Promise<void> {
  await store.transact(ctx, serverScope, changeQueue, { change: "drop", queueId: null });
}

interface Result {
  readonly name: string;
  readonly noneMs: number;
  readonly withMs: number;
  readonly ratio: number;
}

async function compare(name: string, none: Side, other: Side): Promise<Result> {
  const times = new Map<Side, number[]>([[none, []], [other, []]]);
  for (let round = -1; round < rounds; round++) {
    for (const side of round % 2 === 0 ? [none, other] : [other, none]) {
      const began = performance.now();
      await side.run();
      if (side.after === undefined) await quiet();
      // The first turn reads what later ones have at hand.
      if (round >= 0) times.get(side)!.push(performance.now() - began);
      await side.after?.();
    }
  }
  const [noneMs, withMs] = [median(times.get(none)!), median(times.get(other)!)];
  const result = { name, noneMs, withMs, ratio: withMs / noneMs };
  const ms = (value: number): string => `${value.toFixed(0)} ms`;
  console.log(`${name.padEnd(46)} ${none.name} ${ms(noneMs).padStart(9)}   ${other.name} ${ms(withMs).padStart(9)}   ` +
    `ratio ${result.ratio.toFixed(2)}${result.ratio > ratioMax ? `  above ${ratioMax}` : ""}`);
  return result;
}

const toMailbox = (name: string): Side["run"] => async () => {
  for (let at_ = 0; at_ < messageCount; at_ += 50) {
    await Promise.all(Array.from({ length: Math.min(50, messageCount - at_) }, () => accept([at(name)])));
  }
};

async function makePlainRules(mailboxId: MailboxId): Promise<void> {
  const rules = Array.from({ length: ruleCount }, (_, index): RuleSettings["rules"][number] => ({
    name: `r${index}`, isOn: true, moveTo: `Folder ${index % 20}`,
    ...index % 3 === 0 ? { from: [`person${index}@somewhere.test`] }
      : index % 3 === 1 ? { subject: [`project ${index}`] } : { to: [`list-${index}@lists.test`] },
  }));
  await new RuleStore(opened).saveSettings(ctx, mailboxId, { ...settingsDefault, rules });
}

async function makeOutlookRules(mailboxId: MailboxId): Promise<void> {
  const principal = { entryId: 0, address: by, displayName: by, mailboxId: null };
  const mailbox = await opened.mailboxes.open(ctx, principal, mailboxId);
  const { folderId } = await mailbox.folderByRole(ctx, "inbox");
  for (let index = 0; index < ruleCount; index++) {
    const item = newItem();
    const property = index % 2 === 0 ? p.PidTagSubject : p.PidTagSenderEmailAddress;
    setProperty(item, p.PidTagMessageClass, "IPM.Rule.Version2.Message");
    setProperty(item, p.PidTagRuleSequence, index);
    setProperty(item, p.PidTagRuleState, 1);
    setProperty(item, p.PidTagRuleName, `r${index}`);
    setProperty(item, p.PidTagRuleProvider, "RuleOrganizer");
    setProperty(item, p.PidTagRuleCondition, encode(restriction("rop"), {
      restrictType: 3, fuzzyLevelLow: 1, fuzzyLevelHigh: 1, propertyTag: property.tag,
      taggedValue: { tag: property.tag, value: `project ${index}` },
    }));
    setProperty(item, p.PidTagRuleActions, encode(ruleActions("rop"),
      [{ actionFlavor: 0, actionFlags: 0, actionType: 11 }]));
    await mailbox.items.create(ctx, { folderId, item, associated: true });
  }
}

function progress(text: string): void {
  process.stderr.write(`${text}\n`);
}

async function entryIdOf(name: string): Promise<EntryId> {
  return (await directory.entryByAddress(ctx, at(name)))!.entryId;
}

const results: Result[] = [];
try {
  await store.transact(ctx, serverScope, addDomain, { by, name: "example.test" });
  progress(`making ${memberCount} people`);
  const [members, delivered] = [Array.from({ length: memberCount }, (_, index) => `m${index}`), mailboxCount];
  for (const [index, name] of members.entries()) await makeUser(name, index < delivered);
  const everybody = members.map(at);
  const few = everybody.slice(0, delivered);
  await makeGroup("all", everybody);
  await makeGroup("few", few);
  for (const name of ["outer", "closed"]) await makeGroup(name, [at("all")]);
  for (const name of ["outer-few", "closed-few"]) await makeGroup(name, [at("few")]);
  for (const name of ["closed", "closed-few"]) {
    await store.transact(ctx, serverScope, setEntry, {
      by, address: at(name), kinds: ["group"], change: { settings: [{ name: "senders", values: ["members"] }] },
    });
  }
  const allowed = await entryIdOf("m7");
  for (const [what, addresses, suffix] of [["taken", everybody, ""], ["delivered", few, "-few"]] as const) {
    // Of the large group only the taking is timed: delivering is the same work for each of its members.
    const after = what === "taken" ? dropAll : undefined;
    if (what === "delivered") await transport.start();
    const oneByOne: Side = { name: "one by one", after, run: () => accept(addresses) };
    results.push(await compare(`one message to ${addresses.length}, ${what}: a group`, oneByOne,
      { name: "group", after, run: () => accept([at(`outer${suffix}`)]) }));
    results.push(await compare(`one message to ${addresses.length}, ${what}: a closed group`, oneByOne,
      { name: "closed", after, run: () => accept([at(`closed${suffix}`)], allowed) }));
  }
  progress(`making mailboxes with ${ruleCount} rules`);
  await makeUser("plain");
  await makePlainRules(await makeUser("own"));
  await makeOutlookRules(await makeUser("outlook"));
  const none: Side = { name: "without", run: toMailbox("plain") };
  results.push(await compare(`${messageCount} messages, ${ruleCount} plain rules`, none,
    { name: "with", run: toMailbox("own") }));
  results.push(await compare(`${messageCount} messages, ${ruleCount} rules of Outlook`, none,
    { name: "with", run: toMailbox("outlook") }));

  results.push(await compare("200 mails by members of a large closed group", {
    name: "none", run: async () => { for (let one = 0; one < 200; one++) await accept([at("plain")]); },
  }, {
    name: "asked", run: async () => {
      const group = await directory.resolve(ctx, at("closed"));
      if (group.kind !== "group") throw new Error("no group");
      for (let one = 0; one < 200; one++) {
        const entryId = await entryIdOf(`m${one % memberCount}`);
        const why = await directory.refusesSender(ctx, group.entryId, { entryId });
        if (why !== null) throw new Error(why);
        await accept([at("plain")]);
      }
    },
  }));
  const folder = join(projectRoot, "bench", "results");
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `together-${new Date().toISOString().replaceAll(":", "-").slice(0, 19)}.json`);
  writeFileSync(path, JSON.stringify({ at: new Date().toISOString(), node: process.version, ruleCount, memberCount,
    messageCount, rounds, results }, null, 2));
  console.log(`Node ${process.version}, ${rounds} rounds, medians. Written to ${path}`);
  if (results.some(({ ratio }) => ratio > ratioMax)) process.exitCode = 1;
} finally {
  await transport.stop();
  await opened.close();
  rmSync(dataDir, { recursive: true, force: true });
}
