/** Between objects and the encoded bags of rows. Pure. */
import { limits } from "#base/limits.ts";
import { namedKey } from "#convert/item.ts";
import { bagGet, bagTags, decodeBag, encodeBag } from "#props/bag.ts";
import { isNamedTag, propertyTypeName, tagId, tagTypeCode } from "#props/types.ts";
import type { ItemObject, NamedValue } from "#convert/item.ts";
import type { NamedId } from "#props/registry.ts";
import type { PropertyBag, PropertyTag, PropertyValue, ReadonlyPropertyBag } from "#props/types.ts";

export interface EncodedBags {
  readonly bag: Uint8Array;
  readonly values: { readonly tag: number; readonly value: Uint8Array }[];
}

/** About the bytes a value takes: exact enough to tell large from small. */
function aboutSize(value: PropertyValue): number {
  if (typeof value === "string") return value.length * 2;
  if (value instanceof Uint8Array) return value.length;
  if (!Array.isArray(value)) return 8;
  return (value as readonly PropertyValue[]).reduce<number>((sum, one) => sum + aboutSize(one), 0);
}

/** Large values apart, so that lists need not read past them. */
export function encodeBags(bag: ReadonlyPropertyBag): EncodedBags {
  const small: PropertyBag = new Map();
  const values: { tag: number; value: Uint8Array }[] = [];
  for (const [tag, value] of bag) {
    if (aboutSize(value) <= limits.itemValueInBagMaxBytes) small.set(tag, value);
    else values.push({ tag, value: encodeBag(new Map([[tag, value]])) });
  }
  return { bag: encodeBag(small), values };
}

/** All properties by tag, in the order of the tags when nothing is large. */
export function decodeBags({ bag, values }: { bag: Uint8Array | null; values: readonly Uint8Array[] }): PropertyBag {
  const out: PropertyBag = bag === null ? new Map() : decodeBag(bag);
  for (const encoded of values) for (const [tag, value] of decodeBag(encoded)) out.set(tag, value);
  return out;
}

/** Only the properties that are wanted; no other value is looked at. */
export function decodeSome(bag: Uint8Array, wants: (tag: PropertyTag) => boolean): PropertyBag {
  const out: PropertyBag = new Map();
  for (const tag of bagTags(bag)) {
    const value = wants(tag) ? bagGet(bag, tag) : undefined;
    if (value !== undefined) out.set(tag, value);
  }
  return out;
}

/** The same with named properties by name, as far as `names` knows them. */
export function bagsToObject(
  bags: { bag: Uint8Array | null; values: readonly Uint8Array[] }, names: ReadonlyMap<number, NamedId>,
): ItemObject {
  return splitNamed(decodeBags(bags), names);
}

/** What has no name, or shares its name with another value, stays under its tag. */
export function splitNamed(bag: ReadonlyPropertyBag, names: ReadonlyMap<number, NamedId>): ItemObject {
  const out = { bag: new Map<PropertyTag, PropertyValue>(), named: new Map<string, NamedValue>() };
  for (const [tag, value] of bag) {
    const name = isNamedTag(tag) ? names.get(tagId(tag)) : undefined;
    const type = propertyTypeName(tagTypeCode(tag));
    const key = name === undefined ? "" : namedKey(name);
    if (name === undefined || type === undefined || out.named.has(key)) out.bag.set(tag, value);
    else out.named.set(key, { name, type, value });
  }
  return out;
}
