/**
 * The blob store against the rows that speak of it. Nothing is swept unless every mailbox could be read: bytes nobody
 * was heard to need may be those of the one that was silent.
 */
import { createHash } from "node:crypto";
import { throwIfCancelled, yieldToOthers } from "#base/ctx.ts";
import type { Ctx } from "#base/ctx.ts";
import type { MailboxId } from "#base/ids.ts";
import { serverScope } from "#store/api.ts";
import type { Store } from "#store/api.ts";
import { all } from "#store/sql.ts";

/** What is younger may belong to a transaction under way. */
export const sweepAgeMs = 24 * 3_600_000;
const pageRows = 2000;

/** Hash to size; a size of -1 when no row tells it. */
export type BlobUses = Map<string, number>;

/** The queue first: from there bytes move into mailboxes, never back. */
export async function addQueueUses(ctx: Ctx, store: Store, uses: BlobUses): Promise<void> {
  for (let after = ""; ;) {
    const rows = await store.read(ctx, serverScope, () => all<{ blob_hash: string }>(
      "SELECT DISTINCT blob_hash FROM queue_message WHERE blob_hash > $1 ORDER BY blob_hash LIMIT $2",
      after, pageRows));
    for (const row of rows) if (!uses.has(row.blob_hash)) uses.set(row.blob_hash, -1);
    if (rows.length < pageRows) return;
    after = rows.at(-1)!.blob_hash;
    await yieldToOthers();
  }
}

export async function addMailboxUses(ctx: Ctx, store: Store, mailboxId: MailboxId, uses: BlobUses): Promise<void> {
  for (let after = -1; ;) {
    const rows = await store.read(ctx, mailboxId, () => all<{ content_id: number; hash: string; size: number }>(
      `SELECT content_id, hash, size_bytes - COALESCE(LENGTH(bytes), 0) AS size FROM content
       WHERE mailbox_id = $1 AND hash IS NOT NULL AND content_id > $2 ORDER BY content_id LIMIT $3`,
      mailboxId, after, pageRows));
    for (const row of rows) uses.set(row.hash, row.size);
    if (rows.length < pageRows) return;
    after = rows.at(-1)!.content_id;
    await yieldToOthers();
  }
}

export interface BlobFindings {
  readonly seen: number;
  readonly missing: string[];
  readonly damaged: string[];
  readonly unused: string[];
  readonly pending: string[];
}

export interface BlobCheck {
  /** Reads every blob and compares its bytes with its name. */
  readonly deep: boolean;
  /** Takes away what nothing uses. */
  readonly sweep: boolean;
  readonly nowMs: number;
}

export async function checkBlobs(
  ctx: Ctx, store: Store, uses: BlobUses, check: BlobCheck, onProgress: (done: number) => void,
): Promise<BlobFindings> {
  const findings: BlobFindings & { seen: number } = { seen: 0, missing: [], damaged: [], unused: [], pending: [] };
  const beforeMs = check.nowMs - sweepAgeMs;
  await checkPending(store, beforeMs, check.sweep, findings);
  const unseen = new Set(uses.keys());
  for await (const blob of store.blobs.list()) {
    throwIfCancelled(ctx);
    unseen.delete(blob.hash);
    findings.seen++;
    const size = uses.get(blob.hash);
    if (size === undefined) {
      if (blob.modifiedMs >= beforeMs) continue;
      if (!check.sweep || await store.blobs.remove(blob.hash, beforeMs)) findings.unused.push(blob.hash);
    } else if ((size >= 0 && size !== blob.sizeBytes) || (check.deep && !await isWhole(store, blob.hash))) {
      findings.damaged.push(blob.hash);
    }
    if (findings.seen % 100 === 0) {
      onProgress(findings.seen);
      await yieldToOthers();
    }
  }
  // Not seen in the walk may only mean stored during it.
  for (const hash of unseen) if (!await isThere(store, hash)) findings.missing.push(hash);
  return findings;
}

async function checkPending(store: Store, beforeMs: number, sweep: boolean, findings: BlobFindings): Promise<void> {
  for (const upload of await store.blobs.listPending()) {
    if (upload.modifiedMs >= beforeMs) continue;
    findings.pending.push(upload.name);
    if (sweep) await store.blobs.removePending(upload.name);
  }
}

async function isThere(store: Store, hash: string): Promise<boolean> {
  return await store.blobs.read(hash, 0, 0).then(() => true, () => false);
}

async function isWhole(store: Store, hash: string): Promise<boolean> {
  const sum = createHash("sha256");
  for await (const piece of store.blobs.stream(hash)) sum.update(piece);
  return sum.digest("hex") === hash;
}
