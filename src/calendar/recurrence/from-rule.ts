/** RRULE, EXDATE and RDATE as a series of Exchange, or the reason why they are none. RFC 5545 §3.8.5 */
import { WireError } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import {
  civilFromDays, dayOfLocal, daysFromCivil, midnightOf, minutesPerDay, monthIndexOfDays, monthOfMonthIndex,
  yearOfMonthIndex,
} from "#calendar/zones/dates.ts";
import type { LocalMinutes } from "#calendar/zones/dates.ts";
import { Series } from "#calendar/recurrence/expand.ts";
import type { Modified, Recurrence, SeriesEnd } from "#calendar/recurrence/model.ts";
import { patternOfRule, refusalReasons, RuleRefusal } from "#calendar/recurrence/rule-pattern.ts";
import type { RefusalReason, RulePattern } from "#calendar/recurrence/rule-pattern.ts";
import { parseRule } from "#calendar/zones/rule-text.ts";
import type { Rule, RuleTime } from "#calendar/zones/rule-text.ts";
import { sequenceOf } from "#calendar/recurrence/sequence.ts";
import type { Sequence } from "#calendar/recurrence/sequence.ts";
import type { Zone } from "#calendar/zones/zone.ts";

export interface RuleSource {
  /** Values of RRULE; more than one is refused. */
  readonly rules: readonly string[];
  /** Values of EXRULE, which RFC 5545 left behind. */
  readonly exclusionRules?: readonly string[];
  readonly excluded?: readonly RuleTime[];
  readonly extra?: readonly { readonly start: RuleTime; readonly end?: RuleTime | undefined }[];
  /** DTSTART on the wall clock of `zone`. */
  readonly start: LocalMinutes;
  readonly durationMinutes: number;
  readonly zone: Zone;
}

/** What a series of Exchange says otherwise than the rule it came from. */
export type Difference =
  /** Months without the day have it on their last day, where the rule leaves them out. */
  | "shortMonths"
  /** DTSTART is no day of the rule: the series begins on the first that is. */
  | "startNotInRule"
  /** No pattern has the rule: a series of the same dates stands for it. */
  | "ruleAsDates"
  /** Such a series, for some of the years alone. */
  | "partOfRule"
  /** Of several occurrences on one day the first is told. */
  | "severalPerDay"
  /** Nobody here can count the rule: what is told is its first date, and the dates beside it. */
  | "ruleNotRead";

export type RuleResult =
  | { readonly kind: "mapped"; readonly recurrence: Recurrence; readonly differences: readonly Difference[] }
  | { readonly kind: "refused"; readonly reason: RefusalReason; readonly detail: string };

/** Occurrences looked at to leave out short months of a series that ends. */
const shortMonthsMax = 5000;

/** The day to count from: DTSTART's, or the first of the first month that counts. */
function anchorOf({ firstMonth }: RulePattern, startDay: number): number {
  if (firstMonth === monthIndexOfDays(startDay)) return startDay;
  return daysFromCivil(yearOfMonthIndex(firstMonth), monthOfMonthIndex(firstMonth), 1);
}

function endOf(rule: Rule, minuteOfDay: number, zone: Zone): SeriesEnd {
  if (rule.count !== undefined) return { kind: "count", count: rule.count };
  const { until } = rule;
  if (until === undefined) return { kind: "never" };
  if (until.isDate) return { kind: "date", lastDate: until.local };
  const local = until.isUtc ? zone.toLocal(until.localMs) : until.local;
  const date = midnightOf(local);
  const isPast = until.isUtc ? zone.toUtc(date + minuteOfDay) > until.localMs : date + minuteOfDay > local;
  return { kind: "date", lastDate: isPast ? date - minutesPerDay : date };
}

interface Counted {
  readonly firstIndex: number;
  readonly end: SeriesEnd;
  /** Days that the pattern has and the rule has not. */
  readonly left: readonly number[];
  readonly isExact: boolean;
}

/** Takes out the months that are too short for the day, as far as the series ends. */
function withoutShortMonths(sequence: Sequence, day: number, from: number, end: SeriesEnd): Counted {
  const isReal = (index: number): boolean => civilFromDays(sequence.dayAt(index)).day === day;
  let firstIndex = from;
  while (!isReal(firstIndex)) {
    if (++firstIndex - from > 100) throw new RuleRefusal("noOccurrences");
  }
  if (end.kind === "never") {
    // A leap day may be eight years away; months are told apart within that.
    const isExact = Array.from({ length: 12 * 8 }, (_, index) => isReal(firstIndex + index)).every(Boolean);
    return { firstIndex, end, left: [], isExact };
  }
  const left: number[] = [];
  let reals = 0;
  for (let index = firstIndex; index - firstIndex <= shortMonthsMax; index++) {
    const at = sequence.dayAt(index);
    if (end.kind === "date" && at * minutesPerDay > end.lastDate) return { firstIndex, end, left, isExact: true };
    if (isReal(index)) reals++;
    else left.push(at);
    if (end.kind === "count" && reals === end.count) {
      return { firstIndex, end: { kind: "count", count: index - firstIndex + 1 }, left, isExact: true };
    }
  }
  return { firstIndex, end, left: [], isExact: false };
}

function countedOf(
  rule: Rule, { pattern }: RulePattern, sequence: Sequence, firstIndex: number, end: SeriesEnd,
): Counted {
  const plain = { firstIndex, end, left: [], isExact: true };
  const isByDate = rule.byMonthDay.length <= 1 && rule.byMonthDay[0] !== -1 && rule.byDay.length === 0;
  if (pattern.kind !== "monthly" || pattern.day <= 28 || !isByDate) return plain;
  if (rule.skip === "FORWARD") throw new RuleRefusal("skipForward");
  return rule.skip === "BACKWARD" ? plain : withoutShortMonths(sequence, pattern.day, firstIndex, end);
}

interface Dates {
  readonly deleted: LocalMinutes[];
  readonly modified: Modified[];
}

/** The original start of the occurrence that a date of EXDATE or RDATE names. */
function occurrenceAt(series: Series, time: RuleTime): LocalMinutes | undefined {
  const minuteOfDay = series.recurrence.start - midnightOf(series.recurrence.start);
  if (!time.isUtc) {
    const original = time.isDate ? time.local + minuteOfDay : time.local;
    return series.indexOf(original) === undefined ? undefined : original;
  }
  // A skipped wall clock time comes back from UTC as a later one, so the instants are compared.
  const day = dayOfLocal(series.zone.toLocal(time.localMs));
  for (const near of [day, day - 1, day + 1]) {
    const original = near * minutesPerDay + minuteOfDay;
    const isSame = Math.abs(series.zone.toUtc(original) - time.localMs) < 60_000;
    if (isSame && series.indexOf(original) !== undefined) return original;
  }
  return undefined;
}

const wallClock = (time: RuleTime, zone: Zone): LocalMinutes => (time.isUtc ? zone.toLocal(time.localMs) : time.local);

/**
 * Dates beside the rule take the places of those left out, as a moved occurrence is nothing else; there are no others
 * in Exchange. RFC 5545 §3.8.5.2
 */
function datesOf(series: Series, source: RuleSource, left: readonly LocalMinutes[]): Dates {
  const { excluded = [], extra = [], zone } = source;
  if (excluded.length + extra.length + left.length > limits.recurrenceExceptionsMax) {
    throw new RuleRefusal("tooManyExceptions");
  }
  const free = new Set(left);
  const deleted = new Set<LocalMinutes>();
  for (const time of excluded) {
    const original = occurrenceAt(series, time);
    if (original !== undefined && !free.has(original)) deleted.add(original);
  }
  let nextPlace = 0;
  const places = [...deleted].sort((one, other) => one - other);
  const modified: Modified[] = [];
  const minuteOfDay = source.start - midnightOf(source.start);
  const starts = extra.map(({ start, end }) => {
    const at = wallClock(start, zone) + (start.isDate ? minuteOfDay : 0);
    return { start, at, until: end === undefined ? at + source.durationMinutes : Math.max(at, wallClock(end, zone)) };
  });
  const seen = new Set<LocalMinutes>();
  for (const { start, at, until } of starts.sort((one, other) => one.at - other.at)) {
    const known = occurrenceAt(series, start);
    const isThere = known !== undefined && !deleted.has(known) && !free.has(known);
    if (isThere || seen.has(at)) continue;
    seen.add(at);
    const original = places[nextPlace++];
    if (original === undefined) throw new RuleRefusal("extraDates");
    deleted.delete(original);
    modified.push({ original, start: at, end: until, overrides: {} });
  }
  return { deleted: [...deleted, ...free].sort((one, other) => one - other), modified };
}

function map(source: RuleSource): RuleResult {
  const { start, durationMinutes, zone, rules } = source;
  if ((source.exclusionRules ?? []).length > 0) throw new RuleRefusal("exclusionRule");
  if (rules.length !== 1) throw new RuleRefusal(rules.length === 0 ? "extraDates" : "severalRules");
  if (start < 0) throw new RuleRefusal("startTooEarly");
  const rule = parseRule(rules[0]!);
  const startDay = dayOfLocal(start);
  const found = patternOfRule(rule, startDay);
  const minute = start - midnightOf(start);
  const minuteOfDay = (rule.byHour[0] ?? Math.floor(minute / 60)) * 60 + (rule.byMinute[0] ?? minute % 60);
  const { pattern, interval, frequency } = found;
  const base = { pattern, interval, frequency, calendarType: 0, firstDayOfWeek: rule.weekStart };
  const sequence = sequenceOf(base, anchorOf(found, startDay));
  const isEarlier = sequence.dayAt(0) * minutesPerDay + minuteOfDay < start;
  const counted = countedOf(rule, found, sequence, isEarlier ? 1 : 0, endOf(rule, minuteOfDay, zone));
  const first = sequence.dayAt(counted.firstIndex) * minutesPerDay + minuteOfDay;
  if (counted.end.kind === "date" && midnightOf(first) > counted.end.lastDate) throw new RuleRefusal("noOccurrences");
  const plain: Recurrence = { ...base, start: first, durationMinutes, end: counted.end, deleted: [], modified: [] };
  const left = counted.left.map((day) => day * minutesPerDay + minuteOfDay);
  const differences: Difference[] = [];
  if (!counted.isExact) differences.push("shortMonths");
  if (first !== start) differences.push("startNotInRule");
  return { kind: "mapped", recurrence: { ...plain, ...datesOf(new Series(plain, zone), source, left) }, differences };
}

/**
 * The series that a rule and its dates mean. What Exchange cannot say is refused by name, and the little it says
 * otherwise is told beside it; dates left out that the rule does not have are ignored. RFC 5545 §3.8.5, [MS-OXCICAL]
 * 2.1.3.2.2
 */
export function recurrenceOfRule(source: RuleSource): RuleResult {
  try {
    return map(source);
  } catch (error) {
    if (error instanceof RuleRefusal) {
      return { kind: "refused", reason: error.reason, detail: refusalReasons[error.reason] };
    }
    if (error instanceof WireError) return { kind: "refused", reason: "malformed", detail: error.message };
    throw error;
  }
}
