/** Which changes of which makers are in a version of an object. [MS-OXCFXICS] 2.2.2.2, 2.2.2.3, 3.1.5.6.1 */
import { WireError } from "#base/fault.ts";
import { limits } from "#base/limits.ts";

const guidBytes = 16;
const xidBytesMin = guidBytes + 1;
const xidBytesMax = guidBytes + 8;

/** For each namespace, as hexadecimal, the last change in it. */
export type Predecessors = ReadonlyMap<string, Uint8Array>;

/** One XID: a namespace and a local id. Throws WireError for bytes of another size. */
export function checkXid(bytes: Uint8Array): void {
  if (bytes.length < xidBytesMin || bytes.length > xidBytesMax) {
    throw new WireError(`an identifier of a change has ${xidBytesMin} to ${xidBytesMax} bytes, not ${bytes.length}`, 0);
  }
}

/** Reads SizedXids; of two in one namespace the greater counts. */
export function decodePredecessors(bytes: Uint8Array): Predecessors {
  const found = new Map<string, Uint8Array>();
  for (let at = 0; at < bytes.length;) {
    const size = bytes[at]!;
    if (size < xidBytesMin || size > xidBytesMax || at + 1 + size > bytes.length) {
      throw new WireError(`a list of changes has an entry of ${size} bytes`, at);
    }
    if (found.size >= limits.mapiPredecessorsMax) throw new WireError("a list of changes is too long", at);
    add(found, bytes.subarray(at + 1, at + 1 + size));
    at += 1 + size;
  }
  return found;
}

function add(to: Map<string, Uint8Array>, xid: Uint8Array): void {
  const namespace = Buffer.from(xid.subarray(0, guidBytes)).toString("hex");
  const local = xid.subarray(guidBytes);
  const known = to.get(namespace);
  if (known === undefined || isBefore(known, local)) to.set(namespace, local);
}

/** Local ids are numbers, the most significant byte first. */
function isBefore(a: Uint8Array, b: Uint8Array): boolean {
  const length = Math.max(a.length, b.length);
  const padded = (one: Uint8Array): Buffer => Buffer.concat([Buffer.alloc(length - one.length), one]);
  return padded(a).compare(padded(b)) < 0;
}

/** Ordered by the namespaces' bytes. */
export function encodePredecessors(predecessors: Predecessors): Buffer {
  const pieces: Uint8Array[] = [];
  for (const namespace of [...predecessors.keys()].sort()) {
    const local = predecessors.get(namespace)!;
    pieces.push(Uint8Array.of(guidBytes + local.length), Buffer.from(namespace, "hex"), local);
  }
  return Buffer.concat(pieces);
}

/** The list with these changes as well. */
export function withChanges(predecessors: Predecessors, more: Predecessors): Predecessors {
  const found = new Map(predecessors);
  for (const [namespace, local] of more) {
    add(found, Buffer.concat([Buffer.from(namespace, "hex"), local]));
  }
  return found;
}

export function predecessorsOf(xid: Uint8Array): Predecessors {
  checkXid(xid);
  const found = new Map<string, Uint8Array>();
  add(found, xid);
  return found;
}

/** Whether a version knows all that another one does. */
export function includes(a: Predecessors, b: Predecessors): boolean {
  for (const [namespace, local] of b) {
    const known = a.get(namespace);
    if (known === undefined || isBefore(known, local)) return false;
  }
  return true;
}
