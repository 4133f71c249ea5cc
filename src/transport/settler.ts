import type { Ctx } from "#base/ctx.ts";
import { sleep } from "#base/ctx.ts";
import type { Store } from "#store/api.ts";
import { serverScope } from "#store/api.ts";
import type { NewMessage, Settlement } from "#transport/queue-rows.ts";
import { settle } from "#transport/queue-store.ts";

interface Finished {
  readonly settlements: readonly Settlement[];
  readonly reports: readonly NewMessage[];
  readonly onSettled: () => void;
}

const retryMs = 1000;
const settlementsPerCommit = 2000;

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

  constructor(ctx: Ctx, store: Store) {
    this.#ctx = ctx;
    this.#store = store;
  }

  add(finished: Finished): void {
    this.#waiting.push(finished);
    this.#running ??= this.#run().finally(() => { this.#running = null; });
  }

  /** Resolves when everything added so far is written, or given up because the context ended. */
  async idle(): Promise<void> {
    while (this.#running !== null) await this.#running;
  }

  async #run(): Promise<void> {
    // Outcomes of the same turn share the first commit.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const taken = this.#waiting.splice(0, settlementsPerCommit);
      if (!await this.#write(taken)) return;
      for (const { onSettled } of taken) onSettled();
    }
  }

  async #write(taken: readonly Finished[]): Promise<boolean> {
    const args = { settlements: taken.flatMap((one) => one.settlements), reports: taken.flatMap((one) => one.reports) };
    for (;;) {
      try {
        await this.#store.transact(this.#ctx, serverScope, settle, args);
        return true;
      } catch (error) {
        if (this.#ctx.signal.aborted) return false;
        this.#ctx.log.error({ error, settlements: args.settlements.length }, "queue outcomes could not be written; trying again");
        if (!await sleep(this.#ctx, retryMs)) return false;
      }
    }
  }
}
