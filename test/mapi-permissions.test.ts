/**
 * Proves over MAPI what each permission level of Outlook allows another person in a folder, and what it does not: every
 * level by every operation; and the same for a mailbox shared with read or full access. [MS-OXCPERM] 2.2.7, 3.1.1
 */
import { strict as assert } from "node:assert";
import { after, before, test } from "node:test";
import { decode, encode } from "#codec/binary/code.ts";
import { folderRights as r, folderRoleRights } from "#mailbox/access.ts";
import { makeTag } from "#props/types.ts";
import type { ShortTermId } from "#props/object-ids.ts";
import { addressBookEntryId } from "#wire/mapi/entry-ids.ts";
import { addressBookBodies } from "#wire/mapi/nspi.ts";
import * as folders from "#wire/mapi/rops/folders.ts";
import * as messages from "#wire/mapi/rops/messages.ts";
import * as permissions from "#wire/mapi/rops/permissions.ts";
import * as properties from "#wire/mapi/rops/properties.ts";
import { RopSetColumns } from "#wire/mapi/rops/tables.ts";
import { MapiClient } from "./support/mapi-client.ts";
import { dnOf, MailboxClient, startServer, tags } from "./support/mapi-mailbox.ts";
import { RopWorld } from "./support/mapi-rop-world.ts";
import { domain } from "./support/server.ts";
import type { TestServer } from "./support/server.ts";

let server: TestServer;
let alice: MailboxClient;
let world: RopWorld;
/** Of bob, in the mailbox of alice. */
let guest: MailboxClient;
let bobEntryId: Buffer;

before(async () => {
  server = await startServer(["alice", "bob"]);
  alice = await MailboxClient.open(server, "alice");
  world = await RopWorld.over(alice);
  bobEntryId = Buffer.from(encode(addressBookEntryId, { type: 0, x500Dn: await dnOf(server, "bob") }));
  // Somebody with no right anywhere does not come in at all.
  await assert.rejects(MailboxClient.open(server, "bob", "alice"), /RopLogon: 0x3f2/);
  await grant((await world.folder()).handle, folderRoleRights.reviewer, 1);
  guest = await MailboxClient.open(server, "bob", "alice");
});
after(async () => {
  await guest?.disconnect();
  await alice?.disconnect();
  await server?.dispose();
});

interface Place {
  readonly by: MailboxClient;
  readonly id: ShortTermId;
  readonly handle: number;
  /** Of the owner, and of the guest. */
  readonly others: ShortTermId;
  readonly own: ShortTermId;
}

async function openIn({ by, id, handle }: Place, messageId: ShortTermId, openModeFlags: number): Promise<number | null> {
  const done = await by.session.call(messages.RopOpenMessage, handle, { codePageId: 0x0fff, folderId: id, openModeFlags, messageId });
  return done.returnValue === 0 ? done.opened : null;
}

async function makeIn({ by, id, handle }: Pick<Place, "by" | "id" | "handle">): Promise<ShortTermId | null> {
  const made = await by.session.call(messages.RopCreateMessage, handle, { codePageId: 0x0fff, folderId: id, associatedFlag: false });
  if (made.returnValue !== 0) return null;
  await by.set(made.opened, [[tags.subject, "guest's"]]);
  const saved = await by.session.call(messages.RopSaveChangesMessage, made.opened, { saveFlags: 2 });
  return saved.returnValue === 0 ? saved.body.messageId : null;
}

async function changeIn(place: Place, messageId: ShortTermId): Promise<boolean> {
  const opened = await openIn(place, messageId, 1);
  if (opened === null) return false;
  const set = await place.by.session.call(properties.RopSetProperties, opened,
    { propertyValues: [{ tag: tags.subject, value: "changed" }] });
  if (set.returnValue !== 0) return false;
  return (await place.by.session.call(messages.RopSaveChangesMessage, opened, { saveFlags: 2 })).returnValue === 0;
}

async function removeIn({ by, handle }: Place, messageId: ShortTermId): Promise<boolean> {
  const done = await by.session.call(folders.RopDeleteMessages, handle,
    { wantAsynchronous: false, notifyNonRead: false, messageIds: [messageId] });
  return done.returnValue === 0 && !done.body.partialCompletion;
}

const isDone = (call: Promise<{ returnValue: number }>): Promise<boolean> => call.then(({ returnValue }) => returnValue === 0);

/** What is tried, and the rights that allow it: all of one of the sets. */
const operations: readonly (readonly [name: string, needs: number, run: (place: Place) => Promise<boolean>])[] = [
  ["reads another's message", r.readAny, async (place) => await openIn(place, place.others, 0) !== null],
  ["lists another's message", r.readAny, async ({ by, handle }) => {
    const table = await by.session.call(folders.RopGetContentsTable, handle, { tableFlags: 0 });
    if (table.returnValue !== 0) return false;
    await by.session.must(RopSetColumns, table.opened, { setColumnsFlags: 0, propertyTags: [tags.subject] });
    return (await by.rows(table.opened, [tags.subject])).some(([subject]) => subject === "alice's");
  }],
  ["makes a message", r.create, async (place) => await makeIn(place) !== null],
  ["changes its own", r.editOwned, (place) => changeIn(place, place.own)],
  ["changes another's", r.editAny, (place) => changeIn(place, place.others)],
  ["marks another's as read", r.editAny, ({ by, handle, others }) => by.session.call(messages.RopSetMessageStatus, handle,
    { messageId: others, messageStatusFlags: 0x1000, messageStatusMask: 0x1000 }).then((done) => done.returnValue === 0)],
  ["makes a folder below", r.createSubFolder, ({ by, handle }) => isDone(by.session.call(folders.RopCreateFolder, handle, {
    folderType: 1, useUnicodeStrings: true, openExisting: false, displayName: world.name(), comment: "" }))],
  ["changes the folder", r.folderOwner, ({ by, handle }) => isDone(by.session.call(properties.RopSetProperties, handle,
    { propertyValues: [{ tag: makeTag(0x3004, "String"), value: "a comment" }] }))],
  ["gives rights", r.folderOwner, ({ by, handle }) => isDone(by.session.call(permissions.RopModifyPermissions, handle, {
    modifyFlags: 0, permissionsData: [{ permissionDataFlags: 2, propertyValues: [
      { tag: makeTag(0x6671, "Integer64"), value: 0n }, { tag: makeTag(0x6673, "Integer32"), value: 0 }] }] }))],
  ["removes its own", r.deleteOwned, (place) => removeIn(place, place.own)],
  ["removes another's", r.deleteAny, (place) => removeIn(place, place.others)],
];

async function grant(folder: number, rights: number, permissionDataFlags: number, memberId?: bigint): Promise<void> {
  await alice.session.must(permissions.RopModifyPermissions, folder, { modifyFlags: 2, permissionsData: [{
    permissionDataFlags, propertyValues: [
      memberId === undefined ? { tag: makeTag(0x0fff, "Binary"), value: bobEntryId } : { tag: makeTag(0x6671, "Integer64"), value: memberId },
      { tag: makeTag(0x6673, "Integer32"), value: rights }],
  }] });
}

async function place(rights: number): Promise<{ opened: boolean; place: Place }> {
  const { handle: folder, id } = await world.folder();
  const { opened: made } = await alice.session.must(messages.RopCreateMessage, folder, { codePageId: 0x0fff, folderId: id, associatedFlag: false });
  await alice.set(made, [[tags.subject, "alice's"]]);
  const others = await alice.save(made);
  await grant(folder, folderRoleRights.owner, 1);
  const { opened: first } = await guest.session.must(folders.RopOpenFolder, guest.logon, { folderId: id, openModeFlags: 0 });
  const own = await makeIn({ by: guest, id, handle: first });
  assert.ok(own !== null);
  await alice.session.must(permissions.RopModifyPermissions, folder, { modifyFlags: 3, permissionsData: [{
    permissionDataFlags: 1, propertyValues: [{ tag: makeTag(0x0fff, "Binary"), value: bobEntryId },
      { tag: makeTag(0x6673, "Integer32"), value: rights }],
  }] });
  const done = await guest.session.call(folders.RopOpenFolder, guest.logon, { folderId: id, openModeFlags: 0 });
  // What was opened when there were rights has no more than there are now.
  return { opened: done.returnValue === 0, place: { by: guest, id, handle: done.returnValue === 0 ? done.opened : first, others, own } };
}

for (const [role, rights] of Object.entries(folderRoleRights)) {
  test(`${role}: what it allows and what it does not`, async () => {
    const wrong: string[] = [];
    for (const [name, needs, run] of operations) {
      const { opened, place: at } = await place(rights);
      assert.equal(opened, (rights & r.folderVisible) !== 0, "the folder is seen");
      const isAllowed = (rights & needs) === needs;
      if (await run(at) !== isAllowed) wrong.push(`${name}: ${isAllowed ? "refused" : "allowed"}`);
    }
    assert.deepEqual(wrong, []);
  });
}

/** As the address book tells it. */
async function shownDn(address: string): Promise<string> {
  const client = new MapiClient(server, "/mapi/nspi", `alice@${domain}`);
  const none = new Uint8Array(0);
  await client.post("Bind", encode(addressBookBodies.Bind.request, { flags: 0, state: null, auxiliaryBuffer: none }));
  const answer = await client.post("ResolveNames", encode(addressBookBodies.ResolveNames.request, {
    reserved: 0, state: null, tags: [makeTag(0x3003, "String")], names: [address], auxiliaryBuffer: none,
  }));
  client.close();
  return decode(addressBookBodies.ResolveNames.response, answer.body).rows!.rows[0]![0] as string;
}

test("a shared mailbox: read access reads, full access writes too, nobody else comes in", async () => {
  await server.must(["shared", "add", `info@${domain}`]);
  const dn = await shownDn(`info@${domain}`);
  const shared = await MailboxClient.open(server, "bob");
  const attempt = (): Promise<MailboxClient> => MailboxClient.over(shared.session, dn);
  await server.must(["shared", "grant", `info@${domain}`, "--to", `bob@${domain}`, "--right", "read"]);
  const reader = await attempt();
  const inbox = await reader.openFolder("inbox");
  assert.equal(await makeIn({ by: reader, id: reader.folderIds[4]!, handle: inbox }), null);
  await server.must(["shared", "grant", `info@${domain}`, "--to", `bob@${domain}`, "--right", "full"]);
  const writer = await attempt();
  const made = await makeIn({ by: writer, id: writer.folderIds[4]!, handle: await writer.openFolder("inbox") });
  assert.notEqual(made, null);
  await shared.disconnect();
  assert.deepEqual(server.errors(), []);
});
