/** The messages of one inbox as POP3 sees them: numbered at sign-in, fixed until QUIT. RFC 1939 §4 */
import type { Ctx } from "#base/ctx.ts";
import { yieldToOthers } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { ContentId, FolderId, MailboxId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import type { Mailbox, MessageContent, UidRange } from "#mailbox/api.ts";

/** Which maildrops are in use by POP3 in this process; a second session is refused. RFC 1939 §4, RFC 2449 §8.1.2 */
export class MaildropLocks {
  readonly #held = new Set<MailboxId>();

  /** The release, or null when the maildrop is in use. */
  acquire(mailboxId: MailboxId): (() => void) | null {
    if (this.#held.has(mailboxId)) return null;
    this.#held.add(mailboxId);
    let held = true;
    return () => {
      if (held) this.#held.delete(mailboxId);
      held = false;
    };
  }
}

/**
 * Numbers, sizes and content ids in flat arrays: a hundred thousand messages take about 2.5 MB. Sizes are octets as
 * stored, which is what RETR sends apart from doubled dots. RFC 1939 §5 and §11
 */
export class Maildrop {
  readonly #mailbox: Mailbox;
  readonly #folderId: FolderId;
  readonly #uidValidity: number;
  readonly #uids: Uint32Array;
  readonly #sizes: Float64Array;
  readonly #contentIds: Float64Array;
  readonly #deleted: Uint8Array;
  #count = 0;
  #deletedCount = 0;
  #liveBytes = 0;

  private constructor(mailbox: Mailbox, folder: { folderId: FolderId; uidValidity: number }, capacity: number) {
    this.#mailbox = mailbox;
    this.#folderId = folder.folderId;
    this.#uidValidity = folder.uidValidity;
    this.#uids = new Uint32Array(capacity);
    this.#sizes = new Float64Array(capacity);
    this.#contentIds = new Float64Array(capacity);
    this.#deleted = new Uint8Array(capacity);
  }

  /** The inbox as it is now. Messages that come while it is read are left for the next session. */
  static async open(ctx: Ctx, mailbox: Mailbox): Promise<Maildrop> {
    const inbox = await mailbox.folderByRole(ctx, "inbox");
    const { folder, uids } = await mailbox.uids(ctx, inbox.folderId);
    const maildrop = new Maildrop(mailbox, folder, uids.length);
    const lastUid = uids.at(-1) ?? 0;
    if (uids.length === 0) return maildrop;
    for await (const rows of mailbox.rows(ctx, folder.folderId, [{ first: 1, last: lastUid }])) {
      for (const row of rows) maildrop.#add(row.uid, row.sizeBytes, row.contentId);
    }
    return maildrop;
  }

  #add(uid: number, sizeBytes: number, contentId: number): void {
    const index = this.#count;
    if (index >= this.#uids.length) return;
    this.#uids[index] = uid;
    this.#sizes[index] = sizeBytes;
    this.#contentIds[index] = contentId;
    this.#liveBytes += sizeBytes;
    this.#count++;
  }

  /** Highest message number, deleted ones counted. */
  get count(): number {
    return this.#count;
  }

  get liveCount(): number {
    return this.#count - this.#deletedCount;
  }

  get deletedCount(): number {
    return this.#deletedCount;
  }

  get liveBytes(): number {
    return this.#liveBytes;
  }

  /** True for a message number that exists and is not marked deleted. */
  has(number: number): boolean {
    return number >= 1 && number <= this.#count && this.#deleted[number - 1] === 0;
  }

  sizeOf(number: number): number {
    return this.#sizes[number - 1]!;
  }

  /** The same for ever for the same message, different from every other: RFC 1939 §7 UIDL, RFC 9051 §2.3.1.1. */
  uniqueIdOf(number: number): string {
    return `${this.#uidValidity}.${this.#uids[number - 1]!}`;
  }

  content(ctx: Ctx, number: number): Promise<MessageContent> {
    return this.#mailbox.content(ctx, this.#contentIds[number - 1] as ContentId);
  }

  markDeleted(number: number): void {
    if (!this.has(number)) return;
    this.#deleted[number - 1] = 1;
    this.#deletedCount++;
    this.#liveBytes -= this.sizeOf(number);
  }

  unmarkAll(): void {
    for (let number = 1; number <= this.#count; number++) {
      if (this.#deleted[number - 1] !== 0) this.#liveBytes += this.sizeOf(number);
    }
    this.#deleted.fill(0);
    this.#deletedCount = 0;
  }

  /**
   * Takes the marked messages out of the inbox, in slices, so that others get their turn; a slice that is done stays
   * done when a later one fails. RFC 1939 §6
   */
  async removeMarked(ctx: Ctx): Promise<void> {
    let slice: UidRange[] = [];
    let sliceCount = 0;
    const flush = async (): Promise<void> => {
      if (slice.length === 0) return;
      await this.#mailbox.remove(ctx, { folderId: this.#folderId, uids: slice, only: "any", mode: "soft" });
      slice = [];
      sliceCount = 0;
      await yieldToOthers();
    };
    for (let index = 0; index < this.#count; index++) {
      if (this.#deleted[index] === 0) continue;
      const uid = this.#uids[index]!;
      const last = slice.at(-1);
      // Only neighbours by UID are joined: a range must not reach a message that nobody marked.
      if (last !== undefined && last.last === uid - 1) slice[slice.length - 1] = { first: last.first, last: uid };
      else slice.push({ first: uid, last: uid });
      if (++sliceCount >= limits.sliceRows) await flush();
    }
    await flush();
  }
}

/** Opens the maildrop of a mailbox under its lock. Throws Fault `inUse` when another session holds it. */
export async function openMaildrop(
  ctx: Ctx, locks: MaildropLocks, mailboxId: MailboxId, open: () => Promise<Mailbox>,
): Promise<{ maildrop: Maildrop; release: () => void }> {
  const release = locks.acquire(mailboxId);
  if (release === null) throw new Fault("inUse", "Another POP3 session has this mailbox open; try again later.");
  try {
    return { maildrop: await Maildrop.open(ctx, await open()), release };
  } catch (error) {
    release();
    throw error;
  }
}
