/**
 * Free/busy as it is published for others: months, and for each the minutes from its beginning in UTC. The properties
 * of the free/busy message of one person. [MS-OXOPFFB] 2.2.1.2
 */
import { WireError } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { cutIntervals, mergeIntervals } from "#calendar/free-busy/intervals.ts";
import type { FreeBusyInterval } from "#calendar/free-busy/intervals.ts";
import type { FreeBusyState } from "#calendar/free-busy/states.ts";
import type { Window } from "#calendar/recurrence/expand.ts";
import {
  daysFromCivil, epochOffsetMs, localToMs, minutesPerDay, monthIndexOfDays, monthOfMonthIndex, msToLocal,
  yearOfMonthIndex,
} from "#calendar/zones/dates.ts";
import { decode, encode } from "#codec/binary/code.ts";
import { listOfRest, struct } from "#codec/binary/combine.ts";
import { u16 } from "#codec/binary/numbers.ts";
import { properties } from "#props/registry.ts";
import type { PropertyBag, PropertyTag, ReadonlyPropertyBag } from "#props/types.ts";

const p = properties;

/** Start and end in minutes from the beginning of the month. [MS-OXOPFFB] 2.2.1.2.2 */
const Block = struct({ start: u16, end: u16 });
const BlockList = listOfRest(Block);

/** Which states a pair of properties tells. [MS-OXOPFFB] 2.2.1.2.1 to 2.2.1.2.8 */
const pairs = [
  {
    months: p.PidTagScheduleInfoMonthsTentative, blocks: p.PidTagScheduleInfoFreeBusyTentative,
    states: ["tentative"],
  },
  { months: p.PidTagScheduleInfoMonthsBusy, blocks: p.PidTagScheduleInfoFreeBusyBusy, states: ["busy"] },
  { months: p.PidTagScheduleInfoMonthsAway, blocks: p.PidTagScheduleInfoFreeBusyAway, states: ["outOfOffice"] },
  {
    months: p.PidTagScheduleInfoMonthsMerged, blocks: p.PidTagScheduleInfoFreeBusyMerged,
    states: ["busy", "outOfOffice"],
  },
] as const satisfies readonly { states: readonly FreeBusyState[]; [name: string]: unknown }[];

const minuteMs = 60_000;
/** Midnight of the first day of a month, minutes since 1601 in UTC. */
const monthStart = (monthIndex: number): number =>
  daysFromCivil(yearOfMonthIndex(monthIndex), monthOfMonthIndex(monthIndex), 1) * minutesPerDay;

/** A month in the list of months: year × 16 + month. [MS-OXOPFFB] 2.2.1.2.1 */
const monthValue = (monthIndex: number): number =>
  yearOfMonthIndex(monthIndex) * 16 + monthOfMonthIndex(monthIndex);

interface Minutes {
  readonly start: number;
  readonly end: number;
}

/** Whole minutes, those that touch put together: a second of an appointment takes its minute. */
function minutesOf(intervals: readonly FreeBusyInterval[]): Minutes[] {
  const found: Minutes[] = [];
  for (const { startUtcMs, endUtcMs } of intervals) {
    const start = Math.floor((startUtcMs + epochOffsetMs) / minuteMs);
    const end = Math.ceil((endUtcMs + epochOffsetMs) / minuteMs);
    const last = found.at(-1);
    if (last === undefined || last.end < start) found.push({ start, end });
    else found[found.length - 1] = { start: last.start, end: Math.max(last.end, end) };
  }
  return found;
}

/** Cut at the ends of months. */
function blocksByMonth(minutes: readonly Minutes[]): Map<number, Minutes[]> {
  const months = new Map<number, Minutes[]>();
  for (const { start, end } of minutes) {
    for (let from = start; from < end;) {
      const month = monthIndexOfDays(Math.floor(from / minutesPerDay));
      const [first, next] = [monthStart(month), monthStart(month + 1)];
      const list = months.get(month) ?? [];
      list.push({ start: from - first, end: Math.min(end, next) - first });
      months.set(month, list);
      from = next;
    }
  }
  return months;
}

export interface PublishedProperties {
  readonly set: PropertyBag;
  /** Those that a message must not have: there is nothing of that state. [MS-OXOPFFB] 2.2.1.2.1 */
  readonly remove: readonly PropertyTag[];
}

/**
 * The properties of a free/busy message for a range of whole minutes. `timeMs` is when it is made. Who works elsewhere
 * is published as free, as there is no property for it. [MS-OXOPFFB] 2.2.1.2
 */
export function publishedProperties(
  intervals: Iterable<FreeBusyInterval>, range: Window, timeMs: number,
): PublishedProperties {
  const all = [...intervals];
  const set: PropertyBag = new Map();
  const remove: PropertyTag[] = [];
  for (const { months, blocks, states } of pairs) {
    const wanted = all.filter(({ state }) => (states as readonly FreeBusyState[]).includes(state))
      .map((one): FreeBusyInterval => ({ ...one, state: "busy" }));
    const found = blocksByMonth(minutesOf(cutIntervals(mergeIntervals(wanted), range)));
    if (found.size === 0) {
      remove.push(months.tag, blocks.tag);
      continue;
    }
    set.set(months.tag, [...found.keys()].map(monthValue));
    set.set(blocks.tag, [...found.values()].map((list) => encode(BlockList, list)));
  }
  set.set(p.PidTagFreeBusyPublishStart.tag, msToLocal(range.fromUtcMs));
  set.set(p.PidTagFreeBusyPublishEnd.tag, msToLocal(range.toUtcMs));
  set.set(p.PidTagFreeBusyRangeTimestamp.tag, BigInt(Math.trunc(timeMs) + epochOffsetMs) * 10_000n);
  return { set, remove };
}

/**
 * The range to publish: from the beginning of the month that `nowMs` is in, `months` months. [MS-OXOPFFB] 2.2.1.2.9,
 * 2.2.1.2.10, PidTagFreeBusyCountMonths
 */
export function publishRange(nowMs: number, months: number): Window {
  const month = monthIndexOfDays(Math.floor(msToLocal(nowMs) / minutesPerDay));
  return { fromUtcMs: localToMs(monthStart(month)), toUtcMs: localToMs(monthStart(month + Math.max(1, months))) };
}

export interface PublishedFreeBusy {
  /** Outside of it nothing is known. */
  readonly range: Window;
  /** Merged. */
  readonly intervals: readonly FreeBusyInterval[];
}

function monthIndexOf(value: number): number {
  const [year, month] = [Math.floor(value / 16), value % 16];
  if (month < 1 || month > 12 || year < 1601 || year > 4500) throw new WireError(`month value ${value}`, 0);
  return (year - 1601) * 12 + month - 1;
}

/**
 * What a free/busy message says; undefined when it has no range. Where a person is busy by the merged property alone,
 * busy it is. Throws WireError for blocks or months that make no sense. [MS-OXOPFFB] 2.2.1.2
 */
export function readPublished(bag: ReadonlyPropertyBag): PublishedFreeBusy | undefined {
  const start = bag.get(p.PidTagFreeBusyPublishStart.tag);
  const end = bag.get(p.PidTagFreeBusyPublishEnd.tag);
  if (typeof start !== "number" || typeof end !== "number" || end <= start) return undefined;
  const intervals: FreeBusyInterval[] = [];
  for (const { months, blocks, states } of pairs) {
    const monthList = (bag.get(months.tag) ?? []) as readonly number[];
    const blockList = (bag.get(blocks.tag) ?? []) as readonly Uint8Array[];
    if (monthList.length !== blockList.length) throw new WireError("as many months as lists of blocks", 0);
    monthList.forEach((value, index) => {
      const first = monthStart(monthIndexOf(value));
      for (const block of decode(BlockList, blockList[index]!)) {
        if (block.end < block.start) throw new WireError("a block ends before it starts", 0);
        if (intervals.length >= limits.freeBusyPeriodsMax) throw new WireError("too many blocks", 0);
        intervals.push({
          startUtcMs: localToMs(first + block.start), endUtcMs: localToMs(first + block.end), state: states[0],
        });
      }
    });
  }
  const range = { fromUtcMs: localToMs(start), toUtcMs: localToMs(end) };
  return { range, intervals: cutIntervals(mergeIntervals(intervals), range) };
}

/** The same for a window: what lies outside of the range is not known. */
export function publishedIn({ range, intervals }: PublishedFreeBusy, window: Window): FreeBusyInterval[] {
  const unknown: FreeBusyInterval[] = [
    { startUtcMs: window.fromUtcMs, endUtcMs: Math.min(window.toUtcMs, range.fromUtcMs), state: "noData" },
    { startUtcMs: Math.max(window.fromUtcMs, range.toUtcMs), endUtcMs: window.toUtcMs, state: "noData" },
  ];
  return mergeIntervals([...unknown, ...cutIntervals(intervals, window)]);
}
