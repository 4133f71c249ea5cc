/**
 * AutoDiscover V2: one protocol's address for one address, without a sign-in, in JSON. It is in no open specification;
 * the forms are those of the clients that ask (phones, Outlook for Mac, Office's own services). The request is a GET as
 * RFC 9110 §9.3.1 has it, the answer JSON of RFC 8259 §4.
 */
import { webProtocols } from "#wire/autodiscover/published.ts";
import type { Published, WebProtocol, WebProtocolRow } from "#wire/autodiscover/published.ts";

/** Protocols clients are known to ask for that no server of one's own has. */
const foreignProtocols = [
  "Rest", "Substrate", "SubstrateSearchService", "OwaPoweredExperience", "ToDo", "Weather",
] as const;

const served: ReadonlyMap<string, WebProtocol> = new Map(
  (Object.entries(webProtocols) as [WebProtocol, WebProtocolRow][]).flatMap(([name, { json }]) => (
    json === undefined ? [] : [[json.toLowerCase(), name] as const]
  )),
);

export interface JsonRequest {
  /** As asked, trimmed; null when it is not said. */
  readonly address: string | null;
  readonly protocol: string | null;
}

export interface JsonAnswer {
  readonly status: number;
  readonly body: Readonly<Record<string, string>>;
}

const service = "/autodiscover/autodiscover.json";

/**
 * What is asked for: `?Email=…&Protocol=…`, or `/v1.0/<address>?Protocol=…`; names of parameters in any case. The
 * path is decoded already.
 */
export function parseJsonRequest(path: string, query: URLSearchParams): JsonRequest {
  const parameters = new Map<string, string>();
  for (const [name, value] of query) {
    if (!parameters.has(name.toLowerCase())) parameters.set(name.toLowerCase(), value.trim());
  }
  const inPath = /^\/v[\d.]{1,8}\/([^/]{1,1024})\/?$/.exec(path.slice(service.length))?.[1]?.trim();
  const text = (value: string | undefined): string | null => (value === undefined || value === "" ? null : value);
  return { address: text(inPath) ?? text(parameters.get("email")), protocol: text(parameters.get("protocol")) };
}

/** Whether the path has one of the forms at all. */
export function isJsonPath(path: string): boolean {
  return /^\/autodiscover\/autodiscover\.json(?:\/(?:v[\d.]{1,8}(?:\/[^/]*)?\/?)?)?$/i.test(path);
}

function refusal(status: number, code: string, message: string): JsonAnswer {
  return { status, body: { ErrorCode: code, ErrorMessage: message } };
}

/** An answer follows from the domain alone, so nobody learns who has a mailbox. */
export function answerJson(request: JsonRequest, published: Published, isOurDomain: boolean): JsonAnswer {
  if (request.protocol === null) {
    return refusal(400, "MandatoryParameterMissing",
      "A valid value must be provided for the query parameter 'Protocol'.");
  }
  if (request.address === null || !request.address.includes("@")) {
    return refusal(400, "MandatoryParameterMissing", "A valid smtp address must be provided.");
  }
  const name = served.get(request.protocol.toLowerCase());
  const isForeign = foreignProtocols.some((one) => one.toLowerCase() === request.protocol!.toLowerCase());
  if (name === undefined && !isForeign) {
    const known = [...served.values()].filter((one) => published.web.has(one)).map((one) => jsonName(one)).join(",");
    return refusal(400, "InvalidProtocol", `The given protocol value '${request.protocol.slice(0, 64)}' is invalid. `
      + `Supported values are '${known}'.`);
  }
  if (!isOurDomain) return refusal(404, "UserNotFound", "The given user is not found.");
  const url = name === undefined ? undefined : published.web.get(name);
  if (name === undefined || url === undefined) {
    return refusal(400, "ProtocolNotSupported", `The protocol '${request.protocol.slice(0, 64)}' is not served here.`);
  }
  return { status: 200, body: { Protocol: jsonName(name), Url: url } };
}

function jsonName(name: WebProtocol): string {
  return (webProtocols[name] as WebProtocolRow).json ?? name;
}
