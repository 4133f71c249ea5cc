/**
 * The folders of mailboxes as they stand, held for whoever lists them or is told of changes: read once, in slices, and
 * from then on only what a change number says has changed. All sessions of a mailbox share them; the least used go
 * first.
 */
import type { Ctx } from "#base/ctx.ts";
import { yieldToOthers } from "#base/ctx.ts";
import type { ChangeNumber, FolderId, MailboxId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import type { FolderInfo } from "#mailbox/api.ts";
import { inTreeOrder, toFolderInfo } from "#mailbox/folder-info.ts";
import { countedFor } from "#mailbox/reads.ts";
import type { Reader } from "#mailbox/readers/reader.ts";
import { readFolderIds, readFolders, readFolderSlice, readFoldersSince } from "#mailbox/tx/folders.ts";
import type { FolderRow } from "#mailbox/tx/folders.ts";
import type { Store } from "#store/api.ts";

/** One folder that is not what it was; `after` null for one that is gone. */
export interface FolderChange {
  readonly before: FolderInfo | null;
  readonly after: FolderInfo | null;
}

/** The folders a caller may see. It moves on while others look: read what is needed before the next await. */
export interface FolderTree {
  /** Everything up to this change number is in it. */
  readonly cn: ChangeNumber;
  readonly folders: ReadonlyMap<FolderId, FolderInfo>;
  childrenOf(folderId: FolderId): Iterable<FolderInfo>;
  /** What changed after a change number; null when that is too long ago, or not known for this caller. */
  changesSince(cn: ChangeNumber): readonly FolderChange[] | null;
}

const noIds: ReadonlySet<FolderId> = new Set();

interface Step extends FolderChange {
  readonly cn: ChangeNumber;
}

const isSame = (a: FolderInfo, b: FolderInfo): boolean => a.cn === b.cn && a.highestCn === b.highestCn;

/** Of the whole mailbox. */
export class SharedTree implements FolderTree {
  readonly folders = new Map<FolderId, FolderInfo>();
  readonly #children = new Map<FolderId | null, Set<FolderId>>();
  readonly #store: Store;
  readonly #mailboxId: MailboxId;
  #cn = -1;
  /** What happened last, oldest first, and the change number before it. */
  #steps: Step[] = [];
  #stepsFrom = 0;
  #isAhead = false;
  #list: readonly FolderInfo[] | null = null;
  /** Size of the mailbox less those of the folders that are held: it stays while their sizes are true. */
  #sizeGap = 0;
  #sizeBytes = 0;
  #turn: Promise<void> = Promise.resolve();

  constructor(store: Store, mailboxId: MailboxId) {
    this.#store = store;
    this.#mailboxId = mailboxId;
  }

  get cn(): ChangeNumber {
    return this.#cn as ChangeNumber;
  }

  *childrenOf(folderId: FolderId): Iterable<FolderInfo> {
    for (const id of this.#children.get(folderId) ?? noIds) yield this.folders.get(id)!;
  }

  /** Folders and changes held. */
  get rowCount(): number {
    return this.folders.size + this.#steps.length;
  }

  /** The mailbox is older than what is held: a backup, or a database that lost its last commits, took its place. */
  get isAhead(): boolean {
    return this.#isAhead;
  }

  /** Parents before children; the same list while nothing changes. */
  get list(): readonly FolderInfo[] {
    return this.#list ??= inTreeOrder([...this.folders.values()].sort((a, b) => a.folderId - b.folderId));
  }

  changesSince(cn: ChangeNumber): readonly FolderChange[] | null {
    if (cn < this.#stepsFrom || cn > this.#cn) return null;
    const found = new Map<FolderId, { before: FolderInfo | null; after: FolderInfo | null }>();
    for (let at = this.#steps.length - 1; at >= 0 && this.#steps[at]!.cn > cn; at--) {
      const { before, after } = this.#steps[at]!;
      const folderId = (before ?? after)!.folderId;
      const later = found.get(folderId);
      if (later === undefined) found.set(folderId, { before, after });
      else later.before = before;
    }
    // One that came and went again meanwhile was never there.
    return [...found.values()].filter(({ before, after }) => before !== null || after !== null)
      .sort((a, b) => (a.before ?? a.after)!.folderId - (b.before ?? b.after)!.folderId);
  }

  /** Brings it up to date. One read at a time; who comes meanwhile looks again after it. */
  async refresh(ctx: Ctx): Promise<void> {
    const turn = this.#turn.then(() => this.#read(ctx));
    // The next one waits for the end of this one, however it ends.
    this.#turn = turn.catch(() => undefined);
    await turn;
  }

  async #read(ctx: Ctx): Promise<void> {
    if (this.#cn < 0) await this.#fill(ctx);
    const since = this.#cn;
    const { cn, sizeBytes, count, rows } = await this.#store.read(ctx, this.#mailboxId,
      () => readFoldersSince(this.#mailboxId, since));
    this.#isAhead = cn < since;
    if (cn > since) await this.#take(ctx, cn, count, rows);
    // Messages that were given bytes have another size, which is no change to anybody.
    if (sizeBytes - this.#sizeBytes !== this.#sizeGap) await this.#readSizes(ctx);
  }

  async #take(ctx: Ctx, cn: number, count: number, rows: readonly FolderRow[]): Promise<void> {
    const fresh = rows.filter(({ folder_id: id }) => !this.folders.has(id as FolderId)).length;
    const there = this.folders.size + fresh === count ? null
      : new Set(await this.#store.read(ctx, this.#mailboxId, () => readFolderIds(this.#mailboxId)));
    // In one go from here: whoever looks between two awaits sees all of a change or nothing.
    const steps: Step[] = [];
    for (const row of rows) {
      const after = toFolderInfo(row);
      const before = this.folders.get(after.folderId) ?? null;
      if (before !== null && isSame(before, after)) continue;
      steps.push({ cn: cn as ChangeNumber, before, after });
      this.#put(after);
    }
    if (there !== null) this.#dropGone(there, cn as ChangeNumber, steps);
    this.#cn = cn as ChangeNumber;
    for (const step of steps) this.#steps.push(step);
    if (this.#steps.length <= limits.folderTreeStepsMax) return;
    const dropped = this.#steps.splice(0, this.#steps.length - limits.folderTreeStepsMax / 2);
    this.#stepsFrom = dropped.at(-1)!.cn;
    this.#steps = this.#steps.filter((step) => step.cn > this.#stepsFrom);
  }

  /** What changes while the slices are read comes with the first look after them. */
  async #fill(ctx: Ctx): Promise<void> {
    // What a try before that failed has left: nobody has seen it.
    this.folders.clear();
    this.#children.clear();
    this.#sizeBytes = 0;
    const state = await this.#store.read(ctx, this.#mailboxId, () => readFolderSlice(this.#mailboxId, 0, 0));
    await this.#eachRow(ctx, (row) => this.#put(toFolderInfo(row)));
    this.#cn = state.cn;
    this.#stepsFrom = state.cn;
  }

  async #readSizes(ctx: Ctx): Promise<void> {
    const { sizeBytes } = await this.#store.read(ctx, this.#mailboxId, () => readFolderSlice(this.#mailboxId, 0, 0));
    await this.#eachRow(ctx, (row) => {
      const after = toFolderInfo(row);
      const before = this.folders.get(after.folderId);
      // Whatever else is new comes as a change, with the next look.
      if (before !== undefined && isSame(before, after) && before.sizeBytes !== after.sizeBytes) this.#put(after);
    });
    this.#sizeGap = sizeBytes - this.#sizeBytes;
  }

  async #eachRow(ctx: Ctx, take: (row: FolderRow) => void): Promise<void> {
    for (let after = 0; ;) {
      const from = after;
      const { rows } = await this.#store.read(ctx, this.#mailboxId,
        () => readFolderSlice(this.#mailboxId, from, limits.sliceRows));
      for (const row of rows) take(row);
      if (rows.length < limits.sliceRows) break;
      after = rows.at(-1)!.folder_id;
      await yieldToOthers();
    }
  }

  #dropGone(there: ReadonlySet<number>, cn: ChangeNumber, steps: Step[]): void {
    for (const before of [...this.folders.values()]) {
      if (there.has(before.folderId)) continue;
      steps.push({ cn, before, after: null });
      this.folders.delete(before.folderId);
      this.#sizeBytes -= before.sizeBytes;
      this.#list = null;
      this.#children.get(before.parentId)?.delete(before.folderId);
      this.#children.delete(before.folderId);
    }
  }

  #put(info: FolderInfo): void {
    const before = this.folders.get(info.folderId);
    if (before?.parentId !== info.parentId || before === undefined) {
      if (before !== undefined) this.#children.get(before.parentId)?.delete(info.folderId);
      const siblings = this.#children.get(info.parentId);
      if (siblings === undefined) this.#children.set(info.parentId, new Set([info.folderId]));
      else siblings.add(info.folderId);
    }
    this.folders.set(info.folderId, info);
    this.#sizeBytes += info.sizeBytes - (before?.sizeBytes ?? 0);
    this.#list = null;
  }
}

/** Of a caller who sees some of the folders, or counts of their own: as they were listed. */
export class ListedTree implements FolderTree {
  readonly cn: ChangeNumber;
  readonly folders: ReadonlyMap<FolderId, FolderInfo>;
  #children: ReadonlyMap<FolderId | null, readonly FolderInfo[]> | null = null;

  constructor(infos: readonly FolderInfo[]) {
    this.folders = new Map(infos.map((info) => [info.folderId, info]));
    this.cn = infos.reduce((most, info) => Math.max(most, info.cn, info.highestCn), 0) as ChangeNumber;
  }

  childrenOf(folderId: FolderId): Iterable<FolderInfo> {
    this.#children ??= Map.groupBy(this.folders.values(), ({ parentId }) => parentId);
    return this.#children.get(folderId) ?? [];
  }

  changesSince(): null {
    return null;
  }
}

export class FolderTrees {
  readonly #store: Store;
  /** With the rows each had when it was last looked at. */
  readonly #trees = new Map<MailboxId, { readonly tree: SharedTree; readonly rowCount: number }>();
  #rowCount = 0;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Parents before children. A reader of the public store has counts of their own, which are read each time. */
  async list(ctx: Ctx, mailboxId: MailboxId, reader: Reader | null): Promise<readonly FolderInfo[]> {
    if (reader === null) return (await this.current(ctx, mailboxId)).list;
    const rows = await this.#store.read(ctx, mailboxId, () => countedFor(reader, readFolders(mailboxId)));
    return inTreeOrder(rows.map(toFolderInfo));
  }

  async current(ctx: Ctx, mailboxId: MailboxId): Promise<SharedTree> {
    const tree = this.#trees.get(mailboxId)?.tree ?? new SharedTree(this.#store, mailboxId);
    this.#keep(mailboxId, tree);
    await tree.refresh(ctx);
    if (tree.isAhead) {
      // Another caller may have put a new one in its place.
      if (this.#trees.get(mailboxId)?.tree === tree) this.#forget(mailboxId);
      return await this.current(ctx, mailboxId);
    }
    if (this.#trees.get(mailboxId)?.tree === tree) this.#keep(mailboxId, tree);
    return tree;
  }

  #forget(mailboxId: MailboxId): void {
    this.#rowCount -= this.#trees.get(mailboxId)?.rowCount ?? 0;
    this.#trees.delete(mailboxId);
  }

  #keep(mailboxId: MailboxId, tree: SharedTree): void {
    this.#forget(mailboxId);
    const rowCount = Math.max(1, tree.rowCount);
    this.#rowCount += rowCount;
    this.#trees.set(mailboxId, { tree, rowCount });
    for (const oldest of this.#trees.keys()) {
      if (this.#rowCount <= limits.folderTreesRowsMax || oldest === mailboxId) break;
      this.#forget(oldest);
    }
  }
}
