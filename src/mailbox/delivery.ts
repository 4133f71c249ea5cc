/** Mail coming in for a mailbox, from the queue. */
import type { Ctx } from "#base/ctx.ts";
import type { MailboxId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import type { Directory } from "#directory/api.ts";
import type { FolderRole } from "#mailbox/roles.ts";
import { insertMessage } from "#mailbox/tx/insert.ts";
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
}

export type Deliver = (ctx: Ctx, delivery: Delivery) => Promise<{ duplicate: boolean }>;

/** Puts a message into a mailbox; durable when it resolves. Fault `overQuota`, `notFound`, `storageFull`. */
export function createDeliver(store: Store, directory: Directory): Deliver {
  return async (ctx, delivery) => {
    const owner = await directory.mailboxOwner(ctx, delivery.mailboxId);
    const source = await toSource(store, delivery);
    await store.requireRoom(source.inline.length);
    const { duplicate } = await store.transact(ctx, delivery.mailboxId, insertMessage, {
      folder: { role: delivery.folderRole ?? "inbox" }, source, flags: 0, keywords: [],
      internalMs: delivery.internalMs, quotaBytes: owner?.quotaBytes ?? null, deliveryId: delivery.deliveryId,
    });
    return { duplicate };
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
