import { Fault } from "#base/fault.ts";
import type { Log, LogFields } from "#base/log.ts";
import type { System } from "#base/system.ts";

/** What every waiting function takes first: who to ask for time and chance, when to stop, where to log. */
export interface Ctx {
  readonly system: System;
  readonly log: Log;
  /** Aborted when the client left, the deadline passed or the server stops. */
  readonly signal: AbortSignal;
}

/** The same context with more fields on each log line, or a narrower signal. */
export function withCtx(ctx: Ctx, change: { fields?: LogFields; signal?: AbortSignal }): Ctx {
  return {
    system: ctx.system,
    log: change.fields ? ctx.log.child(change.fields) : ctx.log,
    signal: change.signal ? AbortSignal.any([ctx.signal, change.signal]) : ctx.signal,
  };
}

/** Throws Fault `cancelled` when the work is no longer wanted. */
export function throwIfCancelled(ctx: Ctx): void {
  if (ctx.signal.aborted) throw new Fault("cancelled", "The request was cancelled before it finished.");
}

/** Waits `delayMs`, or less when the signal is aborted; true when the whole time passed. */
export function sleep(ctx: Ctx, delayMs: number): Promise<boolean> {
  if (ctx.signal.aborted) return Promise.resolve(false);
  return new Promise((resolve) => {
    const onAbort = (): void => { cancel(); resolve(false); };
    const cancel = ctx.system.setTimer(delayMs, () => {
      ctx.signal.removeEventListener("abort", onAbort);
      resolve(true);
    });
    ctx.signal.addEventListener("abort", onAbort, { once: true });
  });
}

/** Lets the event loop serve others; called between slices of long work. */
export function yieldToOthers(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
