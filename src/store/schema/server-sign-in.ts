/**
 * Version 2 of the directory's tables: everything people sign in with besides their password.
 *
 * - `server_secret`: keys of this server (cookies, SCRAM salts, token signing), made at first need.
 * - `scram_key`: what SCRAM needs of each password, all of one account made with one salt. `credential` is `password`
 *   or `app:ID`.
 * - `app_password`: one for each device; `secret_hash` is SHA-256 of a random secret; `protocols` is a comma list.
 * - `second_factor`: the secret of the one-time codes; `confirmed_ms` null until a code was right once; `last_step` is
 *   the newest code used, so that none counts twice.
 * - `sign_in`: successful sign-ins summed up by day, program and network; also what makes a device a known one.
 * - `web_session`: browsers signed in to the account pages; the cookie is kept as its SHA-256.
 * - `oauth_row`: rows of the token provider, by its own model names.
 */
export const signInStatements: readonly string[] = [
  `CREATE TABLE server_secret (
    name TEXT NOT NULL PRIMARY KEY,
    value BYTEA NOT NULL,
    created_ms BIGINT NOT NULL
  )`,
  `CREATE TABLE scram_key (
    entry_id BIGINT NOT NULL,
    credential TEXT NOT NULL,
    salt BYTEA NOT NULL,
    iterations BIGINT NOT NULL,
    stored_key BYTEA NOT NULL,
    server_key BYTEA NOT NULL,
    PRIMARY KEY (entry_id, credential)
  )`,
  `CREATE TABLE app_password (
    app_password_id BIGINT NOT NULL PRIMARY KEY,
    entry_id BIGINT NOT NULL,
    label TEXT NOT NULL,
    protocols TEXT NOT NULL,
    secret_hash BYTEA NOT NULL,
    created_ms BIGINT NOT NULL,
    last_used_ms BIGINT,
    last_client TEXT NOT NULL
  )`,
  `CREATE INDEX app_password_entry ON app_password (entry_id)`,
  `CREATE TABLE second_factor (
    entry_id BIGINT NOT NULL PRIMARY KEY,
    secret BYTEA NOT NULL,
    confirmed_ms BIGINT,
    last_step BIGINT NOT NULL
  )`,
  `CREATE TABLE recovery_code (
    entry_id BIGINT NOT NULL,
    code_hash BYTEA NOT NULL,
    PRIMARY KEY (entry_id, code_hash)
  )`,
  `CREATE TABLE passkey (
    credential_id TEXT NOT NULL PRIMARY KEY,
    entry_id BIGINT NOT NULL,
    label TEXT NOT NULL,
    public_key BYTEA NOT NULL,
    counter BIGINT NOT NULL,
    transports TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    last_used_ms BIGINT
  )`,
  `CREATE INDEX passkey_entry ON passkey (entry_id)`,
  `CREATE TABLE sign_in (
    entry_id BIGINT NOT NULL,
    day BIGINT NOT NULL,
    network TEXT NOT NULL,
    device TEXT NOT NULL,
    protocol TEXT NOT NULL,
    method TEXT NOT NULL,
    client TEXT NOT NULL,
    count BIGINT NOT NULL,
    first_ms BIGINT NOT NULL,
    last_ms BIGINT NOT NULL,
    PRIMARY KEY (entry_id, network, device, day, protocol, method)
  )`,
  `CREATE INDEX sign_in_time ON sign_in (last_ms)`,
  `CREATE INDEX sign_in_entry ON sign_in (entry_id, last_ms)`,
  `CREATE TABLE web_session (
    token_hash BYTEA NOT NULL PRIMARY KEY,
    entry_id BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    method TEXT NOT NULL,
    client TEXT NOT NULL,
    device TEXT NOT NULL
  )`,
  `CREATE INDEX web_session_entry ON web_session (entry_id)`,
  `CREATE INDEX web_session_expiry ON web_session (expires_ms)`,
  `CREATE TABLE oauth_row (
    model TEXT NOT NULL,
    row_id TEXT NOT NULL,
    payload TEXT NOT NULL,
    grant_id TEXT,
    uid TEXT,
    user_code TEXT,
    account TEXT,
    expires_ms BIGINT,
    PRIMARY KEY (model, row_id)
  )`,
  `CREATE INDEX oauth_row_grant ON oauth_row (grant_id)`,
  `CREATE INDEX oauth_row_uid ON oauth_row (model, uid)`,
  `CREATE INDEX oauth_row_account ON oauth_row (account)`,
  `CREATE INDEX oauth_row_expiry ON oauth_row (expires_ms)`,
  `CREATE INDEX audit_target ON audit (target, at_ms)`,
];
