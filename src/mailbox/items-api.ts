/**
 * Items as properties: what MAPI, EWS, ActiveSync, DAV, rules and the calendar read and write. It makes no difference
 * whether an item came as MIME or was written as properties: both are asked the same way, and what a client sets is
 * given back as it was set.
 *
 * Tagged properties are told by tag. Named ones are told by name (`named`), or, for MAPI, by the ids this mailbox gave
 * them (tags from 0x8000 on, in `bag`); both ways may be mixed when writing. [MS-OXCPRPT] 2.2.12
 */
import type { Ctx } from "#base/ctx.ts";
import type { ChangeNumber, ContentId, EntryId, FolderId, ItemId, MessageId } from "#base/ids.ts";
import type { ItemContent, ItemObject, NamedValue } from "#convert/item.ts";
import type { FlagChange, MessageRow, Upload } from "#mailbox/api.ts";
import type { LightColumn, LightRow } from "#mailbox/items/light.ts";
import type { TextCandidates, TextNeedle } from "#mailbox/items/text-candidates.ts";
import type { IdRange } from "#mailbox/tx/reserved-ids.ts";
import type { NamedId } from "#props/registry.ts";
import type { PropertyBag, PropertyTag, ReadonlyPropertyBag } from "#props/types.ts";

/** What the store knows of an item without looking into its properties. */
export interface ItemRow extends Omit<MessageRow, "contentId"> {
  readonly folderId: FolderId;
  /** Keeps its number through moves. */
  readonly itemId: ItemId;
  /** A folder's own setting (FAI), not a message a person sees. [MS-OXCFOLD] 2.2.1.14 */
  readonly isAssociated: boolean;
  /** Newest change of content or flags other than read; PidTagChangeNumber. */
  readonly cn: ChangeNumber;
  /** Newest change of the read state. [MS-OXCFXICS] 2.2.1.2.12 */
  readonly readCn: ChangeNumber;
  /** PidTagMessageSize: of the item as properties, whatever size IMAP tells of it. `sizeBytes` is that of IMAP. */
  readonly itemSizeBytes: number;
  /** The MIME bytes: as they came, or as rendered; null while nobody asked for them. */
  readonly contentId: ContentId | null;
  /** `mime`: the bytes are what came and `contentId` holds them; `properties`: they are rendered when needed. */
  readonly origin: "mime" | "properties";
  readonly messageClass: string;
  readonly subject: string;
  /** Without prefix. [MS-OXCMSG] 2.2.1.10 */
  readonly normalizedSubject: string;
  /** Who it is from (PidTagSentRepresentingName and its address); empty when nobody is told. */
  readonly fromName: string;
  readonly fromAddress: string;
  readonly displayTo: string;
  readonly displayCc: string;
  readonly sentMs: number | null;
  readonly modifiedMs: number;
  readonly messageIdHeader: string;
  readonly hasAttachments: boolean;
  /** 0 low, 1 normal, 2 high. */
  readonly importance: number;
  /** 0 normal, 1 personal, 2 private, 3 confidential. */
  readonly sensitivity: number;
  readonly preview: string;
  /** Whoever made it, where it was not the mailbox's owner: PidTagCreatorEntryId. [MS-OXCMSG] 2.2.1.31 */
  readonly creatorId: EntryId | null;
  /** PidTagConversationId, 16 bytes; null for what belongs to none. [MS-OXOMSG] 2.2.1.2 */
  readonly conversationId: Uint8Array | null;
  /** The last version that a client made away from the server, null for none; others may have followed. */
  readonly imported: (ImportedChange & { readonly isCurrent: boolean }) | null;
  /**
   * What joins messages of one conversation, whichever way they tell of it: {@link Items.conversation} lists by it.
   * Empty for what belongs to none.
   */
  readonly conversationKey: string;
}

/** How a client names a version that it made away from the server. [MS-OXCFXICS] 2.2.1.2.7, 2.2.1.2.8 */
export interface ImportedChange {
  /** Of a new item: one that {@link Items.reserveIds} gave out. */
  readonly messageId?: MessageId;
  /** PidTagChangeKey, an XID. */
  readonly changeKey: Uint8Array;
  /** PidTagPredecessorChangeList, the change itself included. */
  readonly predecessors: Uint8Array;
}

/** A folder as a client made or changed it away from the server. [MS-OXCFXICS] 3.2.5.9.4.3 */
export interface FolderImport {
  readonly folderId: FolderId;
  readonly parentId: FolderId;
  readonly name: string;
  readonly set: ReadonlyPropertyBag;
  readonly containerClass?: string;
  readonly hidden?: boolean;
  readonly change: ImportedChange;
}

/** An item that stands somewhere in time: appointment, meeting, task, or anything with a reminder. */
export interface TimedItem {
  readonly row: ItemRow;
  /** Of a series: its first occurrence, or earlier. null for what has no start. UTC milliseconds. */
  readonly startMs: number | null;
  /** Of a series: the end of its last occurrence, or up to a day later; null when it never ends. */
  readonly endMs: number | null;
  readonly isRecurring: boolean;
  /** PidLidBusyStatus: 0 free, 1 tentative, 2 busy, 3 away, 4 elsewhere; null where it means nothing. */
  readonly busyStatus: number | null;
  /** PidLidCleanGlobalObjectId. [MS-OXOCAL] 2.2.1.28 */
  readonly globalObjectId: Uint8Array | null;
  /** PidLidReminderSignalTime of a reminder that is set. [MS-OXORMDR] 2.2.1.2 */
  readonly reminderMs: number | null;
}

/** Bytes of an attachment. */
export interface AttachmentContent {
  /** Exact for stored bytes; close for those that are decoded from MIME. */
  readonly aboutBytes: number;
  /** In pieces, as often as wanted. Throws Fault `notFound` when the item was removed or changed meanwhile. */
  stream(ctx: Ctx): AsyncIterable<Uint8Array>;
}

export interface StoredAttachment extends ItemObject {
  /** PidTagAttachNumber: stays with the attachment while others come and go. */
  readonly number: number;
  /** null for embedded messages and for what is kept elsewhere. */
  readonly content: AttachmentContent | null;
  readonly isEmbedded: boolean;
  /** The embedded message. Throws Fault `notFound` where `isEmbedded` is false. */
  open(ctx: Ctx): Promise<StoredItem>;
}

/**
 * One item as it was at one moment: all properties, bodies among them. `bag` holds tagged properties alone, those the
 * server keeps itself included (PidTagMessageFlags, PidTagMessageSize, PidTagHasAttachments, …); `named` the named.
 */
export interface StoredItem extends ItemObject {
  /** Of the message that is in a folder, also for what is embedded in it. */
  readonly row: ItemRow;
  readonly recipients: readonly ItemObject[];
  readonly attachments: readonly StoredAttachment[];
}

/** Properties to write: by tag, named ids of this mailbox included, and by name. */
export interface NewObject {
  readonly bag: ReadonlyPropertyBag;
  readonly named?: ReadonlyMap<string, NamedValue>;
}

export interface NewAttachment extends NewObject {
  /** Bytes; also taken from PidTagAttachDataBinary. An upload is consumed. */
  readonly content?: Upload | ItemContent;
  readonly embedded?: NewItem;
}

/** An `ItemBag` of `convert` is one. */
export interface NewItem extends NewObject {
  readonly recipients: readonly NewObject[];
  readonly attachments: readonly NewAttachment[];
}

export interface CreateItemRequest {
  readonly folderId: FolderId;
  readonly item: NewItem;
  readonly associated?: boolean;
  /** Bits of `messageFlags`, beside those that PidTagMessageFlags tells (read, unsent). */
  readonly flags?: number;
  /** PidTagMessageDeliveryTime, else this, else now; UTC milliseconds. */
  readonly internalMs?: number | null;
  readonly imported?: ImportedChange;
}

/** Changes of one attachment; what is not named stays. */
export interface AttachmentUpdate {
  readonly number: number;
  readonly set?: NewObject;
  readonly remove?: PropertyNames;
  readonly content?: Upload | ItemContent;
  /** Takes the place of the message embedded there. */
  readonly embedded?: NewItem;
}

/** Which properties: tags, ids of this mailbox included; names. A tag means its id, whatever type it tells. */
export interface PropertyNames {
  readonly tags?: readonly PropertyTag[];
  readonly names?: readonly NamedId[];
}

export interface UpdateItemRequest {
  readonly messageId: MessageId;
  /** Fault `conflict` when the item's `cn` is another. */
  readonly expectedCn?: ChangeNumber;
  readonly set?: NewObject;
  readonly remove?: PropertyNames;
  /** Takes the place of all recipients. */
  readonly recipients?: readonly NewObject[];
  readonly attachments?: {
    /** Numbers; those that are not there are passed over. */
    readonly remove?: readonly number[];
    readonly update?: readonly AttachmentUpdate[];
    readonly add?: readonly NewAttachment[];
  };
  readonly flags?: FlagChange;
  readonly imported?: ImportedChange;
}

export interface ItemSaved {
  readonly messageId: MessageId;
  readonly cn: ChangeNumber;
  /** Numbers of the attachments that were added, in their order. */
  readonly addedAttachments: readonly number[];
}

/** What happened to the items of a folder after a change number. */
export interface ItemChanges {
  readonly cn: ChangeNumber;
  /** Added or changed; `cn` and `readCn` tell whether only the read state did. */
  readonly changed: readonly ItemRow[];
  /** Ids that left the folder. */
  readonly removed: readonly MessageId[];
}

/**
 * The items of one opened mailbox. Every call checks the right it needs: Fault `accessDenied`, or `notFound` for what
 * may not be seen. Fault `notFound` for an id that is gone.
 */
export interface Items {
  /** Ids of names in their order; 0 for a name that has none. `create` gives new ones; Fault `tooMany` at the end. */
  propertyIds(ctx: Ctx, names: readonly NamedId[], create: boolean): Promise<number[]>;
  /** Names of ids in their order; null for an id that was never given out. */
  propertyNames(ctx: Ctx, ids: readonly number[]): Promise<(NamedId | null)[]>;
  /** Every id that was given out, with its name. */
  allPropertyNames(ctx: Ctx): Promise<ReadonlyMap<number, NamedId>>;
  /** All properties by tag, named ones by this mailbox's ids; with `create` false those without an id are left out. */
  toTags(ctx: Ctx, object: NewObject, create: boolean): Promise<PropertyBag>;

  row(ctx: Ctx, messageId: MessageId): Promise<ItemRow>;
  /** Rows of a folder in the order they came, in slices; the light way to list. */
  rows(ctx: Ctx, folderId: FolderId, options?: { associated?: boolean }): AsyncIterable<ItemRow[]>;
  /**
   * A few columns of a folder's rows in the order they came, in slices: nothing else is read. Columns that were not
   * asked for are not there.
   */
  light(
    ctx: Ctx, folderId: FolderId, columns: readonly LightColumn[], options?: { associated?: boolean },
  ): AsyncIterable<LightRow[]>;
  /** The same of some messages, in no order; ids that are gone, or may not be seen, are left out. */
  lightOf(ctx: Ctx, messageIds: readonly MessageId[], columns: readonly LightColumn[]): Promise<LightRow[]>;
  /**
   * Which messages may hold a text in a field, whatever case, marks and folder: from the full-text index. null when it
   * cannot tell. The answer looks at `candidateColumns`.
   */
  textCandidates(ctx: Ctx, needle: TextNeedle): Promise<TextCandidates | null>;
  /**
   * The same of what changed after `since`, and what left the folder; null when more than `rowsMax` rows did, for which
   * listing anew is no slower.
   */
  lightChanges(
    ctx: Ctx, folderId: FolderId, since: ChangeNumber, columns: readonly LightColumn[],
    options: { associated?: boolean; rowsMax: number },
  ): Promise<{ cn: ChangeNumber; changed: LightRow[]; removed: MessageId[] } | null>;
  /**
   * Rows with some of their properties, for tables. Bytes are parsed only for bodies and headers that were asked for;
   * all else stands in rows and small bags.
   */
  table(
    ctx: Ctx, folderId: FolderId, wanted: PropertyNames, options?: { associated?: boolean },
  ): AsyncIterable<{ row: ItemRow; object: ItemObject }[]>;
  /** Some properties of some items, in the order asked; ids that are gone are left out. */
  properties(
    ctx: Ctx, messageIds: readonly MessageId[], wanted: PropertyNames,
  ): Promise<{ row: ItemRow; object: ItemObject }[]>;
  /** The whole item. Bytes of attachments come when they are asked for. */
  open(ctx: Ctx, messageId: MessageId): Promise<StoredItem>;
  changes(ctx: Ctx, folderId: FolderId, since: ChangeNumber, options?: { associated?: boolean }): Promise<ItemChanges>;

  /** Durable when it returns. Fault `overQuota`, `tooBig`, `notAllowed` in search folders. */
  create(ctx: Ctx, request: CreateItemRequest): Promise<ItemSaved>;
  /**
   * Changes an item. Properties that MIME does not show leave its bytes as they are; for others the bytes are given
   * up, and whoever asks for them next gets new ones under a new UID.
   */
  update(ctx: Ctx, request: UpdateItemRequest): Promise<ItemSaved>;
  setFlags(ctx: Ctx, messageIds: readonly MessageId[], change: FlagChange): Promise<ItemRow[]>;
  /** Sets ids aside that a client gives to what it makes; the first of `count`. */
  reserveIds(ctx: Ctx, count: number): Promise<number>;
  /** Whether an item has this id, had it, or neither. */
  idState(ctx: Ctx, messageId: MessageId): Promise<"there" | "removed" | "free">;
  /** Ids of this folder that nothing is to have any more; of ids never given out Fault `invalidArgument`. */
  giveUpIds(ctx: Ctx, folderId: FolderId, ranges: readonly IdRange[]): Promise<void>;
  /**
   * Moves an item to where its new id, set aside before, belongs. Fault `notAllowed` for another id. Without a change
   * the version is this server's.
   */
  importMove(
    ctx: Ctx, messageId: MessageId, targetId: FolderId, newId: MessageId, change: ImportedChange | null,
  ): Promise<ItemRow>;
  /** Makes or changes a folder, which then has the client's version. Fault `notAllowed` for an id not set aside. */
  importFolder(ctx: Ctx, request: FolderImport): Promise<ChangeNumber>;
  /** New ids in the order of those given; null for one that is gone. A moved item has a new id. */
  copy(ctx: Ctx, messageIds: readonly MessageId[], targetId: FolderId): Promise<(MessageId | null)[]>;
  move(ctx: Ctx, messageIds: readonly MessageId[], targetId: FolderId): Promise<(MessageId | null)[]>;
  /** Those of some messages that are there and that the caller may read, or remove and move away; in their order. */
  allowed(
    ctx: Ctx, messageIds: readonly MessageId[], operation: "readItem" | "deleteItem",
  ): Promise<MessageId[]>;
  /** `soft`: into Recoverable Items; associated items are gone at once. How many there were. */
  remove(ctx: Ctx, messageIds: readonly MessageId[], mode: "soft" | "hard"): Promise<number>;

  /** All items of a conversation in all folders the caller may read, oldest first. */
  conversation(ctx: Ctx, conversationKey: string): Promise<ItemRow[]>;
  /** Items that touch `[fromMs, toMs)`; a series when some occurrence may. */
  calendarItems(ctx: Ctx, folderId: FolderId, fromMs: number, toMs: number): Promise<TimedItem[]>;
  /** By PidLidCleanGlobalObjectId, or any PidLidGlobalObjectId of the series; in all folders or one. */
  itemsByGlobalObjectId(ctx: Ctx, globalObjectId: Uint8Array, folderId?: FolderId): Promise<TimedItem[]>;
  /**
   * Reminders that are set and due before `untilMs`, earliest first; none of what was deleted, is junk, or is not sent
   * or synchronised yet: the criteria of the Reminders folder of [MS-OXOSFLD].
   */
  dueReminders(ctx: Ctx, untilMs: number): Promise<TimedItem[]>;
}
