/**
 * What every protocol means by "mailbox". Protocols import these types and get a {@link Mailboxes} from `main`; they
 * never see the store. Permission is checked here, for every call, and nowhere else.
 */
import type { Ctx } from "#base/ctx.ts";
import type { ChangeNumber, ContentId, FolderId, MailboxId, MessageId, Uid } from "#base/ids.ts";
import type { NamedEntry } from "#directory/api.ts";
import type { MimeIndex } from "#format/mime/types.ts";
import type { Annotations } from "#mailbox/annotations.ts";
import type { Items } from "#mailbox/items-api.ts";
import type { Query } from "#mailbox/query.ts";
import type { FolderTree } from "#mailbox/folder-tree.ts";
import type { FolderRole } from "#mailbox/roles.ts";
import type { FolderProperties, FolderStamps } from "#mailbox/tx/folder-properties.ts";
import type { PermissionChange } from "#mailbox/tx/permissions.ts";
import type { PropertyTag, ReadonlyPropertyBag } from "#props/types.ts";

/** Who asks: made by the directory at sign-in, or by the server itself for delivery. */
export interface Principal {
  /** The directory entry, 0 for the server itself. */
  readonly entryId: number;
  /** Primary address, for logs and for comparing. */
  readonly address: string;
  readonly displayName: string;
  /** The person's own mailbox; null for a principal without one. */
  readonly mailboxId: MailboxId | null;
}

export interface Mailboxes {
  /** Throws Fault `notFound` when the mailbox is gone, `accessDenied` when the principal may not open it. */
  open(ctx: Ctx, principal: Principal, mailboxId: MailboxId): Promise<Mailbox>;
  /** Called after each commit that changed the mailbox, from any protocol; a hint only: read what changed. */
  watch(mailboxId: MailboxId, listener: (cn: ChangeNumber) => void): () => void;
}

export interface FolderInfo {
  readonly folderId: FolderId;
  /** null for the root. */
  readonly parentId: FolderId | null;
  readonly name: string;
  readonly role: FolderRole | null;
  /** PidTagContainerClass: `IPF.Note`, `IPF.Appointment`, … ; empty when none. */
  readonly containerClass: string;
  /** PidTagAttributeHidden. */
  readonly hidden: boolean;
  readonly isSearchFolder: boolean;
  readonly uidValidity: number;
  readonly uidNext: number;
  /** Visible messages, associated ones not counted. */
  readonly messageCount: number;
  readonly unreadCount: number;
  readonly associatedCount: number;
  readonly sizeBytes: number;
  /** Newest change of any message in the folder; IMAP HIGHESTMODSEQ. At least 1. */
  readonly highestCn: ChangeNumber;
  /** Newest change of the folder itself. */
  readonly cn: ChangeNumber;
}

/** Message flags as bits; keywords stand beside them. */
export const messageFlags = {
  seen: 0x01,
  answered: 0x02,
  flagged: 0x04,
  /** IMAP \Deleted: marked, still there. */
  deleted: 0x08,
  draft: 0x10,
  forwarded: 0x20,
  mdnSent: 0x40,
  /** One of the two receipts is not wanted any more; no protocol shows these two. [MS-OXCMSG] 2.2.3.10.1 */
  readReceiptOff: 0x80,
  nonReadReceiptOff: 0x100,
} as const;
/** What stays where a client writes all the flags that it knows. */
export const hiddenMessageFlags = messageFlags.readReceiptOff | messageFlags.nonReadReceiptOff;
export type MessageFlag = keyof typeof messageFlags;

/** The light row: all that lists and flag fetches need. */
export interface MessageRow {
  readonly messageId: MessageId;
  readonly uid: Uid;
  readonly flags: number;
  /** Categories; IMAP keywords. */
  readonly keywords: readonly string[];
  /** Newest change of content, flags or read state; IMAP MODSEQ. */
  readonly modSeq: ChangeNumber;
  readonly sizeBytes: number;
  /** IMAP INTERNALDATE, PidTagMessageDeliveryTime; UTC milliseconds. */
  readonly internalMs: number;
  /** When it came into this folder; UTC milliseconds. */
  readonly savedMs: number;
  /** Same for all copies of the same bytes in this mailbox. */
  readonly contentId: ContentId;
}

/** The row with what lists of messages show and searches by column need. */
export interface MessageSummary extends MessageRow {
  readonly messageClass: string;
  readonly subject: string;
  readonly fromName: string;
  readonly fromAddress: string;
  readonly sentMs: number | null;
  readonly messageIdHeader: string;
  readonly hasAttachments: boolean;
  readonly preview: string;
}

/** The row with the stored MIME index. */
export interface MessageStructure extends MessageRow {
  readonly index: MimeIndex;
}

export interface MessageSubject {
  readonly uid: Uid;
  /** Runs of white space are one space; a long one has an end. */
  readonly subject: string;
}

/** What messages are put in order by. RFC 5256 §3, RFC 5957 §2 */
export type OrderKey =
  "arrival" | "size" | "date" | "subject" | "from" | "to" | "cc" | "displayFrom" | "displayTo";

/** What threads are made of, as columns ascending by UID. RFC 5256 §4 */
export interface ThreadColumns {
  readonly uids: Uint32Array;
  /** The Date field, else when it came. */
  readonly sentMs: Float64Array;
  /** Numbers that stand for base subjects, below `subjectCount`; 0 is the empty one. */
  readonly subjects: Uint32Array;
  readonly subjectCount: number;
  /** 1 where the subject marks a reply or a forwarded message. */
  readonly replies: Uint8Array;
  /** Numbers that stand for Message-IDs, up to `idCount`; 0 for none. */
  readonly own: Uint32Array;
  /** References of message n, oldest first, are those from `starts[n]` up to `starts[n + 1]`. */
  readonly starts: Uint32Array;
  readonly references: Uint32Array;
  readonly idCount: number;
}

/** The row with the message's header section, blank line included, or with fields of it. */
export interface MessageHeader extends MessageRow {
  readonly header: Uint8Array | string;
}

/** Flags of many messages as columns, ascending by UID: a list of flags makes no object for each message. */
export interface FlagColumns {
  readonly count: number;
  readonly uids: Uint32Array;
  readonly flags: Uint8Array;
  readonly modSeqs: Float64Array;
  /** By place in the columns; a message without keywords has no entry. */
  readonly keywords: ReadonlyMap<number, readonly string[]>;
}

/** A folder's messages as POP3 numbers them, as columns ascending by UID, and how long the folder keeps them. */
export interface MaildropColumns {
  readonly count: number;
  readonly uidValidity: number;
  readonly uids: Uint32Array;
  /** Of the item, wherever it is moved: the same for as long as it is in this mailbox, and no other's ever. */
  readonly itemIds: Float64Array;
  readonly sizes: Float64Array;
  readonly contentIds: Float64Array;
  /** After so many days messages leave the folder by themselves; null: never. */
  readonly keepDays: number | null;
}

/** Messages a query may describe, ascending by UID, as columns. */
export interface Candidates {
  readonly uids: readonly number[];
  /** Beside the UIDs; may be empty when they were not asked for. */
  readonly modSeqs: readonly number[];
  /** Beside the UIDs: no more need be looked at. Undefined: all of them are. */
  readonly sure: readonly boolean[] | undefined;
}

/** Inclusive range of UIDs. */
export interface UidRange {
  readonly first: number;
  readonly last: number;
}
/** Which messages: ascending ranges, or all. */
export type UidSet = readonly UidRange[] | "all";

/** The untouched bytes of one message. */
export interface MessageContent {
  readonly sizeBytes: number;
  /** Bytes from `offset`, at most `length`; fewer only at the end. Small messages answer without waiting. */
  read(offset: number, length: number): Promise<Uint8Array>;
  /** The bytes in pieces of at most 256 KiB. */
  stream(offset?: number, length?: number): AsyncIterable<Uint8Array>;
}

/** Bytes on their way in: held when small, spooled to disk when large. Made by {@link Mailbox.beginUpload}. */
export interface Upload {
  /** Waits when the disk is slower than the client. Throws Fault `tooBig` or `storageFull`. */
  write(chunk: Uint8Array): Promise<void>;
  readonly sizeBytes: number;
  /** Forgets the bytes. Safe to call at any time, also after use. */
  discard(): Promise<void>;
}

export interface AppendedMessage {
  readonly upload: Upload;
  readonly flags: number;
  readonly keywords: readonly string[];
  readonly internalMs: number | null;
}

export interface AppendResult {
  readonly messageId: MessageId;
  readonly uid: Uid;
  readonly uidValidity: number;
  readonly cn: ChangeNumber;
}

export interface FlagChange {
  readonly mode: "add" | "remove" | "replace";
  /** Bits of {@link messageFlags}. */
  readonly flags: number;
  readonly keywords: readonly string[];
  /** Messages changed after this are left alone and reported. RFC 7162 §3.1.3 */
  readonly unchangedSince?: ChangeNumber;
}

export interface FlagResult {
  readonly cn: ChangeNumber;
  /** False: everything was so already, and `cn` is that of the last commit, whoever made it. */
  readonly isChanged: boolean;
  /** Messages as they now are, in UID order; also those the change did not alter. */
  readonly rows: readonly MessageRow[];
  /** UIDs left alone because of `unchangedSince`. */
  readonly conflicts: readonly number[];
}

export interface CopyResult {
  readonly uidValidity: number;
  /** Source and target UID, in source order; pairs[2n], pairs[2n+1]. */
  readonly pairs: Uint32Array;
  readonly cn: ChangeNumber;
}

export interface FolderChanges {
  /** The folder's state these changes lead to. */
  readonly cn: ChangeNumber;
  readonly uidNext: number;
  /** Messages added or changed after `since`, in UID order. */
  readonly changed: readonly MessageRow[];
  /** UIDs that left the folder after `since`, ascending. */
  readonly vanished: Uint32Array;
}

/** Where words are looked for. */
export type RankedField = "subject" | "addresses" | "body" | "text";

export interface RankedMessage {
  readonly uid: number;
  /** Only to be compared with others of the same answer. */
  readonly score: number;
}

/** Who has which rights in a folder. */
export interface PermissionEntry {
  /** PidTagMemberId: the directory entry, 0 for Default, -1 for Anonymous. [MS-OXCPERM] 2.2.5 */
  readonly memberId: number;
  /** Bits of `folderRights`. */
  readonly rights: number;
  /** null for an entry that is not in the directory any more. */
  readonly member: "default" | "anonymous" | NamedEntry | null;
}

/** Bytes used and allowed; null where there is no limit. What was removed does not count. [MS-OXCSTOR] 2.2.2.1 */
export interface MailboxQuota {
  readonly usedBytes: number;
  readonly limitBytes: number | null;
  readonly messageCount: number;
  /** From here on the owner is warned. */
  readonly warningBytes?: number | null;
  /** From here on nothing can be sent. */
  readonly sendBytes?: number | null;
  /** In Recoverable Items. */
  readonly removedBytes?: number;
}

/** One opened mailbox for one principal. Every call checks the right it needs; Fault `accessDenied` otherwise. */
export interface Mailbox {
  readonly mailboxId: MailboxId;
  readonly principal: Principal;
  /** The same mailbox as items made of properties. */
  readonly items: Items;
  readonly annotations: Annotations;

  /** All folders the principal may see, parents before children. One query. */
  folders(ctx: Ctx): Promise<readonly FolderInfo[]>;
  folder(ctx: Ctx, folderId: FolderId): Promise<FolderInfo>;
  /** The same folders, held in memory for whoever owns the mailbox: what a look costs is what has changed. */
  folderTree(ctx: Ctx): Promise<FolderTree>;
  /** Directly below one, those the principal may see. */
  foldersBelow(ctx: Ctx, parentId: FolderId): Promise<FolderInfo[]>;
  /** The folder of a name, without regard to case; null when there is none that the principal may see. */
  folderNamed(ctx: Ctx, parentId: FolderId, name: string): Promise<FolderInfo | null>;
  folderByRole(ctx: Ctx, role: FolderRole): Promise<FolderInfo>;
  /** Fault `alreadyExists` when a sibling has the same name without regard to case. */
  createFolder(
    ctx: Ctx,
    request: {
      parentId: FolderId; name: string; containerClass?: string; searchFolder?: boolean;
      /** One that `items.reserveIds` set aside. */
      folderId?: FolderId;
      /** Written on it as it is made. */
      properties?: ReadonlyPropertyBag;
    },
  ): Promise<FolderInfo>;
  /** Renames and moves in one step. Fault `folderCycle`, `alreadyExists`, `notAllowed` for folders with a role. */
  moveFolder(ctx: Ctx, request: { folderId: FolderId; parentId: FolderId; name: string }): Promise<FolderInfo>;
  /** A copy with all messages and subfolders. */
  copyFolder(
    ctx: Ctx, request: { folderId: FolderId; parentId: FolderId; name: string; isShallow?: boolean },
  ): Promise<FolderInfo>;
  /**
   * `soft`: messages go to Recoverable Items; `hard`: they are gone. `children`: what to do with subfolders.
   * Fault `hasChildren`, `notAllowed` for folders with a role.
   */
  deleteFolder(
    ctx: Ctx, request: { folderId: FolderId; mode: "soft" | "hard"; children: "refuse" | "delete" },
  ): Promise<void>;
  /** Ids of the folders that have a role, seen or not: an id tells nothing, and clients ask for all of them. */
  roleFolders(ctx: Ctx): Promise<(readonly [FolderRole, FolderId])[]>;
  /** What clients wrote on folders: of all that the principal may see, or of one. */
  folderProperties(ctx: Ctx, folderId?: FolderId): Promise<ReadonlyMap<FolderId, FolderProperties>>;
  /** The same of some; those that are gone, or may not be seen, are left out. */
  folderPropertiesOf(ctx: Ctx, folderIds: readonly FolderId[]): Promise<Map<FolderId, FolderProperties>>;
  folderStamps(ctx: Ctx, folderId: FolderId): Promise<FolderStamps>;
  /** Sets and removes properties of a folder; {@link moveFolder} changes the name. Gives the new change number. */
  updateFolderProperties(ctx: Ctx, request: {
    folderId: FolderId; set?: ReadonlyPropertyBag; remove?: readonly PropertyTag[]; containerClass?: string;
    hidden?: boolean;
  }): Promise<ChangeNumber>;
  /** Rights of the principal in a folder, bits of `folderRights`; 0 for one that may not be seen. */
  rightsIn(folderId: FolderId): number;
  /**
   * Permission entries of a folder: Default, Anonymous (both always, with 0 where nothing was set), then the others.
   * For owners of the folder alone: Fault `accessDenied`. [MS-OXCPERM] 2.2.1
   */
  permissions(ctx: Ctx, folderId: FolderId): Promise<PermissionEntry[]>;
  /**
   * Changes entries in one step; with `replace` all others go. Rights are completed by those they bring along. Counts
   * for open sessions at once. Fault `notFound` for a member that is not in the directory.
   */
  setPermissions(
    ctx: Ctx, folderId: FolderId, changes: readonly PermissionChange[], options?: { readonly replace?: boolean },
  ): Promise<ChangeNumber>;
  /** One change of {@link setPermissions}; null takes the entry away. */
  setPermission(ctx: Ctx, folderId: FolderId, memberId: number, rights: number | null): Promise<void>;
  /** GUIDs of the mailbox and of what it makes. [MS-OXCSTOR] 2.2.1.1.3 */
  identity(ctx: Ctx): Promise<{ readonly guid: string; readonly replicaGuid: string }>;
  /** Ids given out from now on are this or greater: what is older was there before. */
  nextObjectId(ctx: Ctx): Promise<number>;
  /** IMAP subscriptions are names, not folders: a name may be subscribed before it exists. */
  subscriptions(ctx: Ctx): Promise<string[]>;
  setSubscription(ctx: Ctx, name: string, subscribed: boolean): Promise<void>;

  /** UIDs of all visible messages of a folder, ascending, with the state they belong to; shared, not to be changed. */
  uids(ctx: Ctx, folderId: FolderId): Promise<{ folder: FolderInfo; uids: Uint32Array }>;
  /** Rows in UID order, in slices of at most `limits.sliceRows`; never holds the event loop. */
  rows(ctx: Ctx, folderId: FolderId, uids: UidSet): AsyncIterable<MessageRow[]>;
  summaries(ctx: Ctx, folderId: FolderId, uids: UidSet): AsyncIterable<MessageSummary[]>;
  structures(ctx: Ctx, folderId: FolderId, uids: UidSet): AsyncIterable<MessageStructure[]>;
  /** Subjects as lists show them, and no more. */
  subjects(ctx: Ctx, folderId: FolderId, uids: UidSet): AsyncIterable<MessageSubject[]>;
  /**
   * Numbers beside `uids`, which ascend, that compare as a key of the messages does. For many of a folder they are
   * remembered, so that they are read once.
   */
  ranks(ctx: Ctx, folderId: FolderId, uids: readonly number[], key: OrderKey): Promise<Float64Array>;
  /** Of at least the messages in `uids`, which ascend, as far as they are there; remembered as ranks are. */
  threadKeys(ctx: Ctx, folderId: FolderId, uids: readonly number[]): Promise<ThreadColumns>;
  /**
   * Header sections with their rows; one query for each slice. For `names` only fields matter that have one of these:
   * others may be left out, and the blank line; then one character stands for each byte.
   */
  headers(
    ctx: Ctx, folderId: FolderId, uids: UidSet, names?: readonly string[],
  ): AsyncIterable<MessageHeader[]>;
  /** Flags and change numbers alone, in slices. */
  flags(ctx: Ctx, folderId: FolderId, uids: UidSet): AsyncIterable<FlagColumns>;
  /** The whole folder by columns, every message with its bytes. */
  maildrop(ctx: Ctx, folderId: FolderId): Promise<MaildropColumns>;
  /** Whether what a POP3 program fetches counts as read. */
  marksFetched(ctx: Ctx): Promise<boolean>;
  /**
   * Messages of the set that `query` may describe, in slices: all that it does are among them. By rows and the trigrams
   * of texts, without a look at the messages themselves.
   */
  candidates(
    ctx: Ctx, folderId: FolderId, uids: UidSet, query: Query, options: { modSeqs: boolean },
  ): AsyncIterable<Candidates>;
  /** What happened in a folder after `since`. One read of the change log. */
  changes(ctx: Ctx, folderId: FolderId, since: ChangeNumber): Promise<FolderChanges>;
  content(ctx: Ctx, contentId: ContentId): Promise<MessageContent>;
  /** UIDs whose full-text index matches all words; for ranking and quick search, not for exact substrings. */
  searchWords(ctx: Ctx, folderId: FolderId, words: string): Promise<Uint32Array>;
  /** UIDs of messages that hold words like these, with how well they fit (greater is better), ascending by UID. */
  rankWords(ctx: Ctx, folderId: FolderId, words: string, field: RankedField): Promise<RankedMessage[]>;
  /** Conversation keys in hexadecimal by UID; a message that belongs to none has no entry. */
  conversations(ctx: Ctx, folderId: FolderId, uids: UidSet): Promise<ReadonlyMap<number, string>>;
  /** UIDs of a folder's messages in a conversation, ascending. */
  inConversation(ctx: Ctx, folderId: FolderId, conversationKey: string): Promise<number[]>;

  beginUpload(ctx: Ctx, expectedBytes: number | null): Upload;
  /** Stores an uploaded message; the upload is consumed. Durable when it returns. */
  append(ctx: Ctx, request: {
    folderId: FolderId; upload: Upload; flags: number; keywords: readonly string[]; internalMs: number | null;
  }): Promise<AppendResult>;
  /** Several messages in one commit, all or none; `replaces` goes in the same commit (soft). */
  appendAll(ctx: Ctx, request: {
    folderId: FolderId; messages: readonly AppendedMessage[];
    replaces?: { readonly folderId: FolderId; readonly uid: number };
  }): Promise<AppendResult[]>;
  setFlags(ctx: Ctx, folderId: FolderId, uids: UidSet, change: FlagChange): Promise<FlagResult>;
  copy(ctx: Ctx, folderId: FolderId, uids: UidSet, targetId: FolderId): Promise<CopyResult>;
  move(ctx: Ctx, folderId: FolderId, uids: UidSet, targetId: FolderId): Promise<CopyResult>;
  /** Removes messages: those in `uids` that are marked deleted, or all in `uids` whatever their marks. */
  remove(ctx: Ctx, request: {
    folderId: FolderId; uids: UidSet; only: "marked" | "any"; mode: "soft" | "hard";
  }): Promise<{ uids: Uint32Array; cn: ChangeNumber }>;
  /** Calls back after each commit that changed this mailbox; a hint only. */
  watch(listener: (cn: ChangeNumber) => void): () => void;
  quota(ctx: Ctx): Promise<MailboxQuota>;
  /** Whether Recoverable Items stands among the folders that mail programs list. Left out: it does not. */
  showsRemoved?(ctx: Ctx): Promise<boolean>;
}
