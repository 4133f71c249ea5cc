/** What callers without the whole mailbox see and may touch, message by message: private items and those of others. */
import type { Ctx } from "#base/ctx.ts";
import type { FolderId, MailboxId } from "#base/ids.ts";
import type { FolderOperation } from "#mailbox/access.ts";
import { messageFlags } from "#mailbox/api.ts";
import type { FlagChange, FolderInfo, UidRange, UidSet } from "#mailbox/api.ts";
import type { Access } from "#mailbox/permissions/open-access.ts";
import { scanFolder } from "#mailbox/reads.ts";
import { applyFlagChange } from "#mailbox/tx/flags.ts";
import { messageColumns, parseKeywords, uidMax } from "#mailbox/tx/rows.ts";
import type { MessageRecord } from "#mailbox/tx/rows.ts";
import type { Store } from "#store/api.ts";
import { all, get } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";

/** PidTagSensitivity of what only its owner is to see. [MS-OXCMSG] 2.2.1.13 */
export const privateSensitivity = 2;

const none: ReadonlySet<number> = new Set();

interface HiddenRecord {
  folder_id: number;
  uid: number;
  flags: number;
  size_bytes: number;
}

/** What is hidden in the whole mailbox from one caller, as of one change number. */
interface Hidden {
  readonly cn: number;
  readonly makerId: number;
  readonly rows: readonly HiddenRecord[];
}

function* readHidden(mailboxId: MailboxId, makerId: number, known: Hidden): Work<Hidden> {
  const state = yield* get<{ cn: number }>("SELECT cn FROM mailbox WHERE mailbox_id = $1", mailboxId);
  const cn = state?.cn ?? 0;
  if (known.cn === cn && known.makerId === makerId) return known;
  const rows = yield* all<HiddenRecord>(
    `SELECT m.folder_id, m.uid, m.flags, m.size_bytes FROM message_detail d
     JOIN message m ON m.mailbox_id = d.mailbox_id AND m.item_id = d.item_id
     WHERE d.mailbox_id = $1 AND d.sensitivity = 2 AND m.associated = 0
       AND (d.creator_id IS NULL OR d.creator_id <> $2)`, mailboxId, makerId);
  return { cn, makerId, rows };
}

function uidsIn(rows: readonly HiddenRecord[], folderId: number): ReadonlySet<number> {
  const found = new Set<number>();
  for (const row of rows) if (row.folder_id === folderId) found.add(row.uid);
  return found;
}

export class LimitedView {
  readonly #store: Store;
  readonly #mailboxId: MailboxId;
  readonly #access: Access;
  #known: Hidden = { cn: -1, makerId: 0, rows: [] };

  constructor(store: Store, mailboxId: MailboxId, access: Access) {
    this.#store = store;
    this.#mailboxId = mailboxId;
    this.#access = access;
  }

  /**
   * UIDs of what is not there for this caller. What somebody made they see, private or not. Asked for after a list was
   * read it knows of everything that is in it.
   */
  async hidden(ctx: Ctx, folderId: number): Promise<ReadonlySet<number>> {
    if (!this.#access.hidesPrivate) return none;
    return uidsIn(await this.#hiddenRows(ctx), folderId);
  }

  async #hiddenRows(ctx: Ctx): Promise<readonly HiddenRecord[]> {
    const known = this.#known;
    const makerId = this.#access.makerId ?? 0;
    const found = await this.#store.read(ctx, this.#mailboxId, () => readHidden(this.#mailboxId, makerId, known));
    this.#known = found;
    return found.rows;
  }

  async isHidden(ctx: Ctx, folderId: number, uid: number): Promise<boolean> {
    return (await this.hidden(ctx, folderId)).has(uid);
  }

  /** The set without what is hidden, nor what comes after this moment and may be. */
  async visible(ctx: Ctx, folderId: number, uids: UidSet): Promise<UidSet> {
    if (!this.#access.hidesPrivate) return uids;
    const uidNext = await this.#store.read(ctx, this.#mailboxId, () => get<{ uid_next: number }>(
      "SELECT uid_next FROM folder WHERE mailbox_id = $1 AND folder_id = $2", this.#mailboxId, folderId));
    const hidden = await this.hidden(ctx, folderId);
    return withoutUids(uids, hidden, (uidNext?.uid_next ?? 1) - 1);
  }

  /** Counts tell nothing of what is hidden either. */
  async count<F extends FolderInfo>(ctx: Ctx, folders: F[]): Promise<F[]> {
    if (!this.#access.hidesPrivate) return folders;
    const rows = await this.#hiddenRows(ctx);
    if (rows.length === 0) return folders;
    return folders.map((folder) => {
      const own = rows.filter((row) => row.folder_id === folder.folderId);
      if (own.length === 0) return folder;
      return {
        ...folder, messageCount: folder.messageCount - own.length,
        unreadCount: folder.unreadCount - own.filter((row) => (row.flags & messageFlags.seen) === 0).length,
        sizeBytes: folder.sizeBytes - own.reduce((sum, row) => sum + row.size_bytes, 0),
      };
    });
  }

  /**
   * The messages of a set that may be touched. With a right on one's own alone: Fault `accessDenied` when there are
   * others among them, or, with `others` "skip", only one's own.
   */
  async touchable(
    ctx: Ctx, folderId: FolderId, uids: UidSet, operation: FolderOperation, others: "refuse" | "skip" = "refuse",
  ): Promise<UidSet> {
    const verdict = await this.#access.check(ctx, folderId, operation);
    const seen = await this.visible(ctx, folderId, uids);
    if (verdict === "yes") return seen;
    const own = await this.#ownUids(ctx, folderId);
    const mine: UidRange[] = [];
    for await (const slice of this.#scan(ctx, folderId, seen)) {
      for (const { uid } of slice) {
        if (own.has(uid)) mine.push({ first: uid, last: uid });
        else if (others === "refuse") throw this.#access.refusal(folderId);
      }
    }
    return mine;
  }

  /**
   * Fault `accessDenied` when a change of marks would do to some message what the caller may not do with it: setting
   * the deleted mark takes the right to delete, the seen mark that to read, all others that to edit.
   */
  async checkMarks(ctx: Ctx, folderId: FolderId, uids: UidSet, change: FlagChange): Promise<void> {
    const reach = this.#access.reach(folderId);
    if (reach === null) return;
    const own = reach.change === "own" || reach.delete === "own" ? await this.#ownUids(ctx, folderId) : none;
    for await (const slice of this.#scan(ctx, folderId, uids)) {
      for (const record of slice) {
        const { edits, deletes } = neededBy(record, change);
        const may = (verdict: string): boolean => verdict === "yes" || (verdict === "own" && own.has(record.uid));
        if ((edits && !may(reach.change)) || (deletes && !may(reach.delete))) throw this.#access.refusal(folderId);
      }
    }
  }

  #scan(ctx: Ctx, folderId: FolderId, uids: UidSet): AsyncGenerator<MessageRecord[]> {
    return scanFolder<MessageRecord>(ctx, this.#store, this.#mailboxId, folderId, uids,
      { columns: messageColumns, joins: "" });
  }

  async #ownUids(ctx: Ctx, folderId: number): Promise<ReadonlySet<number>> {
    const rows = await this.#store.read(ctx, this.#mailboxId, () => all<{ uid: number }>(
      `SELECT m.uid FROM message_detail d JOIN message m ON m.mailbox_id = d.mailbox_id AND m.item_id = d.item_id
       WHERE d.mailbox_id = $1 AND d.creator_id = $2 AND m.folder_id = $3 AND m.associated = 0`,
      this.#mailboxId, this.#access.makerId, folderId));
    return new Set(rows.map((row) => row.uid));
  }
}

/** What a change of marks does to one message. */
export function neededBy(
  record: { flags: number; keywords: string | null }, change: FlagChange,
): { edits: boolean; deletes: boolean } {
  const before = parseKeywords(record.keywords);
  const after = applyFlagChange(record.flags, before, change);
  const toggled = after.flags ^ record.flags;
  const words = (list: readonly string[]): string => JSON.stringify([...list].sort());
  return {
    edits: (toggled & ~(messageFlags.seen | messageFlags.deleted)) !== 0 || words(before) !== words(after.keywords),
    deletes: (toggled & messageFlags.deleted) !== 0,
  };
}

/** A set without some UIDs and those above `lastUid`, ascending and apart from each other as before. */
export function withoutUids(uids: UidSet, gone: ReadonlySet<number>, lastUid = uidMax): UidRange[] {
  const ascending = [...gone].sort((left, right) => left - right);
  const kept: UidRange[] = [];
  let at = 0;
  for (const range of uids === "all" ? [{ first: 1, last: uidMax }] : uids) {
    let { first } = range;
    const last = Math.min(range.last, lastUid);
    // Ranges ascend as sets of IMAP come to us; one that does not starts over.
    if (at > 0 && ascending[at - 1]! >= first) at = 0;
    for (; at < ascending.length && ascending[at]! <= last; at++) {
      const uid = ascending[at]!;
      if (uid < first) continue;
      if (uid > first) kept.push({ first, last: uid - 1 });
      first = uid + 1;
    }
    if (first <= last) kept.push({ first, last });
  }
  return kept;
}
