/** Requests in plain XML, of Outlook's schema and of the phones'. [MS-OXDSCLI] 2.2.3, [MS-ASCMD] 2.2.1.1 */
import { WireError } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { parseXml } from "#codec/xml/element.ts";
import type { XmlBounds } from "#codec/xml/reader.ts";

const schemas = "http://schemas.microsoft.com/exchange/autodiscover";

/** Namespaces of plain XML Autodiscover. [MS-OXDSCLI] 2.2.1 */
export const poxNamespaces = {
  response: `${schemas}/responseschema/2006`,
  outlookRequest: `${schemas}/outlook/requestschema/2006`,
  outlook: `${schemas}/outlook/responseschema/2006a`,
  outlookOld: `${schemas}/outlook/responseschema/2006`,
  mobileRequest: `${schemas}/mobilesync/requestschema/2006`,
  mobile: `${schemas}/mobilesync/responseschema/2006`,
} as const;

/** Documentation, and with it some programs, spell the namespaces of the field with https. */
export function knownNamespace(uri: string): string {
  return uri.trim().replace(/^https:\/\/schemas\./i, "http://schemas.");
}

/** Bounds of every request of this room. */
export const requestBounds: Partial<XmlBounds> = {
  documentMaxBytes: limits.autodiscoverRequestMaxBytes, elementsMax: limits.autodiscoverElementsMax, depthMax: 32,
  textMaxCharacters: 64 * 1024, namespaceOf: knownNamespace,
};

export interface PoxRequest {
  readonly schema: "outlook" | "mobilesync";
  /** Namespace of the answer: what the client said it takes. */
  readonly responseNamespace: string;
  /** As the client spelled it, trimmed; null when it named a distinguished name only. */
  readonly address: string | null;
  /** Counts before the address when both are there. [MS-OXDSCLI] 3.2.5 */
  readonly legacyDn: string | null;
}

/** Error codes with the words Exchange says. [MS-OXDSCLI] 2.2.4.1.1.3.2 */
export const poxErrors = {
  500: "The email address can't be found.",
  501: "Bad Address",
  600: "Invalid Request",
  601: "Provider is not available",
  602: "Bad Address",
  603: "The Active Directory object or the server configuration could not be read.",
} as const;

export type PoxErrorCode = keyof typeof poxErrors;

const answers: Readonly<Record<string, PoxRequest["schema"]>> = {
  [poxNamespaces.outlook]: "outlook", [poxNamespaces.outlookOld]: "outlook", [poxNamespaces.mobile]: "mobilesync",
};

/** The request, or the code it is refused with: 600 for what is malformed, 601 for a schema that is not answered. */
export function parsePoxRequest(bytes: Uint8Array): PoxRequest | PoxErrorCode {
  try {
    const root = parseXml(bytes, requestBounds);
    const isKnown = root.namespace === poxNamespaces.outlookRequest || root.namespace === poxNamespaces.mobileRequest;
    const request = root.child("Request");
    if (root.name !== "Autodiscover" || !isKnown || request === null) return 600;
    const address = request.childText("EMailAddress") ?? "";
    const legacyDn = request.childText("LegacyDN") ?? "";
    const wanted = request.childText("AcceptableResponseSchema") ?? "";
    if (wanted === "" || (address === "" && legacyDn === "")) return 600;
    const responseNamespace = knownNamespace(wanted).toLowerCase();
    const schema = Object.hasOwn(answers, responseNamespace) ? answers[responseNamespace] : undefined;
    if (schema === undefined) return 601;
    return { schema, responseNamespace, address: address === "" ? null : address,
      legacyDn: legacyDn === "" ? null : legacyDn };
  } catch (error) {
    if (error instanceof WireError) return 600;
    throw error;
  }
}

/** What a client says of itself in its header fields. [MS-OXDSCLI] 2.2.2 */
export interface PoxClient {
  /** Highest version of MAPI over HTTP it knows; 0 without. */
  readonly mapiHttpVersion: number;
  readonly canHandle: ReadonlySet<string>;
  /** Outlook on Windows, which speaks MAPI and nothing else with Exchange. */
  readonly needsMapi: boolean;
}

export function poxClientOf(fields: {
  mapiHttpCapability?: string | undefined; clientCanHandle?: string | undefined; userAgent?: string | undefined;
}): PoxClient {
  const version = /^\s*(\d{1,4})\s*$/.exec(fields.mapiHttpCapability ?? "")?.[1] ?? "0";
  const words = (fields.clientCanHandle ?? "").slice(0, 1024).toLowerCase().split(",").map((word) => word.trim());
  const userAgent = fields.userAgent ?? "";
  return {
    mapiHttpVersion: Number(version), canHandle: new Set(words.filter((word) => word !== "")),
    needsMapi: /\bMicrosoft (?:Office|Outlook)\b|\bMSOffice\b/i.test(userAgent)
      && !/\bMac(?:intosh|Outlook| OS)/i.test(userAgent),
  };
}
