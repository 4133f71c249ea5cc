/** The open ports: accept, count, refuse, hand over, stop. */
import { createServer } from "node:net";
import type { Server, Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { withCtx } from "#base/ctx.ts";
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { Admission, plainAddress } from "#net/admission.ts";
import { ReadTimeout } from "#net/api.ts";
import type { Listener, ListenerStats, ListenOptions, RefusalReason } from "#net/api.ts";
import { SocketConnection } from "#net/connection.ts";
import { Deadlines } from "#net/deadlines.ts";
import type { Watched } from "#net/deadlines.ts";
import { answerHandshake } from "#net/tls.ts";
import type { TlsCredentials } from "#net/tls.ts";

export interface NetLimits {
  readonly connectionsMax: number;
  readonly connectionsPerAddressMax: number;
  readonly tlsHandshakeTimeoutMs: number;
  readonly writeStallTimeoutMs: number;
  readonly stopTimeoutMs: number;
}

export interface ListenersOptions {
  readonly ctx: Ctx;
  readonly credentials: TlsCredentials;
  /** Other bounds than those of `base/limits.ts`. */
  readonly limits?: Partial<NetLimits>;
}

/** An accepted socket, its handshake done when the listener speaks TLS from the first byte. */
export interface Accepted {
  readonly id: string;
  readonly remoteAddress: string;
  readonly socket: Socket | TLSSocket;
  readonly ctx: Ctx;
  readonly deadlines: Deadlines;
  /** Must be called once when the socket has closed. */
  readonly onClosed: () => void;
}

/** What stands for an open connection while the server stops. */
export interface Stoppable {
  beginStop(): void;
  destroy(): void;
}

export interface SocketListenOptions extends Pick<ListenOptions, "name" | "port" | "address"> {
  readonly tls: "none" | "implicit";
  readonly alpnProtocols?: string[];
  /** Bytes that turn a client away, empty for none. */
  readonly refusal: (reason: RefusalReason) => string;
  /** Takes the socket over and gives what to stop. */
  readonly onSocket: (accepted: Accepted) => Stoppable;
}

interface Port extends Listener {
  readonly server: Server;
  open: number;
  accepted: number;
  refused: number;
  /** Refusals since the last log line about them. */
  refusedQuietly: number;
  refusalLoggedMs: number;
}

const refusalLogIntervalMs = 10_000;
const backlogConnections = 4096;
/** Silence after which the kernel asks whether the other side is still there. */
const keepAliveDelayMs = 120_000;

export class Listeners {
  readonly #ctx: Ctx;
  readonly #credentials: TlsCredentials;
  readonly #limits: NetLimits;
  readonly #admission: Admission;
  readonly #deadlines: Deadlines;
  readonly #ports: Port[] = [];
  readonly #open = new Set<Stoppable>();
  readonly #idPrefix: string;
  #nextId = 1;
  #refusalsUnderWay = 0;
  /** A handler may still be at work when its connection is gone. */
  #handlersRunning = 0;
  #stopping = false;
  #onEmpty: (() => void) | null = null;

  constructor(options: ListenersOptions) {
    this.#ctx = options.ctx;
    this.#credentials = options.credentials;
    this.#limits = { ...limits, ...options.limits };
    this.#admission = new Admission(this.#limits);
    this.#deadlines = new Deadlines(options.ctx.system);
    const seed = options.ctx.system.randomBytes(2);
    this.#idPrefix = (seed[0]! * 256 + seed[1]!).toString(36);
  }

  get ctx(): Ctx {
    return this.#ctx;
  }

  get isStopping(): boolean {
    return this.#stopping;
  }

  get stats(): readonly ListenerStats[] {
    return this.#ports.map(({ name, port, open, accepted, refused }) => ({ name, port, open, accepted, refused }));
  }

  /** Opens a port for a protocol of lines. Throws Fault `unavailable` when it cannot be bound. */
  listen(options: ListenOptions): Promise<Listener> {
    const credentials = options.tls === "starttls" ? this.#credentials : null;
    const { writeStallTimeoutMs, tlsHandshakeTimeoutMs } = this.#limits;
    return this.listenSockets({
      ...options,
      tls: options.tls === "implicit" ? "implicit" : "none",
      onSocket: ({ socket, ...accepted }) => {
        const connection = new SocketConnection(socket, {
          ...accepted, credentials, writeStallTimeoutMs, tlsHandshakeTimeoutMs,
        });
        this.#handlersRunning++;
        void serve(connection, options.handler).then(() => {
          this.#handlersRunning--;
          this.#noteEnd();
        });
        return connection;
      },
    });
  }

  /** Opens a port whose sockets someone else speaks on (HTTP). Throws Fault `unavailable` when it cannot be bound. */
  async listenSockets(options: SocketListenOptions): Promise<Listener> {
    const server = createServer({
      allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveDelayMs,
    });
    const ctx = withCtx(this.#ctx, { fields: { listener: options.name } });
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error: Error & { code?: string }) => reject(bindFault(options, error)));
      server.listen({ port: options.port, host: options.address, backlog: backlogConnections }, resolve);
    });
    server.on("error", (error: Error & { code?: string }) => {
      ctx.log.error({ error: error.code ?? error.message }, "listener failed to accept a connection");
    });
    const bound = server.address();
    const port: Port = {
      name: options.name, address: options.address, server,
      port: bound !== null && typeof bound === "object" ? bound.port : options.port,
      open: 0, accepted: 0, refused: 0, refusedQuietly: 0, refusalLoggedMs: -Infinity,
    };
    this.#ports.push(port);
    server.on("connection", (socket) => this.#accept(ctx, port, options, socket));
    ctx.log.info({ address: port.address, port: port.port }, "listening");
    return port;
  }

  /**
   * Stops accepting, tells every connection, waits until all are closed and their handlers have returned, and closes
   * by force what is left near the end of `stopTimeoutMs`. Resolves with how many that were.
   */
  async stop(): Promise<number> {
    this.#stopping = true;
    for (const port of this.#ports) port.server.close();
    for (const connection of this.#open) connection.beginStop();
    const { stopTimeoutMs } = this.#limits;
    await this.#allEnded(stopTimeoutMs * 0.9);
    const forced = this.#open.size;
    for (const connection of this.#open) connection.destroy();
    await this.#allEnded(stopTimeoutMs * 0.1);
    return forced;
  }

  #allEnded(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#ctx.system.setTimer(timeoutMs, resolve);
      this.#onEmpty = () => { cancel(); resolve(); };
      this.#noteEnd();
    });
  }

  #noteEnd(): void {
    if (this.#open.size === 0 && this.#handlersRunning === 0) this.#onEmpty?.();
  }

  #accept(ctx: Ctx, port: Port, options: SocketListenOptions, raw: Socket): void {
    raw.on("error", () => raw.destroy());
    // The client may be gone before we looked; then there is no address to count.
    if (raw.remoteAddress === undefined) {
      raw.destroy();
      return;
    }
    const remoteAddress = plainAddress(raw.remoteAddress);
    const refusal = this.#stopping ? "stopping" : this.#admission.enter(remoteAddress);
    if (refusal !== null) {
      this.#refuse(ctx, port, options, raw, refusal);
      return;
    }
    port.open++;
    port.accepted++;
    const id = `${this.#idPrefix}-${(this.#nextId++).toString(36)}`;
    let current: Stoppable | null = null;
    const onClosed = (): void => {
      port.open--;
      this.#admission.leave(remoteAddress);
      this.#leave(current);
    };
    const hand = (socket: Socket | TLSSocket): void => {
      current = options.onSocket({ id, remoteAddress, socket, ctx, deadlines: this.#deadlines, onClosed });
      this.#open.add(current);
      if (this.#stopping) current.beginStop();
    };
    if (options.tls === "none") {
      hand(raw);
      return;
    }
    const handshake = new Handshake(raw, this.#deadlines, this.#limits.tlsHandshakeTimeoutMs);
    this.#open.add(handshake);
    const { socket, secured } = answerHandshake(raw, this.#credentials, options.alpnProtocols);
    secured.then(() => {
      handshake.end();
      this.#open.delete(handshake);
      if (socket.destroyed) onClosed();
      else hand(socket);
    }, (error: Error) => {
      handshake.end();
      ctx.log.debug({ connection: id, client: remoteAddress, error: error.message }, "TLS handshake failed");
      current = handshake;
      onClosed();
    });
  }

  #leave(connection: Stoppable | null): void {
    if (connection !== null) this.#open.delete(connection);
    this.#noteEnd();
  }

  #refuse(ctx: Ctx, port: Port, options: SocketListenOptions, raw: Socket, reason: RefusalReason): void {
    port.refused++;
    port.refusedQuietly++;
    const nowMs = this.#deadlines.nowMs;
    if (nowMs - port.refusalLoggedMs >= refusalLogIntervalMs) {
      const fields = { client: raw.remoteAddress, reason, count: port.refusedQuietly };
      ctx.log.warn(fields, "connection refused: a limit is reached");
      port.refusedQuietly = 0;
      port.refusalLoggedMs = nowMs;
    }
    const line = options.tls === "implicit" ? "" : options.refusal(reason);
    if (line === "" || this.#refusalsUnderWay >= limits.refusalsUnderWayMax) {
      raw.destroy();
      return;
    }
    this.#refusalsUnderWay++;
    const handshake = new Handshake(raw, this.#deadlines, limits.closeLingerTimeoutMs);
    raw.once("close", () => {
      handshake.end();
      this.#refusalsUnderWay--;
    });
    raw.resume();
    raw.end(line);
  }
}

/** A socket that has a short time to get through a first step. */
class Handshake implements Watched, Stoppable {
  deadlineMs: number;
  readonly #socket: Socket;
  readonly #deadlines: Deadlines;

  constructor(socket: Socket, deadlines: Deadlines, timeoutMs: number) {
    this.#socket = socket;
    this.#deadlines = deadlines;
    this.deadlineMs = deadlines.nowMs + timeoutMs;
    deadlines.add(this);
  }

  onDeadline(): void {
    this.deadlineMs = Infinity;
    this.destroy();
  }

  beginStop(): void {
    this.destroy();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  end(): void {
    this.#deadlines.delete(this);
  }
}

/** Runs a protocol on a connection; nothing that happens in it goes further than the log. */
async function serve(connection: SocketConnection, handler: ListenOptions["handler"]): Promise<void> {
  try {
    await handler(connection);
    await connection.close();
  } catch (error) {
    const gone = connection.ctx.signal.aborted;
    if (error instanceof ReadTimeout || (error instanceof Fault && error.code === "cancelled")) {
      connection.ctx.log.debug({ error: error.message }, "connection ended early");
    } else if (!gone || !(error instanceof Fault)) {
      connection.ctx.log.error({ error }, "connection ended by an error");
    }
    connection.destroy();
  }
}

function bindFault(options: SocketListenOptions, error: Error & { code?: string }): Fault {
  const where = `port ${options.port} on ${options.address} for ${options.name}`;
  const reasons: Record<string, string> = {
    EADDRINUSE: "another program uses it",
    EACCES: "this user may not open ports below 1024",
    EADDRNOTAVAIL: "this machine does not have that address",
  };
  const why = reasons[error.code ?? ""] ?? error.message;
  return new Fault("unavailable", `Cannot open ${where}: ${why}.`, { cause: error });
}
