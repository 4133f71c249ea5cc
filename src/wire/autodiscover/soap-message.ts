/** SOAP envelopes of Autodiscover: the call in a request, the answer, the fault. SOAP 1.1 §4, WS-Addressing 1.0 §3 */
import { WireError } from "#base/fault.ts";
import { parseXml } from "#codec/xml/element.ts";
import type { XmlElement } from "#codec/xml/element.ts";
import { schemaInstance } from "#codec/xml/names.ts";
import { readElement, writeElement } from "#codec/xml/shape.ts";
import type { Shape } from "#codec/xml/shape.ts";
import { XmlWriter } from "#codec/xml/writer.ts";
import { exchangeVersion } from "#wire/autodiscover/account.ts";
import { requestBounds } from "#wire/autodiscover/pox-request.ts";
import { operations, soapNamespace } from "#wire/autodiscover/soap-shapes.ts";
import type { Operation, SoapCall, SoapReply } from "#wire/autodiscover/soap-shapes.ts";

/** Envelopes of SOAP 1.1 and 1.2; an answer has the version of its request. */
export const envelopes = {
  "1.1": { namespace: "http://schemas.xmlsoap.org/soap/envelope/", contentType: "text/xml; charset=utf-8" },
  "1.2": { namespace: "http://www.w3.org/2003/05/soap-envelope", contentType: "application/soap+xml; charset=utf-8" },
} as const;
export type SoapVersion = keyof typeof envelopes;

const addressing = "http://www.w3.org/2005/08/addressing";
const exchangeTypes = "http://schemas.microsoft.com/exchange/services/2006/types";

/** Where an answer belongs to. */
export interface SoapFrame {
  readonly version: SoapVersion;
  /** The request's `wsa:MessageID`; null without. */
  readonly messageId: string | null;
}

export type SoapRequest = SoapFrame & (
  | { readonly kind: "call"; readonly call: SoapCall; readonly serverVersion: string | null }
  | { readonly kind: "fault"; readonly code: SoapFaultCode; readonly reason: string }
);

/** SOAP 1.1 §4.4.1 and what SOAP 1.2 Part 1 §5.4.6 calls the same; the last two are WS-Addressing's. */
export const soapFaults = {
  Client: { "1.1": "Client", "1.2": "Sender", status: 500 },
  MustUnderstand: { "1.1": "MustUnderstand", "1.2": "MustUnderstand", status: 500 },
  ActionNotSupported: { "1.1": "ActionNotSupported", "1.2": "ActionNotSupported", status: 500 },
  TooLarge: { "1.1": "Client", "1.2": "Sender", status: 413 },
  Server: { "1.1": "Server", "1.2": "Receiver", status: 500 },
} as const;
export type SoapFaultCode = keyof typeof soapFaults;

/** Reads a request. What is wrong with it comes back as the fault to answer with; nothing is thrown. */
export function parseSoapRequest(bytes: Uint8Array): SoapRequest {
  const frame = { version: "1.1" as SoapVersion, messageId: null as string | null };
  try {
    const root = parseXml(bytes, requestBounds);
    const found = (Object.keys(envelopes) as SoapVersion[]).find((one) => envelopes[one].namespace === root.namespace);
    if (root.name !== "Envelope" || found === undefined) return refuse(frame, "Client", "This is no SOAP envelope.");
    frame.version = found;
    const header = root.child("Header");
    const messageId = header?.childText("MessageID", addressing) ?? "";
    frame.messageId = messageId === "" ? null : messageId.slice(0, 1024);
    const unknown = header?.children.find((one) => isUnknownMust(one, root.namespace));
    if (unknown !== undefined) {
      return refuse(frame, "MustUnderstand", `The header ${unknown.name} is not understood here.`);
    }
    const message = root.child("Body")?.children[0];
    const operation = message === undefined ? null : operationOf(message);
    if (message === undefined || operation === null) {
      return refuse(frame, "ActionNotSupported", `The operations here are ${Object.keys(operations).join(", ")}.`);
    }
    const request = message.child("Request");
    if (request === null) return refuse(frame, "Client", "The message holds no Request.");
    // The row of the operation gives both, which the compiler cannot follow through the table.
    const call = { operation, request: readElement<unknown>(request, operations[operation].request) } as SoapCall;
    return { ...frame, kind: "call", call, serverVersion: header?.childText("RequestedServerVersion", soapNamespace)
      ?? null };
  } catch (error) {
    if (error instanceof WireError) return refuse(frame, "Client", `The request cannot be read: ${error.message}.`);
    throw error;
  }
}

function refuse(frame: SoapFrame, code: SoapFaultCode, reason: string): SoapRequest {
  return { ...frame, kind: "fault", code, reason };
}

/** SOAP 1.1 §4.2.3: a header that must be understood and is not ends the request. */
function isUnknownMust(header: XmlElement, envelope: string): boolean {
  const isMust = ["1", "true"].includes(header.attribute("mustUnderstand", envelope)?.trim() ?? "");
  return isMust && ![addressing, soapNamespace, exchangeTypes].includes(header.namespace);
}

function operationOf(message: XmlElement): Operation | null {
  const name = message.name.replace(/RequestMessage$/, "");
  if (message.namespace !== soapNamespace || name === message.name) return null;
  return Object.hasOwn(operations, name) ? name as Operation : null;
}

function write(frame: SoapFrame, action: string, body: (writer: XmlWriter) => void): string {
  const soap = envelopes[frame.version].namespace;
  const writer = new XmlWriter({
    prefixes: { s: soap, a: addressing, i: schemaInstance }, defaults: [soapNamespace], declaredAtRoot: ["a", "i"],
    declaration: false,
  });
  writer.open(soap, "Envelope").open(soap, "Header");
  writer.element(addressing, "Action", action, [{ namespace: soap, name: "mustUnderstand", value: "1" }]);
  const { major, minor, majorBuild, minorBuild, schema } = exchangeVersion;
  writer.open(soapNamespace, "ServerVersionInfo");
  for (const [name, value] of [["MajorVersion", major], ["MinorVersion", minor], ["MajorBuildNumber", majorBuild],
    ["MinorBuildNumber", minorBuild], ["Version", schema]] as const) {
    writer.element(soapNamespace, name, String(value));
  }
  writer.close();
  if (frame.messageId !== null) writer.element(addressing, "RelatesTo", frame.messageId);
  writer.close().open(soap, "Body");
  body(writer);
  return writer.close().close().end();
}

/** An answer. [MS-OXWSADISC] 3.1.4 */
export function writeSoapReply(frame: SoapFrame, reply: SoapReply): string {
  const name = reply.operation;
  return write(frame, `${soapNamespace}/Autodiscover/${name}Response`, (writer) => {
    // Names without a prefix, as Exchange writes them.
    writer.open(soapNamespace, `${name}ResponseMessage`);
    writeElement(writer, soapNamespace, "Response", operations[name].response as Shape<unknown>, reply.response);
    writer.close();
  });
}

/** A fault in the envelope's own version. SOAP 1.1 §4.4, SOAP 1.2 Part 1 §5.4 */
export function writeSoapFault(frame: SoapFrame, code: SoapFaultCode, reason: string): string {
  const soap = envelopes[frame.version].namespace;
  const name = soapFaults[code][frame.version];
  const isAddressing = code === "ActionNotSupported";
  return write(frame, `${addressing}/${isAddressing ? "fault" : "soap/fault"}`, (writer) => {
    writer.open(soap, "Fault");
    if (frame.version === "1.1") {
      writer.element("", "faultcode", `${isAddressing ? "a" : "s"}:${name}`);
      writer.element("", "faultstring", reason, [{ namespace: "http://www.w3.org/XML/1998/namespace", name: "lang",
        value: "en-US" }]);
    } else {
      writer.open(soap, "Code").element(soap, "Value", `s:${isAddressing ? "Sender" : name}`);
      if (isAddressing) writer.open(soap, "Subcode").element(soap, "Value", `a:${name}`).close();
      writer.close().open(soap, "Reason").element(soap, "Text", reason, [
        { namespace: "http://www.w3.org/XML/1998/namespace", name: "lang", value: "en-US" },
      ]).close();
    }
    writer.close();
  });
}
