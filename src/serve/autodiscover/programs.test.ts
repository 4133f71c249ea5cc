/**
 * Discovery as programs of other people do it, from an address and a password: python3-exchangelib through all its
 * steps in plain XML and in SOAP, ews-javascript-api, curl, and Python's reader of property lists on Apple's profile.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { addGrant } from "#directory/link-changes.ts";
import { password, startDiscovery } from "#serve/autodiscover/test-kit.ts";
import { webProtocols } from "#wire/autodiscover/published.ts";
import type { WebProtocol } from "#wire/autodiscover/published.ts";
import { programMissing, run } from "../../../test/support/programs.ts";

const everything = Object.keys(webProtocols).filter((one) => one !== "autodiscover") as WebProtocol[];

/** Debian's Python, which has Debian's modules. */
const python = "/usr/bin/python3";
const hasExchangelib = spawnSync(python, ["-c", "import exchangelib"], { stdio: "ignore" }).status === 0;
const skipExchangelib = hasExchangelib || process.env["OUTPOST_EXPECT_CLIENTS"] === "1" ? false
  : "needs Debian package python3-exchangelib";

/** Names and ports of the world lead to the test's server, except places that are to be dead. */
const exchangelib = `
import json, sys
import urllib3.util.connection as connection
ports, cases = json.loads(sys.argv[1])
case = None
make = connection.create_connection
def create(address, *args, **kwargs):
    return make(("127.0.0.1", ports.get(str(address[1]), address[1])), *args, **kwargs)
connection.create_connection = create
from exchangelib import Credentials
from exchangelib.errors import TransportError
from exchangelib.autodiscover import clear_cache
from exchangelib.autodiscover.discovery.base import BaseAutodiscovery
from exchangelib.autodiscover.discovery.pox import PoxAutodiscovery
from exchangelib.autodiscover.discovery.soap import SoapAutodiscovery
def check(self, url):
    if any(url.startswith(dead) for dead in case["dead"]): raise TransportError(url)
BaseAutodiscovery._ensure_valid_hostname = check
BaseAutodiscovery._get_srv_records = lambda self, name: []
found = []
for case in cases:
    clear_cache()
    kind = {"pox": PoxAutodiscovery, "soap": SoapAutodiscovery}[case["kind"]]
    try:
        settings, protocol = kind(email=case["email"],
            credentials=Credentials("alice@example.test", case["password"])).discover()
        found.append({"ews": protocol.service_endpoint, "address": settings.autodiscover_smtp_address})
    except Exception as error:
        found.append({"error": type(error).__name__, "text": str(error)})
print(json.dumps(found))
`;

test("exchangelib finds the server by every step of its way", { skip: skipExchangelib }, async (t) => {
  const server = await startDiscovery(t, everything);
  const first = { email: "alice@example.test", password, dead: [] as string[] };
  const noRoot = ["https://example.test/"];
  const onlyPlain = [...noRoot, "https://autodiscover.example.test/"];
  const place = `https://autodiscover.example.test:${server.port}`;
  const ways: readonly [name: string, change: Partial<typeof first>, expected: string][] = [
    ["the domain itself", {}, "https://example.test/EWS/Exchange.asmx"],
    ["the name for it", { dead: noRoot }, "https://autodiscover.example.test/EWS/Exchange.asmx"],
    // Nothing but the plain port is left, which sends to where the test's server has TLS.
    ["a redirect without TLS", { dead: onlyPlain }, `${place}/EWS/Exchange.asmx`],
    ["an alias", { email: "a.adams@example.test" }, "https://example.test/EWS/Exchange.asmx"],
    ["a wrong password", { password: "wrong" }, ""],
  ];
  const cases = (["pox", "soap"] as const).flatMap((kind) => ways.map(([name, change, expected]) => (
    { ...first, ...change, kind, name, expected }
  )));
  // It keeps what it found in a file of the temporary folder; each run has a folder of its own.
  const folder = mkdtempSync(join(tmpdir(), "outpost-exchangelib-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const { stdout, stderr } = await run(python, ["-c", exchangelib,
    JSON.stringify([{ 443: server.port, 80: server.plainPort }, cases])], {
    env: { REQUESTS_CA_BUNDLE: server.caFile, TMPDIR: folder, HOME: folder },
  });
  const found = JSON.parse(stdout.trim().split("\n").at(-1) ?? "null") as { ews?: string; address?: string;
    error?: string }[] | null;
  assert.ok(found !== null, stderr);
  for (const [index, { kind, name, expected }] of cases.entries()) {
    const { ews, address, error }: { ews?: string; address?: string; error?: string } = found[index]!;
    const what: string = `${kind}, ${name}: ${JSON.stringify(found[index])}`;
    assert.equal(ews ?? "", expected, what);
    if (expected === "") assert.match(error ?? "", /AutoDiscoverFailed|UnauthorizedError/, what);
    else assert.equal(address, "alice@example.test", what);
  }
  assert.deepEqual(server.ctx.errors(), []);
});

const ewsClient = `
const ews = require("ews-javascript-api");
const [url, user, password, addresses] = JSON.parse(process.argv[1]);
const service = new ews.AutodiscoverService(new ews.Uri(url), "example.test", ews.ExchangeVersion.Exchange2013);
service.Credentials = new ews.WebCredentials(user, password);
const name = ews.UserSettingName;
service.GetUsersSettings(addresses, name.UserDisplayName, name.ExternalEwsUrl, name.AlternateMailboxes,
  name.ExternalImap4Connections, name.MobileMailboxPolicy, name.InternalWebClientUrls).then(({ Responses }) => {
  console.log(JSON.stringify(Responses.map((one) => ({ address: one.SmtpAddress, code: one.ErrorCode,
    redirect: one.RedirectTarget, settings: one.Settings }))));
}, (error) => { console.log(JSON.stringify({ error: String(error.message ?? error) })); });
`;

test("ews-javascript-api reads settings, collections and errors over SOAP", async (t) => {
  const server = await startDiscovery(t, everything);
  await server.bed.change(addGrant, {
    by: "test", target: "info@example.test", grantee: "alice@example.test", right: "full",
  });
  const addresses = ["alice@example.test", "joe@example.test", "nobody@example.test"];
  const url = `https://localhost:${server.port}/autodiscover/autodiscover.svc`;
  const { stdout, stderr } = await run(process.execPath, ["-e", ewsClient,
    JSON.stringify([url, "alice@example.test", password, addresses])], { env: { NODE_EXTRA_CA_CERTS: server.caFile } });
  const found = JSON.parse(stdout.trim().split("\n").at(-1) ?? "null") as { code: number; redirect: string;
    settings: unknown }[];
  assert.ok(Array.isArray(found), `${stdout}\n${stderr}`);
  const text = JSON.stringify(found[0]!.settings);
  assert.ok(text.includes(`https://mail.example.test:${server.port}/EWS/Exchange.asmx`), text);
  // It takes every field of a mailbox for the display name.
  assert.ok(text.includes('"displayName":"info"') && text.includes("993"), text);
  // NoError, RedirectAddress, InvalidUser of its own enumeration.
  assert.deepEqual(found.map(({ code }) => code), [0, 1, 3], stdout);
  assert.equal(found[1]!.redirect, "joe@partner.example");
  assert.deepEqual(server.ctx.errors(), []);
});

test("curl follows from http to https under the same name", { skip: programMissing("curl") }, async (t) => {
  const server = await startDiscovery(t, ["ews"]);
  const curl = (...args: string[]) => run("curl", ["-sS", "--cacert", server.caFile, "--max-time", "20",
    "--connect-to", `autodiscover.example.test:80:127.0.0.1:${server.plainPort}`,
    "--connect-to", `autodiscover.example.test:${server.port}:127.0.0.1:${server.port}`, ...args]);
  const redirected = await curl("-L", "-o", "/dev/null", "-w", "%{http_code} %{url_effective}",
    "http://autodiscover.example.test/AutoDiscover/AutoDiscover.xml");
  assert.equal(redirected.stdout,
    `401 https://autodiscover.example.test:${server.port}/AutoDiscover/AutoDiscover.xml`, redirected.stderr);
  const body = '<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006">'
    + "<Request><EMailAddress>alice@example.test</EMailAddress><AcceptableResponseSchema>http://schemas.microsoft.com/"
    + "exchange/autodiscover/outlook/responseschema/2006a</AcceptableResponseSchema></Request></Autodiscover>";
  for (const version of ["--http1.1", "--http2"]) {
    const answer = await curl(version, "-u", `alice@example.test:${password}`, "-H", "content-type: text/xml",
      "-H", "expect: 100-continue", "--data-binary", body,
      `https://autodiscover.example.test:${server.port}/autodiscover/autodiscover.xml`);
    assert.ok(answer.stdout.includes(
      `<EwsUrl>https://autodiscover.example.test:${server.port}/EWS/Exchange.asmx</EwsUrl>`), answer.stdout);
  }
});

test("Apple's profile is signed by the server and read by others", { skip: programMissing("openssl") }, async (t) => {
  const server = await startDiscovery(t, []);
  const folder = mkdtempSync(join(tmpdir(), "outpost-profile-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = "/apple.mobileconfig?emailaddress=%22a%3Cb%26c%22%40example.test";
  const answer = await server.ask(path, { user: null });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers["content-type"], "application/x-apple-aspen-config");
  writeFileSync(join(folder, "signed"), answer.bytes);
  const opened = await run("openssl", ["smime", "-verify", "-binary", "-inform", "DER", "-in", join(folder, "signed"),
    "-CAfile", server.caFile, "-purpose", "any", "-out", join(folder, "profile")]);
  assert.equal(opened.code, 0, opened.stderr);
  const read = await run(python, ["-c", "import plistlib, json, sys; "
    + "print(json.dumps(plistlib.load(open(sys.argv[1], 'rb'))))", join(folder, "profile")]);
  assert.equal(read.code, 0, read.stderr);
  const profile = JSON.parse(read.stdout) as { PayloadType: string; PayloadContent: Record<string, unknown>[] };
  assert.equal(profile.PayloadType, "Configuration");
  const mail = profile.PayloadContent[0]!;
  assert.equal(mail["EmailAddress"], '"a<b&c"@example.test');
  assert.equal(mail["IncomingMailServerHostName"], "mail.example.test");
  assert.equal(mail["IncomingMailServerPortNumber"], 993);
  assert.equal(mail["OutgoingMailServerPortNumber"], 465);
  assert.match(String(mail["PayloadUUID"]), /^[0-9A-F-]{36}$/);
  assert.ok(!readFileSync(join(folder, "profile"), "utf8").includes("IncomingPassword</key>\n\t\t\t<string>"));
  assert.equal((await server.ask("/apple.mobileconfig")).status, 400);
  assert.equal((await server.ask("/apple.mobileconfig?email=a@elsewhere.example")).status, 404);
});
