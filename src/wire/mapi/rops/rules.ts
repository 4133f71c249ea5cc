/** Rules. [MS-OXCROPS] 2.2.11 */
import { bytes } from "#codec/binary/bytes.ts";
import { listOf, struct } from "#codec/binary/combine.ts";
import { u16, u8 } from "#codec/binary/numbers.ts";
import { nothing, rop } from "#wire/mapi/rop.ts";
import { taggedValue } from "#props/structures.ts";

/** One change of a folder's rules. [MS-OXORULE] 2.2.1 */
export const ruleData = struct({ ruleDataFlags: u8, propertyValues: listOf(u16, taggedValue("rop")) });

/** [MS-OXCROPS] 2.2.11.2 */
export const RopGetRulesTable = rop({
  id: 0x3f, name: "RopGetRulesTable", section: "2.2.11.2", on: ["folder"],
  yields: "table",
  request: struct({ inputHandleIndex: u8, outputHandleIndex: u8, tableFlags: u8 }),
  response: nothing,
  answers: "outputHandleIndex",
});

/** [MS-OXCROPS] 2.2.11.1 */
export const RopModifyRules = rop({
  id: 0x41, name: "RopModifyRules", section: "2.2.11.1", on: ["folder"],
  request: struct({ inputHandleIndex: u8, modifyRulesFlags: u8, rulesData: listOf(u16, ruleData) }),
  response: nothing,
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.11.3 */
export const RopUpdateDeferredActionMessages = rop({
  id: 0x57, name: "RopUpdateDeferredActionMessages", section: "2.2.11.3", on: ["logon"],
  request: struct({ inputHandleIndex: u8, serverEntryId: bytes(u16), clientEntryId: bytes(u16) }),
  response: nothing,
  answers: "inputHandleIndex",
});
