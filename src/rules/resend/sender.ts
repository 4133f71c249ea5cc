/**
 * In whose name a message is sent on, so that the next server's sender check holds: SPF asks who may send for the
 * envelope sender's domain (RFC 7208). What the message itself says stays as its author wrote it.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { Buffer } from "node:buffer";

export interface SrsKeys {
  /** The first signs; all are believed. */
  readonly secrets: readonly Uint8Array[];
  /** A domain of ours that takes the bounces. */
  readonly domain: string;
}

export interface ForwardSender {
  /** Empty for the null sender. */
  readonly original: string;
  /** Who sends it on, and hears of failures where the original sender cannot. */
  readonly owner: string;
  /** The next hop is this server. */
  readonly isTargetLocal: boolean;
  /** The original sender's domain is ours: we may send for it. */
  readonly isOriginalLocal: boolean;
  readonly srs: SrsKeys | null;
  readonly nowMs: number;
}

/** What fits between the angle brackets of MAIL. RFC 5321 §4.5.3.1.3 */
const pathMaxBytes = 254;

/**
 * The envelope sender of a message sent on. The null sender stays, so that reports cause none; one of ours stays; a
 * foreign one is rewritten (SRS) where that is set up and fits, and is the owner's otherwise, who then hears of
 * failures.
 */
export function forwardSender({ original, owner, isTargetLocal, isOriginalLocal, srs, nowMs }: ForwardSender): string {
  if (original === "" || isTargetLocal || isOriginalLocal) return original;
  // A quoted local part would have to be quoted inside the other one, which nobody undoes.
  if (srs === null || original.startsWith("\"") || !original.includes("@")) return owner;
  const rewritten = encodeSrs(original, srs, nowMs);
  return Buffer.byteLength(rewritten) <= pathMaxBytes ? rewritten : owner;
}

const dayMs = 24 * 3_600_000;
const base32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const validDays = 21;

function stamp(nowMs: number): string {
  const day = Math.floor(nowMs / dayMs) % 1024;
  return base32[day >> 5]! + base32[day & 31]!;
}

function sign(secret: Uint8Array, text: string): string {
  // Addresses lose their capitals on the way; so does what is signed.
  return createHmac("sha256", secret).update(text.toLowerCase()).digest("base64url").slice(0, 8).replaceAll("-", "0")
    .replaceAll("_", "1").toLowerCase();
}

/** `SRS0=signature=day=domain=local@ours`; one of another server's is wrapped once, not again and again. */
export function encodeSrs(original: string, { secrets, domain }: SrsKeys, nowMs: number): string {
  const at = original.lastIndexOf("@");
  const local = original.slice(0, at);
  const host = original.slice(at + 1);
  const secret = secrets[0]!;
  const wrapped = /^SRS([01])([=+-])(.*)$/is.exec(local);
  if (wrapped === null) {
    const rest = `${stamp(nowMs)}=${host}=${local}`;
    return `SRS0=${sign(secret, rest)}=${rest}@${domain}`;
  }
  // SRS1: the first rewriter keeps the address, each further one only knows where that is.
  const [, kind, separator = "=", rest = ""] = wrapped;
  const inner = kind === "0" ? `${host}=${separator}${rest}` : rest.replace(/^[^=]*=/, "");
  return `SRS1=${sign(secret, inner)}=${inner}@${domain}`;
}

/** Whether a local part is of a rewritten address, ours or not. */
export function isSrs(address: string): boolean {
  return /^SRS[01][=+-]/i.test(address);
}

/** Where a bounce to a rewritten address goes; null when it is none of ours, too old, or not signed. */
export function decodeSrs(address: string, { secrets }: SrsKeys, nowMs: number): string | null {
  const local = address.slice(0, Math.max(0, address.lastIndexOf("@")));
  const found = /^SRS([01])[=+-]([^=]{1,40})=(.+)$/is.exec(local);
  if (found === null) return null;
  const [, kind, signature = "", rest = ""] = found;
  if (!secrets.some((secret) => isSame(sign(secret, rest), signature.toLowerCase()))) return null;
  if (kind === "1") {
    const inner = /^([^=]+)=([=+-].+)$/s.exec(rest);
    return inner === null ? null : `SRS0${inner[2]!}@${inner[1]!}`;
  }
  const parts = /^([A-Z2-7]{2})=([^=]+)=(.+)$/is.exec(rest);
  if (parts === null) return null;
  const day = base32.indexOf(parts[1]![0]!.toUpperCase()) * 32 + base32.indexOf(parts[1]![1]!.toUpperCase());
  const age = (Math.floor(nowMs / dayMs) - day + 1024 * 2) % 1024;
  return age <= validDays ? `${parts[3]!}@${parts[2]!}` : null;
}

function isSame(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}
