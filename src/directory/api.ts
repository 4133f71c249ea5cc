/**
 * What other rooms ask the directory: who is this, whose address is that, may they. The directory is read from
 * memory-cached rows that follow changes made by other processes (the command line) within a second.
 */
import type { Ctx } from "#base/ctx.ts";
import type { EntryId, MailboxId } from "#base/ids.ts";
import type { EntryKind } from "#directory/kinds.ts";
import type { SentCopies } from "#directory/settings.ts";

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
  | { readonly kind: "mailbox"; readonly mailboxId: MailboxId; readonly entryId: EntryId; readonly address: string }
  | {
    readonly kind: "group"; readonly entryId: EntryId; readonly address: string;
    /** Flat: mailboxes and remote addresses, each once. */
    readonly members: readonly Resolution[];
  }
  | { readonly kind: "remote"; readonly address: string }
  /** In one of our domains, but nobody. */
  | { readonly kind: "unknown"; readonly address: string }
  /** Known but not taking mail (disabled). */
  | { readonly kind: "disabled"; readonly address: string };

export interface MailboxOwner {
  readonly entryId: EntryId;
  readonly address: string;
  readonly displayName: string;
  /** null without a limit. */
  readonly quotaBytes: number | null;
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
}
