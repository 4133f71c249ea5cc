/**
 * Hints `(scope, cn)` after commits, to listeners in this process and, over a local socket in the data folder, from
 * other processes on the same data (the command line). A hint lost, doubled or late harms nothing: whoever hears one
 * reads what changed.
 */
import { rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { dirname } from "node:path";
import { Fault } from "#base/fault.ts";
import type { ChangeNumber, MailboxId } from "#base/ids.ts";

type Listener = (cn: ChangeNumber) => void;

export class Hints {
  readonly #listeners = new Map<MailboxId, Set<Listener>>();

  watch(scope: MailboxId, listener: Listener): () => void {
    let set = this.#listeners.get(scope);
    if (set === undefined) {
      set = new Set();
      this.#listeners.set(scope, set);
    }
    set.add(listener);
    return () => {
      set.delete(listener);
      if (set.size === 0 && this.#listeners.get(scope) === set) this.#listeners.delete(scope);
    };
  }

  /** Tells every listener of a scope. Each runs by itself: one that throws does not silence the others. */
  announce(scope: MailboxId, cn: number): void {
    const set = this.#listeners.get(scope);
    if (set === undefined) return;
    for (const listener of [...set]) queueMicrotask(() => listener(cn as ChangeNumber));
  }

  /** Every scope somebody listens to. */
  watched(): MailboxId[] {
    return [...this.#listeners.keys()];
  }
}

const hintLineMax = 64;

/**
 * The server's end of the local socket: lines of `scope cn`. It also keeps a second server off the same data: Fault
 * `inUse` when one answers there.
 */
export async function listenForHints(path: string, onHint: (scope: MailboxId, cn: number) => void): Promise<Server> {
  const other = await connectTo(path);
  if (other !== null) {
    other.destroy();
    throw new Fault("inUse", `Another server is running on ${dirname(path)}; stop it first.`);
  }
  // What a killed server left behind.
  rmSync(path, { force: true });
  const server = createServer((socket) => {
    let rest = "";
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      if (rest.length > hintLineMax) socket.destroy();
      for (const line of lines) {
        const match = /^(\d{1,15}) (\d{1,15})$/.exec(line);
        if (match !== null) onHint(Number(match[1]) as MailboxId, Number(match[2]));
      }
    });
    socket.on("error", () => socket.destroy());
    socket.unref();
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
  server.unref();
  return server;
}

/** The other end: tells a running server, if there is one. */
export class HintSender {
  readonly #path: string;
  #socket: Promise<Socket | null> | null = null;

  constructor(path: string) {
    this.#path = path;
  }

  async send(scope: MailboxId, cn: number): Promise<void> {
    this.#socket ??= this.#connect();
    const socket = await this.#socket;
    // Nobody is there, or no longer: the next hint looks again.
    if (socket === null || socket.destroyed) this.#socket = null;
    else await new Promise<void>((resolve) => socket.write(`${scope} ${cn}\n`, () => resolve()));
  }

  async close(): Promise<void> {
    const socket = await this.#socket;
    if (socket !== null && socket !== undefined) await new Promise<void>((resolve) => socket.end(() => resolve()));
  }

  #connect(): Promise<Socket | null> {
    return connectTo(this.#path);
  }
}

/** A connection to whoever listens; null when nobody does. */
function connectTo(path: string): Promise<Socket | null> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => resolve(socket));
    socket.on("error", () => {
      socket.destroy();
      resolve(null);
    });
  });
}
