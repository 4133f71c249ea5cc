/** POP3 on a connection: lines cut from bytes, replies gathered while commands wait (RFC 2449 §6.6 PIPELINING). */
import { LineReader } from "#codec/text/line-reader.ts";
import { limits } from "#base/limits.ts";
import { ReadTimeout } from "#net/api.ts";
import type { Connection, ConnectionHandler, RefusalReason } from "#net/api.ts";
import { MaildropLocks } from "#serve/pop3/maildrop.ts";
import { Pop3Session } from "#serve/pop3/session.ts";
import type { Pop3Server } from "#serve/pop3/session.ts";
import type { Pop3Output } from "#serve/pop3/transfer.ts";
import { errorReply } from "#wire/pop3/reply.ts";

export interface Pop3ListenOptions extends Omit<Pop3Server, "locks"> {
  /** False where no certificate is to be had. */
  readonly canStartTls: boolean;
}

/** The handler for both ports of POP3; one is made and shared, as it holds the locks of the maildrops. RFC 1939 §3 */
export function pop3Handler(options: Pop3ListenOptions): ConnectionHandler {
  const server: Pop3Server = { ...options, locks: new MaildropLocks() };
  return (connection) => serve(connection, server, options.canStartTls);
}

/** How a client is turned away before its session begins. RFC 1939 §3, RFC 3206 §4 */
export function pop3Refusal(reason: RefusalReason): string {
  const texts: Record<RefusalReason, string> = {
    tooManyConnections: "Too many connections; try again later.",
    tooManyFromAddress: "Too many connections from your address.",
    stopping: "The server is stopping; try again later.",
  };
  return errorReply("SYS/TEMP", texts[reason]);
}

async function serve(connection: Connection, server: Pop3Server, canStartTls: boolean): Promise<void> {
  const out = new ReplyBuffer(connection);
  const session = new Pop3Session(connection.ctx, server, {
    remoteAddress: connection.remoteAddress, isTls: connection.isTls, canStartTls,
    channelBinding: (type) => connection.channelBinding?.(type) ?? null,
  }, out);
  const reader = new LineReader({ lineLengthMaxBytes: limits.pop3CommandLineMaxBytes });
  let isIdle = false;
  const onStopping = (): void => {
    // A command under way finishes first; the loop sees the signal then.
    if (isIdle) void sayGoodbye(connection);
  };
  connection.stopping.addEventListener("abort", onStopping);
  try {
    await session.greet();
    for (;;) {
      const event = reader.next();
      if (event === undefined) {
        await out.flush();
        if (connection.stopping.aborted) return await sayGoodbye(connection);
        isIdle = true;
        const chunk = await readOn(connection, session);
        isIdle = false;
        if (chunk === null) return;
        reader.push(chunk);
        continue;
      }
      const isLine = event.kind === "line";
      const next = isLine ? await session.line(event.bytes) : await session.badLine("The line is too long.");
      if (next === "startTls") {
        await out.flush();
        reader.discard();
        await connection.startTls("+OK Begin TLS.\r\n");
        session.onTls();
      } else if (next === "close") {
        session.end();
        return await out.flush();
      }
    }
  } finally {
    connection.stopping.removeEventListener("abort", onStopping);
    session.end();
  }
}

/** The next bytes; null at the client's end and after too long a silence, which ends without a word. RFC 1939 §3 */
async function readOn(connection: Connection, session: Pop3Session): Promise<Uint8Array | null> {
  const timeoutMs = session.state === "transaction" ? limits.pop3IdleTimeoutMs : limits.pop3SignInTimeoutMs;
  try {
    return await connection.read(timeoutMs);
  } catch (error) {
    if (!(error instanceof ReadTimeout)) throw error;
    connection.ctx.log.info({}, "closed after too long a silence");
    return null;
  }
}

async function sayGoodbye(connection: Connection): Promise<void> {
  // A client that left in the meantime needs no farewell; close then does nothing.
  await connection.write(pop3Refusal("stopping")).catch(() => connection.destroy());
  await connection.close();
}

/** Gathers short replies into one write; message bytes go on as they come. */
class ReplyBuffer implements Pop3Output {
  readonly #connection: Connection;
  #pieces: (Uint8Array | string)[] = [];
  #size = 0;
  readonly #flushAtBytes = 32 * 1024;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  write(...pieces: (Uint8Array | string)[]): Promise<void> {
    for (const piece of pieces) {
      this.#pieces.push(piece);
      this.#size += piece.length;
    }
    return this.#size >= this.#flushAtBytes ? this.flush() : Promise.resolve();
  }

  flush(): Promise<void> {
    if (this.#size === 0) return Promise.resolve();
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#size = 0;
    return this.#connection.write(...pieces);
  }
}
