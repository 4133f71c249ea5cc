/** Keys of this server, kept with its data so that cookies, tokens and SCRAM salts outlive a restart. */
import { createHmac } from "node:crypto";
import { takeServerCn } from "#store/server-cn.ts";
import { procedure } from "#store/api.ts";
import type { Transaction } from "#store/api.ts";
import { get, run } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

export function* readSecret(name: string): Work<Uint8Array | null> {
  return (yield* get<{ value: Uint8Array }>("SELECT value FROM server_secret WHERE name = $1", name))?.value ?? null;
}

/** Keeps a secret unless there is one already; gives the one that counts. */
export const ensureSecret = procedure({
  name: "directory.ensureSecret",
  *run(tx: Transaction, args: { readonly name: string; readonly value: Uint8Array }): Work<Uint8Array> {
    const added = yield* run(
      "INSERT INTO server_secret (name, value, created_ms) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING",
      args.name, args.value, tx.nowMs);
    if (added > 0) yield* takeServerCn();
    return (yield* readSecret(args.name))!;
  },
});

/** The salt of an account, or of a name nobody has: nobody can tell which. RFC 5802 §9 */
export function scramSalt(secret: Uint8Array, who: string): Uint8Array {
  return createHmac("sha256", secret).update(`salt\0${who}`).digest().subarray(0, 16);
}
