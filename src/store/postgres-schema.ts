/** The schema on PostgreSQL: one database holds the server's data and every mailbox. */
import { Fault } from "#base/fault.ts";
import { mailboxMigrations } from "#store/schema/mailbox.ts";
import type { Migration } from "#store/schema/migration.ts";
import { serverSchemas } from "#store/schema/server.ts";
import type { Connection } from "#store/postgres-values.ts";

/** Which mailboxes exist: what a file for each is on SQLite. */
const scopeMigrations: readonly Migration[] = [{
  version: 1,
  statements: ["CREATE TABLE mailbox_scope (mailbox_id BIGINT NOT NULL PRIMARY KEY)"],
}];

const parts: Record<string, readonly Migration[]> = {
  scope: scopeMigrations, ...serverSchemas, mailbox: mailboxMigrations,
};

/** Order of text is that of its bytes, as on SQLite, whatever the locale of the database. */
function toPostgresSchema(text: string): string {
  return /^\s*(?:CREATE|ALTER) TABLE/i.test(text) ? text.replace(/\bTEXT\b/g, 'TEXT COLLATE "C"') : text;
}

/** Every table that holds rows of mailboxes, from the migrations themselves. */
export const mailboxTables: readonly string[] = [...scopeMigrations, ...mailboxMigrations]
  .flatMap((migration) => [...migration.statements, ...migration.postgres ?? []])
  .flatMap((text) => /^\s*CREATE TABLE (\w+)/i.exec(text)?.[1] ?? []);

/** Locks of this program among those of the database: this many bits up from the scope. */
const lockSpace = 0x4f50n << 47n;
const migrationLock = lockSpace - 1n;

export function scopeLock(scope: number): bigint {
  return lockSpace + BigInt(scope);
}

/** Brings the whole database to the newest version; several servers that start together do it once. */
export async function migratePostgres(connection: Connection): Promise<void> {
  const encoding = await connection.query("SHOW server_encoding");
  if ((encoding.rows[0] as { server_encoding: string }).server_encoding !== "UTF8") {
    throw new Fault("notSupported", "The PostgreSQL database must be made with ENCODING 'UTF8'.");
  }
  await connection.query(`BEGIN; SET LOCAL statement_timeout = 0; SELECT pg_advisory_xact_lock(${migrationLock})`);
  try {
    await connection.query(
      "CREATE TABLE IF NOT EXISTS schema_version (part TEXT PRIMARY KEY, version BIGINT NOT NULL)");
    const { rows } = await connection.query("SELECT part, version FROM schema_version");
    const versions = new Map((rows as { part: string; version: number }[]).map((row) => [row.part, row.version]));
    for (const [part, migrations] of Object.entries(parts)) await migratePart(connection, part, migrations, versions);
    await connection.query("COMMIT");
  } catch (error) {
    await connection.query("ROLLBACK");
    throw error;
  }
}

async function migratePart(
  connection: Connection, part: string, migrations: readonly Migration[], versions: ReadonlyMap<string, number>,
): Promise<void> {
  const current = versions.get(part) ?? 0;
  const newest = migrations.at(-1)?.version ?? 0;
  if (current === newest) return;
  if (current > newest) {
    throw new Fault("notSupported", `The database was written by a newer Outpost (${part} version ${current}, this ` +
      `program knows ${newest}). Start the newer program, or restore the backup made before the upgrade.`);
  }
  for (const migration of migrations.filter((row) => row.version > current)) {
    for (const text of migration.statements) await connection.query(toPostgresSchema(text));
    for (const text of migration.postgres ?? []) await connection.query(text);
  }
  await connection.query({
    text: `INSERT INTO schema_version (part, version) VALUES ($1, $2)
      ON CONFLICT (part) DO UPDATE SET version = excluded.version`,
    values: [part, newest],
  });
}
