/** One-time codes and recovery codes. RFC 6238, RFC 4226 */
import { createHash, timingSafeEqual } from "node:crypto";
import * as OTPAuth from "otpauth";

const periodMs = 30_000;
/** One step of clock drift to either side. RFC 6238 §5.2 */
const drift = 1;
const recoveryCodes = 10;

function totp(secret: Uint8Array, address: string): OTPAuth.TOTP {
  const buffer = new Uint8Array(secret).buffer;
  return new OTPAuth.TOTP({
    issuer: "Outpost", label: address, algorithm: "SHA1", digits: 6, period: periodMs / 1000,
    secret: new OTPAuth.Secret({ buffer }),
  });
}

/** What an authenticator scans: an otpauth address and the secret for typing. RFC 4226 §7.5 */
export function setupOf(secret: Uint8Array, address: string): { uri: string; text: string } {
  const made = totp(secret, address);
  return { uri: made.toString(), text: made.secret.base32.match(/.{1,4}/g)!.join(" ") };
}

/** The step whose code this is, near `nowMs`; null for a wrong one. RFC 6238 §4.2 */
export function stepOfCode(secret: Uint8Array, code: string, nowMs: number): number | null {
  const digits = code.replace(/\s/g, "");
  if (!/^\d{6}$/.test(digits)) return null;
  const now = Math.floor(nowMs / periodMs);
  let found: number | null = null;
  for (let step = now - drift; step <= now + drift; step++) {
    const expected = totp(secret, "").generate({ timestamp: step * periodMs });
    if (timingSafeEqual(Buffer.from(expected), Buffer.from(digits))) found = step;
  }
  return found;
}

const recoveryLetters = "abcdefghjkmnpqrstuvwxyz23456789";

/** Ten codes of ten characters, 49 bits each, kept as hashes. RFC 4226 §7.3 bounds how often they can be tried */
export function newRecoveryCodes(random: (size: number) => Uint8Array): string[] {
  const codes: string[] = [];
  while (codes.length < recoveryCodes) {
    // 248 is the largest multiple of 31 below 256: no letter is likelier than another.
    const letters = [...random(32)].filter((byte) => byte < 248).map((byte) => recoveryLetters[byte % 31]!);
    if (letters.length >= 10) codes.push(`${letters.slice(0, 5).join("")}-${letters.slice(5, 10).join("")}`);
  }
  return codes;
}

/** SHA-256 over the account and the code. RFC 6234 §4.1 */
export function hashRecoveryCode(entryId: number, code: string): Uint8Array {
  const plain = code.toLowerCase().replace(/[^a-z0-9]/g, "");
  return createHash("sha256").update(`outpost recovery code\0${entryId}\0${plain}`).digest();
}
