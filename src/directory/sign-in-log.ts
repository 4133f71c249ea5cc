/** What is kept of sign-ins: successes summed up by day and device, failures in the audit trail. */
import { limits } from "#base/limits.ts";
import { addAudit } from "#directory/changes.ts";
import type { AuditLine } from "#directory/changes.ts";
import { procedure } from "#store/api.ts";
import type { Transaction } from "#store/api.ts";
import { all, get, run } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

export const dayMs = 24 * 3_600_000;

/** Sign-ins of one person with one program from one network on one day. */
export interface SignInNote {
  readonly entryId: number;
  /** Days since 1970. */
  readonly day: number;
  readonly network: string;
  readonly device: string;
  readonly protocol: string;
  /** `password`, `app:3`, `token`, `scram`, `passkey`. */
  readonly method: string;
  readonly client: string;
  count: number;
  readonly firstMs: number;
  lastMs: number;
}

/** Writes what a few seconds brought, in one commit. Nothing follows these rows, so no change number is taken. */
export const recordSignIns = procedure({
  name: "directory.recordSignIns",
  *run(
    tx: Transaction, args: { readonly successes: readonly SignInNote[]; readonly failures: readonly AuditLine[] },
  ): Work<void> {
    for (const note of args.successes) yield* putNote(note);
    for (const line of args.failures) yield* addAudit(line);
    const beforeMs = tx.nowMs - limits.auditSignInKeepMs;
    yield* run("DELETE FROM audit WHERE action = 'sign-in-failed' AND at_ms < $1", beforeMs);
    if (args.failures.length > 0) {
      // Lines are numbered; only changes made by people stand below this number, and those are few.
      yield* run(
        `DELETE FROM audit WHERE action = 'sign-in-failed'
           AND audit_id <= (SELECT MAX(audit_id) FROM audit) - CAST($1 AS BIGINT)`, limits.auditSignInKeepRows);
    }
    yield* run("DELETE FROM sign_in WHERE last_ms < $1", tx.nowMs - limits.signInKeepMs);
  },
});

function* putNote(note: SignInNote): Work<void> {
  const rows = (yield* get<{ count: number }>(
    "SELECT COUNT(*) AS count FROM sign_in WHERE entry_id = $1 AND day = $2", note.entryId, note.day))!.count;
  const isFull = rows >= limits.signInRowsPerDayMax;
  const { network, device, client } = isFull ? { network: "", device: "many others", client: "" } : note;
  yield* run(
    `INSERT INTO sign_in (entry_id, day, network, device, protocol, method, client, count, first_ms, last_ms)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
     ON CONFLICT (entry_id, network, device, day, protocol, method) DO UPDATE SET
       client = excluded.client, count = sign_in.count + excluded.count, last_ms = excluded.last_ms`,
    note.entryId, note.day, network, device, note.protocol, note.method, client, note.count, note.firstMs,
    note.lastMs);
  const appPassword = /^app:(\d+)/.exec(note.method);
  if (appPassword === null) return;
  yield* run("UPDATE app_password SET last_used_ms = $2, last_client = $3 WHERE app_password_id = $1",
    Number(appPassword[1]), note.lastMs, note.client);
}

/** Whether this device signed in from this network before. */
export function* isKnownDevice(entryId: number, network: string, device: string): Work<boolean> {
  return (yield* get(
    "SELECT entry_id FROM sign_in WHERE entry_id = $1 AND network = $2 AND device = $3 LIMIT 1",
    entryId, network, device)) !== undefined;
}

/** The newest sign-ins of a person, newest first. */
export function* signInsOf(entryId: number, limitRows: number): Work<SignInNote[]> {
  return yield* all<SignInNote>(
    `SELECT entry_id AS "entryId", day, network, device, protocol, method, client, count, first_ms AS "firstMs",
       last_ms AS "lastMs" FROM sign_in WHERE entry_id = $1 ORDER BY last_ms DESC LIMIT $2`, entryId, limitRows);
}

export interface AuditEntry {
  readonly atMs: number;
  readonly actor: string;
  readonly action: string;
  readonly detail: string;
  readonly client: string;
  readonly repeated: number;
}

/** What was done to an address or failed for it, newest first. */
export function* auditOf(target: string, limitRows: number): Work<AuditEntry[]> {
  return yield* all<AuditEntry>(
    `SELECT at_ms AS "atMs", actor, action, detail, client, repeated FROM audit WHERE target = $1
     ORDER BY at_ms DESC, audit_id DESC LIMIT $2`, target, limitRows);
}
