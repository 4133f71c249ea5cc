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
const reconnectFirstMs = 100;
const reconnectMaxMs = 5_000;

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
      // Not waited for: the farewell of a connection that never was may never come.
      void client.end().catch((late: unknown) => this.#logLoss(late));
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
      this.#sendSoon();
    } catch (error) {
      this.#logLoss(error);
      if (this.#client === null) this.#retryLater();
      // Connected, but nobody was told what was missed: again from the start.
      else void this.#client.end().catch((late: unknown) => this.#logLoss(late));
    }
  }

  /** Tells the other processes, soon. What gathers while one notice is under way goes together in the next. */
  tell(scope: MailboxId, cn: number): void {
    this.#unsent.set(scope, cn);
    this.#sendSoon();
  }

  #sendSoon(): void {
    const client = this.#client;
    if (this.#sending !== null || client === null || this.#unsent.size === 0) return;
    const notice = [...this.#unsent];
    this.#unsent.clear();
    this.#sending = this.#send(client, notice).then((sent) => {
      this.#sending = null;
      // Not sent, they wait for the connection that replaces this one.
      if (sent) this.#sendSoon();
    });
  }

  async #send(client: pg.Client, notice: readonly [MailboxId, number][]): Promise<boolean> {
    try {
      const payloads = notice.map(([scope, cn]) => `${scope} ${cn}`);
      await client.query(`SELECT pg_notify('${channel}', payload) FROM unnest($1::text[]) AS payload`, [payloads]);
      return true;
    } catch (error) {
      for (const [scope, cn] of notice) if (!this.#unsent.has(scope)) this.#unsent.set(scope, cn);
      this.#logLoss(error);
      return false;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelRetry?.();
    while (this.#sending !== null) await this.#sending;
    await this.#client?.end();
  }
}
