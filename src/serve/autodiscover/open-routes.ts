/**
 * Answers that need no sign-in: JSON (AutoDiscover V2), Thunderbird's file, Apple's profile, and the well-known paths
 * of RFC 6764 §5 and RFC 8620 §2.2. They follow from the domain alone, so that nobody learns who has a mailbox.
 */
import type { Ctx } from "#base/ctx.ts";
import { domainOf, tryParseAddress } from "#directory/address.ts";
import type { HttpHandler, HttpRequest, HttpRoute } from "#net/http.ts";
import { sendBody, sendJson, sendText } from "#net/http.ts";
import type { Autodiscover } from "#serve/autodiscover/service.ts";
import { writeProfile } from "#wire/autodiscover/apple-profile.ts";
import { writeAutoconfig } from "#wire/autodiscover/autoconfig.ts";
import { answerJson, isJsonPath, parseJsonRequest } from "#wire/autodiscover/json.ts";
import { webProtocols } from "#wire/autodiscover/published.ts";
import type { WebProtocol, WebProtocolRow } from "#wire/autodiscover/published.ts";

/** `/autodiscover/autodiscover.json`: AutoDiscover V2 with the address in query or path. RFC 9110 §9.3.1 */
export function jsonRoute(service: Autodiscover): HttpRoute {
  const answer = async (request: HttpRequest): Promise<void> => {
    const { path, query, response, ctx } = request;
    if (!isJsonPath(path)) return sendText(response, 404, `Nothing is at ${path} on this server.`);
    const asked = parseJsonRequest(path, query);
    // Some ask for a whole domain with an empty name before the @.
    const domain = asked.address === null ? "" : domainOf(asked.address);
    const isOurs = domain !== "" && await service.isOurDomain(ctx, domain);
    const { status, body } = answerJson(asked, service.published(await service.authorityFor(request)), isOurs);
    sendJson(response, status, body);
  };
  return { path: "/autodiscover/autodiscover.json*", methods: { GET: answer, POST: answer } };
}

/** Where Thunderbird and others look for their file, with and without TLS; the services are those of RFC 6186 §3. */
export function autoconfigRoutes(service: Autodiscover): HttpRoute[] {
  const answer = async (request: HttpRequest): Promise<void> => {
    const { response, ctx, query } = request;
    const address = (query.get("emailaddress") ?? "").trim();
    const domain = address === "" ? await domainOrFirst(service, ctx, request.host)
      : await ourDomain(service, ctx, address);
    if (domain === null) return sendText(response, 404, "This server has no settings for that domain.");
    const authority = await service.authorityFor(request);
    sendBody(response, 200, "text/xml; charset=utf-8", writeAutoconfig({
      domain, published: service.published(authority), oauth: service.options.oauth?.() ?? null,
      documentationUrl: `https://${authority}/`,
    }));
  };
  return ["/mail/config-v1.1.xml", "/.well-known/autoconfig/mail/config-v1.1.xml"].map((path) => (
    { path, methods: { GET: answer }, servesPlain: true }
  ));
}

/** The domain a client came by, else the first of ours. */
async function domainOrFirst(service: Autodiscover, ctx: Ctx, host: string): Promise<string | null> {
  return await service.domainOfHost(ctx, host) ?? (await service.options.directory.domains(ctx))[0]?.name ?? null;
}

async function ourDomain(service: Autodiscover, ctx: Ctx, address: string): Promise<string | null> {
  const parsed = tryParseAddress(address);
  return parsed !== null && await service.isOurDomain(ctx, parsed.domain) ? parsed.domain : null;
}

/** A profile for iPhones and Macs, `/apple.mobileconfig?emailaddress=…`, with the services of RFC 6186 §3. */
export function profileRoute(service: Autodiscover): HttpRoute {
  return {
    path: "/apple.mobileconfig",
    methods: {
      async GET(request) {
        const { response, ctx, query, host } = request;
        const address = tryParseAddress((query.get("emailaddress") ?? query.get("email") ?? "").trim());
        if (address === null) {
          return sendText(response, 400, "Say for whom: /apple.mobileconfig?emailaddress=name@example.org");
        }
        if (!await service.isOurDomain(ctx, address.domain)) {
          return sendText(response, 404, "This server has no settings for that domain.");
        }
        const profile = writeProfile({
          address: address.key, displayName: address.key, hostname: service.options.hostname,
          published: service.published(await service.authorityFor(request)),
        });
        if (profile === null) return sendText(response, 404, "Nothing that such a profile can set up is served here.");
        const bytes = Buffer.from(profile, "utf8");
        const signed = await service.options.signProfile?.(ctx, bytes, host) ?? bytes;
        response.setHeader("content-disposition", 'attachment; filename="outpost.mobileconfig"');
        sendBody(response, 200, "application/x-apple-aspen-config", signed);
      },
    },
  };
}

/** `/.well-known/caldav` and its like: to the place itself where it is served. RFC 6764 §5, RFC 8620 §2.2 */
export function wellKnownRoutes(service: Autodiscover): HttpRoute[] {
  return (Object.entries(webProtocols) as [WebProtocol, WebProtocolRow][]).flatMap(([name, { wellKnown }]) => {
    if (wellKnown === undefined) return [];
    const answer: HttpHandler = async (request) => {
      const url = service.published(await service.authorityFor(request)).web.get(name);
      if (url === undefined) return sendText(request.response, 404, "This is not served here.");
      request.response.setHeader("location", url);
      sendText(request.response, 301, `Moved to ${url}`);
    };
    return [{ path: `/.well-known/${wellKnown}`, methods: { "*": answer } }];
  });
}
