/**
 * What one reader has read in one folder, as ranges of UIDs: ascending, apart from each other, each with the change
 * number at which it became so. What is in no range is unread and never changed. Pure.
 */
import { limits } from "#base/limits.ts";

export interface ReadRange {
  readonly first: number;
  readonly last: number;
  readonly isRead: boolean;
  readonly modSeq: number;
}

/** The index of the first range that ends at `uid` or after it. */
export function rangeIndex(ranges: readonly ReadRange[], uid: number): number {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ranges[middle]!.last < uid) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function rangeAt(ranges: readonly ReadRange[], uid: number): ReadRange | undefined {
  const found = ranges[rangeIndex(ranges, uid)];
  return found !== undefined && found.first <= uid ? found : undefined;
}

/** The ranges with `news` put over them; both ascending. One pass, however many there are. */
export function withRanges(before: readonly ReadRange[], news: readonly ReadRange[]): ReadRange[] {
  const after: ReadRange[] = [];
  let at = 0;
  /** What a new range left over of the old one at `at`. */
  let rest: ReadRange | undefined = before[0];
  const next = (): void => {
    at++;
    rest = before[at];
  };
  for (const one of news) {
    while (rest !== undefined && rest.last < one.first) {
      after.push(rest);
      next();
    }
    if (rest !== undefined && rest.first < one.first) after.push({ ...rest, last: one.first - 1 });
    after.push(one);
    while (rest !== undefined && rest.last <= one.last) next();
    if (rest !== undefined && rest.first <= one.last) rest = { ...rest, first: one.last + 1 };
  }
  while (rest !== undefined) {
    after.push(rest);
    next();
  }
  return after.length < limits.readerRangesCompactMin ? after : compactRanges(after);
}

/**
 * Neighbours that say the same become one, under the newer change number: a client that has not seen it hears once more
 * what it knows already, and nobody misses anything. The newest change stays apart, since it is told now.
 */
export function compactRanges(ranges: readonly ReadRange[]): ReadRange[] {
  const newest = ranges.reduce((found, { modSeq }) => Math.max(found, modSeq), 0);
  const after: ReadRange[] = [];
  for (const one of ranges) {
    const last = after.at(-1);
    const joins = last !== undefined && last.last + 1 === one.first && last.isRead === one.isRead &&
      (one.modSeq < newest) === (last.modSeq < newest);
    if (joins) after[after.length - 1] = { ...last, last: one.last, modSeq: Math.max(last.modSeq, one.modSeq) };
    else after.push(one);
  }
  return after;
}

/** What to write so that stored ranges `before` become `after`: first UIDs of those that go, and those to put. */
export function rangeChanges(
  before: readonly ReadRange[], after: readonly ReadRange[],
): { gone: number[]; put: ReadRange[] } {
  const known = new Map(before.map((range) => [range.first, range]));
  const put: ReadRange[] = [];
  for (const range of after) {
    const old = known.get(range.first);
    known.delete(range.first);
    const isSame = old !== undefined && old.last === range.last && old.isRead === range.isRead &&
      old.modSeq === range.modSeq;
    if (!isSame) put.push(range);
  }
  return { gone: [...known.keys()], put };
}
