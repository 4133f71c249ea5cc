import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { Store } from "#store/api.ts";
import { serverScope } from "#store/api.ts";
import type { QueueMessage, StoredContent } from "#transport/queue-rows.ts";
import { inlineContent } from "#transport/queue-store.ts";

/** The content of a queued message. Fault `notFound` when it was dropped from the queue meanwhile. */
export async function loadContent(ctx: Ctx, store: Store, message: QueueMessage): Promise<StoredContent> {
  if (message.blobHash !== null) return { hash: message.blobHash, sizeBytes: message.sizeBytes };
  const bytes = await store.read(ctx, serverScope, () => inlineContent(message.queueId));
  if (bytes === undefined) throw new Fault("notFound", `The message ${message.queueId} is not in the queue.`);
  return { bytes };
}

/** The bytes in pieces, from the start. */
export async function* streamContent(store: Store, content: StoredContent): AsyncGenerator<Uint8Array> {
  if ("bytes" in content) {
    yield content.bytes;
    return;
  }
  yield* store.blobs.stream(content.hash);
}

/** The first `lengthMax` bytes, or all. */
export async function readContentStart(store: Store, content: StoredContent, lengthMax: number): Promise<Uint8Array> {
  if ("bytes" in content) return content.bytes.subarray(0, lengthMax);
  return await store.blobs.read(content.hash, 0, lengthMax);
}
