import { contentFlags } from "#transport/queue-rows.ts";

/** Bits of `contentFlags` for a message that the server makes. RFC 6152 §2, RFC 6532 §3 */
export function contentFlagsOf(bytes: Uint8Array, addresses: readonly string[]): number {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
  const end = text.indexOf("\r\n\r\n");
  const isOver = (part: string): boolean => /[\x80-\xff]/.test(part);
  const isUtf8 = addresses.some((one) => /[^\x00-\x7f]/.test(one));
  return (isOver(text) ? contentFlags.eightBit : 0) | (isUtf8 ? contentFlags.smtpUtf8 : 0) |
    (isUtf8 || isOver(end === -1 ? text : text.slice(0, end)) ? contentFlags.eightBitHeader : 0);
}
