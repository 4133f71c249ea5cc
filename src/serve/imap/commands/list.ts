/** LIST, LSUB and STATUS. RFC 9051 §6.3.9, §6.3.11, RFC 5258, RFC 5819, RFC 6154 */
import type { FolderInfo } from "#mailbox/api.ts";
import type { Handler, SessionState } from "#serve/imap/state.ts";
import type { FolderTree, PathFolder } from "#serve/imap/tree.ts";
import type { ArgumentsOf } from "#wire/imap/commands.ts";
import type { StatusItem } from "#wire/imap/list.ts";
import { throwIfCancelled, yieldToOthers } from "#base/ctx.ts";
import { messageFlags } from "#mailbox/api.ts";
import { PathPattern } from "#serve/imap/pattern.ts";
import { ok } from "#serve/imap/state.ts";
import { findFolder, readTree } from "#serve/imap/tree.ts";
import { encodeMailbox } from "#wire/imap/encode.ts";

/** RFC 9051 §6.3.9 */
export const list: Handler<"LIST"> = async (state, { args }) => {
  if (args.patterns.length === 1 && args.patterns[0] === "" && args.selections.length === 0) {
    state.client.write('* LIST (\\Noselect) "/" ""\r\n');
    return ok("That is the separator.");
  }
  const tree = await readTree(state.ctx, state.mailbox);
  const wantsSubscribed = args.selections.includes("SUBSCRIBED") || args.returns?.includes("SUBSCRIBED") === true;
  const subscribed = wantsSubscribed ? new Set(await state.mailbox.subscriptions(state.ctx)) : new Set<string>();
  const rows = listRows(tree, args, subscribed);
  let sinceYield = 0;
  for (const { path, attributes, childInfo, folder } of rows) {
    state.client.write(`* LIST (${attributes.join(" ")}) "/" ${encodeMailbox(path)}${childInfo}\r\n`);
    if (args.status.length > 0 && folder?.isMail === true) {
      state.client.write(await statusLine(state, path, folder.info, args.status));
    }
    if (state.client.isFull) await state.client.drain();
    if (++sinceYield % 500 === 0) await yieldToOthers();
    throwIfCancelled(state.ctx);
  }
  return ok("These are the folders.");
};

interface ListRow {
  readonly path: string;
  readonly attributes: string[];
  readonly childInfo: string;
  readonly folder: PathFolder | undefined;
}

function* listRows(tree: FolderTree, args: ArgumentsOf<"LIST">, subscribed: Set<string>): Generator<ListRow> {
  const patterns = args.patterns.map((pattern) => new PathPattern(args.reference + pattern));
  const isWanted = (path: string): boolean => patterns.some((pattern) => pattern.matches(path));
  const onlySubscribed = args.selections.includes("SUBSCRIBED");
  const onlySpecial = args.selections.includes("SPECIAL-USE");
  const isRecursive = args.selections.includes("RECURSIVEMATCH");
  const parents = isRecursive || onlySubscribed ? parentsOf(subscribed) : new Set<string>();
  const withChildren = childrenOf(tree);
  const told = new Set<string>();
  for (const folder of tree.walk()) {
    const { path } = folder;
    const isListed = folder.isMail || withChildren.has(folder);
    if (!isListed || !isWanted(path)) continue;
    const hasSubscribedBelow = isRecursive && parents.has(path);
    if (onlySubscribed && !subscribed.has(path) && !hasSubscribedBelow) continue;
    if (onlySpecial && folder.specialUse === undefined) continue;
    told.add(path);
    const attributes = folder.isMail ? [] : ["\\Noselect"];
    attributes.push(withChildren.has(folder) ? "\\HasChildren" : "\\HasNoChildren");
    if (folder.specialUse !== undefined) attributes.push(folder.specialUse);
    if (subscribed.has(path)) attributes.push("\\Subscribed");
    yield { path, attributes, childInfo: hasSubscribedBelow ? ' (CHILDINFO ("SUBSCRIBED"))' : "", folder };
  }
  if (!onlySubscribed || onlySpecial) return;
  for (const path of [...subscribed].sort()) {
    if (told.has(path) || !isWanted(path) || tree.find(path)?.isMail === true) continue;
    yield { path, attributes: ["\\NonExistent", "\\Subscribed"], childInfo: "", folder: undefined };
  }
}

/** Folders with folders of mail somewhere below them. RFC 3348 */
function childrenOf(tree: FolderTree): Set<PathFolder> {
  const above = new Set<PathFolder>();
  const ancestors: PathFolder[] = [];
  for (const folder of tree.walk()) {
    while (ancestors.length > 0 && !folder.path.startsWith(`${ancestors.at(-1)!.path}/`)) ancestors.pop();
    if (folder.isMail) {
      for (let index = ancestors.length - 1; index >= 0 && !above.has(ancestors[index]!); index--) {
        above.add(ancestors[index]!);
      }
    }
    ancestors.push(folder);
  }
  return above;
}

function parentsOf(paths: Iterable<string>): Set<string> {
  const parents = new Set<string>();
  for (const path of paths) {
    for (let at = path.lastIndexOf("/"); at > 0; at = path.lastIndexOf("/", at - 1)) {
      const parent = path.slice(0, at);
      if (parents.has(parent)) break;
      parents.add(parent);
    }
  }
  return parents;
}

/**
 * Subscribed names, whether they exist or not; with `%` also names above those, which then are `\Noselect`.
 * RFC 3501 §6.3.9
 */
export const lsub: Handler<"LSUB"> = async (state, { args }) => {
  if (args.pattern === "") {
    state.client.write('* LSUB (\\Noselect) "/" ""\r\n');
    return ok("That is the separator.");
  }
  const subscribed = new Set(await state.mailbox.subscriptions(state.ctx));
  const pattern = new PathPattern(args.reference + args.pattern);
  const parents = args.pattern.includes("%") ? parentsOf(subscribed) : new Set<string>();
  for (const path of [...new Set([...subscribed, ...parents])].sort()) {
    if (!pattern.matches(path)) continue;
    state.client.write(`* LSUB (${subscribed.has(path) ? "" : "\\Noselect"}) "/" ${encodeMailbox(path)}\r\n`);
    if (state.client.isFull) await state.client.drain();
  }
  return ok("These are the subscriptions.");
};

/** RFC 9051 §6.3.11 */
export const status: Handler<"STATUS"> = async (state, { args }) => {
  const folder = await findFolder(state.ctx, state.mailbox, args.mailbox);
  state.client.write(await statusLine(state, args.mailbox, folder, args.items));
  return ok("That is its state.");
};

const statusValues: Readonly<Record<Exclude<StatusItem, "DELETED">, (folder: FolderInfo) => number>> = {
  MESSAGES: (folder) => folder.messageCount,
  RECENT: () => 0,
  UIDNEXT: (folder) => folder.uidNext,
  UIDVALIDITY: (folder) => folder.uidValidity,
  UNSEEN: (folder) => folder.unreadCount,
  SIZE: (folder) => folder.sizeBytes,
  HIGHESTMODSEQ: (folder) => folder.highestCn,
};

async function statusLine(
  state: SessionState, path: string, folder: FolderInfo, items: readonly StatusItem[],
): Promise<string> {
  // RFC 7162 §3.1: asking for it is enough to enable.
  if (items.includes("HIGHESTMODSEQ")) state.usesCondstore = true;
  const values: string[] = [];
  for (const item of new Set(items)) {
    values.push(`${item} ${item === "DELETED" ? await countDeleted(state, folder) : statusValues[item](folder)}`);
  }
  return `* STATUS ${encodeMailbox(path)} (${values.join(" ")})\r\n`;
}

async function countDeleted(state: SessionState, folder: FolderInfo): Promise<number> {
  let count = 0;
  for await (const rows of state.mailbox.flags(state.ctx, folder.folderId, "all")) {
    for (let at = 0; at < rows.count; at++) if ((rows.flags[at]! & messageFlags.deleted) !== 0) count++;
  }
  return count;
}
