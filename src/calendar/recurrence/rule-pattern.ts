/** Which pattern of Exchange a rule means, or why none. RFC 5545 §3.3.10, [MS-OXCICAL] 2.1.3.2.2 */
import { civilFromDays, daysInMonth, monthIndexOfDays, weekdayOfDays } from "#calendar/zones/dates.ts";
import type { Frequency, Pattern, WeekdayMask } from "#calendar/recurrence/model.ts";
import type { Rule } from "#calendar/zones/rule-text.ts";

/** Why Exchange has no pattern for a rule. */
export const refusalReasons = {
  malformed: "the rule is broken",
  calendarScale: "the rule counts in another calendar",
  subDaily: "the rule repeats within a day",
  timesWithinDay: "the rule names several times of a day",
  weekOfYear: "the rule counts weeks of the year",
  dayOfYear: "the rule counts days of the year",
  nthOfYear: "the rule counts weekdays of the year",
  severalPerPeriod: "the rule has several days of a month",
  dayFromEnd: "the rule counts days from the end of a month",
  nthFromEnd: "the rule counts weekdays from the end of a month",
  fifthWeekday: "the rule has a fifth weekday, which some months lack",
  position: "the rule picks places that no pattern has",
  dayFilter: "the rule wants a weekday and a date at once",
  monthFilter: "the rule leaves out months",
  skipForward: "the rule moves dates into the next month",
  intervalTooLarge: "the rule's interval is beyond what a series can hold",
  noOccurrences: "the rule has no occurrence",
  startTooEarly: "the series begins before 1601",
  tooManyExceptions: "the series has too many exceptions",
  severalRules: "the series has several rules",
  exclusionRule: "the series has a rule for what is left out",
  extraDates: "the series has dates beside its rule",
} as const;
export type RefusalReason = keyof typeof refusalReasons;

/** Thrown while a rule is looked at, and turned into a result by the one that began. */
export class RuleRefusal {
  readonly reason: RefusalReason;

  constructor(reason: RefusalReason) {
    this.reason = reason;
  }
}

const refuse = (reason: RefusalReason): never => {
  throw new RuleRefusal(reason);
};

export interface RulePattern {
  readonly frequency: Frequency;
  readonly pattern: Pattern;
  /** Days, weeks or months. */
  readonly interval: number;
  /** First month that counts, months since 1601-01; for days and weeks it is the start's. */
  readonly firstMonth: number;
}

function maskOf(rule: Rule): WeekdayMask {
  return rule.byDay.reduce((mask, { weekday }) => mask | (1 << weekday), 0);
}

/** BYSETPOS changes nothing where there is one day in each period. */
function checkOnlyPosition({ bySetPosition }: Rule): void {
  if (bySetPosition.some((position) => position !== 1 && position !== -1)) refuse("position");
}

function weekly(mask: WeekdayMask, interval: number, frequency: Frequency, month: number): RulePattern {
  if (mask === 0x7f && interval === 1) {
    return { frequency: "daily", pattern: { kind: "daily" }, interval: 1, firstMonth: month };
  }
  return { frequency, pattern: { kind: "weekly", weekdays: mask }, interval, firstMonth: month };
}

const sameSet = (one: readonly number[], other: readonly number[]): boolean =>
  one.length === other.length && other.every((value) => one.includes(value));

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index);

function nthPattern(weekdays: WeekdayMask, position: number): Pattern {
  if (position === -1) return { kind: "monthlyNth", weekdays, nth: 5 };
  if (position >= 1 && position <= 4) return { kind: "monthlyNth", weekdays, nth: position };
  if (weekdays === 0x7f && position > 0 && position <= 28) return { kind: "monthly", day: position };
  return refuse("position");
}

/** Seven dates in a row hold each weekday once. */
function weekdayAmongDates(rule: Rule, mask: WeekdayMask): Pattern {
  const nth = [1, 2, 3, 4].find((week) => sameSet(rule.byMonthDay, range(week * 7 - 6, week * 7)));
  const isLast = sameSet(rule.byMonthDay, range(-7, -1));
  if ((nth === undefined && !isLast) || rule.byDay.length !== 1) return refuse("dayFilter");
  checkOnlyPosition(rule);
  return { kind: "monthlyNth", weekdays: mask, nth: nth ?? 5 };
}

function datePattern(rule: Rule, onlyMonth: number | undefined): Pattern {
  const days = rule.byMonthDay;
  if (days.length === 1) {
    checkOnlyPosition(rule);
    const day = days[0]!;
    if (day > 0) return { kind: "monthly", day };
    if (day === -1) return { kind: "monthly", day: 31 };
    if (onlyMonth === undefined || onlyMonth === 2) return refuse("dayFromEnd");
    const counted = daysInMonth(2001, onlyMonth) + 1 + day;
    return counted >= 1 ? { kind: "monthly", day: counted } : refuse("noOccurrences");
  }
  const [position, ...others] = rule.bySetPosition;
  if (position === undefined || others.length > 0 || days.some((day) => day < 0)) return refuse("severalPerPeriod");
  const sorted = [...days].sort((one, other) => one - other);
  // The last of 28, 29, 30 that there is: the 30th, or the last day of a shorter month.
  const latest = sorted.at(-1)!;
  if (position === -1 && range(Math.min(28, latest), latest).every((day) => days.includes(day))) {
    return { kind: "monthly", day: latest };
  }
  const picked = position > 0 ? sorted[position - 1] : undefined;
  return picked !== undefined && picked <= 28 ? { kind: "monthly", day: picked } : refuse("position");
}

/** Which day of a month; undefined when the rule has every one of its weekdays. */
function dayOfMonth(rule: Rule, startDay: number, onlyMonth: number | undefined): Pattern | undefined {
  const { byDay, byMonthDay, bySetPosition } = rule;
  if (byDay.length === 0) {
    if (byMonthDay.length > 0) return datePattern(rule, onlyMonth);
    checkOnlyPosition(rule);
    return { kind: "monthly", day: civilFromDays(startDay).day };
  }
  const mask = maskOf(rule);
  const counted = byDay.filter(({ nth }) => nth !== 0);
  if (byMonthDay.length > 0) return counted.length === 0 ? weekdayAmongDates(rule, mask) : refuse("dayFilter");
  if (counted.length > 0) {
    if (byDay.length > 1) return refuse("severalPerPeriod");
    checkOnlyPosition(rule);
    const { nth } = counted[0]!;
    if (nth >= 5) return refuse("fifthWeekday");
    return nth < -1 ? refuse("nthFromEnd") : nthPattern(mask, nth);
  }
  if (bySetPosition.length === 0) return undefined;
  return bySetPosition.length === 1 ? nthPattern(mask, bySetPosition[0]!) : refuse("severalPerPeriod");
}

/** Months of the year in equal steps, or one month every so many years. */
function inMonths(rule: Rule, startDay: number, months: readonly number[], years: number): RulePattern {
  const sorted = [...months].sort((one, other) => one - other);
  if (sorted.length === 0) return refuse("noOccurrences");
  if (sorted.some((month) => month > 12)) return refuse("calendarScale");
  const step = 12 / sorted.length;
  const isEven = Number.isInteger(step) && sorted.every((month, index) => month === sorted[0]! + index * step);
  if (!isEven || (sorted.length > 1 && years !== 1)) return refuse("monthFilter");
  // In a rule by years BYSETPOS picks among all the days of a year.
  if (rule.frequency === "YEARLY" && sorted.length > 1 && rule.bySetPosition.length > 0) return refuse("position");
  const onlyMonth = sorted.length === 1 ? sorted[0] : undefined;
  const pattern = dayOfMonth(rule, startDay, onlyMonth) ?? refuse("severalPerPeriod");
  const interval = sorted.length === 1 ? 12 * years : step;
  const startMonth = monthIndexOfDays(startDay);
  const firstYear = startMonth - (startMonth % 12);
  const offsets = sorted.map((month) => firstYear + month - 1);
  const firstMonth = offsets.find((month) => month >= startMonth) ?? firstYear + 12 * years + sorted[0]! - 1;
  return { frequency: interval === 12 ? "yearly" : "monthly", pattern, interval, firstMonth };
}

function everyMonth(rule: Rule, startDay: number, interval: number): RulePattern {
  const month = monthIndexOfDays(startDay);
  const pattern = dayOfMonth(rule, startDay, undefined);
  if (pattern !== undefined) {
    return { frequency: interval === 12 ? "yearly" : "monthly", pattern, interval, firstMonth: month };
  }
  if (interval !== 1) return refuse("severalPerPeriod");
  return weekly(maskOf(rule), 1, "weekly", month);
}

/** Days of the year that are the same date in every year. */
function dayOfYear(rule: Rule, startDay: number): RulePattern {
  const [day, ...others] = rule.byYearDay;
  const isPlain = others.length === 0 && rule.byMonth.length + rule.byMonthDay.length + rule.byDay.length === 0;
  const isFixed = day !== undefined && ((day >= 1 && day <= 59) || (day < 0 && day >= -306));
  if (!isPlain || !isFixed) return refuse("dayOfYear");
  let left = day > 0 ? day : 366 + day;
  let month = 1;
  while (left > daysInMonth(2001, month)) left -= daysInMonth(2001, month++);
  return inMonths({ ...rule, byYearDay: [], byMonthDay: [left] }, startDay, [month], rule.interval);
}

function yearly(rule: Rule, startDay: number): RulePattern {
  if (rule.byYearDay.length > 0) return dayOfYear(rule, startDay);
  if (rule.byMonth.length > 0) return inMonths(rule, startDay, rule.byMonth, rule.interval);
  if (rule.byDay.length > 0) {
    if (rule.byDay.some(({ nth }) => nth !== 0)) return refuse("nthOfYear");
    if (rule.bySetPosition.length > 0) return refuse("position");
    // Weekdays without a month are those of every week; with a date they are rarer than any pattern.
    if (rule.byMonthDay.length > 0) return refuse("dayFilter");
    return everyMonth(rule, startDay, rule.interval);
  }
  // A date without a month is in DTSTART's, as [MS-OXCICAL] 2.1.3.2.2.5 and those who write it mean it.
  const { month } = civilFromDays(startDay);
  return inMonths(rule, startDay, [month], rule.interval);
}

function monthly(rule: Rule, startDay: number): RulePattern {
  if (rule.byYearDay.length > 0) return refuse("dayOfYear");
  if (rule.byMonth.length === 0 || rule.byMonth.length === 12) return everyMonth(rule, startDay, rule.interval);
  if (12 % rule.interval !== 0) return refuse("monthFilter");
  const { month } = civilFromDays(startDay);
  const counted = rule.byMonth.filter((one) => (one - month) % rule.interval === 0);
  return inMonths(rule, startDay, counted, 1);
}

function daily(rule: Rule, startDay: number): RulePattern {
  const month = monthIndexOfDays(startDay);
  const { interval, byDay, byMonthDay } = rule;
  if (rule.byYearDay.length > 0) return refuse("dayOfYear");
  checkOnlyPosition(rule);
  if (byMonthDay.length > 0) {
    return interval === 1 ? monthly({ ...rule, bySetPosition: [] }, startDay) : refuse("dayFilter");
  }
  if (rule.byMonth.length > 0 && rule.byMonth.length < 12) return refuse("monthFilter");
  if (byDay.length === 0) return { frequency: "daily", pattern: { kind: "daily" }, interval, firstMonth: month };
  if (byDay.some(({ nth }) => nth !== 0)) return refuse("malformed");
  return interval === 1 ? weekly(maskOf(rule), 1, "daily", month) : refuse("dayFilter");
}

function weeklyRule(rule: Rule, startDay: number): RulePattern {
  const { byDay, bySetPosition } = rule;
  if (rule.byYearDay.length > 0) return refuse("dayOfYear");
  if (rule.byMonthDay.length > 0) return refuse("dayFilter");
  if (rule.byMonth.length > 0 && rule.byMonth.length < 12) return refuse("monthFilter");
  if (byDay.some(({ nth }) => nth !== 0)) return refuse("malformed");
  if (bySetPosition.length > 0 && byDay.length > 1) return refuse("position");
  checkOnlyPosition(rule);
  const mask = byDay.length === 0 ? 1 << weekdayOfDays(startDay) : maskOf(rule);
  return weekly(mask, rule.interval, "weekly", monthIndexOfDays(startDay));
}

/** Days, weeks, months or years between occurrences; more is a mistake. */
const intervalMax = 9999;

/** Throws {@link RuleRefusal}. `startDay` is the day of DTSTART. RFC 5545 §3.3.10 */
export function patternOfRule(rule: Rule, startDay: number): RulePattern {
  if (rule.scale !== "GREGORIAN") return refuse("calendarScale");
  if (rule.interval > intervalMax) return refuse("intervalTooLarge");
  if (rule.byWeekNumber.length > 0) return refuse("weekOfYear");
  if (rule.byHour.length > 1 || rule.byMinute.length > 1 || rule.bySecond.length > 1) return refuse("timesWithinDay");
  switch (rule.frequency) {
    case "DAILY": return daily(rule, startDay);
    case "WEEKLY": return weeklyRule(rule, startDay);
    case "MONTHLY": return monthly(rule, startDay);
    case "YEARLY": return yearly(rule, startDay);
    default: return refuse("subDaily");
  }
}
