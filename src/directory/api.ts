/**
 * What other rooms ask the directory: who is this, whose address is that, may they. The directory is read from
 * memory-cached rows that follow changes made by other processes (the command line) within a second.
 */
import type { Ctx } from "#base/ctx.ts";
import type { EntryId, FolderId, MailboxId } from "#base/ids.ts";
import type { EntryKind } from "#directory/kinds.ts";
import type { QuotaLevels } from "#directory/quota.ts";
import type { GroupReports, MeetingMessages, ModerationNotice, SentCopies } from "#directory/settings.ts";

/** `web` is a browser at our own pages; `autodiscover` asks for settings only, for whatever program. */
export type Protocol =
  | "smtp" | "imap" | "pop3" | "mapi" | "ews" | "eas" | "dav" | "jmap" | "autodiscover" | "web";

/** A person signed in; satisfies `Principal` of the mailbox room. */
export interface SignedIn {
  readonly entryId: EntryId;
  readonly address: string;
  readonly displayName: string;
  readonly mailboxId: MailboxId | null;
  /** What opened the door; {@link SignInMethods.watchSignOut} ends the session when it is taken back. */
  readonly credential?: string;
}

/** Who asks, in every way to sign in. */
export interface SignInFrom {
  readonly protocol: Protocol;
  readonly clientAddress: string;
  /** What tells this program or device from others at the same address: a User-Agent, a device id. */
  readonly device?: string;
}

/** What a SCRAM exchange needs before the client has proved anything; of nobody it looks the same. RFC 5802 §5.1 */
export interface ScramAccount {
  readonly salt: Uint8Array;
  readonly iterations: number;
  /** The password's keys and those of each app password, all made with that salt. */
  readonly keys: readonly ScramKeys[];
}

export interface ScramKeys {
  readonly credential: string;
  readonly storedKey: Uint8Array;
  readonly serverKey: Uint8Array;
}

/** Ways to sign in other than with a password in the clear, and the end of what was signed in. */
export interface SignInMethods {
  /** Whether access tokens are taken (OAUTHBEARER, XOAUTH2, Bearer), and where they are to be had. */
  bearer(): BearerOffer | null;
  /**
   * Signs in with an access token. `name` is what the client calls itself; null when it does not say. Fault
   * `authenticationFailed`.
   */
  authenticateBearer(ctx: Ctx, request: SignInFrom & { token: string; name: string | null }): Promise<SignedIn>;
  /**
   * First half of SCRAM. Never throws for a name nobody has. Fault
   * `authenticationFailed` while guesses are refused.
   */
  beginScram(ctx: Ctx, request: SignInFrom & { name: string }): Promise<ScramAccount>;
  /** Second half: which keys the proof fitted, null for none. Fault `authenticationFailed`. */
  finishScram(ctx: Ctx, request: SignInFrom & { name: string; credential: string | null }): Promise<SignedIn>;
  /**
   * Calls `onOut` once when this person may not go on: disabled, removed, the protocol switched off, the password
   * changed or the app password removed. The result ends the watch.
   */
  watchSignOut(signedIn: SignedIn, protocol: Protocol, onOut: (why: string) => void): () => void;
}

export interface BearerOffer {
  /** Issuer whose discovery document tells everything else. */
  readonly issuer: string;
  readonly authorizationUri: string;
  /** Whether Outlook's own sign-in knows this provider; others it cannot follow. */
  readonly outlookKnows: boolean;
}

/** What an address leads to. `path` lists groups passed through. */
export type Resolution =
  | {
    readonly kind: "mailbox"; readonly mailboxId: MailboxId; readonly entryId: EntryId; readonly address: string;
    /** A public folder, whose own rights say who may write to it. */
    readonly folderId?: FolderId;
  }
  | {
    readonly kind: "group"; readonly entryId: EntryId; readonly address: string;
    /** Flat: mailboxes and remote addresses, each once. */
    readonly members: readonly Resolution[];
    /**
     * Set where a group in it is closed to some or moderated: who gets mail whoever sends it, and the groups whose own
     * rules decide. Those are to be resolved one by one.
     */
    readonly delivery?: { readonly members: readonly Resolution[]; readonly gated: readonly GatedGroup[] };
  }
  | { readonly kind: "remote"; readonly address: string }
  /** In one of our domains, but nobody. */
  | { readonly kind: "unknown"; readonly address: string }
  /** Known but not taking mail (disabled). */
  | { readonly kind: "disabled"; readonly address: string };

export interface GatedGroup {
  readonly entryId: EntryId;
  readonly address: string;
}

/** What happens to mail of one sender to a group. */
export interface GroupMailing {
  /** Why this sender may not write to it; null when they may. */
  readonly refusal: string | null;
  /** Addresses of those who must let it pass; null when nobody has to, empty when there is nobody who could. */
  readonly moderators: readonly string[] | null;
  /** Who hears when a member cannot be reached. */
  readonly reports: GroupReports;
  /** Whoever manages the group; null for nobody. */
  readonly owner: string | null;
  /** Who hears that a moderator refused. */
  readonly moderationNotice: ModerationNotice;
}

export interface MailboxOwner {
  readonly entryId: EntryId;
  readonly address: string;
  readonly displayName: string;
  /** null without a limit. */
  readonly quotaBytes: number | null;
  /** The same with the levels below it. */
  readonly levels?: QuotaLevels;
  /** Mail programs show what was removed. */
  readonly showsRemoved?: boolean;
  /** What a POP3 program fetched counts as read. */
  readonly marksFetched?: boolean;
  /** Of the folder names and of what the server writes to its owner. */
  readonly language?: string;
  /** The mailbox of public folders, in which everybody has read marks of their own. */
  readonly isPublicStore?: boolean;
}

/** What the directory knows of one person and a mailbox that is not theirs. */
export interface MailboxStanding {
  readonly right: "none" | "read" | "full" | "owner";
  /** A delegate who may see what is marked private. [MS-OXODLGT] 2.2.2.2.6 */
  readonly seesPrivate: boolean;
  /** The person and every group they are in, by nesting and by query. */
  readonly selfAndGroups: ReadonlySet<number>;
}

/** An entry as permission lists and messages name it. */
export interface NamedEntry {
  readonly entryId: EntryId;
  readonly address: string;
  readonly displayName: string;
  readonly kind: EntryKind;
  /** What the address book names it by; left out where there is none. [MS-OXOABK] 2.2.3.14 */
  readonly legacyDn?: string;
}

/** Working together: what people may do in each other's mailboxes and in each other's name. */
export interface Sharing {
  /** The same object until something changes, so that what follows from it can be kept with it. */
  mailboxStanding(ctx: Ctx, entryId: EntryId, mailboxId: MailboxId): Promise<MailboxStanding>;
  /** Entries by id; those that are gone are left out. */
  namedEntries(ctx: Ctx, entryIds: readonly number[]): Promise<ReadonlyMap<number, NamedEntry>>;
  /** Whoever has this address: primary, alias, or one of them with a detail. */
  entryByAddress(ctx: Ctx, address: string): Promise<(NamedEntry & { readonly mailboxId: MailboxId | null }) | null>;
  /** Send As, or From another while Sender says who it was. */
  maySendOnBehalf(ctx: Ctx, entryId: EntryId, address: string): Promise<boolean>;
  /** Where the copy goes of what others send in the name of this mailbox. */
  sentCopies(ctx: Ctx, entryId: EntryId): Promise<SentCopies>;
  /** null when this sender may write to the group, else why not. `entryId` null: nobody who signed in. */
  refusesSender(ctx: Ctx, groupId: EntryId, sender: { entryId: EntryId | null }): Promise<string | null>;
  /** Left out where groups have no rules; null for a group that is gone. */
  groupMailing?(ctx: Ctx, groupId: EntryId, sender: { entryId: EntryId | null }): Promise<GroupMailing | null>;
  /** Whether somebody may let mail to a group pass: its moderators, and whoever manages it. */
  mayModerate?(ctx: Ctx, groupId: EntryId, entryId: EntryId): Promise<boolean>;
  /** Who else gets the meeting messages of a mailbox; null where nobody does. */
  meetingCopies?(ctx: Ctx, mailboxId: MailboxId): Promise<MeetingCopies | null>;
}

/** [MS-OXODLGT] 2.2.2.2.5 to 2.2.2.2.7 */
export interface MeetingCopies {
  readonly entryId: EntryId;
  readonly to: Exclude<MeetingMessages, "owner">;
  readonly delegates: readonly { readonly address: string; readonly seesPrivate: boolean }[];
}

/** Where the folders of the whole organisation are. */
export interface PublicStore {
  readonly entryId: EntryId;
  readonly address: string;
  readonly displayName: string;
  readonly legacyDn: string;
  readonly mailboxId: MailboxId | null;
}

export interface Directory {
  /**
   * Checks a name (`alice@example.test`, `alice`, `example.test\alice`) and password for one protocol. Throws Fault
   * `authenticationFailed` with the same message whatever was wrong, in about the same time.
   */
  authenticate(ctx: Ctx, request: SignInFrom & { name: string; password: string }): Promise<SignedIn>;
  /** Left out where only names and passwords are known. */
  readonly signIn?: SignInMethods;
  /** Where mail for an envelope address goes; groups are expanded, each mailbox once, loops cut. */
  resolve(ctx: Ctx, address: string): Promise<Resolution>;
  isLocalDomain(ctx: Ctx, domain: string): Promise<boolean>;
  /** May this person use `address` as envelope sender or From: own address, alias, or granted Send As. */
  maySendAs(ctx: Ctx, entryId: EntryId, address: string): Promise<boolean>;
  /** What `entryId` may do in a mailbox that is not their own: store-wide rights only. */
  mailboxRight(ctx: Ctx, entryId: EntryId, mailboxId: MailboxId): Promise<"none" | "read" | "full" | "owner">;
  /** Left out where everybody has their own mailbox alone. */
  readonly sharing?: Sharing;
  /** The entry whose mailbox this is. */
  mailboxOwner(ctx: Ctx, mailboxId: MailboxId): Promise<MailboxOwner | null>;
  /** The entry with the mailbox of public folders; null, or left out, while there are none. */
  publicStore?(ctx: Ctx): Promise<PublicStore | null>;
  /** A key of this server, 32 random bytes, made at first need and kept with its data. Left out where none are kept. */
  secret?(ctx: Ctx, name: string): Promise<Uint8Array>;
}
