/**
 * Folders of mailboxes as they were last read, for whoever asks next: nothing about a folder changes without the change
 * number or the size of its mailbox. All sessions share them; the least used go first.
 */
import type { Ctx } from "#base/ctx.ts";
import type { MailboxId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import type { FolderInfo } from "#mailbox/api.ts";
import { inTreeOrder, toFolderInfo } from "#mailbox/folder-info.ts";
import { readFoldersFor } from "#mailbox/reads.ts";
import type { Reader } from "#mailbox/readers/reader.ts";
import { readFolders } from "#mailbox/tx/folders.ts";
import type { Store } from "#store/api.ts";
import { get } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

interface FolderList {
  readonly cn: number;
  readonly sizeBytes: number;
  /** Parents before children. */
  readonly folders: readonly FolderInfo[];
}

class FolderLists {
  readonly #lists = new Map<MailboxId, FolderList>();
  #count = 0;

  get(mailboxId: MailboxId): FolderList | undefined {
    return this.#lists.get(mailboxId);
  }

  keep(mailboxId: MailboxId, list: FolderList): void {
    this.#count += list.folders.length - (this.#lists.get(mailboxId)?.folders.length ?? 0);
    this.#lists.delete(mailboxId);
    this.#lists.set(mailboxId, list);
    for (const [oldest, { folders }] of this.#lists) {
      if (this.#count <= limits.foldersKeptMax) break;
      this.#lists.delete(oldest);
      this.#count -= folders.length;
    }
  }
}

const listsByStore = new WeakMap<Store, FolderLists>();

function* readList(mailboxId: MailboxId, known: FolderList | undefined): Work<FolderList> {
  const state = yield* get<{ cn: number; size_bytes: number }>(
    "SELECT cn, size_bytes FROM mailbox WHERE mailbox_id = $1", mailboxId);
  const cn = state?.cn ?? 0;
  const sizeBytes = state?.size_bytes ?? 0;
  if (known?.cn === cn && known.sizeBytes === sizeBytes) return known;
  return { cn, sizeBytes, folders: inTreeOrder(yield* readFolders(mailboxId)).map(toFolderInfo) };
}

/**
 * All folders, parents before children: the same list while the mailbox does not change, but for a reader of the public
 * store, who has counts of their own.
 */
export async function listFolders(
  ctx: Ctx, store: Store, mailboxId: MailboxId, reader: Reader | null = null,
): Promise<readonly FolderInfo[]> {
  if (reader !== null) {
    return inTreeOrder(await store.read(ctx, mailboxId, () => readFoldersFor(mailboxId, reader))).map(toFolderInfo);
  }
  const lists = listsByStore.get(store) ?? new FolderLists();
  listsByStore.set(store, lists);
  const known = lists.get(mailboxId);
  const list = await store.read(ctx, mailboxId, () => readList(mailboxId, known));
  lists.keep(mailboxId, list);
  return list.folders;
}
