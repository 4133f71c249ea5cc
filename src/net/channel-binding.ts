/** What a TLS connection can be known by, for sign-ins that must not be passed on. RFC 5929 §4, RFC 9266 §2 */
import { createHash, X509Certificate } from "node:crypto";
import type { TLSSocket } from "node:tls";
import type { ChannelBindingType } from "#net/scram.ts";

/** null where there is none: an exporter needs TLS 1.3, the hash of the certificate one that was signed with a hash. */
export function channelBindingOf(socket: TLSSocket, type: ChannelBindingType): Uint8Array | null {
  if (type === "tls-exporter") {
    if (socket.getProtocol() !== "TLSv1.3") return null;
    return socket.exportKeyingMaterial(32, "EXPORTER-Channel-Binding", Buffer.alloc(0));
  }
  const certificate = socket.getCertificate();
  const raw = certificate !== null && "raw" in certificate ? certificate.raw : undefined;
  return raw === undefined ? null : certificateHash(raw);
}

/** The certificate's hash by the hash of its own signature; SHA-256 in place of MD5 and SHA-1. RFC 5929 §4.1 */
export function certificateHash(raw: Uint8Array): Uint8Array | null {
  const { signatureAlgorithm } = new X509Certificate(raw);
  const named = /(md5|sha-?1|sha-?224|sha-?256|sha-?384|sha-?512)/i.exec(signatureAlgorithm ?? "")?.[1];
  if (named === undefined) return null;
  const hash = named.toLowerCase().replace("-", "");
  return createHash(hash === "md5" || hash === "sha1" ? "sha256" : hash).update(raw).digest();
}
