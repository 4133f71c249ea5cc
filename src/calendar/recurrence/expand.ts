/**
 * The occurrences of a series, in any window. The series runs on the wall clock of its zone; a start that a change of
 * the clock skips is shown as much later as was skipped, one that comes twice is the first, as Outlook shows them.
 */
import { limits } from "#base/limits.ts";
import { Fault } from "#base/fault.ts";
import { dayOfLocal, midnightOf, minutesPerDay, msOfYear } from "#calendar/zones/dates.ts";
import type { LocalMinutes } from "#calendar/zones/dates.ts";
import type { Modified, Recurrence } from "#calendar/recurrence/model.ts";
import { lengthOf, sequenceOf } from "#calendar/recurrence/sequence.ts";
import type { Sequence } from "#calendar/recurrence/sequence.ts";
import type { Zone } from "#calendar/zones/zone.ts";

export interface Occurrence {
  /** When the pattern has it: what names it, on the wall clock of the series' zone. */
  readonly original: LocalMinutes;
  readonly start: LocalMinutes;
  readonly end: LocalMinutes;
  /** Milliseconds since 1970. */
  readonly startUtcMs: number;
  readonly endUtcMs: number;
  readonly modified: Modified | undefined;
}

/** Occurrences that end after `fromUtcMs` and start before `toUtcMs`; those without length count by their start. */
export interface Window {
  readonly fromUtcMs: number;
  readonly toUtcMs: number;
}

/** Before any wall clock that counts from 1601. */
const earliestMs = msOfYear(1599);

/** Index of the first of sorted values that is not below `wanted`. */
function lowerBound(sorted: readonly LocalMinutes[], wanted: LocalMinutes): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A series made ready: expansions of it share what was worked out once. */
export class Series {
  readonly recurrence: Recurrence;
  readonly zone: Zone;
  readonly #sequence: Sequence;
  readonly #length: number;
  readonly #minuteOfDay: number;
  /** Originals that the pattern's own occurrence is replaced for. */
  readonly #replaced: readonly LocalMinutes[];

  /** Throws Fault `notSupported` when the pattern cannot be expanded. */
  constructor(recurrence: Recurrence, zone: Zone) {
    this.recurrence = recurrence;
    this.zone = zone;
    this.#sequence = sequenceOf(recurrence, dayOfLocal(recurrence.start));
    this.#length = lengthOf(this.#sequence, recurrence.end);
    this.#minuteOfDay = recurrence.start - midnightOf(recurrence.start);
    const originals = [...recurrence.deleted, ...recurrence.modified.map(({ original }) => original)];
    this.#replaced = originals.sort((one, other) => one - other);
  }

  /** Occurrences of the pattern, deleted and modified ones included; Infinity without an end. */
  get patternLength(): number {
    return this.#length;
  }

  /** When the pattern's occurrence `index` begins. */
  originalAt(index: number): LocalMinutes {
    return this.#sequence.dayAt(index) * minutesPerDay + this.#minuteOfDay;
  }

  /** The pattern's occurrence that begins at `original`, or undefined when it has none there. */
  indexOf(original: LocalMinutes): number | undefined {
    const index = this.#sequence.indexFrom(dayOfLocal(original));
    return index < this.#length && this.originalAt(index) === original ? index : undefined;
  }

  #isReplaced(original: LocalMinutes): boolean {
    return this.#replaced.length > 0 && this.#replaced[lowerBound(this.#replaced, original)] === original;
  }

  #occurrence(original: LocalMinutes, modified: Modified | undefined): Occurrence {
    const start = modified?.start ?? original;
    const end = modified?.end ?? original + this.recurrence.durationMinutes;
    const startUtcMs = this.zone.toUtc(start);
    const endUtcMs = end === start ? startUtcMs : Math.max(startUtcMs, this.zone.toUtc(end));
    return { original, start, end, startUtcMs, endUtcMs, modified };
  }

  /** The occurrence that is named by its original start, unless it is deleted or there is none. */
  occurrenceOf(original: LocalMinutes): Occurrence | undefined {
    const modified = this.recurrence.modified.find((one) => one.original === original);
    if (modified !== undefined) return this.#occurrence(original, modified);
    if (this.indexOf(original) === undefined || this.#isReplaced(original)) return undefined;
    return this.#occurrence(original, undefined);
  }

  /** Occurrences that begin at or after an instant, earliest first, as far as the caller goes on. */
  *from(utcMs: number): Generator<Occurrence, undefined> {
    const moved = this.recurrence.modified.map((one) => this.#occurrence(one.original, one))
      .filter(({ startUtcMs }) => startUtcMs >= utcMs)
      .sort((one, other) => one.startUtcMs - other.startUtcMs);
    let nextMoved = 0;
    const firstDay = dayOfLocal(this.zone.toLocal(utcMs)) - 1;
    let replacedInRow = 0;
    for (let index = this.#sequence.indexFrom(firstDay); index < this.#length; index++) {
      const original = this.originalAt(index);
      if (this.#isReplaced(original)) {
        // Past the last of the exceptions this cannot go on.
        if (++replacedInRow > this.#replaced.length) break;
        continue;
      }
      const occurrence = this.#occurrence(original, undefined);
      if (occurrence.startUtcMs < utcMs) continue;
      while (nextMoved < moved.length && moved[nextMoved]!.startUtcMs <= occurrence.startUtcMs) {
        yield moved[nextMoved++]!;
      }
      yield occurrence;
    }
    while (nextMoved < moved.length) yield moved[nextMoved++]!;
    return undefined;
  }

  /**
   * The occurrences in a window in order of their start. Throws Fault `tooMany` when there are more than `max`.
   */
  expand({ fromUtcMs, toUtcMs }: Window, max: number = limits.occurrencesPerExpansionMax): Occurrence[] {
    const { zone, recurrence } = this;
    const touches = ({ startUtcMs, endUtcMs }: Occurrence): boolean =>
      startUtcMs < toUtcMs && (endUtcMs > fromUtcMs || (endUtcMs === startUtcMs && startUtcMs >= fromUtcMs));
    // A day more on each side, for what changes of the clock move.
    const firstDay = dayOfLocal(zone.toLocal(fromUtcMs) - recurrence.durationMinutes) - 1;
    const lastDay = dayOfLocal(zone.toLocal(toUtcMs)) + 1;
    const found: Occurrence[] = [];
    for (let index = this.#sequence.indexFrom(firstDay); index < this.#length; index++) {
      const day = this.#sequence.dayAt(index);
      if (day > lastDay) break;
      const original = day * minutesPerDay + this.#minuteOfDay;
      if (this.#isReplaced(original)) continue;
      const occurrence = this.#occurrence(original, undefined);
      if (!touches(occurrence)) continue;
      if (found.length >= max) throw new Fault("tooMany", `more than ${max} occurrences in one window`);
      found.push(occurrence);
    }
    const plain = found.length;
    for (const modified of recurrence.modified) {
      const occurrence = this.#occurrence(modified.original, modified);
      if (touches(occurrence)) found.push(occurrence);
    }
    if (found.length > max) throw new Fault("tooMany", `more than ${max} occurrences in one window`);
    if (found.length > plain) found.sort((one, other) => one.startUtcMs - other.startUtcMs);
    return found;
  }

  /** The first occurrence there is, or undefined when all are deleted. */
  first(): Occurrence | undefined {
    for (const occurrence of this.from(earliestMs)) return occurrence;
    return undefined;
  }

  /** The last occurrence by its end, or undefined without an end or when all are deleted. */
  last(): Occurrence | undefined {
    if (this.#length === Number.POSITIVE_INFINITY) return undefined;
    let last: Occurrence | undefined;
    for (const modified of this.recurrence.modified) {
      const occurrence = this.#occurrence(modified.original, modified);
      if (last === undefined || occurrence.endUtcMs > last.endUtcMs) last = occurrence;
    }
    for (let index = this.#length - 1; index >= 0; index--) {
      const original = this.originalAt(index);
      if (this.#isReplaced(original)) continue;
      const occurrence = this.#occurrence(original, undefined);
      return last !== undefined && last.endUtcMs > occurrence.endUtcMs ? last : occurrence;
    }
    return last;
  }
}
