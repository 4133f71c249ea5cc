/** What the command line does with the queue: look, try again, hold, drop. Works beside a running server. */
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { Store } from "#store/api.ts";
import { serverScope } from "#store/api.ts";
import { all, get } from "#store/sql.ts";
import type { Work } from "#store/sql.ts";
import { loadContent, readContentStart } from "#transport/content.ts";
import type { QueueChange } from "#transport/queue-store.ts";
import { changeQueue, queuedMessage } from "#transport/queue-store.ts";

/** One recipient that waits, as a person sees it. */
export interface QueueListRow {
  readonly queueId: string;
  readonly recipientNumber: number;
  readonly envelopeSender: string;
  readonly address: string;
  readonly sizeBytes: number;
  readonly acceptedMs: number;
  /** `active` is being delivered now, `deferred` waits for the time that its sender chose. */
  readonly state: "waiting" | "active" | "held" | "deferred";
  readonly attempts: number;
  /** null while active. */
  readonly nextAttemptMs: number | null;
  readonly lastAttemptMs: number | null;
  readonly lastReply: string | null;
}

interface ListColumns {
  queue_id: string; recipient_number: number; envelope_sender: string; address: string; size_bytes: number;
  accepted_ms: number; held: number; attempts: number; next_attempt_ms: number; lease_owner: string | null;
  last_attempt_ms: number | null; last_reply: string | null; item_held: number | null;
}

const listText =
  `SELECT m.queue_id, r.recipient_number, m.envelope_sender, r.address, m.size_bytes, m.accepted_ms, r.held, r.attempts,
     r.next_attempt_ms, r.lease_owner, r.last_attempt_ms, r.last_reply,
     CASE WHEN r.route LIKE 'awaits-time%' THEN (SELECT i.held FROM queue_recipient i
       WHERE i.queue_id = r.queue_id AND i.recipient_number = 0) END AS item_held
   FROM queue_recipient r JOIN queue_message m ON m.queue_id = r.queue_id
   WHERE r.recipient_number > 0 AND`;

function toListRow(row: ListColumns): QueueListRow {
  const active = row.lease_owner !== null;
  return {
    queueId: row.queue_id, recipientNumber: row.recipient_number, envelopeSender: row.envelope_sender,
    address: row.address, sizeBytes: row.size_bytes, acceptedMs: row.accepted_ms,
    state: active ? "active" : row.item_held === 0 ? "deferred" : row.held !== 0 ? "held" : "waiting",
    attempts: row.attempts, nextAttemptMs: active ? null : row.next_attempt_ms,
    lastAttemptMs: row.last_attempt_ms, lastReply: row.last_reply,
  };
}

/** A page of the queue, oldest first; `after` is the last row of the page before. */
export async function listQueue(
  ctx: Ctx, store: Store, page: { after?: { queueId: string; recipientNumber: number }; limitRows?: number } = {},
): Promise<QueueListRow[]> {
  const { after = { queueId: "", recipientNumber: 0 }, limitRows = 500 } = page;
  const rows = await store.read(ctx, serverScope, () => all<ListColumns>(
    `${listText} (r.queue_id > $1 OR (r.queue_id = $1 AND r.recipient_number > $2))
     ORDER BY r.queue_id, r.recipient_number LIMIT $3`, after.queueId, after.recipientNumber, limitRows));
  return rows.map(toListRow);
}

export interface QueueCounts {
  readonly messages: number;
  readonly recipients: number;
  readonly held: number;
  readonly oldestMs: number | null;
}

/** Numbers for metrics and health. */
export async function countQueue(ctx: Ctx, store: Store): Promise<QueueCounts> {
  return await store.read(ctx, serverScope, function* (): Work<QueueCounts> {
    const message = yield* get<{ messages: number; oldest: number | null }>(
      "SELECT COUNT(*) AS messages, MIN(accepted_ms) AS oldest FROM queue_message");
    const recipient = yield* get<{ recipients: number; held: number | null }>(
      `SELECT COUNT(*) AS recipients, SUM(CASE WHEN route LIKE 'awaits-time%' THEN 0 ELSE held END) AS held
         FROM queue_recipient WHERE recipient_number > 0`);
    return {
      messages: Number(message!.messages), recipients: Number(recipient!.recipients),
      held: Number(recipient!.held ?? 0), oldestMs: message!.oldest,
    };
  });
}

export interface QueuedMessage {
  readonly queueId: string;
  readonly origin: string;
  readonly envelopeSender: string;
  readonly acceptedMs: number;
  readonly sizeBytes: number;
  readonly recipients: readonly QueueListRow[];
  /** Trace and header section, at most 64 KiB. */
  readonly header: Uint8Array;
}

const headerMaxBytes = 64 * 1024;

/** One message with its recipients and header. Fault `notFound`. */
export async function showQueued(ctx: Ctx, store: Store, queueId: string): Promise<QueuedMessage> {
  const found = await store.read(ctx, serverScope, function* () {
    const message = yield* queuedMessage(queueId);
    const recipients = yield* all<ListColumns>(
      `${listText} r.queue_id = $1 ORDER BY r.recipient_number`, queueId);
    return { message, recipients };
  });
  const { message, recipients } = found;
  if (message === undefined) throw new Fault("notFound", `There is no message ${queueId} in the queue.`);
  const content = await loadContent(ctx, store, message);
  const start = Buffer.from(await readContentStart(store, content, headerMaxBytes));
  const end = start.indexOf("\r\n\r\n");
  return {
    queueId, origin: message.origin, envelopeSender: message.envelopeSender, acceptedMs: message.acceptedMs,
    sizeBytes: message.sizeBytes, recipients: recipients.map(toListRow),
    header: Buffer.concat([message.trace, end < 0 ? start : start.subarray(0, end + 2)]),
  };
}

/** Which rows: one message, one of its recipients, or all. */
export interface QueueSelection {
  readonly queueId: string | null;
  readonly recipientNumber?: number;
}

async function change(ctx: Ctx, store: Store, what: QueueChange, selection: QueueSelection): Promise<number> {
  const count = await store.transact(ctx, serverScope, changeQueue, { change: what, ...selection });
  if (count === 0 && selection.queueId !== null) {
    throw new Fault("notFound", `There is no message ${selection.queueId} in the queue.`);
  }
  return count;
}

/** Tries now, whatever the time of the next attempt. Fault `notFound` for an id that is not there. */
export function retryQueued(ctx: Ctx, store: Store, selection: QueueSelection): Promise<number> {
  return change(ctx, store, "retry", selection);
}

/** No more attempts until `retry`. */
export function holdQueued(ctx: Ctx, store: Store, selection: QueueSelection): Promise<number> {
  return change(ctx, store, "hold", selection);
}

/** Removes without a report. */
export function dropQueued(ctx: Ctx, store: Store, selection: QueueSelection): Promise<number> {
  return change(ctx, store, "drop", selection);
}
