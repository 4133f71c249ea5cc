import { propertySets } from "#props/property-sets.ts";
import { namedKey } from "#convert/item.ts";
import type { ItemObject } from "#convert/item.ts";
import type { NamedId } from "#props/registry.ts";

/** A change of one occurrence that holds for all later ones too. RFC 5545 §3.2.13 */
export const rangeName: NamedId =
  { guid: propertySets.PS_PUBLIC_STRINGS.guid, id: "urn:outpost:icalendar:range" };

/** A named property without a row in the registry. [MS-OXCDATA] 2.6.1 */
export function getNamedString(object: ItemObject, name: NamedId): string | undefined {
  const value = object.named.get(namedKey(name))?.value;
  return typeof value === "string" ? value : undefined;
}
