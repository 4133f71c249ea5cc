/**
 * What other rooms ask the directory: who is this, whose address is that, may they. The directory is read from
 * memory-cached rows that follow changes made by other processes (the command line) within a second.
 */
import type { Ctx } from "#base/ctx.ts";
import type { EntryId, MailboxId } from "#base/ids.ts";

export type Protocol = "smtp" | "imap" | "pop3" | "mapi" | "ews" | "eas" | "dav" | "jmap" | "web";

/** A person signed in; satisfies `Principal` of the mailbox room. */
export interface SignedIn {
  readonly entryId: EntryId;
  readonly address: string;
  readonly displayName: string;
  readonly mailboxId: MailboxId | null;
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

export interface Directory {
  /**
   * Checks a name (`alice@example.test`, `alice`, `example.test\alice`) and password for one protocol. Throws Fault
   * `authenticationFailed` with the same message whatever was wrong, in about the same time.
   */
  authenticate(ctx: Ctx, request: {
    name: string; password: string; protocol: Protocol; clientAddress: string;
  }): Promise<SignedIn>;
  /** Where mail for an envelope address goes; groups are expanded, each mailbox once, loops cut. */
  resolve(ctx: Ctx, address: string): Promise<Resolution>;
  isLocalDomain(ctx: Ctx, domain: string): Promise<boolean>;
  /** May this person use `address` as envelope sender or From: own address, alias, or granted Send As. */
  maySendAs(ctx: Ctx, entryId: EntryId, address: string): Promise<boolean>;
  /** What `entryId` may do in a mailbox that is not their own: store-wide rights only. */
  mailboxRight(ctx: Ctx, entryId: EntryId, mailboxId: MailboxId): Promise<"none" | "read" | "full" | "owner">;
  /** The entry whose mailbox this is. */
  mailboxOwner(ctx: Ctx, mailboxId: MailboxId): Promise<MailboxOwner | null>;
}
