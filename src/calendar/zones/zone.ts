/**
 * A zone is a sequence of changes of its UTC offset. Whatever tells them (an IANA zone, Windows rules, a VTIMEZONE)
 * is asked once for each year; after that a conversion is a look at a few numbers.
 */
import { localToMs, msOfYear, msToLocal, yearOfMs } from "#calendar/zones/dates.ts";
import type { LocalMinutes } from "#calendar/zones/dates.ts";

/** From `atMs` (UTC) on local time is UTC + `offsetMs`. */
export interface ZoneChange {
  readonly atMs: number;
  readonly offsetMs: number;
}

/** One UTC year: the offset at its first instant and the changes after it, in order. */
export interface ZoneYear {
  readonly firstOffsetMs: number;
  readonly changes: readonly ZoneChange[];
}

export type ZoneSource = (year: number) => ZoneYear;

const yearMin = 1500;
const yearMax = 9999;
const yearsKeptMax = 500;
/** No zone was ever further from UTC than this, so an instant lies within it of its local time read as UTC. */
const offsetMaxMs = 26 * 3_600_000;

export class Zone {
  /** An IANA id, a Windows id or what the item called it. */
  readonly name: string;
  readonly #source: ZoneSource;
  readonly #years = new Map<number, ZoneYear>();
  #lastFromMs = 0;
  #lastToMs = 0;
  #lastOffsetMs = 0;

  constructor(name: string, source: ZoneSource) {
    this.name = name;
    this.#source = source;
  }

  /** Years that no calendar reaches are taken for the nearest that one does, so that few are ever kept. */
  year(year: number): ZoneYear {
    const asked = Math.min(Math.max(year, yearMin), yearMax);
    const known = this.#years.get(asked);
    if (known !== undefined) return known;
    const found = this.#source(asked);
    if (this.#years.size >= yearsKeptMax) this.#years.clear();
    this.#years.set(asked, found);
    return found;
  }

  /** What to add to UTC at an instant, milliseconds. */
  offsetAt(utcMs: number): number {
    if (utcMs >= this.#lastFromMs && utcMs < this.#lastToMs) return this.#lastOffsetMs;
    const yearNumber = yearOfMs(utcMs);
    const { firstOffsetMs, changes } = this.year(yearNumber);
    let offsetMs = firstOffsetMs;
    let fromMs = msOfYear(yearNumber);
    let toMs = msOfYear(yearNumber + 1);
    for (const change of changes) {
      if (change.atMs > utcMs) {
        toMs = change.atMs;
        break;
      }
      offsetMs = change.offsetMs;
      fromMs = change.atMs;
    }
    [this.#lastFromMs, this.#lastToMs, this.#lastOffsetMs] = [fromMs, toMs, offsetMs];
    return offsetMs;
  }

  toLocal(utcMs: number): LocalMinutes {
    return msToLocal(utcMs + this.offsetAt(utcMs));
  }

  /**
   * The instant of a wall clock time. A time that a change skips is moved on by what is skipped; of a time that comes
   * twice the first is meant.
   */
  toUtc(local: LocalMinutes): number {
    return this.localMsToUtc(localToMs(local));
  }

  localMsToUtc(localMs: number): number {
    const beforeMs = localMs - offsetMaxMs;
    const afterMs = localMs + offsetMaxMs;
    let offsetMs = this.offsetAt(beforeMs);
    if (beforeMs >= this.#lastFromMs && afterMs < this.#lastToMs) return localMs - offsetMs;
    for (const change of this.changesBetween(beforeMs, afterMs)) {
      // The period that ends here: does the wall clock show this time in it, or was it passed by?
      if (localMs - offsetMs < change.atMs) return localMs - offsetMs;
      if (localMs - change.offsetMs < change.atMs) return localMs - offsetMs;
      offsetMs = change.offsetMs;
    }
    return localMs - offsetMs;
  }

  /** Changes after `fromMs` up to and with `toMs`. */
  changesBetween(fromMs: number, toMs: number): ZoneChange[] {
    const found: ZoneChange[] = [];
    for (let year = yearOfMs(fromMs); year <= yearOfMs(toMs); year++) {
      for (const change of this.year(year).changes) {
        if (change.atMs > fromMs && change.atMs <= toMs) found.push(change);
      }
    }
    return found;
  }
}

/** Cuts a sorted sequence of changes down to one UTC year; `offsetMs` holds before the first of them. */
export function yearOfChanges(year: number, offsetMs: number, sorted: readonly ZoneChange[]): ZoneYear {
  const fromMs = msOfYear(year);
  const toMs = msOfYear(year + 1);
  let firstOffsetMs = offsetMs;
  let current = offsetMs;
  const changes: ZoneChange[] = [];
  for (const change of sorted) {
    if (change.atMs >= toMs) break;
    if (change.atMs <= fromMs) {
      firstOffsetMs = current = change.offsetMs;
    } else if (change.offsetMs !== current) {
      changes.push(change);
      current = change.offsetMs;
    }
  }
  return { firstOffsetMs, changes };
}

/** A zone that never changes. */
export function fixedZone(name: string, offsetMinutes: number): Zone {
  const year: ZoneYear = { firstOffsetMs: offsetMinutes * 60_000, changes: [] };
  return new Zone(name, () => year);
}

export const utcZone: Zone = fixedZone("UTC", 0);
