import { rtfCrc } from "#format/rtf/compressed.ts";
import { guidToBytes, guidToText } from "#codec/binary/bytes.ts";
import { decodePrefix, encode } from "#codec/binary/code.ts";
import { namedIdMin } from "#format/mapi/property.ts";
import type { MapiName } from "#format/mapi/property.ts";
import { firstStreamSet, knownSets, NameEntry, nameEntrySize, names } from "#format/msg/layout.ts";
import type { CompoundContent } from "#format/msg/compound-write.ts";

/** Streams that say which names hash to the same; their number is part of the format. [MS-OXMSG] 2.2.3.2 */
const bucketCount = 0x1f;
const firstBucket = 0x1000;
const stringSizeMax = 1024;

/** Names by property id less 0x8000; a gap where a name cannot be read. [MS-OXMSG] 2.2.3.1 */
export function readNames(guids: Uint8Array, entries: Uint8Array, strings: Uint8Array): (MapiName | undefined)[] {
  const found: (MapiName | undefined)[] = [];
  for (let at = 0; at + nameEntrySize <= entries.length && found.length < 0x7fff; at += nameEntrySize) {
    const { identifier, guidIndexAndKind, propertyIndex } = decodePrefix(NameEntry, entries, at).value;
    const guid = setOf(guidIndexAndKind >> 1, guids);
    const id = (guidIndexAndKind & 1) === 0 ? identifier : stringAt(strings, identifier);
    // The place in the stream is the index; the field only repeats it, and some writers leave it out.
    const index = at / nameEntrySize;
    const told = propertyIndex === index || propertyIndex > 0x7ffe ? index : propertyIndex;
    if (guid !== undefined && id !== undefined) found[told] = { guid, id };
    while (found.length <= index) found.push(undefined);
  }
  return found;
}

function setOf(index: number, guids: Uint8Array): string | undefined {
  if (index < firstStreamSet) return knownSets[index - 1];
  const at = (index - firstStreamSet) * 16;
  return at + 16 <= guids.length ? guidToText(guids, at) : undefined;
}

function stringAt(strings: Uint8Array, at: number): string | undefined {
  if (at + 4 > strings.length) return undefined;
  const buffer = Buffer.from(strings.buffer, strings.byteOffset, strings.length);
  const size = buffer.readUInt32LE(at);
  if (size > stringSizeMax || at + 4 + size > buffer.length) return undefined;
  return buffer.toString("utf16le", at + 4, at + 4 + (size & ~1));
}

/** Gives names their ids while a file is written. [MS-OXMSG] 2.2.3 */
export class NameWriter {
  readonly #ids = new Map<string, number>();
  readonly #entries: { identifier: number; hash: number; guidIndexAndKind: number }[] = [];
  readonly #sets: string[] = [];
  readonly #strings: Buffer[] = [];
  #stringsSize = 0;

  /** The property id of a name, the same for the same. Undefined when there are no more. */
  idOf(name: MapiName): number | undefined {
    const key = `${name.guid} ${typeof name.id} ${name.id}`;
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    if (this.#entries.length >= 0x7fff) return undefined;
    const id = namedIdMin + this.#entries.length;
    this.#ids.set(key, id);
    const kind = typeof name.id === "number" ? 0 : 1;
    const guidIndexAndKind = (this.#setIndex(name.guid) << 1) | kind;
    if (typeof name.id === "number") {
      this.#entries.push({ identifier: name.id >>> 0, hash: name.id >>> 0, guidIndexAndKind });
    } else {
      const raw = Buffer.from(name.id, "utf16le");
      this.#entries.push({ identifier: this.#stringsSize, hash: rtfCrc(raw), guidIndexAndKind });
      const block = Buffer.alloc(4 + Math.ceil(raw.length / 4) * 4);
      block.writeUInt32LE(raw.length);
      block.set(raw, 4);
      this.#strings.push(block);
      this.#stringsSize += block.length;
    }
    return id;
  }

  #setIndex(guid: string): number {
    const known = (knownSets as readonly string[]).indexOf(guid);
    if (known >= 0) return known + 1;
    let index = this.#sets.indexOf(guid);
    if (index < 0) index = this.#sets.push(guid) - 1;
    return index + firstStreamSet;
  }

  toStorage(): CompoundContent {
    const guids = new Uint8Array(this.#sets.length * 16);
    for (const [index, guid] of this.#sets.entries()) guidToBytes(guid, guids, index * 16);
    const buckets = new Map<number, Buffer[]>();
    const entries = this.#entries.map(({ identifier, hash, guidIndexAndKind }, propertyIndex) => {
      const bucket = firstBucket + (((hash ^ guidIndexAndKind) >>> 0) % bucketCount);
      const list = buckets.get(bucket) ?? [];
      buckets.set(bucket, list);
      list.push(encode(NameEntry, { identifier: hash, guidIndexAndKind, propertyIndex }));
      return encode(NameEntry, { identifier, guidIndexAndKind, propertyIndex });
    });
    const children = new Map<string, Uint8Array>([
      [names.guidStream, guids], [names.entryStream, Buffer.concat(entries)],
      [names.stringStream, Buffer.concat(this.#strings)],
    ]);
    for (const [bucket, list] of buckets) {
      children.set(`${names.value}${bucket.toString(16).toUpperCase().padStart(4, "0")}0102`, Buffer.concat(list));
    }
    return { children };
  }
}
