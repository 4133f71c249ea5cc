/** Some properties of many items: from rows and small bags; bytes are parsed only for bodies that were asked for. */
import type { Ctx } from "#base/ctx.ts";
import { yieldToOthers } from "#base/ctx.ts";
import { newItemObject } from "#convert/item.ts";
import type { ItemObject } from "#convert/item.ts";
import { addRowProperties } from "#mailbox/items/computed.ts";
import type { Asked } from "#mailbox/items/computed.ts";
import { loadHeads, loadItem } from "#mailbox/items/load.ts";
import type { ItemStore } from "#mailbox/items/load.ts";
import { deferredIds, readHead } from "#mailbox/items/mime-head.ts";
import type { KeptHead } from "#mailbox/items/mime-head.ts";
import { Wanted } from "#mailbox/items/names.ts";
import { applyOverlay } from "#mailbox/items/overlay.ts";
import { decodeSome } from "#mailbox/items/stored-bags.ts";
import type { ItemRow, PropertyNames } from "#mailbox/items-api.ts";
import { readBags, toItemRow } from "#mailbox/tx/item-rows.ts";
import type { ItemRecord, StoredBags } from "#mailbox/tx/item-rows.ts";
import { properties } from "#props/registry.ts";
import { isNamedTag, tagId } from "#props/types.ts";
import type { PropertyBag, PropertyTag } from "#props/types.ts";

const p = properties;

export interface Listed {
  readonly row: ItemRow;
  readonly object: ItemObject;
}

/** How long this keeps the thread before others get a turn. */
const turnMs = 8;

/** What rows alone tell of a message that came as MIME: no bag is opened for these. */
const rowTold: ReadonlySet<number> = new Set([
  p.PidTagMessageClass, p.PidTagMessageSize, p.PidTagHasAttachments, p.PidTagRead, p.PidTagAssociated,
  p.PidTagMessageDeliveryTime, p.PidTagSubject, p.PidTagNormalizedSubject, p.PidTagImportance, p.PidTagSensitivity,
].map(({ tag }) => tagId(tag)));

/** The wanted properties of each record, in their order. */
export async function listProperties(
  ctx: Ctx, from: ItemStore, records: readonly ItemRecord[], names: PropertyNames,
): Promise<Listed[]> {
  if (names.tags?.some(isNamedTag) === true) await from.names.namesOf(ctx, namedIds(names));
  const wanted = new Wanted(names, from.names);
  const wantsBodies = [...wanted.ids].some((id) => deferredIds.has(id));
  const wantsBags = wanted.hasNamed || [...wanted.ids].some((id) => !rowTold.has(id));
  const bags = await from.store.read(ctx, from.mailboxId, () => readBags(from.mailboxId, records, true));
  const decoded = new Map<number, PropertyBag>();
  const source = { has: (tag: PropertyTag) => wanted.needs(tag), hasNamed: wanted.hasNamed };
  for (const record of records) {
    decoded.set(record.item_id, decodeWanted(bags.get(record.item_id), record.origin === 0 ? all : source.has));
  }
  await from.names.learn(ctx, decoded.values());
  const heads = wantsBags && !wantsBodies ? await loadHeads(ctx, from, records.flatMap((record) =>
    (record.origin === 0 && record.content_id !== null ? [record.content_id] : []))) : new Map<number, KeptHead>();
  const found: Listed[] = [];
  let turnEndMs = ctx.system.monotonicMs() + turnMs;
  for (const record of records) {
    const row = toItemRow(record);
    const object = row.origin === "properties" ? from.names.toItemObject(decoded.get(record.item_id)!)
      : wantsBodies ? await loadItem(ctx, from, row)
        : derivedObject(row, heads.get(record.content_id ?? 0), source, decoded.get(record.item_id)!, from);
    addRowProperties(object, row, wanted);
    found.push({ row, object: wanted.pick(object) });
    if (ctx.system.monotonicMs() < turnEndMs) continue;
    await yieldToOthers();
    turnEndMs = ctx.system.monotonicMs() + turnMs;
  }
  return found;
}

const all = (): boolean => true;

function decodeWanted(bags: StoredBags | undefined, wants: (tag: PropertyTag) => boolean): PropertyBag {
  const out: PropertyBag = bags === undefined || bags.bag === null ? new Map() : decodeSome(bags.bag, wants);
  for (const value of bags?.values ?? []) for (const [tag, one] of decodeSome(value, wants)) out.set(tag, one);
  return out;
}

function namedIds({ tags = [] }: PropertyNames): number[] {
  return tags.filter(isNamedTag).map(tagId);
}

/** Without a head what the row tells is all that is asked for. */
function derivedObject(
  row: ItemRow, head: KeptHead | undefined, asked: Asked, overlay: PropertyBag, from: ItemStore,
): ItemObject {
  const object = head === undefined ? newItemObject() : readHead(head, asked);
  if (head === undefined) {
    object.bag.set(p.PidTagSubject.tag, row.subject);
    object.bag.set(p.PidTagImportance.tag, row.importance);
    object.bag.set(p.PidTagSensitivity.tag, row.sensitivity);
  }
  return overlay.size === 0 ? object : applyOverlay(object, overlay, from.names);
}
