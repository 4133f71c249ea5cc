/** What stands in the queue, as rows and as the plain data that crosses to the writer thread. */
import type { MailboxId } from "#base/ids.ts";

/** Where a message came from. `report` is a DSN of our own and never causes another one (RFC 3464 §2). */
export type MessageOrigin = "inbound" | "submission" | "internal" | "report";

/** Bits of `queue_message.flags`. */
export const contentFlags = {
  /** The client declared SMTPUTF8. RFC 6531 §3.4 */
  smtpUtf8: 1,
  /** A byte above 127 stands somewhere: BODY=8BITMIME is declared where the peer knows it. RFC 6152 §2 */
  eightBit: 2,
  /** A byte above 127 stands in the header: only a peer with SMTPUTF8 may have it. RFC 6532 §3 */
  eightBitHeader: 4,
} as const;

/** The bytes of a message: small ones in the row, large ones in the blob store. */
export type StoredContent =
  | { readonly bytes: Uint8Array }
  | { readonly hash: string; readonly sizeBytes: number };

/** Route of the copy that a mailbox keeps of what was sent in its name: filed as sent, not delivered. */
export const sentCopyRoute = "sent-items";

export interface QueueMessage {
  /** Short, sortable by time, unique; stands in Received and in logs. */
  readonly queueId: string;
  readonly acceptedMs: number;
  readonly origin: MessageOrigin;
  /** Empty for the null sender. */
  readonly envelopeSender: string;
  /** ENVID, decoded. RFC 3461 §4.4 */
  readonly envelopeId: string | null;
  readonly ret: "FULL" | "HDRS" | null;
  readonly flags: number;
  /** Bytes of the content, trace not counted. */
  readonly sizeBytes: number;
  readonly blobHash: string | null;
  /** Header fields this server puts in front: Received. RFC 5321 §4.4 */
  readonly trace: Uint8Array;
}

export interface QueueRecipient {
  readonly queueId: string;
  /** From 1; with the queue id it names one delivery for good. */
  readonly recipientNumber: number;
  readonly address: string;
  /** Domain in lower case of a remote recipient; for a mailbox here empty, or {@link sentCopyRoute}. */
  readonly route: string;
  readonly mailboxId: MailboxId | null;
  /** Bits of `notifyBits`. RFC 3461 §4.1 */
  readonly notify: number;
  /** ORCPT as it came. RFC 3461 §4.2 */
  readonly originalRecipient: string | null;
  /** Attempts that ended in "later". */
  readonly attempts: number;
  /** The sender was told of the delay. */
  readonly delayTold: boolean;
}

export interface NewRecipient extends Omit<QueueRecipient, "queueId" | "attempts" | "delayTold"> {
  /** Who works on it from the first moment; null leaves it to whoever claims it. */
  readonly leaseOwner: string | null;
  /** When it is due, or when the lease ends. */
  readonly nextAttemptMs: number;
}

export interface NewMessage extends QueueMessage {
  /** null when the bytes are a blob. */
  readonly content: Uint8Array | null;
  readonly recipients: readonly NewRecipient[];
}

/** How one recipient stands after an attempt. */
export type Settlement =
  | { readonly kind: "done"; readonly queueId: string; readonly recipientNumber: number }
  | {
    readonly kind: "retry"; readonly queueId: string; readonly recipientNumber: number;
    readonly nextAttemptMs: number; readonly attemptMs: number; readonly reply: string; readonly delayTold: boolean;
  };

/** One recipient that was claimed, with its message. */
export interface ClaimedRecipient {
  readonly message: QueueMessage;
  readonly recipient: QueueRecipient;
}
