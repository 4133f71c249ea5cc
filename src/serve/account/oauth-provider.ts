/**
 * Our own provider of access tokens: OAuth 2 and OpenID Connect by `oidc-provider`, its rows with the server's data,
 * its people the directory's, its pages ours. RFC 6749, RFC 7636, RFC 8252, RFC 8414, OpenID Connect Core 1.0
 */
import { generateKeyPair } from "node:crypto";
import { promisify } from "node:util";
import type Provider from "oidc-provider";
import type { Ctx } from "#base/ctx.ts";
import { limits } from "#base/limits.ts";
import type { BearerIdentity } from "#directory/sign-in.ts";
import type { BearerSource } from "#directory/directory.ts";
import type { HttpRequest, HttpRoute } from "#net/http.ts";
import { seeOther } from "#serve/account/forms.ts";
import { html } from "#net/page-html.ts";
import { sendPage } from "#serve/account/html.ts";
import { OauthAdapter, oauthRowId } from "#serve/account/oauth-adapter.ts";
import type { Web, WebSignedIn } from "#serve/account/web.ts";

/** A program known by name; public ones prove themselves by PKCE alone. RFC 8252 §8.4 */
export interface OauthClient {
  readonly id: string;
  readonly name: string;
  readonly redirectUris: readonly string[];
}

/** Where native programs listen for the answer; the port is theirs to choose. RFC 8252 §7.3 */
const loopback = [
  "http://127.0.0.1", "http://127.0.0.1/", "http://[::1]", "http://[::1]/", "http://localhost", "http://localhost/",
];

/** Programs that need no setting up. RFC 8252 §8.4 */
export const knownClients: readonly OauthClient[] = [
  { id: "thunderbird", name: "Thunderbird", redirectUris: loopback },
  { id: "mail-program", name: "A mail program on this device", redirectUris: loopback },
];

const paths = {
  authorization: "/oauth/authorize", token: "/oauth/token", userinfo: "/oauth/userinfo", jwks: "/oauth/keys",
  revocation: "/oauth/revoke", end_session: "/oauth/sign-out",
} as const;

/** OpenID Connect Discovery 1.0 §4, RFC 8414 §3 */
const discoveryPaths = ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"];

const hourSeconds = 3600;
const daySeconds = 24 * hourSeconds;

/** As much of the provider's own context as an error page needs. */
interface ErrorContext {
  body: unknown;
  type: string;
  set(name: string, value: string): void;
}

/** Signing keys, made once: one every program can check, one that is small. RFC 7518 §3.1 */
async function makeKeys(): Promise<Uint8Array> {
  const make = promisify(generateKeyPair);
  const rsa = await make("rsa", { modulusLength: 2048 });
  const curve = await make("ec", { namedCurve: "P-256" });
  const keys = [
    { ...rsa.privateKey.export({ format: "jwk" }), alg: "RS256", use: "sig" },
    { ...curve.privateKey.export({ format: "jwk" }), alg: "ES256", use: "sig" },
  ];
  return Buffer.from(JSON.stringify({ keys }));
}

export class OauthProvider {
  readonly #ctx: Ctx;
  readonly #web: Web;
  readonly #clients: readonly OauthClient[];
  #provider: Promise<Provider> | null = null;

  constructor(ctx: Ctx, web: Web, clients: readonly OauthClient[]) {
    this.#ctx = ctx;
    this.#web = web;
    this.#clients = [...knownClients, ...clients];
  }

  /** For the directory: our tokens looked up in their rows, without the provider itself. RFC 6750 §2 */
  get source(): BearerSource {
    const { origin } = this.#web;
    return {
      offer: { issuer: origin, authorizationUri: origin + paths.authorization, outlookKnows: false },
      verify: (ctx, token) => this.#verify(ctx, token),
    };
  }

  async #verify(ctx: Ctx, token: string): Promise<BearerIdentity | null> {
    if (token.length > 128) return null;
    const wanted = { model: "AccessToken", id: oauthRowId("AccessToken", token) };
    const row = await this.#web.credentials.oauthRow(ctx, wanted);
    if (row === null) return null;
    const { accountId, scope, exp, grantId } = JSON.parse(row) as {
      accountId?: string; scope?: string; exp?: number; grantId?: string;
    };
    if (accountId === undefined || exp === undefined || !(scope ?? "").split(" ").includes("mail")) return null;
    // A refresh that was under way while its grant was taken back writes its tokens after that.
    const grant = { model: "Grant", id: grantId ?? "" };
    if (await this.#web.credentials.oauthRow(ctx, grant) === null) return null;
    return { who: { entryId: Number(accountId) }, expiresMs: exp * 1000 };
  }

  /** RFC 8414 §3, OpenID Connect Discovery 1.0 §4 */
  routes(): HttpRoute[] {
    const pass = { "*": (request: HttpRequest) => this.#pass(request) };
    const routes: HttpRoute[] = [
      ...discoveryPaths.map((path) => ({ path, methods: pass })),
      { path: "/oauth/*", methods: pass },
      {
        path: "/account/authorize/*",
        methods: { GET: (request) => this.#askConsent(request), POST: (request) => this.#judgeConsent(request) },
      },
    ];
    return routes.map((route) => ({ ...route, compress: false, bodyMaxBytes: limits.webFormMaxBytes }));
  }

  async #pass(request: HttpRequest): Promise<void> {
    const { incoming, response } = request;
    this.#asOurselves(request);
    response.setHeader("cache-control", "no-store");
    const provider = await this.#load();
    await provider.callback()(incoming, response);
  }

  /** Whatever name the client used: tokens and links speak of one. */
  #asOurselves({ incoming, path }: HttpRequest): void {
    const { host } = new URL(this.#web.origin);
    incoming.headers["x-forwarded-proto"] = "https";
    incoming.headers["x-forwarded-host"] = host;
    // The front compares paths without regard to case; the provider does not.
    const query = (incoming.url ?? "").indexOf("?");
    const known = [...Object.values(paths), ...discoveryPaths];
    const spelled = known.find((each) => each === path.toLowerCase());
    if (spelled !== undefined) incoming.url = spelled + (query < 0 ? "" : incoming.url!.slice(query));
  }

  #load(): Promise<Provider> {
    this.#provider ??= this.#make().catch((error: unknown) => {
      this.#provider = null;
      throw error;
    });
    return this.#provider;
  }

  async #make(): Promise<Provider> {
    const { default: ProviderClass } = await import("oidc-provider");
    const { credentials, origin } = this.#web;
    const keys = await credentials.ensureSecret(this.#ctx, "oauth-keys", makeKeys);
    const cookieKey = Buffer.from(await credentials.secret(this.#ctx, "oauth-cookies")).toString("base64url");
    const cookieFlags = { httpOnly: true, sameSite: "lax", secure: true };
    const provider = new ProviderClass(origin, {
      ...this.#configuration(),
      jwks: JSON.parse(Buffer.from(keys).toString()) as object,
      cookies: {
        keys: [cookieKey], long: cookieFlags, short: cookieFlags,
        names: {
          session: "__Host-outpost-oauth", interaction: "outpost-oauth-step", resume: "outpost-oauth-resume",
        },
      },
    });
    provider.proxy = true;
    provider.on("server_error", (_context, error) => {
      this.#ctx.log.error({ error }, "the token provider failed");
    });
    return provider;
  }

  #configuration(): Record<string, unknown> {
    return {
      adapter: (model: string) => new OauthAdapter(this.#ctx, this.#web.credentials, model),
      clients: this.#clients.map(({ id, name, redirectUris }) => ({
        client_id: id, client_name: name, redirect_uris: redirectUris, application_type: "native",
        token_endpoint_auth_method: "none", grant_types: ["authorization_code", "refresh_token"],
        response_types: ["code"],
      })),
      routes: paths,
      scopes: ["openid", "offline_access", "mail", "email", "profile"],
      claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name", "preferred_username"] },
      responseTypes: ["code"],
      pkce: { required: () => true },
      features: {
        devInteractions: { enabled: false }, revocation: { enabled: true }, userinfo: { enabled: true },
        rpInitiatedLogout: { enabled: false }, registration: { enabled: false }, dPoP: { enabled: false },
        pushedAuthorizationRequests: { enabled: false }, resourceIndicators: { enabled: false },
      },
      findAccount: (_context: unknown, id: string) => this.#findAccount(id),
      interactions: { url: (_context: unknown, { uid }: { uid: string }) => `/account/authorize/${uid}` },
      // A mail program works while nobody is looking: it always gets a refresh token, exchanged at each use.
      issueRefreshToken: (_context: unknown, client: { grantTypeAllowed(type: string): boolean }) =>
        Promise.resolve(client.grantTypeAllowed("refresh_token")),
      rotateRefreshToken: true,
      expiresWithSession: () => Promise.resolve(false),
      ttl: {
        AccessToken: hourSeconds, AuthorizationCode: 60, IdToken: hourSeconds, Interaction: hourSeconds,
        Session: 12 * hourSeconds, RefreshToken: 90 * daySeconds, Grant: 365 * daySeconds,
      },
      renderError: (context: ErrorContext, out: Record<string, string>) => {
        context.set("content-security-policy", "default-src 'none'; frame-ancestors 'none'");
        context.type = "html";
        context.body = errorPage(out);
      },
    };
  }

  async #findAccount(id: string): Promise<object | undefined> {
    const account = /^\d+$/.test(id) ? await this.#web.credentials.account(this.#ctx, Number(id)) : null;
    if (account === null || account.entry.disabled) return undefined;
    const { address, displayName } = account.entry;
    const claims = { sub: id, email: address, email_verified: true, name: displayName, preferred_username: address };
    return { accountId: id, claims: () => Promise.resolve(claims) };
  }

  /** Who is signed in and for which program; null after the browser was sent elsewhere. */
  async #interaction(request: HttpRequest): Promise<{
    provider: Provider; person: WebSignedIn; details: Awaited<ReturnType<Provider["interactionDetails"]>>;
  } | null> {
    this.#asOurselves(request);
    const provider = await this.#load();
    let details;
    try {
      details = await provider.interactionDetails(request.incoming, request.response);
    } catch (error) {
      if (!(error instanceof Error) || error.name !== "SessionNotFound") throw error;
      const body = html`<section><h1>That took too long</h1><p>Please begin again in the program.</p></section>`;
      sendPage(request, 400, { title: "Too late – Outpost", body, narrow: true });
      return null;
    }
    const person = await this.#web.requireSignedIn(request, request.path);
    if (person === null) return null;
    const wantsAnew = details.prompt.reasons.some((reason) => reason === "login_prompt" || reason === "max_age");
    if (wantsAnew && person.signedInMs < details.iat * 1000) {
      seeOther(request, `/account/sign-in?again=1&next=${encodeURIComponent(request.path)}`);
      return null;
    }
    return { provider, person, details };
  }

  async #askConsent(request: HttpRequest): Promise<void> {
    const found = await this.#interaction(request);
    if (found === null) return;
    const { person, details } = found;
    const clientId = String(details.params["client_id"]);
    const name = this.#clients.find(({ id }) => id === clientId)?.name ?? clientId;
    const scopes = String(details.params["scope"] ?? "").split(" ");
    const wants = [
      scopes.includes("mail") && "read, change and send your mail, calendars and contacts",
      scopes.includes("email") && "see your mail address", scopes.includes("profile") && "see your name",
    ].filter((each) => each !== false);
    const body = html`<section><h1>Let “${name}” in?</h1>
<p>You are signed in as <strong>${person.account.entry.address}</strong>. The program asks to</p>
<ul>${wants.length === 0 ? html`<li>know who you are</li>` : wants.map((each) => html`<li>${each}</li>`)}</ul>
<p class="hint">You can take this back on your account page. Say no if you did not start this yourself.</p>
<form method="post" action="${request.path}">${this.#web.forms.field(request)}
<div class="spaced"><button name="answer" value="yes">Let it in</button>
<button class="second" name="answer" value="no">No</button></div></form></section>`;
    const formTarget = targetOf(String(details.params["redirect_uri"] ?? ""));
    sendPage(request, 200, {
      title: `${name} – Outpost`, body, narrow: true, ...formTarget === null ? {} : { formTarget },
    });
  }

  async #judgeConsent(request: HttpRequest): Promise<void> {
    const answer = (await this.#web.forms.read(request)).get("answer");
    const found = await this.#interaction(request);
    if (found === null) return;
    const { provider, person, details } = found;
    const { incoming, response } = request;
    if (answer !== "yes") {
      const refused = { error: "access_denied", error_description: "The person said no." };
      return await provider.interactionFinished(incoming, response, refused, { mergeWithLastSubmission: false });
    }
    const accountId = String(person.account.entry.entryId);
    const before = details.grantId === undefined ? undefined : await provider.Grant.find(details.grantId);
    const grant = before?.accountId === accountId ? before
      : new provider.Grant({ accountId, clientId: String(details.params["client_id"]) });
    grant.addOIDCScope(String(details.params["scope"] ?? ""));
    const grantId = await grant.save();
    const fields = { user: person.account.entry.address, program: details.params["client_id"] };
    this.#ctx.log.info(fields, "a program was let in");
    const next = await provider.interactionResult(incoming, response, {
      login: { accountId, ts: Math.floor(person.signedInMs / 1000) }, consent: { grantId },
    }, { mergeWithLastSubmission: false });
    if (details.session !== undefined && details.session.accountId !== accountId) {
      await forget(provider, details.session.uid);
    }
    seeOther(request, next);
  }
}

/**
 * Takes whoever the provider remembers of this browser out of its session: it is somebody else's turn. By itself the
 * provider would sign them out first and take the tokens of their programs back. OpenID Connect Core 1.0 §3.1.2.3
 */
async function forget(provider: Provider, sessionUid: string | undefined): Promise<void> {
  const session = sessionUid === undefined ? undefined : await provider.Session.findByUid(sessionUid);
  if (session === undefined) return;
  session.accountId = undefined;
  session.authorizations = undefined;
  await session.persist();
}

/** Where the consent form may lead in the end, for the page's policy: an origin, or the scheme of a program. */
function targetOf(redirectUri: string): string | null {
  try {
    const { protocol, origin } = new URL(redirectUri);
    return origin === "null" ? protocol : origin.replace("[::1]", "*");
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  }
}

function errorPage(out: Record<string, string>): string {
  return html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Sign-in</title></head>
<body><h1>The program's request cannot be answered</h1>
<p>${out["error_description"] ?? out["error"] ?? "Something is missing from it."}</p></body></html>
`.text;
}
