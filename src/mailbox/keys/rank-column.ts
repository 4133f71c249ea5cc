/** A key of many messages as numbers that compare as the keys do. Pure, in steps. */
import { sorting, valuesPerStep } from "#base/turns.ts";
import type { Steps } from "#base/turns.ts";
import { inOrder } from "#format/mime/base-subject.ts";
import type { Work } from "#store/sql.ts";

export class RankColumn {
  /** Ascending. */
  readonly uids: Uint32Array;
  readonly ranks: Float64Array;
  /** Each rank once, ascending, and a message that has it; empty where the keys are numbers themselves. */
  readonly #distinct: Float64Array;
  readonly #holders: Uint32Array;

  constructor(uids: Uint32Array, ranks: Float64Array, distinct: Float64Array, holders: Uint32Array) {
    this.uids = uids;
    this.ranks = ranks;
    this.#distinct = distinct;
    this.#holders = holders;
  }

  get sizeBytes(): number {
    return this.uids.byteLength + this.ranks.byteLength + this.#distinct.byteLength + this.#holders.byteLength;
  }

  /** With more messages whose keys are numbers. */
  withNumbers(uids: readonly number[], numbers: readonly number[]): RankColumn {
    return new RankColumn(joined(this.uids, uids), joined(this.ranks, numbers), this.#distinct, this.#holders);
  }

  /**
   * With more messages, each between those known. `keyOf` reads the key of one of these; where it is gone, or no
   * number is left between two, it gives undefined.
   */
  *withTexts(
    uids: readonly number[], texts: readonly string[], keyOf: (uid: number) => Work<string | undefined>,
  ): Work<RankColumn | undefined> {
    let count = this.#distinct.length;
    const distinct = new Float64Array(count + uids.length);
    distinct.set(this.#distinct);
    const holders = new Uint32Array(count + uids.length);
    holders.set(this.#holders);
    const ranks: number[] = [];
    const own = new Map<number, string>();
    for (const [at, uid] of uids.entries()) {
      const text = inOrder(texts[at]!);
      let low = 0;
      let high = count;
      let rank: number | undefined;
      while (low < high && rank === undefined) {
        const middle = (low + high) >>> 1;
        const holder = holders[middle]!;
        const found = own.get(holder) ?? (yield* keyOf(holder));
        if (found === undefined) return undefined;
        const other = inOrder(found);
        if (other === text) rank = distinct[middle]!;
        else if (other < text) low = middle + 1;
        else high = middle;
      }
      if (rank === undefined) {
        rank = between(distinct[low - 1], low < count ? distinct[low] : undefined);
        if (rank === undefined) return undefined;
        distinct.copyWithin(low + 1, low, count);
        distinct[low] = rank;
        holders.copyWithin(low + 1, low, count);
        holders[low] = uid;
        count++;
        own.set(uid, texts[at]!);
      }
      ranks.push(rank);
    }
    return new RankColumn(
      joined(this.uids, uids), joined(this.ranks, ranks), distinct.slice(0, count), holders.slice(0, count));
  }
}

function between(before: number | undefined, behind: number | undefined): number | undefined {
  if (before === undefined) return (behind ?? 1) - 1;
  if (behind === undefined) return before + 1;
  const middle = (before + behind) / 2;
  return middle > before && middle < behind ? middle : undefined;
}

function joined<C extends Uint32Array | Float64Array>(column: C, more: readonly number[]): C {
  const whole = new (column.constructor as new (size: number) => C)(column.length + more.length);
  whole.set(column);
  whole.set(more, column.length);
  return whole;
}

/** Of folded texts, or of numbers written out; beside `uids`, which ascend. */
export function* ranksOf(uids: readonly number[], texts: readonly string[], areNumbers: boolean): Steps<RankColumn> {
  const ranks = new Float64Array(texts.length);
  if (areNumbers) {
    for (let at = 0; at < texts.length; at++) {
      if (at % valuesPerStep === 0) yield;
      ranks[at] = Number(texts[at]);
    }
    return new RankColumn(Uint32Array.from(uids), ranks, new Float64Array(0), new Uint32Array(0));
  }
  /** The same text often comes again: it is sorted once. */
  const numbers = new Map<string, number>();
  const distinct: { readonly text: string; readonly number: number; readonly holder: number }[] = [];
  for (let at = 0; at < texts.length; at++) {
    if (at % valuesPerStep === 0) yield;
    const text = texts[at]!;
    let number = numbers.get(text);
    if (number === undefined) {
      number = distinct.length;
      numbers.set(text, number);
      distinct.push({ text: inOrder(text), number, holder: uids[at]! });
    }
    ranks[at] = number;
  }
  const sorted = yield* sorting(distinct, (a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0));
  const rankOf = new Float64Array(sorted.length);
  const holders = new Uint32Array(sorted.length);
  const each = new Float64Array(sorted.length);
  for (let rank = 0; rank < sorted.length; rank++) {
    if (rank % valuesPerStep === 0) yield;
    rankOf[sorted[rank]!.number] = rank;
    holders[rank] = sorted[rank]!.holder;
    each[rank] = rank;
  }
  for (let at = 0; at < ranks.length; at++) ranks[at] = rankOf[ranks[at]!]!;
  return new RankColumn(Uint32Array.from(uids), ranks, each, holders);
}
