/**
 * Structured log lines. Fields are plain values; secrets and message bodies never go in. Names of fields used
 * everywhere: `connection` (id), `client` (address), `user`, `mailbox`, `queue`, `elapsedMs`, `error`.
 */
export interface Log {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  /** A log that adds these fields to each of its lines. */
  child(fields: LogFields): Log;
}

export type LogFields = Readonly<Record<string, unknown>>;

/** Drops every line. */
export const silentLog: Log = {
  debug() {}, info() {}, warn() {}, error() {},
  child() { return silentLog; },
};
