import { displayAddresses, parseAddresses } from "#format/mime/addresses.ts";
import { parseDate } from "#format/mime/date.ts";
import { cutText } from "#format/mime/text.ts";
import { decodeWords } from "#format/mime/words.ts";
import { properties } from "#props/registry.ts";
import { getProperty, setProperty } from "#convert/item.ts";
import { setDisplayNames } from "#convert/mime/headers-read.ts";
import { newRecipient, setPerson } from "#convert/mime/people.ts";
import {
  deliveryActions, readDispositions, readSuffix, reasonOf, statusNumber, unreadSuffix,
} from "#convert/mime/report-fields.ts";
import { toFileTime } from "#convert/mime/times.ts";
import type { DisplayAddress } from "#format/mime/addresses.ts";
import type { ItemBag, ItemRecipient } from "#convert/item.ts";
import type { Headers } from "#convert/mime/headers-read.ts";
import type { ReportKind } from "#convert/mime/layout.ts";

const p = properties;
const groupsMax = 5000;
const infoMax = 4096;

/** What the returned message or its header says of the original. */
export interface Original {
  readonly subject: string | null;
  readonly messageId: string | null;
  readonly submitMs: number | null;
  readonly messageClass: string | null;
}

/** [MS-OXCMAIL] 2.2.3.7 */
export function setReport(item: ItemBag, kind: ReportKind, groups: readonly Headers[], original: Original): void {
  setProperty(item, p.PidTagReportTime, getProperty(item, p.PidTagClientSubmitTime));
  setProperty(item, p.PidTagOriginalSubject, original.subject ?? undefined);
  if (original.submitMs !== null) setProperty(item, p.PidTagOriginalSubmitTime, toFileTime(original.submitMs));
  const suffix = kind === "delivery" ? setDeliveryReport(item, groups) : setReadReport(item, groups);
  const messageId = getProperty(item, p.PidTagOriginalMessageId) ?? original.messageId ?? undefined;
  setProperty(item, p.PidTagOriginalMessageId, messageId);
  setProperty(item, p.PidTagMessageClass, `REPORT.${originalClass(original.messageClass)}.${suffix}`);
}

function originalClass(messageClass: string | null): string {
  return messageClass === null || /^REPORT\./i.test(messageClass) ? "IPM.Note" : messageClass;
}

/**
 * One row of the recipient table for each recipient reported on; the person the report went to is then told by
 * PidTagReceivedBy…. [MS-OXCMAIL] 2.2.3.7.1, RFC 3464 §2
 */
function setDeliveryReport(item: ItemBag, groups: readonly Headers[]): string {
  const [message] = groups;
  const reporter = typed(message?.get("reporting-mta"));
  setProperty(item, p.PidTagReportingMessageTransferAgent, reporter ?? undefined);
  const arrival = date(message?.get("arrival-date"));
  if (arrival !== undefined && getProperty(item, p.PidTagOriginalSubmitTime) === undefined) {
    setProperty(item, p.PidTagOriginalSubmitTime, arrival);
  }
  let gravest = -1;
  const recipients: ItemRecipient[] = [];
  for (const group of groups) {
    const person = reported(group);
    if (person === null) continue;
    const action = group.get("action")?.trim().toLowerCase() ?? "failed";
    gravest = Math.max(gravest, deliveryActions.findIndex((row) => row.action === action));
    recipients.push(reportedRecipient(group, person, recipients.length, reporter ?? "", action));
  }
  if (recipients.length > 0) {
    setReceivedBy(item);
    item.recipients.splice(0, item.recipients.length, ...recipients);
    setDisplayNames(item);
  }
  return deliveryActions[gravest]?.suffix ?? "NDR";
}

function reportedRecipient(
  group: Headers, person: DisplayAddress, index: number, reporter: string, action: string,
): ItemRecipient {
  const recipient = newRecipient(1, person, index);
  const status = group.get("status") ?? "";
  const number = statusNumber(status);
  setProperty(recipient, p.PidTagNonDeliveryReportStatusCode, number ?? undefined);
  const remote = typed(group.get("remote-mta"));
  setProperty(recipient, p.PidTagRemoteMessageTransferAgent, remote ?? undefined);
  if (action === "failed" || action === "delayed") {
    const [reason, diagnostic] = reasonOf(status);
    setProperty(recipient, p.PidTagNonDeliveryReportReasonCode, reason);
    setProperty(recipient, p.PidTagNonDeliveryReportDiagCode, diagnostic);
  }
  const diagnosticCode = decodeWords(group.get("diagnostic-code") ?? "");
  if (diagnosticCode !== "" || number !== null) {
    const info = `<${remote ?? reporter} #${status.trim().split(/\s/, 1)[0] ?? ""} ${diagnosticCode.trim()}>`;
    setProperty(recipient, p.PidTagSupplementaryInfo, cutText(info, infoMax));
  }
  const time = date(group.get("last-attempt-date"));
  setProperty(recipient, action === "delivered" ? p.PidTagDeliverTime : p.PidTagReportTime, time);
  return recipient;
}

/** The person a report came to, before the table is taken for those it is about. [MS-OXOMSG] 2.2.1.36 */
function setReceivedBy(item: ItemBag): void {
  const [first] = item.recipients;
  if (first === undefined) return;
  const name = getProperty(first, p.PidTagDisplayName) ?? "";
  setPerson(item, "receivedBy", { name, address: getProperty(first, p.PidTagEmailAddress) ?? "" });
}

/** Who was meant: the address the sender wrote, else the one delivery was tried to. RFC 3464 §2.3.1, §2.3.2 */
function reported(group: Headers): DisplayAddress | null {
  const address = typed(group.get("original-recipient")) ?? typed(group.get("final-recipient"));
  if (address === null) return null;
  const [person] = displayAddresses(parseAddresses(address, 1));
  const name = decodeWords(group.get("x-display-name") ?? "").trim();
  return { name, address: person === undefined || person.address === "" ? address : person.address };
}

/** [MS-OXCMAIL] 2.2.3.7.2, RFC 3798 §3 */
function setReadReport(item: ItemBag, groups: readonly Headers[]): string {
  const [group] = groups;
  const [mode = "", rest = ""] = (group?.get("disposition") ?? "").split(";", 2).map((piece) => piece.trim());
  const word = /^[A-Za-z-]+/.exec(rest)?.[0].toLowerCase() ?? "";
  if (mode !== "") setProperty(item, p.PidTagReportDispositionMode, cutText(mode, 255));
  if (word !== "") setProperty(item, p.PidTagReportDisposition, word);
  const messageId = group?.get("original-message-id")?.trim() ?? "";
  if (messageId !== "") setProperty(item, p.PidTagOriginalMessageId, cutText(messageId, 998));
  setProperty(item, p.PidTagReceiptTime, getProperty(item, p.PidTagClientSubmitTime));
  const person = group === undefined ? null : reported(group);
  setProperty(item, p.PidTagOriginalDisplayTo, person?.address);
  return word === "" || readDispositions.has(word) ? readSuffix : unreadSuffix;
}

/** The value of `type; value`. RFC 3464 §2.1.2 */
function typed(text: string | undefined): string | null {
  if (text === undefined) return null;
  const semicolon = text.indexOf(";");
  const value = cutText((semicolon < 0 ? text : text.slice(semicolon + 1)).trim(), infoMax);
  return value === "" ? null : value;
}

function date(text: string | undefined): bigint | undefined {
  const utcMs = text === undefined ? null : parseDate(text);
  return utcMs === null ? undefined : toFileTime(utcMs);
}

/** Groups of fields with blank lines between them. RFC 3464 §2.1 */
export function fieldGroups(bytes: Uint8Array, read: (section: Uint8Array) => Headers): Headers[] {
  const out: Headers[] = [];
  let start = 0;
  let lineStart = 0;
  for (let at = 0; at <= bytes.length && out.length < groupsMax; at++) {
    if (at < bytes.length && bytes[at] !== 0x0a) continue;
    const isBlank = at === lineStart || (at === lineStart + 1 && bytes[lineStart] === 0x0d);
    if (isBlank || at === bytes.length) {
      const end = isBlank ? lineStart : bytes.length;
      if (end > start) out.push(read(bytes.subarray(start, end)));
      start = at + 1;
    }
    lineStart = at + 1;
  }
  return out;
}
