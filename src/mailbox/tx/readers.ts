/** What each reader of the public store has read: rows of their own beside the messages, changed inside procedures. */
import { messageFlags } from "#mailbox/api.ts";
import { rangeAt, rangeChanges, withRanges } from "#mailbox/readers/ranges.ts";
import type { ReadRange } from "#mailbox/readers/ranges.ts";
import { procedure } from "#store/api.ts";
import { all, get, run } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

/**
 * Whose read marks a procedure changes: those of the messages (null, left out), those of one reader (the directory
 * entry), or, in the public store, nobody's (0), for what the server does itself.
 */
export type ReaderId = number | null | undefined;

interface RangeRow {
  first_uid: number;
  last_uid: number;
  is_read: number;
  mod_seq: number;
}

export function* readRanges(mailboxId: number, readerId: number, folderId: number): Work<ReadRange[]> {
  const rows = yield* all<RangeRow>(
    `SELECT first_uid, last_uid, is_read, mod_seq FROM reader_range
     WHERE mailbox_id = $1 AND reader_id = $2 AND folder_id = $3 ORDER BY first_uid`, mailboxId, readerId, folderId);
  return rows.map((row) =>
    ({ first: row.first_uid, last: row.last_uid, isRead: row.is_read === 1, modSeq: row.mod_seq }));
}

/** When anything this reader has read in a folder last changed; 0 for never. */
export function* readReaderCn(mailboxId: number, readerId: number, folderId: number): Work<number> {
  const row = yield* get<{ cn: number }>(
    "SELECT cn FROM reader_folder WHERE mailbox_id = $1 AND reader_id = $2 AND folder_id = $3",
    mailboxId, readerId, folderId);
  return row?.cn ?? 0;
}

/** Puts `news`, ascending, over what the reader had; `before` as it was read in this transaction. */
export function* putRanges(
  mailboxId: number, readerId: number, folderId: number, before: readonly ReadRange[], news: readonly ReadRange[],
  cn: number,
): Work<void> {
  if (news.length === 0) return;
  const { gone, put } = rangeChanges(before, withRanges(before, news));
  for (const first of gone) {
    yield* run(
      "DELETE FROM reader_range WHERE mailbox_id = $1 AND reader_id = $2 AND folder_id = $3 AND first_uid = $4",
      mailboxId, readerId, folderId, first);
  }
  for (const range of put) {
    yield* run(
      `INSERT INTO reader_range (mailbox_id, reader_id, folder_id, first_uid, last_uid, is_read, mod_seq)
       VALUES ($1, $2, $3, $4, $5, $6, $7)
       ON CONFLICT (mailbox_id, reader_id, folder_id, first_uid) DO UPDATE
         SET last_uid = excluded.last_uid, is_read = excluded.is_read, mod_seq = excluded.mod_seq`,
      mailboxId, readerId, folderId, range.first, range.last, range.isRead ? 1 : 0, range.modSeq);
  }
  yield* run(
    `INSERT INTO reader_folder (mailbox_id, reader_id, folder_id, cn) VALUES ($1, $2, $3, $4)
     ON CONFLICT (mailbox_id, reader_id, folder_id) DO UPDATE SET cn = excluded.cn`,
    mailboxId, readerId, folderId, cn);
}

/** Marks of a new message as its row keeps them: in the public store no read mark. */
export function rowFlags(flags: number, readerId: ReaderId): number {
  return readerId === null || readerId === undefined ? flags : flags & ~messageFlags.seen;
}

/** A new message that its maker has read. */
export function* markNewRead(
  mailboxId: number, readerId: ReaderId, folderId: number, uid: number, flags: number, cn: number,
): Work<void> {
  if (!isReader(readerId) || (flags & messageFlags.seen) === 0) return;
  const before = yield* readRanges(mailboxId, readerId, folderId);
  yield* putRanges(mailboxId, readerId, folderId, before, [{ first: uid, last: uid, isRead: true, modSeq: cn }], cn);
}

export function isReader(readerId: ReaderId): readerId is number {
  return readerId !== null && readerId !== undefined && readerId > 0;
}

/** What whoever copies or moves had read stays read for them; for all others the message is new. */
export function* carryRead(
  mailboxId: number, readerId: ReaderId, folderId: number, targetId: number, pairs: Uint32Array, cn: number,
): Work<void> {
  if (!isReader(readerId)) return;
  const source = yield* readRanges(mailboxId, readerId, folderId);
  const news: { first: number; last: number; isRead: true; modSeq: number }[] = [];
  for (let at = 0; at < pairs.length; at += 2) {
    if (rangeAt(source, pairs[at]!)?.isRead !== true) continue;
    const uid = pairs[at + 1]!;
    const last = news.at(-1);
    if (last !== undefined && last.last + 1 === uid) last.last = uid;
    else news.push({ first: uid, last: uid, isRead: true, modSeq: cn });
  }
  const before = targetId === folderId ? source : yield* readRanges(mailboxId, readerId, targetId);
  yield* putRanges(mailboxId, readerId, targetId, before, news, cn);
}

/** What somebody had read, when they are gone. */
export const forgetReader = procedure({
  name: "mailbox.forgetReader",
  // No change number: nobody else sees it.
  *run(tx, args: { readerId: number }): Work<void> {
    yield* run("DELETE FROM reader_range WHERE mailbox_id = $1 AND reader_id = $2", tx.scope, args.readerId);
    yield* run("DELETE FROM reader_folder WHERE mailbox_id = $1 AND reader_id = $2", tx.scope, args.readerId);
  },
});

/** Part of removing a folder. */
export function* forgetFolderReaders(mailboxId: number, folderId: number): Work<void> {
  const readers = yield* all<{ reader_id: number }>(
    "SELECT reader_id FROM reader_folder WHERE mailbox_id = $1 AND folder_id = $2", mailboxId, folderId);
  for (const { reader_id: readerId } of readers) {
    yield* run("DELETE FROM reader_range WHERE mailbox_id = $1 AND reader_id = $2 AND folder_id = $3",
      mailboxId, readerId, folderId);
  }
  yield* run("DELETE FROM reader_folder WHERE mailbox_id = $1 AND folder_id = $2", mailboxId, folderId);
}
