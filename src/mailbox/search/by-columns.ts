/** Searches of marks, subjects and listed header fields: decided by columns in memory, where they are worth while. */
import { throwIfCancelled, yieldToOthers } from "#base/ctx.ts";
import type { Ctx } from "#base/ctx.ts";
import { foldText } from "#format/mime/fold.ts";
import { messageFlags } from "#mailbox/api.ts";
import type { Candidates, UidRange, UidSet } from "#mailbox/api.ts";
import { areListed } from "#mailbox/keys/content-keys.ts";
import type { Query } from "#mailbox/query.ts";
import type { FolderSource } from "#mailbox/reads.ts";
import { findCandidates } from "#mailbox/search/candidates.ts";
import { markMax, MarkColumns, placeOf } from "#mailbox/search/mark-columns.ts";
import type { MarkColumn } from "#mailbox/search/mark-columns.ts";
import { isOfSubject } from "#mailbox/search/subject.ts";
import { chunkUids, TextColumns, verdictsOf } from "#mailbox/search/text-columns.ts";
import type { Store } from "#store/api.ts";

interface Columns {
  readonly flags: MarkColumns;
  readonly texts: TextColumns;
}

const columnsByStore = new WeakMap<Store, Columns>();

function columnsOf(store: Store): Columns {
  const columns = columnsByStore.get(store) ?? { flags: new MarkColumns(), texts: new TextColumns() };
  columnsByStore.set(store, columns);
  return columns;
}

/** How long the thread is kept before others get a turn. */
const turnMs = 6;
/** Texts of fewer messages than this, and of a smaller share of a chunk, are looked at in the messages. */
const fewMax = 64;
const fewShare = 8;
/** A folder whose UIDs lie further apart than this would be read in too many pieces. */
const sparseShare = 64;

/** See `Mailbox.candidates`. `hasReaders`: read marks are each reader's own. */
export async function* searchCandidates(
  ctx: Ctx, from: FolderSource, uids: UidSet, query: Query,
  { modSeqs, hasReaders }: { modSeqs: boolean; hasReaders: boolean },
): AsyncGenerator<Candidates> {
  const { flags, texts } = columnsOf(from.store);
  const depth = modSeqs || hasReaders ? undefined : columnsDepth(query);
  const column = depth === undefined ? undefined : await flags.find(ctx, from, uids);
  const isSparse = column !== undefined && depth === "texts" && column.uids.length * sparseShare < column.uidNext;
  if (column === undefined || isSparse && column.uidNext > chunkUids) {
    yield* findCandidates(ctx, { ...from, hasReaders }, uids, query, { modSeqs });
    return;
  }
  const search = new ColumnSearch(ctx, from, column, texts);
  const ranges = uids === "all" ? [{ first: 1, last: column.uidNext - 1 }] : uids;
  for (const range of ranges) yield* search.inRange(query, range);
}

type Depth = "marks" | "texts";

/** Undefined: some of the query must be looked for elsewhere. */
function columnsDepth(query: Query): Depth | undefined {
  switch (query.op) {
    case "all": case "none": case "uid": return "marks";
    case "flag": return messageFlags[query.flag] <= markMax ? "marks" : undefined;
    case "subject": return isOfSubject(query) ? "texts" : undefined;
    // Line ends stand between the texts, and nothing but these and printable characters may be told apart by them.
    case "header": return areListed([query.name]) && /^[ -~]{0,100}$/.test(query.text) ? "texts" : undefined;
    case "not": return columnsDepth(query.of);
    case "and": case "or": {
      const depths = query.of.map(columnsDepth);
      return depths.includes(undefined) ? undefined : depths.includes("texts") ? "texts" : "marks";
    }
    default: return undefined;
  }
}

/** Messages of one chunk of UIDs, as places in the column of marks. */
interface Window {
  readonly chunk: number;
  readonly start: number;
  readonly end: number;
}

/** Verdicts are 0 (no), 1 (the message must be looked at) and 2 (yes): AND is the least, OR the greatest of two. */
class ColumnSearch {
  readonly #ctx: Ctx;
  readonly #from: FolderSource;
  readonly #column: MarkColumn;
  readonly #texts: TextColumns;
  #turnEndMs: number;

  constructor(ctx: Ctx, from: FolderSource, column: MarkColumn, texts: TextColumns) {
    this.#ctx = ctx;
    this.#from = from;
    this.#column = column;
    this.#texts = texts;
    this.#turnEndMs = ctx.system.monotonicMs() + turnMs;
  }

  async *inRange(query: Query, { first, last }: UidRange): AsyncGenerator<Candidates> {
    const { uids } = this.#column;
    const stop = placeOf(uids, last + 1);
    for (let start = placeOf(uids, first); start < stop;) {
      const chunk = Math.floor(uids[start]! / chunkUids);
      const end = Math.min(stop, start + chunkUids, placeOf(uids, (chunk + 1) * chunkUids));
      const found = candidatesOf(uids.subarray(start, end), await this.#verdicts(query, { chunk, start, end }));
      if (found !== undefined) yield found;
      start = end;
      await this.#giveWay();
    }
  }

  async #verdicts(query: Query, window: Window): Promise<Uint8Array> {
    const { start, end } = window;
    const verdicts = new Uint8Array(end - start);
    switch (query.op) {
      case "all": return verdicts.fill(2);
      case "flag": {
        const { flags } = this.#column;
        const mask = messageFlags[query.flag];
        for (let at = 0; at < verdicts.length; at++) if ((flags[start + at]! & mask) !== 0) verdicts[at] = 2;
        return verdicts;
      }
      case "uid": {
        const { uids } = this.#column;
        const { ranges } = query;
        for (let at = 0, range = firstReaching(ranges, uids[start]!); at < verdicts.length; at++) {
          while (range < ranges.length && ranges[range]!.last < uids[start + at]!) range++;
          if (range < ranges.length && ranges[range]!.first <= uids[start + at]!) verdicts[at] = 2;
        }
        return verdicts;
      }
      case "subject": return await this.#textVerdicts("", query.text, window);
      case "header": return await this.#textVerdicts(query.name.toLowerCase(), query.text, window);
      case "not": {
        const of = await this.#verdicts(query.of, window);
        for (let at = 0; at < of.length; at++) verdicts[at] = 2 - of[at]!;
        return verdicts;
      }
      case "and": case "or": return await this.#joined(query.of, query.op === "and", window);
      default: return verdicts;
    }
  }

  /** Texts last: where marks have decided all they are not looked at. */
  async #joined(queries: readonly Query[], isAnd: boolean, window: Window): Promise<Uint8Array> {
    const joined = new Uint8Array(window.end - window.start).fill(isAnd ? 2 : 0);
    const deciding = isAnd ? 0 : 2;
    for (const depth of ["marks", "texts"]) {
      for (const query of queries) {
        if (columnsDepth(query) !== depth) continue;
        const verdicts = await this.#verdicts(query, window);
        let isDecided = true;
        for (let at = 0; at < joined.length; at++) {
          const one = verdicts[at]!;
          if (isAnd ? one < joined[at]! : one > joined[at]!) joined[at] = one;
          if (joined[at] !== deciding) isDecided = false;
        }
        if (isDecided) return joined;
      }
    }
    return joined;
  }

  async #textVerdicts(name: string, text: string, { chunk, start, end }: Window): Promise<Uint8Array> {
    const { uids } = this.#column;
    const window = uids.subarray(start, end);
    let known = this.#texts.known(this.#from, name, chunk, this.#column);
    if (known === undefined) {
      const inChunk = placeOf(uids, (chunk + 1) * chunkUids) - placeOf(uids, chunk * chunkUids);
      if (window.length < fewMax && window.length * fewShare < inChunk) return new Uint8Array(window.length).fill(1);
      known = await this.#texts.read(this.#ctx, this.#from, name, chunk, this.#column);
    }
    const verdicts = verdictsOf(known, window, foldText(text));
    await this.#giveWay();
    return verdicts;
  }

  async #giveWay(): Promise<void> {
    if (this.#ctx.system.monotonicMs() < this.#turnEndMs) return;
    await yieldToOthers();
    throwIfCancelled(this.#ctx);
    this.#turnEndMs = this.#ctx.system.monotonicMs() + turnMs;
  }
}

function firstReaching(ranges: readonly UidRange[], uid: number): number {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ranges[middle]!.last < uid) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Undefined: none. */
function candidatesOf(uids: Uint32Array, verdicts: Uint8Array): Candidates | undefined {
  const found: number[] = [];
  let isOpen = false;
  for (let at = 0; at < uids.length; at++) {
    if (verdicts[at] === 0) continue;
    found.push(uids[at]!);
    if (verdicts[at] === 1) isOpen = true;
  }
  if (found.length === 0) return undefined;
  const sure = isOpen ? Array.from(verdicts.filter((verdict) => verdict !== 0), (verdict) => verdict === 2) : undefined;
  return { uids: found, modSeqs: [], sure };
}
