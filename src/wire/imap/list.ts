import type { Cursor } from "#wire/imap/cursor.ts";
import { keyOf, parenthesized } from "#wire/imap/grammar.ts";
import { entryName } from "#wire/imap/metadata.ts";
import { mailbox, mailboxPattern } from "#wire/imap/mailboxname.ts";

/** What STATUS can tell of a folder. RFC 9051 §6.3.11, RFC 7162 §3.1.2.1, RFC 7889 §3.1, RFC 8474 §4.3 */
export const statusItems = {
  MESSAGES: {}, RECENT: {}, UIDNEXT: {}, UIDVALIDITY: {}, UNSEEN: {}, DELETED: {}, SIZE: {}, HIGHESTMODSEQ: {},
  APPENDLIMIT: {}, MAILBOXID: {}, "DELETED-STORAGE": {},
} as const;
export type StatusItem = keyof typeof statusItems;

/** RFC 9051 §9 `status-att` */
export const statusItemList = parenthesized(keyOf(statusItems, "STATUS item"), "STATUS items");

/** Which folders. RFC 5258 §3.1, RFC 6154 §2 */
export const listSelections = { SUBSCRIBED: {}, REMOTE: {}, RECURSIVEMATCH: {}, "SPECIAL-USE": {} } as const;
/** What to tell of them. RFC 5258 §3.2, RFC 6154 §2, RFC 5819 §2, RFC 8440 §2, RFC 9590 §3 */
export const listReturns = {
  SUBSCRIBED: {}, CHILDREN: {}, "SPECIAL-USE": {}, STATUS: {}, MYRIGHTS: {}, METADATA: {},
} as const;

/** LIST in its first and its extended form. RFC 9051 §6.3.9 */
export interface ListArguments {
  readonly reference: string;
  readonly patterns: readonly string[];
  readonly selections: readonly (keyof typeof listSelections)[];
  /** Undefined in the first form, which tells children and special uses unasked. */
  readonly returns: readonly (keyof typeof listReturns)[] | undefined;
  /** Items of RETURN (STATUS (…)). */
  readonly status: readonly StatusItem[];
  /** Names of RETURN (METADATA (…)). */
  readonly metadata: readonly string[];
}

/** RFC 9051 §9 `list` */
export function listArguments(cursor: Cursor): ListArguments {
  cursor.space();
  const selections = cursor.peek() === 0x28
    ? withSpace(cursor, parenthesized(keyOf(listSelections, "LIST selection"), "LIST selections", true)(cursor)) : [];
  if (selections.includes("RECURSIVEMATCH") && !selections.includes("SUBSCRIBED")) {
    cursor.fail("RECURSIVEMATCH needs another selection such as SUBSCRIBED");
  }
  const reference = withSpace(cursor, mailbox(cursor));
  const patterns = cursor.peek() === 0x28
    ? parenthesized(mailboxPattern, "mailbox patterns")(cursor) : [mailboxPattern(cursor)];
  let status: StatusItem[] = [];
  let metadata: string[] = [];
  let returns: (keyof typeof listReturns)[] | undefined;
  if (cursor.peek() === 0x20 && cursor.peek(1) !== -1) {
    cursor.offset++;
    if (cursor.word("RETURN") !== "RETURN") cursor.fail("Only RETURN may follow the patterns");
    cursor.space();
    returns = parenthesized((c) => {
      const option = keyOf(listReturns, "LIST result")(c);
      if (option === "STATUS") {
        c.space();
        status = statusItemList(c);
      } else if (option === "METADATA") {
        c.space();
        metadata = parenthesized(entryName, "entries")(c);
      }
      return option;
    }, "LIST results", true)(cursor);
  }
  return { reference, patterns, selections, returns, status, metadata };
}

function withSpace<T>(cursor: Cursor, value: T): T {
  cursor.space();
  return value;
}

/** `(USE (\Drafts))`; uses nobody knows come back in capitals, to be refused with USEATTR. RFC 6154 §3 */
export function createUses(cursor: Cursor): string[] {
  cursor.expect("(", "(");
  if (cursor.word("USE") !== "USE") cursor.fail("Only USE may stand here");
  cursor.space();
  const uses = parenthesized((c) => {
    c.expect("\\", "a use such as \\Drafts");
    return `\\${c.word("a use")}`;
  }, "uses", true)(cursor);
  cursor.expect(")", ") after USE");
  return uses;
}
