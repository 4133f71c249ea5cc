/**
 * A table: rows in an order, seen through columns and a restriction, with a place in it. Rows are listed when they are
 * first needed, and again when something changed. [MS-OXCTABL] 2.2, 3.2
 */
import type { Ctx } from "#base/ctx.ts";
import { yieldToOthers } from "#base/ctx.ts";
import type { FolderId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import { passes, untestable } from "#props/evaluate.ts";
import type { ShortTermId } from "#props/object-ids.ts";
import { restrictTypes } from "#props/structures.ts";
import type { Restriction } from "#props/structures.ts";
import { makeTag, multivalueInstanceFlag, propertyTypes, tagTypeCode } from "#props/types.ts";
import type { PropertyTag, PropertyValue } from "#props/types.ts";
import { Categories, isCategory } from "#serve/mapi/mailbox/categories.ts";
import { instanceCell, plainTag, toCells } from "#serve/mapi/mailbox/cells.ts";
import { countLimitOf, heldTagsOf, isInstanceTag, testsInstances } from "#serve/mapi/mailbox/decide.ts";
import { RopError } from "#serve/mapi/mailbox/errors.ts";
import { expandRows, instanceTag, singleForm } from "#serve/mapi/mailbox/instances.ts";
import type { PendingEvent, Subscription } from "#serve/mapi/mailbox/notifications.ts";
import type { LogonObject } from "#serve/mapi/mailbox/objects.ts";
import type { MailboxSession } from "#serve/mapi/mailbox/session.ts";
import type { TableKind } from "#serve/mapi/mailbox/table-acts.ts";
import { rowDeleted, rowPut, TableEvents } from "#serve/mapi/mailbox/table-events.ts";
import {
  difference, patchDifference, patchRows, placeAfter, restrict, rowName, sorted,
} from "#serve/mapi/mailbox/table-order.ts";
import type { CategoryKey, PatchedRows, RowDifference, SortKey } from "#serve/mapi/mailbox/table-order.ts";
import type { Cell } from "#wire/mapi/rows.ts";

/** One row: what names it, and the properties that order and restriction look at. */
export interface TableRow {
  /** What the row shows: the same as long as it is there. Categories are below 0. */
  readonly key: number;
  /** 0, or which of several rows that show the same. [MS-OXCTABL] 2.2.1.2 */
  readonly instance: number;
  /** Another one when the row has changed. */
  readonly version: number | string;
  readonly values: RowValues;
  /** Of messages: where it is. */
  readonly folderId?: FolderId;
}

export interface RowValues {
  get(tag: PropertyTag): PropertyValue | undefined;
}

/** What changed in a source since a state it told. */
export interface SourceChanges {
  readonly state: number;
  /** Keys of all that changed or left, whether it passes or not. */
  readonly touched: ReadonlySet<number>;
  /** Those of them that are there and pass. */
  readonly rows: readonly TableRow[];
}

/** How events of a table name its rows. [MS-OXCNOTIF] 2.2.1.4.1.2 */
export interface RowId {
  readonly folderId: ShortTermId;
  /** Of tables of messages. */
  readonly messageId?: ShortTermId;
  readonly instance: number;
}

/** Where rows come from. */
export interface TableSource {
  /** The rows that pass, with the tags that are wanted; in their natural order. */
  list(ctx: Ctx, wanted: readonly PropertyTag[], restriction: Restriction | null): Promise<TableRow[]>;
  /** Cells of some rows; a row that is gone meanwhile is undefined. */
  cells(ctx: Ctx, rows: readonly TableRow[], columns: readonly PropertyTag[]): Promise<(Cell[] | undefined)[]>;
  /** Which of the rows pass; left out where a row has all values. */
  test?(ctx: Ctx, rows: readonly TableRow[], restriction: Restriction): Promise<readonly boolean[]>;
  /** Every tag some row may have. */
  allColumns(ctx: Ctx): Promise<readonly PropertyTag[]>;
  /** Calls back when rows may have changed. */
  watch?(onChange: () => void): () => void;
  /** The state that {@link changes} counts from; read before listing. */
  state?(ctx: Ctx): Promise<number>;
  /** Rows that changed; null when it is better to list all again. */
  changes?(
    ctx: Ctx, since: number, wanted: readonly PropertyTag[], restriction: Restriction | null,
  ): Promise<SourceChanges | null>;
  /** For events; tables without tell of none. */
  idOf?(row: TableRow): RowId;
  readonly tableKind: TableKind;
}

const PidTagDepth = makeTag(0x3005, "Integer32");
const PidTagInstanceNum = makeTag(0x674e, "Integer32");
const PidTagInstanceKey = makeTag(0x0ff6, "Binary");

export const origins = { beginning: 0, current: 1, end: 2, custom: 3 } as const;

export class OpenTable implements Subscription {
  readonly kind = "table";
  readonly logon: LogonObject;
  readonly source: TableSource;
  #columns: readonly PropertyTag[] | null = null;
  #sort: readonly SortKey[] = [];
  #categories: Categories | null = null;
  /** Rows of the source in their order; what is shown of them stands in `#rows`. */
  #leaves: TableRow[] = [];
  #restriction: Restriction | null = null;
  #rows: TableRow[] | null = null;
  #place = 0;
  #isStale = false;
  #state: number | null = null;
  #session: MailboxSession | null = null;
  readonly #events = new TableEvents();
  handle = 0;
  readonly #bookmarks = new Map<number, { name: number | string | null; place: number }>();
  #nextBookmark = 1;
  readonly #endWatch: () => void;
  readonly #isSilent: boolean;

  constructor(logon: LogonObject, source: TableSource, options: { readonly isSilent?: boolean } = {}) {
    this.logon = logon;
    this.source = source;
    this.#isSilent = options.isSilent === true || source.idOf === undefined;
    this.#endWatch = source.watch?.(() => {
      this.#isStale = true;
      if (!this.#isSilent) this.#session?.wake();
    }) ?? (() => undefined);
  }

  opened(handle: number, session: MailboxSession): void {
    this.handle = handle;
    this.#session = session;
    if (!this.#isSilent) session.addSubscription(this);
  }

  close(): void {
    this.#endWatch();
    this.#session?.removeSubscription(this);
    this.#rows = null;
    this.#events.clear();
  }

  get hasEvents(): boolean {
    return !this.#events.isEmpty;
  }

  /** Events are for views that the client has seen something of. [MS-OXCNOTIF] 3.1.4.3 */
  async look(ctx: Ctx): Promise<void> {
    if (this.#rows !== null && this.#isStale && this.#columns !== null) await this.rows(ctx);
  }

  next(): PendingEvent | undefined {
    return this.#events.next();
  }

  take(): void {
    this.#events.take();
  }

  shorten(): boolean {
    return this.#events.shorten();
  }

  get hasColumns(): boolean {
    return this.#columns !== null;
  }

  get columns(): readonly PropertyTag[] {
    if (this.#columns === null) throw new RopError("nullObject", "The table has no columns yet.");
    return this.#columns;
  }

  setColumns(columns: readonly PropertyTag[]): void {
    const before = this.#instanceTags().join();
    const refusal = refusalOf(columns);
    // Columns that are refused leave none. [MS-OXCTABL] 3.2.5.2
    this.#columns = refusal === null ? columns : null;
    // Rows that wait are in the old columns.
    this.#events.collapse();
    if (before !== this.#instanceTags().join()) this.#forget();
    if (refusal !== null) throw refusal;
  }

  /** From now on the client hears of rows that change. [MS-OXCNOTIF] 3.1.4.3 */
  async view(ctx: Ctx): Promise<void> {
    if (!this.#isSilent && this.#columns !== null) await this.rows(ctx);
  }

  /** Properties whose values stand in rows of their own. [MS-OXCTABL] 2.2.2.2, 2.2.2.3 */
  #instanceTags(): PropertyTag[] {
    if (this.source.tableKind !== "contents") return [];
    const asked = [...this.#columns ?? [], ...this.#sort.map(({ tag }) => tag), ...this.#categories?.tags ?? []];
    return [...new Set(asked.filter(isInstanceTag).map(instanceTag))].sort((a, b) => a - b);
  }

  /** With categories, rows with their values stand below rows of their own; the first `expandedCount` are open. */
  setSort(keys: readonly SortKey[], categories: readonly CategoryKey[] = [], expandedCount = 0): void {
    if (keys.length + categories.length > limits.mapiSortKeysMax) {
      throw new RopError("tooComplex", "The order has too many keys.");
    }
    if (categories.length > limits.mapiCategoriesMax) {
      throw new RopError("tooComplex", "There are too many categories.");
    }
    if (expandedCount > categories.length) throw new RopError("invalidParameter", "More is open than there is.");
    this.#sort = keys;
    this.#categories = categories.length === 0 ? null : new Categories(categories, expandedCount);
    this.#forget();
  }

  setRestriction(restriction: Restriction | null): void {
    const refused = restriction === null ? null : untestable(restriction);
    if (refused !== null) throw new RopError("tooComplex", `This server does not do ${refused}.`);
    this.#restriction = restriction;
    this.#forget();
  }

  reset(): void {
    this.#columns = null;
    this.#sort = [];
    this.#categories = null;
    this.#restriction = null;
    this.#forget();
  }

  #forget(): void {
    this.#rows = null;
    this.#events.clear();
    this.#place = 0;
    this.#bookmarks.clear();
  }

  /** The rows as they are now, in order. The place stays with the row it is on. */
  async rows(ctx: Ctx): Promise<readonly TableRow[]> {
    if (this.#rows !== null && !this.#isStale) return this.#rows;
    const old = this.#rows;
    this.#isStale = false;
    if (old === null) {
      this.#leaves = await this.#list(ctx);
      return await this.#show(ctx, null);
    }
    const patch = await this.#patch(ctx);
    if (patch === "same") return old;
    this.#leaves = patch === null ? await this.#list(ctx) : patch.rows;
    if (patch === null || this.#categories !== null) return await this.#show(ctx, old);
    this.#rows = patch.rows;
    this.#place = patch.place;
    await this.#tell(ctx, patchDifference(patch), patch.rows);
    return patch.rows;
  }

  /** Puts the rows below their categories, keeps the place, tells of what is different. */
  async #show(ctx: Ctx, old: TableRow[] | null, isQuiet = false): Promise<readonly TableRow[]> {
    const fresh = this.#categories === null ? this.#leaves : await this.#categories.arrange(this.#leaves);
    this.#rows = fresh;
    if (old === null) return fresh;
    this.#place = await placeAfter(old, fresh, this.#place);
    // Rows that wait stand between others than before.
    if (isQuiet) this.#events.collapse();
    else await this.#tell(ctx, await difference(old, fresh), fresh);
    return fresh;
  }

  get #grouping(): Categories {
    if (this.#categories === null) throw new RopError("notSupported", "The table has no categories.");
    return this.#categories;
  }

  /** Rows that came into sight below a category. [MS-OXCTABL] 2.2.2.17 */
  async expand(ctx: Ctx, category: ShortTermId): Promise<readonly TableRow[]> {
    const old = await this.rows(ctx) as TableRow[];
    const row = this.#grouping.open(category, true);
    const fresh = await this.#show(ctx, old, true);
    const from = fresh.indexOf(fresh.find(({ key }) => key === row.key)!) + 1;
    return fresh.slice(from, from + fresh.length - old.length);
  }

  /** How many rows went out of sight. [MS-OXCTABL] 2.2.2.18 */
  async collapse(ctx: Ctx, category: ShortTermId): Promise<number> {
    const old = await this.rows(ctx) as TableRow[];
    this.#grouping.open(category, false);
    return old.length - (await this.#show(ctx, old, true)).length;
  }

  /** Which categories are open, and a row to come back to. [MS-OXCTABL] 2.2.2.19 */
  async collapseState(ctx: Ctx, row: ShortTermId, instance: number): Promise<Buffer> {
    await this.rows(ctx);
    return this.#grouping.toState(row, instance);
  }

  /** A bookmark on the row of the state; the beginning when it is not there. [MS-OXCTABL] 2.2.2.20 */
  async setCollapseState(ctx: Ctx, state: Uint8Array): Promise<Buffer> {
    const old = await this.rows(ctx) as TableRow[];
    const { key, instance } = this.#grouping.fromState(state);
    const fresh = await this.#show(ctx, old, true);
    const place = fresh.findIndex((row) => row.key === key && row.instance === instance);
    const before = this.#place;
    this.#place = Math.max(0, place);
    const bookmark = await this.createBookmark(ctx);
    this.#place = before;
    return bookmark;
  }

  /** Cells of rows, those of categories among them; a row that is gone meanwhile is undefined. */
  async cells(ctx: Ctx, rows: readonly TableRow[], codePage: number): Promise<(Cell[] | undefined)[]> {
    const { columns } = this;
    const leaves = rows.filter((row) => !isCategory(row));
    const found = await this.source.cells(ctx, leaves, columns);
    if (columns.some(isInstanceTag)) putInstances(leaves, found, columns, codePage);
    if (leaves.some(({ instance }) => instance > 0)) numberInstances(leaves, found, columns);
    if (this.#categories === null) return found;
    const depth = columns.indexOf(PidTagDepth);
    let next = 0;
    return rows.map((row) => {
      if (isCategory(row)) return toCells(row.values, columns, codePage);
      const cells = found[next++];
      if (cells !== undefined && depth >= 0) cells[depth] = this.#grouping.depth;
      return cells;
    });
  }

  /** What rows have to know, and the restriction that the source tests: what is about instances is tested here. */
  #asked(): {
    readonly wanted: PropertyTag[]; readonly tested: Restriction | null; readonly later: Restriction | null;
  } {
    const wanted = new Set<PropertyTag>(this.#sort.map(({ tag }) => plainTag(tag)));
    for (const tag of this.#categories?.wanted ?? []) wanted.add(plainTag(tag));
    for (const tag of this.#instanceTags()) wanted.add(plainTag(tag));
    const restriction = this.#restriction;
    if (restriction === null || !testsInstances(restriction)) {
      return { wanted: [...wanted], tested: restriction, later: null };
    }
    for (const tag of heldTagsOf(restriction)) wanted.add(tag);
    return { wanted: [...wanted], tested: null, later: singleForm(restriction) };
  }

  /** Rows as they come from the source in their order: expanded, tested, sorted. */
  async #ordered(rows: readonly TableRow[], later: Restriction | null): Promise<TableRow[]> {
    const tags = this.#instanceTags();
    const expanded = expandRows(rows, tags);
    const kept = later === null ? expanded : await restrict(expanded, later);
    // A source lists in the order of its own; only what was expanded, or an order that was asked for, is to be made.
    return this.#sort.length === 0 ? kept : await sorted(kept, this.#sort);
  }

  async #list(ctx: Ctx): Promise<TableRow[]> {
    const { wanted, tested, later } = this.#asked();
    this.#state = await this.source.state?.(ctx) ?? null;
    const rows = await this.#ordered(await this.source.list(ctx, wanted, tested), later);
    const countMax = countLimitOf(this.#restriction);
    return rows.length <= countMax ? rows : rows.slice(0, countMax);
  }

  /** The old rows with what changed; null when everything has to be listed again. */
  async #patch(ctx: Ctx): Promise<PatchedRows | "same" | null> {
    // How many may pass cannot be told from what changed.
    const isCounted = this.#restriction?.restrictType === restrictTypes.count;
    if (this.#state === null || this.source.changes === undefined || isCounted) return null;
    const { wanted, tested, later } = this.#asked();
    const changes = await this.source.changes(ctx, this.#state, wanted, tested);
    if (changes === null) return null;
    this.#state = changes.state;
    if (changes.touched.size === 0) return "same";
    const added = await this.#ordered([...changes.rows].sort((a, b) => a.key - b.key), later);
    return await patchRows(this.#leaves, changes.touched, added, this.#sort, this.#place);
  }

  /** One event for each row that came, went or changed; too many are one that says: read again. */
  async #tell(ctx: Ctx, { removed, added }: RowDifference, fresh: readonly TableRow[]): Promise<void> {
    if (this.#isSilent || this.#columns === null || removed.length + added.length === 0) return;
    if (this.#events.isFull(removed.length + added.length)) return this.#events.collapse(true);
    const { source } = this;
    const idOf = (row: TableRow): RowId => this.#categories?.idOf(row.key) ?? source.idOf!(row);
    for (const row of removed) this.#events.push(rowDeleted(idOf(row)));
    const columns = this.columns;
    const cells = await this.cells(ctx, added.map(({ row }) => row), this.#session?.codePage ?? 1252);
    for (const [index, { row, isNew, place }] of added.entries()) {
      const rowData = cells[index];
      if (rowData === undefined) continue;
      const after = place === 0 ? null : idOf(fresh[place - 1]!);
      this.#events.push(rowPut(isNew, idOf(row), after, rowData), columns);
    }
  }

  async position(ctx: Ctx): Promise<{ numerator: number; denominator: number }> {
    const rows = await this.rows(ctx);
    return { numerator: Math.min(this.#place, rows.length), denominator: rows.length };
  }

  /** Up to `count` rows from the place, forwards or backwards; the place moves unless told not to. */
  async query(
    ctx: Ctx, count: number, options: { forward: boolean; advance: boolean },
  ): Promise<{ rows: TableRow[]; origin: number; moveTo: (taken: number) => void }> {
    const rows = await this.rows(ctx);
    const from = Math.min(this.#place, rows.length);
    const taken = options.forward ? rows.slice(from, from + count)
      : rows.slice(Math.max(0, from - count), from).reverse();
    const moveTo = (used: number): void => {
      if (options.advance) this.#place = options.forward ? from + used : from - used;
    };
    const end = options.forward ? from + taken.length : from - taken.length;
    // Behind what is read backwards there is the end as well, as Exchange 2010 and above say. [MS-OXCTABL] 3.2.5.5
    const isOver = options.forward ? end >= rows.length : end <= 0;
    const origin = isOver ? origins.end : origins.current;
    return { rows: taken, moveTo, origin };
  }

  async seek(ctx: Ctx, origin: number, count: number): Promise<{ hasSoughtLess: boolean; rowsSought: number }> {
    const rows = await this.rows(ctx);
    const start = origin === origins.beginning ? 0
      : origin === origins.end ? rows.length : Math.min(this.#place, rows.length);
    if (origin > origins.end) throw new RopError("invalidParameter", `${origin} is no origin.`);
    return this.#seekFrom(rows, start, count);
  }

  #seekFrom(rows: readonly TableRow[], start: number, count: number): { hasSoughtLess: boolean; rowsSought: number } {
    const place = Math.max(0, Math.min(rows.length, start + count));
    this.#place = place;
    return { hasSoughtLess: place - start !== count, rowsSought: place - start };
  }

  async seekFraction(ctx: Ctx, numerator: number, denominator: number): Promise<void> {
    if (denominator === 0) throw new RopError("invalidBookmark", "A fraction of nothing is no place.");
    const rows = await this.rows(ctx);
    this.#place = Math.min(rows.length, Math.floor((rows.length * numerator) / denominator));
  }

  async createBookmark(ctx: Ctx): Promise<Buffer> {
    if (this.#bookmarks.size >= limits.mapiBookmarksMax) throw new RopError("notEnoughMemory", "Too many bookmarks.");
    const rows = await this.rows(ctx);
    const bookmark = this.#nextBookmark++;
    this.#bookmarks.set(bookmark, { name: nameAt(rows, this.#place), place: this.#place });
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(bookmark);
    return bytes;
  }

  freeBookmark(bookmark: Uint8Array): void {
    if (!this.#bookmarks.delete(bookmarkNumber(bookmark))) throw new RopError("invalidBookmark", "No such bookmark.");
  }

  /** Where a bookmark is now; of a row that is gone, where it was. */
  async bookmarkPlace(ctx: Ctx, bookmark: Uint8Array): Promise<{ place: number; isGone: boolean }> {
    const found = this.#bookmarks.get(bookmarkNumber(bookmark));
    if (found === undefined) throw new RopError("invalidBookmark", "No such bookmark.");
    const rows = await this.rows(ctx);
    if (found.name === null) return { place: rows.length, isGone: false };
    const place = rows.findIndex((row) => rowName(row) === found.name);
    return place >= 0 ? { place, isGone: false } : { place: Math.min(found.place, rows.length), isGone: true };
  }

  async seekBookmark(
    ctx: Ctx, bookmark: Uint8Array, count: number,
  ): Promise<{ rowNoLongerVisible: boolean; hasSoughtLess: boolean; rowsSought: number }> {
    const { place, isGone } = await this.bookmarkPlace(ctx, bookmark);
    return { rowNoLongerVisible: isGone, ...this.#seekFrom(await this.rows(ctx), place, count) };
  }

  /** The next row that passes, from a place on; the table then stands on it. [MS-OXCTABL] 2.2.2.14 */
  async find(
    ctx: Ctx, restriction: Restriction | null, options: { place: number | null; origin: number; forward: boolean },
  ): Promise<TableRow | null> {
    const refused = restriction === null ? null : untestable(restriction);
    if (refused !== null) throw new RopError("tooComplex", `This server does not do ${refused}.`);
    const rows = await this.rows(ctx);
    const start = options.place ?? (options.origin === origins.beginning ? 0
      : options.origin === origins.end ? rows.length : this.#place);
    const step = options.forward ? 1 : -1;
    for (let at = options.forward ? start : start - 1; at >= 0 && at < rows.length;) {
      const slice = sliceFrom(rows, at, step);
      const found = restriction === null ? 0 : (await this.#passing(ctx, slice, restriction)).indexOf(true);
      if (found >= 0) {
        this.#place = at + step * found;
        return slice[found]!;
      }
      at += step * slice.length;
      await yieldToOthers();
    }
    return null;
  }

  async #passing(ctx: Ctx, rows: readonly TableRow[], restriction: Restriction): Promise<boolean[]> {
    const single = singleForm(restriction);
    if (this.source.test === undefined || testsInstances(restriction)) {
      return rows.map((row) => passes(single, row.values));
    }
    const leaves = rows.filter((row) => !isCategory(row));
    const verdicts = await this.source.test(ctx, leaves, restriction);
    let next = 0;
    return rows.map((row) => (isCategory(row) ? passes(single, row.values) : verdicts[next++]!));
  }
}

const nameAt = (rows: readonly TableRow[], place: number): number | string | null =>
  (rows[place] === undefined ? null : rowName(rows[place]));

/** In columns that show one of several values: that of the row. */
function putInstances(
  rows: readonly TableRow[], cells: (Cell[] | undefined)[], columns: readonly PropertyTag[], codePage: number,
): void {
  for (const [place, tag] of columns.entries()) {
    if (!isInstanceTag(tag)) continue;
    const held = instanceTag(tag);
    for (const [index, row] of rows.entries()) {
      const own = cells[index];
      if (own !== undefined) own[place] = instanceCell(row.values.get(held), tag, codePage);
    }
  }
}

/** The rows of one message are told apart by their number, and have keys of their own. [MS-OXCTABL] 2.2.1.1, 2.2.1.2 */
function numberInstances(
  rows: readonly TableRow[], cells: (Cell[] | undefined)[], columns: readonly PropertyTag[],
): void {
  for (const [index, { instance }] of rows.entries()) {
    const own = cells[index];
    if (own === undefined || instance === 0) continue;
    for (const [place, tag] of columns.entries()) {
      const value = own[place];
      if (tag === PidTagInstanceNum) own[place] = instance;
      if (tag !== PidTagInstanceKey || !(value instanceof Uint8Array)) continue;
      const suffix = Buffer.alloc(4);
      suffix.writeUInt32LE(instance);
      own[place] = Buffer.concat([value, suffix]);
    }
  }
}

/** Some rows from one on, in the direction of a search. */
function sliceFrom(rows: readonly TableRow[], at: number, step: number): readonly TableRow[] {
  if (step > 0) return rows.slice(at, at + limits.sliceRows);
  return rows.slice(Math.max(0, at + 1 - limits.sliceRows), at + 1).reverse();
}

function bookmarkNumber(bookmark: Uint8Array): number {
  return bookmark.length === 4 ? Buffer.from(bookmark).readUInt32LE() : 0;
}

const typeCodes: ReadonlySet<number> = new Set(Object.values(propertyTypes)
  .filter(({ code }) => code !== propertyTypes.ErrorCode.code).map(({ code }) => code));

/** Why a table cannot show these columns; null when it can. [MS-OXCTABL] 3.2.5.2 */
function refusalOf(columns: readonly PropertyTag[]): RopError | null {
  if (columns.length === 0) return new RopError("invalidParameter", "A table needs at least one column.");
  if (columns.length > limits.mapiColumnsMax) return new RopError("tooComplex", "The table has too many columns.");
  const isKnown = (tag: PropertyTag): boolean => typeCodes.has(tagTypeCode(tag) & ~multivalueInstanceFlag);
  return columns.every(isKnown) ? null : new RopError("invalidParameter", "A column is of no type that columns have.");
}

