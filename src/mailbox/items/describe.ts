/** What columns, the search index and the calendar want of an item, told from its properties alone. Pure. */
import { createHash } from "node:crypto";
import { WireError } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { getProperty } from "#convert/item.ts";
import { startOf } from "#convert/large.ts";
import { textOfHtml } from "#convert/mime/bodies.ts";
import { charsetOf } from "#convert/mime/charset.ts";
import { conversationId } from "#convert/mime/conversation.ts";
import { getPerson } from "#convert/mime/people.ts";
import { fromFileTime } from "#convert/mime/times.ts";
import { decodeCharset } from "#format/mime/charset.ts";
import { messageIds } from "#format/mime/envelope.ts";
import { splitSubject } from "#format/mime/summary.ts";
import { collapse, cutText, previewCharactersMax } from "#format/mime/text.ts";
import { decompressRtf } from "#format/rtf/compressed.ts";
import { readRtfBody } from "#format/rtf/de-encapsulate.ts";
import { properties } from "#props/registry.ts";
import type { ItemObject } from "#convert/item.ts";
import type { SearchFields } from "#store/search-index.ts";

const p = properties;

/** The columns of `message_detail` that properties tell. Absent texts are "". */
export interface DetailColumns {
  readonly messageClass: string;
  readonly subject: string;
  readonly normalizedSubject: string;
  readonly fromName: string;
  readonly fromAddress: string;
  readonly sentMs: number | null;
  readonly messageIdHeader: string;
  readonly inReplyTo: string;
  readonly hasAttachments: boolean;
  readonly importance: number;
  readonly sensitivity: number;
  readonly displayTo: string;
  readonly displayCc: string;
  readonly preview: string;
  readonly conversationId: Uint8Array | null;
  /** What the conversation is looked for by. */
  readonly references: ConversationHints;
}

export interface ConversationHints {
  /** Own id, with angle brackets; "" when it has none. */
  readonly messageId: string;
  /** Ids of earlier messages, oldest first. */
  readonly references: readonly string[];
  /** The GUID of a conversation index; null without one. */
  readonly tracked: Uint8Array | null;
}

/** An item as it is described: bodies included. */
export interface Described extends ItemObject {
  readonly recipients: readonly ItemObject[];
  readonly attachments: readonly ItemObject[];
}

const classMax = 255;
const subjectMax = 1024;
const nameMax = 1024;
const displayMax = 4096;

function text(value: string | undefined, lengthMax: number): string {
  return value === undefined ? "" : cutText(value.replaceAll("\0", ""), lengthMax).toWellFormed();
}

/** Subject, prefix and the rest, whichever of the three were set. [MS-OXCMSG] 3.2.4.1.1 and 3.2.4.1.2 */
export function subjectOf(item: ItemObject): { subject: string; prefix: string; normalized: string } {
  const whole = getProperty(item, p.PidTagSubject);
  const prefix = getProperty(item, p.PidTagSubjectPrefix);
  const normalized = getProperty(item, p.PidTagNormalizedSubject);
  if (whole === undefined) {
    return { subject: `${prefix ?? ""}${normalized ?? ""}`, prefix: prefix ?? "", normalized: normalized ?? "" };
  }
  if (prefix !== undefined && whole.startsWith(prefix)) {
    return { subject: whole, prefix, normalized: whole.slice(prefix.length) };
  }
  const found = splitSubject(whole);
  return { subject: whole, prefix: found.prefix, normalized: found.rest };
}

export function describeColumns(item: Described): DetailColumns {
  const { subject, normalized } = subjectOf(item);
  const from = getPerson(item, "representing", noAddress) ?? getPerson(item, "sender", noAddress);
  const fromName = getProperty(item, p.PidTagSentRepresentingName) ?? getProperty(item, p.PidTagSenderName);
  const references = conversationHints(item);
  const topic = getProperty(item, p.PidTagConversationTopic) ?? normalized;
  const messageClass = text(getProperty(item, p.PidTagMessageClass), classMax);
  return {
    messageClass: messageClass === "" ? "IPM.Note" : messageClass,
    subject: text(subject, subjectMax),
    normalizedSubject: text(normalized, subjectMax),
    fromName: text(from?.name || fromName || from?.address, nameMax),
    fromAddress: text(from?.address, nameMax),
    sentMs: msOf(getProperty(item, p.PidTagClientSubmitTime)),
    messageIdHeader: references.messageId,
    inReplyTo: references.references.at(-1) ?? "",
    hasAttachments: item.attachments.some(isVisible),
    importance: clamp(getProperty(item, p.PidTagImportance), 1, 2),
    sensitivity: clamp(getProperty(item, p.PidTagSensitivity), 0, 3),
    displayTo: displayNames(item, 1),
    displayCc: displayNames(item, 2),
    preview: cutText(collapse(bodyText(item, previewSourceMax)), previewCharactersMax).toWellFormed(),
    conversationId: conversationIdOf(item, topic),
    references,
  };
}

const previewSourceMax = 4096;

function noAddress(): null {
  return null;
}

function clamp(value: number | undefined, absent: number, max: number): number {
  return value === undefined || value < 0 || value > max ? absent : value;
}

/** UTC milliseconds; null for what is no day between 1900 and 9999. */
export function msOf(time: bigint | undefined): number | null {
  return time === undefined ? null : fromFileTime(time);
}

const exceptionFlag = 2;

/** What a person would call an attachment: not a picture in the text, not a changed day of a series. */
export function isVisible(attachment: ItemObject): boolean {
  return getProperty(attachment, p.PidTagAttachmentHidden) !== true &&
    ((getProperty(attachment, p.PidTagAttachmentFlags) ?? 0) & exceptionFlag) === 0;
}

const recipientTypeMask = 0x0f;

/** [MS-OXOMSG] 2.2.1.9 (PidTagDisplayTo) */
function displayNames(item: Described, type: number): string {
  const names: string[] = [];
  for (const one of item.recipients) {
    if (((getProperty(one, p.PidTagRecipientType) ?? 1) & recipientTypeMask) !== type) continue;
    names.push(getProperty(one, p.PidTagDisplayName) ?? getProperty(one, p.PidTagSmtpAddress) ??
      getProperty(one, p.PidTagEmailAddress) ?? "");
  }
  return text(names.join("; "), displayMax);
}

const indexHeadBytes = 22;

/** [MS-OXOMSG] 2.2.1.2 (PidTagConversationId) */
function conversationIdOf(item: ItemObject, topic: string): Uint8Array | null {
  const own = getProperty(item, p.PidTagConversationId);
  if (own?.length === 16) return Uint8Array.from(own);
  const id = conversationId(getProperty(item, p.PidTagConversationIndex) ?? null, topic);
  return id === undefined ? null : Uint8Array.from(id);
}

const referencesMax = 50;
const idLengthMax = 998;

function conversationHints(item: ItemObject): ConversationHints {
  const index = getProperty(item, p.PidTagConversationIndex);
  const references = ids(getProperty(item, p.PidTagInternetReferences));
  const isTracked = index !== undefined && index.length >= indexHeadBytes && index[0] === 1;
  return {
    messageId: ids(getProperty(item, p.PidTagInternetMessageId))[0] ?? "",
    references: boundReferences([...references, ...ids(getProperty(item, p.PidTagInReplyToId)).slice(0, 1)]),
    tracked: isTracked ? Uint8Array.from(index.subarray(6, indexHeadBytes)) : null,
  };
}

/** The oldest, which names the conversation, and the last ones. */
export function boundReferences(references: readonly string[]): string[] {
  const unique = [...new Set(references)];
  return unique.length <= referencesMax ? unique : [unique[0]!, ...unique.slice(1 - referencesMax)];
}

function ids(value: string | undefined): string[] {
  if (value === undefined) return [];
  return messageIds(value.slice(0, 65_536)).filter((id) => id.length <= idLengthMax).map((id) => `<${id}>`);
}

/** What names a conversation when no message of it is known. 16 bytes. */
export function conversationSeed({ messageId, references, tracked }: ConversationHints): Uint8Array | null {
  const oldest = references[0] ?? messageId;
  if (oldest !== "") return Uint8Array.from(createHash("md5").update(oldest).digest());
  return tracked;
}

/** The text of a body, whichever form there is; of a large one no more than `charactersMax` of its source. */
export function bodyText(item: ItemObject, charactersMax: number): string {
  const plain = startOf(item.bag, p.PidTagBody.tag, charactersMax);
  if (typeof plain === "string" && plain.trim() !== "") return plain.slice(0, charactersMax);
  const html = startOf(item.bag, p.PidTagHtml.tag, charactersMax * 8);
  if (html instanceof Uint8Array && html.length > 0) {
    const label = charsetOf(getProperty(item, p.PidTagInternetCodepage) ?? 65001) ?? "utf-8";
    // Marks take more room than words.
    return textOfHtml(decodeCharset(html.subarray(0, charactersMax * 8), label)).slice(0, charactersMax);
  }
  const rtf = getProperty(item, p.PidTagRtfCompressed);
  return rtf === undefined || rtf.length > rtfMaxBytes ? "" : rtfText(rtf).slice(0, charactersMax);
}

const rtfMaxBytes = 1024 * 1024;

function rtfText(compressed: Uint8Array): string {
  try {
    const found = readRtfBody(decompressRtf(compressed));
    return found?.text ?? (found?.html === undefined ? "" : textOfHtml(found.html));
  } catch (error) {
    // A body that cannot be read has no words; the rest of its item has.
    if (error instanceof WireError) return "";
    throw error;
  }
}

const wordProperties = [
  p.PidLidLocation, p.PidTagDisplayName, p.PidLidFileUnder, p.PidTagGivenName, p.PidTagMiddleName, p.PidTagSurname,
  p.PidTagNickname, p.PidTagCompanyName, p.PidTagDepartmentName, p.PidTagTitle, p.PidTagBusinessTelephoneNumber,
  p.PidTagHomeTelephoneNumber, p.PidTagMobileTelephoneNumber, p.PidTagHomeAddressCity, p.PidLidWorkAddressCity,
  p.PidLidContacts,
] as const;
const addressProperties = [
  p.PidTagSenderName, p.PidTagSenderSmtpAddress, p.PidTagSentRepresentingName, p.PidTagSentRepresentingSmtpAddress,
  p.PidTagSentRepresentingEmailAddress, p.PidLidEmail1DisplayName, p.PidLidEmail1EmailAddress,
  p.PidLidEmail2DisplayName, p.PidLidEmail2EmailAddress, p.PidLidEmail3DisplayName, p.PidLidEmail3EmailAddress,
] as const;
const recipientProperties = [p.PidTagDisplayName, p.PidTagSmtpAddress, p.PidTagEmailAddress] as const;
const attachmentNameProperties = [p.PidTagAttachLongFilename, p.PidTagAttachFilename, p.PidTagDisplayName] as const;

/** The words an item is found by. */
export function searchFieldsOf(item: Described): SearchFields {
  const max = limits.searchTextMaxCharacters;
  const lines = (object: ItemObject, rows: readonly Parameters<typeof textsOf>[1][]): string[] =>
    rows.flatMap((row) => textsOf(object, row));
  const addresses = [...lines(item, addressProperties),
    ...item.recipients.flatMap((one) => lines(one, recipientProperties))];
  const names = item.attachments.flatMap((one) => lines(one, attachmentNameProperties).slice(0, 1));
  const body = [...lines(item, wordProperties), bodyText(item, max)].join("\n");
  return {
    subject: text(subjectOf(item).subject, subjectMax),
    addresses: text([...new Set(addresses)].join("\n"), max >> 2),
    body: text(body, max),
    attachmentNames: text(names.join("\n"), max >> 3),
  };
}

type AnyText = (typeof wordProperties | typeof addressProperties | typeof recipientProperties)[number] |
  (typeof attachmentNameProperties)[number];

function textsOf(object: ItemObject, property: AnyText): string[] {
  const value = getProperty(object, property as typeof p.PidTagSubject) as string | readonly string[] | undefined;
  if (value === undefined) return [];
  return typeof value === "string" ? [value] : value.slice(0, 100);
}
