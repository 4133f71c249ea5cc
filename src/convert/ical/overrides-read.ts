/** VEVENTs of changed occurrences beside the one of their series. RFC 5545 §3.8.4.4, [MS-OXOCAL] 2.2.10 */
import { WireError } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { Series } from "#calendar/recurrence/expand.ts";
import { localToMs, midnightOf, minutesPerDay } from "#calendar/zones/dates.ts";
import { properties } from "#props/registry.ts";
import { getProperty, newItemObject, setProperty } from "#convert/item.ts";
import { toFileTime } from "#convert/mime/times.ts";
import { exceptionFlag, isException } from "#convert/ical/attachments.ts";
import { readEvent, stateFlags } from "#convert/ical/event-read.ts";
import { withExceptionDate } from "#convert/ical/global-object-id.ts";
import { propertyOfName } from "#convert/ical/lines.ts";
import { Refusal } from "#convert/ical/refusal.ts";
import { readTimeOf } from "#convert/ical/times.ts";
import type { Difference } from "#calendar/recurrence/from-rule.ts";
import type { Modified, Overrides, Recurrence, SeriesEnd } from "#calendar/recurrence/model.ts";
import type { LocalMinutes } from "#calendar/zones/dates.ts";
import type { Zone } from "#calendar/zones/zone.ts";
import type { EventContext, ReadEvent } from "#convert/ical/event-read.ts";
import type { Component } from "#convert/ical/lines.ts";
import type { ItemAttachment, ItemBag } from "#convert/item.ts";

const p = properties;

/** What an item tells otherwise than its calendar, or not at all. */
export type Loss =
  | Difference | "unknownZone" | "overrideNotInSeries"
  /** A change of all later occurrences, written into some hundred of them. */
  | "partOfRange"
  /** A changed occurrence that says no time. */
  | "overrideNotRead";

export const exceptionMessageClass = "IPM.OLE.CLASS.{00061055-0000-0000-C000-000000000046}";

export interface SeriesParts {
  readonly event: Component;
  readonly overrides: readonly Component[];
  readonly globalObjectId: Uint8Array;
}

/** What a changed occurrence has of its own. [MS-OXOCAL] 2.2.1.44.2 */
export function overridesOf(base: ItemBag, changed: ItemBag): Overrides {
  const differs = <T>(property: (item: ItemBag) => T | undefined): T | undefined => {
    const value = property(changed);
    return value === property(base) ? undefined : value;
  };
  const meeting = (item: ItemBag): number => getProperty(item, p.PidLidAppointmentStateFlags) ?? 0;
  const isPlain = !changed.attachments.some((one) => !isException(one));
  const hadNone = !base.attachments.some((one) => !isException(one));
  const sameBody = getProperty(changed, p.PidTagBody) === getProperty(base, p.PidTagBody);
  return {
    subject: differs((item) => getProperty(item, p.PidTagSubject) ?? "")?.slice(0, 0xfff0),
    location: differs((item) => getProperty(item, p.PidLidLocation) ?? "")?.slice(0, 0xfff0),
    meetingType: differs(meeting), reminderSet: differs((item) => getProperty(item, p.PidLidReminderSet) ?? false),
    reminderDelta: differs((item) => getProperty(item, p.PidLidReminderDelta)),
    busyStatus: differs((item) => getProperty(item, p.PidLidBusyStatus)),
    isAllDay: differs((item) => getProperty(item, p.PidLidAppointmentSubType) ?? false),
    hasAttachment: isPlain && hadNone ? undefined : !isPlain, hasBody: sameBody ? undefined : true,
  };
}

/** A changed occurrence in the attachment that holds it. [MS-OXOCAL] 2.2.10.1 */
export function exceptionAttachment(item: ItemBag, { original, start, end }: Modified, zone: Zone): ItemAttachment {
  const attachment: ItemAttachment = newItemObject();
  attachment.embedded = item;
  const far = toFileTime(Date.UTC(4501, 0, 1));
  setProperty(attachment, p.PidTagAttachMethod, 5);
  setProperty(attachment, p.PidTagAttachmentHidden, true);
  setProperty(attachment, p.PidTagAttachmentFlags, exceptionFlag);
  setProperty(attachment, p.PidTagAttachmentLinkId, 0);
  setProperty(attachment, p.PidTagAttachFlags, 0);
  setProperty(attachment, p.PidTagRenderingPosition, -1);
  setProperty(attachment, p.PidTagDisplayName, "Untitled");
  setProperty(attachment, p.PidTagExceptionStartTime, start < 0 ? far : toFileTime(localToMs(start)));
  setProperty(attachment, p.PidTagExceptionEndTime, end < 0 ? far : toFileTime(localToMs(end)));
  setProperty(attachment, p.PidTagExceptionReplaceTime, toFileTime(zone.toUtc(original)));
  return attachment;
}

/** [MS-OXOCAL] 2.2.10.1.6 */
export function setException(item: ItemBag, globalObjectId: Uint8Array, original: LocalMinutes, zone: Zone): void {
  setProperty(item, p.PidTagMessageClass, exceptionMessageClass);
  setProperty(item, p.PidLidExceptionReplaceTime, toFileTime(zone.toUtc(original)));
  setProperty(item, p.PidLidGlobalObjectId, withExceptionDate(globalObjectId, original));
  setProperty(item, p.PidLidCleanGlobalObjectId, withExceptionDate(globalObjectId));
}

/** Which occurrence a RECURRENCE-ID names. RFC 5545 §3.8.4.4 */
function originalOf(event: Component, series: Series, losses: ReadonlySet<Loss>, context: EventContext,
): LocalMinutes | undefined {
  const time = readTimeOf(propertyOfName(event, "RECURRENCE-ID")!, context.zones);
  const { recurrence, zone } = series;
  const minute = recurrence.start - midnightOf(recurrence.start);
  const local = time.style === "date" || time.style === "floating" ? time.local : zone.toLocal(time.utcMs);
  const moved = recurrence.modified.find((one) => one.start === local);
  if (moved !== undefined) return moved.original;
  // Where a day has several, a time that is not there names none of those that are.
  if (losses.has("severalPerDay")) return series.indexOf(local) === undefined ? undefined : local;
  const day = midnightOf(local);
  // Of a series one occurrence at most begins on a day: programs that give another time mean that one.
  const near = time.style === "date" ? [day + minute] : [local, day + minute];
  // A skipped wall clock time comes back from UTC as a later one, perhaps of the next day.
  near.push(day + minute - minutesPerDay);
  return near.find((one, index) => series.indexOf(one) !== undefined &&
    (index < 2 || Math.abs(zone.toUtc(one) - time.utcMs) < 60_000));
}

/** Whether a change holds for all later occurrences too. RFC 5545 §3.2.13 */
export const isRange = (event: Component): boolean =>
  propertyOfName(event, "RECURRENCE-ID")?.parameters.get("RANGE")?.toUpperCase() === "THISANDFUTURE";

export interface Overridden {
  readonly recurrence: Recurrence;
  /** Whether the lines of the rule still say the same as the series. */
  readonly isKept: boolean;
}

interface ReadOverride {
  readonly original: LocalMinutes;
  readonly read: ReadEvent;
  readonly isRange: boolean;
  readonly isCanceled: boolean;
}

/** The occurrences of one series while its overrides are read. */
class Overriding {
  readonly #series: Series;
  readonly #parts: SeriesParts;
  readonly #item: ItemBag;
  readonly #losses: Set<Loss>;
  readonly #deleted: Set<LocalMinutes>;
  readonly #modified: Map<LocalMinutes, Modified>;
  readonly #attachments = new Map<LocalMinutes, ItemAttachment>();
  #end: SeriesEnd;
  #isKept = true;

  constructor(series: Series, parts: SeriesParts, item: ItemBag, losses: Set<Loss>) {
    const { deleted, modified, end } = series.recurrence;
    this.#series = series;
    this.#parts = parts;
    this.#item = item;
    this.#losses = losses;
    this.#deleted = new Set(deleted);
    this.#modified = new Map(modified.map((one) => [one.original, one]));
    this.#end = end;
  }

  add(one: ReadOverride): void {
    const { original } = one;
    if (one.isCanceled) {
      this.#isKept = false;
      if (one.isRange) this.#endBefore(original);
      else this.#remove(original);
      return;
    }
    this.#change(one);
    if (one.isRange) this.#changeLater(one);
  }

  #remove(original: LocalMinutes): void {
    this.#modified.delete(original);
    this.#attachments.delete(original);
    this.#deleted.add(original);
  }

  #endBefore(original: LocalMinutes): void {
    const index = this.#series.indexOf(original) ?? 0;
    if (index === 0) {
      this.#remove(original);
      return;
    }
    this.#end = { kind: "date", lastDate: midnightOf(this.#series.originalAt(index - 1)) };
    for (const held of [this.#modified, this.#attachments, this.#deleted]) {
      for (const at of [...held.keys()]) if (at >= original) held.delete(at);
    }
  }

  #change({ original, read: { item, times } }: ReadOverride): void {
    const { zone } = this.#series;
    this.#deleted.delete(original);
    if (this.#modified.size + this.#deleted.size > limits.recurrenceExceptionsMax) {
      throw new Refusal("tooManyExceptions");
    }
    const start = zone.toLocal(times.start.utcMs);
    const end = Math.max(start, zone.toLocal(times.endMs));
    const one: Modified = { original, start, end, overrides: overridesOf(this.#item, item) };
    this.#modified.set(original, one);
    setException(item, this.#parts.globalObjectId, original, zone);
    this.#attachments.set(original, exceptionAttachment(item, one, zone));
  }

  /**
   * Exchange has no changes of all that follows. A second series would be another meeting to those who answer, so each
   * later occurrence is changed as this one is, without a body and files of its own.
   */
  #changeLater({ original }: ReadOverride): void {
    this.#isKept = false;
    const { start, end, overrides } = this.#modified.get(original)!;
    const [shift, length] = [start - original, end - start];
    const first = (this.#series.indexOf(original) ?? 0) + 1;
    const last = Math.min(this.#series.patternLength, first + limits.recurrenceRangeMax);
    if (last < this.#series.patternLength) this.#losses.add("partOfRange");
    const { hasBody: _body, hasAttachment: _files, ...plain } = overrides;
    for (let index = first; index < last; index++) {
      const at = this.#series.originalAt(index);
      if (this.#deleted.has(at)) continue;
      this.#attachments.delete(at);
      this.#modified.set(at, { original: at, start: at + shift, end: at + shift + length, overrides: plain });
    }
  }

  done(): Overridden {
    const byTime = (one: number, other: number): number => one - other;
    const recurrence: Recurrence = {
      ...this.#series.recurrence, end: this.#end, deleted: [...this.#deleted].sort(byTime),
      modified: [...this.#modified.values()].sort((one, other) => one.original - other.original),
    };
    this.#item.attachments.push(...this.#attachments.values());
    return { recurrence, isKept: this.#isKept };
  }
}

/** One that cannot be read is passed over: the series is worth more. */
function readOverride(
  event: Component, series: Series, context: EventContext, losses: Set<Loss>,
): ReadOverride | undefined {
  try {
    const original = originalOf(event, series, losses, context);
    if (original === undefined) {
      losses.add("overrideNotInSeries");
      return undefined;
    }
    const read = readEvent(event, context);
    const flags = getProperty(read.item, p.PidLidAppointmentStateFlags) ?? 0;
    const isCanceled = (flags & stateFlags.canceled) !== 0 && context.method !== "CANCEL";
    return { original, read, isCanceled, isRange: isRange(event) };
  } catch (error) {
    if (!(error instanceof WireError) && !(error instanceof Refusal)) throw error;
    losses.add("overrideNotRead");
    return undefined;
  }
}

/** What the VEVENTs beside a series make of it; their items become attachments of its own. RFC 5545 §3.8.4.4 */
export function readOverrides(
  parts: SeriesParts, plain: Recurrence, { item, times }: ReadEvent, context: EventContext, losses: Set<Loss>,
): Overridden {
  const series = new Series(plain, times.start.at.zone);
  const overriding = new Overriding(series, parts, item, losses);
  const found = parts.overrides.map((event) => readOverride(event, series, context, losses))
    .filter((one) => one !== undefined);
  // What holds for all that follows comes first, so that a change of one of them stands.
  const ranges = found.filter((one) => one.isRange).sort((one, other) => one.original - other.original);
  for (const one of [...ranges, ...found.filter((each) => !each.isRange)]) overriding.add(one);
  return overriding.done();
}
