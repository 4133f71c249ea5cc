/** Proves that a meeting's calendar goes into a message and comes out of it, people as each kind of message has them. */
import { strict as assert } from "node:assert";
import { test } from "node:test";
import { properties } from "#props/registry.ts";
import { getProperty, newItem, setProperty } from "#convert/item.ts";
import { calendarOf, readCalendarInto } from "#convert/ical/mime-plug.ts";
import { calendar, event } from "#convert/ical/test-kit.ts";

const p = properties;
const text = (method: string, status: string): string => calendar(`METHOD:${method}`, ...event("DTSTART:20261123T090000Z",
  "DTEND:20261123T100000Z", "ORGANIZER:mailto:o@x.org", `ATTENDEE;PARTSTAT=${status}:mailto:a@x.org`));

test("a meeting message takes its calendar in and gives it back", () => {
  const rows: [method: string, status: string, messageClass: string, recipients: number][] = [
    ["REQUEST", "NEEDS-ACTION", "IPM.Schedule.Meeting.Request", 2],
    ["CANCEL", "NEEDS-ACTION", "IPM.Schedule.Meeting.Canceled", 2],
    ["REPLY", "ACCEPTED", "IPM.Schedule.Meeting.Resp.Pos", 0], ["COUNTER", "TENTATIVE", "IPM.Schedule.Meeting.Resp.Tent", 0],
  ];
  for (const [method, status, messageClass, recipients] of rows) {
    const item = newItem();
    setProperty(item, p.PidTagMessageClass, messageClass);
    setProperty(item, p.PidTagSubject, "the message's");
    assert.equal(readCalendarInto(text(method, status), item), true);
    assert.equal(getProperty(item, p.PidTagSubject), "the message's");
    assert.equal(item.recipients.length, recipients, method);
    const written = calendarOf(item);
    assert.equal(written?.method, method);
    assert.match(written?.text ?? "", new RegExp(`PARTSTAT=${status}:mailto:a@x.org`));
    assert.match(written?.text ?? "", /ORGANIZER:mailto:o@x.org/);
  }
});

test("what is no single event is left to be a file", () => {
  for (const bad of ["", calendar(), calendar(...event()), calendar("BEGIN:VTODO", "END:VTODO")]) {
    const item = newItem();
    assert.equal(readCalendarInto(bad, item), false);
    assert.equal(item.named.size, 0);
  }
  assert.equal(calendarOf(newItem()), null);
});
