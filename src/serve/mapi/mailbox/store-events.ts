/**
 * What happened in a store since the last look, as events: folders are compared with what they were, messages are read
 * from the change log of the folders that moved on. One for each logon, however many subscriptions it has.
 * [MS-OXCNOTIF] 2.2.1.1, 3.1.4.1
 */
import type { Ctx } from "#base/ctx.ts";
import type { ChangeNumber, FolderId, MessageId } from "#base/ids.ts";
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { messageFlags } from "#mailbox/api.ts";
import type { FolderInfo } from "#mailbox/api.ts";
import type { FolderChange, FolderTree } from "#mailbox/folder-tree.ts";
import type { LightColumn, LightRow } from "#mailbox/items/light.ts";
import type { PropertyTag } from "#props/types.ts";
import { originOf } from "#serve/mapi/mailbox/copied-folders.ts";
import type { FolderOrigin } from "#serve/mapi/mailbox/copied-folders.ts";
import { toShortId } from "#serve/mapi/mailbox/keys.ts";
import type { LogonObject } from "#serve/mapi/mailbox/objects.ts";
import { SearchCounts } from "#serve/mapi/mailbox/search-counts.ts";
import type { SearchCount, SearchedRow, SearchMoves } from "#serve/mapi/mailbox/search-counts.ts";
import { notificationFlags, notificationTypes } from "#wire/mapi/notification.ts";
import type { NotificationData } from "#wire/mapi/notification.ts";

export interface StoreEvent {
  /** A bit of `notificationTypes`. */
  readonly type: number;
  /** Folders whose subscribers hear of it. */
  readonly folderIds: readonly FolderId[];
  readonly messageId: MessageId | null;
  /** The id it had before. */
  readonly oldMessageId?: MessageId;
  readonly data: NotificationData;
  /** A later event with the same key says the same and more. */
  readonly replacedBy: string | null;
  /** What the same means to those who did not ask for this kind. */
  readonly otherwise?: readonly StoreEvent[];
}

interface Listener {
  offer(event: StoreEvent): void;
  /** The folder it is about; null for the whole store. */
  readonly folderId: FolderId | null;
}

/** What messages have to tell for events. */
const columns: readonly LightColumn[] = [
  "flags", "internalMs", "savedMs", "messageClass", "hasAttachments", "cameFromId", "cameFromFolderId", "cameBy",
];

/** What left a folder, by the ids it had there, until it is known whether it went to another. */
type Removed = Map<MessageId, FolderId>;

const t = notificationTypes;
const f = notificationFlags;
/** Which properties changed is not told. [MS-OXCNOTIF] 2.2.1.4.1.1 TagCount */
const noTags: readonly PropertyTag[] = [];
/** A message that was made long before it came is not new: it was put there. */
const deliveryGapMs = 5000;

const byLogon = new WeakMap<LogonObject, Promise<StoreEvents>>();

export class StoreEvents {
  readonly #logon: LogonObject;
  readonly #listeners = new Set<Listener>();
  /** As they were at the last look, up to this change number. */
  readonly #folders = new Map<FolderId, FolderInfo>();
  #cn = 0 as ChangeNumber;
  #isStale = false;
  /** Greater than the id of every message that was there. */
  #nextId = 0;
  #endWatch: (() => void) | null = null;
  readonly #searchCounts = new Map<FolderId, SearchCount>();
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
    const tree = await this.#logon.mailbox.folderTree(ctx);
    for (const [folderId, info] of tree.folders) this.#folders.set(folderId, info);
    this.#cn = tree.cn;
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
    const firstNewId = this.#nextId;
    this.#nextId = await this.#logon.mailbox.nextObjectId(ctx);
    const tree = await this.#logon.mailbox.folderTree(ctx);
    // Those that changed, not all there are: with many sessions and folders a commit must stay cheap.
    const news = tree.changesSince(this.#cn) ?? this.#compared(tree);
    this.#cn = tree.cn;
    for (const { before, after } of news) {
      if (after === null) this.#folders.delete(before!.folderId);
      else this.#folders.set(after.folderId, after);
    }
    const changes = new ChangesOfLook(firstNewId, this.#folders);
    for (const { before, after } of news) {
      if (after !== null) await this.#lookAt(ctx, before ?? undefined, after, changes);
    }
    for (const event of changes.events()) this.offer(event);
    for (const { before, after } of news) if (after === null) this.offer(folderDeleted(before!));
    for (const { before, after } of news) if (before !== null && after !== null) this.offer(folderModified(after));
    await this.#lookAtSearches(ctx);
  }

  /** Where the tree does not remember: what differs from the last look. */
  #compared(tree: FolderTree): FolderChange[] {
    const news: FolderChange[] = [];
    for (const after of tree.folders.values()) {
      const before = this.#folders.get(after.folderId) ?? null;
      if (before?.highestCn !== after.highestCn || before.cn !== after.cn) news.push({ before, after });
    }
    for (const before of this.#folders.values()) {
      if (!tree.folders.has(before.folderId)) news.push({ before, after: null });
    }
    return news;
  }

  async #lookAt(ctx: Ctx, before: FolderInfo | undefined, info: FolderInfo, changes: ChangesOfLook): Promise<void> {
    if (before === undefined) this.offer(folderMade(info, originOf(this.#logon.mailboxId, info)));
    else if (before.parentId !== info.parentId) this.offer(folderMoved(before, info));
    if (before !== undefined && before.highestCn === info.highestCn) return;
    const since = before?.highestCn ?? (0 as FolderInfo["cn"]);
    for (const associated of [false, true]) {
      try {
        const found = await this.#logon.items.lightChanges(ctx, info.folderId, since, columns,
          { associated, rowsMax: limits.mapiEventsMax });
        // So much happened that one by one nobody could follow: the folder itself is told as changed.
        if (found !== null) changes.add(info.folderId, associated, found);
      } catch (error) {
        // A folder that may be seen and not read tells nothing of its messages; one that is gone comes next time.
        if (error instanceof Fault && (error.code === "accessDenied" || error.code === "notFound")) continue;
        throw error;
      }
    }
  }

  /** Search folders that somebody has counted, or asked to be told of. */
  async #lookAtSearches(ctx: Ctx): Promise<void> {
    const counts = SearchCounts.of(this.#logon);
    const asked = new Set<FolderId>();
    for (const { folderId } of this.#listeners) if (folderId !== null) asked.add(folderId);
    for (const id of new Set([...asked, ...counts.known])) {
      const info = this.#folders.get(id);
      if (info?.isSearchFolder !== true) continue;
      const before = this.#searchCounts.get(info.folderId);
      const { count, moves } = await counts.look(ctx, info.folderId);
      this.#searchCounts.set(info.folderId, count);
      if (asked.has(info.folderId)) for (const event of ofSearch(info.folderId, moves)) this.offer(event);
      const isSame = before?.messageCount === count.messageCount && before.unreadCount === count.unreadCount;
      if (before === undefined || isSame) continue;
      this.offer(folderModified({ ...info, ...count }));
    }
    for (const folderId of this.#searchCounts.keys()) {
      if (this.#folders.has(folderId)) continue;
      this.#searchCounts.delete(folderId);
      counts.forget(folderId);
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

/** What happened to messages in one look, put together: what left one folder and came into another was moved. */
class ChangesOfLook {
  readonly #firstNewId: number;
  readonly #folders: ReadonlyMap<FolderId, FolderInfo>;
  readonly #removed: Removed = new Map();
  readonly #changed: { readonly row: LightRow; readonly associated: boolean }[] = [];

  constructor(firstNewId: number, folders: ReadonlyMap<FolderId, FolderInfo>) {
    this.#firstNewId = firstNewId;
    this.#folders = folders;
  }

  add(
    folderId: FolderId, associated: boolean,
    { changed, removed }: { readonly changed: readonly LightRow[]; readonly removed: readonly MessageId[] },
  ): void {
    for (const messageId of removed) if (messageId < this.#firstNewId) this.#removed.set(messageId, folderId);
    for (const row of changed) this.#changed.push({ row, associated });
  }

  /** Where removed messages wait to be forgotten: to clients they are gone. */
  #isBin(folderId: FolderId): boolean {
    return this.#folders.get(folderId)?.role?.startsWith("recoverable") === true;
  }

  *events(): Iterable<StoreEvent> {
    for (const { row, associated } of this.#changed) {
      if (row.messageId < this.#firstNewId) yield modified(row);
      else yield* this.#arrived(row, associated);
    }
    for (const [messageId, folderId] of this.#removed) yield deleted(folderId, messageId);
  }

  *#arrived(row: LightRow, associated: boolean): Iterable<StoreEvent> {
    const { cameFromId: oldId, cameFromFolderId: oldFolderId, cameBy } = row;
    const isKnown = oldId !== null && oldFolderId !== null && !this.#isBin(row.folderId) && !this.#isBin(oldFolderId) &&
      this.#folders.has(oldFolderId);
    const isMoved = isKnown && cameBy === 1 && this.#removed.has(oldId);
    if (isMoved) {
      this.#removed.delete(oldId);
      yield moved(t.objectMoved, row, oldFolderId, oldId, [created(row), deleted(oldFolderId, oldId)]);
    } else if (isKnown && cameBy === 2) {
      yield moved(t.objectCopied, row, oldFolderId, oldId, [created(row)]);
    } else {
      yield created(row);
    }
    if (cameBy === null && isDelivered(row, associated)) yield newMail(row);
  }
}

function isDelivered(row: LightRow, associated: boolean): boolean {
  return !associated && (row.flags & (messageFlags.seen | messageFlags.draft)) === 0 &&
    row.savedMs - row.internalMs < deliveryGapMs;
}

function moved(
  type: number, row: LightRow, oldFolderId: FolderId, oldId: MessageId, otherwise: readonly StoreEvent[],
): StoreEvent {
  const event = ofMessage(type, row.folderId, row.messageId,
    { oldFolderId: toShortId(oldFolderId), oldMessageId: toShortId(oldId) });
  // A copy is news to the folder it came into alone.
  const folderIds = type === t.objectMoved ? [row.folderId, oldFolderId] : [row.folderId];
  return { ...event, folderIds, oldMessageId: oldId, otherwise };
}

/** What came into a search folder, went, or changed there. [MS-OXCNOTIF] 2.2.1.4.1.2 */
function* ofSearch(folderId: FolderId, moves: SearchMoves): Iterable<StoreEvent> {
  const event = (type: number, row: SearchedRow, more: Partial<NotificationData>): StoreEvent => ({
    type, folderIds: [folderId], messageId: null, replacedBy: null,
    data: {
      notificationFlags: type | f.isMessage | f.isSearchFolder, folderId: toShortId(row.folderId ?? folderId),
      messageId: toShortId(row.key), ...more,
    },
  });
  const parent = { parentFolderId: toShortId(folderId) };
  for (const row of moves.added) yield event(t.objectCreated, row, { ...parent, tags: null });
  for (const row of moves.changed) yield event(t.objectModified, row, { tags: noTags });
  for (const key of moves.removed) yield event(t.objectDeleted, { key }, parent);
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

const created = (row: LightRow): StoreEvent => ofMessage(t.objectCreated, row.folderId, row.messageId, { tags: null });
const modified = (row: LightRow): StoreEvent =>
  ofMessage(t.objectModified, row.folderId, row.messageId, { tags: noTags });
const deleted = (folderId: FolderId, messageId: MessageId): StoreEvent =>
  ofMessage(t.objectDeleted, folderId, messageId, {});

function newMail(row: LightRow): StoreEvent {
  return ofMessage(t.newMail, row.folderId, row.messageId, {
    messageFlags: row.hasAttachments === 1 ? 0x10 : 0, unicodeFlag: true, messageClass: row.messageClass,
  });
}

function ofFolder(type: number, info: FolderInfo, more: Partial<NotificationData>): StoreEvent {
  return {
    type, folderIds: info.parentId === null ? [info.folderId] : [info.folderId, info.parentId], messageId: null,
    replacedBy: type === t.objectModified ? `f${info.folderId}` : null,
    data: { notificationFlags: type, folderId: toShortId(info.folderId), ...more },
  };
}

/** As a copy for those who asked for copies, else as made. */
function folderMade(info: FolderInfo, origin: FolderOrigin | undefined): StoreEvent {
  const parent = { parentFolderId: toShortId(info.parentId ?? info.folderId) };
  const created = ofFolder(t.objectCreated, info, { ...parent, tags: null });
  if (origin === undefined) return created;
  return {
    ...ofFolder(t.objectCopied, info, {
      ...parent, oldFolderId: toShortId(origin.folderId),
      oldParentFolderId: toShortId(origin.parentId ?? origin.folderId),
    }),
    otherwise: [created],
  };
}
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
function folderModified(info: FolderInfo): StoreEvent {
  return ofFolder(t.objectModified, info, {
    notificationFlags: t.objectModified | f.hasTotalCount | f.hasUnreadCount,
    tags: noTags,
    totalMessageCount: info.messageCount, unreadMessageCount: info.unreadCount,
  });
}
