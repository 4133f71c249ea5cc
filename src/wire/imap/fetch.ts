import type { Octets } from "#wire/imap/cursor.ts";
import { WireError } from "#base/fault.ts";
import { fields, keyOf, optional, parenthesized } from "#wire/imap/grammar.ts";
import { limits } from "#base/limits.ts";
import { sequenceSet } from "#wire/imap/sequence.ts";
import { Cursor, isDigit } from "#wire/imap/cursor.ts";

/** Which octets of a message: `BODY[1.2.HEADER.FIELDS (SUBJECT)]`. RFC 9051 §6.4.5.1 */
export interface Section {
  /** Part numbers from the outside in, each from 1; empty for the message itself. */
  readonly partPath: readonly number[];
  readonly text: "" | "HEADER" | "HEADER.FIELDS" | "HEADER.FIELDS.NOT" | "TEXT" | "MIME";
  /** Names of header fields as the client wrote them. */
  readonly fieldNames: readonly Octets[];
}

/** `<offset.size>`. RFC 9051 §6.4.5 */
export interface Partial {
  readonly offset: number;
  readonly sizeBytes: number;
}

export interface SectionItem {
  readonly item: "BODY[]";
  /** How the item is named in the answer: the older spellings come back as they were asked. */
  readonly label: "BODY" | "RFC822" | "RFC822.HEADER" | "RFC822.TEXT";
  readonly isPeek: boolean;
  readonly section: Section;
  readonly partial: Partial | undefined;
}

/** `BINARY[1.2]`: a part with its transfer encoding undone. RFC 3516 §4.2 */
export interface BinaryItem {
  readonly item: "BINARY[]";
  readonly isPeek: boolean;
  readonly partPath: readonly number[];
  readonly partial: Partial | undefined;
}

/** `BINARY.SIZE[1.2]`. RFC 3516 §4.2 */
export interface BinarySizeItem {
  readonly item: "BINARY.SIZE[]";
  readonly partPath: readonly number[];
}

/** FETCH items that take nothing. RFC 9051 §6.4.5, RFC 7162 §3.1.4, RFC 8474 §5, RFC 8514 §4, RFC 8970 §3 */
export const plainFetchItems = {
  ENVELOPE: {}, FLAGS: {}, INTERNALDATE: {}, "RFC822.SIZE": {}, BODYSTRUCTURE: {}, UID: {}, MODSEQ: {}, BODY: {},
  EMAILID: {}, THREADID: {}, SAVEDATE: {}, PREVIEW: {},
} as const;

export type FetchItem = { readonly item: keyof typeof plainFetchItems } | SectionItem | BinaryItem | BinarySizeItem;

/** RFC 9051 §6.4.5: names that stand for several items, alone and without parentheses. */
const fetchMacros: Readonly<Record<string, readonly (keyof typeof plainFetchItems)[]>> = {
  ALL: ["FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE"],
  FAST: ["FLAGS", "INTERNALDATE", "RFC822.SIZE"],
  FULL: ["FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY"],
};

const whole: Section = { partPath: [], text: "", fieldNames: [] };
const olderNames = {
  RFC822: { isPeek: false, section: whole },
  "RFC822.HEADER": { isPeek: true, section: { ...whole, text: "HEADER" } },
  "RFC822.TEXT": { isPeek: false, section: { ...whole, text: "TEXT" } },
} as const;

/** A window on the messages of an answer, from its beginning or, negative, from its end. RFC 9394 §3 */
export interface Window {
  readonly first: number;
  readonly last: number;
  readonly isFromEnd: boolean;
}

/** RFC 7162 §3.1.4.1, §3.2.6, RFC 9394 §3.3 */
export interface FetchModifiers {
  readonly changedSince: number | undefined;
  readonly tellsVanished: boolean;
  readonly window: Window | undefined;
}

/** RFC 9051 §9 `fetch` */
export const fetchArguments = fields({
  set: sequenceSet,
  items: fetchItems,
  modifiers: optional("(", fetchModifiers),
});

function fetchItems(cursor: Cursor): FetchItem[] {
  if (cursor.peek() === 0x28) return parenthesized(fetchItem, "items to fetch")(cursor);
  for (const [macro, items] of Object.entries(fetchMacros)) {
    if (!cursor.isWord(macro)) continue;
    cursor.offset += macro.length;
    return items.map((item) => ({ item }));
  }
  return [fetchItem(cursor)];
}

/** RFC 9051 §9 `fetch-att` */
export function fetchItem(cursor: Cursor): FetchItem {
  const start = cursor.offset;
  const name = cursor.itemName("an item to fetch");
  if ((name === "BODY" || name === "BODY.PEEK") && cursor.peek() === 0x5b) {
    return { item: "BODY[]", label: "BODY", isPeek: name === "BODY.PEEK", ...sectionAndPartial(cursor) };
  }
  if (Object.hasOwn(olderNames, name)) {
    const label = name as keyof typeof olderNames;
    return { item: "BODY[]", label, ...olderNames[label], partial: undefined };
  }
  if ((name === "BINARY" || name === "BINARY.PEEK" || name === "BINARY.SIZE") && cursor.peek() === 0x5b) {
    return binaryItem(cursor, name);
  }
  if (name === "PREVIEW" && cursor.peek() === 0x20 && cursor.peek(1) === 0x28) {
    cursor.space();
    // The preview stands ready, so that lazily is no different. RFC 8970 §3.1
    parenthesized(keyOf({ LAZY: {} }, "PREVIEW modifier"), "PREVIEW modifiers")(cursor);
  }
  if (Object.hasOwn(plainFetchItems, name)) return { item: name as keyof typeof plainFetchItems };
  cursor.offset = start;
  return cursor.fail(`Unknown item to fetch ${name.slice(0, 40)}`);
}

function sectionAndPartial(cursor: Cursor): { section: Section; partial: Partial | undefined } {
  cursor.expect("[", "[");
  const section = sectionSpec(cursor);
  cursor.expect("]", "] after the section");
  return { section, partial: partialOf(cursor) };
}

function binaryItem(cursor: Cursor, name: "BINARY" | "BINARY.PEEK" | "BINARY.SIZE"): BinaryItem | BinarySizeItem {
  cursor.expect("[", "[");
  const partPath: number[] = [];
  while (cursor.peek() !== 0x5d) {
    partPath.push(cursor.nonZero("a part number"));
    if (partPath.length > limits.mimeDepthMax) cursor.fail(`A part lies at most ${limits.mimeDepthMax} deep`);
    if (!cursor.accept(".")) break;
  }
  cursor.expect("]", "] after the part");
  if (name === "BINARY.SIZE") return { item: "BINARY.SIZE[]", partPath };
  return { item: "BINARY[]", isPeek: name === "BINARY.PEEK", partPath, partial: partialOf(cursor) };
}

function partialOf(cursor: Cursor): Partial | undefined {
  if (!cursor.accept("<")) return undefined;
  const offset = cursor.number64("the first byte wanted");
  cursor.expect(".", ". and the count of bytes wanted");
  const sizeBytes = cursor.nonZero("the count of bytes wanted");
  cursor.expect(">", "> after the count of bytes");
  return { offset, sizeBytes };
}

/** A section by itself, as IMAP URLs name it. RFC 5092 §3 `section-spec` */
export function parseSection(text: string): Section | undefined {
  const cursor = new Cursor(Buffer.from(`${text}]`, "latin1"));
  try {
    const section = sectionSpec(cursor);
    return cursor.accept("]") && cursor.isAtEnd ? section : undefined;
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

const sectionTexts = { HEADER: {}, "HEADER.FIELDS": {}, "HEADER.FIELDS.NOT": {}, TEXT: {}, MIME: {} } as const;

function sectionSpec(cursor: Cursor): Section {
  const partPath: number[] = [];
  if (cursor.peek() === 0x5d) return whole;
  while (isDigit(cursor.peek())) {
    partPath.push(cursor.nonZero("a part number"));
    if (partPath.length > limits.mimeDepthMax) cursor.fail(`A part lies at most ${limits.mimeDepthMax} deep`);
    if (!cursor.accept(".")) return { ...whole, partPath };
  }
  const start = cursor.offset;
  const text = cursor.itemName("a section of the message");
  if (!Object.hasOwn(sectionTexts, text) || (text === "MIME" && partPath.length === 0)) {
    cursor.offset = start;
    cursor.fail(text === "MIME" ? "MIME needs a part number" : `Unknown section ${text.slice(0, 40)}`);
  }
  const hasFields = text === "HEADER.FIELDS" || text === "HEADER.FIELDS.NOT";
  if (hasFields) cursor.space();
  const fieldNames = hasFields ? parenthesized((c) => c.astring("a header field"), "header fields")(cursor) : [];
  return { partPath, text: text as keyof typeof sectionTexts, fieldNames };
}

const modifierNames = { CHANGEDSINCE: {}, VANISHED: {}, PARTIAL: {} } as const;

function fetchModifiers(cursor: Cursor): FetchModifiers {
  let changedSince: number | undefined;
  let window: Window | undefined;
  let tellsVanished = false;
  parenthesized((c) => {
    const name = keyOf(modifierNames, "FETCH modifier")(c);
    if (name === "VANISHED") {
      tellsVanished = true;
      return;
    }
    c.space();
    if (name === "CHANGEDSINCE") changedSince = modSequence(c);
    else window = windowOf(c);
  }, "FETCH modifiers")(cursor);
  if (tellsVanished && changedSince === undefined) cursor.fail("VANISHED needs CHANGEDSINCE");
  return { changedSince, tellsVanished, window };
}

/** `1:500` or `-1:-100`. RFC 9394 §4 `partial-range` */
export function windowOf(cursor: Cursor): Window {
  const isFromEnd = cursor.accept("-");
  const one = cursor.nonZero("the first of the messages wanted");
  cursor.expect(":", ": and the last of the messages wanted");
  if (cursor.accept("-") !== isFromEnd) cursor.fail("Both ends are counted from the same side");
  const other = cursor.nonZero("the last of the messages wanted");
  return { first: Math.min(one, other), last: Math.max(one, other), isFromEnd };
}

/** A modification sequence, 0 to 2^63-1; ours never pass 2^48. RFC 7162 §7 `mod-sequence-valzer` */
export function modSequence(cursor: Cursor): number {
  return cursor.number64("a modification sequence");
}

/** The section as it stands in the answer, `BODY[HEADER.FIELDS (Date)]<0>`. RFC 9051 §7.5.2, RFC 3516 §4.2 */
export function encodeSectionLabel(
  item: SectionItem | BinaryItem | BinarySizeItem, encodeString: (text: Octets) => string,
): string {
  if (item.item === "BINARY.SIZE[]") return `BINARY.SIZE[${item.partPath.join(".")}]`;
  if (item.item === "BINARY[]") {
    return `BINARY[${item.partPath.join(".")}]${item.partial === undefined ? "" : `<${item.partial.offset}>`}`;
  }
  if (item.label !== "BODY") return item.label;
  const { partPath, text, fieldNames } = item.section;
  const names = fieldNames.length === 0 ? "" : ` (${fieldNames.map(encodeString).join(" ")})`;
  const path = partPath.join(".");
  const origin = item.partial === undefined ? "" : `<${item.partial.offset}>`;
  return `BODY[${path}${path !== "" && text !== "" ? "." : ""}${text}${names}]${origin}`;
}
