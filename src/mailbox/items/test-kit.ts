/** A mailbox on a real store, opened for its owner or anybody else. */
import type { EntryId, MailboxId } from "#base/ids.ts";
import type { Directory } from "#directory/api.ts";
import { createMailboxes } from "#mailbox/mailbox.ts";
import type { Mailbox } from "#mailbox/api.ts";
import { ctx } from "#store/contract-test-kit.ts";
import type { Store } from "#store/api.ts";

export interface OpenedKit {
  readonly mailbox: Mailbox;
  /** Another session of the owner, or one of somebody with no right but those of folders. */
  open(who?: "owner" | "stranger"): Promise<Mailbox>;
}

export async function openKit(
  store: Store, mailboxId: MailboxId, quotaBytes: number | null = null,
): Promise<OpenedKit> {
  const directory: Partial<Directory> = {
    mailboxOwner: () => Promise.resolve({ entryId: 1 as EntryId, address: "kim@example.org", displayName: "Kim", quotaBytes }),
    mailboxRight: () => Promise.resolve("none"),
  };
  const mailboxes = createMailboxes(store, directory as Directory);
  const open = (who: "owner" | "stranger" = "owner"): Promise<Mailbox> => mailboxes.open(ctx, {
    entryId: who === "owner" ? 1 : 2, address: `${who}@example.org`, displayName: who,
    mailboxId: who === "owner" ? mailboxId : null,
  }, mailboxId);
  return { mailbox: await open(), open };
}
