/**
 * The store on PostgreSQL: one database for the server and every mailbox, for several servers at once. What waits for a
 * scope shares a transaction, as on SQLite; a lock for each scope, taken first, keeps its procedures in order over all
 * servers. Texts may hold U+0000, see `postgres-values.ts`.
 */
import pg from "pg";
import type { PoolClient } from "pg";
import type { Ctx } from "#base/ctx.ts";
import { throwIfCancelled } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { ChangeNumber, MailboxId } from "#base/ids.ts";
import type { Log } from "#base/log.ts";
import type { System } from "#base/system.ts";
import { procedureNamed, serverScope } from "#store/api.ts";
import type { Blobs, PrepareIo, Procedure, Store, Transaction } from "#store/api.ts";
import { sendError } from "#store/batch.ts";
import type { Batch, BatchOutcome, Job, JobOutcome } from "#store/batch.ts";
import { DiskRoom } from "#store/disk-room.ts";
import { FolderBlobs } from "#store/blobs.ts";
import { prepareIoOf } from "#store/blobs-sync.ts";
import { CommitQueue } from "#store/commit-queue.ts";
import { Hints } from "#store/hints.ts";
import { isConnectionLoss, isRetryable, toPostgresFault } from "#store/postgres-faults.ts";
import { PostgresHints } from "#store/postgres-hints.ts";
import { mailboxTables, migratePostgres, scopeLock } from "#store/postgres-schema.ts";
import { runBody, valueTypes } from "#store/postgres-values.ts";
import { prepareJob } from "#store/prepare.ts";
import type { Prepared } from "#store/prepare.ts";
import { all } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

export interface PostgresStoreOptions {
  /** `postgres://user:password@host:port/database?…` */
  readonly connectionString: string;
  /** Large bytes; shared by all servers of this database. */
  readonly blobFolder: string;
  /** URLs of modules that declare procedures, loaded into this process. */
  readonly procedureModules: readonly string[];
  /** Connections for transactions, and as many again for reads. */
  readonly connectionsMax?: number;
  readonly system: System;
  readonly log: Log;
}

const connectionsMaxDefault = 10;
/** How long work waits for a connection, a batch for the lock of its scope, a statement for its end. */
const connectTimeoutMs = 15_000;
const lockTimeoutMs = 15_000;
const statementTimeoutMs = 120_000;
/** A batch that met a deadlock or a restarted database is tried again this often. */
const retriesMax = 3;

export async function openPostgresStore(options: PostgresStoreOptions): Promise<Store> {
  for (const url of options.procedureModules) await import(url);
  const store = new PostgresStore(options);
  try {
    await store.start();
  } catch (error) {
    await store.close();
    throw toPostgresFault(error);
  }
  return store;
}

class PostgresStore implements Store {
  readonly dialect = "postgres";
  readonly blobs: Blobs;
  readonly #writers: pg.Pool;
  readonly #readers: pg.Pool;
  readonly #queue: CommitQueue;
  readonly #hints = new Hints();
  readonly #postgresHints: PostgresHints;
  readonly #io: PrepareIo;
  #closed = false;

  constructor(options: PostgresStoreOptions) {
    const connection = {
      connectionString: options.connectionString, types: valueTypes, application_name: "outpost", keepAlive: true,
      statement_timeout: statementTimeoutMs, connectionTimeoutMillis: connectTimeoutMs,
    };
    const pool = { ...connection, max: options.connectionsMax ?? connectionsMaxDefault };
    this.#writers = new pg.Pool(pool);
    this.#readers = new pg.Pool(pool);
    for (const one of [this.#writers, this.#readers]) {
      // An idle connection that is lost is replaced when the next one is needed.
      one.on("error", (error) => options.log.warn({ error: String(error) }, "a connection to PostgreSQL was lost"));
      // One that is lost between two queries of ours says so by an event; the next query on it fails and tells us.
      one.on("connect", (client) => {
        client.on("error", (error) => options.log.debug({ error: String(error) }, "a connection in use was lost"));
      });
    }
    this.#postgresHints = new PostgresHints({
      connection, hints: this.#hints, system: options.system, log: options.log,
      currentCns: (scopes) => this.#currentCns(scopes),
    });
    this.blobs = new FolderBlobs(options.blobFolder, new DiskRoom(options.blobFolder, () => options.system.nowMs()));
    this.#io = prepareIoOf(options.blobFolder);
    this.#queue = new CommitQueue({
      runBatch: (batch) => this.#runBatch(batch),
      onCommit: (scope, cn) => {
        this.#hints.announce(scope, cn);
        this.#postgresHints.tell(scope, cn);
      },
      nowMs: () => options.system.nowMs(),
    });
  }

  async start(): Promise<void> {
    const connection = await this.#writers.connect();
    try {
      await migratePostgres(connection);
    } finally {
      connection.release();
    }
    await this.#postgresHints.connect();
  }

  async #currentCns(scopes: readonly MailboxId[]): Promise<{ scope: MailboxId; cn: number }[]> {
    const { rows } = await this.#readers.query(
      `SELECT mailbox_id AS scope, cn FROM mailbox WHERE mailbox_id = ANY($1)
       UNION ALL SELECT 0 AS scope, value AS cn FROM counter WHERE name = 'cn'`, [scopes]);
    return rows as { scope: MailboxId; cn: number }[];
  }

  async transact<Args, Result, Ready>(
    ctx: Ctx, scope: MailboxId, procedure: Procedure<Args, Result, Ready>, args: Args,
  ): Promise<Result> {
    throwIfCancelled(ctx);
    this.#refuseWhenClosed();
    return await this.#queue.add(scope, { procedure: procedure.name, args }, ctx.signal) as Result;
  }

  #refuseWhenClosed(): void {
    if (this.#closed) throw new Fault("unavailable", "The server is stopping; try again in a moment.");
  }

  async #runBatch(batch: Batch): Promise<BatchOutcome> {
    const prepared = batch.jobs.map((job) => prepareJob(job, this.#io));
    for (let tries = 0; ; tries++) {
      try {
        return await this.#withConnection(this.#writers, (connection) => this.#commit(connection, batch, prepared));
      } catch (error) {
        if (tries < retriesMax && isRetryable(error)) continue;
        return { outcomes: [], cn: 0, failure: sendError(toPostgresFault(error)) };
      }
    }
  }

  /** A connection of its own for `body`; one that broke does not go back to the pool. */
  async #withConnection<T>(pool: pg.Pool, body: (connection: PoolClient) => Promise<T>): Promise<T> {
    const connection = await pool.connect();
    try {
      const result = await body(connection);
      connection.release();
      return result;
    } catch (error) {
      if (isConnectionLoss(error)) connection.release(true);
      else connection.release(await connection.query("ROLLBACK").then(() => false, () => true));
      throw error;
    }
  }

  async #commit(connection: PoolClient, batch: Batch, prepared: readonly Prepared[]): Promise<BatchOutcome> {
    const cnBefore = await beginBatch(connection, batch.scope);
    const tx: Transaction = { scope: batch.scope, nowMs: batch.nowMs, dialect: "postgres" };
    const outcomes: JobOutcome[] = [];
    const savepoint = new Savepoint(connection, batch.jobs.length);
    for (const [index, job] of batch.jobs.entries()) {
      const ready = prepared[index]!;
      outcomes.push("error" in ready ? { ok: false, error: sendError(ready.error) }
        : await runJob(connection, tx, job, ready.value, savepoint));
    }
    if (outcomes.every((outcome) => !outcome.ok)) {
      await connection.query("ROLLBACK");
      return { outcomes, cn: 0, failure: null };
    }
    const { rows } = await connection.query(scopeCnText(batch.scope));
    const cn = (rows[0] as { cn: number | null } | undefined)?.cn ?? 0;
    await commit(connection);
    return { outcomes, cn: cn === cnBefore ? 0 : cn, failure: null };
  }

  async read<Result>(ctx: Ctx, scope: MailboxId, body: () => Work<Result>): Promise<Result> {
    throwIfCancelled(ctx);
    this.#refuseWhenClosed();
    for (let tries = 0; ; tries++) {
      // A body may remember things as it goes, so only its beginning is tried again.
      let begun = false;
      try {
        return await this.#withConnection(this.#readers, async (connection) => {
          await beginRead(connection, scope);
          begun = true;
          const result = await runBody(connection, body());
          await connection.query("COMMIT");
          return result;
        });
      } catch (error) {
        if (!begun && tries < retriesMax && isRetryable(error)) continue;
        throw toPostgresFault(error);
      }
    }
  }

  /** The database's own disk is the database's to watch; large messages are checked as they are written. */
  requireRoom(): Promise<void> {
    return Promise.resolve();
  }

  async createMailbox(ctx: Ctx, mailboxId: MailboxId): Promise<void> {
    throwIfCancelled(ctx);
    this.#refuseWhenClosed();
    await this.#writers.query(
      { text: "INSERT INTO mailbox_scope (mailbox_id) VALUES ($1) ON CONFLICT DO NOTHING", values: [mailboxId] },
    ).catch((error: unknown) => { throw toPostgresFault(error); });
  }

  async listMailboxes(ctx: Ctx): Promise<MailboxId[]> {
    const rows = await this.read(ctx, serverScope, () => all<{ mailbox_id: MailboxId }>(
      "SELECT mailbox_id FROM mailbox_scope ORDER BY mailbox_id"));
    return rows.map((row) => row.mailbox_id);
  }

  async removeMailbox(ctx: Ctx, mailboxId: MailboxId): Promise<void> {
    throwIfCancelled(ctx);
    this.#refuseWhenClosed();
    try {
      await this.#withConnection(this.#writers, async (connection) => {
        await connection.query(`${beginText(mailboxId)}; SET LOCAL statement_timeout = 0`);
        for (const table of mailboxTables) {
          await connection.query({ text: `DELETE FROM ${table} WHERE mailbox_id = $1`, values: [mailboxId] });
        }
        await commit(connection);
      });
    } catch (error) {
      throw toPostgresFault(error);
    }
  }

  watch(scope: MailboxId, listener: (cn: ChangeNumber) => void): () => void {
    return this.#hints.watch(scope, listener);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#queue.idle();
    await this.#postgresHints.close();
    await Promise.all([this.#writers.end(), this.#readers.end()]);
  }
}

/** The lock is taken in a statement of its own: what follows must see what the one before committed. */
function beginText(scope: MailboxId): string {
  return `BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = ${lockTimeoutMs};
    SELECT pg_advisory_xact_lock(${scopeLock(scope)})`;
}

/** One row when the scope exists, with its change number, or null before the mailbox has one. */
function scopeCnText(scope: MailboxId): string {
  // In the text and not as a parameter, so that it goes along with BEGIN; ids are whole numbers.
  return scope === serverScope ? "SELECT (SELECT value FROM counter WHERE name = 'cn') AS cn"
    : `SELECT m.cn FROM mailbox_scope s LEFT JOIN mailbox m USING (mailbox_id) WHERE s.mailbox_id = ${Number(scope)}`;
}

async function beginBatch(connection: PoolClient, scope: MailboxId): Promise<number> {
  return await begin(connection, beginText(scope), scope);
}

async function beginRead(connection: PoolClient, scope: MailboxId): Promise<void> {
  await begin(connection, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", scope);
}

async function begin(connection: PoolClient, text: string, scope: MailboxId): Promise<number> {
  // Several statements in one text give a list of results, which the driver's types do not tell.
  const results: unknown = await connection.query(`${text}; ${scopeCnText(scope)}`);
  const row = (results as { rows: { cn: number | null }[] }[]).at(-1)!.rows[0];
  if (row === undefined) throw new Fault("notFound", "This mailbox does not exist.");
  return row.cn ?? 0;
}

/** From here on nobody knows whether the commit counts when the connection breaks: it is not tried again. */
async function commit(connection: PoolClient): Promise<void> {
  try {
    await connection.query("COMMIT");
  } catch (error) {
    throw isConnectionLoss(error)
      ? new Fault("unavailable", "The database was lost while it committed; try again in a moment.", { cause: error })
      : error;
  }
}

/** The point before the job at work, with one round trip a job. A job alone needs none: failed, nothing is to keep. */
class Savepoint {
  readonly #connection: PoolClient;
  readonly #isNeeded: boolean;
  #isSet = false;
  #hasWorkBehind = false;

  constructor(connection: PoolClient, jobCount: number) {
    this.#connection = connection;
    this.#isNeeded = jobCount > 1;
  }

  async set(): Promise<void> {
    if (!this.#isNeeded) return;
    if (!this.#isSet) await this.#connection.query("SAVEPOINT job");
    else if (this.#hasWorkBehind) await this.#connection.query("RELEASE SAVEPOINT job; SAVEPOINT job");
    this.#isSet = true;
    this.#hasWorkBehind = true;
  }

  async goBack(): Promise<void> {
    if (this.#isNeeded) await this.#connection.query("ROLLBACK TO SAVEPOINT job");
    this.#hasWorkBehind = false;
  }
}

/** One procedure behind its savepoint. What ends the transaction as a whole is thrown on. */
async function runJob(
  connection: PoolClient, tx: Transaction, job: Job, prepared: unknown, savepoint: Savepoint,
): Promise<JobOutcome> {
  await savepoint.set();
  try {
    const value = await runBody(connection,
      procedureNamed(job.procedure).run(tx, job.args as never, prepared as never));
    return { ok: true, value };
  } catch (error) {
    if (isConnectionLoss(error) || isRetryable(error)) throw error;
    await savepoint.goBack();
    return { ok: false, error: sendError(toPostgresFault(error)) };
  }
}
