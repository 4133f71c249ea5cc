/** What a process remembers of folders for all its clients: what was told as new, and which keywords there are. */
import type { Ctx } from "#base/ctx.ts";
import type { MailboxId } from "#base/ids.ts";
import type { FolderInfo, Mailbox, UidRange } from "#mailbox/api.ts";
import { limits } from "#base/limits.ts";

export interface FolderRecord {
  readonly uidValidity: number;
  /** No session has been told of messages from this UID on. RFC 3501 §2.3.2 `\Recent` */
  recentFrom: number;
  /** Keywords seen on messages, by their names in small letters. */
  readonly keywords: Map<string, string>;
}

/**
 * One for all connections of a process. It is not kept over a restart: what came before it counts as told, where
 * RFC 3501 §2.3.2 would rather have all of a mailbox told as recent again.
 */
export class FolderMemory {
  readonly #records = new Map<string, FolderRecord>();
  /** Messages that came later were told to nobody. */
  #beganMs: number | undefined;

  static of(mailboxes: object): FolderMemory {
    const known = memories.get(mailboxes) ?? new FolderMemory();
    memories.set(mailboxes, known);
    return known;
  }

  begin(nowMs: number): void {
    this.#beganMs ??= nowMs;
  }

  /** Undefined for a folder that nobody has opened yet. */
  known(mailboxId: MailboxId, folder: FolderInfo): FolderRecord | undefined {
    const record = this.#records.get(`${mailboxId}/${folder.folderId}`);
    return record?.uidValidity === folder.uidValidity ? record : undefined;
  }

  /** The record of a folder that is being opened; the first time its newest messages are looked at. */
  async open(ctx: Ctx, mailbox: Mailbox, folder: FolderInfo): Promise<FolderRecord> {
    const key = `${mailbox.mailboxId}/${folder.folderId}`;
    const record = this.known(mailbox.mailboxId, folder) ?? await this.#look(ctx, mailbox, folder);
    // Another client may have opened it meanwhile.
    const kept = this.known(mailbox.mailboxId, folder) ?? record;
    this.#records.delete(key);
    this.#records.set(key, kept);
    if (this.#records.size > limits.imapFoldersRememberedMax) {
      for (const oldest of this.#records.keys()) {
        this.#records.delete(oldest);
        break;
      }
    }
    return kept;
  }

  /** Messages no client has been told of. RFC 3501 §6.3.10 `RECENT` */
  async countRecent(ctx: Ctx, mailbox: Mailbox, folder: FolderInfo): Promise<number> {
    if (folder.messageCount === 0) return 0;
    const { recentFrom } = await this.open(ctx, mailbox, folder);
    if (recentFrom >= folder.uidNext) return 0;
    let total = 0;
    const unseen = { first: recentFrom, last: folder.uidNext - 1 };
    for await (const { count } of mailbox.flags(ctx, folder.folderId, [unseen])) total += count;
    return total;
  }

  async #look(ctx: Ctx, mailbox: Mailbox, folder: FolderInfo): Promise<FolderRecord> {
    const keywords = new Map<string, string>();
    let recentFrom = folder.uidNext;
    if (folder.messageCount > 0) {
      const newest = { first: Math.max(1, folder.uidNext - limits.imapNewestMessagesMax), last: folder.uidNext - 1 };
      let isRun = false;
      for await (const rows of mailbox.rows(ctx, folder.folderId, [newest])) {
        for (const { uid, savedMs, keywords: names } of rows) {
          for (const name of names) noteKeyword(keywords, name);
          const isNew = savedMs > (this.#beganMs ?? Infinity);
          if (isNew && !isRun) recentFrom = uid;
          isRun = isNew;
        }
      }
      if (!isRun) recentFrom = folder.uidNext;
    }
    return { uidValidity: folder.uidValidity, recentFrom, keywords };
  }
}

const memories = new WeakMap<object, FolderMemory>();

/** True for one that is new here. */
export function noteKeyword(keywords: Map<string, string>, name: string): boolean {
  const key = name.toLowerCase();
  if (name === "" || keywords.has(key) || keywords.size >= limits.imapKeywordsToldMax) return false;
  keywords.set(key, name);
  return true;
}

/** The messages of an open folder that are `\Recent` to one client. RFC 3501 §2.3.2 */
export class RecentMessages {
  readonly #record: FolderRecord;
  readonly #ranges: { readonly first: number; last: number }[] = [];
  /** A client that only looks takes nothing from those who come after it. RFC 3501 §6.3.2 */
  readonly #takes: boolean;
  /** The count the client was told last. */
  toldCount = 0;

  constructor(record: FolderRecord, takes: boolean) {
    this.#record = record;
    this.#takes = takes;
  }

  get ranges(): readonly UidRange[] {
    return this.#ranges;
  }

  /** The client is told of the messages up to `last`. */
  tell(last: number): void {
    const first = Math.max(this.#record.recentFrom, (this.#ranges.at(-1)?.last ?? 0) + 1);
    if (last < first) return;
    const previous = this.#ranges.at(-1);
    if (previous?.last === first - 1) previous.last = last;
    else this.#ranges.push({ first, last });
    if (this.#takes) this.#record.recentFrom = last + 1;
  }

  has(uid: number): boolean {
    const ranges = this.#ranges;
    if (ranges.length === 0 || uid < ranges[0]!.first) return false;
    let low = 0;
    let high = ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (ranges[middle]!.last < uid) low = middle + 1;
      else high = middle;
    }
    return low < ranges.length && ranges[low]!.first <= uid;
  }
}
