/** The store on SQLite files: writer threads, read connections beside the sockets, hints. */
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import type { Server } from "node:net";
import { resolve } from "node:path";
import type { Ctx } from "#base/ctx.ts";
import { throwIfCancelled } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { ChangeNumber, MailboxId } from "#base/ids.ts";
import { serverScope } from "#store/api.ts";
import type { Blobs, Procedure, Store } from "#store/api.ts";
import { receiveError } from "#store/batch.ts";
import type { Batch, BatchOutcome } from "#store/batch.ts";
import { DiskRoom } from "#store/disk-room.ts";
import { FolderBlobs } from "#store/blobs.ts";
import { CommitQueue } from "#store/commit-queue.ts";
import { blobFolder, hintSocket, listMailboxFiles, makeFolderSync, scopeFile } from "#store/files.ts";
import { Hints, HintSender, listenForHints } from "#store/hints.ts";
import type { Work } from "#store/sql.ts";
import { RecentlyUsed, SqliteDatabase, toStoreFault } from "#store/sqlite.ts";
import { SqliteWriter } from "#store/sqlite-writer.ts";
import { WriterThread } from "#store/writer-thread-handle.ts";

const openReadersMax = 128;
/** Files open for writing, all threads together: each has up to 2 MiB of cache. */
const openWritersMax = 256;

export interface SqliteStoreOptions {
  readonly dataDir: string;
  /**
   * Threads that commit. 0 runs procedures in place, for tools that serve no sockets; the modules named below must
   * then be loaded by the caller.
   */
  readonly writerThreads: number;
  /** URLs of modules that declare procedures, loaded by each writer thread. */
  readonly procedureModules: readonly string[];
  /** The server takes hints from other processes; tools send them. */
  readonly role: "server" | "tool";
  readonly nowMs: () => number;
}

export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  makeFolderSync(resolve(options.dataDir));
  const hints = new Hints();
  let hintServer: Server | null = null;
  if (options.role === "server") {
    hintServer = await listenForHints(hintSocket(options.dataDir), (scope, cn) => hints.announce(scope, cn));
  }
  const writers = options.writerThreads === 0 ? new WriterInPlace(options.dataDir) : new WriterPool(options);
  const store = new SqliteStore(options, hints, hintServer, writers);
  try {
    // Makes or upgrades the server's own file before anyone reads it.
    await store.prepareScope(serverScope, true);
  } catch (error) {
    await store.close();
    throw error;
  }
  return store;
}

interface Writers {
  run(batch: Batch): Promise<BatchOutcome>;
  close(): Promise<void>;
}

class WriterInPlace implements Writers {
  readonly #writer: SqliteWriter;
  constructor(dataDir: string) {
    this.#writer = new SqliteWriter(dataDir, openWritersMax);
  }
  run(batch: Batch): Promise<BatchOutcome> {
    return Promise.resolve(this.#writer.run(batch));
  }
  close(): Promise<void> {
    this.#writer.close();
    return Promise.resolve();
  }
}

/** A scope always goes to the same thread, so each file has one writer in this process. */
class WriterPool implements Writers {
  readonly #threads: WriterThread[];

  constructor(options: SqliteStoreOptions) {
    const workerData = {
      dataDir: options.dataDir, procedureModules: options.procedureModules,
      openFilesMax: Math.ceil(openWritersMax / options.writerThreads),
    };
    this.#threads = Array.from({ length: options.writerThreads }, () => new WriterThread(workerData));
  }

  run(batch: Batch): Promise<BatchOutcome> {
    return this.#threads[batch.scope % this.#threads.length]!.run(batch);
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.close()));
  }
}

class SqliteStore implements Store {
  readonly dialect = "sqlite";
  readonly blobs: Blobs;
  readonly #room: DiskRoom;
  readonly #options: SqliteStoreOptions;
  readonly #hints: Hints;
  readonly #hintServer: Server | null;
  readonly #hintSender: HintSender | null;
  readonly #writers: Writers;
  readonly #queue: CommitQueue;
  readonly #readers = new RecentlyUsed<MailboxId, SqliteDatabase>(openReadersMax, (database) => database.close());
  /** Scopes whose schema is known to be the newest, so that reads need not ask a writer first. */
  readonly #prepared = new Set<MailboxId>();
  readonly #sentHints = new Set<Promise<void>>();
  #closed = false;

  constructor(options: SqliteStoreOptions, hints: Hints, hintServer: Server | null, writers: Writers) {
    this.#options = options;
    this.#hints = hints;
    this.#hintServer = hintServer;
    this.#hintSender = options.role === "tool" ? new HintSender(hintSocket(options.dataDir)) : null;
    this.#writers = writers;
    this.#room = new DiskRoom(options.dataDir, options.nowMs);
    this.blobs = new FolderBlobs(blobFolder(options.dataDir), this.#room);
    this.#queue = new CommitQueue({
      runBatch: (batch) => writers.run(batch),
      onCommit: (scope, cn) => this.#announce(scope, cn),
      nowMs: options.nowMs,
    });
  }

  async transact<Args, Result, Prepared>(
    ctx: Ctx, scope: MailboxId, procedure: Procedure<Args, Result, Prepared>, args: Args,
  ): Promise<Result> {
    throwIfCancelled(ctx);
    if (this.#closed) throw stopping();
    return await this.#queue.add(scope, { procedure: procedure.name, args }, ctx.signal) as Result;
  }

  async read<Result>(ctx: Ctx, scope: MailboxId, body: () => Work<Result>): Promise<Result> {
    throwIfCancelled(ctx);
    if (this.#closed) throw stopping();
    let reader = this.#readers.get(scope);
    if (reader === undefined) {
      if (!this.#prepared.has(scope)) await this.prepareScope(scope);
      // Another read may have opened it while this one waited.
      reader = this.#readers.get(scope) ?? this.#openReader(scope);
    }
    try {
      return reader.snapshot(body());
    } catch (error) {
      const fault = toStoreFault(error);
      // A file that fails is opened afresh next time.
      if (fault !== error) this.#readers.delete(scope);
      throw fault;
    }
  }

  #openReader(scope: MailboxId): SqliteDatabase {
    if (this.#closed) throw stopping();
    const path = scopeFile(this.#options.dataDir, scope);
    if (!existsSync(path)) {
      this.#prepared.delete(scope);
      throw new Fault("notFound", "This mailbox does not exist.");
    }
    try {
      const reader = new SqliteDatabase(path, "read");
      this.#readers.set(scope, reader);
      return reader;
    } catch (error) {
      throw toStoreFault(error);
    }
  }

  /** Opens the scope on its writer once, which brings an old file up to date. */
  async prepareScope(scope: MailboxId, create = false): Promise<void> {
    const kind = create ? "create" : "open";
    const { failure } = await this.#writers.run({ scope, nowMs: this.#options.nowMs(), kind, jobs: [] });
    if (failure !== null) throw receiveError(failure);
    this.#prepared.add(scope);
  }

  requireRoom(sizeBytes: number): Promise<void> {
    return this.#room.require(sizeBytes);
  }

  async createMailbox(ctx: Ctx, mailboxId: MailboxId): Promise<void> {
    throwIfCancelled(ctx);
    await this.prepareScope(mailboxId, true);
  }

  async listMailboxes(ctx: Ctx): Promise<MailboxId[]> {
    throwIfCancelled(ctx);
    return await listMailboxFiles(this.#options.dataDir);
  }

  async removeMailbox(ctx: Ctx, mailboxId: MailboxId): Promise<void> {
    throwIfCancelled(ctx);
    if (this.#closed) throw stopping();
    this.#forget(mailboxId);
    const { failure } = await this.#writers.run(
      { scope: mailboxId, nowMs: this.#options.nowMs(), kind: "remove", jobs: [] });
    // A read that came in between may have opened the file again.
    this.#forget(mailboxId);
    if (failure !== null) throw receiveError(failure);
  }

  #forget(mailboxId: MailboxId): void {
    this.#prepared.delete(mailboxId);
    this.#readers.delete(mailboxId);
  }

  watch(scope: MailboxId, listener: (cn: ChangeNumber) => void): () => void {
    return this.#hints.watch(scope, listener);
  }

  #announce(scope: MailboxId, cn: number): void {
    this.#hints.announce(scope, cn);
    if (this.#hintSender === null) return;
    const sent = this.#hintSender.send(scope, cn);
    this.#sentHints.add(sent);
    void sent.finally(() => this.#sentHints.delete(sent));
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#queue.idle();
    await Promise.all(this.#sentHints);
    await this.#hintSender?.close();
    this.#readers.clear();
    await this.#writers.close();
    this.#hintServer?.close();
    if (this.#hintServer !== null) await rm(hintSocket(this.#options.dataDir), { force: true });
  }
}

function stopping(): Fault {
  return new Fault("unavailable", "The server is stopping; try again in a moment.");
}
