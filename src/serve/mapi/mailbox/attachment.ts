/** An open attachment, saved or not, and the message that may be inside. [MS-OXCMSG] 2.2.3.12 to 2.2.3.16 */
import type { Ctx } from "#base/ctx.ts";
import { GrowingBytes, slices } from "#convert/large.ts";
import type { AttachmentUpdate, NewAttachment, StoredAttachment } from "#mailbox/items-api.ts";
import { makeTag, tagId, tagTypeCode } from "#props/types.ts";
import type { PropertyBag, PropertyTag, PropertyValue } from "#props/types.ts";
import { RopError } from "#serve/mapi/mailbox/errors.ts";
import { flush, OpenMessage } from "#serve/mapi/mailbox/message.ts";
import type { PropertyHolder, Unflushed } from "#serve/mapi/mailbox/message.ts";
import type { LogonObject } from "#serve/mapi/mailbox/objects.ts";
import { Overlay } from "#serve/mapi/mailbox/overlay.ts";

const PidTagAttachNumber = makeTag(0x0e21, "Integer32");
const PidTagAttachSize = makeTag(0x0e20, "Integer32");
/** Setting it is no error, saving it is. [MS-OXCMSG] 3.2.5.15, behaviour of Exchange 2010 and later */
const attachmentSpoiling: ReadonlySet<number> = new Set([tagId(PidTagAttachSize)]);
const attachmentReadOnly: ReadonlySet<number> = new Set([0x0e21, 0x0e20, 0x0ff9, 0x0ffe, 0x0ff4, 0x0ff7]);
const PidTagAttachData = 0x3701;
const PidTagAttachDataBinary = makeTag(PidTagAttachData, "Binary");
/** Of what stands in an answer; more is read by stream. */
const dataAtOnceMaxBytes = 0x7000;

/** What RopSaveChangesAttachment took: saved with the message. [MS-OXCMSG] 3.2.5.15 */
interface Taken {
  readonly overlay: Overlay;
  readonly data: Uint8Array | undefined;
  readonly embedded: OpenMessage | null;
}

export class OpenAttachment implements PropertyHolder {
  readonly kind = "attachment";
  readonly message: OpenMessage;
  number: number;
  readonly readOnly = attachmentReadOnly;
  readonly spoiling = attachmentSpoiling;
  readonly overlay = new Overlay();
  readonly unflushed = new Set<Unflushed>();
  /** New bytes; undefined leaves what is stored. */
  data: Uint8Array | undefined;
  embedded: OpenMessage | null = null;
  embeddedChanged = false;
  /** A message that is being made here, and is here once it was saved. [MS-OXCMSG] 3.2.5.16 */
  #draft: OpenMessage | null = null;
  #stored: StoredAttachment | null;
  #base: PropertyBag | null;
  #taken: Taken | null = null;
  #isListed: boolean;
  #isSpoiled = false;

  constructor(message: OpenMessage, number: number, stored: StoredAttachment | null, base: PropertyBag | null = null) {
    this.message = message;
    this.number = number;
    this.#stored = stored;
    this.#base = stored === null ? base ?? new Map() : null;
    this.#isListed = stored !== null;
  }

  get logon(): LogonObject {
    return this.message.logon;
  }

  get stored(): StoredAttachment | null {
    return this.#stored;
  }

  get isChanged(): boolean {
    const taken = this.#taken;
    return taken !== null && (!taken.overlay.isEmpty || taken.data !== undefined || taken.embedded !== null);
  }

  /** A new one shows once it was saved, and so does what was changed in one. [MS-OXCMSG] 3.2.5.14 */
  get isListed(): boolean {
    return this.#isListed;
  }

  set isListed(isListed: boolean) {
    this.#isListed = isListed;
    if (!isListed) return;
    const embedded = this.embeddedChanged ? this.embedded : this.#taken?.embedded ?? null;
    this.#taken = { overlay: this.overlay.copy(), data: this.data, embedded };
  }

  async saveChanges(ctx: Ctx): Promise<void> {
    this.message.requireWritable();
    if (this.#isSpoiled) throw new RopError("generalFailure", "A property that is the server's was set.");
    await flush(ctx, this.unflushed);
    this.isListed = true;
  }

  /** The message was saved with what was taken; what was set since goes on. */
  rebind(stored: StoredAttachment): void {
    this.#stored = stored;
    this.number = stored.number;
    this.#base = null;
    const taken = this.#taken;
    this.#taken = null;
    if (taken === null) return;
    for (const [tag, value] of taken.overlay.set) if (this.overlay.set.get(tag) === value) this.overlay.set.delete(tag);
    for (const id of taken.overlay.removed.keys()) this.overlay.removed.delete(id);
    if (this.data === taken.data) this.data = undefined;
    if (this.embedded === taken.embedded) this.embeddedChanged = false;
  }

  spoil(): void {
    this.#isSpoiled = true;
  }

  /** The bytes are there when they are asked for and few. */
  async bag(ctx: Ctx, tags?: readonly PropertyTag[]): Promise<PropertyBag> {
    await flush(ctx, this.unflushed);
    this.#base ??= await this.logon.items.toTags(ctx, this.#stored!, true);
    const bag = this.overlay.over(this.#base);
    bag.set(PidTagAttachNumber, this.number);
    bag.set(makeTag(0x0ffe, "Integer32"), 7);
    bag.set(makeTag(0x0ff4, "Integer32"), this.message.isWritable ? 0x7 : 0x2);
    bag.set(makeTag(0x0ff7, "Integer32"), this.#stored !== null && this.message.isWritable ? 1 : 0);
    if (this.data !== undefined) bag.set(PidTagAttachSize, this.data.length);
    else if (!bag.has(PidTagAttachSize)) bag.set(PidTagAttachSize, 0);
    const aboutBytes = this.#dataBytes();
    if (tags?.includes(PidTagAttachDataBinary) === true && aboutBytes !== null && aboutBytes <= dataAtOnceMaxBytes) {
      bag.set(PidTagAttachDataBinary, await this.readData(ctx));
    }
    return bag;
  }

  /** About how many bytes it has; null for none of its own. */
  #dataBytes(): number | null {
    return this.data?.length ?? this.#stored?.content?.aboutBytes ?? null;
  }

  canMake(_bag: PropertyBag, tag: PropertyTag): boolean {
    return tag === PidTagAttachDataBinary && this.#dataBytes() !== null;
  }

  set(_ctx: Ctx, values: readonly { tag: PropertyTag; value: PropertyValue }[]): Promise<void> {
    this.message.requireWritable();
    for (const { tag, value } of values) {
      const isData = tagId(tag) === PidTagAttachData && tagTypeCode(tag) === 0x0102;
      if (isData && value instanceof Uint8Array) this.data = value;
      else this.overlay.put(tag, value);
    }
    return Promise.resolve();
  }

  remove(_ctx: Ctx, tags: readonly PropertyTag[]): Promise<void> {
    this.message.requireWritable();
    for (const tag of tags) this.overlay.take(tag);
    return Promise.resolve();
  }

  /** The bytes, new or stored. */
  async readData(ctx: Ctx): Promise<Uint8Array> {
    if (this.data !== undefined) return this.data;
    const content = this.#stored?.content ?? null;
    if (content === null) throw new RopError("notFound", "This attachment has no bytes of its own.");
    const whole = new GrowingBytes(content.aboutBytes);
    for await (const piece of content.stream(ctx)) whole.push(piece);
    return whole.value();
  }

  /**
   * The message inside; with `create` a new one where there is none. One made `asDraft` is there for others once it was
   * saved. [MS-OXCMSG] 2.2.3.16, 3.2.5.16
   */
  async openEmbedded(
    ctx: Ctx, create: boolean, { asDraft = false, codePage }: { asDraft?: boolean; codePage?: number } = {},
  ): Promise<OpenMessage> {
    if (this.embedded !== null) return this.embedded;
    if (create && this.#draft !== null) return this.#draft;
    const stored = this.#stored?.isEmbedded === true ? await this.#stored.open(ctx) : null;
    if (stored === null && !create) throw new RopError("notFound", "No message is embedded here.");
    const { message } = this;
    const opened = new OpenMessage({
      logon: message.logon, hostname: message.hostname, folderId: message.folderId, messageId: message.messageId,
      isAssociated: false, isWritable: message.isWritable, within: this,
      ...codePage === undefined ? {} : { codePage },
      ...message.localeId === null ? {} : { localeId: message.localeId },
    }, stored);
    if (stored === null && asDraft) this.#draft = opened;
    else this.embedded = opened;
    return opened;
  }

  /** The message inside was saved. */
  takeEmbedded(message: OpenMessage): void {
    this.embedded = message;
    this.embeddedChanged = true;
    this.#draft = null;
  }

  async toNew(ctx: Ctx): Promise<NewAttachment> {
    this.#base ??= await this.logon.items.toTags(ctx, this.#stored!, true);
    const bag = (this.#taken?.overlay ?? new Overlay()).over(this.#base);
    for (const id of attachmentReadOnly) for (const tag of [...bag.keys()]) if (tagId(tag) === id) bag.delete(tag);
    const embedded = this.#taken?.embedded ?? null;
    if (embedded !== null) return { bag, embedded: await embedded.toNewItem(ctx) };
    const isStored = this.#stored?.isEmbedded === true;
    if (isStored) return { bag, embedded: await (await this.openEmbedded(ctx, false)).toNewItem(ctx) };
    const taken = this.#taken?.data;
    if (taken !== undefined) return { bag, content: wholeContent(taken) };
    return this.#stored?.content == null ? { bag } : { bag, content: wholeContent(await this.readData(ctx)) };
  }

  async toUpdate(ctx: Ctx): Promise<AttachmentUpdate> {
    const { overlay, data, embedded } = this.#taken!;
    return {
      number: this.number, set: { bag: overlay.set }, remove: { tags: [...overlay.removed.values()] },
      ...data === undefined ? {} : { content: wholeContent(data) },
      ...embedded === null ? {} : { embedded: await embedded.toNewItem(ctx) },
    };
  }
}

function wholeContent(data: Uint8Array): { aboutBytes: number; chunks: () => Iterable<Uint8Array> } {
  return { aboutBytes: data.length, chunks: () => slices(data) };
}
