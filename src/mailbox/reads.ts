/** Read queries of an opened mailbox, in slices so that the thread that serves sockets is never held long. */
import { decodeMimeIndex } from "#format/mime/index-text.ts";
import type { UidLists } from "#mailbox/uid-lists.ts";
import { yieldToOthers } from "#base/ctx.ts";
import type { Ctx } from "#base/ctx.ts";
import type { ChangeNumber, FolderId, MailboxId, Uid } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import type {
  FlagColumns, FolderChanges, FolderInfo, MessageRow, MessageStructure, MessageSubject, MessageSummary, UidRange,
  UidSet,
} from "#mailbox/api.ts";
import type { Renderable } from "#mailbox/items/render.ts";
import type { Markable, Reader } from "#mailbox/readers/reader.ts";
import { readFolder } from "#mailbox/tx/folders.ts";
import type { FolderRow } from "#mailbox/tx/folders.ts";
import { messageColumns, parseKeywords, toMessageRow, uidMax } from "#mailbox/tx/rows.ts";
import type { MessageRecord } from "#mailbox/tx/rows.ts";
import type { Store } from "#store/api.ts";
import { all, get } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

/** UIDs read at once: SQLite joins them into one text, a fraction of the cost of rows. */
const uidSliceRows = 10_000;
/** UIDs that are only counted at once: where none is missing they need not be read. */
const uidRunMax = 20_000;

/** The UIDs of a folder as of its state: what changes meanwhile shows up as changes since that state. */
export async function readUids(
  ctx: Ctx, store: Store, mailboxId: MailboxId, folderId: FolderId, toInfo: (row: FolderRow) => FolderInfo,
  lists: UidLists, reader: Reader | null = null,
): Promise<{ folder: FolderInfo; uids: Uint32Array }> {
  // One snapshot: a message that came and went between two would make up for an old one that went before.
  const { folder, known, come } = await store.read(ctx, mailboxId, function* () {
    const row = yield* readFolderFor(mailboxId, folderId, reader);
    const list = lists.of(mailboxId, row);
    const isNear = list !== undefined && row.message_count >= list.uids.length &&
      row.uid_next > list.uidNext && row.uid_next - list.uidNext <= uidSliceRows;
    if (!isNear) return { folder: row, known: list, come: undefined };
    const found = yield* readUidSlice(mailboxId, folderId, list.uidNext - 1, row.uid_next - 1);
    return { folder: row, known: list, come: found };
  });
  if (known?.uidNext === folder.uid_next && known.uids.length === folder.message_count) {
    return { folder: toInfo(folder), uids: known.uids };
  }
  let uids: Uint32Array | undefined;
  // As many more as there are new ones: none of the old ones went.
  if (known !== undefined && come !== undefined && known.uids.length + come.length === folder.message_count) {
    uids = new Uint32Array(folder.message_count);
    uids.set(known.uids);
    uids.set(come, known.uids.length);
  }
  uids ??= await readUidsFrom(ctx, store, mailboxId, folderId, 1, folder);
  if (uids.length === folder.message_count) lists.keep(mailboxId, folder, uids);
  return { folder: toInfo(folder), uids };
}

/** UIDs of the state `folder` from `first` on. */
async function readUidsFrom(
  ctx: Ctx, store: Store, mailboxId: MailboxId, folderId: FolderId, first: number, folder: FolderRow,
): Promise<Uint32Array> {
  let uids = new Uint32Array(Math.min(folder.message_count, folder.uid_next - first));
  let count = 0;
  const room = (more: number): void => {
    if (count + more <= uids.length) return;
    const larger = new Uint32Array(Math.max(count + more, uids.length + (uids.length >> 1)));
    larger.set(uids.subarray(0, count));
    uids = larger;
  };
  for (let next = first; next < folder.uid_next;) {
    const last = Math.min(next + uidRunMax, folder.uid_next) - 1;
    const from = next;
    const found = await store.read(ctx, mailboxId,
      () => readUidRun(mailboxId, folderId, from, last, folder.uid_next - 1));
    if (found === "all") {
      room(last - next + 1);
      for (; next <= last; next++) uids[count++] = next;
    } else {
      if (found.length === 0) break;
      room(found.length);
      for (const uid of found) uids[count++] = uid;
      next = found.at(-1)! + 1;
    }
    await yieldToOthers();
  }
  return count === uids.length ? uids : uids.slice(0, count);
}

/** "all" when every UID of the range is a message; else the UIDs from `first` on, some of them. */
function* readUidRun(
  mailboxId: number, folderId: number, first: number, last: number, newest: number,
): Work<number[] | "all"> {
  const counted = yield* all<{ n: number }>(
    `SELECT COUNT(*) AS n FROM message
     WHERE mailbox_id = $1 AND folder_id = $2 AND associated = 0 AND uid BETWEEN $3 AND $4`,
    mailboxId, folderId, first, last);
  return counted[0]!.n === last - first + 1 ? "all" : yield* readUidSlice(mailboxId, folderId, first - 1, newest);
}

/** Folders with the unread counts of whoever looks. */
export function* countedFor(reader: Reader | null, read: Work<FolderRow[]>): Work<FolderRow[]> {
  const rows = yield* read;
  if (reader !== null) yield* reader.count(rows);
  return rows;
}

/** A folder with the unread count of whoever looks. */
export function* readFolderFor(mailboxId: MailboxId, folderId: FolderId, reader: Reader | null): Work<FolderRow> {
  const row = yield* readFolder(mailboxId, folderId);
  if (reader !== null) yield* reader.count([row]);
  return row;
}

function* readUidSlice(mailboxId: number, folderId: number, after: number, last: number): Work<number[]> {
  const rows = yield* all<{ list: string | null }>(
    `SELECT string_agg(CAST(uid AS TEXT), ',') AS list FROM (
       SELECT uid FROM message WHERE mailbox_id = $1 AND folder_id = $2 AND associated = 0 AND uid > $3 AND uid <= $4
       ORDER BY uid LIMIT $5) AS slice`, mailboxId, folderId, after, last, uidSliceRows);
  const list = rows[0]!.list;
  return list === null ? [] : numbersIn(list);
}

/** Numbers parted by commas, without a string for each. */
function numbersIn(list: string): number[] {
  const numbers: number[] = [];
  let value = 0;
  for (let at = 0; at < list.length; at++) {
    const code = list.charCodeAt(at);
    if (code === 0x2c) {
      numbers.push(value);
      value = 0;
    } else {
      value = value * 10 + code - 0x30;
    }
  }
  if (list !== "") numbers.push(value);
  return numbers;
}

export interface ScanColumns<R> {
  readonly columns: string;
  readonly joins: string;
  readonly sliceRows?: number;
  /** Puts the read marks of whoever looks into the rows, where they are not the messages' own. */
  readonly mark?: ((rows: R[]) => Work<void>) | undefined;
}

/** Neighbouring ranges of a set read in one query: at most this many, so that the text stays a known one. */
export const rangesPerSlice = 100;

/** Rows of a set in UID order, slice by slice. `R` has at least `uid`. */
export async function* scanFolder<R extends { uid: number }>(
  ctx: Ctx, store: Store, mailboxId: MailboxId, folderId: FolderId, uids: UidSet, what: ScanColumns<R>,
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
      if (what.mark !== undefined) yield* what.mark(found);
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
  ctx: Ctx, store: Store, mailboxId: MailboxId, folderId: FolderId, uids: UidSet, reader: Reader | null = null,
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
      if (reader !== null) yield* reader.markColumns(folderId, slice);
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

/** Messages changed in one transaction by a change of flags; more go in several, so that no commit grows too long. */
const changedRowsMax = 2000;

/** Splits a large set into ranges of bounded size. */
export async function* flagSlices(
  ctx: Ctx, store: Store, mailboxId: MailboxId, folderId: FolderId, uids: UidSet,
): AsyncGenerator<UidSet> {
  const wanted = uids === "all" ? [{ first: 1, last: uidMax }] : uids;
  const span = wanted.reduce((sum, range) => sum + Math.max(0, range.last - range.first + 1), 0);
  if (span <= changedRowsMax) {
    yield uids;
    return;
  }
  // Small ranges go together: each slice is a commit.
  let small: UidRange[] = [];
  let room = changedRowsMax;
  for (const range of wanted) {
    const width = range.last - range.first + 1;
    if (width > room) {
      if (small.length > 0) yield small;
      [small, room] = [[], changedRowsMax];
    }
    if (width <= room) {
      small.push(range);
      room -= width;
      continue;
    }
    for (let first = range.first; first <= range.last;) {
      const edge = await store.read(ctx, mailboxId, () => get<{ uid: number }>(
        `SELECT uid FROM message WHERE mailbox_id = $1 AND folder_id = $2 AND associated = 0 AND uid BETWEEN $3 AND $4
         ORDER BY uid LIMIT 1 OFFSET $5`, mailboxId, folderId, first, range.last, changedRowsMax - 1));
      const last = edge?.uid ?? range.last;
      yield [{ first, last }];
      first = last + 1;
      await yieldToOthers();
    }
  }
  if (small.length > 0) yield small;
}

/** Rows with the reader's marks; `last` hears of the last row as it stands. */
function* markedFor<R extends Markable>(
  reader: Reader | null, folderId: FolderId, rows: Work<R[]>, last: (row: R) => void,
): Work<R[]> {
  const found = yield* rows;
  const end = found.at(-1);
  if (end !== undefined) last(end);
  if (reader !== null) yield* reader.mark(folderId, found);
  return found;
}

/** Messages of which nothing changed but what this reader has read. */
async function addMarked(
  ctx: Ctx, store: Store, mailboxId: MailboxId, folderId: FolderId, since: ChangeNumber,
  { reader, withBytes, changed }: {
    reader: Reader; withBytes: (rows: MessageRecord[]) => Promise<MessageRecord[]>; changed: MessageRow[];
  },
): Promise<void> {
  const ranges = await store.read(ctx, mailboxId, () => reader.changedSince(folderId, since));
  if (ranges.length === 0) return;
  const told = new Set<number>(changed.map(({ uid }) => uid));
  const columns = {
    columns: messageColumns, joins: "", mark: (rows: MessageRecord[]) => reader.mark(folderId, rows),
  };
  for await (const slice of scanFolder<MessageRecord>(ctx, store, mailboxId, folderId, ranges, columns)) {
    const rows = slice.filter((row) => row.mod_seq > since && !told.has(row.uid));
    for (const row of await withBytes(rows)) changed.push(toMessageRow(row));
  }
}

/** See `Mailbox.changes`. The state told is the one of the first look: what comes later is told next time again. */
export async function readChanges(
  ctx: Ctx, store: Store, mailboxId: MailboxId, folderId: FolderId, since: ChangeNumber,
  withBytes: (rows: MessageRecord[]) => Promise<MessageRecord[]> = (rows) => Promise.resolve(rows),
  reader: Reader | null = null,
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
    const rows = await store.read(ctx, mailboxId, () => markedFor(reader, folderId, all<MessageRecord>(
      `SELECT ${messageColumns} FROM message m
       WHERE m.mailbox_id = $1 AND m.folder_id = $2 AND m.associated = 0
         AND (m.mod_seq > $3 OR (m.mod_seq = $3 AND m.uid > $4))
       ORDER BY m.mod_seq, m.uid LIMIT $5`, mailboxId, folderId, afterSeq, afterUid, limits.sliceRows), (row) => {
      // The row's own number, before the reader's is told: rows come in that order.
      afterSeq = row.mod_seq;
      afterUid = row.uid;
    }));
    for (const row of await withBytes(rows)) changed.push(toMessageRow(row));
    if (rows.length < limits.sliceRows) break;
    await yieldToOthers();
  }
  if (reader !== null && folder.highest_cn > since) {
    await addMarked(ctx, store, mailboxId, folderId, since, { reader, withBytes, changed });
  }
  changed.sort((left, right) => left.uid - right.uid);
  return {
    cn: Math.max(1, folder.highest_cn) as ChangeNumber, uidNext: folder.uid_next, changed,
    vanished: Uint32Array.from(vanished, (row) => row.uid),
  };
}

/** A folder and whoever looks at it. */
export interface FolderSource {
  readonly store: Store;
  readonly mailboxId: MailboxId;
  readonly folderId: FolderId;
  /** Read marks, where they are not the messages' own. */
  readonly mark: ((rows: Markable[]) => Work<void>) | undefined;
  /** Gives messages bytes; those that are gone meanwhile are left out. */
  withBytes<R extends Renderable>(rows: R[]): Promise<R[]>;
}

function scan<R extends MessageRecord>(
  ctx: Ctx, { store, mailboxId, folderId, mark }: FolderSource, uids: UidSet, what: Omit<ScanColumns<R>, "mark">,
): AsyncGenerator<R[]> {
  return scanFolder<R>(ctx, store, mailboxId, folderId, uids, { ...what, mark });
}

/** See `Mailbox.rows`. */
export async function* readRows(ctx: Ctx, from: FolderSource, uids: UidSet): AsyncGenerator<MessageRow[]> {
  const slices = scan<MessageRecord>(ctx, from, uids, { columns: messageColumns, joins: "" });
  for await (const slice of slices) yield (await from.withBytes(slice)).map(toMessageRow);
}

interface SummaryRecord extends MessageRecord {
  message_class: string;
  subject: string;
  from_name: string;
  from_address: string;
  sent_ms: number | null;
  message_id_header: string;
  has_attachments: number;
  preview: string;
}

function toSummary(record: SummaryRecord): MessageSummary {
  return {
    ...toMessageRow(record), messageClass: record.message_class, subject: record.subject, fromName: record.from_name,
    fromAddress: record.from_address, sentMs: record.sent_ms, messageIdHeader: record.message_id_header,
    hasAttachments: record.has_attachments === 1, preview: record.preview,
  };
}

/** See `Mailbox.summaries`. */
export async function* readSummaries(ctx: Ctx, from: FolderSource, uids: UidSet): AsyncGenerator<MessageSummary[]> {
  const slices = scan<SummaryRecord>(ctx, from, uids, {
    columns: `${messageColumns}, d.message_class, d.subject, d.from_name, d.from_address, d.sent_ms,
      d.message_id_header, d.has_attachments, d.preview`,
    joins: "JOIN message_detail d ON d.mailbox_id = m.mailbox_id AND d.item_id = m.item_id",
  });
  for await (const slice of slices) yield (await from.withBytes(slice)).map(toSummary);
}

interface StructureRecord extends MessageRecord {
  mime_index: string | null;
}

/** See `Mailbox.structures`. */
export async function* readStructures(
  ctx: Ctx, from: FolderSource, uids: UidSet,
): AsyncGenerator<MessageStructure[]> {
  const slices = scan<StructureRecord>(ctx, from, uids, {
    columns: `${messageColumns}, x.mime_index`, sliceRows: 100,
    joins: "LEFT JOIN mime x ON x.mailbox_id = m.mailbox_id AND x.content_id = m.content_id",
  });
  for await (const slice of slices) {
    const found: MessageStructure[] = [];
    for (const record of await from.withBytes(slice)) {
      const text = record.mime_index ?? await readStructureOf(ctx, from, record.content_id);
      if (text !== null) found.push({ ...toMessageRow(record), index: decodeMimeIndex(text) });
    }
    yield found;
  }
}

/** Of a message that has just been rendered; null when it is gone again. */
async function readStructureOf(
  ctx: Ctx, { store, mailboxId }: FolderSource, contentId: number | null,
): Promise<string | null> {
  const found = await store.read(ctx, mailboxId, () => get<{ mime_index: string }>(
    "SELECT mime_index FROM mime WHERE mailbox_id = $1 AND content_id = $2", mailboxId, contentId));
  return found?.mime_index ?? null;
}

/** Subjects read at once. */
const subjectSliceRows = 3000;

/** Subjects of one range from `first` on, joined into one text as UIDs are; another line end in one is a space. */
function* readSubjects(
  mailboxId: number, folderId: number, { first, last }: UidRange, rowsMax: number,
): Work<MessageSubject[]> {
  const rows = yield* all<{ list: string | null }>(
    `SELECT string_agg(line, '\n') AS list FROM (
       SELECT CAST(m.uid AS TEXT) || ' ' || replace(d.subject, '\n', ' ') AS line
       FROM message m JOIN message_detail d ON d.mailbox_id = m.mailbox_id AND d.item_id = m.item_id
       WHERE m.mailbox_id = $1 AND m.folder_id = $2 AND m.associated = 0 AND m.uid BETWEEN $3 AND $4
       ORDER BY m.uid LIMIT $5) AS slice`, mailboxId, folderId, first, last, rowsMax);
  const list = rows[0]!.list ?? "";
  if (list === "") return [];
  return list.split("\n").map((line) => {
    const end = line.indexOf(" ");
    return { uid: Number(line.slice(0, end)) as Uid, subject: line.slice(end + 1) };
  });
}

/** See `Mailbox.subjects`. */
export async function* scanSubjects(
  ctx: Ctx, store: Store, mailboxId: MailboxId, folderId: FolderId, uids: UidSet,
): AsyncGenerator<MessageSubject[]> {
  const ranges: readonly UidRange[] = uids === "all" ? [{ first: 1, last: uidMax }] : uids;
  let position = 0;
  let first = ranges[0]?.first ?? 0;
  while (position < ranges.length) {
    const subjects = await store.read(ctx, mailboxId, function* (): Work<MessageSubject[]> {
      const found: MessageSubject[] = [];
      for (let tried = 0; position < ranges.length && tried < rangesPerSlice && found.length < subjectSliceRows;
        tried++) {
        const { last } = ranges[position]!;
        const wanted = subjectSliceRows - found.length;
        const some = yield* readSubjects(mailboxId, folderId, { first, last }, wanted);
        for (const subject of some) found.push(subject);
        if (some.length === wanted && some.at(-1)!.uid < last) first = some.at(-1)!.uid + 1;
        else first = ranges[++position]?.first ?? 0;
      }
      return found;
    });
    if (subjects.length > 0) yield subjects;
    if (position < ranges.length) await yieldToOthers();
  }
}
