import { encode } from "#codec/binary/code.ts";
import { assert } from "#base/fault.ts";
import {
  colors, DirectoryEntry, directoryEntrySize, Header, headerDifatCount, headerSize, miniSectorSize, miniStreamCutoff,
  noStream, objectTypes, sectors,
} from "#format/msg/layout.ts";
import type { DirectoryEntry as Entry } from "#format/msg/layout.ts";
import type { CompoundStorage } from "#format/msg/compound-read.ts";

/** What a compound file is to hold. Names have at most 31 characters and differ in more than case. [MS-CFB] 2.6.1 */
export interface CompoundContent {
  readonly clsid?: string;
  readonly children: ReadonlyMap<string, CompoundContent | Uint8Array>;
}

export interface CompoundWriteOptions {
  /** 3: sectors of 512 bytes, what .msg files have; 4: of 4096. 3 unless told. */
  readonly version?: 3 | 4;
}

const noClsid = "00000000-0000-0000-0000-000000000000";
const nameLengthMax = 31;

/** The content of a storage that was read, to be written as a file of its own. [MS-CFB] 1.3 */
export function contentOf(storage: CompoundStorage): CompoundContent {
  const children = new Map<string, CompoundContent | Uint8Array>();
  for (const child of storage.children.values()) {
    children.set(child.name, child.kind === "stream" ? child.read() : contentOf(child));
  }
  return { clsid: storage.clsid, children };
}

/** A compound file of that content. [MS-CFB] 2 */
export function writeCompoundFile(root: CompoundContent, options: CompoundWriteOptions = {}): Buffer {
  const writer = new CompoundWriter(options.version ?? 3);
  writer.addRoot(root);
  return writer.toBytes();
}

type MutableEntry = { -readonly [K in keyof Entry]: Entry[K] };

/** Order of siblings: by length, then by the capitals of the characters. [MS-CFB] 2.6.4 */
function compareNames(left: string, right: string): number {
  if (left.length !== right.length) return left.length - right.length;
  const a = left.toUpperCase();
  const b = right.toUpperCase();
  return a < b ? -1 : a > b ? 1 : 0;
}

class CompoundWriter {
  readonly #version: 3 | 4;
  readonly #sectorSize: number;
  readonly #entries: MutableEntry[] = [];
  /** Streams in the order of their sectors, each with its entry. */
  readonly #large: { entry: MutableEntry; data: Uint8Array }[] = [];
  readonly #small: { entry: MutableEntry; data: Uint8Array }[] = [];

  constructor(version: 3 | 4) {
    this.#version = version;
    this.#sectorSize = version === 3 ? 512 : 4096;
  }

  addRoot(root: CompoundContent): void {
    const entry = this.#entry("Root Entry", objectTypes.root, root.clsid);
    entry.color = colors.black;
    entry.child = this.#children(root);
  }

  #entry(name: string, objectType: number, clsid = noClsid): MutableEntry {
    assert(name.length > 0 && name.length <= nameLengthMax, `"${name}" can be the name of no stream`);
    const raw = new Uint8Array(64);
    raw.set(Buffer.from(name, "utf16le"));
    const entry: MutableEntry = {
      name: raw, nameSize: name.length * 2 + 2, objectType, color: colors.black, leftSibling: noStream,
      rightSibling: noStream, child: noStream, clsid, stateBits: 0, creationTime: 0n, modifiedTime: 0n,
      startingSector: objectType === objectTypes.storage ? 0 : sectors.endOfChain, streamSize: 0n,
    };
    this.#entries.push(entry);
    return entry;
  }

  /** Adds all that is below a storage and gives the top of its tree. */
  #children(storage: CompoundContent): number {
    const names = [...storage.children.keys()].sort(compareNames);
    const indexes: number[] = [];
    for (const name of names) {
      const content = storage.children.get(name)!;
      indexes.push(this.#entries.length);
      if (content instanceof Uint8Array) this.#stream(this.#entry(name, objectTypes.stream), content);
      else {
        const entry = this.#entry(name, objectTypes.storage, content.clsid);
        entry.child = this.#children(content);
      }
    }
    return this.#tree(indexes, 0, indexes.length, Math.floor(Math.log2(indexes.length + 1)));
  }

  /**
   * A balanced tree of `indexes` from `from` to `to`. All levels but the last are full, so that the last alone being
   * red makes it a red-black tree. [MS-CFB] 2.6.4
   */
  #tree(indexes: readonly number[], from: number, to: number, blackLevels: number): number {
    if (from >= to) return noStream;
    const middle = (from + to) >> 1;
    const entry = this.#entries[indexes[middle]!]!;
    entry.color = blackLevels > 0 ? colors.black : colors.red;
    entry.leftSibling = this.#tree(indexes, from, middle, blackLevels - 1);
    entry.rightSibling = this.#tree(indexes, middle + 1, to, blackLevels - 1);
    return indexes[middle]!;
  }

  #stream(entry: MutableEntry, data: Uint8Array): void {
    entry.streamSize = BigInt(data.length);
    if (data.length === 0) return;
    (data.length < miniStreamCutoff ? this.#small : this.#large).push({ entry, data });
  }

  #sectorsOf(size: number): number {
    return Math.ceil(size / this.#sectorSize);
  }

  toBytes(): Buffer {
    const size = this.#sectorSize;
    const perSector = size / 4;
    const chains: number[] = [];
    let next = 0;
    const place = (count: number): number => {
      if (count === 0) return sectors.endOfChain;
      chains.push(count);
      next += count;
      return next - count;
    };
    for (const { entry, data } of this.#large) entry.startingSector = place(this.#sectorsOf(data.length));
    const { miniFat, miniSize } = this.#layMini();
    const root = this.#entries[0]!;
    root.streamSize = BigInt(miniSize);
    const miniAt = place(this.#sectorsOf(miniSize));
    root.startingSector = miniAt;
    const miniFatAt = place(Math.ceil(miniFat.length / perSector));
    const directorySectors = this.#sectorsOf(this.#entries.length * directoryEntrySize);
    const directoryAt = place(directorySectors);
    const { fatSectors, difatSectors } = tableSizes(next, perSector);
    const difatAt = next;
    const fatAt = next + difatSectors;
    const out = Buffer.alloc((1 + fatAt + fatSectors) * size);
    const at = (sector: number): number => (sector + 1) * size;
    for (const { entry, data } of this.#large) out.set(data, at(entry.startingSector));
    for (const { entry, data } of this.#small) out.set(data, at(miniAt) + entry.startingSector * miniSectorSize);
    writeNumbers(out, at(miniFatAt), miniFat, Math.ceil(miniFat.length / perSector) * perSector);
    this.#writeDirectory(out, at(directoryAt), directorySectors);
    writeNumbers(out, at(fatAt), fatOf(chains, difatSectors, fatSectors), fatSectors * perSector);
    for (let index = 0; index < difatSectors; index++) {
      const from = headerDifatCount + index * (perSector - 1);
      const numbers = Array.from({ length: perSector - 1 }, (_, n) =>
        (from + n < fatSectors ? fatAt + from + n : sectors.free));
      numbers.push(index + 1 < difatSectors ? difatAt + index + 1 : sectors.endOfChain);
      writeNumbers(out, at(difatAt + index), numbers, perSector);
    }
    out.set(encode(Header, {
      minorVersion: 0x3e, majorVersion: this.#version, byteOrder: 0xfffe, sectorShift: this.#version === 3 ? 9 : 12,
      miniSectorShift: 6, directorySectors: this.#version === 3 ? 0 : directorySectors, fatSectors,
      firstDirectorySector: directoryAt, transactionSignature: 0, miniStreamCutoff,
      firstMiniFatSector: miniFatAt, miniFatSectors: Math.ceil(miniFat.length / perSector),
      firstDifatSector: difatSectors === 0 ? sectors.endOfChain : difatAt, difatSectors,
      difat: Array.from({ length: headerDifatCount }, (_, n) => (n < fatSectors ? fatAt + n : sectors.free)),
    }));
    assert(headerSize <= size, "the header has a sector of its own");
    return out;
  }

  /** Places the small streams inside the mini stream. */
  #layMini(): { miniFat: number[]; miniSize: number } {
    const miniFat: number[] = [];
    for (const { entry, data } of this.#small) {
      const count = Math.ceil(data.length / miniSectorSize);
      entry.startingSector = miniFat.length;
      for (let index = 1; index < count; index++) miniFat.push(miniFat.length + 1);
      miniFat.push(sectors.endOfChain);
    }
    return { miniFat, miniSize: miniFat.length * miniSectorSize };
  }

  #writeDirectory(out: Buffer, at: number, directorySectors: number): void {
    const total = (directorySectors * this.#sectorSize) / directoryEntrySize;
    const unused = encode(DirectoryEntry, {
      name: new Uint8Array(64), nameSize: 0, objectType: objectTypes.unused, color: colors.red, leftSibling: noStream,
      rightSibling: noStream, child: noStream, clsid: noClsid, stateBits: 0, creationTime: 0n, modifiedTime: 0n,
      startingSector: 0, streamSize: 0n,
    });
    for (let index = 0; index < total; index++) {
      const entry = this.#entries[index];
      out.set(entry === undefined ? unused : encode(DirectoryEntry, entry), at + index * directoryEntrySize);
    }
  }
}

/** How many sectors the table of chains takes that also tells of itself. */
function tableSizes(dataSectors: number, perSector: number): { fatSectors: number; difatSectors: number } {
  let fatSectors = 0;
  let difatSectors = 0;
  for (;;) {
    const fat = Math.ceil((dataSectors + fatSectors + difatSectors) / perSector);
    const difat = Math.ceil(Math.max(0, fat - headerDifatCount) / (perSector - 1));
    if (fat === fatSectors && difat === difatSectors) return { fatSectors, difatSectors };
    fatSectors = fat;
    difatSectors = difat;
  }
}

function fatOf(chains: readonly number[], difatSectors: number, fatSectors: number): number[] {
  const fat: number[] = [];
  for (const count of chains) {
    for (let index = 1; index < count; index++) fat.push(fat.length + 1);
    fat.push(sectors.endOfChain);
  }
  for (let index = 0; index < difatSectors; index++) fat.push(sectors.difat);
  for (let index = 0; index < fatSectors; index++) fat.push(sectors.fat);
  return fat;
}

function writeNumbers(out: Buffer, at: number, numbers: readonly number[], total: number): void {
  for (let index = 0; index < total; index++) out.writeUInt32LE(numbers[index] ?? sectors.free, at + index * 4);
}
