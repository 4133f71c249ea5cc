import type { Migration } from "#store/schema/migration.ts";

/** Both are read for whole folders in the order of their messages: on SQLite the rows lie in the tree of their key. */
const contentKeys = `CREATE TABLE content_keys (
      mailbox_id BIGINT NOT NULL,
      content_id BIGINT NOT NULL,
      sent_ms BIGINT,
      subject TEXT NOT NULL,
      people TEXT NOT NULL,
      ids TEXT NOT NULL,
      PRIMARY KEY (mailbox_id, content_id))`;
const contentFields = `CREATE TABLE content_fields (
      mailbox_id BIGINT NOT NULL,
      content_id BIGINT NOT NULL,
      fields TEXT,
      PRIMARY KEY (mailbox_id, content_id))`;

export const mailboxStep4: Migration = {
  version: 4,
  // Trigrams of before lack some words; the first search makes them anew.
  statements: ["DELETE FROM content_grams"],
  // What messages are sorted and threaded by, and the header fields that lists show (`mailbox/keys`), beside their
  // bytes; no row: not made yet. Null fields: not kept, the bytes tell.
  sqlite: [contentKeys, contentFields].map((text) =>
    `${text.replaceAll("BIGINT", "INTEGER")} STRICT, WITHOUT ROWID`),
  postgres: [contentKeys, contentFields],
};
