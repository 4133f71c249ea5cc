/** Opening mailboxes, and one opened mailbox: permission first, then the store. */
import { yieldToOthers } from "#base/ctx.ts";
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { ChangeNumber, ContentId, FolderId, MailboxId, MessageId, Uid } from "#base/ids.ts";
import type { Directory, MailboxOwner } from "#directory/api.ts";
import { anonymousMember, defaultMember } from "#mailbox/access.ts";
import type {
  AppendedMessage, AppendResult, CopyResult, FlagChange, FlagColumns, FlagResult, FolderChanges, FolderInfo, Mailbox,
  Mailboxes, MessageContent, MessageHeader, MessageRow, MessageSortKeys, MessageStructure, MessageSummary,
  PermissionEntry, Principal, UidSet, Upload,
} from "#mailbox/api.ts";
import { decodeMimeIndex } from "#format/mime/index-text.ts";
import { openContent } from "#mailbox/content.ts";
import { fillMailbox } from "#mailbox/items/fill.ts";
import { OpenItems } from "#mailbox/items/items.ts";
import { guidText, PropertyNameMap } from "#mailbox/items/names.ts";
import { Access, mayNotOpen } from "#mailbox/permissions/open-access.ts";
import { LimitedView } from "#mailbox/permissions/limited-view.ts";
import { PermissionSnapshots } from "#mailbox/permissions/snapshots.ts";
import { withBytes } from "#mailbox/items/render.ts";
import type { Renderable } from "#mailbox/items/render.ts";
import type { Items } from "#mailbox/items-api.ts";
import {
  headerColumns, headerOf, readUids, scanFlags, scanFolder, readChanges, sortColumns, summaryColumns, toSortKeys,
  toSummary, toStructure,
} from "#mailbox/reads.ts";
import type { HeaderRecord, SortRecord, StructureRecord, SummaryRecord } from "#mailbox/reads.ts";
import type { FolderRole } from "#mailbox/roles.ts";
import { setFlags } from "#mailbox/tx/flags.ts";
import {
  copyFolder, createFolder, deleteFolder, moveFolder, readFolder, readFolderByRole, readFolders, setSubscription,
} from "#mailbox/tx/folders.ts";
import type { FolderRow } from "#mailbox/tx/folders.ts";
import { readFolderProperties, readIdentity, updateFolderProperties } from "#mailbox/tx/folder-properties.ts";
import type { FolderProperties } from "#mailbox/tx/folder-properties.ts";
import { insertMessage } from "#mailbox/tx/insert.ts";
import type { Inserted, InsertMessage } from "#mailbox/tx/insert.ts";
import { insertMessages } from "#mailbox/tx/insert-many.ts";
import { readFolderPermissions, setPermissions } from "#mailbox/tx/permissions.ts";
import type { PermissionChange } from "#mailbox/tx/permissions.ts";
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
  const snapshots = new PermissionSnapshots(store);
  return {
    async open(ctx, principal, mailboxId) {
      const owner = await directory.mailboxOwner(ctx, mailboxId);
      if (owner === null) throw mayNotOpen();
      const access = new Access(directory, principal, mailboxId, snapshots.of(mailboxId));
      await access.current(ctx);
      // What is private must be known before anybody else looks.
      if (access.makerId !== null) await fillMailbox(ctx, store, mailboxId);
      return new OpenMailbox({ store, directory, principal, mailboxId, access, owner, names: names.of(mailboxId) });
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

interface OpenParts {
  readonly store: Store;
  readonly directory: Directory;
  readonly principal: Principal;
  readonly mailboxId: MailboxId;
  readonly access: Access;
  readonly owner: MailboxOwner;
  readonly names: PropertyNameMap;
}

class OpenMailbox implements Mailbox {
  readonly mailboxId: MailboxId;
  readonly principal: Principal;
  readonly #store: Store;
  readonly #directory: Directory;
  readonly #access: Access;
  readonly #view: LimitedView;
  readonly #quotaBytes: number | null;
  /** For ids of messages that are rendered. */
  readonly #domain: string;
  readonly #names: PropertyNameMap;
  #identity: { guid: Uint8Array; replicaGuid: Uint8Array } | null = null;
  readonly items: Items;

  constructor({ store, directory, principal, mailboxId, access, owner, names }: OpenParts) {
    this.#domain = owner.address.slice(owner.address.lastIndexOf("@") + 1);
    this.#names = names;
    this.items = new OpenItems(store, mailboxId, names, access, owner.quotaBytes);
    this.#store = store;
    this.#directory = directory;
    this.principal = principal;
    this.mailboxId = mailboxId;
    this.#access = access;
    this.#view = new LimitedView(store, mailboxId, access);
    this.#quotaBytes = owner.quotaBytes;
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
    await this.#access.current(ctx);
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
        if (this.#access.allows(one.folder_id, "seeFolder")) ordered.push(toFolderInfo(one));
      }
    };
    for (const row of rows) place(row);
    return await this.#view.count(ctx, ordered);
  }

  async folder(ctx: Ctx, folderId: FolderId): Promise<FolderInfo> {
    await this.#access.check(ctx, folderId, "seeFolder");
    const row = await this.#store.read(ctx, this.mailboxId, () => readFolder(this.mailboxId, folderId));
    return await this.#info(ctx, row);
  }

  /** As this caller sees it. */
  async #info(ctx: Ctx, row: FolderRow): Promise<FolderInfo> {
    return (await this.#view.count(ctx, [toFolderInfo(row)]))[0]!;
  }

  async folderByRole(ctx: Ctx, role: FolderRole): Promise<FolderInfo> {
    const row = await this.#store.read(ctx, this.mailboxId, () => readFolderByRole(this.mailboxId, role));
    await this.#access.check(ctx, row.folder_id, "seeFolder");
    return await this.#info(ctx, row);
  }

  async roleFolders(ctx: Ctx): Promise<(readonly [FolderRole, FolderId])[]> {
    const rows = await this.#store.read(ctx, this.mailboxId, () => readFolders(this.mailboxId));
    return rows.flatMap((row) => (row.role === null ? [] : [[row.role, row.folder_id as FolderId] as const]));
  }

  async folderProperties(ctx: Ctx, folderId?: FolderId): Promise<Map<FolderId, FolderProperties>> {
    await this.#access.current(ctx);
    if (folderId !== undefined) this.#access.require(folderId, "seeFolder");
    const found = await this.#store.read(ctx, this.mailboxId,
      () => readFolderProperties(this.mailboxId, folderId ?? null));
    for (const id of found.keys()) if (!this.#access.allows(id, "seeFolder")) found.delete(id);
    return found;
  }

  async updateFolderProperties(ctx: Ctx, request: {
    folderId: FolderId; set?: ReadonlyPropertyBag; remove?: readonly PropertyTag[]; containerClass?: string;
    hidden?: boolean;
  }): Promise<ChangeNumber> {
    await this.#access.check(ctx, request.folderId, "changeFolder");
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

  async nextObjectId(ctx: Ctx): Promise<number> {
    const row = await this.#store.read(ctx, this.mailboxId, () => get<{ next: number }>(
      "SELECT next_counter AS next FROM mailbox WHERE mailbox_id = $1", this.mailboxId));
    return row?.next ?? 0;
  }

  async createFolder(
    ctx: Ctx, request: { parentId: FolderId; name: string; containerClass?: string; searchFolder?: boolean },
  ): Promise<FolderInfo> {
    await this.#access.check(ctx, request.parentId, "createFolder");
    const row = await this.#transact(ctx, createFolder, { ...request, makerId: this.#access.folderMakerId });
    this.#access.outdate();
    return toFolderInfo(row);
  }

  async moveFolder(
    ctx: Ctx, request: { folderId: FolderId; parentId: FolderId; name: string },
  ): Promise<FolderInfo> {
    await this.#access.check(ctx, request.folderId, "changeFolder");
    const { parent_id: parentId } = await this.#store.read(ctx, this.mailboxId,
      () => readFolder(this.mailboxId, request.folderId));
    if (parentId !== request.parentId) await this.#access.check(ctx, request.parentId, "createFolder");
    const row = await this.#transact(ctx, moveFolder, request);
    this.#access.outdate();
    return toFolderInfo(row);
  }

  async copyFolder(
    ctx: Ctx, request: { folderId: FolderId; parentId: FolderId; name: string },
  ): Promise<FolderInfo> {
    await this.#access.checkTree(ctx, request.folderId, "listItems");
    await this.#access.check(ctx, request.parentId, "createFolder");
    // The copy would hold what the caller does not see.
    if (this.#access.hidesPrivate) await this.#access.checkStore(ctx, "full");
    const row = await this.#transact(ctx, copyFolder,
      { ...request, quotaBytes: this.#quotaBytes, makerId: this.#access.folderMakerId });
    this.#access.outdate();
    return toFolderInfo(row);
  }

  async deleteFolder(
    ctx: Ctx, request: { folderId: FolderId; mode: "soft" | "hard"; children: "refuse" | "delete" },
  ): Promise<void> {
    await this.#access.checkTree(ctx, request.folderId, "changeFolder");
    await this.#transact(ctx, deleteFolder, request);
    this.#access.outdate();
  }

  async setPermission(ctx: Ctx, folderId: FolderId, memberId: number, rights: number | null): Promise<void> {
    await this.setPermissions(ctx, folderId, [{ memberId, rights }]);
  }

  async setPermissions(
    ctx: Ctx, folderId: FolderId, changes: readonly PermissionChange[], { replace = false } = {},
  ): Promise<ChangeNumber> {
    await this.#access.check(ctx, folderId, "changePermissions");
    const members = changes.filter(({ memberId, rights }) => memberId > 0 && rights !== null);
    const known = await this.#directory.sharing?.namedEntries(ctx, members.map(({ memberId }) => memberId));
    for (const { memberId } of members) {
      const entry = known?.get(memberId);
      if (known !== undefined && (entry === undefined || entry.kind === "contact")) {
        throw new Fault("notFound", "There is nobody of this name whom rights could be given.");
      }
    }
    const { cn } = await this.#transact(ctx, setPermissions, { folderId, changes, replace });
    this.#access.outdate();
    return cn as ChangeNumber;
  }

  async permissions(ctx: Ctx, folderId: FolderId): Promise<PermissionEntry[]> {
    await this.#access.check(ctx, folderId, "readPermissions");
    const rows = await this.#store.read(ctx, this.mailboxId, () => readFolderPermissions(this.mailboxId, folderId));
    const rights = new Map(rows.map((row) => [row.member_id, row.rights]));
    const memberIds = [...rights.keys()].filter((memberId) => memberId > 0);
    const named = await this.#directory.sharing?.namedEntries(ctx, memberIds);
    return [
      { memberId: defaultMember, rights: rights.get(defaultMember) ?? 0, member: "default" },
      { memberId: anonymousMember, rights: rights.get(anonymousMember) ?? 0, member: "anonymous" },
      ...memberIds.map((memberId): PermissionEntry =>
        ({ memberId, rights: rights.get(memberId)!, member: named?.get(memberId) ?? null })),
    ];
  }

  async subscriptions(ctx: Ctx): Promise<string[]> {
    await this.#access.checkStore(ctx, "read");
    const rows = await this.#store.read(ctx, this.mailboxId, () => all<{ name: string }>(
      "SELECT name FROM subscription WHERE mailbox_id = $1 ORDER BY name", this.mailboxId));
    return rows.map((row) => row.name);
  }

  async setSubscription(ctx: Ctx, name: string, subscribed: boolean): Promise<void> {
    await this.#access.checkStore(ctx, "full");
    await this.#transact(ctx, setSubscription, { name, subscribed });
  }

  async uids(ctx: Ctx, folderId: FolderId): Promise<{ folder: FolderInfo; uids: Uint32Array }> {
    await this.#access.check(ctx, folderId, "listItems");
    const found = await readUids(ctx, this.#store, this.mailboxId, folderId, toFolderInfo);
    const hidden = await this.#view.hidden(ctx, folderId);
    if (hidden.size === 0) return found;
    const [folder] = await this.#view.count(ctx, [found.folder]);
    return { folder: folder!, uids: found.uids.filter((uid) => !hidden.has(uid)) };
  }

  async *rows(ctx: Ctx, folderId: FolderId, uids: UidSet): AsyncGenerator<MessageRow[]> {
    await this.#access.check(ctx, folderId, "listItems");
    const visible = await this.#view.visible(ctx, folderId, uids);
    const columns = { columns: messageColumns, joins: "" };
    for await (const slice of scanFolder<MessageRecord>(ctx, this.#store, this.mailboxId, folderId, visible, columns)) {
      yield (await this.#withBytes(ctx, slice)).map(toMessageRow);
    }
  }

  async *summaries(ctx: Ctx, folderId: FolderId, uids: UidSet): AsyncGenerator<MessageSummary[]> {
    await this.#access.check(ctx, folderId, "listItems");
    const visible = await this.#view.visible(ctx, folderId, uids);
    const columns = {
      columns: `${messageColumns}, ${summaryColumns}`,
      joins: "JOIN message_detail d ON d.mailbox_id = m.mailbox_id AND d.item_id = m.item_id",
    };
    for await (const slice of scanFolder<SummaryRecord>(ctx, this.#store, this.mailboxId, folderId, visible, columns)) {
      yield (await this.#withBytes(ctx, slice)).map(toSummary);
    }
  }

  async *structures(ctx: Ctx, folderId: FolderId, uids: UidSet): AsyncGenerator<MessageStructure[]> {
    await this.#access.check(ctx, folderId, "listItems");
    const visible = await this.#view.visible(ctx, folderId, uids);
    const slices = scanFolder<StructureRecord>(ctx, this.#store, this.mailboxId, folderId, visible, {
      columns: `${messageColumns}, x.mime_index`, sliceRows: 100,
      joins: "LEFT JOIN mime x ON x.mailbox_id = m.mailbox_id AND x.content_id = m.content_id",
    });
    for await (const slice of slices) {
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

  async *sortKeys(ctx: Ctx, folderId: FolderId, uids: UidSet): AsyncGenerator<MessageSortKeys[]> {
    await this.#access.check(ctx, folderId, "listItems");
    const visible = await this.#view.visible(ctx, folderId, uids);
    const columns = {
      columns: sortColumns, joins: "JOIN message_detail d ON d.mailbox_id = m.mailbox_id AND d.item_id = m.item_id",
    };
    for await (const slice of scanFolder<SortRecord>(ctx, this.#store, this.mailboxId, folderId, visible, columns)) {
      yield (await this.#withBytes(ctx, slice)).map(toSortKeys);
    }
  }

  async *headers(ctx: Ctx, folderId: FolderId, uids: UidSet): AsyncGenerator<MessageHeader[]> {
    await this.#access.check(ctx, folderId, "listItems");
    const visible = await this.#view.visible(ctx, folderId, uids);
    const columns = {
      columns: `${messageColumns}, ${headerColumns}`, sliceRows: 200,
      joins: `LEFT JOIN mime x ON x.mailbox_id = m.mailbox_id AND x.content_id = m.content_id
        LEFT JOIN content c ON c.mailbox_id = m.mailbox_id AND c.content_id = m.content_id`,
    };
    for await (const slice of scanFolder<HeaderRecord>(ctx, this.#store, this.mailboxId, folderId, visible, columns)) {
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
    await this.#access.check(ctx, folderId, "listItems");
    const visible = await this.#view.visible(ctx, folderId, uids);
    yield* scanFlags(ctx, this.#store, this.mailboxId, folderId, visible);
  }

  async changes(ctx: Ctx, folderId: FolderId, since: ChangeNumber): Promise<FolderChanges> {
    await this.#access.check(ctx, folderId, "listItems");
    const found = await readChanges(ctx, this.#store, this.mailboxId, folderId, since,
      (rows) => this.#withBytes(ctx, rows));
    const hidden = await this.#view.hidden(ctx, folderId);
    if (hidden.size === 0) return found;
    // What became private is gone for those who may not see it.
    const lost = found.changed.filter((row) => hidden.has(row.uid)).map((row) => row.uid);
    return {
      ...found, changed: found.changed.filter((row) => !hidden.has(row.uid)),
      vanished: Uint32Array.from([...found.vanished, ...lost]).sort(),
    };
  }

  async content(ctx: Ctx, contentId: ContentId): Promise<MessageContent> {
    await this.#requireContent(ctx, contentId);
    return await openContent(ctx, this.#store, this.mailboxId, contentId);
  }

  /** Content has no folder of its own: a caller without the whole store needs the right on a message that has it. */
  async #requireContent(ctx: Ctx, contentId: ContentId): Promise<void> {
    await this.#access.current(ctx);
    if (!this.#access.hidesPrivate && this.#access.storeRight !== "none") return;
    const rows = await this.#store.read(ctx, this.mailboxId, () => all<{ folder_id: number; uid: number }>(
      "SELECT folder_id, uid FROM message WHERE mailbox_id = $1 AND content_id = $2", this.mailboxId, contentId));
    for (const { folder_id: folderId, uid } of rows) {
      if (this.#access.allows(folderId, "listItems") && !await this.#view.isHidden(ctx, folderId, uid)) return;
    }
    throw new Fault("notFound", "This message was removed meanwhile.");
  }

  async searchWords(ctx: Ctx, folderId: FolderId, words: string): Promise<Uint32Array> {
    await this.#access.check(ctx, folderId, "listItems");
    const found = await this.#store.read(ctx, this.mailboxId,
      () => findWords(this.#store.dialect, this.mailboxId, folderId, words));
    const hidden = await this.#view.hidden(ctx, folderId);
    return Uint32Array.from(found.filter((uid) => !hidden.has(uid)));
  }

  beginUpload(ctx: Ctx, expectedBytes: number | null): Upload {
    return new SpooledUpload(ctx, this.#store.blobs, expectedBytes);
  }

  async append(ctx: Ctx, request: {
    folderId: FolderId; upload: Upload; flags: number; keywords: readonly string[]; internalMs: number | null;
  }): Promise<AppendResult> {
    await this.#access.check(ctx, request.folderId, "createItem");
    return toAppendResult(await this.#transact(ctx, insertMessage, await this.#arrival(request.folderId, request)));
  }

  async appendAll(ctx: Ctx, request: {
    folderId: FolderId; messages: readonly AppendedMessage[];
    replaces?: { readonly folderId: FolderId; readonly uid: number };
  }): Promise<AppendResult[]> {
    await this.#access.check(ctx, request.folderId, "createItem");
    if (request.replaces !== undefined) {
      const { folderId, uid } = request.replaces;
      await this.#view.touchable(ctx, folderId as FolderId, [{ first: uid, last: uid }], "deleteItem");
    }
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
      creatorId: this.#access.makerId,
    };
  }

  async setFlags(ctx: Ctx, folderId: FolderId, uids: UidSet, change: FlagChange): Promise<FlagResult> {
    await this.#access.check(ctx, folderId, "listItems");
    const visible = await this.#view.visible(ctx, folderId, uids);
    await this.#view.checkMarks(ctx, folderId, visible, change);
    const rows: MessageRow[] = [];
    const conflicts: number[] = [];
    let cn = 0;
    for await (const slice of this.#flagSlices(ctx, folderId, visible)) {
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
    await this.#access.check(ctx, folderId, "listItems");
    await this.#access.check(ctx, targetId, "createItem");
    const visible = await this.#view.visible(ctx, folderId, uids);
    const result = await this.#transact(ctx, copyMessages,
      { folderId, uids: visible, targetId, quotaBytes: this.#quotaBytes, creatorId: this.#access.makerId });
    return { ...result, cn: result.cn as ChangeNumber };
  }

  async move(ctx: Ctx, folderId: FolderId, uids: UidSet, targetId: FolderId): Promise<CopyResult> {
    await this.#access.check(ctx, targetId, "createItem");
    const own = await this.#view.touchable(ctx, folderId, uids, "deleteItem");
    const result = await this.#transact(ctx, moveMessages, { folderId, uids: own, targetId, quotaBytes: null });
    return { ...result, cn: result.cn as ChangeNumber };
  }

  async remove(ctx: Ctx, request: {
    folderId: FolderId; uids: UidSet; only: "marked" | "any"; mode: "soft" | "hard";
  }): Promise<{ uids: Uint32Array; cn: ChangeNumber }> {
    // Whoever expunges lets go of what they may delete; the marks of others stay for them.
    const uids = await this.#view.touchable(ctx, request.folderId, request.uids, "deleteItem",
      request.only === "marked" ? "skip" : "refuse");
    const result = await this.#transact(ctx, removeMessages, { ...request, uids });
    return { uids: result.uids, cn: result.cn as ChangeNumber };
  }

  watch(listener: (cn: ChangeNumber) => void): () => void {
    return this.#store.watch(this.mailboxId, listener);
  }

  async quota(ctx: Ctx): Promise<{ usedBytes: number; limitBytes: number | null; messageCount: number }> {
    await this.#access.checkStore(ctx, "read");
    const row = await this.#store.read(ctx, this.mailboxId, () => get<{ size_bytes: number; message_count: number }>(
      "SELECT size_bytes, message_count FROM mailbox WHERE mailbox_id = $1", this.mailboxId));
    return { usedBytes: row?.size_bytes ?? 0, limitBytes: this.#quotaBytes, messageCount: row?.message_count ?? 0 };
  }
}

