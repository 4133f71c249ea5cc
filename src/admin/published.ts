/** Calendars published by a link: made, shown, renewed, revoked. */
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { MailboxId } from "#base/ids.ts";
import type { Admin } from "#admin/admin.ts";
import { folderAt, foldersWithPaths, openEntryMailbox } from "#admin/folders.ts";
import { showEntry } from "#admin/views.ts";
import {
  publishCalendar, publishedOf, publishPath, publishSecretName, rotatePublished, unpublishCalendar,
} from "#directory/published-calendars.ts";
import type { PublishDetail, PublishedCalendar } from "#directory/published-calendars.ts";
import { serverScope } from "#store/api.ts";

export interface PublishedView {
  readonly id: number;
  readonly folder: string;
  readonly detail: PublishDetail;
  readonly pastDays: number;
  readonly futureDays: number;
  readonly createdMs: number;
  readonly ics: string;
  readonly html: string;
}

export interface PublishRequest {
  readonly address: string;
  /** The calendar itself when left out. */
  readonly folder: string | null;
  readonly detail: PublishDetail;
  readonly pastDays: number;
  readonly futureDays: number;
  /** `https://mail.example.org`, in front of the paths. */
  readonly origin: string;
}

async function viewsOf(
  ctx: Ctx, admin: Admin, mailboxId: MailboxId, list: readonly PublishedCalendar[], origin: string,
): Promise<PublishedView[]> {
  const secret = await admin.directory.secret(ctx, publishSecretName);
  const owner = await admin.directory.entryOfMailbox(ctx, mailboxId);
  const { mailbox } = await openEntryMailbox(ctx, admin, owner!.address);
  const paths = new Map((await foldersWithPaths(ctx, mailbox)).map(({ folder, path }) => [folder.folderId, path]));
  return list.map((one) => {
    const link = `${origin}${publishPath(secret, one)}`;
    const { publishId: id, detail, pastDays, futureDays, createdMs } = one;
    return {
      id, detail, pastDays, futureDays, createdMs, folder: paths.get(one.folderId) ?? "(gone)",
      ics: `${link}/calendar.ics`, html: `${link}/calendar.html`,
    };
  });
}

export async function publish(ctx: Ctx, admin: Admin, request: PublishRequest): Promise<PublishedView> {
  const { mailbox, address } = await openEntryMailbox(ctx, admin, request.address);
  const folder = request.folder === null ? await mailbox.folderByRole(ctx, "calendar")
    : await folderAt(ctx, mailbox, request.folder);
  if (!/^IPF\.Appointment(?:\.|$)/i.test(folder.containerClass)) {
    throw new Fault("invalidArgument", `${folder.name} is no calendar.`);
  }
  const { detail, pastDays, futureDays } = request;
  const made = await admin.store.transact(ctx, serverScope, publishCalendar, {
    by: admin.by, address, folderId: folder.folderId, detail, pastDays, futureDays,
    nonce: ctx.system.randomBytes(32),
  });
  return (await viewsOf(ctx, admin, mailbox.mailboxId, [made], request.origin))[0]!;
}

export async function listPublished(
  ctx: Ctx, admin: Admin, address: string, origin: string,
): Promise<PublishedView[]> {
  const { entryId, mailboxId } = await showEntry(ctx, admin, address);
  if (mailboxId === null) return [];
  const list = await admin.store.read(ctx, serverScope, () => publishedOf(entryId));
  return await viewsOf(ctx, admin, mailboxId as MailboxId, list, origin);
}

/** null revokes every link. */
export function unpublish(ctx: Ctx, admin: Admin, address: string, publishId: number | null): Promise<number> {
  return admin.store.transact(ctx, serverScope, unpublishCalendar, { by: admin.by, address, publishId });
}

export async function rotate(
  ctx: Ctx, admin: Admin, request: { address: string; publishId: number; origin: string },
): Promise<PublishedView> {
  const { address, publishId, origin } = request;
  const made = await admin.store.transact(ctx, serverScope, rotatePublished,
    { by: admin.by, address, publishId, nonce: ctx.system.randomBytes(32) });
  const { mailboxId } = await showEntry(ctx, admin, address);
  return (await viewsOf(ctx, admin, mailboxId as MailboxId, [made], origin))[0]!;
}
