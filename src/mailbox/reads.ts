/** Read queries of an opened mailbox, in slices so that the thread that serves sockets is never held long. */
import { decodeMimeIndex, headerRange } from "#format/mime/index-text.ts";
import { yieldToOthers } from "#base/ctx.ts";
import type { Ctx } from "#base/ctx.ts";
import type { ChangeNumber, FolderId, MailboxId, Uid } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import type {
  FlagColumns, FolderChanges, FolderInfo, MessageRow, MessageSortKeys, MessageStructure, MessageSummary, UidRange,
  UidSet,
} from "#mailbox/api.ts";
import { readFolder } from "#mailbox/tx/folders.ts";
import type { FolderRow } from "#mailbox/tx/folders.ts";
import { messageColumns, parseKeywords, toMessageRow, uidMax } from "#mailbox/tx/rows.ts";
import type { MessageRecord } from "#mailbox/tx/rows.ts";
import type { Store } from "#store/api.ts";
import { all } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

/** UIDs read at once: SQLite joins them into one text, a fraction of the cost of rows. */
const uidSliceRows = 10_000;

export async function readUids(
  ctx: Ctx, store: Store, mailboxId: MailboxId, folderId: FolderId, toInfo: (row: FolderRow) => FolderInfo,
): Promise<{ folder: FolderInfo; uids: Uint32Array }> {
  const folder = await store.read(ctx, mailboxId, () => readFolder(mailboxId, folderId));
  let uids = new Uint32Array(folder.message_count);
  let count = 0;
  // The folder's state is older than the list; what changed between shows up as changes since that state.
  for (let last = 0; last < folder.uid_next - 1;) {
    const slice = await store.read(ctx, mailboxId, () => readUidSlice(mailboxId, folderId, last, folder.uid_next - 1));
    if (slice.length === 0) break;
    if (count + slice.length > uids.length) {
      const larger = new Uint32Array(Math.max(count + slice.length, uids.length + (uids.length >> 1)));
      larger.set(uids.subarray(0, count));
      uids = larger;
    }
    for (const uid of slice) uids[count++] = uid;
    last = slice.at(-1)!;
    if (slice.length === uidSliceRows) await yieldToOthers();
    else break;
  }
  return { folder: toInfo(folder), uids: count === uids.length ? uids : uids.slice(0, count) };
}

function* readUidSlice(mailboxId: number, folderId: number, after: number, last: number): Work<number[]> {
  const rows = yield* all<{ list: string | null }>(
    `SELECT string_agg(CAST(uid AS TEXT), ',') AS list FROM (
       SELECT uid FROM message WHERE mailbox_id = $1 AND folder_id = $2 AND associated = 0 AND uid > $3 AND uid <= $4
       ORDER BY uid LIMIT $5) AS slice`, mailboxId, folderId, after, last, uidSliceRows);
  const list = rows[0]!.list;
  return list === null || list === "" ? [] : list.split(",").map(Number);
}

export interface ScanColumns {
  readonly columns: string;
  readonly joins: string;
  readonly sliceRows?: number;
}

/** Neighbouring ranges of a set read in one query: at most this many, so that the text stays a known one. */
const rangesPerSlice = 200;

/** Rows of a set in UID order, slice by slice. `R` has at least `uid`. */
export async function* scanFolder<R extends { uid: number }>(
  ctx: Ctx, store: Store, mailboxId: MailboxId, folderId: FolderId, uids: UidSet, what: ScanColumns,
): AsyncGenerator<R[]> {
  const sliceRows = what.sliceRows ?? limits.sliceRows;
  const text = `SELECT ${what.columns} FROM message m ${what.joins}
    WHERE m.mailbox_id = $1 AND m.folder_id = $2 AND m.associated = 0 AND m.uid BETWEEN $3 AND $4
    ORDER BY m.uid LIMIT $5`;
  const ranges: readonly UidRange[] = uids === "all" ? [{ first: 1, last: uidMax }] : uids;
  let position = 0;
  let first = ranges[0]?.first ?? 0;
  while (position < ranges.length) {
    const slice = await store.read(ctx, mailboxId, function* (): Work<R[]> {
      const found: R[] = [];
      for (let tried = 0; position < ranges.length && tried < rangesPerSlice && found.length < sliceRows; tried++) {
        const range = ranges[position]!;
        const wanted = sliceRows - found.length;
        const rows = yield* all<R>(text, mailboxId, folderId, first, range.last, wanted);
        for (const row of rows) found.push(row);
        if (rows.length === wanted && rows.at(-1)!.uid < range.last) {
          first = rows.at(-1)!.uid + 1;
        } else {
          position++;
          first = ranges[position]?.first ?? 0;
        }
      }
      return found;
    });
    if (slice.length > 0) yield slice;
    if (position < ranges.length) await yieldToOthers();
  }
}

/** Rows of a flag list read at once. */
const flagSliceRows = 2000;

/** See `Mailbox.flags`. The rows of a range come joined into one text, as UIDs do. */
export async function* scanFlags(
  ctx: Ctx, store: Store, mailboxId: MailboxId, folderId: FolderId, uids: UidSet,
): AsyncGenerator<FlagColumns> {
  const ranges: readonly UidRange[] = uids === "all" ? [{ first: 1, last: uidMax }] : uids;
  let position = 0;
  let first = ranges[0]?.first ?? 0;
  while (position < ranges.length) {
    const columns = await store.read(ctx, mailboxId, function* (): Work<FlagSlice> {
      const slice = new FlagSlice();
      for (let tried = 0; position < ranges.length && tried < rangesPerSlice && slice.count < flagSliceRows; tried++) {
        const range = ranges[position]!;
        const wanted = flagSliceRows - slice.count;
        const before = slice.count;
        const rows = yield* all<{ list: string | null }>(flagsText, mailboxId, folderId, first, range.last, wanted);
        slice.add(rows[0]!.list);
        const lastUid = slice.count === before ? 0 : slice.uids[slice.count - 1]!;
        if (slice.count - before === wanted && lastUid < range.last) {
          first = lastUid + 1;
        } else {
          position++;
          first = ranges[position]?.first ?? 0;
        }
      }
      return slice;
    });
    if (columns.count > 0) yield columns;
    if (position < ranges.length) await yieldToOthers();
  }
}

const flagsText = `SELECT string_agg(line, '\n') AS list FROM (
   SELECT CAST(uid AS TEXT) || ' ' || CAST(flags AS TEXT) || ' ' || CAST(mod_seq AS TEXT) ||
     coalesce(' ' || keywords, '') AS line
   FROM message WHERE mailbox_id = $1 AND folder_id = $2 AND associated = 0 AND uid BETWEEN $3 AND $4
   ORDER BY uid LIMIT $5) AS slice`;

class FlagSlice implements FlagColumns {
  count = 0;
  readonly uids = new Uint32Array(flagSliceRows);
  readonly flags = new Uint8Array(flagSliceRows);
  readonly modSeqs = new Float64Array(flagSliceRows);
  readonly keywords = new Map<number, readonly string[]>();

  /** Lines of `uid flags modSeq` and, maybe, the keywords as JSON, which holds no line end. */
  add(list: string | null): void {
    if (list === null) return;
    let value = 0;
    let field = 0;
    for (let at = 0; at <= list.length; at++) {
      const code = at === list.length ? 0x0a : list.charCodeAt(at);
      if (code >= 0x30 && code <= 0x39) {
        value = value * 10 + code - 0x30;
        continue;
      }
      if (field === 0) this.uids[this.count] = value;
      else if (field === 1) this.flags[this.count] = value;
      else this.modSeqs[this.count] = value;
      value = 0;
      field++;
      if (field === 3 && code === 0x20) {
        const feed = list.indexOf("\n", at);
        const end = feed < 0 ? list.length : feed;
        this.keywords.set(this.count, parseKeywords(list.slice(at + 1, end)));
        at = end;
      }
      if (field < 3) continue;
      field = 0;
      this.count++;
    }
  }
}

/** See `Mailbox.changes`. The state told is the one of the first look: what comes later is told next time again. */
export async function readChanges(
  ctx: Ctx, store: Store, mailboxId: MailboxId, folderId: FolderId, since: ChangeNumber,
  withBytes: (rows: MessageRecord[]) => Promise<MessageRecord[]> = (rows) => Promise.resolve(rows),
): Promise<FolderChanges> {
  const { folder, vanished } = await store.read(ctx, mailboxId, function* () {
    const state = yield* readFolder(mailboxId, folderId);
    if (state.highest_cn <= since) return { folder: state, vanished: [] };
    const gone = yield* all<{ uid: number }>(
      `SELECT uid FROM tombstone WHERE mailbox_id = $1 AND folder_id = $2 AND kind IN (1, 4) AND cn > $3 ORDER BY uid`,
      mailboxId, folderId, since);
    return { folder: state, vanished: gone };
  });
  const changed: MessageRow[] = [];
  let afterSeq: number = since;
  let afterUid = uidMax;
  while (folder.highest_cn > since) {
    const rows = await store.read(ctx, mailboxId, () => all<MessageRecord>(
      `SELECT ${messageColumns} FROM message m
       WHERE m.mailbox_id = $1 AND m.folder_id = $2 AND m.associated = 0
         AND (m.mod_seq > $3 OR (m.mod_seq = $3 AND m.uid > $4))
       ORDER BY m.mod_seq, m.uid LIMIT $5`, mailboxId, folderId, afterSeq, afterUid, limits.sliceRows));
    for (const row of await withBytes(rows)) changed.push(toMessageRow(row));
    if (rows.length < limits.sliceRows) break;
    afterSeq = rows.at(-1)!.mod_seq;
    afterUid = rows.at(-1)!.uid;
    await yieldToOthers();
  }
  changed.sort((left, right) => left.uid - right.uid);
  return {
    cn: Math.max(1, folder.highest_cn) as ChangeNumber, uidNext: folder.uid_next, changed,
    vanished: Uint32Array.from(vanished, (row) => row.uid),
  };
}

export const summaryColumns = `d.message_class, d.subject, d.from_name, d.from_address, d.sent_ms, d.message_id_header,
  d.has_attachments, d.preview`;

export interface SummaryRecord extends MessageRecord {
  message_class: string;
  subject: string;
  from_name: string;
  from_address: string;
  sent_ms: number | null;
  message_id_header: string;
  has_attachments: number;
  preview: string;
}

export function toSummary(record: SummaryRecord): MessageSummary {
  return {
    ...toMessageRow(record), messageClass: record.message_class, subject: record.subject, fromName: record.from_name,
    fromAddress: record.from_address, sentMs: record.sent_ms, messageIdHeader: record.message_id_header,
    hasAttachments: record.has_attachments === 1, preview: record.preview,
  };
}

export interface StructureRecord extends MessageRecord {
  mime_index: string | null;
}

export function toStructure(record: StructureRecord): MessageStructure {
  return { ...toMessageRow(record), index: decodeMimeIndex(record.mime_index!) };
}

export const sortColumns = "m.item_id, m.uid, m.size_bytes, m.internal_ms, m.content_id, d.subject, d.sent_ms";

export type SortRecord = Pick<MessageRecord, "item_id" | "uid" | "size_bytes" | "internal_ms" | "content_id"> &
  Pick<SummaryRecord, "subject" | "sent_ms">;

export function toSortKeys(record: SortRecord): MessageSortKeys {
  return {
    uid: record.uid as Uid, subject: record.subject, sentMs: record.sent_ms, internalMs: record.internal_ms,
    sizeBytes: record.size_bytes,
  };
}

/** Header sections up to this size come with their rows; a longer one is read alone. */
export const headerPrefixBytes = 8192;

/** The beginning of the index holds the size and the place of the header, see `format/mime/index-text.ts`. */
export const headerColumns = `substr(x.mime_index, 1, 80) AS index_start, c.hash,
  substr(c.bytes, 1, ${headerPrefixBytes}) AS first_bytes`;

export interface HeaderRecord extends MessageRecord {
  index_start: string | null;
  hash: string | null;
  first_bytes: Uint8Array | null;
}

/** The header section where the row holds it whole. */
export function headerOf(record: HeaderRecord): Uint8Array | undefined {
  const { index_start: start, first_bytes: bytes } = record;
  if (start === null || bytes === null) return undefined;
  const range = headerRange(start);
  return range === undefined || range.end > bytes.length ? undefined : bytes.subarray(range.start, range.end);
}
