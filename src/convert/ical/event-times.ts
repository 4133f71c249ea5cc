/** When an event is, and in which zones. [MS-OXCICAL] 2.1.3.1.1.20.7 to 2.1.3.1.1.20.10 */
import { WireError } from "#base/fault.ts";
import { epochOffsetMs, msOfYear, yearOfMs } from "#calendar/zones/dates.ts";
import { timeZoneDefinitionOf, timeZoneStructOf } from "#calendar/zones/definition.ts";
import { encodeTimeZoneDefinition, encodeTimeZoneStruct } from "#calendar/zones/tables.ts";
import { properties } from "#props/registry.ts";
import { setProperty } from "#convert/item.ts";
import { toFileTime } from "#convert/mime/times.ts";
import { Refusal } from "#convert/ical/refusal.ts";
import { propertyOfName } from "#convert/ical/lines.ts";
import { addDuration, isMidnight, parseDuration, readTimeOf } from "#convert/ical/times.ts";
import { Recent } from "#convert/ical/recent.ts";
import type { Zone } from "#calendar/zones/zone.ts";
import type { CalendarTime, CalendarZones, ZoneOfTime } from "#convert/ical/times.ts";
import type { Component } from "#convert/ical/lines.ts";
import type { ItemBag } from "#convert/item.ts";

const p = properties;

export interface EventTimes {
  readonly start: CalendarTime;
  readonly endMs: number;
  /** The zone that the end is shown in. */
  readonly endAt: ZoneOfTime;
  readonly isAllDay: boolean;
}

const lastMs = msOfYear(4500);

function endOf(event: Component, start: CalendarTime, zones: CalendarZones): { endMs: number; endAt: ZoneOfTime } {
  const given = propertyOfName(event, "DTEND");
  if (given !== undefined) {
    const end = readTimeOf(given, zones);
    return { endMs: end.utcMs, endAt: end.at };
  }
  const text = propertyOfName(event, "DURATION")?.value;
  const duration = text === undefined ? undefined : parseDuration(text);
  const day = start.style === "date" ? { days: 1, ms: 0 } : { days: 0, ms: 0 };
  return { endMs: addDuration(start, duration ?? day), endAt: start.at };
}

/** Throws Refusal when the event tells no time that an item can hold. RFC 5545 §3.6.1 */
export function eventTimes(event: Component, zones: CalendarZones): EventTimes {
  const given = propertyOfName(event, "DTSTART");
  if (given === undefined) throw new Refusal("noStart");
  try {
    const start = readTimeOf(given, zones);
    const { endMs: told, endAt } = endOf(event, start, zones);
    if (start.utcMs < -epochOffsetMs + 2 * 86_400_000 || Math.max(told, start.utcMs) >= lastMs) {
      throw new Refusal("timeOutOfRange");
    }
    // A day that ends as it begins is that day. [MS-OXCICAL] 2.1.3.1.1.20.8
    const isEmptyDay = start.style === "date" && told <= start.utcMs;
    const endMs = isEmptyDay ? addDuration(start, { days: 1, ms: 0 }) : Math.max(told, start.utcMs);
    const isMarked = propertyOfName(event, "X-MICROSOFT-CDO-ALLDAYEVENT")?.value.trim().toUpperCase() === "TRUE";
    const isWhole = isMidnight(start.utcMs, start.at.zone) && isMidnight(endMs, start.at.zone) && endMs > start.utcMs;
    return { start, endMs, endAt, isAllDay: start.style === "date" || (isMarked && isWhole) };
  } catch (error) {
    if (error instanceof WireError) throw new Refusal("badTime", error.message);
    throw error;
  }
}

export function setTimes(item: ItemBag, startMs: number, endMs: number, isAllDay: boolean): void {
  const [start, end] = [toFileTime(startMs), toFileTime(endMs)];
  setProperty(item, p.PidLidAppointmentStartWhole, start);
  setProperty(item, p.PidLidAppointmentEndWhole, end);
  setProperty(item, p.PidLidCommonStart, start);
  setProperty(item, p.PidLidCommonEnd, end);
  setProperty(item, p.PidTagStartDate, start);
  setProperty(item, p.PidTagEndDate, end);
  setProperty(item, p.PidLidAppointmentDuration, Math.floor((endMs - startMs) / 60_000));
  setProperty(item, p.PidLidAppointmentSubType, isAllDay);
}

interface ZoneBlobs {
  readonly display: Uint8Array;
  readonly recur: Uint8Array;
  readonly struct: Uint8Array;
}

/** Years of rules that a series carries along. */
const recurYears = 10;

/** Each made when it is asked for, and once. */
class LazyBlobs implements ZoneBlobs {
  readonly #zone: Zone;
  readonly #keyName: string;
  readonly #year: number;
  #display: Uint8Array | undefined;
  #recur: Uint8Array | undefined;
  #struct: Uint8Array | undefined;

  constructor(zone: Zone, keyName: string, year: number) {
    this.#zone = zone;
    this.#keyName = keyName;
    this.#year = year;
  }

  #definition(toYear: number, isRecurring: boolean): Uint8Array {
    const range = { fromYear: this.#year, year: this.#year, toYear, isRecurring };
    return encodeTimeZoneDefinition(timeZoneDefinitionOf(this.#zone, this.#keyName, range).value);
  }

  get display(): Uint8Array {
    return this.#display ??= this.#definition(this.#year + 1, false);
  }

  get recur(): Uint8Array {
    return this.#recur ??= this.#definition(this.#year + recurYears, true);
  }

  get struct(): Uint8Array {
    return this.#struct ??= encodeTimeZoneStruct(timeZoneStructOf(this.#zone, this.#year).value);
  }
}

/** By zone, so that what a calendar tells of its own goes with it. */
const madeOfZones = new WeakMap<Zone, Recent<ZoneBlobs>>();
const madeOfZoneMax = 20;

/** Zone properties, made once for each zone and year. */
export class ZoneProperties {
  #of({ zone, keyName }: ZoneOfTime, utcMs: number): ZoneBlobs {
    const year = yearOfMs(utcMs + zone.offsetAt(utcMs));
    let made = madeOfZones.get(zone);
    if (made === undefined) {
      made = new Recent(madeOfZoneMax);
      madeOfZones.set(zone, made);
    }
    return made.get(`${year} ${keyName}`, () => new LazyBlobs(zone, keyName, year));
  }

  /** [MS-OXOCAL] 2.2.1.42, 2.2.1.43 */
  setDisplay(item: ItemBag, start: ZoneOfTime, end: ZoneOfTime, startMs: number): void {
    setProperty(item, p.PidLidAppointmentTimeZoneDefinitionStartDisplay, this.#of(start, startMs).display);
    setProperty(item, p.PidLidAppointmentTimeZoneDefinitionEndDisplay, this.#of(end, startMs).display);
  }

  /** [MS-OXOCAL] 2.2.1.39 to 2.2.1.41 */
  setRecur(item: ItemBag, at: ZoneOfTime, startMs: number): void {
    const { recur, struct } = this.#of(at, startMs);
    setProperty(item, p.PidLidAppointmentTimeZoneDefinitionRecur, recur);
    setProperty(item, p.PidLidTimeZoneStruct, struct);
    setProperty(item, p.PidLidTimeZoneDescription, at.keyName);
  }
}
