/** The meaning of the recurrence structures. */
import { WireError } from "#base/fault.ts";
import { endDateNever, endTypes, overrideFlags, patternTypes, recurFrequencies } from "#calendar/recurrence/blob.ts";
import type {
  AppointmentRecurrencePattern, ExceptionInfo, ExtendedException, RecurrencePattern,
} from "#calendar/recurrence/blob.ts";
import {
  dayOfLocal, daysFromCivil, midnightOf, minutesPerDay, monthIndexOfDays, monthOfMonthIndex, weekdayOfDays,
  yearOfMonthIndex,
} from "#calendar/zones/dates.ts";
import type { LocalMinutes } from "#calendar/zones/dates.ts";
import { isExpandable } from "#calendar/recurrence/model.ts";
import type { Frequency, Modified, Overrides, Pattern, Recurrence, SeriesEnd } from "#calendar/recurrence/model.ts";
import { sequenceOf } from "#calendar/recurrence/sequence.ts";

const specificOf = (from: RecurrencePattern): Record<string, number> =>
  from.patternTypeSpecific as Record<string, number>;

function refuse(field: string, value: number): never {
  throw new WireError(`${field} is ${value}`, 0, field);
}

function weekdaysOf(from: RecurrencePattern): number {
  const mask = specificOf(from)["weekDays"]! & 0x7f;
  return mask === 0 ? refuse("weekDays", specificOf(from)["weekDays"]!) : mask;
}

function patternOf(from: RecurrencePattern): Pattern {
  const specific = specificOf(from);
  switch (from.patternType) {
    case patternTypes.day: return { kind: "daily" };
    case patternTypes.week: return { kind: "weekly", weekdays: weekdaysOf(from) };
    case patternTypes.monthEnd: return { kind: "monthEnd" };
    case patternTypes.month: {
      const day = specific["day"]!;
      return day < 1 || day > 31 ? refuse("day", day) : { kind: "monthly", day };
    }
    case patternTypes.monthNth: {
      const nth = specific["n"]!;
      return nth < 1 || nth > 5 ? refuse("n", nth) : { kind: "monthlyNth", weekdays: weekdaysOf(from), nth };
    }
    default:
      return {
        kind: "foreign", patternType: from.patternType, specific: { ...specific },
        firstDateTime: from.firstDateTime, endDate: from.endDate, occurrenceCount: from.occurrenceCount,
      };
  }
}

/** Months of a calendar that is not expanded keep their fields whatever the pattern. */
function patternInCalendar(from: RecurrencePattern): Pattern {
  const pattern = patternOf(from);
  if (isExpandable({ pattern, calendarType: from.calendarType })) return pattern;
  return {
    kind: "foreign", patternType: from.patternType, specific: { ...specificOf(from) },
    firstDateTime: from.firstDateTime, endDate: from.endDate, occurrenceCount: from.occurrenceCount,
  };
}

function frequencyOf(from: RecurrencePattern): Frequency {
  const { daily, weekly, monthly, yearly } = recurFrequencies;
  if (from.recurFrequency === daily) return "daily";
  if (from.recurFrequency === weekly) return "weekly";
  if (from.recurFrequency === monthly) return "monthly";
  return from.recurFrequency === yearly ? "yearly" : refuse("recurFrequency", from.recurFrequency);
}

function intervalOf(from: RecurrencePattern): number {
  const isDaily = from.patternType === patternTypes.day;
  const interval = isDaily ? from.period / minutesPerDay : from.period;
  if (!Number.isInteger(interval) || interval < 1) return refuse("period", from.period);
  return interval;
}

/** How far `value` is past the last one that is congruent with `phase`. */
function past(value: number, phase: number, modulus: number): number {
  return (((value - phase) % modulus) + modulus) % modulus;
}

/**
 * The first day from StartDate on that the pattern may have: FirstDateTime tells which days, weeks or months count.
 * [MS-OXOCAL] 2.2.1.44.1.2
 */
function firstValidDay(from: RecurrencePattern, pattern: Pattern, interval: number): number {
  const startDay = dayOfLocal(from.startDate);
  const phaseDay = dayOfLocal(from.firstDateTime);
  if (pattern.kind === "daily") {
    const over = past(startDay, phaseDay, interval);
    return over === 0 ? startDay : startDay + interval - over;
  }
  if (pattern.kind === "weekly") {
    const week = startDay - past(weekdayOfDays(startDay), from.firstDayOfWeek, 7);
    const phase = phaseDay - past(weekdayOfDays(phaseDay), from.firstDayOfWeek, 7);
    const over = past(week, phase, interval * 7);
    return over === 0 ? startDay : week + interval * 7 - over;
  }
  const month = monthIndexOfDays(startDay);
  const over = past(month, monthIndexOfDays(phaseDay), interval);
  if (over === 0) return startDay;
  const valid = month + interval - over;
  return daysFromCivil(yearOfMonthIndex(valid), monthOfMonthIndex(valid), 1);
}

function endOf(from: RecurrencePattern): SeriesEnd {
  const { endType, endDate, occurrenceCount } = from;
  if (endType === endTypes.never || endType === endTypes.neverToo) return { kind: "never" };
  if (endType !== endTypes.date && endType !== endTypes.count) return refuse("endType", endType);
  if (endType === endTypes.count && occurrenceCount > 0) return { kind: "count", count: occurrenceCount };
  return endDate >= endDateNever - minutesPerDay ? { kind: "never" } : { kind: "date", lastDate: midnightOf(endDate) };
}

/**
 * A series from a RecurrencePattern alone, as tasks have it: it begins at the start of the first day. Throws WireError
 * when its fields make no sense. [MS-OXOCAL] 2.2.1.44.1
 */
export function recurrenceOfPattern(from: RecurrencePattern, startTimeOffset = 0, durationMinutes = 0): Recurrence {
  if (from.firstDayOfWeek > 6) refuse("firstDayOfWeek", from.firstDayOfWeek);
  const pattern = patternInCalendar(from);
  const interval = intervalOf(from);
  const series = { pattern, interval, calendarType: from.calendarType, firstDayOfWeek: from.firstDayOfWeek };
  let firstDay = dayOfLocal(from.startDate);
  if (pattern.kind !== "foreign") firstDay = sequenceOf(series, firstValidDay(from, pattern, interval)).dayAt(0);
  const deleted = [...new Set(from.deletedInstanceDates.map(midnightOf))].sort((one, other) => one - other);
  return {
    ...series, frequency: frequencyOf(from), start: firstDay * minutesPerDay + startTimeOffset, durationMinutes,
    end: endOf(from), deleted: deleted.map((date) => date + startTimeOffset), modified: [],
  };
}

function overridesOf(info: ExceptionInfo, extended: ExtendedException | undefined): Overrides {
  return {
    subject: extended?.subject ?? info.subject?.text, location: extended?.location ?? info.location?.text,
    meetingType: info.meetingType, reminderDelta: info.reminderDelta,
    reminderSet: info.reminderSet === undefined ? undefined : info.reminderSet !== 0,
    busyStatus: info.busyStatus, hasAttachment: info.attachment === undefined ? undefined : info.attachment !== 0,
    isAllDay: info.subType === undefined ? undefined : info.subType !== 0, color: info.appointmentColor,
    hasBody: (info.overrideFlags & overrideFlags.exceptionalBody) !== 0 ? true : undefined,
  };
}

/** The series of PidLidAppointmentRecur. Throws WireError when its fields make no sense. [MS-OXOCAL] 2.2.1.44.5 */
export function recurrenceOf(from: AppointmentRecurrencePattern): Recurrence {
  const { startTimeOffset, endTimeOffset, exceptions, extendedExceptions } = from;
  if (startTimeOffset >= minutesPerDay) refuse("startTimeOffset", startTimeOffset);
  const durationMinutes = Math.max(0, endTimeOffset - startTimeOffset);
  const series = recurrenceOfPattern(from.recurrencePattern, startTimeOffset, durationMinutes);
  const modified = new Map<LocalMinutes, Modified>();
  exceptions.forEach((info, index) => {
    const original = midnightOf(info.originalStartDate) + startTimeOffset;
    const { startDateTime: start, endDateTime } = info;
    const overrides = overridesOf(info, extendedExceptions[index]);
    modified.set(original, { original, start, end: Math.max(start, endDateTime), overrides });
  });
  return {
    ...series, deleted: series.deleted.filter((original) => !modified.has(original)),
    modified: [...modified.values()].sort((one, other) => one.original - other.original),
  };
}
