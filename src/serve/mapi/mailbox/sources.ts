/** Rows of folders and attachments as tables show them. [MS-OXCFOLD] 2.2.1.13, [MS-OXCMSG] 2.2.3.17 */
import type { Ctx } from "#base/ctx.ts";
import type { FolderId } from "#base/ids.ts";
import { makeTag } from "#props/types.ts";
import type { PropertyBag } from "#props/types.ts";
import { toCells } from "#serve/mapi/mailbox/cells.ts";
import { toShortId } from "#serve/mapi/mailbox/keys.ts";
import type { OpenMessage } from "#serve/mapi/mailbox/message.ts";
import type { LogonObject } from "#serve/mapi/mailbox/objects.ts";
import { folderBags } from "#serve/mapi/mailbox/property-source.ts";
import type { TableRow, TableSource } from "#serve/mapi/mailbox/table.ts";

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
    canSort: true, list,
    cells: (_ctx, rows, columns) =>
      Promise.resolve(rows.map((row) => toCells((row as BagRow).values, columns, codePage))),
    allColumns: async (ctx) => [...new Set((await list(ctx)).flatMap(({ values }) => [...values.keys()]))],
    ...more,
  };
}

/** Folders below one, directly or at any depth. */
export function hierarchySource(from: SourceContext, parentId: FolderId, isDeep: boolean): TableSource {
  const { logon } = from;
  const list = async (ctx: Ctx): Promise<BagRow[]> => {
    const views = await folderBags(ctx, logon, from.hostname);
    const depths = new Map<FolderId, number>([[parentId, 0]]);
    const found: BagRow[] = [];
    for (const { info, bag } of views) {
      const above = info.parentId === null ? undefined : depths.get(info.parentId);
      if (above === undefined || info.folderId === parentId) continue;
      if (isDeep) depths.set(info.folderId, above + 1);
      bag.set(PidTagDepth, above + 1);
      const { folderId, cn, messageCount, unreadCount, associatedCount } = info;
      found.push({ key: folderId, version: `${cn} ${messageCount} ${unreadCount} ${associatedCount}`, values: bag });
    }
    return found;
  };
  return bagSource(from.codePage, list, {
    watch: (onChange) => logon.mailbox.watch(onChange), idOf: (key) => ({ folderId: toShortId(key) }),
  });
}

/** Attachments of an open message, unsaved ones too. */
export function attachmentSource(from: SourceContext, message: OpenMessage): TableSource {
  return bagSource(from.codePage, async (ctx) => {
    const found: BagRow[] = [];
    for (const one of message.attachments()) {
      found.push({ key: one.number, version: 0, values: await one.bag(ctx) });
    }
    return found;
  });
}
