/**
 * Proves by tables what the organizer's changes send, to whom, as what and with which numbers: rules of [MS-OXOCAL]
 * 3.1.4.7, 3.1.4.9, 3.1.5.4 and RFC 5546 §2.1.4, §3.2.2, §3.2.5, one row each.
 */
import { strict as assert } from "node:assert";
import { test } from "node:test";
import { Fault } from "#base/fault.ts";
import { properties } from "#props/registry.ts";
import { getProperty, setProperty } from "#convert/item.ts";
import { withExceptionDate } from "#convert/ical/global-object-id.ts";
import { changeTime } from "#calendar/meetings/decision.ts";
import { seriesItemOf } from "#calendar/meetings/occurrences.ts";
import {
  cancelMeeting, cancelOccurrenceOf, sendRequest, trackingOf, updateMeeting, updateOccurrenceOf,
} from "#calendar/meetings/organize.ts";
import { addRow, attendeesOf, copyItem, rowOf, rowPerson } from "#calendar/meetings/parts.ts";
import { highlights, meetingTypes, responses } from "#calendar/meetings/values.ts";
import { appointment, at, Calendar, person, resolve, setText, time } from "#calendar/meetings/test-kit.ts";
import type { ItemBag } from "#convert/item.ts";
import type { Decision } from "#calendar/meetings/decision.ts";

const p = properties;
const context = (now: string): { now: number; organizer: ReturnType<typeof person> } =>
  ({ now: at(now), organizer: person("olga") });

function sent(words: Parameters<typeof appointment>[0]): ItemBag {
  const calendar = new Calendar();
  const item = appointment(words);
  calendar.items.push(item);
  calendar.apply(sendRequest(item, context("2026-11-20T08:00:00Z")));
  return calendar.items[0]!;
}

const later = context("2026-11-20T09:00:00Z");

/** Each message as "class type sequence day -> names". */
function told({ messages }: Decision): string[] {
  return messages.map(({ item, to }) => {
    const kind = getProperty(item, p.PidTagMessageClass)!.split(".").at(-1)!;
    const type = Object.entries(meetingTypes).find(([, value]) => value === getProperty(item, p.PidLidMeetingType))?.[0];
    const part = getProperty(item, p.PidLidIsException) === true ? " one" : "";
    return `${kind} ${type} ${getProperty(item, p.PidLidAppointmentSequence)}${part} -> ${
      to.map(({ address }) => address.split("@")[0]).join()}`;
  });
}

const after = ({ calendar }: Decision): ItemBag => {
  const [change] = calendar;
  if (change === undefined || change.kind === "delete") throw new Error("no item");
  return change.item;
};

test("a first request", () => {
  const item = appointment({ to: ["ann", "ben"] });
  setProperty(item, p.PidNameKeywords, ["mine"]);
  const decision = sendRequest(item, context("2026-11-20T08:00:00Z"));
  assert.deepEqual(told(decision), ["Request request 0 -> ann,ben"]);
  const held = after(decision);
  const message = decision.messages[0]!.item;
  const rows: [item: ItemBag, name: keyof typeof p, value: unknown][] = [
    [held, "PidLidAppointmentStateFlags", 1], [held, "PidLidResponseStatus", 1], [held, "PidLidFInvited", true],
    [held, "PidLidAppointmentSequence", 0], [held, "PidLidAppointmentLastSequence", 0],
    [held, "PidLidAppointmentSequenceTime", time("2026-11-20T08:00:00Z")],
    [held, "PidLidOwnerCriticalChange", time("2026-11-20T08:00:00Z")],
    [held, "PidLidAllAttendeesString", "ANN; BEN"], [held, "PidLidToAttendeesString", "ANN; BEN"],
    [held, "PidLidBusyStatus", 2], [held, "PidTagMessageClass", "IPM.Appointment"],
    [message, "PidTagMessageClass", "IPM.Schedule.Meeting.Request"], [message, "PidLidAppointmentStateFlags", 3],
    [message, "PidLidResponseStatus", 5], [message, "PidLidBusyStatus", 1], [message, "PidLidIntendedBusyStatus", 2],
    [message, "PidLidAppointmentMessageClass", "IPM.Appointment"], [message, "PidLidWhere", "l"],
    [message, "PidTagResponseRequested", true], [message, "PidLidFInvited", undefined],
    [message, "PidNameKeywords", undefined], [message, "PidTagSentRepresentingSmtpAddress", "olga@example.org"],
    [message, "PidLidChangeHighlight", undefined],
  ];
  for (const [one, name, value] of rows) assert.deepEqual(getProperty(one, p[name]), value, name);
  assert.equal(getProperty(item, p.PidLidFInvited), undefined, "the given item stays as it is");
  assert.deepEqual([...trackingOf(held, resolve)], [["ann@example.org", 0], ["ben@example.org", 0]]);
});

test("what a change sends", () => {
  const move = (item: ItemBag): void => {
    for (const one of [p.PidLidAppointmentStartWhole, p.PidLidAppointmentEndWhole] as const) {
      setProperty(item, one, getProperty(item, one)! + 36_000_000_000n);
    }
  };
  const drop = (name: string) => (item: ItemBag): void => {
    const kept = item.recipients.filter((row) => rowPerson(row, resolve)?.address !== person(name).address);
    item.recipients.splice(0, item.recipients.length, ...kept);
  };
  const rows: [name: string, edit: (item: ItemBag) => void, messages: string[]][] = [
    ["nothing", () => {}, []],
    ["a reminder", (item) => setProperty(item, p.PidLidReminderDelta, 30), []],
    ["a category", (item) => setProperty(item, p.PidNameKeywords, ["x"]), []],
    ["how the organizer is busy", (item) => setProperty(item, p.PidLidBusyStatus, 3), []],
    ["space in the text", (item) => setProperty(item, p.PidTagSubject, " s "), []],
    ["an answer that somebody wrote in", (item) =>
      setProperty(rowOf(item, "ann@example.org", resolve)!, p.PidTagRecipientTrackStatus, 4), []],
    ["the time", move, ["Request full 1 -> ann,ben"]],
    ["whole day", (item) => setProperty(item, p.PidLidAppointmentSubType, true), ["Request full 1 -> ann,ben"]],
    ["the place", (item) => setProperty(item, p.PidLidLocation, "x"), ["Request informational 1 -> ann,ben"]],
    ["the subject", (item) => setProperty(item, p.PidTagSubject, "x"), ["Request informational 1 -> ann,ben"]],
    ["the body", (item) => setProperty(item, p.PidTagBody, "x"), ["Request informational 1 -> ann,ben"]],
    ["private", (item) => setProperty(item, p.PidTagSensitivity, 2), ["Request informational 1 -> ann,ben"]],
    ["somebody more", (item) => void addRow(item, 1, person("cleo")), ["Request request 1 -> cleo"]],
    ["somebody less", drop("ben"), ["Canceled empty 1 -> ben"]],
    ["one for another", (item) => {
      drop("ben")(item);
      addRow(item, 2, person("cleo"));
    }, ["Canceled empty 1 -> ben", "Request request 2 -> cleo"]],
    ["the time and somebody more", (item) => {
      move(item);
      addRow(item, 1, person("cleo"));
    }, ["Request full 1 -> ann,ben", "Request request 1 -> cleo"]],
    ["the time and somebody less", (item) => {
      move(item);
      drop("ann")(item);
    }, ["Canceled empty 1 -> ann", "Request full 2 -> ben"]],
  ];
  for (const [name, edit, messages] of rows) {
    const before = sent({ to: ["ann", "ben"] });
    const edited = copyItem(before);
    edit(edited);
    const decision = updateMeeting(before, edited, later);
    assert.deepEqual(told(decision), messages, name);
    assert.equal(decision.outcome, messages.length === 0 ? "unchanged" : "sent", name);
    for (const { item } of decision.messages) assert.equal(item.recipients.length > 1, true, name);
  }
});

test("only a change of when resets answers and moves the number that answers need", () => {
  const rows: [name: string, edit: (item: ItemBag) => void, sequence: number, track: number][] = [
    ["place", (item) => setText(item, undefined, "x"), 0, responses.accepted],
    ["start", (item) => setProperty(item, p.PidLidAppointmentStartWhole, time("2026-11-23T08:00:00Z")), 1, 0],
  ];
  for (const [name, edit, sequence, track] of rows) {
    const before = sent({ to: ["ann"] });
    setProperty(rowOf(before, "ann@example.org", resolve)!, p.PidTagRecipientTrackStatus, responses.accepted);
    const edited = copyItem(before);
    edit(edited);
    const item = after(updateMeeting(before, edited, later));
    assert.equal(getProperty(item, p.PidLidAppointmentSequence), sequence, name);
    assert.equal(getProperty(item, p.PidLidAppointmentLastSequence), 1, name);
    assert.equal(trackingOf(item, resolve).get("ann@example.org"), track, name);
    assert.equal(getProperty(item, p.PidLidAppointmentSequenceTime), changeTime(sequence === 1 ? later.now
      : at("2026-11-20T08:00:00Z")), name);
  }
});

test("an update says what changed and how it was", () => {
  const before = sent({ to: ["ann"] });
  const edited = setText(copyItem(before), "new", "there");
  setProperty(edited, p.PidLidAppointmentEndWhole, time("2026-11-23T11:00:00Z"));
  const { item } = updateMeeting(before, edited, later).messages[0]!;
  assert.equal(getProperty(item, p.PidLidChangeHighlight), highlights.end | highlights.location | highlights.subject);
  assert.equal(getProperty(item, p.PidLidOldWhenStartWhole), time("2026-11-23T09:00:00Z"));
  assert.equal(getProperty(item, p.PidLidOldWhenEndWhole), time("2026-11-23T10:00:00Z"));
  assert.equal(getProperty(item, p.PidLidOldLocation), "l");
});

test("occurrences of a series", () => {
  const before = sent({ rule: "FREQ=WEEKLY;COUNT=4", to: ["ann", "ben"] });
  const series = seriesItemOf(before)!;
  const day = seriesItemOf(before)!.recurrence.start - series.minuteOfDay + 7 * 1440;
  const one = series.occurrenceOn(day)!;
  const moved = updateOccurrenceOf(before, day, setText(copyItem(one), undefined, "x"), later);
  assert.deepEqual(told(moved), ["Request informational 1 one -> ann,ben"]);
  const message = moved.messages[0]!.item;
  assert.deepEqual(getProperty(message, p.PidLidGlobalObjectId),
    withExceptionDate(getProperty(before, p.PidLidGlobalObjectId)!, day));
  assert.equal(getProperty(message, p.PidLidExceptionReplaceTime), time("2026-11-30T09:00:00Z"));
  assert.equal(getProperty(message, p.PidLidAppointmentRecur), undefined);
  const gone = cancelOccurrenceOf(after(moved), day, later);
  assert.deepEqual(told(gone), ["Canceled empty 2 one -> ann,ben"]);
  assert.equal(seriesItemOf(after(gone))!.deletedDays.has(day), true);
  // Somebody is asked to one occurrence alone, then the series is off.
  const joined = copyItem(one);
  addRow(joined, 1, person("cleo"));
  const guest = updateOccurrenceOf(before, day, joined, later);
  assert.deepEqual(told(guest), ["Request request 1 one -> cleo"]);
  assert.deepEqual(told(cancelMeeting(after(guest), later)),
    ["Canceled empty 2 -> ann,ben", "Canceled empty 3 one -> cleo"]);
  assert.deepEqual(told(cancelMeeting(after(guest), context("2027-06-01T00:00:00Z"))), ["Canceled empty 2 -> ann,ben"]);
  // Somebody is taken off one occurrence, which then is missing in the series that he gets.
  const fewer = copyItem(one);
  fewer.recipients.splice(fewer.recipients.findIndex((row) => rowPerson(row, resolve)?.name === "BEN"), 1);
  const less = updateOccurrenceOf(before, day, fewer, later);
  assert.deepEqual(told(less), ["Canceled empty 1 one -> ben"]);
  const place = updateMeeting(after(less), setText(copyItem(after(less)), undefined, "y"), later);
  assert.deepEqual(told(place), ["Request informational 2 -> ann", "Request informational 2 -> ben"]);
  const has = place.messages.map(({ item }) => seriesItemOf(item)!.deletedDays.has(day));
  assert.deepEqual(has, [false, true]);
});

test("a pattern that begins as before, and an occurrence that changes with its series", () => {
  const before = sent({ rule: "FREQ=DAILY;COUNT=5", to: ["ann"] });
  const other = appointment({ rule: "FREQ=WEEKLY;COUNT=5" });
  other.recipients.push(...copyItem(before).recipients);
  assert.deepEqual(told(updateMeeting(before, other, later)), ["Request full 1 -> ann"]);
  const series = seriesItemOf(before)!;
  const day = series.recurrence.start - series.minuteOfDay + 1440;
  const first = after(updateOccurrenceOf(before, day, setText(series.occurrenceOn(day)!, "x", undefined), later));
  const again = seriesItemOf(first)!;
  const edited = again.withOccurrence(day, setText(again.occurrenceOn(day)!, "y", undefined));
  const both = updateMeeting(first, setText(edited, undefined, "there"), later);
  assert.deepEqual(told(both), ["Request informational 2 -> ann"]);
  const { item } = both.messages[0]!;
  assert.equal(getProperty(seriesItemOf(item)!.occurrenceOn(day)!, p.PidLidAppointmentSequence), 2);
});

test("who joins a series joins its changed occurrences, who leaves leaves them", () => {
  const before = sent({ rule: "FREQ=DAILY;COUNT=3", to: ["ann"] });
  const series = seriesItemOf(before)!;
  const day = series.recurrence.start - series.minuteOfDay;
  const changed = after(updateOccurrenceOf(before, day, setText(series.occurrenceOn(day)!, "x", undefined), later));
  const edited = copyItem(changed);
  addRow(edited, 1, person("ben"));
  edited.recipients.splice(edited.recipients.findIndex((row) => rowPerson(row, resolve)?.name === "ANN"), 1);
  const item = after(updateMeeting(changed, edited, later));
  assert.deepEqual([...attendeesOf(seriesItemOf(item)!.occurrenceOn(day)!, resolve).keys()], ["ben@example.org"]);
});

test("a cancellation", () => {
  const before = sent({ to: ["ann"] });
  const decision = cancelMeeting(before, later);
  assert.deepEqual(told(decision), ["Canceled empty 1 -> ann"]);
  assert.deepEqual(decision.calendar, [{ kind: "delete", before }]);
  const { item } = decision.messages[0]!;
  const rows: [name: keyof typeof p, value: unknown][] = [
    ["PidLidAppointmentStateFlags", 7], ["PidLidBusyStatus", 0], ["PidTagSubject", "Canceled: s"],
    ["PidTagNormalizedSubject", "s"], ["PidTagResponseRequested", false], ["PidLidIntendedBusyStatus", 0],
  ];
  for (const [name, value] of rows) assert.deepEqual(getProperty(item, p[name]), value, name);
});

test("what is refused", () => {
  const received = sent({ to: ["ann"] });
  setProperty(received, p.PidLidAppointmentStateFlags, 3);
  const single = sent({ to: ["ann"] });
  const nameless = appointment({ to: ["ann"] });
  nameless.named.clear();
  const rows: [run: () => unknown, code: string][] = [
    [() => sendRequest(received, later), "notAllowed"], [() => updateMeeting(received, received, later), "notAllowed"],
    [() => cancelMeeting(received, later), "notAllowed"], [() => sendRequest(nameless, later), "invalidArgument"],
    [() => cancelOccurrenceOf(single, 0, later), "invalidArgument"],
    [() => cancelOccurrenceOf(sent({ rule: "FREQ=DAILY;COUNT=2", to: ["ann"] }), 1440, later), "notFound"],
  ];
  for (const [run, code] of rows) assert.throws(run, (error) => error instanceof Fault && error.code === code, code);
});
