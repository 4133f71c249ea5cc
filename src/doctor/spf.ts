/** Whether a domain's SPF record lets an address send. RFC 7208 §4 to §6, without macros (which give `unknown`). */
import { isIPv4 } from "node:net";
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import type { Resolver } from "#base/system.ts";
import { AddressList } from "#net/addresses.ts";

export type SpfVerdict =
  | "pass" | "fail" | "softfail" | "neutral" | "none" | "permerror"
  /** A macro, or a lookup that failed. */
  | "unknown";

const qualifiers: Readonly<Record<string, SpfVerdict>> = { "+": "pass", "-": "fail", "~": "softfail", "?": "neutral" };
const termsMax = 100;

/** Ends the whole evaluation. */
class SpfEnd extends Error {
  readonly verdict: SpfVerdict;
  constructor(verdict: SpfVerdict) {
    super(verdict);
    this.verdict = verdict;
  }
}

/** The SPF records among a name's TXT records. RFC 7208 §4.5 */
export function spfRecordsOf(texts: readonly string[]): string[] {
  return texts.filter((text) => /^v=spf1(?: |$)/i.test(text));
}

export async function checkSpf(resolver: Resolver, domain: string, address: string): Promise<SpfVerdict> {
  try {
    return await new Evaluation(resolver, address).check(domain);
  } catch (error) {
    return error instanceof SpfEnd ? error.verdict : "unknown";
  }
}

class Evaluation {
  readonly #resolver: Resolver;
  readonly #address: string;
  #lookups = 0;

  constructor(resolver: Resolver, address: string) {
    this.#resolver = resolver;
    this.#address = address;
  }

  async check(domain: string): Promise<SpfVerdict> {
    const records = spfRecordsOf(await this.#resolver.txt(domain));
    if (records.length === 0) return "none";
    if (records.length > 1) return "permerror";
    const terms = records[0]!.trim().split(/ +/).slice(1);
    if (terms.length > termsMax) return "permerror";
    for (const term of terms) {
      if (/^[a-z][\w.-]*=/i.test(term)) continue;
      const match = /^([-+~?]?)([a-z0-9]+)([:/].*)?$/i.exec(term);
      if (match === null) return "permerror";
      if (await this.#matches(match[2]!.toLowerCase(), match[3] ?? "", domain)) return qualifiers[match[1] || "+"]!;
    }
    const redirect = terms.find((term) => /^redirect=/i.test(term))?.slice(9);
    if (redirect === undefined) return "neutral";
    this.#count();
    const verdict = await this.check(plain(redirect));
    return verdict === "none" ? "permerror" : verdict;
  }

  async #matches(mechanism: string, rest: string, domain: string): Promise<boolean> {
    switch (mechanism) {
      case "all": return true;
      case "ip4": case "ip6": return this.#isIn([rest.slice(1)]);
      case "include": {
        this.#count();
        const verdict = await this.check(plain(rest.slice(1)));
        if (verdict === "none" || verdict === "permerror") throw new SpfEnd("permerror");
        return verdict === "pass";
      }
      case "a": case "mx": {
        this.#count();
        const parts = /^(?::([^/]+))?(?:\/(\d+))?(?:\/\/(\d+))?$/.exec(rest);
        if (parts === null) throw new SpfEnd("permerror");
        const name = plain(parts[1] ?? domain);
        const hosts = mechanism === "a" ? [name]
          : (await this.#resolver.mx(name)).map((one) => one.exchange).slice(0, limits.spfLookupsMax);
        return this.#isIn(await this.#networksOf(hosts, parts[2], parts[3]));
      }
      // Slow and unwanted, and it never helps a server of its own. RFC 7208 §5.5
      case "ptr": this.#count(); return false;
      case "exists": throw new SpfEnd("unknown");
      default: throw new SpfEnd("permerror");
    }
  }

  async #networksOf(hosts: readonly string[], bits4?: string, bits6?: string): Promise<string[]> {
    const is4 = isIPv4(this.#address);
    const found = await Promise.all(hosts.map((host) => (is4 ? this.#resolver.a(host) : this.#resolver.aaaa(host))));
    const bits = is4 ? bits4 : bits6;
    return found.flat().map((one) => (bits === undefined ? one : `${one}/${bits}`));
  }

  #isIn(networks: readonly string[]): boolean {
    try {
      return new AddressList(networks).has(this.#address);
    } catch (error) {
      if (error instanceof Fault) throw new SpfEnd("permerror");
      throw error;
    }
  }

  #count(): void {
    if (++this.#lookups > limits.spfLookupsMax) throw new SpfEnd("permerror");
  }
}

function plain(name: string): string {
  if (name.includes("%")) throw new SpfEnd("unknown");
  return name.replace(/\.$/, "");
}
