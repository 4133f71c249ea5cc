/**
 * A series for a rule that Exchange has no pattern for: the pattern with the fewest days that the rule does not have,
 * those taken out. Each occurrence keeps its own day, which names it in every message. What cannot be told so is told
 * as far as it can be: the rule itself stays beside the item. RFC 5545 §3.8.5, [MS-OXOCAL] 2.2.1.44
 */
import { WireError } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import {
  civilFromDays, dayOfLocal, daysFromCivil, midnightOf, minutesPerDay, monthIndexOfDays, weekdayOfDays,
} from "#calendar/zones/dates.ts";
import type { LocalMinutes } from "#calendar/zones/dates.ts";
import type { Modified, Pattern, Recurrence } from "#calendar/recurrence/model.ts";
import { Budget, datesOfRule } from "#calendar/recurrence/rule-expand.ts";
import { RuleRefusal } from "#calendar/recurrence/rule-pattern.ts";
import type { Difference, RuleSource } from "#calendar/recurrence/from-rule.ts";
import { sequenceOf } from "#calendar/recurrence/sequence.ts";
import { parseRule } from "#calendar/zones/rule-text.ts";
import type { Rule, RuleTime } from "#calendar/zones/rule-text.ts";

interface Dated {
  readonly start: LocalMinutes;
  readonly end: LocalMinutes;
}

/** Dates gathered for one series. More are beyond what exceptions can stand for. */
const datesMax = 6000;
/** A series without an end is told for these years at most. */
const yearsMax = 20;

export interface Cover {
  readonly recurrence: Recurrence;
  readonly differences: readonly Difference[];
}

interface Gathered {
  /** In order. */
  readonly dates: readonly Dated[];
  readonly isWhole: boolean;
  /** Nothing but the first date could be told. */
  readonly isUnread: boolean;
}

function rulesOf(texts: readonly string[]): { rules: Rule[]; isUnread: boolean } {
  const rules: Rule[] = [];
  let isUnread = false;
  for (const text of texts) {
    try {
      rules.push(parseRule(text));
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      isUnread = true;
    }
  }
  return { rules, isUnread };
}

/** Whether a date of EXDATE or RDATE is that occurrence. RFC 5545 §3.8.5.1 */
function* keysOf(time: RuleTime, { zone }: RuleSource): Generator<LocalMinutes> {
  if (!time.isUtc) yield time.local;
  else yield zone.toLocal(time.localMs);
}

interface FromRules {
  readonly starts: Set<LocalMinutes>;
  /** Nothing after it is known. */
  readonly knownTo: LocalMinutes;
  readonly isUnread: boolean;
}

function startsOf(source: RuleSource, texts: readonly string[], from: LocalMinutes, budget: Budget): FromRules {
  const { rules, isUnread: isBroken } = rulesOf(texts);
  const starts = new Set<LocalMinutes>();
  const horizon = from + yearsMax * 366 * minutesPerDay;
  let knownTo = Number.POSITIVE_INFINITY;
  let isUnread = isBroken;
  for (const rule of rules) {
    let count = 0;
    try {
      for (const date of datesOfRule(rule, source.start, source.zone, from, budget)) {
        if (date > horizon || ++count > datesMax) {
          knownTo = Math.min(knownTo, date - 1);
          break;
        }
        starts.add(date);
      }
    } catch (error) {
      if (!(error instanceof RuleRefusal)) throw error;
      isUnread = true;
    }
  }
  return { starts, knownTo, isUnread };
}

function gather(source: RuleSource, from: LocalMinutes): Gathered {
  const { start, durationMinutes, zone, rules, exclusionRules = [], excluded = [], extra = [] } = source;
  const budget = new Budget();
  const found = startsOf(source, rules, from, budget);
  const out = startsOf(source, exclusionRules, from, budget);
  const knownTo = Math.min(found.knownTo, out.knownTo);
  const minuteOfDay = start - midnightOf(start);
  const gone = new Set(out.starts);
  const goneDays = new Set<LocalMinutes>();
  for (const time of excluded) {
    if (time.isDate) goneDays.add(time.local);
    else for (const key of keysOf(time, source)) gone.add(key);
  }
  const ends = new Map<LocalMinutes, LocalMinutes>();
  for (const one of found.starts) ends.set(one, one + durationMinutes);
  // Without a rule the first date is DTSTART, and so it is where the rule says nothing. RFC 5545 §3.8.5.2
  if ((rules.length === 0 || found.starts.size === 0) && start >= from) ends.set(start, start + durationMinutes);
  for (const { start: told, end } of extra) {
    const at = (told.isUtc ? zone.toLocal(told.localMs) : told.local) + (told.isDate ? minuteOfDay : 0);
    const until = end === undefined ? at + durationMinutes : end.isUtc ? zone.toLocal(end.localMs) : end.local;
    if (at >= Math.max(0, from)) ends.set(at, Math.max(at, until));
  }
  const dates = [...ends].filter(([at]) => at <= knownTo && !gone.has(at) && !goneDays.has(midnightOf(at)))
    .map(([at, end]) => ({ start: at, end })).sort((one, other) => one.start - other.start);
  return { dates, isWhole: knownTo === Number.POSITIVE_INFINITY, isUnread: found.isUnread || out.isUnread };
}

const greatestCommon = (one: number, other: number): number => (other === 0 ? one : greatestCommon(other, one % other));

type Base = Pick<Recurrence, "frequency" | "pattern" | "interval" | "firstDayOfWeek" | "calendarType">;

const baseOf = (frequency: Recurrence["frequency"], pattern: Pattern, interval: number): Base =>
  ({ frequency, pattern, interval, firstDayOfWeek: 1, calendarType: 0 });

/** The weekdays of some weeks, the weeks a step apart. */
function weeklyBase(days: readonly number[]): Base {
  const weeks = days.map((day) => Math.floor(day / 7));
  const step = weeks.reduce((common, week) => greatestCommon(week - weeks[0]!, common), 0);
  const weekdays = days.reduce((mask, day) => mask | (1 << weekdayOfDays(day)), 0);
  return baseOf("weekly", { kind: "weekly", weekdays }, Math.max(1, step > 99 ? 1 : step));
}

/** Patterns that have all of these days, whatever others they have. */
function* basesOf(days: readonly number[]): Generator<Base> {
  const first = days[0]!;
  const step = days.reduce((common, day) => greatestCommon(day - first, common), 0);
  // Day 0 is a Monday, as weeks begin here.
  const weekly = weeklyBase(days);
  const isDaily = weekly.pattern.kind === "weekly" && weekly.pattern.weekdays === 0x7f && weekly.interval === 1;
  if (!isDaily) yield weekly;
  yield baseOf("daily", { kind: "daily" }, Math.max(1, step > 999 ? 1 : step));
  const months = days.map(monthIndexOfDays);
  const monthStep = Math.max(1, months.reduce((common, month) => greatestCommon(month - months[0]!, common), 0));
  const frequency = monthStep === 12 ? "yearly" : "monthly";
  const dates = days.map((day) => civilFromDays(day).day);
  if (dates[0]! <= 28 && dates.every((date) => date === dates[0])) {
    yield baseOf(frequency, { kind: "monthly", day: dates[0]! }, monthStep);
  }
  const nth = Math.ceil(dates[0]! / 7);
  const isNth = days.every((day, index) => weekdayOfDays(day) === weekdayOfDays(first) &&
    Math.ceil(dates[index]! / 7) === nth);
  if (isNth && nth <= 4) {
    yield baseOf(frequency, { kind: "monthlyNth", weekdays: 1 << weekdayOfDays(first), nth }, monthStep);
  }
}

interface Fit {
  readonly base: Base;
  readonly exceptions: number;
}

/** How many days of a pattern are not among those that are wanted, and not at their time. */
function bestFit(days: readonly number[], moved: number): Fit {
  let best: Fit | undefined;
  for (const base of basesOf(days)) {
    const sequence = sequenceOf(base, days[0]!);
    const exceptions = sequence.indexFrom(days.at(-1)! + 1) - days.length + moved;
    if (best === undefined || exceptions < best.exceptions) best = { base, exceptions };
  }
  return best!;
}

/** The minute of the day that most of them begin at. */
function usualMinute(dates: readonly Dated[]): number {
  const counts = new Map<number, number>();
  for (const { start } of dates) {
    const minute = start - midnightOf(start);
    counts.set(minute, (counts.get(minute) ?? 0) + 1);
  }
  return [...counts].reduce((best, one) => (one[1] > best[1] ? one : best))[0];
}

interface Told {
  readonly recurrence: Recurrence;
  readonly isCut: boolean;
  readonly isOnePerDay: boolean;
}

function tell({ dates, isWhole }: Gathered, durationMinutes: number): Told {
  const byDay = new Map<number, Dated>();
  for (const one of dates) if (!byDay.has(dayOfLocal(one.start))) byDay.set(dayOfLocal(one.start), one);
  let kept = [...byDay.values()];
  const minute = usualMinute(kept);
  const isMoved = ({ start, end }: Dated): boolean =>
    start - midnightOf(start) !== minute || end - start !== durationMinutes;
  let fit: Fit;
  for (;;) {
    fit = bestFit(kept.map(({ start }) => dayOfLocal(start)), kept.filter(isMoved).length);
    if (fit.exceptions <= limits.recurrenceCoverMax || kept.length === 1) break;
    kept = kept.slice(0, Math.max(1, Math.floor(kept.length * 0.95 * limits.recurrenceCoverMax / fit.exceptions)));
  }
  const isCut = !isWhole || kept.length < byDay.size;
  const [firstDay, lastDay] = [dayOfLocal(kept[0]!.start), dayOfLocal(kept.at(-1)!.start)];
  const sequence = sequenceOf(fit.base, firstDay);
  const length = sequence.indexFrom(lastDay + 1);
  const wanted = new Set(kept.map(({ start }) => dayOfLocal(start)));
  const deleted: LocalMinutes[] = [];
  for (let index = 0; index < length; index++) {
    const day = sequence.dayAt(index);
    if (!wanted.has(day)) deleted.push(day * minutesPerDay + minute);
  }
  const modified = kept.filter(isMoved).map(({ start, end }): Modified =>
    ({ original: midnightOf(start) + minute, start, end, overrides: {} }));
  const recurrence: Recurrence = {
    ...fit.base, start: firstDay * minutesPerDay + minute, durationMinutes, deleted, modified,
    end: { kind: "count", count: length },
  };
  return { recurrence, isCut, isOnePerDay: byDay.size === dates.length };
}

/**
 * The series that stands for what `recurrenceOfRule` refuses; undefined when it begins outside of time or tells no date
 * at all. `since` is when the rule was last said: where not all of it can be told, it is told from the year before
 * that. RFC 5545 §3.8.5
 */
export function coverOfRule(source: RuleSource, since?: LocalMinutes): Cover | undefined {
  if (source.start < 0) return undefined;
  const most = limits.recurrenceExceptionsMax;
  if ((source.excluded?.length ?? 0) + (source.extra?.length ?? 0) > most) return undefined;
  let gathered = gather(source, source.start);
  if (gathered.dates.length === 0) return undefined;
  let told = tell(gathered, source.durationMinutes);
  let isLater = false;
  const anchor = since === undefined ? source.start : daysFromCivil(
    civilFromDays(dayOfLocal(since)).year - 1, 1, 1) * minutesPerDay;
  if (told.isCut && anchor > source.start) {
    const later = gather(source, anchor);
    if (later.dates.length > 0) {
      gathered = later;
      told = tell(later, source.durationMinutes);
      isLater = true;
    }
  }
  const differences: Difference[] = [gathered.isUnread ? "ruleNotRead" : "ruleAsDates"];
  if (told.isCut || isLater) differences.push("partOfRule");
  if (!told.isOnePerDay) differences.push("severalPerDay");
  return { recurrence: told.recurrence, differences };
}
