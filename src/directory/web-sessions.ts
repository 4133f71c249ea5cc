/** Browsers signed in to the pages of this server. The cookie is a random token; its SHA-256 is what is kept. */
import { createHash } from "node:crypto";
import { limits } from "#base/limits.ts";
import { procedure } from "#store/api.ts";
import type { Transaction } from "#store/api.ts";
import { all, get, run } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

export interface WebSession {
  readonly entryId: number;
  readonly createdMs: number;
  readonly expiresMs: number;
  readonly method: string;
  readonly client: string;
  readonly device: string;
}

export function hashSessionToken(token: string): Buffer {
  return createHash("sha256").update(`outpost web session\0${token}`).digest();
}

export function* webSessionOf(tokenHash: Uint8Array): Work<WebSession | null> {
  return (yield* get<WebSession>(
    `SELECT entry_id AS "entryId", created_ms AS "createdMs", expires_ms AS "expiresMs", method, client, device
     FROM web_session WHERE token_hash = $1`, tokenHash)) ?? null;
}

export const addWebSession = procedure({
  name: "directory.addWebSession",
  *run(
    tx: Transaction,
    args: {
      readonly tokenHash: Uint8Array; readonly entryId: number; readonly method: string; readonly client: string;
      readonly device: string;
    },
  ): Work<void> {
    yield* run("DELETE FROM web_session WHERE expires_ms < $1", tx.nowMs);
    const rows = yield* all<{ token_hash: Uint8Array }>(
      "SELECT token_hash FROM web_session WHERE entry_id = $1 ORDER BY created_ms DESC", args.entryId);
    for (const row of rows.slice(limits.webSessionsMax - 1)) {
      yield* run("DELETE FROM web_session WHERE token_hash = $1", row.token_hash);
    }
    yield* run(
      `INSERT INTO web_session (token_hash, entry_id, created_ms, expires_ms, method, client, device)
       VALUES ($1, $2, $3, $4, $5, $6, $7)`,
      args.tokenHash, args.entryId, tx.nowMs, tx.nowMs + limits.webSessionMs, args.method, args.client, args.device);
  },
});

/** One browser, or with `exceptHash` every other one of a person. */
export const removeWebSessions = procedure({
  name: "directory.removeWebSessions",
  *run(
    _tx: Transaction,
    args: { readonly tokenHash: Uint8Array } | { readonly entryId: number; readonly exceptHash: Uint8Array },
  ): Work<number> {
    if ("tokenHash" in args) return yield* run("DELETE FROM web_session WHERE token_hash = $1", args.tokenHash);
    return yield* run("DELETE FROM web_session WHERE entry_id = $1 AND token_hash <> $2",
      args.entryId, args.exceptHash);
  },
});
