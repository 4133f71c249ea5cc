/** Messages of the SOAP dialect as tables. [MS-OXWSADISC] 3.1.4 */
import { limits } from "#base/limits.ts";
import { byType, integer, listOf, nillable, optional, record, text, token } from "#codec/xml/shape.ts";
import type { Of } from "#codec/xml/shape.ts";

/** [MS-OXWSADISC] 2.2 */
export const soapNamespace = "http://schemas.microsoft.com/exchange/2010/Autodiscover";

const ns = soapNamespace;
const { autodiscoverUsersMax, autodiscoverSettingsMax } = limits;

const RequestedSettings = listOf(ns, "Setting", token, autodiscoverSettingsMax);

/** [MS-OXWSADISC] 3.1.4 */
export const GetUserSettingsRequest = record(ns, {
  Users: listOf(ns, "User", record(ns, { Mailbox: token }), autodiscoverUsersMax),
  RequestedSettings,
  RequestedVersion: optional(token),
});

/** [MS-OXWSADISC] 3.1.4 */
export const GetDomainSettingsRequest = record(ns, {
  Domains: listOf(ns, "Domain", token, autodiscoverUsersMax),
  RequestedSettings,
  RequestedVersion: optional(token),
});

/** [MS-OXWSADISC] 3.1.4 */
export const GetFederationInformationRequest = record(ns, { Domain: token });

/** Domains of organizations that share with this one. [MS-OXWSADISC] 3.1.4 */
export const GetOrganizationRelationshipSettingsRequest = record(ns, {
  Domains: listOf(ns, "Domain", token, autodiscoverUsersMax),
});

/** Codes of an answer, of one user or domain in it, or of one setting. [MS-OXWSADISC] 2.2 */
export const errorCodes = [
  "NoError", "RedirectAddress", "RedirectUrl", "InvalidUser", "InvalidRequest", "InvalidSetting",
  "SettingIsNotAvailable", "ServerBusy", "InvalidDomain", "NotFederated", "InternalServerError",
] as const;
export type ErrorCode = (typeof errorCodes)[number];

const coded = { ErrorCode: text, ErrorMessage: text };

/** Settings of one user, each of the kind its value needs. [MS-OXWSADISC] 2.2 */
export const UserSetting = byType(ns, {
  StringSetting: record(ns, { Name: text, Value: text }),
  WebClientUrlCollectionSetting: record(ns, {
    Name: text,
    WebClientUrls: listOf(ns, "WebClientUrl", record(ns, { AuthenticationMethods: text, Url: text })),
  }),
  ProtocolConnectionCollectionSetting: record(ns, {
    Name: text,
    ProtocolConnections: listOf(ns, "ProtocolConnection",
      record(ns, { Hostname: text, Port: integer, EncryptionMethod: text })),
  }),
  AlternateMailboxCollectionSetting: record(ns, {
    Name: text,
    AlternateMailboxes: listOf(ns, "AlternateMailbox", record(ns, {
      Type: text, DisplayName: text, LegacyDN: optional(text), Server: optional(text), SmtpAddress: optional(text),
      OwnerSmtpAddress: optional(text),
    })),
  }),
});
export type UserSetting = Of<typeof UserSetting>;

const UserResponse = record(ns, {
  ...coded,
  RedirectTarget: nillable(text),
  UserSettingErrors: listOf(ns, "UserSettingError", record(ns, { ...coded, SettingName: text })),
  UserSettings: listOf(ns, "UserSetting", UserSetting),
});
export type UserResponse = Of<typeof UserResponse>;

/** [MS-OXWSADISC] 3.1.4 */
export const GetUserSettingsResponse = record(ns, {
  ...coded, UserResponses: nillable(listOf(ns, "UserResponse", UserResponse)),
});

const DomainResponse = record(ns, {
  ...coded,
  DomainSettingErrors: listOf(ns, "DomainSettingError", record(ns, { ...coded, SettingName: text })),
  DomainSettings: listOf(ns, "DomainSetting", byType(ns, {
    DomainStringSetting: record(ns, { Name: text, Value: text }),
  })),
  RedirectTarget: nillable(text),
});
export type DomainResponse = Of<typeof DomainResponse>;

/** [MS-OXWSADISC] 3.1.4 */
export const GetDomainSettingsResponse = record(ns, {
  ...coded, DomainResponses: nillable(listOf(ns, "DomainResponse", DomainResponse)),
});

/** [MS-OXWSADISC] 3.1.4 */
export const GetFederationInformationResponse = record(ns, {
  ...coded,
  ApplicationUri: nillable(text),
  Domains: nillable(listOf(ns, "Domain", text)),
  TokenIssuers: nillable(listOf(ns, "TokenIssuer", record(ns, { Endpoint: nillable(text), Uri: nillable(text) }))),
});

/** [MS-OXWSADISC] 3.1.4 */
export const GetOrganizationRelationshipSettingsResponse = record(ns, {
  ...coded, OrganizationRelationshipSettingsCollection: nillable(listOf(ns, "OrganizationRelationshipSettings", text)),
});

/** The operations, by the part of their names that all messages share. */
export const operations = {
  GetUserSettings: { request: GetUserSettingsRequest, response: GetUserSettingsResponse },
  GetDomainSettings: { request: GetDomainSettingsRequest, response: GetDomainSettingsResponse },
  GetFederationInformation: { request: GetFederationInformationRequest, response: GetFederationInformationResponse },
  GetOrganizationRelationshipSettings: {
    request: GetOrganizationRelationshipSettingsRequest, response: GetOrganizationRelationshipSettingsResponse,
  },
} as const;
export type Operation = keyof typeof operations;
export type RequestOf<O extends Operation> = Of<(typeof operations)[O]["request"]>;
export type ResponseOf<O extends Operation> = Of<(typeof operations)[O]["response"]>;
/** Each operation with its own request. */
export type SoapCall = { [O in Operation]: { readonly operation: O; readonly request: RequestOf<O> } }[Operation];
export type SoapReply = { [O in Operation]: { readonly operation: O; readonly response: ResponseOf<O> } }[Operation];
