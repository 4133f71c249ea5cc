/**
 * The trigrams of a message as a set of bits: every three neighbouring characters of its folded texts set one bit. A
 * text that is not in the message can so be told without reading it, but for a chance that falls with each character;
 * what passes is compared with the message itself. A few hundred bytes a message, the same on every database.
 */
import { limits } from "#base/limits.ts";
import { foldText } from "#format/mime/fold.ts";
import type { MimeIndex } from "#format/mime/types.ts";
import { envelopeTexts, fieldsOf, PartReader, sectionsOf } from "#mailbox/search/texts.ts";
import type { Query } from "#mailbox/query.ts";

/** Bits of the largest set; smaller ones are it folded in halves. */
const bitsMax = 65_536;
const bitsMin = 256;
/** Bits for each trigram of a message: one in five is set then, and four trigrams let one message in 600 through. */
const bitsPerGram = 4;

/** Kept where nothing can be told: of a message that is too long to be read on arrival. */
export const unknownGrams = new Uint8Array(0);

/** The bit of three neighbouring characters of a folded text; of a smaller set its lower bits. */
export function hash(a: number, b: number, c: number): number {
  let mixed = Math.imul(a, 0x9e37_79b1) ^ Math.imul(b, 0x85eb_ca6b) ^ Math.imul(c, 0xc2b2_ae35);
  mixed ^= mixed >>> 15;
  mixed = Math.imul(mixed, 0x2c1b_3c6d);
  return (mixed ^ mixed >>> 13) & bitsMax - 1;
}

/** Gathers texts, each in pieces; a trigram never spans two texts. */
export class GramBuilder {
  readonly #bits = new Uint8Array(bitsMax / 8);
  #count = 0;

  /** Takes the pieces of one text, folded. */
  open(): (folded: string) => void {
    const bits = this.#bits;
    let first = -1;
    let second = -1;
    return (folded) => {
      for (let at = 0; at < folded.length; at++) {
        const code = folded.charCodeAt(at);
        // A body is told without NULs: what stands beside them is neighbours there.
        if (code === 0) continue;
        if (first >= 0) {
          const bit = hash(first, second, code);
          const mask = 1 << (bit & 7);
          if ((bits[bit >> 3]! & mask) === 0) {
            bits[bit >> 3]! |= mask;
            this.#count++;
          }
        }
        first = second;
        second = code;
      }
    };
  }

  end(): Uint8Array {
    let size = bitsMax;
    while (size > bitsMin && size / 2 >= this.#count * bitsPerGram) size /= 2;
    const folded = this.#bits.slice(0, size / 8);
    for (let from = size / 8; from < this.#bits.length; from += folded.length) {
      for (let at = 0; at < folded.length; at++) folded[at]! |= this.#bits[from + at]!;
    }
    return folded;
  }
}

/** Subtypes of text with tags in it, beside HTML. RFC 1896 */
const markedUp: ReadonlySet<string> = new Set(["enriched", "richtext"]);

/** Bytes read at once. */
const pieceBytes = 65_536;

/**
 * The trigrams of a message; asks for ranges of its bytes. {@link unknownGrams} when its texts are longer than
 * `limits.searchGramsMaxBytes`.
 */
export function* gramsOf(
  index: MimeIndex,
): Generator<{ readonly start: number; readonly end: number }, Uint8Array, Uint8Array> {
  const sections = sectionsOf(index);
  if (sections.reduce((sum, { start, end }) => sum + end - start, 0) > limits.searchGramsMaxBytes) return unknownGrams;
  const builder = new GramBuilder();
  for (const text of envelopeTexts(index.envelope)) builder.open()(foldText(text));
  for (const { kind, start, end, part } of sections) {
    if (kind !== "text") {
      for (const { folded } of fieldsOf(yield { start, end })) builder.open()(folded);
      continue;
    }
    // As it stands, and its words, of which bodies are made.
    const shown = markedUp.has(part.subtype) ? { ...part, subtype: "html" } : part;
    const reader = new PartReader(shown, () => builder.open());
    for (let at = start; at < end; at += pieceBytes) {
      reader.write(yield { start: at, end: Math.min(end, at + pieceBytes) });
    }
    reader.end();
  }
  return builder.end();
}

/** The bits of one message within a longer text, two hexadecimal digits a byte, whatever their case. */
export interface GramDigits {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** Whether a message may hold a text, from its bits alone. */
export type GramTest = (grams: GramDigits) => boolean | undefined;

export function isSet({ text, start, end }: GramDigits, bit: number): boolean {
  const place = bit & (end - start) * 4 - 1;
  // The first digit of a byte has its higher bits.
  const code = text.charCodeAt(start + (place >> 2 ^ 1));
  const digit = code < 0x3a ? code - 0x30 : (code & 0xf) + 9;
  return (digit & 1 << (place & 3)) !== 0;
}

function mayHold(text: string): GramTest | undefined {
  const folded = foldText(text);
  if (folded.length < 3 || folded.includes("\0")) return undefined;
  const bits = new Set<number>();
  for (let at = 2; at < folded.length; at++) {
    bits.add(hash(folded.charCodeAt(at - 2), folded.charCodeAt(at - 1), folded.charCodeAt(at)));
  }
  const wanted = [...bits];
  return (grams) => {
    for (const bit of wanted) if (!isSet(grams, bit)) return false;
    return undefined;
  };
}

/** A query decided by trigrams as far as they can; undefined when no message could be by them alone. */
export function gramTest(query: Query): GramTest | undefined {
  switch (query.op) {
    case "subject": case "from": case "to": case "cc": case "bcc": case "header": case "body": case "text":
      return mayHold(query.text);
    case "not": {
      const test = gramTest(query.of);
      return test === undefined ? undefined : (grams) => (test(grams) === false ? true : undefined);
    }
    case "and": return joined(query.of, false);
    case "or": return joined(query.of, true);
    default: return undefined;
  }
}

/** `deciding`: false for AND, true for OR. One part that says so decides; for the other verdict all must be known. */
function joined(queries: readonly Query[], deciding: boolean): GramTest | undefined {
  const tests = queries.map(gramTest);
  if (tests.every((test) => test === undefined)) return undefined;
  return (grams) => {
    let isDecided = true;
    for (const test of tests) {
      const verdict = test?.(grams);
      if (verdict === deciding) return deciding;
      if (verdict === undefined) isDecided = false;
    }
    return isDecided ? !deciding : undefined;
  };
}

/** Somewhere in the query bytes would have to be read: then trigrams are worth being made. */
export function looksAtBytes(query: Query): boolean {
  switch (query.op) {
    case "body": case "text": case "header": return query.text !== "";
    case "not": return looksAtBytes(query.of);
    case "and": case "or": return query.of.some(looksAtBytes);
    default: return false;
  }
}
