/**
 * Proves the way between RRULE and series: which rules have a pattern and which, which are refused and by what name,
 * dates left out and added, broken rules; and that a series written as a rule comes back as the same days.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { WireError } from "#base/fault.ts";
import { localFrom, localText } from "#calendar/zones/dates.ts";
import { Series } from "#calendar/recurrence/expand.ts";
import { recurrenceOfRule } from "#calendar/recurrence/from-rule.ts";
import type { Difference, RuleResult, RuleSource } from "#calendar/recurrence/from-rule.ts";
import type { Recurrence } from "#calendar/recurrence/model.ts";
import type { RefusalReason } from "#calendar/recurrence/rule-pattern.ts";
import { parseRule, parseRuleTime } from "#calendar/zones/rule-text.ts";
import { splitContentLine } from "#format/content-lines.ts";
import { ruleOfRecurrence } from "#calendar/recurrence/to-rule.ts";
import { ianaZone } from "#calendar/zones/iana.ts";
import { utcZone } from "#calendar/zones/zone.ts";
import { valueOrWireError } from "#codec/binary/test-kit.ts";

const berlin = ianaZone("Europe/Berlin")!;
const wednesday = localFrom(2026, 4, 1, 9, 30);

function read(rule: string, more: Partial<RuleSource> = {}): RuleResult {
  return recurrenceOfRule({ rules: [rule], start: wednesday, durationMinutes: 60, zone: berlin, ...more });
}

function mapped(result: RuleResult): { recurrence: Recurrence; differences: readonly Difference[] } {
  assert.equal(result.kind, "mapped", JSON.stringify(result));
  return result as RuleResult & { kind: "mapped" };
}

const patterns: [rule: string, pattern: object, interval: number, frequency: string][] = [
  ["FREQ=DAILY", { kind: "daily" }, 1, "daily"],
  ["FREQ=DAILY;INTERVAL=3", { kind: "daily" }, 3, "daily"],
  ["FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR", { kind: "weekly", weekdays: 62 }, 1, "daily"],
  ["FREQ=WEEKLY", { kind: "weekly", weekdays: 8 }, 1, "weekly"],
  ["FREQ=WEEKLY;BYDAY=WE,FR;INTERVAL=2;WKST=SU", { kind: "weekly", weekdays: 40 }, 2, "weekly"],
  ["FREQ=WEEKLY;BYDAY=SU,MO,TU,WE,TH,FR,SA", { kind: "daily" }, 1, "daily"],
  ["FREQ=MONTHLY", { kind: "monthly", day: 1 }, 1, "monthly"],
  ["FREQ=MONTHLY;BYMONTHDAY=-1", { kind: "monthly", day: 31 }, 1, "monthly"],
  ["FREQ=MONTHLY;BYMONTHDAY=28,29,30;BYSETPOS=-1", { kind: "monthly", day: 30 }, 1, "monthly"],
  ["RSCALE=GREGORIAN;FREQ=MONTHLY;BYMONTHDAY=31;SKIP=BACKWARD", { kind: "monthly", day: 31 }, 1, "monthly"],
  ["FREQ=MONTHLY;BYDAY=1WE", { kind: "monthlyNth", weekdays: 8, nth: 1 }, 1, "monthly"],
  ["FREQ=MONTHLY;BYDAY=-1FR", { kind: "monthlyNth", weekdays: 32, nth: 5 }, 1, "monthly"],
  ["FREQ=MONTHLY;BYDAY=WE;BYSETPOS=3", { kind: "monthlyNth", weekdays: 8, nth: 3 }, 1, "monthly"],
  ["FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", { kind: "monthlyNth", weekdays: 62, nth: 5 }, 1, "monthly"],
  ["FREQ=MONTHLY;BYDAY=WE;BYMONTHDAY=8,9,10,11,12,13,14", { kind: "monthlyNth", weekdays: 8, nth: 2 }, 1, "monthly"],
  ["FREQ=MONTHLY;BYDAY=TU", { kind: "weekly", weekdays: 4 }, 1, "weekly"],
  ["FREQ=MONTHLY;BYMONTH=4,10", { kind: "monthly", day: 1 }, 6, "monthly"],
  ["FREQ=MONTHLY;INTERVAL=3;BYMONTH=4", { kind: "monthly", day: 1 }, 12, "yearly"],
  ["FREQ=YEARLY", { kind: "monthly", day: 1 }, 12, "yearly"],
  ["FREQ=YEARLY;INTERVAL=2", { kind: "monthly", day: 1 }, 24, "monthly"],
  ["FREQ=YEARLY;BYMONTHDAY=15", { kind: "monthly", day: 15 }, 12, "yearly"],
  ["FREQ=YEARLY;BYMONTH=1,4,7,10;BYMONTHDAY=1", { kind: "monthly", day: 1 }, 3, "monthly"],
  ["FREQ=YEARLY;BYMONTH=11;BYDAY=4TH", { kind: "monthlyNth", weekdays: 16, nth: 4 }, 12, "yearly"],
  ["FREQ=YEARLY;BYMONTH=4;BYMONTHDAY=-2", { kind: "monthly", day: 29 }, 12, "yearly"],
  ["FREQ=YEARLY;BYYEARDAY=32", { kind: "monthly", day: 1 }, 12, "yearly"],
  ["FREQ=YEARLY;BYYEARDAY=-1", { kind: "monthly", day: 31 }, 12, "yearly"],
  ["freq=weekly;byday=we;", { kind: "weekly", weekdays: 8 }, 1, "weekly"],
];

test("rules that are patterns", () => {
  for (const [rule, pattern, interval, frequency] of patterns) {
    const { recurrence } = mapped(read(rule));
    assert.deepEqual([recurrence.pattern, recurrence.interval, recurrence.frequency], [pattern, interval, frequency], rule);
  }
});

const refusals: [rule: string, reason: RefusalReason][] = [
  ["FREQ=HOURLY", "subDaily"], ["FREQ=MINUTELY;INTERVAL=20", "subDaily"], ["FREQ=SECONDLY;COUNT=2000", "subDaily"],
  ["FREQ=DAILY;BYHOUR=9,10", "timesWithinDay"], ["FREQ=YEARLY;BYWEEKNO=20", "weekOfYear"],
  ["FREQ=YEARLY;BYYEARDAY=1,100,200", "dayOfYear"], ["FREQ=YEARLY;BYYEARDAY=100", "dayOfYear"],
  ["FREQ=YEARLY;BYDAY=20MO", "nthOfYear"], ["FREQ=MONTHLY;BYMONTHDAY=2,15", "severalPerPeriod"],
  ["FREQ=MONTHLY;BYDAY=1SU,-1SU", "severalPerPeriod"], ["FREQ=MONTHLY;INTERVAL=2;BYDAY=TU", "severalPerPeriod"],
  ["FREQ=YEARLY;BYMONTH=3;BYDAY=TH", "severalPerPeriod"], ["FREQ=MONTHLY;BYMONTHDAY=-3", "dayFromEnd"],
  ["FREQ=MONTHLY;BYDAY=-2MO", "nthFromEnd"], ["FREQ=MONTHLY;BYDAY=5MO", "fifthWeekday"],
  ["FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2", "position"],
  ["FREQ=WEEKLY;BYDAY=MO,TU;BYSETPOS=1", "position"],
  ["FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13", "dayFilter"], ["FREQ=DAILY;INTERVAL=2;BYDAY=MO", "dayFilter"],
  ["FREQ=DAILY;BYMONTH=1", "monthFilter"], ["FREQ=WEEKLY;BYMONTH=1", "monthFilter"],
  ["FREQ=YEARLY;BYMONTH=6,7", "monthFilter"], ["FREQ=YEARLY;INTERVAL=2;BYMONTH=1,7", "monthFilter"],
  ["RSCALE=HEBREW;FREQ=YEARLY;BYMONTH=5L;BYMONTHDAY=8;SKIP=FORWARD", "calendarScale"],
  ["RSCALE=GREGORIAN;FREQ=MONTHLY;BYMONTHDAY=31;SKIP=FORWARD", "skipForward"],
  ["FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "noOccurrences"], ["FREQ=DAILY;UNTIL=20260331T000000Z", "noOccurrences"],
  ["FREQ=DAILY;INTERVAL=10000", "intervalTooLarge"],
  ["FREQ=FORTNIGHTLY", "malformed"], ["COUNT=3", "malformed"], ["FREQ=DAILY;COUNT=0", "malformed"],
  ["FREQ=DAILY;COUNT=x", "malformed"], ["FREQ=DAILY;UNTIL=20261332", "malformed"], ["W1 MO 20101129T100000 #5", "malformed"],
  ["FREQ=DAILY;FREQ=DAILY", "malformed"], ["FREQ=WEEKLY;BYDAY=XX", "malformed"], ["FREQ=WEEKLY;BYDAY=1MO", "malformed"],
  ["FREQ=MONTHLY;BYMONTHDAY=0", "malformed"], ["FREQ=MONTHLY;BYMONTHDAY=32", "malformed"],
  [`FREQ=DAILY;X=${"1".repeat(9000)}`, "malformed"], ["", "malformed"],
];

test("rules that are none, by name", () => {
  for (const [rule, reason] of refusals) {
    const result = read(rule);
    assert.equal(result.kind === "refused" ? result.reason : "mapped", reason, rule.slice(0, 80));
  }
  const source = { start: wednesday, durationMinutes: 60, zone: berlin };
  const reasonOf = (more: Partial<RuleSource>): string => {
    const result = recurrenceOfRule({ rules: ["FREQ=DAILY"], ...source, ...more });
    return result.kind === "refused" ? result.reason : "mapped";
  };
  assert.equal(reasonOf({ rules: ["FREQ=DAILY", "FREQ=WEEKLY"] }), "severalRules");
  assert.equal(reasonOf({ exclusionRules: ["FREQ=DAILY"] }), "exclusionRule");
  assert.equal(reasonOf({ rules: [] }), "extraDates");
  assert.equal(reasonOf({ start: -1 }), "startTooEarly");
  const excluded = Array.from({ length: 20_001 }, () => parseRuleTime("20260402"));
  assert.equal(reasonOf({ excluded }), "tooManyExceptions");
});

const daysOf = (recurrence: Recurrence, most = 20): string[] => {
  const found: string[] = [];
  for (const { start } of new Series(recurrence, berlin).from(Date.UTC(1990, 0))) {
    found.push(localText(start));
    if (found.length >= most) break;
  }
  return found;
};

test("ends", () => {
  const until = (text: string): number => daysOf(mapped(read(`FREQ=DAILY;UNTIL=${text}`)).recurrence).length;
  assert.equal(until("20260403"), 3);
  // 09:30 in Berlin is 07:30 in UTC.
  assert.equal(until("20260403T073000Z"), 3);
  assert.equal(until("20260403T072900Z"), 2);
  assert.equal(until("20260403T093000"), 3);
  assert.equal(until("20260403T092900"), 2);
  assert.equal(daysOf(mapped(read("FREQ=DAILY;COUNT=4")).recurrence).length, 4);
});

test("months without the day: left out where the series ends, told where it does not", () => {
  const start = localFrom(2026, 1, 31, 9);
  const endless = mapped(read("FREQ=MONTHLY", { start }));
  assert.deepEqual(endless.differences, ["shortMonths"]);
  const four = mapped(read("FREQ=MONTHLY;COUNT=4", { start }));
  assert.deepEqual(four.differences, []);
  assert.deepEqual(daysOf(four.recurrence),
    ["2026-01-31 09:00", "2026-03-31 09:00", "2026-05-31 09:00", "2026-07-31 09:00"]);
  const leap = mapped(read("FREQ=YEARLY;UNTIL=20330101", { start: localFrom(2024, 2, 29) }));
  assert.deepEqual(daysOf(leap.recurrence), ["2024-02-29 00:00", "2028-02-29 00:00", "2032-02-29 00:00"]);
  const written = ruleOfRecurrence(four.recurrence, { kind: "floating" });
  assert.deepEqual(written, { rule: "FREQ=MONTHLY;BYMONTHDAY=31;UNTIL=20260731T090000", excluded: [], lacksShortMonths: false });
});

test("a start that the rule does not have", () => {
  const { recurrence, differences } = mapped(read("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO;COUNT=2"));
  assert.deepEqual(differences, ["startNotInRule"]);
  assert.deepEqual(daysOf(recurrence), ["2026-04-13 09:30", "2026-04-27 09:30"]);
  const january = mapped(read("FREQ=YEARLY;INTERVAL=2;BYMONTH=1;BYMONTHDAY=5;COUNT=2"));
  assert.deepEqual(daysOf(january.recurrence), ["2028-01-05 09:30", "2030-01-05 09:30"]);
  const early = mapped(read("FREQ=DAILY;BYHOUR=8;BYMINUTE=0;COUNT=1"));
  assert.deepEqual(daysOf(early.recurrence), ["2026-04-02 08:00"]);
});

test("dates left out and added", () => {
  const excluded = ["20260402T093000", "20260403T073000Z", "20260404", "20260405T120000"].map(parseRuleTime);
  const { recurrence } = mapped(read("FREQ=DAILY;COUNT=6", { excluded }));
  assert.deepEqual(daysOf(recurrence), ["2026-04-01 09:30", "2026-04-05 09:30", "2026-04-06 09:30"]);
  const extra = [
    { start: parseRuleTime("20260405T093000") },
    { start: parseRuleTime("20260402T150000"), end: parseRuleTime("20260402T153000") },
    { start: parseRuleTime("20260402T130000Z"), end: parseRuleTime("20260402T133000Z") },
  ];
  const moved = mapped(read("FREQ=DAILY;COUNT=6", { excluded, extra })).recurrence;
  assert.deepEqual(moved.modified.map(({ original, start, end }) => [original, start, end].map(localText)),
    [["2026-04-02 09:30", "2026-04-02 15:00", "2026-04-02 15:30"]]);
  const alone = read("FREQ=DAILY;COUNT=6", { extra });
  assert.equal(alone.kind === "refused" && alone.reason, "extraDates");
});

test("an exception in UTC finds the occurrence that a change of the clock moved", () => {
  const start = localFrom(2026, 3, 28, 2, 30);
  const { recurrence } = mapped(read("FREQ=DAILY;COUNT=3", { start, excluded: [parseRuleTime("20260329T013000Z")] }));
  assert.deepEqual(recurrence.deleted.map(localText), ["2026-03-29 02:30"]);
});

const written: [series: Partial<Recurrence>, rule: string][] = [
  [{ pattern: { kind: "daily" }, interval: 2 }, "FREQ=DAILY;INTERVAL=2"],
  [{ pattern: { kind: "weekly", weekdays: 0b1001000 }, interval: 2, firstDayOfWeek: 1 },
    "FREQ=WEEKLY;INTERVAL=2;BYDAY=WE,SA;WKST=MO"],
  [{ pattern: { kind: "monthly", day: 1 } }, "FREQ=MONTHLY;BYMONTHDAY=1"],
  [{ pattern: { kind: "monthly", day: 31 }, start: localFrom(2026, 4, 30) }, "FREQ=MONTHLY;BYMONTHDAY=-1"],
  [{ pattern: { kind: "monthEnd" }, start: localFrom(2026, 4, 30) }, "FREQ=MONTHLY;BYMONTHDAY=-1"],
  [{ pattern: { kind: "monthly", day: 1 }, interval: 12 }, "FREQ=YEARLY;BYMONTH=4;BYMONTHDAY=1"],
  [{ pattern: { kind: "monthly", day: 1 }, interval: 24 }, "FREQ=YEARLY;INTERVAL=2;BYMONTH=4;BYMONTHDAY=1"],
  [{ pattern: { kind: "monthly", day: 29 }, interval: 12, start: localFrom(2026, 2, 28) },
    "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=-1"],
  [{ pattern: { kind: "monthly", day: 23 }, interval: 12, start: localFrom(2026, 2, 23) },
    "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=23"],
  [{ pattern: { kind: "monthlyNth", weekdays: 8, nth: 1 } }, "FREQ=MONTHLY;BYDAY=1WE"],
  [{ pattern: { kind: "monthlyNth", weekdays: 62, nth: 1 } }, "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=1"],
  [{ pattern: { kind: "monthlyNth", weekdays: 32, nth: 5 }, interval: 12, start: localFrom(2026, 4, 24) },
    "FREQ=YEARLY;BYMONTH=4;BYDAY=-1FR"],
  [{ end: { kind: "count", count: 5 } }, "FREQ=DAILY;COUNT=5"],
  [{ end: { kind: "date", lastDate: localFrom(2026, 4, 9) }, interval: 3 }, "FREQ=DAILY;INTERVAL=3;UNTIL=20260409T073000Z"],
];

const base: Recurrence = {
  frequency: "daily", calendarType: 0, pattern: { kind: "daily" }, interval: 1, firstDayOfWeek: 0, start: wednesday,
  durationMinutes: 60, end: { kind: "never" }, deleted: [], modified: [],
};

test("series as rules", () => {
  for (const [series, rule] of written) {
    assert.equal(ruleOfRecurrence({ ...base, ...series }, { kind: "zoned", zone: berlin }).rule, rule);
  }
  const thirtieth: Recurrence = { ...base, pattern: { kind: "monthly", day: 30 }, start: localFrom(2026, 4, 30) };
  assert.deepEqual(ruleOfRecurrence(thirtieth, { kind: "date" }),
    { rule: "FREQ=MONTHLY;BYMONTHDAY=30", excluded: [], lacksShortMonths: true });
  assert.deepEqual(ruleOfRecurrence(thirtieth, { kind: "date" }, { isExact: true }),
    { rule: "FREQ=MONTHLY;BYMONTHDAY=28,29,30;BYSETPOS=-1", excluded: [], lacksShortMonths: false });
  assert.throws(() => ruleOfRecurrence({ ...base, calendarType: 6, pattern: { kind: "monthEnd" } }, { kind: "date" }),
    { code: "notSupported" });
});

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
  interval: fc.integer({ min: 1, max: 24 }), firstDayOfWeek: fc.integer({ min: 0, max: 6 }),
  day: fc.integer({ min: 140_000, max: 160_000 }), count: fc.option(fc.integer({ min: 1, max: 80 })),
}).map(({ day, count, ...fields }): Recurrence => {
  const rough = { ...base, ...fields, start: day * 1440 + 600 };
  const start = new Series(rough, utcZone).originalAt(0);
  return { ...rough, start, end: count === null ? { kind: "never" } : { kind: "count", count } };
});

test("a series comes back from its rule with the same days", () => {
  fc.assert(fc.property(anySeries, fc.boolean(), (series, isZoned) => {
    const style = isZoned ? { kind: "zoned" as const, zone: berlin } : { kind: "floating" as const };
    const { rule, excluded } = ruleOfRecurrence(series, style, { isExact: true });
    const result = recurrenceOfRule({
      rules: [rule], start: series.start, durationMinutes: 60, zone: berlin,
      excluded: excluded.map((local) => ({ local, localMs: 0, isUtc: false, isDate: false })),
    });
    const { recurrence, differences } = mapped(result);
    assert.deepEqual(differences, [], rule);
    assert.deepEqual(daysOf(recurrence, 90), daysOf(series, 90), rule);
  }), { numRuns: 300 });
});

test("times and lines", () => {
  for (const text of ["20260230", "20260101T240000", "20260101T006000", "20261301", "2026-01-01", "20260101T00000Z", ""]) {
    assert.throws(() => parseRuleTime(text), WireError, text);
  }
  const time = parseRuleTime("20260401T093059Z");
  assert.deepEqual([localText(time.local), time.localMs, time.isUtc, time.isDate],
    ["2026-04-01 09:30", Date.UTC(2026, 3, 1, 9, 30, 59), true, false]);
  const line = splitContentLine('attendee;CN="a:b;c";ROLE=x:mailto:d@e:f');
  assert.deepEqual([line.name, [...line.parameters], line.value],
    ["ATTENDEE", [["CN", "a:b;c"], ["ROLE", "x"]], "mailto:d@e:f"]);
});

test("any text gives a rule or a WireError, and a result", () => {
  const part = fc.constantFrom("FREQ=", "YEARLY", "BYDAY=", "MO", ";", "=", ",", "-1", "BYMONTHDAY=", "UNTIL=2026", "T", "Z", "0", "9");
  fc.assert(fc.property(fc.oneof(fc.string(), fc.array(part, { maxLength: 12 }).map((parts) => parts.join(""))), (text) => {
    valueOrWireError(() => parseRule(text));
    valueOrWireError(() => splitContentLine(text));
    assert.ok(["mapped", "refused"].includes(read(text).kind));
  }), { numRuns: 1000 });
});
