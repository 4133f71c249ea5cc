/**
 * Proves RopCopyTo and RopCopyProperties over real HTTPS: which ways of copying there are, what is refused before
 * anything is written (cycles of messages and folders, names that are taken, public folders), what stays where nothing
 * is to be overwritten. Codes are those of the specification; where it leaves a choice, those of Exchange 2019.
 * [MS-OXCPRPT] 2.2.10, 2.2.11, 3.2.5.7, 3.2.5.8
 */
import { strict as assert } from "node:assert";
import { after, before, test } from "node:test";
import { makeTag } from "#props/types.ts";
import type { PropertyTag } from "#props/types.ts";
import { noHandle } from "#wire/mapi/rop-buffer.ts";
import * as folders from "#wire/mapi/rops/folders.ts";
import * as messages from "#wire/mapi/rops/messages.ts";
import * as properties from "#wire/mapi/rops/properties.ts";
import * as store from "#wire/mapi/rops/store.ts";
import { dnOf, MailboxClient, startServer, tags, text } from "./support/mapi-mailbox.ts";
import { MapiSession } from "./support/mapi-session.ts";
import { domain } from "./support/server.ts";
import type { TestServer } from "./support/server.ts";

let server: TestServer;
let alice: MailboxClient;

const codes = {
  done: 0, notSupported: 0x8004_0102, invalidParameter: 0x8007_0057, messageCycle: 0x504, collision: 0x8004_0604,
  folderCycle: 0x8004_060b,
} as const;
const flags = { none: 0, move: 1, noOverwrite: 2 } as const;

before(async () => {
  server = await startServer(["alice"]);
  alice = await MailboxClient.open(server, "alice");
});
after(async () => {
  await alice?.disconnect();
  await server?.dispose();
});

async function copyTo(
  from: number, to: number, copyFlags: number, more: { wantSubObjects?: boolean; excludedTags?: PropertyTag[] } = {},
  session = alice.session,
): Promise<number> {
  const done = await session.execute([{
    rop: properties.RopCopyTo, request: {
      sourceHandleIndex: 0, destHandleIndex: 1, wantAsynchronous: false, wantSubObjects: true, excludedTags: [], copyFlags,
      ...more,
    },
  }], [from, to]);
  return done.answers[0]!.returnValue;
}

async function copyProperties(from: number, to: number, copyFlags: number, propertyTags: PropertyTag[]): Promise<{
  code: number; problems: { index: number; propertyTag: number; errorCode: number }[];
}> {
  const done = await alice.session.execute([{
    rop: properties.RopCopyProperties, request: {
      sourceHandleIndex: 0, destHandleIndex: 1, wantAsynchronous: false, copyFlags, propertyTags,
    },
  }], [from, to]);
  const { returnValue, body } = done.answers[0]!;
  const problems = (body as { propertyProblems?: [] } | null)?.propertyProblems ?? [];
  return { code: returnValue, problems };
}

const makeFolder = async (parent: number, displayName: string): Promise<number> =>
  (await alice.session.must(folders.RopCreateFolder, parent, {
    folderType: 1, useUnicodeStrings: true, openExisting: false, reserved: 0, displayName, comment: "",
  })).opened;

const message = (subject: string): Promise<number> =>
  alice.create("inbox", [[tags.messageClass, "IPM.Note"], [tags.subject, subject], [text(0x3004), `of ${subject}`]]);

test("ways of copying: one of the two, or none; what is moved stays with its source", async () => {
  const [from, to] = [await message("source"), await message("target")];
  const wanted = [text(0x3004)];
  for (const copyFlags of [3, 4, 5, 0x80]) {
    assert.equal(await copyTo(from, to, copyFlags), codes.invalidParameter, `CopyTo ${copyFlags}`);
    const { code } = await copyProperties(from, to, copyFlags, wanted);
    assert.equal(code, codes.invalidParameter, `CopyProperties ${copyFlags}`);
  }
  assert.deepEqual(await alice.get(to, wanted), ["of target"]);
  assert.deepEqual(await copyProperties(from, to, flags.noOverwrite, wanted), { code: 0, problems: [] });
  assert.deepEqual(await alice.get(to, wanted), ["of target"]);
  assert.deepEqual(await copyProperties(from, to, flags.move, wanted), { code: 0, problems: [] });
  assert.deepEqual(await alice.get(to, wanted), ["of source"]);
  assert.deepEqual(await alice.get(from, wanted), ["of source"], "as Exchange leaves it");
  assert.equal(await copyTo(from, to, flags.move, { excludedTags: wanted }), codes.done);
  assert.deepEqual(await alice.get(to, [tags.subject]), ["source"]);
  assert.equal(await copyTo(from, noHandle, flags.none), 0x503);
});

test("problems name the place in the list and the tag", async () => {
  const [from, to] = [await message("a"), await message("b")];
  const none = text(0x7abc);
  const size = makeTag(0x0e08, "Integer32");
  const { code, problems } = await copyProperties(from, to, flags.none, [tags.subject, none, size]);
  assert.equal(code, codes.done);
  assert.deepEqual(problems.map(({ index, propertyTag }) => [index, propertyTag]), [[1, none], [2, size]]);
  assert.equal(problems[0]!.errorCode, 0x8004_010f);
});

test("recipients and attachments stay where nothing is to be overwritten", async () => {
  const [from, to] = [await message("with"), await message("has")];
  await alice.addRecipient(from, `new@${domain}`);
  for (const rowId of [0, 1]) await alice.addRecipient(to, `old${rowId}@${domain}`, { rowId });
  const { opened: attachment } = await alice.session.must(messages.RopCreateAttachment, from);
  await alice.session.must(messages.RopSaveChangesAttachment, attachment, { saveFlags: 2 });
  assert.equal(await copyTo(from, to, flags.noOverwrite), codes.done);
  const count = async (): Promise<number> =>
    (await alice.session.must(messages.RopReloadCachedInformation, to, { reserved: 0 })).body.recipientCount;
  assert.equal(await count(), 2);
  await alice.session.must(messages.RopOpenAttachment, to, { openAttachmentFlags: 0, attachmentId: 0 });
  assert.equal(await copyTo(from, to, flags.none), codes.done);
  assert.equal(await count(), 1);
});

test("a message is not copied into what it contains, however deep and however opened", async () => {
  const outer = await message("outer");
  const inside = async (of: number): Promise<number> => {
    const { opened: attachment } = await alice.session.must(messages.RopCreateAttachment, of);
    await alice.set(attachment, [[makeTag(0x3705, "Integer32"), 5]]);
    const { opened } = await alice.session.must(messages.RopOpenEmbeddedMessage, attachment,
      { codePageId: 0x0fff, openModeFlags: 2 });
    await alice.set(opened, [[tags.subject, "inside"], [tags.messageClass, "IPM.Note"]]);
    await alice.session.must(messages.RopSaveChangesMessage, opened, { saveFlags: 2 });
    await alice.session.must(messages.RopSaveChangesAttachment, attachment, { saveFlags: 2 });
    return opened;
  };
  const middle = await inside(outer);
  const inner = await inside(middle);
  const other = await message("other");
  for (const [from, to, code] of [
    [outer, middle, codes.messageCycle], [outer, inner, codes.messageCycle], [middle, inner, codes.messageCycle],
    [inner, outer, codes.done], [other, inner, codes.done],
  ] as const) assert.equal(await copyTo(from, to, flags.move), code, `${from} ${to}`);
  const parts = [makeTag(0x0e13, "Object")];
  assert.equal((await copyProperties(outer, inner, flags.none, parts)).code, codes.messageCycle);
  assert.equal((await copyProperties(outer, inner, flags.none, [tags.subject])).code, codes.done);
});

test("folders: names that are taken, cycles, and what is written only when all can be", async () => {
  const inbox = await alice.openFolder("inbox");
  const [one, two] = [await makeFolder(inbox, "One"), await makeFolder(inbox, "Two")];
  const comment = text(0x3004);
  await alice.set(one, [[comment, "first"]]);
  await alice.set(two, [[comment, "second"]]);
  await makeFolder(one, "Below");
  const clash = await makeFolder(two, "BELOW");
  assert.equal(await copyTo(one, two, flags.move), codes.collision);
  assert.deepEqual(await alice.get(two, [comment]), ["second"], "nothing was written");
  assert.equal((await copyProperties(one, two, flags.none, [comment, makeTag(0x360e, "Object")])).code, codes.collision);
  assert.equal(await copyTo(two, clash, flags.none), codes.folderCycle);
  assert.equal((await copyProperties(one, two, flags.move, [comment])).code, codes.notSupported);
  assert.equal((await copyProperties(one, two, flags.none, [comment])).code, codes.done);
  assert.deepEqual(await alice.get(two, [comment]), ["first"]);
  await alice.set(one, [[comment, "third"]]);
  assert.equal(await copyTo(one, two, flags.move, { wantSubObjects: false }), codes.done);
  assert.deepEqual(await alice.get(two, [comment, tags.displayName]), ["third", "Two"], "there is a One beside it");
  const three = await makeFolder(inbox, "Three");
  assert.equal(await copyTo(one, three, flags.none, { excludedTags: [tags.displayName] }), codes.done);
  const { opened: table } = await alice.session.must(folders.RopGetHierarchyTable, three, { tableFlags: 0 });
  assert.ok(table !== noHandle);
});

test("public folders are not copied onto others", async () => {
  await server.must(["public", "add", "Plans", "--owner", `alice@${domain}`]);
  const dn = await dnOf(server, "alice");
  const session = await MapiSession.connect(server, `alice@${domain}`, dn);
  const logon = await session.execute([{
    rop: store.RopLogon, request: { outputHandleIndex: 0, logonFlags: 0, openFlags: 0x0000_0002, storeState: 0,
      essdn: Buffer.alloc(0) },
  }], [noHandle]);
  const { folderIds } = logon.answers[0]!.body as { folderIds: { replicaId: number; counter: number }[] };
  const open = async (place: number): Promise<number> =>
    (await session.must(folders.RopOpenFolder, logon.handles[0]!, { folderId: folderIds[place], openModeFlags: 0 })).opened;
  const [from, to] = [await open(1), await open(2)];
  assert.equal(await copyTo(from, to, flags.move, { wantSubObjects: true }, session), codes.notSupported);
  await session.disconnect();
});
