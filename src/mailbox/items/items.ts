/** The items of one opened mailbox: permission first, then the store. */
import type { Ctx } from "#base/ctx.ts";
import { throwIfCancelled, yieldToOthers } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { ChangeNumber, FolderId, MailboxId, MessageId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import { fromFileTime } from "#convert/mime/times.ts";
import { withExceptionDate } from "#convert/ical/global-object-id.ts";
import { getProperty } from "#convert/item.ts";
import type { ItemObject } from "#convert/item.ts";
import type { FolderOperation } from "#mailbox/access.ts";
import type { FlagChange } from "#mailbox/api.ts";
import { flagChangesOf } from "#mailbox/items/computed.ts";
import { ItemEncoder } from "#mailbox/items/encode.ts";
import { fillMailbox } from "#mailbox/items/fill.ts";
import { readLightChanges, readLightRange, readLightRows, readLightSlice } from "#mailbox/items/light.ts";
import type { LightColumn, LightQuery, LightRecord, LightRow } from "#mailbox/items/light.ts";
import { listProperties } from "#mailbox/items/lists.ts";
import { loadItem } from "#mailbox/items/load.ts";
import type { ItemStore } from "#mailbox/items/load.ts";
import { categoriesOf } from "#mailbox/items/mime-head.ts";
import type { PropertyNameMap } from "#mailbox/items/names.ts";
import { findTextCandidates } from "#mailbox/items/text-candidates.ts";
import type { TextCandidates, TextNeedle } from "#mailbox/items/text-candidates.ts";
import { ItemUpdate } from "#mailbox/items/update.ts";
import { neededBy, privateSensitivity } from "#mailbox/permissions/limited-view.ts";
import { lacking } from "#mailbox/permissions/open-access.ts";
import type { Access } from "#mailbox/permissions/open-access.ts";
import type {
  CreateItemRequest, FolderImport, ImportedChange, ItemChanges, ItemRow, Items, ItemSaved, NewObject, PropertyNames,
  StoredItem, TimedItem, UpdateItemRequest,
} from "#mailbox/items-api.ts";
import type { Reader } from "#mailbox/readers/reader.ts";
import { applyFlagChange, setFlags } from "#mailbox/tx/flags.ts";
import type { FolderRole } from "#mailbox/roles.ts";
import { readFolder, readFolders } from "#mailbox/tx/folders.ts";
import type { FolderRow } from "#mailbox/tx/folders.ts";
import {
  idsAtOnce, itemColumns, itemTables, readItemRecords, timeColumns, toItemRow, toTimedItem,
} from "#mailbox/tx/item-rows.ts";
import type { ItemRecord, TimeRecord } from "#mailbox/tx/item-rows.ts";
import { importFolder, importItem, importMove, importUpdate, reserveIds } from "#mailbox/tx/imports.ts";
import { createItem, updateItem } from "#mailbox/tx/items.ts";
import { giveUpIds, idState } from "#mailbox/tx/reserved-ids.ts";
import type { IdRange, IdState } from "#mailbox/tx/reserved-ids.ts";
import { uidMax } from "#mailbox/tx/rows.ts";
import type { ReaderId } from "#mailbox/tx/readers.ts";
import { copyItems, moveItems, removeItems } from "#mailbox/tx/transfer-items.ts";
import { properties } from "#props/registry.ts";
import type { NamedId } from "#props/registry.ts";
import type { PropertyBag } from "#props/types.ts";
import type { Store } from "#store/api.ts";
import { all } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

const p = properties;

export class OpenItems implements Items {
  readonly #from: ItemStore;
  readonly #access: Access;
  readonly #quotaBytes: number | null;
  /** See `OpenMailbox`. */
  readonly #reader: Reader | null;
  readonly #readerId: ReaderId;
  #isFilled = false;

  constructor(
    store: Store, mailboxId: MailboxId, names: PropertyNameMap, access: Access, quotaBytes: number | null,
    reader: Reader | null = null, readerId: ReaderId = null,
  ) {
    this.#reader = reader;
    this.#readerId = readerId;
    this.#from = { store, mailboxId, names };
    this.#access = access;
    this.#quotaBytes = quotaBytes;
  }

  propertyIds(ctx: Ctx, names: readonly NamedId[], create: boolean): Promise<number[]> {
    return this.#from.names.idsOf(ctx, names, create);
  }

  propertyNames(ctx: Ctx, ids: readonly number[]): Promise<(NamedId | null)[]> {
    return this.#from.names.namesOf(ctx, ids);
  }

  async allPropertyNames(ctx: Ctx): Promise<ReadonlyMap<number, NamedId>> {
    await this.#from.names.refresh(ctx);
    return new Map(this.#from.names.all);
  }

  async toTags(ctx: Ctx, object: NewObject, create: boolean): Promise<PropertyBag> {
    const names = [...object.named?.values() ?? []].map(({ name }) => name);
    await this.#from.names.idsOf(ctx, names, create);
    return this.#from.names.toTags(object);
  }

  async row(ctx: Ctx, messageId: MessageId): Promise<ItemRow> {
    return await this.#require(ctx, messageId, "readItem");
  }

  async *rows(ctx: Ctx, folderId: FolderId, { associated = false } = {}): AsyncGenerator<ItemRow[]> {
    for await (const records of this.#scan(ctx, folderId, associated)) yield records.map(toItemRow);
  }

  async *light(
    ctx: Ctx, folderId: FolderId, columns: readonly LightColumn[], { associated = false } = {},
  ): AsyncGenerator<LightRow[]> {
    await this.#access.check(ctx, folderId, "listItems");
    await this.#fill(ctx);
    const { store, mailboxId } = this.#from;
    const query = this.#lightQuery(columns);
    const at = { folderId, associated: associated ? 1 : 0, afterUid: 0, rows: limits.sliceRows };
    for (;;) {
      const records = await store.read(ctx, mailboxId, () => this.#lightMarked(readLightSlice(mailboxId, query, at)));
      if (records.length > 0) yield this.#shownOf(query, records);
      if (records.length < limits.sliceRows) return;
      at.afterUid = records.at(-1)!.uid;
      await yieldToOthers();
    }
  }

  async lightOf(ctx: Ctx, messageIds: readonly MessageId[], columns: readonly LightColumn[]): Promise<LightRow[]> {
    await this.#access.current(ctx);
    const { store, mailboxId } = this.#from;
    const query = this.#lightQuery(columns);
    const records = await store.read(ctx, mailboxId,
      () => this.#lightMarked(readLightRows(mailboxId, query, messageIds)));
    return this.#shownOf(query, records).filter((row) => this.#access.allows(row.folderId, "listItems"));
  }

  textCandidates(ctx: Ctx, needle: TextNeedle): Promise<TextCandidates | null> {
    return findTextCandidates(ctx, this.#from, needle);
  }

  async lightChanges(
    ctx: Ctx, folderId: FolderId, since: ChangeNumber, columns: readonly LightColumn[],
    { associated = false, rowsMax }: { associated?: boolean; rowsMax: number },
  ): Promise<{ cn: ChangeNumber; changed: LightRow[]; removed: MessageId[] } | null> {
    await this.#access.check(ctx, folderId, "listItems");
    const { store, mailboxId } = this.#from;
    const query = this.#lightQuery(columns);
    const kind = associated ? 3 : 1;
    // One snapshot: a row that comes between two reads would be told with a state that does not know it.
    const marking = associated ? null : this.#reader;
    const found = await store.read(ctx, mailboxId, function* () {
      const folder = yield* readFolder(mailboxId, folderId);
      if (folder.highest_cn <= since) return { cn: folder.highest_cn, marks: [], records: [] as LightRecord[] };
      const marks = yield* all<{ object_id: MessageId }>(
        `SELECT object_id FROM tombstone WHERE mailbox_id = $1 AND folder_id = $2 AND kind = $3 AND cn > $4
         ORDER BY object_id LIMIT $5`, mailboxId, folderId, kind, since, rowsMax + 1);
      const records = yield* readLightChanges(mailboxId, query,
        { folderId, associated: associated ? 1 : 0, afterSeq: since, afterUid: uidMax, rows: rowsMax + 1 });
      const marked = { reader: marking, folderId, since, rowsMax, records };
      yield* addLightMarked(mailboxId, query, marked);
      return { cn: folder.highest_cn, marks, records };
    });
    if (found.records.length > rowsMax || found.marks.length > rowsMax) return null;
    const changed = this.#shownOf(query, found.records);
    const removed = found.marks.map((mark) => mark.object_id);
    // What became private is gone for those who may not see it.
    const seen = new Set(changed.map((row) => row.messageId));
    for (const { messageId } of found.records) if (!seen.has(messageId)) removed.push(messageId);
    return { cn: found.cn as ChangeNumber, changed, removed };
  }

  #lightQuery(columns: readonly LightColumn[]): LightQuery {
    return { columns, withMaker: this.#access.hidesPrivate };
  }

  #shownOf(query: LightQuery, records: LightRecord[]): LightRecord[] {
    if (!query.withMaker) return records;
    return records.filter(({ sensitivity, creatorId }) => sensitivity !== privateSensitivity ||
      (creatorId !== null && creatorId === this.#access.makerId));
  }

  async *table(
    ctx: Ctx, folderId: FolderId, wanted: PropertyNames, { associated = false } = {},
  ): AsyncGenerator<{ row: ItemRow; object: ItemObject }[]> {
    for await (const records of this.#scan(ctx, folderId, associated)) {
      yield await listProperties(ctx, this.#from, records, wanted);
    }
  }

  async *#scan(ctx: Ctx, folderId: FolderId, associated: boolean): AsyncGenerator<ItemRecord[]> {
    await this.#access.check(ctx, folderId, "listItems");
    await this.#fill(ctx);
    const { store, mailboxId } = this.#from;
    for (let after = 0; after < uidMax;) {
      const records = await store.read(ctx, mailboxId, () => this.#marked(all<ItemRecord>(
        `SELECT ${itemColumns} FROM ${itemTables}
         WHERE m.mailbox_id = $1 AND m.folder_id = $2 AND m.associated = $3 AND m.uid > $4 ORDER BY m.uid LIMIT $5`,
        mailboxId, folderId, associated ? 1 : 0, after, limits.sliceRows)));
      if (records.length > 0) yield records.filter((record) => !this.#isHidden(record));
      if (records.length < limits.sliceRows) return;
      after = records.at(-1)!.uid;
      await yieldToOthers();
    }
  }

  async properties(
    ctx: Ctx, messageIds: readonly MessageId[], wanted: PropertyNames,
  ): Promise<{ row: ItemRow; object: ItemObject }[]> {
    await this.#fill(ctx);
    return await listProperties(ctx, this.#from, await this.#records(ctx, messageIds, "readItem"), wanted);
  }

  async open(ctx: Ctx, messageId: MessageId): Promise<StoredItem> {
    return await loadItem(ctx, this.#from, await this.#require(ctx, messageId, "readItem"));
  }

  async changes(
    ctx: Ctx, folderId: FolderId, since: ChangeNumber, { associated = false } = {},
  ): Promise<ItemChanges> {
    await this.#access.check(ctx, folderId, "listItems");
    const { store, mailboxId } = this.#from;
    const { cn, removed } = await store.read(ctx, mailboxId, function* () {
      const folder = yield* readFolder(mailboxId, folderId);
      const marks = yield* all<{ object_id: MessageId }>(
        `SELECT object_id FROM tombstone WHERE mailbox_id = $1 AND folder_id = $2 AND kind = $3 AND cn > $4
         ORDER BY object_id`, mailboxId, folderId, associated ? 3 : 1, since);
      return { cn: folder.highest_cn as ChangeNumber, removed: marks.map((mark) => mark.object_id) };
    });
    const changed: ItemRow[] = [];
    let [afterSeq, afterUid]: [number, number] = [since, uidMax];
    for (let isMore = cn > since; isMore;) {
      const { records, end } = await store.read(ctx, mailboxId, () => this.#markedTo(all<ItemRecord>(
        `SELECT ${itemColumns} FROM ${itemTables}
         WHERE m.mailbox_id = $1 AND m.folder_id = $2 AND m.associated = $3
           AND (m.mod_seq > $4 OR (m.mod_seq = $4 AND m.uid > $5))
         ORDER BY m.mod_seq, m.uid LIMIT $6`,
        mailboxId, folderId, associated ? 1 : 0, afterSeq, afterUid, limits.sliceRows)));
      for (const record of records) {
        // What became private is gone for those who may not see it.
        if (this.#isHidden(record)) removed.push(record.message_id as MessageId);
        else changed.push(toItemRow(record));
      }
      isMore = records.length === limits.sliceRows;
      if (isMore) [afterSeq, afterUid] = end;
      await yieldToOthers();
    }
    if (!associated && cn > since) await this.#addMarked(ctx, folderId, since, changed);
    return { cn, changed, removed };
  }

  async create(ctx: Ctx, request: CreateItemRequest): Promise<ItemSaved> {
    const associated = request.associated ?? false;
    await this.#access.check(ctx, request.folderId, associated ? "changeAssociated" : "createItem");
    const encoder = new ItemEncoder(ctx, this.#from.names, this.#from.store.blobs);
    await encoder.takeNames([request.item]);
    const object = encoder.object(request.item);
    const parts = await encoder.item(request.item, associated ? "associated" : "message");
    await this.#from.store.requireRoom(parts.bag.length);
    const delivered = getProperty(object, p.PidTagMessageDeliveryTime);
    const item = {
      folderId: request.folderId, associated, parts, quotaBytes: this.#quotaBytes, creatorId: this.#access.makerId,
      readerId: this.#readerId,
      flags: flagsOf(object, request.flags ?? 0), keywords: categoriesOf(object).map((word) => word.toWellFormed()),
      internalMs: request.internalMs ?? (delivered === undefined ? null : fromFileTime(delivered)),
    };
    const { store, mailboxId } = this.#from;
    const { imported } = request;
    const { messageId, cn } = imported?.messageId === undefined ? await store.transact(ctx, mailboxId, createItem, item)
      : await store.transact(ctx, mailboxId, importItem, { ...item, version: imported, messageId: imported.messageId });
    return {
      messageId: messageId as MessageId, cn: cn as ChangeNumber,
      addedAttachments: parts.attachments.map((_, index) => index),
    };
  }

  async update(ctx: Ctx, request: UpdateItemRequest): Promise<ItemSaved> {
    const update = new ItemUpdate(ctx, this.#from, request);
    for (let tries = 1; ; tries++) {
      const row = await this.#require(ctx, request.messageId, "changeItem");
      if (request.expectedCn !== undefined && row.cn !== request.expectedCn) throw conflict();
      try {
        const work = await update.workOut(row, this.#quotaBytes);
        const args = { ...work, readerId: this.#readerId };
        const { store, mailboxId } = this.#from;
        const { cn, added } = request.imported === undefined ? await store.transact(ctx, mailboxId, updateItem, args)
          : await store.transact(ctx, mailboxId, importUpdate, { ...args, version: request.imported });
        return { messageId: request.messageId, cn: cn as ChangeNumber, addedAttachments: added };
      } catch (error) {
        const isOvertaken = error instanceof Fault && error.code === "conflict" && request.expectedCn === undefined;
        if (!isOvertaken || tries >= limits.itemUpdateTriesMax) throw error;
        throwIfCancelled(ctx);
      }
    }
  }

  async setFlags(ctx: Ctx, messageIds: readonly MessageId[], change: FlagChange): Promise<ItemRow[]> {
    const records = await this.#records(ctx, messageIds, "changeReadState");
    for (const record of records) this.#requireMarks(record, change);
    const folders = new Map<number, ItemRecord[]>();
    for (const record of records) {
      if (record.associated === 1) continue;
      const list = folders.get(record.folder_id) ?? [];
      folders.set(record.folder_id, [...list, record]);
    }
    for (const [folderId, list] of folders) {
      const uids = list.map(({ uid }) => ({ first: uid, last: uid })).sort((left, one) => left.first - one.first);
      await this.#from.store.transact(ctx, this.#from.mailboxId, setFlags,
        { folderId, uids, change, readerId: this.#readerId });
    }
    return (await this.#records(ctx, messageIds, "changeReadState")).map(toItemRow);
  }

  async reserveIds(ctx: Ctx, count: number): Promise<number> {
    await this.#access.current(ctx);
    return await this.#from.store.transact(ctx, this.#from.mailboxId, reserveIds, { count });
  }

  async idState(ctx: Ctx, messageId: MessageId): Promise<IdState> {
    await this.#access.current(ctx);
    const { store, mailboxId } = this.#from;
    return await store.read(ctx, mailboxId, () => idState(mailboxId, messageId));
  }

  async giveUpIds(ctx: Ctx, folderId: FolderId, ranges: readonly IdRange[]): Promise<void> {
    await this.#access.check(ctx, folderId, "createItem");
    if (ranges.length > 0) await this.#from.store.transact(ctx, this.#from.mailboxId, giveUpIds, { folderId, ranges });
  }

  async importFolder(ctx: Ctx, request: FolderImport): Promise<ChangeNumber> {
    const { store, mailboxId } = this.#from;
    const rows = await store.read(ctx, mailboxId, () => readFolders(mailboxId));
    const known = rows.find((row) => row.folder_id === request.folderId);
    if (known !== undefined) await this.#access.check(ctx, request.folderId, "changeFolder");
    if (known?.parent_id !== request.parentId) await this.#access.check(ctx, request.parentId, "createFolder");
    const { change, containerClass = null, hidden = null, ...folder } = request;
    const row = await store.transact(ctx, mailboxId, importFolder, {
      ...folder, containerClass, hidden, version: change, makerId: this.#access.folderMakerId,
      isPublic: this.#reader !== null,
    });
    this.#access.outdate();
    return row.cn as ChangeNumber;
  }

  async importMove(
    ctx: Ctx, messageId: MessageId, targetId: FolderId, newId: MessageId, change: ImportedChange | null,
  ): Promise<ItemRow> {
    await this.#access.check(ctx, targetId, "createItem");
    const seen = await this.#records(ctx, [messageId], "deleteItem");
    this.#requireTarget(seen, targetId);
    await this.#from.store.transact(ctx, this.#from.mailboxId, importMove, {
      messageId: seen[0]?.message_id ?? 0, targetId, quotaBytes: null, readerId: this.#readerId,
      newId, version: change,
    });
    return await this.#require(ctx, newId, "readItem");
  }

  async copy(
    ctx: Ctx, messageIds: readonly MessageId[], targetId: FolderId,
  ): Promise<(MessageId | null)[]> {
    await this.#access.check(ctx, targetId, "createItem");
    const seen = await this.#records(ctx, messageIds, "readItem");
    this.#requireTarget(seen, targetId);
    const ids = await this.#from.store.transact(ctx, this.#from.mailboxId, copyItems,
      {
        messageIds: seenOf(messageIds, seen), targetId, quotaBytes: this.#quotaBytes,
        creatorId: this.#access.makerId, readerId: this.#readerId,
      });
    return ids.map(orNull);
  }

  async move(
    ctx: Ctx, messageIds: readonly MessageId[], targetId: FolderId,
  ): Promise<(MessageId | null)[]> {
    await this.#access.check(ctx, targetId, "createItem");
    const seen = await this.#records(ctx, messageIds, "deleteItem");
    this.#requireTarget(seen, targetId);
    const ids = await this.#from.store.transact(ctx, this.#from.mailboxId, moveItems,
      { messageIds: seenOf(messageIds, seen), targetId, quotaBytes: null, readerId: this.#readerId });
    return ids.map(orNull);
  }

  async allowed(
    ctx: Ctx, messageIds: readonly MessageId[], operation: "readItem" | "deleteItem",
  ): Promise<MessageId[]> {
    return (await this.#records(ctx, messageIds, operation, false)).map((record) => record.message_id as MessageId);
  }

  async remove(ctx: Ctx, messageIds: readonly MessageId[], mode: "soft" | "hard"): Promise<number> {
    const seen = await this.#records(ctx, messageIds, "deleteItem");
    const own = seen.map((record) => record.message_id);
    return await this.#from.store.transact(ctx, this.#from.mailboxId, removeItems, { messageIds: own, mode });
  }

  async conversation(ctx: Ctx, conversationKey: string): Promise<ItemRow[]> {
    if (!/^[0-9a-f]{32}$/.test(conversationKey)) return [];
    await this.#access.current(ctx);
    await this.#fill(ctx);
    const { store, mailboxId } = this.#from;
    const records = await store.read(ctx, mailboxId, () => this.#marked(all<ItemRecord>(
      `SELECT ${itemColumns} FROM ${itemTables}
       WHERE d.mailbox_id = $1 AND d.conversation_key = $2 AND m.associated = 0 ORDER BY m.internal_ms, m.item_id`,
      mailboxId, Uint8Array.from(Buffer.from(conversationKey, "hex")))));
    return records.filter((record) => this.#mayRead(record)).map(toItemRow);
  }

  async calendarItems(ctx: Ctx, folderId: FolderId, fromMs: number, toMs: number): Promise<TimedItem[]> {
    await this.#access.check(ctx, folderId, "listItems");
    return await this.#timed(ctx, `m.folder_id = $2 AND m.associated = 0 AND t.start_ms < $4
      AND (t.end_ms > $3 OR (t.end_ms IS NULL AND (t.recurring = 1 OR t.start_ms >= $3))
        OR (t.end_ms = t.start_ms AND t.start_ms >= $3)) ORDER BY t.start_ms, m.item_id`, folderId, fromMs, toMs);
  }

  async itemsByGlobalObjectId(ctx: Ctx, globalObjectId: Uint8Array, folderId?: FolderId): Promise<TimedItem[]> {
    const clean = Uint8Array.from(withExceptionDate(globalObjectId));
    const found = await this.#timed(ctx, "t.global_object_id = $2 AND m.associated = 0 ORDER BY m.item_id", clean);
    return folderId === undefined ? found : found.filter(({ row }) => row.folderId === folderId);
  }

  async dueReminders(ctx: Ctx, untilMs: number): Promise<TimedItem[]> {
    const found = await this.#timed(ctx, "t.reminder_ms < $2 AND m.associated = 0 ORDER BY t.reminder_ms, m.item_id",
      untilMs);
    if (found.length === 0) return found;
    const { store, mailboxId } = this.#from;
    const silent = silentFolders(await store.read(ctx, mailboxId, () => readFolders(mailboxId)));
    return found.filter(({ row }) => !silent.has(row.folderId));
  }

  async #timed(ctx: Ctx, condition: string, ...values: (number | Uint8Array)[]): Promise<TimedItem[]> {
    await this.#access.current(ctx);
    const { store, mailboxId } = this.#from;
    const records = await store.read(ctx, mailboxId, () => this.#marked(all<TimeRecord>(
      `SELECT ${itemColumns}, ${timeColumns} FROM item_time t
       JOIN message m ON m.mailbox_id = t.mailbox_id AND m.item_id = t.item_id
       JOIN message_detail d ON d.mailbox_id = t.mailbox_id AND d.item_id = t.item_id
       WHERE t.mailbox_id = $1 AND ${condition}`, mailboxId, ...values)));
    return records.filter((record) => this.#mayRead(record)).map(toTimedItem);
  }

  /** Rows with the read marks of whoever looks, where they are not the messages' own; within the same read. */
  *#marked<R extends ItemRecord>(rows: Work<R[]>): Work<R[]> {
    const found = yield* rows;
    if (this.#reader !== null) yield* this.#reader.markItems(found);
    return found;
  }

  /** {@link #marked} for rows in the order of their own changes, with the place where they end. */
  *#markedTo(rows: Work<ItemRecord[]>): Work<{ records: ItemRecord[]; end: [number, number] }> {
    const records = yield* rows;
    const end: [number, number] = [records.at(-1)?.mod_seq ?? 0, records.at(-1)?.uid ?? 0];
    if (this.#reader !== null) yield* this.#reader.markItems(records);
    return { records, end };
  }

  *#lightMarked(rows: Work<LightRecord[]>): Work<LightRecord[]> {
    const found = yield* rows;
    if (this.#reader !== null) yield* this.#reader.markLight(found);
    return found;
  }

  /** Items of which nothing changed but what this reader has read. */
  async #addMarked(ctx: Ctx, folderId: FolderId, since: ChangeNumber, changed: ItemRow[]): Promise<void> {
    const reader = this.#reader;
    if (reader === null) return;
    const { store, mailboxId } = this.#from;
    const told = new Set(changed.map((row) => row.messageId));
    for (const range of await store.read(ctx, mailboxId, () => reader.changedSince(folderId, since))) {
      for (let first = range.first; first <= range.last;) {
        const records = await store.read(ctx, mailboxId, () => this.#marked(all<ItemRecord>(
          `SELECT ${itemColumns} FROM ${itemTables}
           WHERE m.mailbox_id = $1 AND m.folder_id = $2 AND m.associated = 0 AND m.uid BETWEEN $3 AND $4
           ORDER BY m.uid LIMIT $5`, mailboxId, folderId, first, range.last, limits.sliceRows)));
        for (const record of records) {
          if (!this.#isHidden(record) && !told.has(record.message_id as MessageId)) changed.push(toItemRow(record));
        }
        if (records.length < limits.sliceRows) break;
        first = records.at(-1)!.uid + 1;
        await yieldToOthers();
      }
    }
  }

  #mayRead(record: ItemRecord): boolean {
    return this.#access.allows(record.folder_id, "listItems") && !this.#isHidden(record);
  }

  /** Private, and not for this caller. */
  #isHidden(record: ItemRecord): boolean {
    return record.sensitivity === privateSensitivity && this.#access.hidesPrivate && !this.#isOwn(record);
  }

  #isOwn(record: ItemRecord): boolean {
    return record.creator_id !== null && record.creator_id === this.#access.makerId;
  }

  /** Settings among what comes take more than messages do. */
  #requireTarget(records: readonly ItemRecord[], targetId: FolderId): void {
    if (records.some((record) => record.associated === 1)) this.#access.require(targetId, "changeAssociated");
  }

  #requireMarks(record: ItemRecord, change: FlagChange): void {
    const reach = this.#access.reach(record.folder_id);
    if (reach === null) return;
    const { edits, deletes } = neededBy(record, change);
    const may = (verdict: string): boolean => verdict === "yes" || (verdict === "own" && this.#isOwn(record));
    if ((edits && !may(reach.change)) || (deletes && !may(reach.delete))) throw lacking();
  }

  /** The row of a message the caller may do this with. */
  async #require(ctx: Ctx, messageId: MessageId, operation: FolderOperation): Promise<ItemRow> {
    const [record] = await this.#records(ctx, [messageId], operation);
    if (record === undefined) throw new Fault("notFound", "This item does not exist any more.");
    return toItemRow(record);
  }

  /** Rows in the order of the ids. Fault when the right is lacking in the folder of one of them. */
  async #records(
    ctx: Ctx, messageIds: readonly MessageId[], operation: FolderOperation, isStrict = true,
  ): Promise<ItemRecord[]> {
    await this.#access.current(ctx);
    const { store, mailboxId } = this.#from;
    const found = new Map<number, ItemRecord>();
    for (let at = 0; at < messageIds.length; at += idsAtOnce) {
      const records = await store.read(ctx, mailboxId,
        () => this.#marked(readItemRecords(mailboxId, messageIds.slice(at, at + idsAtOnce))));
      for (const record of records) {
        // What may not be seen is not there.
        const isSetting = record.associated === 1 && (operation === "changeItem" || operation === "deleteItem");
        const verdict = this.#access.verdict(record.folder_id, isSetting ? "changeAssociated" : operation);
        if (verdict === "hidden" || this.#isHidden(record)) continue;
        if (verdict === "yes" || (verdict === "own" && this.#isOwn(record))) {
          found.set(record.message_id, record);
          continue;
        }
        if (isStrict && this.#access.allows(record.folder_id, "seeFolder")) throw lacking();
      }
    }
    return messageIds.flatMap((id) => found.get(id) ?? []);
  }

  /** Before the first look at columns. */
  async #fill(ctx: Ctx): Promise<void> {
    if (this.#isFilled) return;
    await fillMailbox(ctx, this.#from.store, this.#from.mailboxId);
    this.#isFilled = true;
  }
}

/** Rows of which nothing changed but what the reader has read; one more than `rowsMax` says that there are too many. */
function* addLightMarked(
  mailboxId: MailboxId, query: LightQuery,
  at: { reader: Reader | null; folderId: FolderId; since: ChangeNumber; rowsMax: number; records: LightRecord[] },
): Work<void> {
  const { reader, folderId, since, rowsMax, records } = at;
  if (reader === null) return;
  const told = new Set(records.map((record) => record.uid));
  for (const { first, last } of yield* reader.changedSince(folderId, since)) {
    const rows = rowsMax + 1 - records.length;
    if (rows <= 0) return;
    const more = yield* readLightRange(mailboxId, query, { folderId, first, last, rows: rows + told.size });
    for (const record of more) if (!told.has(record.uid)) records.push(record);
  }
  yield* reader.markLight(records);
}

/** Folders whose items remind nobody, nor what is below them: the Reminders folder of [MS-OXOSFLD]. */
const silentRoles: ReadonlySet<string> = new Set<FolderRole>([
  "deletedItems", "junkEmail", "drafts", "outbox", "conflicts", "localFailures", "serverFailures", "syncIssues",
  "recoverableItems",
]);

function silentFolders(rows: readonly FolderRow[]): Set<number> {
  const byId = new Map(rows.map((row) => [row.folder_id, row]));
  const isSilent = (row: FolderRow | undefined, depth = 0): boolean => row !== undefined && depth < rows.length &&
    ((row.role !== null && silentRoles.has(row.role)) || isSilent(byId.get(row.parent_id ?? 0), depth + 1));
  return new Set(rows.filter((row) => isSilent(row)).map((row) => row.folder_id));
}

function conflict(): Fault {
  return new Fault("conflict", "Somebody else changed this item meanwhile.");
}

/** Ids in their places, with 0 for those that are not there for the caller. */
function seenOf(messageIds: readonly MessageId[], seen: readonly ItemRecord[]): number[] {
  const found = new Set(seen.map((record) => record.message_id));
  return messageIds.map((id) => (found.has(id) ? id : 0));
}

function orNull(id: number): MessageId | null {
  return id === 0 ? null : id as MessageId;
}

/** The marks of a new item. */
function flagsOf(object: ItemObject, flags: number): number {
  let marks = { flags, keywords: [] as readonly string[] };
  for (const change of flagChangesOf(object, () => false)) marks = applyFlagChange(marks.flags, marks.keywords, change);
  return marks.flags;
}

