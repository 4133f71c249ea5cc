/** ESEARCH over several folders. RFC 7377 */
import type { Handler, SessionState } from "#serve/imap/state.ts";
import type { Place, Root } from "#serve/imap/places.ts";
import type { FolderFilter } from "#wire/imap/multi-search.ts";
import { Fault } from "#base/fault.ts";
import { badCharset, find, look, searchCompletion, tellsAnything } from "#serve/imap/commands/search.ts";
import { findTarget, otherRoots, treeOf } from "#serve/imap/places.ts";
import { boundedDecoder, translate } from "#serve/imap/search-query.ts";
import { encodeExtended, save, tagCorrelator } from "#serve/imap/search-result.ts";
import { ok } from "#serve/imap/state.ts";
import { encodeMailbox } from "#wire/imap/encode.ts";

/** A folder to be searched, as the client names it. */
interface Source extends Place {
  readonly path: string;
}

/** RFC 7377 §2.1 */
export const multiSearch: Handler<"ESEARCH"> = async (state, { tag, args }) => {
  const returns = args.returns ?? { options: ["ALL"], window: undefined };
  if (args.folders === undefined) {
    if (state.view === undefined) return { condition: "BAD", text: "Select a folder first, or say IN which to look." };
    const found = await find(state, state.view, tag, { ...args, returns });
    if (found === undefined) return badCharset();
    save(state.view, found, returns);
    const told = { correlator: tagCorrelator(tag), view: undefined };
    if (tellsAnything(returns)) state.client.write(encodeExtended(found, returns, told));
    return searchCompletion(state.view, true);
  }
  if (returns.options.includes("SAVE")) return { condition: "BAD", text: "SAVE is for the selected folder alone." };
  const decode = boundedDecoder(args.charset);
  if (decode === undefined) return badCharset();
  for (const { path, mailbox, info } of await sourcesOf(state, args.folders)) {
    const nowMs = state.ctx.system.nowMs();
    const { mailboxId } = mailbox;
    const query = translate(args.key, { view: undefined, mailboxId, isUidOnly: state.usesUidOnly, decode, nowMs });
    const { usesModSeq } = args;
    const found = await look(state, mailbox, info.folderId, query, { tag, usesModSeq, view: undefined });
    // RFC 7377 §2.1: nothing is told of folders in which nothing was found.
    if (found.uids.length === 0) continue;
    const correlator = `${tagCorrelator(tag)} MAILBOX ${encodeMailbox(path, state.usesUtf8)} ` +
      `UIDVALIDITY ${info.uidValidity}`;
    state.client.write(encodeExtended(found, returns, { correlator, view: undefined }));
    await state.client.drain();
  }
  return ok("Searched.");
};

/** Each folder once, in the order of the names. RFC 7377 §2.2 */
async function sourcesOf(state: SessionState, filters: readonly FolderFilter[]): Promise<Source[]> {
  const byPath = new Map<string, Source>();
  const own: Root = { mailbox: state.mailbox, prefix: "" };
  for (const { filter, paths } of filters) {
    switch (filter) {
      case "SELECTED": case "SELECTED-DELAYED": {
        if (state.view === undefined) throw new Fault("invalidArgument", "No folder is selected.");
        const { folderId, mailbox } = state.view;
        const all = [...await walk(state, own), ...(await others(state))];
        for (const one of all) if (one.mailbox === mailbox && one.info.folderId === folderId) byPath.set(one.path, one);
        break;
      }
      case "INBOXES":
        for (const one of await walk(state, own)) if (one.info.role === "inbox") byPath.set(one.path, one);
        break;
      case "PERSONAL":
        for (const one of await walk(state, own)) byPath.set(one.path, one);
        break;
      case "SUBSCRIBED": {
        const subscribed = new Set(await state.mailbox.subscriptions(state.ctx));
        for (const one of await walk(state, own)) if (subscribed.has(one.path)) byPath.set(one.path, one);
        break;
      }
      default:
        for (const path of paths) for (const one of await below(state, filter, path)) byPath.set(one.path, one);
    }
  }
  return [...byPath.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

async function below(state: SessionState, filter: FolderFilter["filter"], path: string): Promise<Source[]> {
  const place = await findTarget(state, path);
  // RFC 7377 §2.1: folders that are not there or may not be read are passed over.
  const own = place === undefined ? [] : [{ path, ...place }];
  if (filter === "MAILBOXES") return own;
  const all = [...await walk(state, { mailbox: state.mailbox, prefix: "" }), ...(await others(state))];
  const prefix = `${path.toUpperCase() === "INBOX" ? "INBOX" : path}/`;
  return [...own, ...all.filter((one) => one.path.startsWith(prefix) &&
    (filter === "SUBTREE" || !one.path.slice(prefix.length).includes("/")))];
}

async function others(state: SessionState): Promise<Source[]> {
  const found: Source[] = [];
  for (const root of await otherRoots(state)) found.push(...await walk(state, root));
  return found;
}

async function walk(state: SessionState, root: Root): Promise<Source[]> {
  const tree = await treeOf(state.ctx, root);
  const found: Source[] = [];
  for (const { path, info, isMail } of tree.walk()) {
    if (isMail) found.push({ path: root.prefix === "" ? path : `${root.prefix}/${path}`, info, mailbox: root.mailbox });
  }
  return found;
}
