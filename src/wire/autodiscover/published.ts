/**
 * Everything this server can tell a client to use, one row each. A row is published when the server has its path (or
 * port) open and the person may use it, so a protocol that is added later is one row here. [MS-OXDISCO] 1.3
 */
import { createHash } from "node:crypto";

/** Protocols over HTTPS. */
export interface WebProtocolRow {
  /** Below the name the client used; compared with what is served. */
  readonly path: string;
  /** The switch that takes it from one person; null when it has none. */
  readonly off: string | null;
  /** Name in JSON answers (AutoDiscover V2); left out where it has none. */
  readonly json?: string;
  /** Name below `/.well-known/` that leads to it; RFC 6764 §5, RFC 8620 §2.2 */
  readonly wellKnown?: string;
}

/** The list every mailbox downloads, one for the whole organization. [MS-OXWOAB] 2.1 */
export const offlineAddressBookId = "3f5a1d0e-6f0c-4d55-9a57-0b6d7c1e8a42";

export const webProtocols = {
  /** [MS-OXCMAPIHTTP] 2.1 */
  mapi: { path: "/mapi/emsmdb/", off: "mapi" },
  nspi: { path: "/mapi/nspi/", off: "mapi" },
  /** Outlook Anywhere, [MS-RPCH] 2.1; only Outlook before 2013 SP1 needs it. */
  rpc: { path: "/rpc/rpcproxy.dll", off: "mapi" },
  /** [MS-OXWOAB] 2.1 */
  oab: { path: `/OAB/${offlineAddressBookId}/`, off: "mapi" },
  /** [MS-OXWSCDATA] 2.1 */
  ews: { path: "/EWS/Exchange.asmx", off: "ews", json: "Ews" },
  /** [MS-ASHTTP] 2.2.1.1.1 */
  activeSync: { path: "/Microsoft-Server-ActiveSync", off: "eas", json: "ActiveSync" },
  /** Mail in a browser, and its settings. */
  owa: { path: "/owa/", off: null },
  ecp: { path: "/ecp/", off: null },
  /** This service itself: [MS-OXDSCLI] 3.2.5 */
  autodiscover: { path: "/autodiscover/autodiscover.xml", off: null, json: "AutodiscoverV1" },
  calDav: { path: "/dav/calendars/", off: "dav", wellKnown: "caldav" },
  cardDav: { path: "/dav/addressbooks/", off: "dav", wellKnown: "carddav" },
  jmap: { path: "/jmap/session", off: "jmap", wellKnown: "jmap" },
} as const satisfies Record<string, WebProtocolRow>;

export type WebProtocol = keyof typeof webProtocols;

/** Protocols with a port of their own, by what clients call them. */
export const mailProtocols = {
  imap: { pox: "IMAP", soap: "Imap4", autoconfig: "imap", off: "imap" },
  pop3: { pox: "POP3", soap: "Pop3", autoconfig: "pop3", off: "pop3" },
  smtp: { pox: "SMTP", soap: "Smtp", autoconfig: "smtp", off: "smtp" },
} as const;

export type MailProtocol = keyof typeof mailProtocols;

/** One open port. */
export interface MailConnection {
  readonly protocol: MailProtocol;
  readonly host: string;
  readonly port: number;
  readonly security: "TLS" | "STARTTLS";
}

/** What one client is told about the ways in: only those that are there and that its person may use. */
export interface Published {
  /** The name (and port) its web addresses are made with. */
  readonly authority: string;
  readonly web: ReadonlyMap<WebProtocol, string>;
  /** TLS from the first byte before STARTTLS. */
  readonly mail: readonly MailConnection[];
}

/** Rows that are served and not switched off, with their addresses. */
export function publish(source: {
  readonly authority: string;
  readonly isServed: (path: string) => boolean;
  readonly mail: readonly MailConnection[];
  readonly off: readonly string[];
}): Published {
  const web = new Map<WebProtocol, string>();
  for (const [name, row] of Object.entries(webProtocols) as [WebProtocol, WebProtocolRow][]) {
    if (row.off !== null && source.off.includes(row.off)) continue;
    if (source.isServed(row.path)) web.set(name, `https://${source.authority}${row.path}`);
  }
  const mail = source.mail.filter((one) => !source.off.includes(mailProtocols[one.protocol].off));
  return { authority: source.authority, web, mail: [...mail].sort((a, b) => rank(a) - rank(b)) };
}

function rank(connection: MailConnection): number {
  return connection.security === "TLS" ? 0 : 1;
}

/** A UUID that follows from a text, the same for ever; the shape is version 8. RFC 9562 §5.8 */
export function derivedUuid(text: string): string {
  const bytes = createHash("sha256").update(text, "utf8").digest().subarray(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
