/**
 * What happened in a store since the last look, as events: folders are compared with what they were, messages are read
 * from the change log of the folders that moved on. One for each logon, however many subscriptions it has.
 * [MS-OXCNOTIF] 2.2.1.1, 3.1.4.1
 */
import type { Ctx } from "#base/ctx.ts";
import type { FolderId, MessageId } from "#base/ids.ts";
import { Fault } from "#base/fault.ts";
import { messageFlags } from "#mailbox/api.ts";
import type { FolderInfo } from "#mailbox/api.ts";
import type { ItemRow } from "#mailbox/items-api.ts";
import { makeTag } from "#props/types.ts";
import { toShortId } from "#serve/mapi/mailbox/keys.ts";
import type { LogonObject } from "#serve/mapi/mailbox/objects.ts";
import { notificationFlags, notificationTypes } from "#wire/mapi/notification.ts";
import type { NotificationData } from "#wire/mapi/notification.ts";

export interface StoreEvent {
  /** A bit of `notificationTypes`. */
  readonly type: number;
  /** Folders whose subscribers hear of it. */
  readonly folderIds: readonly FolderId[];
  readonly messageId: MessageId | null;
  readonly data: NotificationData;
  /** A later event with the same key says the same and more. */
  readonly replacedBy: string | null;
}

interface Listener {
  offer(event: StoreEvent): void;
}

const t = notificationTypes;
const f = notificationFlags;
const countTags = [makeTag(0x3602, "Integer32"), makeTag(0x3603, "Integer32")];
/** A message that lay somewhere else before it came has been moved or copied, not delivered. */
const deliveryGapMs = 5000;

const byLogon = new WeakMap<LogonObject, Promise<StoreEvents>>();

export class StoreEvents {
  readonly #logon: LogonObject;
  readonly #listeners = new Set<Listener>();
  #folders = new Map<FolderId, FolderInfo>();
  #isStale = false;
  /** Greater than the id of every message that was there. */
  #nextId = 0;
  #endWatch: (() => void) | null = null;
  readonly #onChange: () => void;

  private constructor(logon: LogonObject, onChange: () => void) {
    this.#logon = logon;
    this.#onChange = onChange;
  }

  /** Of this logon; made at the first call, and from then on nothing is missed. */
  static of(ctx: Ctx, logon: LogonObject, onChange: () => void): Promise<StoreEvents> {
    let made = byLogon.get(logon);
    if (made === undefined) {
      made = StoreEvents.#begin(ctx, logon, onChange);
      byLogon.set(logon, made);
      made.catch(() => byLogon.delete(logon));
    }
    return made;
  }

  static async #begin(ctx: Ctx, logon: LogonObject, onChange: () => void): Promise<StoreEvents> {
    const events = new StoreEvents(logon, onChange);
    await events.#baseline(ctx);
    return events;
  }

  async #baseline(ctx: Ctx): Promise<void> {
    this.#isStale = false;
    this.#nextId = await this.#logon.mailbox.nextObjectId(ctx);
    this.#folders = new Map((await this.#logon.mailbox.folders(ctx)).map((info) => [info.folderId, info]));
  }

  add(listener: Listener): void {
    this.#listeners.add(listener);
    this.#endWatch ??= this.#logon.mailbox.watch(() => {
      this.#isStale = true;
      this.#onChange();
    });
  }

  remove(listener: Listener): void {
    this.#listeners.delete(listener);
    if (this.#listeners.size > 0) return;
    this.#endWatch?.();
    this.#endWatch = null;
    // Nobody hears of what happens now; the next one begins anew.
    byLogon.delete(this.#logon);
  }

  async look(ctx: Ctx): Promise<void> {
    if (!this.#isStale) return;
    this.#isStale = false;
    const before = this.#folders;
    const firstNewId = this.#nextId;
    this.#nextId = await this.#logon.mailbox.nextObjectId(ctx);
    const infos = await this.#logon.mailbox.folders(ctx);
    this.#folders = new Map(infos.map((info) => [info.folderId, info]));
    for (const info of infos) await this.#lookAt(ctx, before.get(info.folderId), info, firstNewId);
    for (const [folderId, info] of before) if (!this.#folders.has(folderId)) this.offer(folderDeleted(info));
  }

  async #lookAt(ctx: Ctx, before: FolderInfo | undefined, info: FolderInfo, firstNewId: number): Promise<void> {
    if (before === undefined) this.offer(folderCreated(info));
    else if (before.parentId !== info.parentId) this.offer(folderMoved(before, info));
    if (before !== undefined && before.highestCn === info.highestCn && before.cn === info.cn) return;
    if (before === undefined || before.highestCn !== info.highestCn) {
      for (const associated of [false, true]) await this.#messages(ctx, before, info, associated, firstNewId);
    }
    if (before !== undefined) this.offer(folderModified(before, info));
  }

  async #messages(
    ctx: Ctx, before: FolderInfo | undefined, info: FolderInfo, associated: boolean, firstNewId: number,
  ): Promise<void> {
    const since = before?.highestCn ?? (0 as FolderInfo["cn"]);
    let changes;
    try {
      changes = await this.#logon.items.changes(ctx, info.folderId, since, { associated });
    } catch (error) {
      // A folder that may be seen and not read tells nothing of its messages; one that is gone comes next time.
      if (error instanceof Fault && (error.code === "accessDenied" || error.code === "notFound")) return;
      throw error;
    }
    for (const messageId of changes.removed) if (messageId < firstNewId) this.offer(deleted(info.folderId, messageId));
    for (const row of changes.changed) {
      if (row.messageId < firstNewId) {
        this.offer(modified(row));
        continue;
      }
      this.offer(created(row));
      if (isDelivered(row)) this.offer(newMail(row));
    }
  }

  offer(event: StoreEvent): void {
    for (const listener of this.#listeners) listener.offer(event);
  }
}

/** A search folder has found what there is. */
export async function tellSearchComplete(logon: LogonObject, folderId: FolderId): Promise<void> {
  const events = await byLogon.get(logon);
  events?.offer({
    type: t.searchComplete, folderIds: [folderId], messageId: null, replacedBy: null,
    data: { notificationFlags: t.searchComplete, folderId: toShortId(folderId) },
  });
}

function isDelivered(row: ItemRow): boolean {
  return !row.isAssociated && (row.flags & (messageFlags.seen | messageFlags.draft)) === 0 &&
    row.savedMs - row.internalMs < deliveryGapMs;
}

function ofMessage(
  type: number, folderId: FolderId, messageId: MessageId, more: Partial<NotificationData>,
): StoreEvent {
  return {
    type, folderIds: [folderId], messageId,
    replacedBy: type === t.objectModified ? `m${messageId}` : null,
    data: {
      notificationFlags: type | f.isMessage, folderId: toShortId(folderId), messageId: toShortId(messageId), ...more,
    },
  };
}

const created = (row: ItemRow): StoreEvent => ofMessage(t.objectCreated, row.folderId, row.messageId, { tags: null });
const modified = (row: ItemRow): StoreEvent => ofMessage(t.objectModified, row.folderId, row.messageId, { tags: null });
const deleted = (folderId: FolderId, messageId: MessageId): StoreEvent =>
  ofMessage(t.objectDeleted, folderId, messageId, {});

function newMail(row: ItemRow): StoreEvent {
  return ofMessage(t.newMail, row.folderId, row.messageId, {
    messageFlags: row.hasAttachments ? 0x10 : 0, unicodeFlag: true, messageClass: row.messageClass,
  });
}

function ofFolder(type: number, info: FolderInfo, more: Partial<NotificationData>): StoreEvent {
  return {
    type, folderIds: info.parentId === null ? [info.folderId] : [info.folderId, info.parentId], messageId: null,
    replacedBy: type === t.objectModified ? `f${info.folderId}` : null,
    data: { notificationFlags: type, folderId: toShortId(info.folderId), ...more },
  };
}

const folderCreated = (info: FolderInfo): StoreEvent =>
  ofFolder(t.objectCreated, info, { parentFolderId: toShortId(info.parentId ?? info.folderId), tags: null });
const folderDeleted = (info: FolderInfo): StoreEvent =>
  ofFolder(t.objectDeleted, info, { parentFolderId: toShortId(info.parentId ?? info.folderId) });

function folderMoved(before: FolderInfo, info: FolderInfo): StoreEvent {
  const event = ofFolder(t.objectMoved, info, {
    parentFolderId: toShortId(info.parentId ?? info.folderId), oldFolderId: toShortId(info.folderId),
    oldParentFolderId: toShortId(before.parentId ?? before.folderId),
  });
  return before.parentId === null ? event : { ...event, folderIds: [...event.folderIds, before.parentId] };
}

/** Counts stand beside, so that a client need not ask for them. [MS-OXCNOTIF] 2.2.1.4.1.2 */
function folderModified(before: FolderInfo, info: FolderInfo): StoreEvent {
  const hasTotal = before.messageCount !== info.messageCount;
  const hasUnread = before.unreadCount !== info.unreadCount;
  return ofFolder(t.objectModified, info, {
    notificationFlags: t.objectModified | f.hasTotalCount | f.hasUnreadCount,
    tags: hasTotal || hasUnread ? countTags.filter((_, index) => (index === 0 ? hasTotal : hasUnread)) : null,
    totalMessageCount: info.messageCount, unreadMessageCount: info.unreadCount,
  });
}
