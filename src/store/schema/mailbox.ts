import { mailboxItems } from "#store/schema/mailbox-items.ts";
import { mailboxStep3 } from "#store/schema/mailbox-step-3.ts";
import { mailboxStep4 } from "#store/schema/mailbox-step-4.ts";
import type { Migration } from "#store/schema/migration.ts";

/**
 * One mailbox. Every key starts with `mailbox_id` so that the same text serves a file for each mailbox and one big
 * database. Ids are 48-bit counters; `cn` columns are change numbers; times are UTC milliseconds.
 */
export const mailboxMigrations: readonly Migration[] = [{
  version: 1,
  statements: [
    // Counters and totals, one row. `cn` is the mailbox's single change number.
    `CREATE TABLE mailbox (
      mailbox_id BIGINT NOT NULL PRIMARY KEY,
      guid BYTEA NOT NULL,
      replica_guid BYTEA NOT NULL,
      language TEXT NOT NULL,
      created_ms BIGINT NOT NULL,
      cn BIGINT NOT NULL,
      next_counter BIGINT NOT NULL,
      next_item BIGINT NOT NULL,
      next_content BIGINT NOT NULL,
      next_uid_validity BIGINT NOT NULL,
      next_property_id BIGINT NOT NULL,
      message_count BIGINT NOT NULL,
      size_bytes BIGINT NOT NULL)`,
    // Known replicas: 1 is our own; others come with items written elsewhere. [MS-OXCDATA] 2.2.1.1
    `CREATE TABLE replica (
      mailbox_id BIGINT NOT NULL,
      replica_id BIGINT NOT NULL,
      guid BYTEA NOT NULL,
      PRIMARY KEY (mailbox_id, replica_id))`,
    `CREATE TABLE folder (
      mailbox_id BIGINT NOT NULL,
      folder_id BIGINT NOT NULL,
      parent_id BIGINT,
      name TEXT NOT NULL,
      name_key TEXT NOT NULL,
      role TEXT,
      container_class TEXT NOT NULL,
      hidden BIGINT NOT NULL,
      search_folder BIGINT NOT NULL,
      cn BIGINT NOT NULL,
      created_ms BIGINT NOT NULL,
      modified_ms BIGINT NOT NULL,
      uid_validity BIGINT NOT NULL,
      uid_next BIGINT NOT NULL,
      highest_cn BIGINT NOT NULL,
      message_count BIGINT NOT NULL,
      unread_count BIGINT NOT NULL,
      associated_count BIGINT NOT NULL,
      size_bytes BIGINT NOT NULL,
      bag BYTEA,
      PRIMARY KEY (mailbox_id, folder_id))`,
    `CREATE UNIQUE INDEX folder_by_name ON folder (mailbox_id, parent_id, name_key)`,
    `CREATE INDEX folder_by_change ON folder (mailbox_id, cn)`,
    // Narrow on purpose: lists, flags and change queries read only this table.
    `CREATE TABLE message (
      mailbox_id BIGINT NOT NULL,
      item_id BIGINT NOT NULL,
      message_id BIGINT NOT NULL,
      folder_id BIGINT NOT NULL,
      uid BIGINT NOT NULL,
      associated BIGINT NOT NULL,
      flags BIGINT NOT NULL,
      keywords TEXT,
      cn BIGINT NOT NULL,
      read_cn BIGINT NOT NULL,
      mod_seq BIGINT NOT NULL,
      size_bytes BIGINT NOT NULL,
      internal_ms BIGINT NOT NULL,
      saved_ms BIGINT NOT NULL,
      content_id BIGINT,
      PRIMARY KEY (mailbox_id, item_id))`,
    `CREATE UNIQUE INDEX message_by_uid ON message (mailbox_id, folder_id, associated, uid)`,
    `CREATE UNIQUE INDEX message_by_id ON message (mailbox_id, message_id)`,
    `CREATE INDEX message_by_change ON message (mailbox_id, folder_id, mod_seq)`,
    `CREATE INDEX message_by_content ON message (mailbox_id, content_id)`,
    `CREATE TABLE message_detail (
      mailbox_id BIGINT NOT NULL,
      item_id BIGINT NOT NULL,
      message_class TEXT NOT NULL,
      subject TEXT NOT NULL,
      normalized_subject TEXT NOT NULL,
      from_name TEXT NOT NULL,
      from_address TEXT NOT NULL,
      sent_ms BIGINT,
      message_id_header TEXT NOT NULL,
      in_reply_to TEXT NOT NULL,
      has_attachments BIGINT NOT NULL,
      importance BIGINT NOT NULL,
      preview TEXT NOT NULL,
      conversation_id BYTEA,
      -- An embedded message: the attachment it is inside of; it has no row in message.
      owner_attachment_id BIGINT,
      -- Where a message in Recoverable Items came from.
      deleted_from_id BIGINT,
      bag BYTEA,
      PRIMARY KEY (mailbox_id, item_id))`,
    `CREATE TABLE recipient (
      mailbox_id BIGINT NOT NULL,
      item_id BIGINT NOT NULL,
      row_id BIGINT NOT NULL,
      kind BIGINT NOT NULL,
      display_name TEXT NOT NULL,
      address_type TEXT NOT NULL,
      address TEXT NOT NULL,
      bag BYTEA,
      PRIMARY KEY (mailbox_id, item_id, row_id))`,
    `CREATE TABLE attachment (
      mailbox_id BIGINT NOT NULL,
      attachment_id BIGINT NOT NULL,
      item_id BIGINT NOT NULL,
      number BIGINT NOT NULL,
      method BIGINT NOT NULL,
      file_name TEXT NOT NULL,
      size_bytes BIGINT NOT NULL,
      content_id BIGINT,
      embedded_item_id BIGINT,
      bag BYTEA,
      PRIMARY KEY (mailbox_id, attachment_id))`,
    `CREATE UNIQUE INDEX attachment_by_item ON attachment (mailbox_id, item_id, number)`,
    `CREATE INDEX attachment_by_content ON attachment (mailbox_id, content_id)`,
    // `bytes` first, then the blob's: small content is all `bytes`; for a large message `bytes` holds the lines put
    // in front at delivery, so that one blob serves all its recipients. `refs` once counted users; it tells nothing.
    `CREATE TABLE content (
      mailbox_id BIGINT NOT NULL,
      content_id BIGINT NOT NULL,
      refs BIGINT NOT NULL,
      size_bytes BIGINT NOT NULL,
      hash TEXT,
      bytes BYTEA,
      PRIMARY KEY (mailbox_id, content_id))`,
    // What parsing found, once, for each MIME message.
    `CREATE TABLE mime (
      mailbox_id BIGINT NOT NULL,
      content_id BIGINT NOT NULL,
      mime_index TEXT NOT NULL,
      PRIMARY KEY (mailbox_id, content_id))`,
    // kind: 1 message, 2 folder, 3 associated message.
    `CREATE TABLE tombstone (
      mailbox_id BIGINT NOT NULL,
      kind BIGINT NOT NULL,
      object_id BIGINT NOT NULL,
      folder_id BIGINT NOT NULL,
      uid BIGINT NOT NULL,
      cn BIGINT NOT NULL,
      PRIMARY KEY (mailbox_id, kind, object_id))`,
    `CREATE INDEX tombstone_by_change ON tombstone (mailbox_id, folder_id, cn)`,
    // [MS-OXCPRPT] 2.2.12: ids 0x8000 to 0xFFFE, given out once.
    `CREATE TABLE named_property (
      mailbox_id BIGINT NOT NULL,
      property_id BIGINT NOT NULL,
      property_set BYTEA NOT NULL,
      lid BIGINT NOT NULL,
      name TEXT NOT NULL,
      PRIMARY KEY (mailbox_id, property_id))`,
    `CREATE UNIQUE INDEX named_property_by_name ON named_property (mailbox_id, property_set, lid, name)`,
    `CREATE TABLE subscription (
      mailbox_id BIGINT NOT NULL,
      name TEXT NOT NULL,
      PRIMARY KEY (mailbox_id, name))`,
    // member_id: a directory entry; 0 is Default, -1 Anonymous. [MS-OXCPERM] 2.2.1
    `CREATE TABLE folder_permission (
      mailbox_id BIGINT NOT NULL,
      folder_id BIGINT NOT NULL,
      member_id BIGINT NOT NULL,
      rights BIGINT NOT NULL,
      PRIMARY KEY (mailbox_id, folder_id, member_id))`,
    // What has been delivered, so that a delivery repeated after a crash does nothing.
    `CREATE TABLE delivery (
      mailbox_id BIGINT NOT NULL,
      delivery_id TEXT NOT NULL,
      delivered_ms BIGINT NOT NULL,
      PRIMARY KEY (mailbox_id, delivery_id))`,
    `CREATE INDEX delivery_by_time ON delivery (mailbox_id, delivered_ms)`,
  ],
  // The words of each content row, shared by copies as the bytes are; on SQLite under its id as rowid.
  sqlite: [
    `CREATE VIRTUAL TABLE message_text USING fts5(subject, addresses, body, attachment_names,
      content='', contentless_delete=1, tokenize='unicode61 remove_diacritics 2')`,
    `CREATE INDEX message_by_header ON message_detail (mailbox_id, message_id_header)`,
  ],
  postgres: [
    // By hash: an ordered index refuses a text of more than 2704 bytes, and a header line may be longer.
    `CREATE INDEX message_by_header ON message_detail USING hash (message_id_header)`,
    `CREATE TABLE message_text (
      mailbox_id BIGINT NOT NULL,
      content_id BIGINT NOT NULL,
      document TSVECTOR NOT NULL,
      PRIMARY KEY (mailbox_id, content_id))`,
    `CREATE INDEX message_text_words ON message_text USING GIN (document)`,
  ],
}, mailboxItems, mailboxStep3, mailboxStep4];
