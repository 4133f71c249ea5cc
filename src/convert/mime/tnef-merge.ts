import { Buffer } from "node:buffer";
import { properties } from "#props/registry.ts";
import { getProperty, setProperty } from "#convert/item.ts";
import { nativeBodies } from "#convert/mime/bodies.ts";
import type { TaggedProperty } from "#props/registry.ts";
import type { ItemBag } from "#convert/item.ts";
import type { Headers } from "#convert/mime/headers-read.ts";

const p = properties;

/** What the header of the message says holds, whatever its winmail.dat says. [MS-OXTNEF] 2.1.1, [MS-OXCMAIL] 2.2.2 */
const headerWins: readonly TaggedProperty[] = [
  p.PidTagSubject, p.PidTagSubjectPrefix, p.PidTagNormalizedSubject, p.PidTagClientSubmitTime,
  p.PidTagMessageDeliveryTime, p.PidTagInternetMessageId, p.PidTagTransportMessageHeaders, p.PidTagDisplayTo,
  p.PidTagDisplayCc, p.PidTagDisplayBcc, p.PidTagMessageFlags, p.PidTagHasAttachments, p.PidTagSenderName,
  p.PidTagSenderAddressType, p.PidTagSenderEmailAddress, p.PidTagSenderSmtpAddress, p.PidTagSenderEntryId,
  p.PidTagSenderSearchKey, p.PidTagSentRepresentingName, p.PidTagSentRepresentingAddressType,
  p.PidTagSentRepresentingEmailAddress, p.PidTagSentRepresentingSmtpAddress, p.PidTagSentRepresentingEntryId,
  p.PidTagSentRepresentingSearchKey, p.PidTagReplyRecipientEntries, p.PidTagReplyRecipientNames,
  p.PidTagConversationIndex, p.PidTagConversationTopic, p.PidTagConversationId, p.PidTagConversationIndexTracking,
];

const kept = new Set(headerWins.map(({ tag }) => tag));

/** Whether a winmail.dat was made for this message and not left over from another. [MS-OXCMAIL] 2.2.2 */
export function isOfMessage(tnef: ItemBag, headers: Headers): boolean {
  const told = headers.get("x-ms-tnef-correlator")?.trim() ?? "";
  const key = getProperty(tnef, p.PidTagTnefCorrelationKey);
  if (told === "" || key === undefined) return true;
  return Buffer.from(key).toString("latin1").replace(/\0+$/, "").trim() === told;
}

/** A winmail.dat in place of itself: its properties, bodies and attachments become the message's. [MS-OXCMAIL] 2.2.2 */
export function mergeTnef(item: ItemBag, tnef: ItemBag): void {
  const rtf = getProperty(tnef, p.PidTagRtfCompressed);
  const html = getProperty(tnef, p.PidTagHtml);
  if (rtf !== undefined || html !== undefined) item.bag.delete(p.PidTagHtml.tag);
  for (const [tag, value] of tnef.bag) {
    if (!kept.has(tag) || !item.bag.has(tag)) item.bag.set(tag, value);
  }
  for (const [key, value] of tnef.named) item.named.set(key, value);
  const isReport = /^REPORT\./i.test(getProperty(tnef, p.PidTagMessageClass) ?? "");
  if (isReport && tnef.recipients.length > 0) item.recipients.length = 0;
  if (item.recipients.length === 0) item.recipients.push(...tnef.recipients);
  for (const attachment of tnef.attachments) {
    setProperty(attachment, p.PidTagAttachNumber, item.attachments.length);
    item.attachments.push(attachment);
  }
  const native = html !== undefined ? nativeBodies.html : rtf !== undefined ? nativeBodies.rtf : undefined;
  if (getProperty(tnef, p.PidTagNativeBody) === undefined) setProperty(item, p.PidTagNativeBody, native);
}
