/** Events that a client asked to be told. [MS-OXCNOTIF] 3.1.4 */
import type { Ctx } from "#base/ctx.ts";
import { limits } from "#base/limits.ts";
import type { FolderId, MessageId } from "#base/ids.ts";
import type { PropertyTag } from "#props/types.ts";
import type { LogonObject } from "#serve/mapi/mailbox/objects.ts";
import type { MailboxSession } from "#serve/mapi/mailbox/session.ts";
import { StoreEvents } from "#serve/mapi/mailbox/store-events.ts";
import type { StoreEvent } from "#serve/mapi/mailbox/store-events.ts";
import type { NotificationData } from "#wire/mapi/notification.ts";

export interface PendingEvent {
  readonly data: NotificationData;
  /** Of the table, for rows in the data. */
  readonly columns: readonly PropertyTag[];
}

/** One registration, or one table that tells of its changes: reads the log when woken, and keeps what it found. */
export interface Subscription {
  readonly kind: "subscription" | "table";
  readonly logon: LogonObject;
  /** The handle that events name. */
  readonly handle: number;
  readonly hasEvents: boolean;
  /** Reads what changed since the last look. */
  look(ctx: Ctx): Promise<void>;
  /** The event that is told next; it stays until it is taken. */
  next(): PendingEvent | undefined;
  take(): void;
  /** Says less where an event is larger than any answer; false when it says as little as can be. */
  shorten(): boolean;
}

/** What RopRegisterNotification asked for. [MS-OXCNOTIF] 2.2.1.2.1 */
export interface SubscriptionScope {
  /** Bits of `notificationTypes`. */
  readonly types: number;
  /** null for the whole store. */
  readonly folderId: FolderId | null;
  /** null for the folder and all that is in it. */
  readonly messageId: MessageId | null;
}

const noColumns: readonly PropertyTag[] = [];

/** Events of a store, a folder or a message. [MS-OXCNOTIF] 3.1.4.1, 3.1.4.2 */
export class StoreSubscription implements Subscription {
  readonly kind = "subscription";
  readonly logon: LogonObject;
  readonly #scope: SubscriptionScope;
  readonly #events: StoreEvents;
  readonly #waiting: StoreEvent[] = [];
  #session: MailboxSession | null = null;
  handle = 0;

  private constructor(logon: LogonObject, scope: SubscriptionScope, events: StoreEvents) {
    this.logon = logon;
    this.#scope = scope;
    this.#events = events;
  }

  /** What happens from now on is told. */
  static async begin(ctx: Ctx, session: MailboxSession, logon: LogonObject, scope: SubscriptionScope):
  Promise<StoreSubscription> {
    const events = await StoreEvents.of(ctx, logon, () => session.wake());
    return new StoreSubscription(logon, scope, events);
  }

  opened(handle: number, session: MailboxSession): void {
    this.handle = handle;
    this.#session = session;
    session.addSubscription(this);
    this.#events.add(this);
  }

  close(): void {
    this.#session?.removeSubscription(this);
    this.#events.remove(this);
    this.#waiting.length = 0;
  }

  get hasEvents(): boolean {
    return this.#waiting.length > 0;
  }

  look(ctx: Ctx): Promise<void> {
    return this.#events.look(ctx);
  }

  get folderId(): FolderId | null {
    return this.#scope.folderId;
  }

  offer(event: StoreEvent): void {
    if ((this.#scope.types & event.type) === 0) {
      for (const other of event.otherwise ?? []) this.offer(other);
      return;
    }
    if (!this.#covers(event)) return;
    // Counts of a folder that changes again before anybody looked are told once, as they are now.
    const last = this.#waiting.findIndex((one) => one.replacedBy !== null && one.replacedBy === event.replacedBy);
    if (last >= 0) this.#waiting.splice(last, 1);
    this.#waiting.push(event);
    if (this.#waiting.length > limits.mapiEventsMax) this.#waiting.shift();
  }

  #covers(event: StoreEvent): boolean {
    const { folderId, messageId } = this.#scope;
    if (folderId === null) return true;
    if (messageId !== null) return event.messageId === messageId || event.oldMessageId === messageId;
    return event.folderIds.includes(folderId);
  }

  next(): PendingEvent | undefined {
    const [event] = this.#waiting;
    return event === undefined ? undefined : { data: event.data, columns: noColumns };
  }

  take(): void {
    this.#waiting.shift();
  }

  shorten(): boolean {
    return false;
  }
}
