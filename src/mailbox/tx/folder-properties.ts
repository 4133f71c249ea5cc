/** What clients write on folders beside what the server knows of them: kept as it was written. */
import { Fault } from "#base/fault.ts";
import type { FolderId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import { takeCn } from "#mailbox/tx/counters.ts";
import { readFolder } from "#mailbox/tx/folders.ts";
import { idsAtOnce, padIds, places } from "#mailbox/tx/item-rows.ts";
import { readAccessCn } from "#mailbox/tx/permissions.ts";
import { decodeBag, encodeBag } from "#props/bag.ts";
import { tagId } from "#props/types.ts";
import type { PropertyBag, PropertyTag, ReadonlyPropertyBag } from "#props/types.ts";
import { procedure } from "#store/api.ts";
import { all, get, run } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

/** Properties of one folder and when it was made and last changed, UTC milliseconds. */
export interface FolderProperties {
  readonly bag: PropertyBag;
  readonly createdMs: number;
  readonly modifiedMs: number;
}

interface BagRow {
  folder_id: number;
  bag: Uint8Array | null;
  created_ms: number;
  modified_ms: number;
}

function toProperties(row: BagRow): FolderProperties {
  return {
    bag: row.bag === null ? new Map() : decodeBag(row.bag), createdMs: row.created_ms, modifiedMs: row.modified_ms,
  };
}

/** Of all folders, or of one. */
export function* readFolderProperties(
  mailboxId: number, folderId: FolderId | null,
): Work<Map<FolderId, FolderProperties>> {
  const only = folderId === null ? "" : " AND folder_id = $2";
  const rows = yield* all<BagRow>(
    `SELECT folder_id, bag, created_ms, modified_ms FROM folder WHERE mailbox_id = $1${only}`,
    mailboxId, ...folderId === null ? [] : [folderId]);
  return new Map(rows.map((row) => [row.folder_id as FolderId, toProperties(row)]));
}

/** Of some folders; those that are gone are left out. */
export function* readFolderPropertiesOf(
  mailboxId: number, folderIds: readonly FolderId[],
): Work<Map<FolderId, FolderProperties>> {
  const found = new Map<FolderId, FolderProperties>();
  for (let at = 0; at < folderIds.length; at += idsAtOnce) {
    const ids = padIds(folderIds.slice(at, at + idsAtOnce));
    const rows = yield* all<BagRow>(
      `SELECT folder_id, bag, created_ms, modified_ms FROM folder
       WHERE mailbox_id = $1 AND folder_id IN (${places(ids.length)})`, mailboxId, ...ids);
    for (const row of rows) found.set(row.folder_id as FolderId, toProperties(row));
  }
  return found;
}

/** What changes about a folder beside its row: the tree of the mailbox, and the newest of its messages. */
export interface FolderStamps {
  /** Moves whenever a folder comes, goes or is moved. */
  readonly treeCn: number;
  /** When a message last came or changed, UTC milliseconds; null for a folder that holds none. */
  readonly contentMs: number | null;
}

export function* readFolderStamps(mailboxId: number, folderId: FolderId): Work<FolderStamps> {
  const newest = yield* get<{ saved_ms: number; modified_ms: number | null }>(
    `SELECT m.saved_ms, d.modified_ms FROM message m
     JOIN message_detail d ON d.mailbox_id = m.mailbox_id AND d.item_id = m.item_id
     WHERE m.mailbox_id = $1 AND m.folder_id = $2 ORDER BY m.mod_seq DESC LIMIT 1`, mailboxId, folderId);
  const contentMs = newest === undefined ? null : Math.max(newest.saved_ms, newest.modified_ms ?? 0);
  return { treeCn: yield* readAccessCn(mailboxId), contentMs };
}

export interface UpdateFolderProperties {
  readonly folderId: FolderId;
  readonly set: ReadonlyPropertyBag;
  /** A tag means its id, whatever type it tells. */
  readonly remove: readonly PropertyTag[];
  /** PidTagContainerClass and PidTagAttributeHidden have columns of their own; null leaves them. */
  readonly containerClass: string | null;
  readonly hidden: boolean | null;
}

export const updateFolderProperties = procedure({
  name: "mailbox.updateFolderProperties",
  *run(tx, args: UpdateFolderProperties): Work<number> {
    const folder = yield* readFolder(tx.scope, args.folderId);
    const row = yield* get<{ bag: Uint8Array | null }>(
      "SELECT bag FROM folder WHERE mailbox_id = $1 AND folder_id = $2", tx.scope, args.folderId);
    const before = row?.bag ?? null;
    const bag: PropertyBag = before === null ? new Map() : decodeBag(before);
    const gone = new Set([...args.remove, ...args.set.keys()].map(tagId));
    for (const tag of [...bag.keys()]) if (gone.has(tagId(tag))) bag.delete(tag);
    for (const [tag, value] of args.set) bag.set(tag, value);
    const encoded = encodeBag(bag);
    if (encoded.length > limits.folderPropertiesMaxBytes) {
      throw new Fault("tooBig", `The properties of "${folder.name}" would take ${encoded.length} bytes; the limit is ` +
        `${limits.folderPropertiesMaxBytes}.`);
    }
    const cn = yield* takeCn(tx.scope);
    yield* run(
      `UPDATE folder SET bag = $3, container_class = $4, hidden = $5, cn = $6, modified_ms = $7
       WHERE mailbox_id = $1 AND folder_id = $2`,
      tx.scope, args.folderId, encoded, args.containerClass ?? folder.container_class,
      args.hidden === null ? folder.hidden : Number(args.hidden), cn, tx.nowMs);
    return cn;
  },
});

/** GUIDs that name this mailbox and what it makes, 16 bytes each. [MS-OXCSTOR] 2.2.1.1.3 */
export function* readIdentity(mailboxId: number): Work<{ guid: Uint8Array; replicaGuid: Uint8Array }> {
  const row = yield* get<{ guid: Uint8Array; replica_guid: Uint8Array }>(
    "SELECT guid, replica_guid FROM mailbox WHERE mailbox_id = $1", mailboxId);
  if (row === undefined) throw new Fault("notFound", "This mailbox does not exist any more.");
  return { guid: row.guid, replicaGuid: row.replica_guid };
}
