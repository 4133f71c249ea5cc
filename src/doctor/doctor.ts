/** Runs every check, side by side where they do not disturb each other, and tells each group as it is complete. */
import type { Ctx } from "#base/ctx.ts";
import { limits } from "#base/limits.ts";
import type { Admin } from "#admin/admin.ts";
import { domainOf } from "#directory/address.ts";
import { judgeCertificates } from "#doctor/certificates.ts";
import type { NameSeen } from "#doctor/certificates.ts";
import { lookAtTls, Trouble } from "#doctor/connect.ts";
import type { Place } from "#doctor/connect.ts";
import { readDomainRecords, readHostRecords } from "#doctor/dns-records.ts";
import type { DomainRecords, HostRecords } from "#doctor/dns-records.ts";
import { judgeDomain, judgeHost } from "#doctor/dns.ts";
import { bad, makeReport, skipped } from "#doctor/finding.ts";
import type { Finding, Group, Report } from "#doctor/finding.ts";
import { healthOf, judgeMachine, lookAtMachine } from "#doctor/machine.ts";
import { checkMailPort, mailPorts } from "#doctor/mail-ports.ts";
import type { SignInAs } from "#doctor/mail-ports.ts";
import { judgePerson, lookAtPerson, withSignIn } from "#doctor/person.ts";
import { isReservedName, localAddress } from "#doctor/setting.ts";
import type { PortName, Setting } from "#doctor/setting.ts";
import { checkWeb, findServed } from "#doctor/web.ts";
import type { Leads } from "#doctor/web.ts";

export interface DoctorRequest {
  readonly setting: Setting;
  readonly admin: Admin;
  /** Whose way is walked; null for what needs nobody. */
  readonly address: string | null;
  /** Null: an app password is made for the time of the check. */
  readonly password: string | null;
  /** Called in the order of the report, as each group is complete. */
  readonly onGroup: (group: Group) => void;
}

/** Everything; never throws for what is wrong with the server. */
export async function runDoctor(ctx: Ctx, asked: DoctorRequest): Promise<Report> {
  const request = { ...asked, setting: await withRunning(ctx, asked.setting) };
  const { setting, admin, address } = request;
  if (address === null) return await examine(ctx, request, null, null, []);
  const seen = await lookAtPerson(ctx, admin, address);
  const about = judgePerson(seen);
  if (setting.running === null) {
    return await examine(ctx, request, seen.address, null, [...about,
      skipped("person.sign-in", "Signing in was not tried: the server is not running.")]);
  }
  return await withSignIn(ctx, admin, seen, request.password, (person, more) =>
    examine(ctx, request, seen.address, person, [...about, ...more]));
}

/** A server that left no note (its folder may not be writable) is recognised by its answer. */
async function withRunning(ctx: Ctx, setting: Setting): Promise<Setting> {
  if (setting.running !== null) return setting;
  const health = await healthOf(ctx, setting, placeOf(setting, "https"));
  if (health === null) return setting;
  return { ...setting, running: { pid: null, version: health.version ?? setting.version } };
}

function placeOf(setting: Setting, name: PortName): Place {
  return { address: localAddress(setting), port: setting.ports[name], proxyHeader: setting.speaksProxyProtocol };
}

interface Names {
  readonly host: Promise<HostRecords | null>;
  readonly domains: ReadonlyMap<string, Promise<DomainRecords>>;
}

async function examine(
  ctx: Ctx, { setting, onGroup }: DoctorRequest, address: string | null, person: SignInAs | null,
  aboutPerson: readonly Finding[],
): Promise<Report> {
  const place = (name: PortName): Place => placeOf(setting, name);
  const names = askNames(ctx, setting);
  const leads = (name: string): Promise<Leads> => whereLeads(names, name);
  const served = findServed(ctx, setting, place);
  const isUp = setting.running !== null;
  const domain = address === null ? setting.domains[0] ?? null : domainOf(address) || null;
  const whenUp = (id: string, work: () => Promise<readonly Finding[]>): Promise<readonly Finding[]> =>
    (isUp ? work() : Promise.resolve([skipped(id, "Not tried: the server is not running.")]));
  const groups: { id: string; title: string; work: Promise<readonly Finding[]> }[] = [
    { id: "machine", title: "This machine and the server",
      work: lookAtMachine(ctx, setting, place("https")).then((seen) => judgeMachine(setting, seen)) },
    ...address === null ? []
      : [{ id: "person", title: address, work: Promise.resolve(aboutPerson) }],
    { id: "mail", title: "Mail programs (IMAP, POP3, SMTP)",
      work: whenUp("mail", () => checkMail(ctx, setting, place, person, address)) },
    { id: "web", title: "Outlook, phones and browsers (HTTPS)",
      work: whenUp("web", () => checkWeb({ ctx, setting, place, person, domain, leads, served })) },
    { id: "certificates", title: "Certificates",
      work: whenUp("tls", () => checkCertificates(ctx, setting, place, leads)) },
    { id: "dns", title: `Names of ${setting.hostname}`,
      work: names.host.then((host) => judgeHost(setting, host ?? { addresses: null, pointers: [] })) },
    ...[...names.domains].map(([name, records]) => ({
      id: `dns:${name}`, title: `Names of ${name}`, work: judgeNames(setting, names.host, records, served),
    })),
  ];
  const done: Group[] = [];
  // Each is bounded by its own deadlines; this one is for a mistake among them.
  const bounded = groups.map(({ id, title, work }) => ({ id, title, work: withinTime(ctx, id, work) }));
  for (const { id, title, work } of bounded) {
    const group = { id, title, findings: await work };
    onGroup(group);
    done.push(group);
  }
  return makeReport(done);
}

async function withinTime(ctx: Ctx, id: string, work: Promise<readonly Finding[]>): Promise<readonly Finding[]> {
  let cancel = (): void => {};
  const tooLate = new Promise<Finding[]>((resolve) => {
    cancel = ctx.system.setTimer(limits.doctorGroupMs, () => resolve([
      bad(`${id}.time`, `This took longer than ${limits.doctorGroupMs / 1000} seconds and was given up.`,
        "Try again; look into the server's log."),
    ]));
  });
  try {
    return await Promise.race([work, tooLate]);
  } finally {
    cancel();
  }
}

/** Names that lead nowhere by decree are not asked for. */
function askNames(ctx: Ctx, setting: Setting): Names {
  const host = isReservedName(setting.hostname) ? Promise.resolve(null) : readHostRecords(ctx, setting.hostname);
  const outgoing = host.then((records) => {
    const known = setting.publicAddresses.length > 0 ? setting.publicAddresses : records?.addresses ?? [];
    return setting.outboundMode === "mx" ? known : [];
  });
  const nothing = (domain: string): DomainRecords => ({
    domain, mx: null, root: null, autodiscover: null, autoconfig: null, texts: null, dmarc: null, mtaSts: null, spf: [],
    services: { _autodiscover: null, _imaps: null, _imap: null, _submissions: null, _submission: null, _pop3s: null,
      _pop3: null, _caldavs: null, _carddavs: null, _jmap: null },
  });
  return {
    host, domains: new Map(setting.domains.map((domain) => [domain, isReservedName(domain)
      ? Promise.resolve(nothing(domain))
      : outgoing.then((addresses) => readDomainRecords(ctx, domain, addresses))])),
  };
}

async function judgeNames(
  setting: Setting, host: Promise<HostRecords | null>, records: Promise<DomainRecords>,
  served: Promise<ReadonlySet<string>>,
): Promise<Finding[]> {
  const there = await served;
  return judgeDomain(setting, await host ?? { addresses: null, pointers: [] }, await records, {
    calDav: there.has("calDav"), cardDav: there.has("cardDav"), jmap: there.has("jmap"),
  });
}

/** Whether a name of one of our domains leads to the host's addresses. */
async function whereLeads(names: Names, name: string): Promise<Leads> {
  for (const [domain, pending] of names.domains) {
    const records = await pending;
    const found = name === domain ? records.root
      : name === `autodiscover.${domain}` ? records.autodiscover
        : name === `autoconfig.${domain}` ? records.autoconfig : undefined;
    if (found === undefined) continue;
    if (found === null || isReservedName(domain)) return "unknown";
    if (found.length === 0) return "nowhere";
    const host = await names.host;
    return found.some((address) => host?.addresses?.includes(address) === true) ? "here" : "elsewhere";
  }
  return "unknown";
}

/** POP3 opens a mailbox for one alone, so that its two ports come one after the other. */
async function checkMail(
  ctx: Ctx, setting: Setting, place: (name: PortName) => Place, person: SignInAs | null, recipient: string | null,
): Promise<Finding[]> {
  const isOurs = recipient !== null && setting.domains.includes(domainOf(recipient));
  const check = (port: (typeof mailPorts)[number]): Promise<Finding> =>
    checkMailPort(ctx, setting, port, place(port.name), person, person !== null && isOurs ? recipient : null);
  const results = new Map<PortName, Finding>();
  const pop3 = mailPorts.filter((port) => port.protocol === "pop3");
  await Promise.all([
    ...mailPorts.filter((port) => port.protocol !== "pop3").map(async (port) => {
      results.set(port.name, await check(port));
    }),
    (async () => {
      for (const port of pop3) results.set(port.name, await check(port));
    })(),
  ]);
  return mailPorts.map((port) => results.get(port.name)!);
}

async function checkCertificates(
  ctx: Ctx, setting: Setting, place: (name: PortName) => Place, leads: (name: string) => Promise<Leads>,
): Promise<Finding[]> {
  const look = async (name: string, need: NameSeen["need"]): Promise<NameSeen> => {
    try {
      return { name, need, seen: await lookAtTls(ctx, place("https"), name), trouble: null };
    } catch (error) {
      if (error instanceof Trouble) return { name, need, seen: null, trouble: error.message };
      throw error;
    }
  };
  const others = setting.domains.flatMap((domain) => [`autodiscover.${domain}`, `autoconfig.${domain}`, domain])
    .filter((name) => name !== setting.hostname).slice(0, limits.doctorNamesMax);
  const looks = await Promise.all(others.map(async (name) => {
    const where = await leads(name);
    // A name nobody gets here by needs no certificate here.
    if (where === "nowhere" || where === "elsewhere") return null;
    const isDiscovery = name.startsWith("autodiscover.");
    // What cannot be known is taken as leading here, except of names that are a convenience.
    if (where === "unknown" && !isDiscovery) return null;
    return await look(name, isDiscovery ? "wanted" : "helpful");
  }));
  return judgeCertificates(setting, ctx.system.nowMs(), await look(setting.hostname, "wanted"),
    looks.filter((one) => one !== null));
}
