import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { assert } from "#base/fault.ts";

const headSize = 22;
const replySize = 5;
const repliesMax = 2000;
/** FILETIME steps of a millisecond, and from 1601 to 1970. */
const ticksPerMs = 10_000n;
const epochTicks = 116_444_736_000_000_000n;

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

/** The index of a message that answers none; `guid` are 16 bytes of chance. [MS-OXOMSG] 2.2.1.3 */
export function newConversationIndex(utcMs: number, guid: Uint8Array): Uint8Array {
  assert(guid.length === 16, "a GUID has 16 bytes");
  const time = Buffer.alloc(8);
  time.writeBigUInt64BE(BigInt.asUintN(64, BigInt(Math.max(0, Math.trunc(utcMs))) * ticksPerMs + epochTicks));
  // What is reserved and always 1 is what every FILETIME of our days begins with.
  return Buffer.concat([Uint8Array.of(1), time.subarray(1, 6), guid]);
}

/** Bits of a difference that a response level drops at its end, by its delta code. [MS-OXOMSG] 2.2.1.3 */
const droppedBits = [18n, 23n] as const;
const deltaMask = 0x7fff_ffffn;

function headerTicks(index: Uint8Array): bigint {
  const time = Buffer.alloc(8);
  time.set(index.subarray(1, 6), 1);
  return time.readBigUInt64BE() | 0x0100_0000_0000_0000n;
}

function levelTicks(level: Uint8Array): bigint {
  const word = Buffer.from(level).readUInt32BE();
  return BigInt(word & 0x7fff_ffff) << droppedBits[word >>> 31]!;
}

/**
 * When each message on the way to this one was sent, the first of the conversation first: UTC milliseconds, to 26 ms or
 * less exact. Each response level counts on from the one before, as the indexes that Outlook writes show. Empty for
 * what is no index. [MS-OXOMSG] 2.2.1.3
 */
export function timesOfConversationIndex(index: Uint8Array): number[] {
  if (index.length < headSize || index[0] !== 1) return [];
  const times: number[] = [];
  let ticks = headerTicks(index);
  times.push(Number((ticks - epochTicks) / ticksPerMs));
  for (let at = headSize; at + replySize <= index.length; at += replySize) {
    ticks += levelTicks(index.subarray(at, at + replySize));
    times.push(Number((ticks - epochTicks) / ticksPerMs));
  }
  return times;
}

/**
 * The index of an answer or a forward: its parent's and one response level more. `chance` is a byte of chance. A parent
 * that is no index, or as long as one may be, is answered with itself or nothing. [MS-OXOMSG] 2.2.1.3
 */
export function replyConversationIndex(
  parent: Uint8Array, utcMs: number, chance: number,
): Uint8Array | undefined {
  if (parent.length < headSize || parent[0] !== 1 || (parent.length - headSize) % replySize !== 0) return undefined;
  if (parent.length >= headSize + repliesMax * replySize) return parent;
  let last = headerTicks(parent);
  for (let at = headSize; at < parent.length; at += replySize) last += levelTicks(parent.subarray(at, at + replySize));
  const now = BigInt(Math.trunc(utcMs)) * ticksPerMs + epochTicks;
  const passed = now > last ? now - last : 0n;
  const code = passed >> droppedBits[0] > deltaMask ? 1 : 0;
  const shifted = passed >> droppedBits[code]!;
  const delta = shifted > deltaMask ? deltaMask : shifted;
  const level = Buffer.alloc(replySize);
  level.writeUInt32BE(((code === 1 ? 0x8000_0000 : 0) + Number(delta)) >>> 0);
  level[4] = chance & 0xff;
  return Buffer.concat([parent, level]);
}
