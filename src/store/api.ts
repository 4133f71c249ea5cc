/**
 * The store's face to `directory`, `mailbox` and `transport`. A *scope* is one database file: a mailbox (its id) or
 * the server's own data ({@link serverScope}).
 *
 * Rules: everything that changes data is a {@link Procedure}, registered by name, because it runs on a writer thread;
 * what waits for the same scope shares one disk sync; the promise resolves after that sync. Reads see one snapshot and
 * are never blocked by a writer. After a commit every watcher of the scope gets a hint.
 */
import type { Ctx } from "#base/ctx.ts";
import type { ChangeNumber, MailboxId } from "#base/ids.ts";
import type { Work } from "#store/sql.ts";

export const serverScope = 0 as MailboxId;

/** What a procedure knows besides its arguments. */
export interface Transaction {
  readonly scope: MailboxId;
  /** Clock at the start of the commit; UTC milliseconds. */
  readonly nowMs: number;
  readonly dialect: Dialect;
}
export type Dialect = "sqlite" | "postgres";

/** Blobs for a prepare step; on the writer thread, before the transaction begins, and synchronous. */
export interface PrepareIo {
  /** Stored bytes in pieces. */
  readBlob(hash: string, onChunk: (chunk: Uint8Array) => void): void;
  /** A part of stored bytes; fewer only at the end. */
  readBlobRange(hash: string, offset: number, length: number): Uint8Array;
  /** Keeps bytes; durable when it returns. */
  writeBlob(chunks: Iterable<Uint8Array>): { hash: string; sizeBytes: number };
}

/**
 * A transaction with a name. `args` and the result cross threads, so they are plain data (Uint8Array included).
 * `prepare` does costly pure work (parsing a message) on the writer thread outside the transaction. A thrown Fault
 * rolls back this procedure only; the others of its group commit.
 */
export interface Procedure<Args, Result, Prepared = undefined> {
  readonly name: string;
  readonly prepare?: (args: Args, io: PrepareIo) => Prepared;
  readonly run: (tx: Transaction, args: Args, prepared: Prepared) => Work<Result>;
}

const registry = new Map<string, Procedure<never, unknown, never>>();

/** Declares a procedure. The name is unique, `room.verbThing`. */
export function procedure<Args, Result, Prepared = undefined>(
  row: Procedure<Args, Result, Prepared>,
): Procedure<Args, Result, Prepared> {
  if (registry.has(row.name)) throw new Error(`two procedures are named ${row.name}`);
  registry.set(row.name, row as unknown as Procedure<never, unknown, never>);
  return row;
}

/** The procedure of a name, for the writer threads. */
export function procedureNamed(name: string): Procedure<never, unknown, never> {
  const row = registry.get(name);
  if (row === undefined) throw new Error(`no procedure is named ${name}; is its module in the list of modules?`);
  return row;
}

export interface Store {
  /**
   * Runs a procedure and resolves when its effect is on disk. Throws its Fault, or `serverBusy`, `storageFull`,
   * `unavailable`. An abort of `ctx.signal` before its batch begins takes it back (`cancelled`), later nothing does.
   */
  transact<Args, Result, Prepared>(
    ctx: Ctx, scope: MailboxId, procedure: Procedure<Args, Result, Prepared>, args: Args,
  ): Promise<Result>;
  /** Runs a read body on one snapshot. Fault `notFound` when the mailbox does not exist. */
  read<Result>(ctx: Ctx, scope: MailboxId, body: () => Work<Result>): Promise<Result>;
  /** Makes the mailbox's database. Nothing happens when it is there. */
  createMailbox(ctx: Ctx, mailboxId: MailboxId): Promise<void>;
  /** Every mailbox that has a database, ascending. */
  listMailboxes(ctx: Ctx): Promise<MailboxId[]>;
  /** Removes the mailbox's database for good. */
  removeMailbox(ctx: Ctx, mailboxId: MailboxId): Promise<void>;
  /** Hints after commits, from this and other processes. The result ends the watch. */
  watch(scope: MailboxId, listener: (cn: ChangeNumber) => void): () => void;
  readonly blobs: Blobs;
  /** Called before new mail is written: Fault `storageFull` while it would go into the last part of the disk. */
  requireRoom(sizeBytes: number): Promise<void>;
  readonly dialect: Dialect;
  /** Waits for work under way, then closes every file. */
  close(): Promise<void>;
}

/**
 * Bytes kept by their SHA-256; the same bytes are kept once. What no row speaks of is swept a day after it was stored
 * last. So a hash goes from one scope to another only out of the queue, which the sweep reads first; elsewhere the
 * bytes are stored anew, which makes them young.
 */
export interface Blobs {
  /** Starts to keep bytes. `finish` resolves when they are durable; `discard` forgets them. */
  create(): BlobWriter;
  /** Reads a part; Fault `notFound` when the blob is gone. */
  read(hash: string, offset: number, length: number): Promise<Uint8Array>;
  /** In pieces of at most 256 KiB. With a `length` all of it comes, or Fault `corrupt`. */
  stream(hash: string, offset?: number, length?: number): AsyncIterable<Uint8Array>;
  /** Every blob with its size and age, for the sweep. */
  list(): AsyncIterable<{ hash: string; sizeBytes: number; modifiedMs: number }>;
  /** Takes a blob away, unless it was stored again at `modifiedBeforeMs` or later; true when it went. */
  remove(hash: string, modifiedBeforeMs?: number): Promise<boolean>;
  /** Uploads that have not ended; those of a process that died stay until the sweep. */
  listPending(): Promise<{ name: string; sizeBytes: number; modifiedMs: number }[]>;
  removePending(name: string): Promise<void>;
}

export interface BlobWriter {
  write(chunk: Uint8Array): Promise<void>;
  /** SHA-256 in hex. */
  finish(): Promise<{ hash: string; sizeBytes: number }>;
  discard(): Promise<void>;
}
