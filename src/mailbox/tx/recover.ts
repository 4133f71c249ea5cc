/** Taking back what was removed: it goes where it was, with its marks, its categories and its time. */
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { takeCn } from "#mailbox/tx/counters.ts";
import { readFolderByRole } from "#mailbox/tx/folders.ts";
import type { FolderRole } from "#mailbox/roles.ts";
import { messageColumns } from "#mailbox/tx/rows.ts";
import type { MessageRecord } from "#mailbox/tx/rows.ts";
import { discard, readTarget, relocate } from "#mailbox/tx/transfer.ts";
import { procedure } from "#store/api.ts";
import type { Transaction } from "#store/api.ts";
import { all, get } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

/** A message in Recoverable Items as lists show it. */
export interface RemovedItem {
  readonly messageId: number;
  readonly removedMs: number;
  readonly receivedMs: number;
  readonly subject: string;
  readonly fromName: string;
  readonly fromAddress: string;
  readonly messageClass: string;
  readonly sizeBytes: number;
  /** Where it was; null for a folder that is gone. */
  readonly folderId: number | null;
}

interface RemovedRow {
  message_id: number; saved_ms: number; internal_ms: number; subject: string; from_name: string; from_address: string;
  message_class: string; size_bytes: number; folder_id: number | null;
}

/** The last removed first. */
export function* readRemovedItems(mailboxId: number, limitRows: number): Work<RemovedItem[]> {
  const bin = yield* readFolderByRole(mailboxId, "recoverableDeletions");
  const rows = yield* all<RemovedRow>(
    `SELECT m.message_id, m.saved_ms, m.internal_ms, d.subject, d.from_name, d.from_address, d.message_class,
       m.size_bytes, f.folder_id
     FROM message m JOIN message_detail d ON d.mailbox_id = m.mailbox_id AND d.item_id = m.item_id
     LEFT JOIN folder f ON f.mailbox_id = m.mailbox_id AND f.folder_id = d.deleted_from_id
     WHERE m.mailbox_id = $1 AND m.folder_id = $2 AND m.associated = 0 ORDER BY m.uid DESC LIMIT $3`,
    mailboxId, bin.folder_id, limitRows);
  return rows.map((row) => ({
    messageId: row.message_id, removedMs: row.saved_ms, receivedMs: row.internal_ms, subject: row.subject,
    fromName: row.from_name, fromAddress: row.from_address, messageClass: row.message_class, sizeBytes: row.size_bytes,
    folderId: row.folder_id,
  }));
}

type BinRecord = MessageRecord & { deleted_from_id: number | null; message_class: string };

/** In the order of their UIDs; ids that are not in Recoverable Items are left out. */
function* readChosen(mailboxId: number, binId: number, messageIds: readonly number[]): Work<BinRecord[]> {
  if (messageIds.length > limits.recoverAtOnce) throw new Fault("tooMany", "too many items at once");
  const found: BinRecord[] = [];
  for (const messageId of new Set(messageIds)) {
    const record = yield* get<BinRecord>(
      `SELECT ${messageColumns}, d.deleted_from_id, d.message_class FROM message m
       JOIN message_detail d ON d.mailbox_id = m.mailbox_id AND d.item_id = m.item_id
       WHERE m.mailbox_id = $1 AND m.message_id = $2 AND m.folder_id = $3 AND m.associated = 0`,
      mailboxId, messageId, binId);
    if (record !== undefined) found.push(record);
  }
  return found.sort((one, other) => one.uid - other.uid);
}

/** Where an item goes whose folder is gone, by its class. */
const homes: readonly (readonly [RegExp, FolderRole])[] = [
  [/^IPM\.Appointment(?:\.|$)/i, "calendar"], [/^IPM\.(?:Contact|DistList)(?:\.|$)/i, "contacts"],
  [/^IPM\.Task(?:\.|$)/i, "tasks"], [/^IPM\.StickyNote(?:\.|$)/i, "notes"], [/^IPM\.Activity(?:\.|$)/i, "journal"],
];

function* homeOf(tx: Transaction, record: BinRecord): Work<number> {
  if (record.deleted_from_id !== null) {
    const row = yield* get<{ folder_id: number }>(
      "SELECT folder_id FROM folder WHERE mailbox_id = $1 AND folder_id = $2 AND search_folder = 0",
      tx.scope, record.deleted_from_id);
    if (row !== undefined) return row.folder_id;
  }
  const role = homes.find(([pattern]) => pattern.test(record.message_class))?.[1] ?? "inbox";
  return (yield* readFolderByRole(tx.scope, role)).folder_id;
}

export interface RestoreItems {
  readonly messageIds: readonly number[];
  /** Instead of where each was. */
  readonly targetId: number | null;
}

/** How many of them are back, by folder. */
export const restoreItems = procedure({
  name: "mailbox.restoreItems",
  *run(tx, { messageIds, targetId }: RestoreItems): Work<{ folderId: number; count: number }[]> {
    if (targetId !== null) yield* readTarget(tx.scope, targetId);
    const bin = yield* readFolderByRole(tx.scope, "recoverableDeletions");
    const byFolder = new Map<number, BinRecord[]>();
    for (const record of yield* readChosen(tx.scope, bin.folder_id, messageIds)) {
      const folderId = targetId ?? (yield* homeOf(tx, record));
      const list = byFolder.get(folderId);
      if (list === undefined) byFolder.set(folderId, [record]);
      else list.push(record);
    }
    if (byFolder.size === 0) return [];
    const cn = yield* takeCn(tx.scope);
    for (const [folderId, records] of byFolder) yield* relocate(tx, cn, records, bin.folder_id, folderId, null);
    return [...byFolder].map(([folderId, records]) => ({ folderId, count: records.length }));
  },
});

/** For good; how many. */
export const purgeItems = procedure({
  name: "mailbox.purgeItems",
  *run(tx, { messageIds }: { messageIds: readonly number[] }): Work<number> {
    const bin = yield* readFolderByRole(tx.scope, "recoverableDeletions");
    const records = yield* readChosen(tx.scope, bin.folder_id, messageIds);
    if (records.length > 0) yield* discard(tx, yield* takeCn(tx.scope), records, bin.folder_id, "hard");
    return records.length;
  },
});
