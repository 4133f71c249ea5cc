/**
 * The file Thunderbird, K-9 and their like look for: `config-v1.1.xml`, as Mozilla documents it. It tells the same
 * services that RFC 6186 §3 puts into the name system.
 */
import { XmlWriter } from "#codec/xml/writer.ts";
import { mailProtocols } from "#wire/autodiscover/published.ts";
import type { MailConnection, Published } from "#wire/autodiscover/published.ts";

export interface AutoconfigOAuth {
  readonly issuer: string;
  readonly scope: string;
  readonly authorizationUrl: string;
  readonly tokenUrl: string;
}

export interface Autoconfig {
  readonly domain: string;
  readonly published: Published;
  /** null while no tokens are taken. */
  readonly oauth: AutoconfigOAuth | null;
  /** Address of a page with the settings in words. */
  readonly documentationUrl: string;
}

/** The file for one domain; what differs from person to person stands in it as a placeholder. */
export function writeAutoconfig({ domain, published, oauth, documentationUrl }: Autoconfig): string {
  const writer = new XmlWriter();
  writer.open("", "clientConfig", [{ name: "version", value: "1.1" }]);
  writer.open("", "emailProvider", [{ name: "id", value: domain }]);
  writer.element("", "domain", domain).element("", "displayName", `${domain} Mail`)
    .element("", "displayShortName", domain);
  for (const connection of published.mail) {
    if (connection.protocol !== "smtp") server(writer, "incomingServer", connection, oauth);
  }
  const ews = published.web.get("ews");
  if (ews !== undefined) exchange(writer, published, ews);
  for (const connection of published.mail) {
    if (connection.protocol === "smtp") server(writer, "outgoingServer", connection, oauth);
  }
  writer.open("", "documentation", [{ name: "url", value: documentationUrl }])
    .element("", "descr", "Connection settings", [{ name: "lang", value: "en" }]).close();
  writer.close();
  if (oauth !== null) {
    writer.open("", "oAuth2").element("", "issuer", oauth.issuer).element("", "scope", oauth.scope)
      .element("", "authURL", oauth.authorizationUrl).element("", "tokenURL", oauth.tokenUrl).close();
  }
  return `${writer.close().end()}\n`;
}

function server(
  writer: XmlWriter, element: "incomingServer" | "outgoingServer", connection: MailConnection,
  oauth: AutoconfigOAuth | null,
): void {
  writer.open("", element, [{ name: "type", value: mailProtocols[connection.protocol].autoconfig }]);
  writer.element("", "hostname", connection.host).element("", "port", String(connection.port));
  writer.element("", "socketType", connection.security === "TLS" ? "SSL" : "STARTTLS");
  if (oauth !== null) writer.element("", "authentication", "OAuth2");
  writer.element("", "authentication", "password-cleartext").element("", "username", "%EMAILADDRESS%").close();
}

/** Add-ons and newer builds speak EWS and ActiveSync. */
function exchange(writer: XmlWriter, published: Published, ews: string): void {
  writer.open("", "incomingServer", [{ name: "type", value: "exchange" }]);
  const { authority } = published;
  writer.element("", "hostname", authority.replace(/:\d+$/, "")).element("", "port", portOf(authority))
    .element("", "socketType", "SSL").element("", "authentication", "password-cleartext")
    .element("", "username", "%EMAILADDRESS%").element("", "ewsURL", ews);
  for (const [name, protocol] of [["easURL", "activeSync"], ["owaURL", "owa"]] as const) {
    const url = published.web.get(protocol);
    if (url !== undefined) writer.element("", name, url);
  }
  writer.close();
}

function portOf(authority: string): string {
  return /:(\d+)$/.exec(authority)?.[1] ?? "443";
}
