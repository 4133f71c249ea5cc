/**
 * Sign-in by name and password. A password that was right lately answers from memory: what is kept is an HMAC of name
 * and password under a key of this process, together with the hash it was checked against, so that a new password, a
 * disabled account or a switched-off protocol takes effect as soon as the directory's change is seen.
 */
import { createHmac } from "node:crypto";
import { sleep, throwIfCancelled } from "#base/ctx.ts";
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import type { Protocol, SignedIn } from "#directory/api.ts";
import { forMessage, parseSignInName } from "#directory/address.ts";
import type { SignInName } from "#directory/address.ts";
import type { AuditLine } from "#directory/changes.ts";
import { GuessGuard } from "#directory/guess-guard.ts";
import { needsRehash } from "#directory/password.ts";
import type { PasswordHasher } from "#directory/password.ts";
import type { Account } from "#directory/reads.ts";

export interface SignInRequest {
  readonly name: string;
  readonly password: string;
  readonly protocol: Protocol;
  readonly clientAddress: string;
}

/** What signing in needs of the directory. */
export interface SignInSource {
  account(ctx: Ctx, name: SignInName): Promise<Account | null>;
  upgradeHash(ctx: Ctx, address: string, expected: string, phc: string): Promise<void>;
  recordFailures(ctx: Ctx, lines: readonly AuditLine[]): Promise<void>;
}

interface Verified {
  readonly entryId: number;
  /** The hash the password was checked against; another one in the row makes this worthless. */
  readonly phc: string;
  readonly atMs: number;
}

export class SignIn {
  /** The service's own: what outlives a request must not end with its connection. */
  readonly #ctx: Ctx;
  readonly #source: SignInSource;
  readonly #hasher: PasswordHasher;
  readonly #guard = new GuessGuard();
  /** By HMAC, in order of use. */
  readonly #verified = new Map<string, Verified>();
  /** Checks under way, so that five connections of one client cost one check. */
  readonly #underWay = new Map<string, Promise<boolean>>();
  readonly #key: Uint8Array;
  readonly #nobody: string;
  #failures = new Map<string, AuditLine>();
  #flushPlanned = false;

  constructor(ctx: Ctx, source: SignInSource, hasher: PasswordHasher) {
    this.#ctx = ctx;
    this.#source = source;
    this.#hasher = hasher;
    this.#key = ctx.system.randomBytes(32);
    this.#nobody = hasher.unusable(ctx);
  }

  /** Fault `authenticationFailed`, the same whatever was wrong and after the same work. */
  async authenticate(ctx: Ctx, request: SignInRequest): Promise<SignedIn> {
    const name = request.name.length > 1024 ? null : parseSignInName(request.name);
    const account = name === null ? null : await this.#source.account(ctx, name);
    const subject = account?.entry.address ?? forMessage(request.name.toLowerCase());
    const isRight = await this.#isRight(ctx, request, account, subject);
    const refusal = isRight ? refusalOf(account, request.protocol) : "wrong name or password";
    if (account === null || refusal !== null) {
      this.#noteFailure(ctx, request, subject, refusal ?? "wrong name or password");
      throw new Fault("authenticationFailed", "The name or password is wrong, or this account may not sign in here.");
    }
    const { entryId, address, displayName, mailboxId } = account.entry;
    return { entryId, address, displayName, mailboxId };
  }

  async #isRight(ctx: Ctx, request: SignInRequest, account: Account | null, subject: string): Promise<boolean> {
    const named = `${subject}\0${request.password.slice(0, 2048)}`;
    const mac = createHmac("sha256", this.#key).update(named).digest("base64");
    const phc = account?.phc ?? null;
    const known = this.#verified.get(mac);
    const isKnown = known !== undefined && known.entryId === account?.entry.entryId && known.phc === phc;
    const nowMs = ctx.system.monotonicMs();
    if (isKnown && nowMs - known.atMs < limits.signInCacheMs) return true;
    if (!isKnown) {
      const verdict = this.#guard.check(subject, request.clientAddress, nowMs);
      if (verdict.kind === "refuse") return false;
      if (verdict.delayMs > 0) await sleep(ctx, verdict.delayMs);
      throwIfCancelled(ctx);
    }
    const isRight = await this.#verifyOnce(mac, request.password, phc);
    if (!isRight || account === null || phc === null) {
      this.#guard.failed(subject, request.clientAddress, ctx.system.monotonicMs());
      return false;
    }
    this.#guard.succeeded(subject, request.clientAddress);
    await this.#remember(ctx, mac, account, phc, request.password);
    return true;
  }

  #verifyOnce(mac: string, password: string, phc: string | null): Promise<boolean> {
    const key = `${mac} ${phc ?? ""}`;
    const underWay = this.#underWay.get(key);
    if (underWay !== undefined) return underWay;
    const check = this.#hasher.verify(password, phc ?? this.#nobody).finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, check);
    return check;
  }

  async #remember(ctx: Ctx, mac: string, account: Account, phc: string, password: string): Promise<void> {
    let current = phc;
    if (needsRehash(phc, this.#hasher.cost)) {
      try {
        current = await this.#hasher.hash(ctx, password);
        await this.#source.upgradeHash(ctx, account.entry.address, phc, current);
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        current = phc;
        ctx.log.warn({ user: account.entry.address, error: error.message }, "the password's hash was not renewed");
      }
    }
    this.#verified.delete(mac);
    this.#verified.set(mac, { entryId: account.entry.entryId, phc: current, atMs: ctx.system.monotonicMs() });
    if (this.#verified.size > limits.signInCacheMax) {
      const oldest = this.#verified.keys().next();
      if (!oldest.done) this.#verified.delete(oldest.value);
    }
  }

  /** Failures of a second become one commit, equal ones one line: a guesser must not keep the disk busy. */
  #noteFailure(ctx: Ctx, request: SignInRequest, subject: string, why: string): void {
    ctx.log.warn({ user: subject, protocol: request.protocol }, `sign-in failed: ${why}`);
    const key = `${subject} ${request.clientAddress} ${request.protocol} ${why}`;
    const found = this.#failures.get(key);
    if (found === undefined && this.#failures.size >= 1000) return;
    this.#failures.set(key, {
      atMs: found?.atMs ?? ctx.system.nowMs(), actor: subject, action: "sign-in-failed", target: subject,
      detail: `${request.protocol}: ${why}`, client: request.clientAddress, repeated: (found?.repeated ?? 0) + 1,
    });
    if (this.#flushPlanned) return;
    this.#flushPlanned = true;
    this.#ctx.system.setTimer(1000, () => {
      this.flush().catch((error: unknown) => {
        this.#ctx.log.error({ error: String(error) }, "failed sign-ins could not be written to the audit trail");
      });
    });
  }

  /** Writes what waits for the audit trail. */
  async flush(): Promise<void> {
    this.#flushPlanned = false;
    const lines = [...this.#failures.values()];
    this.#failures = new Map();
    if (lines.length > 0) await this.#source.recordFailures(this.#ctx, lines);
  }
}

/** Why an account with the right password may still not sign in; null when it may. */
function refusalOf(account: Account | null, protocol: Protocol): string | null {
  if (account === null) return "wrong name or password";
  if (account.entry.disabled) return "the account is disabled";
  return account.entry.protocolsOff.includes(protocol) ? `${protocol} is switched off for the account` : null;
}
