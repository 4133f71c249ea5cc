/**
 * The days of a pattern as numbers: which day the n-th occurrence is, and which occurrence is the first on or after a
 * day. Both are arithmetic, so that a window a thousand years away costs what the first one does.
 */
import { Fault } from "#base/fault.ts";
import {
  dayOfLocal, daysFromCivil, daysInMonth, minutesPerDay, monthIndexOfDays, monthOfMonthIndex, nthWeekdayOfMonth,
  weekdayOfDays, yearOfMonthIndex,
} from "#calendar/zones/dates.ts";
import { isExpandable } from "#calendar/recurrence/model.ts";
import type { Pattern, Recurrence, SeriesEnd, WeekdayMask } from "#calendar/recurrence/model.ts";

/** Days of a series, counted from 0 at its first occurrence; days are since 1601-01-01. */
export interface Sequence {
  dayAt(index: number): number;
  /** The first occurrence on or after a day; 0 before the series. */
  indexFrom(day: number): number;
}

function dailySequence(firstDay: number, interval: number): Sequence {
  return {
    dayAt: (index) => firstDay + index * interval,
    indexFrom: (day) => Math.max(0, Math.ceil((day - firstDay) / interval)),
  };
}

/** Days from the first day of a week to those in the mask, in order. */
function daysOfWeek(mask: WeekdayMask, firstDayOfWeek: number): number[] {
  return [0, 1, 2, 3, 4, 5, 6].filter((offset) => (mask >> ((firstDayOfWeek + offset) % 7)) & 1);
}

function weeklySequence(startDay: number, interval: number, mask: WeekdayMask, firstDayOfWeek: number): Sequence {
  const days = daysOfWeek(mask, firstDayOfWeek);
  const perWeek = days.length;
  const firstWeek = startDay - ((weekdayOfDays(startDay) - firstDayOfWeek + 7) % 7);
  const step = interval * 7;
  /** Counted from the first week's first day in the mask. */
  const rawIndexFrom = (day: number): number => {
    const weeks = Math.floor((day - firstWeek) / step);
    const within = day - firstWeek - weeks * step;
    let passed = 0;
    while (passed < perWeek && days[passed]! < within) passed++;
    return weeks * perWeek + passed;
  };
  const skipped = rawIndexFrom(startDay);
  return {
    dayAt: (index) => {
      const raw = index + skipped;
      const weeks = Math.floor(raw / perWeek);
      return firstWeek + weeks * step + days[raw - weeks * perWeek]!;
    },
    indexFrom: (day) => Math.max(0, rawIndexFrom(day) - skipped),
  };
}

type DayOfMonth = (year: number, month: number) => number;

function monthlySequence(startDay: number, interval: number, dayOfMonth: DayOfMonth): Sequence {
  const dayIn = (monthIndex: number): number => {
    const [year, month] = [yearOfMonthIndex(monthIndex), monthOfMonthIndex(monthIndex)];
    return daysFromCivil(year, month, dayOfMonth(year, month));
  };
  let firstMonth = monthIndexOfDays(startDay);
  if (dayIn(firstMonth) < startDay) firstMonth += interval;
  return {
    dayAt: (index) => dayIn(firstMonth + index * interval),
    indexFrom: (day) => {
      const index = Math.floor((monthIndexOfDays(day) - firstMonth) / interval);
      if (index < 0) return 0;
      return dayIn(firstMonth + index * interval) < day ? index + 1 : index;
    },
  };
}

function dayOfMonthFor(pattern: Pattern & { kind: "monthly" | "monthlyNth" | "monthEnd" }): DayOfMonth {
  if (pattern.kind === "monthEnd") return daysInMonth;
  if (pattern.kind === "monthly") return (year, month) => Math.min(pattern.day, daysInMonth(year, month));
  return (year, month) => nthWeekdayOfMonth(year, month, pattern.weekdays, pattern.nth);
}

/**
 * The days of a pattern from `startDay` on, whose week or month is the first one that counts. Throws Fault
 * `notSupported` for months of a calendar that is kept only. [MS-OXOCAL] 2.2.1.44.1.2
 */
export function sequenceOf(
  series: Pick<Recurrence, "pattern" | "calendarType" | "interval" | "firstDayOfWeek">, startDay: number,
): Sequence {
  const { pattern, interval, firstDayOfWeek } = series;
  if (!isExpandable(series) || pattern.kind === "foreign") {
    throw new Fault("notSupported", `the occurrences of calendar ${series.calendarType} cannot be told`);
  }
  const mask = pattern.kind === "weekly" || pattern.kind === "monthlyNth" ? pattern.weekdays & 0x7f : 1;
  if (!Number.isInteger(interval) || interval < 1 || mask === 0) {
    throw new Fault("invalidArgument", "a series without days");
  }
  if (pattern.kind === "daily") return dailySequence(startDay, interval);
  if (pattern.kind === "weekly") return weeklySequence(startDay, interval, pattern.weekdays, firstDayOfWeek);
  return monthlySequence(startDay, interval, dayOfMonthFor(pattern));
}

/** How many occurrences the pattern gives before its end; Infinity without one. */
export function lengthOf(sequence: Sequence, end: SeriesEnd): number {
  if (end.kind === "never") return Number.POSITIVE_INFINITY;
  if (end.kind === "count") return end.count;
  return sequence.indexFrom(dayOfLocal(end.lastDate) + 1);
}

/** Midnight of the day of an occurrence. */
export const dateAt = (sequence: Sequence, index: number): number => sequence.dayAt(index) * minutesPerDay;
