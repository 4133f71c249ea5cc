/** Passkeys: signing in without a password, and adding one to an account. W3C Web Authentication, RFC 9110 §9.3.3 */
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import type { HttpRequest, HttpRoute } from "#net/http.ts";
import { sendBody, sendJson } from "#net/http.ts";
import { ownPath } from "#serve/account/forms.ts";
import { passkeyScript } from "#serve/account/passkey-script.ts";
import { fromOf, whoseOf } from "#serve/account/web.ts";
import type { Web, WebSignedIn } from "#serve/account/web.ts";

type Server = typeof import("@simplewebauthn/server");
type Registration = Parameters<Server["verifyRegistrationResponse"]>[0]["response"];
type Authentication = Parameters<Server["verifyAuthenticationResponse"]>[0]["response"];

const ceremonyMs = 5 * 60_000;

/** Challenges that were answered; none counts twice. */
class UsedChallenges {
  readonly #untilMs = new Map<string, number>();

  use(challenge: string, nowMs: number): boolean {
    for (const [known, untilMs] of this.#untilMs) {
      if (untilMs > nowMs && this.#untilMs.size < limits.signInNotesMax) break;
      this.#untilMs.delete(known);
    }
    if (this.#untilMs.has(challenge)) return false;
    this.#untilMs.set(challenge, nowMs + ceremonyMs);
    return true;
  }
}

/** RFC 9110 §9.3.3 */
export function passkeyRoutes(web: Web): HttpRoute[] {
  const used = new UsedChallenges();
  type Body = (request: HttpRequest, members: Record<string, unknown>) => Promise<unknown>;
  const json = (body: Body): HttpRoute["methods"] => ({
    async POST(request) {
      try {
        sendJson(request.response, 200, await body(request, await web.forms.readJson(request)));
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        const status = error.code === "authenticationFailed" ? 403 : error.row.http;
        sendJson(request.response, status, { error: error.message });
      }
    },
  });
  return [
    {
      path: "/account/passkey.js",
      methods: { GET: ({ response }) => sendBody(response, 200, "text/javascript; charset=utf-8", passkeyScript) },
    },
    { path: "/account/passkey/sign-in-options", methods: json((request) => signInOptions(web, request)) },
    { path: "/account/passkey/sign-in", methods: json((request, members) => signIn(web, request, members, used)) },
    { path: "/account/passkey/add-options", methods: json((request) => addOptions(web, request)) },
    { path: "/account/passkey/add", methods: json((request, members) => add(web, request, members, used)) },
  ];
}

/** The challenge travels sealed through the browser, tied to it, so that nothing is kept for pages merely looked at. */
function sealChallenge(web: Web, request: HttpRequest, purpose: string, challenge: string): string {
  const value = { challenge, browser: web.forms.token(request) };
  return web.forms.seal(purpose, value, request.ctx.system.nowMs() + ceremonyMs);
}

function openChallenge(
  web: Web, request: HttpRequest, purpose: string, members: Record<string, unknown>, used: UsedChallenges,
): string {
  const nowMs = request.ctx.system.nowMs();
  const opened = web.forms.unseal(purpose, String(members["state"] ?? ""), nowMs) as
    { challenge: string; browser: string } | null;
  if (opened === null || opened.browser !== web.forms.token(request) || !used.use(opened.challenge, nowMs)) {
    throw new Fault("authenticationFailed", "That took too long; please try again.");
  }
  return opened.challenge;
}

async function signInOptions(web: Web, request: HttpRequest): Promise<unknown> {
  const { generateAuthenticationOptions } = await import("@simplewebauthn/server");
  const options = await generateAuthenticationOptions({
    rpID: rpId(web), userVerification: "required", timeout: ceremonyMs,
  });
  return { options, state: sealChallenge(web, request, "passkey sign-in", options.challenge) };
}

async function signIn(
  web: Web, request: HttpRequest, members: Record<string, unknown>, used: UsedChallenges,
): Promise<unknown> {
  const { ctx } = request;
  const expectedChallenge = openChallenge(web, request, "passkey sign-in", members, used);
  const response = members["response"] as Authentication;
  const passkey = await web.credentials.passkey(ctx, String(response?.id ?? ""));
  const account = passkey === null ? null : await web.credentials.account(ctx, passkey.entryId);
  if (passkey === null || account === null) throw wrongPasskey();
  const { verifyAuthenticationResponse } = await import("@simplewebauthn/server");
  const verified = await asFault(() => verifyAuthenticationResponse({
    response, expectedChallenge, expectedOrigin: web.origin, expectedRPID: rpId(web), requireUserVerification: true,
    credential: { id: passkey.credentialId, publicKey: new Uint8Array(passkey.publicKey), counter: passkey.counter },
  })).catch((error: unknown) => {
    web.directory.noteFailure(ctx, fromOf(request), account.entry.address, "a passkey's answer was wrong");
    throw error;
  });
  if (!verified.verified || account.entry.disabled) throw wrongPasskey();
  await web.credentials.usePasskey(ctx, passkey.credentialId, verified.authenticationInfo.newCounter);
  web.directory.noteSuccess(account.entry.entryId, fromOf(request), "passkey");
  await web.start(request, account, "passkey");
  return { next: ownPath(typeof members["next"] === "string" ? members["next"] : null) };
}

async function addOptions(web: Web, request: HttpRequest): Promise<unknown> {
  const person = await requireFresh(web, request);
  const { entryId, address, displayName } = person.account.entry;
  const known = await web.credentials.passkeys(request.ctx, entryId);
  const { generateRegistrationOptions } = await import("@simplewebauthn/server");
  const options = await generateRegistrationOptions({
    rpName: "Outpost", rpID: rpId(web), userName: address, userDisplayName: displayName,
    userID: new TextEncoder().encode(`outpost:${entryId}`), attestationType: "none", timeout: ceremonyMs,
    authenticatorSelection: { residentKey: "required", userVerification: "required" },
    excludeCredentials: known.map(({ credentialId }) => ({ id: credentialId })),
  });
  return { options, state: sealChallenge(web, request, `passkey of ${entryId}`, options.challenge) };
}

async function add(
  web: Web, request: HttpRequest, members: Record<string, unknown>, used: UsedChallenges,
): Promise<unknown> {
  const person = await requireFresh(web, request);
  const { entryId } = person.account.entry;
  const expectedChallenge = openChallenge(web, request, `passkey of ${entryId}`, members, used);
  const { verifyRegistrationResponse } = await import("@simplewebauthn/server");
  const { registrationInfo } = await asFault(() => verifyRegistrationResponse({
    response: members["response"] as Registration, expectedChallenge, expectedOrigin: web.origin,
    expectedRPID: rpId(web), requireUserVerification: true,
  }));
  if (registrationInfo === undefined) throw wrongPasskey();
  const { id, publicKey, counter, transports } = registrationInfo.credential;
  const label = String(members["label"] ?? "").trim().slice(0, 100) || "Passkey";
  await web.credentials.addPasskey(request.ctx, whoseOf(person), {
    credentialId: id, publicKey, counter, transports: (transports ?? []).join(","), label,
  });
  return { next: "/account" };
}

async function requireFresh(web: Web, request: HttpRequest): Promise<WebSignedIn> {
  const person = await web.signedIn(request);
  if (person === null || !web.isFresh(request, person)) {
    throw new Fault("authenticationFailed", "Please sign in again to change this.");
  }
  return person;
}

/** What the library throws is about what the browser sent. */
async function asFault<T>(body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw new Fault("authenticationFailed", "The passkey's answer is wrong.", { cause: error });
  }
}

function wrongPasskey(): Fault {
  return new Fault("authenticationFailed", "That passkey is not known here.");
}

function rpId(web: Web): string {
  return new URL(web.origin).hostname;
}
