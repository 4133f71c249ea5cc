/** Properties of address book objects. [MS-OXOABK] 2.2.3 to 2.2.8 */
import type { Ctx } from "#base/ctx.ts";
import type { AddressBook, AddressBookEntry, AddressBookView } from "#directory/address-book.ts";
import { attributeRows } from "#directory/attributes.ts";
import type { AttributeRow } from "#directory/attributes.ts";
import { encode } from "#codec/binary/code.ts";
import { encodeCodePage } from "#format/mapi/code-page.ts";
import { makeTag, propertyTypes, tagId, tagTypeCode, withTypeCode } from "#props/types.ts";
import type { PropertyTag, PropertyTypeName, PropertyValue } from "#props/types.ts";
import { isLink, linkIds, linkedEntries } from "#serve/mapi/address-book/links.ts";
import { addressBookEntryId, displayTypes, ephemeralEntryId } from "#wire/mapi/entry-ids.ts";

/** Numbers below this have a meaning of their own. [MS-OXNSPI] 2.2.9.1 */
const minimalIdOffset = 0x10;
export const minimalIds = { beginning: 0, current: 1, end: 2, unresolved: 0, ambiguous: 1, resolved: 2 } as const;

export const minimalIdOf = (entryId: number): number => entryId + minimalIdOffset;
export const entryIdOf = (minimalId: number): number => minimalId - minimalIdOffset;

/** PidTagObjectType. [MS-OXOABK] 2.2.3.10 */
const objectTypes = { mailUser: 6, distributionList: 8 } as const;

/** PidTagDisplayTypeEx: what it is, and whether rights can be given to it. [MS-OXOABK] 2.2.3.12 */
const displayTypeEx = { room: 7, equipment: 8, securityList: 9, canHaveRights: 0x4000_0000 } as const;

export interface ValueContext {
  readonly ctx: Ctx;
  readonly book: AddressBook;
  readonly view: AddressBookView;
  readonly serverGuid: string;
  /** Entry ids that hold for this session only. [MS-OXNSPI] 2.2.1.9 fEphID */
  readonly ephemeral: boolean;
}

export interface TypedValue {
  readonly type: PropertyTypeName;
  readonly value: PropertyValue;
}

type Compute = (entry: AddressBookEntry, context: ValueContext) =>
  PropertyValue | undefined | Promise<PropertyValue | undefined>;

interface PropertyRow {
  readonly id: number;
  readonly type: PropertyTypeName;
  readonly compute: Compute;
}

const text = (value: string | undefined): string | undefined => (value === "" ? undefined : value);
const isList = (entry: AddressBookEntry): boolean => entry.kind === "group";
/** Members come by a query: nobody adds or takes them, and none of them is known beforehand. */
const isAgent = (entry: AddressBookEntry): boolean => isList(entry) && entry.dynamicQuery !== null;

export function displayTypeOf(entry: AddressBookEntry): number {
  if (isAgent(entry)) return displayTypes.agent;
  if (isList(entry)) return displayTypes.distributionList;
  if (entry.kind === "public-folder") return displayTypes.forum;
  return entry.kind === "contact" ? displayTypes.remoteMailUser : displayTypes.mailUser;
}

function displayTypeExOf(entry: AddressBookEntry): number {
  switch (entry.kind) {
    case "contact": return displayTypes.remoteMailUser;
    case "public-folder": return displayTypes.forum;
    case "group": return isAgent(entry) ? displayTypes.agent : displayTypeEx.canHaveRights | displayTypeEx.securityList;
    case "room": return displayTypeEx.canHaveRights | displayTypeEx.room;
    case "equipment": return displayTypeEx.canHaveRights | displayTypeEx.equipment;
    default: return displayTypeEx.canHaveRights;
  }
}

/** The name that stays. [MS-OXNSPI] 2.2.9.3 */
export function permanentEntryId(entry: AddressBookEntry): Uint8Array {
  return encode(addressBookEntryId, { type: displayTypeOf(entry), x500Dn: entry.legacyDn });
}

function entryIdFor(entry: AddressBookEntry, context: ValueContext): Uint8Array {
  if (!context.ephemeral) return permanentEntryId(entry);
  return encode(ephemeralEntryId, {
    serverGuid: context.serverGuid, displayType: displayTypeOf(entry), minimalId: minimalIdOf(entry.entryId),
  });
}

/** `SMTP:` in capitals marks the one that answers come to. [MS-OXOABK] 2.2.3.23 */
function proxyAddresses(entry: AddressBookEntry): string[] {
  return entry.addresses.map(({ type, value }, index) =>
    `${index === 0 && type === "smtp" ? "SMTP" : type === "smtp" ? "smtp" : type.toUpperCase()}:${value}`);
}

function minimalIdBytes(entry: AddressBookEntry): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(minimalIdOf(entry.entryId));
  return bytes;
}

const mappingSignature = Buffer.from("dca740c8c042101ab4b908002b2fe182", "hex");

async function memberCounts(entry: AddressBookEntry, context: ValueContext, isOutside: boolean):
Promise<number | undefined> {
  if (!isList(entry)) return undefined;
  const members = await context.book.members(context.ctx, entry);
  return isOutside ? members.filter((member) => member.kind === "contact").length : members.length;
}

/** AB_RECIPIENTS and AB_UNMODIFIABLE: members are found in it, and only its own dialog changes them. */
const listContainerFlags = 0x9;

const row = (id: number, type: PropertyTypeName, compute: Compute): PropertyRow => ({ id, type, compute });

/** What every object has, one row each. [MS-OXOABK] 2.2.3 */
const ownRows: readonly PropertyRow[] = [
  row(0x0fff, "Binary", entryIdFor),
  row(0x0ff6, "Binary", minimalIdBytes),
  row(0x0ff8, "Binary", () => mappingSignature),
  row(0x0ff9, "Binary", permanentEntryId),
  row(0x0ffe, "Integer32", (entry) => (isList(entry) ? objectTypes.distributionList : objectTypes.mailUser)),
  row(0x300b, "Binary", (entry) => Buffer.from(`EX:${entry.legacyDn.toUpperCase()}\0`, "latin1")),
  row(0x3001, "String", (entry) => entry.displayName),
  row(0x3002, "String", () => "EX"),
  row(0x3003, "String", (entry) => entry.legacyDn),
  row(0x3600, "Integer32", (entry) => (isList(entry) ? listContainerFlags : undefined)),
  row(0x3900, "Integer32", displayTypeOf),
  row(0x3902, "Binary", permanentEntryId),
  row(0x3905, "Integer32", displayTypeExOf),
  row(0x39fe, "String", (entry) => entry.address),
  row(0x39ff, "String", (entry) => entry.displayName.normalize("NFKD").replace(/[^\x20-\x7e]/g, "")),
  row(0x3a00, "String", (entry) => entry.address.slice(0, entry.address.lastIndexOf("@"))),
  row(0x3a20, "String", (entry) => entry.displayName),
  row(0x3f08, "Integer32", () => 0),
  row(0x3a40, "Boolean", (entry) => entry.kind !== "contact"),
  row(0x8006, "String", (entry) => (entry.mailboxId === null ? undefined
    : "/o=Outpost/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Configuration/cn=Servers/cn=OUTPOST" +
      "/cn=Microsoft Private MDB")),
  row(0x800f, "MultipleString", proxyAddresses),
  row(0x8011, "String", (entry) => (entry.kind === "contact" ? `SMTP:${entry.address}` : undefined)),
  row(0x803c, "String", (entry) => entry.legacyDn),
  row(0x8c6d, "Binary", (entry) => objectGuid(entry)),
  row(0x8cb5, "Boolean", () => false),
  row(0x8cd8, "MultipleString", () => undefined),
  row(0x8ce2, "Integer32", (entry, context) => memberCounts(entry, context, false)),
  row(0x8ce3, "Integer32", (entry, context) => memberCounts(entry, context, true)),
  row(0xfffd, "Integer32", (entry) => minimalIdOf(entry.entryId)),
];

/** A GUID that stays with the entry: made from its distinguished name, which never changes. */
function objectGuid(entry: AddressBookEntry): Uint8Array {
  const random = /cn=([0-9a-f]{32})-/i.exec(entry.legacyDn)?.[1];
  if (random !== undefined) return Buffer.from(random, "hex");
  const bytes = Buffer.alloc(16);
  bytes.writeUInt32LE(entry.entryId);
  return bytes;
}

function attributeCompute(attribute: AttributeRow, type: PropertyTypeName): Compute {
  if (attribute.type === "photo" || attribute.type === "certificate") {
    return async (entry, { ctx, book }) => {
      const values = await book.binary(ctx, entry.entryId, attribute.key);
      return type === "MultipleBinary" ? (values.length === 0 ? undefined : values) : values[0];
    };
  }
  return (entry, { view }) => {
    const values = entry.attributes.get(attribute.key);
    if (values === undefined) return undefined;
    if (type === "Integer32") return Number(values[0]);
    if (attribute.type === "entry") return text(view.byId(Number(values[0]))?.legacyDn);
    return type === "MultipleString" ? values : text(values[0]);
  };
}

const typeNames: ReadonlyMap<number, PropertyTypeName> = new Map(
  Object.entries(propertyTypes).map(([name, { code }]) => [code, name as PropertyTypeName]));

const attributePropertyRows: readonly PropertyRow[] = attributeRows.map((attribute) => {
  const type = typeNames.get(attribute.tag & 0xffff) ?? "String";
  return row(attribute.tag >>> 16, type, attributeCompute(attribute, type));
});

const rowById = new Map([...attributePropertyRows, ...ownRows].map((one) => [one.id, one]));

/** The same lists as names, for clients that cannot open a table behind a property. [MS-OXOABK] 2.2.6.1 */
const linkRows = new Map(Object.values(linkIds).map((id) => [id as number, row(id, "MultipleString",
  async (entry, context) => {
    const names = (await linkedEntries(entry, id, context)).map(({ legacyDn }) => legacyDn);
    return names.length === 0 ? undefined : names;
  })]));

const binaryAttributeIds = new Set(
  attributeRows.filter(({ type }) => type === "photo" || type === "certificate").map(({ tag }) => tag >>> 16));

/** Whether each value has to be read from the store. */
export function isReadOneByOne(id: number): boolean {
  return binaryAttributeIds.has(id) || isLink(id);
}

/** Whether objects have such a property at all. */
export function isKnownProperty(id: number): boolean {
  return rowById.has(id) || linkRows.has(id);
}

/** Tags of everything an object may have, text as Unicode. */
export const knownTags: readonly PropertyTag[] = [...rowById.values()].map((one) => makeTag(one.id, one.type));

/** The value as it is kept; undefined when the object has none. */
export async function valueOf(
  entry: AddressBookEntry, id: number, context: ValueContext,
): Promise<TypedValue | undefined> {
  const found = rowById.get(id) ?? linkRows.get(id);
  const value = await found?.compute(entry, context);
  return found === undefined || value === undefined ? undefined : { type: found.type, value };
}

/** The value in the type a client asks for; undefined when it has none of that type. */
export async function valueFor(
  entry: AddressBookEntry, tag: PropertyTag, context: ValueContext, codePage: number,
): Promise<{ typeCode: number; value: PropertyValue } | undefined> {
  const found = await valueOf(entry, tagId(tag), context);
  if (found === undefined) return undefined;
  const kept = propertyTypes[found.type].code;
  const asked = tagTypeCode(tag) & ~0x2000;
  if (asked === kept || asked === 0) return { typeCode: kept, value: found.value };
  if (asked === propertyTypes.String8.code && typeof found.value === "string") {
    return { typeCode: asked, value: toText8(found.value, codePage) };
  }
  if (asked === propertyTypes.MultipleString8.code && found.type === "MultipleString") {
    return { typeCode: asked, value: (found.value as readonly string[]).map((one) => toText8(one, codePage)) };
  }
  return undefined;
}

export const toText8 = encodeCodePage;

/** Columns of a client that names none. [MS-OXNSPI] 3.1.4.1.8 */
export const defaultColumns: readonly PropertyTag[] = [
  makeTag(0xfffd, "Integer32"), makeTag(0x0ffe, "Integer32"), makeTag(0x3900, "Integer32"),
  makeTag(0x3001, "String8"), makeTag(0x3a1a, "String8"), makeTag(0x3a18, "String8"), makeTag(0x3a19, "String8"),
];

/** The tags as a client of a code page sees them. */
export function asText8(tag: PropertyTag): PropertyTag {
  const code = tagTypeCode(tag);
  if (code === propertyTypes.String.code) return withTypeCode(tag, propertyTypes.String8.code);
  return code === propertyTypes.MultipleString.code ? withTypeCode(tag, propertyTypes.MultipleString8.code) : tag;
}

/** The way back. */
export function asUnicode(tag: PropertyTag): PropertyTag {
  const code = tagTypeCode(tag);
  if (code === propertyTypes.String8.code) return withTypeCode(tag, propertyTypes.String.code);
  return code === propertyTypes.MultipleString8.code ? withTypeCode(tag, propertyTypes.MultipleString.code) : tag;
}
