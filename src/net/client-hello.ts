/** The first message of a TLS client, as far as a certificate has to be chosen by it before the handshake begins. */

export interface ClientHello {
  /** As sent; null for none. RFC 6066 §3 */
  readonly serverName: string | null;
  /** RFC 7301 §3.1 */
  readonly alpnProtocols: readonly string[];
}

/**
 * Reads a ClientHello: null while more bytes are needed, "other" for what is none. RFC 8446 §4.1.2 and §5.1; the
 * message may be cut over several records.
 */
export function parseClientHello(bytes: Buffer): ClientHello | null | "other" {
  const message = handshakeMessage(bytes);
  if (message === null || message === "other") return message;
  if (message[0] !== 1) return "other";
  const size = message.length < 4 ? Infinity : message.readUIntBE(1, 3);
  if (message.length < 4 + size) return null;
  const body = message.subarray(4, 4 + size);
  // legacy_version, random; then three lists with 1, 2 and 1 bytes of length.
  let at = 34;
  for (const lengthBytes of [1, 2, 1]) {
    if (at + lengthBytes > body.length) return "other";
    at += lengthBytes + body.readUIntBE(at, lengthBytes);
  }
  if (at + 2 > body.length) return { serverName: null, alpnProtocols: [] };
  return readExtensions(body.subarray(at + 2, at + 2 + body.readUInt16BE(at)));
}

/** The handshake bytes within the records that have come. */
function handshakeMessage(bytes: Buffer): Buffer | null | "other" {
  const parts: Buffer[] = [];
  let at = 0;
  while (at < bytes.length) {
    if (bytes[at] !== 0x16) return "other";
    if (bytes.length < at + 5) break;
    const size = bytes.readUInt16BE(at + 3);
    if (size === 0 || size > 16_384) return "other";
    parts.push(bytes.subarray(at + 5, Math.min(at + 5 + size, bytes.length)));
    at += 5 + size;
  }
  const message = Buffer.concat(parts);
  return message.length === 0 ? null : message;
}

const extensionTypes = { serverName: 0, alpn: 16 } as const;

function readExtensions(bytes: Buffer): ClientHello | "other" {
  let serverName: string | null = null;
  const alpnProtocols: string[] = [];
  let at = 0;
  while (at + 4 <= bytes.length) {
    const type = bytes.readUInt16BE(at);
    const value = bytes.subarray(at + 4, at + 4 + bytes.readUInt16BE(at + 2));
    at += 4 + bytes.readUInt16BE(at + 2);
    if (at > bytes.length) return "other";
    // server_name_list: its length, then name_type 0 and the name with its length.
    if (type === extensionTypes.serverName && value.length >= 5 && value[2] === 0) {
      serverName = value.toString("latin1", 5, 5 + value.readUInt16BE(3));
    } else if (type === extensionTypes.alpn) {
      for (let from = 2; from < value.length; from += 1 + value[from]!) {
        alpnProtocols.push(value.toString("latin1", from + 1, from + 1 + value[from]!));
      }
    }
  }
  return { serverName, alpnProtocols };
}
