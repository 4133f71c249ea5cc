/**
 * The one place where people sign in: by password, app password, SCRAM or access token. A password that was right
 * lately answers from memory: what is kept is an HMAC of name and password under a key of this process, together with
 * the hash it was checked against, so that a new password, a disabled account or a switched-off protocol takes effect
 * as soon as the directory's change is seen.
 */
import { createHash, createHmac } from "node:crypto";
import { sleep, throwIfCancelled } from "#base/ctx.ts";
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import type { Protocol, ScramAccount, SignedIn, SignInFrom } from "#directory/api.ts";
import type { Account } from "#directory/account.ts";
import { forMessage, parseSignInName, tryParseAddress } from "#directory/address.ts";
import type { SignInName } from "#directory/address.ts";
import { matchAppPassword, readAppPassword } from "#directory/app-passwords.ts";
import type { AuditLine } from "#directory/changes.ts";
import { GuessGuard, keyOf, Lanes, networkOf } from "#directory/guess-guard.ts";
import type { Trier, Verdict } from "#directory/guess-guard.ts";
import { needsRehash } from "#directory/password.ts";
import type { PasswordHasher } from "#directory/password.ts";
import type { NewScramKeys } from "#directory/scram-keys.ts";
import { scramSalt } from "#directory/secrets.ts";
import type { SignInNote } from "#directory/sign-in-log.ts";
import { deviceOf, SignInNotes } from "#directory/sign-in-notes.ts";
import { credentialName } from "#directory/sign-out-watch.ts";

export interface SignInRequest extends SignInFrom {
  readonly name: string;
  readonly password: string;
}

/** Whom an access token speaks for. */
export interface BearerIdentity {
  readonly who: { readonly entryId: number } | { readonly address: string };
  readonly expiresMs: number;
}

/** What signing in needs of the directory. */
export interface SignInSource {
  account(ctx: Ctx, name: SignInName): Promise<Account | null>;
  accountById(ctx: Ctx, entryId: number): Promise<Account | null>;
  /** Our domains, the default one first. */
  domains(ctx: Ctx): Promise<readonly string[]>;
  isKnownDevice(ctx: Ctx, entryId: number, network: string, device: string): Promise<boolean>;
  /** The server's secret for salts. */
  saltSecret(ctx: Ctx): Promise<Uint8Array>;
  upgradeHash(ctx: Ctx, address: string, expected: string, phc: string, scram: NewScramKeys | null): Promise<void>;
  record(ctx: Ctx, successes: readonly SignInNote[], failures: readonly AuditLine[]): Promise<void>;
  /** Asks whoever gives tokens out; null for a token that is none or is over. */
  verifyBearer(ctx: Ctx, token: string): Promise<BearerIdentity | null>;
}

interface Verified {
  readonly entryId: number;
  /** The hash the password was checked against; another one in the row makes this worthless. */
  readonly phc: string;
  readonly atMs: number;
}

interface KnownToken {
  readonly identity: BearerIdentity;
  readonly atMs: number;
  /** Of the account when the token was looked up; a password set since then may have taken the token back. */
  passwordMs: number | null;
}

/** Whose door it is: the account if there is one, and what to call whoever it is in the audit trail. */
interface Subject {
  readonly account: Account | null;
  readonly name: string;
  /** The same for every spelling of a name, whether somebody has it or not; counts failures and makes salts. */
  readonly key: string;
}

/** Why not, for the audit trail; and for the person, where the right secret was shown. */
interface Refusal {
  readonly why: string;
  readonly tell?: string;
}

const wrong: Refusal = { why: "wrong name or password" };
const refusedText = "The name or password is wrong, or this account may not sign in here.";

export class SignIn {
  /** The service's own: a check is shared by requests and must not end with one of them. */
  readonly #ctx: Ctx;
  readonly #source: SignInSource;
  readonly #hasher: PasswordHasher;
  readonly #guard = new GuessGuard();
  readonly #lanes: Lanes;
  readonly #notes: SignInNotes;
  /** By HMAC, in order of use. */
  readonly #verified = new Map<string, Verified>();
  /** By SHA-256 of the token. */
  readonly #tokens = new Map<string, KnownToken>();
  /** Checks under way, so that five connections of one client cost one check. */
  readonly #underWay = new Map<string, Promise<boolean>>();
  readonly #key: Uint8Array;
  readonly #nobody: string;
  /** Where a person makes an app password; stands in refusals. */
  accountPage = "/account";

  constructor(ctx: Ctx, source: SignInSource, hasher: PasswordHasher) {
    this.#ctx = ctx;
    this.#source = source;
    this.#hasher = hasher;
    this.#lanes = new Lanes(ctx);
    this.#notes = new SignInNotes(ctx, (context, successes, failures) => source.record(context, successes, failures));
    this.#key = ctx.system.randomBytes(32);
    this.#nobody = hasher.unusable(ctx);
  }

  /** Fault `authenticationFailed`, the same whatever was wrong and after the same work. */
  async authenticate(ctx: Ctx, request: SignInRequest): Promise<SignedIn> {
    const subject = await this.#subjectOf(ctx, request.name);
    const secret = readAppPassword(request.password);
    const appPassword = secret === null ? null : matchAppPassword(subject.account?.appPasswords ?? [], secret);
    if (appPassword !== null) return this.#admit(ctx, request, subject, `app:${appPassword.id}`);
    if (!await this.#isRight(ctx, request, subject)) return this.#refuse(ctx, request, subject, wrong);
    return this.#admit(ctx, request, subject, "password");
  }

  /** A name's salt and keys. A name nobody has looks like any other. */
  async beginScram(ctx: Ctx, request: SignInFrom & { name: string }): Promise<ScramAccount> {
    const subject = await this.#subjectOf(ctx, request.name);
    const trier = await this.#trier(ctx, request, subject);
    if (!await this.#mayTry(ctx, trier)) return this.#refuse(ctx, request, subject, wrong);
    if (subject.account !== null && subject.account.scram !== null) return subject.account.scram;
    const salt = scramSalt(await this.#source.saltSecret(ctx), subject.key);
    return { salt, iterations: this.#hasher.scramIterations, keys: [] };
  }

  async finishScram(
    ctx: Ctx, request: SignInFrom & { name: string; credential: string | null },
  ): Promise<SignedIn> {
    const subject = await this.#subjectOf(ctx, request.name);
    const trier = await this.#trier(ctx, request, subject);
    // Many exchanges can be begun before the first one ends: a guess is bounded where it is judged.
    const verdict = this.#guard.check(trier, ctx.system.monotonicMs());
    if (verdict.kind !== "allow" && !await this.#itsTurn(ctx, verdict)) {
      return this.#refuse(ctx, request, subject, wrong);
    }
    // The keys may be gone since the exchange began: a password changed meanwhile.
    const isThere = subject.account?.scram?.keys.some((each) => each.credential === request.credential) === true;
    if (request.credential === null || !isThere) {
      this.#guard.failed(trier, ctx.system.monotonicMs());
      return this.#refuse(ctx, request, subject, wrong);
    }
    this.#guard.succeeded(trier);
    return this.#admit(ctx, request, subject, request.credential);
  }

  async authenticateBearer(
    ctx: Ctx, request: SignInFrom & { token: string; name: string | null },
  ): Promise<SignedIn> {
    const key = createHash("sha256").update(request.token).digest("base64");
    const identity = await this.#identityOf(ctx, key, request.token);
    const named = request.name === null || request.name === "" ? null : await this.#subjectOf(ctx, request.name);
    if (identity === null) {
      const subject = named ?? { account: null, name: "", key: "" };
      return this.#refuse(ctx, request, subject, { why: "access token", tell: "The access token is not valid." });
    }
    const account = "entryId" in identity.who ? await this.#source.accountById(ctx, identity.who.entryId)
      : await this.#accountByAddress(ctx, identity.who.address);
    const address = account?.entry.address ?? "";
    const subject: Subject = { account, name: address, key: address };
    if (account === null) {
      const why = "access token of nobody here";
      return this.#refuse(ctx, request, subject, { why, tell: "The access token is of nobody here." });
    }
    const known = this.#tokens.get(key);
    if (known !== undefined && known.passwordMs !== null && known.passwordMs !== account.passwordMs) {
      this.#tokens.delete(key);
      return await this.authenticateBearer(ctx, request);
    }
    if (known !== undefined) known.passwordMs = account.passwordMs;
    if (named !== null && named.account?.entry.entryId !== account.entry.entryId) {
      return this.#refuse(ctx, request, subject, {
        why: "access token of somebody else", tell: "The access token is of another account than the name.",
      });
    }
    return this.#admit(ctx, request, subject, "token");
  }

  /** A way in that was judged elsewhere (a passkey, a code on the web) was right. */
  noteSuccess(entryId: number, from: SignInFrom, method: string): void {
    this.#notes.succeeded(entryId, from, method);
  }

  noteFailure(ctx: Ctx, from: SignInFrom, address: string, why: string): void {
    this.#notes.failed(ctx, from, address, why);
  }

  /** Writes what waits for the audit trail. */
  flush(): Promise<void> {
    return this.#notes.flush();
  }

  async #subjectOf(ctx: Ctx, text: string): Promise<Subject> {
    const name = text.length > limits.signInNameMaxBytes ? null : parseSignInName(text);
    const account = name === null ? null : await this.#source.account(ctx, name);
    const typed = forMessage(text.toLowerCase());
    if (account !== null) return { account, name: account.entry.address, key: account.entry.address };
    return { account, name: typed, key: name === null ? typed : await this.#keyOfNobody(ctx, name) };
  }

  /** The address a name would be of. */
  async #keyOfNobody(ctx: Ctx, name: SignInName): Promise<string> {
    if (name.form === "address") return name.key;
    const domains = await this.#source.domains(ctx);
    const home = domains.find((domain) => name.firstLabel === null || domain.split(".", 1)[0] === name.firstLabel);
    return `${name.local}@${home ?? ""}`;
  }

  /** A provider of tokens names people by whole addresses: a bare name may be somebody else's here. */
  async #accountByAddress(ctx: Ctx, text: string): Promise<Account | null> {
    const address = tryParseAddress(text);
    return address === null ? null : await this.#source.account(ctx, { form: "address", key: address.key });
  }

  async #trier(ctx: Ctx, from: SignInFrom, { account, key }: Subject): Promise<Trier> {
    const { clientAddress } = from;
    if (account === null) return { account: key, clientAddress, device: null };
    const device = deviceOf(from);
    const network = networkOf(clientAddress);
    const { entryId } = account.entry;
    const isKnown = this.#notes.isNoted(entryId, network, device)
      || await this.#source.isKnownDevice(ctx, entryId, network, device);
    return { account: key, clientAddress, device: isKnown ? device : null };
  }

  /** Waits as long as the guard asks; false for an attempt that is not looked at. */
  async #mayTry(ctx: Ctx, trier: Trier): Promise<boolean> {
    return await this.#itsTurn(ctx, this.#guard.check(trier, ctx.system.monotonicMs()));
  }

  async #itsTurn(ctx: Ctx, verdict: Verdict): Promise<boolean> {
    if (verdict.kind === "refuse") return false;
    if (verdict.kind === "lane") return await this.#lanes.enter(verdict.key);
    if (verdict.delayMs > 0) await sleep(ctx, verdict.delayMs);
    throwIfCancelled(ctx);
    return true;
  }

  async #isRight(ctx: Ctx, request: SignInRequest, subject: Subject): Promise<boolean> {
    const { account } = subject;
    const named = `${subject.name}\0${request.password.slice(0, 2048)}`;
    const mac = createHmac("sha256", this.#key).update(named).digest("base64");
    const phc = account?.phc ?? null;
    const known = this.#verified.get(mac);
    const isKnown = known !== undefined && known.entryId === account?.entry.entryId && known.phc === phc;
    if (isKnown && ctx.system.monotonicMs() - known.atMs < limits.signInCacheMs) return true;
    const trier = await this.#trier(ctx, request, subject);
    // One check for all who ask the same at once; where it is a guess, for those of one network.
    const key = `${mac} ${phc ?? ""} ${isKnown ? "" : keyOf(trier)}`;
    let check = this.#underWay.get(key);
    if (check === undefined) {
      // Not the context of one of those who wait for it: that one may leave.
      check = this.#check(request, trier, phc, isKnown).finally(() => this.#underWay.delete(key));
      this.#underWay.set(key, check);
    }
    if (!await check || account === null || phc === null) return false;
    await this.#remember(ctx, mac, account, phc, request.password);
    return true;
  }

  /** A password looked at, unless the guard forbids it. */
  async #check(request: SignInRequest, trier: Trier, phc: string | null, isKnown: boolean): Promise<boolean> {
    const ctx = this.#ctx;
    const verdict = this.#guard.begin(trier, ctx.system.monotonicMs());
    if (verdict.kind === "refuse" && !isKnown) return false;
    try {
      if (!isKnown && !await this.#itsTurn(ctx, verdict)) return false;
      const line = networkOf(request.clientAddress);
      const isRight = await this.#hasher.verify(request.password, phc ?? this.#nobody, line);
      if (isRight && phc !== null) this.#guard.succeeded(trier);
      else this.#guard.failed(trier, ctx.system.monotonicMs());
      return isRight && phc !== null;
    } finally {
      if (verdict.kind !== "refuse") this.#guard.end(trier);
    }
  }

  async #remember(ctx: Ctx, mac: string, account: Account, phc: string, password: string): Promise<void> {
    const current = await this.#renewed(ctx, account, phc, password);
    this.#verified.delete(mac);
    this.#verified.set(mac, { entryId: account.entry.entryId, phc: current, atMs: ctx.system.monotonicMs() });
    dropOldest(this.#verified);
  }

  /** Redoes a hash of another cost and makes the keys of SCRAM where there are none; the hash that counts now. */
  async #renewed(ctx: Ctx, account: Account, phc: string, password: string): Promise<string> {
    const isOld = needsRehash(phc, this.#hasher.cost);
    const hasScram = account.scram?.keys.some((each) => each.credential === "password") === true;
    if (!isOld && hasScram) return phc;
    const { address } = account.entry;
    try {
      const current = isOld ? await this.#hasher.hash(ctx, password) : phc;
      const salt = account.scram?.salt ?? scramSalt(await this.#source.saltSecret(ctx), address);
      const scram = hasScram ? null : await this.#hasher.scramKeys(password, salt);
      await this.#source.upgradeHash(ctx, address, phc, current, scram);
      return current;
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      ctx.log.warn({ user: address, error: error.message }, "the password's hash was not renewed");
      return phc;
    }
  }

  async #identityOf(ctx: Ctx, key: string, token: string): Promise<BearerIdentity | null> {
    const nowMs = ctx.system.monotonicMs();
    const known = this.#tokens.get(key);
    const isFresh = known !== undefined && nowMs - known.atMs < limits.bearerCacheMs;
    if (isFresh && known.identity.expiresMs > ctx.system.nowMs()) return known.identity;
    this.#tokens.delete(key);
    const identity = await this.#source.verifyBearer(ctx, token);
    if (identity === null || identity.expiresMs <= ctx.system.nowMs()) return null;
    this.#tokens.set(key, { identity, atMs: nowMs, passwordMs: null });
    dropOldest(this.#tokens);
    return identity;
  }

  /** The secret was right; whether the account may come in here with it. */
  #admit(ctx: Ctx, request: SignInFrom, subject: Subject, method: string): SignedIn {
    const { account } = subject;
    const refusal = account === null ? wrong : this.#refusalOf(account, request.protocol, method);
    if (account === null || refusal !== null) return this.#refuse(ctx, request, subject, refusal ?? wrong);
    const { entryId, address, displayName, mailboxId } = account.entry;
    this.#notes.succeeded(entryId, request, method);
    return { entryId, address, displayName, mailboxId, credential: credentialName(account, method) };
  }

  #refusalOf(account: Account, protocol: Protocol, method: string): Refusal | null {
    if (account.entry.disabled) return { why: "the account is disabled" };
    if (account.entry.protocolsOff.includes(protocol)) return { why: `${protocol} is switched off for the account` };
    if (method.startsWith("app:")) {
      const appPassword = account.appPasswords.find((each) => `app:${each.id}` === method);
      // Settings are asked for before the program speaks the protocol its app password is for.
      if (appPassword !== undefined && protocol === "autodiscover") return null;
      if (appPassword?.protocols.includes(protocol) === true) return null;
      return {
        why: `the app password "${appPassword?.label ?? ""}" is not for ${protocol}`,
        tell: `This app password is not for ${protocol.toUpperCase()}; make another one at ${this.accountPage}.`,
      };
    }
    if (method !== "password" || !account.hasSecondFactor || protocol === "web") return null;
    return {
      why: "the password alone is not enough, a second factor is on",
      tell: `This account has a second factor: sign in with an app password, made at ${this.accountPage}.`,
    };
  }

  #refuse(ctx: Ctx, from: SignInFrom, subject: Subject, refusal: Refusal): never {
    this.#notes.failed(ctx, from, subject.name, refusal.why);
    throw new Fault("authenticationFailed", refusal.tell ?? refusedText);
  }
}

function dropOldest(map: Map<string, unknown>): void {
  if (map.size <= limits.signInCacheMax) return;
  const oldest = map.keys().next();
  if (!oldest.done) map.delete(oldest.value);
}
