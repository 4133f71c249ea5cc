/** For tests of this room: a store on files of a temporary folder and a context with a settable clock. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Ctx } from "#base/ctx.ts";
import { silentLog } from "#base/log.ts";
import type { System } from "#base/system.ts";
import { addEntry, reserveMailbox } from "#directory/entry-changes.ts";
import type { EntryChange } from "#directory/entry-changes.ts";
import { mailboxKinds } from "#directory/kinds.ts";
import type { EntryKind } from "#directory/kinds.ts";
import "#directory/procedures.ts";
import type { Entry } from "#directory/reads.ts";
import { serverScope } from "#store/api.ts";
import type { Procedure, Store } from "#store/api.ts";
import type { Work } from "#store/sql.ts";
import { makeSystem } from "#main/system.ts";
import { openPostgresStore } from "#store/postgres-store.ts";
import { openSqliteStore } from "#store/sqlite-store.ts";
import { startPostgres } from "../../test/support/postgres.ts";

export class TestClock implements System {
  ms = 1_800_000_000_000;
  readonly timers: { atMs: number; body: () => void }[] = [];
  readonly delays: number[] = [];
  readonly resolver = {
    mx: () => Promise.resolve([]), a: () => Promise.resolve([]), aaaa: () => Promise.resolve([]),
    txt: () => Promise.resolve([]), srv: () => Promise.resolve([]), ptr: () => Promise.resolve([]),
  };

  nowMs(): number {
    return this.ms;
  }
  monotonicMs(): number {
    return this.ms;
  }
  randomBytes(size: number): Uint8Array {
    return randomBytes(size);
  }
  /** Fires in {@link advance}; `delays` keeps what was asked for. */
  setTimer(delayMs: number, body: () => void): () => void {
    this.delays.push(delayMs);
    const timer = { atMs: this.ms + delayMs, body };
    this.timers.push(timer);
    return () => {
      const index = this.timers.indexOf(timer);
      if (index >= 0) this.timers.splice(index, 1);
    };
  }
  advance(ms: number): void {
    this.ms += ms;
    for (const timer of this.timers.filter((one) => one.atMs <= this.ms)) {
      this.timers.splice(this.timers.indexOf(timer), 1);
      timer.body();
    }
  }
}

export interface TestBed {
  readonly ctx: Ctx;
  readonly clock: TestClock;
  readonly store: Store;
  readonly dataDir: string;
  /** Another store on the same data, as another process has it. */
  openAgain(): Promise<Store>;
  change<Args, Result>(procedure: Procedure<Args, Result>, args: Args): Promise<Result>;
  read<Result>(body: () => Work<Result>): Promise<Result>;
  close(): Promise<void>;
}

export type StoreKind = "sqlite" | "postgres";

export async function openTestBed(kind: StoreKind = "sqlite"): Promise<TestBed> {
  const dataDir = mkdtempSync(join(tmpdir(), "outpost-directory-"));
  const clock = new TestClock();
  const ctx: Ctx = { system: clock, log: silentLog, signal: new AbortController().signal };
  const postgres = kind === "postgres" ? await startPostgres() : null;
  const connectionString = await postgres?.makeDatabase() ?? "";
  const procedureModules = [new URL("./procedures.ts", import.meta.url).href];
  const openAgain = (): Promise<Store> => postgres === null
    ? openSqliteStore({ dataDir, writerThreads: 0, procedureModules, role: "tool", nowMs: () => clock.nowMs() })
    : openPostgresStore({
      connectionString, blobFolder: join(dataDir, "blobs"), procedureModules, connectionsMax: 4, log: silentLog,
      // Its waits are real ones; only the time of a commit is the test's.
      system: { ...makeSystem(), nowMs: () => clock.nowMs() },
    });
  const store = await openAgain();
  return {
    ctx, clock, store, dataDir, openAgain,
    change: (procedure, args) => store.transact(ctx, serverScope, procedure, args),
    read: (body) => store.read(ctx, serverScope, body),
    async close() {
      await store.close();
      await postgres?.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** Adds an entry with little to say; users get the password hash given. */
export async function addTestEntry(
  bed: TestBed, kind: EntryKind, address: string, more: { phc?: string; change?: EntryChange; name?: string } = {},
): Promise<Entry> {
  const mailboxId = mailboxKinds.includes(kind) ? await bed.change(reserveMailbox, { address, aliases: [] }) : null;
  return bed.change(addEntry, {
    by: "test", kind, address, displayName: more.name ?? address.split("@")[0]!, mailboxId,
    randomHex: randomBytes(16).toString("hex"), phc: more.phc ?? null, change: more.change ?? {},
  });
}
