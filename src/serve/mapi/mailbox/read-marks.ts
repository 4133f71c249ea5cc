/** Marking messages as read and unread, and the receipts that it causes. [MS-OXCMSG] 2.2.3.10.1, 3.2.5.9, 3.2.5.10 */
import type { MessageId } from "#base/ids.ts";
import type { ResolveAddress } from "#convert/mime/people.ts";
import { messageFlags } from "#mailbox/api.ts";
import type { FlagChange } from "#mailbox/api.ts";
import { forgetReceipts, sendReceipts } from "#transport/receipts.ts";
import type { ForgottenReceipts, ReceiptCause } from "#transport/receipts.ts";
import { RopError } from "#serve/mapi/mailbox/errors.ts";
import type { LogonObject } from "#serve/mapi/mailbox/objects.ts";
import type { RopCall } from "#serve/mapi/mailbox/rop-call.ts";

const readFlags = {
  suppressReceipt: 0x01, clearReadFlag: 0x04, generateReceiptOnly: 0x10, clearNotifyRead: 0x20, clearNotifyUnread: 0x40,
} as const;

export interface Mark {
  /** null leaves it as it is. */
  readonly isRead: boolean | null;
  readonly sendsReceipt: boolean;
  /** Which receipts nobody gets any more. */
  readonly forgets: ForgottenReceipts | null;
}

/** RopError `invalidParameter` for flags that contradict each other. [MS-OXCMSG] 2.2.3.10.1 */
export function markOf(flags: number): Mark {
  const has = (flag: keyof typeof readFlags): boolean => (flags & readFlags[flag]) !== 0;
  if (has("clearReadFlag") && has("generateReceiptOnly")) {
    throw new RopError("invalidParameter", "These read flags contradict each other.");
  }
  const forgets = !has("clearNotifyRead") ? has("clearNotifyUnread") ? "unread" : null
    : has("clearNotifyUnread") ? "both" : "read";
  if (has("generateReceiptOnly")) return { isRead: null, sendsReceipt: true, forgets: null };
  if (has("clearReadFlag")) return { isRead: false, sendsReceipt: false, forgets };
  if (has("suppressReceipt")) return { isRead: true, sendsReceipt: false, forgets: "both" };
  if (forgets !== null) return { isRead: null, sendsReceipt: false, forgets };
  return { isRead: true, sendsReceipt: true, forgets: null };
}

/** Of senders and readers, whose addresses the directory knows. */
async function receiptsOf(
  { ctx, session }: RopCall<unknown>, logon: LogonObject, ids: readonly MessageId[], cause: ReceiptCause,
): Promise<void> {
  // Nobody in particular has public folders. [MS-OXCMSG] 3.2.5.9
  if (logon.isPublic) return;
  const { transport, directory, hostname, book } = session.services;
  const view = await book.view(ctx);
  const resolve: ResolveAddress = (type, address) =>
    (type.toUpperCase() === "EX" ? view.byLegacyDn(address)?.address ?? null : null);
  await sendReceipts(ctx, { transport, directory, hostname, resolve }, logon, ids, cause);
}

/** Before messages go that nobody has read. [MS-OXCFOLD] 2.2.1.11.1 (NotifyNonRead) */
export async function answerRemoved(
  call: RopCall<unknown>, logon: LogonObject, ids: readonly MessageId[],
): Promise<void> {
  await receiptsOf(call, logon, ids, "removed");
}

/** How many of the messages there are. */
export async function markMany(
  call: RopCall<unknown>, logon: LogonObject, ids: readonly MessageId[], mark: Mark,
): Promise<number> {
  const { items } = logon;
  // First into the queue, then the mark: what is interrupted between is asked for again, and taken once.
  if (mark.sendsReceipt) await receiptsOf(call, logon, ids, "read");
  else if (mark.forgets !== null && !logon.isPublic) await forgetReceipts(call.ctx, logon, ids, mark.forgets);
  if (mark.isRead === null) return (await items.lightOf(call.ctx, ids, [])).length;
  const change: FlagChange = { mode: mark.isRead ? "add" : "remove", flags: messageFlags.seen, keywords: [] };
  return (await items.setFlags(call.ctx, ids, change)).length;
}

/** Whether the message was read before and is not now, or the other way round. */
export async function markOne(
  call: RopCall<unknown>, logon: LogonObject, messageId: MessageId, mark: Mark,
): Promise<boolean> {
  const before = await logon.items.row(call.ctx, messageId);
  await markMany(call, logon, [messageId], mark);
  return mark.isRead !== null && ((before.flags & messageFlags.seen) !== 0) !== mark.isRead;
}
