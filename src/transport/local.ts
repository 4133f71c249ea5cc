import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { MailboxId, MessageId } from "#base/ids.ts";
import type { Store } from "#store/api.ts";
import { loadContent } from "#transport/content.ts";
import type { DeferredMail } from "#transport/deferred.ts";
import type { Outcome } from "#transport/outcome.ts";
import { localErrorOutcome } from "#transport/outcome.ts";
import type { Moderation } from "#transport/moderation.ts";
import { deferredItem, isServiceRoute, markOfRoute, sentCopyRoute } from "#transport/queue-rows.ts";
import type { DeliveryMark, QueueMessage, QueueRecipient, StoredContent } from "#transport/queue-rows.ts";
import type { Consignment } from "#transport/worker.ts";

/** Puts a message into a mailbox; `mailbox/delivery.ts` is one. Durable when it resolves, once for each delivery id. */
export type Deliver = (ctx: Ctx, request: {
  mailboxId: MailboxId; deliveryId: string; content: StoredContent; prefix: Uint8Array;
  envelopeSender: string; recipient: string; folderRole?: "inbox" | "junkEmail" | "sentItems"; internalMs: number;
  /** Bits of `contentFlags`, for what is sent on. */
  flags?: number;
  /** What it is besides mail. */
  mark?: DeliveryMark;
}) => Promise<{
  duplicate: boolean;
  /** null, or left out, for one that was delivered before. */
  messageId?: MessageId | null;
  /** Set for a meeting message. */
  meeting?: { globalObjectId: Uint8Array | null; messageIdHeader: string } | null;
  /** To be done once the meeting message was carried out: where it goes then. */
  afterMeeting?: (ctx: Ctx) => Promise<void>;
  /** A rule of the owner refuses it, which its sender hears. RFC 5429 §2 */
  refusal?: { status: string; text: string } | null;
}>;

/** Carries a meeting message out that stands in a mailbox; `calendar/desk` is one. Repeating it does no harm. */
export type ProcessMeeting = (ctx: Ctx, arrival: {
  mailboxId: MailboxId; messageId: MessageId | null; globalObjectId: Uint8Array | null; messageIdHeader: string;
}) => Promise<void>;

/** A calendar that cannot be written now is tried again so often; the mail is there whatever comes of it. */
const meetingTriesMax = 5;

/** What goes in front of the message: Return-Path is made at final delivery. RFC 5321 §4.4 */
function prefixOf(message: QueueMessage): Uint8Array {
  return Buffer.concat([Buffer.from(`Return-Path: <${message.envelopeSender}>\r\n`), message.trace]);
}

function refusedByRule(recipient: QueueRecipient, { status, text }: { status: string; text: string }): Outcome {
  const reply = `550 ${status} ${text.replaceAll(/[\x00-\x1f\x7f]+/g, " ").trim().slice(0, 900)}`;
  return { recipient, kind: "failed", status, reply, remoteMta: null };
}

export interface LocalParts {
  readonly store: Store;
  readonly deliver: Deliver;
  readonly processMeeting: ProcessMeeting | undefined;
  /** What the queue has for the server itself. */
  readonly moderation: Pick<Moderation, "carryOut">;
  readonly deferred: Pick<DeferredMail, "carryOut">;
}

/** Deliveries into mailboxes of this server. */
export class LocalDelivery {
  readonly #parts: LocalParts;

  constructor(parts: LocalParts) {
    this.#parts = parts;
  }

  /** One recipient. null when the server stops and nothing can be said. */
  async deliver(ctx: Ctx, consignment: Consignment): Promise<Outcome | null> {
    const { message, recipients, content } = consignment;
    const recipient = recipients[0]!;
    const isSentCopy = recipient.route === sentCopyRoute;
    const mark = markOfRoute(recipient.route);
    try {
      if (deferredItem(recipient.route) !== undefined) return await this.#parts.deferred.carryOut(ctx, consignment);
      if (isServiceRoute(recipient.route)) return await this.#parts.moderation.carryOut(ctx, consignment);
      const done = await this.#parts.deliver(ctx, {
        mailboxId: recipient.mailboxId!,
        deliveryId: `${message.queueId}.${recipient.recipientNumber}`,
        content: content ?? await loadContent(ctx, this.#parts.store, message),
        // Of what was sent there is no way it came.
        ...isSentCopy ? { folderRole: "sentItems" as const, prefix: new Uint8Array(0) } : { prefix: prefixOf(message) },
        envelopeSender: message.envelopeSender,
        recipient: recipient.address,
        internalMs: message.acceptedMs,
        flags: message.flags,
        ...mark === undefined ? {} : { mark },
      });
      if (done.refusal !== undefined && done.refusal !== null) return refusedByRule(recipient, done.refusal);
      const { meeting } = done;
      if (meeting !== undefined && meeting !== null && !isSentCopy) {
        const arrival = { mailboxId: recipient.mailboxId!, messageId: done.messageId ?? null, ...meeting };
        const again = await this.#meeting(ctx, recipient, arrival);
        if (again !== "done") return again;
        await done.afterMeeting?.(ctx);
      }
      return { recipient, kind: "delivered", status: "2.0.0", reply: "", remoteMta: null };
    } catch (error) {
      if (error instanceof Fault && error.code === "cancelled") return null;
      if (!(error instanceof Fault)) ctx.log.error({ error, queue: message.queueId }, "local delivery failed by a bug");
      return localErrorOutcome(recipient, error);
    }
  }

  /**
   * Before the delivery is settled, so that a crash between the two repeats it. Nobody hears of a failure: the message
   * is in the mailbox, and who reads it can do by hand what could not be done here.
   */
  async #meeting(
    ctx: Ctx, recipient: QueueRecipient, arrival: Parameters<ProcessMeeting>[1],
  ): Promise<Outcome | null | "done"> {
    try {
      await this.#parts.processMeeting?.(ctx, arrival);
      return "done";
    } catch (error) {
      if (error instanceof Fault && error.code === "cancelled") return null;
      ctx.log.error({ error, mailbox: recipient.address, attempts: recipient.attempts },
        "a meeting message could not be carried out");
      const outcome = localErrorOutcome(recipient, error);
      return outcome.kind === "later" && recipient.attempts < meetingTriesMax ? outcome : "done";
    }
  }
}
