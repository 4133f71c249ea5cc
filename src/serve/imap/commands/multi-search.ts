/** ESEARCH over several folders. RFC 7377 */
import type { Completion, Handler, SessionState } from "#serve/imap/state.ts";
import type { Place, Root } from "#serve/imap/places.ts";
import type { Found } from "#serve/imap/search-result.ts";
import type { FolderView } from "#serve/imap/view.ts";
import type { FolderFilter, MultiSearchArguments } from "#wire/imap/multi-search.ts";
import type { ReturnOptions } from "#wire/imap/search.ts";
import { folderRights } from "#mailbox/access.ts";
import {
  askFor, badCharset, find, look, refuseTwin, requireUtf8, searchCompletion, tellsAnything,
} from "#serve/imap/commands/search.ts";
import { keepUpToDate } from "#serve/imap/contexts.ts";
import { findTarget, otherRoots, treeOf } from "#serve/imap/places.ts";
import { boundedDecoder } from "#serve/imap/search-query.ts";
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
    return await inSelected(state, state.view, tag, { ...args, returns });
  }
  const isSelected = args.folders.every(({ filter }) => filter === "SELECTED");
  if (args.folders.some(({ filter }) => filter === "SELECTED") && state.view === undefined) {
    return { condition: "BAD", text: "No folder is selected." };
  }
  if (isSelected && state.view !== undefined) return await inSelected(state, state.view, tag, { ...args, returns });
  // RFC 7377 §2.2
  if (returns.options.includes("SAVE")) return { condition: "BAD", text: "SAVE is for the selected folder alone." };
  if (returns.options.includes("UPDATE")) {
    return { condition: "BAD", text: "UPDATE is for the selected folder alone." };
  }
  const decode = boundedDecoder(args.charset);
  if (decode === undefined) return badCharset();
  requireUtf8(args);
  for (const { path, mailbox, info } of await sourcesOf(state, args.folders)) {
    const folder = { mailbox, folderId: info.folderId };
    const { query, scores, usesModSeq } = await askFor(state, folder, undefined, args.key, decode);
    const found = await look(state, mailbox, info.folderId, query,
      { usesModSeq: usesModSeq || args.usesModSeq, view: undefined });
    writeFound(state, { ...found, scores }, returns, correlatorOf(state, tag, path, info.uidValidity));
    await state.client.drain();
  }
  return ok("Searched.");
};

/** UIDs, and with the folder's name, though it is the selected one. RFC 7377 §2.1 */
async function inSelected(
  state: SessionState, view: FolderView, tag: string, args: MultiSearchArguments & { returns: ReturnOptions },
): Promise<Completion> {
  refuseTwin(view, tag, args.returns);
  const found = await find(state, view, args);
  if (found === undefined) return badCharset();
  keepUpToDate(state, view, { tag, isUid: true, returns: args.returns, found });
  save(view, found, args.returns);
  if (tellsAnything(args.returns)) {
    writeFound(state, found, args.returns, correlatorOf(state, tag, state.selectedPath, view.uidValidity));
  }
  return searchCompletion(view, true);
}

/** RFC 7377 §2.1: nothing is told of folders in which nothing was found. */
function writeFound(state: SessionState, found: Found, returns: ReturnOptions, correlator: string): void {
  if (found.uids.length > 0) state.client.write(encodeExtended(found, returns, { correlator, view: undefined }));
}

/** RFC 7377 §4 `search-correlator` */
function correlatorOf(state: SessionState, tag: string, path: string, uidValidity: number): string {
  return `${tagCorrelator(tag)} MAILBOX ${encodeMailbox(path, state.usesUtf8)} UIDVALIDITY ${uidValidity}`;
}

/** Each folder once, in the order of the names. RFC 7377 §2.2 */
async function sourcesOf(state: SessionState, filters: readonly FolderFilter[]): Promise<Source[]> {
  const byPath = new Map<string, Source>();
  const own: Root = { mailbox: state.mailbox, prefix: "" };
  for (const { filter, paths } of filters) {
    switch (filter) {
      case "SELECTED": case "SELECTED-DELAYED": {
        if (state.view === undefined) break;
        const { folderId, mailbox } = state.view;
        const info = await mailbox.folder(state.ctx, folderId);
        byPath.set(state.selectedPath, { path: state.selectedPath, mailbox, info });
        break;
      }
      // RFC 5465 §6.3: rules deliver mail into any folder.
      case "INBOXES": case "PERSONAL":
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
  const mayRead = place !== undefined && (place.mailbox.rightsIn(place.info.folderId) & folderRights.readAny) !== 0;
  const own = place === undefined || !mayRead ? [] : [{ path, ...place }];
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
    if (!isMail || (root.mailbox.rightsIn(info.folderId) & folderRights.readAny) === 0) continue;
    found.push({ path: root.prefix === "" ? path : `${root.prefix}/${path}`, info, mailbox: root.mailbox });
  }
  return found;
}
