/** Tables whose rows are at hand, those of attachments among them. [MS-OXCMSG] 2.2.3.17 */
import type { Ctx } from "#base/ctx.ts";
import type { PropertyBag } from "#props/types.ts";
import { toCells } from "#serve/mapi/mailbox/cells.ts";
import type { OpenMessage } from "#serve/mapi/mailbox/message.ts";
import type { LogonObject } from "#serve/mapi/mailbox/objects.ts";
import { restrict } from "#serve/mapi/mailbox/table-order.ts";
import type { TableKind } from "#serve/mapi/mailbox/table-acts.ts";
import type { TableRow, TableSource } from "#serve/mapi/mailbox/table.ts";

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
  tableKind: TableKind, codePage: number, list: (ctx: Ctx) => Promise<BagRow[]>, more: Partial<TableSource> = {},
): TableSource {
  return {
    tableKind,
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

/** Attachments of an open message, unsaved ones too. */
export function attachmentSource(from: SourceContext, message: OpenMessage): TableSource {
  return bagSource("attachments", from.codePage, async (ctx) => {
    const found: BagRow[] = [];
    for (const one of message.attachments()) {
      found.push({ key: one.number, instance: 0, version: 0, values: await one.bag(ctx) });
    }
    return found;
  });
}
