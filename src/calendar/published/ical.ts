/** A published calendar as iCalendar: each occurrence by itself, so that every program shows the same. RFC 5545 §3.4 */
import { freeBusyRow } from "#calendar/free-busy/states.ts";
import type { PublishedEvent } from "#calendar/published/events.ts";
import type { Zone } from "#calendar/zones/zone.ts";
import { escapeText, textOfLines } from "#convert/ical/lines.ts";

export interface IcalRequest {
  readonly name: string;
  /** When it was made. RFC 5545 §3.8.7.2 */
  readonly stampMs: number;
  /** Whose days whole days are. */
  readonly zone: Zone;
  /** Unique to the link: nobody can tell from it what the appointment is called elsewhere. RFC 5545 §3.8.4.7 */
  readonly uidOf: (key: string) => string;
  /** How often a program should look, minutes. RFC 7986 §5.7 */
  readonly refreshMinutes: number;
}

/** What stands for a subject that is not told; as Exchange writes it, which programs translate. */
export const stateSubjects = {
  free: "Free", workingElsewhere: "Working elsewhere", tentative: "Tentative", busy: "Busy", outOfOffice: "Away",
  noData: "Busy",
} as const;
export const privateSubject = "Private appointment";

export function subjectText({ subject, state, isPrivate }: PublishedEvent, detail: string): string {
  if (isPrivate && detail !== "availability") return privateSubject;
  return detail === "availability" || subject === "" ? stateSubjects[state] : subject;
}

const stamp = (utcMs: number): string => `${new Date(utcMs).toISOString().slice(0, 19).replaceAll(/[-:]/g, "")}Z`;
const day = (utcMs: number, zone: Zone): string =>
  new Date(utcMs + zone.offsetAt(utcMs)).toISOString().slice(0, 10).replaceAll("-", "");

/** [MS-OXCICAL] 2.1.3.1.1.20.31 */
const busyNames = {
  free: "FREE", workingElsewhere: "WORKINGELSEWHERE", tentative: "TENTATIVE", busy: "BUSY", outOfOffice: "OOF",
  noData: "BUSY",
} as const;

/** RFC 5545 §3.6.1, RFC 7986 §5 */
export function publishedIcal(events: readonly PublishedEvent[], detail: string, request: IcalRequest): string {
  const { name, stampMs, zone, uidOf, refreshMinutes } = request;
  const lines = [
    "BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Outpost//Published calendar//EN", "METHOD:PUBLISH",
    `NAME:${escapeText(name)}`, `X-WR-CALNAME:${escapeText(name)}`,
    `REFRESH-INTERVAL;VALUE=DURATION:PT${refreshMinutes}M`, `X-PUBLISHED-TTL:PT${refreshMinutes}M`,
  ];
  for (const event of events) {
    const { startUtcMs, endUtcMs, isAllDay, state, location, description, isPrivate, key } = event;
    lines.push("BEGIN:VEVENT", `UID:${uidOf(key)}`, `DTSTAMP:${stamp(stampMs)}`);
    if (isAllDay) {
      // DTEND is the day after the last one, and never the first itself. RFC 5545 §3.6.1
      const [first, next] = [day(startUtcMs, zone), day(endUtcMs, zone)];
      const end = next > first ? next : day(startUtcMs + 36 * 3_600_000, zone);
      lines.push(`DTSTART;VALUE=DATE:${first}`, `DTEND;VALUE=DATE:${end}`);
    } else {
      lines.push(`DTSTART:${stamp(startUtcMs)}`, `DTEND:${stamp(endUtcMs)}`);
    }
    lines.push(`SUMMARY:${escapeText(subjectText(event, detail))}`);
    if (location !== "") lines.push(`LOCATION:${escapeText(location)}`);
    if (description !== "") lines.push(`DESCRIPTION:${escapeText(description)}`);
    const isFree = freeBusyRow(state).ical === "FREE";
    lines.push(`TRANSP:${isFree ? "TRANSPARENT" : "OPAQUE"}`, `X-MICROSOFT-CDO-BUSYSTATUS:${busyNames[state]}`);
    if (isPrivate) lines.push("CLASS:PRIVATE");
    lines.push("END:VEVENT");
  }
  lines.push("END:VCALENDAR");
  return textOfLines(lines);
}
