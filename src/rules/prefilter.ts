/**
 * Which of many rules can apply at all. A rule that wants a text to stand in a field cannot apply when three letters of
 * that text stand nowhere in the field; thousands of rules are passed by for the few that are left to be looked at.
 */
import { foldCase } from "#props/compare.ts";

/** One of `texts` must stand in `field`, capitals not counted, or the rule does not apply. */
export interface Need<F> {
  readonly field: F;
  readonly texts: readonly string[];
}

const gramLength = 3;
/** Fewer rules are quicker looked at one by one. */
const rulesMin = 32;
/** Of a field longer than this all rules are looked at: it has most groups of three letters anyway. */
const fieldMaxCharacters = 20_000;

export class Prefilter<R, F> {
  readonly #rules: readonly R[];
  /** Places of rules, by field and by three letters of what they want. */
  readonly #byField = new Map<F, Map<string, number[]>>();
  /** Places of rules that are always looked at. */
  readonly #always: number[] = [];

  /** `needOf` gives null for a rule that may apply whatever the fields hold. */
  constructor(rules: readonly R[], needOf: (rule: R) => Need<F> | null) {
    this.#rules = rules;
    for (const [place, rule] of rules.entries()) {
      const need = rules.length < rulesMin ? null : needOf(rule);
      const texts = need?.texts.map(foldCase) ?? [];
      if (need === null || texts.some((text) => text.length < gramLength)) {
        this.#always.push(place);
        continue;
      }
      const grams = this.#byField.get(need.field) ?? new Map<string, number[]>();
      this.#byField.set(need.field, grams);
      for (const text of texts) {
        const gram = rarest(text);
        const places = grams.get(gram);
        if (places === undefined) grams.set(gram, [place]);
        else if (places.at(-1) !== place) places.push(place);
      }
    }
  }

  /** The rules that may apply, in their order. `textOf` null stands for a field that cannot be told. */
  candidates(textOf: (field: F) => string | null): readonly R[] {
    if (this.#byField.size === 0) return this.#rules;
    const places = new Set(this.#always);
    for (const [field, grams] of this.#byField) {
      const text = textOf(field);
      if (text === null || text.length > fieldMaxCharacters) return this.#rules;
      const folded = foldCase(text);
      for (let at = 0; at + gramLength <= folded.length; at++) {
        const found = grams.get(folded.slice(at, at + gramLength));
        if (found !== undefined) for (const place of found) places.add(place);
      }
    }
    return [...places].sort((a, b) => a - b).map((place) => this.#rules[place]!);
  }
}

/** Three letters of a text that few others have: those furthest from everyday letters. */
function rarest(text: string): string {
  let best = text.slice(0, gramLength);
  let bestScore = -1;
  for (let at = 0; at + gramLength <= text.length && at < 64; at++) {
    let score = 0;
    for (let letter = at; letter < at + gramLength; letter++) score += rarity[text.charCodeAt(letter) & 0x7f]!;
    if (score > bestScore) [best, bestScore] = [text.slice(at, at + gramLength), score];
  }
  return best;
}

/** By character code: 2 for what names and words seldom have, 1 for consonants, 0 for the rest. */
const rarity = Uint8Array.from({ length: 128 }, (_, code) => {
  const letter = String.fromCharCode(code);
  return /[0-9@_jqxz-]/.test(letter) ? 2 : /[bcdfghklmpvwy]/.test(letter) ? 1 : 0;
});
