/** From permission entries to the rights of one caller. Pure. [MS-OXCPERM] 3.2.5.3 */
import { anonymousMember, defaultMember, folderRights } from "#mailbox/access.ts";

export interface MemberRights {
  readonly memberId: number;
  readonly rights: number;
}

/** Every permission entry of a mailbox, and its tree, as they were at one moment. */
export interface PermissionSnapshot {
  readonly entries: ReadonlyMap<number, readonly MemberRights[]>;
  /** null for the root. */
  readonly parents: ReadonlyMap<number, number | null>;
}

/** Who asks, for judging. */
export interface Caller {
  /** Of the directory; negative for nobody in particular. */
  readonly entryId: number;
  /** The entry itself and every group it is in. */
  readonly selfAndGroups: ReadonlySet<number>;
}

/**
 * Rights of a caller by one folder's entries: their own entry alone, where there is one; else those of all their groups
 * together; else those of everybody. Who did not sign in has those of Anonymous.
 */
export function effectiveRights(entries: readonly MemberRights[], caller: Caller): number {
  if (caller.entryId < 0) return rightsOf(entries, anonymousMember) ?? 0;
  const own = rightsOf(entries, caller.entryId);
  if (own !== undefined) return own;
  let ofGroups: number | undefined;
  for (const { memberId, rights } of entries) {
    if (memberId > 0 && caller.selfAndGroups.has(memberId)) ofGroups = (ofGroups ?? 0) | rights;
  }
  return ofGroups ?? rightsOf(entries, defaultMember) ?? 0;
}

function rightsOf(entries: readonly MemberRights[], memberId: number): number | undefined {
  return entries.find((entry) => entry.memberId === memberId)?.rights;
}

/**
 * Rights in every folder that has some. A folder that may be seen shows the folders above it, by name alone: otherwise
 * nobody finds the way to it.
 */
export function folderRightsOf(snapshot: PermissionSnapshot, caller: Caller): Map<number, number> {
  const found = new Map<number, number>();
  for (const [folderId, entries] of snapshot.entries) {
    const rights = effectiveRights(entries, caller);
    if (rights !== 0) found.set(folderId, rights);
  }
  const { folderVisible, readAny, folderOwner } = folderRights;
  const shown = [...found].filter(([, rights]) => (rights & (folderVisible | readAny | folderOwner)) !== 0);
  const passed = new Set<number>();
  for (const [folderId] of shown) {
    let above = snapshot.parents.get(folderId) ?? null;
    while (above !== null && !passed.has(above)) {
      passed.add(above);
      found.set(above, (found.get(above) ?? 0) | folderVisible);
      above = snapshot.parents.get(above) ?? null;
    }
  }
  return found;
}
