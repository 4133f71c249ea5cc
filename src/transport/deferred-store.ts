/** The queue's transactions about mail that waits for its time; who may do what next is decided here alone. */
import type { MailboxId, MessageId } from "#base/ids.ts";
import { procedure } from "#store/api.ts";
import { all, run } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";
import { awaitedRoutes, deferredItem, deferredRoute } from "#transport/queue-rows.ts";
import type { DeferredItem, NewMessage } from "#transport/queue-rows.ts";
import { insertMessage, insertRecipients, removeFinished } from "#transport/queue-store.ts";

/** How long whoever takes mail back has the item for himself; then the worker makes it a draft. */
const abortLeaseMs = 60_000;

export interface Awaited {
  readonly recipientNumber: number;
  readonly address: string;
  readonly notify: number;
  readonly originalRecipient: string | null;
  /** Set for the copy of a mailbox in whose name it is sent. */
  readonly sentCopyOf: MailboxId | null;
}

/** For whom a message waits. */
export function* awaitedRecipients(queueId: string): Work<Awaited[]> {
  const rows = yield* all<{
    recipient_number: number; address: string; notify: number; original_recipient: string | null; route: string;
    mailbox_id: number | null;
  }>(
    `SELECT recipient_number, address, notify, original_recipient, route, mailbox_id FROM queue_recipient
       WHERE queue_id = $1 AND route LIKE 'awaits-time%' ORDER BY recipient_number`, queueId);
  return rows.map((row) => ({
    recipientNumber: row.recipient_number, address: row.address, notify: row.notify,
    originalRecipient: row.original_recipient,
    sentCopyOf: row.route === awaitedRoutes.sentCopy ? row.mailbox_id as MailboxId | null : null,
  }));
}

function* removeAwaited(queueId: string): Work<void> {
  yield* run("DELETE FROM queue_recipient WHERE queue_id = $1 AND route LIKE 'awaits-time%'", queueId);
}

/** The item goes from one state to the next; false where somebody else was faster. */
function* step(queueId: string, item: DeferredItem, state: DeferredItem["state"]): Work<boolean> {
  const changed = yield* run(
    "UPDATE queue_recipient SET route = $3 WHERE queue_id = $1 AND recipient_number = 0 AND route = $2",
    queueId, deferredRoute(item), deferredRoute({ ...item, state }));
  return changed > 0;
}

/** In place of those for whom it waited come those it goes to. `queueId` stays that of the first message. */
export const releaseDeferred = procedure({
  name: "transport.releaseDeferred",
  *run(tx, { queueId, item, messages }: {
    queueId: string; item: DeferredItem; messages: readonly NewMessage[];
  }): Work<boolean> {
    if (!(yield* step(queueId, item, "leaving"))) return false;
    yield* removeAwaited(queueId);
    // Its age counts from now on.
    yield* run("UPDATE queue_message SET accepted_ms = $2 WHERE queue_id = $1", queueId, tx.nowMs);
    for (const message of messages) {
      if (message.queueId === queueId) yield* insertRecipients(message);
      else yield* insertMessage(message);
    }
    return true;
  },
});

/** What is not to be sent any more, although nobody took it back: the row of the item ends as any other. */
export const giveUpDeferred = procedure({
  name: "transport.giveUpDeferred",
  *run(_tx, { queueId, item }: { queueId: string; item: DeferredItem }): Work<boolean> {
    if (!(yield* step(queueId, item, "aborted"))) return false;
    yield* removeAwaited(queueId);
    return true;
  },
});

export type AbortResult =
  | { readonly kind: "aborted"; readonly queueId: string; readonly item: DeferredItem }
  | { readonly kind: "tooLate" | "notThere" };

/** Takes an item's message out of the queue; its row stays until the item is a draft again. */
export const abortDeferred = procedure({
  name: "transport.abortDeferred",
  *run(tx, { mailboxId, messageId }: { mailboxId: MailboxId; messageId: MessageId }): Work<AbortResult> {
    const rows = yield* all<{ queue_id: string; route: string }>(
      `SELECT queue_id, route FROM queue_recipient WHERE recipient_number = 0 AND mailbox_id = $1
         ORDER BY queue_id DESC`, mailboxId);
    for (const { queue_id: queueId, route } of rows) {
      const item = deferredItem(route);
      if (item?.messageId !== messageId) continue;
      if (item.state === "leaving") return { kind: "tooLate" };
      yield* removeAwaited(queueId);
      const aborted: DeferredItem = { ...item, state: "aborted" };
      yield* run(
        `UPDATE queue_recipient SET route = $2, held = 0, lease_owner = NULL, next_attempt_ms = $3
           WHERE queue_id = $1 AND recipient_number = 0`, queueId, deferredRoute(aborted), tx.nowMs + abortLeaseMs);
      return { kind: "aborted", queueId, item: aborted };
    }
    return { kind: "notThere" };
  },
});

/** The item is a draft again. */
export const endAborted = procedure({
  name: "transport.endAborted",
  *run(_tx, { queueId }: { queueId: string }): Work<void> {
    yield* run(
      "DELETE FROM queue_recipient WHERE queue_id = $1 AND recipient_number = 0 AND route LIKE 'aborted %'", queueId);
    yield* removeFinished(queueId);
  },
});
