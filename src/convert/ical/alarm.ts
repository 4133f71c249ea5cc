/** VALARM as the one reminder that an item has. [MS-OXCICAL] 2.1.3.1.1.20.62 */
import { parseDuration, readTime } from "#convert/ical/times.ts";
import { propertyOfName } from "#convert/ical/lines.ts";
import type { CalendarZones } from "#convert/ical/times.ts";
import type { Component } from "#convert/ical/lines.ts";
import { WireError } from "#base/fault.ts";

/** When an alarm goes off, minutes before the start; undefined when it tells no time. RFC 5545 §3.8.6.3 */
function minutesBefore(alarm: Component, startMs: number, endMs: number, zones: CalendarZones): number | undefined {
  const trigger = propertyOfName(alarm, "TRIGGER");
  if (trigger === undefined) return undefined;
  const duration = parseDuration(trigger.value);
  if (duration !== undefined) {
    const fromEndMs = trigger.parameters.get("RELATED")?.toUpperCase() === "END" ? endMs - startMs : 0;
    return Math.floor(-(duration.days * 86_400_000 + duration.ms + fromEndMs) / 60_000);
  }
  try {
    return Math.floor((startMs - readTime(trigger.value, trigger.parameters.get("TZID"), zones).utcMs) / 60_000);
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

/** Minutes of PidLidReminderDelta that are left as they are, five years; others are cut. [MS-OXORMDR] 2.2.1.3 */
const deltaMax = 2_629_800;

/** PidLidReminderDelta, by the first alarm that shows or sounds; undefined for none. [MS-OXCICAL] 2.1.3.1.1.20.62 */
export function reminderOf(
  event: Component, startMs: number, endMs: number, zones: CalendarZones,
): number | undefined {
  for (const alarm of event.components) {
    if (alarm.name !== "VALARM") continue;
    const action = propertyOfName(alarm, "ACTION")?.value.trim().toUpperCase() ?? "DISPLAY";
    if (action !== "DISPLAY" && action !== "AUDIO") continue;
    const minutes = minutesBefore(alarm, startMs, endMs, zones);
    // A reminder after the start cannot be told: it comes with the start.
    if (minutes !== undefined) return Math.min(Math.max(minutes, 0), deltaMax);
  }
  return undefined;
}

export function alarmLines(deltaMinutes: number, description: string): string[] {
  return [
    "BEGIN:VALARM", "ACTION:DISPLAY", `DESCRIPTION:${description === "" ? "Reminder" : description}`,
    `TRIGGER:-PT${deltaMinutes}M`, "END:VALARM",
  ];
}
