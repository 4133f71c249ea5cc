import type { Migration } from "#store/schema/migration.ts";

export const mailboxStep3: Migration = {
  version: 3,
  statements: [
    // When the owner was last told that the mailbox fills up, and of which level (`mailbox/quota.ts`).
    "ALTER TABLE mailbox ADD COLUMN quota_told_ms BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE mailbox ADD COLUMN quota_told_level BIGINT NOT NULL DEFAULT 0",
    // Messages of these folders leave for Recoverable Items so many days after they came into them; 0: never.
    `CREATE TABLE folder_retention (
      mailbox_id BIGINT NOT NULL,
      folder_id BIGINT NOT NULL,
      days BIGINT NOT NULL,
      PRIMARY KEY (mailbox_id, folder_id))`,
    // What others than the owner did here, oldest first. `repeated` counts what one line stands for.
    `CREATE TABLE mailbox_audit (
      mailbox_id BIGINT NOT NULL,
      audit_id BIGINT NOT NULL,
      at_ms BIGINT NOT NULL,
      actor TEXT NOT NULL,
      logon TEXT NOT NULL,
      action TEXT NOT NULL,
      folder TEXT NOT NULL,
      detail TEXT NOT NULL,
      repeated BIGINT NOT NULL,
      PRIMARY KEY (mailbox_id, audit_id))`,
    // What readers of a public folder have read, apart from its messages: ranges of UIDs, apart from each other, each
    // with its change number. What is in no range is unread. The first table tells when anything in the second changed.
    `CREATE TABLE reader_folder (
      mailbox_id BIGINT NOT NULL,
      reader_id BIGINT NOT NULL,
      folder_id BIGINT NOT NULL,
      cn BIGINT NOT NULL,
      PRIMARY KEY (mailbox_id, reader_id, folder_id))`,
    "CREATE INDEX reader_folder_folder ON reader_folder (mailbox_id, folder_id)",
    `CREATE TABLE reader_range (
      mailbox_id BIGINT NOT NULL,
      reader_id BIGINT NOT NULL,
      folder_id BIGINT NOT NULL,
      first_uid BIGINT NOT NULL,
      last_uid BIGINT NOT NULL,
      is_read BIGINT NOT NULL,
      mod_seq BIGINT NOT NULL,
      PRIMARY KEY (mailbox_id, reader_id, folder_id, first_uid))`,
    // Annotations of folders; folder_id 0: of the mailbox as a whole. member_id: a directory entry, 0 for what all
    // share. A null value is the mark of one that was taken away.
    `CREATE TABLE annotation (
      mailbox_id BIGINT NOT NULL,
      folder_id BIGINT NOT NULL,
      member_id BIGINT NOT NULL,
      name_key TEXT NOT NULL,
      name TEXT NOT NULL,
      value BYTEA,
      cn BIGINT NOT NULL,
      PRIMARY KEY (mailbox_id, folder_id, member_id, name_key))`,
    "CREATE INDEX annotation_by_change ON annotation (mailbox_id, cn)",
    // Where a message came from when it last changed its folder, for whoever is told of moves and copies: the id it had
    // there, the folder, and how: 1 moved, 2 copied. null for what was made or delivered where it is.
    "ALTER TABLE message_detail ADD COLUMN came_from_id BIGINT",
    "ALTER TABLE message_detail ADD COLUMN came_from_folder_id BIGINT",
    "ALTER TABLE message_detail ADD COLUMN came_by BIGINT",
    // Which version of an item a client made away from the server, its name for it and the versions it knew; they hold
    // while the item's own cn is `version_cn`.
    "ALTER TABLE message_detail ADD COLUMN version_cn BIGINT",
    "ALTER TABLE message_detail ADD COLUMN change_key BYTEA",
    "ALTER TABLE message_detail ADD COLUMN predecessors BYTEA",
    // Trigrams of the texts of MIME messages as bits, under their bytes (`mailbox/search/grams.ts`); no row: not made
    // yet.
    `CREATE TABLE content_grams (
      mailbox_id BIGINT NOT NULL,
      content_id BIGINT NOT NULL,
      grams BYTEA NOT NULL,
      PRIMARY KEY (mailbox_id, content_id))`,
  ],
};
