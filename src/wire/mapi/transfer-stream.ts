/**
 * FastTransfer streams at the level of words: markers and properties, written in pieces that may be cut only where the
 * specification lets them, and read back however they were cut. [MS-OXCFXICS] 2.2.4.1
 */
import { WireError } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { guidToBytes, guidToText } from "#codec/binary/bytes.ts";
import type { NamedId } from "#props/registry.ts";
import { isNamedTag, multipleFlag, propertyTypes, tagTypeCode } from "#props/types.ts";
import type { FloatValue, PropertyTag, PropertyValue } from "#props/types.ts";
import { floatFromBytes, floatToBytes } from "#props/values.ts";

/** [MS-OXCFXICS] 2.2.4.1.4 */
export const markers = {
  StartTopFld: 0x4009_0003, StartSubFld: 0x400a_0003, EndFolder: 0x400b_0003, StartMessage: 0x400c_0003,
  StartFAIMsg: 0x4010_0003, EndMessage: 0x400d_0003, StartEmbed: 0x4001_0003, EndEmbed: 0x4002_0003,
  StartRecip: 0x4003_0003, EndToRecip: 0x4004_0003, NewAttach: 0x4000_0003, EndAttach: 0x400e_0003,
  IncrSyncChg: 0x4012_0003, IncrSyncChgPartial: 0x407d_0003, IncrSyncDel: 0x4013_0003, IncrSyncEnd: 0x4014_0003,
  IncrSyncRead: 0x402f_0003, IncrSyncStateBegin: 0x403a_0003, IncrSyncStateEnd: 0x403b_0003,
  IncrSyncProgressMode: 0x4074_000b, IncrSyncProgressPerMsg: 0x4075_000b, IncrSyncMessage: 0x4015_0003,
  IncrSyncGroupInfo: 0x407b_0102, FXErrorInfo: 0x4018_0003,
} as const;
export type Marker = keyof typeof markers;

const markerByValue = new Map<number, Marker>(Object.entries(markers).map(([name, value]) => [value, name as Marker]));

/** Properties that steer a transfer and belong to no object. [MS-OXCFXICS] 2.2.4.1.5, 2.2.1.1 */
export const metaTags = {
  delProp: 0x4016_0003, ecWarning: 0x400f_0003, newFolder: 0x4011_0102, groupId: 0x407c_0003,
  partialMessage: 0x407a_0003, dnPrefix: 0x4008_001e, idsetGiven: 0x4017_0003, cnsetSeen: 0x6796_0102,
  cnsetSeenFai: 0x67da_0102, cnsetRead: 0x67d2_0102, idsetDeleted: 0x67e5_0102, idsetNoLongerInScope: 0x4021_0102,
  idsetExpired: 0x6793_0102, idsetRead: 0x402d_0102, idsetUnread: 0x402e_0102,
} as const;

/** Declared a number and written as bytes. [MS-OXCFXICS] 2.2.1.1.1 */
const isIdsetGiven = (tag: number): boolean => tag >>> 16 === 0x4017;

/** Sizes of the types whose values are all of one size. A Boolean has two bytes here. [MS-OXCFXICS] 2.2.4.1.2 */
const fixedSizes: ReadonlyMap<number, number> = new Map([
  [propertyTypes.Integer16.code, 2], [propertyTypes.Integer32.code, 4], [propertyTypes.Floating32.code, 4],
  [propertyTypes.Floating64.code, 8], [propertyTypes.Currency.code, 8], [propertyTypes.FloatingTime.code, 8],
  [propertyTypes.ErrorCode.code, 4], [propertyTypes.Boolean.code, 2], [propertyTypes.Integer64.code, 8],
  [propertyTypes.Time.code, 8], [propertyTypes.Guid.code, 16], [propertyTypes.Null.code, 0],
]);
const textCodes: ReadonlySet<number> = new Set([propertyTypes.String.code, propertyTypes.String8.code]);
const bytesCodes: ReadonlySet<number> = new Set([
  propertyTypes.Binary.code, propertyTypes.ServerId.code, propertyTypes.Object.code,
]);
/** Text that says itself in which code page it is; Unicode is page 1200. [MS-OXCFXICS] 2.2.4.1.1.1 */
const codePageFlag = 0x8000;
const unicodeCodePage = 1200;
/** The type of text that says that it is Unicode. [MS-OXCFXICS] 2.2.4.1.1.1 */
export const unicodeTextCode = codePageFlag | unicodeCodePage;

/** Whether streams can hold values of a type. */
export function isTransferable(tag: PropertyTag): boolean {
  const code = tagTypeCode(tag);
  if (code === propertyTypes.ErrorCode.code || code === propertyTypes.Null.code) return false;
  const single = code & ~multipleFlag;
  return fixedSizes.has(single) || textCodes.has(single) || bytesCodes.has(single);
}

/** One stretch of a stream; `isWhole` ones are never cut. */
interface Piece {
  readonly bytes: Uint8Array;
  readonly isWhole: boolean;
}

/** A stream on its way out: filled by whoever knows the objects, emptied a buffer at a time. */
export class TransferWriter {
  readonly #pieces: Piece[] = [];
  #first = 0;
  #size = 0;

  /** Bytes that wait to be taken. */
  get sizeBytes(): number {
    return this.#size;
  }

  marker(name: Marker): void {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(markers[name]);
    this.#push(bytes, true);
  }

  /** A property of an object; `name` for one whose id is the mailbox's own. Throws for a type that has no form here. */
  property(tag: PropertyTag, value: PropertyValue, name: NamedId | null = null): void {
    this.#head(tag, name);
    const code = tagTypeCode(tag);
    if ((code & multipleFlag) === 0) {
      this.#single(code, value);
      return;
    }
    const items = value as readonly PropertyValue[];
    this.#count(items.length);
    for (const item of items) this.#single(code & ~multipleFlag, item);
  }

  /** A large binary value that comes in parts; as many bytes have to follow by {@link part}. */
  beginBytes(tag: PropertyTag, name: NamedId | null, sizeBytes: number): void {
    this.#head(tag, name);
    this.#count(sizeBytes);
  }

  part(bytes: Uint8Array): void {
    this.#push(bytes, false);
  }

  /** A property that steers the transfer. */
  meta(tag: number, value: number | Uint8Array): void {
    this.#number(tag);
    if (typeof value === "number") this.#number(value);
    else this.#sized(value);
  }

  /** At most `maxBytes` of what waits; empty when nothing does, or when the next word is longer. */
  take(maxBytes: number): Buffer {
    const taken: Uint8Array[] = [];
    let room = maxBytes;
    while (this.#first < this.#pieces.length && room > 0) {
      const piece = this.#pieces[this.#first]!;
      if (piece.bytes.length <= room) {
        taken.push(piece.bytes);
        room -= piece.bytes.length;
        this.#first++;
        continue;
      }
      if (!piece.isWhole) {
        taken.push(piece.bytes.subarray(0, room));
        this.#pieces[this.#first] = { bytes: piece.bytes.subarray(room), isWhole: false };
        room = 0;
      }
      break;
    }
    if (this.#first > 1000 || this.#first === this.#pieces.length) {
      this.#pieces.splice(0, this.#first);
      this.#first = 0;
    }
    this.#size -= maxBytes - room;
    return Buffer.concat(taken, maxBytes - room);
  }

  #head(tag: PropertyTag, name: NamedId | null): void {
    const id = Buffer.alloc(4);
    id.writeUInt32LE(tag);
    if (name === null) {
      if (isNamedTag(tag)) throw new Error(`a named property needs its name in a transfer stream`);
      this.#push(id, true);
      return;
    }
    const guid = Buffer.alloc(16);
    guidToBytes(name.guid, guid);
    const tail = typeof name.id === "number" ? Buffer.alloc(5) : Buffer.from(`\0${name.id}\0`, "utf16le").subarray(1);
    if (typeof name.id === "number") tail.writeUInt32LE(name.id, 1);
    else tail[0] = 1;
    this.#push(Buffer.concat([id, guid, tail]), true);
  }

  #single(code: number, value: PropertyValue): void {
    if (textCodes.has(code) || code === unicodeTextCode) {
      this.#sized(typeof value === "string" ? Buffer.from(`${value}\0`, "utf16le")
        : Buffer.concat([value as Uint8Array, Buffer.alloc(1)]));
    } else if (bytesCodes.has(code)) {
      this.#sized(value as Uint8Array);
    } else {
      this.#push(fixedBytes(code, value), true);
    }
  }

  #sized(bytes: Uint8Array): void {
    this.#count(bytes.length);
    this.#push(bytes, false);
  }

  #count(value: number): void {
    this.#number(value);
  }

  #number(value: number): void {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value >>> 0);
    this.#push(bytes, true);
  }

  #push(bytes: Uint8Array, isWhole: boolean): void {
    if (bytes.length === 0) return;
    this.#pieces.push({ bytes, isWhole });
    this.#size += bytes.length;
  }
}

function fixedBytes(code: number, value: PropertyValue): Uint8Array {
  const size = fixedSizes.get(code);
  if (size === undefined) throw new Error(`values of type 0x${code.toString(16)} cannot stand in a transfer stream`);
  const bytes = Buffer.alloc(size);
  switch (code) {
    case propertyTypes.Integer16.code: bytes.writeInt16LE(value as number); break;
    case propertyTypes.Integer32.code: bytes.writeInt32LE((value as number) | 0); break;
    case propertyTypes.Boolean.code: bytes[0] = value === true ? 1 : 0; break;
    case propertyTypes.Floating32.code: return floatToBytes(value as FloatValue, 4);
    case propertyTypes.Floating64.code: case propertyTypes.FloatingTime.code:
      return floatToBytes(value as FloatValue, 8);
    case propertyTypes.Guid.code: guidToBytes(value as string, bytes); break;
    case propertyTypes.Time.code: bytes.writeBigUInt64LE(BigInt.asUintN(64, value as bigint)); break;
    default: bytes.writeBigInt64LE(BigInt.asIntN(64, value as bigint));
  }
  return bytes;
}

/** One word of a stream that was read. Large bytes come in parts, all but the last with `more`. */
export type TransferWord =
  | { readonly kind: "marker"; readonly marker: Marker }
  | {
    readonly kind: "property"; readonly tag: PropertyTag; readonly name: NamedId | null;
    readonly value: PropertyValue;
  }
  | {
    readonly kind: "part"; readonly tag: PropertyTag; readonly name: NamedId | null; readonly bytes: Uint8Array;
    readonly more: boolean;
  };

/** Bytes of one value from which on it comes in parts. */
const partsFromBytes = 64 * 1024;

interface Head {
  readonly tag: PropertyTag;
  readonly name: NamedId | null;
}

/** Reads a stream in whatever pieces it comes. Throws WireError for what is no stream. */
export class TransferReader {
  #kept: Buffer = Buffer.alloc(0);
  #consumed = 0;
  /** What came since, and how much there has to be before it is looked at: small pieces of a large value wait. */
  #later: Uint8Array[] = [];
  #laterSize = 0;
  #needed = 0;
  /** A value under way that comes in parts. */
  #open: (Head & { leftBytes: number }) | null = null;

  /** The words that are whole by now. */
  *push(bytes: Uint8Array): Generator<TransferWord> {
    this.#later.push(Uint8Array.from(bytes));
    this.#laterSize += bytes.length;
    const size = this.#kept.length + this.#laterSize;
    if (size > limits.mapiTransferWordMaxBytes + partsFromBytes && size < this.#needed) {
      throw new WireError("a value of a transfer stream is too long", this.#consumed);
    }
    if (size < this.#needed) return;
    this.#kept = Buffer.concat([this.#kept, ...this.#later], size);
    this.#later = [];
    this.#laterSize = 0;
    this.#needed = 0;
    for (;;) {
      const cursor = new Cursor(this.#kept, this.#consumed);
      const word = this.#open === null ? this.#word(cursor) : this.#part(cursor);
      if (word === null) {
        if (this.#kept.length > limits.mapiTransferWordMaxBytes) {
          throw new WireError("a value of a transfer stream is too long", this.#consumed);
        }
        this.#needed = cursor.needed;
        return;
      }
      this.#kept = this.#kept.subarray(cursor.at);
      this.#consumed += cursor.at;
      if (word !== "head") yield word;
    }
  }

  /** Whether the stream may end here. */
  get isAtWord(): boolean {
    return this.#kept.length === 0 && this.#laterSize === 0 && this.#open === null;
  }

  #part(cursor: Cursor): TransferWord | null {
    const open = this.#open!;
    const size = Math.min(cursor.left, open.leftBytes);
    if (size === 0) return null;
    const bytes = cursor.take(size)!;
    const leftBytes = open.leftBytes - size;
    this.#open = leftBytes === 0 ? null : { ...open, leftBytes };
    return { kind: "part", tag: open.tag, name: open.name, bytes, more: leftBytes > 0 };
  }

  /** null until there are more bytes; "head" when a value begins that comes in parts. */
  #word(cursor: Cursor): TransferWord | "head" | null {
    const raw = cursor.number();
    if (raw === null) return null;
    const marker = markerByValue.get(raw);
    if (marker !== undefined) return { kind: "marker", marker };
    const tag = raw as PropertyTag;
    const name = isNamedTag(tag) ? cursor.name() : undefined;
    if (name === null) return null;
    return this.#value(cursor, { tag, name: name ?? null });
  }

  #value(cursor: Cursor, head: Head): TransferWord | "head" | null {
    const { tag, name } = head;
    const code = isIdsetGiven(tag) ? propertyTypes.Binary.code : tagTypeCode(tag);
    if (bytesCodes.has(code)) {
      const at = cursor.at;
      const size = cursor.number();
      if (size === null) return null;
      if (size > limits.messageSizeMaxBytes) throw new WireError(`a value of ${size} bytes is too long`, at);
      if (size >= partsFromBytes) {
        this.#open = { ...head, leftBytes: size };
        return "head";
      }
      const bytes = cursor.take(size);
      return bytes === null ? null : { kind: "property", tag, name, value: bytes };
    }
    const value = (code & multipleFlag) !== 0 && !isCodePageText(code) ? cursor.several(code & ~multipleFlag)
      : cursor.single(code);
    if (value === null) return null;
    return { kind: "property", tag: isCodePageText(code) ? textTag(tag) : tag, name, value: value.value };
  }
}

const isCodePageText = (code: number): boolean => (code & codePageFlag) !== 0;

/** The tag of text that told its code page: as every other text. */
function textTag(tag: PropertyTag): PropertyTag {
  const isUnicode = (tagTypeCode(tag) & ~codePageFlag) === unicodeCodePage;
  const code = isUnicode ? propertyTypes.String.code : propertyTypes.String8.code;
  return (((tag & 0xffff_0000) | code) >>> 0) as PropertyTag;
}

type ListValue = Extract<PropertyValue, readonly unknown[]>;
type Single = ListValue[number];

/** Every method gives null while bytes are missing. */
class Cursor {
  at = 0;
  /** How many bytes there have to be, at least, for what was asked for. */
  needed = 0;
  readonly #bytes: Buffer;
  readonly #before: number;

  constructor(bytes: Buffer, before: number) {
    this.#bytes = bytes;
    this.#before = before;
  }

  get left(): number {
    return this.#bytes.length - this.at;
  }

  take(size: number): Buffer | null {
    if (size > this.left) {
      this.needed = this.at + size;
      return null;
    }
    this.at += size;
    return this.#bytes.subarray(this.at - size, this.at);
  }

  number(): number | null {
    return this.take(4)?.readUInt32LE() ?? null;
  }

  name(): NamedId | null {
    const guid = this.take(16);
    const kind = this.take(1);
    if (guid === null || kind === null) return null;
    if (kind[0] === 0) {
      const id = this.number();
      return id === null ? null : { guid: guidToText(guid), id };
    }
    if (kind[0] !== 1) throw new WireError(`0x${kind[0]!.toString(16)} is no kind of name`, this.#before + this.at);
    const from = this.at;
    for (;;) {
      const unit = this.take(2);
      if (unit === null) return null;
      if (unit[0] === 0 && unit[1] === 0) break;
      if (this.at - from > limits.mapiTransferNameMaxBytes) {
        throw new WireError("the name of a property is too long", this.#before + from);
      }
    }
    return { guid: guidToText(guid), id: this.#bytes.toString("utf16le", from, this.at - 2) };
  }

  /** Values of one type; each list is one of those that a property may have. */
  several(code: number): { value: PropertyValue } | null {
    const count = this.number();
    if (count === null) return null;
    if (count > limits.structureItemsMax) throw new WireError(`${count} values are too many`, this.#before + this.at);
    const values: Single[] = [];
    for (let index = 0; index < count; index++) {
      const value = this.single(code);
      if (value === null) {
        // Those that follow take some bytes each.
        this.needed += (count - index - 1) * (fixedSizes.get(code) ?? 4);
        return null;
      }
      values.push(value.value as Single);
    }
    return { value: values as ListValue };
  }

  single(code: number): { value: PropertyValue } | null {
    if (textCodes.has(code) || isCodePageText(code)) return this.#text(code);
    if (bytesCodes.has(code)) {
      const bytes = this.#sized();
      return bytes === null ? null : { value: bytes };
    }
    const size = fixedSizes.get(code);
    if (size === undefined) {
      throw new WireError(`0x${code.toString(16)} is no type of a transfer stream`, this.#before + this.at);
    }
    const bytes = this.take(size);
    return bytes === null ? null : { value: fixedValue(code, bytes) };
  }

  #sized(): Buffer | null {
    const size = this.number();
    if (size === null) return null;
    if (size > limits.mapiTransferWordMaxBytes) {
      throw new WireError(`a value of ${size} bytes is too long`, this.#before + this.at);
    }
    return this.take(size);
  }

  #text(code: number): { value: PropertyValue } | null {
    const bytes = this.#sized();
    if (bytes === null) return null;
    const isUnicode = code === propertyTypes.String.code || (code & ~codePageFlag) === unicodeCodePage;
    if (!isUnicode) return { value: bytes.at(-1) === 0 ? bytes.subarray(0, -1) : bytes };
    const text = bytes.toString("utf16le");
    return { value: text.endsWith("\0") ? text.slice(0, -1) : text };
  }
}

function fixedValue(code: number, bytes: Buffer): PropertyValue {
  switch (code) {
    case propertyTypes.Integer16.code: return bytes.readInt16LE();
    case propertyTypes.Integer32.code: return bytes.readInt32LE();
    case propertyTypes.ErrorCode.code: return bytes.readUInt32LE();
    case propertyTypes.Boolean.code: return bytes[0] !== 0;
    case propertyTypes.Floating32.code: case propertyTypes.Floating64.code: case propertyTypes.FloatingTime.code:
      return floatFromBytes(bytes);
    case propertyTypes.Guid.code: return guidToText(bytes);
    case propertyTypes.Time.code: return bytes.readBigUInt64LE();
    case propertyTypes.Null.code: return null;
    default: return bytes.readBigInt64LE();
  }
}
