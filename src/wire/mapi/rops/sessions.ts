/** What belongs to no object. [MS-OXCROPS] 2.2.15 */
import { bytes, rest } from "#codec/binary/bytes.ts";
import { listOf, struct } from "#codec/binary/combine.ts";
import { u16, u32, u8 } from "#codec/binary/numbers.ts";
import { nothing, rop } from "#wire/mapi/rop.ts";

/** How long not to ask for one kind of ROP, milliseconds. [MS-OXCROPS] 2.2.15.2.1.1 */
export const backoffRop = struct({ ropIdBackoff: u8, durationMs: u32 });

/** [MS-OXCROPS] 2.2.15.3 */
export const RopRelease = rop({
  id: 0x01, name: "RopRelease", section: "2.2.15.3", on: [],
  request: struct({ inputHandleIndex: u8 }),
  response: null,
  answers: "none",
});

/** [MS-OXCROPS] 2.2.15.2 */
export const RopBackoff = rop({
  id: 0xf9, name: "RopBackoff", section: "2.2.15.2", on: [],
  request: nothing,
  response: struct({
    logonId: u8, duration: u32, backoffRopData: listOf(u8, backoffRop), additionalData: bytes(u16),
  }),
  answers: "none",
});

/** [MS-OXCROPS] 2.2.15.1 */
export const RopBufferTooSmall = rop({
  id: 0xff, name: "RopBufferTooSmall", section: "2.2.15.1", on: [],
  request: nothing,
  response: struct({ sizeNeeded: u16, requestBuffers: rest }),
  answers: "none",
});
