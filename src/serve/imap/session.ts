import type { FaultCode } from "#base/fault.ts";
import type { Completion, ImapServices, Client } from "#serve/imap/state.ts";
import type { Ctx } from "#base/ctx.ts";
import type { AnyCommand, Command, CommandName } from "#wire/imap/commands.ts";
import type { Bad } from "#wire/imap/reader.ts";
import { Fault, faults } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { capabilities } from "#serve/imap/commands/general.ts";
import { UndefinedFilter } from "#serve/imap/filters.ts";
import { asksForNews, handlers, keepsNumbers, mayTakeLong, ownEffects } from "#serve/imap/handlers.ts";
import { tellNews, writeUpdates } from "#serve/imap/news.ts";
import { BadCommand, BadUrl, ConnectionOver, OutOfStep, SessionState } from "#serve/imap/state.ts";
import { commands } from "#wire/imap/commands.ts";
import { encodeStatus, encodeString } from "#wire/imap/encode.ts";

/** One IMAP session: decoded commands in, answers out, no sockets. RFC 9051 §3 */
export class ImapSession {
  readonly #state: SessionState;
  readonly #client: Client;
  #badInARow = 0;
  /** Between commands news are told as they happen, within one where it says so. */
  #isRunning = false;
  /** Commands whose effect is on its way to the disk. */
  readonly #later: { readonly tag: string; readonly completion: Promise<Completion> }[] = [];

  constructor(services: ImapServices, client: Client, ctx: Ctx) {
    this.#state = new SessionState(services, client, ctx);
    this.#client = client;
  }

  get isEnding(): boolean {
    return this.#state.isEnding;
  }

  /** Folder names come as UTF-8. RFC 6855 §3 */
  get takesUtf8(): boolean {
    return this.#state.usesUtf8;
  }

  get isSignedIn(): boolean {
    return this.#state.isSignedIn;
  }

  /** RFC 9051 §7.1.1 */
  greet(): void {
    const { hostname } = this.#state.services;
    const code = `CAPABILITY ${capabilities(this.#state)}`;
    this.#client.write(encodeStatus("*", "OK", code, `${hostname} Outpost IMAP ready.`));
  }

  /** Says why the connection ends. RFC 9051 §7.1.5 */
  bye(text: string, code?: string): void {
    this.#state.bye(text, code);
  }

  close(): void {
    this.#state.close();
  }

  /** BAD, with the tag where it could be read. RFC 9051 §7.1.3 */
  refuse({ tag, text }: Pick<Bad, "tag" | "text">, code?: string): void {
    this.#client.write(encodeStatus(tag ?? "*", "BAD", code, text));
    if (++this.#badInARow >= limits.badCommandsMax) this.bye("Too many commands were wrong.");
  }

  /** Runs one command to its tagged answer. Throws what ends the connection. */
  async run(command: AnyCommand): Promise<void> {
    this.#isRunning = true;
    try {
      await this.#run(command);
    } finally {
      this.#isRunning = false;
    }
  }

  async #run(command: AnyCommand): Promise<void> {
    const state = this.#state;
    if (command.name !== "APPEND") await this.settle();
    if (state.signedOut !== undefined) {
      await this.#client.refuseMessage();
      this.bye(state.signedOut);
      return;
    }
    const wrongState = this.#wrongState(command.name);
    if (wrongState !== undefined) {
      await this.settle();
      await this.#client.refuseMessage();
      this.refuse({ tag: command.tag, text: wrongState });
      return;
    }
    // RFC 9586 §3.1
    if (state.usesUidOnly && !command.isUid && "uid" in commands[command.name]) {
      await this.#client.refuseMessage();
      this.#client.write(encodeStatus(command.tag, "BAD", "UIDREQUIRED", "Message numbers are not in use."));
      return;
    }
    const stopTelling = mayTakeLong.has(command.name) ? this.#tellProgress(command.tag) : undefined;
    const completion = await this.#execute(command.name, () => dispatch(state, command)).finally(stopTelling);
    if (state.isAnswered) {
      state.isAnswered = false;
      return;
    }
    if (completion.later !== undefined) {
      const later = this.#execute(command.name, () => completion.later!);
      // Awaited in its turn; a connection that ends before leaves it behind.
      later.catch((error: unknown) => state.ctx.log.debug({ error: String(error) }, "an answer nobody waits for"));
      this.#later.push({ tag: command.tag, completion: later });
      if (this.#later.length >= limits.imapAppendsUnderWayMax) await this.#settleFirst();
      return;
    }
    await this.settle();
    const mayExpunge = command.isUid || !keepsNumbers.has(command.name);
    const { view } = state;
    if (view !== undefined && (view.isDirty || (view.hasHeldBack && mayExpunge) || asksForNews.has(command.name))) {
      await writeUpdates(state, mayExpunge, ownEffects.has(command.name) ? "ownCommand" : "anybody");
    }
    if (state.notify !== undefined) {
      await tellNews(state, { mayExpunge, isForced: asksForNews.has(command.name) });
    }
    if (completion.condition === "BAD") {
      this.refuse({ tag: command.tag, text: completion.text }, completion.code);
      return;
    }
    this.#badInARow = 0;
    this.#client.write(encodeStatus(command.tag, completion.condition, completion.code, completion.text));
  }

  /** Says now and then that a command is under way, until its answer begins. RFC 9585 §4 */
  #tellProgress(tag: string): () => void {
    const { ctx } = this.#state;
    const client = this.#client;
    const writesBefore = client.writes;
    let cancel: (() => void) | undefined;
    const wait = (told: number): void => {
      cancel = ctx.system.setTimer(limits.imapProgressMs, () => {
        // What has begun is a sign of life itself, and may be in the middle of a line.
        if (client.writes !== told) return;
        client.write(encodeStatus("*", "OK", `INPROGRESS (${encodeString(tag)} NIL NIL)`, "Still at it."));
        client.flush().catch((error: unknown) => ctx.log.debug({ error: String(error) }, "a client is gone"));
        wait(client.writes);
      });
    };
    wait(writesBefore);
    return () => cancel?.();
  }

  /** Waits for what is still under way and answers it, in the order it came. */
  async settle(): Promise<void> {
    while (this.#later.length > 0) await this.#settleFirst();
  }

  /** The same until `reading` has ended: then more may be done at once. */
  async settleUntil(reading: Promise<unknown>): Promise<void> {
    let isRead = false;
    const onRead = (): void => { isRead = true; };
    const read = reading.then(onRead, onRead);
    while (this.#later.length > 0) {
      await Promise.race([read, this.#later[0]!.completion]);
      if (isRead) return;
      await this.#settleFirst();
      await this.#client.flush();
    }
    if (this.#isRunning) return;
    while (this.#state.notify !== undefined && !isRead) await this.#tellMore(read, () => isRead);
  }

  /** One look at what NOTIFY watches, or a wait until there is reason for one. RFC 5465 §3.1 */
  async #tellMore(read: Promise<void>, isRead: () => boolean): Promise<void> {
    const state = this.#state;
    const { promise: woken, resolve } = Promise.withResolvers<void>();
    state.onCommit(resolve);
    try {
      const { notify } = state;
      const waitMs = notify?.waitMs(state) ?? Infinity;
      if (waitMs > 0) {
        const cancel = waitMs === Infinity ? undefined : state.ctx.system.setTimer(waitMs, resolve);
        await Promise.race([read, woken]);
        cancel?.();
        return;
      }
      await tellNews(state, { mayExpunge: notify?.tellsExpungeAtOnce === true, isForced: false });
      await this.#client.flush();
    } finally {
      state.onCommit(undefined);
    }
    if (state.signedOut !== undefined) state.bye(state.signedOut);
    if (state.isEnding && !isRead()) throw new Fault("cancelled", "The session is over.");
  }

  async #settleFirst(): Promise<void> {
    const { tag, completion } = this.#later.shift()!;
    const { condition, code, text } = await completion;
    if (this.#later.length === 0 && this.#state.view?.isDirty === true) await writeUpdates(this.#state, true);
    this.#client.write(encodeStatus(tag, condition, code, text));
  }

  #wrongState(name: CommandName): string | undefined {
    const { state } = commands[name];
    const { isSignedIn, view } = this.#state;
    if (state === "notAuthenticated" && isSignedIn) return "Somebody has signed in already.";
    if ((state === "authenticated" || state === "selected") && !isSignedIn) return "Sign in first.";
    if (state === "selected" && view === undefined) return "Select a folder first.";
    return undefined;
  }

  async #execute(name: CommandName, body: () => Promise<Completion>): Promise<Completion> {
    try {
      return await body();
    } catch (error) {
      if (error instanceof BadCommand) {
        return { condition: "BAD", text: error.message, ...(error.code === undefined ? {} : { code: error.code }) };
      }
      if (error instanceof UndefinedFilter) {
        return { condition: "NO", code: `UNDEFINED-FILTER ${error.filter}`, text: error.message };
      }
      if (error instanceof BadUrl) {
        return { condition: "NO", code: `BADURL ${encodeString(error.url)}`, text: error.message };
      }
      if (error instanceof OutOfStep || error instanceof ConnectionOver) throw error;
      if (error instanceof Fault) {
        if (error.code === "cancelled") throw error;
        return refusal(error.code, error.message);
      }
      // What the connection itself throws (a silent client) ends it; anything else is a bug of this one command.
      if (this.#state.ctx.signal.aborted || (error instanceof Error && error.name === "ReadTimeout")) throw error;
      this.#state.ctx.log.error({ command: name, error }, "a command failed");
      return refusal("internal", "The server made a mistake; it is in its log.");
    }
  }
}

function refusal(code: FaultCode, text: string): Completion {
  const { imap } = faults[code];
  return imap === "" ? { condition: "NO", text } : { condition: "NO", code: imap, text };
}

/** The one place where a command and its handler are put together again. */
function dispatch<N extends CommandName>(state: SessionState, command: Command<N>): Promise<Completion> {
  return handlers[command.name](state, command);
}
