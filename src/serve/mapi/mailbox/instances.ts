/**
 * Rows of multi-valued columns: where the table was told so, a message stands once for each of its values.
 * [MS-OXCTABL] 2.2.2.2, 2.2.2.3, 3.2.5.3
 */
import { limits } from "#base/limits.ts";
import { compareValues } from "#props/compare.ts";
import type { Restriction } from "#props/structures.ts";
import type { PropertyTag, PropertyValue } from "#props/types.ts";
import { makeTag, propertyTypes, tagTypeCode, withTypeCode } from "#props/types.ts";
import { plainTag, singleTag } from "#serve/mapi/mailbox/cells.ts";
import { isInstanceTag } from "#serve/mapi/mailbox/decide.ts";
import type { RowValues, TableRow } from "#serve/mapi/mailbox/table.ts";

const PidTagInstanceNum = makeTag(0x674e, "Integer32");

/** The same tests on the value a row shows: what asks for an instance asks for its single value. */
export function singleForm(restriction: Restriction): Restriction {
  const form = <R extends Restriction>(one: R): R => singleForm(one) as R;
  const tagOf = (tag: PropertyTag): PropertyTag => (isInstanceTag(tag) ? singleTag(tag) : tag);
  if ("restricts" in restriction) return { ...restriction, restricts: restriction.restricts.map(form) };
  if ("propertyTag1" in restriction) {
    const { propertyTag1, propertyTag2 } = restriction;
    return { ...restriction, propertyTag1: tagOf(propertyTag1), propertyTag2: tagOf(propertyTag2) };
  }
  if ("propertyTag" in restriction) return { ...restriction, propertyTag: tagOf(restriction.propertyTag) };
  if ("restriction" in restriction && restriction.restriction !== undefined && !("subobject" in restriction)) {
    return { ...restriction, restriction: form(restriction.restriction) } as Restriction;
  }
  return restriction;
}

/** The tag of an instance as rows know it: text is never 8-bit. */
export function instanceTag(tag: PropertyTag): PropertyTag {
  return tagTypeCode(tag) === 0x301e ? withTypeCode(tag, 0x2000 | propertyTypes.MultipleString.code) : tag;
}

/** The one value of each property that is told apart, and all else as the row of the whole has it. */
class InstanceValues implements RowValues {
  readonly #whole: RowValues;
  readonly #tags: readonly PropertyTag[];
  readonly #values: readonly (PropertyValue | undefined)[];
  readonly #instance: number;

  constructor(
    whole: RowValues, tags: readonly PropertyTag[], values: readonly (PropertyValue | undefined)[], instance: number,
  ) {
    this.#whole = whole;
    this.#tags = tags;
    this.#values = values;
    this.#instance = instance;
  }

  get(tag: PropertyTag): PropertyValue | undefined {
    if (tag === PidTagInstanceNum) return this.#instance;
    const place = this.#tags.findIndex((one) => one === tag || singleTag(one) === tag);
    return place < 0 ? this.#whole.get(tag) : this.#values[place];
  }
}

function distinct(value: PropertyValue | undefined): readonly PropertyValue[] {
  if (!Array.isArray(value)) return value === undefined ? [] : [value];
  const found: PropertyValue[] = [];
  for (const one of (value as readonly PropertyValue[]).slice(0, limits.mapiInstancesMax)) {
    if (!found.some((other) => compareValues(other, one) === 0)) found.push(one);
  }
  return found;
}

/** Each row as many times as its properties have different values; once where they have none. */
export function expandRows(rows: readonly TableRow[], tags: readonly PropertyTag[]): TableRow[] {
  if (tags.length === 0) return rows as TableRow[];
  const expanded: TableRow[] = [];
  for (const row of rows) {
    let sets: (PropertyValue | undefined)[][] = [[]];
    for (const tag of tags) {
      const values = distinct(row.values.get(plainTag(tag)));
      const all = values.length === 0 ? [undefined] : values;
      sets = sets.flatMap((set) => all.map((value) => [...set, value])).slice(0, limits.mapiInstancesMax);
    }
    for (const [instance, set] of sets.entries()) {
      expanded.push({ ...rowOf(row), instance, values: new InstanceValues(row.values, tags, set, instance) });
    }
  }
  return expanded;
}

const rowOf = ({ key, version, folderId }: TableRow): Pick<TableRow, "key" | "version" | "folderId"> =>
  ({ key, version, ...folderId === undefined ? {} : { folderId } });
