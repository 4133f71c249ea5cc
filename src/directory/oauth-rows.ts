/** Rows of the token provider: sessions, grants, codes and tokens, each with its end. */
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { procedure } from "#store/api.ts";
import type { Transaction } from "#store/api.ts";
import { all, get, run } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

export interface OauthRow {
  readonly model: string;
  readonly id: string;
  /** JSON. */
  readonly payload: string;
  readonly grantId: string | null;
  readonly uid: string | null;
  readonly userCode: string | null;
  /** The entry id whose row it is, so that a removed person's rows go too. */
  readonly account: string | null;
  readonly expiresMs: number | null;
}

export const putOauthRow = procedure({
  name: "directory.putOauthRow",
  *run(tx: Transaction, row: OauthRow): Work<void> {
    if (row.payload.length > limits.oauthPayloadMaxBytes) throw new Fault("tooBig", "A token row is too large.");
    yield* run(
      `DELETE FROM oauth_row WHERE (model, row_id) IN
         (SELECT model, row_id FROM oauth_row WHERE expires_ms < $1 LIMIT $2)`, tx.nowMs, limits.oauthSweepRows);
    if (row.account !== null) yield* boundAccount(row.account);
    else yield* boundStrangers();
    yield* run(
      `INSERT INTO oauth_row (model, row_id, payload, grant_id, uid, user_code, account, expires_ms)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (model, row_id) DO UPDATE SET
         payload = excluded.payload, grant_id = excluded.grant_id, uid = excluded.uid,
         user_code = excluded.user_code, account = excluded.account, expires_ms = excluded.expires_ms`,
      row.model, row.id, row.payload, row.grantId, row.uid, row.userCode, row.account, row.expiresMs);
  },
});

/** A program that asks for tokens without end pushes out its own account's oldest, nobody else's. */
function* boundAccount(account: string): Work<void> {
  const { count } = (yield* get<{ count: number }>(
    "SELECT COUNT(*) AS count FROM oauth_row WHERE account = $1", account))!;
  if (count < limits.oauthRowsPerAccountMax) return;
  yield* run(
    `DELETE FROM oauth_row WHERE (model, row_id) IN (SELECT model, row_id FROM oauth_row WHERE account = $1
       ORDER BY expires_ms LIMIT $2)`, account, count - limits.oauthRowsPerAccountMax + 1);
}

/** Anybody can begin to sign in; who begins without end pushes out what was begun first. */
function* boundStrangers(): Work<void> {
  const { count } = (yield* get<{ count: number }>("SELECT COUNT(*) AS count FROM oauth_row WHERE account IS NULL"))!;
  if (count < limits.oauthStrangerRowsMax) return;
  yield* run(
    `DELETE FROM oauth_row WHERE (model, row_id) IN (SELECT model, row_id FROM oauth_row WHERE account IS NULL
       ORDER BY expires_ms LIMIT $1)`, limits.oauthSweepRows);
}

const payloadOf = "SELECT payload, expires_ms FROM oauth_row WHERE";

interface Found {
  payload: string;
  expires_ms: number | null;
}

/** The payload of a row that is not over at `nowMs`. */
export function* oauthRowBy(
  by: { model: string; id: string } | { model: string; uid: string } | { model: string; userCode: string },
  nowMs: number,
): Work<string | null> {
  const row = "id" in by ? yield* get<Found>(`${payloadOf} model = $1 AND row_id = $2`, by.model, by.id)
    : "uid" in by ? yield* get<Found>(`${payloadOf} model = $1 AND uid = $2`, by.model, by.uid)
      : yield* get<Found>(`${payloadOf} model = $1 AND user_code = $2`, by.model, by.userCode);
  return row === undefined || (row.expires_ms !== null && row.expires_ms <= nowMs) ? null : row.payload;
}

export const removeOauthRows = procedure({
  name: "directory.removeOauthRows",
  *run(
    _tx: Transaction,
    by: { readonly model: string; readonly id: string } | { readonly grantId: string } | { readonly account: string },
  ): Work<number> {
    if ("grantId" in by) {
      return yield* run("DELETE FROM oauth_row WHERE grant_id = $1 OR (model = 'Grant' AND row_id = $1)", by.grantId);
    }
    if ("account" in by) return yield* run("DELETE FROM oauth_row WHERE account = $1", by.account);
    return yield* run("DELETE FROM oauth_row WHERE model = $1 AND row_id = $2", by.model, by.id);
  },
});

/** Marks a code or refresh token as used; false when it was, so that of two that race only one gets through. */
export const consumeOauthRow = procedure({
  name: "directory.consumeOauthRow",
  *run(tx: Transaction, by: { readonly model: string; readonly id: string }): Work<boolean> {
    const row = yield* get<Found>(`${payloadOf} model = $1 AND row_id = $2`, by.model, by.id);
    if (row === undefined) return false;
    const payload = JSON.parse(row.payload) as Record<string, unknown>;
    if (payload["consumed"] !== undefined) return false;
    payload["consumed"] = Math.floor(tx.nowMs / 1000);
    yield* run("UPDATE oauth_row SET payload = $3 WHERE model = $1 AND row_id = $2",
      by.model, by.id, JSON.stringify(payload));
    return true;
  },
});

/** What a person let in: grants of programs. */
export function* grantsOfAccount(account: string, nowMs: number): Work<{ id: string; payload: string }[]> {
  return yield* all<{ id: string; payload: string }>(
    `SELECT row_id AS id, payload FROM oauth_row WHERE account = $1 AND model = 'Grant'
       AND (expires_ms IS NULL OR expires_ms > $2) ORDER BY row_id`, account, nowMs);
}
