/** Folders. [MS-OXCROPS] 2.2.4 */
import { listOf, reserved, struct, when } from "#codec/binary/combine.ts";
import { bool, u16, u32, u8 } from "#codec/binary/numbers.ts";
import { shortTermId } from "#props/object-ids.ts";
import { isSet, nothing, perhapsSized, replicaServers, rop, textBy } from "#wire/mapi/rop.ts";
import { restriction } from "#props/structures.ts";

/** [MS-OXCROPS] 2.2.4.1 */
export const RopOpenFolder = rop({
  id: 0x02, name: "RopOpenFolder", section: "2.2.4.1", on: ["logon", "folder"],
  yields: "folder",
  request: struct({
    inputHandleIndex: u8, outputHandleIndex: u8, folderId: shortTermId, openModeFlags: u8,
  }),
  response: struct({
    hasRules: bool, isGhosted: bool, replicas: when(isSet("isGhosted"), replicaServers),
  }),
  answers: "outputHandleIndex",
});

/** [MS-OXCROPS] 2.2.4.13 */
export const RopGetHierarchyTable = rop({
  id: 0x04, name: "RopGetHierarchyTable", section: "2.2.4.13", on: ["folder"],
  yields: "table",
  request: struct({ inputHandleIndex: u8, outputHandleIndex: u8, tableFlags: u8 }),
  response: struct({ rowCount: u32 }),
  answers: "outputHandleIndex",
});

/** [MS-OXCROPS] 2.2.4.14 */
export const RopGetContentsTable = rop({
  id: 0x05, name: "RopGetContentsTable", section: "2.2.4.14", on: ["folder"],
  yields: "table",
  request: struct({ inputHandleIndex: u8, outputHandleIndex: u8, tableFlags: u8 }),
  response: struct({ rowCount: u32 }),
  answers: "outputHandleIndex",
});

/** [MS-OXCROPS] 2.2.4.2 */
export const RopCreateFolder = rop({
  id: 0x1c, name: "RopCreateFolder", section: "2.2.4.2", on: ["folder"],
  yields: "folder",
  request: struct({
    inputHandleIndex: u8, outputHandleIndex: u8, folderType: u8, useUnicodeStrings: bool, openExisting: bool,
    reserved: reserved(u8), displayName: textBy("useUnicodeStrings"), comment: textBy("useUnicodeStrings"),
  }),
  response: struct({
    folderId: shortTermId, isExistingFolder: bool, hasRules: when(isSet("isExistingFolder"), bool),
    isGhosted: when(isSet("isExistingFolder"), bool),
    replicas: when((scope) => isSet("isExistingFolder")(scope) && isSet("isGhosted")(scope), replicaServers),
  }),
  answers: "outputHandleIndex",
});

/** [MS-OXCROPS] 2.2.4.3 */
export const RopDeleteFolder = rop({
  id: 0x1d, name: "RopDeleteFolder", section: "2.2.4.3", on: ["folder"],
  request: struct({ inputHandleIndex: u8, deleteFolderFlags: u8, folderId: shortTermId }),
  response: struct({ partialCompletion: bool }),
  isAlwaysWhole: true,
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.4.11 */
export const RopDeleteMessages = rop({
  id: 0x1e, name: "RopDeleteMessages", section: "2.2.4.11", on: ["folder"],
  request: struct({
    inputHandleIndex: u8, wantAsynchronous: bool, notifyNonRead: bool, messageIds: listOf(u16, shortTermId),
  }),
  response: struct({ partialCompletion: bool }),
  isAlwaysWhole: true,
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.4.4 */
export const RopSetSearchCriteria = rop({
  id: 0x30, name: "RopSetSearchCriteria", section: "2.2.4.4", on: ["folder"],
  request: struct({
    inputHandleIndex: u8, restrictionData: perhapsSized(restriction("rop")), folderIds: listOf(u16, shortTermId),
    searchFlags: u32,
  }),
  response: nothing,
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.4.5 */
export const RopGetSearchCriteria = rop({
  id: 0x31, name: "RopGetSearchCriteria", section: "2.2.4.5", on: ["folder"],
  request: struct({
    inputHandleIndex: u8, useUnicode: bool, includeRestriction: bool, includeFolders: bool,
  }),
  response: struct({
    restrictionData: perhapsSized(restriction("rop")), logonId: u8, folderIds: listOf(u16, shortTermId),
    searchFlags: u32,
  }),
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.4.6 */
export const RopMoveCopyMessages = rop({
  id: 0x33, name: "RopMoveCopyMessages", section: "2.2.4.6", on: ["folder"],
  request: struct({
    sourceHandleIndex: u8, destHandleIndex: u8, messageIds: listOf(u16, shortTermId), wantAsynchronous: bool,
    wantCopy: bool,
  }),
  response: struct({ partialCompletion: bool }),
  isAlwaysWhole: true,
  nullDestination: struct({ destHandleIndex: u32, partialCompletion: bool }),
  answers: "sourceHandleIndex",
});

/** [MS-OXCROPS] 2.2.4.7 */
export const RopMoveFolder = rop({
  id: 0x35, name: "RopMoveFolder", section: "2.2.4.7", on: ["folder"],
  request: struct({
    sourceHandleIndex: u8, destHandleIndex: u8, wantAsynchronous: bool, useUnicode: bool, folderId: shortTermId,
    newFolderName: textBy("useUnicode"),
  }),
  response: struct({ partialCompletion: bool }),
  isAlwaysWhole: true,
  nullDestination: struct({ destHandleIndex: u32, partialCompletion: bool }),
  answers: "sourceHandleIndex",
});

/** [MS-OXCROPS] 2.2.4.8 */
export const RopCopyFolder = rop({
  id: 0x36, name: "RopCopyFolder", section: "2.2.4.8", on: ["folder"],
  request: struct({
    sourceHandleIndex: u8, destHandleIndex: u8, wantAsynchronous: bool, wantRecursive: bool, useUnicode: bool,
    folderId: shortTermId, newFolderName: textBy("useUnicode"),
  }),
  response: struct({ partialCompletion: bool }),
  isAlwaysWhole: true,
  nullDestination: struct({ destHandleIndex: u32, partialCompletion: bool }),
  answers: "sourceHandleIndex",
});

/** [MS-OXCROPS] 2.2.4.9 */
export const RopEmptyFolder = rop({
  id: 0x58, name: "RopEmptyFolder", section: "2.2.4.9", on: ["folder"],
  request: struct({ inputHandleIndex: u8, wantAsynchronous: bool, wantDeleteAssociated: bool }),
  response: struct({ partialCompletion: bool }),
  isAlwaysWhole: true,
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.4.12 */
export const RopHardDeleteMessages = rop({
  id: 0x91, name: "RopHardDeleteMessages", section: "2.2.4.12", on: ["folder"],
  request: struct({
    inputHandleIndex: u8, wantAsynchronous: bool, notifyNonRead: bool, messageIds: listOf(u16, shortTermId),
  }),
  response: struct({ partialCompletion: bool }),
  isAlwaysWhole: true,
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.4.10 */
export const RopHardDeleteMessagesAndSubfolders = rop({
  id: 0x92, name: "RopHardDeleteMessagesAndSubfolders", section: "2.2.4.10", on: ["folder"],
  request: struct({ inputHandleIndex: u8, wantAsynchronous: bool, wantDeleteAssociated: bool }),
  response: struct({ partialCompletion: bool }),
  isAlwaysWhole: true,
  answers: "inputHandleIndex",
});
