/** States in time as FREEBUSY periods. RFC 5545 §3.2.9 */
import { mergeIntervals } from "#calendar/free-busy/intervals.ts";
import type { FreeBusyInterval } from "#calendar/free-busy/intervals.ts";
import { freeBusyRow } from "#calendar/free-busy/states.ts";
import type { FreeBusyState } from "#calendar/free-busy/states.ts";
import type { FreeBusyPeriod, FreeBusyType } from "#convert/ical/free-busy.ts";

/** For those who know it: the period is told as free to all others. [MS-OXCICAL] 2.1.3.1.1.20.31 */
const workingElsewhereName = "WORKINGELSEWHERE";

/** Free times and those that nothing is known of have no period. RFC 5545 §3.6.4 */
export function periodsOfIntervals(merged: readonly FreeBusyInterval[]): FreeBusyPeriod[] {
  const told = merged.filter(({ state }) => state !== "free" && state !== "noData");
  return told.map(({ startUtcMs, endUtcMs, state }) => ({
    startUtcMs, endUtcMs, type: freeBusyRow(state).ical as FreeBusyType,
    busyStatus: state === "workingElsewhere" ? workingElsewhereName : "",
  }));
}

const states: Readonly<Record<FreeBusyType, FreeBusyState>> = {
  "FREE": "free", "BUSY": "busy", "BUSY-UNAVAILABLE": "outOfOffice", "BUSY-TENTATIVE": "tentative",
};

/** Merged. RFC 5545 §3.2.9 */
export function intervalsOfPeriods(periods: readonly FreeBusyPeriod[]): FreeBusyInterval[] {
  return mergeIntervals(periods.map(({ startUtcMs, endUtcMs, type, busyStatus }) => ({
    startUtcMs, endUtcMs,
    state: type === "FREE" && busyStatus === workingElsewhereName ? "workingElsewhere" : states[type],
  })));
}
