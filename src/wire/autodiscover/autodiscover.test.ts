/**
 * The dialects as functions: requests of the documentation and of recorded clients are understood, answers have the
 * form of the documentation's examples, everything published follows from the rows that are switched on, and hostile
 * bytes get the dialect's refusal and nothing else.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { parseXml } from "#codec/xml/element.ts";
import type { XmlElement } from "#codec/xml/element.ts";
import { mailboxServer, serverVersionHex } from "#wire/autodiscover/account.ts";
import type { Account } from "#wire/autodiscover/account.ts";
import { writePlist, writeProfile } from "#wire/autodiscover/apple-profile.ts";
import { writeAutoconfig } from "#wire/autodiscover/autoconfig.ts";
import { answerJson, isJsonPath, parseJsonRequest } from "#wire/autodiscover/json.ts";
import { parsePoxRequest, poxClientOf } from "#wire/autodiscover/pox-request.ts";
import {
  errorTime, mobileError, mobileRedirect, mobileSettings, poxError, poxRedirect, poxSettings, serverId,
} from "#wire/autodiscover/pox-response.ts";
import { derivedUuid, publish, webProtocols } from "#wire/autodiscover/published.ts";
import type { Published } from "#wire/autodiscover/published.ts";
import { parseSoapRequest, writeSoapFault, writeSoapReply } from "#wire/autodiscover/soap-message.ts";
import { userSetting, userSettings } from "#wire/autodiscover/soap-settings.ts";
import { corpusFolder } from "../../../test/support/corpus.ts";

const mail = [
  { protocol: "imap", host: "mail.example.test", port: 143, security: "STARTTLS" },
  { protocol: "imap", host: "mail.example.test", port: 993, security: "TLS" },
  { protocol: "smtp", host: "mail.example.test", port: 587, security: "STARTTLS" },
  { protocol: "smtp", host: "mail.example.test", port: 465, security: "TLS" },
  { protocol: "pop3", host: "mail.example.test", port: 995, security: "TLS" },
] as const;

function published(served: readonly string[], off: readonly string[] = []): Published {
  const paths = served.map((name) => webProtocols[name as keyof typeof webProtocols].path as string);
  return publish({ authority: "autodiscover.example.test", isServed: (path) => paths.includes(path), mail, off });
}
const everything = Object.keys(webProtocols);
const today = ["autodiscover"];

function account(served: readonly string[], more: Partial<Account> = {}): Account {
  return {
    displayName: "Alice <A> & B", address: "alice@example.test", deploymentId: derivedUuid("organization"),
    legacyDn: "/o=Outpost/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Recipients/cn=0123-alice",
    published: published(served), alternatives: [], publicFolderAddress: null, ...more,
  };
}

const outlook2006a = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a";
const mapiOutlook = poxClientOf({ mapiHttpCapability: "1", userAgent: "Microsoft Office/16.0 (Windows NT 10.0)" });
const oldOutlook = poxClientOf({ userAgent: "Microsoft Office/14.0 (Windows NT 6.1; Microsoft Outlook 14.0.7113)" });
const otherClient = poxClientOf({ userAgent: "exchangelib/4.9.0" });

/** `Account/Protocol[EXCH]/Type` and so on: names only, so that two documents can be compared by form. */
function shape(element: XmlElement): unknown {
  const { children } = element;
  const attributes = element.attributes.map(({ name }) => `@${name}`);
  return children.length + attributes.length === 0 ? element.name
    : [element.name, ...attributes, ...children.map(shape)];
}

function protocols(document: string): Map<string, XmlElement> {
  const found = parseXml(document).child("Response", outlook2006a)!.child("Account")!.childrenNamed("Protocol");
  return new Map(found.map((one) => [one.attribute("Type") ?? one.childText("Type")!, one]));
}

test("versions, times and ids as documented", () => {
  // The example in the documentation of ServerVersion, two from documented answers.
  assert.equal(serverVersionHex(14, 1, 218), "738180DA");
  assert.equal(serverVersionHex(8, 0, 647), "72008287");
  assert.equal(serverVersionHex(15, 1, 2176), "73C18880");
  assert.equal(errorTime(Date.UTC(2026, 0, 2, 21, 25, 4, 889)), "21:25:04.8890000");
  assert.equal(serverId(""), 2166136261);
  assert.ok(serverId("mail.example.test") >= 0);
  assert.match(derivedUuid("x"), /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.equal(derivedUuid("x"), derivedUuid("x"));
  assert.match(mailboxServer(account([])), /^[0-9a-f-]{36}@example\.test$/);
});

const requestOf = (body: string, schema = "outlook"): string => `<?xml version="1.0" encoding="utf-8"?>
<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/${schema}/requestschema/2006">
  <Request>${body}</Request></Autodiscover>`;
const acceptable = `<AcceptableResponseSchema>${outlook2006a}</AcceptableResponseSchema>`;
const email = "<EMailAddress> user@contoso.com </EMailAddress>";

test("plain requests, good and bad", () => {
  const rows: [name: string, document: string | Uint8Array, expected: unknown][] = [
    ["an address", requestOf(email + acceptable),
      { schema: "outlook", responseNamespace: outlook2006a, address: "user@contoso.com", legacyDn: null }],
    ["a name", requestOf(`<LegacyDN>/o=x/cn=y</LegacyDN>${acceptable}`),
      { schema: "outlook", responseNamespace: outlook2006a, address: null, legacyDn: "/o=x/cn=y" }],
    ["UTF-16", Buffer.from(`\ufeff${requestOf(email + acceptable)}`, "utf16le"),
      { schema: "outlook", responseNamespace: outlook2006a, address: "user@contoso.com", legacyDn: null }],
    ["https for http", requestOf(email + acceptable).replaceAll("http://", "https://"),
      { schema: "outlook", responseNamespace: outlook2006a, address: "user@contoso.com", legacyDn: null }],
    ["a phone", requestOf(email + acceptable.replace("outlook", "mobilesync").replace("2006a", "2006"), "mobilesync"),
      { schema: "mobilesync", address: "user@contoso.com", legacyDn: null, responseNamespace:
        "http://schemas.microsoft.com/exchange/autodiscover/mobilesync/responseschema/2006" }],
    ["nothing", "", 600], ["no XML", "hello", 600], ["cut off", requestOf(email).slice(0, -5), 600],
    ["no address", requestOf(acceptable), 600], ["no schema", requestOf(email), 600],
    ["another root", "<a/>", 600], ["another namespace", "<Autodiscover><Request/></Autodiscover>", 600],
    ["another schema", requestOf(`${email}<AcceptableResponseSchema>urn:x</AcceptableResponseSchema>`), 601],
    ["a schema named like an object's", requestOf(
      `${email}<AcceptableResponseSchema>constructor</AcceptableResponseSchema>`), 601],
    ["a DTD", `<!DOCTYPE a [<!ENTITY x "y">]>${requestOf(email + acceptable).slice(38)}`, 600],
    ["too deep", requestOf(`${"<a>".repeat(40)}${"</a>".repeat(40)}${email}${acceptable}`), 600],
    ["too many elements", requestOf(`${"<a/>".repeat(6000)}${email}${acceptable}`), 600],
    ["too large", requestOf(`<!--${"x".repeat(300_000)}-->${email}${acceptable}`), 600],
  ];
  for (const [name, document, expected] of rows) {
    assert.deepEqual(parsePoxRequest(Buffer.from(document)), expected, name);
  }
});

test("the error has the form of the documentation's example", () => {
  const documented = `<?xml version="1.0" encoding="utf-8"?>
    <Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006">
      <Response xmlns="http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006">
        <Error Time="21:25:04.8897083" Id="4130155072"><ErrorCode>600</ErrorCode><Message>Invalid Request</Message>
          <DebugData /></Error></Response></Autodiscover>`;
  const made = poxError(600, { nowMs: 0, hostname: "mail.example.test" });
  assert.deepEqual(shape(parseXml(made)), shape(parseXml(documented)));
  const error = parseXml(made).child("Response")!.child("Error")!;
  assert.equal(error.childText("ErrorCode"), "600");
  assert.equal(error.childText("Message"), "Invalid Request");
  assert.equal(error.attribute("Time"), "00:00:00.0000000");
  assert.match(error.attribute("Id")!, /^\d+$/);
});

test("with everything served, Outlook finds MAPI, the old blocks and the rest", () => {
  const more = {
    alternatives: [{ displayName: "Info", address: "info@example.test", legacyDn: "/o=x/cn=info" }],
    publicFolderAddress: "folders@example.test",
  };
  const document = poxSettings(account(everything, more), mapiOutlook, outlook2006a);
  const found = protocols(document);
  assert.deepEqual([...found.keys()], ["mapiHttp", "EXCH", "EXPR", "WEB", "IMAP", "SMTP", "POP3"]);
  // The form of the example in [MS-OXDSCLI] 4.4, with the outside address beside the inside one.
  const mapi = found.get("mapiHttp")!;
  assert.deepEqual(shape(mapi), ["Protocol", "@Type", "@Version", ["MailStore", "InternalUrl", "ExternalUrl"],
    ["AddressBook", "InternalUrl", "ExternalUrl"]]);
  assert.match(mapi.child("MailStore")!.childText("InternalUrl")!,
    /^https:\/\/autodiscover\.example\.test\/mapi\/emsmdb\/\?MailboxId=[0-9a-f-]{36}@example\.test$/);
  const exch = found.get("EXCH")!;
  assert.equal(exch.childText("ServerDN"), "/o=Outpost/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)"
    + `/cn=Configuration/cn=Servers/cn=${exch.childText("Server")}`);
  assert.equal(exch.childText("MdbDN"), `${exch.childText("ServerDN")}/cn=Microsoft Private MDB`);
  assert.equal(exch.childText("ASUrl"), "https://autodiscover.example.test/EWS/Exchange.asmx");
  assert.equal(found.get("EXPR")!.childText("Server"), "autodiscover.example.test");
  assert.deepEqual(shape(found.get("WEB")!), ["Protocol", "Type",
    ["Internal", ["OWAUrl", "@AuthenticationMethod"], ["Protocol", "Type", "ASUrl"]],
    ["External", ["OWAUrl", "@AuthenticationMethod"], ["Protocol", "Type", "ASUrl"]]]);
  const response = parseXml(document).child("Response", outlook2006a)!;
  assert.equal(response.child("User")!.childText("DisplayName"), "Alice <A> & B");
  const box = response.child("Account")!.child("AlternativeMailbox")!;
  assert.deepEqual(shape(box), ["AlternativeMailbox", "Type", "DisplayName", "SmtpAddress", "OwnerSmtpAddress"]);
  assert.equal(response.child("Account")!.child("PublicFolderInformation")!.childText("SmtpAddress"),
    "folders@example.test");
});

test("what is published depends on what is served, what is switched off and who asks", () => {
  const rows: [served: string[], client: ReturnType<typeof poxClientOf>, expected: string[]][] = [
    [today, mapiOutlook, ["IMAP", "SMTP", "POP3"]],
    [[...today, "ews"], mapiOutlook, ["IMAP", "SMTP", "POP3"]],
    [[...today, "ews"], otherClient, ["EXCH", "EXPR", "WEB", "IMAP", "SMTP", "POP3"]],
    [[...today, "mapi", "nspi", "ews"], oldOutlook, ["EXCH", "EXPR", "WEB", "IMAP", "SMTP", "POP3"]],
    [[...today, "mapi", "nspi"], mapiOutlook, ["mapiHttp", "EXCH", "EXPR", "IMAP", "SMTP", "POP3"]],
    [everything, poxClientOf({ clientCanHandle: "Negotiate, ExHttpInfo" }),
      ["EXCH", "EXPR", "EXHTTP", "WEB", "IMAP", "SMTP", "POP3"]],
  ];
  for (const [served, client, expected] of rows) {
    assert.deepEqual([...protocols(poxSettings(account(served), client, outlook2006a)).keys()], expected);
  }
  const off = account(everything, { published: published(everything, ["mapi", "imap", "smtp"]) });
  assert.deepEqual([...protocols(poxSettings(off, mapiOutlook, outlook2006a)).keys()], ["POP3"]);
});

test("ports: TLS before STARTTLS, one of each", () => {
  const found = protocols(poxSettings(account(today), otherClient, outlook2006a));
  const imap = found.get("IMAP")!;
  assert.deepEqual(imap.children.map((one) => `${one.name}=${one.text}`), ["Type=IMAP", "Server=mail.example.test",
    "Port=993", "LoginName=alice@example.test", "DomainRequired=off", "SPA=off", "SSL=on", "Encryption=SSL",
    "AuthRequired=on"]);
  assert.equal(found.get("SMTP")!.childText("Port"), "465");
  assert.equal(found.get("SMTP")!.childText("UsePOPAuth"), "off");
});

test("a redirect as the documentation shows it", () => {
  const documented = `<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006">
    <Response xmlns="${outlook2006a}"><Account><AccountType>email</AccountType><Action>redirectAddr</Action>
    <RedirectAddr>elvin@mail.contoso.com</RedirectAddr></Account></Response></Autodiscover>`;
  assert.deepEqual(shape(parseXml(poxRedirect("elvin@mail.contoso.com", outlook2006a))), shape(parseXml(documented)));
});

test("phones: settings, redirect and error in the form of [MS-ASCMD] 4.2", () => {
  const mobile = "http://schemas.microsoft.com/exchange/autodiscover/mobilesync/responseschema/2006";
  const answer = (action: string, user: string): string => `<?xml version="1.0" encoding="utf-8"?>
    <Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006">
    <Response xmlns="${mobile}"><Culture>en:us</Culture>
    <User>${user}<EMailAddress>chris@woodgrovebank.com</EMailAddress></User><Action>${action}</Action></Response>
    </Autodiscover>`;
  const url = "https://loandept.woodgrovebank.com/Microsoft-Server-ActiveSync";
  const settings = answer(`<Settings><Server><Type>MobileSync</Type><Url>${url}</Url><Name>${url}</Name></Server>
    </Settings>`, "<DisplayName>Chris Gray</DisplayName>");
  const chris = account(everything, { displayName: "Chris Gray", address: "chris@woodgrovebank.com" });
  assert.deepEqual(texts(parseXml(mobileSettings(chris, url))), texts(parseXml(settings)));
  const redirect = answer("<Redirect>chris@loandept.woodgrovebank.com</Redirect>", "");
  assert.deepEqual(texts(parseXml(mobileRedirect("chris@woodgrovebank.com", "chris@loandept.woodgrovebank.com"))),
    texts(parseXml(redirect)));
  const error = answer(`<Error><Status>2</Status><Message>The directory service could not be reached</Message>
    <DebugData>MailUser</DebugData></Error>`, "");
  const made = mobileError("chris@woodgrovebank.com", "The directory service could not be reached");
  assert.deepEqual(texts(parseXml(made)), texts(parseXml(error)));
});

/** Names, and the text of those without children. */
function texts(element: XmlElement): unknown {
  const { children } = element;
  return children.length === 0 ? `${element.key}=${element.text.trim()}` : [element.key, ...children.map(texts)];
}

const soap = "http://schemas.microsoft.com/exchange/2010/Autodiscover";
const soapRequest = (body: string, header = ""): string => `<?xml version="1.0" encoding="utf-8"?>
<soap:Envelope xmlns:a="${soap}" xmlns:wsa="http://www.w3.org/2005/08/addressing"
  xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Header>${header}</soap:Header>
  <soap:Body>${body}</soap:Body></soap:Envelope>`;
const userRequest = `<a:GetUserSettingsRequestMessage><a:Request><a:Users><a:User><a:Mailbox>u@x</a:Mailbox></a:User>
  </a:Users><a:RequestedSettings><a:Setting>UserDN</a:Setting></a:RequestedSettings></a:Request>
  </a:GetUserSettingsRequestMessage>`;

test("SOAP requests, good and bad", () => {
  const good = parseSoapRequest(Buffer.from(soapRequest(userRequest, `<wsa:MessageID>urn:1</wsa:MessageID>
    <a:RequestedServerVersion>Exchange2013</a:RequestedServerVersion><wsa:To soap:mustUnderstand="1">x</wsa:To>`)));
  assert.deepEqual(good, {
    version: "1.1", messageId: "urn:1", kind: "call", serverVersion: "Exchange2013", call: {
      operation: "GetUserSettings", request: { Users: [{ Mailbox: "u@x" }], RequestedSettings: ["UserDN"] },
    },
  });
  const newer = soapRequest(userRequest).replace("http://schemas.xmlsoap.org/soap/envelope/",
    "http://www.w3.org/2003/05/soap-envelope");
  assert.equal(parseSoapRequest(Buffer.from(newer)).version, "1.2");
  const bad: [string, string, string][] = [
    ["nothing", "", "Client"], ["no envelope", "<a/>", "Client"], ["no body", soapRequest(""), "ActionNotSupported"],
    ["unknown operation", soapRequest("<a:GetMoneyRequestMessage/>"), "ActionNotSupported"],
    ["an object's name", soapRequest("<a:constructorRequestMessage/>"), "ActionNotSupported"],
    ["no request", soapRequest("<a:GetUserSettingsRequestMessage/>"), "Client"],
    ["no users", soapRequest("<a:GetUserSettingsRequestMessage><a:Request/></a:GetUserSettingsRequestMessage>"),
      "Client"],
    ["too many users", soapRequest(userRequest.replace(/<a:User>.*?<\/a:User>/s, (user) => user.repeat(101))),
      "Client"],
    ["security that is not understood", soapRequest(userRequest,
      '<w:Security xmlns:w="urn:wsse" soap:mustUnderstand="1"/>'), "MustUnderstand"],
    ["a DTD", `<!DOCTYPE a>${soapRequest(userRequest).slice(38)}`, "Client"],
  ];
  for (const [name, document, code] of bad) {
    const asked = parseSoapRequest(Buffer.from(document));
    assert.equal(asked.kind, "fault", name);
    assert.equal(asked.kind === "fault" && asked.code, code, name);
  }
});

test("a SOAP answer has the form of the documentation's", () => {
  const documented = `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>
    <GetUserSettingsResponseMessage xmlns="${soap}"><Response xmlns:i="http://www.w3.org/2001/XMLSchema-instance">
    <ErrorCode>NoError</ErrorCode><ErrorMessage /><UserResponses><UserResponse><ErrorCode>NoError</ErrorCode>
    <ErrorMessage>No error.</ErrorMessage><RedirectTarget i:nil="true" /><UserSettingErrors /><UserSettings>
    <UserSetting i:type="StringSetting"><Name>UserDisplayName</Name><Value>UserDisplayName</Value></UserSetting>
    </UserSettings></UserResponse></UserResponses></Response></GetUserSettingsResponseMessage></s:Body></s:Envelope>`;
  const made = writeSoapReply({ version: "1.1", messageId: "urn:1" }, {
    operation: "GetUserSettings", response: { ErrorCode: "NoError", ErrorMessage: "", UserResponses: [{
      ErrorCode: "NoError", ErrorMessage: "No error.", RedirectTarget: null, UserSettingErrors: [],
      UserSettings: [{ kind: "StringSetting", Name: "UserDisplayName", Value: "UserDisplayName" }],
    }] },
  });
  const root = parseXml(made);
  assert.deepEqual(texts(root.child("Body")!), texts(parseXml(documented).child("Body")!));
  const header = root.child("Header")!;
  const addressing = "http://www.w3.org/2005/08/addressing";
  assert.equal(header.childText("Action", addressing), `${soap}/Autodiscover/GetUserSettingsResponse`);
  assert.equal(header.childText("RelatesTo", addressing), "urn:1");
  assert.deepEqual(header.child("ServerVersionInfo", soap)!.children.map((one) => one.name),
    ["MajorVersion", "MinorVersion", "MajorBuildNumber", "MinorBuildNumber", "Version"]);
  const setting = root.child("Body")!.children[0]!.children[0]!.child("UserResponses")!.children[0]!
    .child("UserSettings")!.children[0]!;
  assert.deepEqual(setting.type, { namespace: soap, name: "StringSetting" });
});

test("faults in both versions of SOAP", () => {
  const old = parseXml(writeSoapFault({ version: "1.1", messageId: null }, "Client", "Bad <thing>"));
  const fault = old.child("Body")!.child("Fault")!;
  assert.equal(fault.childText("faultcode", ""), "s:Client");
  assert.equal(fault.childText("faultstring", ""), "Bad <thing>");
  const newer = parseXml(writeSoapFault({ version: "1.2", messageId: null }, "ActionNotSupported", "No."));
  assert.deepEqual(shape(newer.child("Body")!), ["Body",
    ["Fault", ["Code", "Value", ["Subcode", "Value"]], ["Reason", ["Text", "@lang"]]]]);
});

test("every setting has a row that gives a value of its kind or none", () => {
  for (const served of [today, [...today, "ews"], everything]) {
    for (const name of userSettings.keys()) {
      const value = userSetting(name, account(served));
      assert.notEqual(value, undefined, name);
      if (value?.kind === "StringSetting") assert.ok(!value.Value.includes("undefined"), name);
    }
  }
  assert.equal(userSetting("constructor", account(today)), undefined);
  const value = (name: string, served: readonly string[]): unknown => {
    const found = userSetting(name, account(served));
    return found?.kind === "StringSetting" ? found.Value : found;
  };
  assert.equal(value("ExternalEwsUrl", today), null);
  assert.equal(value("ExternalEwsUrl", everything), "https://autodiscover.example.test/EWS/Exchange.asmx");
  assert.equal(value("EwsSupportedSchemas", everything), "Exchange2007, Exchange2007_SP1, Exchange2010, "
    + "Exchange2010_SP1, Exchange2010_SP2, Exchange2013, Exchange2013_SP1, Exchange2015, Exchange2016");
  assert.deepEqual(value("ExternalImap4Connections", today), {
    kind: "ProtocolConnectionCollectionSetting", Name: "ExternalImap4Connections", ProtocolConnections: [
      { Hostname: "mail.example.test", Port: 993, EncryptionMethod: "SSL" },
      { Hostname: "mail.example.test", Port: 143, EncryptionMethod: "TLS" },
    ],
  });
});

test("no setting of another program's list is unknown", () => {
  const enumeration = createRequire(import.meta.url)("ews-javascript-api/js/Enumerations/UserSettingName.js") as {
    UserSettingName: Record<string, string | number>;
  };
  const names = Object.keys(enumeration.UserSettingName).filter((name) => /^[A-Z]/.test(name));
  assert.ok(names.length > 80, `${names.length}`);
  assert.deepEqual(names.filter((name) => !userSettings.has(name)), []);
});

test("JSON: forms, answers and refusals", () => {
  const ask = (target: string, served: readonly string[] = everything, isOurs = true) => {
    const url = new URL(target, "https://x");
    const path = decodeURIComponent(url.pathname);
    return isJsonPath(path) ? answerJson(parseJsonRequest(path, url.searchParams), published(served), isOurs) : null;
  };
  const base = "/autodiscover/autodiscover.json";
  const eas = { Protocol: "ActiveSync", Url: "https://autodiscover.example.test/Microsoft-Server-ActiveSync" };
  const rows: [target: string, status: number, expected: Record<string, string> | string][] = [
    [`${base}?Email=a@example.test&Protocol=ActiveSync&RedirectCount=1`, 200, eas],
    [`/Autodiscover/AutoDiscover.json?EMAIL=a@example.test&protocol=activesync`, 200, eas],
    [`${base}/v1.0/a@example.test?Protocol=ActiveSync`, 200, eas],
    [`${base}/v1.0/a%40example.test/?Protocol=ActiveSync`, 200, eas],
    [`${base}/v1.0/?Email=a@example.test&Protocol=ActiveSync`, 200, eas],
    [`${base}?Email=a@example.test&Protocol=Ews`, 200,
      { Protocol: "Ews", Url: "https://autodiscover.example.test/EWS/Exchange.asmx" }],
    [`${base}?Email=a@example.test&Protocol=AutodiscoverV1`, 200,
      { Protocol: "AutodiscoverV1", Url: "https://autodiscover.example.test/autodiscover/autodiscover.xml" }],
    [`${base}?Email=a@example.test&Protocol=Rest`, 400, "ProtocolNotSupported"],
    [`${base}?Email=a@example.test&Protocol=Nonsense`, 400, "InvalidProtocol"],
    [`${base}?Email=a@example.test&Protocol=constructor`, 400, "InvalidProtocol"],
    [`${base}?Email=a@example.test`, 400, "MandatoryParameterMissing"],
    [`${base}?Protocol=Ews`, 400, "MandatoryParameterMissing"],
    [`${base}?Email=nonsense&Protocol=Ews`, 400, "MandatoryParameterMissing"],
  ];
  for (const [target, status, expected] of rows) {
    const answer = ask(target)!;
    assert.equal(answer.status, status, target);
    if (typeof expected === "string") assert.equal(answer.body["ErrorCode"], expected, target);
    else assert.deepEqual(answer.body, expected, target);
  }
  assert.equal(ask(`${base}?Email=a@example.test&Protocol=Ews`, today)!.body["ErrorCode"], "ProtocolNotSupported");
  assert.equal(ask(`${base}?Email=a@example.test&Protocol=Ews`, everything, false)!.body["ErrorCode"], "UserNotFound");
  assert.equal(ask(`${base}/nonsense`), null);
  assert.equal(ask(`${base}x?Email=a@example.test`), null);
});

test("Thunderbird's file", () => {
  const file = (served: readonly string[], oauth: boolean): XmlElement => parseXml(writeAutoconfig({
    domain: "example.test", published: published(served), documentationUrl: "https://mail.example.test/",
    oauth: oauth ? { issuer: "i", scope: "s", authorizationUrl: "https://a", tokenUrl: "https://t" } : null,
  }));
  const plain = file(today, false);
  assert.equal(plain.attribute("version"), "1.1");
  const servers = plain.child("emailProvider")!.children
    .filter(({ name }) => name.endsWith("Server")).map((one) => [one.attribute("type"), one.childText("hostname"),
      one.childText("port"), one.childText("socketType"), one.childText("username"), one.childText("authentication")]);
  const rest = ["%EMAILADDRESS%", "password-cleartext"];
  assert.deepEqual(servers, [
    ["imap", "mail.example.test", "993", "SSL", ...rest], ["pop3", "mail.example.test", "995", "SSL", ...rest],
    ["imap", "mail.example.test", "143", "STARTTLS", ...rest], ["smtp", "mail.example.test", "465", "SSL", ...rest],
    ["smtp", "mail.example.test", "587", "STARTTLS", ...rest],
  ]);
  assert.equal(plain.child("oAuth2"), null);
  const full = file(everything, true);
  assert.equal(full.child("oAuth2")!.childText("tokenURL"), "https://t");
  const provider = full.child("emailProvider")!;
  assert.equal(provider.child("incomingServer")!.childText("authentication"), "OAuth2");
  const exchange = provider.childrenNamed("incomingServer").find((one) => one.attribute("type") === "exchange")!;
  assert.equal(exchange.childText("ewsURL"), "https://autodiscover.example.test/EWS/Exchange.asmx");
});

test("Apple's profile", () => {
  const request = { address: "a&b@example.test", displayName: "A <b>", hostname: "mail.example.test" };
  const profile = writeProfile({ ...request, published: published(today) })!;
  assert.equal(profile, writeProfile({ ...request, published: published(today) }));
  assert.ok(profile.includes("<string>com.apple.mail.managed</string>"));
  assert.ok(profile.includes("<string>a&amp;b@example.test</string>") && profile.includes("A &lt;b&gt;"));
  assert.ok(!profile.includes("com.apple.eas.account"));
  const full = writeProfile({ ...request, published: published(everything) })!;
  assert.ok(full.includes("com.apple.eas.account") && !full.includes("com.apple.mail.managed"));
  const dav = writeProfile({ ...request, published: published([...today, "calDav", "cardDav"]) })!;
  assert.ok(dav.includes("com.apple.caldav.account") && dav.includes("com.apple.carddav.account"));
  assert.equal(writeProfile({ ...request, published: published(today, ["imap", "pop3"]) }), null);
  assert.ok(writePlist({ a: [1, true, "<"] }).endsWith("<plist version=\"1.0\">\n<dict>\n\t<key>a</key>\n\t<array>\n"
    + "\t\t<integer>1</integer>\n\t\t<true/>\n\t\t<string>&lt;</string>\n\t</array>\n</dict>\n</plist>\n"));
});

test("any bytes get an answer", () => {
  const piece = fc.constantFrom(...soapRequest(userRequest).match(/<[^>]*>|[^<]+/g)!, "<a:Request>", "&x;",
    "<!DOCTYPE a>", ...requestOf(email + acceptable).match(/<[^>]*>|[^<]+/g)!);
  const bytes = fc.oneof(fc.uint8Array({ maxLength: 80 }), fc.array(piece, { maxLength: 30 })
    .map((pieces) => Buffer.from(pieces.join(""))));
  fc.assert(fc.property(bytes, (document) => {
    const plain = parsePoxRequest(document);
    assert.ok(typeof plain === "object" || plain === 600 || plain === 601);
    assert.ok(["call", "fault"].includes(parseSoapRequest(document).kind));
  }), { numRuns: 1000 });
});

const recorded = join(corpusFolder, "protocol");
const skip = existsSync(recorded) ? false : `no recordings at ${recorded}`;

test("recorded SOAP requests", { skip }, () => {
  const operations: string[] = [];
  for (const name of readdirSync(recorded).filter((one) => one.endsWith(".xml"))) {
    const bytes = readFileSync(join(recorded, name));
    if (!/(?:UserSettings|DomainSettings|FederationInformation)RequestMessage/.test(bytes.toString())) continue;
    const asked = parseSoapRequest(bytes);
    operations.push(`${name.slice(0, 30)} ${asked.kind === "call" ? asked.call.operation : asked.code}`);
    if (asked.kind !== "call" || asked.call.operation !== "GetUserSettings") continue;
    const unknown = asked.call.request.RequestedSettings.filter((one) => !userSettings.has(one));
    assert.deepEqual(unknown, [], name);
    assert.ok(asked.call.request.Users[0]!.Mailbox.includes("@"), name);
  }
  // The documentation's own request for domains is broken: a second "<" behind the domain.
  assert.equal(operations.filter((one) => one.endsWith(" Client")).length, 1, operations.join("\n"));
  assert.ok(operations.filter((one) => one.endsWith(" GetUserSettings")).length >= 5, operations.join("\n"));
  assert.ok(operations.some((one) => one.endsWith(" GetFederationInformation")), operations.join("\n"));
});

test("recorded plain requests, and their recorded answers by form", { skip }, () => {
  let asked = 0;
  for (const name of ["ewseditor-Autodiscover_-_POX_.xml",
    "msdocs-how-to-route-public-folder-content-requests-3-AutodiscoverPOX.xml"]) {
    assert.equal(typeof parsePoxRequest(readFileSync(join(recorded, name))), "object", name);
  }
  for (const number of [810, 812, 813]) {
    const har = JSON.parse(readFileSync(join(recorded, `syncgw-trace-${number}.har`), "utf8")) as {
      log: { entries: { request: { postData?: { text?: string } }; response: { status: number;
        content: { text?: string } } }[] };
    };
    for (const { request, response } of har.log.entries) {
      const text = request.postData?.text ?? "";
      if (!text.includes("<Autodiscover")) continue;
      const parsed = parsePoxRequest(Buffer.from(text));
      assert.ok(typeof parsed === "object" && parsed.address === "t1@dyn.mx.test", text);
      asked++;
      if (response.status !== 200 || parsed.schema !== "mobilesync") continue;
      const theirs = parseXml(response.content.text!.trim());
      const ours = parseXml(mobileSettings(account(everything), "https://x/Microsoft-Server-ActiveSync"));
      const bare = (element: XmlElement): unknown => [element.key, ...element.children.map(bare)];
      assert.deepEqual(bare(ours), bare(theirs));
    }
  }
  assert.ok(asked >= 8);
});
