/**
 * Configuration profiles of Apple's systems: a property list that sets up mail, and whatever else is served. Types and
 * keys are those of Apple's Device Management documentation; it tells the services of RFC 6186 §3 and RFC 6764 §6.
 */
import { escapeText } from "#codec/xml/writer.ts";
import { derivedUuid } from "#wire/autodiscover/published.ts";
import type { MailConnection, MailProtocol, Published } from "#wire/autodiscover/published.ts";

export type PlistValue = string | number | boolean | readonly PlistValue[] | { readonly [key: string]: PlistValue };

const plistHead = '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" '
  + '"http://www.apple.com/DTDs/PropertyList-1.0.dtd">\n<plist version="1.0">\n';

/** An XML property list. */
export function writePlist(value: PlistValue): string {
  return `${plistHead}${writeValue(value, 0)}</plist>\n`;
}

function writeValue(value: PlistValue, depth: number): string {
  const pad = "\t".repeat(depth);
  if (typeof value === "string") return `${pad}<string>${escapeText(value)}</string>\n`;
  if (typeof value === "boolean") return `${pad}<${value}/>\n`;
  if (typeof value === "number") return `${pad}<integer>${value}</integer>\n`;
  if (Array.isArray(value)) {
    return `${pad}<array>\n${value.map((one: PlistValue) => writeValue(one, depth + 1)).join("")}${pad}</array>\n`;
  }
  const rows = Object.entries(value).map(([key, one]) => (
    `${pad}\t<key>${escapeText(key)}</key>\n${writeValue(one, depth + 1)}`
  ));
  return `${pad}<dict>\n${rows.join("")}${pad}</dict>\n`;
}

export interface ProfileRequest {
  readonly address: string;
  /** How the person's mail is to be signed; the address when not known. */
  readonly displayName: string;
  readonly hostname: string;
  readonly published: Published;
}

interface Payload {
  readonly type: string;
  /** Last label of its identifier. */
  readonly name: string;
  readonly title: string;
  readonly keys: Record<string, PlistValue>;
}

/** The profile, unsigned; null when nothing in it would be served. Same request, same bytes. */
export function writeProfile(request: ProfileRequest): string | null {
  const payloads = payloadRows.flatMap((row) => row(request) ?? []);
  if (payloads.length === 0) return null;
  const identifier = `${request.hostname.split(".").reverse().join(".")}.profile.${request.address}`;
  const common = (name: string, title: string): Record<string, PlistValue> => ({
    PayloadDisplayName: title, PayloadIdentifier: name === "" ? identifier : `${identifier}.${name}`,
    PayloadUUID: derivedUuid(`profile ${identifier} ${name}`).toUpperCase(), PayloadVersion: 1,
  });
  return writePlist({
    PayloadContent: payloads.map(({ type, name, title, keys }) => ({
      ...keys, PayloadType: type, ...common(name, title),
    })),
    PayloadDescription: `Sets up ${request.address} on this device.`, PayloadOrganization: request.hostname,
    PayloadType: "Configuration", PayloadRemovalDisallowed: false,
    ...common("", `${request.address} (${request.hostname})`),
  });
}

const payloadRows: readonly ((request: ProfileRequest) => Payload | null)[] = [mail, activeSync, calDav, cardDav];

/** com.apple.mail.managed; not where ActiveSync does the same better. */
function mail({ address, displayName, published }: ProfileRequest): Payload | null {
  if (published.web.has("activeSync")) return null;
  const incoming = first(published, "imap") ?? first(published, "pop3");
  const outgoing = first(published, "smtp");
  if (incoming === undefined || outgoing === undefined) return null;
  return {
    type: "com.apple.mail.managed", name: "mail", title: `Mail ${address}`,
    keys: {
      EmailAccountDescription: address, EmailAccountName: displayName, EmailAddress: address,
      EmailAccountType: incoming.protocol === "imap" ? "EmailTypeIMAP" : "EmailTypePOP",
      IncomingMailServerAuthentication: "EmailAuthPassword", IncomingMailServerHostName: incoming.host,
      IncomingMailServerPortNumber: incoming.port, IncomingMailServerUseSSL: true, IncomingMailServerUsername: address,
      OutgoingMailServerAuthentication: "EmailAuthPassword", OutgoingMailServerHostName: outgoing.host,
      OutgoingMailServerPortNumber: outgoing.port, OutgoingMailServerUseSSL: true, OutgoingMailServerUsername: address,
      OutgoingPasswordSameAsIncomingPassword: true, PreventMove: false, PreventAppSheet: false,
    },
  };
}

function activeSync({ address, published }: ProfileRequest): Payload | null {
  if (!published.web.has("activeSync")) return null;
  return {
    type: "com.apple.eas.account", name: "exchange", title: `Exchange ${address}`,
    keys: {
      EmailAddress: address, UserName: address, Host: published.authority, SSL: true, MailNumberOfPastDaysToSync: 0,
      PreventMove: false, PreventAppSheet: false, OAuth: false,
    },
  };
}

/** The place itself is found by the well-known path. RFC 6764 §6 */
function calDav({ address, published }: ProfileRequest): Payload | null {
  if (!published.web.has("calDav") || published.web.has("activeSync")) return null;
  const { hostname, port } = placeOf(published);
  return {
    type: "com.apple.caldav.account", name: "calendars", title: `Calendars ${address}`,
    keys: {
      CalDAVAccountDescription: address, CalDAVHostName: hostname, CalDAVPort: port, CalDAVUseSSL: true,
      CalDAVUsername: address,
    },
  };
}

function cardDav({ address, published }: ProfileRequest): Payload | null {
  if (!published.web.has("cardDav") || published.web.has("activeSync")) return null;
  const { hostname, port } = placeOf(published);
  return {
    type: "com.apple.carddav.account", name: "contacts", title: `Contacts ${address}`,
    keys: {
      CardDAVAccountDescription: address, CardDAVHostName: hostname, CardDAVPort: port, CardDAVUseSSL: true,
      CardDAVUsername: address,
    },
  };
}

function first(published: Published, protocol: MailProtocol): MailConnection | undefined {
  return published.mail.find((one) => one.protocol === protocol);
}

function placeOf({ authority }: Published): { hostname: string; port: number } {
  const port = /:(\d+)$/.exec(authority)?.[1];
  return { hostname: authority.replace(/:\d+$/, ""), port: Number(port ?? 443) };
}
