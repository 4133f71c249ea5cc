/** SEARCH and UID SEARCH. RFC 9051 §6.4.4, RFC 3501 §6.4.4, RFC 4731, RFC 5032 */
import type { FolderId } from "#base/ids.ts";
import type { Mailbox } from "#mailbox/api.ts";
import type { Query } from "#mailbox/query.ts";
import type { Completion, Handler, SessionState } from "#serve/imap/state.ts";
import type { Found } from "#serve/imap/search-result.ts";
import type { FolderView } from "#serve/imap/view.ts";
import type { ReturnOptions, SearchKey } from "#wire/imap/search.ts";
import { limits } from "#base/limits.ts";
import { isOfFlags, searchFlags, searchFolder } from "#mailbox/search.ts";
import { boundedDecoder, translate, universe } from "#serve/imap/search-query.ts";
import { encodeExtended, save, tagCorrelator, writeList } from "#serve/imap/search-result.ts";
import { no, ok } from "#serve/imap/state.ts";
import { encodeStatus, encodeString } from "#wire/imap/encode.ts";
import { star } from "#wire/imap/sequence.ts";

export const search: Handler<"SEARCH"> = async (state, { tag, args, isUid }) => {
  const view = state.selected;
  const found = await find(state, view, tag, args);
  if (found === undefined) return badCharset();
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

export function badCharset(): Completion {
  return no("The character set is not known.", "BADCHARSET (UTF-8 US-ASCII)");
}

export function searchCompletion(view: FolderView, isUid: boolean): Completion {
  return ok("Searched.", !isUid && view.hasHeldBack ? "EXPUNGEISSUED" : undefined);
}

/** What the keys find in the selected folder, by UID; undefined for an unknown character set. RFC 9051 §6.4.4 */
export async function find(
  state: SessionState, view: FolderView, tag: string,
  args: { key: SearchKey; charset: string | undefined; usesModSeq: boolean; returns?: ReturnOptions | undefined },
): Promise<Found | undefined> {
  // RFC 9051 §6.4.4.1: a SEARCH with SAVE that is refused leaves nothing in `$`.
  const decode = boundedDecoder(args.charset);
  if (decode === undefined) {
    if (args.returns?.options.includes("SAVE") === true) view.save([]);
    return undefined;
  }
  if (args.usesModSeq) state.usesCondstore = true;
  const nowMs = state.ctx.system.nowMs();
  const query = translate(args.key, {
    view, mailboxId: view.mailbox.mailboxId, isUidOnly: state.usesUidOnly, decode, nowMs,
  });
  return knownFrom(args.key, view) ??
    await look(state, view.mailbox, view.folderId, query, { tag, usesModSeq: args.usesModSeq, view });
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
  { tag, usesModSeq, view }: { tag: string; usesModSeq: boolean; view: FolderView | undefined },
): Promise<Found> {
  const uids: number[] = [];
  const modSeqs: number[] = [];
  const progress = new Progress(state, tag);
  const search = isOfFlags(query) ? searchFlags : searchFolder;
  for await (const rows of search(state.ctx, mailbox, folderId, query, universe(query))) {
    for (const row of rows) {
      if (view !== undefined && view.numberOf(row.uid) === 0) continue;
      uids.push(row.uid);
      if (usesModSeq) modSeqs.push(row.modSeq);
    }
    await progress.tell();
  }
  return { uids, modSeqs };
}

/** Says now and then that a long command is under way. RFC 9585 §4 */
export class Progress {
  readonly #state: SessionState;
  readonly #tag: string;
  #nextMs: number;

  constructor(state: SessionState, tag: string) {
    this.#state = state;
    this.#tag = tag;
    this.#nextMs = state.ctx.system.monotonicMs() + limits.imapProgressMs;
  }

  async tell(): Promise<void> {
    if (this.#state.ctx.system.monotonicMs() < this.#nextMs) return;
    this.#nextMs = this.#state.ctx.system.monotonicMs() + limits.imapProgressMs;
    const code = `INPROGRESS (${encodeString(this.#tag)} NIL NIL)`;
    this.#state.client.write(encodeStatus("*", "OK", code, "Still looking."));
    await this.#state.client.flush();
  }
}
