import type { Migration } from "#store/schema/migration.ts";

/**
 * The mail queue: a message with its bytes, and one row for each recipient still to be served. A recipient that is done
 * loses its row, the last one takes the message with it. Column notes stand in `transport/queue-rows.ts`.
 */
export const queueMigrations: readonly Migration[] = [{
  version: 1,
  statements: [
    `CREATE TABLE queue_message (
      queue_id TEXT NOT NULL PRIMARY KEY,
      accepted_ms BIGINT NOT NULL,
      origin TEXT NOT NULL,
      envelope_sender TEXT NOT NULL,
      envelope_id TEXT,
      ret TEXT,
      flags BIGINT NOT NULL,
      size_bytes BIGINT NOT NULL,
      blob_hash TEXT,
      trace BYTEA NOT NULL,
      content BYTEA
    )`,
    `CREATE TABLE queue_recipient (
      queue_id TEXT NOT NULL,
      recipient_number BIGINT NOT NULL,
      address TEXT NOT NULL,
      route TEXT NOT NULL,
      mailbox_id BIGINT,
      notify BIGINT NOT NULL,
      original_recipient TEXT,
      held BIGINT NOT NULL,
      attempts BIGINT NOT NULL,
      next_attempt_ms BIGINT NOT NULL,
      lease_owner TEXT,
      delay_told BIGINT NOT NULL,
      last_attempt_ms BIGINT,
      last_reply TEXT,
      PRIMARY KEY (queue_id, recipient_number)
    )`,
    "CREATE INDEX queue_recipient_due ON queue_recipient (held, next_attempt_ms)",
    "CREATE INDEX queue_message_blob ON queue_message (blob_hash)",
  ],
}, {
  // Mail the server writes by itself: what was taken under a key is not taken again, sent or not.
  version: 2,
  statements: [
    `CREATE TABLE queue_once (
      once_key TEXT NOT NULL PRIMARY KEY,
      accepted_ms BIGINT NOT NULL
    )`,
    "CREATE INDEX queue_once_accepted ON queue_once (accepted_ms)",
  ],
}, {
  version: 3,
  statements: [
  ],
}];
