/**
 * Local times as the recurrence structures count them: minutes since 1601-01-01 00:00 of some zone's wall clock, in
 * the proleptic Gregorian calendar, and days since that date. [MS-OXOCAL] 2.2.1.44.1
 */

/** Minutes since 1601-01-01 00:00 on the wall clock of the zone at hand. */
export type LocalMinutes = number;

export const minutesPerDay = 1440;
/** Milliseconds from 1601-01-01 to 1970-01-01. */
export const epochOffsetMs = 11_644_473_600_000;
/** Days from 0000-03-01 to 1601-01-01. */
const daysToReference = 584_694;
const daysPerEra = 146_097;

export interface CivilDate {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  /** 1 to 31. */
  readonly day: number;
}

/** Days from 1601-01-01 to a date; the day may lie outside its month and counts on. */
export function daysFromCivil(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * daysPerEra + dayOfEra - daysToReference;
}

/** The date that many days after 1601-01-01. */
export function civilFromDays(days: number): CivilDate {
  const shifted = days + daysToReference;
  const era = Math.floor(shifted / daysPerEra);
  const dayOfEra = shifted - era * daysPerEra;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month,
    day: dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1,
  };
}

const monthLengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

export function daysInMonth(year: number, month: number): number {
  if (month === 2 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)) return 29;
  return monthLengths[month - 1]!;
}

/** 0 is Sunday. 1601-01-01 was a Monday. */
export function weekdayOfDays(days: number): number {
  return (((days + 1) % 7) + 7) % 7;
}

export const dayOfLocal = (local: LocalMinutes): number => Math.floor(local / minutesPerDay);
export const midnightOf = (local: LocalMinutes): LocalMinutes => dayOfLocal(local) * minutesPerDay;

/** A wall clock time from its numbers. */
export function localFrom(year: number, month: number, day: number, hour = 0, minute = 0): LocalMinutes {
  return daysFromCivil(year, month, day) * minutesPerDay + hour * 60 + minute;
}

/** Months from 1601-01 to the month of a day. */
export function monthIndexOfDays(days: number): number {
  const { year, month } = civilFromDays(days);
  return (year - 1601) * 12 + month - 1;
}

export const yearOfMonthIndex = (monthIndex: number): number => 1601 + Math.floor(monthIndex / 12);
export const monthOfMonthIndex = (monthIndex: number): number => (((monthIndex % 12) + 12) % 12) + 1;

/** The wall clock as milliseconds since 1970, as if it ran in UTC. */
export const localToMs = (local: LocalMinutes): number => local * 60_000 - epochOffsetMs;
/** The same backwards; seconds are dropped. */
export const msToLocal = (ms: number): LocalMinutes => Math.floor((ms + epochOffsetMs) / 60_000);

/** The year of an instant in UTC. */
export function yearOfMs(ms: number): number {
  return civilFromDays(Math.floor((ms + epochOffsetMs) / 86_400_000)).year;
}

/** 1 January 00:00 UTC of a year, milliseconds since 1970. */
export const msOfYear = (year: number): number => daysFromCivil(year, 1, 1) * 86_400_000 - epochOffsetMs;

/** The day of a month that is the `nth` (1 to 4, 5 the last) of those whose weekday is in `mask` (Sunday is bit 0). */
export function nthWeekdayOfMonth(year: number, month: number, mask: number, nth: number): number {
  const first = daysFromCivil(year, month, 1);
  const length = daysInMonth(year, month);
  const firstWeekday = weekdayOfDays(first);
  if (nth >= 5) {
    for (let day = length; day > length - 7; day--) if ((mask >> ((firstWeekday + day - 1) % 7)) & 1) return day;
    return length;
  }
  let left = nth;
  for (let day = 1; day <= length; day++) if ((mask >> ((firstWeekday + day - 1) % 7)) & 1 && --left === 0) return day;
  return length;
}

/** Local time as text for messages, `2026-11-23 10:00`. */
export function localText(local: LocalMinutes): string {
  const { year, month, day } = civilFromDays(dayOfLocal(local));
  const minute = local - midnightOf(local);
  const two = (value: number): string => String(value).padStart(2, "0");
  const date = `${String(year).padStart(4, "0")}-${two(month)}-${two(day)}`;
  return `${date} ${two(Math.floor(minute / 60))}:${two(minute % 60)}`;
}
