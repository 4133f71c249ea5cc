/**
 * MAPI objects as files carry them, before they belong to a mailbox: property lists with the names beside the values.
 * What a value of each type is follows `props/types.ts`, so that an adapter copies and does not convert.
 */

/** What a named property is known by: its set (lower case GUID) and a number or a string. [MS-OXCDATA] 2.6.1 */
export interface MapiName {
  readonly guid: string;
  readonly id: number | string;
}

/**
 * Numbers for integers (ErrorCode unsigned) and floats, bigint for 64 bits (Time unsigned), bytes for Binary, Object
 * and 8-bit strings without their NUL, and for a float whose NaN has a payload. [MS-OXCDATA] 2.11.1
 */
export type MapiScalar = number | bigint | boolean | string | Uint8Array;
export type MapiValue =
  | null | MapiScalar | readonly number[] | readonly bigint[] | readonly string[] | readonly Uint8Array[]
  | readonly (number | Uint8Array)[];

/** One property. [MS-OXCDATA] 2.8.1 */
export interface MapiProperty {
  /** From 0x8000 on it has a meaning by `name` only. */
  readonly id: number;
  /** Type code, [MS-OXCDATA] 2.11.1. */
  readonly type: number;
  readonly name?: MapiName | undefined;
  readonly value: MapiValue;
}

/** An attachment: bytes, a message inside, or (a reference) neither. [MS-OXCMSG] 2.2.2 */
export interface MapiAttachment {
  readonly properties: readonly MapiProperty[];
  /** PidTagAttachDataBinary, or the compound file of an OLE object. */
  readonly data?: Uint8Array | undefined;
  readonly embedded?: MapiMessage | undefined;
}

/** A message with all that belongs to it. [MS-OXCMSG] 1.3.1 */
export interface MapiMessage {
  readonly properties: readonly MapiProperty[];
  readonly recipients: readonly (readonly MapiProperty[])[];
  readonly attachments: readonly MapiAttachment[];
  /** Windows code page of the 8-bit strings, where the file tells one. */
  readonly codePage?: number | undefined;
}

export const namedIdMin = 0x8000;

/** Ids that decide how an object is laid out. [MS-OXPROPS] */
export const propertyIds = {
  attachData: 0x3701, attachMethod: 0x3705, messageCodepage: 0x3ffd, internetCodepage: 0x3fde, messageLocaleId: 0x3ff1,
  storeSupportMask: 0x340d,
} as const;

/** PidTagAttachMethod. [MS-OXCMSG] 2.2.2.9 */
export const attachMethods = { byValue: 1, byReference: 2, embeddedMessage: 5, storage: 6 } as const;

export function isMultiple(type: number): boolean {
  return (type & 0x1000) !== 0;
}

/** The first property of that id whose value is a number. */
export function numberOf(properties: readonly MapiProperty[], id: number): number | undefined {
  const value = properties.find((property) => property.id === id)?.value;
  return typeof value === "number" ? value : undefined;
}
