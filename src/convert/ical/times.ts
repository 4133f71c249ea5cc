/** Dates and times of a calendar, on the wall clock that each names. RFC 5545 §3.3.4 to §3.3.6 */
import { WireError } from "#base/fault.ts";
import { localToMs, minutesPerDay, msToLocal } from "#calendar/zones/dates.ts";
import { windowsIdOfIana } from "#calendar/zones/iana.ts";
import { matchZone } from "#calendar/zones/match.ts";
import { formatDate, formatDateTime, parseRuleTime } from "#calendar/zones/rule-text.ts";
import { readVtimezone } from "#calendar/zones/vtimezone-read.ts";
import { utcZone } from "#calendar/zones/zone.ts";
import { parameter } from "#convert/ical/lines.ts";
import { Recent } from "#convert/ical/recent.ts";
import type { LocalMinutes } from "#calendar/zones/dates.ts";
import type { Zone } from "#calendar/zones/zone.ts";
import type { ReadVtimezone } from "#calendar/zones/vtimezone-read.ts";
import type { Component, Property } from "#convert/ical/lines.ts";

/** How a time is written. RFC 5545 §3.3.5 */
export type TimeStyle = "date" | "floating" | "utc" | "zoned";

export interface ZoneOfTime {
  readonly zone: Zone;
  /** For the zone properties of an item: a Windows id, or what the zone is called. [MS-OXOCAL] 2.2.1.41 */
  readonly keyName: string;
  /** False for a TZID that nothing tells the rules of. */
  readonly isKnown: boolean;
}

export interface CalendarTime {
  readonly style: TimeStyle;
  readonly utcMs: number;
  /** Wall clock of its zone as if in UTC, seconds included. */
  readonly localMs: number;
  readonly local: LocalMinutes;
  readonly at: ZoneOfTime;
}

export const utcOfTime: ZoneOfTime = { zone: utcZone, keyName: "UTC", isKnown: true };

/** A VTIMEZONE as it was read; undefined for one that tells no rules. */
interface ToldZone {
  readonly told: ReadVtimezone | undefined;
  /** What its TZID means, by the year of the time. */
  readonly found: Recent<ZoneOfTime | null>;
}

/** Programs write the same VTIMEZONE into all they send: each is read once. */
const toldZones = new Recent<ToldZone>(300);
const toldLengthMax = 16_384;
/** Zones by their TZID alone. */
const namedZones = new Recent<ZoneOfTime | null>(1000);

const newToldZone = (lines: readonly string[]): ToldZone => ({ told: readOrNone(lines), found: new Recent(50) });

function toldZone(lines: readonly string[]): ToldZone {
  const text = lines.join("\n");
  return text.length > toldLengthMax ? newToldZone(lines) : toldZones.get(text, () => newToldZone(lines));
}

/** A zone that tells no rules may still be known by its name. */
function readOrNone(lines: readonly string[]): ReadVtimezone | undefined {
  try {
    return readVtimezone(lines);
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

/** Null for what nothing tells the rules of. */
function findZone(id: string, told: ReadVtimezone | undefined, year: number): ZoneOfTime | null {
  const match = matchZone({ ids: [id, ...(told?.otherIds ?? [])], zone: told?.zone, year });
  if (match.kind === "unknown") return null;
  if (match.kind === "custom") return { zone: match.zone, keyName: id.slice(0, 255), isKnown: true };
  return { zone: match.zone, keyName: match.windowsId ?? match.zone.name, isKnown: true };
}

/** Zones of one VCALENDAR by their TZID; what names no zone runs on the reader's own. */
export class CalendarZones {
  readonly own: ZoneOfTime;
  readonly #told = new Map<string, ToldZone>();

  constructor(calendar: Component | undefined, own: Zone) {
    this.own = { zone: own, keyName: own === utcZone ? "UTC" : windowsIdOfIana(own.name) ?? own.name, isKnown: true };
    for (const component of calendar?.components ?? []) {
      if (component.name !== "VTIMEZONE") continue;
      const zone = toldZone(component.lines);
      if (zone.told !== undefined && !this.#told.has(zone.told.id)) this.#told.set(zone.told.id, zone);
    }
  }

  of(tzid: string, year: number): ZoneOfTime {
    const id = tzid.trim();
    const zone = this.#told.get(id);
    const found = zone !== undefined ? zone.found.get(String(year), () => findZone(id, zone.told, year))
      : id.length > idLengthMax ? findZone(id, undefined, year)
        : namedZones.get(`${id}\0${year}`, () => findZone(id, undefined, year));
    return found ?? { ...this.own, isKnown: false };
  }
}

const idLengthMax = 255;

/** A DATE or DATE-TIME value of a property. Throws WireError. RFC 5545 §3.3.4, §3.3.5 */
export function readTime(text: string, tzid: string | undefined, zones: CalendarZones): CalendarTime {
  const time = parseRuleTime(text.trim());
  const { localMs, local } = time;
  if (time.isUtc) return { style: "utc", utcMs: localMs, localMs, local, at: utcOfTime };
  const year = Number(text.trim().slice(0, 4));
  const at = time.isDate || tzid === undefined ? zones.own : zones.of(tzid, year);
  const style = time.isDate ? "date" : tzid === undefined ? "floating" : "zoned";
  return { style, utcMs: at.zone.localMsToUtc(localMs), localMs, local, at };
}

export const readTimeOf = (property: Property, zones: CalendarZones): CalendarTime =>
  readTime(property.value, property.parameters.get("TZID"), zones);

export interface Duration {
  /** Days run on the wall clock, the rest does not. RFC 5545 §3.3.6 */
  readonly days: number;
  readonly ms: number;
}

const durationShape = /^([+-]?)P(?:(\d{1,6})W)?(?:(\d{1,6})D)?(?:T(?:(\d{1,8})H)?(?:(\d{1,8})M)?(?:(\d{1,9})S)?)?$/i;

/** RFC 5545 §3.3.6 */
export function parseDuration(text: string): Duration | undefined {
  const match = durationShape.exec(text.trim());
  if (match === null) return undefined;
  const [weeks, days, hours, minutes, seconds] = match.slice(2).map((part) => Number(part ?? 0)) as
    [number, number, number, number, number];
  const sign = match[1] === "-" ? -1 : 1;
  return { days: sign * (weeks * 7 + days), ms: sign * ((hours * 60 + minutes) * 60 + seconds) * 1000 };
}

/** The instant that much after a time. RFC 5545 §3.8.2.5 */
export function addDuration(time: CalendarTime, { days, ms }: Duration): number {
  return (days === 0 ? time.utcMs : time.at.zone.localMsToUtc(time.localMs + days * 86_400_000)) + ms;
}

/** UTC, with its seconds. RFC 5545 §3.3.5 */
export function utcText(utcMs: number): string {
  return `${localText(utcMs)}Z`;
}

function localText(ms: number): string {
  const local = msToLocal(ms);
  return formatDateTime(local, Math.floor((ms - localToMs(local)) / 1000));
}

/** A value and the parameters before it: `;TZID=Europe/Berlin:20261123T100000`. RFC 5545 §3.3.5 */
export function timeText(utcMs: number, style: TimeStyle, zone: Zone, tzid: string): string {
  if (style === "utc") return `:${utcText(utcMs)}`;
  const localMs = utcMs + zone.offsetAt(utcMs);
  if (style === "date") return `;VALUE=DATE:${formatDate(msToLocal(localMs))}`;
  return style === "floating" ? `:${localText(localMs)}` : `${parameter("TZID", tzid)}:${localText(localMs)}`;
}

/** Whole days between two instants on a wall clock. */
export const isMidnight = (utcMs: number, zone: Zone): boolean => zone.toLocal(utcMs) % minutesPerDay === 0 &&
  utcMs % 60_000 === 0;
