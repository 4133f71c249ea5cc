/** Changes between entries: members of groups, grants on mailboxes, roles. */
import { Fault } from "#base/fault.ts";
import type { EntryId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import { beginChange, lockDirectory, requireEntry, touchEntry } from "#directory/changes.ts";
import type { By } from "#directory/changes.ts";
import { mailboxKinds } from "#directory/kinds.ts";
import type { AccessRight, Role } from "#directory/kinds.ts";
import { selfAndGroupsOf } from "#directory/reads.ts";
import { procedure } from "#store/api.ts";
import type { Transaction } from "#store/api.ts";
import { get, run } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

export interface MemberArgs extends By {
  readonly group: string;
  readonly member: string;
}

/** Fault `folderCycle` is of folders; a group that would contain itself is refused as `notAllowed`. */
export const addMember = procedure({
  name: "directory.addMember",
  *run(tx: Transaction, args: MemberArgs): Work<{ added: boolean }> {
    yield* lockDirectory();
    const group = yield* requireEntry(args.group, ["group"]);
    if (group.dynamicQuery !== null) {
      throw new Fault("notAllowed", `${group.address} finds its members by a query; they cannot be added by hand.`);
    }
    const member = yield* requireMember(args.member);
    if ((yield* selfAndGroupsOf(group.entryId)).includes(member.entryId)) {
      throw new Fault("notAllowed", `${member.address} contains ${group.address}, so it cannot be a member of it.`);
    }
    const count = yield* get<{ count: number }>(
      "SELECT COUNT(*) AS count FROM group_member WHERE group_id = $1", group.entryId);
    if (count!.count >= limits.groupMembersMax) {
      throw new Fault("tooMany", `${group.address} has ${limits.groupMembersMax} members already.`);
    }
    const cn = yield* beginChange(tx, args, "group-member-add", group.address, member.address);
    const added = yield* run(
      "INSERT INTO group_member (group_id, member_id) VALUES ($1, $2) ON CONFLICT (group_id, member_id) DO NOTHING",
      group.entryId, member.entryId);
    yield* touchEntry(group.entryId, cn);
    return { added: added > 0 };
  },
});

function* requireMember(address: string): ReturnType<typeof requireEntry> {
  try {
    return yield* requireEntry(address);
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== "notFound") throw error;
    throw new Fault("notFound", `${error.message} Somebody outside must be added with "outpost contact add" first.`);
  }
}

export const removeMember = procedure({
  name: "directory.removeMember",
  *run(tx: Transaction, args: MemberArgs): Work<void> {
    yield* lockDirectory();
    const group = yield* requireEntry(args.group, ["group"]);
    const member = yield* requireEntry(args.member);
    const cn = yield* beginChange(tx, args, "group-member-remove", group.address, member.address);
    const count = yield* run("DELETE FROM group_member WHERE group_id = $1 AND member_id = $2",
      group.entryId, member.entryId);
    if (count === 0) throw new Fault("notFound", `${member.address} is not a member of ${group.address}.`);
    yield* touchEntry(group.entryId, cn);
  },
});

export interface GrantArgs extends By {
  readonly target: string;
  readonly grantee: string;
  readonly right: AccessRight;
}

export const addGrant = procedure({
  name: "directory.addGrant",
  *run(tx: Transaction, args: GrantArgs): Work<{ added: boolean }> {
    yield* lockDirectory();
    const target = yield* requireEntry(args.target);
    const grantee = yield* requireEntry(args.grantee, ["user", "group"]);
    if (target.entryId === grantee.entryId) {
      throw new Fault("notAllowed", `${target.address} has every right on itself.`);
    }
    if (args.right === "full" || args.right === "read") {
      if (!mailboxKinds.includes(target.kind)) throw new Fault("notAllowed", `${target.address} has no mailbox.`);
    } else if (target.kind === "contact") {
      throw new Fault("notAllowed", `${target.address} is outside; nobody here can send for it.`);
    }
    const cn = yield* beginChange(tx, args, "grant-add", target.address, `${args.right} to ${grantee.address}`);
    const added = yield* run(
      `INSERT INTO entry_grant (target_id, grantee_id, access_right) VALUES ($1, $2, $3)
       ON CONFLICT (target_id, grantee_id, access_right) DO NOTHING`, target.entryId, grantee.entryId, args.right);
    yield* touchEntry(target.entryId, cn);
    return { added: added > 0 };
  },
});

/** Takes one right away, or all of them when `right` is null. */
export const removeGrant = procedure({
  name: "directory.removeGrant",
  *run(tx: Transaction, args: Omit<GrantArgs, "right"> & { right: AccessRight | null }): Work<{ removed: number }> {
    yield* lockDirectory();
    const target = yield* requireEntry(args.target);
    const grantee = yield* requireEntry(args.grantee);
    const what = `${args.right ?? "everything"} from ${grantee.address}`;
    const cn = yield* beginChange(tx, args, "grant-remove", target.address, what);
    const removed = args.right === null
      ? yield* run("DELETE FROM entry_grant WHERE target_id = $1 AND grantee_id = $2", target.entryId, grantee.entryId)
      : yield* run("DELETE FROM entry_grant WHERE target_id = $1 AND grantee_id = $2 AND access_right = $3",
        target.entryId, grantee.entryId, args.right);
    if (removed === 0) {
      throw new Fault("notFound", `${grantee.address} has no ${args.right ?? "granted"} right on ${target.address}.`);
    }
    yield* touchEntry(target.entryId, cn);
    return { removed };
  },
});

export interface RoleArgs extends By {
  readonly address: string;
  readonly role: Role;
  /** Only for impersonation: over whom; null for everybody. */
  readonly over: string | null;
}

export const grantRole = procedure({
  name: "directory.grantRole",
  *run(tx: Transaction, args: RoleArgs): Work<{ added: boolean }> {
    yield* lockDirectory();
    const entry = yield* requireEntry(args.address, ["user"]);
    const overId = yield* roleOver(args);
    const cn = yield* beginChange(tx, args, "role-grant", entry.address, `${args.role} over ${args.over ?? "all"}`);
    const added = yield* run(
      `INSERT INTO entry_role (entry_id, role, over_id) VALUES ($1, $2, $3)
       ON CONFLICT (entry_id, role, over_id) DO NOTHING`, entry.entryId, args.role, overId);
    yield* touchEntry(entry.entryId, cn);
    return { added: added > 0 };
  },
});

export const revokeRole = procedure({
  name: "directory.revokeRole",
  *run(tx: Transaction, args: RoleArgs): Work<void> {
    yield* lockDirectory();
    const entry = yield* requireEntry(args.address, ["user"]);
    const overId = yield* roleOver(args);
    const cn = yield* beginChange(tx, args, "role-revoke", entry.address, `${args.role} over ${args.over ?? "all"}`);
    const count = yield* run("DELETE FROM entry_role WHERE entry_id = $1 AND role = $2 AND over_id = $3",
      entry.entryId, args.role, overId);
    if (count === 0) throw new Fault("notFound", `${entry.address} does not have that role.`);
    yield* touchEntry(entry.entryId, cn);
  },
});

function* roleOver(args: RoleArgs): Work<EntryId | 0> {
  if (args.over === null) return 0;
  if (args.role !== "impersonation") throw new Fault("invalidArgument", `${args.role} is not a role over one person.`);
  return (yield* requireEntry(args.over)).entryId;
}
