/** Where a path leads: into the person's own mailbox, or into one that was opened to them. RFC 2342, RFC 4314 */
import type { Ctx } from "#base/ctx.ts";
import type { MailboxId } from "#base/ids.ts";
import type { FolderInfo, Mailbox } from "#mailbox/api.ts";
import type { PersonEntry, SessionState } from "#serve/imap/state.ts";
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { findInTree, quotePath, readTree } from "#serve/imap/tree.ts";
import type { FolderTree } from "#serve/imap/tree.ts";

/** Mailboxes of people, and mailboxes that belong to nobody alone. RFC 2342 §3 */
export const otherUsers = "Other Users";
export const shared = "Shared";
/** Folders of the whole organisation stand directly below. */
export const publicFolders = "Public Folders";

/** A folder with the mailbox it lies in. */
export interface Place {
  readonly mailbox: Mailbox;
  readonly info: FolderInfo;
}

/** A mailbox and where its folders stand. */
export interface Root {
  readonly mailbox: Mailbox;
  /** "" for the person's own, else `Other Users/bob@example.test`. */
  readonly prefix: string;
}

/** The mailbox a path lies in, and the path within it. Throws Fault `notFound`. */
export async function rootOf(state: SessionState, path: string): Promise<{ root: Root; rest: string }> {
  const [space, name, ...rest] = path.split("/");
  const isShared = space?.toLowerCase() === shared.toLowerCase();
  const isOther = space?.toLowerCase() === otherUsers.toLowerCase();
  if (space?.toLowerCase() === publicFolders.toLowerCase()) {
    const root = await publicRoot(state);
    // Where there are none this is a name like any other.
    if (root !== undefined) return { root, rest: path.slice(space.length + 1) };
  }
  if (state.services.people === undefined || (!isShared && !isOther)) {
    return { root: { mailbox: state.mailbox, prefix: "" }, rest: path };
  }
  const entry = name === undefined || name === "" ? null : await state.services.people.entryByAddress(state.ctx, name);
  if (entry === null || spaceOf(entry) !== (isShared ? shared : otherUsers)) throw noSuch(path);
  const mailbox = await openOther(state, entry);
  if (mailbox === undefined) throw noSuch(path);
  return { root: { mailbox, prefix: prefixOf(entry) }, rest: rest.join("/") };
}

/** Undefined where there are no public folders, or the person may not even look for some. */
async function publicRoot(state: SessionState): Promise<Root | undefined> {
  const entry = await state.services.people?.publicStore?.(state.ctx) ?? null;
  const mailbox = entry === null ? undefined : await openOther(state, entry);
  return mailbox === undefined ? undefined : { mailbox, prefix: publicFolders };
}

function noSuch(path: string): Fault {
  return new Fault("notFound", `There is no folder ${quotePath(path)}.`);
}

function spaceOf({ kind }: PersonEntry): string {
  return kind === "user" ? otherUsers : shared;
}

function prefixOf(entry: PersonEntry): string {
  return `${spaceOf(entry)}/${entry.address}`;
}

/** Undefined when nothing in it is open to the person. */
async function openOther(state: SessionState, { mailboxId, disabled }: PersonEntry): Promise<Mailbox | undefined> {
  if (mailboxId === null || disabled || mailboxId === state.mailbox.mailboxId) return undefined;
  const known = state.others.get(mailboxId);
  if (known !== undefined) return known;
  try {
    const mailbox = await state.services.mailboxes.open(state.ctx, state.mailbox.principal, mailboxId);
    if (state.others.size < limits.imapOtherMailboxesMax) state.keepOther(mailbox);
    return mailbox;
  } catch (error) {
    // What may not be opened is as good as not there.
    if (error instanceof Fault && (error.code === "accessDenied" || error.code === "notFound")) return undefined;
    throw error;
  }
}

/** The mailboxes opened to the person as a whole, the first of them only; folders opened alone are found by name. */
export async function otherRoots(state: SessionState): Promise<Root[]> {
  const { people } = state.services;
  if (people === undefined || state.signedIn === undefined) return [];
  const roots: Root[] = [];
  const open = await publicRoot(state);
  if (open !== undefined) roots.push(open);
  const granted = await people.mailboxesGrantedTo(state.ctx, state.signedIn.entryId);
  for (const { entry, rights } of granted) {
    if (roots.length >= limits.imapOtherMailboxesMax) break;
    if (!rights.includes("full") && !rights.includes("read")) continue;
    const mailbox = await openOther(state, entry);
    if (mailbox !== undefined) roots.push({ mailbox, prefix: prefixOf(entry) });
  }
  return roots.sort((a, b) => (a.prefix < b.prefix ? -1 : 1));
}

/** A folder of mail, or where `isOfAnyKind` of anything. Throws Fault `notFound`. */
export async function findPlace(state: SessionState, path: string, isOfAnyKind = false): Promise<Place> {
  const { ctx } = state;
  // The inbox is opened more than all others together.
  if (path.toUpperCase() === "INBOX") {
    return { mailbox: state.mailbox, info: await state.mailbox.folderByRole(ctx, "inbox") };
  }
  const { root, rest } = await rootOf(state, path);
  return { mailbox: root.mailbox, info: await findInTree(ctx, root.mailbox, rest, path, isOfAnyKind) };
}

/** Undefined when the client may create it and try again. RFC 9051 §6.4.7 */
export async function findTarget(state: SessionState, path: string): Promise<Place | undefined> {
  try {
    return await findPlace(state, path);
  } catch (error) {
    if (error instanceof Fault && error.code === "notFound") return undefined;
    throw error;
  }
}

export async function treeOf(ctx: Ctx, root: Root): Promise<FolderTree> {
  return await readTree(ctx, root.mailbox);
}

/** The same for all messages of a conversation. RFC 8474 §5.2 */
export function threadId(mailboxId: MailboxId, conversationKey: string): string {
  return `T${mailboxId}-${conversationKey}`;
}

/** The conversation of an id of {@link threadId}; undefined for an id of another mailbox or of nothing. */
export function conversationOf(mailboxId: MailboxId, id: string): string | undefined {
  const match = /^T(\d{1,15})-([0-9a-f]{2,128})$/.exec(id);
  return match !== null && Number(match[1]) === mailboxId ? match[2] : undefined;
}

/** Different for each folder and message of the server. RFC 8474 §4 */
export function objectId(letter: "F" | "M", mailboxId: MailboxId, id: number): string {
  return `${letter}${mailboxId}-${id}`;
}
