/** The message that answers for a person who is away. RFC 3834 §3, RFC 5230 §5 */
import { Buffer } from "node:buffer";
import { limits } from "#base/limits.ts";
import { contentClassOf } from "#convert/mime/message-class.ts";
import type { DisplayAddress } from "#format/mime/addresses.ts";
import { buildMessage } from "#format/mime/build.ts";
import type { BuildPart } from "#format/mime/build.ts";
import { formatDate } from "#format/mime/date.ts";
import { addressField, idsField, rawField, textField } from "#format/mime/fields.ts";
import { htmlToText } from "#format/html/to-text.ts";
import { decodeWords } from "#format/mime/words.ts";
import { cutText } from "#format/mime/text.ts";
import type { RuleMessage } from "#rules/message.ts";
import type { ReplyText } from "#rules/own/settings.ts";

export interface ReplyRequest {
  readonly owner: DisplayAddress;
  /** Who is answered: the envelope sender. RFC 3834 §4 */
  readonly to: string;
  readonly body: ReplyText;
  /** null makes "Automatic reply: " and the subject of the message. */
  readonly subject: string | null;
  readonly nowMs: number;
  /** Unique to this answer, without angle brackets. */
  readonly messageId: string;
  /** The body is a whole MIME entity with its own fields. RFC 5230 §4.3 */
  readonly isMime?: boolean;
  /** PidTagMessageClass in a mailbox of this server; that of plain mail when left out. [MS-OXORULE] 3.2.5.1 */
  readonly messageClass?: ReplyClass;
}

/** Of what a rule's template answers, and of what is said for who is away. [MS-OXORULE] 3.2.5.1 */
export const replyClasses = {
  reply: "IPM.Note.rules.ReplyTemplate.Microsoft", oof: "IPM.Note.rules.OofTemplate.Microsoft",
} as const;
export type ReplyClass = (typeof replyClasses)[keyof typeof replyClasses];

const subjectMax = 500;
const referencesMax = 20;

/** Identifiers of a field, without angle brackets. RFC 5322 §3.6.4 */
export function idsOf(value: string | null): string[] {
  return [...(value ?? "").matchAll(/<([^<>\s]{1,900})>/g)].map((match) => match[1]!);
}

/** RFC 5322 §3.6.4: the thread the message belongs to, and the message last. */
function referencesOf(message: RuleMessage): string[] {
  const own = idsOf(message.first("message-id")).slice(0, 1);
  const references = idsOf(message.first("references"));
  const before = references.length > 0 ? references : idsOf(message.first("in-reply-to")).slice(0, 1);
  const all = [...new Set([...before, ...own])];
  return all.length <= referencesMax ? all : [all[0]!, ...all.slice(1 - referencesMax)];
}

function bodyOf({ text, isHtml }: ReplyText): BuildPart {
  const cut = cutText(text, limits.replyTextMaxCharacters);
  if (!isHtml) return { kind: "text", text: cut };
  return {
    kind: "multipart", subtype: "alternative",
    parts: [{ kind: "text", text: htmlToText(cut) }, { kind: "text", type: "text/html", text: cut }],
  };
}

/** The bytes of the answer. It goes out from the null sender. RFC 3834 §3.1, §3.3 */
export function buildReply(message: RuleMessage, request: ReplyRequest): Buffer {
  const about = cutText(decodeWords(message.first("subject") ?? "").replaceAll(/[\x00-\x1f\x7f]+/g, " "), subjectMax);
  const own = idsOf(message.first("message-id")).slice(0, 1);
  const references = referencesOf(message);
  const contentClass = contentClassOf(request.messageClass ?? "");
  const fields = [
    rawField("Date", formatDate(request.nowMs)),
    addressField("From", [request.owner]),
    addressField("To", [{ name: "", address: request.to }]),
    textField("Subject", request.subject ?? `Automatic reply: ${about}`),
    idsField("Message-ID", [request.messageId]),
    ...own.length === 0 ? [] : [idsField("In-Reply-To", own)],
    ...references.length === 0 ? [] : [idsField("References", references)],
    "Auto-Submitted: auto-replied",
    "X-Auto-Response-Suppress: All",
    ...contentClass === null ? [] : [rawField("Content-Class", contentClass)],
  ];
  if (request.isMime === true) {
    const entity = request.body.text.replaceAll(/\r?\n/g, "\r\n");
    return Buffer.from(`${[...fields, "MIME-Version: 1.0"].join("\r\n")}\r\n${mimeFields(entity)}`, "utf8");
  }
  return Buffer.concat(buildMessage({ fields, body: bodyOf(request.body), boundarySeed: request.messageId }));
}

/** Only content fields of the entity are taken: it must not write to others or claim to be from somebody else. */
function mimeFields(entity: string): string {
  const blank = entity.startsWith("\r\n") ? 0 : entity.indexOf("\r\n\r\n") + 2;
  if (blank === 1) return `\r\n${entity}`;
  const kept = entity.slice(0, blank).split(/\r\n(?![ \t])/).filter((field) => /^content-[a-z-]+[ \t]*:/i.test(field));
  return `${kept.map((field) => `${field}\r\n`).join("")}${entity.slice(blank)}`;
}
