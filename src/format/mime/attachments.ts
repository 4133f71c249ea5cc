import { paramValue } from "#format/mime/parameters.ts";
import type { MimeDisposition, MimeParam, MimePart } from "#format/mime/types.ts";

interface Described {
  readonly type: string;
  readonly subtype: string;
  readonly params: readonly MimeParam[];
  readonly disposition?: MimeDisposition;
}

/** File name from Content-Disposition, else from Content-Type, or null. RFC 2183 §2.3 */
export function fileName(part: Described): string | null {
  const name = (part.disposition === undefined ? null : paramValue(part.disposition.params, "filename")) ??
    paramValue(part.params, "name") ?? paramValue(part.params, "filename");
  return name === null || name.trim() === "" ? null : name.trim();
}

/** Parts that carry a signature, a key exchange or a report: machinery, no attachments. RFC 1847, RFC 3462, RFC 5965 */
const machinery = new Set([
  "application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature",
  "application/pgp-encrypted",
  "message/delivery-status", "message/global-delivery-status", "message/disposition-notification",
  "message/global-disposition-notification", "message/feedback-report", "message/tracking-status",
  "text/rfc822-headers",
  "message/global-headers", "application/pkcs7-mime", "application/x-pkcs7-mime",
]);

/** A leaf a person would call an attachment when it stands by itself; see `hasAttachments` for where it stands. */
export function isAttachment(part: Described): boolean {
  if (part.type === "multipart" || machinery.has(`${part.type}/${part.subtype}`)) return false;
  if (part.disposition?.type === "attachment") return true;
  if (part.type !== "text") return true;
  if (fileName(part) === null) return false;
  return part.disposition !== undefined ? part.disposition.type !== "inline" : part.subtype !== "calendar";
}

/**
 * A part a person would call an attachment exists. Pictures that belong to the text (multipart/related with a
 * Content-ID), the readable text itself, signatures and the machine parts of reports do not count. RFC 2183 §2,
 * RFC 2387
 */
export function hasAttachments(root: MimePart): boolean {
  if (root.kind !== "multipart") return isAttachment(root);
  const seen = { body: false };
  return inMultipart(root.children, root.subtype, seen);
}

function inMultipart(children: readonly MimePart[], subtype: string, seen: { body: boolean }): boolean {
  for (const [index, child] of children.entries()) {
    if (child.kind === "multipart") {
      if (inMultipart(child.children, child.subtype, seen)) return true;
      continue;
    }
    const explicit = child.disposition?.type === "attachment";
    if (child.kind === "text" && !explicit && !seen.body && (child.subtype === "plain" || child.subtype === "html")) {
      // The first readable text is the message, even when a sender names it.
      seen.body = true;
      continue;
    }
    if (subtype === "related" && index > 0 && !explicit && (child.contentId ?? child.location) !== undefined) continue;
    if (subtype === "alternative" && !explicit) continue;
    if (subtype === "report" && index > 0 && (child.kind === "message" || !explicit)) continue;
    if (subtype === "encrypted") continue;
    if (isAttachment(child)) return true;
  }
  return false;
}

const namesMax = 1000;

/** Decoded file names of all parts that have one, those of enclosed messages too, in order. RFC 2183 §2.3 */
export function attachmentNames(root: MimePart): string[] {
  const names: string[] = [];
  const pending: MimePart[] = [root];
  for (let part = pending.pop(); part !== undefined && names.length < namesMax; part = pending.pop()) {
    const name = fileName(part);
    if (name !== null) names.push(name.slice(0, 1024).toWellFormed());
    if (part.kind === "multipart") pending.push(...part.children.toReversed());
    else if (part.kind === "message") pending.push(part.body);
  }
  return names;
}
