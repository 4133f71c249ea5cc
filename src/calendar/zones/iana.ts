/** IANA zones, by the runtime's own copy of the time zone database. */
import { msOfYear } from "#calendar/zones/dates.ts";
import { Zone } from "#calendar/zones/zone.ts";
import type { ZoneChange, ZoneYear } from "#calendar/zones/zone.ts";
import { formerWindowsZones, windowsZones } from "#calendar/zones/windows-names.ts";

const zones = new Map<string, Zone | undefined>();
/** Names that are none are remembered too, up to this many. */
const zonesMax = 2000;
const idShape = /^[A-Za-z][A-Za-z0-9._+-]*(?:\/[A-Za-z0-9._+-]+){0,2}$/;

function yearOf(id: string, year: number): ZoneYear {
  const endMs = msOfYear(year + 1);
  let at = Temporal.Instant.fromEpochMilliseconds(msOfYear(year)).toZonedDateTimeISO(id);
  const firstOffsetMs = at.offsetNanoseconds / 1e6;
  const changes: ZoneChange[] = [];
  for (;;) {
    const next = at.getTimeZoneTransition("next");
    if (next === null || next.epochMilliseconds >= endMs) return { firstOffsetMs, changes };
    changes.push({ atMs: next.epochMilliseconds, offsetMs: next.offsetNanoseconds / 1e6 });
    at = next;
  }
}

/** Whether the runtime knows the id; offsets such as `+02:00` are none. */
function isKnown(id: string): boolean {
  if (id.length > 64 || !idShape.test(id)) return false;
  try {
    return new Temporal.ZonedDateTime(0n, id).timeZoneId !== "";
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** The zone of an IANA id or a link to one, in any case; undefined when there is none. */
export function ianaZone(id: string): Zone | undefined {
  const known = zones.get(id);
  if (known !== undefined || zones.has(id)) return known;
  let zone: Zone | undefined;
  if (isKnown(id)) {
    const spelled = new Temporal.ZonedDateTime(0n, id).timeZoneId;
    zone = spelled === id ? new Zone(id, (year) => yearOf(id, year)) : ianaZone(spelled);
  }
  if (zones.size < zonesMax) zones.set(id, zone);
  return zone;
}

const ianaOfWindows = new Map<string, string>();
const windowsOfIana = new Map<string, string>();
for (const [windowsId, list] of Object.entries(windowsZones)) {
  const ids = list.split(" ");
  ianaOfWindows.set(windowsId.toLowerCase(), ids[0]!);
  for (const id of ids) windowsOfIana.set(id, windowsId);
}
for (const [windowsId, id] of Object.entries(formerWindowsZones)) ianaOfWindows.set(windowsId.toLowerCase(), id);

/** The IANA zone that stands for a Windows id wherever nothing more is known. [MS-OXOCAL] 2.2.1.41 */
export function ianaOfWindowsId(windowsId: string): string | undefined {
  return ianaOfWindows.get(windowsId.toLowerCase());
}

/** The Windows id as Windows spells it, when it is one of today's. */
export function windowsIdOf(name: string): string | undefined {
  const iana = ianaOfWindowsId(name);
  const found = iana === undefined ? undefined : windowsOfIana.get(iana);
  return found?.toLowerCase() === name.toLowerCase() ? found : undefined;
}

const linked = new Map<string, string | undefined>();

/** The Windows id of an IANA zone or of a link to one; undefined when Windows has no such zone. [MS-OXOCAL] 2.2.1.41 */
export function windowsIdOfIana(id: string): string | undefined {
  const direct = windowsOfIana.get(id);
  if (direct !== undefined) return direct;
  if (linked.has(id)) return linked.get(id);
  if (!isKnown(id)) return undefined;
  const wanted = new Temporal.ZonedDateTime(0n, id);
  let found: string | undefined;
  for (const [iana, windowsId] of windowsOfIana) {
    if (!wanted.equals(new Temporal.ZonedDateTime(0n, iana))) continue;
    found = windowsId;
    break;
  }
  linked.set(wanted.timeZoneId, found);
  return found;
}
