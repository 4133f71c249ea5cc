/** RRULE and its dates, and the VEVENTs of changed occurrences, as a series. [MS-OXCICAL] 2.1.3.2 */
import { createHash } from "node:crypto";
import { WireError } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { encodeAppointmentRecur, endDateNever } from "#calendar/recurrence/blob.ts";
import { coverOfRule } from "#calendar/recurrence/cover.ts";
import { recurrenceOfRule } from "#calendar/recurrence/from-rule.ts";
import { blobOfRecurrence } from "#calendar/recurrence/to-blob.ts";
import { localToMs, midnightOf, msToLocal } from "#calendar/zones/dates.ts";
import { parseRuleTime } from "#calendar/zones/rule-text.ts";
import { properties } from "#props/registry.ts";
import { getProperty, setProperty } from "#convert/item.ts";
import { toFileTime } from "#convert/mime/times.ts";
import { setTimes } from "#convert/ical/event-times.ts";
import { keepRule, keptRule } from "#convert/ical/kept.ts";
import { propertiesOf, propertyOfName } from "#convert/ical/lines.ts";
import { readOverrides } from "#convert/ical/overrides-read.ts";
import { Refusal } from "#convert/ical/refusal.ts";
import { addDuration, parseDuration, readTime } from "#convert/ical/times.ts";
import type { RuleSource } from "#calendar/recurrence/from-rule.ts";
import type { Recurrence } from "#calendar/recurrence/model.ts";
import type { LocalMinutes } from "#calendar/zones/dates.ts";
import type { RuleTime } from "#calendar/zones/rule-text.ts";
import type { Zone } from "#calendar/zones/zone.ts";
import type { EventContext, ReadEvent } from "#convert/ical/event-read.ts";
import type { Component, Property } from "#convert/ical/lines.ts";
import type { ItemBag } from "#convert/item.ts";
import type { Loss, SeriesParts } from "#convert/ical/overrides-read.ts";

const p = properties;

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

const recurrenceTypes = { daily: 1, weekly: 2, monthly: 3, yearly: 4 } as const;
const ruleNames = new Set(["DTSTART", "DTEND", "DURATION", "RRULE", "EXRULE", "EXDATE", "RDATE"]);

/** Tells whether the blob is still the one that rule lines were kept for. */
function ruleMark(blob: Uint8Array, zone: Uint8Array): string {
  return createHash("sha256").update(blob).update(zone).digest("hex").slice(0, 32);
}

/** When the series was last said, where only a part of its rule can be told. RFC 5545 §3.8.7.2, §3.8.7.3 */
function sinceOf(event: Component): LocalMinutes | undefined {
  const times: number[] = [];
  for (const name of ["DTSTAMP", "LAST-MODIFIED"]) {
    try {
      times.push(parseRuleTime(propertyOfName(event, name)?.value.trim() ?? "").local);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
    }
  }
  return times.length === 0 ? undefined : Math.max(...times);
}

/** The series of a rule, or one that stands for it where Exchange has no pattern. Throws Refusal. */
function seriesOfRule(source: RuleSource, event: Component): { recurrence: Recurrence; losses: readonly Loss[] } {
  const result = recurrenceOfRule(source);
  if (result.kind === "mapped") return { recurrence: result.recurrence, losses: result.differences };
  const cover = coverOfRule(source, sinceOf(event));
  if (cover === undefined) throw new Refusal(result.reason, result.detail);
  return { recurrence: cover.recurrence, losses: cover.differences };
}

/** The recurrence lines that an item came with, while its series is the one made of them. */
export function keptRuleOf(item: ItemBag): string[] | undefined {
  const blob = getProperty(item, p.PidLidAppointmentRecur);
  if (blob === undefined) return undefined;
  const zone = getProperty(item, p.PidLidAppointmentTimeZoneDefinitionRecur) ?? new Uint8Array(0);
  return keptRule(item, ruleMark(blob, zone));
}

/** After the zone of a series was told otherwise: the lines are still what its blob was made of. */
export function keepRuleAgain(item: ItemBag, lines: readonly string[]): void {
  const blob = getProperty(item, p.PidLidAppointmentRecur);
  const zone = getProperty(item, p.PidLidAppointmentTimeZoneDefinitionRecur) ?? new Uint8Array(0);
  if (blob !== undefined) keepRule(item, ruleMark(blob, zone), lines);
}

/** Makes a series of an item that was read from the event. Throws Refusal. [MS-OXCICAL] 2.1.3.2 */
export function setSeries(parts: SeriesParts, read: ReadEvent, context: EventContext, losses: Set<Loss>): void {
  const { event } = parts;
  const { item } = read;
  const found = seriesOfRule(readSource(event, read, context), event);
  for (const loss of found.losses) losses.add(loss);
  const overridden = readOverrides(parts, found.recurrence, read, context, losses);
  setRecurrence(read, overridden.recurrence, context);
  const mark = ruleMark(getProperty(item, p.PidLidAppointmentRecur)!,
    getProperty(item, p.PidLidAppointmentTimeZoneDefinitionRecur)!);
  const lines = event.properties.filter(({ name }) => ruleNames.has(name)).map(({ line }) => line);
  if (overridden.isKept) keepRule(item, mark, lines);
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

function setRecurrence(read: ReadEvent, recurrence: Recurrence, context: EventContext): void {
  const { item, times } = read;
  const { at } = times.start;
  const startMs = at.zone.toUtc(recurrence.start);
  const endMs = Math.max(startMs, at.zone.toUtc(recurrence.start + recurrence.durationMinutes));
  setTimes(item, startMs, endMs, times.isAllDay);
  if (startMs !== times.start.utcMs) context.blobs.setDisplay(item, at, times.endAt, startMs);
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
