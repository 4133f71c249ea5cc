/** The kinds of store the contract suite runs on. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Ctx } from "#base/ctx.ts";
import type { MailboxId } from "#base/ids.ts";
import { silentLog } from "#base/log.ts";
import { makeSystem } from "#main/system.ts";
import type { Store } from "#store/api.ts";
import { openPostgresStore } from "#store/postgres-store.ts";
import { openSqliteStore } from "#store/sqlite-store.ts";
import { provisionMailbox } from "#mailbox/tx/folders.ts";
import { startPostgres } from "../../test/support/postgres.ts";
import type { TestPostgres } from "../../test/support/postgres.ts";
import { runTexts } from "#store/contract-test-procedures.ts";

export const ctx: Ctx = { system: makeSystem(), log: silentLog, signal: new AbortController().signal };
export const procedureModules = [new URL("./contract-test-procedures.ts", import.meta.url).href];

/** Data that can be opened by several stores, one after the other or at once. */
export interface Backend {
  readonly kind: "threads" | "in place" | "postgres";
  readonly dataDir: string;
  open(role?: "server" | "tool"): Promise<Store>;
  remove(): void;
}

function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), "outpost-store-"));
}

export function sqliteBackend(writerThreads: number): Backend {
  const dataDir = temporaryFolder();
  return {
    kind: writerThreads === 0 ? "in place" : "threads", dataDir,
    open: (role = "server") => openSqliteStore({
      dataDir, writerThreads, procedureModules, role, nowMs: () => ctx.system.nowMs(),
    }),
    remove: () => rmSync(dataDir, { recursive: true, force: true }),
  };
}

let postgres: Promise<TestPostgres> | null = null;

/** Started at first use, once for the process. */
export function sharedPostgres(): Promise<TestPostgres> {
  return postgres ??= startPostgres();
}

export async function stopPostgres(): Promise<void> {
  await (await postgres)?.stop();
}

export async function postgresBackend(): Promise<Backend> {
  const server = await sharedPostgres();
  const connectionString = await server.makeDatabase();
  const dataDir = temporaryFolder();
  return {
    kind: "postgres", dataDir,
    open: () => openPostgresStore({
      connectionString, blobFolder: join(dataDir, "blobs"), procedureModules, connectionsMax: 4,
      system: ctx.system, log: silentLog,
    }),
    remove: () => rmSync(dataDir, { recursive: true, force: true }),
  };
}

let lastMailbox = 0;

/** A mailbox with the folders of a new one; no name is subscribed, so that tests may count the names they add. */
export async function newMailbox(store: Store): Promise<MailboxId> {
  const mailboxId = ++lastMailbox as MailboxId;
  await store.createMailbox(ctx, mailboxId);
  await store.transact(ctx, mailboxId, provisionMailbox, {
    guid: ctx.system.randomBytes(16), replicaGuid: ctx.system.randomBytes(16), language: "en",
  });
  await store.transact(ctx, mailboxId, runTexts, {
    texts: [{ text: "DELETE FROM subscription WHERE mailbox_id = $1", values: [mailboxId] }],
  });
  return mailboxId;
}
