import type { Connection, ConnectionHandler, RefusalReason } from "#net/api.ts";
import type { ChannelBindingType } from "#net/scram.ts";
import type { Client, ImapServices } from "#serve/imap/state.ts";
import type { ByteChannel } from "#serve/imap/compress.ts";
import type { AppendStep } from "#wire/imap/append.ts";
import type { AnyCommand } from "#wire/imap/commands.ts";
import type { ReaderEvent } from "#wire/imap/reader.ts";
import { assert, Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { ReadTimeout } from "#net/api.ts";
import { DeflateChannel, NotDeflate } from "#serve/imap/compress.ts";
import { ImapSession } from "#serve/imap/session.ts";
import { BadCommand, ConnectionOver, OutOfStep } from "#serve/imap/state.ts";
import { encodeContinuation, encodeStatus } from "#wire/imap/encode.ts";
import { CommandReader } from "#wire/imap/reader.ts";

const refusals: Readonly<Record<RefusalReason, string>> = {
  tooManyConnections: "Too many connections; try again later.",
  tooManyFromAddress: "Too many connections from your address.",
  stopping: "The server is stopping.",
};

/** Turns a client away before its greeting. RFC 9051 §7.1.5, RFC 5530 §3 */
export function imapRefusal(reason: RefusalReason): string {
  return encodeStatus("*", "BYE", "UNAVAILABLE", refusals[reason]);
}

/** The client closed its side. */
class ClientGone extends ConnectionOver {}
/** The server stops, and no command is under way. */
class Stopping extends ConnectionOver {}
/** Where the next command begins can no longer be known. */
class OutOfSync extends ConnectionOver {}

/**
 * One connection from greeting to close. Commands run one after the other, in the order they came; bytes are read only
 * when nothing that was read waits, so a client that sends ahead is held back by TCP. RFC 9051 §5.5
 */
export function imapHandler(services: ImapServices): ConnectionHandler {
  return async (connection) => {
    const client = new ConnectionClient(connection);
    const session = new ImapSession(services, client, connection.ctx);
    client.whileWaiting = (reading) => session.settleUntil(reading);
    try {
      session.greet();
      await serve(session, client, connection.ctx.system.monotonicMs() + limits.imapSignInTimeoutMs);
    } catch (error) {
      if (error instanceof OutOfStep) connection.ctx.log.error({ error }, "the connection ends within an answer");
      const farewell = farewellOf(error);
      if (farewell === undefined) throw error;
      if (farewell !== "") session.bye(farewell, error instanceof Stopping ? "UNAVAILABLE" : undefined);
    } finally {
      session.close();
    }
    if (connection.ctx.signal.aborted) {
      client.release();
      return;
    }
    try {
      await client.flush();
      await connection.close();
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
    } finally {
      client.release();
    }
  };
}

async function serve(session: ImapSession, client: ConnectionClient, signInDeadlineMs: number): Promise<void> {
  while (!session.isEnding) {
    client.reader.literalMaxBytes = session.isSignedIn ? limits.imapLiteralMaxBytes : limits.imapSignInLiteralMaxBytes;
    client.reader.takesUtf8 = session.takesUtf8;
    client.readDeadlineMs = session.isSignedIn ? undefined : signInDeadlineMs;
    const event = await client.next();
    switch (event.kind) {
      case "command": case "append":
        await session.run(event.command as AnyCommand);
        break;
      case "bad":
        session.refuse(event);
        break;
      case "continue":
        client.write(encodeContinuation("Go on."));
        break;
      default:
        assert(event.kind === "fatal", `${event.kind} comes only inside a command`);
        session.bye(event.text);
    }
    await client.flush();
  }
}

/** What to say at the end; "" for nothing; undefined for a bug. */
function farewellOf(error: unknown): string | undefined {
  if (error instanceof ReadTimeout) return "The connection was silent too long.";
  if (error instanceof Stopping) return "The server is stopping.";
  if (error instanceof OutOfSync || error instanceof NotDeflate) return error.message;
  if (error instanceof OutOfStep || error instanceof ClientGone) return "";
  return error instanceof Fault && error.code === "cancelled" ? "" : undefined;
}

/** Gathers what is written and cuts what is read. */
class ConnectionClient implements Client {
  readonly reader = new CommandReader();
  /** Until somebody has signed in all reading together has this much time, drop by drop or not. */
  readDeadlineMs: number | undefined;
  /** Called while the next bytes are waited for, until they come: answers that are held back go out. */
  whileWaiting: ((reading: Promise<unknown>) => Promise<void>) | undefined;
  appendSteps: readonly AppendStep[] = [];
  readonly #connection: Connection;
  #channel: ByteChannel;
  #deflate: DeflateChannel | undefined;
  #text = "";
  #writes = 0;
  #pieces: Uint8Array[] = [];
  #piecesBytes = 0;
  /** Ends the read under way, whose bytes nobody will want. One for all reads: a promise to race with would grow. */
  #stopReading: (() => void) | undefined;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#channel = connection;
    connection.stopping.addEventListener("abort", () => this.#stopReading?.(), { once: true });
  }

  get isTls(): boolean {
    return this.#connection.isTls;
  }

  get address(): string {
    return this.#connection.remoteAddress;
  }

  channelBinding(type: ChannelBindingType): Uint8Array | null {
    return this.#connection.channelBinding?.(type) ?? null;
  }

  get writes(): number {
    return this.#writes;
  }

  write(octets: string): void {
    this.#writes++;
    this.#text += octets;
  }

  writeBytes(bytes: Uint8Array): void {
    this.#gatherText();
    this.#pieces.push(bytes);
    this.#piecesBytes += bytes.length;
  }

  get isFull(): boolean {
    return this.#text.length + this.#piecesBytes >= limits.imapReplyFlushBytes;
  }

  async drain(): Promise<void> {
    if (this.isFull) await this.flush();
  }

  async flush(): Promise<void> {
    this.#gatherText();
    if (this.#pieces.length === 0) return;
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#piecesBytes = 0;
    await this.#channel.write(...pieces);
  }

  async next(): Promise<ReaderEvent> {
    for (;;) {
      const event = this.reader.next();
      if (event !== undefined) return event;
      await this.flush();
      const reading = this.#readOrStop();
      await this.whileWaiting?.(reading);
      const chunk = await reading;
      if (chunk === null) throw new ClientGone("the client closed the connection");
      this.reader.push(chunk);
    }
  }

  async readText(): Promise<Uint8Array | undefined> {
    this.reader.expectText();
    const event = await this.next();
    assert(event.kind === "text", "a line of text was asked for");
    return event.bytes;
  }

  async *readMessage(isSynchronizing: boolean): AsyncGenerator<Uint8Array> {
    this.reader.acceptLiteral();
    if (isSynchronizing) this.write(encodeContinuation("Ready for the message."));
    let isTaken = true;
    try {
      for (;;) {
        const event = await this.next();
        if (event.kind === "data") {
          isTaken = false;
          yield event.bytes;
          isTaken = true;
          continue;
        }
        if (event.kind === "fatal") throw new OutOfSync(event.text);
        assert(event.kind === "dataEnd", "a message ends with its last byte");
        if (event.bad !== undefined) throw new BadCommand(event.bad.text);
        this.appendSteps = event.steps;
        return;
      }
    } finally {
      // The taker had enough (a full disk, say); the client sends on all the same.
      if (!isTaken && !this.#connection.ctx.signal.aborted) await this.#skipMessage();
    }
  }

  async #skipMessage(): Promise<void> {
    for (;;) {
      const { kind } = await this.next();
      if (kind === "dataEnd" || kind === "fatal") return;
    }
  }

  async refuseMessage(): Promise<void> {
    if (!this.reader.hasAnnounced) return;
    this.reader.refuseLiteral();
    const event = await this.next();
    if (event.kind === "fatal") throw new OutOfSync(event.text);
    assert(event.kind === "skipped", "a refused message is skipped");
  }

  async startTls(answer: string): Promise<void> {
    await this.flush();
    this.reader.discard();
    await this.#connection.startTls(answer);
  }

  get isCompressed(): boolean {
    return this.#deflate !== undefined;
  }

  async startCompression(answer: string): Promise<void> {
    this.write(answer);
    await this.flush();
    // RFC 4978 §3: nothing is sent ahead of the answer; what was could be neither.
    if (this.reader.discard() > 0) throw new OutOfSync("Nothing may follow COMPRESS before its answer.");
    this.#deflate = new DeflateChannel(this.#connection);
    this.#channel = this.#deflate;
  }

  release(): void {
    this.#deflate?.close();
  }

  #gatherText(): void {
    if (this.#text === "") return;
    const bytes = Buffer.from(this.#text, "latin1");
    this.#text = "";
    this.#pieces.push(bytes);
    this.#piecesBytes += bytes.length;
  }

  async #readOrStop(): Promise<Uint8Array | null> {
    if (this.#connection.stopping.aborted) throw new Stopping("the server stops");
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array | null>();
    this.#stopReading = () => reject(new Stopping("the server stops"));
    const timeoutMs = this.readDeadlineMs === undefined ? limits.imapIdleTimeoutMs
      : Math.max(1, this.readDeadlineMs - this.#connection.ctx.system.monotonicMs());
    this.#channel.read(timeoutMs).then(resolve, reject);
    try {
      return await promise;
    } finally {
      this.#stopReading = undefined;
    }
  }
}
