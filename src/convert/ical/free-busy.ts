/** VFREEBUSY both ways: requests for busy times, their answers, and what is published. RFC 5545 §3.6.4 */
import { WireError } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { utcZone } from "#calendar/zones/zone.ts";
import type { Zone } from "#calendar/zones/zone.ts";
import {
  escapeText, parameter, parseComponents, propertiesOf, propertyOfName, textOf, textOfLines,
} from "#convert/ical/lines.ts";
import { CalendarZones, addDuration, parseDuration, readTime, readTimeOf, utcText } from "#convert/ical/times.ts";
import type { Component, Property } from "#convert/ical/lines.ts";

/** RFC 5545 §3.2.9 */
export const freeBusyTypes = ["FREE", "BUSY", "BUSY-UNAVAILABLE", "BUSY-TENTATIVE"] as const;
export type FreeBusyType = (typeof freeBusyTypes)[number];

export interface FreeBusyPeriod {
  readonly startUtcMs: number;
  readonly endUtcMs: number;
  readonly type: FreeBusyType;
  /** X-MICROSOFT-CDO-BUSYSTATUS of the period, in upper case; empty when it has none. [MS-OXCICAL] 2.1.3.1.1.20.31 */
  readonly busyStatus: string;
}

export interface FreeBusyPerson {
  /** A calendar address: `mailto:` and an address, as a rule. RFC 5545 §3.3.3 */
  readonly address: string;
  readonly name: string;
}

export interface FreeBusyObject {
  readonly uid: string;
  readonly organizer: FreeBusyPerson | undefined;
  readonly attendees: readonly FreeBusyPerson[];
  /** Undefined when the object tells none. */
  readonly startUtcMs: number | undefined;
  readonly endUtcMs: number | undefined;
  readonly periods: readonly FreeBusyPeriod[];
  readonly comment: string;
  readonly url: string;
}

export interface WriteFreeBusyOptions {
  /** REQUEST, REPLY or PUBLISH; else none. RFC 5546 §3.3 */
  readonly method?: string;
  /** When the object is made. RFC 5545 §3.8.7.2 */
  readonly stampUtcMs: number;
}

const periodsPerLine = 20;

function personLine(name: string, person: FreeBusyPerson): string {
  const address = person.address.replaceAll(/[\x00-\x20\x7f]/g, "");
  const isUri = /^[A-Za-z][A-Za-z0-9+.-]*:/.test(address);
  return `${name}${parameter("CN", person.name)}:${isUri ? address : `mailto:${address}`}`;
}

/** Periods in order, as many of one kind that follow each other as fit on a line. RFC 5545 §3.8.2.6 */
function periodLines(periods: readonly FreeBusyPeriod[]): string[] {
  const sorted = [...periods].sort((one, other) => one.startUtcMs - other.startUtcMs);
  const groups = new Map<string, string[]>();
  for (const { startUtcMs, endUtcMs, type, busyStatus } of sorted) {
    if (endUtcMs <= startUtcMs) continue;
    const head = `FREEBUSY;FBTYPE=${type}${parameter("X-MICROSOFT-CDO-BUSYSTATUS", busyStatus)}`;
    const list = groups.get(head) ?? [];
    list.push(`${utcText(startUtcMs)}/${utcText(endUtcMs)}`);
    groups.set(head, list);
  }
  const lines: string[] = [];
  for (const [head, list] of groups) {
    for (let at = 0; at < list.length; at += periodsPerLine) {
      lines.push(`${head}:${list.slice(at, at + periodsPerLine).join(",")}`);
    }
  }
  return lines;
}

/** One VCALENDAR with a VFREEBUSY for each object. RFC 5545 §3.6.4 */
export function writeFreeBusy(objects: readonly FreeBusyObject[], options: WriteFreeBusyOptions): string {
  const method = options.method ?? "";
  const lines = ["BEGIN:VCALENDAR", "PRODID:-//Outpost//Outpost//EN", "VERSION:2.0"];
  if (/^[A-Z-]+$/.test(method)) lines.push(`METHOD:${method}`);
  for (const { uid, organizer, attendees, startUtcMs, endUtcMs, periods, comment, url } of objects) {
    lines.push("BEGIN:VFREEBUSY", `UID:${escapeText(uid)}`, `DTSTAMP:${utcText(options.stampUtcMs)}`);
    if (organizer !== undefined) lines.push(personLine("ORGANIZER", organizer));
    lines.push(...attendees.map((one) => personLine("ATTENDEE", one)));
    if (startUtcMs !== undefined) lines.push(`DTSTART:${utcText(startUtcMs)}`);
    if (endUtcMs !== undefined) lines.push(`DTEND:${utcText(endUtcMs)}`);
    lines.push(...periodLines(periods));
    if (comment !== "") lines.push(`COMMENT:${escapeText(comment)}`);
    if (url !== "" && !/[\x00-\x20\x7f]/.test(url)) lines.push(`URL:${url}`);
    lines.push("END:VFREEBUSY");
  }
  return textOfLines([...lines, "END:VCALENDAR"]);
}

/** A type that nobody knows is busy. RFC 5545 §3.2.9 */
function typeOf(property: Property): FreeBusyType {
  const told = property.parameters.get("FBTYPE")?.trim().toUpperCase();
  return freeBusyTypes.find((type) => type === told) ?? "BUSY";
}

function periodOf(text: string, property: Property, zones: CalendarZones): FreeBusyPeriod | undefined {
  const slash = text.indexOf("/");
  if (slash < 0) throw new WireError(`"${text.slice(0, 40)}" is no period`, 0);
  const tzid = property.parameters.get("TZID");
  const start = readTime(text.slice(0, slash), tzid, zones);
  const rest = text.slice(slash + 1);
  const duration = parseDuration(rest);
  const endUtcMs = duration === undefined ? readTime(rest, tzid, zones).utcMs : addDuration(start, duration);
  if (endUtcMs <= start.utcMs) return undefined;
  const busyStatus = (property.parameters.get("X-MICROSOFT-CDO-BUSYSTATUS") ?? "").trim().toUpperCase().slice(0, 40);
  return { startUtcMs: start.utcMs, endUtcMs, type: typeOf(property), busyStatus };
}

function periodsOf(component: Component, zones: CalendarZones): FreeBusyPeriod[] {
  const periods: FreeBusyPeriod[] = [];
  for (const property of propertiesOf(component, "FREEBUSY")) {
    for (const text of property.value.split(",")) {
      if (text.trim() === "") continue;
      const period = periodOf(text.trim(), property, zones);
      if (period === undefined) continue;
      if (periods.length >= limits.freeBusyPeriodsMax) throw new WireError("too many FREEBUSY periods", 0);
      periods.push(period);
    }
  }
  return periods.sort((one, other) => one.startUtcMs - other.startUtcMs);
}

const personOf = ({ value, parameters }: Property): FreeBusyPerson =>
  ({ address: value.trim(), name: parameters.get("CN") ?? "" });

function objectOf(component: Component, zones: CalendarZones): FreeBusyObject {
  const start = propertyOfName(component, "DTSTART");
  const end = propertyOfName(component, "DTEND");
  const organizer = propertyOfName(component, "ORGANIZER");
  return {
    uid: (textOf(component, "UID") ?? "").trim(), organizer: organizer && personOf(organizer),
    attendees: propertiesOf(component, "ATTENDEE").slice(0, limits.suggestionAttendeesMax).map(personOf),
    startUtcMs: start && readTimeOf(start, zones).utcMs, endUtcMs: end && readTimeOf(end, zones).utcMs,
    periods: periodsOf(component, zones), comment: textOf(component, "COMMENT") ?? "",
    url: propertyOfName(component, "URL")?.value.trim() ?? "",
  };
}

export interface ReadFreeBusy {
  /** Upper case; empty when there is none. RFC 5545 §3.7.2 */
  readonly method: string;
  readonly objects: readonly FreeBusyObject[];
}

/** Some programs leave out what should be around a VFREEBUSY. */
const wrapped = (text: string): string =>
  (/^\ufeff?\s*BEGIN:VFREEBUSY/i.test(text) ? `BEGIN:VCALENDAR\r\n${text.trim()}\r\nEND:VCALENDAR` : text);

/**
 * The VFREEBUSYs of the first VCALENDAR in a text that has any; floating times are in `own`. Throws WireError for a
 * text without a VCALENDAR, a broken time, or more of anything than is bounded. RFC 5545 §3.6.4
 */
export function readFreeBusy(text: string, own: Zone = utcZone): ReadFreeBusy {
  const calendars = parseComponents(wrapped(text));
  const isFreeBusy = ({ name }: Component): boolean => name === "VFREEBUSY";
  const calendar = calendars.find(({ components }) => components.some(isFreeBusy)) ?? calendars[0];
  if (calendar === undefined) throw new WireError("the text has no VCALENDAR", 0);
  const zones = new CalendarZones(calendar, own);
  const components = calendar.components.filter(isFreeBusy);
  if (components.length > limits.suggestionAttendeesMax) throw new WireError("too many VFREEBUSYs", 0);
  return {
    method: (propertyOfName(calendar, "METHOD")?.value ?? "").trim().toUpperCase().slice(0, 40),
    objects: components.map((component) => objectOf(component, zones)),
  };
}
