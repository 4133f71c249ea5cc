/**
 * An outside provider of access tokens that fails in every way one can: tokens for others, forged, unsigned and over;
 * keys that change; documents that are missing, wrong, too large or slow. Tokens are made by jose.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import type { JWK } from "jose";
import type { Ctx } from "#base/ctx.ts";
import type { System } from "#base/system.ts";
import { makeSystem } from "#main/system.ts";
import { issuerOf, OutsideProvider } from "#serve/account/outside-provider.ts";

const issuer = "https://id.example/tenant";
const config = { issuer, audience: "outpost", claim: "email" };

class World {
  ms = 0;
  readonly logged: string[] = [];
  readonly fetched: string[] = [];
  keys: JWK[] = [];
  document: object | null = { issuer, authorization_endpoint: `${issuer}/authorize`, jwks_uri: `${issuer}/keys` };
  padding = "";
  readonly ctx: Ctx;

  constructor() {
    const system: System = { ...makeSystem(), monotonicMs: () => this.ms };
    const say = (_fields: object, message: string): void => { this.logged.push(message); };
    const log = { debug: say, info: say, warn: say, error: say, child: () => log };
    this.ctx = { system, log, signal: new AbortController().signal };
  }

  readonly fetch = (url: string): Promise<Response> => {
    this.fetched.push(url);
    if (url.endsWith("/keys")) return Promise.resolve(Response.json({ keys: this.keys }));
    if (this.document === null) return Promise.reject(new TypeError("fetch failed", { cause: new Error("ECONNREFUSED") }));
    return Promise.resolve(new Response(JSON.stringify(this.document) + this.padding));
  };
}

async function makeKey(kid: string): Promise<{ privateKey: CryptoKey; jwk: JWK }> {
  const { privateKey, publicKey } = await generateKeyPair("ES256");
  return { privateKey, jwk: { ...await exportJWK(publicKey), kid, alg: "ES256", use: "sig" } };
}

function sign(key: CryptoKey, kid: string, claims: Record<string, unknown>, expires: string | number = "5m"): Promise<string> {
  return new SignJWT({ iss: issuer, aud: "outpost", ...claims }).setProtectedHeader({ alg: "ES256", kid }).setExpirationTime(expires).sign(key);
}

test("which tokens speak for somebody", async () => {
  const world = new World();
  const one = await makeKey("one");
  const stranger = await makeKey("one");
  world.keys = [one.jwk];
  const { source } = new OutsideProvider(world.ctx, config, world.fetch);
  const email = "alice@example.test";
  const good = await sign(one.privateKey, "one", { email });
  const [head, body, tag] = good.split(".") as [string, string, string];
  const unsigned = Buffer.from('{"alg":"none"}').toString("base64url");
  const hmacHead = Buffer.from('{"alg":"HS256","kid":"one"}').toString("base64url");
  const rows: [name: string, token: string, expected: string | null][] = [
    ["good", good, email], ["many audiences", await sign(one.privateKey, "one", { email, aud: ["x", "outpost"] }), email],
    ["verified", await sign(one.privateKey, "one", { email, email_verified: true }), email],
    ["not verified", await sign(one.privateKey, "one", { email, email_verified: false }), null],
    ["for another", await sign(one.privateKey, "one", { email, aud: "other" }), null],
    ["of another", await sign(one.privateKey, "one", { email, iss: "https://evil.example" }), null],
    ["forged", await sign(stranger.privateKey, "one", { email }), null],
    ["over", await sign(one.privateKey, "one", { email }, "2 minutes ago"), null],
    ["over by a clock that is slow", await sign(one.privateKey, "one", { email }, "30 seconds ago"), email],
    ["not yet", await sign(one.privateKey, "one", { email, nbf: 4_000_000_000 }), null],
    ["nobody named", await sign(one.privateKey, "one", { sub: "x" }), null],
    ["a list of names", await sign(one.privateKey, "one", { email: [email] }), null],
    ["unsigned", `${unsigned}.${body}.`, null], ["signed with a key everybody has", `${hmacHead}.${body}.${tag}`, null],
    ["cut", `${head}.${body}.${tag.slice(0, -4)}`, null], ["an opaque one", "abcdef", null], ["dots", "..", null], ["nonsense", "a.b.c", null],
  ];
  for (const [name, token, expected] of rows) {
    const found = await source.verify(world.ctx, token);
    assert.deepEqual(found?.who ?? null, expected === null ? null : { address: expected }, name);
  }
  assert.equal(issuerOf(good), issuer);
  assert.equal(source.offer.authorizationUri, `${issuer}/authorize`);
  assert.equal(source.offer.outlookKnows, false);
});

test("documents and keys are read once, and again when they change", async () => {
  const world = new World();
  const [one, two] = [await makeKey("one"), await makeKey("two")];
  world.keys = [one.jwk];
  const provider = new OutsideProvider(world.ctx, config, world.fetch);
  const token = await sign(one.privateKey, "one", { email: "a@example.test" });
  await Promise.all(Array.from({ length: 10 }, () => provider.source.verify(world.ctx, token)));
  assert.deepEqual(world.fetched, [`${issuer}/.well-known/openid-configuration`, `${issuer}/keys`]);
  world.ms += 3_600_001;
  world.document = null;
  assert.ok(await provider.source.verify(world.ctx, token), "an old document is better than none");
  world.document = { issuer, authorization_endpoint: `${issuer}/new`, jwks_uri: `${issuer}/keys` };
  world.ms += 30_001;
  world.keys = [two.jwk];
  assert.ok(await provider.source.verify(world.ctx, await sign(two.privateKey, "two", { email: "a@example.test" })));
  assert.equal(provider.source.offer.authorizationUri, `${issuer}/new`);
});

test("a provider that cannot be used is told of in the log, and asked again only after a while", async () => {
  const rows: [name: string, spoil: (world: World) => void, logged: RegExp][] = [
    ["gone", (world) => { world.document = null; }, /cannot be used/],
    ["another issuer", (world) => { world.document = { issuer: "https://evil.example" }; }, /cannot be used/],
    ["nothing in it", (world) => { world.document = { issuer }; }, /cannot be used/],
    ["keys without TLS", (world) => { Object.assign(world.document!, { jwks_uri: "http://id.example/keys" }); }, /cannot be used/],
    ["a page that is none", (world) => { Object.assign(world.document!, { authorization_endpoint: "javascript:x" }); }, /cannot be used/],
    ["no address", (world) => { Object.assign(world.document!, { authorization_endpoint: "authorize" }); }, /cannot be used/],
    ["too large", (world) => { world.padding = " ".repeat(2_000_000); }, /cannot be used/],
  ];
  const { privateKey } = await makeKey("one");
  const token = await sign(privateKey, "one", { email: "a@example.test" });
  for (const [name, spoil, logged] of rows) {
    const world = new World();
    spoil(world);
    const provider = new OutsideProvider(world.ctx, config, world.fetch);
    await provider.warmUp();
    await assert.rejects(provider.source.verify(world.ctx, token), { code: "unavailable" }, name);
    assert.match(world.logged.join("\n"), logged, name);
    assert.equal(world.fetched.length, 1, name);
    world.ms += 31_000;
    await assert.rejects(provider.source.verify(world.ctx, token), { code: "unavailable" });
    assert.equal(world.fetched.length, 2, name);
    assert.equal(await provider.source.verify(world.ctx, "opaque"), null, "other tokens do not wait for it");
  }
});

test("what goes into a header field has no quotes and no line ends", async () => {
  const world = new World();
  world.document = { issuer, authorization_endpoint: `${issuer}/a"\r\nset-cookie: x="`, jwks_uri: `${issuer}/keys` };
  const provider = new OutsideProvider(world.ctx, config, world.fetch);
  await provider.warmUp();
  assert.match(provider.source.offer.authorizationUri, /^https:\/\/id\.example\/tenant\/a[^"\r\n]*$/);
});

test("Outlook's own sign-in is known by its address", async () => {
  const world = new World();
  world.document = { issuer, authorization_endpoint: "https://login.microsoftonline.com/common/oauth2/authorize", jwks_uri: `${issuer}/keys` };
  const provider = new OutsideProvider(world.ctx, config, world.fetch);
  assert.equal(provider.source.offer.outlookKnows, false);
  await provider.warmUp();
  assert.equal(provider.source.offer.outlookKnows, true);
});
