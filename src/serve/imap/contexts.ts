/** Searches kept up to date: what each look at the folder adds to their results and takes away. RFC 5267 §4.3 */
import type { UidRange } from "#mailbox/api.ts";
import type { Query } from "#mailbox/query.ts";
import type { Found } from "#serve/imap/search-result.ts";
import type { SessionState } from "#serve/imap/state.ts";
import type { FolderView, SearchContext, ViewUpdates } from "#serve/imap/view.ts";
import type { ReturnOptions } from "#wire/imap/search.ts";
import { limits } from "#base/limits.ts";
import { searchFolder } from "#mailbox/search.ts";
import { tagCorrelator } from "#serve/imap/search-result.ts";
import { encodeStatus, encodeString } from "#wire/imap/encode.ts";
import { encodeNumbers } from "#wire/imap/sequence.ts";

/** Keeps a search up to date that asked for it, or says that it will not. RFC 5267 §4.3.1 */
export function keepUpToDate(state: SessionState, view: FolderView, search: {
  readonly tag: string; readonly isUid: boolean; readonly returns: ReturnOptions | undefined;
  readonly found: Found & { readonly again: () => Promise<Query> };
  readonly order?: SearchContext["order"]; readonly refusal?: string;
}): void {
  const { tag, isUid, returns, found } = search;
  if (returns?.options.includes("UPDATE") !== true) return;
  let results = found.uids.length;
  for (const { uids } of view.contexts.values()) results += uids.length;
  const refusal = search.refusal ?? (view.contexts.size >= limits.imapContextsMax ? "Too many searches are kept."
    : results > limits.imapContextResultsMax ? "Too many results would be kept." : undefined);
  if (refusal !== undefined) {
    state.client.write(encodeStatus("*", "NO", `NOUPDATE ${encodeString(tag)}`, refusal));
    return;
  }
  view.contexts.set(tag, {
    isUid: isUid || state.usesUidOnly, items: returns.items ?? [], again: found.again, order: search.order,
    uids: [...found.uids],
  });
}

/** Places in a list of results, each with what goes there: `1 2733 5 12:13`. RFC 5267 §4.3.2 */
type Places = readonly (readonly [place: number, uids: readonly number[]])[];

/** What one look at the folder did to one search. */
export interface ContextNews {
  readonly tag: string;
  readonly context: SearchContext;
  /** Of messages that are gone: told before their numbers go. RFC 5267 §4.3.4 */
  readonly gone: Places;
  readonly removed: Places;
  readonly added: Places;
  /** Messages among those added that came just now. */
  readonly come: readonly number[];
}

/** Works the news of every search out and takes them over into its results. */
export async function contextNews(
  state: SessionState, view: FolderView, updates: ViewUpdates,
): Promise<ContextNews[]> {
  if (view.contexts.size === 0) return [];
  const { touched, added, vanished } = updates;
  if (touched.length + added.length + vanished.length === 0) return [];
  const isGone = new Set(vanished);
  const looked = [...touched, ...added].filter((uid) => !isGone.has(uid));
  const come = new Set(added);
  const news: ContextNews[] = [];
  for (const [tag, context] of view.contexts) {
    const matching = looked.length === 0 ? new Set<number>() : await matchesOf(state, view, context, looked);
    const gone = takeOut(context, isGone);
    const was = new Set(looked.length > fewUids ? context.uids : looked.filter((uid) => context.uids.includes(uid)));
    const removed = takeOut(context, new Set(looked.filter((uid) => was.has(uid) && !matching.has(uid))));
    const fresh = looked.filter((uid) => !was.has(uid) && matching.has(uid));
    const places = fresh.length === 0 ? [] : await putIn(context, fresh);
    if (gone.length + removed.length + places.length === 0) continue;
    news.push({ tag, context, gone, removed, added: places, come: fresh.filter((uid) => come.has(uid)) });
  }
  return news;
}

/** Up to here looking through the results for each is less than making a set of them. */
const fewUids = 16;

async function matchesOf(
  state: SessionState, view: FolderView, context: SearchContext, uids: readonly number[],
): Promise<Set<number>> {
  const ranges: UidRange[] = view.rangesOf(uids.toSorted((a, b) => a - b));
  const found = new Set<number>();
  const query = await context.again();
  for await (const { uids: slice } of searchFolder(state.ctx, view.mailbox, view.folderId, query, ranges)) {
    for (const uid of slice) found.add(uid);
  }
  return found;
}

/** Sorted results from the last place to the first: then each place is right when its turn comes. */
function takeOut(context: SearchContext, doomed: ReadonlySet<number>): Places {
  if (doomed.size === 0) return [];
  const places: [number, number[]][] = [];
  const kept: number[] = [];
  for (const [index, uid] of context.uids.entries()) {
    if (doomed.has(uid)) places.push([index + 1, [uid]]);
    else kept.push(uid);
  }
  if (places.length === 0) return [];
  context.uids = kept;
  if (context.order === undefined) return [[0, places.flatMap(([, uids]) => uids)]];
  return places.reverse();
}

async function putIn(context: SearchContext, fresh: readonly number[]): Promise<Places> {
  const ascending = fresh.toSorted((a, b) => a - b);
  const { order } = context;
  if (order === undefined) {
    context.uids = mergeAscending(context.uids, ascending);
    return [[0, ascending]];
  }
  // A few find their places by comparing; more are put in order with all the others.
  if (ascending.length > fewUids) {
    context.uids = await order([...context.uids, ...ascending].sort((a, b) => a - b));
  } else {
    for (const uid of ascending) await insert(context, uid, order);
  }
  const isFresh = new Set(ascending);
  const places: [number, number[]][] = [];
  for (const [index, uid] of context.uids.entries()) {
    if (!isFresh.has(uid)) continue;
    const last = places.at(-1);
    if (last !== undefined && last[0] + last[1].length === index + 1) last[1].push(uid);
    else places.push([index + 1, [uid]]);
  }
  return places;
}

async function insert(
  context: SearchContext, uid: number, order: NonNullable<SearchContext["order"]>,
): Promise<void> {
  let low = 0;
  let high = context.uids.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const other = context.uids[middle]!;
    const [first] = await order(other < uid ? [other, uid] : [uid, other]);
    if (first === other) low = middle + 1;
    else high = middle;
  }
  context.uids.splice(low, 0, uid);
}

function mergeAscending(left: readonly number[], right: readonly number[]): number[] {
  const last = left.at(-1) ?? 0;
  if (right[0]! > last) return [...left, ...right];
  return [...left, ...right].sort((a, b) => a - b);
}

/** `* ESEARCH (TAG "B01") UID ADDTO (0 32768:32769)`. RFC 5267 §4.3.3, §4.3.4 */
export function encodeContextNews(
  { tag, context }: ContextNews, changes: { readonly removed?: Places; readonly added?: Places },
  numberOf: (uid: number) => number,
): string {
  const numbers = (uids: readonly number[]): string =>
    encodeNumbers(context.isUid ? uids : uids.map(numberOf).filter((number) => number !== 0));
  const list = (name: string, places: Places | undefined): string => (places === undefined || places.length === 0 ? ""
    : ` ${name} (${places.map(([place, uids]) => `${place} ${numbers(uids)}`).join(" ")})`);
  const told = list("REMOVEFROM", changes.removed) + list("ADDTO", changes.added);
  return told === "" ? "" : `* ESEARCH (${tagCorrelator(tag)})${context.isUid ? " UID" : ""}${told}\r\n`;
}
