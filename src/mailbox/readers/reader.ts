/**
 * The public store as one reader sees it: what they read, and how much they did not. Everything here happens inside the
 * read that gave the rows, so that rows and marks are of one moment. [MS-OXCSTOR] 3.2.5.12
 */
import type { MailboxId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import { messageFlags } from "#mailbox/api.ts";
import { rangeAt, rangeIndex } from "#mailbox/readers/ranges.ts";
import type { ReadRange } from "#mailbox/readers/ranges.ts";
import type { FolderRow } from "#mailbox/tx/folders.ts";
import { readRanges, readReaderCn } from "#mailbox/tx/readers.ts";
import { all, get } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

/** The columns of a message that each reader sees with other values. */
export interface Markable {
  readonly uid: number;
  flags: number;
  mod_seq: number;
  read_cn?: number;
}

interface Kept {
  readonly cn: number;
  readonly ranges: readonly ReadRange[];
}

/** Columns of flags, see `FlagColumns`. */
interface MarkColumns {
  readonly count: number;
  readonly uids: Uint32Array;
  readonly flags: Uint8Array;
  readonly modSeqs: Float64Array;
}

interface LightMarkable {
  readonly uid: number;
  readonly folderId: number;
  readonly associated: number;
  flags?: number;
  modSeq: number;
}

const noRanges: readonly ReadRange[] = [];

function withRead(flags: number, range: ReadRange | undefined): number {
  return range?.isRead === true ? flags | messageFlags.seen : flags & ~messageFlags.seen;
}

export class Reader {
  readonly #mailboxId: MailboxId;
  readonly readerId: number;
  readonly #kept = new Map<number, Kept>();
  /** Unread counts, as of a state of the folder and of the reader's marks. */
  readonly #unread = new Map<number, { readonly highestCn: number; readonly cn: number; readonly count: number }>();

  constructor(mailboxId: MailboxId, readerId: number) {
    this.#mailboxId = mailboxId;
    this.readerId = readerId;
  }

  /** What was read in a folder, as of now. */
  *ranges(folderId: number): Work<readonly ReadRange[]> {
    return (yield* this.#current(folderId)).ranges;
  }

  *#current(folderId: number): Work<Kept> {
    const cn = yield* readReaderCn(this.#mailboxId, this.readerId, folderId);
    const known = this.#kept.get(folderId);
    if (known !== undefined && known.cn === cn) return known;
    if (cn === 0) return { cn, ranges: noRanges };
    const kept = { cn, ranges: yield* readRanges(this.#mailboxId, this.readerId, folderId) };
    this.#kept.delete(folderId);
    this.#kept.set(folderId, kept);
    if (this.#kept.size > limits.readerFoldersKeptMax) this.#kept.delete(this.#kept.keys().next().value!);
    return kept;
  }

  /** Puts this reader's marks into rows of one folder. */
  *mark(folderId: number, rows: readonly Markable[]): Work<void> {
    if (rows.length === 0) return;
    const ranges = yield* this.ranges(folderId);
    for (const row of rows) {
      const range = rangeAt(ranges, row.uid);
      row.flags = withRead(row.flags, range);
      if (range === undefined) continue;
      row.mod_seq = Math.max(row.mod_seq, range.modSeq);
      if (row.read_cn !== undefined) row.read_cn = Math.max(row.read_cn, range.modSeq);
    }
  }

  /** {@link mark} for rows of any folder. */
  *markItems(rows: readonly (Markable & { folder_id: number; associated: number })[]): Work<void> {
    const byFolder = new Map<number, Markable[]>();
    for (const row of rows) {
      if (row.associated === 1) continue;
      const list = byFolder.get(row.folder_id);
      if (list === undefined) byFolder.set(row.folder_id, [row]);
      else list.push(row);
    }
    for (const [folderId, list] of byFolder) yield* this.mark(folderId, list);
  }

  /** {@link markItems} for rows that hold some columns only. */
  *markLight(rows: readonly LightMarkable[]): Work<void> {
    let folderId = -1;
    let ranges = noRanges;
    for (const row of rows) {
      if (row.associated === 1) continue;
      if (row.folderId !== folderId) ranges = yield* this.ranges(folderId = row.folderId);
      const range = rangeAt(ranges, row.uid);
      if (row.flags !== undefined) row.flags = withRead(row.flags, range);
      if (range !== undefined) row.modSeq = Math.max(row.modSeq, range.modSeq);
    }
  }

  *markColumns(folderId: number, columns: MarkColumns): Work<void> {
    if (columns.count === 0) return;
    const ranges = yield* this.ranges(folderId);
    let at = rangeIndex(ranges, columns.uids[0]!);
    for (let row = 0; row < columns.count; row++) {
      const uid = columns.uids[row]!;
      while (at < ranges.length && ranges[at]!.last < uid) at++;
      const range = ranges[at];
      const isIn = range !== undefined && range.first <= uid;
      columns.flags[row]! &= ~messageFlags.seen;
      if (!isIn) continue;
      if (range.isRead) columns.flags[row]! |= messageFlags.seen;
      columns.modSeqs[row] = Math.max(columns.modSeqs[row]!, range.modSeq);
    }
  }

  /** Ranges whose marks changed after `since`: messages in them have, though their rows may not tell. */
  *changedSince(folderId: number, since: number): Work<readonly ReadRange[]> {
    const { cn, ranges } = yield* this.#current(folderId);
    return cn <= since ? noRanges : ranges.filter((range) => range.modSeq > since);
  }

  /** Unread counts as this reader has them. One query for all folders, and one for each that changed. */
  *count(rows: readonly FolderRow[]): Work<void> {
    const marks = rows.length === 1
      ? new Map([[rows[0]!.folder_id, yield* readReaderCn(this.#mailboxId, this.readerId, rows[0]!.folder_id)]])
      : new Map((yield* all<{ folder_id: number; cn: number }>(
        "SELECT folder_id, cn FROM reader_folder WHERE mailbox_id = $1 AND reader_id = $2",
        this.#mailboxId, this.readerId)).map((row) => [row.folder_id, row.cn]));
    for (const row of rows) {
      const cn = marks.get(row.folder_id) ?? 0;
      row.unread_count = cn === 0 || row.message_count === 0 ? row.message_count : yield* this.#countUnread(row, cn);
    }
  }

  *#countUnread(row: FolderRow, cn: number): Work<number> {
    const known = this.#unread.get(row.folder_id);
    if (known?.highestCn === row.highest_cn && known.cn === cn) return known.count;
    const read = (yield* this.ranges(row.folder_id)).filter(({ isRead }) => isRead);
    const width = read.reduce((sum, { first, last }) => sum + Math.max(0, Math.min(last, row.uid_next) - first + 1), 0);
    // What is fewer is counted: what was read, or what lies between.
    const count = read.length === 0 ? row.message_count
      : width * 2 <= row.uid_next ? row.message_count - (yield* this.#countRead(row.folder_id))
        : yield* this.#countBetween(row.folder_id, read[0]!.first);
    this.#unread.set(row.folder_id, { highestCn: row.highest_cn, cn, count });
    return count;
  }

  *#countRead(folderId: number): Work<number> {
    const found = yield* get<{ n: number }>(
      `SELECT COUNT(*) AS n FROM reader_range r JOIN message m
         ON m.mailbox_id = r.mailbox_id AND m.folder_id = r.folder_id AND m.associated = 0
         AND m.uid BETWEEN r.first_uid AND r.last_uid
       WHERE r.mailbox_id = $1 AND r.reader_id = $2 AND r.folder_id = $3 AND r.is_read = 1`,
      this.#mailboxId, this.readerId, folderId);
    return found!.n;
  }

  *#countBetween(folderId: number, firstRead: number): Work<number> {
    const before = yield* get<{ n: number }>(
      "SELECT COUNT(*) AS n FROM message WHERE mailbox_id = $1 AND folder_id = $2 AND associated = 0 AND uid < $3",
      this.#mailboxId, folderId, firstRead);
    const between = yield* get<{ n: number }>(
      `SELECT COUNT(*) AS n FROM (
         SELECT last_uid AS after_uid, LEAD(first_uid, 1, 4294967296) OVER (ORDER BY first_uid) AS before_uid
         FROM reader_range WHERE mailbox_id = $1 AND reader_id = $2 AND folder_id = $3 AND is_read = 1) gap
       JOIN message m ON m.mailbox_id = $1 AND m.folder_id = $3 AND m.associated = 0
         AND m.uid > gap.after_uid AND m.uid < gap.before_uid`,
      this.#mailboxId, this.readerId, folderId);
    return before!.n + between!.n;
  }
}

/** Readers whose marks are remembered; those of the others are read again. */
const readersKeptMax = 1000;

export class Readers {
  readonly #readers = new Map<string, Reader>();

  of(mailboxId: MailboxId, readerId: number): Reader {
    const key = `${mailboxId} ${readerId}`;
    const reader = this.#readers.get(key) ?? new Reader(mailboxId, readerId);
    this.#readers.delete(key);
    this.#readers.set(key, reader);
    if (this.#readers.size > readersKeptMax) this.#readers.delete(this.#readers.keys().next().value!);
    return reader;
  }
}
