/**
 * What of a query the rows of messages decide, as SQL: a condition that holds for every message the query describes
 * (`may`), and one that holds only for such (`must`). Where both are the same nothing else need be looked at.
 */
import { messageFlags } from "#mailbox/api.ts";
import type { Query } from "#mailbox/query.ts";
import type { SqlValue } from "#store/sql.ts";

export interface RowFilter {
  readonly may: string;
  readonly must: string;
  readonly values: readonly SqlValue[];
  readonly isExact: boolean;
}

export interface RowFilterOptions {
  /** Read marks and change numbers are not those of the rows: in the public store each reader has their own. */
  readonly hasReaders?: boolean;
}

interface Bounds {
  readonly may: string;
  readonly must: string;
}

const always = "1 = 1";
const never = "1 = 0";
const open: Bounds = { may: always, must: never };

/** More ranges of UIDs than this are compared one message at a time. */
const rangesMax = 20;

/** The condition on the columns of `message m`; parameters are numbered from `firstParameter`. */
export function rowFilter(query: Query, firstParameter: number, options: RowFilterOptions = {}): RowFilter {
  const given: number[] = [];
  const parameter = (value: number): string => {
    given.push(value);
    return `{${given.length - 1}}`;
  };
  const bounds = bound(query, { parameter, hasReaders: options.hasReaders === true });
  // What fell away with its condition is no parameter: PostgreSQL would ask for its type.
  const values: SqlValue[] = [];
  const numbers = new Map<string, string>();
  const numbered = (text: string): string => text.replaceAll(/\{(\d+)\}/g, (whole, index: string) => {
    let number = numbers.get(whole);
    if (number === undefined) {
      values.push(given[Number(index)]!);
      number = `$${firstParameter + values.length - 1}`;
      numbers.set(whole, number);
    }
    return number;
  });
  const isExact = bounds.may === bounds.must;
  const may = numbered(bounds.may);
  return { may, must: isExact ? may : numbered(bounds.must), values, isExact };
}

interface Compiling {
  readonly parameter: (value: number) => string;
  readonly hasReaders: boolean;
}

function bound(query: Query, as: Compiling): Bounds {
  const { parameter } = as;
  switch (query.op) {
    case "and": return all(query.of.map((one) => bound(one, as)));
    case "or": return any(query.of.map((one) => bound(one, as)));
    case "not": {
      const { may, must } = bound(query.of, as);
      return { may: negated(must), must: negated(may) };
    }
    // Names of keywords are compared without regard to case, which the databases do each in its own way.
    case "keyword": return { may: "m.keywords IS NOT NULL", must: never };
    case "sizeAbove": return sized(`m.size_bytes > ${parameter(query.sizeBytes)}`);
    case "sizeBelow": return sized(`m.size_bytes < ${parameter(query.sizeBytes)}`);
    default: {
      const exact = exactly(query, as);
      return exact === undefined ? open : { may: exact, must: exact };
    }
  }
}

/** The size of what has no bytes yet is known when it is rendered. */
function sized(condition: string): Bounds {
  return { may: `(m.content_id IS NULL OR ${condition})`, must: `(m.content_id IS NOT NULL AND ${condition})` };
}

/** Undefined where rows do not tell. Never NULL: that would be lost under NOT. */
function exactly(query: Query, { parameter, hasReaders }: Compiling): string | undefined {
  switch (query.op) {
    case "all": return always;
    case "none": return never;
    case "flag":
      return hasReaders && query.flag === "seen" ? undefined : `(m.flags & ${messageFlags[query.flag]}) <> 0`;
    case "received": return within("m.internal_ms", query.fromMs, query.beforeMs, parameter);
    case "saved": return within("m.saved_ms", query.fromMs, query.beforeMs, parameter);
    case "content": return `COALESCE(m.content_id, 0) = ${parameter(query.contentId)}`;
    case "changed": return hasReaders ? undefined : `m.mod_seq >= ${parameter(query.since)}`;
    case "uid": {
      if (query.ranges.length > rangesMax) return undefined;
      if (query.ranges.length === 0) return never;
      return `(${query.ranges.map(({ first, last }) =>
        `m.uid BETWEEN ${parameter(first)} AND ${parameter(last)}`).join(" OR ")})`;
    }
    default: return undefined;
  }
}

function within(column: string, from: number, before: number, parameter: (value: number) => string): string {
  const conditions: string[] = [];
  if (from !== -Infinity) conditions.push(`${column} >= ${parameter(from)}`);
  if (before !== Infinity) conditions.push(`${column} < ${parameter(before)}`);
  return conditions.length === 0 ? always : `(${conditions.join(" AND ")})`;
}

function negated(condition: string): string {
  return condition === always ? never : condition === never ? always : `NOT ${condition}`;
}

function all(parts: readonly Bounds[]): Bounds {
  return { may: joined(parts.map(({ may }) => may), "AND"), must: joined(parts.map(({ must }) => must), "AND") };
}

function any(parts: readonly Bounds[]): Bounds {
  return { may: joined(parts.map(({ may }) => may), "OR"), must: joined(parts.map(({ must }) => must), "OR") };
}

function joined(conditions: readonly string[], word: "AND" | "OR"): string {
  const [neutral, deciding] = word === "AND" ? [always, never] : [never, always];
  if (conditions.includes(deciding)) return deciding;
  const told = conditions.filter((condition) => condition !== neutral);
  if (told.length === 0) return neutral;
  return told.length === 1 ? told[0]! : `(${told.join(` ${word} `)})`;
}

/** The query without what rows have decided already for every message that passed `may`. */
export function undecidedByRows(query: Query, options: RowFilterOptions = {}): Query {
  if (query.op !== "and") return query;
  const left = query.of.filter((one) => !rowFilter(one, 1, options).isExact);
  return left.length === 1 ? left[0]! : { op: "and", of: left };
}
