/** Judges what the name system says of this server and of each domain. Decides only; `dns-records.ts` asks. */
import type { DomainRecords, HostRecords, Looked, Service, ServiceName } from "#doctor/dns-records.ts";
import { bad, listed, ok, skipped, warn } from "#doctor/finding.ts";
import type { Finding } from "#doctor/finding.ts";
import { isReservedName } from "#doctor/setting.ts";
import type { Setting } from "#doctor/setting.ts";
import { spfRecordsOf } from "#doctor/spf.ts";
import { AddressList } from "#net/addresses.ts";

const ttl = 3600;
const publish = "Add to the zone:";

/** One line of a zone file. RFC 1035 §5.1 */
export function zoneLine(name: string, type: string, value: string): string {
  return `${name}. ${ttl} IN ${type} ${value}`;
}

function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}

/** Addresses the Internet does not lead to. RFC 1918 §3, RFC 6598 §7, RFC 3927 §2.1, RFC 4193 §3.1, RFC 4291 §2.5.6 */
const innerNetworks = new AddressList([
  "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "127.0.0.0/8", "::1",
  "fc00::/7", "fe80::/10",
]);

/** The addresses this server should be found at, as far as they can be known from the inside. */
function ownAddresses(setting: Setting): readonly string[] {
  if (setting.publicAddresses.length > 0) return setting.publicAddresses;
  return setting.machineAddresses.filter((address) => !innerNetworks.has(address));
}

function addressLines(name: string, addresses: readonly string[]): string[] {
  const known = addresses.length > 0 ? addresses : ["<the address of this server>"];
  return known.map((address) => zoneLine(name, address.includes(":") ? "AAAA" : "A", address));
}

/** The host name: that it leads here, and that its addresses lead back. */
export function judgeHost(setting: Setting, { addresses, pointers }: HostRecords): Finding[] {
  const { hostname } = setting;
  if (isReservedName(hostname)) {
    return [skipped("dns.host", `${hostname} is a name for this network or for trying out; the name system was ` +
      "not asked.")];
  }
  if (addresses === null) {
    return [skipped("dns.host", `The name system could not be asked for ${hostname}; is this machine online?`)];
  }
  const own = ownAddresses(setting);
  if (addresses.length === 0) {
    return [bad("dns.host", `${hostname} has no address, so nobody finds this server.`, publish,
      { lines: addressLines(hostname, own) })];
  }
  return [judgeAddresses(setting, addresses, own), ...judgePointers(setting, pointers)];
}

function judgeAddresses(setting: Setting, addresses: readonly string[], own: readonly string[]): Finding {
  const { hostname } = setting;
  const here = new AddressList([...own, ...setting.machineAddresses.filter((one) => !one.includes("%"))]);
  const foreign = addresses.filter((address) => !here.has(address));
  if (foreign.length === 0) return ok("dns.host", `${hostname} leads here (${listed(addresses)}).`);
  if (own.length === 0) {
    return warn("dns.host", `${hostname} leads to ${listed(foreign)}, which is none of this machine's addresses; ` +
      "behind a router that is how it should be.", "If that is the router's address, name it in outpost.json: " +
      `"publicAddresses": [${foreign.map((one) => `"${one}"`).join(", ")}]`);
  }
  const rest = foreign.length < addresses.length ? "also " : "";
  return bad("dns.host", `${hostname} ${rest}leads to ${listed(foreign)}, which is not this server.`,
    `Replace ${foreign.length === 1 ? "that record" : "those records"} by these (or name the addresses in ` +
    '"publicAddresses" of outpost.json, when they are this server\'s):', { lines: addressLines(hostname, own) });
}

function judgePointers(setting: Setting, pointers: HostRecords["pointers"]): Finding[] {
  if (setting.outboundMode !== "mx") {
    const why = setting.outboundMode === "off" ? "this server sends nothing outside" : "mail goes out by the smarthost";
    return [skipped("dns.ptr", `Reverse names do not matter: ${why}.`)];
  }
  return pointers.map(({ address, names }) => {
    const about = address;
    if (names === null) return skipped("dns.ptr", `The reverse name of ${address} could not be asked for.`, { about });
    const fix = `Whoever gave you the address sets it (a hoster has a page for it): PTR of ${address} = ` +
      `${setting.hostname}`;
    if (names.length === 0) {
      return bad("dns.ptr", `${address} has no reverse name; many servers refuse mail from it.`, fix, { about });
    }
    if (!names.some((name) => sameName(name, setting.hostname))) {
      return warn("dns.ptr", `The reverse name of ${address} is ${names[0]}, not ${setting.hostname}; some servers ` +
        "take mail from it for spam.", fix, { about });
    }
    return ok("dns.ptr", `${address} leads back to ${setting.hostname}.`, { about });
  });
}

function sameName(one: string, other: string): boolean {
  return one.replace(/\.$/, "").toLowerCase() === other.replace(/\.$/, "").toLowerCase();
}

/** What is served that a domain may announce. */
export interface Announced {
  readonly calDav: boolean;
  readonly cardDav: boolean;
  readonly jmap: boolean;
}

/** One domain: where its mail goes, how clients find their settings, what says that its mail is genuine. */
export function judgeDomain(
  setting: Setting, host: HostRecords, records: DomainRecords, announced: Announced,
): Finding[] {
  const { domain } = records;
  const about = domain;
  if (isReservedName(domain)) {
    return [skipped("dns", `${domain} is a name for trying out; the name system was not asked.`, { about })];
  }
  if (records.mx === null && records.texts === null && records.autodiscover === null) {
    return [skipped("dns", `The name system could not be asked for ${domain}; is this machine online?`, { about })];
  }
  const leadsHere = (addresses: Looked<string>): boolean =>
    (addresses ?? []).some((address) => host.addresses?.includes(address) === true);
  return [
    ...judgeMx(setting, records, leadsHere), ...judgeDiscovery(setting, records, leadsHere),
    judgeAutoconfig(setting, records, leadsHere), ...judgeServices(setting, records, announced),
    ...judgeSpf(setting, records), judgeDmarc(setting, records),
    skipped("dns.dkim", "This version does not sign mail with DKIM.", { about }),
    judgeMtaSts(records),
  ].map((one) => ({ ...one, about: one.about ?? about }));
}

type LeadsHere = (addresses: Looked<string>) => boolean;

function unasked(id: string, what: string): Finding {
  return skipped(id, `${what} could not be asked for.`);
}

function judgeMx({ hostname }: Setting, { domain, mx }: DomainRecords, leadsHere: LeadsHere): Finding[] {
  if (mx === null) return [unasked("dns.mx", `The MX record of ${domain}`)];
  const lines = [zoneLine(domain, "MX", `10 ${hostname}.`)];
  const isNull = (name: string): boolean => name === "" || name === ".";
  if (mx.some(({ exchange }) => isNull(exchange))) {
    return [bad("dns.mx", `${domain} says that it takes no mail (a null MX).`, "Replace it by:", { lines })];
  }
  if (mx.length === 0) {
    return [bad("dns.mx", `${domain} has no MX record, so mail for it does not come here.`, publish, { lines })];
  }
  const here = mx.filter(({ exchange, addresses }) => sameName(exchange, hostname) || leadsHere(addresses));
  const findings: Finding[] = [];
  if (here.length > 0) findings.push(ok("dns.mx", `Mail for ${domain} comes to ${here[0]!.exchange}.`));
  else {
    findings.push(warn("dns.mx", `Mail for ${domain} goes to ${listed(mx.map((one) => one.exchange))}, not here.`,
      "That is right when a filter there passes it on to this server; otherwise replace it by:", { lines }));
  }
  for (const { exchange, addresses } of mx) {
    if (addresses !== null && addresses.length === 0) {
      findings.push(bad("dns.mx.target", `The MX record of ${domain} names ${exchange}, which has no address.`,
        "Remove the record or give the name an address.", { about: exchange }));
    }
  }
  return findings;
}

function judgeDiscovery(setting: Setting, records: DomainRecords, leadsHere: LeadsHere): Finding[] {
  const { hostname, ports } = setting;
  const { domain, autodiscover, root } = records;
  const name = `autodiscover.${domain}`;
  const srv = records.services["_autodiscover"];
  const srvHere = (srv ?? []).some((one) => sameName(one.name, hostname) && one.port === ports.https);
  const lines = [zoneLine(name, "CNAME", `${hostname}.`)];
  if (autodiscover === null) return [unasked("dns.autodiscover", name)];
  const findings: Finding[] = [];
  for (const one of srv ?? []) {
    if (!sameName(one.name, hostname) || one.port !== ports.https) {
      findings.push(bad("dns.autodiscover.srv", `The record _autodiscover._tcp.${domain} leads to ` +
        `${one.name}:${one.port}, not to ${hostname}:${ports.https}.`, "Replace it by:",
      { lines: [serviceLine(setting, domain, "_autodiscover", ports.https)] }));
    }
  }
  if (leadsHere(autodiscover)) {
    findings.push(ok("dns.autodiscover", `${name} leads here: Outlook and phones find their settings.`));
  } else if (autodiscover.length > 0) {
    findings.push(bad("dns.autodiscover", `${name} leads to ${listed(autodiscover)}, not here: clients ask the wrong ` +
      "server.", "Replace its records by:", { lines }));
  } else if (srvHere || leadsHere(root)) {
    const by = srvHere ? `_autodiscover._tcp.${domain}` : domain;
    findings.push(warn("dns.autodiscover", `${name} is not there; clients that know ${by} find their settings, ` +
      "others do not.", publish, { lines }));
  } else {
    findings.push(bad("dns.autodiscover", `${name} is not there: Outlook and phones do not find their settings.`,
      publish, { lines: [...lines, serviceLine(setting, domain, "_autodiscover", ports.https)] }));
  }
  return findings;
}

function judgeAutoconfig({ hostname }: Setting, { domain, autoconfig }: DomainRecords, leadsHere: LeadsHere): Finding {
  const name = `autoconfig.${domain}`;
  const lines = [zoneLine(name, "CNAME", `${hostname}.`)];
  if (autoconfig === null) return unasked("dns.autoconfig", name);
  if (leadsHere(autoconfig)) return ok("dns.autoconfig", `${name} leads here: Thunderbird finds its settings.`);
  if (autoconfig.length > 0) {
    return bad("dns.autoconfig", `${name} leads to ${listed(autoconfig)}, not here.`, "Replace its records by:",
      { lines });
  }
  return warn("dns.autoconfig", `${name} is not there; Thunderbird has to guess.`, publish, { lines });
}

function serviceLine({ hostname }: Setting, domain: string, service: ServiceName, port: number): string {
  return zoneLine(`${service}._tcp.${domain}`, "SRV", `0 1 ${port} ${hostname}.`);
}

/** Records of single services: those that lead elsewhere are wrong, those that are missing would help some clients. */
function judgeServices(setting: Setting, { domain, services }: DomainRecords, announced: Announced): Finding[] {
  const { hostname, ports } = setting;
  const rows: [ServiceName, number, wanted: boolean][] = [
    ["_imaps", ports.imaps, true], ["_submissions", ports.submissions, true],
    ["_submission", ports.submission, true], ["_pop3s", ports.pop3s, true],
    ["_caldavs", ports.https, announced.calDav], ["_carddavs", ports.https, announced.cardDav],
    ["_jmap", ports.https, announced.jmap], ["_imap", ports.imap, false], ["_pop3", ports.pop3, false],
  ];
  const right: string[] = [];
  const missing: string[] = [];
  const findings: Finding[] = [];
  for (const [service, port, wanted] of rows) {
    const found = services[service];
    if (found === null) continue;
    const isHere = (one: Service): boolean => sameName(one.name, hostname) && one.port === port;
    // A lone dot says that there is no such service. RFC 2782
    const wrong = found.filter((one) => !isHere(one) && one.name !== "" && one.name !== ".");
    if (found.some(isHere)) right.push(service);
    else if (found.length === 0 && wanted) missing.push(serviceLine(setting, domain, service, port));
    for (const one of wrong) {
      findings.push(bad("dns.srv", `${service}._tcp.${domain} leads to ${one.name}:${one.port}, not to ` +
        `${hostname}:${port}.`, "Replace it by:",
      { about: `${service}._tcp.${domain}`, lines: [serviceLine(setting, domain, service, port)] }));
    }
  }
  if (right.length > 0) findings.push(ok("dns.srv", `Announced by SRV records: ${listed(right)}.`));
  if (missing.length > 0) {
    findings.push(warn("dns.srv.missing", "Apple Mail, Evolution and others would find servers by SRV records that " +
      "are not there.", publish, { lines: missing }));
  }
  return findings;
}

function judgeSpf(setting: Setting, { domain, texts, spf }: DomainRecords): Finding[] {
  if (setting.outboundMode === "off") return [skipped("dns.spf", "SPF does not matter: nothing is sent outside.")];
  if (texts === null) return [unasked("dns.spf", `The SPF record of ${domain}`)];
  const records = spfRecordsOf(texts);
  const lines = [zoneLine(domain, "TXT", quoted("v=spf1 mx -all"))];
  if (records.length === 0) {
    return [setting.outboundMode === "mx"
      ? bad("dns.spf", `${domain} has no SPF record; large providers refuse or sort out its mail.`, publish, { lines })
      : warn("dns.spf", `${domain} has no SPF record.`, "The provider of your smarthost tells what it must hold.")];
  }
  if (records.length > 1) {
    return [bad("dns.spf", `${domain} has ${records.length} SPF records, which counts as none.`,
      "Make one of them.", { lines: [] })];
  }
  if (setting.outboundMode === "smarthost") return [ok("dns.spf", `${domain} has an SPF record: ${records[0]}`)];
  if (spf.length === 0) return [skipped("dns.spf", "It is not known from which address mail goes out.")];
  return spf.map(({ address, verdict }): Finding => {
    const about = address;
    switch (verdict) {
      case "pass": return ok("dns.spf", `SPF lets ${address} send for ${domain}.`, { about });
      case "unknown": return skipped("dns.spf", `The SPF record of ${domain} could not be worked out.`, { about });
      case "permerror": return bad("dns.spf", `The SPF record of ${domain} is not valid: ${records[0]}`,
        "Correct it; the simplest one is:", { about, lines });
      default: return bad("dns.spf", `The SPF record of ${domain} does not let ${address} send: ${records[0]}`,
        "Put mx (or the address) into it before “all”; the simplest one is:", { about, lines });
    }
  });
}

function judgeDmarc(setting: Setting, { domain, dmarc }: DomainRecords): Finding {
  if (setting.outboundMode === "off") return skipped("dns.dmarc", "DMARC does not matter: nothing is sent outside.");
  if (dmarc === null) return unasked("dns.dmarc", `_dmarc.${domain}`);
  const records = dmarc.filter((text) => /^v=DMARC1\s*(?:;|$)/i.test(text));
  const lines = [zoneLine(`_dmarc.${domain}`, "TXT", quoted("v=DMARC1; p=none"))];
  if (records.length > 1) {
    return bad("dns.dmarc", `${domain} has ${records.length} DMARC records, which counts as none.`, "Keep one.");
  }
  if (records.length === 0) {
    return warn("dns.dmarc", `${domain} has no DMARC record; large providers ask for one from who sends much.`,
      publish, { lines });
  }
  const policy = /(?:^|;)\s*p\s*=\s*(none|quarantine|reject)\s*(?:;|$)/i.exec(records[0]!)?.[1]?.toLowerCase();
  if (policy === undefined) {
    return bad("dns.dmarc", `The DMARC record of ${domain} names no policy that exists: ${records[0]}`,
      "Correct it; to begin with:", { lines });
  }
  return ok("dns.dmarc", `${domain} has a DMARC record with the policy “${policy}”.`);
}

function judgeMtaSts({ domain, mtaSts }: DomainRecords): Finding {
  if (mtaSts === null) return unasked("dns.mta-sts", `_mta-sts.${domain}`);
  const records = mtaSts.filter((text) => /^v=STSv1\s*(?:;|$)/i.test(text));
  if (records.length === 0) return skipped("dns.mta-sts", `${domain} has no MTA-STS policy, and needs none.`);
  return warn("dns.mta-sts", `${domain} announces an MTA-STS policy, which this server does not serve.`,
    `See that https://mta-sts.${domain}/.well-known/mta-sts.txt answers somewhere and names this server, or remove ` +
    `_mta-sts.${domain}.`);
}
