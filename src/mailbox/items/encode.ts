/** Items on their way in: names become ids, attachments become stored bytes, properties become rows. */
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { getProperty } from "#convert/item.ts";
import type { ItemContent, ItemObject } from "#convert/item.ts";
import type { Upload } from "#mailbox/api.ts";
import { describeColumns, searchFieldsOf } from "#mailbox/items/describe.ts";
import type { Described } from "#mailbox/items/describe.ts";
import type { PropertyNameMap } from "#mailbox/items/names.ts";
import { encodeBags } from "#mailbox/items/stored-bags.ts";
import { timeOf } from "#mailbox/items/times.ts";
import type { NewAttachment, NewItem, NewObject } from "#mailbox/items-api.ts";
import type { MessageSource } from "#mailbox/tx/insert.ts";
import type { AttachmentParts, ItemParts, OwnParts, RecipientParts } from "#mailbox/tx/item-parts.ts";
import { SpooledUpload } from "#mailbox/upload.ts";
import { encodeBag } from "#props/bag.ts";
import { properties } from "#props/registry.ts";
import type { NamedId } from "#props/registry.ts";
import type { Blobs } from "#store/api.ts";

const p = properties;

/** What a place in the tree of items is for: only what stands in a folder is searched and stands in time. */
export type Purpose = "message" | "associated" | "embedded";

/** Properties of attachments that are told by their rows. */
const attachmentRowTags = [p.PidTagAttachDataBinary, p.PidTagAttachNumber, p.PidTagAttachSize].map(({ tag }) => tag);

export const attachMethods = { none: 0, byValue: 1, embedded: 5 } as const;

export class ItemEncoder {
  readonly #ctx: Ctx;
  readonly #names: PropertyNameMap;
  readonly #blobs: Blobs;

  /** Where bytes already went: an item may be encoded several times, an upload is consumed once. */
  readonly #stored: Map<unknown, MessageSource | null>;

  constructor(ctx: Ctx, names: PropertyNameMap, blobs: Blobs, stored = new Map<unknown, MessageSource | null>()) {
    this.#ctx = ctx;
    this.#stored = stored;
    this.#names = names;
    this.#blobs = blobs;
  }

  /** Gives ids to every name in the items, in one step, so that they can be encoded. */
  async takeNames(items: readonly NewItem[], objects: readonly NewObject[] = []): Promise<void> {
    const wanted = new Map<string, NamedId>();
    const pending: { object: NewObject; item: NewItem | null; depth: number }[] = [
      ...items.map((item) => ({ object: item, item, depth: 1 })),
      ...objects.map((object) => ({ object, item: null, depth: 1 })),
    ];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      if (next.depth > limits.mimeDepthMax) {
        throw new Fault("tooBig", `Messages inside messages nest at most ${limits.mimeDepthMax} deep.`);
      }
      await this.#names.learn(this.#ctx, [next.object.bag]);
      for (const { name } of next.object.named?.values() ?? []) {
        wanted.set(`${name.guid} ${typeof name.id} ${name.id}`, name);
      }
      if (next.item === null) continue;
      const depth = next.depth + 1;
      for (const one of next.item.recipients) pending.push({ object: one, item: null, depth });
      for (const one of next.item.attachments) {
        pending.push({ object: one, item: null, depth });
        if (one.embedded !== undefined) pending.push({ object: one.embedded, item: one.embedded, depth });
      }
    }
    if (wanted.size > 0) await this.#names.idsOf(this.#ctx, [...wanted.values()], true);
  }

  /** After `takeNames`. Consumes the uploads. */
  async item(item: NewItem, purpose: Purpose): Promise<ItemParts> {
    const attachments: AttachmentParts[] = [];
    const objects: ItemObject[] = [];
    for (const attachment of item.attachments) {
      const object = this.object(attachment);
      objects.push(object);
      attachments.push(await this.attachment(attachment, object));
    }
    const recipients = item.recipients.map((one) => this.object(one));
    const own = this.own({ ...this.object(item), recipients, attachments: objects }, purpose);
    return { ...own, recipients: recipients.map((one) => this.recipient(one)), attachments };
  }

  /** The object with every named property by name. */
  object(object: NewObject): ItemObject {
    return this.#names.toItemObject(object.bag, object.named);
  }

  own(item: Described, purpose: Purpose): OwnParts {
    const { bag, values } = encodeBags(this.#names.toTags(item));
    return {
      columns: describeColumns(item), bag, values, time: purpose === "message" ? timeOf(item) : null,
      words: purpose === "message" ? searchFieldsOf(item) : null,
    };
  }

  /** The bag of an object that has no large values apart. */
  bag(object: ItemObject): Uint8Array {
    return encodeBag(this.#names.toTags(object));
  }

  recipient(object: ItemObject): RecipientParts {
    const text = (value: string | undefined): string => (value ?? "").slice(0, columnMax).toWellFormed();
    return {
      kind: getProperty(object, p.PidTagRecipientType) ?? 1,
      displayName: text(getProperty(object, p.PidTagDisplayName)),
      addressType: text(getProperty(object, p.PidTagAddressType) ?? "SMTP"),
      address: text(getProperty(object, p.PidTagSmtpAddress) ?? getProperty(object, p.PidTagEmailAddress)),
      bag: this.bag(object),
    };
  }

  async attachment(attachment: NewAttachment, object: ItemObject): Promise<AttachmentParts> {
    const content = await this.content(attachment.content ?? getProperty(object, p.PidTagAttachDataBinary));
    const embedded = attachment.embedded === undefined ? null : await this.item(attachment.embedded, "embedded");
    return { ...this.attachmentRow(object, embedded !== null, content !== null), content, embedded };
  }

  attachmentRow(
    object: ItemObject, isEmbedded: boolean, hasContent: boolean,
  ): { method: number; fileName: string; bag: Uint8Array } {
    for (const tag of attachmentRowTags) object.bag.delete(tag);
    const usual = isEmbedded ? attachMethods.embedded : hasContent ? attachMethods.byValue : attachMethods.none;
    const name = getProperty(object, p.PidTagAttachLongFilename) ?? getProperty(object, p.PidTagAttachFilename) ?? "";
    return {
      method: getProperty(object, p.PidTagAttachMethod) ?? usual, fileName: name.slice(0, columnMax).toWellFormed(),
      bag: this.bag(object),
    };
  }

  async content(content: Upload | ItemContent | Uint8Array | undefined): Promise<MessageSource | null> {
    if (content === undefined) return null;
    const known = this.#stored.get(content);
    if (known !== undefined) return known;
    const source = await this.#store(content);
    this.#stored.set(content, source);
    return source;
  }

  async #store(content: Upload | ItemContent | Uint8Array): Promise<MessageSource> {
    if (content instanceof SpooledUpload) return await content.finish();
    if (!(content instanceof Uint8Array) && !("chunks" in content)) {
      throw new Fault("invalidArgument", "An upload comes from beginUpload of this mailbox.");
    }
    const upload = new SpooledUpload(this.#ctx, this.#blobs, null);
    try {
      for (const chunk of content instanceof Uint8Array ? [content] : content.chunks()) await upload.write(chunk);
    } catch (error) {
      await upload.discard();
      throw error;
    }
    return await upload.finish();
  }
}

const columnMax = 1024;
