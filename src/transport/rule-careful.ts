/** What a rule does after its message stands in the mailbox. */
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";

/** A state that waiting ends: the delivery is tried again as a whole, which does nothing twice. */
export function isPassing(error: unknown): boolean {
  return error instanceof Fault &&
    ["cancelled", "unavailable", "serverBusy", "storageFull", "conflict", "inUse"].includes(error.code);
}

/** The message stands in the mailbox: nothing that goes wrong after may come to its sender as a failure. */
export async function carefully(ctx: Ctx, what: string, body: () => Promise<void>): Promise<void> {
  try {
    await body();
  } catch (error) {
    if (isPassing(error)) throw error;
    ctx.log.error({ error }, `a rule delivered a message and failed at ${what}`);
  }
}
