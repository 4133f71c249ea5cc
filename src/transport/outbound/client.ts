/** The client's side of one SMTP connection. RFC 5321 §3 and §4.5.3.2 */
import type { Ctx } from "#base/ctx.ts";
import { Fault, WireError } from "#base/fault.ts";
import { DotWriter } from "#codec/text/dot-writer.ts";
import { LineReader } from "#codec/text/line-reader.ts";
import type { OutboundTimeouts } from "#transport/config.ts";
import type { Outcome } from "#transport/outcome.ts";
import { refusedOutcome } from "#transport/outcome.ts";
import type { QueueMessage, QueueRecipient } from "#transport/queue-rows.ts";
import { contentFlags } from "#transport/queue-rows.ts";
import type { OutboundSocket, TlsWish } from "#transport/outbound/dial.ts";
import { DialError } from "#transport/outbound/dial.ts";
import { notifyBits } from "#wire/smtp/parameters.ts";
import type { Reply } from "#wire/smtp/reply.ts";
import { parseCapabilities, reply, ReplyParser, replyText } from "#wire/smtp/reply.ts";
import { encodeUtf8Address, encodeXtext } from "#wire/smtp/xtext.ts";

/** A reply that ends the use of this connection; another server may do better. */
export class ReplyError extends Error {
  readonly reply: Reply;

  constructor(what: string, answer: Reply) {
    super(`${what}: ${replyText(answer)}`);
    this.name = "ReplyError";
    this.reply = answer;
  }
}

const replyLineMaxBytes = 8192;

export interface SmtpClientOptions {
  readonly ctx: Ctx;
  readonly socket: OutboundSocket;
  /** Name of the server, for reports. */
  readonly host: string;
  readonly hostname: string;
  readonly timeouts: OutboundTimeouts;
}

export class SmtpClient {
  readonly host: string;
  readonly #options: SmtpClientOptions;
  readonly #reader = new LineReader({ lineLengthMaxBytes: replyLineMaxBytes });
  readonly #replies = new ReplyParser();
  #capabilities = new Map<string, string>();

  constructor(options: SmtpClientOptions) {
    this.#options = options;
    this.host = options.host;
  }

  supports(keyword: string): boolean {
    return this.#capabilities.has(keyword);
  }

  /** Reads the greeting and says EHLO, or HELO to those who know no more. RFC 5321 §3.1, §3.2 */
  async greet(): Promise<void> {
    const greeting = await this.#read(this.#options.timeouts.greetingMs);
    if (greeting.code !== 220) throw new ReplyError("greeting", greeting);
    await this.hello();
  }

  async hello(): Promise<void> {
    const { hostname } = this.#options;
    const answer = await this.#command(`EHLO ${hostname}`);
    if (answer.code === 250) {
      this.#capabilities = parseCapabilities(answer);
      this.#refuseOurselves(answer);
      return;
    }
    if (answer.code === 421) throw new ReplyError("EHLO", answer);
    const plain = await this.#command(`HELO ${hostname}`);
    if (plain.code !== 250) throw new ReplyError("HELO", plain);
    this.#capabilities = new Map();
  }

  #refuseOurselves(ehlo: Reply): void {
    const name = (ehlo.lines[0] ?? "").split(" ")[0]!.toLowerCase();
    if (name !== this.#options.hostname.toLowerCase()) return;
    const text = `${this.host} is this server itself: the mail would go in a circle`;
    throw new ReplyError("EHLO", reply(554, "5.4.6", text));
  }

  /** STARTTLS and EHLO again. DialError when the handshake fails: the connection is of no more use. RFC 3207 §4 */
  async startTls(wish: TlsWish): Promise<void> {
    const answer = await this.#command("STARTTLS");
    if (answer.code !== 220) throw new ReplyError("STARTTLS", answer);
    this.#reader.discard();
    const result = await this.#options.socket.startTls(wish, this.#options.timeouts.commandMs);
    this.#options.ctx.log.debug({ host: this.host, ...result }, "outgoing connection secured");
    await this.hello();
  }

  /** PLAIN, or LOGIN where only that is offered. RFC 4954 §4 */
  async signIn(user: string, password: string): Promise<void> {
    const mechanisms = (this.#capabilities.get("AUTH") ?? "").toUpperCase().split(/ +/);
    const base64 = (text: string): string => Buffer.from(text).toString("base64");
    let answer: Reply;
    if (mechanisms.includes("PLAIN") || !mechanisms.includes("LOGIN")) {
      answer = await this.#command(`AUTH PLAIN ${base64(`\0${user}\0${password}`)}`);
    } else {
      answer = await this.#command("AUTH LOGIN");
      if (answer.code === 334) answer = await this.#command(base64(user));
      if (answer.code === 334) answer = await this.#command(base64(password));
    }
    if (answer.code !== 235) throw new ReplyError("sign-in at the smarthost", answer);
  }

  /**
   * One transaction. Gives an outcome for each recipient, also when the connection breaks on the way; then `broken` is
   * true. `untouched` means that it broke before the server had taken any of it, so that another connection may try.
   */
  async send(
    message: QueueMessage, recipients: readonly QueueRecipient[], content: () => AsyncIterable<Uint8Array>,
  ): Promise<{ outcomes: Outcome[]; broken: boolean; untouched: boolean }> {
    const refused = this.#cannotTake(message, recipients);
    if (refused !== null) return { outcomes: refused, broken: false, untouched: false };
    const progress: Progress = { outcomes: new Map(), accepted: [], untouched: true };
    try {
      const proceed = await this.#sendEnvelope(message, recipients, progress);
      if (proceed) await this.#sendData(message, progress, content);
      return { outcomes: [...progress.outcomes.values()], broken: progress.closing === true, untouched: false };
    } catch (error) {
      if (!isExpected(error)) throw error;
      const text = `451 4.4.2 ${error.message}`.slice(0, 1000);
      const outcomes = recipients.map((recipient): Outcome => progress.outcomes.get(recipient.recipientNumber) ??
        { recipient, kind: "later", status: "4.4.2", reply: text, remoteMta: this.host });
      return { outcomes, broken: true, untouched: progress.untouched };
    }
  }

  async quit(): Promise<void> {
    try {
      await this.#options.socket.write("QUIT\r\n", 1000);
      await this.#read(1000);
    } catch {
      // Politeness only: everything is settled by now.
    } finally {
      this.#options.socket.destroy();
    }
  }

  destroy(): void {
    this.#options.socket.destroy();
  }

  /** Refusals known before a word is said. RFC 1870 §6.1, RFC 6531 §3.2 */
  #cannotTake(message: QueueMessage, recipients: readonly QueueRecipient[]): Outcome[] | null {
    const refuse = (status: string, text: string): Outcome[] => recipients.map((recipient) => ({
      recipient, kind: "failed", status, reply: text, remoteMta: this.host,
    }));
    const sizeMax = Number(this.#capabilities.get("SIZE") ?? 0);
    const sizeBytes = message.sizeBytes + message.trace.length;
    if (sizeMax > 0 && sizeBytes > sizeMax) {
      const text = `The message of ${sizeBytes} bytes is larger than the ${sizeMax} that ${this.host} takes`;
      return refuse("5.3.4", `552 5.3.4 ${text}`);
    }
    if (needsUtf8(message, recipients) && !this.supports("SMTPUTF8")) {
      return refuse("5.6.7", `553 5.6.7 ${this.host} does not take addresses or headers beyond ASCII (SMTPUTF8)`);
    }
    return null;
  }

  #mailCommand(message: QueueMessage, recipients: readonly QueueRecipient[]): string {
    let command = `MAIL FROM:<${message.envelopeSender}>`;
    if (this.supports("SIZE")) command += ` SIZE=${message.sizeBytes + message.trace.length}`;
    // To a server without 8BITMIME the bytes go as they are: all servers in use pass them on, and recoding a part would
    // break the signatures over it.
    if (this.supports("8BITMIME") && (message.flags & contentFlags.eightBit) !== 0) command += " BODY=8BITMIME";
    if (needsUtf8(message, recipients)) command += " SMTPUTF8";
    if (this.supports("DSN")) {
      if (message.ret !== null) command += ` RET=${message.ret}`;
      if (message.envelopeId !== null) command += ` ENVID=${encodeXtext(message.envelopeId)}`;
    }
    return `${command}\r\n`;
  }

  #rcptCommand(recipient: QueueRecipient): string {
    let command = `RCPT TO:<${recipient.address}>`;
    if (this.supports("DSN")) {
      const words = Object.entries(notifyBits).filter(([, bit]) => (recipient.notify & bit) !== 0);
      if (words.length > 0) command += ` NOTIFY=${words.map(([word]) => word.toUpperCase()).join(",")}`;
      const original = recipient.originalRecipient ?? defaultOriginalRecipient(recipient.address);
      command += ` ORCPT=${original}`;
    }
    return `${command}\r\n`;
  }

  /** MAIL, RCPT and DATA, in one go where the server can; true when it waits for the message. RFC 2920 §3.1 */
  async #sendEnvelope(
    message: QueueMessage, recipients: readonly QueueRecipient[], progress: Progress,
  ): Promise<boolean> {
    const { commandMs, dataMs } = this.#options.timeouts;
    const mail = this.#mailCommand(message, recipients);
    const pipelining = this.supports("PIPELINING");
    if (pipelining) await this.#write(`${mail}${recipients.map((one) => this.#rcptCommand(one)).join("")}DATA\r\n`);
    else await this.#write(mail);
    const mailReply = await this.#read(commandMs);
    progress.untouched = mailReply.code === 421;
    this.#endOn421(mailReply);
    const mailTaken = mailReply.code < 300;
    if (!mailTaken) for (const recipient of recipients) this.#refuse(progress, recipient, mailReply);
    if (!mailTaken && !pipelining) return false;
    for (const recipient of recipients) {
      if (!pipelining) await this.#write(this.#rcptCommand(recipient));
      const answer = await this.#read(commandMs);
      this.#endOn421(answer);
      if (answer.code < 300 && mailTaken) progress.accepted.push(recipient);
      else if (mailTaken) this.#refuse(progress, recipient, answer);
    }
    if (!pipelining) {
      if (progress.accepted.length === 0) {
        await this.#reset();
        return false;
      }
      await this.#write("DATA\r\n");
    }
    const answer = await this.#read(dataMs);
    this.#endOn421(answer);
    if (answer.code === 354) {
      if (progress.accepted.length > 0) return true;
      // It waits for data though it took nobody: an empty message, whose fate does not matter. RFC 2920 §3.1
      await this.#write(".\r\n");
      await this.#read(this.#options.timeouts.finalDotMs);
      return false;
    }
    for (const recipient of progress.accepted) this.#refuse(progress, recipient, answer);
    await this.#reset();
    return false;
  }

  async #sendData(message: QueueMessage, progress: Progress, content: () => AsyncIterable<Uint8Array>): Promise<void> {
    const { blockMs, finalDotMs } = this.#options.timeouts;
    const dots = new DotWriter();
    const { socket } = this.#options;
    await socket.write(dots.write(message.trace), blockMs);
    for await (const piece of content()) await socket.write(dots.write(piece), blockMs);
    await socket.write(dots.end(), blockMs);
    const answer = await this.#read(finalDotMs);
    for (const recipient of progress.accepted) {
      if (answer.code >= 300) this.#refuse(progress, recipient, answer);
      else progress.outcomes.set(recipient.recipientNumber, this.#taken(recipient, answer));
    }
    progress.closing = answer.code === 421;
  }

  #taken(recipient: QueueRecipient, answer: Reply): Outcome {
    const kind = this.supports("DSN") ? "passed" : "relayed";
    const status = answer.enhanced ?? "2.0.0";
    return { recipient, kind, status, reply: replyText(answer).slice(0, 1000), remoteMta: this.host };
  }

  #refuse(progress: Progress, recipient: QueueRecipient, answer: Reply): void {
    progress.outcomes.set(recipient.recipientNumber, refusedOutcome(recipient, answer, this.host));
  }

  #endOn421(answer: Reply): void {
    if (answer.code === 421) throw new ReplyError(`${this.host} closes`, answer);
  }

  async #reset(): Promise<void> {
    await this.#command("RSET");
  }

  async #command(line: string): Promise<Reply> {
    await this.#write(`${line}\r\n`);
    return await this.#read(this.#options.timeouts.commandMs);
  }

  #write(text: string): Promise<void> {
    return this.#options.socket.write(text, this.#options.timeouts.commandMs);
  }

  /** The next reply. The whole of it must come in time, however slowly its bytes drip. */
  async #read(timeoutMs: number): Promise<Reply> {
    const { system } = this.#options.ctx;
    const untilMs = system.monotonicMs() + timeoutMs;
    for (;;) {
      for (let event = this.#reader.next(); event !== undefined; event = this.#reader.next()) {
        if (event.kind === "error") throw event.error;
        if (event.kind !== "line") continue;
        const answer = this.#replies.push(event.bytes);
        if (answer !== null) return answer;
      }
      const chunk = await this.#options.socket.read(Math.max(0, untilMs - system.monotonicMs()));
      if (chunk === null) throw new DialError(`${this.host} closed the connection`);
      this.#reader.push(chunk);
    }
  }
}

/** What a connection or a message that is gone throws; anything else is a bug. */
function isExpected(error: unknown): error is Error {
  return error instanceof DialError || error instanceof WireError || error instanceof ReplyError ||
    error instanceof Fault;
}

interface Progress {
  readonly outcomes: Map<number, Outcome>;
  readonly accepted: QueueRecipient[];
  untouched: boolean;
  closing?: boolean;
}

/** Whether this message to these recipients can only go by SMTPUTF8. RFC 6531 §3.2 */
function needsUtf8(message: QueueMessage, recipients: readonly QueueRecipient[]): boolean {
  if ((message.flags & contentFlags.smtpUtf8) === 0) return false;
  const beyondAscii = /[^\x00-\x7f]/;
  return (message.flags & contentFlags.eightBitHeader) !== 0 || beyondAscii.test(message.envelopeSender) ||
    recipients.some(({ address }) => beyondAscii.test(address));
}

/** RFC 3461 §5.2.1 lets a relay name the recipient it knows. */
function defaultOriginalRecipient(address: string): string {
  return /[^\x00-\x7f]/.test(address) ? `utf-8;${encodeUtf8Address(address)}` : `rfc822;${encodeXtext(address)}`;
}
