/** Lists, tables and property lists as they lie in the data of a node. [MS-PST] 2.3 */
import { Buffer } from "node:buffer";
import { WireError } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { decode } from "#codec/binary/code.ts";
import { fixedTypes, isVariable, textOfUtf16, typeCodes, withoutNul } from "#format/mapi/values.ts";
import type { MapiProperty, MapiScalar, MapiValue } from "#format/mapi/property.ts";
import type { PstFile, PstNode } from "#format/pst/file.ts";

/** bClientSig. [MS-PST] 2.3.1.2 */
const signatures = { heap: 0xec, tree: 0xb5, properties: 0xbc, table: 0x7c } as const;
const multipleFlag = 0x1000;

/** A node with what is inside it, opened once. */
export class OpenNode {
  readonly file: PstFile;
  readonly blocks: readonly Buffer[];
  readonly subnodes: ReadonlyMap<number, PstNode>;

  constructor(file: PstFile, node: PstNode) {
    this.file = file;
    this.blocks = file.data(node.dataBid);
    this.subnodes = file.subnodes(node.subBid);
  }

  /** The data of a node inside this one. */
  inner(nid: number): readonly Buffer[] {
    const found = this.subnodes.get(nid);
    return found === undefined ? [] : this.file.data(found.dataBid);
  }

  open(nid: number): OpenNode | undefined {
    const found = this.subnodes.get(nid);
    return found === undefined ? undefined : new OpenNode(this.file, found);
  }
}

export class Heap {
  readonly node: OpenNode;
  readonly clientSignature: number;
  readonly rootHid: number;
  readonly #is4k: boolean;

  /** [MS-PST] 2.3.1.2 */
  constructor(node: OpenNode) {
    this.node = node;
    const [first] = node.blocks;
    if (first === undefined || first.length < 12 || first[2] !== signatures.heap) throw new WireError("no heap", 0);
    this.clientSignature = first[3]!;
    this.rootHid = first.readUInt32LE(4);
    this.#is4k = node.file.layout.pageSize === 4096;
  }

  /** Bytes of an allocation; none for 0. [MS-PST] 2.3.1.1, 2.3.1.5 */
  get(hid: number): Buffer {
    if (hid === 0) return Buffer.alloc(0);
    const index = (hid >>> 5) & (this.#is4k ? 0x3fff : 0x7ff);
    const block = this.node.blocks[hid >>> (this.#is4k ? 19 : 16)];
    if (block === undefined || block.length < 2 || index === 0)
      throw new WireError(`no allocation ${hid.toString(16)}`, 0);
    const mapAt = block.readUInt16LE(0);
    const at = mapAt + 4 + (index - 1) * 2;
    if (mapAt + 4 > block.length || index > block.readUInt16LE(mapAt) || at + 4 > block.length) {
      throw new WireError(`no allocation ${hid.toString(16)}`, mapAt);
    }
    return block.subarray(block.readUInt16LE(at), block.readUInt16LE(at + 2));
  }

  /** An allocation, or the data of a node inside. [MS-PST] 2.3.3.2 */
  value(hnid: number): Buffer {
    if ((hnid & 0x1f) === 0) return this.get(hnid);
    const blocks = this.node.inner(hnid);
    return blocks.length === 1 ? blocks[0]! : Buffer.concat(blocks);
  }

  /** Records of a tree on the heap: key and data of each. [MS-PST] 2.3.2 */
  *records(hid: number): Generator<{ key: number; data: Buffer }, undefined> {
    const head = this.get(hid);
    if (head.length < 8 || head[0] !== signatures.tree) throw new WireError("no tree on the heap", 0);
    const [keySize, dataSize, levels] = [head[1]!, head[2]!, head[3]!];
    if ((keySize !== 2 && keySize !== 4) || levels > 8) throw new WireError("a tree of keys that none has", 0);
    const open = [{ hid: head.readUInt32LE(4), level: levels }];
    let left: number = limits.itemPropertiesMax;
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const bytes = this.get(next.hid);
      const size = keySize + (next.level === 0 ? dataSize : 4);
      if ((left -= Math.ceil(bytes.length / size)) < 0) throw new WireError("a tree of too many records", 0);
      const inner: typeof open = [];
      for (let at = 0; at + size <= bytes.length; at += size) {
        const key = keySize === 2 ? bytes.readUInt16LE(at) : bytes.readUInt32LE(at);
        if (next.level === 0) yield { key, data: bytes.subarray(at + keySize, at + size) };
        else inner.push({ hid: bytes.readUInt32LE(at + keySize), level: next.level - 1 });
      }
      open.push(...inner.reverse());
    }
    return undefined;
  }
}

function scalar(type: number, bytes: Buffer): MapiScalar | undefined {
  switch (type) {
    case typeCodes.String: return textOfUtf16(bytes);
    case typeCodes.String8: return withoutNul(bytes);
    case typeCodes.Binary: case 0x00fb: case 0x00fd: case 0x00fe: return bytes;
    case typeCodes.Boolean: return bytes.length > 0 && bytes[0] !== 0;
    default: {
      const codec = fixedTypes.get(type);
      return codec === undefined ? undefined : decode(codec, bytes, { trailing: "ignore" });
    }
  }
}

const fixedSizes: ReadonlyMap<number, number> = new Map([
  [0x02, 2], [0x03, 4], [0x04, 4], [0x05, 8], [0x06, 8], [0x07, 8], [0x0a, 4], [0x0b, 2], [0x14, 8], [0x40, 8],
  [0x48, 16],
]);

/** [MS-PST] 2.3.3.4 */
function multiple(type: number, bytes: Buffer): MapiValue | undefined {
  const base = type & ~multipleFlag;
  const pieces: Buffer[] = [];
  if (isVariable(base)) {
    const count = bytes.length < 4 ? 0 : bytes.readUInt32LE(0);
    if (count * 4 + 4 > bytes.length) throw new WireError("a list that is cut", 0);
    for (let index = 0; index < count; index++) {
      const from = bytes.readUInt32LE(4 + index * 4);
      const to = index + 1 < count ? bytes.readUInt32LE(8 + index * 4) : bytes.length;
      if (from > to || to > bytes.length) throw new WireError("a list that is cut", 4 + index * 4);
      pieces.push(bytes.subarray(from, to));
    }
  } else {
    const size = fixedSizes.get(base);
    if (size === undefined) return undefined;
    for (let at = 0; at + size <= bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
  }
  const found = pieces.map((piece) => scalar(base, piece));
  return found.every((one) => one !== undefined) ? found as MapiValue : undefined;
}

/** The value of a cell or property whose bytes are all there. */
function valueOf(type: number, bytes: Buffer): MapiValue | undefined {
  return (type & multipleFlag) !== 0 ? multiple(type, bytes) : scalar(type, bytes);
}

export interface StoredProperty extends MapiProperty {
  /** Of a PtypObject: the node inside that is the object. [MS-PST] 2.3.3.5 */
  readonly objectNid?: number | undefined;
}

/** Whether a value of a type stands in the four bytes of its record. [MS-PST] 2.3.3.3 */
const isInline = (type: number): boolean => (fixedSizes.get(type) ?? 9) <= 4;

/** A property list. [MS-PST] 2.3.3 */
export function propertiesOf(heap: Heap): StoredProperty[] {
  if (heap.clientSignature !== signatures.properties) throw new WireError("no list of properties", 0);
  const out: StoredProperty[] = [];
  for (const { key: id, data } of heap.records(heap.rootHid)) {
    if (data.length < 6) throw new WireError("a property that is cut", 0);
    const type = data.readUInt16LE(0);
    const hnid = data.readUInt32LE(2);
    if (type === typeCodes.Object) {
      const bytes = heap.value(hnid);
      const objectNid = bytes.length >= 4 ? bytes.readUInt32LE(0) : undefined;
      out.push({ id, type, value: Buffer.alloc(0), objectNid });
      continue;
    }
    const value = isInline(type) ? scalar(type, data.subarray(2, 6)) : valueOf(type, heap.value(hnid));
    if (value !== undefined) out.push({ id, type, value });
  }
  return out;
}

export interface TableRow {
  readonly rowId: number;
  readonly properties: readonly MapiProperty[];
}

/** The rows of a table. [MS-PST] 2.3.4 */
export function rowsOf(heap: Heap): TableRow[] {
  if (heap.clientSignature !== signatures.table) throw new WireError("no table", 0);
  const info = heap.get(heap.rootHid);
  if (info.length < 22 || info[0] !== signatures.table) throw new WireError("no table", 0);
  const columnCount = info[1]!;
  if (22 + columnCount * 8 > info.length) throw new WireError("a table that is cut", 0);
  const [bitsAt, rowSize] = [info.readUInt16LE(6), info.readUInt16LE(8)];
  const hnidRows = info.readUInt32LE(14);
  if (hnidRows === 0 || rowSize === 0) return [];
  const blocks = (hnidRows & 0x1f) === 0 ? [heap.get(hnidRows)] : heap.node.inner(hnidRows);
  // Rows do not go over the end of a block.
  const perBlock = Math.max(1, Math.floor((blocks[0]?.length ?? 0) / rowSize));
  const rows: TableRow[] = [];
  for (const { key: rowId, data } of heap.records(info.readUInt32LE(10))) {
    const index = data.length >= 4 ? data.readUInt32LE(0) : data.readUInt16LE(0);
    const block = blocks[Math.floor(index / perBlock)];
    const from = (index % perBlock) * rowSize;
    if (block === undefined || from + rowSize > block.length) continue;
    if (rows.length >= limits.itemPartsMax) throw new WireError("a table of too many rows", 0);
    rows.push({ rowId, properties: cellsOf(heap, info, columnCount, block.subarray(from, from + rowSize), bitsAt) });
  }
  return rows;
}

function cellsOf(heap: Heap, info: Buffer, columnCount: number, row: Buffer, bitsAt: number): MapiProperty[] {
  const out: MapiProperty[] = [];
  for (let column = 0; column < columnCount; column++) {
    const at = 22 + column * 8;
    const [type, id] = [info.readUInt16LE(at), info.readUInt16LE(at + 2)];
    const [dataAt, size, bit] = [info.readUInt16LE(at + 4), info[at + 6]!, info[at + 7]!];
    const bits = row[bitsAt + (bit >>> 3)];
    if (bits === undefined || (bits & (0x80 >>> (bit & 7))) === 0 || dataAt + size > row.length) continue;
    const cell = row.subarray(dataAt, dataAt + size);
    const isFixed = (fixedSizes.get(type) ?? 99) <= 8;
    if (type === typeCodes.Object || (!isFixed && size < 4)) continue;
    const value = isFixed ? scalar(type, cell) : valueOf(type, heap.value(cell.readUInt32LE(0)));
    if (value !== undefined) out.push({ id, type, value });
  }
  return out;
}
