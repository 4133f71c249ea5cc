/**
 * Folders as tables show them: those of a tree that is held in memory, so that a change costs what has changed. What
 * the row of a folder tells is at hand; the rest is worked out for the rows that are shown, or tested.
 * [MS-OXCFOLD] 2.2.1.13
 */
import type { Ctx } from "#base/ctx.ts";
import { yieldToOthers } from "#base/ctx.ts";
import type { ChangeNumber, FolderId } from "#base/ids.ts";
import { toObjectId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import type { FolderInfo } from "#mailbox/api.ts";
import type { FolderChange, FolderTree } from "#mailbox/folder-tree.ts";
import { passes, tagsOf } from "#props/evaluate.ts";
import type { Restriction } from "#props/structures.ts";
import { makeTag, tagId } from "#props/types.ts";
import type { PropertyBag, PropertyTag, PropertyValue } from "#props/types.ts";
import { toCells } from "#serve/mapi/mailbox/cells.ts";
import { hasKeptRules } from "#serve/mapi/mailbox/kept-rules.ts";
import { toShortId } from "#serve/mapi/mailbox/keys.ts";
import { folderView, hasChildren } from "#serve/mapi/mailbox/property-source.ts";
import { SearchCounts } from "#serve/mapi/mailbox/search-counts.ts";
import type { SearchCount } from "#serve/mapi/mailbox/search-counts.ts";
import type { SourceContext } from "#serve/mapi/mailbox/sources.ts";
import type { RowId, RowValues, SourceChanges, TableRow, TableSource } from "#serve/mapi/mailbox/table.ts";
import type { Cell } from "#wire/mapi/rows.ts";

const PidTagDepth = makeTag(0x3005, "Integer32");
const PidTagHasRules = makeTag(0x663a, "Boolean");
const PidTagContentCount = makeTag(0x3602, "Integer32");
const PidTagContentUnreadCount = makeTag(0x3603, "Integer32");
const countIds: ReadonlySet<number> = new Set([PidTagContentCount, PidTagContentUnreadCount].map(tagId));
const asksCounts = (tags: Iterable<PropertyTag>): boolean => [...tags].some((tag) => countIds.has(tagId(tag)));

/** Rows made, and folders whose properties are read, before others have their turn. */
const rowsAtOnce = 2000;
const bagsAtOnce = 200;

interface Shown {
  readonly info: FolderInfo;
  readonly depth: number;
  readonly count: SearchCount;
}

/** What needs no look at what clients wrote. */
type AtHand = (shown: Shown) => PropertyValue | undefined;
const atHand: ReadonlyMap<PropertyTag, AtHand> = new Map<PropertyTag, AtHand>([
  [makeTag(0x3001, "String"), ({ info }) => info.name],
  [PidTagDepth, ({ depth }) => depth],
  [PidTagContentCount, ({ count }) => count.messageCount],
  [PidTagContentUnreadCount, ({ count }) => count.unreadCount],
  [makeTag(0x3617, "Integer32"), ({ info }) => info.associatedCount],
  [makeTag(0x3613, "String"), ({ info }) => (info.containerClass === "" ? undefined : info.containerClass)],
  [makeTag(0x10f4, "Boolean"), ({ info }) => info.hidden],
  [makeTag(0x6748, "Integer64"), ({ info }) => BigInt.asIntN(64, toObjectId(info.folderId))],
]);

class FolderRow implements TableRow, RowValues {
  readonly key: FolderId;
  readonly instance = 0;
  readonly version: string;
  readonly shown: Shown;
  /** All of it, once somebody needed more than is at hand. */
  bag: PropertyBag | null = null;

  constructor(shown: Shown, isParent: boolean) {
    const { info, count, depth } = shown;
    this.key = info.folderId;
    this.shown = shown;
    this.version = [
      info.cn, count.messageCount, count.unreadCount, info.associatedCount, info.sizeBytes, depth, isParent,
    ].join(" ");
  }

  get values(): RowValues {
    return this;
  }

  get(tag: PropertyTag): PropertyValue | undefined {
    const own = atHand.get(tag);
    return own === undefined ? this.bag?.get(tag) : own(this.shown);
  }
}

const needsBags = (tags: Iterable<PropertyTag>): boolean => [...tags].some((tag) => !atHand.has(tag));

/** Folders below one, directly or at any depth. Search folders are counted when somebody looks at their counts. */
class HierarchySource implements TableSource {
  readonly tableKind = "hierarchy";
  readonly #from: SourceContext;
  readonly #parentId: FolderId;
  readonly #isDeep: boolean;
  /** Of those in the table, with the counts they were shown with. */
  readonly #searchFolders = new Map<FolderId, SearchCount>();
  /** Whether each row stands behind those with smaller ids, as rows that change are put in. */
  #isById = true;

  constructor(from: SourceContext, parentId: FolderId, isDeep: boolean) {
    this.#from = from;
    this.#parentId = parentId;
    this.#isDeep = isDeep;
  }

  #tree(ctx: Ctx): Promise<FolderTree> {
    return this.#from.logon.mailbox.folderTree(ctx);
  }

  async state(ctx: Ctx): Promise<number> {
    return (await this.#tree(ctx)).cn;
  }

  async list(ctx: Ctx, wanted: readonly PropertyTag[], restriction: Restriction | null): Promise<TableRow[]> {
    const asked = [...wanted, ...restriction === null ? [] : tagsOf(restriction)];
    this.#searchFolders.clear();
    const rows = await this.#below(ctx, asksCounts(asked));
    return await this.#passing(ctx, rows, asked, restriction);
  }

  /** Parents before children, and otherwise by id. */
  async #below(ctx: Ctx, isCounted: boolean): Promise<FolderRow[]> {
    const tree = await this.#tree(ctx);
    const found: { readonly info: FolderInfo; readonly depth: number }[] = [];
    let level = [this.#parentId];
    for (let depth = 1; level.length > 0 && depth <= limits.folderDepthMax; depth++) {
      const next: FolderId[] = [];
      for (const folderId of level) {
        for (const info of tree.childrenOf(folderId)) {
          found.push({ info, depth });
          next.push(info.folderId);
        }
      }
      level = this.#isDeep ? next : [];
    }
    const depths = new Map(found.map(({ info, depth }) => [info.folderId, depth]));
    found.sort((a, b) => a.info.folderId - b.info.folderId);
    this.#isById = found.every(({ info: { parentId, folderId } }) => !depths.has(parentId!) || parentId! < folderId);
    if (!this.#isById) found.sort((a, b) => a.depth - b.depth || a.info.folderId - b.info.folderId);
    const rows: FolderRow[] = [];
    for (const { info, depth } of found) {
      rows.push(await this.#row(ctx, tree, info, depth, isCounted));
      if (rows.length % rowsAtOnce === 0) await yieldToOthers();
    }
    return rows;
  }

  async #row(ctx: Ctx, tree: FolderTree, info: FolderInfo, depth: number, isCounted: boolean): Promise<FolderRow> {
    let count: SearchCount = info;
    if (info.isSearchFolder) {
      const counts = SearchCounts.of(this.#from.logon);
      if (isCounted || counts.knows(info.folderId)) ({ count } = await counts.look(ctx, info.folderId));
      this.#searchFolders.set(info.folderId, count);
    }
    return new FolderRow({ info, depth, count }, hasChildren(tree, info.folderId));
  }

  async #passing(
    ctx: Ctx, rows: FolderRow[], asked: readonly PropertyTag[], restriction: Restriction | null,
  ): Promise<FolderRow[]> {
    const withBags = needsBags(asked);
    if (!withBags && restriction === null) return rows;
    const kept: FolderRow[] = [];
    for (let at = 0; at < rows.length; at += bagsAtOnce) {
      const slice = rows.slice(at, at + bagsAtOnce);
      if (withBags) await this.#fill(ctx, slice);
      for (const row of slice) if (restriction === null || passes(restriction, row)) kept.push(row);
      await yieldToOthers();
    }
    return kept;
  }

  /** Works out all properties of rows that have not got them. */
  async #fill(ctx: Ctx, rows: readonly FolderRow[]): Promise<void> {
    const { logon, hostname } = this.#from;
    const left = rows.filter(({ bag }) => bag === null);
    if (left.length === 0) return;
    const written = await logon.mailbox.folderPropertiesOf(ctx, left.map(({ key }) => key));
    const tree = await this.#tree(ctx);
    for (const row of left) {
      const { bag } = folderView(logon, hostname, tree, row.shown.info, written.get(row.key));
      for (const [tag, value] of atHand) {
        const own = value(row.shown);
        if (own !== undefined) bag.set(tag, own);
      }
      row.bag = bag;
    }
  }

  /** Where a folder is in the table; null when it is not. */
  #depthOf(tree: FolderTree, info: FolderInfo): number | null {
    let at: FolderInfo | undefined = info;
    for (let depth = 1; at !== undefined && depth <= limits.folderDepthMax; depth++) {
      if (at.parentId === this.#parentId) return depth === 1 || this.#isDeep ? depth : null;
      at = at.parentId === null ? undefined : tree.folders.get(at.parentId);
    }
    return null;
  }

  async changes(
    ctx: Ctx, since: number, wanted: readonly PropertyTag[], restriction: Restriction | null,
  ): Promise<SourceChanges | null> {
    const tree = await this.#tree(ctx);
    const news = tree.changesSince(since as ChangeNumber);
    if (news === null || !this.#isById || news.some(isMoved)) return null;
    const state = tree.cn;
    const touched = new Set<FolderId>();
    for (const { before, after } of news) {
      const { folderId, parentId } = (after ?? before)!;
      touched.add(folderId);
      // Whether it has folders below it is told of the one above.
      if ((before === null || after === null) && parentId !== null) touched.add(parentId);
      if (after === null) this.#searchFolders.delete(folderId);
    }
    for (const folderId of await this.#recounted(ctx)) touched.add(folderId);
    const rows: FolderRow[] = [];
    for (const folderId of touched) {
      const info = tree.folders.get(folderId);
      const depth = info === undefined ? null : this.#depthOf(tree, info);
      if (depth !== null) rows.push(await this.#row(ctx, tree, info!, depth, false));
    }
    const asked = [...wanted, ...restriction === null ? [] : tagsOf(restriction)];
    return { state, touched, rows: await this.#passing(ctx, rows, asked, restriction) };
  }

  /** Search folders that find more or less than they were shown with. */
  async #recounted(ctx: Ctx): Promise<FolderId[]> {
    const counts = SearchCounts.of(this.#from.logon);
    const found: FolderId[] = [];
    for (const [folderId, before] of this.#searchFolders) {
      if (!counts.knows(folderId)) continue;
      const { count } = await counts.look(ctx, folderId);
      const isSame = count.messageCount === before.messageCount && count.unreadCount === before.unreadCount;
      if (!isSame) found.push(folderId);
    }
    return found;
  }

  async test(ctx: Ctx, rows: readonly TableRow[], restriction: Restriction): Promise<readonly boolean[]> {
    const own = rows as readonly FolderRow[];
    if (needsBags(tagsOf(restriction))) await this.#fill(ctx, own);
    return own.map((row) => passes(restriction, row));
  }

  async cells(ctx: Ctx, rows: readonly TableRow[], columns: readonly PropertyTag[]): Promise<Cell[][]> {
    const own = rows as readonly FolderRow[];
    await this.#fill(ctx, own);
    const counts = SearchCounts.of(this.#from.logon);
    const isCounted = asksCounts(columns);
    for (const { key, bag, shown } of own) {
      if (isCounted && shown.info.isSearchFolder && !counts.knows(key)) {
        const { count } = await counts.look(ctx, key);
        this.#searchFolders.set(key, count);
        bag!.set(PidTagContentCount, count.messageCount).set(PidTagContentUnreadCount, count.unreadCount);
      }
      if (columns.includes(PidTagHasRules)) {
        bag!.set(PidTagHasRules, await hasKeptRules(ctx, this.#from.logon, shown.info));
      }
    }
    return own.map(({ bag }) => toCells(bag!, columns, this.#from.codePage));
  }

  async allColumns(ctx: Ctx): Promise<readonly PropertyTag[]> {
    const rows = await this.#below(ctx, false);
    const found = new Set<PropertyTag>();
    for (let at = 0; at < rows.length; at += bagsAtOnce) {
      const slice = rows.slice(at, at + bagsAtOnce);
      await this.#fill(ctx, slice);
      for (const { bag } of slice) for (const tag of bag!.keys()) found.add(tag);
      await yieldToOthers();
    }
    return [...found];
  }

  watch(onChange: () => void): () => void {
    return this.#from.logon.mailbox.watch(onChange);
  }

  idOf({ key }: TableRow): RowId {
    return { folderId: toShortId(key), instance: 0 };
  }
}

const isMoved = ({ before, after }: FolderChange): boolean =>
  before !== null && after !== null && before.parentId !== after.parentId;

export function hierarchySource(from: SourceContext, parentId: FolderId, isDeep: boolean): TableSource {
  return new HierarchySource(from, parentId, isDeep);
}
