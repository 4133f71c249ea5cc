/**
 * One SQL text for SQLite and PostgreSQL. Bodies of reads and transactions are generators that yield statements; the
 * driver runs them, in place on SQLite and with awaits on PostgreSQL. A generator cannot wait for anything else, so a
 * transaction is never held open by the network or a timer.
 *
 * Common subset: `$1` parameters, upserts with ON CONFLICT, RETURNING, BIGINT, BYTEA, TEXT, DOUBLE PRECISION. Booleans
 * are 0 and 1 in BIGINT columns. Whole numbers stay below 2^53. Texts hold any character: U+0000, which PostgreSQL
 * cannot keep, is escaped on its way there and back; half a surrogate pair becomes U+FFFD on both.
 */
export type SqlValue = null | number | bigint | string | Uint8Array;

export interface Statement {
  readonly text: string;
  readonly values: readonly SqlValue[];
  /** What the caller wants back: all rows, or only how many rows changed. */
  readonly wants: "rows" | "count";
}

export type SqlRow = Record<string, SqlValue>;

/** What the driver hands back for a statement. */
export interface StatementResult {
  readonly rows: readonly SqlRow[];
  readonly count: number;
}

/**
 * A read or transaction body. `T` is its result. A statement that fails ends the body: its error is thrown in it, and a
 * body that catches it may tidy up but runs nothing more, since PostgreSQL would refuse all that follows.
 */
export type Work<T> = Generator<Statement, T, StatementResult>;

/** All rows of a query. Keep results small: page by key. `R` names the columns. */
export function* all<R>(text: string, ...values: SqlValue[]): Work<R[]> {
  const result = yield { text, values, wants: "rows" };
  return result.rows as readonly unknown[] as R[];
}

/** The first row, or undefined. */
export function* get<R>(text: string, ...values: SqlValue[]): Work<R | undefined> {
  const result = yield { text, values, wants: "rows" };
  return result.rows[0] as unknown as R | undefined;
}

/** Runs a statement for its effect; the number of rows it changed. */
export function* run(text: string, ...values: SqlValue[]): Work<number> {
  const result = yield { text, values, wants: "count" };
  return result.count;
}
