/** Opening a data folder: store, directory, mailboxes, wired by hand. Used by the server and by the command line. */
import { randomBytes } from "node:crypto";
import type { Ctx } from "#base/ctx.ts";
import type { MailboxId } from "#base/ids.ts";
import { StoreDirectory } from "#directory/directory.ts";
import type { Mailboxes } from "#mailbox/api.ts";
import { MailboxAudit } from "#mailbox/audit/log.ts";
import { createDeliver } from "#mailbox/delivery.ts";
import type { Deliver } from "#mailbox/delivery.ts";
import { createMailboxes } from "#mailbox/mailbox.ts";
import { provisionMailbox } from "#mailbox/tx/folders.ts";
import type { Config } from "#main/config.ts";
import type { Store } from "#store/api.ts";
import { blobFolder } from "#store/files.ts";
import { openSqliteStore } from "#store/sqlite-store.ts";

export interface Opened {
  readonly store: Store;
  readonly directory: StoreDirectory;
  readonly mailboxes: Mailboxes;
  /** What others than owners do in mailboxes. */
  readonly audit: MailboxAudit;
  readonly deliver: Deliver;
  /** Makes the mailbox of a new directory entry with its folders. Repeating it does no harm. */
  provisionMailbox(ctx: Ctx, request: { mailboxId: MailboxId; language: string; isPublic?: boolean }): Promise<void>;
  close(): Promise<void>;
}

/** The module that declares all procedures, for the writer threads. */
const procedureModule = new URL("./procedures.ts", import.meta.url).href;

export async function openData(
  ctx: Ctx, dataDir: string, config: Config, role: "server" | "tool",
): Promise<Opened> {
  const store = await openStore(ctx, dataDir, config, role);
  const directory = new StoreDirectory(ctx, store);
  const audit = new MailboxAudit(ctx, store);
  return {
    store, directory,
    audit, mailboxes: createMailboxes(store, directory, audit),
    deliver: createDeliver(store, directory),
    async provisionMailbox(context, { mailboxId, language, isPublic = false }) {
      await store.createMailbox(context, mailboxId);
      await store.transact(context, mailboxId, provisionMailbox, {
        guid: new Uint8Array(randomBytes(16)), replicaGuid: new Uint8Array(randomBytes(16)), language, isPublic,
      });
    },
    async close() {
      await audit.flush();
      await directory.close();
      await store.close();
    },
  };
}

async function openStore(ctx: Ctx, dataDir: string, config: Config, role: "server" | "tool"): Promise<Store> {
  if (config.store !== "sqlite") {
    const { openPostgresStore } = await import("#store/postgres-store.ts");
    return await openPostgresStore({
      connectionString: config.store, blobFolder: blobFolder(dataDir), procedureModules: [procedureModule],
      system: ctx.system, log: ctx.log,
    });
  }
  // Tools serve no sockets: their procedures run in place, without threads to start.
  if (role === "tool") await import(procedureModule);
  return await openSqliteStore({
    dataDir, role, writerThreads: role === "server" ? config.writerThreads : 0,
    procedureModules: [procedureModule], nowMs: () => ctx.system.nowMs(),
  });
}
