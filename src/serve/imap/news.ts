/** Telling what happened: in the selected folder, in searches kept up to date, and in what NOTIFY watches. */
import type { ContextNews } from "#serve/imap/contexts.ts";
import type { SessionState } from "#serve/imap/state.ts";
import type { FolderView, ViewUpdates } from "#serve/imap/view.ts";
import type { FetchItem } from "#wire/imap/fetch.ts";
import { Fault } from "#base/fault.ts";
import { fetchUnasked } from "#serve/imap/commands/fetch.ts";
import { contextNews, encodeContextNews } from "#serve/imap/contexts.ts";
import { announceKeywords, encodeVanished, writeFlags } from "#serve/imap/flags.ts";
import { FolderWatch } from "#serve/imap/notify/folder-watch.ts";
import { encodeStatus } from "#wire/imap/encode.ts";

/** Why there may be something to tell: what the client's own command did is told whatever NOTIFY says. RFC 5465 §3 */
export type NewsCause = "anybody" | "ownCommand";

/**
 * Tells the client what happened in its folder; when that is gone, good-bye, since the client's numbers stand for
 * nothing any more. UIDs of the messages whose flags it told. RFC 9051 §7.5.1, RFC 3501 §7.4.1, RFC 2180 §3.3
 */
export async function writeUpdates(
  state: SessionState, mayExpunge: boolean, cause: NewsCause = "anybody",
): Promise<ReadonlySet<number>> {
  const { view } = state;
  if (view === undefined) return none;
  const wish = state.notify?.selected;
  // RFC 5465 §3.1: without a word about the selected folder nothing of it is told.
  if (state.notify !== undefined && cause === "anybody" && (wish === undefined || wish.events.size === 0)) return none;
  let updates: ViewUpdates;
  try {
    updates = await view.sync(state.ctx, mayExpunge);
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== "notFound") throw error;
    state.view = undefined;
    state.bye("The selected folder was deleted.");
    return none;
  }
  const news = await contextNews(state, view, updates);
  await writeGone(state, view, updates, news);
  if (updates.exists !== undefined) state.client.write(`* ${updates.exists} EXISTS\r\n`);
  writeRecent(state, view, updates.added.at(-1));
  announceKeywords(state, updates.keywords);
  const told = await writeChanged(state, updates,
    state.notify === undefined || cause === "ownCommand" || wish?.events.has("FLAGCHANGE") === true);
  await writeCome(state, view, updates, news, wish?.items ?? []);
  return told;
}

const none: ReadonlySet<number> = new Set();

/** RFC 3501 §7.3.2: revision 2 has no such answer. */
function writeRecent(state: SessionState, view: FolderView, newestUid: number | undefined): void {
  const { recent } = view;
  if (recent === undefined || state.usesRev2) return;
  if (newestUid !== undefined) recent.tell(newestUid);
  const count = view.recentCount;
  if (count === recent.toldCount) return;
  recent.toldCount = count;
  state.client.write(`* ${count} RECENT\r\n`);
}

/** RFC 5267 §4.3.4: results that go are named while their numbers still hold. */
async function writeGone(
  state: SessionState, view: FolderView, { expunged }: ViewUpdates, news: readonly ContextNews[],
): Promise<void> {
  const { client } = state;
  if (news.length > 0) {
    const before = new Map(expunged.map(({ number, uid }) => [uid, number]));
    const numberOf = (uid: number): number => before.get(uid) ?? view.numberOf(uid);
    for (const one of news) client.write(encodeContextNews(one, { removed: one.gone }, numberOf));
  }
  if (expunged.length > 0 && (state.usesQresync || state.usesUidOnly)) {
    client.write(encodeVanished(expunged.map(({ uid }) => uid).reverse()));
    return;
  }
  for (const { number } of expunged) {
    client.write(`* ${number} EXPUNGE\r\n`);
    if (client.isFull) await client.drain();
  }
}

async function writeChanged(
  state: SessionState, { changed }: ViewUpdates, tellsFlags: boolean,
): Promise<ReadonlySet<number>> {
  if (changed.length === 0 || !tellsFlags) return none;
  for (const { number, row } of changed) {
    writeFlags(state, number, row);
    if (state.client.isFull) await state.client.drain();
  }
  return new Set(changed.map(({ row }) => row.uid));
}

/**
 * New messages and searches: what NOTIFY fetches comes after the news of searches (RFC 5465 §5.2), what a search
 * fetches of its own new results before (§7); one answer for each message.
 */
async function writeCome(
  state: SessionState, view: FolderView, { added }: ViewUpdates, news: readonly ContextNews[],
  items: readonly FetchItem[],
): Promise<void> {
  const byUid = new Map<number, readonly FetchItem[]>();
  let isOfSearch = false;
  const want = (uids: readonly number[], wanted: readonly FetchItem[]): void => {
    if (wanted.length === 0) return;
    for (const uid of uids) if (!view.ownUids.has(uid)) byUid.set(uid, [...byUid.get(uid) ?? [], ...wanted]);
  };
  want(added, items);
  for (const { come, context } of news) {
    want(come, context.items);
    isOfSearch ||= come.length > 0 && context.items.length > 0;
  }
  view.ownUids.clear();
  const tellSearches = (): void => {
    for (const one of news) state.client.write(encodeContextNews(one, one, (uid) => view.numberOf(uid)));
  };
  if (!isOfSearch) tellSearches();
  for (const [uids, wanted] of groupedByItems(byUid)) await fetchUnasked(state, view, wanted, uids);
  if (isOfSearch) tellSearches();
}

/** Messages of which the same is wanted are read together. */
function groupedByItems(byUid: ReadonlyMap<number, readonly FetchItem[]>): [number[], readonly FetchItem[]][] {
  const groups = new Map<string, [number[], readonly FetchItem[]]>();
  for (const [uid, items] of byUid) {
    const key = JSON.stringify(items);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [[uid], items]);
    else group[0].push(uid);
  }
  return [...groups.values()];
}

/**
 * Everything NOTIFY asks for that there is to tell now. `isForced`: looks at once, however short ago the last look was.
 * RFC 5465 §3.1, §4
 */
export async function tellNews(state: SessionState, { mayExpunge, isForced }: {
  readonly mayExpunge: boolean; readonly isForced: boolean;
}): Promise<void> {
  if (state.view?.isDirty === true || (mayExpunge && state.view?.hasHeldBack === true)) {
    await writeUpdates(state, mayExpunge);
  }
  const { notify } = state;
  if (notify === undefined || state.isEnding) return;
  try {
    await notify.tell(state, isForced);
  } catch (error) {
    if (!(error instanceof Fault) || error.code === "cancelled") throw error;
    state.ctx.log.warn({ error: error.message }, "watching folders ends");
    overflow(state, "The folders cannot be watched.");
  }
}

/** As if the client had said NOTIFY NONE. RFC 5465 §5.8 */
export function overflow(state: SessionState, text: string): void {
  state.client.write(encodeStatus("*", "OK", "NOTIFICATIONOVERFLOW", text));
  state.notify?.end();
  state.notify = FolderWatch.ofNothing();
}
