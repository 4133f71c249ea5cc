/** A series written as RRULE and EXDATE. RFC 5545 §3.3.10, [MS-OXCICAL] 2.1.3.2.2 */
import { Fault } from "#base/fault.ts";
import {
  civilFromDays, dayOfLocal, daysInMonth, localFrom, midnightOf, minutesPerDay, msToLocal,
} from "#calendar/zones/dates.ts";
import type { LocalMinutes } from "#calendar/zones/dates.ts";
import { isExpandable } from "#calendar/recurrence/model.ts";
import type { Recurrence, WeekdayMask } from "#calendar/recurrence/model.ts";
import { dateAt, lengthOf, sequenceOf } from "#calendar/recurrence/sequence.ts";
import type { Sequence } from "#calendar/recurrence/sequence.ts";
import { formatDate, formatDateTime, weekdayNames } from "#calendar/zones/rule-text.ts";
import type { Zone } from "#calendar/zones/zone.ts";

/** How DTSTART is written: UNTIL follows it. RFC 5545 §3.3.10 */
export type RuleStyle =
  | { readonly kind: "date" }
  | { readonly kind: "floating" }
  | { readonly kind: "zoned"; readonly zone: Zone };

export interface WrittenRule {
  readonly rule: string;
  /** Original starts for EXDATE, to be written as DTSTART is. Changed occurrences are not among them. */
  readonly excluded: readonly LocalMinutes[];
  /** The rule leaves out months without the day, where the series has their last one. */
  readonly lacksShortMonths: boolean;
}

export interface RuleOptions {
  /**
   * Say "the 30th or the last day" as the last of several days, which few clients get right, instead of the plain date
   * that Exchange writes.
   */
  readonly isExact?: boolean;
}

function namesOf(mask: WeekdayMask, firstDayOfWeek = 0): string {
  return [0, 1, 2, 3, 4, 5, 6].map((offset) => (firstDayOfWeek + offset) % 7)
    .filter((weekday) => (mask >> weekday) & 1).map((weekday) => weekdayNames[weekday]!).join(",");
}

const isOneDay = (mask: WeekdayMask): boolean => (mask & (mask - 1)) === 0;

/** A date that is the last day of months too short for it. */
function dateParts(day: number, month: number | undefined, isExact: boolean): string[] {
  if (day === 31) return ["BYMONTHDAY=-1"];
  if (month !== undefined) return [`BYMONTHDAY=${month !== 2 && day <= daysInMonth(2001, month) ? day : -1}`];
  if (day <= 28 || !isExact) return [`BYMONTHDAY=${day}`];
  return [`BYMONTHDAY=${day === 29 ? "28,29" : "28,29,30"}`, "BYSETPOS=-1"];
}

function nthParts(mask: WeekdayMask, nth: number): string[] {
  const position = nth === 5 ? -1 : nth;
  return isOneDay(mask) ? [`BYDAY=${position}${namesOf(mask)}`] : [`BYDAY=${namesOf(mask)}`, `BYSETPOS=${position}`];
}

function patternParts(series: Recurrence, options: RuleOptions, onlyReal: boolean): string[] {
  const { pattern, interval, firstDayOfWeek } = series;
  const every = (count: number): string[] => (count === 1 ? [] : [`INTERVAL=${count}`]);
  if (pattern.kind === "daily") return ["FREQ=DAILY", ...every(interval)];
  if (pattern.kind === "weekly") {
    const weekStart = interval === 1 ? [] : [`WKST=${weekdayNames[firstDayOfWeek]!}`];
    return ["FREQ=WEEKLY", ...every(interval), `BYDAY=${namesOf(pattern.weekdays, firstDayOfWeek)}`, ...weekStart];
  }
  const month = interval % 12 === 0 ? civilFromDays(dayOfLocal(series.start)).month : undefined;
  const head = month === undefined ? ["FREQ=MONTHLY", ...every(interval)]
    : ["FREQ=YEARLY", ...every(interval / 12), `BYMONTH=${month}`];
  if (pattern.kind === "monthly") {
    const plain = [`BYMONTHDAY=${pattern.day}`];
    const isPlain = onlyReal || pattern.day <= 28;
    return [...head, ...(isPlain ? plain : dateParts(pattern.day, month, options.isExact === true))];
  }
  if (pattern.kind === "monthEnd") return [...head, "BYMONTHDAY=-1"];
  if (pattern.kind === "monthlyNth") return [...head, ...nthParts(pattern.weekdays, pattern.nth)];
  throw new Fault("notSupported", `a series in calendar ${series.calendarType} has no RRULE`);
}

function untilText(last: LocalMinutes, style: RuleStyle): string {
  if (style.kind === "date") return formatDate(last);
  if (style.kind === "floating") return formatDateTime(last);
  return `${formatDateTime(msToLocal(style.zone.toUtc(last)))}Z`;
}

/** Dates beyond are as good as none. [MS-OXOCAL] 2.2.1.44.1 EndDate */
const lastTold = localFrom(4500, 1, 1);

/** Occurrences looked at for months too short for their day. */
const shortMonthsMax = 5000;

/** Originals on the last day of months too short for the series' day; undefined when nobody could count them. */
function shortMonthsOf(series: Recurrence, sequence: Sequence, length: number): LocalMinutes[] | undefined {
  const { pattern, start } = series;
  if (pattern.kind !== "monthly" || pattern.day <= 28 || length > shortMonthsMax) return undefined;
  const minuteOfDay = start - midnightOf(start);
  const found: LocalMinutes[] = [];
  for (let index = 0; index < length; index++) {
    const day = sequence.dayAt(index);
    if (civilFromDays(day).day < pattern.day) found.push(day * minutesPerDay + minuteOfDay);
  }
  return found;
}

/**
 * The rule of a series; DTSTART is its `start`. Throws Fault `notSupported` for a calendar that is kept only and
 * `invalidArgument` for a series that ends before it begins. RFC 5545 §3.8.5.3
 */
export function ruleOfRecurrence(series: Recurrence, style: RuleStyle, options: RuleOptions = {}): WrittenRule {
  if (!isExpandable(series)) {
    throw new Fault("notSupported", `a series in calendar ${series.calendarType} has no RRULE`);
  }
  const { end, deleted } = series;
  const sequence = sequenceOf(series, dayOfLocal(series.start));
  const length = lengthOf(sequence, end);
  if (length < 1) throw new Fault("invalidArgument", "a series that ends before it begins");
  const short = shortMonthsOf(series, sequence, length) ?? [];
  const gone = new Set(deleted);
  // A series whose short months are all deleted is what the plain date means.
  const startsReal = !short.includes(series.start);
  const onlyReal = startsReal && short.length > 0 && short.every((original) => gone.has(original));
  const parts = patternParts(series, options, onlyReal);
  if (end.kind === "count" && !onlyReal) {
    parts.push(`COUNT=${end.count}`);
  } else if (end.kind !== "never") {
    const minuteOfDay = series.start - midnightOf(series.start);
    const last = dateAt(sequence, length - 1);
    // The day that somebody chose as the end may lie after the last occurrence.
    const chosen = end.kind === "date" && end.lastDate < lastTold ? midnightOf(end.lastDate) : last;
    parts.push(`UNTIL=${untilText(Math.max(chosen, last) + minuteOfDay, style)}`);
  }
  const isFixedMonth = series.interval % 12 === 0;
  const { pattern } = series;
  const isLossy = pattern.kind === "monthly" && (pattern.day === 29 || pattern.day === 30) && !isFixedMonth;
  const left = new Set(onlyReal ? short : []);
  return {
    rule: parts.join(";"), excluded: deleted.filter((original) => !left.has(original)),
    lacksShortMonths: isLossy && !onlyReal && options.isExact !== true,
  };
}
