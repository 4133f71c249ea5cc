/**
 * The dates that any rule gives, whatever Exchange has patterns for: one period after the other, days first, then times
 * of the day. Counting in other calendars is by Temporal. RFC 5545 §3.3.10, RFC 7529 §4
 */
import { limits } from "#base/limits.ts";
import {
  civilFromDays, dayOfLocal, daysFromCivil, daysInMonth, midnightOf, minutesPerDay, monthIndexOfDays,
  monthOfMonthIndex, weekdayOfDays, yearOfMonthIndex,
} from "#calendar/zones/dates.ts";
import type { LocalMinutes } from "#calendar/zones/dates.ts";
import { RuleRefusal } from "#calendar/recurrence/rule-pattern.ts";
import { scaledDays } from "#calendar/recurrence/rule-scale.ts";
import type { Rule } from "#calendar/zones/rule-text.ts";
import type { Zone } from "#calendar/zones/zone.ts";

/** Work of looking at periods, shared by the rules of one series. */
export class Budget {
  #left: number;

  constructor(periods: number = limits.recurrencePeriodsMax) {
    this.#left = periods;
  }

  /** False when nothing is left. */
  take(cost: number): boolean {
    this.#left -= cost;
    return this.#left >= 0;
  }
}

/** Days from 1601-01-01, sorted, each once. */
type Days = number[];

const sorted = (days: Iterable<number>): Days => [...new Set(days)].sort((one, other) => one - other);

const hasWeekday = (rule: Rule, day: number): boolean =>
  rule.byDay.length === 0 || rule.byDay.some(({ weekday }) => weekday === weekdayOfDays(day));

const isInMonths = (rule: Rule, day: number): boolean =>
  rule.byMonth.length === 0 || rule.byMonth.includes(civilFromDays(day).month);

function isMonthDay(rule: Rule, day: number): boolean {
  if (rule.byMonthDay.length === 0) return true;
  const { year, month, day: date } = civilFromDays(day);
  return rule.byMonthDay.includes(date) || rule.byMonthDay.includes(date - daysInMonth(year, month) - 1);
}

function isYearDay(rule: Rule, day: number): boolean {
  if (rule.byYearDay.length === 0) return true;
  const { year } = civilFromDays(day);
  const [first, next] = [daysFromCivil(year, 1, 1), daysFromCivil(year + 1, 1, 1)];
  return rule.byYearDay.includes(day - first + 1) || rule.byYearDay.includes(day - next);
}

/** What the smaller parts of a rule leave of a day. RFC 5545 §3.3.10 (table) */
const isLeft = (rule: Rule, day: number): boolean =>
  isInMonths(rule, day) && isMonthDay(rule, day) && isYearDay(rule, day) && hasWeekday(rule, day);

/** A date of a month, by what the rule says of months that do not have it. RFC 7529 §4.1 */
function dateIn(year: number, month: number, date: number, skip: Rule["skip"]): number | undefined {
  const length = daysInMonth(year, month);
  const first = daysFromCivil(year, month, 1);
  if (date < 0) return -date <= length ? first + length + date : undefined;
  if (date <= length) return first + date - 1;
  return skip === "BACKWARD" ? first + length - 1 : skip === "FORWARD" ? first + length : undefined;
}

/** Weekdays of a stretch, those with a number counted in it. */
function weekdaysIn(rule: Rule, first: number, length: number): Days {
  const found: number[] = [];
  for (const { nth, weekday } of rule.byDay) {
    const begin = first + ((weekday - weekdayOfDays(first) + 7) % 7);
    const count = Math.max(0, Math.floor((first + length - 1 - begin) / 7) + 1);
    if (nth === 0) for (let index = 0; index < count; index++) found.push(begin + index * 7);
    else if (Math.abs(nth) <= count) found.push(begin + (nth > 0 ? nth - 1 : count + nth) * 7);
  }
  return found;
}

/** The days of one month. */
function daysOfMonth(rule: Rule, year: number, month: number, startDate: number): Days {
  const byDay = rule.byDay.length === 0 ? undefined
    : weekdaysIn(rule, daysFromCivil(year, month, 1), daysInMonth(year, month));
  if (rule.byMonthDay.length === 0 && byDay !== undefined) return byDay;
  const dates = rule.byMonthDay.length === 0 ? [startDate] : rule.byMonthDay;
  const found = dates.map((date) => dateIn(year, month, date, rule.skip)).filter((day) => day !== undefined);
  return byDay === undefined ? found : found.filter((day) => byDay.includes(day));
}

/** First day of the first week of a year: the first that has four days in it. RFC 5545 §3.3.10 BYWEEKNO */
function firstWeekOf(year: number, weekStart: number): number {
  const fourth = daysFromCivil(year, 1, 4);
  return fourth - ((weekdayOfDays(fourth) - weekStart + 7) % 7);
}

function daysOfWeeks(rule: Rule, year: number, startWeekday: number): Days {
  const first = firstWeekOf(year, rule.weekStart);
  const count = (firstWeekOf(year + 1, rule.weekStart) - first) / 7;
  const found: number[] = [];
  for (const number of rule.byWeekNumber) {
    const week = number > 0 ? number - 1 : count + number;
    if (week < 0 || week >= count) continue;
    for (let day = first + week * 7; day < first + week * 7 + 7; day++) {
      if (rule.byDay.length > 0 ? hasWeekday(rule, day) : weekdayOfDays(day) === startWeekday) found.push(day);
    }
  }
  return found.filter((day) => isInMonths(rule, day) && isMonthDay(rule, day) && isYearDay(rule, day));
}

function daysOfYear(rule: Rule, year: number, start: number): Days {
  const { month: startMonth, day: startDate } = civilFromDays(start);
  const first = daysFromCivil(year, 1, 1);
  const length = daysFromCivil(year + 1, 1, 1) - first;
  if (rule.byYearDay.length > 0) {
    const days = rule.byYearDay.filter((day) => Math.abs(day) <= length)
      .map((day) => (day > 0 ? first + day - 1 : first + length + day));
    const weeks = rule.byWeekNumber.length === 0 ? undefined
      : daysOfWeeks({ ...rule, byDay: [0, 1, 2, 3, 4, 5, 6].map((weekday) => ({ nth: 0, weekday })) }, year, 0);
    return days.filter((day) => isInMonths(rule, day) && isMonthDay(rule, day) && hasWeekday(rule, day) &&
      (weeks === undefined || weeks.includes(day)));
  }
  if (rule.byWeekNumber.length > 0) return daysOfWeeks(rule, year, weekdayOfDays(start));
  const isByDate = rule.byMonth.length > 0 || rule.byMonthDay.length > 0;
  if (!isByDate && rule.byDay.length > 0) return weekdaysIn(rule, first, length);
  const months = rule.byMonth.length > 0 ? rule.byMonth
    : rule.byMonthDay.length > 0 ? [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12] : [startMonth];
  return months.filter((month) => month <= 12).flatMap((month) => daysOfMonth(rule, year, month, startDate));
}

function daysOfWeek(rule: Rule, first: number, startWeekday: number): Days {
  const found: number[] = [];
  for (let day = first; day < first + 7; day++) {
    const isWanted = rule.byDay.length > 0 ? hasWeekday(rule, day) : weekdayOfDays(day) === startWeekday;
    if (isWanted && isInMonths(rule, day) && isMonthDay(rule, day) && isYearDay(rule, day)) found.push(day);
  }
  return found;
}

/** Days of the period that is so many intervals after the start's. */
function daysOfPeriod(rule: Rule, startDay: number, period: number): Days {
  const step = period * rule.interval;
  const { year, day: startDate } = civilFromDays(startDay);
  if (rule.scale !== "GREGORIAN") return sorted(scaledDays(rule, startDay, step));
  switch (rule.frequency) {
    case "YEARLY": return sorted(daysOfYear(rule, year + step, startDay));
    case "MONTHLY": {
      const index = monthIndexOfDays(startDay) + step;
      const [monthYear, month] = [yearOfMonthIndex(index), monthOfMonthIndex(index)];
      if (rule.byMonth.length > 0 && !rule.byMonth.includes(month)) return [];
      return sorted(daysOfMonth(rule, monthYear, month, startDate)).filter((day) => isYearDay(rule, day));
    }
    case "WEEKLY": {
      const week = startDay - ((weekdayOfDays(startDay) - rule.weekStart + 7) % 7);
      return daysOfWeek(rule, week + step * 7, weekdayOfDays(startDay));
    }
    default: return isLeft(rule, startDay + step) ? [startDay + step] : [];
  }
}

/** A period that surely begins before a day, to go on from. */
function periodBefore(rule: Rule, startDay: number, day: number): number {
  const days = { YEARLY: 366, MONTHLY: 31, WEEKLY: 7, DAILY: 1, HOURLY: 1, MINUTELY: 1, SECONDLY: 1 }[rule.frequency];
  return Math.max(0, Math.floor((day - startDay) / (days * rule.interval)) - 2);
}

/** Minutes of the day, sorted. */
function timesOf(rule: Rule, minuteOfDay: number): number[] {
  const hours = rule.byHour.length > 0 ? rule.byHour : [Math.floor(minuteOfDay / 60)];
  const minutes = rule.byMinute.length > 0 ? rule.byMinute : [minuteOfDay % 60];
  return sorted(hours.flatMap((hour) => minutes.map((minute) => hour * 60 + minute)));
}

/** Of a rule within a day: the minutes that one day has. Hours run on the wall clock. */
function minutesWithin(rule: Rule, start: LocalMinutes, day: number): number[] {
  const found: number[] = [];
  const isHourly = rule.frequency === "HOURLY";
  const step = isHourly ? rule.interval * 60 : rule.interval;
  const base = isHourly ? Math.floor(start / 60) * 60 : start;
  const midnight = day * minutesPerDay;
  const first = midnight + (((base - midnight) % step) + step) % step;
  for (let at = first; at < midnight + minutesPerDay; at += step) {
    const hour = Math.floor((at - midnight) / 60);
    if (rule.byHour.length > 0 && !rule.byHour.includes(hour)) continue;
    if (isHourly) {
      for (const minute of rule.byMinute.length > 0 ? rule.byMinute : [start % 60]) found.push(hour * 60 + minute);
    } else if (rule.byMinute.length === 0 || rule.byMinute.includes((at - midnight) % 60)) found.push(at - midnight);
  }
  return sorted(found);
}

/** BYSETPOS over the dates of one period. RFC 5545 §3.3.10 */
function picked(rule: Rule, dates: LocalMinutes[]): LocalMinutes[] {
  if (rule.bySetPosition.length === 0) return dates;
  return sorted(rule.bySetPosition.map((position) => dates[position > 0 ? position - 1 : dates.length + position])
    .filter((date) => date !== undefined));
}

function isPastUntil({ until }: Rule, date: LocalMinutes, zone: Zone): boolean {
  if (until === undefined) return false;
  if (until.isDate) return midnightOf(date) > until.local;
  return until.isUtc ? zone.toUtc(date) > until.localMs : date > until.local;
}

/** Other calendars are counted by a slow library, minutes one by one. */
function costOf(rule: Rule): number {
  if (rule.scale !== "GREGORIAN") return 60;
  if (rule.frequency === "MINUTELY") return 6 + Math.floor(100 / rule.interval);
  if (rule.frequency === "HOURLY") return 6;
  return rule.frequency === "YEARLY" ? 4 + Math.floor((rule.byDay.length * 53 + rule.byWeekNumber.length * 7) / 8) : 1;
}

const withinDay = new Set(["HOURLY", "MINUTELY"]);
const lastDay = daysFromCivil(4500, 1, 1);

/**
 * Dates of a rule from `start` on, earliest first, those before `from` left out. Ends with the rule, the year 4500, or
 * the budget. Throws {@link RuleRefusal} for seconds, and for a calendar that nobody here counts. RFC 5545 §3.3.10
 */
export function* datesOfRule(
  rule: Rule, start: LocalMinutes, zone: Zone, from: LocalMinutes, budget: Budget,
): Generator<LocalMinutes, undefined> {
  const isWithin = withinDay.has(rule.frequency);
  if (rule.frequency === "SECONDLY" || rule.bySecond.length > 1) throw new RuleRefusal("subDaily");
  if (isWithin && rule.bySetPosition.length > 0) throw new RuleRefusal("position");
  const startDay = dayOfLocal(start);
  const daily: Rule = isWithin ? { ...rule, frequency: "DAILY", interval: 1 } : rule;
  const times = timesOf(rule, start - midnightOf(start));
  let left = rule.count ?? Number.POSITIVE_INFINITY;
  // The last week of a year may end in the next one.
  const earliest = rule.frequency === "YEARLY" && rule.byWeekNumber.length > 0 && rule.interval === 1 ? -1 : 0;
  const first = rule.count === undefined && rule.scale === "GREGORIAN"
    ? periodBefore(daily, startDay, dayOfLocal(from)) + earliest : earliest;
  const cost = costOf(rule);
  for (let period = first; budget.take(cost); period++) {
    const days = daysOfPeriod(daily, startDay, period);
    const all = days.flatMap((day) => (isWithin ? minutesWithin(rule, start, day) : times)
      .map((at) => day * minutesPerDay + at));
    const dates = isWithin ? all : picked(rule, all);
    for (const date of dates) {
      if (date < start) continue;
      if (isPastUntil(rule, date, zone) || left-- <= 0 || date >= lastDay * minutesPerDay) return undefined;
      if (date >= from) yield date;
    }
    if (isPeriodPast(daily, startDay, period, zone)) return undefined;
  }
  return undefined;
}

/** Whether a period without dates is after the end. */
function isPeriodPast(rule: Rule, startDay: number, period: number, zone: Zone): boolean {
  const days = { YEARLY: 365, MONTHLY: 28, WEEKLY: 7, DAILY: 1, HOURLY: 1, MINUTELY: 1, SECONDLY: 1 }[rule.frequency];
  // A year and a bit before, since the start may be late in its own period, and other calendars are shorter.
  const about = startDay + Math.floor(period * rule.interval * days * 0.96) - 400;
  return about > lastDay || (about > startDay && isPastUntil(rule, about * minutesPerDay, zone));
}
