/**
 * Proves VTIMEZONE: what is written for every zone reads back as the same changes; the parts that RFC 5545 and the
 * programs of the world write; broken ones; and that any lines give a zone or a WireError. ical-js.test.ts reads the
 * corpus and what is written here with another reader.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { WireError } from "#base/fault.ts";
import { ianaZone } from "#calendar/zones/iana.ts";
import { matchZone } from "#calendar/zones/match.ts";
import { sameInYear } from "#calendar/zones/rule.ts";
import { readVtimezone } from "#calendar/zones/vtimezone-read.ts";
import { writeVtimezone } from "#calendar/zones/vtimezone-write.ts";
import { fixedZone } from "#calendar/zones/zone.ts";
import { valueOrWireError } from "#codec/binary/test-kit.ts";

const berlin = ianaZone("Europe/Berlin")!;

test("Berlin", () => {
  assert.deepEqual(writeVtimezone(berlin, "W. Europe Standard Time", 2026, 2036), [
    "BEGIN:VTIMEZONE", "TZID:W. Europe Standard Time",
    "BEGIN:DAYLIGHT", "DTSTART:20260329T020000", "TZOFFSETFROM:+0100", "TZOFFSETTO:+0200",
    "RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU", "END:DAYLIGHT",
    "BEGIN:STANDARD", "DTSTART:20261025T030000", "TZOFFSETFROM:+0200", "TZOFFSETTO:+0100",
    "RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU", "END:STANDARD", "END:VTIMEZONE",
  ]);
  assert.deepEqual(writeVtimezone(fixedZone("x", -210), "x", 2026, 2036), [
    "BEGIN:VTIMEZONE", "TZID:x", "BEGIN:STANDARD", "DTSTART:20260101T000000", "TZOFFSETFROM:-0330",
    "TZOFFSETTO:-0330", "END:STANDARD", "END:VTIMEZONE",
  ]);
});

test("every zone is read as it was written, years without a rule among them", () => {
  for (const id of Intl.supportedValuesOf("timeZone")) {
    const zone = ianaZone(id)!;
    const back = readVtimezone(writeVtimezone(zone, id, 2008, 2032));
    assert.equal(back.id, id);
    for (let year = 2008; year <= 2032; year++) assert.ok(sameInYear(zone, back.zone, year), `${id} ${year}`);
  }
});

/** Offsets in minutes on some days. */
const cases: [name: string, lines: string, expected: [string, number][]][] = [
  ["Outlook, from 1601", `BEGIN:VTIMEZONE
TZID:Mitteleuropa
BEGIN:STANDARD
DTSTART:16010101T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=10
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:16010101T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=3
END:DAYLIGHT
END:VTIMEZONE`, [["2026-01-01T00:00Z", 60], ["2026-03-29T00:59Z", 60], ["2026-03-29T01:00Z", 120], ["2026-10-25T01:00Z", 60]]],
  ["BYSETPOS and BYHOUR of old Exchange", `BEGIN:VTIMEZONE
BEGIN:STANDARD
DTSTART:19961027T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
RRULE:FREQ=YEARLY;WKST=MO;INTERVAL=1;BYSETPOS=-1;BYDAY=SU;BYMONTH=10
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:19970330T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
RRULE:FREQ=YEARLY;BYMINUTE=0;BYHOUR=2;BYDAY=-1SU;BYMONTH=3
END:DAYLIGHT
END:VTIMEZONE`, [["2026-03-29T01:00Z", 120], ["2026-10-25T00:59Z", 120], ["2026-10-25T01:00Z", 60]]],
  ["dates, periods and UNTIL", `BEGIN:VTIMEZONE
BEGIN:STANDARD
DTSTART:20001029T020000
RDATE:20011028T020000,20021027T020000
TZOFFSETFROM:-0400
TZOFFSETTO:-0500
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:20010401T020000
RRULE:FREQ=YEARLY;BYMONTH=4;BYDAY=SU;BYMONTHDAY=1,2,3,4,5,6,7;UNTIL=20020407T070000Z
TZOFFSETFROM:-0500
TZOFFSETTO:-0400
END:DAYLIGHT
END:VTIMEZONE`, [["2000-01-01T00:00Z", -240], ["2001-01-01T00:00Z", -300], ["2001-06-01T00:00Z", -240], ["2002-06-01T00:00Z", -240],
    ["2003-06-01T00:00Z", -300]]],
  ["COUNT, and seconds of an offset", `BEGIN:VTIMEZONE
BEGIN:STANDARD
DTSTART:18000101T000000
TZOFFSETFROM:+001932
TZOFFSETTO:+002000
RRULE:FREQ=YEARLY;BYMONTH=1;BYMONTHDAY=1;COUNT=2
END:STANDARD
END:VTIMEZONE`, [["1790-01-01T00:00Z", 19 + 32 / 60], ["1900-01-01T00:00Z", 20]]],
];

test("parts as they are written in the world", () => {
  for (const [name, text, expected] of cases) {
    const { zone } = readVtimezone(text.split("\n"));
    for (const [at, offset] of expected) assert.equal(zone.offsetAt(Date.parse(at)) / 60_000, offset, `${name}: ${at}`);
  }
  const { id, zone, otherIds } = readVtimezone(cases[0]![1].replace("TZID", "X-LIC-LOCATION:Europe/Oslo\nTZID").split("\n"));
  assert.deepEqual(otherIds, ["Europe/Oslo"]);
  const match = matchZone({ ids: [id], zone, year: 2026 });
  assert.equal(match.kind === "named" && match.windowsId, "W. Europe Standard Time");
});

const part = (...lines: string[]): string[] =>
  ["BEGIN:VTIMEZONE", "TZID:x", "BEGIN:STANDARD", ...lines, "END:STANDARD", "END:VTIMEZONE"];
const from = "TZOFFSETFROM:+0100";
const to = "TZOFFSETTO:+0100";
const start = "DTSTART:20000101T000000";

const broken: [name: string, lines: string[]][] = [
  ["nothing", []], ["no parts", ["BEGIN:VTIMEZONE", "TZID:x", "END:VTIMEZONE"]], ["no start", part(from, to)],
  ["no offset", part(start, from)], ["an offset that is none", part(start, from, "TZOFFSETTO:east")],
  ["an offset of 30 hours", part(start, from, "TZOFFSETTO:+3000")], ["a line without a value", part(start, from, to, "X")],
  ["every day", part(start, from, to, "RRULE:FREQ=DAILY")], ["a week of the year", part(start, from, to, "RRULE:FREQ=YEARLY;BYWEEKNO=3")],
  ["30 February", part("DTSTART:20000230T000000", from, to)],
  ["too many dates", part(start, from, to, `RDATE:${Array(6000).fill("20010101T000000").join(",")}`)],
  ["too many lines", part(start, from, to, ...Array<string>(6000).fill("COMMENT:x"))],
  ["too many parts", Array.from({ length: 600 }, () => part(start, from, to)).flat()],
];

test("broken ones are refused", () => {
  for (const [name, lines] of broken) assert.throws(() => readVtimezone(lines), WireError, name);
});

test("any lines give a zone or a WireError, and a zone answers", () => {
  const line = fc.constantFrom(
    "BEGIN:STANDARD", "END:STANDARD", "BEGIN:DAYLIGHT", "END:DAYLIGHT", start, from, to, "TZOFFSETTO:-1200",
    "RRULE:FREQ=YEARLY", "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", "RDATE:19990101T000000Z", "RRULE:FREQ=YEARLY;COUNT=999999",
    "RRULE:FREQ=YEARLY;INTERVAL=999999;UNTIL=20300101", "DTSTART:99990101T000000", "DTSTART:00010101T000000", "x",
  );
  fc.assert(fc.property(fc.array(line, { maxLength: 20 }), fc.integer({ min: 1, max: 9999 }), (lines, year) => {
    const read = valueOrWireError(() => readVtimezone(lines));
    read?.zone.localMsToUtc(Date.UTC(year, 5));
  }), { numRuns: 500 });
});
