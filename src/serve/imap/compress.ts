/** COMPRESS=DEFLATE: what is read and written passes through zlib, in pieces. RFC 4978 */
import type { Connection } from "#net/api.ts";
import type { DeflateRaw, InflateRaw } from "node:zlib";
import { constants, createDeflateRaw, createInflateRaw } from "node:zlib";

/** Where bytes come from and go to. */
export type ByteChannel = Pick<Connection, "read" | "write">;

/** The client sent what cannot be unpacked. */
export class NotDeflate extends Error {}

/** A window of 2^13 bytes and pieces of 16 KiB: what is packed a thousandfold comes out piece by piece. */
const pieceBytes = 16 * 1024;
const deflateOptions = { windowBits: 13, memLevel: 5, level: 6, chunkSize: pieceBytes } as const;

/** The channel of a connection that has agreed to compress. RFC 4978 §3 */
export class DeflateChannel implements ByteChannel {
  readonly #below: ByteChannel;
  readonly #inflate: InflateRaw = createInflateRaw({ chunkSize: pieceBytes });
  readonly #deflate: DeflateRaw = createDeflateRaw(deflateOptions);
  #packed: Buffer[] = [];
  #isUnpacking = false;
  #failure: Error | undefined;
  #wake: (() => void) | undefined;

  constructor(below: ByteChannel) {
    this.#below = below;
    this.#deflate.on("data", (chunk: Buffer) => this.#packed.push(chunk));
    const wake = (): void => this.#wake?.();
    this.#inflate.on("readable", wake);
    this.#inflate.on("error", (error) => {
      this.#failure = new NotDeflate("what the client sent cannot be unpacked", { cause: error });
      wake();
    });
  }

  async read(timeoutMs: number): Promise<Uint8Array | null> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      const chunk = this.#inflate.read() as Buffer | null;
      if (chunk !== null) return chunk;
      if (this.#isUnpacking) {
        await new Promise<void>((resolve) => { this.#wake = resolve; });
        continue;
      }
      const packed = await this.#below.read(timeoutMs);
      if (packed === null) return null;
      this.#isUnpacking = true;
      this.#inflate.write(packed, () => {
        this.#isUnpacking = false;
        this.#wake?.();
      });
    }
  }

  /** Everything goes out at once, so that the client can act on it. RFC 4978 §4 */
  async write(...pieces: (Uint8Array | string)[]): Promise<void> {
    for (const piece of pieces) this.#deflate.write(piece);
    await new Promise<void>((resolve) => this.#deflate.flush(constants.Z_SYNC_FLUSH, resolve));
    const packed = this.#packed;
    this.#packed = [];
    if (packed.length > 0) await this.#below.write(...packed);
  }

  close(): void {
    this.#inflate.destroy();
    this.#deflate.destroy();
  }
}
