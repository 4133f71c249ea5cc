import { Buffer } from "node:buffer";
import type { DisplayAddress } from "#format/mime/addresses.ts";

/** An address outside the address book, or one told in full. */
export interface OneOff extends DisplayAddress {
  /** "SMTP", "X400", "EX"; upper case. */
  readonly addressType: string;
}

const providerUid = Buffer.from("812b1fa4bea310199d6e00dd010f5402", "hex");
const headerSize = 24;
const unicodeFlag = 0x8000;
/** No rich text is sent there, strings are Unicode, and nobody need look the address up. [MS-OXCDATA] 2.2.5.1 */
const flagsWritten = 0x9001;

/** [MS-OXCDATA] 2.2.5.1 */
export function encodeOneOff({ name, addressType, address }: OneOff): Uint8Array {
  const text = Buffer.from(`${noNul(name)}\0${noNul(addressType)}\0${noNul(address)}\0`, "utf16le");
  const out = Buffer.alloc(headerSize + text.length);
  providerUid.copy(out, 4);
  out.writeUInt16LE(flagsWritten, 22);
  text.copy(out, headerSize);
  return out;
}

/** Null for an EntryID of another kind, or a broken one. 8-bit strings are read as Latin-1. [MS-OXCDATA] 2.2.5.1 */
export function decodeOneOff(bytes: Uint8Array): OneOff | null {
  const source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (source.length < headerSize + 3 || !source.subarray(4, 20).equals(providerUid)) return null;
  const isUnicode = (source.readUInt16LE(22) & unicodeFlag) !== 0;
  const texts = source.toString(isUnicode ? "utf16le" : "latin1", headerSize).split("\0", 4);
  const [name, addressType, address] = texts;
  if (name === undefined || addressType === undefined || address === undefined || texts.length < 4) return null;
  return { name, addressType: addressType.toUpperCase(), address };
}

/** `SMTP:BOB@X.ORG` and a NUL. [MS-OXOABK] PidTagSearchKey */
export function addressSearchKey(addressType: string, address: string): Uint8Array {
  return Buffer.from(`${addressType}:${address}\0`.toUpperCase(), "utf8");
}

/** [MS-OXCDATA] 2.3.3 */
export function encodeFlatEntryList(entryIds: readonly Uint8Array[]): Uint8Array {
  const body: Uint8Array[] = [];
  let size = 0;
  for (const entryId of entryIds) {
    const padding = -entryId.length & 3;
    const length = Buffer.alloc(4);
    length.writeUInt32LE(entryId.length);
    body.push(length, entryId, new Uint8Array(padding));
    size += 4 + entryId.length + padding;
  }
  const header = Buffer.alloc(8);
  header.writeUInt32LE(entryIds.length);
  header.writeUInt32LE(size, 4);
  return Buffer.concat([header, ...body]);
}

/** The EntryIDs that stand in it whole; a broken end is left out. [MS-OXCDATA] 2.3.3 */
export function decodeFlatEntryList(bytes: Uint8Array): Uint8Array[] {
  const source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const out: Uint8Array[] = [];
  if (source.length < 8) return out;
  let left = source.readUInt32LE(0);
  for (let at = 8; left > 0 && at + 4 <= source.length; left--) {
    const length = source.readUInt32LE(at);
    if (length > source.length - at - 4) break;
    out.push(source.subarray(at + 4, at + 4 + length));
    at += 4 + length + (-length & 3);
  }
  return out;
}

function noNul(text: string): string {
  return text.replaceAll("\0", "");
}
