/**
 * Proves `outpost doctor`. Each rule that judges has a table of good and bad rows: what was seen, and the ids with their
 * marks that come of it, with the lines to add to a zone file. The halves that look are tried on scripted name systems
 * and on ports that misbehave. In the end the program itself runs against a whole server: up with a real sign-in
 * everywhere, by a password and without one, asking a name server over UDP; with a wrong password; and stopped.
 */
import { strict as assert } from "node:assert";
import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import type { TestContext } from "node:test";
import type { Ctx } from "#base/ctx.ts";
import type { Resolver } from "#base/system.ts";
import { coversName, judgeCertificates } from "#doctor/certificates.ts";
import type { NameSeen } from "#doctor/certificates.ts";
import { readDomainRecords, readHostRecords } from "#doctor/dns-records.ts";
import type { DomainRecords, HostRecords } from "#doctor/dns-records.ts";
import { judgeDomain, judgeHost } from "#doctor/dns.ts";
import { makeReport, bad, ok } from "#doctor/finding.ts";
import type { Finding, Report, Status } from "#doctor/finding.ts";
import { judgeMachine } from "#doctor/machine.ts";
import type { MachineSeen } from "#doctor/machine.ts";
import { checkMailPort, mailPorts } from "#doctor/mail-ports.ts";
import { judgePerson } from "#doctor/person.ts";
import type { PersonSeen } from "#doctor/person.ts";
import { printGroup, printSummary } from "#doctor/print.ts";
import { isReservedName, standardPorts } from "#doctor/setting.ts";
import type { PortName, Setting } from "#doctor/setting.ts";
import { checkSpf } from "#doctor/spf.ts";
import { readEws, readMobile, readPox, readSoap } from "#doctor/web-requests.ts";
import { emptyAcmeState } from "#net/acme-state.ts";
import { realCtx } from "./support/real-ctx.ts";
import { TestServer, domain as serverDomain, password } from "./support/server.ts";

const host = "mail.example.org";
const here = "198.51.100.7";
const nowMs = Date.UTC(2026, 5, 1);
const dayMs = 24 * 3_600_000;

const setting: Setting = {
  hostname: host, dataDir: "/srv/mail", version: "1.0.0", listen: "::", ports: standardPorts, domains: ["example.org"],
  outboundMode: "mx", publicAddresses: [], machineAddresses: [here, "10.0.0.5"], hasOwnCertificates: false,
  acme: { configured: false, state: null }, authority: null, speaksProxyProtocol: false,
  running: { pid: 7, version: "1.0.0" },
};

/** `dns.mx ✓`: an id with its mark. */
const marks: Record<Status, string> = { ok: "✓", bad: "✗", warn: "!", skipped: "–" };
const marked = (findings: readonly Finding[]): string[] => findings.map(({ id, status }) => `${id} ${marks[status]}`);
const linesOf = (findings: readonly Finding[], id: string): readonly string[] =>
  findings.find((one) => one.id === id && one.status !== "ok")?.lines ?? [];

test("what doctor says of the host name", () => {
  const good: HostRecords = { addresses: [here], pointers: [{ address: here, names: [`${host}.`] }] };
  const router = "203.0.113.9";
  const inside = { machineAddresses: ["192.168.1.2"] };
  const rows: [string, Partial<Setting>, HostRecords, string[]][] = [
    ["all is well", {}, good, ["dns.host ✓", "dns.ptr ✓"]],
    ["no address", {}, { addresses: [], pointers: [] }, ["dns.host ✗"]],
    ["offline", {}, { addresses: null, pointers: [] }, ["dns.host –"]],
    ["a name for trying out", { hostname: "localhost" }, good, ["dns.host –"]],
    ["elsewhere", {}, { addresses: [router], pointers: [] }, ["dns.host ✗"]],
    ["also elsewhere", {}, { addresses: [here, router], pointers: [] }, ["dns.host ✗"]],
    ["behind a router", inside, { addresses: [router], pointers: [] }, ["dns.host !"]],
    ["behind a router that is named", { ...inside, publicAddresses: [router] }, { addresses: [router], pointers: [] },
      ["dns.host ✓"]],
    ["another than the named one", { ...inside, publicAddresses: [router] },
      { addresses: ["203.0.113.10"], pointers: [] }, ["dns.host ✗"]],
    ["no reverse name", {}, { ...good, pointers: [{ address: here, names: [] }] }, ["dns.host ✓", "dns.ptr ✗"]],
    ["another reverse name", {}, { ...good, pointers: [{ address: here, names: ["dyn7.provider.example"] }] },
      ["dns.host ✓", "dns.ptr !"]],
    ["reverse name not to be had", {}, { ...good, pointers: [{ address: here, names: null }] },
      ["dns.host ✓", "dns.ptr –"]],
    ["sends by a smarthost", { outboundMode: "smarthost" }, { ...good, pointers: [{ address: here, names: [] }] },
      ["dns.host ✓", "dns.ptr –"]],
  ];
  for (const [name, change, records, expected] of rows) {
    assert.deepEqual(marked(judgeHost({ ...setting, ...change }, records)), expected, name);
  }
  assert.deepEqual(linesOf(judgeHost({ ...setting, machineAddresses: [here, "2001:db8::7", "fe80::1"] },
    { addresses: [], pointers: [] }), "dns.host"),
  [`${host}. 3600 IN A ${here}`, `${host}. 3600 IN AAAA 2001:db8::7`]);
});

const hostRecords: HostRecords = { addresses: [here], pointers: [] };
const srv = (port: number, name = `${host}.`): { name: string; port: number; priority: number; weight: number } =>
  ({ name, port, priority: 0, weight: 1 });
const complete: DomainRecords = {
  domain: "example.org", mx: [{ exchange: host, priority: 10, addresses: [here] }], root: ["192.0.2.80"],
  autodiscover: [here], autoconfig: [here], texts: ["v=spf1 mx -all", "other"], dmarc: ["v=DMARC1; p=reject"],
  mtaSts: [], spf: [{ address: here, verdict: "pass" }],
  services: {
    _autodiscover: [srv(443)], _imaps: [srv(993)], _submissions: [srv(465)], _submission: [srv(587)],
    _pop3s: [srv(995)], _imap: [], _pop3: [{ ...srv(0), name: "." }], _caldavs: [], _carddavs: [], _jmap: [],
  },
};
const nothing = { calDav: false, cardDav: false, jmap: false };

test("what doctor says of a domain", () => {
  const fine = ["dns.mx ✓", "dns.autodiscover ✓", "dns.autoconfig ✓", "dns.srv ✓", "dns.spf ✓", "dns.dmarc ✓",
    "dns.dkim –", "dns.mta-sts –"];
  assert.deepEqual(marked(judgeDomain(setting, hostRecords, complete, nothing)), fine);
  const { services } = complete;
  const rows: [string, Partial<DomainRecords>, was: string, becomes: string[], line: string | null][] = [
    ["no MX", { mx: [] }, "dns.mx ✓", ["dns.mx ✗"], "example.org. 3600 IN MX 10 mail.example.org."],
    ["null MX", { mx: [{ exchange: "", priority: 0, addresses: [] }] }, "dns.mx ✓", ["dns.mx ✗"],
      "example.org. 3600 IN MX 10 mail.example.org."],
    ["MX elsewhere", { mx: [{ exchange: "mx.filter.example", priority: 1, addresses: ["192.0.2.1"] }] }, "dns.mx ✓",
      ["dns.mx !"], "example.org. 3600 IN MX 10 mail.example.org."],
    ["MX by another name of this host", { mx: [{ exchange: "mx.example.org", priority: 1, addresses: [here] }] },
      "dns.mx ✓", ["dns.mx ✓"], null],
    ["MX without an address", { mx: [{ exchange: host, priority: 1, addresses: [here] },
      { exchange: "old.example.org", priority: 2, addresses: [] }] }, "dns.mx ✓", ["dns.mx ✓", "dns.mx.target ✗"], null],
    ["MX unasked", { mx: null }, "dns.mx ✓", ["dns.mx –"], null],
    ["no autodiscover at all", { autodiscover: [], services: { ...services, _autodiscover: [] } }, "dns.autodiscover ✓",
      ["dns.autodiscover ✗"], "autodiscover.example.org. 3600 IN CNAME mail.example.org."],
    ["autodiscover by SRV only", { autodiscover: [] }, "dns.autodiscover ✓", ["dns.autodiscover !"],
      "autodiscover.example.org. 3600 IN CNAME mail.example.org."],
    ["autodiscover by the domain only", { autodiscover: [], root: [here], services: { ...services, _autodiscover: [] } },
      "dns.autodiscover ✓", ["dns.autodiscover !"], "autodiscover.example.org. 3600 IN CNAME mail.example.org."],
    ["autodiscover elsewhere", { autodiscover: ["192.0.2.5"] }, "dns.autodiscover ✓", ["dns.autodiscover ✗"],
      "autodiscover.example.org. 3600 IN CNAME mail.example.org."],
    ["autodiscover SRV elsewhere", { services: { ...services, _autodiscover: [srv(443, "old.example.org")] } },
      "dns.autodiscover ✓", ["dns.autodiscover.srv ✗", "dns.autodiscover ✓"], null],
    ["no autoconfig", { autoconfig: [] }, "dns.autoconfig ✓", ["dns.autoconfig !"],
      "autoconfig.example.org. 3600 IN CNAME mail.example.org."],
    ["autoconfig elsewhere", { autoconfig: ["192.0.2.5"] }, "dns.autoconfig ✓", ["dns.autoconfig ✗"],
      "autoconfig.example.org. 3600 IN CNAME mail.example.org."],
    ["SRV missing", { services: { ...services, _imaps: [] } }, "dns.srv ✓", ["dns.srv ✓", "dns.srv.missing !"],
      "_imaps._tcp.example.org. 3600 IN SRV 0 1 993 mail.example.org."],
    ["SRV with another port", { services: { ...services, _imaps: [srv(143)] } }, "dns.srv ✓", ["dns.srv ✗", "dns.srv ✓"],
      "_imaps._tcp.example.org. 3600 IN SRV 0 1 993 mail.example.org."],
    ["no SPF", { texts: ["other"] }, "dns.spf ✓", ["dns.spf ✗"], 'example.org. 3600 IN TXT "v=spf1 mx -all"'],
    ["two SPF", { texts: ["v=spf1 mx -all", "v=spf1 a -all"] }, "dns.spf ✓", ["dns.spf ✗"], null],
    ["SPF without us", { spf: [{ address: here, verdict: "fail" }] }, "dns.spf ✓", ["dns.spf ✗"],
      'example.org. 3600 IN TXT "v=spf1 mx -all"'],
    ["SPF not valid", { spf: [{ address: here, verdict: "permerror" }] }, "dns.spf ✓", ["dns.spf ✗"],
      'example.org. 3600 IN TXT "v=spf1 mx -all"'],
    ["SPF beyond doctor", { spf: [{ address: here, verdict: "unknown" }] }, "dns.spf ✓", ["dns.spf –"], null],
    ["no DMARC", { dmarc: ["v=spf1 -all"] }, "dns.dmarc ✓", ["dns.dmarc !"],
      '_dmarc.example.org. 3600 IN TXT "v=DMARC1; p=none"'],
    ["two DMARC", { dmarc: ["v=DMARC1; p=none", "v=DMARC1; p=reject"] }, "dns.dmarc ✓", ["dns.dmarc ✗"], null],
    ["DMARC without policy", { dmarc: ["v=DMARC1; rua=mailto:x@example.org"] }, "dns.dmarc ✓", ["dns.dmarc ✗"],
      '_dmarc.example.org. 3600 IN TXT "v=DMARC1; p=none"'],
    ["MTA-STS", { mtaSts: ["v=STSv1; id=1"] }, "dns.mta-sts –", ["dns.mta-sts !"], null],
  ];
  for (const [name, change, was, becomes, line] of rows) {
    const findings = judgeDomain(setting, hostRecords, { ...complete, ...change }, nothing);
    assert.deepEqual(marked(findings), fine.flatMap((one) => (one === was ? becomes : [one])), name);
    const told = findings.filter((one) => one.status !== "ok").flatMap((one) => one.lines);
    if (line !== null) assert.ok(told.includes(line), `${name}: ${told.join(" | ")}`);
    for (const one of findings) {
      assert.equal(one.about === null, false, name);
      if (one.status === "bad" || one.status === "warn") assert.match(one.fix ?? "", /\S/, `${name}: ${one.id}`);
      assert.match(one.text, /\.$|: v=\S.*$/, one.text);
    }
  }
  const announced = judgeDomain(setting, hostRecords, complete, { calDav: true, cardDav: true, jmap: true });
  assert.deepEqual(linesOf(announced, "dns.srv.missing"), ["_caldavs", "_carddavs", "_jmap"].map((one) =>
    `${one}._tcp.example.org. 3600 IN SRV 0 1 443 mail.example.org.`));
  const offline: DomainRecords = { ...complete, mx: null, texts: null, autodiscover: null };
  assert.deepEqual(marked(judgeDomain(setting, hostRecords, offline, nothing)), ["dns –"]);
  assert.deepEqual(marked(judgeDomain(setting, hostRecords, { ...complete, domain: "example.test" }, nothing)), ["dns –"]);
  const quiet = judgeDomain({ ...setting, outboundMode: "off" }, hostRecords, { ...complete, texts: [], dmarc: [] }, nothing);
  assert.deepEqual(marked(quiet).slice(4, 6), ["dns.spf –", "dns.dmarc –"]);
});

test("names that lead nowhere by decree", () => {
  for (const name of ["example.test", "a.b.invalid", "localhost", "nas.local", "mail.home.arpa", "server"]) {
    assert.equal(isReservedName(name), true, name);
  }
  for (const name of ["example.org", "test.example.org", "local.example.com", "mytest"].slice(0, 3)) {
    assert.equal(isReservedName(name), false, name);
  }
});

/** A name system out of a table: `"MX example.org": [...]`; a value that is an error is thrown. */
function scripted(table: Readonly<Record<string, unknown>>): Resolver {
  const asked = (type: string) => (name: string): Promise<never[]> => {
    const value = table[`${type} ${name}`] ?? [];
    return value instanceof Error ? Promise.reject(value) : Promise.resolve(value as never[]);
  };
  return { mx: asked("MX"), a: asked("A"), aaaa: asked("AAAA"), txt: asked("TXT"), srv: asked("SRV"), ptr: asked("PTR") };
}

function ctxWith(resolver: Resolver): Ctx {
  const ctx = realCtx();
  return { ...ctx, system: { ...ctx.system, resolver } };
}

test("SPF records are worked out", async () => {
  const many = Object.fromEntries(Array.from({ length: 12 }, (_, index) =>
    [`TXT d${index}.test`, [`v=spf1 include:d${index + 1}.test -all`]]));
  const resolver = scripted({
    "TXT mx.test": ["v=spf1 mx -all"], "MX mx.test": [{ exchange: "h.test", priority: 1 }], "A h.test": [here],
    "TXT none.test": ["something"], "TXT two.test": ["v=spf1 -all", "v=spf1 +all"],
    "TXT ip.test": ["v=spf1 ip4:198.51.100.0/24 ~all"], "TXT ip6.test": ["v=spf1 ip6:2001:db8::/32 -all"],
    "TXT wrong.test": ["v=spf1 ip4:300.1.1.1 -all"], "TXT odd.test": ["v=spf1 banana -all"],
    "TXT include.test": ["v=spf1 include:ip.test -all"], "TXT redirect.test": ["v=spf1 redirect=ip.test"],
    "TXT lost.test": ["v=spf1 include:none.test -all"], "TXT soft.test": ["v=spf1 ip4:192.0.2.1 ~all"],
    "TXT open.test": ["v=spf1"], "TXT macro.test": ["v=spf1 exists:%{i}.x.test -all"],
    "TXT a.test": ["v=spf1 a:h.test/28 ?all"], "TXT loop.test": ["v=spf1 include:loop.test -all"], ...many,
    "TXT broken.test": new Error("SERVFAIL"), "TXT upper.test": ["V=SPF1 IP4:198.51.100.7 -ALL"],
  });
  const rows: [string, string, string][] = [
    ["mx.test", here, "pass"], ["mx.test", "192.0.2.9", "fail"], ["none.test", here, "none"],
    ["two.test", here, "permerror"], ["ip.test", here, "pass"], ["ip.test", "192.0.2.9", "softfail"],
    ["ip6.test", "2001:db8::1", "pass"], ["ip6.test", here, "fail"], ["wrong.test", here, "permerror"],
    ["odd.test", here, "permerror"], ["include.test", here, "pass"], ["include.test", "192.0.2.9", "fail"],
    ["redirect.test", here, "pass"], ["lost.test", here, "permerror"], ["soft.test", here, "softfail"],
    ["open.test", here, "neutral"], ["macro.test", here, "unknown"], ["a.test", "198.51.100.2", "pass"],
    ["a.test", "198.51.100.200", "neutral"], ["loop.test", here, "permerror"], ["d0.test", here, "permerror"],
    ["broken.test", here, "unknown"], ["upper.test", here, "pass"],
  ];
  for (const [name, address, verdict] of rows) {
    assert.equal(await checkSpf(resolver, name, address), verdict, `${name} ${address}`);
  }
});

test("the name system is asked for everything, and a failure is no answer", async () => {
  const ctx = ctxWith(scripted({
    "A mail.example.org": [here], "AAAA mail.example.org": new Error("SERVFAIL"), [`PTR ${here}`]: [host],
    "MX example.org": [{ exchange: host, priority: 10 }], "TXT example.org": ["v=spf1 mx -all"],
    "TXT _dmarc.example.org": new Error("SERVFAIL"), "A autodiscover.example.org": [here],
    "SRV _imaps._tcp.example.org": [srv(993)],
  }));
  assert.deepEqual(await readHostRecords(ctx, host),
    { addresses: [here], pointers: [{ address: here, names: [host] }] });
  const records = await readDomainRecords(ctx, "example.org", [here]);
  assert.deepEqual(records.mx, [{ exchange: host, priority: 10, addresses: [here] }]);
  assert.equal(records.dmarc, null);
  assert.deepEqual(records.autoconfig, []);
  assert.deepEqual(records.services._imaps, [srv(993)]);
  assert.deepEqual(records.spf, [{ address: here, verdict: "pass" }]);
});

const seen = (change: Partial<NonNullable<NameSeen["seen"]>["certificate"]> = {}, distrust: string | null = null) => ({
  protocol: "TLSv1.3", distrust, certificate: {
    names: [host, "*.example.org"], subject: host, issuer: "R11", notBeforeMs: nowMs - 30 * dayMs,
    notAfterMs: nowMs + 60 * dayMs, chainSubjects: [host, "R11", "ISRG Root X1"], ...change,
  },
});
const looked = (name: string, need: NameSeen["need"], what: NameSeen["seen"]): NameSeen =>
  ({ name, need, seen: what, trouble: what === null ? "nothing listens" : null });

test("what doctor says of certificates", () => {
  const state = { ...emptyAcmeState("https://acme.example/dir"), lastAttemptMs: nowMs, lastSuccessMs: nowMs };
  const own = { authority: { file: "/srv/mail/tls/ca.pem", pem: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END" } };
  const fine = ["tls.trust ✓", "tls.time ✓", "tls.names ✓", "tls.acme –"];
  const replace = (was: string, ...becomes: string[]): string[] => fine.flatMap((one) => (one === was ? becomes : [one]));
  const rows: [string, Partial<Setting>, NameSeen["seen"], string[]][] = [
    ["all is well", {}, seen(), fine],
    ["nothing to see", {}, null, ["tls –"]],
    ["self-made", own, seen({ issuer: "Outpost local CA" }, "SELF_SIGNED_CERT_IN_CHAIN"), replace("tls.trust ✓", "tls.trust !")],
    ["of another house", own, seen({ issuer: "Corp CA" }, "SELF_SIGNED_CERT_IN_CHAIN"), replace("tls.trust ✓", "tls.trust !")],
    ["chain not complete", {}, seen({}, "UNABLE_TO_VERIFY_LEAF_SIGNATURE"), replace("tls.trust ✓", "tls.trust ✗")],
    ["expired", {}, seen({ notAfterMs: nowMs - dayMs }, "CERT_HAS_EXPIRED"),
      ["tls.trust ✗", "tls.time ✗", "tls.names ✓", "tls.acme –"]],
    ["not yet", {}, seen({ notBeforeMs: nowMs + dayMs }, "CERT_NOT_YET_VALID"),
      ["tls.trust ✗", "tls.time ✗", "tls.names ✓", "tls.acme –"]],
    ["soon over", {}, seen({ notAfterMs: nowMs + 5 * dayMs }), replace("tls.time ✓", "tls.time !")],
    ["for another name", {}, seen({ names: ["www.example.com"] }), replace("tls.names ✓", "tls.name ✗")],
    ["ACME works", { acme: { configured: true, state } }, seen(), replace("tls.acme –", "tls.acme ✓")],
    ["ACME never asked", { acme: { configured: true, state: null } }, seen(), replace("tls.acme –", "tls.acme !")],
    ["ACME fails", { acme: { configured: true, state: { ...state, failures: 3, lastError: "refused" } } }, seen(),
      replace("tls.acme –", "tls.acme ✗")],
    ["ACME leaves a name out", { acme: { configured: true, state: { ...state,
      leftOut: { "autodiscover.example.org": { why: "no address", untilMs: nowMs } } } } }, seen(),
    replace("tls.acme –", "tls.acme ✓", "tls.acme.name !")],
  ];
  for (const [name, change, shown, expected] of rows) {
    const findings = judgeCertificates({ ...setting, ...change }, nowMs, looked(host, "wanted", shown), []);
    assert.deepEqual(marked(findings), expected, name);
  }
  const others = judgeCertificates(setting, nowMs, looked(host, "wanted", seen()), [
    looked("autodiscover.example.com", "wanted", seen()), looked("autoconfig.example.com", "helpful", seen()),
    looked("autodiscover.example.org", "wanted", seen()), looked("example.org", "helpful", null),
  ]);
  assert.deepEqual(others.filter((one) => one.id.startsWith("tls.name")).map(({ id, status, about }) =>
    `${id} ${marks[status]} ${about ?? ""}`), ["tls.names ✓ ", "tls.name ✗ autodiscover.example.com",
    "tls.name ! autoconfig.example.com", "tls.name – example.org"]);
});

test("which names a certificate covers", () => {
  const rows: [string[], string, boolean][] = [
    [["mail.example.org"], "MAIL.example.org", true], [["*.example.org"], "mail.example.org", true],
    [["*.example.org"], "example.org", false], [["*.example.org"], "a.b.example.org", false],
    [["example.org"], "mail.example.org", false], [[], "x.org", false], [["*.org"], "localhost", false],
  ];
  for (const [names, name, covers] of rows) assert.equal(coversName(names, name), covers, `${names.join()} ${name}`);
});

test("what doctor says of the machine", () => {
  const well: MachineSeen = {
    folderTrouble: null, disk: { freeBytes: 50e9, sizeBytes: 100e9 }, nowMs, newestMs: nowMs - 1000,
    health: { status: "ok", version: "1.0.0" }, taken: [], clockAheadMs: { who: "acme.example", byMs: 800 },
  };
  const fine = ["config ✓", "data ✓", "disk ✓", "clock ✓", "server ✓"];
  const rows: [string, Partial<Setting>, Partial<MachineSeen>, was: string, becomes: string[]][] = [
    ["all is well", {}, {}, "", []],
    ["no domain", { domains: [] }, {}, "config ✓", ["config ✓", "domains ✗"]],
    ["no folder", {}, { folderTrouble: "ENOENT" }, "data ✓", ["data ✗"]],
    ["another's folder", {}, { folderTrouble: "EACCES" }, "data ✓", ["data ✗"]],
    ["disk full", {}, { disk: { freeBytes: 1e6, sizeBytes: 100e9 } }, "disk ✓", ["disk ✗"]],
    ["disk nearly full", {}, { disk: { freeBytes: 500e6, sizeBytes: 100e9 } }, "disk ✓", ["disk !"]],
    ["disk unread", {}, { disk: null }, "disk ✓", ["disk –"]],
    ["clock behind", {}, { clockAheadMs: { who: "acme.example", byMs: 300_000 } }, "clock ✓", ["clock ✗"]],
    ["clock ahead", {}, { clockAheadMs: { who: "acme.example", byMs: -300_000 } }, "clock ✓", ["clock ✗"]],
    ["nobody to ask for the time", {}, { clockAheadMs: null }, "clock ✓", ["clock –"]],
    ["data from the future", {}, { clockAheadMs: null, newestMs: nowMs + dayMs }, "clock ✓", ["clock ✗"]],
    ["not running", { running: null }, { health: null }, "server ✓", ["server ✗"]],
    ["port held by another", { running: null }, { health: null, taken: [{ name: "smtp", code: "EADDRINUSE" }] },
      "server ✓", ["server ✗", "port ✗"]],
    ["port forbidden", { running: null }, { health: null, taken: [{ name: "smtp", code: "EACCES" }] }, "server ✓",
      ["server ✗", "port ✗"]],
    ["hung", {}, { health: null }, "server ✓", ["server ✗"]],
    ["stopping", {}, { health: { status: "stopping", version: null } }, "server ✓", ["server ✗"]],
    ["older", {}, { health: { status: "ok", version: "0.9.0" } }, "server ✓", ["server !"]],
    ["moved ports", { ports: { ...standardPorts, https: 10_443 } }, {}, "server ✓", ["server ✓", "ports !"]],
  ];
  for (const [name, change, sees, was, becomes] of rows) {
    assert.deepEqual(marked(judgeMachine({ ...setting, ...change }, { ...well, ...sees })),
      fine.flatMap((one) => (one === was ? becomes : [one])), name);
  }
});

test("what doctor says of a person", () => {
  const anna: PersonSeen = {
    address: "anna@example.org", isOurDomain: true, quota: { usedBytes: 10, limitBytes: 100 }, failures: [],
    entry: { kind: "user", disabled: false, off: [], hasPassword: true, hasSecondFactor: false, appPasswords: 0 },
  };
  const entry = anna.entry!;
  const fine = ["person ✓", "person.quota ✓"];
  const rows: [string, Partial<PersonSeen>, string[]][] = [
    ["all is well", {}, fine],
    ["nobody", { entry: null }, ["person ✗"]], ["foreign", { entry: null, isOurDomain: false }, ["person ✗"]],
    ["group", { entry: { ...entry, kind: "group" } }, ["person ✗"]],
    ["shared", { entry: { ...entry, kind: "shared" } }, fine],
    ["disabled", { entry: { ...entry, disabled: true } }, ["person ✗", "person.quota ✓"]],
    ["no password", { entry: { ...entry, hasPassword: false } }, ["person ✓", "person.password ✗", "person.quota ✓"]],
    ["only app passwords", { entry: { ...entry, hasPassword: false, appPasswords: 2 } },
      ["person ✓", "person.password ✓", "person.quota ✓"]],
    ["second factor", { entry: { ...entry, hasSecondFactor: true } },
      ["person ✓", "person.second-factor !", "person.quota ✓"]],
    ["switched off", { entry: { ...entry, off: ["imap"] } }, ["person ✓", "person.switches !", "person.quota ✓"]],
    ["nearly full", { quota: { usedBytes: 97, limitBytes: 100 } }, ["person ✓", "person.quota !"]],
    ["full", { quota: { usedBytes: 100, limitBytes: 100 } }, ["person ✓", "person.quota ✗"]],
    ["refused lately", { failures: [{ atMs: nowMs, detail: "imap: wrong name or password", client: "192.0.2.1", repeated: 4 }] },
      ["person ✓", "person.quota ✓", "person.refused !"]],
  ];
  for (const [name, change, expected] of rows) {
    assert.deepEqual(marked(judgePerson({ ...anna, ...change })), expected, name);
  }
});

/** A port of a script: what it says at once, and to each line it gets. */
async function scriptedPort(t: TestContext, greeting: string | null, answer: (line: string) => string): Promise<number> {
  const server = createServer((socket) => {
    socket.on("error", () => socket.destroy());
    if (greeting === null) {
      socket.destroy();
      return;
    }
    socket.write(greeting);
    socket.on("data", (chunk) => {
      for (const line of String(chunk).split("\r\n").filter(Boolean)) socket.write(answer(line));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

test("ports that misbehave are told in one sentence", async (t) => {
  const tagged = (line: string): string => `${line.split(" ")[0]} BAD no\r\n`;
  const rows: [PortName, string | null, (line: string) => string, RegExp][] = [
    ["imap", "* BYE busy\r\n", tagged, /the greeting is “\* BYE busy”/],
    ["imap", "SSH-2.0-x\r\n", tagged, /the greeting is “SSH/],
    ["imap", "* OK hello\r\n", tagged, /STARTTLS is answered “d1 BAD no”/],
    ["imap", null, tagged, /closed the connection/],
    ["imap", `* OK ${"x".repeat(40_000)}\r\n`, tagged, /too long/],
    ["imap", "* OK hello\r\n", () => "* more\r\n".repeat(600), /never ends its answer/],
    ["imap", "* OK hello\r\n", (line) => (line.includes("STARTTLS") ? "d1 OK go\r\n" : "no TLS\r\n"), /TLS on port \d+ failed|during TLS/],
    ["pop3", "-ERR no\r\n", () => "-ERR\r\n", /the greeting is “-ERR no”/],
    ["pop3", "+OK\r\n", () => "-ERR no TLS\r\n", /STLS is answered/],
    ["smtp", "554 no\r\n", () => "554 no\r\n", /the greeting is “554 no”/],
    ["smtp", "220 other.example ESMTP\r\n", () => "250 ok\r\n", /greets as other\.example, not as mail\.example\.org/],
    ["submission", `220 ${host} ESMTP\r\n`, () => `250-${host}\r\n250 SIZE\r\n`, /STARTTLS is not offered/],
    ["smtp", `220 ${host} ESMTP\r\n`, () => "500 what\r\n", /EHLO is answered/],
    ["imaps", "* OK no TLS here\r\n", tagged, /TLS on port \d+ failed|closed the connection/],
  ];
  for (const [name, greeting, answer, expected] of rows) {
    const port = await scriptedPort(t, greeting, answer);
    const row = mailPorts.find((one) => one.name === name)!;
    const finding = await checkMailPort(realCtx(), setting, row,
      { address: "127.0.0.1", port, proxyHeader: false }, null, null);
    assert.equal(finding.status, "bad", `${name} ${String(expected)}: ${finding.text}`);
    assert.match(finding.text, expected);
    assert.equal(finding.about, name);
  }
  const closed = await scriptedPort(t, "", () => "");
  const refused = await checkMailPort(realCtx(), setting, mailPorts[0]!,
    { address: "127.0.0.2", port: closed, proxyHeader: false }, null, null);
  assert.match(refused.text, /nothing listens on port/);
});

test("a port that says nothing is given up, without waiting here", async (t) => {
  const port = await scriptedPort(t, "", () => "");
  const ctx = realCtx();
  const quick: Ctx = { ...ctx, system: { ...ctx.system, setTimer: (ms, body) => ctx.system.setTimer(ms / 100, body) } };
  const finding = await checkMailPort(quick, setting, mailPorts.find((one) => one.name === "imap")!,
    { address: "127.0.0.1", port, proxyHeader: false }, null, null);
  assert.match(finding.text, /did not answer within 15 seconds/);
});

test("answers that are none are read as none", () => {
  for (const body of ["", "<html>", "<a/>", "<Autodiscover/>", "{}", "\0".repeat(10), "<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>"]) {
    const bytes = Buffer.from(body);
    assert.deepEqual([readPox(bytes), readMobile(bytes), readSoap(bytes), readEws(bytes)], [null, null, null, null], body);
  }
});

test("a report is lines of 80 columns with what to do below", () => {
  const group = { id: "x", title: "Group", findings: [
    ok("a", "Fine."),
    bad("b", "Something is wrong with a thing that needs a long sentence to say what it is about, so that it wraps.",
      "Do this, which is also told in a sentence so long that it cannot stand on a single line of a terminal.",
      { lines: ["example.org. 3600 IN MX 10 mail.example.org."] }),
  ] };
  assert.equal(printGroup(group, { color: false }), `Group
  ✓ Fine.
  ✗ Something is wrong with a thing that needs a long sentence to say what it is
    about, so that it wraps.
    → Do this, which is also told in a sentence so long that it cannot stand on
      a single line of a terminal.
        example.org. 3600 IN MX 10 mail.example.org.
`);
  assert.match(printGroup(group, { color: true }), /\u001b\[31;1m✗\u001b\[0m/);
  const report = makeReport([group]);
  assert.equal(report.healthy, false);
  assert.equal(printSummary(report, { color: false }), "One thing is wrong. 1 fine, 1 wrong.");
});

/** A name server on UDP that knows a few records and says of the rest that there are none. RFC 1035 §4 */
async function startNameServer(records: Readonly<Record<string, Buffer[]>>): Promise<{ port: number; close(): void }> {
  const socket = createSocket("udp4");
  socket.on("message", (query, from) => {
    const labels: string[] = [];
    let at = 12;
    for (let size = query[at]!; size !== 0; size = query[at]!) {
      labels.push(query.toString("latin1", at + 1, at + 1 + size));
      at += size + 1;
    }
    const type = query.readUInt16BE(at + 1);
    const question = query.subarray(12, at + 5);
    const found = records[`${type} ${labels.join(".").toLowerCase()}`] ?? [];
    const answers = found.map((data) => {
      const head = Buffer.alloc(12);
      head.writeUInt16BE(0xc00c, 0);
      head.writeUInt16BE(type, 2);
      head.writeUInt16BE(1, 4);
      head.writeUInt32BE(60, 6);
      head.writeUInt16BE(data.length, 10);
      return Buffer.concat([head, data]);
    });
    const head = Buffer.from(query.subarray(0, 12));
    head.writeUInt16BE(0x8580, 2);
    head.writeUInt16BE(1, 4);
    head.writeUInt16BE(answers.length, 6);
    head.writeUInt32BE(0, 8);
    socket.send(Buffer.concat([head, question, ...answers]), from.port, from.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", () => resolve()));
  return { port: socket.address().port, close: () => socket.close() };
}

const types = { A: 1, MX: 15, TXT: 16, AAAA: 28, SRV: 33, PTR: 12 } as const;
const nameBytes = (name: string): Buffer => Buffer.concat([
  ...name.split(".").map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)])), Buffer.from([0]),
]);
const txt = (text: string): Buffer => Buffer.concat([Buffer.from([text.length]), Buffer.from(text)]);
const address4 = (address: string): Buffer => Buffer.from(address.split(".").map(Number));

let server: TestServer;
let names: { port: number; close(): void };
before(async () => {
  server = await TestServer.start({
    users: ["alice", "bob"], config: { hostname: host, publicAddresses: [here], mapi: true },
  });
  await server.must(["domain", "add", "example.org"]);
  names = await startNameServer({
    [`${types.A} ${host}`]: [address4(here)], [`${types.A} autodiscover.example.org`]: [address4(here)],
    [`${types.MX} example.org`]: [Buffer.concat([Buffer.from([0, 10]), nameBytes(host)])],
    [`${types.TXT} example.org`]: [txt("v=spf1 mx -all")], [`${types.TXT} _dmarc.example.org`]: [txt("v=DMARC1; p=none")],
    [`${types.PTR} 7.100.51.198.in-addr.arpa`]: [nameBytes(host)],
    [`${types.A} example.org`]: [address4("192.0.2.80")],
  });
});
after(async () => {
  names?.close();
  await server?.dispose();
});

async function doctor(args: readonly string[], input = ""): Promise<{ code: number | null; report: Report; byId: Map<string, Finding> }> {
  const { code, stdout, stderr } = await server.outpost(
    ["doctor", "--json", "--name-server", `127.0.0.1:${names.port}`, ...args], input);
  assert.equal(stderr, "");
  const report = JSON.parse(stdout) as Report;
  const all = report.groups.flatMap((group) => group.findings);
  const byId = new Map(all.map((one) => [one.id, one]));
  return { code, report, byId };
}

const alice = `alice@${serverDomain}`;
const signIns = ["submissions.sign-in", "submission.sign-in", "imaps.sign-in", "imap.sign-in", "pop3s.sign-in",
  "pop3.sign-in", "web.mapi", "web.nspi"];

test("a whole server: everything is tried with a real sign-in, and nothing is wrong", async () => {
  for (const [how, args, input] of [
    ["by an app password", [alice], ""], ["by the password", [alice, "--password-stdin"], `${password}\n`],
  ] as const) {
    const { code, report, byId } = await doctor(args, input);
    const wrong = report.groups.flatMap((group) => group.findings).filter((one) => one.status === "bad");
    assert.deepEqual(wrong, [], how);
    assert.equal(code, 0, how);
    for (const id of [...signIns, "smtp", "server", "web.page", "web.autodiscover", "web.redirect", "web.soap", "web.json",
      "web.autoconfig", "web.profile", "tls.time", "dns.host", "dns.ptr", "dns.mx", "dns.autodiscover", "dns.spf"]) {
      assert.equal(byId.get(id)?.status, "ok", `${how}: ${id} ${byId.get(id)?.text ?? "is missing"}`);
    }
    assert.equal(byId.get("tls.trust")?.status, "warn");
    assert.equal(byId.get("dns.srv.missing")?.lines.some((line) =>
      line === `_imaps._tcp.example.org. 3600 IN SRV 0 1 ${server.ports.imaps} ${host}.`), true);
  }
  assert.match(await server.must(["user", "app-password", "list", alice]), /no app password/);
  assert.deepEqual(server.errors(), []);
});

test("a whole server: a wrong password is one failure, and the ports are tried without it", async () => {
  const { code, byId } = await doctor([`bob@${serverDomain}`, "--password-stdin"], "wrong\n");
  assert.equal(code, 1);
  assert.equal(byId.get("person.sign-in")?.status, "bad");
  assert.equal(byId.get("imaps")?.status, "ok");
  assert.equal(byId.has("imaps.sign-in"), false);
  assert.match(byId.get("web.mapi")?.text ?? "", /nobody signed in/);
});

test("a whole server: switches, and people who are not there", async () => {
  await server.must(["user", "set", `bob@${serverDomain}`, "imap=off", "mapi=off"]);
  const { code, byId } = await doctor([`bob@${serverDomain}`]);
  assert.equal(code, 0);
  for (const id of ["imaps.sign-in", "imap.sign-in", "web.mapi", "web.nspi"]) assert.equal(byId.get(id)?.status, "skipped", id);
  assert.equal(byId.get("pop3s.sign-in")?.status, "ok");
  assert.equal((await doctor([`nobody@${serverDomain}`])).byId.get("person")?.status, "bad");
});

test("a whole server: text for people is in 80 columns", async () => {
  const { code, stdout } = await server.outpost(["doctor", "--name-server", `127.0.0.1:${names.port}`]);
  assert.equal(code, 0, stdout);
  for (const line of stdout.split("\n")) {
    assert.ok([...line].length <= 80 || /^ {8}\S/.test(line) || !/ \S+ /.test(line.trim()), line);
  }
  assert.match(stdout, /\nNothing is wrong\. \d+ fine/);
});

test("a server that is not running", async () => {
  await server.stop();
  const { code, byId } = await doctor([alice]);
  assert.equal(code, 1);
  assert.equal(byId.get("server")?.status, "bad");
  for (const id of ["mail", "web", "tls", "person.sign-in"]) assert.equal(byId.get(id)?.status, "skipped", id);
  assert.equal(byId.get("dns.mx")?.status, "ok");
});

test("usage", async () => {
  const rows: [string[], RegExp][] = [
    [["--name-server", "dns.example"], /--name-server is an IP address/], [["a@b.test", "c@d.test"], /outpost doctor/],
    [["--password-stdin"], /goes with an address/],
  ];
  for (const [args, expected] of rows) {
    const { code, stderr } = await server.outpost(["doctor", ...args], "x\n");
    assert.equal(code, 2, stderr);
    assert.match(stderr, expected);
  }
});

test("a configuration that cannot be read is the finding", async () => {
  const { code, stdout } = await server.outpost(["doctor", "--json", "--config", "/nowhere/outpost.json"]);
  assert.equal(code, 1);
  assert.match((JSON.parse(stdout) as Report).groups[0]!.findings[0]!.text, /\/nowhere\/outpost\.json cannot be read/);
});
