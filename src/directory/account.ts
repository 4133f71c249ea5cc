/** A person with everything that is needed to judge a sign-in, in one read. */
import type { ScramAccount } from "#directory/api.ts";
import type { SignInName } from "#directory/address.ts";
import { appPasswordsOf } from "#directory/app-passwords.ts";
import type { AppPassword } from "#directory/app-passwords.ts";
import { domains, entryByAddressKey, entryById } from "#directory/reads.ts";
import type { Entry } from "#directory/reads.ts";
import { all, get } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

export interface Account {
  readonly entry: Entry;
  /** null: no password, nobody can sign in. */
  readonly phc: string | null;
  /** When the password was set; a session of an older one ends. */
  readonly passwordMs: number;
  readonly hasSecondFactor: boolean;
  readonly appPasswords: readonly AppPassword[];
  /** null until the first password that had its keys made. */
  readonly scram: ScramAccount | null;
}

/** The person a sign-in name means; null when nobody or more than one. */
export function* accountBySignInName(name: SignInName): Work<Account | null> {
  const entry = name.form === "address" ? yield* entryByAddressKey(name.key) : yield* entryByShortName(name);
  return entry === null ? null : yield* accountOf(entry);
}

export function* accountById(entryId: number): Work<Account | null> {
  const entry = yield* entryById(entryId);
  return entry === null ? null : yield* accountOf(entry);
}

function* accountOf(entry: Entry): Work<Account | null> {
  if (entry.kind !== "user") return null;
  const password = yield* get<{ phc: string; changed_ms: number }>(
    "SELECT phc, changed_ms FROM credential WHERE entry_id = $1 AND name = 'password'", entry.entryId);
  const factor = yield* get(
    `SELECT entry_id FROM second_factor WHERE entry_id = $1 AND confirmed_ms IS NOT NULL`, entry.entryId);
  return {
    entry, phc: password?.phc ?? null, passwordMs: password?.changed_ms ?? 0, hasSecondFactor: factor !== undefined,
    appPasswords: yield* appPasswordsOf(entry.entryId), scram: yield* scramOf(entry.entryId),
  };
}

interface ScramRow {
  credential: string; salt: Uint8Array; iterations: number; stored_key: Uint8Array; server_key: Uint8Array;
}

/** The salt goes out before anybody knows which password is meant: only keys made with the same one can be offered. */
function* scramOf(entryId: number): Work<ScramAccount | null> {
  const rows = yield* all<ScramRow>(
    `SELECT credential, salt, iterations, stored_key, server_key FROM scram_key WHERE entry_id = $1
     ORDER BY CASE WHEN credential = 'password' THEN 0 ELSE 1 END, credential`, entryId);
  const first = rows[0];
  if (first === undefined) return null;
  const isOfThem = (row: ScramRow): boolean =>
    row.iterations === first.iterations && Buffer.compare(row.salt, first.salt) === 0;
  return {
    salt: first.salt, iterations: first.iterations,
    keys: rows.filter(isOfThem).map((row) =>
      ({ credential: row.credential, storedKey: row.stored_key, serverKey: row.server_key })),
  };
}

/** In the default domain first; elsewhere only when just one domain has that name. */
function* entryByShortName(name: Extract<SignInName, { form: "short" }>): Work<Entry | null> {
  const found = new Map<number, Entry>();
  for (const domain of yield* domains()) {
    if (name.firstLabel !== null && domain.name.split(".")[0] !== name.firstLabel) continue;
    const entry = yield* entryByAddressKey(`${name.local}@${domain.name}`);
    if (entry === null || entry.kind !== "user") continue;
    if (domain.isDefault) return entry;
    found.set(entry.entryId, entry);
  }
  return found.size === 1 ? [...found.values()][0]! : null;
}
