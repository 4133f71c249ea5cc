/**
 * An open message, saved or not: what is stored, and over it what the client set since. Nothing is written before
 * RopSaveChangesMessage. [MS-OXCMSG] 3.1.4, 3.2.5
 */
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import { toObjectId } from "#base/ids.ts";
import type { ChangeNumber, FolderId, MessageId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import { subjectOf } from "#mailbox/items/describe.ts";
import type {
  AttachmentUpdate, ImportedChange, ItemRow, NewAttachment, NewItem, NewObject, StoredAttachment, StoredItem,
} from "#mailbox/items-api.ts";
import { makeTag, tagId, tagTypeCode } from "#props/types.ts";
import type { PropertyBag, PropertyTag, PropertyValue } from "#props/types.ts";
import { RopError } from "#serve/mapi/mailbox/errors.ts";
import {
  globalKey, guidBytes, toFolderEntryId, toMessageEntryId, toStoreEntryId, versionOf,
} from "#serve/mapi/mailbox/keys.ts";
import type { LogonObject } from "#serve/mapi/mailbox/objects.ts";

/** What properties can be read of and written to, as the ROPs of [MS-OXCPRPT] see it. */
export interface PropertyHolder {
  /** Everything by tag, named ids included; with `tags` no work need be done for what is not among them. */
  bag(ctx: Ctx, tags?: readonly PropertyTag[]): Promise<ReadonlyMap<PropertyTag, PropertyValue>>;
  set(ctx: Ctx, values: readonly { readonly tag: PropertyTag; readonly value: PropertyValue }[]): Promise<void>;
  remove(ctx: Ctx, tags: readonly PropertyTag[]): Promise<void>;
  /** Ids that clients may not set. */
  readonly readOnly: ReadonlySet<number>;
}

/** Set and removed properties over those that are stored. */
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

  clear(): void {
    this.set.clear();
    this.removed.clear();
  }
}

/** A recipient with its row id; properties by tag. */
export interface OpenRecipient {
  readonly rowId: number;
  readonly bag: PropertyBag;
}

/** Kept by the server alone. [MS-OXCMSG] 2.2.1, [MS-OXCPRPT] 2.2.1 */
const serverOnly: ReadonlySet<number> = new Set([
  0x0ff4, 0x0ff5, 0x0ff6, 0x0ff8, 0x0ff9, 0x0ffa, 0x0ffb, 0x0fff, 0x0e08, 0x0e09, 0x0e1b, 0x0e12, 0x0e13, 0x65e0,
  0x65e1, 0x674a, 0x6748, 0x67a4, 0x0ffe, 0x3008, 0x67aa, 0x0e02, 0x0e03, 0x0e04,
]);

const binary = (id: number): PropertyTag => makeTag(id, "Binary");
const PidTagSubject = makeTag(0x0037, "String");
const PidTagSubjectPrefix = makeTag(0x003d, "String");
const PidTagNormalizedSubject = makeTag(0x0e1d, "String");
const PidTagRowid = makeTag(0x3000, "Integer32");
const PidTagMessageClass = makeTag(0x001a, "String");
const PidTagAttachNumber = makeTag(0x0e21, "Integer32");

export interface MessagePlace {
  readonly logon: LogonObject;
  readonly hostname: string;
  readonly folderId: FolderId;
  readonly messageId: MessageId | null;
  readonly isAssociated: boolean;
  readonly isWritable: boolean;
  /** The attachment this message is embedded in. */
  readonly within: OpenAttachment | null;
}

export class OpenMessage implements PropertyHolder {
  readonly kind = "message";
  readonly logon: LogonObject;
  readonly hostname: string;
  readonly folderId: FolderId;
  readonly isAssociated: boolean;
  readonly within: OpenAttachment | null;
  readonly readOnly = serverOnly;
  readonly overlay = new Overlay();
  isWritable: boolean;
  messageId: MessageId | null;
  /** Set while a client's own version of it comes in: how that is named, and who is told when it was saved. */
  imported: { readonly change: ImportedChange; readonly saved: (row: ItemRow) => void } | null = null;
  #stored: StoredItem | null;
  #base: PropertyBag | null = null;
  #recipients: OpenRecipient[] | null = null;
  #recipientsChanged = false;
  /** Attachments by number: those that are stored, changed, or new. */
  readonly #attachments = new Map<number, OpenAttachment>();
  readonly #removedAttachments = new Set<number>();
  #expectedCn: ChangeNumber | null;

  constructor(place: MessagePlace, stored: StoredItem | null) {
    this.logon = place.logon;
    this.hostname = place.hostname;
    this.folderId = place.folderId;
    this.messageId = place.messageId;
    this.isAssociated = place.isAssociated;
    this.isWritable = place.isWritable;
    this.within = place.within;
    this.#stored = stored;
    this.#expectedCn = stored === null ? null : stored.row.cn;
  }

  get stored(): StoredItem | null {
    return this.#stored;
  }

  async bag(ctx: Ctx): Promise<PropertyBag> {
    const bag = this.overlay.over(await this.#storedBag(ctx));
    completeSubject(bag, this.overlay.set);
    for (const [tag, value] of this.#identity()) bag.set(tag, value);
    return bag;
  }

  async #storedBag(ctx: Ctx): Promise<PropertyBag> {
    if (this.#base !== null) return this.#base;
    const base = this.#stored === null ? newMessageBag(ctx) : await this.logon.items.toTags(ctx, this.#stored, true);
    this.#base = base;
    return base;
  }

  /** What names the message to this client; it is in no store. [MS-OXCMSG] 2.2.1 */
  #identity(): PropertyBag {
    const { logon } = this;
    const bag: PropertyBag = new Map();
    bag.set(binary(0x0ffa), guidBytes(logon.mailboxGuid));
    bag.set(binary(0x0ffb), toStoreEntryId(logon, this.hostname));
    bag.set(binary(0x0ff8), guidBytes(logon.replicaGuid));
    bag.set(makeTag(0x0ffe, "Integer32"), 5);
    bag.set(makeTag(0x0ff4, "Integer32"), this.isWritable ? 0x7 : 0x2);
    bag.set(makeTag(0x0ff7, "Integer32"), this.isWritable ? 1 : 0);
    if (this.messageId === null || this.within !== null) return bag;
    for (const [tag, value] of messageIdentity(logon, this.folderId, this.messageId, this.#stored?.row ?? null)) {
      bag.set(tag, value);
    }
    return bag;
  }

  async set(ctx: Ctx, values: readonly { tag: PropertyTag; value: PropertyValue }[]): Promise<void> {
    this.requireWritable();
    await this.#storedBag(ctx);
    for (const { tag, value } of values) this.overlay.put(tag, value);
  }

  remove(_ctx: Ctx, tags: readonly PropertyTag[]): Promise<void> {
    this.requireWritable();
    for (const tag of tags) this.overlay.take(tag);
    return Promise.resolve();
  }

  requireWritable(): void {
    if (!this.isWritable) throw new RopError("accessDenied", "This message is open for reading only.");
  }

  async recipients(ctx: Ctx): Promise<readonly OpenRecipient[]> {
    if (this.#recipients !== null) return this.#recipients;
    const found: OpenRecipient[] = [];
    for (const [rowId, one] of (this.#stored?.recipients ?? []).entries()) {
      found.push({ rowId, bag: await this.logon.items.toTags(ctx, one, true) });
    }
    this.#recipients = found;
    return found;
  }

  /** Adds, replaces, or (with null) removes one. [MS-OXCMSG] 2.2.3.5 */
  async putRecipient(ctx: Ctx, rowId: number, bag: PropertyBag | null): Promise<void> {
    this.requireWritable();
    const others = (await this.recipients(ctx)).filter((one) => one.rowId !== rowId);
    if (bag !== null) others.push({ rowId, bag });
    if (others.length > limits.queueRecipientsMax) throw new Fault("tooMany", "This message has too many recipients.");
    this.#recipients = others.sort((a, b) => a.rowId - b.rowId);
    this.#recipientsChanged = true;
  }

  removeAllRecipients(): void {
    this.requireWritable();
    this.#recipients = [];
    this.#recipientsChanged = true;
  }

  /** In order of their numbers. */
  attachments(): OpenAttachment[] {
    for (const stored of this.#stored?.attachments ?? []) {
      const { number } = stored;
      if (this.#removedAttachments.has(number) || this.#attachments.has(number)) continue;
      this.#attachments.set(number, new OpenAttachment(this, number, stored));
    }
    return [...this.#attachments.values()].filter((one) => one.isListed).sort((a, b) => a.number - b.number);
  }

  attachment(number: number): OpenAttachment {
    const found = this.attachments().find((one) => one.number === number);
    if (found === undefined) throw new RopError("notFound", `This message has no attachment ${number}.`);
    return found;
  }

  createAttachment(): OpenAttachment {
    this.requireWritable();
    const numbers = [...this.#attachments.keys(), ...(this.#stored?.attachments ?? []).map((one) => one.number)];
    const number = numbers.length === 0 ? 0 : Math.max(...numbers) + 1;
    const made = new OpenAttachment(this, number, null);
    this.#attachments.set(number, made);
    return made;
  }

  deleteAttachment(number: number): void {
    this.requireWritable();
    const found = this.attachment(number);
    this.#attachments.delete(number);
    if (found.stored !== null) this.#removedAttachments.add(number);
  }

  /** Throws away what was not saved, and reads the message anew. */
  async #reload(ctx: Ctx): Promise<void> {
    this.#base = null;
    this.#recipients = null;
    this.#recipientsChanged = false;
    this.#attachments.clear();
    this.#removedAttachments.clear();
    this.overlay.clear();
    if (this.messageId === null) return;
    this.#stored = await this.logon.items.open(ctx, this.messageId);
    this.#expectedCn = this.#stored.row.cn;
  }

  /** Writes everything in one transaction. Fault `conflict` when somebody else was faster, unless forced. */
  async save(ctx: Ctx, isForced: boolean): Promise<MessageId | null> {
    this.requireWritable();
    if (this.within !== null) {
      this.within.embeddedChanged = true;
      return null;
    }
    const { items } = this.logon;
    if (this.messageId === null) {
      const saved = await items.create(ctx, {
        folderId: this.folderId, item: await this.toNewItem(ctx), associated: this.isAssociated,
        ...this.imported === null ? {} : { imported: this.imported.change },
      });
      this.messageId = saved.messageId;
    } else if (this.#hasChanges() || this.imported !== null) {
      const isSure = isForced || this.#expectedCn === null || this.imported !== null;
      const saved = await items.update(ctx, {
        messageId: this.messageId, ...isSure ? {} : { expectedCn: this.#expectedCn! },
        ...this.imported === null ? {} : { imported: this.imported.change },
        set: { bag: this.#writable() }, remove: { tags: [...this.overlay.removed.values()] },
        ...this.#recipientsChanged ? { recipients: this.#newRecipients() } : {},
        attachments: await this.#attachmentChanges(ctx),
      });
      this.messageId = saved.messageId;
    }
    await this.#reload(ctx);
    if (this.imported !== null) this.imported.saved(this.#stored!.row);
    this.imported = null;
    return this.messageId;
  }

  #hasChanges(): boolean {
    return !this.overlay.isEmpty || this.#recipientsChanged || this.#removedAttachments.size > 0 ||
      [...this.#attachments.values()].some((one) => one.isChanged);
  }

  #writable(): PropertyBag {
    const bag: PropertyBag = new Map([...this.overlay.set].filter(([tag]) => !serverOnly.has(tagId(tag))));
    if (!bag.has(PidTagSubjectPrefix) && !bag.has(PidTagNormalizedSubject)) return bag;
    const whole = this.overlay.over(this.#base ?? new Map());
    completeSubject(whole, this.overlay.set);
    for (const tag of subjectTags) {
      const value = whole.get(tag);
      if (value !== undefined) bag.set(tag, value);
    }
    return bag;
  }

  #newRecipients(): NewObject[] {
    const kept = (bag: PropertyBag): PropertyBag => new Map([...bag].filter(([tag]) => tag !== PidTagRowid));
    return (this.#recipients ?? []).map(({ bag }) => ({ bag: kept(bag) }));
  }

  async #attachmentChanges(ctx: Ctx): Promise<{
    remove: number[]; update: AttachmentUpdate[]; add: NewAttachment[];
  }> {
    const update: AttachmentUpdate[] = [];
    const add: NewAttachment[] = [];
    for (const one of this.attachments()) {
      if (one.stored === null) add.push(await one.toNew(ctx));
      else if (one.isChanged) update.push(await one.toUpdate(ctx));
    }
    return { remove: [...this.#removedAttachments], update, add };
  }

  /** The whole message as one to be made: a new one, or one embedded. */
  async toNewItem(ctx: Ctx): Promise<NewItem> {
    const bag = this.overlay.over(await this.#storedBag(ctx));
    for (const tag of [...bag.keys()]) if (serverOnly.has(tagId(tag))) bag.delete(tag);
    if (!bag.has(PidTagMessageClass)) bag.set(PidTagMessageClass, "IPM.Note");
    await this.recipients(ctx);
    const attachments: NewAttachment[] = [];
    for (const one of this.attachments()) attachments.push(await one.toNew(ctx));
    return { bag, recipients: this.#newRecipients(), attachments };
  }
}

const subjectTags = [PidTagSubject, PidTagSubjectPrefix, PidTagNormalizedSubject] as const;

/** The three forms of the subject agree, whichever of them was set last. [MS-OXCMSG] 3.2.4.1.1, 3.2.4.1.2 */
function completeSubject(bag: PropertyBag, set: ReadonlyMap<PropertyTag, PropertyValue>): void {
  if (!subjectTags.some((tag) => bag.has(tag))) return;
  const isByParts = !set.has(PidTagSubject) && (set.has(PidTagSubjectPrefix) || set.has(PidTagNormalizedSubject));
  if (isByParts) bag.delete(PidTagSubject);
  const { subject, prefix, normalized } = subjectOf({ bag, named: new Map() });
  bag.set(PidTagSubject, subject);
  bag.set(PidTagSubjectPrefix, prefix);
  bag.set(PidTagNormalizedSubject, normalized);
}

/** What names one message. [MS-OXCMSG] 2.2.1, [MS-OXCFXICS] 2.2.1.2 */
export function messageIdentity(
  logon: LogonObject, folderId: FolderId, messageId: MessageId, row: Pick<ItemRow, "cn" | "imported"> | null,
): PropertyBag {
  const entryId = toMessageEntryId(logon, folderId, messageId);
  const bag: PropertyBag = new Map<PropertyTag, PropertyValue>([
    [binary(0x0fff), entryId], [binary(0x0ff9), entryId], [binary(0x0ff6), globalKey(logon, messageId)],
    [binary(0x0e09), toFolderEntryId(logon, folderId)], [binary(0x65e0), globalKey(logon, messageId)],
    [binary(0x65e1), globalKey(logon, folderId)],
    [makeTag(0x674a, "Integer64"), BigInt.asIntN(64, toObjectId(messageId))],
    [makeTag(0x6748, "Integer64"), BigInt.asIntN(64, toObjectId(folderId))],
    [makeTag(0x674d, "Integer64"), BigInt.asIntN(64, toObjectId(messageId))],
    [makeTag(0x674e, "Integer32"), 0],
  ]);
  if (row === null) return bag;
  const { changeKey, predecessors } = versionOf(logon, row);
  bag.set(makeTag(0x67a4, "Integer64"), BigInt.asIntN(64, toObjectId(row.cn)));
  bag.set(binary(0x65e2), changeKey);
  bag.set(binary(0x65e3), predecessors);
  return bag;
}

/** A message that nobody has filled yet. [MS-OXCMSG] 3.2.5.2 */
function newMessageBag(ctx: Ctx): PropertyBag {
  const now = BigInt(Math.round(ctx.system.nowMs()) + 11_644_473_600_000) * 10_000n;
  return new Map<PropertyTag, PropertyValue>([
    [PidTagMessageClass, "IPM.Note"], [makeTag(0x0017, "Integer32"), 1], [makeTag(0x0036, "Integer32"), 0],
    [makeTag(0x0e07, "Integer32"), 0x9], [makeTag(0x0e1b, "Boolean"), false], [makeTag(0x3007, "Time"), now],
    [makeTag(0x3008, "Time"), now], [binary(0x300b), Buffer.from(ctx.system.randomBytes(16))],
    [makeTag(0x0e08, "Integer32"), 0],
  ]);
}

const attachmentReadOnly: ReadonlySet<number> = new Set([0x0e21, 0x0e20, 0x0ff9, 0x0ffe, 0x0ff4]);
const PidTagAttachData = 0x3701;

export class OpenAttachment implements PropertyHolder {
  readonly kind = "attachment";
  readonly message: OpenMessage;
  readonly number: number;
  readonly stored: StoredAttachment | null;
  readonly readOnly = attachmentReadOnly;
  readonly overlay = new Overlay();
  /** New bytes; undefined leaves what is stored. */
  data: Uint8Array | undefined;
  embedded: OpenMessage | null = null;
  embeddedChanged = false;
  /** A new one shows once it was saved. [MS-OXCMSG] 3.2.5.14 */
  isListed: boolean;
  #base: PropertyBag | null = null;

  constructor(message: OpenMessage, number: number, stored: StoredAttachment | null) {
    this.message = message;
    this.number = number;
    this.stored = stored;
    this.isListed = stored !== null;
  }

  get logon(): LogonObject {
    return this.message.logon;
  }

  get isChanged(): boolean {
    return !this.overlay.isEmpty || this.data !== undefined || this.embeddedChanged;
  }

  async bag(ctx: Ctx): Promise<PropertyBag> {
    this.#base ??= this.stored === null ? new Map() : await this.logon.items.toTags(ctx, this.stored, true);
    const bag = this.overlay.over(this.#base);
    bag.set(PidTagAttachNumber, this.number);
    bag.set(makeTag(0x0ffe, "Integer32"), 7);
    bag.set(makeTag(0x0ff4, "Integer32"), this.message.isWritable ? 0x7 : 0x2);
    return bag;
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
    const content = this.stored?.content ?? null;
    if (content === null) throw new RopError("notFound", "This attachment has no bytes of its own.");
    const pieces: Uint8Array[] = [];
    for await (const piece of content.stream(ctx)) pieces.push(piece);
    return Buffer.concat(pieces);
  }

  /** The message inside; with `create` a new one where there is none. [MS-OXCMSG] 2.2.3.16 */
  async openEmbedded(ctx: Ctx, create: boolean): Promise<OpenMessage> {
    if (this.embedded !== null) return this.embedded;
    const stored = this.stored?.isEmbedded === true && !create ? await this.stored.open(ctx) : null;
    if (stored === null && !create) throw new RopError("notFound", "No message is embedded here.");
    const { message } = this;
    this.embedded = new OpenMessage({
      logon: message.logon, hostname: message.hostname, folderId: message.folderId, messageId: message.messageId,
      isAssociated: false, isWritable: message.isWritable, within: this,
    }, stored);
    return this.embedded;
  }

  async toNew(ctx: Ctx): Promise<NewAttachment> {
    const bag = this.overlay.over(this.#base ?? new Map());
    for (const id of attachmentReadOnly) for (const tag of [...bag.keys()]) if (tagId(tag) === id) bag.delete(tag);
    if (this.embedded !== null) return { bag, embedded: await this.embedded.toNewItem(ctx) };
    const data = this.data ?? (this.stored?.content == null ? undefined : await this.readData(ctx));
    return data === undefined ? { bag } : { bag, content: wholeContent(data) };
  }

  async toUpdate(ctx: Ctx): Promise<AttachmentUpdate> {
    return {
      number: this.number, set: { bag: this.overlay.set }, remove: { tags: [...this.overlay.removed.values()] },
      ...this.data === undefined ? {} : { content: wholeContent(this.data) },
      ...this.embedded === null || !this.embeddedChanged ? {} : { embedded: await this.embedded.toNewItem(ctx) },
    };
  }
}

function wholeContent(data: Uint8Array): { aboutBytes: number; chunks: () => Iterable<Uint8Array> } {
  return { aboutBytes: data.length, chunks: () => [data] };
}
