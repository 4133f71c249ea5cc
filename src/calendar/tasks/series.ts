/** Recurring tasks: which day the next one is on. [MS-OXOTASK] 2.2.2.2.15, 3.1.4 */
import { Fault, WireError } from "#base/fault.ts";
import { decodeTaskRecurrence, encodeTaskRecurrence, endTypes } from "#calendar/recurrence/blob.ts";
import type { RecurrencePattern } from "#calendar/recurrence/blob.ts";
import { recurrenceOfPattern } from "#calendar/recurrence/from-blob.ts";
import { lengthOf, sequenceOf } from "#calendar/recurrence/sequence.ts";
import type { Recurrence } from "#calendar/recurrence/model.ts";
import {
  civilFromDays, dayOfLocal, daysFromCivil, daysInMonth, minutesPerDay, monthIndexOfDays, monthOfMonthIndex,
  yearOfMonthIndex,
} from "#calendar/zones/dates.ts";
import type { LocalMinutes } from "#calendar/zones/dates.ts";
import { getProperty } from "#convert/item.ts";
import type { ItemObject } from "#convert/item.ts";
import { properties } from "#props/registry.ts";

export interface TaskSeries {
  readonly pattern: RecurrencePattern;
  readonly recurrence: Recurrence;
  /** The next one is that long after this one is done. [MS-OXOCAL] 2.2.1.44.1 SlidingFlag */
  readonly regenerates: boolean;
}

/** The series of a task; undefined when it has none that can be told. [MS-OXOTASK] 2.2.2.2.15 */
export function taskSeriesOf(item: ItemObject): TaskSeries | undefined {
  const blob = getProperty(item, properties.PidLidTaskRecurrence);
  if (blob === undefined || getProperty(item, properties.PidLidTaskFRecurring) === false) return undefined;
  try {
    const pattern = decodeTaskRecurrence(blob);
    const recurrence = recurrenceOfPattern(pattern);
    // Throws for months of a calendar that is kept only.
    sequenceOf(recurrence, dayOfLocal(recurrence.start));
    return { pattern, recurrence, regenerates: pattern.slidingFlag !== 0 };
  } catch (error) {
    if (error instanceof WireError || error instanceof Fault) return undefined;
    throw error;
  }
}

export interface NextTask {
  /** Midnight of its day. */
  readonly date: LocalMinutes;
  readonly isLast: boolean;
  /** PidLidTaskRecurrence of it. */
  readonly blob: Uint8Array;
}

/** As many days, weeks or months on; a month too short has its last day. */
function daysOn(day: number, { pattern, interval }: Recurrence): number {
  if (pattern.kind === "daily") return day + interval;
  if (pattern.kind === "weekly") return day + 7 * interval;
  const month = monthIndexOfDays(day) + interval;
  const [year, inYear] = [yearOfMonthIndex(month), monthOfMonthIndex(month)];
  return daysFromCivil(year, inYear, Math.min(civilFromDays(day).day, daysInMonth(year, inYear)));
}

/** How far a deleted occurrence is looked past, once each. */
function nextInPattern(series: TaskSeries, current: LocalMinutes): NextTask | undefined {
  const { recurrence, pattern } = series;
  const sequence = sequenceOf(recurrence, dayOfLocal(recurrence.start));
  const length = lengthOf(sequence, recurrence.end);
  const deleted = new Set(recurrence.deleted.map(dayOfLocal));
  const after = (index: number): number | undefined => {
    for (let at = index; at < length; at++) if (!deleted.has(sequence.dayAt(at))) return at;
    return undefined;
  };
  const next = after(sequence.indexFrom(dayOfLocal(current) + 1));
  if (next === undefined) return undefined;
  const date = sequence.dayAt(next) * minutesPerDay;
  return { date, isLast: after(next + 1) === undefined, blob: encodeTaskRecurrence(pattern) };
}

/** A regenerating series begins anew with each task, and counts down. */
function nextAfterDone(series: TaskSeries, doneDate: LocalMinutes): NextTask | undefined {
  const { recurrence, pattern } = series;
  const date = daysOn(dayOfLocal(doneDate), recurrence) * minutesPerDay;
  const isCounted = pattern.endType === endTypes.count;
  const left = pattern.occurrenceCount - 1;
  if (isCounted && left < 1) return undefined;
  const { end } = recurrence;
  if (end.kind === "date" && date > end.lastDate) return undefined;
  const written = { ...pattern, startDate: date, occurrenceCount: isCounted ? left : pattern.occurrenceCount };
  return { date, isLast: isCounted && left === 1, blob: encodeTaskRecurrence(written) };
}

/**
 * The task after the one of day `current` that was done on day `doneDate`; undefined when it was the last.
 * [MS-OXOTASK] 3.1.4
 */
export function nextTask(series: TaskSeries, current: LocalMinutes, doneDate: LocalMinutes): NextTask | undefined {
  return series.regenerates ? nextAfterDone(series, doneDate) : nextInPattern(series, current);
}
