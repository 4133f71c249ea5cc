/** `outpost recover …`, `retention …`, `audit`, `mailtips`: what was removed, how long things stay, who did what. */
import { showAudit } from "#admin/audit.ts";
import { openEntryMailbox } from "#admin/folders.ts";
import { listRemoved, listRetention, purgeRemovedItems, restoreRemoved, setRetention } from "#admin/recover.ts";
import type { RemovedChoice } from "#admin/recover.ts";
import { formatSize } from "#admin/sizes.ts";
import { UsageError } from "#main/cli/command.ts";
import type { Call, Command, Flag } from "#main/cli/command.ts";
import { operandsManyMax } from "#main/cli/commands/shared-parts.ts";
import { counted, localTime, table } from "#main/cli/text.ts";
import { readConfig } from "#main/config.ts";
import { limits } from "#base/limits.ts";

const choiceFlags: readonly Flag[] = [
  { name: "folder", value: "PATH", summary: "only what was in this folder" },
  { name: "text", value: "TEXT", summary: "only what has this in its subject or sender" },
  { name: "since", value: "TIME", summary: "only what was removed since, as 2026-11-20 or 2026-11-20T08:00Z" },
];
const allFlag: Flag = { name: "all", summary: "everything that the other flags leave" };

function choiceOf(call: Call, command: string, ids: readonly string[] | null): RemovedChoice {
  const since = call.value("since");
  const sinceMs = since === null ? null : Date.parse(since);
  if (sinceMs !== null && Number.isNaN(sinceMs)) {
    throw new UsageError("--since is a time like 2026-11-20T08:00Z.", command);
  }
  const wrong = ids?.find((id) => !/^\d{1,15}$/.test(id));
  if (wrong !== undefined) throw new UsageError(`"${wrong}" is not the ID of a removed item.`, command);
  if (ids !== null && (ids.length === 0) !== call.has("all")) {
    throw new UsageError("Name items by their IDs, or mean all of them with --all.", command);
  }
  return {
    folder: call.value("folder"), text: call.value("text"), sinceMs,
    ...ids === null || ids.length === 0 ? {} : { messageIds: ids.map(Number) },
  };
}

const recoverCommands: readonly Command[] = [
  {
    name: "recover list", operands: "ADDR", operandsMin: 1, operandsMax: 1, flags: choiceFlags,
    summary: "Lists what was removed from a mailbox and can be brought back",
    async run(call) {
      const choice = choiceOf(call, "recover list", null);
      const { items, isCut } = await call.withAdmin((admin) => listRemoved(call.ctx, admin, call.operands[0]!, choice));
      if (items.length === 0) return { data: items, text: "Nothing that was removed can be brought back." };
      const rows = items.map((item) => [
        String(item.messageId), localTime(item.removedMs), item.folder ?? "(gone)", item.fromAddress,
        formatSize(item.sizeBytes), item.subject,
      ]);
      const header = ["ID", "REMOVED", "FROM FOLDER", "SENDER", "SIZE", "SUBJECT"];
      const end = isCut ? `\nOnly the last ${limits.recoverListMax} that were removed were looked at.` : "";
      return { data: items, text: `${table(header, rows, [0, 4])}\n${counted(items.length, "item")}${end}` };
    },
  },
  {
    name: "recover restore", operands: "ADDR [ID …]", operandsMin: 1, operandsMax: operandsManyMax,
    flags: [...choiceFlags, allFlag, { name: "to", value: "PATH", summary: "into this folder, not where they were" }],
    summary: "Brings removed items back into their folders",
    help: `They have the marks, the categories and the time that they had. What was in a folder that is gone
goes into the inbox, or the calendar, contacts or tasks it belongs to.

  outpost recover list alice@example.org --text invoice
  outpost recover restore alice@example.org 4711 4712
  outpost recover restore alice@example.org --all --since 2026-11-20`,
    async run(call) {
      const [address = "", ...ids] = call.operands;
      const choice = choiceOf(call, "recover restore", ids);
      const done = await call.withAdmin((admin) =>
        restoreRemoved(call.ctx, admin, address, choice, call.value("to")));
      const lines = done.folders.map(({ path, count }) => `${counted(count, "item")} into ${path}`);
      return { data: done, text: `Brought back ${lines.join(", ")}.` };
    },
  },
  {
    name: "recover purge", operands: "ADDR [ID …]", operandsMin: 1, operandsMax: operandsManyMax,
    flags: [...choiceFlags, allFlag], summary: "Lets removed items go for good",
    async run(call) {
      const [address = "", ...ids] = call.operands;
      const choice = choiceOf(call, "recover purge", ids);
      const done = await call.withAdmin((admin) => purgeRemovedItems(call.ctx, admin, address, choice));
      return { data: done, text: `${counted(done.purged, "item")} gone for good.` };
    },
  },
];

const retentionCommands: readonly Command[] = [
  {
    name: "retention list", operands: "ADDR", operandsMin: 1, operandsMax: 1, flags: [],
    summary: "Shows which folders of a mailbox lose what is old",
    async run(call) {
      const { retention } = readConfig(call.dataDir, null);
      const done = await call.withAdmin((admin) => listRetention(call.ctx, admin, call.operands[0]!));
      const rows = done.folders.map(({ path, days }) => [path, days === 0 ? "for ever" : String(days)]);
      const { removedDays, emptyDeletedDays, emptyJunkDays } = retention;
      const server = `Of the server: removed items ${counted(removedDays, "day")}, Deleted Items ${
        emptyDeletedDays === null ? "for ever" : counted(emptyDeletedDays, "day")}, Junk Email ${
        emptyJunkDays === null ? "for ever" : counted(emptyJunkDays, "day")}.`;
      const text = rows.length === 0 ? "No folder has a term of its own." : table(["FOLDER", "DAYS"], rows, [1]);
      return { data: { ...done, server: retention }, text: `${text}\n${server}` };
    },
  },
  {
    name: "retention set", operands: "ADDR PATH", operandsMin: 2, operandsMax: 2,
    flags: [
      { name: "days", value: "N", summary: "what has been in the folder for so many days goes; 0 keeps it for ever" },
      { name: "off", summary: "what the server does by itself holds again" },
    ],
    summary: "Says after how many days messages leave a folder by themselves",
    help: `They go to Recoverable Items, from where they can be brought back for some days more.

  outpost retention set alice@example.org "Junk Email" --days 30
  outpost user set alice@example.org keep-deleted=30`,
    async run(call) {
      const [address = "", path = ""] = call.operands;
      const text = call.value("days");
      if ((text === null) !== call.has("off")) throw new UsageError("Give --days or --off.", "retention set");
      if (text !== null && !/^\d{1,5}$/.test(text)) throw new UsageError("--days is a number.", "retention set");
      const days = text === null ? null : Number(text);
      const done = await call.withAdmin((admin) => setRetention(call.ctx, admin, { address, path, days }));
      const what = days === null ? "has no term of its own any more" : days === 0 ? "keeps its messages for ever"
        : `loses its messages after ${counted(days, "day")}`;
      return { data: { ...done, days }, text: `${path} of ${done.address} ${what}.` };
    },
  },
  {
    name: "retention run", operands: "ADDR", operandsMin: 1, operandsMax: 1, flags: [],
    summary: "Does now what the server does every six hours: lets go what is old, warns of a full mailbox",
    async run(call) {
      const { tidyMailbox } = await import("#main/housekeeping.ts");
      const { retention } = readConfig(call.dataDir, null);
      const done = await call.withAdmin(async (admin) => {
        const { mailbox: { mailboxId } } = await openEntryMailbox(call.ctx, admin, call.operands[0]!);
        const entry = (await admin.directory.entryOfMailbox(call.ctx, mailboxId))!;
        return await tidyMailbox(call.ctx, admin, { mailboxId, entryId: entry.entryId, retention });
      });
      const warned = done.warned ? " The owner was told that the mailbox fills up." : "";
      const text = `${counted(done.expired, "message")} removed, ${counted(done.purged, "message")} gone for good.`;
      return { data: done, text: `${text}${warned}` };
    },
  },
];

const auditCommand: Command = {
  name: "audit", operands: "ADDR", operandsMin: 1, operandsMax: 1,
  flags: [{ name: "limit", value: "N", summary: `lines to show, at most ${limits.mailboxAuditShownMax}; 100 without` }],
  summary: "Shows what delegates and administrators did with a mailbox, newest first",
  help: `Its owner reads the same on the page /account. Lines are kept for 90 days; what a delegate does again and
again within a moment is one line that counts.`,
  async run(call) {
    const text = call.value("limit") ?? "100";
    if (!/^\d{1,6}$/.test(text)) throw new UsageError("--limit is a number.", "audit");
    const limit = Math.min(Number(text), limits.mailboxAuditShownMax);
    const { lines } = await call.withAdmin((admin) => showAudit(call.ctx, admin, call.operands[0]!, limit));
    if (lines.length === 0) return { data: lines, text: "Nobody else did anything here." };
    const rows = lines.map((line) => [
      localTime(line.atMs), line.actor, line.as, line.action + (line.repeated > 1 ? ` (${line.repeated})` : ""),
      line.folder, line.detail,
    ]);
    return { data: lines, text: table(["WHEN", "WHO", "AS", "WHAT", "FOLDER", "DETAIL"], rows) };
  },
};

const mailTipsCommand: Command = {
  name: "mailtips", operands: "FROM TO …", operandsMin: 2, operandsMax: operandsManyMax, flags: [],
  summary: "Shows what FROM is told before writing to TO: away, full, large group, may not write",
  help: `A text of your own for an address: outpost user set desk@example.org mail-tip="Answers take two days."
In other languages as well: outpost user set desk@example.org mail-tip=… mail-tip=de:…`,
  async run(call) {
    const [from = "", ...to] = call.operands;
    const { MailTipsService } = await import("#transport/mail-tips.ts");
    const tips = await call.withAdmin((admin) => new MailTipsService(admin).tips(call.ctx, from, to));
    const rows = tips.map((tip) => [tip.recipient, tip.displayName, [
      tip.isInvalid ? "nobody takes mail there" : "", tip.restriction === null ? "" : `closed: ${tip.restriction}`,
      tip.isModerated ? "moderated" : "", tip.isMailboxFull ? "the mailbox is full" : "",
      tip.outOfOffice === null ? "" : `away: ${tip.outOfOffice.text.replaceAll(/\s+/g, " ").trim().slice(0, 80)}`,
      tip.totalMemberCount > 1 ? counted(tip.totalMemberCount, "recipient") : "",
      tip.externalMemberCount > 0 ? `${tip.externalMemberCount} outside` : "", tip.isLargeAudience ? "large" : "",
      tip.customTip ?? "",
    ].filter((part) => part !== "").join("; ")]);
    return { data: tips, text: table(["TO", "NAME", "TIPS"], rows) };
  },
};

export const keepingCommands: readonly Command[] =
  [...recoverCommands, ...retentionCommands, auditCommand, mailTipsCommand];
