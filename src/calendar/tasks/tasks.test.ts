/**
 * Proves recurring tasks: completing one after the other gives the days that the pattern lists, regenerating ones count
 * from the day they are done, the last one is dead, and reminders go along. Properties compare with the expansion that
 * the recurrence room gives.
 */
import { strict as assert } from "node:assert";
import { test } from "node:test";
import fc from "fast-check";
import { decodeTaskRecurrence, encodeTaskRecurrence, endTypes } from "#calendar/recurrence/blob.ts";
import type { RecurrencePattern } from "#calendar/recurrence/blob.ts";
import { at, berlin, instantText } from "#calendar/occurrences/test-kit.ts";
import { completeTask, skipTask } from "#calendar/tasks/complete.ts";
import { taskSeriesOf } from "#calendar/tasks/series.ts";
import { localText } from "#calendar/zones/dates.ts";
import { getProperty, setProperty } from "#convert/item.ts";
import type { ItemBag } from "#convert/item.ts";
import { localOfTime, utcOfTime } from "#convert/todo/calendar.ts";
import { readTodos } from "#convert/todo/read.ts";
import { properties } from "#props/registry.ts";

const p = properties;

function taskOf(...lines: string[]): ItemBag {
  const text = ["BEGIN:VCALENDAR", "VERSION:2.0", "BEGIN:VTODO", "UID:t", "SUMMARY:Oil change", ...lines, "END:VTODO",
    "END:VCALENDAR", ""].join("\r\n");
  const [item] = readTodos(text, { zone: berlin }).items;
  if (item === undefined) throw new Error("no task");
  return item;
}

const dayOf = (item: ItemBag, which: "start" | "due"): string | undefined => {
  const time = getProperty(item, which === "start" ? p.PidLidTaskStartDate : p.PidLidTaskDueDate);
  return time === undefined ? undefined : localText(localOfTime(time)).slice(0, 10);
};

/** Days of the tasks that come one after the other, each done on the day told by `done`. */
function run(first: ItemBag, rounds: number, done: (round: number) => string): string[] {
  const days: string[] = [];
  let item: ItemBag | undefined = first;
  for (let round = 0; round < rounds && item !== undefined; round++) {
    days.push(`${dayOf(item, "start") ?? "-"} ${dayOf(item, "due")}`);
    item = completeTask(item, at(done(round)), berlin).next;
  }
  return item === undefined ? [...days, "over"] : days;
}

function regenerating(change: Partial<RecurrencePattern>, ...lines: string[]): ItemBag {
  const item = taskOf(...lines);
  const pattern = decodeTaskRecurrence(getProperty(item, p.PidLidTaskRecurrence)!);
  setProperty(item, p.PidLidTaskRecurrence, encodeTaskRecurrence({ ...pattern, slidingFlag: 1, ...change }));
  return item;
}

const late = (): string => "2027-06-15T09:00Z";
const rows: readonly (readonly [string, ItemBag, number, (round: number) => string, readonly string[]])[] = [
  ["weekly, however late", taskOf("DTSTART;VALUE=DATE:20261123", "DUE;VALUE=DATE:20261125", "RRULE:FREQ=WEEKLY;COUNT=3"), 5,
    late, ["2026-11-23 2026-11-25", "2026-11-30 2026-12-02", "2026-12-07 2026-12-09", "over"]],
  ["by its due date alone", taskOf("DUE;VALUE=DATE:20260131", "RRULE:FREQ=MONTHLY;BYMONTHDAY=-1;COUNT=3"), 2, late,
    ["- 2026-01-31", "- 2026-02-28"]],
  // A rule has nothing in a month that is too short.
  ["on each 31st", taskOf("DUE;VALUE=DATE:20260131", "RRULE:FREQ=MONTHLY;COUNT=3"), 5, late,
    ["- 2026-01-31", "- 2026-03-31", "- 2026-05-31", "over"]],
  ["until a day", taskOf("DUE;VALUE=DATE:20261228", "RRULE:FREQ=DAILY;INTERVAL=2;UNTIL=20270101"), 9, late,
    ["- 2026-12-28", "- 2026-12-30", "- 2027-01-01", "over"]],
  ["without an end", taskOf("DUE;VALUE=DATE:20261231", "RRULE:FREQ=YEARLY"), 3, late,
    ["- 2026-12-31", "- 2027-12-31", "- 2028-12-31"]],
  ["but for a day", taskOf("DUE;VALUE=DATE:20261201", "RRULE:FREQ=DAILY;COUNT=4", "EXDATE;VALUE=DATE:20261202"), 9, late,
    ["- 2026-12-01", "- 2026-12-03", "- 2026-12-04", "over"]],
  ["regenerating after ten days", regenerating({}, "DUE;VALUE=DATE:20261123", "RRULE:FREQ=DAILY;INTERVAL=10"), 3,
    (round) => ["2026-12-01T22:59Z", "2026-12-11T23:01Z", "2027-01-01T12:00Z"][round]!,
    // 23:01 UTC is the next day in Berlin.
    ["- 2026-11-23", "- 2026-12-11", "- 2026-12-22"]],
  ["regenerating after two weeks, its start before it", regenerating({}, "DTSTART;VALUE=DATE:20261123",
    "DUE;VALUE=DATE:20261126", "RRULE:FREQ=WEEKLY;INTERVAL=2"), 2, () => "2026-12-01T12:00Z",
    ["2026-11-23 2026-11-26", "2026-12-12 2026-12-15"]],
  ["regenerating after a month that is too short", regenerating({}, "DUE;VALUE=DATE:20270131", "RRULE:FREQ=MONTHLY"), 2,
    () => "2027-01-31T12:00Z", ["- 2027-01-31", "- 2027-02-28"]],
  ["regenerating three times", regenerating({ endType: endTypes.count, occurrenceCount: 3 }, "DUE;VALUE=DATE:20261123",
    "RRULE:FREQ=DAILY"), 9, (round) => `2026-12-0${round + 1}T12:00Z`,
    ["- 2026-11-23", "- 2026-12-02", "- 2026-12-03", "over"]],
];
for (const [name, item, rounds, done, expected] of rows) {
  test(`completing ${name}`, () => assert.deepEqual(run(item, rounds, done), expected));
}

test("the one that is done, and the one that comes", () => {
  const item = taskOf("DUE;VALUE=DATE:20261123", "RRULE:FREQ=WEEKLY;COUNT=2", "PERCENT-COMPLETE:50", "STATUS:IN-PROCESS",
    "BEGIN:VALARM", "ACTION:DISPLAY", "TRIGGER;VALUE=DATE-TIME:20261123T070000Z", "END:VALARM");
  const { done, next } = completeTask(item, at("2026-11-23T12:00Z"), berlin);
  const told = (one: ItemBag): unknown[] => [
    getProperty(one, p.PidLidTaskComplete), getProperty(one, p.PidLidTaskStatus), getProperty(one, p.PidLidPercentComplete),
    getProperty(one, p.PidLidTaskFRecurring), getProperty(one, p.PidLidTaskDeadOccurrence),
    getProperty(one, p.PidLidReminderSet), taskSeriesOf(one) !== undefined,
    instantText(utcOfTime(getProperty(one, p.PidLidReminderSignalTime)!)),
    instantText(utcOfTime(getProperty(one, p.PidLidCommonEnd)!)),
  ];
  assert.deepEqual(told(done), [true, 2, 1, false, true, false, false, "2026-11-23T07:00Z", "2026-11-22T23:00Z"]);
  assert.equal(instantText(utcOfTime(getProperty(done, p.PidLidTaskDateCompleted)!)), "2026-11-22T23:00Z");
  // The last of two is dead from the beginning.
  assert.deepEqual(told(next!), [false, 0, 0, true, true, true, true, "2026-11-30T07:00Z", "2026-11-29T23:00Z"]);
  assert.equal(getProperty(next!, p.PidLidTaskDateCompleted), undefined);
  const last = completeTask(next!, at("2026-11-30T12:00Z"), berlin);
  assert.equal(last.next, undefined);
  assert.equal(getProperty(last.done, p.PidLidTaskFRecurring), true);
  assert.equal(getProperty(item, p.PidLidTaskStatus), 1);
});

test("of a regenerating series too the last one is dead from the beginning", () => {
  const item = regenerating({ endType: endTypes.count, occurrenceCount: 3 }, "DUE;VALUE=DATE:20261123", "RRULE:FREQ=DAILY");
  const second = completeTask(item, at("2026-11-23T12:00Z"), berlin).next!;
  const third = completeTask(second, at("2026-11-24T12:00Z"), berlin).next!;
  assert.deepEqual([second, third].map((one) => getProperty(one, p.PidLidTaskDeadOccurrence)), [false, true]);
  const past = regenerating({}, "DUE;VALUE=DATE:20261123", "RRULE:FREQ=DAILY;UNTIL=20261125");
  assert.equal(completeTask(past, at("2026-11-25T12:00Z"), berlin).next, undefined);
  assert.notEqual(completeTask(past, at("2026-11-24T12:00Z"), berlin).next, undefined);
});

test("a reminder that was dismissed comes back with the next task, over the change of the clock", () => {
  const item = taskOf("DUE;VALUE=DATE:20261023", "RRULE:FREQ=WEEKLY", "BEGIN:VALARM", "ACTION:DISPLAY",
    "TRIGGER;VALUE=DATE-TIME:20261023T060000Z", "END:VALARM");
  setProperty(item, p.PidLidReminderSet, false);
  assert.equal(getProperty(completeTask(item, at("2026-10-23T12:00Z"), berlin).next!, p.PidLidReminderSet), false);
  setProperty(item, p.PidLidTaskResetReminder, true);
  const { next } = completeTask(item, at("2026-10-23T12:00Z"), berlin);
  assert.equal(getProperty(next!, p.PidLidReminderSet), true);
  assert.equal(getProperty(next!, p.PidLidTaskResetReminder), false);
  assert.equal(instantText(utcOfTime(getProperty(next!, p.PidLidReminderTime)!)), "2026-10-30T07:00Z");
});

test("a start that stands for none is none", () => {
  const item = taskOf("DUE;VALUE=DATE:20261123", "RRULE:FREQ=WEEKLY;COUNT=2");
  const none = 0x5ae980e0n * 600_000_000n;
  setProperty(item, p.PidLidTaskStartDate, none);
  const { next } = completeTask(item, at("2026-11-23T12:00Z"), berlin);
  assert.equal(dayOf(next!, "due"), "2026-11-30");
  assert.equal(getProperty(next!, p.PidLidTaskStartDate), none);
});

test("tasks without a series, with a broken one, or that are skipped", () => {
  const plain = taskOf("DUE;VALUE=DATE:20261123");
  const { done, next } = completeTask(plain, at("2026-11-23T12:00Z"), berlin);
  assert.equal(next, undefined);
  assert.equal(getProperty(done, p.PidLidTaskComplete), true);
  assert.equal(getProperty(done, p.PidLidTaskDeadOccurrence), undefined);
  const broken = taskOf("DUE;VALUE=DATE:20261123", "RRULE:FREQ=WEEKLY");
  setProperty(broken, p.PidLidTaskRecurrence, new Uint8Array([1]));
  assert.equal(completeTask(broken, at("2026-11-23T12:00Z"), berlin).next, undefined);
  const two = taskOf("DUE;VALUE=DATE:20261123", "RRULE:FREQ=WEEKLY;COUNT=2");
  const second = skipTask(two, at("2026-11-23T12:00Z"), berlin)!;
  assert.equal(dayOf(second, "due"), "2026-11-30");
  assert.equal(getProperty(second, p.PidLidTaskComplete), false);
  assert.equal(skipTask(second, at("2026-11-23T12:00Z"), berlin), undefined);
});

test("one after the other they are on the days of the pattern", () => {
  const rule = fc.constantFrom(
    "FREQ=DAILY;INTERVAL=3", "FREQ=WEEKLY;BYDAY=MO,TH", "FREQ=MONTHLY;BYDAY=-1FR", "FREQ=MONTHLY;BYMONTHDAY=28",
    "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU",
  );
  fc.assert(fc.property(rule, fc.integer({ min: 1, max: 20 }), (text, count) => {
    const first = taskOf("DUE;VALUE=DATE:20261124", `RRULE:${text};COUNT=${count}`);
    const { recurrence } = taskSeriesOf(first)!;
    const due = localOfTime(getProperty(first, p.PidLidTaskDueDate)!);
    // The one at hand may lie before the pattern's first day.
    const days = run(first, 40, late);
    assert.equal(days.pop(), "over");
    assert.equal(days.length, recurrence.start > due ? count + 1 : count);
    assert.deepEqual([...new Set(days)].sort(), days);
  }), { numRuns: 60 });
});
