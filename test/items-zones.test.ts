/**
 * Proves that zones survive the way that Outlook keeps them: every Windows zone, and every IANA zone that one of them
 * stands for, as the bytes of a definition with its rules, read back into a zone that has the same offset at every
 * change and beside it from 2000 to 2037. Years that no rule of Windows can tell (two pairs of changes, as in Morocco's
 * years of Ramadan) are named in a table; outside of them nothing differs. Then the same by VTIMEZONE without any limit.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { timeZoneDefinitionOf, zoneOfDefinition } from "#calendar/zones/definition.ts";
import { ianaOfWindowsId, ianaZone } from "#calendar/zones/iana.ts";
import { decodeTimeZoneDefinition, encodeTimeZoneDefinition } from "#calendar/zones/tables.ts";
import { readVtimezone } from "#calendar/zones/vtimezone-read.ts";
import { writeVtimezone } from "#calendar/zones/vtimezone-write.ts";
import { windowsZones } from "#calendar/zones/windows-names.ts";
import type { Zone } from "#calendar/zones/zone.ts";

const [fromYear, toYear] = [2000, 2037];
const fromMs = Date.UTC(fromYear, 0, 1, 12);
const toMs = Date.UTC(toYear + 1, 0, 1) - 36 * 3_600_000;

/** The UTC years in which two zones are ever apart, looked at around each change of either. */
function yearsApart(one: Zone, other: Zone): number[] {
  const found = new Set<number>();
  const instants = [...one.changesBetween(fromMs, toMs), ...other.changesBetween(fromMs, toMs)]
    .flatMap(({ atMs }) => [atMs - 1, atMs, atMs + 3_600_000]);
  for (let year = fromYear; year <= toYear; year++) instants.push(Date.UTC(year, 0, 15), Date.UTC(year, 6, 15));
  for (const atMs of instants) {
    if (atMs >= fromMs && atMs < toMs && one.offsetAt(atMs) !== other.offsetAt(atMs)) {
      found.add(new Date(atMs).getUTCFullYear());
    }
  }
  return [...found].sort((a, b) => a - b);
}

/** Why a year of a zone has no rule: what its government did. */
const untold: Readonly<Record<string, readonly [years: readonly number[], why: string]>> = {
  "Africa/Cairo": [[2010, 2014], "summer time is interrupted for Ramadan: four changes"],
  "Africa/Casablanca": [[2012, 2013, 2014, 2015, 2016, 2017, 2018, 2026], "the same, or a new rule within the year"],
  "Africa/El_Aaiun": [[2012, 2013, 2014, 2015, 2016, 2017, 2018, 2026], "the same, or a new rule within the year"],
  "America/Argentina/San_Luis": [[2008, 2009], "three changes in 2008, the last of which holds into the next year"],
  "America/Bahia_Banderas": [[2010, 2011], "from mountain to central time in a spring: two changes one way"],
  "America/Boa_Vista": [[2000, 2001], "three changes in 2000"], "America/Fortaleza": [[2000, 2001], "three changes in 2000"],
  "America/Indiana/Winamac": [[2007, 2008], "from central to eastern time in a spring: two changes one way"],
  "America/Maceio": [[2000, 2001], "three changes in 2000"],
  "America/Metlakatla": [[2019, 2020], "from Pacific to Alaskan time in January: three changes"],
  "America/Noronha": [[2000, 2001], "three changes in 2000"], "America/Recife": [[2000, 2001], "three changes in 2000"],
  "Asia/Hebron": [[2011], "summer time is interrupted for Ramadan: four changes"],
  "Asia/Tbilisi": [[2004], "a new time zone and a change of summer time: three changes"],
  "Asia/Tomsk": [[2002], "a new time zone within summer time: three changes"],
  "Europe/Simferopol": [[2014], "another country's time within a spring: two changes one way"],
  "Pacific/Apia": [[2011, 2012], "across the date line at the end of 2011: three changes"],
};

function throughDefinition(zone: Zone, keyName: string): Zone {
  const range = { fromYear: fromYear - 1, toYear: toYear + 1, year: 2026, isRecurring: true };
  const { value } = timeZoneDefinitionOf(zone, keyName, range);
  const bytes = encodeTimeZoneDefinition(value);
  const decoded = decodeTimeZoneDefinition(bytes);
  assert.deepEqual(encodeTimeZoneDefinition(decoded), bytes);
  assert.equal(decoded.keyName, keyName);
  return zoneOfDefinition(decoded)!;
}

test("every Windows zone by its definition", (t) => {
  const apart: Record<string, readonly number[]> = {};
  let zones = 0;
  for (const [windowsId, list] of Object.entries(windowsZones)) {
    assert.equal(ianaOfWindowsId(windowsId), list.split(" ")[0]);
    for (const id of list.split(" ")) {
      const zone = ianaZone(id);
      if (zone === undefined) continue;
      zones++;
      const years = yearsApart(zone, throughDefinition(zone, windowsId));
      if (years.length > 0) apart[id] = years;
    }
  }
  t.diagnostic(`${Object.keys(windowsZones).length} Windows zones, ${zones} IANA zones, ${Object.keys(apart).length} with untold years`);
  assert.deepEqual(apart, Object.fromEntries(Object.entries(untold).map(([id, [years]]) => [id, years])));
});

test("every one of them by its VTIMEZONE", () => {
  for (const list of Object.values(windowsZones)) {
    for (const id of list.split(" ")) {
      const zone = ianaZone(id);
      if (zone === undefined) continue;
      const { zone: back } = readVtimezone(writeVtimezone(zone, id, fromYear, toYear));
      assert.deepEqual(yearsApart(zone, back), [], id);
    }
  }
});
