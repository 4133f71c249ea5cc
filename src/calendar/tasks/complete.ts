/** A task that is done, and the next one of its series. [MS-OXOTASK] 2.2.2.2, 3.1.4 */
import { nextTask, taskSeriesOf } from "#calendar/tasks/series.ts";
import type { NextTask } from "#calendar/tasks/series.ts";
import { midnightOf } from "#calendar/zones/dates.ts";
import type { LocalMinutes } from "#calendar/zones/dates.ts";
import type { Zone } from "#calendar/zones/zone.ts";
import { getProperty, namedKey, setProperty } from "#convert/item.ts";
import type { ItemBag } from "#convert/item.ts";
import { localOfTime, localTime, utcOfTime, utcTime } from "#convert/todo/calendar.ts";
import { taskStatusComplete } from "#convert/todo/fields.ts";
import { properties } from "#props/registry.ts";

const p = properties;

export interface CompletedTask {
  /** The one that is done: of a series a copy that stays behind. */
  readonly done: ItemBag;
  /** What the item itself becomes; undefined when the series is over or there is none, and the item is `done`. */
  readonly next: ItemBag | undefined;
}

const copyOf = (item: ItemBag): ItemBag => ({
  bag: new Map(item.bag), named: new Map(item.named), recipients: [...item.recipients],
  attachments: [...item.attachments],
});

/** [MS-OXOTASK] 2.2.2.2.2, 2.2.2.2.3, 2.2.2.2.9, 2.2.2.2.20 */
function markDone(item: ItemBag, doneUtcMs: number, own: Zone): void {
  setProperty(item, p.PidLidTaskStatus, taskStatusComplete);
  setProperty(item, p.PidLidPercentComplete, 1);
  setProperty(item, p.PidLidTaskComplete, true);
  setProperty(item, p.PidLidTaskDateCompleted, utcTime(own.toUtc(midnightOf(own.toLocal(doneUtcMs)))));
  setProperty(item, p.PidLidReminderSet, false);
}

/** A date that stands for none. [MS-OXOTASK] 2.2.2.2.4 */
const noDateMinutes = 0x5ae980e0;

/** The day of a task's date, midnight; undefined for none. [MS-OXOTASK] 2.2.2.2.4, 2.2.2.2.5 */
function dayOf(
  item: ItemBag, which: typeof p.PidLidTaskStartDate | typeof p.PidLidTaskDueDate,
): LocalMinutes | undefined {
  const time = getProperty(item, which);
  const local = time === undefined ? noDateMinutes : localOfTime(time);
  return local >= noDateMinutes ? undefined : midnightOf(local);
}

/** The day that the series counts for a task: its start, else the day it is due. [MS-OXOTASK] 2.2.2.2.4, 2.2.2.2.5 */
const dateOf = (item: ItemBag): LocalMinutes | undefined =>
  dayOf(item, p.PidLidTaskStartDate) ?? dayOf(item, p.PidLidTaskDueDate);

/** Days of a task and its reminder that much later on the wall clock. */
function moveBy(item: ItemBag, minutes: number, own: Zone): void {
  for (const [day, instant] of [
    [p.PidLidTaskStartDate, p.PidLidCommonStart], [p.PidLidTaskDueDate, p.PidLidCommonEnd],
  ] as const) {
    const date = dayOf(item, day);
    if (date === undefined) continue;
    const moved = date + minutes;
    setProperty(item, day, localTime(moved));
    setProperty(item, instant, utcTime(own.toUtc(moved)));
  }
  const reminder = getProperty(item, p.PidLidReminderTime);
  const isWanted = getProperty(item, p.PidLidReminderSet) === true ||
    getProperty(item, p.PidLidTaskResetReminder) === true;
  setProperty(item, p.PidLidTaskResetReminder, false);
  if (reminder === undefined || !isWanted) return;
  const moved = utcTime(own.toUtc(own.toLocal(utcOfTime(reminder)) + minutes));
  setProperty(item, p.PidLidReminderSet, true);
  setProperty(item, p.PidLidReminderTime, moved);
  setProperty(item, p.PidLidReminderSignalTime, moved);
}

/** The item as the next task of its series, not begun. [MS-OXOTASK] 3.1.4 */
function asNext(from: ItemBag, found: NextTask, minutes: number, own: Zone): ItemBag {
  const item = copyOf(from);
  moveBy(item, minutes, own);
  setProperty(item, p.PidLidTaskRecurrence, found.blob);
  setProperty(item, p.PidLidTaskFRecurring, true);
  setProperty(item, p.PidLidTaskDeadOccurrence, found.isLast);
  setProperty(item, p.PidLidTaskStatus, 0);
  setProperty(item, p.PidLidPercentComplete, 0);
  setProperty(item, p.PidLidTaskComplete, false);
  item.named.delete(namedKey(p.PidLidTaskDateCompleted.named));
  return item;
}

interface Found {
  readonly next: NextTask;
  /** How far its days move. */
  readonly minutes: number;
}

function findNext(item: ItemBag, doneUtcMs: number, own: Zone): Found | undefined {
  const series = taskSeriesOf(item);
  const date = dateOf(item);
  const isDead = getProperty(item, p.PidLidTaskDeadOccurrence) === true;
  if (series === undefined || date === undefined || isDead) return undefined;
  const next = nextTask(series, date, midnightOf(own.toLocal(doneUtcMs)));
  if (next === undefined) return undefined;
  // What regenerates is due so long after it was done; the start keeps its distance.
  const due = dayOf(item, p.PidLidTaskDueDate);
  const counted = series.regenerates && due !== undefined ? due : date;
  return { next, minutes: next.date - counted };
}

/**
 * A task completed at an instant by somebody whose days are those of `own`. Of a series the completed one is a copy
 * without a recurrence, marked as dead, and the item goes on as the next one. [MS-OXOTASK] 2.2.2.2.8, 3.1.4
 */
export function completeTask(item: ItemBag, doneUtcMs: number, own: Zone): CompletedTask {
  const isSeries = getProperty(item, p.PidLidTaskFRecurring) === true;
  const found = findNext(item, doneUtcMs, own);
  const done = copyOf(item);
  markDone(done, doneUtcMs, own);
  if (isSeries) setProperty(done, p.PidLidTaskDeadOccurrence, true);
  if (found === undefined) return { done, next: undefined };
  setProperty(done, p.PidLidTaskFRecurring, false);
  done.named.delete(namedKey(p.PidLidTaskRecurrence.named));
  return { done, next: asNext(item, found.next, found.minutes, own) };
}

/** The next one without this one being done; undefined when it is the last. [MS-OXOTASK] 3.1.4 */
export function skipTask(item: ItemBag, nowUtcMs: number, own: Zone): ItemBag | undefined {
  const found = findNext(item, nowUtcMs, own);
  return found === undefined ? undefined : asNext(item, found.next, found.minutes, own);
}
