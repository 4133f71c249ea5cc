/** The messages of one inbox as POP3 sees them: numbered at sign-in, fixed until QUIT. RFC 1939 §4 */
import type { Ctx } from "#base/ctx.ts";
import { sleep, withCtx, yieldToOthers } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { ContentId, FolderId, MailboxId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import { messageFlags } from "#mailbox/api.ts";
import type { MaildropColumns, Mailbox, MessageContent, UidRange } from "#mailbox/api.ts";

/**
 * Which maildrops are in use by POP3 in this process; a second session waits a moment and is then refused. Processes
 * know nothing of each other's locks. Messages are safe without: one is removed once, by whoever says QUIT first.
 * RFC 1939 §4, RFC 2449 §8.1.2
 */
export class MaildropLocks {
  readonly #waiters = new Map<MailboxId, (() => void)[]>();

  /**
   * The release, or null when the maildrop is still in use after `waitMs`: programs that lost their connection come
   * back at once, before the server heard that the old one ended.
   */
  async acquire(ctx: Ctx, mailboxId: MailboxId, waitMs: number): Promise<(() => void) | null> {
    const waiters = this.#waiters.get(mailboxId);
    if (waiters === undefined) this.#waiters.set(mailboxId, []);
    else if (waitMs === 0 || waiters.length >= limits.pop3LockWaitersMax) return null;
    else if (!await handedOver(ctx, waiters, waitMs)) return null;
    let held = true;
    return () => {
      if (held) this.#release(mailboxId);
      held = false;
    };
  }

  #release(mailboxId: MailboxId): void {
    const next = this.#waiters.get(mailboxId)?.shift();
    if (next === undefined) this.#waiters.delete(mailboxId);
    else next();
  }
}

/** Waits in line for the lock of whoever holds it; false when the time was up or the client left. */
async function handedOver(ctx: Ctx, waiters: (() => void)[], waitMs: number): Promise<boolean> {
  const turn = new AbortController();
  let isMine = false;
  const take = (): void => {
    isMine = true;
    turn.abort();
  };
  waiters.push(take);
  await sleep(withCtx(ctx, { signal: turn.signal }), waitMs);
  if (isMine) return true;
  const place = waiters.indexOf(take);
  if (place >= 0) waiters.splice(place, 1);
  return false;
}

/** What a session did with a message, as bits. */
const deletedMark = 1;
const fetchedMark = 2;

/**
 * Numbers, sizes and ids in flat arrays: a hundred thousand messages take about 3 MB. Sizes are octets as stored, which
 * is what RETR sends apart from doubled dots. RFC 1939 §5 and §11
 */
export class Maildrop {
  readonly #mailbox: Mailbox;
  readonly #folderId: FolderId;
  readonly #columns: MaildropColumns;
  readonly #marks: Uint8Array;
  #deletedCount = 0;
  #liveBytes = 0;

  private constructor(mailbox: Mailbox, folderId: FolderId, columns: MaildropColumns) {
    this.#mailbox = mailbox;
    this.#folderId = folderId;
    this.#columns = columns;
    this.#marks = new Uint8Array(columns.count);
    for (let index = 0; index < columns.count; index++) this.#liveBytes += columns.sizes[index]!;
  }

  /** The inbox as it is now. Messages that come while it is read are left for the next session. */
  static async open(ctx: Ctx, mailbox: Mailbox): Promise<Maildrop> {
    const { folderId } = await mailbox.folderByRole(ctx, "inbox");
    return new Maildrop(mailbox, folderId, await mailbox.maildrop(ctx, folderId));
  }

  /** Highest message number, deleted ones counted. */
  get count(): number {
    return this.#columns.count;
  }

  get liveCount(): number {
    return this.count - this.#deletedCount;
  }

  get deletedCount(): number {
    return this.#deletedCount;
  }

  get liveBytes(): number {
    return this.#liveBytes;
  }

  /** Days after which messages leave the inbox by themselves; null: never. RFC 2449 §6.7 */
  get keepDays(): number | null {
    return this.#columns.keepDays;
  }

  /** True for a message number that exists and is not marked deleted. */
  has(number: number): boolean {
    return number >= 1 && number <= this.count && !this.#isMarked(number - 1, deletedMark);
  }

  #isMarked(index: number, mark: number): boolean {
    return (this.#marks[index]! & mark) !== 0;
  }

  sizeOf(number: number): number {
    return this.#columns.sizes[number - 1]!;
  }

  /**
   * The same for as long as the message is in the mailbox, also after it was moved away and back, read, categorised or
   * edited by other programs: those that keep mail on the server never fetch it twice. No other message ever has it; a
   * copy has its own. Only bringing the whole mailbox back from a backup changes them all. RFC 1939 §7 UIDL
   */
  uniqueIdOf(number: number): string {
    return `${this.#columns.uidValidity}-${this.#columns.itemIds[number - 1]!}`;
  }

  content(ctx: Ctx, number: number): Promise<MessageContent> {
    return this.#mailbox.content(ctx, this.#columns.contentIds[number - 1] as ContentId);
  }

  /** The client has the whole message. */
  markFetched(number: number): void {
    this.#marks[number - 1]! |= fetchedMark;
  }

  markDeleted(number: number): void {
    if (!this.has(number)) return;
    this.#marks[number - 1]! |= deletedMark;
    this.#deletedCount++;
    this.#liveBytes -= this.sizeOf(number);
  }

  unmarkAll(): void {
    for (let index = 0; index < this.count; index++) {
      if (!this.#isMarked(index, deletedMark)) continue;
      this.#liveBytes += this.#columns.sizes[index]!;
      this.#marks[index]! &= ~deletedMark;
    }
    this.#deletedCount = 0;
  }

  /**
   * Takes the marked messages out of the inbox, in slices, so that others get their turn; a slice that is done stays
   * done when a later one fails. RFC 1939 §6
   */
  async removeMarked(ctx: Ctx): Promise<void> {
    for (const uids of this.#slices(deletedMark, deletedMark)) {
      await this.#mailbox.remove(ctx, { folderId: this.#folderId, uids, only: "any", mode: "soft" });
      await yieldToOthers();
    }
  }

  /** What was fetched and stays becomes read, unless the owner does not want it. */
  async markRead(ctx: Ctx): Promise<void> {
    const change = { mode: "add", flags: messageFlags.seen, keywords: [] } as const;
    for (const uids of this.#slices(fetchedMark | deletedMark, fetchedMark)) {
      if (!await this.#mailbox.marksFetched(ctx)) return;
      await this.#mailbox.setFlags(ctx, this.#folderId, uids, change);
      await yieldToOthers();
    }
  }

  /** Messages whose marks among `mask` are `wanted`, in sets of bounded size. */
  *#slices(mask: number, wanted: number): Generator<UidRange[]> {
    let slice: UidRange[] = [];
    let sliceCount = 0;
    for (let index = 0; index < this.count; index++) {
      if ((this.#marks[index]! & mask) !== wanted) continue;
      const uid = this.#columns.uids[index]!;
      const last = slice.at(-1);
      // Only neighbours by UID are joined: a range must not reach a message that nobody marked.
      if (last !== undefined && last.last === uid - 1) slice[slice.length - 1] = { first: last.first, last: uid };
      else slice.push({ first: uid, last: uid });
      if (++sliceCount < limits.sliceRows) continue;
      yield slice;
      slice = [];
      sliceCount = 0;
    }
    if (slice.length > 0) yield slice;
  }
}

/** Opens the maildrop of a mailbox under its lock. Throws Fault `inUse` when another session holds it on. */
export async function openMaildrop(
  ctx: Ctx, { locks, lockWaitMs = limits.pop3LockWaitMs }: { locks: MaildropLocks; lockWaitMs?: number | undefined },
  mailboxId: MailboxId, open: () => Promise<Mailbox>,
): Promise<{ maildrop: Maildrop; release: () => void }> {
  const release = await locks.acquire(ctx, mailboxId, lockWaitMs);
  if (release === null) throw new Fault("inUse", "Another POP3 session has this mailbox open; try again later.");
  try {
    return { maildrop: await Maildrop.open(ctx, await open()), release };
  } catch (error) {
    release();
    throw error;
  }
}
