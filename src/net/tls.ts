/** TLS of this server: versions, ciphers, and the handshake on an accepted socket. */
import { createSecureContext, TLSSocket } from "node:tls";
import type { SecureContext } from "node:tls";
import type { Socket } from "node:net";
import { Fault } from "#base/fault.ts";

/** Certificates to answer with. A name nobody knows gets the default: a client by address must be served too. */
export interface TlsCredentials {
  /** `serverName` is in lower case and without a trailing dot; null when the client named none. */
  contextFor(serverName: string | null): SecureContext;
  /** What proves a name to a certificate authority that asks with ALPN `acme-tls/1`, by name. RFC 8737 §3 */
  readonly challenges?: ReadonlyMap<string, SecureContext>;
}

/** A TLS context of the house: TLS 1.2 and 1.3 (RFC 8996 retires the older), the server's order of ciphers. */
export function makeSecureContext(keyPem: string, certificateChainPem: string): SecureContext {
  return createSecureContext({
    key: keyPem,
    cert: certificateChainPem,
    minVersion: "TLSv1.2",
    honorCipherOrder: true,
    sessionIdContext: "outpost",
  });
}

/** A server name as certificates are looked up by: lower case, without trailing dots; null for none. RFC 6066 §3 */
export function normalServerName(name: string | false | null | undefined): string | null {
  if (typeof name !== "string") return null;
  const trimmed = name.replace(/\.+$/, "").toLowerCase();
  return trimmed === "" ? null : trimmed;
}

/**
 * Answers a TLS handshake on `raw`, whose read buffer must be empty of plain text. The socket is destroyed when the
 * handshake fails; `secured` then rejects with Fault `cancelled`. The caller bounds the time by destroying the socket.
 */
export function answerHandshake(
  raw: Socket, credentials: TlsCredentials, alpnProtocols?: string[],
): { socket: TLSSocket; secured: Promise<void> } {
  const socket = new TLSSocket(raw, {
    isServer: true,
    secureContext: credentials.contextFor(null),
    SNICallback: (name, done) => {
      try {
        done(null, credentials.contextFor(normalServerName(name)));
      } catch (error) {
        done(error instanceof Error ? error : new Error(String(error)));
      }
    },
    ...(alpnProtocols === undefined ? {} : { ALPNProtocols: alpnProtocols }),
  });
  raw.on("error", () => socket.destroy());
  const secured = new Promise<void>((resolve, reject) => {
    const fail = (error?: Error & { code?: string }): void => {
      const why = error?.code ?? error?.message ?? "the client closed the connection";
      reject(new Fault("cancelled", `The TLS handshake failed: ${why}.`));
      socket.destroy();
    };
    socket.once("secure", () => resolve());
    // Errors before and after the handshake; node keeps them from "error" for sockets it did not accept itself.
    socket.on("_tlsError", fail);
    socket.on("error", fail);
    socket.once("close", () => fail());
  });
  return { socket, secured };
}
