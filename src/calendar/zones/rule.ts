/**
 * Zones told the Windows way: a bias, and two dates of the year on which clocks change. Such a rule is made into a
 * {@link Zone}, and found for a year of any zone whose changes it can tell. [MS-OXOCAL] 2.2.1.39
 */
import {
  civilFromDays, daysFromCivil, daysInMonth, epochOffsetMs, localToMs, minutesPerDay, nthWeekdayOfMonth, weekdayOfDays,
} from "#calendar/zones/dates.ts";
import type { SystemTime, TimeZoneStruct } from "#calendar/zones/tables.ts";
import { Zone, yearOfChanges } from "#calendar/zones/zone.ts";
import type { ZoneChange, ZoneYear } from "#calendar/zones/zone.ts";

/** Without dates (`month` 0) the bias alone holds all year. */
export type ZoneRule = Pick<TimeZoneStruct, "bias" | "standardBias" | "daylightBias" | "standardDate" | "daylightDate">;

/** A rule and the local year from which on it holds; of several the latest does. */
export interface DatedRule {
  readonly fromYear: number;
  readonly rule: ZoneRule;
}

export const noDate: SystemTime = {
  year: 0, month: 0, dayOfWeek: 0, day: 0, hour: 0, minute: 0, second: 0, milliseconds: 0,
};

/** A rule for a zone that keeps one offset, minutes east of UTC. */
export function fixedRule(offsetMinutes: number): ZoneRule {
  return { bias: 0 - offsetMinutes, standardBias: 0, daylightBias: 0, standardDate: noDate, daylightDate: noDate };
}

/** Both dates can be dates. Others than these come from broken writers, and the bias alone is taken. */
function hasDates(rule: ZoneRule): boolean {
  const { standardDate, daylightDate } = rule;
  return isDate(standardDate) && isDate(daylightDate);
}

function isDate(date: SystemTime): boolean {
  if (date.month < 1 || date.month > 12 || date.hour > 24 || date.minute > 59) return false;
  return date.year !== 0 ? date.day >= 1 && date.day <= 31 : date.day >= 1 && date.day <= 5 && date.dayOfWeek <= 6;
}

/** Wall clock of a date in a local year, milliseconds as if in UTC; undefined when the date is of another year. */
function dateInYear(date: SystemTime, year: number): number | undefined {
  if (date.year !== 0 && date.year !== year) return undefined;
  const day = date.year !== 0 ? Math.min(date.day, daysInMonth(year, date.month))
    : nthWeekdayOfMonth(year, date.month, 1 << date.dayOfWeek, date.day);
  const midnightMs = localToMs(daysFromCivil(year, date.month, day) * minutesPerDay);
  const milliseconds = ((date.hour * 60 + date.minute) * 60 + date.second) * 1000 + date.milliseconds;
  // Windows writes the end of a day as its last millisecond.
  return midnightMs + (milliseconds % 1000 === 999 ? milliseconds + 1 : milliseconds);
}

interface LocalYear {
  /** Offset at the first instant of the local year, minutes. */
  readonly first: number;
  /** In order; `at` on the wall clock, milliseconds. */
  readonly changes: readonly { at: number; offset: number }[];
}

function localYear(rule: ZoneRule, year: number): LocalYear {
  if (!hasDates(rule)) return { first: -rule.bias, changes: [] };
  const standard = -(rule.bias + rule.standardBias);
  const daylight = -(rule.bias + rule.daylightBias);
  const toStandard = dateInYear(rule.standardDate, year);
  const toDaylight = dateInYear(rule.daylightDate, year);
  const changes: { at: number; offset: number }[] = [];
  if (toStandard !== undefined) changes.push({ at: toStandard, offset: standard });
  if (toDaylight !== undefined) changes.push({ at: toDaylight, offset: daylight });
  changes.sort((one, other) => one.at - other.at);
  const yearStart = localToMs(daysFromCivil(year, 1, 1) * minutesPerDay);
  let first = changes.length === 2 && changes[0]!.offset === standard ? daylight : standard;
  while (changes.length > 0 && changes[0]!.at <= yearStart) first = changes.shift()!.offset;
  return { first, changes };
}

function ruleIn(rules: readonly DatedRule[], year: number): ZoneRule {
  let found = rules[0]!;
  for (const dated of rules) if (dated.fromYear <= year && dated.fromYear >= found.fromYear) found = dated;
  return found.rule;
}

function yearOfRules(rules: readonly DatedRule[], year: number): ZoneYear {
  let offset = localYear(ruleIn(rules, year - 2), year - 2).first;
  const firstOffset = offset;
  const changes: ZoneChange[] = [];
  for (let local = year - 2; local <= year + 1; local++) {
    const { first, changes: dates } = localYear(ruleIn(rules, local), local);
    const newYear = localToMs(daysFromCivil(local, 1, 1) * minutesPerDay);
    for (const { at, offset: next } of [{ at: newYear, offset: first }, ...dates]) {
      if (next !== offset) changes.push({ atMs: at - offset * 60_000, offsetMs: next * 60_000 });
      offset = next;
    }
  }
  changes.sort((one, other) => one.atMs - other.atMs);
  return yearOfChanges(year, firstOffset * 60_000, changes);
}

/** A zone of dated rules, at least one. The first holds for all years before it too. [MS-OXOCAL] 2.2.1.41 */
export function zoneOfRules(name: string, rules: readonly DatedRule[]): Zone {
  if (rules.length === 0) throw new Error("a zone of rules has one at least");
  const sorted = [...rules].sort((one, other) => one.fromYear - other.fromYear);
  return new Zone(name, (year) => yearOfRules(sorted, year));
}

/** Why no rule tells the changes of a year. */
export type Misfit = "moreThanTwoChanges" | "twoChangesOneWay" | "partOfMinute";

export type FoundRule =
  | { readonly fits: true; readonly rule: ZoneRule }
  | { readonly fits: false; readonly why: Misfit };

export interface WallChange {
  /** Wall clock before the change, milliseconds as if in UTC. */
  readonly at: number;
  /** Minutes. */
  readonly before: number;
  readonly after: number;
}

const dayMs = 86_400_000;

/** The changes of a local year, by the wall clock before each: one at midnight between two years is of the later. */
export function wallChangesOfYear(zone: Zone, year: number): { first: number; changes: WallChange[] } {
  const yearStart = localToMs(daysFromCivil(year, 1, 1) * minutesPerDay);
  const yearEnd = localToMs(daysFromCivil(year + 1, 1, 1) * minutesPerDay);
  let first = zone.offsetAt(yearStart - 2 * dayMs) / 60_000;
  let before = first;
  const changes: WallChange[] = [];
  for (const { atMs, offsetMs } of zone.changesBetween(yearStart - 2 * dayMs, yearEnd + 2 * dayMs)) {
    const at = atMs + before * 60_000;
    const after = offsetMs / 60_000;
    if (at >= yearEnd) break;
    if (at >= yearStart) changes.push({ at, before, after });
    else first = after;
    before = after;
  }
  return { first, changes };
}

/** The same with a change in the very first moment already made. */
function wallChanges(zone: Zone, year: number): { first: number; changes: WallChange[] } {
  const { first, changes } = wallChangesOfYear(zone, year);
  const yearStart = localToMs(daysFromCivil(year, 1, 1) * minutesPerDay);
  if (changes[0]?.at !== yearStart) return { first, changes };
  return { first: changes[0].after, changes: changes.slice(1) };
}

const yearsLookedAhead = 12;

/** Ways to tell a wall clock time as a date of every year. */
function datesFor(at: number): SystemTime[] {
  const dates: SystemTime[] = [];
  const addDates = (dayNumber: number, timeMs: number): void => {
    const { year, month, day } = civilFromDays(dayNumber);
    const time = {
      hour: Math.floor(timeMs / 3_600_000), minute: Math.floor(timeMs / 60_000) % 60,
      second: Math.floor(timeMs / 1000) % 60, milliseconds: timeMs % 1000,
    };
    const base = { year: 0, month, dayOfWeek: weekdayOfDays(dayNumber), ...time };
    if (day <= 28) dates.push({ ...base, day: Math.ceil(day / 7) });
    if (day + 7 > daysInMonth(year, month)) dates.push({ ...base, day: 5 });
  };
  const days = Math.floor((at + epochOffsetMs) / dayMs);
  const timeMs = at + epochOffsetMs - days * dayMs;
  addDates(days, timeMs);
  if (timeMs === 0) addDates(days - 1, dayMs - 1);
  return dates;
}

/** The date that also tells the most of the following years. */
function bestDate(zone: Zone, year: number, index: number, at: number): SystemTime {
  let best: SystemTime | undefined;
  let bestYears = -1;
  for (const date of datesFor(at)) {
    let years = 0;
    while (years < yearsLookedAhead) {
      const { changes } = wallChanges(zone, year + years + 1);
      if (changes.length !== 2 || changes[index]!.at !== dateInYear(date, year + years + 1)) break;
      years++;
    }
    if (years > bestYears) [best, bestYears] = [date, years];
  }
  return best!;
}

const january: SystemTime = { ...noDate, month: 1, day: 1 };

/** New Year of one year as a date of every year: the n-th of its weekday, which is the first. */
function newYearDate(year: number): SystemTime {
  return { ...january, dayOfWeek: weekdayOfDays(daysFromCivil(year, 1, 1)) };
}

/**
 * The rule that tells a zone's changes in a local year, the greater offset called daylight time; where several would,
 * the one that holds longest from then on. A single change is told, as Windows does, by a second one at New Year.
 */
export function ruleOfYear(zone: Zone, year: number): FoundRule {
  const { first, changes } = wallChanges(zone, year);
  const offsets = [first, ...changes.map(({ after }) => after)];
  if (offsets.some((offset) => !Number.isInteger(offset))) return { fits: false, why: "partOfMinute" };
  if (changes.length === 0) return { fits: true, rule: fixedRule(first) };
  if (changes.length > 2) return { fits: false, why: "moreThanTwoChanges" };
  const [one, two] = [changes[0]!, changes[1]];
  if (two !== undefined && two.after !== one.before) return { fits: false, why: "twoChangesOneWay" };
  const standard = Math.min(one.before, one.after);
  const daylight = Math.max(one.before, one.after);
  const oneDate = two === undefined ? datesFor(one.at)[0]! : bestDate(zone, year, 0, one.at);
  const otherDate = two === undefined ? newYearDate(year) : bestDate(zone, year, 1, two.at);
  const isSpringFirst = one.after === daylight;
  return {
    fits: true,
    rule: {
      bias: 0 - standard, standardBias: 0, daylightBias: standard - daylight,
      standardDate: isSpringFirst ? otherDate : oneDate, daylightDate: isSpringFirst ? oneDate : otherDate,
    },
  };
}

/** Whether two zones change alike in a local year. */
export function sameInYear(one: Zone, other: Zone, year: number): boolean {
  return signatureOfYear(one, year) === signatureOfYear(other, year);
}

/** What tells the changes of a local year of one zone from another's. */
export function signatureOfYear(zone: Zone, year: number): string {
  const { first, changes } = wallChanges(zone, year);
  return `${first};${changes.map(({ at, after }) => `${at}>${after}`).join(";")}`;
}

export interface RuleHistory {
  readonly rules: readonly DatedRule[];
  /** Years that no rule tells; the rule before them stands in. */
  readonly misfits: readonly { readonly year: number; readonly why: Misfit }[];
}

/** The rules of a zone from a local year to another, each as long as it holds. [MS-OXOCAL] 2.2.1.41 */
export function ruleHistory(zone: Zone, fromYear: number, toYear: number): RuleHistory {
  const rules: DatedRule[] = [];
  const misfits: { year: number; why: Misfit }[] = [];
  let current: Zone | undefined;
  for (let year = fromYear; year <= toYear; year++) {
    if (current !== undefined && sameInYear(zone, current, year)) continue;
    const found = ruleOfYear(zone, year);
    if (found.fits) {
      rules.push({ fromYear: year, rule: found.rule });
      current = zoneOfRules(zone.name, [rules.at(-1)!]);
    } else {
      misfits.push({ year, why: found.why });
      if (rules.length === 0) {
        rules.push({ fromYear: year, rule: fixedRule(Math.round(wallChanges(zone, year).first)) });
      }
      current = undefined;
    }
  }
  return { rules, misfits };
}

/** The struct of PidLidTimeZoneStruct for a rule. [MS-OXOCAL] 2.2.1.39 */
export function structOfRule(rule: ZoneRule): TimeZoneStruct {
  const { bias, standardBias, daylightBias, standardDate, daylightDate } = rule;
  return {
    bias, standardBias, daylightBias, standardYear: standardDate.year, standardDate,
    daylightYear: daylightDate.year, daylightDate,
  };
}
