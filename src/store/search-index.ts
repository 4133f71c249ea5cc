/** The full-text index of a mailbox: FTS5 on SQLite, tsvector on PostgreSQL. Fed on arrival, in the same commit. */
import type { Dialect, Transaction } from "#store/api.ts";
import { numberSet } from "#store/number-list.ts";
import { all, run } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

/** Readable text of a message by where it stands. */
export interface SearchFields {
  readonly subject: string;
  readonly addresses: string;
  readonly body: string;
  readonly attachmentNames: string;
}

/** PostgreSQL refuses a tsvector over 1 MiB; this many characters of a message, all fields together, stay below it. */
const postgresTextMax = 200_000;

/**
 * The words of a text as `unicode61 remove_diacritics 2` cuts them, parted by spaces, so that both databases find the
 * same: PostgreSQL's own parser would take an address or a path for one word.
 */
export function toWords(text: string): string {
  return text.normalize("NFD").replace(/[\u0300-\u036f]+/g, "").toLowerCase().replace(/[^\p{L}\p{N}]+/gu, " ");
}

export function* addToSearchIndex(tx: Transaction, contentId: number, fields: SearchFields): Work<void> {
  if (tx.dialect === "sqlite") {
    yield* run(
      "INSERT INTO message_text (rowid, subject, addresses, body, attachment_names) VALUES ($1, $2, $3, $4, $5)",
      contentId, fields.subject, fields.addresses, fields.body, fields.attachmentNames);
    return;
  }
  let left = postgresTextMax;
  const cut = (text: string): string => {
    const words = toWords(text.slice(0, left)).slice(0, left);
    left -= words.length;
    return words;
  };
  // In the order of their worth: a long body loses its end, not the subject.
  const [subject, addresses, names] = [cut(fields.subject), cut(fields.addresses), cut(fields.attachmentNames)];
  yield* run(
    `INSERT INTO message_text (mailbox_id, content_id, document) VALUES ($1, $2,
       setweight(to_tsvector('simple', $3), 'A') || setweight(to_tsvector('simple', $4), 'B') ||
       setweight(to_tsvector('simple', $5), 'C') || setweight(to_tsvector('simple', $6), 'D'))`,
    tx.scope, contentId, subject, addresses, names, cut(fields.body));
}

export function* removeFromSearchIndex(tx: Transaction, contentId: number): Work<void> {
  if (tx.dialect === "sqlite") yield* run("DELETE FROM message_text WHERE rowid = $1", contentId);
  else yield* run("DELETE FROM message_text WHERE mailbox_id = $1 AND content_id = $2", tx.scope, contentId);
}

/** The entries of many contents; `contentIds` is a `numberList`. */
export function* removeManyFromSearchIndex(tx: Transaction, contentIds: string): Work<void> {
  if (tx.dialect === "sqlite") {
    yield* run(`DELETE FROM message_text WHERE rowid IN ${numberSet("sqlite", "$1")}`, contentIds);
  } else {
    yield* run(`DELETE FROM message_text WHERE mailbox_id = $1 AND content_id IN ${numberSet("postgres", "$2")}`,
      tx.scope, contentIds);
  }
}

const wordsMax = 50;

/**
 * UIDs of visible messages in a folder that hold all the words, ascending. The words of MIME messages stand under their
 * content, those of items made of properties under their item id, negative.
 */
export function* findWords(dialect: Dialect, mailboxId: number, folderId: number, words: string): Work<number[]> {
  // With the marks that follow a letter: the index takes "e" and an accent for the one letter they make.
  const terms = words.match(/[\p{L}\p{N}][\p{L}\p{N}\p{M}]*/gu)?.slice(0, wordsMax) ?? [];
  if (terms.length === 0) return [];
  const rows = dialect === "sqlite"
    ? yield* all<{ uid: number }>(
      // Not a join: the index takes "rowid = NULL" for no condition at all, and finds every message without bytes.
      `WITH found (id) AS MATERIALIZED (SELECT rowid FROM message_text WHERE message_text MATCH $3)
       SELECT m.uid FROM message m
       WHERE m.mailbox_id = $1 AND m.folder_id = $2 AND m.associated = 0
         AND (m.content_id IN (SELECT id FROM found) OR -m.item_id IN (SELECT id FROM found)) ORDER BY m.uid`,
      mailboxId, folderId, terms.map((term) => `"${term}"`).join(" "))
    : yield* all<{ uid: number }>(
      `WITH found (id) AS MATERIALIZED (
         SELECT content_id FROM message_text WHERE mailbox_id = $1 AND document @@ plainto_tsquery('simple', $3))
       SELECT m.uid FROM message m
       WHERE m.mailbox_id = $1 AND m.folder_id = $2 AND m.associated = 0
         AND (m.content_id IN (SELECT id FROM found) OR -m.item_id IN (SELECT id FROM found)) ORDER BY m.uid`,
      mailboxId, folderId, toWords(terms.join(" ")));
  return rows.map((row) => row.uid);
}
