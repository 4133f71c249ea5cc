/**
 * Proves the recurrence structures: golden bytes of [MS-OXOCAL] 4.1.1 and of a series written by hand, both ways, with
 * what they mean; tables of what is refused; that any bytes give a value or a WireError; that decode(encode(v)) is v;
 * and that a series written and read again is the same series.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { WireError } from "#base/fault.ts";
import {
  AppointmentRecurrencePattern, decodeAppointmentRecur, decodeTaskRecurrence, encodeAppointmentRecur,
} from "#calendar/recurrence/blob.ts";
import { localFrom, localText } from "#calendar/zones/dates.ts";
import { Series } from "#calendar/recurrence/expand.ts";
import { recurrenceOf, recurrenceOfPattern } from "#calendar/recurrence/from-blob.ts";
import type { Modified, Pattern, Recurrence } from "#calendar/recurrence/model.ts";
import { blobOfRecurrence, firstDateTimeOf, patternOfRecurrence } from "#calendar/recurrence/to-blob.ts";
import { utcZone } from "#calendar/zones/zone.ts";
import { arbitrary, valueOrWireError } from "#codec/binary/test-kit.ts";

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ""), "hex");

const goldens: [name: string, bytes: string, occurrences: string[]][] = [
  ["Mondays at ten, ten times", "04300430 0b20 0100 0000 c0210000 01000000 00000000 02000000 22200000 0a000000 00000000 " +
    "00000000 00000000 40ef590d a0515b0d 06300000 09300000 58020000 94020000 0000 00000000 00000000",
    ["2026-11-23 10:00", "2026-11-30 10:00", "2026-12-07 10:00", "2026-12-14 10:00", "2026-12-21 10:00",
      "2026-12-28 10:00", "2027-01-04 10:00", "2027-01-11 10:00", "2027-01-18 10:00", "2027-01-25 10:00"]],
  // The specification's own example: the one of 16 April is an hour later, with a subject and a place of its own.
  ["weekly with an exception, [MS-OXOCAL] 4.1.1.2", "043004300B2001000000C02100000100000000000000320000002220" +
    "00000C0000000000000001000000A096BC0C01000000A096BC0C8020BC0C20ADBC0C063000000930000058020000760200000100" +
    "3499BC0C5299BC0CF898BC0C11002200210053696D706C6520526563757272656E6365207769746820657863657074696F6E7308" +
    "00070033342F34313431000000000400000000000000000000003499BC0C5299BC0CF898BC0C2100530069006D0070006C006500" +
    "200052006500630075007200720065006E006300650020007700690074006800200065007800630065007000740069006F006E00" +
    "73000700330034002F0034003100340031000000000000000000",
    ["2007-03-26 10:00", "2007-03-29 10:00", "2007-03-30 10:00", "2007-04-02 10:00", "2007-04-05 10:00",
      "2007-04-06 10:00", "2007-04-09 10:00", "2007-04-12 10:00", "2007-04-13 10:00", "2007-04-16 11:00",
      "2007-04-19 10:00", "2007-04-20 10:00"]],
  ["every third day with two deleted, [MS-OXOCAL] 4.1.1.3", "043004300A2000000000A0050000E0100000000000002120" +
    "00000A0000000000000002000000A0C1DC0C80D2DC0C00000000207EDC0C0016DD0C0630000009300000E0010000FE010000" +
    "00000000000000000000",
    ["2011-04-07 08:00", "2011-04-10 08:00", "2011-04-13 08:00", "2011-04-16 08:00", "2011-04-25 08:00",
      "2011-04-28 08:00", "2011-05-01 08:00", "2011-05-04 08:00"]],
];

const window = { fromUtcMs: Date.UTC(1990, 0), toUtcMs: Date.UTC(2100, 0) };
const shown = (recurrence: Recurrence): string[] =>
  new Series(recurrence, utcZone).expand(window).map(({ start }) => localText(start));

test("golden bytes mean what the specification says, and are written again", () => {
  for (const [name, text, occurrences] of goldens) {
    const bytes = hex(text);
    const blob = decodeAppointmentRecur(bytes);
    assert.deepEqual(encodeAppointmentRecur(blob), bytes, name);
    const recurrence = recurrenceOf(blob);
    assert.deepEqual(shown(recurrence), occurrences, name);
    assert.deepEqual(encodeAppointmentRecur(blobOfRecurrence(recurrence, blob)), bytes, `${name}, by its meaning`);
    for (let size = 0; size < bytes.length; size++) {
      assert.throws(() => decodeAppointmentRecur(bytes.subarray(0, size)), WireError, `${name} cut at ${size}`);
    }
    const task = decodeTaskRecurrence(bytes);
    assert.equal(task.startDate, blob.recurrencePattern.startDate, name);
  }
});

test("the exception of the example, in full", () => {
  const recurrence = recurrenceOf(decodeAppointmentRecur(hex(goldens[1]![1])));
  assert.deepEqual(recurrence.deleted, []);
  assert.equal(recurrence.modified.length, 1);
  const { original, start, end, overrides } = recurrence.modified[0]!;
  assert.deepEqual([original, start, end].map(localText), ["2007-04-16 10:00", "2007-04-16 11:00", "2007-04-16 11:30"]);
  assert.equal(overrides.subject, "Simple Recurrence with exceptions");
  assert.equal(overrides.location, "34/4141");
});

test("what a later writer adds stays", () => {
  const blob = decodeAppointmentRecur(hex(goldens[1]![1]));
  const later = {
    ...blob, readerVersion2: 0x3007, writerVersion2: 0x3010, reservedBlock1: hex("01020304"), reservedBlock2: hex("aa"),
    recurrencePattern: { ...blob.recurrencePattern, writerVersion: 0x3005 }, trailing: hex("deadbeef"),
    extendedExceptions: [{ ...blob.extendedExceptions[0]!, changeHighlight: hex("030000000900"), reservedBlock1: hex("77") }],
  };
  const bytes = encodeAppointmentRecur(later);
  assert.deepEqual(encodeAppointmentRecur(decodeAppointmentRecur(bytes)), bytes);
  const again = blobOfRecurrence(recurrenceOf(decodeAppointmentRecur(bytes)), decodeAppointmentRecur(bytes));
  assert.deepEqual(encodeAppointmentRecur(again), bytes);
});

test("an old writer without change highlights", () => {
  const blob = decodeAppointmentRecur(hex(goldens[1]![1]));
  const [extended] = blob.extendedExceptions;
  const old = encodeAppointmentRecur({
    ...blob, writerVersion2: 0x3008, extendedExceptions: [{ ...extended!, changeHighlight: undefined }],
  });
  assert.equal(old.length, hex(goldens[1]![1]).length - 8);
  assert.equal(recurrenceOf(decodeAppointmentRecur(old)).modified[0]!.overrides.location, "34/4141");
});

const base: Recurrence = {
  frequency: "weekly", calendarType: 0, pattern: { kind: "weekly", weekdays: 2 }, interval: 1, firstDayOfWeek: 0,
  start: localFrom(2026, 11, 23, 10), durationMinutes: 60, end: { kind: "never" }, deleted: [], modified: [],
};

/** [MS-OXOCAL] 2.2.1.44.1.1 and the examples of 4.1.1. */
const firstDateTimes: [name: string, series: Partial<Recurrence>, expected: number][] = [
  ["every third day from 2011-04-07", { pattern: { kind: "daily" }, interval: 3, start: localFrom(2011, 4, 7) }, 1440],
  ["weekly, Sunday first", { start: localFrom(2007, 3, 26) }, 8640],
  ["weekly, Monday first", { start: localFrom(2007, 3, 26), firstDayOfWeek: 1 }, 0],
  ["every second week", { interval: 2, start: localFrom(2026, 11, 23) }, (localFrom(2026, 11, 22) % 20_160)],
  ["monthly", { pattern: { kind: "monthly", day: 5 }, start: localFrom(2026, 11, 5) }, 0],
  ["every second month, November", { pattern: { kind: "monthly", day: 5 }, interval: 2, start: localFrom(2026, 11, 5) }, 0],
  ["every third month, November", { pattern: { kind: "monthly", day: 5 }, interval: 3, start: localFrom(2026, 11, 5) },
    localFrom(1601, 2, 1)],
  ["yearly, November", { pattern: { kind: "monthly", day: 5 }, interval: 12, start: localFrom(2026, 11, 5) },
    localFrom(1601, 11, 1)],
  ["every second year, odd month count", { pattern: { kind: "monthly", day: 5 }, interval: 24,
    start: localFrom(2026, 11, 5) }, localFrom(1602, 11, 1)],
];

test("FirstDateTime", () => {
  for (const [name, series, expected] of firstDateTimes) {
    assert.equal(firstDateTimeOf({ ...base, ...series }), expected, name);
  }
});

test("FirstDateTime tells which weeks and months count when StartDate lies between them", () => {
  const every4Weeks = patternOfRecurrence({ ...base, interval: 4 });
  const later = { ...every4Weeks, startDate: every4Weeks.startDate + 7 * 1440 };
  assert.equal(localText(recurrenceOfPattern(later).start), "2026-12-21 00:00");
  const yearly = patternOfRecurrence({
    ...base, frequency: "yearly", pattern: { kind: "monthly", day: 5 }, interval: 12, start: localFrom(2026, 6, 5),
  });
  assert.equal(localText(recurrenceOfPattern({ ...yearly, startDate: localFrom(2026, 7, 1) }).start), "2027-06-05 00:00");
  const third = patternOfRecurrence({ ...base, pattern: { kind: "daily" }, interval: 3 });
  assert.equal(localText(recurrenceOfPattern({ ...third, startDate: third.startDate + 1440 }).start), "2026-11-26 00:00");
});

test("a Hijri series is kept byte for byte and not expanded", () => {
  const pattern = { ...patternOfRecurrence(base), recurFrequency: 0x200c, patternType: 0xa, calendarType: 6,
    patternTypeSpecific: { day: 9 }, firstDateTime: 1234, endType: 0x2022, occurrenceCount: 7, endDate: 226_000_000 };
  const blob = { ...blobOfRecurrence(base), recurrencePattern: pattern };
  const bytes = encodeAppointmentRecur(blob);
  const recurrence = recurrenceOf(decodeAppointmentRecur(bytes));
  assert.equal(recurrence.pattern.kind, "foreign");
  assert.deepEqual(encodeAppointmentRecur(blobOfRecurrence(recurrence, decodeAppointmentRecur(bytes))), bytes);
  assert.throws(() => new Series(recurrence, utcZone), { code: "notSupported" });
  const lunar = { ...blobOfRecurrence(base), recurrencePattern: { ...pattern, patternType: 2, calendarType: 0xf } };
  assert.equal(recurrenceOf(lunar).pattern.kind, "foreign");
});

const senseless: [name: string, change: Record<string, unknown>][] = [
  ["no weekdays", { patternTypeSpecific: { weekDays: 0 } }], ["no period", { period: 0 }],
  ["a part of a day", { patternType: 0, patternTypeSpecific: {}, period: 1000 }],
  ["day 32", { patternType: 2, patternTypeSpecific: { day: 32 } }],
  ["sixth Monday", { patternType: 3, patternTypeSpecific: { weekDays: 2, n: 6 } }],
  ["unknown end", { endType: 1 }], ["unknown frequency", { recurFrequency: 0x2000 }],
  ["week that begins on day 7", { firstDayOfWeek: 7 }],
];

test("fields that make no sense are refused", () => {
  for (const [name, change] of senseless) {
    const blob = { ...blobOfRecurrence(base), recurrencePattern: { ...patternOfRecurrence(base), ...change } };
    assert.throws(() => recurrenceOf(decodeAppointmentRecur(encodeAppointmentRecur(blob))), WireError, name);
  }
  assert.throws(() => recurrenceOf({ ...blobOfRecurrence(base), startTimeOffset: 1440 }), WireError);
  const unknownPattern = encodeAppointmentRecur(blobOfRecurrence(base));
  unknownPattern[6] = 9;
  assert.throws(() => decodeAppointmentRecur(unknownPattern), WireError);
});

const text = fc.string({ unit: "binary", maxLength: 12 });
const patterns: fc.Arbitrary<Pattern> = fc.oneof(
  fc.constant<Pattern>({ kind: "daily" }),
  fc.record({ kind: fc.constant("weekly" as const), weekdays: fc.integer({ min: 1, max: 127 }) }),
  fc.record({ kind: fc.constant("monthly" as const), day: fc.integer({ min: 1, max: 31 }) }),
  fc.record({
    kind: fc.constant("monthlyNth" as const), weekdays: fc.integer({ min: 1, max: 127 }),
    nth: fc.integer({ min: 1, max: 5 }),
  }),
  fc.constant<Pattern>({ kind: "monthEnd" }),
);
const optional = <T>(of: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(of, { nil: undefined });

/** Series whose start is the pattern's first occurrence, with some of its first occurrences deleted or moved. */
const seriesOf = fc.record({
  pattern: patterns, interval: fc.integer({ min: 1, max: 30 }), firstDayOfWeek: fc.integer({ min: 0, max: 6 }),
  day: fc.integer({ min: 140_000, max: 170_000 }), minute: fc.integer({ min: 0, max: 1439 }),
  durationMinutes: fc.integer({ min: 0, max: 3000 }),
  length: fc.option(fc.integer({ min: 1, max: 200 })),
  gone: fc.uniqueArray(fc.integer({ min: 0, max: 30 }), { maxLength: 5 }),
  moved: fc.uniqueArray(fc.integer({ min: 31, max: 60 }), { maxLength: 4 }),
  overrides: fc.record({
    subject: optional(text), location: optional(text), meetingType: optional(fc.nat()), reminderDelta: optional(fc.nat()),
    reminderSet: optional(fc.boolean()), busyStatus: optional(fc.nat(4)), hasAttachment: optional(fc.boolean()),
    isAllDay: optional(fc.boolean()), color: optional(fc.nat(10)), hasBody: optional(fc.constant(true)),
  }, { noNullPrototype: true }),
}).map(({ day, minute, length, gone, moved, overrides, ...fields }): Recurrence => {
  const rough: Recurrence = {
    ...fields, frequency: "weekly", calendarType: 0, start: day * 1440 + minute, deleted: [], modified: [],
    end: { kind: "never" },
  };
  const endless = new Series(rough, utcZone);
  const modified = moved.sort((one, other) => one - other).map((index): Modified => {
    const original = endless.originalAt(index);
    return { original, start: original + 30, end: original + 45, overrides };
  });
  return {
    ...rough, start: endless.originalAt(0), modified, deleted: gone.sort((a, b) => a - b).map((at) => endless.originalAt(at)),
    end: length === null ? { kind: "never" } : { kind: "count", count: length },
  };
});

test("a series written and read again is the same", () => {
  fc.assert(fc.property(seriesOf, (series) => {
    const bytes = encodeAppointmentRecur(blobOfRecurrence(series));
    assert.deepEqual(recurrenceOf(decodeAppointmentRecur(bytes)), structuredClone(series));
  }), { numRuns: 300 });
});

test("any value is read as it was written, and any bytes give a value or a WireError", () => {
  const values = arbitrary(AppointmentRecurrencePattern);
  fc.assert(fc.property(values, (value) => {
    const bytes = valueOrWireError(() => encodeAppointmentRecur(value));
    if (bytes === undefined) return;
    assert.deepEqual(encodeAppointmentRecur(decodeAppointmentRecur(bytes)), bytes);
    valueOrWireError(() => recurrenceOf(decodeAppointmentRecur(bytes)));
  }), { numRuns: 200 });
  const golden = hex(goldens[1]![1]);
  fc.assert(fc.property(fc.array(fc.tuple(fc.nat(golden.length - 1), fc.nat(255)), { maxLength: 4 }), (changes) => {
    const bytes = Buffer.from(golden);
    for (const [at, value] of changes) bytes[at] = value;
    const blob = valueOrWireError(() => decodeAppointmentRecur(bytes));
    if (blob !== undefined) valueOrWireError(() => recurrenceOf(blob));
  }), { numRuns: 500 });
});
