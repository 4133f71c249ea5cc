/**
 * Order of rows, and which of them pass: in slices, so that a hundred thousand rows hold nobody up.
 * [MS-OXCTABL] 3.2.5.3
 */
import { yieldToOthers } from "#base/ctx.ts";
import { limits } from "#base/limits.ts";
import { compareValues } from "#props/compare.ts";
import { passes } from "#props/evaluate.ts";
import type { Restriction } from "#props/structures.ts";
import { makeTag, propertyTypes, withTypeCode } from "#props/types.ts";
import type { PropertyTag } from "#props/types.ts";
import { RopError } from "#serve/mapi/mailbox/errors.ts";
import type { TableRow } from "#serve/mapi/mailbox/table.ts";
import { sortOrders } from "#wire/mapi/rows.ts";

export interface SortKey {
  readonly tag: PropertyTag;
  readonly isDescending: boolean;
}

export async function restrict(rows: readonly TableRow[], restriction: Restriction): Promise<TableRow[]> {
  const kept: TableRow[] = [];
  for (const [index, row] of rows.entries()) {
    if (index % limits.sliceRows === limits.sliceRows - 1) await yieldToOthers();
    if (passes(restriction, row.values)) kept.push(row);
  }
  return kept;
}

/** Names a row among those of its table. */
export const rowName = ({ key, instance }: TableRow): number | string => (instance === 0 ? key : `${key}/${instance}`);

/** Rows without the property come first, as if it were the least of all. [MS-OXCTABL] 3.2.5.3 */
export function compareRows(a: TableRow, b: TableRow, keys: readonly SortKey[]): number {
  for (const { tag, isDescending } of keys) {
    const [left, right] = [a.values.get(tag), b.values.get(tag)];
    const order = left === undefined || right === undefined ? Number(left !== undefined) - Number(right !== undefined)
      : compareValues(left, right) ?? 0;
    if (order !== 0) return isDescending ? -order : order;
  }
  return a.key - b.key || a.instance - b.instance;
}

export function sorted(rows: readonly TableRow[], keys: readonly SortKey[]): Promise<TableRow[]> {
  return sortInSlices(rows, (a, b) => compareRows(a, b, keys));
}

/** A merge sort in slices, so that a hundred thousand rows hold nobody up. */
export async function sortInSlices<T>(all: readonly T[], compare: (a: T, b: T) => number): Promise<T[]> {
  let runs: T[][] = [];
  for (let at = 0; at < all.length; at += limits.sortSliceRows) {
    runs.push(all.slice(at, at + limits.sortSliceRows).sort(compare));
    if (all.length > limits.sortSliceRows) await yieldToOthers();
  }
  while (runs.length > 1) {
    const merged: T[][] = [];
    for (let at = 0; at < runs.length; at += 2) {
      merged.push(runs[at + 1] === undefined ? runs[at]! : await merge(runs[at]!, runs[at + 1]!, compare));
    }
    runs = merged;
  }
  return runs[0] ?? [];
}

async function merge<T>(a: readonly T[], b: readonly T[], compare: (a: T, b: T) => number): Promise<T[]> {
  const merged: T[] = [];
  let left = 0;
  let right = 0;
  while (left < a.length && right < b.length) {
    merged.push(compare(a[left]!, b[right]!) <= 0 ? a[left++]! : b[right++]!);
    if (merged.length % limits.sortSliceRows === 0) await yieldToOthers();
  }
  for (; left < a.length; left++) merged.push(a[left]!);
  for (; right < b.length; right++) merged.push(b[right]!);
  return merged;
}

/** A row that came or changed, and where it stands now. */
export interface PlacedRow {
  readonly row: TableRow;
  readonly place: number;
}

/** What some changes make of rows in order. */
export interface PatchedRows {
  readonly rows: TableRow[];
  /** The old rows of all that was touched. */
  readonly before: readonly TableRow[];
  /** The new ones, in order. */
  readonly after: readonly PlacedRow[];
  /** The place of a cursor that stood at the place given: on its row, or on the first behind it that is still there. */
  readonly place: number;
}

/** Rows copied before others get a turn. */
const copyAtOnce = 50_000;

/**
 * Takes the rows of `touched` out and puts `added`, which is in order, in: no comparison for what did not change, so
 * that one new message in a table of a hundred thousand costs a copy of the list.
 */
export async function patchRows(
  old: readonly TableRow[], touched: ReadonlySet<number>, added: readonly TableRow[], keys: readonly SortKey[],
  place: number,
): Promise<PatchedRows> {
  const before: TableRow[] = [];
  const rest: TableRow[] = [];
  let anchor = 0;
  for (let at = 0; at < old.length; at++) {
    if (at === place) anchor = rest.length;
    const row = old[at]!;
    if (touched.has(row.key)) before.push(row);
    else rest.push(row);
    if (at % copyAtOnce === copyAtOnce - 1) await yieldToOthers();
  }
  const isAtEnd = place >= old.length;
  // At the end it stands behind the last row that is still there: what comes behind that is not read yet.
  if (isAtEnd) anchor = rest.length - 1;
  const rows: TableRow[] = [];
  const after: PlacedRow[] = [];
  let from = 0;
  let shift = 0;
  for (const row of added) {
    const to = placeIn(rest, row, keys, from);
    for (let at = from; at < to; at++) rows.push(rest[at]!);
    from = to;
    if (to <= anchor) shift++;
    after.push({ row, place: rows.length });
    rows.push(row);
  }
  for (let at = from; at < rest.length; at++) rows.push(rest[at]!);
  return { rows, before, after, place: cursorAfter() };

  function cursorAfter(): number {
    if (place === 0) return 0;
    const own = isAtEnd ? undefined : old[place];
    const same = own === undefined ? undefined : after.find(({ row }) => rowName(row) === rowName(own));
    if (same !== undefined) return same.place;
    return Math.min(rows.length, anchor + shift + (isAtEnd ? 1 : 0));
  }
}

/** Where a row belongs among rows in order, from a place on. */
function placeIn(rows: readonly TableRow[], row: TableRow, keys: readonly SortKey[], from: number): number {
  let low = from;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareRows(rows[middle]!, row, keys) <= 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** What is gone, and what is new or changed, between two lists of rows. */
export interface RowDifference {
  readonly removed: readonly TableRow[];
  readonly added: readonly (PlacedRow & { readonly isNew: boolean })[];
}

/** Of what a patch touched. */
export function patchDifference({ before, after }: PatchedRows): RowDifference {
  const known = new Map(before.map((row) => [rowName(row), row]));
  const added = [];
  for (const { row, place } of after) {
    const name = rowName(row);
    const was = known.get(name);
    known.delete(name);
    if (was?.version !== row.version) added.push({ row, place, isNew: was === undefined });
  }
  return { removed: [...known.values()], added };
}

/** Of lists that were made apart. */
export async function difference(old: readonly TableRow[], fresh: readonly TableRow[]): Promise<RowDifference> {
  const before = new Map<number | string, TableRow>();
  for (const [index, row] of old.entries()) {
    before.set(rowName(row), row);
    if (index % limits.sortSliceRows === limits.sortSliceRows - 1) await yieldToOthers();
  }
  const added = [];
  for (const [place, row] of fresh.entries()) {
    const name = rowName(row);
    const known = before.get(name);
    if (known !== row && known?.version !== row.version) added.push({ row, place, isNew: known === undefined });
    before.delete(name);
    if (place % limits.sortSliceRows === limits.sortSliceRows - 1) await yieldToOthers();
  }
  return { removed: [...before.values()], added };
}

/** The place of the row a cursor stood on, or of the first behind it that is still there. */
export async function placeAfter(
  old: readonly TableRow[], fresh: readonly TableRow[], place: number,
): Promise<number> {
  if (place === 0) return 0;
  const places = new Map<number | string, number>();
  for (const [index, row] of fresh.entries()) {
    places.set(rowName(row), index);
    if (index % limits.sortSliceRows === limits.sortSliceRows - 1) await yieldToOthers();
  }
  for (let at = place; at < old.length; at++) {
    const found = places.get(rowName(old[at]!));
    if (found !== undefined) return found;
  }
  for (let at = Math.min(place, old.length) - 1; at >= 0; at--) {
    const found = places.get(rowName(old[at]!));
    if (found !== undefined) return found + 1;
  }
  return Math.min(place, fresh.length);
}

/** A category: rows with one value of a property stand below a row of their own. */
export interface CategoryKey extends SortKey {
  /** Groups stand in the order of the greatest value that any of their rows has of this property. */
  readonly byGreatest: PropertyTag | null;
}

interface SortOrder {
  readonly propertyType: number;
  readonly propertyId: number;
  readonly order: number;
}

/** Text is ordered as text; the flag of instances stays where there are several values. [MS-OXCTABL] 2.2.2.3 */
const tagIn = ({ propertyType, propertyId }: SortOrder): PropertyTag => {
  const flags = (propertyType & 0x3000) === 0x3000 ? 0x3000 : propertyType & 0x1000;
  const code = propertyType & ~0x3000;
  const wide = code === propertyTypes.String8.code ? propertyTypes.String.code : code;
  return withTypeCode(makeTag(propertyId, "Null"), flags | wide);
};

/** The first orders are those of categories; what follows one as its maximum counts with it. [MS-OXCDATA] 2.13.1 */
export function toOrder(
  orders: readonly SortOrder[], categoryCount: number,
): { readonly categories: CategoryKey[]; readonly keys: SortKey[] } {
  if (categoryCount > orders.length) throw new RopError("invalidParameter", "There are more categories than orders.");
  const categories: CategoryKey[] = [];
  const keys: SortKey[] = [];
  for (const one of orders) {
    if (one.order === sortOrders.maximumCategory) {
      const last = categories.pop();
      if (last === undefined || keys.length > 0) throw new RopError("invalidParameter", "A maximum of no category.");
      categories.push({ ...last, byGreatest: tagIn(one) });
      continue;
    }
    if (one.order !== sortOrders.ascending && one.order !== sortOrders.descending) {
      throw new RopError("tooComplex", `The order ${one.order} is not done here.`);
    }
    const key = { tag: tagIn(one), isDescending: one.order === sortOrders.descending };
    if (categories.length < categoryCount) categories.push({ ...key, byGreatest: null });
    else keys.push(key);
  }
  return { categories, keys };
}
