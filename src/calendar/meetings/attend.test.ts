/**
 * Proves by tables what requests, updates, cancellations and answers do: rules of [MS-OXOCAL] 3.1.4.7.2.2, 3.1.4.7.4.2,
 * 3.1.4.8, 3.1.4.9.2, 3.1.5.2 and RFC 5546 §3.2.3, one row each; messages to and from another system go through text.
 */
import { strict as assert } from "node:assert";
import { test } from "node:test";
import { Fault } from "#base/fault.ts";
import { properties } from "#props/registry.ts";
import { getProperty, setProperty } from "#convert/item.ts";
import { readCalendars } from "#convert/ical/calendar-read.ts";
import { calendarOf } from "#convert/ical/mime-plug.ts";
import { delegateCopies } from "#calendar/meetings/delegates.ts";
import { forwardMeeting } from "#calendar/meetings/forward.ts";
import { seriesItemOf } from "#calendar/meetings/occurrences.ts";
import {
  cancelMeeting, cancelOccurrenceOf, sendRequest, trackingOf, updateMeeting, updateOccurrenceOf,
} from "#calendar/meetings/organize.ts";
import { attendeesOf, copyItem, isCanceled, rowOf } from "#calendar/meetings/parts.ts";
import { receiveCancel, receiveRequest, removeCanceled } from "#calendar/meetings/receive.ts";
import { respond, respondToRequest } from "#calendar/meetings/respond.ts";
import { receiveForwardNotification, receiveResponse } from "#calendar/meetings/tracking.ts";
import { meetingTypes } from "#calendar/meetings/values.ts";
import { appointment, at, Calendar, person, resolve, setText, throughText, time } from "#calendar/meetings/test-kit.ts";
import type { ItemBag } from "#convert/item.ts";
import type { Decision } from "#calendar/meetings/decision.ts";
import type { Answer } from "#calendar/meetings/values.ts";

const p = properties;
const organizing = (now: string): { now: number; organizer: ReturnType<typeof person> } =>
  ({ now: at(now), organizer: person("olga") });
const ann = (now = "2026-11-20T10:00:00Z"): { now: number; me: { person: ReturnType<typeof person> } } =>
  ({ now: at(now), me: { person: person("ann") } });
const olga = { now: at("2026-11-20T12:00:00Z"), me: { person: person("olga") } };

/** Two calendars and a meeting that was sent. */
function begun(words: Parameters<typeof appointment>[0] = {}): { organizer: Calendar; attendee: Calendar; first: ItemBag } {
  const [organizer, attendee] = [new Calendar(), new Calendar()];
  const item = appointment({ to: ["ann", "ben"], ...words });
  organizer.items.push(item);
  const { messages } = organizer.apply(sendRequest(item, organizing("2026-11-20T08:00:00Z")));
  return { organizer, attendee, first: messages[0]!.item };
}

function edit(organizer: Calendar, change: (item: ItemBag) => void, now = "2026-11-20T09:00:00Z"): ItemBag {
  const edited = copyItem(organizer.items[0]!);
  change(edited);
  return organizer.apply(updateMeeting(organizer.items[0]!, edited, organizing(now))).messages[0]!.item;
}

const moved = (item: ItemBag): void => setProperty(item, p.PidLidAppointmentEndWhole, time("2026-11-23T12:00:00Z"));
const placed = (item: ItemBag): void => void setText(item, undefined, "there");
const answer = (calendar: Calendar, kind: Answer, now?: string): Decision =>
  calendar.apply(respond(calendar.items[0]!, { ...ann(now), answer: kind }));

test("a new request enters the calendar tentatively", () => {
  const { attendee, first } = begun();
  const decision = attendee.apply(receiveRequest(first, attendee, ann()));
  assert.equal(decision.outcome, "created");
  const [item] = attendee.items as [ItemBag];
  const rows: [item: ItemBag, name: keyof typeof p, value: unknown][] = [
    [item, "PidTagMessageClass", "IPM.Appointment"], [item, "PidLidBusyStatus", 1], [item, "PidLidResponseStatus", 5],
    [item, "PidLidAppointmentStateFlags", 3], [item, "PidLidIntendedBusyStatus", 2], [item, "PidLidFInvited", true],
    [item, "PidTagSubject", "s"], [item, "PidLidAppointmentSequence", 0], [item, "PidLidMeetingType", undefined],
    [item, "PidLidToAttendeesString", "ANN; BEN"], [item, "PidLidAttendeeCriticalChange", undefined],
    [decision.received!, "PidTagProcessed", true], [decision.received!, "PidLidServerProcessed", true],
    [decision.received!, "PidLidMeetingType", meetingTypes.request],
  ];
  for (const [one, name, value] of rows) assert.deepEqual(getProperty(one, p[name]), value, name);
  assert.equal(receiveRequest(first, attendee, ann()).outcome, "same");
  assert.equal(receiveRequest(first, attendee, { ...ann(), me: { person: person("olga") } }).outcome, "ignored");
});

test("an update keeps what is the attendee's own, and asks again when the time is another", () => {
  const rows: [name: string, change: (item: ItemBag) => void, outcome: string, response: number, busy: number, type: number][] = [
    ["place", placed, "informed", 3, 2, meetingTypes.informational],
    ["time", moved, "updated", 5, 1, meetingTypes.full],
  ];
  for (const [name, change, outcome, response, busy, type] of rows) {
    for (const isText of [false, true]) {
      const { organizer, attendee, first } = begun();
      const through = (message: ItemBag): ItemBag => (isText ? throughText(message, "ann@example.org") : message);
      attendee.apply(receiveRequest(through(first), attendee, ann()));
      const { messages } = answer(attendee, "accept");
      organizer.apply(receiveResponse(messages[0]!.item, organizer, olga));
      const own = attendee.items[0]!;
      setProperty(own, p.PidNameKeywords, ["mine"]);
      setProperty(own, p.PidLidReminderDelta, 77);
      setProperty(own, p.PidTagComment, "kept");
      const update = through(edit(organizer, change));
      const decision = attendee.apply(receiveRequest(update, attendee, ann()));
      const [item] = attendee.items as [ItemBag];
      assert.equal(decision.outcome, outcome, `${name} ${isText}`);
      assert.equal(getProperty(item, p.PidLidResponseStatus), response, name);
      assert.equal(getProperty(item, p.PidLidBusyStatus), busy, name);
      assert.equal(getProperty(decision.received!, p.PidLidMeetingType), type, name);
      assert.deepEqual(getProperty(item, p.PidNameKeywords), ["mine"], name);
      assert.equal(getProperty(item, p.PidLidReminderDelta), 77, name);
      assert.equal(getProperty(item, p.PidTagComment), "kept", name);
      assert.equal(getProperty(item, p.PidLidAppointmentSequence), 1, name);
      const old = receiveRequest(through(first), attendee, ann());
      assert.equal(old.outcome, "outOfDate", name);
      assert.deepEqual(old.calendar, []);
      assert.equal(getProperty(old.received!, p.PidLidMeetingType), meetingTypes.outOfDate, name);
    }
  }
});

test("an update that comes with another asked for in between asks again", () => {
  const { organizer, attendee, first } = begun();
  attendee.apply(receiveRequest(first, attendee, ann()));
  answer(attendee, "accept");
  edit(organizer, moved);
  const back = edit(organizer, (item) => setProperty(item, p.PidLidAppointmentEndWhole, time("2026-11-23T10:00:00Z")),
    "2026-11-20T10:30:00Z");
  const place = edit(organizer, placed, "2026-11-20T11:00:00Z");
  for (const message of [back, place]) {
    const calendar = new Calendar();
    calendar.items.push(...attendee.items);
    // The time is what was answered to; the organizer has forgotten the answer all the same.
    assert.equal(receiveRequest(message, calendar, ann()).outcome, "updated");
  }
});

test("nobody but its organizer changes a meeting", () => {
  const { attendee, first } = begun();
  attendee.apply(receiveRequest(first, attendee, ann()));
  const forged = copyItem(first);
  forged.recipients.shift();
  setProperty(forged, p.PidTagSentRepresentingEmailAddress, "eve@example.org");
  setProperty(forged, p.PidTagSentRepresentingSmtpAddress, "eve@example.org");
  setProperty(forged, p.PidLidAppointmentSequence, 9);
  assert.equal(receiveRequest(forged, attendee, ann()).outcome, "ignored");
  assert.equal(receiveCancel(forged, attendee, ann()).outcome, "ignored");
});

test("a cancellation marks, and a late request does not undo it", () => {
  const { organizer, attendee, first } = begun();
  const off = organizer.apply(cancelMeeting(organizer.items[0]!, organizing("2026-11-20T09:00:00Z"))).messages[0]!.item;
  attendee.apply(receiveRequest(first, attendee, ann()));
  assert.equal(attendee.apply(receiveCancel(off, attendee, ann())).outcome, "canceled");
  const [item] = attendee.items as [ItemBag];
  assert.deepEqual([getProperty(item, p.PidLidAppointmentStateFlags), getProperty(item, p.PidLidBusyStatus),
    getProperty(item, p.PidTagSubject)], [7, 0, "Canceled: s"]);
  assert.equal(receiveCancel(off, attendee, ann()).outcome, "same");
  assert.equal(receiveRequest(first, attendee, ann()).outcome, "outOfDate");
  assert.throws(() => respond(item, { ...ann(), answer: "accept" }), Fault);
  attendee.apply(removeCanceled(item, undefined, ann()));
  assert.equal(attendee.items.length, 0);
  assert.equal(receiveRequest(first, attendee, ann()).outcome, "outOfDate");
  const other = new Calendar();
  assert.equal(other.apply(receiveCancel(off, other, ann())).outcome, "canceled");
  assert.equal(receiveRequest(first, other, ann()).outcome, "outOfDate");
});

test("one occurrence before its series, and its cancellation before it", () => {
  const { organizer, first } = begun({ rule: "FREQ=WEEKLY;COUNT=4" });
  const series = seriesItemOf(organizer.items[0]!)!;
  const day = series.recurrence.start - series.minuteOfDay + 7 * 1440;
  const one = organizer.apply(updateOccurrenceOf(organizer.items[0]!, day, setText(series.occurrenceOn(day)!, "x", undefined),
    organizing("2026-11-20T09:00:00Z"))).messages[0]!.item;
  const off = organizer.apply(cancelOccurrenceOf(organizer.items[0]!, day, organizing("2026-11-20T09:30:00Z")))
    .messages[0]!.item;
  for (const isText of [false, true]) {
    const through = (message: ItemBag): ItemBag => (isText ? throughText(message, "ann@example.org") : message);
    const attendee = new Calendar();
    assert.equal(attendee.apply(receiveRequest(through(one), attendee, ann())).outcome, "created");
    assert.equal(attendee.items.length, 1);
    attendee.apply(receiveRequest(through(first), attendee, ann()));
    assert.equal(attendee.items.length, 1, "it is in its series now");
    assert.equal(getProperty(seriesItemOf(attendee.items[0]!)!.occurrenceOn(day)!, p.PidTagSubject), "x");
    attendee.apply(receiveCancel(through(off), attendee, ann()));
    assert.equal(isCanceled(seriesItemOf(attendee.items[0]!)!.occurrenceOn(day)!), true);
    assert.equal(receiveRequest(through(one), attendee, ann()).outcome, "outOfDate");
    const other = new Calendar();
    other.apply(receiveCancel(through(off), other, ann()));
    other.apply(receiveRequest(through(first), other, ann()));
    assert.equal(receiveRequest(through(one), other, ann()).outcome, "outOfDate");
    assert.equal(seriesItemOf(other.items[0]!)!.occurrenceOn(day), undefined);
  }
});

test("answers", () => {
  const rows: [answer: Answer, messageClass: string, prefix: string, busy: number | undefined, track: number][] = [
    ["accept", "IPM.Schedule.Meeting.Resp.Pos", "Accepted: ", 2, 3],
    ["tentative", "IPM.Schedule.Meeting.Resp.Tent", "Tentative: ", 1, 2],
    ["decline", "IPM.Schedule.Meeting.Resp.Neg", "Declined: ", undefined, 4],
  ];
  for (const [kind, messageClass, prefix, busy, track] of rows) {
    for (const isText of [false, true]) {
      const { organizer, attendee, first } = begun();
      attendee.apply(receiveRequest(first, attendee, ann()));
      const decision = attendee.apply(respond(attendee.items[0]!, { ...ann(), answer: kind, comment: "hi" }));
      const { item: sent, to } = decision.messages[0]!;
      assert.deepEqual(to.map(({ address }) => address), ["olga@example.org"]);
      const message = isText ? throughText(sent, "olga@example.org") : sent;
      assert.equal(getProperty(message, p.PidTagMessageClass), messageClass);
      assert.equal(getProperty(message, p.PidTagSubject), `${prefix}s`);
      assert.equal(getProperty(message, p.PidTagBody), "hi");
      const [item] = attendee.items;
      assert.equal(item && getProperty(item, p.PidLidBusyStatus), busy);
      assert.equal(item && getProperty(item, p.PidLidAppointmentReplyTime), busy && time("2026-11-20T10:00:00Z"));
      assert.equal(organizer.apply(receiveResponse(message, organizer, olga)).outcome, "tracked");
      const row = rowOf(organizer.items[0]!, "ann@example.org", resolve)!;
      assert.equal(getProperty(row, p.PidTagRecipientTrackStatus), track);
      assert.equal(getProperty(row, p.PidTagRecipientTrackStatusTime), time("2026-11-20T10:00:00Z"));
      assert.equal(receiveResponse(message, organizer, olga).outcome, "same");
    }
  }
});

test("the last answer counts, in whichever order answers come, and none to an older version", () => {
  const { organizer, attendee, first } = begun();
  attendee.apply(receiveRequest(first, attendee, ann()));
  const [yes, maybe] = [answer(attendee, "accept"), answer(attendee, "tentative", "2026-11-20T11:00:00Z")]
    .map(({ messages }) => messages[0]!.item) as [ItemBag, ItemBag];
  organizer.apply(receiveResponse(maybe, organizer, olga));
  assert.equal(receiveResponse(yes, organizer, olga).outcome, "same");
  assert.equal(trackingOf(organizer.items[0]!, resolve).get("ann@example.org"), 2);
  edit(organizer, placed);
  assert.equal(trackingOf(organizer.items[0]!, resolve).get("ann@example.org"), 2);
  organizer.apply(receiveResponse(answer(attendee, "accept", "2026-11-20T12:00:00Z").messages[0]!.item, organizer, olga));
  assert.equal(trackingOf(organizer.items[0]!, resolve).get("ann@example.org"), 3, "the place is no reason to ask again");
  edit(organizer, moved, "2026-11-20T13:00:00Z");
  const late = receiveResponse(yes, organizer, olga);
  assert.equal(late.outcome, "outOfDate");
  assert.equal(getProperty(late.received!, p.PidLidPromptSendUpdate), true);
  assert.equal(trackingOf(organizer.items[0]!, resolve).get("ann@example.org"), 0);
});

test("a proposal, as a message and as text", () => {
  for (const isText of [false, true]) {
    const { organizer, attendee, first } = begun();
    attendee.apply(receiveRequest(first, attendee, ann()));
    const proposal = { startMs: at("2026-11-24T09:00:00Z"), endMs: at("2026-11-24T10:30:00Z") };
    const decision = respond(attendee.items[0]!, { ...ann(), answer: "tentative", proposal });
    const sent = decision.messages[0]!.item;
    assert.equal(getProperty(sent, p.PidTagSubject), "New Time Proposed: s");
    assert.match(calendarOf(sent)!.text, /METHOD:COUNTER[^]*DTSTART;TZID=Europe\/Berlin:20261124T100000/);
    const message = isText ? throughText(sent, "olga@example.org") : sent;
    const rows: [name: keyof typeof p, value: unknown][] = [
      ["PidLidAppointmentCounterProposal", true], ["PidLidAppointmentProposedDuration", 90],
      ["PidLidAppointmentProposedStartWhole", time("2026-11-24T09:00:00Z")],
      ["PidLidAppointmentProposedEndWhole", time("2026-11-24T10:30:00Z")],
      ["PidLidAppointmentStartWhole", time("2026-11-23T09:00:00Z")],
      ["PidLidAppointmentEndWhole", time("2026-11-23T10:00:00Z")],
    ];
    for (const [name, value] of rows) assert.deepEqual(getProperty(message, p[name]), value, `${name} ${isText}`);
    organizer.apply(receiveResponse(message, organizer, olga));
    const [item] = organizer.items as [ItemBag];
    const row = rowOf(item, "ann@example.org", resolve)!;
    assert.equal(getProperty(item, p.PidLidAppointmentProposalNumber), 1);
    assert.equal(getProperty(item, p.PidLidAppointmentCounterProposal), true);
    assert.equal(getProperty(row, p.PidTagRecipientProposedStartTime), time("2026-11-24T09:00:00Z"));
    const next = respond(attendee.items[0]!, { ...ann("2026-11-20T11:00:00Z"), answer: "accept" });
    organizer.apply(receiveResponse(next.messages[0]!.item, organizer, olga));
    assert.equal(getProperty(organizer.items[0]!, p.PidLidAppointmentProposalNumber), 0);
  }
  const { attendee, first } = begun();
  setProperty(first, p.PidLidAppointmentNotAllowPropose, true);
  attendee.apply(receiveRequest(first, attendee, ann()));
  assert.throws(() => respond(attendee.items[0]!, { ...ann(), answer: "tentative", proposal: { startMs: 0, endMs: 0 } }),
    Fault);
});

test("an answer without a start, as RFC 5546 lets it be", () => {
  const { organizer } = begun({ rule: "FREQ=DAILY;COUNT=5" });
  const text = (...lines: string[]): string => ["BEGIN:VCALENDAR", "VERSION:2.0", "METHOD:REPLY", "BEGIN:VEVENT",
    "UID:u1@example.org", "DTSTAMP:20261120T110000Z", "SEQUENCE:0", "ORGANIZER:mailto:olga@example.org",
    ...lines, "END:VEVENT", "END:VCALENDAR", ""].join("\r\n");
  const read = (...lines: string[]): ItemBag => {
    const [object] = readCalendars(text(...lines), { owner: "olga@example.org" }).flatMap(({ objects }) => objects);
    assert.ok(object?.kind === "event");
    return object.item;
  };
  organizer.apply(receiveResponse(read("ATTENDEE;PARTSTAT=ACCEPTED:mailto:ann@example.org"), organizer, olga));
  organizer.apply(receiveResponse(read("ATTENDEE;PARTSTAT=DECLINED:mailto:ben@example.org",
    "RECURRENCE-ID:20261124T090000Z"), organizer, olga));
  assert.deepEqual([...trackingOf(organizer.items[0]!, resolve)], [["ann@example.org", 3], ["ben@example.org", 0]]);
  const series = seriesItemOf(organizer.items[0]!)!;
  const [day] = series.changedDays as [number];
  assert.equal(getProperty(series.occurrenceOn(day)!, p.PidLidExceptionReplaceTime), time("2026-11-24T09:00:00Z"));
  assert.deepEqual([...trackingOf(series.occurrenceOn(day)!, resolve)], [["ann@example.org", 3], ["ben@example.org", 4]]);
  assert.equal(receiveResponse(read("ATTENDEE;PARTSTAT=NEEDS-ACTION:mailto:ben@example.org"), organizer, olga).outcome,
    "ignored");
});

test("answers of delegates, of strangers, and of who was taken off", () => {
  const { organizer, attendee, first } = begun();
  attendee.apply(receiveRequest(first, attendee, ann()));
  const by = person("dan");
  const decision = attendee.apply(respond(attendee.items[0]!, { ...ann(), answer: "accept", by }));
  assert.equal(getProperty(attendee.items[0]!, p.PidLidAppointmentReplyName), "DAN");
  const message = decision.messages[0]!.item;
  assert.equal(getProperty(message, p.PidTagSenderSmtpAddress), "dan@example.org");
  assert.equal(getProperty(message, p.PidTagSentRepresentingSmtpAddress), "ann@example.org");
  organizer.apply(receiveResponse(message, organizer, olga));
  const stranger = copyItem(message);
  for (const property of [p.PidTagSentRepresentingSmtpAddress, p.PidTagSentRepresentingEmailAddress] as const) {
    setProperty(stranger, property, "fay@example.org");
  }
  organizer.apply(receiveResponse(stranger, organizer, olga));
  const row = rowOf(organizer.items[0]!, "fay@example.org", resolve)!;
  assert.equal(getProperty(row, p.PidTagRecipientType), 2);
  assert.equal(getProperty(row, p.PidTagRecipientTrackStatus), 3);
  edit(organizer, (item) => item.recipients.splice(item.recipients.indexOf(rowOf(item, "fay@example.org", resolve)!), 1));
  assert.equal(receiveResponse(stranger, organizer, olga).outcome, "outOfDate");
});

test("a request that is out of date is not answered, a newer one is taken in first", () => {
  const { organizer, attendee, first } = begun();
  const update = edit(organizer, moved);
  const taken = attendee.apply(respondToRequest(update, attendee, { ...ann(), answer: "accept" }));
  assert.deepEqual(taken.calendar.map(({ kind }) => kind), ["create"]);
  assert.equal(getProperty(attendee.items[0]!, p.PidLidResponseStatus), 3);
  assert.equal(getProperty(taken.messages[0]!.item, p.PidLidAppointmentSequence), 1);
  const late = respondToRequest(first, attendee, { ...ann(), answer: "decline" });
  assert.equal(late.outcome, "outOfDate");
  assert.deepEqual([late.calendar, late.messages], [[], []]);
  const gone = attendee.apply(respondToRequest(update, attendee, { ...ann(), answer: "decline" }));
  assert.deepEqual(gone.calendar.map(({ kind }) => kind), ["delete"]);
  assert.equal(receiveRequest(first, attendee, ann()).outcome, "outOfDate");
});

test("one occurrence answered", () => {
  const { organizer, attendee, first } = begun({ rule: "FREQ=DAILY;COUNT=4" });
  attendee.apply(receiveRequest(first, attendee, ann()));
  const series = seriesItemOf(attendee.items[0]!)!;
  const day = series.recurrence.start - series.minuteOfDay + 1440;
  for (const [kind, next] of [["decline", day], ["accept", day + 1440]] as const) {
    const { messages } = attendee.apply(respond(attendee.items[0]!, { ...ann(), answer: kind, day: next }));
    organizer.apply(receiveResponse(messages[0]!.item, organizer, olga));
  }
  const own = seriesItemOf(attendee.items[0]!)!;
  assert.equal(own.occurrenceOn(day), undefined);
  assert.equal(getProperty(own.occurrenceOn(day + 1440)!, p.PidLidBusyStatus), 2);
  assert.equal(getProperty(attendee.items[0]!, p.PidLidBusyStatus), 1);
  const held = seriesItemOf(organizer.items[0]!)!;
  assert.deepEqual([day, day + 1440].map((one) =>
    trackingOf(held.occurrenceOn(one)!, resolve).get("ann@example.org")), [4, 3]);
  assert.equal(trackingOf(organizer.items[0]!, resolve).get("ann@example.org"), 0);
  // A new place leaves what was declined declined, a new pattern asks for all of it.
  attendee.apply(receiveRequest(edit(organizer, placed), attendee, ann()));
  assert.ok(seriesItemOf(attendee.items[0]!)!.occurrenceOn(day) === undefined);
  assert.equal(getProperty(seriesItemOf(attendee.items[0]!)!.occurrenceOn(day + 1440)!, p.PidLidResponseStatus), 3);
});

test("an answer to a series is one to its changed occurrences, those told later with a message of their own", () => {
  const { organizer, attendee, first } = begun({ rule: "FREQ=DAILY;COUNT=4" });
  const series = seriesItemOf(organizer.items[0]!)!;
  const day = series.recurrence.start - series.minuteOfDay;
  const change = (on: number, now: string): ItemBag => {
    const [held] = organizer.items as [ItemBag];
    const one = setText(seriesItemOf(held)!.occurrenceOn(on)!, "x", undefined);
    return organizer.apply(updateOccurrenceOf(held, on, one, organizing(now))).messages[0]!.item;
  };
  const early = change(day, "2026-11-20T09:00:00Z");
  const whole = edit(organizer, placed, "2026-11-20T09:10:00Z");
  const late = change(day + 1440, "2026-11-20T09:20:00Z");
  for (const message of [first, early, whole, late]) attendee.apply(receiveRequest(message, attendee, ann()));
  const { messages } = answer(attendee, "accept");
  assert.deepEqual(messages.map(({ item }) => [getProperty(item, p.PidLidIsException) === true,
    getProperty(item, p.PidLidAppointmentSequence)]), [[false, 2], [true, 3]]);
  const own = seriesItemOf(attendee.items[0]!)!;
  assert.deepEqual([day, day + 1440].map((on) => getProperty(own.occurrenceOn(on)!, p.PidLidResponseStatus)), [3, 3]);
  assert.deepEqual([day, day + 1440].map((on) => getProperty(own.occurrenceOn(on)!, p.PidLidBusyStatus)), [2, 2]);
  for (const { item } of messages) organizer.apply(receiveResponse(item, organizer, olga));
  const held = seriesItemOf(organizer.items[0]!)!;
  assert.deepEqual([day, day + 1440].map((on) =>
    trackingOf(held.occurrenceOn(on)!, resolve).get("ann@example.org")), [3, 3]);
});

test("a request sent on", () => {
  const { organizer, attendee, first } = begun();
  attendee.apply(receiveRequest(first, attendee, ann()));
  const decision = forwardMeeting(first, { now: at("2026-11-20T10:00:00Z"), forwarder: person("ann"), to: [person("fay")] });
  const [request, notification] = decision.messages.map(({ item }) => item) as [ItemBag, ItemBag];
  assert.equal(getProperty(request, p.PidTagMessageClass), "IPM.Schedule.Meeting.Request");
  assert.equal(getProperty(request, p.PidTagSentRepresentingSmtpAddress), "olga@example.org");
  assert.equal(getProperty(request, p.PidTagSenderSmtpAddress), "ann@example.org");
  assert.equal(getProperty(notification, p.PidTagMessageClass), "IPM.Schedule.Meeting.Notification.Forward");
  assert.equal(calendarOf(notification), null, "no calendar says that");
  const other = new Calendar();
  other.apply(receiveRequest(request, other, { ...ann(), me: { person: person("fay") } }));
  assert.equal(getProperty(other.items[0]!, p.PidTagSubject), "s");
  organizer.apply(receiveForwardNotification(notification, organizer, olga));
  assert.ok(attendeesOf(organizer.items[0]!, resolve).has("fay@example.org"));
  const forged = copyItem(notification);
  for (const property of [p.PidTagSentRepresentingSmtpAddress, p.PidTagSentRepresentingEmailAddress] as const) {
    setProperty(forged, property, "eve@example.org");
  }
  assert.equal(receiveForwardNotification(forged, organizer, olga).outcome, "ignored");
  setProperty(first, p.PidNameMeetingDoNotForward, true);
  assert.throws(() => forwardMeeting(first, { now: 0, forwarder: person("ann"), to: [person("fay")] }), Fault);
});

test("copies for delegates", () => {
  const { first } = begun();
  const dan = { person: person("dan"), seesPrivate: false };
  const { principal, delegates } = delegateCopies(first, person("ann"), [dan], "delegatesAndInformed");
  assert.equal(getProperty(principal!, p.PidLidMeetingType), meetingTypes.request | meetingTypes.delegatorCopy);
  assert.equal(getProperty(delegates[0]!.item, p.PidTagReceivedRepresentingSmtpAddress), "ann@example.org");
  assert.equal(getProperty(delegates[0]!.item, p.PidTagReceivedBySmtpAddress), "dan@example.org");
  assert.equal(delegateCopies(first, person("ann"), [dan], "delegatesOnly").principal, null);
  assert.equal(delegateCopies(first, person("ann"), [dan], "delegatesAndPrincipal").principal, first);
  setProperty(first, p.PidTagSensitivity, 2);
  const hidden = delegateCopies(first, person("ann"), [dan], "delegatesOnly");
  assert.deepEqual([hidden.principal, hidden.delegates.length], [first, 0]);
});
