import type { Ctx } from "#base/ctx.ts";
import type { FolderId } from "#base/ids.ts";
import type { FolderInfo, Mailbox } from "#mailbox/api.ts";
import type { FolderRole } from "#mailbox/roles.ts";
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { roleRow } from "#mailbox/roles.ts";
import { pathNameOf } from "#wire/imap/mailboxname.ts";

/** A folder with the name IMAP gives it. RFC 9051 §5.1 */
export interface PathFolder {
  readonly info: FolderInfo;
  /** Names from the top with `/` between. */
  readonly path: string;
  /** Holds mail: only these are listed and selected. The others stand here as parents. */
  readonly isMail: boolean;
  /** RFC 6154 §2 */
  readonly specialUse: string | undefined;
  readonly children: PathFolder[];
}

/** Visible in Outlook, of no use to a mail program: what is sent here is sent, what is logged here is not mail. */
const unlistedRoles: ReadonlySet<FolderRole> = new Set([
  "outbox", "syncIssues", "conflicts", "localFailures", "serverFailures", "rssFeeds",
]);

/** Where what was removed lies, and what mail programs call it. */
const removedRole: FolderRole = "recoverableDeletions";
const removedName = "Recoverable Items";

/**
 * The folders of a mailbox by path. The inbox is `INBOX` whatever its name; a `/` inside a folder's name is shown as
 * the division slash U+2215, and of siblings whose names then look the same the later ones get `~` and their id.
 * A name is found as it is written, else without regard to case, as folder names are compared everywhere else.
 * RFC 9051 §5.1
 */
export class FolderTree {
  readonly top: PathFolder[] = [];
  /** Undefined where the person may not see it. */
  readonly topId: FolderId | undefined;
  #byPath = new Map<string, PathFolder>();
  #byFoldedPath = new Map<string, PathFolder>();

  /** `showsRemoved`: what was removed stands at the top, for owners who want to take it back by IMAP. */
  constructor(folders: readonly FolderInfo[], showsRemoved = false) {
    const root = folders.find((folder) => folder.role === "ipmSubtree");
    this.topId = root?.folderId;
    // Of somebody else's mailbox the top may not be seen: what is seen without its parent stands at the top then.
    const seen = new Set(root === undefined ? folders.map(({ folderId }) => folderId) : []);
    const byId = new Map<FolderId, PathFolder>();
    // The inbox first: no other folder takes its name.
    const ordered = [...folders].sort((a, b) => Number(b.role === "inbox") - Number(a.role === "inbox"));
    for (const info of ordered) {
      const parent = info.parentId === null ? undefined : byId.get(info.parentId);
      const isTop = (showsRemoved && info.role === removedRole) ||
        (root === undefined ? info.parentId === null || !seen.has(info.parentId) : info.parentId === root.folderId);
      if ((!isTop && parent === undefined) || info.hidden || info.isSearchFolder) continue;
      const folder = this.#make(info, parent);
      byId.set(info.folderId, folder);
      (parent?.children ?? this.top).push(folder);
      this.#byPath.set(folder.path, folder);
      const folded = foldPath(folder.path);
      if (!this.#byFoldedPath.has(folded)) this.#byFoldedPath.set(folded, folder);
    }
  }

  #make(info: FolderInfo, parent: PathFolder | undefined): PathFolder {
    const prefix = parent === undefined ? "" : `${parent.path}/`;
    let path = prefix + nameOf(info);
    if (this.#byPath.has(path) || (foldPath(path) === "inbox" && info.role !== "inbox")) path += `~${info.folderId}`;
    const role = info.role === null ? undefined : roleRow(info.role);
    const isMail = isOfMail(info) && !(info.role !== null && unlistedRoles.has(info.role));
    return { info, path, isMail, specialUse: role?.specialUse, children: [] };
  }

  find(path: string): PathFolder | undefined {
    return this.#byPath.get(path) ?? this.#byFoldedPath.get(foldPath(path));
  }

  /** All folders, parents before children, siblings in the order of their names, INBOX first. */
  *walk(folders: PathFolder[] = this.top): Generator<PathFolder> {
    const key = (folder: PathFolder): string => (folder.path === "INBOX" ? "" : folder.path.toLowerCase());
    const stack = [[...folders].sort((a, b) => (key(a) < key(b) ? 1 : -1))];
    while (stack.length > 0) {
      const folder = stack[stack.length - 1]!.pop();
      if (folder === undefined) {
        stack.pop();
        continue;
      }
      yield folder;
      if (folder.children.length > 0) stack.push([...folder.children].sort((a, b) => (key(a) < key(b) ? 1 : -1)));
    }
  }
}

/** Whether it is made for mail, by its class. [MS-OXOSFLD] 2.2.8 */
export function isOfMail({ containerClass }: FolderInfo): boolean {
  return containerClass === "" || /^ipf\.note(\.|$)/i.test(containerClass);
}

function nameOf(info: FolderInfo): string {
  if (info.role === "inbox") return "INBOX";
  return info.role === removedRole ? removedName : pathNameOf(info.name);
}

/** INBOX is the same in any case, and so is it as the first name of a path. RFC 9051 §5.1 */
function foldPath(path: string): string {
  return path.toLowerCase();
}

/** Trees of lists of folders, which stay the same while nothing changes: without and with what was removed. */
const trees = new WeakMap<readonly FolderInfo[], [FolderTree | undefined, FolderTree | undefined]>();

export async function readTree(ctx: Ctx, mailbox: Mailbox): Promise<FolderTree> {
  const folders = await mailbox.folders(ctx);
  const showsRemoved = await mailbox.showsRemoved?.(ctx) ?? false;
  const known = trees.get(folders) ?? [undefined, undefined];
  trees.set(folders, known);
  return known[showsRemoved ? 1 : 0] ??= new FolderTree(folders, showsRemoved);
}

/**
 * A folder of mail, or where `isOfAnyKind` one of calendar, contacts or whatever else; `told` is how the client named
 * it. Throws Fault `notFound`.
 */
export async function findInTree(
  ctx: Ctx, mailbox: Mailbox, path: string, told: string, isOfAnyKind = false,
): Promise<FolderInfo> {
  const folder = (await readTree(ctx, mailbox)).find(path);
  if (folder === undefined || !(folder.isMail || isOfAnyKind)) {
    throw new Fault("notFound", `There is no folder ${quotePath(told)}.`);
  }
  return folder.info;
}

/** The names of a path that is to be made. Throws Fault `invalidArgument` for one that cannot be. */
export function splitPath(path: string): string[] {
  const names = path.split("/");
  if (names.length > limits.folderDepthMax) throw new Fault("invalidArgument", "The folder lies too deep.");
  for (const name of names) {
    if (name === "") throw new Fault("invalidArgument", "A folder name cannot be empty.");
    if (name.length > limits.folderNameMaxCharacters) throw new Fault("invalidArgument", "The name is too long.");
    if (/[\x00-\x1f\x7f]/.test(name)) throw new Fault("invalidArgument", "A name cannot hold control characters.");
    if (!name.isWellFormed()) throw new Fault("invalidArgument", "The name is not valid text.");
  }
  return names;
}

/**
 * Where a folder called `path` would go: the folder above it, made with all above that when missing, and its name.
 * RFC 9051 §6.3.4
 */
export async function makeParents(
  ctx: Ctx, mailbox: Mailbox, tree: FolderTree, path: string,
): Promise<{ parentId: FolderId; name: string }> {
  const names = splitPath(path);
  const name = names.pop()!;
  let parentId = tree.topId;
  if (parentId === undefined) throw new Fault("accessDenied", "You may make no folders here.");
  let walked = "";
  let isKnown = true;
  for (const one of names) {
    walked += walked === "" ? one : `/${one}`;
    const existing = isKnown ? tree.find(walked) : undefined;
    if (existing !== undefined) {
      if (!existing.isMail) throw new Fault("notAllowed", `${quotePath(walked)} does not hold mail.`);
      parentId = existing.info.folderId;
      continue;
    }
    isKnown = false;
    parentId = (await mailbox.createFolder(ctx, { parentId, name: one, containerClass: "IPF.Note" })).folderId;
  }
  return { parentId, name };
}

export function quotePath(path: string): string {
  return `"${path.slice(0, 200)}"`;
}
