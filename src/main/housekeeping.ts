/** What has to be done now and then in every mailbox: old deliveries and removed messages are let go. */
import { sleep } from "#base/ctx.ts";
import type { Ctx } from "#base/ctx.ts";
import { withCtx } from "#base/ctx.ts";
import type { MailboxId } from "#base/ids.ts";
import type { Opened } from "#main/open.ts";
import { forgetDeliveries } from "#mailbox/tx/insert.ts";
import { purgeRemoved } from "#mailbox/tx/transfer.ts";
import { serverScope } from "#store/api.ts";
import { sweepBlobs } from "#store/check.ts";
import { forgetOnceKeys } from "#transport/queue-store.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** The queue gives a message up after days; a delivery older than this cannot come again. */
const deliveryKeptMs = 30 * dayMs;
/** Exchange's own default for deleted items. */
const removedKeptMs = 14 * dayMs;
const roundEveryMs = 6 * hourMs;
/** Between two mailboxes, so that a round over many never shows. */
const pauseMs = 50;
const purgeSliceRows = 500;

/** Begins after a pause; the result ends it and waits for the mailbox in hand. */
export function startHousekeeping(ctx: Ctx, opened: Opened): () => Promise<void> {
  const ended = new AbortController();
  const work = withCtx(ctx, { signal: ended.signal });
  let sweptMs = work.system.nowMs();
  const done = (async () => {
    while (await sleep(work, roundEveryMs)) {
      try {
        for await (const page of opened.directory.entries(work, null)) {
          for (const entry of page) {
            if (entry.mailboxId !== null) await tidyMailbox(work, opened, entry.mailboxId);
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

async function tidyMailbox(ctx: Ctx, { store }: Opened, mailboxId: MailboxId): Promise<void> {
  const nowMs = ctx.system.nowMs();
  await store.transact(ctx, mailboxId, forgetDeliveries, { beforeMs: nowMs - deliveryKeptMs });
  for (;;) {
    const purged = await store.transact(ctx, mailboxId, purgeRemoved,
      { beforeMs: nowMs - removedKeptMs, limitRows: purgeSliceRows });
    if (purged < purgeSliceRows) return;
  }
}
