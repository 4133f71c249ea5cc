import { Fault } from "#base/fault.ts";
import { get } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

/** Fault `overQuota` when the mailbox would grow past its limit. */
export function* checkQuota(mailboxId: number, quotaBytes: number | null, moreBytes: number): Work<void> {
  if (quotaBytes === null) return;
  const row = yield* get<{ size_bytes: number }>("SELECT size_bytes FROM mailbox WHERE mailbox_id = $1", mailboxId);
  if (row !== undefined && row.size_bytes + moreBytes > quotaBytes) {
    throw new Fault("overQuota", "The mailbox is full; delete messages to make room.");
  }
}
