/** Permission entries of folders: read, changed, inherited. [MS-OXCPERM] 2.2 */
import { Fault } from "#base/fault.ts";
import type { FolderId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import { anonymousMember, completeRights, defaultMember, folderRights, folderRoleRights } from "#mailbox/access.ts";
import { takeCn } from "#mailbox/tx/counters.ts";
import { procedure } from "#store/api.ts";
import { all, get, run } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

/** Moves with every change of who may do what where: entries, and the tree that shows the way to a folder. */
export function* readAccessCn(mailboxId: number): Work<number> {
  const row = yield* get<{ access_cn: number }>("SELECT access_cn FROM mailbox WHERE mailbox_id = $1", mailboxId);
  return row?.access_cn ?? 0;
}

export function touchAccess(mailboxId: number, cn: number): Work<number> {
  return run("UPDATE mailbox SET access_cn = $2 WHERE mailbox_id = $1", mailboxId, cn);
}

export interface PermissionRow {
  folder_id: number;
  member_id: number;
  rights: number;
}

export interface PermissionTexts {
  /** Of each folder that has some, as `member rights,member rights`: one row for each folder, not for each entry. */
  readonly entries: { folder_id: number; list: string }[];
  readonly folders: { folder_id: number; parent_id: number | null }[];
}

export function* readPermissionTexts(mailboxId: number): Work<PermissionTexts> {
  const entries = yield* all<{ folder_id: number; list: string }>(
    `SELECT folder_id, string_agg(CAST(member_id AS TEXT) || ' ' || CAST(rights AS TEXT), ',') AS list
     FROM folder_permission WHERE mailbox_id = $1 GROUP BY folder_id`, mailboxId);
  const folders = yield* all<{ folder_id: number; parent_id: number | null }>(
    "SELECT folder_id, parent_id FROM folder WHERE mailbox_id = $1", mailboxId);
  return { entries, folders };
}

/** Entries of one folder by member: Anonymous, Default, then the others. */
export function* readFolderPermissions(mailboxId: number, folderId: number): Work<PermissionRow[]> {
  return yield* all<PermissionRow>(
    `SELECT folder_id, member_id, rights FROM folder_permission WHERE mailbox_id = $1 AND folder_id = $2
     ORDER BY member_id`, mailboxId, folderId);
}

/** Everyone may see when the owner is free: the calendar of a new mailbox. [MS-OXCPERM] 2.2.7 */
export function* permitFreeBusy(mailboxId: number, calendarId: number): Work<void> {
  yield* run(
    `INSERT INTO folder_permission (mailbox_id, folder_id, member_id, rights) VALUES ($1, $2, $3, $4)
     ON CONFLICT DO NOTHING`, mailboxId, calendarId, defaultMember, folderRights.freeBusySimple);
}

/** A new folder starts with the permissions of its parent, and whoever made it without owning the mailbox owns it. */
export function* inheritPermissions(
  mailboxId: number, parentId: number, folderId: number, makerId: number | null,
): Work<void> {
  yield* run(
    `INSERT INTO folder_permission (mailbox_id, folder_id, member_id, rights)
     SELECT mailbox_id, $3, member_id, rights FROM folder_permission WHERE mailbox_id = $1 AND folder_id = $2`,
    mailboxId, parentId, folderId);
  if (makerId !== null) yield* putPermission(mailboxId, folderId, makerId, folderRoleRights.owner);
}

/**
 * The public store: everybody sees the way to public folders and which forms there are, whoever signed in. A public
 * folder at the top starts as Exchange has it: everybody an author, strangers nothing. [MS-OXCPERM] 2.2.7
 */
export function* permitPublicTree(mailboxId: number, byRole: ReadonlyMap<string, number>): Work<void> {
  yield* putPermission(mailboxId, byRole.get("ipmSubtree")!, defaultMember, folderRights.folderVisible);
  yield* putPermission(mailboxId, byRole.get("eformsRegistry")!, defaultMember, folderRoleRights.reviewer);
}

export function* permitPublicFolder(mailboxId: number, folderId: number): Work<void> {
  yield* putPermission(mailboxId, folderId, defaultMember, folderRoleRights.author);
  yield* putPermission(mailboxId, folderId, anonymousMember, folderRoleRights.none);
}

function putPermission(mailboxId: number, folderId: number, memberId: number, rights: number): Work<number> {
  return run(
    `INSERT INTO folder_permission (mailbox_id, folder_id, member_id, rights) VALUES ($1, $2, $3, $4)
     ON CONFLICT (mailbox_id, folder_id, member_id) DO UPDATE SET rights = excluded.rights`,
    mailboxId, folderId, memberId, rights);
}

export interface PermissionChange {
  /** A directory entry, 0 for Default, -1 for Anonymous. */
  readonly memberId: number;
  /** Bits of `folderRights`; null takes the entry away. */
  readonly rights: number | null;
}

export interface SetPermissions {
  readonly folderId: FolderId;
  readonly changes: readonly PermissionChange[];
  /** All other entries go. */
  readonly replace?: boolean;
}

export const setPermissions = procedure({
  name: "mailbox.setPermissions",
  *run(tx, args: SetPermissions): Work<{ cn: number }> {
    const cn = yield* takeCn(tx.scope);
    const changed = yield* run("UPDATE folder SET cn = $3 WHERE mailbox_id = $1 AND folder_id = $2",
      tx.scope, args.folderId, cn);
    if (changed === 0) throw new Fault("notFound", "This folder does not exist any more.");
    if (args.replace === true) {
      yield* run("DELETE FROM folder_permission WHERE mailbox_id = $1 AND folder_id = $2", tx.scope, args.folderId);
    }
    for (const { memberId, rights } of args.changes) {
      if (rights !== null) yield* putPermission(tx.scope, args.folderId, memberId, completeRights(rights));
      else {
        yield* run("DELETE FROM folder_permission WHERE mailbox_id = $1 AND folder_id = $2 AND member_id = $3",
          tx.scope, args.folderId, memberId);
      }
    }
    const count = yield* get<{ n: number }>(
      "SELECT COUNT(*) AS n FROM folder_permission WHERE mailbox_id = $1 AND folder_id = $2", tx.scope, args.folderId);
    if (count!.n > limits.folderPermissionsMax) {
      throw new Fault("tooMany", `A folder is opened to at most ${limits.folderPermissionsMax} people and groups; ` +
        "open it to a group instead.");
    }
    yield* touchAccess(tx.scope, cn);
    return { cn };
  },
});
