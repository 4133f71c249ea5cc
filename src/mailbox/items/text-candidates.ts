/** Which messages may hold a text, by the full-text index; what is said of the rest is certain: they do not. */
import type { Ctx } from "#base/ctx.ts";
import { yieldToOthers } from "#base/ctx.ts";
import { limits } from "#base/limits.ts";
import type { LightRow } from "#mailbox/items/light.ts";
import type { ItemStore } from "#mailbox/items/load.ts";
import { findNeeded, neededWords } from "#store/search-candidates.ts";
import type { TextField } from "#store/search-candidates.ts";

/** A text that properties hold. */
export interface TextNeedle {
  readonly field: TextField;
  readonly text: string;
  /** It stands at the beginning of the property. */
  readonly isAnchored: boolean;
}

export interface TextCandidates {
  /** Whether the message may hold the text. */
  may(row: Pick<LightRow, (typeof candidateColumns)[number]>): boolean;
}

/** What candidates are told by. */
export const candidateColumns = ["contentId", "itemId", "sizeBytes", "itemSizeBytes", "isIndexed"] as const;

/** From this size on the index may not have all text of a message, bytes: it has this many characters at least. */
const wholeMaxBytes: Readonly<Record<TextField, number>> = {
  subject: 0, addresses: limits.searchTextMaxCharacters >> 3, attachmentNames: limits.searchTextMaxCharacters >> 3,
  body: limits.searchTextMaxCharacters >> 1,
};

/** null when the index cannot tell, or would name so many that looking at all is no slower. */
export async function findTextCandidates(
  ctx: Ctx, { store, mailboxId }: ItemStore, { field, text, isAnchored }: TextNeedle,
): Promise<TextCandidates | null> {
  const words = neededWords(text, isAnchored);
  if (words.length === 0 || field === "subject") return null;
  const ids = new Set<number>();
  for (let after = Number.MIN_SAFE_INTEGER; ;) {
    const found = await store.read(ctx, mailboxId, () =>
      findNeeded(store.dialect, mailboxId, field, words, after, limits.textCandidatesSlice));
    for (const id of found) ids.add(id);
    if (found.length < limits.textCandidatesSlice) break;
    if (ids.size > limits.textCandidatesMax) return null;
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
