/** Which items may remind at all, and which of them do now. [MS-OXORMDR] 3.1.4, [MS-OXOSFLD] 3.1 */

/** Roles of folders whose items remind nobody, and neither do those of folders below them. */
export const silentFolderRoles = [
  "deletedItems", "junkEmail", "drafts", "outbox", "conflicts", "localFailures", "serverFailures",
] as const;

const silent: ReadonlySet<string> = new Set(silentFolderRoles);

export interface ReminderCandidate {
  /** Roles of its folder and of those above it; null for a folder without one. */
  readonly folderRoles: readonly (string | null)[];
  /** PidTagMessageClass */
  readonly messageClass: string;
  /** PidTagMessageFlags has mfSubmitted (4). */
  readonly isSubmitted: boolean;
  /** PidLidReminderSet */
  readonly reminderSet: boolean;
  /** PidLidRecurring: the reminder of a series may be an occurrence's own. */
  readonly isRecurring: boolean;
}

/** The Reminders search folder has it. [MS-OXOSFLD] 3.1 */
export function isReminderCandidate(candidate: ReminderCandidate): boolean {
  const { folderRoles, messageClass, isSubmitted, reminderSet, isRecurring } = candidate;
  if (!reminderSet && !isRecurring) return false;
  if (isSubmitted || /^ipm\.schedule/i.test(messageClass)) return false;
  return !folderRoles.some((role) => role !== null && silent.has(role));
}

export interface QueuedReminder {
  readonly isSet: boolean;
  readonly signalUtcMs: number;
}

export interface ReminderQueue<T> {
  /** Overdue, latest signal first, as a reminder window shows them. */
  readonly active: readonly T[];
  /** The instant at which the next becomes overdue; undefined when none waits. */
  readonly nextUtcMs: number | undefined;
}

/** Those that remind now, and when to look again. [MS-OXORMDR] 3.1.4 */
export function reminderQueue<T extends QueuedReminder>(reminders: Iterable<T>, nowUtcMs: number): ReminderQueue<T> {
  const active: T[] = [];
  let nextUtcMs: number | undefined;
  for (const one of reminders) {
    if (!one.isSet) continue;
    if (one.signalUtcMs <= nowUtcMs) active.push(one);
    else if (nextUtcMs === undefined || one.signalUtcMs < nextUtcMs) nextUtcMs = one.signalUtcMs;
  }
  return { active: active.sort((one, other) => other.signalUtcMs - one.signalUtcMs), nextUtcMs };
}
