/** `outpost domain …`, `outpost group …`, `outpost contact …`, `outpost role …` */
import {
  addGroupMember, catchAll, changeEntry, createDomain, createEntry, deleteDomain, deleteEntry, giveRole, listDomains,
  makeDefaultDomain, removeGroupMember, takeRole,
} from "#admin/entries.ts";
import type { Admin } from "#admin/admin.ts";
import { decideHeld, listHeld } from "#admin/moderation.ts";
import { listEntries, listRoles, showEntry } from "#admin/views.ts";
import type { EntryChange } from "#directory/entry-changes.ts";
import { isOneOf, roles } from "#directory/kinds.ts";
import type { Role } from "#directory/kinds.ts";
import { UsageError } from "#main/cli/command.ts";
import type { Call, Command, Flag } from "#main/cli/command.ts";
import { keysHelp } from "#main/cli/commands/users.ts";
import {
  aliasFlag, listText, nameFlag, operandsManyMax, readChange, removeAliasFlag, showText,
} from "#main/cli/commands/shared-parts.ts";
import { counted, localTime, table } from "#main/cli/text.ts";
import { readConfig } from "#main/config.ts";

function domainCommand(
  verb: string, summary: string, done: string, work: (call: Call, admin: Admin, name: string) => Promise<unknown>,
): Command {
  return {
    name: `domain ${verb}`, operands: "NAME", operandsMin: 1, operandsMax: 1, flags: [], summary,
    async run(call) {
      const [name = ""] = call.operands;
      const data = await call.withAdmin((admin) => work(call, admin, name));
      return { data: data ?? { name }, text: done.replace("NAME", name) };
    },
  };
}

const domainCommands: readonly Command[] = [
  domainCommand("add", "Adds a domain this server takes mail for", "Added NAME.",
    (call, admin, name) => createDomain(call.ctx, admin, name)),
  {
    name: "domain list", operands: "", operandsMin: 0, operandsMax: 0, flags: [], summary: "Lists the domains",
    async run(call) {
      const domains = await call.withAdmin((admin) => listDomains(call.ctx, admin));
      const rows = domains.map((domain) => [domain.name, [
        ...domain.isDefault ? ["default"] : [],
        ...domain.catchAll === null ? [] : [`the rest goes to ${domain.catchAll}`],
      ].join(", ")]);
      return { data: domains, text: rows.length === 0 ? "There is no domain." : table(["DOMAIN", ""], rows) };
    },
  },
  {
    name: "domain catch-all", operands: "NAME ADDR|none", operandsMin: 2, operandsMax: 2, flags: [],
    summary: "Says who gets what is addressed to nobody of a domain",
    async run(call) {
      const [name = "", address = ""] = call.operands;
      const data = await call.withAdmin((admin) =>
        catchAll(call.ctx, admin, name, address === "none" ? null : address));
      const text = data.address === null ? `Mail to nobody of ${data.name} is refused.`
        : `Mail to nobody of ${data.name} goes to ${data.address}.`;
      return { data, text };
    },
  },
  domainCommand("default", "Makes a domain the one that short sign-in names mean", "NAME is the default domain.",
    (call, admin, name) => makeDefaultDomain(call.ctx, admin, name)),
  domainCommand("remove", "Removes a domain that nobody has an address in", "Removed NAME.",
    (call, admin, name) => deleteDomain(call.ctx, admin, name)),
];

const groupFlags: readonly Flag[] = [
  nameFlag,
  { name: "dynamic", value: "QUERY", summary: "members are whoever matches: \"department=Sales title=Head*\"" },
  { name: "managed-by", value: "ADDR", summary: "who may change the members" },
  aliasFlag,
];
const queryHelp = `A query is KEY=VALUE conditions that must all hold, with "or" between alternatives.
KEY!=VALUE excludes, a * at the end matches any rest. Besides the address book's attributes there
are kind, name, address, domain.

  outpost group add sales@example.org --name Sales --member alice@example.org
  outpost group add heads@example.org --dynamic 'title="Head of*" or title=CEO'

Who may write to it: senders=everyone, inside (who signed in) or members; or accept-from=ADDR, once
for each. hidden-members=on shows the members to nobody.

  outpost group set all@example.org accept-from=boss@example.org hidden-members=on

Moderated: mail waits until one of moderators=ADDR lets it pass (whoever manages the group without
any); moderation-bypass=ADDR need not wait. moderation-notice=everyone, inside or nobody hears of a
refusal. reports=sender, owner or none hears when a member cannot be reached. A group in a group
keeps its own rules.

  outpost group set all@example.org moderated=on moderators=boss@example.org`;

async function groupChange(call: Call, words: readonly string[]): Promise<EntryChange> {
  const query = call.value("dynamic");
  const managedBy = call.value("managed-by");
  return {
    ...await readChange(call, words),
    ...query === null ? {} : { dynamicQuery: query === "" || query === "none" ? null : query },
    ...managedBy === null ? {} : { managedBy: managedBy === "" || managedBy === "none" ? null : managedBy },
  };
}

function memberCommand(verb: "member-add" | "member-remove"): Command {
  const isAdd = verb === "member-add";
  return {
    name: `group ${verb}`, operands: "ADDR MEMBER …", operandsMin: 2, operandsMax: operandsManyMax, flags: [],
    summary: isAdd ? "Adds members to a group" : "Takes members out of a group",
    async run(call) {
      const [group = "", ...members] = call.operands;
      await call.withAdmin(async (admin) => {
        for (const member of members) {
          if (isAdd) await addGroupMember(call.ctx, admin, group, member);
          else await removeGroupMember(call.ctx, admin, group, member);
        }
      });
      const text = `${isAdd ? "Added" : "Removed"} ${counted(members.length, "member")}.`;
      return { data: { group, members }, text };
    },
  };
}

const groupCommands: readonly Command[] = [
  {
    name: "group add", operands: "ADDR [KEY=VALUE …]", operandsMin: 1, operandsMax: operandsManyMax,
    flags: [...groupFlags, { name: "member", value: "ADDR", many: true, summary: "a member" }],
    summary: "Makes a group: mail to it goes to all its members", help: queryHelp,
    async run(call) {
      const [address = "", ...words] = call.operands;
      const { displayName, ...change } = await groupChange(call, words);
      const view = await call.withAdmin(async (admin) => {
        await createEntry(call.ctx, admin, {
          kind: "group", address, change, ...displayName === undefined ? {} : { displayName },
        });
        for (const member of call.values("member")) await addGroupMember(call.ctx, admin, address, member);
        return showEntry(call.ctx, admin, address);
      });
      return { data: view, text: `Made the group ${view.address}.` };
    },
  },
  {
    name: "group list", operands: "[ADDR]", operandsMin: 0, operandsMax: 1, flags: [],
    summary: "Lists all groups, or the members of one",
    async run(call) {
      const [address] = call.operands;
      if (address === undefined) {
        const entries = await call.withAdmin((admin) => listEntries(call.ctx, admin, ["group"]));
        return { data: entries, text: listText(entries, "group") };
      }
      const view = await call.withAdmin((admin) => showEntry(call.ctx, admin, address, ["group"]));
      const members = view.members ?? [];
      return { data: members, text: members.length === 0 ? `${view.address} has no members.` : members.join("\n") };
    },
  },
  {
    name: "group show", operands: "ADDR", operandsMin: 1, operandsMax: 1, flags: [],
    summary: "Shows everything about a group",
    async run(call) {
      const view = await call.withAdmin((admin) => showEntry(call.ctx, admin, call.operands[0]!, ["group"]));
      return { data: view, text: showText(view) };
    },
  },
  {
    name: "group set", operands: "ADDR [KEY=VALUE …]", operandsMin: 1, operandsMax: operandsManyMax,
    flags: [...groupFlags, removeAliasFlag], summary: "Changes a group", help: queryHelp,
    async run(call) {
      const [address = "", ...words] = call.operands;
      const change = await groupChange(call, words);
      if (Object.keys(change).length === 0) throw new UsageError("What shall change? Say KEY=VALUE.", "group set");
      const view = await call.withAdmin((admin) => changeEntry(call.ctx, admin, address, ["group"], change));
      return { data: view, text: `Changed ${view.address}.` };
    },
  },
  memberCommand("member-add"),
  memberCommand("member-remove"),
  {
    name: "group held", operands: "[ADDR]", operandsMin: 0, operandsMax: 1, flags: [],
    summary: "Lists the mail to groups that waits for a moderator",
    async run(call) {
      const held = await call.withAdmin((admin) => listHeld(call.ctx, admin, call.operands[0] ?? null));
      const rows = held.map((one) => [one.id, one.group, one.sender, localTime(one.receivedMs), one.subject]);
      const text = rows.length === 0 ? "Nothing waits." : table(["ID", "GROUP", "FROM", "CAME", "SUBJECT"], rows);
      return { data: held, text };
    },
  },
  decideCommand("approve", "Lets a message pass that waits for a moderator"),
  decideCommand("reject", "Sends a message back that waits for a moderator"),
  removeCommand("group", "group"),
];

function decideCommand(decision: "approve" | "reject", summary: string): Command {
  const flags: readonly Flag[] = decision === "approve" ? []
    : [{ name: "comment", value: "TEXT", summary: "what its sender is told" }];
  return {
    name: `group ${decision}`, operands: "ID", operandsMin: 1, operandsMax: 1, flags, summary,
    help: "IDs are those of outpost group held.",
    async run(call) {
      const [id = ""] = call.operands;
      const { hostname } = readConfig(call.dataDir, null);
      const comment = decision === "approve" ? "" : call.value("comment") ?? "";
      await call.withAdmin((admin) => decideHeld(call.ctx, admin, { id, hostname, decision, comment }));
      return { data: { id, decision }, text: decision === "approve" ? `${id} passes.` : `${id} goes back.` };
    },
  };
}

function removeCommand(word: string, kind: "group" | "contact"): Command {
  return {
    name: `${word} remove`, operands: "ADDR", operandsMin: 1, operandsMax: 1, flags: [], summary: `Removes a ${kind}`,
    async run(call) {
      const gone = await call.withAdmin((admin) => deleteEntry(call.ctx, admin, call.operands[0]!, [kind]));
      return { data: gone, text: `Removed ${gone.address}.` };
    },
  };
}

const contactCommands: readonly Command[] = [
  {
    name: "contact add", operands: "ADDR [KEY=VALUE …]", operandsMin: 1, operandsMax: operandsManyMax,
    flags: [nameFlag, aliasFlag], summary: "Puts somebody outside into the address book", help: keysHelp,
    async run(call) {
      const [address = "", ...words] = call.operands;
      const { displayName, ...change } = await readChange(call, words);
      const view = await call.withAdmin((admin) => createEntry(call.ctx, admin, {
        kind: "contact", address, change, ...displayName === undefined ? {} : { displayName },
      }));
      return { data: view, text: `Made the contact ${view.address}.` };
    },
  },
  {
    name: "contact list", operands: "", operandsMin: 0, operandsMax: 0, flags: [], summary: "Lists the contacts",
    async run(call) {
      const entries = await call.withAdmin((admin) => listEntries(call.ctx, admin, ["contact"]));
      return { data: entries, text: listText(entries, "contact") };
    },
  },
  {
    name: "contact show", operands: "ADDR", operandsMin: 1, operandsMax: 1, flags: [],
    summary: "Shows everything about a contact",
    async run(call) {
      const view = await call.withAdmin((admin) => showEntry(call.ctx, admin, call.operands[0]!, ["contact"]));
      return { data: view, text: showText(view) };
    },
  },
  {
    name: "contact set", operands: "ADDR KEY=VALUE …", operandsMin: 1, operandsMax: operandsManyMax,
    flags: [nameFlag, aliasFlag, removeAliasFlag], summary: "Changes a contact", help: keysHelp,
    async run(call) {
      const [address = "", ...words] = call.operands;
      const change = await readChange(call, words);
      if (Object.keys(change).length === 0) throw new UsageError("What shall change? Say KEY=VALUE.", "contact set");
      const view = await call.withAdmin((admin) => changeEntry(call.ctx, admin, address, ["contact"], change));
      return { data: view, text: `Changed ${view.address}.` };
    },
  },
  removeCommand("contact", "contact"),
];

const overFlag: Flag = { name: "over", value: "ADDR", summary: "only this person; everybody without the flag" };
const roleHelp = `organisation-admin     may change everything an administrator may
impersonation          may act as somebody (--over) or everybody; for migration and backup tools
public-folder-admin    may change all public folders`;

function roleCommand(verb: "grant" | "revoke"): Command {
  return {
    name: `role ${verb}`, operands: "USER ROLE", operandsMin: 2, operandsMax: 2, flags: [overFlag],
    summary: verb === "grant" ? "Gives a user a role" : "Takes a role from a user", help: roleHelp,
    async run(call) {
      const [address = "", word = ""] = call.operands;
      if (!isOneOf(roles, word)) throw new UsageError(`A role is one of ${roles.join(", ")}.`, `role ${verb}`);
      const role: Role = word;
      const over = call.value("over");
      await call.withAdmin<unknown>((admin) => verb === "grant"
        ? giveRole(call.ctx, admin, address, role, over) : takeRole(call.ctx, admin, address, role, over));
      const text = `${address} ${verb === "grant" ? "has" : "no longer has"} the role ${role}.`;
      return { data: { address, role, over }, text };
    },
  };
}

const roleCommands: readonly Command[] = [
  roleCommand("grant"),
  roleCommand("revoke"),
  {
    name: "role list", operands: "[USER]", operandsMin: 0, operandsMax: 1, flags: [],
    summary: "Lists who has which role", help: roleHelp,
    async run(call) {
      const [only] = call.operands;
      const found = await call.withAdmin(async (admin) => {
        const list = await listRoles(call.ctx, admin);
        if (only === undefined) return list;
        const { address } = await showEntry(call.ctx, admin, only, ["user"]);
        return list.filter((row) => row.address === address);
      });
      const rows = found.map((row) => [row.address, row.role]);
      return { data: found, text: rows.length === 0 ? "Nobody has a role." : table(["USER", "ROLE"], rows) };
    },
  },
];

export const directoryCommands: readonly Command[] = [
  ...domainCommands, ...groupCommands, ...contactCommands, ...roleCommands,
];
