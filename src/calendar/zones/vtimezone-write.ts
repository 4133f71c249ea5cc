/** Zones written as VTIMEZONE. RFC 5545 §3.6.5 */
import {
  civilFromDays, dayOfLocal, daysFromCivil, localToMs, minutesPerDay, msToLocal,
} from "#calendar/zones/dates.ts";
import { formatDateTime, weekdayNames } from "#calendar/zones/rule-text.ts";
import type { SystemTime } from "#calendar/zones/tables.ts";
import { ruleOfYear, sameInYear, wallChangesOfYear, zoneOfRules } from "#calendar/zones/rule.ts";
import type { ZoneRule } from "#calendar/zones/rule.ts";
import type { Zone, ZoneChange } from "#calendar/zones/zone.ts";

interface Part {
  readonly offsetFromMs: number;
  readonly change: ZoneChange;
  readonly rule?: string;
}

function offsetText(offsetMs: number): string {
  const seconds = Math.round(Math.abs(offsetMs) / 1000);
  const two = (value: number): string => String(value).padStart(2, "0");
  const rest = seconds % 60 === 0 ? "" : two(seconds % 60);
  return `${offsetMs < 0 ? "-" : "+"}${two(Math.floor(seconds / 3600))}${two(Math.floor(seconds / 60) % 60)}${rest}`;
}

/** A wall clock time with its seconds. */
function timeText(ms: number): string {
  const local = msToLocal(ms);
  return formatDateTime(local, Math.floor((ms - localToMs(local)) / 1000));
}

function partsOfYear(zone: Zone, year: number): Part[] {
  return wallChangesOfYear(zone, year).changes.map(({ at, before, after }) => ({
    offsetFromMs: before * 60_000, change: { atMs: at - before * 60_000, offsetMs: after * 60_000 },
  }));
}

function ruleText(date: SystemTime): string {
  return `FREQ=YEARLY;BYMONTH=${date.month};BYDAY=${date.day === 5 ? -1 : date.day}${weekdayNames[date.dayOfWeek]!}`;
}

/** A rule that RRULE can say: not one of the last millisecond of a day. */
const isSayable = ({ standardDate, daylightDate }: ZoneRule): boolean =>
  standardDate.month !== 0 && standardDate.milliseconds === 0 && daylightDate.milliseconds === 0;

function linesOf({ offsetFromMs, change, rule }: Part): string[] {
  const name = change.offsetMs > offsetFromMs ? "DAYLIGHT" : "STANDARD";
  return [
    `BEGIN:${name}`, `DTSTART:${timeText(change.atMs + offsetFromMs)}`,
    `TZOFFSETFROM:${offsetText(offsetFromMs)}`, `TZOFFSETTO:${offsetText(change.offsetMs)}`,
    ...(rule === undefined ? [] : [`RRULE:${rule}`]), `END:${name}`,
  ];
}

/** The last year up to `toYear` that a rule found for `year` still tells. */
function lastYearOf(zone: Zone, rule: ZoneRule, year: number, toYear: number): number {
  const byRule = zoneOfRules(zone.name, [{ fromYear: year, rule }]);
  let last = year;
  while (last < toYear && sameInYear(zone, byRule, last + 1)) last++;
  return last;
}

/**
 * The unfolded lines of a VTIMEZONE that is exact from one local year to another; a rule that still holds at the end
 * goes on for ever. RFC 5545 §3.6.5
 */
export function writeVtimezone(zone: Zone, id: string, fromYear: number, toYear: number): string[] {
  const firstOffsetMs = wallChangesOfYear(zone, fromYear).first * 60_000;
  const startMs = localToMs(daysFromCivil(fromYear, 1, 1) * minutesPerDay) - firstOffsetMs;
  const parts: Part[] = [];
  for (let year = fromYear; year <= toYear; year++) {
    const found = ruleOfYear(zone, year);
    const last = found.fits && isSayable(found.rule) ? lastYearOf(zone, found.rule, year, toYear) : year;
    if (!found.fits || last === year) {
      parts.push(...partsOfYear(zone, year));
      continue;
    }
    const ends = partsOfYear(zone, last).slice(-2);
    const starts = partsOfYear(zone, year).slice(-2);
    if (starts.length < 2) throw new Error("a rule with dates changes twice");
    parts.push(...partsOfYear(zone, year).slice(0, -2));
    starts.forEach((part, index) => {
      const month = civilFromDays(dayOfLocal(msToLocal(part.change.atMs + part.offsetFromMs))).month;
      const { standardDate, daylightDate } = found.rule;
      const isDaylight = part.change.offsetMs > part.offsetFromMs && month === daylightDate.month;
      const until = last === toYear ? "" : `;UNTIL=${timeText(ends[index]!.change.atMs)}Z`;
      parts.push({ ...part, rule: ruleText(isDaylight ? daylightDate : standardDate) + until });
    });
    year = last;
  }
  // What holds at the beginning, before anything changes; needless when a change is the beginning.
  const isTold = parts[0]?.change.atMs === startMs || (parts[0]?.rule !== undefined && parts.length === 2);
  if (!isTold) parts.unshift({ offsetFromMs: firstOffsetMs, change: { atMs: startMs, offsetMs: firstOffsetMs } });
  return ["BEGIN:VTIMEZONE", `TZID:${id}`, ...parts.flatMap(linesOf), "END:VTIMEZONE"];
}
