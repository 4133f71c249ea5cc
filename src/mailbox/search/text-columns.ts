/**
 * Subjects and listed header fields of folders, folded and one after the other, for searches: one look through a text
 * tells of thousands of messages. A UID's content never changes, so that what was read stays true. All sessions share
 * it, in chunks of UIDs; the least used column goes first.
 */
import { yieldToOthers } from "#base/ctx.ts";
import type { Ctx } from "#base/ctx.ts";
import { limits } from "#base/limits.ts";
import { foldText } from "#format/mime/fold.ts";
import type { MessageHeader } from "#mailbox/api.ts";
import { readHeaders } from "#mailbox/keys/read-headers.ts";
import type { FolderSource } from "#mailbox/reads.ts";
import { placeOf } from "#mailbox/search/mark-columns.ts";
import type { MarkColumn } from "#mailbox/search/mark-columns.ts";
import { wholeSubjectMax } from "#mailbox/search/subject.ts";
import { fieldsOf } from "#mailbox/search/texts.ts";
import { all } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

/** UIDs of one chunk. */
export const chunkUids = 4096;
/** Messages read at once. */
const sliceRows = 1000;

export interface TextChunk {
  /** Of the messages read, ascending. */
  readonly uids: Uint32Array;
  /** Texts of one message after the other, a line end behind each, a carriage return before each field. */
  readonly text: string;
  /** Where the text of each begins; one more than there are messages. */
  readonly starts: Uint32Array;
  /** 1 where the message itself must be looked at. */
  readonly isUnknown: Uint8Array;
  /** All messages up to this UID that were there are in it. */
  readonly upTo: number;
  readonly sizeBytes: number;
}

interface Column {
  readonly uidValidity: number;
  readonly chunks: Map<number, TextChunk>;
  sizeBytes: number;
}

export class TextColumns {
  readonly #columns = new Map<string, Column>();
  #sizeBytes = 0;

  /** What is kept of a chunk, if that is all of it. `name`: of a header field, or "" for the subject of lists. */
  known({ mailboxId, folderId }: FolderSource, name: string, chunk: number, now: MarkColumn): TextChunk | undefined {
    const key = `${mailboxId} ${folderId} ${name}`;
    const column = this.#columns.get(key);
    if (column === undefined) return undefined;
    if (column.uidValidity !== now.uidValidity) {
      this.#forget(key);
      return undefined;
    }
    this.#columns.delete(key);
    this.#columns.set(key, column);
    const found = column.chunks.get(chunk);
    return found !== undefined && found.upTo >= lastOf(chunk, now) ? found : undefined;
  }

  async read(ctx: Ctx, from: FolderSource, name: string, chunk: number, now: MarkColumn): Promise<TextChunk> {
    const builder = new ChunkBuilder();
    const first = chunk * chunkUids;
    const upTo = lastOf(chunk, now);
    if (name === "") await readSubjects(ctx, from, first, upTo, builder);
    else await readFields(ctx, from, name, { first, last: upTo }, builder);
    const read = builder.end(upTo);
    if (builder.isLasting) this.#keep(`${from.mailboxId} ${from.folderId} ${name}`, chunk, read, now.uidValidity);
    return read;
  }

  #forget(key: string): void {
    this.#sizeBytes -= this.#columns.get(key)?.sizeBytes ?? 0;
    this.#columns.delete(key);
  }

  #keep(key: string, number: number, chunk: TextChunk, uidValidity: number): void {
    let column = this.#columns.get(key);
    if (column?.uidValidity !== uidValidity) {
      this.#forget(key);
      column = { uidValidity, chunks: new Map(), sizeBytes: 0 };
      this.#columns.set(key, column);
    }
    const more = chunk.sizeBytes - (column.chunks.get(number)?.sizeBytes ?? 0);
    for (const oldest of this.#columns.keys()) {
      if (this.#sizeBytes + more <= limits.searchTextsMaxBytes || oldest === key) break;
      this.#forget(oldest);
    }
    // Of a column that is too long the first chunks stay: a search goes through all of them, and would push out each
    // before it comes to it again.
    if (this.#sizeBytes + more > limits.searchTextsMaxBytes) return;
    column.chunks.set(number, chunk);
    column.sizeBytes += more;
    this.#sizeBytes += more;
  }
}

function lastOf(chunk: number, { uidNext }: MarkColumn): number {
  return Math.min((chunk + 1) * chunkUids, uidNext) - 1;
}

/** What holds the arrays counts too. */
const entryBytes = 600;

class ChunkBuilder {
  readonly #uids: number[] = [];
  readonly #texts: string[] = [];
  readonly #unknown: number[] = [];
  /** Not when something in it may change under its UID. */
  isLasting = true;

  /** Folded, without line ends. */
  add(uid: number, text: string): void {
    this.#uids.push(uid);
    this.#texts.push(text);
  }

  /** What must be looked at itself; `lasting`: for ever. */
  addUnknown(uid: number, lasting: boolean): void {
    if (!lasting) this.isLasting = false;
    this.#unknown.push(this.#uids.length);
    this.add(uid, "");
  }

  end(upTo: number): TextChunk {
    const count = this.#uids.length;
    const starts = new Uint32Array(count + 1);
    const isUnknown = new Uint8Array(count);
    for (let at = 0; at < count; at++) starts[at + 1] = starts[at]! + this.#texts[at]!.length + 1;
    for (const at of this.#unknown) isUnknown[at] = 1;
    // Joined in one piece, so that it stands in one place, of one byte a character where that does.
    const text = count === 0 ? "" : `${this.#texts.join("\n")}\n`;
    const sizeBytes = text.length * (/[^\0-\xff]/.test(text) ? 2 : 1) + count * 9 + entryBytes;
    return { uids: Uint32Array.from(this.#uids), text, starts, isUnknown, upTo, sizeBytes };
  }
}

/** Beside `uids`, which ascend: 2 where the text of the message holds `needle`, 0 where not, 1 where that is open. */
export function verdictsOf(chunk: TextChunk, uids: Uint32Array, needle: string): Uint8Array {
  const { text, starts } = chunk;
  const held = new Uint8Array(chunk.uids.length);
  if (needle === "") {
    // A text that is not there is empty, one that is has its carriage return.
    for (let at = 0; at < held.length; at++) held[at] = starts[at + 1]! - starts[at]! > 1 ? 2 : 0;
  } else {
    for (let found = text.indexOf(needle); found >= 0;) {
      let at = placeOf(starts, found);
      if (starts[at] !== found) at--;
      held[at] = 2;
      found = text.indexOf(needle, starts[at + 1]!);
    }
  }
  const verdicts = new Uint8Array(uids.length);
  for (let at = 0, place = 0; at < uids.length; at++) {
    while (place < held.length && chunk.uids[place]! < uids[at]!) place++;
    verdicts[at] = chunk.uids[place] !== uids[at] || chunk.isUnknown[place] === 1 ? 1 : held[place]!;
  }
  return verdicts;
}

/** As many characters of a database may be twice as many here. */
const surelyWhole = wholeSubjectMax / 2;

/** An item without bytes may get another subject and keep its UID. */
const subjectsText = `SELECT string_agg(line, '\n') AS list FROM (
  SELECT CAST(m.uid AS TEXT) || CASE WHEN length(d.subject) > ${surelyWhole} THEN '!'
    WHEN m.content_id IS NULL THEN '#' ELSE ' ' || replace(d.subject, '\n', ' ') END AS line
  FROM message m JOIN message_detail d ON d.mailbox_id = m.mailbox_id AND d.item_id = m.item_id
  WHERE m.mailbox_id = $1 AND m.folder_id = $2 AND m.associated = 0 AND m.uid BETWEEN $3 AND $4
  ORDER BY m.uid LIMIT $5) AS slice`;

async function readSubjects(
  ctx: Ctx, { store, mailboxId, folderId }: FolderSource, first: number, last: number, builder: ChunkBuilder,
): Promise<void> {
  for (let next = first; next <= last;) {
    const from = next;
    const [row] = await store.read(ctx, mailboxId, () =>
      all<{ list: string | null }>(subjectsText, mailboxId, folderId, from, last, sliceRows));
    if (row!.list === null) break;
    // Plain characters are folded all at once; the rest of a line stays as it is.
    const isPlain = !/[^\0-\x7f]/.test(row!.list);
    const lines = (isPlain ? row!.list.toUpperCase() : row!.list).split("\n");
    for (const line of lines) {
      let mark = 0;
      while (line.charCodeAt(mark) >= 0x30) mark++;
      next = Number(line.slice(0, mark)) + 1;
      const subject = line.slice(mark + 1);
      if (line.charCodeAt(mark) === 0x20) builder.add(next - 1, isPlain ? subject : foldText(subject));
      else builder.addUnknown(next - 1, line.charCodeAt(mark) === 0x21);
    }
    if (lines.length < sliceRows) break;
    await yieldToOthers();
  }
}

/** Each with its length before it: fields hold any character. */
const fieldsText = `SELECT string_agg(line, '') AS list FROM (
  SELECT CAST(m.uid AS TEXT) || CASE WHEN f.fields IS NULL THEN '?'
    ELSE ' ' || CAST(length(f.fields) AS TEXT) || ' ' || f.fields END AS line
  FROM message m LEFT JOIN content_fields f ON f.mailbox_id = m.mailbox_id AND f.content_id = m.content_id
  WHERE m.mailbox_id = $1 AND m.folder_id = $2 AND m.associated = 0 AND m.uid BETWEEN $3 AND $4
  ORDER BY m.uid LIMIT $5) AS slice`;

/** `fields` undefined: none are kept. */
interface Fields {
  readonly uid: number;
  readonly fields: string | undefined;
}

function* readFieldsSlice(mailboxId: number, folderId: number, first: number, last: number): Work<Fields[]> {
  const rows = yield* all<{ list: string | null }>(fieldsText, mailboxId, folderId, first, last, sliceRows);
  const list = rows[0]!.list ?? "";
  const found: Fields[] = [];
  let at = 0;
  const number = (): number => {
    let value = 0;
    let code = list.charCodeAt(at);
    for (; code >= 0x30 && code <= 0x39; code = list.charCodeAt(++at)) value = value * 10 + code - 0x30;
    at++;
    return value;
  };
  while (at < list.length) {
    const uid = number();
    if (list.charCodeAt(at - 1) === 0x3f) {
      found.push({ uid, fields: undefined });
      continue;
    }
    const size = number();
    found.push({ uid, fields: list.slice(at, at + size) });
    at += size;
  }
  return found;
}

async function readFields(
  ctx: Ctx, from: FolderSource, name: string, { first, last }: { first: number; last: number }, builder: ChunkBuilder,
): Promise<void> {
  const { store, mailboxId, folderId } = from;
  const textOf = fieldTextOf(name);
  for (let next = first; next <= last;) {
    const start = next;
    const slice = await store.read(ctx, mailboxId, () => readFieldsSlice(mailboxId, folderId, start, last));
    const whole = await readMissing(ctx, from, name, slice);
    for (const { uid, fields } of slice) {
      const header = fields ?? whole.get(uid)?.header;
      if (header === undefined) builder.addUnknown(uid, false);
      else builder.add(uid, textOf(header));
    }
    if (slice.length < sliceRows) break;
    next = slice.at(-1)!.uid + 1;
    await yieldToOthers();
  }
}

/** Of those without kept fields; they are kept then, see {@link readHeaders}. */
async function readMissing(
  ctx: Ctx, from: FolderSource, name: string, slice: readonly Fields[],
): Promise<ReadonlyMap<number, MessageHeader>> {
  const found = new Map<number, MessageHeader>();
  const ranges: { first: number; last: number }[] = [];
  let isNext = false;
  for (const { uid, fields } of slice) {
    if (fields === undefined && isNext) ranges.at(-1)!.last = uid;
    else if (fields === undefined) ranges.push({ first: uid, last: uid });
    isNext = fields === undefined;
  }
  if (ranges.length === 0) return found;
  for await (const rows of readHeaders(ctx, from, ranges, [name])) for (const row of rows) found.set(row.uid, row);
  return found;
}

const plainLine = /^[ -~]+\r?\n?$/;

/** The fields of one name in a header section, or in kept fields, as {@link fieldsOf} has them. */
function fieldTextOf(name: string): (header: Uint8Array | string) => string {
  // Names of fields that are kept have letters and hyphens alone. In kept fields each line that is no
  // continuation begins a field.
  const field = new RegExp(`(?<![^\\n])${name}[ \\t]*:[^\\n]*(?:\\n[ \\t][^\\n]*)*\\n?`, "gi");
  const gather = (bytes: Uint8Array): string => {
    let text = "";
    for (const { folded } of fieldsOf(bytes, name)) {
      text += `\r${folded.slice(name.length + 2).replaceAll(/[\r\n]/g, "\u001f")}`;
    }
    return text;
  };
  return (header) => {
    if (typeof header !== "string") return gather(header.subarray(0, limits.headerSectionMaxBytes));
    const found = header.match(field);
    if (found === null) return "";
    const [only] = found as [string];
    // Most are one line of plain characters: what is made of it by the way of bytes is this.
    if (found.length === 1 && plainLine.test(only) && !only.includes("=?")) {
      return `\r${only.slice(only.indexOf(":") + 1).trim().toUpperCase()}`;
    }
    return gather(Buffer.from(found.join(""), "latin1"));
  };
}
