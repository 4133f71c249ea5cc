/** Answers in plain XML. [MS-OXDSCLI] 2.2.4, [MS-ASCMD] 2.2.1.1 */
import { XmlWriter } from "#codec/xml/writer.ts";
import {
  exchangeVersion, mailboxServer, mapiUrl, mdbDn, serverDn, serverVersionHex,
} from "#wire/autodiscover/account.ts";
import type { Account } from "#wire/autodiscover/account.ts";
import { poxErrors, poxNamespaces } from "#wire/autodiscover/pox-request.ts";
import type { PoxClient, PoxErrorCode } from "#wire/autodiscover/pox-request.ts";
import { mailProtocols } from "#wire/autodiscover/published.ts";
import type { MailConnection, MailProtocol } from "#wire/autodiscover/published.ts";

/** When and where an error came from. */
export interface ErrorMark {
  /** UTC milliseconds. */
  readonly nowMs: number;
  /** Name of the server; only a hash of it is told. */
  readonly hostname: string;
}

/** `21:25:04.8897083`. [MS-OXDSCLI] 2.2.4.1.1.3 */
export function errorTime(nowMs: number): string {
  return `${new Date(nowMs).toISOString().slice(11, 23)}0000`;
}

/** An unsigned number that stands for the server: FNV-1a of its name. [MS-OXDSCLI] 2.2.4.1.1.3 */
export function serverId(hostname: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(hostname, "utf8")) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}

/** A refusal in the schema every client reads. [MS-OXDSCLI] 2.2.4.1.1.3 */
export function poxError(code: PoxErrorCode, mark: ErrorMark): string {
  const ns = poxNamespaces.response;
  const writer = new XmlWriter({ prefixes: { "": ns } }).open(ns, "Autodiscover").open(ns, "Response");
  writer.open(ns, "Error", [
    { name: "Time", value: errorTime(mark.nowMs) }, { name: "Id", value: String(serverId(mark.hostname)) },
  ]);
  writer.element(ns, "ErrorCode", String(code)).element(ns, "Message", poxErrors[code]).element(ns, "DebugData");
  return writer.close().close().close().end();
}

/** Outlook is told to begin again with another address. [MS-OXDSCLI] 4.2 */
export function poxRedirect(address: string, responseNamespace: string): string {
  return respond(responseNamespace, (writer) => {
    writer.open(responseNamespace, "Account").element(responseNamespace, "AccountType", "email")
      .element(responseNamespace, "Action", "redirectAddr").element(responseNamespace, "RedirectAddr", address).close();
  });
}

/** Both elements set the default namespace, as in every example: some clients look for names without a prefix. */
function respond(namespace: string, body: (writer: XmlWriter) => void): string {
  const writer = new XmlWriter({ defaults: [poxNamespaces.response, namespace] });
  writer.open(poxNamespaces.response, "Autodiscover").open(namespace, "Response");
  body(writer);
  return writer.close().close().end();
}

type Row = readonly [name: string, value: string | undefined];

/** Elements with text in a row; those without a value are left out. */
function rows(writer: XmlWriter, namespace: string, list: readonly Row[]): void {
  for (const [name, value] of list) if (value !== undefined) writer.element(namespace, name, value);
}

/** Everything Outlook and other programs need of one person. [MS-OXDSCLI] 4.3, 4.4 */
export function poxSettings(account: Account, client: PoxClient, responseNamespace: string): string {
  const ns = responseNamespace;
  const { published } = account;
  const hasMapi = published.web.has("mapi");
  // Outlook would take these blocks for an Exchange it cannot reach, and never look at the others.
  const hasExchange = hasMapi || published.web.has("rpc") || (published.web.has("ews") && !client.needsMapi);
  return respond(ns, (writer) => {
    writer.open(ns, "User");
    rows(writer, ns, [
      ["DisplayName", account.displayName], ["LegacyDN", account.legacyDn],
      ["AutoDiscoverSMTPAddress", account.address], ["DeploymentId", account.deploymentId],
    ]);
    writer.close().open(ns, "Account");
    rows(writer, ns, [
      ["AccountType", "email"], ["Action", "settings"], ["MicrosoftOnline", "False"], ["ConsumerMailbox", "False"],
    ]);
    if (hasMapi && client.mapiHttpVersion >= 1) mapiHttpProtocol(writer, ns, account);
    if (hasExchange) {
      exchProtocol(writer, ns, account);
      exprProtocol(writer, ns, account, "EXPR");
      if (published.web.has("rpc") && client.canHandle.has("exhttpinfo")) exprProtocol(writer, ns, account, "EXHTTP");
    }
    if (hasExchange && (published.web.has("owa") || published.web.has("ews"))) webProtocol(writer, ns, account);
    for (const connection of firstOfEach(published.mail)) mailProtocol(writer, ns, account, connection);
    if (hasExchange) alternatives(writer, ns, account);
    writer.close();
  });
}

/** [MS-OXDSCLI] 2.2.4.1.1.2.6 with Type as an attribute, with MailStore and AddressBook */
function mapiHttpProtocol(writer: XmlWriter, ns: string, account: Account): void {
  const { web } = account.published;
  writer.open(ns, "Protocol", [{ name: "Type", value: "mapiHttp" }, { name: "Version", value: "1" }]);
  for (const [name, url] of [["MailStore", web.get("mapi")], ["AddressBook", web.get("nspi")]] as const) {
    if (url === undefined) continue;
    const whole = mapiUrl(url, account);
    writer.open(ns, name).element(ns, "InternalUrl", whole).element(ns, "ExternalUrl", whole).close();
  }
  writer.close();
}

/** Addresses that stand in the blocks of both kinds, in the order of the schema. */
function webRows({ published: { web } }: Account): Row[] {
  const ews = web.get("ews");
  return [
    ["ASUrl", ews], ["EwsUrl", ews], ["EmwsUrl", ews], ["EcpUrl", web.get("ecp")], ["OOFUrl", ews],
    ["OABUrl", web.get("oab")],
  ];
}

/** The way in from the same network: names of server and database, then addresses. [MS-OXDSCLI] 2.2.4.1.1.2.6 */
function exchProtocol(writer: XmlWriter, ns: string, account: Account): void {
  const { major, minor, majorBuild } = exchangeVersion;
  writer.open(ns, "Protocol");
  rows(writer, ns, [
    ["Type", "EXCH"], ["Server", mailboxServer(account)], ["ServerDN", serverDn(account)],
    ["ServerVersion", serverVersionHex(major, minor, majorBuild)], ["MdbDN", mdbDn(account)],
    ["PublicFolderServer", account.publicFolderAddress === null ? undefined : hostOf(account)],
    ...webRows(account), ["AuthPackage", "basic"], ["ServerExclusiveConnect", "off"],
  ]);
  writer.close();
}

/** The way in from everywhere. EXHTTP is its form for Outlook since 2013. [MS-OXDSCLI] 2.2.4.1.1.2.6 */
function exprProtocol(writer: XmlWriter, ns: string, account: Account, type: "EXPR" | "EXHTTP"): void {
  writer.open(ns, "Protocol");
  rows(writer, ns, [
    ["Type", type], ["Server", hostOf(account)], ...webRows(account), ["AuthPackage", "basic"],
    ["CertPrincipalName", "None"], ["SSL", "On"], ["ServerExclusiveConnect", "on"],
  ]);
  writer.close();
}

/** Mail in a browser, and the addresses once more as they are from inside and outside. [MS-OXDSCLI] 2.2.4.1.1.2.6.25 */
function webProtocol(writer: XmlWriter, ns: string, account: Account): void {
  const { web } = account.published;
  writer.open(ns, "Protocol").element(ns, "Type", "WEB");
  for (const [side, type] of [["Internal", "EXCH"], ["External", "EXPR"]] as const) {
    writer.open(ns, side);
    const owa = web.get("owa");
    if (owa !== undefined) writer.element(ns, "OWAUrl", owa, [{ name: "AuthenticationMethod", value: "Fba" }]);
    const ews = web.get("ews");
    if (ews !== undefined) {
      writer.open(ns, "Protocol").element(ns, "Type", type).element(ns, "ASUrl", ews).close();
    }
    writer.close();
  }
  writer.close();
}

/** One port each: what Outlook takes when it does not speak with Exchange. [MS-OXDSCLI] 2.2.4.1.1.2.6 */
function mailProtocol(writer: XmlWriter, ns: string, account: Account, connection: MailConnection): void {
  const isSmtp = connection.protocol === "smtp";
  writer.open(ns, "Protocol");
  rows(writer, ns, [
    ["Type", mailProtocols[connection.protocol].pox], ["Server", connection.host], ["Port", String(connection.port)],
    ["LoginName", account.address], ["DomainRequired", "off"], ["SPA", "off"],
    // "SSL on" alone means TLS from the first byte; Encryption tells the two kinds apart.
    ["SSL", connection.security === "TLS" ? "on" : "off"],
    ["Encryption", connection.security === "TLS" ? "SSL" : "TLS"],
    ["AuthRequired", "on"], ["UsePOPAuth", isSmtp ? "off" : undefined], ["SMTPLast", isSmtp ? "off" : undefined],
  ]);
  writer.close();
}

/** The best connection of each protocol: Outlook takes the first and stumbles over more. */
function firstOfEach(mail: readonly MailConnection[]): MailConnection[] {
  const seen = new Set<MailProtocol>();
  return mail.filter(({ protocol }) => !seen.has(protocol) && seen.add(protocol));
}

/** AlternativeMailbox and PublicFolderInformation: [MS-OXDSCLI] 2.2.4.1.1.2 */
function alternatives(writer: XmlWriter, ns: string, account: Account): void {
  for (const mailbox of account.alternatives) {
    writer.open(ns, "AlternativeMailbox");
    rows(writer, ns, [
      ["Type", "Delegate"], ["DisplayName", mailbox.displayName], ["SmtpAddress", mailbox.address],
      ["OwnerSmtpAddress", mailbox.address],
    ]);
    writer.close();
  }
  if (account.publicFolderAddress !== null) {
    writer.open(ns, "PublicFolderInformation").element(ns, "SmtpAddress", account.publicFolderAddress).close();
  }
}

function hostOf({ published: { authority } }: Account): string {
  return authority.replace(/:\d+$/, "");
}

/** What a phone is told. [MS-ASCMD] 2.2.1.1, 4.2 */
export function mobileSettings(account: Account, url: string): string {
  const ns = poxNamespaces.mobile;
  return mobileAnswer(account, (writer) => {
    writer.open(ns, "Settings").open(ns, "Server");
    rows(writer, ns, [["Type", "MobileSync"], ["Url", url], ["Name", url]]);
    writer.close().close();
  });
}

/** The phone begins again with another address. [MS-ASCMD] 2.2.3.147 */
export function mobileRedirect(from: string, to: string): string {
  return mobileAnswer({ address: from, displayName: "" }, (writer) => {
    writer.element(poxNamespaces.mobile, "Redirect", to);
  });
}

/** Status 2: the address cannot be served. [MS-ASCMD] 2.2.3.63, 2.2.3.177.1 */
export function mobileError(address: string, message: string): string {
  const ns = poxNamespaces.mobile;
  return mobileAnswer({ address, displayName: "" }, (writer) => {
    writer.open(ns, "Error");
    rows(writer, ns, [["Status", "2"], ["Message", message], ["DebugData", "MailUser"]]);
    writer.close();
  });
}

function mobileAnswer(user: { displayName: string; address: string }, action: (writer: XmlWriter) => void): string {
  const ns = poxNamespaces.mobile;
  return respond(ns, (writer) => {
    writer.element(ns, "Culture", "en:us").open(ns, "User");
    rows(writer, ns, [
      ["DisplayName", user.displayName === "" ? undefined : user.displayName], ["EMailAddress", user.address],
    ]);
    writer.close().open(ns, "Action");
    action(writer);
    writer.close();
  });
}
