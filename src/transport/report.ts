/**
 * Delivery status notifications: what the sender of a message is told. RFC 3464, in the frame of RFC 6522; with RFC
 * 6533 where an address needs UTF-8.
 */
import { formatDate } from "#format/mime/date.ts";
import { headerFields } from "#format/mime/headers.ts";
import type { Outcome } from "#transport/outcome.ts";
import type { QueueMessage } from "#transport/queue-rows.ts";
import { parseOriginalRecipient } from "#wire/smtp/parameters.ts";
import { encodeUtf8Address } from "#wire/smtp/xtext.ts";

export type ReportAction = "failed" | "delayed" | "delivered" | "relayed" | "expanded";

export interface ReportEntry {
  readonly action: ReportAction;
  readonly address: string;
  readonly originalRecipient: string | null;
  readonly status: string;
  readonly reply: string;
  readonly remoteMta: string | null;
  /** `delayed` only: until when attempts go on; UTC milliseconds. */
  readonly willRetryUntilMs?: number;
}

export function toReportEntry(action: ReportAction, outcome: Outcome): ReportEntry {
  const { recipient, status, reply, remoteMta } = outcome;
  return {
    action, address: recipient.address, originalRecipient: recipient.originalRecipient, status, reply, remoteMta,
  };
}

/** Subject and first words, one row for each kind of report. */
const texts = {
  failed: {
    subject: "Undeliverable",
    intro: "Your message could not be delivered to the recipients below. It will not be tried again.",
  },
  delayed: {
    subject: "Delayed",
    intro: "Your message has not been delivered to the recipients below yet. You need not send it\r\n" +
      "again: the server goes on trying and tells you if it gives up.",
  },
  delivered: { subject: "Delivered", intro: "Your message has reached the recipients below." },
} as const;

export interface ReportRequest {
  readonly hostname: string;
  readonly reportId: string;
  readonly nowMs: number;
  readonly message: QueueMessage;
  readonly entries: readonly ReportEntry[];
  /** The trace and the start of the message: at least its header, or all of it when `wholeMessage`. */
  readonly original: Uint8Array;
  readonly wholeMessage: boolean;
}

/** Text above ASCII somewhere in the addresses: the parts become their RFC 6533 forms. */
function needsUtf8(request: ReportRequest): boolean {
  const addresses = [request.message.envelopeSender, ...request.entries.map(({ address }) => address)];
  return addresses.some((address) => /[^\x00-\x7f]/.test(address));
}

/** One line of text without line ends or control characters, so that nothing outside becomes a field of ours. */
function oneLine(text: string, lengthMax = 900): string {
  return text.replace(/[\x00-\x1f\x7f]+/g, " ").slice(0, lengthMax);
}

/** The same in printable ASCII, as fields of a delivery-status part need. RFC 3464 §2.1.2 */
function asciiLine(text: string): string {
  return oneLine(text).replace(/[^\x20-\x7e]/g, "?");
}

function addressField(address: string, utf8: boolean): string {
  if (!/[^\x00-\x7f]/.test(address)) return `rfc822; ${oneLine(address)}`;
  return utf8 ? `utf-8; ${oneLine(address)}` : `utf-8; ${encodeUtf8Address(address)}`;
}

function recipientFields(entry: ReportEntry, utf8: boolean): string {
  const lines: string[] = [];
  if (entry.originalRecipient !== null) {
    const { type, address } = parseOriginalRecipient(entry.originalRecipient);
    lines.push(`Original-Recipient: ${utf8 ? `${type}; ${oneLine(address)}` : `${type}; ${asciiLine(address)}`}`);
  }
  lines.push(`Final-Recipient: ${addressField(entry.address, utf8)}`);
  lines.push(`Action: ${entry.action}`, `Status: ${entry.status}`);
  if (entry.remoteMta !== null) lines.push(`Remote-MTA: dns; ${asciiLine(entry.remoteMta)}`);
  if (entry.reply !== "") {
    const type = entry.remoteMta === null ? "x-outpost" : "smtp";
    lines.push(`Diagnostic-Code: ${type}; ${asciiLine(entry.reply)}`);
  }
  if (entry.willRetryUntilMs !== undefined) lines.push(`Will-Retry-Until: ${formatDate(entry.willRetryUntilMs)}`);
  return `${lines.join("\r\n")}\r\n`;
}

function statusPart(request: ReportRequest, utf8: boolean): string {
  const { message, hostname, entries } = request;
  const lines: string[] = [];
  if (message.envelopeId !== null) lines.push(`Original-Envelope-Id: ${asciiLine(message.envelopeId)}`);
  lines.push(`Reporting-MTA: dns; ${hostname}`, `Arrival-Date: ${formatDate(message.acceptedMs)}`);
  return [`${lines.join("\r\n")}\r\n`, ...entries.map((entry) => recipientFields(entry, utf8))].join("\r\n");
}

function explain(entry: ReportEntry): string {
  const who = entry.remoteMta === null ? "" : ` (answer of ${asciiLine(entry.remoteMta)})`;
  const what = {
    failed: `${oneLine(entry.reply)}${who}`, delayed: `${oneLine(entry.reply)}${who}`,
    delivered: "delivered to the mailbox", expanded: "sent on to the members of this group",
    relayed: "handed to the recipient's server, which sends no reports of its own",
  }[entry.action];
  return `  <${oneLine(entry.address)}>\r\n    ${what}\r\n`;
}

function originalField(original: Uint8Array, name: string): string {
  for (const field of headerFields(original)) {
    if (field.name !== name) continue;
    const raw = Buffer.from(original.buffer, original.byteOffset + field.valueStart, field.end - field.valueStart);
    return raw.toString("utf8").replace(/\r?\n(?=[ \t])/g, "").trim();
  }
  return "";
}

/** Bytes up to and with the empty line. */
function headerOf(original: Uint8Array): Uint8Array {
  let end = 0;
  for (const field of headerFields(original)) end = field.end;
  return original.subarray(0, end);
}

function hasEightBit(bytes: Uint8Array): boolean {
  for (const byte of bytes) if (byte > 127) return true;
  return false;
}

function isPlainField(value: string): boolean {
  return value !== "" && value.length <= 800 && !/[^\x20-\x7e]/.test(value);
}

/** Header of the report. RFC 3464 §2, RFC 3834 §5 (Auto-Submitted) */
function headerFieldsOf(request: ReportRequest, boundary: string, utf8: boolean, eightBit: boolean): string {
  const { hostname, reportId, nowMs, message, original } = request;
  const action = request.entries[0]!.action;
  const text = texts[action === "failed" || action === "delayed" ? action : "delivered"];
  const subject = originalField(original, "subject");
  const messageId = originalField(original, "message-id");
  return [
    `Date: ${formatDate(nowMs)}`,
    `From: Mail Delivery System <mailer-daemon@${hostname}>`,
    `To: <${oneLine(message.envelopeSender)}>`,
    `Subject: ${isPlainField(subject) ? `${text.subject}: ${subject}` : `${text.subject} mail`}`,
    `Message-ID: <${reportId}.report@${hostname}>`,
    ...(isPlainField(messageId) ? [`In-Reply-To: ${messageId}`, `References: ${messageId}`] : []),
    `Auto-Submitted: ${action === "failed" ? "auto-replied" : "auto-generated"}`,
    "MIME-Version: 1.0",
    `Content-Type: multipart/report; report-type=${utf8 ? "global-delivery-status" : "delivery-status"};`,
    `\tboundary="${boundary}"`,
    ...(eightBit ? ["Content-Transfer-Encoding: 8bit"] : []),
    "", "",
  ].join("\r\n");
}

/** What a person reads. RFC 3464 §2 (b) */
function humanPart({ hostname, message, entries }: ReportRequest): string {
  const action = entries[0]!.action;
  const { intro } = texts[action === "failed" || action === "delayed" ? action : "delivered"];
  const list = entries.map(explain).join("\r\n");
  return `${intro}\r\n\r\n${list}\r\nReported by ${hostname}; queue id ${message.queueId}.\r\n`;
}

/** The report as a message of its own, ready for the queue. RFC 3464 §2, RFC 6522 §3 */
export function buildReport(request: ReportRequest): { bytes: Uint8Array; eightBit: boolean } {
  const utf8 = needsUtf8(request);
  const boundary = `=_${request.reportId}_report`;
  const body = request.wholeMessage ? request.original : headerOf(request.original);
  const human = humanPart(request);
  const humanEightBit = /[^\x00-\x7f]/.test(human);
  const bodyEightBit = hasEightBit(body);
  const eightBit = utf8 || humanEightBit || bodyEightBit;
  const whole = utf8 ? "message/global" : "message/rfc822";
  const headerOnly = utf8 ? "message/global-headers" : "text/rfc822-headers";
  const part = (type: string, isEightBit: boolean): string =>
    `--${boundary}\r\nContent-Type: ${type}\r\n${isEightBit ? "Content-Transfer-Encoding: 8bit\r\n" : ""}\r\n`;
  const head = headerFieldsOf(request, boundary, utf8, eightBit) +
    part("text/plain; charset=utf-8", humanEightBit) + human + "\r\n" +
    part(utf8 ? "message/global-delivery-status" : "message/delivery-status", utf8) +
    statusPart(request, utf8) + "\r\n" +
    part(request.wholeMessage ? whole : headerOnly, bodyEightBit);
  const bytes = Buffer.concat([Buffer.from(head), body, Buffer.from(`\r\n--${boundary}--\r\n`)]);
  return { bytes: new Uint8Array(bytes), eightBit };
}

/** Failures, delays and good news go in reports of their own. */
export function groupByAction(entries: readonly ReportEntry[]): ReportEntry[][] {
  const groups = new Map<string, ReportEntry[]>();
  for (const entry of entries) {
    const key = entry.action === "relayed" ? "delivered" : entry.action;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [entry]);
    else group.push(entry);
  }
  return [...groups.values()];
}
