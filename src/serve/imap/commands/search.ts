/** SEARCH and UID SEARCH. RFC 9051 §6.4.4, RFC 3501 §6.4.4, RFC 4731, RFC 5032 */
import type { FolderId } from "#base/ids.ts";
import type { Mailbox } from "#mailbox/api.ts";
import type { Query } from "#mailbox/query.ts";
import type { Completion, Handler, SessionState } from "#serve/imap/state.ts";
import type { Found } from "#serve/imap/search-result.ts";
import type { FolderView } from "#serve/imap/view.ts";
import type { ReturnOptions, SearchKey } from "#wire/imap/search.ts";
import { searchFolder } from "#mailbox/search.ts";
import { keepUpToDate } from "#serve/imap/contexts.ts";
import { UndefinedFilter } from "#serve/imap/filters.ts";
import { hasFilter, needsResolving, resolveKeys } from "#serve/imap/search-keys.ts";
import { boundedDecoder, translate, universe } from "#serve/imap/search-query.ts";
import { encodeExtended, save, tagCorrelator, writeList } from "#serve/imap/search-result.ts";
import { BadCommand, no, ok } from "#serve/imap/state.ts";
import { usesModSeq } from "#wire/imap/search.ts";
import { star } from "#wire/imap/sequence.ts";

export const search: Handler<"SEARCH"> = async (state, { tag, args, isUid }) => {
  const view = state.selected;
  refuseTwin(view, tag, args.returns);
  const found = await find(state, view, args);
  if (found === undefined) return badCharset();
  keepUpToDate(state, view, { tag, isUid, returns: args.returns, found });
  const told = { correlator: tagCorrelator(tag), view: isUid || state.usesUidOnly ? undefined : view };
  if (args.returns !== undefined) {
    save(view, found, args.returns);
    if (tellsAnything(args.returns)) state.client.write(encodeExtended(found, args.returns, told));
  } else if (state.usesRev2) {
    // RFC 9051 appendix E: revision 2 has no untagged SEARCH.
    state.client.write(encodeExtended(found, { options: ["ALL"], window: undefined }, told));
  } else {
    await writeList(state, "SEARCH", found, told.view);
  }
  return searchCompletion(view, isUid);
};

/** RFC 9051 §6.4.4.1: SAVE alone tells nothing. */
export function tellsAnything({ options }: ReturnOptions): boolean {
  return options.some((option) => option !== "SAVE");
}

/** RFC 5267 §4.3: updates are told apart by the tag. */
export function refuseTwin(view: FolderView, tag: string, returns: ReturnOptions | undefined): void {
  if (returns?.options.includes("UPDATE") === true && view.contexts.has(tag)) {
    throw new BadCommand("A search with this tag is kept up to date already.");
  }
}

export function badCharset(): Completion {
  return no("The character set is not known.", "BADCHARSET (UTF-8 US-ASCII)");
}

export function searchCompletion(view: FolderView, isUid: boolean): Completion {
  return ok("Searched.", !isUid && view.hasHeldBack ? "EXPUNGEISSUED" : undefined);
}

/** What the keys find in the selected folder, by UID; undefined for an unknown character set. RFC 9051 §6.4.4 */
export async function find(
  state: SessionState, view: FolderView,
  args: { key: SearchKey; charset: string | undefined; usesModSeq: boolean; returns?: ReturnOptions | undefined },
): Promise<FoundBy | undefined> {
  // RFC 9051 §6.4.4.1: a SEARCH with SAVE that is refused leaves nothing in `$`.
  const refused = (): void => { if (args.returns?.options.includes("SAVE") === true) view.save([]); };
  const decode = boundedDecoder(args.charset);
  if (decode === undefined) {
    refused();
    return undefined;
  }
  requireUtf8(args);
  const ask = async (): Promise<Asked> => await askFor(state, view, view, args.key, decode);
  const { query, scores, usesModSeq: tellsSeq } = await ask().catch((error: unknown) => {
    if (error instanceof UndefinedFilter) refused();
    throw error;
  });
  const tellsModSeq = args.usesModSeq || tellsSeq;
  if (tellsModSeq) state.usesCondstore = true;
  const found = knownFrom(args.key, view) ??
    await look(state, view.mailbox, view.folderId, query, { usesModSeq: tellsModSeq, view });
  // What was looked up goes out of date with the next message; the rest means the same for ever.
  const again = needsResolving(args.key) ? async () => (await ask()).query : async () => query;
  return { ...found, scores, again };
}

/** What was found, and how to look again. */
export interface FoundBy extends Found {
  readonly again: () => Promise<Query>;
}

interface Asked {
  readonly query: Query;
  readonly scores: ReadonlyMap<number, number> | undefined;
  readonly usesModSeq: boolean;
}

/** RFC 5466 §3.1: stored searches are UTF-8, and so must be the search they stand in. */
export function requireUtf8({ key, charset }: { key: SearchKey; charset: string | undefined }): void {
  if (charset === undefined || charset === "UTF-8" || charset === "US-ASCII" || !hasFilter(key)) return;
  throw new BadCommand("FILTER needs UTF-8.", "BADCHARSET (UTF-8 US-ASCII)");
}

/** The search in the mailbox's words, with what has to be looked up first. `view`: of the folder, when selected. */
export async function askFor(
  state: SessionState, { mailbox, folderId }: { readonly mailbox: Mailbox; readonly folderId: FolderId },
  view: FolderView | undefined, key: SearchKey, decode: (octets: string) => string,
): Promise<Asked> {
  const as = {
    view, mailboxId: mailbox.mailboxId, isUidOnly: state.usesUidOnly, decode, nowMs: state.ctx.system.nowMs(),
  };
  if (!needsResolving(key)) return { query: translate(key, as), scores: undefined, usesModSeq: false };
  const resolved = await resolveKeys(state, { mailbox, folderId }, key, decode);
  return {
    query: translate(resolved.key, { ...as, sets: resolved.sets }), scores: resolved.scores,
    usesModSeq: usesModSeq(resolved.key),
  };
}

/** The first thing a program asks when it synchronizes is which UIDs there are: the view knows without reading. */
function knownFrom(key: SearchKey, view: FolderView): Found | undefined {
  // Messages that went since must not be found, and the view may still number them.
  if (view.isDirty || view.hasHeldBack) return undefined;
  if (key.key !== "all" && key.key !== "uid" && key.key !== "sequence") return undefined;
  const set = key.key === "all" ? [{ first: 1, last: star }] : key.set;
  const uids: number[] = [];
  for (const { first, last } of view.numbers(set, key.key === "uid")) {
    for (let number = first; number <= last; number++) uids.push(view.uidOf(number));
  }
  return { uids, modSeqs: [] };
}

/** Reads through a folder; of the selected one only messages that have a number. */
export async function look(
  state: SessionState, mailbox: Mailbox, folderId: FolderId, query: Query,
  { usesModSeq, view }: { usesModSeq: boolean; view: FolderView | undefined },
): Promise<Found> {
  const uids: number[] = [];
  const modSeqs: number[] = [];
  let number = 0;
  const options = { modSeqs: usesModSeq };
  for await (const found of searchFolder(state.ctx, mailbox, folderId, query, universe(query), options)) {
    for (let at = 0; at < found.uids.length; at++) {
      const uid = found.uids[at]!;
      if (view !== undefined) {
        number = view.numberNear(uid, number + 1);
        if (number === 0) continue;
      }
      uids.push(uid);
      if (usesModSeq) modSeqs.push(found.modSeqs[at]!);
    }
  }
  return { uids, modSeqs };
}
