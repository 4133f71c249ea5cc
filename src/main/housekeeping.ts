/** What has to be done now and then in every mailbox: what is old is let go, owners hear of mailboxes that fill up. */
import { sleep } from "#base/ctx.ts";
import type { Ctx } from "#base/ctx.ts";
import { withCtx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { EntryId, FolderId, MailboxId } from "#base/ids.ts";
import { readSize } from "#directory/quota.ts";
import type { RetentionConfig } from "#main/config.ts";
import type { Opened } from "#main/open.ts";
import { warnOfQuota } from "#mailbox/quota-warning.ts";
import { pruneAudit } from "#mailbox/tx/audit.ts";
import { forgetDeliveries } from "#mailbox/tx/insert.ts";
import { expireMessages, folderIdOfRole, purgeRemoved, readRetention } from "#mailbox/tx/retention.ts";
import { serverScope } from "#store/api.ts";
import { sweepBlobs } from "#store/check.ts";
import { forgetOnceKeys } from "#transport/queue-store.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** The queue gives a message up after days; a delivery older than this cannot come again. */
const deliveryKeptMs = 30 * dayMs;
/** Exchange's own default for what its audit keeps. */
const auditKeptMs = 90 * dayMs;
/** Exchange's own default of RecoverableItemsQuota. */
const recoverableDefaultBytes = 30 * 1024 ** 3;
const roundEveryMs = 6 * hourMs;
/** Between two mailboxes, so that a round over many never shows. */
const pauseMs = 50;
const sliceRows = 500;

/** Begins after a pause; the result ends it and waits for the mailbox in hand. */
export function startHousekeeping(ctx: Ctx, opened: Opened, retention: RetentionConfig): () => Promise<void> {
  const ended = new AbortController();
  const work = withCtx(ctx, { signal: ended.signal });
  let sweptMs = work.system.nowMs();
  const done = (async () => {
    while (await sleep(work, roundEveryMs)) {
      try {
        for await (const page of opened.directory.entries(work, null)) {
          for (const entry of page) {
            const { mailboxId, entryId } = entry;
            if (mailboxId !== null) await tidyMailbox(work, opened, { mailboxId, entryId, retention });
            if (!await sleep(work, pauseMs)) return;
          }
        }
        await opened.store.transact(work, serverScope, forgetOnceKeys,
          { beforeMs: work.system.nowMs() - deliveryKeptMs });
        if (work.system.nowMs() - sweptMs >= dayMs) {
          await sweepBlobs(work, opened.store);
          sweptMs = work.system.nowMs();
        }
      } catch (error) {
        if (!ended.signal.aborted) ctx.log.warn({ error }, "housekeeping did not finish this round");
      }
    }
  })();
  return async () => {
    ended.abort();
    await done;
  };
}

export interface Tidied {
  /** Let go for good. */
  purged: number;
  /** Moved to Recoverable Items. */
  expired: number;
  /** The owner was told that the mailbox fills up. */
  warned: boolean;
}

/** One mailbox; in slices, so that nothing that waits for it waits long. */
export async function tidyMailbox(
  ctx: Ctx, { store, directory }: Pick<Opened, "store" | "directory">,
  { mailboxId, entryId, retention }: { mailboxId: MailboxId; entryId: EntryId; retention: RetentionConfig },
): Promise<Tidied> {
  const nowMs = ctx.system.nowMs();
  const settings = await directory.settings(ctx, entryId);
  const quotaBytes = (await directory.entry(ctx, entryId))?.quotaBytes ?? null;
  const said = settings.get("recoverable-quota")?.[0];
  const mostBytes = said === undefined ? quotaBytes ?? recoverableDefaultBytes : readSize(said) ?? null;
  const keepDays = Number(settings.get("keep-deleted")?.[0] ?? retention.removedDays);
  await store.transact(ctx, mailboxId, forgetDeliveries, { beforeMs: nowMs - deliveryKeptMs });
  await store.transact(ctx, mailboxId, pruneAudit, { beforeMs: nowMs - auditKeptMs });
  const tidied: Tidied = { purged: 0, expired: 0, warned: false };
  const terms = await termsOf(ctx, store, mailboxId, retention);
  for (const [folderId, days] of terms) {
    if (days === 0) continue;
    tidied.expired += await inSlices(async () => {
      try {
        return await store.transact(ctx, mailboxId, expireMessages,
          { folderId, beforeMs: nowMs - days * dayMs, limitRows: sliceRows });
      } catch (error) {
        if (error instanceof Fault && error.code === "notFound") return 0;
        throw error;
      }
    });
  }
  tidied.purged = await inSlices(() => store.transact(ctx, mailboxId, purgeRemoved,
    { beforeMs: nowMs - keepDays * dayMs, mostBytes, limitRows: sliceRows }));
  tidied.warned = await warnOfQuota(ctx, store, directory, mailboxId);
  return tidied;
}

async function inSlices(body: () => Promise<number>): Promise<number> {
  let sum = 0;
  for (;;) {
    const count = await body();
    sum += count;
    if (count < sliceRows) return sum;
  }
}

/** Days by folder: what was said of a folder, else what the server does with Deleted Items and Junk Email. */
async function termsOf(
  ctx: Ctx, store: Opened["store"], mailboxId: MailboxId, retention: RetentionConfig,
): Promise<Map<FolderId, number>> {
  return await store.read(ctx, mailboxId, function* () {
    const terms = new Map<FolderId, number>();
    for (const [role, days] of [
      ["deletedItems", retention.emptyDeletedDays], ["junkEmail", retention.emptyJunkDays],
    ] as const) {
      const folderId = days === null ? null : yield* folderIdOfRole(mailboxId, role);
      if (folderId !== null) terms.set(folderId as FolderId, days!);
    }
    for (const [folderId, days] of yield* readRetention(mailboxId)) terms.set(folderId as FolderId, days);
    return terms;
  });
}
