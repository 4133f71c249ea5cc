/** What can be set on an entry beside its columns, one row each: the command line's name, who has it, its values. */
import { Fault } from "#base/fault.ts";
import { forMessage } from "#directory/address.ts";
import { limits } from "#base/limits.ts";
import { isLevel } from "#directory/quota.ts";
import { mailboxKinds } from "#directory/kinds.ts";
import type { EntryKind } from "#directory/kinds.ts";
import type { Entry } from "#directory/reads.ts";
import { all } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

export interface SettingRow {
  readonly name: string;
  readonly kinds: readonly EntryKind[];
  /**
   * Words that are taken; `entries`: addresses of the directory, kept as entry ids, several of them; or a form of
   * {@link settingForms}.
   */
  readonly values: readonly string[] | "entries" | SettingForm;
  /** For people who ask. */
  readonly summary: string;
}

/** Values that are no fixed words: what is taken, how many, and what is said of others. */
export const settingForms = {
  level: { is: isLevel, many: 1, wants: "a size like 4G, a part of the quota like 80%, or none" },
  size: { is: isLevel, many: 1, wants: "a size like 30G, or none" },
  days: { is: (value: string) => /^\d{1,5}$/.test(value), many: 1, wants: "a number of days" },
  text: { is: isTip, many: limits.mailTipsMax, wants: `a text of at most ${limits.mailTipMaxCharacters} characters` },
} as const;
export type SettingForm = keyof typeof settingForms;

function isTip(value: string): boolean {
  return value.length <= limits.mailTipMaxCharacters && value.isWellFormed() && !/[\0-\x08\x0b-\x1f\x7f]/.test(value);
}

/** Where the copy goes of what others send in a mailbox's name: their program's doing, or the mailbox's Sent Items. */
export type SentCopies = "sender" | "shared" | "both";

/** Who of the owner and the delegates gets meeting messages; `information`: both, the owner just to know. */
export type MeetingMessages = "owner" | "delegates" | "both" | "information";

/** Who hears when a member of a group cannot be reached: whoever wrote, whoever manages the group, nobody. */
export type GroupReports = "sender" | "owner" | "none";

/** Who hears that a moderator refused their mail. */
export type ModerationNotice = "everyone" | "inside" | "nobody";

const groups: readonly EntryKind[] = ["group"];

export const settingRows = [
  { name: "sent-copies", kinds: mailboxKinds, values: ["sender", "shared", "both"],
    summary: "where the copy goes of what others send in this mailbox's name" },
  { name: "meeting-messages", kinds: mailboxKinds, values: ["owner", "delegates", "both", "information"],
    summary: "who gets meeting messages: the owner, the delegates, both, or both and the owner for information" },
  { name: "senders", kinds: groups, values: ["everyone", "inside", "members"],
    summary: "who may write to the group: everyone, people of this server, members" },
  { name: "moderated", kinds: groups, values: ["on", "off"],
    summary: "whether mail waits until a moderator lets it pass" },
  { name: "moderators", kinds: groups, values: "entries",
    summary: "who lets mail to the group pass; whoever manages it without any" },
  { name: "moderation-bypass", kinds: groups, values: "entries", summary: "whose mail to the group need not wait" },
  { name: "moderation-notice", kinds: groups, values: ["everyone", "inside", "nobody"],
    summary: "who hears that a moderator refused their mail" },
  { name: "reports", kinds: groups, values: ["sender", "owner", "none"],
    summary: "who hears when a member cannot be reached: the sender, whoever manages the group, nobody" },
  { name: "accept-from", kinds: groups, values: "entries", summary: "only these may write to the group" },
  { name: "quota-warning", kinds: mailboxKinds, values: "level", summary: "from when on the owner is warned: 80%, 4G" },
  { name: "quota-send", kinds: mailboxKinds, values: "level", summary: "from when on the owner cannot send: 95%, 5G" },
  { name: "recoverable-quota", kinds: mailboxKinds, values: "size",
    summary: "most that removed items may take before the oldest go for good" },
  { name: "keep-deleted", kinds: mailboxKinds, values: "days",
    summary: "days for which removed items can be brought back" },
  { name: "show-recoverable", kinds: mailboxKinds, values: ["on", "off"],
    summary: "whether IMAP shows Recoverable Items, where the owner takes back what was removed" },
  { name: "pop3-marks-read", kinds: mailboxKinds, values: ["on", "off"],
    summary: "whether what a POP3 program has fetched counts as read; on unless set" },
  { name: "mail-tip", kinds: [...mailboxKinds, "group", "contact"], values: "text",
    summary: "what people read before they write to it; repeat it as LANGUAGE:TEXT for other languages" },
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
  if (typeof row.values === "string") {
    const form = settingForms[row.values];
    if (values.length > form.many) throw new Fault("invalidArgument", `${row.name} has at most ${form.many} values.`);
    const wrong = values.find((value) => !form.is(value));
    if (wrong === undefined) return;
    throw new Fault("invalidArgument", `${row.name} is ${form.wants}, not "${forMessage(wrong)}".`);
  }
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

/** Whether a group takes mail from some alone, or holds it for a moderator. */
export function isGated(settings: ReadonlyMap<string, readonly string[]>): boolean {
  const [senders = "everyone"] = settings.get("senders") ?? [];
  const [moderated = "off"] = settings.get("moderated") ?? [];
  return senders !== "everyone" || moderated === "on" || (settings.get("accept-from") ?? []).length > 0;
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
