/**
 * What folders are sorted and threaded by, as numbers, remembered for the next who asks: of a UID none of it ever
 * changes, so that what is known stays true, and only messages that came since are read. All sessions share it; the
 * least used goes first.
 */
import { inTurns } from "#base/turns.ts";
import { yieldToOthers } from "#base/ctx.ts";
import type { Ctx } from "#base/ctx.ts";
import { limits } from "#base/limits.ts";
import type { OrderKey, ThreadColumns, UidRange } from "#mailbox/api.ts";
import { RankColumn, ranksOf } from "#mailbox/keys/rank-column.ts";
import { partOf, personIn, readKeyLines, readKeyOf } from "#mailbox/keys/read-keys.ts";
import type { FolderSource } from "#mailbox/reads.ts";
import { ThreadGatherer } from "#mailbox/keys/thread-columns.ts";
import { uidMax } from "#mailbox/tx/rows.ts";
import { get } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

interface Column {
  /** Ascending. */
  readonly uids: Uint32Array;
  readonly sizeBytes: number;
}

interface Kept {
  readonly uidValidity: number;
  readonly column: Column;
  readonly sizeBytes: number;
}

/** How one kind of column is made; `extend` adds what came since, or gives undefined when it must be made anew. */
interface Maker<C extends Column> {
  read(ranges: readonly UidRange[]): Promise<C>;
  extend(column: C, newer: UidRange): Promise<C | undefined>;
}

/** UIDs no further apart than this are read as one range: a range costs as much as so many messages. */
const gapMax = 64;

function rangesAround(uids: readonly number[]): UidRange[] {
  const ranges: { first: number; last: number }[] = [];
  for (const uid of uids) {
    const previous = ranges.at(-1);
    if (previous !== undefined && uid - previous.last <= gapMax) previous.last = uid;
    else ranges.push({ first: uid, last: uid });
  }
  return ranges;
}

/** Of a folder of which no more than one in so many messages is wanted, only those are read. */
const wholeShare = 4;
/** So many new messages are added to what is remembered; for more all of the folder is read. */
const newMax = 500;
/** Their places among texts are looked for by some twenty reads each: so many have theirs found in one go. */
const placedAtOnce = 25;
/** Where each of these reads goes to another machine, fewer of them take longer than all of the folder does. */
const newFarMax = 50;
/** Messages that are gone stand in what is remembered, up to so many and as many again as are there. */
const goneMax = 1000;

export class FolderKeys {
  readonly #kept = new Map<string, Kept>();
  /** One at a time reads or extends what is remembered of a folder. */
  readonly #busy = new Map<string, Promise<void>>();
  #sizeBytes = 0;

  /** Beside `uids`, ascending; 0 for what is not there. */
  async ranks(ctx: Ctx, from: FolderSource, uids: readonly number[], key: OrderKey): Promise<Float64Array> {
    const column = await this.#find<RankColumn>(ctx, from, uids, key, {
      read: (ranges) => readRanks(ctx, from, ranges, key),
      extend: (known, newer) => extendRanks(ctx, from, known, newer, key),
    });
    // Of all of the folder: the same object as long as nothing comes.
    if (uids.length === column.uids.length && unknownIn(column.uids, uids) === 0) return column.ranks;
    const ranks = new Float64Array(uids.length);
    for (let at = 0, place = 0; at < uids.length; at++) {
      while (place < column.uids.length && column.uids[place]! < uids[at]!) place++;
      if (column.uids[place] === uids[at]) ranks[at] = column.ranks[place]!;
    }
    return ranks;
  }

  /** Of at least `uids`, ascending, as far as they are there. */
  async threads(ctx: Ctx, from: FolderSource, uids: readonly number[]): Promise<ThreadColumns> {
    const gather = async (gathered: ThreadGatherer, ranges: readonly UidRange[]): Promise<ThreadGatherer> => {
      for await (const { uids: found, texts } of readKeyLines(ctx, from, ranges, ["date", "ids"])) {
        const [sentMs, ids] = texts as [readonly string[], readonly string[]];
        for (let at = 0; at < found.length; at++) gathered.add(found[at]!, Number(sentMs[at]), ids[at]!);
      }
      return gathered;
    };
    const gathered = await this.#find<ThreadGatherer>(ctx, from, uids, "thread", {
      read: (ranges) => gather(new ThreadGatherer([randomNumber(ctx), randomNumber(ctx)]), ranges),
      extend: (known, newer) => gather(known, [newer]),
    });
    return gathered.columns;
  }

  /** What is kept when it knows all of `uids`; else read, all of the folder where most of it is wanted. */
  async #find<C extends Column>(
    ctx: Ctx, { store, mailboxId, folderId }: FolderSource, uids: readonly number[], what: string, maker: Maker<C>,
  ): Promise<C> {
    const key = `${mailboxId} ${folderId} ${what}`;
    for (let busy = this.#busy.get(key); busy !== undefined; busy = this.#busy.get(key)) await busy;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#busy.set(key, promise);
    try {
      const folder = await store.read(ctx, mailboxId, () => readState(mailboxId, folderId));
      const kept = this.#kept.get(key);
      const isKept = kept !== undefined && kept.uidValidity === folder?.uid_validity &&
        kept.column.uids.length <= 2 * folder.message_count + goneMax;
      const unknown = isKept ? unknownIn(kept.column.uids, uids) : undefined;
      if (unknown === 0) {
        this.#keep(key, kept!.uidValidity, kept!.column);
        return kept!.column as C;
      }
      if (unknown !== undefined && unknown <= newMax) {
        // It may be half done when it fails.
        this.#forget(key);
        const extended = await maker.extend(kept!.column as C, { first: lastOf(kept!.column.uids) + 1, last: uidMax });
        if (extended !== undefined) this.#keep(key, kept!.uidValidity, extended);
        if (extended !== undefined) return extended;
      }
      const isFew = folder === undefined || uids.length * wholeShare < folder.message_count;
      if (isFew) return await maker.read(rangesAround(uids));
      const column = await maker.read([{ first: 1, last: uidMax }]);
      this.#keep(key, folder.uid_validity, column);
      return column;
    } finally {
      this.#busy.delete(key);
      resolve();
    }
  }

  #forget(key: string): void {
    this.#sizeBytes -= this.#kept.get(key)?.sizeBytes ?? 0;
    this.#kept.delete(key);
  }

  #keep(key: string, uidValidity: number, column: Column): void {
    this.#forget(key);
    const { sizeBytes } = column;
    this.#sizeBytes += sizeBytes;
    this.#kept.set(key, { uidValidity, column, sizeBytes });
    for (const oldest of this.#kept.keys()) {
      if (this.#sizeBytes <= limits.folderKeysMaxBytes) break;
      this.#forget(oldest);
    }
  }
}

function readState(
  mailboxId: number, folderId: number,
): Work<{ uid_validity: number; message_count: number } | undefined> {
  return get<{ uid_validity: number; message_count: number }>(
    "SELECT uid_validity, message_count FROM folder WHERE mailbox_id = $1 AND folder_id = $2", mailboxId, folderId);
}

function randomNumber(ctx: Ctx): number {
  const bytes = ctx.system.randomBytes(4);
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0);
}

function lastOf(uids: Uint32Array): number {
  return uids.length === 0 ? 0 : uids[uids.length - 1]!;
}

/** How many of `wanted` came after all that are known; undefined when one in between is not known. */
function unknownIn(uids: Uint32Array, wanted: readonly number[]): number | undefined {
  const last = lastOf(uids);
  let place = 0;
  for (let at = 0; at < wanted.length; at++) {
    const uid = wanted[at]!;
    if (uid > last) return wanted.length - at;
    while (uids[place]! < uid) place++;
    if (uids[place] !== uid) return undefined;
  }
  return 0;
}

async function readRanks(
  ctx: Ctx, from: FolderSource, ranges: readonly UidRange[], key: OrderKey,
): Promise<RankColumn> {
  const { uids, texts } = await readTexts(ctx, from, ranges, key);
  return await inTurns(ctx, ranksOf(uids, texts, isNumeric(key)));
}

/** Their places among those known are found by looking at stored keys here and there. */
async function extendRanks(
  ctx: Ctx, from: FolderSource, known: RankColumn, newer: UidRange, key: OrderKey,
): Promise<RankColumn | undefined> {
  const { uids, texts } = await readTexts(ctx, from, [newer], key);
  if (isNumeric(key)) return known.withNumbers(uids, texts.map(Number));
  if (uids.length > (from.store.dialect === "postgres" ? newFarMax : newMax)) return undefined;
  let column: RankColumn | undefined = known;
  for (let at = 0; at < uids.length && column !== undefined; at += placedAtOnce) {
    if (at > 0) await yieldToOthers();
    const before: RankColumn = column;
    const end = at + placedAtOnce;
    column = await from.store.read(ctx, from.mailboxId, () => before.withTexts(
      uids.slice(at, end), texts.slice(at, end), (uid) => readKeyOf(from.mailboxId, from.folderId, uid, key)));
  }
  return column;
}

function isNumeric(key: OrderKey): boolean {
  return key === "arrival" || key === "size" || key === "date";
}

async function readTexts(
  ctx: Ctx, from: FolderSource, ranges: readonly UidRange[], key: OrderKey,
): Promise<{ uids: number[]; texts: string[] }> {
  const { part, person } = partOf(key);
  const uids: number[] = [];
  const texts: string[] = [];
  for await (const slice of readKeyLines(ctx, from, ranges, [part])) {
    for (const uid of slice.uids) uids.push(uid);
    for (const text of slice.texts[0]!) texts.push(person < 0 ? text : personIn(text, person));
  }
  return { uids, texts };
}
