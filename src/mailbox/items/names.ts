/** The names behind the ids of one mailbox's named properties. A pair once given out never changes. */
import { Buffer } from "node:buffer";
import type { Ctx } from "#base/ctx.ts";
import type { MailboxId } from "#base/ids.ts";
import { namedKey } from "#convert/item.ts";
import { takePropertyIds } from "#mailbox/tx/named-properties.ts";
import { rowSources } from "#mailbox/items/computed.ts";
import { splitNamed } from "#mailbox/items/stored-bags.ts";
import { isNamedTag, makeTag, tagId } from "#props/types.ts";
import type { ItemObject, NamedValue } from "#convert/item.ts";
import type { NewObject, PropertyNames } from "#mailbox/items-api.ts";
import type { PropertyName } from "#mailbox/tx/named-properties.ts";
import type { NamedId } from "#props/registry.ts";
import type { PropertyBag, PropertyTag, ReadonlyPropertyBag } from "#props/types.ts";
import type { Store } from "#store/api.ts";
import { all } from "#store/sql.ts";

interface NameRow {
  property_id: number;
  property_set: Uint8Array;
  lid: number;
  name: string;
}

/** A GUID's text as its 16 bytes, first three groups little endian. [MS-DTYP] 2.3.4.2 */
export function guidBytes(guid: string): Uint8Array {
  const hex = Buffer.from(guid.replaceAll("-", ""), "hex");
  return Uint8Array.of(hex[3]!, hex[2]!, hex[1]!, hex[0]!, hex[5]!, hex[4]!, hex[7]!, hex[6]!, ...hex.subarray(8));
}

export function guidText(bytes: Uint8Array): string {
  const b = Buffer.from([
    bytes[3]!, bytes[2]!, bytes[1]!, bytes[0]!, bytes[5]!, bytes[4]!, bytes[7]!, bytes[6]!, ...bytes.subarray(8, 16),
  ]).toString("hex");
  return `${b.slice(0, 8)}-${b.slice(8, 12)}-${b.slice(12, 16)}-${b.slice(16, 20)}-${b.slice(20)}`;
}

/** As the mailbox tells names apart: by case too. */
function exactKey({ guid, id }: NamedId): string {
  return typeof id === "number" ? `${guid}+${id}` : `${guid}|${id}`;
}

/** Ids and names in memory; what is not known is looked up once more, since others may have given it out. */
export class PropertyNameMap {
  readonly #store: Store;
  readonly #mailboxId: MailboxId;
  readonly #ids = new Map<string, number>();
  readonly #names = new Map<number, NamedId>();
  #highest = 0;

  constructor(store: Store, mailboxId: MailboxId) {
    this.#store = store;
    this.#mailboxId = mailboxId;
  }

  /** Learns what was given out since the last look. */
  async refresh(ctx: Ctx): Promise<void> {
    const rows = await this.#store.read(ctx, this.#mailboxId, () => all<NameRow>(
      `SELECT property_id, property_set, lid, name FROM named_property
       WHERE mailbox_id = $1 AND property_id > $2 ORDER BY property_id`, this.#mailboxId, this.#highest));
    for (const row of rows) {
      const guid = guidText(row.property_set);
      this.#add(row.property_id, { guid, id: row.lid === -1 ? row.name : row.lid });
    }
  }

  #add(propertyId: number, name: NamedId): void {
    this.#names.set(propertyId, name);
    this.#ids.set(exactKey(name), propertyId);
    this.#highest = Math.max(this.#highest, propertyId);
  }

  get all(): ReadonlyMap<number, NamedId> {
    return this.#names;
  }

  /** 0 when the name has none as far as is known. */
  idOf(name: NamedId): number {
    return this.#ids.get(exactKey(name)) ?? 0;
  }

  nameOf(propertyId: number): NamedId | undefined {
    return this.#names.get(propertyId);
  }

  async idsOf(ctx: Ctx, names: readonly NamedId[], create: boolean): Promise<number[]> {
    if (names.some((name) => this.idOf(name) === 0)) await this.refresh(ctx);
    const missing = names.filter((name) => this.idOf(name) === 0);
    if (create && missing.length > 0) {
      const wanted = missing.map(({ guid, id }): PropertyName => (
        typeof id === "number" ? { set: guidBytes(guid), lid: id } : { set: guidBytes(guid), name: id }));
      await this.#store.transact(ctx, this.#mailboxId, takePropertyIds, { names: wanted });
      await this.refresh(ctx);
    }
    return names.map((name) => this.idOf(name));
  }

  async namesOf(ctx: Ctx, ids: readonly number[]): Promise<(NamedId | null)[]> {
    if (ids.some((id) => !this.#names.has(id))) await this.refresh(ctx);
    return ids.map((id) => this.#names.get(id) ?? null);
  }

  /** Knows every id that stands in the bags. */
  async learn(ctx: Ctx, bags: Iterable<ReadonlyPropertyBag>): Promise<void> {
    for (const bag of bags) {
      for (const tag of bag.keys()) {
        if (isNamedTag(tag) && !this.#names.has(tagId(tag))) {
          await this.refresh(ctx);
          return;
        }
      }
    }
  }

  /**
   * The same properties with named ones by name. What has no name, or shares its name with another value, stays under
   * its tag.
   */
  toItemObject(bag: ReadonlyPropertyBag, more?: ReadonlyMap<string, NamedValue>): ItemObject {
    const out = splitNamed(bag, this.#names);
    for (const [key, value] of more ?? []) out.named.set(key, value);
    return out;
  }

  /** The same properties with named ones by id; those without one are left out. */
  toTags({ bag, named }: NewObject): PropertyBag {
    const out: PropertyBag = new Map(bag);
    for (const { name, type, value } of named?.values() ?? []) {
      const propertyId = this.idOf(name);
      if (propertyId !== 0) out.set(makeTag(propertyId, type), value);
    }
    return out;
  }
}

/** Which properties somebody asked for, by id: a tag means its id. Named ones are told by name and by id. */
export class Wanted {
  readonly #ids: ReadonlySet<number>;
  readonly #keys: ReadonlyMap<string, PropertyTag | null>;

  constructor({ tags = [], names = [] }: PropertyNames, map: PropertyNameMap) {
    const ids = new Set<number>();
    const keys = new Map<string, PropertyTag | null>();
    for (const tag of tags) {
      const name = isNamedTag(tag) ? map.nameOf(tagId(tag)) : undefined;
      if (name === undefined) ids.add(tagId(tag));
      else keys.set(namedKey(name), tag);
    }
    for (const name of names) keys.set(namedKey(name), null);
    this.#ids = ids;
    this.#keys = keys;
  }

  has(tag: PropertyTag): boolean {
    return this.#ids.has(tagId(tag));
  }

  /** Whether the bag of an item is to be looked into for this tag: asked for, or needed to work out what is. */
  needs(tag: PropertyTag): boolean {
    const id = tagId(tag);
    return this.#ids.has(id) || rowSources.has(id) || (this.#keys.size > 0 && isNamedTag(tag));
  }

  get hasNamed(): boolean {
    return this.#keys.size > 0;
  }

  get ids(): ReadonlySet<number> {
    return this.#ids;
  }

  /** Only what was asked for; what was asked for by id stands under the id. */
  pick(object: ItemObject): ItemObject {
    const out: ItemObject = { bag: new Map(), named: new Map() };
    for (const [tag, value] of object.bag) if (this.has(tag)) out.bag.set(tag, value);
    for (const [key, asked] of this.#keys) {
      const found = object.named.get(key);
      if (found === undefined) continue;
      if (asked === null) out.named.set(key, found);
      else out.bag.set(makeTag(tagId(asked), found.type), found.value);
    }
    return out;
  }
}
