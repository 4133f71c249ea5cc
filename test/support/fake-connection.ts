/** A connection in memory: chunks in by hand, what was written as text. */
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import { ReadTimeout } from "#net/api.ts";
import type { Connection } from "#net/api.ts";

export class FakeConnection implements Connection {
  readonly id = "t-1";
  readonly remoteAddress = "192.0.2.1";
  readonly localPort = 110;
  readonly serverName = null;
  readonly tlsVersion = null;
  readonly tlsCipher = null;
  readonly ctx: Ctx;
  isTls: boolean;
  closed = false;
  writes: string[] = [];
  readonly #gone = new AbortController();
  readonly #stop = new AbortController();
  #chunks: (Uint8Array | null)[] = [];
  #reader: { resolve: (chunk: Uint8Array | null) => void; reject: (error: Error) => void } | null = null;

  constructor(ctx: Ctx, isTls: boolean) {
    this.ctx = { ...ctx, signal: this.#gone.signal };
    this.isTls = isTls;
  }

  get stopping(): AbortSignal {
    return this.#stop.signal;
  }

  /** Everything written, in latin1. */
  get text(): string {
    return this.writes.join("");
  }

  /** True while the protocol waits for bytes. */
  get isIdle(): boolean {
    return this.#reader !== null;
  }

  send(text: string): void {
    this.#give(Buffer.from(text, "latin1"));
  }

  /** The client closes its side. */
  sendEnd(): void {
    this.#give(null);
  }

  silence(): void {
    this.#reader?.reject(new ReadTimeout());
    this.#reader = null;
  }

  beginStop(): void {
    this.#stop.abort();
  }

  read(): Promise<Uint8Array | null> {
    if (this.#chunks.length > 0) return Promise.resolve(this.#chunks.shift()!);
    if (this.closed) return Promise.resolve(null);
    return new Promise((resolve, reject) => { this.#reader = { resolve, reject }; });
  }

  write(...pieces: (Uint8Array | string)[]): Promise<void> {
    if (this.closed) return Promise.reject(new Fault("cancelled", "gone"));
    this.writes.push(pieces.map((piece) => Buffer.from(piece as string, "utf8").toString("latin1")).join(""));
    return Promise.resolve();
  }

  async startTls(...answer: (Uint8Array | string)[]): Promise<void> {
    this.#chunks = [];
    await this.write(...answer);
    this.isTls = true;
  }

  close(): Promise<void> {
    this.destroy();
    return Promise.resolve();
  }

  destroy(): void {
    this.closed = true;
    this.#gone.abort();
    this.#give(null);
  }

  #give(chunk: Uint8Array | null): void {
    const reader = this.#reader;
    this.#reader = null;
    if (reader !== null) reader.resolve(chunk);
    else this.#chunks.push(chunk);
  }
}
