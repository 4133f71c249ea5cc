/** What clients set beside the bytes of a message. Pure. */
import type { ItemObject } from "#convert/item.ts";
import type { PropertyNameMap } from "#mailbox/items/names.ts";
import { namedKey } from "#convert/item.ts";
import { isNamedTag, propertyTypes, tagId, tagTypeCode, withTypeCode } from "#props/types.ts";
import type { PropertyBag, PropertyTag, ReadonlyPropertyBag } from "#props/types.ts";

/** A property of the bytes that a client took away stands in the overlay with this type. */
const removedType = propertyTypes.Null.code;

export function removedMark(tag: PropertyTag): PropertyTag {
  return withTypeCode(tag, removedType);
}

/** The item with the overlay's values in the place of those the bytes tell. The maps are changed in place. */
export function applyOverlay(item: ItemObject, overlay: ReadonlyPropertyBag, names: PropertyNameMap): ItemObject {
  for (const [tag, value] of overlay) {
    const name = isNamedTag(tag) ? names.nameOf(tagId(tag)) : undefined;
    if (name !== undefined) item.named.delete(namedKey(name));
    deleteId(item.bag, tagId(tag));
    if (tagTypeCode(tag) === removedType) continue;
    const { bag, named } = names.toItemObject(new Map([[tag, value]]));
    for (const [key, one] of bag) item.bag.set(key, one);
    for (const [key, one] of named) item.named.set(key, one);
  }
  return item;
}

/** Removes every value of a property, whatever type it has. */
export function deleteId(bag: PropertyBag, id: number): boolean {
  let found = false;
  for (const tag of bag.keys()) {
    if (tagId(tag) !== id) continue;
    bag.delete(tag);
    found = true;
  }
  return found;
}
