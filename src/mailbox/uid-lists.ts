/**
 * UIDs of folders as they were last read, for whoever opens one of them next: a folder with the same next UID and as
 * many messages has the same UIDs, since none is given twice. All sessions share them; the least used go first.
 */
import { limits } from "#base/limits.ts";
import type { FolderRow } from "#mailbox/tx/folders.ts";

export interface UidList {
  readonly uidValidity: number;
  readonly uidNext: number;
  /** Ascending; not to be changed. */
  readonly uids: Uint32Array;
}

export class UidLists {
  readonly #lists = new Map<string, UidList>();
  #sizeBytes = 0;

  /** What is known of a folder: its UIDs below `uidNext`, save those that went since. */
  of(mailboxId: number, folder: FolderRow): UidList | undefined {
    const key = `${mailboxId} ${folder.folder_id}`;
    const list = this.#lists.get(key);
    if (list === undefined) return undefined;
    this.#lists.delete(key);
    if (list.uidValidity !== folder.uid_validity || list.uidNext > folder.uid_next) {
      this.#sizeBytes -= list.uids.byteLength;
      return undefined;
    }
    this.#lists.set(key, list);
    return list;
  }

  keep(mailboxId: number, folder: FolderRow, uids: Uint32Array): void {
    const key = `${mailboxId} ${folder.folder_id}`;
    this.#sizeBytes += uids.byteLength - (this.#lists.get(key)?.uids.byteLength ?? 0);
    this.#lists.delete(key);
    this.#lists.set(key, { uidValidity: folder.uid_validity, uidNext: folder.uid_next, uids });
    for (const [oldest, list] of this.#lists) {
      if (this.#sizeBytes <= limits.uidListsMaxBytes) break;
      this.#lists.delete(oldest);
      this.#sizeBytes -= list.uids.byteLength;
    }
  }
}
