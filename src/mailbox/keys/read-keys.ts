/** Reading the stored keys of a folder's messages, one or more of them as columns. */
import { yieldToOthers } from "#base/ctx.ts";
import type { Ctx } from "#base/ctx.ts";
import type { OrderKey, UidRange } from "#mailbox/api.ts";
import { parting, personKeys } from "#mailbox/keys/content-keys.ts";
import type { PersonKey } from "#mailbox/keys/content-keys.ts";
import type { Renderable } from "#mailbox/items/render.ts";
import { scanFolder } from "#mailbox/reads.ts";
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
/** Older messages whose keys are made in one commit. */
const madeAtOnce = 500;

/** Beside each other, ascending by UID. */
export interface KeyLines {
  readonly uids: readonly number[];
  /** By part, in the order in which they were asked for. */
  readonly texts: readonly (readonly string[])[];
}

interface Slice extends KeyLines {
  readonly hasUnrendered: boolean;
  readonly hasMissing: boolean;
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

function* readSlice(
  mailboxId: number, folderId: number, text: string, partCount: number, { first, last }: UidRange,
): Work<Slice> {
  const rows = yield* all<{ list: string | null }>(text, mailboxId, folderId, first, last, sliceRows);
  const list = rows[0]!.list ?? "";
  const uids: number[] = [];
  const texts: string[][] = Array.from({ length: partCount }, () => []);
  const marks = { "?": false, "!": false };
  for (let at = 0; at < list.length;) {
    let uid = 0;
    let code = list.charCodeAt(at);
    for (; code >= 0x30 && code <= 0x39; code = list.charCodeAt(++at)) uid = uid * 10 + code - 0x30;
    uids.push(uid);
    if (code !== 0x20) marks[code === 0x3f ? "?" : "!"] = true;
    at++;
    const feed = list.indexOf("\n", at);
    const end = feed < 0 ? list.length : feed;
    for (let part = 0; part < partCount; part++) {
      const cut = part === partCount - 1 ? end : list.indexOf(parting, at);
      texts[part]!.push(list.slice(at, cut));
      at = cut + 1;
    }
  }
  return { uids, texts, hasUnrendered: marks["?"], hasMissing: marks["!"] };
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
  for (const range of ranges) {
    for (let { first } = range; first <= range.last;) {
      const wanted = { first, last: range.last };
      const read = (): Promise<Slice> =>
        store.read(ctx, mailboxId, () => readSlice(mailboxId, folderId, text, parts.length, wanted));
      let slice = await read();
      const found = { first, last: slice.uids.at(-1) ?? range.last };
      if (slice.hasUnrendered) await renderRange(ctx, from, found);
      if (slice.hasUnrendered || slice.hasMissing) {
        let made = madeAtOnce;
        while (made === madeAtOnce) {
          made = await store.transact(ctx, mailboxId, keepKeys, { folderId, ...found, limitRows: madeAtOnce });
        }
        slice = await read();
      }
      if (slice.uids.length === 0) break;
      yield slice;
      if (slice.uids.length < sliceRows) break;
      first = slice.uids.at(-1)! + 1;
      await yieldToOthers();
    }
  }
}
