/**
 * The question to the moderators of a group, with the message that waits: buttons for Outlook, words for every other
 * program. Its class is that of approval requests in Exchange, to which Outlook shows Approve and Reject.
 */
import { Buffer } from "node:buffer";
import { newItemObject } from "#convert/item.ts";
import { getProperty, setProperty } from "#convert/item.ts";
import type { ItemObject } from "#convert/item.ts";
import { setVotingOptions } from "#convert/voting.ts";
import { decodeVerbStream, encodeVerbStream } from "#format/mapi/verb-stream.ts";
import { buildMessage } from "#format/mime/build.ts";
import type { BuildPart } from "#format/mime/build.ts";
import { formatDate } from "#format/mime/date.ts";
import { addressField, rawField, textField } from "#format/mime/fields.ts";
import { cutText } from "#format/mime/text.ts";
import { decodeWords } from "#format/mime/words.ts";
import { properties } from "#props/registry.ts";
import type { RuleMessage } from "#rules/message.ts";

const p = properties;

export const approvalClasses = {
  request: "IPM.Note.Microsoft.Approval.Request",
  approve: "IPM.Note.Microsoft.Approval.Reply.Approve", reject: "IPM.Note.Microsoft.Approval.Reply.Reject",
} as const;

/** In this order on the buttons. */
export const approvalOptions = ["Approve", "Reject"] as const;

export interface ApprovalRequest {
  /** The group's address. */
  readonly group: string;
  readonly moderators: readonly string[];
  /** Takes the answers; nobody else is told of it. */
  readonly answersTo: string;
  /** Its start at least: header fields are read from it. */
  readonly message: RuleMessage;
  /** The whole message; null for one that is too large to be taken along. */
  readonly whole: readonly Uint8Array[] | null;
  readonly expiresMs: number;
  readonly nowMs: number;
  /** Without angle brackets. */
  readonly messageId: string;
}

const oneLine = (text: string, charactersMax: number): string =>
  cutText(decodeWords(text).replaceAll(/[\x00-\x1f\x7f]+/g, " "), charactersMax);

/** The bytes of the question. It goes out from the null sender. RFC 3834 §5 */
export function buildApprovalRequest(request: ApprovalRequest): Buffer {
  const { group, message, answersTo, moderators, nowMs, messageId, whole } = request;
  const attached: BuildPart = whole !== null
    ? { kind: "message", chunks: whole, fields: ["Content-Disposition: attachment"] }
    : { kind: "message", type: "text/rfc822-headers", chunks: [headerOf(message)] };
  return Buffer.concat(buildMessage({
    fields: [
      rawField("Date", formatDate(nowMs)),
      // The answer goes to who asks, whatever program answers.
      addressField("From", [{ name: `Moderation of ${group}`, address: answersTo }]),
      addressField("To", moderators.map((address) => ({ name: "", address }))),
      textField("Subject", `Moderation of ${group}: ${oneLine(message.first("subject") ?? "", 300)}`),
      rawField("Message-ID", `<${messageId}>`), "Auto-Submitted: auto-generated", "X-Auto-Response-Suppress: All",
    ],
    body: { kind: "multipart", subtype: "mixed", parts: [{ kind: "text", text: words(request) }, attached] },
    boundarySeed: messageId,
  }));
}

function headerOf(message: RuleMessage): Uint8Array {
  const bytes = Buffer.from(message.bytes.buffer, message.bytes.byteOffset, message.bytes.length);
  const end = bytes.indexOf("\r\n\r\n");
  return end < 0 ? bytes : bytes.subarray(0, end + 2);
}

function words({ group, message, expiresMs, whole }: ApprovalRequest): string {
  const author = message.people("from")[0];
  const from = author === undefined ? message.envelope.sender
    : author.name === "" ? author.address : `${author.name} <${author.address}>`;
  return [
    `A message to ${group} waits for you.`, "",
    `From: ${oneLine(from, 500)}`, `Sent by: ${oneLine(message.envelope.sender, 500)}`,
    `Subject: ${oneLine(message.first("subject") ?? "", 500)}`, "",
    whole === null ? "It is too large to be attached; its header is." : "It is attached.", "",
    "To let it pass, answer with the word Approve in the first line; to refuse it, with the word",
    "Reject. What stands below Reject is told to its sender. Outlook has buttons for both.", "",
    `Without an answer it goes back on ${formatDate(expiresMs)}.`, "",
  ].join("\r\n");
}

/** Makes the message in a moderator's mailbox a question with buttons in Outlook. [MS-OXOMSG] 2.2.1.74 */
export function approvalMarks(): ItemObject {
  const marks = newItemObject();
  setProperty(marks, p.PidTagMessageClass, approvalClasses.request);
  setVotingOptions(marks, approvalOptions);
  const stream = decodeVerbStream(getProperty(marks, p.PidLidVerbStream)!);
  const replyClasses = [approvalClasses.approve, approvalClasses.reject];
  const options = stream.options.map((option, index) =>
    ({ ...option, messageClass: Buffer.from(replyClasses[index] ?? "IPM.Note", "latin1") }));
  setProperty(marks, p.PidLidVerbStream, encodeVerbStream({ ...stream, options }));
  return marks;
}
