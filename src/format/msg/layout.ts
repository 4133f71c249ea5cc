import { bytes, guid } from "#codec/binary/bytes.ts";
import { constant, listOf, reserved, struct } from "#codec/binary/combine.ts";
import { fileTime, u16, u32, u64, u8 } from "#codec/binary/numbers.ts";
import type { Of } from "#codec/binary/type.ts";

/** Sector numbers that are none. [MS-CFB] 2.1 */
export const sectors = {
  regularMax: 0xfffffffa, difat: 0xfffffffc, fat: 0xfffffffd, endOfChain: 0xfffffffe, free: 0xffffffff,
} as const;

export const headerSize = 512;
export const headerDifatCount = 109;
export const directoryEntrySize = 128;
export const miniSectorSize = 64;
export const miniStreamCutoff = 4096;
/** No entry. [MS-CFB] 2.6.1 */
export const noStream = 0xffffffff;

/** First sector of a compound file. [MS-CFB] 2.2 */
export const Header = struct({
  signature: constant(u64, 0xe11ab1a1e011cfd0n), clsid: reserved(bytes(16)), minorVersion: u16, majorVersion: u16,
  byteOrder: u16, sectorShift: u16, miniSectorShift: u16, reserved: reserved(bytes(6)), directorySectors: u32,
  fatSectors: u32, firstDirectorySector: u32, transactionSignature: u32, miniStreamCutoff: u32,
  firstMiniFatSector: u32, miniFatSectors: u32, firstDifatSector: u32, difatSectors: u32,
  difat: listOf(headerDifatCount, u32),
});

/** One storage or stream. [MS-CFB] 2.6.1 */
export const DirectoryEntry = struct({
  name: bytes(64), nameSize: u16, objectType: u8, color: u8, leftSibling: u32, rightSibling: u32, child: u32,
  clsid: guid, stateBits: u32, creationTime: fileTime, modifiedTime: fileTime, startingSector: u32, streamSize: u64,
});
export type DirectoryEntry = Of<typeof DirectoryEntry>;

/** [MS-CFB] 2.6.1 */
export const objectTypes = { unused: 0, storage: 1, stream: 2, root: 5 } as const;
export const colors = { red: 0, black: 1 } as const;

/** Streams and storages of a message file. [MS-OXMSG] 2.2 */
export const names = {
  properties: "__properties_version1.0", nameMapping: "__nameid_version1.0", value: "__substg1.0_",
  recipient: "__recip_version1.0_#", attachment: "__attach_version1.0_#",
  guidStream: "__substg1.0_00020102", entryStream: "__substg1.0_00030102", stringStream: "__substg1.0_00040102",
  embedded: "__substg1.0_3701000D",
} as const;

/** Head of a message's property stream; an embedded message has no last field. [MS-OXMSG] 2.4.1 */
export const MessageHeader = struct({
  reserved: reserved(bytes(8)), nextRecipientId: u32, nextAttachmentId: u32, recipientCount: u32, attachmentCount: u32,
});
export const propertyHeaderSizes = { message: 32, embedded: 24, other: 8 } as const;

/** One property: its value, or the size of the stream that holds it. [MS-OXMSG] 2.4.2 */
export const PropertyEntry = struct({ type: u16, id: u16, flags: u32, value: bytes(8) });
export const propertyEntrySize = 16;

/** Flags of a property that may be read and changed. [MS-OXMSG] 2.4.2.1 */
export const propertyFlags = { mandatory: 1, readable: 2, writable: 4 } as const;

/** A named property: number or place of its string, its set and kind, its id less 0x8000. [MS-OXMSG] 2.2.3.1.2 */
export const NameEntry = struct({ identifier: u32, guidIndexAndKind: u16, propertyIndex: u16 });
export const nameEntrySize = 8;

/** The two sets that need no place in the GUID stream. [MS-OXMSG] 2.2.3.1.2 */
export const knownSets = [
  "00020328-0000-0000-c000-000000000046", "00020329-0000-0000-c000-000000000046",
] as const;
export const firstStreamSet = 3;

/** The set of all message files' classes: an OLE server that opens them. [MS-OXMSG] 2.1 */
export const messageClsid = "00020d0b-0000-0000-c000-000000000046";
