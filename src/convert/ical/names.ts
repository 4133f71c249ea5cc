import { namedKey } from "#convert/item.ts";
import type { ItemObject } from "#convert/item.ts";
import type { NamedId } from "#props/registry.ts";

/** A named property without a row in the registry. [MS-OXCDATA] 2.6.1 */
export function getNamedString(object: ItemObject, name: NamedId): string | undefined {
  const value = object.named.get(namedKey(name))?.value;
  return typeof value === "string" ? value : undefined;
}
