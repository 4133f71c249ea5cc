/** Who may come in: counts of open connections, all together and by address. */
import type { RefusalReason } from "#net/api.ts";

export interface AdmissionLimits {
  readonly connectionsMax: number;
  readonly connectionsPerAddressMax: number;
}

export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #byAddress = new Map<string, number>();
  #open = 0;

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
  }

  get open(): number {
    return this.#open;
  }

  /**
   * Counts a connection in, or says why not; `isProxy` stands for many clients and is bounded only with all others.
   * A connection that came in must {@link leave} once.
   */
  enter(address: string, isProxy = false): RefusalReason | null {
    if (this.#open >= this.#limits.connectionsMax) return "tooManyConnections";
    const key = addressGroup(address);
    const count = this.#byAddress.get(key) ?? 0;
    if (!isProxy && count >= this.#limits.connectionsPerAddressMax) return "tooManyFromAddress";
    this.#byAddress.set(key, count + 1);
    this.#open++;
    return null;
  }

  leave(address: string): void {
    const key = addressGroup(address);
    const count = this.#byAddress.get(key) ?? 0;
    if (count > 1) this.#byAddress.set(key, count - 1);
    else this.#byAddress.delete(key);
    this.#open--;
  }
}

/** The plain IPv4 form of an address that came through an IPv6 socket; others as they are. RFC 4291 §2.5.5.2 */
export function plainAddress(address: string): string {
  return /^::ffff:\d+\.\d+\.\d+\.\d+$/i.test(address) ? address.slice(7) : address;
}

/**
 * What counts as one address: an IPv4 address, or the /64 network of an IPv6 address, because one customer holds
 * all addresses of that (RFC 6177 §2).
 */
export function addressGroup(address: string): string {
  const percent = address.indexOf("%");
  const bare = percent < 0 ? address : address.slice(0, percent);
  if (!bare.includes(":")) return bare;
  const double = bare.indexOf("::");
  const head = double < 0 ? bare : bare.slice(0, double);
  const groups = head === "" ? [] : head.split(":");
  if (double >= 0) {
    const tail = bare.slice(double + 2);
    const tailCount = tail === "" ? 0 : tail.split(":").length;
    while (groups.length + tailCount < 8 && groups.length < 4) groups.push("0");
    if (groups.length < 4) groups.push(...tail.split(":"));
  }
  return groups.slice(0, 4).map((group) => group.toLowerCase().replace(/^0+(?=.)/, "")).join(":") + "::/64";
}
