/**
 * Access tokens of an outside provider: JSON Web Tokens, checked by the keys its discovery document names. RFC 9068,
 * RFC 7519 §7.2, OpenID Connect Discovery 1.0 §4
 */
import type { JWTVerifyGetKey } from "jose";
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import type { BearerSource } from "#directory/directory.ts";
import type { BearerIdentity } from "#directory/sign-in.ts";

export interface OutsideProviderConfig {
  /** As it stands in its tokens. */
  readonly issuer: string;
  /** What its tokens must be made for: this server's name there. */
  readonly audience: string;
  /** The claim that holds the person's mail address here. */
  readonly claim: string;
}

interface Discovered {
  readonly authorizationUri: string;
  readonly keys: JWTVerifyGetKey;
  readonly atMs: number;
}

/** A document is read again after an hour, a failed try repeated after half a minute. */
const discoveryMs = 3_600_000;
const retryMs = 30_000;
/** Only signatures whose keys anyone may know. RFC 8725 §3.1 */
const algorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"];
const clockToleranceSeconds = 60;

type Fetch = (url: string, options: { signal: AbortSignal; redirect: "error" | "manual" }) => Promise<Response>;

export class OutsideProvider {
  readonly #ctx: Ctx;
  readonly #config: OutsideProviderConfig;
  readonly #fetch: Fetch;
  #discovered: Discovered | null = null;
  #underWay: Promise<Discovered> | null = null;
  #failedMs = -Infinity;

  /** `fetchDocument` is for tests, whose certificates nobody trusts. */
  constructor(ctx: Ctx, config: OutsideProviderConfig, fetchDocument: Fetch = fetch) {
    this.#ctx = ctx;
    this.#config = config;
    this.#fetch = fetchDocument;
  }

  /** RFC 6750 §2 */
  get source(): BearerSource {
    const authorizationUri = (): string => this.#discovered?.authorizationUri ?? `${this.#config.issuer}/authorize`;
    return {
      offer: {
        issuer: this.#config.issuer,
        get authorizationUri() {
          return authorizationUri();
        },
        get outlookKnows() {
          return /^https:\/\/login\.(?:microsoftonline\.com|windows\.net)\//.test(authorizationUri());
        },
      },
      verify: (ctx, token) => this.#verify(ctx, token),
    };
  }

  /** Reads the discovery document ahead of the first token; a failure is logged, nothing else. RFC 8414 §3 */
  async warmUp(): Promise<void> {
    try {
      await this.#discover();
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
    }
  }

  /** null for a token that is not of this provider or not for us. RFC 9068 §4 */
  async #verify(ctx: Ctx, token: string): Promise<BearerIdentity | null> {
    if (issuerOf(token) !== this.#config.issuer) return null;
    const { keys } = await this.#discover();
    const { jwtVerify, errors } = await import("jose");
    const { issuer, audience, claim } = this.#config;
    try {
      const { payload } = await jwtVerify(token, keys, {
        issuer, audience, algorithms, clockTolerance: clockToleranceSeconds, requiredClaims: ["exp"],
        currentDate: new Date(ctx.system.nowMs()),
      });
      const address = payload[claim];
      if (typeof address !== "string" || address === "") {
        ctx.log.warn({ issuer, claim }, "an access token lacks the claim that names the person");
        return null;
      }
      if (claim === "email" && payload["email_verified"] === false) {
        ctx.log.warn({ issuer }, "an access token names an address that its provider has not verified");
        return null;
      }
      return { who: { address }, expiresMs: payload.exp! * 1000 };
    } catch (error) {
      if (!(error instanceof errors.JOSEError)) throw this.#unavailable(error);
      if (error instanceof errors.JWKSTimeout) throw this.#unavailable(error);
      ctx.log.info({ issuer, reason: error.code }, `an access token was refused: ${error.message}`);
      return null;
    }
  }

  async #discover(): Promise<Discovered> {
    const nowMs = this.#ctx.system.monotonicMs();
    const known = this.#discovered;
    if (known !== null && nowMs - known.atMs < discoveryMs) return known;
    if (nowMs - this.#failedMs < retryMs) {
      // What was right an hour ago is better than turning everybody away.
      if (known !== null) return known;
      throw new Fault("unavailable", "The provider of access tokens cannot be reached; try again in a minute.");
    }
    this.#underWay ??= this.#read(nowMs).finally(() => { this.#underWay = null; });
    try {
      return await this.#underWay;
    } catch (error) {
      this.#failedMs = nowMs;
      if (known === null) throw error;
      return known;
    }
  }

  async #read(nowMs: number): Promise<Discovered> {
    const { issuer } = this.#config;
    try {
      const document = await this.#document(`${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`);
      const { issuer: said } = document;
      if (said !== issuer) throw new Error(`the document names another issuer, ${String(said)}`);
      // In the spelling of URLs nothing is left that could end a quoted string of a header field.
      const authorizationUri = endpointOf(issuer, document["authorization_endpoint"]).href;
      const keysUri = endpointOf(issuer, document["jwks_uri"]);
      const { createRemoteJWKSet, customFetch } = await import("jose");
      const keys = createRemoteJWKSet(keysUri, {
        timeoutDuration: limits.outsideProviderTimeoutMs,
        [customFetch]: async (url: string, { signal }: { signal: AbortSignal }) =>
          bounded(await this.#fetch(url, { signal, redirect: "manual" })),
      });
      this.#ctx.log.info({ issuer }, "the outside provider of access tokens is known");
      this.#discovered = { authorizationUri, keys, atMs: nowMs };
      return this.#discovered;
    } catch (error) {
      throw this.#unavailable(error);
    }
  }

  #unavailable(error: unknown): Fault {
    const { issuer } = this.#config;
    const reasons = error instanceof Error ? [error, error.cause].filter((each) => each instanceof Error) : [];
    const reason = reasons.map((each) => each.message).join(": ");
    this.#ctx.log.error({ issuer, reason }, "the outside provider of access tokens cannot be used");
    return new Fault("unavailable", "The provider of access tokens cannot be reached; try again in a minute.");
  }

  async #document(url: string): Promise<Record<string, unknown>> {
    const signal = AbortSignal.timeout(limits.outsideProviderTimeoutMs);
    const answer = await bounded(await this.#fetch(url, { signal, redirect: "error" }));
    if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
    const value: unknown = await answer.json();
    if (typeof value !== "object" || value === null) throw new Error(`${url} holds no object`);
    return value as Record<string, unknown>;
  }
}

/** An endpoint as the document names it; over TLS wherever the issuer is. OpenID Connect Discovery 1.0 §3 */
function endpointOf(issuer: string, value: unknown): URL {
  if (typeof value !== "string" || !URL.canParse(value)) throw new Error("the document lacks endpoints");
  const url = new URL(value);
  const isSafe = url.protocol === "https:" || (url.protocol === "http:" && new URL(issuer).protocol === "http:");
  if (!isSafe) throw new Error("the document names an endpoint without TLS");
  return url;
}

/** The answer with its body read, up to the limit. */
async function bounded(answer: Response): Promise<Response> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of answer.body ?? []) {
    size += chunk.length;
    if (size > limits.outsideProviderMaxBytes) throw new Error("the answer is too large");
    chunks.push(chunk);
  }
  return new Response(Buffer.concat(chunks), { status: answer.status, headers: answer.headers });
}

/** Which provider a token says it is of, before anything is believed; null when it is no such token. RFC 7519 §7.2 */
export function issuerOf(token: string): string | null {
  const parts = token.split(".");
  if (parts.length !== 3) return null;
  try {
    const claims: unknown = JSON.parse(Buffer.from(parts[1]!, "base64url").toString("utf8"));
    const issuer = typeof claims === "object" && claims !== null ? (claims as { iss?: unknown }).iss : null;
    return typeof issuer === "string" ? issuer : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
