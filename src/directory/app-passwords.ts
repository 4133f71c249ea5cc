/**
 * App passwords: one random secret for each device and program that cannot do a second factor. Twenty letters are 94
 * bits, so a plain SHA-256 keeps them safe and costs nothing to check.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import type { EntryId } from "#base/ids.ts";
import type { Protocol } from "#directory/api.ts";
import { beginChange, checkDisplayName, lockDirectory, requireEntry, touchEntry } from "#directory/changes.ts";
import type { By } from "#directory/changes.ts";
import type { NewScramKeys } from "#directory/scram-keys.ts";
import { procedure } from "#store/api.ts";
import type { Transaction } from "#store/api.ts";
import { takeCounter } from "#store/server-cn.ts";
import { all, get, run } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

/** Protocols an app password can be for; the web pages take none. */
export const appPasswordProtocols = ["imap", "pop3", "smtp", "mapi", "ews", "eas", "dav", "jmap"] as const;

const letters = "abcdefghijklmnopqrstuvwxyz";
const secretLetters = 20;

/** Twenty random letters from as many random bytes as it takes; `random` gives them. */
export function newAppPassword(random: (size: number) => Uint8Array): string {
  let secret = "";
  while (secret.length < secretLetters) {
    for (const byte of random(32)) {
      // 234 is the largest multiple of 26 below 256: no letter is likelier than another.
      if (byte < 234 && secret.length < secretLetters) secret += letters[byte % 26];
    }
  }
  return secret;
}

/** As a person reads it: groups of four. */
export function showAppPassword(secret: string): string {
  return secret.match(/.{1,4}/g)!.join("-");
}

/** The secret as typed, without the dashes and blanks people leave in; null when it cannot be an app password. */
export function readAppPassword(text: string): string | null {
  if (text.length > 64) return null;
  const secret = text.replace(/[\s-]/g, "").toLowerCase();
  return secret.length === secretLetters && /^[a-z]+$/.test(secret) ? secret : null;
}

export function hashAppPassword(secret: string): Buffer {
  return createHash("sha256").update(`outpost app password\0${secret}`).digest();
}

export interface AppPassword {
  readonly id: number;
  readonly label: string;
  readonly protocols: readonly Protocol[];
  readonly secretHash: Uint8Array;
  readonly createdMs: number;
  readonly lastUsedMs: number | null;
  readonly lastClient: string;
}

/** Looks at every one of them, so that time does not tell which. */
export function matchAppPassword(list: readonly AppPassword[], secret: string): AppPassword | null {
  const hash = hashAppPassword(secret);
  let found: AppPassword | null = null;
  for (const each of list) {
    if (timingSafeEqual(hash, each.secretHash)) found = each;
  }
  return found;
}

interface AppPasswordRow {
  app_password_id: number; label: string; protocols: string; secret_hash: Uint8Array; created_ms: number;
  last_used_ms: number | null; last_client: string;
}

export function* appPasswordsOf(entryId: number): Work<AppPassword[]> {
  const rows = yield* all<AppPasswordRow>(
    `SELECT app_password_id, label, protocols, secret_hash, created_ms, last_used_ms, last_client FROM app_password
     WHERE entry_id = $1 ORDER BY app_password_id`, entryId);
  return rows.map((row) => ({
    id: row.app_password_id, label: row.label, protocols: row.protocols.split(",") as Protocol[],
    secretHash: row.secret_hash, createdMs: row.created_ms, lastUsedMs: row.last_used_ms, lastClient: row.last_client,
  }));
}

export interface AddAppPasswordArgs extends By {
  readonly address: string;
  readonly label: string;
  readonly protocols: readonly string[];
  readonly secretHash: Uint8Array;
  readonly scram: NewScramKeys | null;
}

export const addAppPassword = procedure({
  name: "directory.addAppPassword",
  *run(tx: Transaction, args: AddAppPasswordArgs): Work<{ id: number; entryId: EntryId }> {
    yield* lockDirectory();
    const { entryId, address } = yield* requireEntry(args.address, ["user"]);
    const label = checkDisplayName(args.label);
    const protocols = checkProtocols(args.protocols);
    const count = (yield* get<{ count: number }>(
      "SELECT COUNT(*) AS count FROM app_password WHERE entry_id = $1", entryId))!.count;
    if (count >= limits.appPasswordsMax) {
      const most = limits.appPasswordsMax;
      throw new Fault("tooMany", `${address} has ${most} app passwords; remove one that is not used.`);
    }
    const id = yield* takeCounter("app-password");
    const cn = yield* beginChange(tx, args, "app-password-add", address, `${label}: ${protocols}`);
    yield* run(
      `INSERT INTO app_password (app_password_id, entry_id, label, protocols, secret_hash, created_ms, last_client)
       VALUES ($1, $2, $3, $4, $5, $6, '')`, id, entryId, label, protocols, args.secretHash, tx.nowMs);
    if (args.scram !== null) yield* putScramKeys(entryId, `app:${id}`, args.scram);
    yield* touchEntry(entryId, cn);
    return { id, entryId };
  },
});

export const removeAppPassword = procedure({
  name: "directory.removeAppPassword",
  *run(tx: Transaction, args: By & { readonly address: string; readonly id: number }): Work<{ label: string }> {
    yield* lockDirectory();
    const { entryId, address } = yield* requireEntry(args.address, ["user"]);
    const row = yield* get<{ label: string }>(
      "SELECT label FROM app_password WHERE app_password_id = $1 AND entry_id = $2", args.id, entryId);
    if (row === undefined) throw new Fault("notFound", `${address} has no app password number ${args.id}.`);
    const cn = yield* beginChange(tx, args, "app-password-remove", address, row.label);
    yield* run("DELETE FROM app_password WHERE app_password_id = $1", args.id);
    yield* run("DELETE FROM scram_key WHERE entry_id = $1 AND credential = $2", entryId, `app:${args.id}`);
    yield* touchEntry(entryId, cn);
    return row;
  },
});

function checkProtocols(wanted: readonly string[]): string {
  const known: readonly string[] = appPasswordProtocols;
  const list = wanted.length === 0 ? known : [...new Set(wanted.map((one) => one.toLowerCase()))];
  for (const one of list) {
    if (!known.includes(one)) throw new Fault("invalidArgument", `A protocol is one of ${known.join(", ")}.`);
  }
  return list.join(",");
}

export function putScramKeys(entryId: number, credential: string, keys: NewScramKeys): Work<number> {
  return run(
    `INSERT INTO scram_key (entry_id, credential, salt, iterations, stored_key, server_key)
     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (entry_id, credential) DO UPDATE SET salt = excluded.salt,
       iterations = excluded.iterations, stored_key = excluded.stored_key, server_key = excluded.server_key`,
    entryId, credential, keys.salt, keys.iterations, keys.storedKey, keys.serverKey);
}
