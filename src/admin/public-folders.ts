/** Public folders by their path: made, listed, opened to people, given addresses, removed. */
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { FolderId } from "#base/ids.ts";
import { serverPrincipal } from "#admin/admin.ts";
import type { Admin } from "#admin/admin.ts";
import { changeEntry, createEntry, deleteEntry } from "#admin/entries.ts";
import {
  ensureFolder, findFolder, folderAt, foldersWithPaths, memberOf, permissionViews, rightsNamed,
} from "#admin/folders.ts";
import type { PermissionView } from "#admin/folders.ts";
import { forMessage, parseAddress } from "#directory/address.ts";
import { mailEnableFolder } from "#directory/public-folders.ts";
import type { Entry } from "#directory/reads.ts";
import { anonymousMember, folderRights, folderRoleRights } from "#mailbox/access.ts";
import type { FolderInfo, Mailbox } from "#mailbox/api.ts";
import { serverScope } from "#store/api.ts";

/** Words for what a folder holds. [MS-OXOSFLD] 2.2.3 */
export const folderClasses: Readonly<Record<string, string>> = {
  mail: "IPF.Note", calendar: "IPF.Appointment", contacts: "IPF.Contact", tasks: "IPF.Task", notes: "IPF.StickyNote",
  journal: "IPF.Journal",
};

export interface PublicFolderView {
  readonly path: string;
  readonly folderId: number;
  readonly containerClass: string;
  readonly messageCount: number;
  readonly sizeBytes: number;
  /** null for one that takes no mail. */
  readonly address: string | null;
}

/** The mailbox with all public folders. Fault `notFound` while there is none. */
async function openPublic(ctx: Ctx, admin: Admin): Promise<Mailbox> {
  const store = await admin.directory.publicStore(ctx);
  if (store === null || store.mailboxId === null) {
    throw new Fault("notFound", "There are no public folders yet; make one with \"outpost public add PATH\".");
  }
  return await admin.mailboxes.open(ctx, serverPrincipal(admin), store.mailboxId);
}

/** Makes the mailbox with all public folders at first need; in the default domain, hidden from address books. */
async function ensurePublicStore(ctx: Ctx, admin: Admin): Promise<Entry> {
  const known = await admin.directory.publicStore(ctx);
  if (known !== null) return known;
  const domain = (await admin.directory.domains(ctx))[0];
  if (domain === undefined) {
    throw new Fault("notFound", "There is no domain yet; add one with \"outpost domain add NAME\".");
  }
  for (let number = 1; ; number++) {
    const address = `public-folders${number === 1 ? "" : `-${number}`}@${domain.name}`;
    if (await admin.directory.entryByAddress(ctx, address) !== null) continue;
    await createEntry(ctx, admin, {
      kind: "public-store", address, displayName: "Public Folders", change: { hidden: true },
    });
    return (await admin.directory.publicStore(ctx))!;
  }
}

export interface NewPublicFolder {
  readonly path: string;
  /** One of {@link folderClasses}. */
  readonly holds: string;
  /** Who may do everything in it; null for nobody but administrators of public folders. */
  readonly owner: string | null;
}

/** Folders above it are made where they are missing. Fault `alreadyExists`. */
export async function addPublicFolder(ctx: Ctx, admin: Admin, wanted: NewPublicFolder): Promise<PublicFolderView> {
  const containerClass = folderClasses[wanted.holds];
  if (containerClass === undefined) {
    const words = Object.keys(folderClasses).join(", ");
    throw new Fault("invalidArgument", `A folder holds one of ${words}, not "${forMessage(wanted.holds)}".`);
  }
  const owner = wanted.owner === null ? null : await memberOf(ctx, admin, wanted.owner);
  await ensurePublicStore(ctx, admin);
  const mailbox = await openPublic(ctx, admin);
  if (findFolder(await foldersWithPaths(ctx, mailbox), wanted.path) !== null) {
    throw new Fault("alreadyExists", `There is a public folder "${forMessage(wanted.path)}" already.`);
  }
  const folder = await ensureFolder(ctx, mailbox, wanted.path, containerClass);
  if (folder.role !== null) throw new Fault("invalidArgument", "A public folder needs a name.");
  if (owner !== null) await mailbox.setPermission(ctx, folder.folderId, owner, folderRoleRights.owner);
  return (await listPublicFolders(ctx, admin)).find(({ folderId }) => folderId === folder.folderId)!;
}

export async function listPublicFolders(ctx: Ctx, admin: Admin): Promise<PublicFolderView[]> {
  if (await admin.directory.publicStore(ctx) === null) return [];
  const mailbox = await openPublic(ctx, admin);
  const addresses = new Map((await admin.directory.publicFolders(ctx)).map((one) => [one.folderId, one.entry.address]));
  return (await foldersWithPaths(ctx, mailbox)).map(({ folder, path }) => ({
    path, folderId: folder.folderId, containerClass: folder.containerClass, messageCount: folder.messageCount,
    sizeBytes: folder.sizeBytes, address: addresses.get(folder.folderId) ?? null,
  }));
}

export async function listPublicPermissions(ctx: Ctx, admin: Admin, path: string): Promise<PermissionView[]> {
  const mailbox = await openPublic(ctx, admin);
  return permissionViews(await mailbox.permissions(ctx, (await folderAt(ctx, mailbox, path)).folderId));
}

/** How many folders were changed: one, or with `below` all under it too. A right of null takes the entry away. */
export async function permitPublicFolder(
  ctx: Ctx, admin: Admin, request: { path: string; to: string; right: string | null; below: boolean },
): Promise<number> {
  const rights = request.right === null ? null : rightsNamed(request.right);
  const mailbox = await openPublic(ctx, admin);
  const memberId = await memberOf(ctx, admin, request.to);
  const folders = await subtreeAt(ctx, mailbox, request.path);
  const chosen = request.below ? folders : folders.slice(0, 1);
  for (const { folderId } of chosen) await mailbox.setPermission(ctx, folderId, memberId, rights);
  return chosen.length;
}

/** The folder and all below it, parents first. */
async function subtreeAt(ctx: Ctx, mailbox: Mailbox, path: string): Promise<FolderInfo[]> {
  const top = await folderAt(ctx, mailbox, path);
  const found = [top];
  const ids = new Set<FolderId>([top.folderId]);
  for (const folder of await mailbox.folders(ctx)) {
    if (folder.parentId === null || !ids.has(folder.parentId) || ids.has(folder.folderId)) continue;
    ids.add(folder.folderId);
    found.push(folder);
  }
  return found;
}

export interface MailEnable {
  readonly path: string;
  readonly address: string;
  /** The folder's own name when left out. */
  readonly displayName: string | null;
  readonly hidden: boolean;
  /** Whether people who did not sign in may write to it: strangers, that is, and the rest of the world. */
  readonly fromOutside: boolean;
}

export async function mailEnablePublicFolder(ctx: Ctx, admin: Admin, wanted: MailEnable): Promise<PublicFolderView> {
  const mailbox = await openPublic(ctx, admin);
  const folder = await folderAt(ctx, mailbox, wanted.path);
  await admin.store.transact(ctx, serverScope, mailEnableFolder, {
    by: admin.by, folderId: folder.folderId, address: parseAddress(wanted.address).key, hidden: wanted.hidden,
    displayName: wanted.displayName ?? folder.name,
    randomHex: Buffer.from(ctx.system.randomBytes(16)).toString("hex"),
  });
  if (wanted.fromOutside) {
    const entries = await mailbox.permissions(ctx, folder.folderId);
    const known = entries.find(({ memberId }) => memberId === anonymousMember);
    const rights = (known?.rights ?? 0) | folderRights.create;
    await mailbox.setPermission(ctx, folder.folderId, anonymousMember, rights);
  }
  return (await listPublicFolders(ctx, admin)).find(({ folderId }) => folderId === folder.folderId)!;
}

/** The address it had. Fault `notFound` when it had none. */
export async function mailDisablePublicFolder(ctx: Ctx, admin: Admin, path: string): Promise<string> {
  const mailbox = await openPublic(ctx, admin);
  const folder = await folderAt(ctx, mailbox, path);
  const [address] = await forgetAddresses(ctx, admin, new Set([folder.folderId]));
  if (address === undefined) throw new Fault("notFound", `The public folder "${forMessage(path)}" has no address.`);
  return address;
}

async function forgetAddresses(ctx: Ctx, admin: Admin, folderIds: ReadonlySet<FolderId>): Promise<string[]> {
  const found = (await admin.directory.publicFolders(ctx)).filter(({ folderId }) => folderIds.has(folderId));
  for (const { entry } of found) await deleteEntry(ctx, admin, entry.address, ["public-folder"]);
  return found.map(({ entry }) => entry.address);
}

/** Its messages go to Recoverable Items. How many folders went. Fault `hasChildren` without `below`. */
export async function removePublicFolder(
  ctx: Ctx, admin: Admin, path: string, below: boolean,
): Promise<{ folders: number; addresses: readonly string[] }> {
  const mailbox = await openPublic(ctx, admin);
  const folders = await subtreeAt(ctx, mailbox, path);
  await mailbox.deleteFolder(ctx,
    { folderId: folders[0]!.folderId, mode: "soft", children: below ? "delete" : "refuse" });
  const addresses = await forgetAddresses(ctx, admin, new Set(folders.map(({ folderId }) => folderId)));
  return { folders: folders.length, addresses };
}

/** Most that all public folders together may hold; null for no limit. */
export async function setPublicQuota(ctx: Ctx, admin: Admin, quotaBytes: number | null): Promise<void> {
  const store = await ensurePublicStore(ctx, admin);
  await changeEntry(ctx, admin, store.address, ["public-store"], { quotaBytes });
}
