import type { Cursor } from "#wire/imap/cursor.ts";
import { limits } from "#base/limits.ts";

/** `*` in a sequence set: the largest number in use. RFC 9051 §9 `seq-number` */
export const star = 0;

/** Two numbers in either order, each 1 to 2^32-1 or `star`. RFC 9051 §9 `seq-range` */
export interface SequenceRange {
  readonly first: number;
  readonly last: number;
}

export type SequenceSet = readonly SequenceRange[];

/** From `first` to `last`, both included, `first` at most `last`. */
export interface Interval {
  readonly first: number;
  readonly last: number;
}

/** `$`: what the last SEARCH with SAVE found. Compared by identity. RFC 9051 §6.4.4.1 */
export const savedResult: SequenceSet = [];

/** Message numbers or UIDs. RFC 9051 §9 `sequence-set` */
export function sequenceSet(cursor: Cursor): SequenceSet {
  return cursor.accept("$") ? savedResult : numberSet(cursor);
}

/** Numbers written out, without `$`. RFC 7162 §7 `known-uids` */
export function numberSet(cursor: Cursor): SequenceSet {
  const ranges: SequenceRange[] = [];
  do {
    if (ranges.length >= limits.imapSequenceRangesMax) {
      cursor.fail(`More than ${limits.imapSequenceRangesMax} ranges in a sequence set`);
    }
    const first = sequenceNumber(cursor);
    const last = cursor.accept(":") ? sequenceNumber(cursor) : first;
    ranges.push({ first, last });
  } while (cursor.accept(","));
  return ranges;
}

function sequenceNumber(cursor: Cursor): number {
  return cursor.accept("*") ? star : cursor.nonZero("a message number, UID or *");
}

/**
 * The numbers `set` names when `largest` is the largest in use: ascending and merged. Numbers written out may lie past
 * `largest`. With nothing in use (`largest` 0) a range with `*` names nothing. RFC 9051 §9 `seq-range`
 */
export function resolveSet(set: SequenceSet, largest: number): Interval[] {
  const intervals: { first: number; last: number }[] = [];
  for (const range of set) {
    const first = range.first === star ? largest : range.first;
    const last = range.last === star ? largest : range.last;
    if (first === 0 || last === 0) continue;
    intervals.push(first <= last ? { first, last } : { first: last, last: first });
  }
  return mergeIntervals(intervals);
}

/** The numbers of intervals, one by one. */
export function* numbersOf(intervals: Iterable<Interval>): Generator<number> {
  for (const { first, last } of intervals) for (let number = first; number <= last; number++) yield number;
}

function mergeIntervals(intervals: { first: number; last: number }[]): Interval[] {
  intervals.sort((a, b) => a.first - b.first);
  const merged: { first: number; last: number }[] = [];
  for (const interval of intervals) {
    const previous = merged[merged.length - 1];
    if (previous !== undefined && interval.first <= previous.last + 1) {
      if (interval.last > previous.last) previous.last = interval.last;
    } else {
      merged.push({ first: interval.first, last: interval.last });
    }
  }
  return merged;
}

/** Writes ascending numbers as ranges: `1:4,7`. RFC 9051 §9 `uid-set` */
export function encodeNumbers(numbers: Iterable<number>): string {
  let text = "";
  let first = 0;
  let last = 0;
  const flush = (): void => {
    if (first !== 0) text += `${text === "" ? "" : ","}${first === last ? first : `${first}:${last}`}`;
  };
  for (const number of numbers) {
    if (first !== 0 && number === last + 1) {
      last = number;
      continue;
    }
    flush();
    first = last = number;
  }
  flush();
  return text;
}
