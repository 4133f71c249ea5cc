/**
 * Slows down who guesses passwords. Failures are counted by account and network together, so that a stranger who
 * guesses somewhere else can never lock the owner out. A device that signed in before is counted by itself and never
 * refused: when too much goes wrong there, its attempts only go one after the other. So do those of unknown devices in
 * a network where passwords of many accounts were wrong: one password tried on everybody. And a password that was
 * right before is always looked at.
 */
import { isIPv4, isIPv6 } from "node:net";
import type { Ctx } from "#base/ctx.ts";
import { limits } from "#base/limits.ts";

interface Failures {
  count: number;
  lastMs: number;
}

export type Verdict =
  | { readonly kind: "allow"; readonly delayMs: number }
  /** After too many failures of a known device, or of a whole network: one at a time for each key, and not often. */
  | { readonly kind: "lane"; readonly key: string }
  /** Too many failures: refused without looking at the password. */
  | { readonly kind: "refuse" };

/** Who tries; `device` is given for a device that signed in before, null for all others. */
export interface Trier {
  readonly account: string;
  readonly clientAddress: string;
  readonly device: string | null;
}

export class GuessGuard {
  /** In order of the last failure: the first one is the oldest. */
  readonly #failures = new Map<string, Failures>();
  /** Those of unknown devices by network alone, in the same order. */
  readonly #networks = new Map<string, Failures>();
  /** Attempts let through that have not ended: they count as failures until they have. */
  readonly #underWay = new Map<string, number>();

  /** As {@link check}; whoever is let through says by {@link end} that it is over. */
  begin(trier: Trier, nowMs: number): Verdict {
    const verdict = this.check(trier, nowMs);
    const key = keyOf(trier);
    if (verdict.kind !== "refuse") this.#underWay.set(key, (this.#underWay.get(key) ?? 0) + 1);
    return verdict;
  }

  end(trier: Trier): void {
    const key = keyOf(trier);
    const left = (this.#underWay.get(key) ?? 1) - 1;
    if (left > 0) this.#underWay.set(key, left);
    else this.#underWay.delete(key);
  }

  check(trier: Trier, nowMs: number): Verdict {
    const count = recent(this.#failures.get(keyOf(trier)), nowMs) + (this.#underWay.get(keyOf(trier)) ?? 0);
    if (count >= limits.signInFailuresMax) {
      return trier.device === null ? { kind: "refuse" } : { kind: "lane", key: keyOf(trier) };
    }
    const network = networkOf(trier.clientAddress);
    if (trier.device === null && recent(this.#networks.get(network), nowMs) >= limits.signInNetworkFailuresMax) {
      return { kind: "lane", key: network };
    }
    const over = count - limits.signInFailuresFree;
    if (over < 0) return { kind: "allow", delayMs: 0 };
    return { kind: "allow", delayMs: Math.min(limits.signInDelayFirstMs * 2 ** over, limits.signInDelayMaxMs) };
  }

  failed(trier: Trier, nowMs: number): void {
    addFailure(this.#failures, keyOf(trier), nowMs);
    if (trier.device === null) addFailure(this.#networks, networkOf(trier.clientAddress), nowMs);
  }

  succeeded(trier: Trier): void {
    this.#failures.delete(keyOf(trier));
  }
}

function recent(found: Failures | undefined, nowMs: number): number {
  return found === undefined || nowMs - found.lastMs > limits.signInRefusalMs ? 0 : found.count;
}

function addFailure(failures: Map<string, Failures>, key: string, nowMs: number): void {
  const count = recent(failures.get(key), nowMs) + 1;
  failures.delete(key);
  failures.set(key, { count, lastMs: nowMs });
  if (failures.size <= limits.signInFailuresTrackedMax) return;
  const oldest = failures.keys().next();
  if (!oldest.done) failures.delete(oldest.value);
}

export function keyOf({ account, clientAddress, device }: Trier): string {
  const where = `${account.slice(0, 320)} ${networkOf(clientAddress)}`;
  return device === null ? where : `${where} known ${device}`;
}

/** The /24 of an IPv4 address, the /64 of an IPv6 one: what one guesser usually has to himself. */
export function networkOf(address: string): string {
  const plain = address.startsWith("::ffff:") && isIPv4(address.slice(7)) ? address.slice(7) : address;
  if (isIPv4(plain)) return plain.slice(0, plain.lastIndexOf("."));
  const bare = plain.split("%")[0]!;
  if (!isIPv6(bare)) return plain.slice(0, 64);
  const [head = "", tail] = bare.split("::");
  const front = head === "" ? [] : head.split(":");
  if (tail === undefined) return front.slice(0, 4).join(":");
  const back = tail === "" ? [] : tail.split(":");
  const backCount = back.length + (tail.includes(".") ? 1 : 0);
  const groups = [...front, ...Array<string>(Math.max(0, 8 - front.length - backCount)).fill("0"), ...back];
  return groups.slice(0, 4).map((group) => group.replace(/^0+(?=.)/, "").toLowerCase()).join(":");
}

interface Lane {
  readonly waiting: ((isTurn: boolean) => void)[];
}

/**
 * One attempt after the other for each key, {@link limits.signInLaneMs} apart. When too many wait a random one of them
 * is turned away, so that whoever sends most cannot keep the owner from ever having a turn.
 */
export class Lanes {
  readonly #ctx: Ctx;
  readonly #lanes = new Map<string, Lane>();

  constructor(ctx: Ctx) {
    this.#ctx = ctx;
  }

  /** True when it is this one's turn, false when it was turned away. */
  enter(key: string): Promise<boolean> {
    const lane = this.#lanes.get(key);
    if (lane === undefined) {
      this.#lanes.set(key, { waiting: [] });
      this.#planNext(key);
      return Promise.resolve(true);
    }
    return new Promise((resolve) => {
      lane.waiting.push(resolve);
      if (lane.waiting.length <= limits.signInLaneWaitingMax) return;
      const index = this.#ctx.system.randomBytes(4).reduce((sum, byte) => sum * 256 + byte, 0) % lane.waiting.length;
      lane.waiting.splice(index, 1)[0]!(false);
    });
  }

  #planNext(key: string): void {
    this.#ctx.system.setTimer(limits.signInLaneMs, () => {
      const next = this.#lanes.get(key)?.waiting.shift();
      if (next === undefined) {
        this.#lanes.delete(key);
        return;
      }
      next(true);
      this.#planNext(key);
    });
  }
}
