/** Messages of a folder as tables show them, or what is associated with it. [MS-OXCFOLD] 2.2.1.14 */
import type { Ctx } from "#base/ctx.ts";
import type { ChangeNumber, FolderId, MessageId } from "#base/ids.ts";
import { toObjectId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import { messageFlags } from "#mailbox/api.ts";
import type { ItemRow } from "#mailbox/items-api.ts";
import { makeTag } from "#props/types.ts";
import type { PropertyBag, PropertyTag, PropertyValue } from "#props/types.ts";
import { rowTypes } from "#serve/mapi/mailbox/categories.ts";
import { keptTag, plainTag, toCells } from "#serve/mapi/mailbox/cells.ts";
import { messageIdentity } from "#serve/mapi/mailbox/message.ts";
import { globalKey, toMessageEntryId, toShortId } from "#serve/mapi/mailbox/keys.ts";
import type { LogonObject } from "#serve/mapi/mailbox/objects.ts";
import { toFileTime } from "#serve/mapi/mailbox/property-source.ts";
import type { SourceContext } from "#serve/mapi/mailbox/sources.ts";
import type { RowValues, TableRow, TableSource } from "#serve/mapi/mailbox/table.ts";
import type { Cell } from "#wire/mapi/rows.ts";

type FromRow = (row: ItemRow, logon: LogonObject) => PropertyValue | undefined;

const orNothing = (text: string): string | undefined => (text === "" ? undefined : text);

/** Properties that the row of a message tells: for these no item is looked into. */
const fromRow: ReadonlyMap<PropertyTag, FromRow> = new Map<PropertyTag, FromRow>([
  [makeTag(0x001a, "String"), (row) => row.messageClass],
  [makeTag(0x0037, "String"), (row) => row.subject],
  [makeTag(0x0e1d, "String"), (row) => row.normalizedSubject],
  [makeTag(0x0042, "String"), (row) => orNothing(row.fromName)],
  [makeTag(0x0e04, "String"), (row) => row.displayTo],
  [makeTag(0x0e03, "String"), (row) => row.displayCc],
  [makeTag(0x0e06, "Time"), (row) => ((row.flags & messageFlags.draft) === 0 ? toFileTime(row.internalMs) : undefined)],
  [makeTag(0x0039, "Time"), (row) => (row.sentMs === null ? undefined : toFileTime(row.sentMs))],
  [makeTag(0x3007, "Time"), (row) => toFileTime(row.savedMs)],
  [makeTag(0x0e08, "Integer32"), (row) => Math.min(row.itemSizeBytes, 0x7fff_ffff)],
  [makeTag(0x0017, "Integer32"), (row) => row.importance],
  [makeTag(0x0036, "Integer32"), (row) => row.sensitivity],
  [makeTag(0x0e1b, "Boolean"), (row) => row.hasAttachments],
  [makeTag(0x0e69, "Boolean"), (row) => (row.flags & messageFlags.seen) !== 0],
  [makeTag(0x3013, "Binary"), (row) => row.conversationId ?? undefined],
  [makeTag(0x674a, "Integer64"), (row) => BigInt.asIntN(64, toObjectId(row.messageId))],
  [makeTag(0x674d, "Integer64"), (row) => BigInt.asIntN(64, toObjectId(row.messageId))],
  [makeTag(0x6748, "Integer64"), (row) => BigInt.asIntN(64, toObjectId(row.folderId))],
  [makeTag(0x67a4, "Integer64"), (row) => BigInt.asIntN(64, toObjectId(row.cn))],
  [makeTag(0x674e, "Integer32"), () => 0],
  [makeTag(0x0fff, "Binary"), (row, logon) => toMessageEntryId(logon, row.folderId, row.messageId)],
  [makeTag(0x0ff6, "Binary"), (row, logon) => globalKey(logon, row.messageId)],
  [makeTag(0x65e0, "Binary"), (row, logon) => globalKey(logon, row.messageId)],
]);

/** The few values that order and restriction look at; a map for each row would be most of the memory. */
class Picked implements RowValues {
  readonly #tags: readonly PropertyTag[];
  readonly #values: readonly (PropertyValue | undefined)[];

  constructor(tags: readonly PropertyTag[], values: readonly (PropertyValue | undefined)[]) {
    this.#tags = tags;
    this.#values = values;
  }

  get(tag: PropertyTag): PropertyValue | undefined {
    const place = this.#tags.indexOf(tag);
    return place < 0 ? undefined : this.#values[place];
  }
}

const noValues: RowValues = { get: () => undefined };

const versionOf = (row: ItemRow): number => Math.max(row.cn, row.readCn, row.modSeq);

class ContentsSource implements TableSource {
  readonly canSort = true;
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

  idOf(key: number): ReturnType<NonNullable<TableSource["idOf"]>> {
    return { folderId: toShortId(this.#folderId), messageId: toShortId(key) };
  }

  async list(ctx: Ctx, wanted: readonly PropertyTag[]): Promise<TableRow[]> {
    const { items } = this.#logon;
    const tags = wanted.map(plainTag);
    const rows: TableRow[] = [];
    const options = { associated: this.#associated };
    if (tags.every((tag) => fromRow.has(tag))) {
      for await (const slice of items.rows(ctx, this.#folderId, options)) {
        for (const row of slice) rows.push(this.#light(row, tags));
      }
    } else {
      for await (const slice of items.table(ctx, this.#folderId, { tags }, options)) {
        for (const { row, object } of slice) rows.push(await this.#heavy(ctx, row, object, tags));
      }
    }
    // Most of them are in this order; those that IMAP was shown anew are not.
    return rows.sort((a, b) => a.key - b.key);
  }

  async changes(ctx: Ctx, since: number, wanted: readonly PropertyTag[]):
  Promise<{ state: number; changed: TableRow[]; removed: readonly number[] } | null> {
    const found = await this.#logon.items.changes(ctx, this.#folderId, since as ChangeNumber,
      { associated: this.#associated });
    if (found.changed.length > limits.sliceRows) return null;
    const tags = wanted.map(plainTag);
    const light = found.changed.map((row) => this.#light(row, tags));
    const changed = tags.every((tag) => fromRow.has(tag)) ? light : await this.#loaded(ctx, light, tags);
    return { state: found.cn, changed, removed: found.removed };
  }

  async #loaded(ctx: Ctx, rows: readonly TableRow[], tags: readonly PropertyTag[]): Promise<TableRow[]> {
    const values = await this.load(ctx, rows, tags);
    return rows.flatMap((row) => {
      const found = values.get(row.key);
      return found === undefined ? [] : [{ ...row, values: found }];
    });
  }

  async load(ctx: Ctx, rows: readonly TableRow[], wanted: readonly PropertyTag[]):
  Promise<ReadonlyMap<number, RowValues>> {
    const tags = wanted.map(plainTag);
    const ids = rows.map(({ key }) => key as MessageId);
    const found = new Map<number, RowValues>();
    for (const { row, object } of await this.#logon.items.properties(ctx, ids, { tags })) {
      found.set(row.messageId, (await this.#heavy(ctx, row, object, tags)).values);
    }
    return found;
  }

  #light(row: ItemRow, tags: readonly PropertyTag[]): TableRow {
    const values = tags.length === 0 ? noValues
      : new Picked(tags, tags.map((tag) => fromRow.get(tag)?.(row, this.#logon)));
    return { key: row.messageId, version: versionOf(row), values };
  }

  async #heavy(ctx: Ctx, row: ItemRow, object: StoredObject, tags: readonly PropertyTag[]): Promise<TableRow> {
    const bag = await this.#bag(ctx, row, object);
    return { key: row.messageId, version: versionOf(row), values: new Picked(tags, tags.map((tag) => bag.get(tag))) };
  }

  async #bag(ctx: Ctx, row: ItemRow, object: StoredObject): Promise<PropertyBag> {
    const bag = await this.#logon.items.toTags(ctx, object, true);
    for (const [tag, value] of messageIdentity(this.#logon, row.folderId, row.messageId, row.cn)) bag.set(tag, value);
    bag.set(PidTagRowType, rowTypes.leaf);
    bag.set(PidTagDepth, 0);
    bag.set(PidTagInstId, BigInt.asIntN(64, toObjectId(row.messageId)));
    return bag;
  }

  async cells(ctx: Ctx, rows: readonly TableRow[], columns: readonly PropertyTag[]): Promise<(Cell[] | undefined)[]> {
    if (rows.length === 0) return [];
    const ids = rows.map((row) => row.key as MessageId);
    const found = await this.#logon.items.properties(ctx, ids, { tags: columns.map(plainTag).map(keptTag) });
    const byId = new Map<number, Cell[]>();
    for (const { row, object } of found) {
      byId.set(row.messageId, toCells(await this.#bag(ctx, row, object), columns, this.#from.codePage));
    }
    return rows.map((row) => byId.get(row.key));
  }

  allColumns(): Promise<readonly PropertyTag[]> {
    return Promise.resolve(usualColumns);
  }
}

type StoredObject = Parameters<LogonObject["items"]["toTags"]>[1];
const PidTagInstId = makeTag(0x674d, "Integer64");
const PidTagRowType = makeTag(0x0ff5, "Integer32");
const PidTagDepth = makeTag(0x3005, "Integer32");

export function contentsSource(from: SourceContext, folderId: FolderId, associated: boolean): TableSource {
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
