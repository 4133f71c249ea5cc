/**
 * Proves that people get in, in every protocol and every way, and nobody else does: a whole server on loopback with TLS,
 * asked by independent clients (openid-client, imapflow, nodemailer), by a browser without a screen, a one-time-code
 * generator, a software authenticator for passkeys, and SASL clients written from the RFCs.
 */
import assert from "node:assert/strict";
import { createHash, createSign, generateKeyPairSync, randomBytes, X509Certificate } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { TLSSocket } from "node:tls";
import { ImapFlow } from "imapflow";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { createTransport } from "nodemailer";
import * as oidc from "openid-client";
import { Secret, TOTP } from "otpauth";
import { setEntry } from "#directory/entry-changes.ts";
import {
  Lines, lineProtocols, loginClient, plainClient, scramClient, signInBy, startTestServer, TestBrowser, tokenClient,
  unescapeHtml,
} from "#main/sign-in-test-kit.ts";
import type { LineProtocol, SaslClient, TestServer, Visited } from "#main/sign-in-test-kit.ts";
import { serverScope } from "#store/api.ts";
import { programMissing, run } from "../../test/support/programs.ts";

const alice = "alice@example.test";
let server: TestServer;
let outside: Awaited<ReturnType<typeof startOutsideProvider>>;

/** A provider of access tokens as a company has one: discovery, keys, and tokens signed by them. */
async function startOutsideProvider() {
  const keys = await generateKeyPair("ES256");
  const stranger = await generateKeyPair("ES256");
  const jwk = { ...await exportJWK(keys.publicKey), kid: "one", alg: "ES256", use: "sig" };
  const provider = createServer((request, response) => {
    response.setHeader("content-type", "application/json");
    if (request.url === "/.well-known/openid-configuration") {
      response.end(JSON.stringify({ issuer, authorization_endpoint: `${issuer}/go`, jwks_uri: `${issuer}/keys` }));
    } else response.end(JSON.stringify({ keys: [jwk] }));
  });
  await new Promise<void>((resolve) => { provider.listen(0, "127.0.0.1", resolve); });
  const issuer = `http://127.0.0.1:${(provider.address() as AddressInfo).port}`;
  const token = (claims: Record<string, unknown>, change: { key?: CryptoKey; issuer?: string; audience?: string; expires?: string } = {}) =>
    new SignJWT(claims).setProtectedHeader({ alg: "ES256", kid: "one" }).setIssuedAt().setIssuer(change.issuer ?? issuer)
      .setAudience(change.audience ?? "outpost").setExpirationTime(change.expires ?? "10m").sign(change.key ?? keys.privateKey);
  return { issuer, token, stranger: stranger.privateKey, close: () => provider.close() };
}

before(async () => {
  outside = await startOutsideProvider();
  server = await startTestServer(30_000 + process.pid % 2000 * 10 % 20_000, {
    tokens: { own: true, clients: [], outside: { issuer: outside.issuer, audience: "outpost", claim: "email" } },
  });
  await server.addUser(alice, "correct horse");
  await server.addUser("bob@example.test", "battery staple");
});
after(async () => {
  await server?.stop();
  outside?.close();
});

/** Authorizes a program as a person at a browser does, and gives its tokens. */
async function letProgramIn(browser: TestBrowser, name: string, password: string, scope = "openid email mail") {
  const config = await oidc.discovery(new URL(server.origin), "mail-program", undefined, oidc.None());
  const verifier = oidc.randomPKCECodeVerifier();
  const state = oidc.randomState();
  const redirect_uri = "http://127.0.0.1:4711/";
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri, scope, state, code_challenge: await oidc.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256",
  });
  let page = await browser.visit(url.pathname + url.search);
  if (page.text.includes('action="/account/sign-in"')) {
    page = await browser.submit(page, "/account/sign-in", { name, password });
  }
  assert.match(page.text, /Let “A mail program on this device” in\?/);
  const path = /action="(\/account\/authorize\/[^"]+)"/.exec(page.text)![1]!;
  assert.match(page.headers.get("content-security-policy")!, /form-action 'self' http:\/\/127\.0\.0\.1:4711/);
  const back = await browser.submit(page, path, { answer: "yes" });
  assert.ok(back.url.startsWith(redirect_uri), back.url);
  const tokens = await oidc.authorizationCodeGrant(config, new URL(back.url), { pkceCodeVerifier: verifier, expectedState: state });
  return { config, tokens, codeUrl: new URL(back.url), verifier, state };
}

test("OpenID Connect: discovery, code flow with PKCE, tokens, refresh, and tokens in every protocol", async () => {
  const browser = new TestBrowser(server.origin);
  const { config, tokens, codeUrl, verifier, state } = await letProgramIn(browser, alice, "correct horse");
  const aliceId = String((await server.credentials.accountOf(server.ctx, alice)).entry.entryId);
  assert.equal(tokens.claims()?.sub, aliceId);
  const userinfo = await oidc.fetchUserInfo(config, tokens.access_token, aliceId);
  assert.equal(userinfo.email, alice);
  assert.ok(tokens.refresh_token);
  const { origin } = server;
  const other = await fetch(`${origin}/.well-known/oauth-authorization-server`).then((answer) => answer.json()) as { issuer: string };
  assert.equal(other.issuer, origin);

  const imap = new ImapFlow({
    host: "localhost", port: server.running.ports.imaps, secure: true, logger: false, auth: { user: alice, accessToken: tokens.access_token },
  });
  await imap.connect();
  const status = await imap.status("INBOX", { messages: true });
  assert.equal(status !== false && status.messages, 0);
  await imap.logout();
  const mailer = createTransport({
    host: "localhost", port: server.running.ports.submissions, secure: true,
    auth: { type: "OAuth2", user: alice, accessToken: tokens.access_token },
  });
  assert.equal(await mailer.verify(), true);

  // A code counts once, and what came of it is taken back when it comes again. RFC 6749 §4.1.2
  const again = oidc.authorizationCodeGrant(config, codeUrl, { pkceCodeVerifier: verifier, expectedState: state });
  await assert.rejects(again);
});

test("refresh tokens change at each use, an old one takes everything back", async () => {
  const { config, tokens } = await letProgramIn(new TestBrowser(server.origin), "bob", "battery staple");
  const renewed = await oidc.refreshTokenGrant(config, tokens.refresh_token!);
  assert.notEqual(renewed.refresh_token, tokens.refresh_token);
  await assert.rejects(oidc.refreshTokenGrant(config, tokens.refresh_token!), { error: "invalid_grant" });
  await assert.rejects(oidc.refreshTokenGrant(config, renewed.refresh_token!), { error: "invalid_grant" });
});

test("of programs that race with one refresh token only one gets through", async () => {
  const { config, tokens } = await letProgramIn(new TestBrowser(server.origin), "bob", "battery staple");
  const tries = await Promise.allSettled([1, 2, 3, 4].map(() => oidc.refreshTokenGrant(config, tokens.refresh_token!)));
  assert.ok(tries.filter((one) => one.status === "fulfilled").length <= 1);
});

test("one browser, two people: the second one's program gets in as the second one", async () => {
  const browser = new TestBrowser(server.origin);
  const first = await letProgramIn(browser, alice, "correct horse");
  const page = await browser.visit("/account");
  await browser.submit(page, "/account/sign-out");
  const second = await letProgramIn(browser, "bob", "battery staple");
  assert.notEqual(second.tokens.claims()?.sub, first.tokens.claims()?.sub);
  const bobId = String((await server.credentials.accountOf(server.ctx, "bob@example.test")).entry.entryId);
  assert.equal(second.tokens.claims()?.sub, bobId);
  // The first one's program goes on.
  assert.ok((await oidc.refreshTokenGrant(first.config, first.tokens.refresh_token!)).access_token);
});

test("requests that break the rules get no code", async () => {
  const start = `${"/oauth/authorize"}?client_id=mail-program&response_type=code&scope=openid%20mail`;
  const pkce = `&code_challenge=${"a".repeat(43)}&code_challenge_method=S256`;
  const rows: [name: string, path: string, expected: RegExp][] = [
    ["Thunderbird, as it should be", `${start.replace("mail-program", "thunderbird")}&redirect_uri=http://localhost:1/${pkce}`, /action="\/account\/sign-in"/],
    ["without PKCE", `${start}&redirect_uri=http://127.0.0.1:1/`, /error=invalid_request/],
    ["plain PKCE", `${start}&redirect_uri=http://127.0.0.1:1/&code_challenge=${"a".repeat(43)}&code_challenge_method=plain`, /error=invalid_request/],
    ["another place", `${start}&redirect_uri=https://evil.example/${pkce}`, /cannot be answered/],
    ["an unknown program", `${start.replace("mail-program", "evil")}&redirect_uri=http://127.0.0.1:1/${pkce}`, /cannot be answered/],
    ["implicit", `${start.replace("=code", "=token")}&redirect_uri=http://127.0.0.1:1/${pkce}`, /error=/],
  ];
  for (const [name, path, expected] of rows) {
    const page = await new TestBrowser(server.origin).visit(path);
    assert.match(`${page.url} ${page.text}`, expected, name);
    assert.doesNotMatch(page.url, /[?&]code=/, name);
  }
  assert.equal((await new TestBrowser(server.origin).visit("/oauth/register", { method: "POST", body: "{}", type: "application/json" })).status, 404);
});

async function basic(name: string, password: string): Promise<string> {
  return await http(`Basic ${Buffer.from(`${name}:${password}`).toString("base64")}`);
}

/** What a protocol over HTTP says to an Authorization field. */
async function http(authorization: string | null): Promise<string> {
  const answer = await fetch(`${server.origin}/autodiscover/autodiscover.xml`, {
    method: "POST", headers: { "content-type": "text/xml", ...authorization === null ? {} : { authorization } },
    body: `<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"><Request>
<EMailAddress>${alice}</EMailAddress><AcceptableResponseSchema>http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a</AcceptableResponseSchema></Request></Autodiscover>`,
  });
  const text = await answer.text();
  if (answer.status === 200) return "in";
  assert.equal(answer.status, 401);
  assert.match(answer.headers.get("www-authenticate")!, /^Basic realm="[^"]+", charset="UTF-8", Bearer realm="[^"]+", authorization_uri="/);
  assert.ok(text.length < 300, "a refusal is short");
  return text.trim();
}

test("every way in, in every protocol", async () => {
  const whose = { address: alice, by: "test" };
  const forAll = await server.credentials.addAppPassword(server.ctx, whose, "All", []);
  const forImap = await server.credentials.addAppPassword(server.ctx, whose, "Reader", ["imap"]);
  const { tokens } = await letProgramIn(new TestBrowser(server.origin), alice, "correct horse");
  const noMail = await letProgramIn(new TestBrowser(server.origin), alice, "correct horse", "openid email");
  const own = tokens.access_token;
  const theirs = await outside.token({ email: alice });
  const spaced = ` ${forAll.secret.match(/..../g)!.join(" ").toUpperCase()} `;
  const wrong = /wrong|not/;
  const rows: [name: string, client: SaslClient, expected: RegExp, only?: Partial<Record<LineProtocol, RegExp>>][] = [
    ["password, whole address", plainClient(alice, "correct horse"), /^in$/],
    ["password, short name", plainClient("alice", "correct horse"), /^in$/],
    ["password, domain first", plainClient("example.test\\alice", "correct horse"), /^in$/],
    ["LOGIN", loginClient("ALICE@Example.Test", "correct horse"), /^in$/],
    ["wrong password", plainClient(alice, "Correct horse"), wrong],
    ["nobody", plainClient("nobody@example.test", "correct horse"), wrong],
    ["somebody else's password", plainClient("bob", "correct horse"), wrong],
    ["app password", plainClient(alice, forAll.secret), /^in$/],
    ["app password as a person types it", plainClient("alice", spaced), /^in$/],
    ["app password of one protocol", plainClient(alice, forImap.secret), /app password is not for/, { imap: /^in$/ }],
    ["app password of another", plainClient("bob", forAll.secret), wrong],
    ["SCRAM", scramClient(alice, "correct horse"), /^in$/],
    ["SCRAM, short name", scramClient("alice", "correct horse"), /^in$/],
    ["SCRAM, wrong password", scramClient(alice, "battery staple"), wrong],
    ["SCRAM, nobody", scramClient("nobody@example.test", "x"), wrong],
    ["SCRAM, app password", scramClient(alice, forAll.secret), /^in$/],
    ["SCRAM, app password of one protocol", scramClient(alice, forImap.secret), /app password is not for/, { imap: /^in$/ }],
    ["token, XOAUTH2", tokenClient("XOAUTH2", alice, own), /^in$/],
    ["token, OAUTHBEARER", tokenClient("OAUTHBEARER", alice, own), /^in$/],
    ["token, short name", tokenClient("XOAUTH2", "alice", own), /^in$/],
    ["token of somebody else", tokenClient("XOAUTH2", "bob@example.test", own), /another account/],
    ["token not for mail", tokenClient("OAUTHBEARER", alice, noMail.tokens.access_token), /not valid/],
    ["token nobody made", tokenClient("XOAUTH2", alice, `${own}x`), /not valid/],
    ["identity token as access token", tokenClient("XOAUTH2", alice, tokens.id_token!), /not valid/],
    ["outside token", tokenClient("OAUTHBEARER", alice, theirs), /^in$/],
    ["outside token, XOAUTH2", tokenClient("XOAUTH2", alice, theirs), /^in$/],
    ["outside token, signed by a stranger", tokenClient("XOAUTH2", alice, await outside.token({ email: alice }, { key: outside.stranger })), /not valid/],
    ["outside token, for another server", tokenClient("XOAUTH2", alice, await outside.token({ email: alice }, { audience: "other" })), /not valid/],
    ["outside token, over", tokenClient("XOAUTH2", alice, await outside.token({ email: alice }, { expires: "5 minutes ago" })), /not valid/],
    ["outside token, of another provider", tokenClient("XOAUTH2", alice, await outside.token({ email: alice }, { issuer: "https://evil.example" })), /not valid/],
    ["outside token, unverified address", tokenClient("XOAUTH2", alice, await outside.token({ email: alice, email_verified: false })), /not valid/],
    ["outside token, of nobody here", tokenClient("XOAUTH2", alice, await outside.token({ email: "eve@example.test" })), /nobody here/],
  ];
  for (const protocol of lineProtocols) {
    for (const [name, client, expected, only] of rows) {
      const { said, lines } = await signInBy(server, protocol, client);
      lines.close();
      assert.match(said, only?.[protocol] ?? expected, `${protocol}: ${name}`);
    }
    // LOGIN, USER and PASS as well
    const lines = new Lines(server.running.ports[protocol === "imap" ? "imaps" : "pop3s"]);
    lines.send(protocol === "imap" ? `a LOGIN alice "correct horse"` : "USER alice\r\nPASS correct horse");
    assert.match(await lines.until(/a OK.*\r\n|Welcome.*\r\n/), /OK/);
    lines.close();
  }
  for (const name of [alice, "alice", "example.test\\alice"]) assert.equal(await basic(name, "correct horse"), "in", name);
  assert.equal(await basic(alice, forAll.secret), "in");
  assert.match(await basic(alice, "wrong"), wrong);
  assert.equal(await http(`Bearer ${own}`), "in");
  assert.equal(await http(`bearer ${theirs}`), "in");
  assert.match(await http("Bearer nonsense"), /not valid/);
  for (const field of [null, "Bearer", "Negotiate YII=", "NTLM TlRMTVNTUAAB", "Basic", "Basic !!!", "Basic Og=="]) {
    assert.doesNotMatch(await http(field), /^in$/, String(field));
  }
});

test("SCRAM bound to the TLS connection", async () => {
  const exporter = (socket: TLSSocket) => socket.exportKeyingMaterial(32, "EXPORTER-Channel-Binding", Buffer.alloc(0));
  const endPoint = (socket: TLSSocket) => createHash("sha256").update(socket.getPeerCertificate().raw).digest();
  for (const protocol of lineProtocols) {
    const rows: [string, (socket: TLSSocket) => SaslClient, RegExp][] = [
      ["keys", (socket) => scramClient(alice, "correct horse", { type: "tls-exporter", data: exporter(socket) }), /^in$/],
      ["certificate", (socket) => scramClient(alice, "correct horse", { type: "tls-server-end-point", data: endPoint(socket) }), /^in$/],
      ["another connection's keys", () => scramClient(alice, "correct horse", { type: "tls-exporter", data: randomBytes(32) }), /binding/],
    ];
    for (const [name, client, expected] of rows) {
      const { said, lines } = await signInBy(server, protocol, client);
      assert.match(new X509Certificate(lines.socket.getPeerCertificate().raw).signatureAlgorithm ?? "", /sha256/i);
      lines.close();
      assert.match(said, expected, `${protocol}: ${name}`);
    }
  }
});

test("SCRAM by a program of others: mbsync over Cyrus SASL", { skip: programMissing("mbsync", "isync") }, async () => {
  const config = join(server.dataDir, "mbsyncrc");
  const maildir = join(server.dataDir, "maildir");
  mkdirSync(maildir);
  for (const [password, expected] of [["correct horse", 0], ["wrong", 1]] as const) {
    writeFileSync(config, [
      "IMAPAccount a", "Host localhost", `Port ${server.running.ports.imaps}`, `User ${alice}`, `Pass "${password}"`,
      "SSLType IMAPS", `CertificateFile ${server.running.ca}`, "AuthMechs SCRAM-SHA-256", "",
      "IMAPStore far", "Account a", "", "MaildirStore near", `Path ${maildir}/`, `Inbox ${maildir}/INBOX`, "",
      "Channel c", "Far :far:", "Near :near:", "Patterns INBOX", "Create Near", "",
    ].join("\n"));
    const answer = await run("mbsync", ["--config", config, "--list", "c"], { timeoutMs: 30_000 });
    assert.equal(answer.code, expected, answer.stdout + answer.stderr);
  }
});

test("a second factor: switched on, asked for on the web, app passwords elsewhere, recovery codes, switched off", async () => {
  const carol = "carol@example.test";
  await server.addUser(carol, "tr0ub4dor&3");
  const early = await signInBy(server, "imap", plainClient(carol, "tr0ub4dor&3"));
  assert.equal(early.said, "in");
  const browser = new TestBrowser(server.origin);
  await browser.signIn(carol, "tr0ub4dor&3");
  const setup = await browser.visit("/account/second-factor");
  assert.match(setup.text, /<svg role="img"/);
  const key = /<span class="secret">([A-Z2-7 ]+)<\/span>/.exec(setup.text)![1]!;
  const totp = new TOTP({ secret: Secret.fromBase32(key.replaceAll(" ", "")) });
  const refused = await browser.submit(setup, "/account/second-factor", { code: "000000" });
  assert.match(refused.text, /That code is wrong/);
  const first = totp.generate();
  const on = await browser.submit(refused, "/account/second-factor", { code: first });
  assert.match(on.text, /The second factor is on/);
  const recovery = [...on.text.matchAll(/<li>(\w{5}-\w{5})<\/li>/g)].map((match) => match[1]!);
  assert.equal(recovery.length, 10);
  // Whoever came with the password alone is sent away.
  early.lines.send("b NOOP");
  assert.match(await early.lines.until(/BYE.*\r\n/), /second factor/);
  for (const protocol of lineProtocols) {
    for (const client of [plainClient(carol, "tr0ub4dor&3"), scramClient(carol, "tr0ub4dor&3")]) {
      const { said, lines } = await signInBy(server, protocol, client);
      lines.close();
      assert.match(said, /second factor: sign in with an app password, made at https:\/\/localhost:\d+\/account/);
    }
  }
  assert.match(await basic(carol, "tr0ub4dor&3"), /app password/);
  // An app password made on the page.
  const page = await browser.visit("/account");
  const made = await browser.submit(page, "/account/app-passwords/add", { label: "Laptop <1>", protocol: ["imap", "smtp"] });
  assert.match(made.text, /App password for “Laptop &lt;1&gt;”/);
  const secret = /<p class="secret">([a-z-]+)<\/p>/.exec(made.text)![1]!;
  const opened = await signInBy(server, "imap", plainClient(carol, secret));
  assert.equal(opened.said, "in");

  const second = new TestBrowser(server.origin);
  const asked = await second.signIn(carol, "tr0ub4dor&3");
  assert.match(asked.text, /Second factor/);
  assert.match((await second.visit("/account")).url, /sign-in/, "the password alone opens nothing");
  // The code that switched it on was used; the same one does not count again.
  assert.match((await second.submit(asked, "/account/sign-in", { code: first })).text, /wrong or was used/);
  const inside = await second.submit(asked, "/account/sign-in", { code: ` ${recovery[3]!.toUpperCase()} ` });
  assert.equal(new URL(inside.url).pathname, "/account");
  const third = new TestBrowser(server.origin);
  const askedAgain = await third.signIn(carol, "tr0ub4dor&3");
  assert.match((await third.submit(askedAgain, "/account/sign-in", { code: recovery[3]! })).text, /wrong or was used/);
  const next = totp.generate({ timestamp: Date.now() + 30_000 });
  assert.equal(new URL((await third.submit(askedAgain, "/account/sign-in", { code: next })).url).pathname, "/account");

  // A code asked for by the old password is worth nothing once there is a new one.
  const fourth = new TestBrowser(server.origin);
  const askedOld = await fourth.signIn(carol, "tr0ub4dor&3");
  await server.credentials.changePassword(server.ctx, { address: carol, by: "test" }, "tr0ub4dor&4");
  assert.match((await fourth.submit(askedOld, "/account/sign-in", { code: recovery[5]! })).text, /please begin again/);
  await server.credentials.changePassword(server.ctx, { address: carol, by: "test" }, "tr0ub4dor&3");
  const backIn = await browser.signIn(carol, "tr0ub4dor&3");
  await browser.submit(backIn, "/account/sign-in", { code: recovery[5]! });

  // The app password goes, and its session with it.
  const now = await browser.visit("/account");
  assert.match(now.text, /IMAP by app password/);
  await browser.submit(now, "/account/app-passwords/remove");
  opened.lines.send("b NOOP");
  assert.match(await opened.lines.until(/BYE.*\r\n/), /app password was removed/);
  await browser.submit(await browser.visit("/account"), "/account/second-factor/off");
  const plain = await signInBy(server, "imap", plainClient(carol, "tr0ub4dor&3"));
  plain.lines.close();
  assert.equal(plain.said, "in");
});

/** A passkey in software: ES256, "none" attestation. W3C Web Authentication §6.5.4 */
class Authenticator {
  readonly #key: KeyObject;
  readonly #publicJwk: { x?: string; y?: string };
  readonly id = randomBytes(16);
  counter = 0;

  constructor() {
    const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
    this.#key = pair.privateKey;
    this.#publicJwk = pair.publicKey.export({ format: "jwk" });
  }

  #data(rpId: string, flags: number): Buffer {
    const head = Buffer.alloc(37);
    createHash("sha256").update(rpId).digest().copy(head);
    head[32] = flags;
    head.writeUInt32BE(this.counter, 33);
    return head;
  }

  create(challenge: string, origin: string, rpId = "localhost"): object {
    const x = Buffer.from(this.#publicJwk.x!, "base64url");
    const y = Buffer.from(this.#publicJwk.y!, "base64url");
    // COSE_Key {1: 2, 3: -7, -1: 1, -2: x, -3: y}. RFC 9053 §7.1.1
    const cose = Buffer.concat([Buffer.from("a5010203262001215820", "hex"), x, Buffer.from("225820", "hex"), y]);
    const idLength = Buffer.from([0, this.id.length]);
    const data = Buffer.concat([this.#data(rpId, 0x45), Buffer.alloc(16), idLength, this.id, cose]);
    const text = (value: string): Buffer => Buffer.concat([Buffer.from([0x60 + value.length]), Buffer.from(value)]);
    const attestation = Buffer.concat([
      Buffer.from([0xa3]), text("fmt"), text("none"), text("attStmt"), Buffer.from([0xa0]), text("authData"),
      Buffer.from([0x58, data.length]), data,
    ]);
    return this.#answer({ attestationObject: attestation.toString("base64url"), transports: ["internal"] }, "webauthn.create", challenge, origin);
  }

  get(challenge: string, origin: string, rpId = "localhost"): object {
    this.counter++;
    const data = this.#data(rpId, 0x05);
    const client = Buffer.from(this.#client("webauthn.get", challenge, origin), "base64url");
    const signed = Buffer.concat([data, createHash("sha256").update(client).digest()]);
    const signature = createSign("sha256").update(signed).sign(this.#key).toString("base64url");
    return this.#answer({ authenticatorData: data.toString("base64url"), signature }, "webauthn.get", challenge, origin);
  }

  #client(type: string, challenge: string, origin: string): string {
    return Buffer.from(JSON.stringify({ type, challenge, origin, crossOrigin: false })).toString("base64url");
  }

  #answer(response: object, type: string, challenge: string, origin: string): object {
    const id = this.id.toString("base64url");
    return {
      id, rawId: id, type: "public-key", clientExtensionResults: {},
      response: { ...response, clientDataJSON: this.#client(type, challenge, origin) },
    };
  }
}

test("passkeys: added, signed in with, and nothing that only looks like one", async () => {
  const browser = new TestBrowser(server.origin);
  const page = await browser.signIn("bob", "battery staple");
  assert.equal(new URL(page.url).pathname, "/account");
  const authenticator = new Authenticator();
  const json = async (from: TestBrowser, path: string, body: object): Promise<{ status: number; value: Record<string, never> }> => {
    const answer = await from.visit(path, { method: "POST", body: JSON.stringify(body), type: "application/json" });
    return { status: answer.status, value: JSON.parse(answer.text) as Record<string, never> };
  };
  const formOf = (shown: Visited, id: string): string => new RegExp(`id="${id}" data-form="([^"]+)"`).exec(shown.text)![1]!;
  const form = formOf(page, "passkey-add");
  const begun = await json(browser, "/account/passkey/add-options", { form });
  const { options, state } = begun.value as unknown as { options: { challenge: string }; state: string };
  const response = authenticator.create(options.challenge, server.origin);
  const added = await json(browser, "/account/passkey/add", { form, state, label: "Test key", response });
  assert.deepEqual(added, { status: 200, value: { next: "/account" } });
  assert.equal((await json(browser, "/account/passkey/add", { form, state, response })).status, 403, "a challenge counts once");
  assert.match((await browser.visit("/account")).text, /Test key/);

  const ceremony = async (answer: (challenge: string) => object): Promise<{ status: number; browser: TestBrowser }> => {
    const other = new TestBrowser(server.origin);
    const start = await other.visit("/account/sign-in");
    const token = formOf(start, "passkey-sign-in");
    const asked = await json(other, "/account/passkey/sign-in-options", { form: token });
    const made = asked.value as unknown as { options: { challenge: string }; state: string };
    const result = await json(other, "/account/passkey/sign-in",
      { form: token, state: made.state, next: "/account", response: answer(made.options.challenge) });
    return { status: result.status, browser: other };
  };
  const good = await ceremony((challenge) => authenticator.get(challenge, server.origin));
  assert.equal(good.status, 200);
  assert.equal(new URL((await good.browser.visit("/account")).url).pathname, "/account");
  const rows: [string, (challenge: string) => object][] = [
    ["for another site", (challenge) => authenticator.get(challenge, "https://evil.example")],
    ["for another server's name", (challenge) => authenticator.get(challenge, server.origin, "evil.example")],
    ["an old challenge", () => authenticator.get(options.challenge, server.origin)],
    ["an unknown passkey", (challenge) => new Authenticator().get(challenge, server.origin)],
    ["a counter that went back", (challenge) => { authenticator.counter = 0; return authenticator.get(challenge, server.origin); }],
  ];
  for (const [name, answer] of rows) assert.equal((await ceremony(answer)).status, 403, name);
});

test("forms from elsewhere do nothing", async () => {
  const browser = new TestBrowser(server.origin);
  const page = await browser.signIn("bob", "battery staple");
  const token = /name="form" value="([^"]+)"/.exec(page.text)![1]!;
  const post = (body: string, headers: Record<string, string> = {}): Promise<Visited> => {
    browser.headers = headers;
    return browser.visit("/account/app-passwords/add", { method: "POST", body });
  };
  const body = `form=${encodeURIComponent(token)}&label=x&protocol=imap`;
  assert.equal((await post("label=x&protocol=imap")).status, 403);
  assert.equal((await post(body.replace(token.slice(0, 3), "AAA"))).status, 403);
  assert.equal((await post(body, { "sec-fetch-site": "cross-site" })).status, 403);
  assert.equal((await post(body, { "origin": "https://evil.example" })).status, 403);
  assert.equal((await post(body, { "sec-fetch-site": "same-origin" })).status, 200);
  const huge = await post(`${body}&more=${"x".repeat(100_000)}`).catch(() => ({ status: 413 }));
  assert.equal(huge.status, 413);
  for (const next of ["https://evil.example/", "//evil.example", "/account//evil.example", "/account\\@evil", "/healthz"]) {
    browser.headers = {};
    assert.equal(new URL((await browser.visit(`/account/sign-in?next=${encodeURIComponent(next)}`)).url).pathname, "/account", next);
  }
  const text = (await browser.visit("/account/sign-in?again=1&next=%22%3E%3Cscript%3E")).text;
  assert.doesNotMatch(unescapeHtml(text), /"><script>/);
});

test("a person disabled, a protocol switched off, a password changed: open sessions end", async () => {
  const dora = "dora@example.test";
  await server.addUser(dora, "opensesame");
  const change = (wanted: object) => server.admin.store.transact(server.ctx, serverScope, setEntry,
    { by: "test", address: dora, kinds: [], change: wanted });
  const idle = await signInBy(server, "imap", plainClient(dora, "opensesame"));
  idle.lines.send("b SELECT INBOX\r\nc IDLE");
  await idle.lines.until(/^\+ idling\r\n/m);
  await change({ protocols: { imap: false } });
  assert.match(await idle.lines.until(/BYE.*\r\n/), /IMAP was switched off/);
  assert.match((await signInBy(server, "imap", plainClient(dora, "opensesame"))).said, /wrong/);
  const pop3 = await signInBy(server, "pop3", plainClient(dora, "opensesame"));
  const smtp = await signInBy(server, "smtp", scramClient(dora, "opensesame"));
  assert.deepEqual([pop3.said, smtp.said], ["in", "in"]);
  await server.credentials.changePassword(server.ctx, { address: dora, by: "test" }, "new password");
  pop3.lines.send("STAT");
  assert.match(await pop3.lines.until(/-ERR.*\r\n/), /password was changed/);
  smtp.lines.send("NOOP");
  // SCRAM came by the same password.
  assert.match(await smtp.lines.until(/^\d.*\r\n/m), /password was changed/);
  const token = await outside.token({ email: dora });
  const late = await signInBy(server, "smtp", tokenClient("XOAUTH2", dora, token));
  assert.equal(late.said, "in");
  await change({ disabled: true });
  late.lines.send("NOOP");
  assert.match(await late.lines.until(/^421.*\r\n/m), /disabled/);
  assert.notEqual((await signInBy(server, "smtp", tokenClient("XOAUTH2", dora, token))).said, "in");
});

test("tokens, sessions and keys outlive a restart", async () => {
  const browser = new TestBrowser(server.origin);
  const { tokens, config } = await letProgramIn(browser, alice, "correct horse");
  const keys = await fetch(`${server.origin}/oauth/keys`).then((answer) => answer.text());
  server = await server.restart();
  assert.equal(await fetch(`${server.origin}/oauth/keys`).then((answer) => answer.text()), keys);
  assert.equal((await signInBy(server, "imap", tokenClient("XOAUTH2", alice, tokens.access_token))).said, "in");
  assert.equal(new URL((await browser.visit("/account")).url).pathname, "/account");
  assert.ok((await oidc.refreshTokenGrant(config, tokens.refresh_token!)).access_token);
  // Taken back on the account page.
  await browser.submit(await browser.visit("/account"), "/account/programs/remove");
});
