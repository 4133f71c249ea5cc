import { directoryMigrations } from "#store/schema/server-directory.ts";
import { queueMigrations } from "#store/schema/server-queue.ts";
import type { Migration } from "#store/schema/migration.ts";

/** Named counters of the server's own data; `cn` is its change number. */
const counterMigrations: readonly Migration[] = [{
  version: 1,
  statements: [`CREATE TABLE counter (name TEXT NOT NULL PRIMARY KEY, value BIGINT NOT NULL)`],
}];

/** Each part of the server's data counts its versions by itself. */
export const serverSchemas = {
  counter: counterMigrations,
  directory: directoryMigrations,
  queue: queueMigrations,
} as const satisfies Record<string, readonly Migration[]>;
