/**
 * Gathers what happened at the doors and writes it now and then: neither a guesser nor a program that signs in with
 * every request may keep the disk busy.
 */
import type { Ctx } from "#base/ctx.ts";
import { limits } from "#base/limits.ts";
import type { SignInFrom } from "#directory/api.ts";
import { forMessage } from "#directory/address.ts";
import type { AuditLine } from "#directory/changes.ts";
import { networkOf } from "#directory/guess-guard.ts";
import { dayMs } from "#directory/sign-in-log.ts";
import type { SignInNote } from "#directory/sign-in-log.ts";

type Write = (ctx: Ctx, successes: readonly SignInNote[], failures: readonly AuditLine[]) => Promise<void>;

const failuresMax = 1000;
const failuresMs = 1000;

/** A device's own words about itself, short and on one line. */
export function deviceOf({ device }: SignInFrom): string {
  return forMessage((device ?? "").slice(0, limits.signInDeviceMaxCharacters));
}

export class SignInNotes {
  /** The service's own: what outlives a request must not end with its connection. */
  readonly #ctx: Ctx;
  readonly #write: Write;
  #failures = new Map<string, AuditLine>();
  #successes = new Map<string, SignInNote>();
  /** Devices in what waits to be written: known already. */
  #devices = new Set<string>();
  #plannedMs = Infinity;

  constructor(ctx: Ctx, write: Write) {
    this.#ctx = ctx;
    this.#write = write;
  }

  succeeded(entryId: number, from: SignInFrom, method: string): void {
    const nowMs = this.#ctx.system.nowMs();
    const day = Math.floor(nowMs / dayMs);
    const network = networkOf(from.clientAddress);
    const device = deviceOf(from);
    const key = `${entryId} ${day} ${network} ${from.protocol} ${method} ${device}`;
    const found = this.#successes.get(key);
    if (found !== undefined) {
      found.count++;
      found.lastMs = nowMs;
      return;
    }
    if (this.#successes.size >= limits.signInNotesMax) return;
    this.#successes.set(key, {
      entryId, day, network, device, protocol: from.protocol, method, client: from.clientAddress, count: 1,
      firstMs: nowMs, lastMs: nowMs,
    });
    this.#devices.add(`${entryId} ${network} ${device}`);
    this.#plan(limits.signInNotesMs);
  }

  isNoted(entryId: number, network: string, device: string): boolean {
    return this.#devices.has(`${entryId} ${network} ${device}`);
  }

  failed(ctx: Ctx, from: SignInFrom, subject: string, why: string): void {
    ctx.log.warn({ user: subject, protocol: from.protocol }, `sign-in failed: ${why}`);
    const key = `${subject} ${from.clientAddress} ${from.protocol} ${why}`;
    const found = this.#failures.get(key);
    if (found === undefined && this.#failures.size >= failuresMax) return;
    this.#failures.set(key, {
      atMs: found?.atMs ?? ctx.system.nowMs(), actor: subject, action: "sign-in-failed", target: subject,
      detail: `${from.protocol}: ${why}`, client: from.clientAddress, repeated: (found?.repeated ?? 0) + 1,
    });
    this.#plan(failuresMs);
  }

  /** Writes what waits. */
  async flush(): Promise<void> {
    this.#plannedMs = Infinity;
    const failures = [...this.#failures.values()];
    const successes = [...this.#successes.values()];
    const written = this.#devices;
    this.#failures = new Map();
    this.#successes = new Map();
    if (failures.length + successes.length === 0) return;
    await this.#write(this.#ctx, successes, failures);
    // Until here they stood in no row.
    if (this.#devices === written) this.#devices = new Set();
  }

  #plan(delayMs: number): void {
    const atMs = this.#ctx.system.monotonicMs() + delayMs;
    if (atMs >= this.#plannedMs) return;
    this.#plannedMs = atMs;
    this.#ctx.system.setTimer(delayMs, () => {
      this.flush().catch((error: unknown) => {
        this.#ctx.log.error({ error: String(error) }, "sign-ins could not be written to the audit trail");
      });
    });
  }
}
