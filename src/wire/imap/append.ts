import type { Cursor, LiteralHeader, Octets } from "#wire/imap/cursor.ts";
import type { FlagName } from "#wire/imap/flags.ts";
import { limits } from "#base/limits.ts";
import { dateTime } from "#wire/imap/date.ts";
import { flagList } from "#wire/imap/flags.ts";
import { mailbox } from "#wire/imap/mailboxname.ts";

/**
 * What an APPEND says, in order: a message begins, a piece of it is announced or named. RFC 9051 §6.3.12, RFC 3502,
 * RFC 4469 §3
 */
export type AppendStep =
  | { readonly step: "message"; readonly flags: readonly FlagName[]; readonly internalMs: number | undefined }
  | { readonly step: "literal"; readonly literal: LiteralHeader }
  | { readonly step: "url"; readonly url: Octets };

/** Where in the grammar the text after a literal goes on. */
export type AppendPlace = "between" | "utf8" | "catenate";

export interface AppendPart {
  readonly steps: readonly AppendStep[];
  /** Undefined: the command is complete. */
  readonly place: AppendPlace | undefined;
}

export interface AppendArguments extends AppendPart {
  readonly mailbox: string;
}

/** Up to the first literal, or to the end when there is none. RFC 9051 §9 `append` */
export function appendArguments(cursor: Cursor): AppendArguments {
  cursor.space();
  const path = mailbox(cursor);
  cursor.space();
  return { mailbox: path, ...appendMessages(cursor) };
}

/** One message in place of another. RFC 8508 §3 */
export function replaceArguments(cursor: Cursor): AppendArguments & { readonly number: number } {
  cursor.space();
  const number = cursor.accept("*") ? 0 : cursor.nonZero("a message number or UID");
  return { number, ...appendArguments(cursor) };
}

/** What follows a literal: more of the same message, more messages, or nothing. RFC 3502 §6.3.11, RFC 4469 §5 */
export function appendRest(cursor: Cursor, place: AppendPlace): AppendPart {
  if (place === "utf8") cursor.expect(")", ") after the message");
  if (place === "catenate") {
    const part = catenateParts(cursor);
    if (part.place !== undefined) return part;
    const more = appendRest(cursor, "between");
    return { steps: [...part.steps, ...more.steps], place: more.place };
  }
  if (cursor.isAtEnd) return { steps: [], place: undefined };
  cursor.space();
  return appendMessages(cursor);
}

function appendMessages(cursor: Cursor): AppendPart {
  const steps: AppendStep[] = [];
  while (steps.length < limits.imapListMax) {
    const flags = cursor.peek() === 0x28 ? spaceAfter(cursor, flagList(cursor)) : [];
    const internalMs = cursor.peek() === 0x22 ? spaceAfter(cursor, dateTime(cursor)) : undefined;
    steps.push({ step: "message", flags, internalMs });
    const part = appendData(cursor);
    steps.push(...part.steps);
    if (part.place !== undefined) return { steps, place: part.place };
    if (cursor.isAtEnd) return { steps, place: undefined };
    cursor.space();
  }
  return cursor.fail("Too many messages in one command");
}

function spaceAfter<T>(cursor: Cursor, value: T): T {
  cursor.space();
  return value;
}

function appendData(cursor: Cursor): AppendPart {
  if (cursor.isWord("UTF8")) {
    cursor.offset += 4;
    cursor.space();
    cursor.expect("(", "( before the message");
    return { steps: [literalStep(cursor)], place: "utf8" };
  }
  if (cursor.isWord("CATENATE")) {
    cursor.offset += 8;
    cursor.space();
    cursor.expect("(", "( before the parts");
    return catenateParts(cursor, true);
  }
  return { steps: [literalStep(cursor)], place: "between" };
}

function catenateParts(cursor: Cursor, isFirst = false): AppendPart {
  const steps: AppendStep[] = [];
  for (let begins = isFirst; ; begins = false) {
    if (!begins && cursor.accept(")")) return { steps, place: undefined };
    if (!begins) cursor.space();
    if (steps.length >= limits.imapListMax) cursor.fail("Too many parts");
    const word = cursor.word("URL or TEXT");
    cursor.space();
    if (word === "URL") {
      steps.push({ step: "url", url: cursor.astring("a URL") });
      continue;
    }
    if (word !== "TEXT") cursor.fail("Expected URL or TEXT");
    steps.push(literalStep(cursor));
    return { steps, place: "catenate" };
  }
}

function literalStep(cursor: Cursor): AppendStep {
  return { step: "literal", literal: cursor.announcedLiteral() };
}
