/** Properties and their names. [MS-OXCROPS] 2.2.8 */
import { guid } from "#codec/binary/bytes.ts";
import { listOf, sized, struct, when } from "#codec/binary/combine.ts";
import { bool, u16, u32, u8 } from "#codec/binary/numbers.ts";
import { propertyName } from "#wire/mapi/names.ts";
import { isSet, rop } from "#wire/mapi/rop.ts";
import { propertyProblems, propertyRow, propertyTags } from "#wire/mapi/rows.ts";
import { taggedValue } from "#props/structures.ts";

/** [MS-OXCROPS] 2.2.8.3 */
export const RopGetPropertiesSpecific = rop({
  id: 0x07, name: "RopGetPropertiesSpecific", section: "2.2.8.3", on: ["logon", "folder", "message", "attachment"],
  request: struct({ inputHandleIndex: u8, propertySizeLimit: u16, wantUnicode: u16, propertyTags }),
  response: struct({ rowData: propertyRow("rop", "propertyTags") }),
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.8.4 */
export const RopGetPropertiesAll = rop({
  id: 0x08, name: "RopGetPropertiesAll", section: "2.2.8.4", on: ["logon", "folder", "message", "attachment"],
  request: struct({ inputHandleIndex: u8, propertySizeLimit: u16, wantUnicode: u16 }),
  response: struct({ propertyValues: listOf(u16, taggedValue("rop")) }),
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.8.5 */
export const RopGetPropertiesList = rop({
  id: 0x09, name: "RopGetPropertiesList", section: "2.2.8.5", on: ["logon", "folder", "message", "attachment"],
  request: struct({ inputHandleIndex: u8 }),
  response: struct({ propertyTags }),
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.8.6 */
export const RopSetProperties = rop({
  id: 0x0a, name: "RopSetProperties", section: "2.2.8.6", on: ["logon", "folder", "message", "attachment"],
  request: struct({
    inputHandleIndex: u8, propertyValues: sized(u16, listOf(u16, taggedValue("rop"))),
  }),
  response: struct({ propertyProblems }),
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.8.8 */
export const RopDeleteProperties = rop({
  id: 0x0b, name: "RopDeleteProperties", section: "2.2.8.8", on: ["logon", "folder", "message", "attachment"],
  request: struct({ inputHandleIndex: u8, propertyTags }),
  response: struct({ propertyProblems }),
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.8.12 */
export const RopCopyTo = rop({
  id: 0x39, name: "RopCopyTo", section: "2.2.8.12", on: ["folder", "message", "attachment"],
  request: struct({
    sourceHandleIndex: u8, destHandleIndex: u8, wantAsynchronous: bool, wantSubObjects: bool, copyFlags: u8,
    excludedTags: propertyTags,
  }),
  response: struct({ propertyProblems }),
  nullDestination: struct({ destHandleIndex: u32 }),
  answers: "sourceHandleIndex",
});

/** [MS-OXCROPS] 2.2.8.13 */
export const RopProgress = rop({
  id: 0x50, name: "RopProgress", section: "2.2.8.13", on: [],
  request: struct({ inputHandleIndex: u8, wantCancel: bool }),
  response: struct({ logonId: u8, completedTaskCount: u32, totalTaskCount: u32 }),
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.8.2 */
export const RopGetNamesFromPropertyIds = rop({
  id: 0x55, name: "RopGetNamesFromPropertyIds", section: "2.2.8.2", on: ["logon", "folder", "message", "attachment"],
  request: struct({ inputHandleIndex: u8, propertyIds: listOf(u16, u16) }),
  response: struct({ propertyNames: listOf(u16, propertyName) }),
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.8.1 */
export const RopGetPropertyIdsFromNames = rop({
  id: 0x56, name: "RopGetPropertyIdsFromNames", section: "2.2.8.1", on: ["logon", "folder", "message", "attachment"],
  request: struct({ inputHandleIndex: u8, flags: u8, propertyNames: listOf(u16, propertyName) }),
  response: struct({ propertyIds: listOf(u16, u16) }),
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.8.10 */
export const RopQueryNamedProperties = rop({
  id: 0x5f, name: "RopQueryNamedProperties", section: "2.2.8.10",
  on: ["logon", "folder", "message", "attachment"],
  request: struct({
    inputHandleIndex: u8, queryFlags: u8, hasGuid: bool, propertyGuid: when(isSet("hasGuid"), guid),
  }),
  response: struct({
    idCount: u16, propertyIds: listOf("idCount", u16), propertyNames: listOf("idCount", propertyName),
  }),
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.8.11 */
export const RopCopyProperties = rop({
  id: 0x67, name: "RopCopyProperties", section: "2.2.8.11", on: ["folder", "message", "attachment"],
  request: struct({
    sourceHandleIndex: u8, destHandleIndex: u8, wantAsynchronous: bool, copyFlags: u8, propertyTags,
  }),
  response: struct({ propertyProblems }),
  nullDestination: struct({ destHandleIndex: u32 }),
  answers: "sourceHandleIndex",
});

/** [MS-OXCROPS] 2.2.8.7 */
export const RopSetPropertiesNoReplicate = rop({
  id: 0x79, name: "RopSetPropertiesNoReplicate", section: "2.2.8.7",
  on: ["logon", "folder", "message", "attachment"],
  request: struct({
    inputHandleIndex: u8, propertyValues: sized(u16, listOf(u16, taggedValue("rop"))),
  }),
  response: struct({ propertyProblems }),
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.8.9 */
export const RopDeletePropertiesNoReplicate = rop({
  id: 0x7a, name: "RopDeletePropertiesNoReplicate", section: "2.2.8.9",
  on: ["logon", "folder", "message", "attachment"],
  request: struct({ inputHandleIndex: u8, propertyTags }),
  response: struct({ propertyProblems }),
  answers: "inputHandleIndex",
});
