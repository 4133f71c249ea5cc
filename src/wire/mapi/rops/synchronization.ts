/** Incremental change synchronization. [MS-OXCROPS] 2.2.13 */
import { bytes, guid } from "#codec/binary/bytes.ts";
import { listOf, listOfRest, sized, struct } from "#codec/binary/combine.ts";
import { bool, u16, u32, u8 } from "#codec/binary/numbers.ts";
import { globalCounter, longTermId, propertyTag, shortTermId } from "#props/object-ids.ts";
import { nothing, perhapsSized, rop } from "#wire/mapi/rop.ts";
import { propertyTags } from "#wire/mapi/rows.ts";
import { restriction, taggedValue } from "#props/structures.ts";

/** [MS-OXCROPS] 2.2.13.3.1.1 */
export const messageReadState = struct({ messageId: bytes(u16), markAsRead: bool });

/** [MS-OXCROPS] 2.2.13.12.1.1 */
export const longTermIdRange = struct({ minLongTermId: longTermId, maxLongTermId: longTermId });

/** [MS-OXCROPS] 2.2.13.1 */
export const RopSynchronizationConfigure = rop({
  id: 0x70, name: "RopSynchronizationConfigure", section: "2.2.13.1", on: ["folder"],
  yields: "syncDownload",
  request: struct({
    inputHandleIndex: u8, outputHandleIndex: u8, synchronizationType: u8, sendOptions: u8,
    synchronizationFlags: u16, restrictionData: perhapsSized(restriction("rop")), synchronizationExtraFlags: u32,
    propertyTags,
  }),
  response: nothing,
  answers: "outputHandleIndex",
});

/** [MS-OXCROPS] 2.2.13.2 */
export const RopSynchronizationImportMessageChange = rop({
  id: 0x72, name: "RopSynchronizationImportMessageChange", section: "2.2.13.2", on: ["syncUpload"],
  yields: "message",
  request: struct({
    inputHandleIndex: u8, outputHandleIndex: u8, importFlag: u8, propertyValues: listOf(u16, taggedValue("rop")),
  }),
  response: struct({ messageId: shortTermId }),
  answers: "outputHandleIndex",
});

/** [MS-OXCROPS] 2.2.13.4 */
export const RopSynchronizationImportHierarchyChange = rop({
  id: 0x73, name: "RopSynchronizationImportHierarchyChange", section: "2.2.13.4", on: ["syncUpload"],
  request: struct({
    inputHandleIndex: u8, hierarchyValues: listOf(u16, taggedValue("rop")),
    propertyValues: listOf(u16, taggedValue("rop")),
  }),
  response: struct({ folderId: shortTermId }),
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.13.5 */
export const RopSynchronizationImportDeletes = rop({
  id: 0x74, name: "RopSynchronizationImportDeletes", section: "2.2.13.5", on: ["syncUpload"],
  request: struct({
    inputHandleIndex: u8, importDeleteFlags: u8, propertyValues: listOf(u16, taggedValue("rop")),
  }),
  response: nothing,
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.13.9 */
export const RopSynchronizationUploadStateStreamBegin = rop({
  id: 0x75, name: "RopSynchronizationUploadStateStreamBegin", section: "2.2.13.9", on: ["syncDownload", "syncUpload"],
  request: struct({ inputHandleIndex: u8, stateProperty: propertyTag, transferBufferSize: u32 }),
  response: nothing,
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.13.10 */
export const RopSynchronizationUploadStateStreamContinue = rop({
  id: 0x76, name: "RopSynchronizationUploadStateStreamContinue", section: "2.2.13.10",
  on: ["syncDownload", "syncUpload"],
  request: struct({ inputHandleIndex: u8, streamData: bytes(u32) }),
  response: nothing,
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.13.11 */
export const RopSynchronizationUploadStateStreamEnd = rop({
  id: 0x77, name: "RopSynchronizationUploadStateStreamEnd", section: "2.2.13.11", on: ["syncDownload", "syncUpload"],
  request: struct({ inputHandleIndex: u8 }),
  response: nothing,
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.13.6 */
export const RopSynchronizationImportMessageMove = rop({
  id: 0x78, name: "RopSynchronizationImportMessageMove", section: "2.2.13.6", on: ["syncUpload"],
  request: struct({
    inputHandleIndex: u8, sourceFolderId: bytes(u32), sourceMessageId: bytes(u32),
    predecessorChangeList: bytes(u32), destinationMessageId: bytes(u32), changeNumber: bytes(u32),
  }),
  response: struct({ messageId: shortTermId }),
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.13.7 */
export const RopSynchronizationOpenCollector = rop({
  id: 0x7e, name: "RopSynchronizationOpenCollector", section: "2.2.13.7", on: ["folder"],
  yields: "syncUpload",
  request: struct({ inputHandleIndex: u8, outputHandleIndex: u8, isContentsCollector: bool }),
  response: nothing,
  answers: "outputHandleIndex",
});

/** [MS-OXCROPS] 2.2.13.13 */
export const RopGetLocalReplicaIds = rop({
  id: 0x7f, name: "RopGetLocalReplicaIds", section: "2.2.13.13", on: ["logon"],
  request: struct({ inputHandleIndex: u8, idCount: u32 }),
  response: struct({ replGuid: guid, globalCount: globalCounter }),
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.13.3 */
export const RopSynchronizationImportReadStateChanges = rop({
  id: 0x80, name: "RopSynchronizationImportReadStateChanges", section: "2.2.13.3", on: ["syncUpload"],
  request: struct({
    inputHandleIndex: u8, messageReadStates: sized(u16, listOfRest(messageReadState)),
  }),
  response: nothing,
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.13.8 */
export const RopSynchronizationGetTransferState = rop({
  id: 0x82, name: "RopSynchronizationGetTransferState", section: "2.2.13.8", on: ["syncDownload", "syncUpload"],
  yields: "fastTransferSource",
  request: struct({ inputHandleIndex: u8, outputHandleIndex: u8 }),
  response: nothing,
  answers: "outputHandleIndex",
});

/** [MS-OXCROPS] 2.2.13.12 */
export const RopSetLocalReplicaMidsetDeleted = rop({
  id: 0x93, name: "RopSetLocalReplicaMidsetDeleted", section: "2.2.13.12", on: ["folder"],
  request: struct({
    inputHandleIndex: u8, longTermIdRanges: sized(u16, listOf(u32, longTermIdRange)),
  }),
  response: nothing,
  answers: "inputHandleIndex",
});
