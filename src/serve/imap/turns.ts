/** Work on many values at once without holding the thread that serves sockets. */
import type { Ctx } from "#base/ctx.ts";
import { throwIfCancelled, yieldToOthers } from "#base/ctx.ts";

/** Values sorted between two turns of others. */
const runLength = 2000;
const stepsPerTurn = 20_000;

/** Sorts as `Array.prototype.sort` does, in turns; equal values keep their order. */
export async function sortInTurns<T>(ctx: Ctx, values: readonly T[], compare: (a: T, b: T) => number): Promise<T[]> {
  let runs: T[][] = [];
  for (let at = 0; at < values.length; at += runLength) {
    runs.push(values.slice(at, at + runLength).sort(compare));
    await giveWay(ctx, values.length);
  }
  while (runs.length > 1) {
    const merged: T[][] = [];
    for (let at = 0; at < runs.length; at += 2) {
      merged.push(at + 1 < runs.length ? await merge(ctx, runs[at]!, runs[at + 1]!, compare) : runs[at]!);
    }
    runs = merged;
  }
  return runs[0] ?? [];
}

async function merge<T>(ctx: Ctx, left: T[], right: T[], compare: (a: T, b: T) => number): Promise<T[]> {
  const merged: T[] = [];
  let leftAt = 0;
  let rightAt = 0;
  while (leftAt < left.length && rightAt < right.length) {
    merged.push(compare(left[leftAt]!, right[rightAt]!) <= 0 ? left[leftAt++]! : right[rightAt++]!);
    if (merged.length % stepsPerTurn === 0) await giveWay(ctx, merged.length);
  }
  while (leftAt < left.length) merged.push(left[leftAt++]!);
  while (rightAt < right.length) merged.push(right[rightAt++]!);
  return merged;
}

async function giveWay(ctx: Ctx, size: number): Promise<void> {
  if (size <= runLength) return;
  await yieldToOthers();
  throwIfCancelled(ctx);
}
