/** The item of a message that waits for its time, in its sender's mailbox. [MS-OXOMSG] 2.2.3.4, 3.3.5.1 */
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { FolderId, MailboxId, MessageId } from "#base/ids.ts";
import { getProperty, newItemObject, setProperty } from "#convert/item.ts";
import type { ItemObject } from "#convert/item.ts";
import { fromFileTime, toFileTime } from "#convert/mime/times.ts";
import type { Mailbox, Mailboxes } from "#mailbox/api.ts";
import { properties } from "#props/registry.ts";
import type { DeferredItem, SentFate } from "#transport/queue-rows.ts";

const p = properties;
/** PidTagMessageFlags. [MS-OXCMSG] 2.2.1.6 */
const itemFlags = { read: 0x01, submitted: 0x04, unsent: 0x08, fromMe: 0x20 } as const;

export interface Outbox {
  /** `other`: it is there, and not as it was handed in. */
  state(ctx: Ctx, mailboxId: MailboxId, item: DeferredItem): Promise<"waiting" | "other" | "gone">;
  /** After the message left. */
  file(ctx: Ctx, mailboxId: MailboxId, item: DeferredItem): Promise<void>;
  /** It is a draft again. */
  unsubmit(ctx: Ctx, mailboxId: MailboxId, item: DeferredItem): Promise<void>;
}

export function mailboxOutbox(mailboxes: Mailboxes): Outbox {
  // The server itself, which may change every mailbox.
  const principal = { entryId: 0, address: "outbox", displayName: "Outbox", mailboxId: null };
  const find = async (ctx: Ctx, mailboxId: MailboxId, item: DeferredItem): Promise<FoundItem> => {
    try {
      const mailbox = await mailboxes.open(ctx, principal, mailboxId);
      const tags = [p.PidTagMessageFlags.tag, p.PidTagClientSubmitTime.tag];
      const [found] = await mailbox.items.properties(ctx, [item.messageId], { tags });
      if (found === undefined) return "gone";
      const flags = getProperty(found.object, p.PidTagMessageFlags) ?? 0;
      const isSame = (flags & itemFlags.submitted) !== 0 && submittedMsOf(found.object) === item.submittedMs;
      return isSame ? { mailbox, flags } : "other";
    } catch (error) {
      if (error instanceof Fault && error.code === "notFound") return "gone";
      throw error;
    }
  };
  return {
    async state(ctx, mailboxId, item) {
      const found = await find(ctx, mailboxId, item);
      return typeof found === "string" ? found : "waiting";
    },
    async file(ctx, mailboxId, item) {
      const found = await find(ctx, mailboxId, item);
      if (typeof found === "string") return;
      const set = withFlags(found.flags, itemFlags.read | itemFlags.fromMe);
      setProperty(set, p.PidTagMessageDeliveryTime, toFileTime(ctx.system.nowMs()));
      await fileSent(ctx, found.mailbox, item.messageId, set, item.fate);
    },
    async unsubmit(ctx, mailboxId, item) {
      const found = await find(ctx, mailboxId, item);
      if (typeof found === "string") return;
      const set = withFlags(found.flags, itemFlags.unsent);
      await found.mailbox.items.update(ctx, { messageId: item.messageId, set });
    },
  };
}

type FoundItem = { readonly mailbox: Mailbox; readonly flags: number } | "other" | "gone";

function submittedMsOf(object: ItemObject): number | null {
  const ticks = getProperty(object, p.PidTagClientSubmitTime);
  return ticks === undefined ? null : fromFileTime(ticks);
}

function withFlags(before: number, flags: number): ItemObject {
  const set = newItemObject();
  setProperty(set, p.PidTagMessageFlags, (before & ~(itemFlags.submitted | itemFlags.unsent)) | flags);
  return set;
}

/** The sent message is removed, or goes where its sender wants it. [MS-OXOMSG] 2.2.3.8, 2.2.3.10 */
export async function fileSent(
  ctx: Ctx, { items }: Pick<Mailbox, "items">, messageId: MessageId, set: ItemObject, fate: SentFate,
): Promise<void> {
  if (fate === "delete") {
    await items.remove(ctx, [messageId], "hard");
    return;
  }
  await items.update(ctx, { messageId, set });
  if (fate === "keep") return;
  try {
    await items.move(ctx, [messageId], fate satisfies FolderId);
  } catch (error) {
    // It was sent; a folder that is gone or closed must not make the client send it again.
    if (!(error instanceof Fault)) throw error;
    ctx.log.warn({ error: error.message }, "a sent message could not be filed where the client wants it");
  }
}
