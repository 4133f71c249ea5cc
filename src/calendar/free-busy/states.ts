/** How somebody is at a time, and which of two states counts where both hold. */

/**
 * In the order in which one hides another: the later one counts. `busyStatus` is PidLidBusyStatus where there is one.
 * [MS-OXOCAL] 2.2.1.2, [MS-OXWSCDATA] LegacyFreeBusyType
 */
export const freeBusyStates = [
  { state: "free", ews: "Free", ical: "FREE", busyStatus: 0 },
  { state: "workingElsewhere", ews: "WorkingElsewhere", ical: "FREE", busyStatus: 4 },
  { state: "tentative", ews: "Tentative", ical: "BUSY-TENTATIVE", busyStatus: 1 },
  { state: "busy", ews: "Busy", ical: "BUSY", busyStatus: 2 },
  { state: "outOfOffice", ews: "OOF", ical: "BUSY-UNAVAILABLE", busyStatus: 3 },
  { state: "noData", ews: "NoData", ical: "", busyStatus: -1 },
] as const;

export type FreeBusyState = (typeof freeBusyStates)[number]["state"];

const rows = new Map(freeBusyStates.map((row, rank) => [row.state as FreeBusyState, { ...row, rank }]));
const byBusyStatus = new Map(freeBusyStates.map(({ busyStatus, state }) => [busyStatus as number, state]));

export const freeBusyRow = (state: FreeBusyState): (typeof freeBusyStates)[number] & { readonly rank: number } =>
  rows.get(state)!;

/** Greater ranks count. */
export const rankOf = (state: FreeBusyState): number => rows.get(state)!.rank;

export const stateOfRank = (rank: number): FreeBusyState => freeBusyStates[rank]!.state;

/** What is no status counts as busy. [MS-OXOCAL] 2.2.1.2 */
export const stateOfBusyStatus = (busyStatus: number): FreeBusyState => byBusyStatus.get(busyStatus) ?? "busy";

/** Whether somebody in that state cannot come: who works elsewhere can, and of one without data nobody knows. */
export const isConflict = (state: FreeBusyState): boolean =>
  state === "tentative" || state === "busy" || state === "outOfOffice";
