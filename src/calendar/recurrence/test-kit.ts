/**
 * Rules compared with another expander, ical.js, for tests: random rules, the occurrences that each side gives, and the
 * names of the ways in which they may differ.
 */
import { civilFromDays, dayOfLocal, daysInMonth, localToMs, midnightOf, msOfYear } from "#calendar/zones/dates.ts";
import type { LocalMinutes } from "#calendar/zones/dates.ts";
import { Series } from "#calendar/recurrence/expand.ts";
import { recurrenceOfRule } from "#calendar/recurrence/from-rule.ts";
import { formatDateTime, parseRule, parseRuleTime, weekdayNames } from "#calendar/zones/rule-text.ts";
import type { Rule } from "#calendar/zones/rule-text.ts";
import { ianaZone } from "#calendar/zones/iana.ts";
import { writeVtimezone } from "#calendar/zones/vtimezone-write.ts";
import type { Zone } from "#calendar/zones/zone.ts";

export const zoneNames = [
  "Europe/Berlin", "Europe/London", "Europe/Dublin", "Europe/Moscow", "Europe/Istanbul", "Europe/Lisbon", "Europe/Athens",
  "Europe/Chisinau", "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles", "America/Phoenix",
  "America/St_Johns", "America/Halifax", "America/Sao_Paulo", "America/Santiago", "America/Asuncion", "America/Havana",
  "America/Caracas", "America/Mexico_City", "America/Godthab", "America/Anchorage", "Africa/Casablanca", "Africa/Cairo",
  "Africa/Johannesburg", "Asia/Jerusalem", "Asia/Beirut", "Asia/Amman", "Asia/Gaza", "Asia/Tehran", "Asia/Calcutta",
  "Asia/Katmandu", "Asia/Tokyo", "Asia/Shanghai", "Australia/Sydney", "Australia/Lord_Howe", "Pacific/Auckland",
  "Pacific/Chatham", "Pacific/Apia",
] as const;

/** The part of ical.js that is used. */
type Ical = typeof import("ical.js");

/** ical.js, or undefined where it is not installed. */
export async function loadIcal(): Promise<Ical["default"] | undefined> {
  try {
    return (await import("ical.js")).default;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND") return undefined;
    throw error;
  }
}

/** Numbers that look random and are the same for a seed. */
export function randomFrom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
    const mixed = Math.imul(state ^ (state >>> 12), 0x297a2d39) >>> 0;
    return ((mixed ^ (mixed >>> 15)) >>> 0) % below;
  };
}

export interface Sample {
  readonly rule: string;
  readonly start: LocalMinutes;
  readonly zoneName: string;
}

type Random = (below: number) => number;
const pick = <T>(random: Random, list: readonly T[]): T => list[random(list.length)]!;

function some<T>(random: Random, list: readonly T[], most: number): T[] {
  const found = new Set<T>();
  for (let left = 1 + random(most); left > 0; left--) found.add(pick(random, list));
  return [...found];
}

const days = weekdayNames;
const monthDays = [1, 2, 5, 10, 15, 20, 28, 29, 30, 31, -1, -1, -2];

function monthParts(random: Random): string[] {
  switch (random(7)) {
    case 0: return [];
    case 1: return [`BYMONTHDAY=${pick(random, monthDays)}`];
    case 2: return [`BYDAY=${pick(random, [1, 2, 3, 4, -1, -1, 5, -2])}${pick(random, days)}`];
    case 3: return [`BYDAY=${some(random, days, 5).join(",")}`, `BYSETPOS=${pick(random, [1, 2, 3, 4, -1, 5, -2])}`];
    case 4: return [`BYDAY=${some(random, days, 2).join(",")}`];
    case 5: return [`BYMONTHDAY=${pick(random, ["28,29,30", "28,29", "1,2,3,4,5,6,7", "13", "1,15"])}`,
      pick(random, ["BYSETPOS=-1", `BYDAY=${pick(random, days)}`, "BYDAY=FR"])];
    default: return [`BYDAY=${pick(random, ["MO,TU,WE,TH,FR", "SA,SU", "SU,MO,TU,WE,TH,FR,SA"])}`,
      `BYSETPOS=${pick(random, [1, 2, 3, 4, -1])}`];
  }
}

/** A rule of any kind that people write, some that Exchange has no pattern for among them. */
export function sampleRule(random: Random): Sample {
  const frequency = pick(random, ["DAILY", "WEEKLY", "WEEKLY", "MONTHLY", "MONTHLY", "MONTHLY", "YEARLY", "YEARLY"]);
  const parts = [`FREQ=${frequency}`];
  if (random(2) === 0) parts.push(`INTERVAL=${pick(random, [1, 2, 2, 3, 4, 6, 10, 12])}`);
  if (frequency === "DAILY" && random(4) === 0) parts.push(`BYDAY=${some(random, days, 5).join(",")}`);
  if (frequency === "WEEKLY") {
    if (random(4) > 0) parts.push(`BYDAY=${some(random, days, 4).join(",")}`);
    if (random(2) === 0) parts.push(`WKST=${pick(random, ["SU", "MO", "SA"])}`);
  }
  if (frequency === "MONTHLY") parts.push(...monthParts(random));
  if (frequency === "YEARLY" && random(4) > 0) {
    parts.push(`BYMONTH=${random(5) === 0 ? pick(random, ["1,4,7,10", "6,12", "1,2"]) : 1 + random(12)}`);
    parts.push(...monthParts(random));
  }
  const minute = random(3) === 0 ? pick(random, [0, 30, 90, 120, 150, 180, 1410]) : random(96) * 15;
  const start = parseRuleTime(`${1996 + random(28)}0101`).local + random(365) * 1440 + minute;
  const zoneName = pick(random, zoneNames);
  const end = random(3);
  if (end === 0) parts.push(`COUNT=${1 + random(60)}`);
  if (end === 1) parts.push(`UNTIL=${formatDateTime(start + random(3000) * 1440 + random(2) * 60)}Z`);
  return { rule: parts.join(";"), start, zoneName };
}

/** Ways in which both sides may differ, each with the reason. */
export const differences = {
  shortMonths: "Exchange has the last day where the rule leaves a month out",
  datesByPosition: "ical.js ignores BYSETPOS beside BYMONTHDAY (RFC 5545 §3.3.10 applies it to every set)",
  datesByYear: "ical.js takes dates near the end of several months of a yearly rule into the month after",
  skippedTime: "ical.js does not move a wall clock time that a change skips",
  repeatedTime: "ical.js takes the second of a wall clock time that comes twice",
  untilInGap: "an UNTIL within the hour that a change skips or repeats",
} as const;
export type DifferenceName = keyof typeof differences;

/** Wall clock and instant of the first occurrences. */
export interface Shown {
  readonly local: string;
  readonly utcMs: number;
}

export function ours(series: Series, most: number): Shown[] {
  const found: Shown[] = [];
  for (const { start, startUtcMs } of series.from(localToMs(series.recurrence.start) - 3 * 86_400_000)) {
    found.push({ local: formatDateTime(start), utcMs: startUtcMs });
    if (found.length >= most) break;
  }
  return found;
}

export type Theirs = (rule: string, start: LocalMinutes, zoneName: string, most: number) => Shown[];

/** The VTIMEZONEs that ical.js reads are exact between these. */
const zonesStartMs = msOfYear(1991);
const zonesEndMs = msOfYear(2100);

/** Expansion by ical.js, in zones that it reads from the VTIMEZONEs written here. */
export function theirsBy(ICAL: Ical["default"]): Theirs {
  const zones = new Map<string, InstanceType<Ical["default"]["Timezone"]>>();
  const zoneOf = (name: string): InstanceType<Ical["default"]["Timezone"]> => {
    const known = zones.get(name);
    if (known !== undefined) return known;
    const text = writeVtimezone(ianaZone(name)!, name, 1990, 2100).join("\r\n");
    const zone = new ICAL.Timezone({ component: new ICAL.Component(ICAL.parse(text)), tzid: name });
    zones.set(name, zone);
    return zone;
  };
  return (rule, start, zoneName, most) => {
    const zone = zoneOf(zoneName);
    const { year, month, day } = civilFromDays(dayOfLocal(start));
    const minute = start - midnightOf(start);
    const hour = Math.floor(minute / 60);
    const time = ICAL.Time.fromData({ year, month, day, hour, minute: minute % 60, second: 0, isDate: false }, zone);
    const iterator = ICAL.Recur.fromString(rule).iterator(time);
    const found: Shown[] = [];
    for (let next = iterator.next(); next && found.length < most; next = iterator.next()) {
      found.push({ local: next.toString().slice(0, 16).replaceAll(/[-:]/g, "") + "00", utcMs: next.toUnixTime() * 1000 });
    }
    return found;
  };
}

export type Comparison =
  | { readonly kind: "same" }
  | { readonly kind: "refused"; readonly reason: string }
  | { readonly kind: "different"; readonly name: DifferenceName }
  | { readonly kind: "unexplained"; readonly ours: string; readonly theirs: string };

/** Whether a wall clock time of the zone is skipped or comes twice. */
function oddTime(zone: Zone, local: LocalMinutes): "skipped" | "repeated" | undefined {
  const utcMs = zone.toUtc(local);
  if (zone.toLocal(utcMs) !== local) return "skipped";
  const later = utcMs + 3 * 3_600_000;
  for (const { atMs, offsetMs } of zone.changesBetween(utcMs, later)) {
    const again = localToMs(local) - offsetMs;
    if (again >= atMs && zone.toLocal(again) === local) return "repeated";
  }
  return undefined;
}

function isShort(series: Series, { local }: Shown): boolean {
  const { pattern } = series.recurrence;
  const { year, month, day } = civilFromDays(dayOfLocal(parseRuleTime(local).local));
  return pattern.kind === "monthly" && day < pattern.day && day === daysInMonth(year, month);
}

function knownDifference(rule: Rule): DifferenceName | undefined {
  if (rule.bySetPosition.length > 0 && rule.byMonthDay.length > 1) return "datesByPosition";
  const isNearEnd = rule.byMonthDay.some((day) => day < 0 || day > 28);
  if (rule.frequency === "YEARLY" && rule.byMonth.length > 0 && isNearEnd) return "datesByYear";
  return undefined;
}

const textOf = (list: readonly Shown[]): string => list.map(({ local }) => local).join();

/**
 * Compares the first occurrences of a rule whose DTSTART is one of them: where it is none, RFC 5545 §3.8.5.3 leaves
 * open what happens.
 */
export function compare(sample: Sample, theirs: Theirs, most: number): Comparison {
  const zone = ianaZone(sample.zoneName)!;
  const source = { rules: [sample.rule], durationMinutes: 60, zone };
  const loose = recurrenceOfRule({ ...source, start: sample.start });
  if (loose.kind === "refused") return { kind: "refused", reason: loose.reason };
  const { start } = loose.recurrence;
  const result = recurrenceOfRule({ ...source, start });
  if (result.kind === "refused") return { kind: "refused", reason: result.reason };
  const series = new Series(result.recurrence, zone);
  const rule = parseRule(sample.rule);
  const lacksShort = result.differences.includes("shortMonths");
  const here = ours(series, lacksShort ? most * 3 : most).filter((shown) => !lacksShort || !isShort(series, shown))
    .slice(0, most);
  const there = theirs(sample.rule, start, sample.zoneName, most);
  if (textOf(here) !== textOf(there)) {
    const name = knownDifference(rule);
    if (name !== undefined) return { kind: "different", name };
    if (rule.until !== undefined && Math.abs(here.length - there.length) === 1) {
      const last = (here.length > there.length ? here : there).at(-1)!;
      if (oddTime(zone, parseRuleTime(last.local).local) !== undefined) return { kind: "different", name: "untilInGap" };
    }
    return { kind: "unexplained", ours: textOf(here), theirs: textOf(there) };
  }
  let oddName: DifferenceName | undefined;
  for (let index = 0; index < here.length; index++) {
    const { utcMs } = here[index]!;
    if (utcMs === there[index]!.utcMs || utcMs < zonesStartMs || utcMs > zonesEndMs) continue;
    const odd = oddTime(zone, parseRuleTime(here[index]!.local).local);
    if (odd !== undefined) {
      oddName = odd === "skipped" ? "skippedTime" : "repeatedTime";
      continue;
    }
    const [one, other] = [here[index]!, there[index]!];
    return { kind: "unexplained", ours: `${one.local} ${one.utcMs}`, theirs: `${other.local} ${other.utcMs}` };
  }
  if (oddName !== undefined) return { kind: "different", name: oddName };
  return lacksShort ? { kind: "different", name: "shortMonths" } : { kind: "same" };
}
