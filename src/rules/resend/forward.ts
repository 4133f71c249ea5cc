/** A message of the owner's own that brings another one along. [MS-OXORULE] 2.2.5.1.1 (forward flavors) */
import { Buffer } from "node:buffer";
import { htmlBodyOf, plainBodyOf } from "#convert/bodies.ts";
import { getProperty, setProperty } from "#convert/item.ts";
import type { ItemBag } from "#convert/item.ts";
import { nativeBodies, utf8CodePage } from "#convert/mime/bodies.ts";
import { setPerson } from "#convert/mime/people.ts";
import { toMime } from "#convert/mime/to-mime.ts";
import type { DisplayAddress } from "#format/mime/addresses.ts";
import { buildMessage } from "#format/mime/build.ts";
import { formatDate } from "#format/mime/date.ts";
import { addressField, idsField, rawField, textField } from "#format/mime/fields.ts";
import { cutText } from "#format/mime/text.ts";
import { decodeWords } from "#format/mime/words.ts";
import { propertySets } from "#props/property-sets.ts";
import { properties } from "#props/registry.ts";
import { addressTo } from "#rules/message.ts";
import type { RuleMessage } from "#rules/message.ts";
import { idsOf } from "#rules/replies/message.ts";

const p = properties;

export interface ForwardRequest {
  readonly owner: DisplayAddress;
  readonly to: readonly string[];
  readonly form: "inline" | "attachment";
  readonly nowMs: number;
  /** Without angle brackets. */
  readonly messageId: string;
}

/** Marks that keep it from going round and from being answered. RFC 9228, RFC 3834 §5 */
function marks({ owner }: ForwardRequest): string[] {
  return [
    `Delivered-To: ${owner.address.replaceAll(/[\x00-\x20\x7f]/g, "")}`, "Auto-Submitted: auto-generated",
    "Autoforwarded: TRUE",
  ];
}

/** The message that was sent on before must be known by the one that brings it: hops are counted there. */
function hopsOf(message: RuleMessage): string[] {
  return message.named("delivered-to").map((value) => rawField("Delivered-To", value));
}

/**
 * The bytes to send. `message` must hold the whole message. What cannot be taken apart without breaking it (signed,
 * sealed, reports, meetings) goes as an attachment whatever was asked for.
 */
export function buildForward(message: RuleMessage, request: ForwardRequest): Buffer {
  return request.form === "attachment" || isWhole(message) ? asAttachment(message, request) : inline(message, request);
}

function isWhole({ item }: RuleMessage): boolean {
  const messageClass = (getProperty(item, p.PidTagMessageClass) ?? "").toUpperCase();
  return messageClass !== "IPM.NOTE";
}

function subjectOf(message: RuleMessage): string {
  const subject = cutText(decodeWords(message.first("subject") ?? "").replaceAll(/[\x00-\x1f\x7f]+/g, " "), 500);
  return /^(?:fwd?|wg|tr)\s*:/i.test(subject) ? subject : `FW: ${subject}`;
}

function asAttachment(message: RuleMessage, request: ForwardRequest): Buffer {
  const own = idsOf(message.first("message-id")).slice(0, 1);
  return Buffer.concat(buildMessage({
    fields: [
      ...marks(request), ...hopsOf(message), rawField("Date", formatDate(request.nowMs)),
      addressField("From", [request.owner]), addressField("To", people(request)),
      textField("Subject", subjectOf(message)), idsField("Message-ID", [request.messageId]),
      ...own.length === 0 ? [] : [idsField("References", own)],
    ],
    body: {
      kind: "multipart", subtype: "mixed",
      parts: [{ kind: "text", text: "" }, {
        kind: "message", chunks: [message.bytes], fields: ["Content-Disposition: attachment"],
      }],
    },
    boundarySeed: request.messageId,
  }));
}

const people = ({ to }: ForwardRequest): DisplayAddress[] => to.map((address) => ({ name: "", address }));

/** What belongs to the message as it came, not to the one that brings it. */
const leftOut = [
  p.PidTagTransportMessageHeaders, p.PidTagReplyRecipientEntries, p.PidTagReplyRecipientNames,
  p.PidTagReadReceiptRequested, p.PidTagOriginatorDeliveryReportRequested, p.PidTagInternetReferences,
  p.PidTagInReplyToId, p.PidTagAutoForwarded, p.PidTagDisplayBcc, p.PidTagContentFilterSpamConfidenceLevel,
].map(({ tag }) => tag);

function inline(message: RuleMessage, request: ForwardRequest): Buffer {
  const item = message.newItem();
  const head = headLines(message);
  prependBodies(item, head);
  for (const tag of leftOut) item.bag.delete(tag);
  for (const key of item.named.keys()) {
    if (key.startsWith(propertySets.PS_INTERNET_HEADERS.guid)) item.named.delete(key);
  }
  const own = getProperty(item, p.PidTagInternetMessageId);
  setPerson(item, "sender", request.owner);
  setPerson(item, "representing", request.owner);
  addressTo(item, people(request));
  const subject = subjectOf(message);
  setProperty(item, p.PidTagSubject, subject);
  item.bag.delete(p.PidTagSubjectPrefix.tag);
  item.bag.delete(p.PidTagNormalizedSubject.tag);
  setProperty(item, p.PidTagInternetMessageId, `<${request.messageId}>`);
  setProperty(item, p.PidTagInternetReferences, own);
  setProperty(item, p.PidTagClientSubmitTime, BigInt(request.nowMs) * 10_000n + 116_444_736_000_000_000n);
  const front = Buffer.from(`${[...marks(request), ...hopsOf(message)].join("\r\n")}\r\n`, "latin1");
  return Buffer.concat([front, ...toMime(item, { plainFromHtml: true })]);
}

/** Who wrote what to whom and when, as mail programs put it above what they forward. */
function headLines(message: RuleMessage): [string, string][] {
  const line = (title: string, name: string): [string, string][] => {
    const shown = message.people(name).map((one) => (one.name === "" ? one.address : `${one.name} <${one.address}>`));
    return shown.length === 0 ? [] : [[title, cutText(shown.join("; "), 2000)]];
  };
  return [
    ...line("From", "from"), ["Date", message.first("date") ?? ""], ...line("To", "to"), ...line("Cc", "cc"),
    ["Subject", cutText(decodeWords(message.first("subject") ?? ""), 500)],
  ];
}

function escape(text: string): string {
  return text.replaceAll(/[&<>"]/g, (character) =>
    ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", "\"": "&quot;" })[character]!);
}

function prependBodies(item: ItemBag, head: readonly (readonly [string, string])[]): void {
  const clean = head.map(([title, text]) => [title, text.replaceAll(/[\x00-\x1f\x7f]+/g, " ")] as const);
  const lines = clean.map(([title, text]) => `${title}: ${text}\r\n`).join("");
  const plainHead = `-----Forwarded message-----\r\n${lines}\r\n`;
  const html = item.bag.has(p.PidTagHtml.tag) ? htmlBodyOf(item) : undefined;
  setProperty(item, p.PidTagBody, plainHead + (plainBodyOf(item) ?? ""));
  if (html === undefined) {
    setProperty(item, p.PidTagNativeBody, nativeBodies.plain);
    setProperty(item, p.PidTagInternetCodepage, utf8CodePage);
    return;
  }
  const htmlHead = `<div>${clean.map(([title, text]) => `<b>${title}:</b> ${escape(text)}<br>`).join("")}<hr></div>`;
  const body = /<body\b[^>]{0,2000}>/i.exec(html);
  const at = body === null ? 0 : body.index + body[0].length;
  // What the bytes said about their charset is no longer so; the part's own parameter comes first.
  const text = html.slice(0, at) + htmlHead + html.slice(at);
  setProperty(item, p.PidTagHtml, Buffer.from(text.toWellFormed(), "utf8"));
  setProperty(item, p.PidTagInternetCodepage, utf8CodePage);
}
