/** What administration works on: an opened data folder and the name of who does it. */
import type { Ctx } from "#base/ctx.ts";
import type { MailboxId } from "#base/ids.ts";
import type { StoreDirectory } from "#directory/directory.ts";
import type { PasswordHasher } from "#directory/password.ts";
import type { MailboxAudit } from "#mailbox/audit/log.ts";
import type { Mailboxes, Principal } from "#mailbox/api.ts";
import type { Store } from "#store/api.ts";

export interface Admin {
  readonly store: Store;
  readonly directory: StoreDirectory;
  readonly mailboxes: Mailboxes;
  /** Left out where nothing is noted. */
  readonly audit?: MailboxAudit;
  readonly hasher: PasswordHasher;
  /** Makes the mailbox of a new entry with its folders. */
  provisionMailbox(ctx: Ctx, request: { mailboxId: MailboxId; language: string; isPublic?: boolean }): Promise<void>;
  /** For the audit trail: `cli:root`, or the address of the person at the portal. */
  readonly by: string;
}

/** The server itself, which may open every mailbox. */
export function serverPrincipal(admin: Admin): Principal {
  return { entryId: 0, address: admin.by, displayName: "Administrator", mailboxId: null };
}
