import type { Cursor } from "#wire/imap/cursor.ts";
import { isAtom } from "#wire/imap/cursor.ts";
import { spaced, parenthesized } from "#wire/imap/grammar.ts";
import { decodeUtf7, encodeUtf7, utf8Text } from "#wire/imap/mailboxname.ts";

/** The flags IMAP itself defines that a client may set. RFC 9051 §2.3.2 */
export const systemFlags = {
  "\\ANSWERED": { flag: "\\Answered" },
  "\\FLAGGED": { flag: "\\Flagged" },
  "\\DELETED": { flag: "\\Deleted" },
  "\\SEEN": { flag: "\\Seen" },
  "\\DRAFT": { flag: "\\Draft" },
} as const;

/** A system flag as RFC 9051 spells it, or a keyword as people read it. RFC 9051 §2.3.2 */
export type FlagName = string;

/** A flag a client sets. `\Recent` is the server's own and refused, as are unknown names with a backslash. */
export function flag(cursor: Cursor): FlagName {
  const start = cursor.offset;
  if (!cursor.accept("\\")) return keyword(cursor);
  const key = `\\${cursor.word("a flag")}`;
  if (Object.hasOwn(systemFlags, key)) return systemFlags[key as keyof typeof systemFlags].flag;
  cursor.offset = start;
  return cursor.fail(key === "\\RECENT" ? "Clients cannot set \\Recent" : "Unknown system flag");
}

/** RFC 9051 §9 `flag-keyword`; bytes from 0x80 are taken as UTF-8. */
export function keyword(cursor: Cursor): string {
  if (cursor.peek() === 0x22 || cursor.peek() === 0x7b) cursor.fail("A keyword is an atom");
  return decodeKeyword(cursor.astring("a flag"));
}

/** `(\Seen $Forwarded)`, maybe empty. RFC 9051 §9 `flag-list` */
export const flagList = parenthesized(flag, "flags", true);

/** Flags with or without parentheses. RFC 9051 §9 `store-att-flags` */
export function storeFlags(cursor: Cursor): FlagName[] {
  return cursor.peek() === 0x28 ? flagList(cursor) : spaced(flag, "flags")(cursor);
}

/**
 * A category's name as an IMAP keyword. A keyword must be an atom, and people put spaces and accents in categories:
 * what an atom cannot hold is written in the modified UTF-7 of folder names. RFC 9051 §9 `flag-keyword`
 */
export function encodeKeyword(name: string): string {
  if (isAtom(name) && decodeKeyword(name) === name) return name;
  return encodeUtf7(name, (code) => code < 0x7f && isAtom(String.fromCharCode(code)));
}

/** The reverse of {@link encodeKeyword}; what is no such run stands for itself. RFC 9051 §9 `flag-keyword` */
export function decodeKeyword(atom: string): string {
  return (/[\x80-\xff]/.test(atom) ? utf8Text(atom) : decodeUtf7(atom)) ?? atom;
}
