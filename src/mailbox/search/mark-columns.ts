/**
 * UIDs and marks of folders as they were last read, for whoever searches them next: what changed since is read by
 * change number. All sessions share them; the least used go first. A column is never changed, only replaced by a newer.
 */
import { yieldToOthers } from "#base/ctx.ts";
import type { Ctx } from "#base/ctx.ts";
import { limits } from "#base/limits.ts";
import type { UidSet } from "#mailbox/api.ts";
import type { FolderSource } from "#mailbox/reads.ts";
import { all, get } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

export interface MarkColumn {
  readonly uidValidity: number;
  readonly uidNext: number;
  /** Marks are at least as new as this change number of the folder. */
  readonly cn: number;
  /** Ascending. */
  readonly uids: Uint32Array;
  /** Beside the UIDs, bits of `messageFlags` up to {@link markMax}. */
  readonly flags: Uint8Array;
}

/** Marks beyond are not in columns. */
export const markMax = 0xff;

interface FolderState {
  readonly uid_validity: number;
  readonly uid_next: number;
  readonly highest_cn: number;
  readonly message_count: number;
}

interface Marked {
  readonly uid: number;
  readonly flags: number;
  readonly associated: number;
}

interface News {
  readonly folder: FolderState | undefined;
  /** Undefined where nothing is known, or too much changed. */
  readonly since: { readonly marked: readonly Marked[]; readonly gone: readonly number[] } | undefined;
}

/** So many changes are put into what is known; for more it is read anew. */
const changesMax = 2000;
/** What is not known is read for a search of at least one in so many messages of the folder. */
const wholeShare = 16;

export class MarkColumns {
  readonly #kept = new Map<string, MarkColumn>();
  #sizeBytes = 0;

  /** Of the folder as it is now; undefined when reading it is not worth while for a search of `uids`. */
  async find(ctx: Ctx, from: FolderSource, uids: UidSet): Promise<MarkColumn | undefined> {
    const { store, mailboxId, folderId } = from;
    const key = `${mailboxId} ${folderId}`;
    const known = this.#kept.get(key);
    const { folder, since } = await store.read(ctx, mailboxId, () => readNews(mailboxId, folderId, known));
    if (folder === undefined) return undefined;
    const column = (since === undefined ? undefined : renewed(known!, folder, since)) ??
      (isMost(uids, folder) ? await readColumn(ctx, from, folder) : undefined);
    if (column !== undefined) this.#keep(key, column);
    return column;
  }

  #keep(key: string, column: MarkColumn): void {
    const other = this.#kept.get(key);
    // Somebody who looked later was faster.
    const newest = other !== undefined && other.cn > column.cn ? other : column;
    this.#sizeBytes += sizeOf(newest) - (other === undefined ? 0 : sizeOf(other));
    this.#kept.delete(key);
    this.#kept.set(key, newest);
    for (const [oldest, kept] of this.#kept) {
      if (this.#sizeBytes <= limits.markColumnsMaxBytes) break;
      this.#kept.delete(oldest);
      this.#sizeBytes -= sizeOf(kept);
    }
  }
}

/** What holds the arrays counts too: many small folders must not go for nothing. */
const entryBytes = 400;

function sizeOf({ uids, flags }: MarkColumn): number {
  return uids.byteLength + flags.byteLength + entryBytes;
}

function isMost(uids: UidSet, { uid_next: next, message_count: count }: FolderState): boolean {
  if (uids === "all") return true;
  let span = 0;
  for (const { first, last } of uids) span += Math.max(0, Math.min(last, next - 1) - first + 1);
  return span * wholeShare >= count;
}

function* readNews(mailboxId: number, folderId: number, known: MarkColumn | undefined): Work<News> {
  const folder = yield* get<FolderState>(
    `SELECT uid_validity, uid_next, highest_cn, message_count FROM folder WHERE mailbox_id = $1 AND folder_id = $2`,
    mailboxId, folderId);
  const isKnown = folder !== undefined && known !== undefined && known.uidValidity === folder.uid_validity &&
    known.uidNext <= folder.uid_next && known.cn <= folder.highest_cn;
  if (!isKnown) return { folder, since: undefined };
  if (known.cn === folder.highest_cn) return { folder, since: { marked: [], gone: [] } };
  // By the index of changes, whatever their number: other conditions would tempt the databases to another.
  const marked = yield* all<Marked>(
    `SELECT uid, flags, associated FROM message WHERE mailbox_id = $1 AND folder_id = $2 AND mod_seq > $3
     ORDER BY mod_seq LIMIT $4`, mailboxId, folderId, known.cn, changesMax + 1);
  const gone = yield* all<{ uid: number; kind: number }>(
    `SELECT uid, kind FROM tombstone WHERE mailbox_id = $1 AND folder_id = $2 AND cn > $3 ORDER BY cn LIMIT $4`,
    mailboxId, folderId, known.cn, changesMax + 1);
  if (marked.length > changesMax || gone.length > changesMax) return { folder, since: undefined };
  const uids = gone.filter(({ kind }) => kind === 1 || kind === 4).map(({ uid }) => uid);
  return { folder, since: { marked: marked.filter(({ associated }) => associated === 0), gone: uids } };
}

/** Undefined when what is told does not lead to as many messages as there are. */
function renewed(
  known: MarkColumn, folder: FolderState, { marked, gone }: NonNullable<News["since"]>,
): MarkColumn | undefined {
  const state = { uidValidity: folder.uid_validity, uidNext: folder.uid_next, cn: folder.highest_cn };
  if (marked.length === 0 && gone.length === 0) {
    return known.uids.length !== folder.message_count ? undefined
      : known.uidNext === folder.uid_next && known.cn === folder.highest_cn ? known : { ...known, ...state };
  }
  const flags = known.flags.slice();
  const come: Marked[] = [];
  for (const row of marked) {
    const place = placeOf(known.uids, row.uid);
    if (known.uids[place] === row.uid) flags[place] = row.flags;
    else if (row.uid >= known.uidNext) come.push(row);
    else return undefined;
  }
  come.sort((left, right) => left.uid - right.uid);
  const left = new Set(gone);
  const uids = new Uint32Array(known.uids.length + come.length);
  const marks = new Uint8Array(uids.length);
  let count = 0;
  for (let at = 0; at < known.uids.length; at++) {
    if (left.size > 0 && left.has(known.uids[at]!)) continue;
    uids[count] = known.uids[at]!;
    marks[count++] = flags[at]!;
  }
  for (const row of come) {
    uids[count] = row.uid;
    marks[count++] = row.flags;
  }
  if (count !== folder.message_count) return undefined;
  return { ...state, uids: uids.slice(0, count), flags: marks.slice(0, count) };
}

/** Of the first UID that is not below. */
export function placeOf(uids: Uint32Array, uid: number): number {
  let low = 0;
  let high = uids.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (uids[middle]! < uid) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Messages read at once: SQLite joins them into one text, a fraction of the cost of rows. */
const sliceRows = 3000;

const sliceText = `SELECT string_agg(line, ',') AS list FROM (
  SELECT CAST(uid AS TEXT) || ' ' || CAST(flags & ${markMax} AS TEXT) AS line FROM message
  WHERE mailbox_id = $1 AND folder_id = $2 AND associated = 0 AND uid BETWEEN $3 AND $4
  ORDER BY uid LIMIT $5) AS slice`;

/** In slices, each as new as it is: what changes meanwhile is told again by the next look at what changed. */
async function readColumn(ctx: Ctx, from: FolderSource, folder: FolderState): Promise<MarkColumn> {
  const { store, mailboxId, folderId } = from;
  const gatherer = new Gatherer(folder.message_count);
  const last = folder.uid_next - 1;
  for (let first = 1; first <= last;) {
    const next = first;
    const [row] = await store.read(ctx, mailboxId, () =>
      all<{ list: string | null }>(sliceText, mailboxId, folderId, next, last, sliceRows));
    const before = gatherer.count;
    if (row!.list !== null) gatherer.add(row!.list);
    if (gatherer.count - before < sliceRows) break;
    first = gatherer.lastUid + 1;
    await yieldToOthers();
  }
  return {
    uidValidity: folder.uid_validity, uidNext: folder.uid_next, cn: folder.highest_cn, ...gatherer.end(),
  };
}

class Gatherer {
  #uids: Uint32Array<ArrayBuffer>;
  #flags: Uint8Array<ArrayBuffer>;
  count = 0;

  constructor(expected: number) {
    this.#uids = new Uint32Array(expected);
    this.#flags = new Uint8Array(expected);
  }

  get lastUid(): number {
    return this.#uids[this.count - 1]!;
  }

  /** Numbers by digits: a message costs no string. */
  add(list: string): void {
    let value = 0;
    for (let at = 0; at <= list.length; at++) {
      const code = at === list.length ? 0x2c : list.charCodeAt(at);
      if (code >= 0x30) {
        value = value * 10 + code - 0x30;
        continue;
      }
      if (code === 0x20) {
        if (this.count === this.#uids.length) this.#grow();
        this.#uids[this.count] = value;
      } else {
        this.#flags[this.count++] = value;
      }
      value = 0;
    }
  }

  /** A folder is read in pieces, and counted before. */
  #grow(): void {
    const uids = new Uint32Array(this.count + (this.count >> 1) + sliceRows);
    uids.set(this.#uids);
    const flags = new Uint8Array(uids.length);
    flags.set(this.#flags);
    this.#uids = uids;
    this.#flags = flags;
  }

  end(): { uids: Uint32Array; flags: Uint8Array } {
    const isFull = this.count === this.#uids.length;
    return isFull ? { uids: this.#uids, flags: this.#flags }
      : { uids: this.#uids.slice(0, this.count), flags: this.#flags.slice(0, this.count) };
  }
}
