import { get } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

/** Takes the next number of a named counter of the server's data; the first is 1. Only inside a procedure. */
export function* takeCounter(name: string): Work<number> {
  const row = yield* get<{ value: number }>(
    `INSERT INTO counter (name, value) VALUES ($1, 1)
     ON CONFLICT (name) DO UPDATE SET value = counter.value + 1 RETURNING value`, name);
  return row!.value;
}

/** Takes the next change number of the server's data; every procedure that changes it does so once. */
export function takeServerCn(): Work<number> {
  return takeCounter("cn");
}
