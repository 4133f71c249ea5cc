import type { Migration } from "#store/schema/migration.ts";

/**
 * Items as properties: what is derived from a message's bytes, properties too large for lists, and places in time.
 * Nothing is parsed here; what old rows lack is filled in later, in slices (`mailbox.fill_item`).
 */
export const mailboxItems: Migration = {
  version: 2,
  statements: [
    // 0: the bytes are what came; `bag`, if any, holds what clients set beside them. 1: `bag` is the item, and bytes
    // are rendered from it when IMAP or POP3 ask.
    "ALTER TABLE message_detail ADD COLUMN origin BIGINT NOT NULL DEFAULT 0",
    "UPDATE message_detail SET origin = 1 WHERE bag IS NOT NULL",
    "ALTER TABLE message_detail ADD COLUMN sensitivity BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE message_detail ADD COLUMN display_to TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE message_detail ADD COLUMN display_cc TEXT NOT NULL DEFAULT ''",
    // What joins a conversation; null for what belongs to none.
    "ALTER TABLE message_detail ADD COLUMN conversation_key BYTEA",
    // Of an item made of properties; null: that of its bytes.
    "ALTER TABLE message_detail ADD COLUMN item_size_bytes BIGINT",
    // null: not changed since it came.
    "ALTER TABLE message_detail ADD COLUMN modified_ms BIGINT",
    // What stands elsewhere, as bits: 1 in item_value, 2 in item_time, 4 words in the search index under -item_id.
    "ALTER TABLE message_detail ADD COLUMN extras BIGINT NOT NULL DEFAULT 0",
    // Why bytes could not be understood as more than plain mail.
    "ALTER TABLE message_detail ADD COLUMN trouble TEXT",
    "CREATE INDEX message_by_conversation ON message_detail (mailbox_id, conversation_key)",
    "CREATE INDEX message_by_conversation_id ON message_detail (mailbox_id, conversation_id)",
    // Properties of an item that are too large for its bag, each as a bag of one.
    `CREATE TABLE item_value (
      mailbox_id BIGINT NOT NULL,
      item_id BIGINT NOT NULL,
      property_tag BIGINT NOT NULL,
      value BYTEA NOT NULL,
      PRIMARY KEY (mailbox_id, item_id, property_tag))`,
    // Only for items that stand somewhere in time. Of a series: its first start and last end.
    `CREATE TABLE item_time (
      mailbox_id BIGINT NOT NULL,
      item_id BIGINT NOT NULL,
      start_ms BIGINT,
      end_ms BIGINT,
      recurring BIGINT NOT NULL,
      busy_status BIGINT,
      global_object_id BYTEA,
      reminder_ms BIGINT,
      PRIMARY KEY (mailbox_id, item_id))`,
    "CREATE INDEX item_time_by_start ON item_time (mailbox_id, start_ms)",
    "CREATE INDEX item_time_by_object ON item_time (mailbox_id, global_object_id)",
    "CREATE INDEX item_time_by_reminder ON item_time (mailbox_id, reminder_ms)",
    // Properties of the message itself as its bytes tell them, without bodies; made at the first look and shared by
    // copies. Named ones stand under ids from 0x8000 on, in the order of `head_names`.
    "ALTER TABLE mime ADD COLUMN head BYTEA",
    "ALTER TABLE mime ADD COLUMN head_names TEXT",
    // The directory entry of whoever made it; null for the owner, for deliveries, and for what came before.
    "ALTER TABLE message_detail ADD COLUMN creator_id BIGINT",
    "CREATE INDEX message_creator ON message_detail (mailbox_id, creator_id) WHERE creator_id IS NOT NULL",
    // What is hidden from those who were let into a folder, found without looking at the rest.
    "CREATE INDEX message_private ON message_detail (mailbox_id, item_id) WHERE sensitivity = 2",
    // The change number of the newest change of permission entries or of the tree of folders.
    "ALTER TABLE mailbox ADD COLUMN access_cn BIGINT NOT NULL DEFAULT 0",
    // Columns of items below this are still to be filled; 0: none.
    "ALTER TABLE mailbox ADD COLUMN fill_item BIGINT NOT NULL DEFAULT 0",
    "UPDATE mailbox SET fill_item = next_item",
  ],
};
