/** Changes of what can be set on an entry beside its columns, and of its delegates. */
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { forMessage } from "#directory/address.ts";
import { beginChange, lockDirectory, requireEntry, touchEntry } from "#directory/changes.ts";
import type { By } from "#directory/changes.ts";
import { mailboxKinds } from "#directory/kinds.ts";
import type { Entry } from "#directory/reads.ts";
import { checkSetting, settingNamed } from "#directory/settings.ts";
import { procedure } from "#store/api.ts";
import type { Transaction } from "#store/api.ts";
import { run } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

export interface SettingChange {
  readonly name: string;
  readonly values: readonly string[];
}

/** Part of changing an entry; no value takes the setting away. */
export function* putSetting(entry: Entry, change: SettingChange): Work<void> {
  const row = settingNamed(change.name);
  if (row === undefined) throw new Fault("invalidArgument", `There is no setting "${forMessage(change.name)}".`);
  checkSetting(row, entry, change.values);
  if (change.values.length > limits.settingValuesMax) {
    throw new Fault("tooMany", `${row.name} takes at most ${limits.settingValuesMax} values.`);
  }
  const values: string[] = [];
  for (const value of change.values) {
    values.push(row.values === "entries" ? String((yield* requireEntry(value)).entryId) : value);
  }
  yield* run("DELETE FROM entry_setting WHERE entry_id = $1 AND name = $2", entry.entryId, row.name);
  for (const [position, value] of values.entries()) {
    yield* run("INSERT INTO entry_setting (entry_id, name, position, value) VALUES ($1, $2, $3, $4)",
      entry.entryId, row.name, position, value);
  }
}

export interface DelegateArgs extends By {
  /** Whoever is acted for. */
  readonly address: string;
  readonly delegate: string;
  /** null takes the delegate away. */
  readonly as: { readonly meetingCopies: boolean; readonly seesPrivate: boolean } | null;
}

/** What only delegates have; their rights on folders stand in the mailbox. [MS-OXODLGT] 2.2.2.2 */
export const setDelegate = procedure({
  name: "directory.setDelegate",
  *run(tx: Transaction, args: DelegateArgs): Work<void> {
    yield* lockDirectory();
    const entry = yield* requireEntry(args.address, mailboxKinds);
    const delegate = yield* requireEntry(args.delegate, ["user", "group"]);
    if (entry.entryId === delegate.entryId) throw new Fault("notAllowed", "Nobody is a delegate of themselves.");
    const action = args.as === null ? "delegate-remove" : "delegate-set";
    const detail = args.as === null ? delegate.address : `${delegate.address} ${JSON.stringify(args.as)}`;
    const cn = yield* beginChange(tx, args, action, entry.address, detail);
    if (args.as === null) {
      const removed = yield* run("DELETE FROM entry_delegate WHERE entry_id = $1 AND delegate_id = $2",
        entry.entryId, delegate.entryId);
      if (removed === 0) throw new Fault("notFound", `${delegate.address} is no delegate of ${entry.address}.`);
    } else {
      yield* run(
        `INSERT INTO entry_delegate (entry_id, delegate_id, meeting_copies, sees_private) VALUES ($1, $2, $3, $4)
         ON CONFLICT (entry_id, delegate_id) DO UPDATE SET meeting_copies = excluded.meeting_copies,
           sees_private = excluded.sees_private`,
        entry.entryId, delegate.entryId, args.as.meetingCopies ? 1 : 0, args.as.seesPrivate ? 1 : 0);
    }
    yield* touchEntry(entry.entryId, cn);
  },
});
