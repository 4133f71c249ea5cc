/**
 * Discovery over real HTTPS on a real directory: who is answered what in each dialect, the paths and names clients use,
 * probes and refusals, and hostile requests. The other programs are in `programs.test.ts`.
 */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { readFileSync } from "node:fs";
import { connect as connectTls } from "node:tls";
import { test } from "node:test";
import { parseXml, tryParseXml } from "#codec/xml/element.ts";
import type { XmlElement } from "#codec/xml/element.ts";
import { addGrant } from "#directory/link-changes.ts";
import type { HttpRoute } from "#net/http.ts";
import { servesPath } from "#serve/autodiscover/routes.ts";
import { startDiscovery } from "#serve/autodiscover/test-kit.ts";
import type { Answer } from "#serve/autodiscover/test-kit.ts";
import { webProtocols } from "#wire/autodiscover/published.ts";
import type { WebProtocol } from "#wire/autodiscover/published.ts";

const everything = Object.keys(webProtocols).filter((one) => one !== "autodiscover") as WebProtocol[];
const pox = "/autodiscover/autodiscover.xml";
const svc = "/autodiscover/autodiscover.svc";
const outlook = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a";
const mobile = "http://schemas.microsoft.com/exchange/autodiscover/mobilesync/responseschema/2006";
const soap = "http://schemas.microsoft.com/exchange/2010/Autodiscover";

const outlookRequest = (what: string): string => `<?xml version="1.0"?><Autodiscover
  xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"><Request>${
  /^\/o=/i.test(what) ? `<LegacyDN>${what}</LegacyDN>` : `<EMailAddress>${what}</EMailAddress>`}
  <AcceptableResponseSchema>${outlook}</AcceptableResponseSchema></Request></Autodiscover>`;
const phoneRequest = (address: string): string => outlookRequest(address).replaceAll("outlook/", "mobilesync/")
  .replace("2006a", "2006");
const soapRequest = (operation: string, body: string): string => `<s:Envelope
  xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:a="${soap}" xmlns:w="http://www.w3.org/2005/08/addressing">
  <s:Header><a:RequestedServerVersion>Exchange2013</a:RequestedServerVersion><w:MessageID>urn:m</w:MessageID></s:Header>
  <s:Body><a:${operation}RequestMessage><a:Request>${body}</a:Request></a:${operation}RequestMessage></s:Body>
  </s:Envelope>`;
const userRequest = (users: readonly string[], settings: readonly string[]): string => soapRequest("GetUserSettings",
  `<a:Users>${users.map((one) => `<a:User><a:Mailbox>${one}</a:Mailbox></a:User>`).join("")}</a:Users>
  <a:RequestedSettings>${settings.map((one) => `<a:Setting>${one}</a:Setting>`).join("")}</a:RequestedSettings>`);

/** `settings alice@example.test`, `redirect …`, `error 500`: what an answer for Outlook says in short. */
function said(answer: Answer): string {
  assert.equal(answer.status, 200);
  assert.equal(answer.headers["content-type"], "text/xml; charset=utf-8");
  const root = parseXml(answer.bytes);
  const error = root.child("Response")?.child("Error");
  if (error != null) return `error ${error.childText("ErrorCode")}`;
  const account = root.child("Response", outlook)!.child("Account")!;
  const redirect = account.childText("RedirectAddr");
  return redirect !== null ? `redirect ${redirect}`
    : `settings ${root.child("Response", outlook)!.child("User")!.childText("AutoDiscoverSMTPAddress")}`;
}

function protocolsIn(answer: Answer): string {
  const account = parseXml(answer.bytes).child("Response", outlook)!.child("Account")!;
  return account.childrenNamed("Protocol").map((one) => one.attribute("Type") ?? one.childText("Type")).join(" ");
}

test("Outlook is told what each address leads to", async (t) => {
  const server = await startDiscovery(t, everything);
  await server.bed.change(addGrant, {
    by: "test", target: "info@example.test", grantee: "alice@example.test", right: "full",
  });
  await server.bed.change(addGrant, {
    by: "test", target: "readonly@example.test", grantee: "alice@example.test", right: "read",
  });
  const ask = (what: string, user?: string): Promise<Answer> => server.ask(pox, {
    body: outlookRequest(what), headers: { "x-mapihttpcapability": "1" }, ...user === undefined ? {} : { user },
  });
  const rows: [asked: string, expected: string, user?: string][] = [
    ["alice@example.test", "settings alice@example.test"],
    ["ALICE@Example.Test", "settings alice@example.test"],
    ["smtp:alice@example.test", "settings alice@example.test"],
    ["a.adams@example.test", "settings alice@example.test"],
    ["info@example.test", "settings info@example.test"],
    ["bob@example.test", "settings bob@example.test"],
    ["hidden@example.test", "error 500"],
    ["hidden@example.test", "settings hidden@example.test", "hidden@example.test"],
    ["joe@example.test", "redirect joe@partner.example"],
    ["joe@partner.example", "error 501"],
    ["team@example.test", "error 501"],
    ["gone@example.test", "error 501"],
    ["nobody@example.test", "error 500"],
    ["somebody@elsewhere.example", "error 500"],
    ["nonsense", "error 500"],
    ["nothing@example.test", "error 501", "nothing@example.test"],
    ["/o=nothing/cn=nobody", "error 500"],
  ];
  for (const [asked, expected, user] of rows) assert.equal(said(await ask(asked, user)), expected, asked);

  const own = await ask("alice@example.test");
  assert.equal(protocolsIn(own), "mapiHttp EXCH EXPR WEB IMAP SMTP POP3");
  const boxes = parseXml(own.bytes).child("Response", outlook)!.child("Account")!.childrenNamed("AlternativeMailbox");
  assert.deepEqual(boxes.map((one) => one.childText("SmtpAddress")), ["info@example.test"]);
  // Somebody else's ports need their password, and whom they share with is not told.
  const other = await ask("info@example.test");
  assert.equal(protocolsIn(other), "mapiHttp EXCH EXPR WEB");
  assert.ok(!(await ask("alice@example.test", "bob@example.test")).body.includes("AlternativeMailbox"));
  // By distinguished name, which counts before an address.
  const dn = /<LegacyDN>([^<]+)/.exec(own.body)![1]!;
  assert.equal(said(await ask(dn.toUpperCase(), "bob@example.test")), "settings alice@example.test");
  assert.equal(protocolsIn(await ask("phoneless@example.test", "phoneless@example.test")), "WEB IMAP SMTP POP3"
    .replace("WEB ", ""));
  assert.deepEqual(server.ctx.errors(), []);
});

test("today's server publishes ports and itself, nothing else", async (t) => {
  const server = await startDiscovery(t, []);
  const answer = await server.ask(pox, { body: outlookRequest("alice@example.test"),
    headers: { "x-mapihttpcapability": "1", "x-clientcanhandle": "Negotiate,ExHttpInfo" } });
  assert.equal(protocolsIn(answer), "IMAP SMTP POP3");
  assert.ok(answer.body.includes("<Server>mail.example.test</Server><Port>993</Port>"));
  assert.equal(said(await server.ask(pox, { body: outlookRequest("info@example.test") })), "error 501");
  const phone = parseXml((await server.ask(pox, { body: phoneRequest("alice@example.test") })).bytes);
  assert.equal(phone.child("Response")!.child("Error")!.childText("ErrorCode"), "601");
  const json = await server.ask("/autodiscover/autodiscover.json?Email=a@example.test&Protocol=ActiveSync");
  assert.equal(json.status, 400);
  for (const name of ["caldav", "carddav", "jmap"]) {
    assert.equal((await server.ask(`/.well-known/${name}`, { method: "PROPFIND" })).status, 404);
  }
});

test("a row is published when a route answers at its path", () => {
  const routes = (...paths: string[]): HttpRoute[] => paths.map((path) => ({ path, methods: {} }));
  const rows: [string[], string, boolean][] = [
    [["/EWS/Exchange.asmx"], "/ews/exchange.asmx", true], [["/mapi/emsmdb"], "/mapi/emsmdb/", true],
    [["/mapi/*"], "/mapi/nspi/", true], [["/oab/*"], "/OAB/some/", true], [["/dav/*"], "/dav/", true],
    [["/*"], "/EWS/Exchange.asmx", false], [["/ews"], "/EWS/Exchange.asmx", false], [[], "/owa/", false],
  ];
  for (const [paths, path, expected] of rows) assert.equal(servesPath(routes(...paths), path), expected, path);
});

test("phones", async (t) => {
  const server = await startDiscovery(t, ["activeSync"]);
  const action = async (address: string, user = address): Promise<XmlElement> => {
    const answer = await server.ask(pox, { body: phoneRequest(address), user });
    return parseXml(answer.bytes).child("Response", mobile)!.child("Action")!;
  };
  const settings = (await action("alice@example.test")).child("Settings")!.child("Server")!;
  assert.equal(settings.childText("Type"), "MobileSync");
  assert.equal(settings.childText("Url"), `https://mail.example.test:${server.port}/Microsoft-Server-ActiveSync`);
  assert.equal((await action("joe@example.test", "alice@example.test")).childText("Redirect"), "joe@partner.example");
  for (const [address, user] of [["phoneless@example.test", "phoneless@example.test"],
    ["nobody@example.test", "alice@example.test"]] as const) {
    assert.equal((await action(address, user)).child("Error")!.childText("Status"), "2");
  }
});

test("SOAP: users, settings, domains, each with its own errors", async (t) => {
  const server = await startDiscovery(t, everything);
  const call = async (body: string): Promise<XmlElement> => {
    const answer = await server.ask(svc, { body, headers: { "content-type": "text/xml; charset=utf-8" } });
    assert.equal(answer.status, 200, answer.body);
    assert.equal(answer.headers["content-type"], "text/xml; charset=utf-8");
    return parseXml(answer.bytes).child("Body")!.children[0]!.children[0]!;
  };
  const users = await call(userRequest(
    ["alice@example.test", "nobody@example.test", "hidden@example.test", "joe@example.test", "team@example.test"],
    ["UserDisplayName", "ExternalEwsUrl", "ExternalEwsUrl", "MobileMailboxPolicy", "NoSuchThing",
      "ExternalImap4Connections", "AlternateMailboxes", "ExternalWebClientUrls"]));
  assert.equal(users.childText("ErrorCode"), "NoError");
  const responses = users.child("UserResponses")!.children;
  assert.deepEqual(responses.map((one) => `${one.childText("ErrorCode")} ${one.childText("RedirectTarget")}`),
    ["NoError ", "InvalidUser ", "InvalidUser ", "RedirectAddress joe@partner.example", "InvalidUser "]);
  const settings = responses[0]!.child("UserSettings")!.children;
  assert.deepEqual(settings.map((one) => `${one.childText("Name")} ${one.type?.name}`), [
    "UserDisplayName StringSetting", "ExternalEwsUrl StringSetting",
    "ExternalImap4Connections ProtocolConnectionCollectionSetting",
    "AlternateMailboxes AlternateMailboxCollectionSetting", "ExternalWebClientUrls WebClientUrlCollectionSetting",
  ]);
  assert.equal(settings[1]!.childText("Value"), `https://mail.example.test:${server.port}/EWS/Exchange.asmx`);
  assert.deepEqual(responses[0]!.child("UserSettingErrors")!.children
    .map((one) => `${one.childText("SettingName")} ${one.childText("ErrorCode")}`),
  ["MobileMailboxPolicy SettingIsNotAvailable", "NoSuchThing InvalidSetting"]);

  const domains = await call(soapRequest("GetDomainSettings", `<a:Domains><a:Domain>example.test</a:Domain>
    <a:Domain>elsewhere.example</a:Domain></a:Domains><a:RequestedSettings><a:Setting>ExternalEwsUrl</a:Setting>
    <a:Setting>ExternalEwsVersion</a:Setting><a:Setting>Nonsense</a:Setting></a:RequestedSettings>`));
  const [ours, theirs] = domains.child("DomainResponses")!.children;
  assert.deepEqual(ours!.child("DomainSettings")!.children.map((one) => one.childText("Value")),
    [`https://mail.example.test:${server.port}/EWS/Exchange.asmx`, "15.01.2507.006"]);
  assert.equal(ours!.child("DomainSettingErrors")!.children[0]!.childText("ErrorCode"), "InvalidSetting");
  assert.equal(theirs!.childText("ErrorCode"), "InvalidDomain");

  const federation = (domain: string): string => soapRequest("GetFederationInformation",
    `<a:Domain>${domain}</a:Domain>`);
  assert.equal((await call(federation("example.test"))).childText("ErrorCode"), "NotFederated");
  assert.equal((await call(federation("elsewhere.example"))).childText("ErrorCode"), "InvalidDomain");
  const organizations = await call(soapRequest("GetOrganizationRelationshipSettings",
    "<a:Domains><a:Domain>example.test</a:Domain></a:Domains>"));
  assert.equal(organizations.childText("ErrorCode"), "NotFederated");

  assert.equal((await call(userRequest([], ["UserDN"]))).childText("ErrorCode"), "InvalidRequest");
  assert.equal((await call(userRequest(["alice@example.test"], []))).childText("ErrorCode"), "InvalidRequest");
  const version = userRequest(["alice@example.test"], ["UserDN"]).replace("Exchange2013", "Nonsense");
  assert.equal((await call(version)).childText("ErrorCode"), "InvalidRequest");
  assert.deepEqual(server.ctx.errors(), []);
});

test("every spelling of the paths, GET and POST, with and without a sign-in", async (t) => {
  const server = await startDiscovery(t, everything);
  for (const path of [pox, "/AutoDiscover/AutoDiscover.xml", "/AUTODISCOVER/AUTODISCOVER.XML", svc,
    "/Autodiscover/Autodiscover.svc"]) {
    for (const method of ["GET", "POST", "HEAD"]) {
      const refused = await server.ask(path, { method, user: null });
      assert.equal(refused.status, 401, `${method} ${path}`);
      assert.match(String(refused.headers["www-authenticate"]), /^Basic realm="mail\.example\.test"/);
      assert.equal(refused.headers["x-soap-enabled"], "True");
    }
    assert.equal((await server.ask(path)).status, 200);
  }
  const empty = await server.ask(pox);
  assert.equal(parseXml(empty.bytes).child("Response")!.child("Error")!.childText("ErrorCode"), "600");
  assert.equal((await server.ask(pox, { method: "DELETE" })).status, 405);
});

test("addresses carry the name and port the client used", async (t) => {
  const server = await startDiscovery(t, everything);
  const hosts: [host: string, expected: string][] = [
    ["mail.example.test", "mail.example.test"], ["autodiscover.example.test", "autodiscover.example.test"],
    ["example.test", "example.test"], ["EXAMPLE.test", "example.test"], ["autodiscover.other.test",
      "autodiscover.other.test"], ["autodiscover.example.test.", "autodiscover.example.test"],
    ["evil.example", "mail.example.test"], ["127.0.0.1", "mail.example.test"],
    ["example.test.evil.example", "mail.example.test"],
  ];
  const json = "/autodiscover/autodiscover.json?Email=x@example.test&Protocol=Ews";
  for (const [host, expected] of hosts) {
    const { Url } = JSON.parse((await server.ask(json, { host })).body) as { Url: string };
    assert.equal(Url, `https://${expected}:${server.port}/EWS/Exchange.asmx`, host);
  }
  const portless = await server.ask(json, { headers: { host: "example.test" } });
  assert.equal((JSON.parse(portless.body) as { Url: string }).Url, "https://example.test/EWS/Exchange.asmx");
  // Without TLS clients are sent to it, under the same name.
  for (const method of ["GET", "HEAD"]) {
    const plain = await server.ask(pox, { plain: true, host: "autodiscover.example.test", user: null, method });
    assert.equal(plain.status, 302);
    assert.equal(plain.headers["location"], `https://autodiscover.example.test:${server.port}${pox}`);
  }
  assert.equal((await server.ask(pox, { plain: true, body: outlookRequest("alice@example.test") })).status, 308);
});

test("JSON is for everybody and tells nobody who has a mailbox", async (t) => {
  const server = await startDiscovery(t, everything);
  const ask = async (address: string): Promise<string> => {
    const answer = await server.ask(`/autodiscover/autodiscover.json/v1.0/${address}?Protocol=ActiveSync`, {
      user: null,
    });
    return `${answer.status} ${answer.body}`;
  };
  const alice = await ask("alice@example.test");
  assert.match(alice, /^200 \{"Protocol":"ActiveSync","Url":"https:\/\/mail\.example\.test:\d+\/Microsoft-Server-/);
  for (const address of ["nobody@example.test", "hidden@example.test", "gone@example.test", "%40example.test"]) {
    assert.equal(await ask(address), alice);
  }
  assert.match(await ask("alice@elsewhere.example"), /^404 \{"ErrorCode":"UserNotFound"/);
  assert.equal((await server.ask("/autodiscover/autodiscover.json/etc/passwd", { user: null })).status, 404);
});

test("Thunderbird's file at both places, with and without an address, plain too", async (t) => {
  const server = await startDiscovery(t, [], {
    oauth: () => ({ issuer: "mail", scope: "mail", authorizationUrl: "https://a/", tokenUrl: "https://t/" }),
  });
  const domainIn = async (path: string, host: string, plain = false): Promise<string> => {
    const answer = await server.ask(path, { host, user: null, plain });
    if (answer.status !== 200) return `${answer.status}`;
    return parseXml(answer.bytes).child("emailProvider")!.attribute("id")!;
  };
  const paths = ["/mail/config-v1.1.xml", "/.well-known/autoconfig/mail/config-v1.1.xml"];
  for (const path of paths) {
    assert.equal(await domainIn(`${path}?emailaddress=alice@example.test`, "autoconfig.example.test"), "example.test");
    assert.equal(await domainIn(`${path}?emailaddress=alice%40other.test`, "autoconfig.example.test"), "other.test");
    assert.equal(await domainIn(path, "autoconfig.other.test"), "other.test");
    assert.equal(await domainIn(path, "other.test", true), "other.test");
    assert.equal(await domainIn(path, "mail.example.test"), "example.test");
    assert.equal(await domainIn(`${path}?emailaddress=x@elsewhere.example`, "example.test"), "404");
  }
  const { body } = await server.ask(paths[0]!, { user: null });
  assert.ok(body.includes("<authentication>OAuth2</authentication>"));
  assert.ok(body.includes("<tokenURL>https://t/</tokenURL>"));
});

test("well-known paths lead to what is served", async (t) => {
  const server = await startDiscovery(t, ["calDav", "cardDav", "jmap"]);
  const rows = { caldav: "/dav/calendars/", carddav: "/dav/addressbooks/", jmap: "/jmap/session" };
  for (const [name, path] of Object.entries(rows)) {
    for (const method of ["GET", "PROPFIND"]) {
      const answer = await server.ask(`/.well-known/${name}`, { method, user: null, host: "example.test" });
      assert.equal(answer.status, 301);
      assert.equal(answer.headers["location"], `https://example.test:${server.port}${path}`);
    }
  }
});

test("hostile requests get the dialect's refusal, quickly", async (t) => {
  const server = await startDiscovery(t, everything);
  const entities = Array.from({ length: 9 }, (_, index) =>
    `<!ENTITY e${index + 1} "${`&e${index};`.repeat(10)}">`).join("");
  const bodies: [name: string, body: string | Uint8Array][] = [
    ["nothing", ""], ["no XML", "{}"], ["cut off", outlookRequest("alice@example.test").slice(0, 100)],
    ["an entity bomb", `<!DOCTYPE a [<!ENTITY e0 "lol">${entities}]><a>&e9;</a>`],
    ["an outside DTD", '<!DOCTYPE a SYSTEM "http://127.0.0.1:1/x.dtd"><a/>'],
    ["deep nesting", "<a>".repeat(50_000)], ["many attributes", `<a ${"b".repeat(200_000)}`],
    ["broken UTF-16", Buffer.from([0xff, 0xfe, 0x3c, 0, 0, 0xd8, 0x3c, 0])], ["NULs", "\0".repeat(1000)],
    ["UTF-16 cut in a character", Buffer.from(`\ufeff${outlookRequest("a@b")}`, "utf16le").subarray(0, 301)],
  ];
  for (const [name, body] of bodies) {
    const began = performance.now();
    const plain = await server.ask(pox, { body, method: "POST" });
    assert.equal(plain.status, 200, name);
    assert.equal(parseXml(plain.bytes).child("Response")!.child("Error")!.childText("ErrorCode"), "600", name);
    const soapAnswer = await server.ask(svc, { body, method: "POST" });
    assert.equal(soapAnswer.status, 500, name);
    const fault = parseXml(soapAnswer.bytes).child("Body")!.child("Fault")!;
    assert.equal(fault.childText("faultcode", ""), "s:Client", name);
    assert.ok(performance.now() - began < 2000, `${name}: ${performance.now() - began} ms`);
  }
  const utf16 = Buffer.from(`\ufeff${outlookRequest("alice@example.test")}`, "utf16le");
  assert.equal(said(await server.ask(pox, { body: utf16 })), "settings alice@example.test");
  assert.deepEqual(server.ctx.errors(), []);
});

/** Sends a head that announces `sizeBytes`, then as much as the server takes; what came back, and what was taken. */
async function upload(
  place: { port: number; caFile: string }, path: string, sizeBytes: number, framing: "length" | "chunked",
): Promise<{ answer: string; sentBytes: number }> {
  const socket = connectTls({ port: place.port, host: "127.0.0.1", ca: readFileSync(place.caFile),
    servername: "mail.example.test" });
  const credentials = Buffer.from("alice@example.test:correct horse").toString("base64");
  const length = framing === "length" ? `content-length: ${sizeBytes}` : "transfer-encoding: chunked";
  socket.write(`POST ${path} HTTP/1.1\r\nhost: mail.example.test\r\nauthorization: Basic ${credentials}\r\n`
    + `content-type: text/xml\r\n${length}\r\n\r\n`);
  const piece = Buffer.alloc(64 * 1024, 0x20);
  const chunk = framing === "length" ? piece : Buffer.concat([Buffer.from("10000\r\n"), piece, Buffer.from("\r\n")]);
  let answer = "";
  let sentBytes = 0;
  socket.on("data", (data: Buffer) => { answer += data.toString("latin1"); });
  const closed = new Promise<void>((resolve) => {
    socket.once("close", () => resolve());
    socket.once("error", () => resolve());
  });
  const pump = (): void => {
    while (sentBytes < sizeBytes && !socket.destroyed && !socket.writableEnded) {
      sentBytes += piece.length;
      if (!socket.write(chunk)) {
        socket.once("drain", pump);
        return;
      }
    }
  };
  pump();
  await closed;
  return { answer, sentBytes };
}

test("a body of 100 MB is refused before it is taken", async (t) => {
  const server = await startDiscovery(t, everything);
  for (const framing of ["length", "chunked"] as const) {
    for (const [path, form] of [[pox, "<ErrorCode>600<"], [svc, "<faultcode>s:Client<"]] as const) {
      const began = performance.now();
      const { answer, sentBytes } = await upload(server, path, 100 * 1024 * 1024, framing);
      assert.match(answer, /^HTTP\/1\.1 413 /);
      assert.ok(answer.includes(form), answer);
      assert.ok(sentBytes < 20 * 1024 * 1024, `${sentBytes} bytes were taken`);
      assert.ok(performance.now() - began < 5000, `${performance.now() - began} ms`);
    }
  }
});

test("without a sign-in nothing of a body is read", async (t) => {
  const server = await startDiscovery(t, everything);
  const socket = connect({ port: server.plainPort, host: "127.0.0.1" });
  t.after(() => socket.destroy());
  socket.write(`POST ${pox} HTTP/1.1\r\nhost: example.test\r\ncontent-length: 1000000\r\n\r\n`);
  const answer = await new Promise<string>((resolve) => {
    socket.once("data", (data: Buffer) => resolve(data.toString()));
  });
  assert.match(answer, /^HTTP\/1\.1 308 /);
  const refused = await server.ask(pox, { body: "x".repeat(10), user: null });
  assert.equal(refused.status, 401);
  assert.equal(tryParseXml(refused.bytes), null);
});
