/** Recurrence rules as iCalendar writes them, read into numbers and written back. RFC 5545 §3.3.10, RFC 7529 §4 */
import { limits } from "#base/limits.ts";
import { WireError } from "#base/fault.ts";
import {
  civilFromDays, dayOfLocal, daysInMonth, localFrom, localToMs, midnightOf,
} from "#calendar/zones/dates.ts";
import type { LocalMinutes } from "#calendar/zones/dates.ts";

export const ruleFrequencies = ["SECONDLY", "MINUTELY", "HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY"] as const;
export type RuleFrequency = (typeof ruleFrequencies)[number];

export const weekdayNames = ["SU", "MO", "TU", "WE", "TH", "FR", "SA"] as const;

/** A weekday of BYDAY; `nth` 0 when no number stands before it. */
export interface RuleDay {
  readonly nth: number;
  /** 0 is Sunday. */
  readonly weekday: number;
}

/** A DATE or DATE-TIME value. RFC 5545 §3.3.4, §3.3.5 */
export interface RuleTime {
  /** Wall clock, or UTC when it says so, without its seconds. */
  readonly local: LocalMinutes;
  /** The same with its seconds, milliseconds as if in UTC. */
  readonly localMs: number;
  readonly isUtc: boolean;
  readonly isDate: boolean;
}

export interface Rule {
  readonly frequency: RuleFrequency;
  readonly interval: number;
  readonly count: number | undefined;
  readonly until: RuleTime | undefined;
  readonly byDay: readonly RuleDay[];
  readonly byMonth: readonly number[];
  /** BYMONTH as Temporal names months, leap months of other calendars among them: M05, M05L. RFC 7529 §4.2 */
  readonly monthCodes: readonly string[];
  readonly byMonthDay: readonly number[];
  readonly byYearDay: readonly number[];
  readonly byWeekNumber: readonly number[];
  readonly bySetPosition: readonly number[];
  readonly byHour: readonly number[];
  readonly byMinute: readonly number[];
  readonly bySecond: readonly number[];
  /** First day of the week, 0 is Sunday. */
  readonly weekStart: number;
  /** Calendar scale in upper case; GREGORIAN unless told. RFC 7529 §4.1 */
  readonly scale: string;
  /** What becomes of days that a month does not have. RFC 7529 §4.1 */
  readonly skip: "OMIT" | "BACKWARD" | "FORWARD";
}

const timeShape = /^(\d{4})(\d{2})(\d{2})(?:T(\d{2})(\d{2})(\d{2})(Z?))?$/;

/** A DATE or DATE-TIME. Throws WireError. RFC 5545 §3.3.4, §3.3.5 */
export function parseRuleTime(text: string): RuleTime {
  const match = timeShape.exec(text);
  if (match === null) throw new WireError(`"${text.slice(0, 40)}" is no date or time`, 0);
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map((part) => Number(part ?? 0)) as
    [number, number, number, number, number, number];
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month) || hour > 23 || minute > 59 || second > 60) {
    throw new WireError(`"${text}" is no date or time there is`, 0);
  }
  const local = localFrom(year, month, day, hour, minute);
  return { local, localMs: localToMs(local) + second * 1000, isUtc: match[7] === "Z", isDate: match[4] === undefined };
}

const two = (value: number): string => String(value).padStart(2, "0");

/** RFC 5545 §3.3.4 */
export function formatDate(local: LocalMinutes): string {
  const { year, month, day } = civilFromDays(dayOfLocal(local));
  return `${String(year).padStart(4, "0")}${two(month)}${two(day)}`;
}

/** RFC 5545 §3.3.5, without the Z of UTC. */
export function formatDateTime(local: LocalMinutes, second = 0): string {
  const minute = local - midnightOf(local);
  return `${formatDate(local)}T${two(Math.floor(minute / 60))}${two(minute % 60)}${two(second)}`;
}

function wholeNumber(text: string, min: number, max: number): number {
  const value = /^[+-]?\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max)) throw new WireError(`"${text.slice(0, 40)}" is not from ${min} to ${max}`, 0);
  return value;
}

function listOfNumbers(text: string | undefined, min: number, max: number, withZero = true): number[] {
  if (text === undefined) return [];
  const words = text.split(",");
  if (words.length > limits.recurrenceRuleListMax) throw new WireError(`a list of ${words.length} values`, 0);
  const values = words.map((word) => wholeNumber(word, min, max));
  if (!withZero && values.includes(0)) throw new WireError("0 is no place to count from", 0);
  return [...new Set(values)];
}

function weekday(text: string): number {
  const found = (weekdayNames as readonly string[]).indexOf(text);
  if (found < 0) throw new WireError(`"${text.slice(0, 40)}" is no weekday`, 0);
  return found;
}

function listOfDays(text: string | undefined): RuleDay[] {
  if (text === undefined) return [];
  const words = text.split(",");
  if (words.length > limits.recurrenceRuleListMax) throw new WireError(`a list of ${words.length} weekdays`, 0);
  return words.map((word) => {
    const number = word.slice(0, -2);
    const nth = number === "" ? 0 : wholeNumber(number, -53, 53);
    if (number !== "" && nth === 0) throw new WireError("there is no weekday number 0", 0);
    return { nth, weekday: weekday(word.slice(-2)) };
  });
}

function partsOf(text: string): Map<string, string> {
  if (text.length > limits.recurrenceRuleMaxCharacters) throw new WireError(`a rule of ${text.length} characters`, 0);
  const parts = new Map<string, string>();
  for (const part of text.toUpperCase().split(";")) {
    const clean = part.trim();
    if (clean === "") continue;
    const equals = clean.indexOf("=");
    if (equals < 1) throw new WireError(`"${clean.slice(0, 40)}" is no part of a rule`, 0);
    const name = clean.slice(0, equals).trim();
    if (parts.has(name)) throw new WireError(`${name} stands twice`, 0);
    parts.set(name, clean.slice(equals + 1).trim());
  }
  return parts;
}

/** The numbers themselves are checked where they are read. */
const codesOf = (months: string | undefined): string[] => (months === undefined ? [] : [...new Set(months.split(","))]
  .map((month) => `M${month.replace("L", "").padStart(2, "0")}${month.endsWith("L") ? "L" : ""}`));

function frequencyOf(text: string | undefined): RuleFrequency {
  const found = ruleFrequencies.find((name) => name === text);
  if (found === undefined) throw new WireError(text === undefined ? "FREQ is missing" : `unknown FREQ ${text}`, 0);
  return found;
}

function skipOf(text: string | undefined): "OMIT" | "BACKWARD" | "FORWARD" {
  if (text === undefined || text === "OMIT") return "OMIT";
  if (text === "BACKWARD" || text === "FORWARD") return text;
  throw new WireError(`unknown SKIP ${text.slice(0, 40)}`, 0);
}

/** A RECUR value; parts of other names are ignored. Throws WireError for one that is broken. RFC 5545 §3.3.10 */
export function parseRule(text: string): Rule {
  const parts = partsOf(text);
  const number = (name: string, max: number): number | undefined => {
    const value = parts.get(name);
    return value === undefined ? undefined : wholeNumber(value, 1, max);
  };
  const until = parts.get("UNTIL");
  // Leap months (RFC 7529 §4.2) are kept apart from plain ones by the calendar scale they come with.
  const months = parts.get("BYMONTH")?.replaceAll("L", "");
  return {
    frequency: frequencyOf(parts.get("FREQ")), interval: number("INTERVAL", 999_999_999) ?? 1,
    count: number("COUNT", 999_999_999), until: until === undefined ? undefined : parseRuleTime(until),
    byDay: listOfDays(parts.get("BYDAY")), byMonth: listOfNumbers(months, 1, 13),
    monthCodes: codesOf(parts.get("BYMONTH")), byMonthDay: listOfNumbers(parts.get("BYMONTHDAY"), -31, 31, false),
    byYearDay: listOfNumbers(parts.get("BYYEARDAY"), -366, 366, false),
    byWeekNumber: listOfNumbers(parts.get("BYWEEKNO"), -53, 53, false),
    bySetPosition: listOfNumbers(parts.get("BYSETPOS"), -366, 366, false),
    byHour: listOfNumbers(parts.get("BYHOUR"), 0, 23), byMinute: listOfNumbers(parts.get("BYMINUTE"), 0, 59),
    bySecond: listOfNumbers(parts.get("BYSECOND"), 0, 60), weekStart: weekday(parts.get("WKST") ?? "MO"),
    scale: parts.get("RSCALE") ?? "GREGORIAN", skip: skipOf(parts.get("SKIP")),
  };
}
