/** SCRAM-SHA-256 and SCRAM-SHA-256-PLUS, the server's side. RFC 5802 §5 and §7, RFC 7677, RFC 9266 */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { limits } from "#base/limits.ts";
import type { ScramAccount, ScramKeys } from "#directory/api.ts";

/** Ways to tie a sign-in to the TLS connection it came through. */
export type ChannelBindingType = "tls-exporter" | "tls-server-end-point";
export type ChannelBinding = (type: ChannelBindingType) => Uint8Array | null;

export interface ClientFirst {
  /** With the comma at its end, as the client must repeat it. */
  readonly gs2Header: string;
  /** `n`: none; `y`: the client could but saw no -PLUS; else the type asked for. */
  readonly binding: string;
  readonly authzid: string;
  readonly name: string;
  readonly nonce: string;
  /** client-first-message-bare, part of what is signed. */
  readonly bare: string;
}

/** A message that is not of the grammar, or asks for what there is not. */
export class ScramError extends Error {}

/** client-first-message. RFC 5802 §7 */
export function parseClientFirst(message: string): ClientFirst {
  if (message.length > limits.scramMessageMaxCharacters) throw new ScramError("The message is too long.");
  const match = /^(?:(n|y)|p=([A-Za-z0-9.-]{1,64})),(?:a=([^,]*))?,(n=([^,]+),r=([\x21-\x2b\x2d-\x7e]+)(?:,.*)?)$/
    .exec(message);
  if (match === null) throw new ScramError("The first message cannot be read.");
  const bare = match[4]!;
  return {
    gs2Header: message.slice(0, message.length - bare.length), binding: match[1] ?? match[2]!,
    authzid: unescapeName(match[3] ?? ""), name: unescapeName(match[5]!), nonce: match[6]!, bare,
  };
}

/** saslname: `=2C` is a comma, `=3D` an equals sign, and nothing else follows an equals sign. RFC 5802 §5.1 */
export function unescapeName(text: string): string {
  if (/=(?!2C|3D)/.test(text)) throw new ScramError("The name holds an equals sign that stands for nothing.");
  return text.replaceAll("=2C", ",").replaceAll("=3D", "=");
}

export interface ServerFirst {
  readonly message: string;
  readonly nonce: string;
}

/** server-first-message. RFC 5802 §7 */
export function serverFirst(first: ClientFirst, serverNonce: string, account: ScramAccount): ServerFirst {
  const nonce = first.nonce + serverNonce;
  const salt = Buffer.from(account.salt).toString("base64");
  return { nonce, message: `r=${nonce},s=${salt},i=${account.iterations}` };
}

export interface Exchange {
  readonly first: ClientFirst;
  readonly server: ServerFirst;
  readonly account: ScramAccount;
  /** What the channel binds to; null without. */
  readonly bindingData: Uint8Array | null;
}

/**
 * Judges client-final-message: which keys its proof fits, and the signature that proves the server in turn. null when
 * it fits none. Every key is tried, so that time does not tell which. RFC 5802 §3
 */
export function judgeClientFinal(
  { first, server, account, bindingData }: Exchange, message: string,
): { keys: ScramKeys; serverFinal: string } | null {
  if (message.length > limits.scramMessageMaxCharacters) throw new ScramError("The message is too long.");
  const match = /^((?:c=([A-Za-z0-9+/]+={0,2}),r=([\x21-\x2b\x2d-\x7e]+))(?:,[^p].*?)?),p=([A-Za-z0-9+/]{43}=)$/
    .exec(message);
  if (match === null) throw new ScramError("The final message cannot be read.");
  const bound = Buffer.concat([Buffer.from(first.gs2Header, "utf8"), bindingData ?? Buffer.alloc(0)]);
  if (!isSame(Buffer.from(match[2]!, "base64"), bound)) throw new ScramError("The channel binding does not fit.");
  if (match[3] !== server.nonce) throw new ScramError("The nonce is not the one of this exchange.");
  const signed = `${first.bare},${server.message},${match[1]!}`;
  const proof = Buffer.from(match[4]!, "base64");
  let found: ScramKeys | null = null;
  for (const keys of account.keys) {
    const signature = sign(keys.storedKey, signed);
    const clientKey = signature.map((byte, index) => byte ^ proof[index]!);
    const isIt = isSame(createHash("sha256").update(clientKey).digest(), keys.storedKey);
    if (isIt && found === null) found = keys;
  }
  if (found === null) return null;
  return { keys: found, serverFinal: `v=${sign(found.serverKey, signed).toString("base64")}` };
}

function sign(key: Uint8Array, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
