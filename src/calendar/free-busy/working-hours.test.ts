/**
 * Proves working hours by their stream (a document as Outlook writes it, others that are broken, and a round trip over
 * zones) and by a count of minutes: a minute is one to work when the wall clock says so.
 */
import { strict as assert } from "node:assert";
import { test } from "node:test";
import fc from "fast-check";
import { WireError } from "#base/fault.ts";
import { isWorkTime, workingIntervals } from "#calendar/free-busy/working-hours.ts";
import { readWorkingHours, workingHoursIn, writeWorkingHours } from "#calendar/free-busy/working-hours-xml.ts";
import { at, berlin, instantText, newYork, windowOf, zoneNamed } from "#calendar/occurrences/test-kit.ts";
import { dayOfLocal, midnightOf, weekdayOfDays } from "#calendar/zones/dates.ts";
import { sameInYear } from "#calendar/zones/rule.ts";

const stream = `<?xml version="1.0"?>
<Root xmlns="WorkingHours.xsd">
  <WorkHoursVersion1>
    <TimeZone>
      <Bias>480</Bias>
      <Standard>
        <Bias>0</Bias>
        <ChangeDate><Time>02:00:00</Time><Date>0000/11/01</Date><DayOfWeek>0</DayOfWeek></ChangeDate>
      </Standard>
      <DaylightSavings>
        <Bias>-60</Bias>
        <ChangeDate><Time>02:00:00</Time><Date>0000/03/02</Date><DayOfWeek>0</DayOfWeek></ChangeDate>
      </DaylightSavings>
      <Name>Pacific Standard Time</Name>
    </TimeZone>
    <TimeSlot><Start>08:00:00</Start><End>17:30:00</End></TimeSlot>
    <WorkDays>Monday Tuesday Wednesday Thursday Friday</WorkDays>
  </WorkHoursVersion1>
</Root>`;

test("a stream as Outlook writes it", () => {
  const hours = readWorkingHours(stream, 2026);
  const { zone, ...rest } = hours;
  assert.deepEqual(rest, { days: 0x3e, startMinute: 480, endMinute: 1050, zoneName: "Pacific Standard Time" });
  assert.equal(zone.name, "America/Los_Angeles");
  assert.equal(writeWorkingHours(hours, 2026), stream.replaceAll(/\n\s*/g, ""));
});

test("rules that are not the name's count, and rules without a name find their zone", () => {
  const other = readWorkingHours(stream.replace("<Bias>480<", "<Bias>300<"), 2026);
  assert.equal(other.zone.name, "America/New_York");
  assert.equal(other.zoneName, "Eastern Standard Time");
  const strange = readWorkingHours(stream.replace("<Bias>480<", "<Bias>481<"), 2026);
  assert.equal(strange.zone.offsetAt(at("2026-01-01T00:00Z")), -481 * 60_000);
  // Several zones have these rules.
  const nameless = readWorkingHours(stream.replace(/<Name>.*<\/Name>/, ""), 2026);
  assert.ok(sameInYear(nameless.zone, zoneNamed("America/Los_Angeles"), 2026));
});

const broken: readonly (readonly [string, (text: string) => string])[] = [
  ["no XML", () => "hello"], ["another root", () => "<Rows/>"], ["no hours", () => '<Root xmlns="WorkingHours.xsd"/>'],
  ["a DTD", (text) => text.replace("<Root", '<!DOCTYPE Root [<!ENTITY a "b">]><Root')],
  ["no slot", (text) => text.replace(/<TimeSlot>.*<\/TimeSlot>/, "")],
  ["a time that is none", (text) => text.replace("08:00:00", "8 o'clock")],
  ["minute 60", (text) => text.replace("17:30:00", "17:60:00")],
  ["a date that is none", (text) => text.replace("0000/11/01", "11/01")],
  ["day 7", (text) => text.replace("<DayOfWeek>0<", "<DayOfWeek>7<")],
  ["a day that is none", (text) => text.replace("Monday", "Someday")],
  ["a name of the object's", (text) => text.replace("Monday", "constructor")],
  ["a bias too far", (text) => text.replace("<Bias>480<", "<Bias>99999<")],
  ["too long", (text) => text.replace("<WorkDays>", `<WorkDays>${"Monday ".repeat(20_000)}`)],
];
for (const [name, change] of broken) {
  test(`not working hours: ${name}`, () => assert.throws(() => readWorkingHours(change(stream), 2026), WireError));
}

const zones = [
  "Europe/Berlin", "America/St_Johns", "Asia/Kolkata", "Australia/Lord_Howe", "Africa/Johannesburg", "UTC",
  "America/Santiago", "Pacific/Auckland",
].map(zoneNamed);
const anyHours = fc.record({
  zone: fc.constantFrom(...zones), days: fc.integer({ min: 0, max: 127 }), start: fc.nat(1439), end: fc.nat(1439),
}).map(({ zone, days, start, end }) => workingHoursIn(zone, days, start, end));

test("working hours go through their stream and back", () => {
  fc.assert(fc.property(anyHours, (hours) => {
    const read = readWorkingHours(writeWorkingHours(hours, 2026), 2026);
    assert.deepEqual([read.days, read.startMinute, read.endMinute], [hours.days, hours.startMinute, hours.endMinute]);
    assert.ok(sameInYear(read.zone, hours.zone, 2026), `${read.zone.name} for ${hours.zone.name}`);
  }), { numRuns: 100 });
});

test("a day that ends at its last second ends at midnight", () => {
  assert.equal(readWorkingHours(stream.replace("17:30:00", "23:59:59"), 2026).endMinute, 0);
  assert.equal(readWorkingHours(stream.replace("17:30:00", "24:00:00"), 2026).endMinute, 0);
});

test("a minute is one to work when the wall clock says so", () => {
  // Away from changes of the clock, where the wall clock alone tells nothing.
  const base = at("2026-06-01T00:00Z");
  fc.assert(fc.property(anyHours, fc.nat(20_000), (hours, minute) => {
    const utcMs = base + minute * 60_000;
    const local = hours.zone.toLocal(utcMs);
    const isOn = (day: number): boolean => ((hours.days >> weekdayOfDays(day)) & 1) === 1;
    const inDay = local - midnightOf(local);
    const day = dayOfLocal(local);
    const wraps = hours.endMinute <= hours.startMinute;
    const expected = wraps
      ? (isOn(day) && inDay >= hours.startMinute) || (isOn(day - 1) && inDay < hours.endMinute)
      : isOn(day) && inDay >= hours.startMinute && inDay < hours.endMinute;
    assert.equal(isWorkTime(hours, utcMs, utcMs + 60_000), expected);
  }), { numRuns: 300 });
});

test("a week of working times over the change of the clock", () => {
  const hours = workingHoursIn(berlin, 0x3e, 540, 1020);
  const found = workingIntervals(hours, windowOf("2026-10-23T12:00Z", "2026-10-27T00:00Z"));
  assert.deepEqual(found.map((one) => [instantText(one.startUtcMs), instantText(one.endUtcMs)]), [
    ["2026-10-23T07:00Z", "2026-10-23T15:00Z"], ["2026-10-26T08:00Z", "2026-10-26T16:00Z"],
  ]);
  assert.equal(isWorkTime(hours, at("2026-10-26T08:00Z"), at("2026-10-26T16:00Z")), true);
  assert.equal(isWorkTime(hours, at("2026-10-26T08:00Z"), at("2026-10-26T16:01Z")), false);
  const nights = workingHoursIn(newYork, 0x7f, 0, 0);
  assert.equal(workingIntervals(nights, windowOf("2026-10-23T12:00Z", "2026-11-27T00:00Z")).length, 1);
});
