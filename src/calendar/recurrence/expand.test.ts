/**
 * Proves the expansion: tables of patterns with their first days, written down by hand from a calendar; days counted
 * one by one against the arithmetic; windows against the whole; what a change of the clock does; and its speed.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  civilFromDays, dayOfLocal, daysFromCivil, daysInMonth, localFrom, localText, weekdayOfDays,
} from "#calendar/zones/dates.ts";
import { Series } from "#calendar/recurrence/expand.ts";
import type { Recurrence } from "#calendar/recurrence/model.ts";
import { lengthOf, sequenceOf } from "#calendar/recurrence/sequence.ts";
import { ianaZone } from "#calendar/zones/iana.ts";
import { utcZone } from "#calendar/zones/zone.ts";
import type { Zone } from "#calendar/zones/zone.ts";
import { cpuMs } from "../../../test/support/cpu-time.ts";

const base: Recurrence = {
  frequency: "daily", calendarType: 0, pattern: { kind: "daily" }, interval: 1, firstDayOfWeek: 0,
  start: localFrom(2026, 1, 31, 10), durationMinutes: 60, end: { kind: "never" }, deleted: [], modified: [],
};
const berlin = ianaZone("Europe/Berlin")!;

function starts(series: Partial<Recurrence>, count: number, zone: Zone = utcZone): string[] {
  const found: string[] = [];
  for (const { start } of new Series({ ...base, ...series }, zone).from(Date.UTC(1990, 0))) {
    found.push(localText(start).slice(0, 10));
    if (found.length >= count) break;
  }
  return found;
}

const tables: [name: string, series: Partial<Recurrence>, expected: string[]][] = [
  ["daily", {}, ["2026-01-31", "2026-02-01", "2026-02-02"]],
  ["every 40 days", { interval: 40 }, ["2026-01-31", "2026-03-12", "2026-04-21"]],
  ["Monday and Wednesday", { pattern: { kind: "weekly", weekdays: 0b1010 } },
    ["2026-02-02", "2026-02-04", "2026-02-09"]],
  ["every second week, Sunday first: the week of Saturday 31 January counts",
    { pattern: { kind: "weekly", weekdays: 0b1000001 }, interval: 2 }, ["2026-01-31", "2026-02-08", "2026-02-14"]],
  ["every second week, Monday first: Sunday ends the week",
    { pattern: { kind: "weekly", weekdays: 0b1000001 }, interval: 2, firstDayOfWeek: 1 },
    ["2026-01-31", "2026-02-01", "2026-02-14", "2026-02-15"]],
  ["the 31st is the last day of short months", { pattern: { kind: "monthly", day: 31 } },
    ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30"]],
  ["the 30th in February of a leap year", { pattern: { kind: "monthly", day: 30 }, start: localFrom(2028, 1, 30) },
    ["2028-01-30", "2028-02-29", "2028-03-30"]],
  ["29 February every year", { pattern: { kind: "monthly", day: 29 }, interval: 12, start: localFrom(2024, 2, 29) },
    ["2024-02-29", "2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29"]],
  ["month end", { pattern: { kind: "monthEnd" } }, ["2026-01-31", "2026-02-28", "2026-03-31"]],
  ["a date that is past this month", { pattern: { kind: "monthly", day: 15 } }, ["2026-02-15", "2026-03-15"]],
  ["second Tuesday", { pattern: { kind: "monthlyNth", weekdays: 0b100, nth: 2 } }, ["2026-02-10", "2026-03-10"]],
  ["last Friday", { pattern: { kind: "monthlyNth", weekdays: 0b100000, nth: 5 } }, ["2026-02-27", "2026-03-27"]],
  ["first weekday", { pattern: { kind: "monthlyNth", weekdays: 0b111110, nth: 1 } }, ["2026-02-02", "2026-03-02"]],
  ["last day of the weekend", { pattern: { kind: "monthlyNth", weekdays: 0b1000001, nth: 5 } },
    ["2026-01-31", "2026-02-28", "2026-03-29"]],
  ["third day", { pattern: { kind: "monthlyNth", weekdays: 127, nth: 3 } }, ["2026-02-03", "2026-03-03"]],
  ["last Sunday of October", { pattern: { kind: "monthlyNth", weekdays: 1, nth: 5 }, interval: 12,
    start: localFrom(2026, 10, 25) }, ["2026-10-25", "2027-10-31", "2028-10-29"]],
  ["three times", { end: { kind: "count", count: 3 } }, ["2026-01-31", "2026-02-01", "2026-02-02"]],
  ["until a day between two", { interval: 2, end: { kind: "date", lastDate: localFrom(2026, 2, 3) } },
    ["2026-01-31", "2026-02-02"]],
  ["a deleted one counts", { end: { kind: "count", count: 3 }, deleted: [localFrom(2026, 2, 1, 10)] },
    ["2026-01-31", "2026-02-02"]],
];

test("patterns", () => {
  for (const [name, series, expected] of tables) {
    const end = series.end ?? base.end;
    assert.deepEqual(starts(series, end.kind === "never" ? expected.length : 99), expected, name);
  }
});

test("moved occurrences stand where they went", () => {
  const original = localFrom(2026, 2, 2, 10);
  const start = localFrom(2026, 2, 5, 8);
  const series = new Series({
    ...base, end: { kind: "count", count: 6 }, modified: [{ original, start, end: start + 30, overrides: {} }],
  }, berlin);
  const window = { fromUtcMs: Date.UTC(2026, 1, 4), toUtcMs: Date.UTC(2026, 1, 6) };
  assert.deepEqual(series.expand(window).map((one) => localText(one.start)),
    ["2026-02-04 10:00", "2026-02-05 08:00", "2026-02-05 10:00"]);
  assert.deepEqual([...series.from(Date.UTC(2026, 1, 2))].map((one) => localText(one.start)),
    ["2026-02-03 10:00", "2026-02-04 10:00", "2026-02-05 08:00", "2026-02-05 10:00"]);
  assert.equal(localText(series.occurrenceOf(original)!.start), "2026-02-05 08:00");
  assert.equal(series.occurrenceOf(original + 1), undefined);
  assert.equal(localText(series.last()!.start), "2026-02-05 10:00");
  assert.equal(localText(series.first()!.start), "2026-01-31 10:00");
});

const clockChanges: [name: string, zone: string, start: number, expected: string][] = [
  ["an hour that is skipped is an hour later", "Europe/Berlin", localFrom(2026, 3, 29, 2, 30), "2026-03-29T01:30:00.000Z"],
  ["an hour that comes twice is the first", "Europe/Berlin", localFrom(2026, 10, 25, 2, 30), "2026-10-25T00:30:00.000Z"],
  ["half an hour that is skipped", "Australia/Lord_Howe", localFrom(2026, 10, 4, 2, 15), "2026-10-03T15:45:00.000Z"],
  ["half an hour that comes twice", "Australia/Lord_Howe", localFrom(2026, 4, 5, 1, 45), "2026-04-04T14:45:00.000Z"],
  ["a day that is skipped", "Pacific/Apia", localFrom(2011, 12, 30, 12), "2011-12-30T22:00:00.000Z"],
  ["New York, skipped", "America/New_York", localFrom(2026, 3, 8, 2, 0), "2026-03-08T07:00:00.000Z"],
];

test("what a change of the clock skips or repeats", () => {
  for (const [name, zone, start, expected] of clockChanges) {
    const series = new Series({ ...base, start, durationMinutes: 0 }, ianaZone(zone)!);
    assert.equal(new Date(series.occurrenceOf(start)!.startUtcMs).toISOString(), expected, name);
  }
});

test("lengths follow the wall clock", () => {
  const night = new Series({ ...base, start: localFrom(2026, 3, 28, 22), durationMinutes: 8 * 60 }, berlin);
  const [first] = night.expand({ fromUtcMs: Date.UTC(2026, 2, 28), toUtcMs: Date.UTC(2026, 2, 29) });
  assert.equal(first!.endUtcMs - first!.startUtcMs, 7 * 3_600_000);
});

/** The days of a series, found by looking at every day. */
function counted({ pattern, interval, firstDayOfWeek, start }: Recurrence, toDay: number): number[] {
  const first = dayOfLocal(start);
  const firstWeek = first - ((weekdayOfDays(first) - firstDayOfWeek + 7) % 7);
  const from = civilFromDays(first);
  const days: number[] = [];
  for (let day = first; day <= toDay; day++) {
    const { year, month, day: date } = civilFromDays(day);
    const weekday = weekdayOfDays(day);
    let fits = false;
    if (pattern.kind === "daily") fits = (day - first) % interval === 0;
    if (pattern.kind === "weekly") {
      fits = Math.floor((day - firstWeek) / 7) % interval === 0 && ((pattern.weekdays >> weekday) & 1) === 1;
    }
    if (pattern.kind === "monthly" || pattern.kind === "monthEnd" || pattern.kind === "monthlyNth") {
      const distance = (year - from.year) * 12 + month - from.month;
      const length = daysInMonth(year, month);
      if (pattern.kind === "monthlyNth") {
        const all = Array.from({ length }, (_, index) => index + 1)
          .filter((at) => (pattern.weekdays >> weekdayOfDays(daysFromCivil(year, month, at))) & 1);
        fits = date === (pattern.nth === 5 ? all.at(-1) : all[pattern.nth - 1]);
      } else {
        fits = date === Math.min(pattern.kind === "monthly" ? pattern.day : 31, length);
      }
      fits &&= distance % interval === 0;
    }
    if (fits) days.push(day);
  }
  return days;
}

const anySeries = fc.record({
  pattern: fc.oneof(
    fc.constant({ kind: "daily" as const }), fc.constant({ kind: "monthEnd" as const }),
    fc.record({ kind: fc.constant("weekly" as const), weekdays: fc.integer({ min: 1, max: 127 }) }),
    fc.record({ kind: fc.constant("monthly" as const), day: fc.integer({ min: 1, max: 31 }) }),
    fc.record({
      kind: fc.constant("monthlyNth" as const), weekdays: fc.integer({ min: 1, max: 127 }),
      nth: fc.integer({ min: 1, max: 5 }),
    }),
  ),
  interval: fc.integer({ min: 1, max: 14 }), firstDayOfWeek: fc.integer({ min: 0, max: 6 }),
  start: fc.integer({ min: 140_000, max: 160_000 }).map((day) => day * 1440 + 600),
}).map((fields): Recurrence => ({ ...base, ...fields }));

test("the arithmetic gives the days that counting gives", () => {
  fc.assert(fc.property(anySeries, fc.nat(4000), (series, more) => {
    const start = sequenceOf(series, dayOfLocal(series.start)).dayAt(0);
    const aligned = { ...series, start: start * 1440 + 600 };
    const sequence = sequenceOf(aligned, start);
    const days = counted(aligned, start + 1500);
    assert.deepEqual(days.map((_, index) => sequence.dayAt(index)), days);
    const probe = start + (more % 1500);
    const index = days.findIndex((day) => day >= probe);
    if (index >= 0) assert.equal(sequence.indexFrom(probe), index);
    assert.equal(lengthOf(sequence, { kind: "date", lastDate: probe * 1440 }), days.filter((day) => day <= probe).length);
  }), { numRuns: 150 });
});

test("a window gives what the whole series has in it", () => {
  fc.assert(fc.property(anySeries, fc.nat(3000), fc.nat(400), fc.nat(4000), (fields, from, size, durationMinutes) => {
    const end = { kind: "count" as const, count: 300 };
    const rough = new Series({ ...fields, durationMinutes, end }, berlin);
    const deleted = [rough.originalAt(3), rough.originalAt(7)];
    const moved = rough.originalAt(11);
    const modified = [{ original: moved, start: moved - 3000, end: moved - 2900, overrides: {} }];
    const series = new Series({ ...rough.recurrence, start: rough.originalAt(0), deleted, modified }, berlin);
    const all = [...series.from(Date.UTC(1900, 0))];
    assert.equal(all.length, 298);
    const fromUtcMs = all[0]!.startUtcMs + from * 86_400_000;
    const window = { fromUtcMs, toUtcMs: fromUtcMs + size * 3_600_000 };
    const expected = all.filter(({ startUtcMs, endUtcMs }) => startUtcMs < window.toUtcMs &&
      (endUtcMs > fromUtcMs || (startUtcMs === endUtcMs && startUtcMs >= fromUtcMs)));
    assert.deepEqual(series.expand(window), expected);
  }), { numRuns: 100 });
});

test("too many occurrences are refused", () => {
  const window = { fromUtcMs: Date.UTC(2026, 0), toUtcMs: Date.UTC(2500, 0) };
  assert.throws(() => new Series(base, utcZone).expand(window), { code: "tooMany" });
  const long = new Series({ ...base, durationMinutes: 2 ** 31 }, utcZone);
  assert.throws(() => long.expand({ fromUtcMs: Date.UTC(4000, 0), toUtcMs: Date.UTC(4000, 1) }), { code: "tooMany" });
  assert.throws(() => new Series({ ...base, interval: 0 }, utcZone), { code: "invalidArgument" });
});

test("an occurrence takes microseconds, also a thousand years away", (context) => {
  const series = new Series({ ...base, pattern: { kind: "weekly", weekdays: 0b101010 } }, berlin);
  const measure = (year: number): number => {
    let found = 0;
    const began = cpuMs();
    for (let round = 0; round < 200; round++) {
      found += series.expand({ fromUtcMs: Date.UTC(year, round % 12), toUtcMs: Date.UTC(year, (round % 12) + 1) }).length;
    }
    return ((cpuMs() - began) * 1000) / found;
  };
  measure(2026);
  const [near, far] = [measure(2027), measure(3026)];
  context.diagnostic(`${near.toFixed(2)} µs an occurrence, ${far.toFixed(2)} µs a thousand years later`);
  assert.ok(near < 200 && far < 200);
});
