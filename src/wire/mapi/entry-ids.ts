/** Entry ids: how clients name objects across stores. [MS-OXCDATA] 2.2 */
import { bytes, guid, latin1z, utf16z } from "#codec/binary/bytes.ts";
import { constant, choose, reserved, struct, when } from "#codec/binary/combine.ts";
import { decode } from "#codec/binary/code.ts";
import { u16, u32, u8 } from "#codec/binary/numbers.ts";
import type { Of, Type } from "#codec/binary/type.ts";
import { WireError } from "#base/fault.ts";
import { globalCounter } from "#props/object-ids.ts";

/** Providers, as the text of their GUID. [MS-OXCDATA] 2.2.4, 2.2.5 */
export const providers = {
  addressBook: "c840a7dc-42c0-1a10-b4b9-08002b2fe182",
  oneOff: "a41f2b81-a3be-1910-9d6e-00dd010f5402",
  store: "10bba138-e505-1a10-a1bb-08002b2a56c2",
  publicFolders: "9073441a-66aa-cd11-9bc8-00aa002fc45a",
  contactAddress: "0aaa42fe-c718-101a-e885-0b651c240000",
  listMember: "d3ad91c0-9d51-11cf-a4a9-00aa0047faa4",
} as const;

const flags = constant(u32, 0);

/** FolderType and MessageType. [MS-OXCDATA] 2.2.4.1, 2.2.4.2 */
export const objectTypes = { privateFolder: 1, publicFolder: 3, privateMessage: 7, publicMessage: 9 } as const;

/** 46 bytes; the provider is the mailbox's own GUID. [MS-OXCDATA] 2.2.4.1 */
export const folderEntryId = struct({
  flags, provider: guid, folderType: u16, databaseGuid: guid, counter: globalCounter, pad: reserved(u16),
});
export type FolderEntryId = Of<typeof folderEntryId>;

/** 70 bytes. [MS-OXCDATA] 2.2.4.2 */
export const messageEntryId = struct({
  flags, provider: guid, messageType: u16, folderDatabaseGuid: guid, folderCounter: globalCounter,
  folderPad: reserved(u16), messageDatabaseGuid: guid, messageCounter: globalCounter, messagePad: reserved(u16),
});
export type MessageEntryId = Of<typeof messageEntryId>;

/** What a store entry id wraps. [MS-OXCDATA] 2.2.4.3 */
export const wrappedProviders = {
  mailbox: "20fa551b-66aa-cd11-9bc8-00aa002fc45a", publicFolders: "1002831c-66aa-cd11-9bc8-00aa002fc45a",
} as const;
export const storeTypes = { mailbox: 0x0c, publicFolders: 0x06 } as const;

/** [MS-OXCDATA] 2.2.4.3 */
export const storeEntryId = struct({
  flags, provider: constant(guid, providers.store), version: constant(u8, 0), flag: constant(u8, 0),
  dllFileName: bytes(14), wrappedFlags: constant(u32, 0), wrappedProvider: guid, wrappedType: u32,
  serverShortName: latin1z, mailboxDn: when((scope) => scope.get("wrappedType") === storeTypes.mailbox, latin1z),
});

/** `emsmdb.dll`, filled up with NULs. [MS-OXCDATA] 2.2.4.3 */
export const storeDllFileName = Buffer.from("emsmdb.dll\0\0\0\0", "latin1");

/** DisplayType in an address book entry id, and PidTagDisplayType. [MS-OXNSPI] 2.2.1.3 */
export const displayTypes = {
  mailUser: 0, distributionList: 1, forum: 2, agent: 3, organization: 4, privateList: 5, remoteMailUser: 6,
  container: 0x100, template: 0x101, addressTemplate: 0x102, search: 0x200,
} as const;

/** The permanent form: by the X.500 name. [MS-OXCDATA] 2.2.5.2, [MS-OXNSPI] 2.2.9.3 */
export const addressBookEntryId = struct({
  flags, provider: constant(guid, providers.addressBook), version: constant(u32, 1), type: u32, x500Dn: latin1z,
});

/** The form that holds for one session: by the Minimal Entry ID. [MS-OXNSPI] 2.2.9.2 */
export const ephemeralEntryId = struct({
  flags: constant(u32, 0x87), serverGuid: guid, version: constant(u32, 1), displayType: u32, minimalId: u32,
});

const isUnicode = 0x8000;
const oneOffText: Type<string> = choose(
  (scope) => ((scope.number("bits") & isUnicode) !== 0 ? "wide" : "narrow"), { wide: utf16z, narrow: latin1z });

/** An address that stands in no address book. [MS-OXCDATA] 2.2.5.1 */
export const oneOffEntryId = struct({
  flags, provider: constant(guid, providers.oneOff), version: constant(u16, 0), bits: u16, displayName: oneOffText,
  addressType: oneOffText, emailAddress: oneOffText,
});

const kinds = [
  ["folder", folderEntryId], ["message", messageEntryId], ["addressBook", addressBookEntryId],
  ["oneOff", oneOffEntryId], ["store", storeEntryId], ["ephemeral", ephemeralEntryId],
] as const;

type KindRow = (typeof kinds)[number];
export type AnyEntryId = {
  [R in KindRow as R[0]]: { readonly kind: R[0]; readonly value: Of<R[1]> };
}[KindRow[0]];

/** What an entry id names; null for one that none of the layouts fits. [MS-OXCDATA] 2.2 */
export function parseEntryId(raw: Uint8Array): AnyEntryId | null {
  for (const [kind, layout] of kinds) {
    if (kind === "folder" && raw.length !== 46) continue;
    if (kind === "message" && raw.length !== 70) continue;
    try {
      // Trailing bytes are the newer forms of store entry ids, and padding.
      const value = decode(layout as Type<unknown>, raw, { trailing: "ignore" });
      return { kind, value } as AnyEntryId;
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
    }
  }
  return null;
}
