/** Signs a profile as the server itself: SignedData with the content inside. RFC 5652 §5 */
import { createHash, createPrivateKey, sign, X509Certificate } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { Fault } from "#base/fault.ts";
import { der, derOid, derTime, elementAt, tags } from "#net/x509.ts";
import type { KeyAndChain } from "#net/x509.ts";

/** RFC 5652 §4, §5.1, §11; RFC 5754 §2.2, §3.2, §3.3 */
const oids = {
  data: [1, 2, 840, 113549, 1, 7, 1],
  signedData: [1, 2, 840, 113549, 1, 7, 2],
  contentType: [1, 2, 840, 113549, 1, 9, 3],
  messageDigest: [1, 2, 840, 113549, 1, 9, 4],
  signingTime: [1, 2, 840, 113549, 1, 9, 5],
  sha256: [2, 16, 840, 1, 101, 3, 4, 2, 1],
  rsa: [1, 2, 840, 113549, 1, 1, 1],
  ecdsaWithSha256: [1, 2, 840, 10045, 4, 3, 2],
} as const;

const tag = { null: 0x05, explicit0: 0xa0 } as const;

const sequence = (...parts: Uint8Array[]): Buffer => der(tags.sequence, ...parts);
const integer = (value: number): Buffer => der(tags.integer, Buffer.from([value]));

/** SHA-256 and nothing more. RFC 5754 §2.2 */
const digestAlgorithm = sequence(derOid(oids.sha256));

/**
 * CMS SignedData in DER that holds `content` and the certificates of `signer`. Throws Fault `notSupported` for keys
 * that are neither RSA nor elliptic curve.
 */
export function signContent(content: Uint8Array, signer: KeyAndChain, nowMs: number): Buffer {
  const key = createPrivateKey(signer.keyPem);
  const signatureAlgorithm = algorithmOf(key);
  const certificates = (signer.chainPem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [])
    .map((pem) => new X509Certificate(pem).raw);
  const own = certificates[0];
  if (own === undefined) throw new Fault("corrupt", "The certificate that should sign is missing.");
  const attributes = setContents([
    sequence(derOid(oids.contentType), der(tags.set, derOid(oids.data))),
    sequence(derOid(oids.signingTime), der(tags.set, derTime(nowMs))),
    sequence(derOid(oids.messageDigest), der(tags.set,
      der(tags.octetString, createHash("sha256").update(content).digest()))),
  ]);
  // Signed as a SET, though it stands in the message under another tag. RFC 5652 §5.4
  const signature = sign("sha256", der(tags.set, attributes), { key, dsaEncoding: "der" });
  const signerInfo = sequence(integer(1), issuerAndSerial(own), digestAlgorithm, der(tag.explicit0, attributes),
    signatureAlgorithm, der(tags.octetString, signature));
  const signedData = sequence(integer(1), der(tags.set, digestAlgorithm),
    sequence(derOid(oids.data), der(tag.explicit0, der(tags.octetString, content))),
    der(tag.explicit0, setContents(certificates)), der(tags.set, signerInfo));
  return sequence(derOid(oids.signedData), der(tag.explicit0, signedData));
}

function algorithmOf(key: KeyObject): Buffer {
  if (key.asymmetricKeyType === "rsa") return sequence(derOid(oids.rsa), der(tag.null));
  if (key.asymmetricKeyType === "ec") return sequence(derOid(oids.ecdsaWithSha256));
  throw new Fault("notSupported", `A key of the kind ${key.asymmetricKeyType} does not sign profiles.`);
}

/** Elements of a SET in the order DER wants: by their bytes. X.690 §11.6 */
function setContents(elements: readonly Uint8Array[]): Buffer {
  return Buffer.concat([...elements].sort(Buffer.compare));
}

/** Issuer and serial number as they stand in the certificate. RFC 5652 §10.2.4, RFC 5280 §4.1 */
function issuerAndSerial(certificate: Uint8Array): Buffer {
  const whole = elementAt(certificate, 0);
  let at = elementAt(certificate, whole.contentAt).contentAt;
  if (certificate[at] === tags.version) at = elementAt(certificate, at).end;
  const serial = certificate.subarray(at, elementAt(certificate, at).end);
  const algorithmAt = at + serial.length;
  const issuerAt = elementAt(certificate, algorithmAt).end;
  return sequence(certificate.subarray(issuerAt, elementAt(certificate, issuerAt).end), serial);
}
