/** Tables. [MS-OXCTABL] 2.2.2, [MS-OXCFOLD] 2.2.1.13, 2.2.1.14 */
import { limits } from "#base/limits.ts";
import { borrowWriter } from "#codec/binary/code.ts";
import { folderRights } from "#mailbox/access.ts";
import { RopError } from "#serve/mapi/mailbox/errors.ts";
import { asFolder, asLogon, handler } from "#serve/mapi/mailbox/rop-call.ts";
import type { RopCall, RopHandler } from "#serve/mapi/mailbox/rop-call.ts";
import { asMessage } from "#serve/mapi/mailbox/rops/messages.ts";
import { idOfBigint } from "#serve/mapi/mailbox/categories.ts";
import { contentsSource } from "#serve/mapi/mailbox/contents.ts";
import { searchSource } from "#serve/mapi/mailbox/search-folders.ts";
import { removedSource } from "#serve/mapi/mailbox/removed.ts";
import { hierarchySource } from "#serve/mapi/mailbox/hierarchy.ts";
import { attachmentSource, bagSource } from "#serve/mapi/mailbox/sources.ts";
import type { SourceContext } from "#serve/mapi/mailbox/sources.ts";
import { OpenTable } from "#serve/mapi/mailbox/table.ts";
import { requireAct } from "#serve/mapi/mailbox/table-acts.ts";
import type { TableActName } from "#serve/mapi/mailbox/table-acts.ts";
import { toOrder } from "#serve/mapi/mailbox/table-order.ts";
import { writeRow } from "#wire/mapi/rows.ts";
import type { Cell } from "#wire/mapi/rows.ts";
import * as folders from "#wire/mapi/rops/folders.ts";
import * as messages from "#wire/mapi/rops/messages.ts";
import * as rops from "#wire/mapi/rops/tables.ts";

/** [MS-OXCFOLD] 2.2.1.13.1, 2.2.1.14.1 */
const tableFlags = {
  associated: 0x02, depth: 0x04, deferredErrors: 0x08, noNotifications: 0x10, softDeletes: 0x20, unicode: 0x40,
  /** Of a contents table. */
  conversationMembers: 0x80,
  /** Of a hierarchy table. */
  suppressesNotifications: 0x80,
} as const;
const everyTable = tableFlags.deferredErrors | tableFlags.noNotifications | tableFlags.softDeletes | tableFlags.unicode;
const hierarchyFlags = everyTable | tableFlags.depth | tableFlags.suppressesNotifications;
const contentsFlags = everyTable | tableFlags.associated | tableFlags.conversationMembers;
/** [MS-OXCTABL] 2.2.2.1.3 */
const tableStatus = { complete: 0x00 } as const;
const queryFlags = { noAdvance: 0x01 } as const;

function asTable(call: RopCall<unknown>, act?: TableActName): OpenTable {
  const table = call.object;
  if (!(table instanceof OpenTable)) throw new RopError("notSupported", "This needs a table.");
  if (act !== undefined) requireAct(act, table.source.tableKind, table.hasColumns);
  return table;
}

function sourceContext(call: RopCall<unknown>): SourceContext {
  return { logon: asLogon(call), hostname: call.session.services.hostname, codePage: call.session.codePage };
}

/** Rows that fit, in columns; those that are gone meanwhile are left out. */
async function fittingRows(
  call: RopCall<unknown>, table: OpenTable, asked: number, options: { forward: boolean; advance: boolean },
): Promise<{ cells: Cell[][]; origin: number }> {
  const count = Math.min(asked, limits.mapiRowsMax);
  const { rows, origin, moveTo } = await table.query(call.ctx, count, options);
  const found = await table.cells(call.ctx, rows, call.session.codePage);
  const cells: Cell[][] = [];
  let left = call.roomBytes - 16;
  let used = 0;
  for (const row of found) {
    const size = row === undefined ? 0 : rowSize(table, row);
    if (size > left) break;
    left -= size;
    used++;
    if (row !== undefined) cells.push(row);
  }
  if (used === 0 && rows.length > 0) throw new RopError("bufferTooSmall", "One row is larger than the buffer.");
  moveTo(used);
  return { cells, origin: used < rows.length ? 1 : origin };
}

function rowSize(table: OpenTable, row: readonly Cell[]): number {
  return borrowWriter((writer) => {
    writeRow("rop", table.columns, writer, row);
    return writer.at;
  });
}

export const tableHandlers: readonly RopHandler[] = [
  handler(folders.RopGetHierarchyTable, async (call) => {
    const flags = call.request.tableFlags;
    if ((flags & ~hierarchyFlags) !== 0) throw new RopError("notSupported", "The table has an unknown flag.");
    const { folderId } = asFolder(call.object);
    // Removed folders are gone at once: no table lists them. [MS-OXCFOLD] 2.2.1.13.1
    const source = (flags & tableFlags.softDeletes) !== 0
      ? bagSource("hierarchy", call.session.codePage, () => Promise.resolve([]))
      : hierarchySource(sourceContext(call), folderId, (flags & tableFlags.depth) !== 0);
    const table = new OpenTable(asLogon(call), source, { isSilent: (flags & tableFlags.noNotifications) !== 0 });
    return { opens: table, body: { rowCount: (await table.rows(call.ctx)).length } };
  }),

  handler(folders.RopGetContentsTable, async (call) => {
    const folder = asFolder(call.object);
    const flags = call.request.tableFlags;
    if ((flags & ~contentsFlags) !== 0) throw new RopError("invalidParameter", "The table has an unknown flag.");
    const info = await folder.logon.mailbox.folder(call.ctx, folder.folderId);
    // Told when the table is opened: how many rows there would be is no matter of those who may not read them.
    if ((folder.logon.mailbox.rightsIn(folder.folderId) & folderRights.readAny) === 0) {
      throw new RopError("accessDenied", "The messages of this folder may not be read.");
    }
    if ((flags & tableFlags.softDeletes) !== 0) {
      const removed = await removedSource(call.ctx, sourceContext(call), info, (flags & tableFlags.associated) !== 0);
      const table = new OpenTable(folder.logon, removed, { isSilent: (flags & tableFlags.noNotifications) !== 0 });
      return { opens: table, body: { rowCount: (await table.rows(call.ctx)).length } };
    }
    const isAssociated = (flags & tableFlags.associated) !== 0;
    const isSearch = info.isSearchFolder && !isAssociated;
    const source = isSearch ? searchSource(sourceContext(call), folder)
      : contentsSource(sourceContext(call), folder.folderId, isAssociated);
    const table = new OpenTable(folder.logon, source, { isSilent: (flags & tableFlags.noNotifications) !== 0 });
    if (isSearch) return { opens: table, body: { rowCount: (await table.rows(call.ctx)).length } };
    return { opens: table, body: { rowCount: isAssociated ? info.associatedCount : info.messageCount } };
  }),

  handler(messages.RopGetAttachmentTable, (call) => {
    const message = asMessage(call.object);
    return { opens: new OpenTable(message.logon, attachmentSource(sourceContext(call), message)) };
  }),

  handler(rops.RopSetColumns, (call) => {
    asTable(call).setColumns(call.request.propertyTags);
    return { body: { tableStatus: tableStatus.complete } };
  }),

  handler(rops.RopSortTable, (call) => {
    const { sortOrders, categoryCount, expandedCount } = call.request;
    const table = asTable(call, "sort");
    // An order that is refused leaves none. [MS-OXCTABL] 3.2.5.3
    table.setSort([]);
    const { categories, keys } = toOrder(sortOrders, categoryCount);
    table.setSort(keys, categories, expandedCount);
    return { body: { tableStatus: tableStatus.complete } };
  }),

  handler(rops.RopRestrict, (call) => {
    const table = asTable(call, "restrict");
    // One that is refused leaves none. [MS-OXCTABL] 3.2.5.4
    table.setRestriction(null);
    table.setRestriction(call.request.restrictionData);
    return { body: { tableStatus: tableStatus.complete } };
  }),

  handler(rops.RopQueryRows, async (call) => {
    const table = asTable(call, "queryRows");
    const { forwardRead, rowCount, queryRowsFlags } = call.request;
    const { cells, origin } = await fittingRows(call, table, rowCount,
      { forward: forwardRead, advance: (queryRowsFlags & queryFlags.noAdvance) === 0 });
    return { body: { origin, rowData: cells }, given: { columns: table.columns } };
  }),

  handler(rops.RopGetStatus, () => ({ body: { tableStatus: tableStatus.complete } })),
  handler(rops.RopAbort, (call) => {
    asTable(call, "abort");
    throw new RopError("unableToAbort", "Nothing is under way on this table.");
  }),
  handler(rops.RopQueryPosition, async (call) => ({ body: await asTable(call).position(call.ctx) })),

  handler(rops.RopSeekRow, async (call) => ({
    body: await asTable(call).seek(call.ctx, call.request.origin, call.request.rowCount),
  })),

  handler(rops.RopSeekRowBookmark, async (call) => ({
    body: await asTable(call, "seekBookmark").seekBookmark(call.ctx, call.request.bookmark, call.request.rowCount),
  })),

  handler(rops.RopSeekRowFractional, async (call) => {
    await asTable(call).seekFraction(call.ctx, call.request.numerator, call.request.denominator);
    return {};
  }),

  handler(rops.RopCreateBookmark, async (call) => ({
    body: { bookmark: await asTable(call, "createBookmark").createBookmark(call.ctx) },
  })),
  handler(rops.RopFreeBookmark, (call) => {
    asTable(call, "freeBookmark").freeBookmark(call.request.bookmark);
    return {};
  }),

  handler(rops.RopQueryColumnsAll, async (call) => {
    const table = asTable(call);
    await table.view(call.ctx);
    return { body: { propertyTags: await table.source.allColumns(call.ctx) } };
  }),

  handler(rops.RopFindRow, async (call) => {
    const table = asTable(call, "find");
    const { restrictionData, findRowFlags, origin, bookmark } = call.request;
    if (origin > 3) throw new RopError("invalidParameter", `${origin} is no origin.`);
    const at = origin === 3 ? await table.bookmarkPlace(call.ctx, bookmark) : null;
    const row = await table.find(call.ctx, restrictionData,
      { place: at?.place ?? null, origin, forward: (findRowFlags & 0x01) === 0 });
    if (row === null) throw new RopError("notFound", "No row passes the restriction.");
    const [found] = await table.cells(call.ctx, [row], call.session.codePage);
    // Told when there is room for it; the table stands on it either way. [MS-OXCTABL] 3.2.5.14
    const cells = found !== undefined && rowSize(table, found) <= call.roomBytes - 16 ? found : undefined;
    return {
      body: {
        rowNoLongerVisible: at?.isGone ?? false, hasRowData: cells !== undefined,
        ...cells === undefined ? {} : { rowData: cells },
      },
      given: { columns: table.columns },
    };
  }),

  handler(rops.RopExpandRow, async (call) => {
    const table = asTable(call, "expand");
    const { maxRowCount, categoryId } = call.request;
    const rows = await table.expand(call.ctx, idOfBigint(categoryId));
    const rowData: Cell[][] = [];
    let left = call.roomBytes - 16;
    for (const row of await table.cells(call.ctx, rows.slice(0, maxRowCount), call.session.codePage)) {
      if (row === undefined) continue;
      left -= rowSize(table, row);
      if (left < 0) break;
      rowData.push(row);
    }
    return { body: { expandedRowCount: rows.length, rowData }, given: { columns: table.columns } };
  }),

  handler(rops.RopCollapseRow, async (call) => {
    const table = asTable(call, "collapse");
    return { body: { collapsedRowCount: await table.collapse(call.ctx, idOfBigint(call.request.categoryId)) } };
  }),

  handler(rops.RopGetCollapseState, async (call) => ({
    body: { collapseState: await asTable(call, "collapseState").collapseState(call.ctx, idOfBigint(call.request.rowId),
      call.request.rowInstanceNumber) },
  })),

  handler(rops.RopSetCollapseState, async (call) => ({
    body: { bookmark: await asTable(call, "collapseState").setCollapseState(call.ctx, call.request.collapseState) },
  })),

  handler(rops.RopResetTable, (call) => {
    asTable(call, "reset").reset();
    return {};
  }),
];
