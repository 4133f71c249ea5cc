/** Years and months of calendars other than the Gregorian one. RFC 7529 §4 */
import { civilFromDays, daysFromCivil } from "#calendar/zones/dates.ts";
import { RuleRefusal } from "#calendar/recurrence/rule-pattern.ts";
import type { Rule } from "#calendar/zones/rule-text.ts";

/** RSCALE by the names of CLDR that Temporal knows. RFC 7529 §4.2 */
const scales: Readonly<Record<string, string>> = {
  "CHINESE": "chinese", "DANGI": "dangi", "HEBREW": "hebrew", "ETHIOPIC": "ethiopic", "ETHIOAA": "ethioaa",
  "COPTIC": "coptic", "INDIAN": "indian", "PERSIAN": "persian", "BUDDHIST": "buddhist", "JAPANESE": "gregory",
  "ROC": "roc", "ISLAMIC": "islamic-civil", "ISLAMIC-CIVIL": "islamic-civil", "ISLAMICC": "islamic-civil",
  "ISLAMIC-TBLA": "islamic-tbla", "ISLAMIC-UMALQURA": "islamic-umalqura",
};

const dayOf = (date: Temporal.PlainDate): number => {
  const { year, month, day } = date.withCalendar("iso8601");
  return daysFromCivil(year, month, day);
};

/** A date by its month's name; what the year or month does not have goes by SKIP. RFC 7529 §4.1 */
function dateOf(
  inYear: Temporal.PlainDate, monthCode: string, date: number, skip: Rule["skip"],
): Temporal.PlainDate | undefined {
  let month: Temporal.PlainDate;
  try {
    month = inYear.with({ monthCode, day: 1 }, { overflow: "reject" });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    if (skip === "OMIT") return undefined;
    // A leap month that the year has not: the month before it, or the one after.
    const number = Number(monthCode.slice(1, 3)) + (skip === "FORWARD" ? 1 : 0);
    month = inYear.with({ monthCode: `M${String(number).padStart(2, "0")}`, day: 1 });
  }
  const length = month.daysInMonth;
  const told = date < 0 ? length + 1 + date : date;
  if (told < 1) return undefined;
  if (told <= length) return month.with({ day: told });
  return skip === "BACKWARD" ? month.with({ day: length }) : skip === "FORWARD" ? month.add({ months: 1 }) : undefined;
}

const stepMax = 3000;

/**
 * Days of the year or month that is `step` after the start's. Throws {@link RuleRefusal} for a calendar that is not
 * known and for rules that count weekdays or weeks in one. RFC 7529 §4.2
 */
export function scaledDays(rule: Rule, startDay: number, step: number): number[] {
  const calendar = Object.hasOwn(scales, rule.scale) ? scales[rule.scale] : undefined;
  const isPlain = rule.byDay.length + rule.byYearDay.length + rule.byWeekNumber.length === 0;
  const isByDate = rule.frequency === "YEARLY" || rule.frequency === "MONTHLY";
  if (calendar === undefined || !isPlain || !isByDate) throw new RuleRefusal("calendarScale");
  // Beyond all years that are told.
  if (step > stepMax) return [];
  const { year, month, day } = civilFromDays(startDay);
  const start = Temporal.PlainDate.from({ year, month, day }).withCalendar(calendar);
  const dates = rule.byMonthDay.length > 0 ? rule.byMonthDay : [start.day];
  const codes = rule.monthCodes.length > 0 ? rule.monthCodes : undefined;
  if (rule.frequency === "MONTHLY") {
    const at = start.with({ day: 1 }).add({ months: step });
    if (codes !== undefined && !codes.includes(at.monthCode)) return [];
    return dates.map((date) => dateOf(at, at.monthCode, date, rule.skip)).filter((one) => one !== undefined).map(dayOf);
  }
  const at = start.with({ monthCode: "M01", day: 1 }).add({ years: step });
  return (codes ?? [start.monthCode]).flatMap((code) => dates.map((date) => dateOf(at, code, date, rule.skip)))
    .filter((one) => one !== undefined).map(dayOf);
}
