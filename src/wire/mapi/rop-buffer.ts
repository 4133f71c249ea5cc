/**
 * The buffer of an Execute call: one or more payloads behind RPC_HEADER_EXT, each with a list of ROPs and a table of
 * handles. [MS-OXCRPC] 2.2.2.1, [MS-OXCROPS] 2.2.1
 */
import { WireError } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { compress, decompress } from "#wire/mapi/lz77.ts";

/** Flags of RPC_HEADER_EXT. [MS-OXCRPC] 2.2.2.1 */
export const headerFlags = { compressed: 0x0001, xorMagic: 0x0002, last: 0x0004 } as const;
const headerSize = 8;
const xorByte = 0xa5;
/** Below this compression is not worth its time. */
const compressFromBytes = 1025;

/** A handle that stands for none. [MS-OXCROPS] 2.2.1 */
export const noHandle = 0xffff_ffff;

export interface RopPayload {
  /** Requests or responses, one after the other. */
  readonly rops: Uint8Array;
  readonly handles: Uint32Array;
}

/** The payloads of a buffer; those of a request are one, but a client may chain. Throws WireError. */
export function unpackRopBuffer(buffer: Uint8Array): RopPayload[] {
  const payloads: RopPayload[] = [];
  let at = 0;
  for (;;) {
    if (payloads.length >= limits.mapiPayloadsMax) throw new WireError("too many payloads in one buffer", at);
    const { payload, flags, end } = unpackOne(buffer, at);
    payloads.push(splitPayload(payload, at));
    at = end;
    if ((flags & headerFlags.last) !== 0) break;
    if (at === buffer.length) throw new WireError("the last payload is not marked as the last", at);
  }
  if (at !== buffer.length) throw new WireError(`${buffer.length - at} bytes follow the last payload`, at);
  return payloads;
}

/** One block behind RPC_HEADER_EXT, as auxiliary buffers are too. Throws WireError. [MS-OXCRPC] 3.1.4.1.2 */
export function unpackOne(buffer: Uint8Array, at: number): { payload: Uint8Array; flags: number; end: number } {
  if (buffer.length - at < headerSize) throw new WireError("RPC_HEADER_EXT is cut off", at);
  const view = Buffer.from(buffer.buffer, buffer.byteOffset, buffer.length);
  if (view.readUInt16LE(at) !== 0) throw new WireError(`version ${view.readUInt16LE(at)} of RPC_HEADER_EXT`, at);
  const flags = view.readUInt16LE(at + 2);
  const size = view.readUInt16LE(at + 4);
  const sizeActual = view.readUInt16LE(at + 6);
  const from = at + headerSize;
  const end = from + size;
  if (end > buffer.length) throw new WireError(`a payload of ${size} bytes is cut off`, at + 4);
  let payload = buffer.subarray(from, end);
  if ((flags & headerFlags.xorMagic) !== 0) payload = payload.map((byte) => byte ^ xorByte);
  if ((flags & headerFlags.compressed) !== 0) payload = decompress(payload, sizeActual);
  else if (size !== sizeActual) throw new WireError(`sizes ${size} and ${sizeActual} differ`, at + 4);
  return { payload, flags, end };
}

function splitPayload(payload: Uint8Array, offset: number): RopPayload {
  if (payload.length < 2) throw new WireError("a payload without a size", offset);
  const size = payload[0]! | (payload[1]! << 8);
  if (size < 2 || size > payload.length) throw new WireError(`${size} is no size of a list of ROPs`, offset);
  const tail = payload.subarray(size);
  if (tail.length % 4 !== 0) throw new WireError("the table of handles has an odd size", offset + size);
  const handles = new Uint32Array(tail.length / 4);
  const view = new DataView(tail.buffer, tail.byteOffset, tail.length);
  for (let index = 0; index < handles.length; index++) handles[index] = view.getUint32(index * 4, true);
  return { rops: payload.subarray(2, size), handles };
}

export interface PackOptions {
  /** The client takes compressed payloads. */
  readonly compress: boolean;
  /** The client wants payloads disguised. */
  readonly xorMagic: boolean;
}

/** The bytes of a payload with its size and handles. */
export function joinPayload({ rops, handles }: RopPayload): Buffer {
  const size = rops.length + 2;
  if (size > 0xffff) throw new Error(`${rops.length} bytes of ROPs do not fit one payload`);
  const payload = Buffer.allocUnsafe(size + handles.length * 4);
  payload.writeUInt16LE(size, 0);
  payload.set(rops, 2);
  for (let index = 0; index < handles.length; index++) payload.writeUInt32LE(handles[index]!, size + index * 4);
  return payload;
}

/** Payloads as one buffer, the last one marked. */
export function packRopBuffer(payloads: readonly RopPayload[], options: PackOptions): Buffer {
  const blocks = payloads.map((payload, index) =>
    packOne(joinPayload(payload), index === payloads.length - 1, options));
  return Buffer.concat(blocks);
}

/** One block behind RPC_HEADER_EXT: compressed first, then disguised. [MS-OXCRPC] 3.1.4.1.2 */
export function packOne(payload: Uint8Array, isLast: boolean, options: PackOptions): Buffer {
  if (payload.length > 0xffff) throw new Error(`${payload.length} bytes do not fit one payload`);
  const compressed = options.compress && payload.length >= compressFromBytes ? compress(payload) : null;
  const body = compressed ?? payload;
  const flags = (isLast ? headerFlags.last : 0) | (compressed !== null ? headerFlags.compressed : 0) |
    (options.xorMagic ? headerFlags.xorMagic : 0);
  const block = Buffer.allocUnsafe(headerSize + body.length);
  block.writeUInt16LE(0, 0);
  block.writeUInt16LE(flags, 2);
  block.writeUInt16LE(body.length, 4);
  block.writeUInt16LE(payload.length, 6);
  block.set(body, headerSize);
  if (options.xorMagic) for (let at = headerSize; at < block.length; at++) block[at] = block[at]! ^ xorByte;
  return block;
}
