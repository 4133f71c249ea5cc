/** vCard 2.1, 3.0 and 4.0 read as contacts and personal distribution lists. [MS-OXVCARD] 2.1.3, [MS-OXOCNTC] 2.2 */
import { getProperty, newItem, newItemObject, setNamed, setProperty } from "#convert/item.ts";
import type { ItemBag } from "#convert/item.ts";
import { encodeOneOff } from "#convert/mime/one-off.ts";
import { toFileTime } from "#convert/mime/times.ts";
import { properties } from "#props/registry.ts";
import {
  addressFields, addressKinds, addressParts, dateFields, emailFields, faxFields, mailingAddress, phoneFields,
  phoneKinds, textFields,
} from "#convert/vcard/fields.ts";
import type { AddressKind, DateField, StringProperty, TextField } from "#convert/vcard/fields.ts";
import { midnightOfDay, noonOfDay, parseDay, parseInstant } from "#convert/vcard/dates.ts";
import { keepUnknown, KnownLines, numberOf, setSensitivity, setSubject, uidName, uidOf } from "#convert/vcard/kept.ts";
import type { Slot } from "#convert/vcard/kept.ts";
import { parameterOf, readComponents, typesOf } from "#convert/vcard/lines.ts";
import type { Component, Line } from "#convert/vcard/lines.ts";
import { formatComponent, line, splitValue, structureOf, unescapeText } from "#convert/vcard/text.ts";
import { escapeText } from "#format/content-lines.ts";
import { composeAddress, fileAsOf, partsOfAddress } from "#convert/vcard/shapes.ts";
import { dataOf } from "#convert/vcard/binary.ts";
import { readMembers } from "#convert/vcard/members.ts";
import type { MemberFinder } from "#convert/vcard/members.ts";

export interface ReadVcard {
  readonly item: ItemBag;
  /** As the card says; "" when it does not. */
  readonly version: string;
}

export interface ReadVcards {
  readonly cards: readonly ReadVcard[];
  readonly faults: readonly string[];
}

export interface VcardReadOptions {
  /** Who a group means by a UID; cards of the same file are known without it. */
  readonly findMember?: MemberFinder;
}

const textByName = new Map<string, TextField>();
for (const field of textFields) for (const name of field.names) textByName.set(name, field);
const dateByName = new Map<string, DateField>();
for (const field of Object.values(dateFields)) for (const name of field.names) dateByName.set(name, field);

/** Kinds of related people, by the type of RELATED or the label of Apple's address book. */
const relatedFields: Readonly<Record<string, StringProperty>> = {
  spouse: properties.PidTagSpouseName, manager: properties.PidTagManagerName, assistant: properties.PidTagAssistant,
};

/** One card on its way into an item. */
class Reading {
  readonly item = newItem();
  readonly known = new KnownLines();
  readonly unknown: Line[] = [];
  readonly members: Line[] = [];
  readonly labels = new Map<string, string>();
  readonly formatted = new Map<AddressKind, Line>();
  readonly emails: { readonly address: string; readonly line: Line; readonly preference: number }[] = [];
  readonly categories: string[] = [];
  readonly children: string[] = [];
  readonly certificates: Uint8Array[] = [];
  version = "";
  isGroup = false;
  mailing: AddressKind | undefined;
  fileAs: string | undefined;

  constructor(card: Component) {
    for (const one of card.lines) {
      if (one.name === "VERSION") this.version = one.value.trim();
      if (one.name === "X-ABLABEL" && one.group !== "") {
        const label = unescapeText(one.value).replace(/^_\$!<(.*)>!\$_$/, "$1");
        this.labels.set(one.group.toLowerCase(), label.toLowerCase());
      }
    }
  }

  /** False when the place is taken or the text is empty. */
  put(property: StringProperty, text: string): boolean {
    if (text === "" || getProperty(this.item, property) !== undefined) return false;
    setProperty(this.item, property, text);
    return true;
  }

  know(slot: Slot, one: Line, isPlain = true): true {
    this.known.add(slot, one, isPlain);
    return true;
  }
}

type Handler = (reading: Reading, one: Line) => boolean;

function readName(reading: Reading, one: Line): boolean {
  if (reading.item.bag.has(properties.PidTagSurname.tag) || reading.item.bag.has(properties.PidTagGivenName.tag)) {
    // A card has one name; readers refuse one with two. RFC 6350 §6.2.2
    return true;
  }
  const [surname = "", given = "", middle = "", prefix = "", suffix = ""] = structureOf(one.value, " ");
  reading.put(properties.PidTagSurname, surname);
  reading.put(properties.PidTagGivenName, given);
  reading.put(properties.PidTagMiddleName, middle);
  reading.put(properties.PidTagDisplayNamePrefix, prefix);
  reading.put(properties.PidTagGeneration, suffix);
  return reading.know("structure/N", one, !splitValue(one.value, ",")[1]);
}

function readOrganization(reading: Reading, one: Line): boolean {
  const [company = "", ...units] = splitValue(one.value, ";").map((unit) => unescapeText(unit).trim());
  if (!reading.put(properties.PidTagCompanyName, company) && company !== "") return false;
  const department = units.filter((unit) => unit !== "").join(";");
  if (department !== "") reading.put(properties.PidTagDepartmentName, department);
  return reading.know("structure/ORG", one, units.every((unit) => unit !== ""));
}

function readPhone(reading: Reading, one: Line): boolean {
  const number = numberOf(one.value);
  if (number === "") return true;
  for (const kind of phoneKinds(typesOf(one))) {
    if (reading.put(phoneFields[kind].property, number)) return reading.know(`tel/${kind}`, one, false);
  }
  return false;
}

function readEmail(reading: Reading, one: Line): boolean {
  const address = unescapeText(one.value).trim().replace(/^mailto:/i, "");
  if (address === "") return true;
  const preference = parameterOf(one, "PREF");
  const number = preference === undefined ? (typesOf(one).has("pref") ? 1 : 101) : Number(preference) || 101;
  reading.emails.push({ address, line: one, preference: number });
  return true;
}

function addressKindOf(one: Line): AddressKind {
  const types = typesOf(one);
  return types.has("work") ? "work" : types.has("home") ? "home" : "other";
}

function readAddress(reading: Reading, one: Line): boolean {
  const kind = addressKindOf(one);
  const field = addressFields[kind];
  const { item } = reading;
  if (addressParts.some((part) => getProperty(item, field[part]) !== undefined)) return false;
  const parts = partsOfAddress(one.value, kind);
  if (Object.values(parts).every((part) => part === "")) return true;
  for (const part of addressParts) reading.put(field[part], parts[part]);
  if (parts.office !== "") reading.put(properties.PidTagOfficeLocation, parts.office);
  if (typesOf(one).has("pref")) reading.mailing ??= kind;
  const label = parameterOf(one, "LABEL");
  if (label !== undefined) reading.put(field.formatted, label.replaceAll(/\r?\n/g, "\r\n"));
  return reading.know(`address/${kind}`, one, false);
}

function readLabel(reading: Reading, one: Line): boolean {
  const kind = addressKindOf(one);
  if (reading.formatted.has(kind)) return false;
  reading.formatted.set(kind, one);
  return true;
}

function readDate(reading: Reading, one: Line, field: DateField): boolean {
  const day = parseDay(unescapeText(one.value));
  if (day === null || getProperty(reading.item, field.property) !== undefined) return false;
  setProperty(reading.item, field.property, noonOfDay(day));
  setProperty(reading.item, field.local, midnightOfDay(day));
  return reading.know(`date/${field.name4}`, one, false);
}

function readUrl(reading: Reading, one: Line): boolean {
  const types = typesOf(one);
  const label = reading.labels.get(one.group.toLowerCase());
  const kind = types.has("home") || types.has("homepage") ? "home"
    : types.has("work") ? "work" : label === "homepage" ? "home" : "page";
  const property = {
    home: properties.PidTagPersonalHomePage, work: properties.PidTagBusinessHomePage, page: properties.PidLidHtml,
  }[kind];
  return reading.put(property, unescapeText(one.value).trim()) && reading.know(`uri/URL:${kind}`, one);
}

function readPhoto(reading: Reading, one: Line): boolean {
  const data = dataOf(one);
  if (data === undefined || reading.item.attachments.length > 0) return false;
  const attachment = newItemObject();
  const extension = { "image/png": "png", "image/gif": "gif", "image/bmp": "bmp", "image/webp": "webp" }[data.type];
  const name = `ContactPicture.${extension ?? "jpg"}`;
  setProperty(attachment, properties.PidTagAttachMethod, 1);
  setProperty(attachment, properties.PidTagAttachDataBinary, data.bytes);
  setProperty(attachment, properties.PidTagAttachLongFilename, name);
  setProperty(attachment, properties.PidTagAttachFilename, name);
  setProperty(attachment, properties.PidTagAttachExtension, name.slice(name.lastIndexOf(".")));
  setProperty(attachment, properties.PidTagAttachMimeTag, data.type);
  setProperty(attachment, properties.PidTagAttachmentContactPhoto, true);
  setProperty(attachment, properties.PidTagAttachmentHidden, true);
  reading.item.attachments.push(attachment);
  setProperty(reading.item, properties.PidLidHasPicture, true);
  return true;
}

function readRelated(reading: Reading, one: Line): boolean {
  const label = reading.labels.get(one.group.toLowerCase());
  const kinds = one.name === "RELATED" ? typesOf(one) : new Set([label ?? ""]);
  const text = unescapeText(one.value).trim();
  if (text === "" || /^(?:urn|https?|mailto):/i.test(text)) return false;
  if (kinds.has("child")) return reading.children.push(text) > 0;
  for (const [kind, property] of Object.entries(relatedFields)) {
    if (kinds.has(kind)) return reading.put(property, text) && reading.know(`text/${property.name}`, one, false);
  }
  return false;
}

const setGroup: Handler = (reading, one) => {
  const kind = one.value.trim().toLowerCase();
  if (kind === "group") reading.isGroup = true;
  return kind === "group" || (kind === "individual" && reading.know("uid/KIND", one, false));
};
const addMember: Handler = (reading, one) => reading.members.push(one) > 0;
const setFileAs: Handler = (reading, one) => {
  if (reading.fileAs !== undefined) return false;
  reading.fileAs = unescapeText(one.value).trim();
  return reading.know("text/FileAs", one);
};
const setGender: Handler = (reading, one) => {
  const value = one.value.trim().toUpperCase();
  const gender = value === "F" || value === "FEMALE" ? 1 : value === "M" || value === "MALE" ? 2 : undefined;
  setProperty(reading.item, properties.PidTagGender, gender);
  return gender !== undefined && reading.know(`uid/GENDER:${gender}`, one, false);
};
const setImAddress: Handler = (reading, one) =>
  reading.put(properties.PidLidInstantMessagingAddress, unescapeText(one.value).trim())
  && reading.know("uri/IMPP", one);
const addChild: Handler = (reading, one) => {
  const names = splitValue(one.value, ",").map((name) => unescapeText(name).trim()).filter((name) => name !== "");
  return reading.children.push(...names) > 0;
};

/** By the name of the line; false keeps it as it is. [MS-OXVCARD] 2.1.3 */
const handlers: Readonly<Record<string, Handler>> = {
  VERSION: () => true, PRODID: () => true, N: readName, ORG: readOrganization, TEL: readPhone, "X-MS-TEL": readPhone,
  FN: (reading, one) => {
    const name = unescapeText(one.value).trim();
    return name === "" || (reading.put(properties.PidTagDisplayName, name) && reading.know("text/FN", one));
  },
  EMAIL: readEmail, ADR: readAddress, LABEL: readLabel, URL: readUrl, PHOTO: readPhoto, RELATED: readRelated,
  "X-ABRELATEDNAMES": readRelated, IMPP: setImAddress, "X-MS-IMADDRESS": setImAddress,
  "X-MS-SPOUSE": (reading, one) => putText(reading, one, properties.PidTagSpouseName),
  "X-SPOUSE": (reading, one) => putText(reading, one, properties.PidTagSpouseName),
  "X-EVOLUTION-SPOUSE": (reading, one) => putText(reading, one, properties.PidTagSpouseName),
  "X-MS-CHILD": addChild, KIND: setGroup, "X-ADDRESSBOOKSERVER-KIND": setGroup,
  MEMBER: addMember, "X-ADDRESSBOOKSERVER-MEMBER": addMember,
  "X-EVOLUTION-FILE-AS": setFileAs, "X-FILE-AS": setFileAs, GENDER: setGender, "X-GENDER": setGender,
  "X-DEPARTMENT": (reading, one) => putText(reading, one, properties.PidTagDepartmentName),
  "X-ABDATE": (reading, one) =>
    reading.labels.get(one.group.toLowerCase()) === "anniversary" && readDate(reading, one, dateFields.anniversary),
  CATEGORIES: (reading, one) => {
    const words = splitValue(one.value, ",").map((word) => unescapeText(word).trim()).filter((word) => word !== "");
    reading.categories.push(...words);
    return reading.know("list/CATEGORIES", one);
  },
  CLASS: (reading, one) => !reading.item.bag.has(properties.PidTagSensitivity.tag)
    && setSensitivity(reading.item, one.value) && reading.know("text/CLASS", one, false),
  UID: (reading, one) => {
    const uid = unescapeText(one.value).trim();
    if (uid === "") return false;
    if (uidOf(reading.item) !== undefined) return true;
    setNamed(reading.item, uidName, "String", uid);
    return reading.know("text/UID", one);
  },
  REV: (reading, one) => {
    const at = parseInstant(one.value);
    if (at === null || reading.item.bag.has(properties.PidTagLastModificationTime.tag)) return false;
    setProperty(reading.item, properties.PidTagLastModificationTime, toFileTime(at));
    return reading.know("instant/REV", one, false);
  },
  KEY: (reading, one) => {
    const data = dataOf(one);
    return data !== undefined && data.bytes[0] === 0x30 && reading.certificates.push(data.bytes) > 0;
  },
  "X-MS-OL-DEFAULT-POSTAL-ADDRESS": (reading, one) => {
    const kind = addressKinds.find((name) => String(addressFields[name].id) === one.value.trim());
    if (kind !== undefined) reading.mailing = kind;
    return kind !== undefined || one.value.trim() === "0";
  },
};

function putText(reading: Reading, one: Line, property: StringProperty): boolean {
  const isList = one.name === "NICKNAME" || one.name === "HOBBY";
  const pieces = isList ? splitValue(one.value, ",") : [one.value];
  const text = pieces.map((piece) => unescapeText(piece)).join(", ");
  return text.trim() === "" || (reading.put(property, text)
    && reading.know(`text/${property.name}`, one, textByName.get(one.name)?.names[0] === one.name));
}

function readOne(reading: Reading, one: Line): boolean {
  const handler = Object.hasOwn(handlers, one.name) ? handlers[one.name] : undefined;
  if (handler !== undefined) return handler(reading, one);
  const text = textByName.get(one.name);
  if (text !== undefined) return putText(reading, one, text.property);
  const date = dateByName.get(one.name);
  return date !== undefined && readDate(reading, one, date);
}

/** Three slots in the order of preference; each has its one-off EntryID. [MS-OXOCNTC] 2.2.1.2 */
function finishAddresses(reading: Reading): void {
  const { item, emails } = reading;
  const name = getProperty(item, properties.PidTagDisplayName) ?? "";
  const providers: number[] = [];
  const sorted = emails.map((email, index) => ({ ...email, index }))
    .sort((one, other) => one.preference - other.preference || one.index - other.index);
  sorted.slice(0, emailFields.length).forEach(({ address, line: from }, index) => {
    const slot = emailFields[index]!;
    setProperty(item, slot.displayName, name === "" ? address : `${name} (${address})`);
    setProperty(item, slot.addressType, "SMTP");
    setProperty(item, slot.address, address);
    setProperty(item, slot.original, address);
    setProperty(item, slot.entryId, encodeOneOff({ name: name || address, addressType: "SMTP", address }));
    providers.push(index);
    reading.known.add("uri/EMAIL", from, false);
  });
  for (const { line: from } of sorted.slice(emailFields.length)) reading.unknown.push(from);
  for (const { index, number, addressType, address, original, entryId } of faxFields) {
    const text = getProperty(item, number);
    if (text === undefined) continue;
    const whole = `${name}@${text}`;
    setProperty(item, addressType, "FAX");
    setProperty(item, address, whole);
    setProperty(item, original, name);
    setProperty(item, entryId, encodeOneOff({ name, addressType: "FAX", address: whole }));
    providers.push(index);
  }
  if (providers.length === 0) return;
  setProperty(item, properties.PidLidAddressBookProviderEmailList, providers);
  setProperty(
    item, properties.PidLidAddressBookProviderArrayType, providers.reduce((bits, index) => bits | (1 << index), 0),
  );
}

function finishPostal(reading: Reading): void {
  const { item, mailing } = reading;
  for (const kind of addressKinds) {
    const field = addressFields[kind];
    const label = reading.formatted.get(kind);
    if (label !== undefined) {
      reading.put(field.formatted, unescapeText(label.value));
      reading.known.add(`text/LABEL:${kind}`, label, false);
    }
    const whole = composeAddress(item, field);
    if (whole !== "") reading.put(field.formatted, whole);
  }
  if (mailing === undefined) return;
  const field = addressFields[mailing];
  setProperty(item, properties.PidLidPostalAddressId, field.id);
  for (const part of [...addressParts, "formatted"] as const) {
    setProperty(item, mailingAddress[part], getProperty(item, field[part]));
  }
}

function finishNames(reading: Reading): void {
  const { item } = reading;
  const text = (property: StringProperty): string => getProperty(item, property) ?? "";
  if (text(properties.PidTagDisplayName) === "") {
    const words = [
      properties.PidTagDisplayNamePrefix, properties.PidTagGivenName, properties.PidTagMiddleName,
      properties.PidTagSurname, properties.PidTagGeneration,
    ].map(text).filter((word) => word !== "");
    const name = words.join(" ") || text(properties.PidTagCompanyName) || (reading.emails[0]?.address ?? "");
    if (name !== "") setProperty(item, properties.PidTagDisplayName, name);
  }
  setSubject(item, text(properties.PidTagDisplayName));
  const { text: fileAs, id } = fileAsOf(item, reading.fileAs);
  setProperty(item, properties.PidLidFileUnder, fileAs);
  setProperty(item, properties.PidLidFileUnderId, id);
  const work = getProperty(item, properties.PidTagBusinessHomePage);
  if (work !== undefined) reading.put(properties.PidLidHtml, work);
}

function finish(reading: Reading, find: MemberFinder | undefined): ItemBag {
  const { item } = reading;
  finishNames(reading);
  finishPostal(reading);
  if (reading.categories.length > 0) setProperty(item, properties.PidNameKeywords, [...new Set(reading.categories)]);
  if (reading.children.length > 0) setProperty(item, properties.PidTagChildrensNames, reading.children);
  if (reading.certificates.length > 0) {
    setProperty(item, properties.PidTagUserX509Certificate, reading.certificates);
  }
  if (reading.isGroup) {
    setProperty(item, properties.PidTagMessageClass, "IPM.DistList");
    setProperty(item, properties.PidTagIconIndex, 0x202);
    setProperty(item, properties.PidLidDistributionListName, getProperty(item, properties.PidTagDisplayName) ?? "");
    reading.unknown.push(...readMembers(item, reading.members, reading.known, find));
    for (const email of reading.emails) reading.unknown.push(email.line);
  } else {
    setProperty(item, properties.PidTagMessageClass, "IPM.Contact");
    setProperty(item, properties.PidTagIconIndex, 0x200);
    finishAddresses(reading);
    reading.unknown.push(...reading.members);
  }
  setProperty(item, properties.PidTagHasAttachments, item.attachments.length > 0);
  keepUnknown(item, reading.unknown);
  reading.known.store(item, reading.version);
  return item;
}

/** A card inside a card is an agent. RFC 2426 §3.5.4 */
function agentsOf({ components }: Component): Line[] {
  return components.filter(({ name }) => name === "VCARD")
    .map((component) => line("AGENT", escapeText(formatComponent(component))));
}

function readCard(card: Component, find: MemberFinder | undefined): ReadVcard {
  const reading = new Reading(card);
  for (const one of card.lines) {
    if (one.name === "AGENT" && one.value.trim() === "" && card.components.length > 0) continue;
    if (!readOne(reading, one)) reading.unknown.push(one);
  }
  reading.unknown.push(...agentsOf(card));
  return { item: finish(reading, find), version: reading.version };
}

/** Cards of a file that have a UID and an address, for its groups. */
function membersInFile(cards: readonly Component[]): MemberFinder {
  const found = new Map<string, { name: string; addressType: string; address: string }>();
  const text = (card: Component, name: string): string =>
    unescapeText(card.lines.find((one) => one.name === name)?.value ?? "").trim();
  for (const card of cards) {
    const uid = text(card, "UID").replace(/^urn:uuid:/i, "");
    const address = text(card, "EMAIL").replace(/^mailto:/i, "");
    if (uid !== "" && address !== "") {
      found.set(uid.toLowerCase(), { name: text(card, "FN") || address, addressType: "SMTP", address });
    }
  }
  return (uid) => found.get(uid.toLowerCase());
}

/**
 * Every card of a file. What a card says and an item has no property for is kept with the item and written again.
 * Throws Fault `tooBig` or `tooMany` for what no program writes. [MS-OXVCARD] 2.1.3, RFC 6350 §3
 */
export function readVcards(bytes: Uint8Array | string, options: VcardReadOptions = {}): ReadVcards {
  const { components, faults } = readComponents(bytes);
  const cards = components.filter(({ name }) => name === "VCARD");
  const inFile = membersInFile(cards);
  const find: MemberFinder = (uid) => options.findMember?.(uid) ?? inFile(uid);
  return { cards: cards.map((card) => readCard(card, find)), faults };
}
