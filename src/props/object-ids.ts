import { bytes, guid } from "#codec/binary/bytes.ts";
import { reserved, struct } from "#codec/binary/combine.ts";
import { enumeration, u16, u32 } from "#codec/binary/numbers.ts";
import { makeType, Refusal } from "#codec/binary/type.ts";
import type { Of, Type } from "#codec/binary/type.ts";
import { propertyTypes } from "#props/types.ts";
import type { PropertyTag } from "#props/types.ts";

/** 48 bits, the most significant byte first, as identifiers carry their counters. [MS-OXCDATA] 2.2.1.1 */
export const globalCounter: Type<number> = makeType({
  shape: { kind: "mapped", inner: bytes(6), toValue: (raw) => Buffer.from(raw as Uint8Array).readUIntBE(0, 6) },
  sizeMin: 6, isFixed: true,
  read: (reader) => {
    const at = reader.take(6);
    const { bytes } = reader;
    const high = (bytes[at]! << 8) | bytes[at + 1]!;
    const low = ((bytes[at + 2]! << 24) | (bytes[at + 3]! << 16) | (bytes[at + 4]! << 8) | bytes[at + 5]!) >>> 0;
    return high * 0x1_0000_0000 + low;
  },
  write: (writer, value) => {
    if (!Number.isInteger(value) || value < 0 || value > 0xffff_ffff_ffff) {
      throw new Refusal(`${String(value)} is no counter of 48 bits`, writer.at);
    }
    const at = writer.take(6);
    writer.bytes.writeUIntBE(value, at, 6);
  },
});

/** A folder, message or change number as one mailbox names it. [MS-OXCDATA] 2.2.1.1, 2.2.1.2 */
export const shortTermId = struct({ replicaId: u16, counter: globalCounter });
export type ShortTermId = Of<typeof shortTermId>;

/** The same as every mailbox understands it. [MS-OXCDATA] 2.2.1.3.1 */
export const longTermId = struct({ replicaGuid: guid, counter: globalCounter, pad: reserved(u16) });
export type LongTermId = Of<typeof longTermId>;

const typeCodes: Readonly<Record<string, number>> =
  Object.fromEntries(Object.entries(propertyTypes).map(([name, { code }]) => [name, code]));

/** Property id above, type code below. [MS-OXCDATA] 2.9 */
export const propertyTag: Type<PropertyTag> = makeType<PropertyTag>({
  shape: {
    kind: "mapped", inner: struct({ type: enumeration(u16, typeCodes), id: u16 }),
    toValue: (raw) => {
      const { type, id } = raw as { type: keyof typeof typeCodes; id: number };
      return id * 0x10000 + typeCodes[type]!;
    },
  },
  sizeMin: 4, isFixed: true,
  read: (reader) => u32.read(reader) as PropertyTag,
  write: (writer, value) => u32.write(writer, value),
});

/** The identifier of nothing. */
export const noId: ShortTermId = { replicaId: 0, counter: 0 };
