import { Worker } from "node:worker_threads";
import { Fault } from "#base/fault.ts";
import type { Batch, BatchOutcome } from "#store/batch.ts";

interface Pending {
  readonly resolve: (outcome: BatchOutcome) => void;
  readonly reject: (error: unknown) => void;
}

interface Running {
  readonly worker: Worker;
  readonly pending: Map<number, Pending>;
}

/**
 * One writer thread, seen from the sockets' side. A thread dies only of a bug (a message whose parsing takes more
 * memory than there is, for one): what it held is refused, and the next batch starts a new thread, so that one
 * poisonous message does not close every mailbox of its thread.
 */
export class WriterThread {
  readonly #workerData: unknown;
  #running: Promise<Running> | null = null;
  #nextId = 1;
  #closed = false;

  constructor(workerData: unknown) {
    this.#workerData = workerData;
  }

  async run(batch: Batch): Promise<BatchOutcome> {
    if (this.#closed) throw stopped();
    const { worker, pending } = await (this.#running ??= this.#start());
    return await new Promise((resolve, reject) => {
      const id = this.#nextId++;
      pending.set(id, { resolve, reject });
      // Work under way keeps the process alive, an idle thread does not.
      worker.ref();
      try {
        worker.postMessage({ id, batch });
      } catch (error) {
        pending.delete(id);
        reject(error);
      }
    });
  }

  async #start(): Promise<Running> {
    const worker = new Worker(new URL("./writer-thread.ts", import.meta.url),
      { workerData: this.#workerData, name: "outpost-writer" });
    const pending = new Map<number, Pending>();
    let failure: unknown = null;
    worker.on("error", (error) => { failure = error; });
    const ended = new Promise<never>((_resolve, reject) => {
      worker.once("exit", () => {
        this.#running = null;
        const fault = stopped(failure);
        for (const waiting of pending.values()) waiting.reject(fault);
        pending.clear();
        reject(failure instanceof Error ? failure : fault);
      });
    });
    const ready = new Promise<void>((resolve) => {
      worker.once("message", () => resolve());
    });
    await Promise.race([ready, ended]);
    worker.on("message", ({ id, outcome }: { id: number; outcome: BatchOutcome }) => {
      const waiting = pending.get(id)!;
      pending.delete(id);
      if (pending.size === 0) worker.unref();
      waiting.resolve(outcome);
    });
    return { worker, pending };
  }

  /** Lets the thread finish what it has and close its files. */
  async close(): Promise<void> {
    this.#closed = true;
    const running = await this.#running?.catch(() => null);
    if (running === null || running === undefined) return;
    const exited = new Promise((resolve) => running.worker.once("exit", resolve));
    running.worker.ref();
    running.worker.postMessage("close");
    await exited;
  }
}

function stopped(cause?: unknown): Fault {
  return new Fault("unavailable", "The mailbox writer has stopped; try again in a moment.", { cause });
}
