import type { Cursor, Octets } from "#wire/imap/cursor.ts";
import type { DayNumber } from "#wire/imap/date.ts";
import type { Grammar } from "#wire/imap/grammar.ts";
import type { SequenceSet } from "#wire/imap/sequence.ts";
import { limits } from "#base/limits.ts";
import { canonicalCharset, decodeCharset } from "#format/mime/charset.ts";
import { isDigit } from "#wire/imap/cursor.ts";
import { date } from "#wire/imap/date.ts";
import type { FetchItem, Window } from "#wire/imap/fetch.ts";
import { fetchItem, modSequence, windowOf } from "#wire/imap/fetch.ts";
import { keyword } from "#wire/imap/flags.ts";
import { keyOf, parenthesized, spaced } from "#wire/imap/grammar.ts";
import { sequenceSet } from "#wire/imap/sequence.ts";

/** Strings are bytes in the command's character set. RFC 9051 §6.4.4 */
export type SearchKey =
  | { readonly key: "all" }
  | { readonly key: "and"; readonly keys: readonly SearchKey[] }
  | { readonly key: "or"; readonly keys: readonly SearchKey[] }
  | { readonly key: "not"; readonly of: SearchKey }
  | { readonly key: "flag"; readonly flag: "\\Answered" | "\\Flagged" | "\\Deleted" | "\\Seen" | "\\Draft" }
  | { readonly key: "keyword"; readonly keyword: string }
  /** New to this client. RFC 3501 §2.3.2 */
  | { readonly key: "recent" }
  | { readonly key: "header"; readonly name: Octets; readonly text: Octets }
  | { readonly key: "address"; readonly field: "bcc" | "cc" | "from" | "to"; readonly text: Octets }
  | { readonly key: "subject" | "body" | "text"; readonly text: Octets }
  | { readonly key: "larger" | "smaller"; readonly sizeBytes: number }
  | {
    readonly key: "before" | "on" | "since" | "sentBefore" | "sentOn" | "sentSince" | "savedBefore" | "savedOn" |
      "savedSince";
    readonly day: DayNumber;
  }
  | { readonly key: "emailId" | "threadId"; readonly id: string }
  | { readonly key: "older" | "younger"; readonly seconds: number }
  | { readonly key: "uid" | "sequence"; readonly set: SequenceSet }
  | { readonly key: "modSeq"; readonly since: number }
  /** What comes near will do. RFC 6203 §3 */
  | { readonly key: "fuzzy"; readonly of: SearchKey }
  /** A search that was stored under a name. RFC 5466 §3.1 */
  | { readonly key: "filter"; readonly name: string };

/** What RETURN may name. RFC 9051 §6.4.4, RFC 4731 §3.1, RFC 9394 §3.1, RFC 5267 §4, RFC 6203 §4 */
export const searchReturns = {
  MIN: {}, MAX: {}, ALL: {}, COUNT: {}, SAVE: {}, PARTIAL: {}, CONTEXT: {}, UPDATE: {}, RELEVANCY: {},
} as const;
export type SearchReturn = keyof typeof searchReturns;

/** `RETURN (COUNT PARTIAL 1:100)`. RFC 9051 §6.4.4 */
export interface ReturnOptions {
  readonly options: readonly SearchReturn[];
  /** Of PARTIAL. */
  readonly window: Window | undefined;
  /** Of UPDATE: what to fetch of messages that come and are found. RFC 5465 §7 */
  readonly items?: readonly FetchItem[];
}

export interface SearchArguments {
  /** Undefined without RETURN: the older untagged SEARCH answers. */
  readonly returns: ReturnOptions | undefined;
  /** In capitals; undefined when the client named none (US-ASCII, and we take UTF-8). */
  readonly charset: string | undefined;
  readonly key: SearchKey;
  readonly usesModSeq: boolean;
}

const seen = { key: "flag", flag: "\\Seen" } as const;
const recent = { key: "recent" } as const;
const not = (of: SearchKey): SearchKey => ({ key: "not", of });
const is = (key: SearchKey): Grammar<SearchKey> => () => key;
const flag = (name: "\\Answered" | "\\Flagged" | "\\Deleted" | "\\Seen" | "\\Draft", set = true): Grammar<SearchKey> =>
  is(set ? { key: "flag", flag: name } : not({ key: "flag", flag: name }));

function after<T>(read: Grammar<T>, make: (value: T) => SearchKey): Grammar<SearchKey> {
  return (cursor) => {
    cursor.space();
    return make(read(cursor));
  };
}
const searchText = (cursor: Cursor): Octets => cursor.astring("the text to search for");
const text = (key: "subject" | "body" | "text"): Grammar<SearchKey> => after(searchText, (t) => ({ key, text: t }));
const address = (field: "bcc" | "cc" | "from" | "to"): Grammar<SearchKey> =>
  after(searchText, (t) => ({ key: "address", field, text: t }));
type DayKey = Extract<SearchKey, { day: DayNumber }>["key"];
const day = (key: DayKey): Grammar<SearchKey> =>
  after(date, (value) => ({ key, day: value }));
const size = (key: "larger" | "smaller"): Grammar<SearchKey> =>
  after((cursor) => cursor.number64("a size"), (sizeBytes) => ({ key, sizeBytes }));
const age = (key: "older" | "younger"): Grammar<SearchKey> =>
  after((cursor) => cursor.nonZero("seconds"), (seconds) => ({ key, seconds }));

/** One row for each key that has a name. RFC 9051 §6.4.4, RFC 3501 §6.4.4, RFC 5032 §3, RFC 7162 §3.1.5 */
const searchKeys: Readonly<Record<string, Grammar<SearchKey>>> = {
  ALL: is({ key: "all" }),
  ANSWERED: flag("\\Answered"), DELETED: flag("\\Deleted"), DRAFT: flag("\\Draft"),
  FLAGGED: flag("\\Flagged"), SEEN: flag("\\Seen"),
  UNANSWERED: flag("\\Answered", false), UNDELETED: flag("\\Deleted", false), UNDRAFT: flag("\\Draft", false),
  UNFLAGGED: flag("\\Flagged", false), UNSEEN: flag("\\Seen", false),
  NEW: is({ key: "and", keys: [recent, not(seen)] }), OLD: is(not(recent)), RECENT: is(recent),
  KEYWORD: after(keyword, (name) => ({ key: "keyword", keyword: name })),
  UNKEYWORD: after(keyword, (name) => not({ key: "keyword", keyword: name })),
  BCC: address("bcc"), CC: address("cc"), FROM: address("from"), TO: address("to"),
  SUBJECT: text("subject"), BODY: text("body"), TEXT: text("text"),
  HEADER: after((cursor) => {
    const name = cursor.astring("a header field");
    cursor.space();
    return { name, text: searchText(cursor) };
  }, (value) => ({ key: "header", ...value })),
  BEFORE: day("before"), ON: day("on"), SINCE: day("since"),
  SENTBEFORE: day("sentBefore"), SENTON: day("sentOn"), SENTSINCE: day("sentSince"),
  SAVEDBEFORE: day("savedBefore"), SAVEDON: day("savedOn"), SAVEDSINCE: day("savedSince"),
  // Every folder keeps when a message came into it. RFC 8514 §4.3
  SAVEDATESUPPORTED: is({ key: "all" }),
  EMAILID: after(objectId, (id) => ({ key: "emailId", id })),
  THREADID: after(objectId, (id) => ({ key: "threadId", id })),
  LARGER: size("larger"), SMALLER: size("smaller"),
  OLDER: age("older"), YOUNGER: age("younger"),
  UID: after(sequenceSet, (set) => ({ key: "uid", set })),
  MODSEQ: after(modSeqKey, (since) => ({ key: "modSeq", since })),
  NOT: after(searchKey, not),
  FUZZY: after(searchKey, (of) => ({ key: "fuzzy", of })),
  FILTER: after(filterName, (name) => ({ key: "filter", name })),
  OR: after((cursor) => {
    const left = searchKey(cursor);
    cursor.space();
    return [left, searchKey(cursor)];
  }, (keys) => ({ key: "or", keys })),
};

/** RFC 9051 §9 `search` */
export function searchArguments(cursor: Cursor): SearchArguments {
  cursor.space();
  const returns = returnOptions(cursor);
  let charset: string | undefined;
  if (cursor.isWord("CHARSET")) {
    cursor.offset += 7;
    cursor.space();
    charset = cursor.astring("a character set").toUpperCase();
    cursor.space();
  }
  return { returns, charset, ...searchFor(cursor, returns) };
}

/** A search program that gives what RETURN asks for. RFC 6203 §4 */
export function searchFor(
  cursor: Cursor, returns: ReturnOptions | undefined,
): { key: SearchKey; usesModSeq: boolean } {
  const program = searchProgram(cursor);
  if (returns?.options.includes("RELEVANCY") === true && !isFuzzy(program.key)) {
    cursor.fail("RELEVANCY needs a FUZZY key");
  }
  return program;
}

/** Whether there is a FUZZY key, or a FILTER that may hold one. RFC 6203 §4 */
export function isFuzzy(key: SearchKey): boolean {
  if (key.key === "and" || key.key === "or") return key.keys.some(isFuzzy);
  return key.key === "fuzzy" || key.key === "filter" || (key.key === "not" && isFuzzy(key.of));
}

/** Search keys that all must hold. RFC 9051 §9 `search-key` */
export function searchProgram(cursor: Cursor): { key: SearchKey; usesModSeq: boolean } {
  const keys = spaced(searchKey, "search keys")(cursor);
  const key: SearchKey = keys.length === 1 ? keys[0]! : { key: "and", keys };
  return { key, usesModSeq: usesModSeq(key) };
}

/** `RETURN (…)` with the space after it, when it stands here. RFC 9051 §9 `search-return-opts` */
export function returnOptions(cursor: Cursor): ReturnOptions | undefined {
  if (!cursor.isWord("RETURN")) return undefined;
  cursor.offset += 6;
  cursor.space();
  let window: Window | undefined;
  let items: FetchItem[] | undefined;
  const named = parenthesized((c) => {
    const option = keyOf(searchReturns, "SEARCH result")(c);
    if (option === "PARTIAL") {
      // RFC 5267 §4.4
      if (window !== undefined) c.fail("PARTIAL stands once");
      c.space();
      window = windowOf(c);
    } else if (option === "UPDATE" && (c.peek() === 0x28 || (c.peek() === 0x20 && c.peek(1) === 0x28))) {
      c.accept(" ");
      items = parenthesized(fetchItem, "items to fetch")(c);
    }
    return option;
  }, "SEARCH results", true)(cursor);
  cursor.space();
  // RFC 9394 §3.1
  if (window !== undefined && named.includes("ALL")) cursor.fail("PARTIAL and ALL exclude each other");
  return { options: named.length === 0 ? ["ALL"] : named, window, ...(items === undefined ? {} : { items }) };
}

/** RFC 8474 §7 `objectid` */
function objectId(cursor: Cursor): string {
  return cursor.astring("an object id");
}

/** RFC 5466 §4 `filter-name` */
function filterName(cursor: Cursor): string {
  const name = cursor.atom("the name of a filter");
  return name.includes("/") ? cursor.fail("A filter's name holds no /") : name;
}

function searchKey(cursor: Cursor): SearchKey {
  return cursor.nested(limits.imapDepthMax, () => {
    const byte = cursor.peek();
    if (byte === 0x28) {
      const keys = parenthesized(searchKey, "search keys")(cursor);
      return keys.length === 1 ? keys[0]! : { key: "and", keys };
    }
    if (isDigit(byte) || byte === 0x2a || byte === 0x24) return { key: "sequence", set: sequenceSet(cursor) };
    const start = cursor.offset;
    const word = cursor.word("a search key");
    if (Object.hasOwn(searchKeys, word)) return searchKeys[word]!(cursor);
    cursor.offset = start;
    return cursor.fail(`Unknown search key ${word.slice(0, 40)}`);
  });
}

const entryTypes = { ALL: {}, PRIV: {}, SHARED: {} } as const;

/** The entry and its type are read and have no effect: flags have one sequence here. RFC 7162 §3.1.5 */
function modSeqKey(cursor: Cursor): number {
  if (cursor.peek() === 0x22) {
    cursor.string("an entry name");
    cursor.space();
    keyOf(entryTypes, "entry type")(cursor);
    cursor.space();
  }
  return modSequence(cursor);
}

/** RFC 7162 §3.1.5 */
export function usesModSeq(key: SearchKey): boolean {
  if (key.key === "modSeq") return true;
  if (key.key === "not" || key.key === "fuzzy") return usesModSeq(key.of);
  return (key.key === "and" || key.key === "or") && key.keys.some(usesModSeq);
}

/** A decoder of the strings of a SEARCH; undefined for a character set we do not know (BADCHARSET). RFC 9051 §6.4.4 */
export function searchDecoder(charset: string | undefined): ((octets: Octets) => string) | undefined {
  const name = charset === undefined ? "utf-8" : canonicalCharset(charset);
  return name === null ? undefined : (octets) => decodeCharset(Buffer.from(octets, "latin1"), name);
}
