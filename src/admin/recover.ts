/** Removed items: what there is, bringing back, letting go for good; and how long folders keep what they hold. */
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { FolderId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import type { Admin } from "#admin/admin.ts";
import { folderAt, foldersWithPaths, openEntryMailbox } from "#admin/folders.ts";
import type { AuditAction } from "#mailbox/audit/log.ts";
import type { Mailbox } from "#mailbox/api.ts";
import { purgeItems, readRemovedItems, restoreItems } from "#mailbox/tx/recover.ts";
import type { RemovedItem } from "#mailbox/tx/recover.ts";
import { readRetention, setFolderRetention } from "#mailbox/tx/retention.ts";

export interface RemovedView extends RemovedItem {
  /** Path of the folder it goes back to; null where that is gone. */
  readonly folder: string | null;
}

/** Which removed items: by their ids, or all that the others leave. */
export interface RemovedChoice {
  readonly messageIds?: readonly number[];
  /** Path of the folder they were in. */
  readonly folder?: string | null;
  /** The subject or the sender holds this. */
  readonly text?: string | null;
  readonly sinceMs?: number | null;
}

export interface RemovedList {
  readonly address: string;
  readonly items: readonly RemovedView[];
  /** There is more than is looked at. */
  readonly isCut: boolean;
}

async function read(
  ctx: Ctx, admin: Admin, address: string, choice: RemovedChoice,
): Promise<RemovedList & { mailbox: Mailbox }> {
  const { mailbox, address: primary } = await openEntryMailbox(ctx, admin, address);
  const paths = new Map((await foldersWithPaths(ctx, mailbox)).map(({ folder, path }) => [folder.folderId, path]));
  const folderId = choice.folder === undefined || choice.folder === null ? null
    : (await folderAt(ctx, mailbox, choice.folder)).folderId;
  const { mailboxId } = mailbox;
  const removed = await admin.store.read(ctx, mailboxId, () => readRemovedItems(mailboxId, limits.recoverListMax));
  const ids = choice.messageIds === undefined ? null : new Set(choice.messageIds);
  const text = choice.text?.toLowerCase() ?? "";
  const items = removed.filter((item) => (ids === null || ids.has(item.messageId)) &&
    (folderId === null || item.folderId === folderId) && item.removedMs >= (choice.sinceMs ?? 0) &&
    `${item.subject}\n${item.fromName}\n${item.fromAddress}`.toLowerCase().includes(text))
    .map((item) => ({ ...item, folder: paths.get(item.folderId as FolderId) ?? null }));
  return { address: primary, mailbox, items, isCut: removed.length === limits.recoverListMax };
}

export async function listRemoved(
  ctx: Ctx, admin: Admin, address: string, choice: RemovedChoice,
): Promise<RemovedList> {
  const { mailbox: _, ...list } = await read(ctx, admin, address, choice);
  return list;
}

/** How many are back, by the path of their folder. Fault `notFound` when nothing is meant. */
export async function restoreRemoved(
  ctx: Ctx, admin: Admin, address: string, choice: RemovedChoice, to: string | null,
): Promise<{ address: string; folders: { path: string; count: number }[] }> {
  const { mailbox, items, address: primary } = await read(ctx, admin, address, choice);
  const targetId = to === null ? null : (await folderAt(ctx, mailbox, to)).folderId;
  const counts = new Map<number, number>();
  await inSlices(items, async (messageIds) => {
    const done = await admin.store.transact(ctx, mailbox.mailboxId, restoreItems, { messageIds, targetId });
    for (const { folderId, count } of done) counts.set(folderId, (counts.get(folderId) ?? 0) + count);
  });
  const paths = new Map((await foldersWithPaths(ctx, mailbox)).map(({ folder, path }) => [folder.folderId, path]));
  note(admin, mailbox, "Recover", items);
  const folders = [...counts].map(([folderId, count]) => ({ path: paths.get(folderId as FolderId) ?? "", count }));
  return { address: primary, folders };
}

export async function purgeRemovedItems(
  ctx: Ctx, admin: Admin, address: string, choice: RemovedChoice,
): Promise<{ address: string; purged: number }> {
  const { mailbox, items, address: primary } = await read(ctx, admin, address, choice);
  let purged = 0;
  await inSlices(items, async (messageIds) => {
    purged += await admin.store.transact(ctx, mailbox.mailboxId, purgeItems, { messageIds });
  });
  note(admin, mailbox, "Purge", items);
  return { address: primary, purged };
}

async function inSlices(
  items: readonly RemovedItem[], body: (messageIds: number[]) => Promise<void>,
): Promise<void> {
  if (items.length === 0) throw new Fault("notFound", "There is no such item among those that were removed.");
  // The oldest first, so that they come back in the order they had.
  const ids = items.map(({ messageId }) => messageId).reverse();
  for (let at = 0; at < ids.length; at += limits.recoverAtOnce) await body(ids.slice(at, at + limits.recoverAtOnce));
}

function note(admin: Admin, mailbox: Mailbox, action: AuditAction, items: readonly RemovedItem[]): void {
  const subjects = items.slice(0, limits.mailboxAuditSubjectsMax).map(({ subject }) => subject.slice(0, 100));
  admin.audit?.note(mailbox.mailboxId, {
    actor: admin.by, logon: "admin", action, detail: subjects.join("; "), count: items.length,
  });
}

export interface RetentionView {
  readonly path: string;
  /** 0: for ever. */
  readonly days: number;
}

export async function listRetention(
  ctx: Ctx, admin: Admin, address: string,
): Promise<{ address: string; folders: RetentionView[] }> {
  const { mailbox, address: primary } = await openEntryMailbox(ctx, admin, address);
  const { mailboxId } = mailbox;
  const days = await admin.store.read(ctx, mailboxId, () => readRetention(mailboxId));
  const folders = (await foldersWithPaths(ctx, mailbox)).flatMap(({ folder, path }) => {
    const term = days.get(folder.folderId);
    return term === undefined ? [] : [{ path, days: term }];
  });
  return { address: primary, folders };
}

const foldersThatKeep: ReadonlySet<string> = new Set(["calendar", "contacts", "tasks", "notes", "journal"]);

/** null takes the folder's own term away. Fault `notAllowed` for calendars and the like. */
export async function setRetention(
  ctx: Ctx, admin: Admin, request: { address: string; path: string; days: number | null },
): Promise<{ address: string; path: string }> {
  const { mailbox, address } = await openEntryMailbox(ctx, admin, request.address);
  const folder = await folderAt(ctx, mailbox, request.path);
  const isForMail = folder.containerClass === "" || /^IPF\.Note(?:\.|$)/i.test(folder.containerClass);
  if (!isForMail || foldersThatKeep.has(folder.role ?? "")) {
    throw new Fault("notAllowed", "Only folders of mail lose what is old.");
  }
  await admin.store.transact(ctx, mailbox.mailboxId, setFolderRetention,
    { folderId: folder.folderId, days: request.days });
  admin.audit?.note(mailbox.mailboxId, {
    actor: admin.by, logon: "admin", action: "SetRetention", folderId: folder.folderId,
    detail: request.days === null ? "no term of its own" : request.days === 0 ? "for ever" : `${request.days} days`,
  });
  return { address, path: request.path };
}
