import type { Cursor } from "#wire/imap/cursor.ts";
import type { SearchArguments } from "#wire/imap/search.ts";
import { keyOf, parenthesized } from "#wire/imap/grammar.ts";
import { mailbox } from "#wire/imap/mailboxname.ts";
import { searchArguments } from "#wire/imap/search.ts";

/** Folders to be searched. RFC 7377 §2.2, RFC 5465 §6 */
export const folderFilters = {
  SELECTED: {}, "SELECTED-DELAYED": {}, INBOXES: {}, PERSONAL: {}, SUBSCRIBED: {}, SUBTREE: {}, "SUBTREE-ONE": {},
  MAILBOXES: {},
} as const;

export interface FolderFilter {
  readonly filter: keyof typeof folderFilters;
  /** Of SUBTREE, SUBTREE-ONE and MAILBOXES. */
  readonly paths: readonly string[];
}

/** RFC 7377 §2.1 */
export interface MultiSearchArguments extends SearchArguments {
  /** Undefined: the selected folder. */
  readonly folders: readonly FolderFilter[] | undefined;
}

/** RFC 7377 §5 `esearch` */
export function multiSearchArguments(cursor: Cursor): MultiSearchArguments {
  const start = cursor.offset;
  cursor.space();
  if (!cursor.isWord("IN")) {
    cursor.offset = start;
    return { folders: undefined, ...searchArguments(cursor) };
  }
  cursor.offset += 2;
  cursor.space();
  const folders = parenthesized(folderFilter, "folders to be searched")(cursor);
  // RFC 7377 §2.2
  if (folders.some(({ filter }) => filter === "SELECTED-DELAYED")) cursor.fail("SELECTED-DELAYED is for NOTIFY");
  return { folders, ...searchArguments(cursor) };
}

/** RFC 5465 §8 `filter-mailboxes` */
export function folderFilter(cursor: Cursor): FolderFilter {
  const filter = keyOf(folderFilters, "choice of folders")(cursor);
  if (filter !== "SUBTREE" && filter !== "SUBTREE-ONE" && filter !== "MAILBOXES") return { filter, paths: [] };
  cursor.space();
  const paths = cursor.peek() === 0x28 ? parenthesized(mailbox, "folders")(cursor) : [mailbox(cursor)];
  return { filter, paths };
}
