/** Many ids as one parameter: what is done to a set of rows takes one statement, whatever the size of the set. */
import type { Dialect } from "#store/api.ts";

/** The parameter for {@link numberRows}. */
export function numberList(numbers: Iterable<number>): string {
  return `[${[...numbers].join(",")}]`;
}

/**
 * A table of `position` (from 0) and `value`, to stand in FROM under the name `list`; `parameter` is `$2` or such. The
 * LIMIT keeps SQLite from walking the table it is joined with instead of the list.
 */
export function numberRows(dialect: Dialect, parameter: string): string {
  return dialect === "sqlite" ? `(SELECT key AS position, value FROM json_each(${parameter}) LIMIT -1) AS list`
    : `(SELECT ordinality - 1 AS position, CAST(element AS BIGINT) AS value
        FROM json_array_elements_text(CAST(${parameter} AS JSON)) WITH ORDINALITY AS e (element, ordinality)) AS list`;
}

/** The numbers alone, for `IN`. */
export function numberSet(dialect: Dialect, parameter: string): string {
  return dialect === "sqlite" ? `(SELECT value FROM json_each(${parameter}))`
    : `(SELECT CAST(element AS BIGINT) FROM json_array_elements_text(CAST(${parameter} AS JSON)) AS e (element))`;
}
