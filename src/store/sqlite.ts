import { DatabaseSync } from "node:sqlite";
import type { StatementSync } from "node:sqlite";
import { Fault } from "#base/fault.ts";
import type { Migration } from "#store/schema/migration.ts";
import type { SqlRow, Work } from "#store/sql.ts";

/** How long one statement waits for a lock another process holds (the command line, a backup). */
const lockWaitMs = 15_000;
/** A reader stands beside the sockets and meets a lock only while a file is being recovered or closed. */
const readerLockWaitMs = 500;
/** Texts kept prepared for each file; far above what a file is asked in its life. */
const preparedMax = 400;
const pageSizeBytes = 8192;

/** The common subset as SQLite reads it: numbered parameters are `?1`, and types are SQLite's own. */
function toSqlite(text: string): string {
  return text.replace(/\$(\d+)/g, "?$1");
}

function toSqliteSchema(text: string): string {
  const typed = text.replace(/\bBIGINT\b/g, "INTEGER").replace(/\bBYTEA\b/g, "BLOB")
    .replace(/\bDOUBLE PRECISION\b/g, "REAL");
  return /^\s*CREATE TABLE/i.test(typed) ? `${typed} STRICT` : typed;
}

function preparedStatements(): RecentlyUsed<string, StatementSync> {
  return new RecentlyUsed(preparedMax, () => undefined);
}

/** One open SQLite file with its prepared statements. Runs bodies in place, without waiting for anything. */
export class SqliteDatabase {
  readonly #db: DatabaseSync;
  readonly #statements = { rows: preparedStatements(), count: preparedStatements() };

  constructor(path: string, mode: "write" | "read") {
    // A reader that closes last must not write the journal back: that would sync beside the sockets. Read-only ones
    // never do.
    this.#db = new DatabaseSync(path, {
      enableForeignKeyConstraints: false, defensive: true, readOnly: mode === "read",
      timeout: mode === "read" ? readerLockWaitMs : lockWaitMs,
    });
    try {
      if (mode === "write") this.#beginWriting(path);
      else this.#db.exec("PRAGMA cache_size=-2048; PRAGMA temp_store=MEMORY;");
    } catch (error) {
      this.#db.close();
      throw error;
    }
  }

  #beginWriting(path: string): void {
    this.#db.exec(`PRAGMA page_size=${pageSizeBytes}`);
    const journal = this.#db.prepare("PRAGMA journal_mode=WAL").get()?.["journal_mode"];
    if (journal !== "wal") {
      throw new Fault("unavailable", `${path} is in use by another program, or its disk cannot share memory; ` +
        "try again, and keep the data folder on a local disk.");
    }
    // FULL: a commit has reached the disk when it returns, also after a power loss.
    this.#db.exec(`PRAGMA synchronous=FULL; PRAGMA journal_size_limit=16777216; PRAGMA cache_size=-2048;
      PRAGMA temp_store=MEMORY;`);
  }

  /** A statement without parameters or results: transaction control. */
  control(text: string): void {
    this.#prepare(text, "count").run();
  }

  /** Runs a body to its end. Errors of the body and of SQLite come out as they are; see {@link Work}. */
  run<T>(body: Work<T>): T {
    let step = body.next();
    while (!step.done) {
      const statement = step.value;
      let outcome;
      try {
        const prepared = this.#prepare(statement.text, statement.wants);
        outcome = statement.wants === "rows"
          ? { rows: prepared.all(...statement.values) as SqlRow[], count: 0 }
          : { rows: [], count: Number(prepared.run(...statement.values).changes) };
      } catch (error) {
        body.throw(error);
        body.return(undefined as never);
        throw error;
      }
      step = body.next(outcome);
    }
    return step.value;
  }

  /** Runs a read body on one snapshot. */
  snapshot<T>(body: Work<T>): T {
    this.control("BEGIN");
    try {
      return this.run(body);
    } finally {
      // A disk error has ended the transaction already.
      if (this.#db.isTransaction) this.control("COMMIT");
    }
  }

  /**
   * Brings a named part of the schema to its newest version, in one transaction under the write lock, so that two
   * processes opening an old file do it once. Data newer than this program is refused.
   */
  migrate(part: string, migrations: readonly Migration[], path: string): void {
    this.#db.exec("CREATE TABLE IF NOT EXISTS schema_version (part TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT");
    const newest = migrations.at(-1)?.version ?? 0;
    if (this.#schemaVersion(part) === newest) return;
    this.control("BEGIN IMMEDIATE");
    try {
      const current = this.#schemaVersion(part);
      if (current > newest) {
        throw new Fault("notSupported", `${path} was written by a newer Outpost (${part} version ${current}, this ` +
          `program knows ${newest}). Start the newer program, or restore the backup made before the upgrade.`);
      }
      for (const migration of migrations.filter((row) => row.version > current)) {
        for (const text of migration.statements) this.#db.exec(toSqliteSchema(text));
        for (const text of migration.sqlite ?? []) this.#db.exec(text);
      }
      this.#prepare("INSERT OR REPLACE INTO schema_version (part, version) VALUES (?1, ?2)", "count").run(part, newest);
      this.control("COMMIT");
    } catch (error) {
      if (this.#db.isTransaction) this.control("ROLLBACK");
      throw error;
    }
  }

  #schemaVersion(part: string): number {
    const row = this.#prepare("SELECT version FROM schema_version WHERE part = ?1", "rows").get(part);
    return Number(row?.["version"] ?? 0);
  }

  #prepare(text: string, wants: "rows" | "count"): StatementSync {
    const cache = this.#statements[wants];
    let prepared = cache.get(text);
    if (prepared === undefined) {
      prepared = this.#db.prepare(toSqlite(text));
      // The full-text index has row ids past 2^53, and `run` always reports the last one.
      if (wants === "count") prepared.setReadBigInts(true);
      cache.set(text, prepared);
    }
    return prepared;
  }

  /** The driver's own handle, for backup and integrity checks only. */
  get handle(): DatabaseSync {
    return this.#db;
  }

  close(): void {
    this.#statements.rows.clear();
    this.#statements.count.clear();
    this.#db.close();
  }
}

/** SQLite's refusals as ours. Anything unexpected becomes `unavailable` and keeps its cause for the log. */
export function toStoreFault(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof Fault) return error;
  const code = (error as { errcode?: number }).errcode;
  if (code === undefined) return error;
  const primary = code & 0xff;
  if (primary === 13) return new Fault("storageFull", "The server's disk is full; try again later.", { cause: error });
  if (primary === 5 || primary === 6) {
    return new Fault("unavailable", "The mailbox is locked by other work; try again later.", { cause: error });
  }
  // IOERR, CANTOPEN, READONLY, NOMEM, PROTOCOL: a limit of the file system or a folder out of reach shows as one too.
  if (primary === 10 || primary === 14 || primary === 8 || primary === 7 || primary === 15) {
    return new Fault("unavailable", "The server's disk did not take the data; try again later.", { cause: error });
  }
  if (primary === 11 || primary === 26) {
    return new Fault("corrupt", "The mailbox file is damaged; the administrator should run outpost check.",
      { cause: error });
  }
  return error;
}

/** Keeps the `capacity` most recently used values; the one dropped is handed to `onDrop`. */
export class RecentlyUsed<K, V> {
  readonly #values = new Map<K, V>();
  readonly #capacity: number;
  readonly #onDrop: (value: V) => void;

  constructor(capacity: number, onDrop: (value: V) => void) {
    this.#capacity = capacity;
    this.#onDrop = onDrop;
  }

  get(key: K): V | undefined {
    const value = this.#values.get(key);
    if (value !== undefined) {
      this.#values.delete(key);
      this.#values.set(key, value);
    }
    return value;
  }

  set(key: K, value: V): void {
    this.#values.set(key, value);
    if (this.#values.size <= this.#capacity) return;
    const [oldestKey, oldest] = this.#values.entries().next().value!;
    this.#values.delete(oldestKey);
    this.#onDrop(oldest);
  }

  delete(key: K): void {
    const value = this.#values.get(key);
    if (value === undefined) return;
    this.#values.delete(key);
    this.#onDrop(value);
  }

  clear(): void {
    for (const value of this.#values.values()) this.#onDrop(value);
    this.#values.clear();
  }
}
