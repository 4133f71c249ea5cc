/** What an SMTP session needs from the house, and what an administrator can set. */
import type { Ctx } from "#base/ctx.ts";
import type { EntryId, FolderId, MailboxId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import type { Directory } from "#directory/api.ts";
import type { Transport } from "#transport/transport.ts";

/**
 * `inbound` takes mail for our own domains from anyone; `submission` takes mail to anywhere from those signed in.
 * RFC 6409 §3
 */
export type SmtpRole = "inbound" | "submission";

export interface SmtpConfig {
  readonly role: SmtpRole;
  /** This server's name. */
  readonly hostname: string;
  /** STARTTLS is offered; false behind implicit TLS or without a certificate. */
  readonly startTls: boolean;
  /** Who reads mail to `<postmaster>` and to a postmaster that the directory does not know. RFC 5321 §4.5.1 */
  readonly postmaster: string;
  readonly messageSizeMaxBytes?: number;
  readonly recipientsMax?: number;
  readonly idleTimeoutMs?: number;
  readonly dataTimeoutMs?: number;
}

export type SmtpSettings = Required<SmtpConfig>;

/** Bytes a mailbox uses and may use; no limit is null. RFC 3463 §3.3 X.2.2 */
export type QuotaOf = (ctx: Ctx, mailboxId: MailboxId) => Promise<{
  usedBytes: number; limitBytes: number | null;
  /** From here on its owner cannot send. */
  sendBytes?: number | null;
}>;

export interface SmtpParts {
  readonly config: SmtpConfig;
  readonly directory: Directory;
  readonly transport: Pick<Transport, "accept" | "beginMessage" | "newQueueId" | "resolve">;
  /** null when nobody counts. */
  readonly quota: QuotaOf | null;
  /** Whether a public folder takes mail from somebody; null is who did not sign in. Left out where there are none. */
  readonly mayPost?: (ctx: Ctx, post: {
    mailboxId: MailboxId; folderId: FolderId; senderId: EntryId | null;
  }) => Promise<boolean>;
}

/** RFC 5321 §4.5.3 leaves these to the server. */
export function smtpSettings(config: SmtpConfig): SmtpSettings {
  return {
    messageSizeMaxBytes: limits.messageSizeMaxBytes, recipientsMax: limits.smtpRecipientsMax,
    idleTimeoutMs: limits.smtpIdleTimeoutMs, dataTimeoutMs: limits.smtpDataTimeoutMs, ...config,
  };
}
