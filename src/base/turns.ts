/** Work on many values at once without holding the thread that serves sockets. */
import { throwIfCancelled, yieldToOthers } from "#base/ctx.ts";
import type { Ctx } from "#base/ctx.ts";

/** Work that stops now and then, at most some milliseconds apart, so that others may have their turn. */
export type Steps<T> = Generator<void, T, void>;

/** How long such work keeps the thread before others get a turn. */
const turnMs = 6;

/** Throws Fault `cancelled` when nobody waits for the outcome any more. */
export async function inTurns<T>(ctx: Ctx, steps: Steps<T>): Promise<T> {
  let endMs = ctx.system.monotonicMs() + turnMs;
  for (let step = steps.next(); ; step = steps.next()) {
    if (step.done === true) return step.value;
    if (ctx.system.monotonicMs() < endMs) continue;
    await yieldToOthers();
    throwIfCancelled(ctx);
    endMs = ctx.system.monotonicMs() + turnMs;
  }
}

/** For whoever has few values: all at once. */
export function atOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** Values handled between two stops. */
export const valuesPerStep = 1000;

/** Sorts as `Array.prototype.sort` does; equal values keep their order. */
export function* sorting<T>(values: readonly T[], compare: (a: T, b: T) => number): Steps<T[]> {
  let runs: T[][] = [];
  for (let at = 0; at < values.length; at += valuesPerStep) {
    runs.push(values.slice(at, at + valuesPerStep).sort(compare));
    yield;
  }
  while (runs.length > 1) {
    const merged: T[][] = [];
    for (let at = 0; at < runs.length; at += 2) {
      merged.push(at + 1 < runs.length ? yield* merging(runs[at]!, runs[at + 1]!, compare) : runs[at]!);
    }
    runs = merged;
  }
  return runs[0] ?? [];
}

function* merging<T>(left: T[], right: T[], compare: (a: T, b: T) => number): Steps<T[]> {
  const merged: T[] = [];
  let leftAt = 0;
  let rightAt = 0;
  while (leftAt < left.length && rightAt < right.length) {
    merged.push(compare(left[leftAt]!, right[rightAt]!) <= 0 ? left[leftAt++]! : right[rightAt++]!);
    if (merged.length % valuesPerStep === 0) yield;
  }
  while (leftAt < left.length) merged.push(left[leftAt++]!);
  while (rightAt < right.length) merged.push(right[rightAt++]!);
  return merged;
}
