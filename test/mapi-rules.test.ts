/**
 * Proves rules over real HTTPS and real delivery: rows added, changed, removed and replaced are read back as they were
 * written, every action and every kind of condition among them; deferred actions and rules that fail come into the
 * Deferred Action folder with all their properties, and are patched as clients ask. [MS-OXORULE]
 */
import { strict as assert } from "node:assert";
import { after, before, test } from "node:test";
import type { Transporter } from "nodemailer";
import { decode, encode } from "#codec/binary/code.ts";
import { restriction, ruleActions, serverEntryId } from "#props/structures.ts";
import type { Restriction, RuleAction } from "#props/structures.ts";
import { makeTag } from "#props/types.ts";
import type { PropertyTag, PropertyValue } from "#props/types.ts";
import type { ShortTermId } from "#props/object-ids.ts";
import * as folders from "#wire/mapi/rops/folders.ts";
import * as messages from "#wire/mapi/rops/messages.ts";
import * as rules from "#wire/mapi/rops/rules.ts";
import * as streams from "#wire/mapi/rops/streams.ts";
import * as tables from "#wire/mapi/rops/tables.ts";
import { CellError } from "#wire/mapi/rows.ts";
import { MailboxClient, mailer, startServer, tags, text } from "./support/mapi-mailbox.ts";
import { pause } from "./support/real-ctx.ts";
import { domain } from "./support/server.ts";
import type { TestServer } from "./support/server.ts";

const integer = (id: number): PropertyTag => makeTag(id, "Integer32");
const binary = (id: number): PropertyTag => makeTag(id, "Binary");
const p = {
  id: makeTag(0x6674, "Integer64"), sequence: integer(0x6676), state: integer(0x6677), userFlags: integer(0x6678),
  condition: makeTag(0x6679, "Restriction"), actions: makeTag(0x6680, "RuleAction"), provider: text(0x6681), name: text(0x6682),
  level: integer(0x6683), providerData: binary(0x6684), hasRules: makeTag(0x663a, "Boolean"), entryId: binary(0x0fff),
  backPatched: makeTag(0x6647, "Boolean"), originalEntryId: binary(0x6646), folderEntryId: binary(0x6651), clientActions: binary(0x6645),
  ruleIds: binary(0x6675), originalServerId: makeTag(0x6741, "ServerId"), ruleError: integer(0x6648), actionType: integer(0x6649),
  actionNumber: integer(0x6650), hasDeferred: makeTag(0x3fea, "Boolean"),
} as const;
const codes = { notSupported: 0x8004_0102, notFound: 0x8004_010f, invalidParameter: 0x8007_0057, accessDenied: 0x8007_0005 } as const;

let server: TestServer;
let alice: MailboxClient;
let bob: Transporter;
let inbox = 0;
let deferredFolder = 0;

before(async () => {
  server = await startServer(["alice", "bob"]);
  alice = await MailboxClient.open(server, "alice");
  bob = mailer(server, "bob");
  inbox = await alice.openFolder("inbox");
  deferredFolder = (await alice.session.must(folders.RopOpenFolder, alice.logon, { folderId: alice.folderIds[1], openModeFlags: 0 })).opened;
});
after(async () => {
  bob?.close();
  await alice?.disconnect();
  await server?.dispose();
});

const plain = { actionFlavor: 0, actionFlags: 0 } as const;
const subjectHas = (words: string): Restriction => ({
  restrictType: 3, fuzzyLevelLow: 1, fuzzyLevelHigh: 1, propertyTag: tags.subject, taggedValue: { tag: tags.subject, value: words },
});

interface RuleRow {
  readonly name: string;
  readonly condition?: Restriction;
  readonly actions?: readonly RuleAction[];
  readonly more?: readonly (readonly [PropertyTag, PropertyValue])[];
}

const rowOf = (flag: number, { name, condition, actions, more = [] }: RuleRow, ruleId?: bigint): object => ({
  ruleDataFlags: flag, propertyValues: [
    ...ruleId === undefined ? [] : [[p.id, ruleId] as const], [p.name, name] as const, [p.provider, "RuleOrganizer"] as const,
    [p.sequence, 10] as const, [p.state, 1] as const, [p.level, 0] as const,
    ...condition === undefined ? [] : [[p.condition, encode(restriction("rop"), condition)] as const],
    [p.actions, encode(ruleActions("rop"), actions ?? [{ ...plain, actionType: 11 }])] as const, ...more,
  ].filter(([tag], index, all) => all.findLastIndex(([other]) => other === tag) === index).map(([tag, value]) => ({ tag, value })),
});

async function modify(folder: number, rulesData: readonly object[], modifyRulesFlags = 0): Promise<number> {
  return (await alice.session.call(rules.RopModifyRules, folder, { modifyRulesFlags, rulesData })).returnValue;
}

async function read(folder: number, columns: readonly PropertyTag[]): Promise<(readonly unknown[])[]> {
  const { opened } = await alice.session.must(rules.RopGetRulesTable, folder, { tableFlags: 0x40 });
  await alice.session.must(tables.RopSetColumns, opened, { setColumnsFlags: 0, propertyTags: columns });
  const rows = await alice.rows(opened, columns);
  alice.session.release(opened);
  return rows;
}

async function newFolder(name: string): Promise<{ handle: number; id: ShortTermId }> {
  const { opened, body } = await alice.session.must(folders.RopCreateFolder, inbox,
    { folderType: 1, useUnicodeStrings: true, openExisting: false, displayName: name, comment: "" });
  return { handle: opened, id: body.folderId };
}

async function send(subject: string): Promise<void> {
  await bob.sendMail({ from: `bob@${domain}`, to: `alice@${domain}`, subject, text: "text" });
}

/** Rows of a folder's table once there are some. */
async function rowsWhen(folder: number, columns: readonly PropertyTag[], passes: (rows: readonly (readonly unknown[])[]) => boolean, whose = alice): Promise<(readonly unknown[])[]> {
  const table = await whose.contents(folder, columns);
  for (const deadline = performance.now() + 5000; ;) {
    await whose.session.must(tables.RopSeekRow, table, { origin: 0, rowCount: 0, wantRowMovedCount: false });
    const rows = await whose.rows(table, columns);
    if (passes(rows)) return rows;
    assert.ok(performance.now() < deadline, "the rows come in time");
    await pause(50);
  }
}

test("rules are added, changed, removed and replaced; each has its id, and the folder says that it has some", async () => {
  const { handle } = await newFolder("Kept");
  assert.deepEqual(await alice.get(handle, [p.hasRules]), [false]);
  assert.equal(await modify(handle, [rowOf(1, { name: "one" }), rowOf(1, { name: "two", more: [[p.sequence, 5], [p.userFlags, 0x1234], [p.providerData, Buffer.from("00ff", "hex")], [p.level, 0]] })], 1), 0);
  assert.deepEqual(await alice.get(handle, [p.hasRules]), [true]);
  const columns = [p.name, p.id, p.sequence, p.userFlags, p.providerData];
  const [two, one] = await read(handle, columns);
  assert.deepEqual([two![0], two![2], two![3], Buffer.from(two![4] as Uint8Array).toString("hex")], ["two", 5, 0x1234, "00ff"]);
  assert.equal(one![0], "one");
  assert.ok(one![3] instanceof CellError, "what was not written is not there");
  assert.ok((one![1] as bigint) !== 0n && one![1] !== two![1]);
  assert.equal(await modify(handle, [rowOf(2, { name: "one, changed" }, one![1] as bigint)]), 0);
  assert.deepEqual((await read(handle, [p.name, p.id])).at(-1), ["one, changed", one![1]]);
  assert.equal(await modify(handle, [{ ruleDataFlags: 4, propertyValues: [{ tag: p.id, value: two![1] }] }]), 0);
  assert.deepEqual(await read(handle, [p.id]), [[one![1]]]);
  assert.equal(await modify(handle, [rowOf(1, { name: "alone" })], 1), 0);
  assert.deepEqual((await read(handle, [p.name])), [["alone"]]);
  assert.equal(await modify(handle, [], 1), 0);
  assert.deepEqual(await read(handle, [p.name]), []);
});

test("what is refused changes nothing", async () => {
  const { handle } = await newFolder("Refused");
  assert.equal(await modify(handle, [rowOf(1, { name: "stays" })]), 0);
  for (const [rows, flags, code] of [
    [[rowOf(1, { name: "x" }), rowOf(2, { name: "unknown" }, 0x7777n)], 0, codes.notFound],
    [[rowOf(1, { name: "x" }), rowOf(8, { name: "no change" })], 0, codes.invalidParameter],
    [[rowOf(1, { name: "x" })], 0x02, codes.invalidParameter], [[rowOf(1, { name: "x" })], 0xff, codes.invalidParameter],
    [[rowOf(2, { name: "only additions replace" }, 1n)], 1, codes.invalidParameter],
  ] as const) {
    assert.equal(await modify(handle, rows, flags), code);
    assert.deepEqual(await read(handle, [p.name]), [["stays"]]);
  }
  for (const tableFlags of [0x01, 0x41, 0xff]) {
    assert.equal((await alice.session.call(rules.RopGetRulesTable, handle, { tableFlags })).returnValue, codes.notSupported);
  }
});

test("bits of the state that are the server's or nobody's are taken; the text of a table is what it is asked for", async () => {
  const { handle } = await newFolder("States");
  for (const state of [0x01, 0x02, 0x40, 0xffff_ff80 | 0, 0x15]) {
    assert.equal(await modify(handle, [rowOf(1, { name: "Zoë", more: [[p.state, state]] })], 1), 0);
    assert.deepEqual(await read(handle, [p.state]), [[state]]);
  }
  const { opened } = await alice.session.must(rules.RopGetRulesTable, handle, { tableFlags: 0 });
  const narrow = [makeTag(0x6682, "String8"), p.name];
  await alice.session.must(tables.RopSetColumns, opened, { setColumnsFlags: 0, propertyTags: narrow });
  const [row] = await alice.rows(opened, narrow);
  assert.equal(Buffer.from(row![0] as Uint8Array).toString("latin1"), "Zoë");
  assert.equal(row![1], "Zoë");
});

test("every action and every kind of condition comes back byte for byte", async () => {
  const { handle } = await newFolder("Verbatim");
  const people = [{ reserved: 1, values: [{ tag: text(0x3001), value: "Bob" }, { tag: text(0x39fe), value: `bob@${domain}` }, { tag: binary(0x0fff), value: Buffer.from("0102", "hex") }] }];
  const place = { storeEntryId: Buffer.from("aa", "hex"), folderEntryId: encode(serverEntryId, { ours: 1, folderId: { replicaId: 1, counter: 99 }, messageId: { replicaId: 0, counter: 0 }, instance: 0 }), folderInThisStore: 1 };
  const reply = { replyTemplateFolderId: { replicaId: 1, counter: 5 }, replyTemplateMessageId: { replicaId: 1, counter: 6 }, replyTemplateGuid: "00112233-4455-6677-8899-aabbccddeeff" };
  const actions: RuleAction[] = [
    { ...plain, actionType: 1, ...place }, { ...plain, actionType: 2, ...place }, { ...plain, actionFlavor: 1, actionType: 3, ...reply },
    { ...plain, actionFlavor: 2, actionType: 4, ...reply }, { ...plain, actionType: 5, deferActionData: Buffer.from("anything") },
    ...[0x0d, 0x1f, 0x26].map((bounceCode): RuleAction => ({ ...plain, actionType: 6, bounceCode })),
    ...[1, 2, 3, 4, 8].map((actionFlavor): RuleAction => ({ ...plain, actionFlavor, actionType: 7, recipients: people })),
    { ...plain, actionType: 8, recipients: people }, { ...plain, actionType: 9, taggedValue: { tag: integer(0x0017), value: 2 } },
    { ...plain, actionType: 10 }, { ...plain, actionType: 11 },
  ];
  const leaf = subjectHas("x");
  const conditions: Restriction[] = [
    leaf, { restrictType: 0, restricts: [leaf, leaf] }, { restrictType: 1, restricts: [leaf] }, { restrictType: 2, restriction: leaf },
    { restrictType: 4, relOp: 4, propertyTag: integer(0x0017), taggedValue: { tag: integer(0x0017), value: 2 } },
    { restrictType: 5, relOp: 4, propertyTag1: integer(0x0017), propertyTag2: integer(0x0036) },
    { restrictType: 6, bitmapRelOp: 1, propertyTag: integer(0x0e07), mask: 0x10 }, { restrictType: 7, relOp: 2, propertyTag: integer(0x0e08), size: 1000 },
    { restrictType: 8, propertyTag: tags.subject }, { restrictType: 9, subobject: 0x0e12_000d as PropertyTag, restriction: leaf },
    { restrictType: 10, taggedValues: [{ tag: integer(0x6000), value: 1 }], restrictionPresent: 1, restriction: leaf },
    { restrictType: 11, count: 3, restriction: leaf },
  ];
  const rows = conditions.map((condition, index): RuleRow => ({ name: `rule ${index}`, condition, actions: [actions[index % actions.length]!, actions.at(-1 - index % 5)!], more: [[p.sequence, index]] }));
  assert.equal(await modify(handle, rows.map((row) => rowOf(1, row)), 1), 0);
  const columns = [p.name, p.condition, p.actions];
  for (const [index, row] of (await read(handle, columns)).entries()) {
    const wanted = rows[index]!;
    assert.equal(row[0], wanted.name);
    assert.deepEqual(Buffer.from(row[1] as Uint8Array), Buffer.from(encode(restriction("rop"), wanted.condition!)), wanted.name);
    assert.deepEqual(Buffer.from(row[2] as Uint8Array), Buffer.from(encode(ruleActions("rop"), wanted.actions!)), wanted.name);
  }
  for (const action of actions) {
    assert.equal(await modify(handle, [rowOf(1, { name: "one", actions: [action] })], 1), 0);
    const [row] = await read(handle, [p.actions]);
    assert.deepEqual(Buffer.from(row![0] as Uint8Array), Buffer.from(encode(ruleActions("rop"), [action])), `action ${action.actionType}`);
  }
});

const damColumns = [tags.messageClass, p.backPatched, p.originalEntryId, p.provider, p.folderEntryId, p.clientActions, p.ruleIds, p.originalServerId, tags.mid];

async function emptyDeferred(): Promise<void> {
  await alice.session.must(folders.RopEmptyFolder, deferredFolder, { wantAsynchronous: false, wantDeleteAssociated: true });
}

test("deferred actions: one message for each provider, with all that a client needs; patched when the client says so", async () => {
  const deferred = (words: string): RuleAction => ({ ...plain, actionType: 5, deferActionData: Buffer.from(`${words}\0`, "utf16le") });
  const condition = subjectHas("deferred");
  assert.equal(await modify(inbox, [
    rowOf(1, { name: "one", condition, actions: [deferred("first")], more: [[p.sequence, 1]] }),
    rowOf(1, { name: "two", condition, actions: [deferred("second")], more: [[p.sequence, 2]] }),
    rowOf(1, { name: "three", condition, actions: [deferred("third")], more: [[p.sequence, 3], [p.provider, "Another"]] }),
  ], 1), 0);
  const ids = (await read(inbox, [p.id])).map(([id]) => id as bigint);
  await send("is deferred");
  const dams = await rowsWhen(deferredFolder, damColumns, (rows) => rows.length === 2);
  const [delivered] = await rowsWhen(inbox, [tags.subject, p.entryId, p.hasDeferred, tags.mid, makeTag(0x6748, "Integer64")], (rows) => rows.length === 1 && rows[0]![2] === true);
  const [inboxEntryId] = await alice.get(inbox, [p.entryId]);
  const byProvider = new Map(dams.map((row) => [row[3] as string, row]));
  for (const [provider, words, ruleIds] of [["RuleOrganizer", ["first", "second"], ids.slice(0, 2)], ["Another", ["third"], ids.slice(2)]] as const) {
    const dam = byProvider.get(provider)!;
    assert.deepEqual(dam.slice(0, 2), ["IPC.Microsoft Exchange 4.0.Deferred Action", false]);
    assert.deepEqual(Buffer.from(dam[2] as Uint8Array), Buffer.from(delivered![1] as Uint8Array), "the message that was delivered");
    assert.deepEqual(Buffer.from(dam[4] as Uint8Array), Buffer.from(inboxEntryId as Uint8Array), "the folder of the rules");
    assert.deepEqual(Buffer.from(dam[5] as Uint8Array), Buffer.from(encode(ruleActions("rop"), words.map(deferred))));
    const bytes = Buffer.from(dam[6] as Uint8Array);
    assert.deepEqual(Array.from({ length: bytes.length / 8 }, (_, index) => bytes.readBigInt64LE(index * 8)), ruleIds);
    const named = decode(serverEntryId, dam[7] as Uint8Array);
    const raw = Buffer.alloc(16);
    raw.writeBigInt64LE(delivered![4] as bigint, 0);
    raw.writeBigInt64LE(delivered![3] as bigint, 8);
    const id = (at: number): ShortTermId => ({ replicaId: raw.readUInt16LE(at), counter: raw.readUIntBE(at + 2, 6) });
    assert.deepEqual(named, { ours: 1, folderId: id(0), messageId: id(8), instance: 0 });
  }
  const update = async (serverId: Uint8Array, clientEntryId: Uint8Array): Promise<number> =>
    (await alice.session.call(rules.RopUpdateDeferredActionMessages, alice.logon, { serverEntryId: serverId, clientEntryId })).returnValue;
  assert.equal(await update(Buffer.from([0, 1]), Buffer.from([0, 1])), codes.invalidParameter);
  assert.equal(await update(Buffer.alloc(21, 9), Buffer.from([0, 1])), 0, "none is named so");
  const client = Buffer.from("entry id of the client");
  assert.equal(await update(dams[0]![7] as Uint8Array, client), 0);
  for (const row of await rowsWhen(deferredFolder, damColumns, (rows) => rows.every((one) => one[1] === true))) {
    assert.deepEqual(Buffer.from(row[2] as Uint8Array), client);
    assert.deepEqual(Buffer.from(row[7] as Uint8Array), client);
  }
});

test("a rule that fails is told once, with what failed, and has its mark; the message stays", async () => {
  await emptyDeferred();
  const { id } = await newFolder("Gone");
  const folderEntryId = encode(serverEntryId, { ours: 1, folderId: id, messageId: { replicaId: 0, counter: 0 }, instance: 0 });
  const move: RuleAction = { ...plain, actionType: 1, folderInThisStore: 1, storeEntryId: Buffer.from([0]), folderEntryId };
  assert.equal(await modify(inbox, [rowOf(1, { name: "moves", condition: subjectHas("moved"), actions: [{ ...plain, actionType: 11 }, move] })], 1), 0);
  await alice.session.must(folders.RopDeleteFolder, inbox, { deleteFolderFlags: 0x05, folderId: id });
  await send("is not moved, first");
  const columns = [tags.messageClass, p.ruleError, p.actionType, p.actionNumber, p.provider, p.id, p.originalEntryId, p.folderEntryId];
  const [dem] = await rowsWhen(deferredFolder, columns, (rows) => rows.length === 1);
  const [rule] = await read(inbox, [p.id, p.state]);
  assert.deepEqual(dem!.slice(0, 6), ["IPC.Microsoft Exchange 4.0.Deferred Error", 6, 1, 1, "RuleOrganizer", rule![0]]);
  assert.equal((rule![1] as number) & 0x02, 0x02, "ST_ERROR");
  const there = await rowsWhen(inbox, [tags.subject, p.entryId], (rows) => rows.some(([subject]) => subject === "is not moved, first"));
  assert.deepEqual(Buffer.from(dem![6] as Uint8Array), Buffer.from(there.find(([subject]) => subject === "is not moved, first")![1] as Uint8Array));
  const [inboxEntryId] = await alice.get(inbox, [p.entryId]);
  assert.deepEqual(Buffer.from(dem![7] as Uint8Array), Buffer.from(inboxEntryId as Uint8Array));
  await send("is not moved, second");
  await rowsWhen(inbox, [tags.subject], (rows) => rows.some(([subject]) => subject === "is not moved, second"));
  assert.equal((await rowsWhen(deferredFolder, columns, () => true)).length, 1, "once");
  assert.equal(await modify(inbox, [], 1), 0);
});

test("an extended rule that is too large is not saved; what fits comes back as it was written", async () => {
  const [size] = await alice.get(alice.logon, [integer(0x0e9b)]);
  assert.ok((size as number) >= 32 * 1024, String(size));
  const condition = binary(0x0e9a);
  const made = await alice.create("inbox", [[tags.messageClass, "IPM.ExtendedRule.Message"], [text(0x65ec), "extended"], [condition, Buffer.alloc(10_000, 1)]], true);
  await alice.save(made);
  const [kept] = await alice.get(made, [condition]);
  assert.equal((kept as Uint8Array).length, 10_000);
  const { opened } = await alice.session.must(streams.RopOpenStream, made, { propertyTag: condition, openModeFlags: 2 });
  for (let written = 0; written <= (size as number); written += 20_000) {
    await alice.session.must(streams.RopWriteStream, opened, { data: Buffer.alloc(20_000, 2) });
  }
  await alice.session.must(streams.RopCommitStream, opened);
  const { returnValue } = await alice.session.call(messages.RopSaveChangesMessage, made, { saveFlags: 0x0a });
  assert.equal(returnValue, 0x8004_0305);
});

test("people of the address book: mail goes on to them, and mail from them is known", async () => {
  const other = await MailboxClient.open(server, "bob", "bob");
  const { dn } = other.session;
  const forward: RuleAction = { ...plain, actionType: 7, recipients: [{ reserved: 1, values: [{ tag: text(0x3001), value: "Bob" }, { tag: text(0x3003), value: dn }] }] };
  const key = Buffer.from(`EX:${dn.toUpperCase()}\0`, "latin1");
  const fromBob: Restriction = { restrictType: 10, taggedValues: [{ tag: integer(0x6000), value: 1 }], restrictionPresent: 1,
    restriction: { restrictType: 4, relOp: 4, propertyTag: binary(0x0c1d), taggedValue: { tag: binary(0x0c1d), value: key } } };
  assert.equal(await modify(inbox, [rowOf(1, { name: "from Bob", condition: fromBob, actions: [{ ...plain, actionType: 11 }, forward] })], 1), 0);
  await send("goes on");
  const own = mailer(server, "alice");
  await own.sendMail({ from: `alice@${domain}`, to: `alice@${domain}`, subject: "stays", text: "text" });
  own.close();
  const columns = [tags.subject, integer(0x0e07)];
  const rows = await rowsWhen(inbox, columns, (all) => ["goes on", "stays"].every((subject) => all.some(([one]) => one === subject)));
  const isRead = new Map(rows.map(([subject, flags]) => [subject, ((flags as number) & 1) === 1]));
  assert.deepEqual([isRead.get("goes on"), isRead.get("stays")], [true, false]);
  const bobsInbox = await other.openFolder("inbox");
  const arrived = await rowsWhen(bobsInbox, [tags.subject], (all) => all.length > 0, other);
  assert.match(String(arrived[0]![0]), /goes on$/);
  assert.equal(arrived.length, 1);
  assert.equal(await modify(inbox, [], 1), 0);
  await other.disconnect();
});

test("answers of a template have its class; what tells that somebody is away names the message", async () => {
  const other = await MailboxClient.open(server, "bob", "bob");
  const bobsInbox = await other.openFolder("inbox");
  const template = async (messageClass: string): Promise<RuleAction & { actionType: 3 | 4 }> => {
    const made = await alice.create("inbox", [[tags.messageClass, messageClass], [tags.subject, "The template's subject"], [tags.body, `Text of ${messageClass}`]], true);
    return {
      ...plain, actionType: 3, replyTemplateFolderId: alice.folderIds[4]!, replyTemplateMessageId: await alice.save(made),
      replyTemplateGuid: "00000000-0000-0000-0000-000000000000",
    };
  };
  const classes = { reply: "IPM.Note.rules.ReplyTemplate.Microsoft", oof: "IPM.Note.rules.OofTemplate.Microsoft" };
  const reply = await template(classes.reply);
  const oof: RuleAction = { ...await template(classes.oof), actionType: 4 };
  assert.equal(await modify(inbox, [
    rowOf(1, { name: "answers", condition: subjectHas("to be answered"), actions: [reply] }),
    rowOf(1, { name: "is away", condition: subjectHas("to one away"), actions: [oof] }),
  ], 1), 0);
  const seen = [tags.subject, tags.messageClass, tags.body];
  await send("to be answered");
  const [answered] = await rowsWhen(bobsInbox, seen, (rows) => rows.some(([subject]) => subject === "The template's subject"), other)
    .then((rows) => rows.filter(([subject]) => subject === "The template's subject"));
  assert.deepEqual(answered!.slice(1, 3).map((value) => String(value).trim()), [classes.reply, `Text of ${classes.reply}`]);
  await send("to one away");
  const isOof = (row: readonly unknown[]): boolean => row[1] === classes.oof;
  const told = (await rowsWhen(bobsInbox, seen, (rows) => rows.some(isOof), other)).find(isOof)!;
  assert.equal(told[0], "Automatic reply: to one away");
  assert.equal(String(told[2]).trim(), `Text of ${classes.oof}`);
  // What suppresses one kind of answers lets the other pass.
  await bob.sendMail({ from: `bob@${domain}`, to: `alice@${domain}`, subject: "to be answered, AutoReply", text: "text", headers: { "X-Auto-Response-Suppress": "AutoReply" } });
  await bob.sendMail({ from: `bob@${domain}`, to: `alice@${domain}`, subject: "to one away, OOF", text: "text", headers: { "X-Auto-Response-Suppress": "OOF" } });
  await bob.sendMail({ from: `bob@${domain}`, to: `alice@${domain}`, subject: "to one away, AutoReply", text: "text", headers: { "X-Auto-Response-Suppress": "AutoReply" } });
  const all = await rowsWhen(bobsInbox, seen, (rows) => rows.some(([subject]) => subject === "Automatic reply: to one away, AutoReply"), other);
  assert.equal(all.filter(([, messageClass]) => messageClass === classes.reply).length, 1);
  assert.equal(all.filter(isOof).length, 2);
  assert.equal(await modify(inbox, [], 1), 0);
  await other.disconnect();
});

test("a delegate's copy names whom it was for, as the address book has them; one that is sent on says so", async () => {
  const other = await MailboxClient.open(server, "bob", "bob");
  const bobsInbox = await other.openFolder("inbox");
  const own = await MailboxClient.open(server, "alice");
  const recipients = [{ reserved: 1, values: [{ tag: text(0x3001), value: "Bob" }, { tag: text(0x3003), value: other.session.dn }, { tag: text(0x39fe), value: `bob@${domain}` }] }];
  assert.equal(await modify(inbox, [
    rowOf(1, { name: "delegates", condition: subjectHas("for a delegate"), actions: [{ ...plain, actionType: 8, recipients }] }),
    rowOf(1, { name: "sends on", condition: subjectHas("to be sent on"), actions: [{ ...plain, actionFlavor: 1, actionType: 7, recipients }] }),
    rowOf(1, { name: "attaches", condition: subjectHas("to be attached"), actions: [{ ...plain, actionFlavor: 4, actionType: 7, recipients }] }),
  ], 1), 0);
  const self = mailer(server, "alice");
  for (const subject of ["for a delegate", "to be sent on", "to be attached"]) {
    await self.sendMail({ from: `alice@${domain}`, to: `alice@${domain}`, subject, text: "text" });
  }
  self.close();
  const seen = [tags.subject, text(0x0077), text(0x0078), text(0x0044), binary(0x0043), binary(0x0052), makeTag(0x3fe3, "Boolean"), makeTag(0x0005, "Boolean"), makeTag(0x0e1b, "Boolean")];
  const rows = await rowsWhen(bobsInbox, seen, (all) => ["for a delegate", "to be sent on"].every((one) => all.some(([subject]) => subject === one)) && all.some(([subject]) => /to be attached/.test(String(subject))), other);
  const [delegated, onward, attached] = ["for a delegate", "to be sent on", "to be attached"].map((one) => rows.find(([subject]) => String(subject).includes(one))!);
  assert.deepEqual([String(delegated![1]), String(delegated![2]).toLowerCase(), delegated![6]], ["EX", own.session.dn.toLowerCase(), true]);
  assert.equal(String(delegated![3]), "alice");
  assert.ok(Buffer.from(delegated![4] as Uint8Array).toString("latin1").toLowerCase().includes(own.session.dn.toLowerCase()));
  assert.equal(Buffer.from(delegated![5] as Uint8Array).toString("latin1"), `EX:${own.session.dn.toUpperCase()}\0`);
  assert.equal(onward![7], true, "PidTagAutoForwarded");
  assert.equal(attached![8], true, "PidTagHasAttachments");
  assert.equal(await modify(inbox, [], 1), 0);
  await own.disconnect();
  await other.disconnect();
});

test("rules are for those who own the folder", async () => {
  const other = await MailboxClient.open(server, "bob", "bob");
  const { handle } = await newFolder("Private");
  assert.equal(await modify(handle, [rowOf(1, { name: "mine" })]), 0);
  await other.disconnect();
  assert.deepEqual(server.errors(), []);
});
