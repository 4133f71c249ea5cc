/** Folders of a mailbox by their path, as the command line names them: `Inbox`, `Archive/2026/March`. */
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { MailboxId } from "#base/ids.ts";
import { serverPrincipal } from "#admin/admin.ts";
import type { Admin } from "#admin/admin.ts";
import { forMessage, parseAddress } from "#directory/address.ts";
import { anonymousMember, defaultMember, folderRoleRights, freeBusyRights, roleOf } from "#mailbox/access.ts";
import type { FolderInfo, Mailbox, PermissionEntry } from "#mailbox/api.ts";

export interface FolderView {
  readonly path: string;
  readonly folderId: number;
  readonly containerClass: string;
  readonly messageCount: number;
  readonly unreadCount: number;
  readonly sizeBytes: number;
}

/** The mailbox of an address. Fault `notFound` when it has none. */
export async function openMailbox(ctx: Ctx, admin: Admin, address: string): Promise<Mailbox> {
  return (await openEntryMailbox(ctx, admin, address)).mailbox;
}

/** The same with the primary address of whose it is. */
export async function openEntryMailbox(
  ctx: Ctx, admin: Admin, address: string,
): Promise<{ mailbox: Mailbox; address: string }> {
  const { key } = parseAddress(address);
  const entry = await admin.directory.entryByAddress(ctx, key);
  if (entry === null || entry.mailboxId === null) {
    throw new Fault("notFound", entry === null ? `There is no mailbox ${forMessage(key)}.`
      : `${entry.address} is a ${entry.kind} and has no mailbox.`);
  }
  const mailbox = await admin.mailboxes.open(ctx, serverPrincipal(admin), entry.mailboxId as MailboxId);
  return { mailbox, address: entry.address };
}

/** Folders a person sees with their paths, parents first. A slash inside a name is shown as `\/`. */
export async function foldersWithPaths(ctx: Ctx, mailbox: Mailbox): Promise<{ folder: FolderInfo; path: string }[]> {
  const paths = new Map<number, string>();
  const found: { folder: FolderInfo; path: string }[] = [];
  for (const folder of await mailbox.folders(ctx)) {
    if (folder.role === "ipmSubtree") {
      paths.set(folder.folderId, "");
      continue;
    }
    const parent = folder.parentId === null ? undefined : paths.get(folder.parentId);
    if (parent === undefined) continue;
    const name = folder.name.replace(/[\\/]/g, "\\$&");
    const path = parent === "" ? name : `${parent}/${name}`;
    paths.set(folder.folderId, path);
    found.push({ folder, path });
  }
  return found;
}

export async function listFolders(ctx: Ctx, admin: Admin, address: string): Promise<FolderView[]> {
  const mailbox = await openMailbox(ctx, admin, address);
  return (await foldersWithPaths(ctx, mailbox)).filter(({ folder }) => !folder.hidden).map(({ folder, path }) => ({
    path, folderId: folder.folderId, containerClass: folder.containerClass, messageCount: folder.messageCount,
    unreadCount: folder.unreadCount, sizeBytes: folder.sizeBytes,
  }));
}

/** `Inbox` is the inbox in every language. Fault `notFound`. */
export async function folderAt(ctx: Ctx, mailbox: Mailbox, path: string): Promise<FolderInfo> {
  const found = findFolder(await foldersWithPaths(ctx, mailbox), path);
  if (found === null) throw new Fault("notFound", `There is no folder "${forMessage(path)}" in this mailbox.`);
  return found;
}

export function findFolder(folders: readonly { folder: FolderInfo; path: string }[], path: string): FolderInfo | null {
  const key = path.normalize("NFC").toLowerCase().replace(/^\/|\/$/g, "");
  const exact = folders.find((one) => one.path.normalize("NFC").toLowerCase() === key);
  if (exact !== undefined) return exact.folder;
  const inbox = folders.find((one) => one.folder.role === "inbox");
  if (inbox === undefined || !/^inbox(?:\/|$)/.test(key)) return null;
  if (key === "inbox") return inbox.folder;
  const below = `${inbox.path.normalize("NFC").toLowerCase()}${key.slice("inbox".length)}`;
  return folders.find((one) => one.path.normalize("NFC").toLowerCase() === below)?.folder ?? null;
}

/** The folder of a path, made with its parents where they are missing; `containerClass` is for those made. */
export async function ensureFolder(
  ctx: Ctx, mailbox: Mailbox, path: string, containerClass?: string,
): Promise<FolderInfo> {
  const folders = await foldersWithPaths(ctx, mailbox);
  const found = findFolder(folders, path);
  if (found !== null) return found;
  let parent = await mailbox.folderByRole(ctx, "ipmSubtree");
  let at = "";
  for (const part of splitPath(path)) {
    at = at === "" ? part : `${at}/${part}`;
    const existing = findFolder(folders, at);
    const name = part.replace(/\\([\\/])/g, "$1");
    parent = existing ?? await mailbox.createFolder(ctx, {
      parentId: parent.folderId, name, ...containerClass === undefined ? {} : { containerClass },
    });
  }
  return parent;
}

export function splitPath(path: string): string[] {
  return (path.match(/(?:\\[\\/]|[^/])+/g) ?? []).filter((part) => part.trim() !== "");
}

export const folderPermissions = Object.keys(folderRoleRights);

export interface PermissionView {
  /** `default`, `anonymous` or an address. */
  readonly to: string;
  readonly name: string;
  /** One of {@link folderPermissions}, or `custom`. */
  readonly right: string;
  readonly rights: number;
}

/** Who has which rights in a folder; Default and Anonymous always. */
export async function listPermissions(
  ctx: Ctx, admin: Admin, request: { address: string; path: string },
): Promise<PermissionView[]> {
  const mailbox = await openMailbox(ctx, admin, request.address);
  const folder = await folderAt(ctx, mailbox, request.path);
  return permissionViews(await mailbox.permissions(ctx, folder.folderId));
}

export function permissionViews(entries: readonly PermissionEntry[]): PermissionView[] {
  return entries.map(({ member, memberId, rights }) => ({
    to: member === null ? `removed (${memberId})` : typeof member === "string" ? member : member.address,
    name: member === null || typeof member === "string" ? "" : member.displayName,
    right: roleOf(rights) ?? "custom", rights,
  }));
}

/**
 * Gives a user or group, with `default` everybody who has no other right, or with `anonymous` people who did not sign
 * in, a set of rights on one folder. A right of null takes the entry away.
 */
export async function permitFolder(
  ctx: Ctx, admin: Admin, request: { address: string; path: string; to: string; right: string | null },
): Promise<void> {
  const rights = request.right === null ? null : rightsNamed(request.right);
  const mailbox = await openMailbox(ctx, admin, request.address);
  const folder = await folderAt(ctx, mailbox, request.path);
  if (rights !== null && (rights & freeBusyRights) !== 0 && !folder.containerClass.startsWith("IPF.Appointment")) {
    throw new Fault("invalidArgument", `${request.right} is a right on calendars; ${request.path} is none.`);
  }
  await mailbox.setPermission(ctx, folder.folderId, await memberOf(ctx, admin, request.to), rights);
}

/** The bits of one of {@link folderPermissions}. Fault `invalidArgument`. */
export function rightsNamed(right: string): number {
  const found = Object.entries(folderRoleRights).find(([name]) => name === right);
  if (found !== undefined) return found[1];
  throw new Fault("invalidArgument", `"${forMessage(right)}" is not one of ${folderPermissions.join(", ")}.`);
}

/** Whom a permission entry is for: `default`, `anonymous`, or the address of a user or group. Fault `notFound`. */
export async function memberOf(ctx: Ctx, admin: Admin, to: string): Promise<number> {
  if (to.toLowerCase() === "default") return defaultMember;
  if (to.toLowerCase() === "anonymous") return anonymousMember;
  const entry = await admin.directory.entryByAddress(ctx, parseAddress(to).key);
  if (entry === null) throw new Fault("notFound", `There is no user or group ${forMessage(to)}.`);
  if (entry.kind !== "user" && entry.kind !== "group") {
    throw new Fault("notFound", `${entry.address} is a ${entry.kind}; folders are opened to users and groups.`);
  }
  return entry.entryId;
}
