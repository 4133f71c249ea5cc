/** Whether mail may be put into a public folder: judged by the rights of whoever sent it. */
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { EntryId, FolderId, MailboxId } from "#base/ids.ts";
import { anonymousMember, decide } from "#mailbox/access.ts";
import type { Mailboxes } from "#mailbox/api.ts";

export interface Post {
  readonly mailboxId: MailboxId;
  readonly folderId: FolderId;
  /** Who signed in to send it; null for somebody outside, who has the rights of Anonymous. */
  readonly senderId: EntryId | null;
}

export async function mayPost(ctx: Ctx, mailboxes: Mailboxes, post: Post): Promise<boolean> {
  const sender = { entryId: post.senderId ?? anonymousMember, address: "", displayName: "", mailboxId: null };
  try {
    const mailbox = await mailboxes.open(ctx, sender, post.mailboxId);
    return decide(mailbox.rightsIn(post.folderId), "createItem") === "yes";
  } catch (error) {
    if (error instanceof Fault && error.code === "accessDenied") return false;
    throw error;
  }
}
