/** RRULE and its dates, and the VEVENTs of changed occurrences, as a series. [MS-OXCICAL] 2.1.3.2 */
import { createHash } from "node:crypto";
import { WireError } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { encodeAppointmentRecur, endDateNever } from "#calendar/recurrence/blob.ts";
import { Series } from "#calendar/recurrence/expand.ts";
import { recurrenceOfRule } from "#calendar/recurrence/from-rule.ts";
import { blobOfRecurrence } from "#calendar/recurrence/to-blob.ts";
import { localToMs, midnightOf, minutesPerDay, msToLocal } from "#calendar/zones/dates.ts";
import { parseRuleTime } from "#calendar/zones/rule-text.ts";
import { properties } from "#props/registry.ts";
import { getProperty, newItemObject, setProperty } from "#convert/item.ts";
import { toFileTime } from "#convert/mime/times.ts";
import { exceptionFlag, isException } from "#convert/ical/attachments.ts";
import { readEvent, stateFlags } from "#convert/ical/event-read.ts";
import { setTimes } from "#convert/ical/event-times.ts";
import { withExceptionDate } from "#convert/ical/global-object-id.ts";
import { keepRule } from "#convert/ical/kept.ts";
import { propertiesOf, propertyOfName } from "#convert/ical/lines.ts";
import { Refusal } from "#convert/ical/refusal.ts";
import { addDuration, parseDuration, readTime, readTimeOf } from "#convert/ical/times.ts";
import type { Difference, RuleSource } from "#calendar/recurrence/from-rule.ts";
import type { Modified, Overrides, Recurrence } from "#calendar/recurrence/model.ts";
import type { LocalMinutes } from "#calendar/zones/dates.ts";
import type { RuleTime } from "#calendar/zones/rule-text.ts";
import type { Zone } from "#calendar/zones/zone.ts";
import type { EventContext, ReadEvent } from "#convert/ical/event-read.ts";
import type { Component, Property } from "#convert/ical/lines.ts";
import type { ItemAttachment, ItemBag } from "#convert/item.ts";

const p = properties;

/** What an item tells otherwise than its calendar, or not at all. */
export type Loss = Difference | "unknownZone" | "overrideNotInSeries";

export const exceptionMessageClass = "IPM.OLE.CLASS.{00061055-0000-0000-C000-000000000046}";

export const isSeries = (event: Component): boolean =>
  ["RRULE", "RDATE", "EXRULE"].some((name) => propertyOfName(event, name) !== undefined);

/** A date beside the rule: of another zone it is told by its instant. RFC 5545 §3.8.5.1 */
function ruleTimeOf(text: string, tzid: string | undefined, zone: Zone, context: EventContext): RuleTime {
  const plain = parseRuleTime(text.trim());
  if (plain.isUtc || plain.isDate || tzid === undefined) return plain;
  const time = readTime(text, tzid, context.zones);
  if (time.at.zone === zone) return plain;
  return { local: msToLocal(time.utcMs), localMs: time.utcMs, isUtc: true, isDate: false };
}

const valuesOf = (property: Property): string[] => property.value.split(",").filter((text) => text.trim() !== "");

function extraDates(property: Property, zone: Zone, context: EventContext): NonNullable<RuleSource["extra"]>[number][] {
  const tzid = property.parameters.get("TZID");
  return valuesOf(property).map((text) => {
    const [startText = "", endText] = text.split("/");
    const start = ruleTimeOf(startText, tzid, zone, context);
    if (endText === undefined) return { start };
    const duration = parseDuration(endText);
    if (duration === undefined) return { start, end: ruleTimeOf(endText, tzid, zone, context) };
    const endMs = addDuration(readTime(startText, tzid, context.zones), duration);
    return { start, end: { local: msToLocal(endMs), localMs: endMs, isUtc: true, isDate: false } };
  });
}

function sourceOf(event: Component, { times }: ReadEvent, context: EventContext): RuleSource {
  const { start, endMs } = times;
  const { zone } = start.at;
  const dates = (name: string): number => propertiesOf(event, name)
    .reduce((sum, { value }) => sum + value.split(",").length, 0);
  if (dates("EXDATE") + dates("RDATE") > limits.recurrenceExceptionsMax) throw new Refusal("tooManyExceptions");
  return {
    rules: propertiesOf(event, "RRULE").map(({ value }) => value.trim()),
    exclusionRules: propertiesOf(event, "EXRULE").map(({ value }) => value.trim()),
    excluded: propertiesOf(event, "EXDATE").flatMap((property) => valuesOf(property)
      .map((text) => ruleTimeOf(text, property.parameters.get("TZID"), zone, context))),
    extra: propertiesOf(event, "RDATE").flatMap((property) => extraDates(property, zone, context)),
    start: start.local, durationMinutes: Math.max(0, zone.toLocal(endMs) - start.local), zone,
  };
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

/** Which occurrence a RECURRENCE-ID names. RFC 5545 §3.8.4.4 */
function originalOf(event: Component, series: Series, context: EventContext): LocalMinutes | undefined {
  const given = propertyOfName(event, "RECURRENCE-ID")!;
  if (given.parameters.has("RANGE")) throw new Refusal("thisAndFuture");
  const time = readTimeOf(given, context.zones);
  const { recurrence, zone } = series;
  const minute = recurrence.start - midnightOf(recurrence.start);
  const local = time.style === "date" || time.style === "floating" ? time.local : zone.toLocal(time.utcMs);
  const moved = recurrence.modified.find((one) => one.start === local);
  if (moved !== undefined) return moved.original;
  const day = midnightOf(local);
  // Of a series one occurrence at most begins on a day: programs that give another time mean that one.
  const near = time.style === "date" ? [day + minute] : [local, day + minute];
  // A skipped wall clock time comes back from UTC as a later one, perhaps of the next day.
  near.push(day + minute - minutesPerDay);
  return near.find((one, index) => series.indexOf(one) !== undefined &&
    (index < 2 || Math.abs(zone.toUtc(one) - time.utcMs) < 60_000));
}

export interface SeriesParts {
  readonly event: Component;
  readonly overrides: readonly Component[];
  readonly globalObjectId: Uint8Array;
}

const recurrenceTypes = { daily: 1, weekly: 2, monthly: 3, yearly: 4 } as const;
const ruleNames = new Set(["DTSTART", "DTEND", "DURATION", "RRULE", "EXRULE", "EXDATE", "RDATE"]);

/** Tells whether the blob is still the one that rule lines were kept for. */
export function ruleMark(blob: Uint8Array, zone: Uint8Array): string {
  return createHash("sha256").update(blob).update(zone).digest("hex").slice(0, 32);
}

/** Makes a series of an item that was read from the event. Throws Refusal. [MS-OXCICAL] 2.1.3.2 */
export function setSeries(parts: SeriesParts, read: ReadEvent, context: EventContext, losses: Set<Loss>): void {
  const { event, overrides, globalObjectId } = parts;
  const { item, times } = read;
  const { zone } = times.start.at;
  const result = recurrenceOfRule(readSource(event, read, context));
  if (result.kind === "refused") throw new Refusal(result.reason, result.detail);
  for (const difference of result.differences) losses.add(difference);
  const plain = result.recurrence;
  const series = new Series(plain, zone);
  const deleted = new Set(plain.deleted);
  const modified = new Map(plain.modified.map((one) => [one.original, one]));
  let isKept = true;
  for (const override of overrides) {
    const original = originalTold(override, series, context);
    if (original === undefined) {
      losses.add("overrideNotInSeries");
      continue;
    }
    deleted.delete(original);
    const changed = readEvent(override, context);
    const flags = getProperty(changed.item, p.PidLidAppointmentStateFlags) ?? 0;
    if ((flags & stateFlags.canceled) !== 0 && context.method !== "CANCEL") {
      deleted.add(original);
      isKept = false;
      continue;
    }
    if (modified.size + deleted.size > limits.recurrenceExceptionsMax) throw new Refusal("tooManyExceptions");
    const start = zone.toLocal(changed.times.start.utcMs);
    const end = Math.max(start, zone.toLocal(changed.times.endMs));
    const one: Modified = { original, start, end, overrides: overridesOf(item, changed.item) };
    modified.set(original, one);
    setException(changed.item, globalObjectId, original, zone);
    item.attachments.push(exceptionAttachment(changed.item, one, zone));
  }
  const recurrence: Recurrence = {
    ...plain, deleted: [...deleted].sort((one, other) => one - other),
    modified: [...modified.values()].sort((one, other) => one.original - other.original),
  };
  setRecurrence(read, recurrence, context);
  const mark = ruleMark(getProperty(item, p.PidLidAppointmentRecur)!,
    getProperty(item, p.PidLidAppointmentTimeZoneDefinitionRecur)!);
  const lines = event.properties.filter(({ name }) => ruleNames.has(name)).map(({ line }) => line);
  if (isKept) keepRule(item, mark, lines);
}

/** A date that cannot be read refuses the series, as nobody knows which occurrence was meant. */
function readSource(event: Component, read: ReadEvent, context: EventContext): RuleSource {
  try {
    return sourceOf(event, read, context);
  } catch (error) {
    if (error instanceof WireError) throw new Refusal("badTime", error.message);
    throw error;
  }
}

function originalTold(override: Component, series: Series, context: EventContext): LocalMinutes | undefined {
  try {
    return originalOf(override, series, context);
  } catch (error) {
    if (error instanceof WireError) throw new Refusal("badTime", error.message);
    throw error;
  }
}

/** [MS-OXOCAL] 2.2.10.1.6 */
export function setException(item: ItemBag, globalObjectId: Uint8Array, original: LocalMinutes, zone: Zone): void {
  setProperty(item, p.PidTagMessageClass, exceptionMessageClass);
  setProperty(item, p.PidLidExceptionReplaceTime, toFileTime(zone.toUtc(original)));
  setProperty(item, p.PidLidGlobalObjectId, withExceptionDate(globalObjectId, original));
  setProperty(item, p.PidLidCleanGlobalObjectId, withExceptionDate(globalObjectId));
}

function setRecurrence(read: ReadEvent, recurrence: Recurrence, context: EventContext): void {
  const { item, times } = read;
  const { at } = times.start;
  const startMs = at.zone.toUtc(recurrence.start);
  const endMs = Math.max(startMs, at.zone.toUtc(recurrence.start + recurrence.durationMinutes));
  setTimes(item, startMs, endMs, times.isAllDay);
  const delta = getProperty(item, p.PidLidReminderDelta) ?? 0;
  if (getProperty(item, p.PidLidReminderSet) === true) {
    setProperty(item, p.PidLidReminderTime, toFileTime(startMs));
    setProperty(item, p.PidLidReminderSignalTime, toFileTime(startMs - delta * 60_000));
  }
  setProperty(item, p.PidLidRecurring, true);
  setProperty(item, p.PidLidIsRecurring, true);
  setProperty(item, p.PidLidRecurrenceType, recurrenceTypes[recurrence.frequency]);
  const blob = blobOfRecurrence(recurrence);
  setProperty(item, p.PidLidAppointmentRecur, encodeAppointmentRecur(blob));
  context.blobs.setRecur(item, at, startMs);
  setProperty(item, p.PidLidClipStart, toFileTime(at.zone.toUtc(midnightOf(recurrence.start))));
  const { endDate } = blob.recurrencePattern;
  const lastMs = endDate === endDateNever ? localToMs(endDate) : at.zone.toUtc(endDate);
  setProperty(item, p.PidLidClipEnd, toFileTime(lastMs));
}
