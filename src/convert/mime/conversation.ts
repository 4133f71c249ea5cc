import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";

const headSize = 22;
const replySize = 5;
const repliesMax = 2000;

/**
 * The bytes of a Thread-Index field, or null when they are no conversation index: a first byte 1, five bytes of time, a
 * GUID, and five bytes for each reply. [MS-OXCMAIL] 2.2.3.2 (PidTagConversationIndex), [MS-OXOMSG] 2.2.1.3
 */
export function parseThreadIndex(text: string): Uint8Array | null {
  const clean = text.replaceAll(/\s+/g, "");
  if (clean.length > (headSize + replySize * repliesMax) * 2 || !/^[A-Za-z0-9+/]+=*$/.test(clean)) return null;
  const bytes = Buffer.from(clean, "base64");
  if (bytes.length < headSize || (bytes.length - headSize) % replySize !== 0) return null;
  return bytes;
}

/** [MS-OXCMAIL] 2.1.3.2 (PidTagConversationIndex) */
export function formatThreadIndex(index: Uint8Array): string {
  return Buffer.from(index.buffer, index.byteOffset, index.byteLength).toString("base64");
}

/**
 * The GUID in the index; without an index a digest of the topic in capitals, so that answers of programs that know no
 * Thread-Index meet under one topic. [MS-OXOMSG] 2.2.1.2 (PidTagConversationId)
 */
export function conversationId(index: Uint8Array | null, topic: string): Uint8Array | undefined {
  if (index !== null && index.length >= headSize && index[0] === 1) return index.subarray(6, headSize);
  if (topic === "") return undefined;
  return createHash("md5").update(Buffer.from(topic.toUpperCase(), "utf16le")).digest();
}
