/** Permission entries of a folder with the names of those they are for. [MS-OXCPERM] 2.2.5 */
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { Directory } from "#directory/api.ts";
import { anonymousMember, defaultMember } from "#mailbox/access.ts";
import type { PermissionEntry } from "#mailbox/api.ts";
import type { PermissionChange, PermissionRow } from "#mailbox/tx/permissions.ts";

/** Default and Anonymous first, both always, then the others. */
export async function namedPermissions(
  ctx: Ctx, directory: Directory, rows: readonly PermissionRow[],
): Promise<PermissionEntry[]> {
  const rights = new Map(rows.map((row) => [row.member_id, row.rights]));
  const memberIds = [...rights.keys()].filter((memberId) => memberId > 0);
  const named = await directory.sharing?.namedEntries(ctx, memberIds);
  return [
    { memberId: defaultMember, rights: rights.get(defaultMember) ?? 0, member: "default" },
    { memberId: anonymousMember, rights: rights.get(anonymousMember) ?? 0, member: "anonymous" },
    ...memberIds.map((memberId): PermissionEntry =>
      ({ memberId, rights: rights.get(memberId)!, member: named?.get(memberId) ?? null })),
  ];
}

/** Fault `notFound` for a member that is not in the directory, or outside. */
export async function checkMembers(
  ctx: Ctx, directory: Directory, changes: readonly PermissionChange[],
): Promise<void> {
  const members = changes.filter(({ memberId, rights }) => memberId > 0 && rights !== null);
  const known = await directory.sharing?.namedEntries(ctx, members.map(({ memberId }) => memberId));
  for (const { memberId } of members) {
    const entry = known?.get(memberId);
    if (known !== undefined && (entry === undefined || entry.kind === "contact")) {
      throw new Fault("notFound", "There is nobody of this name whom rights could be given.");
    }
  }
}
