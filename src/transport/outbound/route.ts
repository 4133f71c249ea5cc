/** Where mail for a domain goes. RFC 5321 §5.1 */
import { domainToASCII } from "node:url";
import type { Ctx } from "#base/ctx.ts";
import { isIpv4, isIpv6, parseAddressLiteral } from "#wire/smtp/address.ts";

/** A server to try: its name (for TLS and logs) and its addresses, in the order to try them. */
export interface MailHost {
  readonly name: string;
  readonly addresses: readonly string[];
}

/** No way, now or ever. */
export interface NoRoute {
  readonly kind: "later" | "failed";
  readonly status: string;
  readonly reply: string;
}

export type Route = { readonly kind: "hosts"; readonly hosts: readonly MailHost[] } | NoRoute;

export interface RouteOptions {
  readonly hostname: string;
  /** Also loopback, private and link-local addresses. */
  readonly privateAddresses: boolean;
}

const hostsMax = 10;
const addressesPerHostMax = 4;

function failed(status: string, reply: string): NoRoute {
  return { kind: "failed", status, reply };
}

/**
 * Addresses that mail from the outside world must not lead us to: this machine, networks inside, and those nobody has.
 * RFC 6890 §2.2
 */
export function isPrivateAddress(address: string): boolean {
  if (isIpv4(address)) {
    const [a = 0, b = 0] = address.split(".").map(Number);
    return a === 0 || a === 10 || a === 127 || a >= 224 || (a === 100 && b >= 64 && b < 128) ||
      (a === 169 && b === 254) || (a === 172 && b >= 16 && b < 32) || (a === 192 && b === 168);
  }
  const lower = address.toLowerCase();
  const mapped = /^::(?:ffff:)?(\d+\.\d+\.\d+\.\d+)$/.exec(lower);
  if (mapped !== null) return isPrivateAddress(mapped[1]!);
  return !isIpv6(lower) || /^0*:|^f[cdf]|^fe[89ab]/.test(lower);
}

function sameName(a: string, b: string): boolean {
  return a.replace(/\.$/, "").toLowerCase() === b.replace(/\.$/, "").toLowerCase();
}

async function addressesOf(ctx: Ctx, name: string): Promise<string[]> {
  const { resolver } = ctx.system;
  // One family that cannot be looked up does not hide the other.
  const [v4, v6] = await Promise.allSettled([resolver.a(name), resolver.aaaa(name)]);
  if (v4.status === "rejected" && v6.status === "rejected") throw v4.reason;
  const four = v4.status === "fulfilled" ? v4.value : [];
  const six = v6.status === "fulfilled" ? v6.value : [];
  return [...four.slice(0, addressesPerHostMax), ...six.slice(0, addressesPerHostMax)];
}

function literalRoute(domain: string, options: RouteOptions): Route {
  const address = parseAddressLiteral(domain);
  if (address === null) return failed("5.1.2", "550 5.1.2 This address literal cannot be used");
  if (!options.privateAddresses && isPrivateAddress(address)) {
    return failed("5.1.2", `550 5.1.2 The address ${domain} is not one of the public internet`);
  }
  return { kind: "hosts", hosts: [{ name: domain, addresses: [address] }] };
}

/**
 * The servers of a domain in the order to try them: MX records by preference (equal ones in any order), without the
 * servers from our own preference on; the domain itself when it has no MX. RFC 5321 §5.1, RFC 7505 (null MX)
 */
export async function findRoute(ctx: Ctx, domain: string, options: RouteOptions): Promise<Route> {
  if (domain.startsWith("[")) return literalRoute(domain, options);
  const name = domainToASCII(domain);
  if (name === "") return failed("5.1.2", `550 5.1.2 ${domain} is not a domain name`);
  try {
    return await lookUp(ctx, name, options);
  } catch (error) {
    const why = error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? error.message) : String(error);
    return { kind: "later", status: "4.4.3", reply: `451 4.4.3 Looking up the mail servers of ${name} failed: ${why}` };
  }
}

async function lookUp(ctx: Ctx, name: string, options: RouteOptions): Promise<Route> {
  const records = (await ctx.system.resolver.mx(name))
    .map(({ exchange, priority }) => ({ exchange: exchange.replace(/\.$/, ""), priority }));
  if (records.length === 1 && records[0]!.exchange === "") {
    return failed("5.1.10", `556 5.1.10 ${name} says that it takes no mail (null MX)`);
  }
  const hasMx = records.length > 0;
  let targets = inOrder(ctx, hasMx ? records : [{ exchange: name, priority: 0 }]);
  const own = targets.find(({ exchange }) => sameName(exchange, options.hostname));
  if (own !== undefined) {
    targets = targets.filter(({ priority }) => priority < own.priority);
    if (targets.length === 0) {
      return failed("5.4.6", `554 5.4.6 Mail for ${name} leads back to this server, which does not know the domain`);
    }
  }
  const hosts: MailHost[] = [];
  let hidden = false;
  let lookupError: unknown;
  for (const { exchange } of targets.slice(0, hostsMax)) {
    try {
      const found = await addressesOf(ctx, exchange);
      const usable = options.privateAddresses ? found : found.filter((address) => !isPrivateAddress(address));
      hidden ||= usable.length < found.length;
      if (usable.length > 0) hosts.push({ name: exchange, addresses: usable });
    } catch (error) {
      lookupError = error;
    }
  }
  if (hosts.length > 0) return { kind: "hosts", hosts };
  if (lookupError !== undefined) throw lookupError;
  if (hidden) return failed("5.4.4", `550 5.4.4 The mail servers of ${name} have no address of the public internet`);
  if (hasMx) return failed("5.4.4", `550 5.4.4 The mail servers of ${name} have no address`);
  return failed("5.1.2", `550 5.1.2 The domain ${name} does not exist or takes no mail`);
}

/** By preference; those of one preference in random order, which spreads the load. RFC 5321 §5.1 */
function inOrder<T extends { priority: number }>(ctx: Ctx, records: readonly T[]): T[] {
  const chance = ctx.system.randomBytes(records.length);
  return records.map((record, index) => ({ record, chance: chance[index]! }))
    .sort((a, b) => a.record.priority - b.record.priority || a.chance - b.chance)
    .map(({ record }) => record);
}
