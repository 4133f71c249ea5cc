/**
 * Mail that waits for a time its sender chose. Its item stays in the sender's mailbox, submitted, and what the queue
 * has of it waits with one row for the item and one for each recipient. When the item's row comes due the recipients
 * are looked up anew and take their places in the same transaction; then the item is filed. [MS-OXOMSG] 2.2.3.4
 */
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { MailboxId } from "#base/ids.ts";
import type { Store } from "#store/api.ts";
import { serverScope } from "#store/api.ts";
import { loadContent } from "#transport/content.ts";
import { awaitedRecipients, giveUpDeferred } from "#transport/deferred-store.ts";
import type { Awaited } from "#transport/deferred-store.ts";
import type { AcceptRecipient, RecipientResolution } from "#transport/expand.ts";
import type { Outbox } from "#transport/outbox.ts";
import type { Outcome } from "#transport/outcome.ts";
import { deferredItem } from "#transport/queue-rows.ts";
import type { DeferredItem, QueueMessage, QueueRecipient } from "#transport/queue-rows.ts";
import type { ReportEntry } from "#transport/report.ts";
import type { AcceptRequest } from "#transport/transport.ts";
import type { Consignment } from "#transport/worker.ts";
import { notifyBits } from "#wire/smtp/parameters.ts";

/** An item that is not submitted so long after its message was queued never will be: the server was killed between. */
const unmarkedMs = 5 * 60_000;

export interface DeferredParts {
  readonly store: Store;
  /** Left out by tools that deliver nothing. */
  readonly outbox: Outbox | undefined;
  readonly resolve: (ctx: Ctx, address: string) => Promise<RecipientResolution>;
  /** Puts it in the place of what waits; false where it waits no more. */
  readonly release: (
    ctx: Ctx, item: DeferredItem, request: AcceptRequest, reports: readonly ReportEntry[],
  ) => Promise<boolean>;
}

export class DeferredMail {
  readonly #parts: DeferredParts;

  constructor(parts: DeferredParts) {
    this.#parts = parts;
  }

  /** The next step of an item's row that came due; null when somebody else does it. Never fails for good. */
  async carryOut(ctx: Ctx, { message, recipients }: Consignment): Promise<Outcome | null> {
    const recipient = recipients[0]!;
    const done: Outcome = { recipient, kind: "delivered", status: "2.0.0", reply: "", remoteMta: null };
    try {
      return await this.#next(ctx, message, recipient) ? done : null;
    } catch (error) {
      if (error instanceof Fault && error.code === "cancelled") return null;
      if (!(error instanceof Later)) ctx.log.error({ error, queue: message.queueId }, "deferred mail could not leave");
      const reply = "451 4.3.0 The message in the Outbox is not ready to leave";
      return { ...done, kind: "later", status: "4.3.0", reply };
    }
  }

  async #next(ctx: Ctx, message: QueueMessage, recipient: QueueRecipient): Promise<boolean> {
    const { outbox } = this.#parts;
    const item = deferredItem(recipient.route);
    const mailboxId = recipient.mailboxId;
    if (item === undefined || mailboxId === null || outbox === undefined) throw new Later();
    if (item.state === "deferred") {
      if (!await this.#leave(ctx, { message, item, mailboxId, outbox })) return false;
    } else if (item.state === "leaving") await outbox.file(ctx, mailboxId, item);
    else await outbox.unsubmit(ctx, mailboxId, item);
    return true;
  }

  async #leave(ctx: Ctx, { message, item, mailboxId, outbox }: {
    message: QueueMessage; item: DeferredItem; mailboxId: MailboxId; outbox: Outbox;
  }): Promise<boolean> {
    const { store, release } = this.#parts;
    const state = await outbox.state(ctx, mailboxId, item);
    if (state === "other" && ctx.system.nowMs() < item.submittedMs + unmarkedMs) throw new Later();
    const awaited = await store.read(ctx, serverScope, () => awaitedRecipients(message.queueId));
    const { recipients, reports, sentCopy } = await this.#resolve(ctx, awaited);
    if (state !== "waiting" || recipients.length + reports.length === 0) {
      if (!await store.transact(ctx, serverScope, giveUpDeferred, { queueId: message.queueId, item })) return false;
      ctx.log.info({ queue: message.queueId, item: state }, "deferred mail is not sent: it was taken back or removed");
      await outbox.unsubmit(ctx, mailboxId, item);
      return true;
    }
    const { queueId, origin, envelopeSender, envelopeId, ret, flags, trace } = message;
    const request: AcceptRequest = {
      queueId, origin, envelopeSender, envelopeId, ret, flags, trace, recipients, senderId: item.senderId,
      content: await loadContent(ctx, store, message),
      sentFor: sentCopy === undefined ? null : { mailboxId: sentCopy.sentCopyOf!, address: sentCopy.address },
    };
    if (!await release(ctx, item, request, reports)) return false;
    await outbox.file(ctx, mailboxId, item);
    return true;
  }

  /** Who is there now; of those who are gone the sender hears. */
  async #resolve(ctx: Ctx, awaited: readonly Awaited[]): Promise<{
    recipients: AcceptRecipient[]; reports: ReportEntry[]; sentCopy: Awaited | undefined;
  }> {
    const recipients: AcceptRecipient[] = [];
    const reports: ReportEntry[] = [];
    for (const { address, notify, originalRecipient, sentCopyOf } of awaited) {
      if (sentCopyOf !== null) continue;
      const resolution = await this.#parts.resolve(ctx, address);
      if (resolution.kind !== "unknown" && resolution.kind !== "disabled") {
        recipients.push({ address, resolution, notify, originalRecipient });
      } else if ((notify & notifyBits.failure) !== 0) {
        const reply = `550 5.1.1 ${address} is not known here any more`;
        reports.push({ action: "failed", address, originalRecipient, status: "5.1.1", reply, remoteMta: null });
      }
    }
    return { recipients, reports, sentCopy: awaited.find(({ sentCopyOf }) => sentCopyOf !== null) };
  }
}

/** Nothing is wrong; it is not time yet. */
class Later extends Error {}
