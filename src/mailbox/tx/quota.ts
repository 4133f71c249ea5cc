/** How much a mailbox holds, and whether more may come. What was removed does not count: it has a bound of its own. */
import { Fault } from "#base/fault.ts";
import { get } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

export interface MailboxUse {
  /** Without Recoverable Items. */
  readonly usedBytes: number;
  readonly messageCount: number;
  /** In Recoverable Items. */
  readonly removedBytes: number;
}

/** As the mailbox keeps its totals; one statement. */
export function* readUse(mailboxId: number): Work<MailboxUse> {
  const row = yield* get<{ size_bytes: number; message_count: number; removed: number; removed_bytes: number }>(
    `SELECT b.size_bytes, b.message_count, COALESCE(SUM(f.message_count + f.associated_count), 0) AS removed,
       COALESCE(SUM(f.size_bytes), 0) AS removed_bytes
     FROM mailbox b LEFT JOIN folder f ON f.mailbox_id = b.mailbox_id AND f.role LIKE 'recoverable%'
     WHERE b.mailbox_id = $1 GROUP BY b.mailbox_id, b.size_bytes, b.message_count`, mailboxId);
  if (row === undefined) return { usedBytes: 0, messageCount: 0, removedBytes: 0 };
  const [removed, removedBytes] = [Number(row.removed), Number(row.removed_bytes)];
  return {
    usedBytes: Math.max(0, row.size_bytes - removedBytes), messageCount: Math.max(0, row.message_count - removed),
    removedBytes,
  };
}

/** Fault `overQuota` when the mailbox would grow past its limit. */
export function* checkQuota(mailboxId: number, quotaBytes: number | null, moreBytes: number): Work<void> {
  if (quotaBytes === null) return;
  const row = yield* get<{ size_bytes: number }>("SELECT size_bytes FROM mailbox WHERE mailbox_id = $1", mailboxId);
  if (row === undefined || row.size_bytes + moreBytes <= quotaBytes) return;
  // Only where it is close: most of what comes is judged by the one number.
  if ((yield* readUse(mailboxId)).usedBytes + moreBytes > quotaBytes) {
    throw new Fault("overQuota", "The mailbox is full; delete messages to make room.");
  }
}
