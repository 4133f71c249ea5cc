/** Opening, making and removing folders. [MS-OXCFOLD] 2.2.1 */
import type { Ctx } from "#base/ctx.ts";
import type { FolderId, MessageId } from "#base/ids.ts";
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import type { FolderInfo } from "#mailbox/api.ts";
import { makeTag } from "#props/types.ts";
import { RopError } from "#serve/mapi/mailbox/errors.ts";
import { hasKeptRules } from "#serve/mapi/mailbox/kept-rules.ts";
import { folderIdOf, messageIdOf, toShortId } from "#serve/mapi/mailbox/keys.ts";
import type { FolderObject, LogonObject } from "#serve/mapi/mailbox/objects.ts";
import { answerRemoved } from "#serve/mapi/mailbox/read-marks.ts";
import { asFolder, asLogon, handler } from "#serve/mapi/mailbox/rop-call.ts";
import type { RopCall, RopHandler, RopReply } from "#serve/mapi/mailbox/rop-call.ts";
import { inTextForm, readCriteria, setCriteria, stateOf } from "#serve/mapi/mailbox/search-folders.ts";
import { tellSearchComplete } from "#serve/mapi/mailbox/store-events.ts";
import * as rops from "#wire/mapi/rops/folders.ts";

export function folderObject(logon: LogonObject, folderId: FolderId): FolderObject {
  return { kind: "folder", logon, folderId };
}

/** Other bits are passed over. [MS-OXCFOLD] 2.2.1.3.1, 3.2.5.3 */
const deleteFlags = { messages: 0x01, folders: 0x04, hard: 0x10 } as const;

const isRefusal = (error: unknown): boolean =>
  error instanceof Fault && (error.code === "accessDenied" || error.code === "notAllowed");

/** What keeps its content or may not be removed is told as a part that was not done. [MS-OXCFOLD] 3.2.5.3 */
async function deleteFolder(call: RopCall<{ folderId: { replicaId: number; counter: number } }>, flags: number):
Promise<RopReply> {
  const { mailbox } = asLogon(call);
  const folderId = folderIdOf(call.request.folderId);
  const info = await mailbox.folder(call.ctx, folderId);
  if ((flags & deleteFlags.messages) === 0 && info.messageCount > 0) return { body: { partialCompletion: true } };
  try {
    await mailbox.deleteFolder(call.ctx, {
      folderId, mode: (flags & deleteFlags.hard) === 0 ? "soft" : "hard",
      children: (flags & deleteFlags.folders) === 0 ? "refuse" : "delete",
    });
  } catch (error) {
    const isPart = error instanceof Fault && (error.code === "hasChildren" || error.code === "accessDenied");
    if (!isPart) throw error;
    return { body: { partialCompletion: true } };
  }
  return { body: { partialCompletion: false } };
}

/** How many of the messages are gone: all that the caller may remove. */
async function removeAllowed(
  ctx: Ctx, { items }: LogonObject, ids: readonly MessageId[], mode: "soft" | "hard",
): Promise<number> {
  try {
    return await items.remove(ctx, ids, mode);
  } catch (error) {
    if (!isRefusal(error)) throw error;
    const allowed = await items.allowed(ctx, ids, "deleteItem");
    return allowed.length === 0 ? 0 : await items.remove(ctx, allowed, mode);
  }
}

async function removeMessages(
  call: RopCall<{ notifyNonRead: boolean; messageIds: readonly { replicaId: number; counter: number }[] }>,
  mode: "soft" | "hard",
): Promise<RopReply> {
  const ids = call.request.messageIds.map(messageIdOf);
  if (call.request.notifyNonRead) await answerRemoved(call, asLogon(call), ids);
  const removed = await removeAllowed(call.ctx, asLogon(call), ids, mode);
  return { body: { partialCompletion: removed < ids.length } };
}

/** False when something stays because it may not be removed. */
async function removeContents(
  ctx: Ctx, { logon, folderId }: FolderObject, withAssociated: boolean, mode: "soft" | "hard",
): Promise<boolean> {
  let isWhole = true;
  for (const associated of withAssociated ? [false, true] : [false]) {
    for await (const rows of logon.items.rows(ctx, folderId, { associated })) {
      const ids = rows.map((row) => row.messageId);
      if (await removeAllowed(ctx, logon, ids, mode) < ids.length) isWhole = false;
    }
  }
  return isWhole;
}

async function emptyFolder(call: RopCall<{ wantDeleteAssociated: boolean }>, mode: "soft" | "hard"): Promise<RopReply> {
  const folder = asFolder(call.object);
  const { mailbox } = folder.logon;
  const own = await mailbox.folder(call.ctx, folder.folderId);
  if (own.isSearchFolder || own.parentId === null) {
    throw new RopError("notSupported", "This folder is not to be emptied.");
  }
  let isWhole = await removeContents(call.ctx, folder, call.request.wantDeleteAssociated, mode);
  for (const { folderId, role } of await mailbox.foldersBelow(call.ctx, folder.folderId)) {
    try {
      if (role !== null) throw new Fault("notAllowed", "A folder that every mailbox has stays.");
      await mailbox.deleteFolder(call.ctx, { folderId, mode, children: "delete" });
    } catch (error) {
      if (!isRefusal(error)) throw error;
      isWhole = false;
    }
  }
  return { body: { partialCompletion: !isWhole } };
}

const PidTagComment = makeTag(0x3004, "String");
const folderTypes = { generic: 1, search: 2 } as const;

async function siblingNamed(call: RopCall<unknown>, parent: FolderObject, name: string): Promise<FolderInfo> {
  const found = await parent.logon.mailbox.folderNamed(call.ctx, parent.folderId, name);
  if (found !== null) return found;
  throw new Fault("alreadyExists", `A folder named "${name}" is already there.`);
}

/** Whether it was there before is never told, as Exchange does. [MS-OXCFOLD] 2.2.1.2.2 */
async function createFolder(call: RopCall<{
  folderType: number; displayName: string; comment: string; openExisting: boolean;
}>): Promise<RopReply> {
  const logon = asLogon(call);
  const { folderType, displayName, comment, openExisting } = call.request;
  if (folderType !== folderTypes.generic && folderType !== folderTypes.search) {
    throw new RopError("invalidParameter", `Folders of type ${folderType} cannot be made here.`);
  }
  const parent = asFolder(call.object);
  let folderId: FolderId;
  try {
    const made = await logon.mailbox.createFolder(call.ctx, {
      parentId: parent.folderId, name: displayName, searchFolder: folderType === folderTypes.search,
      properties: new Map([[PidTagComment, comment]]),
    });
    folderId = made.folderId;
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== "alreadyExists" || !openExisting) throw error;
    ({ folderId } = await siblingNamed(call, parent, displayName));
  }
  return { opens: folderObject(logon, folderId), body: { folderId: toShortId(folderId), isExistingFolder: false } };
}

export const folderHandlers: readonly RopHandler[] = [
  // Removed folders are gone: flags that ask for them, and all others, are passed over. [MS-OXCFOLD] 2.2.1.1.1, 3.2.5.1
  handler(rops.RopOpenFolder, async (call) => {
    const logon = asLogon(call);
    const folderId = folderIdOf(call.request.folderId);
    const info = await logon.mailbox.folder(call.ctx, folderId);
    const opens = folderObject(logon, folderId);
    const hasRules = await hasKeptRules(call.ctx, logon, info);
    return { opens, body: { hasRules, isGhosted: false } };
  }),

  handler(rops.RopCreateFolder, createFolder),

  handler(rops.RopSetSearchCriteria, async (call) => {
    const folder = asFolder(call.object);
    const { restrictionData, folderIds, searchFlags: flags } = call.request;
    if (folderIds.length > limits.mapiSearchScopeMax) {
      throw new RopError("tooComplex", "The search has too many folders to look into.");
    }
    const { isRunning } = await setCriteria(call.ctx, folder,
      { restriction: restrictionData, folderIds: folderIds.map(folderIdOf), flags });
    // The search is done whenever it is looked at. [MS-OXCNOTIF] 2.2.1.1
    if (isRunning) await tellSearchComplete(folder.logon, folder.folderId);
    return {};
  }),

  handler(rops.RopGetSearchCriteria, async (call) => {
    const folder = asFolder(call.object);
    const info = await folder.logon.mailbox.folder(call.ctx, folder.folderId);
    if (!info.isSearchFolder) throw new RopError("notSearchFolder", "This folder holds messages of its own.");
    const found = await readCriteria(call.ctx, folder);
    if (found === null) throw new RopError("notInitialized", "Nobody has told what this folder is to find.");
    const { includeRestriction, includeFolders, useUnicode } = call.request;
    const told = includeRestriction && found.restriction !== null
      ? inTextForm(found.restriction, useUnicode ? "wide" : "narrow", call.session.codePage) : null;
    return {
      body: {
        restrictionData: told, logonId: call.logonId,
        folderIds: includeFolders ? found.folderIds.map(toShortId) : [], searchFlags: stateOf(found),
      },
    };
  }),

  handler(rops.RopDeleteFolder, (call) => deleteFolder(call, call.request.deleteFolderFlags)),
  handler(rops.RopDeleteMessages, (call) => removeMessages(call, "soft")),
  handler(rops.RopHardDeleteMessages, (call) => removeMessages(call, "hard")),
  handler(rops.RopEmptyFolder, (call) => emptyFolder(call, "soft")),
  handler(rops.RopHardDeleteMessagesAndSubfolders, (call) => emptyFolder(call, "hard")),
];
