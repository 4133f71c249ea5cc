/** Messages that hold words or beginnings of words, with how well they do: for searches that need not be exact. */
import type { Dialect } from "#store/api.ts";
import { toWords } from "#store/search-index.ts";
import { all } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

/** Where the words may stand: columns of the one database's index, weights of the other's. */
export const rankedFields = {
  subject: { columns: "{subject}", weights: "A" },
  addresses: { columns: "{addresses}", weights: "B" },
  body: { columns: "{body attachment_names}", weights: "CD" },
  text: { columns: "{subject addresses body attachment_names}", weights: "" },
} as const;
export type RankedField = keyof typeof rankedFields;

export interface RankedRow {
  uid: number;
  /** Greater is better; only to be compared with others of the same answer. */
  score: number;
}

const wordsMax = 20;
/** Shorter words are looked for as they are: the beginnings of too many words would match. */
const prefixMinCharacters = 3;
/** Of more messages of the mailbox that match, only the newest are looked at. */
const matchesMax = 10_000;

/**
 * Messages of a folder in which all words stand, whole or as beginnings, in any order; where there are none, those in
 * which one of them does. Case and accents do not count.
 */
export function* rankWords(
  dialect: Dialect, mailboxId: number, folderId: number, text: string, field: RankedField,
): Work<RankedRow[]> {
  const words = toWords(text).split(" ").filter((word) => word !== "").slice(0, wordsMax);
  if (words.length === 0) return [];
  const found = yield* rank(dialect, mailboxId, folderId, words, field, "all");
  if (found.length > 0 || words.length === 1) return found;
  return yield* rank(dialect, mailboxId, folderId, words, field, "any");
}

function rank(
  dialect: Dialect, mailboxId: number, folderId: number, words: readonly string[], field: RankedField,
  wants: "all" | "any",
): Work<RankedRow[]> {
  const { columns, weights } = rankedFields[field];
  const isPrefix = (word: string): boolean => word.length >= prefixMinCharacters;
  // An item made of properties has its words under its id, negative.
  const join = `SELECT m.uid AS uid, MAX(f.score) AS score FROM found f
    JOIN message m ON m.mailbox_id = $1 AND m.folder_id = $2 AND m.associated = 0
      AND (m.content_id = f.id OR m.item_id = -f.id)
    GROUP BY m.uid ORDER BY m.uid`;
  if (dialect === "sqlite") {
    const terms = words.map((word) => (isPrefix(word) ? `"${word}" *` : `"${word}"`));
    return all<RankedRow>(
      `WITH found (id, score) AS MATERIALIZED (
         SELECT rowid, -bm25(message_text, 10.0, 5.0, 1.0, 3.0) FROM message_text WHERE message_text MATCH $3
         ORDER BY rowid DESC LIMIT $4) ${join}`,
      mailboxId, folderId, `${columns} : (${terms.join(wants === "all" ? " AND " : " OR ")})`, matchesMax);
  }
  const terms = words.map((word) => `${word}:${isPrefix(word) ? "*" : ""}${weights}`);
  return all<RankedRow>(
    `WITH found (id, score) AS MATERIALIZED (
       SELECT content_id, ts_rank('{0.1, 0.3, 0.5, 1.0}', document, to_tsquery('simple', $3)) FROM message_text
       WHERE mailbox_id = $1 AND document @@ to_tsquery('simple', $3) ORDER BY content_id DESC LIMIT $4) ${join}`,
    mailboxId, folderId, terms.map((term) => term.replace(/:$/, "")).join(wants === "all" ? " & " : " | "), matchesMax);
}
