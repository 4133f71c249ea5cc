/** Why a booking is answered as it is, in words for the one who asked. */
import { limits } from "#base/limits.ts";
import type { BookingConflict } from "#calendar/booking/conflicts.ts";
import type { CalendarProcessing } from "#calendar/booking/policy.ts";
import { dayNames } from "#calendar/free-busy/working-hours-xml.ts";
import { dayOfLocal, localText, weekdayOfDays } from "#calendar/zones/dates.ts";
import type { Zone } from "#calendar/zones/zone.ts";
import { getProperty } from "#convert/item.ts";
import { properties } from "#props/registry.ts";

const p = properties;

/** What a policy can have against a request; each may be let pass by a delegate. */
export type PolicyBreach =
  | { readonly kind: "recurring" }
  | { readonly kind: "tooLong"; readonly minutes: number; readonly maxMinutes: number }
  | { readonly kind: "tooShort"; readonly minutes: number; readonly minMinutes: number }
  | { readonly kind: "beyondWindow"; readonly days: number; readonly endUtcMs: number }
  | { readonly kind: "endsBeyondWindow"; readonly days: number; readonly endUtcMs: number }
  | { readonly kind: "outsideWorkHours" }
  | { readonly kind: "tooManyPeople"; readonly people: number; readonly capacity: number };

function lengthText(minutes: number): string {
  const [days, hours, rest] = [Math.floor(minutes / 1440), Math.floor((minutes % 1440) / 60), minutes % 60];
  const part = (count: number, unit: string): string[] =>
    (count === 0 ? [] : [`${count} ${unit}${count === 1 ? "" : "s"}`]);
  const parts = [...part(days, "day"), ...part(hours, "hour"), ...part(rest, "minute")];
  return parts.length === 0 ? "0 minutes" : parts.join(" ");
}

const daysText = (days: number): string => (days === 1 ? "1 day" : `${days} days`);

/** `Monday, 2026-11-23`. */
export function dateText(utcMs: number, zone: Zone): string {
  const local = zone.toLocal(utcMs);
  return `${dayNames[weekdayOfDays(dayOfLocal(local))]}, ${localText(local).slice(0, 10)}`;
}

const clockText = (utcMs: number, zone: Zone): string => localText(zone.toLocal(utcMs)).slice(11);

/** `Monday, 2026-11-23, 10:00–11:00`; the second date only when it is another one. */
export function timeText(startUtcMs: number, endUtcMs: number, zone: Zone): string {
  const [from, to] = [dateText(startUtcMs, zone), dateText(endUtcMs, zone)];
  const start = `${from}, ${clockText(startUtcMs, zone)}`;
  return from === to ? `${start}–${clockText(endUtcMs, zone)}` : `${start} – ${to}, ${clockText(endUtcMs, zone)}`;
}

export function breachText(breach: PolicyBreach, zone: Zone): string {
  switch (breach.kind) {
    case "recurring": return "Recurring meetings cannot be booked here.";
    case "tooLong":
      return `The meeting lasts ${lengthText(breach.minutes)}; ` +
        `at most ${lengthText(breach.maxMinutes)} can be booked.`;
    case "tooShort":
      return `The meeting lasts ${lengthText(breach.minutes)}; ` +
        `at least ${lengthText(breach.minMinutes)} can be booked.`;
    case "beyondWindow":
      return `The meeting is too far ahead: bookings are taken ${daysText(breach.days)} ahead, ` +
        `until ${dateText(breach.endUtcMs - 1, zone)}.`;
    case "endsBeyondWindow":
      return `The series goes on for too long: bookings are taken ${daysText(breach.days)} ahead. ` +
        `Let it end by ${dateText(breach.endUtcMs - 1, zone)}.`;
    case "outsideWorkHours": return "The meeting is outside of the working hours.";
    case "tooManyPeople":
      return `${breach.people} people are invited; there is room for ${breach.capacity}.`;
  }
}

/** Organizers are named unless the policy keeps them or the appointment is private. */
function conflictText({ instance, taken }: BookingConflict, zone: Zone, policy: CalendarProcessing): string {
  const when = timeText(instance.startUtcMs, instance.endUtcMs, zone);
  const { item, isPrivate } = taken.appointment;
  const name = getProperty(item, p.PidTagSentRepresentingName) ?? "";
  const isTold = policy.OrganizerInfo && !isPrivate && name !== "";
  return isTold ? `- ${when}: booked by ${name.slice(0, 100)}` : `- ${when}`;
}

export function conflictTexts(
  conflicts: readonly BookingConflict[], zone: Zone, policy: CalendarProcessing,
): string[] {
  const told = conflicts.slice(0, limits.bookingConflictsToldMax).map((one) => conflictText(one, zone, policy));
  const left = conflicts.length - told.length;
  return left === 0 ? told : [...told, `- and ${left} more`];
}

/** The body of an answer: what was decided, why, in which zone times are, and what the policy adds. */
export function answerText(
  decision: string, details: readonly string[], zone: Zone, policy: CalendarProcessing,
): string {
  const parts = [decision];
  if (policy.EnableResponseDetails && details.length > 0) {
    parts.push(details.join("\r\n"), `Times are in ${zone.name}.`);
  }
  if (policy.AddAdditionalResponse && policy.AdditionalResponse !== "") parts.push(policy.AdditionalResponse);
  return parts.join("\r\n\r\n");
}
