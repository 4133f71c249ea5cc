/**
 * What trigrams tell of a text that is compared as properties are: with capitals and small letters as one
 * (`foldCase`), which folds a few characters otherwise than the search in messages does (`foldText`). Only runs of
 * ASCII letters and digits are looked at: however lines are joined and unstuffed, those stay together.
 */
import { foldText } from "#format/mime/fold.ts";
import { hash, isSet } from "#mailbox/search/grams.ts";
import type { GramTest } from "#mailbox/search/grams.ts";
import { foldCase } from "#props/compare.ts";

/** Trigrams of one text that are looked at; more make no difference. */
const gramsMax = 40;

/** Characters that the two foldings write differently, with ASCII letters in one of them: ligatures and their like. */
const others = [..."\ufb00\ufb01\ufb02\ufb03\ufb04\ufb05\ufb06\u0149\u01f0\u1e96\u1e97\u1e98\u1e99\u1e9a\u00df"]
  .map((character) => ({ compared: foldCase(character), kept: foldText(character) }));

/** undefined where it tells nothing; the test gives false for a message that cannot hold the text. */
export function runTest(needle: string): GramTest | undefined {
  const groups: number[][] = [];
  for (const [run] of needle.matchAll(/[A-Za-z0-9]{3,}/g)) {
    for (let at = 0; at + 3 <= run.length && groups.length < gramsMax; at++) {
      const spellings = spellingsOf(run.slice(at, at + 3));
      if (spellings !== null) groups.push(spellings.map((one) =>
        hash(one.charCodeAt(0), one.charCodeAt(1), one.charCodeAt(2))));
    }
  }
  if (groups.length === 0) return undefined;
  return (grams) => {
    for (const bits of groups) if (!bits.some((bit) => isSet(grams, bit))) return false;
    return undefined;
  };
}

/** Every way in which trigrams have three characters; null where they may have fewer. */
function spellingsOf(three: string): string[] | null {
  const small = three.toLowerCase();
  const found = new Set([three.toUpperCase()]);
  for (const { compared, kept } of others) {
    for (let from = 1 - compared.length; from < 3; from++) {
      const [start, end] = [Math.max(0, from), Math.min(3, from + compared.length)];
      if (small.slice(start, end) !== compared.slice(start - from, end - from)) continue;
      if (kept.length === compared.length) {
        const part = kept.slice(start - from, end - from);
        for (const one of [...found]) found.add(one.slice(0, start) + part + one.slice(end));
      } else if (end - start === 1) {
        // One character for several: at the edge it stands for the letter that is looked at.
        for (const one of [...found]) found.add(one.slice(0, start) + kept + one.slice(end));
      } else return null;
    }
  }
  return [...found];
}
