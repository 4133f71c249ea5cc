/**
 * Whether a message whose mark changed is answered by a receipt, and to whom: the sender asked for it, the message came
 * to this mailbox, and nobody has answered before. RFC 8098 §2.1, [MS-OXOMSG] 2.2.1.29, 2.2.1.31
 */
import { getProperty } from "#convert/item.ts";
import type { ItemObject } from "#convert/item.ts";
import { getPerson } from "#convert/mime/people.ts";
import type { ResolveAddress } from "#convert/mime/people.ts";
import type { DisplayAddress } from "#format/mime/addresses.ts";
import { properties } from "#props/registry.ts";
import { domainOf, foldAddress } from "#rules/message.ts";

const p = properties;

/** `read`: it was marked as read. `removed`: it was removed and had not been read. */
export type ReceiptCause = "read" | "removed";

/** What the properties do not tell. */
export interface ReceiptFacts {
  readonly cause: ReceiptCause;
  readonly isRead: boolean;
  /** A receipt was sent, or refused, before. */
  readonly isAnswered: boolean;
  /** It is being written, or was sent from here, or it is no message but a setting. */
  readonly isOwnWork: boolean;
  readonly isJunk: boolean;
  /** Addresses of whoever has the mailbox. */
  readonly own: readonly string[];
  readonly resolve: ResolveAddress;
}

export type ReceiptDecision =
  | { readonly kind: "answer"; readonly to: DisplayAddress }
  | { readonly kind: "none"; readonly why: string };

/** Bits of PidTagAutoResponseSuppress. [MS-OXOMSG] 2.2.1.77 */
const suppressed = { read: 0x4, removed: 0x8 } as const;

/** The properties that are looked at. */
export const receiptProperties = [
  p.PidTagReadReceiptRequested, p.PidTagNonReceiptNotificationRequested, p.PidTagMessageClass,
  p.PidTagAutoResponseSuppress, p.PidTagMessageFlags, p.PidTagSubject, p.PidTagNormalizedSubject,
  p.PidTagInternetMessageId, p.PidTagInternetReferences, p.PidTagConversationTopic, p.PidTagConversationIndex,
  p.PidTagClientSubmitTime, p.PidTagReadReceiptName, p.PidTagReadReceiptAddressType, p.PidTagReadReceiptEmailAddress,
  p.PidTagReadReceiptSmtpAddress, p.PidTagReadReceiptEntryId, p.PidTagSentRepresentingName,
  p.PidTagSentRepresentingAddressType, p.PidTagSentRepresentingEmailAddress, p.PidTagSentRepresentingSmtpAddress,
  p.PidTagSentRepresentingEntryId, p.PidTagSenderName, p.PidTagSenderAddressType, p.PidTagSenderEmailAddress,
  p.PidTagSenderSmtpAddress, p.PidTagSenderEntryId,
] as const;

const none = (why: string): ReceiptDecision => ({ kind: "none", why });

export function decideReceipt(item: ItemObject, facts: ReceiptFacts): ReceiptDecision {
  const { cause, resolve } = facts;
  const asks = cause === "read" ? p.PidTagReadReceiptRequested : p.PidTagNonReceiptNotificationRequested;
  if (getProperty(item, asks) !== true) return none("nobody asked for it");
  if (facts.isAnswered) return none("it was answered before");
  if (facts.isOwnWork) return none("it did not come to this mailbox");
  if (facts.isJunk) return none("whoever sends junk hears nothing");
  if (cause === "removed" && facts.isRead) return none("it had been read");
  // A receipt is never answered by one. RFC 8098 §2.1
  if (/^REPORT\./i.test(getProperty(item, p.PidTagMessageClass) ?? "")) return none("it is a report");
  if (((getProperty(item, p.PidTagAutoResponseSuppress) ?? 0) & suppressed[cause]) !== 0) {
    return none("its sender asked for no answer");
  }
  const from = getPerson(item, "representing", resolve) ?? getPerson(item, "sender", resolve);
  const to = getPerson(item, "readReceipt", resolve) ?? from;
  if (from === null || to === null) return none("it names nobody to answer");
  if (new Set(facts.own.map(foldAddress)).has(foldAddress(to.address))) return none("it is the owner's own");
  // Somebody else's address would be an open door to send mail to strangers. RFC 8098 §2.1, §6.3
  if (domainOf(foldAddress(to.address)) !== domainOf(foldAddress(from.address))) {
    return none("the receipt is to go to somebody else than the sender");
  }
  return { kind: "answer", to };
}
