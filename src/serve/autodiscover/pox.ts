/** `/autodiscover/autodiscover.xml`: plain XML for Outlook and for phones. [MS-OXDSCLI] 3.2.5, [MS-ASCMD] 2.2.1.1 */
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { requireSignIn } from "#net/http-sign-in.ts";
import type { HttpRequest, HttpRoute } from "#net/http.ts";
import { sendBody } from "#net/http.ts";
import { readBody } from "#net/http-body.ts";
import type { SignedIn } from "#directory/api.ts";
import type { Autodiscover } from "#serve/autodiscover/service.ts";
import { parsePoxRequest, poxClientOf } from "#wire/autodiscover/pox-request.ts";
import type { PoxErrorCode, PoxRequest } from "#wire/autodiscover/pox-request.ts";
import {
  mobileError, mobileRedirect, mobileSettings, poxError, poxRedirect, poxSettings,
} from "#wire/autodiscover/pox-response.ts";

/** Requests of this service are small, whatever the route is told: the dialect refuses, not the front. */
export const requestRoute = {
  bodyMaxBytes: Number.MAX_SAFE_INTEGER, bodyTimeoutMs: limits.autodiscoverBodyTimeoutMs, takesCompressedBody: true,
} as const;

/** What probes look for in any answer, that of a refused sign-in too. */
export function setProbeFields({ response }: HttpRequest, service: Autodiscover): void {
  response.setHeader("x-soap-enabled", "True");
  const bearer = service.options.directory.signIn?.bearer() ?? null;
  if (bearer !== null) response.setHeader("x-oauth-enabled", "True");
}

/** The person asking, or null when the refusal has been sent. */
export function signIn(request: HttpRequest, service: Autodiscover): Promise<SignedIn | null> {
  setProbeFields(request, service);
  const { directory, hostname } = service.options;
  return requireSignIn(request, { directory, protocol: "autodiscover", realm: hostname });
}

/** The body, or null when it is too large for any request of this service. */
export async function smallBody(request: HttpRequest): Promise<Buffer | null> {
  try {
    return await readBody(request, limits.autodiscoverRequestMaxBytes);
  } catch (error) {
    if (error instanceof Fault && error.code === "tooBig") return null;
    throw error;
  }
}

export function poxRoute(service: Autodiscover): HttpRoute {
  const answer = async (request: HttpRequest): Promise<void> => {
    const asker = await signIn(request, service);
    if (asker === null) return;
    const refuse = (code: PoxErrorCode, status = 200): void => {
      const mark = { nowMs: request.ctx.system.nowMs(), hostname: service.options.hostname };
      send(request, status, poxError(code, mark));
    };
    // A look at the address in a browser, or a probe: there is no request in it.
    if (request.method !== "POST") return refuse(600);
    const body = await smallBody(request);
    if (body === null) return refuse(600, 413);
    const asked = parsePoxRequest(body);
    if (typeof asked === "number") return refuse(asked);
    if (asked.schema === "mobilesync") await answerPhone(request, service, asker, asked, refuse);
    else await answerOutlook(request, service, asker, asked, refuse);
  };
  return { path: "/autodiscover/autodiscover.xml", methods: { GET: answer, POST: answer }, ...requestRoute };
}

function send({ response }: HttpRequest, status: number, xml: string): void {
  sendBody(response, status, "text/xml; charset=utf-8", xml);
}

async function answerOutlook(
  request: HttpRequest, service: Autodiscover, asker: SignedIn, asked: PoxRequest, refuse: (code: PoxErrorCode) => void,
): Promise<void> {
  const { headers } = request.incoming;
  const found = await service.discover(request.ctx, asker, asked, await service.authorityFor(request));
  if (found.kind === "unknown") return refuse(500);
  if (found.kind === "nothing") return refuse(501);
  if (found.kind === "redirect") return send(request, 200, poxRedirect(found.address, asked.responseNamespace));
  const client = poxClientOf({
    mapiHttpCapability: headers["x-mapihttpcapability"]?.toString(),
    clientCanHandle: headers["x-clientcanhandle"]?.toString(), userAgent: headers["user-agent"],
  });
  send(request, 200, poxSettings(found.account, client, asked.responseNamespace));
}

async function answerPhone(
  request: HttpRequest, service: Autodiscover, asker: SignedIn, asked: PoxRequest, refuse: (code: PoxErrorCode) => void,
): Promise<void> {
  const authority = await service.authorityFor(request);
  // No provider for the schema, for anybody. [MS-ASCMD] 2.2.3.64
  if (!service.published(authority).web.has("activeSync")) return refuse(601);
  const address = asked.address ?? asker.address;
  const found = await service.discover(request.ctx, asker, asked, authority);
  if (found.kind === "redirect") return send(request, 200, mobileRedirect(address, found.address));
  const url = found.kind === "account" ? found.account.published.web.get("activeSync") : undefined;
  if (found.kind === "account" && url !== undefined) return send(request, 200, mobileSettings(found.account, url));
  const why = found.kind === "unknown" ? "The email address can't be found."
    : "Exchange ActiveSync is not available for this account.";
  send(request, 200, mobileError(address, why));
}
