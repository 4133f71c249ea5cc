/**
 * Locked regions of streams: a session keeps others from writing to a part of a value, or from reading it as well,
 * until it unlocks, closes the stream, or says nothing for too long. [MS-OXCPRPT] 2.2.20, 2.2.21, 3.2.5.21
 */
import { limits } from "#base/limits.ts";
import { RopError } from "#serve/mapi/mailbox/errors.ts";

/** LockFlags: others may read; any other value keeps them from that too. [MS-OXCPRPT] 2.2.20.1 */
export const writeLock = 0x1;

interface Region {
  readonly owner: object;
  readonly from: bigint;
  readonly to: bigint;
  readonly flags: number;
  readonly untilMs: number;
}

export class StreamLocks {
  readonly #regions = new Map<string, Region[]>();
  readonly #unsaved = new WeakMap<object, string>();
  #unsavedCount = 0;

  /** What was never saved is open in one place only, and is named by that. */
  nameOfUnsaved(object: object): string {
    let name = this.#unsaved.get(object);
    if (name === undefined) this.#unsaved.set(object, name = `unsaved ${++this.#unsavedCount}`);
    return name;
  }

  /** Throws RopError `accessDenied` where somebody else holds a part of the region. */
  lock(key: string, owner: object, from: bigint, size: bigint, flags: number, nowMs: number): void {
    const to = from + size;
    const held = this.#current(key, nowMs);
    if (held.some((one) => one.owner !== owner && overlap(one, from, to))) {
      throw new RopError("accessDenied", "Somebody else holds a part of this region.");
    }
    if (held.length >= limits.mapiStreamLocksMax) throw new RopError("notEnoughMemory", "Too many regions are locked.");
    this.#regions.set(key, [...held, { owner, from, to, flags, untilMs: nowMs + limits.mapiStreamLockMs }]);
  }

  /** Throws RopError `lockViolation` for a region that this owner did not lock in these bounds. */
  unlock(key: string, owner: object, from: bigint, size: bigint, flags: number, nowMs: number): void {
    const held = this.#current(key, nowMs);
    const found = held.find((one) => one.owner === owner && one.from === from && one.to === from + size &&
      one.flags === flags);
    if (found === undefined) throw new RopError("lockViolation", "This region is not locked here.");
    this.#keep(key, held.filter((one) => one !== found));
  }

  /** Whether anybody locked a part of the value. */
  holds(key: string): boolean {
    return this.#regions.has(key);
  }

  /** Throws RopError `lockViolation` where another owner's lock forbids it. */
  check(key: string, owner: object, from: number, size: number, writes: boolean, nowMs: number): void {
    if (size === 0) return;
    const [low, high] = [BigInt(from), BigInt(from) + BigInt(size)];
    const isRefused = this.#current(key, nowMs).some((one) => one.owner !== owner && overlap(one, low, high) &&
      (writes || one.flags !== writeLock));
    if (isRefused) throw new RopError("lockViolation", "Somebody else holds a part of this region.");
  }

  release(key: string, owner: object): void {
    const held = this.#regions.get(key);
    if (held !== undefined) this.#keep(key, held.filter((one) => one.owner !== owner));
  }

  #current(key: string, nowMs: number): Region[] {
    const left = (this.#regions.get(key) ?? []).filter((one) => one.untilMs > nowMs);
    this.#keep(key, left);
    return left;
  }

  #keep(key: string, regions: Region[]): void {
    if (regions.length === 0) this.#regions.delete(key);
    else this.#regions.set(key, regions);
  }
}

function overlap(one: Region, from: bigint, to: bigint): boolean {
  return one.from < to && from < one.to;
}
