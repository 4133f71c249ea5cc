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

/** Rows without the property come first, as if it were the least of all. [MS-OXCTABL] 3.2.5.3 */
export function compareRows(a: TableRow, b: TableRow, keys: readonly SortKey[]): number {
  for (const { tag, isDescending } of keys) {
    const [left, right] = [a.values.get(tag), b.values.get(tag)];
    const order = left === undefined || right === undefined ? Number(left !== undefined) - Number(right !== undefined)
      : compareValues(left, right) ?? 0;
    if (order !== 0) return isDescending ? -order : order;
  }
  return a.key - b.key;
}

/** A merge sort in slices, so that a hundred thousand rows hold nobody up. */
export async function sorted(rows: readonly TableRow[], keys: readonly SortKey[]): Promise<TableRow[]> {
  let runs: TableRow[][] = [];
  for (let at = 0; at < rows.length; at += limits.sortSliceRows) {
    runs.push(rows.slice(at, at + limits.sortSliceRows).sort((a, b) => compareRows(a, b, keys)));
    if (rows.length > limits.sortSliceRows) await yieldToOthers();
  }
  while (runs.length > 1) {
    const merged: TableRow[][] = [];
    for (let at = 0; at < runs.length; at += 2) {
      merged.push(runs[at + 1] === undefined ? runs[at]! : await merge(runs[at]!, runs[at + 1]!, keys));
    }
    runs = merged;
  }
  return runs[0] ?? [];
}

export async function merge(a: TableRow[], b: TableRow[], keys: readonly SortKey[]): Promise<TableRow[]> {
  const all: TableRow[] = [];
  let left = 0;
  let right = 0;
  while (left < a.length && right < b.length) {
    all.push(compareRows(a[left]!, b[right]!, keys) <= 0 ? a[left++]! : b[right++]!);
    if (all.length % limits.sortSliceRows === 0) await yieldToOthers();
  }
  for (; left < a.length; left++) all.push(a[left]!);
  for (; right < b.length; right++) all.push(b[right]!);
  return all;
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

const tagIn = ({ propertyType, propertyId }: SortOrder): PropertyTag => {
  const code = propertyType & ~0x2000;
  const wide = code === propertyTypes.String8.code ? propertyTypes.String.code : code;
  return withTypeCode(makeTag(propertyId, "Null"), wide);
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
