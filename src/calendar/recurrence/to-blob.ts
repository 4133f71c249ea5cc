/** A series written as the recurrence structures. */
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { endDateNever, endTypes, overrideFlags, patternTypes, recurFrequencies } from "#calendar/recurrence/blob.ts";
import type {
  AppointmentRecurrencePattern, ExceptionInfo, ExtendedException, RecurrencePattern,
} from "#calendar/recurrence/blob.ts";
import {
  dayOfLocal, daysFromCivil, midnightOf, minutesPerDay, monthIndexOfDays, monthOfMonthIndex, weekdayOfDays,
  yearOfMonthIndex,
} from "#calendar/zones/dates.ts";
import type { LocalMinutes } from "#calendar/zones/dates.ts";
import type { Modified, Overrides, Recurrence } from "#calendar/recurrence/model.ts";
import { dateAt, lengthOf, sequenceOf } from "#calendar/recurrence/sequence.ts";

/** OccurrenceCount of a series without end. [MS-OXOCAL] 2.2.1.44.1 */
const countNever = 10;

/** [MS-OXOCAL] 2.2.1.44.1.1 */
export function firstDateTimeOf({ pattern, interval, start, firstDayOfWeek }: Recurrence): number {
  if (pattern.kind === "foreign") return pattern.firstDateTime;
  const startDay = dayOfLocal(start);
  if (pattern.kind === "daily") return (startDay % interval) * minutesPerDay;
  if (pattern.kind === "weekly") {
    const week = startDay - ((weekdayOfDays(startDay) - firstDayOfWeek + 7) % 7);
    const modulus = interval * 7;
    return (((week % modulus) + modulus) % modulus) * minutesPerDay;
  }
  const month = monthIndexOfDays(startDay) % interval;
  return daysFromCivil(yearOfMonthIndex(month), monthOfMonthIndex(month), 1) * minutesPerDay;
}

function patternFields({ pattern }: Recurrence): Pick<RecurrencePattern, "patternType" | "patternTypeSpecific"> {
  switch (pattern.kind) {
    case "daily": return { patternType: patternTypes.day, patternTypeSpecific: {} };
    case "weekly": return { patternType: patternTypes.week, patternTypeSpecific: { weekDays: pattern.weekdays } };
    case "monthly": return { patternType: patternTypes.month, patternTypeSpecific: { day: pattern.day } };
    case "monthEnd": return { patternType: patternTypes.monthEnd, patternTypeSpecific: { day: 31 } };
    case "monthlyNth":
      return {
        patternType: patternTypes.monthNth, patternTypeSpecific: { weekDays: pattern.weekdays, n: pattern.nth },
      };
    case "foreign": return { patternType: pattern.patternType, patternTypeSpecific: pattern.specific };
  }
}

type EndFields = Pick<RecurrencePattern, "endType" | "occurrenceCount" | "endDate">;
const neverEnds: EndFields = { endType: endTypes.never, occurrenceCount: countNever, endDate: endDateNever };

function endFields(series: Recurrence): EndFields {
  const { end, pattern } = series;
  const endType = endTypes[end.kind];
  if (pattern.kind === "foreign") {
    return { endType, occurrenceCount: pattern.occurrenceCount, endDate: pattern.endDate };
  }
  if (end.kind === "never") return neverEnds;
  const sequence = sequenceOf(series, dayOfLocal(series.start));
  const length = lengthOf(sequence, end);
  if (length < 1) throw new Fault("invalidArgument", "a series that ends before it begins");
  const endDate = dateAt(sequence, length - 1);
  // What ends after the last date that can be told does not end.
  return endDate >= midnightOf(endDateNever) ? neverEnds : { endType, occurrenceCount: length, endDate };
}

/**
 * The RecurrencePattern of a series, as tasks have it. What a writer left in `previous` and the series does not tell is
 * kept. Throws Fault `invalidArgument` when the series cannot be written. [MS-OXOCAL] 2.2.1.44.1
 */
export function patternOfRecurrence(series: Recurrence, previous?: RecurrencePattern): RecurrencePattern {
  if (series.start < 0) throw new Fault("invalidArgument", "a series that begins before 1601");
  const replaced = [...series.deleted, ...series.modified.map(({ original }) => original)].map(midnightOf);
  if (replaced.length > limits.recurrenceExceptionsMax) throw new Fault("tooMany", "too many exceptions in one series");
  const ascending = (one: LocalMinutes, other: LocalMinutes): number => one - other;
  return {
    readerVersion: previous?.readerVersion ?? 0x3004, writerVersion: previous?.writerVersion ?? 0x3004,
    recurFrequency: recurFrequencies[series.frequency], calendarType: series.calendarType,
    ...patternFields(series), firstDateTime: firstDateTimeOf(series),
    period: series.pattern.kind === "daily" ? series.interval * minutesPerDay : series.interval,
    slidingFlag: previous?.slidingFlag ?? 0, firstDayOfWeek: series.firstDayOfWeek, ...endFields(series),
    deletedInstanceDates: [...new Set(replaced)].sort(ascending),
    modifiedInstanceDates: series.modified.map(({ start }) => midnightOf(start)).sort(ascending),
    startDate: midnightOf(series.start),
  };
}

const flagOf: readonly (readonly [keyof Overrides, number])[] = [
  ["subject", overrideFlags.subject], ["meetingType", overrideFlags.meetingType],
  ["reminderDelta", overrideFlags.reminderDelta], ["reminderSet", overrideFlags.reminder],
  ["location", overrideFlags.location], ["busyStatus", overrideFlags.busyStatus],
  ["hasAttachment", overrideFlags.attachment], ["isAllDay", overrideFlags.subType],
  ["color", overrideFlags.appointmentColor],
];

type ExceptionText = NonNullable<ExceptionInfo["subject"]>;

/** 8-bit text is for old readers; what it cannot say stands in the extended exception. */
function exceptionText(text: string | undefined): ExceptionText | undefined {
  if (text === undefined) return undefined;
  if (text.length > 0xfffe) throw new Fault("tooBig", "the text of an exception");
  return { sizeWithNul: text.length + 1, text: text.replaceAll(/[^\x00-\xff]/g, "?") };
}

const number = (value: boolean | undefined): number | undefined => (value === undefined ? undefined : value ? 1 : 0);

function exceptionOf({ original, start, end, overrides }: Modified): ExceptionInfo {
  let flags = overrides.hasBody === true ? overrideFlags.exceptionalBody : 0;
  for (const [name, flag] of flagOf) if (overrides[name] !== undefined) flags |= flag;
  return {
    startDateTime: start, endDateTime: end, originalStartDate: original, overrideFlags: flags,
    subject: exceptionText(overrides.subject), meetingType: overrides.meetingType,
    reminderDelta: overrides.reminderDelta, reminderSet: number(overrides.reminderSet),
    location: exceptionText(overrides.location), busyStatus: overrides.busyStatus,
    attachment: number(overrides.hasAttachment), subType: number(overrides.isAllDay),
    appointmentColor: overrides.color,
  };
}

const none = new Uint8Array(0);

function extendedOf(modified: Modified, previous: ExtendedException | undefined): ExtendedException {
  const { original, start, end, overrides: { subject, location } } = modified;
  const head = {
    changeHighlight: previous?.changeHighlight ?? new Uint8Array(4), reservedBlock1: previous?.reservedBlock1 ?? none,
  };
  if (subject === undefined && location === undefined) return head;
  return {
    ...head, startDateTime: start, endDateTime: end, originalStartDate: original, subject, location,
    reservedBlock2: previous?.reservedBlock2 ?? none,
  };
}

/**
 * The structure of PidLidAppointmentRecur. `previous` is what stood there before: what its writer put into fields that
 * the series does not tell stays. Throws Fault `invalidArgument` when the series cannot be written.
 * [MS-OXOCAL] 2.2.1.44.5
 */
export function blobOfRecurrence(
  series: Recurrence, previous?: AppointmentRecurrencePattern,
): AppointmentRecurrencePattern {
  const startTimeOffset = series.start - midnightOf(series.start);
  const modified = [...series.modified].sort((one, other) => one.start - other.start);
  const before = new Map<number, ExtendedException | undefined>();
  previous?.exceptions.forEach(({ originalStartDate }, index) => {
    before.set(midnightOf(originalStartDate), previous.extendedExceptions[index]);
  });
  return {
    recurrencePattern: patternOfRecurrence(series, previous?.recurrencePattern),
    readerVersion2: previous?.readerVersion2 ?? 0x3006, writerVersion2: Math.max(previous?.writerVersion2 ?? 0, 0x3009),
    startTimeOffset, endTimeOffset: startTimeOffset + series.durationMinutes,
    exceptions: modified.map(exceptionOf), reservedBlock1: previous?.reservedBlock1 ?? none,
    extendedExceptions: modified.map((one) => extendedOf(one, before.get(midnightOf(one.original)))),
    reservedBlock2: previous?.reservedBlock2 ?? none, trailing: previous?.trailing ?? none,
  };
}
