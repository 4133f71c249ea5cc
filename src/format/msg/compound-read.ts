import { WireError } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { decodePrefix } from "#codec/binary/code.ts";
import {
  DirectoryEntry, directoryEntrySize, Header, headerDifatCount, headerSize, miniSectorSize, miniStreamCutoff, noStream,
  objectTypes, sectors,
} from "#format/msg/layout.ts";

/** A stream of a compound file; its bytes are read when asked for. [MS-CFB] 1.3 */
export interface CompoundStream {
  readonly kind: "stream";
  readonly name: string;
  readonly size: number;
  /** A view of the file where its sectors follow one another. Throws WireError. */
  read(): Uint8Array;
}

/** A folder in a compound file. [MS-CFB] 1.3 */
export interface CompoundStorage {
  readonly kind: "storage";
  readonly name: string;
  readonly clsid: string;
  /** By name in upper case. */
  readonly children: ReadonlyMap<string, CompoundStream | CompoundStorage>;
}

const signatureBytes = Buffer.from("d0cf11e0a1b11ae1", "hex");

/** Whether bytes begin as a compound file does. [MS-CFB] 2.2 */
export function isCompoundFile(bytes: Uint8Array): boolean {
  return bytes.length >= headerSize && signatureBytes.equals(bytes.subarray(0, signatureBytes.length));
}

/** Storages nest at most this deep; a message file needs two levels for each message inside another. */
const storageDepthMax = 256;
/** How often the bytes of a file may be read over: streams of a sound one share no sector. */
const readsOverMax = 4;

/**
 * The tree of a compound file, versions 3 and 4. Every chain is bounded by the size of the file, entries reached twice
 * are passed over, and what the streams together may take is bounded too. Throws WireError. [MS-CFB] 2
 */
export function readCompoundFile(bytes: Uint8Array): CompoundStorage {
  return new CompoundReader(bytes).root();
}

class CompoundReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #sectorSize: number;
  readonly #sectorCount: number;
  readonly #fat: Uint32Array;
  readonly #miniFat: Uint32Array;
  readonly #directory: DirectoryEntry[] = [];
  readonly #version: number;
  readonly #cutoff: number;
  #miniStream: Uint8Array | undefined = undefined;
  #bytesLeft: number;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const header = decodePrefix(Header, bytes).value;
    const shift = header.sectorShift;
    if (shift !== 9 && shift !== 12) throw new WireError(`sectors of 2^${shift} bytes`, 30, "sectorShift");
    this.#version = header.majorVersion;
    this.#sectorSize = 2 ** shift;
    this.#sectorCount = Math.max(0, Math.ceil(bytes.length / this.#sectorSize) - 1);
    this.#bytesLeft = bytes.length * readsOverMax + 65_536;
    this.#cutoff = header.miniStreamCutoff === 0 ? miniStreamCutoff : header.miniStreamCutoff;
    this.#fat = this.#table(this.#difat(header.difat, header.firstDifatSector));
    const directory = this.#chain(header.firstDirectorySector, undefined);
    if (directory.length > limits.compoundEntriesMax * directoryEntrySize) {
      throw new WireError("more entries than allowed", headerSize, "directory");
    }
    for (let at = 0; at + directoryEntrySize <= directory.length; at += directoryEntrySize) {
      this.#directory.push(decodePrefix(DirectoryEntry, directory, at).value);
    }
    const miniFat = this.#isRegular(header.firstMiniFatSector)
      ? this.#chain(header.firstMiniFatSector, undefined) : new Uint8Array(0);
    this.#miniFat = numbersOf(miniFat);
  }

  root(): CompoundStorage {
    const entry = this.#directory[0];
    if (entry === undefined) throw new WireError("has no root", headerSize, "directory");
    const seen = new Uint8Array(this.#directory.length);
    seen[0] = 1;
    return this.#storage(entry, seen, 0);
  }

  #isRegular(sector: number): boolean {
    return sector < this.#sectorCount;
  }

  /** Sectors of the table of chains: the first stand in the header, the others in a chain of their own. */
  #difat(first: readonly number[], chain: number): number[] {
    const fatSectors = first.slice(0, headerDifatCount).filter((sector) => this.#isRegular(sector));
    const perSector = this.#sectorSize / 4 - 1;
    let sector = chain;
    for (let count = 0; this.#isRegular(sector) && count < this.#sectorCount; count++) {
      const at = (sector + 1) * this.#sectorSize;
      if (at + this.#sectorSize > this.#bytes.length) break;
      for (let index = 0; index < perSector; index++) {
        const found = this.#view.getUint32(at + index * 4, true);
        if (this.#isRegular(found) && fatSectors.length < this.#sectorCount) fatSectors.push(found);
      }
      sector = this.#view.getUint32(at + perSector * 4, true);
    }
    return fatSectors;
  }

  #table(fatSectors: readonly number[]): Uint32Array {
    const perSector = this.#sectorSize / 4;
    // Entries beyond the file's sectors lead nowhere.
    const fat = new Uint32Array(this.#sectorCount).fill(sectors.free);
    for (const [index, sector] of fatSectors.entries()) {
      if (index * perSector >= this.#sectorCount) break;
      const at = (sector + 1) * this.#sectorSize;
      const count = Math.min(perSector, this.#sectorCount - index * perSector, (this.#bytes.length - at) >> 2);
      for (let entry = 0; entry < count; entry++) {
        fat[index * perSector + entry] = this.#view.getUint32(at + entry * 4, true);
      }
    }
    return fat;
  }

  #spend(size: number): void {
    this.#bytesLeft -= size;
    if (this.#bytesLeft < 0) throw new WireError("streams take more than the file has", 0, "FAT");
  }

  /** The bytes of a chain of sectors, as many as `size` tells or as the chain has. */
  #chain(start: number, size: number | undefined): Uint8Array {
    if (size === 0) return new Uint8Array(0);
    const sectorSize = this.#sectorSize;
    const wanted = size === undefined ? this.#sectorCount : Math.ceil(size / sectorSize);
    if (wanted > this.#sectorCount) throw new WireError(`${size} bytes are more than the file has`, 0, "streamSize");
    if (!this.#isRegular(start)) throw new WireError(`begins at sector ${start}`, 0, "startingSector");
    const list: number[] = [];
    let isContiguous = true;
    let sector = start;
    while (this.#isRegular(sector) && list.length < wanted) {
      if (list.length > 0 && sector !== list.at(-1)! + 1) isContiguous = false;
      list.push(sector);
      sector = this.#fat[sector]!;
    }
    if (size === undefined && list.length === wanted && this.#isRegular(sector)) {
      throw new WireError("a chain of sectors never ends", 0, "FAT");
    }
    if (size !== undefined && list.length < wanted) {
      throw new WireError(`a chain of ${list.length} sectors for ${size} bytes`, 0, "FAT");
    }
    const total = size ?? list.length * sectorSize;
    this.#spend(total);
    const from = (start + 1) * sectorSize;
    if (isContiguous) return this.#cut(from, total, size === undefined);
    const out = new Uint8Array(total);
    for (const [index, one] of list.entries()) {
      const part = Math.min(sectorSize, total - index * sectorSize);
      out.set(this.#cut((one + 1) * sectorSize, part, true), index * sectorSize);
    }
    return out;
  }

  /** The last sector of a file may be cut short; what is missing reads as nothing only where that may be. */
  #cut(from: number, size: number, mayBeShort: boolean): Uint8Array {
    if (!mayBeShort && from + size > this.#bytes.length) {
      throw new WireError(`needs ${size} bytes, ${Math.max(0, this.#bytes.length - from)} are left`, from, "FAT");
    }
    return this.#bytes.subarray(from, Math.min(from + size, this.#bytes.length));
  }

  #mini(start: number, size: number): Uint8Array {
    const root = this.#directory[0]!;
    this.#miniStream ??= root.streamSize === 0n ? new Uint8Array(0) : this.#chain(root.startingSector, undefined);
    const whole = this.#miniStream;
    const wanted = Math.ceil(size / miniSectorSize);
    this.#spend(size);
    const out = new Uint8Array(size);
    let sector = start;
    let first = sector;
    let run = 0;
    let written = 0;
    const copy = (): void => {
      const part = whole.subarray(first * miniSectorSize, Math.min((first + run) * miniSectorSize, whole.length));
      if (part.length < Math.min(run * miniSectorSize, size - written)) {
        throw new WireError("a chain leaves the mini stream", 0, "miniFAT");
      }
      out.set(part.subarray(0, size - written), written);
      written += run * miniSectorSize;
    };
    for (let count = 0; count < wanted; count++) {
      if (sector >= this.#miniFat.length) {
        throw new WireError(`a chain of ${count} mini sectors for ${size} bytes`, 0, "miniFAT");
      }
      if (sector !== first + run) {
        copy();
        first = sector;
        run = 0;
      }
      run++;
      sector = this.#miniFat[sector]!;
    }
    copy();
    return out;
  }

  #storage(entry: DirectoryEntry, seen: Uint8Array, depth: number): CompoundStorage {
    const children = new Map<string, CompoundStream | CompoundStorage>();
    const storage = { kind: "storage", name: nameOf(entry), clsid: entry.clsid, children } as const;
    if (depth >= storageDepthMax) return storage;
    const waiting = [entry.child];
    while (waiting.length > 0) {
      const index = waiting.pop()!;
      const found = index === noStream ? undefined : this.#directory[index];
      if (found === undefined || seen[index] === 1) continue;
      seen[index] = 1;
      waiting.push(found.leftSibling, found.rightSibling);
      const name = nameOf(found).toUpperCase();
      // A name that was damaged away names nothing.
      if (name === "" || children.has(name)) continue;
      if (found.objectType === objectTypes.storage) children.set(name, this.#storage(found, seen, depth + 1));
      else if (found.objectType === objectTypes.stream) children.set(name, this.#stream(found));
    }
    return storage;
  }

  #stream(entry: DirectoryEntry): CompoundStream {
    // Version 3 writers may leave anything in the upper half. [MS-CFB] 2.6.1
    const size = Number(this.#version >= 4 ? entry.streamSize : entry.streamSize & 0xffffffffn);
    const read = (): Uint8Array => {
      if (size === 0) return new Uint8Array(0);
      if (size > this.#bytes.length) throw new WireError(`${size} bytes are more than the file has`, 0, "streamSize");
      return size < this.#cutoff ? this.#mini(entry.startingSector, size) : this.#chain(entry.startingSector, size);
    };
    return { kind: "stream", name: nameOf(entry), size, read };
  }
}

function numbersOf(bytes: Uint8Array): Uint32Array {
  const numbers = new Uint32Array(bytes.length >> 2);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let index = 0; index < numbers.length; index++) numbers[index] = view.getUint32(index * 4, true);
  return numbers;
}

function nameOf({ name, nameSize }: DirectoryEntry): string {
  // The last two of the 64 bytes are for the terminator: a damaged size cannot make a name that is too long to write.
  const size = Math.min(Math.max(nameSize - 2, 0), name.length - 2) & ~1;
  return Buffer.from(name.buffer, name.byteOffset, size).toString("utf16le");
}
