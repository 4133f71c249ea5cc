/**
 * Version 2 of the directory's tables: working together.
 *
 * - `entry_setting`: what can be set on an entry beside its columns, one row for each value; names and meanings are in
 *   `directory/settings.ts`.
 * - `entry_delegate`: who acts for whom. Rights on folders stand in the mailbox, Send on Behalf in `entry_grant`; here
 *   is what only delegates have. [MS-OXODLGT] 2.2.2.2
 */
export const sharingStatements: readonly string[] = [
  `CREATE TABLE entry_setting (
    entry_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    position BIGINT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (entry_id, name, position)
  )`,
  `CREATE TABLE entry_delegate (
    entry_id BIGINT NOT NULL,
    delegate_id BIGINT NOT NULL,
    meeting_copies BIGINT NOT NULL,
    sees_private BIGINT NOT NULL,
    PRIMARY KEY (entry_id, delegate_id)
  )`,
  `CREATE INDEX entry_delegate_delegate ON entry_delegate (delegate_id)`,
];
