import type { Cursor } from "#wire/imap/cursor.ts";
import type { ReturnOptions, SearchKey } from "#wire/imap/search.ts";
import { keyOf, parenthesized } from "#wire/imap/grammar.ts";
import { isFuzzy, returnOptions, searchFor } from "#wire/imap/search.ts";

/** What messages are sorted by. RFC 5256 §3, RFC 5957 §3, RFC 6203 §6 */
export const sortKeys = {
  ARRIVAL: {}, CC: {}, DATE: {}, FROM: {}, SIZE: {}, SUBJECT: {}, TO: {}, DISPLAYFROM: {}, DISPLAYTO: {},
  RELEVANCY: {},
} as const;
export type SortKey = keyof typeof sortKeys;

export interface SortCriterion {
  readonly key: SortKey;
  readonly isReverse: boolean;
}

/** RFC 5256 §5 `sort` */
export interface SortArguments {
  /** Undefined without RETURN. RFC 5267 §3 */
  readonly returns: ReturnOptions | undefined;
  readonly criteria: readonly SortCriterion[];
  readonly charset: string;
  readonly key: SearchKey;
  readonly usesModSeq: boolean;
}

/** RFC 5256 §5 `sort`, RFC 5267 §5 */
export function sortArguments(cursor: Cursor): SortArguments {
  cursor.space();
  const first = returnOptions(cursor);
  const criteria = parenthesized(criterion, "what to sort by")(cursor);
  const { returns, ...program } = charsetAndKeys(cursor, first);
  if (criteria.some(({ key }) => key === "RELEVANCY") && !isFuzzy(program.key)) {
    cursor.fail("RELEVANCY needs a FUZZY key");
  }
  return { returns, criteria, ...program };
}

function criterion(cursor: Cursor): SortCriterion {
  const isReverse = cursor.isWord("REVERSE");
  if (isReverse) {
    cursor.offset += 7;
    cursor.space();
  }
  return { key: keyOf(sortKeys, "sort key")(cursor), isReverse };
}

/** Ways to put messages into threads. RFC 5256 §4 */
export const threadAlgorithms = { ORDEREDSUBJECT: {}, REFERENCES: {}, REFS: {} } as const;

/** RFC 5256 §5 `thread` */
export interface ThreadArguments {
  readonly algorithm: keyof typeof threadAlgorithms;
  readonly charset: string;
  readonly key: SearchKey;
  readonly usesModSeq: boolean;
}

/** RFC 5256 §5 `thread` */
export function threadArguments(cursor: Cursor): ThreadArguments {
  cursor.space();
  const algorithm = keyOf(threadAlgorithms, "THREAD algorithm")(cursor);
  cursor.space();
  const charset = charsetName(cursor);
  return { algorithm, charset, ...searchFor(cursor, undefined) };
}

/** RETURN stands before what is sorted by; behind the character set, where some programs put it, it can mean no key. */
function charsetAndKeys(
  cursor: Cursor, first: ReturnOptions | undefined,
): { returns: ReturnOptions | undefined; charset: string; key: SearchKey; usesModSeq: boolean } {
  cursor.space();
  const charset = charsetName(cursor);
  const returns = first ?? returnOptions(cursor);
  return { returns, charset, ...searchFor(cursor, returns) };
}

function charsetName(cursor: Cursor): string {
  const charset = cursor.astring("a character set").toUpperCase();
  cursor.space();
  return charset;
}
