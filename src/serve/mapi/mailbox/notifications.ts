/** Events that a client asked to be told. [MS-OXCNOTIF] 3.1.4 */
import type { Ctx } from "#base/ctx.ts";
import type { NotificationData } from "#wire/mapi/notification.ts";
import type { LogonObject } from "#serve/mapi/mailbox/objects.ts";
import type { PropertyTag } from "#props/types.ts";

export interface PendingEvent {
  readonly data: NotificationData;
  /** Of the table, for rows in the data. */
  readonly columns: readonly PropertyTag[];
}

/** One registration, or one table that tells of its changes: reads the log when woken, and keeps what it found. */
export interface Subscription {
  readonly kind: "subscription" | "table";
  readonly logon: LogonObject;
  /** The handle that events name; set once it is given out. */
  handle: number;
  readonly hasEvents: boolean;
  /** Reads what changed since the last look. */
  look(ctx: Ctx): Promise<void>;
  take(): PendingEvent | undefined;
}
