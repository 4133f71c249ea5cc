CREATE TABLE schema_version (part TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT;
INSERT INTO schema_version VALUES ('counter', 1);
INSERT INTO schema_version VALUES ('directory', 3);
INSERT INTO schema_version VALUES ('queue', 3);
CREATE TABLE counter (name TEXT NOT NULL PRIMARY KEY, value INTEGER NOT NULL) STRICT;
INSERT INTO counter VALUES ('cn', 1);
CREATE TABLE mail_domain (
        name TEXT NOT NULL PRIMARY KEY,
        is_default INTEGER NOT NULL,
        created_ms INTEGER NOT NULL,
        cn INTEGER NOT NULL
      , catch_all_id INTEGER) STRICT;
CREATE TABLE entry (
        entry_id INTEGER NOT NULL PRIMARY KEY,
        kind TEXT NOT NULL,
        address TEXT NOT NULL UNIQUE,
        display_name TEXT NOT NULL,
        name_key TEXT NOT NULL,
        mailbox_id INTEGER UNIQUE,
        legacy_dn TEXT NOT NULL,
        legacy_dn_key TEXT NOT NULL UNIQUE,
        language TEXT NOT NULL,
        quota_bytes INTEGER,
        disabled INTEGER NOT NULL,
        hidden INTEGER NOT NULL,
        protocols_off TEXT NOT NULL,
        managed_by INTEGER,
        dynamic_query TEXT,
        auto_accept INTEGER NOT NULL,
        created_ms INTEGER NOT NULL,
        cn INTEGER NOT NULL
      ) STRICT;
INSERT INTO entry VALUES (1, 'user', 'kim@example.org', 'Kim', 'kim', 7, '/o=x', '/o=x', 'en', null, 0, 0, '', null, null, 0, 1, 1);
CREATE INDEX entry_name ON entry (name_key, entry_id);
CREATE INDEX entry_cn ON entry (cn);
CREATE TABLE entry_address (
        address_key TEXT NOT NULL PRIMARY KEY,
        entry_id INTEGER NOT NULL,
        type TEXT NOT NULL,
        value TEXT NOT NULL
      ) STRICT;
CREATE INDEX entry_address_entry ON entry_address (entry_id);
CREATE TABLE entry_attribute (
        entry_id INTEGER NOT NULL,
        key TEXT NOT NULL,
        position INTEGER NOT NULL,
        text_value TEXT,
        text_key TEXT,
        binary_value BLOB,
        PRIMARY KEY (entry_id, key, position)
      ) STRICT;
CREATE INDEX entry_attribute_text ON entry_attribute (key, text_key);
CREATE TABLE group_member (
        group_id INTEGER NOT NULL,
        member_id INTEGER NOT NULL,
        PRIMARY KEY (group_id, member_id)
      ) STRICT;
CREATE INDEX group_member_member ON group_member (member_id);
CREATE TABLE entry_grant (
        target_id INTEGER NOT NULL,
        grantee_id INTEGER NOT NULL,
        access_right TEXT NOT NULL,
        PRIMARY KEY (target_id, grantee_id, access_right)
      ) STRICT;
CREATE INDEX entry_grant_grantee ON entry_grant (grantee_id);
CREATE TABLE entry_role (
        entry_id INTEGER NOT NULL,
        role TEXT NOT NULL,
        over_id INTEGER NOT NULL,
        PRIMARY KEY (entry_id, role, over_id)
      ) STRICT;
CREATE TABLE credential (
        entry_id INTEGER NOT NULL,
        name TEXT NOT NULL,
        phc TEXT NOT NULL,
        changed_ms INTEGER NOT NULL,
        PRIMARY KEY (entry_id, name)
      ) STRICT;
CREATE TABLE entry_tombstone (
        entry_id INTEGER NOT NULL PRIMARY KEY,
        kind TEXT NOT NULL,
        address TEXT NOT NULL,
        legacy_dn TEXT NOT NULL,
        cn INTEGER NOT NULL
      ) STRICT;
CREATE TABLE audit (
        audit_id INTEGER NOT NULL PRIMARY KEY,
        at_ms INTEGER NOT NULL,
        actor TEXT NOT NULL,
        action TEXT NOT NULL,
        target TEXT NOT NULL,
        detail TEXT NOT NULL,
        client TEXT NOT NULL,
        repeated INTEGER NOT NULL
      ) STRICT;
CREATE INDEX audit_at ON audit (at_ms);
CREATE TABLE server_secret (
    name TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL,
    created_ms INTEGER NOT NULL
  ) STRICT;
CREATE TABLE scram_key (
    entry_id INTEGER NOT NULL,
    credential TEXT NOT NULL,
    salt BLOB NOT NULL,
    iterations INTEGER NOT NULL,
    stored_key BLOB NOT NULL,
    server_key BLOB NOT NULL,
    PRIMARY KEY (entry_id, credential)
  ) STRICT;
CREATE TABLE app_password (
    app_password_id INTEGER NOT NULL PRIMARY KEY,
    entry_id INTEGER NOT NULL,
    label TEXT NOT NULL,
    protocols TEXT NOT NULL,
    secret_hash BLOB NOT NULL,
    created_ms INTEGER NOT NULL,
    last_used_ms INTEGER,
    last_client TEXT NOT NULL
  ) STRICT;
CREATE INDEX app_password_entry ON app_password (entry_id);
CREATE TABLE second_factor (
    entry_id INTEGER NOT NULL PRIMARY KEY,
    secret BLOB NOT NULL,
    confirmed_ms INTEGER,
    last_step INTEGER NOT NULL
  ) STRICT;
CREATE TABLE recovery_code (
    entry_id INTEGER NOT NULL,
    code_hash BLOB NOT NULL,
    PRIMARY KEY (entry_id, code_hash)
  ) STRICT;
CREATE TABLE passkey (
    credential_id TEXT NOT NULL PRIMARY KEY,
    entry_id INTEGER NOT NULL,
    label TEXT NOT NULL,
    public_key BLOB NOT NULL,
    counter INTEGER NOT NULL,
    transports TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    last_used_ms INTEGER
  ) STRICT;
CREATE INDEX passkey_entry ON passkey (entry_id);
CREATE TABLE sign_in (
    entry_id INTEGER NOT NULL,
    day INTEGER NOT NULL,
    network TEXT NOT NULL,
    device TEXT NOT NULL,
    protocol TEXT NOT NULL,
    method TEXT NOT NULL,
    client TEXT NOT NULL,
    count INTEGER NOT NULL,
    first_ms INTEGER NOT NULL,
    last_ms INTEGER NOT NULL,
    PRIMARY KEY (entry_id, network, device, day, protocol, method)
  ) STRICT;
CREATE INDEX sign_in_time ON sign_in (last_ms);
CREATE INDEX sign_in_entry ON sign_in (entry_id, last_ms);
CREATE TABLE web_session (
    token_hash BLOB NOT NULL PRIMARY KEY,
    entry_id INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    method TEXT NOT NULL,
    client TEXT NOT NULL,
    device TEXT NOT NULL
  ) STRICT;
CREATE INDEX web_session_entry ON web_session (entry_id);
CREATE INDEX web_session_expiry ON web_session (expires_ms);
CREATE TABLE oauth_row (
    model TEXT NOT NULL,
    row_id TEXT NOT NULL,
    payload TEXT NOT NULL,
    grant_id TEXT,
    uid TEXT,
    user_code TEXT,
    account TEXT,
    expires_ms INTEGER,
    PRIMARY KEY (model, row_id)
  ) STRICT;
CREATE INDEX oauth_row_grant ON oauth_row (grant_id);
CREATE INDEX oauth_row_uid ON oauth_row (model, uid);
CREATE INDEX oauth_row_account ON oauth_row (account);
CREATE INDEX oauth_row_expiry ON oauth_row (expires_ms);
CREATE INDEX audit_target ON audit (target, at_ms);
CREATE TABLE entry_setting (
    entry_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    position INTEGER NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (entry_id, name, position)
  ) STRICT;
CREATE TABLE entry_delegate (
    entry_id INTEGER NOT NULL,
    delegate_id INTEGER NOT NULL,
    meeting_copies INTEGER NOT NULL,
    sees_private INTEGER NOT NULL,
    PRIMARY KEY (entry_id, delegate_id)
  ) STRICT;
CREATE INDEX entry_delegate_delegate ON entry_delegate (delegate_id);
CREATE TABLE published_calendar (
    publish_id INTEGER NOT NULL PRIMARY KEY,
    entry_id INTEGER NOT NULL,
    folder_id INTEGER NOT NULL,
    nonce BLOB NOT NULL,
    detail TEXT NOT NULL,
    past_days INTEGER NOT NULL,
    future_days INTEGER NOT NULL,
    created_ms INTEGER NOT NULL
  ) STRICT;
CREATE UNIQUE INDEX published_calendar_folder ON published_calendar (entry_id, folder_id, detail);
CREATE TABLE queue_message (
      queue_id TEXT NOT NULL PRIMARY KEY,
      accepted_ms INTEGER NOT NULL,
      origin TEXT NOT NULL,
      envelope_sender TEXT NOT NULL,
      envelope_id TEXT,
      ret TEXT,
      flags INTEGER NOT NULL,
      size_bytes INTEGER NOT NULL,
      blob_hash TEXT,
      trace BLOB NOT NULL,
      content BLOB
    ) STRICT;
CREATE TABLE queue_recipient (
      queue_id TEXT NOT NULL,
      recipient_number INTEGER NOT NULL,
      address TEXT NOT NULL,
      route TEXT NOT NULL,
      mailbox_id INTEGER,
      notify INTEGER NOT NULL,
      original_recipient TEXT,
      held INTEGER NOT NULL,
      attempts INTEGER NOT NULL,
      next_attempt_ms INTEGER NOT NULL,
      lease_owner TEXT,
      delay_told INTEGER NOT NULL,
      last_attempt_ms INTEGER,
      last_reply TEXT,
      PRIMARY KEY (queue_id, recipient_number)
    ) STRICT;
CREATE INDEX queue_recipient_due ON queue_recipient (held, next_attempt_ms);
CREATE INDEX queue_message_blob ON queue_message (blob_hash);
CREATE TABLE queue_once (
      once_key TEXT NOT NULL PRIMARY KEY,
      accepted_ms INTEGER NOT NULL
    ) STRICT;
CREATE INDEX queue_once_accepted ON queue_once (accepted_ms);
