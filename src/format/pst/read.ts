/** The messages of personal folder files, with their folders. [MS-PST] 2.4 */
import { Buffer } from "node:buffer";
import { WireError } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { guidToText } from "#codec/binary/bytes.ts";
import { attachMethods, namedIdMin, numberOf, propertyIds } from "#format/mapi/property.ts";
import { typeCodes } from "#format/mapi/values.ts";
import { PstFile } from "#format/pst/file.ts";
import { Heap, OpenNode, propertiesOf, rowsOf } from "#format/pst/heap.ts";
import type { MapiAttachment, MapiMessage, MapiName, MapiProperty } from "#format/mapi/property.ts";
import type { PstNode, ReadAt } from "#format/pst/file.ts";
import type { StoredProperty } from "#format/pst/heap.ts";

/** Nodes of a number of their own. [MS-PST] 2.4.1 */
const ownNids = { names: 0x61, rootFolder: 0x122, attachments: 0x671, recipients: 0x692 } as const;
/** Kinds of nodes, the last five bits of their number. [MS-PST] 2.2.2.1 */
const kinds = { folder: 0x02, message: 0x04 } as const;

export interface PstMessage {
  readonly nid: number;
  /** Number of the folder, as `folders.ts` tells it. */
  readonly folderNid: number;
  /** Names from the first folder down; empty for a message that no folder holds. */
  readonly folder: readonly string[];
  /** The message, or why it cannot be read. */
  readonly message: MapiMessage | WireError;
}

/** Every message of a file, in the order of their numbers. Throws WireError for what is no such file. [MS-PST] 2.4.5 */
export function* readPst(read: ReadAt): Generator<PstMessage, undefined> {
  const file = new PstFile(read);
  const names = readNames(file);
  const folders = new Folders(file);
  for (const node of file.nodes()) {
    if ((node.nid & 0x1f) !== kinds.message) continue;
    const [folder, message] = [folders.pathOf(node.parentNid), messageOf(file, node, names)];
    yield { nid: node.nid, folderNid: node.parentNid, folder, message };
  }
  return undefined;
}

function messageOf(file: PstFile, node: PstNode, names: Names): MapiMessage | WireError {
  try {
    return readMessage(new OpenNode(file, node), names, 0);
  } catch (error) {
    if (error instanceof WireError) return error;
    throw asWireError(error) ?? error;
  }
}

/** Reads beyond the end of a buffer are how broken places show. */
function asWireError(error: unknown): WireError | undefined {
  return error instanceof RangeError ? new WireError(error.message, 0) : undefined;
}

const pathMax = 100;

class Folders {
  readonly #file: PstFile;
  readonly #known = new Map<number, { name: string; parentNid: number } | undefined>();

  constructor(file: PstFile) {
    this.#file = file;
  }

  pathOf(nid: number): string[] {
    const path: string[] = [];
    for (let at = nid; at !== ownNids.rootFolder && path.length < pathMax;) {
      const folder = this.#folder(at);
      if (folder === undefined) break;
      path.unshift(folder.name);
      if (folder.parentNid === at) break;
      at = folder.parentNid;
    }
    return path;
  }

  #folder(nid: number): { name: string; parentNid: number } | undefined {
    if (this.#known.has(nid)) return this.#known.get(nid);
    const node = (nid & 0x1f) === kinds.folder ? this.#file.node(nid) : undefined;
    let folder;
    if (node !== undefined) folder = { name: this.#nameOf(node), parentNid: node.parentNid };
    this.#known.set(nid, folder);
    return folder;
  }

  #nameOf(node: PstNode): string {
    try {
      const list = propertiesOf(new Heap(new OpenNode(this.#file, node)));
      const name = list.find(({ id }) => id === 0x3001)?.value;
      return typeof name === "string" ? name : name instanceof Uint8Array ? Buffer.from(name).toString("latin1") : "";
    } catch (error) {
      if (error instanceof WireError || error instanceof RangeError) return "";
      throw error;
    }
  }
}

type Names = ReadonlyMap<number, MapiName>;

const fixedSets: readonly string[] = [
  "",
  "00020328-0000-0000-c000-000000000046",
  "00020329-0000-0000-c000-000000000046",
];

/** The names of ids from 0x8000 on. [MS-PST] 2.4.7 */
function readNames(file: PstFile): Names {
  const names = new Map<number, MapiName>();
  const node = file.node(ownNids.names);
  if (node === undefined) return names;
  const list = propertiesOf(new Heap(new OpenNode(file, node)));
  const stream = (id: number): Buffer => {
    const value = list.find((one) => one.id === id)?.value;
    return value instanceof Uint8Array ? Buffer.from(value.buffer, value.byteOffset, value.length) : Buffer.alloc(0);
  };
  const [guids, entries, texts] = [stream(2), stream(3), stream(4)];
  for (let at = 0; at + 8 <= entries.length; at += 8) {
    const [number, set, index] = [entries.readUInt32LE(at), entries.readUInt16LE(at + 4), entries.readUInt16LE(at + 6)];
    const guidIndex = set >>> 1;
    const guidAt = (guidIndex - 3) * 16;
    const guid = guidIndex < 3 ? fixedSets[guidIndex]! : guidAt + 16 <= guids.length ? guidToText(guids, guidAt) : "";
    if (guid === "" || index >= 0x7fff) continue;
    if ((set & 1) === 0) {
      names.set(namedIdMin + index, { guid, id: number });
    } else if (number + 4 <= texts.length) {
      const size = texts.readUInt32LE(number);
      if (number + 4 + size > texts.length) continue;
      names.set(namedIdMin + index, { guid, id: texts.toString("utf16le", number + 4, number + 4 + size) });
    }
  }
  return names;
}

/** Named properties get their names; a subject loses the mark before it. [MS-PST] 2.5.3.1.1.1 */
function named(list: readonly StoredProperty[], names: Names): StoredProperty[] {
  const out: StoredProperty[] = [];
  for (const property of list) {
    const name = property.id >= namedIdMin ? names.get(property.id) : undefined;
    if (property.id >= namedIdMin && name === undefined) continue;
    const isMarked = property.id === 0x0037 || property.id === 0x0070;
    out.push({ ...property, name, value: isMarked ? unmarked(property.value) : property.value });
  }
  return out;
}

function unmarked(value: MapiProperty["value"]): MapiProperty["value"] {
  if (typeof value === "string") return value.startsWith("\x01") ? value.slice(2) : value;
  return value instanceof Uint8Array && value[0] === 1 ? value.subarray(2) : value;
}

function readMessage(node: OpenNode, names: Names, depth: number): MapiMessage {
  if (depth > limits.itemDepthMax) throw new WireError("messages nested too deep", 0);
  const properties = named(propertiesOf(new Heap(node)), names);
  const recipients = node.open(ownNids.recipients);
  const attachments = node.open(ownNids.attachments);
  return {
    properties: properties.filter(({ type }) => type !== typeCodes.Object),
    recipients: recipients === undefined ? [] : rowsOf(new Heap(recipients)).map((row) => named(row.properties, names)),
    attachments: attachments === undefined ? [] : rowsOf(new Heap(attachments)).flatMap(({ rowId }) => {
      const inner = node.open(rowId);
      return inner === undefined ? [] : [readAttachment(inner, names, depth)];
    }),
    codePage: numberOf(properties, propertyIds.messageCodepage) ?? numberOf(properties, propertyIds.internetCodepage),
  };
}

/** [MS-PST] 2.4.6.2 */
function readAttachment(node: OpenNode, names: Names, depth: number): MapiAttachment {
  const all = named(propertiesOf(new Heap(node)), names);
  const content = all.find(({ id, name }) => id === propertyIds.attachData && name === undefined);
  const properties = all.filter((one) => one !== content && one.type !== typeCodes.Object);
  if (content === undefined) return { properties };
  if (content.type !== typeCodes.Object) {
    return { properties, data: content.value instanceof Uint8Array ? content.value : undefined };
  }
  const { objectNid } = content;
  if (objectNid === undefined) return { properties };
  if (numberOf(properties, propertyIds.attachMethod) !== attachMethods.embeddedMessage) {
    return { properties, data: Buffer.concat(node.inner(objectNid)) };
  }
  const inner = node.open(objectNid);
  return inner === undefined ? { properties } : { properties, embedded: readMessage(inner, names, depth + 1) };
}
