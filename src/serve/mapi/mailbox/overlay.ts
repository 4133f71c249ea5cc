/** What a client set and removed over what is stored, until it is saved. [MS-OXCMSG] 3.1.4 */
import { tagId } from "#props/types.ts";
import type { PropertyBag, PropertyTag, PropertyValue } from "#props/types.ts";

export class Overlay {
  readonly set = new Map<PropertyTag, PropertyValue>();
  readonly removed = new Map<number, PropertyTag>();

  get isEmpty(): boolean {
    return this.set.size === 0 && this.removed.size === 0;
  }

  put(tag: PropertyTag, value: PropertyValue): void {
    const id = tagId(tag);
    for (const known of [...this.set.keys()]) if (tagId(known) === id) this.set.delete(known);
    this.removed.delete(id);
    this.set.set(tag, value);
  }

  take(tag: PropertyTag): void {
    const id = tagId(tag);
    for (const known of [...this.set.keys()]) if (tagId(known) === id) this.set.delete(known);
    this.removed.set(id, tag);
  }

  over(base: ReadonlyMap<PropertyTag, PropertyValue>): PropertyBag {
    const bag: PropertyBag = new Map();
    const hidden = new Set([...this.removed.keys(), ...[...this.set.keys()].map(tagId)]);
    for (const [tag, value] of base) if (!hidden.has(tagId(tag))) bag.set(tag, value);
    for (const [tag, value] of this.set) bag.set(tag, value);
    return bag;
  }

  /** Ids of all that it says something of. */
  ids(): Set<number> {
    return new Set([...[...this.set.keys()].map(tagId), ...this.removed.keys()]);
  }

  clear(): void {
    this.set.clear();
    this.removed.clear();
  }

  copy(): Overlay {
    const copy = new Overlay();
    for (const [tag, value] of this.set) copy.set.set(tag, value);
    for (const [id, tag] of this.removed) copy.removed.set(id, tag);
    return copy;
  }
}
