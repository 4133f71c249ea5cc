/** VTIMEZONE read into a zone: its STANDARD and DAYLIGHT parts tell when the offset changes. RFC 5545 §3.6.5 */
import { limits } from "#base/limits.ts";
import { WireError } from "#base/fault.ts";
import {
  civilFromDays, dayOfLocal, daysFromCivil, daysInMonth, localToMs, midnightOf, minutesPerDay, msToLocal,
  weekdayOfDays,
} from "#calendar/zones/dates.ts";
import { parseRule, parseRuleTime } from "#calendar/zones/rule-text.ts";
import type { Rule } from "#calendar/zones/rule-text.ts";
import { Zone, yearOfChanges } from "#calendar/zones/zone.ts";
import type { ZoneChange, ZoneYear } from "#calendar/zones/zone.ts";
import { splitContentLine } from "#format/content-lines.ts";
import type { ContentLine } from "#format/content-lines.ts";

/** One STANDARD or DAYLIGHT part. Wall clock times are milliseconds as if in UTC, before the change. */
interface Observance {
  readonly offsetFromMs: number;
  readonly offsetToMs: number;
  readonly startMs: number;
  /** DTSTART, RDATEs and what a counted rule gives, in order. */
  readonly dates: readonly number[];
  readonly rule: Rule | undefined;
}

const yearsLookedBack = 8;
const countedYearsMax = 200;

function offsetOf(text: string): number {
  const match = /^([+-]?)(\d{2}):?(\d{2}):?(\d{2})?$/.exec(text.trim());
  if (match === null) throw new WireError(`"${text.slice(0, 40)}" is no UTC offset`, 0);
  const [hours, minutes, seconds] = [Number(match[2]), Number(match[3]), Number(match[4] ?? 0)];
  if (hours > 23 || minutes > 59 || seconds > 59) throw new WireError(`"${text}" is no UTC offset there is`, 0);
  return (match[1] === "-" ? -1000 : 1000) * (hours * 3600 + minutes * 60 + seconds);
}

const yearOfLocalMs = (localMs: number): number => civilFromDays(dayOfLocal(msToLocal(localMs))).year;

function checkRule(rule: Rule): void {
  const { frequency } = rule;
  const isYearly = frequency === "YEARLY" || (frequency === "MONTHLY" && rule.byMonth.length > 0);
  const hasNthOfYear = rule.byMonth.length === 0 && rule.byDay.some(({ nth }) => nth !== 0);
  if (!isYearly || hasNthOfYear || rule.byWeekNumber.length > 0 || rule.byYearDay.length > 0) {
    throw new WireError("a zone changes by a rule that names no day of the year", 0);
  }
}

function isRuleDay(rule: Rule, year: number, month: number, day: number, weekday: number): boolean {
  const length = daysInMonth(year, month);
  const fitsDay = rule.byMonthDay.length === 0 ||
    rule.byMonthDay.some((wanted) => (wanted > 0 ? wanted === day : length + 1 + wanted === day));
  const fitsWeekday = rule.byDay.length === 0 || rule.byDay.some((wanted) => {
    if (wanted.weekday !== weekday) return false;
    if (wanted.nth === 0) return true;
    return wanted.nth > 0 ? wanted.nth === Math.ceil(day / 7) : -wanted.nth === Math.ceil((length + 1 - day) / 7);
  });
  return fitsDay && fitsWeekday;
}

/** Wall clock times of a rule in a year, in order. */
function ruleDates({ startMs, offsetFromMs }: Observance, rule: Rule, year: number): number[] {
  const start = msToLocal(startMs);
  const startDate = civilFromDays(dayOfLocal(start));
  if (year < startDate.year) return [];
  if (rule.frequency === "YEARLY" && (year - startDate.year) % rule.interval !== 0) return [];
  const startMinute = start - midnightOf(start);
  const minute = (rule.byHour[0] ?? Math.floor(startMinute / 60)) * 60 + (rule.byMinute[0] ?? startMinute % 60);
  const secondsMs = startMs - localToMs(start);
  if (rule.until !== undefined && year > yearOfLocalMs(rule.until.localMs) + 1) return [];
  const hasDays = rule.byDay.length > 0 || rule.byMonthDay.length > 0;
  const months = rule.byMonth.length > 0 ? rule.byMonth.filter((month) => month <= 12) : [startDate.month];
  let found: number[] = [];
  for (const month of [...months].sort((one, other) => one - other)) {
    const first = daysFromCivil(year, month, 1);
    for (let day = 1; day <= daysInMonth(year, month); day++) {
      const fits = hasDays ? isRuleDay(rule, year, month, day, weekdayOfDays(first + day - 1)) : day === startDate.day;
      if (fits) found.push(localToMs((first + day - 1) * minutesPerDay + minute) + secondsMs);
    }
  }
  if (rule.bySetPosition.length > 0) {
    const { length } = found;
    const wanted = rule.bySetPosition.map((position) => (position > 0 ? position - 1 : length + position));
    found = found.filter((_, index) => wanted.includes(index));
  }
  const { until } = rule;
  if (until === undefined) return found.filter((localMs) => localMs >= startMs);
  const latestMs = until.localMs + (until.isUtc ? offsetFromMs : 0) + (until.isDate ? 86_399_999 : 0);
  return found.filter((localMs) => localMs >= startMs && localMs <= latestMs);
}

function observanceOf(lines: readonly ContentLine[]): Observance {
  const values = (name: string): string[] => lines.filter((line) => line.name === name).map(({ value }) => value);
  const one = (name: string): string => {
    const [value] = values(name);
    if (value === undefined) throw new WireError(`${name} is missing in a part of a VTIMEZONE`, 0);
    return value;
  };
  const startMs = parseRuleTime(one("DTSTART").trim()).localMs;
  const offsetFromMs = offsetOf(one("TZOFFSETFROM"));
  const dates = [startMs];
  for (const value of values("RDATE")) {
    for (const text of value.split(",")) {
      const time = parseRuleTime(text.split("/")[0]!.trim());
      dates.push(time.localMs + (time.isUtc ? offsetFromMs : 0));
      if (dates.length > limits.vtimezoneDatesMax) throw new WireError("a VTIMEZONE has too many dates", 0);
    }
  }
  const [ruleText] = values("RRULE");
  const base = { offsetFromMs, offsetToMs: offsetOf(one("TZOFFSETTO")), startMs };
  const rule = ruleText === undefined ? undefined : parseRule(ruleText);
  if (rule === undefined) return { ...base, dates: sorted(dates), rule };
  checkRule(rule);
  if (rule.count === undefined) return { ...base, dates: sorted(dates), rule };
  const first = yearOfLocalMs(startMs);
  let left = rule.count;
  for (let year = first; left > 0 && year < first + countedYearsMax; year++) {
    for (const localMs of ruleDates({ ...base, dates: [], rule }, rule, year)) if (left-- > 0) dates.push(localMs);
  }
  return { ...base, dates: sorted(dates), rule: undefined };
}

const sorted = (dates: readonly number[]): number[] => [...new Set(dates)].sort((one, other) => one - other);

/** The last change of a part before a local year; undefined when it has none. */
function latestBefore(observance: Observance, year: number): number | undefined {
  let latest = observance.dates.findLast((localMs) => yearOfLocalMs(localMs) < year);
  const { rule } = observance;
  if (rule === undefined) return latest;
  const lastYear = Math.min(year - 1, rule.until === undefined ? year - 1 : yearOfLocalMs(rule.until.localMs) + 1);
  const yearsBack = yearsLookedBack * Math.min(rule.interval, 50);
  const firstYear = Math.max(yearOfLocalMs(observance.startMs), lastYear - yearsBack);
  for (let at = lastYear; at >= firstYear; at--) {
    const found = ruleDates(observance, rule, at).at(-1);
    if (found === undefined) continue;
    if (latest === undefined || found > latest) latest = found;
    break;
  }
  return latest;
}

function yearOf(observances: readonly Observance[], year: number): ZoneYear {
  const changes: ZoneChange[] = [];
  const add = (localMs: number, { offsetFromMs, offsetToMs }: Observance): void => {
    changes.push({ atMs: localMs - offsetFromMs, offsetMs: offsetToMs });
  };
  for (const observance of observances) {
    const before = latestBefore(observance, year - 1);
    if (before !== undefined) add(before, observance);
    for (const localMs of observance.dates) {
      if (Math.abs(yearOfLocalMs(localMs) - year) <= 1) add(localMs, observance);
    }
    if (observance.rule === undefined) continue;
    for (let at = year - 1; at <= year + 1; at++) {
      for (const localMs of ruleDates(observance, observance.rule, at)) add(localMs, observance);
    }
  }
  changes.sort((one, other) => one.atMs - other.atMs);
  return yearOfChanges(year, observances[0]!.offsetFromMs, changes);
}

export interface ReadVtimezone {
  readonly id: string;
  /** Where the writer says which zone it is. RFC 7808 §7.2, X-LIC-LOCATION, X-MICROSOFT-CDO-TZID */
  readonly otherIds: readonly string[];
  readonly zone: Zone;
}

const otherIdNames = new Set(["TZID-ALIAS-OF", "X-LIC-LOCATION", "X-WR-TIMEZONE"]);

/**
 * A VTIMEZONE from its unfolded lines, BEGIN and END included. Throws WireError when it tells no offset or a rule that
 * no zone could have. RFC 5545 §3.6.5
 */
export function readVtimezone(lines: readonly string[]): ReadVtimezone {
  if (lines.length > limits.vtimezoneLinesMax) throw new WireError(`a VTIMEZONE of ${lines.length} lines`, 0);
  let id = "";
  const otherIds: string[] = [];
  const observances: Observance[] = [];
  let part: ContentLine[] | undefined;
  let datesLeft: number = limits.vtimezoneDatesMax;
  for (const text of lines) {
    if (text.trim() === "") continue;
    const line = splitContentLine(text);
    const value = line.value.trim().toUpperCase();
    if (line.name === "BEGIN" && value !== "VTIMEZONE") {
      part = [];
    } else if (line.name === "END" && value !== "VTIMEZONE") {
      if (part !== undefined && (value === "STANDARD" || value === "DAYLIGHT")) {
        const observance = observanceOf(part);
        observances.push(observance);
        datesLeft -= observance.dates.length;
      }
      if (observances.length > limits.vtimezonePartsMax) throw new WireError("a VTIMEZONE has too many parts", 0);
      if (datesLeft < 0) throw new WireError("a VTIMEZONE has too many dates", 0);
      part = undefined;
    } else if (part !== undefined) {
      part.push(line);
    } else if (line.name === "TZID") {
      id = line.value.trim();
    } else if (otherIdNames.has(line.name)) {
      otherIds.push(line.value.trim());
    }
  }
  if (observances.length === 0) throw new WireError("a VTIMEZONE tells no offset", 0);
  observances.sort((one, other) => one.startMs - other.startMs);
  return { id, otherIds, zone: new Zone(id, (year) => yearOf(observances, year)) };
}
