/**
 * Hints between processes over NOTIFY, on a connection of its own. They are sent after the commit and not in it: a
 * NOTIFY holds a lock over every commit of the database until it is on disk.
 */
import pg from "pg";
import type { ClientConfig } from "pg";
import type { MailboxId } from "#base/ids.ts";
import type { Log } from "#base/log.ts";
import type { System } from "#base/system.ts";
import type { Hints } from "#store/hints.ts";

const channel = "outpost_hint";
const reconnectFirstMs = 250;
const reconnectMaxMs = 15_000;

export interface PostgresHintsOptions {
  readonly connection: ClientConfig;
  readonly hints: Hints;
  readonly system: System;
  readonly log: Log;
  /** Where the watched scopes stand now, for the time nobody listened. */
  readonly currentCns: (scopes: readonly MailboxId[]) => Promise<{ scope: MailboxId; cn: number }[]>;
}

export class PostgresHints {
  readonly #options: PostgresHintsOptions;
  readonly #unsent = new Map<MailboxId, number>();
  #client: pg.Client | null = null;
  #processId = 0;
  #sending: Promise<void> | null = null;
  #retryMs = reconnectFirstMs;
  #cancelRetry: (() => void) | null = null;
  #closed = false;

  constructor(options: PostgresHintsOptions) {
    this.#options = options;
  }

  async connect(): Promise<void> {
    const client = new pg.Client(this.#options.connection);
    client.on("error", (error) => this.#lost(client, error));
    client.on("end", () => this.#lost(client, new Error("the connection ended")));
    client.on("notification", ({ processId, payload }) => {
      if (processId !== this.#processId) this.#receive(payload ?? "");
    });
    try {
      await client.connect();
      // A hint need not be on disk.
      await client.query(`SET synchronous_commit = off; LISTEN ${channel}`);
      const { rows } = await client.query("SELECT pg_backend_pid() AS pid");
      this.#processId = (rows[0] as { pid: number }).pid;
    } catch (error) {
      client.removeAllListeners("end");
      await client.end().catch((late: unknown) => this.#logLoss(late));
      throw error;
    }
    this.#client = client;
    this.#retryMs = reconnectFirstMs;
    if (this.#closed) await client.end();
  }

  #receive(payload: string): void {
    const match = /^(\d{1,15}) (\d{1,15})$/.exec(payload);
    if (match !== null) this.#options.hints.announce(Number(match[1]) as MailboxId, Number(match[2]));
  }

  #lost(client: pg.Client, error: Error): void {
    if (this.#client !== client || this.#closed) return;
    this.#client = null;
    this.#logLoss(error);
    this.#retryLater();
  }

  #logLoss(error: unknown): void {
    this.#options.log.warn({ error: String(error) },
      "the connection for hints from other servers was lost; changes made there show up late until it is back");
  }

  #retryLater(): void {
    if (this.#closed) return;
    this.#cancelRetry = this.#options.system.setTimer(this.#retryMs, () => void this.#retry());
    this.#retryMs = Math.min(this.#retryMs * 2, reconnectMaxMs);
  }

  async #retry(): Promise<void> {
    try {
      await this.connect();
      for (const { scope, cn } of await this.#options.currentCns(this.#options.hints.watched())) {
        this.#options.hints.announce(scope, cn);
      }
      this.#sending ??= this.#send();
    } catch (error) {
      this.#logLoss(error);
      if (this.#client === null) this.#retryLater();
    }
  }

  /** Tells the other processes, soon. What gathers while one notice is under way goes together in the next. */
  tell(scope: MailboxId, cn: number): void {
    this.#unsent.set(scope, cn);
    this.#sending ??= this.#send();
  }

  async #send(): Promise<void> {
    try {
      while (this.#client !== null && this.#unsent.size > 0) {
        const payloads = [...this.#unsent].map(([scope, cn]) => `${scope} ${cn}`);
        this.#unsent.clear();
        await this.#client.query(
          `SELECT pg_notify('${channel}', payload) FROM unnest($1::text[]) AS payload`, [payloads]);
      }
    } catch (error) {
      // The others look at what changed when they connect again themselves; a hint lost harms nothing.
      this.#logLoss(error);
    } finally {
      this.#sending = null;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelRetry?.();
    await this.#sending;
    await this.#client?.end();
  }
}
