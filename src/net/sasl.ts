/** The SASL mechanisms PLAIN and LOGIN for SMTP, IMAP and POP3: pure steps from what a client sent to credentials. */
import { limits } from "#base/limits.ts";

export interface SaslCredentials {
  /** Whom to act for, as sent; empty or the same person as `name`, nobody else is let through. */
  readonly authzid: string;
  readonly name: string;
  readonly password: string;
}

/**
 * What to do next: send `challenge` (base64, without the protocol's mark before it) and give the client's line to
 * `next`; or check the credentials; or refuse. `cancelled`: the client sent `*`. RFC 4422 §3
 */
export type SaslStep =
  | { readonly kind: "challenge"; readonly challenge: string; readonly next: (line: string) => SaslStep }
  | { readonly kind: "credentials"; readonly credentials: SaslCredentials }
  | { readonly kind: "refused"; readonly reason: SaslRefusal; readonly message: string };

export type SaslRefusal = "cancelled" | "malformed" | "unknownMechanism" | "otherIdentity";

/** One row per mechanism: its first step, from the decoded initial response or null. In the order they are offered. */
export const saslMechanisms = {
  /** RFC 4616 */
  PLAIN: (initial: string | null): SaslStep => (initial === null ? challenge("", readPlain) : readPlain(initial)),
  /** draft-murchison-sasl-login; older programs of Microsoft know nothing else. */
  LOGIN: (initial: string | null): SaslStep => (
    initial === null ? challenge("Username:", readName) : readName(initial)
  ),
} as const;

export type SaslMechanism = keyof typeof saslMechanisms;

/**
 * Begins a sign-in. `initialResponse` is base64 as the client sent it with the command, `=` for an empty one (RFC 4954
 * §4), null when there was none.
 */
export function beginSasl(mechanism: string, initialResponse: string | null): SaslStep {
  const name = mechanism.toUpperCase();
  if (!Object.hasOwn(saslMechanisms, name)) {
    const known = Object.keys(saslMechanisms).join(" and ");
    return { kind: "refused", reason: "unknownMechanism", message: `Unknown mechanism; this server knows ${known}.` };
  }
  const first = saslMechanisms[name as SaslMechanism];
  if (initialResponse === null) return first(null);
  if (initialResponse === "=") return first("");
  const text = decodeResponse(initialResponse);
  return typeof text === "string" ? first(text) : text;
}

function challenge(prompt: string, read: (response: string) => SaslStep): SaslStep {
  return {
    kind: "challenge",
    challenge: Buffer.from(prompt, "latin1").toString("base64"),
    next(line) {
      if (line === "*") return { kind: "refused", reason: "cancelled", message: "Sign-in cancelled." };
      const text = decodeResponse(line);
      return typeof text === "string" ? read(text) : text;
    },
  };
}

function readPlain(response: string): SaslStep {
  const parts = response.split("\0");
  if (parts.length !== 3) return malformed("PLAIN takes an identity, a name and a password with NUL between them.");
  return credentials(parts[0]!, parts[1]!, parts[2]!);
}

function readName(name: string): SaslStep {
  return challenge("Password:", (password) => credentials("", name, password));
}

function credentials(authzid: string, name: string, password: string): SaslStep {
  if (name === "" || password === "") return malformed("A name and a password are needed.");
  if (name.includes("\0") || password.includes("\0")) return malformed("A name or password holds a NUL.");
  if (Buffer.byteLength(name) > limits.signInNameMaxBytes) return malformed("The name is too long.");
  if (Buffer.byteLength(password) > limits.passwordMaxBytes) return malformed("The password is too long.");
  if (authzid !== "" && authzid.toLowerCase() !== name.toLowerCase()) {
    const message = "Signing in for someone else is not possible; leave the identity empty.";
    return { kind: "refused", reason: "otherIdentity", message };
  }
  return { kind: "credentials", credentials: { authzid, name, password } };
}

/** Base64 to text, or the refusal. Strict: one spelling for each response. RFC 4648 §3.5 */
function decodeResponse(base64: string): string | SaslStep {
  if (base64.length > limits.saslResponseMaxBytes) return malformed("The response is too long.");
  const isBase64 = base64.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(base64);
  if (!isBase64) return malformed("The response is not base64.");
  return decodeSignInText(Buffer.from(base64, "base64"));
}

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A name or password as sent: UTF-8, or what old programs send instead, ISO 8859-1. */
export function decodeSignInText(bytes: Uint8Array): string {
  try {
    return strictUtf8.decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return Buffer.from(bytes).toString("latin1");
    throw error;
  }
}

function malformed(message: string): SaslStep {
  return { kind: "refused", reason: "malformed", message };
}
