/**
 * Inputs for decoders: real files and short examples, damaged. Chance comes from a seed, so that each input can be made
 * again from the seed of the run and its number.
 */
import { Random } from "../../test/support/random.ts";

/** Longest input of a decoder that does not say otherwise. */
const inputMaxBytesDefault = 256 * 1024;

export interface Material {
  readonly seeds: readonly Uint8Array[];
  /** Words of the format, put in and repeated. */
  readonly tokens: readonly Uint8Array[];
  /** Made of lines: whole lines are moved about too. */
  readonly isText: boolean;
  /** Makes sizes and checksums right again, so that damage reaches what lies behind them; half of the inputs. */
  readonly repair?: ((bytes: Buffer) => Buffer) | undefined;
  readonly inputMaxBytes?: number | undefined;
}

/** Numbers at the edges of what fields hold. */
const edges = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0x0001_0000];
const texts = ["0", "-1", "1", "255", "65536", "2147483648", "4294967296", "99999999999999999999", "1e9", ""];

type Mutation = (bytes: Buffer, random: Random, material: Material) => Buffer;

function splice(bytes: Buffer, at: number, removed: number, put: Uint8Array): Buffer {
  return Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at + removed)]);
}

function stretch(bytes: Buffer, random: Random): { at: number; size: number } {
  const at = random.integer(0, bytes.length + 1);
  return { at, size: Math.min(bytes.length - at, 1 << random.integer(0, 12)) };
}

const mutations: readonly Mutation[] = [
  (bytes, random) => {
    const copy = Buffer.from(bytes);
    if (copy.length > 0) copy[random.integer(0, copy.length)] = random.integer(0, 256);
    return copy;
  },
  (bytes, random) => {
    const copy = Buffer.from(bytes);
    const at = random.integer(0, copy.length + 1);
    if (at < copy.length) copy[at] = copy[at]! ^ (1 << random.integer(0, 8));
    return copy;
  },
  (bytes, random) => {
    const { at, size } = stretch(bytes, random);
    return splice(bytes, at, size, Buffer.alloc(0));
  },
  (bytes, random) => {
    const { at, size } = stretch(bytes, random);
    return splice(bytes, at, 0, bytes.subarray(at, at + size));
  },
  (bytes, random) => {
    const { at, size } = stretch(bytes, random);
    return splice(bytes, at, size, Buffer.alloc(size, random.pick([0, 0xff, 0x0a, 0x20, 0x2d])));
  },
  (bytes, random) => {
    const { at, size } = stretch(bytes, random);
    return splice(bytes, at, random.chance(0.5) ? size : 0, random.bytes(size));
  },
  // A field of 2 or 4 bytes gets a number at an edge, or one more or less.
  (bytes, random) => {
    const copy = Buffer.from(bytes);
    const size = random.pick([2, 4]);
    if (copy.length < size) return copy;
    const at = random.integer(0, copy.length - size + 1);
    const near = random.chance(0.3) ? copy.readUIntLE(at, size) + random.integer(-2, 3) : random.pick(edges);
    copy.writeUIntLE((near >>> 0) % 2 ** (8 * size), at, size);
    return copy;
  },
  // A number in digits becomes another.
  (bytes, random) => {
    const found = [...bytes.toString("latin1", 0, 64 * 1024).matchAll(/\d+/g)];
    if (found.length === 0) return bytes;
    const one = random.pick(found);
    return splice(bytes, one.index, one[0].length, Buffer.from(random.pick(texts)));
  },
  (bytes, random, { tokens }) => {
    if (tokens.length === 0) return bytes;
    const { at, size } = stretch(bytes, random);
    return splice(bytes, at, random.chance(0.3) ? Math.min(size, 16) : 0, random.pick(tokens));
  },
  // Another file's bytes come in.
  (bytes, random, { seeds }) => {
    if (seeds.length === 0) return bytes;
    const other = Buffer.from(random.pick(seeds));
    const from = stretch(other, random);
    const { at, size } = stretch(bytes, random);
    return splice(bytes, at, random.chance(0.5) ? size : 0, other.subarray(from.at, from.at + from.size));
  },
  (bytes, random) => bytes.subarray(0, random.integer(0, bytes.length + 1)),
];

/** A word, a line or a stretch, very often: what is quadratic or recursive shows itself. */
function repeat(bytes: Buffer, random: Random, { tokens, isText }: Material, sizeMax: number): Buffer {
  const { at, size } = stretch(bytes, random);
  let unit: Uint8Array = bytes.subarray(at, at + Math.min(size, 64));
  if (tokens.length > 0 && random.chance(0.7)) unit = random.pick(tokens);
  else if (isText && random.chance(0.5)) unit = lineAt(bytes, at);
  if (unit.length === 0) return bytes;
  const room = Math.max(0, sizeMax - bytes.length);
  const times = Math.min(Math.floor(room / unit.length), 1 << random.integer(4, 19));
  return splice(bytes, at, 0, Buffer.concat(new Array<Uint8Array>(times).fill(unit)));
}

function lineAt(bytes: Buffer, at: number): Buffer {
  const start = at === 0 ? 0 : bytes.lastIndexOf(0x0a, at - 1) + 1;
  const end = bytes.indexOf(0x0a, at);
  return bytes.subarray(start, end < 0 ? bytes.length : end + 1);
}

/** Lines doubled, dropped, swapped, joined, or one of another file. */
function ofLines(bytes: Buffer, random: Random, { seeds }: Material): Buffer {
  const at = random.integer(0, bytes.length + 1);
  const line = lineAt(bytes, at);
  const start = line.byteOffset - bytes.byteOffset;
  switch (random.integer(0, 5)) {
    case 0: return splice(bytes, start, line.length, Buffer.alloc(0));
    case 1: return splice(bytes, start, 0, line);
    case 2: {
      const other = lineAt(bytes, random.integer(0, bytes.length + 1));
      return splice(bytes, start, line.length, Buffer.from(other));
    }
    case 3: return splice(bytes, start + line.length, 0, random.pick([Buffer.from(" "), Buffer.from("\t\r\n")]));
    default: {
      const other = Buffer.from(seeds.length === 0 ? bytes : random.pick(seeds));
      return splice(bytes, start, 0, Buffer.from(lineAt(other, random.integer(0, other.length + 1))));
    }
  }
}

/** Input number `number` of a run. */
export function makeInput(seed: number, number: number, material: Material): Buffer {
  const random = new Random((seed ^ Math.imul(number + 1, 0x9e3779b1)) >>> 0);
  const { seeds, isText, repair } = material;
  const sizeMax = material.inputMaxBytes ?? inputMaxBytesDefault;
  if (seeds.length === 0 || random.chance(0.03)) return random.bytes(random.integer(0, 2000));
  let bytes: Buffer = Buffer.from(random.pick(seeds)).subarray(0, sizeMax);
  for (let left = random.integer(1, 1 << random.integer(1, 5)); left > 0; left--) {
    bytes = isText && random.chance(0.3) ? ofLines(bytes, random, material)
      : random.pick(mutations)(bytes, random, material);
  }
  if (random.chance(0.1)) bytes = repeat(bytes, random, material, sizeMax);
  bytes = bytes.subarray(0, sizeMax);
  return repair !== undefined && random.chance(0.5) ? repair(Buffer.from(bytes)) : bytes;
}

/** The shortest input found that `isBad` still says true of, within a number of tries. */
export function minimize(bytes: Buffer, isBad: (bytes: Buffer) => boolean, triesMax: number): Buffer {
  let best = bytes;
  let tries = 0;
  for (let size = Math.max(1, best.length >> 1); size >= 1 && tries < triesMax; size = size === 1 ? 0 : size >> 1) {
    for (let at = 0; at < best.length && tries < triesMax;) {
      const shorter = splice(best, at, Math.min(size, best.length - at), Buffer.alloc(0));
      tries++;
      if (isBad(shorter)) best = shorter;
      else at += size;
    }
  }
  return best;
}
