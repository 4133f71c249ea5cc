import type { Migration } from "#store/schema/migration.ts";
import { sharingStatements } from "#store/schema/server-sharing.ts";
import { signInStatements } from "#store/schema/server-sign-in.ts";

const step3Statements: readonly string[] = [
  // Calendars that whoever has the link may read. The link is made of `nonce` with a key of the server.
  `CREATE TABLE published_calendar (
    publish_id BIGINT NOT NULL PRIMARY KEY,
    entry_id BIGINT NOT NULL,
    folder_id BIGINT NOT NULL,
    nonce BYTEA NOT NULL,
    detail TEXT NOT NULL,
    past_days BIGINT NOT NULL,
    future_days BIGINT NOT NULL,
    created_ms BIGINT NOT NULL
  )`,
  `CREATE UNIQUE INDEX published_calendar_folder ON published_calendar (entry_id, folder_id, detail)`,
  // Who gets what is addressed to nobody of a domain.
  "ALTER TABLE mail_domain ADD COLUMN catch_all_id BIGINT",
];

/**
 * The directory's tables in the server's data, as forward migrations. A step that was released is never edited: a
 * change is a new step. Common SQL subset of `store/sql.ts`.
 *
 * Version 1:
 * - `entry`: everyone and everything with a name. `address` is the primary address, normalised; `name_key` and
 *   `text_key` are lower case for finding. `protocols_off` is a comma list of switches that are off.
 * - `entry_address`: each address of each entry, `type` smtp or a foreign one (x500, sip, …); `address_key` is the
 *   normalised address, or `type:value` for foreign ones.
 * - `entry_grant`: what a person or group may do with somebody else's mailbox.
 * - `entry_role`: `over_id` 0 means over everybody.
 * - `entry_tombstone`: what is gone, so that an offline address book can say so.
 * - `audit`: administrative changes and failed sign-ins.
 */
export const directoryMigrations: readonly Migration[] = [
  {
    version: 1,
    statements: [
      `CREATE TABLE mail_domain (
        name TEXT NOT NULL PRIMARY KEY,
        is_default BIGINT NOT NULL,
        created_ms BIGINT NOT NULL,
        cn BIGINT NOT NULL
      )`,
      `CREATE TABLE entry (
        entry_id BIGINT NOT NULL PRIMARY KEY,
        kind TEXT NOT NULL,
        address TEXT NOT NULL UNIQUE,
        display_name TEXT NOT NULL,
        name_key TEXT NOT NULL,
        mailbox_id BIGINT UNIQUE,
        legacy_dn TEXT NOT NULL,
        legacy_dn_key TEXT NOT NULL UNIQUE,
        language TEXT NOT NULL,
        quota_bytes BIGINT,
        disabled BIGINT NOT NULL,
        hidden BIGINT NOT NULL,
        protocols_off TEXT NOT NULL,
        managed_by BIGINT,
        dynamic_query TEXT,
        auto_accept BIGINT NOT NULL,
        created_ms BIGINT NOT NULL,
        cn BIGINT NOT NULL
      )`,
      `CREATE INDEX entry_name ON entry (name_key, entry_id)`,
      `CREATE INDEX entry_cn ON entry (cn)`,
      `CREATE TABLE entry_address (
        address_key TEXT NOT NULL PRIMARY KEY,
        entry_id BIGINT NOT NULL,
        type TEXT NOT NULL,
        value TEXT NOT NULL
      )`,
      `CREATE INDEX entry_address_entry ON entry_address (entry_id)`,
      `CREATE TABLE entry_attribute (
        entry_id BIGINT NOT NULL,
        key TEXT NOT NULL,
        position BIGINT NOT NULL,
        text_value TEXT,
        text_key TEXT,
        binary_value BYTEA,
        PRIMARY KEY (entry_id, key, position)
      )`,
      `CREATE INDEX entry_attribute_text ON entry_attribute (key, text_key)`,
      `CREATE TABLE group_member (
        group_id BIGINT NOT NULL,
        member_id BIGINT NOT NULL,
        PRIMARY KEY (group_id, member_id)
      )`,
      `CREATE INDEX group_member_member ON group_member (member_id)`,
      `CREATE TABLE entry_grant (
        target_id BIGINT NOT NULL,
        grantee_id BIGINT NOT NULL,
        access_right TEXT NOT NULL,
        PRIMARY KEY (target_id, grantee_id, access_right)
      )`,
      `CREATE INDEX entry_grant_grantee ON entry_grant (grantee_id)`,
      `CREATE TABLE entry_role (
        entry_id BIGINT NOT NULL,
        role TEXT NOT NULL,
        over_id BIGINT NOT NULL,
        PRIMARY KEY (entry_id, role, over_id)
      )`,
      `CREATE TABLE credential (
        entry_id BIGINT NOT NULL,
        name TEXT NOT NULL,
        phc TEXT NOT NULL,
        changed_ms BIGINT NOT NULL,
        PRIMARY KEY (entry_id, name)
      )`,
      `CREATE TABLE entry_tombstone (
        entry_id BIGINT NOT NULL PRIMARY KEY,
        kind TEXT NOT NULL,
        address TEXT NOT NULL,
        legacy_dn TEXT NOT NULL,
        cn BIGINT NOT NULL
      )`,
      `CREATE TABLE audit (
        audit_id BIGINT NOT NULL PRIMARY KEY,
        at_ms BIGINT NOT NULL,
        actor TEXT NOT NULL,
        action TEXT NOT NULL,
        target TEXT NOT NULL,
        detail TEXT NOT NULL,
        client TEXT NOT NULL,
        repeated BIGINT NOT NULL
      )`,
      `CREATE INDEX audit_at ON audit (at_ms)`,
    ],
  },
  { version: 2, statements: [...signInStatements, ...sharingStatements] },
  { version: 3, statements: step3Statements },
];
