/**
 * Sets of identifiers and change numbers, as synchronization states hold them: for each replica its counters, packed
 * by the bytes they begin with. [MS-OXCFXICS] 2.2.2.3, 2.2.2.4, 2.2.2.6
 */
import { WireError } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { guidToBytes, guidToText } from "#codec/binary/bytes.ts";

/** Counters from `low` to `high`, both of them. */
export interface CounterRange {
  readonly low: number;
  readonly high: number;
}

/** A set of 48-bit counters, kept as ascending ranges that do not touch. */
export class CounterSet {
  #ranges: CounterRange[];

  constructor(ranges: Iterable<CounterRange> = []) {
    this.#ranges = joined([...ranges]);
  }

  static of(counters: Iterable<number>): CounterSet {
    // Sorted as numbers, and no range made for each: a client is given hundreds of thousands at once.
    const sorted = Float64Array.from(counters).sort();
    const ranges: { low: number; high: number }[] = [];
    for (const counter of sorted) {
      const last = ranges.at(-1);
      if (last !== undefined && counter <= last.high + 1) last.high = counter;
      else ranges.push({ low: counter, high: counter });
    }
    const set = new CounterSet();
    set.#ranges = ranges;
    return set;
  }

  get ranges(): readonly CounterRange[] {
    return this.#ranges;
  }

  get isEmpty(): boolean {
    return this.#ranges.length === 0;
  }

  get highest(): number {
    return this.#ranges.at(-1)?.high ?? 0;
  }

  has(counter: number): boolean {
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#ranges[middle]!.high < counter) low = middle + 1;
      else high = middle;
    }
    return low < this.#ranges.length && this.#ranges[low]!.low <= counter;
  }

  /** The set with these as well. */
  with(ranges: Iterable<CounterRange>): CounterSet {
    return new CounterSet([...this.#ranges, ...ranges]);
  }

  without(other: CounterSet): CounterSet {
    const left: CounterRange[] = [];
    let index = 0;
    for (const { low, high } of this.#ranges) {
      let from = low;
      while (index < other.#ranges.length && other.#ranges[index]!.high < from) index++;
      for (let at = index; at < other.#ranges.length && other.#ranges[at]!.low <= high; at++) {
        const taken = other.#ranges[at]!;
        if (taken.low > from) left.push({ low: from, high: taken.low - 1 });
        from = taken.high + 1;
      }
      if (from <= high) left.push({ low: from, high });
    }
    return new CounterSet(left);
  }

  /** Every counter, one by one: only for sets that are known to be small. */
  *[Symbol.iterator](): Iterator<number> {
    for (const { low, high } of this.#ranges) for (let counter = low; counter <= high; counter++) yield counter;
  }
}

function joined(ranges: CounterRange[]): CounterRange[] {
  ranges.sort((a, b) => a.low - b.low);
  const found: { low: number; high: number }[] = [];
  for (const { low, high } of ranges) {
    const last = found.at(-1);
    if (last !== undefined && low <= last.high + 1) last.high = Math.max(last.high, high);
    else found.push({ low, high });
  }
  return found;
}

const counterBytes = 6;
const commands = { end: 0x00, bitmask: 0x42, pop: 0x50, range: 0x52 } as const;
const bitsOfMask = 8;

const bytesOf = (counter: number): Buffer => {
  const bytes = Buffer.alloc(counterBytes);
  bytes.writeUIntBE(counter, 0, counterBytes);
  return bytes;
};

/** A GLOBSET. [MS-OXCFXICS] 2.2.2.6 */
export function encodeGlobSet(set: CounterSet): Buffer {
  const pieces: Uint8Array[] = [];
  if (!set.isEmpty) {
    encodeUnder(set.ranges.map(({ low, high }) => ({ low: bytesOf(low), high: bytesOf(high) })), 0, pieces);
  }
  pieces.push(Uint8Array.of(commands.end));
  return Buffer.concat(pieces);
}

interface PackedRange {
  readonly low: Buffer;
  readonly high: Buffer;
}

/** Ranges whose first `depth` bytes are on the stack already. */
function encodeUnder(ranges: readonly PackedRange[], depth: number, pieces: Uint8Array[]): void {
  const first = ranges[0]!.low;
  const last = ranges.at(-1)!.high;
  let common = depth;
  while (common < counterBytes && first[common] === last[common]) common++;
  if (common > depth) pieces.push(Uint8Array.of(common - depth), first.subarray(depth, common));
  if (common === counterBytes) return;
  if (ranges.length === 1) pushRange(ranges[0]!, common, pieces);
  else if (common === counterBytes - 1) encodeLastBytes(ranges, pieces);
  else encodeGroups(ranges, common, pieces);
  if (common > depth) pieces.push(Uint8Array.of(commands.pop));
}

function pushRange({ low, high }: PackedRange, depth: number, pieces: Uint8Array[]): void {
  pieces.push(Uint8Array.of(commands.range), low.subarray(depth), high.subarray(depth));
}

/** Those with the same next byte go together; one that spans several is written as it is. */
function encodeGroups(ranges: readonly PackedRange[], depth: number, pieces: Uint8Array[]): void {
  for (let index = 0; index < ranges.length;) {
    const { low, high } = ranges[index]!;
    if (low[depth] !== high[depth]) {
      pushRange(ranges[index]!, depth, pieces);
      index++;
      continue;
    }
    let end = index + 1;
    while (end < ranges.length && ranges[end]!.high[depth] === low[depth]) end++;
    encodeUnder(ranges.slice(index, end), depth, pieces);
    index = end;
  }
}

function encodeLastBytes(ranges: readonly PackedRange[], pieces: Uint8Array[]): void {
  const at = counterBytes - 1;
  for (let index = 0; index < ranges.length;) {
    const start = ranges[index]!.low[at]!;
    let mask = 0;
    let end = index;
    for (; end < ranges.length && ranges[end]!.high[at]! <= start + bitsOfMask; end++) {
      for (let value = ranges[end]!.low[at]!; value <= ranges[end]!.high[at]!; value++) {
        if (value > start) mask |= 1 << (value - start - 1);
      }
    }
    if (end - index > 1) {
      pieces.push(Uint8Array.of(commands.bitmask, start, mask));
      index = end;
    } else {
      encodeUnder(ranges.slice(index, index + 1), at, pieces);
      index++;
    }
  }
}

/** Reads GLOBSETs one after the other. */
class GlobSetReader {
  readonly #bytes: Buffer;
  #at = 0;
  #rangesLeft: number = limits.mapiSetRangesMax;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  take(size: number): Buffer {
    const from = this.#at;
    if (size > this.#bytes.length - from) throw new WireError("a set of identifiers is cut off", from);
    this.#at += size;
    return this.#bytes.subarray(from, this.#at);
  }

  globSet(): CounterSet {
    const ranges: CounterRange[] = [];
    const stack: Buffer[] = [];
    let prefix = Buffer.alloc(0);
    const counterOf = (tail: Uint8Array): number => Buffer.concat([prefix, tail]).readUIntBE(0, counterBytes);
    const add = (low: number, high: number): void => {
      if (low > high) throw new WireError(`a range of identifiers goes from ${low} down to ${high}`, this.#at);
      if (--this.#rangesLeft < 0) throw new WireError("a set of identifiers has too many ranges", this.#at);
      ranges.push({ low, high });
    };
    for (;;) {
      const command = this.take(1)[0]!;
      if (command === commands.end) {
        if (stack.length > 0) throw new WireError("a set of identifiers ends inside a group", this.#at);
        return new CounterSet(ranges);
      } else if (command === commands.pop) {
        const popped = stack.pop();
        if (popped === undefined) throw new WireError("a set of identifiers ends a group that never began", this.#at);
        prefix = prefix.subarray(0, prefix.length - popped.length);
      } else if (command === commands.bitmask) {
        if (prefix.length !== counterBytes - 1) throw new WireError("a bitmask needs five bytes before it", this.#at);
        const operands = this.take(2);
        const mask = operands[1]!;
        const base = counterOf(operands.subarray(0, 1));
        add(base, base);
        for (let bit = 0; bit < bitsOfMask; bit++) if ((mask & (1 << bit)) !== 0) add(base + bit + 1, base + bit + 1);
      } else if (command === commands.range) {
        const left = counterBytes - prefix.length;
        add(counterOf(this.take(left)), counterOf(this.take(left)));
      } else if (command <= counterBytes && prefix.length + command <= counterBytes) {
        const pushed = this.take(command);
        if (prefix.length + command === counterBytes) {
          const counter = counterOf(pushed);
          add(counter, counter);
        } else {
          stack.push(pushed);
          prefix = Buffer.concat([prefix, pushed]);
        }
      } else {
        throw new WireError(`0x${command.toString(16)} is no command of a set of identifiers`, this.#at);
      }
    }
  }
}

/** The sets of a state, each behind the GUID of its replica, in order of the GUIDs' bytes. [MS-OXCFXICS] 2.2.2.4.2 */
export function encodeIdSet(sets: ReadonlyMap<string, CounterSet>): Buffer {
  const pieces: { guid: Buffer; set: CounterSet }[] = [];
  for (const [replicaGuid, set] of sets) {
    if (set.isEmpty) continue;
    const guid = Buffer.alloc(16);
    guidToBytes(replicaGuid, guid);
    pieces.push({ guid, set });
  }
  pieces.sort((a, b) => a.guid.compare(b.guid));
  return Buffer.concat(pieces.flatMap(({ guid, set }) => [guid, encodeGlobSet(set)]));
}

/** What a client sends back as its state. Throws WireError for what is no set or too large. */
export function decodeIdSet(bytes: Uint8Array): Map<string, CounterSet> {
  const reader = new GlobSetReader(bytes);
  const sets = new Map<string, CounterSet>();
  while (!reader.isAtEnd) {
    const replicaGuid = guidToText(reader.take(16));
    const set = reader.globSet();
    sets.set(replicaGuid, sets.get(replicaGuid)?.with(set.ranges) ?? set);
  }
  return sets;
}

/** Sets that hold for one answer, each behind the id of its replica: what was deleted, read, unread. 2.2.2.4.1 */
export function encodeShortIdSet(replicaId: number, set: CounterSet): Buffer {
  if (set.isEmpty) return Buffer.alloc(0);
  const id = Buffer.alloc(2);
  id.writeUInt16LE(replicaId);
  return Buffer.concat([id, encodeGlobSet(set)]);
}
