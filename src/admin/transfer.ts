/** What every import shares: its counts, what went wrong, how far it is, and work under way at the same time. */
import type { Ctx } from "#base/ctx.ts";
import { Fault, WireError } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import type { Mailbox } from "#mailbox/api.ts";

/** Told every few seconds to who waits for a long import or export. */
export type Progress = (text: string) => void;

export interface ImportResult {
  imported: number;
  /** Items that were there in an older version and are now as the file says. */
  updated: number;
  /** Items that were there already, as they are. */
  present: number;
  /** Items that are there in a newer version, which stays. */
  older: number;
  /** What could not be taken in; the first of them are named in `skipped`. */
  failed: number;
  readonly skipped: { file: string; reason: string }[];
  /** What came in as less than it was; the first of them. */
  readonly notes: { file: string; reason: string }[];
  /** What no property holds and is kept otherwise or not, by name, with how often. */
  readonly losses: Record<string, number>;
}

export interface TransferOptions {
  /** Take in what is there already as well. */
  readonly again?: boolean;
  readonly progress?: Progress;
}

/** Refusals after which every further item would be refused, too. */
const endings: ReadonlySet<string> = new Set([
  "overQuota", "storageFull", "unavailable", "serverBusy", "accessDenied", "cancelled",
]);

/** One import under way; made by {@link runImport}. */
export class ImportRun {
  readonly ctx: Ctx;
  readonly mailbox: Mailbox;
  readonly again: boolean;
  readonly lanes = new Lanes();
  readonly result: ImportResult = {
    imported: 0, updated: 0, present: 0, older: 0, failed: 0, skipped: [], notes: [], losses: {},
  };
  readonly #teller: Teller;

  constructor(ctx: Ctx, mailbox: Mailbox, options: TransferOptions) {
    this.ctx = ctx;
    this.mailbox = mailbox;
    this.again = options.again ?? false;
    this.#teller = new Teller(ctx, options.progress);
  }

  fail(file: string, reason: string): void {
    this.result.failed++;
    if (this.result.skipped.length < limits.importTroublesToldMax) this.result.skipped.push({ file, reason });
  }

  note(file: string, reason: string): void {
    if (this.result.notes.length < limits.importTroublesToldMax) this.result.notes.push({ file, reason });
  }

  lose(name: string, count = 1): void {
    if (count === 0) return;
    this.result.losses[name] = (this.result.losses[name] ?? 0) + count;
  }

  /** Gives a refusal of one item its line; throws what ends the whole import. */
  refuse(file: string, error: unknown): void {
    if (error instanceof WireError) this.fail(file, error.message);
    else if (error instanceof Fault && !endings.has(error.code)) this.fail(file, error.message);
    else throw error;
  }

  /** What reading gives; null, with a line, for what cannot be read. */
  reading<T>(file: string, read: () => T): T | null {
    try {
      return read();
    } catch (error) {
      this.refuse(file, error instanceof RangeError ? new WireError(error.message, 0) : error);
      return null;
    }
  }

  tell(where: string): void {
    const { imported, updated, present, failed } = this.result;
    const there = updated + present === 0 ? "" : `, ${updated + present} there already`;
    this.#teller.tell(() => `${imported} imported${there}${failed === 0 ? "" : `, ${failed} not`}; at ${where}`);
  }
}

/**
 * Runs one import to its end, commits under way included. When it cannot go on, what was taken in stays, and the Fault
 * says how to go on.
 */
export async function runImport(
  ctx: Ctx, mailbox: Mailbox, options: TransferOptions, body: (run: ImportRun) => Promise<void>,
): Promise<ImportResult> {
  const run = new ImportRun(ctx, mailbox, options);
  try {
    await body(run);
    await run.lanes.finish();
    return run.result;
  } catch (error) {
    await run.lanes.settle();
    const { imported, updated } = run.result;
    if (!(error instanceof Fault) || imported + updated === 0) throw error;
    throw new Fault(error.code, `${error.message} ${imported + updated} were taken in before; the same command goes ` +
      "on from there, because what is there already is not doubled.");
  }
}

/** Says how far it is, now and then. */
export class Teller {
  readonly #ctx: Ctx;
  readonly #progress: Progress | undefined;
  #nextMs: number;

  constructor(ctx: Ctx, progress: Progress | undefined) {
    this.#ctx = ctx;
    this.#progress = progress;
    this.#nextMs = ctx.system.monotonicMs() + limits.importProgressMs;
  }

  tell(text: () => string): void {
    if (this.#progress === undefined) return;
    const nowMs = this.#ctx.system.monotonicMs();
    if (nowMs < this.#nextMs) return;
    this.#nextMs = nowMs + limits.importProgressMs;
    this.#progress(text());
  }
}

/** Commits under way at the same time, which share their disk syncs. Bounded in number and bytes. */
export class Lanes {
  readonly #running = new Set<Promise<void>>();
  #bytes = 0;
  #failure: { readonly error: unknown } | null = null;

  /** Waits for room, then begins `work`. Throws what earlier work failed with. */
  async start(sizeBytes: number, work: () => Promise<void>): Promise<void> {
    while (this.#running.size >= limits.importAtOnce ||
      (this.#running.size > 0 && this.#bytes + sizeBytes > limits.importAtOnceMaxBytes)) {
      await Promise.race(this.#running);
    }
    this.#check();
    this.#bytes += sizeBytes;
    const running: Promise<void> = work().catch((error: unknown) => {
      this.#failure ??= { error };
    }).finally(() => {
      this.#bytes -= sizeBytes;
      this.#running.delete(running);
    });
    this.#running.add(running);
  }

  async finish(): Promise<void> {
    await this.settle();
    this.#check();
  }

  /** Waits for what is under way, whatever comes of it. */
  async settle(): Promise<void> {
    while (this.#running.size > 0) await Promise.race(this.#running);
  }

  #check(): void {
    if (this.#failure !== null) throw this.#failure.error;
  }
}
