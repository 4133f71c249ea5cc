/** The requests clients make to find and reach their mailbox, as bytes; and what is read out of the answers. */
import { decode, encode } from "#codec/binary/code.ts";
import { tryParseXml } from "#codec/xml/element.ts";
import { connectRequest, connectResponse } from "#wire/mapi/emsmdb.ts";
import { parseAnswer } from "#wire/mapi/http-frame.ts";
import { addressBookBodies } from "#wire/mapi/nspi.ts";
import { poxNamespaces } from "#wire/autodiscover/pox-request.ts";
import { soapNamespace } from "#wire/autodiscover/soap-shapes.ts";

function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** [MS-OXDSCLI] 2.2.3.1 */
export function poxRequest(schema: "outlook" | "mobile", address: string): string {
  const [request, response] = schema === "outlook" ? [poxNamespaces.outlookRequest, poxNamespaces.outlook]
    : [poxNamespaces.mobileRequest, poxNamespaces.mobile];
  return `<?xml version="1.0" encoding="utf-8"?><Autodiscover xmlns="${request}"><Request>` +
    `<EMailAddress>${escapeXml(address)}</EMailAddress>` +
    `<AcceptableResponseSchema>${response}</AcceptableResponseSchema></Request></Autodiscover>`;
}

/** What Outlook goes on with. */
export interface PoxSettings {
  readonly legacyDn: string | null;
  /** Addresses of MAPI over HTTP: mail store and address book. */
  readonly mailStore: string | null;
  readonly addressBook: string | null;
  /** Kinds of access that are told: `EXCH`, `EXPR`, `WEB`, `mapiHttp`, `IMAP`, `SMTP`, … */
  readonly kinds: readonly string[];
  /** Of an error answer. */
  readonly error: string | null;
}

/** Null when the answer is no document of that kind. [MS-OXDSCLI] 2.2.4.1 */
export function readPox(body: Uint8Array): PoxSettings | null {
  const root = tryParseXml(body);
  if (root === null || root.name !== "Autodiscover") return null;
  const response = root.children.find((one) => one.name === "Response");
  if (response === undefined) return null;
  const error = response.child("Error")?.childText("Message") ?? null;
  const account = response.child("Account");
  const protocols = account?.childrenNamed("Protocol") ?? [];
  const kinds = protocols.map((one) => one.childText("Type") ?? one.attribute("Type") ?? "");
  const mapi = protocols.find((one) => one.attribute("Type")?.toLowerCase() === "mapihttp");
  const url = (name: string): string | null => {
    const place = mapi?.child(name);
    return place?.childText("ExternalUrl") ?? place?.childText("InternalUrl") ?? null;
  };
  return {
    legacyDn: response.child("User")?.childText("LegacyDN") ?? null, mailStore: url("MailStore"),
    addressBook: url("AddressBook"), kinds, error,
  };
}

/** The address of the phone's server; null when it is not told. [MS-ASCMD] 2.2.1.1 */
export function readMobile(body: Uint8Array): { url: string | null; error: string | null } | null {
  const root = tryParseXml(body);
  const response = root?.children.find((one) => one.name === "Response");
  if (root?.name !== "Autodiscover" || response === undefined) return null;
  const action = response.child("Action");
  const server = action?.child("Settings")?.child("Server") ?? null;
  const error = (action?.child("Error") ?? response.child("Error"))?.childText("Message") ?? null;
  return { url: server?.childText("Url") ?? null, error };
}

/** [MS-OXWSADISC] 3.1.4 */
export function soapRequest(address: string): string {
  const settings = ["UserDisplayName", "ExternalEwsUrl", "ExternalImap4Connections", "ExternalSmtpConnections"];
  return '<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" ' +
    `xmlns:a="${soapNamespace}" xmlns:w="http://www.w3.org/2005/08/addressing"><s:Header>` +
    "<a:RequestedServerVersion>Exchange2013</a:RequestedServerVersion>" +
    `<w:Action>${soapNamespace}/Autodiscover/GetUserSettings</w:Action></s:Header><s:Body>` +
    "<a:GetUserSettingsRequestMessage><a:Request><a:Users><a:User><a:Mailbox>" +
    `${escapeXml(address)}</a:Mailbox></a:User></a:Users><a:RequestedSettings>` +
    `${settings.map((name) => `<a:Setting>${name}</a:Setting>`).join("")}</a:RequestedSettings></a:Request>` +
    "</a:GetUserSettingsRequestMessage></s:Body></s:Envelope>";
}

/** Error code of the one user asked for; null when the answer is none. */
export function readSoap(body: Uint8Array): string | null {
  const root = tryParseXml(body);
  const user = root?.child("Body")?.children[0]?.child("Response", soapNamespace)
    ?.child("UserResponses")?.child("UserResponse");
  return user?.childText("ErrorCode") ?? null;
}

/** [MS-OXCMAPIHTTP] 2.2.4.1.1 */
export function mapiConnectBody(legacyDn: string): Uint8Array {
  return encode(connectRequest, {
    userDn: legacyDn, flags: 0, defaultCodePage: 1252, lcidSort: 1033, lcidString: 1033,
    auxiliaryBuffer: new Uint8Array(0),
  });
}

/** [MS-OXCMAPIHTTP] 2.2.5.1.1 */
export function nspiBindBody(): Uint8Array {
  return encode(addressBookBodies.Bind.request, {
    flags: 0, auxiliaryBuffer: new Uint8Array(0), state: {
      sortType: 0, containerId: 0, currentRecord: 0, delta: 0, numericPosition: 0, totalRecords: 0, codePage: 1252,
      templateLocale: 1033, sortLocale: 1033,
    },
  });
}

/** Why a MAPI answer is no success; null when it is one. [MS-OXCMAPIHTTP] 2.2.3.3.3 */
export function mapiTrouble(
  type: "Connect" | "Bind", answer: { status: number; headers: Readonly<Record<string, unknown>>; body: Uint8Array },
): string | null {
  if (answer.status !== 200) return `it answers with HTTP status ${answer.status}`;
  const code = String(answer.headers["x-responsecode"] ?? "");
  if (code !== "0") return `it answers with X-ResponseCode ${code || "(none)"}`;
  const whole = parseAnswer(answer.body);
  if (whole === null) return "its answer is not whole";
  const inner = whole.headers.get("x-responsecode") ?? "0";
  if (inner !== "0") return `it answers with X-ResponseCode ${inner}`;
  const { statusCode, errorCode } = type === "Connect" ? decode(connectResponse, whole.body)
    : decode(addressBookBodies.Bind.response, whole.body);
  if (statusCode !== 0) return `it answers with StatusCode ${statusCode}`;
  return errorCode === 0 ? null : `it answers with error 0x${errorCode.toString(16).padStart(8, "0")}`;
}

/** An EWS request for the inbox, which every client begins with. [MS-OXWSFOLD] 3.1.4.4 */
export function ewsRequest(): string {
  return '<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" ' +
    'xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types" ' +
    'xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages"><s:Header>' +
    '<t:RequestServerVersion Version="Exchange2013"/></s:Header><s:Body><m:GetFolder><m:FolderShape>' +
    "<t:BaseShape>IdOnly</t:BaseShape></m:FolderShape><m:FolderIds>" +
    '<t:DistinguishedFolderId Id="inbox"/></m:FolderIds></m:GetFolder></s:Body></s:Envelope>';
}

/** ResponseCode of an EWS answer; null without one. [MS-OXWSCDATA] 2.2.4.67 */
export function readEws(body: Uint8Array): string | null {
  return /<(?:\w+:)?ResponseCode>(\w{1,100})</.exec(Buffer.from(body).toString("utf8").slice(0, 65_536))?.[1] ?? null;
}
