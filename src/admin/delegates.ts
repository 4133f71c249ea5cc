/** Delegates: who acts for somebody, with rights on folders, Send on Behalf, and what only delegates have. */
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { Admin } from "#admin/admin.ts";
import { grantAccess, revokeAccess } from "#admin/entries.ts";
import { folderPermissions, openMailbox } from "#admin/folders.ts";
import { forMessage, parseAddress } from "#directory/address.ts";
import { setDelegate } from "#directory/setting-changes.ts";
import { folderRoleRights } from "#mailbox/access.ts";
import type { FolderRole } from "#mailbox/roles.ts";
import { serverScope } from "#store/api.ts";

/** Folders a delegate is let into, by the flag that says how far. [MS-OXODLGT] 3.1.4.3.1 */
export const delegateFolders = ["calendar", "tasks", "inbox", "contacts", "notes"] as const;
export type DelegateFolder = (typeof delegateFolders)[number];

export interface DelegateRequest {
  readonly address: string;
  readonly to: string;
  /** Rights by folder; what is left out stays as it is. */
  readonly rights: Partial<Record<DelegateFolder, string>>;
  readonly meetingCopies: boolean;
  readonly seesPrivate: boolean;
}

export async function makeDelegate(ctx: Ctx, admin: Admin, request: DelegateRequest): Promise<void> {
  const rights = Object.entries(request.rights).map(([role, right]) => [role, rightsNamed(right)] as const);
  const to = await admin.directory.entryByAddress(ctx, parseAddress(request.to).key);
  if (to === null) throw new Fault("notFound", `There is no user or group ${forMessage(request.to)}.`);
  const mailbox = await openMailbox(ctx, admin, request.address);
  await admin.store.transact(ctx, serverScope, setDelegate, {
    by: admin.by, address: request.address, delegate: request.to,
    as: { meetingCopies: request.meetingCopies, seesPrivate: request.seesPrivate },
  });
  await grantAccess(ctx, admin, request.address, request.to, "send-on-behalf");
  for (const [role, bits] of rights) {
    for (const folderRole of foldersOf(role as DelegateFolder)) {
      const { folderId } = await mailbox.folderByRole(ctx, folderRole);
      await mailbox.setPermission(ctx, folderId, to.entryId, bits);
    }
  }
}

/** Takes everything back that {@link makeDelegate} gives. */
export async function endDelegate(ctx: Ctx, admin: Admin, address: string, to: string): Promise<void> {
  const mailbox = await openMailbox(ctx, admin, address);
  const entry = await admin.directory.entryByAddress(ctx, parseAddress(to).key);
  if (entry === null) throw new Fault("notFound", `There is no user or group ${forMessage(to)}.`);
  await admin.store.transact(ctx, serverScope, setDelegate, { by: admin.by, address, delegate: to, as: null });
  const grants = (await admin.directory.mailboxesGrantedTo(ctx, entry.entryId))
    .find((one) => one.entry.mailboxId === mailbox.mailboxId)?.rights ?? [];
  if (grants.includes("send-on-behalf")) await revokeAccess(ctx, admin, address, to, "send-on-behalf");
  for (const role of delegateFolders.flatMap(foldersOf)) {
    const { folderId } = await mailbox.folderByRole(ctx, role);
    await mailbox.setPermission(ctx, folderId, entry.entryId, null);
  }
}

/** Who may write appointments publishes their times too. [MS-OXODLGT] 3.1.4.3.1 */
function foldersOf(folder: DelegateFolder): FolderRole[] {
  return folder === "calendar" ? ["calendar", "freeBusyData"] : [folder];
}

function rightsNamed(name: string): number {
  const rights = Object.entries(folderRoleRights).find(([role]) => role === name)?.[1];
  if (rights !== undefined) return rights;
  throw new Fault("invalidArgument", `"${forMessage(name)}" is not one of ${folderPermissions.join(", ")}.`);
}
