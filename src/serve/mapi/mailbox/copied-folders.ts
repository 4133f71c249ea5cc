/**
 * Which new folders are copies of others: the log of changes does not tell it, and those who asked for copies are told.
 * Kept for a while in this process alone; a copy that is forgotten is told as a folder that was made.
 * [MS-OXCNOTIF] 2.2.1.1
 */
import type { FolderId, MailboxId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";

export interface FolderOrigin {
  readonly folderId: FolderId;
  readonly parentId: FolderId | null;
}

interface Copy {
  readonly mailboxId: MailboxId;
  readonly parentId: FolderId;
  readonly name: string;
  readonly origin: FolderOrigin;
  /** null until the copy is made: whoever looks before that knows it by its place. */
  copyId: FolderId | null;
}

const copies: Copy[] = [];

/** Remembers what `make` copies; what it throws is thrown, and forgotten. */
export async function rememberCopy(
  mailboxId: MailboxId, target: { readonly parentId: FolderId; readonly name: string }, origin: FolderOrigin,
  make: () => Promise<{ readonly folderId: FolderId }>,
): Promise<void> {
  const copy: Copy = { mailboxId, ...target, origin, copyId: null };
  copies.push(copy);
  if (copies.length > limits.mapiCopiedFoldersMax) copies.shift();
  try {
    copy.copyId = (await make()).folderId;
  } catch (error) {
    const at = copies.indexOf(copy);
    if (at >= 0) copies.splice(at, 1);
    throw error;
  }
}

/** What a new folder is a copy of; undefined for one that is none. */
export function originOf(
  mailboxId: MailboxId,
  info: { readonly folderId: FolderId; readonly parentId: FolderId | null; readonly name: string },
): FolderOrigin | undefined {
  return copies.find((copy) => copy.mailboxId === mailboxId && (copy.copyId === null
    ? copy.parentId === info.parentId && copy.name === info.name : copy.copyId === info.folderId))?.origin;
}
