import { WireError } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { decodePrefix, encode } from "#codec/binary/code.ts";
import { struct } from "#codec/binary/combine.ts";
import { u32 } from "#codec/binary/numbers.ts";

/** [MS-OXRTFCP] 2.1.3.1.1 */
const compressedHeader = struct({ compSize: u32, rawSize: u32, compType: u32, crc: u32 });
const headerSize = 16;
const compressedType = 0x75465a4c;
const uncompressedType = 0x414c454d;

/** What both sides know before the first byte: the commonest words of a document. [MS-OXRTFCP] 2.1.2.1 */
const preset = Buffer.from(
  "{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor " +
  "MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par " +
  "\\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx", "latin1");
const dictionarySize = 4096;
const matchSizeMin = 2;
const matchSizeMax = 17;
/** Earlier places with the same two bytes that are tried; more makes slow input slower and little smaller. */
const triesMax = 64;

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value >>> 0;
});

/** The CRC of compressed RTF: that of Ethernet, but begun with 0 and not inverted. [MS-OXRTFCP] 2.1.3.2 */
export function rtfCrc(bytes: Uint8Array): number {
  let crc = 0;
  for (let at = 0; at < bytes.length; at++) crc = crcTable[(crc ^ bytes[at]!) & 0xff]! ^ (crc >>> 8);
  return crc >>> 0;
}

export interface DecompressOptions {
  /** "repair" takes what can be read where sizes or CRC are wrong; "refuse" throws. "repair" unless told. */
  readonly damage?: "refuse" | "repair";
}

/**
 * The RTF that PidTagRtfCompressed holds, compressed or not. Throws WireError for what is neither, and with
 * `damage: "refuse"` for a wrong size or CRC. The output is at most eight times the input. [MS-OXRTFCP] 3.1.4.1
 */
export function decompressRtf(bytes: Uint8Array, options: DecompressOptions = {}): Uint8Array {
  const strict = options.damage === "refuse";
  const { value: header } = decodePrefix(compressedHeader, bytes);
  // COMPSIZE counts itself out, but not the three fields after it.
  const end = header.compSize + 4;
  if (strict && (end > bytes.length || end < headerSize)) {
    throw new WireError(`tells ${end} bytes of ${bytes.length}`, 0, "compSize");
  }
  const isWholeInput = end < headerSize || end > bytes.length;
  const content = bytes.subarray(headerSize, isWholeInput ? bytes.length : end);
  if (header.compType === uncompressedType) {
    if (strict && header.rawSize > content.length) throw new WireError("is longer than its content", 4, "rawSize");
    return content.subarray(0, Math.min(header.rawSize, content.length));
  }
  if (header.compType !== compressedType) {
    throw new WireError(`0x${header.compType.toString(16)} is no kind of compressed RTF`, 8, "compType");
  }
  if (strict && rtfCrc(content) !== header.crc) throw new WireError("does not fit the content", 12, "crc");
  if (header.rawSize > limits.messageSizeMaxBytes) {
    if (strict) throw new WireError(`${header.rawSize} bytes are more than allowed`, 4, "rawSize");
  }
  const raw = expand(content, Math.min(header.rawSize, limits.messageSizeMaxBytes));
  if (strict && raw.length < header.rawSize) throw new WireError("ends before its size is reached", bytes.length);
  return raw;
}

/** The dictionary is what was written last, so it is read from the output itself, which begins with the preset. */
function expand(content: Uint8Array, rawSize: number): Uint8Array {
  const target = preset.length + Math.min(rawSize, content.length * 8 + matchSizeMax);
  const out = new Uint8Array(target);
  out.set(preset);
  let write = preset.length;
  let read = 0;
  while (read < content.length && write < target) {
    let control = content[read++]!;
    for (let bit = 0; bit < 8 && read < content.length && write < target; bit++, control >>= 1) {
      if ((control & 1) === 0) {
        out[write++] = content[read++]!;
        continue;
      }
      if (read + 1 >= content.length) return out.subarray(preset.length, write);
      const reference = (content[read]! << 8) | content[read + 1]!;
      read += 2;
      const offset = reference >> 4;
      const distance = (write - offset) & (dictionarySize - 1);
      if (distance === 0) return out.subarray(preset.length, write);
      const size = Math.min((reference & 0xf) + matchSizeMin, target - write);
      // Before the first turn of the dictionary, places not yet written hold nothing: they read as zeros.
      for (let index = 0; index < size; index++, write++) out[write] = write < distance ? 0 : out[write - distance]!;
    }
  }
  return out.subarray(preset.length, write);
}

/** Compressed RTF that {@link decompressRtf} gives back. [MS-OXRTFCP] 3.1.4.2 */
export function compressRtf(rtf: Uint8Array): Buffer {
  const content = shrink(rtf);
  return Buffer.concat([encode(compressedHeader, {
    compSize: content.length + headerSize - 4, rawSize: rtf.length, compType: compressedType, crc: rtfCrc(content),
  }), content]);
}

/** RTF in the envelope of compressed RTF, as it is. [MS-OXRTFCP] 2.1.3.1.5 */
export function wrapRtf(rtf: Uint8Array): Buffer {
  return Buffer.concat([encode(compressedHeader, {
    compSize: rtf.length + headerSize - 4, rawSize: rtf.length, compType: uncompressedType, crc: 0,
  }), rtf]);
}

function shrink(rtf: Uint8Array): Uint8Array {
  const input = Buffer.concat([preset, rtf]);
  // Nine bytes for eight literals at worst, and the end mark.
  const out = Buffer.allocUnsafe(rtf.length + (rtf.length >> 3) + 4);
  const matcher = new Matcher(input);
  matcher.add(0, preset.length - 1);
  let at = preset.length;
  let size = 0;
  let isEnded = false;
  while (!isEnded) {
    const controlAt = size++;
    let control = 0;
    for (let bit = 0; bit < 8 && !isEnded; bit++) {
      let reference = -1;
      if (at >= input.length) {
        reference = (at & (dictionarySize - 1)) << 4;
        isEnded = true;
      } else {
        matcher.find(at);
        const step = Math.max(1, matcher.size);
        if (matcher.size > 0) reference = ((matcher.at & (dictionarySize - 1)) << 4) | (matcher.size - matchSizeMin);
        else out[size++] = input[at]!;
        // A pair ends where its second byte is known to the reader, so the pair across the border comes later.
        matcher.add(at - 1, at + step - 1);
        at += step;
      }
      if (reference < 0) continue;
      control |= 1 << bit;
      out[size++] = reference >> 8;
      out[size++] = reference & 0xff;
    }
    out[controlAt] = control;
  }
  return out.subarray(0, size);
}

/** Where each pair of bytes stood last, and from each place the one before. */
class Matcher {
  readonly #input: Uint8Array;
  readonly #last = new Int32Array(65_536).fill(-1);
  readonly #before = new Int32Array(dictionarySize);
  /** The best match {@link find} saw; size 0 for none. */
  at = 0;
  size = 0;

  constructor(input: Uint8Array) {
    this.#input = input;
  }

  add(from: number, to: number): void {
    const input = this.#input;
    for (let at = from; at < to; at++) {
      const pair = (input[at]! << 8) | input[at + 1]!;
      this.#before[at & (dictionarySize - 1)] = this.#last[pair]!;
      this.#last[pair] = at;
    }
  }

  find(at: number): void {
    const input = this.#input;
    this.size = 0;
    const longest = Math.min(matchSizeMax, input.length - at);
    if (longest < matchSizeMin) return;
    const oldest = at - dictionarySize + 1;
    let candidate = this.#last[(input[at]! << 8) | input[at + 1]!]!;
    for (let tries = 0; tries < triesMax && candidate >= 0 && candidate >= oldest; tries++) {
      let size = matchSizeMin;
      while (size < longest && input[candidate + size] === input[at + size]) size++;
      // Of equal matches the oldest, which is what the search from the dictionary's start finds first.
      if (size >= this.size) {
        this.size = size;
        this.at = candidate;
        if (size === matchSizeMax) return;
      }
      const earlier = this.#before[candidate & (dictionarySize - 1)]!;
      if (earlier >= candidate) return;
      candidate = earlier;
    }
  }
}
