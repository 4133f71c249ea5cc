/** Keys of SCRAM-SHA-256 from a password. RFC 5802 §3 with SHA-256 as in RFC 7677 */
import { createHash, createHmac, pbkdf2 } from "node:crypto";
import { promisify } from "node:util";

const derive = promisify(pbkdf2);

export interface NewScramKeys {
  readonly salt: Uint8Array;
  readonly iterations: number;
  readonly storedKey: Uint8Array;
  readonly serverKey: Uint8Array;
}

/** Runs on libuv's threads. */
export async function makeScramKeys(password: string, salt: Uint8Array, iterations: number): Promise<NewScramKeys> {
  const salted = await derive(preparePassword(password), salt, iterations, 32, "sha256");
  const storedKey = createHash("sha256").update(hmac(salted, "Client Key")).digest();
  return { salt, iterations, storedKey, serverKey: hmac(salted, "Server Key") };
}

/**
 * The password as clients hash it: SASLprep of RFC 4013, whose NFKC and mapping of odd spaces are what differs in
 * practice. A password that SASLprep forbids is taken as it is; no client could send it by SCRAM anyway.
 */
export function preparePassword(password: string): string {
  return password.replace(/[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]/g, " ")
    .replace(/[\u00ad\u034f\u1806\u180b-\u180d\u200b-\u200d\u2060\ufe00-\ufe0f\ufeff]/g, "").normalize("NFKC");
}

export function hmac(key: Uint8Array, text: string | Uint8Array): Buffer {
  return createHmac("sha256", key).update(text).digest();
}
