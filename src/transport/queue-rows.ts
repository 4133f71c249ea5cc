/** What stands in the queue, as rows and as the plain data that crosses to the writer thread. */
import type { EntryId, FolderId, MailboxId, MessageId } from "#base/ids.ts";

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

/** Route of a group whose mail waits for a moderator, with the directory's id of who sent it, or 0. */
export const heldRoute = (senderId: EntryId | null): string => `moderation ${senderId ?? 0}`;
/** Route of what a moderator answers; no mailbox is behind it. */
export const moderatorAnswerRoute = "moderator-answer";

/** What becomes of the sender's item once its message left: where it goes. [MS-OXOMSG] 2.2.3.8, 2.2.3.10 */
export type SentFate = FolderId | "keep" | "delete";

/**
 * Mail that waits for a time its sender chose. Its row of number 0 is the item in the sender's mailbox: `deferred`
 * until it comes due, `leaving` while the message is in the queue and the item not filed yet, `aborted` while it is
 * not yet a draft again. Each step is one transaction of the queue; the mailbox follows it, again after a crash.
 */
export interface DeferredItem {
  readonly state: "deferred" | "leaving" | "aborted";
  readonly messageId: MessageId;
  /** PidTagClientSubmitTime, by which the item is known to be the one that was handed in. */
  readonly submittedMs: number;
  readonly fate: SentFate;
  readonly senderId: EntryId | null;
}
export const deferredNumber = 0;
/** Routes of those for whom it waits, and of the copy for the mailbox in whose name it is sent. */
export const awaitedRoutes = { recipient: "awaits-time", sentCopy: "awaits-time sent-items" } as const;

export function deferredRoute({ state, messageId, submittedMs, fate, senderId }: DeferredItem): string {
  return `${state} ${messageId} ${submittedMs} ${fate} ${senderId ?? 0}`;
}

/** undefined for another route. */
export function deferredItem(route: string): DeferredItem | undefined {
  const found = /^(deferred|leaving|aborted) (\d+) (\d+) (keep|delete|\d+) (\d+)$/.exec(route);
  if (found === null) return undefined;
  const [, state, messageId, submittedMs, fate, senderId] = found;
  return {
    state: state as DeferredItem["state"], messageId: Number(messageId) as MessageId, submittedMs: Number(submittedMs),
    fate: fate === "keep" || fate === "delete" ? fate : Number(fate) as FolderId,
    senderId: senderId === "0" ? null : Number(senderId) as EntryId,
  };
}

/** Who sent what a group holds; undefined for another route. */
export function heldSender(route: string): EntryId | null | undefined {
  const found = /^moderation (\d+)$/.exec(route);
  if (found === null) return undefined;
  return found[1] === "0" ? null : Number(found[1]) as EntryId;
}

/** Carried out by this server, although no mailbox takes it. */
export function isServiceRoute(route: string): boolean {
  return route === moderatorAnswerRoute || heldSender(route) !== undefined;
}

/** What a delivery into a mailbox is besides mail, which the message itself must not be able to say. */
export type DeliveryMark =
  /** A meeting message of somebody the mailbox's owner acts for. */
  | { readonly kind: "delegated"; readonly for: EntryId }
  /** A question to a moderator. */
  | { readonly kind: "approval" }
  /** For a public folder; from somebody outside where `senderId` is null. */
  | { readonly kind: "public"; readonly folderId: FolderId; readonly senderId: EntryId | null };

export function markRoute(mark: DeliveryMark): string {
  if (mark.kind === "public") return `public ${mark.folderId} ${mark.senderId ?? 0}`;
  return mark.kind === "approval" ? "approval" : `delegated ${mark.for}`;
}

/** undefined for a plain delivery. */
export function markOfRoute(route: string): DeliveryMark | undefined {
  if (route === "approval") return { kind: "approval" };
  const post = /^public (\d+) (\d+)$/.exec(route);
  if (post !== null) {
    const senderId = post[2] === "0" ? null : Number(post[2]) as EntryId;
    return { kind: "public", folderId: Number(post[1]) as FolderId, senderId };
  }
  const found = /^delegated (\d+)$/.exec(route);
  return found === null ? undefined : { kind: "delegated", for: Number(found[1]) as EntryId };
}

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
  /** From 1; with the queue id it names one delivery for good. {@link deferredNumber} is the item that is sent. */
  readonly recipientNumber: number;
  readonly address: string;
  /**
   * Domain in lower case of a remote recipient; for a mailbox here empty, {@link sentCopyRoute} or a {@link markRoute};
   * without a mailbox also a route of {@link isServiceRoute}. Of mail that waits for its time a {@link deferredRoute}
   * and {@link awaitedRoutes}.
   */
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
  /** It does not come due by itself. */
  readonly held?: boolean;
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
