import { Fault } from "#base/fault.ts";
import type { MailboxId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import { receiveError } from "#store/batch.ts";
import type { Batch, BatchOutcome, Job } from "#store/batch.ts";

interface Waiting {
  readonly job: Job;
  readonly signal: AbortSignal;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

interface ScopeQueue {
  readonly waiting: Waiting[];
  busy: boolean;
}

/**
 * Orders the procedures of each scope: one batch at a time is with the writer, and what arrives meanwhile goes
 * together in the next one, so that many waiting clients share one disk sync.
 */
export class CommitQueue {
  readonly #scopes = new Map<MailboxId, ScopeQueue>();
  readonly #runBatch: (batch: Batch) => Promise<BatchOutcome>;
  readonly #onCommit: (scope: MailboxId, cn: number) => void;
  readonly #nowMs: () => number;
  #idle: (() => void)[] = [];

  constructor(options: {
    runBatch: (batch: Batch) => Promise<BatchOutcome>;
    onCommit: (scope: MailboxId, cn: number) => void;
    nowMs: () => number;
  }) {
    this.#runBatch = options.runBatch;
    this.#onCommit = options.onCommit;
    this.#nowMs = options.nowMs;
  }

  /** Resolves with the procedure's result once its commit is on disk. An abort before its batch takes it back. */
  add(scope: MailboxId, job: Job, signal: AbortSignal): Promise<unknown> {
    let queue = this.#scopes.get(scope);
    if (queue === undefined) {
      queue = { waiting: [], busy: false };
      this.#scopes.set(scope, queue);
    }
    if (queue.waiting.length >= limits.transactionsWaitingMax) {
      return Promise.reject(new Fault("serverBusy", "Too much work is waiting for this mailbox; try again later."));
    }
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    queue.waiting.push({ job, signal, resolve, reject });
    if (!queue.busy) {
      queue.busy = true;
      // A microtask later, so that calls made together share the first commit too.
      queueMicrotask(() => void this.#drain(scope, queue));
    }
    return promise;
  }

  async #drain(scope: MailboxId, queue: ScopeQueue): Promise<void> {
    while (queue.waiting.length > 0) {
      const taken = queue.waiting.splice(0, limits.groupCommitMax).filter(isStillWanted);
      if (taken.length === 0) continue;
      try {
        const jobs = taken.map((one) => one.job);
        const { outcomes, cn, failure } = await this.#runBatch({ scope, nowMs: this.#nowMs(), kind: "work", jobs });
        if (failure !== null) throw receiveError(failure);
        for (const [index, one] of taken.entries()) {
          const outcome = outcomes[index]!;
          if (outcome.ok) one.resolve(outcome.value);
          else one.reject(receiveError(outcome.error));
        }
        if (cn > 0) this.#onCommit(scope, cn);
      } catch (error) {
        for (const one of taken) one.reject(error);
      }
    }
    queue.busy = false;
    this.#scopes.delete(scope);
    if (this.#scopes.size === 0) for (const tell of this.#idle.splice(0)) tell();
  }

  /** Resolves when no procedure waits or runs. */
  idle(): Promise<void> {
    if (this.#scopes.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }
}

function isStillWanted(one: Waiting): boolean {
  if (!one.signal.aborted) return true;
  one.reject(new Fault("cancelled", "The request was cancelled before it began."));
  return false;
}
