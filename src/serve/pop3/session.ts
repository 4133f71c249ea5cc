/** One POP3 session: lines in, replies out, no sockets. RFC 1939 §3 */
import type { Ctx } from "#base/ctx.ts";
import { Fault, faults, WireError } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import type { Directory } from "#directory/api.ts";
import type { Mailboxes } from "#mailbox/api.ts";
import type { SignedIn } from "#directory/api.ts";
import { beginSasl, decodeSignInText, offeredMechanisms } from "#net/sasl.ts";
import type { SaslParties, SaslTurn } from "#net/sasl.ts";
import type { ChannelBindingType } from "#net/scram.ts";
import { openMaildrop } from "#serve/pop3/maildrop.ts";
import type { Maildrop, MaildropLocks } from "#serve/pop3/maildrop.ts";
import { BrokenTransfer, listMessages, retrieve, retrieveTop } from "#serve/pop3/transfer.ts";
import type { Pop3Output } from "#serve/pop3/transfer.ts";
import { parsePop3Command, pop3CommandRow } from "#wire/pop3/command.ts";
import type { Pop3Arguments, Pop3Command, Pop3State, Pop3Verb } from "#wire/pop3/command.ts";
import { capabilityReply, continueReply, errorReply, languageFor, languageListing, okReply } from "#wire/pop3/reply.ts";
import type { Pop3ResponseCode } from "#wire/pop3/reply.ts";

export interface Pop3Server {
  readonly directory: Directory;
  readonly mailboxes: Mailboxes;
  readonly locks: MaildropLocks;
  /** How long a sign-in waits for another session of the same maildrop; `limits.pop3LockWaitMs` when left out. */
  readonly lockWaitMs?: number | undefined;
}

export interface Pop3Client {
  readonly remoteAddress: string;
  readonly isTls: boolean;
  readonly canStartTls: boolean;
  channelBinding?(type: ChannelBindingType): Uint8Array | null;
}

/** What the listener does after a line: read on, begin TLS (the reply is the listener's to send), or close. */
export type Pop3Next = "continue" | "startTls" | "close";

type Handler<V extends Pop3Verb> = (argument: Extract<Pop3Command, { verb: V }>["argument"]) => Promise<Pop3Next>;

const tlsNeeded = "Signing in needs TLS. Use STLS, or port 995 with TLS from the start.";
const implementation = "Outpost";

export class Pop3Session {
  readonly #server: Pop3Server;
  readonly #out: Pop3Output;
  readonly #client: Pop3Client;
  #ctx: Ctx;
  #isTls: boolean;
  #userName: string | null = null;
  /** The next line answers this challenge. */
  #challenge: Extract<SaslTurn, { kind: "challenge" }> | null = null;
  #signedOut: string | null = null;
  #stopSignOutWatch: (() => void) | undefined;
  #maildrop: Maildrop | null = null;
  #release: (() => void) | null = null;
  #badCommands = 0;
  #badSignIns = 0;
  #retrieved = 0;

  constructor(ctx: Ctx, server: Pop3Server, client: Pop3Client, out: Pop3Output) {
    this.#ctx = ctx;
    this.#server = server;
    this.#out = out;
    this.#client = client;
    this.#isTls = client.isTls;
  }

  get state(): Pop3State {
    return this.#maildrop === null ? "authorization" : "transaction";
  }

  /** The first line, without a timestamp in angle brackets, which would offer APOP. RFC 1939 §4 */
  greet(): Promise<void> {
    return this.#out.write(okReply("Outpost POP3 server ready."));
  }

  /** TLS began: what was said in the clear is forgotten. RFC 2595 §4 */
  onTls(): void {
    this.#isTls = true;
    this.#userName = null;
  }

  /** Lets the maildrop go; nothing is deleted that QUIT did not delete. RFC 1939 §6 */
  end(): void {
    this.#stopSignOutWatch?.();
    this.#stopSignOutWatch = undefined;
    this.#release?.();
    this.#release = null;
    this.#maildrop = null;
  }

  /** A line that could not be read; it was too long. */
  async badLine(message: string): Promise<Pop3Next> {
    this.#challenge = null;
    return this.#bad(message);
  }

  /** One line without its CRLF. RFC 1939 §3 */
  async line(bytes: Uint8Array): Promise<Pop3Next> {
    const challenge = this.#challenge;
    if (challenge !== null) {
      this.#challenge = null;
      return this.#sasl(() => challenge.next(Buffer.from(bytes).toString("latin1")));
    }
    if (this.#signedOut !== null) {
      await this.#out.write(errorReply("SYS/PERM", `${this.#signedOut} Nothing was deleted.`));
      return "close";
    }
    let command: Pop3Command;
    try {
      command = parsePop3Command(bytes);
    } catch (error) {
      if (error instanceof WireError) return this.#bad(`${error.message.replace(/ \(at byte \d+\)$/, "")}.`);
      throw error;
    }
    return this.#judge(command);
  }

  async #judge(command: Pop3Command): Promise<Pop3Next> {
    const row = pop3CommandRow(command.verb);
    if (row.refusal !== undefined) return this.#bad(row.refusal);
    if (!row.states.includes(this.state)) {
      const why = this.#maildrop === null ? "Sign in first." : "You are signed in already.";
      return this.#bad(`${command.verb} cannot be used now. ${why}`);
    }
    try {
      return await this.#run(command);
    } catch (error) {
      return this.#failed(command.verb, error);
    }
  }

  #run({ verb, argument }: Pop3Command): Promise<Pop3Next> {
    // Each handler takes exactly the argument its own row gives; the pair came from one row.
    const handler = this.#handlers[verb] as (argument: Pop3Arguments[keyof Pop3Arguments]) => Promise<Pop3Next>;
    return handler(argument);
  }

  readonly #handlers: { readonly [V in Pop3Verb]: Handler<V> } = {
    CAPA: () => this.#say(capabilityReply({
      isTls: this.#isTls, canStartTls: this.#client.canStartTls, saslMechanisms: offeredMechanisms(this.#parties),
      implementation, keepDays: this.#maildrop?.keepDays,
    })),
    USER: (name) => this.#user(name),
    PASS: (password) => this.#pass(password),
    AUTH: (argument) => this.#auth(argument),
    STLS: () => this.#stls(),
    // Messages are given as they are in either mode: a client that says nothing would never be rid of one in UTF-8.
    UTF8: () => this.#ok("UTF-8 it is."),
    LANG: (range) => this.#lang(range),
    STAT: () => this.#ok(`${this.#open.liveCount} ${this.#open.liveBytes}`),
    LIST: (number) => this.#list(number, (each) => `${this.#open.sizeOf(each)}`),
    UIDL: (number) => this.#list(number, (each) => this.#open.uniqueIdOf(each)),
    RETR: (number) => this.#ifThere(number, async () => {
      await retrieve(this.#ctx, this.#open, number, this.#out);
      this.#open.markFetched(number);
      this.#retrieved++;
    }),
    TOP: ({ number, count }) => this.#ifThere(number, () => (
      retrieveTop(this.#ctx, this.#open, number, count, this.#out)
    )),
    DELE: (number) => this.#ifThere(number, () => {
      this.#open.markDeleted(number);
      return this.#out.write(okReply(`Message ${number} will be deleted.`));
    }),
    RSET: () => {
      this.#open.unmarkAll();
      return this.#ok(`${this.#open.liveCount} messages.`);
    },
    NOOP: () => this.#ok("Nothing done."),
    QUIT: () => this.#quit(),
    APOP: () => this.#bad("APOP is not offered."),
    LAST: () => this.#bad("LAST is not offered."),
  };

  get #open(): Maildrop {
    if (this.#maildrop === null) throw new Fault("notAllowed", "Sign in first.");
    return this.#maildrop;
  }

  async #user(name: Uint8Array): Promise<Pop3Next> {
    if (!this.#isTls) return this.#refuseSignIn("AUTH", tlsNeeded);
    if (name.length > limits.signInNameMaxBytes) return this.#bad("The name is too long.");
    this.#userName = decodeSignInText(name).trimEnd();
    return this.#ok("Password, please.");
  }

  async #pass(password: Uint8Array): Promise<Pop3Next> {
    if (!this.#isTls) return this.#refuseSignIn("AUTH", tlsNeeded);
    const name = this.#userName;
    this.#userName = null;
    if (name === null || name === "") return this.#bad("USER comes before PASS.");
    if (password.length > limits.passwordMaxBytes) return this.#bad("The password is too long.");
    const request = { ...this.#parties.from, name, password: decodeSignInText(password) };
    return this.#signIn(() => this.#server.directory.authenticate(this.#ctx, request));
  }

  async #auth({ mechanism, initialResponse }: Pop3Arguments["mechanism"]): Promise<Pop3Next> {
    if (mechanism === null) {
      // Without an argument old clients ask for the list. RFC 1734's successor dropped it; it costs nothing to answer.
      const lines = this.#isTls ? offeredMechanisms(this.#parties).map((name) => `${name}\r\n`).join("") : "";
      return this.#say(`+OK Mechanisms follow\r\n${lines}.\r\n`);
    }
    if (!this.#isTls) return this.#refuseSignIn("AUTH", tlsNeeded);
    return this.#sasl(() => beginSasl(this.#parties, mechanism, initialResponse));
  }

  get #parties(): SaslParties {
    const client = this.#client;
    return {
      ctx: this.#ctx, directory: this.#server.directory,
      from: { protocol: "pop3", clientAddress: client.remoteAddress },
      channelBinding: this.#isTls ? (type) => client.channelBinding?.(type) ?? null : undefined,
    };
  }

  /** One step of a sign-in in several lines. RFC 5034 §4 */
  async #sasl(step: () => Promise<SaslTurn>): Promise<Pop3Next> {
    let answered: Promise<Pop3Next> | undefined;
    const next = await this.#signIn(async () => {
      const turn = await step();
      if (turn.kind === "signedIn") return turn.signedIn;
      if (turn.kind === "challenge") {
        this.#challenge = turn;
        answered = this.#say(continueReply(turn.challenge));
      } else {
        answered = turn.reason === "otherIdentity" ? this.#refuseSignIn("AUTH", turn.message) : this.#bad(turn.message);
      }
      return null;
    });
    return answered ?? next;
  }

  /** Opens the maildrop of whoever `find` finds; null: the client has its answer already. */
  async #signIn(find: () => Promise<SignedIn | null>): Promise<Pop3Next> {
    const { directory, mailboxes } = this.#server;
    try {
      const person = await find();
      if (person === null) return "continue";
      const { mailboxId } = person;
      if (mailboxId === null) return await this.#refuseSignIn("SYS/PERM", "This account has no mailbox.");
      const log = this.#ctx.log.child({ user: person.address, mailbox: mailboxId });
      const ctx = { ...this.#ctx, log };
      const opened = await openMaildrop(ctx, this.#server, mailboxId, () => mailboxes.open(ctx, person, mailboxId));
      this.#ctx = ctx;
      this.#maildrop = opened.maildrop;
      this.#release = opened.release;
      this.#stopSignOutWatch = directory.signIn?.watchSignOut(person, "pop3", (why) => { this.#signedOut = why; });
      log.info({ count: opened.maildrop.count }, "signed in");
      this.#badCommands = 0;
      return await this.#ok(`Welcome. ${opened.maildrop.count} messages.`);
    } catch (error) {
      if (!(error instanceof Fault) || error.code === "cancelled") throw error;
      this.#ctx.log.info({ reason: error.code }, "sign-in refused");
      return await this.#refuseSignIn(faults[error.code].pop3, error.message);
    }
  }

  /** RFC 6856 §3 */
  #lang(range: string | null): Promise<Pop3Next> {
    if (range === null) return this.#say(languageListing());
    const tag = languageFor(range);
    return tag === null ? this.#say(errorReply("", "That language is not spoken here."))
      : this.#ok(`${tag} The language is English.`);
  }

  async #stls(): Promise<Pop3Next> {
    if (this.#isTls) return this.#bad("TLS is on already.");
    if (!this.#client.canStartTls) return this.#bad("STLS is not offered here.");
    return "startTls";
  }

  async #list(number: number | null, text: (number: number) => string): Promise<Pop3Next> {
    if (number !== null) return this.#ifThere(number, () => this.#out.write(okReply(`${number} ${text(number)}`)));
    await listMessages(this.#open, text, this.#out);
    return "continue";
  }

  async #ifThere(number: number, body: () => Promise<void>): Promise<Pop3Next> {
    if (!this.#open.has(number)) {
      const was = number >= 1 && number <= this.#open.count ? "is marked deleted" : "does not exist";
      return this.#say(errorReply("", `Message ${number} ${was}.`));
    }
    await body();
    this.#badCommands = 0;
    return "continue";
  }

  async #quit(): Promise<Pop3Next> {
    const maildrop = this.#maildrop;
    if (maildrop !== null) {
      const count = maildrop.deletedCount;
      // The client said QUIT: what it marked goes, also when it does not wait for the answer.
      const ctx = { ...this.#ctx, signal: new AbortController().signal };
      try {
        await maildrop.removeMarked(ctx);
      } catch (error) {
        if (!(error instanceof Fault)) ctx.log.error({ error }, "deleting at QUIT failed");
        await this.#say(errorReply("SYS/TEMP", "Some deleted messages were not removed."));
        return "close";
      }
      // The client has its messages; that they still count as unread is no reason to refuse its QUIT.
      await maildrop.markRead(ctx).catch((error: unknown) => ctx.log.warn({ error }, "marking as read at QUIT failed"));
      ctx.log.info({ retrieved: this.#retrieved, deleted: count }, "signed out");
    }
    await this.#ok("Bye.");
    return "close";
  }

  async #failed(verb: string, error: unknown): Promise<Pop3Next> {
    if (error instanceof Fault && error.code !== "cancelled") {
      return this.#say(errorReply(faults[error.code].pop3, error.message));
    }
    if (error instanceof Fault || error instanceof BrokenTransfer || this.#ctx.signal.aborted) throw error;
    this.#ctx.log.error({ error, command: verb }, "POP3 command failed");
    return this.#say(errorReply("SYS/TEMP", "Something went wrong in the server; it is in its log."));
  }

  async #refuseSignIn(code: Pop3ResponseCode | "", message: string): Promise<Pop3Next> {
    await this.#out.write(errorReply(code, message));
    return ++this.#badSignIns >= limits.badSignInsPerConnectionMax ? "close" : "continue";
  }

  async #bad(message: string): Promise<Pop3Next> {
    if (++this.#badCommands < limits.badCommandsMax) return this.#say(errorReply("", message));
    await this.#out.write(errorReply("", "Too many bad commands; closing."));
    this.#ctx.log.info({}, "closed after too many bad commands");
    return "close";
  }

  #ok(text: string): Promise<Pop3Next> {
    this.#badCommands = 0;
    return this.#say(okReply(text));
  }

  async #say(reply: string): Promise<Pop3Next> {
    await this.#out.write(reply);
    return "continue";
  }
}
