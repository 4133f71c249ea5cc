/** Messages of a folder as tables show them, or what is associated with it. [MS-OXCFOLD] 2.2.1.14 */
import type { Ctx } from "#base/ctx.ts";
import { yieldToOthers } from "#base/ctx.ts";
import type { ChangeNumber, FolderId, MessageId } from "#base/ids.ts";
import { toObjectId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import { folderRights } from "#mailbox/access.ts";
import type { LightRow } from "#mailbox/items/light.ts";
import type { ItemRow } from "#mailbox/items-api.ts";
import { passes } from "#props/evaluate.ts";
import type { Restriction } from "#props/structures.ts";
import { makeTag, tagId } from "#props/types.ts";
import type { PropertyBag, PropertyTag } from "#props/types.ts";
import { rowTypes } from "#serve/mapi/mailbox/categories.ts";
import { keptTag, plainTag, toCells } from "#serve/mapi/mailbox/cells.ts";
import { heldTagsOf } from "#serve/mapi/mailbox/decide.ts";
import { RopError } from "#serve/mapi/mailbox/errors.ts";
import { isTold, RowFilter } from "#serve/mapi/mailbox/filter.ts";
import { messageIdentity } from "#serve/mapi/mailbox/message.ts";
import { putReceipts, withReceiptTags } from "#serve/mapi/mailbox/message-values.ts";
import { toShortId } from "#serve/mapi/mailbox/keys.ts";
import { columnsOf, lightTags, MessageTableRow, ToldByRows } from "#serve/mapi/mailbox/light-tags.ts";
import type { LogonObject } from "#serve/mapi/mailbox/objects.ts";
import type { SourceContext } from "#serve/mapi/mailbox/sources.ts";
import type { RowId, SourceChanges, TableRow, TableSource } from "#serve/mapi/mailbox/table.ts";
import type { Cell } from "#wire/mapi/rows.ts";

/** Items looked into before others get a turn. */
const itemsAtOnce = 100;

const keyOrder = (a: TableRow, b: TableRow): number => a.key - b.key;

export class ContentsSource implements TableSource {
  readonly tableKind = "contents";
  readonly #from: SourceContext;
  readonly #logon: LogonObject;
  readonly #folderId: FolderId;
  readonly #associated: boolean;

  constructor(from: SourceContext, folderId: FolderId, associated: boolean) {
    this.#from = from;
    this.#logon = from.logon;
    this.#folderId = folderId;
    this.#associated = associated;
  }

  async state(ctx: Ctx): Promise<number> {
    return (await this.#logon.mailbox.folder(ctx, this.#folderId)).highestCn;
  }

  watch(onChange: () => void): () => void {
    return this.#logon.mailbox.watch(onChange);
  }

  idOf({ key, instance }: TableRow): RowId {
    return { folderId: toShortId(this.#folderId), messageId: toShortId(key), instance };
  }

  async list(ctx: Ctx, wanted: readonly PropertyTag[], restriction: Restriction | null): Promise<TableRow[]> {
    const filter = restriction === null ? null : await this.filter(ctx, restriction, !this.#associated);
    return await this.listWith(ctx, wanted, filter);
  }

  /** Of this folder, through a filter that others use too. */
  async listWith(ctx: Ctx, wanted: readonly PropertyTag[], filter: RowFilter | null): Promise<TableRow[]> {
    const columns = [...new Set([...columnsOf(wanted), ...filter?.columns ?? []])];
    const rows: TableRow[] = [];
    const slices = this.#logon.items.light(ctx, this.#folderId, columns, { associated: this.#associated });
    for await (const slice of slices) {
      const kept = filter === null ? slice : await filter.passing(ctx, slice);
      for (const row of await this.#toRows(ctx, kept, wanted)) rows.push(row);
      if (rows.length > limits.mapiTableRowsMax) throw new RopError("tooComplex", "The table has too many rows.");
    }
    // Most of them are in this order; those that IMAP was shown anew are not.
    return rows.sort(keyOrder);
  }

  /** Of some messages, wherever they are; those that are gone are left out. */
  async listOf(
    ctx: Ctx, messageIds: readonly MessageId[], wanted: readonly PropertyTag[], filter: RowFilter | null,
  ): Promise<TableRow[]> {
    const columns = [...new Set([...columnsOf(wanted), ...filter?.columns ?? []])];
    const rows: TableRow[] = [];
    for (let at = 0; at < messageIds.length; at += limits.sliceRows) {
      const slice = await this.#logon.items.lightOf(ctx, messageIds.slice(at, at + limits.sliceRows), columns);
      const kept = filter === null ? slice : await filter.passing(ctx, slice);
      for (const row of await this.#toRows(ctx, kept, wanted)) rows.push(row);
      await yieldToOthers();
    }
    return rows.sort(keyOrder);
  }

  filter(ctx: Ctx, restriction: Restriction, useIndex: boolean): Promise<RowFilter> {
    return RowFilter.make(ctx, this.#logon, restriction, {
      useIndex, toBag: (using, row, object) => this.#bag(using, row, object, heldTagsOf(restriction)),
    });
  }

  async changes(
    ctx: Ctx, since: number, wanted: readonly PropertyTag[], restriction: Restriction | null,
  ): Promise<SourceChanges | null> {
    const filter = restriction === null ? null : await this.filter(ctx, restriction, false);
    return await this.changesWith(ctx, since, wanted, filter);
  }

  async changesWith(
    ctx: Ctx, since: number, wanted: readonly PropertyTag[], filter: RowFilter | null,
  ): Promise<SourceChanges | null> {
    const columns = [...new Set([...columnsOf(wanted), ...filter?.columns ?? []])];
    const found = await this.#logon.items.lightChanges(ctx, this.#folderId, since as ChangeNumber, columns,
      { associated: this.#associated, rowsMax: limits.sliceRows });
    if (found === null) return null;
    const touched = new Set<number>(found.removed);
    for (const { messageId } of found.changed) touched.add(messageId);
    const kept = filter === null ? found.changed : await filter.passing(ctx, found.changed);
    return { state: found.cn, touched, rows: await this.#toRows(ctx, kept, wanted) };
  }

  /** With what is wanted; from items only what rows do not tell. */
  async #toRows(ctx: Ctx, rows: readonly LightRow[], wanted: readonly PropertyTag[]): Promise<TableRow[]> {
    if (wanted.every((tag) => lightTags.has(tag))) {
      const valueOf = (row: LightRow) => (tag: PropertyTag) => lightTags.get(tag)!.value(row, this.#logon);
      return rows.map((row) => new MessageTableRow(row, wanted, wanted.map(valueOf(row))));
    }
    const found: TableRow[] = [];
    const reading = withReceiptTags(wanted);
    for (let at = 0; at < rows.length; at += itemsAtOnce) {
      const some = rows.slice(at, at + itemsAtOnce);
      const ids = some.map(({ messageId }) => messageId);
      const seen = new Map(some.map((row) => [row.messageId, row]));
      for (const { row, object } of await this.#logon.items.properties(ctx, ids, { tags: reading })) {
        const bag = await this.#bag(ctx, row, object, wanted);
        // The version it was tested with: what changed since comes with the changes.
        found.push(new MessageTableRow(seen.get(row.messageId)!, wanted, wanted.map((tag) => bag.get(tag))));
      }
      await yieldToOthers();
    }
    return found;
  }

  async test(ctx: Ctx, rows: readonly TableRow[], restriction: Restriction): Promise<readonly boolean[]> {
    if (rows.every((row) => row instanceof MessageTableRow && isTold(restriction, (tags) => row.knows(tags)))) {
      return rows.map((row) => passes(restriction, row.values));
    }
    const filter = await this.filter(ctx, restriction, false);
    const light = await this.#logon.items.lightOf(ctx, [...new Set(rows.map(({ key }) => key as MessageId))],
      filter.columns);
    const found = new Set<number>((await filter.passing(ctx, light)).map(({ messageId }) => messageId));
    return rows.map(({ key }) => found.has(key));
  }

  /** What is worked out from ids is worked out where it is asked for alone: it takes longer than the rest. */
  async #bag(ctx: Ctx, row: ItemRow, object: StoredObject, tags: readonly PropertyTag[]): Promise<PropertyBag> {
    const bag = await this.#logon.items.toTags(ctx, object, true);
    putReceipts(bag, row);
    if (tags.some((tag) => identityIds.has(tagId(tag)))) {
      for (const [tag, value] of messageIdentity(this.#logon, row.folderId, row.messageId, row)) {
        bag.set(tag, value);
      }
    } else {
      bag.set(PidTagMid, BigInt.asIntN(64, toObjectId(row.messageId)));
    }
    bag.set(PidTagRowType, rowTypes.leaf);
    bag.set(PidTagDepth, 0);
    bag.set(PidTagInstId, BigInt.asIntN(64, toObjectId(row.messageId)));
    return bag;
  }

  async cells(ctx: Ctx, rows: readonly TableRow[], columns: readonly PropertyTag[]): Promise<(Cell[] | undefined)[]> {
    if (rows.length === 0) return [];
    const ids = [...new Set(rows.map((row) => row.key as MessageId))];
    const tags = columns.map(plainTag).map(keptTag);
    const byId = await this.#toldByRows(ctx, ids, tags);
    const others = byId.size === 0 ? ids : ids.filter((id) => !byId.has(id));
    if (others.length > 0) {
      const found = await this.#logon.items.properties(ctx, others, { tags: withReceiptTags(tags) });
      for (const { row, object } of found) byId.set(row.messageId, await this.#bag(ctx, row, object, columns));
    }
    return rows.map(({ key }) => {
      const bag = byId.get(key);
      return bag === undefined ? undefined : toCells(bag, columns, this.#from.codePage);
    });
  }

  /** What needs no look into items: one query for the rows of plain mail, whose usual columns it tells. */
  async #toldByRows(
    ctx: Ctx, ids: readonly MessageId[], tags: readonly PropertyTag[],
  ): Promise<Map<number, PropertyBag>> {
    const byId = new Map<number, PropertyBag>();
    const told = ToldByRows.of(tags.filter((tag) => tag !== PidTagRowType && tag !== PidTagDepth));
    if (told === null) return byId;
    for (const row of await this.#logon.items.lightOf(ctx, ids, told.columns)) {
      if ((this.#logon.mailbox.rightsIn(row.folderId) & folderRights.readAny) === 0) continue;
      const bag = told.bag(row, this.#logon);
      if (bag === null) continue;
      bag.set(PidTagRowType, rowTypes.leaf);
      bag.set(PidTagDepth, 0);
      byId.set(row.messageId, bag);
    }
    return byId;
  }

  allColumns(): Promise<readonly PropertyTag[]> {
    return Promise.resolve(usualColumns);
  }
}

type StoredObject = Parameters<LogonObject["items"]["toTags"]>[1];
/** PidTagEntryId and its like: ids and keys of the message, its folder and its changes. [MS-OXCFXICS] 2.2.1 */
const identityIds: ReadonlySet<number> = new Set([
  0x0fff, 0x0ff9, 0x0ff6, 0x0e09, 0x65e0, 0x65e1, 0x65e2, 0x65e3, 0x6748, 0x67a4, 0x674e,
]);
const PidTagMid = makeTag(0x674a, "Integer64");
const PidTagInstId = makeTag(0x674d, "Integer64");
const PidTagRowType = makeTag(0x0ff5, "Integer32");
const PidTagDepth = makeTag(0x3005, "Integer32");

export function contentsSource(from: SourceContext, folderId: FolderId, associated: boolean): ContentsSource {
  return new ContentsSource(from, folderId, associated);
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
