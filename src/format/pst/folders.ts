/** The folders of personal folder files, and which of them are the special ones. [MS-PST] 2.4.3, 2.4.4 */
import { Buffer } from "node:buffer";
import { WireError } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { decodeCharset } from "#format/mime/charset.ts";
import { PstFile } from "#format/pst/file.ts";
import { Heap, OpenNode, propertiesOf } from "#format/pst/heap.ts";
import type { PstNode, ReadAt } from "#format/pst/file.ts";
import type { StoredProperty } from "#format/pst/heap.ts";

/** Nodes of a number of their own, and the kind of node that is a folder. [MS-PST] 2.4.1, 2.2.2.1 */
const storeNid = 0x21;
/** The folder that all others are in. [MS-PST] 2.4.4 */
export const rootNid = 0x122;
const folderKind = 0x02;

export type PstRole =
  | "ipmSubtree" | "outbox" | "deletedItems" | "sentItems" | "calendar" | "contacts" | "journal" | "notes" | "tasks"
  | "drafts" | "junkEmail" | "conflicts" | "syncIssues" | "localFailures" | "serverFailures" | "inbox";

export interface PstFolder {
  readonly nid: number;
  readonly parentNid: number;
  readonly name: string;
  /** PidTagContainerClass; empty when none. */
  readonly containerClass: string;
  /** By the entry ids that the file keeps of its special folders; null for any other folder. */
  readonly role: PstRole | null;
  readonly isHidden: boolean;
}

/** Properties that hold the entry id of a folder. [MS-PST] 2.4.3.1, [MS-OXOSFLD] 2.2.2 */
const storeIds: readonly (readonly [number, PstRole])[] = [
  [0x35e0, "ipmSubtree"], [0x35e2, "outbox"], [0x35e3, "deletedItems"], [0x35e4, "sentItems"],
];
const folderIds: readonly (readonly [number, PstRole])[] = [
  [0x36d0, "calendar"], [0x36d1, "contacts"], [0x36d2, "journal"], [0x36d3, "notes"], [0x36d4, "tasks"],
  [0x36d7, "drafts"],
];
/** PidTagAdditionalRenEntryIds by place. [MS-OXOSFLD] 2.2.4 */
const additionalId = 0x36d8;
const additional: readonly PstRole[] = ["conflicts", "syncIssues", "localFailures", "serverFailures", "junkEmail"];

const ids = { displayName: 0x3001, containerClass: 0x3613, attributeHidden: 0x10f4 } as const;

/** Every folder of a file; search folders are none. Throws WireError for what is no such file. [MS-PST] 2.4.4 */
export function readPstFolders(read: ReadAt): PstFolder[] {
  const file = new PstFile(read);
  const roles = new Map<number, PstRole>();
  const found: Omit<PstFolder, "role">[] = [];
  const store = file.node(storeNid);
  if (store !== undefined) takeRoles(propertiesIn(file, store), storeIds, roles);
  for (const node of file.nodes()) {
    if ((node.nid & 0x1f) !== folderKind) continue;
    if (found.length >= limits.foldersMax) throw new WireError("more folders than a mailbox may have", 0);
    const list = propertiesIn(file, node);
    takeRoles(list, folderIds, roles);
    takeAdditional(list, roles);
    // The inbox is where the others are told, beside the root. [MS-OXOSFLD] 2.2.3
    const tellsOthers = list.some(({ id }) => id === folderIds[0]![0]);
    if (tellsOthers && node.nid !== rootNid && !roles.has(node.nid)) roles.set(node.nid, "inbox");
    if (node.nid === rootNid) continue;
    found.push({
      nid: node.nid, parentNid: node.parentNid, name: textOf(list, ids.displayName),
      containerClass: textOf(list, ids.containerClass),
      isHidden: list.find(({ id }) => id === ids.attributeHidden)?.value === true,
    });
  }
  return found.map((one) => ({ ...one, role: roles.get(one.nid) ?? null }));
}

function propertiesIn(file: PstFile, node: PstNode): readonly StoredProperty[] {
  try {
    return propertiesOf(new Heap(new OpenNode(file, node)));
  } catch (error) {
    // A folder whose properties are broken still holds its messages.
    if (error instanceof WireError || error instanceof RangeError) return [];
    throw error;
  }
}

function takeRoles(
  list: readonly StoredProperty[], rows: readonly (readonly [number, PstRole])[], roles: Map<number, PstRole>,
): void {
  for (const [id, role] of rows) {
    const nid = nidOf(list.find((one) => one.id === id)?.value);
    if (nid !== null && !roles.has(nid)) roles.set(nid, role);
  }
}

function takeAdditional(list: readonly StoredProperty[], roles: Map<number, PstRole>): void {
  const value = list.find((one) => one.id === additionalId)?.value;
  if (!Array.isArray(value)) return;
  for (const [index, role] of additional.entries()) {
    const nid = nidOf(value[index]);
    if (nid !== null && !roles.has(nid)) roles.set(nid, role);
  }
}

/** An entry id of the file itself: flags, the UID of the store, the number of the node. [MS-PST] 2.4.3.2 */
function nidOf(value: unknown): number | null {
  if (!(value instanceof Uint8Array) || value.length !== 24) return null;
  const nid = Buffer.from(value.buffer, value.byteOffset, value.length).readUInt32LE(20);
  return (nid & 0x1f) === folderKind ? nid : null;
}

function textOf(list: readonly StoredProperty[], id: number): string {
  const value = list.find((one) => one.id === id)?.value;
  if (typeof value === "string") return value;
  return value instanceof Uint8Array ? decodeCharset(value, "windows-1252") : "";
}
