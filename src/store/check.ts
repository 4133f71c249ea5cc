/**
 * Looks whether everything in the store fits together, also while a server runs on it: reads are snapshots, repairs are
 * procedures. Findings are plain data.
 */
import { throwIfCancelled, yieldToOthers } from "#base/ctx.ts";
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { MailboxId } from "#base/ids.ts";
import { serverScope } from "#store/api.ts";
import type { Store } from "#store/api.ts";
import { addMailboxUses, addQueueUses, checkBlobs } from "#store/check-blobs.ts";
import type { BlobUses } from "#store/check-blobs.ts";
import { orphanCondition, removeServerOrphans, repairIds, serverReferences } from "#store/check-repair.ts";
import { checkRow, checkRows, textFor } from "#store/check-rows.ts";
import type { CheckKind } from "#store/check-rows.ts";
import { all, get } from "#store/sql.ts";

export interface Finding {
  /** null: the server's own data, or the blob store. */
  readonly mailboxId: MailboxId | null;
  readonly kind: CheckKind | "damagedFile" | "unreadable" | "serverOrphans" | "mailboxWithoutOwner" | "mailboxMissing"
    | "blobMissing" | "blobDamaged" | "blobUnused" | "uploadLeft";
  /** A sentence for the administrator. */
  readonly message: string;
  readonly count: number;
  /** A few of the ids or hashes concerned. */
  readonly examples: readonly (number | string)[];
  readonly repaired: number;
}

export interface CheckOptions {
  readonly repair: boolean;
  /** Reads all bytes of the blob store too. */
  readonly deep: boolean;
}

export interface CheckReport {
  readonly mailboxes: number;
  readonly blobs: number;
  readonly findings: readonly Finding[];
}

export interface CheckProgress {
  readonly what: "server" | "mailbox" | "blobs";
  readonly done: number;
  /** null while unknown. */
  readonly total: number | null;
}

const examplesMax = 10;
/** Ids looked at in one read. */
const spanIds = 20_000;
/** Repairs that share a transaction. */
const repairsAtOnce = 200;
/** A message in a message in a message loses its parts one level at a walk. */
const walksMax = 100;

export async function checkStore(
  ctx: Ctx, store: Store, options: CheckOptions, onProgress: (progress: CheckProgress) => void,
): Promise<CheckReport> {
  const findings: Finding[] = [];
  const uses: BlobUses = new Map();
  onProgress({ what: "server", done: 0, total: 1 });
  let allRead = await attempt(null, findings, async () => {
    await checkServer(ctx, store, options, findings);
    await addQueueUses(ctx, store, uses);
  });
  const mailboxes = await store.listMailboxes(ctx);
  allRead = await attempt(null, findings, () => checkOwners(ctx, store, mailboxes, findings)) && allRead;
  for (const [index, mailboxId] of mailboxes.entries()) {
    throwIfCancelled(ctx);
    onProgress({ what: "mailbox", done: index, total: mailboxes.length });
    allRead = await attempt(mailboxId, findings, async () => {
      await checkMailbox(ctx, store, mailboxId, options.repair, findings);
      await addMailboxUses(ctx, store, mailboxId, uses);
    }) && allRead;
  }
  const complete = allRead && !findings.some((one) => one.kind === "mailboxMissing" || one.kind === "damagedFile");
  const blobs = await checkBlobs(ctx, store, uses, {
    deep: options.deep, sweep: options.repair && complete, nowMs: ctx.system.nowMs(),
  }, (done) => onProgress({ what: "blobs", done, total: null }));
  const swept = options.repair && complete;
  addBlobFindings(findings, "blobMissing", "blobs that messages need are missing", blobs.missing, false);
  addBlobFindings(findings, "blobDamaged", "blobs are not what they were when they were stored", blobs.damaged, false);
  addBlobFindings(findings, "blobUnused", "blobs are used by nothing", blobs.unused, swept);
  addBlobFindings(findings, "uploadLeft", "uploads were never finished", blobs.pending, swept);
  return { mailboxes: mailboxes.length, blobs: blobs.seen, findings };
}

/** What the server does by itself once a day. Nothing is taken away unless everything could be read. */
export async function sweepBlobs(ctx: Ctx, store: Store): Promise<{ removed: number }> {
  const uses: BlobUses = new Map();
  await addQueueUses(ctx, store, uses);
  const mailboxes = await store.listMailboxes(ctx);
  const findings: Finding[] = [];
  await checkOwners(ctx, store, mailboxes, findings);
  const missing = findings.find((one) => one.kind === "mailboxMissing");
  if (missing !== undefined) throw new Fault("unavailable", missing.message);
  for (const mailboxId of mailboxes) {
    throwIfCancelled(ctx);
    await addMailboxUses(ctx, store, mailboxId, uses);
    await yieldToOthers();
  }
  const check = { deep: false, sweep: true, nowMs: ctx.system.nowMs() };
  const blobs = await checkBlobs(ctx, store, uses, check, () => undefined);
  return { removed: blobs.unused.length + blobs.pending.length };
}

/** False when the part could not be read; the rest is looked at all the same. */
async function attempt(mailboxId: MailboxId | null, findings: Finding[], body: () => Promise<void>): Promise<boolean> {
  try {
    await body();
    return true;
  } catch (error) {
    if (error instanceof Fault && error.code === "cancelled") throw error;
    findings.push({
      mailboxId, kind: "unreadable", message: error instanceof Error ? error.message : String(error), count: 1,
      examples: [], repaired: 0,
    });
    return false;
  }
}

function addBlobFindings(
  findings: Finding[], kind: Finding["kind"], says: string, hashes: string[], repaired: boolean,
): void {
  if (hashes.length === 0) return;
  findings.push({
    mailboxId: null, kind, message: `${hashes.length} ${says}.`, count: hashes.length,
    examples: hashes.slice(0, examplesMax), repaired: repaired ? hashes.length : 0,
  });
}

/** SQLite's own look at a file. PostgreSQL has its own tools for that (pg_amcheck). */
async function checkFile(ctx: Ctx, store: Store, scope: MailboxId, findings: Finding[]): Promise<void> {
  if (store.dialect !== "sqlite") return;
  const rows = await store.read(ctx, scope, () => all<{ integrity_check: string }>(
    `PRAGMA integrity_check(${examplesMax})`));
  const troubles = rows.map((row) => row.integrity_check).filter((text) => text !== "ok");
  if (troubles.length === 0) return;
  findings.push({
    mailboxId: scope === serverScope ? null : scope, kind: "damagedFile", count: troubles.length, repaired: 0,
    message: "The database file is damaged; restore it from a backup.", examples: troubles,
  });
}

async function checkServer(ctx: Ctx, store: Store, options: CheckOptions, findings: Finding[]): Promise<void> {
  await checkFile(ctx, store, serverScope, findings);
  for (const [index, row] of serverReferences.entries()) {
    const { n } = (await store.read(ctx, serverScope, () => get<{ n: number }>(
      `SELECT COUNT(*) AS n FROM ${row.table} WHERE ${orphanCondition(row)}`)))!;
    if (n === 0) continue;
    const repaired = options.repair ? await store.transact(ctx, serverScope, removeServerOrphans, { index }) : 0;
    findings.push({
      mailboxId: null, kind: "serverOrphans", count: n, examples: [row.table], repaired,
      message: `${n} rows of ${row.table} belong to a row of ${row.owner} that does not exist.`,
    });
  }
}

async function checkOwners(
  ctx: Ctx, store: Store, mailboxes: readonly MailboxId[], findings: Finding[],
): Promise<void> {
  const rows = await store.read(ctx, serverScope, () => all<{ mailbox_id: MailboxId }>(
    "SELECT mailbox_id FROM entry WHERE mailbox_id IS NOT NULL"));
  const owned = new Set(rows.map((row) => row.mailbox_id));
  const there = new Set(mailboxes);
  const unowned = mailboxes.filter((id) => !owned.has(id));
  const missing = [...owned].filter((id) => !there.has(id));
  for (const [kind, ids, says] of [
    ["mailboxWithoutOwner", unowned, "mailboxes belong to nobody in the directory"],
    ["mailboxMissing", missing, "mailboxes of the directory have no data; is a disk missing?"],
  ] as const) {
    if (ids.length === 0) continue;
    findings.push({
      mailboxId: null, kind, message: `${ids.length} ${says}`, count: ids.length, examples: ids.slice(0, examplesMax),
      repaired: 0,
    });
  }
}

export async function checkMailbox(
  ctx: Ctx, store: Store, mailboxId: MailboxId, repair: boolean, findings: Finding[],
): Promise<void> {
  await checkFile(ctx, store, mailboxId, findings);
  const found = new Map<CheckKind, { ids: Set<number>; repaired: number }>();
  for (let walk = 0; walk < walksMax; walk++) {
    let repaired = 0;
    for (const kind of Object.keys(checkRows) as CheckKind[]) {
      const ids = await findIds(ctx, store, mailboxId, kind);
      if (ids.length === 0) continue;
      const entry = found.get(kind) ?? found.set(kind, { ids: new Set(), repaired: 0 }).get(kind)!;
      for (const id of ids) entry.ids.add(id);
      if (!repair || checkRow(kind).repair === null) continue;
      for (let at = 0; at < ids.length; at += repairsAtOnce) {
        const some = ids.slice(at, at + repairsAtOnce);
        const done = await store.transact(ctx, mailboxId, repairIds, { kind, ids: some });
        entry.repaired += done;
        repaired += done;
      }
    }
    if (repaired === 0) break;
  }
  for (const [kind, { ids, repaired }] of found) {
    findings.push({
      mailboxId, kind, message: `${ids.size}: ${checkRow(kind).says}.`, count: ids.size,
      examples: [...ids].slice(0, examplesMax), repaired,
    });
  }
}

/** All ids at which something of this kind is wrong, in slices. */
async function findIds(ctx: Ctx, store: Store, mailboxId: MailboxId, kind: CheckKind): Promise<number[]> {
  const row = checkRow(kind);
  const text = textFor(store.dialect, row.query);
  const found: number[] = [];
  for (const [first, last] of await spans(ctx, store, mailboxId, row.span)) {
    throwIfCancelled(ctx);
    const rows = await store.read(ctx, mailboxId, () => all<{ id: number }>(text, mailboxId, first, last));
    for (const { id } of rows) found.push(id);
    await yieldToOthers();
  }
  return found;
}

/** The ranges of ids to look at. The last is open, so that a counter that is too low hides nothing. */
async function spans(
  ctx: Ctx, store: Store, mailboxId: MailboxId, span: "item" | "object" | "content" | "folder" | "mailbox",
): Promise<[number, number][]> {
  if (span === "mailbox") return [[1, 1]];
  if (span === "folder") return await folderSpans(ctx, store, mailboxId);
  const column = { item: "next_item", object: "next_counter", content: "next_content" }[span];
  const row = await store.read(ctx, mailboxId, () => get<{ next: number }>(
    `SELECT ${column} AS next FROM mailbox WHERE mailbox_id = $1`, mailboxId));
  const found: [number, number][] = [];
  for (let first = 0; first < (row?.next ?? 0); first += spanIds) found.push([first, first + spanIds - 1]);
  found.push([found.length * spanIds, Number.MAX_SAFE_INTEGER]);
  return found;
}

/** Neighbouring folders that hold about as many messages as one slice. */
async function folderSpans(ctx: Ctx, store: Store, mailboxId: MailboxId): Promise<[number, number][]> {
  const rows = await store.read(ctx, mailboxId, () => all<{ folder_id: number; message_count: number }>(
    "SELECT folder_id, message_count FROM folder WHERE mailbox_id = $1 ORDER BY folder_id", mailboxId));
  const found: [number, number][] = [];
  let messages = spanIds;
  for (const row of rows) {
    if (messages >= spanIds) {
      found.push([row.folder_id, row.folder_id]);
      messages = 0;
    }
    found.at(-1)![1] = row.folder_id;
    messages += Math.max(1, row.message_count);
  }
  return found;
}
