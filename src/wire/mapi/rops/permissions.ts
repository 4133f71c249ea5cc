/** Permissions. [MS-OXCROPS] 2.2.10 */
import { listOf, struct } from "#codec/binary/combine.ts";
import { u16, u8 } from "#codec/binary/numbers.ts";
import { nothing, rop } from "#wire/mapi/rop.ts";
import { taggedValue } from "#props/structures.ts";

/** One change of a folder's permissions. [MS-OXCPERM] 2.2.2 */
export const permissionData = struct({ permissionDataFlags: u8, propertyValues: listOf(u16, taggedValue("rop")) });

/** [MS-OXCROPS] 2.2.10.2 */
export const RopGetPermissionsTable = rop({
  id: 0x3e, name: "RopGetPermissionsTable", section: "2.2.10.2", on: ["folder"],
  yields: "table",
  request: struct({ inputHandleIndex: u8, outputHandleIndex: u8, tableFlags: u8 }),
  response: nothing,
  answers: "outputHandleIndex",
});

/** [MS-OXCROPS] 2.2.10.1 */
export const RopModifyPermissions = rop({
  id: 0x40, name: "RopModifyPermissions", section: "2.2.10.1", on: ["folder"],
  request: struct({
    inputHandleIndex: u8, modifyFlags: u8, permissionsData: listOf(u16, permissionData),
  }),
  response: nothing,
  answers: "inputHandleIndex",
});
