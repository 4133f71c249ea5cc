/**
 * The PROXY protocol, versions 1 and 2: a header before the first byte of a connection in which a proxy says whose
 * connection it passes on (haproxy.org, proxy-protocol.txt §2).
 */
import { isIP } from "node:net";
import { limits } from "#base/limits.ts";

/** `address` is null when the proxy speaks for itself (LOCAL, UNKNOWN, or a family that has no addresses). */
export interface ProxyHeader {
  readonly address: string | null;
  /** Bytes of the header; what follows belongs to the connection. */
  readonly size: number;
}

const signature = Buffer.from("0d0a0d0a000d0a515549540a", "hex");
const v1Start = Buffer.from("PROXY ", "latin1");

/** Null while more bytes are needed; "broken" for what is no such header, which must end the connection (§2). */
export function parseProxyHeader(bytes: Buffer): ProxyHeader | null | "broken" {
  if (startsLike(bytes, v1Start)) return parseVersion1(bytes);
  if (startsLike(bytes, signature)) return parseVersion2(bytes);
  return "broken";
}

function startsLike(bytes: Buffer, start: Buffer): boolean {
  const size = Math.min(bytes.length, start.length);
  return bytes.subarray(0, size).equals(start.subarray(0, size));
}

/** One line of at most 107 bytes. §2.1 */
function parseVersion1(bytes: Buffer): ProxyHeader | null | "broken" {
  const end = bytes.subarray(0, 108).indexOf("\r\n", 0, "latin1");
  if (end < 0) return bytes.length >= 107 ? "broken" : null;
  const [, family, source, target, ...ports] = bytes.toString("latin1", 0, end).split(" ");
  const size = end + 2;
  if (family === "UNKNOWN") return { address: null, size };
  const version = family === "TCP4" ? 4 : family === "TCP6" ? 6 : 0;
  const isWhole = version !== 0 && isIP(source ?? "") === version && isIP(target ?? "") === version &&
    ports.length === 2 && ports.every((port) => /^\d{1,5}$/.test(port) && Number(port) < 65_536);
  return isWhole ? { address: source!.toLowerCase(), size } : "broken";
}

/** Signature, version and command, family, length, addresses, then extra fields that are skipped. §2.2 */
function parseVersion2(bytes: Buffer): ProxyHeader | null | "broken" {
  if (bytes.length < 16) return null;
  const [version, command] = [bytes[12]! >> 4, bytes[12]! & 0x0f];
  const size = 16 + bytes.readUInt16BE(14);
  if (version !== 2 || command > 1 || size > limits.proxyHeaderMaxBytes) return "broken";
  if (bytes.length < size) return null;
  if (command === 0) return { address: null, size };
  const family = bytes[13]! >> 4;
  if (family === 1 && size >= 16 + 12) return { address: [...bytes.subarray(16, 20)].join("."), size };
  if (family === 2 && size >= 16 + 36) {
    const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(16 + index * 2).toString(16));
    return { address: new URL(`http://[${groups.join(":")}]/`).hostname.slice(1, -1), size };
  }
  return family === 0 || family === 3 ? { address: null, size } : "broken";
}
