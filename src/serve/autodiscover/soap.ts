/** `/autodiscover/autodiscover.svc`: settings of users and domains over SOAP. [MS-OXWSADISC] 3.1.4 */
import { Fault } from "#base/fault.ts";
import type { SignedIn } from "#directory/api.ts";
import type { HttpRequest, HttpRoute } from "#net/http.ts";
import { sendBody, sendText } from "#net/http.ts";
import { requestRoute, signIn, smallBody } from "#serve/autodiscover/pox.ts";
import type { Autodiscover } from "#serve/autodiscover/service.ts";
import { exchangeVersionText } from "#wire/autodiscover/account.ts";
import type { Discovery } from "#wire/autodiscover/account.ts";
import type { Published } from "#wire/autodiscover/published.ts";
import {
  envelopes, parseSoapRequest, soapFaults, writeSoapFault, writeSoapReply,
} from "#wire/autodiscover/soap-message.ts";
import type { SoapFaultCode, SoapFrame } from "#wire/autodiscover/soap-message.ts";
import { userSetting } from "#wire/autodiscover/soap-settings.ts";
import type { DomainResponse, ErrorCode, SoapCall, SoapReply, UserResponse } from "#wire/autodiscover/soap-shapes.ts";

export function soapRoute(service: Autodiscover): HttpRoute {
  return {
    path: "/autodiscover/autodiscover.svc", ...requestRoute,
    methods: {
      async GET(request) {
        if (await signIn(request, service) === null) return;
        sendText(request.response, 200, "This is the Autodiscover service; it is asked by POST with a SOAP envelope.");
      },
      async POST(request) {
        const asker = await signIn(request, service);
        if (asker !== null) await answer(request, service, asker);
      },
    },
  };
}

async function answer(request: HttpRequest, service: Autodiscover, asker: SignedIn): Promise<void> {
  const refuse = (frame: SoapFrame, code: SoapFaultCode, reason: string): void => {
    const { status } = soapFaults[code];
    sendBody(request.response, status, envelopes[frame.version].contentType, writeSoapFault(frame, code, reason));
  };
  const body = await smallBody(request);
  if (body === null) return refuse({ version: "1.1", messageId: null }, "TooLarge", "The request is too large.");
  const asked = parseSoapRequest(body);
  if (asked.kind === "fault") return refuse(asked, asked.code, asked.reason);
  const authority = await service.authorityFor(request);
  const reply = isKnownVersion(asked.serverVersion) ? await replyTo(request, service, asker, asked.call, authority)
    : refusedReply(asked.call, "InvalidRequest", "The requested server version is unknown.");
  sendBody(request.response, 200, envelopes[asked.version].contentType, writeSoapReply(asked, reply));
}

/** `Exchange2010`, `Exchange2013_SP1` and those still to come; programs that send none are answered too. */
function isKnownVersion(version: string | null): boolean {
  return version === null || version === "" || /^Exchange(?:\d{4}|Online)?(?:_SP\d+)?$/i.test(version);
}

/** The whole call refused with a code of the dialect. */
function refusedReply({ operation }: SoapCall, code: ErrorCode, message: string): SoapReply {
  const why = { ErrorCode: code, ErrorMessage: message };
  switch (operation) {
    case "GetUserSettings": return { operation, response: { ...why, UserResponses: null } };
    case "GetDomainSettings": return { operation, response: { ...why, DomainResponses: null } };
    case "GetFederationInformation":
      return { operation, response: { ...why, ApplicationUri: null, Domains: null, TokenIssuers: null } };
    case "GetOrganizationRelationshipSettings":
      return { operation, response: { ...why, OrganizationRelationshipSettingsCollection: null } };
  }
}

async function replyTo(
  request: HttpRequest, service: Autodiscover, asker: SignedIn, call: SoapCall, authority: string,
): Promise<SoapReply> {
  const { ctx } = request;
  switch (call.operation) {
    case "GetUserSettings": {
      const { Users, RequestedSettings } = call.request;
      if (Users.length === 0) return refusedReply(call, "InvalidRequest", "At least one user must be specified.");
      if (RequestedSettings.length === 0) {
        return refusedReply(call, "InvalidRequest", "At least one setting must be requested.");
      }
      const UserResponses: UserResponse[] = [];
      for (const { Mailbox } of Users) {
        let found: Discovery;
        try {
          found = await service.discover(ctx, asker, { address: Mailbox, legacyDn: null }, authority);
        } catch (error) {
          if (!(error instanceof Fault) || error.code !== "serverBusy") throw error;
          UserResponses.push({ ...noUser, ErrorCode: "ServerBusy", ErrorMessage: error.message });
          continue;
        }
        UserResponses.push(userResponse(Mailbox, found, RequestedSettings));
      }
      return { operation: call.operation, response: { ErrorCode: "NoError", ErrorMessage: "", UserResponses } };
    }
    case "GetDomainSettings": {
      const { Domains, RequestedSettings } = call.request;
      if (Domains.length === 0) return refusedReply(call, "InvalidRequest", "At least one domain must be specified.");
      const DomainResponses: DomainResponse[] = [];
      for (const domain of Domains) {
        const isOurs = await service.isOurDomain(ctx, domain);
        DomainResponses.push(domainResponse(domain, isOurs, service.published(authority), RequestedSettings));
      }
      return { operation: call.operation, response: { ErrorCode: "NoError", ErrorMessage: "", DomainResponses } };
    }
    case "GetFederationInformation": {
      const isOurs = await service.isOurDomain(ctx, call.request.Domain);
      return isOurs ? refusedReply(call, "NotFederated", "The organization is not federated.")
        : refusedReply(call, "InvalidDomain", "The requested domain is not served here.");
    }
    case "GetOrganizationRelationshipSettings":
      return refusedReply(call, "NotFederated", "The organization is not federated.");
  }
}

const noUser: UserResponse = {
  ErrorCode: "NoError", ErrorMessage: "", RedirectTarget: null, UserSettingErrors: [], UserSettings: [],
};

/** One user of a request: settings that are there, and one error for each that is not. [MS-OXWSADISC] 2.2 */
export function userResponse(mailbox: string, found: Discovery, names: readonly string[]): UserResponse {
  if (found.kind === "redirect") {
    return { ...noUser, ErrorCode: "RedirectAddress", ErrorMessage: "The email address must be redirected.",
      RedirectTarget: found.address };
  }
  if (found.kind !== "account") {
    return { ...noUser, ErrorCode: "InvalidUser", ErrorMessage: `Invalid user: '${mailbox.slice(0, 320)}'.` };
  }
  const UserSettings: UserResponse["UserSettings"][number][] = [];
  const UserSettingErrors: UserResponse["UserSettingErrors"][number][] = [];
  for (const name of new Set(names)) {
    const value = userSetting(name, found.account);
    if (value) UserSettings.push(value);
    else UserSettingErrors.push(settingError(name, value === undefined));
  }
  return { ...noUser, ErrorMessage: "No error.", UserSettings, UserSettingErrors };
}

function settingError(name: string, isUnknown: boolean): UserResponse["UserSettingErrors"][number] {
  const SettingName = name.slice(0, 256);
  return isUnknown
    ? { ErrorCode: "InvalidSetting", ErrorMessage: `The setting '${SettingName}' is invalid.`, SettingName }
    : { ErrorCode: "SettingIsNotAvailable", ErrorMessage: `The setting '${SettingName}' is not available.`,
      SettingName };
}

/** [MS-OXWSADISC] 3.1.4 */
export function domainResponse(
  domain: string, isOurs: boolean, published: Published, names: readonly string[],
): DomainResponse {
  if (!isOurs) {
    return { ErrorCode: "InvalidDomain", ErrorMessage: `The domain '${domain.slice(0, 256)}' is not served here.`,
      DomainSettingErrors: [], DomainSettings: [], RedirectTarget: null };
  }
  const ews = published.web.get("ews") ?? null;
  const known = new Map<string, string | null>([
    ["ExternalEwsUrl", ews], ["ExternalEwsVersion", ews === null ? null : exchangeVersionText],
  ]);
  const DomainSettings: DomainResponse["DomainSettings"][number][] = [];
  const DomainSettingErrors: DomainResponse["DomainSettingErrors"][number][] = [];
  for (const Name of new Set(names)) {
    const Value = known.get(Name);
    if (typeof Value === "string") DomainSettings.push({ kind: "DomainStringSetting", Name, Value });
    else DomainSettingErrors.push(settingError(Name, Value === undefined));
  }
  return { ErrorCode: "NoError", ErrorMessage: "No error.", DomainSettingErrors, DomainSettings, RedirectTarget: null };
}
