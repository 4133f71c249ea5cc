/**
 * In whose name somebody sends, and where the copy goes: asked by every protocol that takes mail from people.
 * RFC 6409 §6.1, [MS-OXOMSG] 2.2.4.5
 */
import type { Ctx } from "#base/ctx.ts";
import type { EntryId, MailboxId } from "#base/ids.ts";
import type { Directory } from "#directory/api.ts";

/** From and Sender of a message, bare addresses. */
export interface Authors {
  readonly from: readonly string[];
  readonly sender: readonly string[];
}

export interface ActedFor {
  readonly entryId: EntryId;
  readonly mailboxId: MailboxId;
  readonly address: string;
}

export type SendingVerdict =
  | {
    readonly kind: "allowed";
    /** From is somebody else, who allowed Send on Behalf and not Send As. */
    readonly onBehalf: boolean;
    /** A Sender field with the person's own address is to be added. RFC 5322 §3.6.2 */
    readonly needsSender: boolean;
    /** Whose name is used, where it is another mailbox of this server. */
    readonly sentFor: ActedFor | null;
  }
  | { readonly kind: "refused"; readonly field: "From" | "Sender"; readonly address: string };

/** Send As lets somebody be another in every field; Send on Behalf in From alone, while Sender says who it was. */
export async function judgeSending(
  ctx: Ctx, directory: Directory, entryId: EntryId, { from, sender }: Authors,
): Promise<SendingVerdict> {
  let onBehalf = false;
  for (const address of from) {
    if (await directory.maySendAs(ctx, entryId, address)) continue;
    if (await directory.sharing?.maySendOnBehalf(ctx, entryId, address) !== true) {
      return { kind: "refused", field: "From", address };
    }
    onBehalf = true;
  }
  for (const address of sender) {
    if (!await directory.maySendAs(ctx, entryId, address)) return { kind: "refused", field: "Sender", address };
  }
  return {
    kind: "allowed", onBehalf, needsSender: sender.length === 0 && (onBehalf || from.length > 1),
    sentFor: await findSentFor(ctx, directory, entryId, from),
  };
}

async function findSentFor(
  ctx: Ctx, directory: Directory, entryId: EntryId, from: readonly string[],
): Promise<ActedFor | null> {
  for (const address of from) {
    const entry = await directory.sharing?.entryByAddress(ctx, address) ?? null;
    if (entry === null || entry.entryId === entryId || entry.mailboxId === null) continue;
    return { entryId: entry.entryId, mailboxId: entry.mailboxId, address: entry.address };
  }
  return null;
}

/** Who keeps a copy of what was sent in another mailbox's name; `toSender` is the sender's own program's doing. */
export async function sentCopyPlaces(
  ctx: Ctx, directory: Directory, sentFor: ActedFor | null,
): Promise<{ toSender: boolean; toShared: MailboxId | null }> {
  if (sentFor === null || directory.sharing === undefined) return { toSender: true, toShared: null };
  const copies = await directory.sharing.sentCopies(ctx, sentFor.entryId);
  return { toSender: copies !== "shared", toShared: copies === "sender" ? null : sentFor.mailboxId };
}

/** Somebody sent in the name of another mailbox of this server, whose owner may read of it. */
export interface ActingAs {
  readonly mailboxId: MailboxId;
  /** Address of whoever sent. */
  readonly actor: string;
  readonly onBehalf: boolean;
}

export function actingAs(verdict: SendingVerdict, actor: string): ActingAs | null {
  if (verdict.kind === "refused" || verdict.sentFor === null) return null;
  return { mailboxId: verdict.sentFor.mailboxId, actor, onBehalf: verdict.onBehalf };
}
