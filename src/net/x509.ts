/** Makes the certificates of the house's own authority: the few fields of RFC 5280 they need, written as DER. */
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, sign, X509Certificate } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { isIP, isIPv4 } from "node:net";
import { domainToASCII } from "node:url";
import { assert, WireError } from "#base/fault.ts";

/** A private key and the chain that goes with it, both PEM; the chain begins with the certificate of the key. */
export interface KeyAndChain {
  readonly keyPem: string;
  readonly chainPem: string;
}

export interface CertificateTimes {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

export const tags = {
  boolean: 0x01, integer: 0x02, bitString: 0x03, octetString: 0x04, oid: 0x06, utf8String: 0x0c, utcTime: 0x17,
  generalizedTime: 0x18, sequence: 0x30, set: 0x31, version: 0xa0, extensions: 0xa3,
  /** Within a GeneralName and an AuthorityKeyIdentifier. */
  keyIdentifier: 0x80, dnsName: 0x82, ipAddress: 0x87,
} as const;

const oids = {
  ecdsaWithSha256: [1, 2, 840, 10045, 4, 3, 2],
  commonName: [2, 5, 4, 3],
  subjectKeyIdentifier: [2, 5, 29, 14],
  keyUsage: [2, 5, 29, 15],
  subjectAltName: [2, 5, 29, 17],
  basicConstraints: [2, 5, 29, 19],
  authorityKeyIdentifier: [2, 5, 29, 35],
  extendedKeyUsage: [2, 5, 29, 37],
  serverAuth: [1, 3, 6, 1, 5, 5, 7, 3, 1],
} as const;

/** Key usage bits as they stand in the BIT STRING with its count of unused bits. RFC 5280 §4.2.1.3 */
const keyUsages = { digitalSignature: [7, 0x80], certAndCrlSign: [1, 0x06] } as const;

/** One DER element of its contents. X.690 §8.1 */
export function der(tag: number, ...parts: Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const size = content.length;
  if (size < 128) return Buffer.concat([Buffer.from([tag, size]), content]);
  const sizeBytes: number[] = [];
  for (let rest = size; rest > 0; rest = Math.floor(rest / 256)) sizeBytes.unshift(rest % 256);
  return Buffer.concat([Buffer.from([tag, 0x80 | sizeBytes.length, ...sizeBytes]), content]);
}

/** An object identifier, base 128. X.690 §8.19 */
export function derOid(arcs: readonly number[]): Buffer {
  const bytes = [arcs[0]! * 40 + arcs[1]!];
  for (const arc of arcs.slice(2)) {
    const digits = [arc % 128];
    for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128)) digits.unshift(rest % 128 | 0x80);
    bytes.push(...digits);
  }
  return der(tags.oid, Buffer.from(bytes));
}

/** UTCTime up to 2049, GeneralizedTime after, whole seconds. RFC 5280 §4.1.2.5 */
export function derTime(atMs: number): Buffer {
  const digits = new Date(atMs).toISOString().replace(/[-:T]|\.\d+/g, "");
  const year = Number(digits.slice(0, 4));
  if (year >= 1950 && year < 2050) return der(tags.utcTime, Buffer.from(digits.slice(2), "latin1"));
  return der(tags.generalizedTime, Buffer.from(digits, "latin1"));
}

function commonName(text: string): Buffer {
  const attribute = der(tags.sequence, derOid(oids.commonName), der(tags.utf8String, Buffer.from(text, "utf8")));
  return der(tags.sequence, der(tags.set, attribute));
}

function extension(oid: readonly number[], critical: boolean, value: Uint8Array): Buffer {
  const flag = critical ? [der(tags.boolean, Buffer.from([0xff]))] : [];
  return der(tags.sequence, derOid(oid), ...flag, der(tags.octetString, value));
}

/** The 16 or 4 bytes of an address in text form, which must be one. */
function addressBytes(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split(".").map(Number));
  // The URL parser turns a dotted tail into groups and settles every spelling.
  const [head = "", tail] = new URL(`http://[${address}]/`).hostname.slice(1, -1).split("::");
  const groups = (text: string | undefined): number[] => (
    text ? text.split(":").map((group) => parseInt(group, 16)) : []
  );
  const before = groups(head);
  const after = groups(tail);
  const all = [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after];
  const bytes = Buffer.alloc(16);
  all.forEach((group, index) => bytes.writeUInt16BE(group, index * 2));
  return bytes;
}

/**
 * The extension that names the server: DNS names in their ASCII form, addresses as such; names that cannot be written
 * are left out. Same names in the same order give the same bytes. RFC 5280 §4.2.1.6
 */
export function subjectAltName(names: readonly string[]): Uint8Array {
  const parts: Buffer[] = [];
  for (const name of names) {
    if (isIP(name) !== 0) {
      parts.push(der(tags.ipAddress, addressBytes(name)));
      continue;
    }
    const ascii = domainToASCII(name);
    if (ascii !== "") parts.push(der(tags.dnsName, Buffer.from(ascii, "latin1")));
  }
  return extension(oids.subjectAltName, false, der(tags.sequence, ...parts));
}

/** SHA-1 of the public key's bits, as RFC 5280 §4.2.1.2 (1) proposes. */
function keyIdentifier(key: KeyObject): Buffer {
  const spki = createPublicKey(key).export({ type: "spki", format: "der" });
  // An uncompressed P-256 point is the last 65 bytes of its SubjectPublicKeyInfo.
  return createHash("sha1").update(spki.subarray(-65)).digest();
}

interface TbsFields {
  readonly serial: Uint8Array;
  readonly issuer: Uint8Array;
  readonly times: CertificateTimes;
  readonly subject: Uint8Array;
  readonly key: KeyObject;
  readonly extensions: readonly Uint8Array[];
}

function signCertificate(fields: TbsFields, issuerKey: KeyObject): string {
  const algorithm = der(tags.sequence, derOid(oids.ecdsaWithSha256));
  const serial = Buffer.from(fields.serial);
  // Positive and without leading zeros. RFC 5280 §4.1.2.2
  serial[0] = (serial[0]! & 0x7f) | 0x40;
  const tbs = der(tags.sequence,
    der(tags.version, der(tags.integer, Buffer.from([2]))),
    der(tags.integer, serial),
    algorithm,
    fields.issuer,
    der(tags.sequence, derTime(fields.times.notBeforeMs), derTime(fields.times.notAfterMs)),
    fields.subject,
    createPublicKey(fields.key).export({ type: "spki", format: "der" }),
    der(tags.extensions, der(tags.sequence, ...fields.extensions)));
  const signature = sign("sha256", tbs, { key: issuerKey, dsaEncoding: "der" });
  const whole = der(tags.sequence, tbs, algorithm, der(tags.bitString, Buffer.from([0]), signature));
  const lines = whole.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}

function newKey(): { key: KeyObject; keyPem: string } {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return { key: privateKey, keyPem: privateKey.export({ type: "pkcs8", format: "pem" }).toString() };
}

/** A private authority: P-256, may sign certificates but no further authority. `serial` is 16 random bytes. */
export function makeAuthority(request: { name: string; serial: Uint8Array; times: CertificateTimes }): KeyAndChain {
  const { key, keyPem } = newKey();
  const subject = commonName(request.name);
  const chainPem = signCertificate({
    serial: request.serial, issuer: subject, times: request.times, subject, key,
    extensions: [
      extension(oids.basicConstraints, true, der(tags.sequence,
        der(tags.boolean, Buffer.from([0xff])), der(tags.integer, Buffer.from([0])))),
      extension(oids.keyUsage, true, der(tags.bitString, Buffer.from(keyUsages.certAndCrlSign))),
      extension(oids.subjectKeyIdentifier, false, der(tags.octetString, keyIdentifier(key))),
    ],
  }, key);
  return { keyPem, chainPem };
}

/** A server certificate of `authority` for `names`, the first of which is also its common name. */
export function makeServerCertificate(request: {
  authority: KeyAndChain; names: readonly string[]; serial: Uint8Array; times: CertificateTimes;
}): KeyAndChain {
  assert(request.names.length > 0, "a server certificate names something");
  const { key, keyPem } = newKey();
  const authorityKey = createPrivateKey(request.authority.keyPem);
  const authorityDer = new X509Certificate(request.authority.chainPem).raw;
  const chainPem = signCertificate({
    serial: request.serial,
    issuer: subjectOf(authorityDer),
    times: request.times,
    // A common name has at most 64 characters (RFC 5280 appendix A.1); clients read the names below.
    subject: commonName(request.names[0]!.slice(0, 64)),
    key,
    extensions: [
      extension(oids.basicConstraints, true, der(tags.sequence)),
      extension(oids.keyUsage, true, der(tags.bitString, Buffer.from(keyUsages.digitalSignature))),
      extension(oids.extendedKeyUsage, false, der(tags.sequence, derOid(oids.serverAuth))),
      extension(oids.subjectKeyIdentifier, false, der(tags.octetString, keyIdentifier(key))),
      extension(oids.authorityKeyIdentifier, false, der(tags.sequence,
        der(tags.keyIdentifier, keyIdentifier(authorityKey)))),
      subjectAltName(request.names),
    ],
  }, authorityKey);
  return { keyPem, chainPem: chainPem + request.authority.chainPem };
}

/** The subject field of a certificate as it stands there: an issuer must repeat it byte for byte. RFC 5280 §4.1.2.4 */
function subjectOf(certificate: Uint8Array): Uint8Array {
  const whole = elementAt(certificate, 0);
  const tbs = elementAt(certificate, whole.contentAt);
  let at = tbs.contentAt;
  if (certificate[at] === tags.version) at = elementAt(certificate, at).end;
  // serialNumber, signature, issuer, validity
  for (let field = 0; field < 4; field++) at = elementAt(certificate, at).end;
  return certificate.subarray(at, elementAt(certificate, at).end);
}

export function elementAt(bytes: Uint8Array, at: number): { contentAt: number; end: number } {
  const first = bytes[at + 1] ?? 0;
  const sizeBytes = first < 128 ? 0 : first & 0x7f;
  if (sizeBytes > 4) throw new WireError("length of a DER element is too large", at);
  let size = first < 128 ? first : 0;
  for (let index = 0; index < sizeBytes; index++) size = size * 256 + (bytes[at + 2 + index] ?? 0);
  const contentAt = at + 2 + sizeBytes;
  if (contentAt + size > bytes.length) throw new WireError("DER element is longer than its bytes", at);
  return { contentAt, end: contentAt + size };
}
