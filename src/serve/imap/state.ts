import type { Ctx } from "#base/ctx.ts";
import type { Directory, SignedIn } from "#directory/api.ts";
import type { Mailbox, Mailboxes } from "#mailbox/api.ts";
import type { FolderView } from "#serve/imap/view.ts";
import type { Command, CommandName } from "#wire/imap/commands.ts";
import { assert } from "#base/fault.ts";
import { encodeStatus } from "#wire/imap/encode.ts";

/** What an IMAP connection asks of the rest of the server; wired in `main`. */
export interface ImapServices {
  readonly mailboxes: Mailboxes;
  readonly directory: Directory;
  /** Stands in the greeting. */
  readonly hostname: string;
  readonly version: string;
  /** The listener has a certificate for STARTTLS. */
  readonly offersStartTls: boolean;
}

/** The other side as commands see it: text and bytes out, gathered; lines and messages in. */
export interface Client {
  readonly isTls: boolean;
  readonly address: string;
  /** Text with one character per byte. Kept until {@link Client.drain} or the end of the command. */
  write(octets: string): void;
  writeBytes(bytes: Uint8Array): void;
  /** Enough is gathered: ask after each row, and `drain` then. A promise for each row would cost more than the row. */
  readonly isFull: boolean;
  drain(): Promise<void>;
  flush(): Promise<void>;
  /** A line that is no command; undefined when it was too long. */
  readText(): Promise<Uint8Array | undefined>;
  /** The message an APPEND announced. Throws `BadCommand` when something follows it. */
  readMessage(isSynchronizing: boolean): AsyncIterable<Uint8Array>;
  /** The announced message is not wanted; returns when the client has stopped sending it. */
  refuseMessage(): Promise<void>;
  /** Sends `answer` in clear, then speaks TLS. What came before the handshake is forgotten. RFC 9051 §11.1 */
  startTls(answer: string): Promise<void>;
}

/** How a command ended. RFC 9051 §7.1 */
export interface Completion {
  readonly condition: "OK" | "NO" | "BAD";
  readonly code?: string;
  readonly text: string;
}

/** What the client sent is not a command after all; answered with BAD. */
export class BadCommand extends Error {}

/** The answer was cut in the middle of a literal: nothing sent after it would be understood. */
export class OutOfStep extends Error {}
/** The connection itself is over, in the middle of a command or not: no fault of the command's. */
export class ConnectionOver extends Error {}

/** What one connection knows of its client. RFC 9051 §3 */
export class SessionState {
  readonly services: ImapServices;
  readonly client: Client;
  ctx: Ctx;
  signedIn: SignedIn | undefined;
  #mailbox: Mailbox | undefined;
  view: FolderView | undefined;
  /** Flags come with their MODSEQ from here on. RFC 7162 §3.1 */
  usesCondstore = false;
  /** Said good-bye: the connection ends after this command. */
  isEnding = false;
  /** The tagged answer went out already, before the handshake. */
  isAnswered = false;
  signInFailures = 0;
  #stopWatching: (() => void) | undefined;
  #wake: (() => void) | undefined;

  constructor(services: ImapServices, client: Client, ctx: Ctx) {
    this.services = services;
    this.client = client;
    this.ctx = ctx;
  }

  get mailbox(): Mailbox {
    assert(this.#mailbox !== undefined, "the command needs somebody signed in");
    return this.#mailbox;
  }

  get selected(): FolderView {
    assert(this.view !== undefined, "the command needs a selected folder");
    return this.view;
  }

  get isSignedIn(): boolean {
    return this.#mailbox !== undefined;
  }

  open(signedIn: SignedIn, mailbox: Mailbox): void {
    this.signedIn = signedIn;
    this.#mailbox = mailbox;
    this.#stopWatching = mailbox.watch(() => {
      if (this.view !== undefined) this.view.isDirty = true;
      this.#wake?.();
    });
  }

  /** `wake` is called after each commit in the mailbox; undefined ends that. */
  onCommit(wake: (() => void) | undefined): void {
    this.#wake = wake;
  }

  /** Says why the connection ends, once. RFC 9051 §7.1.5 */
  bye(text: string, code?: string): void {
    if (this.isEnding) return;
    this.isEnding = true;
    this.client.write(encodeStatus("*", "BYE", code, text));
  }

  close(): void {
    this.#stopWatching?.();
    this.#stopWatching = undefined;
    this.#wake = undefined;
    this.view = undefined;
  }
}

/** Runs one command; what it refuses it throws as a Fault, or gives as NO. */
export type Handler<N extends CommandName> = (state: SessionState, command: Command<N>) => Promise<Completion>;

export function ok(text: string, code?: string): Completion {
  return code === undefined ? { condition: "OK", text } : { condition: "OK", code, text };
}

export function no(text: string, code?: string): Completion {
  return code === undefined ? { condition: "NO", text } : { condition: "NO", code, text };
}
