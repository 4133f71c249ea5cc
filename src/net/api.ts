/** What a protocol's `listen.ts` gets from the listeners in this room. */
import type { Ctx } from "#base/ctx.ts";
import type { ChannelBindingType } from "#net/scram.ts";

/**
 * One accepted connection. Bytes come as chunks and go with back-pressure; the protocol owns parsing and timeouts.
 * TLS from the first byte or by {@link Connection.startTls}.
 */
export interface Connection {
  /** Short id that stands in each log line of this connection. */
  readonly id: string;
  readonly remoteAddress: string;
  readonly localPort: number;
  readonly isTls: boolean;
  /** Name the client asked for in TLS, without a trailing dot; null without TLS or name. */
  readonly serverName: string | null;
  readonly tlsVersion: string | null;
  readonly tlsCipher: string | null;
  /** What ties a sign-in to this TLS connection; null without TLS or where it cannot be had. RFC 5929, RFC 9266 */
  channelBinding?(type: ChannelBindingType): Uint8Array | null;
  /**
   * Context with the connection's log fields; its signal is aborted when the connection closes or the server stops
   * hard.
   */
  readonly ctx: Ctx;
  /** Aborted when the server begins to stop: finish the command under way, tell the client, close. */
  readonly stopping: AbortSignal;
  /** Chunks as they come. Reading pauses when the consumer is slow. Ends when the client closes its side. */
  read(timeoutMs: number): Promise<Uint8Array | null>;
  /**
   * Resolves at once when the kernel took it, later when the client is slow; rejects with Fault `cancelled` when the
   * client is gone. Several pieces are one write. The caller must not change the bytes afterwards.
   */
  write(...pieces: (Uint8Array | string)[]): Promise<void>;
  /**
   * Drops everything the client sent before (RFC 3207 §4.2: nothing said in the clear may count), writes `answer` if
   * given, and answers the TLS handshake. Lines the caller holds in its own reader are the caller's to drop. Given
   * here, `answer` leaves no gap in which a fast client's handshake could be taken for plain text. Rejects with Fault
   * `cancelled` when the handshake failed; the connection is gone then.
   */
  startTls(...answer: (Uint8Array | string)[]): Promise<void>;
  /** Flushes what is written, then closes. */
  close(): Promise<void>;
  /** Closes at once. */
  destroy(): void;
}

/** A timeout in {@link Connection.read} is this value, so that it cannot be taken for the end. */
export class ReadTimeout extends Error {
  constructor() {
    super("the client was silent too long");
    this.name = "ReadTimeout";
  }
}

/** A protocol behind a port: called once for each connection; the connection is closed when it returns or throws. */
export type ConnectionHandler = (connection: Connection) => Promise<void>;

/** Why a client is turned away before its protocol begins. */
export type RefusalReason = "tooManyConnections" | "tooManyFromAddress" | "stopping";

export interface ListenOptions {
  /** Stands in logs and metrics: `imap`, `submissions`. */
  readonly name: string;
  /** 0 lets the system choose; {@link Listener.port} tells. */
  readonly port: number;
  readonly address: string;
  /** `starttls` and `none` accept in the clear; with `none` {@link Connection.startTls} is a mistake of the caller. */
  readonly tls: "none" | "starttls" | "implicit";
  readonly handler: ConnectionHandler;
  /** The line, with CRLF, that turns a client away in the words of the protocol. */
  readonly refusal: (reason: RefusalReason) => string;
}

/** An open port. */
export interface Listener {
  readonly name: string;
  readonly address: string;
  readonly port: number;
}

export interface ListenerStats {
  readonly name: string;
  readonly port: number;
  readonly open: number;
  readonly accepted: number;
  readonly refused: number;
}
