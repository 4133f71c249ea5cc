/** LIST, LSUB and STATUS. RFC 9051 §6.3.9, §6.3.11, RFC 5258, RFC 5819, RFC 6154 */
import type { FolderId } from "#base/ids.ts";
import type { Annotation } from "#mailbox/annotations.ts";
import type { FolderInfo } from "#mailbox/api.ts";
import type { Handler, SessionState } from "#serve/imap/state.ts";
import type { FolderTree, PathFolder } from "#serve/imap/tree.ts";
import type { ArgumentsOf } from "#wire/imap/commands.ts";
import type { StatusItem } from "#wire/imap/list.ts";
import { throwIfCancelled, yieldToOthers } from "#base/ctx.ts";
import { limits } from "#base/limits.ts";
import { messageFlags } from "#mailbox/api.ts";
import { computedValue, encodeValue, writeMetadata } from "#serve/imap/commands/metadata.ts";
import { PathPattern } from "#serve/imap/pattern.ts";
import {
  findPlace, objectId, otherRoots, otherUsers, publicFolders, shared, treeOf,
} from "#serve/imap/places.ts";
import type { Place, Root } from "#serve/imap/places.ts";
import { encodeRights } from "#serve/imap/rights.ts";
import { ok } from "#serve/imap/state.ts";
import { encodeAstring, encodeMailbox, encodeText } from "#wire/imap/encode.ts";

/** RFC 9051 §6.3.9 */
export const list: Handler<"LIST"> = async (state, { args }) => {
  if (args.patterns.length === 1 && args.patterns[0] === "" && args.selections.length === 0) {
    state.client.write('* LIST (\\Noselect) "/" ""\r\n');
    return ok("That is the separator.");
  }
  const wantsSubscribed = args.selections.includes("SUBSCRIBED") || args.returns?.includes("SUBSCRIBED") === true;
  const subscribed = wantsSubscribed ? new Set(await state.mailbox.subscriptions(state.ctx)) : new Set<string>();
  await writeRows(state, args, { mailbox: state.mailbox, prefix: "" }, subscribed);
  if (args.patterns.some((pattern) => mayReachOthers(args.reference + pattern))) {
    const roots = await otherRoots(state);
    writeSpaces(state, args, roots);
    for (const root of roots) await writeRows(state, args, root, subscribed);
  }
  return ok("These are the folders.");
};

/** Whether a pattern can match a name of one of the other namespaces. */
function mayReachOthers(pattern: string): boolean {
  const wildcard = pattern.search(/[*%]/);
  const start = (wildcard < 0 ? pattern : pattern.slice(0, wildcard)).toLowerCase();
  return [otherUsers, shared, publicFolders].some((space) => {
    const name = `${space.toLowerCase()}/`;
    return start.startsWith(name) || `${start}/` === name || (wildcard >= 0 && name.startsWith(start));
  });
}

/** The names above other people's mailboxes, which hold no messages. */
function writeSpaces(state: SessionState, args: ArgumentsOf<"LIST">, roots: readonly Root[]): void {
  if (args.selections.length > 0) return;
  const patterns = args.patterns.map((pattern) => new PathPattern(args.reference + pattern));
  const above = new Set(roots.flatMap(({ prefix }) => [prefix.split("/")[0]!, prefix]));
  for (const path of above) {
    if (!patterns.some((pattern) => pattern.matches(path))) continue;
    state.client.write(`* LIST (\\Noselect \\HasChildren) "/" ${encodeMailbox(path, state.usesUtf8)}\r\n`);
  }
}

async function writeRows(
  state: SessionState, args: ArgumentsOf<"LIST">, root: Root, subscribed: Set<string>,
): Promise<void> {
  const { mailbox } = root;
  let sinceYield = 0;
  const rows = listRows(await treeOf(state.ctx, root), args, subscribed, root);
  const metadata = new Map<string, ReadonlyMap<FolderId, Annotation>>();
  for (const entry of args.metadata) metadata.set(entry, await mailbox.annotations.named(state.ctx, entry));
  for (const { path, attributes, childInfo, folder } of rows) {
    const name = encodeMailbox(path, state.usesUtf8);
    state.client.write(`* LIST (${attributes.join(" ")}) "/" ${name}${childInfo}\r\n`);
    if (folder?.isMail === true) {
      const place = { mailbox, info: folder.info };
      if (args.status.length > 0) state.client.write(await statusLine(state, path, place, args.status));
      if (args.returns?.includes("MYRIGHTS") === true) {
        // RFC 8440 §3
        const rights = encodeRights(mailbox.rightsIn(folder.info.folderId));
        state.client.write(`* MYRIGHTS ${name} ${encodeText(rights)}\r\n`);
      }
      if (metadata.size > 0) {
        // RFC 9590 §3: what is not there is told as NIL.
        const texts = [...metadata].map(([entry, notes]) => {
          const value = computedValue(state, place, entry) ?? notes.get(folder.info.folderId)?.value;
          return `${encodeAstring(entry)} ${encodeValue(value)}`;
        });
        writeMetadata(state, path, texts);
      }
    }
    if (state.client.isFull) await state.client.drain();
    if (++sinceYield % 500 === 0) await yieldToOthers();
    throwIfCancelled(state.ctx);
  }
}

interface ListRow {
  readonly path: string;
  readonly attributes: string[];
  readonly childInfo: string;
  readonly folder: PathFolder | undefined;
}

function* listRows(
  tree: FolderTree, args: ArgumentsOf<"LIST">, subscribed: Set<string>, { prefix }: Root,
): Generator<ListRow> {
  const patterns = args.patterns.map((pattern) => new PathPattern(args.reference + pattern));
  const isWanted = (path: string): boolean => patterns.some((pattern) => pattern.matches(path));
  const onlySubscribed = args.selections.includes("SUBSCRIBED");
  const onlySpecial = args.selections.includes("SPECIAL-USE");
  const isRecursive = args.selections.includes("RECURSIVEMATCH");
  const parents = isRecursive || onlySubscribed ? parentsOf(subscribed) : new Set<string>();
  // RFC 5258 §3.5: what is told itself need not be told of its parent too.
  const untoldParents = isRecursive ? parentsOf([...subscribed].filter((path) => !isWanted(path))) : parents;
  const withChildren = childrenOf(tree);
  const told = new Set<string>();
  for (const folder of tree.walk()) {
    const path = prefix === "" ? folder.path : `${prefix}/${folder.path}`;
    // Somebody else's Sent is not where this person's mail goes.
    const specialUse = prefix === "" ? folder.specialUse : undefined;
    const isListed = folder.isMail || withChildren.has(folder);
    if (!isListed || !isWanted(path)) continue;
    const hasSubscribedBelow = isRecursive && (subscribed.has(path) ? parents : untoldParents).has(path);
    if (onlySubscribed && !subscribed.has(path) && !hasSubscribedBelow) continue;
    if (onlySpecial && specialUse === undefined) continue;
    told.add(path);
    const attributes = folder.isMail ? [] : ["\\Noselect"];
    attributes.push(withChildren.has(folder) ? "\\HasChildren" : "\\HasNoChildren");
    if (specialUse !== undefined) attributes.push(specialUse);
    if (subscribed.has(path)) attributes.push("\\Subscribed");
    yield { path, attributes, childInfo: hasSubscribedBelow ? ' (CHILDINFO ("SUBSCRIBED"))' : "", folder };
  }
  if (!onlySubscribed || onlySpecial || prefix !== "") return;
  for (const path of [...subscribed].sort()) {
    if (told.has(path) || !isWanted(path) || tree.find(path)?.isMail === true || isElsewhere(path)) continue;
    yield { path, attributes: ["\\NonExistent", "\\Subscribed"], childInfo: "", folder: undefined };
  }
}

/** Told with the mailbox it lies in, if that is still open to the person. */
function isElsewhere(path: string): boolean {
  return path.startsWith(`${otherUsers}/`) || path.startsWith(`${shared}/`);
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
    const name = encodeMailbox(path, state.usesUtf8);
    state.client.write(`* LSUB (${subscribed.has(path) ? "" : "\\Noselect"}) "/" ${name}\r\n`);
    if (state.client.isFull) await state.client.drain();
  }
  return ok("These are the subscriptions.");
};

/** RFC 9051 §6.3.11 */
export const status: Handler<"STATUS"> = async (state, { args }) => {
  const place = await findPlace(state, args.mailbox);
  state.client.write(await statusLine(state, args.mailbox, place, args.items));
  return ok("That is its state.");
};

type CountedItem = "DELETED" | "DELETED-STORAGE" | "RECENT";

/** RFC 9051 §6.3.11, RFC 7889 §3.1, RFC 8474 §4.3 */
const statusValues: Readonly<Record<Exclude<StatusItem, CountedItem>, (info: FolderInfo, place: Place) => unknown>> = {
  MESSAGES: (folder) => folder.messageCount,
  UIDNEXT: (folder) => folder.uidNext,
  UIDVALIDITY: (folder) => folder.uidValidity,
  UNSEEN: (folder) => folder.unreadCount,
  SIZE: (folder) => folder.sizeBytes,
  HIGHESTMODSEQ: (folder) => folder.highestCn,
  APPENDLIMIT: () => limits.messageSizeMaxBytes,
  MAILBOXID: ({ folderId }, { mailbox }) => `(${objectId("F", mailbox.mailboxId, folderId)})`,
};

async function statusLine(
  state: SessionState, path: string, place: Place, items: readonly StatusItem[],
): Promise<string> {
  // RFC 7162 §3.1: asking for it is enough to enable.
  if (items.includes("HIGHESTMODSEQ")) state.usesCondstore = true;
  const values: string[] = [];
  for (const item of new Set(items)) {
    const value = item === "DELETED" ? await countDeleted(state, place)
      : item === "DELETED-STORAGE" ? await sumDeleted(state, place)
      : item === "RECENT" ? await countRecent(state, place)
      : statusValues[item](place.info, place);
    values.push(`${item} ${value}`);
  }
  return `* STATUS ${encodeMailbox(path, state.usesUtf8)} (${values.join(" ")})\r\n`;
}

/** In the selected folder what is new to this client, elsewhere what is new to everybody. RFC 3501 §6.3.10 */
async function countRecent({ ctx, memory, view }: SessionState, { mailbox, info }: Place): Promise<number> {
  if (view?.recent !== undefined && view.folderId === info.folderId && view.mailbox === mailbox) {
    return view.recentCount;
  }
  return await memory.countRecent(ctx, mailbox, info);
}

/** Bytes that an EXPUNGE would free. RFC 9208 §4.1.4 */
async function sumDeleted(state: SessionState, { mailbox, info }: Place): Promise<number> {
  let sum = 0;
  for await (const rows of mailbox.rows(state.ctx, info.folderId, "all")) {
    for (const row of rows) if ((row.flags & messageFlags.deleted) !== 0) sum += row.sizeBytes;
  }
  return sum;
}

async function countDeleted(state: SessionState, { mailbox, info }: Place): Promise<number> {
  let count = 0;
  for await (const rows of mailbox.flags(state.ctx, info.folderId, "all")) {
    for (let at = 0; at < rows.count; at++) if ((rows.flags[at]! & messageFlags.deleted) !== 0) count++;
  }
  return count;
}
