/**
 * Proves reminders by a list: every instance of a series with its own signal, written out one by one. The next signal,
 * what is left after dismissing, and a user who dismisses each reminder as it comes are compared with that list.
 * Single appointments, snoozing and changes are tables.
 */
import { strict as assert } from "node:assert";
import { test } from "node:test";
import fc from "fast-check";
import { appointmentOf } from "#calendar/occurrences/appointment.ts";
import type { Appointment } from "#calendar/occurrences/appointment.ts";
import { instancesOf, reminderMinutesOf, reminderSetOf } from "#calendar/occurrences/instances.ts";
import { appointmentFrom, at, berlin, instantText, itemFrom, windowOf } from "#calendar/occurrences/test-kit.ts";
import { isReminderCandidate, reminderQueue } from "#calendar/reminders/queue.ts";
import {
  afterChange, dismissPlain, dismissed, neverSignalUtcMs, newReminder, nextSignalled, plainReminderOf, reminderOf,
  setReminder, snoozePlain, snoozed,
} from "#calendar/reminders/signal.ts";
import type { Reminder } from "#calendar/reminders/signal.ts";
import { getProperty, newItem, setProperty } from "#convert/item.ts";
import { properties } from "#props/registry.ts";

const p = properties;
const minute = 60_000;

const alarm = (minutes: number): string[] =>
  ["BEGIN:VALARM", "ACTION:DISPLAY", `TRIGGER:-PT${minutes}M`, "END:VALARM"];
const single = appointmentFrom([["DTSTART:20261124T100000Z", "DTEND:20261124T110000Z", ...alarm(15)]]);
const silent = appointmentFrom([["DTSTART:20261124T100000Z", "DTEND:20261124T110000Z"]]);
const start = at("2026-11-24T10:00Z");

const told = ({ isSet, timeUtcMs, signalUtcMs }: Reminder): string => (isSet
  ? `${instantText(timeUtcMs)} at ${signalUtcMs === neverSignalUtcMs ? "never" : instantText(signalUtcMs)}` : "off");

test("a single appointment", () => {
  assert.equal(told(newReminder(single, at("2026-11-20T00:00Z"))), "2026-11-24T10:00Z at 2026-11-24T09:45Z");
  assert.equal(told(newReminder(single, at("2026-12-20T00:00Z"))), "2026-11-24T10:00Z at 2026-11-24T09:45Z");
  assert.equal(told(newReminder(silent, 0)), "off");
  assert.equal(told(dismissed(single, start)), "off");
  assert.equal(told(snoozed(single, start + 5 * minute, start)), "2026-11-24T10:00Z at 2026-11-24T10:05Z");
  assert.equal(told(snoozed(silent, start, start)), "off");
  assert.equal(instantText(nextSignalled(single, 0)!.startUtcMs), "2026-11-24T10:00Z");
  assert.equal(nextSignalled(single, start - 15 * minute), undefined);
});

const daily = (...more: (readonly string[])[]): Appointment => appointmentFrom([
  ["DTSTART:20261124T100000Z", "DTEND:20261124T110000Z", "RRULE:FREQ=DAILY;COUNT=5", ...alarm(15)], ...more,
]);
const occurrence = (day: number, ...lines: string[]): string[] => [`RECURRENCE-ID:202611${day}T100000Z`, ...lines];
const withReminder = (appointment: Appointment, reminder: Reminder): Appointment => {
  setReminder(appointment.item, reminder);
  return appointmentOf(appointment.item, berlin)!;
};

test("a series moves from one occurrence to the next, and is spent after the last", () => {
  let series = daily();
  let reminder = newReminder(series, at("2026-11-01T00:00Z"));
  const seen: string[] = [];
  for (let round = 0; round < 6; round++) {
    seen.push(told(reminder));
    series = withReminder(series, reminder);
    reminder = dismissed(series, Math.max(reminder.signalUtcMs, 0) + minute);
  }
  assert.deepEqual(seen, [
    "2026-11-24T10:00Z at 2026-11-24T09:45Z", "2026-11-25T10:00Z at 2026-11-25T09:45Z",
    "2026-11-26T10:00Z at 2026-11-26T09:45Z", "2026-11-27T10:00Z at 2026-11-27T09:45Z",
    "2026-11-28T10:00Z at 2026-11-28T09:45Z", "2026-11-24T10:00Z at never",
  ]);
});

test("occurrences with a reminder of their own, or none", () => {
  const series = daily(
    occurrence(25, "DTSTART:20261125T100000Z", "DTEND:20261125T110000Z"),
    occurrence(27, "DTSTART:20261127T120000Z", "DTEND:20261127T130000Z", ...alarm(3 * 1440)),
  );
  const signals: string[] = [];
  for (let after = 0; ;) {
    const next = nextSignalled(series, after);
    if (next === undefined) break;
    after = next.startUtcMs - reminderMinutesOf(next) * minute;
    signals.push(instantText(after));
  }
  assert.deepEqual(signals, [
    "2026-11-24T09:45Z", "2026-11-24T12:00Z", "2026-11-26T09:45Z", "2026-11-28T09:45Z",
  ]);
});

test("a new series reminds of the one that has not begun, even when its signal has passed", () => {
  assert.equal(told(newReminder(daily(), at("2026-11-25T09:50Z"))), "2026-11-25T10:00Z at 2026-11-25T09:45Z");
  assert.equal(told(newReminder(daily(), at("2026-11-25T10:00Z"))), "2026-11-26T10:00Z at 2026-11-26T09:45Z");
  assert.equal(told(newReminder(daily(), at("2026-12-25T10:00Z"))), "2026-11-24T10:00Z at never");
});

test("a series that is put off for too long reminds of its next occurrence in time", () => {
  const series = withReminder(daily(), newReminder(daily(), at("2026-11-24T00:00Z")));
  const now = at("2026-11-24T09:46Z");
  assert.equal(told(snoozed(series, now + 10 * minute, now)), "2026-11-24T10:00Z at 2026-11-24T09:56Z");
  assert.equal(told(snoozed(series, now + 7 * 1440 * minute, now)), "2026-11-25T10:00Z at 2026-11-25T09:45Z");
});

const pending: Reminder = { isSet: true, timeUtcMs: at("2026-11-25T10:00Z"), signalUtcMs: at("2026-11-25T09:45Z") };
const changeRows: readonly (readonly [string, Appointment, Reminder, string, readonly number[], string])[] = [
  ["nothing that counts is new: what waits stays", daily(), pending, "2026-11-24T12:00Z", [],
    "2026-11-25T10:00Z at 2026-11-25T09:45Z"],
  ["what is overdue stays overdue", daily(), pending, "2026-11-25T09:50Z", [], "2026-11-25T10:00Z at 2026-11-25T09:45Z"],
  ["what was dismissed stays dismissed", daily(),
    { isSet: true, timeUtcMs: at("2026-11-26T10:00Z"), signalUtcMs: at("2026-11-26T09:45Z") }, "2026-11-25T09:50Z", [],
    "2026-11-26T10:00Z at 2026-11-26T09:45Z"],
  ["the one that waits is gone", appointmentFrom([[
    "DTSTART:20261124T100000Z", "DTEND:20261124T110000Z", "RRULE:FREQ=DAILY;COUNT=5", "EXDATE:20261125T100000Z",
    ...alarm(15),
  ]]), pending, "2026-11-24T12:00Z", [], "2026-11-26T10:00Z at 2026-11-26T09:45Z"],
  ["the one that waits comes later than its next", daily(
    occurrence(25, "DTSTART:20261126T150000Z", "DTEND:20261126T160000Z", ...alarm(15))), pending, "2026-11-24T12:00Z", [],
    "2026-11-26T10:00Z at 2026-11-26T09:45Z"],
  ["an earlier one by a longer lead", daily(
    occurrence(28, "DTSTART:20261128T100000Z", "DTEND:20261128T110000Z", ...alarm(4 * 1440 - 240))), pending,
    "2026-11-24T12:00Z", [], "2026-11-28T10:00Z at 2026-11-24T14:00Z"],
  ["the reminder is set anew", daily(), { ...pending, isSet: false }, "2026-11-26T00:00Z", [],
    "2026-11-26T10:00Z at 2026-11-26T09:45Z"],
  ["the reminder is taken off", silent, pending, "2026-11-24T00:00Z", [], "off"],
  ["a single one that was put off stays so", single,
    { isSet: true, timeUtcMs: start, signalUtcMs: start + 30 * minute }, "2026-11-24T10:01Z", [],
    "2026-11-24T10:00Z at 2026-11-24T10:30Z"],
  ["a single one that moved reminds anew", single,
    { isSet: true, timeUtcMs: start - 60 * minute, signalUtcMs: start }, "2026-11-24T09:00Z", [],
    "2026-11-24T10:00Z at 2026-11-24T09:45Z"],
];
for (const [name, appointment, before, now, changed, expected] of changeRows) {
  test(`after a change: ${name}`, () => assert.equal(told(afterChange(appointment, before, at(now), changed)), expected));
}

test("an occurrence that was moved to right now reminds at once", () => {
  const series = daily(occurrence(27, "DTSTART:20261124T121000Z", "DTEND:20261124T130000Z", ...alarm(15)));
  const [original] = series.series!.recurrence.modified.map((one) => one.original);
  const now = at("2026-11-24T12:00Z");
  assert.equal(told(afterChange(series, pending, now)), "2026-11-25T10:00Z at 2026-11-25T09:45Z");
  assert.equal(told(afterChange(series, pending, now, [original!])), "2026-11-24T12:10Z at 2026-11-24T11:55Z");
});

const anySeries = fc.record({
  rule: fc.constantFrom("DAILY", "DAILY;INTERVAL=3", "WEEKLY;BYDAY=MO,TH"), count: fc.integer({ min: 1, max: 12 }),
  delta: fc.constantFrom(0, 15, 600, 5000),
  changes: fc.uniqueArray(fc.record({
    index: fc.nat(11), moveHours: fc.integer({ min: -100, max: 100 }), delta: fc.constantFrom(-1, 0, 30, 1440, 9000),
  }), { maxLength: 4, selector: ({ index }) => index }),
});

test("the next signal, and all of them one after the other, are those of a list", () => {
  const window = windowOf("2026-01-01T00:00Z", "2030-01-01T00:00Z");
  const stamp = (utcMs: number): string => new Date(utcMs).toISOString().replaceAll(/[-:]|\.000/g, "");
  fc.assert(fc.property(anySeries, fc.nat(3000), (sample, afterHours) => {
    const master = [
      "DTSTART:20261124T100000Z", "DTEND:20261124T110000Z", `RRULE:FREQ=${sample.rule};COUNT=${sample.count}`,
      ...alarm(sample.delta),
    ];
    const plain = instancesOf(appointmentFrom([master]), window);
    const overrides = sample.changes.filter(({ index }) => index < plain.length).map(({ index, moveHours, delta }) => {
      const from = plain[index]!.startUtcMs;
      return [
        `RECURRENCE-ID:${stamp(from)}`, `DTSTART:${stamp(from + moveHours * 60 * minute)}`, "DURATION:PT1H",
        ...(delta < 0 ? [] : alarm(delta)),
      ];
    });
    const series = appointmentFrom([master, ...overrides]);
    const list = instancesOf(series, window).filter(reminderSetOf)
      .map((one) => one.startUtcMs - reminderMinutesOf(one) * minute).sort((one, other) => one - other);
    const after = at("2026-11-10T00:00Z") + afterHours * 60 * minute;
    const next = nextSignalled(series, after);
    const expected = list.find((signal) => signal > after);
    assert.equal(next && next.startUtcMs - reminderMinutesOf(next) * minute, expected);
    // Whoever dismisses each reminder at its own moment sees every signal once.
    const seen: number[] = [];
    let item = series;
    for (let now = at("2026-01-01T00:00Z"); seen.length < 50;) {
      const reminder = seen.length === 0 && now === at("2026-01-01T00:00Z") ? firstOf(item, now) : dismissed(item, now);
      if (reminder === undefined || reminder.signalUtcMs === neverSignalUtcMs) break;
      seen.push(reminder.signalUtcMs);
      now = reminder.signalUtcMs;
      item = withReminder(item, reminder);
    }
    assert.deepEqual(seen, [...new Set(list)]);
  }), { numRuns: 100 });
});

function firstOf(appointment: Appointment, now: number): Reminder | undefined {
  const next = nextSignalled(appointment, now);
  if (next === undefined) return undefined;
  const signalUtcMs = next.startUtcMs - reminderMinutesOf(next) * minute;
  return { isSet: true, timeUtcMs: next.startUtcMs, signalUtcMs };
}

test("what stands in the item is read, and is as by its times where nothing stands", () => {
  const appointment = appointmentOf(itemFrom([["DTSTART:20261124T100000Z", ...alarm(15)]]), berlin)!;
  assert.equal(told(reminderOf(appointment)), "2026-11-24T10:00Z at 2026-11-24T09:45Z");
  assert.equal(told(reminderOf(withReminder(appointment, pending))), "2026-11-25T10:00Z at 2026-11-25T09:45Z");
});

test("tasks and flagged messages", () => {
  const item = newItem();
  assert.equal(plainReminderOf(item), undefined);
  setReminder(item, pending);
  snoozePlain(item, at("2026-11-26T00:00Z"));
  assert.equal(told(plainReminderOf(item)!), "2026-11-25T10:00Z at 2026-11-26T00:00Z");
  dismissPlain(item);
  assert.equal(told(plainReminderOf(item)!), "off");
  assert.equal(getProperty(item, p.PidLidTaskResetReminder), undefined);
  setProperty(item, p.PidLidReminderSet, true);
  setProperty(item, p.PidLidTaskFRecurring, true);
  dismissPlain(item);
  assert.equal(getProperty(item, p.PidLidTaskResetReminder), true);
});

const candidate = {
  folderRoles: [null, "ipmSubtree", "root"], messageClass: "IPM.Appointment", isSubmitted: false, reminderSet: true,
  isRecurring: false,
};
const queueRows: readonly (readonly [string, Partial<typeof candidate>, boolean])[] = [
  ["an appointment", {}, true], ["one without a reminder", { reminderSet: false }, false],
  ["a series without one", { reminderSet: false, isRecurring: true }, true],
  ["a meeting message", { messageClass: "IPM.Schedule.Meeting.Request" }, false],
  ["on its way", { isSubmitted: true }, false],
  ["below the deleted ones", { folderRoles: [null, "deletedItems", "ipmSubtree"] }, false],
  ["junk", { folderRoles: ["junkEmail"] }, false], ["a draft", { folderRoles: ["drafts"] }, false],
  ["sent", { folderRoles: ["sentItems"] }, true],
];
for (const [name, change, expected] of queueRows) {
  test(`reminding: ${name}`, () => assert.equal(isReminderCandidate({ ...candidate, ...change }), expected));
}

test("the queue has what is overdue, the latest first, and says when to look again", () => {
  const one = (signalUtcMs: number, isSet = true): { isSet: boolean; signalUtcMs: number } => ({ isSet, signalUtcMs });
  const queue = reminderQueue([one(5), one(10), one(30), one(1, false), one(20)], 10);
  assert.deepEqual(queue.active.map(({ signalUtcMs }) => signalUtcMs), [10, 5]);
  assert.equal(queue.nextUtcMs, 20);
  assert.deepEqual(reminderQueue([], 0), { active: [], nextUtcMs: undefined });
});
