/**
 * One SMTP session: takes commands, decides, collects replies. It knows no sockets: `listen.ts` moves the bytes.
 * RFC 5321 §3 and §4.1.4 (order of commands)
 */
import type { Ctx } from "#base/ctx.ts";
import { withCtx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import type { SignedIn } from "#directory/api.ts";
import { beginSasl, offeredMechanisms } from "#net/sasl.ts";
import type { SaslParties, SaslTurn } from "#net/sasl.ts";
import type { ChannelBinding } from "#net/scram.ts";
import type { CountedBody } from "#serve/smtp/intake.ts";
import { replyOfError } from "#serve/smtp/intake.ts";
import type { SmtpParts, SmtpSettings } from "#serve/smtp/service.ts";
import { smtpSettings } from "#serve/smtp/service.ts";
import { Transaction } from "#serve/smtp/transaction.ts";
import { BodyScan } from "#wire/smtp/body-scan.ts";
import type { Command } from "#wire/smtp/command.ts";
import { parseCommand } from "#wire/smtp/command.ts";
import type { Reply } from "#wire/smtp/reply.ts";
import { formatReply, reply } from "#wire/smtp/reply.ts";

/** What comes next on the wire. */
export type Next =
  | { readonly kind: "line" | "data" | "tls" | "close" }
  /** So many bytes of a BDAT chunk. */
  | { readonly kind: "chunk"; readonly sizeBytes: number };

/** Who is at the other end. */
export interface ClientFacts {
  readonly address: string;
  readonly tls: { readonly version: string; readonly cipher: string } | null;
  readonly channelBinding?: ChannelBinding;
}

const nextLine: Next = { kind: "line" };
const close: Next = { kind: "close" };
const ok = reply(250, "2.0.0", "OK");
const cipherless = "Start TLS first: passwords are not taken in the clear";

interface Hello {
  readonly client: string;
  readonly extended: boolean;
}

/** A BDAT chunk under way: what to do with its bytes and at its end. RFC 3030 §2 */
interface Chunk {
  readonly last: boolean;
  /** Answer at its end, when its bytes are dropped. */
  readonly refused: Reply | null;
}

export class SmtpSession {
  readonly #parts: SmtpParts;
  readonly #settings: SmtpSettings;
  #ctx: Ctx;
  #client: ClientFacts;
  #replies = "";
  #hello: Hello | null = null;
  #signedIn: SignedIn | null = null;
  #sasl: (SaslTurn & { kind: "challenge" }) | null = null;
  #signedOut: string | null = null;
  #stopSignOutWatch: (() => void) | undefined;
  #transaction: Transaction | null = null;
  #scan: BodyScan | null = null;
  #chunk: Chunk | null = null;
  #badCommands = 0;
  #badSignIns = 0;
  #refusedRecipients = 0;

  constructor(ctx: Ctx, parts: SmtpParts, client: ClientFacts) {
    this.#ctx = ctx;
    this.#parts = parts;
    this.#settings = smtpSettings(parts.config);
    this.#client = client;
  }

  /** Replies collected since the last call. RFC 2920 §3.2 */
  takeReplies(): string {
    const replies = this.#replies;
    this.#replies = "";
    return replies;
  }

  /** RFC 5321 §3.1 */
  greet(): void {
    this.#say(reply(220, null, `${this.#settings.hostname} ESMTP ready`));
  }

  /** The server stops, or the client took too long. RFC 5321 §3.8 */
  sayGoodbye(enhanced: string, text: string): void {
    this.#say(reply(421, enhanced, `${this.#settings.hostname} closes the connection: ${text}`));
  }

  /** BDAT has begun and its last chunk has not come. RFC 3030 §2 */
  get messageUnderWay(): boolean {
    return this.#scan !== null;
  }

  /** One command line, or one line of a sign-in. RFC 5321 §4.1.1 */
  async line(bytes: Uint8Array): Promise<Next> {
    const sasl = this.#sasl;
    if (sasl !== null) return await this.#stepSasl(() => sasl.next(Buffer.from(bytes).toString("latin1")));
    if (this.#signedOut !== null) {
      this.sayGoodbye("4.7.0", this.#signedOut);
      return close;
    }
    const command = parseCommand(bytes);
    const isAuth = command.verb === "AUTH";
    if (!isAuth && bytes.length > limits.smtpCommandLineMaxBytes) return this.lineRefused("tooLong");
    if (command.verb === "") {
      // A chunk whose size nobody knows: what follows cannot be told from commands.
      if (command.badVerb === "BDAT") {
        this.#say(command.reply);
        return close;
      }
      return this.#sayBad(command.reply);
    }
    try {
      return await this.#run(command);
    } catch (error) {
      if (error instanceof Fault && error.code === "cancelled") throw error;
      this.#say(replyOfError(this.#ctx, error));
      return nextLine;
    }
  }

  /** A line that was not even taken apart. RFC 5321 §4.5.3.1.4, §2.3.8; RFC 4954 §4 for sign-in lines */
  lineRefused(reason: "tooLong" | "bareLf"): Next {
    const wasSasl = this.#sasl !== null;
    this.#sasl = null;
    if (reason === "tooLong") return this.#sayBad(reply(500, wasSasl ? "5.5.6" : "5.5.2", "The line is too long"));
    return this.#sayBad(reply(500, "5.5.2", "A command ends in CRLF; this one ended in a bare LF"));
  }

  /** Bytes of DATA or of a BDAT chunk. Undefined when nothing must be waited for. RFC 5321 §4.1.1.4 */
  body(bytes: Uint8Array): Promise<void> | undefined {
    if (this.#chunk !== null && this.#chunk.refused !== null) return undefined;
    this.#scan?.push(bytes);
    return this.#transaction?.intake?.push(bytes);
  }

  /** The line of one dot came. RFC 5321 §4.1.1.4 */
  async endData(counted: CountedBody): Promise<Next> {
    return await this.#endMessage(counted);
  }

  /** The last byte of a BDAT chunk came. RFC 3030 §2 */
  async endChunk(): Promise<Next> {
    const chunk = this.#chunk!;
    this.#chunk = null;
    if (chunk.refused !== null) {
      this.#say(chunk.refused);
      return nextLine;
    }
    if (chunk.last) return await this.#endMessage(this.#scan!.summary());
    this.#say(reply(250, "2.0.0", `${this.#transaction!.intake!.sizeBytes} bytes so far`));
    return nextLine;
  }

  /** The handshake is done: everything said before counts for nothing. RFC 3207 §4.2 */
  async tlsStarted(client: ClientFacts): Promise<void> {
    await this.end();
    this.#client = client;
    this.#hello = null;
    this.#badCommands = 0;
  }

  /** The connection is over. RFC 5321 §4.1.1.10 */
  async close(): Promise<void> {
    this.#stopSignOutWatch?.();
    await this.end();
  }

  /** Gives back what an unfinished message holds. RFC 5321 §4.1.1.5 */
  async end(): Promise<void> {
    const transaction = this.#transaction;
    this.#transaction = null;
    this.#scan = null;
    await transaction?.discard();
  }

  #say(answer: Reply): void {
    this.#replies += formatReply(answer);
  }

  #sayBad(answer: Reply): Next {
    this.#say(answer);
    this.#badCommands++;
    if (this.#badCommands < limits.badCommandsMax) return nextLine;
    this.sayGoodbye("4.7.0", "too many bad commands");
    return close;
  }

  async #run(command: Command): Promise<Next> {
    const misplaced = this.#misplaced(command);
    if (misplaced !== null) {
      // The chunk follows whatever we think of it.
      if (command.verb === "BDAT") return this.#dropChunk(command.sizeBytes, command.last, misplaced);
      return this.#sayBad(misplaced);
    }
    const row: (command: never) => Promise<Next> | Next = this.#commands[command.verb];
    return await row.call(this, command as never);
  }

  /** One row per verb. RFC 5321 §4.1.1 */
  readonly #commands: { readonly [V in Command["verb"]]: (command: Command & { verb: V }) => Promise<Next> | Next } = {
    EHLO: (command) => this.#greetBack({ client: command.client, extended: true }),
    HELO: (command) => this.#greetBack({ client: command.client, extended: false }),
    MAIL: (command) => this.#mail(command),
    RCPT: (command) => this.#rcpt(command),
    DATA: () => this.#data(),
    BDAT: (command) => this.#bdat(command.sizeBytes, command.last),
    RSET: async () => {
      await this.end();
      return this.#ok();
    },
    NOOP: () => this.#ok(),
    QUIT: () => {
      this.#say(reply(221, "2.0.0", `${this.#settings.hostname} closes the connection`));
      return close;
    },
    // Whether an address exists is told to those who send to it, one at a time.
    VRFY: () => this.#answer(reply(252, "2.5.0", "Send to the address to find out")),
    EXPN: () => this.#answer(reply(502, "5.5.1", "EXPN is not offered")),
    HELP: () => this.#answer(reply(214, "2.0.0", "RFC 5321 says it all: EHLO, MAIL, RCPT, DATA, QUIT")),
    STARTTLS: () => {
      this.#say(reply(220, "2.0.0", "Ready to start TLS"));
      return { kind: "tls" };
    },
    AUTH: (command) => this.#stepSasl(() => beginSasl(this.#parties, command.mechanism, command.initialResponse)),
  };

  #answer(answer: Reply): Next {
    if (answer.code < 400) this.#badCommands = 0;
    this.#say(answer);
    return nextLine;
  }

  #ok(): Next {
    return this.#answer(ok);
  }

  /** Why a command cannot come now; null when it can. RFC 5321 §4.1.4 */
  #misplaced({ verb }: Command): Reply | null {
    const { role, startTls } = this.#settings;
    const inMessage = this.#scan !== null;
    if (inMessage && !["BDAT", "RSET", "NOOP", "QUIT"].includes(verb)) {
      return reply(503, "5.5.1", "Send the last BDAT chunk first, or RSET");
    }
    switch (verb) {
      case "STARTTLS":
        if (this.#client.tls !== null) return reply(503, "5.5.1", "TLS is on already");
        return startTls ? null : reply(502, "5.5.1", "STARTTLS is not offered");
      case "AUTH":
        return this.#authMisplaced();
      case "MAIL":
        if (this.#hello === null) return reply(503, "5.5.1", "Send EHLO first");
        if (role === "submission" && this.#signedIn === null) {
          return reply(530, "5.7.0", this.#client.tls === null && startTls ? cipherless : "Sign in first");
        }
        return this.#transaction === null ? null : reply(503, "5.5.1", "A message is under way; RSET drops it");
      case "RCPT":
      case "DATA":
      case "BDAT":
        if (this.#transaction === null) return reply(503, "5.5.1", "Send MAIL first");
        if (verb === "RCPT" || this.#transaction.recipients.length > 0) return null;
        return reply(554, "5.5.1", "No valid recipients");
      default:
        return null;
    }
  }

  #authMisplaced(): Reply | null {
    if (this.#settings.role === "inbound") return reply(502, "5.5.1", "Sign in on the submission ports, 587 and 465");
    // RFC 4954 §6: with its reason, so that a person sees what to change in the program.
    if (this.#client.tls === null) return reply(538, "5.7.11", cipherless);
    if (this.#hello === null || !this.#hello.extended) return reply(503, "5.5.1", "Send EHLO first");
    if (this.#signedIn !== null) return reply(503, "5.5.1", "You are signed in already");
    return this.#transaction === null ? null : reply(503, "5.5.1", "Sign in before MAIL");
  }

  /** RFC 5321 §4.1.1.1: a new hello drops the message under way. */
  async #greetBack(hello: Hello): Promise<Next> {
    await this.end();
    this.#hello = hello;
    const { hostname } = this.#settings;
    const extensions = hello.extended ? this.#extensions() : [];
    return this.#answer(reply(250, null, hostname, ...extensions));
  }

  #extensions(): string[] {
    const { role, startTls, messageSizeMaxBytes, recipientsMax } = this.#settings;
    const secure = this.#client.tls !== null;
    const offersAuth = role === "submission" && secure && this.#signedIn === null;
    return [
      "PIPELINING", `SIZE ${messageSizeMaxBytes}`, "8BITMIME", "SMTPUTF8", "CHUNKING", "DSN", "ENHANCEDSTATUSCODES",
      `LIMITS RCPTMAX=${recipientsMax}`,
      ...(startTls && !secure ? ["STARTTLS"] : []),
      ...(offersAuth ? [`AUTH ${offeredMechanisms(this.#parties).join(" ")}`] : []),
    ];
  }

  get #parties(): SaslParties {
    const { address, tls, channelBinding } = this.#client;
    return {
      ctx: this.#ctx, directory: this.#parts.directory, from: { protocol: "smtp", clientAddress: address },
      channelBinding: tls === null ? undefined : channelBinding,
    };
  }

  /** RFC 4954 §4 */
  async #stepSasl(step: () => Promise<SaslTurn>): Promise<Next> {
    this.#sasl = null;
    let turn: SaslTurn;
    try {
      turn = await step();
    } catch (error) {
      if (error instanceof Fault && error.row.smtp.startsWith("5")) {
        return this.#signInFailed(reply(535, "5.7.8", error.message));
      }
      if (error instanceof Fault && error.code === "cancelled") throw error;
      const { lines } = replyOfError(this.#ctx, error);
      return this.#answer(reply(454, "4.7.0", ...lines));
    }
    if (turn.kind === "challenge") {
      this.#sasl = turn;
      return this.#answer(reply(334, null, turn.challenge));
    }
    if (turn.kind === "refused") {
      if (turn.reason === "otherIdentity") return this.#signInFailed(reply(535, "5.7.8", turn.message));
      const code = turn.reason === "unknownMechanism" ? 504 : 501;
      const enhanced = turn.reason === "cancelled" ? "5.7.0" : turn.reason === "malformed" ? "5.5.2" : "5.5.4";
      return this.#sayBad(reply(code, enhanced, turn.message));
    }
    this.#signedIn = turn.signedIn;
    this.#stopSignOutWatch = this.#parts.directory.signIn?.watchSignOut(turn.signedIn, "smtp", (why) => {
      this.#signedOut = why;
    });
    this.#ctx = withCtx(this.#ctx, { fields: { user: this.#signedIn.address } });
    this.#ctx.log.info({}, "signed in");
    return this.#answer(reply(235, "2.7.0", "Signed in"));
  }

  #signInFailed(answer: Reply): Next {
    this.#say(answer);
    this.#badSignIns++;
    this.#ctx.log.warn({ failures: this.#badSignIns }, "sign-in failed");
    if (this.#badSignIns < limits.badSignInsPerConnectionMax) return nextLine;
    this.sayGoodbye("4.7.0", "too many failed sign-ins");
    return close;
  }

  async #mail(command: Command & { verb: "MAIL" }): Promise<Next> {
    const begun = await Transaction.begin(this.#ctx, {
      parts: this.#parts, settings: this.#settings, signedIn: this.#signedIn, client: this.#client, hello: this.#hello!,
    }, command);
    if (!(begun instanceof Transaction)) return this.#sayBad(begun);
    this.#transaction = begun;
    return this.#answer(reply(250, "2.1.0", "Sender OK"));
  }

  async #rcpt(command: Command & { verb: "RCPT" }): Promise<Next> {
    const refused = await this.#transaction!.addRecipient(this.#ctx, command);
    this.#say(refused ?? reply(250, "2.1.5", "Recipient OK"));
    // Unknown names are a sender's mistake before they are an attack: they count apart from bad commands.
    if (refused === null || refused.code < 500) return nextLine;
    this.#refusedRecipients++;
    if (this.#refusedRecipients < limits.smtpRefusedRecipientsMax) return nextLine;
    this.sayGoodbye("4.7.0", "too many refused recipients");
    return close;
  }

  #data(): Next {
    this.#transaction!.beginMessage(this.#ctx);
    this.#say(reply(354, null, "Send the message; end with a line of one dot"));
    return { kind: "data" };
  }

  /** RFC 3030 §2 */
  async #bdat(sizeBytes: number, last: boolean): Promise<Next> {
    if (this.#scan === null) {
      this.#transaction!.beginMessage(this.#ctx);
      this.#scan = new BodyScan();
    }
    const { messageSizeMaxBytes } = this.#settings;
    if (this.#transaction!.intake!.sizeBytes + sizeBytes > messageSizeMaxBytes) {
      await this.end();
      const tooLarge = reply(552, "5.3.4", `The message is larger than ${messageSizeMaxBytes} bytes`);
      return this.#dropChunk(sizeBytes, last, tooLarge);
    }
    this.#chunk = { last, refused: null };
    return { kind: "chunk", sizeBytes };
  }

  #dropChunk(sizeBytes: number, last: boolean, refused: Reply): Next {
    if (sizeBytes > 2 * this.#settings.messageSizeMaxBytes) {
      // Not worth reading to its end.
      this.#say(refused);
      return close;
    }
    this.#chunk = { last, refused };
    return { kind: "chunk", sizeBytes };
  }

  async #endMessage(counted: CountedBody): Promise<Next> {
    const transaction = this.#transaction!;
    this.#transaction = null;
    this.#scan = null;
    const answer = await transaction.finish(this.#ctx, counted);
    return this.#answer(answer);
  }
}
