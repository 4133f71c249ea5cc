/** Sending. [MS-OXCROPS] 2.2.7 */
import { bytes, latin1z } from "#codec/binary/bytes.ts";
import { countOf, listOf, reserved, struct, when } from "#codec/binary/combine.ts";
import { bool, u16, u32, u8 } from "#codec/binary/numbers.ts";
import { shortTermId } from "#props/object-ids.ts";
import { nothing, rop } from "#wire/mapi/rop.ts";
import { taggedValue } from "#props/structures.ts";

/** [MS-OXCROPS] 2.2.7.1 */
export const RopSubmitMessage = rop({
  id: 0x32, name: "RopSubmitMessage", section: "2.2.7.1", on: ["message"],
  request: struct({ inputHandleIndex: u8, submitFlags: u8 }),
  response: nothing,
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.7.2 */
export const RopAbortSubmit = rop({
  id: 0x34, name: "RopAbortSubmit", section: "2.2.7.2", on: ["logon"],
  request: struct({ inputHandleIndex: u8, folderId: shortTermId, messageId: shortTermId }),
  response: nothing,
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.7.4 */
export const RopSetSpooler = rop({
  id: 0x47, name: "RopSetSpooler", section: "2.2.7.4", on: ["logon"],
  request: struct({ inputHandleIndex: u8 }),
  response: nothing,
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.7.5 */
export const RopSpoolerLockMessage = rop({
  id: 0x48, name: "RopSpoolerLockMessage", section: "2.2.7.5", on: ["logon"],
  request: struct({ inputHandleIndex: u8, messageId: shortTermId, lockState: u8 }),
  response: nothing,
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.7.3 */
export const RopGetAddressTypes = rop({
  id: 0x49, name: "RopGetAddressTypes", section: "2.2.7.3", on: ["logon"],
  request: struct({ inputHandleIndex: u8 }),
  response: struct({
    addressTypeCount: countOf(u16, "addressTypes"), addressTypeSize: u16,
    addressTypes: listOf("addressTypeCount", latin1z),
  }),
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.7.6 */
export const RopTransportSend = rop({
  id: 0x4a, name: "RopTransportSend", section: "2.2.7.6", on: ["message"],
  request: struct({ inputHandleIndex: u8 }),
  response: struct({ noPropertiesReturned: bool, propertyValues: listOf(u16, taggedValue("rop")) }),
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.7.7 */
export const RopTransportNewMail = rop({
  id: 0x51, name: "RopTransportNewMail", section: "2.2.7.7", on: ["logon"],
  request: struct({
    inputHandleIndex: u8, messageId: shortTermId, folderId: shortTermId, messageClass: latin1z, messageFlags: u32,
  }),
  response: nothing,
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.7.8 */
export const RopGetTransportFolder = rop({
  id: 0x6d, name: "RopGetTransportFolder", section: "2.2.7.8", on: ["logon"],
  request: struct({ inputHandleIndex: u8 }),
  response: struct({ folderId: shortTermId }),
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.7.9 */
export const RopOptionsData = rop({
  id: 0x6f, name: "RopOptionsData", section: "2.2.7.9", on: ["logon"],
  request: struct({ inputHandleIndex: u8, addressType: latin1z, wantWin32: bool }),
  response: struct({
    reserved: reserved(u8), optionsInfo: bytes(u16), helpFile: bytes(u16),
    helpFileName: when((scope) => (scope.get("helpFile") as Uint8Array).length > 0, latin1z),
  }),
  answers: "inputHandleIndex",
});
