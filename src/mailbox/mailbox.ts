/** Opening mailboxes, and one opened mailbox: permission first, then the store. */
import { yieldToOthers } from "#base/ctx.ts";
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { ChangeNumber, ContentId, FolderId, MailboxId, MessageId, Uid } from "#base/ids.ts";
import type { Directory } from "#directory/api.ts";
import { Access } from "#mailbox/access.ts";
import type { StoreRight } from "#mailbox/access.ts";
import { messageFlags } from "#mailbox/api.ts";
import type {
  AppendedMessage, AppendResult, CopyResult, FlagChange, FlagColumns, FlagResult, FolderChanges, FolderInfo, Mailbox,
  Mailboxes, MessageContent, MessageHeader, MessageRow, MessageStructure, MessageSummary, Principal, UidSet, Upload,
} from "#mailbox/api.ts";
import { decodeMimeIndex } from "#format/mime/index-text.ts";
import { openContent } from "#mailbox/content.ts";
import { OpenItems } from "#mailbox/items/items.ts";
import { guidText, PropertyNameMap } from "#mailbox/items/names.ts";
import { withBytes } from "#mailbox/items/render.ts";
import type { Renderable } from "#mailbox/items/render.ts";
import type { Items } from "#mailbox/items-api.ts";
import {
  headerColumns, headerOf, readUids, scanFlags, scanFolder, readChanges, summaryColumns, toSummary, toStructure,
} from "#mailbox/reads.ts";
import type { HeaderRecord, StructureRecord, SummaryRecord } from "#mailbox/reads.ts";
import type { FolderRole } from "#mailbox/roles.ts";
import { setFlags } from "#mailbox/tx/flags.ts";
import {
  copyFolder, createFolder, deleteFolder, moveFolder, readFolder, readFolderByRole, readFolders, setPermission,
  setSubscription,
} from "#mailbox/tx/folders.ts";
import type { FolderRow } from "#mailbox/tx/folders.ts";
import { readFolderProperties, readIdentity, updateFolderProperties } from "#mailbox/tx/folder-properties.ts";
import type { FolderProperties } from "#mailbox/tx/folder-properties.ts";
import { insertMessage } from "#mailbox/tx/insert.ts";
import type { Inserted, InsertMessage } from "#mailbox/tx/insert.ts";
import { insertMessages } from "#mailbox/tx/insert-many.ts";
import { messageColumns, toMessageRow, uidMax } from "#mailbox/tx/rows.ts";
import type { MessageRecord } from "#mailbox/tx/rows.ts";
import { copyMessages, moveMessages, removeMessages } from "#mailbox/tx/transfer.ts";
import { SpooledUpload } from "#mailbox/upload.ts";
import type { PropertyTag, ReadonlyPropertyBag } from "#props/types.ts";
import type { Procedure, Store } from "#store/api.ts";
import { findWords } from "#store/search-index.ts";
import { all, get } from "#store/sql.ts";

/** Messages changed in one transaction by a flag change; more go in several, so that no commit grows too long. */
const flagSliceRows = 2000;

export function createMailboxes(store: Store, directory: Directory): Mailboxes {
  const names = new NameMaps(store);
  return {
    async open(ctx, principal, mailboxId) {
      const owner = await directory.mailboxOwner(ctx, mailboxId);
      const storeRight = await storeRightOf(ctx, directory, principal, mailboxId);
      if (owner === null) throw mayNotOpen();
      const folders = storeRight === "none" || storeRight === "read"
        ? await readFolderRights(ctx, store, mailboxId, principal.entryId) : new Map<number, number>();
      const access = new Access(storeRight, folders);
      if (access.isNone) throw mayNotOpen();
      const domain = owner.address.slice(owner.address.lastIndexOf("@") + 1);
      return new OpenMailbox(store, principal, mailboxId, access, owner.quotaBytes, domain, names.of(mailboxId));
    },
    watch: (mailboxId, listener) => store.watch(mailboxId, listener),
  };
}

/** Mailboxes whose named properties are remembered; the rest are read again when they are opened. */
const nameMapsMax = 1000;

class NameMaps {
  readonly #store: Store;
  readonly #maps = new Map<MailboxId, PropertyNameMap>();

  constructor(store: Store) {
    this.#store = store;
  }

  of(mailboxId: MailboxId): PropertyNameMap {
    const map = this.#maps.get(mailboxId) ?? new PropertyNameMap(this.#store, mailboxId);
    this.#maps.delete(mailboxId);
    this.#maps.set(mailboxId, map);
    if (this.#maps.size > nameMapsMax) this.#maps.delete(this.#maps.keys().next().value!);
    return map;
  }
}

/** The same answer for what is not there and for what may not be seen. */
function mayNotOpen(): Fault {
  return new Fault("accessDenied", "You may not open this mailbox, or it does not exist.");
}

async function storeRightOf(
  ctx: Ctx, directory: Directory, principal: Principal, mailboxId: MailboxId,
): Promise<StoreRight> {
  if (principal.entryId === 0) return "server";
  if (principal.mailboxId === mailboxId) return "owner";
  return await directory.mailboxRight(ctx, principal.entryId as never, mailboxId);
}

/** A person's own entries, else those of Default. */
async function readFolderRights(
  ctx: Ctx, store: Store, mailboxId: MailboxId, entryId: number,
): Promise<Map<number, number>> {
  const rows = await store.read(ctx, mailboxId, () => all<{ folder_id: number; member_id: number; rights: number }>(
    `SELECT folder_id, member_id, rights FROM folder_permission
     WHERE mailbox_id = $1 AND (member_id = 0 OR member_id = $2) ORDER BY member_id`, mailboxId, entryId));
  return new Map(rows.map((row) => [row.folder_id, row.rights]));
}

function toFolderInfo(row: FolderRow): FolderInfo {
  return {
    folderId: row.folder_id as FolderId, parentId: row.parent_id as FolderId | null, name: row.name, role: row.role,
    containerClass: row.container_class, hidden: row.hidden === 1, isSearchFolder: row.search_folder === 1,
    uidValidity: row.uid_validity, uidNext: row.uid_next, messageCount: row.message_count,
    unreadCount: row.unread_count, associatedCount: row.associated_count, sizeBytes: row.size_bytes,
    highestCn: Math.max(1, row.highest_cn) as ChangeNumber, cn: row.cn as ChangeNumber,
  };
}

function toAppendResult({ messageId, uid, uidValidity, cn }: Inserted): AppendResult {
  return { messageId: messageId as MessageId, uid: uid as Uid, uidValidity, cn: cn as ChangeNumber };
}

class OpenMailbox implements Mailbox {
  readonly mailboxId: MailboxId;
  readonly principal: Principal;
  readonly #store: Store;
  readonly #access: Access;
  readonly #quotaBytes: number | null;
  /** For ids of messages that are rendered. */
  readonly #domain: string;
  readonly #names: PropertyNameMap;
  #identity: { guid: Uint8Array; replicaGuid: Uint8Array } | null = null;
  readonly items: Items;

  constructor(
    store: Store, principal: Principal, mailboxId: MailboxId, access: Access, quotaBytes: number | null, domain: string,
    names: PropertyNameMap,
  ) {
    this.#domain = domain;
    this.#names = names;
    this.items = new OpenItems(store, mailboxId, names, access, quotaBytes);
    this.#store = store;
    this.principal = principal;
    this.mailboxId = mailboxId;
    this.#access = access;
    this.#quotaBytes = quotaBytes;
  }

  #transact<Args, Result, Prepared>(
    ctx: Ctx, procedure: Procedure<Args, Result, Prepared>, args: Args,
  ): Promise<Result> {
    return this.#store.transact(ctx, this.mailboxId, procedure, args);
  }

  /** Whoever asks by UID sees messages with bytes: items made of properties are rendered now. */
  #withBytes<R extends Renderable>(ctx: Ctx, rows: R[]): Promise<R[]> {
    const from = { store: this.#store, mailboxId: this.mailboxId, names: this.#names };
    return withBytes(ctx, from, this.#domain, rows);
  }

  async folders(ctx: Ctx): Promise<FolderInfo[]> {
    const rows = await this.#store.read(ctx, this.mailboxId, () => readFolders(this.mailboxId));
    const byId = new Map(rows.map((row) => [row.folder_id, row]));
    const ordered: FolderInfo[] = [];
    const placed = new Set<number>();
    const place = (row: FolderRow): void => {
      // Ids grow, but a folder may have been moved below a younger one: walk up first. Depth is bounded on creation.
      const chain: FolderRow[] = [];
      for (let at: FolderRow | undefined = row; at !== undefined && !placed.has(at.folder_id);) {
        chain.push(at);
        placed.add(at.folder_id);
        at = at.parent_id === null ? undefined : byId.get(at.parent_id);
      }
      for (const one of chain.reverse()) {
        if (this.#access.allows(one.folder_id, "folderVisible")) ordered.push(toFolderInfo(one));
      }
    };
    for (const row of rows) place(row);
    return ordered;
  }

  async folder(ctx: Ctx, folderId: FolderId): Promise<FolderInfo> {
    this.#access.require(folderId, "folderVisible");
    return toFolderInfo(await this.#store.read(ctx, this.mailboxId, () => readFolder(this.mailboxId, folderId)));
  }

  async folderByRole(ctx: Ctx, role: FolderRole): Promise<FolderInfo> {
    const row = await this.#store.read(ctx, this.mailboxId, () => readFolderByRole(this.mailboxId, role));
    this.#access.require(row.folder_id, "folderVisible");
    return toFolderInfo(row);
  }

  async roleFolders(ctx: Ctx): Promise<(readonly [FolderRole, FolderId])[]> {
    const rows = await this.#store.read(ctx, this.mailboxId, () => readFolders(this.mailboxId));
    return rows.flatMap((row) => (row.role === null ? [] : [[row.role, row.folder_id as FolderId] as const]));
  }

  async folderProperties(ctx: Ctx, folderId?: FolderId): Promise<Map<FolderId, FolderProperties>> {
    if (folderId !== undefined) this.#access.require(folderId, "folderVisible");
    const found = await this.#store.read(ctx, this.mailboxId,
      () => readFolderProperties(this.mailboxId, folderId ?? null));
    for (const id of found.keys()) if (!this.#access.allows(id, "folderVisible")) found.delete(id);
    return found;
  }

  async updateFolderProperties(ctx: Ctx, request: {
    folderId: FolderId; set?: ReadonlyPropertyBag; remove?: readonly PropertyTag[]; containerClass?: string;
    hidden?: boolean;
  }): Promise<ChangeNumber> {
    this.#access.require(request.folderId, "folderOwner");
    return await this.#transact(ctx, updateFolderProperties, {
      folderId: request.folderId, set: request.set ?? new Map(), remove: request.remove ?? [],
      containerClass: request.containerClass ?? null, hidden: request.hidden ?? null,
    }) as ChangeNumber;
  }

  rightsIn(folderId: FolderId): number {
    return this.#access.rights(folderId);
  }

  async identity(ctx: Ctx): Promise<{ guid: string; replicaGuid: string }> {
    this.#identity ??= await this.#store.read(ctx, this.mailboxId, () => readIdentity(this.mailboxId));
    const { guid, replicaGuid } = this.#identity;
    return { guid: guidText(guid), replicaGuid: guidText(replicaGuid) };
  }

  async createFolder(
    ctx: Ctx, request: { parentId: FolderId; name: string; containerClass?: string },
  ): Promise<FolderInfo> {
    this.#access.require(request.parentId, "createSubFolder");
    return toFolderInfo(await this.#transact(ctx, createFolder, request));
  }

  async moveFolder(
    ctx: Ctx, request: { folderId: FolderId; parentId: FolderId; name: string },
  ): Promise<FolderInfo> {
    this.#access.require(request.folderId, "folderOwner");
    this.#access.require(request.parentId, "createSubFolder");
    return toFolderInfo(await this.#transact(ctx, moveFolder, request));
  }

  async copyFolder(
    ctx: Ctx, request: { folderId: FolderId; parentId: FolderId; name: string },
  ): Promise<FolderInfo> {
    this.#access.requireStore("full");
    return toFolderInfo(await this.#transact(ctx, copyFolder,
      { ...request, quotaBytes: this.#quotaBytes }));
  }

  async deleteFolder(
    ctx: Ctx, request: { folderId: FolderId; mode: "soft" | "hard"; children: "refuse" | "delete" },
  ): Promise<void> {
    this.#access.require(request.folderId, "folderOwner");
    await this.#transact(ctx, deleteFolder, request);
  }

  async setPermission(ctx: Ctx, folderId: FolderId, memberId: number, rights: number | null): Promise<void> {
    this.#access.require(folderId, "folderOwner");
    await this.#transact(ctx, setPermission, { folderId, memberId, rights });
  }

  async permissions(ctx: Ctx, folderId: FolderId): Promise<{ memberId: number; rights: number }[]> {
    this.#access.require(folderId, "folderVisible");
    const rows = await this.#store.read(ctx, this.mailboxId, () => all<{ member_id: number; rights: number }>(
      "SELECT member_id, rights FROM folder_permission WHERE mailbox_id = $1 AND folder_id = $2 ORDER BY member_id",
      this.mailboxId, folderId));
    return rows.map((row) => ({ memberId: row.member_id, rights: row.rights }));
  }

  async subscriptions(ctx: Ctx): Promise<string[]> {
    this.#access.requireStore("read");
    const rows = await this.#store.read(ctx, this.mailboxId, () => all<{ name: string }>(
      "SELECT name FROM subscription WHERE mailbox_id = $1 ORDER BY name", this.mailboxId));
    return rows.map((row) => row.name);
  }

  async setSubscription(ctx: Ctx, name: string, subscribed: boolean): Promise<void> {
    this.#access.requireStore("full");
    await this.#transact(ctx, setSubscription, { name, subscribed });
  }

  async uids(ctx: Ctx, folderId: FolderId): Promise<{ folder: FolderInfo; uids: Uint32Array }> {
    this.#access.require(folderId, "readAny");
    return await readUids(ctx, this.#store, this.mailboxId, folderId, toFolderInfo);
  }

  async *rows(ctx: Ctx, folderId: FolderId, uids: UidSet): AsyncGenerator<MessageRow[]> {
    this.#access.require(folderId, "readAny");
    const columns = { columns: messageColumns, joins: "" };
    for await (const slice of scanFolder<MessageRecord>(ctx, this.#store, this.mailboxId, folderId, uids, columns)) {
      yield (await this.#withBytes(ctx, slice)).map(toMessageRow);
    }
  }

  async *summaries(ctx: Ctx, folderId: FolderId, uids: UidSet): AsyncGenerator<MessageSummary[]> {
    this.#access.require(folderId, "readAny");
    const columns = {
      columns: `${messageColumns}, ${summaryColumns}`,
      joins: "JOIN message_detail d ON d.mailbox_id = m.mailbox_id AND d.item_id = m.item_id",
    };
    for await (const slice of scanFolder<SummaryRecord>(ctx, this.#store, this.mailboxId, folderId, uids, columns)) {
      yield (await this.#withBytes(ctx, slice)).map(toSummary);
    }
  }

  async *structures(ctx: Ctx, folderId: FolderId, uids: UidSet): AsyncGenerator<MessageStructure[]> {
    this.#access.require(folderId, "readAny");
    const columns = {
      columns: `${messageColumns}, x.mime_index`, sliceRows: 100,
      joins: "LEFT JOIN mime x ON x.mailbox_id = m.mailbox_id AND x.content_id = m.content_id",
    };
    for await (const slice of scanFolder<StructureRecord>(ctx, this.#store, this.mailboxId, folderId, uids, columns)) {
      const rows = await this.#withBytes(ctx, slice);
      for (const row of rows) row.mime_index ??= await this.#structureOf(ctx, row.content_id);
      yield rows.filter((row) => row.mime_index !== null).map(toStructure);
    }
  }

  /** Of a message that has just been rendered; null when it is gone again. */
  async #structureOf(ctx: Ctx, contentId: number | null): Promise<string | null> {
    const found = await this.#store.read(ctx, this.mailboxId, () => get<{ mime_index: string }>(
      "SELECT mime_index FROM mime WHERE mailbox_id = $1 AND content_id = $2", this.mailboxId, contentId));
    return found?.mime_index ?? null;
  }

  async *headers(ctx: Ctx, folderId: FolderId, uids: UidSet): AsyncGenerator<MessageHeader[]> {
    this.#access.require(folderId, "readAny");
    const columns = {
      columns: `${messageColumns}, ${headerColumns}`, sliceRows: 200,
      joins: `LEFT JOIN mime x ON x.mailbox_id = m.mailbox_id AND x.content_id = m.content_id
        LEFT JOIN content c ON c.mailbox_id = m.mailbox_id AND c.content_id = m.content_id`,
    };
    for await (const slice of scanFolder<HeaderRecord>(ctx, this.#store, this.mailboxId, folderId, uids, columns)) {
      const found: MessageHeader[] = [];
      for (const record of await this.#withBytes(ctx, slice)) {
        const header = headerOf(record) ?? await this.#readHeader(ctx, record.content_id);
        if (header !== undefined) found.push({ ...toMessageRow(record), header });
      }
      yield found;
    }
  }

  /** Of a message whose header its row does not hold whole; undefined when it is gone again. */
  async #readHeader(ctx: Ctx, contentId: number | null): Promise<Uint8Array | undefined> {
    const text = await this.#structureOf(ctx, contentId);
    if (text === null) return undefined;
    const { headerStart, headerSizeBytes } = decodeMimeIndex(text);
    const content = await openContent(ctx, this.#store, this.mailboxId, contentId as ContentId);
    return await content.read(headerStart, headerSizeBytes - headerStart);
  }

  async *flags(ctx: Ctx, folderId: FolderId, uids: UidSet): AsyncGenerator<FlagColumns> {
    this.#access.require(folderId, "readAny");
    yield* scanFlags(ctx, this.#store, this.mailboxId, folderId, uids);
  }

  async changes(ctx: Ctx, folderId: FolderId, since: ChangeNumber): Promise<FolderChanges> {
    this.#access.require(folderId, "readAny");
    return await readChanges(ctx, this.#store, this.mailboxId, folderId, since, (rows) => this.#withBytes(ctx, rows));
  }

  async content(ctx: Ctx, contentId: ContentId): Promise<MessageContent> {
    await this.#requireContent(ctx, contentId);
    return await openContent(ctx, this.#store, this.mailboxId, contentId);
  }

  /** Content has no folder of its own: a caller without the whole store needs the right on one that shows it. */
  async #requireContent(ctx: Ctx, contentId: ContentId): Promise<void> {
    if (this.#access.storeRight !== "none") return;
    const rows = await this.#store.read(ctx, this.mailboxId, () => all<{ folder_id: number }>(
      "SELECT DISTINCT folder_id FROM message WHERE mailbox_id = $1 AND content_id = $2", this.mailboxId, contentId));
    if (!rows.some((row) => this.#access.allows(row.folder_id, "readAny"))) {
      throw new Fault("notFound", "This message was removed meanwhile.");
    }
  }

  async searchWords(ctx: Ctx, folderId: FolderId, words: string): Promise<Uint32Array> {
    this.#access.require(folderId, "readAny");
    return Uint32Array.from(await this.#store.read(ctx, this.mailboxId,
      () => findWords(this.#store.dialect, this.mailboxId, folderId, words)));
  }

  beginUpload(ctx: Ctx, expectedBytes: number | null): Upload {
    return new SpooledUpload(ctx, this.#store.blobs, expectedBytes);
  }

  async append(ctx: Ctx, request: {
    folderId: FolderId; upload: Upload; flags: number; keywords: readonly string[]; internalMs: number | null;
  }): Promise<AppendResult> {
    this.#access.require(request.folderId, "create");
    return toAppendResult(await this.#transact(ctx, insertMessage, await this.#arrival(request.folderId, request)));
  }

  async appendAll(ctx: Ctx, request: {
    folderId: FolderId; messages: readonly AppendedMessage[];
    replaces?: { readonly folderId: FolderId; readonly uid: number };
  }): Promise<AppendResult[]> {
    this.#access.require(request.folderId, "create");
    if (request.replaces !== undefined) this.#access.require(request.replaces.folderId, "deleteAny");
    const messages: InsertMessage[] = [];
    for (const message of request.messages) messages.push(await this.#arrival(request.folderId, message));
    const inserted = await this.#transact(ctx, insertMessages, { messages, replaces: request.replaces ?? null });
    return inserted.map(toAppendResult);
  }

  async #arrival(folderId: FolderId, { upload, flags, keywords, internalMs }: AppendedMessage): Promise<InsertMessage> {
    if (!(upload instanceof SpooledUpload)) {
      throw new Fault("invalidArgument", "An upload comes from beginUpload of this mailbox.");
    }
    const source = await upload.finish();
    await this.#store.requireRoom(source.inline.length);
    return {
      folder: { folderId }, source, flags, keywords, internalMs, quotaBytes: this.#quotaBytes, deliveryId: null,
    };
  }

  async setFlags(ctx: Ctx, folderId: FolderId, uids: UidSet, change: FlagChange): Promise<FlagResult> {
    this.#access.require(folderId, "readAny");
    // The seen flag goes with reading; every other mark is an edit, the deleted mark a deletion.
    const others = change.mode === "replace" ? ~messageFlags.seen : change.flags & ~messageFlags.seen;
    if (others !== 0 || change.keywords.length > 0) this.#access.require(folderId, "editAny");
    const rows: MessageRow[] = [];
    const conflicts: number[] = [];
    let cn = 0;
    for await (const slice of this.#flagSlices(ctx, folderId, uids)) {
      const result = await this.#transact(ctx, setFlags, { folderId, uids: slice, change });
      for (const row of result.rows) rows.push(row);
      for (const uid of result.conflicts) conflicts.push(uid);
      cn = Math.max(cn, result.cn);
    }
    return { cn: cn as ChangeNumber, rows, conflicts };
  }

  /** Splits a large set into ranges of bounded size. */
  async *#flagSlices(ctx: Ctx, folderId: FolderId, uids: UidSet): AsyncGenerator<UidSet> {
    const wanted = uids === "all" ? [{ first: 1, last: uidMax }] : uids;
    const span = wanted.reduce((sum, range) => sum + Math.max(0, range.last - range.first + 1), 0);
    if (span <= flagSliceRows) {
      yield uids;
      return;
    }
    for (const range of wanted) {
      for (let first = range.first; first <= range.last;) {
        const edge = await this.#store.read(ctx, this.mailboxId, () => get<{ uid: number }>(
          `SELECT uid FROM message WHERE mailbox_id = $1 AND folder_id = $2 AND associated = 0 AND uid BETWEEN $3 AND $4
           ORDER BY uid LIMIT 1 OFFSET $5`, this.mailboxId, folderId, first, range.last, flagSliceRows - 1));
        const last = edge?.uid ?? range.last;
        yield [{ first, last }];
        first = last + 1;
        await yieldToOthers();
      }
    }
  }

  async copy(ctx: Ctx, folderId: FolderId, uids: UidSet, targetId: FolderId): Promise<CopyResult> {
    this.#access.require(folderId, "readAny");
    this.#access.require(targetId, "create");
    const result = await this.#transact(ctx, copyMessages, { folderId, uids, targetId, quotaBytes: this.#quotaBytes });
    return { ...result, cn: result.cn as ChangeNumber };
  }

  async move(ctx: Ctx, folderId: FolderId, uids: UidSet, targetId: FolderId): Promise<CopyResult> {
    this.#access.require(folderId, "deleteAny");
    this.#access.require(targetId, "create");
    const result = await this.#transact(ctx, moveMessages, { folderId, uids, targetId, quotaBytes: null });
    return { ...result, cn: result.cn as ChangeNumber };
  }

  async remove(ctx: Ctx, request: {
    folderId: FolderId; uids: UidSet; only: "marked" | "any"; mode: "soft" | "hard";
  }): Promise<{ uids: Uint32Array; cn: ChangeNumber }> {
    this.#access.require(request.folderId, "deleteAny");
    const result = await this.#transact(ctx, removeMessages, request);
    return { uids: result.uids, cn: result.cn as ChangeNumber };
  }

  watch(listener: (cn: ChangeNumber) => void): () => void {
    return this.#store.watch(this.mailboxId, listener);
  }

  async quota(ctx: Ctx): Promise<{ usedBytes: number; limitBytes: number | null; messageCount: number }> {
    this.#access.requireStore("read");
    const row = await this.#store.read(ctx, this.mailboxId, () => get<{ size_bytes: number; message_count: number }>(
      "SELECT size_bytes, message_count FROM mailbox WHERE mailbox_id = $1", this.mailboxId));
    return { usedBytes: row?.size_bytes ?? 0, limitBytes: this.#quotaBytes, messageCount: row?.message_count ?? 0 };
  }
}

