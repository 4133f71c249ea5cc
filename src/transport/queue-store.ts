/**
 * The queue's transactions. A recipient at work is *leased*: it has a `lease_owner`, and `next_attempt_ms` is when the
 * lease ends, so that work of a process that died comes due by itself. Nothing here moves the server's change number
 * (directory caches follow it) except what an administrator does, which must wake the worker of another process.
 */
import type { MailboxId } from "#base/ids.ts";
import { procedure } from "#store/api.ts";
import { takeServerCn } from "#store/server-cn.ts";
import { all, get, run } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";
import type {
  ClaimedRecipient, MessageOrigin, NewMessage, QueueMessage, QueueRecipient, Settlement,
} from "#transport/queue-rows.ts";

export function* insertMessage(message: NewMessage): Work<void> {
  yield* run(
    `INSERT INTO queue_message (queue_id, accepted_ms, origin, envelope_sender, envelope_id, ret, flags, size_bytes,
       blob_hash, trace, content) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
    message.queueId, message.acceptedMs, message.origin, message.envelopeSender, message.envelopeId, message.ret,
    message.flags, message.sizeBytes, message.blobHash, message.trace, message.content);
  yield* insertRecipients(message);
}

export function* insertRecipients(message: NewMessage): Work<void> {
  for (const recipient of message.recipients) {
    yield* run(
      `INSERT INTO queue_recipient (queue_id, recipient_number, address, route, mailbox_id, notify,
         original_recipient, held, attempts, next_attempt_ms, lease_owner, delay_told)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9, $10, 0)`,
      message.queueId, recipient.recipientNumber, recipient.address, recipient.route, recipient.mailboxId,
      recipient.notify, recipient.originalRecipient, recipient.held === true ? 1 : 0, recipient.nextAttemptMs,
      recipient.leaseOwner);
  }
}

/**
 * Puts messages into the queue; on disk when it resolves. Those of a key that was used before are not taken: false.
 */
export const acceptMessages = procedure({
  name: "transport.acceptMessages",
  *run(tx, args: { messages: readonly NewMessage[]; onceKey?: string }): Work<boolean> {
    if (args.onceKey !== undefined) {
      const known = yield* get("SELECT once_key FROM queue_once WHERE once_key = $1", args.onceKey);
      if (known !== undefined) return false;
      yield* run("INSERT INTO queue_once (once_key, accepted_ms) VALUES ($1, $2)", args.onceKey, tx.nowMs);
    }
    for (const message of args.messages) yield* insertMessage(message);
    return true;
  },
});

/** Forgets keys so old that nothing would use them again. */
export const forgetOnceKeys = procedure({
  name: "transport.forgetOnceKeys",
  *run(_tx, args: { beforeMs: number }): Work<number> {
    return yield* run("DELETE FROM queue_once WHERE accepted_ms < $1", args.beforeMs);
  },
});

/** Writes down what attempts led to, with the reports they caused, in one commit. */
export const settle = procedure({
  name: "transport.settle",
  *run(_tx, args: { settlements: readonly Settlement[]; reports: readonly NewMessage[] }): Work<void> {
    const touched = new Set<string>();
    for (const settlement of args.settlements) {
      if (settlement.kind === "done") {
        touched.add(settlement.queueId);
        yield* run("DELETE FROM queue_recipient WHERE queue_id = $1 AND recipient_number = $2",
          settlement.queueId, settlement.recipientNumber);
      } else {
        yield* run(
          `UPDATE queue_recipient SET attempts = attempts + 1, next_attempt_ms = $3, last_attempt_ms = $4,
             last_reply = $5, delay_told = $6, lease_owner = NULL WHERE queue_id = $1 AND recipient_number = $2`,
          settlement.queueId, settlement.recipientNumber, settlement.nextAttemptMs, settlement.attemptMs,
          settlement.reply, settlement.delayTold ? 1 : 0);
      }
    }
    for (const queueId of touched) yield* removeFinished(queueId);
    for (const report of args.reports) yield* insertMessage(report);
  },
});

/** Their items become drafts again as soon as a server runs. */
function* abortDeferredOf(queueId: string | null, nowMs: number): Work<void> {
  yield* run(
    `UPDATE queue_recipient SET route = 'aborted ' || SUBSTR(route, 10), held = 0, lease_owner = NULL,
       next_attempt_ms = $2
       WHERE (queue_id = $1 OR $1 IS NULL) AND recipient_number = 0 AND route LIKE 'deferred %'`, queueId, nowMs);
}

/** The message goes with its last recipient. */
export function* removeFinished(queueId: string): Work<void> {
  yield* run(
    `DELETE FROM queue_message WHERE queue_id = $1
       AND NOT EXISTS (SELECT 1 FROM queue_recipient WHERE queue_id = $1)`, queueId);
}

interface RecipientColumns {
  queue_id: string; recipient_number: number; address: string; route: string; mailbox_id: number | null;
  notify: number; original_recipient: string | null; attempts: number; delay_told: number;
}

interface MessageColumns {
  queue_id: string; accepted_ms: number; origin: string; envelope_sender: string; envelope_id: string | null;
  ret: string | null; flags: number; size_bytes: number; blob_hash: string | null; trace: Uint8Array;
}

const messageColumns =
  "queue_id, accepted_ms, origin, envelope_sender, envelope_id, ret, flags, size_bytes, blob_hash, trace";

function toRecipient(row: RecipientColumns): QueueRecipient {
  return {
    queueId: row.queue_id, recipientNumber: row.recipient_number, address: row.address, route: row.route,
    mailboxId: row.mailbox_id as MailboxId | null, notify: row.notify, originalRecipient: row.original_recipient,
    attempts: row.attempts, delayTold: row.delay_told !== 0,
  };
}

function toMessage(row: MessageColumns): QueueMessage {
  return {
    queueId: row.queue_id, acceptedMs: row.accepted_ms, origin: row.origin as MessageOrigin,
    envelopeSender: row.envelope_sender, envelopeId: row.envelope_id, ret: row.ret as "FULL" | "HDRS" | null,
    flags: row.flags, sizeBytes: row.size_bytes, blobHash: row.blob_hash, trace: row.trace,
  };
}

/** A message without its content; undefined when it is gone. */
export function* queuedMessage(queueId: string): Work<QueueMessage | undefined> {
  const row = yield* get<MessageColumns>(`SELECT ${messageColumns} FROM queue_message WHERE queue_id = $1`, queueId);
  return row === undefined ? undefined : toMessage(row);
}

/** A message that waits for a moderator, by its id; undefined when it does not. */
export function* heldRecipient(
  queueId: string,
): Work<{ readonly message: QueueMessage; readonly recipient: QueueRecipient } | undefined> {
  const row = yield* get<RecipientColumns>(
    `SELECT queue_id, recipient_number, address, route, mailbox_id, notify, original_recipient, attempts, delay_told
       FROM queue_recipient WHERE queue_id = $1 AND route LIKE 'moderation %'`, queueId);
  const message = row === undefined ? undefined : yield* queuedMessage(queueId);
  return row === undefined || message === undefined ? undefined : { message, recipient: toRecipient(row) };
}

/** All that wait for a moderator, the oldest first. */
export function* heldRecipients(limitRows: number): Work<{ message: QueueMessage; recipient: QueueRecipient }[]> {
  const rows = yield* all<{ queue_id: string }>(
    "SELECT queue_id FROM queue_recipient WHERE route LIKE 'moderation %' ORDER BY queue_id LIMIT $1", limitRows);
  const found: { message: QueueMessage; recipient: QueueRecipient }[] = [];
  for (const row of rows) {
    const held = yield* heldRecipient(row.queue_id);
    if (held !== undefined) found.push(held);
  }
  return found;
}

/** Takes up to `limit` recipients that are due, the longest waiting first, and leases them. */
export const claimDue = procedure({
  name: "transport.claimDue",
  *run(tx, args: { owner: string; leaseMs: number; limit: number }): Work<ClaimedRecipient[]> {
    const rows = yield* all<RecipientColumns>(
      `SELECT queue_id, recipient_number, address, route, mailbox_id, notify, original_recipient, attempts, delay_told
         FROM queue_recipient WHERE held = 0 AND next_attempt_ms <= $1 ORDER BY next_attempt_ms LIMIT $2`,
      tx.nowMs, args.limit);
    const claimed: ClaimedRecipient[] = [];
    const messages = new Map<string, QueueMessage>();
    for (const row of rows) {
      let message = messages.get(row.queue_id);
      if (message === undefined) {
        message = (yield* queuedMessage(row.queue_id))!;
        messages.set(row.queue_id, message);
      }
      yield* run(
        `UPDATE queue_recipient SET lease_owner = $3, next_attempt_ms = $4
           WHERE queue_id = $1 AND recipient_number = $2`,
        row.queue_id, row.recipient_number, args.owner, tx.nowMs + args.leaseMs);
      claimed.push({ message, recipient: toRecipient(row) });
    }
    return claimed;
  },
});

/** Keeps everything this owner works on for another while. */
export const renewLeases = procedure({
  name: "transport.renewLeases",
  *run(tx, args: { owner: string; leaseMs: number }): Work<number> {
    return yield* run("UPDATE queue_recipient SET next_attempt_ms = $2 WHERE lease_owner = $1",
      args.owner, tx.nowMs + args.leaseMs);
  },
});

/**
 * Makes due what other owners had in hand: at the start of the only server on this data, whose predecessor may have
 * been killed.
 */
export const endForeignLeases = procedure({
  name: "transport.endForeignLeases",
  *run(tx, args: { owner: string }): Work<number> {
    return yield* run(
      `UPDATE queue_recipient SET lease_owner = NULL, next_attempt_ms = $2
         WHERE lease_owner IS NOT NULL AND lease_owner <> $1`, args.owner, tx.nowMs);
  },
});

/** Gives back what was claimed and not begun, when the server stops. */
export const endOwnLeases = procedure({
  name: "transport.endOwnLeases",
  *run(tx, args: { owner: string }): Work<number> {
    return yield* run("UPDATE queue_recipient SET lease_owner = NULL, next_attempt_ms = $2 WHERE lease_owner = $1",
      args.owner, tx.nowMs);
  },
});

/** When the next recipient comes due; null when none waits. */
export function* nextDue(): Work<number | null> {
  const row = yield* get<{ due: number | null }>(
    "SELECT MIN(next_attempt_ms) AS due FROM queue_recipient WHERE held = 0");
  return row?.due ?? null;
}

/** The bytes of a small message; undefined when it is gone. */
export function* inlineContent(queueId: string): Work<Uint8Array | undefined> {
  const row = yield* get<{ content: Uint8Array | null }>(
    "SELECT content FROM queue_message WHERE queue_id = $1", queueId);
  return row?.content ?? undefined;
}

export type QueueChange = "retry" | "hold" | "drop";

/**
 * One change to the rows selected; how many there were. `retry` also ends a hold. Work in hand is left alone by
 * `retry`, held back from its next attempt by `hold`, and its outcome is ignored after `drop`. Mail that waits for its
 * time goes out at once when it is named, and not when everything is tried; dropped, its item is a draft again.
 */
export const changeQueue = procedure({
  name: "transport.changeQueue",
  *run(tx, { change, queueId, recipientNumber }: {
    change: QueueChange; queueId: string | null; recipientNumber?: number;
  }): Work<number> {
    // PostgreSQL learns what a parameter is from where it stands first.
    const named = "(queue_id = $1 OR $1 IS NULL) AND (recipient_number = $2 OR $2 IS NULL)";
    // Of mail that waits for its time the item is what comes due, or is held; the others follow it.
    const where = `${named} AND ${change === "drop" ? "recipient_number > 0" : "route NOT LIKE 'awaits-time%'"}`;
    const keys = [queueId, recipientNumber ?? null] as const;
    let count: number;
    if (change === "retry") {
      count = yield* run(
        `UPDATE queue_recipient SET held = 0,
           next_attempt_ms = CASE WHEN lease_owner IS NULL AND (recipient_number > 0 OR queue_id = $1) THEN $3
             ELSE next_attempt_ms END WHERE ${where}`,
        ...keys, tx.nowMs);
    } else if (change === "hold") {
      count = yield* run(`UPDATE queue_recipient SET held = 1 WHERE ${where}`, ...keys);
    } else {
      const touched = yield* all<{ queue_id: string }>(
        `SELECT DISTINCT queue_id FROM queue_recipient WHERE ${where}`, ...keys);
      count = yield* run(`DELETE FROM queue_recipient WHERE ${where}`, ...keys);
      if (recipientNumber === undefined) yield* abortDeferredOf(queueId, tx.nowMs);
      for (const row of touched) yield* removeFinished(row.queue_id);
    }
    // Wakes the worker of the running server.
    if (count > 0) yield* takeServerCn();
    return count;
  },
});
