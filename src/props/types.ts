/**
 * The property types of MAPI and what a value of each is in the server. [MS-OXCDATA] 2.11.1
 *
 * Nothing a client can write is changed by being kept: 8-bit strings are their bytes (the code page belongs to the
 * message), strings may hold surrogates that stand alone, and a float whose NaN carries a payload is its bytes.
 */
declare const brand: unique symbol;

/** What a property is and how its value is typed: id in the high 16 bits, type code in the low. [MS-OXCDATA] 2.9 */
export type PropertyTag = number & { readonly [brand]: "PropertyTag" };

/** A JavaScript number cannot keep the payload of a NaN; such a value is its 4 or 8 bytes, little endian. */
export type FloatValue = number | Uint8Array;

interface ValueTypes {
  readonly none: null;
  /** Signed, 16 or 32 bits; ErrorCode unsigned. */
  readonly integer: number;
  readonly float: FloatValue;
  /** Signed 64 bits; Time unsigned. */
  readonly bigint: bigint;
  readonly boolean: boolean;
  readonly string: string;
  /** Lower case, without braces. */
  readonly guid: string;
  readonly bytes: Uint8Array;
  readonly integers: readonly number[];
  readonly floats: readonly FloatValue[];
  readonly bigints: readonly bigint[];
  readonly strings: readonly string[];
  readonly guids: readonly string[];
  readonly byteses: readonly Uint8Array[];
}

interface PropertyTypeRow {
  readonly code: number;
  readonly value: keyof ValueTypes;
}

/** Every type that a stored value can have, by the name of the specification without `Ptyp`. */
export const propertyTypes = {
  Null: { code: 0x0001, value: "none" },
  Integer16: { code: 0x0002, value: "integer" },
  Integer32: { code: 0x0003, value: "integer" },
  Floating32: { code: 0x0004, value: "float" },
  Floating64: { code: 0x0005, value: "float" },
  /** Ten-thousandths. */
  Currency: { code: 0x0006, value: "bigint" },
  /** Days since 1899-12-30. */
  FloatingTime: { code: 0x0007, value: "float" },
  ErrorCode: { code: 0x000a, value: "integer" },
  Boolean: { code: 0x000b, value: "boolean" },
  Object: { code: 0x000d, value: "bytes" },
  Integer64: { code: 0x0014, value: "bigint" },
  /** Bytes of the message's code page, without the NUL that ends them on the wire. */
  String8: { code: 0x001e, value: "bytes" },
  String: { code: 0x001f, value: "string" },
  /** 100-nanosecond steps since 1601-01-01 UTC. */
  Time: { code: 0x0040, value: "bigint" },
  Guid: { code: 0x0048, value: "guid" },
  ServerId: { code: 0x00fb, value: "bytes" },
  Restriction: { code: 0x00fd, value: "bytes" },
  RuleAction: { code: 0x00fe, value: "bytes" },
  Binary: { code: 0x0102, value: "bytes" },
  MultipleInteger16: { code: 0x1002, value: "integers" },
  MultipleInteger32: { code: 0x1003, value: "integers" },
  MultipleFloating32: { code: 0x1004, value: "floats" },
  MultipleFloating64: { code: 0x1005, value: "floats" },
  MultipleCurrency: { code: 0x1006, value: "bigints" },
  MultipleFloatingTime: { code: 0x1007, value: "floats" },
  MultipleInteger64: { code: 0x1014, value: "bigints" },
  MultipleString8: { code: 0x101e, value: "byteses" },
  MultipleString: { code: 0x101f, value: "strings" },
  MultipleTime: { code: 0x1040, value: "bigints" },
  MultipleGuid: { code: 0x1048, value: "guids" },
  MultipleBinary: { code: 0x1102, value: "byteses" },
} as const satisfies Record<string, PropertyTypeRow>;

export type PropertyTypeName = keyof typeof propertyTypes;

/** The value of a property of the named type. */
export type ValueOf<N extends PropertyTypeName> = ValueTypes[(typeof propertyTypes)[N]["value"]];

/** Any value a property can have. A property of a type that has no row here is kept as bytes. */
export type PropertyValue = ValueTypes[keyof ValueTypes];

/** The properties of one object, by tag. Absent is not the same as empty. */
export type PropertyBag = Map<PropertyTag, PropertyValue>;
export type ReadonlyPropertyBag = ReadonlyMap<PropertyTag, PropertyValue>;

/** In the column sets of tables: one row for each value of a multi-valued property. [MS-OXCTABL] 2.2.2.2 */
export const multivalueInstanceFlag = 0x2000;
export const multipleFlag = 0x1000;

/** Named properties get their ids per mailbox, from here up to 0xFFFE. [MS-OXCPRPT] 2.2.12 */
export const namedPropertyIdMin = 0x8000;
export const namedPropertyIdMax = 0xfffe;

const nameByCode = new Map<number, PropertyTypeName>(
  Object.entries(propertyTypes).map(([name, row]) => [row.code, name as PropertyTypeName]),
);

/** The name of a type code, or undefined for one that [MS-OXCDATA] does not define for values. */
export function propertyTypeName(code: number): PropertyTypeName | undefined {
  return nameByCode.get(code);
}

/** A tag as specifications write it, `0x0037001f`. */
export function propertyTag(value: number): PropertyTag {
  if (!Number.isInteger(value) || value < 0 || value > 0xffff_ffff) throw new RangeError(`${value} is no property tag`);
  return value as PropertyTag;
}

/** A tag of its two parts. */
export function makeTag(id: number, type: PropertyTypeName): PropertyTag {
  return propertyTag(id * 0x10000 + propertyTypes[type].code);
}

export function tagId(tag: PropertyTag): number {
  return tag >>> 16;
}

export function tagTypeCode(tag: PropertyTag): number {
  return tag & 0xffff;
}

/** The same property with another type: what a client asks for when it wants String for String8. */
export function withTypeCode(tag: PropertyTag, code: number): PropertyTag {
  return (((tag & 0xffff_0000) >>> 0) + (code & 0xffff)) as PropertyTag;
}

export function isNamedTag(tag: PropertyTag): boolean {
  const id = tagId(tag);
  return id >= namedPropertyIdMin && id <= namedPropertyIdMax;
}

export function isMultiple(tag: PropertyTag): boolean {
  return (tag & multipleFlag) !== 0;
}

/** `0x0037001F`, for messages and logs. */
export function tagText(tag: PropertyTag): string {
  return `0x${tag.toString(16).toUpperCase().padStart(8, "0")}`;
}

/** Typed look-up: `bagValue(bag, "String", subjectTag)`. A value of another type than the tag says is a bug. */
export function bagValue<N extends PropertyTypeName>(
  bag: ReadonlyPropertyBag, type: N, tag: PropertyTag,
): ValueOf<N> | undefined {
  if (tagTypeCode(tag) !== propertyTypes[type].code) throw new TypeError(`${tagText(tag)} is not of type ${type}`);
  return bag.get(tag) as ValueOf<N> | undefined;
}
