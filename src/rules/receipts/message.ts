/** The receipt itself: a report that tells what became of a message. RFC 8098 §3, [MS-OXOMSG] 2.2.2, 3.2.5.2 */
import { newItem, getProperty, setProperty } from "#convert/item.ts";
import type { ItemBag, ItemObject } from "#convert/item.ts";
import { replyConversationIndex } from "#convert/mime/conversation.ts";
import { newRecipient, setPerson } from "#convert/mime/people.ts";
import { readSuffix, unreadSuffix } from "#convert/mime/report-fields.ts";
import { fromFileTime, toFileTime } from "#convert/mime/times.ts";
import type { DisplayAddress } from "#format/mime/addresses.ts";
import { formatDate } from "#format/mime/date.ts";
import { properties } from "#props/registry.ts";
import type { ReceiptCause } from "#rules/receipts/decide.ts";

const p = properties;

export interface ReceiptRequest {
  readonly cause: ReceiptCause;
  readonly owner: DisplayAddress;
  readonly to: DisplayAddress;
  readonly nowMs: number;
  /** With its brackets. */
  readonly messageId: string;
  /** A byte of chance. */
  readonly chance: number;
}

/** One row for each kind. [MS-OXOMSG] 2.2.2.3.2, 2.2.2.4.2 */
const kinds = {
  read: { suffix: readSuffix, prefix: "Read: ", disposition: "displayed", words: "was read" },
  removed: {
    suffix: unreadSuffix, prefix: "Not read: ", disposition: "deleted", words: "was deleted without being read",
  },
} as const;
/** RFC 8098 §3.2.6.1 */
const mode = "automatic-action/MDN-sent-automatically";
/** What a message refers to is told again up to here; of more, the message alone. */
const referencesMaxCharacters = 8192;
/** Nothing answers it. [MS-OXOMSG] 2.2.1.77 */
const answerNothing = -1;

/** `original` tells what `receiptProperties` names. */
export function buildReceipt(original: ItemObject, request: ReceiptRequest): ItemBag {
  const { cause, owner, to, nowMs, messageId, chance } = request;
  const kind = kinds[cause];
  const item = newItem();
  const now = toFileTime(nowMs);
  const subject = getProperty(original, p.PidTagSubject) ?? "";
  const normalized = getProperty(original, p.PidTagNormalizedSubject) ?? subject;
  const submit = getProperty(original, p.PidTagClientSubmitTime);
  const originalClass = getProperty(original, p.PidTagMessageClass) ?? "IPM.Note";
  setProperty(item, p.PidTagMessageClass, `REPORT.${originalClass}.${kind.suffix}`);
  setPerson(item, "sender", owner);
  setPerson(item, "representing", owner);
  item.recipients.push(newRecipient(1, to, 0));
  setProperty(item, p.PidTagSubject, `${kind.prefix}${normalized}`);
  setProperty(item, p.PidTagSubjectPrefix, kind.prefix);
  setProperty(item, p.PidTagNormalizedSubject, normalized);
  setProperty(item, p.PidTagOriginalSubject, subject);
  setProperty(item, p.PidTagOriginalSubmitTime, submit);
  setProperty(item, p.PidTagClientSubmitTime, now);
  setProperty(item, p.PidTagReportTime, now);
  setProperty(item, p.PidTagInternetMessageId, messageId);
  const originalId = getProperty(original, p.PidTagInternetMessageId);
  setProperty(item, p.PidTagOriginalMessageId, originalId);
  setProperty(item, p.PidTagInReplyToId, originalId);
  if (originalId !== undefined) {
    const before = getProperty(original, p.PidTagInternetReferences) ?? "";
    const isKept = before !== "" && before.length <= referencesMaxCharacters;
    setProperty(item, p.PidTagInternetReferences, isKept ? `${before} ${originalId}` : originalId);
  }
  setProperty(item, p.PidTagConversationTopic, getProperty(original, p.PidTagConversationTopic) ?? normalized);
  const index = getProperty(original, p.PidTagConversationIndex);
  if (index !== undefined) setProperty(item, p.PidTagConversationIndex, replyConversationIndex(index, nowMs, chance));
  setProperty(item, p.PidTagOriginalDisplayTo, owner.address);
  setProperty(item, p.PidTagReportDispositionMode, mode);
  setProperty(item, p.PidTagReportDisposition, kind.disposition);
  setProperty(item, p.PidTagAutoResponseSuppress, answerNothing);
  const sentMs = submit === undefined ? null : fromFileTime(submit);
  const lines = [
    "Your message", "", `  To: ${owner.name === "" ? owner.address : owner.name}`, `  Subject: ${subject}`,
    ...sentMs === null ? [] : [`  Sent: ${formatDate(sentMs)}`], "", `${kind.words} on ${formatDate(nowMs)}.`, "",
  ];
  setProperty(item, p.PidTagBody, lines.join("\r\n"));
  return item;
}
