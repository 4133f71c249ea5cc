/**
 * Proves zones: the table of Windows ids against the runtime's zones; the binary structures by golden bytes of
 * [MS-OXOCAL] and by their generators; conversion against Temporal in all zones, gaps and overlaps among them; rules
 * found for all zones and years and made into zones again; and which zone an item is taken to mean.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { WireError } from "#base/fault.ts";
import { localFrom, localText, localToMs, msOfYear } from "#calendar/zones/dates.ts";
import {
  sameRule, timeZoneDefinitionOf, timeZoneStructOf, zoneOfAppointment, zoneOfDefinition, zoneOfStruct,
} from "#calendar/zones/definition.ts";
import { ianaOfWindowsId, ianaZone, windowsIdOf, windowsIdOfIana } from "#calendar/zones/iana.ts";
import { matchZone, windowsIdsAlike, zoneOfId } from "#calendar/zones/match.ts";
import { fixedRule, ruleHistory, ruleOfYear, sameInYear, zoneOfRules } from "#calendar/zones/rule.ts";
import {
  ActiveSyncTimeZone, decodeTimeZoneDefinition, decodeTimeZoneStruct, encodeTimeZoneDefinition, encodeTimeZoneStruct,
  TimeZoneDefinition, TimeZoneStruct,
} from "#calendar/zones/tables.ts";
import { formerWindowsZones, windowsZones, withoutWindowsZone } from "#calendar/zones/windows-names.ts";
import { fixedZone, utcZone } from "#calendar/zones/zone.ts";
import { decode, encode } from "#codec/binary/code.ts";
import { arbitrary, valueOrWireError } from "#codec/binary/test-kit.ts";

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ""), "hex");
const allZones = Intl.supportedValuesOf("timeZone");
const berlin = ianaZone("Europe/Berlin")!;

test("every zone that the runtime knows has a Windows zone, and every Windows zone one of these", () => {
  const without = allZones.filter((id) => windowsIdOfIana(id) === undefined);
  assert.deepEqual(without, withoutWindowsZone);
  const seen = new Set<string>();
  for (const [windowsId, list] of Object.entries(windowsZones)) {
    assert.equal(windowsIdOf(windowsId.toUpperCase()), windowsId);
    for (const id of list.split(" ")) {
      assert.ok(!seen.has(id), `${id} stands twice`);
      seen.add(id);
      assert.notEqual(ianaZone(id), undefined, id);
      assert.equal(windowsIdOfIana(id), windowsId, id);
    }
    assert.equal(ianaOfWindowsId(windowsId), list.split(" ")[0]);
  }
  assert.equal(Object.keys(windowsZones).length, 139);
  for (const [former, id] of Object.entries(formerWindowsZones)) {
    assert.notEqual(ianaZone(id), undefined, former);
    assert.equal(windowsIdOf(former), undefined, former);
  }
});

const links: [id: string, windowsId: string | undefined][] = [
  ["Asia/Kolkata", "India Standard Time"], ["US/Eastern", "Eastern Standard Time"], ["Europe/Kyiv", "FLE Standard Time"],
  ["America/Argentina/Buenos_Aires", "Argentina Standard Time"], ["Etc/UTC", "UTC"], ["Nowhere/At_All", undefined],
  ["Asia/Ho_Chi_Minh", "SE Asia Standard Time"], ["+02:00", undefined], ["", undefined],
];

test("links to zones", () => {
  for (const [id, windowsId] of links) assert.equal(windowsIdOfIana(id), windowsId, id);
  assert.equal(ianaZone("europe/berlin"), berlin);
  assert.equal(ianaZone("Europe/Berlin\0"), undefined);
});

const westEurope = hex("c4ffffff 00000000 c4ffffff 0000 00000a00000005000300000000000000 " +
  "0000 00000300000005000200000000000000");
const westEuropeDefinition = Buffer.concat([
  hex("02 01 3400 0200 1700"), Buffer.from("W. Europe Standard Time", "utf16le"), hex("0100"),
  hex("02 01 3e00 0200 d707 0000000000000000000000000000"), hex("c4ffffff 00000000 c4ffffff"),
  hex("00000a00000005000300000000000000"), hex("00000300000005000200000000000000"),
]);

test("golden bytes of PidLidTimeZoneStruct and the definitions", () => {
  const struct = decodeTimeZoneStruct(westEurope);
  assert.deepEqual(encodeTimeZoneStruct(struct), westEurope);
  assert.deepEqual(encodeTimeZoneStruct(timeZoneStructOf(berlin, 2026).value), westEurope);
  const definition = decodeTimeZoneDefinition(westEuropeDefinition);
  assert.equal(definition.keyName, "W. Europe Standard Time");
  assert.equal(definition.rules[0]!.year, 2007);
  assert.deepEqual(encodeTimeZoneDefinition(definition), westEuropeDefinition);
  const range = { fromYear: 2020, toYear: 2030, year: 2026, isRecurring: false };
  const made = timeZoneDefinitionOf(berlin, "W. Europe Standard Time", range);
  assert.equal(made.misfit, undefined);
  const expected = Buffer.from(westEuropeDefinition);
  expected.writeUInt16LE(1601, 8 + 46 + 2 + 6);
  assert.deepEqual(encodeTimeZoneDefinition(made.value), expected);
  for (const golden of [westEurope, westEuropeDefinition]) {
    const type = golden === westEurope ? TimeZoneStruct : TimeZoneDefinition;
    for (let size = 0; size < golden.length; size++) {
      assert.throws(() => decode<unknown>(type, golden.subarray(0, size)), WireError);
    }
  }
  const miscounted = hex("0201 0200 0200 0100 4100 0000");
  assert.deepEqual(encodeTimeZoneDefinition(decodeTimeZoneDefinition(miscounted)), miscounted);
  const later = hex("0301 0a00 0200 0100 4100 0000 aabb bb");
  assert.deepEqual(Buffer.from(decodeTimeZoneDefinition(later).headerExtra), hex("aabb"));
  assert.deepEqual(encodeTimeZoneDefinition(decodeTimeZoneDefinition(later)), later);
  const recurring = timeZoneDefinitionOf(ianaZone("America/New_York")!, "Eastern Standard Time",
    { fromYear: 2000, toYear: 2030, year: 2026, isRecurring: true }).value;
  assert.deepEqual(recurring.rules.map(({ flags, year }) => [flags, year]), [[0, 1601], [3, 2007]]);
});

test("any structure is read as it was written", () => {
  for (const type of [TimeZoneStruct, ActiveSyncTimeZone]) {
    fc.assert(fc.property(arbitrary<unknown>(type), (value) => {
      const bytes = valueOrWireError(() => encode<unknown>(type, value));
      if (bytes !== undefined) assert.deepEqual(encode<unknown>(type, decode<unknown>(type, bytes)), bytes);
    }), { numRuns: 50 });
  }
  const changes = fc.array(fc.tuple(fc.nat(westEuropeDefinition.length - 1), fc.nat(255)), { maxLength: 4 });
  fc.assert(fc.property(changes, fc.integer({ min: 1601, max: 4500 }), (places, year) => {
    const bytes = Buffer.from(westEuropeDefinition);
    for (const [at, value] of places) bytes[at] = value;
    const definition = valueOrWireError(() => decodeTimeZoneDefinition(bytes));
    if (definition === undefined) return;
    assert.deepEqual(encodeTimeZoneDefinition(definition), bytes);
    zoneOfDefinition(definition)?.offsetAt(msOfYear(year));
  }), { numRuns: 300 });
  fc.assert(fc.property(fc.uint8Array({ minLength: 48, maxLength: 48 }), fc.integer({ min: 1601, max: 4500 }), (bytes, year) => {
    const zone = zoneOfStruct("", decodeTimeZoneStruct(bytes));
    zone.offsetAt(msOfYear(year));
  }), { numRuns: 200 });
});

const temporalUtc = (id: string, local: number): number => Temporal.Instant.fromEpochMilliseconds(localToMs(local))
  .toZonedDateTimeISO("UTC").toPlainDateTime().toZonedDateTime(id, { disambiguation: "compatible" }).epochMilliseconds;

test("conversion is Temporal's, in all zones and about every change of some years", () => {
  for (const id of allZones) {
    const zone = ianaZone(id)!;
    for (const { atMs } of zone.changesBetween(msOfYear(2010), msOfYear(2014))) {
      for (const minutes of [-90, -30, -1, 0, 1, 30, 90]) {
        const local = zone.toLocal(atMs + minutes * 60_000) + (minutes % 7);
        assert.equal(zone.toUtc(local), temporalUtc(id, local), `${id} ${localText(local)}`);
      }
    }
    for (let month = 1; month <= 600; month += 17) {
      const local = localFrom(1980, 1, 1, 2, 30) + month * 30 * 1440;
      assert.equal(zone.toUtc(local), temporalUtc(id, local), `${id} ${localText(local)}`);
    }
  }
});

/** First instants of the offsets in minutes, as the authorities of the places set them. */
const changes: [id: string, year: number, expected: [string, number][]][] = [
  ["Europe/Berlin", 2024, [["2024-03-31T01:00Z", 120], ["2024-10-27T01:00Z", 60]]],
  ["America/New_York", 2024, [["2024-03-10T07:00Z", -240], ["2024-11-03T06:00Z", -300]]],
  ["America/New_York", 2006, [["2006-04-02T07:00Z", -240], ["2006-10-29T06:00Z", -300]]],
  ["Australia/Lord_Howe", 2024, [["2024-04-06T15:00Z", 630], ["2024-10-05T15:30Z", 660]]],
  ["Africa/Casablanca", 2024, [["2024-03-10T02:00Z", 0], ["2024-04-14T02:00Z", 60]]],
  ["Africa/Casablanca", 2014, [["2014-03-30T02:00Z", 60], ["2014-06-28T02:00Z", 0], ["2014-08-02T02:00Z", 60],
    ["2014-10-26T02:00Z", 0]]],
];

test("changes of a year", () => {
  for (const [id, year, expected] of changes) {
    const found = ianaZone(id)!.changesBetween(msOfYear(year), msOfYear(year + 1));
    const shown = found.map(({ atMs, offsetMs }) => [`${new Date(atMs).toISOString().slice(0, 16)}Z`, offsetMs / 60_000]);
    assert.deepEqual(shown, expected, `${id} ${year}`);
  }
});

const rules: [id: string, year: number, standard: string, daylight: string, biases: number[]][] = [
  ["Europe/Berlin", 2024, "0 10 0 5 3:0", "0 3 0 5 2:0", [-60, 0, -60]],
  ["America/New_York", 2024, "0 11 0 1 2:0", "0 3 0 2 2:0", [300, 0, -60]],
  ["America/New_York", 2000, "0 10 0 5 2:0", "0 4 0 1 2:0", [300, 0, -60]],
  ["Australia/Lord_Howe", 2024, "0 4 0 1 2:0", "0 10 0 1 2:0", [-630, 0, -30]],
  ["Europe/Dublin", 2024, "0 10 0 5 2:0", "0 3 0 5 1:0", [0, 0, -60]],
  // Morocco goes back for Ramadan: Windows too calls the hour more daylight time and tells a rule for each year.
  ["Africa/Casablanca", 2024, "0 3 0 2 3:0", "0 4 0 2 2:0", [0, 0, -60]],
  ["Asia/Tokyo", 2024, "0 0 0 0 0:0", "0 0 0 0 0:0", [-540, 0, 0]],
  // The end of Thursday: the Friday after the last Thursday is not always the last Friday.
  ["Asia/Amman", 2010, "0 10 5 5 1:0", "0 3 4 5 23:59", [-120, 0, -60]],
  // One change: New Year is made the other.
  ["Europe/Moscow", 2011, "0 1 6 1 0:0", "0 3 0 4 2:0", [-180, 0, -60]],
];

test("rules of a year", () => {
  const text = ({ year, month, dayOfWeek, day, hour, minute }: TimeZoneStruct["standardDate"]): string =>
    `${year} ${month} ${dayOfWeek} ${day} ${hour}:${minute}`;
  for (const [id, year, standard, daylight, biases] of rules) {
    const found = ruleOfYear(ianaZone(id)!, year);
    assert.ok(found.fits, id);
    const { rule } = found;
    assert.deepEqual([text(rule.standardDate), text(rule.daylightDate), [rule.bias, rule.standardBias, rule.daylightBias]],
      [standard, daylight, biases], `${id} ${year}`);
  }
  assert.deepEqual(ruleOfYear(ianaZone("Africa/Casablanca")!, 2014), { fits: false, why: "moreThanTwoChanges" });
  assert.deepEqual(ruleOfYear(ianaZone("Australia/Lord_Howe")!, 1981), { fits: false, why: "twoChangesOneWay" });
  assert.deepEqual(ruleOfYear(ianaZone("Europe/Amsterdam")!, 1880), { fits: false, why: "partOfMinute" });
});

test("rules found for every zone, made into structures and back, change like the zone", () => {
  let misfitYears = 0;
  for (const id of allZones) {
    const zone = ianaZone(id)!;
    const { misfits } = ruleHistory(zone, 2000, 2030);
    const skipped = new Set(misfits.map(({ year }) => year));
    misfitYears += skipped.size;
    const range = { fromYear: 2000, toYear: 2030, year: 2026, isRecurring: true };
    const bytes = encodeTimeZoneDefinition(timeZoneDefinitionOf(zone, id, range).value);
    const back = zoneOfDefinition(decodeTimeZoneDefinition(bytes))!;
    for (let year = 2000; year <= 2030; year++) {
      if (!skipped.has(year) && !skipped.has(year - 1)) assert.ok(sameInYear(zone, back, year), `${id} ${year}`);
    }
  }
  // Of 13,000 years: Morocco and Egypt in years with Ramadan between, and places that changed their mind twice.
  assert.ok(misfitYears < 120, `${misfitYears}`);
});

test("rules that no zone has", () => {
  const odd = { ...decodeTimeZoneStruct(westEurope), bias: -75 };
  const zone = zoneOfStruct("", odd);
  assert.equal(zone.offsetAt(Date.UTC(2026, 0)) / 60_000, 75);
  assert.equal(zone.offsetAt(Date.UTC(2026, 6)) / 60_000, 135);
  const once = zoneOfStruct("", { ...odd, standardDate: { ...odd.standardDate, year: 2026, day: 25 },
    daylightDate: { ...odd.daylightDate, year: 2026, day: 29 } });
  assert.equal(once.offsetAt(Date.UTC(2026, 6)) / 60_000, 135);
  assert.equal(once.offsetAt(Date.UTC(2027, 6)) / 60_000, 75);
  const broken = zoneOfStruct("", { ...odd, standardDate: { ...odd.standardDate, month: 13 } });
  assert.equal(broken.offsetAt(Date.UTC(2026, 6)) / 60_000, 75);
  const dated = zoneOfRules("", [{ fromYear: 2000, rule: fixedRule(60) }, { fromYear: 2010, rule: fixedRule(180) }]);
  assert.deepEqual(dated.changesBetween(msOfYear(2000), msOfYear(2020)),
    [{ atMs: Date.UTC(2009, 11, 31, 23), offsetMs: 180 * 60_000 }]);
});

test("which zone an id means", () => {
  const ids: [string, string | undefined][] = [
    ["W. Europe Standard Time", "Europe/Berlin"], ["w. europe standard time", "Europe/Berlin"],
    ["Europe/Vienna", "Europe/Vienna"], ["/mozilla.org/20050126_1/Europe/Berlin", "Europe/Berlin"],
    ["/softwarestudio.org/Tzfile/America/Argentina/Salta", "America/Argentina/Salta"], ["UTC", "UTC"],
    ["tzone://Microsoft/Utc", "UTC"], ["tzone://Microsoft/Custom", undefined], ["Kamchatka Standard Time", "Asia/Kamchatka"],
    // By the cities that it names, never by the offset alone.
    ["(UTC+01:00) Amsterdam, Berlin, Bern, Rom, Stockholm, Wien", "Europe/Amsterdam"], ["", undefined], ["GMT +0100", undefined],
    ["(UTC+02:00) Berlin", "Europe/Berlin"], ["(UTC+05:00) Berlin", undefined], ["(UTC+01:00) Mitteleuropa", undefined],
    ["(GMT) Lisbon, London", "Europe/Lisbon"], ["(UTC-05:00) New York", "America/New_York"],
  ];
  for (const [id, name] of ids) assert.equal(zoneOfId(id)?.name, name, id);
});

test("which zone an item means", () => {
  const struct = timeZoneStructOf(berlin, 2026).value;
  const preferred = ["Romance Standard Time"];
  const named = zoneOfAppointment({ struct, description: "Mitteleuropäische Zeit", year: 2026 });
  assert.ok(named.kind === "named" && named.by === "rule");
  assert.equal(named.windowsId, "W. Europe Standard Time");
  assert.deepEqual(named.alike, windowsIdsAlike(berlin, 2026));
  const mine = zoneOfAppointment({ struct, year: 2026, preferred });
  assert.equal(mine.kind === "named" && mine.windowsId, "Romance Standard Time");
  // Rules of their time: before 2007 America changed its clocks on other days.
  const old = zoneOfAppointment({ struct: timeZoneStructOf(ianaZone("America/Chicago")!, 2004).value, year: 2004 });
  assert.equal(old.kind === "named" && old.windowsId, "Central Standard Time");
  const custom = zoneOfAppointment({ struct: { ...struct, bias: -75 }, description: "Ours", year: 2026 });
  assert.equal(custom.kind === "custom" && custom.zone.name, "Ours");
  // One offset all year could be anybody's.
  assert.equal(zoneOfAppointment({ struct: fixedRule(330), year: 2026 }).kind, "custom");
  assert.equal(matchZone({ ids: ["Nobody knows"], year: 2026 }).kind, "unknown");
  const range = { fromYear: 2026, toYear: 2030, year: 2026, isRecurring: true };
  const definition = timeZoneDefinitionOf(berlin, "W. Europe Standard Time", range).value;
  const both = zoneOfAppointment({ definition, struct, year: 2026 });
  assert.ok(both.kind === "named" && both.by === "id");
  const tokyo = timeZoneStructOf(ianaZone("America/New_York")!, 2026).value;
  const overtaken = zoneOfAppointment({ definition, struct: tokyo, year: 2026 });
  assert.equal(overtaken.kind === "named" && overtaken.windowsId, "Eastern Standard Time");
  assert.ok(sameRule(struct, definition.rules[0]!));
  // EST has no daylight time; what calls itself so and has one is the other.
  const est = matchZone({ ids: ["EST"], zone: zoneOfStruct("EST", tokyo), year: 2026 });
  assert.equal(est.kind === "named" && est.windowsId, "Eastern Standard Time");
});

test("fixed zones", () => {
  assert.equal(utcZone.toUtc(localFrom(2026, 1, 1)), Date.UTC(2026, 0));
  assert.equal(fixedZone("x", 90).toUtc(localFrom(2026, 1, 1)), Date.UTC(2025, 11, 31, 22, 30));
});
