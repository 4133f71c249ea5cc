import type { Ctx } from "#base/ctx.ts";
import type { EntryId, MailboxId } from "#base/ids.ts";
import type { Directory, SignedIn } from "#directory/api.ts";
import type { Mailbox, Mailboxes } from "#mailbox/api.ts";
import type { ChannelBindingType } from "#net/scram.ts";
import type { FolderView } from "#serve/imap/view.ts";
import type { FolderWatch } from "#serve/imap/notify/folder-watch.ts";
import type { AppendStep } from "#wire/imap/append.ts";
import type { Command, CommandName } from "#wire/imap/commands.ts";
import type { SequenceSet } from "#wire/imap/sequence.ts";
import { assert } from "#base/fault.ts";
import { FolderMemory } from "#serve/imap/folder-memory.ts";
import { encodeStatus } from "#wire/imap/encode.ts";

/** What an IMAP connection asks of the rest of the server; wired in `main`. */
export interface ImapServices {
  readonly mailboxes: Mailboxes;
  readonly directory: Directory;
  /** Left out where nobody has anything of anybody else's. */
  readonly people?: People;
  /** Stands in the greeting. */
  readonly hostname: string;
  readonly version: string;
  /** The listener has a certificate for STARTTLS. */
  readonly offersStartTls: boolean;
}

/** A person or a mailbox of several, by what their folders are named. */
export interface PersonEntry {
  readonly entryId: EntryId;
  /** `user`, or a kind whose mailbox belongs to several. */
  readonly kind: string;
  readonly address: string;
  readonly mailboxId: MailboxId | null;
  readonly disabled: boolean;
}

/** Whom rights are given to, and what was given to somebody. RFC 4314, RFC 2342 */
export interface People {
  entry(ctx: Ctx, entryId: EntryId): Promise<PersonEntry | null>;
  entryByAddress(ctx: Ctx, address: string): Promise<PersonEntry | null>;
  mailboxesGrantedTo(ctx: Ctx, entryId: EntryId): Promise<{ entry: PersonEntry; rights: readonly string[] }[]>;
  /** The mailbox with the folders of the whole organisation; left out, or null, where there are none. */
  publicStore?(ctx: Ctx): Promise<PersonEntry | null>;
}

/** The other side as commands see it: text and bytes out, gathered; lines and messages in. */
export interface Client {
  readonly isTls: boolean;
  readonly address: string;
  channelBinding?(type: ChannelBindingType): Uint8Array | null;
  /** Text with one character per byte. Kept until {@link Client.drain} or the end of the command. */
  write(octets: string): void;
  /** How often something was written: whether an answer has begun. */
  readonly writes: number;
  writeBytes(bytes: Uint8Array): void;
  /** Enough is gathered: ask after each row, and `drain` then. A promise for each row would cost more than the row. */
  readonly isFull: boolean;
  drain(): Promise<void>;
  flush(): Promise<void>;
  /** A line that is no command; undefined when it was too long. */
  readText(): Promise<Uint8Array | undefined>;
  /** The message an APPEND announced. Throws `BadCommand` when something follows it that cannot. */
  readMessage(isSynchronizing: boolean): AsyncIterable<Uint8Array>;
  /** What the text after the message read last said. RFC 3502, RFC 4469 */
  readonly appendSteps: readonly AppendStep[];
  /** The announced message, if any, is not wanted; returns when the client has stopped sending it. */
  refuseMessage(): Promise<void>;
  readonly isCompressed: boolean;
  /** Sends `answer` as it is, and packs and unpacks everything after it. RFC 4978 §3 */
  startCompression(answer: string): Promise<void>;
  /** Sends `answer` in clear, then speaks TLS. What came before the handshake is forgotten. RFC 9051 §11.1 */
  startTls(answer: string): Promise<void>;
}

/** How a command ended. RFC 9051 §7.1 */
export interface Completion {
  readonly condition: "OK" | "NO" | "BAD";
  readonly code?: string;
  readonly text: string;
  /** How it really ends, once the disk has it: commands of the same kind may run meanwhile. RFC 9051 §5.5 */
  readonly later?: Promise<Completion>;
}

/**
 * The answer to message numbers past the end, which are a mistake of the client; UIDs and ranges to `*` may lie there.
 * RFC 9051 §9 `seq-number`
 */
export function pastTheEnd(view: FolderView, set: SequenceSet, isUid: boolean): Completion | undefined {
  if (isUid || !view.reachesPast(set)) return undefined;
  return { condition: "BAD", text: `There are only ${view.count} messages.` };
}

/** What the client sent is not a command after all; answered with BAD. */
export class BadCommand extends Error {
  readonly code: string | undefined;

  constructor(message: string, code?: string) {
    super(message);
    this.code = code;
  }
}

/** A URL of CATENATE names nothing here; answered with NO [BADURL]. RFC 4469 §4 */
export class BadUrl extends Error {
  readonly url: string;

  constructor(url: string, why: string) {
    super(`The URL does not do: ${why}.`);
    this.url = url;
  }
}

/** The answer was cut in the middle of a literal: nothing sent after it would be understood. */
export class OutOfStep extends Error {}
/** The connection itself is over, in the middle of a command or not: no fault of the command's. */
export class ConnectionOver extends Error {}

/** What one connection knows of its client. RFC 9051 §3 */
export class SessionState {
  readonly services: ImapServices;
  readonly client: Client;
  /** Shared by all connections of the process. */
  readonly memory: FolderMemory;
  ctx: Ctx;
  signedIn: SignedIn | undefined;
  #mailbox: Mailbox | undefined;
  view: FolderView | undefined;
  /** How the client named the folder it selected. */
  selectedPath = "";
  /** Flags come with their MODSEQ from here on. RFC 7162 §3.1 */
  usesCondstore = false;
  /** Messages that went are told by UID, as VANISHED. RFC 7162 §3.2.10 */
  usesQresync = false;
  /** Message numbers are neither taken nor told. RFC 9586 §3 */
  usesUidOnly = false;
  /** Names and quoted strings may be UTF-8. RFC 6855 §3, RFC 9051 §5.1 */
  usesUtf8 = false;
  /** The client has enabled revision 2. RFC 9051 §6.3.1 */
  usesRev2 = false;
  /** Said good-bye: the connection ends after this command. */
  isEnding = false;
  /** The tagged answer went out already, before the handshake. */
  isAnswered = false;
  signInFailures = 0;
  /** What the client asked to be told of; undefined until it first says NOTIFY. RFC 5465 §3.1 */
  notify: FolderWatch | undefined;
  /** What the client calls itself, when it says so before it signs in. RFC 2971 §3.3 */
  device: string | undefined;
  /** Why the person may not go on; told before the next command, and at once in IDLE. */
  signedOut: string | undefined;
  /** Mailboxes of others that were opened. */
  readonly others = new Map<MailboxId, Mailbox>();
  #stopWatching: (() => void)[] = [];
  #stopSignOutWatch: (() => void) | undefined;
  #wake: (() => void) | undefined;

  constructor(services: ImapServices, client: Client, ctx: Ctx) {
    this.services = services;
    this.client = client;
    this.ctx = ctx;
    this.memory = FolderMemory.of(services.mailboxes);
    this.memory.begin(ctx.system.nowMs());
  }

  get mailbox(): Mailbox {
    assert(this.#mailbox !== undefined, "the command needs somebody signed in");
    return this.#mailbox;
  }

  get selected(): FolderView {
    assert(this.view !== undefined, "the command needs a selected folder");
    return this.view;
  }

  /** Everything known of the client is forgotten but the connection. RFC 8437 §2 */
  reset(): void {
    this.close();
    this.#mailbox = undefined;
    this.signedIn = undefined;
    this.usesCondstore = this.usesQresync = this.usesUidOnly = this.usesUtf8 = this.usesRev2 = false;
  }

  get isSignedIn(): boolean {
    return this.#mailbox !== undefined;
  }

  open(signedIn: SignedIn, mailbox: Mailbox): void {
    this.signedIn = signedIn;
    this.#mailbox = mailbox;
    this.#stopSignOutWatch = this.services.directory.signIn?.watchSignOut(signedIn, "imap", (why) => {
      this.signedOut = why;
      this.#wake?.();
    });
    this.#watch(mailbox);
  }

  keepOther(mailbox: Mailbox): void {
    this.others.set(mailbox.mailboxId, mailbox);
    this.#watch(mailbox);
  }

  #watch(mailbox: Mailbox): void {
    this.#stopWatching.push(mailbox.watch((cn) => {
      if (this.view?.mailbox.mailboxId === mailbox.mailboxId) this.view.hear(cn);
      this.#wake?.();
    }));
  }

  /** Something may have happened. */
  wake(): void {
    this.#wake?.();
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
    for (const stop of this.#stopWatching.splice(0)) stop();
    this.others.clear();
    this.notify?.end();
    this.notify = undefined;
    this.#stopSignOutWatch?.();
    this.#stopSignOutWatch = undefined;
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
