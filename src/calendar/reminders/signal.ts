/**
 * When the reminder of an appointment is due next. A series has one signal time for all its occurrences: whoever
 * dismisses one moves it to the next. [MS-OXORMDR] 2.2.1, 3.1.4
 */
import {
  changedInstancesOf, instancesFrom, reminderMinutesOf, reminderSetOf,
} from "#calendar/occurrences/instances.ts";
import type { Appointment } from "#calendar/occurrences/appointment.ts";
import type { Instance } from "#calendar/occurrences/instances.ts";
import { epochOffsetMs, msOfYear } from "#calendar/zones/dates.ts";
import type { LocalMinutes } from "#calendar/zones/dates.ts";
import { getProperty, setProperty } from "#convert/item.ts";
import type { ItemObject } from "#convert/item.ts";
import { properties } from "#props/registry.ts";

const p = properties;

/** The properties of a reminder. [MS-OXORMDR] 2.2.1 */
export interface Reminder {
  readonly isSet: boolean;
  /** PidLidReminderTime: of an appointment its start, of all else the first signal. */
  readonly timeUtcMs: number;
  /** PidLidReminderSignalTime. */
  readonly signalUtcMs: number;
}

/** PidLidReminderSignalTime of a series that has nothing more to remind of: 4501-01-01. [MS-OXOCAL] 2.2.10.1 */
export const neverSignalUtcMs = msOfYear(4501);

const signalOf = (instance: Instance): number => instance.startUtcMs - reminderMinutesOf(instance) * 60_000;

const reminderFor = (instance: Instance): Reminder =>
  ({ isSet: true, timeUtcMs: instance.startUtcMs, signalUtcMs: signalOf(instance) });

function earlier(one: Instance | undefined, other: Instance | undefined): Instance | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return signalOf(other) < signalOf(one) ? other : one;
}

/** The changed occurrence of the earliest signal that the test lets through. */
function firstChanged(appointment: Appointment, test: (instance: Instance) => boolean): Instance | undefined {
  let first: Instance | undefined;
  for (const instance of changedInstancesOf(appointment)) {
    if (reminderSetOf(instance) && test(instance)) first = earlier(first, instance);
  }
  return first;
}

/** The plain occurrence that begins first, at `utcMs` or later. */
function firstPlain(appointment: Appointment, utcMs: number): Instance | undefined {
  for (const instance of instancesFrom(appointment, utcMs)) if (instance.modified === undefined) return instance;
  return undefined;
}

/** The instance with the earliest signal after an instant; undefined when none is left. */
export function nextSignalled(appointment: Appointment, afterUtcMs: number): Instance | undefined {
  if (!appointment.reminderSet) return undefined;
  const plain = firstPlain(appointment, afterUtcMs + appointment.reminderDelta * 60_000 + 1);
  return earlier(plain, firstChanged(appointment, (instance) => signalOf(instance) > afterUtcMs));
}

/** The instance that has not begun and whose signal is earliest: for an appointment that is new to its calendar. */
function nextToBegin(appointment: Appointment, nowUtcMs: number): Instance | undefined {
  return earlier(firstPlain(appointment, nowUtcMs + 1), firstChanged(appointment, (one) => one.startUtcMs > nowUtcMs));
}

const off = (appointment: Appointment): Reminder => ({
  isSet: false, timeUtcMs: appointment.startUtcMs,
  signalUtcMs: appointment.startUtcMs - appointment.reminderDelta * 60_000,
});

/** A series stays ready to remind, for the day it is made longer. */
const spent = (appointment: Appointment): Reminder =>
  ({ isSet: true, timeUtcMs: appointment.startUtcMs, signalUtcMs: neverSignalUtcMs });

/**
 * The reminder of a new appointment, or of one whose reminder was just set: of a series the first occurrence that has
 * not begun. A single one keeps its own signal, past or not. [MS-OXORMDR] 3.1.4.1.3
 */
export function newReminder(appointment: Appointment, nowUtcMs: number): Reminder {
  if (!appointment.reminderSet) return off(appointment);
  if (appointment.series === undefined) return { ...off(appointment), isSet: true };
  const next = nextToBegin(appointment, nowUtcMs);
  return next === undefined ? spent(appointment) : reminderFor(next);
}

/** What stands in the item now. [MS-OXORMDR] 2.2.1 */
export function reminderOf(appointment: Appointment): Reminder {
  const { item } = appointment;
  const time = getProperty(item, p.PidLidReminderTime);
  const signal = getProperty(item, p.PidLidReminderSignalTime);
  const standard = off(appointment);
  return {
    isSet: appointment.reminderSet, timeUtcMs: time === undefined ? standard.timeUtcMs : instantOf(time),
    signalUtcMs: signal === undefined ? standard.signalUtcMs : instantOf(signal),
  };
}

/**
 * After the user has dismissed it: a single appointment reminds no more, a series of its next occurrence. Occurrences
 * whose own signal passed while this one was waiting are dismissed with it. [MS-OXORMDR] 3.1.4
 */
export function dismissed(appointment: Appointment, nowUtcMs: number): Reminder {
  const before = reminderOf(appointment);
  if (!before.isSet || appointment.series === undefined) return { ...before, isSet: false };
  const handledUtcMs = before.signalUtcMs >= neverSignalUtcMs ? nowUtcMs : Math.max(nowUtcMs, before.signalUtcMs);
  const next = nextSignalled(appointment, handledUtcMs);
  return next === undefined ? spent(appointment) : reminderFor(next);
}

/**
 * Put off until an instant. Of a series past the next occurrence's own signal it is dismissed, and the next one waits,
 * as a series has one signal only. [MS-OXORMDR] 3.1.4
 */
export function snoozed(appointment: Appointment, untilUtcMs: number, nowUtcMs: number): Reminder {
  const before = reminderOf(appointment);
  if (!before.isSet) return before;
  const next = appointment.series === undefined ? undefined : nextSignalled(appointment, nowUtcMs);
  if (next !== undefined && untilUtcMs >= signalOf(next)) return reminderFor(next);
  return { ...before, signalUtcMs: Math.max(untilUtcMs, nowUtcMs) };
}

/**
 * After the appointment or one of its occurrences has changed. `before` is the reminder as it stood: what was
 * dismissed by then stays so, what waits for the user goes on waiting, unless its time is another one now. `changed`
 * are the originals whose time or reminder is new; they remind as long as they have not begun.
 */
export function afterChange(
  appointment: Appointment, before: Reminder, nowUtcMs: number, changed: readonly LocalMinutes[] = [],
): Reminder {
  if (!appointment.reminderSet || !before.isSet) return newReminder(appointment, nowUtcMs);
  if (appointment.series === undefined) {
    const plain = newReminder(appointment, nowUtcMs);
    return plain.timeUtcMs === before.timeUtcMs && plain.signalUtcMs < before.signalUtcMs ? before : plain;
  }
  const handledUtcMs = before.signalUtcMs <= nowUtcMs ? before.signalUtcMs - 1 : nowUtcMs;
  let next = nextSignalled(appointment, handledUtcMs);
  const originals = new Set(changed);
  const isNew = ({ original, startUtcMs }: Instance): boolean => originals.has(original!) && startUtcMs > nowUtcMs;
  if (originals.size > 0) next = earlier(next, firstChanged(appointment, isNew));
  return next === undefined ? spent(appointment) : reminderFor(next);
}

const instantOf = (time: bigint): number => Number(time / 10_000n) - epochOffsetMs;
const timeOf = (utcMs: number): bigint => BigInt(Math.trunc(utcMs) + epochOffsetMs) * 10_000n;

/** Writes a reminder into its item. [MS-OXORMDR] 2.2.1 */
export function setReminder(item: ItemObject, { isSet, timeUtcMs, signalUtcMs }: Reminder): void {
  setProperty(item, p.PidLidReminderSet, isSet);
  setProperty(item, p.PidLidReminderTime, timeOf(timeUtcMs));
  setProperty(item, p.PidLidReminderSignalTime, timeOf(signalUtcMs));
}

/** The reminder of a task or a flagged message; undefined when it never had one. [MS-OXORMDR] 2.2.1 */
export function plainReminderOf(item: ItemObject): Reminder | undefined {
  const time = getProperty(item, p.PidLidReminderTime);
  const signal = getProperty(item, p.PidLidReminderSignalTime) ?? time;
  if (signal === undefined) return undefined;
  return {
    isSet: getProperty(item, p.PidLidReminderSet) === true,
    timeUtcMs: instantOf(time ?? signal), signalUtcMs: instantOf(signal),
  };
}

/**
 * Dismisses the reminder of a task or a flagged message. The next one of a recurring task reminds again.
 * [MS-OXORMDR] 3.1.4, [MS-OXOTASK] 2.2.2.2.6
 */
export function dismissPlain(item: ItemObject): void {
  if (getProperty(item, p.PidLidReminderSet) !== true) return;
  setProperty(item, p.PidLidReminderSet, false);
  if (getProperty(item, p.PidLidTaskFRecurring) === true) setProperty(item, p.PidLidTaskResetReminder, true);
}

/** Puts the reminder of a task or a flagged message off. [MS-OXORMDR] 3.1.4 */
export function snoozePlain(item: ItemObject, untilUtcMs: number): void {
  if (getProperty(item, p.PidLidReminderSet) !== true) return;
  setProperty(item, p.PidLidReminderSignalTime, timeOf(untilUtcMs));
}
