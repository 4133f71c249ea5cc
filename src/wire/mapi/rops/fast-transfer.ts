/** Copies as streams. [MS-OXCROPS] 2.2.12 */
import { bytes } from "#codec/binary/bytes.ts";
import { equals, listOf, reserved, struct, when } from "#codec/binary/combine.ts";
import { u16, u32, u8 } from "#codec/binary/numbers.ts";
import { shortTermId } from "#props/object-ids.ts";
import { nothing, rop } from "#wire/mapi/rop.ts";
import { propertyTags } from "#wire/mapi/rows.ts";

/** [MS-OXCROPS] 2.2.12.6 */
export const RopFastTransferSourceCopyMessages = rop({
  id: 0x4b, name: "RopFastTransferSourceCopyMessages", section: "2.2.12.6", on: ["folder"],
  yields: "fastTransferSource",
  request: struct({
    inputHandleIndex: u8, outputHandleIndex: u8, messageIds: listOf(u16, shortTermId), copyFlags: u8,
    sendOptions: u8,
  }),
  response: nothing,
  answers: "outputHandleIndex",
});

/** [MS-OXCROPS] 2.2.12.5 */
export const RopFastTransferSourceCopyFolder = rop({
  id: 0x4c, name: "RopFastTransferSourceCopyFolder", section: "2.2.12.5", on: ["folder"],
  yields: "fastTransferSource",
  request: struct({ inputHandleIndex: u8, outputHandleIndex: u8, copyFlags: u8, sendOptions: u8 }),
  response: nothing,
  answers: "outputHandleIndex",
});

/** [MS-OXCROPS] 2.2.12.7 */
export const RopFastTransferSourceCopyTo = rop({
  id: 0x4d, name: "RopFastTransferSourceCopyTo", section: "2.2.12.7", on: ["folder", "message", "attachment"],
  yields: "fastTransferSource",
  request: struct({
    inputHandleIndex: u8, outputHandleIndex: u8, level: u8, copyFlags: u32, sendOptions: u8, propertyTags,
  }),
  response: nothing,
  answers: "outputHandleIndex",
});

/** [MS-OXCROPS] 2.2.12.4 */
export const RopFastTransferSourceGetBuffer = rop({
  id: 0x4e, name: "RopFastTransferSourceGetBuffer", section: "2.2.12.4", on: ["fastTransferSource", "syncDownload"],
  request: struct({
    inputHandleIndex: u8, bufferSize: u16, maximumBufferSize: when(equals("bufferSize", 0xbabe), u16),
  }),
  response: struct({
    transferStatus: u16, inProgressCount: u16, totalStepCount: u16, reserved: reserved(u8),
    transferBuffer: bytes(u16), backoffTime: when(equals("returnValue", 0x480), u32),
  }),
  isAlwaysWhole: true,
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.12.1 */
export const RopFastTransferDestinationConfigure = rop({
  id: 0x53, name: "RopFastTransferDestinationConfigure", section: "2.2.12.1", on: ["folder", "message", "attachment"],
  yields: "fastTransferDestination",
  request: struct({ inputHandleIndex: u8, outputHandleIndex: u8, sourceOperation: u8, copyFlags: u8 }),
  response: nothing,
  answers: "outputHandleIndex",
});

/** [MS-OXCROPS] 2.2.12.2 */
export const RopFastTransferDestinationPutBuffer = rop({
  id: 0x54, name: "RopFastTransferDestinationPutBuffer", section: "2.2.12.2", on: ["fastTransferDestination"],
  request: struct({ inputHandleIndex: u8, transferData: bytes(u16) }),
  response: struct({
    transferStatus: u16, inProgressCount: u16, totalStepCount: u16, reserved: reserved(u8), bufferUsedSize: u16,
  }),
  isAlwaysWhole: true,
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.12.8 */
export const RopFastTransferSourceCopyProperties = rop({
  id: 0x69, name: "RopFastTransferSourceCopyProperties", section: "2.2.12.8", on: ["folder", "message", "attachment"],
  yields: "fastTransferSource",
  request: struct({
    inputHandleIndex: u8, outputHandleIndex: u8, level: u8, copyFlags: u8, sendOptions: u8, propertyTags,
  }),
  response: nothing,
  answers: "outputHandleIndex",
});

/** [MS-OXCROPS] 2.2.12.9 */
export const RopTellVersion = rop({
  id: 0x86, name: "RopTellVersion", section: "2.2.12.9",
  on: ["fastTransferSource", "fastTransferDestination", "syncDownload"],
  request: struct({ inputHandleIndex: u8, version: listOf(3, u16) }),
  response: nothing,
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.12.3 */
export const RopFastTransferDestinationPutBufferExtended = rop({
  id: 0x9d, name: "RopFastTransferDestinationPutBufferExtended", section: "2.2.12.3", on: ["fastTransferDestination"],
  request: struct({ inputHandleIndex: u8, transferData: bytes(u16) }),
  response: struct({
    transferStatus: u16, inProgressCount: u32, totalStepCount: u32, reserved: reserved(u8), bufferUsedSize: u16,
  }),
  isAlwaysWhole: true,
  answers: "inputHandleIndex",
});
