import { Buffer } from "node:buffer";
import { decodeTransfer, transferDecoder } from "#format/mime/decode.ts";
import type { MimePart } from "#format/mime/types.ts";
import type { ItemContent } from "#convert/item.ts";

/** Bytes `[start, end)` of the message; may be views of what the caller holds. */
export type ReadBytes = (start: number, end: number) => Uint8Array;

const stepBytes = 192 * 1024;
const nothing = new Uint8Array(0);

/** The decoded body of a part, read again each time and never held whole. RFC 2045 §6 */
export function partContent(read: ReadBytes, part: MimePart): ItemContent {
  const size = part.bodyEnd - part.bodyStart;
  const isBase64 = part.encoding === "base64";
  return {
    aboutBytes: isBase64 ? Math.max(0, Math.floor((size - part.lineCount * 2) * 3 / 4)) : size,
    source: { head: nothing, start: part.bodyStart, end: part.bodyEnd, encoding: part.encoding },
    *chunks() {
      const decoder = transferDecoder(part.encoding);
      for (let at = part.bodyStart; at < part.bodyEnd; at += stepBytes) {
        const chunk = decoder.write(read(at, Math.min(at + stepBytes, part.bodyEnd)));
        if (chunk.length > 0) yield chunk;
      }
      const rest = decoder.end();
      if (rest.length > 0) yield rest;
    },
  };
}

/** The decoded body of a part in one piece, and never held encoded as well. */
export function partBytes(read: ReadBytes, part: MimePart): Uint8Array {
  const size = part.bodyEnd - part.bodyStart;
  if (size <= stepBytes) return decodeTransfer(read(part.bodyStart, part.bodyEnd), part.encoding);
  // Base64 gives three bytes for four; the others no more than they are given.
  const whole = new Uint8Array(part.encoding === "base64" ? (size * 3 >> 2) + 3 : size);
  let length = 0;
  for (const chunk of partContent(read, part).chunks()) {
    whole.set(chunk, length);
    length += chunk.length;
  }
  return whole.subarray(0, length);
}

/** The beginning of the decoded body: `sizeMax` bytes where there are as many. */
export function partStart(read: ReadBytes, part: MimePart, sizeMax: number): Uint8Array {
  if (part.bodyEnd - part.bodyStart <= sizeMax) return partBytes(read, part);
  const pieces: Uint8Array[] = [];
  let length = 0;
  for (const chunk of partContent(read, part).chunks()) {
    pieces.push(chunk);
    length += chunk.length;
    if (length >= sizeMax) break;
  }
  return Buffer.concat(pieces).subarray(0, sizeMax);
}

/** The same bytes with LF for each CR where lines end in CR alone, as the index reads them too; else as they are. */
export function withLineFeeds(bytes: Uint8Array): Uint8Array {
  if (bytes.includes(0x0a) || !bytes.includes(0x0d)) return bytes;
  return bytes.map((byte) => (byte === 0x0d ? 0x0a : byte));
}

/** `head`, and after it the bytes `[start, end)` as they stand. */
export function entityContent(read: ReadBytes, head: Uint8Array, start: number, end: number): ItemContent {
  return {
    aboutBytes: head.length + end - start,
    source: { head, start, end, encoding: "binary" },
    *chunks() {
      yield head;
      for (let at = start; at < end; at += stepBytes) yield read(at, Math.min(at + stepBytes, end));
    },
  };
}
