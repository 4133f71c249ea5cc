/** Streams. [MS-OXCROPS] 2.2.9 */
import { bytes } from "#codec/binary/bytes.ts";
import { equals, struct, when } from "#codec/binary/combine.ts";
import { i64, u16, u32, u64, u8 } from "#codec/binary/numbers.ts";
import { propertyTag } from "#props/object-ids.ts";
import { nothing, rop } from "#wire/mapi/rop.ts";

/** [MS-OXCROPS] 2.2.9.1 */
export const RopOpenStream = rop({
  id: 0x2b, name: "RopOpenStream", section: "2.2.9.1", on: ["folder", "message", "attachment"],
  yields: "stream",
  request: struct({ inputHandleIndex: u8, outputHandleIndex: u8, propertyTag, openModeFlags: u8 }),
  response: struct({ streamSize: u32 }),
  answers: "outputHandleIndex",
});

/** [MS-OXCROPS] 2.2.9.2 */
export const RopReadStream = rop({
  id: 0x2c, name: "RopReadStream", section: "2.2.9.2", on: ["stream"],
  request: struct({
    inputHandleIndex: u8, byteCount: u16, maximumByteCount: when(equals("byteCount", 0xbabe), u32),
  }),
  response: struct({ data: bytes(u16) }),
  isAlwaysWhole: true,
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.9.3 */
export const RopWriteStream = rop({
  id: 0x2d, name: "RopWriteStream", section: "2.2.9.3", on: ["stream"],
  request: struct({ inputHandleIndex: u8, data: bytes(u16) }),
  response: struct({ writtenSize: u16 }),
  isAlwaysWhole: true,
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.9.8 */
export const RopSeekStream = rop({
  id: 0x2e, name: "RopSeekStream", section: "2.2.9.8", on: ["stream"],
  request: struct({ inputHandleIndex: u8, origin: u8, offset: i64 }),
  response: struct({ newPosition: u64 }),
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.9.7 */
export const RopSetStreamSize = rop({
  id: 0x2f, name: "RopSetStreamSize", section: "2.2.9.7", on: ["stream"],
  request: struct({ inputHandleIndex: u8, streamSize: u64 }),
  response: nothing,
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.9.9 */
export const RopCopyToStream = rop({
  id: 0x3a, name: "RopCopyToStream", section: "2.2.9.9", on: ["stream"],
  request: struct({ sourceHandleIndex: u8, destHandleIndex: u8, byteCount: u64 }),
  response: struct({ readByteCount: u64, writtenByteCount: u64 }),
  isAlwaysWhole: true,
  nullDestination: struct({ destHandleIndex: u32, readByteCount: u64, writtenByteCount: u64 }),
  answers: "sourceHandleIndex",
});

/** [MS-OXCROPS] 2.2.9.13 */
export const RopCloneStream = rop({
  id: 0x3b, name: "RopCloneStream", section: "2.2.9.13", on: ["stream"],
  yields: "stream",
  request: struct({ inputHandleIndex: u8, outputHandleIndex: u8 }),
  response: nothing,
  answers: "outputHandleIndex",
});

/** [MS-OXCROPS] 2.2.9.10 */
export const RopLockRegionStream = rop({
  id: 0x5b, name: "RopLockRegionStream", section: "2.2.9.10", on: ["stream"],
  request: struct({ inputHandleIndex: u8, regionOffset: u64, regionSize: u64, lockFlags: u32 }),
  response: nothing,
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.9.11 */
export const RopUnlockRegionStream = rop({
  id: 0x5c, name: "RopUnlockRegionStream", section: "2.2.9.11", on: ["stream"],
  request: struct({ inputHandleIndex: u8, regionOffset: u64, regionSize: u64, lockFlags: u32 }),
  response: nothing,
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.9.5 */
export const RopCommitStream = rop({
  id: 0x5d, name: "RopCommitStream", section: "2.2.9.5", on: ["stream"],
  request: struct({ inputHandleIndex: u8 }),
  response: nothing,
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.9.6 */
export const RopGetStreamSize = rop({
  id: 0x5e, name: "RopGetStreamSize", section: "2.2.9.6", on: ["stream"],
  request: struct({ inputHandleIndex: u8 }),
  response: struct({ streamSize: u32 }),
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.9.12 */
export const RopWriteAndCommitStream = rop({
  id: 0x90, name: "RopWriteAndCommitStream", section: "2.2.9.12", on: ["stream"],
  request: struct({ inputHandleIndex: u8, data: bytes(u16) }),
  response: struct({ writtenSize: u16 }),
  isAlwaysWhole: true,
  answers: "inputHandleIndex",
});

/** [MS-OXCROPS] 2.2.9.4 */
export const RopWriteStreamExtended = rop({
  id: 0xa3, name: "RopWriteStreamExtended", section: "2.2.9.4", on: ["stream"],
  request: struct({ inputHandleIndex: u8, data: bytes(u16) }),
  response: struct({ writtenSize: u32 }),
  isAlwaysWhole: true,
  answers: "inputHandleIndex",
});
