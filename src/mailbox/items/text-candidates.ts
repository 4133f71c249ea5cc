/**
 * Which messages may hold a text, by the full-text index, or by the trigrams of messages where the text has no word
 * that the index could be asked for; what is said of the rest is certain: they do not.
 */
import { Buffer } from "node:buffer";
import type { Ctx } from "#base/ctx.ts";
import { yieldToOthers } from "#base/ctx.ts";
import { limits } from "#base/limits.ts";
import type { LightRow } from "#mailbox/items/light.ts";
import type { ItemStore } from "#mailbox/items/load.ts";
import { runTest } from "#mailbox/search/run-grams.ts";
import { numberList, numberSet } from "#store/number-list.ts";
import { findNeeded, neededWords } from "#store/search-candidates.ts";
import type { TextField } from "#store/search-candidates.ts";
import { all } from "#store/sql.ts";

/** A text that properties hold. */
export interface TextNeedle {
  readonly field: TextField;
  readonly text: string;
  /** It stands at the beginning of the property. */
  readonly isAnchored: boolean;
  /** Accents and other marks make no difference. */
  readonly ignoresMarks?: boolean;
}

export interface TextCandidates {
  /** Whether the message may hold the text. */
  may(row: CandidateRow): boolean;
  /** Where it is there: reads what is told of these rows, and forgets others, which may all hold the text then. */
  prepare?(ctx: Ctx, rows: readonly CandidateRow[]): Promise<void>;
}

/** What candidates are told by. */
export const candidateColumns = [
  "contentId", "itemId", "sizeBytes", "itemSizeBytes", "isIndexed", "isPlain",
] as const;
export type CandidateRow = Pick<LightRow, (typeof candidateColumns)[number]>;

/** From this size on the index may not have all text of a message, bytes: it has this many characters at least. */
const wholeMaxBytes: Readonly<Record<TextField, number>> = {
  subject: 0, addresses: limits.searchTextMaxCharacters >> 3, attachmentNames: limits.searchTextMaxCharacters >> 3,
  body: limits.searchTextMaxCharacters >> 1,
};

/** null when the index cannot tell, or would name so many that looking at all is no slower. */
export async function findTextCandidates(
  ctx: Ctx, from: ItemStore, needle: TextNeedle,
): Promise<TextCandidates | null> {
  const { store, mailboxId } = from;
  const { field, text, isAnchored } = needle;
  const words = neededWords(text, isAnchored);
  if (field === "subject") return null;
  if (words.length === 0) return gramCandidates(from, needle);
  const ids = new Set<number>();
  for (let after = Number.MIN_SAFE_INTEGER; ;) {
    const found = await store.read(ctx, mailboxId, () =>
      findNeeded(store.dialect, mailboxId, field, words, after, limits.textCandidatesSlice));
    for (const id of found) ids.add(id);
    if (found.length < limits.textCandidatesSlice) break;
    if (ids.size > limits.textCandidatesMax) return gramCandidates(from, needle);
    after = found.at(-1)!;
    await yieldToOthers();
  }
  const wholeMax = wholeMaxBytes[field];
  return {
    may: ({ contentId, itemId, sizeBytes, itemSizeBytes, isIndexed }) => isIndexed === 0 ||
      Math.max(sizeBytes, itemSizeBytes) > wholeMax ||
      (contentId !== null && ids.has(contentId)) || ids.has(-itemId),
  };
}

/** Of plain mail alone: its body is text of its bytes, of which the trigrams are. */
function gramCandidates(
  { store, mailboxId }: ItemStore, { field, text, ignoresMarks }: TextNeedle,
): TextCandidates | null {
  const test = field === "body" && ignoresMarks !== true ? runTest(text) : undefined;
  if (test === undefined) return null;
  const without = new Set<number>();
  return {
    may: ({ contentId, isPlain }) => isPlain === 0 || contentId === null || !without.has(contentId),
    async prepare(ctx, rows) {
      without.clear();
      const ids = new Set<number>();
      for (const { contentId, isPlain } of rows) if (isPlain === 1 && contentId !== null) ids.add(contentId);
      const list = numberList([...ids]);
      const found = await store.read(ctx, mailboxId, () => all<{ content_id: number; grams: Uint8Array }>(
        `SELECT content_id, grams FROM content_grams
         WHERE mailbox_id = $1 AND content_id IN ${numberSet(store.dialect, "$2")}`, mailboxId, list));
      for (const { content_id: contentId, grams } of found) {
        if (grams.length === 0) continue;
        const digits = Buffer.from(grams.buffer, grams.byteOffset, grams.length).toString("hex");
        if (test({ text: digits, start: 0, end: digits.length }) === false) without.add(contentId);
      }
    },
  };
}
