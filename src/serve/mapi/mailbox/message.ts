/**
 * An open message, saved or not: what is stored, and over it what the client set since. Nothing is written before
 * RopSaveChangesMessage. [MS-OXCMSG] 3.1.4, 3.2.5
 */
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import { toObjectId } from "#base/ids.ts";
import type { ChangeNumber, FolderId, MessageId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import type {
  AttachmentUpdate, ImportedChange, ItemRow, ItemSaved, NewAttachment, NewItem, NewObject, StoredItem,
  UpdateItemRequest,
} from "#mailbox/items-api.ts";
import { makeTag, tagId } from "#props/types.ts";
import type { PropertyBag, PropertyTag, PropertyValue } from "#props/types.ts";
import { OpenAttachment } from "#serve/mapi/mailbox/attachment.ts";
import { RopError } from "#serve/mapi/mailbox/errors.ts";
import {
  globalKey, guidBytes, toFolderEntryId, toMessageEntryId, toStoreEntryId, versionOf,
} from "#serve/mapi/mailbox/keys.ts";
import {
  addAuthor, addShown, asHtmlBytes, canMakeBody, completeSubject, isBodySmall, makeBody, newAttachmentBag,
  newMessageBag, withoutWorkedOut, writableSubject,
} from "#serve/mapi/mailbox/message-values.ts";
import type { Author } from "#serve/mapi/mailbox/message-values.ts";
import { sameObjects, sameWithin } from "#serve/mapi/mailbox/same.ts";
import { requireRuleSize } from "#serve/mapi/mailbox/rule-size.ts";
import type { LogonObject } from "#serve/mapi/mailbox/objects.ts";
import { Overlay } from "#serve/mapi/mailbox/overlay.ts";

/** What properties can be read of and written to, as the ROPs of [MS-OXCPRPT] see it. */
export interface PropertyHolder {
  /** Everything by tag, named ids included; with `tags` no work need be done for what is not among them. */
  bag(ctx: Ctx, tags?: readonly PropertyTag[]): Promise<ReadonlyMap<PropertyTag, PropertyValue>>;
  set(ctx: Ctx, values: readonly { readonly tag: PropertyTag; readonly value: PropertyValue }[]): Promise<void>;
  remove(ctx: Ctx, tags: readonly PropertyTag[]): Promise<void>;
  /** Ids that clients may not set. */
  readonly readOnly: ReadonlySet<number>;
  /** Ids that may be set, and then nothing is saved; `spoil` is told of it. [MS-OXCMSG] 3.2.5.3 */
  readonly spoiling?: ReadonlySet<number>;
  spoil?(): void;
  /** Adds to a bag what is only shown; `asked` are the ids that are wanted, null for all. */
  show?(bag: PropertyBag, asked: ReadonlySet<number> | null): void;
  /** Whether a form of the body is there for who opens a stream. */
  canMake?(bag: PropertyBag, tag: PropertyTag): boolean;
}

/** Streams that were written to and not committed: their values count all the same. [MS-OXCPRPT] 3.2.5.13 */
export interface Unflushed {
  commit(ctx: Ctx): Promise<void>;
}

/** A recipient with its row id; properties by tag. */
export interface OpenRecipient {
  readonly rowId: number;
  readonly bag: PropertyBag;
}

/** Kept by the server alone. [MS-OXCMSG] 2.2.1, [MS-OXCPRPT] 2.2.1 */
const serverOnly: ReadonlySet<number> = new Set([
  0x0ff4, 0x0ff5, 0x0ff6, 0x0ff8, 0x0ff9, 0x0ffa, 0x0ffb, 0x0fff, 0x0e08, 0x0e09, 0x0e1b, 0x0e12, 0x0e13, 0x65e0,
  0x65e1, 0x674a, 0x6748, 0x67a4, 0x0ffe, 0x3008, 0x67aa, 0x0e02, 0x0e03, 0x0e04, 0x0ff7, 0x664a, 0x6709, 0x3ffd,
]);

/**
 * PidTagHasAttachments, PidTagMessageSize, PidTagMessageStatus, PidTagAccess, PidTagAccessLevel, PidTagObjectType,
 * PidTagRecordKey: setting one is no error, saving it is. [MS-OXCMSG] 3.2.5.3, behaviour of Exchange 2010 and later
 */
const messageSpoiling: ReadonlySet<number> = new Set([0x0e1b, 0x0e08, 0x0e17, 0x0ff4, 0x0ff7, 0x0ffe, 0x0ff9]);

const binary = (id: number): PropertyTag => makeTag(id, "Binary");
const PidTagMessageFlags = makeTag(0x0e07, "Integer32");
const PidTagRowid = makeTag(0x3000, "Integer32");
const PidTagMessageClass = makeTag(0x001a, "String");

export interface MessagePlace {
  readonly logon: LogonObject;
  readonly hostname: string;
  readonly folderId: FolderId;
  readonly messageId: MessageId | null;
  readonly isAssociated: boolean;
  readonly isWritable: boolean;
  /** The attachment this message is embedded in. */
  readonly within: OpenAttachment | null;
  /** Of 8-bit text, as it was opened; that of the session when left out. */
  readonly codePage?: number;
  /** Of the session, where it is the client that opens it. */
  readonly localeId?: number;
}

export class OpenMessage implements PropertyHolder {
  readonly kind = "message";
  readonly logon: LogonObject;
  readonly hostname: string;
  readonly folderId: FolderId;
  readonly isAssociated: boolean;
  readonly within: OpenAttachment | null;
  readonly codePage: number | null;
  readonly localeId: number | null;
  readonly readOnly = serverOnly;
  readonly spoiling = messageSpoiling;
  readonly overlay = new Overlay();
  readonly unflushed = new Set<Unflushed>();
  isWritable: boolean;
  messageId: MessageId | null;
  /** Set while a client's own version of it comes in: how that is named, and who is told when it was saved. */
  imported: { readonly change: ImportedChange; readonly saved: (row: ItemRow) => void } | null = null;
  #stored: StoredItem | null;
  #base: PropertyBag | null = null;
  /** Worked out once for what it depends on. */
  #keptIdentity: {
    readonly stored: StoredItem | null; readonly messageId: MessageId | null; readonly isWritable: boolean;
    readonly bag: PropertyBag;
  } | null = null;
  #recipients: OpenRecipient[] | null = null;
  #recipientsChanged = false;
  /** Attachments by number: those that are stored, changed, or new. */
  readonly #attachments = new Map<number, OpenAttachment>();
  readonly #removedAttachments = new Set<number>();
  #expectedCn: ChangeNumber | null;
  #isSpoiled = false;

  constructor(place: MessagePlace, stored: StoredItem | null) {
    this.logon = place.logon;
    this.hostname = place.hostname;
    this.folderId = place.folderId;
    this.messageId = place.messageId;
    this.isAssociated = place.isAssociated;
    this.isWritable = place.isWritable;
    this.within = place.within;
    this.codePage = place.codePage ?? null;
    this.localeId = place.localeId ?? null;
    this.#stored = stored;
    this.#expectedCn = stored === null ? null : stored.row.cn;
  }

  get stored(): StoredItem | null {
    return this.#stored;
  }

  async bag(ctx: Ctx): Promise<PropertyBag> {
    await flush(ctx, this.unflushed);
    const bag = this.overlay.over(await this.#storedBag(ctx));
    completeSubject(bag, this.overlay.set);
    for (const [tag, value] of this.#identity()) bag.set(tag, value);
    return bag;
  }

  async #storedBag(ctx: Ctx): Promise<PropertyBag> {
    if (this.#base !== null) return this.#base;
    const base = this.#stored === null ? newMessageBag(ctx, this.localeId)
      : await this.logon.items.toTags(ctx, this.#stored, true);
    this.#base = base;
    return base;
  }

  show(bag: PropertyBag, asked: ReadonlySet<number> | null): void {
    const row = this.within === null ? this.#stored?.row ?? null : null;
    addShown(bag, { row, codePage: this.codePage, localeId: this.localeId, asked });
    for (const id of asked ?? []) {
      const tag = makeTag(id, "Null");
      if (canMakeBody(bag, tag) && isBodySmall(bag)) makeBody(bag, tag);
    }
  }

  canMake(bag: PropertyBag, tag: PropertyTag): boolean {
    return canMakeBody(bag, tag);
  }

  spoil(): void {
    this.#isSpoiled = true;
  }

  /** What names the message to this client; it is in no store. [MS-OXCMSG] 2.2.1 */
  #identity(): PropertyBag {
    const kept = this.#keptIdentity;
    const isSame = kept?.stored === this.#stored && kept.messageId === this.messageId &&
      kept.isWritable === this.isWritable;
    if (isSame) return kept.bag;
    const bag = this.#makeIdentity();
    this.#keptIdentity = { stored: this.#stored, messageId: this.messageId, isWritable: this.isWritable, bag };
    return bag;
  }

  #makeIdentity(): PropertyBag {
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
    for (const { tag, value } of asHtmlBytes(values)) this.overlay.put(tag, value);
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
    const used = new Set<number>();
    for (const one of this.#stored?.recipients ?? []) {
      const bag = await this.logon.items.toTags(ctx, one, true);
      const told = bag.get(PidTagRowid);
      // Rows keep their numbers; what has none, or that of another, comes behind them.
      const rowId = typeof told === "number" && told >= 0 && !used.has(told) ? told : Math.max(-1, ...used) + 1;
      used.add(rowId);
      found.push({ rowId, bag });
    }
    this.#recipients = found.sort((a, b) => a.rowId - b.rowId);
    return this.#recipients;
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

  /** With `ctx` it has what a new one begins with. [MS-OXCMSG] 3.2.5.13 */
  createAttachment(ctx?: Ctx): OpenAttachment {
    this.requireWritable();
    const numbers = [...this.#attachments.keys(), ...(this.#stored?.attachments ?? []).map((one) => one.number)];
    const number = numbers.length === 0 ? 0 : Math.max(...numbers) + 1;
    const made = new OpenAttachment(this, number, null, ctx === undefined ? new Map() : newAttachmentBag(ctx));
    this.#attachments.set(number, made);
    return made;
  }

  deleteAttachment(number: number): void {
    this.requireWritable();
    const found = this.attachment(number);
    this.#attachments.delete(number);
    if (found.stored !== null) this.#removedAttachments.add(number);
  }

  /** Reads the message anew. Attachments that are open go on, under the numbers they have now. */
  async #reload(ctx: Ctx, added: readonly OpenAttachment[], numbers: readonly number[]): Promise<void> {
    this.#base = null;
    this.#recipients = null;
    this.#recipientsChanged = false;
    this.#removedAttachments.clear();
    this.overlay.clear();
    if (this.messageId === null) return;
    this.#stored = await this.logon.items.open(ctx, this.messageId);
    this.#expectedCn = this.#stored.row.cn;
    const byNumber = new Map(this.#stored.attachments.map((one) => [one.number, one]));
    const open = [...this.#attachments.values()];
    this.#attachments.clear();
    for (const one of open.filter(({ isListed }) => isListed)) {
      const at = added.indexOf(one);
      const number = at < 0 ? one.number : numbers[at];
      const stored = number === undefined ? undefined : byNumber.get(number);
      if (stored === undefined) continue;
      one.rebind(stored);
      this.#attachments.set(stored.number, one);
    }
    let next = Math.max(-1, ...byNumber.keys());
    for (const one of open.filter(({ isListed }) => !isListed)) {
      one.number = Math.max(one.number, ++next);
      next = one.number;
      this.#attachments.set(one.number, one);
    }
  }

  /** Writes everything in one transaction. Fault `conflict` when somebody else was faster, unless forced. */
  async save(ctx: Ctx, isForced: boolean, author: Author | null = null): Promise<MessageId | null> {
    this.requireWritable();
    if (this.#isSpoiled) throw new RopError("generalFailure", "A property that is the server's was set.");
    await flush(ctx, this.unflushed);
    if (this.within !== null) {
      this.within.takeEmbedded(this);
      return null;
    }
    const { items } = this.logon;
    let added: readonly OpenAttachment[] = [];
    let numbers: readonly number[] = [];
    if (this.messageId === null) {
      added = this.attachments();
      const item = await this.toNewItem(ctx);
      requireRuleSize(item.bag);
      if (author !== null && this.imported === null) addAuthor(item.bag as PropertyBag, author, true);
      const saved = await items.create(ctx, {
        folderId: this.folderId, item, associated: this.isAssociated,
        ...this.imported === null ? {} : { imported: this.imported.change },
      });
      this.messageId = saved.messageId;
      numbers = saved.addedAttachments;
    } else if (this.#hasChanges() || this.imported !== null) {
      added = this.attachments().filter(({ stored }) => stored === null);
      numbers = (await this.#update(ctx, isForced, author)).addedAttachments;
    }
    await this.#reload(ctx, added, numbers);
    if (this.imported !== null) this.imported.saved(this.#stored!.row);
    this.imported = null;
    return this.messageId;
  }

  async #update(ctx: Ctx, isForced: boolean, author: Author | null): Promise<ItemSaved> {
    const { items } = this.logon;
    const isSure = isForced || this.#expectedCn === null || this.imported !== null;
    const bag = this.#writable();
    requireRuleSize(bag);
    if (author !== null && this.imported === null) addAuthor(bag, author, false);
    const attachments = await this.#attachmentChanges(ctx);
    const request: UpdateItemRequest = {
      messageId: this.messageId!, ...this.imported === null ? {} : { imported: this.imported.change },
      set: { bag }, remove: { tags: [...this.overlay.removed.values()] },
      ...this.#recipientsChanged ? { recipients: this.#newRecipients() } : {},
      ...hasAny(attachments) ? { attachments } : {},
    };
    if (isSure) return await items.update(ctx, request);
    try {
      return await items.update(ctx, { ...request, expectedCn: this.#expectedCn! });
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== "conflict") throw error;
      return await items.update(ctx, { ...request, expectedCn: await this.#reconcile(ctx) });
    }
  }

  /**
   * The version that somebody else saved meanwhile, where what was changed there and what is changed here are different
   * things: both stay. RopError `objectModified` otherwise. [MS-OXCMSG] 3.2.5.3
   */
  async #reconcile(ctx: Ctx): Promise<ChangeNumber> {
    const { items } = this.logon;
    const theirs = await items.open(ctx, this.messageId!);
    const [before, now] = [await this.#storedBag(ctx), await items.toTags(ctx, theirs, true)];
    const ids = this.overlay.ids();
    ids.delete(tagId(PidTagMessageFlags));
    const isApart = sameWithin(before, now, ids) &&
      (!this.#recipientsChanged || sameObjects(this.#stored!.recipients, theirs.recipients)) &&
      (!this.#changesAttachments() || sameObjects(this.#stored!.attachments, theirs.attachments));
    if (!isApart) throw new RopError("objectModified", "Somebody else changed the same things meanwhile.");
    return theirs.row.cn;
  }

  #hasChanges(): boolean {
    return !this.overlay.isEmpty || this.#recipientsChanged || this.#changesAttachments();
  }

  #changesAttachments(): boolean {
    return this.#removedAttachments.size > 0 || [...this.#attachments.values()].some((one) => one.isChanged);
  }

  #writable(): PropertyBag {
    const bag: PropertyBag = new Map([...this.overlay.set].filter(([tag]) => !serverOnly.has(tagId(tag))));
    const flags = bag.get(PidTagMessageFlags);
    if (typeof flags === "number") bag.set(PidTagMessageFlags, withoutWorkedOut(flags));
    writableSubject(bag, this.overlay.over(this.#base ?? new Map()));
    return bag;
  }

  #newRecipients(): NewObject[] {
    return (this.#recipients ?? []).map(({ rowId, bag }) => ({ bag: new Map(bag).set(PidTagRowid, rowId) }));
  }

  async #attachmentChanges(ctx: Ctx): Promise<AttachmentChanges> {
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
    await flush(ctx, this.unflushed);
    const bag = this.overlay.over(await this.#storedBag(ctx));
    for (const tag of [...bag.keys()]) if (serverOnly.has(tagId(tag))) bag.delete(tag);
    if (!bag.has(PidTagMessageClass)) bag.set(PidTagMessageClass, "IPM.Note");
    const flags = bag.get(PidTagMessageFlags);
    if (typeof flags === "number") bag.set(PidTagMessageFlags, withoutWorkedOut(flags));
    await this.recipients(ctx);
    const attachments: NewAttachment[] = [];
    for (const one of this.attachments()) attachments.push(await one.toNew(ctx));
    return { bag, recipients: this.#newRecipients(), attachments };
  }
}

/** What another store can be given of a message of this one. [MS-OXCMSG] 2.2.1 */
export function withoutServerOnly(from: ReadonlyMap<PropertyTag, PropertyValue>): PropertyBag {
  const bag: PropertyBag = new Map([...from].filter(([tag]) => !serverOnly.has(tagId(tag))));
  const flags = bag.get(PidTagMessageFlags);
  if (typeof flags === "number") bag.set(PidTagMessageFlags, withoutWorkedOut(flags));
  return bag;
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

export async function flush(ctx: Ctx, unflushed: Set<Unflushed>): Promise<void> {
  for (const one of [...unflushed]) {
    unflushed.delete(one);
    await one.commit(ctx);
  }
}

interface AttachmentChanges {
  readonly remove: readonly number[];
  readonly update: readonly AttachmentUpdate[];
  readonly add: readonly NewAttachment[];
}

const hasAny = ({ remove, update, add }: AttachmentChanges): boolean => remove.length + update.length + add.length > 0;
