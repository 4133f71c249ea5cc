/** When somebody works: the days and hours of a week on the wall clock of a zone. */
import { limits } from "#base/limits.ts";
import { Fault } from "#base/fault.ts";
import type { Window } from "#calendar/recurrence/expand.ts";
import { dayOfLocal, minutesPerDay, weekdayOfDays } from "#calendar/zones/dates.ts";
import type { Zone } from "#calendar/zones/zone.ts";

export interface WorkingHours {
  /** Bit 0 is Sunday. */
  readonly days: number;
  /** Minutes from midnight on the wall clock; an end not after the start is on the next day. */
  readonly startMinute: number;
  readonly endMinute: number;
  readonly zone: Zone;
  /** What the zone is called where it is kept: a Windows id, as a rule. */
  readonly zoneName: string;
}

export interface UtcInterval {
  readonly startUtcMs: number;
  readonly endUtcMs: number;
}

/** Minutes from the first to the last of a working day; a whole day when both are the same. */
const lengthOf = ({ startMinute, endMinute }: WorkingHours): number =>
  endMinute > startMinute ? endMinute - startMinute : endMinute - startMinute + minutesPerDay;

/** The working times that touch a window, in order. Throws Fault `tooMany` for one of more days than are looked at. */
export function workingIntervals(hours: WorkingHours, { fromUtcMs, toUtcMs }: Window): UtcInterval[] {
  const { zone, days, startMinute } = hours;
  const length = lengthOf(hours);
  const firstDay = dayOfLocal(zone.toLocal(fromUtcMs)) - 2;
  const lastDay = dayOfLocal(zone.toLocal(toUtcMs)) + 1;
  if (lastDay - firstDay > limits.calendarInstancesMax) throw new Fault("tooMany", "too many working days");
  const found: UtcInterval[] = [];
  for (let day = firstDay; day <= lastDay; day++) {
    if (((days >> weekdayOfDays(day)) & 1) === 0) continue;
    const startUtcMs = zone.toUtc(day * minutesPerDay + startMinute);
    const endUtcMs = zone.toUtc(day * minutesPerDay + startMinute + length);
    if (startUtcMs >= toUtcMs || endUtcMs <= fromUtcMs) continue;
    const last = found.at(-1);
    if (last !== undefined && last.endUtcMs >= startUtcMs) {
      found[found.length - 1] = { startUtcMs: last.startUtcMs, endUtcMs: Math.max(last.endUtcMs, endUtcMs) };
    } else {
      found.push({ startUtcMs, endUtcMs });
    }
  }
  return found;
}

/** Whether a time lies in one stretch of working hours. */
export function isWorkTime(hours: WorkingHours, startUtcMs: number, endUtcMs: number): boolean {
  if (endUtcMs - startUtcMs > limits.freeBusyWindowMaxDays * 86_400_000) return false;
  const window = { fromUtcMs: startUtcMs, toUtcMs: Math.max(endUtcMs, startUtcMs + 1) };
  return workingIntervals(hours, window).some((one) => one.startUtcMs <= startUtcMs && one.endUtcMs >= endUtcMs);
}
