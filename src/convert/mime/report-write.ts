import { formatDate } from "#format/mime/date.ts";
import { rawField, textField } from "#format/mime/fields.ts";
import { encodeWords } from "#format/mime/words.ts";
import { properties } from "#props/registry.ts";
import { getProperty } from "#convert/item.ts";
import { getPerson } from "#convert/mime/people.ts";
import { actionOfSuffix, readSuffix, statusText } from "#convert/mime/report-fields.ts";
import { fromFileTime } from "#convert/mime/times.ts";
import type { BuildPart } from "#format/mime/build.ts";
import type { FieldLine } from "#format/mime/fields.ts";
import type { ItemBag, ItemRecipient } from "#convert/item.ts";
import type { ResolveAddress } from "#convert/mime/people.ts";
import type { DeliveryAction, ReportName } from "#convert/mime/report-fields.ts";

const p = properties;

export interface ReportPart {
  /** Of Content-Type. RFC 6522 §3 */
  readonly reportType: "delivery-status" | "disposition-notification";
  readonly part: BuildPart;
}

/** The part of a report that programs read. RFC 6522 §3, RFC 3464 §2, RFC 3798 §3 */
export function reportPart(item: ItemBag, { suffix }: ReportName, resolve: ResolveAddress): ReportPart {
  const action = actionOfSuffix(suffix);
  if (action === null) {
    const text = dispositionText(item, suffix, resolve);
    return {
      reportType: "disposition-notification", part: { kind: "text", type: "message/disposition-notification", text },
    };
  }
  const isTold = item.recipients.some(hasReason);
  const groups = [messageFields(item)];
  for (const one of item.recipients) {
    groups.push(recipientFields(one, isTold && !hasReason(one) ? "delivered" : action, resolve));
  }
  const text = groups.filter((group) => group.length > 0).map((group) => `${group.join("\r\n")}\r\n`).join("\r\n");
  return { reportType: "delivery-status", part: { kind: "text", type: "message/delivery-status", text } };
}

/** RFC 3464 §2.2 */
function messageFields(item: ItemBag): FieldLine[] {
  const reporter = getProperty(item, p.PidTagReportingMessageTransferAgent)?.trim() ?? "";
  const out = [rawField("Reporting-MTA", `dns; ${reporter === "" ? "localhost" : reporter}`)];
  const submit = getProperty(item, p.PidTagOriginalSubmitTime);
  const utcMs = submit === undefined ? null : fromFileTime(submit);
  if (utcMs !== null) out.push(`Arrival-Date: ${formatDate(utcMs)}`);
  return out;
}

/** The status where no property tells it, by action. RFC 3463 §2 */
const statusOf: Readonly<Record<DeliveryAction, string>> = {
  delivered: "2.0.0", expanded: "2.0.0", relayed: "2.0.0", delayed: "4.0.0", failed: "5.0.0",
};

const infoMax = 4096;

/** RFC 3464 §2.3 */
function recipientFields(recipient: ItemRecipient, action: DeliveryAction, resolve: ResolveAddress): FieldLine[] {
  const person = getPerson(recipient, "recipient", resolve);
  if (person === null) return [];
  const number = getProperty(recipient, p.PidTagNonDeliveryReportStatusCode);
  const status = (number === undefined ? null : statusText(number)) ?? statusOf[action];
  const out = [rawField("Final-Recipient", `rfc822; ${person.address}`)];
  if (person.name !== "") out.push(textField("X-Display-Name", person.name));
  out.push(`Action: ${action}`, `Status: ${status}`);
  const remote = getProperty(recipient, p.PidTagRemoteMessageTransferAgent)?.trim() ?? "";
  if (remote !== "") out.push(rawField("Remote-MTA", `dns; ${remote}`));
  const told = getProperty(recipient, p.PidTagSupplementaryInfo)?.slice(0, infoMax) ?? "";
  const info = /^<[^#]*#\S* ?(.*)>$/s.exec(told)?.[1]?.trim() ?? "";
  if (info !== "") out.push(rawField("Diagnostic-Code", encodeWords(info.includes(";") ? info : `smtp; ${info}`)));
  return out;
}

/** A report is named after its gravest recipient; others in it may have fared better. */
function hasReason(recipient: ItemRecipient): boolean {
  return getProperty(recipient, p.PidTagNonDeliveryReportReasonCode) !== undefined;
}

/** RFC 3798 §3.1 */
function dispositionText(item: ItemBag, suffix: string, resolve: ResolveAddress): string {
  const out: FieldLine[] = [];
  const stored = getProperty(item, p.PidTagOriginalDisplayTo) ?? "";
  const person = getPerson(item, "representing", resolve) ?? getPerson(item, "sender", resolve);
  const reader = stored !== "" && !stored.includes(" ") ? stored : person?.address ?? stored;
  if (reader !== "") out.push(rawField("Final-Recipient", `rfc822; ${reader}`));
  const messageId = getProperty(item, p.PidTagOriginalMessageId) ?? "";
  if (messageId !== "") out.push(rawField("Original-Message-ID", messageId));
  const mode = getProperty(item, p.PidTagReportDispositionMode) ?? "manual-action/MDN-sent-manually";
  const isRead = suffix.toUpperCase() === readSuffix;
  const word = getProperty(item, p.PidTagReportDisposition) ?? (isRead ? "displayed" : "deleted");
  out.push(rawField("Disposition", `${mode}; ${word}`));
  return `${out.join("\r\n")}\r\n`;
}
