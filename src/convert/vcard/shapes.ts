/** Addresses and names put together from their parts. [MS-OXOCNTC] 2.2.1.1, 2.2.1.3 */
import { getProperty } from "#convert/item.ts";
import type { ItemObject } from "#convert/item.ts";
import { properties } from "#props/registry.ts";
import { dayOfTime } from "#convert/vcard/dates.ts";
import type { addressParts, AddressField, AddressKind, DateField, StringProperty } from "#convert/vcard/fields.ts";
import { structureOf, splitValue, unescapeText } from "#convert/vcard/text.ts";

type AddressTexts = Record<(typeof addressParts)[number] | "office", string>;

/** The parts of ADR; the second of a work address is the office, as Outlook has it. RFC 6350 §6.3.1 */
export function partsOfAddress(value: string, kind: AddressKind): AddressTexts {
  const parts = structureOf(value, ", ");
  const [postOfficeBox = "", extended = "", , city = "", state = "", postalCode = "", country = ""] = parts;
  const lines = splitValue(splitValue(value, ";")[2] ?? "", ",").map((piece) => unescapeText(piece).trim());
  const street = [kind === "work" ? "" : extended, ...lines].filter((text) => text !== "").join("\r\n");
  return { postOfficeBox, street, city, state, postalCode, country, office: kind === "work" ? extended : "" };
}

/** The address as it stands on a letter. [MS-OXOCNTC] 2.2.1.3.8 */
export function composeAddress(item: ItemObject, field: AddressField): string {
  const text = (property: StringProperty): string => getProperty(item, property) ?? "";
  const region = [text(field.state), text(field.postalCode)].filter((part) => part !== "").join(" ");
  const place = [text(field.city), region].filter((part) => part !== "").join(", ");
  return [text(field.postOfficeBox), text(field.street), place, text(field.country)]
    .filter((part) => part !== "").join("\r\n");
}

/** PidLidFileUnderId. [MS-OXOCNTC] 2.2.1.1.12 */
const fileAsIds = { displayName: 0x3001, company: 0x3a16, lastFirst: 0x8017, custom: -1 } as const;

/** What a contact is filed under, and by which rule. [MS-OXOCNTC] 2.2.1.1.11 */
export function fileAsOf(item: ItemObject, told: string | undefined): { readonly text: string; readonly id: number } {
  const text = (property: StringProperty): string => getProperty(item, property) ?? "";
  const given = [text(properties.PidTagGivenName), text(properties.PidTagMiddleName)]
    .filter((word) => word !== "").join(" ");
  const lastFirst = [text(properties.PidTagSurname), given].filter((word) => word !== "").join(", ");
  const shapes = [
    { text: lastFirst, id: fileAsIds.lastFirst },
    { text: text(properties.PidTagDisplayName), id: fileAsIds.displayName },
    { text: text(properties.PidTagCompanyName), id: fileAsIds.company },
  ];
  if (told !== undefined && told !== "") {
    return shapes.find((shape) => shape.text === told) ?? { text: told, id: fileAsIds.custom };
  }
  return shapes.find((shape) => shape.text !== "") ?? { text: "", id: fileAsIds.displayName };
}

/** The day of a birthday or anniversary; the local one where there is one. [MS-OXOCNTC] 2.2.1.5 */
export function dayOf(item: ItemObject, { property, local }: DateField): ReturnType<typeof dayOfTime> {
  const time = getProperty(item, local) ?? getProperty(item, property);
  return time === undefined ? null : dayOfTime(time);
}
