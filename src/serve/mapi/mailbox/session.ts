/**
 * One session of the mailbox endpoint: its handles, the logons behind them, and the events that wait for the client.
 * No sockets here. [MS-OXCROPS] 1.3, 3.2.5
 */
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import type { AddressBook } from "#directory/address-book.ts";
import type { Directory, SignedIn } from "#directory/api.ts";
import type { Mailboxes } from "#mailbox/api.ts";
import type { PublicFolderRules } from "#transport/public-folder-rules.ts";
import type { RuleStore } from "#transport/rule-store.ts";
import type { Transport } from "#transport/transport.ts";
import { isLogon, logonOf } from "#serve/mapi/mailbox/objects.ts";
import type { AnyObject, LogonObject } from "#serve/mapi/mailbox/objects.ts";
import type { Subscription } from "#serve/mapi/mailbox/notifications.ts";
import type { StreamLocks } from "#serve/mapi/mailbox/stream-locks.ts";
import type { SessionState } from "#serve/mapi/sessions.ts";

/** What a session stands on; the same for all. */
export interface Services {
  readonly directory: Directory;
  readonly mailboxes: Mailboxes;
  readonly book: AddressBook;
  /** Takes messages that are sent. */
  readonly transport: Transport;
  /** Automatic replies, which are part of what the store tells of itself. */
  readonly rules: RuleStore;
  /** Of public folders, for what is posted there. */
  readonly publicRules: PublicFolderRules;
  /** Of all sessions, so that they see each other's. */
  readonly locks: StreamLocks;
  readonly hostname: string;
}

export interface SessionOptions {
  readonly person: SignedIn;
  readonly services: Services;
  /** Of 8-bit text in both directions. */
  readonly codePage: number;
  readonly localeId: number;
}

export class MailboxSession implements SessionState {
  readonly person: SignedIn;
  readonly services: Services;
  readonly codePage: number;
  readonly localeId: number;
  readonly #objects = new Map<number, AnyObject>();
  readonly #subscriptions = new Set<Subscription>();
  readonly #waiters = new Set<() => void>();
  #nextHandle = 1;
  #turn: Promise<void> = Promise.resolve();
  #isClosed = false;
  #wakes = 0;

  constructor(options: SessionOptions) {
    this.person = options.person;
    this.services = options.services;
    this.codePage = options.codePage;
    this.localeId = options.localeId;
  }

  get handleCount(): number {
    return this.#objects.size;
  }

  /** A new handle. Fault `tooMany` when the client holds too many. */
  add(object: AnyObject): number {
    if (this.#objects.size >= limits.mapiHandlesMax) throw new Fault("tooMany", "Too many objects are open.");
    const handle = this.#nextHandle;
    this.#nextHandle = handle === 0x7fff_ffff ? 1 : handle + 1;
    if (this.#objects.has(handle)) return this.add(object);
    this.#objects.set(handle, object);
    object.opened?.(handle, this);
    return handle;
  }

  get(handle: number): AnyObject | undefined {
    return this.#objects.get(handle);
  }

  *logons(): Iterable<LogonObject> {
    for (const object of this.#objects.values()) if (isLogon(object)) yield object;
  }

  /** Of the logon made last under this id. [MS-OXCROPS] 2.2.6.11.1 */
  isPublicLogon(logonId: number): boolean {
    let isPublic = false;
    for (const object of this.#objects.values()) {
      if (isLogon(object) && object.logonId === logonId) isPublic = object.isPublic;
    }
    return isPublic;
  }

  /** Takes a handle back; the end of a logon is the end of all that was opened through it. [MS-OXCROPS] 3.2.5.3 */
  release(handle: number): void {
    const object = this.#objects.get(handle);
    if (object === undefined) return;
    this.#objects.delete(handle);
    object.close?.();
    if (object.kind !== "logon") return;
    for (const [other, one] of [...this.#objects]) if (logonOf(one) === object) this.release(other);
  }

  /** A logon takes the place of the one that had its id, which ends. [MS-OXCROPS] 2.2.3.1.1 */
  replaceLogon(logonId: number, fresh: AnyObject): void {
    for (const [handle, object] of [...this.#objects]) {
      if (isLogon(object) && object.logonId === logonId && object !== fresh) this.release(handle);
    }
  }

  addSubscription(subscription: Subscription): void {
    this.#subscriptions.add(subscription);
  }

  removeSubscription(subscription: Subscription): void {
    this.#subscriptions.delete(subscription);
  }

  get subscriptionCount(): number {
    return this.#subscriptions.size;
  }

  get subscriptions(): Iterable<Subscription> {
    return this.#subscriptions;
  }

  /** Something may have happened: whoever waits looks. */
  wake(): void {
    this.#wakes++;
    for (const waiter of [...this.#waiters]) waiter();
  }

  get hasEvents(): boolean {
    return [...this.#subscriptions].some((subscription) => subscription.hasEvents);
  }

  /** One at a time: objects do not expect that their tables move while a request reads them. */
  async exclusively<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#turn;
    let end = (): void => undefined;
    this.#turn = new Promise((resolve) => {
      end = resolve;
    });
    await before;
    try {
      return await work();
    } finally {
      end();
    }
  }

  /** Reads what changed for everyone who subscribed. */
  async look(ctx: Ctx): Promise<void> {
    for (const subscription of [...this.#subscriptions]) {
      try {
        await subscription.look(ctx);
      } catch (error) {
        // A folder that is gone, or no longer theirs, has nothing to tell; what was answered before stays answered.
        if (!(error instanceof Fault) || error.code === "cancelled") throw error;
        ctx.log.debug({ why: error.message }, "a subscription has nothing to tell");
      }
    }
  }

  /** True when there are events, false when the time or the context is over first. */
  async waitForEvents(ctx: Ctx, timeMs: number, ends: readonly AbortSignal[]): Promise<boolean> {
    const deadline = ctx.system.monotonicMs() + timeMs;
    for (;;) {
      const seen = this.#wakes;
      await this.exclusively(() => this.look(ctx));
      if (this.hasEvents) return true;
      const leftMs = deadline - ctx.system.monotonicMs();
      if (leftMs <= 0 || this.#isClosed || ends.some((signal) => signal.aborted)) return false;
      // What happened during the look is looked at before anything is waited for.
      if (seen === this.#wakes) await this.#wakeWithin(ctx, leftMs, ends);
    }
  }

  async #wakeWithin(ctx: Ctx, timeMs: number, ends: readonly AbortSignal[]): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = (): void => {
        cancel();
        this.#waiters.delete(done);
        for (const signal of ends) signal.removeEventListener("abort", done);
        resolve();
      };
      const cancel = ctx.system.setTimer(timeMs, done);
      this.#waiters.add(done);
      for (const signal of ends) signal.addEventListener("abort", done, { once: true });
    });
  }

  close(): void {
    this.#isClosed = true;
    for (const handle of [...this.#objects.keys()]) this.release(handle);
    this.wake();
  }
}
