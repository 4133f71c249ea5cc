/**
 * Runs batches on SQLite files: one commit, one disk sync for all procedures of a batch; one refusal does not touch its
 * neighbours. Used on writer threads, and in place by tools.
 */
import { existsSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { Fault } from "#base/fault.ts";
import type { MailboxId } from "#base/ids.ts";
import { procedureNamed, serverScope } from "#store/api.ts";
import type { PrepareIo, Transaction } from "#store/api.ts";
import { sendError } from "#store/batch.ts";
import type { Batch, BatchOutcome, Job, JobOutcome } from "#store/batch.ts";
import { toDiskFault } from "#store/blobs.ts";
import { prepareIoOf } from "#store/blobs-sync.ts";
import { blobFolder, makeFolderSync, scopeFile } from "#store/files.ts";
import { prepareJob } from "#store/prepare.ts";
import type { Prepared } from "#store/prepare.ts";
import { mailboxMigrations } from "#store/schema/mailbox.ts";
import { serverSchemas } from "#store/schema/server.ts";
import { get } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";
import { RecentlyUsed, SqliteDatabase, toStoreFault } from "#store/sqlite.ts";

const nothingDone: BatchOutcome = { outcomes: [], cn: 0, failure: null };

/** Opens a scope's file, made or brought up to date when needed. */
export function openScope(dataDir: string, scope: MailboxId, create: boolean): SqliteDatabase {
  const path = scopeFile(dataDir, scope);
  if (!existsSync(path)) {
    if (!create) {
      // Never made anew under a running server: an empty file in the place of a lost one would hide the loss.
      throw scope === serverScope ? new Fault("unavailable", `${path} is gone; restart the server when it is back.`)
        : new Fault("notFound", "This mailbox does not exist.");
    }
    makeFolderSync(dirname(path));
    // A journal without its file is the rest of a removal that was cut short; SQLite would play it into the new file.
    for (const suffix of ["-wal", "-shm"]) rmSync(path + suffix, { force: true });
  }
  const database = new SqliteDatabase(path, "write");
  try {
    if (scope === serverScope) {
      for (const [part, migrations] of Object.entries(serverSchemas)) database.migrate(part, migrations, path);
    } else {
      database.migrate("mailbox", mailboxMigrations, path);
    }
  } catch (error) {
    database.close();
    throw error;
  }
  return database;
}

/** The change number of a scope, for the hint. */
export function* scopeCn(scope: MailboxId): Work<number> {
  const row = scope === serverScope
    ? yield* get<{ cn: number }>("SELECT value AS cn FROM counter WHERE name = 'cn'")
    : yield* get<{ cn: number }>("SELECT cn FROM mailbox WHERE mailbox_id = $1", scope);
  return row?.cn ?? 0;
}

export class SqliteWriter {
  readonly #dataDir: string;
  readonly #open: RecentlyUsed<MailboxId, SqliteDatabase>;
  readonly #io: PrepareIo;

  constructor(dataDir: string, openFilesMax: number) {
    this.#dataDir = dataDir;
    this.#open = new RecentlyUsed(openFilesMax, (database) => database.close());
    this.#io = prepareIoOf(blobFolder(dataDir));
  }

  run(batch: Batch): BatchOutcome {
    try {
      if (batch.kind === "remove") {
        this.#remove(batch.scope);
        return nothingDone;
      }
      const database = this.#database(batch.scope, batch.kind === "create");
      return batch.kind === "work" ? this.#commit(database, batch) : nothingDone;
    } catch (thrown) {
      // The connection may be in an odd state after a disk error; the next batch opens a fresh one.
      this.#open.delete(batch.scope);
      return { outcomes: [], cn: 0, failure: sendError(toStoreFault(thrown)) };
    }
  }

  #database(scope: MailboxId, create: boolean): SqliteDatabase {
    let database = this.#open.get(scope);
    if (database === undefined) {
      database = openScope(this.#dataDir, scope, create);
      this.#open.set(scope, database);
    }
    return database;
  }

  /** The file goes first: what a crash leaves of its journal is cleared when a file of that name is made again. */
  #remove(scope: MailboxId): void {
    this.#open.delete(scope);
    const path = scopeFile(this.#dataDir, scope);
    try {
      for (const suffix of ["", "-wal", "-shm"]) rmSync(path + suffix, { force: true });
    } catch (error) {
      throw toDiskFault(error);
    }
  }

  #commit(database: SqliteDatabase, batch: Batch): BatchOutcome {
    const prepared = batch.jobs.map((job) => prepareJob(job, this.#io));
    if (prepared.length === 1 && "error" in prepared[0]!) {
      return { outcomes: [{ ok: false, error: sendError(prepared[0].error) }], cn: 0, failure: null };
    }
    return this.#attempt(database, batch, prepared, runTogether) ??
      this.#attempt(database, batch, prepared, runApart)!;
  }

  /** One transaction; null, and nothing done, where `runJobs` wants another try. */
  #attempt(
    database: SqliteDatabase, batch: Batch, prepared: readonly Prepared[], runJobs: RunJobs,
  ): BatchOutcome | null {
    const tx: Transaction = { scope: batch.scope, nowMs: batch.nowMs, dialect: "sqlite" };
    database.control("BEGIN IMMEDIATE");
    try {
      const cnBefore = database.run(scopeCn(batch.scope));
      const outcomes = runJobs(database, tx, batch.jobs, prepared);
      if (outcomes === null || outcomes.every(({ ok }) => !ok)) {
        if (database.handle.isTransaction) database.control("ROLLBACK");
        return outcomes === null ? null : { outcomes, cn: 0, failure: null };
      }
      const cn = database.run(scopeCn(batch.scope));
      database.control("COMMIT");
      return { outcomes, cn: cn === cnBefore ? 0 : cn, failure: null };
    } catch (error) {
      if (database.handle.isTransaction) database.control("ROLLBACK");
      throw error;
    }
  }

  close(): void {
    this.#open.clear();
  }
}

type RunJobs = (
  database: SqliteDatabase, tx: Transaction, jobs: readonly Job[], prepared: readonly Prepared[],
) => JobOutcome[] | null;

/**
 * All jobs without savepoints: a savepoint copies every page it changes into memory, which for a large COPY are
 * hundreds of megabytes. A refusal, which is rare, undoes all of them: alone it is the answer, else they run apart.
 */
function runTogether(
  database: SqliteDatabase, tx: Transaction, jobs: readonly Job[], prepared: readonly Prepared[],
): JobOutcome[] | null {
  const outcomes: JobOutcome[] = [];
  for (const [index, job] of jobs.entries()) {
    try {
      outcomes.push({ ok: true, value: runJob(database, tx, job, prepared[index]!) });
    } catch (thrown) {
      // SQLite ends the transaction by itself on some errors (full disk, I/O): those end the whole batch.
      if (!database.handle.isTransaction) throw thrown;
      return jobs.length === 1 ? [{ ok: false, error: sendError(toStoreFault(thrown)) }] : null;
    }
  }
  return outcomes;
}

/** Each job behind a savepoint. A disk that is full ends the whole batch: nothing after it could commit. */
function runApart(
  database: SqliteDatabase, tx: Transaction, jobs: readonly Job[], prepared: readonly Prepared[],
): JobOutcome[] {
  return jobs.map((job, index) => {
    database.control("SAVEPOINT job");
    try {
      const value = runJob(database, tx, job, prepared[index]!);
      database.control("RELEASE job");
      return { ok: true, value };
    } catch (thrown) {
      if (!database.handle.isTransaction) throw thrown;
      database.control("ROLLBACK TO job");
      database.control("RELEASE job");
      return { ok: false, error: sendError(toStoreFault(thrown)) };
    }
  });
}

function runJob(database: SqliteDatabase, tx: Transaction, job: Job, prepared: Prepared): unknown {
  if ("error" in prepared) throw prepared.error;
  return database.run(procedureNamed(job.procedure).run(tx, job.args as never, prepared.value as never));
}
