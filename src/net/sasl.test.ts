/**
 * SASL as tables: what a client sends in, somebody signed in or a refusal out. PLAIN and LOGIN by rows; SCRAM against
 * the examples of RFC 5802's successor RFC 7677, OAUTHBEARER against RFC 7628's, and a client written from the RFC.
 */
import assert from "node:assert/strict";
import { createHash, createHmac, pbkdf2Sync } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { EntryId } from "#base/ids.ts";
import { silentLog } from "#base/log.ts";
import type { Directory, ScramKeys, SignedIn, SignInMethods } from "#directory/api.ts";
import { makeScramKeys } from "#directory/scram-keys.ts";
import { makeSystem } from "#main/system.ts";
import { beginSasl, decodeSignInText, offeredMechanisms } from "#net/sasl.ts";
import type { SaslParties, SaslTurn } from "#net/sasl.ts";
import { judgeClientFinal, parseClientFirst, serverFirst } from "#net/scram.ts";
import type { ChannelBinding } from "#net/scram.ts";

const b64 = (text: string): string => Buffer.from(text, "utf8").toString("base64");
const unb64 = (text: string): string => Buffer.from(text, "base64").toString("utf8");
const ctx: Ctx = { system: makeSystem(), log: silentLog, signal: new AbortController().signal };
const from = { protocol: "imap", clientAddress: "192.0.2.1" } as const;

function somebody(displayName: string): SignedIn {
  return { entryId: 1 as EntryId, address: "alice@example.test", displayName, mailboxId: null };
}

const salt = Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64");
const pencil: ScramKeys = { credential: "password", ...await makeScramKeys("pencil", salt, 4096) };
const eraser: ScramKeys = { credential: "app:7", ...await makeScramKeys("eraser", salt, 4096) };

/** Signs everybody in under the words they said. */
function fakeDirectory(withTokens = true): Directory {
  const signIn: SignInMethods = {
    bearer: () => withTokens ? { issuer: "https://mail.example.test", authorizationUri: "x", outlookKnows: false } : null,
    async authenticateBearer(_ctx, { token, name }) {
      if (token !== "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==") throw new Fault("authenticationFailed", "no");
      return somebody(`token of ${name}`);
    },
    async beginScram() {
      return { salt, iterations: 4096, keys: [pencil, eraser] };
    },
    async finishScram(_ctx, { name, credential }) {
      if (credential === null) throw new Fault("authenticationFailed", "no");
      return somebody(`${name} by ${credential}`);
    },
    watchSignOut: () => () => undefined,
  };
  const directory: Pick<Directory, "authenticate" | "signIn"> = {
    async authenticate(_ctx, { name, password }) {
      return somebody(`${name}|${password}`);
    },
    signIn,
  };
  return directory as Directory;
}

function parties(channelBinding?: ChannelBinding, directory = fakeDirectory()): SaslParties {
  return { ctx, directory, from, channelBinding };
}

/** Plays `lines` after the command; gives a line of text for the last step. */
async function play(mechanism: string, initial: string | null, lines: readonly string[]): Promise<string> {
  const told: string[] = [];
  let turn: SaslTurn = await beginSasl(parties(), mechanism, initial);
  for (const line of [...lines, null]) {
    if (turn.kind !== "challenge") break;
    told.push(`+ ${unb64(turn.challenge)}`);
    if (line === null) break;
    try {
      turn = await turn.next(line);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      return [...told, error.code].join(" ");
    }
  }
  if (turn.kind === "signedIn") told.push(turn.signedIn.displayName);
  else if (turn.kind === "refused") told.push(turn.reason);
  return told.join(" ");
}

const rows: [name: string, mechanism: string, initial: string | null, lines: string[], expected: string][] = [
  ["PLAIN with initial response", "PLAIN", b64("\0alice\0secret"), [], "alice|secret"],
  ["PLAIN without", "plain", null, [b64("\0alice\0secret")], "+  alice|secret"],
  ["PLAIN for oneself", "PLAIN", b64("Alice\0alice\0x"), [], "alice|x"],
  ["PLAIN for someone else", "PLAIN", b64("bob\0alice\0x"), [], "otherIdentity"],
  ["PLAIN in UTF-8", "PLAIN", b64("\0jörg@example.test\0pässword €"), [], "jörg@example.test|pässword €"],
  ["PLAIN in ISO 8859-1", "PLAIN", Buffer.from("\0j\xf6rg\0p\xe4ss", "latin1").toString("base64"), [], "jörg|päss"],
  ["PLAIN, spaces stay", "PLAIN", b64("\0a b\0 c "), [], "a b| c "],
  ["PLAIN, too few parts", "PLAIN", b64("alice\0secret"), [], "malformed"],
  ["PLAIN, too many parts", "PLAIN", b64("\0alice\0sec\0ret"), [], "malformed"],
  ["PLAIN, no name", "PLAIN", b64("\0\0secret"), [], "malformed"],
  ["PLAIN, no password", "PLAIN", b64("\0alice\0"), [], "malformed"],
  ["PLAIN, empty", "PLAIN", "=", [], "malformed"],
  ["PLAIN, cancelled", "PLAIN", null, ["*"], "+  cancelled"],
  ["PLAIN, not base64", "PLAIN", "!!!!", [], "malformed"],
  ["PLAIN, base64 without its end", "PLAIN", b64("\0alice\0secret").slice(0, -1), [], "malformed"],
  ["PLAIN, padding inside", "PLAIN", "AGFs=WNlAHNl", [], "malformed"],
  ["PLAIN, space inside", "PLAIN", "AGFs WNl", [], "malformed"],
  ["PLAIN, longest name", "PLAIN", b64(`\0${"n".repeat(1024)}\0x`), [], `${"n".repeat(1024)}|x`],
  ["PLAIN, name too long", "PLAIN", b64(`\0${"n".repeat(1025)}\0x`), [], "malformed"],
  ["PLAIN, password too long", "PLAIN", b64(`\0n\0${"x".repeat(1025)}`), [], "malformed"],
  ["PLAIN, response too long", "PLAIN", "A".repeat(12_292), [], "malformed"],
  ["LOGIN", "LOGIN", null, [b64("alice"), b64("secret")], "+ Username: + Password: alice|secret"],
  ["LOGIN with initial response", "Login", b64("alice"), [b64("secret")], "+ Password: alice|secret"],
  ["LOGIN, cancelled at the name", "LOGIN", null, ["*"], "+ Username: cancelled"],
  ["LOGIN, cancelled at the password", "LOGIN", b64("alice"), ["*"], "+ Password: cancelled"],
  ["LOGIN, NUL in the password", "LOGIN", b64("alice"), [b64("a\0b")], "+ Password: malformed"],
  ["LOGIN, empty password", "LOGIN", b64("alice"), [""], "+ Password: malformed"],
  ["unknown", "CRAM-MD5", null, [], "unknownMechanism"],
  ["a name of the language", "constructor", null, [], "unknownMechanism"],
];

const token = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==";
const oauthFailure = '+ {"status":"invalid_token","scope":"mail",' +
  '"openid-configuration":"https://mail.example.test/.well-known/openid-configuration"}';
const tokenRows: typeof rows = [
  // RFC 7628 §4.1
  ["OAUTHBEARER of the RFC", "OAUTHBEARER",
    "bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9MTQzAWF1dGg9QmVhcmVyIHZGOWRmdDRxbVRjMk52" +
    "YjNSbGNrQmhiSFJoZG1semRHRXVZMjl0Q2c9PQEB", [], "token of user@example.com"],
  ["OAUTHBEARER without a name", "OAUTHBEARER", b64(`n,,\x01auth=Bearer ${token}\x01\x01`), [], "token of "],
  ["OAUTHBEARER, escaped name", "OAUTHBEARER", b64(`n,a=a=2Cb=3Dc,\x01auth=Bearer ${token}\x01\x01`), [], "token of a,b=c"],
  ["OAUTHBEARER, bad escape", "OAUTHBEARER", b64(`n,a=a=2c,\x01auth=Bearer ${token}\x01\x01`), [], "malformed"],
  ["OAUTHBEARER in two steps", "OAUTHBEARER", null, [b64(`n,,\x01auth=bearer ${token}\x01\x01`)], "+  token of "],
  // RFC 7628 §4.3
  ["OAUTHBEARER, wrong token", "OAUTHBEARER", b64("n,,\x01auth=Bearer nope\x01\x01"), ["AQ=="],
    `${oauthFailure} authenticationFailed`],
  ["OAUTHBEARER, no token", "OAUTHBEARER", b64("n,,\x01\x01"), ["AQ=="], `${oauthFailure} authenticationFailed`],
  ["OAUTHBEARER, nonsense", "OAUTHBEARER", b64("hello"), [], "malformed"],
  ["OAUTHBEARER, other scheme", "OAUTHBEARER", b64(`n,,\x01auth=Basic ${token}\x01\x01`), ["AQ=="],
    `${oauthFailure} authenticationFailed`],
  ["XOAUTH2", "XOAUTH2", b64(`user=alice\x01auth=Bearer ${token}\x01\x01`), [], "token of alice"],
  ["XOAUTH2, wrong token", "xoauth2", b64("user=alice\x01auth=Bearer nope\x01\x01"), [""],
    '+ {"status":"401","schemes":"bearer","scope":"mail"} authenticationFailed'],
  ["XOAUTH2, no end", "XOAUTH2", b64(`user=alice\x01auth=Bearer ${token}\x01`), [], "malformed"],
];

test("every mechanism but SCRAM", async () => {
  for (const [name, mechanism, initial, lines, expected] of [...rows, ...tokenRows]) {
    assert.equal(await play(mechanism, initial, lines), expected, name);
  }
});

test("what a client can say is read back", async () => {
  const field = fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 }).filter((text) => !text.includes("\0"));
  await fc.assert(fc.asyncProperty(field, field, async (name, password) => {
    assert.equal(await play("PLAIN", b64(`\0${name}\0${password}`), []), `${name}|${password}`);
    assert.equal(await play("LOGIN", b64(name), [b64(password)]), `+ Password: ${name}|${password}`);
  }), { numRuns: 200 });
});

test("any line gives a step", async () => {
  const names = fc.constantFrom("PLAIN", "LOGIN", "OAUTHBEARER", "XOAUTH2", "SCRAM-SHA-256");
  const line = fc.oneof(fc.string(), fc.string({ unit: "binary" }).map(b64), fc.constantFrom(b64("n,,n=a,r=b"), "="));
  await fc.assert(fc.asyncProperty(names, fc.array(line, { maxLength: 3 }), async (mechanism, lines) => {
    assert.equal(typeof await play(mechanism, lines[0] ?? null, lines.slice(1)), "string");
  }), { numRuns: 300 });
});

test("a byte order mark is part of a name, not dropped", () => {
  assert.equal(decodeSignInText(Buffer.from("\ufeffa")), "\ufeffa");
});

test("what is offered follows what there is", () => {
  const binding: ChannelBinding = (type) => Buffer.from(type);
  assert.deepEqual(offeredMechanisms(parties(binding)),
    ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "OAUTHBEARER", "XOAUTH2", "PLAIN", "LOGIN"]);
  assert.deepEqual(offeredMechanisms(parties(undefined, fakeDirectory(false))), ["SCRAM-SHA-256", "PLAIN", "LOGIN"]);
  assert.deepEqual(offeredMechanisms({ directory: { ...fakeDirectory(), signIn: undefined } as never }), ["PLAIN", "LOGIN"]);
});

test("the exchange of RFC 7677 §3, byte for byte", () => {
  const first = parseClientFirst("n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
  const account = { salt, iterations: 4096, keys: [eraser, pencil] };
  const server = serverFirst(first, "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", account);
  assert.equal(server.message,
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
  const judged = judgeClientFinal({ first, server, account, bindingData: null },
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
  assert.equal(judged?.serverFinal, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
  assert.equal(judged?.keys.credential, "password");
});

interface Tries {
  password?: string; gs2?: string; cbind?: string; name?: string; nonce?: string; mechanism?: string;
}

/** A client from RFC 5802 §3, with whatever a test makes it do wrong. */
async function scram(channelBinding: ChannelBinding | undefined, tries: Tries): Promise<string> {
  const { password = "pencil", gs2 = "n,,", name = "user", mechanism = "SCRAM-SHA-256" } = tries;
  const bare = `n=${name},r=abcdef`;
  const turn = await beginSasl(parties(channelBinding), mechanism, b64(gs2 + bare));
  if (turn.kind !== "challenge") return turn.kind === "refused" ? turn.reason : turn.kind;
  const serverMessage = unb64(turn.challenge);
  const { r, s, i } = Object.fromEntries(serverMessage.split(",").map((each) => [each[0], each.slice(2)]));
  const salted = pbkdf2Sync(password, Buffer.from(s!, "base64"), Number(i), 32, "sha256");
  const hmac = (key: Uint8Array, text: string): Buffer => createHmac("sha256", key).update(text).digest();
  const clientKey = hmac(salted, "Client Key");
  const withoutProof = `c=${b64(gs2 + (tries.cbind ?? ""))},r=${tries.nonce ?? r}`;
  const signed = `${bare},${serverMessage},${withoutProof}`;
  const signature = hmac(createHash("sha256").update(clientKey).digest(), signed);
  const proof = Buffer.from(clientKey.map((byte, index) => byte ^ signature[index]!)).toString("base64");
  try {
    const last = await turn.next(b64(`${withoutProof},p=${proof}`));
    if (last.kind !== "challenge") return last.kind === "refused" ? last.reason : last.kind;
    assert.equal(unb64(last.challenge), `v=${hmac(hmac(salted, "Server Key"), signed).toString("base64")}`);
    const end = await last.next("");
    return end.kind === "signedIn" ? end.signedIn.displayName : end.kind;
  } catch (error) {
    if (error instanceof Fault) return error.code;
    throw error;
  }
}

test("SCRAM with and without channel binding", async () => {
  const binding: ChannelBinding = (type) => Buffer.from(`<${type}>`);
  const plus = { mechanism: "SCRAM-SHA-256-PLUS", gs2: "p=tls-exporter,,", cbind: "<tls-exporter>" };
  const table: [name: string, binding: ChannelBinding | undefined, tries: Tries, expected: string][] = [
    ["right", undefined, {}, "user by password"],
    ["an app password", undefined, { password: "eraser" }, "user by app:7"],
    ["a name with a comma", undefined, { name: "a=2Cb" }, "a,b by password"],
    ["wrong", undefined, { password: "Pencil" }, "authenticationFailed"],
    ["another nonce", undefined, { nonce: "abcdefxyz" }, "malformed"],
    ["for oneself", undefined, { gs2: "n,a=user," }, "user by password"],
    ["for another", undefined, { gs2: "n,a=bob," }, "otherIdentity"],
    ["could bind, server could not", undefined, { gs2: "y,," }, "user by password"],
    ["could bind, and so could the server", binding, { gs2: "y,," }, "malformed"],
    ["does not want to bind", binding, {}, "user by password"],
    ["bound to the keys", binding, plus, "user by password"],
    ["bound to the certificate", binding,
      { ...plus, gs2: "p=tls-server-end-point,,", cbind: "<tls-server-end-point>" }, "user by password"],
    ["bound to another connection", binding, { ...plus, cbind: "<other>" }, "malformed"],
    ["a binding nobody knows", binding, { ...plus, gs2: "p=tls-unique,," }, "malformed"],
    ["-PLUS without binding", binding, { ...plus, gs2: "n,,", cbind: "" }, "malformed"],
    ["-PLUS where there is none", undefined, plus, "unknownMechanism"],
    ["binding without -PLUS", binding, { ...plus, mechanism: "SCRAM-SHA-256" }, "malformed"],
  ];
  for (const [name, channelBinding, tries, expected] of table) {
    assert.equal(await scram(channelBinding, tries), expected, name);
  }
});
