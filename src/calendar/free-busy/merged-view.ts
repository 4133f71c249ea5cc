/** The merged view: one digit for each slot of a window. [MS-OXWAVLS] 3.1.4.1.3 MergedFreeBusy */
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { IntervalWalk } from "#calendar/free-busy/intervals.ts";
import type { FreeBusyInterval } from "#calendar/free-busy/intervals.ts";
import type { FreeBusyState } from "#calendar/free-busy/states.ts";
import type { Window } from "#calendar/recurrence/expand.ts";

/** Clients before Exchange 2013, and ActiveSync, know nobody who works elsewhere. [MS-ASCMD] 2.2.3.107 */
export const mergedDigits = {
  legacy: { free: "0", workingElsewhere: "0", tentative: "1", busy: "2", outOfOffice: "3", noData: "4" },
  workingElsewhere: { free: "0", workingElsewhere: "4", tentative: "1", busy: "2", outOfOffice: "3", noData: "5" },
} as const satisfies Record<string, Record<FreeBusyState, string>>;
export type MergedDigits = keyof typeof mergedDigits;

const dayMs = 86_400_000;

/** Slots are of 5 minutes to a day, 30 when nobody says. [MS-OXWAVLS] 3.1.4.1.3 MergedFreeBusyIntervalInMinutes */
export const slotMinutesDefault = 30;
export const slotMinutesMin = 5;
export const slotMinutesMax = 1440;

/** Throws Fault `invalidArgument` for a window that is none or longer than is answered. */
export function checkWindow({ fromUtcMs, toUtcMs }: Window): void {
  if (!(toUtcMs > fromUtcMs)) throw new Fault("invalidArgument", "the time window ends before it begins");
  if (toUtcMs - fromUtcMs > limits.freeBusyWindowMaxDays * dayMs) {
    throw new Fault("invalidArgument", `the time window is longer than ${limits.freeBusyWindowMaxDays} days`);
  }
}

/**
 * A slot with more than one state has the one that counts most; the last slot may reach past the window, of which only
 * what lies inside counts. Intervals are merged ones. Throws Fault `invalidArgument`.
 * [MS-OXWAVLS] 3.1.4.1.3, [MS-ASCMD] 2.2.3.107
 */
export function mergedView(
  merged: readonly FreeBusyInterval[], window: Window, slotMinutes: number, digits: MergedDigits = "workingElsewhere",
): string {
  checkWindow(window);
  if (!Number.isInteger(slotMinutes) || slotMinutes < slotMinutesMin || slotMinutes > slotMinutesMax) {
    throw new Fault("invalidArgument", `slots of ${slotMinutes} minutes: ${slotMinutesMin} to ${slotMinutesMax}`);
  }
  const slotMs = slotMinutes * 60_000;
  const walk = new IntervalWalk(merged);
  let text = "";
  for (let at = window.fromUtcMs; at < window.toUtcMs; at += slotMs) {
    text += mergedDigits[digits][walk.stateIn(at, Math.min(at + slotMs, window.toUtcMs))];
  }
  return text;
}
