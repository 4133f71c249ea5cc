/** Working out what a change does to an item: beside its bytes, or in their place. The store is told the outcome. */
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import { namedKey, newItemObject } from "#convert/item.ts";
import type { ItemObject } from "#convert/item.ts";
import { categoriesOf, readHead } from "#mailbox/items/mime-head.ts";
import { flagChangesOf } from "#mailbox/items/computed.ts";
import { ItemEncoder } from "#mailbox/items/encode.ts";
import { loadHeads, loadItem } from "#mailbox/items/load.ts";
import type { ItemStore } from "#mailbox/items/load.ts";
import { applyOverlay, deleteId, removedMark } from "#mailbox/items/overlay.ts";
import { decodeBags } from "#mailbox/items/stored-bags.ts";
import { timeOf } from "#mailbox/items/times.ts";
import { isNameShown, isTagShown } from "#mailbox/items/visible.ts";
import type {
  AttachmentUpdate, ItemRow, NewAttachment, NewItem, StoredAttachment, StoredItem, UpdateItemRequest,
} from "#mailbox/items-api.ts";
import { readParts } from "#mailbox/tx/item-rows.ts";
import type { AttachmentChange, UpdateItem } from "#mailbox/tx/items.ts";
import { SpooledUpload } from "#mailbox/upload.ts";
import { encodeBag } from "#props/bag.ts";
import { properties } from "#props/registry.ts";
import type { NamedId } from "#props/registry.ts";
import { isNamedTag, makeTag, tagId } from "#props/types.ts";
import type { PropertyBag, PropertyTag } from "#props/types.ts";

const p = properties;

/** Removals and settings with every named property by name. */
interface Wish {
  readonly set: ItemObject;
  readonly removedIds: ReadonlySet<number>;
  readonly removedNames: readonly NamedId[];
}

export class ItemUpdate {
  readonly #ctx: Ctx;
  readonly #from: ItemStore;
  readonly #encoder: ItemEncoder;
  readonly #request: UpdateItemRequest;
  /** Uploads are consumed once, however often the change is worked out anew. */
  readonly #contents = new Map<unknown, Awaited<ReturnType<ItemEncoder["content"]>>>();

  constructor(ctx: Ctx, from: ItemStore, request: UpdateItemRequest) {
    this.#ctx = ctx;
    this.#from = from;
    this.#request = request;
    this.#encoder = new ItemEncoder(ctx, from.names, from.store.blobs, this.#contents);
  }

  /** What the store is to do to the item as `row` tells it. */
  async workOut(row: ItemRow, quotaBytes: number | null): Promise<UpdateItem> {
    const { attachments } = this.#request;
    await this.#encoder.takeNames(
      (attachments?.update ?? []).flatMap(({ embedded }) => embedded ?? []),
      [this.#request.set, ...this.#request.recipients ?? [], ...(attachments?.update ?? []).map(({ set }) => set)]
        .filter((one) => one !== undefined));
    await this.#encoder.takeNames((attachments?.add ?? []).map(asItem));
    const wish = await this.#wish();
    const changesParts = this.#request.recipients !== undefined || attachments !== undefined;
    const changesOwn = wish.set.bag.size > 0 || wish.set.named.size > 0 || wish.removedIds.size > 0 ||
      wish.removedNames.length > 0;
    const isShown = changesParts || this.#isShown(row, wish);
    const change = !changesOwn && !changesParts ? null
      : row.origin === "properties" ? await this.#changeProperties(row, wish, isShown)
        : isShown ? await this.#replaceBytes(row, wish) : await this.#changeOverlay(row, wish);
    return {
      messageId: row.messageId, expectedCn: row.cn, quotaBytes, change, flags: this.#flags(wish),
      keywords: this.#keywords(wish),
    };
  }

  async #wish(): Promise<Wish> {
    const { tags = [], names = [] } = this.#request.remove ?? {};
    await this.#from.names.namesOf(this.#ctx, tags.filter(isNamedTag).map(tagId));
    const removedIds = new Set<number>();
    const removedNames = [...names];
    for (const tag of tags) {
      const name = isNamedTag(tag) ? this.#from.names.nameOf(tagId(tag)) : undefined;
      if (name === undefined) removedIds.add(tagId(tag));
      else removedNames.push(name);
    }
    const set = this.#encoder.object(this.#request.set ?? { bag: new Map() });
    return { set, removedIds, removedNames };
  }

  #isShown(row: ItemRow, { set, removedIds, removedNames }: Wish): boolean {
    const messageClass = row.messageClass;
    for (const tag of set.bag.keys()) if (isTagShown(messageClass, tag)) return true;
    for (const id of removedIds) if (isTagShown(messageClass, makeTag(id, "Null"))) return true;
    return [...[...set.named.values()].map(({ name }) => name), ...removedNames]
      .some((name) => isNameShown(messageClass, row.origin, name));
  }

  #flags({ set, removedIds }: Wish): UpdateItem["flags"] {
    const marks = flagChangesOf(set, ({ tag }) => removedIds.has(tagId(tag)));
    return this.#request.flags === undefined ? marks : [...marks, this.#request.flags];
  }

  #keywords({ set, removedNames }: Wish): readonly string[] | null {
    const key = namedKey(p.PidNameKeywords.named);
    if (set.named.has(key)) return categoriesOf(set).map((word) => word.toWellFormed());
    return removedNames.some((name) => namedKey(name) === key) ? [] : null;
  }

  /** Settings win over what was there, of whatever type; the time of the last change is the server's again. */
  #apply(object: ItemObject, { set, removedIds, removedNames }: Wish): void {
    object.bag.delete(p.PidTagLastModificationTime.tag);
    for (const id of removedIds) deleteId(object.bag, id);
    for (const name of removedNames) object.named.delete(namedKey(name));
    for (const tag of set.bag.keys()) deleteId(object.bag, tagId(tag));
    for (const [tag, value] of set.bag) object.bag.set(tag, value);
    for (const [key, value] of set.named) object.named.set(key, value);
    forgetDerived(object, set);
  }

  async #changeOverlay(row: ItemRow, wish: Wish): Promise<UpdateItem["change"]> {
    const parts = await this.#from.store.read(this.#ctx, this.#from.mailboxId,
      () => readParts(this.#from.mailboxId, row.itemId));
    const before = parts === undefined ? new Map() : decodeBags(parts.bags);
    await this.#from.names.learn(this.#ctx, [before]);
    const names = this.#from.names;
    const gone: PropertyTag[] = [...wish.removedIds].map((id) => removedMark(makeTag(id, "Null")));
    const ids = await names.idsOf(this.#ctx, wish.removedNames, true);
    for (const id of ids) gone.push(removedMark(makeTag(id, "Null")));
    const overlay: PropertyBag = before;
    for (const tag of gone) {
      deleteId(overlay, tagId(tag));
      overlay.set(tag, null);
    }
    for (const [tag, value] of names.toTags(wish.set)) {
      deleteId(overlay, tagId(tag));
      overlay.set(tag, value);
    }
    const heads = await loadHeads(this.#ctx, this.#from, row.contentId === null ? [] : [row.contentId]);
    const head = heads.get(row.contentId ?? 0);
    const whole = applyOverlay(head === undefined ? newItemObject() : readHead(head), overlay, names);
    const messageClass = whole.bag.get(p.PidTagMessageClass.tag);
    return {
      kind: "overlay", bag: overlay.size === 0 ? null : encodeBag(overlay), time: timeOf(whole),
      messageClass: typeof messageClass === "string" && wish.set.bag.has(p.PidTagMessageClass.tag)
        ? messageClass.slice(0, 255).toWellFormed() : row.messageClass,
    };
  }

  async #changeProperties(row: ItemRow, wish: Wish, dropsBytes: boolean): Promise<UpdateItem["change"]> {
    const { recipients, attachments } = this.#request;
    const item = await loadStored(this.#ctx, this.#from, row);
    this.#apply(item, wish);
    const removed = new Set(attachments?.remove ?? []);
    const left = item.attachments.filter(({ number }) => !removed.has(number));
    const byNumber = new Map(left.map((one) => [one.number, one]));
    const changed: AttachmentChange[] = [];
    for (const update of attachments?.update ?? []) {
      const found = byNumber.get(update.number);
      if (found === undefined) throw new Fault("notFound", `The item has no attachment ${update.number}.`);
      changed.push(await this.#changeAttachment(found, update));
    }
    const added = [];
    const addedObjects: ItemObject[] = [];
    for (const one of attachments?.add ?? []) {
      const object = this.#encoder.object(one);
      addedObjects.push(object);
      added.push(await this.#encoder.attachment(one, object));
    }
    const people = recipients?.map((one) => this.#encoder.object(one));
    const described = {
      bag: item.bag, named: item.named, recipients: people ?? item.recipients, attachments: [...left, ...addedObjects],
    };
    return {
      kind: "properties", dropsBytes, removed: [...removed], changed, added,
      own: this.#encoder.own(described, row.isAssociated ? "associated" : "message"),
      recipients: people?.map((one) => this.#encoder.recipient(one)) ?? null,
    };
  }

  async #changeAttachment(found: StoredAttachment, update: AttachmentUpdate): Promise<AttachmentChange> {
    this.#changeObject(found, update);
    const content = update.content === undefined ? undefined : await this.#encoder.content(update.content);
    const bytes = found.bag.get(p.PidTagAttachDataBinary.tag);
    const source = content ?? (bytes instanceof Uint8Array ? await this.#encoder.content(bytes) : undefined);
    const embedded = update.embedded === undefined ? undefined : await this.#encoder.item(update.embedded, "embedded");
    const isEmbedded = embedded !== undefined || found.isEmbedded;
    return {
      number: update.number, content: source ?? undefined, embedded,
      ...this.#encoder.attachmentRow(found, isEmbedded, source !== undefined || found.content !== null),
    };
  }

  #changeObject(object: ItemObject, { set, remove }: AttachmentUpdate): void {
    for (const tag of remove?.tags ?? []) {
      const name = isNamedTag(tag) ? this.#from.names.nameOf(tagId(tag)) : undefined;
      if (name === undefined) deleteId(object.bag, tagId(tag));
      else object.named.delete(namedKey(name));
    }
    for (const name of remove?.names ?? []) object.named.delete(namedKey(name));
    if (set === undefined) return;
    const more = this.#encoder.object(set);
    for (const tag of more.bag.keys()) deleteId(object.bag, tagId(tag));
    for (const [tag, value] of more.bag) object.bag.set(tag, value);
    for (const [key, value] of more.named) object.named.set(key, value);
  }

  /** Everything the bytes told becomes properties, changed as asked. */
  async #replaceBytes(row: ItemRow, wish: Wish): Promise<UpdateItem["change"]> {
    const item = await loadStored(this.#ctx, this.#from, row);
    this.#apply(item, wish);
    const { recipients, attachments } = this.#request;
    const removed = new Set(attachments?.remove ?? []);
    const updates = new Map((attachments?.update ?? []).map((one) => [one.number, one]));
    const kept: NewAttachment[] = [];
    for (const attachment of item.attachments) {
      if (removed.has(attachment.number)) continue;
      const update = updates.get(attachment.number);
      if (update !== undefined) this.#changeObject(attachment, update);
      kept.push(await this.#asNew(attachment, update));
    }
    const whole: NewItem = {
      bag: item.bag, named: item.named, recipients: recipients ?? item.recipients,
      attachments: [...kept, ...attachments?.add ?? []],
    };
    await this.#encoder.takeNames([whole]);
    return { kind: "replace", parts: await this.#encoder.item(whole, row.isAssociated ? "associated" : "message") };
  }

  async #asNew(attachment: StoredAttachment, update?: AttachmentUpdate): Promise<NewAttachment> {
    const { bag, named } = attachment;
    if (update?.embedded !== undefined) return { bag, named, embedded: update.embedded };
    if (update?.content !== undefined) return { bag, named, content: update.content };
    if (attachment.isEmbedded) {
      const item = await attachment.open(this.#ctx);
      const attachments: NewAttachment[] = [];
      for (const one of item.attachments) attachments.push(await this.#asNew(one));
      return { bag, named, embedded: { bag: item.bag, named: item.named, recipients: item.recipients, attachments } };
    }
    if (attachment.content === null) return { bag, named };
    const upload = new SpooledUpload(this.#ctx, this.#from.store.blobs, null);
    for await (const piece of attachment.content.stream(this.#ctx)) await upload.write(piece);
    return { bag, named, content: upload };
  }
}

function asItem(attachment: NewAttachment): NewItem {
  return { bag: new Map(), recipients: [], attachments: [attachment] };
}

/** The item as it is stored, without what rows tell beside it. */
async function loadStored(ctx: Ctx, from: ItemStore, row: ItemRow): Promise<StoredItem> {
  return await loadItem(ctx, from, row, { withRow: false });
}

/** What follows from a property that was set anew, and was not set itself, is worked out anew. [MS-OXCMSG] 3.2.4.1 */
function forgetDerived(object: ItemObject, set: ItemObject): void {
  if (set.bag.has(p.PidTagSubject.tag)) {
    for (const { tag } of [p.PidTagSubjectPrefix, p.PidTagNormalizedSubject]) {
      if (!set.bag.has(tag)) object.bag.delete(tag);
    }
  } else if (set.bag.has(p.PidTagNormalizedSubject.tag) || set.bag.has(p.PidTagSubjectPrefix.tag)) {
    object.bag.delete(p.PidTagSubject.tag);
  }
  const bodies = [p.PidTagBody, p.PidTagHtml, p.PidTagRtfCompressed];
  if (!bodies.some(({ tag }) => set.bag.has(tag))) return;
  for (const { tag } of bodies) if (!set.bag.has(tag)) object.bag.delete(tag);
  if (!set.bag.has(p.PidTagNativeBody.tag)) object.bag.delete(p.PidTagNativeBody.tag);
}
