/** Asks the name system for everything clients and other servers look for, all at once and in time. */
import type { Ctx } from "#base/ctx.ts";
import { limits } from "#base/limits.ts";
import type { Resolver } from "#base/system.ts";
import { checkSpf } from "#doctor/spf.ts";
import type { SpfVerdict } from "#doctor/spf.ts";

/** What was asked for; null when the lookup failed, which says nothing about the record. */
export type Looked<T> = readonly T[] | null;

export interface HostRecords {
  readonly addresses: Looked<string>;
  /** Names that each of the addresses leads back to. */
  readonly pointers: readonly { readonly address: string; readonly names: Looked<string> }[];
}

export type Service = Awaited<ReturnType<Resolver["srv"]>>[number];

/** Services clients look for below a domain. RFC 6186 §3, RFC 8314 §5.1, RFC 6764 §3, RFC 8620 §2.2, [MS-OXDISCO] */
export const serviceNames = [
  "_autodiscover", "_imaps", "_imap", "_submissions", "_submission", "_pop3s", "_pop3", "_caldavs", "_carddavs",
  "_jmap",
] as const;
export type ServiceName = (typeof serviceNames)[number];

export interface DomainRecords {
  readonly domain: string;
  readonly mx: Looked<{ readonly exchange: string; readonly priority: number; readonly addresses: Looked<string> }>;
  readonly root: Looked<string>;
  readonly autodiscover: Looked<string>;
  readonly autoconfig: Looked<string>;
  readonly services: Readonly<Record<ServiceName, Looked<Service>>>;
  readonly texts: Looked<string>;
  readonly dmarc: Looked<string>;
  readonly mtaSts: Looked<string>;
  /** For each address mail goes out from. */
  readonly spf: readonly { readonly address: string; readonly verdict: SpfVerdict }[];
}

/** The answer, or null after an error or too long. */
async function look<T>(ctx: Ctx, name: string, work: Promise<T[]>): Promise<Looked<T>> {
  let cancel = (): void => {};
  const tooLate = new Promise<null>((resolve) => {
    cancel = ctx.system.setTimer(limits.doctorLookupMs, () => resolve(null));
  });
  try {
    return await Promise.race([work, tooLate]);
  } catch (error) {
    ctx.log.debug({ name, error }, "lookup failed");
    return null;
  } finally {
    cancel();
  }
}

/** IPv4 before IPv6; null only when neither could be asked for. */
async function addressesOf(ctx: Ctx, name: string): Promise<Looked<string>> {
  const { resolver } = ctx.system;
  const [a, aaaa] = await Promise.all([look(ctx, name, resolver.a(name)), look(ctx, name, resolver.aaaa(name))]);
  return a === null && aaaa === null ? null : [...a ?? [], ...aaaa ?? []];
}

export async function readHostRecords(ctx: Ctx, hostname: string): Promise<HostRecords> {
  const addresses = await addressesOf(ctx, hostname);
  const pointers = await Promise.all((addresses ?? []).map(async (address) => (
    { address, names: await look(ctx, address, ctx.system.resolver.ptr(address)) })));
  return { addresses, pointers };
}

export async function readDomainRecords(
  ctx: Ctx, domain: string, outgoing: readonly string[],
): Promise<DomainRecords> {
  const { resolver } = ctx.system;
  const [mx, root, autodiscover, autoconfig, texts, dmarc, mtaSts, spf, found] = await Promise.all([
    look(ctx, domain, resolver.mx(domain)), addressesOf(ctx, domain), addressesOf(ctx, `autodiscover.${domain}`),
    addressesOf(ctx, `autoconfig.${domain}`), look(ctx, domain, resolver.txt(domain)),
    look(ctx, domain, resolver.txt(`_dmarc.${domain}`)), look(ctx, domain, resolver.txt(`_mta-sts.${domain}`)),
    Promise.all(outgoing.map(async (address) => {
      const verdicts = await look(ctx, domain, checkSpf(resolver, domain, address).then((one) => [one]));
      return { address, verdict: verdicts?.[0] ?? "unknown" };
    })),
    Promise.all(serviceNames.map(async (service) => (
      [service, await look(ctx, service, resolver.srv(`${service}._tcp.${domain}`))] as const))),
  ]);
  const exchanges = mx === null ? null : await Promise.all(mx.map(async (one) => (
    { ...one, addresses: one.exchange === "" || one.exchange === "." ? [] : await addressesOf(ctx, one.exchange) })));
  const services = Object.fromEntries(found) as Record<ServiceName, Looked<Service>>;
  return { domain, mx: exchanges, root, autodiscover, autoconfig, services, texts, dmarc, mtaSts, spf };
}
