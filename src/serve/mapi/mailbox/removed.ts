/**
 * What was removed from a folder and waits in Recoverable Items: the messages that a folder's table of soft-deleted
 * ones lists. Deleted Items lists all that waits, as clients of Exchange expect who look there for it alone.
 * [MS-OXCFOLD] 2.2.1.14.1 SoftDeletes
 */
import type { Ctx } from "#base/ctx.ts";
import type { FolderId, MessageId } from "#base/ids.ts";
import type { FolderInfo } from "#mailbox/api.ts";
import type { Restriction } from "#props/structures.ts";
import type { PropertyTag } from "#props/types.ts";
import { contentsSource } from "#serve/mapi/mailbox/contents.ts";
import type { ContentsSource } from "#serve/mapi/mailbox/contents.ts";
import type { LogonObject } from "#serve/mapi/mailbox/objects.ts";
import { bagSource } from "#serve/mapi/mailbox/sources.ts";
import type { SourceContext } from "#serve/mapi/mailbox/sources.ts";
import type { RowId, SourceChanges, TableRow, TableSource } from "#serve/mapi/mailbox/table.ts";
import type { Cell } from "#wire/mapi/rows.ts";

class RemovedSource implements TableSource {
  readonly tableKind = "contents";
  readonly #from: SourceContext;
  readonly #binId: FolderId;
  readonly #bin: ContentsSource;
  /** null for all that waits. */
  readonly #removedFrom: FolderId | null;

  constructor(from: SourceContext, binId: FolderId, removedFrom: FolderId | null) {
    this.#from = from;
    this.#binId = binId;
    this.#bin = contentsSource(from, binId, false);
    this.#removedFrom = removedFrom;
  }

  state(ctx: Ctx): Promise<number> {
    return this.#bin.state(ctx);
  }

  watch(onChange: () => void): () => void {
    return this.#bin.watch(onChange);
  }

  idOf(row: TableRow): RowId {
    return this.#bin.idOf(row);
  }

  async list(ctx: Ctx, wanted: readonly PropertyTag[], restriction: Restriction | null): Promise<TableRow[]> {
    const rows = await this.#bin.list(ctx, wanted, restriction);
    if (this.#removedFrom === null) return rows;
    const own = new Set<number>();
    for await (const slice of this.#from.logon.items.light(ctx, this.#binId, ["deletedFromId"])) {
      for (const row of slice) if (row.deletedFromId === this.#removedFrom) own.add(row.messageId);
    }
    return rows.filter(({ key }) => own.has(key));
  }

  async changes(
    ctx: Ctx, since: number, wanted: readonly PropertyTag[], restriction: Restriction | null,
  ): Promise<SourceChanges | null> {
    const found = await this.#bin.changes(ctx, since, wanted, restriction);
    if (found === null || this.#removedFrom === null || found.rows.length === 0) return found;
    const ids = found.rows.map(({ key }) => key as MessageId);
    const light = await this.#from.logon.items.lightOf(ctx, ids, ["deletedFromId"]);
    const own = new Set<number>(light.filter((row) => row.deletedFromId === this.#removedFrom)
      .map(({ messageId }) => messageId));
    return { ...found, rows: found.rows.filter(({ key }) => own.has(key)) };
  }

  test(ctx: Ctx, rows: readonly TableRow[], restriction: Restriction): Promise<readonly boolean[]> {
    return this.#bin.test(ctx, rows, restriction);
  }

  cells(ctx: Ctx, rows: readonly TableRow[], columns: readonly PropertyTag[]): Promise<(Cell[] | undefined)[]> {
    return this.#bin.cells(ctx, rows, columns);
  }

  allColumns(): Promise<readonly PropertyTag[]> {
    return this.#bin.allColumns();
  }
}

/** Settings are gone at once, and search folders hold nothing: their tables are empty. */
export async function removedSource(
  ctx: Ctx, from: SourceContext, folder: FolderInfo, isAssociated: boolean,
): Promise<TableSource> {
  if (isAssociated || folder.isSearchFolder) {
    return bagSource("contents", from.codePage, () => Promise.resolve([]));
  }
  const bin = await from.logon.mailbox.folderByRole(ctx, "recoverableDeletions");
  return new RemovedSource(from, bin.folderId, folder.role === "deletedItems" ? null : folder.folderId);
}

/** Whether the table of what was removed from a folder lists a message. */
export async function wasRemovedFrom(
  ctx: Ctx, logon: LogonObject, messageId: MessageId, folder: FolderInfo,
): Promise<boolean> {
  const [row] = await logon.items.lightOf(ctx, [messageId], ["deletedFromId"]);
  if (row === undefined || row.deletedFromId === null) return false;
  return row.deletedFromId === folder.folderId || folder.role === "deletedItems";
}
