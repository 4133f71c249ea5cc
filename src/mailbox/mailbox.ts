/** Opening mailboxes, and one opened mailbox: permission first, then the store. */
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { ChangeNumber, ContentId, FolderId, MailboxId, MessageId, Uid } from "#base/ids.ts";
import type { Directory } from "#directory/api.ts";
import type {
  AppendedMessage, AppendResult, Candidates, CopyResult, FlagChange, FlagColumns, FlagResult, FolderChanges,
  FolderInfo, Mailbox, MailboxQuota, Mailboxes, MessageContent, MessageHeader, MessageRow, MessageSubject,
  MaildropColumns, MessageStructure, MessageSummary, OrderKey, ThreadColumns,
  PermissionEntry, Principal, RankedField, RankedMessage, UidSet, Upload,
} from "#mailbox/api.ts";
import { findInConversation, readConversations } from "#mailbox/conversations.ts";
import { OpenAnnotations } from "#mailbox/annotations.ts";
import type { Annotations } from "#mailbox/annotations.ts";
import { audited } from "#mailbox/audit/audited.ts";
import type { MailboxAudit } from "#mailbox/audit/log.ts";
import { openContent } from "#mailbox/content.ts";
import { toFolderInfo } from "#mailbox/folder-info.ts";
import { fillMailbox } from "#mailbox/items/fill.ts";
import { OpenItems } from "#mailbox/items/items.ts";
import { NameMaps } from "#mailbox/items/name-maps.ts";
import { guidText } from "#mailbox/items/names.ts";
import type { PropertyNameMap } from "#mailbox/items/names.ts";
import { checkMembers, namedPermissions } from "#mailbox/permissions/entries.ts";
import { readMaildrop } from "#mailbox/maildrop.ts";
import { Access, mayNotOpen } from "#mailbox/permissions/open-access.ts";
import { LimitedView } from "#mailbox/permissions/limited-view.ts";
import { PermissionSnapshots } from "#mailbox/permissions/snapshots.ts";
import { withBytes } from "#mailbox/items/render.ts";
import type { Renderable } from "#mailbox/items/render.ts";
import type { Items } from "#mailbox/items-api.ts";
import {
  countedFor, flagSlices, readChanges, readFolderFor, readRows, readStructures, readSummaries, readUids, scanFlags,
  scanSubjects,
} from "#mailbox/reads.ts";
import type { FolderSource } from "#mailbox/reads.ts";
import { searchCandidates } from "#mailbox/search/by-columns.ts";
import type { Query } from "#mailbox/query.ts";
import { FolderTrees, ListedTree } from "#mailbox/folder-tree.ts";
import type { FolderTree } from "#mailbox/folder-tree.ts";
import type { FolderRole } from "#mailbox/roles.ts";
import { Readers } from "#mailbox/readers/reader.ts";
import type { Markable, Reader } from "#mailbox/readers/reader.ts";
import type { ReaderId } from "#mailbox/tx/readers.ts";
import { setFlags } from "#mailbox/tx/flags.ts";
import {
  copyFolder, createFolder, deleteFolder, moveFolder, readFolder, readFolderByRole, readFolders, readFoldersBelow,
  readFoldersNamed, setSubscription,
} from "#mailbox/tx/folders.ts";
import type { FolderRow } from "#mailbox/tx/folders.ts";
import {
  readFolderProperties, readFolderPropertiesOf, readFolderStamps, readIdentity, updateFolderProperties,
} from "#mailbox/tx/folder-properties.ts";
import type { FolderProperties, FolderStamps } from "#mailbox/tx/folder-properties.ts";
import { insertMessage } from "#mailbox/tx/insert.ts";
import type { Inserted, InsertMessage } from "#mailbox/tx/insert.ts";
import { insertMessages } from "#mailbox/tx/insert-many.ts";
import { readFolderPermissions, setPermissions } from "#mailbox/tx/permissions.ts";
import type { PermissionChange } from "#mailbox/tx/permissions.ts";
import { readUse } from "#mailbox/tx/quota.ts";
import { copyMessages, moveMessages, removeMessages } from "#mailbox/tx/transfer.ts";
import { readHeaders } from "#mailbox/keys/read-headers.ts";
import { FolderKeys } from "#mailbox/keys/folder-keys.ts";
import { UidLists } from "#mailbox/uid-lists.ts";
import type { OpenParts } from "#mailbox/open-parts.ts";
import { SpooledUpload } from "#mailbox/upload.ts";
import type { PropertyTag, ReadonlyPropertyBag } from "#props/types.ts";
import type { Procedure, Store } from "#store/api.ts";
import { findWords } from "#store/search-index.ts";
import { rankWords } from "#store/search-rank.ts";
import { all, get } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

export function createMailboxes(store: Store, directory: Directory, audit?: MailboxAudit): Mailboxes {
  const names = new NameMaps(store);
  const snapshots = new PermissionSnapshots(store);
  const readers = new Readers();
  const uidLists = new UidLists();
  const folderKeys = new FolderKeys();
  const folderTrees = new FolderTrees(store);
  return {
    async open(ctx, principal, mailboxId) {
      const owner = await directory.mailboxOwner(ctx, mailboxId);
      if (owner === null) throw mayNotOpen();
      const access = new Access(directory, principal, mailboxId, snapshots.of(mailboxId), owner.isPublicStore);
      await access.current(ctx);
      // What is private must be known before anybody else looks.
      if (access.makerId !== null) await fillMailbox(ctx, store, mailboxId);
      const reader = owner.isPublicStore === true && principal.entryId > 0
        ? readers.of(mailboxId, principal.entryId) : null;
      const opened = new OpenMailbox({
        store, directory, principal, mailboxId, access, owner, names: names.of(mailboxId), reader, uidLists, folderKeys,
        folderTrees,
      });
      // Everybody is somebody else in a public folder.
      return audit === undefined || owner.isPublicStore === true ? opened : audited(opened, { store, audit });
    },
    watch: (mailboxId, listener) => store.watch(mailboxId, listener),
  };
}

function toAppendResult({ messageId, uid, uidValidity, cn }: Inserted): AppendResult {
  return { messageId: messageId as MessageId, uid: uid as Uid, uidValidity, cn: cn as ChangeNumber };
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
  readonly #reader: Reader | null;
  readonly #uidLists: UidLists;
  readonly #folderKeys: FolderKeys;
  readonly #folderTrees: FolderTrees;
  readonly #isPublic: boolean;
  /** For procedures; see `tx/readers.ts`. */
  readonly #readerId: ReaderId;
  #identity: { guid: Uint8Array; replicaGuid: Uint8Array } | null = null;
  readonly items: Items;
  readonly annotations: Annotations;

  constructor(
    { store, directory, principal, mailboxId, access, owner, names, reader, uidLists, folderKeys,
      folderTrees }: OpenParts,
  ) {
    this.#uidLists = uidLists;
    this.#folderKeys = folderKeys;
    this.#folderTrees = folderTrees;
    this.#reader = reader;
    this.#isPublic = owner.isPublicStore === true;
    this.#readerId = this.#isPublic ? reader?.readerId ?? 0 : null;
    this.#domain = owner.address.slice(owner.address.lastIndexOf("@") + 1);
    this.#names = names;
    this.annotations = new OpenAnnotations(store, mailboxId, access, principal.entryId);
    this.items = new OpenItems(store, mailboxId, names, access, owner.quotaBytes, reader, this.#readerId);
    this.#store = store;
    this.#directory = directory;
    this.principal = principal;
    this.mailboxId = mailboxId;
    this.#access = access;
    this.#view = new LimitedView(store, mailboxId, access);
    this.#quotaBytes = owner.quotaBytes;
  }

  #transact<Args, Result, Ready>(ctx: Ctx, procedure: Procedure<Args, Result, Ready>, args: Args): Promise<Result> {
    return this.#store.transact(ctx, this.mailboxId, procedure, args);
  }

  /** Whoever asks by UID sees messages with bytes: items made of properties are rendered now. */
  #withBytes<R extends Renderable>(ctx: Ctx, rows: R[]): Promise<R[]> {
    const from = { store: this.#store, mailboxId: this.mailboxId, names: this.#names };
    return withBytes(ctx, from, this.#domain, rows);
  }

  #marking<R extends Markable>(folderId: FolderId): ((rows: R[]) => Work<void>) | undefined {
    const reader = this.#reader;
    return reader === null ? undefined : (rows) => reader.mark(folderId, rows);
  }

  async folders(ctx: Ctx): Promise<readonly FolderInfo[]> {
    await this.#access.current(ctx);
    const all = await this.#folderTrees.list(ctx, this.mailboxId, this.#reader);
    if (this.#access.opensRemoved) return all;
    return await this.#view.count(ctx, all.filter(({ folderId }) => this.#access.allows(folderId, "seeFolder")));
  }

  async folder(ctx: Ctx, folderId: FolderId): Promise<FolderInfo> {
    await this.#access.check(ctx, folderId, "seeFolder");
    const row = await this.#store.read(ctx, this.mailboxId,
      () => readFolderFor(this.mailboxId, folderId, this.#reader));
    return await this.#info(ctx, row);
  }

  async folderTree(ctx: Ctx): Promise<FolderTree> {
    await this.#access.current(ctx);
    // Others see some folders, less in them, or marks of their own.
    if (this.#reader !== null || !this.#access.opensRemoved) return new ListedTree(await this.folders(ctx));
    return await this.#folderTrees.current(ctx, this.mailboxId);
  }

  async foldersBelow(ctx: Ctx, parentId: FolderId): Promise<FolderInfo[]> {
    await this.#access.check(ctx, parentId, "seeFolder");
    const rows = await this.#store.read(ctx, this.mailboxId,
      () => countedFor(this.#reader, readFoldersBelow(this.mailboxId, parentId)));
    return await this.#view.count(ctx,
      rows.filter((row) => this.#access.allows(row.folder_id, "seeFolder")).map(toFolderInfo));
  }

  async folderNamed(ctx: Ctx, parentId: FolderId, name: string): Promise<FolderInfo | null> {
    await this.#access.check(ctx, parentId, "seeFolder");
    const [row] = await this.#store.read(ctx, this.mailboxId,
      () => countedFor(this.#reader, readFoldersNamed(this.mailboxId, parentId, name)));
    return row === undefined || !this.#access.allows(row.folder_id, "seeFolder") ? null : await this.#info(ctx, row);
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

  async folderPropertiesOf(
    ctx: Ctx, folderIds: readonly FolderId[],
  ): Promise<Map<FolderId, FolderProperties>> {
    await this.#access.current(ctx);
    const seen = folderIds.filter((folderId) => this.#access.allows(folderId, "seeFolder"));
    return await this.#store.read(ctx, this.mailboxId, () => readFolderPropertiesOf(this.mailboxId, seen));
  }

  async folderStamps(ctx: Ctx, folderId: FolderId): Promise<FolderStamps> {
    await this.#access.check(ctx, folderId, "seeFolder");
    return await this.#store.read(ctx, this.mailboxId, () => readFolderStamps(this.mailboxId, folderId));
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
    ctx: Ctx,
    request: {
      parentId: FolderId; name: string; containerClass?: string; searchFolder?: boolean; folderId?: FolderId;
      properties?: ReadonlyPropertyBag;
    },
  ): Promise<FolderInfo> {
    await this.#access.check(ctx, request.parentId, "createFolder");
    if (this.#isPublic && request.searchFolder === true) {
      throw new Fault("notSupported", "Public folders have no search folders among them.");
    }
    const row = await this.#transact(ctx, createFolder,
      { ...request, makerId: this.#access.folderMakerId, isPublic: this.#isPublic });
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
    ctx: Ctx, request: { folderId: FolderId; parentId: FolderId; name: string; isShallow?: boolean },
  ): Promise<FolderInfo> {
    if (request.isShallow === true) await this.#access.check(ctx, request.folderId, "listItems");
    else await this.#access.checkTree(ctx, request.folderId, "listItems");
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
    await checkMembers(ctx, this.#directory, changes);
    const { cn } = await this.#transact(ctx, setPermissions, { folderId, changes, replace });
    this.#access.outdate();
    return cn as ChangeNumber;
  }

  async permissions(ctx: Ctx, folderId: FolderId): Promise<PermissionEntry[]> {
    await this.#access.check(ctx, folderId, "readPermissions");
    const rows = await this.#store.read(ctx, this.mailboxId, () => readFolderPermissions(this.mailboxId, folderId));
    return await namedPermissions(ctx, this.#directory, rows);
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
    const found = await readUids(
      ctx, this.#store, this.mailboxId, folderId, toFolderInfo, this.#uidLists, this.#reader);
    const hidden = await this.#view.hidden(ctx, folderId);
    if (hidden.size === 0) return found;
    const [folder] = await this.#view.count(ctx, [found.folder]);
    return { folder: folder!, uids: found.uids.filter((uid) => !hidden.has(uid)) };
  }

  async *rows(ctx: Ctx, folderId: FolderId, uids: UidSet): AsyncGenerator<MessageRow[]> {
    await this.#access.check(ctx, folderId, "listItems");
    yield* readRows(ctx, this.#from(ctx, folderId), await this.#view.visible(ctx, folderId, uids));
  }

  async *summaries(ctx: Ctx, folderId: FolderId, uids: UidSet): AsyncGenerator<MessageSummary[]> {
    await this.#access.check(ctx, folderId, "listItems");
    yield* readSummaries(ctx, this.#from(ctx, folderId), await this.#view.visible(ctx, folderId, uids));
  }

  async *structures(ctx: Ctx, folderId: FolderId, uids: UidSet): AsyncGenerator<MessageStructure[]> {
    await this.#access.check(ctx, folderId, "listItems");
    yield* readStructures(ctx, this.#from(ctx, folderId), await this.#view.visible(ctx, folderId, uids));
  }

  #from(ctx: Ctx, folderId: FolderId): FolderSource {
    return {
      store: this.#store, mailboxId: this.mailboxId, folderId, mark: this.#marking<Markable>(folderId),
      withBytes: (rows) => this.#withBytes(ctx, rows),
    };
  }

  async *subjects(ctx: Ctx, folderId: FolderId, uids: UidSet): AsyncGenerator<MessageSubject[]> {
    await this.#access.check(ctx, folderId, "listItems");
    const visible = await this.#view.visible(ctx, folderId, uids);
    yield* scanSubjects(ctx, this.#store, this.mailboxId, folderId, visible);
  }

  async ranks(ctx: Ctx, folderId: FolderId, uids: readonly number[], key: OrderKey): Promise<Float64Array> {
    await this.#access.check(ctx, folderId, "listItems");
    const hidden = await this.#view.hidden(ctx, folderId);
    const ranks = await this.#folderKeys.ranks(ctx, this.#from(ctx, folderId), uids, key);
    return hidden.size === 0 ? ranks : ranks.map((rank, at) => (hidden.has(uids[at]!) ? 0 : rank));
  }

  async threadKeys(ctx: Ctx, folderId: FolderId, uids: readonly number[]): Promise<ThreadColumns> {
    await this.#access.check(ctx, folderId, "listItems");
    // Columns are told as they are: whoever does not see all messages knows the UIDs of those they may see alone.
    const hidden = await this.#view.hidden(ctx, folderId);
    return await this.#folderKeys.threads(ctx, this.#from(ctx, folderId), uids.filter((uid) => !hidden.has(uid)));
  }

  async *headers(
    ctx: Ctx, folderId: FolderId, uids: UidSet, names?: readonly string[],
  ): AsyncGenerator<MessageHeader[]> {
    await this.#access.check(ctx, folderId, "listItems");
    yield* readHeaders(ctx, this.#from(ctx, folderId), await this.#view.visible(ctx, folderId, uids), names);
  }

  async *flags(ctx: Ctx, folderId: FolderId, uids: UidSet): AsyncGenerator<FlagColumns> {
    await this.#access.check(ctx, folderId, "listItems");
    const visible = await this.#view.visible(ctx, folderId, uids);
    yield* scanFlags(ctx, this.#store, this.mailboxId, folderId, visible, this.#reader);
  }

  async maildrop(ctx: Ctx, folderId: FolderId): Promise<MaildropColumns> {
    await this.#access.check(ctx, folderId, "listItems");
    const hidden = await this.#view.hidden(ctx, folderId);
    return await readMaildrop(ctx, this.#store, this.mailboxId, folderId, hidden, (rows) => this.#withBytes(ctx, rows));
  }

  async marksFetched(ctx: Ctx): Promise<boolean> {
    return (await this.#directory.mailboxOwner(ctx, this.mailboxId))?.marksFetched ?? true;
  }

  async *candidates(
    ctx: Ctx, folderId: FolderId, uids: UidSet, query: Query, options: { modSeqs: boolean },
  ): AsyncGenerator<Candidates> {
    await this.#access.check(ctx, folderId, "listItems");
    const visible = await this.#view.visible(ctx, folderId, uids);
    const hasReaders = this.#reader !== null;
    yield* searchCandidates(ctx, this.#from(ctx, folderId), visible, query, { ...options, hasReaders });
  }

  async changes(ctx: Ctx, folderId: FolderId, since: ChangeNumber): Promise<FolderChanges> {
    await this.#access.check(ctx, folderId, "listItems");
    const found = await readChanges(ctx, this.#store, this.mailboxId, folderId, since,
      (rows) => this.#withBytes(ctx, rows), this.#reader);
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

  async rankWords(ctx: Ctx, folderId: FolderId, words: string, field: RankedField): Promise<RankedMessage[]> {
    await this.#access.check(ctx, folderId, "listItems");
    const found = await this.#store.read(ctx, this.mailboxId,
      () => rankWords(this.#store.dialect, this.mailboxId, folderId, words, field));
    const hidden = await this.#view.hidden(ctx, folderId);
    return found.filter(({ uid }) => !hidden.has(uid));
  }

  async conversations(ctx: Ctx, folderId: FolderId, uids: UidSet): Promise<Map<number, string>> {
    await this.#access.check(ctx, folderId, "listItems");
    const visible = await this.#view.visible(ctx, folderId, uids);
    return await readConversations(ctx, this.#store, this.mailboxId, folderId, visible);
  }

  async inConversation(ctx: Ctx, folderId: FolderId, conversationKey: string): Promise<number[]> {
    await this.#access.check(ctx, folderId, "listItems");
    const found = await findInConversation(ctx, this.#store, this.mailboxId, folderId, conversationKey);
    const hidden = await this.#view.hidden(ctx, folderId);
    return found.filter((uid) => !hidden.has(uid));
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
      creatorId: this.#access.makerId, readerId: this.#readerId,
    };
  }

  async setFlags(ctx: Ctx, folderId: FolderId, uids: UidSet, change: FlagChange): Promise<FlagResult> {
    await this.#access.check(ctx, folderId, "listItems");
    const visible = await this.#view.visible(ctx, folderId, uids);
    await this.#view.checkMarks(ctx, folderId, visible, change);
    const rows: MessageRow[] = [];
    const conflicts: number[] = [];
    let cn = 0;
    let isChanged = false;
    for await (const slice of flagSlices(ctx, this.#store, this.mailboxId, folderId, visible)) {
      const result = await this.#transact(ctx, setFlags,
        { folderId, uids: slice, change, readerId: this.#readerId });
      for (const row of result.rows) rows.push(row);
      for (const uid of result.conflicts) conflicts.push(uid);
      cn = Math.max(cn, result.cn);
      isChanged ||= result.isChanged;
    }
    return { cn: cn as ChangeNumber, isChanged, rows, conflicts };
  }

  async copy(ctx: Ctx, folderId: FolderId, uids: UidSet, targetId: FolderId): Promise<CopyResult> {
    await this.#access.check(ctx, folderId, "listItems");
    await this.#access.check(ctx, targetId, "createItem");
    const visible = await this.#view.visible(ctx, folderId, uids);
    const result = await this.#transact(ctx, copyMessages, {
      folderId, uids: visible, targetId, quotaBytes: this.#quotaBytes, creatorId: this.#access.makerId,
      readerId: this.#readerId,
    });
    return { ...result, cn: result.cn as ChangeNumber };
  }

  async move(ctx: Ctx, folderId: FolderId, uids: UidSet, targetId: FolderId): Promise<CopyResult> {
    await this.#access.check(ctx, targetId, "createItem");
    const own = await this.#view.touchable(ctx, folderId, uids, "deleteItem");
    const result = await this.#transact(ctx, moveMessages,
      { folderId, uids: own, targetId, quotaBytes: null, readerId: this.#readerId });
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

  async showsRemoved(ctx: Ctx): Promise<boolean> {
    if (!this.#access.opensRemoved) return false;
    return (await this.#directory.mailboxOwner(ctx, this.mailboxId))?.showsRemoved ?? false;
  }

  async quota(ctx: Ctx): Promise<MailboxQuota> {
    await this.#access.checkStore(ctx, "read");
    const use = await this.#store.read(ctx, this.mailboxId, () => readUse(this.mailboxId));
    // As it is now: a session may be older than the limit.
    const owner = await this.#directory.mailboxOwner(ctx, this.mailboxId);
    const limitBytes = owner === null ? this.#quotaBytes : owner.quotaBytes;
    return { ...use, limitBytes, warningBytes: owner?.levels?.warningBytes ?? null,
      sendBytes: owner?.levels?.sendBytes ?? null };
  }
}

