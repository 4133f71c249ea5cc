/** Second factors of a person: one-time codes, recovery codes, passkeys. What is checked here changes data. */
import { timingSafeEqual } from "node:crypto";
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { beginChange, checkDisplayName, lockDirectory, requireEntry, touchEntry } from "#directory/changes.ts";
import type { By } from "#directory/changes.ts";
import { procedure } from "#store/api.ts";
import type { Transaction } from "#store/api.ts";
import { all, get, run } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

export interface SecondFactor {
  readonly secret: Uint8Array;
  /** null until a code was right once. */
  readonly confirmedMs: number | null;
  readonly recoveryCodesLeft: number;
}

export function* secondFactorOf(entryId: number): Work<SecondFactor | null> {
  const row = yield* get<{ secret: Uint8Array; confirmed_ms: number | null }>(
    "SELECT secret, confirmed_ms FROM second_factor WHERE entry_id = $1", entryId);
  if (row === undefined) return null;
  const codes = (yield* get<{ count: number }>(
    "SELECT COUNT(*) AS count FROM recovery_code WHERE entry_id = $1", entryId))!.count;
  return { secret: row.secret, confirmedMs: row.confirmed_ms, recoveryCodesLeft: codes };
}

interface Who extends By {
  readonly address: string;
}

/** Keeps the secret of codes to come; nothing asks for them until one was right. */
export const beginSecondFactor = procedure({
  name: "directory.beginSecondFactor",
  *run(_tx: Transaction, args: Who & { readonly secret: Uint8Array }): Work<void> {
    const { entryId } = yield* requireEntry(args.address, ["user"]);
    const found = yield* secondFactorOf(entryId);
    if (found !== null && found.confirmedMs !== null) {
      throw new Fault("alreadyExists", "The second factor is on already; switch it off first.");
    }
    yield* run(
      `INSERT INTO second_factor (entry_id, secret, confirmed_ms, last_step) VALUES ($1, $2, NULL, 0)
       ON CONFLICT (entry_id) DO UPDATE SET secret = excluded.secret, confirmed_ms = NULL, last_step = 0`,
      entryId, args.secret);
  },
});

/** The first code was right: from here on every sign-in on the web asks for one. */
export const confirmSecondFactor = procedure({
  name: "directory.confirmSecondFactor",
  *run(
    tx: Transaction,
    args: Who & { readonly secret: Uint8Array; readonly step: number; readonly codeHashes: readonly Uint8Array[] },
  ): Work<void> {
    yield* lockDirectory();
    const { entryId, address } = yield* requireEntry(args.address, ["user"]);
    const found = yield* secondFactorOf(entryId);
    if (found === null || Buffer.compare(found.secret, args.secret) !== 0) {
      throw new Fault("conflict", "The setup was begun again in another window; scan the newest code.");
    }
    const cn = yield* beginChange(tx, args, "second-factor-on", address);
    yield* run("UPDATE second_factor SET confirmed_ms = $2, last_step = $3 WHERE entry_id = $1",
      entryId, tx.nowMs, args.step);
    yield* putRecoveryCodes(entryId, args.codeHashes);
    yield* touchEntry(entryId, cn);
  },
});

export const renewRecoveryCodes = procedure({
  name: "directory.renewRecoveryCodes",
  *run(tx: Transaction, args: Who & { readonly codeHashes: readonly Uint8Array[] }): Work<void> {
    const { entryId, address } = yield* requireEntry(args.address, ["user"]);
    yield* beginChange(tx, args, "recovery-codes-new", address);
    yield* putRecoveryCodes(entryId, args.codeHashes);
  },
});

function* putRecoveryCodes(entryId: number, hashes: readonly Uint8Array[]): Work<void> {
  yield* run("DELETE FROM recovery_code WHERE entry_id = $1", entryId);
  for (const hash of hashes) {
    yield* run("INSERT INTO recovery_code (entry_id, code_hash) VALUES ($1, $2)", entryId, hash);
  }
}

/** Takes codes, recovery codes and, when asked, passkeys away. */
export const removeSecondFactor = procedure({
  name: "directory.removeSecondFactor",
  *run(tx: Transaction, args: Who & { readonly passkeysToo: boolean }): Work<{ removed: boolean; passkeys: number }> {
    yield* lockDirectory();
    const { entryId, address } = yield* requireEntry(args.address, ["user"]);
    const cn = yield* beginChange(tx, args, "second-factor-off", address, args.passkeysToo ? "and passkeys" : "");
    const removed = yield* run("DELETE FROM second_factor WHERE entry_id = $1", entryId);
    yield* run("DELETE FROM recovery_code WHERE entry_id = $1", entryId);
    const passkeys = args.passkeysToo ? yield* run("DELETE FROM passkey WHERE entry_id = $1", entryId) : 0;
    yield* touchEntry(entryId, cn);
    return { removed: removed > 0, passkeys };
  },
});

/** Takes a one-time code's step, once: true when it is newer than every step taken before. RFC 6238 §5.2 */
export const useCodeStep = procedure({
  name: "directory.useCodeStep",
  *run(_tx: Transaction, args: { readonly entryId: number; readonly step: number }): Work<boolean> {
    return (yield* run("UPDATE second_factor SET last_step = $2 WHERE entry_id = $1 AND last_step < $2",
      args.entryId, args.step)) > 0;
  },
});

/** Takes a recovery code, once. */
export const useRecoveryCode = procedure({
  name: "directory.useRecoveryCode",
  *run(
    tx: Transaction, args: { readonly entryId: number; readonly address: string; readonly codeHash: Uint8Array },
  ): Work<boolean> {
    const rows = yield* all<{ code_hash: Uint8Array }>(
      "SELECT code_hash FROM recovery_code WHERE entry_id = $1", args.entryId);
    const found = rows.find((row) =>
      row.code_hash.length === args.codeHash.length && timingSafeEqual(row.code_hash, args.codeHash));
    if (found === undefined) return false;
    yield* run("DELETE FROM recovery_code WHERE entry_id = $1 AND code_hash = $2", args.entryId, found.code_hash);
    yield* beginChange(tx, { by: args.address }, "recovery-code-used", args.address, `${rows.length - 1} left`);
    return true;
  },
});

export interface Passkey {
  readonly credentialId: string;
  readonly entryId: number;
  readonly label: string;
  readonly publicKey: Uint8Array;
  readonly counter: number;
  readonly transports: string;
  readonly createdMs: number;
  readonly lastUsedMs: number | null;
}

const passkeyColumns = `credential_id AS "credentialId", entry_id AS "entryId", label, public_key AS "publicKey",
  counter, transports, created_ms AS "createdMs", last_used_ms AS "lastUsedMs"`;

export function passkeysOf(entryId: number): Work<Passkey[]> {
  return all<Passkey>(`SELECT ${passkeyColumns} FROM passkey WHERE entry_id = $1 ORDER BY created_ms`, entryId);
}

export function* passkeyById(credentialId: string): Work<Passkey | null> {
  return (yield* get<Passkey>(`SELECT ${passkeyColumns} FROM passkey WHERE credential_id = $1`, credentialId)) ?? null;
}

export const addPasskey = procedure({
  name: "directory.addPasskey",
  *run(
    tx: Transaction, args: Who & {
      readonly credentialId: string; readonly label: string; readonly publicKey: Uint8Array; readonly counter: number;
      readonly transports: string;
    },
  ): Work<void> {
    const { entryId, address } = yield* requireEntry(args.address, ["user"]);
    const label = checkDisplayName(args.label);
    if ((yield* passkeysOf(entryId)).length >= limits.passkeysMax) {
      throw new Fault("tooMany", `There are ${limits.passkeysMax} passkeys already; remove one that is not used.`);
    }
    const isHere = (yield* passkeyById(args.credentialId)) !== null;
    if (isHere) throw new Fault("alreadyExists", "That passkey is here already.");
    yield* beginChange(tx, args, "passkey-add", address, label);
    yield* run(
      `INSERT INTO passkey (credential_id, entry_id, label, public_key, counter, transports, created_ms)
       VALUES ($1, $2, $3, $4, $5, $6, $7)`,
      args.credentialId, entryId, label, args.publicKey, args.counter, args.transports, tx.nowMs);
  },
});

export const removePasskey = procedure({
  name: "directory.removePasskey",
  *run(tx: Transaction, args: Who & { readonly credentialId: string }): Work<void> {
    const { entryId, address } = yield* requireEntry(args.address, ["user"]);
    const found = yield* passkeyById(args.credentialId);
    if (found === null || found.entryId !== entryId) throw new Fault("notFound", "There is no such passkey.");
    yield* beginChange(tx, args, "passkey-remove", address, found.label);
    yield* run("DELETE FROM passkey WHERE credential_id = $1", args.credentialId);
  },
});

/** The counter of the authenticator after a sign-in. WebAuthn Level 2 §7.2 step 21 */
export const usePasskey = procedure({
  name: "directory.usePasskey",
  *run(tx: Transaction, args: { readonly credentialId: string; readonly counter: number }): Work<void> {
    yield* run("UPDATE passkey SET counter = $2, last_used_ms = $3 WHERE credential_id = $1",
      args.credentialId, args.counter, tx.nowMs);
  },
});
