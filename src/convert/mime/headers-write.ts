import { addressField, formatAddress, rawField, textField } from "#format/mime/fields.ts";
import { encodeWords } from "#format/mime/words.ts";
import { propertySets } from "#props/property-sets.ts";
import { properties } from "#props/registry.ts";
import { getProperty } from "#convert/item.ts";
import { headerRules } from "#convert/mime/header-rules.ts";
import { isOwnField, structuredFields } from "#convert/mime/headers-read.ts";
import { contentClassOf } from "#convert/mime/message-class.ts";
import { decodeFlatEntryList, decodeOneOff } from "#convert/mime/one-off.ts";
import { getPerson, isOrganizer } from "#convert/mime/people.ts";
import { parseReportClass } from "#convert/mime/report-fields.ts";
import type { DisplayAddress } from "#format/mime/addresses.ts";
import type { FieldLine } from "#format/mime/fields.ts";
import type { ItemBag } from "#convert/item.ts";
import type { RecipientType, ResolveAddress } from "#convert/mime/people.ts";

const p = properties;

export interface HeaderChoices {
  readonly resolve: ResolveAddress;
  readonly includeBcc: boolean;
  /** Tells that a message was never sent: X-Unsent. */
  readonly unsent: boolean;
  /** Used where the item has none; null for none. */
  readonly messageId: string | null;
}

/** The header of a message without what belongs to its body. [MS-OXCMAIL] 2.1.3.1, 2.1.3.2 */
export function writeHeaders(item: ItemBag, choices: HeaderChoices): FieldLine[] {
  const out = peopleFields(item, choices);
  const subject = getProperty(item, p.PidTagSubject) ??
    `${getProperty(item, p.PidTagSubjectPrefix) ?? ""}${getProperty(item, p.PidTagNormalizedSubject) ?? ""}`;
  if (subject.trim() !== "") out.push(textField("Subject", subject.trim()));
  for (const rule of headerRules) {
    const line = rule.write(item);
    if (line !== null) out.push(line);
    else if (rule.header === "Message-ID" && choices.messageId !== null) {
      out.push(`Message-ID: <${choices.messageId}>`);
    } else if (rule.header === "Content-Class") out.push(...contentClass(item));
  }
  out.push(...importance(item), ...receipts(item, choices.resolve));
  if (choices.unsent) out.push("X-Unsent: 1");
  out.push(...namedFields(item));
  return out;
}

function peopleFields(item: ItemBag, { resolve, includeBcc }: HeaderChoices): FieldLine[] {
  const out: FieldLine[] = [];
  const sender = getPerson(item, "sender", resolve);
  const from = getPerson(item, "representing", resolve) ?? sender;
  if (from !== null) out.push(addressField("From", [from]));
  if (sender !== null && from !== null && !isSamePerson(sender, from)) out.push(addressField("Sender", [sender]));
  if (from === null) out.push(...namedAuthor(item));
  const replyTo = replyPeople(item);
  if (replyTo.length > 0) out.push(addressField("Reply-To", replyTo));
  const isReport = /DR$/.test(parseReportClass(getProperty(item, p.PidTagMessageClass) ?? "")?.suffix ?? "");
  if (isReport) return [...out, ...reportReader(item, resolve)];
  for (const [header, type] of [["To", 1], ["Cc", 2], ["Bcc", 3]] as const) {
    const people = type === 3 && !includeBcc ? [] : recipientsOf(item, type, resolve);
    if (people.length > 0) out.push(addressField(header, people));
  }
  return out;
}

function isSamePerson(one: DisplayAddress, other: DisplayAddress): boolean {
  return one.address.toLowerCase() === other.address.toLowerCase() && one.name === other.name;
}

/** An author without an address is an empty group of that name. RFC 6854 §2.1 */
function namedAuthor(item: ItemBag): FieldLine[] {
  const name = getProperty(item, p.PidTagSentRepresentingName) ?? getProperty(item, p.PidTagSenderName) ?? "";
  const phrase = formatAddress({ name: name.trim(), address: "" }).replace(/ <>$/, "");
  return phrase === "" ? [] : [rawField("From", `${phrase}:;`)];
}

/** Bits beside the type in PidTagRecipientType: resent, submitted. [MS-OXCMSG] 2.2.3.1.1 */
const recipientTypeMask = 0x0f;

function recipientsOf(item: ItemBag, type: RecipientType, resolve: ResolveAddress): DisplayAddress[] {
  const out: DisplayAddress[] = [];
  for (const recipient of item.recipients) {
    if (((getProperty(recipient, p.PidTagRecipientType) ?? 1) & recipientTypeMask) !== type) continue;
    // Who calls a meeting stands among those who come, and sends the message.
    if (isOrganizer(recipient)) continue;
    const person = getPerson(recipient, "recipient", resolve);
    if (person !== null) out.push(person);
  }
  return out;
}

/** The recipient table of a delivery report holds those it is about; who got it is told apart. */
function reportReader(item: ItemBag, resolve: ResolveAddress): FieldLine[] {
  const person = getPerson(item, "receivedBy", resolve);
  return person === null ? [] : [addressField("To", [person])];
}

function replyPeople(item: ItemBag): DisplayAddress[] {
  const entries = getProperty(item, p.PidTagReplyRecipientEntries);
  const out: DisplayAddress[] = [];
  for (const entryId of entries === undefined ? [] : decodeFlatEntryList(entries)) {
    const person = decodeOneOff(entryId);
    if (person === null || person.addressType !== "SMTP" || person.address === "") continue;
    out.push({ name: person.name === person.address ? "" : person.name, address: person.address });
  }
  return out;
}

function contentClass(item: ItemBag): FieldLine[] {
  const value = contentClassOf(getProperty(item, p.PidTagMessageClass) ?? "");
  return value === null ? [] : [rawField("Content-Class", value)];
}

/** Readers of old look at X-Priority. [MS-OXCMAIL] 2.1.3.2 (PidTagImportance) */
function importance(item: ItemBag): FieldLine[] {
  switch (getProperty(item, p.PidTagImportance)) {
    case 0: return ["Importance: low", "X-Priority: 5"];
    case 2: return ["Importance: high", "X-Priority: 1"];
    default: return [];
  }
}

/** [MS-OXCMAIL] 2.1.3.1 (read receipt), 2.1.3.2 */
function receipts(item: ItemBag, resolve: ResolveAddress): FieldLine[] {
  const out: FieldLine[] = [];
  const sender = getPerson(item, "representing", resolve) ?? getPerson(item, "sender", resolve);
  if (getProperty(item, p.PidTagReadReceiptRequested) === true) {
    const reader = getPerson(item, "readReceipt", resolve) ?? sender;
    if (reader !== null) out.push(addressField("Disposition-Notification-To", [reader]));
  }
  if (getProperty(item, p.PidTagOriginatorDeliveryReportRequested) === true && sender !== null) {
    out.push(addressField("Return-Receipt-To", [sender]));
  }
  return out;
}

const namedMax = 200;

/** Named properties of PS_INTERNET_HEADERS, by name, so that equal items give equal bytes. [MS-OXCMAIL] 2.1.3.2 */
function namedFields(item: ItemBag): FieldLine[] {
  const found: [name: string, value: string][] = [];
  for (const { name: { guid, id }, value } of item.named.values()) {
    if (guid !== propertySets.PS_INTERNET_HEADERS.guid || typeof id !== "string") continue;
    const name = id.toLowerCase();
    if (!/^[a-z0-9][\w.-]{0,63}$/.test(name) || isOwnField(name)) continue;
    if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") {
      if (String(value).trim() !== "") found.push([name, String(value).trim()]);
    }
  }
  found.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return found.slice(0, namedMax).map(([name, value]) => {
    const header = fieldName(name);
    return structuredFields.has(name) ? rawField(header, asAscii(value)) : textField(header, value);
  });
}

function asAscii(value: string): string {
  return /[^\x20-\x7e]/.test(value) ? encodeWords(value) : value;
}

const capitals: Readonly<Record<string, string>> = {
  id: "ID", ms: "MS", mime: "MIME", uri: "URI", url: "URL", ua: "UA", tm: "TM", php: "PHP", ip: "IP", scl: "SCL",
};

/** "x-ms-foo" as "X-MS-Foo": names do not tell capitals apart, people do. */
function fieldName(name: string): string {
  return name.split("-").map((word) => (Object.hasOwn(capitals, word) ? capitals[word] ?? word
    : `${word.slice(0, 1).toUpperCase()}${word.slice(1)}`)).join("-");
}
