/**
 * A TCP or TLS connection that hands out lines and counted bytes as they came. The raw clients of the tests and of the
 * bench stand on it: nothing is repaired, so that what a server said is what a test sees.
 */
import { connect as connectTcp } from "node:net";
import type { Socket } from "node:net";
import { connect as connectTls } from "node:tls";

export interface WireAddress {
  readonly port: number;
  readonly host?: string;
  /** Name to be checked against the certificate. */
  readonly servername?: string;
  /** TLS from the first byte. */
  readonly tls?: boolean;
  /** PEM of who must have signed the server's certificate; none: anything is taken. */
  readonly ca?: string;
}

export class ConnectionClosed extends Error {
  constructor(detail: string) {
    super(`the server closed the connection${detail}`);
  }
}

const nothing = Buffer.alloc(0);

export class WireSocket {
  readonly #address: WireAddress;
  #socket: Socket;
  #chunks: Buffer[] = [];
  #head: Buffer = nothing;
  #at = 0;
  #ended: Error | null = null;
  #wake: (() => void) | null = null;

  private constructor(address: WireAddress, socket: Socket) {
    this.#address = address;
    this.#socket = socket;
    this.#listen();
  }

  static async open(address: WireAddress): Promise<WireSocket> {
    const host = address.host ?? "127.0.0.1";
    const plain = connectTcp({ port: address.port, host, noDelay: true });
    await happens(plain, "connect");
    if (address.tls !== true) return new WireSocket(address, plain);
    return new WireSocket(address, await secured(plain, address));
  }

  async startTls(): Promise<void> {
    this.#socket.removeAllListeners();
    this.#socket = await secured(this.#socket, this.#address);
    this.#listen();
  }

  /** The socket below, for tests that stop reading, half-close or reset. */
  get raw(): Socket {
    return this.#socket;
  }

  get isClosed(): boolean {
    return this.#ended !== null;
  }

  write(bytes: string | Uint8Array): void {
    this.#socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
  }

  /** Waits until the bytes left this process; for long uploads. */
  async writeAll(bytes: Uint8Array): Promise<void> {
    if (!this.#socket.write(bytes)) await happens(this.#socket, "drain");
  }

  /** The next line without its CRLF or LF when it has come whole. */
  tryLine(): Buffer | undefined {
    const line = this.tryRawLine();
    if (line === undefined) return undefined;
    return line.subarray(0, line.length - (line.at(-2) === 13 ? 2 : 1));
  }

  /** The next bytes up to an LF, with it. */
  tryRawLine(): Buffer | undefined {
    for (;;) {
      const end = this.#head.indexOf(10, this.#at);
      if (end >= 0) {
        const line = this.#head.subarray(this.#at, end + 1);
        this.#at = end + 1;
        return line;
      }
      const next = this.#chunks.shift();
      if (next === undefined) return undefined;
      this.#head = this.#at === this.#head.length ? next : Buffer.concat([this.#head.subarray(this.#at), next]);
      this.#at = 0;
    }
  }

  /** Throws ConnectionClosed when the server ends the connection first. */
  async line(): Promise<Buffer> {
    for (;;) {
      const line = this.tryLine();
      if (line !== undefined) return line;
      await this.#more();
    }
  }

  async rawLine(): Promise<Buffer> {
    for (;;) {
      const line = this.tryRawLine();
      if (line !== undefined) return line;
      await this.#more();
    }
  }

  async exactly(size: number): Promise<Buffer> {
    const pieces: Buffer[] = [];
    let missing = size;
    while (missing > 0) {
      if (this.#at === this.#head.length) {
        const next = this.#chunks.shift();
        if (next === undefined) {
          await this.#more();
          continue;
        }
        this.#head = next;
        this.#at = 0;
      }
      const piece = this.#head.subarray(this.#at, this.#at + missing);
      this.#at += piece.length;
      missing -= piece.length;
      pieces.push(piece);
    }
    return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
  }

  /** Everything until the server closes. */
  async rest(): Promise<Buffer> {
    while (this.#ended === null) {
      await new Promise<void>((resolve) => { this.#wake = resolve; });
    }
    const all = Buffer.concat([this.#head.subarray(this.#at), ...this.#chunks]);
    this.#head = nothing;
    this.#at = 0;
    this.#chunks = [];
    return all;
  }

  close(): void {
    this.#socket.destroy();
  }

  async #more(): Promise<void> {
    if (this.#chunks.length > 0) return;
    if (this.#ended !== null) throw this.#ended;
    await new Promise<void>((resolve) => { this.#wake = resolve; });
    if (this.#chunks.length === 0 && this.#ended !== null) throw this.#ended;
  }

  #listen(): void {
    const wake = (): void => {
      this.#wake?.();
      this.#wake = null;
    };
    this.#socket.on("data", (chunk: Buffer) => { this.#chunks.push(chunk); wake(); });
    this.#socket.on("error", (error) => { this.#ended ??= new ConnectionClosed(`: ${error.message}`); wake(); });
    this.#socket.on("close", () => { this.#ended ??= new ConnectionClosed(""); wake(); });
    this.#socket.on("end", () => { this.#ended ??= new ConnectionClosed(""); wake(); });
  }
}

async function secured(socket: Socket, address: WireAddress): Promise<Socket> {
  const { ca, servername } = address;
  const secure = connectTls({
    socket, servername: servername ?? "localhost",
    ...(ca === undefined ? { rejectUnauthorized: false } : { ca, rejectUnauthorized: true }),
    ...(servername === undefined ? { checkServerIdentity: () => undefined } : {}),
  });
  await happens(secure, "secureConnect");
  return secure;
}

function happens(socket: Socket, event: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (error?: Error): void => {
      socket.off(event, onEvent);
      socket.off("error", onError);
      socket.off("close", onClose);
      if (error === undefined) resolve();
      else reject(error);
    };
    const onEvent = (): void => done();
    const onError = (error: Error): void => done(new ConnectionClosed(`: ${error.message}`));
    const onClose = (): void => done(new ConnectionClosed(` before ${event}`));
    socket.once(event, onEvent);
    socket.once("error", onError);
    socket.once("close", onClose);
  });
}
