/** Items of a mailbox as the decisions read them, and what was decided as changes of those items. */
import { Buffer } from "node:buffer";
import { isDeepStrictEqual } from "node:util";
import type { Ctx } from "#base/ctx.ts";
import { limits } from "#base/limits.ts";
import { getProperty, newItemObject, setProperty } from "#convert/item.ts";
import type { ItemAttachment, ItemBag, ItemObject } from "#convert/item.ts";
import type { StoredAttachment, StoredItem, UpdateItemRequest } from "#mailbox/items-api.ts";
import { properties } from "#props/registry.ts";
import type { NamedId } from "#props/registry.ts";
import type { PropertyTag } from "#props/types.ts";

const p = properties;

/** An item in memory with the numbers of its attachments, in their order. */
export interface LoadedItem {
  readonly item: ItemBag;
  readonly numbers: readonly number[];
}

/** Bytes of attachments that one item may still bring into memory. */
interface Room {
  left: number;
}

/** Attachments past the bound come without their bytes, and stay as they are where the item is only changed. */
export async function loadItemBag(ctx: Ctx, stored: StoredItem): Promise<LoadedItem> {
  return await load(ctx, stored, { left: limits.meetingAttachmentsMaxBytes }, 0);
}

async function load(ctx: Ctx, stored: StoredItem, room: Room, depth: number): Promise<LoadedItem> {
  const attachments: ItemAttachment[] = [];
  const numbers: number[] = [];
  for (const one of stored.attachments) {
    attachments.push(await loadAttachment(ctx, one, room, depth));
    numbers.push(one.number);
  }
  const recipients = stored.recipients.map(copyObject);
  return { item: { ...copyObject(stored), recipients, attachments }, numbers };
}

const copyObject = ({ bag, named }: ItemObject): ItemObject => ({ bag: new Map(bag), named: new Map(named) });

async function loadAttachment(ctx: Ctx, one: StoredAttachment, room: Room, depth: number): Promise<ItemAttachment> {
  const attachment: ItemAttachment = copyObject(one);
  attachment.bag.delete(p.PidTagAttachNumber.tag);
  attachment.bag.delete(p.PidTagAttachSize.tag);
  if (one.isEmbedded && depth < limits.mimeDepthMax) {
    attachment.embedded = (await load(ctx, await one.open(ctx), room, depth + 1)).item;
  } else if (one.content !== null && one.content.aboutBytes <= room.left) {
    const pieces: Uint8Array[] = [];
    for await (const piece of one.content.stream(ctx)) pieces.push(piece);
    const bytes = Buffer.concat(pieces);
    room.left = Math.max(0, room.left - bytes.length);
    setProperty(attachment, p.PidTagAttachDataBinary, bytes);
  }
  return attachment;
}

function tagsRemoved(before: ItemObject, item: ItemObject): PropertyTag[] {
  return [...before.bag.keys()].filter((tag) => !item.bag.has(tag));
}

function namesRemoved(before: ItemObject, item: ItemObject): NamedId[] {
  return [...before.named].filter(([key]) => !item.named.has(key)).map(([, { name }]) => name);
}

function propertiesSet(before: ItemObject, item: ItemObject): ItemObject {
  const set = newItemObject();
  for (const [tag, value] of item.bag) {
    if (!before.bag.has(tag) || !isDeepStrictEqual(before.bag.get(tag), value)) set.bag.set(tag, value);
  }
  for (const [key, value] of item.named) {
    if (!isDeepStrictEqual(before.named.get(key), value)) set.named.set(key, value);
  }
  return set;
}

export type ItemChange = Pick<UpdateItemRequest, "set" | "remove" | "recipients" | "attachments">;

/** What makes `item` of what was loaded; what both have alike is not written. Null where nothing differs. */
export function changeOf({ item: before, numbers }: LoadedItem, item: ItemBag): ItemChange | null {
  const set = propertiesSet(before, item);
  const [tags, names] = [tagsRemoved(before, item), namesRemoved(before, item)];
  const isOwn = set.bag.size + set.named.size + tags.length + names.length > 0;
  const hasPeople = !isDeepStrictEqual(before.recipients, item.recipients);
  const hasParts = !isDeepStrictEqual(before.attachments, item.attachments);
  if (!isOwn && !hasPeople && !hasParts) return null;
  return {
    set, remove: { tags, names },
    ...(hasPeople ? { recipients: item.recipients } : {}),
    ...(hasParts ? attachmentChange(before, numbers, item) : {}),
  };
}

/** Attachments that are the same stay with their numbers. */
function attachmentChange(before: ItemBag, numbers: readonly number[], item: ItemBag): ItemChange {
  const kept = new Set<number>();
  const add = item.attachments.filter((one) => {
    const index = before.attachments.findIndex((had, at) => !kept.has(at) && isDeepStrictEqual(had, one));
    if (index !== -1) kept.add(index);
    return index === -1;
  });
  const remove = numbers.filter((_, index) => !kept.has(index));
  return { attachments: { remove, add } };
}

export const messageClassOf = (item: ItemObject): string => getProperty(item, p.PidTagMessageClass) ?? "";
