/** What tests of the calendar's rooms share: appointments told as iCalendar, windows and instants as text. */
import { appointmentOf } from "#calendar/occurrences/appointment.ts";
import type { Appointment } from "#calendar/occurrences/appointment.ts";
import type { Window } from "#calendar/recurrence/expand.ts";
import { ianaZone } from "#calendar/zones/iana.ts";
import type { Zone } from "#calendar/zones/zone.ts";
import { readCalendars } from "#convert/ical/calendar-read.ts";
import type { ItemBag } from "#convert/item.ts";

export function zoneNamed(id: string): Zone {
  const zone = ianaZone(id);
  if (zone === undefined) throw new Error(`no zone ${id}`);
  return zone;
}

export const berlin: Zone = zoneNamed("Europe/Berlin");
export const newYork: Zone = zoneNamed("America/New_York");

/** The one item that the lines of events make: a series and its changed occurrences are one. */
export function itemFrom(events: readonly (readonly string[])[], zone: Zone = berlin, owner = ""): ItemBag {
  const lines = events.flatMap((one) => [
    "BEGIN:VEVENT", ...(one.some((line) => line.startsWith("UID:")) ? [] : ["UID:one@example.org"]),
    "DTSTAMP:20260101T000000Z", ...one, "END:VEVENT",
  ]);
  const text = ["BEGIN:VCALENDAR", "VERSION:2.0", ...lines, "END:VCALENDAR", ""].join("\r\n");
  const objects = readCalendars(text, { zone, owner }).flatMap((calendar) => calendar.objects);
  const [object, ...rest] = objects;
  if (object === undefined || object.kind === "refused" || rest.length > 0) {
    throw new Error(`${objects.length} objects: ${object?.kind === "refused" ? object.detail : ""}`);
  }
  return object.item;
}

export function appointmentFrom(
  events: readonly (readonly string[])[], viewer: Zone = berlin, zone: Zone = berlin, owner = "",
): Appointment {
  const appointment = appointmentOf(itemFrom(events, zone, owner), viewer);
  if (appointment === undefined) throw new Error("no appointment");
  return appointment;
}

/** `2026-11-23T10:00Z` */
export const at = (text: string): number => {
  const utcMs = Date.parse(text);
  if (Number.isNaN(utcMs)) throw new Error(text);
  return utcMs;
};

export const windowOf = (from: string, to: string): Window => ({ fromUtcMs: at(from), toUtcMs: at(to) });

export const instantText = (utcMs: number): string => new Date(utcMs).toISOString().replace(":00.000Z", "Z");
