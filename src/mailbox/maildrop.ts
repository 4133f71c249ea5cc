/** A folder as POP3 numbers it: read at sign-in, whole, so with as little as possible for each message. */
import type { Ctx } from "#base/ctx.ts";
import { yieldToOthers } from "#base/ctx.ts";
import type { MailboxId } from "#base/ids.ts";
import type { MaildropColumns } from "#mailbox/api.ts";
import type { Renderable } from "#mailbox/items/render.ts";
import { readFolder } from "#mailbox/tx/folders.ts";
import { readRetention } from "#mailbox/tx/retention.ts";
import type { Store } from "#store/api.ts";
import { all } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

/** Rows read at once: SQLite joins them into one text, a fraction of the cost of rows. */
const maildropSliceRows = 2000;

const maildropText = `SELECT string_agg(line, ' ') AS list FROM (
   SELECT CAST(uid AS TEXT) || ' ' || CAST(item_id AS TEXT) || ' ' || CAST(size_bytes AS TEXT) || ' ' ||
     CAST(coalesce(content_id, 0) AS TEXT) AS line
   FROM message WHERE mailbox_id = $1 AND folder_id = $2 AND associated = 0 AND uid > $3 AND uid <= $4
   ORDER BY uid LIMIT $5) AS slice`;

interface Columns {
  count: number;
  readonly uids: Uint32Array;
  readonly itemIds: Float64Array;
  readonly sizes: Float64Array;
  readonly contentIds: Float64Array;
}

/**
 * All messages of a folder that `hidden` does not hold, ascending by UID. `render` gives bytes to those that lack them;
 * what is gone by then is left out, as is what comes while this reads.
 */
export async function readMaildrop(
  ctx: Ctx, store: Store, mailboxId: MailboxId, folderId: number, hidden: ReadonlySet<number>,
  render: (rows: Renderable[]) => Promise<Renderable[]>,
): Promise<MaildropColumns> {
  const { folder, days } = await store.read(ctx, mailboxId, function* () {
    const found = yield* readFolder(mailboxId, folderId);
    return { folder: found, days: (yield* readRetention(mailboxId)).get(folderId) ?? 0 };
  });
  const slices: Columns[] = [];
  for (let last = 0; ;) {
    const list = await store.read(ctx, mailboxId, () => readSlice(mailboxId, folderId, last, folder.uid_next - 1));
    if (list === null) break;
    const values = list.split(" ").map(Number);
    slices.push(toColumns(values, hidden));
    if (values.length < 4 * maildropSliceRows) break;
    last = values.at(-4)!;
    await yieldToOthers();
  }
  const columns = joined(slices);
  await fillIn(columns, render);
  return { ...columns, uidValidity: folder.uid_validity, keepDays: days === 0 ? null : days };
}

function* readSlice(mailboxId: number, folderId: number, after: number, last: number): Work<string | null> {
  const rows = yield* all<{ list: string | null }>(maildropText, mailboxId, folderId, after, last, maildropSliceRows);
  return rows[0]!.list;
}

function emptyColumns(capacity: number): Columns {
  return {
    count: 0, uids: new Uint32Array(capacity), itemIds: new Float64Array(capacity), sizes: new Float64Array(capacity),
    contentIds: new Float64Array(capacity),
  };
}

/** From four numbers for each message. */
function toColumns(values: readonly number[], hidden: ReadonlySet<number>): Columns {
  const columns = emptyColumns(values.length / 4);
  for (let at = 0; at < values.length; at += 4) {
    if (!hidden.has(values[at]!)) addRow(columns, values[at]!, values[at + 1]!, values[at + 2]!, values[at + 3]!);
  }
  return columns;
}

function joined(slices: readonly Columns[]): Columns {
  const whole = emptyColumns(slices.reduce((sum, { count }) => sum + count, 0));
  for (const slice of slices) {
    for (const name of ["uids", "itemIds", "sizes", "contentIds"] as const) {
      whole[name].set(slice[name].subarray(0, slice.count), whole.count);
    }
    whole.count += slice.count;
  }
  return whole;
}

function addRow(columns: Columns, uid: number, itemId: number, sizeBytes: number, contentId: number): void {
  const at = columns.count++;
  columns.uids[at] = uid;
  columns.itemIds[at] = itemId;
  columns.sizes[at] = sizeBytes;
  columns.contentIds[at] = contentId;
}

/** Bytes and sizes of items made of properties that nobody looked at by bytes before; those without any go. */
async function fillIn(columns: Columns, render: (rows: Renderable[]) => Promise<Renderable[]>): Promise<void> {
  const missing: Renderable[] = [];
  for (let at = 0; at < columns.count; at++) {
    if (columns.contentIds[at] === 0) {
      missing.push({ item_id: columns.itemIds[at]!, content_id: null, size_bytes: columns.sizes[at]! });
    }
  }
  if (missing.length === 0) return;
  const filled = new Map((await render(missing)).map((row) => [row.item_id, row]));
  const { count } = columns;
  columns.count = 0;
  for (let at = 0; at < count; at++) {
    const itemId = columns.itemIds[at]!;
    const row = columns.contentIds[at] === 0 ? filled.get(itemId) : undefined;
    const contentId = row?.content_id ?? columns.contentIds[at]!;
    if (contentId !== 0) addRow(columns, columns.uids[at]!, itemId, row?.size_bytes ?? columns.sizes[at]!, contentId);
  }
}
