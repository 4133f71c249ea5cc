/** The open ports: accept, count, refuse, hand over, stop. */
import { createServer } from "node:net";
import type { Server, Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { withCtx } from "#base/ctx.ts";
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { AddressList } from "#net/addresses.ts";
import { Admission, plainAddress } from "#net/admission.ts";
import { ReadTimeout } from "#net/api.ts";
import type { Listener, ListenerStats, ListenOptions, RefusalReason } from "#net/api.ts";
import { parseClientHello } from "#net/client-hello.ts";
import { SocketConnection } from "#net/connection.ts";
import { Deadlines } from "#net/deadlines.ts";
import type { Watched } from "#net/deadlines.ts";
import { peek } from "#net/peek.ts";
import { parseProxyHeader } from "#net/proxy-protocol.ts";
import { answerHandshake, normalServerName } from "#net/tls.ts";
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
  /** Proxies stand for many clients: they are not counted as one address. */
  readonly trustedProxies?: AddressList;
  /** Connections of trusted proxies begin with a PROXY header. */
  readonly proxyProtocol?: boolean;
}

/** An accepted socket, its handshake done when the listener speaks TLS from the first byte. */
export interface Accepted {
  readonly id: string;
  readonly remoteAddress: string;
  readonly socket: Socket | TLSSocket;
  readonly isTls: boolean;
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
const acmeProtocol = "acme-tls/1";
const proofGiven = new Error("the connection ended while a certificate authority is expected");

export class Listeners {
  readonly #ctx: Ctx;
  readonly #credentials: TlsCredentials;
  readonly #limits: NetLimits;
  readonly #admission: Admission;
  readonly #trusted: AddressList;
  readonly #proxyProtocol: boolean;
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
    this.#trusted = options.trustedProxies ?? new AddressList([]);
    this.#proxyProtocol = options.proxyProtocol ?? false;
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
    const peer = plainAddress(raw.remoteAddress);
    if (this.#proxyProtocol && !this.#stopping && this.#trusted.has(peer)) {
      void this.#readProxyHeader(ctx, port, options, raw, peer);
    } else this.#admit(ctx, port, options, raw, peer);
  }

  /** A trusted proxy says first whom it brings; what does not begin so is no connection of such a proxy. */
  async #readProxyHeader(ctx: Ctx, port: Port, options: SocketListenOptions, raw: Socket, peer: string): Promise<void> {
    const waiting = new Handshake(raw, this.#deadlines, limits.proxyHeaderTimeoutMs);
    this.#open.add(waiting);
    const header = await peek(raw, limits.proxyHeaderMaxBytes, (bytes) => {
      const parsed = parseProxyHeader(bytes);
      if (parsed === null) return null;
      return { found: parsed, consumed: parsed === "broken" ? 0 : parsed.size };
    });
    waiting.end();
    this.#leave(waiting);
    if (header === null || header === "broken" || raw.destroyed) {
      ctx.log.info({ client: peer }, "connection of a proxy dropped: it did not begin with a PROXY header");
      raw.destroy();
      return;
    }
    this.#admit(ctx, port, options, raw, header.address ?? peer);
  }

  #admit(ctx: Ctx, port: Port, options: SocketListenOptions, raw: Socket, remoteAddress: string): void {
    const isProxy = this.#trusted.has(remoteAddress);
    const refusal = this.#stopping ? "stopping" : this.#admission.enter(remoteAddress, isProxy);
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
      current = options.onSocket({
        id, remoteAddress, socket, isTls: options.tls === "implicit", ctx, deadlines: this.#deadlines, onClosed,
      });
      this.#open.add(current);
      if (this.#stopping) current.beginStop();
    };
    if (options.tls === "none") {
      hand(raw);
      return;
    }
    const handshake = new Handshake(raw, this.#deadlines, this.#limits.tlsHandshakeTimeoutMs);
    this.#open.add(handshake);
    const fail = (error: Error): void => {
      handshake.end();
      ctx.log.debug({ connection: id, client: remoteAddress, error: error.message }, "TLS handshake failed");
      current = handshake;
      onClosed();
    };
    const begin = (): void => {
      const { socket, secured } = answerHandshake(raw, this.#credentials, options.alpnProtocols);
      secured.then(() => {
        handshake.end();
        this.#open.delete(handshake);
        if (socket.destroyed) onClosed();
        else hand(socket);
      }, fail);
    };
    if (options.alpnProtocols === undefined || !this.#credentials.challenges?.size) begin();
    else {
      void this.#proveName(raw).then((isProof) => {
        if (isProof || raw.destroyed) fail(proofGiven);
        else begin();
      });
    }
  }

  /**
   * While a certificate authority is expected, a client that speaks `acme-tls/1` alone gets the certificate that proves
   * the name, and nothing else. That has to be known before the handshake, which chooses its certificate before its
   * protocol. True when this was one and is over; everybody else's bytes are put back. RFC 8737 §3
   */
  async #proveName(raw: Socket): Promise<boolean> {
    const hello = await peek(raw, limits.clientHelloMaxBytes, (bytes) => {
      const found = parseClientHello(bytes);
      return found === null ? null : { found, consumed: 0 };
    });
    if (hello === null || hello === "other" || raw.destroyed) return false;
    const { alpnProtocols } = hello;
    const context = this.#credentials.challenges?.get(normalServerName(hello.serverName) ?? "");
    if (alpnProtocols.length !== 1 || alpnProtocols[0] !== acmeProtocol || context === undefined) return false;
    const { socket, secured } = answerHandshake(raw, { contextFor: () => context }, [acmeProtocol]);
    const closed = new Promise<void>((resolve) => { socket.once("close", () => resolve()); });
    secured.then(() => socket.end(), (error: Error) => {
      this.#ctx.log.info({ error: error.message }, "the handshake that proves a name failed");
    });
    await closed;
    return true;
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
