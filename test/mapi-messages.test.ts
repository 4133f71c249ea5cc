/**
 * Proves over real HTTPS what messages, attachments and embedded messages are at each stage, what saving does when two
 * save, and which errors say so, as the servers do that Outlook was made for. [MS-OXCMSG] 2.2, 3.2.5
 */
import { strict as assert } from "node:assert";
import { after, before, test } from "node:test";
import { makeTag, tagId } from "#props/types.ts";
import type { PropertyTag, PropertyValue } from "#props/types.ts";
import { CellError } from "#wire/mapi/rows.ts";
import { recipientColumns } from "#serve/mapi/mailbox/recipients.ts";
import * as messages from "#wire/mapi/rops/messages.ts";
import * as properties from "#wire/mapi/rops/properties.ts";
import * as streams from "#wire/mapi/rops/streams.ts";
import { MailboxClient, logonPlaces, mailer, startServer, tags, text } from "./support/mapi-mailbox.ts";
import { pause } from "./support/real-ctx.ts";
import { domain } from "./support/server.ts";
import type { TestServer } from "./support/server.ts";

let server: TestServer;
let alice: MailboxClient;
let inbox: number;

const number = (id: number): PropertyTag => makeTag(id, "Integer32");
const truth = (id: number): PropertyTag => makeTag(id, "Boolean");
const binary = (id: number): PropertyTag => makeTag(id, "Binary");
const accessLevel = number(0x0ff7);
const hasAttachments = truth(0x0e1b);
const sensitivity = number(0x0036);
const codes = {
  nullObject: 0x4b9, unknownCodePage: 0x3ef, generalFailure: 0x8000_4005, notSupported: 0x8004_0102, notFound: 0x8004_010f,
  objectModified: 0x8004_0109, tooBig: 0x8004_0305, notEnoughMemory: 0x8007_000e, accessDenied: 0x8007_0005,
} as const;

before(async () => {
  server = await startServer(["alice", "bob"]);
  alice = await MailboxClient.open(server, "alice");
  inbox = await alice.openFolder("inbox");
});
after(async () => {
  await alice?.disconnect();
  await server?.dispose();
});

const draft = (subject: string, ...more: (readonly [PropertyTag, PropertyValue])[]): Promise<number> =>
  alice.create("inbox", [[tags.subject, subject], ...more]);

async function codeOf(message: number, saveFlags: number): Promise<number> {
  return (await alice.session.call(messages.RopSaveChangesMessage, message, { saveFlags })).returnValue;
}

/** Sets without looking at problems: their count. */
async function problems(object: number, values: readonly (readonly [PropertyTag, PropertyValue])[]): Promise<number> {
  const { body } = await alice.session.must(properties.RopSetProperties, object,
    { propertyValues: values.map(([tag, value]) => ({ tag, value })) });
  return body.propertyProblems.length;
}

test("a message that nobody filled, and the same once it was saved", async () => {
  const { opened } = await alice.session.must(messages.RopCreateMessage, alice.logon,
    { codePageId: 0x0fff, folderId: alice.folderIds[logonPlaces.inbox], associatedFlag: false });
  const wanted = [
    number(0x0017), tags.messageClass, sensitivity, text(0x0e02), text(0x0e03), text(0x0e04), tags.messageFlags,
    hasAttachments, number(0x0ff4), accessLevel, truth(0x664a), number(0x1016), number(0x3ff1), number(0x66a1),
  ];
  const [locale] = await alice.get(alice.logon, [number(0x66a1)]);
  assert.notEqual(locale, 0);
  assert.deepEqual(await alice.get(opened, wanted),
    [1, "IPM.Note", 0, "", "", "", 0x409, false, 7, 1, false, 0, locale, locale]);
  const [createdAt, changedAt, key] = await alice.get(opened, [makeTag(0x3007, "Time"), makeTag(0x3008, "Time"), binary(0x300b)]);
  assert.equal(createdAt, changedAt);
  assert.equal((key as Uint8Array).length, 16);
  await alice.save(opened);
  const [, , flags, committed, name, lastName, entryId] = await alice.get(opened, [tags.messageClass, sensitivity,
    tags.messageFlags, makeTag(0x6709, "Time"), text(0x3ff8), text(0x3ffa), binary(0x3ffb)]);
  assert.equal((flags as number) & 0x409, 0x409);
  assert.equal(typeof committed, "bigint");
  assert.deepEqual([name, lastName], ["alice", "alice"]);
  assert.ok((entryId as Uint8Array).length > 28);
});

test("which save flags are taken, and that a message stays open for writing", async () => {
  const message = await draft("saved");
  for (const [flags, code] of [
    [0x0f, codes.notSupported], [0x03, codes.notSupported], [0x04, 0], [0x05, 0], [0x06, 0], [0x0a, 0], [0x0c, 0], [0x01, 0],
  ] as const) {
    assert.equal(await codeOf(message, flags), code, `0x${flags.toString(16)}`);
    assert.deepEqual(await alice.get(message, [accessLevel]), [1]);
  }
});

test("what is the server's may be set, and is then not saved", async () => {
  const rows: (readonly [PropertyTag, PropertyValue])[] = [
    [hasAttachments, true], [number(0x0e08), 2], [number(0x0e17), 0x800], [number(0x0ff4), 1], [accessLevel, 0],
    [number(0x0ffe), 9], [binary(0x0ff9), Buffer.from("key")],
  ];
  for (const row of rows) {
    const message = await draft("spoiled");
    const messageId = await alice.save(message);
    assert.equal(await problems(message, [row]), 0);
    assert.equal(await codeOf(message, 2), codes.generalFailure, row[0].toString(16));
    assert.equal(await codeOf(message, 4), codes.generalFailure);
    assert.deepEqual(await alice.get(message, [accessLevel]), [1], "it stays open");
    alice.session.release(message);
    const again = await alice.open(inbox, "inbox", messageId, 0);
    assert.deepEqual(await alice.get(again, [hasAttachments]), [false]);
  }
});

test("opening: another folder, an unknown code page, bits without meaning, reading alone", async () => {
  const messageId = await alice.save(await draft("opened"));
  const ask = { codePageId: 0x0fff, folderId: alice.folderIds[logonPlaces.inbox], openModeFlags: 1, messageId };
  const answer = async (more: object): Promise<number> =>
    (await alice.session.call(messages.RopOpenMessage, alice.logon, { ...ask, ...more })).returnValue;
  assert.equal(await answer({ folderId: alice.folderIds[logonPlaces.outbox] }), codes.notFound);
  assert.equal(await answer({ codePageId: 15 }), codes.unknownCodePage);
  for (const openModeFlags of [0x08, 0x0b]) assert.equal(await answer({ openModeFlags }), 0);
  for (const codePageId of [1251, 932, 65001, 20127]) assert.equal(await answer({ codePageId }), 0);
  const read = await alice.open(inbox, "inbox", messageId, 0);
  const refused = await alice.session.call(properties.RopSetProperties, read,
    { propertyValues: [{ tag: tags.subject, value: "no" }] });
  assert.equal(refused.returnValue, codes.accessDenied);
  const { returnValue } = await alice.session.call(messages.RopCreateMessage, alice.logon,
    { codePageId: 15, folderId: ask.folderId, associatedFlag: false });
  assert.equal(returnValue, codes.unknownCodePage);
});

test("two save the same message: other things both stay, the same thing is refused unless forced", async () => {
  const messageId = await alice.save(await draft("shared", [sensitivity, 1], [number(0x0017), 1]));
  const [first, second, third] = [await alice.open(inbox, "inbox", messageId), await alice.open(inbox, "inbox", messageId),
    await alice.open(inbox, "inbox", messageId)];
  await alice.set(first, [[sensitivity, 0]]);
  await alice.set(second, [[number(0x0017), 2]]);
  await alice.set(third, [[sensitivity, 2]]);
  assert.equal(await codeOf(first, 2), 0);
  assert.equal(await codeOf(second, 2), 0, "importance is no matter of the first");
  assert.equal(await codeOf(third, 2), codes.objectModified);
  const now = await alice.open(inbox, "inbox", messageId, 0);
  assert.deepEqual(await alice.get(now, [sensitivity, number(0x0017)]), [0, 2]);
  assert.equal(await codeOf(third, 4), 0);
  assert.deepEqual(await alice.get(third, [sensitivity, number(0x0017)]), [2, 2]);
  // Recipients are one thing.
  await alice.addRecipient(first, "kim@outside.test");
  assert.equal(await codeOf(first, 2), 0);
  await alice.addRecipient(second, "lee@outside.test");
  assert.equal(await codeOf(second, 2), codes.objectModified);
  for (const handle of [first, second, third, now]) alice.session.release(handle);
});

test("a new attachment, and what stays until it is saved", async () => {
  const messageId = await alice.save(await draft("with an attachment"));
  const message = await alice.open(inbox, "inbox", messageId);
  const { opened: attachment, body } = await alice.session.must(messages.RopCreateAttachment, message);
  const [size, level, position, at, created, changed] = await alice.get(attachment,
    [number(0x0e20), accessLevel, number(0x370b), number(0x0e21), makeTag(0x3007, "Time"), makeTag(0x3008, "Time")]);
  assert.deepEqual([size, level, position, at], [0, 0, -1, body.attachmentId]);
  assert.equal(created, changed);
  const data = Buffer.from("content of the file");
  await alice.set(attachment, [[binary(0x3701), data], [number(0x3705), 1], [text(0x3707), "a.txt"]]);
  const [whole, sized] = await alice.get(attachment, [binary(0x3701), number(0x0e20)]);
  assert.ok(data.equals(whole as Uint8Array));
  assert.equal(sized, data.length);
  const isThere = async (): Promise<unknown> => {
    const again = await alice.open(inbox, "inbox", messageId, 0);
    const [has] = await alice.get(again, [hasAttachments]);
    alice.session.release(again);
    return has;
  };
  assert.equal(await codeOf(message, 4), 0);
  assert.equal(await isThere(), false, "nobody saved the attachment");
  assert.equal((await alice.session.call(messages.RopSaveChangesAttachment, attachment, { saveFlags: 3 })).returnValue,
    codes.notSupported);
  assert.equal((await alice.session.call(messages.RopSaveChangesAttachment, message, { saveFlags: 4 })).returnValue,
    codes.notSupported);
  await alice.session.must(messages.RopSaveChangesAttachment, attachment, { saveFlags: 0x0c });
  assert.equal(await isThere(), false, "nobody saved the message");
  assert.equal(await codeOf(message, 4), 0);
  assert.equal(await isThere(), true);
  // The handle goes on, and what is changed by it is saved with the next save.
  await alice.set(attachment, [[text(0x3001), "renamed"]]);
  assert.equal(await codeOf(message, 4), 0);
  const shown = async (): Promise<unknown> => {
    const again = await alice.open(inbox, "inbox", messageId, 0);
    const { opened } = await alice.session.must(messages.RopOpenAttachment, again, { openAttachmentFlags: 0, attachmentId: body.attachmentId });
    return (await alice.get(opened, [text(0x3001), binary(0x3701)])).map((one) => one instanceof Uint8Array ? Buffer.from(one).toString() : one instanceof CellError ? one.code : one);
  };
  assert.deepEqual(await shown(), [codes.notFound, data.toString()]);
  await alice.session.must(messages.RopSaveChangesAttachment, attachment, { saveFlags: 2 });
  assert.equal(await codeOf(message, 4), 0);
  assert.deepEqual(await shown(), ["renamed", data.toString()]);
  assert.equal(await problems(attachment, [[number(0x0e20), 1]]), 0);
  assert.equal((await alice.session.call(messages.RopSaveChangesAttachment, attachment, { saveFlags: 4 })).returnValue,
    codes.generalFailure);
});

test("an embedded message is there once it was saved, and open for writing however it is opened", async () => {
  const message = await draft("outer");
  const { opened: attachment } = await alice.session.must(messages.RopCreateAttachment, message);
  await alice.set(attachment, [[number(0x3705), 5]]);
  await alice.session.must(messages.RopSaveChangesAttachment, attachment, { saveFlags: 4 });
  const messageId = await alice.save(message);
  const open = (openModeFlags: number, codePageId = 0x0fff) =>
    alice.session.call(messages.RopOpenEmbeddedMessage, attachment, { codePageId, openModeFlags });
  assert.equal((await open(1)).returnValue, codes.notFound);
  const { opened: inner } = await open(2);
  assert.equal((await open(1)).returnValue, codes.notFound, "it is being made");
  assert.equal((await open(2, 15)).returnValue, codes.unknownCodePage);
  await alice.set(inner, [[tags.subject, "inner"]]);
  assert.equal(await codeOf(inner, 4), 0);
  alice.session.release(inner);
  const { opened: again } = await open(0);
  await alice.addRecipient(again, "kim@outside.test");
  assert.equal(await codeOf(again, 4), 0);
  await alice.session.must(messages.RopSaveChangesAttachment, attachment, { saveFlags: 4 });
  assert.equal(await codeOf(message, 4), 0);
  const whole = await alice.open(inbox, "inbox", messageId, 0);
  const { opened: stored } = await alice.session.must(messages.RopOpenAttachment, whole, { openAttachmentFlags: 0, attachmentId: 0 });
  const { body } = await alice.session.must(messages.RopOpenEmbeddedMessage, stored, { codePageId: 0x0fff, openModeFlags: 0 });
  assert.deepEqual([body.normalizedSubject, body.recipientCount], ["inner", 1]);
  // Create where there is one opens it.
  const { body: kept } = await alice.session.must(messages.RopOpenEmbeddedMessage, stored, { codePageId: 0x0fff, openModeFlags: 2 });
  assert.equal(kept.normalizedSubject, "inner");
});

test("recipients keep their row ids through a save", async () => {
  const message = await draft("rows");
  for (const rowId of [9, 3, 0]) await alice.addRecipient(message, `r${rowId}@outside.test`, { rowId });
  const read = async (on: number): Promise<number[]> =>
    (await alice.session.must(messages.RopReadRecipients, on, { rowId: 0 }, { recipientColumns })).body.recipientRows.map((one) => one.rowId);
  assert.deepEqual(await read(message), [0, 3, 9]);
  const messageId = await alice.save(message);
  assert.deepEqual(await read(message), [0, 3, 9]);
  assert.deepEqual(await read(await alice.open(inbox, "inbox", messageId, 0)), [0, 3, 9]);
});

test("bodies: the native one, and the others made of it", async () => {
  const compressed = Buffer.from("1a0000001c0000004c5a4675e2d44b51410004205758595a0d6e7d010eb0", "hex");
  const rows: readonly (readonly [(readonly [PropertyTag, PropertyValue])[], number, RegExp | null])[] = [
    [[], 0, null], [[[tags.body, "plain words"]], 1, /plain words/], [[[binary(0x1009), compressed]], 2, /WXYZ/],
    [[[binary(0x1013), Buffer.from("<p>marked words</p>")]], 3, /marked words/],
    [[[makeTag(0x1013, "String"), "<p>told as text</p>"]], 3, /told as text/],
  ];
  for (const [values, native, words] of rows) {
    const message = await draft("body", ...values);
    await alice.save(message);
    const [nativeBody, body, rtf, html] = await alice.get(message, [number(0x1016), tags.body, binary(0x1009), binary(0x1013)]);
    assert.equal(nativeBody, native);
    if (words === null) {
      assert.ok([body, rtf, html].every((one) => one instanceof CellError && one.code === codes.notFound));
      continue;
    }
    assert.match(String(body), words);
    assert.match(Buffer.from(html as Uint8Array).toString(), words);
    assert.equal(Buffer.from(rtf as Uint8Array).toString("latin1", 8, 12).replace("MELA", "LZFu"), "LZFu");
    if (native === 2) assert.deepEqual(await alice.get(message, [truth(0x0e1f)]), [true]);
  }
  const large = await draft("large body", [tags.body, "many words ".repeat(1100)]);
  const [html] = await alice.get(large, [binary(0x1013)]);
  assert.ok(html instanceof CellError && html.code === codes.notEnoughMemory, "by stream");
  const { body } = await alice.session.must(streams.RopOpenStream, large, { propertyTag: binary(0x1013), openModeFlags: 0 });
  assert.ok(body.streamSize > 12_000);
});

test("sizes, texts without a type, 8-bit texts, names of a store", async () => {
  const message = await draft("many sizes");
  const small = number(0x6701);
  const middle = binary(0x6802);
  const other = binary(0x6803);
  await alice.set(message, [[middle, Buffer.alloc(15_000, 1)], [other, Buffer.alloc(14_000, 2)], [small, 7]]);
  const get = async (propertyTags: readonly PropertyTag[], propertySizeLimit: number, wantUnicode = 1): Promise<readonly unknown[]> =>
    (await alice.session.must(properties.RopGetPropertiesSpecific, message, { propertySizeLimit, wantUnicode, propertyTags },
      { propertyTags })).body.rowData;
  const [one] = await get([middle], 100);
  assert.equal((one as Uint8Array).length, 15_000, "what a client tells of sizes is passed over");
  await alice.set(message, [[makeTag(0x6804, "Binary"), Buffer.alloc(9000)]]);
  const [large, fits, last] = await get([middle, other, small], 0) as [unknown, unknown, unknown];
  assert.ok(large instanceof Uint8Array && fits instanceof Uint8Array && last === 7);
  const [gone, , kept, tail] = await get([middle, other, makeTag(0x6804, "Binary"), small], 0);
  assert.ok(gone instanceof CellError && gone.code === codes.notEnoughMemory, "the largest goes first");
  assert.ok(kept instanceof Uint8Array && tail === 7);
  const untyped = ((tagId(tags.subject) << 16) >>> 0) as PropertyTag;
  for (const [wantUnicode, type] of [[1, 0x1f], [0, 0x1e]] as const) {
    const [cell] = await get([untyped], 0, wantUnicode);
    assert.equal((cell as { typeCode: number }).typeCode, type);
  }
  await alice.set(message, [[makeTag(0x0037, "String8"), Buffer.from("gr\xfc\xdfe", "latin1")]]);
  assert.deepEqual(await alice.get(message, [tags.subject]), ["grüße"]);
  const named = await alice.session.must(properties.RopGetPropertyIdsFromNames, alice.logon,
    { flags: 2, propertyNames: [{ guid: "00020329-0000-0000-c000-000000000046", id: "OfTheStore" }] });
  const { body } = await alice.session.must(properties.RopQueryNamedProperties, alice.logon, { queryFlags: 1, hasGuid: false });
  assert.ok(!body.propertyNames.some((name) => typeof name?.id === "string") || body.propertyIds.length >= 0);
  const all = await alice.session.must(properties.RopQueryNamedProperties, alice.logon, { queryFlags: 0, hasGuid: false });
  assert.ok(all.body.propertyIds.includes(named.body.propertyIds[0]!));
  for (const object of [message, alice.logon, inbox]) {
    const { body: set } = await alice.session.must(properties.RopDeletePropertiesNoReplicate, object, { propertyTags: [text(0x6805)] });
    assert.equal(set.propertyProblems.length, object === alice.logon ? 1 : 0);
  }
  await alice.session.must(properties.RopSetPropertiesNoReplicate, message, { propertyValues: [{ tag: small, value: 8 }] });
  assert.deepEqual(await alice.get(message, [small]), [8]);
});

test("streams: what is written counts at once and on closing; sizes, modes, places behind the end", async () => {
  const message = await draft("streamed", [tags.body, "old words"]);
  const open = (propertyTag: PropertyTag, openModeFlags: number, on = message) =>
    alice.session.call(streams.RopOpenStream, on, { propertyTag, openModeFlags });
  const { opened: stream } = await open(tags.body, 1);
  await alice.session.must(streams.RopWriteStream, stream, { data: Buffer.from("new", "utf16le") });
  assert.deepEqual(await alice.get(message, [tags.body]), ["new words"]);
  await alice.session.must(streams.RopWriteStream, stream, { data: Buffer.from("!", "utf16le") });
  alice.session.release(stream);
  const messageId = await alice.save(message);
  const again = await alice.open(inbox, "inbox", messageId, 0);
  assert.deepEqual(await alice.get(again, [tags.body]), ["new!words"]);
  const { opened: best } = await open(tags.body, 3, again);
  assert.equal((await alice.session.call(streams.RopWriteStream, best, { data: Buffer.from("x") })).returnValue, 0x8003_0005);
  const { opened: made } = await open(binary(0x6806), 2);
  const { body: place } = await alice.session.must(streams.RopSeekStream, made, { origin: 0, offset: 100n });
  assert.equal(place.newPosition, 100n);
  assert.equal((await alice.session.must(streams.RopGetStreamSize, made)).body.streamSize, 100);
  await alice.session.must(streams.RopSeekStream, made, { origin: 0, offset: 0x7fff_ffffn });
  const full = await alice.session.call(streams.RopWriteStream, made, { data: Buffer.from("x") });
  assert.equal(full.returnValue, codes.tooBig);
  assert.equal((await alice.session.call(streams.RopSeekStream, made, { origin: 0, offset: 0xffff_ffffn })).returnValue, 0x8003_0019);
  const { opened: copy } = await alice.session.must(streams.RopCloneStream, made);
  await alice.session.must(streams.RopSeekStream, copy, { origin: 0, offset: 0n });
  await alice.session.must(streams.RopWriteStream, copy, { data: Buffer.from("mine") });
  await alice.session.must(streams.RopSeekStream, made, { origin: 0, offset: 0n });
  const { body: read } = await alice.session.must(streams.RopReadStream, made, { byteCount: 4 });
  assert.deepEqual([...read.data], [0, 0, 0, 0], "a clone has bytes of its own once it writes");
  assert.equal((await open(tags.displayName, 0, inbox)).returnValue, codes.notSupported);
  const onFolder = binary(0x6807);
  const { opened: folderStream } = await open(onFolder, 2, inbox);
  await alice.session.must(streams.RopWriteStream, folderStream, { data: Buffer.from("kept on closing") });
  alice.session.release(folderStream);
  const [value] = await alice.get(await alice.openFolder("inbox"), [onFolder]);
  assert.equal(Buffer.from(value as Uint8Array).toString(), "kept on closing");
});

test("a text of 40 MB goes through a stream while others have their turn", async () => {
  const line = `${"Grüße, ".repeat(10)}\r\n`;
  const words = line.repeat(20_000_000 / line.length);
  await mailer(server, "bob").sendMail({ from: `bob@${domain}`, to: `alice@${domain}`, subject: "long", text: words });
  let found: readonly unknown[] | undefined;
  for (let tries = 0; tries < 200 && found === undefined; tries++) {
    const table = await alice.contents(inbox, [tags.subject, tags.mid]);
    found = (await alice.rows(table, [tags.subject, tags.mid])).find((one) => one[0] === "long");
    await pause(25);
  }
  const id = Buffer.alloc(8);
  id.writeBigInt64LE(found![1] as bigint);
  const message = await alice.open(inbox, "inbox", { replicaId: id.readUInt16LE(0), counter: id.readUIntBE(2, 6) }, 0);
  const { opened, body } = await alice.session.must(streams.RopOpenStream, message, { propertyTag: tags.body, openModeFlags: 0 });
  assert.ok(body.streamSize >= words.length * 2);
  await alice.session.must(streams.RopSeekStream, opened, { origin: 2, offset: -20n });
  const { body: end } = await alice.session.must(streams.RopReadStream, opened, { byteCount: 20 });
  assert.match(Buffer.from(end.data).toString("utf16le"), /Grüße, \r\n/);
  assert.deepEqual(server.errors(), []);
});
