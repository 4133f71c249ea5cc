import { displayAddresses, parseAddresses } from "#format/mime/addresses.ts";
import { decodeHeaderBytes } from "#format/mime/charset.ts";
import { visitFieldTexts } from "#format/mime/headers.ts";
import { collapse, cutText, withLineEnds } from "#format/mime/text.ts";
import { decodeWords } from "#format/mime/words.ts";
import { propertySets } from "#props/property-sets.ts";
import { properties, propertyByNamedId } from "#props/registry.ts";
import { getProperty, setNamed, setProperty } from "#convert/item.ts";
import { conversationId } from "#convert/mime/conversation.ts";
import { headerRules } from "#convert/mime/header-rules.ts";
import { encodeFlatEntryList, encodeOneOff } from "#convert/mime/one-off.ts";
import { isOrganizer, newRecipient, setPerson } from "#convert/mime/people.ts";
import { toFileTime } from "#convert/mime/times.ts";
import type { MimeSummary } from "#format/mime/summary.ts";
import type { DisplayAddress } from "#format/mime/addresses.ts";
import type { Envelope } from "#format/mime/types.ts";
import type { ItemBag } from "#convert/item.ts";
import type { RecipientType } from "#convert/mime/people.ts";

const p = properties;

const keywordsMax = 4096;

/** First value of each field (Keywords: all of them), by name in lower case, unfolded. */
export type Headers = ReadonlyMap<string, string>;

/** RFC 5322 §2.2 */
export function readHeaders(section: Uint8Array, hint: string | null): Headers {
  const headers = new Map<string, string>();
  const wants = (name: string): boolean => {
    const before = headers.get(name);
    return before === undefined || (name === "keywords" && before.length <= keywordsMax);
  };
  visitFieldTexts(section, hint, wants, (name, value) => {
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before}, ${value}`);
  });
  return headers;
}

/** The header section as Outlook shows it under "Internet headers", CRLF line ends. [MS-OXOMSG] 2.2.1.61 */
export function setTransportHeaders(item: ItemBag, section: Uint8Array, hint: string | null): void {
  const text = withLineEnds(decodeHeaderBytes(section, hint).replaceAll("\0", ""));
  setProperty(item, p.PidTagTransportMessageHeaders, text);
}

/** From, Sender, Reply-To, recipients and their lists of names. [MS-OXCMAIL] 2.2.3.1 */
export function setPeople(item: ItemBag, envelope: Envelope, headers: Headers): void {
  const from = authorOf(envelope.from);
  const sender = authorOf(envelope.sender);
  const representing = from ?? sender;
  if (representing !== undefined) setPerson(item, "representing", representing);
  const actual = headers.has("sender") ? sender ?? from : representing;
  if (actual !== undefined) setPerson(item, "sender", actual);
  addRecipients(item, 1, displayAddresses(envelope.to));
  addRecipients(item, 2, displayAddresses(envelope.cc));
  addRecipients(item, 3, displayAddresses(envelope.bcc));
  setDisplayNames(item);
  const replyTo = headers.has("reply-to") ? displayAddresses(envelope.replyTo) : [];
  if (replyTo.length > 0) setReplyTo(item, replyTo);
}

/** The first author; what is no address (spaces in it, no "@") or a group of nobody is a name. RFC 6854 §2.1 */
function authorOf(addresses: Envelope["from"]): DisplayAddress | undefined {
  const [first] = displayAddresses(addresses);
  if (first === undefined) {
    const name = addresses.find(({ mailbox, host }) => mailbox !== null && host === null)?.mailbox ?? "";
    return name === "" ? undefined : { name: decodeWords(name), address: "" };
  }
  const isAddress = first.address.includes("@") || !/\s/.test(first.address);
  return isAddress ? first : { name: first.name === "" ? first.address : first.name, address: "" };
}

function addRecipients(item: ItemBag, type: RecipientType, people: readonly DisplayAddress[]): void {
  for (const person of people) {
    if (person.address !== "" || person.name !== "") {
      item.recipients.push(newRecipient(type, person, item.recipients.length));
    }
  }
}

const displayMax = 32_767;

/** [MS-OXOMSG] 2.2.1.9 (PidTagDisplayTo), PidTagDisplayCc, PidTagDisplayBcc; who called a meeting is not told. */
export function setDisplayNames(item: ItemBag): void {
  const rows = [p.PidTagDisplayTo, p.PidTagDisplayCc, p.PidTagDisplayBcc] as const;
  for (const [index, property] of rows.entries()) {
    const people = item.recipients.filter((one) =>
      getProperty(one, p.PidTagRecipientType) === index + 1 && !isOrganizer(one));
    const names = people.map((one) => getProperty(one, p.PidTagDisplayName) ?? "");
    setProperty(item, property, cutText(names.join("; "), displayMax));
  }
}

/** [MS-OXOMSG] 2.2.1.43 (PidTagReplyRecipientEntries) */
function setReplyTo(item: ItemBag, people: readonly DisplayAddress[]): void {
  const named = people.map(({ name, address }) =>
    ({ name: name === "" ? address : name, addressType: "SMTP", address }));
  setProperty(item, p.PidTagReplyRecipientEntries, encodeFlatEntryList(named.map(encodeOneOff)));
  setProperty(item, p.PidTagReplyRecipientNames, cutText(named.map(({ name }) => name).join("; "), displayMax));
}

/** What columns show, already worked out for the index. [MS-OXCMAIL] 2.2.3.2 */
export function setSummary(item: ItemBag, summary: MimeSummary): void {
  setProperty(item, p.PidTagSubject, summary.subject);
  setProperty(item, p.PidTagSubjectPrefix, summary.subjectPrefix);
  setProperty(item, p.PidTagNormalizedSubject, summary.normalizedSubject);
  setProperty(item, p.PidTagImportance, summary.importance);
  setProperty(item, p.PidTagPriority, 0);
  setProperty(item, p.PidTagSensitivity, summary.sensitivity);
}

/** Fields that mean one property each, then those that a rule or the registry names. [MS-OXCMAIL] 2.2.3.2 */
export function setFields(item: ItemBag, headers: Headers): void {
  for (const rule of headerRules) {
    const names = [rule.header.toLowerCase(), ...rule.also ?? []];
    const value = names.map((name) => headers.get(name)).find((one) => one !== undefined);
    if (value !== undefined) rule.read(item, value);
  }
  setReceipts(item, headers);
  setConversation(item);
}

/** [MS-OXCMAIL] 2.2.3.1 (read receipt address), 2.2.3.2 (PidTagReadReceiptRequested) */
function setReceipts(item: ItemBag, headers: Headers): void {
  const read = headers.get("disposition-notification-to") ?? headers.get("x-confirm-reading-to");
  const reader = read === undefined ? undefined : displayAddresses(parseAddresses(read, 1))[0];
  if (reader !== undefined) {
    setProperty(item, p.PidTagReadReceiptRequested, true);
    setProperty(item, p.PidTagNonReceiptNotificationRequested, true);
    setPerson(item, "readReceipt", reader);
  }
  if (headers.has("return-receipt-to")) setProperty(item, p.PidTagOriginatorDeliveryReportRequested, true);
}

/** [MS-OXOMSG] 2.2.1.2 to 2.2.1.5 */
function setConversation(item: ItemBag): void {
  const index = getProperty(item, p.PidTagConversationIndex) ?? null;
  const topic = getProperty(item, p.PidTagConversationTopic) ?? getProperty(item, p.PidTagNormalizedSubject) ?? "";
  setProperty(item, p.PidTagConversationTopic, topic);
  const isTracked = index !== null && index[0] === 1;
  if (isTracked) setProperty(item, p.PidTagConversationIndexTracking, true);
  setProperty(item, p.PidTagConversationId, conversationId(index, topic));
}

/**
 * Times of submission and delivery: `deliveredMs`, else that of the last relay's Received field, else the Date field.
 * [MS-OXCMAIL] 2.2.3.2 (PidTagMessageDeliveryTime)
 */
export function setDelivery(item: ItemBag, deliveredMs: number | null): void {
  const time = deliveredMs === null ? getProperty(item, p.PidTagClientSubmitTime) : toFileTime(deliveredMs);
  setProperty(item, p.PidTagMessageDeliveryTime, time);
}

/** Fields with a meaning of their own, and the traces of the way here, which no new message may carry on. */
const ownFields = new Set([
  "from", "sender", "reply-to", "to", "cc", "bcc", "subject", "importance", "x-priority", "x-msmail-priority",
  "disposition-notification-to", "x-confirm-reading-to", "return-receipt-to", "mime-version", "x-unsent",
  "x-ms-has-attach", "x-ms-tnef-correlator", "received", "return-path", "delivered-to", "x-original-to",
  "dkim-signature", "domainkey-signature", "authentication-results", "received-spf", "dkim-filter",
  "x-received", "envelope-to", "delivery-date", "status", "x-status", "x-mozilla-status", "x-mozilla-status2",
  "x-mozilla-keys", "x-keywords", "x-uid", "x-uidl", "x-imap", "x-imapbase", "content-length", "lines",
  ...headerRules.flatMap((rule) => [rule.header.toLowerCase(), ...rule.also ?? []]),
]);

/** Prefixes of the same: content fields belong to the body, the second to the organisation that wrote them. */
const ownPrefixes = /^(?:content-|arc-|x-google-dkim-|x-ms-exchange-|x-exchange-|x-mozilla-)/;

/** Whether a field is written by a rule of its own, or never carried on. */
export function isOwnField(name: string): boolean {
  return ownFields.has(name) || ownPrefixes.test(name);
}

/** People stand in these; their text is kept as it stood, since decoding would lose what is a name and what is not. */
export const structuredFields = new Set([
  "resent-from", "resent-sender", "resent-to", "resent-cc", "resent-bcc", "mail-followup-to", "mail-reply-to",
  "resent-reply-to", "errors-to", "apparently-to", "list-id", "list-post", "list-owner", "list-archive",
  "list-unsubscribe-post", "auto-submitted", "autocrypt", "user-agent", "x-mailer", "resent-message-id",
]);

const namedMax = 100;
const nameLengthMax = 64;
const valueMax = 32_768;

/** Whether a field may take one of the mailbox's named properties, whose number is limited. */
export type IsWelcome = (name: string) => boolean;

/**
 * Every other field becomes a named property of PS_INTERNET_HEADERS, under its name in lower case or the one the
 * registry has for it. [MS-OXCMAIL] 2.2.3.2 (other header fields)
 */
export function setNamedFields(item: ItemBag, headers: Headers, isWelcome: IsWelcome): void {
  let count = 0;
  for (const [name, value] of headers) {
    if (count >= namedMax) return;
    if (isOwnField(name) || name.length > nameLengthMax || !/^[\w.-]+$/.test(name)) continue;
    const known = propertyByNamedId({ guid: propertySets.PS_INTERNET_HEADERS.guid, id: name });
    if (known === undefined && !isWelcome(name)) continue;
    if (value.trim() === "" || value.length > valueMax) continue;
    count++;
    const id = known?.named ?? { guid: propertySets.PS_INTERNET_HEADERS.guid, id: name };
    const text = collapse(structuredFields.has(name) ? value : decodeWords(value)).toWellFormed();
    switch (known?.type) {
      case "Boolean": setNamed(item, id, "Boolean", /^(?:true|1|yes)$/i.test(text)); break;
      case "Integer16": case "Integer32":
        if (/^\d{1,5}$/.test(text)) setNamed(item, id, known.type, Math.min(Number(text), 0x7fff));
        break;
      default: setNamed(item, id, "String", text);
    }
  }
}
