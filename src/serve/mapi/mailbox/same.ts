/** Whether objects have the same properties: what was changed by two at once is known by it. [MS-OXCMSG] 3.2.5.3 */
import type { ItemObject } from "#convert/item.ts";
import { tagId } from "#props/types.ts";
import type { PropertyTag, PropertyValue, ReadonlyPropertyBag } from "#props/types.ts";

function same(a: PropertyValue | undefined, b: PropertyValue | undefined): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0;
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((one: PropertyValue, index) => same(one, b[index] as PropertyValue));
  }
  return Object.is(a, b);
}

function byId(bag: ReadonlyPropertyBag): Map<number, readonly [PropertyTag, PropertyValue]> {
  return new Map([...bag].map(([tag, value]) => [tagId(tag), [tag, value]]));
}

/** The properties of these ids, whatever else differs. */
export function sameWithin(a: ReadonlyPropertyBag, b: ReadonlyPropertyBag, ids: Iterable<number>): boolean {
  const [left, right] = [byId(a), byId(b)];
  for (const id of ids) {
    const [tag, value] = left.get(id) ?? [];
    const [otherTag, other] = right.get(id) ?? [];
    if (tag !== otherTag || !same(value, other)) return false;
  }
  return true;
}

/** Lists of recipients or attachments, in their order. */
export function sameObjects(a: readonly ItemObject[], b: readonly ItemObject[]): boolean {
  return a.length === b.length && a.every(({ bag, named }, index) => {
    const other = b[index]!;
    const isSameNamed = named.size === other.named.size &&
      [...named].every(([key, { value }]) => same(value, other.named.get(key)?.value));
    return bag.size === other.bag.size && isSameNamed && sameWithin(bag, other.bag, [...bag.keys()].map(tagId));
  });
}
