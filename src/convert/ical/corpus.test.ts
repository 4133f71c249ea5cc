/**
 * Proves on every calendar of the corpus that it becomes items or is refused by name, that what is written of the items
 * means the same when it is read again, with and without the lines kept beside them, and that ical.js reads it.
 */
import { strict as assert } from "node:assert";
import ICAL from "ical.js";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { WireError } from "#base/fault.ts";
import { ianaZone } from "#calendar/zones/iana.ts";
import { readCalendars } from "#convert/ical/calendar-read.ts";
import { writeCalendar } from "#convert/ical/calendar-write.ts";
import { itemsOf, meaningOf, withoutKept } from "#convert/ical/test-kit.ts";
import type { ReadCalendar } from "#convert/ical/calendar-read.ts";
import { cpuMs } from "../../../test/support/cpu-time.ts";

const folder = join(process.env["OUTPOST_CORPUS"] ?? "../shared/corpus", "ics");
const skip = existsSync(folder) ? false : "the corpus is not here";
const zone = ianaZone("America/New_York")!;
const files = skip === false ? readdirSync(folder).sort() : [];
const textOf = (file: string): string => readFileSync(join(folder, file), "utf8");

/** What becomes of the objects of all files, by class. */
const outcomes: Readonly<Record<string, number>> = {
  "file: components nest too deep": 1, "file: the text has no VCALENDAR": 2,
  "refused: addedSeries": 31, "refused: badTime": 44, "refused: noStart": 35, "refused: notAnEvent": 500, "refused: olderVersion": 6,
  // Told beside the item: what it says otherwise than its calendar.
  "partOfRule": 50, "ruleAsDates": 129, "severalPerDay": 7, "startNotInRule": 2, "unknownZone": 1,
  "whole": 1690,
};

/** What may differ after the way out and back: file, line of the meaning, and why. */
const changes: readonly (readonly [file: RegExp, line: RegExp, reason: string])[] = [
  [/./, /^[+](?:PidTagExceptionReplaceTime=\d+: )?6ed8da90-[0-9a-f-]+\+0x001a=/, "an event that is sent has a DTSTAMP"],
  [/evolution2/, /^[+]PidTagBody=/, "HTML alone goes out with its words in plain text"],
  [/cyrus-rdate|KAlarm|libical-large/, /^[+]PidTagExceptionReplaceTime=/,
    "an occurrence at another time of the day than its series comes back with all its words"],
  [/Vilnius/, /\+0x825[ef]=/, "one Windows zone stands for cities whose earlier years differ"],
];

const read = new Map<string, ReadCalendar[] | string>();

function readFileOf(file: string): ReadCalendar[] | string {
  let found = read.get(file);
  if (found !== undefined) return found;
  try {
    found = readCalendars(textOf(file), { zone });
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    found = error.message.replace(/ \(at.*/, "");
  }
  read.set(file, found);
  return found;
}

test("each file becomes items or says why not", { skip }, () => {
  const tally: Record<string, number> = {};
  const count = (name: string): void => {
    tally[name] = (tally[name] ?? 0) + 1;
  };
  for (const file of files) {
    const startMs = cpuMs();
    const calendars = readFileOf(file);
    assert.ok(cpuMs() - startMs < 10_000, `${file} takes too long`);
    if (typeof calendars === "string") {
      count(`file: ${calendars}`);
      continue;
    }
    for (const object of calendars.flatMap(({ objects }) => objects)) {
      if (object.kind === "refused") count(`refused: ${object.reason}`);
      else for (const loss of object.losses.length === 0 ? ["whole"] : object.losses) count(loss);
    }
  }
  assert.deepEqual(Object.fromEntries(Object.entries(tally).sort()), outcomes);
});

/** Reads again what is written of each calendar by `change`, and compares. */
function roundTrip(isKept: boolean): string[] {
  const differences: string[] = [];
  // One file repeats the same calendars some sixty times.
  const seen = new Set<string>();
  for (const file of files) {
    const calendars = readFileOf(file);
    if (typeof calendars === "string") continue;
    for (const { method, objects } of calendars) {
      for (const item of itemsOf(objects)) {
        const source = isKept ? item : withoutKept(item);
        const text = writeCalendar([source], { zone, method });
        if (seen.has(text)) continue;
        seen.add(text);
        assert.equal(writeCalendar([source], { zone, method }), text);
        const [again] = itemsOf(readCalendars(text, { zone })[0]!.objects);
        const before = meaningOf(item);
        const after = again === undefined ? ["nothing"] : meaningOf(again);
        const lost = before.filter((line) => !after.includes(line)).map((line) => `-${line}`);
        const gained = after.filter((line) => !before.includes(line)).map((line) => `+${line}`);
        const left = [...lost, ...gained].filter((line) =>
          !changes.some(([name, shape]) => name.test(file) && shape.test(line)));
        if (left.length > 0) differences.push(`${file}: ${left.join(" ")}`);
      }
    }
  }
  return differences;
}

test("what is written means the same", { skip }, () => {
  assert.deepEqual(roundTrip(true), []);
});

test("properties alone mean the same too", { skip }, () => {
  assert.deepEqual(roundTrip(false), []);
});

test("ical.js reads what is written", { skip }, () => {
  for (const file of files) {
    const calendars = readFileOf(file);
    if (typeof calendars === "string") continue;
    for (const { objects } of calendars) {
      const items = itemsOf(objects);
      if (items.length === 0) continue;
      const text = writeCalendar(items, { zone });
      for (const line of text.split("\r\n")) assert.ok(Buffer.byteLength(line) <= 76, `${file}: ${line}`);
      const parsed = new ICAL.Component(ICAL.parse(text) as unknown[] as [string, unknown[], unknown[]]);
      const masters = parsed.getAllSubcomponents("vevent")
        .filter((one) => one.getFirstProperty("recurrence-id") === null);
      assert.ok(masters.length <= items.length);
      for (const one of parsed.getAllSubcomponents("vevent"))
        assert.notEqual(one.getFirstPropertyValue("dtstart"), null);
    }
  }
});
