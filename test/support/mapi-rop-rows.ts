/**
 * What ROPs answer, a row each: the ROP, what is special about the case, the return value, and how it is asked. A table
 * of test data; what is to be said of all of them alike stands in the test. [MS-OXCROPS] 2.2
 */
import { CounterSet, encodeIdSet } from "#wire/mapi/id-set.ts";
import type { PropertyTag } from "#props/types.ts";
import { makeTag } from "#props/types.ts";
import { globalKeyOf } from "./mapi-rop-keys.ts";
import { recipientColumns } from "#serve/mapi/mailbox/recipients.ts";
import type { Rop } from "#wire/mapi/rop.ts";
import { metaTags } from "#wire/mapi/transfer-stream.ts";
import * as transfers from "#wire/mapi/rops/fast-transfer.ts";
import * as folders from "#wire/mapi/rops/folders.ts";
import * as messages from "#wire/mapi/rops/messages.ts";
import * as notifications from "#wire/mapi/rops/notifications.ts";
import * as permissions from "#wire/mapi/rops/permissions.ts";
import * as properties from "#wire/mapi/rops/properties.ts";
import * as rules from "#wire/mapi/rops/rules.ts";
import * as store from "#wire/mapi/rops/store.ts";
import * as streams from "#wire/mapi/rops/streams.ts";
import * as synchronization from "#wire/mapi/rops/synchronization.ts";
import * as tables from "#wire/mapi/rops/tables.ts";
import * as transport from "#wire/mapi/rops/transport.ts";
import { tags, text } from "./mapi-mailbox.ts";
import { attachData, columns, configureContents, note } from "./mapi-rop-world.ts";
import type { RopWorld } from "./mapi-rop-world.ts";

export interface AskedOf {
  readonly on: number;
  readonly ask?: Readonly<Record<string, unknown>>;
  /** The second handle of ROPs that have two. */
  readonly to?: number;
  readonly given?: Readonly<Record<string, unknown>>;
  /** What the answer has to say, among others. */
  readonly body?: Readonly<Record<string, unknown>>;
}

export interface RopRow {
  readonly rop: Rop;
  readonly what: string;
  readonly code: number;
  readonly ask: (world: RopWorld) => Promise<AskedOf> | AskedOf;
}

/** [MS-OXCDATA] 2.4 */
const e = {
  ok: 0, nullObject: 0x4b9, notFound: 0x8004_010f, notSupported: 0x8004_0102, invalidParameter: 0x8007_0057,
  accessDenied: 0x8007_0005, collision: 0x8004_0604, cycle: 0x8004_060b, notSearchFolder: 0x461, notInitialized: 0x8004_0605,
  invalidBookmark: 0x8004_0405, tooComplex: 0x8004_0117, unableToAbort: 0x8004_0114, partial: 0x0004_0680,
  errorsReturned: 0x0004_0380, modified: 0x8004_0109, seek: 0x8003_0019, streamParameter: 0x8003_0057,
  streamAccess: 0x8003_0005, tooBig: 0x8004_0305, rpcFormat: 0x4b6, unknownUser: 0x3eb, loginFailure: 0x8004_0111,
  loginPermission: 0x3f2, generalFailure: 0x8000_4005, notInQueue: 0x8004_0601, noRecipients: 0x8004_0607,
  corrupt: 0x8004_011b, noReceiveFolder: 0x463, computed: 0x8004_011a, scope: 0x490, noParent: 0x8004_0803,
  lockViolation: 0x8003_0021, notImplemented: 0x8004_0fff, newerClientChange: 0x0004_0821,
} as const;

const row = (rop: Rop, what: string, code: keyof typeof e, ask: RopRow["ask"]): RopRow => ({ rop, what, code: e[code], ask });

const badRestriction = {
  restrictType: 4, relOp: 6, propertyTag: tags.subject, taggedValue: { tag: tags.subject, value: "a.*" },
} as const;
const exists = { restrictType: 8, propertyTag: tags.subject } as const;
const subjectOf = (word: string): Record<string, unknown> => ({
  restrictType: 3, fuzzyLevelLow: 1, fuzzyLevelHigh: 1, propertyTag: tags.subject,
  taggedValue: { tag: tags.subject, value: word },
});
const essdn = (dn: string): Buffer => Buffer.from(`${dn}\0`, "latin1");
const noBookmark = Buffer.from([9, 9, 9, 9]);
const one = (counter: number): Record<string, unknown> => ({ replicaId: 1, counter });

const noGuid = "00000000-0000-0000-0000-000000000000";
/** Change numbers that were read. [MS-OXCFXICS] 2.2.2.4 */
const readSet = encodeIdSet(new Map([["11111111-2222-3333-4444-555555555556", CounterSet.of([3, 4, 9])]]));

const logonRows: readonly RopRow[] = [
  row(store.RopLogon, "own mailbox", "ok", (w) => ({ on: 0, ask: {
    logonFlags: 1, openFlags: 0x0100_0000, storeState: 0, essdn: essdn(w.client.session.dn) } })),
  row(store.RopLogon, "nobody", "unknownUser", () => ({ on: 0, ask: {
    logonFlags: 1, openFlags: 0x0100_0000, storeState: 0, essdn: essdn("/o=nobody") } })),
  row(store.RopLogon, "flags that contradict", "loginFailure", (w) => ({ on: 0, ask: {
    logonFlags: 1, openFlags: 0x0100_0002, storeState: 0, essdn: essdn(w.client.session.dn) } })),
  row(store.RopLogon, "public folders that are not there", "loginPermission", () => ({ on: 0, ask: {
    logonFlags: 0, openFlags: 0x0100_0002, storeState: 0, essdn: Buffer.alloc(0) } })),
  row(store.RopGetReceiveFolder, "of a class", "ok", (w) => ({ on: w.logon, ask: { messageClass: "IPM.Note" } })),
  row(store.RopGetReceiveFolder, "no class at all", "invalidParameter", (w) => ({ on: w.logon, ask: { messageClass: ".bad" } })),
  row(store.RopSetReceiveFolder, "for a class", "ok", (w) => ({ on: w.logon,
    ask: { folderId: w.inboxId, messageClass: "IPM.Test" } })),
  row(store.RopSetReceiveFolder, "no folder", "notFound", (w) => ({ on: w.logon,
    ask: { folderId: w.noId, messageClass: "IPM.Test" } })),
  row(store.RopSetReceiveFolder, "all of them away", "generalFailure", (w) => ({ on: w.logon,
    ask: { folderId: one(0), messageClass: "" } })),
  row(store.RopSetReceiveFolder, "what the server decides", "accessDenied", (w) => ({ on: w.logon,
    ask: { folderId: w.inboxId, messageClass: "IPM" } })),
  row(store.RopGetReceiveFolderTable, "all", "ok", (w) => ({ on: w.logon, given: { receiveFolderColumns: [
    makeTag(0x6748, "Integer64"), makeTag(0x001a, "String8"), makeTag(0x3008, "Time")] } })),
  row(store.RopGetStoreState, "asked", "notImplemented", (w) => ({ on: w.logon })),
  row(store.RopGetOwningServers, "of a mailbox", "notSupported", (w) => ({ on: w.logon, ask: { folderId: w.inboxId } })),
  row(store.RopPublicFolderIsGhosted, "never", "ok", (w) => ({ on: w.logon, ask: { folderId: w.inboxId } })),
  row(store.RopLongTermIdFromId, "own", "ok", (w) => ({ on: w.logon, ask: { objectId: w.inboxId } })),
  row(store.RopLongTermIdFromId, "none at all", "ok", (w) => ({ on: w.logon, ask: { objectId: { replicaId: 0, counter: 0 } },
    body: { longTermId: { replicaGuid: noGuid, counter: 0 } } })),
  row(store.RopLongTermIdFromId, "of another replica", "notFound", (w) => ({ on: w.logon,
    ask: { objectId: { replicaId: 99, counter: 1 } } })),
  row(store.RopIdFromLongTermId, "own", "ok", async (w) => ({ on: w.logon, ask: await longTerm(w) })),
  row(store.RopIdFromLongTermId, "of no replica", "ok", (w) => ({ on: w.logon, ask: { longTermId: { replicaGuid: noGuid, counter: 7 } },
    body: { objectId: { replicaId: 0, counter: 7 } } })),
  row(store.RopIdFromLongTermId, "of another replica", "notFound", (w) => ({ on: w.logon,
    ask: { longTermId: { replicaGuid: "11111111-2222-3333-4444-555555555555", counter: 1 } } })),
  row(store.RopGetPerUserLongTermIds, "none kept", "ok", (w) => ({ on: w.logon,
    ask: { databaseGuid: "11111111-2222-3333-4444-555555555555" } })),
  row(store.RopGetPerUserGuid, "nothing kept", "notFound", async (w) => ({ on: w.logon, ask: await longTerm(w) })),
  row(store.RopGetPerUserGuid, "kept", "ok", async (w) => {
    const ask = { longTermId: { replicaGuid: "11111111-2222-3333-4444-555555555556", counter: 7 } };
    await w.client.session.must(store.RopWritePerUserInformation, w.logon, {
      folderId: ask.longTermId, hasFinished: true, dataOffset: 0, data: readSet,
      replGuid: "11111111-2222-3333-4444-555555555557" });
    return { on: w.logon, ask };
  }),
  row(store.RopReadPerUserInformation, "nothing", "ok", async (w) => ({ on: w.logon,
    ask: { folderId: (await longTerm(w)).longTermId, dataOffset: 0, maxDataSize: 0 } })),
  row(store.RopReadPerUserInformation, "past the end", "generalFailure", async (w) => ({ on: w.logon,
    ask: { folderId: (await longTerm(w)).longTermId, dataOffset: 9, maxDataSize: 0 } })),
  row(store.RopWritePerUserInformation, "a first piece", "ok", async (w) => ({ on: w.logon, ask: {
    folderId: (await longTerm(w)).longTermId, hasFinished: false, dataOffset: 0, data: Buffer.from("x"),
    replGuid: "11111111-2222-3333-4444-555555555555" } })),
  row(store.RopWritePerUserInformation, "what is no set of change numbers", "corrupt", async (w) => ({ on: w.logon, ask: {
    folderId: (await longTerm(w)).longTermId, hasFinished: true, dataOffset: 0, data: Buffer.from("x"),
    replGuid: "11111111-2222-3333-4444-555555555555" } })),
  row(store.RopWritePerUserInformation, "a piece that does not follow", "generalFailure", async (w) => ({ on: w.logon, ask: {
    folderId: (await longTerm(w)).longTermId, hasFinished: false, dataOffset: 900, data: Buffer.from("x") } })),
];

async function longTerm(w: RopWorld): Promise<{ longTermId: { replicaGuid: string; counter: number } }> {
  const { body } = await w.client.session.must(store.RopLongTermIdFromId, w.logon, { objectId: w.inboxId });
  return { longTermId: body.longTermId };
}

const newFolder = (displayName: string, more: object = {}): Record<string, unknown> => ({
  folderType: 1, useUnicodeStrings: true, openExisting: false, displayName, comment: "", ...more });

const folderRows: readonly RopRow[] = [
  row(folders.RopOpenFolder, "of the logon", "ok", (w) => ({ on: w.logon, ask: { folderId: w.inboxId, openModeFlags: 0 } })),
  row(folders.RopOpenFolder, "of another folder", "ok", (w) => ({ on: w.inbox, ask: { folderId: w.inboxId, openModeFlags: 0 } })),
  row(folders.RopOpenFolder, "no folder", "notFound", (w) => ({ on: w.logon, ask: { folderId: w.noId, openModeFlags: 0 } })),
  row(folders.RopCreateFolder, "a new one", "ok", (w) => ({ on: w.inbox, ask: newFolder(w.name()) })),
  row(folders.RopCreateFolder, "one that is there, wanted", "ok", async (w) => ({ on: w.inbox, body: { isExistingFolder: false },
    ask: newFolder((await w.folder()).name, { openExisting: true }) })),
  row(folders.RopCreateFolder, "one that is there", "collision", async (w) => ({ on: w.inbox,
    ask: newFolder((await w.folder()).name) })),
  row(folders.RopCreateFolder, "of no kind", "invalidParameter", (w) => ({ on: w.inbox, ask: newFolder(w.name(), { folderType: 0 }) })),
  row(folders.RopCreateFolder, "without a name", "invalidParameter", (w) => ({ on: w.inbox, ask: newFolder("") })),
  row(folders.RopDeleteFolder, "an empty one", "ok", async (w) => ({ on: w.inbox,
    ask: { deleteFolderFlags: 0, folderId: (await w.folder()).id } })),
  row(folders.RopDeleteFolder, "with what is in it", "ok", async (w) => ({ on: w.inbox,
    ask: { deleteFolderFlags: 0x15, folderId: (await w.filled()).id } })),
  row(folders.RopDeleteFolder, "one with messages, not asked for", "ok", async (w) => ({ on: w.inbox, body: { partialCompletion: true },
    ask: { deleteFolderFlags: 0, folderId: (await w.filled()).id } })),
  row(folders.RopDeleteFolder, "one with folders, not asked for", "ok", async (w) => {
    const { handle, id } = await w.folder();
    await w.folder(1, handle);
    return { on: w.inbox, body: { partialCompletion: true }, ask: { deleteFolderFlags: 0x01, folderId: id } };
  }),
  row(folders.RopDeleteFolder, "no folder", "notFound", (w) => ({ on: w.inbox, ask: { deleteFolderFlags: 0, folderId: w.noId } })),
  row(folders.RopDeleteFolder, "the inbox", "notSupported", (w) => ({ on: w.inbox, ask: { deleteFolderFlags: 5, folderId: w.inboxId } })),
  row(folders.RopDeleteFolder, "the root", "notSupported", (w) => ({ on: w.inbox,
    ask: { deleteFolderFlags: 5, folderId: w.client.folderIds[0] } })),
  row(folders.RopDeleteFolder, "unknown flags", "ok", async (w) => ({ on: w.inbox, body: { partialCompletion: false },
    ask: { deleteFolderFlags: 0x80, folderId: (await w.folder()).id } })),
  ...[folders.RopDeleteMessages, folders.RopHardDeleteMessages].flatMap((rop) => [
    row(rop, "two", "ok", async (w) => {
      const { handle, ids } = await w.filled();
      return { on: handle, ask: { wantAsynchronous: false, notifyNonRead: false, messageIds: ids } };
    }),
    row(rop, "one that is not there", "ok", (w) => ({ on: w.inbox, body: { partialCompletion: true },
      ask: { wantAsynchronous: false, notifyNonRead: false, messageIds: [w.noId] } })),
  ]),
  ...[folders.RopEmptyFolder, folders.RopHardDeleteMessagesAndSubfolders].map((rop) =>
    row(rop, "with all", "ok", async (w) => ({ on: (await w.filled()).handle,
      ask: { wantAsynchronous: false, wantDeleteAssociated: true } }))),
  ...[folders.RopEmptyFolder, folders.RopHardDeleteMessagesAndSubfolders].map((rop) =>
    row(rop, "a search folder", "notSupported", async (w) => ({ on: (await w.folder(2)).handle,
      ask: { wantAsynchronous: false, wantDeleteAssociated: true } }))),
  row(folders.RopEmptyFolder, "the root", "notSupported", async (w) => ({ on: await w.client.openFolder("root"),
    ask: { wantAsynchronous: false, wantDeleteAssociated: false } })),
  row(folders.RopHardDeleteMessagesAndSubfolders, "the root", "notSupported", async (w) => ({
    on: await w.client.openFolder("root"), ask: { wantAsynchronous: false, wantDeleteAssociated: false } })),
  row(folders.RopSetSearchCriteria, "of a search folder", "ok", async (w) => ({ on: (await w.folder(2)).handle,
    ask: { restrictionData: exists, folderIds: [w.inboxId], searchFlags: 0x02 } })),
  row(folders.RopSetSearchCriteria, "of a folder of messages", "notSearchFolder", (w) => ({ on: w.inbox,
    ask: { restrictionData: exists, folderIds: [w.inboxId], searchFlags: 0x02 } })),
  row(folders.RopSetSearchCriteria, "never told where", "notInitialized", async (w) => ({ on: (await w.folder(2)).handle,
    ask: { restrictionData: exists, folderIds: [], searchFlags: 0x02 } })),
  row(folders.RopSetSearchCriteria, "in itself", "scope", async (w) => {
    const { handle, id } = await w.folder(2);
    return { on: handle, ask: { restrictionData: exists, folderIds: [id], searchFlags: 0x02 } };
  }),
  row(folders.RopSetSearchCriteria, "unknown flags", "notSupported", async (w) => ({ on: (await w.folder(2)).handle,
    ask: { restrictionData: exists, folderIds: [w.inboxId], searchFlags: 0xffff_ffff } })),
  row(folders.RopSetSearchCriteria, "flags that contradict", "invalidParameter", async (w) => ({ on: (await w.folder(2)).handle,
    ask: { restrictionData: exists, folderIds: [w.inboxId], searchFlags: 0x32 } })),
  row(folders.RopGetSearchCriteria, "told", "ok", async (w) => {
    const { handle } = await w.folder(2);
    await w.client.session.must(folders.RopSetSearchCriteria, handle,
      { restrictionData: exists, folderIds: [w.inboxId], searchFlags: 0x02 });
    return { on: handle, ask: { useUnicode: true, includeRestriction: true, includeFolders: true } };
  }),
  row(folders.RopGetSearchCriteria, "never told", "notInitialized", async (w) => ({ on: (await w.folder(2)).handle,
    ask: { useUnicode: true, includeRestriction: true, includeFolders: true } })),
  row(folders.RopGetSearchCriteria, "of a folder of messages", "notSearchFolder", (w) => ({ on: w.inbox,
    ask: { useUnicode: true, includeRestriction: true, includeFolders: true } })),
  ...[true, false].map((wantCopy) => row(folders.RopMoveCopyMessages, wantCopy ? "copy" : "move", "ok", async (w) => {
    const { handle, ids } = await w.filled();
    return { on: handle, to: (await w.folder()).handle, ask: { messageIds: ids, wantAsynchronous: false, wantCopy } };
  })),
  row(folders.RopMoveCopyMessages, "one that is not there", "partial", async (w) => ({ on: w.inbox,
    to: (await w.folder()).handle, ask: { messageIds: [w.noId], wantAsynchronous: false, wantCopy: false } })),
  row(folders.RopMoveFolder, "below another", "ok", async (w) => ({ on: w.inbox, to: (await w.folder()).handle, ask: {
    wantAsynchronous: false, useUnicode: true, folderId: (await w.folder()).id, newFolderName: "moved" } })),
  row(folders.RopMoveFolder, "below itself", "cycle", async (w) => {
    const { handle, id } = await w.folder();
    return { on: w.inbox, to: handle, ask: { wantAsynchronous: false, useUnicode: true, folderId: id, newFolderName: "x" } };
  }),
  row(folders.RopMoveFolder, "to a name that is there", "collision", async (w) => ({ on: w.inbox, to: w.inbox, ask: {
    wantAsynchronous: false, useUnicode: true, folderId: (await w.folder()).id, newFolderName: (await w.folder()).name } })),
  row(folders.RopMoveFolder, "no folder", "notFound", async (w) => ({ on: w.inbox, to: (await w.folder()).handle, ask: {
    wantAsynchronous: false, useUnicode: true, folderId: w.noId, newFolderName: "x" } })),
  row(folders.RopCopyFolder, "below another", "ok", async (w) => ({ on: w.inbox, to: (await w.folder()).handle, ask: {
    wantAsynchronous: false, wantRecursive: true, useUnicode: true, folderId: (await w.filled()).id, newFolderName: "copy" } })),
  row(folders.RopCopyFolder, "below itself", "cycle", async (w) => {
    const { handle, id } = await w.folder();
    return { on: w.inbox, to: handle, ask: {
      wantAsynchronous: false, wantRecursive: true, useUnicode: true, folderId: id, newFolderName: "x" } };
  }),
  row(folders.RopCopyFolder, "no folder", "notFound", async (w) => ({ on: w.inbox, to: (await w.folder()).handle, ask: {
    wantAsynchronous: false, wantRecursive: false, useUnicode: false, folderId: w.noId, newFolderName: "x" } })),
  row(folders.RopGetHierarchyTable, "of a folder", "ok", (w) => ({ on: w.inbox, ask: { tableFlags: 4 } })),
  row(folders.RopGetContentsTable, "of a folder", "ok", (w) => ({ on: w.inbox, ask: { tableFlags: 0 } })),
  row(folders.RopGetHierarchyTable, "of what was removed", "ok", (w) => ({ on: w.inbox, ask: { tableFlags: 0x24 }, body: { rowCount: 0 } })),
  row(folders.RopGetHierarchyTable, "unknown flags", "notSupported", (w) => ({ on: w.inbox, ask: { tableFlags: 3 } })),
  row(folders.RopGetContentsTable, "of what was removed", "ok", async (w) => ({ on: (await w.filled()).handle, ask: { tableFlags: 0x20 },
    body: { rowCount: 0 } })),
  row(folders.RopGetContentsTable, "of conversations", "ok", (w) => ({ on: w.inbox, ask: { tableFlags: 0x80 } })),
  row(folders.RopGetContentsTable, "unknown flags", "invalidParameter", (w) => ({ on: w.inbox, ask: { tableFlags: 4 } })),
];

const open = (messageId: unknown, w: RopWorld, openModeFlags = 1): Record<string, unknown> =>
  ({ codePageId: 0x0fff, folderId: w.inboxId, openModeFlags, messageId });
const recipient = (rowId: number): Record<string, unknown> => ({
  recipientColumns: [], recipientRows: [{ rowId, recipientType: 1, recipientRow: {
    recipientFlags: 0x0208 | 0x10 | 0x3, emailAddress: "kim@outside.test", displayName: "Kim", recipientProperties: [] } }],
});

const messageRows: readonly RopRow[] = [
  row(messages.RopOpenMessage, "of a folder", "ok", async (w) => ({ on: w.inbox, ask: open((await w.saved()).id, w) })),
  row(messages.RopOpenMessage, "of the logon", "ok", async (w) => ({ on: w.logon, ask: open((await w.saved()).id, w, 0) })),
  row(messages.RopOpenMessage, "no message", "notFound", (w) => ({ on: w.inbox, ask: open(w.noId, w) })),
  row(messages.RopCreateMessage, "in a folder", "ok", (w) => ({ on: w.inbox,
    ask: { codePageId: 0x0fff, folderId: w.inboxId, associatedFlag: false } })),
  row(messages.RopCreateMessage, "in no folder", "notFound", (w) => ({ on: w.logon,
    ask: { codePageId: 0x0fff, folderId: w.noId, associatedFlag: false } })),
  row(messages.RopSaveChangesMessage, "a new one", "ok", async (w) => ({ on: await w.draft(), ask: { saveFlags: 2 } })),
  row(messages.RopSaveChangesMessage, "open for reading", "accessDenied", async (w) => ({ on: (await w.saved(0)).handle,
    ask: { saveFlags: 2 } })),
  row(messages.RopSaveChangesMessage, "changed by somebody else", "modified", async (w) => ({ on: await stale(w), ask: { saveFlags: 2 } })),
  row(messages.RopSaveChangesMessage, "changed by somebody else, forced", "ok", async (w) => ({ on: await stale(w),
    ask: { saveFlags: 6 } })),
  row(messages.RopSaveChangesMessage, "removed by somebody else", "notFound", async (w) => {
    const { handle, id } = await w.saved();
    await w.client.set(handle, [[tags.subject, "too late"]]);
    await w.client.session.must(folders.RopHardDeleteMessages, w.inbox,
      { wantAsynchronous: false, notifyNonRead: false, messageIds: [id] });
    return { on: handle, ask: { saveFlags: 2 } };
  }),
  row(messages.RopRemoveAllRecipients, "of a draft", "ok", async (w) => ({ on: await w.draft() })),
  row(messages.RopRemoveAllRecipients, "open for reading", "accessDenied", async (w) => ({ on: (await w.saved(0)).handle })),
  row(messages.RopModifyRecipients, "one more", "ok", async (w) => ({ on: await w.draft(), ask: recipient(3) })),
  row(messages.RopModifyRecipients, "open for reading", "accessDenied", async (w) => ({ on: (await w.saved(0)).handle,
    ask: recipient(0) })),
  row(messages.RopReadRecipients, "the first", "ok", async (w) => ({ on: (await w.saved()).handle, ask: { rowId: 0 },
    given: { recipientColumns } })),
  row(messages.RopReadRecipients, "past the last", "notFound", async (w) => ({ on: (await w.saved()).handle, ask: { rowId: 9 } })),
  row(messages.RopReloadCachedInformation, "of a message", "ok", async (w) => ({ on: (await w.saved()).handle })),
  row(messages.RopSetMessageStatus, "marked", "ok", async (w) => ({ on: w.inbox,
    ask: { messageId: (await w.saved()).id, messageStatusFlags: 0x1000, messageStatusMask: 0x1000 } })),
  row(messages.RopSetMessageStatus, "no message", "notFound", (w) => ({ on: w.inbox,
    ask: { messageId: w.noId, messageStatusFlags: 0, messageStatusMask: 0 } })),
  row(messages.RopGetMessageStatus, "asked", "ok", async (w) => ({ on: w.inbox, ask: { messageId: (await w.saved()).id } })),
  row(messages.RopGetMessageStatus, "no message", "notFound", (w) => ({ on: w.inbox, ask: { messageId: w.noId } })),
  row(messages.RopSetReadFlags, "some", "ok", async (w) => {
    const { handle, ids } = await w.filled();
    return { on: handle, ask: { wantAsynchronous: false, readFlags: 0, messageIds: ids } };
  }),
  row(messages.RopSetReadFlags, "all", "ok", async (w) => ({ on: (await w.filled()).handle,
    ask: { wantAsynchronous: false, readFlags: 4, messageIds: [] } })),
  row(messages.RopSetReadFlags, "flags that contradict", "invalidParameter", async (w) => ({ on: (await w.filled()).handle,
    ask: { wantAsynchronous: false, readFlags: 0x14, messageIds: [] } })),
  row(messages.RopSetMessageReadFlag, "read", "ok", async (w) => ({ on: (await w.saved()).handle, ask: { readFlags: 0 } })),
  row(messages.RopSetMessageReadFlag, "flags that contradict", "invalidParameter", async (w) => ({
    on: (await w.saved()).handle, ask: { readFlags: 0x14 } })),
  row(messages.RopOpenAttachment, "the first", "ok", async (w) => ({ on: (await w.saved()).handle,
    ask: { openAttachmentFlags: 1, attachmentId: 0 } })),
  row(messages.RopOpenAttachment, "none of this number", "notFound", async (w) => ({ on: (await w.saved()).handle,
    ask: { openAttachmentFlags: 1, attachmentId: 9 } })),
  row(messages.RopCreateAttachment, "in a draft", "ok", async (w) => ({ on: await w.draft() })),
  row(messages.RopCreateAttachment, "open for reading", "accessDenied", async (w) => ({ on: (await w.saved(0)).handle })),
  row(messages.RopDeleteAttachment, "the first", "ok", async (w) => ({ on: (await w.saved()).handle, ask: { attachmentId: 0 } })),
  row(messages.RopDeleteAttachment, "none of this number", "notFound", async (w) => ({ on: (await w.saved()).handle,
    ask: { attachmentId: 9 } })),
  row(messages.RopDeleteAttachment, "open for reading", "accessDenied", async (w) => ({ on: (await w.saved(0)).handle,
    ask: { attachmentId: 0 } })),
  row(messages.RopSaveChangesAttachment, "a new one", "ok", async (w) => ({ on: await w.attachment(), ask: { saveFlags: 2 } })),
  row(messages.RopSaveChangesAttachment, "open for reading", "accessDenied", async (w) => ({ on: await readOnlyAttachment(w),
    ask: { saveFlags: 2 } })),
  row(messages.RopGetValidAttachments, "one", "ok", async (w) => ({ on: (await w.saved()).handle })),
  row(messages.RopGetAttachmentTable, "one", "ok", async (w) => ({ on: (await w.saved()).handle, ask: { tableFlags: 0 } })),
  row(messages.RopOpenEmbeddedMessage, "made", "ok", async (w) => ({ on: await w.attachment(),
    ask: { codePageId: 0x0fff, openModeFlags: 2 } })),
  row(messages.RopOpenEmbeddedMessage, "none there", "notFound", async (w) => ({ on: await w.attachment(),
    ask: { codePageId: 0x0fff, openModeFlags: 0 } })),
];

async function stale(w: RopWorld): Promise<number> {
  const { handle, id } = await w.saved();
  const other = await w.client.open(w.inbox, "inbox", id);
  await w.client.set(other, [[tags.subject, "faster"]]);
  await w.client.save(other);
  await w.client.set(handle, [[tags.subject, "slower"]]);
  return handle;
}

async function readOnlyAttachment(w: RopWorld): Promise<number> {
  return (await w.client.session.must(messages.RopOpenAttachment, (await w.saved(0)).handle,
    { openAttachmentFlags: 0, attachmentId: 0 })).opened;
}

const table = (rop: Rop, what: string, code: keyof typeof e, ask: Record<string, unknown> = {}): RopRow =>
  row(rop, what, code, async (w) => ({ on: await w.table(), ask, given: { columns } }));
const bare = (rop: Rop, ask: Record<string, unknown>): RopRow =>
  row(rop, "without columns", "nullObject", async (w) => ({ on: await w.tableWithoutColumns(), ask: ask as Record<string, unknown> }));
const rows = { queryRowsFlags: 0, forwardRead: true, rowCount: 10 } as const;
const find = { findRowFlags: 0, restrictionData: exists, origin: 0, bookmark: Buffer.alloc(0) } as const;
const order = (id: number, categoryCount = 0, expandedCount = 0): Record<string, unknown> => ({ sortTableFlags: 0, categoryCount, expandedCount,
  sortOrders: [{ propertyType: 0x1f, propertyId: id, order: 0 }] });

async function grouped(w: RopWorld): Promise<{ on: number; category: bigint }> {
  const on = await w.table();
  await w.client.session.must(tables.RopSortTable, on, order(0x0037, 1, 0));
  const shown = [makeTag(0x674d, "Integer64")];
  await w.client.session.must(tables.RopSetColumns, on, { setColumnsFlags: 0, propertyTags: shown });
  const [first] = await w.client.rows(on, shown);
  return { on, category: first![0] as bigint };
}

const tableRows: readonly RopRow[] = [
  table(tables.RopSetColumns, "two", "ok", { setColumnsFlags: 0, propertyTags: columns }),
  table(tables.RopSetColumns, "none", "invalidParameter", { setColumnsFlags: 0, propertyTags: [] }),
  table(tables.RopSetColumns, "of no type", "invalidParameter", { setColumnsFlags: 0, propertyTags: [0x0037_0999 as PropertyTag] }),
  table(tables.RopSortTable, "by subject", "ok", order(0x0037)),
  table(tables.RopSortTable, "more open than there is", "invalidParameter", order(0x0037, 1, 2)),
  table(tables.RopSortTable, "more categories than keys", "invalidParameter", order(0x0037, 3, 0)),
  row(tables.RopSortTable, "permissions", "notSupported", async (w) => ({ on: await permissionsTable(w), ask: order(0x6672) })),
  table(tables.RopRestrict, "by subject", "ok", { restrictFlags: 0, restrictionData: subjectOf("one") }),
  table(tables.RopRestrict, "what cannot be tested", "tooComplex", { restrictFlags: 0, restrictionData: badRestriction }),
  table(tables.RopQueryRows, "all", "ok", rows),
  table(tables.RopQueryRows, "backwards", "ok", { ...rows, forwardRead: false }),
  bare(tables.RopQueryRows, rows),
  table(tables.RopGetStatus, "asked", "ok"),
  table(tables.RopQueryPosition, "asked", "ok"),
  table(tables.RopSeekRow, "one on", "ok", { origin: 1, rowCount: 1, wantRowMovedCount: true }),
  table(tables.RopSeekRow, "from nowhere", "invalidParameter", { origin: 7, rowCount: 1, wantRowMovedCount: true }),
  row(tables.RopSeekRowBookmark, "one that was made", "ok", async (w) => {
    const on = await w.table();
    const { body } = await w.client.session.must(tables.RopCreateBookmark, on);
    return { on, ask: { bookmark: body.bookmark, rowCount: 1, wantRowMovedCount: true } };
  }),
  table(tables.RopSeekRowBookmark, "none", "invalidBookmark", { bookmark: noBookmark, rowCount: 1, wantRowMovedCount: true }),
  row(tables.RopSeekRowBookmark, "one of another order", "invalidBookmark", async (w) => {
    const on = await w.table();
    const { body } = await w.client.session.must(tables.RopCreateBookmark, on);
    await w.client.session.must(tables.RopSortTable, on, order(0x0037));
    return { on, ask: { bookmark: body.bookmark, rowCount: 1, wantRowMovedCount: true } };
  }),
  table(tables.RopSeekRowFractional, "half", "ok", { numerator: 1, denominator: 2 }),
  table(tables.RopSeekRowFractional, "of nothing", "invalidBookmark", { numerator: 1, denominator: 0 }),
  table(tables.RopCreateBookmark, "here", "ok"),
  row(tables.RopFreeBookmark, "one that was made", "ok", async (w) => {
    const on = await w.table();
    return { on, ask: { bookmark: (await w.client.session.must(tables.RopCreateBookmark, on)).body.bookmark } };
  }),
  table(tables.RopFreeBookmark, "none", "invalidBookmark", { bookmark: noBookmark }),
  table(tables.RopQueryColumnsAll, "asked", "ok"),
  table(tables.RopAbort, "nothing under way", "unableToAbort"),
  table(tables.RopFindRow, "found", "ok", find),
  table(tables.RopFindRow, "not found", "notFound", { ...find, restrictionData: subjectOf("nothing of it") }),
  table(tables.RopFindRow, "from no bookmark", "invalidBookmark", { ...find, origin: 3, bookmark: noBookmark }),
  table(tables.RopFindRow, "from nowhere", "invalidParameter", { ...find, origin: 7 }),
  table(tables.RopFindRow, "what cannot be tested", "tooComplex", { ...find, restrictionData: badRestriction }),
  bare(tables.RopFindRow, find),
  row(tables.RopExpandRow, "a category", "ok", async (w) => {
    const { on, category } = await grouped(w);
    return { on, ask: { maxRowCount: 5, categoryId: category }, given: { columns: [makeTag(0x674d, "Integer64")] } };
  }),
  table(tables.RopExpandRow, "without categories", "notSupported", { maxRowCount: 5, categoryId: 1n }),
  row(tables.RopExpandRow, "no category", "notFound", async (w) => ({ on: (await grouped(w)).on,
    ask: { maxRowCount: 5, categoryId: 0x7777n } })),
  row(tables.RopCollapseRow, "an open one", "ok", async (w) => {
    const { on, category } = await grouped(w);
    await w.client.session.must(tables.RopExpandRow, on, { maxRowCount: 0, categoryId: category },
      { columns: [makeTag(0x674d, "Integer64")] });
    return { on, ask: { categoryId: category } };
  }),
  row(tables.RopCollapseRow, "no category", "notFound", async (w) => ({ on: (await grouped(w)).on, ask: { categoryId: 0x7777n } })),
  table(tables.RopCollapseRow, "without categories", "notSupported", { categoryId: 1n }),
  row(tables.RopGetCollapseState, "of categories", "ok", async (w) => {
    const { on, category } = await grouped(w);
    return { on, ask: { rowId: category, rowInstanceNumber: 0 } };
  }),
  table(tables.RopGetCollapseState, "without categories", "notSupported", { rowId: 1n, rowInstanceNumber: 0 }),
  row(tables.RopSetCollapseState, "as it was told", "ok", async (w) => {
    const { on, category } = await grouped(w);
    const { body } = await w.client.session.must(tables.RopGetCollapseState, on, { rowId: category, rowInstanceNumber: 0 });
    return { on, ask: { collapseState: body.collapseState } };
  }),
  row(tables.RopSetCollapseState, "nonsense", "invalidParameter", async (w) => ({ on: (await grouped(w)).on,
    ask: { collapseState: Buffer.from("nonsense") } })),
  table(tables.RopSetCollapseState, "without categories", "notSupported", { collapseState: Buffer.alloc(0) }),
  table(tables.RopResetTable, "asked", "ok"),
];

async function permissionsTable(w: RopWorld): Promise<number> {
  return (await w.client.session.must(permissions.RopGetPermissionsTable, w.inbox, { tableFlags: 2 })).opened;
}

const setSubject = { propertyValues: [{ tag: tags.subject, value: "new" }] };
const specific = [tags.displayName, tags.subject];

const propertyRows: readonly RopRow[] = [
  row(properties.RopGetPropertiesSpecific, "of the logon", "ok", (w) => ({ on: w.logon,
    ask: { propertySizeLimit: 0, wantUnicode: 1, propertyTags: specific }, given: { propertyTags: specific } })),
  row(properties.RopGetPropertiesSpecific, "of a message", "ok", async (w) => ({ on: await w.draft(),
    ask: { propertySizeLimit: 0, wantUnicode: 1, propertyTags: specific }, given: { propertyTags: specific } })),
  row(properties.RopGetPropertiesAll, "of an attachment", "ok", async (w) => ({ on: await w.attachment(),
    ask: { propertySizeLimit: 0, wantUnicode: 1 } })),
  row(properties.RopGetPropertiesList, "of a folder", "ok", (w) => ({ on: w.inbox })),
  row(properties.RopSetProperties, "of a draft", "ok", async (w) => ({ on: await w.draft(), ask: setSubject })),
  row(properties.RopSetProperties, "open for reading", "accessDenied", async (w) => ({ on: (await w.saved(0)).handle, ask: setSubject })),
  row(properties.RopSetPropertiesNoReplicate, "of a folder", "ok", async (w) => ({ on: (await w.folder()).handle, ask: setSubject })),
  row(properties.RopDeleteProperties, "of a draft", "ok", async (w) => ({ on: await w.draft(), ask: { propertyTags: [tags.subject] } })),
  row(properties.RopDeleteProperties, "open for reading", "accessDenied", async (w) => ({ on: (await w.saved(0)).handle,
    ask: { propertyTags: [tags.subject] } })),
  row(properties.RopDeletePropertiesNoReplicate, "of a folder", "ok", async (w) => ({ on: (await w.folder()).handle,
    ask: { propertyTags: [tags.subject] } })),
  row(properties.RopQueryNamedProperties, "of a message", "ok", async (w) => ({ on: await w.draft(),
    ask: { queryFlags: 0, hasGuid: false } })),
  row(properties.RopGetNamesFromPropertyIds, "known and not", "ok", (w) => ({ on: w.logon, ask: { propertyIds: [0x37, 0xfffe] } })),
  row(properties.RopGetPropertyIdsFromNames, "made", "ok", (w) => ({ on: w.logon, ask: { flags: 2,
    propertyNames: [{ guid: "00062008-0000-0000-c000-000000000046", id: 0x8503 }] } })),
  row(properties.RopGetPropertyIdsFromNames, "all", "ok", (w) => ({ on: w.logon, ask: { flags: 0, propertyNames: [] } })),
  row(properties.RopGetPropertyIdsFromNames, "not there", "errorsReturned", (w) => ({ on: w.logon, ask: { flags: 0,
    propertyNames: [{ guid: "00062008-0000-0000-c000-000000000046", id: "nobody made this" }] } })),
  row(properties.RopGetPropertyIdsFromNames, "all, of a message", "invalidParameter", async (w) => ({ on: await w.draft(),
    ask: { flags: 0, propertyNames: [] } })),
  row(properties.RopCopyTo, "a message", "ok", async (w) => ({ on: (await w.saved()).handle, to: await w.draft(),
    ask: { wantAsynchronous: false, wantSubObjects: true, copyFlags: 0, excludedTags: [] } })),
  row(properties.RopCopyTo, "onto itself", "accessDenied", async (w) => {
    const on = await w.draft();
    return { on, to: on, ask: { wantAsynchronous: false, wantSubObjects: true, copyFlags: 0, excludedTags: [] } };
  }),
  row(properties.RopCopyTo, "to another kind", "notSupported", async (w) => ({ on: await w.draft(), to: w.inbox,
    ask: { wantAsynchronous: false, wantSubObjects: true, copyFlags: 0, excludedTags: [] } })),
  row(properties.RopCopyTo, "unknown flags", "invalidParameter", async (w) => ({ on: await w.draft(), to: await w.draft(),
    ask: { wantAsynchronous: false, wantSubObjects: true, copyFlags: 0x80, excludedTags: [] } })),
  row(properties.RopCopyTo, "to one open for reading", "accessDenied", async (w) => ({ on: await w.draft(),
    to: (await w.saved(0)).handle, ask: { wantAsynchronous: false, wantSubObjects: true, copyFlags: 0, excludedTags: [] } })),
  row(properties.RopCopyProperties, "a subject", "ok", async (w) => ({ on: await w.draft(), to: await w.draft(),
    ask: { wantAsynchronous: false, copyFlags: 0, propertyTags: [tags.subject] } })),
  row(properties.RopCopyProperties, "to another kind", "notSupported", async (w) => ({ on: await w.draft(), to: w.inbox,
    ask: { wantAsynchronous: false, copyFlags: 0, propertyTags: [tags.subject] } })),
  row(properties.RopCopyProperties, "unknown flags", "invalidParameter", async (w) => ({ on: await w.draft(), to: await w.draft(),
    ask: { wantAsynchronous: false, copyFlags: 0x80, propertyTags: [tags.subject] } })),
  row(properties.RopProgress, "nothing under way", "ok", (w) => ({ on: w.inbox, ask: { wantCancel: false } })),
];

const stream = (rop: Rop, what: string, code: keyof typeof e, ask: Record<string, unknown> = {}, mode = 1): RopRow =>
  row(rop, what, code, async (w) => ({ on: await w.stream(mode), ask: ask as Record<string, unknown> }));
const data = { data: Buffer.from("more") };

const streamRows: readonly RopRow[] = [
  row(streams.RopOpenStream, "a text", "ok", async (w) => ({ on: await w.draft(), ask: { propertyTag: note, openModeFlags: 1 } })),
  row(streams.RopOpenStream, "made", "ok", async (w) => ({ on: await w.attachment(), ask: { propertyTag: attachData, openModeFlags: 2 } })),
  row(streams.RopOpenStream, "nothing there", "notFound", async (w) => ({ on: await w.draft(),
    ask: { propertyTag: makeTag(0x6870, "Binary"), openModeFlags: 0 } })),
  row(streams.RopOpenStream, "made of the plain text", "ok", async (w) => ({ on: await w.draft(),
    ask: { propertyTag: makeTag(0x1013, "Binary"), openModeFlags: 0 } })),
  row(streams.RopOpenStream, "a number", "notSupported", async (w) => ({ on: await w.draft(),
    ask: { propertyTag: makeTag(0x0017, "Integer32"), openModeFlags: 0 } })),
  row(streams.RopOpenStream, "writing, open for reading", "accessDenied", async (w) => ({ on: (await w.saved(0)).handle,
    ask: { propertyTag: note, openModeFlags: 1 } })),
  row(streams.RopOpenStream, "writing what is the server's", "accessDenied", async (w) => ({ on: await w.draft(),
    ask: { propertyTag: makeTag(0x0fff, "Binary"), openModeFlags: 1 } })),
  stream(streams.RopReadStream, "some", "ok", { byteCount: 4 }),
  stream(streams.RopReadStream, "much", "ok", { byteCount: 0xbabe, maximumByteCount: 0x10_0000 }),
  stream(streams.RopReadStream, "more than can be", "rpcFormat", { byteCount: 0xbabe, maximumByteCount: 0x8000_0001 }),
  ...[streams.RopWriteStream, streams.RopWriteStreamExtended, streams.RopWriteAndCommitStream].flatMap((rop) => [
    stream(rop, "some", "ok", data), stream(rop, "open for reading", "streamAccess", data, 0),
  ]),
  stream(streams.RopCommitStream, "nothing new", "ok"),
  stream(streams.RopGetStreamSize, "asked", "ok"),
  stream(streams.RopSetStreamSize, "shorter", "ok", { streamSize: 4n }),
  stream(streams.RopSetStreamSize, "too long", "tooBig", { streamSize: 0x8000_0000n }),
  stream(streams.RopSetStreamSize, "open for reading", "streamAccess", { streamSize: 4n }, 0),
  stream(streams.RopSeekStream, "to the end", "ok", { origin: 2, offset: 0n }),
  stream(streams.RopSeekStream, "before the beginning", "seek", { origin: 0, offset: -1n }),
  stream(streams.RopSeekStream, "past what can be", "seek", { origin: 0, offset: 0x8000_0000n }),
  stream(streams.RopSeekStream, "from nowhere", "streamParameter", { origin: 3, offset: 0n }),
  stream(streams.RopCloneStream, "asked", "ok"),
  row(streams.RopCopyToStream, "into another", "ok", async (w) => ({ on: await w.stream(0), to: await w.stream(),
    ask: { byteCount: 4n } })),
  row(streams.RopCopyToStream, "into one open for reading", "streamAccess", async (w) => ({ on: await w.stream(),
    to: await w.stream(0), ask: { byteCount: 4n } })),
  row(streams.RopCopyToStream, "into no stream", "notSupported", async (w) => ({ on: await w.stream(), to: w.inbox,
    ask: { byteCount: 4n } })),
  stream(streams.RopLockRegionStream, "a region", "ok", { regionOffset: 0n, regionSize: 1n, lockFlags: 1 }),
  stream(streams.RopUnlockRegionStream, "a region that is not locked", "lockViolation",
    { regionOffset: 7n, regionSize: 1n, lockFlags: 1 }),
];

const sendable = async (w: RopWorld): Promise<number> => {
  const on = await w.client.create("outbox", [[tags.subject, "sent"], [note, "text"]]);
  await w.client.addRecipient(on, w.client.session.address);
  return on;
};

const sendingRows: readonly RopRow[] = [
  row(transport.RopSubmitMessage, "to oneself", "ok", async (w) => ({ on: await sendable(w), ask: { submitFlags: 0 } })),
  row(transport.RopSubmitMessage, "to nobody", "noRecipients", async (w) => ({ on: await w.draft(), ask: { submitFlags: 0 } })),
  row(transport.RopSubmitMessage, "open for reading", "accessDenied", async (w) => ({ on: (await w.saved(0)).handle,
    ask: { submitFlags: 0 } })),
  row(transport.RopTransportSend, "to oneself", "ok", async (w) => ({ on: await sendable(w) })),
  row(transport.RopTransportSend, "to nobody", "noRecipients", async (w) => ({ on: await w.draft() })),
  row(transport.RopAbortSubmit, "waits for its time", "ok", async (w) => {
    const on = await sendable(w);
    const later = (BigInt(Date.now()) + 11_644_473_600_000n + 3_600_000n) * 10_000n;
    await w.client.set(on, [[makeTag(0x3fef, "Time"), later]]);
    const messageId = await w.client.save(on);
    await w.client.session.must(transport.RopSubmitMessage, on, { submitFlags: 0 });
    return { on: w.logon, ask: { folderId: w.client.folderIds[5], messageId } };
  }),
  row(transport.RopAbortSubmit, "never handed in", "notInQueue", async (w) => ({ on: w.logon,
    ask: { folderId: w.inboxId, messageId: (await w.saved()).id } })),
  row(transport.RopAbortSubmit, "no message", "notFound", (w) => ({ on: w.logon, ask: { folderId: w.inboxId, messageId: w.noId } })),
  row(transport.RopSetSpooler, "asked", "ok", (w) => ({ on: w.logon })),
  row(transport.RopSpoolerLockMessage, "a message", "ok", async (w) => ({ on: w.logon,
    ask: { messageId: (await w.saved()).id, lockState: 0 } })),
  row(transport.RopSpoolerLockMessage, "no state of a lock", "invalidParameter", async (w) => ({ on: w.logon,
    ask: { messageId: (await w.saved()).id, lockState: 9 } })),
  row(transport.RopSpoolerLockMessage, "no message", "notFound", (w) => ({ on: w.logon, ask: { messageId: w.noId, lockState: 0 } })),
  row(transport.RopTransportNewMail, "of a message", "ok", async (w) => ({ on: w.logon, ask: {
    messageId: (await w.saved()).id, folderId: w.inboxId, messageClass: "IPM.Note", messageFlags: 0 } })),
  row(transport.RopTransportNewMail, "no message", "notFound", (w) => ({ on: w.logon, ask: {
    messageId: w.noId, folderId: w.inboxId, messageClass: "IPM.Note", messageFlags: 0 } })),
  row(transport.RopGetAddressTypes, "asked", "ok", (w) => ({ on: w.logon })),
  row(transport.RopGetTransportFolder, "asked", "ok", (w) => ({ on: w.logon })),
  row(transport.RopOptionsData, "of a type", "ok", (w) => ({ on: w.logon, ask: { addressType: "SMTP", wantWin32: true } })),
];

const memberId = makeTag(0x6671, "Integer64");
const memberRights = makeTag(0x6673, "Integer32");
const member = (id: bigint, rights: number, permissionDataFlags = 2): Record<string, unknown> => ({
  permissionDataFlags, propertyValues: [{ tag: memberId, value: id }, { tag: memberRights, value: rights }] });
const rule = (ruleDataFlags: number, id: bigint | null = null, extra: PropertyTag | null = null): Record<string, unknown> => ({
  ruleDataFlags, propertyValues: [
    ...id === null ? [] : [{ tag: makeTag(0x6674, "Integer64"), value: id }],
    { tag: makeTag(0x6676, "Integer32"), value: 10 }, { tag: text(0x6682), value: "rule" },
    ...extra === null ? [] : [{ tag: extra, value: "x" }],
  ] });

const sharingRows: readonly RopRow[] = [
  row(permissions.RopGetPermissionsTable, "asked", "ok", (w) => ({ on: w.inbox, ask: { tableFlags: 2 } })),
  row(permissions.RopModifyPermissions, "Default", "ok", async (w) => ({ on: (await w.folder()).handle,
    ask: { modifyFlags: 0, permissionsData: [member(0n, 0x401)] } })),
  row(permissions.RopModifyPermissions, "nobody", "notFound", async (w) => ({ on: (await w.folder()).handle,
    ask: { modifyFlags: 0, permissionsData: [member(77n, 0x401)] } })),
  row(permissions.RopModifyPermissions, "no change", "invalidParameter", async (w) => ({ on: (await w.folder()).handle,
    ask: { modifyFlags: 0, permissionsData: [member(0n, 0x401, 3)] } })),
  row(permissions.RopModifyPermissions, "added without a name", "invalidParameter", async (w) => ({ on: (await w.folder()).handle,
    ask: { modifyFlags: 0, permissionsData: [{ permissionDataFlags: 1, propertyValues: [{ tag: memberRights, value: 1 }] }] } })),
  row(rules.RopGetRulesTable, "asked", "ok", (w) => ({ on: w.inbox, ask: { tableFlags: 0x40 } })),
  row(rules.RopModifyRules, "added", "ok", async (w) => ({ on: (await w.folder()).handle, ask: { modifyRulesFlags: 0, rulesData: [rule(1)] } })),
  row(rules.RopModifyRules, "none of this id", "notFound", async (w) => ({ on: (await w.folder()).handle,
    ask: { modifyRulesFlags: 0, rulesData: [rule(2, 0x7777n)] } })),
  row(rules.RopModifyRules, "no change", "invalidParameter", async (w) => ({ on: (await w.folder()).handle,
    ask: { modifyRulesFlags: 0, rulesData: [rule(9)] } })),
  row(rules.RopModifyRules, "unknown flags", "invalidParameter", async (w) => ({ on: (await w.folder()).handle,
    ask: { modifyRulesFlags: 0x80, rulesData: [rule(1)] } })),
  row(rules.RopModifyRules, "what no rule has", "invalidParameter", async (w) => ({ on: (await w.folder()).handle,
    ask: { modifyRulesFlags: 0, rulesData: [rule(1, null, tags.subject)] } })),
  row(rules.RopUpdateDeferredActionMessages, "none waits", "ok", (w) => ({ on: w.logon,
    ask: { serverEntryId: Buffer.alloc(70), clientEntryId: Buffer.alloc(70) } })),
  row(notifications.RopRegisterNotification, "of the whole store", "ok", (w) => ({ on: w.logon,
    ask: { notificationTypes: 0x80, wantWholeStore: true } })),
  row(notifications.RopRegisterNotification, "of a folder", "ok", (w) => ({ on: w.logon,
    ask: { notificationTypes: 0x80, wantWholeStore: false, folderId: w.inboxId, messageId: one(0) } })),
  row(notifications.RopRegisterNotification, "of nothing", "invalidParameter", (w) => ({ on: w.logon,
    ask: { notificationTypes: 0, wantWholeStore: true } })),
];

const copyTo = { level: 0, copyFlags: 0, sendOptions: 9, propertyTags: [] as PropertyTag[] };
const putBytes = Buffer.concat([Buffer.from([0x1f, 0, 0x37, 0, 6, 0, 0, 0]), Buffer.from("ab\0", "utf16le")]);

const transferRows: readonly RopRow[] = [
  row(transfers.RopFastTransferSourceCopyTo, "a message", "ok", async (w) => ({ on: await w.draft(), ask: copyTo })),
  row(transfers.RopFastTransferSourceCopyTo, "a folder", "ok", (w) => ({ on: w.inbox, ask: copyTo })),
  row(transfers.RopFastTransferSourceCopyTo, "unknown options", "invalidParameter", async (w) => ({ on: await w.draft(),
    ask: { ...copyTo, sendOptions: 0x80 } })),
  row(transfers.RopFastTransferSourceCopyTo, "moved", "invalidParameter", async (w) => ({ on: await w.draft(), ask: { ...copyTo, copyFlags: 1 } })),
  row(transfers.RopFastTransferSourceCopyProperties, "an attachment", "ok", async (w) => ({ on: await w.attachment(), ask: copyTo })),
  row(transfers.RopFastTransferSourceCopyProperties, "unknown options", "invalidParameter", async (w) => ({ on: await w.draft(),
    ask: { ...copyTo, sendOptions: 0x80 } })),
  row(transfers.RopFastTransferSourceCopyMessages, "two", "ok", async (w) => {
    const { handle, ids } = await w.filled();
    return { on: handle, ask: { messageIds: ids, copyFlags: 0, sendOptions: 9 } };
  }),
  row(transfers.RopFastTransferSourceCopyMessages, "unknown options", "invalidParameter", (w) => ({ on: w.inbox,
    ask: { messageIds: [], copyFlags: 0, sendOptions: 0x80 } })),
  row(transfers.RopFastTransferSourceCopyMessages, "moved", "ok", (w) => ({ on: w.inbox,
    ask: { messageIds: [], copyFlags: 1, sendOptions: 9 } })),
  row(transfers.RopFastTransferSourceCopyFolder, "with what is below", "ok", (w) => ({ on: w.inbox, ask: { copyFlags: 0x10, sendOptions: 9 } })),
  row(transfers.RopFastTransferSourceCopyFolder, "moved", "invalidParameter", (w) => ({ on: w.inbox, ask: { copyFlags: 1, sendOptions: 9 } })),
  row(transfers.RopFastTransferSourceGetBuffer, "of a message", "ok", async (w) => ({ on: await w.transferSource(),
    ask: { bufferSize: 0xbabe, maximumBufferSize: 0x7000 } })),
  row(transfers.RopFastTransferSourceGetBuffer, "of a synchronization", "ok", async (w) => ({ on: await w.download(),
    ask: { bufferSize: 0x1000 } })),
  row(transfers.RopFastTransferDestinationConfigure, "a message", "ok", async (w) => ({ on: await w.draft(),
    ask: { sourceOperation: 1, copyFlags: 0 } })),
  row(transfers.RopFastTransferDestinationConfigure, "no operation", "invalidParameter", async (w) => ({ on: await w.draft(),
    ask: { sourceOperation: 9, copyFlags: 0 } })),
  row(transfers.RopFastTransferDestinationConfigure, "open for reading", "accessDenied", async (w) => ({
    on: (await w.saved(0)).handle, ask: { sourceOperation: 1, copyFlags: 0 } })),
  ...[transfers.RopFastTransferDestinationPutBuffer, transfers.RopFastTransferDestinationPutBufferExtended].flatMap((rop) => [
    row(rop, "a subject", "ok", async (w) => ({ on: await w.transferDestination(), ask: { transferData: putBytes } })),
    row(rop, "no stream", "corrupt", async (w) => ({ on: await w.transferDestination(),
      ask: { transferData: Buffer.from([3, 0, 4, 0x40]) } })),
  ]),
  row(transfers.RopTellVersion, "of another server", "ok", async (w) => ({ on: await w.transferSource(), ask: { version: [15, 2, 3] } })),
];

const begin = (stateProperty: number): Record<string, unknown> => ({ stateProperty, transferBufferSize: 0 });
const values = async (key: Buffer): Promise<Record<string, unknown>[]> => [
  { tag: makeTag(0x65e0, "Binary"), value: key }, { tag: makeTag(0x3008, "Time"), value: 133_000_000_000_000_000n },
  { tag: makeTag(0x65e2, "Binary"), value: key },
  { tag: makeTag(0x65e3, "Binary"), value: Buffer.concat([Buffer.from([key.length]), key]) },
];
const begun = async (w: RopWorld): Promise<number> => {
  const on = await w.download();
  await w.client.session.must(synchronization.RopSynchronizationUploadStateStreamBegin, on,
    begin(metaTags.cnsetSeen));
  return on;
};

const synchronizationRows: readonly RopRow[] = [
  row(synchronization.RopSynchronizationConfigure, "contents", "ok", (w) => ({ on: w.inbox, ask: configureContents })),
  row(synchronization.RopSynchronizationConfigure, "folders", "ok", (w) => ({ on: w.inbox, ask: { ...configureContents, synchronizationType: 2 } })),
  row(synchronization.RopSynchronizationConfigure, "of no type", "invalidParameter", (w) => ({ on: w.inbox,
    ask: { ...configureContents, synchronizationType: 3 } })),
  row(synchronization.RopSynchronizationConfigure, "unknown options", "invalidParameter", (w) => ({ on: w.inbox,
    ask: { ...configureContents, sendOptions: 0x80 } })),
  row(synchronization.RopSynchronizationUploadStateStreamBegin, "a part", "ok", async (w) => ({ on: await w.download(),
    ask: begin(metaTags.cnsetSeen) })),
  row(synchronization.RopSynchronizationUploadStateStreamBegin, "no part", "invalidParameter", async (w) => ({ on: await w.collector(),
    ask: begin(tags.subject) })),
  row(synchronization.RopSynchronizationUploadStateStreamBegin, "within another", "notInitialized", async (w) => ({ on: await begun(w),
    ask: begin(metaTags.cnsetSeen) })),
  row(synchronization.RopSynchronizationUploadStateStreamContinue, "a part", "ok", async (w) => ({ on: await begun(w),
    ask: { streamData: Buffer.alloc(0) } })),
  row(synchronization.RopSynchronizationUploadStateStreamContinue, "of nothing", "notInitialized", async (w) => ({
    on: await w.download(), ask: { streamData: Buffer.alloc(0) } })),
  row(synchronization.RopSynchronizationUploadStateStreamEnd, "a part", "ok", async (w) => ({ on: await begun(w) })),
  row(synchronization.RopSynchronizationUploadStateStreamEnd, "of nothing", "notInitialized", async (w) => ({ on: await w.download() })),
  row(synchronization.RopSynchronizationUploadStateStreamEnd, "no set", "invalidParameter", async (w) => {
    const on = await begun(w);
    await w.client.session.must(synchronization.RopSynchronizationUploadStateStreamContinue, on, { streamData: Buffer.from([1, 2]) });
    return { on };
  }),
  row(synchronization.RopSynchronizationGetTransferState, "of a download", "ok", async (w) => ({ on: await w.download() })),
  row(synchronization.RopSynchronizationGetTransferState, "of a collector", "ok", async (w) => ({ on: await w.collector() })),
  row(synchronization.RopSynchronizationOpenCollector, "of messages", "ok", (w) => ({ on: w.inbox, ask: { isContentsCollector: true } })),
  row(synchronization.RopSynchronizationImportMessageChange, "a new one", "ok", async (w) => ({ on: await w.collector(),
    ask: { importFlag: 0, propertyValues: await values(await globalKeyOf(w)) } })),
  row(synchronization.RopSynchronizationImportMessageChange, "without its names", "invalidParameter", async (w) => ({
    on: await w.collector(), ask: { importFlag: 0, propertyValues: [] } })),
  row(synchronization.RopSynchronizationImportMessageChange, "of folders", "notSupported", async (w) => ({
    on: await w.collector(false), ask: { importFlag: 0, propertyValues: [] } })),
  row(synchronization.RopSynchronizationImportHierarchyChange, "a new one", "ok", async (w) => ({ on: await w.collector(false), ask: {
    hierarchyValues: [{ tag: makeTag(0x65e1, "Binary"), value: Buffer.alloc(0) }, ...await values(await globalKeyOf(w)),
      { tag: tags.displayName, value: w.name() }], propertyValues: [] } })),
  row(synchronization.RopSynchronizationImportHierarchyChange, "below nothing", "noParent", async (w) => ({
    on: await w.collector(false), ask: {
      hierarchyValues: [{ tag: makeTag(0x65e1, "Binary"), value: await globalKeyOf(w) }, ...await values(await globalKeyOf(w)),
        { tag: tags.displayName, value: w.name() }], propertyValues: [] } })),
  row(synchronization.RopSynchronizationImportHierarchyChange, "of messages", "notSupported", async (w) => ({
    on: await w.collector(), ask: { hierarchyValues: [], propertyValues: [] } })),
  row(synchronization.RopSynchronizationImportDeletes, "what is gone", "ok", async (w) => ({ on: await w.collector(), ask: {
    importDeleteFlags: 0, propertyValues: [{ tag: makeTag(0, "MultipleBinary"), value: [await globalKeyOf(w)] }] } })),
  row(synchronization.RopSynchronizationImportDeletes, "no list of keys", "invalidParameter", async (w) => ({
    on: await w.collector(), ask: { importDeleteFlags: 0, propertyValues: [{ tag: makeTag(0, "MultipleInteger32"), value: [1] }] } })),
  row(synchronization.RopSynchronizationImportDeletes, "folders among messages", "notSupported", async (w) => ({
    on: await w.collector(), ask: { importDeleteFlags: 1, propertyValues: [] } })),
  row(synchronization.RopSynchronizationImportReadStateChanges, "none", "ok", async (w) => ({ on: await w.collector(),
    ask: { messageReadStates: [] } })),
  row(synchronization.RopSynchronizationImportReadStateChanges, "no key", "invalidParameter", async (w) => ({ on: await w.collector(),
    ask: { messageReadStates: [{ messageId: Buffer.from([1]), markAsRead: true }] } })),
  row(synchronization.RopSynchronizationImportReadStateChanges, "of folders", "notSupported", async (w) => ({
    on: await w.collector(false), ask: { messageReadStates: [] } })),
  row(synchronization.RopSynchronizationImportMessageMove, "as both know it", "ok", async (w) => {
    const { handle, id } = await w.saved();
    const [change, known] = await w.client.get(handle, [makeTag(0x65e2, "Binary"), makeTag(0x65e3, "Binary")]) as Buffer[];
    const [from, to] = [await globalKeyOf(w, id.counter), await globalKeyOf(w)];
    return { on: await w.collector(), ask: {
      sourceFolderId: from, sourceMessageId: from, predecessorChangeList: known, destinationMessageId: to, changeNumber: change } };
  }),
  row(synchronization.RopSynchronizationImportMessageMove, "that the client changed too", "newerClientChange", async (w) => {
    const { ids } = await w.filled();
    const [from, to] = [await globalKeyOf(w, ids[0]!.counter), await globalKeyOf(w)];
    return { on: await w.collector(), ask: {
      sourceFolderId: from, sourceMessageId: from, predecessorChangeList: Buffer.concat([Buffer.from([to.length]), to]),
      destinationMessageId: to, changeNumber: to } };
  }),
  row(synchronization.RopSynchronizationImportMessageMove, "no message", "notFound", async (w) => {
    const [from, to] = [await globalKeyOf(w), await globalKeyOf(w)];
    return { on: await w.collector(), ask: {
      sourceFolderId: from, sourceMessageId: from, predecessorChangeList: Buffer.concat([Buffer.from([to.length]), to]),
      destinationMessageId: to, changeNumber: to } };
  }),
  row(synchronization.RopGetLocalReplicaIds, "some", "ok", (w) => ({ on: w.logon, ask: { idCount: 100 } })),
  row(synchronization.RopGetLocalReplicaIds, "none", "invalidParameter", (w) => ({ on: w.logon, ask: { idCount: 0 } })),
  row(synchronization.RopGetLocalReplicaIds, "more than there are", "invalidParameter", (w) => ({ on: w.logon, ask: { idCount: 0xffff_ffff } })),
  row(synchronization.RopSetLocalReplicaMidsetDeleted, "some", "ok", (w) => ({ on: w.inbox, ask: { longTermIdRanges: [] } })),
];

export const ropRows: readonly RopRow[] = [
  ...logonRows, ...folderRows, ...messageRows, ...tableRows, ...propertyRows, ...streamRows, ...sendingRows, ...sharingRows,
  ...transferRows, ...synchronizationRows,
];
