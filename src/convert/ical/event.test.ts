/** Proves by hand-made calendars what each property of an event becomes, and that changed items are written changed. */
import { strict as assert } from "node:assert";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import fc from "fast-check";
import { WireError } from "#base/fault.ts";
import { ianaZone } from "#calendar/zones/iana.ts";
import { properties } from "#props/registry.ts";
import { attachmentBytes, getProperty, setProperty } from "#convert/item.ts";
import { readCalendars } from "#convert/ical/calendar-read.ts";
import { writeCalendar } from "#convert/ical/calendar-write.ts";
import { parseComponents } from "#convert/ical/lines.ts";
import { foldLine } from "#format/content-lines.ts";
import { calendar, event, itemOf, meaningOf, readOne, withoutKept } from "#convert/ical/test-kit.ts";
import { toFileTime } from "#convert/mime/times.ts";
import type { PropertyName } from "#props/registry.ts";
import { cpuMs } from "../../../test/support/cpu-time.ts";

const p = properties;
const berlin = ianaZone("Europe/Berlin")!;
const start = "DTSTART;TZID=Europe/Berlin:20261123T100000";
const end = "DTEND;TZID=Europe/Berlin:20261123T110000";
const one = (...lines: string[]): string => calendar(...event(start, end, ...lines));
const at = (iso: string): bigint => toFileTime(Date.parse(iso));

test("properties of an event", () => {
  const rows: [line: string, name: PropertyName, value: unknown][] = [
    ["SUMMARY:a\\, b\\; c\\\\d", "PidTagSubject", "a, b; c\\d"],
    ["LOCATION:Room", "PidLidLocation", "Room"],
    ["DESCRIPTION:x\\ny", "PidTagBody", "x\r\ny"],
    ["CLASS:PRIVATE", "PidTagSensitivity", 2],
    ["CLASS:CONFIDENTIAL", "PidTagSensitivity", 3],
    ["CLASS:X-UNHEARD", "PidTagSensitivity", 2],
    ["PRIORITY:1", "PidTagImportance", 2],
    ["PRIORITY:9", "PidTagImportance", 0],
    ["PRIORITY:0", "PidTagImportance", 1],
    ["TRANSP:TRANSPARENT", "PidLidBusyStatus", 0],
    ["STATUS:TENTATIVE", "PidLidBusyStatus", 1],
    ["X-MICROSOFT-CDO-BUSYSTATUS:OOF", "PidLidBusyStatus", 3],
    ["X-MICROSOFT-CDO-BUSYSTATUS:WORKINGELSEWHERE", "PidLidBusyStatus", 4],
    ["SEQUENCE:7", "PidLidAppointmentSequence", 7],
    ["STATUS:CANCELLED", "PidLidAppointmentStateFlags", 4],
    ["SUMMARY:x", "PidLidAppointmentStartWhole", at("2026-11-23T09:00:00Z")],
    ["SUMMARY:x", "PidLidAppointmentEndWhole", at("2026-11-23T10:00:00Z")],
    ["SUMMARY:x", "PidLidAppointmentDuration", 60],
    ["SUMMARY:x", "PidLidReminderSet", false],
    ["SUMMARY:x", "PidLidOwnerCriticalChange", at("2026-01-01T00:00:00Z")],
  ];
  for (const [line, name, value] of rows) {
    const item = itemOf(one(line));
    assert.deepEqual(getProperty(item, p[name]), value, line);
    const again = itemOf(writeCalendar([withoutKept(item)]));
    assert.deepEqual(getProperty(again, p[name]), value, `${line} again`);
  }
});

test("when it is", () => {
  const rows: [name: string, lines: string[], from: string, to: string, isAllDay: boolean][] = [
    ["UTC", ["DTSTART:20261123T100000Z", "DURATION:PT1H"], "2026-11-23T10:00:00Z", "2026-11-23T11:00:00Z", false],
    ["floating", ["DTSTART:20261123T100000", "DURATION:PT1H"], "2026-11-23T09:00:00Z", "2026-11-23T10:00:00Z", false],
    ["a day", ["DTSTART;VALUE=DATE:20261123"], "2026-11-22T23:00:00Z", "2026-11-23T23:00:00Z", true],
    ["the day of a change", ["DTSTART;VALUE=DATE:20261025"], "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", true],
    ["days", ["DTSTART;VALUE=DATE:20261123", "DTEND;VALUE=DATE:20261125"], "2026-11-22T23:00:00Z", "2026-11-24T23:00:00Z",
      true],
    ["a Windows zone", ["DTSTART;TZID=Tokyo Standard Time:20261123T100000"], "2026-11-23T01:00:00Z",
      "2026-11-23T01:00:00Z", false],
    ["an end before the start", ["DTSTART:20261123T100000Z", "DTEND:20261123T090000Z"], "2026-11-23T10:00:00Z",
      "2026-11-23T10:00:00Z", false],
  ];
  for (const [name, lines, from, to, isAllDay] of rows) {
    const item = itemOf(calendar(...event(...lines)), { zone: berlin });
    const text = writeCalendar([item], { zone: berlin });
    for (const each of [item, itemOf(text, { zone: berlin }), itemOf(writeCalendar([withoutKept(item)]), { zone: berlin })]) {
      assert.equal(getProperty(each, p.PidLidAppointmentStartWhole), at(from), name);
      assert.equal(getProperty(each, p.PidLidAppointmentEndWhole), at(to), name);
      assert.equal(getProperty(each, p.PidLidAppointmentSubType), isAllDay, name);
    }
    assert.ok(text.includes(`\r\n${lines[0]}\r\n`), name);
  }
});

test("what is refused, and why", () => {
  const rows: [lines: string[], reason: string][] = [
    [event("SUMMARY:x"), "noStart"],
    [event("DTSTART:2026"), "badTime"],
    [event("DTSTART:15000101T000000Z"), "timeOutOfRange"],
    [event(start, "RRULE:FREQ=DAILY", "EXDATE:x"), "badTime"],
    [["BEGIN:VTODO", "UID:t", "END:VTODO"], "notAnEvent"],
    [["BEGIN:VEVENT", `UID:${"x".repeat(3000)}`, start, "END:VEVENT"], "uidTooLong"],
  ];
  for (const [lines, reason] of rows) {
    const object = readOne(calendar(...lines));
    assert.equal(object.kind === "refused" ? object.reason : "none", reason);
  }
  assert.throws(() => readCalendars("hello"), WireError);
  assert.throws(() => readCalendars("BEGIN:VCALENDAR\n".repeat(50)), WireError);
});

test("people and what they answered", () => {
  const people = [
    "ORGANIZER;CN=Olga:mailto:olga@x.org", "ATTENDEE;CN=\"B, C\";PARTSTAT=ACCEPTED:mailto:b@x.org",
    "ATTENDEE;ROLE=OPT-PARTICIPANT;X-OWN=1;RSVP=TRUE:mailto:c@x.org", "ATTENDEE;CUTYPE=ROOM:mailto:room@x.org",
  ];
  const text = one(...people).replace("VERSION:2.0", "VERSION:2.0\r\nMETHOD:REQUEST");
  const item = itemOf(text, { owner: "C@x.org" });
  assert.equal(getProperty(item, p.PidTagMessageClass), "IPM.Schedule.Meeting.Request");
  assert.deepEqual(item.recipients.map((row) => [getProperty(row, p.PidTagSmtpAddress),
    getProperty(row, p.PidTagRecipientType), getProperty(row, p.PidTagRecipientTrackStatus)]),
  [["olga@x.org", 1, 1], ["b@x.org", 1, 3], ["c@x.org", 2, 0], ["room@x.org", 3, 0]]);
  assert.equal(getProperty(item, p.PidLidAppointmentStateFlags), 3);
  assert.equal(getProperty(item, p.PidLidResponseStatus), 5);
  const written = parseComponents(writeCalendar([item], { method: "REQUEST" }))[0]!;
  const lines = written.components.find(({ name }) => name === "VEVENT")!.lines;
  for (const line of people) assert.ok(lines.includes(line), line);
  setProperty(item.recipients[2]!, p.PidTagRecipientTrackStatus, 4);
  assert.match(writeCalendar([item]), /ATTENDEE;ROLE=OPT-PARTICIPANT;PARTSTAT=DECLINED;RSVP=TRUE:mailto:c@x.org/);
});

test("an answer", () => {
  const rows: [status: string, messageClass: string][] = [
    ["ACCEPTED", "IPM.Schedule.Meeting.Resp.Pos"], ["DECLINED", "IPM.Schedule.Meeting.Resp.Neg"],
    ["TENTATIVE", "IPM.Schedule.Meeting.Resp.Tent"],
  ];
  for (const [status, messageClass] of rows) {
    const item = itemOf(one("ORGANIZER:mailto:o@x.org", `ATTENDEE;PARTSTAT=${status}:mailto:a@x.org`)
      .replace("VERSION:2.0", "VERSION:2.0\r\nMETHOD:REPLY"));
    assert.equal(getProperty(item, p.PidTagMessageClass), messageClass);
    assert.equal(getProperty(item, p.PidTagSentRepresentingSmtpAddress), "a@x.org");
    const text = writeCalendar([withoutKept(item)], { method: "REPLY" });
    assert.match(text, new RegExp(`ATTENDEE;PARTSTAT=${status}:mailto:a@x.org`));
    assert.match(text, /ORGANIZER:mailto:o@x.org/);
  }
});

test("reminders", () => {
  const alarm = (trigger: string): string[] => ["BEGIN:VALARM", "ACTION:DISPLAY", trigger, "END:VALARM"];
  const rows: [trigger: string, delta: number][] = [
    ["TRIGGER:-PT15M", 15], ["TRIGGER;RELATED=END:-PT1H", 0], ["TRIGGER:-P1D", 1440], ["TRIGGER:PT5M", 0],
    ["TRIGGER;VALUE=DATE-TIME:20261123T083000Z", 30],
  ];
  for (const [trigger, delta] of rows) {
    const item = itemOf(one(...alarm(trigger)));
    assert.equal(getProperty(item, p.PidLidReminderSet), true, trigger);
    assert.equal(getProperty(item, p.PidLidReminderDelta), delta, trigger);
    assert.ok(writeCalendar([item]).includes(trigger), trigger);
    setProperty(item, p.PidLidReminderDelta, 7);
    assert.ok(writeCalendar([item]).includes("TRIGGER:-PT7M"), trigger);
    setProperty(item, p.PidLidReminderSet, false);
    assert.ok(!writeCalendar([item]).includes("VALARM"), trigger);
  }
});

test("attachments and lines that nobody knows come back", () => {
  const lines = ["ATTACH;FMTTYPE=text/plain;FILENAME=a.txt;ENCODING=BASE64;VALUE=BINARY:aGk=", "ATTACH:https://x.org/b.pdf",
    "X-OWN;P=\"a;b\":c\\,d", "GEO:1.5;2.5", "URL:https://x.org/"];
  const item = itemOf(one(...lines));
  assert.equal(Buffer.from(attachmentBytes(item.attachments[0]!)).toString(), "hi");
  assert.equal(getProperty(item.attachments[1]!, p.PidTagAttachLongPathname), "https://x.org/b.pdf");
  const back = parseComponents(writeCalendar([item]))[0]!.components.find(({ name }) => name === "VEVENT")!.lines;
  for (const line of lines) assert.ok(back.includes(line), line);
});

test("a series, its exceptions and what is left of it", () => {
  const text = calendar(
    ...event(start, end, "SUMMARY:s", "DESCRIPTION:all", "RRULE:FREQ=WEEKLY;BYDAY=MO;COUNT=10",
      "EXDATE;TZID=Europe/Berlin:20261207T100000"),
    ...event("RECURRENCE-ID;TZID=Europe/Berlin:20261130T100000", "DTSTART;TZID=Europe/Berlin:20261201T120000",
      "DTEND;TZID=Europe/Berlin:20261201T130000", "SUMMARY:moved", "DESCRIPTION:own", "LOCATION:there",
      "ATTENDEE:mailto:only@x.org", "ATTACH;ENCODING=BASE64;VALUE=BINARY:aGk="),
    ...event("RECURRENCE-ID:20261221T090000Z", "DTSTART:20261221T090000Z", "STATUS:CANCELLED"),
  );
  const item = itemOf(text);
  assert.equal(getProperty(item, p.PidLidRecurring), true);
  assert.equal(getProperty(item, p.PidTagHasAttachments), false);
  const [exception] = item.attachments;
  assert.equal(getProperty(exception!, p.PidTagExceptionReplaceTime), at("2026-11-30T09:00:00Z"));
  assert.equal(getProperty(exception!, p.PidTagExceptionStartTime), at("2026-12-01T12:00:00Z"));
  assert.equal(exception!.embedded!.recipients.length, 1);
  assert.equal(getProperty(exception!.embedded!, p.PidTagBody), "own");
  for (const source of [item, withoutKept(item)]) {
    const written = writeCalendar([source]);
    assert.deepEqual(meaningOf(itemOf(written)), meaningOf(item));
    assert.match(written, /RECURRENCE-ID;TZID=Europe\/Berlin:20261130T100000/);
    assert.match(written, /EXDATE;TZID=Europe\/Berlin:20261207T100000,20261221T100000/);
    assert.equal(written.match(/BEGIN:VTIMEZONE/g)?.length, 1);
  }
});

test("a zone of nobody's keeps its rules", () => {
  const zone = ["BEGIN:VTIMEZONE", "TZID:Own: zone", "BEGIN:STANDARD", "DTSTART:19700101T000000", "TZOFFSETFROM:+0017",
    "TZOFFSETTO:+0017", "END:STANDARD", "END:VTIMEZONE"];
  const item = itemOf(calendar(...zone, ...event("DTSTART;TZID=\"Own: zone\":20261123T100000", "RRULE:FREQ=DAILY;COUNT=3")));
  assert.equal(getProperty(item, p.PidLidAppointmentStartWhole), at("2026-11-23T09:43:00Z"));
  const again = itemOf(writeCalendar([item]));
  assert.deepEqual(meaningOf(again), meaningOf(item));
});

test("lines are folded by octets, never inside a character", () => {
  for (const text of ["x".repeat(300), "é".repeat(200), "𝄞".repeat(100)]) {
    const lengths = foldLine(text).split("\r\n").map((line) => Buffer.byteLength(line));
    assert.equal(Math.max(...lengths), text.startsWith("x") ? 75 : text.startsWith("é") ? 75 : 73);
  }
  fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 400 }).filter((text) => text.isWellFormed()), (text) => {
    const folded = foldLine(text);
    assert.equal(folded.replaceAll("\r\n ", ""), text.replaceAll("\r\n ", ""));
    if (!text.includes("\r\n")) for (const line of folded.split("\r\n")) assert.ok(Buffer.byteLength(line) <= 75);
  }));
});

const words = fc.constantFrom("BEGIN:VCALENDAR", "END:VCALENDAR", "BEGIN:VEVENT", "END:VEVENT", "BEGIN:VALARM", start, end,
  "RRULE:FREQ=WEEKLY;BYDAY=MO,TU", "RRULE:FREQ=MONTHLY;BYMONTHDAY=31;COUNT=4", "EXDATE:20261130T090000Z", "UID:a",
  "RECURRENCE-ID:20261130T090000Z", "DTSTART;VALUE=DATE:20261130", "RDATE;VALUE=PERIOD:20261130T090000Z/PT1H",
  "ATTENDEE;PARTSTAT=X:mailto:a@b", "ORGANIZER:x", "METHOD:REQUEST", "TRIGGER:-PT1H", "SUMMARY:\\", "BEGIN:VTIMEZONE",
  "TZOFFSETTO:+01", "DURATION:P999999W", "DTSTART;TZID=No Zone:99991231T235959", "EXDATE:x", "X-A;:b", ";:");

test("any text gives items or a named error, and items are written", () => {
  const texts = fc.oneof(fc.string({ unit: "binary" }), fc.array(words, { maxLength: 40 })
    .map((lines) => ["BEGIN:VCALENDAR", "BEGIN:VEVENT", ...lines].join("\r\n")));
  fc.assert(fc.property(texts, (text) => {
    try {
      for (const { objects } of readCalendars(text)) {
        for (const object of objects) if (object.kind === "event") readCalendars(writeCalendar([object.item]));
      }
    } catch (error) {
      assert.ok(error instanceof WireError, String(error));
    }
  }), { numRuns: 200 });
});

test("hostile texts take their time in proportion", () => {
  const rows = [
    `${one("SUMMARY:x")}${" y\r\n".repeat(200_000)}`, one(`SUMMARY:${"\\,;".repeat(200_000)}`),
    one(`CATEGORIES:${"a,".repeat(100_000)}`), one(...Array.from({ length: 5000 }, (_, n) => `ATTENDEE:mailto:a${n}@x.org`)),
    one(`X-A;${"B=\"c\";".repeat(50_000)}:x`), one("RRULE:FREQ=DAILY", `EXDATE:${"20261124T090000Z,".repeat(15_000)}`),
    one(`ATTACH;ENCODING=BASE64;VALUE=BINARY:${"A".repeat(4_000_000)}`),
  ];
  for (const [index, text] of rows.entries()) {
    const startMs = cpuMs();
    for (const { objects } of readCalendars(text)) {
      for (const object of objects) if (object.kind === "event") writeCalendar([object.item]);
    }
    assert.ok(cpuMs() - startMs < 5000, `row ${index} takes ${cpuMs() - startMs} ms`);
  }
});
