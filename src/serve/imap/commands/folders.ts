/** Making, renaming and deleting folders, and subscriptions. RFC 9051 §6.3.4 to §6.3.8 */
import type { Handler, SessionState } from "#serve/imap/state.ts";
import { Fault } from "#base/fault.ts";
import { no, ok } from "#serve/imap/state.ts";
import { findPlace, objectId, rootOf } from "#serve/imap/places.ts";
import { makeParents, quotePath, readTree } from "#serve/imap/tree.ts";

/**
 * Folders above are made too. A `/` at the end only says that folders below will follow. Uses are refused: the folder
 * of each use exists from the first day. RFC 9051 §6.3.4, RFC 6154 §3
 */
export const create: Handler<"CREATE"> = async (state, { args }) => {
  if (args.uses !== undefined && args.uses.length > 0) {
    return no("The folders for special uses exist already.", "USEATTR");
  }
  const path = withoutSeparator(args.mailbox);
  const { root: { mailbox }, rest } = await rootOf(state, path);
  const tree = await readTree(state.ctx, mailbox);
  if (rest.toUpperCase() === "INBOX" || tree.find(rest) !== undefined) {
    throw new Fault("alreadyExists", `There is a folder ${quotePath(path)} already.`);
  }
  const { parentId, name } = await makeParents(state.ctx, mailbox, tree, rest);
  const { folderId } = await mailbox.createFolder(state.ctx, { parentId, name, containerClass: "IPF.Note" });
  for (let at = path.length; at > 0; at = path.lastIndexOf("/", at - 1)) {
    state.notify?.ownFolder(path.slice(0, at), "there");
  }
  // RFC 8474 §4.2
  return ok("The folder is made.", `MAILBOXID (${objectId("F", mailbox.mailboxId, folderId)})`);
};

/**
 * A folder with folders below it is refused: there is no folder without messages of its own here that could stay in
 * its place. The messages can still be recovered. RFC 9051 §6.3.5
 */
export const remove: Handler<"DELETE"> = async (state, { args }) => {
  const { mailbox, info: { folderId } } = await findPlace(state, args.mailbox);
  await mailbox.deleteFolder(state.ctx, { folderId, mode: "soft", children: "refuse" });
  state.notify?.ownFolder(args.mailbox, "gone");
  if (state.view?.folderId === folderId && state.view.mailbox === mailbox) state.view = undefined;
  return ok("The folder is deleted.");
};

/** Renaming INBOX moves its messages to a new folder and leaves it empty. RFC 9051 §6.3.6 */
export const rename: Handler<"RENAME"> = async (state, { args }) => {
  const { ctx } = state;
  const { mailbox, info: source } = await findPlace(state, args.from);
  const { root, rest: to } = await rootOf(state, withoutSeparator(args.to));
  if (root.mailbox !== mailbox) return no("A folder stays in its mailbox.", "CANNOT");
  const tree = await readTree(ctx, mailbox);
  const existing = tree.find(to);
  if (to.toUpperCase() === "INBOX" || (existing !== undefined && existing.info.folderId !== source.folderId)) {
    throw new Fault("alreadyExists", `There is a folder ${quotePath(to)} already.`);
  }
  if (source.role === "inbox" && existing !== undefined) throw new Fault("alreadyExists", "That is its name.");
  const { parentId, name } = await makeParents(ctx, mailbox, tree, to);
  if (source.role === "inbox") {
    const target = await mailbox.createFolder(ctx, { parentId, name, containerClass: "IPF.Note" });
    await mailbox.move(ctx, source.folderId, "all", target.folderId);
    // RFC 5464 §4.1: the inbox keeps its annotations.
    const notes = await mailbox.annotations.of(ctx, source.folderId);
    if (notes.length > 0) await mailbox.annotations.set(ctx, target.folderId, notes);
    state.notify?.ownFolder(withoutSeparator(args.to), "there");
    return ok("The messages of the inbox are in the new folder.");
  }
  await mailbox.moveFolder(ctx, { folderId: source.folderId, parentId, name });
  state.notify?.ownFolder(args.from, "gone");
  state.notify?.ownFolder(withoutSeparator(args.to), "there");
  await renameSubscriptions(state, args.from, withoutSeparator(args.to));
  return ok("The folder is renamed.");
};

/** Whoever subscribed to a folder, and to those below it, is subscribed under the new names. RFC 9051 §6.3.6 */
async function renameSubscriptions(state: SessionState, from: string, to: string): Promise<void> {
  for (const name of await state.mailbox.subscriptions(state.ctx)) {
    if (name !== from && !name.startsWith(`${from}/`)) continue;
    await setSubscription(state, to + name.slice(from.length), true);
    await setSubscription(state, name, false);
  }
}

function withoutSeparator(path: string): string {
  return path.endsWith("/") ? path.slice(0, -1) : path;
}

/** A name need not exist to be subscribed. RFC 9051 §6.3.7 */
export const subscribe: Handler<"SUBSCRIBE"> = async (state, { args }) => {
  await setSubscription(state, subscriptionName(args.mailbox), true);
  return ok("Subscribed.");
};

/** RFC 9051 §6.3.8 */
export const unsubscribe: Handler<"UNSUBSCRIBE"> = async (state, { args }) => {
  await setSubscription(state, subscriptionName(args.mailbox), false);
  return ok("No longer subscribed.");
};

async function setSubscription(state: SessionState, name: string, isSubscribed: boolean): Promise<void> {
  await state.mailbox.setSubscription(state.ctx, name, isSubscribed);
  state.notify?.ownSubscription(name, isSubscribed);
}

function subscriptionName(path: string): string {
  const name = withoutSeparator(path);
  if (name === "") throw new Fault("invalidArgument", "A folder name cannot be empty.");
  return name.toUpperCase() === "INBOX" ? "INBOX" : name;
}
