/** Reading the stored keys of a folder's messages, one or more of them as columns. */
import { yieldToOthers } from "#base/ctx.ts";
import type { Ctx } from "#base/ctx.ts";
import type { OrderKey, UidRange } from "#mailbox/api.ts";
import { parting, personKeys } from "#mailbox/keys/content-keys.ts";
import type { PersonKey } from "#mailbox/keys/content-keys.ts";
import type { Renderable } from "#mailbox/items/render.ts";
import { rangesPerSlice, scanFolder } from "#mailbox/reads.ts";
import type { FolderSource } from "#mailbox/reads.ts";
import { keepKeys } from "#mailbox/tx/keys.ts";
import { all, get } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

/** Gives the messages of a range their bytes, see `items/render.ts`. */
async function renderRange(ctx: Ctx, from: FolderSource, range: UidRange): Promise<void> {
  const { store, mailboxId, folderId } = from;
  const columns = { columns: "m.item_id, m.uid, m.content_id, m.size_bytes", joins: "" };
  for await (const slice of scanFolder<Renderable & { uid: number }>(
    ctx, store, mailboxId, folderId, [range], columns)) await from.withBytes(slice);
}

/** Parts of a line, each told by one SQL text. */
export type KeyPart = "arrival" | "size" | "date" | "subject" | "people" | "ids";

const partTexts: Record<KeyPart, string> = {
  arrival: "CAST(m.internal_ms AS TEXT)",
  size: "CAST(m.size_bytes AS TEXT)",
  date: "CAST(COALESCE(k.sent_ms, m.internal_ms) AS TEXT)",
  subject: "COALESCE(k.subject, '')",
  people: "COALESCE(k.people, '')",
  ids: "COALESCE(k.ids, '')",
};

/** Which part holds a key, and where in it. */
export function partOf(key: OrderKey): { readonly part: KeyPart; readonly person: number } {
  const person = personKeys.indexOf(key as PersonKey);
  return person < 0 ? { part: key as KeyPart, person } : { part: "people", person };
}

/** One key out of the part that holds several. */
export function personIn(people: string, person: number): string {
  let start = 0;
  for (let at = 0; at < person; at++) {
    const end = people.indexOf(parting, start);
    if (end < 0) return "";
    start = end + 1;
  }
  const end = people.indexOf(parting, start);
  return end < 0 ? people.slice(start) : people.slice(start, end);
}

/** The key of one message; undefined when it is gone, or has none stored. */
export function* readKeyOf(mailboxId: number, folderId: number, uid: number, key: OrderKey): Work<string | undefined> {
  const { part, person } = partOf(key);
  const row = yield* get<{ value: string }>(
    `SELECT ${partTexts[part]} AS value FROM message m
     JOIN content_keys k ON k.mailbox_id = m.mailbox_id AND k.content_id = m.content_id
     WHERE m.mailbox_id = $1 AND m.folder_id = $2 AND m.associated = 0 AND m.uid = $3`, mailboxId, folderId, uid);
  return row === undefined || person < 0 ? row?.value : personIn(row.value, person);
}

/** Rows read at once: SQLite joins them into one text, a fraction of the cost of rows. */
const sliceRows = 2000;
/** Keys are short, but for those of somebody who means harm: then fewer rows are read at once. */
const sliceCharacters = 512 * 1024;
const sliceRowsMin = 100;
/** Older messages whose keys are made in one commit. */
const madeAtOnce = 500;

/** Beside each other, ascending by UID. */
export interface KeyLines {
  readonly uids: readonly number[];
  /** By part, in the order in which they were asked for. */
  readonly texts: readonly (readonly string[])[];
}

/** Where reading goes on: at `first` of the range at `position`. */
interface Place {
  readonly position: number;
  readonly first: number;
}

class Slice implements KeyLines {
  readonly uids: number[] = [];
  readonly texts: readonly string[][];
  /** What was read of ranges with messages that have no bytes yet, and of those with some that have no keys yet. */
  readonly unrendered: UidRange[] = [];
  readonly missing: UidRange[] = [];
  characters = 0;

  constructor(partCount: number) {
    this.texts = Array.from({ length: partCount }, () => []);
  }

  /** Lines of messages from `first` on; how many they are. */
  add(list: string, first: number): number {
    const count = this.uids.length;
    const marks = { "?": false, "!": false };
    this.characters += list.length;
    for (let at = 0; at < list.length;) {
      let uid = 0;
      let code = list.charCodeAt(at);
      for (; code >= 0x30 && code <= 0x39; code = list.charCodeAt(++at)) uid = uid * 10 + code - 0x30;
      this.uids.push(uid);
      if (code !== 0x20) marks[code === 0x3f ? "?" : "!"] = true;
      at++;
      const feed = list.indexOf("\n", at);
      const end = feed < 0 ? list.length : feed;
      for (let part = 0; part < this.texts.length; part++) {
        const cut = part === this.texts.length - 1 ? end : list.indexOf(parting, at);
        this.texts[part]!.push(list.slice(at, cut));
        at = cut + 1;
      }
    }
    const read = { first, last: this.uids.at(-1)! };
    if (marks["?"]) this.unrendered.push(read);
    if (marks["?"] || marks["!"]) this.missing.push(read);
    return this.uids.length - count;
  }
}

/** A space after the UID; `?` where there are no bytes yet, `!` where there are no keys yet. */
function sliceText(parts: readonly KeyPart[]): string {
  const line = parts.map((part) => partTexts[part]).join(" || '\u001f' || ");
  return `SELECT string_agg(line, '\n') AS list FROM (
    SELECT CAST(m.uid AS TEXT) ||
      CASE WHEN m.content_id IS NULL THEN '?' WHEN k.content_id IS NULL THEN '!' ELSE ' ' END || ${line} AS line
    FROM message m LEFT JOIN content_keys k ON k.mailbox_id = m.mailbox_id AND k.content_id = m.content_id
    WHERE m.mailbox_id = $1 AND m.folder_id = $2 AND m.associated = 0 AND m.uid BETWEEN $3 AND $4
    ORDER BY m.uid LIMIT $5) AS slice`;
}

interface Wanted {
  readonly text: string;
  readonly partCount: number;
  readonly ranges: readonly UidRange[];
  readonly rowsMax: number;
}

function* readSlice(
  mailboxId: number, folderId: number, { text, partCount, ranges, rowsMax }: Wanted, from: Place,
): Work<{ readonly slice: Slice; readonly next: Place }> {
  const slice = new Slice(partCount);
  let { position, first } = from;
  for (let tried = 0; position < ranges.length && tried < rangesPerSlice && slice.uids.length < rowsMax; tried++) {
    const { last } = ranges[position]!;
    const room = rowsMax - slice.uids.length;
    const rows = yield* all<{ list: string | null }>(text, mailboxId, folderId, first, last, room);
    const isCut = slice.add(rows[0]!.list ?? "", first) === room && slice.uids.at(-1)! < last;
    if (!isCut) position++;
    first = isCut ? slice.uids.at(-1)! + 1 : ranges[position]?.first ?? 0;
  }
  return { slice, next: { position, first } };
}

/**
 * The parts of messages in ranges of UIDs, in slices. Of `parts` only the last may be `people`. Messages without bytes
 * get them, those from before keys were kept get keys.
 */
export async function* readKeyLines(
  ctx: Ctx, from: FolderSource, ranges: readonly UidRange[], parts: readonly KeyPart[],
): AsyncGenerator<KeyLines> {
  const { store, mailboxId, folderId } = from;
  const text = sliceText(parts);
  let rowsMax = sliceRows;
  for (let place: Place = { position: 0, first: ranges[0]?.first ?? 0 }; place.position < ranges.length;) {
    const wanted = { text, partCount: parts.length, ranges, rowsMax };
    const { position, first } = place;
    const read = (): Promise<{ slice: Slice; next: Place }> =>
      store.read(ctx, mailboxId, () => readSlice(mailboxId, folderId, wanted, { position, first }));
    let { slice, next } = await read();
    for (const range of slice.unrendered) await renderRange(ctx, from, range);
    if (slice.missing.length > 0) {
      for (const range of slice.missing) await makeKeys(ctx, from, range);
      ({ slice, next } = await read());
    }
    if (slice.uids.length > 0) yield slice;
    const fitting = Math.floor(slice.uids.length * sliceCharacters / Math.max(1, slice.characters));
    rowsMax = Math.min(sliceRows, Math.max(sliceRowsMin, fitting));
    place = next;
    if (place.position < ranges.length) await yieldToOthers();
  }
}

async function makeKeys(ctx: Ctx, { store, mailboxId, folderId }: FolderSource, range: UidRange): Promise<void> {
  for (let made = madeAtOnce; made === madeAtOnce;) {
    made = await store.transact(ctx, mailboxId, keepKeys, { folderId, ...range, limitRows: madeAtOnce });
  }
}
