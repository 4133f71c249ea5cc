import { bytes, guid, rest } from "#codec/binary/bytes.ts";
import { constant, dynamic, listOf, mapped, struct, tagged, when } from "#codec/binary/combine.ts";
import { u16, u32, u8 } from "#codec/binary/numbers.ts";
import type { Of, Type } from "#codec/binary/type.ts";
import { WireError } from "#base/fault.ts";
import { isMultiple, namedIdMin } from "#format/mapi/property.ts";
import type { MapiName, MapiProperty, MapiValue } from "#format/mapi/property.ts";
import { fixedTypes, isVariable, padded, textOfUtf16, typeCodes, withoutNul } from "#format/mapi/values.ts";

export const signature = 0x223e9f78;

/** Before the first attribute. [MS-OXTNEF] 2.1.3 */
export const StreamHeader = struct({ signature: constant(u32, signature), legacyKey: u16 });
export const streamHeaderSize = 6;

/** One attribute of the message or of an attachment. [MS-OXTNEF] 2.1.3 */
export const Attribute = struct({ level: u8, id: u32, data: bytes(u32), checksum: u16 });
export type Attribute = Of<typeof Attribute>;

/** [MS-OXTNEF] 2.1.3 */
export const levels = { message: 1, attachment: 2 } as const;

/**
 * Attributes by the name of the specification. The upper half tells the type and differs between writers, so that only
 * the lower half is compared. [MS-OXTNEF] 2.1.3.3
 */
export const attributeIds = {
  attTnefVersion: 0x00089006, attOemCodepage: 0x00069007, attMessageClass: 0x00078008,
  attOriginalMessageClass: 0x00070600, attFrom: 0x00008000, attSubject: 0x00018004, attBody: 0x0002800c,
  attMessageID: 0x00018009, attParentID: 0x0001800a,
  attConversationID: 0x0001800b, attMessageStatus: 0x00068007, attPriority: 0x0004800d, attOwner: 0x00060000,
  attSentFor: 0x00060001, attDelegate: 0x00060002, attDateStart: 0x00030006, attDateEnd: 0x00030007,
  attAidOwner: 0x00050008, attRequestRes: 0x00040009, attDateSent: 0x00038005, attDateRecd: 0x00038006,
  attDateModified: 0x00038020, attMsgProps: 0x00069003, attRecipTable: 0x00069004,
  attAttachRendData: 0x00069002, attAttachData: 0x0006800f, attAttachTitle: 0x00018010, attAttachMetaFile: 0x00068011,
  attAttachCreateDate: 0x00038012, attAttachModifyDate: 0x00038013, attAttachTransportFilename: 0x00069001,
  attAttachment: 0x00069005,
} as const;

/** The half of an attribute's id that says which it is. [MS-OXTNEF] 2.1.3.3 */
export const idOf = (id: number): number => id & 0xffff;

/** What an attachment is and where it stands in the text. [MS-OXTNEF] 2.1.3.3.15 */
export const AttachRendData = struct({
  attachType: u16, attachPosition: u32, renderWidth: u16, renderHeight: u16, dataFlags: u32,
});

/** A moment of the sender's local time. [MS-OXTNEF] 2.1.3.3 */
export const DateTime = struct({
  year: u16, month: u16, day: u16, hour: u16, minute: u16, second: u16, dayOfWeek: u16,
});

/** Primary and secondary. [MS-OXTNEF] 2.1.3.3 */
export const OemCodepage = struct({ primary: u32, secondary: u32 });

/** Sender: four sizes, then name and address with their NULs. [MS-OXTNEF] 2.1.3.3 */
export const From = struct({
  structureType: u16, structureSize: u16, nameSize: u16, addressSize: u16, name: bytes("nameSize"),
  address: bytes("addressSize"), more: rest,
});

/** Name and address, each with its NUL. [MS-OXTNEF] 2.1.3.3.16 and 2.1.3.3.17 */
export const Owner = struct({ name: bytes(u16), address: bytes(u16), more: rest });

function utf16WithNul(text: string): Uint8Array {
  return Buffer.from(`${text}\0`, "utf16le");
}

function withNul(raw: Uint8Array): Uint8Array {
  return Buffer.concat([raw, Buffer.alloc(1)]);
}

/** Bytes with their size in front, filled up to four. */
const block = padded(bytes(u32), 4);

const rawName = struct({
  set: guid,
  id: tagged("kind", u32, { 0: struct({ lid: u32 }), 1: struct({ name: mapped(block, textOfUtf16, utf16WithNul) }) }),
});

/** [MS-OXTNEF] 2.1.3 */
const PropertyName: Type<MapiName> = mapped<Of<typeof rawName>, MapiName>(
  rawName,
  ({ set, id }) => ({ guid: set, id: id.kind === 0 ? id.lid : id.name }),
  ({ guid: set, id }) => ({ set, id: typeof id === "number" ? { kind: 0, lid: id } : { kind: 1, name: id } }),
);

/** The inside of a block, by type. */
function blockOf(base: number): Type<string | Uint8Array> {
  if (base === typeCodes.String) {
    return mapped<Uint8Array, string | Uint8Array>(block, textOfUtf16, (value) => utf16WithNul(String(value)));
  }
  if (base !== typeCodes.String8) return block as Type<string | Uint8Array>;
  return mapped<Uint8Array, string | Uint8Array>(block, withoutNul, (value) => withNul(value as Uint8Array));
}

function one<T>(list: readonly T[]): T {
  if (list.length !== 1) throw new WireError(`${list.length} values of a property that has one`, 0);
  return list[0]!;
}

function valueType(type: number): Type<MapiValue> {
  const base = type & ~0x1000;
  if (isVariable(type)) {
    const list = listOf(u32, blockOf(base));
    if (isMultiple(type)) return list as Type<MapiValue>;
    return mapped<readonly (string | Uint8Array)[], string | Uint8Array>(
      list, one, (value) => [value],
    ) as Type<MapiValue>;
  }
  const fixed = fixedTypes.get(base);
  if (fixed === undefined) throw new WireError(`unknown type 0x${type.toString(16)}`, 0);
  const item = padded(fixed, 4);
  return (isMultiple(type) ? listOf(u32, item) : item) as Type<MapiValue>;
}

const valueTypes = new Map<number, Type<MapiValue>>();
for (const code of [...fixedTypes.keys(), typeCodes.String8, typeCodes.String, typeCodes.Binary, typeCodes.Object]) {
  for (const type of [code, code | 0x1000]) valueTypes.set(type, valueType(type));
}
const unknownType: Type<MapiValue> = mapped<Uint8Array, MapiValue>(
  bytes(0),
  () => {
    throw new WireError("a property of an unknown type", 0);
  },
  () => {
    throw new WireError("a property of an unknown type", 0);
  },
);

/** Whether a property of this type can be written. */
export function isKnownType(type: number): boolean {
  return valueTypes.has(type);
}

/** One encapsulated property. [MS-OXTNEF] 2.1.3 */
export const Property: Type<MapiProperty> = struct({
  type: u16, id: u16,
  name: when({ holds: (scope) => scope.number("id") >= namedIdMin }, PropertyName),
  value: dynamic((scope) => valueTypes.get(scope.number("type")) ?? unknownType),
});

/** Sum of the bytes in 16 bits. [MS-OXTNEF] 2.1.3 */
export function checksumOf(data: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < data.length; at++) sum = (sum + data[at]!) & 0xffff;
  return sum;
}

/** First 16 bytes of PidTagAttachDataObject: what kind of object follows. [MS-OXTNEF] 2.1.3 */
export const objectKinds = {
  message: "00020307-0000-0000-c000-000000000046",
  storage: "0000000b-0000-0000-c000-000000000046",
  stream: "0000000c-0000-0000-c000-000000000046",
} as const;
