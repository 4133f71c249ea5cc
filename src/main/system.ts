/** The real clock, chance, timers and name system: the only place in the server where they are touched. */
import { randomBytes } from "node:crypto";
import { Resolver as DnsResolver } from "node:dns/promises";
import type { Resolver, System } from "#base/system.ts";

export interface SystemOptions {
  /** Name servers as `address` or `address:port` instead of those of the machine. */
  readonly nameServers?: readonly string[];
}

/** One query and its repetition take at most about this long, milliseconds. */
const dnsTimeoutMs = 5_000;
const dnsTries = 2;

export function makeSystem(options: SystemOptions = {}): System {
  return {
    nowMs: () => Date.now(),
    monotonicMs: () => performance.now(),
    randomBytes: (size) => randomBytes(size),
    setTimer(delayMs, body) {
      // Longer delays than a timer can hold would fire at once.
      const timer = setTimeout(body, Math.min(Math.max(delayMs, 0), 0x7fff_ffff));
      timer.unref();
      return () => clearTimeout(timer);
    },
    resolver: makeResolver(options.nameServers),
  };
}

function makeResolver(nameServers: readonly string[] | undefined): Resolver {
  const dns = new DnsResolver({ timeout: dnsTimeoutMs, tries: dnsTries });
  if (nameServers !== undefined && nameServers.length > 0) dns.setServers([...nameServers]);
  return {
    mx: async (name) => (await emptyIfAbsent(dns.resolveMx(name)))
      .map(({ exchange, priority }) => ({ exchange, priority })),
    a: (name) => emptyIfAbsent(dns.resolve4(name)),
    aaaa: (name) => emptyIfAbsent(dns.resolve6(name)),
    // The strings of one record belong together. RFC 7208 §3.3
    txt: async (name) => (await emptyIfAbsent(dns.resolveTxt(name))).map((strings) => strings.join("")),
    srv: async (name) => (await emptyIfAbsent(dns.resolveSrv(name)))
      .map((record) => ({ name: record.name, port: record.port, priority: record.priority, weight: record.weight })),
    ptr: (address) => emptyIfAbsent(dns.reverse(address)),
  };
}

/** No such name and no such record are answers; every other failure may pass and is thrown. */
async function emptyIfAbsent<T>(query: Promise<T[]>): Promise<T[]> {
  try {
    return await query;
  } catch (error) {
    const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
    if (code === "ENODATA" || code === "ENOTFOUND") return [];
    throw error;
  }
}
