/**
 * The compression of ROP buffers: plain LZ77 with DIRECT2 encoding. A mask of 32 bits tells literals from matches, most
 * significant bit first. [MS-OXCRPC] 3.1.4.1.1, [MS-XCA] 2.3, 2.4
 */
import { WireError } from "#base/fault.ts";

const distanceMax = 8192;
const matchMin = 3;
const matchMax = 0xffff + matchMin;

/** The bytes before compression, exactly `sizeActual` of them. Throws WireError for what no compressor writes. */
export function decompress(from: Uint8Array, sizeActual: number): Buffer {
  const to = Buffer.allocUnsafe(sizeActual);
  let at = 0;
  let written = 0;
  let mask = 0;
  let bits = 0;
  let nibbleAt = -1;
  const refuse = (why: string): WireError => new WireError(`compressed bytes: ${why}`, at);
  while (written < sizeActual) {
    if (bits === 0) {
      if (at + 4 > from.length) throw refuse("the mask is cut off");
      mask = from[at]! | (from[at + 1]! << 8) | (from[at + 2]! << 16) | (from[at + 3]! << 24);
      at += 4;
      bits = 32;
    }
    const isMatch = mask < 0;
    mask <<= 1;
    bits--;
    if (!isMatch) {
      if (at >= from.length) throw refuse("a literal is cut off");
      to[written++] = from[at++]!;
      continue;
    }
    if (at + 2 > from.length) throw refuse(`a match is cut off after ${written} bytes of ${sizeActual}`);
    const token = from[at]! | (from[at + 1]! << 8);
    at += 2;
    const distance = (token >> 3) + 1;
    let length = token & 7;
    if (length === 7) {
      if (nibbleAt < 0) {
        if (at >= from.length) throw refuse("a length is cut off");
        nibbleAt = at;
        length = from[at++]! & 0x0f;
      } else {
        length = from[nibbleAt]! >> 4;
        nibbleAt = -1;
      }
      if (length === 15) {
        if (at >= from.length) throw refuse("a length is cut off");
        length = from[at++]!;
        if (length === 255) {
          if (at + 2 > from.length) throw refuse("a length is cut off");
          length = from[at]! | (from[at + 1]! << 8);
          at += 2;
          if (length < 15 + 7) throw refuse(`${length} is too small for a long length`);
          length -= 15 + 7;
        }
        length += 15;
      }
      length += 7;
    }
    length += matchMin;
    if (distance > written) throw refuse(`a match begins ${distance - written} bytes before the beginning`);
    if (length > sizeActual - written) throw refuse(`a match is longer than the ${sizeActual} bytes told`);
    // Byte by byte, because a match may overlap what it writes.
    for (let left = length; left > 0; left--, written++) to[written] = to[written - distance]!;
  }
  return to;
}

/** Compressed bytes, or null when they would not be fewer. */
export function compress(from: Uint8Array): Buffer | null {
  const to = Buffer.allocUnsafe(from.length + 8);
  const end = from.length;
  const limit = end - 1;
  // By the hash of three bytes: where they stood last.
  const last = new Int32Array(4096).fill(-1);
  let maskAt = 0;
  let written = 4;
  let mask = 0;
  let bits = 0;
  let nibbleAt = -1;
  let at = 0;
  const pushBit = (bit: number): void => {
    mask = (mask << 1) | bit;
    if (++bits < 32) return;
    to.writeInt32LE(mask, maskAt);
    maskAt = written;
    written += 4;
    mask = 0;
    bits = 0;
  };
  while (at < end) {
    if (written >= limit) return null;
    let length = 0;
    let distance = 0;
    if (at + matchMin <= end) {
      const hash = ((from[at]! << 8) ^ (from[at + 1]! << 4) ^ from[at + 2]!) & 4095;
      const candidate = last[hash]!;
      last[hash] = at;
      if (candidate >= 0 && at - candidate <= distanceMax) {
        distance = at - candidate;
        const most = Math.min(end - at, matchMax);
        while (length < most && from[candidate + length] === from[at + length]) length++;
      }
    }
    if (length < matchMin) {
      to[written++] = from[at++]!;
      pushBit(0);
      continue;
    }
    const extra = length - matchMin;
    to.writeUInt16LE(((distance - 1) << 3) | Math.min(extra, 7), written);
    written += 2;
    if (extra >= 7) {
      const nibble = Math.min(extra - 7, 15);
      if (nibbleAt < 0) {
        nibbleAt = written;
        to[written++] = nibble;
      } else {
        to[nibbleAt] = to[nibbleAt]! | (nibble << 4);
        nibbleAt = -1;
      }
      if (nibble === 15) {
        const more = extra - 22;
        if (more < 255) {
          to[written++] = more;
        } else {
          to[written++] = 255;
          to.writeUInt16LE(extra, written);
          written += 2;
        }
      }
    }
    at += length;
    pushBit(1);
    if (written + 8 > to.length) return null;
  }
  // What is left of the last mask is ones; the first of them ends the stream.
  const left = 32 - bits;
  const tail = left === 32 ? -1 : (mask << left) | ((1 << left) - 1);
  to.writeInt32LE(tail, maskAt);
  return written < end ? to.subarray(0, written) : null;
}
