/**
 * PidLidVerbStream: what a reader of a message may answer by a button, voting options among it. Every byte is kept:
 * the fields the specification calls internal are values. Little endian.
 */
import { bytes, rest, utf16 } from "#codec/binary/bytes.ts";
import { decode, encode } from "#codec/binary/code.ts";
import { countOf, listOf, struct } from "#codec/binary/combine.ts";
import { u16, u32, u8 } from "#codec/binary/numbers.ts";
import type { Of } from "#codec/binary/type.ts";

/** [MS-OXOMSG] 2.2.1.74.1; names are bytes of the message's code page. */
export const VoteOption = struct({
  verbType: u32, displayName: bytes(u8), messageClass: bytes(u8), internal1: bytes(u8), displayNameRepeat: bytes(u8),
  internal2: u32, internal3: u8, useUsHeaders: u32, internal4: u32, sendBehavior: u32, internal5: u32, id: u32,
  internal6: u32,
});
export type VoteOption = Of<typeof VoteOption>;

/** [MS-OXOMSG] 2.2.1.74.2 */
export const VoteOptionExtras = struct({ displayName: utf16(u8), displayNameRepeat: utf16(u8) });
export type VoteOptionExtras = Of<typeof VoteOptionExtras>;

/** [MS-OXOMSG] 2.2.1.74 */
export const VerbStream = struct({
  version: u16, optionCount: countOf(u32, "options"), options: listOf("optionCount", VoteOption),
  version2: u16, extras: listOf("optionCount", VoteOptionExtras), trailing: rest,
});
export type VerbStream = Of<typeof VerbStream>;

/** VerbType of a voting option; others are buttons of the client. [MS-OXOMSG] 2.2.1.74.1 */
export const voteVerbType = 4;
/** SendBehavior. [MS-OXOMSG] 2.2.1.74.1 */
export const sendBehaviors = { atOnce: 1, asked: 2 } as const;

/** Throws WireError. [MS-OXOMSG] 2.2.1.74 */
export const decodeVerbStream = (from: Uint8Array): VerbStream => decode(VerbStream, from);
/** [MS-OXOMSG] 2.2.1.74 */
export const encodeVerbStream = (value: VerbStream): Buffer => encode(VerbStream, value);
