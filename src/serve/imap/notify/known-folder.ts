/** What a client that watches has been told of one folder, and what to tell when it is different. Pure. RFC 5465 §5 */
import type { FolderId } from "#base/ids.ts";
import type { FolderInfo } from "#mailbox/api.ts";

export interface KnownFolder {
  readonly folderId: FolderId;
  readonly parentId: FolderId | null;
  readonly name: string;
  readonly path: string;
  readonly uidValidity: number;
  readonly uidNext: number;
  readonly messageCount: number;
  readonly unreadCount: number;
  readonly highestCn: number;
  /** It may be seen, but not what is in it. */
  readonly isClosed: boolean;
}

export function knownOf(info: FolderInfo, path: string, isClosed: boolean): KnownFolder {
  return {
    folderId: info.folderId, parentId: info.parentId, name: info.name, path, uidValidity: info.uidValidity,
    uidNext: info.uidNext, messageCount: info.messageCount, unreadCount: info.unreadCount, highestCn: info.highestCn,
    isClosed,
  };
}

/** A folder of which nothing is known: it was not there. */
export function unknownYet(folder: KnownFolder): KnownFolder {
  return { ...folder, uidNext: 1, messageCount: 0, unreadCount: 0, highestCn: folder.highestCn };
}

/** The messages as they were told last. */
export function asBefore(folder: KnownFolder, was: KnownFolder): KnownFolder {
  const { uidValidity, uidNext, messageCount, unreadCount, highestCn } = was;
  return { ...folder, uidValidity, uidNext, messageCount, unreadCount, highestCn };
}

/** Whether the client uses change numbers, and wants to hear of flags. */
export interface StatusWish {
  readonly usesCondstore: boolean;
  readonly tellsFlags: boolean;
}

/** Items of STATUS for what happened to the messages of a folder, if the client wants any. RFC 5465 §5.1, §5.2 */
export function changedStatus(
  before: KnownFolder, now: KnownFolder, { usesCondstore, tellsFlags }: StatusWish,
): string[] {
  const unseen = now.unreadCount === before.unreadCount || !tellsFlags ? [] : [`UNSEEN ${now.unreadCount}`];
  const modSeq = usesCondstore ? [`HIGHESTMODSEQ ${now.highestCn}`] : [];
  const validity = `UIDVALIDITY ${now.uidValidity}`;
  const isOther = now.uidValidity !== before.uidValidity;
  if (isOther || now.uidNext !== before.uidNext || now.messageCount !== before.messageCount) {
    return [`MESSAGES ${now.messageCount}`, `UIDNEXT ${now.uidNext}`, validity, ...unseen, ...modSeq];
  }
  if (!tellsFlags || now.highestCn === before.highestCn) return [];
  const flags = [...unseen, ...modSeq];
  return flags.length === 0 ? [] : [validity, ...flags];
}

/** What a client that asks for it is told at the beginning. RFC 5465 §3.1 */
export function firstStatus(now: KnownFolder, { usesCondstore, tellsFlags }: StatusWish): string[] {
  const modSeq = usesCondstore || tellsFlags ? [`HIGHESTMODSEQ ${now.highestCn}`] : [];
  return [`MESSAGES ${now.messageCount}`, `UIDNEXT ${now.uidNext}`, `UIDVALIDITY ${now.uidValidity}`, ...modSeq];
}
