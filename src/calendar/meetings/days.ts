/**
 * Whole days that came as iCalendar, which names no zone for them: they are days where their reader is, not in UTC.
 * [MS-OXCICAL] 2.1.3.1.1.20.10, RFC 5545 §3.3.4
 */
import { windowsIdOfIana } from "#calendar/zones/iana.ts";
import { utcZone } from "#calendar/zones/zone.ts";
import type { Zone } from "#calendar/zones/zone.ts";
import { properties } from "#props/registry.ts";
import { getProperty, setProperty } from "#convert/item.ts";
import { isException } from "#convert/ical/attachments.ts";
import { setTimes, ZoneProperties } from "#convert/ical/event-times.ts";
import { keepRuleAgain, keptRuleOf } from "#convert/ical/series-read.ts";
import { isMidnight } from "#convert/ical/times.ts";
import { zoneOfItem } from "#convert/ical/zones-write.ts";
import { toFileTime } from "#convert/mime/times.ts";
import { utcOf } from "#calendar/meetings/occurrences.ts";
import { copyItem } from "#calendar/meetings/parts.ts";
import type { ItemBag, ItemObject } from "#convert/item.ts";

const p = properties;

const instants = [
  p.PidLidExceptionReplaceTime, p.PidLidClipStart, p.PidLidClipEnd, p.PidLidOldWhenStartWhole, p.PidLidOldWhenEndWhole,
] as const;

function moveInstant(
  object: ItemObject, property: (typeof instants)[number] | typeof p.PidTagExceptionReplaceTime, zone: Zone,
): void {
  const time = getProperty(object, property);
  if (time === undefined || utcOf(time) >= lastMs) return;
  setProperty(object, property, toFileTime(zone.toUtc(utcZone.toLocal(utcOf(time)))));
}

/** A series without an end ends then. [MS-OXOCAL] 2.2.1.15 */
const lastMs = Date.UTC(4500, 0, 1);

function isPlainDay(item: ItemBag, startMs: number, endMs: number): boolean {
  if (getProperty(item, p.PidLidAppointmentSubType) !== true) return false;
  const found = zoneOfItem(item, "start", startMs);
  return (found === undefined || found.zone === utcZone) && isMidnight(startMs, utcZone) && isMidnight(endMs, utcZone);
}

function moveDay(item: ItemBag, zone: Zone, blobs: ZoneProperties): void {
  const [startMs, endMs] = [p.PidLidAppointmentStartWhole, p.PidLidAppointmentEndWhole].map((name) =>
    utcOf(getProperty(item, name) ?? 0n)) as [number, number];
  for (const property of instants) moveInstant(item, property, zone);
  if (!isPlainDay(item, startMs, endMs)) return;
  const [from, to] = [zone.toUtc(utcZone.toLocal(startMs)), zone.toUtc(utcZone.toLocal(endMs))];
  setTimes(item, from, to, true);
  const at = { zone, keyName: windowsIdOfIana(zone.name) ?? zone.name, isKnown: true };
  blobs.setDisplay(item, at, at, from);
  if (getProperty(item, p.PidLidRecurring) !== true) return;
  const lines = keptRuleOf(item);
  blobs.setRecur(item, at, from);
  if (lines !== undefined) keepRuleAgain(item, lines);
}

/** The message with its days where they are; the same where there is nothing to do. The series' dates stay. */
export function daysIn(message: ItemBag, zone: Zone | undefined): ItemBag {
  const start = getProperty(message, p.PidLidAppointmentStartWhole);
  const end = getProperty(message, p.PidLidAppointmentEndWhole);
  if (zone === undefined || zone === utcZone || start === undefined || end === undefined) return message;
  if (!isPlainDay(message, utcOf(start), utcOf(end))) return message;
  const item = copyItem(message);
  const blobs = new ZoneProperties();
  moveDay(item, zone, blobs);
  for (const attachment of item.attachments.filter(isException)) {
    moveInstant(attachment, p.PidTagExceptionReplaceTime, zone);
    if (attachment.embedded !== undefined) moveDay(attachment.embedded, zone, blobs);
  }
  return item;
}
