/**
 * Which zone an item means: by its id when that is one, else by rules that are the same, never by an offset. Rules that
 * no known zone has make a zone of their own.
 */
import { ianaOfWindowsId, ianaZone, windowsIdOf, windowsIdOfIana } from "#calendar/zones/iana.ts";
import { ruleOfYear, sameInYear, signatureOfYear, zoneOfRules } from "#calendar/zones/rule.ts";
import { windowsZones } from "#calendar/zones/windows-names.ts";
import { utcZone } from "#calendar/zones/zone.ts";
import type { Zone } from "#calendar/zones/zone.ts";

export interface ZoneHint {
  /** What the item calls the zone, best first; display names and names in any language may be among them. */
  readonly ids: readonly string[];
  /** The rules that came with it, as a zone. */
  readonly zone?: Zone | undefined;
  /** The local year of the item. */
  readonly year: number;
  /** Windows ids to choose first among zones of the same rules: the reader's own. */
  readonly preferred?: readonly string[];
}

export type ZoneMatch =
  | {
    readonly kind: "named";
    readonly by: "id" | "rule";
    /** An IANA zone. */
    readonly zone: Zone;
    readonly windowsId: string | undefined;
    /** Windows ids whose rules are the same in that year, when found by rule. */
    readonly alike: readonly string[];
  }
  /** Rules that are nobody's, or one offset all year. */
  | { readonly kind: "custom"; readonly zone: Zone }
  /** Neither an id that is known nor rules. */
  | { readonly kind: "unknown" };

const yearsCompared = 5;
const indexesMax = 64;
const indexes = new Map<number, ReadonlyMap<string, readonly string[]>>();

/** What the rule of a year says for that year and some more; undefined when the zone keeps one offset or fits none. */
function signatureOf(zone: Zone, year: number): string | undefined {
  const found = ruleOfYear(zone, year);
  if (!found.fits || found.rule.standardDate.month === 0) return undefined;
  const byRule = zoneOfRules(zone.name, [{ fromYear: year, rule: found.rule }]);
  const years = Array.from({ length: yearsCompared }, (_, index) => signatureOfYear(byRule, year + index));
  return years.join("|");
}

function indexOfYear(year: number): ReadonlyMap<string, readonly string[]> {
  const known = indexes.get(year);
  if (known !== undefined) return known;
  const index = new Map<string, string[]>();
  for (const [windowsId, list] of Object.entries(windowsZones)) {
    const signature = signatureOf(ianaZone(list.split(" ", 1)[0]!)!, year);
    if (signature === undefined) continue;
    const ids = index.get(signature) ?? [];
    ids.push(windowsId);
    index.set(signature, ids);
  }
  if (indexes.size >= indexesMax) indexes.delete(indexes.keys().next().value!);
  indexes.set(year, index);
  return index;
}

/** Windows ids whose rules in a year are those of `zone`, in the order of the table; none for a fixed offset. */
export function windowsIdsAlike(zone: Zone, year: number): readonly string[] {
  const signature = signatureOf(zone, year);
  return signature === undefined ? [] : indexOfYear(year).get(signature) ?? [];
}

const utcIds = new Set([
  "utc", "gmt", "z", "etc/utc", "etc/gmt", "coordinated universal time", "tzone://microsoft/utc",
]);

/** The names in an id: itself, and the end of a path such as `/mozilla.org/20050126_1/Europe/Berlin`. */
function namesIn(id: string): string[] {
  const clean = id.trim().replace(/^"(.*)"$/, "$1");
  if (!clean.startsWith("/")) return [clean];
  const segments = clean.split("/").slice(-3);
  return [clean, ...segments.map((_, index) => segments.slice(index).join("/")).filter((name) => name.includes("/"))];
}

const displayShape = /^\((?:UTC|GMT)(?:([+-])(\d{1,2}):?(\d{2}))?\)\s*(.{1,300})$/i;
let cities: ReadonlyMap<string, readonly string[]> | undefined;

/** IANA ids by the city in them, "new york" for America/New_York. */
function idsByCity(): ReadonlyMap<string, readonly string[]> {
  if (cities !== undefined) return cities;
  const found = new Map<string, string[]>();
  for (const id of Object.values(windowsZones).flatMap((list) => list.split(" "))) {
    const city = id.slice(id.lastIndexOf("/") + 1).replaceAll("_", " ").toLowerCase();
    found.set(city, [...found.get(city) ?? [], id]);
  }
  cities = found;
  return found;
}

/**
 * A zone by what Windows shows for it, "(UTC+01:00) Amsterdam, Berlin, …", and nothing with it: the first city that a
 * zone is called by and that has this offset in winter or summer.
 */
function zoneOfDisplayName(name: string): Zone | undefined {
  const match = displayShape.exec(name.trim());
  if (match === null) return undefined;
  const [, sign, hours = "0", minutes = "0", places = ""] = match;
  const offsetMs = (sign === "-" ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * 60_000;
  for (const place of places.split(",").slice(0, 20)) {
    for (const id of idsByCity().get(place.trim().toLowerCase()) ?? []) {
      const zone = ianaZone(id);
      const fits = zone !== undefined && [Date.UTC(2026, 0, 1), Date.UTC(2026, 6, 1)]
        .some((utcMs) => zone.offsetAt(utcMs) === offsetMs);
      if (fits) return zone;
    }
  }
  return undefined;
}

/** The zone of a Windows id, an IANA id or a known way to write one. [MS-OXOCAL] 2.2.1.41, RFC 5545 §3.2.19 */
export function zoneOfId(id: string): Zone | undefined {
  if (utcIds.has(id.trim().toLowerCase())) return utcZone;
  for (const name of namesIn(id)) {
    const iana = ianaOfWindowsId(name);
    const zone = ianaZone(iana ?? name);
    if (zone !== undefined) return zone;
  }
  return zoneOfDisplayName(id);
}

/** Short IANA names such as EST are also what people call zones with other rules. */
const isSureName = (id: string): boolean =>
  id.includes("/") || ianaOfWindowsId(id) !== undefined || utcIds.has(id.trim().toLowerCase());

const windowsIdFor = (id: string, zone: Zone): string | undefined =>
  zone === utcZone ? "UTC" : windowsIdOf(id.trim()) ?? windowsIdOfIana(zone.name);

/** [MS-OXOCAL] 2.2.1.39 to 2.2.1.43, RFC 5545 §3.6.5 */
export function matchZone(hint: ZoneHint): ZoneMatch {
  const { ids, zone: given, year, preferred = [] } = hint;
  for (const id of ids) {
    const zone = zoneOfId(id);
    if (zone === undefined) continue;
    if (given !== undefined && !isSureName(id) && !sameInYear(zone, given, year)) continue;
    return { kind: "named", by: "id", zone, windowsId: windowsIdFor(id, zone), alike: [] };
  }
  if (given === undefined) return { kind: "unknown" };
  const alike = windowsIdsAlike(given, year);
  const windowsId = preferred.find((id) => alike.includes(id)) ?? alike[0];
  if (windowsId === undefined) return { kind: "custom", zone: given };
  return { kind: "named", by: "rule", zone: ianaZone(ianaOfWindowsId(windowsId)!)!, windowsId, alike };
}
