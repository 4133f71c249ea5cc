/**
 * The query of a dynamic group: `department=Sales title=Manager*`, with `or` between alternatives. A term is
 * `key=value` (any case; a `*` at the end matches any rest, `key=*` any value at all) or `key!=value`. Keys are the
 * address book's attributes and `kind`, `name`, `address`, `domain`. Values with spaces stand in double quotes.
 */
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { attributeNamed } from "#directory/attributes.ts";
import { entryKinds, isOneOf } from "#directory/kinds.ts";
import type { SqlValue } from "#store/sql.ts";

export interface QueryTerm {
  /** `kind`, `name`, `address`, `domain`, or the key of an attribute. */
  readonly key: string;
  readonly negated: boolean;
  /** Lower case, without the `*`. */
  readonly value: string;
  readonly isPrefix: boolean;
}

/** Alternatives of terms that must all hold. */
export type GroupQuery = readonly (readonly QueryTerm[])[];

const ownKeys = new Map([
  ["kind", "kind"], ["type", "kind"], ["name", "name"], ["displayname", "name"], ["address", "address"],
  ["email", "address"], ["domain", "domain"],
]);

/** Fault `invalidArgument` with a sentence about the part that is wrong. */
export function parseGroupQuery(text: string): GroupQuery {
  const alternatives: QueryTerm[][] = [[]];
  let count = 0;
  for (const word of splitWords(text)) {
    const current = alternatives[alternatives.length - 1]!;
    const lower = word.toLowerCase();
    if (lower === "and" || lower === "&") {
      if (current.length === 0) throw bad(text, `"${word}" needs a condition before it`);
      continue;
    }
    if (lower === "or" || lower === "|") {
      if (current.length === 0) throw bad(text, `"${word}" needs a condition before it`);
      alternatives.push([]);
      continue;
    }
    count++;
    if (count > limits.groupQueryTermsMax) throw bad(text, `it has more than ${limits.groupQueryTermsMax} conditions`);
    current.push(parseTerm(text, word));
  }
  if (alternatives.at(-1)!.length === 0) throw bad(text, "a condition like department=Sales is missing");
  return alternatives;
}

function parseTerm(text: string, word: string): QueryTerm {
  const match = /^([A-Za-z0-9]+)(!?=)(.*)$/s.exec(word);
  if (match === null) throw bad(text, `"${word}" is not of the form key=value`);
  const ownKey = ownKeys.get(match[1]!.toLowerCase());
  const attribute = attributeNamed(match[1]!);
  if (ownKey === undefined && (attribute === undefined || !["text", "number"].includes(attribute.type))) {
    throw bad(text, `"${match[1]}" is not an attribute that can be asked for`);
  }
  const value = match[3]!.normalize("NFC").toLowerCase();
  const isPrefix = value.endsWith("*");
  const key = ownKey ?? attribute!.key;
  if (value === "") throw bad(text, `"${match[1]}" has no value`);
  if (key === "kind" && !isOneOf(entryKinds, value)) {
    throw bad(text, `"${value}" is not one of ${entryKinds.join(", ")}`);
  }
  return { key, negated: match[2] === "!=", value: isPrefix ? value.slice(0, -1) : value, isPrefix };
}

/** Words apart at spaces; double quotes anywhere in a word hold spaces. */
function splitWords(text: string): string[] {
  const words: string[] = [];
  let word = "";
  let inQuotes = false;
  let started = false;
  for (const character of text) {
    if (character === "\"") {
      inQuotes = !inQuotes;
      started = true;
    } else if (!inQuotes && /\s/.test(character)) {
      if (started) words.push(word);
      word = "";
      started = false;
    } else {
      word += character;
      started = true;
    }
  }
  if (inQuotes) throw bad(text, "a double quote is not closed");
  if (started) words.push(word);
  return words;
}

function bad(text: string, why: string): Fault {
  const shown = text.length > 120 ? `${text.slice(0, 117)}…` : text;
  return new Fault("invalidArgument", `The query "${shown}" cannot be used: ${why}.`);
}

/**
 * The condition on `entry e` in SQL, with the parameters from `$first` on. Only enabled entries match, and only people
 * unless the query itself speaks of kinds.
 */
export function queryCondition(query: GroupQuery, first: number): { text: string; values: SqlValue[] } {
  const values: SqlValue[] = [];
  const parameter = (value: SqlValue): string => {
    values.push(value);
    return `$${first + values.length - 1}`;
  };
  const alternatives = query.map((terms) => `(${terms.map((term) => termCondition(term, parameter)).join(" AND ")})`);
  const speaksOfKind = query.some((terms) => terms.some((term) => term.key === "kind"));
  const kinds = speaksOfKind ? "" : " AND e.kind = 'user'";
  return { text: `e.disabled = 0${kinds} AND (${alternatives.join(" OR ")})`, values };
}

function termCondition(term: QueryTerm, parameter: (value: SqlValue) => string): string {
  const escaped = term.value.replace(/[!%_]/g, "!$&");
  const compare = (column: string): string => term.isPrefix
    ? `${column} LIKE ${parameter(`${escaped}%`)} ESCAPE '!'`
    : `${column} = ${parameter(term.value)}`;
  const not = term.negated ? "NOT " : "";
  switch (term.key) {
    case "kind": return `${not}(${compare("e.kind")})`;
    case "name": return `${not}(${compare("e.name_key")})`;
    case "address": return `${not}(${compare("e.address")})`;
    case "domain": return `${not}(e.address LIKE ${parameter(`%@${escaped}${term.isPrefix ? "%" : ""}`)} ESCAPE '!')`;
    default: return `${not}EXISTS (SELECT 1 FROM entry_attribute a WHERE a.entry_id = e.entry_id
      AND a.key = ${parameter(term.key)} AND ${compare("a.text_key")})`;
  }
}
