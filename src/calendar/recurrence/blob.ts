/**
 * The recurrence structures as they lie in PidLidAppointmentRecur and PidLidTaskRecurrence, little endian. Every byte
 * is kept: versions, reserved blocks and what stands after the end are values, so that decoding and encoding gives the
 * same bytes whoever wrote them.
 */
import { bytes, latin1, rest, utf16 } from "#codec/binary/bytes.ts";
import { decode, encode } from "#codec/binary/code.ts";
import { choose, hasFlag, listOf, mapped, struct, when, dynamic, countOf } from "#codec/binary/combine.ts";
import { u16, u32 } from "#codec/binary/numbers.ts";
import type { Of, Scope, Type } from "#codec/binary/type.ts";
import { WireError } from "#base/fault.ts";

/** Unit of the series. [MS-OXOCAL] 2.2.1.44.1 RecurFrequency */
export const recurFrequencies = { daily: 0x200a, weekly: 0x200b, monthly: 0x200c, yearly: 0x200d } as const;

/** What PatternTypeSpecific holds. [MS-OXOCAL] 2.2.1.44.1 PatternType */
export const patternTypes = {
  day: 0, week: 1, month: 2, monthNth: 3, monthEnd: 4, hijriMonth: 0xa, hijriMonthNth: 0xb, hijriMonthEnd: 0xc,
} as const;

/** [MS-OXOCAL] 2.2.1.44.1 EndType; some writers say never with 0xFFFFFFFF. */
export const endTypes = { date: 0x2021, count: 0x2022, never: 0x2023, neverToo: 0xffffffff } as const;

/** EndDate of a series without end: 4500-08-31 23:59. [MS-OXOCAL] 2.2.1.44.1 */
export const endDateNever = 0x5ae980df;

/** Which fields an exception overrides. [MS-OXOCAL] 2.2.1.44.2 OverrideFlags */
export const overrideFlags = {
  subject: 0x0001, meetingType: 0x0002, reminderDelta: 0x0004, reminder: 0x0008, location: 0x0010, busyStatus: 0x0020,
  attachment: 0x0040, subType: 0x0080, appointmentColor: 0x0100, exceptionalBody: 0x0200,
} as const;

/** From this WriterVersion2 on an extended exception begins with a change highlight. [MS-OXOCAL] 2.2.1.44.3 */
export const writerVersionHighlight = 0x3009;

const weekSpecific = struct({ weekDays: u32 });
const monthSpecific = struct({ day: u32 });
const monthNthSpecific = struct({ weekDays: u32, n: u32 });

/** [MS-OXOCAL] 2.2.1.44.1 */
export const RecurrencePattern = struct({
  readerVersion: u16, writerVersion: u16, recurFrequency: u16, patternType: u16, calendarType: u16,
  firstDateTime: u32, period: u32, slidingFlag: u32,
  patternTypeSpecific: choose("patternType", {
    [patternTypes.day]: struct({}), [patternTypes.week]: weekSpecific,
    [patternTypes.month]: monthSpecific, [patternTypes.monthNth]: monthNthSpecific,
    [patternTypes.monthEnd]: monthSpecific, [patternTypes.hijriMonth]: monthSpecific,
    [patternTypes.hijriMonthNth]: monthNthSpecific, [patternTypes.hijriMonthEnd]: monthSpecific,
  }),
  endType: u32, occurrenceCount: u32, firstDayOfWeek: u32,
  deletedInstanceDates: listOf(u32, u32), modifiedInstanceDates: listOf(u32, u32),
  startDate: u32, endDate: u32,
});
export type RecurrencePattern = Of<typeof RecurrencePattern>;

/** 8-bit text of an exception; the first of its two lengths counts a NUL that is not there. */
const exceptionText = struct({ sizeWithNul: u16, text: latin1(u16) });

/** [MS-OXOCAL] 2.2.1.44.2 */
export const ExceptionInfo = struct({
  startDateTime: u32, endDateTime: u32, originalStartDate: u32, overrideFlags: u16,
  subject: when(hasFlag("overrideFlags", overrideFlags.subject), exceptionText),
  meetingType: when(hasFlag("overrideFlags", overrideFlags.meetingType), u32),
  reminderDelta: when(hasFlag("overrideFlags", overrideFlags.reminderDelta), u32),
  reminderSet: when(hasFlag("overrideFlags", overrideFlags.reminder), u32),
  location: when(hasFlag("overrideFlags", overrideFlags.location), exceptionText),
  busyStatus: when(hasFlag("overrideFlags", overrideFlags.busyStatus), u32),
  attachment: when(hasFlag("overrideFlags", overrideFlags.attachment), u32),
  subType: when(hasFlag("overrideFlags", overrideFlags.subType), u32),
  appointmentColor: when(hasFlag("overrideFlags", overrideFlags.appointmentColor), u32),
});
export type ExceptionInfo = Of<typeof ExceptionInfo>;

const hasHighlight = (scope: Scope): boolean => scope.number("writerVersion2") >= writerVersionHighlight;

/** What an extended exception holds: its text parts follow the flags of the exception of the same place. */
export interface ExtendedException {
  /** ChangeHighlightValue (u32) and what a later version adds. */
  readonly changeHighlight?: Uint8Array | undefined;
  readonly reservedBlock1: Uint8Array;
  readonly startDateTime?: number | undefined;
  readonly endDateTime?: number | undefined;
  readonly originalStartDate?: number | undefined;
  readonly subject?: string | undefined;
  readonly location?: string | undefined;
  readonly reservedBlock2?: Uint8Array | undefined;
}

const highlight = { changeHighlight: when(hasHighlight, bytes(u32)), reservedBlock1: bytes(u32) };
const times = { startDateTime: u32, endDateTime: u32, originalStartDate: u32 };
const end = { reservedBlock2: bytes(u32) };

/** By the flags SUBJECT (1) and LOCATION (2). [MS-OXOCAL] 2.2.1.44.3 */
const extendedExceptions: readonly Type<ExtendedException>[] = [
  struct({ ...highlight }),
  struct({ ...highlight, ...times, subject: utf16(u16), ...end }),
  struct({ ...highlight, ...times, location: utf16(u16), ...end }),
  struct({ ...highlight, ...times, subject: utf16(u16), location: utf16(u16), ...end }),
];

function extendedExceptionOf(info: ExceptionInfo): Type<ExtendedException> {
  const subject = (info.overrideFlags & overrideFlags.subject) !== 0 ? 1 : 0;
  const location = (info.overrideFlags & overrideFlags.location) !== 0 ? 2 : 0;
  return extendedExceptions[subject + location]!;
}

/** One extended exception for each exception, each laid out as that one's flags say. */
const extendedExceptionList = dynamic<readonly ExtendedException[]>((scope) => {
  const infos = scope.get("exceptions") as readonly ExceptionInfo[];
  const fields = Object.fromEntries(infos.map((info, index) => [`[${index}]`, extendedExceptionOf(info)]));
  return mapped(
    struct(fields), (raw) => Object.values(raw) as ExtendedException[],
    (list): Record<string, ExtendedException> => {
      if (list.length !== infos.length) {
        throw new WireError(`${list.length} extended exceptions where ${infos.length} exceptions stand`, 0);
      }
      return Object.fromEntries(list.map((one, index) => [`[${index}]`, one]));
    },
  );
});

/** [MS-OXOCAL] 2.2.1.44.5 */
export const AppointmentRecurrencePattern = struct({
  recurrencePattern: RecurrencePattern,
  readerVersion2: u32, writerVersion2: u32, startTimeOffset: u32, endTimeOffset: u32,
  exceptionCount: countOf(u16, "exceptions"), exceptions: listOf("exceptionCount", ExceptionInfo),
  reservedBlock1: bytes(u32), extendedExceptions: extendedExceptionList, reservedBlock2: bytes(u32),
  /** Nothing, as a rule; whatever a writer put there stays. */
  trailing: rest,
});
export type AppointmentRecurrencePattern = Of<typeof AppointmentRecurrencePattern>;

/** The structure of PidLidAppointmentRecur. Throws WireError. [MS-OXOCAL] 2.2.1.44 */
export const decodeAppointmentRecur = (from: Uint8Array): AppointmentRecurrencePattern =>
  decode(AppointmentRecurrencePattern, from);

/** The bytes of PidLidAppointmentRecur. [MS-OXOCAL] 2.2.1.44 */
export const encodeAppointmentRecur = (value: AppointmentRecurrencePattern): Buffer =>
  encode(AppointmentRecurrencePattern, value);

/** The structure of PidLidTaskRecurrence, which ends where an appointment's goes on. [MS-OXOTASK] 2.2.2.2.15 */
export const decodeTaskRecurrence = (from: Uint8Array): RecurrencePattern =>
  decode(RecurrencePattern, from, { trailing: "ignore" });

/** The bytes of PidLidTaskRecurrence. [MS-OXOTASK] 2.2.2.2.15 */
export const encodeTaskRecurrence = (value: RecurrencePattern): Buffer => encode(RecurrencePattern, value);
