/** Logon and the store. [MS-OXCROPS] 2.2.3 */
import { bytes, guid, latin1z } from "#codec/binary/bytes.ts";
import { countOf, hasFlag, listOf, reserved, struct, when } from "#codec/binary/combine.ts";
import { bool, u16, u32, u64, u8 } from "#codec/binary/numbers.ts";
import { longTermId, shortTermId } from "#props/object-ids.ts";
import { isSet, nothing, replicaServers, rop } from "#wire/mapi/rop.ts";
import { propertyRow } from "#wire/mapi/rows.ts";

/** UTC when the logon was made. [MS-OXCROPS] 2.2.3.1.2.1 */
export const logonTime = struct({ seconds: u8, minutes: u8, hour: u8, dayOfWeek: u8, day: u8, month: u8, year: u16 });

/** [MS-OXCROPS] 2.2.3.3 */
export const RopSetReceiveFolder = rop({
  id: 0x26, name: "RopSetReceiveFolder", section: "2.2.3.3", on: ["logon"],
  request: struct({ inputHandleIndex: u8, folderId: shortTermId, messageClass: latin1z }),
  response: nothing,
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.3.2 */
export const RopGetReceiveFolder = rop({
  id: 0x27, name: "RopGetReceiveFolder", section: "2.2.3.2", on: ["logon"],
  request: struct({ inputHandleIndex: u8, messageClass: latin1z }),
  response: struct({ folderId: shortTermId, explicitMessageClass: latin1z }),
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.3.6 */
export const RopGetOwningServers = rop({
  id: 0x42, name: "RopGetOwningServers", section: "2.2.3.6", on: ["logon"],
  request: struct({ inputHandleIndex: u8, folderId: shortTermId }),
  response: struct({
    owningServersCount: countOf(u16, "owningServers"), cheapServersCount: u16,
    owningServers: listOf("owningServersCount", latin1z),
  }),
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.3.8 */
export const RopLongTermIdFromId = rop({
  id: 0x43, name: "RopLongTermIdFromId", section: "2.2.3.8", on: ["logon"],
  request: struct({ inputHandleIndex: u8, objectId: shortTermId }),
  response: struct({ longTermId }),
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.3.9 */
export const RopIdFromLongTermId = rop({
  id: 0x44, name: "RopIdFromLongTermId", section: "2.2.3.9", on: ["logon"],
  request: struct({ inputHandleIndex: u8, longTermId }),
  response: struct({ objectId: shortTermId }),
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.3.7 */
export const RopPublicFolderIsGhosted = rop({
  id: 0x45, name: "RopPublicFolderIsGhosted", section: "2.2.3.7", on: ["logon"],
  request: struct({ inputHandleIndex: u8, folderId: shortTermId }),
  response: struct({
    isGhosted: bool, replicas: when(isSet("isGhosted"), replicaServers),
  }),
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.3.10 */
export const RopGetPerUserLongTermIds = rop({
  id: 0x60, name: "RopGetPerUserLongTermIds", section: "2.2.3.10", on: ["logon"],
  request: struct({ inputHandleIndex: u8, databaseGuid: guid }),
  response: struct({ longTermIds: listOf(u16, longTermId) }),
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.3.11 */
export const RopGetPerUserGuid = rop({
  id: 0x61, name: "RopGetPerUserGuid", section: "2.2.3.11", on: ["logon"],
  request: struct({ inputHandleIndex: u8, longTermId }),
  response: struct({ databaseGuid: guid }),
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.3.12 */
export const RopReadPerUserInformation = rop({
  id: 0x63, name: "RopReadPerUserInformation", section: "2.2.3.12", on: ["logon"],
  request: struct({
    inputHandleIndex: u8, folderId: longTermId, reserved: reserved(u8), dataOffset: u32, maxDataSize: u16,
  }),
  response: struct({ hasFinished: bool, data: bytes(u16) }),
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.3.13 */
export const RopWritePerUserInformation = rop({
  id: 0x64, name: "RopWritePerUserInformation", section: "2.2.3.13", on: ["logon"],
  request: struct({
    inputHandleIndex: u8, folderId: longTermId, hasFinished: bool, dataOffset: u32, data: bytes(u16),
    replGuid: when((scope) => scope.get("dataOffset") === 0 && scope.get("isPublicLogon") !== true, guid),
  }),
  response: nothing,
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.3.4 */
export const RopGetReceiveFolderTable = rop({
  id: 0x68, name: "RopGetReceiveFolderTable", section: "2.2.3.4", on: ["logon"],
  request: struct({ inputHandleIndex: u8 }),
  response: struct({ rows: listOf(u32, propertyRow("rop", "receiveFolderColumns")) }),
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.3.5 */
export const RopGetStoreState = rop({
  id: 0x7b, name: "RopGetStoreState", section: "2.2.3.5", on: ["logon"],
  request: struct({ inputHandleIndex: u8 }),
  response: struct({ storeState: u32 }),
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.3.1 */
export const RopLogon = rop({
  id: 0xfe, name: "RopLogon", section: "2.2.3.1", on: [],
  yields: "logon",
  request: struct({
    outputHandleIndex: u8, logonFlags: u8, openFlags: u32, storeState: u32, essdn: bytes(u16),
  }),
  response: struct({
    logonFlags: u8, folderIds: listOf(13, shortTermId), responseFlags: when(hasFlag("logonFlags", 0x01), u8),
    mailboxGuid: when(hasFlag("logonFlags", 0x01), guid), replId: u16, replGuid: guid,
    perUserGuid: when((scope) => (scope.number("logonFlags") & 0x01) === 0, guid),
    logonTime: when(hasFlag("logonFlags", 0x01), logonTime),
    gwartTime: when(hasFlag("logonFlags", 0x01), u64), storeState: when(hasFlag("logonFlags", 0x01), u32),
  }),
  redirect: struct({ logonFlags: u8, serverNameSize: u8, serverName: latin1z }),
  answers: "outputHandleIndex",
});
