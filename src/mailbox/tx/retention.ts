/** What goes by itself: removed items after their days or past their bound, and messages of folders with a term. */
import { takeCn } from "#mailbox/tx/counters.ts";
import { readFolder, readFolderByRole } from "#mailbox/tx/folders.ts";
import { messageColumns } from "#mailbox/tx/rows.ts";
import type { MessageRecord } from "#mailbox/tx/rows.ts";
import { discard } from "#mailbox/tx/transfer.ts";
import { procedure } from "#store/api.ts";
import { all, get, run } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

/**
 * The first messages of a folder that came into it before `beforeMs`. UIDs grow as messages come, so that what is old
 * stands in front: a folder in which nothing is old costs one short look, however large it is.
 */
function* oldestIn(
  mailboxId: number, folderId: number, beforeMs: number, limitRows: number,
): Work<MessageRecord[]> {
  const first = yield* all<MessageRecord>(
    `SELECT ${messageColumns} FROM message m WHERE m.mailbox_id = $1 AND m.folder_id = $2 AND m.associated = 0
     ORDER BY m.uid LIMIT $3`, mailboxId, folderId, limitRows);
  return first.filter((record) => record.saved_ms < beforeMs);
}

export interface PurgeRemoved {
  /** Of messages that came into Recoverable Items before, UTC milliseconds. */
  readonly beforeMs: number;
  /** While they are more than this together the oldest go, whatever their age; null for no bound. */
  readonly mostBytes?: number | null;
  readonly limitRows: number;
}

/** Lets go of messages that have been in Recoverable Items long enough; how many. */
export const purgeRemoved = procedure({
  name: "mailbox.purgeRemoved",
  *run(tx, { beforeMs, mostBytes = null, limitRows }: PurgeRemoved): Work<number> {
    const bin = yield* readFolderByRole(tx.scope, "recoverableDeletions");
    let over = mostBytes === null ? 0 : bin.size_bytes - mostBytes;
    const records: MessageRecord[] = [];
    for (const record of yield* oldestIn(tx.scope, bin.folder_id, over > 0 ? Infinity : beforeMs, limitRows)) {
      if (record.saved_ms >= beforeMs && over <= 0) continue;
      over -= record.size_bytes;
      records.push(record);
    }
    if (records.length > 0) yield* discard(tx, yield* takeCn(tx.scope), records, bin.folder_id, "hard");
    return records.length;
  },
});

/** Moves what has been in a folder too long to Recoverable Items; how many. */
export const expireMessages = procedure({
  name: "mailbox.expireMessages",
  *run(tx, args: { folderId: number; beforeMs: number; limitRows: number }): Work<number> {
    yield* readFolder(tx.scope, args.folderId);
    const records = yield* oldestIn(tx.scope, args.folderId, args.beforeMs, args.limitRows);
    if (records.length > 0) yield* discard(tx, yield* takeCn(tx.scope), records, args.folderId, "soft");
    return records.length;
  },
});

/** null takes the folder's own term away, 0 keeps its messages for ever. */
export const setFolderRetention = procedure({
  name: "mailbox.setFolderRetention",
  *run(tx, args: { folderId: number; days: number | null }): Work<void> {
    yield* readFolder(tx.scope, args.folderId);
    if (args.days === null) {
      yield* run("DELETE FROM folder_retention WHERE mailbox_id = $1 AND folder_id = $2", tx.scope, args.folderId);
      return;
    }
    yield* run(
      `INSERT INTO folder_retention (mailbox_id, folder_id, days) VALUES ($1, $2, $3)
       ON CONFLICT (mailbox_id, folder_id) DO UPDATE SET days = excluded.days`, tx.scope, args.folderId, args.days);
  },
});

/** Days by folder; a folder that is gone has none. */
export function* readRetention(mailboxId: number): Work<ReadonlyMap<number, number>> {
  const rows = yield* all<{ folder_id: number; days: number }>(
    `SELECT r.folder_id, r.days FROM folder_retention r
     JOIN folder f ON f.mailbox_id = r.mailbox_id AND f.folder_id = r.folder_id WHERE r.mailbox_id = $1`, mailboxId);
  return new Map(rows.map((row) => [row.folder_id, row.days]));
}

export function* folderIdOfRole(mailboxId: number, role: string): Work<number | null> {
  const row = yield* get<{ folder_id: number }>(
    "SELECT folder_id FROM folder WHERE mailbox_id = $1 AND role = $2", mailboxId, role);
  return row?.folder_id ?? null;
}
