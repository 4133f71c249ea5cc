/**
 * For tests of this room and of `serve/smtp`: a store on files of a temporary folder, a small directory, mailboxes as
 * lists.
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { EntryId, MailboxId } from "#base/ids.ts";
import type { Log, LogFields } from "#base/log.ts";
import type { Resolver, System } from "#base/system.ts";
import type { Directory, Resolution, SignedIn } from "#directory/api.ts";
import type { Store } from "#store/api.ts";
import { serverScope } from "#store/api.ts";
import { all } from "#store/sql.ts";
import type { SqlRow } from "#store/sql.ts";
import { openSqliteStore } from "#store/sqlite-store.ts";
import type { TransportConfig } from "#transport/config.ts";
import type { Deliver } from "#transport/local.ts";
import type { Outbox } from "#transport/outbox.ts";
import { Transport } from "#transport/transport.ts";

export interface TestName {
  readonly mx?: { exchange: string; priority: number }[];
  readonly a?: string[];
  readonly aaaa?: string[];
  readonly fails?: true;
}

/** Real timers, a clock that can be put forward, a name system of tables. */
export class TestSystem implements System {
  aheadMs = 0;
  readonly names = new Map<string, TestName>();
  readonly resolver: Resolver = {
    mx: (name) => this.#look(name, (row) => row.mx ?? []),
    a: (name) => this.#look(name, (row) => row.a ?? []),
    aaaa: (name) => this.#look(name, (row) => row.aaaa ?? []),
    txt: () => Promise.resolve([]), srv: () => Promise.resolve([]), ptr: () => Promise.resolve([]),
  };

  async #look<T>(name: string, pick: (row: TestName) => T[]): Promise<T[]> {
    const row = this.names.get(name.toLowerCase());
    if (row?.fails) throw Object.assign(new Error(`queryMx ESERVFAIL ${name}`), { code: "ESERVFAIL" });
    return row === undefined ? [] : pick(row);
  }
  nowMs(): number {
    return Date.now() + this.aheadMs;
  }
  monotonicMs(): number {
    return performance.now() + this.aheadMs;
  }
  randomBytes(size: number): Uint8Array {
    return randomBytes(size);
  }
  setTimer(delayMs: number, body: () => void): () => void {
    const timer = setTimeout(body, Math.min(delayMs, 2 ** 31 - 1)).unref();
    return () => clearTimeout(timer);
  }
}

export interface LogLine {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly fields: LogFields;
  readonly message: string;
}

/** Keeps lines so that a test can look at them. */
export function keepingLog(lines: LogLine[], own: LogFields = {}): Log {
  const at = (level: LogLine["level"]) => (fields: LogFields, message: string): void => {
    lines.push({ level, fields: { ...own, ...fields }, message });
  };
  return {
    debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error"),
    child: (fields) => keepingLog(lines, { ...own, ...fields }),
  };
}

/** alice, bob and carol at example.test (ids 1 to 3), `dan` disabled, groups; everything else is unknown or remote. */
export class TestDirectory implements Directory {
  readonly people = ["alice", "bob", "carol"];
  readonly groups = new Map<string, string[]>([
    ["team@example.test", ["alice@example.test", "bob@example.test", "inner@example.test"]],
    ["inner@example.test", ["bob@example.test", "carol@example.test", "outside@remote.test"]],
    ["empty@example.test", []],
  ]);
  /** Thrown by the next call. */
  fails: Error | null = null;

  #check(): void {
    const error = this.fails;
    this.fails = null;
    if (error !== null) throw error;
  }
  async authenticate(_ctx: Ctx, { name, password }: { name: string; password: string }): Promise<SignedIn> {
    this.#check();
    const index = this.people.indexOf(name.split("@")[0]!);
    if (index < 0 || password !== "secret") throw new Fault("authenticationFailed", "The name or password is wrong.");
    const address = `${this.people[index]}@example.test`;
    return { entryId: index + 1 as EntryId, address, displayName: name, mailboxId: index + 1 as MailboxId };
  }
  async resolve(_ctx: Ctx, address: string): Promise<Resolution> {
    this.#check();
    const key = address.toLowerCase();
    if (!key.endsWith("@example.test")) return { kind: "remote", address };
    const members = this.groups.get(key);
    if (members !== undefined) {
      const found = await Promise.all(members.map((member) => this.resolve(_ctx, member)));
      return { kind: "group", entryId: 100 as EntryId, address, members: found };
    }
    if (key === "dan@example.test") return { kind: "disabled", address };
    const index = this.people.indexOf(key.split("@")[0]!.split("+")[0]!);
    if (index < 0) return { kind: "unknown", address };
    return { kind: "mailbox", mailboxId: index + 1 as MailboxId, entryId: index + 1 as EntryId, address };
  }
  async isLocalDomain(_ctx: Ctx, domain: string): Promise<boolean> {
    return domain.toLowerCase() === "example.test";
  }
  async maySendAs(_ctx: Ctx, entryId: EntryId, address: string): Promise<boolean> {
    this.#check();
    const key = address.toLowerCase();
    return key === `${this.people[entryId - 1]}@example.test` || (entryId === 1 && key === "info@example.test");
  }
  async mailboxRight(): Promise<"none"> {
    return "none";
  }
  async mailboxOwner(): Promise<null> {
    return null;
  }
}

export interface Delivered {
  readonly deliveryId: string;
  readonly recipient: string;
  readonly envelopeSender: string;
  readonly text: string;
}

export interface TestHouse extends AsyncDisposable {
  readonly ctx: Ctx;
  readonly system: TestSystem;
  readonly logLines: LogLine[];
  readonly store: Store;
  readonly directory: TestDirectory;
  /** By mailbox id. */
  readonly mailboxes: Map<number, Delivered[]>;
  /** Called before each delivery; what it throws, the delivery throws. */
  onDeliver: (mailboxId: number) => Promise<void> | void;
  /** Another transport on the same store, as after a restart. */
  transport(config?: Partial<TransportConfig>, outbox?: Outbox): Transport;
  rows(table: "queue_message" | "queue_recipient"): Promise<SqlRow[]>;
}

export async function openTestHouse(): Promise<TestHouse> {
  const dataDir = mkdtempSync(join(tmpdir(), "outpost-queue-"));
  const system = new TestSystem();
  const logLines: LogLine[] = [];
  const ctx: Ctx = { system, log: keepingLog(logLines), signal: new AbortController().signal };
  const store = await openSqliteStore({
    dataDir, writerThreads: 0, procedureModules: [], role: "server", nowMs: () => system.nowMs(),
  });
  const directory = new TestDirectory();
  const mailboxes = new Map<number, Delivered[]>();
  const transports: Transport[] = [];
  const deliver: Deliver = async (_ctx, request) => {
    await house.onDeliver(request.mailboxId);
    let box = mailboxes.get(request.mailboxId);
    if (box === undefined) mailboxes.set(request.mailboxId, box = []);
    if (box.some(({ deliveryId }) => deliveryId === request.deliveryId)) return { duplicate: true };
    const { content } = request;
    const body = "bytes" in content ? content.bytes : await store.blobs.read(content.hash, 0, content.sizeBytes);
    box.push({
      deliveryId: request.deliveryId, recipient: request.recipient, envelopeSender: request.envelopeSender,
      text: Buffer.concat([request.prefix, body]).toString("latin1"),
    });
    return { duplicate: false };
  };
  const house: TestHouse = {
    ctx, system, logLines, store, directory, mailboxes,
    onDeliver: () => undefined,
    transport(config = {}, outbox) {
      const made = new Transport({
        ...outbox === undefined ? {} : { outbox }, ctx, store, directory, deliver, config: { hostname: "mail.example.test", outbound: { mode: "off" }, ...config },
      });
      transports.push(made);
      return made;
    },
    rows: (table) => store.read(ctx, serverScope, () => all<SqlRow>(`SELECT * FROM ${table} ORDER BY queue_id`)),
    async [Symbol.asyncDispose]() {
      for (const transport of transports) await transport.stop();
      await store.close();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
  return house;
}

/** Waits until `isSo`, at most five seconds. */
export async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 500; turn++) {
    if (await isSo()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`never came: ${what}`);
}
