/**
 * Proves what iCalendar mail of other programs does to calendars: every method of RFC 5546, occurrences that come before
 * their series or several in one mail, changes of all that follows, people who write for others or send others, and the
 * habits of Google, Apple, Outlook and Notes. Each row is a text as such a program writes it.
 */
import { strict as assert } from "node:assert";
import { test } from "node:test";
import { limits } from "#base/limits.ts";
import { ianaZone } from "#calendar/zones/iana.ts";
import { properties } from "#props/registry.ts";
import { getProperty, newItem, setNamed, setProperty } from "#convert/item.ts";
import { readCalendars } from "#convert/ical/calendar-read.ts";
import { writeCalendar } from "#convert/ical/calendar-write.ts";
import { calendarOf, readCalendarInto } from "#convert/ical/mime-plug.ts";
import { delegatedName, setNames } from "#convert/ical/people-read.ts";
import { setPerson } from "#convert/mime/people.ts";
import { compareMeetings } from "#calendar/meetings/changes.ts";
import { forwardMeeting } from "#calendar/meetings/forward.ts";
import { seriesItemOf } from "#calendar/meetings/occurrences.ts";
import { cancelMeeting, sendRequest, updateMeeting } from "#calendar/meetings/organize.ts";
import { attendeesOf, classIs, isCanceled, isReceived, isResponse, rowOf, trackOf } from "#calendar/meetings/parts.ts";
import { askForMeeting, declineProposal } from "#calendar/meetings/proposals.ts";
import { receiveCancel, receiveRequest } from "#calendar/meetings/receive.ts";
import { respond } from "#calendar/meetings/respond.ts";
import { receiveEach } from "#calendar/meetings/several.ts";
import { appointment, at, Calendar, person, resolve, setText, shownBy } from "#calendar/meetings/test-kit.ts";
import { receiveForwardNotification, receiveRefresh, receiveResponse } from "#calendar/meetings/tracking.ts";
import { responses } from "#calendar/meetings/values.ts";
import type { Decision } from "#calendar/meetings/decision.ts";
import type { Zone } from "#calendar/zones/zone.ts";
import type { ItemBag } from "#convert/item.ts";

const p = properties;
const now = at("2026-11-01T08:00:00Z");
const ann = { person: person("ann") };

/** A mail with a calendar, as it is read from MIME. */
function mail(lines: readonly string[], { from = "olga@x.org", method = "", messageClass = "IPM.Schedule.Meeting.Request" } = {}): ItemBag {
  const item = newItem();
  setProperty(item, p.PidTagMessageClass, messageClass);
  setPerson(item, "representing", { name: "", address: from });
  setPerson(item, "sender", { name: "", address: from });
  const text = ["BEGIN:VCALENDAR", "VERSION:2.0", ...lines, "END:VCALENDAR", ""].join("\r\n");
  assert.equal(readCalendarInto(text, item, { method }), true, text);
  return item;
}

const people = ["ORGANIZER;CN=Olga:mailto:olga@x.org", "ATTENDEE;RSVP=TRUE:mailto:ann@example.org"];
const event = (...lines: string[]): string[] => ["BEGIN:VEVENT", "UID:u1", "DTSTAMP:20261101T000000Z", "SUMMARY:s", ...people, ...lines, "END:VEVENT"];
const weekly = (...lines: string[]): string[] => event("DTSTART;TZID=Europe/Berlin:20261102T100000", "DURATION:PT1H",
  "RRULE:FREQ=WEEKLY;COUNT=5", ...lines);
const moved = (day: string, to: string, ...lines: string[]): string[] => event(`RECURRENCE-ID;TZID=Europe/Berlin:${day}T100000`,
  `DTSTART;TZID=Europe/Berlin:${to}`, "DURATION:PT1H", ...lines);

function receive(calendar: Calendar, message: ItemBag, zone?: Zone): Decision {
  const context = { now, me: ann, ...(zone === undefined ? {} : { zone }) };
  const decide = (): Decision => {
    if (classIs(message, "request") || classIs(message, "cancel")) {
      return receiveEach(message, calendar, (one, state) =>
        (classIs(one, "cancel") ? receiveCancel(one, state, context) : receiveRequest(one, state, context)));
    }
    return classIs(message, "refresh") ? receiveRefresh(message, calendar, context)
      : isResponse(message) ? receiveResponse(message, calendar, context) : receiveForwardNotification(message, calendar, context);
  };
  return calendar.apply(decide());
}

const starts = (calendar: Calendar): string[] => calendar.items.flatMap((item) => [...shownBy(item).values()])
  .map((line) => line.slice(5, 16)).sort();
const october = ["11-02T09:00", "11-09T09:00", "11-16T09:00", "11-23T09:00", "11-30T09:00"];

test("occurrences and their series in any order end the same", () => {
  const series = ["METHOD:REQUEST", ...weekly("SEQUENCE:1")];
  const one = ["METHOD:REQUEST", ...moved("20261109", "20261110T120000", "SEQUENCE:2")];
  const other = ["METHOD:REQUEST", ...moved("20261116", "20261117T120000", "SEQUENCE:3")];
  const off = ["METHOD:CANCEL", ...event("RECURRENCE-ID;TZID=Europe/Berlin:20261123T100000", "DTSTART;TZID=Europe/Berlin:20261123T100000", "SEQUENCE:4")];
  const cancels = (lines: string[]): ItemBag => mail(lines, { messageClass: "IPM.Schedule.Meeting.Canceled" });
  const all = [() => mail(series), () => mail(one), () => mail(other), () => cancels(off)];
  const expected = ["11-02T09:00", "11-10T11:00", "11-17T11:00", "11-30T09:00"];
  const orders = [[0, 1, 2, 3], [1, 0, 2, 3], [1, 2, 3, 0], [3, 2, 1, 0], [3, 0, 1, 2], [2, 3, 0, 1]];
  for (const order of orders) {
    const calendar = new Calendar();
    for (const index of [...order, order[0]!]) receive(calendar, all[index]!());
    assert.deepEqual(starts(calendar), expected, order.join());
    assert.equal(calendar.items.length, 1, order.join());
  }
});

test("several occurrences in one mail, before the series and after it", () => {
  const both = ["METHOD:REQUEST", ...moved("20261109", "20261110T120000", "SEQUENCE:2"), ...moved("20261116", "20261117T120000", "SEQUENCE:2")];
  for (const isFirst of [true, false]) {
    const calendar = new Calendar();
    if (isFirst) assert.equal(receive(calendar, mail(both)).calendar.length, 2);
    receive(calendar, mail(["METHOD:REQUEST", ...weekly("SEQUENCE:1")]));
    if (!isFirst) assert.equal(receive(calendar, mail(both)).calendar.length, 1);
    assert.deepEqual(starts(calendar), ["11-02T09:00", "11-10T11:00", "11-17T11:00", "11-23T09:00", "11-30T09:00"]);
    assert.equal(calendar.items.length, 1);
  }
  const written = calendarOf(mail(both))!.text;
  assert.equal(written.match(/RECURRENCE-ID/g)?.length, 2);
});

test("an added occurrence stands beside its series, and goes into it when the series has it", () => {
  const calendar = new Calendar();
  receive(calendar, mail(["METHOD:REQUEST", ...weekly("SEQUENCE:1")]));
  receive(calendar, mail(["METHOD:ADD", ...event("DTSTART;TZID=Europe/Berlin:20261105T100000", "DURATION:PT1H", "SEQUENCE:2")]));
  assert.deepEqual(starts(calendar), [...october, "11-05T09:00"].sort());
  receive(calendar, mail(["METHOD:REQUEST", ...weekly("SEQUENCE:3", "RDATE;TZID=Europe/Berlin:20261105T100000")]));
  assert.deepEqual(starts(calendar), [...october, "11-05T09:00"].sort());
  assert.equal(calendar.items.length, 1);
});

test("a change of all that follows, with the series and alone", () => {
  const range = (...lines: string[]): string[] => event("RECURRENCE-ID;RANGE=THISANDFUTURE;TZID=Europe/Berlin:20261116T100000", ...lines);
  const later = ["DTSTART;TZID=Europe/Berlin:20261116T140000", "DURATION:PT2H", "SEQUENCE:2", "LOCATION:there"];
  const expected = ["11-02T09:00", "11-09T09:00", "11-16T13:00", "11-23T13:00", "11-30T13:00"];
  const whole = new Calendar();
  receive(whole, mail(["METHOD:REQUEST", ...weekly("SEQUENCE:1"), ...range(...later)]));
  assert.deepEqual(starts(whole), expected);
  // It comes back as what it means.
  const [again] = readCalendars(writeCalendar(whole.items)).flatMap(({ objects }) => objects);
  assert.deepEqual(again?.kind === "event" && [...shownBy(again.item).values()], [...shownBy(whole.items[0]!).values()]);
  const apart = new Calendar();
  receive(apart, mail(["METHOD:REQUEST", ...weekly("SEQUENCE:1")]));
  receive(apart, mail(["METHOD:REQUEST", ...range(...later)]));
  assert.deepEqual(starts(apart), expected);
  assert.match(calendarOf(mail(["METHOD:REQUEST", ...range(...later)]))!.text, /RECURRENCE-ID;RANGE=THISANDFUTURE;TZID/);
  receive(apart, mail(["METHOD:CANCEL", ...range("DTSTART;TZID=Europe/Berlin:20261116T140000", "SEQUENCE:3")],
    { messageClass: "IPM.Schedule.Meeting.Canceled" }));
  assert.deepEqual(starts(apart), expected.slice(0, 2));
  const endless = new Calendar();
  receive(endless, mail(["METHOD:REQUEST", ...event("DTSTART:20261102T090000Z", "RRULE:FREQ=DAILY")]));
  receive(endless, mail(["METHOD:REQUEST", ...event("RECURRENCE-ID;RANGE=THISANDFUTURE:20261103T090000Z", "DTSTART:20261103T100000Z", "SEQUENCE:1")]));
  assert.equal(seriesItemOf(endless.items[0]!)!.changedDays.length, limits.recurrenceRangeMax + 1);
});

test("a rule that Exchange cannot hold enters the calendar, comes back unchanged, and is the same when said again", () => {
  for (const rule of ["FREQ=MONTHLY;BYMONTHDAY=2,16", "FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO", "FREQ=HOURLY;BYHOUR=9,17", "FREQ=NEVER"]) {
    const calendar = new Calendar();
    const lines = (stamp: string): string[] => ["METHOD:REQUEST", ...event("DTSTART;TZID=Europe/Berlin:20261102T100000", "DURATION:PT1H", `RRULE:${rule}`)
      .map((line) => (line.startsWith("DTSTAMP") ? `DTSTAMP:${stamp}` : line))];
    assert.equal(receive(calendar, mail(lines("20261101T000000Z"))).outcome, "created", rule);
    assert.ok(writeCalendar(calendar.items).includes(`RRULE:${rule}\r\n`), rule);
    // Said again years later it is told for other years, and nobody is asked anew.
    const again = mail(lines("20290101T000000Z"));
    assert.equal(compareMeetings(calendar.items[0]!, again, resolve).isSignificant, false, rule);
    assert.equal(receive(calendar, again).outcome, "informed", rule);
  }
});

test("what programs write in their own way", () => {
  const one = (...lines: string[]): string[] => event("DTSTART:20261102T090000Z", "DTEND:20261102T100000Z", ...lines);
  // Google counts nothing up: the later stamp holds.
  const google = new Calendar();
  const stamped = (lines: string[], stamp: string): string[] => lines.map((line) => (line.startsWith("DTSTAMP") ? `DTSTAMP:${stamp}` : line));
  receive(google, mail(["METHOD:REQUEST", ...one("SEQUENCE:0")]));
  const shifted = event("DTSTART:20261102T110000Z", "DTEND:20261102T120000Z", "SEQUENCE:0");
  assert.equal(receive(google, mail(["METHOD:REQUEST", ...stamped(shifted, "20261101T010000Z")])).outcome, "updated");
  assert.equal(receive(google, mail(["METHOD:REQUEST", ...one("SEQUENCE:0")])).outcome, "outOfDate");
  assert.deepEqual(starts(google), ["11-02T11:00"]);
  // A line of Outlook that somebody hands on does not hold a newer count back.
  const handed = mail(["METHOD:REQUEST", ...one("SEQUENCE:4", "X-MICROSOFT-CDO-APPT-SEQUENCE:1")]);
  assert.equal(getProperty(handed, p.PidLidAppointmentSequence), 4);
  // The method stands beside the part alone.
  assert.equal(isReceived(mail(one(), { method: "REQUEST" })), true);
  // A request for what is off.
  const off = mail(["METHOD:REQUEST", ...one("STATUS:CANCELLED", "SEQUENCE:1")]);
  assert.ok(classIs(off, "cancel") && isCanceled(off));
  receive(google, mail(["METHOD:REQUEST", ...stamped(one("STATUS:CANCELLED", "SEQUENCE:1"), "20261102T000000Z")]));
  assert.ok(google.items.every(isCanceled));
  // An end before the start, none, and a length.
  for (const [lines, minutes] of [[["DTSTART:20261102T090000Z", "DTEND:20261102T080000Z"], 0],
    [["DTSTART:20261102T090000Z"], 0], [["DTSTART:20261102T090000Z", "DURATION:PT90M"], 90],
    [["DTSTART;VALUE=DATE:20261102", "DTEND;VALUE=DATE:20261102"], 1440]] as const) {
    assert.equal(getProperty(mail(["METHOD:REQUEST", ...event(...lines)]), p.PidLidAppointmentDuration), minutes, lines.join());
  }
});

test("zones by the names that programs give them", () => {
  const rules = ["BEGIN:STANDARD", "DTSTART:16010101T030000", "TZOFFSETFROM:+0200", "TZOFFSETTO:+0100", "RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10",
    "END:STANDARD", "BEGIN:DAYLIGHT", "DTSTART:16010101T020000", "TZOFFSETFROM:+0100", "TZOFFSETTO:+0200", "RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3", "END:DAYLIGHT"];
  const long = "(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna";
  const rows: [name: string, hasRules: boolean][] = [["W. Europe Standard Time", false], ["Europe/Berlin", false], ["Customized Time Zone", true],
    [long, true], [long, false], ["/freeassociation.sourceforge.net/Tzfile/Europe/Berlin", false], ["Mitteleuropäische Zeit", true]];
  for (const [name, hasRules] of rows) {
    const zone = hasRules ? ["BEGIN:VTIMEZONE", `TZID:${name}`, ...rules, "END:VTIMEZONE"] : [];
    for (const [month, hour] of [["07", "08"], ["12", "09"]] as const) {
      const item = mail(["METHOD:REQUEST", ...zone, ...event(`DTSTART;TZID="${name}":2026${month}02T100000`, "DURATION:PT1H")]);
      const told = new Date(Number(getProperty(item, p.PidLidAppointmentStartWhole)! / 10_000n) - 11_644_473_600_000).toISOString();
      assert.equal(told.slice(11, 13), hour, `${name} in month ${month}`);
    }
  }
});

test("a whole day is one where its reader is", () => {
  const lines = (day: string): string[] => event(`DTSTART;VALUE=DATE:${day}`, "DTEND;VALUE=DATE:20261103", "RRULE:FREQ=YEARLY;COUNT=3",
    `EXDATE;VALUE=DATE:2027${day.slice(4)}`);
  for (const [name, from] of [["Europe/Berlin", "11-01T23:00"], ["America/New_York", "11-02T05:00"], ["Asia/Tokyo", "11-01T15:00"]] as const) {
    const calendar = new Calendar();
    receive(calendar, mail(["METHOD:REQUEST", ...lines("20261102")]), ianaZone(name));
    const [first, ...rest] = [...shownBy(calendar.items[0]!).values()];
    assert.equal(first!.slice(5, 16), from, name);
    assert.equal(rest.length, 1);
    assert.ok(writeCalendar(calendar.items, { zone: ianaZone(name)! }).includes("DTSTART;VALUE=DATE:20261102"), name);
    // The same once more changes nothing.
    assert.equal(receive(calendar, mail(["METHOD:REQUEST", ...lines("20261102")]), ianaZone(name)).outcome, "same");
    const sent = respond(calendar.items[0]!, { now, me: ann, answer: "accept" });
    assert.ok(calendarOf(sent.messages[0]!.item)!.text.includes("UID:u1"));
  }
});

/** Olga's meeting, sent, with ann and ben. */
function organized(rule?: string): Calendar {
  const olga = new Calendar();
  olga.items.push(appointment({ to: ["ann", "ben"], ...(rule === undefined ? {} : { rule }) }));
  olga.apply(sendRequest(olga.items[0]!, { now, organizer: person("olga") }));
  return olga;
}
const asOlga = { now: now + 60_000, me: { person: person("olga") } };
const uid = "UID:u1@example.org";
const reply = (...lines: string[]): string[] => ["METHOD:REPLY", "BEGIN:VEVENT", uid, "DTSTAMP:20261101T090000Z",
  "ORGANIZER:mailto:olga@example.org", ...lines, "END:VEVENT"];
const asReply = { messageClass: "IPM.Schedule.Meeting.Resp.Pos" };
const answerIn = (calendar: Calendar, name: string): number => trackOf(rowOf(calendar.items[0]!, `${name}@example.org`, resolve)!);

test("answers: without a count, with everybody in them, by somebody else", () => {
  const olga = organized();
  for (let round = 0; round < 3; round++) {
    olga.apply(updateMeeting(olga.items[0]!, setText(appointment({ to: ["ann", "ben"], start: `2026112${round}T100000` }), "s", "l"),
      { now: now + round, organizer: person("olga") }));
  }
  const plain = mail(reply("ATTENDEE;PARTSTAT=ACCEPTED:mailto:ann@example.org"), { ...asReply, from: "ann@example.org" });
  assert.equal(olga.apply(receiveResponse(plain, olga, asOlga)).outcome, "tracked");
  assert.equal(answerIn(olga, "ann"), responses.accepted);
  const listed = mail(reply("ATTENDEE:mailto:ann@example.org", "ATTENDEE;PARTSTAT=DECLINED;SENT-BY=\"mailto:help@example.org\":mailto:ben@example.org"),
    { ...asReply, from: "help@example.org" });
  assert.ok(classIs(listed, "decline"));
  olga.apply(receiveResponse(listed, olga, asOlga));
  assert.deepEqual([answerIn(olga, "ann"), answerIn(olga, "ben")], [responses.accepted, responses.declined]);
  assert.match(calendarOf(listed)!.text.replaceAll("\r\n ", ""), /ATTENDEE;PARTSTAT=DECLINED;SENT-BY="mailto:help@example.org":mailto:ben@example.org/);
});

test("who sends somebody else declines, and the other is asked", () => {
  const olga = organized("FREQ=WEEKLY;COUNT=3");
  const text = reply("SEQUENCE:0", "ATTENDEE;PARTSTAT=DELEGATED;DELEGATED-TO=\"mailto:dora@example.org\":mailto:ann@example.org",
    "ATTENDEE;CN=Dora;DELEGATED-FROM=\"mailto:ann@example.org\":mailto:dora@example.org");
  const message = mail(text, { ...asReply, from: "ann@example.org" });
  olga.apply(receiveResponse(message, olga, asOlga));
  assert.equal(answerIn(olga, "ann"), responses.declined);
  assert.deepEqual([...attendeesOf(olga.items[0]!, resolve).keys()].map((one) => one.split("@")[0]), ["ann", "ben", "dora"]);
  const written = calendarOf(message)!.text.replaceAll("\r\n ", "");
  assert.match(written, /PARTSTAT=DELEGATED;DELEGATED-TO="mailto:dora@example.org":mailto:ann@example.org/);
  const own = newItem();
  setNames(own, delegatedName, [{ name: "a<b>", address: "x@y" }, { name: "", address: "z@y" }]);
  setNamed(own, { ...delegatedName, id: "other" }, "String", "x");
  assert.equal([...own.named.values()].length, 2);
  // Dora answers as anybody does.
  olga.apply(receiveResponse(mail(reply("ATTENDEE;PARTSTAT=ACCEPTED:mailto:dora@example.org"), { ...asReply, from: "dora@example.org" }), olga, asOlga));
  assert.equal(answerIn(olga, "dora"), responses.accepted);
});

test("a proposal is declined: the answer stays, the time too, and it is told", () => {
  for (const rule of [undefined, "FREQ=WEEKLY;COUNT=3"]) {
    const olga = organized(rule);
    const request = sendRequest(appointment({ to: ["ann", "ben"], ...(rule === undefined ? {} : { rule }) }), { now, organizer: person("olga") });
    const held = receiveRequest(request.messages[0]!.item, new Calendar(), { now, me: ann }).calendar[0]!;
    assert.equal(held.kind, "create");
    const start = at("2026-11-24T09:00:00Z");
    const day = rule === undefined ? undefined : seriesItemOf(olga.items[0]!)!.daysAfter(seriesItemOf(olga.items[0]!)!.recurrence.start -
      seriesItemOf(olga.items[0]!)!.minuteOfDay, 1)[0];
    const counter = respond(held.kind === "create" ? held.item : newItem(), { now, me: ann, answer: "tentative",
      proposal: { startMs: start, endMs: start + 3_600_000 }, ...(day === undefined ? {} : { day }) });
    const through = mail(calendarOf(counter.messages[0]!.item)!.text.split("\r\n").slice(2, -2), { ...asReply, from: "ann@example.org" });
    olga.apply(receiveResponse(through, olga, asOlga));
    const context = { now, organizer: person("olga"), attendee: "ann@example.org", ...(day === undefined ? {} : { day }) };
    const decision = declineProposal(olga.items[0]!, { ...context, comment: "No." });
    const { text, method } = calendarOf(decision.messages[0]!.item)!;
    assert.equal(method, "DECLINECOUNTER");
    assert.match(text.replaceAll("\r\n ", ""), /METHOD:DECLINECOUNTER\r\n[^]*ATTENDEE[^\r]*mailto:ann@example.org/);
    assert.equal(/RECURRENCE-ID/.test(text), rule !== undefined);
    olga.apply(decision);
    const one = day === undefined ? olga.items[0]! : seriesItemOf(olga.items[0]!)!.occurrenceOn(day)!;
    const row = rowOf(one, "ann@example.org", resolve)!;
    assert.deepEqual([trackOf(row), getProperty(row, p.PidTagRecipientProposed)], [responses.tentative, undefined]);
    assert.equal(getProperty(one, p.PidLidAppointmentProposalNumber), 0);
    assert.throws(() => declineProposal(olga.items[0]!, context), /proposed/);
  }
});

test("who asks for the meeting as it is gets it, and a stranger nothing", () => {
  const olga = organized("FREQ=WEEKLY;COUNT=3");
  const held = new Calendar();
  receive(held, mail(["METHOD:REQUEST", "BEGIN:VEVENT", uid, "DTSTAMP:20261101T000000Z", "DTSTART:20261102T090000Z",
    "ORGANIZER:mailto:olga@example.org", "ATTENDEE:mailto:ann@example.org", "END:VEVENT"]));
  const asked = askForMeeting(held.items[0]!, { now, me: ann }).messages[0]!;
  const { text, method } = calendarOf(asked.item)!;
  assert.equal(method, "REFRESH");
  const lines = text.split("\r\n").slice(2, -2);
  const refresh = mail(lines, { from: "ann@example.org", messageClass: "IPM.Schedule.Meeting.Refresh" });
  const decision = olga.apply(receiveRefresh(refresh, olga, asOlga));
  assert.deepEqual(decision.messages.map(({ to }) => to.map(({ address }) => address)), [["ann@example.org"]]);
  receive(held, decision.messages[0]!.item);
  assert.equal(starts(held).length, 3);
  const stranger = mail(lines.map((line) => line.replace(/^(ATTENDEE.*:mailto:).*/, "$1eve@example.org")),
    { from: "eve@example.org", messageClass: "IPM.Schedule.Meeting.Refresh" });
  assert.equal(receiveRefresh(stranger, olga, asOlga).outcome, "ignored");
});

test("who writes for an organizer is named, and kept", () => {
  const message = mail(["METHOD:REQUEST", ...event("DTSTART:20261102T090000Z").map((line) =>
    line.replace("ORGANIZER;CN=Olga", "ORGANIZER;CN=Olga;SENT-BY=\"mailto:help@x.org\""))], { from: "help@x.org" });
  assert.equal(getProperty(message, p.PidTagSentRepresentingSmtpAddress), "olga@x.org");
  assert.equal(getProperty(message, p.PidTagSenderSmtpAddress), "help@x.org");
  const calendar = new Calendar();
  receive(calendar, message);
  assert.match(writeCalendar(calendar.items), /ORGANIZER;CN=Olga;SENT-BY="mailto:help@x.org":mailto:olga@x.org/);
  const sent = sendRequest(appointment({ to: ["ann"] }), { now, organizer: person("olga"), by: person("dora") });
  assert.match(calendarOf(sent.messages[0]!.item)!.text.replaceAll("\r\n ", ""), /ORGANIZER;CN=OLGA;SENT-BY="mailto:dora@example.org":mailto:olga@example.org/);
  const answer = respond(calendar.items[0]!, { now, me: ann, by: person("dora"), answer: "accept" });
  assert.match(calendarOf(answer.messages[0]!.item)!.text.replaceAll("\r\n ", ""),
    /PARTSTAT=ACCEPTED;SENT-BY="mailto:dora@example.org":mailto:ann@example.org/);
});

test("a forward is told inside by a calendar, outside by plain mail", () => {
  const calendar = new Calendar();
  const olga = organized();
  receive(calendar, sendRequest(appointment({ to: ["ann", "ben"] }), { now, organizer: person("olga") }).messages[0]!.item);
  const [request, told] = forwardMeeting(calendar.items[0]!, { now, forwarder: person("ann"), to: [person("gus")] }).messages;
  assert.ok(!calendarOf(request!.item)!.text.includes("SENT-BY"));
  assert.equal(calendarOf(told!.item), null);
  const text = calendarOf(told!.item, { isInside: true })!.text;
  const back = mail(text.split("\r\n").slice(2, -2), { from: "ann@example.org", messageClass: "IPM.Schedule.Meeting.Notification.Forward" });
  assert.equal(olga.apply(receiveForwardNotification(back, olga, asOlga)).outcome, "tracked");
  assert.ok(attendeesOf(olga.items[0]!, resolve).has("gus@example.org"));
  olga.apply(cancelMeeting(olga.items[0]!, { now, organizer: person("olga") }));
  const late = olga.apply(receiveForwardNotification(back, olga, asOlga));
  assert.deepEqual(late.messages.map(({ to }) => to[0]!.address), ["gus@example.org"]);
});
