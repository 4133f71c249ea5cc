/**
 * Slows down who guesses passwords. Failures are counted by account and network together, so that a stranger who
 * guesses somewhere else can never lock the owner out; and a password that was right before is always looked at.
 */
import { isIPv4, isIPv6 } from "node:net";
import { limits } from "#base/limits.ts";

interface Failures {
  count: number;
  lastMs: number;
}

export type Verdict =
  | { readonly kind: "allow"; readonly delayMs: number }
  /** Too many failures: refused without looking at the password. */
  | { readonly kind: "refuse" };

export class GuessGuard {
  /** In order of the last failure: the first one is the oldest. */
  readonly #failures = new Map<string, Failures>();

  check(account: string, clientAddress: string, nowMs: number): Verdict {
    const found = this.#failures.get(keyOf(account, clientAddress));
    if (found === undefined || nowMs - found.lastMs > limits.signInRefusalMs) return { kind: "allow", delayMs: 0 };
    if (found.count >= limits.signInFailuresMax) return { kind: "refuse" };
    const over = found.count - limits.signInFailuresFree;
    if (over < 0) return { kind: "allow", delayMs: 0 };
    return { kind: "allow", delayMs: Math.min(limits.signInDelayFirstMs * 2 ** over, limits.signInDelayMaxMs) };
  }

  failed(account: string, clientAddress: string, nowMs: number): void {
    const key = keyOf(account, clientAddress);
    const found = this.#failures.get(key);
    const isOld = found === undefined || nowMs - found.lastMs > limits.signInRefusalMs;
    this.#failures.delete(key);
    this.#failures.set(key, { count: isOld ? 1 : found.count + 1, lastMs: nowMs });
    if (this.#failures.size > limits.signInFailuresTrackedMax) {
      const oldest = this.#failures.keys().next();
      if (!oldest.done) this.#failures.delete(oldest.value);
    }
  }

  succeeded(account: string, clientAddress: string): void {
    this.#failures.delete(keyOf(account, clientAddress));
  }
}

function keyOf(account: string, clientAddress: string): string {
  return `${account.slice(0, 320)} ${networkOf(clientAddress)}`;
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
