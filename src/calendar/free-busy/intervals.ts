/** Times with a state: merged so that each moment has one, and cut to a window. */
import { instancesOfAll } from "#calendar/occurrences/instances.ts";
import type { Appointment } from "#calendar/occurrences/appointment.ts";
import type { Instance } from "#calendar/occurrences/instances.ts";
import { freeBusyStates, rankOf, stateOfBusyStatus, stateOfRank } from "#calendar/free-busy/states.ts";
import type { FreeBusyState } from "#calendar/free-busy/states.ts";
import type { Window } from "#calendar/recurrence/expand.ts";

/** The end is not part of it. */
export interface FreeBusyInterval {
  readonly startUtcMs: number;
  readonly endUtcMs: number;
  readonly state: FreeBusyState;
}

/** A canceled appointment takes no time. [MS-OXOCAL] 2.2.1.10 */
export const intervalOf = ({ startUtcMs, endUtcMs, busyStatus, appointment }: Instance): FreeBusyInterval =>
  ({ startUtcMs, endUtcMs, state: appointment.isCanceled ? "free" : stateOfBusyStatus(busyStatus) });

/** Every instance in the window as it is, in order of their starts; merged by `mergeIntervals`. */
export function intervalsOf(appointments: Iterable<Appointment>, window: Window): FreeBusyInterval[] {
  return instancesOfAll(appointments, window).map(intervalOf);
}

interface Edge {
  readonly atMs: number;
  readonly rank: number;
  readonly step: 1 | -1;
}

/**
 * Intervals in order that touch nowhere with the same state and overlap nowhere: where several hold, the one counts
 * that hides the others. Free time is what is left out.
 */
export function mergeIntervals(intervals: Iterable<FreeBusyInterval>): FreeBusyInterval[] {
  const edges: Edge[] = [];
  for (const { startUtcMs, endUtcMs, state } of intervals) {
    const rank = rankOf(state);
    if (endUtcMs <= startUtcMs || rank === 0) continue;
    edges.push({ atMs: startUtcMs, rank, step: 1 }, { atMs: endUtcMs, rank, step: -1 });
  }
  edges.sort((one, other) => one.atMs - other.atMs);
  const open = freeBusyStates.map(() => 0);
  const merged: FreeBusyInterval[] = [];
  let current = 0;
  let sinceMs = 0;
  for (let at = 0; at < edges.length;) {
    const { atMs } = edges[at]!;
    for (; at < edges.length && edges[at]!.atMs === atMs; at++) open[edges[at]!.rank]! += edges[at]!.step;
    let top = open.length - 1;
    while (top > 0 && open[top] === 0) top--;
    if (top === current) continue;
    if (current > 0) merged.push({ startUtcMs: sinceMs, endUtcMs: atMs, state: stateOfRank(current) });
    [current, sinceMs] = [top, atMs];
  }
  return merged;
}

/** What of the intervals lies in the window. */
export function cutIntervals(
  intervals: readonly FreeBusyInterval[], { fromUtcMs, toUtcMs }: Window,
): FreeBusyInterval[] {
  const found: FreeBusyInterval[] = [];
  for (const { startUtcMs, endUtcMs, state } of intervals) {
    const [start, end] = [Math.max(startUtcMs, fromUtcMs), Math.min(endUtcMs, toUtcMs)];
    if (end > start) found.push({ startUtcMs: start, endUtcMs: end, state });
  }
  return found;
}

/** Walks along merged intervals: asked for times that only go on, each interval is looked at once or twice. */
export class IntervalWalk {
  readonly #merged: readonly FreeBusyInterval[];
  #next = 0;

  constructor(merged: readonly FreeBusyInterval[]) {
    this.#merged = merged;
  }

  /** The state that counts in a time; times must be asked for in order of their starts. */
  stateIn(startUtcMs: number, endUtcMs: number): FreeBusyState {
    const merged = this.#merged;
    while (this.#next < merged.length && merged[this.#next]!.endUtcMs <= startUtcMs) this.#next++;
    let rank = 0;
    for (let at = this.#next; at < merged.length && merged[at]!.startUtcMs < endUtcMs; at++) {
      rank = Math.max(rank, rankOf(merged[at]!.state));
    }
    return stateOfRank(rank);
  }
}
