/**
 * Proves the rules of public folders over real HTTPS and real delivery: their owner writes them, those with actions no
 * public folder has are refused, and they run on mail that comes into the folder and on what people post there, who
 * hear of it as [MS-OXORULE] 2.2.5.1.1 and 3.2.5.1 say.
 */
import { strict as assert } from "node:assert";
import { after, before, test } from "node:test";
import { encode } from "#codec/binary/code.ts";
import type { ShortTermId } from "#props/object-ids.ts";
import { restriction, ruleActions } from "#props/structures.ts";
import type { Restriction, RuleAction } from "#props/structures.ts";
import { makeTag } from "#props/types.ts";
import type { PropertyTag, PropertyValue } from "#props/types.ts";
import { noHandle } from "#wire/mapi/rop-buffer.ts";
import * as folders from "#wire/mapi/rops/folders.ts";
import * as messages from "#wire/mapi/rops/messages.ts";
import * as rules from "#wire/mapi/rops/rules.ts";
import * as store from "#wire/mapi/rops/store.ts";
import * as tables from "#wire/mapi/rops/tables.ts";
import { dnOf, idFrom, MailboxClient, mailer, startServer, tags, text } from "./support/mapi-mailbox.ts";
import { MapiSession } from "./support/mapi-session.ts";
import { pause } from "./support/real-ctx.ts";
import { domain } from "./support/server.ts";
import type { TestServer } from "./support/server.ts";

const integer = (id: number): PropertyTag => makeTag(id, "Integer32");
const at = (name: string): string => `${name}@${domain}`;
const importance = integer(0x0017);
const folderId = makeTag(0x6748, "Integer64");
const plain = { actionFlavor: 0, actionFlags: 0 } as const;
const columns = [tags.subject, importance];

let server: TestServer;
let session: MapiSession;
let client: MailboxClient;
let bobsMailbox: MailboxClient;
let logon = 0;
let ideas: ShortTermId;
let folder = 0;

before(async () => {
  server = await startServer(["alice", "bob"]);
  await server.must(["public", "add", "Ideas", "--owner", at("alice")]);
  await server.must(["public", "mail-enable", "Ideas", at("ideas"), "--name", "All ideas"]);
  session = await MapiSession.connect(server, at("alice"), await dnOf(server, "alice"));
  const done = await session.execute([{ rop: store.RopLogon, request:
    { outputHandleIndex: 0, logonFlags: 0, openFlags: 0x0100_0002, storeState: 0, essdn: new Uint8Array(0) } }], [noHandle]);
  logon = done.handles[0]!;
  session.isPublic = true;
  const { folderIds } = done.answers[0]!.body as { folderIds: ShortTermId[] };
  client = Object.assign(Object.create(MailboxClient.prototype) as MailboxClient, { session });
  const top = await open(folderIds[1]!);
  const { opened } = await session.must(folders.RopGetHierarchyTable, top, { tableFlags: 0 });
  ideas = idFrom((await listed(opened, [text(0x3001), folderId])).find(([name]) => name === "Ideas")![1] as bigint);
  folder = await open(ideas);
  bobsMailbox = await MailboxClient.open(server, "bob");
});
after(async () => {
  await bobsMailbox?.disconnect();
  await session?.disconnect();
  await server?.dispose();
});

const bare = (value: unknown): unknown => (typeof value === "object" && value !== null && "value" in value ? value.value : value);

async function open(id: ShortTermId): Promise<number> {
  return (await session.must(folders.RopOpenFolder, logon, { folderId: id, openModeFlags: 0 })).opened;
}

async function listed(table: number, wanted: readonly PropertyTag[]): Promise<(readonly unknown[])[]> {
  await session.must(tables.RopSetColumns, table, { setColumnsFlags: 0, propertyTags: wanted });
  return (await client.rows(table, wanted)).map((row) => row.map(bare));
}

/** Importance of the folder's messages by their subjects. */
async function inFolder(): Promise<Record<string, unknown>> {
  const { opened } = await session.must(folders.RopGetContentsTable, folder, { tableFlags: 0 });
  const rows = await listed(opened, columns);
  session.release(opened);
  return Object.fromEntries(rows.map(([subject, value]) => [subject as string, value]));
}

async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  for (const deadline = performance.now() + 6000; ; await pause(50)) {
    const found = await look();
    if (found !== undefined) return found;
    assert.ok(performance.now() < deadline, what);
  }
}

/** What came to bob, newest first. */
async function bobsMail(wanted: RegExp): Promise<{ subject: string; messageClass: string; body: string }> {
  return await until(`bob gets ${wanted}`, async () => {
    const seen = [tags.subject, tags.messageClass, tags.body];
    const table = await bobsMailbox.contents(await bobsMailbox.openFolder("inbox"), seen);
    const row = (await bobsMailbox.rows(table, seen)).find(([subject]) => wanted.test(String(bare(subject))));
    return row === undefined ? undefined
      : { subject: String(bare(row[0])), messageClass: String(bare(row[1])), body: String(bare(row[2])) };
  });
}

const subjectHas = (words: string): Restriction => ({
  restrictType: 3, fuzzyLevelLow: 1, fuzzyLevelHigh: 1, propertyTag: tags.subject, taggedValue: { tag: tags.subject, value: words },
});

async function modify(rows: readonly { words: string; actions: readonly RuleAction[]; state?: number }[]): Promise<number> {
  const rulesData = rows.map(({ words, actions, state = 1 }, index) => ({ ruleDataFlags: 1, propertyValues: [
    [text(0x6682), words], [text(0x6681), "RuleOrganizer"], [integer(0x6676), index], [integer(0x6677), state], [integer(0x6683), 0],
    [makeTag(0x6679, "Restriction"), encode(restriction("rop"), subjectHas(words))],
    [makeTag(0x6680, "RuleAction"), encode(ruleActions("rop"), actions)],
  ].map(([tag, value]) => ({ tag: tag as PropertyTag, value: value as PropertyValue })) }));
  return (await session.call(rules.RopModifyRules, folder, { modifyRulesFlags: 1, rulesData })).returnValue;
}

async function mailFrom(user: string, subject: string): Promise<void> {
  const transporter = mailer(server, user);
  await transporter.sendMail({ from: at(user), to: at("ideas"), subject, text: "Words." });
  transporter.close();
}

async function post(subject: string): Promise<number> {
  const { opened } = await session.must(messages.RopCreateMessage, logon, { codePageId: 0x0fff, folderId: ideas, associatedFlag: false });
  await client.set(opened, [[tags.messageClass, "IPM.Post"], [tags.subject, subject], [tags.body, "words"]]);
  return (await session.call(messages.RopSaveChangesMessage, opened, { saveFlags: 0x0a })).returnValue;
}

const bobBlock = [{ reserved: 1, values: [{ tag: text(0x3001), value: "Bob" }, { tag: text(0x39fe), value: at("bob") }] }];
const tagged: RuleAction = { ...plain, actionType: 9, taggedValue: { tag: importance, value: 2 } };

test("what a public folder cannot do is refused, and the rules stay as they were", async () => {
  const place = { storeEntryId: Buffer.from([0]), folderEntryId: Buffer.alloc(21, 1), folderInThisStore: 1 };
  assert.equal(await modify([{ words: "stays", actions: [tagged] }]), 0);
  for (const action of [
    { ...plain, actionType: 1, ...place }, { ...plain, actionType: 2, ...place },
    { ...plain, actionType: 5, deferActionData: Buffer.from("x") },
  ] as const) {
    assert.equal(await modify([{ words: "x", actions: [tagged, action] }]), 0x8004_0102, `action ${action.actionType}`);
  }
  const { opened } = await session.must(rules.RopGetRulesTable, folder, { tableFlags: 0x40 });
  assert.deepEqual(await listed(opened, [text(0x6682)]), [["stays"]]);
});

test("rules run on mail that comes and on what is posted", async () => {
  const created = await session.must(messages.RopCreateMessage, logon, { codePageId: 0x0fff, folderId: ideas, associatedFlag: true });
  await client.set(created.opened, [
    [tags.messageClass, "IPM.Note.rules.ReplyTemplate.Microsoft"], [tags.subject, "Thank you"], [tags.body, "We read everything."],
  ]);
  const replyTemplateMessageId = (await session.must(messages.RopSaveChangesMessage, created.opened, { saveFlags: 0x0a })).body.messageId;
  const reply: RuleAction = {
    ...plain, actionType: 3, replyTemplateFolderId: ideas, replyTemplateMessageId,
    replyTemplateGuid: "00000000-0000-0000-0000-000000000000",
  };
  assert.equal(await modify([
    { words: "urgent", actions: [tagged] }, { words: "away", actions: [tagged], state: 0x05 },
    { words: "nonsense", actions: [{ ...plain, actionType: 10 }] }, { words: "forbidden", actions: [{ ...plain, actionType: 6, bounceCode: 0x26 }] },
    { words: "for Bob", actions: [{ ...plain, actionType: 7, recipients: bobBlock }] }, { words: "question", actions: [reply] },
  ]), 0);
  for (const subject of ["urgent mail", "away mail", "nonsense mail", "question for all", "mail"]) await mailFrom("bob", subject);
  await mailFrom("alice", "mail for Bob");
  await mailFrom("bob", "forbidden mail");
  const expected = { "urgent mail": 2, "away mail": 1, "question for all": 1, mail: 1, "mail for Bob": 1 };
  await until("all is delivered", async () => (Object.keys(await inFolder()).length === 5 ? true : undefined));
  const refused = await bobsMail(/forbidden mail/);
  assert.match(refused.messageClass, /^REPORT\.IPM\.Note\.NDR$/i);
  assert.deepEqual(await inFolder(), expected);
  assert.match((await bobsMail(/mail for Bob/)).subject, /mail for Bob$/);
  const answer = await bobsMail(/Thank you/);
  assert.equal(answer.messageClass, "IPM.Note.rules.ReplyTemplate.Microsoft");
  assert.match(answer.body, /We read everything/);

  assert.deepEqual([await post("urgent post"), await post("nonsense post"), await post("post for Bob"), await post("post")], [0, 0, 0, 0]);
  assert.equal(await post("forbidden post"), 0x8007_0005);
  assert.deepEqual(await inFolder(), { ...expected, "urgent post": 2, "post for Bob": 1, post: 1 });
  assert.match((await bobsMail(/post for Bob/)).subject, /post for Bob$/);
  // Rules that change count from the next message on.
  assert.equal(await modify([]), 0);
  assert.equal(await post("urgent again"), 0);
  assert.equal((await inFolder())["urgent again"], 1);
});
