/** Making, renaming and deleting folders, and subscriptions. RFC 9051 §6.3.4 to §6.3.8 */
import type { Handler } from "#serve/imap/state.ts";
import { Fault } from "#base/fault.ts";
import { no, ok } from "#serve/imap/state.ts";
import { findFolder, makeParents, quotePath, readTree } from "#serve/imap/tree.ts";

/**
 * Folders above are made too. A `/` at the end only says that folders below will follow. Uses are refused: the folder
 * of each use exists from the first day. RFC 9051 §6.3.4, RFC 6154 §3
 */
export const create: Handler<"CREATE"> = async (state, { args }) => {
  if (args.uses !== undefined && args.uses.length > 0) {
    return no("The folders for special uses exist already.", "USEATTR");
  }
  const path = args.mailbox.endsWith("/") ? args.mailbox.slice(0, -1) : args.mailbox;
  const tree = await readTree(state.ctx, state.mailbox);
  if (path.toUpperCase() === "INBOX" || tree.find(path) !== undefined) {
    throw new Fault("alreadyExists", `There is a folder ${quotePath(path)} already.`);
  }
  const { parentId, name } = await makeParents(state.ctx, state.mailbox, tree, path);
  await state.mailbox.createFolder(state.ctx, { parentId, name, containerClass: "IPF.Note" });
  return ok("The folder is made.");
};

/**
 * A folder with folders below it is refused: there is no folder without messages of its own here that could stay in
 * its place. The messages can still be recovered. RFC 9051 §6.3.5
 */
export const remove: Handler<"DELETE"> = async (state, { args }) => {
  const { folderId } = await findFolder(state.ctx, state.mailbox, args.mailbox);
  await state.mailbox.deleteFolder(state.ctx, { folderId, mode: "soft", children: "refuse" });
  if (state.view?.folderId === folderId) state.view = undefined;
  return ok("The folder is deleted.");
};

/** Renaming INBOX moves its messages to a new folder and leaves it empty. RFC 9051 §6.3.6 */
export const rename: Handler<"RENAME"> = async (state, { args }) => {
  const { ctx, mailbox } = state;
  const source = await findFolder(ctx, mailbox, args.from);
  const tree = await readTree(ctx, mailbox);
  const to = args.to.endsWith("/") ? args.to.slice(0, -1) : args.to;
  const existing = tree.find(to);
  if (to.toUpperCase() === "INBOX" || (existing !== undefined && existing.info.folderId !== source.folderId)) {
    throw new Fault("alreadyExists", `There is a folder ${quotePath(to)} already.`);
  }
  if (source.role === "inbox" && existing !== undefined) throw new Fault("alreadyExists", "That is its name.");
  const { parentId, name } = await makeParents(ctx, mailbox, tree, to);
  if (source.role === "inbox") {
    const target = await mailbox.createFolder(ctx, { parentId, name, containerClass: "IPF.Note" });
    await mailbox.move(ctx, source.folderId, "all", target.folderId);
    return ok("The messages of the inbox are in the new folder.");
  }
  await mailbox.moveFolder(ctx, { folderId: source.folderId, parentId, name });
  return ok("The folder is renamed.");
};

/** A name need not exist to be subscribed. RFC 9051 §6.3.7 */
export const subscribe: Handler<"SUBSCRIBE"> = async (state, { args }) => {
  await state.mailbox.setSubscription(state.ctx, subscriptionName(args.mailbox), true);
  return ok("Subscribed.");
};

/** RFC 9051 §6.3.8 */
export const unsubscribe: Handler<"UNSUBSCRIBE"> = async (state, { args }) => {
  await state.mailbox.setSubscription(state.ctx, subscriptionName(args.mailbox), false);
  return ok("No longer subscribed.");
};

function subscriptionName(path: string): string {
  const name = path.endsWith("/") ? path.slice(0, -1) : path;
  if (name === "") throw new Fault("invalidArgument", "A folder name cannot be empty.");
  return name.toUpperCase() === "INBOX" ? "INBOX" : name;
}
