import type { FaultCode } from "#base/fault.ts";
import { Fault } from "#base/fault.ts";
import type { QueueRecipient } from "#transport/queue-rows.ts";
import type { Reply } from "#wire/smtp/reply.ts";
import { replyText } from "#wire/smtp/reply.ts";

/** What an attempt for one recipient led to. */
export interface Outcome {
  readonly recipient: QueueRecipient;
  /**
   * `delivered` into a mailbox here; `relayed` to a server that does not know DSN, so that success reports end here;
   * `passed` to one that does; `later`; `failed` for good. RFC 3464 §2.3.3, RFC 3461 §5.2
   */
  readonly kind: "delivered" | "relayed" | "passed" | "later" | "failed";
  /** Enhanced status, of class 2, 4 or 5. RFC 3463 */
  readonly status: string;
  /** What was answered, or what went wrong; one line. */
  readonly reply: string;
  /** Name of the server that answered; null when it was this one or none. */
  readonly remoteMta: string | null;
}

/** Enhanced status of a reply that has none of its own. */
function statusOf(reply: Reply): string {
  return reply.enhanced ?? `${Math.floor(reply.code / 100)}.0.0`;
}

/** Outcome of a reply of class 4 or 5. */
export function refusedOutcome(recipient: QueueRecipient, reply: Reply, remoteMta: string): Outcome {
  const kind = reply.code >= 500 ? "failed" : "later";
  return { recipient, kind, status: statusOf(reply), reply: replyText(reply).slice(0, 1000), remoteMta };
}

/** Refusals of a mailbox that will not change by waiting. */
const finalFaults: ReadonlySet<FaultCode> = new Set([
  "notFound", "overQuota", "tooBig", "accessDenied", "notAllowed", "notSupported", "invalidArgument",
]);

/** Outcome of an error during local delivery. An error that is no Fault is a bug: mail waits for its repair. */
export function localErrorOutcome(recipient: QueueRecipient, error: unknown): Outcome {
  if (error instanceof Fault) {
    const status = error.row.smtp.slice(4);
    if (finalFaults.has(error.code)) {
      return { recipient, kind: "failed", status, reply: `${error.row.smtp} ${error.message}`, remoteMta: null };
    }
    return {
      recipient, kind: "later", status: status.replace(/^5/, "4"), reply: `451 4.3.0 ${error.message}`, remoteMta: null,
    };
  }
  const reply = "451 4.3.0 Internal error; the log has more";
  return { recipient, kind: "later", status: "4.3.0", reply, remoteMta: null };
}
