/** What goes to a writer and comes back: a batch of procedures for one scope that share a commit. */
import { Fault } from "#base/fault.ts";
import type { FaultCode } from "#base/fault.ts";
import type { MailboxId } from "#base/ids.ts";

export interface Job {
  readonly procedure: string;
  readonly args: unknown;
}

export interface Batch {
  readonly scope: MailboxId;
  readonly nowMs: number;
  /**
   * `work` runs the jobs. `open` only opens the file and brings it up to date; `create` also makes it when it is
   * missing (otherwise a missing mailbox is Fault `notFound`); `remove` closes and deletes it.
   */
  readonly kind: "work" | "open" | "create" | "remove";
  readonly jobs: readonly Job[];
}

/** Errors in a form that crosses threads. */
export interface SentError {
  readonly fault: FaultCode | null;
  readonly message: string;
  readonly stack: string;
}

export type JobOutcome =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: SentError };

export interface BatchOutcome {
  readonly outcomes: readonly JobOutcome[];
  /** The scope's change number after the commit; 0 when it did not move, and nobody needs a hint. */
  readonly cn: number;
  /** Why nothing was done at all; then there are no outcomes. */
  readonly failure: SentError | null;
}

export function sendError(error: unknown): SentError {
  if (error instanceof Fault) {
    const cause = error.cause instanceof Error ? ` (${error.cause.message})` : "";
    return { fault: error.code, message: error.message, stack: `${error.stack ?? ""}${cause}` };
  }
  const known = error instanceof Error ? error : new Error(String(error));
  return { fault: null, message: known.message, stack: known.stack ?? "" };
}

export function receiveError(sent: SentError): Error {
  const error = sent.fault === null ? new Error(sent.message) : new Fault(sent.fault, sent.message);
  error.stack = sent.stack;
  return error;
}
