/** One occurrence of a series: taken out in full, put back changed, taken away. [MS-OXOCAL] 2.2.10 */
import { isDeepStrictEqual } from "node:util";
import { Fault, WireError } from "#base/fault.ts";
import { decodeAppointmentRecur, encodeAppointmentRecur } from "#calendar/recurrence/blob.ts";
import { Series } from "#calendar/recurrence/expand.ts";
import { recurrenceOf } from "#calendar/recurrence/from-blob.ts";
import { isExpandable } from "#calendar/recurrence/model.ts";
import { blobOfRecurrence } from "#calendar/recurrence/to-blob.ts";
import { midnightOf } from "#calendar/zones/dates.ts";
import { utcZone } from "#calendar/zones/zone.ts";
import { properties } from "#props/registry.ts";
import { getProperty, setProperty } from "#convert/item.ts";
import { isException } from "#convert/ical/attachments.ts";
import { occurrenceItem } from "#convert/ical/calendar-write.ts";
import { setTimes } from "#convert/ical/event-times.ts";
import { withExceptionDate } from "#convert/ical/global-object-id.ts";
import { keptComponent } from "#convert/ical/kept.ts";
import { exceptionAttachment, overridesOf, setException } from "#convert/ical/overrides-read.ts";
import { zoneOfItem } from "#convert/ical/zones-write.ts";
import { toFileTime } from "#convert/mime/times.ts";
import { copyItem, meetingIdOf, occurrenceDayOf, removeProperty } from "#calendar/meetings/parts.ts";
import { messageClasses } from "#calendar/meetings/values.ts";
import type { AppointmentRecurrencePattern } from "#calendar/recurrence/blob.ts";
import type { Modified, Recurrence } from "#calendar/recurrence/model.ts";
import type { LocalMinutes } from "#calendar/zones/dates.ts";
import type { Zone } from "#calendar/zones/zone.ts";
import type { ItemAttachment, ItemBag } from "#convert/item.ts";

const p = properties;

export const utcOf = (time: bigint): number => Number(time / 10_000n) - 11_644_473_600_000;

/** A series and what its occurrences are found by: the day that each begins on by the pattern. */
export class SeriesItem {
  readonly item: ItemBag;
  readonly recurrence: Recurrence;
  readonly zone: Zone;
  /** The item without its changed occurrences, of which there may be many. */
  readonly #plain: ItemBag;
  readonly #blob: AppointmentRecurrencePattern;
  readonly #series: Series | undefined;
  readonly #modified: ReadonlyMap<LocalMinutes, Modified>;
  readonly #deleted: ReadonlySet<LocalMinutes>;
  readonly #attachments = new Map<LocalMinutes, ItemAttachment>();

  constructor(item: ItemBag, blob: AppointmentRecurrencePattern, recurrence: Recurrence, zone: Zone) {
    this.item = item;
    this.#plain = { ...item, attachments: item.attachments.filter((one) => !isException(one)) };
    this.#blob = blob;
    this.recurrence = recurrence;
    this.zone = zone;
    this.#series = isExpandable(recurrence) ? new Series(recurrence, zone) : undefined;
    this.#modified = new Map(recurrence.modified.map((one) => [midnightOf(one.original), one]));
    this.#deleted = new Set(recurrence.deleted.map(midnightOf));
    for (const attachment of item.attachments) {
      const day = isException(attachment) ? this.#dayOf(attachment) : undefined;
      if (day !== undefined) this.#attachments.set(day, attachment);
    }
  }

  #dayOf(attachment: ItemAttachment): LocalMinutes | undefined {
    const told = (attachment.embedded && getProperty(attachment.embedded, p.PidLidExceptionReplaceTime)) ??
      getProperty(attachment, p.PidTagExceptionReplaceTime);
    return told === undefined ? undefined : midnightOf(this.zone.toLocal(utcOf(told)));
  }

  get series(): Series | undefined {
    return this.#series;
  }

  get minuteOfDay(): number {
    return this.recurrence.start - midnightOf(this.recurrence.start);
  }

  get changedDays(): readonly LocalMinutes[] {
    return [...this.#modified.keys()];
  }

  get deletedDays(): ReadonlySet<LocalMinutes> {
    return this.#deleted;
  }

  /** Whether the pattern has an occurrence on a day, deleted or not. A calendar that nobody counts has any. */
  hasDay(day: LocalMinutes): boolean {
    return this.#series === undefined || this.#series.indexOf(day + this.minuteOfDay) !== undefined;
  }

  /** Deleted ones are there too. */
  has(day: LocalMinutes): boolean {
    return this.#modified.has(day) || this.hasDay(day);
  }

  isChanged(day: LocalMinutes): boolean {
    return this.#modified.has(day);
  }

  modifiedOn(day: LocalMinutes): Modified | undefined {
    return this.#modified.get(day);
  }

  /** What the item holds of a changed occurrence. */
  embeddedOn(day: LocalMinutes): ItemBag | undefined {
    return this.#attachments.get(day)?.embedded;
  }

  /** The occurrence of a day as an item of its own; undefined when there is none. [MS-OXOCAL] 2.2.10.2 */
  occurrenceOn(day: LocalMinutes): ItemBag | undefined {
    if (this.#deleted.has(day)) return undefined;
    const found = this.#modified.get(day);
    if (found === undefined && !this.hasDay(day)) return undefined;
    const original = found?.original ?? day + this.minuteOfDay;
    const modified = found ??
      { original, start: original, end: original + this.recurrence.durationMinutes, overrides: {} };
    const embedded = this.#attachments.get(day)?.embedded;
    const made = occurrenceItem(this.#plain, embedded, modified, this.zone);
    // What was put together from both is nobody else's; its people and files still are.
    const one: ItemBag = made === embedded ? copyItem(made)
      : { ...copyItem({ ...made, bag: new Map(), named: new Map() }), bag: made.bag, named: made.named };
    one.attachments.splice(0, one.attachments.length, ...one.attachments.filter((each) => !isException(each)));
    for (const property of ofSeries) removeProperty(one, property);
    const [startMs, endMs] = [this.zone.toUtc(modified.start), this.zone.toUtc(modified.end)];
    setTimes(one, startMs, Math.max(startMs, endMs), getProperty(one, p.PidLidAppointmentSubType) === true);
    const id = meetingIdOf(this.item);
    if (id !== undefined) {
      setProperty(one, p.PidLidGlobalObjectId, withExceptionDate(id, day));
      setProperty(one, p.PidLidCleanGlobalObjectId, id);
    }
    setProperty(one, p.PidLidExceptionReplaceTime, toFileTime(this.zone.toUtc(original)));
    setProperty(one, p.PidTagMessageClass, messageClasses.appointment);
    setProperty(one, p.PidLidRecurring, false);
    setProperty(one, p.PidLidIsRecurring, true);
    setProperty(one, p.PidLidIsException, true);
    return one;
  }

  /**
   * The series with occurrences as they are given, null for one that is taken away. Throws Fault `notFound` for a day
   * that has none. [MS-OXOCAL] 2.2.10
   */
  with(changes: ReadonlyMap<LocalMinutes, ItemBag | null>): ItemBag {
    if (changes.size === 0) return this.item;
    const { zone, recurrence } = this;
    const isKept = (original: LocalMinutes): boolean => !changes.has(midnightOf(original));
    const deleted = recurrence.deleted.filter(isKept);
    const modified = recurrence.modified.filter((one) => isKept(one.original));
    const replaced = new Set([...changes.keys()].map((day) => this.#attachments.get(day)));
    const item = copyItem({
      ...this.item, attachments: this.item.attachments.filter((one) => !replaced.has(one)),
    });
    for (const [day, occurrence] of changes) {
      if (!this.has(day)) throw new Fault("notFound", "the series has no such occurrence");
      const original = day + this.minuteOfDay;
      if (occurrence === null) {
        deleted.push(original);
        continue;
      }
      const start = zone.toLocal(utcOf(getProperty(occurrence, p.PidLidAppointmentStartWhole) ?? 0n));
      const end = Math.max(start, zone.toLocal(utcOf(getProperty(occurrence, p.PidLidAppointmentEndWhole) ?? 0n)));
      const one: Modified = { original, start, end, overrides: overridesOf(this.#plain, occurrence) };
      modified.push(one);
      const embedded = ownOf(occurrence, this.#plain);
      setException(embedded, meetingIdOf(this.item) ?? new Uint8Array(0), original, zone);
      setProperty(embedded, p.PidLidIsException, true);
      item.attachments.push(exceptionAttachment(embedded, one, zone));
    }
    const changed: Recurrence = {
      ...recurrence, deleted: deleted.sort((one, other) => one - other),
      modified: modified.sort((one, other) => one.original - other.original),
    };
    setProperty(item, p.PidLidAppointmentRecur, encodeAppointmentRecur(blobOfRecurrence(changed, this.#blob)));
    return item;
  }

  /** Days after one that have an occurrence, at most `max`. */
  daysAfter(day: LocalMinutes, max: number): LocalMinutes[] {
    const days: LocalMinutes[] = [];
    const series = this.#series;
    const index = series?.indexOf(day + this.minuteOfDay);
    if (series === undefined || index === undefined) return days;
    for (let at = index + 1; at < series.patternLength && at <= index + max; at++) {
      const next = midnightOf(series.originalAt(at));
      if (!this.#deleted.has(next)) days.push(next);
    }
    return days;
  }

  /** The series without what begins on a day or later; undefined when nothing is before it. RFC 5545 §3.2.13 */
  endedBefore(day: LocalMinutes): ItemBag | undefined {
    const index = this.#series?.indexOf(day + this.minuteOfDay);
    if (this.#series === undefined || index === undefined || index === 0) return undefined;
    const { recurrence } = this;
    const last = midnightOf(this.#series.originalAt(index - 1));
    const isLeft = (original: LocalMinutes): boolean => midnightOf(original) < day;
    const ended: Recurrence = {
      ...recurrence, end: { kind: "date", lastDate: last }, deleted: recurrence.deleted.filter(isLeft),
      modified: recurrence.modified.filter((one) => isLeft(one.original)),
    };
    const gone = new Set([...this.#attachments].filter(([at]) => at >= day).map(([, one]) => one));
    const item = copyItem({ ...this.item, attachments: this.item.attachments.filter((one) => !gone.has(one)) });
    setProperty(item, p.PidLidAppointmentRecur, encodeAppointmentRecur(blobOfRecurrence(ended, this.#blob)));
    setProperty(item, p.PidLidClipEnd, toFileTime(this.zone.toUtc(last)));
    return item;
  }

  withOccurrence(day: LocalMinutes, occurrence: ItemBag): ItemBag {
    return this.with(new Map([[day, occurrence]]));
  }

  withoutOccurrence(day: LocalMinutes): ItemBag {
    return this.with(new Map([[day, null]]));
  }
}

const sameTexts = [
  p.PidTagSubject, p.PidTagNormalizedSubject, p.PidTagConversationTopic, p.PidLidLocation, p.PidTagBody, p.PidTagHtml,
  p.PidTagRtfCompressed, p.PidTagRtfInSync, p.PidTagNativeBody, p.PidTagInternetCodepage, p.PidTagSensitivity,
  p.PidTagImportance, p.PidTagPriority, p.PidLidPrivate, p.PidNameKeywords,
] as const;

/** What an occurrence says as its series does stays the series' to say. [MS-OXOCAL] 2.2.10.2 */
function ownOf(occurrence: ItemBag, series: ItemBag): ItemBag {
  const own = copyItem(occurrence);
  // One that has lines of a calendar is taken as a whole.
  if (keptComponent(own).properties.length > 0) return own;
  for (const property of sameTexts) {
    if (isDeepStrictEqual(getProperty(own, property), getProperty(series, property))) removeProperty(own, property);
  }
  return own;
}

/** What an occurrence taken out of its series is no longer. */
const ofSeries = [
  p.PidLidAppointmentRecur, p.PidLidRecurrenceType, p.PidLidRecurrencePattern, p.PidLidClipStart, p.PidLidClipEnd,
] as const;

/**
 * Which occurrence of a series a message is about. The day in its id may have been taken on another wall clock; the
 * instant beside it was not. [MS-OXOCAL] 2.2.1.27, 2.2.10.2.5
 */
export function dayIn(message: ItemBag, series: SeriesItem | undefined): LocalMinutes | undefined {
  const told = occurrenceDayOf(message);
  const instant = getProperty(message, p.PidLidExceptionReplaceTime);
  if (told === undefined || series === undefined || instant === undefined) return told;
  const utcMs = utcOf(instant);
  const days = [told, midnightOf(series.zone.toLocal(utcMs))];
  return days.find((day) => series.has(day) && series.zone.toUtc(day + series.minuteOfDay) === utcMs) ??
    days.find((day) => series.has(day)) ?? told;
}

/** Undefined for an item that is no series, or one whose structure is broken. [MS-OXOCAL] 2.2.1.44 */
export function seriesItemOf(item: ItemBag): SeriesItem | undefined {
  const bytes = getProperty(item, p.PidLidAppointmentRecur);
  if (bytes === undefined || getProperty(item, p.PidLidRecurring) === false) return undefined;
  try {
    const blob = decodeAppointmentRecur(bytes);
    const start = getProperty(item, p.PidLidAppointmentStartWhole) ?? 0n;
    const zone = zoneOfItem(item, "start", utcOf(start))?.zone ?? utcZone;
    return new SeriesItem(item, blob, recurrenceOf(blob), zone);
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}
