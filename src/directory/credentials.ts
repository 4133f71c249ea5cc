/** What people sign in with, for the pages and the command line that change it. */
import type { Ctx } from "#base/ctx.ts";
import type { Account } from "#directory/account.ts";
import { accountById, accountBySignInName } from "#directory/account.ts";
import { parseAddress } from "#directory/address.ts";
import {
  addAppPassword, appPasswordsOf, hashAppPassword, newAppPassword, removeAppPassword,
} from "#directory/app-passwords.ts";
import type { AppPassword } from "#directory/app-passwords.ts";
import type { StoreDirectory } from "#directory/directory.ts";
import { setPassword } from "#directory/entry-changes.ts";
import { grantsOfAccount, consumeOauthRow, oauthRowBy, putOauthRow, removeOauthRows } from "#directory/oauth-rows.ts";
import type { OauthRow } from "#directory/oauth-rows.ts";
import { PasswordHasher } from "#directory/password.ts";
import {
  addPasskey, beginSecondFactor, confirmSecondFactor, passkeyById, passkeysOf, removePasskey, removeSecondFactor,
  renewRecoveryCodes, secondFactorOf, usePasskey, useCodeStep, useRecoveryCode,
} from "#directory/second-factor.ts";
import type { Passkey, SecondFactor } from "#directory/second-factor.ts";
import { ensureSecret, readSecret } from "#directory/secrets.ts";
import { auditOf, signInsOf } from "#directory/sign-in-log.ts";
import type { AuditEntry, SignInNote } from "#directory/sign-in-log.ts";
import { addWebSession, hashSessionToken, removeWebSessions, webSessionOf } from "#directory/web-sessions.ts";
import type { WebSession } from "#directory/web-sessions.ts";
import { Fault } from "#base/fault.ts";
import { serverScope } from "#store/api.ts";
import type { Procedure, Store } from "#store/api.ts";
import type { Work } from "#store/sql.ts";

/** Whose credential is changed, and by whom. */
export interface Whose {
  readonly address: string;
  /** For the audit trail. */
  readonly by: string;
}

export class Credentials {
  readonly #store: Store;
  readonly #directory: StoreDirectory;
  readonly #hasher: PasswordHasher;

  constructor(store: Store, directory: StoreDirectory, hasher: PasswordHasher = new PasswordHasher()) {
    this.#store = store;
    this.#directory = directory;
    this.#hasher = hasher;
  }

  #change<Args, Result>(ctx: Ctx, procedure: Procedure<Args, Result>, args: Args): Promise<Result> {
    return this.#store.transact(ctx, serverScope, procedure, args);
  }

  #read<Result>(ctx: Ctx, body: () => Work<Result>): Promise<Result> {
    return this.#store.read(ctx, serverScope, body);
  }

  account(ctx: Ctx, entryId: number): Promise<Account | null> {
    return this.#read(ctx, () => accountById(entryId));
  }

  /** Fault `notFound` when nobody who signs in has this address. */
  async accountOf(ctx: Ctx, address: string): Promise<Account> {
    const { key } = parseAddress(address);
    const account = await this.#read(ctx, () => accountBySignInName({ form: "address", key }));
    if (account === null) throw new Fault("notFound", `There is no user ${key}.`);
    return account;
  }

  async changePassword(ctx: Ctx, whose: Whose, password: string): Promise<void> {
    const kept = await this.#directory.newPassword(ctx, whose.address, password, this.#hasher);
    await this.#change(ctx, setPassword, { ...whose, ...kept, expected: null });
  }

  appPasswords(ctx: Ctx, entryId: number): Promise<AppPassword[]> {
    return this.#read(ctx, () => appPasswordsOf(entryId));
  }

  /** The secret is told once; only its hash is kept. No protocols: all of them. */
  async addAppPassword(
    ctx: Ctx, whose: Whose, label: string, protocols: readonly string[],
  ): Promise<{ id: number; secret: string }> {
    const secret = newAppPassword((size) => ctx.system.randomBytes(size));
    const scram = await this.#directory.newScramKeys(ctx, whose.address, secret, this.#hasher);
    const secretHash = hashAppPassword(secret);
    const { id } = await this.#change(ctx, addAppPassword, { ...whose, label, protocols, secretHash, scram });
    return { id, secret };
  }

  removeAppPassword(ctx: Ctx, whose: Whose, id: number): Promise<{ label: string }> {
    return this.#change(ctx, removeAppPassword, { ...whose, id });
  }

  secondFactor(ctx: Ctx, entryId: number): Promise<SecondFactor | null> {
    return this.#read(ctx, () => secondFactorOf(entryId));
  }

  beginSecondFactor(ctx: Ctx, whose: Whose, secret: Uint8Array): Promise<void> {
    return this.#change(ctx, beginSecondFactor, { ...whose, secret });
  }

  confirmSecondFactor(
    ctx: Ctx, whose: Whose, code: { secret: Uint8Array; step: number; codeHashes: readonly Uint8Array[] },
  ): Promise<void> {
    return this.#change(ctx, confirmSecondFactor, { ...whose, ...code });
  }

  renewRecoveryCodes(ctx: Ctx, whose: Whose, codeHashes: readonly Uint8Array[]): Promise<void> {
    return this.#change(ctx, renewRecoveryCodes, { ...whose, codeHashes });
  }

  removeSecondFactor(ctx: Ctx, whose: Whose, passkeysToo: boolean): Promise<{ removed: boolean; passkeys: number }> {
    return this.#change(ctx, removeSecondFactor, { ...whose, passkeysToo });
  }

  useCodeStep(ctx: Ctx, entryId: number, step: number): Promise<boolean> {
    return this.#change(ctx, useCodeStep, { entryId, step });
  }

  useRecoveryCode(ctx: Ctx, entryId: number, address: string, codeHash: Uint8Array): Promise<boolean> {
    return this.#change(ctx, useRecoveryCode, { entryId, address, codeHash });
  }

  passkeys(ctx: Ctx, entryId: number): Promise<Passkey[]> {
    return this.#read(ctx, () => passkeysOf(entryId));
  }

  passkey(ctx: Ctx, credentialId: string): Promise<Passkey | null> {
    return this.#read(ctx, () => passkeyById(credentialId));
  }

  addPasskey(
    ctx: Ctx, whose: Whose, passkey: Pick<Passkey, "credentialId" | "label" | "publicKey" | "counter" | "transports">,
  ): Promise<void> {
    return this.#change(ctx, addPasskey, { ...whose, ...passkey });
  }

  usePasskey(ctx: Ctx, credentialId: string, counter: number): Promise<void> {
    return this.#change(ctx, usePasskey, { credentialId, counter });
  }

  removePasskey(ctx: Ctx, whose: Whose, credentialId: string): Promise<void> {
    return this.#change(ctx, removePasskey, { ...whose, credentialId });
  }

  signIns(ctx: Ctx, entryId: number, limitRows: number): Promise<SignInNote[]> {
    return this.#read(ctx, () => signInsOf(entryId, limitRows));
  }

  audit(ctx: Ctx, address: string, limitRows: number): Promise<AuditEntry[]> {
    return this.#read(ctx, () => auditOf(address, limitRows));
  }

  /** The token goes into the browser's cookie. */
  async startWebSession(
    ctx: Ctx, session: { entryId: number; method: string; client: string; device: string },
  ): Promise<string> {
    const token = Buffer.from(ctx.system.randomBytes(32)).toString("base64url");
    await this.#change(ctx, addWebSession, { ...session, tokenHash: hashSessionToken(token) });
    return token;
  }

  async webSession(ctx: Ctx, token: string): Promise<WebSession | null> {
    const session = await this.#read(ctx, () => webSessionOf(hashSessionToken(token)));
    return session === null || session.expiresMs <= ctx.system.nowMs() ? null : session;
  }

  endWebSession(ctx: Ctx, token: string): Promise<number> {
    return this.#change(ctx, removeWebSessions, { tokenHash: hashSessionToken(token) });
  }

  endOtherWebSessions(ctx: Ctx, entryId: number, token: string): Promise<number> {
    return this.#change(ctx, removeWebSessions, { entryId, exceptHash: hashSessionToken(token) });
  }

  secret(ctx: Ctx, name: string): Promise<Uint8Array> {
    return this.#directory.secret(ctx, name);
  }

  /** A secret that is more than random bytes: kept as `make` gives it, once. */
  async ensureSecret(ctx: Ctx, name: string, make: () => Promise<Uint8Array>): Promise<Uint8Array> {
    const known = await this.#read(ctx, () => readSecret(name));
    return known ?? await this.#change(ctx, ensureSecret, { name, value: await make() });
  }

  putOauthRow(ctx: Ctx, row: OauthRow): Promise<void> {
    return this.#change(ctx, putOauthRow, row);
  }

  oauthRow(ctx: Ctx, by: Parameters<typeof oauthRowBy>[0]): Promise<string | null> {
    const nowMs = ctx.system.nowMs();
    return this.#read(ctx, () => oauthRowBy(by, nowMs));
  }

  removeOauthRows(
    ctx: Ctx, by: { model: string; id: string } | { grantId: string } | { account: string },
  ): Promise<number> {
    return this.#change(ctx, removeOauthRows, by);
  }

  consumeOauthRow(ctx: Ctx, model: string, id: string): Promise<boolean> {
    return this.#change(ctx, consumeOauthRow, { model, id });
  }

  oauthGrants(ctx: Ctx, entryId: number): Promise<{ id: string; payload: string }[]> {
    const nowMs = ctx.system.nowMs();
    return this.#read(ctx, () => grantsOfAccount(String(entryId), nowMs));
  }
}
