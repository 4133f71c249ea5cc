import type { Cursor, Octets } from "#wire/imap/cursor.ts";
import { limits } from "#base/limits.ts";
import { keyOf, parenthesized } from "#wire/imap/grammar.ts";
import { mailbox } from "#wire/imap/mailboxname.ts";

/** How far below a name entries are wanted. RFC 5464 §4.2.2 */
export const metadataDepths = { "0": 0, "1": 1, "INFINITY": Infinity } as const;

/** RFC 5464 §5 `getmetadata` */
export interface GetMetadataArguments {
  /** "" for the server. */
  readonly mailbox: string;
  readonly names: readonly string[];
  readonly maxSizeBytes: number | undefined;
  readonly depth: number;
}

/** RFC 5464 §5 `entry-value` */
export interface EntryValue {
  readonly name: string;
  readonly value: Octets | undefined;
}

/** RFC 5464 §5 `setmetadata` */
export interface SetMetadataArguments {
  readonly mailbox: string;
  readonly entries: readonly EntryValue[];
}

const optionNames = { MAXSIZE: {}, DEPTH: {} } as const;

interface Options {
  maxSizeBytes: number | undefined;
  depth: number;
}

/**
 * The options stand before the mailbox in the grammar and after it in the examples, and programs send both.
 * RFC 5464 §5 `getmetadata`, §4.2.1
 */
export function getMetadataArguments(cursor: Cursor): GetMetadataArguments {
  const options: Options = { maxSizeBytes: undefined, depth: 0 };
  cursor.space();
  if (cursor.peek() === 0x28) {
    readOptions(cursor, options);
    cursor.space();
  }
  const path = mailbox(cursor);
  cursor.space();
  if (cursor.peek() === 0x28 && isLetter(cursor.peek(1))) {
    readOptions(cursor, options);
    cursor.space();
  }
  const names = cursor.peek() === 0x28 ? parenthesized(entryName, "entries")(cursor) : [entryName(cursor)];
  return { mailbox: path, names, ...options };
}

function isLetter(byte: number): boolean {
  return (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a);
}

function readOptions(cursor: Cursor, options: Options): void {
  parenthesized((c) => {
    const name = keyOf(optionNames, "GETMETADATA option")(c);
    c.space();
    if (name === "MAXSIZE") options.maxSizeBytes = c.number("a size");
    else options.depth = metadataDepths[keyOf(metadataDepths, "DEPTH")(c)];
  }, "GETMETADATA options")(cursor);
}

/** RFC 5464 §5 `setmetadata` */
export function setMetadataArguments(cursor: Cursor): SetMetadataArguments {
  cursor.space();
  const path = mailbox(cursor);
  cursor.space();
  const entries = parenthesized((c) => {
    const name = entryName(c);
    if (!isWholeName(name)) c.fail("The name of an entry has two parts at least, below vendor four");
    c.space();
    return { name, value: c.nstring8() };
  }, "entries and values")(cursor);
  return { mailbox: path, entries };
}

/** Parts after `/`, the first of them private or shared. RFC 5464 §3.2 */
export function entryName(cursor: Cursor): string {
  const name = cursor.astring("the name of an entry");
  if (!/^\/(private|shared)(\/[^/]+)*$/i.test(name)) cursor.fail("An entry's name begins with /private/ or /shared/");
  if (/[^\x1a-\x7e]|[*%]/.test(name)) cursor.fail("An entry's name is US-ASCII without * and %");
  if (name.length > limits.annotationNameMaxCharacters) {
    cursor.fail(`An entry's name has at most ${limits.annotationNameMaxCharacters} characters`);
  }
  return name;
}

/** RFC 5464 §3.2 */
function isWholeName(name: string): boolean {
  const parts = name.split("/").length - 1;
  return /^\/\w+\/vendor(\/|$)/i.test(name) ? parts >= 4 : parts >= 2;
}
