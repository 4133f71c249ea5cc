import { propertySets } from "#props/property-sets.ts";
import type { PropertySpellings, PropertyRow, TaggedRow } from "#props/row.ts";
import { addressBookProperties } from "#props/table/address-book.ts";
import { attachmentProperties } from "#props/table/attachment.ts";
import { calendarProperties } from "#props/table/calendar.ts";
import { contactProperties } from "#props/table/contact.ts";
import { folderProperties } from "#props/table/folder.ts";
import { messageProperties } from "#props/table/message.ts";
import { ruleProperties } from "#props/table/rule.ts";
import { sharingProperties } from "#props/table/sharing.ts";
import { taskProperties } from "#props/table/task.ts";
import { makeTag } from "#props/types.ts";
import type { PropertyTag, PropertyTypeName, ReadonlyPropertyBag, ValueOf } from "#props/types.ts";

/** Every property of [MS-OXPROPS] 2, one row each. */
const rows = {
  ...addressBookProperties, ...attachmentProperties, ...calendarProperties, ...contactProperties, ...folderProperties,
  ...messageProperties, ...ruleProperties, ...sharingProperties, ...taskProperties,
} as const;

export type PropertyName = keyof typeof rows;

/** What a named property is known by: its set and, inside it, a number or a string. [MS-OXCDATA] 2.6.1 */
export interface NamedId {
  /** GUID of the set, lower case. */
  readonly guid: string;
  readonly id: number | string;
}

interface PropertyBase<N extends PropertyTypeName> extends PropertySpellings {
  /** Canonical name, `PidTagSubject`. */
  readonly name: string;
  readonly type: N;
}
export interface TaggedProperty<N extends PropertyTypeName = PropertyTypeName> extends PropertyBase<N> {
  readonly tag: PropertyTag;
  readonly named: undefined;
}
export interface NamedProperty<N extends PropertyTypeName = PropertyTypeName> extends PropertyBase<N> {
  readonly tag: undefined;
  readonly named: NamedId;
}
export type Property = TaggedProperty | NamedProperty;

type PropertyOf<R extends PropertyRow> = R extends TaggedRow ? TaggedProperty<R["type"]> : NamedProperty<R["type"]>;

function toProperty(name: string, row: PropertyRow): Property {
  const { ews, eas, header, ical, vcard } = row;
  const base = { name, type: row.type, ews, eas, header, ical, vcard };
  if ("id" in row) return { ...base, tag: makeTag(row.id, row.type), named: undefined };
  const id = "lid" in row ? row.lid : row.string;
  return { ...base, tag: undefined, named: { guid: propertySets[row.set].guid, id } };
}

/** Every property by its canonical name: `properties.PidTagSubject.tag`. */
export const properties = Object.fromEntries(
  Object.entries(rows).map(([name, row]) => [name, toProperty(name, row)]),
) as { readonly [K in PropertyName]: PropertyOf<(typeof rows)[K]> };

const all: readonly Property[] = Object.values(properties);

function groupBy(keysOf: (property: Property) => readonly (string | number)[]): Map<string | number, Property[]> {
  const groups = new Map<string | number, Property[]>();
  for (const property of all) {
    for (const key of keysOf(property)) {
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [property]);
      else group.push(property);
    }
  }
  return groups;
}

/** The spellings of a property in one protocol, as a list. */
export function spellings(property: Property, protocol: keyof PropertySpellings): readonly string[] {
  const spelling = property[protocol];
  return spelling === undefined ? [] : typeof spelling === "string" ? [spelling] : spelling;
}

/** Names of header fields do not tell capitals apart; all other strings do. */
function namedKey({ guid, id }: NamedId): string {
  if (typeof id === "number") return `${guid} ${id}`;
  return `${guid} "${guid === propertySets.PS_INTERNET_HEADERS.guid ? id.toLowerCase() : id}`;
}

const byTag = groupBy((property) => (property.tag === undefined ? [] : [property.tag]));
const byNamedId = groupBy((property) => (property.named === undefined ? [] : [namedKey(property.named)]));
const byFieldUri = groupBy((property) => spellings(property, "ews"));
const byElement = groupBy((property) => spellings(property, "eas"));
const none: readonly Property[] = [];

/** The value of a property in a bag, typed by its row: `valueIn(bag, properties.PidTagSubject)`. */
export function valueIn<N extends PropertyTypeName>(
  bag: ReadonlyPropertyBag, property: TaggedProperty<N>,
): ValueOf<N> | undefined {
  return bag.get(property.tag) as ValueOf<N> | undefined;
}

export function propertyByName(name: string): Property | undefined {
  return Object.hasOwn(properties, name) ? properties[name as PropertyName] : undefined;
}

/** All meanings of a tag: some ids mean one thing on a message and another on a folder or an address book object. */
export function propertiesByTag(tag: PropertyTag): readonly Property[] {
  return byTag.get(tag) ?? none;
}

/** Some sets hold two names for one id (older and newer specifications); the first row is given. */
export function propertyByNamedId(named: NamedId): Property | undefined {
  return byNamedId.get(namedKey(named))?.[0];
}

/** The properties that an EWS FieldURI shows directly, one in almost every case. */
export function propertiesByFieldUri(fieldUri: string): readonly Property[] {
  return byFieldUri.get(fieldUri) ?? none;
}

/** The properties that an ActiveSync element, `CodePage:Element`, carries directly. */
export function propertiesByElement(element: string): readonly Property[] {
  return byElement.get(element) ?? none;
}
