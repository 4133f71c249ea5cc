import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { MailboxId } from "#base/ids.ts";
import type { Store } from "#store/api.ts";
import { loadContent } from "#transport/content.ts";
import type { Outcome } from "#transport/outcome.ts";
import { localErrorOutcome } from "#transport/outcome.ts";
import type { QueueMessage, StoredContent } from "#transport/queue-rows.ts";
import type { Consignment } from "#transport/worker.ts";

/** Puts a message into a mailbox; `mailbox/delivery.ts` is one. Durable when it resolves, once for each delivery id. */
export type Deliver = (ctx: Ctx, request: {
  mailboxId: MailboxId; deliveryId: string; content: StoredContent; prefix: Uint8Array;
  envelopeSender: string; recipient: string; folderRole?: "inbox" | "junkEmail"; internalMs: number;
}) => Promise<{ duplicate: boolean }>;

/** What goes in front of the message: Return-Path is made at final delivery. RFC 5321 §4.4 */
function prefixOf(message: QueueMessage): Uint8Array {
  return Buffer.concat([Buffer.from(`Return-Path: <${message.envelopeSender}>\r\n`), message.trace]);
}

/** Deliveries into mailboxes of this server. */
export class LocalDelivery {
  readonly #store: Store;
  readonly #deliver: Deliver;

  constructor(store: Store, deliver: Deliver) {
    this.#store = store;
    this.#deliver = deliver;
  }

  /** One recipient. null when the server stops and nothing can be said. */
  async deliver(ctx: Ctx, { message, recipients, content }: Consignment): Promise<Outcome | null> {
    const recipient = recipients[0]!;
    try {
      await this.#deliver(ctx, {
        mailboxId: recipient.mailboxId!,
        deliveryId: `${message.queueId}.${recipient.recipientNumber}`,
        content: content ?? await loadContent(ctx, this.#store, message),
        prefix: prefixOf(message),
        envelopeSender: message.envelopeSender,
        recipient: recipient.address,
        internalMs: message.acceptedMs,
      });
      return { recipient, kind: "delivered", status: "2.0.0", reply: "", remoteMta: null };
    } catch (error) {
      if (error instanceof Fault && error.code === "cancelled") return null;
      if (!(error instanceof Fault)) ctx.log.error({ error, queue: message.queueId }, "local delivery failed by a bug");
      return localErrorOutcome(recipient, error);
    }
  }
}
