/**
 * Proves that tasks, notes and journal entries and their VTODO and VJOURNAL say the same: tables in both directions,
 * the blob of a recurring task against bytes put together by hand, every VTODO and VJOURNAL of the corpus read, written
 * and read again with what changes and why, ical.js as reader, and random items and bytes.
 */
import { strict as assert } from "node:assert";
import { Buffer } from "node:buffer";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import ICAL from "ical.js";
import { Fault } from "#base/fault.ts";
import { ianaZone } from "#calendar/zones/iana.ts";
import { getProperty, newItem, setProperty } from "#convert/item.ts";
import type { ItemBag } from "#convert/item.ts";
import { localTime, utcOfTime } from "#convert/todo/calendar.ts";
import { readTodos } from "#convert/todo/read.ts";
import { linesOfBlob } from "#convert/todo/series.ts";
import { writeTodos } from "#convert/todo/write.ts";
import { decodeTaskRecurrence, encodeTaskRecurrence } from "#calendar/recurrence/blob.ts";
import { localFrom } from "#calendar/zones/dates.ts";
import { readComponents } from "#convert/vcard/lines.ts";
import type { Component } from "#convert/vcard/lines.ts";
import { formatLine } from "#convert/vcard/text.ts";
import { properties } from "#props/registry.ts";
import { cpuMs } from "../../../test/support/cpu-time.ts";

const corpus = join(process.env["OUTPOST_CORPUS"] ?? "../shared/corpus", "ics");
const p = properties;
const berlin = ianaZone("Europe/Berlin")!;
const options = { zone: berlin };

const todo = (...lines: string[]): string =>
  ["BEGIN:VCALENDAR", "BEGIN:VTODO", ...lines, "END:VTODO", "END:VCALENDAR", ""].join("\r\n");

function readOne(text: string): ItemBag {
  const { items } = readTodos(text, options);
  assert.equal(items.length, 1);
  return items[0]!;
}

const day = (year: number, month: number, date: number): bigint => localTime(localFrom(year, month, date));

/** Lines, start day, due day, status, share done. */
const rows: readonly (readonly [readonly string[], bigint | undefined, bigint | undefined, number, number])[] = [
  [["DUE;VALUE=DATE:20260310"], undefined, day(2026, 3, 10), 0, 0],
  [["DTSTART;VALUE=DATE:20260309", "DUE;VALUE=DATE:20260310"], day(2026, 3, 9), day(2026, 3, 10), 0, 0],
  [["DTSTART;VALUE=DATE:20260309"], day(2026, 3, 9), day(2026, 3, 9), 0, 0],
  [["DTSTART;VALUE=DATE:20260309", "DURATION:P1W"], day(2026, 3, 9), day(2026, 3, 16), 0, 0],
  [["DUE;TZID=America/New_York:20260310T230000"], undefined, day(2026, 3, 10), 0, 0],
  [["DUE:20260309T233000Z"], undefined, day(2026, 3, 10), 0, 0],
  [["DUE:20260310T090000"], undefined, day(2026, 3, 10), 0, 0],
  [["DUE:nonsense"], undefined, undefined, 0, 0],
  [["STATUS:Needs Action"], undefined, undefined, 0, 0],
  [["STATUS:IN-PROGRESS", "PERCENT-COMPLETE:40"], undefined, undefined, 1, 0.4],
  [["PERCENT-COMPLETE:40"], undefined, undefined, 1, 0.4],
  [["PERCENT-COMPLETE:400"], undefined, undefined, 0, 0],
  [["STATUS:COMPLETED"], undefined, undefined, 2, 1],
  [["COMPLETED:20260301T100000Z"], undefined, undefined, 2, 1],
  [["STATUS:NEEDS-ACTION", "X-OUTPOST-TASK-STATUS:WAITING"], undefined, undefined, 3, 0],
  [["STATUS:CANCELLED"], undefined, undefined, 4, 0],
];

test("dates are days of the reader, progress follows status, and writing gives the lines back", () => {
  for (const [lines, start, due, status, percent] of rows) {
    const item = readOne(todo("UID:1", ...lines));
    const said = (one: ItemBag): unknown => [
      getProperty(one, p.PidLidTaskStartDate), getProperty(one, p.PidLidTaskDueDate),
      getProperty(one, p.PidLidTaskStatus),
      getProperty(one, p.PidLidPercentComplete), getProperty(one, p.PidLidTaskComplete),
    ];
    assert.deepEqual(said(item), [start, due, status, percent, status === 2], lines.join());
    const written = writeTodos([item], options);
    for (const one of lines) assert.ok(written.includes(`${one}\r\n`), `${one}\n${written}`);
    assert.deepEqual(said(readOne(written)), said(item));
  }
});

test("the UTC pair of a date and the day of completion are midnights of the reader's zone", () => {
  const item = readOne(todo("DUE;VALUE=DATE:20260710", "STATUS:COMPLETED", "COMPLETED:20260709T223000Z"));
  assert.equal(utcOfTime(getProperty(item, p.PidLidCommonEnd)!), Date.UTC(2026, 6, 9, 22));
  assert.equal(utcOfTime(getProperty(item, p.PidLidTaskDateCompleted)!), Date.UTC(2026, 6, 9, 22));
});

test("a task of Outlook without its old lines", () => {
  const item = newItem();
  setProperty(item, p.PidTagMessageClass, "IPM.Task");
  setProperty(item, p.PidTagSubject, "Pay; rent, now");
  setProperty(item, p.PidLidTaskDueDate, day(2026, 3, 10));
  setProperty(item, p.PidLidTaskStatus, 4);
  setProperty(item, p.PidLidPercentComplete, 0.25);
  setProperty(item, p.PidTagImportance, 2);
  setProperty(item, p.PidTagSensitivity, 2);
  setProperty(item, p.PidLidReminderSet, true);
  setProperty(item, p.PidLidReminderSignalTime, 134_176_104_000_000_000n);
  setProperty(item, p.PidLidTaskOwner, "Ann");
  const written = writeTodos([item], { ...options, uid: "u" });
  for (const one of [
    "UID:u", "SUMMARY:Pay\\; rent\\, now", "DUE;VALUE=DATE:20260310", "STATUS:NEEDS-ACTION", "PERCENT-COMPLETE:25",
    "X-OUTPOST-TASK-STATUS:DEFERRED", "PRIORITY:1", "CLASS:PRIVATE", "X-OUTPOST-TASK-OWNER:Ann", "BEGIN:VALARM",
  ]) assert.ok(written.includes(`${one}\r\n`), `${one}\n${written}`);
  const again = readOne(written);
  for (const property of [p.PidLidTaskStatus, p.PidTagImportance, p.PidTagSensitivity, p.PidLidTaskOwner,
    p.PidLidReminderSignalTime] as const) assert.equal(getProperty(again, property), getProperty(item, property));
});

test("a recurring task is the pattern of its rule; regeneration is its sliding flag", () => {
  const lines = ["DTSTART;VALUE=DATE:20261123", "RRULE:FREQ=WEEKLY;BYDAY=MO;COUNT=10", "EXDATE;VALUE=DATE:20261207"];
  const item = readOne(todo(...lines));
  const blob = getProperty(item, p.PidLidTaskRecurrence)!;
  // Mondays from 2026-11-23, ten times, without the third.
  const expected = "043004300b20010000000000000001000000000000000200000022200000"
    + "0a0000000100000001000000003e5a0d0000000040ef590da0515b0d";
  assert.equal(Buffer.from(blob).toString("hex"), expected);
  const pattern = decodeTaskRecurrence(blob);
  assert.deepEqual(encodeTaskRecurrence(pattern), Buffer.from(blob));
  assert.equal(getProperty(item, p.PidLidTaskFRecurring), true);
  const written = writeTodos([item], options);
  for (const one of lines) assert.ok(written.includes(`${one}\r\n`), written);
  const sliding = { ...pattern, slidingFlag: 1, deletedInstanceDates: [] };
  assert.equal(linesOfBlob(encodeTaskRecurrence(sliding))?.regenerates, true);
  setProperty(item, p.PidLidTaskRecurrence, encodeTaskRecurrence(sliding));
  const regenerating = writeTodos([item], options);
  assert.match(regenerating, /^RRULE:FREQ=WEEKLY;BYDAY=MO;COUNT=10\r$/m);
  assert.match(regenerating, /^X-OUTPOST-REGENERATE:TRUE\r$/m);
  assert.equal(decodeTaskRecurrence(getProperty(readOne(regenerating), p.PidLidTaskRecurrence)!).slidingFlag, 1);
});

test("a rule that Exchange has no pattern for stays a line", () => {
  const item = readOne(todo("DTSTART;VALUE=DATE:20260101", "RRULE:FREQ=HOURLY;INTERVAL=5"));
  assert.equal(getProperty(item, p.PidLidTaskFRecurring), false);
  assert.ok(writeTodos([item]).includes("RRULE:FREQ=HOURLY;INTERVAL=5\r\n"));
});

test("the first alarm is the reminder and keeps its shape; others stay", () => {
  const alarm = (trigger: string): string[] => ["BEGIN:VALARM", "ACTION:AUDIO", trigger, "END:VALARM"];
  for (const [trigger, utcMs] of [
    ["TRIGGER:-PT30M", Date.UTC(2026, 2, 9, 8, 30)], ["TRIGGER;RELATED=END:PT1H", Date.UTC(2026, 2, 10, 12)],
    ["TRIGGER;VALUE=DATE-TIME:20260301T100000Z", Date.UTC(2026, 2, 1, 10)],
  ] as const) {
    const alarms = [...alarm(trigger), ...alarm("TRIGGER:-P1D")];
    const item = readOne(todo("DTSTART:20260309T100000", "DUE:20260310T110000Z", ...alarms));
    assert.equal(utcOfTime(getProperty(item, p.PidLidReminderSignalTime)!), utcMs, trigger);
    const written = writeTodos([item], options);
    assert.equal(written.match(/BEGIN:VALARM/g)?.length, 2);
    for (const one of [trigger, "TRIGGER:-P1D"]) assert.ok(written.includes(`ACTION:AUDIO\r\n${one}\r\n`), written);
  }
});

test("notes and journal entries", () => {
  const note = newItem();
  setProperty(note, p.PidTagMessageClass, "IPM.StickyNote");
  setProperty(note, p.PidTagSubject, "Buy milk");
  setProperty(note, p.PidTagBody, "Buy milk\r\nand bread");
  setProperty(note, p.PidLidNoteColor, 3);
  const journal = newItem();
  setProperty(journal, p.PidTagMessageClass, "IPM.Activity");
  setProperty(journal, p.PidTagSubject, "Call");
  setProperty(journal, p.PidLidLogType, "Phone call");
  setProperty(journal, p.PidLidLogStart, 134_176_104_000_000_000n);
  setProperty(journal, p.PidLidLogDuration, 25);
  const { items } = readTodos(writeTodos([note, journal], options), options);
  for (const [one, other] of [[note, items[0]!], [journal, items[1]!]] as const) {
    for (const property of [p.PidTagMessageClass, p.PidTagSubject, p.PidTagBody, p.PidLidNoteColor, p.PidLidLogType,
      p.PidLidLogStart, p.PidLidLogDuration] as const) {
      assert.equal(getProperty(other, property), getProperty(one, property), property.name);
    }
  }
  assert.equal(getProperty(items[1]!, p.PidLidLogEnd), 134_176_104_000_000_000n + 15_000_000_000n);
});

function all(bytes: Uint8Array): Component[] {
  return readComponents(bytes).components.flatMap((root) => (root.name === "VCALENDAR" ? root.components : [root]))
    .filter(({ name }) => name === "VTODO" || name === "VJOURNAL");
}

/** Names of lines that change in a round trip of the corpus, and why. */
const reasons: Readonly<Record<string, string>> = {
  DTSTAMP: "added where it is missing", STATUS: "added where it is missing", CATEGORIES: "several lines become one",
  SUMMARY: "the same text in plain escapes", DESCRIPTION: "the same text in plain escapes",
  "LAST-MODIFIED": "the same instant without a zone", CREATED: "the same instant without a zone",
  "PERCENT-COMPLETE": "a task that is complete is so to 100 percent", "X-OUTPOST-TASK-STATUS": "names the exact status",
  UID: "the same text in plain escapes",
};

const skip = existsSync(corpus) ? false : "corpus is not here";

test("every VTODO and VJOURNAL of the corpus: read, written, read again and read by ical.js", { skip }, () => {
  let count = 0;
  for (const file of readdirSync(corpus)) {
    const bytes = readFileSync(join(corpus, file));
    const sources = all(bytes);
    const { items } = readTodos(bytes, options);
    assert.equal(items.length, sources.length, file);
    items.forEach((item, index) => {
      count++;
      const written = writeTodos([item], options);
      const after = all(Buffer.from(written))[0]!;
      const before = sources[index]!;
      const [one, other] = [before.lines.map(formatLine), after.lines.map(formatLine)];
      for (const text of [...one.filter((x) => !other.includes(x)), ...other.filter((x) => !one.includes(x))]) {
        const name = /^[^:;]+/.exec(text)![0];
        if (!/:\s*$/.test(text)) assert.ok(name in reasons, `${file}: ${text.slice(0, 160)}`);
      }
      assert.equal(after.components.length, before.components.length, file);
      assert.equal(writeTodos(readTodos(written, options).items, options), written, file);
      const parsed = new ICAL.Component(ICAL.parse(written) as ConstructorParameters<typeof ICAL.Component>[0]);
      assert.equal(parsed.getAllSubcomponents().length, 1, file);
    });
  }
  assert.ok(count > 20, String(count));
});

test("any days, texts and shares come back", () => {
  const text = fc.string({ unit: fc.constantFrom(..."aB;,\\:\"é😀 =".split("")), maxLength: 20 })
    .map((one) => one.trim()).filter((one) => one !== "" && one.isWellFormed());
  const days = fc.integer({ min: 100, max: 700_000 });
  fc.assert(fc.property(text, text, days, fc.nat(500), fc.nat(100), (subject, body, start, length, percent) => {
    const item = newItem();
    setProperty(item, p.PidTagMessageClass, "IPM.Task");
    setProperty(item, p.PidTagSubject, subject);
    setProperty(item, p.PidTagBody, body);
    setProperty(item, p.PidLidTaskStartDate, localTime(start * 1440));
    setProperty(item, p.PidLidTaskDueDate, localTime((start + length) * 1440));
    setProperty(item, p.PidLidTaskStatus, percent === 100 ? 2 : 1);
    setProperty(item, p.PidLidTaskComplete, percent === 100);
    setProperty(item, p.PidLidPercentComplete, percent / 100);
    const again = readOne(writeTodos([item], options));
    for (const property of [p.PidTagSubject, p.PidLidTaskStartDate, p.PidLidTaskDueDate, p.PidLidTaskStatus,
      p.PidLidPercentComplete] as const) assert.equal(getProperty(again, property), getProperty(item, property));
    if (body !== subject) assert.equal(getProperty(again, p.PidTagBody), body);
  }), { numRuns: 200 });
});

test("any lines give items or a Fault, in bounded time", () => {
  const piece = fc.constantFrom(
    "BEGIN:VTODO\n", "END:VTODO\n", "BEGIN:VALARM\n", "END:VALARM\n", "DTSTART:", "DUE;TZID=x:", "DURATION:",
    "P1W\n", "RRULE:", "FREQ=DAILY;COUNT=3\n", "20260101\n", "20260101T000000Z\n", "16000101\n", "EXDATE:", "TRIGGER:",
    "-PT9999999999S\n", ":", ";", "STATUS:", "PERCENT-COMPLETE:", "99\n", "BEGIN:VTIMEZONE\n", "END:VTIMEZONE\n",
    "BEGIN:VCALENDAR\n", "DTSTART:99991231\n",
  );
  fc.assert(fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
    try {
      const { items } = readTodos(`BEGIN:VTODO\n${pieces.join("")}`, options);
      readTodos(writeTodos(items, options), options);
    } catch (error) {
      assert.ok(error instanceof Fault, String(error instanceof Error ? error.stack : error));
    }
  }), { numRuns: 500 });
  const began = cpuMs();
  readTodos(todo("DTSTART:20260101", "RRULE:FREQ=DAILY", `EXDATE:${"20260101,".repeat(100_000)}`), options);
  readTodos(todo(..."x".repeat(3000).split("").map((_, index) => `RDATE:2026010${index % 9}`)), options);
  assert.ok(cpuMs() - began < 2000);
});

test("companies, contacts, mileage, billing and efforts come back", () => {
  const lines = ["X-OUTPOST-COMPANIES:A\\, B,C", "X-OUTPOST-CONTACTS:D", "X-OUTPOST-MILEAGE:12 km", "X-OUTPOST-BILLING:b",
    "X-OUTPOST-ESTIMATED-EFFORT:90", "X-OUTPOST-ACTUAL-EFFORT:45", "STATUS:IN-PROCESS", "PERCENT-COMPLETE:30"];
  const item = readOne(todo("UID:t", "SUMMARY:s", ...lines));
  assert.deepEqual(getProperty(item, p.PidLidCompanies), ["A, B", "C"]);
  assert.equal(getProperty(item, p.PidLidTaskEstimatedEffort), 90);
  const text = writeTodos([item], options);
  for (const one of lines) assert.ok(text.includes(`${one}\r\n`), one);
  assert.deepEqual(readOne(text).named.get("00062008-0000-0000-c000-000000000046+0x8534")?.value, "12 km");
});

test("a task by a rule that Exchange has no pattern for has the rule's dates, and its lines come back", () => {
  const item = readOne(todo("UID:t", "SUMMARY:s", "DUE;VALUE=DATE:20260402", "RRULE:FREQ=MONTHLY;BYMONTHDAY=2,15;COUNT=4"));
  assert.equal(getProperty(item, p.PidLidTaskFRecurring), true);
  const { deletedInstanceDates, occurrenceCount } = decodeTaskRecurrence(getProperty(item, p.PidLidTaskRecurrence)!);
  assert.equal(occurrenceCount - deletedInstanceDates.length, 4);
  assert.ok(writeTodos([item], options).includes("RRULE:FREQ=MONTHLY;BYMONTHDAY=2,15;COUNT=4\r\n"));
  for (const lines of [["DUE;VALUE=DATE:20260402", "RRULE:FREQ=NEVER"], ["DTSTART:99991231", "RRULE:FREQ=DAILY;COUNT=3"]]) {
    assert.equal(getProperty(readOne(todo("SUMMARY:s", ...lines)), p.PidLidTaskFRecurring), false);
  }
});
