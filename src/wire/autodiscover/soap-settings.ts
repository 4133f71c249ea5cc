/**
 * Every setting that SOAP clients ask for, one row each: what it is of one account, or null where this server has
 * nothing to say. Names in the order of the field's own list. [MS-OXWSADISC] 3.1.4
 */
import {
  ewsSchemas, exchangeVersionText, mailboxServer, mapiUrl, mdbDn, serverDn,
} from "#wire/autodiscover/account.ts";
import type { Account } from "#wire/autodiscover/account.ts";
import { derivedUuid, mailProtocols } from "#wire/autodiscover/published.ts";
import type { MailProtocol, WebProtocol } from "#wire/autodiscover/published.ts";
import type { UserSetting } from "#wire/autodiscover/soap-shapes.ts";

type Value = string | UnnamedSetting | null;
/** A setting without its name. */
type UnnamedSetting = UserSetting extends infer One ? One extends UserSetting ? Omit<One, "Name"> : never : never;
type Row = (account: Account) => Value;

const nothing: Row = () => null;
const web = (name: WebProtocol): Row => ({ published }) => published.web.get(name) ?? null;
/** Where there is Exchange to connect to; IMAP clients have no use for these. */
const exchange = (row: Row): Row => (account) => (
  account.published.web.has("mapi") || account.published.web.has("ews") ? row(account) : null
);
const ews = (row: Row): Row => (account) => (account.published.web.has("ews") ? row(account) : null);
const host: Row = ({ published }) => published.authority.replace(/:\d+$/, "");

const webClients: Row = ({ published }) => {
  const url = published.web.get("owa");
  return url === undefined ? null
    : { kind: "WebClientUrlCollectionSetting", WebClientUrls: [{ AuthenticationMethods: "Basic, Fba", Url: url }] };
};

const connections = (protocol: MailProtocol): Row => ({ published }) => {
  const found = published.mail.filter((one) => one.protocol === protocol);
  return found.length === 0 ? null : {
    kind: "ProtocolConnectionCollectionSetting",
    ProtocolConnections: found.map((one) => ({
      Hostname: one.host, Port: one.port, EncryptionMethod: one.security === "TLS" ? "SSL" : "TLS",
    })),
  };
};

const alternates: Row = ({ alternatives }) => ({
  kind: "AlternateMailboxCollectionSetting",
  AlternateMailboxes: alternatives.map((one) => ({
    Type: "Delegate", DisplayName: one.displayName, SmtpAddress: one.address, OwnerSmtpAddress: one.address,
  })),
});

/** Both sides of this server's one network. */
function bothSides(name: string, row: Row): Record<string, Row> {
  return { [`Internal${name}`]: row, [`External${name}`]: row };
}

/** Pages of Exchange's control panel that this server has not, and their fragments. */
const controlPanelPages = [
  "Voicemail", "EmailSubscriptions", "TextMessaging", "DeliveryReport", "RetentionPolicyTags", "Publishing", "Photo",
  "Connect", "TeamMailbox", "TeamMailboxCreating", "TeamMailboxEditing", "TeamMailboxHiding", "ExtensionInstallation",
].flatMap((page) => [`InternalEcp${page}Url`, `ExternalEcp${page}Url`, `Ecp${page}UrlFragment`]);

/** One row for each name; a name without a row is no setting. */
export const userSettings: ReadonlyMap<string, Row> = new Map(Object.entries<Row>({
  UserDisplayName: (account) => account.displayName,
  UserDN: (account) => account.legacyDn,
  UserDeploymentId: (account) => account.deploymentId,
  InternalMailboxServer: exchange(mailboxServer),
  InternalRpcClientServer: exchange(mailboxServer),
  InternalMailboxServerDN: exchange(serverDn),
  ...bothSides("EcpUrl", web("ecp")),
  ...Object.fromEntries(controlPanelPages.map((name) => [name, nothing])),
  ...bothSides("EwsUrl", web("ews")),
  ...bothSides("EmwsUrl", web("ews")),
  ...bothSides("OABUrl", web("oab")),
  ...bothSides("PhotosUrl", ews(({ published }) => `${published.web.get("ews")}/s/GetUserPhoto`)),
  ...bothSides("UMUrl", nothing),
  ...bothSides("WebClientUrls", webClients),
  MailboxDN: exchange(mdbDn),
  PublicFolderServer: exchange((account) => (account.publicFolderAddress === null ? null : host(account))),
  ActiveDirectoryServer: nothing,
  ExternalMailboxServer: exchange(host),
  ExternalMailboxServerRequiresSSL: exchange(() => "True"),
  ExternalMailboxServerAuthenticationMethods: exchange(() => "Basic"),
  CrossOrganizationSharingEnabled: () => "False",
  AlternateMailboxes: alternates,
  CasVersion: () => exchangeVersionText,
  EwsSupportedSchemas: ews(() => ewsSchemas.join(", ")),
  ...Object.fromEntries((Object.keys(mailProtocols) as MailProtocol[]).flatMap((protocol) => (
    Object.entries(bothSides(`${mailProtocols[protocol].soap}Connections`, connections(protocol)))
  ))),
  InternalServerExclusiveConnect: exchange(() => "Off"),
  ExternalServerExclusiveConnect: exchange(() => "On"),
  ExternalEwsVersion: ews(() => exchangeVersionText),
  MobileMailboxPolicy: nothing,
  DocumentSharingLocations: nothing,
  UserMSOnline: () => "False",
  InternalMailboxServerAuthenticationMethods: exchange(() => "Basic"),
  MailboxVersion: exchange(() => exchangeVersionText),
  SPMySiteHostURL: nothing,
  SiteMailboxCreationURL: nothing,
  InternalRpcHttpServer: web("rpc"),
  InternalRpcHttpConnectivityRequiresSsl: (account) => (account.published.web.has("rpc") ? "True" : null),
  InternalRpcHttpAuthenticationMethod: (account) => (account.published.web.has("rpc") ? "Basic" : null),
  ExchangeRpcUrl: web("rpc"),
  ShowGalAsDefaultView: () => "True",
  AutoDiscoverSMTPAddress: (account) => account.address,
  InteropExternalEwsUrl: nothing,
  InteropExternalEwsVersion: nothing,
  PublicFolderInformation: (account) => account.publicFolderAddress,
  RedirectUrl: nothing,
  EwsPartnerUrl: web("ews"),
  CertPrincipalName: exchange(() => "None"),
  GroupingInformation: exchange((account) => derivedUuid(`server ${account.deploymentId}`)),
  InternalOutlookServiceUrl: nothing,
  ExternalOutlookServiceUrl: nothing,
  // Asked for by Outlook since 2013 SP1 outside the public list.
  MapiHttpEnabled: (account) => (account.published.web.has("mapi") ? "True" : "False"),
  MapiHttpEnabledForUser: (account) => (account.published.web.has("mapi") ? "True" : "False"),
  ...mapiSides(),
  MobileSyncUrl: web("activeSync"),
}));

function mapiSides(): Record<string, Row> {
  const withMailbox = (name: "mapi" | "nspi"): Row => (account) => {
    const url = account.published.web.get(name);
    return url === undefined ? null : mapiUrl(url, account);
  };
  return {
    ...bothSides("MapiHttpMailStoreUrl", withMailbox("mapi")),
    ...bothSides("MapiHttpAddressBookUrl", withMailbox("nspi")),
  };
}

/** The setting as it is answered; null when this account has none, undefined when nothing is called so. */
export function userSetting(name: string, account: Account): UserSetting | null | undefined {
  const row = userSettings.get(name);
  if (row === undefined) return undefined;
  const value = row(account);
  if (value === null) return null;
  return typeof value === "string" ? { kind: "StringSetting", Name: name, Value: value } : { ...value, Name: name };
}
