/**
 * What the full-text index can rule out when a text is looked for inside a field: messages that lack a word which every
 * text with this needle in it has. Words alone are indexed, so only those that the needle holds whole, or the beginning
 * of, tell anything.
 */
import type { Dialect } from "#store/api.ts";
import { all } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

/** A word every match has; one of its spellings, or with `isOpen` the beginning of a word. */
export interface NeededWord {
  readonly spellings: readonly string[];
  readonly isOpen: boolean;
}

/** Spellings of one word that are asked for at most; with more of them the word is left out. */
const spellingsMax = 16;
const wordsMax = 20;

/**
 * Letters that folding takes for others, though the index keeps them apart: a text may have been written with them.
 * `foldCase` of `props/compare.ts` goes through capitals, which writes ligatures and the sharp s out.
 */
const otherSpellings: readonly (readonly [string, readonly string[]])[] = [
  ["ffi", ["\ufb03"]], ["ffl", ["\ufb04"]], ["ff", ["\ufb00"]], ["fi", ["\ufb01"]], ["fl", ["\ufb02"]],
  ["ss", ["\u00df"]], ["st", ["\ufb05", "\ufb06"]], ["i", ["\u0131"]], ["s", ["\u017f"]], ["k", ["\u212a"]],
];

/** Every way to write a word in small letters; null when there are too many. */
function spellingsOf(word: string): string[] | null {
  let found: { readonly text: string; readonly at: number }[] = [{ text: "", at: 0 }];
  const done: string[] = [];
  while (found.length > 0) {
    const next: typeof found = [];
    for (const { text, at } of found) {
      if (at === word.length) {
        done.push(text);
        continue;
      }
      next.push({ text: text + word[at]!, at: at + 1 });
      for (const [plain, others] of otherSpellings) {
        if (!word.startsWith(plain, at)) continue;
        for (const other of others) next.push({ text: text + other, at: at + plain.length });
      }
    }
    if (next.length + done.length > spellingsMax) return null;
    found = next;
  }
  return done;
}

const isBreak = (character: string): boolean => /^[\x00-\x7f]$/.test(character) && !/[A-Za-z0-9]/.test(character);

/**
 * The words that every text holding `needle` has. `isAnchored`: the needle stands at the beginning of the text, so that
 * its first word begins there.
 */
export function neededWords(needle: string, isAnchored: boolean): NeededWord[] {
  const words: NeededWord[] = [];
  for (const match of needle.matchAll(/[A-Za-z0-9]+/g)) {
    const before = needle[match.index - 1];
    // What stands before may belong to the word: in the text, or as a letter that is not looked at here.
    if (before === undefined ? !isAnchored : !isBreak(before)) continue;
    const after = needle[match.index + match[0].length];
    const spellings = spellingsOf(match[0].toLowerCase());
    if (spellings === null) continue;
    words.push({ spellings, isOpen: after === undefined || !isBreak(after) });
    if (words.length === wordsMax) break;
  }
  return words;
}

const columns = {
  subject: ["subject", "A"], addresses: ["addresses", "B"], attachmentNames: ["attachment_names", "C"],
  body: ["body", "D"],
} as const;
export type TextField = keyof typeof columns;

/** Ids of the index (content ids, and item ids made negative) behind `after`, ascending, whose field has the words. */
export function* findNeeded(
  dialect: Dialect, mailboxId: number, field: TextField, words: readonly NeededWord[], after: number, limitRows: number,
): Work<number[]> {
  const [column, weight] = columns[field];
  if (dialect === "sqlite") {
    const terms = words.map(({ spellings, isOpen }) =>
      `(${spellings.map((word) => `"${word}"${isOpen ? "*" : ""}`).join(" OR ")})`);
    const rows = yield* all<{ id: number }>(
      `SELECT rowid AS id FROM message_text WHERE message_text MATCH $1 AND rowid > $2 ORDER BY rowid LIMIT $3`,
      `${column} : (${terms.join(" AND ")})`, after, limitRows);
    return rows.map((row) => row.id);
  }
  const terms = words.map(({ spellings, isOpen }) =>
    `(${spellings.map((word) => `${word}:${isOpen ? "*" : ""}${weight}`).join(" | ")})`);
  const rows = yield* all<{ id: number }>(
    `SELECT content_id AS id FROM message_text
     WHERE mailbox_id = $1 AND document @@ to_tsquery('simple', $2) AND content_id > $3 ORDER BY content_id LIMIT $4`,
    mailboxId, terms.join(" & "), after, limitRows);
  return rows.map((row) => row.id);
}
