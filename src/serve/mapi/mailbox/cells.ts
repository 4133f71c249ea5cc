/** Cells of tables: values in the type of their column, cut to what a table shows. [MS-OXCTABL] 2.2.2.5 */
import { limits } from "#base/limits.ts";
import { multipleFlag, multivalueInstanceFlag, tagTypeCode, withTypeCode } from "#props/types.ts";
import type { PropertyBag, PropertyTag, PropertyValue } from "#props/types.ts";
import { cellOf } from "#serve/mapi/mailbox/property-source.ts";
import { CellError, TypedCell } from "#wire/mapi/rows.ts";
import type { Cell } from "#wire/mapi/rows.ts";

/** The column without the flag that asks for one row for each value. */
export const plainTag = (tag: PropertyTag): PropertyTag =>
  withTypeCode(tag, tagTypeCode(tag) & ~multivalueInstanceFlag);

/** The tag of one value of a multi-valued property that is shown one by one. [MS-OXCTABL] 2.2.2.2 */
export const singleTag = (tag: PropertyTag): PropertyTag => withTypeCode(tag, tagTypeCode(tag) & ~instanceBits);
const instanceBits = multivalueInstanceFlag | multipleFlag;
const showsInstance = (tag: PropertyTag): boolean => (tag & instanceBits) === instanceBits;

/** 8-bit text is kept as text. */
export function keptTag(tag: PropertyTag): PropertyTag {
  const code = tagTypeCode(tag);
  return code === 0x1e ? withTypeCode(tag, 0x1f) : code === 0x101e ? withTypeCode(tag, 0x101f) : tag;
}

export function toCells(bag: PropertyBag, columns: readonly PropertyTag[], codePage: number): Cell[] {
  return columns.map((tag) => shortened(cellOf(bag, showsInstance(tag) ? singleTag(tag) : plainTag(tag), codePage)));
}

/** The cell of a column that shows one of several values. */
export function instanceCell(value: PropertyValue | undefined, column: PropertyTag, codePage: number): Cell {
  const tag = singleTag(column);
  return shortened(cellOf(new Map(value === undefined ? [] : [[keptTag(tag), value]]), tag, codePage));
}

/** Whoever wants all of a long value opens the object. */
function shortened(cell: Cell): Cell {
  if (cell === undefined || cell instanceof CellError) return cell;
  return cell instanceof TypedCell ? new TypedCell(cell.typeCode, short(cell.value)) : short(cell);
}

function short(value: PropertyValue): PropertyValue {
  if (typeof value === "string" && value.length > limits.mapiCellMaxCharacters) {
    return value.slice(0, limits.mapiCellMaxCharacters).toWellFormed();
  }
  return value instanceof Uint8Array && value.length > limits.mapiCellMaxBytes
    ? value.subarray(0, limits.mapiCellMaxBytes) : value;
}
