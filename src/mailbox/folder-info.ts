/** Rows of folders as protocols see them. Pure. */
import type { ChangeNumber, FolderId } from "#base/ids.ts";
import type { FolderInfo } from "#mailbox/api.ts";
import type { FolderRow } from "#mailbox/tx/folders.ts";

export function toFolderInfo(row: FolderRow): FolderInfo {
  return {
    folderId: row.folder_id as FolderId, parentId: row.parent_id as FolderId | null, name: row.name, role: row.role,
    containerClass: row.container_class, hidden: row.hidden === 1, isSearchFolder: row.search_folder === 1,
    uidValidity: row.uid_validity, uidNext: row.uid_next, messageCount: row.message_count,
    unreadCount: row.unread_count, associatedCount: row.associated_count, sizeBytes: row.size_bytes,
    highestCn: Math.max(1, row.highest_cn) as ChangeNumber, cn: row.cn as ChangeNumber,
  };
}

/** Parents before children. */
export function inTreeOrder(infos: readonly FolderInfo[]): FolderInfo[] {
  const byId = new Map(infos.map((info) => [info.folderId, info]));
  const ordered: FolderInfo[] = [];
  const placed = new Set<FolderId>();
  for (const info of infos) {
    // Ids grow, but a folder may have been moved below a younger one: walk up first. Depth is bounded on creation.
    const chain: FolderInfo[] = [];
    for (let at: FolderInfo | undefined = info; at !== undefined && !placed.has(at.folderId);) {
      chain.push(at);
      placed.add(at.folderId);
      at = at.parentId === null ? undefined : byId.get(at.parentId);
    }
    for (const one of chain.reverse()) ordered.push(one);
  }
  return ordered;
}
