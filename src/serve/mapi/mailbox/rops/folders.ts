/** Opening, making and removing folders. [MS-OXCFOLD] 2.2.1 */
import type { FolderId } from "#base/ids.ts";
import { Fault } from "#base/fault.ts";
import { makeTag } from "#props/types.ts";
import { ecCodes, RopError } from "#serve/mapi/mailbox/errors.ts";
import { folderIdOf, messageIdOf, toShortId } from "#serve/mapi/mailbox/keys.ts";
import type { FolderObject, LogonObject } from "#serve/mapi/mailbox/objects.ts";
import { asFolder, asLogon, handler } from "#serve/mapi/mailbox/rop-call.ts";
import type { RopCall, RopHandler, RopReply } from "#serve/mapi/mailbox/rop-call.ts";
import { hasKeptRules } from "#serve/mapi/mailbox/rops/rules.ts";
import { readCriteria, setCriteria, stateOf } from "#serve/mapi/mailbox/search-folders.ts";
import { tellSearchComplete } from "#serve/mapi/mailbox/store-events.ts";
import * as rops from "#wire/mapi/rops/folders.ts";

export function folderObject(logon: LogonObject, folderId: FolderId): FolderObject {
  return { kind: "folder", logon, folderId };
}

const deleteFlags = { messages: 0x01, folders: 0x04, hard: 0x10 } as const;

async function deleteFolder(call: RopCall<{ folderId: { replicaId: number; counter: number } }>, flags: number):
Promise<RopReply> {
  const { mailbox } = asLogon(call);
  if ((flags & ~(deleteFlags.messages | deleteFlags.folders | deleteFlags.hard)) !== 0) {
    throw new RopError("invalidParameter", "An unknown way of deleting a folder.");
  }
  const folderId = folderIdOf(call.request.folderId);
  const info = await mailbox.folder(call.ctx, folderId);
  if ((flags & deleteFlags.messages) === 0 && info.messageCount > 0) return { body: { partialCompletion: true } };
  try {
    await mailbox.deleteFolder(call.ctx, {
      folderId, mode: (flags & deleteFlags.hard) === 0 ? "soft" : "hard",
      children: (flags & deleteFlags.folders) === 0 ? "refuse" : "delete",
    });
  } catch (error) {
    if (error instanceof Fault && error.code === "hasChildren") return { body: { partialCompletion: true } };
    throw error;
  }
  return { body: { partialCompletion: false } };
}

async function removeMessages(
  call: RopCall<{ messageIds: readonly { replicaId: number; counter: number }[] }>, mode: "soft" | "hard",
): Promise<RopReply> {
  const { items } = asLogon(call);
  const ids = call.request.messageIds.map(messageIdOf);
  const removed = await items.remove(call.ctx, ids, mode);
  return { body: { partialCompletion: removed < ids.length } };
}

async function emptyFolder(call: RopCall<{ wantDeleteAssociated: boolean }>, mode: "soft" | "hard"): Promise<RopReply> {
  const { items, mailbox } = asLogon(call);
  const folder = asFolder(call.object);
  for (const associated of call.request.wantDeleteAssociated ? [false, true] : [false]) {
    for await (const rows of items.rows(call.ctx, folder.folderId, { associated })) {
      await items.remove(call.ctx, rows.map((row) => row.messageId), mode);
    }
  }
  for (const info of await mailbox.folders(call.ctx)) {
    if (info.parentId !== folder.folderId) continue;
    await mailbox.deleteFolder(call.ctx, { folderId: info.folderId, mode, children: "delete" });
  }
  return { body: { partialCompletion: false } };
}

const PidTagComment = makeTag(0x3004, "String");
const folderTypes = { generic: 1, search: 2 } as const;

export const folderHandlers: readonly RopHandler[] = [
  handler(rops.RopOpenFolder, async (call) => {
    const logon = asLogon(call);
    const folderId = folderIdOf(call.request.folderId);
    const info = await logon.mailbox.folder(call.ctx, folderId);
    const opens = folderObject(logon, folderId);
    const hasRules = info.associatedCount > 0 && await hasKeptRules(call.ctx, opens);
    return { opens, body: { hasRules, isGhosted: false } };
  }),

  handler(rops.RopCreateFolder, async (call) => {
    const logon = asLogon(call);
    const { folderType, displayName, comment, openExisting } = call.request;
    if (folderType !== folderTypes.generic && folderType !== folderTypes.search) {
      throw new RopError("invalidParameter", `Folders of type ${folderType} cannot be made here.`);
    }
    const parent = asFolder(call.object);
    const searchFolder = folderType === folderTypes.search;
    try {
      const info = await logon.mailbox.createFolder(call.ctx,
        { parentId: parent.folderId, name: displayName, searchFolder });
      if (comment !== "") {
        const set = new Map([[PidTagComment, comment]]);
        await logon.mailbox.updateFolderProperties(call.ctx, { folderId: info.folderId, set });
      }
      return {
        opens: folderObject(logon, info.folderId),
        body: { folderId: toShortId(info.folderId), isExistingFolder: false },
      };
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== "alreadyExists" || !openExisting) throw error;
      const key = displayName.toLowerCase();
      const infos = await logon.mailbox.folders(call.ctx);
      const found = infos.find((one) => one.parentId === parent.folderId && one.name.toLowerCase() === key);
      if (found === undefined) throw error;
      return {
        opens: folderObject(logon, found.folderId),
        body: {
          folderId: toShortId(found.folderId), isExistingFolder: true, hasRules: false, isGhosted: false,
        },
      };
    }
  }),

  handler(rops.RopSetSearchCriteria, async (call) => {
    const folder = asFolder(call.object);
    const { restrictionData, folderIds, searchFlags: flags } = call.request;
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
    const { includeRestriction, includeFolders } = call.request;
    return {
      body: {
        restrictionData: includeRestriction ? found.restriction : null, logonId: call.logonId,
        folderIds: includeFolders ? found.folderIds.map(toShortId) : [], searchFlags: stateOf(found),
      },
    };
  }),

  handler(rops.RopDeleteFolder, (call) => deleteFolder(call, call.request.deleteFolderFlags)),
  handler(rops.RopDeleteMessages, (call) => removeMessages(call, "soft")),
  handler(rops.RopHardDeleteMessages, (call) => removeMessages(call, "hard")),
  handler(rops.RopEmptyFolder, (call) => emptyFolder(call, "soft")),
  handler(rops.RopHardDeleteMessagesAndSubfolders, (call) => emptyFolder(call, "hard")),

  handler(rops.RopMoveCopyMessages, async (call) => {
    const { items } = asLogon(call);
    const target = asFolder(call.object2(call.request.destHandleIndex));
    if (target.logon.mailboxId !== asLogon(call).mailboxId) {
      throw new RopError("notSupported", "Messages are moved within one mailbox; copy them to another.");
    }
    const ids = call.request.messageIds.map(messageIdOf);
    const move = call.request.wantCopy ? items.copy.bind(items) : items.move.bind(items);
    const moved = await move(call.ctx, ids, target.folderId);
    const isPartial = moved.some((one) => one === null);
    return { body: { partialCompletion: isPartial }, ...isPartial ? { returnValue: ecCodes.partialCompletion } : {} };
  }),

  handler(rops.RopMoveFolder, async (call) => {
    const { mailbox } = asLogon(call);
    const target = asFolder(call.object2(call.request.destHandleIndex));
    await mailbox.moveFolder(call.ctx, {
      folderId: folderIdOf(call.request.folderId), parentId: target.folderId, name: call.request.newFolderName,
    });
    return { body: { partialCompletion: false } };
  }),

  handler(rops.RopCopyFolder, async (call) => {
    const { mailbox } = asLogon(call);
    const target = asFolder(call.object2(call.request.destHandleIndex));
    await mailbox.copyFolder(call.ctx, {
      folderId: folderIdOf(call.request.folderId), parentId: target.folderId, name: call.request.newFolderName,
    });
    return { body: { partialCompletion: false } };
  }),
];
