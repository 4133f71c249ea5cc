/** Sockets towards other servers. The one file of the room that touches node's sockets; tests bring another dialler. */
import { connect as connectTcp, isIP } from "node:net";
import type { Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { ConnectionOptions, TLSSocket } from "node:tls";
import type { Ctx } from "#base/ctx.ts";

export interface TlsWish {
  /** Name or address that the certificate must be for. A name is also sent as SNI. */
  readonly serverName: string;
  /** Fail when the certificate is not good for the name. */
  readonly verify: boolean;
  readonly caPem?: string;
}

export interface TlsResult {
  readonly authorized: boolean;
  readonly protocol: string;
  readonly cipher: string;
}

export interface OutboundSocket {
  /** The next chunk, null at the end. Rejects with {@link DialError} on errors and after `timeoutMs`. */
  read(timeoutMs: number): Promise<Uint8Array | null>;
  /** Resolves when there is room for more. */
  write(bytes: Uint8Array | string, timeoutMs: number): Promise<void>;
  startTls(wish: TlsWish, timeoutMs: number): Promise<TlsResult>;
  destroy(): void;
}

/** The network said no. The message names what was tried. */
export class DialError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "DialError";
  }
}

export interface DialTarget {
  readonly address: string;
  readonly port: number;
  readonly timeoutMs: number;
  /** TLS from the first byte. */
  readonly tls?: TlsWish;
}

export interface Dialer {
  connect(ctx: Ctx, target: DialTarget): Promise<OutboundSocket>;
}

function tooSlow(where: string, what: string, timeoutMs: number): DialError {
  return new DialError(`${where} ${what} within ${Math.round(timeoutMs / 1000)} s`);
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = (error as NodeJS.ErrnoException).code;
  return code === undefined ? error.message : code;
}

class NodeOutboundSocket implements OutboundSocket {
  readonly #ctx: Ctx;
  readonly #where: string;
  #socket: Socket;
  #chunks: Uint8Array[] = [];
  #ended = false;
  #error: DialError | null = null;
  #wake: (() => void) | null = null;
  readonly #onAbort = (): void => this.destroy();

  constructor(ctx: Ctx, socket: Socket, where: string) {
    this.#ctx = ctx;
    this.#socket = socket;
    this.#where = where;
    ctx.signal.addEventListener("abort", this.#onAbort);
    socket.once("close", () => ctx.signal.removeEventListener("abort", this.#onAbort));
    this.#attach(socket);
  }

  #attach(socket: Socket): void {
    socket.on("data", (chunk: Buffer) => {
      this.#chunks.push(chunk);
      socket.pause();
      this.#signal();
    });
    socket.on("end", () => { this.#ended = true; this.#signal(); });
    socket.on("close", () => { this.#ended = true; this.#signal(); });
    socket.on("drain", () => this.#signal());
    socket.on("error", (error) => {
      this.#error ??= new DialError(`connection to ${this.#where} broke: ${describe(error)}`, { cause: error });
      this.#signal();
    });
  }

  #signal(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }

  /** Waits for anything to happen; false when the time is over. */
  #wait(untilMs: number): Promise<boolean> {
    const leftMs = untilMs - this.#ctx.system.monotonicMs();
    if (leftMs <= 0) return Promise.resolve(false);
    return new Promise((resolve) => {
      const cancel = this.#ctx.system.setTimer(leftMs, () => { this.#wake = null; resolve(false); });
      this.#wake = () => { cancel(); resolve(true); };
    });
  }

  async read(timeoutMs: number): Promise<Uint8Array | null> {
    const untilMs = this.#ctx.system.monotonicMs() + timeoutMs;
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) return chunk;
      if (this.#error !== null) throw this.#error;
      if (this.#ended) return null;
      this.#socket.resume();
      if (!await this.#wait(untilMs)) throw tooSlow(this.#where, "did not answer", timeoutMs);
    }
  }

  async write(bytes: Uint8Array | string, timeoutMs: number): Promise<void> {
    if (this.#error !== null) throw this.#error;
    if (this.#ended) throw new DialError(`${this.#where} closed the connection`);
    if (this.#socket.write(bytes)) return;
    const untilMs = this.#ctx.system.monotonicMs() + timeoutMs;
    // Paused reading would hide that the peer is gone; what it says meanwhile is kept.
    while (this.#socket.writableNeedDrain) {
      if (this.#error !== null) throw this.#error;
      if (this.#ended) throw new DialError(`${this.#where} closed the connection`);
      if (!await this.#wait(untilMs)) throw tooSlow(this.#where, "took no data", timeoutMs);
    }
  }

  async startTls(wish: TlsWish, timeoutMs: number): Promise<TlsResult> {
    const raw = this.#socket;
    raw.removeAllListeners("data").removeAllListeners("end").removeAllListeners("drain").removeAllListeners("error");
    // What came in the clear before the handshake counts for nothing (RFC 3207 §6).
    this.#chunks = [];
    while (raw.read() !== null);
    const secure = connectTls({ socket: raw, ...tlsOptions(wish) });
    raw.on("error", () => secure.destroy());
    const result = await handshake(this.#ctx, secure, this.#where, timeoutMs);
    this.#socket = secure;
    this.#attach(secure);
    return result;
  }

  destroy(): void {
    this.#ended = true;
    this.#socket.destroy();
    this.#signal();
  }
}

function tlsOptions(wish: TlsWish): ConnectionOptions {
  return {
    rejectUnauthorized: wish.verify, minVersion: "TLSv1.2",
    // Without `host` node compares the certificate of an address with the name `localhost`.
    host: wish.serverName,
    ...(isIP(wish.serverName) === 0 ? { servername: wish.serverName } : {}),
    ...(wish.caPem === undefined ? {} : { ca: wish.caPem }),
  };
}

function handshake(ctx: Ctx, secure: TLSSocket, where: string, timeoutMs: number): Promise<TlsResult> {
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => {
      cancel();
      secure.destroy();
      reject(new DialError(`TLS with ${where} failed: ${why}`));
    };
    const cancel = ctx.system.setTimer(timeoutMs, () => fail("no answer in time"));
    const onError = (error: Error): void => fail(describe(error));
    const onClose = (): void => fail("the connection was closed");
    secure.once("error", onError);
    secure.once("close", onClose);
    secure.once("secureConnect", () => {
      cancel();
      secure.off("error", onError);
      secure.off("close", onClose);
      resolve({
        authorized: secure.authorized, protocol: secure.getProtocol() ?? "", cipher: secure.getCipher().name,
      });
    });
  });
}

function open(ctx: Ctx, socket: Socket, event: "connect", where: string, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const finish = (error: DialError | null): void => {
      cancel();
      socket.removeAllListeners();
      ctx.signal.removeEventListener("abort", onAbort);
      if (error === null) {
        resolve();
        return;
      }
      socket.on("error", () => socket.destroy());
      socket.destroy();
      reject(error);
    };
    const onAbort = (): void => finish(new DialError(`connecting to ${where} was stopped`));
    const cancel = ctx.system.setTimer(timeoutMs, () => finish(tooSlow(where, "did not answer", timeoutMs)));
    ctx.signal.addEventListener("abort", onAbort);
    socket.once(event, () => finish(null));
    socket.once("error", (error) => {
      finish(new DialError(`cannot connect to ${where}: ${describe(error)}`, { cause: error }));
    });
  });
}

/** Dials with node's own sockets. */
export const nodeDialer: Dialer = {
  async connect(ctx, { address, port, timeoutMs, tls }) {
    const where = `${address}:${port}`;
    if (ctx.signal.aborted) throw new DialError(`connecting to ${where} was stopped`);
    const socket = connectTcp({ host: address, port, noDelay: true });
    await open(ctx, socket, "connect", where, timeoutMs);
    if (tls === undefined) return new NodeOutboundSocket(ctx, socket, where);
    const secure = connectTls({ socket, ...tlsOptions(tls) });
    socket.on("error", () => secure.destroy());
    await handshake(ctx, secure, where, timeoutMs);
    return new NodeOutboundSocket(ctx, secure, where);
  },
};
