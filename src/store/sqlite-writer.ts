/**
 * Runs batches on SQLite files: one commit, one disk sync for all procedures of a batch. Each procedure stands behind
 * a savepoint, so that one refusal does not touch its neighbours. Used on writer threads, and in place by tools.
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
    const outcomes: JobOutcome[] = [];
    const tx: Transaction = { scope: batch.scope, nowMs: batch.nowMs, dialect: "sqlite" };
    database.control("BEGIN IMMEDIATE");
    try {
      const cnBefore = database.run(scopeCn(batch.scope));
      for (const [index, job] of batch.jobs.entries()) {
        const ready = prepared[index]!;
        outcomes.push("error" in ready ? { ok: false, error: sendError(ready.error) }
          : runJob(database, tx, job, ready.value));
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

/** One procedure behind its savepoint. A disk that is full ends the whole batch: nothing after it could commit. */
function runJob(database: SqliteDatabase, tx: Transaction, job: Job, prepared: unknown): JobOutcome {
  database.control("SAVEPOINT job");
  try {
    const value = database.run(procedureNamed(job.procedure).run(tx, job.args as never, prepared as never));
    database.control("RELEASE job");
    return { ok: true, value };
  } catch (thrown) {
    // SQLite ends the transaction by itself on some errors (full disk, I/O); then the savepoint is gone too.
    if (!database.handle.isTransaction) throw thrown;
    database.control("ROLLBACK TO job");
    database.control("RELEASE job");
    return { ok: false, error: sendError(toStoreFault(thrown)) };
  }
}
