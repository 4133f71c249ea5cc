/** PidLidDistributionListStream, where a personal list of any length is kept, little endian; and its checksum. */
import { Buffer } from "node:buffer";
import { bytes, rest } from "#codec/binary/bytes.ts";
import { decode, encode } from "#codec/binary/code.ts";
import { countOf, listOf, struct } from "#codec/binary/combine.ts";
import { u16, u32 } from "#codec/binary/numbers.ts";
import type { Of } from "#codec/binary/type.ts";
import { rtfCrc } from "#format/rtf/compressed.ts";

/** [MS-OXOCNTC] 2.2.2.2.4.1 */
export const DistListMemberInfo = struct({ entryId: bytes(u32), oneOff: bytes(u32), extra: bytes(u32) });
export type DistListMemberInfo = Of<typeof DistListMemberInfo>;

/** [MS-OXOCNTC] 2.2.2.2.4 */
export const DistributionListStream = struct({
  streamVersion: u16, reserved: u16, buildVersion: u32, flags: u32, memberCount: countOf(u32, "members"),
  totalEntryIdSize: u32, totalOneOffSize: u32, totalExtraSize: u32, members: listOf("memberCount", DistListMemberInfo),
  terminator1: u32, terminator2: u32, trailing: rest,
});
export type DistributionListStream = Of<typeof DistributionListStream>;

const total = (list: readonly Uint8Array[]): number => list.reduce((sum, one) => sum + one.length, 0);

/** The list of members as the stream has it. [MS-OXOCNTC] 2.2.2.2.4 */
export function distributionListStreamOf(members: readonly DistListMemberInfo[]): DistributionListStream {
  return {
    streamVersion: 1, reserved: 0, buildVersion: 0, flags: 0, members,
    totalEntryIdSize: total(members.map(({ entryId }) => entryId)),
    totalOneOffSize: total(members.map(({ oneOff }) => oneOff)),
    totalExtraSize: total(members.map(({ extra }) => extra)), terminator1: 0, terminator2: 0,
    trailing: new Uint8Array(0),
  };
}

/** Throws WireError. [MS-OXOCNTC] 2.2.2.2.4 */
export const decodeDistributionListStream = (from: Uint8Array): DistributionListStream =>
  decode(DistributionListStream, from);
/** [MS-OXOCNTC] 2.2.2.2.4 */
export const encodeDistributionListStream = (value: DistributionListStream): Buffer =>
  encode(DistributionListStream, value);

/**
 * PidLidDistributionListChecksum of PidLidDistributionListMembers: the CRC that compressed RTF has, over all of them
 * in a row, as a list that Outlook wrote shows. [MS-OXOCNTC] 2.2.2.2.3
 */
export const membersChecksum = (entryIds: readonly Uint8Array[]): number => rtfCrc(Buffer.concat(entryIds)) | 0;
