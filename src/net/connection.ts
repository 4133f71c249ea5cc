/** {@link Connection} over a socket of node:net or node:tls. */
import { TLSSocket } from "node:tls";
import type { Socket } from "node:net";
import { withCtx } from "#base/ctx.ts";
import type { Ctx } from "#base/ctx.ts";
import { assert, Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { ReadTimeout } from "#net/api.ts";
import type { Connection } from "#net/api.ts";
import { channelBindingOf } from "#net/channel-binding.ts";
import type { Deadlines, Watched } from "#net/deadlines.ts";
import type { ChannelBindingType } from "#net/scram.ts";
import { answerHandshake, normalServerName } from "#net/tls.ts";
import type { TlsCredentials } from "#net/tls.ts";

export interface SocketConnectionOptions {
  readonly id: string;
  readonly remoteAddress: string;
  /** Context of the listener; the connection adds its id and a signal. */
  readonly ctx: Ctx;
  readonly deadlines: Deadlines;
  /** null when the listener offers no STARTTLS. */
  readonly credentials: TlsCredentials | null;
  readonly writeStallTimeoutMs?: number;
  readonly tlsHandshakeTimeoutMs?: number;
  readonly onClosed: () => void;
}

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}
interface Reader {
  readonly resolve: (chunk: Uint8Array | null) => void;
  readonly reject: (error: Error) => void;
}
type Phase = "open" | "closing" | "lingering" | "closed";

const done = Promise.resolve();

/**
 * State in plain fields, controllers made when asked for and deadlines as numbers: an idle connection costs little more
 * than its socket. Whatever goes wrong with the socket ends here: `read` gives null, `write` rejects, `signal` aborts.
 */
export class SocketConnection implements Connection, Watched {
  readonly id: string;
  readonly remoteAddress: string;
  readonly localPort: number;
  readonly #options: SocketConnectionOptions;
  #socket: Socket | TLSSocket;
  #phase: Phase = "open";
  #ended = false;
  #stopped = false;
  #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #reader: Reader | null = null;
  #readDeadlineMs = Infinity;
  /** For a stalled write, a handshake, the last flush or lingering. */
  #otherDeadlineMs = Infinity;
  #drainWaiters: Waiter[] | null = null;
  #closeWaiters: (() => void)[] | null = null;
  #ctx: Ctx | null = null;
  #gone: AbortController | null = null;
  #stopping: AbortController | null = null;

  /** `socket` must have finished its handshake when it is a TLSSocket. */
  constructor(socket: Socket | TLSSocket, options: SocketConnectionOptions) {
    this.id = options.id;
    this.remoteAddress = options.remoteAddress;
    this.localPort = socket.localPort ?? 0;
    this.#options = options;
    this.#socket = socket;
    this.#attach(socket);
    options.deadlines.add(this);
  }

  get isTls(): boolean {
    return this.#socket instanceof TLSSocket;
  }

  get serverName(): string | null {
    const socket = this.#socket as { servername?: string | false };
    return normalServerName(socket.servername);
  }

  get tlsVersion(): string | null {
    return this.#socket instanceof TLSSocket ? this.#socket.getProtocol() : null;
  }

  get tlsCipher(): string | null {
    return this.#socket instanceof TLSSocket ? this.#socket.getCipher().name : null;
  }

  channelBinding(type: ChannelBindingType): Uint8Array | null {
    return this.#socket instanceof TLSSocket ? channelBindingOf(this.#socket, type) : null;
  }

  get ctx(): Ctx {
    if (this.#ctx !== null) return this.#ctx;
    this.#gone = new AbortController();
    if (this.#phase === "closed") this.#gone.abort();
    const fields = { connection: this.id, client: this.remoteAddress };
    this.#ctx = { ...withCtx(this.#options.ctx, { fields }), signal: this.#gone.signal };
    return this.#ctx;
  }

  get stopping(): AbortSignal {
    this.#stopping ??= new AbortController();
    if (this.#stopped) this.#stopping.abort();
    return this.#stopping.signal;
  }

  get deadlineMs(): number {
    return Math.min(this.#readDeadlineMs, this.#otherDeadlineMs);
  }

  /** Tells the protocol that the server begins to stop. */
  beginStop(): void {
    this.#stopped = true;
    this.#stopping?.abort();
  }

  read(timeoutMs: number): Promise<Uint8Array | null> {
    assert(this.#reader === null, "one read at a time");
    const chunk = this.#queue.shift();
    if (chunk !== undefined) {
      this.#queuedBytes -= chunk.length;
      if (this.#queue.length === 0 && this.#socket.isPaused()) this.#socket.resume();
      return Promise.resolve(chunk);
    }
    if (this.#ended || this.#phase !== "open") return Promise.resolve(null);
    this.#readDeadlineMs = this.#options.deadlines.nowMs + timeoutMs;
    this.#options.deadlines.note(this.#readDeadlineMs);
    return new Promise((resolve, reject) => { this.#reader = { resolve, reject }; });
  }

  write(...pieces: (Uint8Array | string)[]): Promise<void> {
    if (this.#phase !== "open") return this.#refuse();
    const socket = this.#socket;
    if (pieces.length > 1) socket.cork();
    for (const piece of pieces) {
      if (piece.length > 0) socket.write(piece);
    }
    if (pieces.length > 1) socket.uncork();
    return this.#drained();
  }

  async startTls(...answer: (Uint8Array | string)[]): Promise<void> {
    const { credentials, deadlines, tlsHandshakeTimeoutMs } = this.#options;
    const raw = this.#socket;
    assert(!(raw instanceof TLSSocket), "TLS is started once");
    assert(credentials !== null, "the listener offers STARTTLS");
    assert(this.#reader === null, "no read is under way when TLS starts");
    if (this.#phase !== "open") return this.#refuse();
    this.#detach(raw);
    raw.pause();
    this.#queue = [];
    this.#queuedBytes = 0;
    // What node holds already would be fed to the handshake: plain text sent ahead must not get there either.
    while (raw.read() !== null);
    for (const piece of answer) raw.write(piece);
    const { socket, secured } = answerHandshake(raw, credentials);
    this.#socket = socket;
    this.#attach(socket);
    this.#setOtherDeadline(deadlines.nowMs + (tlsHandshakeTimeoutMs ?? limits.tlsHandshakeTimeoutMs));
    try {
      await secured;
    } catch (error) {
      this.destroy();
      throw error;
    }
    this.#otherDeadlineMs = Infinity;
  }

  close(): Promise<void> {
    if (this.#phase === "lingering" || this.#phase === "closed") return done;
    if (this.#phase === "open") {
      this.#phase = "closing";
      this.#endReader();
      this.#queue = [];
      this.#setOtherDeadline(this.#options.deadlines.nowMs + limits.closeFlushTimeoutMs);
      // Reading goes on, into nothing: unread bytes would turn our close into a reset that eats the last reply.
      this.#socket.resume();
      this.#socket.end();
    }
    return new Promise((resolve) => { (this.#closeWaiters ??= []).push(resolve); });
  }

  destroy(): void {
    this.#socket.destroy();
  }

  onDeadline(nowMs: number): void {
    if (this.#readDeadlineMs <= nowMs) {
      this.#readDeadlineMs = Infinity;
      const reader = this.#reader;
      this.#reader = null;
      reader?.reject(new ReadTimeout());
    }
    if (this.#otherDeadlineMs <= nowMs) {
      this.#otherDeadlineMs = Infinity;
      if (this.#phase === "open") this.ctx.log.info({}, "connection dropped: the client stalled");
      this.#socket.destroy();
    }
  }

  readonly #onData = (chunk: Uint8Array): void => {
    if (this.#phase !== "open") return;
    const reader = this.#reader;
    if (reader !== null) {
      this.#reader = null;
      this.#readDeadlineMs = Infinity;
      reader.resolve(chunk);
      return;
    }
    this.#queue.push(chunk);
    this.#queuedBytes += chunk.length;
    if (this.#queuedBytes >= limits.readAheadMaxBytes || this.#queue.length >= limits.readAheadMaxChunks) {
      this.#socket.pause();
    }
  };

  readonly #onEnd = (): void => {
    this.#ended = true;
    this.#endReader();
  };

  readonly #onDrain = (): void => {
    if (this.#phase === "open") this.#otherDeadlineMs = Infinity;
    const waiters = this.#drainWaiters;
    this.#drainWaiters = null;
    for (const waiter of waiters ?? []) waiter.resolve();
  };

  readonly #onFinish = (): void => {
    if (this.#phase !== "closing") return;
    this.#phase = "lingering";
    this.#setOtherDeadline(this.#options.deadlines.nowMs + limits.closeLingerTimeoutMs);
    this.#endClose();
  };

  readonly #onError = (error: Error & { code?: string }): void => {
    if (this.#phase === "open" && !this.#socket.destroyed) {
      this.ctx.log.debug({ error: error.code ?? error.message }, "connection broke");
    }
    this.#socket.destroy();
  };

  readonly #onClose = (): void => {
    if (this.#phase === "closed") return;
    this.#phase = "closed";
    this.#queue = [];
    this.#ended = true;
    this.#endReader();
    const waiters = this.#drainWaiters;
    this.#drainWaiters = null;
    for (const waiter of waiters ?? []) waiter.reject(this.#goneFault());
    this.#endClose();
    this.#readDeadlineMs = this.#otherDeadlineMs = Infinity;
    this.#options.deadlines.delete(this);
    this.#gone?.abort();
    this.#options.onClosed();
  };

  #attach(socket: Socket | TLSSocket): void {
    socket.on("data", this.#onData);
    socket.on("end", this.#onEnd);
    socket.on("drain", this.#onDrain);
    socket.on("finish", this.#onFinish);
    socket.on("error", this.#onError);
    socket.on("_tlsError", this.#onError);
    socket.on("close", this.#onClose);
  }

  #detach(socket: Socket): void {
    socket.off("data", this.#onData);
    socket.off("end", this.#onEnd);
    socket.off("drain", this.#onDrain);
    socket.off("finish", this.#onFinish);
    socket.off("error", this.#onError);
    socket.off("_tlsError", this.#onError);
    socket.off("close", this.#onClose);
  }

  #setOtherDeadline(atMs: number): void {
    this.#otherDeadlineMs = atMs;
    this.#options.deadlines.note(atMs);
  }

  #drained(): Promise<void> {
    if (!this.#socket.writableNeedDrain) return done;
    if (this.#otherDeadlineMs === Infinity) {
      const stallMs = this.#options.writeStallTimeoutMs ?? limits.writeStallTimeoutMs;
      this.#setOtherDeadline(this.#options.deadlines.nowMs + stallMs);
    }
    return handled(new Promise((resolve, reject) => { (this.#drainWaiters ??= []).push({ resolve, reject }); }));
  }

  #endReader(): void {
    const reader = this.#reader;
    this.#reader = null;
    this.#readDeadlineMs = Infinity;
    reader?.resolve(null);
  }

  #endClose(): void {
    const waiters = this.#closeWaiters;
    this.#closeWaiters = null;
    for (const resolve of waiters ?? []) resolve();
  }

  #goneFault(): Fault {
    return new Fault("cancelled", "The client closed the connection.");
  }

  #refuse(): Promise<void> {
    return handled(Promise.reject(this.#goneFault()));
  }
}

/** A rejection that nobody waits for (a notice written beside a command) must not end the process. */
function handled(promise: Promise<void>): Promise<void> {
  promise.catch(ignore);
  return promise;
}

function ignore(): void {
  // The caller who awaits the promise sees the error; there is nothing to do here.
}
