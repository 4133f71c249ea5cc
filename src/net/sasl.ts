/**
 * SASL for SMTP, IMAP and POP3: one row per mechanism, from what a client sends to somebody signed in. The protocols
 * only carry the lines. RFC 4422
 */
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import type { Directory, SignedIn, SignInFrom, SignInMethods } from "#directory/api.ts";
import { judgeClientFinal, parseClientFirst, ScramError, serverFirst, unescapeName } from "#net/scram.ts";
import type { ChannelBinding, ClientFirst } from "#net/scram.ts";

/** What a sign-in needs of the connection it comes through. */
export interface SaslParties {
  readonly ctx: Ctx;
  readonly directory: Directory;
  readonly from: SignInFrom;
  /** Left out without TLS. */
  readonly channelBinding?: ChannelBinding | undefined;
}

/**
 * What to do next: send `challenge` (base64, without the protocol's mark before it) and give the client's line to
 * `next`; go on with somebody signed in; or refuse. `cancelled`: the client sent `*`. RFC 4422 §3
 */
export type SaslTurn =
  | { readonly kind: "challenge"; readonly challenge: string; readonly next: (line: string) => Promise<SaslTurn> }
  | { readonly kind: "signedIn"; readonly signedIn: SignedIn }
  | { readonly kind: "refused"; readonly reason: SaslRefusal; readonly message: string };

export type SaslRefusal = "cancelled" | "malformed" | "unknownMechanism" | "otherIdentity";

interface Mechanism {
  /** Whether it can be offered on this connection. */
  readonly isOffered: (parties: Pick<SaslParties, "directory" | "channelBinding">) => boolean;
  /** Its first step, from the decoded initial response or null. */
  readonly begin: (parties: SaslParties, initial: Uint8Array | null) => Promise<SaslTurn> | SaslTurn;
}

const hasTokens: Mechanism["isOffered"] = ({ directory }) => (directory.signIn?.bearer() ?? null) !== null;

/** One row per mechanism, in the order they are offered: the safest first. */
const mechanisms = {
  /** RFC 7677, with the channel binding of RFC 9266 */
  "SCRAM-SHA-256-PLUS": {
    isOffered: ({ directory, channelBinding }) =>
      directory.signIn !== undefined && (channelBinding?.("tls-server-end-point") ?? null) !== null,
    begin: (parties, initial) => withFirst(initial, (response) => beginScram(parties, response, true)),
  },
  /** RFC 7677 */
  "SCRAM-SHA-256": {
    isOffered: ({ directory }) => directory.signIn !== undefined,
    begin: (parties, initial) => withFirst(initial, (response) => beginScram(parties, response, false)),
  },
  /** RFC 7628 */
  OAUTHBEARER: {
    isOffered: hasTokens,
    begin: (parties, initial) => withFirst(initial, (response) => readOauthBearer(parties, response)),
  },
  /** Google's "OAuth 2.0 Mechanism"; what most programs have that know tokens at all. */
  XOAUTH2: {
    isOffered: hasTokens,
    begin: (parties, initial) => withFirst(initial, (response) => readXoauth2(parties, response)),
  },
  /** RFC 4616 */
  PLAIN: {
    isOffered: () => true,
    begin: (parties, initial) => withFirst(initial, (response) => readPlain(parties, response)),
  },
  /** draft-murchison-sasl-login; older programs of Microsoft know nothing else. */
  LOGIN: {
    isOffered: () => true,
    begin: (parties, initial) => {
      const readName = (name: Uint8Array): SaslTurn => challenge("Password:", (password) =>
        byPassword(parties, "", decodeSignInText(name), decodeSignInText(password)));
      return initial === null ? challenge("Username:", readName) : readName(initial);
    },
  },
} as const satisfies Record<string, Mechanism>;

/** Names for the capability lists, the safest first. */
export function offeredMechanisms(parties: Pick<SaslParties, "directory" | "channelBinding">): string[] {
  return Object.entries(mechanisms).filter(([, row]) => row.isOffered(parties)).map(([name]) => name);
}

/**
 * Begins a sign-in. `initialResponse` is base64 as the client sent it with the command, `=` for an empty one (RFC 4954
 * §4), null when there was none. This and `next` throw the directory's Fault when the sign-in fails.
 */
export async function beginSasl(
  parties: SaslParties, mechanism: string, initialResponse: string | null,
): Promise<SaslTurn> {
  const name = mechanism.toUpperCase();
  const row = Object.hasOwn(mechanisms, name) ? mechanisms[name as keyof typeof mechanisms] as Mechanism : undefined;
  if (row === undefined || !row.isOffered(parties)) {
    const known = offeredMechanisms(parties).join(", ");
    return { kind: "refused", reason: "unknownMechanism", message: `Unknown mechanism; this server knows ${known}.` };
  }
  if (initialResponse === null) return row.begin(parties, null);
  const bytes = initialResponse === "=" ? new Uint8Array(0) : decodeResponse(initialResponse);
  return bytes instanceof Uint8Array ? row.begin(parties, bytes) : bytes;
}

type Read = (response: Uint8Array) => Promise<SaslTurn> | SaslTurn;

function withFirst(initial: Uint8Array | null, read: Read): Promise<SaslTurn> | SaslTurn {
  return initial === null ? challenge("", read) : read(initial);
}

function challenge(prompt: string, read: Read): SaslTurn {
  return {
    kind: "challenge",
    challenge: Buffer.from(prompt, "utf8").toString("base64"),
    async next(line) {
      if (line === "*") return { kind: "refused", reason: "cancelled", message: "Sign-in cancelled." };
      const bytes = decodeResponse(line);
      return bytes instanceof Uint8Array ? read(bytes) : bytes;
    },
  };
}

function readPlain(parties: SaslParties, response: Uint8Array): Promise<SaslTurn> | SaslTurn {
  const parts = decodeSignInText(response).split("\0");
  if (parts.length !== 3) return malformed("PLAIN takes an identity, a name and a password with NUL between them.");
  return byPassword(parties, parts[0]!, parts[1]!, parts[2]!);
}

function byPassword(
  parties: SaslParties, authzid: string, name: string, password: string,
): Promise<SaslTurn> | SaslTurn {
  if (password === "") return malformed("A name and a password are needed.");
  if (password.includes("\0")) return malformed("A name or password holds a NUL.");
  if (Buffer.byteLength(password) > limits.passwordMaxBytes) return malformed("The password is too long.");
  const { ctx, directory, from } = parties;
  return judgeName(name, authzid) ?? signedIn(directory.authenticate(ctx, { ...from, name, password }));
}

function judgeName(name: string, authzid: string): SaslTurn | null {
  if (name === "") return malformed("A name and a password are needed.");
  if (name.includes("\0")) return malformed("A name or password holds a NUL.");
  if (Buffer.byteLength(name) > limits.signInNameMaxBytes) return malformed("The name is too long.");
  if (authzid === "" || authzid.toLowerCase() === name.toLowerCase()) return null;
  const message = "Signing in for someone else is not possible; leave the identity empty.";
  return { kind: "refused", reason: "otherIdentity", message };
}

async function signedIn(person: Promise<SignedIn>): Promise<SaslTurn> {
  return { kind: "signedIn", signedIn: await person };
}

/** Never reached where the mechanism was not offered. */
function methods({ directory }: SaslParties): SignInMethods {
  if (directory.signIn === undefined) throw new Error("a mechanism was begun that is not offered");
  return directory.signIn;
}

/** RFC 5802 §5: the client's first message, then its proof, then the server's own, which the client acknowledges. */
async function beginScram(parties: SaslParties, response: Uint8Array, isPlus: boolean): Promise<SaslTurn> {
  const first = orMalformed(() => parseClientFirst(strictText(response)));
  if ("kind" in first) return first;
  const refused = judgeName(first.name, first.authzid) ?? judgeBinding(parties, first, isPlus);
  if (refused !== null) return refused;
  const { ctx, from } = parties;
  const bindingData = isPlus ? boundTo(parties, first.binding) : null;
  const account = await methods(parties).beginScram(ctx, { ...from, name: first.name });
  const server = serverFirst(first, Buffer.from(ctx.system.randomBytes(18)).toString("base64"), account);
  return challenge(server.message, async (final) => {
    const exchange = { first, server, account, bindingData };
    const judged = orMalformed(() => ({ verdict: judgeClientFinal(exchange, strictText(final)) }));
    if ("kind" in judged) return judged;
    const { verdict } = judged;
    const credential = verdict?.keys.credential ?? null;
    const person = await methods(parties).finishScram(ctx, { ...from, name: first.name, credential });
    // The client checks it and answers with nothing; only then is it told that it is in. RFC 4422 §5 item 2b
    return challenge(verdict!.serverFinal, () => ({ kind: "signedIn", signedIn: person }));
  });
}

/** RFC 5802 §6: someone in the middle must not talk a client out of the binding both sides know. */
function judgeBinding(parties: SaslParties, { binding }: ClientFirst, isPlus: boolean): SaslTurn | null {
  if (!isPlus) {
    if (binding === "n") return null;
    if (binding === "y") {
      const offersPlus = mechanisms["SCRAM-SHA-256-PLUS"].isOffered(parties);
      return offersPlus ? malformed("This server does support channel binding; somebody hid it.") : null;
    }
    return malformed("Channel binding goes with SCRAM-SHA-256-PLUS.");
  }
  return boundTo(parties, binding) === null ? malformed("That channel binding is not supported.") : null;
}

function boundTo({ channelBinding }: SaslParties, type: string): Uint8Array | null {
  return type === "tls-exporter" || type === "tls-server-end-point" ? channelBinding?.(type) ?? null : null;
}

/** `n,a=NAME,^Ahost=…^Aport=…^Aauth=Bearer TOKEN^A^A`. RFC 7628 §3.1 */
function readOauthBearer(parties: SaslParties, response: Uint8Array): Promise<SaslTurn> | SaslTurn {
  const match = /^[ny],(?:a=([^,]*))?,\x01((?:[A-Za-z]+=[^\x01]*\x01)*)\x01$/.exec(decodeSignInText(response));
  if (match === null) return malformed("The response is not one of OAUTHBEARER.");
  const name = orMalformed(() => ({ text: unescapeName(match[1] ?? "") }));
  if ("kind" in name) return name;
  return byToken(parties, name.text, match[2]!.split("\x01"), (offer) => ({
    status: "invalid_token", scope: "mail", "openid-configuration": `${offer}/.well-known/openid-configuration`,
  }));
}

/** `user=NAME^Aauth=Bearer TOKEN^A^A` */
function readXoauth2(parties: SaslParties, response: Uint8Array): Promise<SaslTurn> | SaslTurn {
  const match = /^user=([^\x01]*)\x01((?:[A-Za-z]+=[^\x01]*\x01)*)\x01$/.exec(decodeSignInText(response));
  if (match === null) return malformed("The response is not one of XOAUTH2.");
  return byToken(parties, match[1]!, match[2]!.split("\x01"), () => ({
    status: "401", schemes: "bearer", scope: "mail",
  }));
}

async function byToken(
  parties: SaslParties, name: string, pairs: readonly string[], whatFailed: (issuer: string) => object,
): Promise<SaslTurn> {
  const { ctx, from } = parties;
  const token = pairs.map((pair) => /^auth=Bearer +([A-Za-z0-9\-._~+/]+=*)$/i.exec(pair)?.[1])
    .find((each) => each !== undefined);
  if (Buffer.byteLength(name) > limits.signInNameMaxBytes) return malformed("The name is too long.");
  if (token !== undefined && token.length > limits.bearerTokenMaxBytes) return malformed("The token is too long.");
  const offer = methods(parties).bearer();
  try {
    if (token === undefined) throw new Fault("authenticationFailed", "There is no access token in the response.");
    return await signedIn(methods(parties).authenticateBearer(ctx, { ...from, token, name }));
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== "authenticationFailed") throw error;
    // The client answers with nothing (XOAUTH2) or ^A, and is refused then. RFC 7628 §3.2.3
    return challenge(JSON.stringify(whatFailed(offer?.issuer ?? "")), () => { throw error; });
  }
}

/** Base64 to bytes, or the refusal. Strict: one spelling for each response. RFC 4648 §3.5 */
function decodeResponse(base64: string): Uint8Array | SaslTurn {
  if (base64.length > limits.saslResponseMaxBytes) return malformed("The response is too long.");
  const isBase64 = base64.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(base64);
  if (!isBase64) return malformed("The response is not base64.");
  return Buffer.from(base64, "base64");
}

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** SCRAM signs what was sent: text that is not UTF-8 cannot be meant. RFC 5802 §5.1 */
function strictText(bytes: Uint8Array): string {
  try {
    return strictUtf8.decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) throw new ScramError("The message is not UTF-8.");
    throw error;
  }
}

/** A name or password as sent: UTF-8, or what old programs send instead, ISO 8859-1. */
export function decodeSignInText(bytes: Uint8Array): string {
  try {
    return strictUtf8.decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return Buffer.from(bytes).toString("latin1");
    throw error;
  }
}

type Refused = Extract<SaslTurn, { kind: "refused" }>;

function orMalformed<T extends object>(body: () => T): T | Refused {
  try {
    return body();
  } catch (error) {
    if (error instanceof ScramError) return malformed(error.message);
    throw error;
  }
}

function malformed(message: string): Refused {
  return { kind: "refused", reason: "malformed", message };
}
