/** Which instances of a request meet what already stands in a calendar. */
import type { Instance } from "#calendar/occurrences/instances.ts";
import { intervalOf } from "#calendar/free-busy/intervals.ts";
import { isConflict } from "#calendar/free-busy/states.ts";

export interface BookingConflict {
  /** Of the request. */
  readonly instance: Instance;
  /** What takes its time already; the earliest of them. */
  readonly taken: Instance;
}

/** Both in order of their starts. Each instance has one conflict at most. */
export function conflictsOf(wanted: readonly Instance[], standing: readonly Instance[]): BookingConflict[] {
  const taken = standing.filter((one) => one.endUtcMs > one.startUtcMs && isConflict(intervalOf(one).state));
  /** How far what began up to there reaches. */
  const reach: number[] = [];
  for (const { endUtcMs } of taken) reach.push(Math.max(reach.at(-1) ?? Number.NEGATIVE_INFINITY, endUtcMs));
  const found: BookingConflict[] = [];
  for (const instance of wanted) {
    if (instance.endUtcMs <= instance.startUtcMs) continue;
    const first = firstAbove(reach, instance.startUtcMs);
    const one = taken[first];
    // Of those that reach past the start the first is the one that made the reach grow, so it overlaps if any does.
    if (one !== undefined && one.startUtcMs < instance.endUtcMs) found.push({ instance, taken: one });
  }
  return found;
}

/** Index of the first of ascending values that is above `bound`. */
function firstAbove(ascending: readonly number[], bound: number): number {
  let [low, high] = [0, ascending.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ascending[middle]! > bound) high = middle;
    else low = middle + 1;
  }
  return low;
}
