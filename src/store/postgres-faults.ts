/** PostgreSQL's errors by their SQLSTATE. https://www.postgresql.org/docs/current/errcodes-appendix.html */
import { Fault } from "#base/fault.ts";

function stateOf(error: unknown): string {
  if (!(error instanceof Error) || error instanceof Fault) return "";
  const code = (error as { code?: unknown }).code;
  return typeof code === "string" ? code : "";
}

const lostSockets = new Set(["ECONNREFUSED", "ECONNRESET", "EPIPE", "ETIMEDOUT", "ENOTFOUND", "EAI_AGAIN", "ENOENT"]);
/** What the driver says without a code. */
const lostWords = new RegExp("^Connection terminated|^Client has encountered a connection error|" +
  "timeout exceeded when trying to connect|not queryable");

/** The connection is gone, or the database is going down, coming up or has no room for one more. */
export function isConnectionLoss(error: unknown): boolean {
  const state = stateOf(error);
  if (/^(08|57P0[1-5]|53300)/.test(state) || lostSockets.has(state)) return true;
  return error instanceof Error && !(error instanceof Fault) && state === "" && lostWords.test(error.message);
}

/** Worth another try from the beginning: deadlock, serialization failure, a connection lost before the commit. */
export function isRetryable(error: unknown): boolean {
  const state = stateOf(error);
  return state === "40001" || state === "40P01" || (isConnectionLoss(error) && state !== "53300");
}

/** The database's refusals as ours; what is unexpected stays as it is. */
export function toPostgresFault(error: unknown): unknown {
  const state = stateOf(error);
  if (isConnectionLoss(error) || isRetryable(error) || state === "55P03" || state === "57014") {
    return new Fault("unavailable", "The database does not answer; try again later.", { cause: error });
  }
  if (state === "53100") {
    return new Fault("storageFull", "The database's disk is full; try again later.", { cause: error });
  }
  if (state === "53200") {
    return new Fault("unavailable", "The database is out of memory; try again later.", { cause: error });
  }
  // An ordered index takes keys of at most 2704 bytes; SQLite has no such limit.
  if (state === "54000") {
    return new Fault("tooBig", "A name or key is too long to be kept.", { cause: error });
  }
  if (state.startsWith("XX00")) {
    return new Fault("corrupt", "The database is damaged; the administrator should look at its log.", { cause: error });
  }
  return error;
}
