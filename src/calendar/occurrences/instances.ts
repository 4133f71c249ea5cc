/** The instances of appointments in a window: single ones, occurrences of series, and their changed ones. */
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { busyStatusOf, reminderDeltaOf } from "#calendar/occurrences/appointment.ts";
import type { Appointment } from "#calendar/occurrences/appointment.ts";
import type { Occurrence, Window } from "#calendar/recurrence/expand.ts";
import type { Modified } from "#calendar/recurrence/model.ts";
import { epochOffsetMs } from "#calendar/zones/dates.ts";
import type { LocalMinutes } from "#calendar/zones/dates.ts";
import { isException } from "#convert/ical/attachments.ts";
import { getProperty } from "#convert/item.ts";
import type { ItemBag } from "#convert/item.ts";
import { properties } from "#props/registry.ts";

const p = properties;

export interface Instance {
  readonly appointment: Appointment;
  readonly startUtcMs: number;
  readonly endUtcMs: number;
  /** What names it in its series, on the series' wall clock; undefined for a single appointment. */
  readonly original: LocalMinutes | undefined;
  /** What it has of its own; undefined for one as the series has it. */
  readonly modified: Modified | undefined;
  readonly busyStatus: number;
  readonly isAllDay: boolean;
}

const inWindow = (startUtcMs: number, endUtcMs: number, { fromUtcMs, toUtcMs }: Window): boolean =>
  startUtcMs < toUtcMs && (endUtcMs > fromUtcMs || (endUtcMs === startUtcMs && startUtcMs >= fromUtcMs));

function single(appointment: Appointment): Instance {
  const { startUtcMs, endUtcMs, busyStatus, isAllDay } = appointment;
  return { appointment, startUtcMs, endUtcMs, original: undefined, modified: undefined, busyStatus, isAllDay };
}

function instanceOf(appointment: Appointment, occurrence: Occurrence): Instance {
  const { startUtcMs, endUtcMs, original, modified } = occurrence;
  const own = modified?.overrides;
  return {
    appointment, startUtcMs, endUtcMs, original, modified,
    busyStatus: own?.busyStatus === undefined ? appointment.busyStatus : busyStatusOf(own.busyStatus),
    isAllDay: own?.isAllDay ?? appointment.isAllDay,
  };
}

/** In order of their starts. Throws Fault `tooMany` above `max`. [MS-OXOCAL] 2.2.1.44 */
export function instancesOf(
  appointment: Appointment, window: Window, max: number = limits.occurrencesPerExpansionMax,
): Instance[] {
  const { series, startUtcMs, endUtcMs } = appointment;
  if (series === undefined) return inWindow(startUtcMs, endUtcMs, window) ? [single(appointment)] : [];
  return series.expand(window, max).map((occurrence) => instanceOf(appointment, occurrence));
}

/** Of a whole calendar, in order of their starts. Throws Fault `tooMany` above `max`. */
export function instancesOfAll(
  appointments: Iterable<Appointment>, window: Window, max: number = limits.calendarInstancesMax,
): Instance[] {
  const found: Instance[] = [];
  for (const appointment of appointments) {
    for (const instance of instancesOf(appointment, window, Math.min(max, limits.occurrencesPerExpansionMax))) {
      if (found.length >= max) throw new Fault("tooMany", `more than ${max} appointments in one window`);
      found.push(instance);
    }
  }
  return found.sort((one, other) => one.startUtcMs - other.startUtcMs || one.endUtcMs - other.endUtcMs);
}

/** From an instant on, earliest start first, as far as the caller goes on. */
export function* instancesFrom(appointment: Appointment, utcMs: number): Generator<Instance, undefined> {
  const { series } = appointment;
  if (series === undefined) {
    if (appointment.startUtcMs >= utcMs) yield single(appointment);
    return undefined;
  }
  for (const occurrence of series.from(utcMs)) yield instanceOf(appointment, occurrence);
  return undefined;
}

/** The changed occurrences of a series, in order of their originals. [MS-OXOCAL] 2.2.1.44.2 */
export function changedInstancesOf(appointment: Appointment): Instance[] {
  const { series } = appointment;
  if (series === undefined) return [];
  return series.recurrence.modified.map((modified) => {
    const { original, start, end } = modified;
    const startUtcMs = series.zone.toUtc(start);
    const endUtcMs = Math.max(startUtcMs, series.zone.toUtc(end));
    return instanceOf(appointment, { original, start, end, startUtcMs, endUtcMs, modified });
  });
}

/** The instance that an original start names; undefined when it is deleted or there is none. [MS-OXOCAL] 2.2.1.27 */
export function instanceNamed(appointment: Appointment, original: LocalMinutes): Instance | undefined {
  const occurrence = appointment.series?.occurrenceOf(original);
  return occurrence === undefined ? undefined : instanceOf(appointment, occurrence);
}

/** From the first start to the last end, for an index; Infinity for what never ends, undefined for what has none. */
export function extentOf(appointment: Appointment): Window | undefined {
  const { series, startUtcMs, endUtcMs } = appointment;
  if (series === undefined) return { fromUtcMs: startUtcMs, toUtcMs: endUtcMs };
  const first = series.first();
  if (first === undefined) return undefined;
  return { fromUtcMs: first.startUtcMs, toUtcMs: series.last()?.endUtcMs ?? Number.POSITIVE_INFINITY };
}

/** Whether it is one of a series. */
export const isOccurrence = ({ original }: Instance): boolean => original !== undefined;

export const subjectOf = ({ appointment, modified }: Instance): string =>
  modified?.overrides.subject ?? appointment.subject;

export const locationOf = ({ appointment, modified }: Instance): string =>
  modified?.overrides.location ?? appointment.location;

/** A series without reminders has none in any occurrence. [MS-OXORMDR] 2.2.1.1 */
export const reminderSetOf = ({ appointment, modified }: Instance): boolean =>
  appointment.reminderSet && (modified?.overrides.reminderSet ?? true);

/** Minutes. [MS-OXORMDR] 2.2.1.3 */
export function reminderMinutesOf({ appointment, modified }: Instance): number {
  const own = modified?.overrides.reminderDelta;
  return own === undefined ? appointment.reminderDelta : reminderDeltaOf(own);
}

/**
 * The embedded messages of changed occurrences by the instant that each replaces, which is its original start on the
 * wall clock of the item's own zone. [MS-OXOCAL] 2.2.10.1
 */
export function exceptionItemsOf({ item }: Appointment): ReadonlyMap<number, ItemBag> {
  const found = new Map<number, ItemBag>();
  for (const attachment of item.attachments) {
    if (attachment.embedded === undefined || !isException(attachment)) continue;
    const time = getProperty(attachment.embedded, p.PidLidExceptionReplaceTime) ??
      getProperty(attachment, p.PidTagExceptionReplaceTime);
    if (time !== undefined) found.set(Number(time / 10_000n) - epochOffsetMs, attachment.embedded);
  }
  return found;
}

/**
 * The embedded message of a changed occurrence; undefined when it has none. Whoever asks for many gathers `items`
 * once. [MS-OXOCAL] 2.2.10.1
 */
export function exceptionItemOf(
  { appointment, original, modified }: Instance, items: ReadonlyMap<number, ItemBag> = exceptionItemsOf(appointment),
): ItemBag | undefined {
  if (original === undefined || modified === undefined) return undefined;
  return items.get(appointment.ownZone.toUtc(original));
}
