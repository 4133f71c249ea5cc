/** Rows of folders and attachments as tables show them. [MS-OXCFOLD] 2.2.1.13, [MS-OXCMSG] 2.2.3.17 */
import type { Ctx } from "#base/ctx.ts";
import type { FolderId } from "#base/ids.ts";
import { tagsOf } from "#props/evaluate.ts";
import type { Restriction } from "#props/structures.ts";
import { makeTag, tagId } from "#props/types.ts";
import type { PropertyBag, PropertyTag } from "#props/types.ts";
import { toCells } from "#serve/mapi/mailbox/cells.ts";
import { toShortId } from "#serve/mapi/mailbox/keys.ts";
import type { OpenMessage } from "#serve/mapi/mailbox/message.ts";
import type { LogonObject } from "#serve/mapi/mailbox/objects.ts";
import { folderBags } from "#serve/mapi/mailbox/property-source.ts";
import { SearchCounts } from "#serve/mapi/mailbox/search-counts.ts";
import type { SearchCount } from "#serve/mapi/mailbox/search-counts.ts";
import { restrict } from "#serve/mapi/mailbox/table-order.ts";
import type { RowId, TableRow, TableSource } from "#serve/mapi/mailbox/table.ts";
import type { Cell } from "#wire/mapi/rows.ts";

const PidTagDepth = makeTag(0x3005, "Integer32");

export interface SourceContext {
  readonly logon: LogonObject;
  readonly hostname: string;
  readonly codePage: number;
}

interface BagRow extends TableRow {
  readonly values: PropertyBag;
}

/** A table whose rows are bags that are all at hand. */
export function bagSource(
  codePage: number, list: (ctx: Ctx) => Promise<BagRow[]>, more: Partial<TableSource> = {},
): TableSource {
  return {
    canSort: true,
    list: async (ctx, _wanted, restriction) => {
      const rows = await list(ctx);
      return restriction === null ? rows : await restrict(rows, restriction);
    },
    cells: (_ctx, rows, columns) =>
      Promise.resolve(rows.map((row) => toCells((row as BagRow).values, columns, codePage))),
    allColumns: async (ctx) => [...new Set((await list(ctx)).flatMap(({ values }) => [...values.keys()]))],
    ...more,
  };
}

const countIds: ReadonlySet<number> = new Set([0x3602, 0x3603]);
const PidTagContentCount = makeTag(0x3602, "Integer32");
const PidTagContentUnreadCount = makeTag(0x3603, "Integer32");
const asksCounts = (tags: Iterable<PropertyTag>): boolean => [...tags].some((tag) => countIds.has(tagId(tag)));

function putCount(bag: PropertyBag, { messageCount, unreadCount }: SearchCount): void {
  bag.set(PidTagContentCount, messageCount);
  bag.set(PidTagContentUnreadCount, unreadCount);
}

/** Folders below one, directly or at any depth. Search folders are counted when somebody looks at their counts. */
class HierarchySource implements TableSource {
  readonly canSort = true;
  readonly #from: SourceContext;
  readonly #parentId: FolderId;
  readonly #isDeep: boolean;
  /** Of those in the table. */
  readonly #searchFolders = new Set<number>();

  constructor(from: SourceContext, parentId: FolderId, isDeep: boolean) {
    this.#from = from;
    this.#parentId = parentId;
    this.#isDeep = isDeep;
  }

  async list(ctx: Ctx, wanted: readonly PropertyTag[], restriction: Restriction | null): Promise<TableRow[]> {
    const rows = await this.#rows(ctx, asksCounts(wanted) || (restriction !== null && asksCounts(tagsOf(restriction))));
    return restriction === null ? rows : await restrict(rows, restriction);
  }

  async #rows(ctx: Ctx, isCounted: boolean): Promise<BagRow[]> {
    const { logon, hostname } = this.#from;
    const counts = SearchCounts.of(logon);
    const depths = new Map<FolderId, number>([[this.#parentId, 0]]);
    const found: BagRow[] = [];
    this.#searchFolders.clear();
    for (const { info, bag } of await folderBags(ctx, logon, hostname)) {
      const above = info.parentId === null ? undefined : depths.get(info.parentId);
      if (above === undefined || info.folderId === this.#parentId) continue;
      if (this.#isDeep) depths.set(info.folderId, above + 1);
      bag.set(PidTagDepth, above + 1);
      let count: SearchCount = info;
      if (info.isSearchFolder) {
        this.#searchFolders.add(info.folderId);
        if (isCounted || counts.knows(info.folderId)) {
          ({ count } = await counts.look(ctx, info.folderId));
          putCount(bag, count);
        }
      }
      found.push({
        key: info.folderId, instance: 0, values: bag,
        version: `${info.cn} ${count.messageCount} ${count.unreadCount} ${info.associatedCount}`,
      });
    }
    return found;
  }

  async cells(ctx: Ctx, rows: readonly TableRow[], columns: readonly PropertyTag[]): Promise<Cell[][]> {
    const counts = SearchCounts.of(this.#from.logon);
    if (asksCounts(columns)) {
      for (const { key, values } of rows) {
        if (!this.#searchFolders.has(key) || counts.knows(key as FolderId)) continue;
        putCount(values as PropertyBag, (await counts.look(ctx, key as FolderId)).count);
      }
    }
    return rows.map((row) => toCells((row as BagRow).values, columns, this.#from.codePage));
  }

  async allColumns(ctx: Ctx): Promise<readonly PropertyTag[]> {
    return [...new Set((await this.#rows(ctx, false)).flatMap(({ values }) => [...values.keys()]))];
  }

  watch(onChange: () => void): () => void {
    return this.#from.logon.mailbox.watch(onChange);
  }

  idOf({ key }: TableRow): RowId {
    return { folderId: toShortId(key), instance: 0 };
  }
}

export function hierarchySource(from: SourceContext, parentId: FolderId, isDeep: boolean): TableSource {
  return new HierarchySource(from, parentId, isDeep);
}

/** Attachments of an open message, unsaved ones too. */
export function attachmentSource(from: SourceContext, message: OpenMessage): TableSource {
  return bagSource(from.codePage, async (ctx) => {
    const found: BagRow[] = [];
    for (const one of message.attachments()) {
      found.push({ key: one.number, instance: 0, version: 0, values: await one.bag(ctx) });
    }
    return found;
  });
}
