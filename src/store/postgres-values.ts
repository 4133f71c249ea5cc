/** What goes to PostgreSQL and comes back, so that bodies see the values SQLite would give them. */
import { createHash } from "node:crypto";
import pg from "pg";
import type { CustomTypesConfig, QueryConfig, QueryResult } from "pg";
import type { SqlRow, SqlValue, Statement, StatementResult, Work } from "#store/sql.ts";

/**
 * PostgreSQL's text holds every character but U+0000. It is written as a noncharacter and "1", the noncharacter itself
 * as itself and "0": nothing is lost, equal texts stay equal, and texts without either cost one look.
 */
const escapeMark = "\ufdd0";

export function escapeText(text: string): string {
  if (!text.includes("\0") && !text.includes(escapeMark)) return text;
  return text.replaceAll(escapeMark, `${escapeMark}0`).replaceAll("\0", `${escapeMark}1`);
}

export function unescapeText(text: string): string {
  if (!text.includes(escapeMark)) return text;
  return text.replace(/\ufdd0([01])/g, (_whole, sign) => sign === "0" ? escapeMark : "\0");
}

function toWire(value: SqlValue): unknown {
  if (typeof value === "string") return escapeText(value);
  if (typeof value === "bigint") return value.toString();
  return value;
}

/** Numbers of PostgreSQL type oids; see its catalogue pg_type. */
const oids = { bytea: 17, name: 19, int8: 20, text: 25, varchar: 1043, numeric: 1700 } as const;

function toNumber(text: string): number {
  const number = Number(text);
  // As SQLite's driver does: rather an error than another number.
  if (Number.isInteger(number) && !Number.isSafeInteger(number)) throw new RangeError(`${text} is past 2^53`);
  return number;
}

function toBytes(text: string): Uint8Array {
  const bytes = Buffer.from(text.slice(2), "hex");
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

export const valueTypes: CustomTypesConfig = {
  getTypeParser(oid: number, format?: "text" | "binary"): (text: never) => unknown {
    switch (oid) {
      case oids.int8: case oids.numeric: return toNumber as (text: never) => unknown;
      case oids.bytea: return toBytes as (text: never) => unknown;
      case oids.text: case oids.varchar: case oids.name: return unescapeText as (text: never) => unknown;
      default: return pg.types.getTypeParser(oid, format ?? "text") as (text: never) => unknown;
    }
  },
};

/** Names of prepared statements; texts beyond this many are planned each time. */
const statementNamesMax = 1000;
const statementNames = new Map<string, string>();

function statementName(text: string): string | undefined {
  let name = statementNames.get(text);
  if (name === undefined && statementNames.size < statementNamesMax) {
    name = createHash("sha256").update(text).digest("base64url").slice(0, 22);
    statementNames.set(text, name);
  }
  return name;
}

/** What can run a query: a connection of a pool. */
export interface Connection {
  query(query: string | QueryConfig): Promise<QueryResult>;
}

async function execute(connection: Connection, statement: Statement): Promise<StatementResult> {
  const name = statementName(statement.text);
  const query = { text: statement.text, values: statement.values.map(toWire), ...(name === undefined ? {} : { name }) };
  const result = await connection.query(query);
  return statement.wants === "rows" ? { rows: result.rows as SqlRow[], count: 0 }
    : { rows: [], count: result.rowCount ?? 0 };
}

/** Runs a body to its end; see {@link Work}. */
export async function runBody<T>(connection: Connection, body: Work<T>): Promise<T> {
  let step = body.next();
  while (!step.done) {
    let outcome;
    try {
      outcome = await execute(connection, step.value);
    } catch (error) {
      body.throw(error);
      body.return(undefined as never);
      throw error;
    }
    step = body.next(outcome);
  }
  return step.value;
}
