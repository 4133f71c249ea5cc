/** Where an item stands in time, told from its properties: the columns of `item_time`. Pure. */
import { WireError } from "#base/fault.ts";
import { decodeAppointmentRecur, decodeTaskRecurrence, endTypes } from "#calendar/recurrence/blob.ts";
import { getProperty } from "#convert/item.ts";
import { withExceptionDate } from "#convert/ical/global-object-id.ts";
import { msOf } from "#mailbox/items/describe.ts";
import { properties } from "#props/registry.ts";
import type { RecurrencePattern } from "#calendar/recurrence/blob.ts";
import type { ItemObject } from "#convert/item.ts";

const p = properties;

export interface ItemTime {
  readonly startMs: number | null;
  readonly endMs: number | null;
  readonly isRecurring: boolean;
  readonly busyStatus: number | null;
  readonly globalObjectId: Uint8Array | null;
  readonly reminderMs: number | null;
}

/** null for what stands nowhere in time. */
export function timeOf(item: ItemObject): ItemTime | null {
  const messageClass = getProperty(item, p.PidTagMessageClass) ?? "";
  const reminderMs = reminderOf(item);
  if (/^IPM\.(?:Appointment|Schedule\.Meeting)(?:\.|$)/i.test(messageClass)) return appointmentTime(item, reminderMs);
  if (/^IPM\.Task(?:Request)?(?:\.|$)/i.test(messageClass)) return taskTime(item, reminderMs);
  if (reminderMs === null) return null;
  return { startMs: null, endMs: null, isRecurring: false, busyStatus: null, globalObjectId: null, reminderMs };
}

/** PidLidReminderSignalTime says it; clients that do not set it leave the time and how long before. [MS-OXORMDR] */
function reminderOf(item: ItemObject): number | null {
  if (getProperty(item, p.PidLidReminderSet) !== true) return null;
  const signal = msOf(getProperty(item, p.PidLidReminderSignalTime));
  if (signal !== null) return signal;
  const time = msOf(getProperty(item, p.PidLidReminderTime));
  const delta = getProperty(item, p.PidLidReminderDelta) ?? 0;
  return time === null ? null : time - (delta === unsetDelta ? defaultDelta : delta) * minuteMs;
}

/** A delta that stands for the person's default. [MS-OXORMDR] 2.2.1.3 */
const unsetDelta = 0x5ae980e1;
const defaultDelta = 15;
const minuteMs = 60_000;

function appointmentTime(item: ItemObject, reminderMs: number | null): ItemTime {
  const startMs = msOf(getProperty(item, p.PidLidAppointmentStartWhole)) ?? msOf(getProperty(item, p.PidTagStartDate));
  const endMs = msOf(getProperty(item, p.PidLidAppointmentEndWhole)) ?? msOf(getProperty(item, p.PidTagEndDate));
  const blob = getProperty(item, p.PidLidAppointmentRecur);
  const isRecurring = blob !== undefined && blob.length > 0 && getProperty(item, p.PidLidRecurring) !== false;
  const object = getProperty(item, p.PidLidCleanGlobalObjectId) ?? getProperty(item, p.PidLidGlobalObjectId);
  const range = isRecurring ? seriesRange(blob) : null;
  const earlier = range === null || startMs === null ? startMs : Math.min(startMs, range.firstMs);
  return {
    startMs: earlier, endMs: isRecurring ? range?.lastMs ?? null : endMs, isRecurring,
    busyStatus: getProperty(item, p.PidLidBusyStatus) ?? null,
    globalObjectId: object === undefined || object.length === 0 || object.length > objectIdMax ? null
      : Uint8Array.from(withExceptionDate(object)),
    reminderMs,
  };
}

/** An ordered index of PostgreSQL refuses longer values; real ones have about a hundred bytes. */
const objectIdMax = 2048;

function taskTime(item: ItemObject, reminderMs: number | null): ItemTime {
  const dueMs = msOf(getProperty(item, p.PidLidTaskDueDate));
  const blob = getProperty(item, p.PidLidTaskRecurrence);
  const isRecurring = getProperty(item, p.PidLidTaskFRecurring) === true && blob !== undefined;
  return {
    startMs: msOf(getProperty(item, p.PidLidTaskStartDate)) ?? dueMs,
    endMs: isRecurring ? taskEnd(blob, dueMs) : dueMs,
    isRecurring, busyStatus: null, globalObjectId: null, reminderMs,
  };
}

/** Local times of an unknown zone are no further from UTC than this. */
const zoneMaxMs = 15 * 3_600_000;
const epochMinutes = 11_644_473_600_000 / minuteMs;

function utcOf(localMinutes: number): number {
  return (localMinutes - epochMinutes) * minuteMs;
}

/**
 * Before an occurrence that was moved to before the first, and after the last, changed ones included: wide by as much
 * as a zone may be off, since a window query is answered by expanding the series anyway. null for a pattern that cannot
 * be read.
 */
function seriesRange(blob: Uint8Array): { firstMs: number; lastMs: number | null } | null {
  try {
    const { recurrencePattern, startTimeOffset, endTimeOffset, exceptions } = decodeAppointmentRecur(blob);
    let last = lastDayOf(recurrencePattern);
    if (last !== null) last += Math.max(0, endTimeOffset);
    const regular = recurrencePattern.startDate + startTimeOffset;
    let first = regular;
    for (const { startDateTime, endDateTime } of exceptions) {
      first = Math.min(first, startDateTime);
      if (last !== null) last = Math.max(last, endDateTime);
    }
    return {
      firstMs: first < regular ? utcOf(first) - zoneMaxMs : Infinity,
      lastMs: last === null ? null : utcOf(last) + zoneMaxMs,
    };
  } catch (error) {
    if (error instanceof WireError) return null;
    throw error;
  }
}

function lastDayOf({ endType, endDate }: RecurrencePattern): number | null {
  return endType === endTypes.never || endType === endTypes.neverToo ? null : endDate;
}

function taskEnd(blob: Uint8Array, dueMs: number | null): number | null {
  try {
    const last = lastDayOf(decodeTaskRecurrence(blob));
    return last === null ? null : Math.max(utcOf(last) + 24 * 3_600_000 + zoneMaxMs, dueMs ?? 0);
  } catch (error) {
    if (error instanceof WireError) return dueMs;
    throw error;
  }
}
