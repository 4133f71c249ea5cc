/** What can be set on an entry beside its columns, one row each: the command line's name, who has it, its values. */
import { Fault } from "#base/fault.ts";
import { forMessage } from "#directory/address.ts";
import { mailboxKinds } from "#directory/kinds.ts";
import type { EntryKind } from "#directory/kinds.ts";
import type { Entry } from "#directory/reads.ts";
import { all } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

export interface SettingRow {
  readonly name: string;
  readonly kinds: readonly EntryKind[];
  /** Words that are taken; `entries`: addresses of the directory, kept as entry ids, several of them. */
  readonly values: readonly string[] | "entries";
  /** For people who ask. */
  readonly summary: string;
}

/** Where the copy goes of what others send in a mailbox's name: their program's doing, or the mailbox's Sent Items. */
export type SentCopies = "sender" | "shared" | "both";

/** Who of the owner and the delegates gets meeting requests. [MS-OXODLGT] 2.2.2.2 */
export type MeetingMessages = "owner" | "delegates" | "both";

const groups: readonly EntryKind[] = ["group"];

export const settingRows = [
  { name: "sent-copies", kinds: mailboxKinds, values: ["sender", "shared", "both"],
    summary: "where the copy goes of what others send in this mailbox's name" },
  { name: "meeting-messages", kinds: mailboxKinds, values: ["owner", "delegates", "both"],
    summary: "who gets meeting requests: the owner, the delegates or both" },
  { name: "senders", kinds: groups, values: ["everyone", "inside", "members"],
    summary: "who may write to the group: everyone, people of this server, members" },
  { name: "accept-from", kinds: groups, values: "entries", summary: "only these may write to the group" },
  { name: "hidden-members", kinds: groups, values: ["on", "off"], summary: "whether the members are shown to nobody" },
] as const satisfies readonly SettingRow[];
export type SettingName = (typeof settingRows)[number]["name"];

export function settingNamed(name: string): SettingRow | undefined {
  return settingRows.find((row) => row.name === name.toLowerCase());
}

/** Throws Fault `invalidArgument` for a value that is none, or a setting that such an entry does not have. */
export function checkSetting(row: SettingRow, entry: Pick<Entry, "address" | "kind">, values: readonly string[]): void {
  if (!row.kinds.includes(entry.kind)) {
    throw new Fault("invalidArgument", `${entry.address} is a ${entry.kind}; it has no setting ${row.name}.`);
  }
  if (row.values === "entries") return;
  if (values.length > 1) throw new Fault("invalidArgument", `${row.name} has one value.`);
  for (const value of values) {
    if (row.values.includes(value)) continue;
    throw new Fault("invalidArgument", `${row.name} is one of ${row.values.join(", ")}, not "${forMessage(value)}".`);
  }
}

/** Everything that is set on an entry, by name. */
export function* settingsOf(entryId: number): Work<ReadonlyMap<string, readonly string[]>> {
  const rows = yield* all<{ name: string; value: string }>(
    "SELECT name, value FROM entry_setting WHERE entry_id = $1 ORDER BY name, position", entryId);
  const found = new Map<string, string[]>();
  for (const { name, value } of rows) found.set(name, [...found.get(name) ?? [], value]);
  return found;
}

/** Who acts for somebody. */
export interface Delegate {
  readonly delegateId: number;
  readonly meetingCopies: boolean;
  readonly seesPrivate: boolean;
}

export function* delegatesOf(entryId: number): Work<Delegate[]> {
  const rows = yield* all<{ delegate_id: number; meeting_copies: number; sees_private: number }>(
    `SELECT delegate_id, meeting_copies, sees_private FROM entry_delegate WHERE entry_id = $1 ORDER BY delegate_id`,
    entryId);
  return rows.map((row) => ({
    delegateId: row.delegate_id, meetingCopies: row.meeting_copies !== 0, seesPrivate: row.sees_private !== 0,
  }));
}
