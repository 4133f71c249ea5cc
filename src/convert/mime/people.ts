import { Buffer } from "node:buffer";
import { properties } from "#props/registry.ts";
import { getProperty, newItemObject, setProperty } from "#convert/item.ts";
import { addressSearchKey, decodeOneOff, encodeOneOff } from "#convert/mime/one-off.ts";
import type { DisplayAddress } from "#format/mime/addresses.ts";
import type { ItemObject, ItemRecipient } from "#convert/item.ts";

const p = properties;

/** Where a message keeps one of its people. [MS-OXOMSG] 2.2.1 */
const roles = {
  sender: {
    name: p.PidTagSenderName, addressType: p.PidTagSenderAddressType, email: p.PidTagSenderEmailAddress,
    smtp: p.PidTagSenderSmtpAddress, entryId: p.PidTagSenderEntryId, searchKey: p.PidTagSenderSearchKey,
  },
  representing: {
    name: p.PidTagSentRepresentingName, addressType: p.PidTagSentRepresentingAddressType,
    email: p.PidTagSentRepresentingEmailAddress, smtp: p.PidTagSentRepresentingSmtpAddress,
    entryId: p.PidTagSentRepresentingEntryId, searchKey: p.PidTagSentRepresentingSearchKey,
  },
  readReceipt: {
    name: p.PidTagReadReceiptName, addressType: p.PidTagReadReceiptAddressType,
    email: p.PidTagReadReceiptEmailAddress, smtp: p.PidTagReadReceiptSmtpAddress,
    entryId: p.PidTagReadReceiptEntryId, searchKey: p.PidTagReadReceiptSearchKey,
  },
  receivedBy: {
    name: p.PidTagReceivedByName, addressType: p.PidTagReceivedByAddressType, email: p.PidTagReceivedByEmailAddress,
    smtp: p.PidTagReceivedBySmtpAddress, entryId: p.PidTagReceivedByEntryId, searchKey: p.PidTagReceivedBySearchKey,
  },
  receivedRepresenting: {
    name: p.PidTagReceivedRepresentingName, addressType: p.PidTagReceivedRepresentingAddressType,
    email: p.PidTagReceivedRepresentingEmailAddress, smtp: p.PidTagReceivedRepresentingSmtpAddress,
    entryId: p.PidTagReceivedRepresentingEntryId, searchKey: p.PidTagReceivedRepresentingSearchKey,
  },
  recipient: {
    name: p.PidTagDisplayName, addressType: p.PidTagAddressType, email: p.PidTagEmailAddress,
    smtp: p.PidTagSmtpAddress, entryId: p.PidTagEntryId, searchKey: p.PidTagSearchKey,
  },
} as const;

export type Role = keyof typeof roles;

/** [MS-OXCMAIL] 2.2.3.1 */
export function setPerson(object: ItemObject, role: Role, person: DisplayAddress): void {
  const row = roles[role];
  const name = person.name === "" ? person.address : person.name;
  setProperty(object, row.name, name);
  setProperty(object, row.addressType, "SMTP");
  setProperty(object, row.email, person.address);
  setProperty(object, row.smtp, person.address);
  setProperty(object, row.entryId, encodeOneOff({ name, addressType: "SMTP", address: person.address }));
  setProperty(object, row.searchKey, addressSearchKey("SMTP", person.address));
}

/** Somebody of the address book, as it names them. [MS-OXOABK] 2.2.3.13, 2.2.3.14, [MS-OXCDATA] 2.2.5.2 */
export function setBookPerson(object: ItemObject, role: Role, person: DisplayAddress, legacyDn: string): void {
  setPerson(object, role, person);
  const row = roles[role];
  setProperty(object, row.addressType, "EX");
  setProperty(object, row.email, legacyDn);
  setProperty(object, row.entryId, Buffer.concat([addressBookUser, Buffer.from(`${legacyDn}\0`, "latin1")]));
  setProperty(object, row.searchKey, addressSearchKey("EX", legacyDn));
}

/** A permanent entry id before its name: flags, provider, version 1, a local mail user. [MS-OXCDATA] 2.2.5.2 */
const addressBookUser = Buffer.from("00000000dca740c8c042101ab4b908002b2fe1820100000000000000", "hex");

export type RecipientType = 1 | 2 | 3;

/** A row of the recipient table: 1 To, 2 Cc, 3 Bcc. [MS-OXCMAIL] 2.2.3.1, [MS-OXCMSG] 2.2.3.1.2 */
export function newRecipient(type: RecipientType, person: DisplayAddress, index: number): ItemRecipient {
  const recipient = newItemObject();
  setPerson(recipient, "recipient", person);
  const name = person.name === "" ? person.address : person.name;
  setProperty(recipient, p.PidTagRecipientType, type);
  setProperty(recipient, p.PidTagRowid, index);
  setProperty(recipient, p.PidTagObjectType, 6);
  setProperty(recipient, p.PidTagDisplayType, 0);
  setProperty(recipient, p.PidTagRecipientDisplayName, name);
  setProperty(recipient, p.PidTagTransmittableDisplayName, name);
  setProperty(recipient, p.PidTagSendRichInfo, false);
  setProperty(recipient, p.PidTagResponsibility, false);
  setProperty(recipient, p.PidTagRecipientFlags, 1);
  return recipient;
}

/** Turns an address that is not of the Internet into one that is; null when it cannot. */
export type ResolveAddress = (addressType: string, address: string) => string | null;

/** The person to name in a header field, or null when the object tells no address. [MS-OXCMAIL] 2.1.3.1 */
export function getPerson(object: ItemObject, role: Role, resolve: ResolveAddress): DisplayAddress | null {
  const row = roles[role];
  const [givenType, givenEmail] = [getProperty(object, row.addressType), getProperty(object, row.email)];
  const givenName = getProperty(object, row.name);
  const isWhole = givenType !== undefined && givenEmail !== undefined && givenName !== undefined;
  const entryId = isWhole ? undefined : getProperty(object, row.entryId);
  const oneOff = entryId === undefined ? null : decodeOneOff(entryId);
  const addressType = (givenType ?? oneOff?.addressType ?? "SMTP").toUpperCase();
  const email = givenEmail ?? oneOff?.address;
  const smtp = addressType === "SMTP" && email !== undefined && email !== "" ? email : getProperty(object, row.smtp);
  const address = smtp ?? (email === undefined || email === "" ? null : resolve(addressType, email));
  if (address === null || address === undefined || address === "") return null;
  const name = givenName ?? oneOff?.name ?? "";
  return { name: name === address ? "" : name, address };
}

/**
 * An address of another kind inside an Internet one: `IMCEAEX-_o=Org_cn=bob@domain`. Letters, digits, "-" and "=" stay,
 * "/" becomes "_", the rest "+" and two hexadecimal digits. [MS-OXCMAIL] 2.1.3.1 (encapsulated addresses)
 */
export function encapsulate(addressType: string, address: string, domain: string): string {
  let out = `IMCEA${addressType.replaceAll(/[^A-Za-z0-9]/g, "")}-`;
  for (const byte of Buffer.from(address, "utf8")) {
    const character = String.fromCharCode(byte);
    if (/[A-Za-z0-9=-]/.test(character)) out += character;
    else out += character === "/" ? "_" : `+${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return `${out}@${domain}`;
}

/** PidTagRecipientFlags: the organizer of the meeting. [MS-OXOCAL] 2.2.4.10.1 */
const organizerFlag = 2;

/** Whether a recipient of a meeting is who called it, and so gets no mail. [MS-OXOCAL] 2.2.4.10.1 */
export const isOrganizer = (recipient: ItemObject): boolean =>
  ((getProperty(recipient, properties.PidTagRecipientFlags) ?? 0) & organizerFlag) !== 0;
