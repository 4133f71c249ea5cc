/** Events of one table on their way to the client. [MS-OXCNOTIF] 2.2.1.1.1, 3.1.4.3 */
import { limits } from "#base/limits.ts";
import type { PropertyTag } from "#props/types.ts";
import type { PendingEvent } from "#serve/mapi/mailbox/notifications.ts";
import type { RowId } from "#serve/mapi/mailbox/table.ts";
import { notificationFlags, notificationTypes, tableEvents } from "#wire/mapi/notification.ts";
import type { NotificationData } from "#wire/mapi/notification.ts";
import type { Cell } from "#wire/mapi/rows.ts";

const noColumns: readonly PropertyTag[] = [];
const noId = { replicaId: 0, counter: 0 } as const;

function ofTable(tableEventType: number, isMessage: boolean): { notificationFlags: number; tableEventType: number } {
  const bit = isMessage ? notificationFlags.isMessage : 0;
  return { notificationFlags: notificationTypes.tableModified | bit, tableEventType };
}

export function rowDeleted(id: RowId): NotificationData {
  const { folderId, messageId } = id;
  return {
    ...ofTable(tableEvents.rowDeleted, messageId !== undefined), rowFolderId: folderId,
    ...messageId === undefined ? {} : { rowMessageId: messageId, rowInstance: id.instance },
  };
}

/** A row that came or changed, and the row it stands behind; none for the first. */
export function rowPut(isNew: boolean, id: RowId, after: RowId | null, rowData: readonly Cell[]): NotificationData {
  const isMessage = id.messageId !== undefined;
  return {
    ...ofTable(isNew ? tableEvents.rowAdded : tableEvents.rowModified, isMessage),
    rowFolderId: id.folderId, insertAfterFolderId: after?.folderId ?? noId, rowData,
    ...isMessage ? {
      rowMessageId: id.messageId, rowInstance: id.instance, insertAfterMessageId: after?.messageId ?? noId,
      insertAfterInstance: after?.instance ?? 0,
    } : {},
  };
}

const tableChanged: PendingEvent = {
  data: { notificationFlags: notificationTypes.tableModified, tableEventType: tableEvents.changed }, columns: noColumns,
};

/** Bounded: what is too much becomes one event that says that everything may be different. */
export class TableEvents {
  #waiting: PendingEvent[] = [];
  #isCollapsed = false;

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  isFull(more: number): boolean {
    return this.#isCollapsed || this.#waiting.length + more > limits.mapiTableEventsMax;
  }

  push(data: NotificationData, columns: readonly PropertyTag[] = noColumns): void {
    this.#waiting.push({ data, columns });
  }

  /** `force` also when nothing waits. */
  collapse(force = false): void {
    if (this.#waiting.length === 0 && !force) return;
    this.#waiting = [tableChanged];
    this.#isCollapsed = true;
  }

  next(): PendingEvent | undefined {
    return this.#waiting[0];
  }

  take(): void {
    this.#waiting.shift();
    if (this.#waiting.length === 0) this.#isCollapsed = false;
  }

  /** A row that no answer holds is one event that says: read again. */
  shorten(): boolean {
    if (this.#waiting.length === 0 || this.#waiting[0] === tableChanged) return false;
    this.collapse();
    return true;
  }

  clear(): void {
    this.#waiting = [];
    this.#isCollapsed = false;
  }
}
