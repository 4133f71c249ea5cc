import { paramValue } from "#format/mime/parameters.ts";
import type { MimePart } from "#format/mime/types.ts";

/** Message class by Content-Class. [MS-OXCMAIL] 2.2.3.2.1 */
const contentClasses: Readonly<Record<string, string>> = {
  "fax": "IPM.Note.Microsoft.Fax", "fax-ca": "IPM.Note.Microsoft.Fax.CA",
  "missedcall": "IPM.Note.Microsoft.Missed.Voice", "voice": "IPM.Note.Microsoft.Voicemail.UM",
  "voice-ca": "IPM.Note.Microsoft.Voicemail.UM.CA", "voice-uc": "IPM.Note.Microsoft.Conversation.Voice",
  "ms-oms-sms": "IPM.Note.Mobile.SMS", "ms-oms-mms": "IPM.Note.Mobile.MMS",
  "rpmsg.message": "IPM.Note", "rss": "IPM.Post.RSS", "sharing": "IPM.Sharing",
  // This server's own: what a rule answers keeps its class on the way to a mailbox. [MS-OXORULE] 3.2.5.1
  "x-outpost-rule-reply": "IPM.Note.rules.ReplyTemplate.Microsoft",
  "x-outpost-oof-reply": "IPM.Note.rules.OofTemplate.Microsoft",
};

const customPrefix = "urn:content-class:custom.";
const infoPathPrefix = "infopathform.";
const classMax = 255;

/** The class a Content-Class field asks for, or null. [MS-OXCMAIL] 2.2.3.2.1 */
export function classOfContentClass(contentClass: string): string | null {
  const word = contentClass.trim().toLowerCase();
  if (Object.hasOwn(contentClasses, word)) return contentClasses[word] ?? null;
  if (word.length > classMax - 20 || !/^[\w.:{}-]+$/.test(word)) return null;
  if (word.startsWith(customPrefix) && word.length > customPrefix.length) {
    return `IPM.Note.Custom.${contentClass.trim().slice(customPrefix.length)}`;
  }
  if (word.startsWith(infoPathPrefix)) return `IPM.InfoPathForm.${contentClass.trim().slice(infoPathPrefix.length)}`;
  return null;
}

/** The Content-Class that brings a class back, or null. [MS-OXCMAIL] 2.1.3.2.1 */
export function contentClassOf(messageClass: string): string | null {
  const lower = messageClass.toLowerCase();
  for (const [word, name] of Object.entries(contentClasses)) {
    if (name.toLowerCase() === lower && name !== "IPM.Note") return word;
  }
  if (lower.startsWith("ipm.note.custom.")) return `${customPrefix}${messageClass.slice("ipm.note.custom.".length)}`;
  if (lower.startsWith("ipm.infopathform.")) return `InfoPathForm.${messageClass.slice("ipm.infopathform.".length)}`;
  return null;
}

/** RFC 5545 §3.7.2 */
export function methodOf(calendar: string): string | null {
  return /^METHOD[^:\r\n]{0,200}:[ \t]*([A-Za-z-]{1,40})/im.exec(calendar)?.[1] ?? null;
}

/** The method of a meeting message by its class. [MS-OXCICAL] 2.1.3.1.1.1 */
export function methodOfClass(messageClass: string): string {
  if (/\.Canceled$/i.test(messageClass)) return "CANCEL";
  if (/\.Refresh$/i.test(messageClass)) return "REFRESH";
  return /\.Resp\./i.test(messageClass) ? "REPLY" : "REQUEST";
}

const responses: Readonly<Record<string, string>> = {
  ACCEPTED: "IPM.Schedule.Meeting.Resp.Pos", DECLINED: "IPM.Schedule.Meeting.Resp.Neg",
  TENTATIVE: "IPM.Schedule.Meeting.Resp.Tent",
};

const calendarScanMax = 256 * 1024;

/**
 * The class a calendar makes of its message; null when it is a file like others. [MS-OXCICAL] 2.1.3.1.1.1,
 * [MS-OXCMAIL] 2.2.3.3.8
 */
export function classOfCalendar(part: MimePart, text: string): string | null {
  const head = text.slice(0, calendarScanMax);
  const method = methodOf(head) ?? paramValue(part.params, "method");
  switch (method?.toUpperCase()) {
    case "REQUEST": return "IPM.Schedule.Meeting.Request";
    case "CANCEL": return "IPM.Schedule.Meeting.Canceled";
    case "ADD": return "IPM.Schedule.Meeting.Request";
    case "COUNTER": return "IPM.Schedule.Meeting.Resp.Tent";
    case "REFRESH": return "IPM.Schedule.Meeting.Refresh";
    case "X-OUTPOST-FORWARD": return "IPM.Schedule.Meeting.Notification.Forward";
    case "REPLY": {
      const unfolded = head.replaceAll(/\r?\n[ \t]/g, "");
      const status = /[;:]PARTSTAT="?([A-Z-]{1,20})/i.exec(unfolded)?.[1]?.toUpperCase() ?? "";
      return Object.hasOwn(responses, status) ? responses[status] ?? null : "IPM.Schedule.Meeting.Resp.Pos";
    }
    default: return null;
  }
}
