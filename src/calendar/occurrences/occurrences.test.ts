/**
 * Proves that the instances of an appointment are those its item tells, by tables of single ones, floating days and
 * series with changed and deleted occurrences, and by a property: a window gives what a far wider look gives when it
 * is cut down to the window by hand.
 */
import { strict as assert } from "node:assert";
import { test } from "node:test";
import fc from "fast-check";
import { Fault } from "#base/fault.ts";
import { appointmentOf, appointmentsOf, reminderDeltaOf } from "#calendar/occurrences/appointment.ts";
import {
  exceptionItemOf, extentOf, instanceNamed, instancesFrom, instancesOf, instancesOfAll, locationOf,
  reminderMinutesOf, reminderSetOf, subjectOf,
} from "#calendar/occurrences/instances.ts";
import {
  appointmentFrom, at, berlin, instantText, itemFrom, newYork, windowOf, zoneNamed,
} from "#calendar/occurrences/test-kit.ts";
import type { Zone } from "#calendar/zones/zone.ts";
import { getProperty, newItem, setProperty } from "#convert/item.ts";
import { properties } from "#props/registry.ts";

const p = properties;
const tokyo = zoneNamed("Asia/Tokyo");

const weekly = [
  "DTSTART;TZID=Europe/Berlin:20261019T100000", "DTEND;TZID=Europe/Berlin:20261019T110000",
  "RRULE:FREQ=WEEKLY;COUNT=6", "SUMMARY:Round", "LOCATION:Room 1", "EXDATE;TZID=Europe/Berlin:20261102T100000",
  "BEGIN:VALARM", "ACTION:DISPLAY", "TRIGGER:-PT10M", "END:VALARM",
];
const moved = [
  "RECURRENCE-ID;TZID=Europe/Berlin:20261109T100000", "DTSTART;TZID=Europe/Berlin:20261110T150000",
  "DTEND;TZID=Europe/Berlin:20261110T163000", "SUMMARY:Round, later", "LOCATION:Room 1",
  "X-MICROSOFT-CDO-BUSYSTATUS:OOF", "BEGIN:VALARM", "ACTION:DISPLAY", "TRIGGER:-PT1H", "END:VALARM",
];
const year = windowOf("2026-01-01T00:00Z", "2027-01-01T00:00Z");

test("a series with a changed and a deleted occurrence", () => {
  const series = appointmentFrom([weekly, moved]);
  const found = instancesOf(series, year).map((one) => [
    instantText(one.startUtcMs), instantText(one.endUtcMs), subjectOf(one), locationOf(one), one.busyStatus,
    reminderSetOf(one), reminderMinutesOf(one),
  ]);
  assert.deepEqual(found, [
    // Summer time ends on 25 October.
    ["2026-10-19T08:00Z", "2026-10-19T09:00Z", "Round", "Room 1", 2, true, 10],
    ["2026-10-26T09:00Z", "2026-10-26T10:00Z", "Round", "Room 1", 2, true, 10],
    ["2026-11-10T14:00Z", "2026-11-10T15:30Z", "Round, later", "Room 1", 3, true, 60],
    ["2026-11-16T09:00Z", "2026-11-16T10:00Z", "Round", "Room 1", 2, true, 10],
    ["2026-11-23T09:00Z", "2026-11-23T10:00Z", "Round", "Room 1", 2, true, 10],
  ]);
  assert.deepEqual(Object.values(extentOf(series)!).map(instantText), ["2026-10-19T08:00Z", "2026-11-23T10:00Z"]);
  const [, , changed] = instancesOf(series, year);
  assert.equal(getProperty(exceptionItemOf(changed!)!, p.PidTagSubject), "Round, later");
  assert.equal(instanceNamed(series, changed!.original!)?.startUtcMs, changed!.startUtcMs);
  assert.equal(exceptionItemOf(instancesOf(series, year)[0]!), undefined);
  const from = [...instancesFrom(series, at("2026-11-10T00:00Z"))].map((one) => instantText(one.startUtcMs));
  assert.deepEqual(from, ["2026-11-10T14:00Z", "2026-11-16T09:00Z", "2026-11-23T09:00Z"]);
});

const day = ["DTSTART;VALUE=DATE:20261224", "DTEND;VALUE=DATE:20261225", "SUMMARY:Day"];
const people = ["ORGANIZER:mailto:a@example.org", "ATTENDEE:mailto:b@example.org"];

const dayRows: readonly (readonly [string, readonly string[], Zone, string, string])[] = [
  ["a day floats to whoever looks", day, newYork, "2026-12-24T05:00Z", "2026-12-25T05:00Z"],
  ["and to the east", day, tokyo, "2026-12-23T15:00Z", "2026-12-24T15:00Z"],
  ["at home it stays", day, berlin, "2026-12-23T23:00Z", "2026-12-24T23:00Z"],
  ["the day of a meeting does not float", [...day, ...people], newYork, "2026-12-23T23:00Z", "2026-12-24T23:00Z"],
  ["a time of day does not float", ["DTSTART:20261224T120000", "DTEND:20261224T130000"], newYork, "2026-12-24T11:00Z",
    "2026-12-24T12:00Z"],
];
for (const [name, lines, viewer, start, end] of dayRows) {
  test(name, () => {
    const [found] = instancesOf(appointmentFrom([lines], viewer), year);
    assert.deepEqual([instantText(found!.startUtcMs), instantText(found!.endUtcMs)], [start, end]);
  });
}

test("the days of a series float too, over the change of the viewer's clock", () => {
  const series = appointmentFrom([[
    "DTSTART;VALUE=DATE:20261031", "RRULE:FREQ=DAILY;COUNT=3", "SUMMARY:Days",
  ]], newYork);
  const found = instancesOf(series, year).map((one) => [instantText(one.startUtcMs), instantText(one.endUtcMs)]);
  assert.deepEqual(found, [
    ["2026-10-31T04:00Z", "2026-11-01T04:00Z"], ["2026-11-01T04:00Z", "2026-11-02T05:00Z"],
    ["2026-11-02T05:00Z", "2026-11-03T05:00Z"],
  ]);
});

test("the changed day of a floating series finds its embedded message", () => {
  const series = appointmentFrom([
    ["DTSTART;VALUE=DATE:20261031", "RRULE:FREQ=DAILY;COUNT=3", "SUMMARY:Days"],
    ["RECURRENCE-ID;VALUE=DATE:20261101", "DTSTART;VALUE=DATE:20261105", "SUMMARY:Other day"],
  ], newYork);
  const changed = instancesOf(series, year).find((one) => one.modified !== undefined)!;
  assert.equal(instantText(changed.startUtcMs), "2026-11-05T05:00Z");
  assert.equal(getProperty(exceptionItemOf(changed)!, p.PidTagSubject), "Other day");
});

test("broken items: no start, a broken blob, ends before starts, unknown states", () => {
  assert.equal(appointmentOf(newItem(), berlin), undefined);
  const item = itemFrom([weekly]);
  setProperty(item, p.PidLidAppointmentRecur, new Uint8Array([1, 2, 3]));
  const broken = appointmentOf(item, berlin)!;
  assert.equal(broken.isUnexpandable, true);
  assert.deepEqual(instancesOf(broken, year).map((one) => instantText(one.startUtcMs)), ["2026-10-19T08:00Z"]);
  const early = itemFrom([["DTSTART:20261224T120000Z", "DTEND:20261224T130000Z"]]);
  setProperty(early, p.PidLidAppointmentEndWhole, 0n);
  setProperty(early, p.PidLidBusyStatus, 77);
  const [found] = instancesOf(appointmentOf(early, berlin)!, year);
  assert.deepEqual([found!.endUtcMs, found!.busyStatus], [found!.startUtcMs, 2]);
});

test("what no delta of a reminder can mean is the default", () => {
  assert.deepEqual([undefined, 0x5ae980e1, 2 ** 31 - 1, -5, 0, 40].map(reminderDeltaOf), [15, 15, 15, -5, 0, 40]);
});

test("zones that are found once are each item's own", () => {
  const lines = (zone: string): string[] => [`DTSTART;TZID=${zone}:20261124T100000`, "DURATION:PT1H"];
  const items = ["Europe/Berlin", "America/New_York", "Europe/Berlin", "Asia/Tokyo"]
    .flatMap((zone) => [itemFrom([lines(zone)]), newItem(), itemFrom([[...lines(zone), "RRULE:FREQ=DAILY"]])]);
  const found = [...appointmentsOf(items, berlin)];
  assert.equal(found.length, 8);
  const alone = items.map((item) => appointmentOf(item, berlin)).filter((one) => one !== undefined);
  assert.deepEqual(found.map((one) => one.ownZone.name), alone.map((one) => one.ownZone.name));
  assert.equal(new Set(found.map((one) => one.ownZone)).size, 3);
});

test("a look is bounded", () => {
  const endless = appointmentFrom([["DTSTART:20260101T100000Z", "DTEND:20260101T110000Z", "RRULE:FREQ=DAILY"]]);
  assert.throws(() => instancesOfAll([endless, endless], year, 500), Fault);
  assert.equal(instancesOfAll([endless], year, 500).length, 365);
  assert.equal(extentOf(endless)?.toUtcMs, Number.POSITIVE_INFINITY);
});

const hour = 3_600_000;
const anySeries = fc.record({
  rule: fc.constantFrom("FREQ=DAILY;INTERVAL=3", "FREQ=WEEKLY;BYDAY=MO,TH", "FREQ=MONTHLY;BYDAY=2TU", "FREQ=DAILY"),
  startHour: fc.integer({ min: 0, max: 23 }), hours: fc.integer({ min: 0, max: 60 }),
  movedTo: fc.integer({ min: 1, max: 28 }), viewer: fc.constantFrom(berlin, newYork, tokyo),
});

test("a window gives what a wide look gives, cut by hand", () => {
  fc.assert(fc.property(anySeries, fc.nat(8000), fc.integer({ min: 1, max: 900 }), (sample, fromHour, hours) => {
    const two = (value: number): string => String(value).padStart(2, "0");
    const start = `20260901T${two(sample.startHour)}0000`;
    const lines = [`DTSTART;TZID=Europe/Berlin:${start}`, `DURATION:PT${sample.hours}H`, `RRULE:${sample.rule};COUNT=60`];
    const first = instancesOf(appointmentFrom([lines], sample.viewer), windowOf("2026-01-01T00:00Z", "2040-01-01T00:00Z"));
    const named = first[3]!;
    const id = new Date(named.startUtcMs).toISOString().replaceAll(/[-:]|\.000/g, "");
    const series = appointmentFrom([lines, [
      `RECURRENCE-ID:${id}`, `DTSTART:202610${two(sample.movedTo)}T120000Z`, "DURATION:PT2H", "SUMMARY:moved",
    ]], sample.viewer);
    const all = instancesOf(series, windowOf("2026-01-01T00:00Z", "2040-01-01T00:00Z"));
    assert.equal(all.length, 60);
    const fromUtcMs = at("2026-08-25T00:00Z") + fromHour * hour;
    const toUtcMs = fromUtcMs + hours * hour;
    const expected = all.filter((one) => one.startUtcMs < toUtcMs &&
      (one.endUtcMs > fromUtcMs || (one.endUtcMs === one.startUtcMs && one.startUtcMs >= fromUtcMs)));
    const found = instancesOf(series, { fromUtcMs, toUtcMs });
    const starts = (list: typeof found): number[] => list.map((one) => one.startUtcMs);
    assert.deepEqual(starts(found), starts(expected));
  }), { numRuns: 150 });
});
