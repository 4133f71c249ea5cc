/**
 * Messages of one mailbox for another: ids of named properties and of messages are each mailbox's own.
 * [MS-OXCFOLD] 2.2.1.6
 */
import type { Ctx } from "#base/ctx.ts";
import { throwIfCancelled } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { MessageId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import type { Items, NewAttachment, NewItem, StoredAttachment, StoredItem } from "#mailbox/items-api.ts";
import { RopError } from "#serve/mapi/mailbox/errors.ts";
import type { FolderObject, LogonObject } from "#serve/mapi/mailbox/objects.ts";
import { withoutServerOnly } from "#serve/mapi/mailbox/message.ts";

async function toNewAttachment(ctx: Ctx, from: StoredAttachment, depth: number): Promise<NewAttachment> {
  const { bag, named } = from;
  if (from.isEmbedded) return { bag, named, embedded: await toNewItem(ctx, await from.open(ctx), depth + 1) };
  if (from.content === null) return { bag, named };
  const pieces: Uint8Array[] = [];
  for await (const piece of from.content.stream(ctx)) pieces.push(piece);
  const aboutBytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
  return { bag, named, content: { aboutBytes, chunks: () => pieces } };
}

async function toNewItem(ctx: Ctx, from: StoredItem, depth: number): Promise<NewItem> {
  if (depth > limits.mimeDepthMax) throw new RopError("tooComplex", "Messages are nested too deep.");
  const attachments: NewAttachment[] = [];
  for (const one of from.attachments) attachments.push(await toNewAttachment(ctx, one, depth));
  return { bag: withoutServerOnly(from.bag), named: from.named, recipients: from.recipients, attachments };
}

async function copyOne(ctx: Ctx, from: Items, messageId: MessageId, target: FolderObject): Promise<MessageId | null> {
  try {
    const stored = await from.open(ctx, messageId);
    const { flags, internalMs, isAssociated } = stored.row;
    const made = await target.logon.items.create(ctx, {
      folderId: target.folderId, item: await toNewItem(ctx, stored, 0), associated: isAssociated, flags, internalMs,
    });
    return made.messageId;
  } catch (error) {
    if (error instanceof Fault && error.code === "notFound") return null;
    throw error;
  }
}

/** New ids; null for a message that is gone. What is moved is removed where it was once it is there. */
export async function copyAcross(
  ctx: Ctx, from: LogonObject, messageIds: readonly MessageId[], target: FolderObject, isCopy: boolean,
): Promise<(MessageId | null)[]> {
  if (!isCopy) {
    const allowed = await from.items.allowed(ctx, messageIds, "deleteItem");
    if (allowed.length < messageIds.length) {
      const there = await from.items.allowed(ctx, messageIds, "readItem");
      if (there.length > allowed.length) throw new Fault("accessDenied", "You may not take these messages away.");
    }
  }
  const made: (MessageId | null)[] = [];
  for (const messageId of messageIds) {
    throwIfCancelled(ctx);
    const copy = await copyOne(ctx, from.items, messageId, target);
    if (copy !== null && !isCopy) await from.items.remove(ctx, [messageId], "hard");
    made.push(copy);
  }
  return made;
}
