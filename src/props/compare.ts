/** Order and equality of property values, as tables sort them and restrictions compare them. [MS-OXCDATA] 2.12.5 */
import { Buffer } from "node:buffer";
import { tagTypeCode } from "#props/types.ts";
import type { PropertyTag, PropertyValue } from "#props/types.ts";

const marks = /\p{Mn}/gu;
const beyondAscii = /[^\x00-\x7f]/;

/** Capitals are one with small letters, whatever the script. */
export function foldCase(text: string): string {
  // German sharp s and others have a capital of two letters; upper case first makes both spellings one.
  return beyondAscii.test(text) ? text.toUpperCase().toLowerCase() : text.toLowerCase();
}

/** Without accents and other marks. */
export function foldMarks(text: string): string {
  return beyondAscii.test(text) ? text.normalize("NFD").replace(marks, "").normalize("NFC") : text;
}

/** Case never decides between two texts that differ otherwise. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  const foldedA = foldCase(a);
  const foldedB = foldCase(b);
  if (foldedA === foldedB) return 0;
  return foldedA < foldedB ? -1 : 1;
}

/** Bytes of 8-bit text as text: the code page of old clients in the West unless the caller knows better. */
export type ReadText8 = (raw: Uint8Array) => string;
export const readLatin: ReadText8 = (raw) => Buffer.from(raw.buffer, raw.byteOffset, raw.length).toString("latin1");

/** Negative, 0 or positive; undefined for values that have no order between them. */
export function compareValues(a: PropertyValue, b: PropertyValue): number | undefined {
  if (typeof a === "number" && typeof b === "number") return compareNumbers(a, b);
  if (typeof a === "bigint" && typeof b === "bigint") return compareNumbers(a, b);
  if (typeof a === "string" && typeof b === "string") return compareText(a, b);
  if (typeof a === "boolean" && typeof b === "boolean") return Number(a) - Number(b);
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b);
  if ((typeof a === "number" || typeof a === "bigint") && (typeof b === "number" || typeof b === "bigint")) {
    return a < b ? -1 : Number(a > b);
  }
  if (a === null || b === null) return a === b ? 0 : undefined;
  return Array.isArray(a) && Array.isArray(b) ? compareLists(a, b) : undefined;
}

/** NaN comes first, so that there is one order for all. */
function compareNumbers<N extends number | bigint>(a: N, b: N): number {
  if (a < b) return -1;
  if (a > b) return 1;
  if (a === b) return 0;
  return Number(Number.isNaN(b)) - Number(Number.isNaN(a));
}

function compareLists(a: readonly PropertyValue[], b: readonly PropertyValue[]): number | undefined {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) {
    const order = compareValues(a[index]!, b[index]!);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

/** Bytes that a value takes on the wire, for restrictions on size. [MS-OXCDATA] 2.12.8 */
export function valueSize(tag: PropertyTag, value: PropertyValue): number {
  if (value === null) return 0;
  if (typeof value === "string") return (tagTypeCode(tag) & 0xfff) === 0x48 ? 16 : value.length * 2 + 2;
  if (value instanceof Uint8Array) return value.length;
  if (Array.isArray(value)) {
    return (value as readonly PropertyValue[]).reduce((sum: number, one) => sum + valueSize(tag, one), 0);
  }
  const fixed = fixedSizes[tagTypeCode(tag) & 0xfff];
  return fixed ?? 4;
}

const fixedSizes: Readonly<Record<number, number>> = { 2: 2, 3: 4, 4: 4, 5: 8, 6: 8, 7: 8, 10: 4, 11: 1, 20: 8, 64: 8 };
