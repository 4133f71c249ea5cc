/** Rows of properties: of tables, of objects asked for certain properties, of recipients. [MS-OXCDATA] 2.8 */
import { bytes, latin1z, utf16z } from "#codec/binary/bytes.ts";
import { choose, listOf, mapped, reserved, sized, struct, tagged, when } from "#codec/binary/combine.ts";
import { u16, u32, u8 } from "#codec/binary/numbers.ts";
import { makeType, Refusal } from "#codec/binary/type.ts";
import type { Of, Reader, Scope, Type, Writer } from "#codec/binary/type.ts";
import { tagTypeCode } from "#props/types.ts";
import type { PropertyTag, PropertyValue } from "#props/types.ts";
import { propertyTag } from "#props/object-ids.ts";
import { readValue, valueLayout, writeValue } from "#props/structures.ts";
import type { Form } from "#props/structures.ts";

/** In place of a value: why there is none. [MS-OXCDATA] 2.11.5 */
export class CellError {
  readonly code: number;

  constructor(code: number) {
    this.code = code;
  }
}

/** The value of a column that is asked for without a type. [MS-OXCDATA] 2.11.3 */
export class TypedCell {
  readonly typeCode: number;
  readonly value: PropertyValue;

  constructor(typeCode: number, value: PropertyValue) {
    this.typeCode = typeCode;
    this.value = value;
  }
}

/** undefined: the object has no such property, and that is no error. */
export type Cell = PropertyValue | TypedCell | CellError | undefined;

/** Columns of type Unspecified tell the type beside each value. */
const unspecified = 0;
const standardRow = 0;
const flaggedRow = 1;
const flagValue = 0;
const flagAbsent = 1;
const flagError = 0x0a;

/** The type of a column's values; one of a multi-valued property that is shown one by one is single. */
function columnType(tag: PropertyTag): number {
  const code = tagTypeCode(tag);
  return (code & 0x3000) === 0x3000 ? code & ~0x3000 : code & ~0x2000;
}

function readCell(form: Form, tag: PropertyTag, reader: Reader): PropertyValue | TypedCell {
  const code = columnType(tag);
  if (code !== unspecified) return readValue(form, code, reader);
  const typeCode = u16.read(reader);
  return new TypedCell(typeCode, readValue(form, typeCode, reader));
}

function readFlagged(form: Form, tag: PropertyTag, reader: Reader): Cell {
  const at = reader.at;
  const isTyped = tagTypeCode(tag) === unspecified;
  const typeCode = isTyped ? u16.read(reader) : columnType(tag);
  const flag = u8.read(reader);
  if (flag === flagAbsent) return undefined;
  if (flag === flagError) return new CellError(u32.read(reader));
  if (flag !== flagValue) throw new Refusal(`flag ${flag} of a value`, at);
  const value = readValue(form, typeCode, reader);
  return isTyped ? new TypedCell(typeCode, value) : value;
}

function writeCell(form: Form, tag: PropertyTag, writer: Writer, cell: PropertyValue | TypedCell): void {
  const code = columnType(tag);
  if (code === unspecified) {
    if (!(cell instanceof TypedCell)) throw new Refusal("has no type", writer.at);
    u16.write(writer, cell.typeCode);
    writeValue(form, cell.typeCode, writer, cell.value);
  } else {
    writeValue(form, code, writer, cell instanceof TypedCell ? cell.value : cell);
  }
}

function writeFlagged(form: Form, tag: PropertyTag, writer: Writer, cell: Cell): void {
  const code = columnType(tag);
  if (code === unspecified) u16.write(writer, cell instanceof TypedCell ? cell.typeCode : 0x000a);
  if (cell === undefined) {
    u8.write(writer, flagAbsent);
  } else if (cell instanceof CellError) {
    u8.write(writer, flagError);
    u32.write(writer, cell.code);
  } else {
    u8.write(writer, flagValue);
    const value = cell instanceof TypedCell ? cell.value : cell;
    writeValue(form, cell instanceof TypedCell ? cell.typeCode : code, writer, value);
  }
}

/** The columns a row is laid out by: the nearest field `columns` around it, or what the caller gave. */
function columnsIn(scope: Scope | undefined, name: string): readonly PropertyTag[] {
  const columns = scope?.get(name);
  if (!Array.isArray(columns)) throw new Error(`the columns ${name} of a row are not known`);
  return columns as readonly PropertyTag[];
}

/**
 * PropertyRow by the columns in the field `columnsField`: as short as it can be when every column has a value.
 * [MS-OXCDATA] 2.8.1; with form `addressBook`, AddressBookPropertyRow of [MS-OXCMAPIHTTP] 2.2.1.7.
 */
export function propertyRow(form: Form, columnsField: string): Type<readonly Cell[]> {
  return makeType<readonly Cell[]>({
    shape: { kind: "dynamic", pick: (scope) => plainRow(form, columnsIn(scope, columnsField)) },
    sizeMin: 1, usesScope: true,
    read: (reader) => readRow(form, columnsIn(reader.scope, columnsField), reader),
    write: (writer, row) => writeRow(form, columnsIn(writer.scope, columnsField), writer, row),
  });
}

/** The same from plain parts, for what looks at layouts and has no need to be quick. */
function plainRow(form: Form, columns: readonly PropertyTag[]): Type<unknown> {
  const layouts = columns.map((tag) => valueLayout(form, columnType(tag)) ?? noValue);
  const named = (cells: readonly Type<unknown>[]) =>
    struct(Object.fromEntries(cells.map((cell, at) => [`c${at}`, cell])));
  const flagged = layouts.map((value) => tagged("flag", u8, {
    [flagValue]: struct({ value }), [flagAbsent]: struct({}), [flagError]: struct({ error: u32 }),
  }));
  const cellOf = (raw: object): unknown => {
    if ("value" in raw) return raw.value;
    return "error" in raw ? new CellError(raw.error as number) : undefined;
  };
  return mapped<{ readonly flag: number }, unknown>(
    tagged("flag", u8, { [standardRow]: named(layouts), [flaggedRow]: named(flagged) }) as Type<{ flag: number }>,
    ({ flag, ...cells }) => Object.values(cells).map((cell) => (flag === standardRow ? cell : cellOf(cell as object))),
    () => ({ flag: 0 }),
  );
}

/** A column of a type that has no values. */
const noValue: Type<unknown> = struct({});

function readRow(form: Form, columns: readonly PropertyTag[], reader: Reader): readonly Cell[] {
  const at = reader.at;
  const flag = u8.read(reader);
  if (flag > flaggedRow) throw new Refusal(`flag ${flag} of a row`, at);
  const read = flag === standardRow ? readCell : readFlagged;
  const row: Cell[] = [];
  for (const tag of columns) row.push(read(form, tag, reader));
  return row;
}

/** Also for rows that are written one by one until a buffer is full. */
export function writeRow(
  form: Form, columns: readonly PropertyTag[], writer: Writer, row: readonly Cell[],
): void {
  if (row.length !== columns.length) throw new Refusal(`${row.length} cells for ${columns.length} columns`, writer.at);
  const isStandard = row.every((cell) => cell !== undefined && !(cell instanceof CellError));
  u8.write(writer, isStandard ? standardRow : flaggedRow);
  for (let index = 0; index < columns.length; index++) {
    const cell = row[index];
    if (isStandard) writeCell(form, columns[index]!, writer, cell as PropertyValue | TypedCell);
    else writeFlagged(form, columns[index]!, writer, cell);
  }
}

/** RecipientFlags, bits beside the type in the low three. [MS-OXCDATA] 2.8.3.1 */
export const recipientFlags = {
  typeMask: 0x0007, emailAddress: 0x0008, displayName: 0x0010, transmittableDisplayName: 0x0020, sameAsDisplay: 0x0040,
  responsible: 0x0080, nonRich: 0x0100, unicode: 0x0200, simpleDisplayName: 0x0400, addressType: 0x8000,
} as const;

/** The type in the low three bits of RecipientFlags. [MS-OXCDATA] 2.8.3.1 */
export const addressTypes = { none: 0, x500: 1, msMail: 2, smtp: 3, fax: 4, pos: 5, pdl1: 6, pdl2: 7 } as const;

const flagsOf = (scope: Scope): number => scope.number("recipientFlags");
const has = (mask: number) => (scope: Scope): boolean => (flagsOf(scope) & mask) !== 0;
const isType = (...types: number[]) => (scope: Scope): boolean =>
  types.includes(flagsOf(scope) & recipientFlags.typeMask);
const hasOwnType = (scope: Scope): boolean =>
  (flagsOf(scope) & recipientFlags.typeMask) === 0 && (flagsOf(scope) & recipientFlags.addressType) !== 0;
const text = choose((scope) => (has(recipientFlags.unicode)(scope) ? "wide" : "narrow"),
  { wide: utf16z, narrow: latin1z });

/** A count of cells, then those for the first columns of the call; the others are absent. [MS-OXCDATA] 2.8.3.2 */
const recipientCells: Type<readonly Cell[]> = makeType<readonly Cell[]>({
  shape: { kind: "dynamic", pick: (scope) => plainRow("rop", columnsIn(scope, "recipientColumns")) },
  sizeMin: 3, usesScope: true,
  read: (reader) => {
    const at = reader.at;
    const columns = columnsIn(reader.scope, "recipientColumns");
    const count = u16.read(reader);
    if (count > columns.length) throw new Refusal(`${count} cells for ${columns.length} columns`, at);
    return readRow("rop", columns.slice(0, count), reader);
  },
  write: (writer, row) => {
    u16.write(writer, row.length);
    writeRow("rop", columnsIn(writer.scope, "recipientColumns").slice(0, row.length), writer, row);
  },
});

/** One recipient; the columns are those of the call around it. [MS-OXCDATA] 2.8.3.2 */
export const recipientRow = struct({
  recipientFlags: u16,
  addressPrefixUsed: when(isType(addressTypes.x500), u8),
  displayType: when(isType(addressTypes.x500), u8),
  x500Dn: when(isType(addressTypes.x500), latin1z),
  entryId: when(isType(addressTypes.pdl1, addressTypes.pdl2), bytes(u16)),
  searchKey: when(isType(addressTypes.pdl1, addressTypes.pdl2), bytes(u16)),
  addressType: when(hasOwnType, latin1z),
  emailAddress: when(has(recipientFlags.emailAddress), text),
  displayName: when(has(recipientFlags.displayName), text),
  simpleDisplayName: when(has(recipientFlags.simpleDisplayName), text),
  transmittableDisplayName: when(has(recipientFlags.transmittableDisplayName), text),
  recipientProperties: recipientCells,
});
export type RecipientRow = Of<typeof recipientRow>;

/** [MS-OXCROPS] 2.2.6.1.2.1 */
export const openRecipientRow = struct({
  recipientType: u8, codePageId: u16, reserved: reserved(u16), recipientRow: sized(u16, recipientRow),
});

/** [MS-OXCROPS] 2.2.6.6.2.1 */
export const readRecipientRow = struct({
  rowId: u32, recipientType: u8, codePageId: u16, reserved: reserved(u16), recipientRow: sized(u16, recipientRow),
});

/** A row of no size removes the recipient. [MS-OXCROPS] 2.2.6.5.1.1 */
const perhapsRecipientRow: Type<RecipientRow | null> = makeType<RecipientRow | null>({
  shape: { kind: "sized", length: u16, inner: recipientRow }, sizeMin: 2, usesScope: true,
  read: (reader) => {
    const at = reader.at;
    if (u16.read(reader) === 0) return null;
    reader.at = at;
    return sizedRecipientRow.read(reader);
  },
  write: (writer, value) => {
    if (value === null) u16.write(writer, 0);
    else sizedRecipientRow.write(writer, value);
  },
});
const sizedRecipientRow = sized(u16, recipientRow);

/** [MS-OXCROPS] 2.2.6.5.1.1 */
export const modifyRecipientRow = struct({ rowId: u32, recipientType: u8, recipientRow: perhapsRecipientRow });

/** One sort key of a table. [MS-OXCDATA] 2.13.1 */
export const sortOrder = struct({ propertyType: u16, propertyId: u16, order: u8 });
export const sortOrders = { ascending: 0, descending: 1, maximumCategory: 4 } as const;

/** Why one property of a request was not done. [MS-OXCDATA] 2.7 */
export const propertyProblem = struct({ index: u16, propertyTag, errorCode: u32 });

const typedStringKinds = { none: 0, empty: 1, string8: 2, reduced: 3, unicode: 4 } as const;
const outsideLatin1 = /[^\x00-\xff]/;

/** Text in its shortest form; null where there is none. [MS-OXCDATA] 2.11.7 */
export const typedString: Type<string | null> = mapped<
  { readonly stringType: number; readonly text: string | Uint8Array }, string | null
>(
  struct({
    stringType: u8,
    text: choose("stringType", { 2: latin1z, 3: latin1z, 4: utf16z }, bytes(0)),
  }),
  ({ stringType, text }) => {
    if (stringType === typedStringKinds.none) return null;
    return typeof text === "string" ? text : "";
  },
  (value) => {
    if (value === null) return { stringType: typedStringKinds.none, text: new Uint8Array(0) };
    if (value === "") return { stringType: typedStringKinds.empty, text: new Uint8Array(0) };
    const kind = outsideLatin1.test(value) ? typedStringKinds.unicode : typedStringKinds.reduced;
    return { stringType: kind, text: value };
  },
);

/** Several of the above. */
export const propertyTags = listOf(u16, propertyTag);
export const propertyProblems = listOf(u16, propertyProblem);
