/**
 * Proves states in time against the plainest model there is, an array with one state for each minute: merging, cutting,
 * the merged view's digits. Views by right and detail are tables. Published blobs are bytes worked out by hand from the
 * formulas of [MS-OXOPFFB] 2.2.1.2, VFREEBUSY is the examples of RFC 5545 §3.6.4 and is read by ical.js as well.
 */
import { strict as assert } from "node:assert";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import fc from "fast-check";
import { Fault, WireError } from "#base/fault.ts";
import { intervalsOfPeriods, periodsOfIntervals } from "#calendar/free-busy/ical.ts";
import { cutIntervals, intervalsOf, mergeIntervals } from "#calendar/free-busy/intervals.ts";
import type { FreeBusyInterval } from "#calendar/free-busy/intervals.ts";
import { mergedDigits, mergedView } from "#calendar/free-busy/merged-view.ts";
import { publishRange, publishedIn, publishedProperties, readPublished } from "#calendar/free-busy/published.ts";
import { freeBusyStates, rankOf, stateOfRank } from "#calendar/free-busy/states.ts";
import type { FreeBusyState } from "#calendar/free-busy/states.ts";
import { allowedView, freeBusyView } from "#calendar/free-busy/view.ts";
import type { FreeBusyRight, ViewType } from "#calendar/free-busy/view.ts";
import { appointmentFrom, at, instantText, windowOf } from "#calendar/occurrences/test-kit.ts";
import { readFreeBusy, writeFreeBusy } from "#convert/ical/free-busy.ts";
import { loadIcal } from "#calendar/recurrence/test-kit.ts";
import { properties } from "#props/registry.ts";
import type { PropertyBag } from "#props/types.ts";

const p = properties;
const minute = 60_000;
const base = at("2026-11-29T00:00Z");
const states = freeBusyStates.map(({ state }) => state);

const interval = (start: number, length: number, state: FreeBusyState): FreeBusyInterval =>
  ({ startUtcMs: base + start * minute, endUtcMs: base + (start + length) * minute, state });

const anyIntervals = fc.array(fc.tuple(
  // Some end before they begin.
  fc.integer({ min: -300, max: 2000 }), fc.integer({ min: -50, max: 700 }), fc.constantFrom(...states),
), { maxLength: 25 }).map((list) => list.map(([start, length, state]) => interval(start, length, state)));

const minutesMax = 2880;

/** One state for each minute of two days. */
function model(intervals: readonly FreeBusyInterval[]): FreeBusyState[] {
  const array = new Array<FreeBusyState>(minutesMax).fill("free");
  for (const { startUtcMs, endUtcMs, state } of intervals) {
    for (let at = (startUtcMs - base) / minute; at < (endUtcMs - base) / minute; at++) {
      if (at >= 0 && at < minutesMax && rankOf(state) > rankOf(array[at]!)) array[at] = state;
    }
  }
  return array;
}

test("merged intervals are what the minutes say, apart and in order", () => {
  fc.assert(fc.property(anyIntervals, (intervals) => {
    const merged = mergeIntervals(intervals);
    assert.deepEqual(model(merged), model(intervals));
    merged.forEach((one, index) => {
      assert.ok(one.endUtcMs > one.startUtcMs && one.state !== "free");
      const next = merged[index + 1];
      if (next === undefined) return;
      assert.ok(next.startUtcMs > one.endUtcMs || (next.startUtcMs === one.endUtcMs && next.state !== one.state));
    });
    const cut = cutIntervals(merged, { fromUtcMs: base + 100 * minute, toUtcMs: base + 900 * minute });
    const expected = model(intervals).map((state, index) => (index >= 100 && index < 900 ? state : "free"));
    assert.deepEqual(model(cut), expected);
  }), { numRuns: 300 });
});

test("a slot of the merged view has the state that counts most of its minutes", () => {
  const slots = fc.constantFrom(5, 7, 15, 30, 60, 1440);
  fc.assert(fc.property(anyIntervals, slots, fc.integer({ min: 1, max: minutesMax }), (intervals, slot, length) => {
    const minutes = model(intervals).slice(0, length);
    let expected = "";
    for (let at = 0; at < length; at += slot) {
      const rank = Math.max(...minutes.slice(at, at + slot).map(rankOf));
      expected += mergedDigits.workingElsewhere[stateOfRank(rank)];
    }
    const window = { fromUtcMs: base, toUtcMs: base + length * minute };
    assert.equal(mergedView(mergeIntervals(intervals), window, slot), expected);
  }), { numRuns: 200 });
});

test("the example of ActiveSync: out of office, busy for an hour, free, tentative", () => {
  const list = [interval(0, 30, "outOfOffice"), interval(30, 60, "busy"), interval(120, 30, "tentative")];
  const window = { fromUtcMs: base, toUtcMs: base + 150 * minute };
  assert.equal(mergedView(mergeIntervals(list), window, 30, "legacy"), "32201");
  const others = [interval(0, 30, "noData"), interval(30, 30, "workingElsewhere")];
  const hour = { fromUtcMs: base, toUtcMs: base + 60 * minute };
  assert.equal(mergedView(others, hour, 30, "legacy"), "40");
  assert.equal(mergedView(others, hour, 30), "54");
});

test("windows and slots that are not answered", () => {
  const rows: readonly (readonly [string, string, number])[] = [
    ["2026-01-01T00:00Z", "2026-01-01T00:00Z", 30], ["2026-01-02T00:00Z", "2026-01-01T00:00Z", 30],
    ["2026-01-01T00:00Z", "2026-03-05T00:00Z", 30], ["2026-01-01T00:00Z", "2026-01-02T00:00Z", 4],
    ["2026-01-01T00:00Z", "2026-01-02T00:00Z", 1441], ["2026-01-01T00:00Z", "2026-01-02T00:00Z", 7.5],
    ["2026-01-01T00:00Z", "2026-01-02T00:00Z", Number.NaN],
  ];
  for (const [from, to, slot] of rows) assert.throws(() => mergedView([], windowOf(from, to), slot), Fault);
});

const dayWindow = windowOf("2026-11-23T00:00Z", "2026-11-24T00:00Z");
const calendar = [
  appointmentFrom([[
    "UID:a", "DTSTART:20261123T100000Z", "DTEND:20261123T110000Z", "SUMMARY:Plan", "LOCATION:Room 1",
    "ORGANIZER:mailto:x@example.org", "ATTENDEE:mailto:y@example.org",
  ]]),
  appointmentFrom([["UID:b", "DTSTART:20261123T103000Z", "DTEND:20261123T120000Z", "SUMMARY:Doctor", "CLASS:PRIVATE",
    "X-MICROSOFT-CDO-BUSYSTATUS:OOF"]]),
  appointmentFrom([["UID:c", "DTSTART:20261120T140000Z", "DTEND:20261120T150000Z", "SUMMARY:Daily", "RRULE:FREQ=DAILY",
    "X-MICROSOFT-CDO-BUSYSTATUS:TENTATIVE"]]),
  appointmentFrom([["UID:d", "DTSTART:20261123T160000Z", "DTEND:20261123T170000Z", "SUMMARY:Free", "TRANSP:TRANSPARENT"]]),
  appointmentFrom([["UID:e", "DTSTART:20261123T180000Z", "DTEND:20261123T190000Z", "SUMMARY:Gone", "STATUS:CANCELLED"]]),
  appointmentFrom([["UID:f", "DTSTART:20261123T200000Z", "DTEND:20261123T210000Z", "SUMMARY:Home",
    "X-MICROSOFT-CDO-BUSYSTATUS:WORKINGELSEWHERE"]]),
];

test("a calendar as states in time", () => {
  const found = mergeIntervals(intervalsOf(calendar, dayWindow))
    .map(({ startUtcMs, endUtcMs, state }) => [instantText(startUtcMs), instantText(endUtcMs).slice(11), state]);
  assert.deepEqual(found, [
    ["2026-11-23T10:00Z", "10:30Z", "busy"], ["2026-11-23T10:30Z", "12:00Z", "outOfOffice"],
    ["2026-11-23T14:00Z", "15:00Z", "tentative"], ["2026-11-23T20:00Z", "21:00Z", "workingElsewhere"],
  ]);
});

const viewRows: readonly (readonly [ViewType, FreeBusyRight, boolean, ViewType, string])[] = [
  ["DetailedMerged", "none", false, "None", ""],
  ["None", "full", true, "None", ""],
  ["MergedOnly", "timeOnly", false, "MergedOnly", ""],
  ["FreeBusy", "full", true, "FreeBusy", "busy outOfOffice tentative workingElsewhere"],
  ["Detailed", "timeOnly", false, "FreeBusy", "busy outOfOffice tentative workingElsewhere"],
  ["DetailedMerged", "timeOnly", false, "FreeBusyMerged", "busy outOfOffice tentative workingElsewhere"],
  ["Detailed", "timeSubjectLocation", false, "Detailed",
    "Plan@Room 1:meeting private Daily@:series Free@: Home@:"],
  ["Detailed", "full", false, "Detailed", "Plan@Room 1:meeting# private Daily@:series# Free@:# Home@:#"],
  ["DetailedMerged", "full", true, "DetailedMerged",
    "Plan@Room 1:meeting# Doctor@:private# Daily@:series# Free@:# Home@:#"],
];
for (const [asked, right, seesPrivate, viewType, told] of viewRows) {
  test(`${asked} by the right ${right}${seesPrivate ? " and private items" : ""}`, () => {
    const view = freeBusyView(calendar, { window: dayWindow, viewType: asked, slotMinutes: 60, right, seesPrivate });
    assert.equal(view.viewType, viewType);
    assert.equal(allowedView(asked, right), viewType);
    assert.equal(view.merged, viewType.includes("Merged") ? "000000000033001000004000" : undefined);
    const text = view.events?.map(({ state, details }) => {
      if (details === undefined) return state;
      if (details.subject === undefined) {
        assert.deepEqual({ ...details }, {
          instance: undefined, subject: undefined, location: undefined, isMeeting: false, isRecurring: false,
          isException: false, isReminderSet: false, isPrivate: true,
        });
        return "private";
      }
      const marks = [details.isMeeting && "meeting", details.isRecurring && "series", details.isPrivate && "private"];
      const id = details.instance === undefined ? "" : "#";
      return `${details.subject}@${details.location}:${marks.filter((one) => one !== false).join(",")}${id}`;
    });
    assert.equal(text?.join(" ") ?? "", told);
  });
}

const hex = (value: unknown): string[] => (value as readonly Uint8Array[]).map((one) => Buffer.from(one).toString("hex"));

test("published months and blocks, byte for byte", () => {
  const range = publishRange(at("2026-11-23T12:34Z"), 3);
  assert.deepEqual(Object.values(range).map(instantText), ["2026-11-01T00:00Z", "2027-02-01T00:00Z"]);
  const list: FreeBusyInterval[] = [
    { startUtcMs: at("2026-11-23T10:00Z"), endUtcMs: at("2026-11-23T11:30Z"), state: "busy" },
    { startUtcMs: at("2026-11-23T11:30Z"), endUtcMs: at("2026-11-23T12:00Z"), state: "outOfOffice" },
    { startUtcMs: at("2026-11-30T23:00Z"), endUtcMs: at("2026-12-01T01:00Z"), state: "busy" },
    { startUtcMs: at("2026-10-31T23:00Z"), endUtcMs: at("2026-11-01T00:10Z"), state: "busy" },
    { startUtcMs: at("2026-11-24T00:00Z"), endUtcMs: at("2026-11-24T01:00Z"), state: "workingElsewhere" },
  ];
  const { set, remove } = publishedProperties(list, range, at("2026-11-23T12:34Z"));
  // 2026 × 16 + 11; 22 days and ten hours are 32280 minutes, 0x7e18.
  assert.deepEqual(set.get(p.PidTagScheduleInfoMonthsBusy.tag), [0x7eab, 0x7eac]);
  assert.deepEqual(hex(set.get(p.PidTagScheduleInfoFreeBusyBusy.tag)), ["00000a00187e727e84a8c0a8", "00003c00"]);
  assert.deepEqual(set.get(p.PidTagScheduleInfoMonthsAway.tag), [0x7eab]);
  assert.deepEqual(hex(set.get(p.PidTagScheduleInfoFreeBusyAway.tag)), ["727e907e"]);
  // Busy and away touch, and are one block where both are merged.
  assert.deepEqual(hex(set.get(p.PidTagScheduleInfoFreeBusyMerged.tag)), ["00000a00187e907e84a8c0a8", "00003c00"]);
  assert.deepEqual(remove, [p.PidTagScheduleInfoMonthsTentative.tag, p.PidTagScheduleInfoFreeBusyTentative.tag]);
  assert.equal(set.get(p.PidTagFreeBusyPublishStart.tag), (at("2026-11-01T00:00Z") + 11_644_473_600_000) / minute);
  assert.equal(set.get(p.PidTagFreeBusyPublishEnd.tag), (at("2027-02-01T00:00Z") + 11_644_473_600_000) / minute);
});

test("what is published is read back, and nothing is known outside of its range", () => {
  const range = { fromUtcMs: base, toUtcMs: base + minutesMax * minute };
  fc.assert(fc.property(anyIntervals, (intervals) => {
    const known = intervals.filter(({ state }) => state !== "noData" && state !== "workingElsewhere");
    const { set } = publishedProperties(known, range, base);
    const read = readPublished(set);
    assert.deepEqual(read?.intervals, cutIntervals(mergeIntervals(known), range));
  }), { numRuns: 200 });
  const { set } = publishedProperties([interval(0, 60, "busy")], range, base);
  const window = { fromUtcMs: base - 60 * minute, toUtcMs: base + 120 * minute };
  assert.equal(mergedView(publishedIn(readPublished(set)!, window), window, 60), "520");
});

test("published properties that make no sense", () => {
  const bag = (months: readonly number[], blocks: readonly string[]): PropertyBag => {
    const made: PropertyBag = new Map();
    made.set(p.PidTagFreeBusyPublishStart.tag, 1);
    made.set(p.PidTagFreeBusyPublishEnd.tag, 1000);
    made.set(p.PidTagScheduleInfoMonthsBusy.tag, months);
    made.set(p.PidTagScheduleInfoFreeBusyBusy.tag, blocks.map((one) => Buffer.from(one, "hex")));
    return made;
  };
  assert.equal(readPublished(new Map()), undefined);
  const rows: readonly (readonly [readonly number[], readonly string[]])[] = [
    [[0x7eab], []], [[0x7ea0], ["00000100"]], [[0x7ead], ["00000100"]], [[-5], ["00000100"]], [[0x7eab], ["000001"]],
    [[0x7eab], ["02000100"]], [[2 ** 31 - 1], ["00000100"]],
  ];
  for (const [months, blocks] of rows) assert.throws(() => readPublished(bag(months, blocks)), WireError);
});

test("FREEBUSY as RFC 5545 §3.6.4 shows it", () => {
  const text = [
    "BEGIN:VCALENDAR", "VERSION:2.0", "METHOD:REPLY", "BEGIN:VFREEBUSY", "UID:19970901T095957Z-76A912@example.com",
    "ORGANIZER:mailto:jane_doe@example.com", "ATTENDEE;CN=John:mailto:john_public@example.com",
    "DTSTAMP:19970901T100000Z", "FREEBUSY:19971015T050000Z/PT8H30M,", " 19971015T160000Z/PT5H30M,19971015T223000Z/PT6H30M",
    "URL:http://example.com/pub/busy/jpublic-01.ifb", "COMMENT:This iCalendar file contains busy time information for",
    "  the next three months.", "FREEBUSY;FBTYPE=BUSY-UNAVAILABLE:19970308T160000Z/PT8H30M",
    "FREEBUSY;FBTYPE=X-SOMETHING:19970401T160000Z/19970401T170000Z", "END:VFREEBUSY", "END:VCALENDAR",
  ].join("\r\n");
  const { method, objects } = readFreeBusy(text);
  assert.equal(method, "REPLY");
  const [object] = objects;
  assert.equal(object!.uid, "19970901T095957Z-76A912@example.com");
  assert.deepEqual(object!.attendees, [{ address: "mailto:john_public@example.com", name: "John" }]);
  assert.deepEqual(object!.organizer, { address: "mailto:jane_doe@example.com", name: "" });
  assert.equal(object!.comment, "This iCalendar file contains busy time information for the next three months.");
  assert.deepEqual(object!.periods.map((one) => [instantText(one.startUtcMs), instantText(one.endUtcMs), one.type]), [
    ["1997-03-08T16:00Z", "1997-03-09T00:30Z", "BUSY-UNAVAILABLE"],
    ["1997-04-01T16:00Z", "1997-04-01T17:00Z", "BUSY"],
    ["1997-10-15T05:00Z", "1997-10-15T13:30Z", "BUSY"], ["1997-10-15T16:00Z", "1997-10-15T21:30Z", "BUSY"],
    ["1997-10-15T22:30Z", "1997-10-16T05:00Z", "BUSY"],
  ]);
  for (const bad of ["FREEBUSY:1997", "FREEBUSY:19970308T160000Z", "FREEBUSY:19970308T160000Z/soon", "DTSTART:x"]) {
    assert.throws(() => readFreeBusy(text.replace("DTSTAMP:19970901T100000Z", bad)), WireError, bad);
  }
  assert.throws(() => readFreeBusy("hello"), WireError);
});

test("states go through VFREEBUSY and back, and ical.js reads the same periods", async () => {
  const ical = await loadIcal();
  fc.assert(fc.property(anyIntervals, (intervals) => {
    const merged = mergeIntervals(intervals.filter(({ state }) => state !== "noData"));
    const text = writeFreeBusy([{
      uid: "u", organizer: { address: "a@example.org", name: "A; \"B\"" }, attendees: [], startUtcMs: base,
      endUtcMs: base + minute, periods: periodsOfIntervals(merged), comment: "one\ntwo", url: "",
    }], { method: "REPLY", stampUtcMs: base });
    const [object] = readFreeBusy(text).objects;
    assert.deepEqual(intervalsOfPeriods(object!.periods), merged);
    assert.equal(object!.comment, "one\ntwo");
    if (ical === undefined) return;
    const component = new ical.Component(ical.parse(text) as [string, [], []]).getFirstSubcomponent("vfreebusy")!;
    const told = component.getAllProperties("freebusy").flatMap((property) => property.getValues().map((value) => {
      const period = value as { start: { toJSDate(): Date }; end: { toJSDate(): Date } };
      return [period.start.toJSDate().getTime(), period.end.toJSDate().getTime()];
    })).sort((one, other) => one[0]! - other[0]!);
    assert.deepEqual(told, merged.map((one) => [one.startUtcMs, one.endUtcMs]));
  }), { numRuns: 60 });
});
