/** Procedures that make, move, copy and remove folders, and the read queries on them. */
import { Fault } from "#base/fault.ts";
import type { FolderId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import { folderRoles, publicFolders, roleRow } from "#mailbox/roles.ts";
import type { FolderRole } from "#mailbox/roles.ts";
import { folderNames } from "#mailbox/names.ts";
import { addTombstone, takeCn, takeObjectIds, takeUidValidity } from "#mailbox/tx/counters.ts";
import {
  inheritPermissions, permitFreeBusy, permitPublicFolder, permitPublicTree, touchAccess,
} from "#mailbox/tx/permissions.ts";
import { withoutVersion } from "#mailbox/tx/folder-version.ts";
import { checkQuota } from "#mailbox/tx/quota.ts";
import { forgetFolderReaders } from "#mailbox/tx/readers.ts";
import { copyAllMessages, removeAllMessages } from "#mailbox/tx/transfer.ts";
import { requireReserved } from "#mailbox/tx/reserved-ids.ts";
import { encodeBag } from "#props/bag.ts";
import type { ReadonlyPropertyBag } from "#props/types.ts";
import { procedure } from "#store/api.ts";
import type { Transaction } from "#store/api.ts";
import { all, get, run } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

export interface FolderRow {
  folder_id: number;
  parent_id: number | null;
  name: string;
  role: FolderRole | null;
  container_class: string;
  hidden: number;
  search_folder: number;
  cn: number;
  uid_validity: number;
  uid_next: number;
  highest_cn: number;
  message_count: number;
  unread_count: number;
  associated_count: number;
  size_bytes: number;
}

const folderColumns = `folder_id, parent_id, name, role, container_class, hidden, search_folder, cn, uid_validity,
  uid_next, highest_cn, message_count, unread_count, associated_count, size_bytes`;

/** Siblings whose names differ only in case or composition are the same name. */
export function nameKey(name: string): string {
  return name.normalize("NFC").toLowerCase();
}

export function* readFolders(mailboxId: number): Work<FolderRow[]> {
  return yield* all<FolderRow>(
    `SELECT ${folderColumns} FROM folder WHERE mailbox_id = $1 ORDER BY folder_id`, mailboxId);
}

export function* readFolder(mailboxId: number, folderId: number): Work<FolderRow> {
  const row = yield* get<FolderRow>(
    `SELECT ${folderColumns} FROM folder WHERE mailbox_id = $1 AND folder_id = $2`, mailboxId, folderId);
  if (row === undefined) throw new Fault("notFound", "This folder does not exist any more.");
  return row;
}

export function* readFolderByRole(mailboxId: number, role: FolderRole): Work<FolderRow> {
  const row = yield* get<FolderRow>(
    `SELECT ${folderColumns} FROM folder WHERE mailbox_id = $1 AND role = $2`, mailboxId, role);
  if (row === undefined) throw new Fault("notFound", `This mailbox has no folder with the role ${role}.`);
  return row;
}

/** Directly below one, in the order of their names. */
export function* readFoldersBelow(mailboxId: number, parentId: number): Work<FolderRow[]> {
  return yield* all<FolderRow>(
    `SELECT ${folderColumns} FROM folder WHERE mailbox_id = $1 AND parent_id = $2 ORDER BY name_key`,
    mailboxId, parentId);
}

/** One at most. */
export function* readFoldersNamed(mailboxId: number, parentId: number, name: string): Work<FolderRow[]> {
  return yield* all<FolderRow>(
    `SELECT ${folderColumns} FROM folder WHERE mailbox_id = $1 AND parent_id = $2 AND name_key = $3`,
    mailboxId, parentId, nameKey(name));
}

interface MailboxState {
  readonly cn: number;
  readonly sizeBytes: number;
}

function* readState(mailboxId: number): Work<MailboxState> {
  const state = yield* get<{ cn: number; size_bytes: number }>(
    "SELECT cn, size_bytes FROM mailbox WHERE mailbox_id = $1", mailboxId);
  return { cn: state?.cn ?? 0, sizeBytes: state?.size_bytes ?? 0 };
}

/** What happened to folders after a change number, and how many there are now. */
export function* readFoldersSince(
  mailboxId: number, since: number,
): Work<MailboxState & { readonly count: number; readonly rows: FolderRow[] }> {
  const state = yield* readState(mailboxId);
  if (state.cn === since) return { ...state, count: -1, rows: [] };
  const rows = yield* all<FolderRow>(
    `SELECT ${folderColumns} FROM folder WHERE mailbox_id = $1 AND (cn > $2 OR highest_cn > $2) ORDER BY folder_id`,
    mailboxId, since);
  const counted = yield* get<{ n: number }>("SELECT COUNT(*) AS n FROM folder WHERE mailbox_id = $1", mailboxId);
  return { ...state, count: counted!.n, rows };
}

/** The mailbox, and rows behind a folder id. */
export function* readFolderSlice(
  mailboxId: number, after: number, rowsMax: number,
): Work<MailboxState & { readonly rows: FolderRow[] }> {
  const state = yield* readState(mailboxId);
  const rows = rowsMax === 0 ? [] : yield* all<FolderRow>(
    `SELECT ${folderColumns} FROM folder WHERE mailbox_id = $1 AND folder_id > $2 ORDER BY folder_id LIMIT $3`,
    mailboxId, after, rowsMax);
  return { ...state, rows };
}

export function* readFolderIds(mailboxId: number): Work<number[]> {
  const rows = yield* all<{ folder_id: number }>("SELECT folder_id FROM folder WHERE mailbox_id = $1", mailboxId);
  return rows.map((row) => row.folder_id);
}

export interface NewMailbox {
  readonly guid: Uint8Array;
  readonly replicaGuid: Uint8Array;
  readonly language: string;
  /** The organisation's public folders, not somebody's mailbox. */
  readonly isPublic?: boolean;
}

/** The mailbox with the folder set of a new Exchange mailbox. Repeating it adds roles that are missing. */
export const provisionMailbox = procedure({
  name: "mailbox.provision",
  *run(tx, args: NewMailbox): Work<void> {
    const mailboxId = tx.scope;
    // UIDVALIDITY starts at the clock so that a mailbox restored or made again never repeats one.
    yield* run(
      `INSERT INTO mailbox (mailbox_id, guid, replica_guid, language, created_ms, cn, next_counter, next_item,
         next_content, next_uid_validity, next_property_id, message_count, size_bytes)
       VALUES ($1, $2, $3, $4, $5, 0, 1, 1, 1, $6, 32768, 0, 0) ON CONFLICT (mailbox_id) DO NOTHING`,
      mailboxId, args.guid, args.replicaGuid, args.language, tx.nowMs, Math.floor(tx.nowMs / 1000));
    yield* run(
      "INSERT INTO replica (mailbox_id, replica_id, guid) VALUES ($1, 1, $2) ON CONFLICT DO NOTHING",
      mailboxId, args.replicaGuid);
    const cn = yield* takeCn(mailboxId);
    const byRole = new Map<string, number>();
    for (const row of yield* readFolders(mailboxId)) if (row.role !== null) byRole.set(row.role, row.folder_id);
    if (args.isPublic === true) {
      yield* makePublicTree(tx, cn, byRole);
      return;
    }
    const names = folderNames(args.language);
    for (const role of Object.keys(folderRoles) as FolderRole[]) {
      if (byRole.has(role)) continue;
      const row = roleRow(role);
      const folderId = yield* insertFolder(mailboxId, cn, tx.nowMs, {
        parentId: row.parent === null ? null : byRole.get(row.parent)!, name: names[role], role,
        containerClass: row.containerClass, hidden: row.hidden ?? false, searchFolder: row.searchFolder ?? false,
      });
      byRole.set(role, folderId);
    }
    yield* permitFreeBusy(mailboxId, byRole.get("calendar")!);
    yield* touchAccess(mailboxId, cn);
    yield* subscribeMailFolders(mailboxId, names);
  },
});

function* makePublicTree(tx: Transaction, cn: number, byRole: Map<string, number>): Work<void> {
  if (byRole.has("nonIpmSubtree")) return;
  for (const row of publicFolders) {
    byRole.set(row.role, yield* insertFolder(tx.scope, cn, tx.nowMs, {
      parentId: row.parent === null ? null : byRole.get(row.parent)!, name: row.name, role: row.role,
      containerClass: row.containerClass, hidden: false, searchFolder: false,
    }));
  }
  yield* permitPublicTree(tx.scope, byRole);
  yield* touchAccess(tx.scope, cn);
}

/** Mail programs that show subscribed folders only show those a person needs, under the names IMAP gives them. */
function* subscribeMailFolders(mailboxId: number, names: Record<FolderRole, string>): Work<void> {
  const subscribed = yield* get("SELECT 1 AS found FROM subscription WHERE mailbox_id = $1", mailboxId);
  if (subscribed !== undefined) return;
  const shown: FolderRole[] = ["drafts", "sentItems", "deletedItems", "junkEmail", "archive"];
  for (const name of ["INBOX", ...shown.map((role) => names[role])]) {
    yield* run("INSERT INTO subscription (mailbox_id, name) VALUES ($1, $2) ON CONFLICT DO NOTHING", mailboxId, name);
  }
}

interface NewFolder {
  readonly parentId: number | null;
  readonly name: string;
  readonly role: FolderRole | null;
  readonly containerClass: string;
  readonly hidden: boolean;
  readonly searchFolder: boolean;
  readonly folderId?: number;
}

function* insertFolder(mailboxId: number, cn: number, nowMs: number, folder: NewFolder): Work<number> {
  const folderId = folder.folderId ?? (yield* takeObjectIds(mailboxId, 1));
  const uidValidity = yield* takeUidValidity(mailboxId);
  yield* run(
    `INSERT INTO folder (mailbox_id, folder_id, parent_id, name, name_key, role, container_class, hidden, search_folder,
       cn, created_ms, modified_ms, uid_validity, uid_next, highest_cn, message_count, unread_count, associated_count,
       size_bytes)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, $12, 1, $10, 0, 0, 0, 0)`,
    mailboxId, folderId, folder.parentId, folder.name, nameKey(folder.name), folder.role, folder.containerClass,
    folder.hidden ? 1 : 0, folder.searchFolder ? 1 : 0, cn, nowMs, uidValidity);
  return folderId;
}

/** Names a person may give: not empty, of bounded length, without control characters. */
function checkName(name: string): void {
  if (name.trim() === "") throw new Fault("invalidArgument", "A folder needs a name that is not empty.");
  if (name.length > limits.folderNameMaxCharacters) {
    throw new Fault("invalidArgument", `A folder name has at most ${limits.folderNameMaxCharacters} characters.`);
  }
  if (/[\u0000-\u001f\u007f]/.test(name)) {
    throw new Fault("invalidArgument", "A folder name has no control characters.");
  }
}

function* checkNoSibling(mailboxId: number, parentId: number, name: string, except: number | null): Work<void> {
  const row = yield* get<{ folder_id: number }>(
    "SELECT folder_id FROM folder WHERE mailbox_id = $1 AND parent_id = $2 AND name_key = $3",
    mailboxId, parentId, nameKey(name));
  if (row !== undefined && row.folder_id !== except) {
    throw new Fault("alreadyExists", `A folder named "${name}" is already there.`);
  }
}

function* folderDepth(mailboxId: number, folderId: number): Work<number[]> {
  const path = [folderId];
  for (let current = folderId; path.length <= limits.folderDepthMax;) {
    const row: { parent_id: number | null } | undefined = yield* get<{ parent_id: number | null }>(
      "SELECT parent_id FROM folder WHERE mailbox_id = $1 AND folder_id = $2", mailboxId, current);
    if (row?.parent_id === null || row === undefined) return path;
    current = row.parent_id;
    path.push(current);
  }
  throw new Fault("invalidArgument", `Folders nest at most ${limits.folderDepthMax} deep.`);
}

export interface CreateFolder {
  readonly parentId: FolderId;
  readonly name: string;
  readonly containerClass?: string;
  readonly searchFolder?: boolean;
  /** Owns the new folder beside the mailbox's owner; null for nobody. */
  readonly makerId?: number | null;
  /** In the public store. */
  readonly isPublic?: boolean;
  /** An id that was set aside for it. */
  readonly folderId?: FolderId;
  /** What its maker writes on it. */
  readonly properties?: ReadonlyPropertyBag;
}

export const createFolder = procedure({
  name: "mailbox.createFolder",
  *run(tx, args: CreateFolder): Work<FolderRow> {
    checkName(args.name);
    const parent = yield* readFolder(tx.scope, args.parentId);
    if (parent.search_folder === 1) throw new Fault("notAllowed", "A search folder has no folders below it.");
    yield* checkNoSibling(tx.scope, args.parentId, args.name, null);
    yield* folderDepth(tx.scope, args.parentId);
    yield* checkFolderCount(tx.scope, 1);
    if (args.folderId !== undefined) yield* requireReserved(tx.scope, args.folderId);
    const cn = yield* takeCn(tx.scope);
    const containerClass = args.containerClass ?? (parent.container_class === "" ? "IPF.Note" : parent.container_class);
    const folderId = yield* insertFolder(tx.scope, cn, tx.nowMs, {
      parentId: args.parentId, name: args.name, role: null, containerClass, hidden: false,
      searchFolder: args.searchFolder === true, ...args.folderId === undefined ? {} : { folderId: args.folderId },
    });
    if (args.properties !== undefined && args.properties.size > 0) {
      yield* run("UPDATE folder SET bag = $3 WHERE mailbox_id = $1 AND folder_id = $2",
        tx.scope, folderId, encodeBag(new Map(args.properties)));
    }
    yield* inheritPermissions(tx.scope, args.parentId, folderId, args.makerId ?? null);
    if (args.isPublic === true && parent.role === "ipmSubtree") yield* permitPublicFolder(tx.scope, folderId);
    yield* touchAccess(tx.scope, cn);
    return yield* readFolder(tx.scope, folderId);
  },
});

function* checkFolderCount(mailboxId: number, more: number): Work<void> {
  const count = yield* get<{ n: number }>("SELECT COUNT(*) AS n FROM folder WHERE mailbox_id = $1", mailboxId);
  if (count!.n + more > limits.foldersMax) {
    throw new Fault("tooMany", `A mailbox has at most ${limits.foldersMax} folders; remove some first.`);
  }
}

export interface MoveFolder {
  readonly folderId: FolderId;
  readonly parentId: FolderId;
  readonly name: string;
}

export const moveFolder = procedure({
  name: "mailbox.moveFolder",
  *run(tx, args: MoveFolder): Work<FolderRow> {
    checkName(args.name);
    const folder = yield* readFolder(tx.scope, args.folderId);
    if (folder.role !== null) {
      throw new Fault("notAllowed", `"${folder.name}" is a folder every mailbox has; it cannot be moved or renamed.`);
    }
    const target = yield* readFolder(tx.scope, args.parentId);
    if (target.search_folder === 1) throw new Fault("notAllowed", "A search folder has no folders below it.");
    const path = yield* folderDepth(tx.scope, args.parentId);
    if (path.includes(args.folderId)) {
      throw new Fault("folderCycle", "A folder cannot be moved into itself or below itself.");
    }
    yield* checkNoSibling(tx.scope, args.parentId, args.name, args.folderId);
    const cn = yield* takeCn(tx.scope);
    yield* run(
      `UPDATE folder SET parent_id = $3, name = $4, name_key = $5, cn = $6, modified_ms = $7
       WHERE mailbox_id = $1 AND folder_id = $2`,
      tx.scope, args.folderId, args.parentId, args.name, nameKey(args.name), cn, tx.nowMs);
    yield* touchAccess(tx.scope, cn);
    return yield* readFolder(tx.scope, args.folderId);
  },
});

/** A folder with everything below it, parents first. */
function* subtree(mailboxId: number, folderId: number): Work<FolderRow[]> {
  const found = [yield* readFolder(mailboxId, folderId)];
  for (let index = 0; index < found.length; index++) {
    found.push(...yield* all<FolderRow>(
      `SELECT ${folderColumns} FROM folder WHERE mailbox_id = $1 AND parent_id = $2 ORDER BY folder_id`,
      mailboxId, found[index]!.folder_id));
  }
  return found;
}

export interface CopyFolder extends MoveFolder {
  /** The mailbox may not grow past this; null for no limit. */
  readonly quotaBytes: number | null;
  /** Owns the copies beside the mailbox's owner; null for nobody. */
  readonly makerId?: number | null;
  /** Without the folders below it. */
  readonly isShallow?: boolean;
}

function* copyBag(mailboxId: number, fromId: number, toId: number): Work<void> {
  const row = yield* get<{ bag: Uint8Array | null }>(
    "SELECT bag FROM folder WHERE mailbox_id = $1 AND folder_id = $2", mailboxId, fromId);
  if (row === undefined || row.bag === null) return;
  yield* run("UPDATE folder SET bag = $3 WHERE mailbox_id = $1 AND folder_id = $2",
    mailboxId, toId, withoutVersion(row.bag));
}

export const copyFolder = procedure({
  name: "mailbox.copyFolder",
  *run(tx, args: CopyFolder): Work<FolderRow> {
    checkName(args.name);
    const target = yield* readFolder(tx.scope, args.parentId);
    if (target.search_folder === 1) throw new Fault("notAllowed", "A search folder has no folders below it.");
    const source = args.isShallow === true ? [yield* readFolder(tx.scope, args.folderId)]
      : yield* subtree(tx.scope, args.folderId);
    const path = yield* folderDepth(tx.scope, args.parentId);
    if (path.includes(args.folderId)) {
      throw new Fault("folderCycle", "A folder cannot be copied into itself or below itself.");
    }
    yield* checkNoSibling(tx.scope, args.parentId, args.name, null);
    yield* checkFolderCount(tx.scope, source.length);
    yield* checkQuota(tx.scope, args.quotaBytes, source.reduce((sum, folder) => sum + folder.size_bytes, 0));
    const cn = yield* takeCn(tx.scope);
    const copies = new Map<number, number>();
    for (const folder of source) {
      const isTop = folder.folder_id === args.folderId;
      const copyId = yield* insertFolder(tx.scope, cn, tx.nowMs, {
        parentId: isTop ? args.parentId : copies.get(folder.parent_id!)!, name: isTop ? args.name : folder.name,
        role: null, containerClass: folder.container_class, hidden: folder.hidden === 1,
        searchFolder: folder.search_folder === 1,
      });
      copies.set(folder.folder_id, copyId);
      // What clients wrote on it comes along; of a search folder that is what it finds.
      yield* copyBag(tx.scope, folder.folder_id, copyId);
      yield* inheritPermissions(tx.scope, args.parentId, copyId, args.makerId ?? null);
      yield* copyAllMessages(tx, cn, folder.folder_id, copyId);
    }
    yield* touchAccess(tx.scope, cn);
    return yield* readFolder(tx.scope, copies.get(args.folderId)!);
  },
});

export interface DeleteFolder {
  readonly folderId: FolderId;
  readonly mode: "soft" | "hard";
  readonly children: "refuse" | "delete";
}

export const deleteFolder = procedure({
  name: "mailbox.deleteFolder",
  *run(tx, args: DeleteFolder): Work<void> {
    const doomed = yield* subtree(tx.scope, args.folderId);
    const kept = doomed.find((folder) => folder.role !== null);
    if (kept !== undefined) {
      throw new Fault("notAllowed", `"${kept.name}" is a folder every mailbox has; it cannot be deleted.`);
    }
    if (args.children === "refuse" && doomed.length > 1) {
      throw new Fault("hasChildren", `"${doomed[0]!.name}" has folders below it; delete them first.`);
    }
    const cn = yield* takeCn(tx.scope);
    for (const folder of doomed.reverse()) {
      yield* removeAllMessages(tx, cn, folder.folder_id, args.mode);
      yield* run("DELETE FROM folder WHERE mailbox_id = $1 AND folder_id = $2", tx.scope, folder.folder_id);
      yield* forgetFolderReaders(tx.scope, folder.folder_id);
      yield* run("DELETE FROM folder_permission WHERE mailbox_id = $1 AND folder_id = $2", tx.scope, folder.folder_id);
      yield* run("DELETE FROM annotation WHERE mailbox_id = $1 AND folder_id = $2", tx.scope, folder.folder_id);
      yield* run("DELETE FROM folder_retention WHERE mailbox_id = $1 AND folder_id = $2", tx.scope, folder.folder_id);
      // The messages' marks go with the folder: nobody can ask for changes of a folder that is gone.
      yield* run("DELETE FROM tombstone WHERE mailbox_id = $1 AND folder_id = $2 AND kind <> 2",
        tx.scope, folder.folder_id);
      yield* addTombstone(tx.scope, "folder", folder.folder_id, folder.parent_id ?? 0, 0, cn);
    }
    yield* touchAccess(tx.scope, cn);
  },
});

export const setSubscription = procedure({
  name: "mailbox.setSubscription",
  *run(tx, args: { name: string; subscribed: boolean }): Work<void> {
    yield* takeCn(tx.scope);
    if (args.subscribed) {
      const count = yield* get<{ n: number }>("SELECT COUNT(*) AS n FROM subscription WHERE mailbox_id = $1", tx.scope);
      if (count!.n >= limits.foldersMax) {
        throw new Fault("tooMany", "Too many names are subscribed; remove some first.");
      }
      yield* run("INSERT INTO subscription (mailbox_id, name) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        tx.scope, args.name);
    } else {
      yield* run("DELETE FROM subscription WHERE mailbox_id = $1 AND name = $2", tx.scope, args.name);
    }
  },
});
