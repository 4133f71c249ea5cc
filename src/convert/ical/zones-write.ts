/** How the times of an item are written, and the VTIMEZONEs that this needs. [MS-OXCICAL] 2.1.3.1.1.19 */
import { WireError } from "#base/fault.ts";
import { minutesPerDay, yearOfMs } from "#calendar/zones/dates.ts";
import { zoneOfAppointment } from "#calendar/zones/definition.ts";
import { windowsIdOfIana } from "#calendar/zones/iana.ts";
import { zoneOfId } from "#calendar/zones/match.ts";
import { decodeTimeZoneDefinition, decodeTimeZoneStruct } from "#calendar/zones/tables.ts";
import { writeVtimezone } from "#calendar/zones/vtimezone-write.ts";
import { fixedZone, utcZone } from "#calendar/zones/zone.ts";
import { properties } from "#props/registry.ts";
import { getProperty } from "#convert/item.ts";
import { propertyOfName } from "#convert/ical/lines.ts";
import { isMidnight } from "#convert/ical/times.ts";
import type { TimeZoneDefinition } from "#calendar/zones/tables.ts";
import type { Zone } from "#calendar/zones/zone.ts";
import type { Component } from "#convert/ical/lines.ts";
import type { TimeStyle } from "#convert/ical/times.ts";
import type { ItemBag } from "#convert/item.ts";

const p = properties;

export interface WrittenStyle {
  readonly style: TimeStyle;
  readonly zone: Zone;
  readonly tzid: string;
}

/** A zone property that is broken is none. */
function orNone<T>(decode: (bytes: Uint8Array) => T, bytes: Uint8Array | undefined): T | undefined {
  if (bytes === undefined) return undefined;
  try {
    return decode(bytes);
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

interface ItemZone {
  readonly zone: Zone;
  readonly keyName: string;
}

/** The zone of a series, or of the start or end of one appointment; undefined when the item tells none. */
export function zoneOfItem(item: ItemBag, which: "start" | "end", utcMs: number): ItemZone | undefined {
  const isSeries = which === "start" && getProperty(item, p.PidLidRecurring) === true;
  const recur = isSeries ? getProperty(item, p.PidLidAppointmentTimeZoneDefinitionRecur) : undefined;
  const display = which === "end" ? getProperty(item, p.PidLidAppointmentTimeZoneDefinitionEndDisplay)
    : getProperty(item, p.PidLidAppointmentTimeZoneDefinitionStartDisplay);
  const definition: TimeZoneDefinition | undefined = orNone(decodeTimeZoneDefinition, recur ?? display);
  const struct = isSeries ? orNone(decodeTimeZoneStruct, getProperty(item, p.PidLidTimeZoneStruct)) : undefined;
  const description = isSeries ? getProperty(item, p.PidLidTimeZoneDescription) : undefined;
  const match = zoneOfAppointment({ definition, struct, description, year: yearOfMs(utcMs) });
  if (match.kind === "unknown") return undefined;
  return { zone: match.zone, keyName: definition?.keyName ?? description ?? match.zone.name };
}

/** The name that the zone had, as long as it is still that zone. */
function keptTzid(kept: Component, name: string, { keyName }: ItemZone): { tzid: string; zone?: Zone } | undefined {
  const tzid = propertyOfName(kept, name)?.parameters.get("TZID")?.trim();
  if (tzid === undefined || tzid === "" || /[\x00-\x1f"]/.test(tzid)) return undefined;
  const zone = zoneOfId(tzid);
  if (zone === undefined) return tzid === keyName ? { tzid } : undefined;
  const known = zone === utcZone ? "UTC" : windowsIdOfIana(zone.name) ?? zone.name;
  return known === keyName ? { tzid, zone } : undefined;
}

/** Where a whole day that names no zone begins at midnight: the reader's own zone, else at the offset that fits. */
function dayZone(own: Zone, utcMs: number): Zone {
  if (isMidnight(utcMs, own)) return own;
  const minute = ((Math.round(utcMs / 60_000) % minutesPerDay) + minutesPerDay) % minutesPerDay;
  return fixedZone("day", minute > minutesPerDay / 2 ? minutesPerDay - minute : -minute);
}

/** [MS-OXCICAL] 2.1.3.1.1.20.8, 2.1.3.1.1.20.10 */
export function styleOf(
  item: ItemBag, which: "start" | "end", kept: Component, utcMs: number, own: Zone,
): WrittenStyle {
  const found = zoneOfItem(item, which, utcMs);
  const isAllDay = getProperty(item, p.PidLidAppointmentSubType) === true;
  const zone = found?.zone ?? (isAllDay ? dayZone(own, utcMs) : utcZone);
  if (isAllDay) return { style: "date", zone, tzid: "" };
  if (found === undefined) return { style: "utc", zone: utcZone, tzid: "" };
  const name = which === "start" ? "DTSTART" : propertyOfName(kept, "DTEND") === undefined ? "DTSTART" : "DTEND";
  const line = propertyOfName(kept, name);
  const hadZone = line === undefined || line.parameters.has("TZID") || /Z\s*$/i.test(line.value);
  if (!hadZone && found.keyName === keyNameOf(own)) return { style: "floating", zone: own, tzid: "" };
  const same = keptTzid(kept, name, found);
  if (same !== undefined) return { style: "zoned", zone: same.zone ?? zone, tzid: same.tzid };
  if (zone === utcZone) return { style: "utc", zone, tzid: "" };
  const tzid = zone.name.replaceAll(/[\x00-\x1f"]/g, "_").trim();
  return { style: "zoned", zone, tzid: tzid === "" ? "Custom" : tzid };
}

const keyNameOf = (zone: Zone): string => (zone === utcZone ? "UTC" : windowsIdOfIana(zone.name) ?? zone.name);

interface UsedZone {
  readonly zone: Zone;
  fromYear: number;
  toYear: number;
}

/** Zones that the events of a calendar use, each written once. */
export class UsedZones {
  readonly #used = new Map<string, UsedZone>();

  use({ style, zone, tzid }: WrittenStyle, fromMs: number, toMs: number): void {
    if (style !== "zoned") return;
    const [fromYear, toYear] = [yearOfMs(fromMs + zone.offsetAt(fromMs)), yearOfMs(toMs) + 1];
    const used = this.#used.get(tzid);
    if (used === undefined) {
      this.#used.set(tzid, { zone, fromYear, toYear });
      return;
    }
    used.fromYear = Math.min(used.fromYear, fromYear);
    used.toYear = Math.max(used.toYear, toYear);
  }

  /** RFC 5545 §3.6.5 */
  lines(): string[] {
    const sorted = [...this.#used].sort(([one], [other]) => (one < other ? -1 : 1));
    return sorted.flatMap(([tzid, { zone, fromYear, toYear }]) => writeVtimezone(zone, tzid, fromYear, toYear));
  }
}
