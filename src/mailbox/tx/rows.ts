/** Reading message rows: the one place that spells their columns. */
import type { ChangeNumber, ContentId, MessageId, Uid } from "#base/ids.ts";
import type { MessageRow, UidRange, UidSet } from "#mailbox/api.ts";
import { all } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

export interface MessageRecord {
  item_id: number;
  message_id: number;
  uid: number;
  flags: number;
  keywords: string | null;
  mod_seq: number;
  size_bytes: number;
  internal_ms: number;
  saved_ms: number;
  content_id: number | null;
}

export const messageColumns =
  "m.item_id, m.message_id, m.uid, m.flags, m.keywords, m.mod_seq, m.size_bytes, m.internal_ms, m.saved_ms, " +
  "m.content_id";

const noKeywords: readonly string[] = [];

export function parseKeywords(text: string | null): readonly string[] {
  return text === null ? noKeywords : JSON.parse(text) as string[];
}

export function toMessageRow(record: MessageRecord): MessageRow {
  return {
    messageId: record.message_id as MessageId,
    uid: record.uid as Uid,
    flags: record.flags,
    keywords: parseKeywords(record.keywords),
    modSeq: record.mod_seq as ChangeNumber,
    sizeBytes: record.size_bytes,
    internalMs: record.internal_ms,
    savedMs: record.saved_ms,
    contentId: (record.content_id ?? 0) as ContentId,
  };
}

/** Visible messages with UIDs in one range and all the marks of `flags`, in UID order, at most `limitRows`. */
export function* readRange(
  mailboxId: number, folderId: number, first: number, last: number, limitRows: number, flags = 0,
): Work<MessageRecord[]> {
  return yield* all<MessageRecord>(
    `SELECT ${messageColumns} FROM message m
     WHERE m.mailbox_id = $1 AND m.folder_id = $2 AND m.associated = 0 AND m.uid BETWEEN $3 AND $4
       AND m.flags & $6 = $6
     ORDER BY m.uid LIMIT $5`, mailboxId, folderId, first, last, limitRows, flags);
}

export const uidMax = 0xffff_ffff;

/** All messages of a set; for procedures that need them whole. */
export function* readSet(mailboxId: number, folderId: number, uids: UidSet): Work<MessageRecord[]> {
  if (uids === "all") return yield* readRange(mailboxId, folderId, 1, uidMax, Number.MAX_SAFE_INTEGER);
  const found: MessageRecord[] = [];
  for (const range of uids) {
    // Not a spread: a range may hold more rows than a call takes arguments.
    for (const record of yield* readRange(mailboxId, folderId, range.first, range.last, Number.MAX_SAFE_INTEGER)) {
      found.push(record);
    }
  }
  return found;
}

/** Rows a procedure works on at once. */
const setSliceRows = 2000;

/**
 * The messages of a set in slices, for procedures: what they do takes memory for a slice, whatever the set. Messages
 * that come into the folder meanwhile, by the procedure itself, are not among them.
 */
export class SetReader {
  readonly #mailboxId: number;
  readonly #folderId: number;
  readonly #ranges: readonly UidRange[];
  readonly #last: number;
  readonly #flags: number;
  #position = 0;
  #first: number;

  /** With `flags` only messages that have all these marks. */
  constructor(
    mailboxId: number, folder: { readonly folder_id: number; readonly uid_next: number }, uids: UidSet, flags = 0,
  ) {
    this.#flags = flags;
    this.#mailboxId = mailboxId;
    this.#folderId = folder.folder_id;
    this.#last = folder.uid_next - 1;
    this.#ranges = uids === "all" ? [{ first: 1, last: uidMax }] : uids;
    this.#first = this.#ranges[0]?.first ?? 0;
  }

  /** The next rows in UID order; none at the end. */
  *next(): Work<MessageRecord[]> {
    const found: MessageRecord[] = [];
    while (this.#position < this.#ranges.length && found.length < setSliceRows) {
      const last = Math.min(this.#ranges[this.#position]!.last, this.#last);
      const wanted = setSliceRows - found.length;
      const rows = this.#first > last ? []
        : yield* readRange(this.#mailboxId, this.#folderId, this.#first, last, wanted, this.#flags);
      for (const row of rows) found.push(row);
      if (rows.length === wanted) {
        this.#first = rows.at(-1)!.uid + 1;
      } else {
        this.#position++;
        this.#first = this.#ranges[this.#position]?.first ?? 0;
      }
    }
    return found;
  }
}
