/** Rows of folders, messages and attachments as tables show them. [MS-OXCFOLD] 2.2.1.13, 2.2.1.14, [MS-OXCMSG] 2.2.3.17 */
import type { Ctx } from "#base/ctx.ts";
import type { FolderId, MessageId } from "#base/ids.ts";
import type { ItemRow } from "#mailbox/items-api.ts";
import { makeTag, multivalueInstanceFlag, tagTypeCode, withTypeCode } from "#props/types.ts";
import type { PropertyBag, PropertyTag, PropertyValue } from "#props/types.ts";
import { messageIdentity } from "#serve/mapi/mailbox/message.ts";
import type { OpenMessage } from "#serve/mapi/mailbox/message.ts";
import type { LogonObject } from "#serve/mapi/mailbox/objects.ts";
import { cellOf, folderBags } from "#serve/mapi/mailbox/property-source.ts";
import type { TableRow, TableSource } from "#serve/mapi/mailbox/table.ts";
import type { Cell } from "#wire/mapi/rows.ts";

const plain = (tag: PropertyTag): PropertyTag => withTypeCode(tag, tagTypeCode(tag) & ~multivalueInstanceFlag);

const toCells = (bag: PropertyBag, columns: readonly PropertyTag[], codePage: number): Cell[] =>
  columns.map((tag) => cellOf(bag, plain(tag), codePage));

const PidTagDepth = makeTag(0x3005, "Integer32");

export interface SourceContext {
  readonly logon: LogonObject;
  readonly hostname: string;
  readonly codePage: number;
}

/** Folders below one, directly or at any depth. */
export function hierarchySource(from: SourceContext, parentId: FolderId, isDeep: boolean): TableSource {
  const { logon } = from;
  const list = async (ctx: Ctx): Promise<{ row: TableRow; bag: PropertyBag }[]> => {
    const views = await folderBags(ctx, logon, from.hostname);
    const depths = new Map<FolderId, number>([[parentId, 0]]);
    const found: { row: TableRow; bag: PropertyBag }[] = [];
    for (const { info, bag } of views) {
      const above = info.parentId === null ? undefined : depths.get(info.parentId);
      if (above === undefined || info.folderId === parentId) continue;
      if (isDeep) depths.set(info.folderId, above + 1);
      bag.set(PidTagDepth, above + 1);
      found.push({ row: { key: info.folderId, values: bag }, bag });
    }
    return found;
  };
  return {
    canSort: true,
    list: async (ctx) => (await list(ctx)).map(({ row }) => row),
    cells: (_ctx, rows, columns) =>
      Promise.resolve(rows.map((row) => toCells(row.values as PropertyBag, columns, from.codePage))),
    allColumns: async (ctx) => [...new Set((await list(ctx)).flatMap(({ bag }) => [...bag.keys()]))],
    watch: (onChange) => logon.mailbox.watch(onChange),
  };
}

/** Messages of a folder, or what is associated with it. */
export function contentsSource(from: SourceContext, folderId: FolderId, isAssociated: boolean): TableSource {
  const { logon } = from;
  const { items } = logon;
  const identityTags = new Set(messageIdentity(logon, folderId, 1 as MessageId, null).keys());
  const bagOf = async (ctx: Ctx, row: ItemRow, object: Parameters<typeof items.toTags>[1]): Promise<PropertyBag> => {
    const bag = await items.toTags(ctx, object, true);
    for (const [tag, value] of messageIdentity(logon, row.folderId, row.messageId, row.cn)) bag.set(tag, value);
    return bag;
  };
  return {
    canSort: true,
    async list(ctx, wanted) {
      const rows: TableRow[] = [];
      const tags = wanted.map(plain);
      const isLight = tags.every((tag) => identityTags.has(tag));
      if (isLight && tags.length === 0) {
        for await (const slice of items.rows(ctx, folderId, { associated: isAssociated })) {
          for (const row of slice) rows.push({ key: row.messageId, values: noValues });
        }
        return rows;
      }
      for await (const slice of items.table(ctx, folderId, { tags }, { associated: isAssociated })) {
        for (const { row, object } of slice) {
          rows.push({ key: row.messageId, values: await bagOf(ctx, row, object) });
        }
      }
      return rows;
    },
    async cells(ctx, rows, columns) {
      const ids = rows.map((row) => row.key as MessageId);
      const found = await items.properties(ctx, ids, { tags: columns.map(plain).map(asKept) });
      const byId = new Map<number, Cell[]>();
      for (const { row, object } of found) {
        byId.set(row.messageId, toCells(await bagOf(ctx, row, object), columns, from.codePage));
      }
      return rows.map((row) => byId.get(row.key));
    },
    allColumns: () => Promise.resolve(usualColumns),
    watch: (onChange) => logon.mailbox.watch(onChange),
  };
}

const noValues: ReadonlyMap<PropertyTag, PropertyValue> = new Map();

/** 8-bit text is kept as text. */
function asKept(tag: PropertyTag): PropertyTag {
  const code = tagTypeCode(tag);
  return code === 0x1e ? withTypeCode(tag, 0x1f) : code === 0x101e ? withTypeCode(tag, 0x101f) : tag;
}

/** What RopQueryColumnsAll tells for messages: what most of them have. [MS-OXCTABL] 2.2.2.12 */
const usualColumns: readonly PropertyTag[] = [
  makeTag(0x0fff, "Binary"), makeTag(0x0ff6, "Binary"), makeTag(0x674a, "Integer64"), makeTag(0x6748, "Integer64"),
  makeTag(0x001a, "String"), makeTag(0x0037, "String"), makeTag(0x003d, "String"), makeTag(0x0e1d, "String"),
  makeTag(0x0e07, "Integer32"), makeTag(0x0e08, "Integer32"), makeTag(0x0e1b, "Boolean"), makeTag(0x0e06, "Time"),
  makeTag(0x0039, "Time"), makeTag(0x3007, "Time"), makeTag(0x3008, "Time"), makeTag(0x0c1a, "String"),
  makeTag(0x0042, "String"), makeTag(0x0e04, "String"), makeTag(0x0e03, "String"), makeTag(0x0017, "Integer32"),
  makeTag(0x0036, "Integer32"), makeTag(0x0070, "String"), makeTag(0x0071, "Binary"), makeTag(0x3013, "Binary"),
  makeTag(0x1090, "Integer32"), makeTag(0x300b, "Binary"), makeTag(0x65e0, "Binary"), makeTag(0x65e2, "Binary"),
];

/** Attachments of an open message, unsaved ones too. */
export function attachmentSource(from: SourceContext, message: OpenMessage): TableSource {
  const bags = async (ctx: Ctx): Promise<{ key: number; bag: PropertyBag }[]> => {
    const found: { key: number; bag: PropertyBag }[] = [];
    for (const one of message.attachments()) found.push({ key: one.number, bag: await one.bag(ctx) });
    return found;
  };
  return {
    canSort: true,
    list: async (ctx) => (await bags(ctx)).map(({ key, bag }) => ({ key, values: bag })),
    cells: (_ctx, rows, columns) =>
      Promise.resolve(rows.map((row) => toCells(row.values as PropertyBag, columns, from.codePage))),
    allColumns: async (ctx) => [...new Set((await bags(ctx)).flatMap(({ bag }) => [...bag.keys()]))],
  };
}
