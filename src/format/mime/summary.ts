import { displayAddresses } from "#format/mime/addresses.ts";
import { parseDate } from "#format/mime/date.ts";
import { messageIds } from "#format/mime/envelope.ts";
import { paramValue } from "#format/mime/parameters.ts";
import { collapse, cutText } from "#format/mime/text.ts";
import { decodeWords } from "#format/mime/words.ts";
import type { MimeIndex, MimePart } from "#format/mime/types.ts";

/** What lists, rules and threads ask of a message, decoded, in columns. Absent texts are "". */
export interface MimeSummary {
  /** [MS-OXOMSG] PidTagMessageClass as far as the structure tells it. */
  readonly messageClass: string;
  readonly subject: string;
  /** "RE: " or such, as it stood. [MS-OXCMSG] PidTagSubjectPrefix */
  readonly subjectPrefix: string;
  /** [MS-OXCMSG] PidTagNormalizedSubject */
  readonly normalizedSubject: string;
  /** RFC 5256 §2.1, in upper case, for IMAP's THREAD and SORT. */
  readonly baseSubject: string;
  readonly fromName: string;
  readonly fromAddress: string;
  readonly senderName: string;
  readonly senderAddress: string;
  /** Names (or addresses) of To and of Cc, "; " between them. [MS-OXOMSG] PidTagDisplayTo */
  readonly displayTo: string;
  readonly displayCc: string;
  /** With its angle brackets, as other messages refer to it. */
  readonly messageIdHeader: string;
  /** The first id, with angle brackets. */
  readonly inReplyTo: string;
  /** Oldest first, with angle brackets; In-Reply-To when there is no References field. */
  readonly references: readonly string[];
  /** UTC milliseconds; null when the Date field is absent or unreadable. */
  readonly sentMs: number | null;
  /** 0 low, 1 normal, 2 high. [MS-OXCMSG] PidTagImportance */
  readonly importance: 0 | 1 | 2;
  /** 0 normal, 1 personal, 2 private, 3 confidential. [MS-OXCMSG] PidTagSensitivity */
  readonly sensitivity: 0 | 1 | 2 | 3;
  readonly hasAttachments: boolean;
  readonly preview: string;
}

const subjectMax = 1024;
const displayMax = 4096;
const idLengthMax = 998;

/** The columns of a message from its index. [MS-OXCMAIL] 2.1 */
export function summarize(index: MimeIndex): MimeSummary {
  const { envelope } = index;
  const subject = cutText(collapse(decodeWords(envelope.subject ?? "")), subjectMax);
  const { prefix, rest } = splitSubject(subject);
  const from = displayAddresses(envelope.from)[0] ?? { name: "", address: "" };
  const sender = displayAddresses(envelope.sender)[0] ?? from;
  const inReplyTo = ids(envelope.inReplyTo ?? "");
  const references = ids(fieldOf(index, "references") ?? "");
  return {
    messageClass: messageClass(index.root),
    subject,
    subjectPrefix: prefix,
    normalizedSubject: rest,
    baseSubject: baseSubject(subject),
    fromName: from.name === "" ? from.address : collapse(from.name),
    fromAddress: from.address,
    senderName: sender.name === "" ? sender.address : collapse(sender.name),
    senderAddress: sender.address,
    displayTo: displayList(envelope.to),
    displayCc: displayList(envelope.cc),
    messageIdHeader: ids(envelope.messageId ?? "")[0] ?? "",
    inReplyTo: inReplyTo[0] ?? "",
    references: references.length > 0 ? references : inReplyTo.slice(0, 1),
    sentMs: envelope.date === null ? null : parseDate(envelope.date),
    importance: importance(index),
    sensitivity: sensitivity(fieldOf(index, "sensitivity")),
    hasAttachments: index.hasAttachments,
    preview: index.preview,
  };
}

/** A captured field as it stood, or null. RFC 5322 §2.2 */
export function fieldOf(index: MimeIndex, name: string): string | null {
  for (const field of index.fields) {
    if (field.name === name) return field.value;
  }
  return null;
}

function ids(text: string): string[] {
  return messageIds(text).filter((id) => id.length <= idLengthMax).map((id) => `<${id}>`);
}

function displayList(addresses: MimeIndex["envelope"]["to"]): string {
  const names = displayAddresses(addresses.slice(0, 500)).map(({ name, address }) => (name === "" ? address : name));
  return cutText(collapse(names.join("; ")), displayMax);
}

/**
 * A prefix is one to three letters or digits of no more than that, a colon and white space, at the very start.
 * [MS-OXCMSG] 3.2.4.1.2 (PidTagSubjectPrefix)
 */
export function splitSubject(subject: string): { prefix: string; rest: string } {
  const match = /^[^\s:0-9]{1,3}: /u.exec(subject);
  if (match === null) {
    // Trimmed: nothing follows the colon.
    return /^[^\s:0-9]{1,3}:$/u.test(subject) ? { prefix: `${subject} `, rest: "" } : { prefix: "", rest: subject };
  }
  return { prefix: match[0], rest: subject.slice(match[0].length) };
}

/** What remains of a subject when all marks of replies, forwards and lists are gone, in upper case. RFC 5256 §2.1 */
export function baseSubject(subject: string): string {
  let text = collapse(subject);
  for (let round = 0; round < 100; round++) {
    const before = text;
    while (/\(fwd\)\s*$/i.test(text.slice(-20))) text = text.replace(/\s*\(fwd\)\s*$/i, "");
    text = leaders(text);
    const wrapped = /^\[fwd:(.*)\]$/i.exec(text);
    if (wrapped !== null) text = (wrapped[1] ?? "").trim();
    if (text === before) break;
  }
  return text.toUpperCase();
}

function leaders(subject: string): string {
  let text = subject;
  for (let round = 0; round < 100; round++) {
    const reply = /^(?:\[[^[\]]*\]\s*)*(?:re|fwd?|fw)\s*(?:\[[^[\]]*\]\s*)?:\s*/i.exec(text);
    if (reply !== null) {
      text = text.slice(reply[0].length);
      continue;
    }
    const blob = /^\[[^[\]]*\]\s*/.exec(text);
    if (blob === null || blob[0].length === text.length) break;
    text = text.slice(blob[0].length);
  }
  return text;
}

/** Importance, else X-Priority, else the names other programs use. [MS-OXCMAIL] 2.1.3.2 (PidTagImportance) */
function importance(index: MimeIndex): 0 | 1 | 2 {
  const word = fieldOf(index, "importance")?.trim().toLowerCase();
  if (word === "high") return 2;
  if (word === "low") return 0;
  if (word === "normal") return 1;
  const level = /^\s*([1-5])/.exec(fieldOf(index, "x-priority") ?? "")?.[1];
  if (level !== undefined) return level < "3" ? 2 : level > "3" ? 0 : 1;
  const other = (fieldOf(index, "x-msmail-priority") ?? fieldOf(index, "priority") ?? "").trim().toLowerCase();
  if (other === "high" || other === "urgent") return 2;
  return other === "low" || other === "non-urgent" ? 0 : 1;
}

function sensitivity(text: string | null): 0 | 1 | 2 | 3 {
  switch (text?.trim().toLowerCase()) {
    case "personal": return 1;
    case "private": return 2;
    case "company-confidential": case "confidential": return 3;
    default: return 0;
  }
}

const meetingClasses: Readonly<Record<string, string>> = {
  request: "IPM.Schedule.Meeting.Request",
  cancel: "IPM.Schedule.Meeting.Canceled",
  // Accepted, tentative and declined are told apart by the calendar's text, which conversion reads.
  reply: "IPM.Schedule.Meeting.Resp.Pos",
};

/** [MS-OXCMAIL] 2.2.3.2.1 and 2.1.3.4, [MS-OXCICAL] 2.1.3.1.1.1 */
function messageClass(root: MimePart): string {
  const top = `${root.type}/${root.subtype}`;
  if (top === "multipart/signed") return "IPM.Note.SMIME.MultipartSigned";
  if (top === "application/pkcs7-mime" || top === "application/x-pkcs7-mime") return "IPM.Note.SMIME";
  if (top === "multipart/report") return reportClass(root);
  const calendar = findCalendar(root);
  const method = calendar === null ? null : paramValue(calendar.params, "method");
  if (method !== null) {
    const found = meetingClasses[method.toLowerCase()];
    if (found !== undefined && Object.hasOwn(meetingClasses, method.toLowerCase())) return found;
  }
  return "IPM.Note";
}

/** [MS-OXCMAIL] 2.1.3.4, 2.2.3.7 */
function reportClass(root: MimePart): string {
  const type = paramValue(root.params, "report-type")?.toLowerCase();
  if (type === "delivery-status") return "REPORT.IPM.Note.NDR";
  if (type === "disposition-notification") return "REPORT.IPM.Note.IPNRN";
  return "IPM.Note";
}

/** The calendar that makes a message a meeting: alone, or in the outer multiparts, not as an attached file. */
function findCalendar(root: MimePart): MimePart | null {
  let pending: readonly MimePart[] = [root];
  for (let depth = 0; depth < 4 && pending.length > 0; depth++) {
    const next: MimePart[] = [];
    for (const part of pending) {
      if (part.type === "text" && part.subtype === "calendar" && part.disposition?.type !== "attachment") return part;
      if (part.kind === "multipart") next.push(...part.children);
    }
    pending = next;
  }
  return null;
}
