/**
 * The node database of personal folder files (.pst, .ost): two trees, of nodes and of blocks, in three sizes (ANSI,
 * Unicode, and Unicode with pages of 4 KiB). Read at random, never as a whole. [MS-PST] 2.2
 */
import { Buffer } from "node:buffer";
import { inflateSync } from "node:zlib";
import { WireError } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { cryptMethods, decodeCyclic, decodePermuted } from "#format/pst/crypt.ts";

/** Bytes of the file; fewer where it ends. */
export type ReadAt = (position: number, size: number) => Uint8Array;

export interface PstNode {
  readonly nid: number;
  readonly dataBid: number;
  readonly subBid: number;
  /** 0 for those inside another node. */
  readonly parentNid: number;
}

/** Sizes and places that differ by format. [MS-PST] 2.2.2.6, 2.2.2.7.7 */
interface Layout {
  readonly isWide: boolean;
  readonly nbtAt: number;
  readonly bbtAt: number;
  readonly cryptAt: number;
  readonly pageSize: number;
  readonly tailAt: number;
}

const layouts = {
  ansi: { isWide: false, nbtAt: 188, bbtAt: 196, cryptAt: 461, pageSize: 512, tailAt: 496 },
  unicode: { isWide: true, nbtAt: 224, bbtAt: 240, cryptAt: 513, pageSize: 512, tailAt: 488 },
  unicode4k: { isWide: true, nbtAt: 224, bbtAt: 240, cryptAt: 513, pageSize: 4096, tailAt: 4056 },
} as const satisfies Record<string, Layout>;

interface Page {
  readonly bytes: Buffer;
  readonly count: number;
  readonly entrySize: number;
  readonly level: number;
}

const pagesKeptMax = 2000;
const levelMax = 10;

/** A number of 64 bits as far as numbers go; no file is larger. */
function wide(bytes: Buffer, at: number): number {
  const value = bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 2 ** 32;
  if (!Number.isSafeInteger(value)) throw new WireError("a place beyond all files", at);
  return value;
}

export class PstFile {
  readonly layout: Layout;
  readonly #read: ReadAt;
  readonly #crypt: number;
  readonly #nbtRoot: number;
  readonly #bbtRoot: number;
  readonly #pages = new Map<number, Page>();

  /** Throws WireError for what is no personal folder file, or one disguised in a way that is not known. */
  constructor(read: ReadAt) {
    this.#read = read;
    const header = this.#bytes(0, 564);
    if (header.toString("latin1", 0, 4) !== "!BDN") throw new WireError("no personal folder file", 0);
    const version = header.readUInt16LE(10);
    this.layout = version < 16 ? layouts.ansi : version >= 36 ? layouts.unicode4k : layouts.unicode;
    this.#crypt = header[this.layout.cryptAt]!;
    if (this.#crypt > cryptMethods.cyclic) throw new WireError(`blocks disguised by method ${this.#crypt}`, 0);
    this.#nbtRoot = this.#number(header, this.layout.nbtAt);
    this.#bbtRoot = this.#number(header, this.layout.bbtAt);
  }

  #bytes(position: number, size: number): Buffer {
    const found = this.#read(position, size);
    if (found.length < size) throw new WireError("the file ends too early", position);
    return Buffer.from(found.buffer, found.byteOffset, size);
  }

  #number(bytes: Buffer, at: number): number {
    return this.layout.isWide ? wide(bytes, at) : bytes.readUInt32LE(at);
  }

  /** [MS-PST] 2.2.2.7.7.1 */
  #page(position: number): Page {
    const known = this.#pages.get(position);
    if (known !== undefined) return known;
    const { pageSize, tailAt } = this.layout;
    const bytes = this.#bytes(position, pageSize);
    const is4k = pageSize === 4096;
    const count = is4k ? bytes.readUInt16LE(tailAt) : bytes[tailAt]!;
    const entrySize = bytes[tailAt + (is4k ? 4 : 2)]!;
    const level = bytes[tailAt + (is4k ? 5 : 3)]!;
    if (entrySize === 0 || count * entrySize > tailAt || level > levelMax)
      throw new WireError("a broken page", position);
    const page = { bytes, count, entrySize, level };
    if (this.#pages.size >= pagesKeptMax) this.#pages.clear();
    this.#pages.set(position, page);
    return page;
  }

  /** Where the leaf entry of a key stands; undefined when it has none. [MS-PST] 2.2.2.7.7 */
  #find(root: number, key: number, isBlock: boolean): { page: Page; at: number } | undefined {
    let page = this.#page(root);
    for (let depth = 0; depth <= levelMax; depth++) {
      let low = 0;
      let high = page.count - 1;
      while (low < high) {
        const middle = (low + high + 1) >> 1;
        if (this.#key(page, middle, isBlock) <= key) low = middle;
        else high = middle - 1;
      }
      if (page.count === 0 || this.#key(page, low, isBlock) > key) return undefined;
      const at = low * page.entrySize;
      if (page.level === 0) return this.#key(page, low, isBlock) === key ? { page, at } : undefined;
      const next = this.#page(this.#number(page.bytes, at + (this.layout.isWide ? 16 : 8)));
      if (next.level !== page.level - 1) throw new WireError("a tree that is none", at);
      page = next;
    }
    return undefined;
  }

  /** Ids of blocks tell by their last bit what no reader needs. [MS-PST] 2.2.2.2 */
  #key(page: Page, index: number, isBlock: boolean): number {
    const key = this.#number(page.bytes, index * page.entrySize);
    return isBlock ? key - (key % 2) : key;
  }

  #nodeAt({ bytes }: Page, at: number): PstNode {
    const unit = this.layout.isWide ? 8 : 4;
    return {
      nid: bytes.readUInt32LE(at), dataBid: this.#number(bytes, at + unit), subBid: this.#number(bytes, at + 2 * unit),
      parentNid: bytes.readUInt32LE(at + 3 * unit),
    };
  }

  node(nid: number): PstNode | undefined {
    const found = this.#find(this.#nbtRoot, nid, false);
    return found === undefined ? undefined : this.#nodeAt(found.page, found.at);
  }

  /** Every node, by its number. [MS-PST] 2.2.2.7.7.4 */
  *nodes(): Generator<PstNode, undefined> {
    const branch = this.layout.isWide ? 16 : 8;
    const open: { page: Page; index: number }[] = [{ page: this.#page(this.#nbtRoot), index: 0 }];
    let left: number = limits.pstNodesMax;
    for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
      const { page } = top;
      if (top.index >= page.count) {
        open.pop();
        continue;
      }
      const at = top.index++ * page.entrySize;
      if (left-- <= 0) throw new WireError("more nodes than a file may have", at);
      if (page.level === 0) {
        yield this.#nodeAt(page, at);
        continue;
      }
      const next = this.#page(this.#number(page.bytes, at + branch));
      if (next.level !== page.level - 1) throw new WireError("a tree that is none", at);
      open.push({ page: next, index: 0 });
    }
    return undefined;
  }

  /** One block, its disguise taken off. [MS-PST] 2.2.2.8.3.1 */
  #block(bid: number): { bytes: Buffer; isInternal: boolean } {
    const found = this.#find(this.#bbtRoot, bid - (bid % 2), true);
    if (found === undefined) throw new WireError(`no block ${bid.toString(16)}`, 0);
    const { page, at } = found;
    const unit = this.layout.isWide ? 8 : 4;
    const size = page.bytes.readUInt16LE(at + 2 * unit);
    const isInternal = Math.floor(bid / 2) % 2 === 1;
    let bytes = this.#bytes(this.#number(page.bytes, at + unit), size);
    if (this.layout.pageSize === 4096) {
      const whole = page.bytes.readUInt16LE(at + 2 * unit + 2);
      if (whole !== 0 && whole !== size) bytes = inflated(bytes, whole);
    }
    if (isInternal || this.#crypt === cryptMethods.none) return { bytes, isInternal };
    const key = (bid % 2 ** 32) >>> 0;
    const plain = this.#crypt === cryptMethods.permute ? decodePermuted(bytes) : decodeCyclic(bytes, key);
    return { bytes: plain, isInternal };
  }

  /** All blocks of a node's data, in order. Throws WireError for more than is bounded. [MS-PST] 2.2.2.8.3.2 */
  data(bid: number): Buffer[] {
    if (bid === 0) return [];
    const out: Buffer[] = [];
    const pending = [{ bid, depth: 0 }];
    let left: number = limits.pstNodeMaxBytes;
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const { bytes, isInternal } = this.#block(next.bid);
      if (!isInternal) {
        left -= bytes.length;
        if (left < 0) throw new WireError("a node larger than is bounded", 0);
        out.push(bytes);
        continue;
      }
      if (bytes.length < 8 || bytes[0] !== 1 || next.depth >= 2)
        throw new WireError("a block of blocks that is none", 0);
      const unit = this.layout.isWide ? 8 : 4;
      const count = bytes.readUInt16LE(2);
      if (8 + count * unit > bytes.length) throw new WireError("a block of blocks that is cut", 0);
      // What is taken last is pushed first.
      for (let index = count - 1; index >= 0; index--) {
        pending.push({ bid: this.#number(bytes, 8 + index * unit), depth: next.depth + 1 });
      }
    }
    return out;
  }

  /** Nodes inside a node. [MS-PST] 2.2.2.8.3.3 */
  subnodes(bid: number): Map<number, PstNode> {
    const out = new Map<number, PstNode>();
    if (bid === 0) return out;
    const pending = [{ bid, depth: 0 }];
    const unit = this.layout.isWide ? 8 : 4;
    const headSize = this.layout.isWide ? 8 : 4;
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const { bytes } = this.#block(next.bid);
      const isBranch = bytes[1] === 1;
      const size = isBranch ? 2 * unit : 3 * unit;
      const count = bytes.readUInt16LE(2);
      if (bytes[0] !== 2 || next.depth > 1 || headSize + count * size > bytes.length) {
        throw new WireError("a block of nodes that is none", 0);
      }
      for (let index = 0; index < count; index++) {
        const at = headSize + index * size;
        if (isBranch) pending.push({ bid: this.#number(bytes, at + unit), depth: next.depth + 1 });
        else {
          const nid = bytes.readUInt32LE(at);
          const subBid = this.#number(bytes, at + 2 * unit);
          out.set(nid, { nid, dataBid: this.#number(bytes, at + unit), subBid, parentNid: 0 });
        }
        if (out.size > limits.pstSubnodesMax) throw new WireError("more nodes in a node than are bounded", 0);
      }
    }
    return out;
  }
}

function inflated(bytes: Buffer, size: number): Buffer {
  try {
    return inflateSync(bytes, { maxOutputLength: size });
  } catch (error) {
    if (error instanceof Error) throw new WireError("a block that cannot be unpacked", 0);
    throw error;
  }
}
