/** Mail coming in for a mailbox, from the queue. */
import type { Ctx } from "#base/ctx.ts";
import type { MailboxId, MessageId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import type { Directory } from "#directory/api.ts";
import { messageFlags } from "#mailbox/api.ts";
import type { FolderRole } from "#mailbox/roles.ts";
import { insertMessage } from "#mailbox/tx/insert.ts";
import type { ArrivedMeeting } from "#mailbox/tx/insert.ts";
import { insertMessages } from "#mailbox/tx/insert-many.ts";
import { joinExact } from "#mailbox/upload.ts";
import type { Store } from "#store/api.ts";

export interface Delivery {
  readonly mailboxId: MailboxId;
  /** Unique to the queue row and recipient: a delivery repeated after a crash does nothing. */
  readonly deliveryId: string;
  readonly content:
    | { readonly bytes: Uint8Array }
    | { readonly hash: string; readonly sizeBytes: number };
  /** Header lines put in front: Return-Path, Received. */
  readonly prefix: Uint8Array;
  readonly folderRole?: FolderRole;
  readonly internalMs: number;
  /** Where copies go and how they are marked, instead of `folderRole`; none: the message is kept nowhere. */
  readonly places?: readonly DeliveryPlace[];
}

export interface DeliveryPlace {
  readonly folder: { readonly folderId: number } | { readonly role: FolderRole };
  /** Bits of `messageFlags`. */
  readonly flags: number;
  readonly keywords: readonly string[];
}

export interface Delivered {
  readonly duplicate: boolean;
  /** null for one that was delivered before. */
  readonly messageId: MessageId | null;
  /** Set for a meeting message, which the calendar has to hear of. */
  readonly meeting: ArrivedMeeting | null;
}

export type Deliver = (ctx: Ctx, delivery: Delivery) => Promise<Delivered>;

/**
 * Puts a message into a mailbox, all copies in one transaction; durable when it resolves. Fault `overQuota`,
 * `notFound`, `storageFull`.
 */
export function createDeliver(store: Store, directory: Directory): Deliver {
  return async (ctx, delivery) => {
    const owner = await directory.mailboxOwner(ctx, delivery.mailboxId);
    const source = await toSource(store, delivery);
    await store.requireRoom(source.inline.length);
    const places = delivery.places ?? [{
      folder: { role: delivery.folderRole ?? "inbox" }, keywords: [],
      flags: delivery.folderRole === "sentItems" ? messageFlags.seen : 0,
    }];
    const messages = places.map((place, index) => ({
      ...place, source, internalMs: delivery.internalMs, quotaBytes: owner?.quotaBytes ?? null,
      deliveryId: index === 0 ? delivery.deliveryId : `${delivery.deliveryId}/${index}`,
    }));
    const only = messages[0];
    if (only === undefined) return { duplicate: false, messageId: null, meeting: null };
    const inserted = messages.length === 1 ? await store.transact(ctx, delivery.mailboxId, insertMessage, only)
      : (await store.transact(ctx, delivery.mailboxId, insertMessages, { messages, replaces: null }))[0]!;
    const { duplicate, messageId, meeting } = inserted;
    return { duplicate, messageId: duplicate ? null : messageId as MessageId, meeting };
  };
}

async function toSource(store: Store, { content, prefix }: Delivery) {
  if ("hash" in content) return { inline: Uint8Array.prototype.slice.call(prefix), blob: content };
  const sizeBytes = prefix.length + content.bytes.length;
  if (sizeBytes < limits.blobThresholdBytes) {
    return { inline: joinExact([prefix, content.bytes], sizeBytes), blob: null };
  }
  // Just over the threshold because of the prefix: the bytes alone go to the blob store.
  const writer = store.blobs.create();
  await writer.write(content.bytes);
  return { inline: Uint8Array.prototype.slice.call(prefix), blob: await writer.finish() };
}
