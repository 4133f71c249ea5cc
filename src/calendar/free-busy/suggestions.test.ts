/**
 * Proves suggested times against a look at every half hour minute by minute: who cannot come, what share that is, which
 * quality it makes, which times are told and in which order. Tables hold the bounds of the qualities.
 */
import { strict as assert } from "node:assert";
import { test } from "node:test";
import fc from "fast-check";
import { Fault } from "#base/fault.ts";
import { mergeIntervals } from "#calendar/free-busy/intervals.ts";
import type { FreeBusyInterval } from "#calendar/free-busy/intervals.ts";
import { freeBusyStates, isConflict, rankOf } from "#calendar/free-busy/states.ts";
import {
  dayStartOf, qualityOf, suggestTimes, suggestionDefaults, suggestionQualities,
} from "#calendar/free-busy/suggestions.ts";
import type { SuggestionAttendee, SuggestionOptions, SuggestionQuality } from "#calendar/free-busy/suggestions.ts";
import { workingHoursIn } from "#calendar/free-busy/working-hours-xml.ts";
import { at, berlin, instantText, newYork, windowOf } from "#calendar/occurrences/test-kit.ts";

const minute = 60_000;

const qualityRows: readonly (readonly [number, number, number, SuggestionQuality])[] = [
  [0, 10, 25, "Excellent"], [0, 0, 25, "Excellent"], [1, 10, 25, "Good"], [2, 8, 25, "Good"], [3, 8, 25, "Fair"],
  [5, 10, 25, "Fair"], [6, 10, 25, "Poor"], [1, 1, 25, "Poor"], [1, 10, 45, "Fair"], [4, 10, 10, "Good"],
];
for (const [conflicts, people, threshold, quality] of qualityRows) {
  test(`${conflicts} of ${people} cannot, threshold ${threshold}: ${quality}`, () => {
    assert.equal(qualityOf(conflicts, people, threshold), quality);
  });
}

const monday = windowOf("2026-11-22T23:00Z", "2026-11-23T23:00Z");
const options: SuggestionOptions = { ...suggestionDefaults, window: monday, zone: berlin };
const busy = (from: string, to: string): FreeBusyInterval =>
  ({ startUtcMs: at(`2026-11-23T${from}Z`), endUtcMs: at(`2026-11-23T${to}Z`), state: "busy" });
const person = (
  type: SuggestionAttendee["type"], intervals: FreeBusyInterval[], excludeConflicts = false,
): SuggestionAttendee => ({ type, excludeConflicts, times: { kind: "individual", intervals } });

test("working hours first, the free time best, others by who is missing", () => {
  const workingHours = workingHoursIn(berlin, 0x3e, 540, 1020);
  const [day] = suggestTimes([
    person("Required", [busy("08:00", "10:00")]), person("Optional", [busy("10:00", "15:00")]),
    person("Room", [], true), { type: "Required", excludeConflicts: false, times: { kind: "unknown" } },
  ], { ...options, workingHours });
  assert.equal(day!.quality, "Excellent");
  assert.equal(instantText(dayStartOf(day!, berlin)), "2026-11-22T23:00Z");
  const told = day!.suggestions.map((one) => `${instantText(one.startUtcMs).slice(11, 16)} ${one.quality}`);
  // Nobody is missing from 15:00 on; without the optional one comes before without the required one.
  assert.deepEqual(told, [
    "15:00 Excellent", "10:00 Good", "10:30 Good", "11:00 Good", "11:30 Good", "12:00 Good", "12:30 Good", "13:00 Good",
    "13:30 Good", "14:00 Good",
  ]);
  assert.deepEqual(day!.suggestions[1]!.conflicts, [
    { kind: "individual", state: "free" }, { kind: "individual", state: "busy" },
    { kind: "individual", state: "free" }, { kind: "unknown" },
  ]);
});

test("a time that a room has not is not suggested at all, nor one before now", () => {
  const [day] = suggestTimes([person("Room", [busy("00:00", "20:00")], true)], {
    ...options, minimumQuality: "Poor", maximumResultsByDay: 48, notBeforeUtcMs: at("2026-11-23T20:31Z"),
  });
  assert.deepEqual(day!.suggestions.map((one) => instantText(one.startUtcMs).slice(11, 16)), ["21:00", "21:30", "22:00"]);
});

test("members of a group count one by one; one too big counts as one who can come", () => {
  const all = { startUtcMs: monday.fromUtcMs, endUtcMs: monday.toUtcMs };
  const busyAll: FreeBusyInterval[] = [{ ...all, state: "busy" }];
  const noData: FreeBusyInterval[] = [{ ...all, state: "noData" }];
  const [day] = suggestTimes([
    { type: "Required", excludeConflicts: false, times: { kind: "group", members: [busyAll, busyAll, [], noData] } },
    { type: "Required", excludeConflicts: false, times: { kind: "tooBigGroup" } },
  ], { ...options, maximumResultsByDay: 1 });
  const [one] = day!.suggestions;
  assert.equal(one!.quality, "Fair");
  assert.deepEqual(one!.conflicts, [
    { kind: "group", members: 4, available: 1, withConflict: 2, withNoData: 1 }, { kind: "tooBigGroup" },
  ]);
});

test("of equal times those near the meeting's own come first", () => {
  const [day] = suggestTimes([], { ...options, maximumResultsByDay: 2, currentMeetingUtcMs: at("2026-11-23T13:00Z") });
  assert.deepEqual(day!.suggestions.map((one) => instantText(one.startUtcMs).slice(11, 16)), ["13:00", "12:30"]);
});

test("the days of the change of clocks have their 46 and 50 half hours", () => {
  const count = (from: string, to: string): number[] => suggestTimes([], {
    ...options, window: windowOf(from, to), zone: newYork, meetingMinutes: 30, maximumResultsByDay: 48,
  }).map((day) => day.suggestions.length);
  assert.deepEqual(count("2026-03-08T05:00Z", "2026-03-09T04:00Z"), [46]);
  // The hour that comes twice is offered once, as its wall clock names the first.
  assert.deepEqual(count("2026-11-01T04:00Z", "2026-11-02T05:00Z"), [48]);
});

test("options that are not answered", () => {
  const bad: readonly Partial<SuggestionOptions>[] = [
    { goodThreshold: 0 }, { goodThreshold: 50 }, { meetingMinutes: 0 }, { meetingMinutes: 1441 },
    { maximumResultsByDay: 49 }, { maximumNonWorkHourResultsByDay: -1 },
    { window: windowOf("2026-01-01T00:00Z", "2026-12-01T00:00Z") },
  ];
  for (const one of bad) assert.throws(() => suggestTimes([], { ...options, ...one }), Fault);
  const members = new Array<FreeBusyInterval[]>(1001).fill([]);
  const crowd: SuggestionAttendee = { type: "Required", excludeConflicts: false, times: { kind: "group", members } };
  assert.throws(() => suggestTimes([crowd], options), Fault);
});

const states = freeBusyStates.map(({ state }) => state);
const anyTimes = fc.array(fc.tuple(fc.nat(2880), fc.integer({ min: 1, max: 400 }), fc.constantFrom(...states)), {
  maxLength: 8,
}).map((list) => mergeIntervals(list.map(([start, length, state]) => ({
  startUtcMs: monday.fromUtcMs + start * minute, endUtcMs: monday.fromUtcMs + (start + length) * minute, state,
}))));
const anyAttendee = fc.record({
  type: fc.constantFrom("Required" as const, "Optional" as const, "Room" as const), excludeConflicts: fc.boolean(),
  times: anyTimes.map((intervals) => ({ kind: "individual" as const, intervals })),
});

test("every half hour is judged as the minutes say", () => {
  const window = { fromUtcMs: monday.fromUtcMs, toUtcMs: monday.fromUtcMs + 2880 * minute };
  const attendees = fc.array(anyAttendee, { minLength: 1, maxLength: 6 });
  fc.assert(fc.property(attendees, fc.constantFrom(30, 60, 95), (list, meetingMinutes) => {
    const days = suggestTimes(list, {
      ...options, window, meetingMinutes, minimumQuality: "Poor", maximumResultsByDay: 48,
    });
    const told = new Map(days.flatMap(({ suggestions }) => suggestions).map((one) => [one.startUtcMs, one]));
    for (let start = 0; start + meetingMinutes <= 2880; start += 30) {
      const startUtcMs = window.fromUtcMs + start * minute;
      let unable = 0;
      let isExcluded = false;
      for (const { times, excludeConflicts } of list) {
        let worst = "free" as (typeof states)[number];
        for (let at = startUtcMs; at < startUtcMs + meetingMinutes * minute; at += minute) {
          const one = times.intervals.find((each) => each.startUtcMs <= at && each.endUtcMs > at)?.state ?? "free";
          if (rankOf(one) > rankOf(worst)) worst = one;
        }
        if (!isConflict(worst)) continue;
        unable++;
        isExcluded ||= excludeConflicts;
      }
      const expected = isExcluded ? undefined : qualityOf(unable, list.length, 25);
      assert.equal(told.get(startUtcMs)?.quality, expected, instantText(startUtcMs));
    }
    for (const { suggestions } of days) {
      const order = suggestions.map((one) => suggestionQualities.indexOf(one.quality));
      assert.deepEqual(order, [...order].sort((one, other) => one - other));
    }
  }), { numRuns: 40 });
});
