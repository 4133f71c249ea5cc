/** Which properties MIME shows of an item: changing one of them gives up its bytes. Pure. */
import { propertySets } from "#props/property-sets.ts";
import { properties } from "#props/registry.ts";
import { tagId } from "#props/types.ts";
import type { NamedId, TaggedProperty } from "#props/registry.ts";
import type { PropertyTag } from "#props/types.ts";

const p = properties;

function idsOf(rows: readonly TaggedProperty[]): ReadonlySet<number> {
  return new Set(rows.map(({ tag }) => tagId(tag)));
}

/** What the header and the bodies of mail are made of. [MS-OXCMAIL] 2.1 */
const shownByMail = idsOf([
  p.PidTagSubject, p.PidTagSubjectPrefix, p.PidTagNormalizedSubject, p.PidTagBody, p.PidTagHtml, p.PidTagRtfCompressed,
  p.PidTagInternetCodepage, p.PidTagSenderName, p.PidTagSenderAddressType, p.PidTagSenderEmailAddress,
  p.PidTagSenderSmtpAddress, p.PidTagSenderEntryId, p.PidTagSentRepresentingName, p.PidTagSentRepresentingAddressType,
  p.PidTagSentRepresentingEmailAddress, p.PidTagSentRepresentingSmtpAddress, p.PidTagSentRepresentingEntryId,
  p.PidTagReplyRecipientEntries, p.PidTagImportance, p.PidTagPriority, p.PidTagSensitivity, p.PidTagClientSubmitTime,
  p.PidTagInternetMessageId, p.PidTagInternetReferences, p.PidTagInReplyToId, p.PidTagConversationTopic,
  p.PidTagConversationIndex, p.PidTagReadReceiptRequested, p.PidTagOriginatorDeliveryReportRequested,
  p.PidTagReplyTime, p.PidTagExpiryTime, p.PidTagListHelp, p.PidTagListSubscribe, p.PidTagListUnsubscribe,
  p.PidTagAutoResponseSuppress,
]);

/** Marks and clerks' notes, which no form of an item shows. */
const shownByNone = idsOf([
  p.PidTagMessageFlags, p.PidTagMessageStatus, p.PidTagRead, p.PidTagFlagStatus, p.PidTagFlagCompleteTime,
  p.PidTagFollowupIcon, p.PidTagIconIndex, p.PidTagLastVerbExecuted, p.PidTagLastVerbExecutionTime,
  p.PidTagLastModificationTime, p.PidTagCreationTime, p.PidTagMessageDeliveryTime, p.PidTagHasAttachments,
  p.PidTagMessageSize, p.PidTagLastModifierName, p.PidTagChangeKey, p.PidTagSearchKey, p.PidTagConversationId,
  p.PidTagBlockStatus, p.PidTagToDoItemFlags, p.PidTagSwappedToDoStore,
  p.PidTagSwappedToDoData, p.PidTagAccess, p.PidTagAccessLevel,
]);

/** Whether an item of this class is mail, which shows a header and bodies and nothing else. */
export function isMail(messageClass: string): boolean {
  return /^(?:IPM\.(?:Note|Post|Schedule\.Meeting|Document|OUTLOOK\.RECALL|Sharing)|REPORT)(?:\.|$)/i.test(messageClass)
    || /^IPM$/i.test(messageClass);
}

export function isTagShown(messageClass: string, tag: PropertyTag): boolean {
  const id = tagId(tag);
  return isMail(messageClass) ? shownByMail.has(id) : !shownByNone.has(id);
}

const meetingSets = new Set<string>([propertySets.PSETID_Appointment.guid, propertySets.PSETID_Meeting.guid]);

/** Categories are marks: IMAP shows them as keywords. What came as MIME has its calendar in its bytes. */
export function isNameShown(messageClass: string, origin: "mime" | "properties", { guid, id }: NamedId): boolean {
  if (guid === propertySets.PS_PUBLIC_STRINGS.guid && id === "Keywords") return false;
  if (!isMail(messageClass)) return true;
  if (guid === propertySets.PS_INTERNET_HEADERS.guid) return true;
  return origin === "properties" && /^IPM\.Schedule\.Meeting\./i.test(messageClass) && meetingSets.has(guid);
}
