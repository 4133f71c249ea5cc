/** IDLE: news as they happen until the client says DONE. RFC 9051 §6.3.13 */
import type { Handler, SessionState } from "#serve/imap/state.ts";
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { tellNews, writeUpdates } from "#serve/imap/news.ts";
import { ok, OutOfStep } from "#serve/imap/state.ts";
import { encodeContinuation, encodeStatus } from "#wire/imap/encode.ts";

export const idle: Handler<"IDLE"> = async (state) => {
  state.client.write(encodeContinuation("idling"));
  if (state.view !== undefined) state.view.isDirty = true;
  let isOver = false;
  let wake = (): void => undefined;
  const done = state.client.readText();
  const over = (): void => {
    isOver = true;
    wake();
  };
  // A read that failed is thrown by the last line.
  done.then(over, over);
  state.onCommit(() => wake());
  try {
    while (!isOver && !state.isEnding) {
      if (state.signedOut !== undefined) {
        state.bye(state.signedOut);
        break;
      }
      // RFC 5465 §4: the same as NOTIFY asks for, and nothing else.
      if (state.notify === undefined) await writeUpdates(state, true);
      else await tellNews(state, { mayExpunge: true, isForced: false });
      await state.client.flush();
      if (isOver || state.isEnding || state.signedOut !== undefined || hasMore(state)) continue;
      await aMoment(state, (resolve) => { wake = resolve; });
    }
  } catch (error) {
    if (error instanceof Fault && error.code === "cancelled") throw error;
    // The client is still in IDLE and its line still awaited: no tagged answer would be understood.
    throw new OutOfStep("telling news failed", { cause: error });
  } finally {
    state.onCommit(undefined);
  }
  if (state.isEnding) return ok(state.signedOut ?? "The folder is gone.");
  const line = await done;
  const isProper = line !== undefined && Buffer.from(line).toString("latin1").trim().toUpperCase() === "DONE";
  return isProper ? ok("Idled.") : { condition: "BAD", text: "Expected DONE." };
};

function hasMore(state: SessionState): boolean {
  if (state.notify !== undefined) return state.notify.waitMs(state) <= 0;
  return state.view?.isDirty === true;
}

/** Until something happens, or so long without that the client should hear from us. */
async function aMoment(state: SessionState, onWake: (resolve: () => void) => void): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  onWake(resolve);
  const waitMs = state.notify?.waitMs(state) ?? Infinity;
  const cancel = waitMs < limits.imapIdleKeepAliveMs ? state.ctx.system.setTimer(waitMs, resolve)
    : state.ctx.system.setTimer(limits.imapIdleKeepAliveMs, () => {
      state.client.write(encodeStatus("*", "OK", undefined, "Still here."));
      resolve();
    });
  await promise;
  cancel();
}
