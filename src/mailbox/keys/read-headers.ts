/** Header fields of a folder's messages: those kept for lists, else the header sections out of the bytes. */
import type { Ctx } from "#base/ctx.ts";
import type { ContentId } from "#base/ids.ts";
import { decodeMimeIndex, headerRange } from "#format/mime/index-text.ts";
import type { MessageHeader, UidSet } from "#mailbox/api.ts";
import { openContent } from "#mailbox/content.ts";
import { areListed, listedFieldsOf } from "#mailbox/keys/content-keys.ts";
import { scanFolder } from "#mailbox/reads.ts";
import type { FolderSource } from "#mailbox/reads.ts";
import { keepFields } from "#mailbox/tx/keys.ts";
import { messageColumns, toMessageRow } from "#mailbox/tx/rows.ts";
import type { MessageRecord } from "#mailbox/tx/rows.ts";
import { get } from "#store/sql.ts";

/** Header sections up to this size come with their rows; a longer one is read alone. */
const headerPrefixBytes = 8192;

/** The beginning of the index holds the size and the place of the header, see `format/mime/index-text.ts`. */
const headerColumns = `substr(x.mime_index, 1, 80) AS index_start, c.hash,
  substr(c.bytes, 1, ${headerPrefixBytes}) AS first_bytes`;

interface HeaderRecord extends MessageRecord {
  index_start: string | null;
  hash: string | null;
  first_bytes: Uint8Array | null;
}

/** See `Mailbox.headers`. */
export function readHeaders(
  ctx: Ctx, from: FolderSource, uids: UidSet, names: readonly string[] | undefined,
): AsyncGenerator<MessageHeader[]> {
  return names !== undefined && areListed(names) ? readListedFields(ctx, from, uids) : readSections(ctx, from, uids);
}

/** Whole header sections. */
async function* readSections(ctx: Ctx, from: FolderSource, uids: UidSet): AsyncGenerator<MessageHeader[]> {
  const { store, mailboxId, folderId, mark, withBytes } = from;
  const columns = {
    columns: `${messageColumns}, ${headerColumns}`, sliceRows: 200,
    joins: `LEFT JOIN mime x ON x.mailbox_id = m.mailbox_id AND x.content_id = m.content_id
      LEFT JOIN content c ON c.mailbox_id = m.mailbox_id AND c.content_id = m.content_id`,
    mark,
  };
  for await (const slice of scanFolder<HeaderRecord>(ctx, store, mailboxId, folderId, uids, columns)) {
    const found: MessageHeader[] = [];
    for (const record of await withBytes(slice)) {
      const header = headerOf(record) ?? await readHeader(ctx, from, record.content_id);
      if (header !== undefined) found.push({ ...toMessageRow(record), header });
    }
    yield found;
  }
}

/** The header section where the row holds it whole. */
function headerOf({ index_start: start, first_bytes: bytes }: HeaderRecord): Uint8Array | undefined {
  if (start === null || bytes === null) return undefined;
  const range = headerRange(start);
  return range === undefined || range.end > bytes.length ? undefined : bytes.subarray(range.start, range.end);
}

/** Of a message whose header its row does not hold whole; undefined when it is gone again. */
async function readHeader(
  ctx: Ctx, { store, mailboxId }: FolderSource, contentId: number | null,
): Promise<Uint8Array | undefined> {
  const found = await store.read(ctx, mailboxId, () => get<{ mime_index: string }>(
    "SELECT mime_index FROM mime WHERE mailbox_id = $1 AND content_id = $2", mailboxId, contentId));
  if (found === undefined) return undefined;
  const { headerStart, headerSizeBytes } = decodeMimeIndex(found.mime_index);
  const content = await openContent(ctx, store, mailboxId, contentId as ContentId);
  return await content.read(headerStart, headerSizeBytes - headerStart);
}

interface FieldsRecord extends MessageRecord {
  fields: string | null;
  /** null: nobody looked yet what there is to keep. */
  fields_of: number | null;
}

/** Older messages met at once from this many on have their fields kept: for a few it is not worth a commit. */
const keptFrom = 50;
const fieldsSliceRows = 500;

/** The fields that are kept for lists; of messages that have none kept, the header section. */
async function* readListedFields(ctx: Ctx, from: FolderSource, uids: UidSet): AsyncGenerator<MessageHeader[]> {
  const { store, mailboxId, folderId, mark } = from;
  const columns = {
    columns: `${messageColumns}, f.fields, f.content_id AS fields_of`, sliceRows: fieldsSliceRows,
    joins: "LEFT JOIN content_fields f ON f.mailbox_id = m.mailbox_id AND f.content_id = m.content_id", mark,
  };
  for await (const slice of scanFolder<FieldsRecord>(ctx, store, mailboxId, folderId, uids, columns)) {
    const whole = await readMissing(ctx, from, slice);
    const found: MessageHeader[] = [];
    for (const record of slice) {
      if (record.fields !== null) found.push({ ...toMessageRow(record), header: record.fields });
      else if (whole.has(record.uid)) found.push(whole.get(record.uid)!);
    }
    yield found;
  }
}

const none: ReadonlyMap<number, MessageHeader> = new Map();

/** Of those without kept fields, by UID; what is found is kept where nobody looked before. */
async function readMissing(
  ctx: Ctx, from: FolderSource, slice: readonly FieldsRecord[],
): Promise<ReadonlyMap<number, MessageHeader>> {
  const ranges: { first: number; last: number }[] = [];
  const unseen = new Set<number>();
  let isNext = false;
  for (const { uid, fields, fields_of: seen } of slice) {
    if (fields === null && isNext) ranges.at(-1)!.last = uid;
    else if (fields === null) ranges.push({ first: uid, last: uid });
    isNext = fields === null;
    if (seen === null) unseen.add(uid);
  }
  if (ranges.length === 0) return none;
  const found = new Map<number, MessageHeader>();
  const made = new Map<number, string | null>();
  for await (const rows of readSections(ctx, from, ranges)) {
    for (const row of rows) {
      found.set(row.uid, row);
      if (unseen.has(row.uid)) made.set(row.contentId, listedFieldsOf(row.header as Uint8Array));
    }
  }
  if (made.size >= keptFrom) {
    const messages = Array.from(made, ([contentId, fields]) => ({ contentId, fields }));
    await from.store.transact(ctx, from.mailboxId, keepFields, { messages });
  }
  return found;
}
