/** Pieces several commands share: flags, passwords, changes out of `key=value` words, entries as text. */
import { readFile } from "node:fs/promises";
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { parseAssignments } from "#admin/assignments.ts";
import { formatSize, parseSize } from "#admin/sizes.ts";
import type { EntrySummary, EntryView } from "#admin/views.ts";
import type { EntryChange } from "#directory/entry-changes.ts";
import { UsageError } from "#main/cli/command.ts";
import type { Call, Flag } from "#main/cli/command.ts";
import { counted, facts, localTime, table } from "#main/cli/text.ts";

export const operandsManyMax = 1000;

export const nameFlag: Flag = { name: "name", value: "TEXT", summary: "the name people see" };
export const languageFlag: Flag = {
  name: "language", value: "CODE", summary: "language of the mailbox and its folder names: en, de, fr, …",
};
export const quotaFlag: Flag = { name: "quota", value: "SIZE", summary: "most the mailbox may hold: 500M, 5G, none" };
export const aliasFlag: Flag = { name: "alias", value: "ADDR", many: true, summary: "another address of theirs" };
export const removeAliasFlag: Flag = {
  name: "remove-alias", value: "ADDR", many: true, summary: "an address to take away",
};
export const passwordFlags: readonly Flag[] = [
  { name: "password", value: "TEXT", summary: "the password; other users of this machine may see it" },
  { name: "password-stdin", summary: "read the password from standard input" },
];

/** The password of the flags, of standard input, or asked for at the terminal. */
export async function readPassword(call: Call, command: string, who: string): Promise<string> {
  const given = call.value("password");
  if (given !== null && call.has("password-stdin")) {
    throw new UsageError("Give --password or --password-stdin, not both.", command);
  }
  if (given !== null) return given;
  if (call.has("password-stdin")) return call.terminal.readLine();
  if (!call.terminal.isInteractive) throw new UsageError("The password is missing: use --password-stdin.", command);
  const password = await call.terminal.askSecret(`Password for ${who}: `);
  if (await call.terminal.askSecret("Once more: ") !== password) {
    throw new Fault("invalidArgument", "The two passwords differ; nothing was changed.");
  }
  return password;
}

/** `key=value` words and the flags of the same meaning as one change. */
export async function readChange(call: Call, words: readonly string[]): Promise<EntryChange> {
  const parsed = await parseAssignments(words, readFileForAttribute);
  const name = call.value("name");
  const language = call.value("language");
  const quota = call.value("quota");
  const aliases = call.values("alias");
  const removed = call.values("remove-alias");
  return {
    ...parsed,
    ...name === null ? {} : { displayName: name },
    ...language === null ? {} : { language },
    ...quota === null ? {} : { quotaBytes: parseSize(quota) },
    ...aliases.length === 0 ? {} : { addAddresses: [...parsed.addAddresses ?? [], ...aliases] },
    ...removed.length === 0 ? {} : { removeAddresses: removed },
  };
}

async function readFileForAttribute(path: string): Promise<Uint8Array> {
  const bytes = await readFile(path).catch((error: Error) => {
    throw new Fault("notFound", `The file ${path} cannot be read: ${error.message}`);
  });
  if (bytes.length > limits.attributeBinaryMaxBytes) {
    throw new Fault("tooBig", `${path} is larger than ${formatSize(limits.attributeBinaryMaxBytes)}.`);
  }
  return bytes;
}

/** An entry as the lines of `show`. */
export function showText(view: EntryView): string {
  const off = Object.entries(view.protocols).filter(([, state]) => state === "off");
  const rows: [string, string | null][] = [
    ["address", view.address], ["name", view.displayName], ["kind", view.kind],
    ["state", [view.disabled ? "disabled" : "", view.hidden ? "hidden" : ""].filter(Boolean).join(", ")],
    ["aliases", view.aliases.join("\n")], ["other addresses", view.proxyAddresses.join("\n")],
    ["mailbox", view.mailboxId === null ? null : String(view.mailboxId)],
    ["quota", view.mailboxId === null ? null : formatSize(view.quotaBytes)], ["language", view.language],
    ["password", view.kind === "user" ? view.hasPassword ? "set" : "none" : null],
    ["switched off", off.map(([name]) => name).join(", ")],
    ["accepts by itself", view.autoAccept === null ? null : view.autoAccept ? "yes" : "no"],
    ["query", view.query], ["members", view.members?.join("\n") ?? null], ["managed by", view.managedBy],
    ["groups", view.groups.join("\n")], ["roles", view.roles.join("\n")],
    ...Object.entries(view.settings).map(([name, values]): [string, string] => [name, values.join("\n")]),
    ["delegates", view.delegates.map((one) => [one.address, one.meetingCopies ? "gets copies of meeting messages" : "",
      one.seesPrivate ? "sees private items" : ""].filter(Boolean).join(", ")).join("\n")],
    ["granted to", view.grants.map((grant) => `${grant.to} ${grant.right}`).join("\n")],
    ...Object.entries(view.attributes).map(([key, value]): [string, string] =>
      [key, typeof value === "string" ? value : value.join("\n")]),
    ["legacyExchangeDN", view.legacyExchangeDN], ["made", localTime(view.createdMs)],
  ];
  return facts(rows);
}

export function listText(entries: readonly EntrySummary[], what: string): string {
  if (entries.length === 0) return `There is no ${what}.`;
  const rows = entries.map((entry) => [
    entry.address, entry.displayName, entry.kind, entry.mailboxId === null ? "" : formatSize(entry.quotaBytes),
    [entry.disabled ? "disabled" : "", entry.hidden ? "hidden" : ""].filter(Boolean).join(", "),
  ]);
  const list = table(["ADDRESS", "NAME", "KIND", "QUOTA", "STATE"], rows);
  return `${list}\n${counted(entries.length, "entry", "entries")}`;
}
