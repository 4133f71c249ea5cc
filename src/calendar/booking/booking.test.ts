/**
 * Proves what rooms answer by tables of policy, request and answer, conflicts against a look at every pair, and that a
 * booking which was accepted in part has no conflict left once it stands in the calendar.
 */
import { strict as assert } from "node:assert";
import { test } from "node:test";
import fc from "fast-check";
import { Fault } from "#base/fault.ts";
import { bookedItem } from "#calendar/booking/booked.ts";
import { conflictsOf } from "#calendar/booking/conflicts.ts";
import { decideBooking } from "#calendar/booking/decide.ts";
import type { BookableResource, BookingDecision, BookingRequest } from "#calendar/booking/decide.ts";
import { calendarProcessing, processingDefaults, processingOptions } from "#calendar/booking/policy.ts";
import { workingHoursIn } from "#calendar/free-busy/working-hours-xml.ts";
import { appointmentOf } from "#calendar/occurrences/appointment.ts";
import type { Appointment } from "#calendar/occurrences/appointment.ts";
import { instancesOf, instancesOfAll, subjectOf } from "#calendar/occurrences/instances.ts";
import type { Instance } from "#calendar/occurrences/instances.ts";
import { appointmentFrom, at, berlin, instantText, itemFrom, windowOf } from "#calendar/occurrences/test-kit.ts";
import { getProperty } from "#convert/item.ts";
import { properties } from "#props/registry.ts";

const p = properties;
const now = at("2026-11-23T08:00Z");

const meeting = (uid: string, ...lines: string[]): Appointment => appointmentFrom([[
  `UID:${uid}`, "SUMMARY:Plan", "ORGANIZER;CN=Ann:mailto:ann@example.org", "ATTENDEE:mailto:room@example.org", ...lines,
]], berlin, berlin, "room@example.org");
const times = (start: string, end: string): string[] =>
  [`DTSTART;TZID=Europe/Berlin:${start}`, `DTEND;TZID=Europe/Berlin:${end}`];
const tenToEleven = times("20261124T100000", "20261124T110000");

const standing = [
  meeting("standing", ...times("20261124T103000", "20261124T120000")),
  meeting("private", ...times("20261125T100000", "20261125T110000"), "CLASS:PRIVATE"),
  meeting("weekly", ...times("20261127T090000", "20261127T100000"), "RRULE:FREQ=WEEKLY;COUNT=10"),
  meeting("free", ...times("20261130T100000", "20261130T110000"), "TRANSP:TRANSPARENT"),
  meeting("gone", ...times("20261130T100000", "20261130T110000"), "STATUS:CANCELLED"),
];
const room: BookableResource = {
  appointments: standing, zone: berlin, workingHours: workingHoursIn(berlin, 0x3e, 540, 1080), capacity: 8,
};

/** What a decision says, in a few words. */
function told(decision: BookingDecision): string {
  switch (decision.kind) {
    case "ignore": return `ignore ${decision.why}`;
    case "accept": return `accept${decision.declined.length > 0 ? ` -${decision.declined.length}` : ""}` +
      (decision.lastDate === undefined ? "" : " cut");
    case "decline":
      return `decline ${[...decision.breaches.map(({ kind }) => kind),
        ...(decision.conflicts.length > 0 ? [`${decision.conflicts.length} taken`] : [])].join(" ")}`.trim();
    case "pending": return `${decision.busyStatus} for ${decision.forwardTo.join()} ` +
      decision.breaches.map(({ kind }) => kind).join(" ");
  }
}

const ask = (appointment: Appointment, more: Partial<BookingRequest> = {}): BookingRequest =>
  ({ appointment, requester: ["ann@example.org"], isExternal: false, ...more });

const monday = times("20261130T100000", "20261130T110000");
const delegates = { ResourceDelegates: ["boss@example.org"] };
const week = (count: number): string[] => [...times("20261127T080000", "20261127T090000"), `RRULE:FREQ=WEEKLY;COUNT=${count}`];
const takenWeeks = (count: number): string[] =>
  [...times("20261120T090000", "20261120T093000"), `RRULE:FREQ=WEEKLY;COUNT=${count}`];

type Row = readonly [string, readonly string[], Readonly<Record<string, unknown>>, string, Partial<BookingRequest>?];
const rows: readonly Row[] = [
  ["a free time", monday, {}, "accept"],
  ["a taken time", tenToEleven, {}, "decline 1 taken"],
  ["a time that touches another", times("20261124T120000", "20261124T130000"), {}, "accept"],
  ["a taken time where conflicts are allowed", tenToEleven, { AllowConflicts: true }, "accept"],
  ["not automatic", monday, { AutomateProcessing: "AutoUpdate" }, "ignore notAutomatic"],
  ["from outside", monday, {}, "ignore external", { isExternal: true }],
  ["from outside where that is taken", monday, { ProcessExternalMeetingMessages: true }, "accept", { isExternal: true }],
  ["in the past", times("20261120T100000", "20261120T110000"), {}, "ignore past"],
  ["under way", times("20261123T083000", "20261123T093000"), {}, "accept"],
  ["on the last day of the window", times("20261130T100000", "20261130T110000"), { BookingWindowInDays: 7 }, "accept"],
  ["a day after", times("20261201T100000", "20261201T110000"), { BookingWindowInDays: 7 }, "decline beyondWindow"],
  ["over the end of the window", times("20261130T230000", "20261201T010000"), { BookingWindowInDays: 7 },
    "decline beyondWindow"],
  ["today only", times("20261123T200000", "20261123T210000"), { BookingWindowInDays: 0 }, "accept"],
  ["too long", times("20261130T100000", "20261130T113000"), { MaximumDurationInMinutes: 60 }, "decline tooLong"],
  ["as long as can be", times("20261130T100000", "20261130T110000"), { MaximumDurationInMinutes: 60 }, "accept"],
  ["no bound to the length", times("20261212T100000", "20261217T110000"), { MaximumDurationInMinutes: 0 }, "accept"],
  ["too short", monday, { MinimumDurationInMinutes: 90 }, "decline tooShort"],
  ["outside of the working hours", times("20261130T170000", "20261130T183000"), { ScheduleOnlyDuringWorkHours: true },
    "decline outsideWorkHours"],
  ["inside of them", times("20261130T170000", "20261130T180000"), { ScheduleOnlyDuringWorkHours: true }, "accept"],
  ["a crowd", monday, { EnforceCapacity: true }, "decline tooManyPeople", { people: 9 }],
  ["all that fit", monday, { EnforceCapacity: true }, "accept", { people: 8 }],
  ["two breaches", times("20261130T190000", "20261130T233000"),
    { ScheduleOnlyDuringWorkHours: true, MaximumDurationInMinutes: 60 }, "decline tooLong outsideWorkHours"],
  ["a series where none is taken", week(3), { AllowRecurringMeetings: false }, "decline recurring"],
  ["a free series", week(3), {}, "accept"],
  ["a series that ends after the window", week(40), {}, "decline endsBeyondWindow"],
  ["the same, cut", week(40), { EnforceSchedulingHorizon: false }, "accept cut"],
  ["without an end, cut", week(3).map((one) => one.replace(";COUNT=3", "")), { EnforceSchedulingHorizon: false },
    "accept cut"],
  ["without an end", week(3).map((one) => one.replace(";COUNT=3", "")), {}, "decline endsBeyondWindow"],
  // One of twenty-four is in the past, ten are taken.
  ["a series with taken weeks", takenWeeks(24), {}, "decline 10 taken"],
  ["enough may be declined", takenWeeks(24), { MaximumConflictInstances: 10, ConflictPercentageAllowed: 44 }, "accept -10"],
  ["the share is too great", takenWeeks(24), { MaximumConflictInstances: 10, ConflictPercentageAllowed: 43 },
    "decline 10 taken"],
  ["the number is too great", takenWeeks(24), { MaximumConflictInstances: 9, ConflictPercentageAllowed: 100 },
    "decline 10 taken"],
  ["nothing would be left", takenWeeks(11), { MaximumConflictInstances: 10, ConflictPercentageAllowed: 100 },
    "decline 10 taken"],
  ["nobody may book", monday, { AllBookInPolicy: false }, "decline"],
  ["one who is listed", monday, { AllBookInPolicy: false, BookInPolicy: ["ANN@example.org"] }, "accept"],
  ["a group that is listed", monday, { AllBookInPolicy: false, BookInPolicy: ["team@example.org"] }, "accept",
    { requester: ["ann@example.org", "Team@Example.org"] }],
  ["another is listed", monday, { AllBookInPolicy: false, BookInPolicy: ["bob@example.org"] }, "decline"],
  ["all may ask", monday, { ...delegates, AllBookInPolicy: false, AllRequestInPolicy: true },
    "tentative for boss@example.org "],
  ["one may ask", monday, { ...delegates, AllBookInPolicy: false, RequestInPolicy: ["ann@example.org"] },
    "tentative for boss@example.org "],
  ["nobody is asked by mail", monday,
    { ...delegates, AllBookInPolicy: false, AllRequestInPolicy: true, ForwardRequestsToDelegates: false }, "tentative for  "],
  ["what waits takes no time", monday,
    { ...delegates, AllBookInPolicy: false, AllRequestInPolicy: true, TentativePendingApproval: false },
    "free for boss@example.org "],
  ["what is taken cannot be asked for", tenToEleven, { ...delegates, AllBookInPolicy: false, AllRequestInPolicy: true },
    "decline 1 taken"],
  ["out of policy is asked for", times("20261201T100000", "20261201T110000"),
    { ...delegates, BookingWindowInDays: 7, AllRequestOutOfPolicy: true }, "tentative for boss@example.org beyondWindow"],
  ["by one who is listed", times("20261201T100000", "20261201T110000"),
    { ...delegates, MaximumDurationInMinutes: 30, RequestOutOfPolicy: ["ann@example.org"] },
    "tentative for boss@example.org tooLong"],
  ["in policy by one who may ask outside of it", monday,
    { ...delegates, AllBookInPolicy: false, AllRequestOutOfPolicy: true }, "tentative for boss@example.org "],
];
for (const [name, lines, options, expected, more] of rows) {
  test(`${name}: ${expected}`, () => {
    const decision = decideBooking(ask(meeting("new", ...lines), more), room, calendarProcessing(options), now);
    assert.equal(told(decision), expected);
  });
}

test("a meeting does not stand in its own way", () => {
  const update = meeting("standing", ...times("20261124T110000", "20261124T130000"));
  assert.equal(told(decideBooking(ask(update), room, processingDefaults, now)), "accept");
});

const texts: readonly (readonly [string, readonly string[], Readonly<Record<string, unknown>>, string])[] = [
  ["who has it", tenToEleven, {},
    "Your request was declined because the time is already booked.\n\n" +
    "- Tuesday, 2026-11-24, 10:00–11:00: booked by Ann\n\nTimes are in Europe/Berlin."],
  ["nobody is named", tenToEleven, { OrganizerInfo: false },
    "Your request was declined because the time is already booked.\n\n" +
    "- Tuesday, 2026-11-24, 10:00–11:00\n\nTimes are in Europe/Berlin."],
  ["nor for private ones", times("20261125T100000", "20261125T103000"), {},
    "Your request was declined because the time is already booked.\n\n" +
    "- Wednesday, 2026-11-25, 10:00–10:30\n\nTimes are in Europe/Berlin."],
  ["no details, but more", tenToEleven,
    { EnableResponseDetails: false, AddAdditionalResponse: true, AdditionalResponse: "Call 100." },
    "Your request was declined because the time is already booked.\n\nCall 100."],
  ["the policy", times("20261207T220000", "20261208T003000"),
    { BookingWindowInDays: 1, MaximumDurationInMinutes: 90 },
    "Your request was declined.\n\nThe meeting is too far ahead: bookings are taken 1 day ahead, " +
    "until Tuesday, 2026-11-24.\n\nTimes are in Europe/Berlin."],
  ["lengths", times("20261130T220000", "20261202T003000"), { MaximumDurationInMinutes: 61 },
    "Your request was declined.\n\nThe meeting lasts 1 day 2 hours 30 minutes; at most 1 hour 1 minute can be booked." +
    "\n\nTimes are in Europe/Berlin."],
];
for (const [name, lines, options, expected] of texts) {
  test(`the answer in words: ${name}`, () => {
    const decision = decideBooking(ask(meeting("new", ...lines)), room, calendarProcessing(options), now);
    assert.ok(decision.kind !== "ignore");
    assert.equal(decision.text.replaceAll("\r\n", "\n"), expected);
  });
}

test("options have names, kinds and bounds", () => {
  const bad: readonly Readonly<Record<string, unknown>>[] = [
    { Nothing: true }, { constructor: true }, { AllowConflicts: 1 }, { BookingWindowInDays: 1081 },
    { BookingWindowInDays: 1.5 }, { ConflictPercentageAllowed: 101 }, { BookInPolicy: "ann" }, { BookInPolicy: [1] },
    { AutomateProcessing: "Yes" }, { AdditionalResponse: "x".repeat(1025) },
  ];
  for (const one of bad) assert.throws(() => calendarProcessing(one), Fault);
  assert.deepEqual(calendarProcessing({}), processingDefaults);
  for (const [name, { value }] of Object.entries(processingOptions)) calendarProcessing({ [name]: value });
});

const series = (): ReturnType<typeof itemFrom> => itemFrom([
  [
    "UID:new", "SUMMARY:Secret", "LOCATION:Room", "CLASS:PRIVATE", "DESCRIPTION;LANGUAGE=en:All about it",
    "ORGANIZER;CN=Ann:mailto:ann@example.org", "ATTENDEE:mailto:room@example.org", "ATTACH;FILENAME=a.txt;ENCODING=BASE64;VALUE=BINARY:QUJD",
    ...times("20261120T090000", "20261120T093000"), "RRULE:FREQ=WEEKLY;COUNT=24",
  ],
  ["UID:new", "RECURRENCE-ID;TZID=Europe/Berlin:20261204T090000", "SUMMARY:Secret, moved", "DESCRIPTION:More",
    ...times("20261204T160000", "20261204T170000"), "ORGANIZER;CN=Ann:mailto:ann@example.org"],
  ["UID:new", "RECURRENCE-ID;TZID=Europe/Berlin:20270305T090000", "SUMMARY:Late",
    ...times("20270305T160000", "20270305T170000"), "ORGANIZER;CN=Ann:mailto:ann@example.org"],
], berlin, "room@example.org");

test("what stands in the calendar: as the policy has it, without what was declined or lies after the cut", () => {
  const policy = calendarProcessing({
    BookingWindowInDays: 60, EnforceSchedulingHorizon: false, MaximumConflictInstances: 10, ConflictPercentageAllowed: 100,
  });
  const appointment = appointmentOf(series(), berlin)!;
  const decision = decideBooking(ask(appointment), room, policy, now);
  assert.ok(decision.kind === "accept");
  assert.match(decision.text, /booked until Friday, 2027-01-22|booked until/);
  const booked = bookedItem({
    appointment, organizerName: "Ann", declined: decision.declined.map(({ instance }) => instance.original!),
    lastDate: decision.lastDate, busyStatus: "asAsked",
  }, policy);
  const found = instancesOf(appointmentOf(booked, berlin)!, windowOf("2026-01-01T00:00Z", "2030-01-01T00:00Z"));
  // The moved one alone is not where the other series is.
  assert.deepEqual(found.map((one) => [instantText(one.startUtcMs), subjectOf(one)]), [
    ["2026-11-20T08:00Z", "Ann"], ["2026-12-04T15:00Z", "Ann"],
  ]);
  assert.equal(booked.attachments.length, 1);
  for (const item of [booked, booked.attachments[0]!.embedded!]) {
    assert.equal(getProperty(item, p.PidTagSubject), "Ann");
    assert.equal(getProperty(item, p.PidTagBody), undefined);
    assert.equal(getProperty(item, p.PidTagSensitivity), 0);
    assert.equal(getProperty(item, p.PidLidPrivate), false);
    const values = [...item.bag.values(), ...[...item.named.values()].map(({ value }) => value)].map(String);
    assert.doesNotMatch(values.join("\n"), /Secret|about it/);
  }
  assert.equal(getProperty(appointment.item, p.PidTagSubject), "Secret");
  assert.equal(appointment.item.attachments.length, 3);
});

test("a changed occurrence that is declined leaves nothing behind", () => {
  const appointment = appointmentOf(series(), berlin)!;
  const [moved, late] = appointment.series!.recurrence.modified;
  const booked = bookedItem({
    appointment, organizerName: "Ann", declined: [moved!.original], lastDate: undefined, busyStatus: "asAsked",
  }, processingDefaults);
  const found = appointmentOf(booked, berlin)!;
  assert.deepEqual(found.series!.recurrence.modified.map(({ original }) => original), [late!.original]);
  assert.deepEqual(found.series!.recurrence.deleted, [moved!.original]);
  assert.equal(instancesOf(found, windowOf("2026-01-01T00:00Z", "2030-01-01T00:00Z")).length, 23);
  assert.equal(booked.attachments.length, 1);
});

test("what waits stands as tentative, and a policy that takes nothing away takes nothing", () => {
  const policy = calendarProcessing({
    DeleteSubject: false, DeleteComments: false, DeleteAttachments: false, RemovePrivateProperty: false,
  });
  const appointment = appointmentOf(series(), berlin)!;
  const booking = { appointment, organizerName: "Ann", declined: [], lastDate: undefined };
  const item = bookedItem({ ...booking, busyStatus: "tentative" }, policy);
  assert.equal(getProperty(item, p.PidTagSubject), "Ann Secret");
  assert.equal(getProperty(item, p.PidTagBody), "All about it");
  assert.equal(getProperty(item, p.PidLidPrivate), true);
  assert.equal(item.attachments.length, 3);
  const found = instancesOf(appointmentOf(item, berlin)!, windowOf("2026-01-01T00:00Z", "2030-01-01T00:00Z"));
  assert.equal(found.length, 24);
  assert.ok(found.every((one) => one.busyStatus === 1));
  const plain = calendarProcessing({ ...policy, AddOrganizerToSubject: false });
  const again = bookedItem({ ...booking, appointment: appointmentOf(item, berlin)!, busyStatus: "asAsked" }, plain);
  assert.equal(getProperty(again, p.PidTagSubject), "Ann Secret");
  assert.equal(getProperty(again, p.PidLidBusyStatus), 2);
});

const anyInstances = fc.array(fc.tuple(fc.nat(400), fc.nat(60)), { maxLength: 20 }).map((list): Instance[] => {
  const appointment = standing[0]!;
  return list.map(([start, length]): Instance => ({
    appointment, startUtcMs: start, endUtcMs: start + length, original: undefined, modified: undefined, busyStatus: 2,
    isAllDay: false,
  })).sort((one, other) => one.startUtcMs - other.startUtcMs || one.endUtcMs - other.endUtcMs);
});

test("conflicts are those that a look at every pair finds", () => {
  fc.assert(fc.property(anyInstances, anyInstances, (wanted, taken) => {
    const overlap = (one: Instance, other: Instance): boolean => one.endUtcMs > one.startUtcMs &&
      other.endUtcMs > other.startUtcMs && one.startUtcMs < other.endUtcMs && other.startUtcMs < one.endUtcMs;
    const found = conflictsOf(wanted, taken);
    assert.deepEqual(found.map(({ instance }) => instance),
      wanted.filter((one) => taken.some((other) => overlap(one, other))));
    assert.ok(found.every(({ instance, taken: other }) => overlap(instance, other)));
  }), { numRuns: 500 });
});

test("a series that was accepted in part meets nothing any more", () => {
  const policy = calendarProcessing({
    MaximumConflictInstances: 1000, ConflictPercentageAllowed: 100, EnforceSchedulingHorizon: false,
  });
  const rules = fc.constantFrom("DAILY;INTERVAL=2", "WEEKLY;BYDAY=MO,WE,FR", "MONTHLY;BYDAY=1FR", "DAILY");
  const two = (value: number): string => String(value).padStart(2, "0");
  const any = fc.record({ rule: rules, day: fc.integer({ min: 24, max: 30 }), hour: fc.nat(22), count: fc.integer({ min: 1, max: 300 }) });
  fc.assert(fc.property(fc.array(any, { maxLength: 4 }), any, (others, wanted) => {
    const lines = ({ rule, day, hour, count }: typeof wanted): string[] => [
      ...times(`202611${day}T${two(hour)}0000`, `202611${day}T${two(hour + 1)}0000`), `RRULE:FREQ=${rule};COUNT=${count}`,
    ];
    const appointments = others.map((one, index) => meeting(`other${index}`, ...lines(one)));
    const appointment = meeting("wanted", ...lines(wanted));
    const decision = decideBooking(ask(appointment), { appointments, zone: berlin }, policy, now);
    if (decision.kind !== "accept") return;
    const declined = decision.declined.map(({ instance }) => instance.original!);
    const item = bookedItem({
      appointment, organizerName: "Ann", declined, lastDate: decision.lastDate, busyStatus: "asAsked",
    }, policy);
    const window = windowOf("2026-11-01T00:00Z", "2029-01-01T00:00Z");
    const booked = instancesOf(appointmentOf(item, berlin)!, window);
    assert.ok(booked.length > 0);
    assert.deepEqual(conflictsOf(booked, instancesOfAll(appointments, window)), []);
  }), { numRuns: 40 });
});
