/** Tells open sessions when the person behind them may not go on. */
import type { Ctx } from "#base/ctx.ts";
import type { Protocol, SignedIn } from "#directory/api.ts";
import type { Account } from "#directory/account.ts";

export interface SignOutSource {
  /** Entries changed or removed after a change number, and the newest number; before the first one only that. */
  changedSince(ctx: Ctx, cn: number): Promise<{ entryIds: readonly number[]; newestCn: number }>;
  account(ctx: Ctx, entryId: number): Promise<Account | null>;
}

interface Watched {
  readonly protocol: Protocol;
  readonly credential: string;
  readonly onOut: (why: string) => void;
}

export class SignOutWatch {
  readonly #source: SignOutSource;
  readonly #watched = new Map<number, Set<Watched>>();
  #cn = -1;

  constructor(source: SignOutSource) {
    this.#source = source;
  }

  get isNeeded(): boolean {
    return this.#watched.size > 0;
  }

  watch(signedIn: SignedIn, protocol: Protocol, onOut: (why: string) => void): () => void {
    const { entryId } = signedIn;
    const row: Watched = { protocol, credential: signedIn.credential ?? "", onOut };
    const rows = this.#watched.get(entryId) ?? new Set();
    this.#watched.set(entryId, rows.add(row));
    return () => {
      rows.delete(row);
      if (rows.size === 0 && this.#watched.get(entryId) === rows) this.#watched.delete(entryId);
    };
  }

  /** The directory changed: looks at the people who did. */
  async onChange(ctx: Ctx): Promise<void> {
    const changed = await this.#source.changedSince(ctx, this.#cn);
    // The first time nobody knows what changed: everybody watched is looked at, not everybody there is.
    const entryIds = this.#cn < 0 ? [...this.#watched.keys()] : changed.entryIds;
    this.#cn = changed.newestCn;
    for (const entryId of entryIds) {
      if (this.#watched.has(entryId)) this.#judge(entryId, await this.#source.account(ctx, entryId));
    }
  }

  /** Looks at one person at once, without waiting for a change. */
  look(ctx: Ctx, entryId: number, account: () => Promise<Account | null>): void {
    account().then((found) => this.#judge(entryId, found)).catch((error: unknown) => {
      ctx.log.warn({ error: String(error) }, "it could not be checked whether a session may go on");
    });
  }

  #judge(entryId: number, account: Account | null): void {
    const rows = this.#watched.get(entryId);
    if (rows === undefined) return;
    for (const row of [...rows]) {
      const why = whyOut(account, row.protocol, row.credential);
      if (why === null || !rows.delete(row)) continue;
      row.onOut(why);
    }
    if (rows.size === 0) this.#watched.delete(entryId);
  }
}

/** The word for what was signed in with, so that the end of it can be seen later. */
export function credentialName(account: Account, method: string): string {
  return method === "password" || method === "token" ? `${method}:${account.passwordMs}` : method;
}

/** In a sentence for the person; null while the session may go on. */
export function whyOut(account: Account | null, protocol: Protocol, credential: string): string | null {
  if (account === null) return "The account was removed.";
  if (account.entry.disabled) return "The account was disabled.";
  const isOff = account.entry.protocolsOff.includes(protocol);
  if (isOff) return `${protocol.toUpperCase()} was switched off for the account.`;
  if (credential.startsWith("app:")) {
    const isThere = account.appPasswords.some((each) => `app:${each.id}` === credential);
    return isThere ? null : "The app password was removed.";
  }
  const method = /^(password|token):/.exec(credential)?.[1];
  if (method === undefined) return null;
  // A new password takes tokens back too: what they opened must not outlive them.
  if (credential !== credentialName(account, method)) return "The password was changed.";
  const needsMore = method === "password" && account.hasSecondFactor && protocol !== "web";
  return needsMore ? "The account has a second factor now; sign in with an app password." : null;
}
