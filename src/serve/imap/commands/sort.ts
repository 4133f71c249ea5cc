/** SORT and UID SORT, by what is stored of each message. RFC 5256, RFC 5957, RFC 5267 §3 */
import type { OrderKey } from "#mailbox/api.ts";
import type { Handler, SessionState } from "#serve/imap/state.ts";
import type { FolderView } from "#serve/imap/view.ts";
import type { SortCriterion, SortKey } from "#wire/imap/sort.ts";
import { inTurns, sorting } from "#base/turns.ts";
import { badCharset, find, refuseTwin, searchCompletion, tellsAnything } from "#serve/imap/commands/search.ts";
import { keepUpToDate } from "#serve/imap/contexts.ts";
import { encodeExtended, save, scoreOf, tagCorrelator, writeList } from "#serve/imap/search-result.ts";
import type { Found } from "#serve/imap/search-result.ts";

/** RFC 5256 §3 */
export const sort: Handler<"SORT"> = async (state, { tag, args, isUid }) => {
  const view = state.selected;
  refuseTwin(view, tag, args.returns);
  const found = await find(state, view, args);
  if (found === undefined) return badCharset();
  const sorted = await sortMessages(state, view, found.uids, args.criteria, found);
  const modSeqOf = new Map(found.modSeqs.map((modSeq, index) => [found.uids[index]!, modSeq]));
  const result = { uids: sorted, modSeqs: found.modSeqs.length === 0 ? [] : sorted.map((uid) => modSeqOf.get(uid)!),
    scores: found.scores };
  keepUpToDate(state, view, {
    tag, isUid, returns: args.returns, found: { ...result, again: found.again },
    // How well something fits changes with every message.
    ...(args.criteria.some(({ key }) => key === "RELEVANCY") ? { refusal: "Relevancy does not stand still." }
      : { order: (uids: readonly number[]) => sortMessages(state, view, uids, args.criteria) }),
  });
  const told = { correlator: tagCorrelator(tag), view: isUid || state.usesUidOnly ? undefined : view };
  if (args.returns === undefined) {
    await writeList(state, "SORT", result, told.view);
  } else {
    save(view, result, args.returns);
    if (tellsAnything(args.returns)) state.client.write(encodeExtended(result, args.returns, told));
  }
  return searchCompletion(view, isUid);
};

/** RFC 5256 §3, RFC 5957 §2 */
const orderKeys: Readonly<Record<Exclude<SortKey, "RELEVANCY">, OrderKey>> = {
  ARRIVAL: "arrival", CC: "cc", DATE: "date", FROM: "from", SIZE: "size", SUBJECT: "subject", TO: "to",
  DISPLAYFROM: "displayFrom", DISPLAYTO: "displayTo",
};

/** The same messages in another order; what compares alike stays in the order of the folder. RFC 5256 §3 */
async function sortMessages(
  state: SessionState, view: FolderView, uids: readonly number[], criteria: readonly SortCriterion[], found?: Found,
): Promise<number[]> {
  const ascending = isAscending(uids) ? uids : uids.toSorted((a, b) => a - b);
  const columns = new Map<SortKey, Float64Array>();
  const order: { ranks: Float64Array; sign: number }[] = [];
  for (const { key, isReverse } of criteria) {
    // What was compared once tells nothing more the second time.
    if (columns.has(key)) continue;
    const ranks = key === "RELEVANCY" ? relevancies(ascending, found)
      : await view.mailbox.ranks(state.ctx, view.folderId, ascending, orderKeys[key]);
    columns.set(key, ranks);
    order.push({ ranks, sign: isReverse ? -1 : 1 });
  }
  const first = order[0]!.ranks;
  const last = lastOrders.get(first);
  if (last !== undefined && isSameOrder(last.order, order) && isSame(last.uids, ascending)) return [...last.sorted];
  const places = await inTurns(state.ctx, sorting([...ascending.keys()], (a, b) => {
    for (const { ranks, sign } of order) {
      const difference = ranks[a]! - ranks[b]!;
      if (difference !== 0) return difference * sign;
    }
    return a - b;
  }));
  const sorted = places.map((place) => ascending[place]!);
  lastOrders.set(first, { order, uids: Uint32Array.from(ascending), sorted: Uint32Array.from(sorted) });
  return sorted;
}

/** By one column after the other, down where `sign` is -1. */
type Order = readonly { readonly ranks: Float64Array; readonly sign: number }[];

/** How a folder was sorted last, by its first column, as long as that stays: programs ask again when they show it. */
const lastOrders = new WeakMap<Float64Array, { order: Order; uids: Uint32Array; sorted: Uint32Array }>();

function isSameOrder(one: Order, other: Order): boolean {
  return one.length === other.length &&
    one.every(({ ranks, sign }, at) => ranks === other[at]!.ranks && sign === other[at]!.sign);
}

function isSame(one: Uint32Array, other: readonly number[]): boolean {
  return one.length === other.length && other.every((uid, at) => one[at] === uid);
}

function isAscending(uids: readonly number[]): boolean {
  for (let at = 1; at < uids.length; at++) if (uids[at]! < uids[at - 1]!) return false;
  return true;
}

/** RFC 6203 §6: what fits best comes first. */
function relevancies(uids: readonly number[], found: Found | undefined): Float64Array {
  return Float64Array.from(uids, (uid) => (found === undefined ? 0 : -scoreOf(found, uid)));
}
