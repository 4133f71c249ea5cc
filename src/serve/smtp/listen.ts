/** Moves the bytes of one SMTP connection: lines and data in, replies out, deadlines, the end. */
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import type { LineEvent } from "#codec/text/line-reader.ts";
import { LineReader } from "#codec/text/line-reader.ts";
import type { Connection, ConnectionHandler, RefusalReason } from "#net/api.ts";
import { ReadTimeout } from "#net/api.ts";
import type { ChannelBinding } from "#net/scram.ts";
import { replyOfError } from "#serve/smtp/intake.ts";
import type { SmtpParts, SmtpSettings } from "#serve/smtp/service.ts";
import { smtpSettings } from "#serve/smtp/service.ts";
import type { ClientFacts, Next } from "#serve/smtp/session.ts";
import { SmtpSession } from "#serve/smtp/session.ts";
import { formatReply, reply } from "#wire/smtp/reply.ts";

/** The handler of an SMTP port. RFC 5321 §2.1 */
export function smtpHandler(parts: SmtpParts): ConnectionHandler {
  return (connection) => new Conversation(parts, connection).run();
}

/** The line for a client that is turned away at the door. RFC 5321 §3.1 */
export function smtpRefusal(hostname: string): (reason: RefusalReason) => string {
  const texts = {
    tooManyConnections: "too many connections, try again later",
    tooManyFromAddress: "too many connections from your address, try again later",
    stopping: "the server is stopping, try again in a moment",
  } as const satisfies Record<RefusalReason, string>;
  return (reason) => {
    const enhanced = reason === "stopping" ? "4.3.2" : "4.7.0";
    return formatReply(reply(421, enhanced, `${hostname}: ${texts[reason]}`));
  };
}

/** Sign-in lines may be longer than commands, which the session bounds itself. RFC 4954 §4 */
const lineLengthMaxBytes = Math.max(limits.smtpCommandLineMaxBytes, limits.saslResponseMaxBytes) + 64;

const stopped = Symbol("the server stops");

function clientFacts(connection: Connection): ClientFacts {
  const tls = connection.isTls ? { version: connection.tlsVersion ?? "TLS", cipher: connection.tlsCipher ?? "" } : null;
  const channelBinding: ChannelBinding = (type) => connection.channelBinding?.(type) ?? null;
  return { address: connection.remoteAddress, tls, channelBinding };
}

class Conversation {
  readonly #connection: Connection;
  readonly #settings: SmtpSettings;
  readonly #session: SmtpSession;
  readonly #reader = new LineReader({ lineLengthMaxBytes, bareLf: "refuse" });
  #onStop: (() => void) | null = null;
  /** When the message under way must be complete; RFC 5321 §4.5.3.2.5 bounds silence only, drips need this too. */
  #messageUntilMs = Infinity;

  constructor(parts: SmtpParts, connection: Connection) {
    this.#connection = connection;
    this.#settings = smtpSettings(parts.config);
    this.#session = new SmtpSession(connection.ctx, parts, clientFacts(connection));
  }

  async run(): Promise<void> {
    try {
      this.#connection.stopping.addEventListener("abort", () => this.#onStop?.(), { once: true });
      this.#session.greet();
      await this.#flush();
      await this.#converse();
    } catch (error) {
      await this.#endWith(error);
    } finally {
      await this.#session.close();
    }
  }

  async #endWith(error: unknown): Promise<void> {
    if (error instanceof Fault && error.code === "cancelled") return;
    if (error instanceof ReadTimeout) {
      this.#session.sayGoodbye("4.4.2", "you were silent too long");
    } else {
      replyOfError(this.#connection.ctx, error);
      this.#session.sayGoodbye("4.3.0", "internal error");
    }
    try {
      await this.#flush();
    } catch (second) {
      this.#connection.ctx.log.debug({ error: second }, "the client left before it was told");
    }
  }

  /** Until either side ends it. */
  async #converse(): Promise<void> {
    for (;;) {
      const event = await this.#nextLine();
      if (event === null) return;
      if (event === stopped) {
        this.#session.sayGoodbye("4.3.2", "the server is stopping, try again in a moment");
        return await this.#flush();
      }
      let next: Next | null;
      if (event.kind === "line") next = await this.#session.line(event.bytes);
      else if (event.kind === "error") next = this.#session.lineRefused(event.reason);
      else throw new Error(`a ${event.kind} came where a line was asked for`);
      if (next.kind === "tls") await this.#startTls();
      else if (next.kind === "data") next = await this.#readData();
      else if (next.kind === "chunk") next = await this.#readChunk(next.sizeBytes);
      if (next === null) return;
      if (next.kind === "close") return await this.#flush();
      if (!this.#session.messageUnderWay) this.#messageUntilMs = Infinity;
    }
  }

  async #startTls(): Promise<void> {
    const dropped = this.#reader.discard();
    if (dropped > 0) this.#connection.ctx.log.warn({ dropped }, "bytes sent in the clear behind STARTTLS were dropped");
    await this.#connection.startTls(this.#session.takeReplies());
    await this.#session.tlsStarted(clientFacts(this.#connection));
  }

  /** The message after DATA; null when the client left in the middle. RFC 5321 §4.1.1.4 */
  async #readData(): Promise<Next | null> {
    this.#reader.expectDotted();
    this.#limitMessage();
    for (;;) {
      const event = await this.#nextEvent(this.#messageUntilMs);
      if (event === null) return null;
      if (event.kind === "end") return await this.#session.endData(event.summary);
      if (event.kind === "data") await this.#session.body(event.bytes);
    }
  }

  /** One chunk of BDAT. RFC 3030 §2 */
  async #readChunk(sizeBytes: number): Promise<Next | null> {
    this.#reader.expectExact(sizeBytes);
    this.#limitMessage();
    for (;;) {
      const event = await this.#nextEvent(this.#messageUntilMs);
      if (event === null) return null;
      if (event.kind !== "literal") continue;
      if (event.bytes.length > 0) await this.#session.body(event.bytes);
      if (event.remaining === 0) return await this.#session.endChunk();
    }
  }

  /** The whole message, however its bytes drip, must come in this time. */
  #limitMessage(): void {
    const { system } = this.#connection.ctx;
    this.#messageUntilMs = Math.min(this.#messageUntilMs, system.monotonicMs() + this.#settings.dataTimeoutMs);
  }

  async #nextLine(): Promise<LineEvent | typeof stopped | null> {
    const { ctx } = this.#connection;
    const untilMs = Math.min(this.#messageUntilMs, ctx.system.monotonicMs() + this.#settings.idleTimeoutMs);
    for (;;) {
      if (this.#connection.stopping.aborted) return stopped;
      const event = this.#reader.next();
      if (event !== undefined) return event;
      const chunk = await this.#readOrStop(untilMs);
      if (chunk === null || chunk === stopped) return chunk;
      this.#reader.push(chunk);
    }
  }

  async #nextEvent(untilMs: number): Promise<LineEvent | null> {
    for (;;) {
      const event = this.#reader.next();
      if (event !== undefined) return event;
      const chunk = await this.#read(untilMs);
      if (chunk === null) return null;
      this.#reader.push(chunk);
    }
  }

  /** Sends what is to be said, then waits for the client: so that pipelined commands are answered in one write. */
  async #read(untilMs: number): Promise<Uint8Array | null> {
    await this.#flush();
    const leftMs = untilMs - this.#connection.ctx.system.monotonicMs();
    if (leftMs <= 0) throw new ReadTimeout();
    return await this.#connection.read(Math.min(leftMs, this.#settings.idleTimeoutMs));
  }

  /**
   * A chunk, or word that the server stops. No `Promise.race`: it would leave something behind on the other promise
   * with every read of a long connection.
   */
  #readOrStop(untilMs: number): Promise<Uint8Array | typeof stopped | null> {
    return new Promise((resolve, reject) => {
      this.#onStop = () => resolve(stopped);
      this.#read(untilMs).then(resolve, reject).finally(() => { this.#onStop = null; });
    });
  }

  async #flush(): Promise<void> {
    const replies = this.#session.takeReplies();
    if (replies !== "") await this.#connection.write(replies);
  }
}
