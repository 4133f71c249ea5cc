/** What threads are made of, gathered message by message out of stored keys, as flat columns that grow. Pure. */
import type { ThreadColumns } from "#mailbox/api.ts";
import { idKeyLength } from "#mailbox/keys/content-keys.ts";

type Numbers = Uint8Array | Uint32Array | Float64Array;

/** A column with room for more. */
function grown<C extends Numbers>(column: C, sizeMin: number): C {
  if (column.length >= sizeMin) return column;
  const larger = new (column.constructor as new (size: number) => C)(Math.max(sizeMin, column.length * 2, 64));
  larger.set(column);
  return larger;
}

const digits = new Uint8Array(128).fill(0xff);
for (const [value, digit] of [..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"].entries()) {
  digits[digit.charCodeAt(0)] = value;
}

function digitsIn(text: string, start: number, end: number): number {
  let value = 0;
  for (let at = start; at < end; at++) value = value * 64 + digits[text.charCodeAt(at) & 0x7f]!;
  return value;
}

/** Mixes keys: with numbers that senders cannot know they cannot choose ids that all fall into one place. */
export type Seed = readonly [number, number];

/** Numbers for keys of {@link idKeyLength} characters, from 1 on as they first come; 0 for none. No string is held. */
class KeyNumbers {
  count = 0;
  #high = new Float64Array(64);
  #low = new Float64Array(64);
  /** Numbers by their keys, mixed; what is taken is in the next that is free. */
  #slots = new Uint32Array(128);
  readonly #seed: Seed;

  constructor(seed: Seed) {
    this.#seed = seed;
  }

  get sizeBytes(): number {
    return this.#high.byteLength + this.#low.byteLength + this.#slots.byteLength;
  }

  numberOf(text: string, at: number): number {
    // No key begins with a dot.
    if (text.charCodeAt(at) === 0x2e || at + idKeyLength > text.length) return 0;
    const high = digitsIn(text, at, at + idKeyLength / 2);
    const low = digitsIn(text, at + idKeyLength / 2, at + idKeyLength);
    let slot = this.#slotOf(high, low);
    for (let number = this.#slots[slot]!; number !== 0; number = this.#slots[slot]!) {
      if (this.#low[number] === low && this.#high[number] === high) return number;
      slot = (slot + 1) & (this.#slots.length - 1);
    }
    const number = ++this.count;
    this.#high = grown(this.#high, number + 1);
    this.#low = grown(this.#low, number + 1);
    this.#high[number] = high;
    this.#low[number] = low;
    this.#slots[slot] = number;
    if (number * 2 > this.#slots.length) this.#spread();
    return number;
  }

  #slotOf(high: number, low: number): number {
    const [a, b] = this.#seed;
    // The top bits: `slots` has a power of two of them.
    return (Math.imul(low >>> 0, a | 1) + Math.imul(high >>> 0, b | 1)) >>> Math.clz32(this.#slots.length - 1);
  }

  #spread(): void {
    this.#slots = new Uint32Array(this.#slots.length * 2);
    for (let number = 1; number <= this.count; number++) {
      let slot = this.#slotOf(this.#high[number]!, this.#low[number]!);
      while (this.#slots[slot] !== 0) slot = (slot + 1) & (this.#slots.length - 1);
      this.#slots[slot] = number;
    }
  }
}

/** Columns that were told stay as they are while more is added behind them. */
export class ThreadGatherer {
  readonly #idNumbers: KeyNumbers;
  readonly #subjectNumbers: KeyNumbers;
  #count = 0;
  #referenceCount = 0;
  #uids = new Uint32Array(64);
  #sentMs = new Float64Array(64);
  #subjects = new Uint32Array(64);
  #replies = new Uint8Array(64);
  #own = new Uint32Array(64);
  #starts = new Uint32Array(65);
  #references = new Uint32Array(64);
  #told: ThreadColumns | undefined;

  constructor(seed: Seed) {
    this.#idNumbers = new KeyNumbers(seed);
    this.#subjectNumbers = new KeyNumbers(seed);
  }

  get uids(): Uint32Array {
    return this.#uids.subarray(0, this.#count);
  }

  get sizeBytes(): number {
    const columns = [
      this.#uids, this.#sentMs, this.#subjects, this.#replies, this.#own, this.#starts, this.#references,
    ];
    return columns.reduce((sum, { byteLength }) => sum + byteLength, 0) +
      this.#idNumbers.sizeBytes + this.#subjectNumbers.sizeBytes;
  }

  /** In the order of UIDs. `ids` as they are stored; empty where there are none. */
  add(uid: number, sentMs: number, ids: string): void {
    this.#told = undefined;
    const at = this.#count++;
    if (at === this.#uids.length) this.#grow();
    this.#uids[at] = uid;
    this.#sentMs[at] = sentMs;
    this.#replies[at] = ids.charCodeAt(0) === 0x2b ? 1 : 0;
    this.#subjects[at] = this.#subjectNumbers.numberOf(ids, 1);
    this.#own[at] = this.#idNumbers.numberOf(ids, 1 + idKeyLength);
    for (let place = 1 + 2 * idKeyLength; place < ids.length; place += idKeyLength) {
      this.#references = grown(this.#references, this.#referenceCount + 1);
      this.#references[this.#referenceCount++] = this.#idNumbers.numberOf(ids, place);
    }
    this.#starts[at + 1] = this.#referenceCount;
  }

  #grow(): void {
    const size = this.#count * 2;
    this.#uids = grown(this.#uids, size);
    this.#sentMs = grown(this.#sentMs, size);
    this.#subjects = grown(this.#subjects, size);
    this.#replies = grown(this.#replies, size);
    this.#own = grown(this.#own, size);
    this.#starts = grown(this.#starts, size + 1);
  }

  /** The same object until more is added. */
  get columns(): ThreadColumns {
    const count = this.#count;
    return this.#told ??= {
      uids: this.uids, sentMs: this.#sentMs.subarray(0, count), subjects: this.#subjects.subarray(0, count),
      subjectCount: this.#subjectNumbers.count + 1, replies: this.#replies.subarray(0, count),
      own: this.#own.subarray(0, count), starts: this.#starts.subarray(0, count + 1),
      references: this.#references.subarray(0, this.#referenceCount), idCount: this.#idNumbers.count,
    };
  }
}
