import type { Ctx } from "#base/ctx.ts";
import { sleep } from "#base/ctx.ts";
import type { Store } from "#store/api.ts";
import { serverScope } from "#store/api.ts";
import type { NewMessage, Settlement } from "#transport/queue-rows.ts";
import { settle } from "#transport/queue-store.ts";

export interface Finished {
  readonly settlements: readonly Settlement[];
  readonly reports: readonly NewMessage[];
  readonly onSettled: () => void;
}

const retryMs = 1000;
const settlementsPerCommit = 2000;
/** How long an outcome that can wait waits for company. */
const lazyMs = 50;
const lazyMax = 256;

/**
 * Writes outcomes down, all that came while the last commit ran in the next one. Nobody waits for it: an outcome lost
 * in a crash is found again when its lease ends, and a second delivery of the same id is none. When the store refuses,
 * it keeps trying, because a remote delivery forgotten would be sent twice.
 */
export class Settler {
  readonly #ctx: Ctx;
  readonly #store: Store;
  #waiting: Finished[] = [];
  #running: Promise<void> | null = null;
  #cancelTimer: (() => void) | null = null;

  constructor(ctx: Ctx, store: Store) {
    this.#ctx = ctx;
    this.#store = store;
  }

  /**
   * `lazy`: forgetting it in a crash costs nothing but a delivery that finds itself done already, so it may wait for
   * the next commit of the queue and share its disk sync.
   */
  add(finished: Finished, when: "now" | "lazy"): void {
    this.#waiting.push(finished);
    if (when === "now" || this.#waiting.length >= lazyMax) this.flush();
    else this.#cancelTimer ??= this.#ctx.system.setTimer(lazyMs, () => this.flush());
  }

  /** Begins to write what waits; a commit asked for in the same turn shares the sync. */
  flush(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    if (this.#waiting.length === 0) return;
    this.#running ??= this.#run().finally(() => { this.#running = null; });
  }

  /** Resolves when everything added so far is written, or given up because the context ended. */
  async idle(): Promise<void> {
    this.flush();
    while (this.#running !== null) await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const taken = this.#waiting.splice(0, settlementsPerCommit);
      if (!await this.#write(taken)) return;
      for (const { onSettled } of taken) onSettled();
    }
  }

  async #write(taken: readonly Finished[]): Promise<boolean> {
    const args = {
      settlements: taken.flatMap((one) => one.settlements), reports: taken.flatMap((one) => one.reports),
    };
    for (;;) {
      try {
        await this.#store.transact(this.#ctx, serverScope, settle, args);
        return true;
      } catch (error) {
        if (this.#ctx.signal.aborted) return false;
        const fields = { error, settlements: args.settlements.length };
        this.#ctx.log.error(fields, "queue outcomes could not be written; trying again");
        if (!await sleep(this.#ctx, retryMs)) return false;
      }
    }
  }
}
